"""Public entries through the Materials Project's API: needs the package mp-api, a key and a network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import isnan, sqrt
from typing import Any

from pymatgen.core.periodic_table import Element

from ...configs.errors import EngineUnavailableError, InputError
from .public_entries import PublicEntry

__all__ = ["CITATION", "KEYS", "LARGEST_SYSTEM", "LICENSE", "SOURCE", "URL", "download"]

#: environment variables of the key, in the order in which they are asked
KEYS = ("MP_API_KEY", "PMG_MAPI_KEY")
#: elements; the API is asked for every sub-system, and their number doubles with each element
LARGEST_SYSTEM = 9
#: key of a phase set's sources
SOURCE = "mp-api"
CITATION = "Materials Project through its API, Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323"
LICENSE = "CC-BY 4.0"
URL = "https://next-gen.materialsproject.org"


def download(elements: Sequence[str], key: str | None = None) -> list[PublicEntry]:
    """Return the GGA and GGA+U entries of one chemical system and its sub-systems, MP2020-corrected by the Materials
    Project.

    Parameters
    ----------
    elements : sequence of str
        At most :data:`LARGEST_SYSTEM`.
    key : str, optional
        API key; the first of the environment variables :data:`KEYS` that is set where left out.

    Raises
    ------
    EngineUnavailableError
        If mp-api is not installed, or the Materials Project cannot be reached.
    InputError
        If an element is none, there are too many, no key is given, the key is refused, or nothing is found.
    """
    _check_elements(elements)
    given = key or next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
    if not given:
        raise InputError(
            f"the Materials Project's API needs a key: set {KEYS[0]} or {KEYS[1]}, or give it as an option "
            "(materialsproject.org/api)"
        )
    found = [_public(entry) for entry in _request(elements, given)]
    if not found:
        raise InputError(f"the Materials Project holds no entry of {'-'.join(elements)}")
    return found


def _check_elements(elements: Sequence[str]) -> None:
    wrong = [symbol for symbol in elements if not Element.is_valid_symbol(symbol)]
    if wrong:
        raise InputError(f"{', '.join(map(repr, wrong))} is not an element; a chemical system is written like Li-Co-O")
    if len(elements) > LARGEST_SYSTEM:
        raise InputError(
            f"{len(elements)} elements are {2 ** len(elements) - 1} sub-systems to ask the Materials Project for; "
            f"allowed: {LARGEST_SYSTEM} elements"
        )


def _request(elements: Sequence[str], key: str) -> list[Any]:
    try:
        from mp_api.client import MPRester
        from mp_api.client.core import MPRestError
    except ImportError:
        raise EngineUnavailableError(
            "the Materials Project's API needs the package mp-api, which is not installed", "pip install mp-api"
        ) from None
    import requests

    try:
        with MPRester(key, mute_progress_bars=True) as rester:
            return list(
                rester.get_entries_in_chemsys(list(elements), additional_criteria={"thermo_types": ["GGA_GGA+U"]})
            )
    except requests.RequestException as error:
        raise EngineUnavailableError(
            f"the Materials Project cannot be reached: {_first_line(error)}", "work offline from a pinned phase set"
        ) from None
    except (MPRestError, ValueError) as error:
        raise InputError(
            f"the Materials Project refused the request, most likely the key: {_first_line(error)}"
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _public(entry: Any) -> PublicEntry:
    """One ``ComputedStructureEntry`` that carries its MP2020 adjustments."""
    errors = [
        0.0 if isnan(adjustment.uncertainty) else adjustment.uncertainty for adjustment in entry.energy_adjustments
    ]
    n_atoms = entry.composition.num_atoms
    return PublicEntry(
        entry_id=str(entry.entry_id),
        composition=entry.composition,
        energy_per_atom=float(entry.energy) / n_atoms,
        correction_error=sqrt(sum(error**2 for error in errors)) / n_atoms,
        source=SOURCE,
        structure=getattr(entry, "structure", None),
    )
