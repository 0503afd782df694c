"""Two phase sets as one, where their energies are on one scale."""

from __future__ import annotations

from collections.abc import Sequence

from ...configs.errors import InputError, SignatureMismatchError
from ..thermodynamics.phase_set import PhaseEntry, PhaseSet

__all__ = ["combined", "joint_systems"]

#: eV/atom: an entry of two sets that differs by more is another calculation
_SAME = 1e-3


def combined(name: str, sets: Sequence[PhaseSet]) -> PhaseSet:
    """Return the union of phase sets of one scale.

    An entry that several sets hold under one id is taken from the first. Sources of one key that differ are told apart
    by the name of their set.

    Parameters
    ----------
    name : str
        Of the new set.
    sets : sequence of PhaseSet
        At least two.

    Raises
    ------
    SignatureMismatchError
        If the scales differ, naming both.
    InputError
        If there are fewer than two sets, or an entry has two energies.
    """
    if len(sets) < 2:
        raise InputError("to combine takes at least two phase sets")
    first, *others = sets
    for other in others:
        if other.scale != first.scale:
            raise SignatureMismatchError(
                f"the phase set {other.name} is on the scale {other.scale!r}, {first.name} on {first.scale!r}: their "
                "energies are never subtracted from each other"
            )
    entries: dict[str, PhaseEntry] = {}
    sources = dict(first.sources)
    for one in sets:
        keys = {}
        for key, source in one.sources.items():
            keys[key] = key if sources.get(key, source) == source else f"{key} ({one.name})"
            sources[keys[key]] = source
        for entry in one.entries:
            known = entries.setdefault(entry.id, entry.model_copy(update={"source": keys[entry.source]}))
            if abs(known.energy_per_atom - entry.energy_per_atom) > _SAME:
                raise InputError(
                    f"the entry {entry.id} ({entry.formula}) has {known.energy_per_atom:.4f} eV/atom in one set and "
                    f"{entry.energy_per_atom:.4f} in {one.name}",
                    "fetch both sets from one version of the database",
                )
    return first.changed(
        name=name,
        version=" + ".join(f"{one.name} {one.version}" for one in sets),
        description=" + ".join(f"{one.name}: {one.description}" for one in sets),
        elements=tuple(dict.fromkeys(element for one in sets for element in one.elements)),
        sources={key: source for key, source in sources.items() if key in {entry.source for entry in entries.values()}},
        signatures={tier: signature for one in reversed(sets) for tier, signature in one.signatures.items()},
        errors={tier: errors for one in reversed(sets) for tier, errors in one.errors.items()},
        entries=tuple(entries.values()),
    )


def joint_systems(phase_set: PhaseSet, sets: Sequence[PhaseSet]) -> int:
    """Return how many entries of a combined set hold elements that no single one of its parts covers: 0 means that
    products across the parts are missing, not that there are none."""
    parts = [set(one.elements) for one in sets]
    return sum(
        not any({element.symbol for element in entry.composition} <= part for part in parts)
        for entry in phase_set.entries
    )
