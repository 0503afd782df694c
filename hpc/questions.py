"""Commands that answer from the library, a file or the phase set and run no job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configs.errors import InputError, UnknownNameError, near_match_hint
from ..configs.load import load_materials, material
from ..configs.steps import BandCenterSpec

if TYPE_CHECKING:
    from ..analysis.band_report import Bands

__all__ = ["bands_document", "material_document", "materials_document"]


def materials_document() -> list[dict[str, Any]]:
    """The JSON of ``materials``: one row per material."""
    from ..structures.crystal import conventional

    return [
        {
            "name": found.name,
            "role": found.role,
            "formula": found.formula,
            "spacegroup": found.space_group,
            "n_atoms": round(conventional(found).composition.num_atoms, 3),
            "disordered": found.disordered,
            "title": found.title,
            "source": found.source,
        }
        for found in load_materials().values()
    ]


def material_document(name: str) -> dict[str, Any]:
    """The JSON of ``materials NAME``: the file's content, and what its structure is like."""
    from ..structures.crystal import conventional

    found = material(name)
    structure = conventional(found)
    told = {
        "spacegroup": found.space_group,
        "n_atoms": round(structure.composition.num_atoms, 3),
        "volume": structure.volume,
        "density_calculated": float(structure.density),
        "disordered": found.disordered,
    }
    if found.disordered:
        told["says"] = "partial occupancies: this is the disordered structure; calculations run on the ordered cell described by ordered_cell"
    return {**found.model_dump(mode="json"), **told}


def bands_document(path: str, orbital: str, window: str, reference: str | None, store: str | None) -> dict[str, Any]:
    """The JSON of ``bands``.

    Raises
    ------
    InputError
        If the path, the orbital, the window or the reference cannot be used.
    """
    from ..analysis.band_references import REFERENCES, is_metal
    from ..analysis.band_report import band_report, parse_orbital
    from ..structures.environment import anion_environments, group_by_environment

    element, letter = parse_orbital(orbital)
    found = _bands(path, store)
    chosen = reference or ("fermi" if is_metal(found.edges) else "vbm")
    if chosen not in REFERENCES:
        raise UnknownNameError(f"unknown reference {chosen!r}; {near_match_hint(chosen, REFERENCES)}")
    spec = BandCenterSpec.model_validate({"element": element, "orbital": letter, "reference": chosen, **_window(window)})
    environments = group_by_environment(anion_environments(found.structure, element)) if element in ("O", "S", "Cl") else {}
    return band_report(found, spec, environments).to_json()


def _window(text: str) -> dict[str, Any]:
    if text == "occupied":
        return {"window": "occupied"}
    low, colon, high = text.partition(":")
    try:
        bounds = (float(low), float(high))
    except ValueError:
        colon = ""
    if not colon or bounds[0] >= bounds[1]:
        raise InputError(f"unknown window {text!r}; allowed: occupied, or LOW:HIGH in eV relative to the reference, e.g. -8:0") from None
    return {"window": "range", "range": bounds}


def _bands(path: str, store: str | None) -> Bands:
    """A path, or a job of the store."""
    from ..analysis.band_report import bands_of
    from ..analysis.records import Records
    from ..analysis.vasp_files import read_bands
    from .store import DEFAULT_STORE, open_store

    if Path(path).exists() or not (store or Path(DEFAULT_STORE).exists()):
        return read_bands(Path(path))
    opened = open_store(store, create=False)
    records = Records(opened.outputs, opened.states, opened.campaigns)
    return bands_of(records.document(records.find(path)["uuid"], arrays=True))
