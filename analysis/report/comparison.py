"""Two campaigns side by side: every key number of both, and whether they differ by more than their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .committee import by_quantity
from .content import KeyNumber

__all__ = ["ComparedNumber", "compared_numbers"]


@dataclass(frozen=True)
class ComparedNumber:
    """One key number of an old and a new campaign.

    Parameters
    ----------
    old, new : KeyNumber or None
        None where the campaign does not have it.
    """

    old: KeyNumber | None
    new: KeyNumber | None

    @property
    def known(self) -> KeyNumber:
        """The newer of the two that exist."""
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def difference(self) -> float | None:
        """New minus old, in the unit of both; None without both values."""
        old, new = self.old, self.new
        if old is None or new is None or old.value is None or new.value is None:
            return None
        return new.value - old.value

    @property
    def half_width(self) -> float | None:
        """Half of the interval of the difference: both intervals as independent; None where neither is known."""
        widths = [one.half_width for one in (self.old, self.new) if one is not None and one.half_width is not None]
        return math.hypot(*widths) if widths and self.difference is not None else None

    @cached_property
    def verdict(self) -> str:
        """``equal``, ``within the intervals``, ``apart``, ``differs, no interval is known``, or which campaign lacks
        it."""
        if self.old is None:
            return "new only"
        if self.new is None:
            return "old only"
        if self.difference is None:
            return "no value in both" if self.old.value is self.new.value else "no value in one"
        if self.difference == 0:
            return "equal"
        if self.half_width is None:
            return "differs, no interval is known"
        return "within the intervals" if abs(self.difference) <= self.half_width else "apart"

    def row(self) -> dict[str, Any]:
        """Plain values: quantity, unit, old and new with half of each interval, difference, verdict."""
        told = self.known
        return {
            "quantity": told.quantity,
            "unit": told.unit,
            "digits": told.digits,
            "old": self.old and self.old.value,
            "old_half_width": self.old and self.old.half_width,
            "old_tier": self.old.tier if self.old else "",
            "new": self.new and self.new.value,
            "new_half_width": self.new and self.new.half_width,
            "new_tier": self.new.tier if self.new else "",
            "difference": self.difference,
            "half_width": self.half_width,
            "verdict": self.verdict,
        }


def compared_numbers(old: Sequence[KeyNumber], new: Sequence[KeyNumber]) -> list[ComparedNumber]:
    """Return every key number of two campaigns: those of the new one in their order, then what only the old one has.

    Numbers belong together where quantity and unit are the same; of several of the same words, such as one at another
    content, the first is set beside the first. The interval of a difference takes both numbers as independent, which
    makes it wide where they share a phase set or a potential.

    Parameters
    ----------
    old, new : sequence of KeyNumber
    """
    before, after = by_quantity(old), by_quantity(new)
    found = [ComparedNumber(before.get(key), number) for key, number in after.items()]
    return found + [ComparedNumber(number, None) for key, number in before.items() if key not in after]
