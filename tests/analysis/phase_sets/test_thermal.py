"""A phase set at a temperature, and pairs, windows and maps open to several gases: by hand and against pymatgen."""

from __future__ import annotations

from math import hypot

import numpy as np
import pytest
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from catholyte.analysis.gibbs.gases import gas_potential
from catholyte.analysis.gibbs.mixture import GasMixture
from catholyte.analysis.gibbs.solids import MODEL_ERROR, compound_gibbs, element_gibbs
from catholyte.analysis.phase_sets.combined import combined
from catholyte.analysis.phase_sets.thermal import at_temperature
from catholyte.analysis.thermodynamics.formation import measurement_scales
from catholyte.analysis.thermodynamics.open_species import OpenSpecies, oxygen_potential
from catholyte.analysis.thermodynamics.open_system import OpenPair, react_open
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.voltage_map import voltage_map
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.tests.support import phase_sets
from catholyte.tests.support.phase_sets import BY_HAND, entry, phase_set
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.referees.reaction_referee import Deviation, compare_open

#: K
HOT = 923.0


@pytest.fixture(scope="module")
def cold() -> PhaseSet:
    return load_phase_set(DEFAULT_PHASE_SET)


@pytest.fixture(scope="module")
def hot(cold: PhaseSet) -> PhaseSet:
    return at_temperature(cold, HOT)


def toy() -> PhaseSet:
    """With volumes, and a CO2 crystal that is far too stable."""
    energies = {"Li": 0.0, "C": 0.0, "Co": 0.0, "O2": 0.0, "CO2": -9.0}
    solids = {"Li2O": -6.2, "CoO": -2.5, "Co3O4": -9.2, "Li2CO3": -12.6, "LiCoO2": -7.0}
    entries = [
        entry(formula, energy, volume=11.0 * Composition(formula).num_atoms) for formula, energy in solids.items()
    ]
    return phase_set(energies, *entries)


def test_every_energy_by_hand() -> None:
    before, after = toy(), at_temperature(toy(), HOT)
    assert after.temperature == HOT
    assert after.name == "toy at 923 K"
    assert after.sha256 != before.sha256
    old, new = ({e.formula: e for e in one.entries} for one in (before, after))
    for formula in ("CoO", "LiCoO2"):
        step = compound_gibbs(Composition(formula), 11.0, HOT)
        assert step < 0
        assert new[formula].energy_per_atom == pytest.approx(old[formula].energy_per_atom + step)
        assert new[formula].error == pytest.approx(hypot(old[formula].error, MODEL_ERROR))
    assert new["O2"].energy_per_atom == pytest.approx(oxygen_potential(HOT) / 2)
    assert new["Co"].energy_per_atom == pytest.approx(element_gibbs("Co", HOT))
    assert new["CO2"].id == "gas-CO2"
    assert 3 * new["CO2"].energy_per_atom == pytest.approx(gas_potential("CO2", HOT))
    assert 2 * new["CO"].energy_per_atom == pytest.approx(gas_potential("CO", HOT))


def test_measured_enthalpies_take_the_same_step(cold: PhaseSet, hot: PhaseSet) -> None:
    before, after = measurement_scales(cold), measurement_scales(hot)
    assert before is not None
    assert after is not None
    assert after.measured.temperature == HOT
    assert "CO2" in before.elsewhere
    assert "CO2" not in after.elsewhere
    moved = [
        {e.id: e.energy_per_atom for e in one.entries if e.formula in ("CoO", "Li2CO3")}
        for one in (cold, hot, before.measured, after.measured)
    ]
    for name in moved[0]:
        assert moved[1][name] - moved[0][name] == pytest.approx(moved[3][name] - moved[2][name])
    (oxide,) = (e for e in hot.entries if e.formula == "CoO" and e.material == "CoO")
    assert after.sigma({oxide: 1.0}, measured=False) == pytest.approx(
        hypot(before.sigma({oxide: 1.0}, measured=False), MODEL_ERROR)
    )


def _opened(phases: PhaseSet, base: PhaseSet, pair: OpenPair, mixture: GasMixture) -> tuple[object, object]:
    """pymatgen's diagram and its grand-potential one; potentials are counted from the elements of the set as pinned."""
    from pymatgen.analysis.phase_diagram import GrandPotentialPhaseDiagram

    diagram = phase_sets.referee(phases, pair.closed.elements)
    zero = {e: min(x.energy_per_atom for x in base.by_system[frozenset([e])]) for e in pair.open_elements}
    potentials = {Element(e): zero[e] + mixture.potentials[e] for e in pair.open_elements}
    return diagram, GrandPotentialPhaseDiagram(diagram.all_entries, potentials)


@pytest.mark.parametrize(
    ("a", "b", "gases"),
    [
        ("LCO", "NiO", ["O2=0.21"]),
        ("LCO", "NiO", ["H2=0.05", "H2O=0.01"]),
        ("LCO", "NiO", ["H2=0.05", "H2O=0.05", "H2S=0.001"]),
        ("LCO", "Li2TiO3", ["CO=0.01", "CO2=0.1"]),
        ("NCM811", "Li2CO3", ["O2=0.2", "CO2=0.0004"]),
    ],
)
def test_pymatgen_is_the_referee_with_one_and_several_gases(
    a: str, b: str, gases: list[str], cold: PhaseSet, hot: PhaseSet, refereed: Referee
) -> None:
    mixture = GasMixture.parse(HOT, gases)
    species = OpenSpecies(gases=mixture).within(hot.elements, hot.name)
    pair = OpenPair.of(a, b, hot, set(species.shifts))
    (curve,) = pair.curves([species])
    diagram, opened = _opened(hot, cold, pair, mixture)
    deviation = Deviation()
    compare_open(curve, opened, diagram, deviation)
    ours = "analysis.thermodynamics.open_system.OpenPair.curves"
    refereed(
        "mutual and total reaction energy at 923 K, open to one to three gases",
        deviation.energy,
        1e-6,
        of=ours,
        by="pymatgen, GrandPotentialInterfacialReactivity",
        unit="eV/atom",
    )
    refereed(
        "atoms of both sides and the gases at 923 K",
        deviation.balance,
        1e-9,
        of=ours,
        by="the formulas alone",
        unit="atoms per atom",
    )


def test_reactions_are_written_with_the_gases(hot: PhaseSet) -> None:
    """Hydrogen goes into the hydroxide and, with the rest of the oxygen, into the gas."""
    mixture = GasMixture.parse(HOT, ["H2=0.05", "H2O=0.01"])
    found = react_open("LCO", "CoO", hot, OpenSpecies(gases=mixture), samples=2)
    assert found.kinks[-1].reaction == "LiCoO2 + 1.5 H2 -> LiHO + Co + H2O"
    assert dict(found.kinks[-1].exchange) == pytest.approx({"H": 1.0, "O": -1.0})
    told = found.to_json()["open"]
    assert told["gases"]["fixed_by"] == {"H": "0.5 H2", "O": "H2O - H2"}
    assert told["oxygen"] == pytest.approx(2 * mixture.potentials["O"])


def test_more_hydrogen_reduces_further(hot: PhaseSet) -> None:
    """Along the ratio H2/H2O the oxygen left in the products of LiCoO2 only falls, and what it gains only grows."""
    left, gain = [], []
    for ratio in (1e-9, 1e-6, 1e-3, 1.0, 1e2):
        mixture = GasMixture(HOT, (("H2", 0.01 * ratio), ("H2O", 0.01)))
        lithium = react_open("LCO", "LCO", hot, OpenSpecies(gases=mixture), samples=2).a
        left.append(2 + dict(lithium.exchange)["O"])
        gain.append(-(lithium.self_energy or 0.0))
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0]
    assert gain == sorted(gain)


def test_carbon_that_would_deposit_is_named(hot: PhaseSet) -> None:
    """Boudouard, 2 CO -> C + CO2: at 923 K p(CO)²/p(CO2) is 0.37 bar in equilibrium with graphite (JANAF)."""
    assert react_open("LCO", "CoO", hot, OpenSpecies(gases=GasMixture.parse(HOT, ["CO=0.1", "CO2=0.1"])), samples=2)
    with pytest.raises(InputError, match="the reservoirs alone form C without end"):
        react_open("LCO", "CoO", hot, OpenSpecies(gases=GasMixture.parse(HOT, ["CO=0.5", "CO2=0.1"])), samples=2)


def test_a_window_under_a_gas_is_that_of_the_pair_alone(hot: PhaseSet) -> None:
    """Inside the window LCO is stable at the voltage and the gas together; outside it decomposes; reactions balance."""
    mixture = GasMixture.parse(HOT, ["O2=0.2"])
    window = stability_window("LCO", hot, gases=mixture, samples=2)
    assert window.oxidation is not None
    assert window.energy_above_hull == 0
    low, high = window.reduction.voltage, window.oxidation.voltage
    assert low < high
    for voltage, stable in ((low + 1e-3, True), (high - 1e-3, True), (high + 1e-3, False)):
        alone = react_open("LCO", "LCO", hot, OpenSpecies(voltage, gases=mixture), samples=2).a
        assert alone.self_energy is not None
        assert (alone.self_energy > -1e-9) == stable
    with pytest.raises(InputError, match="form Li2O"):
        react_open("LCO", "LCO", hot, OpenSpecies(low - 1e-3, gases=mixture), samples=2)
    assert "form Li2O" in window.reduction.reaction
    for text in [step.reaction for step in window.ladder] + [step.step for step in window.ladder]:
        left, right = text.split(" -> ")
        sides = []
        for side in (left, right):
            total: dict[str, float] = {}
            for term in side.split(" + "):
                amount, _, formula = term.rpartition(" ")
                for element, n in Composition(formula).get_el_amt_dict().items():
                    total[element] = total.get(element, 0.0) + float(amount or 1) * n
            sides.append(total)
        assert sides[0] == pytest.approx(sides[1], abs=1e-4)
    assert window.to_json()["open"]["gases"]["pressures"] == {"O2": 0.2}


def test_a_window_at_a_temperature_without_gases_is_that_of_the_set(cold: PhaseSet, hot: PhaseSet) -> None:
    one, other = (stability_window("Li2S", phases, samples=2) for phases in (cold, hot))
    assert one.oxidation is not None
    assert other.oxidation is not None
    assert one.oxidation.voltage != pytest.approx(other.oxidation.voltage, abs=0.01)
    assert "open" not in other.to_json()


def test_a_map_under_a_gas_starts_where_lithium_does_not_burn(hot: PhaseSet) -> None:
    mixture = GasMixture.parse(HOT, ["O2=0.2"])
    found = voltage_map("LCO", "CoO", hot, gases=mixture, points=5)
    assert 1 < found.voltages[0] < 3
    row = 10
    result = react_open("LCO", "CoO", hot, OpenSpecies(float(found.voltages[row]), gases=mixture), samples=2)
    assert found.mutual[row].min() >= result.mutual.energy - 1e-9
    x = [kink.x_atom for kink in result.kinks]
    assert found.mutual[row] == pytest.approx(np.interp(found.x_atom, x, [k.mutual for k in result.kinks]), abs=1e-8)
    assert found.oxygen == pytest.approx(oxygen_potential(HOT, 0.2))
    assert found.to_json()["gases"]["pressures"] == {"O2": 0.2}


def test_gases_and_solids_share_their_temperature(hot: PhaseSet) -> None:
    with pytest.raises(InputError, match="the gases are at 800 K, the solids of the phase set at 923 K"):
        react_open("LCO", "CoO", hot, OpenSpecies(gases=GasMixture.parse(800, ["O2=0.2"])), samples=2)


def test_what_cannot_go_to_a_temperature(cold: PhaseSet, hot: PhaseSet) -> None:
    with pytest.raises(InputError, match=r"the temperature is 2000 K: .* 298 to 1800 K"):
        at_temperature(cold, 2000)
    with pytest.raises(InputError, match="at 923 K already"):
        at_temperature(hot, HOT)
    with pytest.raises(InputError, match="entry 'toy-Li2O': no volume"):
        at_temperature(phase_set(BY_HAND), HOT)
    with pytest.raises(InputError, match="exclude each other"):
        OpenSpecies(oxygen=-1.0, gases=GasMixture.parse(HOT, ["O2=0.2"]))


def test_sets_of_another_scale_are_not_combined(cold: PhaseSet) -> None:
    with pytest.raises(SignatureMismatchError, match="on the scale 'toy total energy, eV/atom'"):
        combined("both", [cold, toy()])
    changed = toy().changed(
        name="later",
        entries=tuple(e.model_copy(update={"energy_per_atom": e.energy_per_atom - 1}) for e in toy().entries),
    )
    with pytest.raises(InputError, match=r"toy-Li \(Li\) has 0\.0000 eV/atom in one set and -1\.0000 in later"):
        combined("both", [toy(), changed])
