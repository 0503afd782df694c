"""Flows of arrangements and of a melt: what runs after what, and that it runs."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from catholyte.configs.errors import EngineUnavailableError, InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.defects.glass import borate_network, glass_composition, measured_density, pack
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import Relax
from catholyte.workflows.flows.dynamics import QuenchSchedule, melt_quench_flow
from catholyte.workflows.flows.ordering import ranking_flow
from catholyte.workflows.identity import content_address, iter_jobs

CHGNET = Engine("chgnet")


def test_each_arrangement_is_one_independent_job():
    cell = calculation_cell(material("LPSCl"))
    moved = cell.copy().translate_sites([0], [0.01, 0, 0])
    flow = ranking_flow([cell, moved], "LPSCl", CHGNET)
    assert [job.maker.task["kind"] for job in flow.jobs] == ["static", "static"]
    assert all(not job.input_uuids for job in flow.jobs)
    relaxed = ranking_flow([cell], "LPSCl", CHGNET, Relax(max_force=0.05))
    assert relaxed.jobs[0].maker.task["kind"] == "relax"


def test_what_cannot_be_ranked_is_an_error():
    cell, other = calculation_cell(material("LPSCl")), calculation_cell(material("LCO"))
    with pytest.raises(InputError, match="no arrangement"):
        ranking_flow([], "none", CHGNET)
    with pytest.raises(StructureError, match="different compositions"):
        ranking_flow([cell, other], "both", CHGNET)
    with pytest.raises(InputError, match="level of theory"):
        ranking_flow([cell], "LPSCl", Engine("gpaw"))


def test_a_quench_goes_down_the_ladder_and_ends_in_a_relaxation():
    schedule = QuenchSchedule(temperatures=(2000.0, 1000.0, 300.0), n_steps=10, seed=4)
    flow, _ = content_address(melt_quench_flow(pack("Li3BO3", 2.0, 1), "glass", CHGNET, schedule))
    tasks = [job.maker.task for job in iter_jobs(flow)]
    assert [task.get("temperature") for task in tasks] == [2000.0, 1000.0, 300.0, None]
    assert [task["kind"] for task in tasks] == ["md", "md", "md", "relax"]
    assert len({task["seed"] for task in tasks[:3]}) == 3
    uuids = [job.uuid for job in iter_jobs(flow)]
    assert [list(job.input_uuids) for job in iter_jobs(flow)] == [[], *([uuid] for uuid in uuids[:3])]
    assert schedule.rate == pytest.approx(1700 / 30e-15)


def test_an_engine_without_dynamics_cannot_quench():
    with pytest.raises(EngineUnavailableError, match="no calculation of kind 'md'"):
        melt_quench_flow(pack("Li3BO3", 2.0, 1), "glass", Engine("gpaw"))
    with pytest.raises(ValidationError, match="above 0 K"):
        QuenchSchedule(temperatures=(300.0, 0.0))


@pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning")  # jobflow's own call of monty
@pytest.mark.slow
def test_a_small_melt_becomes_a_borate_network(tmp_path):
    """23 atoms of Li2O·4B2O3 in 1 ps: every B ends with three or four O at covalent distance.

    Such a cell says little of the density: it is asked to be that of a solid borate, and its deviation from the
    measured one is printed.
    """
    from jobflow import SETTINGS, run_locally

    packed = pack("Li2B8O13", n_units=1)
    flow = melt_quench_flow(packed, "glass", CHGNET, QuenchSchedule(n_steps=150))
    outputs = run_locally(flow, create_folders=True, root_dir=tmp_path, ensure_success=True, store=SETTINGS.JOB_STORE)
    final = outputs[flow.jobs[-1].uuid][1].output.structure
    before, after = borate_network(packed), borate_network(final)
    measured = measured_density(glass_composition("Li2B8O13"))
    print(f"{before}\n{after}\nmeasured density {measured} g/cm³")
    assert final.composition == packed.composition
    assert not set(before.boron_coordination) <= {3, 4}
    assert set(after.boron_coordination) <= {3, 4}
    assert after.mean_bond == pytest.approx(1.40, abs=0.05)
    assert after.shortest > 1.2
    assert 1.5 < after.density < 2.6
