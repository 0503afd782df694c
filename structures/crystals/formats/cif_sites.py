"""Rows of a CIF's atoms: which element and charge a symbol or label means, how much of it there is, and where."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element, Species

from ....configs.arrays import Floats
from ....configs.errors import StructureError
from ..guard import first_of, note
from .cif_text import Block, number

__all__ = ["EXCESS", "Row", "atom_rows", "formula_of"]

#: by how much occupancies of one place may exceed 1: the rounding of a refinement
EXCESS = 0.05
#: symbols and labels of an empty place
_VACANT = re.compile(r"(vac?|vacancy|vacant|□|void)\d*[a-z]?", re.IGNORECASE)
_SYMBOL = re.compile(r"\d*([A-Za-z]+)")
#: Co3+, Co+3, O2-, Li+, Fe2.5+
_CHARGE = re.compile(r"[A-Za-z]+\s*(?:(\d+\.?\d*)([+-])|([+-])(\d+\.?\d*)|([+-]))$")
_ISOTOPES = {"D": "H", "T": "H"}
_AXES = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")


@dataclass(frozen=True)
class Row:
    """One row of the loop of atoms.

    Parameters
    ----------
    label : str
    element : Element
    charge : float or None
        e; None where the file does not say.
    occupancy : float
    position : (3,) float array
        Fractional, as written.
    slack : (3,) float array
        Fractional; how far the written digits leave the position open.
    """

    label: str
    element: Element
    charge: float | None
    occupancy: float
    position: Floats
    slack: Floats

    @property
    def species(self) -> Species | Element:
        """With its oxidation state, where the file says one."""
        return self.element if self.charge is None else Species(self.element.symbol, self.charge)


def formula_of(block: Block) -> Composition | None:
    """The sum formula that the file states; None where there is none or it cannot be read."""
    text = block.value("_chemical_formula_sum", "_chemical_formula_moiety")
    if text is None:
        return None
    try:
        amounts: dict[str, float] = {}
        for symbol, amount in re.findall(r"([A-Z][a-z]?)\s*(\d*\.?\d*)(?:\(\d+\))?", text):
            symbol = _ISOTOPES.get(symbol, symbol)
            amounts[symbol] = amounts.get(symbol, 0.0) + float(amount or 1)
        return Composition(amounts) if amounts else None
    except ValueError:
        return None


def atom_rows(block: Block, source: str) -> list[Row]:
    """The atoms of a data block; empty places, and atoms without a place, are left out with a note.

    Raises
    ------
    StructureError
        If a coordinate or an occupancy is missing or absurd, or a symbol names no element.
    """
    columns = [block.column(axis) for axis in _AXES]
    if any(column is None for column in columns):
        raise StructureError(
            f"block '{block.name}' gives no fractional coordinates (_atom_site_fract_x, y, z), which are needed"
        )
    labels = block.column("_atom_site_label") or block.column("_atom_site_type_symbol")
    if labels is None:
        raise StructureError(f"block '{block.name}' names no atoms (_atom_site_label or _atom_site_type_symbol)")
    count = len(labels)
    symbols = block.column("_atom_site_type_symbol") or [""] * count
    occupancies = block.column("_atom_site_occupancy") or ["."] * count
    flags = block.column("_atom_site_calc_flag") or [""] * count
    states = _stated_charges(block)
    known = formula_of(block)
    expected = {element.symbol for element in known.elements} if known else set()
    rows, empty, dummies = [], [], []
    for k in range(count):
        name = symbols[k] if symbols[k] not in ("", ".", "?") else labels[k]
        if flags[k].lower() == "dum":
            dummies.append(labels[k])
            continue
        if _is_vacant(name, expected, typed=name == symbols[k]):
            empty.append(labels[k])
            continue
        occupancy = _occupancy(occupancies[k], labels[k])
        if occupancy == 0:
            empty.append(labels[k])
            continue
        element = _element(name, labels[k], expected, typed=name == symbols[k])
        texts = [column[k] for column in columns if column is not None]
        charge = states.get(name, _charge(name))
        rows.append(Row(labels[k], element, charge, occupancy, *_place(texts, labels[k])))
    if dummies:
        note(source, f"{first_of(dummies)}: dummy atoms, left out")
    if empty:
        note(source, f"{first_of(empty)}: taken as vacant")
    _note_unknowns(block, source, labels, symbols, occupancies)
    if not rows:
        raise StructureError(f"block '{block.name}' holds no atoms")
    return rows


def _note_unknowns(block: Block, source: str, labels: list[str], symbols: list[str], occupancies: list[str]) -> None:
    unknown = [label for label, text in zip(labels, occupancies, strict=True) if text == "?"]
    if unknown:
        note(source, f"{first_of(unknown)}: the occupancy is unknown (?) and taken as 1")
    heavy = [s for s in (*symbols, *labels) if (match := _SYMBOL.match(s)) and match[1] in _ISOTOPES]
    if heavy:
        note(source, "deuterium or tritium is read as hydrogen")
    attached = block.column("_atom_site_attached_hydrogens") or []
    bare = [label for label, text in zip(labels, attached, strict=False) if (number(text) or 0) > 0]
    if bare:
        note(source, f"hydrogen attached to {first_of(bare)} has no position in the file and is missing")


def _stated_charges(block: Block) -> dict[str, float]:
    """Oxidation numbers that the file lists by type of atom."""
    types, states = block.column("_atom_type_symbol"), block.column("_atom_type_oxidation_number")
    if types is None or states is None:
        return {}
    found = {name: number(text) for name, text in zip(types, states, strict=False)}
    return {name: value for name, value in found.items() if value is not None}


def _is_vacant(name: str, expected: Collection[str], *, typed: bool) -> bool:
    if not _VACANT.fullmatch(name.strip()):
        return False
    # 'Va' beside a formula with vanadium may be its first site
    short = re.fullmatch(r"va\d*[a-z]?", name, re.IGNORECASE) is not None
    return not (short and not typed and "V" in expected)


def _element(name: str, label: str, expected: Collection[str], *, typed: bool) -> Element:
    match = _SYMBOL.match(name.strip())
    letters = match[1] if match else ""
    if letters in _ISOTOPES:
        return Element("H")
    candidates = [letters[:2].capitalize()] if len(letters) > 1 else []
    candidates += [letters[:1].upper()] if letters else []
    valid = [symbol for symbol in candidates if Element.is_valid_symbol(symbol)]
    exact = len(letters) <= 2 and letters[:1].isupper() and letters[1:].islower()
    if typed and len(letters) <= 2:
        valid = valid[:1] if valid[:1] == [letters.capitalize()] else []
    elif len(valid) == 2 and not exact and expected:
        valid = [symbol for symbol in valid if symbol in expected] or valid
    elif len(valid) == 2 and exact:
        valid = [valid[1]] if expected and valid[0] not in expected and valid[1] in expected else valid[:1]
    elif len(valid) == 2 and letters[1:2].islower():
        valid = valid[:1]  # Coa: a site of cobalt
    if len(valid) == 1:
        return Element(valid[0])
    if valid:
        raise StructureError(
            f"the label '{label}' may mean {' or '.join(valid)}: give _atom_site_type_symbol or _chemical_formula_sum"
        )
    raise StructureError(f"'{name}' names no element: give _atom_site_type_symbol, and leave out dummies")


def _charge(name: str) -> float | None:
    match = _CHARGE.fullmatch(name.strip())
    if match is None:
        return None
    size, sign = (match[1], match[2]) if match[2] else (match[4], match[3]) if match[3] else ("1", match[5])
    return float(size) * (-1.0 if sign == "-" else 1.0)


def _occupancy(text: str, label: str) -> float:
    if text in (".", "?", ""):  # the core dictionary's default is 1
        return 1.0
    value = number(text)
    if value is None:
        raise StructureError(f"the occupancy '{text[:20]}' of {label} is no number")
    if not 0 <= value <= 1 + EXCESS:
        raise StructureError(
            f"the occupancy of {label} is {value:g}; 0 to 1 are possible. A file that counts atoms per cell there has "
            "to be divided by the multiplicities"
        )
    return value


def _place(texts: list[str], label: str) -> tuple[Floats, Floats]:
    values, slack = [], []
    for axis, text in zip("xyz", texts, strict=True):
        value = number(text)
        if value is None:
            raise StructureError(
                f"the coordinate {axis} of {label} is '{text[:20]}', and a number is needed: an atom without a place "
                "has to be left out"
            )
        if not abs(value) <= 1e4:
            raise StructureError(f"the coordinate {axis} of {label} is {value:g}")
        values.append(value)
        slack.append(_slack(text, value))
    return np.array(values), np.array(slack)


def _slack(text: str, value: float) -> float:
    """Two units of the last digit, as copies of 0.333 lie apart; nothing for a multiple of 1/8."""
    if abs(8 * value - round(8 * value)) < 1e-9:
        return 1e-5
    mantissa = text.split("(")[0].lower()
    if "e" in mantissa:
        return 1e-5
    digits = len(mantissa.partition(".")[2])
    return float(max(1e-5, 2.0 * 10.0 ** -max(digits, 2)))
