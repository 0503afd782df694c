"""Layered, spinel and rock-salt cells of one oxide as relaxations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jobflow import Job

from ...structures.crystals.polymorphs import Polymorph
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..roles import PolymorphCell

__all__ = ["polymorph_jobs"]


def polymorph_jobs(
    cells: Mapping[str, Sequence[Polymorph]], label: str, engine: Engine, task_of: Callable[[Polymorph], Relax]
) -> list[tuple[Job, str, Polymorph]]:
    """Return a relaxation for each cell, with the name of its structure.

    Parameters
    ----------
    cells : mapping of str to sequence of Polymorph
        ``layered``, ``spinel``, ``rock salt``.
    label : str
    engine : Engine
    task_of : callable
        From a cell to its relaxation.
    """
    jobs = []
    for structure, found in cells.items():
        for number, one in enumerate(found, 1):
            role = PolymorphCell(of=label, structure=structure, number=number)
            named = f"{label} {structure} {number}"
            jobs.append((engine.maker(task_of(one)).job_for(one.structure, named, role=role), structure, one))
    return jobs
