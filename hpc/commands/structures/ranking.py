"""Ranking arrangements with an engine: its jobs run on this machine and are kept in a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ....configs.errors import CalculationError
from ..options import require_known
from ..output import narrate_event

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....workflows.documents import CalculationDocument

__all__ = ["engine_documents", "job_results", "ranked_documents", "require_ranking"]

_RELAXED = "-relaxed"


def require_ranking(rank: str) -> None:
    """Refuse an unknown value of ``--rank``.

    It is ``ewald``, the electrostatic energy of the oxidation states as point charges; a potential such as ``chgnet``,
    its energy of the unrelaxed cell; or ``chgnet-relaxed``, after atoms and cell have relaxed.

    Raises
    ------
    UnknownNameError
        With the values that exist.
    """
    from ....workflows.engines.registry import potential_names

    require_known("--rank", rank, ["ewald", *(n + end for n in potential_names() for end in ("", _RELAXED))], "ranking")


def ranked_documents(cells: Sequence[Structure], label: str, rank: str, store: str | None) -> list[CalculationDocument]:
    """Compute cells with a potential, relaxed where the ranking says so; return their documents in the same order."""
    from ....workflows.engines.engine import Engine
    from ....workflows.engines.tasks import Relax
    from ....workflows.flows.ordering import ranking_flow

    relaxation = Relax(max_force=0.05, keep_symmetry=False) if rank.endswith(_RELAXED) else None
    return engine_documents(ranking_flow(cells, label, Engine(rank.removesuffix(_RELAXED)), relaxation), store)


def engine_documents(flow: Any, store: str | None) -> list[CalculationDocument]:
    """Run a flow of calculations in a store and return their documents in the order of the jobs.

    Raises
    ------
    CalculationError
        Naming the first job that failed.
    """
    found: list[CalculationDocument] = job_results(flow, store)
    return found


def job_results(flow: Any, store: str | None, *, arrays: bool = False) -> list[Any]:
    """Run a flow in a store and return what its jobs answered, in their order; with trajectories where asked.

    Raises
    ------
    CalculationError
        Naming the first job that failed.
    """
    from ....workflows.identity import content_address, iter_jobs
    from ...run.local import run_flow
    from ...store.campaign_store import open_store
    from ...store.ledger import job_record

    wanted = [job.uuid for job in flow.jobs]
    addressed, renamed = content_address(flow)
    opened = open_store(store)
    records = [job_record(job.uuid, 1, job.name) for job in iter_jobs(addressed)]
    summary = run_flow(opened, addressed, records, narrate_event)
    if summary.failed:
        raise CalculationError(
            f"{len(summary.failed)} of {len(records)} jobs failed, the first is {summary.names[summary.failed[0]]!r}",
            "catholyte why JOB gives the cause",
        )
    read = opened.records()
    return [read.result(renamed[uuid], arrays) for uuid in wanted]
