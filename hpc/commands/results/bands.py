"""The command ``bands``: band centres of a VASP run, a document or a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError, UnknownNameError, near_match_hint
from ...store.campaign_store import open_records
from ..answers.results import BandCenters
from ..command import Command
from ..options import StorePlace
from ..output import say_notes, table, table_of

if TYPE_CHECKING:
    from ....analysis.states.band_report import Bands
    from ....analysis.states.depth_planes import Stack
    from ....workflows.documents import PlanarPotential

__all__ = ["COMMAND", "bands"]

HEADS = {
    "element": "element",
    "orbital": "orbital",
    "environment": "environment",
    "window": "window",
    "reference": "reference",
    "center": "centre (eV)",
    "n_atoms": "atoms",
}


def bands(
    path: Annotated[
        str,
        typer.Argument(
            help="VASP directory, vasprun.xml(.gz), vaspout.h5, document JSON, or a job (name or key) of the store."
        ),
    ],
    orbital: Annotated[str, typer.Option(help="Element and orbital, joined by a hyphen.")] = "O-2p",
    window: Annotated[
        str,
        typer.Option(help="States to average: occupied, or two energies 'LOW:HIGH' in eV relative to the reference."),
    ] = "occupied",
    reference: Annotated[
        str | None,
        typer.Option(
            help="Zero of energy: vbm, cbm, midgap, fermi, o1s, o2s, average_potential, vacuum; vbm (fermi for a "
            "metal) where left out."
        ),
    ] = None,
    depth: Annotated[
        bool | None,
        typer.Option(
            "--depth/--no-depth",
            help="Give centres by plane and layer along c too (heights in Å); where left out, for slabs and tagged "
            "interfaces.",
        ),
    ] = None,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Give band centres by environment, and by depth in a slab or interface, at every available reference.

    Raises
    ------
    InputError
        If the path, the orbital, the window or the reference cannot be used.
    """
    from ....analysis.states.band_references import REFERENCES, is_metal
    from ....analysis.states.band_report import band_report, parse_orbital
    from ....analysis.states.depth import depth_report
    from ....analysis.states.depth_planes import is_layered, stack_of
    from ....analysis.states.potential_profile import vacuum_level
    from ....configs.steps.electronic import BandCenterSpec
    from ....structures.crystals.environment import anion_environments, group_by_environment

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
    from ....analysis.states.potential_profile import potential_profile, vacuum_level

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
    described = [
        layer | {"potential": level.model_dump(mode="json", exclude={"layer", "n_planes"})}
        for layer, level in zip(layers, levels, strict=True)
    ]
    if stack.vacuum is None:
        return {"layers": described, "vacuum": None}
    vacuum = vacuum_level(potential, stack)
    return {
        "layers": described,
        "vacuum": vacuum.model_dump(mode="json") | {"energy": vacuum.energy, "flat": vacuum.flat},
    }


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
    from ....analysis.states.band_report import bands_of
    from ....analysis.states.read import read_bands, read_potential
    from ...store.campaign_store import DEFAULT_STORE

    if Path(path).exists() or not (store or Path(DEFAULT_STORE).exists()):
        return read_bands(Path(path)), read_potential(Path(path))
    records = open_records(store)
    document = records.document(records.find(path)["uuid"], arrays=True)
    return bands_of(document), document.potential


def _show(document: dict[str, Any]) -> None:
    table_of(f"{document['formula']}: gap {document['gap']:.3f} eV", HEADS, document["centers"])
    if "depth" in document:
        zeros = list(dict.fromkeys(name for row in document["depth"] for name in row["centers"]))
        rows = [
            [row["kind"], row["label"], row["height"], row["n_atoms"], *(row["centers"].get(name) for name in zeros)]
            for row in document["depth"]
        ]
        table("by depth", ("kind", "group", "height (Å)", "atoms", *(f"{name} (eV)" for name in zeros)), rows)
    say_notes(document["notes"])


COMMAND = Command(bands, _show, BandCenters)
