"""What both potentials say of crystals and public geometries: ``configs/phases/sources/relaxed.json``.

A crystal is relaxed by CHGNet 0.3.0, whose energies are on the corrected scale, and from there by SevenNet-0, whose
energies get the corrections of :mod:`.corrections`; a public crystal is computed by both on its own geometry. The file
pins energies, volumes, symmetry and the last cell, with the hash of the start, so that a set is built without running
anything and a start that has changed is seen. ``python -m catholyte.workflows.phases.relax`` writes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.load import CONFIGS, parse_shipped
from ...configs.models import Spec
from ..documents import Signature

__all__ = [
    "POTENTIALS",
    "RELAXED",
    "CrystalCell",
    "PotentialEnergy",
    "PublicGeometry",
    "RelaxedCrystal",
    "RelaxedCrystals",
    "start_key",
]

#: the file that ships
RELAXED = CONFIGS / "phases" / "sources" / "relaxed.json"


class Potential(Spec):
    """One of the potentials that relax crystals."""

    label: str = Field(description="as a volume's source names it")
    settings: dict[str, str | int] = Field(description="of its engine")


class Potentials(Spec):
    """Content of ``configs/phases/sources/potentials.yaml``."""

    potentials: dict[str, Potential] = Field(min_length=2)


#: by engine, in the order in which they relax: each goes on from the cell of the one before
POTENTIALS = parse_shipped(CONFIGS / "phases" / "sources" / "potentials.yaml", Potentials).potentials


class PotentialEnergy(Spec):
    """What one potential says of a crystal after its relaxation."""

    energy: float = Field(description="eV/atom on the scale of the sets")
    correction: float = Field(0.0, description="eV/atom, what of it the corrections of the scheme are; 0 for none")
    volume: float | None = Field(None, gt=0, description="Å³/atom; None where it is not kept")
    space_group: str | None = Field(None, description="of the relaxed cell, at 0.1 Å")
    operations: int | None = Field(None, ge=1, description="symmetry operations of the relaxed primitive cell")
    steps: int | None = Field(None, ge=0)


class CrystalCell(Spec):
    """A relaxed cell: lattice vectors (Å), ions, fractional coordinates."""

    lattice: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
    species: tuple[str, ...]
    coords: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(cls, structure: Structure) -> CrystalCell:
        """Keep 1e-5 Å and 1e-5 of the axes."""
        return cls(
            lattice=tuple(tuple(row) for row in np.round(structure.lattice.matrix, 5).tolist()),
            species=tuple(str(site.specie) for site in structure),
            coords=tuple(tuple(row) for row in (np.round(structure.frac_coords, 5) + 0.0).tolist()),
        )

    def structure(self) -> Structure:
        """Return the cell."""
        return Structure(Lattice(self.lattice), self.species, self.coords)


class RelaxedCrystal(Spec):
    """One crystal of the library or of the prototypes, relaxed by the potentials."""

    formula: str = Field(description="formula unit of whole atoms")
    atoms: int = Field(ge=1, description="of the cell")
    start: str | None = Field(None, description="hash of the cell that the relaxation started from")
    space_group: str | None = Field(None, description="of the start, at 0.1 Å")
    operations: int | None = Field(None, ge=1, description="symmetry operations of the primitive start")
    energies: dict[str, PotentialEnergy] = Field(description="by potential")
    tier: str | None = Field(None, description="potential whose energy counts; that of the class where left out")
    cell: CrystalCell | None = Field(None, description="at the end of the last potential")


class PublicGeometry(Spec):
    """One public crystal at its published geometry, eV/atom on the scale of the sets."""

    formula: str
    public: float = Field(description="the public energy")
    energies: dict[str, float] = Field(description="by potential")


class RelaxedCrystals(Spec):
    """Content of the file."""

    signatures: dict[str, Signature] = Field(description="of the potentials' energies")
    crystals: dict[str, RelaxedCrystal] = Field({}, description="by name")
    public: dict[str, PublicGeometry] = Field({}, description="by id of the public entry")

    @classmethod
    def read(cls, path: Path = RELAXED) -> RelaxedCrystals:
        """Return the content of a file.

        Raises
        ------
        InputError
            If it is not readable or breaks the schema.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: not a readable file of relaxed crystals: {error}") from None

    def write(self, path: Path = RELAXED) -> None:
        """Write the content, one crystal a line, so that a change is seen."""
        document = self.model_dump(mode="json", exclude_none=True)
        parts = [f'"signatures": {json.dumps(document["signatures"], ensure_ascii=False)}']
        parts += [f'"{key}": {{\n{_lines(document[key])}\n}}' for key in ("crystals", "public")]
        text = "{\n" + ",\n".join(parts) + "\n}\n"
        partial = path.with_suffix(".part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)


def _lines(table: Mapping[str, Any]) -> str:
    def rows() -> Iterator[str]:
        for key in sorted(table):
            content = json.dumps(table[key], separators=(",", ":"), ensure_ascii=False)
            yield f"{json.dumps(key, ensure_ascii=False)}: {content}"

    return ",\n".join(rows())


def start_key(structure: Structure) -> str:
    """Return the hash of a cell: lattice to 1e-4 Å, ions and positions to 1e-4."""
    content = [
        np.round(structure.lattice.matrix, 4).tolist(),
        [str(site.specie) for site in structure],
        (np.round(structure.frac_coords, 4) % 1 + 0.0).tolist(),
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()[:16]
