"""Which ion changed its oxidation state when lithium or oxygen left, atom by atom, and whether the books balance.

n Li atoms take n electrons along, an O atom leaves two. The ions are those of :mod:`.oxidation_states`; electrons that
neither they nor bonds and holes of the anions account for are reported as such. A spin that turned over is asked of
engines whose moments have signs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...workflows.documents import CalculationDocument
from .defect_energy import missing_atoms
from .oxidation_states import HOLE_ERROR, CellIons, IonState, cell_ions

__all__ = ["RedoxChange", "RedoxEntry", "electrons_text", "redox_entry"]

#: µB; smaller moments have no direction
_DIRECTED = 0.3
#: e; less than this of an electron, and than the error of the holes, is not worth a flag
_NOTED = 0.25


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
    element : str
    """

    origin: int
    before: str
    after: str
    moment_before: float
    moment_after: float
    charge: int
    spin_state: bool
    flipped: bool
    element: str


@dataclass(frozen=True)
class RedoxEntry:
    """One line of the ledger: a cell against the cell that it was made from.

    Parameters
    ----------
    before, after : str
        Labels.
    ions_before, ions_after : CellIons
        Ions, bonds and holes of both.
    changes : tuple of RedoxChange
        Every ion that is not what it was.
    electrons : int
        Taken out with lithium, less those that oxygen left: what the cell has to pay.
    disproportionated : dict of str to int
        Elements of which a lower and a higher charge became more frequent at the cost of one between, and how many of
        the ions that say so are unclear.
    flips : tuple of int or None
        Ions whose moment turned over; None where the engine has no signs.
    """

    before: str
    after: str
    ions_before: CellIons
    ions_after: CellIons
    changes: tuple[RedoxChange, ...]
    electrons: int
    disproportionated: dict[str, int]
    flips: tuple[int, ...] | None

    @property
    def by_metals(self) -> int:
        """What the metals paid: the sum of the changes of their oxidation states."""
        return sum(change.charge for change in self.changes)

    @property
    def by_anions(self) -> dict[str, float]:
        """What the remaining oxygen and sulfur show to have paid, by bonds and moments."""
        return {e: self.ions_after.given_up(e) - self.ions_before.given_up(e) for e in ("O", "S")}

    @property
    def unaccounted(self) -> float:
        """Electrons that neither metals nor anions show, e: shared, or given up by oxygen without a trace; negative
        where they show more than was taken."""
        return self.electrons - self.by_metals - sum(self.by_anions.values())

    @property
    def unclear(self) -> tuple[int, ...]:
        """Ions of the cell afterwards whose moment does not tell them, by number in the host."""
        return tuple(sorted(state.origin for state in self.ions_after.ions if state.unclear))

    def payers(self) -> dict[str, float]:
        """Element to what it paid, e; anions by what they show. Those that did not change are left out."""
        total: Counter[str] = Counter()
        for change in self.changes:
            total[change.element] += change.charge
        paid = {**total, **{e: round(amount, 6) for e, amount in self.by_anions.items()}}
        return {element: amount for element, amount in sorted(paid.items()) if amount}

    def unclear_payers(self) -> dict[str, int]:
        """Of each element that paid, the ions that are unclear before or afterwards."""
        doubtful = {s.origin: s.element for s in (*self.ions_before.ions, *self.ions_after.ions) if s.unclear}
        counts = Counter(doubtful.values())
        return {element: counts[element] for element in self.payers() if counts[element]}

    def payers_text(self) -> str:
        """``Co +2 (4 ions unclear), O +0.5``."""
        doubtful = self.unclear_payers()
        return ", ".join(
            f"{element} {electrons_text(amount)}{f' ({doubtful[element]} ions unclear)' if element in doubtful else ''}"
            for element, amount in self.payers().items()
        )

    def flags(self) -> list[str]:
        """What deserves a look, in words."""
        told = [
            f"{element} may disproportionate: {doubtful} of these ions are unclear"
            if doubtful
            else f"{element} disproportionates"
            for element, doubtful in self.disproportionated.items()
        ]
        states = Counter(f"{change.before} → {change.after}" for change in self.changes if change.spin_state)
        told += [f"spin state: {number} × {change}" for change, number in states.items()]
        told += [f"{len(self.flips)} moment{'s' * (len(self.flips) > 1)} turned over"] if self.flips else []
        told += [pair.text for pair in self.ions_after.pairs]
        holes = sum(self.ions_after.holes.values())
        told += [f"{holes:.1f} holes on {len(self.ions_after.holes)} O"] if holes else []
        if abs(self.unaccounted) >= _NOTED + HOLE_ERROR * holes:
            told.append(f"{electrons_text(self.unaccounted)} e not accounted for")
        return told

    def row(self) -> dict[str, Any]:
        """Flat dictionary for tables."""
        return {
            "before": self.before,
            "after": self.after,
            "ions": self.ions_after.text,
            "electrons": self.electrons,
            "payers": self.payers_text(),
            "unclear": len(self.unclear),
            "residual": self.ions_after.residual,
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
    ions = tuple(cell_ions(document) for document in (before, after))
    first, second = ({state.origin: state for state in one.ions} for one in ions)
    signed = before.moments_signed and after.moments_signed
    both = ((first[number], second[number]) for number in sorted(set(first) & set(second)))
    changes = [change for a, b in both if (change := _change(a, b, signed)) is not None]
    return RedoxEntry(
        before=before.label,
        after=after.label,
        ions_before=ions[0],
        ions_after=ions[1],
        changes=tuple(changes),
        electrons=len(less_lithium) - len(lithium) - 2 * (len(less_oxygen) - len(oxygen)),
        disproportionated=_disproportionated(ions[0].ions, ions[1].ions),
        flips=tuple(change.origin for change in changes if change.flipped) if signed else None,
    )


def electrons_text(amount: float) -> str:
    """``+2``, or ``+0.5`` where it is no whole number.

    Parameters
    ----------
    amount : float
        e.
    """
    whole = round(amount)
    return f"{whole:+d}" if abs(amount - whole) < 0.05 else f"{amount:+.1f}"


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
        after.element,
    )


def _disproportionated(before: Iterable[IonState], after: Iterable[IonState]) -> dict[str, int]:
    """Elements of which a lower and a higher charge became more frequent at the cost of one between them, whatever site
    holds it, and the unclear ions of those two charges."""
    earlier, later, found = list(before), list(after), dict[str, int]()
    for element in sorted({state.element for state in later}):
        change = Counter(state.charge for state in later if state.element == element)
        change.subtract(state.charge for state in earlier if state.element == element)
        more = [charge for charge, n in change.items() if n > 0]
        less = [charge for charge, n in change.items() if n < 0]
        if more and any(min(more) < charge < max(more) for charge in less):
            told = [s for s in later if s.element == element and s.charge in (min(more), max(more))]
            found[element] = sum(state.unclear for state in told)
    return found
