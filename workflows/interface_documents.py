"""What the jobs of an interface answer with that are no calculation: the cells that were built, and the one that was
chosen.

Lengths are Å, areas Å², energies eV or eV/Å².
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core.structure import Structure

from ..configs.models import Tier

__all__ = ["BuiltInterfaces", "Candidate", "CandidateEnergy", "ChosenInterface", "References"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Candidate(_Document):
    """One cell with the upper slab at one lateral position."""

    structure: Structure
    cell: int = Field(description="number of its references")
    record: dict[str, Any] = Field(
        default_factory=dict,
        description="facets, terminations, strains, gaps, registry: what `catholyte interfaces` tells of it",
    )


class References(_Document):
    """Each side of a stack alone, on the stack's in-plane cell; keys ``a``, ``layer``, ``b``."""

    bulks: dict[str, Structure] = Field(default_factory=dict, description="crystals strained as in the stack")
    slabs: dict[str, Structure] = Field(default_factory=dict, description="slabs with vacuum")


class BuiltInterfaces(_Document):
    """Answer of a building job."""

    kind: Literal["build"] = "build"
    label: str
    candidates: list[Candidate] = Field(min_length=1)
    references: list[References]
    materials: dict[str, str] = Field(default_factory=dict, description="key of a part to its material")
    seed: int = Field(0, description="of the orderings of disordered materials")


class CandidateEnergy(_Document):
    """What the choice rests on."""

    cell: int
    n_atoms: int
    energy: float = Field(description="eV, relaxed")
    area: float
    excess: float | None = Field(description="eV/Å², above the strained crystals; None for a ready cell")
    strain: float | None = None
    interface: float | None = Field(
        None, description="eV/Å², without the outer faces; of stacks with vacuum that differ in their cells"
    )


class ChosenInterface(_Document):
    """Answer of a choosing job: the candidate of least excess energy, or of least interface energy where outer faces
    differ."""

    kind: Literal["choice"] = "choice"
    label: str
    tier: Tier
    chosen: int = Field(description="number of the candidate, counted from 0")
    candidates: list[CandidateEnergy]
    structure: Structure = Field(description="relaxed")
    energy: float = Field(description="eV, of `structure`")
    built: Candidate
    bulks: dict[str, Structure] = Field(default_factory=dict, description="relaxed, in-plane cell kept")
    slabs: dict[str, Structure] = Field(default_factory=dict, description="as built")
    materials: dict[str, str] = Field(default_factory=dict)
    seed: int = 0
