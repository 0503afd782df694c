"""The command ``reactions``: two materials in contact, closed or open to lithium and gases."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.reactions import Reactions
from ..command import Command
from ..options import PhaseSetName
from ..output import say, say_notes, table
from .conditions import (
    Gases,
    OwnStore,
    Solids,
    chosen_phases,
    conditions,
    say_conditions,
    say_potentials,
    volume_line,
)

__all__ = ["COMMAND", "reactions"]

KINKS = ("x", "mutual (eV/atom)", "total (eV/atom)", "products")
#: elements that a reservoir can hold
_NAMES = {"Li": "lithium", "O": "oxygen", "S": "sulfur", "C": "carbon", "Cl": "chlorine", "H": "hydrogen"}
INTERPHASES = (
    "from (V vs Li/Li+)",
    "to (V vs Li/Li+)",
    "x",
    "mutual (eV/atom)",
    "from measured enthalpies (eV/atom)",
    "reaction",
)


def reactions(
    a: Annotated[str, typer.Argument(metavar="A", help="Name of a material, its formula, or a structure file of it.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Name of a material, its formula, or a structure file of it.")],
    voltage: Annotated[
        float | None, typer.Option(help="Voltage at which the system is open to lithium, V vs Li/Li+.")
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="Temperature, K, at which the system is open to the gases of --gas, else to oxygen."),
    ] = None,
    pressure: Annotated[
        float | None, typer.Option(help="Pressure of oxygen, bar, with --temperature and no --gas.", show_default="1")
    ] = None,
    gas: Gases = None,
    solids: Solids = "gibbs",
    threshold: Annotated[
        float, typer.Option(help="Released energy below which a pair counts as stable, eV/atom.")
    ] = 0.05,
    voltage_map: Annotated[
        bool,
        typer.Option(
            "--map", help="Add the map over mixing ratio and voltage, 0 to 5 V vs Li/Li+, with its interphases."
        ),
    ] = False,
    phase_set: PhaseSetName = None,
    own: OwnStore = None,
) -> dict[str, Any]:
    """Give self, mutual and total reaction energy of A with B (eV/atom); x is the formula-unit fraction of A.

    Raises
    ------
    InputError
        If an option does not fit, or the gases contradict each other.
    """
    from ....analysis.thermodynamics.open_species import OpenSpecies
    from ....analysis.thermodynamics.open_system import react_open
    from ....analysis.thermodynamics.reactions import react
    from ....analysis.thermodynamics.voltage_map import voltage_map as map_voltages
    from ....analysis.thermodynamics.volume import Volumes
    from ....analysis.thermodynamics.volume_changes import pair_volumes
    from ...proposal.chosen import substance

    a, b = substance(a), substance(b)
    if gas and pressure is not None:
        raise InputError("--pressure is that of oxygen alone: name it among the gases, --gas O2=0.2")
    oxygen = [f"O2={1.0 if pressure is None else pressure}"] if temperature is not None and not gas else []
    under = conditions(chosen_phases(phase_set, own), temperature, gas or oxygen, solids)
    phases = under.phases
    if voltage is None and under.gases is None:
        result = react(a, b, phases)
    else:
        result = react_open(a, b, phases, OpenSpecies(voltage, gases=under.gases))
    document: dict[str, Any] = dict(result.to_json(threshold))
    kink = result.mutual.kink
    document["volumes"] = (
        pair_volumes(result, kink, phases, Volumes(phases)).to_json() if kink and temperature is None else None
    )
    if voltage_map:
        document["map"] = map_voltages(a, b, phases, gases=under.gases).to_json()
    return {**document, **under.document, "notes": [*document["notes"], *under.notes]}


def _show(document: dict[str, Any], a: str, b: str) -> None:
    rows = [(k["x"], k["mutual"], k["total"], _amounts(k["products"])) for k in document["kinks"]]
    table(f"{a} | {b} on {document['phase_set']['name']}", KINKS, rows)
    say_conditions(document)
    for label, part in (("self A", document["self"]["a"]), ("self B", document["self"]["b"])):
        say(f"{label}: {'no entry of its own in the set' if part is None else f'{part:.4f} eV/atom'}")
    spread, stable = document["uncertainty"], document["stable"]
    for label in ("mutual", "total"):
        low, high = spread["intervals"][label]
        say(
            f"{label}: {document[label]['energy']:.4f} ± {spread[label]:.4f} eV/atom against other DFT of the scale, "
            f"16 to 84 %: {low:.4f} to {high:.4f}; releases less than {stable['threshold']:g} eV/atom with probability "
            f"{stable['probability'][label]:.2f}"
        )
    if "open" in document:
        _show_conserved(document)
    say_potentials("mutual", document["by_potential"], "eV/atom")
    _show_measured(document["against_measurement"])
    if document["volumes"] and document["volumes"]["change"] is not None:
        say(f"volume at the mutual minimum: {volume_line(document['volumes'])}")
    if "map" in document:
        table("interphases", INTERPHASES, [_interphase(found) for found in document["map"]["interphases"]])
    say_notes(document.get("notes", []))


def _show_conserved(document: dict[str, Any]) -> None:
    """The norm without the open elements beside that of all atoms."""
    other, mutual = document["mutual_per_conserved"], document["mutual"]
    what = " and ".join(_NAMES.get(element, element) for element in document["kinks"][0]["exchange"])
    where = "nothing reacts" if other["x"] is None else f"at x = {other['x']:.4f} ({_amounts(other['products'])})"
    first = "" if mutual["x"] is None else f" at x = {mutual['x']:.4f}"
    say(f"mutual per atom of the reactants, {what} included: {mutual['energy']:.4f} eV{first}")
    say(f"mutual per atom of the reactants without {what}: {other['energy']:.4f} eV, {where}")


def _show_measured(found: dict[str, Any] | None) -> None:
    if found is None:
        say("against measured enthalpies: the phase set holds too few compounds that have one")
        return
    for label in ("mutual", "total"):
        part = found[label]
        error = "" if part["error"] is None else f"; the scale is off measurement by ± {part['error']:.4f} (1σ)"
        value = "no number" if part["value"] is None else f"{part['value']:.4f}"
        sigma = "" if part["sigma"] is None else f" ± {part['sigma']:.4f}"
        unit = "" if part["value"] is None else " eV/atom"
        say(f"{label} against measured enthalpies: {value}{sigma}{unit}{error}")
    computed = f"; computed: {', '.join(found['computed'])}" if found["computed"] else ""
    say(found["reason"] or f"measured: {', '.join(found['measured'])}{computed}")
    if found["reaction"]:
        say(f"reaction with measured enthalpies: {found['reaction']}")


def _amounts(products: dict[str, float] | str) -> str:
    if isinstance(products, str):
        return products
    return " + ".join(f"{amount:.3g} {formula}" for formula, amount in products.items())


def _interphase(found: dict[str, Any]) -> tuple[Any, ...]:
    mutual = " to ".join(f"{energy:.3f}" for energy in found["mutual"])
    ends = [end["mutual"]["value"] for end in found["against_measurement"]]
    measured = " to ".join("none" if value is None else f"{value:.3f}" for value in ends)
    return found["low"], found["high"], found["x"], mutual, measured, found["reaction"] or "none"


COMMAND = Command(reactions, _show, Reactions, several_values=True)
