"""Gases against the tables: entropy, heat content, Gibbs energies of formation; mixtures and what they fix."""

from __future__ import annotations

from math import log

import pytest
from pymatgen.core.composition import Composition

from catholyte.analysis.gibbs.gases import gas_data, gas_gibbs, gas_names, gas_potential
from catholyte.analysis.gibbs.mixture import GasMixture
from catholyte.analysis.thermodynamics.open_species import oxygen_potential
from catholyte.configs.constants import BOLTZMANN, KJ_PER_MOL
from catholyte.configs.errors import InputError, UnknownNameError
from catholyte.tests.support.referees.evidence import Referee

#: NIST-JANAF (1998): S°(298.15 K), and H(T) - H(298.15 K), S°(T) at 1000 K; J/(mol K), kJ/mol
JANAF = {
    "O2": (205.147, 22.703, 243.578),
    "H2": (130.680, 20.680, 166.216),
    "H2O": (188.834, 26.000, 232.738),
    "H2S": (205.757, 27.965, 252.579),
    "CO": (197.653, 21.690, 234.538),
    "CO2": (213.795, 33.397, 269.299),
    "SO2": (248.212, 34.428, 305.767),
    "N2": (191.609, 21.463, 228.170),
    "Cl2": (223.079, 25.565, 266.767),
}


def test_every_gas_has_a_row() -> None:
    assert set(JANAF) == set(gas_names())


@pytest.mark.parametrize("gas", JANAF)
def test_entropy_and_heat_content_follow_the_tables(gas: str, refereed: Referee) -> None:
    """Tolerance: 0.015 kJ/mol, the residual of the WebBook's form, is 0.16 meV per molecule."""
    room, heat, entropy = JANAF[gas]
    for temperature, wanted in ((298.15, -298.15 * room / 1000), (1000.0, heat - entropy)):
        away = abs(gas_gibbs(gas, temperature) - wanted / KJ_PER_MOL)
        refereed(
            "H(T) - H(298 K) - T S of gases at 298 and 1000 K",
            away,
            3e-4,
            of="analysis.gibbs.gases.gas_gibbs",
            by="NIST-JANAF tables (1998)",
            unit="eV",
        )


def test_gibbs_energies_of_formation(refereed: Referee) -> None:
    """H2O, CO and CO2 with the elements' own tables; those with sulfur with the tabulated sulfur, a gas at 1 atm above
    718 K."""
    from pymatgen.entries.computed_entries import G_ELEMS, G_GASES

    elements = {"O": "O2", "H": "H2"}
    for gas in ("H2O", "H2S", "CO", "CO2", "SO2"):
        for temperature in (400, 600, 800, 1000, 1200, 1400):
            table = G_ELEMS[str(temperature)]
            own = sum(
                amount * (gas_gibbs(elements[e], temperature) / 2 if e in elements else table[e])
                for e, amount in Composition(gas).get_el_amt_dict().items()
            )
            sulfur = BOLTZMANN * temperature * log(1.01325) / 2 if "S" in gas and temperature > 718 else 0.0
            away = abs(gas_potential(gas, temperature) - own + sulfur - G_GASES[gas][str(temperature)])
            refereed(
                "Gibbs energy of formation of H2O, H2S, CO, CO2, SO2, 400 to 1400 K",
                away,
                1e-3,
                of="analysis.gibbs.gases.gas_potential",
                by="pymatgen, G_GASES (NIST-JANAF)",
                unit="eV",
            )


def test_oxygen_is_the_one_of_the_package() -> None:
    for temperature, pressure in ((298.15, 1.0), (923.0, 0.21), (1800.0, 1e-20)):
        assert gas_potential("O2", temperature, pressure) == pytest.approx(
            oxygen_potential(temperature, pressure), abs=1e-12
        )


def test_ranges_join() -> None:
    """The WebBook's own steps, 0.01 kJ/mol and less; H2S has one range."""
    for gas in gas_names():
        for part in gas_data(gas).shomate[:-1]:
            below, above = (gas_gibbs(gas, part.high * factor) for factor in (1 - 1e-9, 1 + 1e-9))
            assert below == pytest.approx(above, abs=2e-4)


def test_a_ratio_fixes_oxygen_and_sulfur() -> None:
    """By hand: H2 + ½ O2 -> H2O at 1000 K has -192.590 kJ/mol (JANAF), so that H2O/H2 = 1 stands beside
    exp(-2 · 192.590 / RT) bar of O2; doubling the ratio quadruples it."""
    even = GasMixture.parse(1000, ["H2=0.1", "H2O=0.1"])
    wanted = -2 * 192.590 / KJ_PER_MOL / (BOLTZMANN * 1000)
    found = even.equilibrium_pressure("O2")
    assert found is not None
    assert log(found) == pytest.approx(wanted, abs=0.01)
    double = GasMixture.parse(1000, ["H2=0.1", "H2O=0.2"]).equilibrium_pressure("O2")
    assert double == pytest.approx(4 * found)
    sulfur = [GasMixture.parse(900, ["H2=0.2", f"H2S={amount}"]).potentials["S"] for amount in (0.01, 0.02)]
    assert sulfur[1] - sulfur[0] == pytest.approx(BOLTZMANN * 900 * log(2))


def test_carbon_monoxide_and_dioxide_fix_carbon_and_oxygen() -> None:
    found = GasMixture.parse(923, ["CO=0.3", "CO2=0.1"])
    assert found.definitions == {
        "C": {"CO": pytest.approx(2), "CO2": pytest.approx(-1)},
        "O": {"CO": pytest.approx(-1), "CO2": pytest.approx(1)},
    }
    for gas, pressure in found.pressures:
        implied = sum(n * found.potentials[e] for e, n in Composition(gas).get_el_amt_dict().items())
        assert implied == pytest.approx(gas_potential(gas, 923, pressure))
    assert found.to_json()["fixed_by"] == {"C": "2 CO - CO2", "O": "CO2 - CO"}


def test_a_gas_that_agrees_with_the_others_is_welcome() -> None:
    """The water-gas reaction in equilibrium: CO2 that H2, H2O and CO imply changes nothing; ten times as much is
    refused with the pressure that would agree."""
    first = GasMixture.parse(923, ["H2=0.2", "H2O=0.1", "CO=0.3", "O2=1e-30"][:2])
    oxygen = first.potentials["O"]
    carbon = gas_potential("CO", 923, 0.3) - oxygen
    from math import exp

    agreeing = exp((carbon + 2 * oxygen - gas_potential("CO2", 923)) / (BOLTZMANN * 923))
    found = GasMixture(923, (("H2", 0.2), ("H2O", 0.1), ("CO", 0.3), ("CO2", agreeing)))
    assert found.potentials["O"] == pytest.approx(oxygen)
    with pytest.raises(InputError, match=rf"contradict each other: .* {agreeing:.2g} bar of CO2, not with"):
        GasMixture(923, (("H2", 0.2), ("H2O", 0.1), ("CO", 0.3), ("CO2", 10 * agreeing)))


@pytest.mark.parametrize(
    ("temperature", "gases", "said"),
    [
        (923, ["H2=0.05", "H2O=0.01", "O2=0.2"], "H2 and H2O are in equilibrium with 2.1e-24 bar of O2, not with 0.2"),
        (923, [], "at least one gas"),
        (923, ["H2=0.05", "H2=0.1"], "H2 is named twice"),
        (923, ["H2"], "'H2' is not a formula and a partial pressure"),
        (923, ["H2=5%"], "'H2=5%' is not a formula and a partial pressure"),
        (923, ["=0.1"], "is not a formula and a partial pressure"),
        (923, ["H2=0"], "a partial pressure above 0"),
        (923, ["H2=-0.1"], "a partial pressure above 0"),
        (923, ["H2=nan"], "a partial pressure above 0"),
        (923, ["H2=inf"], "a partial pressure above 0"),
        (923, ["H2=5000"], "up to 1000 bar"),
        (20, ["H2=0.1", "H2O=0.1"], r"20 K: gas data of H2 reach from 298 to 2500 K$"),
        (1500, ["H2=0.1", "H2S=0.1"], "gas data of H2S reach from 298 to 1400 K"),
    ],
)
def test_mixtures_that_make_no_sense(temperature: float, gases: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        _ = GasMixture.parse(temperature, gases).potentials


def test_an_unknown_gas_is_named_beside_those_that_are_known() -> None:
    with pytest.raises(UnknownNameError, match=r"no data of a gas 'H20'; .*allowed: CO, CO2, Cl2, H2, H2O"):
        GasMixture.parse(923, ["H20=0.1"])


def test_what_a_mixture_leaves_open_is_refused() -> None:
    with pytest.raises(InputError, match="CO2 fixes no chemical potential of C and O"):
        GasMixture.parse(923, ["CO2=1"]).opened(["C", "O", "Li"], "toy")
    with pytest.raises(InputError, match="H2 fixes the chemical potential of H alone, which no phase of the set toy"):
        GasMixture.parse(923, ["H2=1"]).opened(["C", "O", "Li"], "toy")
    assert set(GasMixture.parse(923, ["H2=1", "H2O=1", "N2=1"]).opened(["Li", "O"], "toy")) == {"O"}
