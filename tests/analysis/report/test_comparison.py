"""Two campaigns side by side: differences by hand, and what they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.analysis.report.comparison import compared_numbers
from catholyte.analysis.report.content import KeyNumber


def key(
    quantity: str, value: float | None, sigma: float | None = None, kind: str = "1σ", unit: str = "eV"
) -> KeyNumber:
    return KeyNumber(quantity, value, unit, 3, "chgnet", "job 1", sigma, kind if sigma is not None else "")


@pytest.mark.parametrize(
    ("old", "new", "difference", "half_width", "verdict"),
    [
        (key("a", 1.0, 0.3), key("a", 2.0, 0.4), 1.0, 1.0, "within the intervals"),  # 2 √(0.3² + 0.4²) = 1
        (key("a", 1.0, 0.3), key("a", 2.01, 0.4), 1.01, 1.0, "apart"),
        (key("a", 1.0, 0.3, "spread over zeros"), key("a", 1.5, 0.2), 0.5, 0.5, "within the intervals"),  # 0.3, 0.4
        (key("a", 1.0), key("a", 1.5, 0.2), 0.5, 0.4, "apart"),
        (key("a", 1.0), key("a", 0.5), -0.5, None, "differs, no interval is known"),
        (key("a", 1.0, 0.3), key("a", 1.0, 0.3), 0.0, pytest.approx(0.848528), "equal"),
        (key("a", None), key("a", 1.0, 0.1), None, None, "no value in one"),
        (key("a", None), key("a", None), None, None, "no value in both"),
    ],
)
def test_a_difference_and_its_interval(
    old: KeyNumber, new: KeyNumber, difference: float | None, half_width: float | None, verdict: str
) -> None:
    (found,) = compared_numbers([old], [new])
    assert (found.old, found.new) == (old, new)
    assert found.difference == (None if difference is None else pytest.approx(difference))
    assert found.half_width == (half_width if not isinstance(half_width, float) else pytest.approx(half_width))
    assert found.verdict == verdict


def test_what_one_campaign_lacks_is_said_and_the_same_words_are_matched_in_order() -> None:
    old = [key("a", 1.0), key("a", 2.0), key("b", 3.0), key("c", 1.0, unit="V")]
    new = [key("d", 4.0), key("a", 1.0), key("a", 2.5), key("c", 1.0, unit="eV")]
    told = [(row.known.quantity, row.known.unit, row.difference, row.verdict) for row in compared_numbers(old, new)]
    assert told == [
        ("d", "eV", None, "new only"),
        ("a", "eV", 0.0, "equal"),
        ("a", "eV", 0.5, "differs, no interval is known"),
        ("c", "eV", None, "new only"),
        ("b", "eV", None, "old only"),
        ("c", "V", None, "old only"),
    ]


_NUMBERS = st.lists(
    st.builds(
        key,
        st.sampled_from("abc"),
        st.none() | st.floats(-5, 5),
        st.none() | st.floats(0, 2),
        st.sampled_from(["1σ", "spread"]),
    ),
    max_size=6,
)


@given(_NUMBERS, _NUMBERS)
def test_no_number_is_lost_and_the_other_way_round_is_the_opposite(old: list[KeyNumber], new: list[KeyNumber]) -> None:
    there, back = compared_numbers(old, new), compared_numbers(new, old)
    assert sum(row.old is not None for row in there) == len(old)
    assert sum(row.new is not None for row in there) == len(new)
    opposite = {"old only": "new only", "new only": "old only"}
    turned = {id(row.old): row for row in back if row.old is not None}
    for row in there:
        if row.old is None or row.new is None:
            continue
        other = turned[id(row.new)]
        assert opposite.get(row.verdict, row.verdict) == other.verdict
        assert row.half_width == other.half_width
        assert row.difference == (None if other.difference is None else -other.difference)
