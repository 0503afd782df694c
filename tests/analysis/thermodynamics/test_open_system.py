"""Open systems: by hand, against pymatgen, their invariants; oxygen gas; the map over (x, V) and the interphases."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from catholyte.analysis.thermodynamics.hull import Phases
from catholyte.analysis.thermodynamics.open_species import OpenSpecies, oxygen_potential
from catholyte.analysis.thermodynamics.open_system import OpenPair, react_open
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reaction_results import Product
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.analysis.thermodynamics.voltage_map import voltage_map
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.configs.errors import InputError
from catholyte.tests.support import phase_sets
from catholyte.tests.support.phase_sets import BY_HAND, large_set, phase_set, random_sets
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.referees.reaction_referee import Deviation, compare_open

TIGHT = 1e-8


def amounts(products: tuple[Product, ...]) -> dict[str, float]:
    return {product.formula: product.coefficient for product in products}


def test_by_hand() -> None:
    """At 2 V S takes up lithium (Li2S: 2.25 V), -4.5 + 2·2 = -0.5 eV; O2 forms Li2O, -6 + 2·2 per O. They do not react
    with each other."""
    result = react_open("S", "O2", phase_set(BY_HAND), OpenSpecies(2.0))
    assert result.a.self_energy == pytest.approx(-0.5)
    assert result.b.self_energy == pytest.approx(-2.0)
    assert result.a.exchange == (("Li", pytest.approx(2.0)),)
    assert result.mutual.energy == 0
    assert result.total.energy == pytest.approx(-2.0)
    assert result.kinks[0].reaction == "O2 + 4 Li -> 2 Li2O"
    assert result.kinks[-1].exchange == (("Li", pytest.approx(2.0)),)
    assert "above the hull at 2 V vs Li/Li+" in result.notes[0]


def test_the_no_mixing_line_is_subtracted_and_the_norm_stated() -> None:
    """Toy: Li2S | SO2-like. At 3 V Li2S is S, so Li2S + O2 gives what S + O2 gives, per atom of Li2S and O2 as
    written."""
    toy = phase_set({"Li": 0, "O2": 0, "S": 0, "Li2S": -4.5, "SO2": -3.0})
    result = react_open("Li2S", "O2", toy, OpenSpecies(3.0))
    assert result.a.self_energy == pytest.approx((4.5 - 6.0) / 3)
    kink = result.mutual.kink
    assert kink is not None
    assert kink.x == pytest.approx(0.5)
    assert kink.reaction == "0.5 Li2S + 0.5 O2 -> 0.5 SO2 + Li"
    assert kink.mutual == pytest.approx(-3.0 / 5)
    assert kink.conserved == pytest.approx(3 / 5)
    assert kink.mutual / kink.conserved == pytest.approx(-3.0 / 3)
    assert kink.total == pytest.approx(-3.0 / 5 - 1.5 / 5)


def test_lithium_and_oxygen_together() -> None:
    """With both open, Li2S + 2 O2 of the reservoir may become Li2SO4; here SO2 at mu(O2) = -1 eV: S + O2 -> SO2 gains 3
    - 1 = 2 eV."""
    toy = phase_set({"Li": 0, "O2": 0, "S": 0, "P": 0, "Li2S": -4.5, "SO2": -3.0, "P2S": -1.0})
    result = react_open("S", "P", toy, OpenSpecies(3.0, oxygen=-1.0))
    assert result.a.self_energy == pytest.approx(-2.0)
    assert result.a.exchange == (("Li", 0.0), ("O", pytest.approx(2.0)))
    assert result.kinks[-1].reaction == "S + O2 -> SO2"
    assert result.mutual.energy == 0


def test_oxygen_follows_the_tables(refereed: Referee) -> None:
    """JANAF O2: S(298.15) = 205.147, H - H(298.15) = 22.703 and S = 243.578 at 1000 K; 98.013 and 284.466 at 3000 K;
    -5.779 and 173.307 at 100 K (kJ/mol, J/mol K)."""
    faraday = 96485.332
    for temperature, enthalpy, entropy in (
        (298.15, 0.0, 205.147),
        (1000, 22703, 243.578),
        (3000, 98013, 284.466),
        (100, -5779, 173.307),
    ):
        away = abs(oxygen_potential(temperature) - (enthalpy - temperature * entropy) / faraday)
        refereed(
            "chemical potential of O2 gas, 100 to 3000 K",
            away,
            1e-4,
            of="analysis.thermodynamics.open_system.oxygen_potential",
            by="NIST-JANAF tables (1998)",
            unit="eV",
        )
    assert oxygen_potential(700.0) == pytest.approx(oxygen_potential(700.0001), abs=1e-4)
    tenfold = oxygen_potential(500, 1.0) - oxygen_potential(500, 0.1)
    assert tenfold == pytest.approx(8.617333e-5 * 500 * np.log(10))
    assert OpenSpecies.at(3.0, 300, 0.21).oxygen == oxygen_potential(300, 0.21)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda toy: OpenSpecies(), "needs a voltage"),
        (lambda toy: OpenSpecies(-0.1), r"voltage is -0\.1 V .*0 to 10 V are allowed"),
        (lambda toy: OpenSpecies(float("nan")), "voltage is nan"),
        (lambda toy: OpenSpecies(oxygen=3.0), "oxygen potential is 3"),
        (lambda toy: oxygen_potential(20), "100 to 6000 K"),
        (lambda toy: oxygen_potential(300, 0.0), r"pressure is 0\.0 bar"),
        (lambda toy: react_open("Li", "S", toy, OpenSpecies(2.0)), "Li holds nothing but open elements"),
        (lambda toy: react_open("Li2O", "S", toy, OpenSpecies(2.0, -0.5)), "Li2O holds nothing but open elements"),
        (
            lambda toy: react_open("S", "Li2S", toy, OpenSpecies(1.0, -0.5)),
            r"at 1 V .* and mu\(O2\) = -0\.5 eV the reservoirs alone form Li2O",
        ),
        (
            lambda toy: react_open("S", "Li2S", toy.restricted(["Li", "S"]), OpenSpecies(oxygen=-1.0)),
            "holds no O, which is to be open",
        ),
        (lambda toy: react_open("S", "NaCl", toy, OpenSpecies(1.0)), "outside the phase set"),
        (lambda toy: react_open("S", "Li2S", toy, OpenSpecies(1.0), samples=1), "samples is 1"),
        (lambda toy: voltage_map("S", "Li2S", toy, voltages=[2.0, 1.0]), "rising voltages"),
        (lambda toy: voltage_map("S", "Li2S", toy, voltages=[2.0, 11.0]), "voltage is 11"),
    ],
)
def test_bad_input_is_named(call, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=said):
        call(phase_set(BY_HAND))


def test_json() -> None:
    found = json.loads(
        json.dumps(react_open("Li2S", "O2", phase_set(BY_HAND), OpenSpecies(2.5)).to_json(threshold=0.01))
    )
    assert found["open"]["voltage"] == 2.5
    assert {"self", "mutual", "total", "kinks", "uncertainty", "stable"} <= set(found)
    assert all({"exchange", "conserved"} <= set(kink) for kink in found["kinks"])
    assert "open" not in react("Li2S", "O2", phase_set(BY_HAND)).to_json()


def open_pair(data: st.DataObject, toy: PhaseSet) -> tuple[str, str]:
    own = st.sampled_from([found.formula for found in toy.entries])
    names = (own | phase_sets.formulas()).filter(lambda name: Composition(name).chemical_system != "Li")
    a, b = data.draw(names, label="a"), data.draw(names, label="b")
    assume(Composition(a).fractional_composition != Composition(b).fractional_composition)
    return a, b


@settings(max_examples=50, deadline=None)
@given(toy=random_sets(), data=st.data(), voltage=st.floats(0, 8))
def test_invariants_of_any_open_pair(toy: PhaseSet, data: st.DataObject, voltage: float) -> None:
    a, b = open_pair(data, toy)
    result, mirrored = (react_open(*pair, toy, OpenSpecies(voltage), samples=2) for pair in ((a, b), (b, a)))
    assert (result.kinks[0].mutual, result.kinks[-1].mutual) == (0, 0)
    assert max(kink.mutual for kink in result.kinks) <= 1e-9
    assert max(kink.total for kink in result.kinks) <= 1e-9
    assert max(r.self_energy or 0.0 for r in (result.a, result.b)) <= 1e-9
    assert [k.x_atom for k in result.kinks] == pytest.approx([1 - k.x_atom for k in reversed(mirrored.kinks)], abs=1e-7)
    assert [k.total for k in result.kinks] == pytest.approx([k.total for k in reversed(mirrored.kinks)], abs=TIGHT)
    for kink in result.kinks:
        given_ = Composition(a) * kink.x + Composition(b) * (1 - kink.x)
        for element in {*given_, Element("Li")}:
            made = sum(p.coefficient * Composition(p.formula)[element] for p in kink.products)
            assert given_[element] + dict(kink.exchange).get(element.symbol, 0.0) == pytest.approx(made, abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(), data=st.data(), voltage=st.floats(0.1, 6))
def test_the_window_says_where_a_phase_is_stable_alone(toy: PhaseSet, data: st.DataObject, voltage: float) -> None:
    """Inside its window a stable phase neither gains nor loses lithium; outside it decomposes alone."""
    name = data.draw(st.sampled_from([e.formula for e in toy.entries if e.formula != "Li"]))
    window = stability_window(name, toy, samples=2)
    assume(window.energy_above_hull == 0)
    limits = window.reduction.voltage, window.oxidation.voltage if window.oxidation else np.inf
    assume(min(abs(voltage - limit) for limit in limits) > 1e-3)
    alone = react_open(name, name, toy, OpenSpecies(voltage), samples=2).a
    assert alone.self_energy is not None
    assert (alone.self_energy > -1e-9) == (limits[0] < voltage < limits[1])


@settings(max_examples=15, deadline=None)
@given(toy=random_sets(highest=-0.01), data=st.data(), voltage=st.floats(0.1, 6))
def test_pymatgens_grand_potential_reactivity_is_the_referee(
    toy: PhaseSet, data: st.DataObject, voltage: float, refereed: Referee
) -> None:
    from pymatgen.analysis.phase_diagram import GrandPotentialPhaseDiagram

    own = st.sampled_from([found.formula for found in toy.entries if found.formula != "Li"])
    a, b = data.draw(own, label="a"), data.draw(own, label="b")
    assume(a != b)
    pair = OpenPair.of(a, b, toy, {"Li"})
    (curve,) = pair.curves([OpenSpecies(voltage)])
    diagram = phase_sets.referee(toy, pair.closed.elements)
    opened = GrandPotentialPhaseDiagram(
        diagram.all_entries, {Element("Li"): diagram.el_refs[Element("Li")].energy_per_atom - voltage}
    )
    deviation = Deviation()
    compare_open(curve, opened, diagram, deviation)
    _accept(deviation, refereed, "random sets")


def _accept(deviation: Deviation, refereed: Referee, which: str) -> None:
    ours, by = "analysis.thermodynamics.open_system.OpenPair.curves", "pymatgen, GrandPotentialInterfacialReactivity"
    refereed(
        f"mutual and total reaction energy at a voltage, {which}",
        deviation.energy,
        1e-6,
        of=ours,
        by=by,
        unit="eV/atom",
    )
    refereed(
        f"mixing ratio of the kinks at a voltage, {which}", deviation.x, 1e-6, of=ours, by=by, unit="atomic fraction"
    )
    refereed(
        f"atoms of both sides and the reservoir, {which}",
        deviation.balance,
        1e-9,
        of=ours,
        by="the formulas alone",
        unit="atoms per atom",
    )


def test_the_norm_without_lithium_moves_the_deepest_mixing_ratio() -> None:
    """LCO | LPSCl at 4.2 V: about -0.49 eV per atom, and -0.72 without lithium (AUDIT, W11)."""
    result = react_open("LCO", "LPSCl", load_phase_set(DEFAULT_PHASE_SET), OpenSpecies(4.2), samples=2)
    found = result.per_conserved
    assert found is not None
    assert found.kink is not None
    assert result.mutual.kink is not None
    assert result.mutual.energy == pytest.approx(-0.485, abs=0.01)
    assert found.energy == pytest.approx(-0.715, abs=0.015)
    lithium, atoms = {"a": 1, "b": 6}, {"a": 4, "b": 13}
    for kink in result.kinks:
        shares = {"a": kink.x, "b": 1 - kink.x}
        other = sum(shares[side] * (atoms[side] - lithium[side]) for side in shares)
        assert kink.conserved == pytest.approx(other / sum(shares[side] * atoms[side] for side in shares))
        assert found.energy <= kink.mutual / kink.conserved + TIGHT
    assert found.energy == pytest.approx(found.kink.mutual / found.kink.conserved)
    assert result.to_json()["mutual_per_conserved"]["energy"] == found.energy
    assert react("LCO", "LPSCl", load_phase_set(DEFAULT_PHASE_SET), samples=2).per_conserved is None


def test_the_map_holds_the_reactions_at_each_voltage() -> None:
    toy = load_phase_set(DEFAULT_PHASE_SET)
    found = voltage_map("LCO", "LPSCl", toy, voltages=np.linspace(0, 5, 26), points=41)
    assert found.mutual.shape == found.total.shape == (26, 41)
    assert np.abs(found.mutual[:, [0, -1]]).max() < TIGHT
    assert found.mutual.max() <= 1e-9
    assert (found.total - found.mutual).max() <= 1e-9
    for row in (5, 20):
        result = react_open("LCO", "LPSCl", toy, OpenSpecies(float(found.voltages[row])), samples=2)
        x = [kink.x_atom for kink in result.kinks]
        assert found.mutual[row] == pytest.approx(
            np.interp(found.x_atom, x, [kink.mutual for kink in result.kinks]), abs=TIGHT
        )
        assert found.total[row] == pytest.approx(
            np.interp(found.x_atom, x, [kink.total for kink in result.kinks]), abs=TIGHT
        )
    assert json.loads(json.dumps(found.to_json()))["interphases"][0]["low"] == 0


def test_interphases_fill_the_range_and_hold_inside_it() -> None:
    toy = load_phase_set(DEFAULT_PHASE_SET)
    found = voltage_map("CoO", "LPSCl", toy, voltages=np.linspace(0, 5, 51))
    ranges = found.interphases
    assert (ranges[0].low, ranges[-1].high) == (0, 5)
    assert [r.high for r in ranges[:-1]] == [r.low for r in ranges[1:]]
    for part in ranges:
        for voltage in np.linspace(part.low, part.high, 5)[1:-1]:
            minimum = react_open("CoO", "LPSCl", toy, OpenSpecies(float(voltage)), samples=2).mutual
            assert amounts(minimum.kink.products if minimum.kink else ()) == pytest.approx(
                amounts(part.products), abs=1e-6
            )


def test_uncertainty_of_an_open_reaction_is_the_textbook_sum() -> None:
    """S + 2 Li -> Li2S at 1 V: E(Li2S) - E(S) - 2 E(Li) per atom of S; sigma of each energy per atom is 0.02 eV."""
    toy = phase_set({"Li": 0, "O2": 0, "S": 0, "Li2O": -6.0, "Li2S": -4.5}, error=0.02)
    result = react_open("S", "O2", toy, OpenSpecies(1.0), samples=600, seed=4)
    assert result.uncertainty.self_a == pytest.approx(0.02 * np.sqrt(3**2 + 1 + 2**2), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["shipped", "synthetic"])
def test_pymatgen_is_the_referee_for_many_open_pairs(which: str, refereed: Referee) -> None:
    """200 pairs at five voltages, on diagrams of the elements of each pair (shipped) or of all eight (synthetic)."""
    from pymatgen.analysis.phase_diagram import GrandPotentialPhaseDiagram

    toy = large_set(entries=250) if which == "synthetic" else load_phase_set(DEFAULT_PHASE_SET)
    phases = Phases.of(toy, toy.elements)
    formation = phases.energies - phases.energies[phases.pure] @ phases.fractions
    names = [
        e.formula
        for e, bound in zip(phases.entries, formation, strict=True)
        if bound < -1e-6 and toy.resolve(e.formula).entry == e
    ]
    rng = np.random.default_rng(5)
    deviation = Deviation()
    for voltage in (0.5, 1.5, 2.5, 3.5, 4.5):
        known: dict[tuple[str, ...], Any] = {}
        for _ in range(40):
            pair = OpenPair.of(*rng.choice(names, 2, replace=False), toy, {"Li"})
            elements = toy.elements if which == "synthetic" else pair.closed.elements
            if elements not in known:
                diagram = phase_sets.referee(toy, elements)
                metal = diagram.el_refs[Element("Li")].energy_per_atom
                known[elements] = (
                    GrandPotentialPhaseDiagram(diagram.all_entries, {Element("Li"): metal - voltage}),
                    diagram,
                )
            (curve,) = pair.curves([OpenSpecies(voltage)])
            compare_open(curve, *known[elements], deviation)
    print(f"{which}: 200 open pairs, {deviation.kinks} numbers compared at kinks: {deviation}")
    _accept(deviation, refereed, f"200 pairs of the {which} set")
