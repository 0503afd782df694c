"""What is found before any core hour: one named check per cause, and nothing is found where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from catholyte.configs.load import engine_settings
from catholyte.configs.models import Method
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static, Task
from catholyte.workflows.engines.vasp import inputs as vasp_inputs
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.preflight.run import Finding, PlannedRun, preflight

METHOD = Method(hubbard_u={"Co": 3.9}, cutoff=500, kpoints=(4, 4, 4))
CELL = Structure(
    Lattice.cubic(4.26),
    ["O2-", "Co2+", "Co2+", "O2-"],
    [[0.5, 0, 0], [0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0]],
    site_properties={"magmom": [0, 3.0, -3.0, 0]},
)


def _run(name: str = "CoO", structure: Structure = CELL, task: Task | None = None, **settings: Any) -> PlannedRun:
    changed = engine_settings("vasp", VaspSettings, {"potcar_spec": True, **settings})
    return PlannedRun(name, name, structure, task or Static(method=METHOD), changed)


def _failed(*runs: PlannedRun, **limits: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in preflight(runs, **limits) if not finding.ok}


def _method(**changed: Any) -> Method:
    return METHOD.model_copy(update=changed)


def _slab(vacuum: float, tilt: float = 0.0, polar: bool = False) -> Structure:
    height = 4.2 + vacuum
    species, coords = (
        ["Co2+", "O2-", "Co2+", "O2-"],
        [[0, 0, 0], [1.5, 1.5, 0.5 if polar else 0], [1.5, 1.5, 4.2], [0, 0, 4.2]],
    )
    lattice = Lattice([[3.0, 0, 0], [0, 3.0, 0], [tilt, 0, height]])
    return Structure(lattice, species, coords, coords_are_cartesian=True, site_properties={"magmom": [3.0, 0, -3.0, 0]})


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    md = MolecularDynamics(method=_method(kpoints=(1, 1, 1), cutoff=400), n_steps=1000)
    runs = [
        _run("relax", task=Relax(method=METHOD)),
        _run("dos", task=Dos(method=METHOD)),
        _run("md", task=md),
        _run("slab", _slab(15), Relax(method=_method(kpoints=(6, 6, 1)))),
    ]
    findings = preflight(runs, wall_time=86_400, ranks=16)
    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) == len({finding.name for finding in findings}) == 20
    assert all(finding.detail for finding in findings)
    assert {"name", "ok", "detail", "mend"} <= set(findings[0].told())


@pytest.mark.parametrize(
    ("runs", "name", "told", "refuses"),
    [
        ([_run(task=Static(method=_method(hubbard_u={})))], "U of every transition metal", "CoO has no U for Co", True),
        ([_run("a"), _run("b", task=Dos(method=_method(hubbard_u={"Co": 3.3})))], "one U per element", "U(Co) is 3.9 eV in a and 3.3 eV in b", True),
        ([_run(potcars={"Co": {"symbol": "Co", "valence": 9}})], "POTCAR names", "no POTCAR is named for O", True),
        ([_run(potcars={"Co": {"symbol": "Co_xx", "valence": 9}, "O": {"symbol": "O", "valence": 6}})], "POTCAR names", ("no POTCAR Co_xx; did you " "mean"), True),
        ([_run(potcar_spec=False, potcar_directory="/nowhere")], "POTCAR files", ("the POTCAR folder /nowhere does " "not " "exist"), True),
        ([_run(structure=Structure(CELL.lattice, ["Co2+", "Cl-"], [[0, 0, 0], [0.5, 0.5, 0]], site_properties={"magmom": [3.0, 0]}))], "neutral cells", "add up to +1", False),
        ([_run(structure=CELL.copy().remove_site_property("magmom"))], "starting moments", ("CoO has transition " "metals " "without the site property " "magmom"), True),
        ([_run("a"), _run("b", real_space_projection=True)], "one rule per campaign", "LREAL: False in a, True in b", False),
        ([_run("a"), _run("b", task=Static(method=_method(smearing=0.2)))], "one rule per campaign", ("SIGMA: 0.05 in " "a, 0.2 in b"), False),
        ([_run("a"), _run("b", task=Static(method=_method(kpoints=(4, 4, 1))))], "k meshes", ("Å⁻¹ (a) to 1.475 Å⁻¹ " "(b)"), False),
        ([_run(structure=_slab(8), task=Static(method=_method(kpoints=(4, 4, 1))))], "vacuum", ("CoO has 8.0 Å of " "vacuum, at least 10 Å are " "needed"), True),
        ([_run(structure=_slab(15))], "vacuum", "CoO has 4 k points along its vacuum, 1 is right", True),
        ([_run(structure=_slab(15, 2.0, True), task=Static(method=_method(kpoints=(4, 4, 1))))], "vacuum", ("c is not " "perpendicular"), True),
        ([_run(structure=_slab(15), task=Relax(method=_method(kpoints=(4, 4, 1))), energy_tolerance=1e-5)], "EDIFF of slabs", ("relaxes a slab with EDIFF 1e-05 " "eV"), False),
        ([_run(task=MolecularDynamics(method=METHOD, n_steps=100_000, frame_interval=1))], ("size of the stored " "frames"), ("would store 23 MiB of " "frames"), False),
    ],
)  # fmt: skip
def test_each_cause_is_found_by_name(runs: list[PlannedRun], name: str, told: str, refuses: bool) -> None:
    failed = _failed(*runs)
    assert list(failed) == [name]
    assert told in failed[name].detail
    assert failed[name].refuses is refuses
    assert failed[name].mend


def test_ranks_and_wall_time_are_looked_at_where_they_are_known() -> None:
    run = _run(task=Dos(method=METHOD), kpar=1, ncore=4)  # said by the user; what is left out fits the ranks
    assert "15 ranks are not a multiple of KPAR 1 × NCORE 4" in _failed(run, ranks=15)["ranks"].detail
    assert "is no multiple of 3 band groups: VASP would change NBANDS" in _failed(run, ranks=12)["ranks"].detail
    big = _run("big", CELL.make_supercell([4, 4, 2], in_place=False), Relax(method=METHOD))
    found = _failed(run, big, wall_time=600, ranks=16)["wall time"]
    assert found.detail.startswith("big: one ionic step takes about")
    assert "the wall time is 600 s" in found.detail


def test_moments_that_come_back_in_another_order_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = vasp_inputs.incar_tags

    def shuffled(*arguments: Any) -> dict[str, Any]:
        tags = real(*arguments)
        return {**tags, "MAGMOM": tags["MAGMOM"][::-1]}

    assert _failed(_run()) == {}
    monkeypatch.setattr(vasp_inputs, "incar_tags", shuffled)
    found = _failed(_run())["MAGMOM after write and read-back"]
    assert found.refuses
    assert found.detail == "CoO: moments or sites come back in another order"


def test_a_tag_that_vasp_does_not_know_is_found_in_what_would_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    real = vasp_inputs.incar_tags
    monkeypatch.setattr(vasp_inputs, "incar_tags", lambda *arguments: {**real(*arguments), "LDAUUU": 1})
    from catholyte.workflows.preflight.checks import incar_tags

    found = incar_tags([_run()])
    assert (found.ok, found.detail) == (False, "CoO: LDAUUU is not an INCAR tag; did you mean LDAUU or LDAU or LDAUL?")


def test_spacings_leave_the_vacuum_out() -> None:
    bulk = _run("bulk", task=Static(method=_method(kpoints=(6, 6, 6))))
    slab = _run("slab", _slab(20), Static(method=_method(kpoints=(8, 8, 1))))
    assert np.isclose(max(CELL.lattice.reciprocal_lattice.abc) / 6, 0.2458, atol=1e-3)
    assert _failed(bulk, slab) == {}


def test_a_stack_that_repeats_a_dipole_is_refused() -> None:
    name = "repeat dipoles of stacks"
    sound = replace(_run("stack"), stack={"polarity": "compensated", "repeat_dipoles": [0.0, 4e-16]})
    assert name not in _failed(sound, _run("crystal"))
    called = {"polarity": "non-polar", "repeat_dipoles": [0.03, 0.0]}
    found = _failed(sound, replace(sound, name="A|B", stack=called))[name]
    assert found.refuses
    assert "A|B starts from a stack" in found.detail


def test_a_stack_that_is_strained_too_far_is_pointed_out() -> None:
    name = "strains of stacks"
    sound = replace(_run("stack"), stack={"principal_strains": {"LCO": [0.0, 0.0], "CoO": [-0.036, -0.036]}})
    assert name not in _failed(sound, _run("crystal"))
    squeezed = {"principal_strains": {"LCO": [0.0, 0.0], "LPSCl": [-0.1057, -0.0933]}}
    found = _failed(sound, replace(sound, name="A|B", stack=squeezed))[name]
    assert not found.refuses
    assert "A|B: LPSCl takes principal strains of -10.6 and -9.3 %, a change of its area of -18.0 %" in found.detail
