"""Formulas as people type them, and which kind of compound each is: errors of energies differ from kind to kind."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, get_args

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from ...configs.errors import InputError

__all__ = ["CHEMICAL_CLASSES", "ChemicalClass", "atomic_shares", "chemical_class", "meant", "parse_formula"]

ChemicalClass = Literal["oxide", "oxoanion salt", "sulfide", "chloride", "halide", "nitride", "hydrogen", "other"]
CHEMICAL_CLASSES: tuple[ChemicalClass, ...] = get_args(ChemicalClass)
#: centres of oxoanions: borate, carbonate, nitrate, silicate, phosphate, sulfate, selenate
_CENTRES = frozenset({"B", "C", "N", "Si", "P", "S", "Se"})
_ANIONS = frozenset({"O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "H"})
_BY_ANION: dict[str, ChemicalClass] = {
    "S": "sulfide", "Cl": "chloride", "F": "halide", "Br": "halide", "I": "halide", "N": "nitride"
}  # fmt: skip
#: an amount that begins with a zero and is no decimal: LiCo02, Li3P04
_TYPED_ZERO = re.compile(r"(?<![\d.])0(?=\d)")


def chemical_class(composition: Composition) -> ChemicalClass:
    """Return the kind of compound that a composition spells.

    With oxygen: an oxoanion salt where a nonmetal centre and a metal stand beside it (Li3PO4, Li2CO3, Li3BO3,
    CoSO4), an oxide where nothing but metals, or nothing but one centre, does (LiCoO2, Li2WO4, P2O5, CO2). Without
    oxygen the more numerous anion decides, sulfur in a draw (Li6PS5Cl and Li3PS4 are sulfides, Li3YCl6 a chloride,
    Li3YBr6, LiF and LiI halides). What holds hydrogen is a class of its own. All else is other: elements, phosphides,
    carbides, alloys, oxyhalides, and compounds of further anions.
    """
    symbols = {element.symbol for element in composition.elements}
    if len(symbols) == 1:
        return "other"
    if "H" in symbols:
        return "hydrogen"
    if "O" in symbols:
        return _with_oxygen(symbols)
    anions = sorted(
        (symbol for symbol in symbols if symbol in _ANIONS), key=lambda symbol: (-composition[symbol], symbol != "S")
    )
    return _BY_ANION.get(anions[0], "other") if anions else "other"


def _with_oxygen(symbols: set[str]) -> ChemicalClass:
    if symbols & {"F", "Cl", "Br", "I", "Se", "Te"}:
        return "other"
    centres = symbols & _CENTRES
    if not centres:
        return "oxide"
    if len(symbols) == 2:
        return "oxide"
    return "oxoanion salt" if symbols - centres - {"O"} else "other"


def atomic_shares(composition: Composition) -> frozenset[tuple[str, float]]:
    """Return elements with their atomic fractions to six places: equal for all formulas of one compound, at a twentieth
    of the cost of pymatgen's reduced formula."""
    total = composition.num_atoms
    return frozenset((element.symbol, round(amount / total, 6)) for element, amount in composition.items())


def meant(formula: str) -> list[str]:
    """Return the formula that is meant where zeros stand for the letter O: ``LiCoO2`` for ``LiCo02``; else none.

    Parameters
    ----------
    formula : str
    """
    return [_TYPED_ZERO.sub("O", formula)] if _TYPED_ZERO.search(formula) else []


@lru_cache(maxsize=20_000)
def parse_formula(formula: str) -> Composition:
    """Return the composition of a chemical formula such as ``Li6PS5Cl``; the same object for the same text.

    Raises
    ------
    InputError
        If it does not parse, is empty, names something that is not an element, or has a zero where an O is meant.
    """
    if instead := meant(formula):
        raise InputError(f"{formula!r} is not a chemical formula: an amount begins with 0; is {instead[0]} meant?")
    try:
        composition = Composition(formula)
    except ValueError as error:
        raise InputError(f"{formula!r} is not a chemical formula: {error}") from None
    strangers = [str(species) for species in composition if not isinstance(species, Element)]
    if strangers:
        raise InputError(
            f"{formula!r} is not a chemical formula: {', '.join(s.rstrip('0+') for s in strangers)} is not an element"
        )
    if not composition:
        raise InputError(f"{formula!r} is not a chemical formula: it holds no atoms")
    return composition
