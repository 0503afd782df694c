"""The command ``new``: a commented recipe from names, formulas or structure files."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import CatholyteError, InputError
from ..answers.campaigns import NewRecipe
from ..command import Command
from ..options import PhaseSetName
from ..output import narrate, narrate_error, say, say_notes
from .plan import effort_text

if TYPE_CHECKING:
    from ....analysis.thermodynamics.phase_set import PhaseSet

__all__ = ["COMMAND", "new"]

_WHAT = "name of the library, formula, or path of a CIF, POSCAR or material's YAML; more than one may follow"


def new(
    file: Annotated[
        Path | None, typer.Argument(help="Recipe to write; NAME.yaml in the current folder where left out.")
    ] = None,
    cathode: Annotated[list[str] | None, typer.Option(help=f"Cathode: {_WHAT}.")] = None,
    electrolyte: Annotated[list[str] | None, typer.Option(help=f"Electrolyte: {_WHAT}.")] = None,
    coating: Annotated[list[str] | None, typer.Option(help=f"Layer between them: {_WHAT}.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the recipe; that of its materials where left out.")] = None,
    phase_set: PhaseSetName = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over a file that exists.")] = False,
) -> dict[str, Any]:
    """Write a commented recipe for materials of your choice, and say which command comes next.

    On a terminal it asks for what the options leave out. U, facets, meshes and sizes of cells are chosen for the
    materials; what each rests on stands beside it.

    Raises
    ------
    InputError
        If a material is unknown or outside the phase set, no cathode or electrolyte is given, or the file exists or
        cannot be written.
    StructureError
        If a structure file cannot be used.
    """
    from ....analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
    from ...proposal.chosen import choose_all
    from ...proposal.recipe import propose, recipe_name
    from ...run.campaign import plan_document, read_plan

    phases = load_phase_set(phase_set or DEFAULT_PHASE_SET)
    asked = {"cathode": cathode or [], "electrolyte": electrolyte or [], "coating": coating or []}
    if not (asked["cathode"] and asked["electrolyte"]):
        asked = _answers(asked, phases)
    folder = Path() if file is None else file.parent
    materials = choose_all(asked, phases, folder)
    target = file if file is not None else Path(f"{name or recipe_name(materials)}.yaml")
    if target.suffix not in (".yaml", ".yml"):
        raise InputError(f"{target}: a recipe is a file that ends in .yaml", f"name it {target}.yaml")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists and is left as it is", "name another FILE, or say --overwrite")
    shown = str(target) if target.parent != Path() else f"./{target.name}"
    proposal, text = propose(materials, phase_set or DEFAULT_PHASE_SET, name, shown, narrate)
    before = target.read_bytes() if target.exists() else None
    try:
        target.write_text(text, encoding="utf-8")
        planned = plan_document(read_plan(str(target)))
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror or error}") from None
    except CatholyteError:
        target.unlink() if before is None else target.write_bytes(before)
        raise
    return {
        "file": str(target),
        "name": proposal.name,
        "title": proposal.title,
        "materials": [
            {"part": one.part, "name": one.label, "formula": one.formula, "crystal": one.crystal_name or None}
            for one in materials
        ],
        "totals": planned["totals"],
        "next": [f"catholyte plan {shown}", f"catholyte run {shown}"],
        "notes": [*proposal.notes, *planned["notes"]],
    }


def _answers(asked: dict[str, list[str]], phases: PhaseSet) -> dict[str, list[str]]:
    """What the options leave out, asked on the terminal; an answer that is wrong is asked for again."""
    missing = [part for part in ("cathode", "electrolyte") if not asked[part]]
    if not sys.stdin.isatty():
        raise InputError(
            f"which {' and which '.join(missing)}? nobody can be asked here: standard input is no terminal",
            "name it, as in `catholyte new --cathode LCO --electrolyte ./mine.cif --coating Li2CO3`",
        )
    narrate(f"A {_WHAT} (blanks between them).")
    questions = [*missing, *([] if asked["coating"] else ["coating"])]
    return asked | {part: _answer(part, phases) for part in questions}


def _answer(part: str, phases: PhaseSet) -> list[str]:
    from ...proposal.chosen import choose

    optional = part == "coating"
    while True:
        given = typer.prompt(part + (" (none: press return)" if optional else ""), "" if optional else None, err=True)
        try:
            names = shlex.split(str(given))
            for text in names:
                choose(part, text, phases, Path())
            return names
        except CatholyteError as error:
            narrate_error(error)
        except ValueError as error:  # a quote that is not closed
            narrate(f"error: {error}")


def _show(document: dict[str, Any]) -> None:
    say(f"{document['file']}: {document['title']}")
    for one in document["materials"]:
        crystal = "known by its energy alone" if one["crystal"] is None else f"crystal {one['crystal']}"
        say(f"  {one['part']:<12}{one['name']} ({one['formula']}), {crystal}")
    say_notes(document["notes"])
    say(f"{effort_text(document['totals'])}; the stacks run with --only interface")
    say(f"next: {document['next'][0]}")


COMMAND = Command(new, _show, NewRecipe, several_values=True)
