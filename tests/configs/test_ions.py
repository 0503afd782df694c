"""Ions as a user writes them are read, or refused in a sentence: never as another ion."""

from __future__ import annotations

import pytest

from catholyte.configs.errors import InputError
from catholyte.configs.ions import read_ion


@pytest.mark.parametrize(
    ("text", "element", "charge"),
    [("Co3+", "Co", 3), ("O2-", "O", -2), ("Li+", "Li", 1), ("Ni1.5+", "Ni", 1.5), ("S0+", "S", 0), ("Cl7+", "Cl", 7)],
)
def test_ions_are_read(text: str, element: str, charge: float) -> None:
    found = read_ion(text)
    assert (found.symbol, found.oxi_state) == (element, charge)


@pytest.mark.parametrize(
    "text", ["Co++", "Co+2+", "Co2+3", "Co+3", "Xx3+", "X2+", "Co", "co3+", "", "2+", "Co1e5+", "Co99+", "Co3+ ", "Vac"]
)
def test_what_is_no_ion_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no species with its oxidation state"):
        read_ion(text)
