"""Documents and campaigns made by hand, without an engine and without a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.analysis.campaigns import Entry
from catholyte.analysis.former_labels import former_role
from catholyte.analysis.records import Records
from catholyte.configs.errors import CalculationError
from catholyte.configs.load import material
from catholyte.configs.recipe import Recipe
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.documents import (
    BandEdges,
    CalculationDocument,
    Convergence,
    ProjectedDos,
    Provenance,
    Signature,
)

__all__ = ["MadeRecords", "cell_of", "edges", "made_document", "oxygen_dos", "planned", "strained"]

GRID = np.arange(-24.0, 6.0, 0.05)


@cache
def cell_of(name: str) -> Structure:
    """The calculation cell of a library material; not to be changed in place."""
    return calculation_cell(material(name))


def strained(structure: Structure, deformation: np.ndarray) -> Structure:
    """The cell with its lattice vectors (rows) multiplied by a (3, 3) deformation from the right."""
    lattice = Lattice(structure.lattice.matrix @ deformation)
    return Structure(lattice, structure.species, structure.frac_coords, site_properties=structure.site_properties)


def oxygen_dos(structure: Structure, center: float) -> ProjectedDos:
    """Two equal spin channels: O 2p around `center` eV, O 2s at -18 eV, and nothing else."""

    def peak(position: float, states: float) -> np.ndarray:
        return states * np.exp(-((GRID - position) ** 2) / (2 * 0.3**2)) / (0.3 * np.sqrt(2 * np.pi))

    nothing = np.zeros_like(GRID)
    sites = [
        [peak(-18, 1), peak(center, 3), nothing] if site.specie.symbol == "O" else [nothing] * 3 for site in structure
    ]
    channel = np.array(sites)
    total = channel.sum(axis=(0, 1))
    return ProjectedDos(
        energies=GRID.tolist(),
        densities=[channel.tolist()] * 2,
        total=[total.tolist()] * 2,
        orbitals=["s", "p", "d"],
        broadening=0.0,
        n_bands=20,
    )


def edges(structure: Structure, gap: float) -> BandEdges:
    """A valence-band maximum at 0 eV, or a metal with E_F at 0 eV where `gap` is 0."""
    known = {"average_potential": -4.0, "core_potentials": [-150.0] * len(structure)}
    return BandEdges(efermi=gap / 2, vbm=0.0 if gap else None, cbm=gap or None, gap=gap, **known)


def made_document(
    name: str, structure: Structure | None = None, initial: Structure | None = None, **changes: Any
) -> CalculationDocument:
    """A document of a library material: relaxed by chgnet where no density of states is given, else by gpaw."""
    start = initial or cell_of(name)
    cell = structure or start
    tier = "gpaw" if "dos" in changes else "chgnet"
    signature = {
        "engine": tier,
        "version": "1.0",
        "functional": "PBE",
        "hubbard_u": {"Co": 3.9},
        "potentials": "made up",
    }
    given: dict[str, Any] = {
        "label": name,
        "role": former_role(changes.get("label", name)),
        "kind": "dos" if "dos" in changes else "relax",
        "tier": tier,
        "formula": cell.composition.remove_charges().formula.replace(" ", ""),
        "n_sites": len(cell),
        "initial_structure": start,
        "structure": cell,
        "energy": -5.0 * len(cell),
        "forces": np.zeros((len(cell), 3)).tolist(),
        "convergence": Convergence(electronic=True, max_force=0.001),
        "signature": Signature(**signature),
        "settings": {"method": {"cutoff": 600.0}, "device": "cpu"},
        "provenance": Provenance(
            host="node",
            started="2026-01-01T00:00:00",
            finished="2026-01-01T00:01:00",
            wall_seconds=60,
            versions={tier: "1.0"},
        ),
    }
    return CalculationDocument(**{**given, **changes})


def planned(key: str, step: str, name: str, state: str = "done", *, variant: str = "main", **record: Any) -> Entry:
    """A job of a campaign."""
    tier = "chgnet" if step == "bulk" else "gpaw"
    plan = {
        "key": key,
        "uuid": key,
        "name": f"{name} {step} {variant}",
        "step": step,
        "material": name,
        "variant": variant,
        "engine": tier,
        "tier": tier,
    }
    return Entry(
        {**plan, "kind": "relax", "n_atoms": 4, "depends_on": record.pop("depends_on", [])},
        state,
        {"host": "node", **record},
    )


class MadeRecords(Records):
    """Records of one campaign that stands in memory."""

    def __init__(self, recipe: Recipe, jobs: list[tuple[Entry, CalculationDocument | None]]) -> None:
        self._recipe, self._jobs = recipe, jobs

    def campaign_names(self) -> list[str]:
        return [self._recipe.name]

    def campaign(self, name: str | None = None) -> dict[str, Any]:
        return {
            "name": self._recipe.name,
            "recipe": self._recipe.model_dump(mode="json"),
            "updated": "2026-01-01T00:00:00+00:00",
            "skipped": [],
        }

    def entries(self, name: str | None = None) -> list[Entry]:
        return [entry for entry, _ in self._jobs]

    def stored(self, uuids: Sequence[str], arrays: bool = False) -> Iterator[tuple[str, dict[str, Any] | None]]:
        return ((uuid, None) for uuid in uuids)

    def read(self, uuid: str, stored: dict[str, Any] | None, arrays: bool = False) -> CalculationDocument:
        found = next(document for entry, document in self._jobs if entry.plan["uuid"] == uuid)
        if found is None:
            raise CalculationError(f"job {uuid} has no result in the store")
        return found if arrays else found.model_copy(update={"dos": None, "trajectory": None})
