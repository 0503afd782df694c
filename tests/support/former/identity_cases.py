"""Jobs whose identities must never change: all jobs of every shipped recipe, and jobs of every kind that a flow adds.

An identity is the key under which an answer stands in people's stores. A change here means that every stored answer of
that kind would be computed again, so the expected identities are kept in ``tests/workflows/golden/identities.json``.
Run as a script, this module prints what that file holds; it is written anew only where an answer itself became another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from jobflow import Flow, Job, OutputReference
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.configs.models import Method
from catholyte.configs.steps.interface import InterfaceSystem
from catholyte.configs.steps.oxygen_loss import OrderingPlan, OxygenLossPlan, SubstitutionPlan
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.hops import hops
from catholyte.tests.support.crystals import COO, LCO
from catholyte.workflows.documents import Restart
from catholyte.workflows.engines.engine import CalculationMaker, Engine
from catholyte.workflows.engines.registry import ENGINES, load_backend
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static, Task
from catholyte.workflows.flows.across import StackVacanciesMaker
from catholyte.workflows.flows.barrier import BandTask
from catholyte.workflows.flows.dynamics import QuenchSchedule, TrajectoryRun, chunk_jobs, ladder_jobs, melt_quench_flow
from catholyte.workflows.flows.elastic import elastic_jobs
from catholyte.workflows.flows.hop_cells import hop_jobs
from catholyte.workflows.flows.interface import BuildInterfaceMaker, ChooseInterfaceMaker
from catholyte.workflows.flows.ordering import Level, ordering_flow, ranking_flow
from catholyte.workflows.flows.oxygen_loss import oxygen_loss_flow
from catholyte.workflows.flows.substitution import SubstitutionMaker
from catholyte.workflows.identity import content_address, identity
from catholyte.workflows.interface_documents import BuiltInterfaces, Candidate, References
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import PlannedJob

__all__ = ["PLANS", "added_jobs", "digest", "direct_jobs", "fix_versions", "kind_of", "planned_jobs", "summary"]

RECIPES = ("core-shell", "glassy-ceramic", "gsirr", "lattices", "li-rich", "nmc532-lgps")
#: every recipe as it is, and with each engine in place of its own
PLANS = tuple((recipe, engine) for recipe in RECIPES for engine in ("own", "vasp", "rehearsal", "chgnet", "gpaw"))
#: recipe and step that recipes got after their digests were taken; their jobs are kept one by one among the direct ones
LATER = {("gsirr", "oxygen_loss"), ("core-shell", "oxygen_loss")}
LATER_STEPS = (
    "across",
    "segregation",
    "transport",
    "mechanics",
    "conductivity",
    "polymorphs",
    "d_bands",
    "deciding_phases",
)
METHOD = Method(hubbard_u={"Co": 3.9, "W": 6.2}, cutoff=400.0, kpoints=(2, 2, 2), smearing=0.05)


def fix_versions(patch: pytest.MonkeyPatch) -> None:
    """Fix the versions of installed codes, which are part of an identity, so that only our own part is compared."""
    for name in ENGINES:
        patch.setattr(type(load_backend(name, {})), "version", lambda self: "test")


def planned_jobs(recipe: str, engine: str) -> dict[str, Job]:
    """Jobs of a recipe at full length, by a readable key; none where the recipe refuses the engine."""
    try:
        plan = build_plan(*load_recipe(recipe), engine=None if engine == "own" else engine, full=True)
    except InputError:
        return {}
    jobs = {job.uuid: job for job in plan.flow.jobs if isinstance(job, Job)}
    former = [one for one in plan.jobs if _led(one) and one.step not in LATER_STEPS and (recipe, one.step) not in LATER]
    return _by_key((f"{recipe}/{engine}/{one.step}/{one.name}", jobs[one.uuid]) for one in former)


def added_jobs(planned: Iterable[Job]) -> list[Job]:
    """What the branching jobs of a plan would add if no atom moved and energies rose along each list.

    Interfaces are left out, whose cells are built first, and chunks whose length is measured.
    """
    jobs = list(planned)
    known = dict(_cells(jobs))
    ready = (job for job in jobs if _decides_on_energies(job) and set(job.input_uuids) <= set(known))
    return [job for branch in ready for job in _replacements(branch, known)]


def direct_jobs() -> dict[str, Job]:
    """At least one job of every kind that the package makes, by a readable key; those added at run time too."""
    return _by_key((f"direct/{group}/{job.name}", job) for group, flow in _flows() for job in flow)


def kind_of(job: Job) -> str:
    """Function, maker, kind of calculation and engine: what tells kinds of jobs apart."""
    engine = getattr(job.maker, "engine", None)
    task = getattr(job.maker, "task", None) or {}
    function = getattr(job.function, "__qualname__", "")
    return "/".join((function, type(job.maker).__name__, str(task.get("kind", "")), getattr(engine, "name", "")))


def digest(uuids: Sequence[str]) -> str:
    """One number for many identities, whatever their order."""
    return hashlib.sha256("\n".join(sorted(uuids)).encode()).hexdigest()


def summary(planned: Sequence[Job]) -> dict[str, Any]:
    """Number and digest of the jobs of a plan, and of those that they would add."""
    found = {"planned": planned, "added": added_jobs(planned)}
    return {name: [len(jobs), digest([job.uuid for job in jobs])[:32]] for name, jobs in found.items() if jobs}


def _led(job: PlannedJob) -> bool:
    """Whether a recipe asked for the job before it had a committee, with which forces and jobs of other members came."""
    finer = job.step == "interface" and ", mesh " in job.variant  # densities of states once more, by VASP
    return "forces of" not in job.variant and not finer and job.members in ([], ["chgnet"], ["chgnet", "sevennet"])


def _by_key(named: Iterator[tuple[str, Job]]) -> dict[str, Job]:
    found: dict[str, Job] = {}
    for key, job in named:
        number = 1
        while (free := key if number == 1 else f"{key} #{number}") in found:
            number += 1
        found[free] = job
    return found


def _flows() -> Iterator[tuple[str, list[Job]]]:
    chgnet, vasp, gpaw = Engine("chgnet"), Engine("vasp"), Engine("gpaw")
    cell = _lih()
    yield "tasks", [_identified(job) for job in _single_jobs()]
    yield "hops", _hops(chgnet)
    elastic = elastic_jobs(cell, "LiH", chgnet, (0.01,), (0.01, 100))
    yield "elastic", _jobs(Flow([elastic.crystal, elastic.build, *elastic.strained]))
    yield "quench", _jobs(melt_quench_flow(cell, "LiH", chgnet, QuenchSchedule(temperatures=(900.0, 300.0), n_steps=3)))
    yield (
        "ladder",
        _jobs(
            Flow(
                [
                    *ladder_jobs(
                        cell, "LiH", chgnet, [MolecularDynamics(n_steps=3, temperature=t) for t in (900.0, 300.0)]
                    )
                ]
            )
        ),
    )
    yield "replicas", _jobs(Flow([*_replica(chgnet, 1), *_replica(chgnet, 2)]))
    task = MolecularDynamics(n_steps=6, timestep=1.0, frame_interval=5, method=METHOD)
    yield "replicas by VASP", _jobs(Flow([*chunk_jobs(cell, "LiH", TrajectoryRun(vasp, task, 4, 1))]))
    cells = [_lco(), _moved(_lco())]
    yield "ranking", _jobs(ranking_flow(cells, "LCO", chgnet, Relax(max_force=0.05)))
    yield "ranking by single points", _jobs(ranking_flow(cells, "LCO", chgnet))
    method = METHOD.model_dump(mode="json")
    ladder = OxygenLossPlan(lithium_vacancies=(0, 1), voltage_only=(2,), candidates=2, samples=1, max_sites=1)
    asked = SubstitutionPlan(ion="W6+", leaving="Co", sites=("Co",), near=1, far=1)
    levels = {
        "chgnet": Level(chgnet),
        "chgnet and gpaw": Level(chgnet, None, Level(gpaw, method)),
        "vasp": Level(vasp, method),
        "rehearsal": Level(Engine("rehearsal"), method),
    }
    for name, level in levels.items():
        yield (
            f"orderings, {name}",
            _whole(ordering_flow(cells, "LCO", OrderingPlan(n=2, keep=1), chgnet, (level, Relax(), None))),
        )
        ion = SubstitutionMaker(level=level, plan=ladder.model_dump(mode="json"), asked=asked.model_dump(mode="json"))
        yield f"oxygen loss, {name}", _whole(oxygen_loss_flow([_lco()], "LCO", ladder, level, beside=[ion]))
    orderings = (OrderingPlan(n=2, keep=2), chgnet)
    yield (
        "oxygen loss of orderings",
        _whole(oxygen_loss_flow(cells, "LCO", ladder, levels["chgnet and gpaw"], orderings)),
    )
    yield "interface", _interface()
    stack = _lih() * (1, 1, 2)
    stack.add_site_property("layer", ["below" if site.frac_coords[2] < 0.49 else "above" for site in stack])
    relax = Relax(relax_cell=False, keep_symmetry=False).model_dump(mode="json")
    yield "across", _whole(Flow([StackVacanciesMaker(engine=chgnet, relax=relax, most=2).make(stack, "LiH|LiH")]))


def _replica(engine: Engine, number: int) -> list[Job]:
    """Two temperatures, and a trajectory in two chunks."""
    whole = MolecularDynamics(n_steps=6, timestep=1.0, frame_interval=5, seed=number)
    rungs = [
        whole.model_copy(update={"n_steps": 3, "thermostat": "langevin", "temperature": kelvin})
        for kelvin in (100.0, 300.0)
    ]
    climbed = ladder_jobs(_lih(), "LiH", engine, rungs)
    for job, rung in zip(climbed, rungs, strict=True):
        job.name = f"LiH chgnet md (replica {number}, {rung.temperature:g} K)"
    start = climbed[-1].output.structure
    return [*climbed, *chunk_jobs(start, "LiH", TrajectoryRun(engine, whole, 4, number))]


def _single_jobs() -> Iterator[Job]:
    tasks: list[Task] = [
        Relax(),
        Relax(relax_cell="height", keep_symmetry=False),
        Static(),
        Dos(),
        MolecularDynamics(n_steps=3),
    ]
    for name in ("chgnet", "gpaw", "vasp", "rehearsal"):
        engine = Engine(name)
        for task in tasks:
            if task.kind not in engine.backend.kinds or (
                getattr(task, "relax_cell", None) == "height" and not engine.backend.relaxes_height
            ):
                continue
            asked = task.model_copy(update={"method": METHOD}) if engine.backend.needs_method else task
            yield engine.maker(asked).job_for(_lih(), f"LiH {getattr(task, 'relax_cell', '')}".strip())
    yield Engine("chgnet", {"weights": "r2scan"}).maker(Static()).job_for(_lih(), "LiH other weights")
    yield Engine("chgnet").maker(MolecularDynamics(n_steps=3)).job_for(_lih(), "LiH goes on", _state())


def _interface() -> list[Job]:
    """The jobs of one stack: built, chosen among, and what the choice is replaced by."""
    asked = {"name": "LCO|CoO", "a": "LCO:104", "b": "CoO:100", "max_atoms": 32, "thickness": ["8 Å", "8 Å"]}
    former = {"lattice": "experiment", "max_principal_strain": None, "max_area_change": None, "orientations": 1}
    system = InterfaceSystem.model_validate(asked | former)  # a question that was asked before these keys were there
    build = BuildInterfaceMaker.of(system, [LCO, COO], None, "a place in a recipe").job_for("LCO|CoO")
    ready = BuildInterfaceMaker.of(system, [], _lih(), "").job_for("ready")
    stack, bulk = Relax(relax_cell="height", keep_symmetry=False), Relax(keep_symmetry=False)
    maker = ChooseInterfaceMaker(
        engine=Engine("chgnet"), stack=stack.model_dump(mode="json"), bulk=bulk.model_dump(mode="json")
    )
    planned = _jobs(Flow([build, ready, maker.job_for(build.output, "LCO|CoO")]))
    record = {"form": "periodic", "strain": 0.01, "atoms": {"LCO": 2}}
    built = BuiltInterfaces(
        label="LCO|CoO",
        candidates=[
            Candidate(structure=_lih(), cell=0, record=record),
            Candidate(structure=_moved(_lih()), cell=0, record=record),
        ],
        references=[References(bulks={"a": _lih(), "b": _lih()}, slabs={"a": _lih(), "b": _lih()})],
        materials={"a": "LCO", "b": "CoO"},
    )
    replaced: Any = ChooseInterfaceMaker.make.original(maker, built, "LCO|CoO")  # type: ignore[attr-defined]
    return [*planned, *_jobs(replaced.replace)]


def _whole(flow: Flow) -> list[Job]:
    """The jobs of a flow, and those that it would add."""
    planned = _jobs(flow)
    return [*planned, *added_jobs(planned)]


def _replacements(branch: Job, cells: Mapping[str, Structure]) -> Iterator[Job]:
    function = getattr(branch.function, "original", branch.function)
    arguments = [_stand_in(argument, cells) for argument in branch.function_args]
    made = arguments if branch.maker is None else [branch.maker, *arguments]
    response = function(*made, **branch.function_kwargs)
    jobs = [job for job in response.replace.jobs if isinstance(job, Job)]
    known = {**cells, **dict(_cells(jobs, cells))}
    for job in jobs:
        yield job
        if _decides_on_energies(job):
            yield from _replacements(job, known)


def _stand_in(argument: Any, cells: Mapping[str, Structure]) -> Any:
    if isinstance(argument, list):
        return [float(k) if _asks_for(item, "energy") else _stand_in(item, cells) for k, item in enumerate(argument)]
    return cells[argument.uuid] if isinstance(argument, OutputReference) else argument


def _asks_for(item: Any, attribute: str) -> bool:
    return isinstance(item, OutputReference) and bool(item.attributes) and item.attributes[-1][1] == attribute


def _decides_on_energies(job: Job) -> bool:
    return not isinstance(job.maker, CalculationMaker | BuildInterfaceMaker | ChooseInterfaceMaker)


def _cells(jobs: Iterable[Job], before: Mapping[str, Structure] | None = None) -> Iterator[tuple[str, Structure]]:
    """The cells that calculations start from, by the identity of the calculation."""
    known = dict(before or {})
    for job in jobs:
        given = job.function_args[0] if isinstance(job.maker, CalculationMaker) else None
        start = known.get(given.uuid) if isinstance(given, OutputReference) else given
        if start is not None:
            known[job.uuid] = start
            yield job.uuid, start


def _hops(engine: Engine) -> list[Job]:
    """A lithium hop, and a metal onto a lithium site."""
    cell, found = prepared_cell(conventional(LCO), LCO), list[Job]()
    for element in ("Li", "Co"):
        (hop, *_) = hops(cell, element, 4.0, "Li")
        made = hop_jobs((cell, cell), f"{element} hop", [hop], ((2, 2, 1), "Li"), engine, BandTask(3))
        found += [made.build, *made.relaxations, *made.bands]
    return _jobs(Flow(found))


def _jobs(flow: Flow) -> list[Job]:
    return [job for job in content_address(flow)[0].jobs if isinstance(job, Job)]


def _identified(job: Job) -> Job:
    """A single job under its identity, as it is: in a flow, a job is read back from its serialised form."""
    job.set_uuid(identity(job))
    return job


def _state() -> Restart:
    return Restart(
        step=3,
        timestep=2.0,
        thermostat="none",
        temperature=300.0,
        damping=100.0,
        positions=[[0.1, 0.2, 0.3]] * 2,
        momenta=[[0.0] * 3] * 2,
    )


def _lih() -> Structure:
    return Structure(Lattice(2.0 * (1 - np.eye(3))), ["Li+", "H-"], [[0, 0, 0], [0.5, 0.5, 0.48]])


def _lco() -> Structure:
    return prepared_cell(conventional(LCO).make_supercell((2, 1, 1)), LCO)


def _moved(structure: Structure) -> Structure:
    return structure.copy().translate_sites([0], [0.01, 0, 0])


def _golden() -> dict[str, Any]:
    """What ``identities.json`` holds: all direct jobs, the first planned job of each kind, a digest of each plan."""
    shown: dict[str, str] = {}
    plans: dict[str, Any] = {}
    kinds: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        fix_versions(patch)
        direct = {key: job.uuid for key, job in direct_jobs().items()}
        for place in PLANS:
            jobs = planned_jobs(*place)
            plans["/".join(place)] = summary(list(jobs.values()))
            for key, job in jobs.items():
                kind = f"{key.split('/')[2]}/{kind_of(job)}"  # the step, beside what the job is
                if kind not in kinds:
                    kinds.add(kind)
                    shown[key] = job.uuid
    return {"plans": plans, "planned": shown, "direct": direct}


if __name__ == "__main__":
    print(json.dumps(_golden(), indent=1))
