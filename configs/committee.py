"""A committee: several potentials that answer the same question, so that a number carries what they disagree by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BeforeValidator

from .errors import InputError
from .models import Spec

__all__ = ["EngineName", "Member", "join_members", "members_of"]

_SIGN = "+"
#: keys of a recipe whose value is an engine
_KEYS = ("engine", "ranking")
AnyRecipe = TypeVar("AnyRecipe", bound=Spec)


def join_members(given: Any) -> Any:
    """Return ``[chgnet, sevennet]`` as ``chgnet+sevennet``, the text under which a recipe keeps it.

    Raises
    ------
    ValueError
        For a committee of one, or one in which an engine stands twice.
    """
    if isinstance(given, str) and _SIGN not in given:
        return given
    if not isinstance(given, (str, list, tuple)):
        return given
    names = [str(name).strip() for name in (given.split(_SIGN) if isinstance(given, str) else given)]
    if len(names) < 2:
        raise ValueError("a committee has two engines or more; for one engine write its name without brackets")
    if len(set(names)) < len(names) or not all(names):
        raise ValueError(f"each engine of a committee stands once, and {', '.join(names)} was given")
    return _SIGN.join(names)


#: an engine, or a committee: ``[chgnet, sevennet]``
EngineName = Annotated[str, BeforeValidator(join_members, json_schema_input_type=str | list[str])]


@dataclass(frozen=True)
class Member(Generic[AnyRecipe]):
    """One member of a committee.

    Attributes
    ----------
    name : str
        Of its engine; empty for a recipe without a committee.
    recipe : Recipe
        As this member runs it: no committee in it.
    override : str or None
        Engine of every step that can have it, where the command line names the committee.
    """

    name: str
    recipe: AnyRecipe
    override: str | None


def members_of(recipe: AnyRecipe, override: str | None = None) -> list[Member[AnyRecipe]]:
    """Return the recipe as each member of its committee runs it; one nameless member where there is no committee.

    The first member runs all of it. Of the others nothing is asked but what the committee answers: what has an engine
    of its own, such as densities of states at the geometry of the first, is left out.

    Parameters
    ----------
    recipe : Recipe
    override : str, optional
        Engine or committee that the command line names for every step.

    Raises
    ------
    InputError
        If two steps have different committees, or the command line names no proper one.
    """
    data = recipe.model_dump()
    asked = list(dict.fromkeys(value for value in _engines(data) if _SIGN in value))
    if len(asked) > 1:
        raise InputError(
            f"a recipe has one committee, and {' and '.join(asked)} were given",
            "write the same engines in the same order in each step",
        )
    own = asked[0].split(_SIGN) if asked else []
    try:
        override = None if override is None else str(join_members(override))
    except ValueError as error:
        raise InputError(f"--engine: {error}") from None
    by_command = override.split(_SIGN) if override and _SIGN in override else []
    if override is not None and not by_command:
        return [Member("", _made(recipe, data, own[:1]), override)]
    if not own and not by_command:
        return [Member("", recipe, None)]
    return [
        Member(
            name,
            _made(recipe, data if not number else _without_others(data), own[:1] if by_command else [name]),
            name if by_command else None,
        )
        for number, name in enumerate(by_command or own)
    ]


def _made(recipe: AnyRecipe, data: dict[str, Any], member: list[str]) -> AnyRecipe:
    """The recipe with `member` in place of its committee."""
    return type(recipe).model_validate(_with_member(data, member[0])) if member else type(recipe).model_validate(data)


def _engines(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in _KEYS and isinstance(value, str):
                yield value
            else:
                yield from _engines(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _engines(value)


def _with_member(node: Any, member: str) -> Any:
    if isinstance(node, Mapping):
        return {
            key: member if key in _KEYS and isinstance(value, str) and _SIGN in value else _with_member(value, member)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return [_with_member(value, member) for value in node]
    return node


def _without_others(data: dict[str, Any]) -> dict[str, Any]:
    """A dumped recipe without what only the first member of a committee is asked for."""
    data = {**data, "electronic": None}
    if data.get("interface"):
        systems = [{**system, "electronic": False} for system in data["interface"]["systems"]]
        data["interface"] = {**data["interface"], "systems": systems}
    if data.get("oxygen_loss"):
        data["oxygen_loss"] = {**data["oxygen_loss"], "single_points": None}
    if data.get("transport"):
        data["transport"] = {**data["transport"], "single_points": None}
    return data
