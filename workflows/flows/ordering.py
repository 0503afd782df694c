"""The host among orderings: all relaxed and ranked by one engine, the lowest refined by another, the lowest of these
taken on.

Both choices are made while the flow runs, on plain energies: a branching job is replaced by the
calculations that follow from its choice, under content-derived uuids like those planned ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference, Response, job
from monty.json import MSONable
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, StructureError
from ...configs.models import Method
from ...configs.steps.oxygen_loss import OrderingPlan
from ..engines.engine import CalculationMaker, Engine
from ..engines.tasks import Relax, Static, Task
from ..identity import content_address
from ..roles import Host, Ordering

__all__ = ["Level", "lowest", "ordering_flow", "ranking_flow", "refine"]


@dataclass(frozen=True)
class Level(MSONable):
    """An engine with its level of theory.

    Parameters
    ----------
    engine : Engine
    method : dict, optional
        A dumped :class:`~catholyte.configs.models.Method`, for an engine that needs one.
    single_points : Level, optional
        Level at which energies are calculated once more, at the cells that this one has relaxed.
    """

    engine: Engine
    method: dict[str, Any] | None = None
    single_points: Level | None = None

    def __post_init__(self) -> None:
        if self.engine.backend.needs_method and self.method is None:
            raise InputError(f"engine {self.engine.name} needs a level of theory: functional, cutoff, mesh and U")

    def handing_on(self) -> Level:
        """This level with an engine that keeps what a job after it can begin with."""
        return Level(self.engine.handing_on(), self.method, self.single_points)

    def maker(self, task: Task) -> CalculationMaker:
        """Return the maker of a calculation at this level."""
        method = Method.model_validate(self.method) if self.method is not None else None
        return self.engine.maker(task.model_copy(update={"method": method}))


def lowest(energies: Sequence[float], n: int) -> list[int]:
    """Return the indices of the `n` lowest energies, lowest first; of equal ones the first counts."""
    return sorted(range(len(energies)), key=lambda k: (energies[k], k))[:n]


def ordering_flow(
    cells: Sequence[Structure],
    label: str,
    plan: OrderingPlan,
    ranking: Engine,
    refining: tuple[Level, Relax, Maker | None],
) -> Flow:
    """Return the jobs that rank orderings and refine the lowest.

    Parameters
    ----------
    cells : sequence of Structure
        Ordered cells of one composition, with moments and oxidation states.
    label : str
        Name of the material. Documents are labelled ``LABEL ordering K`` and, refined, ``LABEL host K``.
    plan : OrderingPlan
    ranking : Engine
        With one built-in level of theory (``chgnet``).
    refining : tuple of Level, Relax, Maker
        Level and convergence of the ``plan.keep`` lowest, and what goes on with the lowest of these: a
        maker whose `make` takes energies (eV), structures and the label, or None.

    Returns
    -------
    Flow
        Relaxations and one branching job. The host is the lowest of the documents ``LABEL host K``.

    Raises
    ------
    InputError, StructureError
        As :func:`~catholyte.workflows.flows.ordering.ranking_flow`.
    """
    relaxation = Relax(
        max_force=plan.max_force, max_steps=plan.max_steps, relax_cell=plan.relax_cell, keep_symmetry=False
    )
    ranked = ranking_flow(cells, label, ranking, relaxation)
    level, task, then = refining
    jobs = [one for one in ranked.jobs if isinstance(one, Job)]
    branch = refine(
        [one.output.energy for one in jobs],
        [one.output.structure for one in jobs],
        label,
        plan.keep,
        (level, task.model_dump(mode="json"), then),
    )
    branch.name = f"{label} choice of orderings"
    return Flow([ranked, branch], name=f"{label} host among {len(jobs)} orderings")


@job
def refine(
    energies: list[float],
    structures: list[Structure],
    label: str,
    keep: int,
    refining: tuple[Level, dict[str, Any], Maker | None],
) -> Response[Any]:
    """Be replaced by relaxations of the `keep` lowest cells, and by what goes on with the lowest of these.

    Parameters
    ----------
    energies : list of float
        eV per cell, all of one composition and level of theory.
    structures : list of Structure
    label : str
    keep : int
    refining : tuple
        As in :func:`ordering_flow`, with the task dumped.
    """
    level, task, then = refining
    jobs = host_jobs([structures[k] for k in lowest(energies, keep)], label, level, Relax.model_validate(task))
    return Response(replace=content_address(continued(jobs, label, then))[0])


def host_jobs(cells: Sequence[Structure | OutputReference], label: str, level: Level, task: Relax) -> list[Job]:
    """Return the relaxations ``LABEL host K`` of candidates for the host."""
    maker = level.maker(task)
    return [maker.job_for(cell, f"{label} host {k}", role=Host(of=label, number=k)) for k, cell in enumerate(cells, 1)]


def continued(jobs: Sequence[Job], label: str, then: Maker | None) -> Flow:
    """Return the jobs, followed by the maker that goes on with their energies and structures, where there is one."""
    members: list[Flow | Job] = list(jobs)
    if then is not None:
        follow = then.make([one.output.energy for one in jobs], [one.output.structure for one in jobs], label)
        follow.name = f"{label} {then.name}"
        members.append(follow)
    return Flow(members, name=f"{label} host")


def ranking_flow(structures: Sequence[Structure], label: str, engine: Engine, relaxation: Relax | None = None) -> Flow:
    """Return one job per arrangement: a single point, or a relaxation where one is given.

    Parameters
    ----------
    structures : sequence of Structure
        Ordered cells of one composition, so that energies per cell may be compared.
    label : str
        Name of the material; the jobs are numbered from 1.
    engine : Engine
        With one built-in level of theory (``chgnet``).
    relaxation : Relax, optional
        How far to relax before the energies are compared.

    Raises
    ------
    InputError
        If there is nothing to rank, or the engine needs a level of theory for each material.
    StructureError
        If the compositions differ.
    """
    if not structures:
        raise InputError(f"{label}: there is no arrangement to rank")
    if engine.backend.needs_method:
        raise InputError(
            f"engine {engine.name} needs a level of theory; arrangements are ranked by an engine that has one built "
            "in, e.g. chgnet"
        )
    formulas = {structure.composition.element_composition.formula for structure in structures}
    if len(formulas) > 1:
        raise StructureError(
            f"{label}: energies of different compositions cannot be ranked: {', '.join(sorted(formulas))}"
        )
    maker = engine.maker(relaxation or Static())
    jobs: list[Flow | Job] = [
        maker.job_for(structure, f"{label} ordering {k}", role=Ordering(of=label, number=k))
        for k, structure in enumerate(structures, 1)
    ]
    return Flow(jobs, output=[job.output.energy for job in jobs], name=f"{label} orderings by {engine.name}")
