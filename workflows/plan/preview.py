"""Jobs that a flow adds while it runs, as they would be if nothing moved: their settings are final, their cells are
stand-ins.

A branching job is asked what it would be replaced by, with the cells as built in place of relaxed ones and energies in
the order in which the cells stand. What is chosen by energy may be another cell later; how it is calculated will not
be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobflow import Flow, Job, OutputReference
from pymatgen.core.structure import Structure

from ..engines.engine import CalculationMaker
from ..flows.across import StackVacanciesMaker
from ..flows.ordering import refine
from ..flows.oxygen_loss import LadderMaker, calculate_again, lose_oxygen
from ..flows.substitution import compare_oxygen
from ..identity import iter_jobs

__all__ = ["added_jobs"]

#: functions whose replacement follows from energies and structures alone
_BRANCHES = {function.__name__ for function in (refine, lose_oxygen, calculate_again, compare_oxygen)}
#: and makers
_MAKERS = (LadderMaker, StackVacanciesMaker)


def added_jobs(job: Job, cells: Mapping[str, Structure]) -> Iterator[tuple[Job, Structure]]:
    """Yield every calculation that a branching job of orderings, of oxygen loss or of vacancies in a stack would add,
    with the cell that it would start from.

    Parameters
    ----------
    job : Job
        Any job; others than these yield nothing.
    cells : mapping of str to Structure
        Starting cells of the calculations before it, by uuid.
    """
    if not _branches(job):
        return
    known = dict(cells)
    replacement = _replacement(job, known)
    for added in iter_jobs(replacement):
        if isinstance(added.maker, CalculationMaker):
            given = added.function_args[0]
            known[added.uuid] = given if isinstance(given, Structure) else known[given.uuid]
            yield added, known[added.uuid]
        else:
            yield from added_jobs(added, known)


def _branches(job: Job) -> bool:
    return isinstance(job.maker, _MAKERS) or getattr(job.function, "__name__", "") in _BRANCHES


def _replacement(job: Job, cells: Mapping[str, Structure]) -> Flow:
    """What a branching job answers where its inputs are stand-ins."""
    arguments = [_stand_in(argument, cells) for argument in job.function_args]
    roles = job.function_kwargs
    function = getattr(job.function, "original", job.function)
    response = function(job.maker, *arguments) if isinstance(job.maker, _MAKERS) else function(*arguments, **roles)
    flow: Flow = response.replace
    return flow


def _stand_in(argument: Any, cells: Mapping[str, Structure]) -> Any:
    """References replaced by the cells they start from, energies by their place in the list."""
    if isinstance(argument, list):
        return [float(k) if _attribute(item) == "energy" else _stand_in(item, cells) for k, item in enumerate(argument)]
    return cells[argument.uuid] if isinstance(argument, OutputReference) else argument


def _attribute(item: Any) -> str:
    return str(item.attributes[-1][1]) if isinstance(item, OutputReference) and item.attributes else ""
