"""Ions as a user writes them: element, charge, sign."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from .errors import InputError

if TYPE_CHECKING:
    from pymatgen.core.periodic_table import Species

__all__ = ["Ion", "read_ion"]

_ION = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?)?([+-])")


def read_ion(text: str) -> Species:
    """Return the species of ``Co3+``, ``O2-``, ``Li+``, ``Ni1.5+`` or ``S0+``.

    Raises
    ------
    InputError
        If it is anything else; pymatgen takes ``Co++`` for Co+ and ends on ``Co+2+`` with an exception.
    """
    from pymatgen.core.periodic_table import Element, Species

    found = _ION.fullmatch(text)
    if found is None or not Element.is_valid_symbol(found[1]) or float(found[2] or 1) > 12:
        raise InputError(f"{text!r} is no species with its oxidation state, such as Co3+, O2- or Ni1.5+")
    return Species.from_str(text)


def _ion_text(text: str) -> str:
    try:
        read_ion(text)
    except InputError as error:
        raise ValueError(error.message) from None
    return text


#: text of an ion, checked
Ion = Annotated[str, AfterValidator(_ion_text)]
