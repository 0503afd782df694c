"""The command ``schema``: JSON schemas of every command's answer and of recipes."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

import typer

from ....configs.errors import UnknownNameError, near_match_hint
from ..answers.campaigns import Board, BoardFigure, BoardMark, BoardProblem
from ..catalog import COMMANDS
from ..command import Command
from ..output import say

__all__ = ["COMMAND", "VERSION", "schema", "schema_names", "schema_of"]

#: of all schemas: the first number rises where a key goes or changes its type, the second where one comes
VERSION = "1.1"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_RECIPE = "recipe"
#: what the served board answers as JSON: name to type and address
_BOARD: dict[str, tuple[Any, str]] = {
    "board-mark": (BoardMark, "/campaign/NAME/mark"),
    "board-figure": (BoardFigure, "/campaign/NAME/job/KEY/figure/FIGURE"),
    "board-problem": (BoardProblem, "one of these addresses where there is nothing to show"),
}


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="COMMAND|recipe",
            help="Command, the word recipe, or board-mark, board-figure, board-problem; all where left out.",
        ),
    ] = None,
) -> dict[str, Any]:
    """Print the JSON schema (2020-12) of a command's `--json` answer, of recipes, or of what the board serves as JSON.

    A schema allows keys that it does not name: later versions may add some. The first number of the version rises where
    a key goes or changes its type.

    Raises
    ------
    UnknownNameError
        With the commands that there are.
    """
    if name is not None:
        return schema_of(name)
    return {"version": VERSION, "schemas": {one: schema_of(one) for one in schema_names()}}


def _answers() -> dict[str, Any]:
    """Command, or page of the board, to the type of its answer."""
    commands = {one.name: one.answers for one in (*COMMANDS, COMMAND)} | {"board": Board}
    return commands | {name: kind for name, (kind, _) in _BOARD.items()}


def schema_names() -> list[str]:
    """Return what there are schemas of."""
    return sorted([*_answers(), _RECIPE])


@cache
def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON schema of a command's answer, of a page of the board, or of a recipe as YAML writes it.

    Parameters
    ----------
    name : str

    Raises
    ------
    UnknownNameError
        With the names that there are.
    """
    from pydantic import TypeAdapter

    from ....configs.recipe import Recipe

    if name not in schema_names():
        raise UnknownNameError(f"no schema of {name!r}; {near_match_hint(name, schema_names())}")
    adapter: TypeAdapter[Any] = TypeAdapter(Recipe if name == _RECIPE else _answers()[name])
    titled = "a recipe" if name == _RECIPE else f"answer of `catholyte {name} --json`"
    if name in _BOARD:
        titled = f"answer of the board at {_BOARD[name][1]}"
    head = {"$schema": _DIALECT, "$id": f"urn:catholyte:schema:{VERSION}:{name}"}
    return {**head, **adapter.json_schema(), "title": titled}


def _show(document: dict[str, Any]) -> None:
    say(json.dumps(document, indent=1, ensure_ascii=False))


COMMAND = Command(schema, _show, dict[str, Any])
