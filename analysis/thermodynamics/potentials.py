"""How an answer moves from one potential to the other: the phase set with all learned energies of one of them.

A set holds, for every phase whose energy was learned, what each potential says of it. Replacing all of them at once by
those of one potential, public DFT energies and elements as they are, shows what an answer owes to the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...configs.errors import InputError
from ...configs.models import Tier
from ...configs.trust import trust_of
from .phase_set import PhaseEntry, PhaseSet

__all__ = ["ByPotential", "by_potential", "set_of_potential"]


@dataclass(frozen=True)
class ByPotential:
    """One number of an answer on the energies of each potential, in the number's unit.

    Parameters
    ----------
    values : dict of str to (float or None)
        By potential; None where the number does not exist.
    """

    values: dict[Tier, float | None]

    @property
    def difference(self) -> float | None:
        """Between the highest and the lowest, >= 0; None where a number is missing."""
        found = [value for value in self.values.values() if value is not None]
        return max(found) - min(found) if len(found) == len(self.values) > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {"values": dict(self.values), "difference": self.difference}


def set_of_potential(phase_set: PhaseSet, potential: Tier) -> PhaseSet:
    """Return the set with every learned energy that `potential` has a value for at that value; kept with the set.

    Parameters
    ----------
    phase_set : PhaseSet
    potential : str
    """
    kept, key = phase_set.derived, f"potential {potential}"
    if key not in kept:
        fields = {name: getattr(phase_set, name) for name in type(phase_set).model_fields}
        learned = _learned(phase_set)
        entries = tuple(_at(entry, potential) if entry.tier in learned else entry for entry in phase_set.entries)
        # nothing but energies differs from a set that was validated
        kept[key] = PhaseSet.model_construct(
            **{**fields, "name": f"{phase_set.name} ({potential})", "entries": entries, "sha256": ""}
        )
    found: PhaseSet = kept[key]
    return found


def by_potential(phase_set: PhaseSet, number: Callable[[PhaseSet], float | None]) -> ByPotential | None:
    """Return a number on the energies of each potential; None where the set holds no second one.

    Parameters
    ----------
    phase_set : PhaseSet
    number : function of PhaseSet
    """
    learned = _learned(phase_set)
    names = sorted({name for entry in phase_set.entries if entry.tier in learned for name in entry.potentials})
    if len(names) < 2:
        return None
    return ByPotential({name: _number(set_of_potential(phase_set, name), number) for name in names})


def _number(phase_set: PhaseSet, number: Callable[[PhaseSet], float | None]) -> float | None:
    """None where reservoirs form a phase of their own on these energies."""
    try:
        return number(phase_set)
    except InputError:
        return None


def _learned(phase_set: PhaseSet) -> set[Tier]:
    return {tier for tier in {entry.tier for entry in phase_set.entries} if trust_of(tier).learned}


def _at(entry: PhaseEntry, potential: Tier) -> PhaseEntry:
    energy = entry.potentials.get(potential)
    return entry if energy is None else entry.model_copy(update={"energy_per_atom": energy})
