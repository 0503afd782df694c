"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EngineName", "Full", "Json", "RecipeName", "Rehearsal", "StepName", "StorePlace"]

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
StorePlace = Annotated[str | None, typer.Option("--store", help="Folder or mongodb:// URI; else the variable CATHOLYTE_STORE, else ./catholyte-store.")]
RecipeName = Annotated[str, typer.Argument(metavar="RECIPE|FILE", help="Name of a shipped recipe, or the path of a YAML file.")]
Rehearsal = Annotated[bool, typer.Option("--rehearsal", help="The store of rehearsals beside the named one.")]
EngineName = Annotated[str | None, typer.Option("--engine", help="Engine for every step that it can do.")]
StepName = Annotated[str | None, typer.Option("--only", help="One step: bulk, electronic, reactions, windows, volumes, screen, interface, oxygen_loss.")]
Full = Annotated[bool, typer.Option("--full", help="The steps interface and oxygen_loss too, and molecular dynamics at full length.")]
