"""Which ion changed its oxidation state when lithium or oxygen left, atom by atom, and whether the books balance.

n Li atoms take n electrons along, an O atom leaves two. The ions are those of :mod:`.oxidation_states`; electrons that
they do not account for were given up by oxygen. A spin that turned over is asked of engines whose moments have signs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pymatgen.core.periodic_table import Species

from ...workflows.documents import CalculationDocument
from .defect_energy import missing_atoms
from .oxidation_states import IonState, OxygenPair, ion_states, origins, oxygen_electrons, oxygen_holes, oxygen_pairs

__all__ = ["RedoxChange", "RedoxEntry", "redox_entry"]

#: µB; smaller moments have no direction
_DIRECTED = 0.3


@dataclass(frozen=True)
class RedoxChange:
    """An ion that is another one afterwards, or stands the other way round.

    Parameters
    ----------
    origin : int
        Its number in the host.
    before, after : str
        Ions, with the spin state where it is not the usual one.
    moment_before, moment_after : float
        µB.
    charge : int
        Change of the oxidation state.
    spin_state : bool
        Whether it is the same ion in another spin state.
    flipped : bool
        Whether its moment turned over.
    """

    origin: int
    before: str
    after: str
    moment_before: float
    moment_after: float
    charge: int
    spin_state: bool
    flipped: bool

    @property
    def element(self) -> str:
        """Symbol."""
        return _symbol(self.before)


@dataclass(frozen=True)
class RedoxEntry:
    """One line of the ledger: a cell against the cell that it was made from.

    Parameters
    ----------
    before, after : str
        Labels.
    counts_before, counts_after : dict of str to int
        Ions, spin states told apart.
    changes : tuple of RedoxChange
        Every ion that is not what it was.
    electrons : int
        Taken out with lithium, less those that oxygen left: what the cell has to pay.
    by_metals : int
        What the metals paid: the sum of the changes of their oxidation states.
    by_oxygen : int
        What the remaining oxygen shows to have paid, by O-O bonds and moments.
    holes : tuple of int
        Oxygen atoms with a moment above the window of O2-, by number in the host.
    pairs : tuple of OxygenPair
    disproportionated : tuple of str
        Elements of which a lower and a higher charge became more frequent at the cost of one between.
    flips : tuple of int or None
        Ions whose moment turned over; None where the engine has no signs.
    unclear : tuple of int
        Ions of the cell afterwards whose moment does not tell them (see :class:`.oxidation_states.IonState`).
    """

    before: str
    after: str
    counts_before: dict[str, int]
    counts_after: dict[str, int]
    changes: tuple[RedoxChange, ...]
    electrons: int
    by_metals: int
    by_oxygen: int
    holes: tuple[int, ...]
    pairs: tuple[OxygenPair, ...]
    disproportionated: tuple[str, ...]
    flips: tuple[int, ...] | None
    unclear: tuple[int, ...]

    @property
    def unaccounted(self) -> int:
        """Electrons that neither metals nor oxygen show: shared, or given up by oxygen without a trace."""
        return self.electrons - self.by_metals - self.by_oxygen

    def payers(self) -> dict[str, int]:
        """Element to what it paid, e; oxygen by what it shows. Those that did not change are left out."""
        total: Counter[str] = Counter()
        for change in self.changes:
            total[change.element] += change.charge
        total["O"] += self.by_oxygen
        return {element: amount for element, amount in sorted(total.items()) if amount}

    def flags(self) -> list[str]:
        """What deserves a look, in words."""
        told = [f"{element} disproportionates" for element in self.disproportionated]
        states = Counter(f"{change.before} → {change.after}" for change in self.changes if change.spin_state)
        told += [f"spin state: {number} × {change}" for change, number in states.items()]
        told += [f"{len(self.flips)} moment{'s' * (len(self.flips) > 1)} turned over"] if self.flips else []
        told += [f"{pair.kind} O–O {pair.distance:.2f} Å" for pair in self.pairs]
        told += [f"{len(self.holes)} O with a moment"] if self.holes else []
        told += [f"{self.unaccounted:+d} e not accounted for"] if self.unaccounted else []
        return told

    def row(self) -> dict[str, Any]:
        """Flat dictionary for tables."""
        return {
            "before": self.before,
            "after": self.after,
            "ions": ", ".join(f"{number} {ion}" for ion, number in self.counts_after.items()),
            "electrons": self.electrons,
            "payers": ", ".join(f"{element} {amount:+d}" for element, amount in self.payers().items()),
            "unclear": len(self.unclear),
            "flags": "; ".join(self.flags()),
        }


def redox_entry(
    before: CalculationDocument, after: CalculationDocument, host: CalculationDocument | None = None
) -> RedoxEntry:
    """Compare the ions of two cells.

    Parameters
    ----------
    before, after : CalculationDocument
        One made from the other by taking out lithium or oxygen.
    host : CalculationDocument, optional
        The cell that the site property ``origin`` counts in; `before` where left out.

    Raises
    ------
    InputError
        If a document has no moments or oxidation states, or the cells do not belong together.
    """
    whole = host or before
    (lithium, oxygen), (less_lithium, less_oxygen) = (missing_atoms(document, whole) for document in (before, after))
    first, second = ({state.origin: state for state in ion_states(document)} for document in (before, after))
    signed = before.moments_signed and after.moments_signed
    pairs = ((first[number], second[number]) for number in sorted(set(first) & set(second)))
    changes = [change for a, b in pairs if (change := _change(a, b, signed)) is not None]
    numbers = origins(after)
    return RedoxEntry(
        before=before.label,
        after=after.label,
        counts_before=_counted(first.values()),
        counts_after=_counted(second.values()),
        changes=tuple(changes),
        electrons=len(less_lithium) - len(lithium) - 2 * (len(less_oxygen) - len(oxygen)),
        by_metals=sum(change.charge for change in changes),
        by_oxygen=oxygen_electrons(after) - oxygen_electrons(before),
        holes=tuple(numbers[i] for i in oxygen_holes(after)),
        pairs=tuple(oxygen_pairs(after)),
        disproportionated=_disproportionated(list(first.values()), list(second.values())),
        flips=tuple(change.origin for change in changes if change.flipped) if signed else None,
        unclear=tuple(number for number, state in sorted(second.items()) if state.unclear),
    )


def _symbol(name: str) -> str:
    return str(Species.from_str(name.split()[0]).symbol)


def _change(before: IonState, after: IonState, signed: bool) -> RedoxChange | None:
    flipped = signed and min(abs(before.moment), abs(after.moment)) >= _DIRECTED and before.moment * after.moment < 0
    if before.name == after.name and not flipped:
        return None
    spin_state = before.ion == after.ion and before.spin != after.spin
    return RedoxChange(
        after.origin,
        before.name,
        after.name,
        before.moment,
        after.moment,
        after.charge - before.charge,
        spin_state,
        flipped,
    )


def _counted(states: Iterable[IonState]) -> dict[str, int]:
    return dict(sorted(Counter(state.name for state in states).items()))


def _disproportionated(before: list[IonState], after: list[IonState]) -> tuple[str, ...]:
    """Elements of which a lower and a higher charge became more frequent at the cost of one between them, whatever site
    holds it."""
    found = []
    for element in sorted({state.element for state in after}):
        change = Counter(state.charge for state in after if state.element == element)
        change.subtract(state.charge for state in before if state.element == element)
        more, less = (
            [charge for charge, n in change.items() if n > 0],
            [charge for charge, n in change.items() if n < 0],
        )
        if more and any(min(more) < charge < max(more) for charge in less):
            found.append(element)
    return tuple(found)
