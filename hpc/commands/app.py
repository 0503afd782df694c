"""The command line ``catholyte``; heavy libraries are imported by the command that needs them."""

from __future__ import annotations

import os
import sys

import typer

from .campaigns import board
from .catalog import COMMANDS
from .contract import mcp, schema
from .output import narrate, narrate_error

__all__ = ["app", "main"]

app = typer.Typer(
    name="catholyte",
    help="Why does this oxide cathode react with this solid electrolyte, and which surface layer stops it?\n\n"
    "Units: eV, Å, µB, fs, K, V vs Li/Li+. `--debug` anywhere shows the traceback of an error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (*COMMANDS, schema.COMMAND):
    command.register(app)
app.command()(board.board)  # writes the address before it serves: not an answer that is shown when it is complete
app.command()(mcp.mcp)  # answers an agent for as long as it asks


def main() -> None:
    """Entry point: every error is one message and the exit status of its kind."""
    # many small matrices: threads of numpy's OpenBLAS cost ten times the time and a gigabyte; engines set their own
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app()
    except Exception as error:
        from ...configs.errors import CatholyteError

        if debug:
            raise
        if isinstance(error, CatholyteError):
            narrate_error(error)
            sys.exit(error.exit_status)
        narrate(f"error: {type(error).__name__}: {error} (a defect of catholyte; `--debug` shows the traceback)")
        sys.exit(1)
