"""What a comparison of two engines answers with: their forces on the same frames."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core.structure import Structure

from ..configs.models import Tier

__all__ = ["ForceComparison"]


class ForceComparison(BaseModel):
    """Forces of two engines on frames of one chunk of a trajectory.

    times : (n_frames,) fs; positions : (n_frames, n_sites, 3) Å, unwrapped; differences, magnitudes :
    (n_frames, n_sites) eV/Å, of the difference of both forces, and of the first engine's force.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["forces"] = "forces"
    label: str
    first: Tier = Field(description="that made the trajectory")
    second: Tier
    replica: int = 1
    chunk: int = 1
    control: bool = Field(False, description="whether the bulk of a phase moves")
    structure: Structure = Field(description="of the chunk's beginning, with the tags of its layers")
    times: list[float]
    positions: list[list[list[float]]]
    differences: list[list[float]]
    magnitudes: list[list[float]]
