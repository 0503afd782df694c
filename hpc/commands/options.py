"""A command whose repeatable options take several values after one name: ``--coating Li3BO3 Li2CO3``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

__all__ = ["EngineName", "Full", "Json", "RecipeName", "Rehearsal", "SeveralValues", "StepName", "StorePlace"]


class SeveralValues(TyperCommand):
    """Repeat a repeatable option's name before every further value that follows it, up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, after spelling the options out."""
        repeatable = {
            name for parameter in self.params if getattr(parameter, "multiple", False) for name in parameter.opts
        }
        spelled: list[str] = []
        current = ""
        for place, argument in enumerate(args):
            if argument.startswith("--"):
                current = argument if argument in repeatable else ""
            elif current and args[place - 1] != current:
                spelled.append(current)
            spelled.append(argument)
        return super().parse_args(ctx, spelled)


Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]

StorePlace = Annotated[
    str | None,
    typer.Option(
        "--store", help="Folder or mongodb:// URI; else the variable CATHOLYTE_STORE, else ./catholyte-store."
    ),
]

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE|FILE", help="Name of a shipped recipe, or the path of a YAML file.")
]

Rehearsal = Annotated[bool, typer.Option("--rehearsal", help="The store of rehearsals beside the named one.")]

EngineName = Annotated[str | None, typer.Option("--engine", help="Engine for every step that it can do.")]

StepName = Annotated[
    str | None,
    typer.Option(
        "--only", help="One step: bulk, electronic, reactions, windows, volumes, screen, interface, oxygen_loss."
    ),
]

Full = Annotated[
    bool, typer.Option("--full", help="The steps interface and oxygen_loss too, and molecular dynamics at full length.")
]
