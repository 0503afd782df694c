"""Kinds of compounds, by which errors are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from catholyte.structures.crystals.chemistry import CHEMICAL_CLASSES, chemical_class


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        ("LiCoO2", "oxide"),
        ("Li2WO4", "oxide"),
        ("P2O5", "oxide"),
        ("CO2", "oxide"),
        ("SO3", "oxide"),
        ("Li3PO4", "oxoanion salt"),
        ("Li2CO3", "oxoanion salt"),
        ("Li3BO3", "oxoanion salt"),
        ("CoSO4", "oxoanion salt"),
        ("Li6PS5Cl", "sulfide"),
        ("Li10GeP2S12", "sulfide"),
        ("Co9S8", "sulfide"),
        ("PSCl", "sulfide"),
        ("Li3YCl6", "chloride"),
        ("PCl3", "chloride"),
        ("S2Cl2", "sulfide"),
        ("YOCl", "other"),
        ("LiClO4", "other"),
        ("BPO4", "other"),
        ("Li3P", "other"),
        ("LiIn", "other"),
        ("S8", "other"),
        ("LiF", "halide"),
        ("Li3YBr6", "halide"),
        ("Li6PS5I", "sulfide"),
        ("Li3N", "nitride"),
        ("LiOH", "hydrogen"),
        ("LiNO3", "oxoanion salt"),
        ("Li4SiO4", "oxoanion salt"),
        ("LaOBr", "other"),
    ],
)
def test_known_compounds(formula: str, kind: str) -> None:
    assert chemical_class(Composition(formula)) == kind


@given(
    amounts=st.dictionaries(
        st.sampled_from(["Li", "Co", "O", "S", "Cl", "P", "C", "B", "F", "N", "H", "I"]), st.integers(1, 9), min_size=1
    ),
    factor=st.integers(2, 5),
)
def test_the_kind_does_not_depend_on_the_formula_unit(amounts: dict[str, int], factor: int) -> None:
    composition = Composition(amounts)
    assert chemical_class(composition) in CHEMICAL_CLASSES
    assert chemical_class(composition) == chemical_class(composition * factor)
