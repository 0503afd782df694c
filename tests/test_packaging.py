"""The layout's promises: one unique import name, nothing missing from the wheel, nothing stray in it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import catholyte
from catholyte.workflows.engines.engine import CalculationMaker

ROOT = Path(__file__).parents[1]
FOLDERS = ("analysis", "configs", "hpc", "structures", "workflows")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", FOLDERS)
def test_generic_name_is_not_importable(name: str, tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-P", "-c", f"import {name}"], cwd=tmp_path, capture_output=True, check=False)
    assert run.returncode != 0


def test_serialised_name_is_unique() -> None:
    assert CalculationMaker.__module__ == "catholyte.workflows.engines.engine"


def test_every_package_is_listed() -> None:
    listed = PROJECT["tool"]["setuptools"]["packages"]
    found = {
        "catholyte." + ".".join(init.parent.relative_to(ROOT).parts)
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert set(listed) == found | {"catholyte"}


def test_every_data_file_is_packaged() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    packaged = {
        path
        for package, patterns in data.items()
        for pattern in patterns
        for path in (ROOT / Path(*package.split(".")[1:])).glob(pattern)
    }
    shipped = {
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert shipped <= packaged


def test_no_stray_module_at_the_root() -> None:
    assert [p.name for p in ROOT.glob("*.py")] == ["__init__.py"]


def test_version_is_one() -> None:
    assert catholyte.__version__ == PROJECT["project"]["version"]


def test_every_dependency_is_pinned_and_justified() -> None:
    pinned = {
        line.split("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and line[0] != "#"
    }
    named = list(PROJECT["project"]["dependencies"]) + [
        d for extra in PROJECT["project"]["optional-dependencies"].values() for d in extra
    ]
    assert {d.split(">")[0].split("[")[0].lower() for d in named} <= pinned
    text = (ROOT / "pyproject.toml").read_text()
    for dependency in PROJECT["project"]["dependencies"]:
        line = next(line for line in text.splitlines() if f'"{dependency}"' in line)
        assert "# " in line, f"{dependency} has no comment that justifies it"
