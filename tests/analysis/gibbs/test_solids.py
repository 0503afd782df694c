"""Gibbs energies of solids against pymatgen's own implementation of the descriptor, and against measured entropies."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.core.composition import Composition

from catholyte.analysis.gibbs.gases import gas_gibbs
from catholyte.analysis.gibbs.solids import MODEL_ERROR, compound_gibbs, element_gibbs, reduced_mass
from catholyte.configs.constants import KJ_PER_MOL
from catholyte.configs.errors import InputError
from catholyte.tests.support.referees.evidence import Referee


def crystal(formula: str, volume: float) -> Structure:
    """Atoms of a formula anywhere in a cube of so many Å³/atom: the descriptor sees no positions."""
    symbols = [e for e, n in Composition(formula).get_el_amt_dict().items() for _ in range(int(n))]
    places = np.linspace(0, 0.9, len(symbols))[:, np.newaxis] * np.ones(3)
    return Structure(Lattice.cubic((volume * len(symbols)) ** (1 / 3)), symbols, places)


@pytest.mark.parametrize("temperature", [300, 500, 923, 1250, 1800])
def test_pymatgen_is_the_referee(temperature: float, refereed: Referee) -> None:
    from pymatgen.entries.computed_entries import GibbsComputedStructureEntry

    for formula, volume in (("LiCoO2", 8.1), ("Li6PS5Cl", 20.1), ("Li10GeP2S12", 19.4), ("CoO", 9.6), ("Li2CO3", 9.7)):
        cell = crystal(formula, volume)
        theirs = GibbsComputedStructureEntry(cell, formation_enthalpy_per_atom=-1.0, temp=temperature)
        elements = theirs._sum_g_i()
        per_atom = (theirs.energy + elements) / len(cell) + 1.0
        refereed(
            "Gibbs energy of compounds above their enthalpy, 300 to 1800 K",
            abs(compound_gibbs(Composition(formula), volume, temperature) - per_atom),
            1e-9,
            of="analysis.gibbs.solids.compound_gibbs",
            by="pymatgen, GibbsComputedStructureEntry",
            unit="eV/atom",
        )
        assert reduced_mass(Composition(formula)) == pytest.approx(theirs._reduced_mass(cell), rel=1e-9)
        away = [
            abs(element_gibbs(e.symbol, temperature) - _table(e.symbol, temperature))
            for e in Composition(formula)
            if e.symbol not in {"O", "Cl"}
        ]
        refereed(
            "Gibbs energy of solid and liquid elements, 300 to 1800 K",
            max(away),
            1e-9,
            of="analysis.gibbs.solids.element_gibbs",
            by="pymatgen, G_ELEMS",
            unit="eV/atom",
        )


def _table(element: str, temperature: float) -> float:
    from pymatgen.entries.computed_entries import G_ELEMS

    steps = [float(step) for step in G_ELEMS]
    return float(np.interp(temperature, steps, [table[element] for table in G_ELEMS.values()]))


def test_gaseous_elements_are_those_of_the_gas_tables() -> None:
    """pymatgen's are at 1 atm: kT ln(1.01325) / 2 apart."""
    for element, gas in (("O", "O2"), ("H", "H2"), ("N", "N2"), ("Cl", "Cl2")):
        assert element_gibbs(element, 1000) == gas_gibbs(gas, 1000) / 2
        assert element_gibbs(element, 1000) == pytest.approx(_table(element, 1000) - 5.7e-4, abs=3e-5)


#: S°(298.15 K), J/(mol K) (NIST-JANAF, CODATA), and volume, Å³ per formula unit of the measured crystal
ENTROPIES = {
    "Li2O": (37.9, 24.6),
    "CoO": (53.0, 19.3),
    "NiO": (38.0, 18.2),
    "MnO": (59.7, 21.9),
    "TiO2": (50.3, 31.2),
    "Li2CO3": (90.2, 58.3),
    "LiCl": (59.3, 33.9),
    "B2O3": (54.0, 45.3),
    "SnO2": (49.0, 35.8),
}


def test_the_model_is_as_good_as_its_error_at_room_temperature(refereed: Referee) -> None:
    """-T S° of crystals whose entropy is measured; the error that is stated for the descriptor holds them all."""
    away = [
        compound_gibbs(Composition(formula), volume / Composition(formula).num_atoms, 298.15)
        + 298.15 * entropy / 1000 / KJ_PER_MOL / Composition(formula).num_atoms
        for formula, (entropy, volume) in ENTROPIES.items()
    ]
    refereed(
        "Gibbs energy of nine crystals at 298 K, largest deviation",
        max(map(abs, away)),
        2 * MODEL_ERROR,
        of="analysis.gibbs.solids.compound_gibbs",
        by="measured entropies (NIST-JANAF, CODATA)",
        unit="eV/atom",
    )


def test_metals_and_their_oxides_at_1000_kelvin(refereed: Referee) -> None:
    """Formation of CoO and NiO from measured enthalpies (-237.9, -239.7 kJ/mol) and the descriptor, against the measured
    oxygen potentials of Co|CoO and Ni|NiO (H. O'Neill, M. Pownceby, Contrib. Mineral. Petrol. 114, 296 (1993): -162.9
    and -149.3 kJ/mol O). CoO is what the descriptor does worst here, 0.1 eV/atom."""
    for formula, metal, volume, enthalpy, wanted in (
        ("CoO", "Co", 9.65, -237.9, -162.9),
        ("NiO", "Ni", 9.1, -239.7, -149.3),
    ):
        step = 2 * compound_gibbs(Composition(formula), volume, 1000)
        formation = enthalpy / KJ_PER_MOL + step - element_gibbs(metal, 1000) - element_gibbs("O", 1000)
        refereed(
            "Gibbs energy of formation of CoO and NiO at 1000 K",
            abs(formation - wanted / KJ_PER_MOL) / 2,
            2 * MODEL_ERROR,
            of="analysis.gibbs.solids.compound_gibbs",
            by="measured oxygen potentials of Co|CoO and Ni|NiO (1993)",
            unit="eV/atom",
        )


@pytest.mark.parametrize("temperature", [250.0, 1900.0, float("nan")])
def test_a_temperature_beyond_the_model(temperature: float) -> None:
    for call in (
        lambda: compound_gibbs(Composition("CoO"), 9.6, temperature),
        lambda: element_gibbs("Co", temperature),
    ):
        with pytest.raises(InputError, match=r"Gibbs energies of solids reach from 298 to 1800 K"):
            call()


def test_an_element_without_a_table() -> None:
    with pytest.raises(InputError, match="no Gibbs energy of the element Og"):
        element_gibbs("Og", 500)
