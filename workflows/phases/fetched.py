"""A phase set of one's own from the Materials Project: pinned, hashed, with licence and version of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymatgen.core.composition import Composition

from ...configs.errors import InputError
from ...configs.load import load_materials
from . import materials_project
from .build import SCALE, canonical_sha256
from .public_entries import PublicEntry, holds_molecular_oxygen, lowest_per_formula
from .records import public_record

__all__ = ["fetched_set"]


def fetched_set(
    name: str, elements: Sequence[str], entries: Sequence[PublicEntry], database: str, kin: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the signed document of a phase set from downloaded entries, the lowest of each formula.

    Parameters
    ----------
    name : str
    elements : sequence of str
        The chemical system.
    entries : sequence of PublicEntry
        From :func:`.materials_project.download`.
    database : str
        Version of the database.
    kin : mapping
        A phase-set document of the same scale: tiers that live on the scale by themselves keep their signatures and
        errors, so that own calculations join.

    Raises
    ------
    InputError
        If an element has no entry of its own.
    """
    chosen = lowest_per_formula(entry for entry in entries if not holds_molecular_oxygen(entry))
    alone = {entry.composition.elements[0].symbol for entry in chosen if entry.is_element}
    if missing := [element for element in elements if element not in alone]:
        raise InputError(
            f"the Materials Project's answer holds no entry of the element {', '.join(missing)}, which closes the hull"
        )
    library = {
        known.name: known
        for known in load_materials().values()
        if {element.symbol for element in Composition(known.formula)} <= set(elements)
    }
    records = [public_record(entry, library) for entry in chosen]
    shared = kin["scale"] == SCALE
    document = {
        "name": name,
        "version": database,
        "description": f"{'-'.join(elements)} from the Materials Project, database version {database}: the lowest GGA "
        "and GGA+U entry of each formula with its MP2020 corrections; compounds that hold O2 molecules are left out.",
        "scale": SCALE,
        "elements": list(elements),
        "sources": {
            materials_project.SOURCE: {
                "citation": f"{materials_project.CITATION}; database version {database}",
                "license": materials_project.LICENSE,
                "url": materials_project.URL,
            }
        },
        "signatures": kin["signatures"] if shared else {},
        "errors": kin["errors"] if shared else {},
        "entries": sorted(records, key=lambda record: (record["formula"], record["id"])),
    }
    return {**document, "sha256": canonical_sha256(document)}
