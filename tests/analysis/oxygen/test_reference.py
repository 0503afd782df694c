"""The chemical potential of oxygen: measured gas data, a peer's statistical mechanics, and one scale for every
energy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.analysis.oxygen.reference import (
    reference_from_document,
    reference_from_phase_set,
)
from catholyte.analysis.thermodynamics.open_species import (
    FITTED_AT,
    gas_enthalpy,
    gas_entropy,
    oxygen_data,
    oxygen_potential,
    oxygen_shift,
)
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.constants import BOLTZMANN, KJ_PER_MOL
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import Signature
from catholyte.workflows.engines.registry import load_backend

PBE = Signature(
    engine="gpaw", version="26.7", functional="PBE+U", hubbard_u={"Co": 3.9}, potentials="0.9", cutoff=600.0
)
#: T (K), S (J/mol/K), H(T) - H(298.15 K) (kJ/mol) of O2: M. W. Chase, NIST-JANAF Thermochemical Tables, 4th ed. (1998)
JANAF = [
    (100, 173.307, -5.779),
    (200, 193.485, -2.868),
    (298.15, 205.147, 0.0),
    (300, 205.329, 0.054),
    (400, 213.871, 3.025),
    (500, 220.693, 6.084),
    (700, 231.466, 12.499),
    (1000, 243.578, 22.703),
    (1500, 258.068, 40.599),
    (2000, 268.748, 59.175),
]
REACHED = st.floats(100, 5990)
PRESSURES = st.floats(1e-20, 1e4)


def molecule(**changes: object) -> object:
    cell = Structure(Lattice.cubic(10), ["O0+", "O0+"], [[0, 0, 0], [0, 0, 0.123]])
    given = {"magmoms": [1.0, 1.0], "moments_signed": True, "tier": "gpaw", "signature": PBE, "energy": -9.0, **changes}
    return toy_document("O2", given.pop("structure", cell), **given)


@pytest.mark.parametrize(("temperature", "entropy", "enthalpy"), JANAF)
def test_the_gas_has_the_tables_enthalpy_and_entropy(
    temperature: float, entropy: float, enthalpy: float, refereed: Referee
):
    """The fit of the tables is good to a few hundredths of their last digits' unit: 0.02 J/mol/K and 0.003 kJ/mol."""
    ours, by = "analysis.thermodynamics.open_species.{}", "NIST-JANAF tables (1998)"
    away = abs(gas_entropy(temperature) * KJ_PER_MOL * 1000 - entropy)
    refereed("entropy of O2, 100 to 2000 K", away, 0.02, of=ours.format("gas_entropy"), by=by, unit="J/mol/K")
    away = abs(gas_enthalpy(temperature) * KJ_PER_MOL + oxygen_data().gas.zero_point - enthalpy)
    refereed("enthalpy of O2, 100 to 2000 K", away, 0.003, of=ours.format("gas_enthalpy"), by=by, unit="kJ/mol")


@pytest.mark.parametrize("temperature", [150.0, 298.15, 600.0, 1000.0])
def test_statistical_mechanics_of_the_molecule_agrees(temperature: float, refereed: Referee):
    """ASE's ideal gas from bond length and vibration of O2 (1580 cm⁻¹, 1.208 Å), without tables; harmonic and rigid,
    0.4 % short at 1000 K."""
    from ase import Atoms, units
    from ase.thermochemistry import IdealGasThermo

    vibration = 1580.2 * units.invcm
    atoms = Atoms("O2", positions=[[0, 0, 0], [0, 0, 1.2075]])
    peer = IdealGasThermo(
        vib_energies=[vibration], geometry="linear", atoms=atoms, symmetrynumber=2, spin=1, potentialenergy=0.0
    )
    enthalpy = (
        peer.get_enthalpy(temperature, verbose=False) - vibration / 2
    )  # its zero-point energy is not in H(T) - H(0)
    entropy = peer.get_entropy(temperature, 1e5, verbose=False)
    ours, by = "analysis.thermodynamics.open_species.{}", "ASE, IdealGasThermo from bond length and vibration"
    refereed(
        "enthalpy of O2, 150 to 1000 K",
        abs(gas_enthalpy(temperature) / enthalpy - 1),
        5e-3,
        of=ours.format("gas_enthalpy"),
        by=by,
        unit="relative",
    )
    refereed(
        "entropy of O2, 150 to 1000 K",
        abs(gas_entropy(temperature) / entropy - 1),
        1e-3,
        of=ours.format("gas_entropy"),
        by=by,
        unit="relative",
    )


@given(REACHED)
def test_enthalpy_and_entropy_belong_together(temperature: float):
    """DH = T dS at constant pressure, within the rounding of the coefficients, also across the ranges."""
    step = 0.5
    change = gas_enthalpy(temperature + step) - gas_enthalpy(temperature)
    assert change == pytest.approx(
        (temperature + step / 2) * (gas_entropy(temperature + step) - gas_entropy(temperature)), abs=2e-5
    )


@given(REACHED, PRESSURES)
def test_pressure_shifts_the_potential_by_half_kt_per_e_fold(temperature: float, pressure: float):
    shift = oxygen_shift(temperature, pressure) - oxygen_shift(temperature, 1.0)
    assert shift == pytest.approx(0.5 * BOLTZMANN * temperature * np.log(pressure), abs=1e-9)


@given(st.floats(100, 5000), st.floats(1, 900))
def test_oxygen_leaves_more_easily_the_hotter_it_is(temperature: float, more: float):
    assert oxygen_shift(temperature + more) < oxygen_shift(temperature)


@pytest.mark.parametrize(
    ("temperature", "shift"), [(100, -0.08), (300, -0.27), (500, -0.50), (700, -0.73), (1000, -1.10)]
)
def test_the_shift_is_that_of_the_table_everyone_uses(temperature: float, shift: float, refereed: Referee):
    """K. Reuter and M. Scheffler, Phys. Rev. B 65, 035406 (2001), table I: eV per O atom at 1 atm."""
    away, by = (
        abs(oxygen_shift(temperature, 1.01325, fitted_at=0) - shift),
        "Reuter and Scheffler, Phys. Rev. B 65, 035406 (2001), table I",
    )
    refereed(
        "chemical potential of oxygen at 1 atm, 100 to 1000 K",
        away,
        0.006,
        of="analysis.thermodynamics.open_species.oxygen_shift",
        by=by,
        unit="eV per O",
    )


def test_without_entropy_kelvin_nothing_is_added():
    assert gas_enthalpy(0) == gas_entropy(0) == oxygen_shift(0.0, 1e-10, fitted_at=0) == 0


@pytest.mark.slow
@settings(deadline=None)
@given(REACHED, st.floats(1e-20, 1e3))
def test_vacancies_and_reactions_see_the_same_oxygen(temperature: float, pressure: float):
    """One chemical potential for both, whatever fitted correction the vacancy takes."""
    for correction in ("mp2020", "wang2006"):
        reference = reference_from_phase_set(load_phase_set("solidstate"), correction=correction)
        assert reference.fitted_at == FITTED_AT
        assert 2 * reference.shift(temperature, pressure) == pytest.approx(oxygen_potential(temperature, pressure))


def test_what_a_fitted_correction_holds_is_not_added_again():
    """Half of JANAF's H(298.15 K) - H(0 K) = 8.683 kJ/mol is in a correction that was fitted to enthalpies at 298.15 K;
    a molecule as it is computed takes it at every temperature."""
    raw = reference_from_phase_set(load_phase_set("solidstate"), correction="none")
    fitted = reference_from_phase_set(load_phase_set("solidstate"), correction="mp2020")
    for temperature in (0.0, 298.15, 800.0, 2500.0):
        assert raw.shift(temperature) - fitted.shift(temperature) == pytest.approx(8.683 / 96.48533 / 2, abs=3e-6)
    assert fitted.shift(FITTED_AT) == pytest.approx(-298.15 * 205.147e-3 / 96.48533 / 2, abs=1e-4)
    assert fitted.shift(800.0, 0.21) == pytest.approx(-0.9498, abs=1e-4)  # JANAF at 800 K: H 15.835, S 235.921


@pytest.mark.parametrize("temperature", [50.0, 6001.0, -1.0])
def test_temperatures_outside_the_tables_are_refused(temperature: float):
    with pytest.raises(InputError, match=r"100 to 6000 K, and 0 K is allowed"):
        gas_entropy(temperature)
    with pytest.raises(InputError, match=r"100 to 6000 K"):
        gas_enthalpy(temperature)


@pytest.mark.parametrize("pressure", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pressure_that_is_none_is_refused(pressure: float):
    with pytest.raises(InputError, match="must lie above 0"):
        gas_entropy(300, pressure)


def test_the_oxide_correction_is_the_schemes_own():
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    oxide = MaterialsProject2020Compatibility(check_potcar=False).comp_correction["oxide"]
    assert oxygen_data().contained["mp2020"] == oxide
    assert oxygen_data().corrections["mp2020"].value == -oxide


def test_chgnet_takes_its_molecule_from_the_phase_set_and_no_anion_correction_stays():
    phases = load_phase_set("solidstate")
    reference = reference_from_phase_set(phases)
    entry = phases.entry_for("O")
    assert entry is not None
    assert reference.molecule == entry.energy_per_atom
    assert reference.correction_name == "mp2020"
    assert reference.on_series == pytest.approx(
        entry.energy_per_atom
    )  # what the energies hold and what is added to the gas are one constant
    assert entry.id in reference.sentence()
    assert "0.687" in reference.sentence()


def test_uncorrected_energies_of_the_sets_functional_take_its_elements():
    """What is on the uncorrected scale, and says so in its block of trust, pays the correction where CHGNet drops it:
    each oxygen atom of a vacancy costs both the same."""
    phases = load_phase_set("solidstate")
    own = load_backend("sevennet", {}).signature()
    reference, corrected = reference_from_phase_set(phases, "sevennet", own=own), reference_from_phase_set(phases)
    assert reference.signature == own
    assert (reference.contained, corrected.contained) == (0.0, -0.687)
    assert reference.on_series - corrected.on_series == pytest.approx(0.687)
    reference.check(molecule(tier="sevennet", signature=own))
    with pytest.raises(SignatureMismatchError):
        reference.check(molecule(tier="sevennet", signature=own.model_copy(update={"version": "0"})))
    for tier in ("sevennet", "chgnet-r2scan"):
        with pytest.raises(SignatureMismatchError, match=f"{tier} energies are not on the scale"):
            reference_from_phase_set(phases, tier, own=None if tier == "sevennet" else own)


def test_the_correction_can_be_switched():
    phases = load_phase_set("solidstate")
    values = {
        name: reference_from_phase_set(phases, correction=name).without_entropy
        for name in ("none", "mp2020", "wang2006")
    }
    assert values["mp2020"] - values["none"] == pytest.approx(0.687)
    assert values["wang2006"] - values["none"] == pytest.approx(0.68)
    with pytest.raises(InputError, match="unknown correction 'mp2021' of the O2 molecule; did you mean mp2020"):
        reference_from_phase_set(phases, correction="mp2021")  # type: ignore[arg-type]


def test_density_functional_energies_take_their_own_molecule():
    reference = reference_from_document(molecule())
    assert (reference.molecule, reference.correction, reference.contained) == (-4.5, 0.68, 0.0)
    assert "molecule in a box" in reference.origin
    assert reference.potential(300, 0.2) == pytest.approx(-4.5 + 0.68 + oxygen_shift(300, 0.2))
    with pytest.raises(SignatureMismatchError, match=r"cutoff: 500\.0 against 600\.0"):
        reference.check(molecule(signature=PBE.model_copy(update={"cutoff": 500.0})))


def test_a_tier_that_is_not_on_the_scale_of_the_set_is_refused():
    with pytest.raises(SignatureMismatchError, match="gpaw energies are not on the scale"):
        reference_from_phase_set(load_phase_set("solidstate"), "gpaw")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tier": "chgnet"}, "not usable as references"),
        ({"magmoms": [0.0, 0.0]}, "triplet"),
        (
            {"structure": Structure(Lattice.cubic(10), ["O0+", "O0+"], [[0, 0, 0], [0, 0, 0.15]])},
            "O–O distances of 1.500",
        ),
        ({"structure": Structure(Lattice.cubic(10), ["O0+", "Li0+"], [[0, 0, 0], [0, 0, 0.12]])}, "not made of O2"),
    ],
)
def test_what_is_no_oxygen_molecule_is_refused(changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        reference_from_document(molecule(**changes))
