"""What the job that strains a crystal answers with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pymatgen.core.structure import Structure

__all__ = ["StrainedCells"]


class StrainedCells(BaseModel):
    """Strained cells of one relaxed crystal.

    deformations : (n, 3, 3) gradients; cells : their cells; stress : (3, 3) eV/Å³, of the crystal.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["strains"] = "strains"
    label: str
    crystal: Structure
    stress: list[list[float]]
    deformations: list[list[list[float]]]
    cells: list[Structure]
