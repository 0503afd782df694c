"""The README typed by a user: every line of its shell blocks, in their order, in a fresh copy of the package with a
home and a store of its own."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catholyte.tests.support.docs.doc_blocks import README, ROOT, blocks, lines_of
from catholyte.tests.support.former.former_stores import unpack
from catholyte.tests.support.motion.trajectory_texts import walk, xdatcar
from catholyte.tests.support.vasp.recorded import RECORDED, generated

#: the recorded run where it is, else the generated one of the same name
VASPRUN = (RECORDED if RECORDED.is_dir() else generated()) / "atomate2_MgMn2O4_afm_static_vasprun.xml.gz"
#: line → why it is not run as it stands, and what is run in its place
INSTEAD = {
    "make demo": ("installs gigabytes and computes for a quarter of an hour", "make --dry-run .venv/gpaw.stamp"),
    "make test": ("runs this test", "make --dry-run test"),
    "source .venv/bin/activate": ("the environment of this test stands in for it", ":"),
    "catholyte run gsirr": ("ten minutes of GPAW; its finished campaign is put in place", "test -d catholyte-store"),
    "catholyte import ~/vasp --recipe gsirr": (
        "folders of one's own; one run stands for them",
        f"catholyte import {VASPRUN} --store imported",
    ),
    "catholyte board": ("serves until it is stopped", "catholyte board --static board"),
    "catholyte run gsirr --only interface": ("hours of molecular dynamics", "catholyte plan gsirr --only interface"),
    "catholyte run nmc532-lgps --only oxygen_loss": (
        "hours of relaxations",
        "catholyte plan nmc532-lgps --only oxygen_loss",
    ),
    "sudo apt-get install libxc-dev libopenblas-dev libfftw3-dev openmpi-bin libopenmpi-dev libscalapack-mpi-dev": (
        "needs root and a network",
        ":",
    ),
    "GPAW_CONFIG=$PWD/siteconfig.py pip install --no-cache-dir --force-reinstall --no-deps -c constraints.txt gpaw": (
        "compiles against the line before",
        "cat siteconfig.py",
    ),
    "catholyte doctor --cluster mycluster": (
        "a real queue is driven by the tests marked slurm",
        "catholyte doctor --help",
    ),
    "catholyte submit gsirr --engine vasp --cluster mycluster": (
        "a real queue is driven by the tests marked slurm",
        "catholyte submit --help",
    ),
    "catholyte tend --cluster mycluster": ("a real queue is driven by the tests marked slurm", "catholyte tend --help"),
    "catholyte retry --paused --cluster mycluster": (
        "a real queue is driven by the tests marked slurm",
        "catholyte retry --help",
    ),
    "catholyte cancel gsirr --cluster mycluster": (
        "a real queue is driven by the tests marked slurm",
        "catholyte cancel --help",
    ),
}
#: commands that run among the slow tests only: the others take less than twenty seconds of a processor together
LONG = (
    "plan",
    "run",
    "report",
    "board",
    "materials",
    "interfaces",
    "substitute",
    "screen",
    "bands",
    "vacancies",
    "doctor",
    "claims",
    "import",
    "orderings",
    "reconstruct",
)
LINES = [line for _, text in blocks(README, "console") for line in lines_of(text)]


def is_long(line: str) -> bool:
    """Whether the line, or what stands in for it, is left to the slow tests."""
    return any(f"catholyte {command}" in INSTEAD.get(line, ("", line))[1] for command in LONG)


def typed(lines: list[str], folder: Path) -> Path:
    """Run lines in one shell, in a copy of the package; returns the copy. A line that fails is the last one of the
    message."""
    # compiled modules come along, and nothing is compiled again; not those that are being written
    left_out = shutil.ignore_patterns(
        ".git", ".venv", "build", "*.egg-info", "*.pyc.*", ".*_cache", ".hypothesis", "tests", "catholyte-store"
    )
    copy = Path(shutil.copytree(ROOT, folder / "catholyte", ignore=left_out))
    unpack("shipped", copy / "catholyte-store")
    frames = walk(200)
    for name, part in (("XDATCAR.1", slice(0, 100)), ("XDATCAR.2", slice(100, 200))):
        (copy / name).write_text(xdatcar(frames.select(part)))
    shutil.copy(VASPRUN, copy / "vasprun.xml.gz")
    subprocess.run(["gunzip", "vasprun.xml.gz"], cwd=copy, check=True)
    mine = "import catholyte, sys; sys.exit(not catholyte.__file__.startswith(sys.argv[1]))"
    script = f"set -euo pipefail\n{shlex.quote(sys.executable)} -P -c {shlex.quote(mine)} {shlex.quote(str(copy))}\n"
    for line in lines:
        script += f"echo {shlex.quote('$ ' + line)} >&2\n{INSTEAD.get(line, ('', line))[1]}\n"
    (folder / "home").mkdir()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environment = {
        "PATH": path,
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(folder),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=copy, env=environment, capture_output=True, text=True, timeout=3000, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return copy


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_every_line_that_is_not_run_has_its_reason() -> None:
    shipped = set(INSTEAD) - {"catholyte bands vasprun.xml --orbital O-2p"}
    assert shipped <= set(LINES), shipped - set(LINES)
    assert all(reason for reason, _ in INSTEAD.values())


def test_the_quick_lines_of_the_readme_run(tmp_path: Path) -> None:
    lines = [line for line in LINES if not is_long(line)]
    assert len(lines) > len(LINES) / 2
    copy = typed(lines, tmp_path)
    for folder in ("slabs", "glass", "motion"):
        assert files(copy / folder) > 0, folder
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {".cache", ".config"}  # matplotlib's


@pytest.mark.slow
def test_the_whole_readme_runs_in_its_order(tmp_path: Path) -> None:
    copy = typed(LINES, tmp_path)
    for folder in (
        "slabs",
        "cells",
        "stacks",
        "orderings",
        "defects",
        "rebuilt",
        "tungsten",
        "glass",
        "screen",
        "motion",
    ):
        assert files(copy / folder) > 0, folder
    assert "LCO" in (copy / "report" / "report.html").read_text(encoding="utf-8")
    assert (copy / "board" / "index.html").is_file()
    assert "scalapack" in (copy / "siteconfig.py").read_text()
