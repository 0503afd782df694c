"""Energies by VASP at the level of theory of a phase set: corrected by hand, and what they move by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catholyte.analysis.phase_sets.own_entries import entries_from_documents, with_dft
from catholyte.analysis.report.case import read_case
from catholyte.analysis.report.chapters.reactions import REACTIONS
from catholyte.analysis.thermodynamics.phase_set import PhaseSet, content_hash, load_phase_set
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.configs.load import material
from catholyte.hpc.run.campaign import read_plan, save_campaign
from catholyte.hpc.run.imports import import_runs
from catholyte.hpc.store.campaign_store import open_store
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support import phase_sets
from catholyte.tests.support.vasp.finished import answers, written_to
from catholyte.workflows.documents import CalculationDocument, Signature
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.phases.scale import SETTINGS, scale_differences, scale_method

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SCALE = "MP2020-corrected PBE/PBE+U total energy, eV/atom"
#: eV per formula unit: CoO + Li2O → Li2CoO2 releases 0.5 eV, 0.1 eV/atom, with the learned energy of CoO
ENERGIES = {"Li": -1.9, "Co": -7.0, "O2": -10.0, "Li2O": -14.0, "Li2CoO2": -26.9}
LEARNED = -12.4
#: eV/atom: oxide −0.687 eV an oxygen, cobalt −1.638 eV
CORRECTION = (-0.687 - 1.638) / 2
AT_SCALE = Signature(
    engine="vasp", version="6.4.3", functional="PBE", hubbard_u={"Co": 3.32}, potentials="PBE_54", cutoff=520.0,
    precision="Accurate",
)  # fmt: skip
RECIPE = """\
name: scale
title: CoO at the scale of the phase sets
source: a test
hubbard_u: {Co: 3.9 eV}
vasp: {relax: [CoO], cutoff: 500 eV, mesh: [2, 2, 2], settings: {version: "6.4"}}
reactions: {phase_set: SET, pairs: [[CoO, Li2O]]}
deciding_phases: {materials: [CoO]}
"""


def _set() -> PhaseSet:
    scaled = [phase_sets.entry(formula, energy, scale=SCALE) for formula, energy in ENERGIES.items()]
    learned = {"chgnet": LEARNED / 2, "sevennet": LEARNED / 2 + 0.01}
    scaled.append(phase_sets.entry("CoO", LEARNED, scale=SCALE, tier="chgnet", potentials=learned, material="CoO"))
    changes = {"scale": SCALE, "entries": tuple(scaled), "elements": ("Co", "Li", "O")}
    return phase_sets.phase_set(phase_sets.BY_HAND).changed(**changes)


def _document(energy: float, signature: Signature = AT_SCALE, **changes: Any) -> CalculationDocument:
    """CoO by VASP; eV/atom."""
    cell = calculation_cell(material("CoO"))
    given = {
        "label": "CoO", "kind": "relax", "tier": "vasp", "formula": "Co2O2", "n_sites": len(cell),
        "initial_structure": cell, "structure": cell, "energy": energy * len(cell),
        "forces": [[0.0, 0.0, 0.0]] * len(cell), "signature": signature,
        "convergence": {"electronic": True, "ionic": True, "max_force": 0.01, "n_steps": 3},
        "provenance": {"host": "node", "started": "", "finished": "", "wall_seconds": 1, "versions": {}},
        **changes,
    }  # fmt: skip
    return CalculationDocument.model_validate(given)


def test_an_energy_at_the_scale_joins_with_the_correction_of_the_scheme() -> None:
    (entry,) = entries_from_documents([_document(-5.01)], _set())
    assert entry.energy_per_atom == pytest.approx(-5.01 + CORRECTION, abs=1e-3)
    assert entry.error >= 0.024
    assert "MP2020 -1162." in entry.note


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hubbard_u": {"Co": 3.9}}, r"U\(Co\): 3.9 eV against 3.32 eV"),
        ({"cutoff": 500.0}, "cutoff: 500.0 against 520.0"),
        ({"functional": "R2SCAN"}, "functional: R2SCAN against PBE"),
        ({"dispersion": "D3(BJ)"}, r"dispersion: D3\(BJ\) against None"),
        ({"engine": "gpaw"}, "engine: gpaw against vasp"),
        ({"charge": 1.0}, "charge: 1 e against 0 e"),
        ({"altered": {"ENCUT": "520 → 400"}}, "ENCUT, changed by the error handler"),
        ({"precision": "Normal"}, "precision: Normal against Accurate"),
    ],
)
def test_an_energy_off_the_scale_is_refused_with_what_differs(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SignatureMismatchError, match=told):
        entries_from_documents([_document(-5.0, AT_SCALE.model_copy(update=changes))], _set())


def test_a_handed_energy_moves_the_reaction_as_by_hand() -> None:
    before = react("CoO", "Li2O", _set())
    assert before.mutual.energy == pytest.approx((-26.9 + 14.0 + 12.4) / 5)
    for energy in (-5.01, -5.06):
        phases, (told,) = with_dft(_set(), [_document(energy)])
        result = react("CoO", "Li2O", phases)
        assert result.mutual.energy == pytest.approx(before.mutual.energy)  # what the set pinned stays
        assert result.by_potential is not None
        by_hand = (-26.9 + 14.0 - 2 * (energy + CORRECTION)) / 5
        assert result.by_potential.values["vasp"] == pytest.approx(by_hand, abs=1e-3)
        assert result.by_potential.values["chgnet"] == pytest.approx(before.mutual.energy)
        assert f"{energy + CORRECTION:.4f}" in told


def test_a_material_that_the_set_lacks_joins_and_a_public_energy_stays() -> None:
    whole = _set()
    lacking = whole.changed(entries=tuple(entry for entry in whole.entries if entry.formula != "CoO"))
    phases, _ = with_dft(lacking, [_document(-5.01)])
    assert react("CoO", "Li2O", phases).mutual.energy == pytest.approx(
        (-26.9 + 14.0 - 2 * (-5.01 + CORRECTION)) / 5, abs=1e-3
    )
    public = whole.changed(
        entries=tuple(
            entry.model_copy(update={"tier": "vasp", "potentials": {}}) if entry.formula == "CoO" else entry
            for entry in whole.entries
        )
    )
    kept, (told,) = with_dft(public, [_document(-5.01)])
    assert kept == public
    assert "-6.2000 in the set (toy-CoO, tier vasp)" in told


@pytest.mark.slow
def test_what_the_production_path_computes_is_at_the_scale_and_a_rehearsal_of_it_joins_nothing(tmp_path: Path) -> None:
    cell = calculation_cell(material("CoO"))
    backend = RehearsalBackend({**SETTINGS, "polling_time": 0.05, "moment_scales": [1.0]})
    task = Relax(max_force=0.5, method=scale_method(cell))
    found = backend.calculate(cell, task, "CoO", tmp_path)
    assert scale_differences(found.signature, found.structure) == []
    with pytest.raises(InputError, match="is a rehearsal"):
        entries_from_documents([found], _set())


def test_imported_runs_reach_the_report(tmp_path: Path) -> None:
    """A relaxation by somebody else and its static run at 520 eV, −5.01 eV/atom."""
    document = _set().document()
    (tmp_path / "set.json").write_text(json.dumps({**document, "sha256": content_hash(document)}))
    (tmp_path / "scale.yaml").write_text(RECIPE.replace("SET", str(tmp_path / "set.json")))
    plan = read_plan(str(tmp_path / "scale.yaml"), "vasp", "deciding_phases")
    for name, one in answers(plan).items():
        written_to(one, tmp_path / "runs" / name.replace(" ", "-"))
    store = open_store(str(tmp_path / "store"))
    taken = import_runs(store, [tmp_path / "runs"], plan, None, lambda text: None)
    assert [row["job"] for row in taken["imported"]] == ["CoO vasp relax (scale of the phase sets)"]
    save_campaign(store, plan, [])
    case = read_case(store.records())
    found = REACTIONS.results(case)
    assert found is not None
    assert found.closed["CoO", "Li2O"].by_potential.values["vasp"] == pytest.approx(
        (-26.9 + 14.0 - 2 * (-5.01 + CORRECTION)) / 5, abs=1e-3
    )
    (table,) = [block for block in REACTIONS.section(case).tables if block.name == "reactions_by_energy"]
    assert [column.title for column in table.columns[2:]] == [
        "CHGNet (eV/atom)",
        "SevenNet (eV/atom)",
        "VASP (eV/atom)",
    ]
    assert load_phase_set(str(tmp_path / "set.json")).entry_for("CoO") is not None
