"""Blocks on pairs beside measured enthalpies, on pairs that exchange lithium at a voltage (a table over the voltages
asked for, and maps with their interphases), and on what gases do at a temperature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ....configs.steps.reactions import ReactionStep
from ...figures.screen import voltage_map_figure
from ...gibbs.mixture import GasMixture
from ...gibbs.solids import MODEL_ERROR, SOURCE
from ...phase_sets.thermal import at_temperature
from ...thermodynamics.cathode_states import electrode_rows
from ...thermodynamics.open_species import OpenSpecies
from ...thermodynamics.open_system import react_open
from ...thermodynamics.phase_set import PhaseSet
from ...thermodynamics.reactions import ReactionResult
from ...thermodynamics.uncertainty import MeasuredNumber, MeasuredReaction
from ...thermodynamics.voltage_map import Interphase, VoltageMap, voltage_map
from ...words import tier_label
from ..chapter import Problems
from ..columns import (
    COMPOUNDS,
    MEASURED_REACTION,
    MUTUAL,
    MUTUAL_ERROR,
    MUTUAL_REACTION,
    PAIR,
    SELF_A,
    SELF_B,
    TIER,
    VOLTAGE,
    X,
)
from ..content import Block, Column, Picture, Table, Text

__all__ = [
    "TOO_FEW",
    "GasPoint",
    "OpenResults",
    "map_picture",
    "measured_table",
    "open_blocks",
    "open_points",
    "with_maps",
]


@dataclass(frozen=True)
class OpenResults:
    """Pairs at fixed lithium potential.

    Parameters
    ----------
    phases : PhaseSet
    points : list of (str, float, ReactionResult)
        Pair, V vs Li/Li+, and what reacts there.
    maps : mapping of str to VoltageMap
        By pair.
    problems, unmapped : Problems
        Of single voltages and gases, and of maps.
    gases : list of GasPoint
    """

    phases: PhaseSet
    points: Sequence[tuple[str, float, ReactionResult]]
    maps: Mapping[str, VoltageMap]
    problems: Problems
    unmapped: Problems
    gases: Sequence[GasPoint] = ()


@dataclass(frozen=True)
class GasPoint:
    """A material, or a pair, under gases.

    Parameters
    ----------
    label : str
    mixture : GasMixture
    result : ReactionResult
        Of the pair; of a material with itself.
    alone : bool
        Whether it is one material.
    """

    label: str
    mixture: GasMixture
    result: ReactionResult
    alone: bool


def open_points(step: ReactionStep, phases: PhaseSet) -> OpenResults:
    """Evaluate what the step asks of pairs at fixed lithium potential and of what gases do, maps left out.

    Parameters
    ----------
    step : ReactionStep
    phases : PhaseSet
    """
    found = OpenResults(phases, points := [], {}, Problems(), Problems())
    for voltage in step.voltages:
        for a, b in step.pairs:
            with found.problems.attempt(f"{a} | {b} at {voltage:g} V"):
                points.append((f"{a} | {b}", voltage, react_open(a, b, phases, OpenSpecies(voltage))))
    return replace(found, gases=_under_gases(step, phases, found.problems))


def with_maps(found: OpenResults, step: ReactionStep) -> OpenResults:
    """Add the maps that the step asks for.

    Parameters
    ----------
    found : OpenResults
    step : ReactionStep
    """
    maps, unmapped = {}, Problems()
    for a, b in step.maps:
        with unmapped.attempt(f"{a} | {b}, map"):
            maps[f"{a} | {b}"] = voltage_map(a, b, found.phases)
    return replace(found, maps=maps, unmapped=unmapped)


def _under_gases(step: ReactionStep, phases: PhaseSet, problems: Problems) -> list[GasPoint]:
    points: list[GasPoint] = []
    hot: dict[float, PhaseSet] = {}
    for contact in step.gases:
        subjects = [(name, (name, name)) for name in contact.materials]
        subjects += [(f"{a} | {b}", (a, b)) for a, b in contact.pairs]
        for temperature in contact.temperatures:
            for label, (a, b) in subjects:
                with problems.attempt(f"{label} at {temperature:g} K"):
                    mixture = GasMixture(temperature, tuple(contact.gases.items()))
                    if temperature not in hot:
                        hot[temperature] = at_temperature(phases, temperature)
                    result = react_open(a, b, hot[temperature], OpenSpecies(gases=mixture))
                    points.append(GasPoint(label, mixture, result, a == b))
    return points


def open_blocks(found: OpenResults) -> list[Block]:
    """Return texts, tables and maps; nothing where nothing was asked.

    Parameters
    ----------
    found : OpenResults
    """
    blocks: list[Block] = [*found.problems.texts]
    if found.points:
        measured = [((pair, f"{voltage:g} V"), result) for pair, voltage, result in found.points]
        blocks += [_table([_row(*point) for point in found.points]), Text(_OPEN, "note")]
        blocks += [measured_table("reactions_open_measured", measured), *_electrodes(found)]
    if found.gases:
        blocks += [_gas_table(found.gases), Text(_gas_note(found), "note")]
    blocks += found.unmapped.texts
    for one in found.maps.values():
        blocks += [map_picture(one, found.phases), _interphases(one)]
    return blocks


def _electrodes(found: OpenResults) -> list[Block]:
    """What is off in the voltages of the cathodes of the pairs."""
    names = dict.fromkeys(name for pair, *_ in found.points for name in pair.split(" | "))
    rows = dict.fromkeys(row.sentence for name in names for row in electrode_rows(found.phases, name))
    return [Text("\n".join(f"Electrode {sentence}." for sentence in rows), "note")] if rows else []


_OPEN = (
    "Open to lithium at the voltage: each reactant first comes to equilibrium with the lithium reservoir alone, which "
    "is its self part; the mutual part is what contact adds. "
    "Per atom of the reactants as written, their lithium included; beside it per atom without lithium, the norm of "
    "much of the literature, whose deepest mixing ratio is another. At a voltage the lithium content of a cathode is "
    "that of the reservoir: how it is written changes the norm and its self part alone."
)


def _row(pair: str, voltage: float, result: ReactionResult) -> dict[str, Any]:
    kink = result.mutual.kink
    return {
        "pair": pair,
        "voltage": voltage,
        "self_a": result.a.self_energy,
        "self_b": result.b.self_energy,
        "mutual": result.mutual.energy,
        "mutual_sigma": result.uncertainty.mutual,
        "x": kink.x if kink else None,
        **_conserved(result),
        "tier": tier_label(result.tiers.values()),
        "reaction": kink.reaction if kink else "no reaction",
    }


def _conserved(result: ReactionResult) -> dict[str, float | None]:
    found = result.per_conserved
    if found is None or found.kink is None:
        return {"conserved": None if found is None else found.energy}
    sigma = found.kink.mutual_sigma / found.kink.conserved
    return {"conserved": found.energy, "conserved_sigma": sigma, "x_conserved": found.kink.x}


def _table(rows: list[dict[str, Any]]) -> Table:
    columns = (
        PAIR,
        VOLTAGE,
        SELF_A,
        SELF_B,
        MUTUAL,
        X,
        Column("conserved", "mutual ± 1σ without lithium (eV/atom)", 3, "conserved_sigma"),
        Column("x_conserved", "x without lithium", 2),
        TIER,
        MUTUAL_REACTION,
    )
    return Table("reactions_open", "Reactions at fixed lithium potential", columns, rows)


def _gas_row(point: GasPoint) -> dict[str, Any]:
    result = point.result
    energy, sigma, reaction = result.a.self_energy, result.uncertainty.self_a, result.kinks[-1].reaction
    if not point.alone:
        energy, sigma, kink = result.mutual.energy, result.uncertainty.mutual, result.mutual.kink
        reaction = kink.reaction if kink else "no reaction"
    oxygen = point.mixture.equilibrium_pressure("O2")
    return {
        "pair": point.label,
        "temperature": point.mixture.temperature,
        "gases": ", ".join(f"{name} {pressure:g}" for name, pressure in point.mixture.pressures),
        "oxygen": "" if oxygen is None else f"{oxygen:.1g}",
        "energy": energy,
        "sigma": sigma,
        "tier": tier_label(result.tiers.values()),
        "reaction": reaction,
    }


def _gas_table(points: Sequence[GasPoint]) -> Table:
    columns = (
        PAIR,
        Column("temperature", "temperature (K)", 0),
        Column("gases", "gases (bar)", chemical=True),
        Column("oxygen", "O2 in equilibrium with them (bar)"),
        Column("energy", "energy ± 1σ (eV/atom)", 3, "sigma"),
        TIER,
        Column("reaction", "reaction, gases included", chemical=True),
    )
    return Table("reactions_gases", "Reactions under gases", columns, [_gas_row(point) for point in points])


def _gas_note(found: OpenResults) -> str:
    hydrogen = any("H" in point.mixture.elements for point in found.gases) and "H" not in found.phases.elements
    missing = (
        f" The phase set {found.phases.name} holds no hydrogen: hydroxides and all other solids with hydrogen are "
        "missing."
    )
    return (
        "The gases fix the chemical potentials of their elements together: H2O/H2 and CO2/CO that of oxygen, H2S/H2 "
        "that of sulfur, CO and CO2 that of carbon. Of a material alone the energy is what it gains by coming to "
        "equilibrium with them, of a pair what contact adds to that; per atom of the reactants as written. Solids have "
        f"the Gibbs energies of the descriptor of {SOURCE}, ± {MODEL_ERROR:.3f} eV/atom (1σ) for each compound, which "
        f"is part of ±; rates are left out.{missing if hydrogen else ''}"
    )


def map_picture(found: VoltageMap, phases: PhaseSet) -> Picture:
    """Return the map of one pair as a figure with its name.

    Parameters
    ----------
    found : VoltageMap
    phases : PhaseSet
        That it was evaluated on.
    """
    used = {product.tier for interphase in found.interphases for product in interphase.products}
    source = f"phase set {phases.name} (tier {tier_label(used) if used else 'none'})"
    alt = (
        f"Mutual reaction energy of {found.a} with {found.b} over mixing ratio and voltage; the interphases stand in "
        "the table."
    )
    return Picture(f"map_{found.a}_{found.b}", voltage_map_figure(found, source), alt)


def _measured_end(interphase: Interphase) -> dict[str, Any]:
    if not interphase.beside:
        return {"why": TOO_FEW}
    found = interphase.beside[0]
    number = found.mutual
    return {"error": number.error, "measured": number.value, "measured_sigma": number.sigma, "why": found.reason}


def _interphases(found: VoltageMap) -> Table:
    rows = [
        {
            "low": interphase.low,
            "high": interphase.high,
            "x": interphase.x,
            "low_energy": interphase.mutual[0],
            "high_energy": interphase.mutual[1],
            **_measured_end(interphase),
            "tier": tier_label(product.tier for product in interphase.products) if interphase.products else "",
            "reaction": interphase.reaction or "no reaction",
        }
        for interphase in found.interphases
    ]
    columns = (
        Column("low", "from (V vs Li/Li⁺)", 3),
        Column("high", "to (V vs Li/Li⁺)", 3),
        Column("x", f"x of {found.a}", 2),
        Column("low_energy", "mutual at the lower end (eV/atom)", 3),
        Column("high_energy", "mutual at the upper end (eV/atom)", 3),
        Column("error", "1σ against measurement at the lower end (eV/atom)", 3),
        Column("measured", "mutual from measured enthalpies at the lower end ± 1σ (eV/atom)", 3, "measured_sigma"),
        Column("why", "why no number from measured enthalpies", chemical=True),
        TIER,
        Column("reaction", "reaction, lithium included", chemical=True),
    )
    return Table(
        f"interphases_{found.a}_{found.b}", f"Interphases of {found.a} and {found.b} over the voltage", columns, rows
    )


TOO_FEW = "the phase set holds too few compounds with a measured enthalpy"
_TWO_ERRORS = (
    "The ± of the first number: how other DFT of the same scale would move it. The 1σ behind it: how far the scale is "
    "off measurement by its referee table. Beside it the same pair with every measured enthalpy in place of the "
    "computed one."
)


def measured_table(name: str, pairs: Iterable[tuple[tuple[str, ...], ReactionResult]]) -> Table:
    """Return every pair against other DFT and against measurement.

    Parameters
    ----------
    name : str
        Of the table.
    pairs : iterable of (tuple of str, ReactionResult)
        Each under the labels of its pair.
    """
    rows: list[dict[str, Any]] = []
    for labels, result in pairs:
        row = {"pair": " | ".join(labels), "mutual": result.mutual.energy, "mutual_sigma": result.uncertainty.mutual}
        if found := result.measured:
            row |= {f"{part}_{key}": value for part in ("mutual", "total") for key, value in _beside(found, part)}
            row |= {"reaction": found.reaction or "", "basis": found.basis}
        rows.append({"basis": TOO_FEW, **row})
    columns = (
        PAIR,
        MUTUAL,
        MUTUAL_ERROR,
        Column("mutual_value", "mutual from measured enthalpies ± 1σ (eV/atom)", 3, "mutual_from"),
        Column("total_error", "1σ of total against measurement (eV/atom)", 3),
        Column("total_value", "total from measured enthalpies ± 1σ (eV/atom)", 3, "total_from"),
        MEASURED_REACTION,
        COMPOUNDS,
    )
    return Table(name, "Reaction energies against measured enthalpies", columns, rows, _TWO_ERRORS)


def _beside(found: MeasuredReaction, part: str) -> list[tuple[str, float | None]]:
    one: MeasuredNumber = getattr(found, part)
    return [("error", one.error), ("value", one.value), ("from", one.sigma)]
