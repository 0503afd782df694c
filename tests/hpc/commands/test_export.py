"""The commands on potentials: what `export` writes of a store, and what `doctor --engines` says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from monty.json import MontyEncoder

from catholyte.configs.load import ENGINES_VARIABLE
from catholyte.configs.trust import trust_of
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.stored_campaigns import stored_campaign
from catholyte.tests.support.command_line import Run, answer
from catholyte.workflows.engines.ase import verdicts
from catholyte.workflows.engines.ase.backend import AseBackend
from catholyte.workflows.engines.ase.guard import Verdict


def test_export_writes_what_can_be_learned_from_and_counts_the_rest(catholyte: Run, tmp_path: Path) -> None:
    records = stored_campaign(tmp_path / "store").records
    ((_, learned), (_, calculated)) = records.documents()
    assert [trust_of(one.tier).trust_class for one in (learned, calculated)] == ["machine-learned", "dft"]
    status, _, err = catholyte("export", "--store", tmp_path / "store", "--out", tmp_path / "out")
    assert status == 2
    told = "(1 left out: it has no stress; 1 left out: no density functional theory)"
    assert f"the store holds no calculation to learn from {told}" in err

    store = open_store(tmp_path / "store")
    stress = [[0.01, 0, 0], [0, 0.02, 0], [0, 0, 0.03]]
    whole = calculated.model_copy(update={"stress": stress, "dos": None})
    output = json.loads(json.dumps(whole, cls=MontyEncoder))
    store.outputs.update([{"uuid": "new", "index": 1, "output": output}], key=["uuid", "index"])
    store.close()
    found = answer(catholyte("export", "--store", tmp_path / "store", "--out", tmp_path / "out", "--json"))
    (scale,) = found["scales"]
    (frame,) = read(scale["file"], index=":")
    assert frame.get_potential_energy() == pytest.approx(calculated.energy)
    assert frame.get_stress(voigt=False) == pytest.approx(np.array(stress))
    assert frame.info["job"] == "new"
    assert found["left_out"] == {"it has no stress": 1, "no density functional theory": 1}


def test_an_empty_store_is_told(catholyte: Run, tmp_path: Path) -> None:
    open_store(tmp_path / "store").close()
    status, _, err = catholyte("export", "--store", tmp_path / "store", "--out", tmp_path / "out")
    assert (status, (tmp_path / "out").exists()) == (2, False)
    assert "the store holds no calculation to learn from" in err


def _recorded(backend: AseBackend, again: bool = False) -> Verdict:
    assert again
    return verdicts.recorded_verdicts()[backend.examined_as]


def test_doctor_shows_the_curve_of_every_potential_and_of_the_refused_checkpoints(
    catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AseBackend, "verdict", _recorded)
    found = answer(catholyte("doctor", "--engines", "--store", tmp_path / "s", "--json"))
    checks = {check["name"]: check for check in found["checks"]}
    assert {"guard of chgnet", "guard of chgnet-r2scan", "guard of sevennet"} <= set(checks)
    assert "guard of gpaw" not in checks
    refused = [curve for curve in found["curves"] if curve["problem"]]
    assert {(curve["material"], curve["found"]) for curve in refused} == {("LCO", "recorded")}
    assert len(refused) == 2
    assert all(len(curve["volumes"]) == len(curve["energies"]) == 9 for curve in found["curves"])


def test_doctor_fails_where_an_own_potential_is_refused(
    catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = "trust: {class: machine-learned, label: wide, sentence: a test, scale: own}\n"
    (tmp_path / "wide.yaml").write_text(f"engine: sevennet\ncheckpoint: sevennet-l3i5\n{trust}")
    (tmp_path / "lost.yaml").write_text(f"calculator: nowhere:make\nversion: '1'\nfunctional: f\n{trust}")
    monkeypatch.setenv(ENGINES_VARIABLE, str(tmp_path))
    monkeypatch.setattr(AseBackend, "verdict", _recorded)
    status, out, _ = catholyte("doctor", "--engines", "--store", tmp_path / "s", "--json")
    assert status == 1
    checks = {check["name"]: check for check in json.loads(out)["checks"]}
    assert checks["guard of wide"]["detail"].startswith("refused for Co: LCO: the minimum lies at -5.1 %")
    assert "calculator 'nowhere:make' cannot be imported" in checks["guard of lost"]["detail"]
    _, text, _ = catholyte("doctor", "--engines", "--store", tmp_path / "s")
    assert "meV/atom" in text
