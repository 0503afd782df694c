"""Numbers, formulas and labels as words: what tables, captions and notes share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..configs.trust import trust_of, weakest_class
from ..workflows.documents import CalculationDocument

__all__ = [
    "MEASURED",
    "SEE_SOURCES",
    "badge",
    "borrowed_moments",
    "cell_text",
    "file_stem",
    "formula_text",
    "number",
    "tier_label",
    "tiers_in",
]

#: in the place of a tier where no engine made the number
MEASURED, SEE_SOURCES = "measured volumes", "see sources"
#: in the place of a tier of a gas whose Gibbs energy is tabulated
GAS_TABLES = "gas tables"
#: between the tiers of a label, and the label of no tier
_AND, _NO_TIER = " + ", "none"
#: what stands in the place of tiers and names no engine; the dash is that of an empty cell
_NO_ENGINES = frozenset(("", "–", _NO_TIER, MEASURED, SEE_SOURCES, GAS_TABLES))


def number(value: float, digits: int = 2) -> str:
    """A number with a real minus sign, as matplotlib writes its tick labels; never ``-0.00``."""
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}f}".replace("-", "−")


def formula_text(text: str) -> str:
    """Set the numbers of chemical formulas as subscripts (Unicode: mathtext costs milliseconds a formula) and ``->`` as
    an arrow.

    Words that are no formula (``NCM811``, ``LCO``) and coefficients (``0.5 Li2S``) stay as they are.

    Examples
    --------
    >>> formula_text("0.5 Li2S + NCM811")
    '0.5 Li₂S + NCM811'
    """
    return re.sub(r"[A-Za-z0-9.()]+", lambda word: _subscripts(word[0]), text.replace("->", "→"))


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _subscripts(word: str) -> str:
    from pymatgen.core.periodic_table import Element

    parts = re.findall(r"[A-Z][a-z]?|[()]|\d+(?:\.\d+)?", word)
    symbols = [part for part in parts if part[0].isalpha()]
    if (
        "".join(parts) != word
        or not word[0].isalpha() + (word[0] == "(")
        or not symbols
        or not all(Element.is_valid_symbol(s) for s in symbols)
    ):
        return word
    return "".join(part.translate(_SUBSCRIPTS) for part in parts)


def tier_label(tiers: Iterable[str]) -> str:
    """Name every tier behind a number once, e.g. ``chgnet + vasp``.

    Parameters
    ----------
    tiers : iterable of str
    """
    return _AND.join(sorted(set(tiers))) or _NO_TIER


def tiers_in(named: str) -> list[str]:
    """The tiers that :func:`tier_label` named."""
    return [tier for tier in named.split(_AND) if tier not in _NO_ENGINES]


def badge(label: str) -> str:
    """Style of a label of tiers, that of the least trusted: ``dft``, ``machine-learned``, ``placeholder``, ``unknown``;
    ``none`` without a tier.

    Parameters
    ----------
    label : str
        From :func:`tier_label`.
    """
    return weakest_class(tiers_in(label)) or _NO_TIER


def borrowed_moments(documents: Iterable[CalculationDocument]) -> str:
    """Say whose moments they are where an engine has none of its own; empty where all are the engine's."""
    found = {(trust_of(one.tier).label, one.moments_by) for one in documents if one.moments_by}
    return " ".join(f"Moments: single points of {by}, since {label} has none." for label, by in sorted(found))


def cell_text(value: Any, digits: int | None = None) -> str:
    """A value as the page shows it: rounded, with a real minus sign; a dash for None."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(float(value), digits) if isinstance(value, int | float) and digits is not None else str(value)


def file_stem(name: str) -> str:
    """A name as a file name: anything but letters, digits and ``.+-_`` becomes ``_``, so that no name leaves its
    folder."""
    return re.sub(r"[^A-Za-z0-9.+_-]", "_", name).lstrip(".")
