"""The phase set of a command: a pinned one, with finished relaxations of a store where one is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import CatholyteError, InputError
from ...store.campaign_store import open_records, without_password
from ..output import narrate

if TYPE_CHECKING:
    from ....analysis.thermodynamics.phase_set import PhaseSet
    from ....workflows.documents import CalculationDocument

__all__ = ["OwnStore", "chosen_phases", "volume_line"]

OwnStore = Annotated[
    str | None,
    typer.Option(
        "--own",
        help="Store (folder or mongodb:// URI) whose finished relaxations join the phase set, where their signature "
        "agrees.",
    ),
]


def chosen_phases(phase_set: str | None, store: str | None) -> PhaseSet:
    """The set to evaluate: the shipped complete one where none is named, with the energies of a store where one is."""
    from ....analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set

    pinned = load_phase_set(phase_set or DEFAULT_PHASE_SET)
    return pinned if store is None else _with_relaxations(pinned, store)


def volume_line(volumes: dict[str, Any]) -> str:
    """Volume before and after a reaction, mL/mol, on one line."""
    return (
        f"{volumes['before']:.1f} -> {volumes['after']:.1f} mL/mol, change {volumes['change']:.1f} mL/mol "
        f"({volumes['change_percent']:.1f} %)"
    )


def _with_relaxations(phases: PhaseSet, place: str) -> PhaseSet:
    """Extend a phase set by the relaxations of every campaign of a store, and narrate what joins and what does not.

    Of several relaxations of one material the lowest energy joins.

    Raises
    ------
    StoreError
        If there is no store.
    InputError
        If it holds no finished relaxation, or none of its energies can join, with the reason of each.
    """
    from ....analysis.thermodynamics.own_entries import lowest_by_label, with_documents

    shown = without_password(place)
    lowest = lowest_by_label(_relaxations(place))
    if not lowest:
        raise InputError(
            f"{shown}: the store holds no finished relaxation of the step bulk", "run a recipe with a step bulk first"
        )
    kept, refused = [], []
    for document in lowest.values():
        try:
            with_documents(phases, [document])
        except CatholyteError as error:
            refused.append(f"{document.label} stays out: {error.message}")
            continue
        kept.append(document)
    if not kept:
        raise InputError(
            f"{shown}: nothing can join phase set {phases.name}: {'; '.join(refused)}",
            "relax your material with chgnet, whose energies are on the set's scale",
        )
    for line in (*refused, f"own energies that joined {phases.name}: {', '.join(one.label for one in kept)}"):
        narrate(line)
    return with_documents(phases, kept, citation=f"own calculations in {shown}")


def _relaxations(place: str) -> Iterator[CalculationDocument]:
    """The finished relaxations of the step bulk of every campaign."""
    records = open_records(place)
    for name in records.campaign_names():
        for entry, document in records.documents(name, "bulk"):
            if entry.plan.get("kind") == "relax":
                yield document
