"""Public entries through the Materials Project's API: needs a key and a network.

The documents of ``materials/thermo`` are asked for page by page (https://api.materialsproject.org/docs): a query names
chemical systems, ``_limit`` and ``_skip``, and its answer holds the documents under ``data`` and their number under
``meta.total_doc``. Each document carries its corrected entries by run type.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from math import isnan, sqrt
from typing import Any

from pymatgen.core.periodic_table import Element

from ...configs.errors import EngineUnavailableError, InputError
from .public_entries import PublicEntry

__all__ = ["CITATION", "ENDPOINT", "KEYS", "LARGEST_SYSTEM", "LICENSE", "SOURCE", "URL", "database_version", "download"]

#: environment variables of the key, in the order in which they are asked
KEYS = ("MP_API_KEY", "PMG_MAPI_KEY")
#: environment variable of the address, and the address
ENDPOINT = ("MP_API_ENDPOINT", "https://api.materialsproject.org/")
#: elements; the API is asked for every sub-system, and their number doubles with each element
LARGEST_SYSTEM = 9
#: key of a phase set's sources
SOURCE = "mp-api"
CITATION = "Materials Project through its API, Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323"
LICENSE = "CC-BY 4.0"
URL = "https://next-gen.materialsproject.org"

#: documents of one page, and chemical systems of one query, whose address stays below 4 kB
_PAGE, _SYSTEMS = 500, 100
#: s of one answer; tries of one page, and s before the next where the server does not say how long
_TIMEOUT, _TRIES, _PAUSE = 60.0, 5, 2.0
#: HTTP: too many requests, and servers that may be back in a moment
_LATER = (429, 502, 503, 504)


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
        If the Materials Project cannot be reached, asks to wait for longer than a few tries, or the download breaks.
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
    names = sorted(set(elements))
    systems = ["-".join(part) for size in range(1, len(names) + 1) for part in combinations(names, size)]
    found = [
        _public(raw)
        for first in range(0, len(systems), _SYSTEMS)
        for document in _documents(systems[first : first + _SYSTEMS], given)
        for raw in _entries(document)
    ]
    if not found:
        raise InputError(f"the Materials Project holds no entry of {'-'.join(elements)}")
    return found


def database_version() -> str:
    """Return the version of the Materials Project's database.

    Raises
    ------
    EngineUnavailableError
        If it cannot be reached or does not tell.
    """
    answer = _asked("heartbeat", {}, "")
    version = answer.get("db_version")
    if not version:
        raise _broken("the heartbeat tells no version of the database")
    return str(version)


def _check_elements(elements: Sequence[str]) -> None:
    wrong = [symbol for symbol in elements if not Element.is_valid_symbol(symbol)]
    if wrong:
        raise InputError(f"{', '.join(map(repr, wrong))} is not an element; a chemical system is written like Li-Co-O")
    if len(elements) > LARGEST_SYSTEM:
        raise InputError(
            f"{len(elements)} elements are {2 ** len(elements) - 1} sub-systems to ask the Materials Project for; "
            f"allowed: {LARGEST_SYSTEM} elements"
        )


def _documents(systems: Sequence[str], key: str) -> Iterator[dict[str, Any]]:
    """The documents of all pages of one query."""
    query = {
        "chemsys": ",".join(systems),
        "thermo_types": "GGA_GGA+U",
        "_fields": "material_id,entries",
        "_limit": str(_PAGE),
    }
    seen = 0
    while True:
        answer = _asked("materials/thermo/", {**query, "_skip": str(seen)}, key)
        try:
            page, total = list(answer["data"]), int(answer["meta"]["total_doc"])
        except (KeyError, TypeError, ValueError):
            raise _broken("a page without data or their number") from None
        yield from page
        seen += len(page)
        if seen >= total:
            return
        if not page:
            raise _broken(f"{seen} of {total} documents came")


def _asked(path: str, query: dict[str, str], key: str) -> dict[str, Any]:
    """One answer as JSON; servers that ask to wait are asked again."""
    import requests

    address = os.environ.get(ENDPOINT[0]) or ENDPOINT[1]
    headers = {"X-API-KEY": key} if key else {}
    for attempt in range(_TRIES):
        try:
            answer = requests.get(f"{address.rstrip('/')}/{path}", query, headers=headers, timeout=_TIMEOUT)
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
            raise _broken(_first_line(error)) from None
        except requests.RequestException as error:
            raise EngineUnavailableError(
                f"the Materials Project cannot be reached: {_first_line(error)}",
                "work offline from a pinned phase set, or fetch the set where there is a network and copy its file",
            ) from None
        if answer.status_code not in _LATER:
            break
        if attempt + 1 < _TRIES:
            time.sleep(_seconds(answer.headers.get("Retry-After"), _PAUSE * 2**attempt))
    if answer.status_code in (401, 403):
        raise InputError(f"the Materials Project refused the key: {_detail(answer.text)}", "materialsproject.org/api")
    if answer.status_code in _LATER:
        what = "too many requests" if answer.status_code == 429 else f"status {answer.status_code}"
        raise EngineUnavailableError(
            f"the Materials Project asks to wait ({what}) and did so {_TRIES} times", "try again in some minutes"
        )
    if answer.status_code != 200:
        raise InputError(
            f"the Materials Project refused the request (status {answer.status_code}): {_detail(answer.text)}"
        )
    try:
        found: dict[str, Any] = json.loads(answer.text)
        return dict(found)
    except (ValueError, TypeError):
        raise _broken("an answer is no JSON object") from None


def _broken(what: str) -> EngineUnavailableError:
    return EngineUnavailableError(f"the download from the Materials Project broke off: {what}", "try again")


def _seconds(told: str | None, otherwise: float) -> float:
    """How long a server asks to wait, s, a minute at most."""
    try:
        return min(max(float(told or otherwise), 0.0), 60.0)
    except ValueError:
        return otherwise


def _detail(text: str) -> str:
    """What a refusal says."""
    try:
        said = json.loads(text)
        return str(said.get("detail") or said.get("message") or said)[:200]
    except (ValueError, AttributeError):
        return (text.strip().splitlines() or ["no reason is given"])[0][:200]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _entries(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a document, of one run type each."""
    entries = document.get("entries")
    if not isinstance(entries, dict):
        raise _broken(f"no entries in the document of {document.get('material_id')}")
    return list(entries.values())


def _public(raw: dict[str, Any]) -> PublicEntry:
    """One ``ComputedStructureEntry`` that carries its MP2020 adjustments."""
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    try:
        entry: Any = ComputedStructureEntry.from_dict(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken(f"an entry is not readable: {_first_line(error)}") from None
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
        structure=entry.structure,
    )
