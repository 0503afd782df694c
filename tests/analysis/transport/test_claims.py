"""A claim that one number is lower than another: every potential must say so, by more than what is told apart."""

from __future__ import annotations

import pytest

from catholyte.analysis.transport.claims import judged
from catholyte.configs.steps.claims import OrderClaim

CLAIM = OrderClaim(claim="W lowers the barrier", lower="with", than="without")


@pytest.mark.parametrize(
    ("members", "verdict"),
    [
        ([{"with": 0.4, "without": 0.6}], "confirmed"),
        ([{"with": 0.6, "without": 0.4}], "contradicted"),
        ([{"with": 0.40, "without": 0.44}], "undecided"),
        ([{"with": 0.4, "without": 0.6}, {"with": 0.5, "without": 0.6}], "confirmed"),
        ([{"with": 0.4, "without": 0.6}, {"with": 0.7, "without": 0.6}], "undecided"),
        ([{"with": 0.4, "without": 0.6}, {"with": 0.57, "without": 0.6}], "undecided"),
        ([{"with": 0.4}], "not computed"),
        ([{"with": 0.4, "without": 0.6}, {}], "not computed"),
        ([], "not computed"),
    ],
)
def test_verdicts(members: list[dict[str, float]], verdict: str) -> None:
    found = judged(CLAIM, members, 0.05, "eV")
    assert found.verdict == verdict
    assert bool(found.reason) == (verdict in ("undecided", "not computed"))


def test_a_value_may_stand_on_the_other_side() -> None:
    claim = OrderClaim(claim="crosses", lower="CoO", than=0.84)
    assert judged(claim, [{"CoO": 0.5}], 0.05, "eV").verdict == "confirmed"
    assert judged(claim, [{"CoO": 1.5}], 0.05, "eV").verdict == "contradicted"
    assert judged(claim, [{"CoO": 1.5}], 0.05, "eV").than == (0.84,)
