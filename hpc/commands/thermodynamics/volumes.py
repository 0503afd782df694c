"""The command ``volumes``: the volume ledger of a decomposition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.volumes import Volumes
from ..command import Command
from ..options import MaterialOrFormula, PhaseSetName
from ..output import say, say_notes, table_of
from .conditions import OwnStore, chosen_phases, volume_line

if TYPE_CHECKING:
    from ....configs.models import Density

__all__ = ["COMMAND", "volumes"]

SHARES = {
    "side": "side",
    "formula": "phase",
    "coefficient": "amount",
    "molar_volume": "molar volume (mL/mol)",
    "contribution": "contribution (mL)",
    "kind": "kind",
    "source": "source",
}
STEPS = {
    "voltage": "voltage (V vs Li/Li+)",
    "direction": "direction",
    "before": "before (mL/mol)",
    "after": "after (mL/mol)",
    "change_percent": "change (%)",
    "reaction": "reaction",
}
UNITS = {
    "volume": "mL per mole of reaction, molar volumes mL/mol",
    "voltage": "V vs Li/Li+",
    "lithium": "mol taken from the anode",
}


def volumes(
    material: MaterialOrFormula,
    products: Annotated[
        list[str] | None,
        typer.Option(
            help="Products, with or without amounts: LiCl '1/2 P2S5' '5/2 S'; the phases beyond the oxidation limit "
            "where left out.",
        ),
    ] = None,
    voltage: Annotated[
        float | None,
        typer.Option(help="Voltage at which the material decomposes, V vs Li/Li+, instead of named products."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Preferred molar volumes: crystal (standard), relaxed, pellet.")
    ] = None,
    density: Annotated[
        list[str] | None, typer.Option(help="Own density in g/cm³, e.g. LPSCl=1.64; may be repeated.")
    ] = None,
    phase_set: PhaseSetName = None,
    own: OwnStore = None,
) -> dict[str, Any]:
    """Give the volume before and after decomposition, mL/mol, with the source of every molar volume.

    Raises
    ------
    InputError
        If products and a voltage are both given, a reaction does not balance, nothing decomposes at the voltage, or a
        volume is unknown.
    """
    from ....analysis.thermodynamics.volume import Volumes
    from ....analysis.thermodynamics.volume_changes import decomposition_volumes, named_reaction, parse_products
    from ...proposal.chosen import substance

    material = substance(material)
    phases = chosen_phases(phase_set, own)
    known = Volumes(phases, [kind] if kind else [], _densities(density or ()))
    steps: list[dict[str, Any]] = []
    reached = None
    if products:
        if voltage is not None:
            raise InputError("--products and --voltage exclude each other: products are named, or found at a voltage")
        ledger = named_reaction(material, parse_products(products), phases, known)
    else:
        found = decomposition_volumes(material, phases, known)
        chosen = found.step(voltage)
        ledger, reached = chosen.ledger, chosen.voltage
        keys = ("reaction", "before", "after", "change", "change_percent", "notes")
        steps = [
            {"voltage": s.voltage, "direction": s.direction, **{key: s.ledger.to_json()[key] for key in keys}}
            for s in found.steps
        ]
    if ledger.unknown:
        raise InputError(
            f"no volume is known of {', '.join(ledger.unknown)} in {ledger.reaction}: give a density, e.g. --density "
            f"{ledger.unknown[0]}=2.5 (g/cm³)"
        )
    head = {"phase_set": {"name": phases.name, "sha256": phases.sha256}, "material": material, "voltage": reached}
    return {**head, **ledger.to_json(), "steps": steps, "units": UNITS}


def _densities(texts: Sequence[str]) -> dict[str, Density]:
    """The user's densities by material, from ``NAME=g/cm³``."""
    from pydantic import ValidationError

    from ....configs.models import Density

    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name] = Density(value=float(value), source="given by the user")
        except (ValueError, ValidationError):
            equals = ""
        if not equals or not name:
            raise InputError(f"--density {text!r}: a material and its density in g/cm³ > 0 are needed, e.g. LPSCl=1.64")
    return found


def _show(document: dict[str, Any]) -> None:
    table_of(document["reaction"], SHARES, document["contributions"])
    say(volume_line(document))
    for name, found in document["by_kind"].items():
        say(f"all volumes of kind {name}: {found['before']:.1f} -> {found['after']:.1f} mL/mol")
    if document["steps"]:
        table_of("ladder", STEPS, document["steps"])
    say_notes(document["notes"])


COMMAND = Command(volumes, _show, Volumes, several_values=True)
