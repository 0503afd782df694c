"""Each path of docs/extending.md, done in a copy of the package: it takes the files that the page says, and it works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from catholyte.tests.support.docs.extending import PAGE, applied, copy_of_the_package, edits_of

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
#: heading of the page to the files that the path may take, and what is run in the copy
PATHS: dict[str, tuple[int, list[tuple[str, ...]]]] = {
    "A potential": (
        4,
        # its dynamics are those of every ASE engine, which the contract test holds to the promises beside CHGNet
        [
            (
                *PYTEST,
                "tests/workflows/engines/test_engine_contract.py",
                "-k",
                "(morse or registry) and not second_chunk",
            )
        ],
    ),
    "A material": (1, [(*PYTEST, "tests/configs/test_materials_library.py", "-k", "LiF")]),
    "An analysis": (
        9,
        [
            ("-m", "catholyte.docs.pages.commands"),
            (
                *PYTEST,
                "tests/analysis/cells/test_density.py",
                "tests/analysis/figures/test_all_figures.py",
                "tests/hpc/test_documentation.py",
                "-k",
                "density or densities or page_of_commands or no_figure",
            ),
        ],
    ),
    "A step": (6, [(*PYTEST, "tests/workflows/plan/test_equation_of_state.py", "tests/configs/test_step_kinds.py")]),
}


def _run(root: Path, *arguments: str) -> str:
    path = os.pathsep.join(filter(None, [str(root.parent), os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    return run.stdout


@pytest.mark.parametrize(
    "heading",
    [
        pytest.param(path, marks=pytest.mark.slow if path in ("A step", "A potential", "An analysis") else ())
        for path in PATHS
    ],
)
def test_the_path_takes_the_files_it_says_and_works(heading: str, tmp_path: Path) -> None:
    goal, runs = PATHS[heading]
    root = copy_of_the_package(tmp_path)
    touched = applied(edits_of(heading), root)
    if heading == "An analysis":
        touched.add("docs/commands.md")
    assert len(touched) == goal, sorted(touched)
    anchor = f"(#{heading.lower().replace(' ', '-')})"
    assert f"| {goal}" in next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if anchor in line)
    for arguments in runs:
        told = _run(root, *arguments)
        assert "pytest" not in arguments or " passed" in told
    files = [name for name in sorted(touched) if name.endswith(".py")]
    style = ["-m", "ruff", "check", "--no-cache", "--ignore", "I001", *files]  # `ruff check --fix` sorts imports
    assert "All checks passed" in _run(root, *style)
