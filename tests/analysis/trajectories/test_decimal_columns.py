"""Columns of decimals are bit by bit what float gives, and anything else is left to others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.analysis.trajectories.decimals import decimal_columns


@given(
    rows=st.lists(st.tuples(*[st.floats(-99, 99, allow_nan=False)] * 3), min_size=1, max_size=30),
    decimals=st.integers(1, 11),
    gap=st.integers(1, 4),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_bit_by_bit_what_float_gives(rows: list[tuple[float, float, float]], decimals: int, gap: int, end: str) -> None:
    width = 3 + decimals + gap
    lines = ["".join(f"{number:{width}.{decimals}f}" for number in row) + end for row in rows]
    found = decimal_columns("".join(lines).encode())
    assert found is not None
    expected = np.array([[float(line[k * width : (k + 1) * width]) for k in range(3)] for line in lines])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


GOOD = "  0.12345678  0.50000000 -0.25000000\n"


@pytest.mark.parametrize(
    "line",
    [
        "  0.12345678  0.5000000x -0.25000000\n",
        "  0.12345678  ********** -0.25000000\n",
        "  0.12345678         NaN -0.25000000\n",
        "  0.12345678  0.50000000-0.25000000 \n",
        "  0.1234567   0.50000000 -0.25000000\n",
        "  0.12345678 0.500000000 -0.25000000\n",
        "- 0.12345678  0.50000000 -0.25000000\n",
        "--0.12345678  0.50000000 -0.25000000\n",
        " 1 .12345678  0.50000000 -0.25000000\n",
        "  0.12345678  0.50000000 -0.25000000 \n",
        "  0.12345678  0.50000000 -0.25000000",
        "  0.12345678  0.50000000 -0.25000000\n" + " " * 36 + "\n",
        "  1.2345e-05  0.50000000 -0.25000000\n",
    ],
)
def test_lines_that_differ_are_not_read(line: str) -> None:
    assert decimal_columns(GOOD.encode()) is not None
    assert decimal_columns((GOOD + line).encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "one two three\n",
        "0.5 0.5\n",
        "0.5 0.5 0.5 T T T\n",
        "0.98765432109876543 0.5 0.5\n",
        "0.1234567890123456789 0.5 0.5\n",
    ],
)
def test_text_that_is_no_three_columns(text: str) -> None:
    assert decimal_columns(text.encode()) is None
