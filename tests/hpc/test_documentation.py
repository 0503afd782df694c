"""What the documentation says is what the package does: commands, options and every block of code."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from catholyte.hpc.cli import app
from catholyte.hpc.commands_page import commands_page

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Language and content of the fenced blocks of a page."""
    return [(language, text) for language, text in BLOCK.findall(page.read_text(encoding="utf-8")) if not languages or language in languages]


def lines_of(text: str) -> list[str]:
    """Commands of a console block, comments left out."""
    return [line for line in (re.sub(r"\s+# .*$", "", line).strip() for line in text.splitlines()) if line and not line.startswith("#")]


CALLS = [(page, line) for page in PAGES for _, text in blocks(page, "console") for line in lines_of(text) if line.startswith("catholyte ")]


def test_the_page_of_commands_is_up_to_date() -> None:
    told = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert told == commands_page(), "write it again: python -m catholyte.hpc.commands_page"


def test_every_command_and_option_stands_in_the_documentation() -> None:
    told = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        section = told.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert f"`{option}`" in section, (name, option)
            assert parameter.help, (name, parameter.name)


@pytest.mark.parametrize(("page", "line"), CALLS, ids=[f"{page.name}: {line}" for page, line in CALLS])
def test_every_call_in_the_documentation_is_understood(page: Path, line: str) -> None:
    first, *_ = re.split(r"\s(?:[|>]|2>)", line, maxsplit=1)
    _, name, *arguments = shlex.split(first)
    assert name in COMMANDS, line
    if "--help" not in arguments:
        COMMANDS[name].make_context(name, arguments)  # raises where an option or a value is not known


def run_blocks(page: Path, folder: Path) -> list[str]:
    """Run the blocks of a page in their order: files are written, consoles and Python are run; returns what was run."""
    run, script = [], "set -euo pipefail\n"
    for language, text in blocks(page, "yaml", "console", "python"):
        if language == "yaml":
            name = text.splitlines()[0].removeprefix("# file:").strip()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            continue
        if language == "python":
            (folder / f"block{len(run)}.py").write_text(text, encoding="utf-8")
            text = f"{shlex.quote(sys.executable)} -P -W error::DeprecationWarning:__main__ block{len(run)}.py\n"
        script += "".join(f"{line}\n" for line in lines_of(text))
        run.append(text)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return run


def test_the_tutorial_runs_as_it_is_written(tmp_path: Path) -> None:
    assert len(run_blocks(ROOT / "docs" / "tutorial.md", tmp_path)) >= 8
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "which joined the phase set" in page
    assert (tmp_path / "meeting" / "index.html").is_file()
    assert (tmp_path / "reaction.pdf").stat().st_size > 5000
    assert list((tmp_path / "cells").glob("*.json"))
    for _, text in blocks(ROOT / "docs" / "python.md", "python"):
        subprocess.run([sys.executable, "-P", "-c", text], cwd=tmp_path, check=True, timeout=300)


def test_the_recipe_in_the_readme_is_understood(tmp_path: Path) -> None:
    from catholyte.configs.load import load_recipe

    (text,) = (text for language, text in blocks(ROOT / "README.md", "yaml"))
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    recipe, _ = load_recipe(str(tmp_path / "mine.yaml"))
    assert recipe.name == "mine"
