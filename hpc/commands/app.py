"""The command line ``catholyte``; heavy libraries are imported by the command that needs them."""

from __future__ import annotations

import gc
import os
import sys

import typer

from .campaigns import (
    board,
    cancel,
    check_inputs,
    database,
    doctor,
    import_,
    inputs,
    plan,
    report,
    retry,
    run,
    status,
    submit,
    tend,
    why,
)
from .output import narrate
from .results import bands, claims, dynamics, export, layers, void
from .structures import (
    barrier,
    conductivity,
    elastic,
    glass,
    interfaces,
    materials,
    orderings,
    reconstruct,
    slabs,
    substitute,
    vacancies,
)
from .thermodynamics import phases, reactions, screen, volumes, window

__all__ = ["app", "main"]

app = typer.Typer(
    name="catholyte",
    help="Why does this oxide cathode react with this solid electrolyte, and which surface layer stops it?\n\n"
    "Units: eV, Å, µB, fs, K, V vs Li/Li+. `--debug` anywhere shows the traceback of an error.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: in the order of `--help`
COMMANDS = (
    materials.COMMAND,
    plan.COMMAND,
    run.COMMAND,
    status.COMMAND,
    why.COMMAND,
    report.COMMAND,
    claims.COMMAND,
    doctor.COMMAND,
    bands.COMMAND,
    slabs.COMMAND,
    interfaces.COMMAND,
    orderings.COMMAND,
    vacancies.COMMAND,
    reconstruct.COMMAND,
    glass.COMMAND,
    layers.COMMAND,
    substitute.COMMAND,
    barrier.COMMAND,
    conductivity.COMMAND,
    elastic.COMMAND,
    reactions.COMMAND,
    window.COMMAND,
    volumes.COMMAND,
    void.COMMAND,
    screen.COMMAND,
    phases.COMMAND,
    dynamics.COMMAND,
    submit.COMMAND,
    tend.COMMAND,
    retry.COMMAND,
    cancel.COMMAND,
    database.COMMAND,
    inputs.COMMAND,
    import_.COMMAND,
    check_inputs.COMMAND,
    export.COMMAND,
)
for command in COMMANDS:
    command.register(app)
app.command()(board.board)  # writes the address before it serves: not an answer that is shown when it is complete


def main() -> None:
    """Entry point: every error is one message and the exit status of its kind."""
    # many small matrices: threads of numpy's OpenBLAS cost ten times the time and a gigabyte; engines set their own
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    gc.disable()  # until the command begins: what is imported stays
    try:
        app()
    except Exception as error:
        from ...configs.errors import CatholyteError

        if debug:
            raise
        if isinstance(error, CatholyteError):
            narrate(f"error: {error.message}")
            if error.advice:
                narrate(f"what to do: {error.advice}")
            sys.exit(error.exit_status)
        narrate(f"error: {type(error).__name__}: {error} (a defect of catholyte; `--debug` shows the traceback)")
        sys.exit(1)
    finally:
        gc.enable()
