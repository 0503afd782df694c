"""``docs/commands.md``: every command with its arguments and options, from the command line itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

__all__ = ["commands_page", "main"]

_HEAD = """# Commands

Every command takes `--json` for one JSON document on standard output; progress and errors go to standard error. Exit status 0 is
success, 1 work that failed, 2 a wrong call or file. `--debug` anywhere shows the traceback of an error. Units: eV, Å, µB, fs, K, V vs Li/Li⁺, mL/mol.

This page is written by `python -m catholyte.docs.pages.commands`.
"""


def commands_page() -> str:
    """Return the page as Markdown."""
    import typer

    from ...hpc.commands.app import app

    group: Any = typer.main.get_command(app)
    return _HEAD + "".join(_command(name, command) for name, command in sorted(group.commands.items()))


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join(["catholyte", name, *(_usage(argument) for argument in arguments), "[OPTIONS]"])
    rows = [(f"`{_metavar(p)}`", p.help, "required" if p.required else _default(p)) for p in arguments]
    rows += [
        (
            ", ".join(f"`{text}`" for text in p.opts + p.secondary_opts),
            p.help,
            "required" if p.required else _default(p),
        )
        for p in options
    ]
    table = "".join(f"| {' | '.join(_cell(cell) for cell in row)} |\n" for row in rows)
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in command.help.split("\n\n"))
    return (
        f"\n## {name}\n\n{text}\n\n```text\n{usage}\n```\n\n| argument or option | meaning | default "
        f"|\n|---|---|---|\n{table}"
    )


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper()).strip("[]")


def _usage(argument: Any) -> str:
    return (_metavar(argument) if argument.required else f"[{_metavar(argument)}]") + (
        "..." if argument.nargs == -1 else ""
    )


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value == () or callable(value):
        return ""
    return (
        ("yes" if value else "no")
        if isinstance(value, bool)
        else " ".join(map(str, value))
        if isinstance(value, tuple | list)
        else str(value)
    )


def _cell(text: str | None) -> str:
    return " ".join(str(text or "").split()).replace("|", "\\|")


def main() -> None:
    """Write the page to the path given, ``docs/commands.md`` where left out."""
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/commands.md").write_text(commands_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
