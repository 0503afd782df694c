"""`bands` by depth: of itself for slabs and tagged interfaces, on request elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from monty.json import MontyEncoder

from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.referees.joint_cells import bulk, joint, slab
from catholyte.workflows.documents import CalculationDocument, PlanarPotential


def _file(folder: Path, document: CalculationDocument) -> str:
    path = folder / "document.json"
    path.write_text(json.dumps(document, cls=MontyEncoder))
    return str(path)


def test_an_interface_is_resolved_by_itself(catholyte: Run, tmp_path: Path) -> None:
    told = answer(catholyte("bands", _file(tmp_path, joint((4, 4), (0.2, 0.9))), "--json"))
    kinds = {row["kind"] for row in told["depth"]}
    assert kinds == {"plane", "layer", "interior", "environment"}
    centers = {row["label"]: row["centers"]["vbm"] for row in told["depth"] if row["kind"] == "interior"}
    assert centers == pytest.approx({"LCO": -1.3, "CoO": -1.6}, abs=1e-6)
    assert [layer["layer"] for layer in told["layers"]] == ["LCO", "CoO"]
    assert told["layers"][1]["potential"]["energy"] - told["layers"][0]["potential"]["energy"] == pytest.approx(
        -0.8, abs=1e-3
    )
    assert told["vacuum"] is None


def test_a_slab_has_the_vacuum_as_reference(catholyte: Run, tmp_path: Path) -> None:
    told = answer(catholyte("bands", _file(tmp_path, slab("CoO", 5, 0.4)), "--reference", "vacuum", "--json"))
    assert told["vacuum"]["energy"] == pytest.approx(0.0, abs=1e-9)
    layer = next(row for row in told["depth"] if row["kind"] == "layer")
    assert layer["centers"]["vacuum"] == pytest.approx(-3.1, abs=1e-6)
    assert {row["reference"] for row in told["centers"]} >= {"vbm", "vacuum", "o1s"}


def test_a_field_in_the_vacuum_is_said(catholyte: Run, tmp_path: Path) -> None:
    made = slab("CoO", 5, 0.4)
    assert made.potential is not None
    tilted = [v + 0.002 * k for k, v in enumerate(made.potential.values)]
    told = answer(
        catholyte(
            "bands",
            _file(tmp_path, made.model_copy(update={"potential": PlanarPotential(values=tilted, kind="tilted")})),
            "--json",
        )
    )
    assert any("in the middle of the vacuum" in note for note in told["notes"])


def test_bulk_is_resolved_on_request_only(catholyte: Run, tmp_path: Path) -> None:
    file = _file(tmp_path, bulk("CoO"))
    assert "depth" not in answer(catholyte("bands", file, "--json"))
    assert (
        len([row for row in answer(catholyte("bands", file, "--depth", "--json"))["depth"] if row["kind"] == "plane"])
        == 2
    )
    interface = _file(tmp_path, joint((2, 2)))
    assert "depth" not in answer(catholyte("bands", interface, "--no-depth", "--json"))


def test_people_read_a_table(catholyte: Run, tmp_path: Path) -> None:
    status, out, _ = catholyte("bands", _file(tmp_path, joint((4, 4))))
    assert status == 0
    assert "by depth" in out
    assert "plane 8 (Co2O2)" in out


def test_a_document_without_density_of_states_is_refused(catholyte: Run, tmp_path: Path) -> None:
    status, _, err = catholyte("bands", _file(tmp_path, joint((2, 2)).model_copy(update={"dos": None})))
    assert status == 2
    assert "has no projected DOS" in err
