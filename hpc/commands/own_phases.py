"""The user's own energies beside the pinned ones: finished relaxations of a store join a phase set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...configs.errors import CatholyteError, InputError

if TYPE_CHECKING:
    from ...analysis.thermodynamics.phase_set import PhaseSet
    from ...workflows.documents import CalculationDocument

__all__ = ["with_own"]


def with_own(phase_set: str | None, place: str) -> tuple[PhaseSet, list[str]]:
    """Return a phase set extended by the relaxations of every campaign of a store, and what joined and what did not.

    Of several relaxations of one material the lowest energy joins.

    Parameters
    ----------
    phase_set : str, optional
        Name or path; the shipped complete set where left out.
    place : str
        Folder or MongoDB URI of the store.

    Raises
    ------
    StoreError
        If there is no store.
    InputError
        If none of its energies can join, with the reason of each.
    """
    from ...analysis.thermodynamics.own_entries import with_documents
    from ...analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
    from ..store.campaign_store import without_password

    phases = load_phase_set(phase_set or DEFAULT_PHASE_SET)
    kept, told = [], []
    for document in _lowest(place).values():
        try:
            with_documents(phases, [document])
        except CatholyteError as error:
            told.append(f"{document.label} stays out: {error.message}")
            continue
        kept.append(document)
    if not kept:
        reasons = "; ".join(told) or "it has no finished relaxation"
        raise InputError(
            f"{place}: nothing can join phase set {phases.name}: {reasons}",
            "relax your material with chgnet, whose energies are on the set's scale",
        )
    told.append(f"own energies that joined {phases.name}: {', '.join(document.label for document in kept)}")
    return with_documents(phases, kept, citation=f"own calculations in {without_password(place)}"), told


def _lowest(place: str) -> dict[str, CalculationDocument]:
    """The relaxation of lowest energy of each material."""
    from ...analysis.records import Records
    from ..store.campaign_store import open_store, without_password

    opened = open_store(place, create=False)
    records, found = Records(opened.outputs, opened.states, opened.campaigns), dict[str, "CalculationDocument"]()
    for name in records.campaign_names():
        for entry, document in records.documents(name, "bulk"):
            if entry.plan.get("kind") != "relax":
                continue
            if document.label not in found or document.energy_per_atom < found[document.label].energy_per_atom:
                found[document.label] = document
    opened.close()
    if not found:
        raise InputError(
            f"{without_password(place)}: the store holds no finished relaxation of the step bulk",
            "run a recipe with a step bulk first",
        )
    return found
