"""Columns of decimal numbers, parsed all at once by numpy."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["decimal_columns", "parted_numbers"]

Bytes = NDArray[np.uint8]
#: three numbers with decimal points in one line
_LINE = re.compile(rb"( *-?\d+\.\d+)( +-?\d+\.\d+| *-\d+\.\d+)( +-?\d+\.\d+| *-\d+\.\d+)\r?\n")
_SPACE, _MINUS, _ZERO, _POINT = (ord(character) for character in " -0.")
#: the largest integer up to which all are exact in double precision, and digits that an integer of 64 bits always holds
_EXACT, _DIGITS = 2**53, 18


#: a minus behind a digit begins the next number: columns of a fixed width that are full, and files that were rewritten
_GLUED = re.compile(rb"(?<=[0-9.])-")


def parted_numbers(line: bytes) -> list[bytes]:
    """Part a line of numbers, where a minus without a space before it begins a number too."""
    return _GLUED.sub(b" -", line).split()


def decimal_columns(text: bytes) -> NDArray[np.float64] | None:
    """Parse lines of three numbers if all of them look like the first: (n_lines, 3), or None if any does not.

    Parameters
    ----------
    text : bytes
        Whole lines.
    """
    first = _LINE.match(text)
    if first is None or len(text) % first.end():
        return None
    table = np.frombuffer(text, dtype=np.uint8).reshape(-1, first.end())
    edges = [0, *(first.end(group) for group in (1, 2, 3))]
    if not (table[:, edges[-1] :] == np.frombuffer(first.group()[edges[-1] :], dtype=np.uint8)).all():
        return None
    numbers = np.empty((len(table), 3))
    for column, (start, end) in enumerate(pairwise(edges)):
        field = np.ascontiguousarray(table[:, start:end].T)
        point = first.group().index(b".", start) - start
        if not _parsed(field, point, numbers[:, column]):
            return None
    return numbers


def _parsed(field: Bytes, point: int, out: NDArray[np.float64]) -> bool:
    """Fill in the numbers of one column of text, given as its columns of characters; False if one is no such number."""
    decimals = len(field) - point - 1
    blank = next((i for i, row in enumerate(field) if not (row == _SPACE).all()), 0)
    field, point = field[blank:], point - blank
    if point < 1 or not (field[point] == _POINT).all() or len(field) - 1 > _DIGITS:
        return False
    digits = field - np.uint8(_ZERO)  # what is no digit becomes larger than 9
    if (digits[point - 1] > 9).any() or (digits[point + 1 :] > 9).any():
        return False
    whole, minus = _before(field[: point - 1], digits[: point - 1])
    if whole is None:
        return False
    whole = whole * 10 + digits[point - 1]
    for row in digits[point + 1 :]:
        whole *= 10
        whole += row
    if whole.max() > _EXACT:
        return False
    np.divide(whole, 10.0**decimals, out=out)
    if minus is not None:
        np.negative(out, out=out, where=minus)
    return True


def _before(field: Bytes, digits: Bytes) -> tuple[NDArray[np.int64] | None, NDArray[np.bool_] | None]:
    """Digits before the last one of the integer part, and where a minus stands; (None, None) if it is not spaces, a
    minus, digits."""
    whole = np.zeros(field.shape[1], dtype=np.int64)
    if (field == _SPACE).all():
        return whole, None
    minus = np.zeros(field.shape[1], dtype=bool)
    begun = np.zeros(field.shape[1], dtype=bool)
    for character, digit in zip(field, digits, strict=True):
        is_digit, is_minus = digit <= 9, character == _MINUS
        if (begun & ~is_digit).any() or not (is_digit | is_minus | (character == _SPACE)).all():
            return None, None
        whole = np.where(is_digit, whole * 10 + digit, whole)
        minus |= is_minus
        begun |= is_digit | is_minus
    return whole, minus
