"""Where moments start: never from nothing on open shells, never from whole numbers with U, and the lowest is kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.configs.load import engine_settings, material
from catholyte.configs.models import Method
from catholyte.structures.crystals.cells import calculation_cell, prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static, Task
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.inputs import incar_tags
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.engines.vasp.stages import needs_static, runs_of, written_runs
from catholyte.workflows.engines.vasp.starts import starts_of

NAMES_ONLY = engine_settings("vasp", VaspSettings, {"potcar_spec": True})
METHOD = Method(hubbard_u={"Co": 3.9, "Ti": 0.0, "Nb": 0.0, "Ta": 0.0}, cutoff=500, kpoints=(2, 2, 2))
RELAX, DOS, MD = Relax(method=METHOD), Dos(method=METHOD), MolecularDynamics(method=METHOD, n_steps=5)


def moments(name: str, task: Task = RELAX, **changed: Any) -> list[list[float]]:
    """Distinct sizes of the moments of each start of a material."""
    method = task.method or METHOD
    chosen = engine_settings("vasp", VaspSettings, changed)
    found = starts_of(vasp_cell(calculation_cell(material(name))), task, method, chosen)
    return [sorted({round(m, 4) for m in start.moments}) for start in found]


def test_high_spin_starts_off_whole_numbers_and_both_ways() -> None:
    assert moments("CoO") == [[-2.7, 0, 2.7], [-3.3, 0, 3.3]]
    assert moments("CoO", DOS) == moments("CoO")
    assert moments("CoO", MD) == [[-2.7, 0, 2.7]]


def test_low_spin_starts_from_something_and_has_one_state() -> None:
    """A spin density of zero stays zero; 0.6 µB is what the Materials Project starts low-spin cobalt from."""
    assert moments("LCO") == [[0, 0.6]]
    assert moments("LCO", MD) == [[0, 0.6]]


def test_other_spin_states_are_tried_where_they_are_asked_for() -> None:
    found = moments("LCO", spin_states={"Co3+": ["intermediate", "high"]})
    assert found == [[0, 0.6], [0, 1.8], [0, 3.6]]  # 0.9 × 2 and 0.9 × 4 unpaired electrons
    assert moments("CoO", spin_states={"Co2+": ["low"]})[2] == [-0.9, 0, 0.9]
    assert moments("LCO", MD, spin_states={"Co3+": ["high"]}) == [[0, 0.6]]


def test_a_mean_charge_starts_once_in_order() -> None:
    """Two Mn3+ (d4) and two Mn4+ (d3) in LiMn2O4, Co3+ (low spin) and Co4+ (d5, one unpaired) in LiCo2O4 and
    Li0.5CoO2, times 0.9; no start more for whole charges, without U, or where no oxygen holds the electrons."""
    with_u = RELAX.model_copy(update={"method": METHOD.model_copy(update={"hubbard_u": {"Mn": 3.9, "Co": 3.3}})})
    assert moments("LiMn2O4", with_u) == [[0, 3.15], [0, 3.85], [0, 2.7, 3.6]]
    assert moments("Li0.5CoO2", with_u) == [[0, 0.45], [0, 0.55], [0, 0.6, 0.9]]
    cell = vasp_cell(calculation_cell(material("LiMn2O4")))
    assert with_u.method is not None
    ordered = starts_of(cell, with_u, with_u.method, NAMES_ONLY)[-1]
    assert (ordered.name, sorted(m for m in ordered.moments if m)) == (
        "charges in order: Mn3+ and Mn4+",
        [2.7, 2.7, 3.6, 3.6],
    )
    assert len(moments("Co3O4", with_u)) == 2
    assert len(moments("Co2P", with_u)) < 3
    plain = RELAX.model_copy(update={"method": METHOD.model_copy(update={"hubbard_u": {"Mn": 0.0}})})
    assert len(moments("LiMn2O4", plain)) == 1


def test_ions_in_order_lie_apart() -> None:
    """Four of the eight Co of a layer of Li0.5CoO2: no choice of them has fewer neighbours among its own, 1/d summed
    over all pairs, by brute force."""
    cell = vasp_cell(calculation_cell(material("Li0.5CoO2")).make_supercell((1, 4, 1), in_place=False))
    ordered = starts_of(cell, RELAX, METHOD, NAMES_ONLY)[-1]
    sites = [i for i, m in enumerate(ordered.moments) if m > 0]
    raised = [i for i in sites if ordered.moments[i] == 0.9]
    assert (len(sites), len(raised)) == (8, 4)
    distances = cell.structure.distance_matrix

    def repulsion(chosen: Sequence[int]) -> float:
        return sum(1 / float(distances[i, j]) for i, j in combinations(chosen, 2))

    assert repulsion(raised) == pytest.approx(min(map(repulsion, combinations(sites, 4))))


@pytest.mark.parametrize("name", ["LPSCl", "Li2CO3", "Li2TiO3", "LiNbO3", "LGPS"])
def test_closed_shells_run_without_spin_unless_it_is_asked_for(name: str) -> None:
    assert moments(name) == []
    cell = vasp_cell(calculation_cell(material(name)))
    tags = incar_tags(cell, RELAX, NAMES_ONLY)
    assert tags["ISPIN"] == 1
    assert "MAGMOM" not in tags
    everywhere = engine_settings("vasp", VaspSettings, {"spin_everywhere": True})
    assert incar_tags(cell, RELAX, everywhere)["ISPIN"] == 2


def test_a_stack_and_its_controls_have_the_same_spin() -> None:
    """An ion with an open shell has spin in every cell that holds it; a zero site property is no reason to leave it
    out."""
    lco = prepared_cell(conventional(material("LCO")), material("LCO"))
    lpscl = calculation_cell(material("LPSCl"))
    stack = Structure(
        Lattice.orthorhombic(9, 9, 30),
        [*lco.species, *lpscl.species],
        np.random.default_rng(1).random((len(lco) + len(lpscl), 3)),
        site_properties={"magmom": [0.0] * (len(lco) + len(lpscl))},
    )
    tags = {
        name: incar_tags(vasp_cell(cell), MD, NAMES_ONLY)
        for name, cell in {"stack": stack, "LCO": lco, "LPSCl": lpscl}.items()
    }
    assert {name: tag["ISPIN"] for name, tag in tags.items()} == {"stack": 2, "LCO": 2, "LPSCl": 1}
    sizes = {name: sorted({m for m in tags[name]["MAGMOM"] if m}) for name in ("stack", "LCO")}
    assert sizes == {"stack": [0.6], "LCO": [0.6]}


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.floats(-5, 5, allow_nan=False), min_size=4, max_size=4),
    scale=st.floats(0.5, 1.5),
)
def test_a_start_keeps_signs_and_scales_moments_alone(sizes: list[float], scale: float) -> None:
    cell = Structure(
        Lattice.cubic(5),
        ["Co2+", "Co2+", "O2-", "O2-"],
        [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0]],
        site_properties={"magmom": sizes},
    )
    chosen = engine_settings("vasp", VaspSettings, {"moment_scales": [scale]})
    starts = starts_of(vasp_cell(cell), RELAX, METHOD, chosen)
    (start,) = starts
    with_u = any(abs(m) >= 0.3 for m in sizes[:2])
    for symbol, before, after in zip(("Co", "Co", "O", "O"), sizes, start.moments, strict=True):
        if symbol == "Co" and abs(before) < 0.3:
            assert after == 0.6
        elif abs(before) < 0.3 or not with_u:
            assert after == pytest.approx(before, abs=1e-6)
        else:
            assert after == pytest.approx(scale * before, abs=1e-6)


def test_the_runs_of_a_calculation_hand_their_waves_on() -> None:
    """Two starts without ions moving, the relaxation from the lowest, and the static run from the relaxation."""
    structure = calculation_cell(material("CoO"))
    cell = vasp_cell(structure)
    *tried, main = runs_of(cell, RELAX, NAMES_ONLY)
    assert [run.folder for run in tried] == ["start-1", "start-2"]
    first = incar_tags(cell, RELAX, NAMES_ONLY, tried[0])
    assert (first["NSW"], first["IBRION"], first["LWAVE"], first["ISTART"], first["ICHARG"]) == (0, -1, True, 0, 2)
    relaxed = incar_tags(cell, RELAX, NAMES_ONLY, main)
    assert (relaxed["ISTART"], relaxed["LWAVE"], relaxed["ISIF"], "ICHARG" in relaxed) == (1, True, 3, False)
    folders = [folder for folder, *_ in written_runs(structure, RELAX, NAMES_ONLY, "nothing")]
    assert folders == ["start-1", "start-2", "canonical", "."]
    kinds = {folder: (task.kind, run) for folder, _, task, run in written_runs(structure, RELAX, NAMES_ONLY, "nothing")}
    static = incar_tags(cell, Static(method=METHOD), NAMES_ONLY, kinds["canonical"][1])
    assert (kinds["canonical"][0], static["ISTART"], static["NSW"], static["ENCUT"]) == ("static", 1, 0, 500)


def test_a_density_of_states_begins_with_what_the_relaxation_left() -> None:
    cell = vasp_cell(calculation_cell(material("CoO")))
    assert [run.given for run in runs_of(cell, DOS, NAMES_ONLY, "waves")] == ["waves"]
    waves = incar_tags(cell, DOS, NAMES_ONLY, runs_of(cell, DOS, NAMES_ONLY, "waves")[-1])
    charge = incar_tags(cell, DOS, NAMES_ONLY, runs_of(cell, DOS, NAMES_ONLY, "charge")[-1])
    assert (waves["ISTART"], "ICHARG" in waves) == (1, False)
    assert (charge["ISTART"], charge["ICHARG"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "enmax"), [("LCO", 499.034), ("CoO", 400.0), ("LPSCl", 499.034)]
)  # VASP wiki: Li_sv, O
def test_a_cell_relaxes_above_enmax_and_its_energy_is_a_static_run(name: str, enmax: float) -> None:
    cell = vasp_cell(calculation_cell(material(name)))
    assert needs_static(cell, RELAX)
    assert incar_tags(cell, RELAX, NAMES_ONLY)["ENCUT"] == max(500, np.ceil(1.3 * enmax))
    fixed = RELAX.model_copy(update={"relax_cell": False})
    assert not needs_static(cell, fixed)
    assert incar_tags(cell, fixed, NAMES_ONLY)["ENCUT"] == 500


def test_dynamics_has_its_own_preset() -> None:
    cell = vasp_cell(calculation_cell(material("LPSCl")))
    tags, static = (incar_tags(cell, task, NAMES_ONLY) for task in (MD, Static(method=METHOD)))
    assert (tags["PREC"], tags["ALGO"], tags["LREAL"], tags["NELMIN"]) == ("Normal", "Fast", "Auto", 4)
    assert (static["PREC"], static["ALGO"], static["LREAL"], "NELMIN" in static) == ("Accurate", "Normal", False, False)
    assert (tags["MDALGO"], tags["NHC_NCHAINS"], tags["NHC_PERIOD"], "SMASS" in tags) == (4, 3, 50.0, False)
    plain = engine_settings("vasp", VaspSettings, {"chain_length": 1})
    assert (incar_tags(cell, MD, plain)["MDALGO"], "SMASS" in incar_tags(cell, MD, plain)) == (2, True)
    assert NAMES_ONLY.potcars_of(MD)["Li"].symbol == "Li"
    assert NAMES_ONLY.potcars_of(RELAX)["Li"].symbol == "Li_sv"


def test_dispersion_is_always_said() -> None:
    cell = vasp_cell(calculation_cell(material("LPSCl")))
    for name, number in {"none": 0, "d3": 11, "d3-bj": 12}.items():
        chosen = engine_settings("vasp", VaspSettings, {"dispersion": name})
        assert [incar_tags(cell, task, chosen)["IVDW"] for task in (RELAX, DOS, MD)] == [number] * 3


def test_core_levels_are_written_on_request() -> None:
    cell = vasp_cell(calculation_cell(material("LCO")))
    assert "ICORELEVEL" not in incar_tags(cell, DOS, NAMES_ONLY)
    asked = engine_settings("vasp", VaspSettings, {"core_levels": True})
    assert incar_tags(cell, DOS, asked)["ICORELEVEL"] == 1
    assert "ICORELEVEL" not in incar_tags(cell, RELAX, asked)
