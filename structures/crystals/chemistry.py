"""Which kind of compound a composition is: errors of energies differ from kind to kind."""

from __future__ import annotations

from typing import Literal, get_args

from pymatgen.core.composition import Composition

__all__ = ["CHEMICAL_CLASSES", "ChemicalClass", "atomic_shares", "chemical_class"]

ChemicalClass = Literal["oxide", "oxoanion salt", "sulfide", "chloride", "halide", "nitride", "hydrogen", "other"]
CHEMICAL_CLASSES: tuple[ChemicalClass, ...] = get_args(ChemicalClass)
#: centres of oxoanions: borate, carbonate, nitrate, silicate, phosphate, sulfate, selenate
_CENTRES = frozenset({"B", "C", "N", "Si", "P", "S", "Se"})
_ANIONS = frozenset({"O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "H"})
_BY_ANION: dict[str, ChemicalClass] = {
    "S": "sulfide", "Cl": "chloride", "F": "halide", "Br": "halide", "I": "halide", "N": "nitride"
}  # fmt: skip


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
