"""Structures from what a store holds of them: the same as `Structure.from_dict`, several times faster.

A report of thousands of jobs reads two structures of each, and pymatgen takes every site for one of its own kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.sites import PeriodicSite
from pymatgen.core.structure import Structure

__all__ = ["stored_structure"]

#: kinds of values that come through JSON as they are; a database's own kinds of numbers are not among them
_PLAIN = frozenset((bool, int, float, str))


def stored_structure(stored: Mapping[str, Any]) -> Structure:
    """Return the structure that ``as_dict()`` was called of.

    Parameters
    ----------
    stored : mapping
        Of `Structure.as_dict`.

    Returns
    -------
    Structure
        Equal to that of `Structure.from_dict`, which reads what is not plain: properties other than numbers, words and
        lists of them, and sites that do not share their properties.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is no structure.
    """
    sites: Sequence[Mapping[str, Any]] = stored["sites"]
    keys = list(sites[0].get("properties") or {}) if sites else []
    if not sites or not all(_is_plain(site, keys) for site in sites):
        return Structure.from_dict(dict(stored))
    kinds = [_kind(json.dumps(site["species"])) for site in sites]
    labels = [site.get("label") for site in sites]
    return Structure(
        Lattice.from_dict(stored["lattice"]),
        [species for species, _ in kinds],
        [site["abc"] for site in sites],
        charge=stored.get("charge"),
        site_properties={key: [site["properties"][key] for site in sites] for key in keys},
        labels=[own if given is None else given for given, (_, own) in zip(labels, kinds, strict=True)],
        properties=stored.get("properties"),
    )


@lru_cache(maxsize=1000)
def _kind(species: str) -> tuple[Composition, str]:
    """Composition of a site from its stored species, and the label of a site without one; species do not change."""
    site = PeriodicSite.from_dict({"species": json.loads(species), "abc": [0.0, 0.0, 0.0]}, Lattice.cubic(1.0))
    return site.species, site.label


def _is_plain(site: Mapping[str, Any], keys: list[str]) -> bool:
    """Whether a site has these properties, in this order, and each comes through JSON as it is."""
    properties = site.get("properties") or {}
    return list(properties) == keys and all(
        type(value) in _PLAIN or (type(value) is list and all(type(part) in _PLAIN for part in value))
        for value in properties.values()
    )
