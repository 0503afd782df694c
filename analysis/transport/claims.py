"""A source's claim that one number is lower than another, beside what was computed: confirmed, contradicted, or
undecided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...configs.steps.claims import OrderClaim

__all__ = ["ClaimedOrder", "judged"]

Verdict = Literal["confirmed", "contradicted", "undecided", "not computed"]


@dataclass(frozen=True)
class ClaimedOrder:
    """A claim with its verdict.

    Parameters
    ----------
    claim : OrderClaim
    lower, than : tuple of float
        Number of either side by each potential; empty where it is missing.
    verdict : str
    reason : str
    """

    claim: OrderClaim
    lower: tuple[float, ...]
    than: tuple[float, ...]
    verdict: Verdict
    reason: str


def judged(claim: OrderClaim, members: Sequence[Mapping[str, float]], resolved: float, unit: str) -> ClaimedOrder:
    """Return the verdict on one claim.

    Parameters
    ----------
    claim : OrderClaim
    members : sequence of mapping of str to float
        System to number, by each potential. The claim is confirmed, or contradicted, where all of them say so by more
        than `resolved`.
    resolved : float
        Smaller differences are not told apart.
    unit : str
        Of the numbers, for people.
    """
    than = claim.than
    pairs = [
        (found[claim.lower], found[than] if isinstance(than, str) else float(than))
        for found in members
        if claim.lower in found and (not isinstance(than, str) or than in found)
    ]
    lower, other = tuple(one for one, _ in pairs), tuple(two for _, two in pairs)
    if not pairs or len(pairs) < len(members):
        missing = sorted(
            {name for found in members for name in (claim.lower, than) if isinstance(name, str) and name not in found}
        )
        return ClaimedOrder(claim, lower, other, "not computed", f"no number of {', '.join(missing)}")
    differences = [two - one for one, two in pairs]
    if min(differences) > resolved:
        return ClaimedOrder(claim, lower, other, "confirmed", "")
    if max(differences) < -resolved:
        return ClaimedOrder(claim, lower, other, "contradicted", "")
    agree = min(differences) * max(differences) > 0 or len(pairs) == 1
    small = f"a difference below {resolved:g}{' ' + unit if unit else ''} is not told apart"
    return ClaimedOrder(claim, lower, other, "undecided", small if agree else f"the potentials disagree, or {small}")
