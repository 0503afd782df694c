"""A phase set at a temperature: every energy becomes a Gibbs energy at 1 bar, on the set's own scale.

Energies of a corrected set stand for enthalpies at 298.15 K, with the elements as zero. At a temperature T

* a crystalline compound has E + [G(T) - H] of the descriptor of :mod:`..gibbs.solids`, whose error joins its own,
* an element has E + [G(T) - H(298.15 K)] of its stable state, from tables,
* a gas of the tables of :mod:`..gibbs.gases` takes the place of the molecular crystals of its composition, or joins
  where the set has none: the energies of its elements and its tabulated Gibbs energy of formation. Without it the CO2
  of a reaction would be dry ice, which a potential puts 0.37 eV/atom too low.
"""

from __future__ import annotations

from dataclasses import replace
from math import hypot

from pymatgen.core.composition import Composition

from ...configs.constants import KJ_PER_MOL
from ...configs.errors import InputError
from ..gibbs.gases import gas_data, gas_names, gas_potential
from ..gibbs.solids import MODEL_ERROR, compound_gibbs, element_gibbs, require_solid_temperature
from ..thermodynamics.formation import MeasurementScales, measurement_scales
from ..thermodynamics.phase_set import PhaseEntry, PhaseSet, PhaseSource
from ..words import GAS_TABLES

__all__ = ["at_temperature"]

#: key of the sources
_TABLES = "gas-tables"


def at_temperature(phase_set: PhaseSet, temperature: float) -> PhaseSet:
    """Return the set with Gibbs energies at a temperature; its name and hash say so.

    What measured enthalpies make of it is taken to the temperature likewise.

    Parameters
    ----------
    phase_set : PhaseSet
        Of enthalpies; every compound has a volume.
    temperature : float
        K, 298 to 1800.

    Raises
    ------
    InputError
        If the temperature is out of range, the set is at a temperature already, or an entry has no volume.
    """
    require_solid_temperature(temperature)
    if phase_set.temperature is not None:
        raise InputError(f"the phase set {phase_set.name} is at {phase_set.temperature:g} K already")
    found = _gibbs(phase_set, temperature)
    scales = measurement_scales(phase_set)
    found.derived["measurement_scales"] = None if scales is None else _scales(scales, temperature)
    return found


def _gibbs(phase_set: PhaseSet, temperature: float) -> PhaseSet:
    gases = {name: Composition(name) for name in gas_names()}
    gases = {
        name: gas
        for name, gas in gases.items()
        if len(gas) > 1 and set(gas.get_el_amt_dict()) <= set(phase_set.elements)
    }
    reduced = {gas.reduced_formula for gas in gases.values()}
    solids = [
        _solid(entry, phase_set, temperature)
        for entry in phase_set.entries
        if entry.composition.reduced_formula not in reduced
    ]
    source = gas_data("O2")
    tables = PhaseSource(citation=source.source, license=source.license)
    return phase_set.changed(
        name=f"{phase_set.name} at {temperature:g} K",
        temperature=temperature,
        entries=(*solids, *(_gas(name, gas, phase_set, temperature) for name, gas in gases.items())),
        sources={**phase_set.sources, _TABLES: tables},
    )


def _solid(entry: PhaseEntry, phase_set: PhaseSet, temperature: float) -> PhaseEntry:
    composition = entry.composition
    if len(composition) == 1:
        moved = element_gibbs(composition.elements[0].symbol, temperature)
        return entry.model_copy(update={"energy_per_atom": entry.energy_per_atom + moved})
    if entry.volume is None:
        raise InputError(
            f"phase set {phase_set.name}, entry {entry.id!r}: no volume, which its Gibbs energy at {temperature:g} K "
            "needs"
        )
    moved = compound_gibbs(composition, entry.volume / float(composition.num_atoms), temperature)
    return entry.model_copy(
        update={
            "energy_per_atom": entry.energy_per_atom + moved,
            "error": hypot(entry.error, MODEL_ERROR),
            "potentials": {name: energy + moved for name, energy in entry.potentials.items()},
        }
    )


def _gas(name: str, composition: Composition, phase_set: PhaseSet, temperature: float) -> PhaseEntry:
    atoms = float(composition.num_atoms)
    elements = sum(
        amount * min(e.energy_per_atom for e in phase_set.by_system[frozenset([element])])
        for element, amount in composition.get_el_amt_dict().items()
    )
    return PhaseEntry(
        id=f"gas-{name}",
        formula=name,
        energy_per_atom=(elements + gas_potential(name, temperature)) / atoms,
        error=gas_data(name).error / KJ_PER_MOL / atoms,
        source=_TABLES,
        tier=GAS_TABLES,
        note="gas at 1 bar",
        scale=phase_set.scale,
    )


def _scales(scales: MeasurementScales, temperature: float) -> MeasurementScales:
    """Measured enthalpies with the same step to the temperature; a gas of the tables is measured as what it is."""
    measured = _gibbs(scales.measured, temperature)
    gases = {Composition(name).reduced_formula for name in gas_names()}
    return replace(
        scales,
        measured=measured,
        known=scales.known | gases,
        elsewhere={formula: state for formula, state in scales.elsewhere.items() if formula not in gases},
        step_error=MODEL_ERROR,
    )
