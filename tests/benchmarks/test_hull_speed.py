"""Speed of the hull engine against pymatgen in the same run, on 500 entries of eight elements. CPU seconds, best of
several."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from catholyte.analysis.thermodynamics.hull import Phases
from catholyte.tests.support import phase_sets
from catholyte.tests.support.phase_sets import EIGHT, large_set
from catholyte.tests.support.referees.evidence import Evidence

TIMES_FASTER = 100


def best(work: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of the fastest of several calls."""
    times = []
    for _ in range(repeats):
        clock = time.process_time()
        work()
        times.append(time.process_time() - clock)
    return min(times)


@pytest.fixture(scope="module")
def phases() -> Phases:
    return Phases.of(large_set(), EIGHT)


@pytest.fixture(scope="module")
def diagram() -> tuple[Any, float]:
    """pymatgen's diagram and the CPU seconds to build it."""
    toy = large_set()
    clock = time.process_time()
    return phase_sets.referee(toy, EIGHT), time.process_time() - clock


@pytest.mark.benchmark
def test_energies_above_the_hull(phases: Phases, diagram: tuple[Any, float], measured: Evidence) -> None:
    peer, built = diagram
    theirs = best(lambda: [peer.get_e_above_hull(entry) for entry in peer.all_entries], 1)
    ours = best(lambda: phases.energies - phases.hull_energies(phases.fractions.T), 5)
    unused = iter([large_set() for _ in range(3)])
    fresh = best(lambda: Phases.of(next(unused), EIGHT).above_hull, 3)
    what = f"energies above the hull of {len(phases.entries)} entries of eight elements"
    print(f"with building on both sides: {(theirs + built) / fresh:.0f} times faster, {len(peer.facets)} facets")
    measured.faster(what, ours, theirs, peer="pymatgen: PhaseDiagram.get_e_above_hull", times=TIMES_FASTER)


_UNSET = """
import time
from catholyte.analysis.thermodynamics.hull import Phases
from catholyte.tests.support.phase_sets import EIGHT, large_set
phases = Phases.of(large_set(), EIGHT)
times = []
for _ in range(8):
    clock = time.process_time()
    phases.hull_energies(phases.fractions.T)
    times.append(time.process_time() - clock)
print(min(times))
"""


@pytest.mark.benchmark
def test_energies_above_the_hull_of_a_caller_who_sets_no_threads(measured: Evidence) -> None:
    """A process whose environment leaves the number of BLAS threads to the library, against one with a single thread
    (0.33 against 0.025 CPU s when every product was one call of BLAS)."""
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}

    def seconds(environment: dict[str, str]) -> float:
        command = [sys.executable, "-c", _UNSET]
        return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)

    one = {**free, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    measured.costs(
        "energies above the hull of 500 entries of eight elements, threads left to BLAS",
        seconds(free),
        seconds(one),
        peer="the same with one BLAS thread",
        at_most=1.3,
    )


@pytest.mark.benchmark
def test_kinks_of_a_pair(phases: Phases, diagram: tuple[Any, float], measured: Evidence) -> None:
    """One pair at a time, and 1000 pairs together, against `get_kinks` on a diagram that is built already."""
    from pymatgen.analysis.interface_reactions import InterfacialReactivity

    rng = np.random.default_rng(0)
    pairs = [
        tuple(phases.entries[i].composition for i in rng.choice(len(phases.entries), 2, replace=False))
        for _ in range(8)
    ]
    referees = [InterfacialReactivity(a, b, diagram[0], use_hull_energy=True) for a, b in pairs]
    theirs = sum(best(referee.get_kinks, 1) for referee in referees) / len(pairs)
    ours = sum(best(lambda a=a, b=b: phases.tie_line(a, b), 5) for a, b in pairs) / len(pairs)  # type: ignore[misc]
    ends = phases.fractions.T[rng.integers(len(phases.entries), size=(2, 1000))]
    together = best(lambda: phases.tie_lines(ends[0], ends[1]), 3) / 1000
    for what, seconds in (("alone", ours), ("among 1000", together)):
        measured.faster(
            f"kinks of a pair on that hull, {what}",
            seconds,
            theirs,
            peer="pymatgen: InterfacialReactivity.get_kinks",
            times=TIMES_FASTER,
        )


_MANY = """
import resource, sys, time
import numpy as np
from catholyte.tests.support.phase_sets import large_set
from catholyte.analysis.thermodynamics.reactions import react_many
toy = large_set()
rng = np.random.default_rng(0)
names = [entry.formula for entry in toy.entries]
pairs = [tuple(names[i] for i in rng.choice(len(names), 2, replace=False)) for _ in range(10_000)]
wall, clock = time.perf_counter(), time.process_time()
curves = react_many(pairs, toy)
products = sum(len(curve.products(int(curve.mutual.argmin()))) for curve in curves)
print(time.perf_counter() - wall, time.process_time() - clock, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, sum(len(c.x) for c in curves), products)
"""


@pytest.mark.benchmark
def test_ten_thousand_pairs(measured: Evidence) -> None:
    """Names resolved, all kinks, and the products at the deepest one of each: wall seconds and peak memory of a whole
    process."""
    told = subprocess.run([sys.executable, "-c", _MANY], capture_output=True, text=True, check=True).stdout.split()
    wall, clock, memory = (float(value) for value in told[:3])
    print(f"{clock:.1f} CPU s, {told[3]} kinks")
    measured.within("reactions of 10,000 pairs on that hull", wall, "s", limit=60)
    measured.within("reactions of 10,000 pairs: memory of the process", memory, "MB", limit=1000)
