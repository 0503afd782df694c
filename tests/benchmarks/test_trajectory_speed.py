"""Reading an XDATCAR of 10,000 frames of 200 atoms against pymatgen and ASE, each the whole file once, in one run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catholyte.analysis.motion.displacement import Displacements
from catholyte.analysis.motion.pair_function import PairCounter
from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.tests.support.motion.trajectory_texts import head, walk
from catholyte.tests.support.referees.evidence import Evidence

FRAMES, SPECIES = 10_000, ("Li",) * 48 + ("Co",) * 36 + ("O",) * 84 + ("S",) * 32
CELL = np.array([[11.0, 0.0, 0.0], [-3.0, 12.0, 0.0], [0.5, 1.0, 19.0]])


def _cpu(call: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Least CPU seconds of several calls, and the last result."""
    times, result = [], None
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
    return min(times), result


def _peak(code: str, file: Path) -> float:
    """Most memory, MB, that a process of its own holds which runs `code` for each `block` of the file.

    Linux counts it anew for a new program (VmHWM); getrusage would begin with what this process holds.
    """
    program = f"""
import sys
from pathlib import Path
from catholyte.analysis.motion.displacement import Displacements, msd_curves
from catholyte.analysis.motion.pair_function import PairCounter
from catholyte.analysis.trajectories.reader import open_trajectory
trajectory = open_trajectory([Path(sys.argv[1])], 2.0)
counter, moved = PairCounter(trajectory.species, 5.0, strides=((40, None),)), Displacements(trajectory.species)
for block in trajectory.blocks():
    {code}
if moved.first is not None:
    msd_curves(moved)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True, cwd=file.parent
    )
    return float(done.stdout) / 1024


@pytest.fixture(scope="module")
def xdatcar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As VASP writes it: eight decimals in columns of twelve."""
    file = tmp_path_factory.mktemp("long") / "XDATCAR"
    row = "{:12.8f}{:12.8f}{:12.8f}\n" * len(SPECIES)
    with file.open("w") as text:
        text.write(head(SPECIES, CELL))
        for block in walk(FRAMES, CELL, 0.02, species=SPECIES).blocks(500):
            for step, fractional in zip(block.steps, block.fractional(), strict=True):
                text.write(f"Direct configuration={step:6d}\n{row.format(*fractional.ravel())}")
    return file


def _read(file: Path) -> tuple[int, np.ndarray]:
    count, last = 0, np.empty(0)
    for block in open_trajectory([file], 2.0).blocks():
        count += len(block)
        last = block.positions[-1]
    return count, last


@pytest.mark.benchmark
@pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # pymatgen's Xdatcar
def test_xdatcar_against_pymatgen_and_ase(xdatcar: Path, measured: Evidence) -> None:
    """At least 40 times faster than pymatgen's Xdatcar and 5 times faster than ASE's reader, in less than 1 GB."""
    ours, (count, last) = _cpu(lambda: _read(xdatcar), 3)
    memory = _peak("pass", xdatcar)
    import ase.io
    from pymatgen.io.vasp.outputs import Xdatcar

    with_ase, images = _cpu(lambda: ase.io.read(str(xdatcar), index=":", format="vasp-xdatcar"))
    np.testing.assert_allclose(images[-1].positions, last, atol=1e-9)
    assert count == len(images) == FRAMES
    del images
    with_pymatgen, run = _cpu(lambda: Xdatcar(str(xdatcar)))
    np.testing.assert_allclose(run.structures[-1].cart_coords, last, atol=1e-9)
    what = f"reading an XDATCAR of {FRAMES:,} frames of {len(SPECIES)} atoms"
    measured.faster(what, ours, with_ase, peer="ase: ase.io.read", times=5)
    measured.faster(what, ours, with_pymatgen, peer="pymatgen: Xdatcar", times=40)
    measured.within(f"{what}: memory of the process", memory, "MB", limit=1000)


@pytest.mark.benchmark
def test_pair_functions_and_displacements_against_ase(xdatcar: Path, measured: Evidence) -> None:
    """All partial pair functions at least 10 times faster than one of ASE's, per frame; the displacements of all frames
    in less than 1 GB."""
    from ase import Atoms
    from ase.geometry.rdf import get_rdf

    blocks = list(open_trajectory([xdatcar], 2.0, 64).blocks())[:4]
    counter, moved = PairCounter(SPECIES, 5.0, 0.05), Displacements(SPECIES)
    pairs, _ = _cpu(lambda: counter.add(blocks[0]), 3)
    ways, _ = _cpu(lambda: [moved.add(block) for block in blocks])
    images = [Atoms(SPECIES, positions=blocks[0].positions[i], cell=CELL, pbc=True) for i in range(4)]
    theirs, _ = _cpu(lambda: [get_rdf(atoms, 5.0, 100, elements=("Co", "O")) for atoms in images])
    memory = _peak("counter.add(block); moved.add(block)", xdatcar)
    ours = pairs / len(blocks[0])
    print(f"displacements {1e3 * ways / 256:.2f} ms a frame")
    what = "all ten pair functions of a frame against one of them"
    measured.faster(what, 1e3 * ours, 250 * theirs, peer="ase: get_rdf", times=10, unit="CPU ms")
    measured.within(
        "pair functions (every 40th frame) and displacements of all frames: memory of the process",
        memory,
        "MB",
        limit=1000,
    )
