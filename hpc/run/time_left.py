"""How long a run on this machine still takes: from the times of jobs of the same kind, and nothing before there are
any."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..store.campaign_store import CampaignStore

if TYPE_CHECKING:
    from ...workflows.plan.builder import PlannedJob
    from .local import Event

__all__ = ["TimeLeft", "measured_times"]

#: jobs of one kind that must have been timed before others of it are forecast
_FEWEST = 3
#: former jobs that are looked at, the latest first
_FORMER = 500
#: engine and kind of a calculation
_Kind = tuple[str, str]


def measured_times(store: CampaignStore) -> list[tuple[_Kind, float]]:
    """Return the kind of each finished job that this machine computed, and its wall time over its estimate.

    Parameters
    ----------
    store : CampaignStore
    """
    here = {"state": "done", "host": socket.gethostname(), "wall_seconds": {"$gt": 0}, "cost_seconds": {"$gt": 0}}
    found = list(store.states.find(here))
    latest = sorted(found, key=lambda record: str(record.get("finished")))[-_FORMER:]
    return [((r["engine"], r["kind"]), r["wall_seconds"] / r["cost_seconds"]) for r in latest]


class TimeLeft:
    """The time that the jobs of a run still take, as an interval.

    A job takes its estimate times a ratio; the ratios of timed jobs of its kind, the least and the largest, make the
    interval. Several workers need at least the work over their number and at least the longest chain of jobs, and at
    most the work over their number with that chain behind it (R. L. Graham, SIAM J. Appl. Math. 17, 416 (1969)).

    Parameters
    ----------
    jobs : sequence of PlannedJob
        Of the plan; a job that another one adds is counted and not forecast.
    workers : int
        Jobs side by side.
    former : iterable of (kind, ratio)
        From :func:`measured_times`.
    """

    def __init__(self, jobs: Iterable[PlannedJob], workers: int, former: Iterable[tuple[_Kind, float]]) -> None:
        self.jobs = {job.key: job for job in jobs}
        self.workers = max(1, workers)
        self.ratios: dict[_Kind, list[float]] = {}
        for kind, ratio in former:
            self.ratios.setdefault(kind, []).append(ratio)
        self.ended: set[str] = set()
        self.begun: dict[str, float] = {}

    def take(self, event: Event, now: float | None = None) -> None:
        """Note what became of a job.

        Parameters
        ----------
        event : Event
        now : float, optional
            s, of a clock that never goes back; that of this process where left out.
        """
        if event.state == "running":
            self.begun[event.key] = time.monotonic() if now is None else now
            return
        self.ended.add(event.key)
        job = self.jobs.get(event.key)
        if event.state == "done" and job is not None and job.cost_seconds > 0 and event.seconds > 0:
            self.ratios.setdefault((job.engine, job.kind), []).append(event.seconds / job.cost_seconds)

    def interval(self, now: float | None = None) -> tuple[float, float, int] | None:
        """Return the least and the largest time, s, and how many jobs are not in it; None where no job can be forecast.

        Parameters
        ----------
        now : float, optional
            As for :meth:`take`.
        """
        clock = time.monotonic() if now is None else now
        left = [job for key, job in self.jobs.items() if key not in self.ended]
        timed = [job for job in left if len(self.ratios.get((job.engine, job.kind), ())) >= _FEWEST]
        if not timed:
            return None
        bounds = []
        for pick in (min, max):
            seconds = {}
            for job in timed:
                whole = job.cost_seconds * pick(self.ratios[job.engine, job.kind])
                seconds[job.key] = max(whole - (clock - self.begun.get(job.key, clock)), 0.0)
            bounds.append((sum(seconds.values()) / self.workers, _longest_chain(timed, seconds)))
        (least, least_chain), (most, most_chain) = bounds
        longest = most + (1 - 1 / self.workers) * most_chain
        return max(least, least_chain), longest, len(left) - len(timed)

    def told(self, event: Event) -> str:
        """Take an event and return what to say of the time left; empty while nothing is known."""
        self.take(event)
        if event.state == "running" or (found := self.interval()) is None:
            return ""
        least, most, unknown = found
        others = f", and {unknown} {'job' if unknown == 1 else 'jobs'} of kinds not timed yet" if unknown else ""
        return f"{_span(least, most)} left{others}"


def _longest_chain(jobs: Iterable[PlannedJob], seconds: Mapping[str, float]) -> float:
    """The longest sum of times along jobs that wait for each other, s."""
    parents: dict[str, list[str]] = {job.key: [key for key in job.depends_on if key in seconds] for job in jobs}
    ends: dict[str, float] = {}
    waiting = list(parents)
    while waiting:
        key = waiting.pop()
        missing = [parent for parent in parents[key] if parent not in ends]
        if missing:
            waiting += [key, *missing]
        elif key not in ends:
            ends[key] = seconds[key] + max((ends[parent] for parent in parents[key]), default=0.0)
    return max(ends.values(), default=0.0)


def _span(least: float, most: float) -> str:
    """An interval of times in one unit: 40 to 90 s, 3 to 8 min, 2 to 5 h."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if most >= 2 * size:
            low, high = least / size, most / size
            digits = 1 if high < 10 and unit == "h" else 0
            return f"{low:.{digits}f} to {high:.{digits}f} {unit}"
    return f"{least:.0f} to {most:.0f} s"
