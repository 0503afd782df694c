"""Commands that build structures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

__all__ = ["register"]

#: in the order of `--help`
COMMANDS: tuple[Callable[..., Any], ...] = ()


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    for command in COMMANDS:
        app.command()(command)
