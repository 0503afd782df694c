"""Roles of documents and jobs that were stored without one: derived from the labels and variants that former versions
gave them.

Documents of schema 3 and before, and jobs that were planned by versions that wrote it, have no role. This is the only
module that reads a label or a variant; everything else sees roles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..workflows.roles import (
    Arrangement,
    Candidate,
    Chunk,
    Control,
    Host,
    Main,
    Ordering,
    OxygenVacancy,
    Reference,
    Role,
    Stack,
    Substituted,
    Variation,
)

__all__ = ["former_role", "planned_role"]

_CONTROL = " control"
_CHUNK = re.compile(r"(?:replica (?P<replica>\d+), )?chunk (?P<number>\d+)")
_LADDER = re.compile(r"(?P<of>.+) (?P<kind>ordering|host|Li-\d+) (?P<number>\d+)(?: O-(?P<origin>\d+))?")
_SUBSTITUTED = re.compile(
    r"(?P<of>.+) (?P<element>[A-Z][a-z]?)-(?P<site>[A-Z][a-z]?|0) (?P<number>\d+)(?: O-(?P<origin>\d+))?"
)
_CANDIDATE = re.compile(r"(?P<of>.+) candidate (?P<number>\d+)")
_PART = re.compile(r"(?P<of>.+?)(?: cell (?P<cell>\d+))? (?P<what>bulk|slab) (?P<material>.+)")
#: variants of the calculations of a stack at the recipe's level
_STACK = ("relax stack", "dos stack")


def planned_role(plan: Mapping[str, Any]) -> Role | None:
    """Return the role of a job from what the plan of a former version says of it; None where only the label of its
    document can tell.

    Parameters
    ----------
    plan : mapping
        With ``step``, ``material`` and ``variant``.
    """
    step, variant, of = str(plan["step"]), str(plan["variant"]), str(plan["material"])
    if found := _CHUNK.fullmatch(variant):
        phase = of.removesuffix(_CONTROL)
        return Chunk(of=phase, replica=int(found["replica"] or 1), number=int(found["number"]), control=phase != of)
    if step == "interface" and variant in _STACK:
        return Stack(of=of)
    if step == "interface" and variant == "free":
        return Reference(of=of, what="free", material=of)
    if step == "oxygen_loss" and variant == "reference":
        return Reference(of=of, what="molecule" if of == "O2" else "lithium", material=of)
    if step == "oxygen_loss" and variant.startswith("ordering "):
        return Ordering(of=of, number=int(variant.split()[1]))
    return Variation(of=of) if step == "electronic" and variant != "main" else None


def former_role(label: str) -> Role:
    """Return the role that the label of a document tells; that of a material itself where it tells none.

    Parameters
    ----------
    label : str
    """
    if found := _LADDER.fullmatch(label):
        return _of_ladder(found)
    if found := _SUBSTITUTED.fullmatch(label):
        number, site = int(found["number"]), None if found["site"] == "0" else found["site"]
        ion = Substituted(of=found["of"], element=found["element"], site=site, number=number)
        return _without(ion, found["origin"])
    if found := _CANDIDATE.fullmatch(label):
        return Candidate(of=found["of"], number=int(found["number"]))
    if found := _PART.fullmatch(label):
        cell = int(found["cell"]) if found["cell"] else None
        return Reference(
            of=found["of"], what="bulk" if found["what"] == "bulk" else "slab", material=found["material"], cell=cell
        )
    return Control(of=label.removesuffix(_CONTROL)) if label.endswith(_CONTROL) else Main(of=label)


def _of_ladder(found: re.Match[str]) -> Role:
    of, number = found["of"], int(found["number"])
    if found["kind"] == "ordering":
        return Ordering(of=of, number=number)
    if found["kind"] == "host":
        return Host(of=of, number=number)
    n_vacancies = int(found["kind"].removeprefix("Li-"))
    return _without(Arrangement(of=of, n_lithium_vacancies=n_vacancies, number=number), found["origin"])


def _without(parent: Arrangement | Substituted, origin: str | None) -> Role:
    """The parent, or the parent without an oxygen atom."""
    return parent if origin is None else OxygenVacancy(of=parent.of, parent=parent, origin=int(origin))
