"""The phase set of a command: a pinned one, with finished relaxations of a store where one is named, at a temperature
and in contact with gases where they are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import CatholyteError, InputError
from ...store.campaign_store import open_records, without_password
from ..options import require_known
from ..output import narrate, say

if TYPE_CHECKING:
    from ....analysis.gibbs.mixture import GasMixture
    from ....analysis.thermodynamics.phase_set import PhaseSet
    from ....workflows.documents import CalculationDocument

__all__ = [
    "Conditions",
    "Gases",
    "OwnStore",
    "Solids",
    "chosen_phases",
    "conditions",
    "say_conditions",
    "say_potentials",
    "volume_line",
]

Gases = Annotated[
    list[str] | None,
    typer.Option(
        "--gas",
        metavar="H2=0.05",
        help="Gas and its partial pressure, bar, with --temperature; several fix chemical potentials together: H2 and "
        "H2O that of oxygen, H2S and H2 that of sulfur, CO and CO2 those of carbon and oxygen.",
    ),
]
Solids = Annotated[
    str,
    typer.Option(
        "--solids",
        help="Solids at the temperature: gibbs (descriptor of Bartel et al. (2018), 298 to 1800 K), or enthalpy (as at "
        "298.15 K).",
    ),
]

OwnStore = Annotated[
    str | None,
    typer.Option(
        "--own",
        help="Store (folder or mongodb:// URI) whose finished relaxations join the phase set, where their signature "
        "agrees.",
    ),
]


def chosen_phases(phase_set: str | None, store: str | None) -> PhaseSet:
    """The set to evaluate: the shipped complete one where none is named, with the energies of a store where one is."""
    from ....analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set

    pinned = load_phase_set(phase_set or DEFAULT_PHASE_SET)
    return pinned if store is None else _with_relaxations(pinned, store)


@dataclass(frozen=True)
class Conditions:
    """A temperature and gases, and the phase set under them.

    Parameters
    ----------
    phases : PhaseSet
    gases : GasMixture or None
        What is exchanged with them; None where they are inert.
    document : dict
        Under the key ``conditions`` of an answer; empty without a temperature.
    notes : list of str
        What a reader must know.
    """

    phases: PhaseSet
    gases: GasMixture | None = None
    document: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def conditions(phases: PhaseSet, temperature: float | None, gas: Sequence[str], solids: str) -> Conditions:
    """The phase set at a temperature, and the gases beside it.

    Raises
    ------
    InputError
        If gases come without a temperature, a gas, a pressure or the temperature does not fit, or gases contradict each
        other.
    """
    from ....analysis.gibbs.mixture import GasMixture
    from ....analysis.gibbs.solids import MODEL_ERROR, SOURCE
    from ....analysis.phase_sets.thermal import at_temperature

    require_known("--solids", solids, ("gibbs", "enthalpy"))
    if temperature is None:
        if gas:
            raise InputError("gases need their temperature: --temperature, K")
        return Conditions(phases)
    if not temperature > 0:
        raise InputError(f"the temperature is {temperature} K: it must lie above 0")
    found = at_temperature(phases, temperature) if solids == "gibbs" else phases
    mixture = GasMixture.parse(temperature, gas) if gas else None
    strange = [] if mixture is None else [e for e in mixture.elements if e not in phases.elements]
    inert = mixture is not None and set(strange) == set(mixture.elements) and "H" not in strange
    notes = []
    if solids == "gibbs":
        notes.append(
            f"solids at {temperature:g} K by the descriptor of {SOURCE}, ± {MODEL_ERROR:.3f} eV/atom (1σ) for each "
            "compound, which is part of the intervals; gases that form stand at 1 bar"
        )
    else:
        notes.append("solids with their enthalpies at 298.15 K: heat content and entropy of gases alone are counted")
    if "H" in strange:
        notes.append(
            f"the phase set {phases.name} holds no hydrogen: hydroxides and all other solids with hydrogen are missing "
            "from the answer"
        )
    if others := [element for element in strange if element != "H"]:
        notes.append(f"no phase of the set {phases.name} holds {', '.join(others)}: of it nothing is exchanged")
    document = {
        "temperature": temperature,
        "solids": solids,
        "solid_error": MODEL_ERROR if solids == "gibbs" else None,
        "gases": None if mixture is None else dict(mixture.pressures),
        "phase_set": {"name": phases.name, "sha256": phases.sha256},
        "units": {"temperature": "K", "solid_error": "eV/atom, one standard deviation", "gases": "bar"},
    }
    return Conditions(found, None if inert else mixture, {"conditions": document}, notes)


def say_conditions(document: dict[str, Any]) -> None:
    """Print which potentials the gases of an answer fix, and what fixes them."""
    gases = document.get("open", {}).get("gases")
    if gases is None:
        return
    fixed = [
        f"mu({element}) = {gases['potentials'][element]:.3f} eV/atom from {by}"
        for element, by in gases["fixed_by"].items()
    ]
    oxygen = gases["oxygen_pressure"]
    last = "" if oxygen is None else f"; in equilibrium with {oxygen:.2g} bar of O2"
    said = ", ".join(f"{name} {pressure:g} bar" for name, pressure in gases["pressures"].items())
    say(f"gases at {gases['temperature']:g} K: {said}: {', '.join(fixed)}{last}")


def say_potentials(label: str, found: dict[str, Any] | None, unit: str) -> None:
    """Say how a number moves from one potential to the other; nothing where it does not rest on any."""
    if found is None or not found["difference"]:
        return
    values = ", ".join(f"{name} {value:.4f}" for name, value in found["values"].items())
    say(f"{label} with the learned energies of one potential at a time: {values} {unit}")


def volume_line(volumes: dict[str, Any]) -> str:
    """Volume before and after a reaction, mL/mol, on one line."""
    return (
        f"{volumes['before']:.1f} -> {volumes['after']:.1f} mL/mol, change {volumes['change']:.1f} mL/mol "
        f"({volumes['change_percent']:.1f} %)"
    )


def _with_relaxations(phases: PhaseSet, place: str) -> PhaseSet:
    """Extend a phase set by the relaxations of every campaign of a store, and narrate what joins and what does not.

    Of several relaxations of one material the lowest energy joins.

    Raises
    ------
    StoreError
        If there is no store.
    InputError
        If it holds no finished relaxation, or none of its energies can join, with the reason of each.
    """
    from ....analysis.phase_sets.own_entries import lowest_by_label, with_documents

    shown = without_password(place)
    lowest = lowest_by_label(_relaxations(place))
    if not lowest:
        raise InputError(
            f"{shown}: the store holds no finished relaxation of the step bulk", "run a recipe with a step bulk first"
        )
    kept, refused = [], []
    for document in lowest.values():
        try:
            with_documents(phases, [document])
        except CatholyteError as error:
            refused.append(f"{document.label} stays out: {error.message}")
            continue
        kept.append(document)
    if not kept:
        raise InputError(
            f"{shown}: nothing can join phase set {phases.name}: {'; '.join(refused)}",
            "relax your material with chgnet, whose energies are on the set's scale",
        )
    for line in (*refused, f"own energies that joined {phases.name}: {', '.join(one.label for one in kept)}"):
        narrate(line)
    return with_documents(phases, kept, citation=f"own calculations in {shown}")


def _relaxations(place: str) -> Iterator[CalculationDocument]:
    """The finished relaxations of the step bulk of every campaign."""
    records = open_records(place)
    for name in records.campaign_names():
        for entry, document in records.documents(name, "bulk"):
            if entry.plan.get("kind") == "relax":
                yield document
