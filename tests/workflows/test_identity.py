"""Content addressing: the same question has the same uuid, another question another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobflow import Flow, Job, Maker, job
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure

from catholyte.configs.models import Method
from catholyte.tests.support.engines.toy_jobs import add, total
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static
from catholyte.workflows.identity import content_address, identity, iter_jobs

METHOD: dict[str, Any] = {"hubbard_u": {"Co": 3.9}, "cutoff": 600.0, "kpoints": (4, 4, 4), "smearing": 0.05}


def _cell(shift: float = 0.0, scale: float = 1.0, moment: float = 2.0) -> Structure:
    lattice = Lattice(4.2 * scale * np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]))
    return Structure(
        lattice, ["Co2+", "O2-"], [[0.1 + shift, 0, 0], [0.5, 0.5, 0.5]], site_properties={"magmom": [moment, 0.0]}
    )


def _uuid(
    task: Any = None, engine: str = "gpaw", structure: Structure | None = None, label: str = "CoO", **overrides: Any
) -> str:
    asked = task or (Relax(method=Method(**METHOD)) if engine == "gpaw" else Relax())
    return identity(Engine(engine, overrides).maker(asked).job_for(structure or _cell(), label))


SCRIPT = """
import sys
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.identity import content_address
from catholyte.workflows.engines.tasks import Static, Relax
from jobflow import Flow
from pymatgen.core import Lattice, Structure
cell = Structure(Lattice.cubic(4), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
relax = Engine("chgnet").maker(Relax()).job_for(cell, "LiH")
static = Engine("chgnet").maker(Static()).job_for(relax.output.structure, "LiH")
print(*(job.uuid for job in content_address(Flow([relax, static]))[0].jobs))
"""


def _in_a_process(seed: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    ).stdout


def test_every_process_finds_the_same_uuids() -> None:
    first = _in_a_process("1")
    assert len(set(first.split())) == 2
    assert _in_a_process("271828") == first


# What is part of the question

CHANGES: dict[str, str] = {
    "functional of U": _uuid(Relax(method=Method(**{**METHOD, "hubbard_u": {"Co": 3.3}}))),
    "cutoff": _uuid(Relax(method=Method(**{**METHOD, "cutoff": 601.0}))),
    "mesh": _uuid(Relax(method=Method(**{**METHOD, "kpoints": (4, 4, 5)}))),
    "smearing": _uuid(Relax(method=Method(**{**METHOD, "smearing": 0.051}))),
    "spin": _uuid(Relax(method=Method(**{**METHOD, "spin_polarized": False}))),
    "force limit": _uuid(Relax(method=Method(**METHOD), max_force=0.011)),
    "steps": _uuid(Relax(method=Method(**METHOD), max_steps=999)),
    "fixed cell": _uuid(Relax(method=Method(**METHOD), relax_cell=False)),
    "kind static": _uuid(Static(method=Method(**METHOD))),
    "kind dos": _uuid(Dos(method=Method(**METHOD))),
    "energy tolerance": _uuid(energy_tolerance=0.0004),
    "energy tolerance of the cell": _uuid(total_energy_tolerance=0.001),
    "tiny tolerance": _uuid(eigenstates_tolerance=4.1e-8),
    "tinier tolerance": _uuid(eigenstates_tolerance=1e-10),
    "tiniest tolerance": _uuid(eigenstates_tolerance=2e-10),
    "symmetry": _uuid(use_symmetry=False),
    "empty bands": _uuid(min_empty_bands=9),
    "gamma": _uuid(gamma_centred=False),
    "position": _uuid(structure=_cell(shift=1e-6)),
    "cell": _uuid(structure=_cell(scale=1 + 1e-6)),
    "moment": _uuid(structure=_cell(moment=2.1)),
    "sign of the moment": _uuid(structure=_cell(moment=-2.0)),
    "engine": _uuid(engine="chgnet"),
    "weights": _uuid(engine="chgnet", weights="r2scan"),
    "material": _uuid(label="CoO-2"),
}


def test_every_change_of_the_question_changes_the_uuid() -> None:
    found = {"nothing": _uuid(), **CHANGES}
    assert len(set(found.values())) == len(found), sorted(found.items(), key=lambda item: item[1])


MD: dict[str, Any] = {"n_steps": 10}


@pytest.mark.parametrize(
    "change",
    [{"n_steps": 11}, {"timestep": 1.0}, {"temperature": 301}, {"thermostat": "none"}, {"seed": 1}, {"damping": 50}],
)
def test_every_setting_of_dynamics_is_part_of_the_question(change: dict[str, Any]) -> None:
    assert _uuid(MolecularDynamics(**MD), "chgnet") != _uuid(MolecularDynamics(**{**MD, **change}), "chgnet")


def test_upgrade_and_contract_are_part_of_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _uuid(engine="chgnet")
    maker = Engine("chgnet").maker(Relax())
    maker.contract += 1
    assert identity(maker.job_for(_cell(), "CoO")) != before
    monkeypatch.setattr("catholyte.workflows.engines.ase.chgnet.ChgnetBackend.version", lambda self: "9.9")
    assert _uuid(engine="chgnet") != before


# What is not


def test_resources_and_names_are_not_part_of_the_question() -> None:
    assert _uuid(engine="chgnet", threads=7, device="auto") == _uuid(engine="chgnet")
    assert _uuid(processes=4, mpi_command=["srun"]) == _uuid()
    maker = Engine("chgnet").maker(Relax())
    named = maker.job_for(_cell(), "CoO")
    named.name, named.metadata = "a name for people", {"campaign": "mine"}
    maker.name = "another name"
    assert identity(named) == identity(maker.job_for(_cell(), "CoO")) == _uuid(engine="chgnet")


def test_unit_and_number_are_the_same_setting() -> None:
    assert _uuid(energy_tolerance="0.5 meV") == _uuid(energy_tolerance=0.0005)
    assert _uuid(Relax(method=Method(**{**METHOD, "cutoff": "600 eV"}))) == _uuid()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 9999), min_size=6, max_size=6), st.lists(st.floats(-1e-12, 1e-12), min_size=15, max_size=15)
)
def test_rounding_noise_changes_nothing(grid: list[int], noise: list[float]) -> None:
    coords = np.reshape(grid, (2, 3)) / 10_000
    cells = [
        Structure(
            Lattice(np.diag([4.0, 4.5, 5.0]) + by * np.reshape(noise[:9], (3, 3))),
            ["Li", "H"],
            coords + by * np.reshape(noise[9:], (2, 3)),
        )
        for by in (0, 1)
    ]
    first, second = (_uuid(engine="chgnet", structure=cell) for cell in cells)
    assert first == second


class Composite(Maker):
    """A maker that decides at run time what it asks of its engine."""

    name = "composite"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @job
    def make(self) -> float:
        """Nothing; only its identity is looked at."""
        return 0.0


@pytest.mark.parametrize(("text", "same"), [("Li+", 1.0), ("Co3+", 3), ("F-", -1.0), ("O2-", -2)])
def test_a_state_is_the_same_however_it_is_written(text: str, same: float) -> None:
    """Equal species share one object in pymatgen's caches, with the number of whoever came first."""
    cell = Structure(Lattice.cubic(4.0), [text], [[0, 0, 0]], site_properties={"magmom": [0.0]})
    data = json.loads(json.dumps(Engine("chgnet").maker(Relax()).job_for(cell, "X").as_dict(), cls=MontyEncoder))
    (species,) = data["function_args"][0]["sites"][0]["species"]
    before = identity(data)
    assert species["oxidation_state"] == same
    species["oxidation_state"] = same
    assert identity(data) == before


def test_engine_inside_another_maker_counts_with_its_numerics_and_not_with_its_resources() -> None:
    plain, fast, other = (
        identity(Composite(Engine("chgnet", s)).make()) for s in ({}, {"threads": 3}, {"weights": "0.2.0"})
    )  # type: ignore[arg-type]
    assert plain == fast
    assert plain != other


# Flows


def _nested() -> tuple[Flow, list[Job]]:
    jobs = [add("log", "a", 1.0), add("log", "b", 2.0)]
    end = add("log", "end", jobs[0].output, jobs[1].output)
    inner = Flow(jobs, output={"sum": jobs[1].output, "both": [job.output for job in jobs]})
    outer = Flow([end], output=end.output)
    return Flow([outer, inner], output=[end.output, inner.output["both"]], name="nested"), [*jobs, end]


def test_references_and_outputs_of_nested_flows_are_renamed() -> None:
    flow, (a, b, end) = _nested()
    made, renamed = content_address(flow)
    assert made.name == "nested"
    assert len(made.jobs) == 3
    by_name = {job.function_args[1]: job for job in made.jobs}
    assert {by_name["a"].uuid, by_name["b"].uuid} == set(by_name["end"].input_uuids)
    assert [reference.uuid for reference in by_name["end"].function_args[2:]] == [by_name["a"].uuid, by_name["b"].uuid]
    assert made.output[0].uuid == by_name["end"].uuid
    assert [reference.uuid for reference in made.output[1]] == [by_name["a"].uuid, by_name["b"].uuid]
    assert renamed == {a.uuid: by_name["a"].uuid, b.uuid: by_name["b"].uuid, end.uuid: by_name["end"].uuid}
    assert [job.function_args[1] for job in made.jobs][-1] == "end"
    assert all(job.output.uuid == job.uuid for job in made.jobs)


def test_addressing_twice_changes_nothing() -> None:
    once, _ = content_address(_nested()[0])
    twice, renamed = content_address(once)
    assert [job.uuid for job in twice.jobs] == [job.uuid for job in once.jobs]
    assert all(old == new for old, new in renamed.items())


def test_single_job_becomes_a_flow() -> None:
    made, renamed = content_address(add("log", "a", 1.0))
    assert [job.uuid for job in made.jobs] == list(renamed.values())
    assert [job.uuid for job in iter_jobs(made.jobs[0])] == [made.jobs[0].uuid]


def test_identical_questions_stand_once_and_all_point_to_them() -> None:
    twins = [add("log", "twin", 1.0) for _ in range(3)]
    flow = Flow(
        [
            *twins,
            total("log", "sum", [job.output for job in twins]),
            add("log", "next", twins[2].output),
            add("log", "next", twins[0].output),
        ]
    )
    made, renamed = content_address(flow)
    assert [job.function_args[1] for job in made.jobs].count("twin") == 1
    assert [job.function_args[1] for job in made.jobs].count("next") == 1
    assert len({renamed[job.uuid] for job in twins}) == 1
    assert all(set(job.input_uuids) <= {j.uuid for j in made.jobs} for job in made.jobs)


def test_attribute_of_a_reference_is_part_of_the_question() -> None:
    def uuids(attribute: str) -> str:
        first = add("log", "a", 1.0)
        second = add("log", "b", getattr(first.output, attribute))
        return content_address(Flow([first, second]))[1][second.uuid]

    assert uuids("energy") == uuids("energy")
    assert uuids("energy") != uuids("volume")


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(5)), st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_order_of_independent_jobs_changes_no_uuid(order: list[int], inputs: list[int]) -> None:
    def uuids(indices: list[int]) -> dict[str, str]:
        jobs = [add("log", f"j{i}", float(i)) for i in range(5)]
        end = total("log", "end", [jobs[i].output for i in inputs])
        made, _ = content_address(Flow([jobs[i] for i in indices] + [end]))
        return {job.function_args[1]: job.uuid for job in made.jobs}

    assert uuids(order) == uuids(list(range(5)))
