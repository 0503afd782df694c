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

from catholyte.docs.pages.commands import commands_page
from catholyte.hpc.commands.app import app
from catholyte.tests.support.docs.doc_blocks import PAGES, ROOT, blocks, lines_of

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
#: a line may begin with `nohup` or with the five fields of a crontab
CALL = re.compile(r"^(?:nohup |(?:\S+ ){5}(?=catholyte))?(catholyte .*)$")
#: where blocks of each language may stand: they are run (console, python, yaml), their commands are read (sh), or they
#: are output (text)
RUN = {
    "README.md": {"console", "yaml"},
    "tutorial.md": {"console", "yaml", "python", "text"},
    "python.md": {"python"},
    "recipes.md": {"yaml"},
    "transport.md": {"yaml"},
}
READ = {
    "cluster.md": {"sh", "js"},
    "import.md": {"console", "yaml"},
    "commands.md": {"text"},
    "extending.md": {"python", "yaml", "markdown"},
    "engines.md": {"yaml"},
}


CALLS = [
    (page, found[1])
    for page in PAGES
    for _, text in blocks(page, "console", "sh")
    for line in lines_of(text)
    if (found := CALL.match(line)) is not None
]


def test_the_page_of_commands_is_up_to_date() -> None:
    told = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert told == commands_page(), "write it again: python -m catholyte.docs.pages.commands"


def test_every_command_and_option_stands_in_the_documentation() -> None:
    told = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        section = told.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert f"`{option}`" in section, (name, option)
            assert parameter.help, (name, parameter.name)


def help_texts() -> dict[str, str]:
    """Every help text of a command, an argument and an option, by where it stands."""
    texts = {}
    for name, command in COMMANDS.items():
        texts[name] = str(command.help)
        texts |= {f"{name} {parameter.name}": str(parameter.help) for parameter in command.params}
    return texts


def test_help_texts_stand_alone() -> None:
    fragments = {"Also", "And", "Between", "For", "In", "Of", "Such", "That", "The", "To", "With"}
    texts = help_texts()
    assert len(texts) > 200
    wrong = {
        place: text
        for place, text in texts.items()
        if len(words := text.split()) < 3 or not text[0].isupper() or not text.endswith(".") or words[0] in fragments
    }
    assert wrong == {}


def test_every_file_of_a_command_is_on_the_command_line() -> None:
    files = (ROOT / "hpc" / "commands").glob("*/*.py")
    found = {
        path.stem.rstrip("_").replace("_", "-") for path in files if "COMMAND = " in path.read_text(encoding="utf-8")
    }
    assert found | {"board"} == set(COMMANDS)


@pytest.mark.parametrize(("page", "line"), CALLS, ids=[f"{page.name}: {line}" for page, line in CALLS])
def test_every_call_in_the_documentation_is_understood(page: Path, line: str) -> None:
    first, *_ = re.split(r"\s(?:[|>&]|2>)", line, maxsplit=1)
    _, name, *arguments = shlex.split(first)
    assert name in COMMANDS, line
    if "--help" not in arguments:
        COMMANDS[name].make_context(name, arguments)  # raises where an option or a value is not known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_of_code_goes_untested(page: Path) -> None:
    allowed = {**RUN, **READ}.get(page.name, set())
    assert {language for language, _ in blocks(page)} <= allowed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_are_shell(page: Path) -> None:
    for _, text in blocks(page, "console", "sh"):
        script = "".join(f"{line}\n" for line in lines_of(text) if not line.startswith("*/"))  # a crontab is none
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


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
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return run


@pytest.mark.slow
def test_the_tutorial_runs_as_it_is_written(tmp_path: Path) -> None:
    assert len(run_blocks(ROOT / "docs" / "tutorial.md", tmp_path)) >= 8
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "which joined the phase set" in page
    assert (tmp_path / "meeting" / "index.html").is_file()
    assert (tmp_path / "reaction.pdf").stat().st_size > 5000
    assert list((tmp_path / "cells").glob("*.json"))
    for _, text in blocks(ROOT / "docs" / "python.md", "python"):
        subprocess.run([sys.executable, "-P", "-c", text], cwd=tmp_path, check=True, timeout=300)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name in ("README.md", "recipes.md", "transport.md")],
    ids=lambda page: page.name,
)
def test_recipes_in_the_documentation_are_understood(page: Path, tmp_path: Path) -> None:
    """Whole ones load; a part, which is indented, is a key of a system of the oxygen-loss step."""
    from ruamel.yaml import YAML

    from catholyte.configs.load import load_recipe
    from catholyte.configs.steps.oxygen_loss import OxygenSystem

    texts = [text for _, text in blocks(page, "yaml")]
    assert texts
    for text in texts:
        if text.startswith("name: "):
            (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
            assert load_recipe(str(tmp_path / "mine.yaml"))[0].name == text.split()[1]
        else:
            part = YAML(typ="safe").load(text)
            found = OxygenSystem.model_validate({"material": "LRMO", "ladder": {}, **part})
            assert set(part) <= found.model_fields_set
