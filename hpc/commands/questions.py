"""Commands that answer from the library, a file or the phase set and run no job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.load import load_materials, material
from ...configs.steps.electronic import BandCenterSpec

if TYPE_CHECKING:
    from ...analysis.states.band_report import Bands
    from ...analysis.states.depth_planes import Stack
    from ...workflows.documents import PlanarPotential

__all__ = ["bands_document", "material_document", "materials_document"]


def materials_document() -> list[dict[str, Any]]:
    """The JSON of ``materials``: one row per material."""
    from ...structures.crystals.crystal import conventional

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
    from ...structures.crystals.crystal import conventional

    found = material(name)
    structure = conventional(found)
    told = {
        "spacegroup": found.space_group,
        "composition": structure.composition.element_composition.formula,
        "n_atoms": round(structure.composition.num_atoms, 3),
        "volume": structure.volume,
        "density_calculated": float(structure.density),
        "disordered": found.disordered,
    }
    if found.disordered:
        told["says"] = (
            "partial occupancies: this is the disordered structure; calculations run on the ordered cell described by "
            "ordered_cell"
        )
    return {**found.model_dump(mode="json"), **told}


def bands_document(
    path: str, orbital: str, window: str, reference: str | None, store: str | None, depth: bool | None = None
) -> dict[str, Any]:
    """The JSON of ``bands``; with `depth` (where left out: for a slab and for a cell of several layers) also by plane
    and layer.

    Raises
    ------
    InputError
        If the path, the orbital, the window or the reference cannot be used.
    """
    from ...analysis.states.band_references import REFERENCES, is_metal
    from ...analysis.states.band_report import band_report, parse_orbital
    from ...analysis.states.depth import depth_report
    from ...analysis.states.depth_planes import is_layered, stack_of
    from ...analysis.states.potential_profile import vacuum_level
    from ...structures.crystals.environment import anion_environments, group_by_environment

    element, letter = parse_orbital(orbital)
    found, potential = _bands(path, store)
    chosen = reference or ("fermi" if is_metal(found.edges) else "vbm")
    if chosen not in REFERENCES:
        raise UnknownNameError(f"unknown reference {chosen!r}; {near_match_hint(chosen, REFERENCES)}")
    spec = BandCenterSpec.model_validate(
        {"element": element, "orbital": letter, "reference": chosen, **_window(window)}
    )
    environments = (
        group_by_environment(anion_environments(found.structure, element)) if element in ("O", "S", "Cl") else {}
    )
    stack = stack_of(found.structure)
    vacuum = None if potential is None or stack.vacuum is None else vacuum_level(potential, stack)
    zero = None if vacuum is None else vacuum.energy
    document = band_report(found, spec, environments, vacuum=zero).to_json()
    if is_layered(stack) if depth is None else depth:
        report = depth_report(found, spec, stack, zero)
        document |= {"depth": report.to_json(), **_along_c(potential, stack)}
        document["notes"] += [note for note in report.notes if note not in document["notes"]]
    if vacuum is not None and not vacuum.flat:
        document["notes"].append(
            f"the potential varies by {vacuum.variation:.2f} eV in the middle of the vacuum: no level there is the "
            "vacuum level"
        )
    return document


def _along_c(potential: PlanarPotential | None, stack: Stack) -> dict[str, Any]:
    """Layers and, where the potential is known, its averaged level in each and the vacuum level, eV on the engine's own
    zero."""
    from ...analysis.states.potential_profile import potential_profile, vacuum_level

    layers: list[dict[str, Any]] = [
        {
            "layer": layer.label,
            "bottom": layer.bottom,
            "top": layer.top,
            "n_planes": len(layer.planes),
            "potential": None,
        }
        for layer in stack.layers
    ]
    if potential is None:
        return {"layers": layers, "vacuum": None}
    levels = potential_profile(potential, stack).levels
    told = [
        layer | {"potential": level.model_dump(mode="json", exclude={"layer", "n_planes"})}
        for layer, level in zip(layers, levels, strict=True)
    ]
    if stack.vacuum is None:
        return {"layers": told, "vacuum": None}
    vacuum = vacuum_level(potential, stack)
    return {"layers": told, "vacuum": vacuum.model_dump(mode="json") | {"energy": vacuum.energy, "flat": vacuum.flat}}


def _window(text: str) -> dict[str, Any]:
    if text == "occupied":
        return {"window": "occupied"}
    low, colon, high = text.partition(":")
    try:
        bounds = (float(low), float(high))
    except ValueError:
        colon = ""
    if not colon or bounds[0] >= bounds[1]:
        raise InputError(
            f"unknown window {text!r}; allowed: occupied, or LOW:HIGH in eV relative to the reference, e.g. -8:0"
        ) from None
    return {"window": "range", "range": bounds}


def _bands(path: str, store: str | None) -> tuple[Bands, PlanarPotential | None]:
    """A path, or a job of the store; with the potential where it was kept."""
    from ...analysis.records import Records
    from ...analysis.states.band_report import bands_of
    from ...analysis.states.read import read_bands, read_potential
    from ..store.campaign_store import DEFAULT_STORE, open_store

    if Path(path).exists() or not (store or Path(DEFAULT_STORE).exists()):
        return read_bands(Path(path)), read_potential(Path(path))
    opened = open_store(store, create=False)
    records = Records(opened.outputs, opened.states, opened.campaigns)
    document = records.document(records.find(path)["uuid"], arrays=True)
    return bands_of(document), document.potential
