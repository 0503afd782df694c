"""Own relaxations of a store join the phase set by the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monty.json import MontyEncoder

from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
from catholyte.configs.load import load_recipe
from catholyte.hpc.commands.thermodynamics import conditions
from catholyte.hpc.store.campaign_store import open_records, open_store
from catholyte.tests.support.campaigns.campaign_documents import made_document, planned
from catholyte.tests.support.campaigns.stored_campaigns import stored_campaign
from catholyte.tests.support.command_line import Run, answer


def _store_with(folder: Path, energy_per_atom: float) -> Path:
    """A store with one relaxation of LPSCl under the label of the user's own material."""
    signature = load_phase_set(DEFAULT_PHASE_SET).signatures["chgnet"]
    document = made_document("LPSCl", label="mine", energy=13 * energy_per_atom, signature=signature)
    entry, store = planned("own-1", "bulk", "mine"), open_store(folder)
    outputs: Any = store.outputs
    outputs.update(
        [{"uuid": "own-1", "index": 1, "output": json.loads(json.dumps(document, cls=MontyEncoder))}],
        key=["uuid", "index"],
    )
    store.states.insert_one({**entry.plan, "state": "done"})
    recipe, _ = load_recipe("gsirr")
    record = {
        "name": "gsirr",
        "recipe": recipe.model_dump(mode="json"),
        "jobs": [entry.plan],
        "reused": [],
        "updated": "2026",
        "skipped": [],
    }
    store.campaigns.insert_one(record)
    store.close()
    return folder


def test_a_label_of_the_store_is_a_material_of_the_set(catholyte: Run, tmp_path: Path) -> None:
    known = load_phase_set(DEFAULT_PHASE_SET).resolve("LPSCl").entry
    assert known is not None
    same = answer(
        catholyte("reactions", "LCO", "mine", "--own", _store_with(tmp_path / "same", known.energy_per_atom), "--json")
    )
    library = answer(catholyte("reactions", "LCO", "LPSCl", "--json"))
    assert abs(same["total"]["energy"] - library["total"]["energy"]) < 1e-5
    higher = answer(
        catholyte(
            "reactions", "LCO", "mine", "--own", _store_with(tmp_path / "higher", known.energy_per_atom + 0.1), "--json"
        )
    )
    assert abs(higher["self"]["b"] - library["self"]["b"] + 0.1) < 1e-5  # a metastable phase falls further
    assert higher["phase_set"]["sha256"] != library["phase_set"]["sha256"]
    assert answer(catholyte("window", "mine", "--own", tmp_path / "higher", "--json"))["energy_above_hull"] > 0.1


def test_what_cannot_join_is_named(catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_campaign(tmp_path / "other")
    status, out, err = catholyte("reactions", "LCO", "LPSCl", "--own", tmp_path / "other")
    assert (status, out) == (2, "")
    assert "LCO stays out" in err
    assert "potentials: made up" in err
    monkeypatch.setattr(conditions, "open_records", lambda place: open_records(str(tmp_path / "other")))
    status, _, err = catholyte("window", "LPSCl", "--own", "mongodb://me:secret@host/catholyte")
    assert (status, "mongodb://me:…@host/catholyte: nothing can join" in err, "secret" in err) == (2, True, False)
    monkeypatch.undo()
    status, _, err = catholyte("window", "LPSCl", "--own", tmp_path / "nowhere")
    assert (status, "there is no store here" in err) == (2, True)
