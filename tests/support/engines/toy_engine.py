"""An engine of atoms that do not interact: energies, moments and oxidation states are known by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from catholyte.analysis.former_labels import former_role
from catholyte.configs.models import Spec
from catholyte.structures.crystals.redox import ionic_moment, is_redox_active
from catholyte.workflows.documents import CalculationDocument, Convergence, Provenance, Signature
from catholyte.workflows.engines.backend import EngineBackend
from catholyte.workflows.engines.registry import ENGINES
from catholyte.workflows.engines.tasks import Relax, Task

__all__ = ["SITE_ENERGIES", "ToyBackend", "computed_documents", "recorded_documents", "toy_document", "use_toy_engine"]

#: eV per atom, of every other element :data:`OTHER_ENERGY`
SITE_ENERGIES = {"Li": -3.0, "Co": -8.0, "Ni": -7.0, "Mn": -9.0, "W": -12.0, "O": -5.0}
OTHER_ENERGY = -6.0
#: share of the spin-only moment that the engine shows
SHOWN = 0.95


class ToySettings(Spec):
    """It has none."""


class ToyBackend(EngineBackend):
    """Energies are sums over atoms, less a little that tells arrangements apart where `rugged`; cells swell by 1 %
    where they may."""

    name: ClassVar = "toy"
    tier: ClassVar = "chgnet"
    kinds: ClassVar = ("relax", "static")
    needs_method: ClassVar[bool] = False
    rugged: ClassVar[bool] = False

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = ToySettings(**settings)

    def version(self) -> str:
        return "1"

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        return 1e-3

    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        swells = isinstance(task, Relax) and task.relax_cell is True
        final = structure.copy().scale_lattice(structure.volume * 1.01) if swells else structure
        return toy_document(label, final, start=structure, rugged=self.rugged, kind=task.kind)


class RuggedBackend(ToyBackend):
    """The same, with energies that depend on where the metals are."""

    name: ClassVar = "rugged"
    rugged: ClassVar[bool] = True


def toy_document(
    label: str, structure: Structure, start: Structure | None = None, rugged: bool = False, **changes: Any
) -> CalculationDocument:
    """The document of atoms that do not interact; moments are those of the ions that the cell is labelled with."""
    energy = sum(SITE_ENERGIES.get(site.specie.symbol, OTHER_ENERGY) for site in structure)
    if rugged:
        metals = [i for i, site in enumerate(structure) if site.specie.symbol in ("Li", "Ni")]
        energy += float(np.sin(9 * structure.frac_coords[metals] @ [1, 2, 3]).sum())
    moments = [
        SHOWN * ionic_moment(Species.from_str(str(site.specie))) if is_redox_active(site.specie) else 0.0
        for site in structure
    ]
    given: dict[str, Any] = {
        "label": label,
        "role": former_role(label),
        "kind": "relax",
        "tier": "chgnet",
        "formula": structure.composition.remove_charges().formula.replace(" ", ""),
        "n_sites": len(structure),
        "initial_structure": start or structure,
        "structure": structure,
        "energy": energy,
        "forces": np.zeros((len(structure), 3)).tolist(),
        "magmoms": moments,
        "moments_signed": False,
        "convergence": Convergence(electronic=True, max_force=0.0),
        "signature": Signature(
            engine="chgnet",
            version="0.4.2",
            functional="CHGNet PBE/PBE+U, MP2020-corrected",
            hubbard_u={},
            potentials="weights 0.3.0",
        ),
        "provenance": Provenance(host="here", started="now", finished="now", wall_seconds=0.0, versions={}),
    }
    return CalculationDocument(**{**given, **changes})


def use_toy_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter the engines ``toy`` and ``rugged`` into the registry."""
    monkeypatch.setitem(ENGINES, "toy", ("catholyte.tests.support.engines.toy_engine", "ToyBackend"))
    monkeypatch.setitem(ENGINES, "rugged", ("catholyte.tests.support.engines.toy_engine", "RuggedBackend"))


def computed_documents(flow: Flow) -> dict[str, CalculationDocument]:
    """Run a flow in this process; documents by label, jobs that were added while it ran included."""
    return {document.label: document for document in recorded_documents(flow)}


def recorded_documents(flow: Flow) -> list[CalculationDocument]:
    """The same as a list, where several calculations share a label."""
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(flow, store=store, log=False, ensure_success=True)
    outputs = [record["output"] for record in store.query({}, ["output"], load=True) if record["output"] is not None]
    return [
        CalculationDocument.model_validate({k: v for k, v in output.items() if not re.match("@", k)})
        for output in outputs
    ]
