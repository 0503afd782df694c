"""Voltages from the hull over the lithium content: a peer on the same energies, and cases by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.voltage_curve import (
    LithiumReference,
    VoltageCurve,
    lithium_from_document,
    lithium_from_phase_set,
    lower_hull,
    voltage_curve,
)
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import SITE_ENERGIES, toy_document
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import CalculationDocument

LITHIUM = lithium_from_phase_set(load_phase_set("solidstate"))
FULL = toy_document("LCO", prepared_cell(conventional(LCO).make_supercell((2, 1, 1)), LCO))
ENERGIES = st.lists(st.floats(-1, 1), min_size=1, max_size=12)


def less(n: int, above: float, size: tuple[int, int, int] = (1, 1, 1)) -> CalculationDocument:
    """Six formula units, or several times that, without `n` lithium atoms each; `above` eV per formula unit off the
    line of full cell and metal + CoO2."""
    cell = FULL.structure.make_supercell(size, in_place=False)
    lithium = [i for i, site in enumerate(cell) if site.specie.symbol == "Li"]
    share = len(lithium) / 6
    cell.remove_sites(lithium[: round(n * share)])
    energy = (FULL.energy + n * (4.0 - LITHIUM.energy) + 6 * above) * share
    return toy_document(f"{n} out", cell, energy=energy)


def test_two_contents_give_one_plateau_by_hand():
    """E(Li6) + 2 x 4 eV - 2 x E(Li): 4 V for every atom."""
    curve = voltage_curve(FULL, [less(2, 0.0)], LITHIUM)
    (step,) = curve.steps
    assert (step.x_low, step.x_high) == (pytest.approx(4 / 6), 1.0)
    assert step.voltage == pytest.approx(4.0)
    assert curve.average == pytest.approx(4.0)
    assert curve.capacity(0.0) == pytest.approx(273.8, abs=0.1)  # LiCoO2, the number everyone prints
    assert curve.capacity(4 / 6) == pytest.approx(273.8 / 3, abs=0.1)


def test_the_voltage_is_the_negative_energy_of_insertion_per_atom():
    emptied = [i for i, site in enumerate(FULL.structure) if site.specie.symbol == "Li"]
    cell = FULL.structure.copy()
    cell.remove_sites(emptied)
    curve = voltage_curve(FULL, [toy_document("CoO2", cell)], LITHIUM)
    assert curve.average == pytest.approx(LITHIUM.energy - SITE_ENERGIES["Li"])


@settings(max_examples=6, deadline=None)
@given(st.lists(st.floats(-0.3, 0.3), min_size=5, max_size=5))
def test_the_peer_finds_the_same_voltages(refereed: Referee, above: list[float]):
    """pymatgen's insertion electrode on the same entries, where the hull has plateaus to speak of."""
    from pymatgen.apps.battery.insertion_battery import InsertionElectrode
    from pymatgen.core import Composition, Element, Lattice, Structure
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    documents = [FULL, *(less(n, a) for n, a in zip(range(1, 6), above, strict=True)), less(6, 0.0)]
    curve = voltage_curve(documents[0], documents[1:], LITHIUM)
    assume(
        all(abs(a.voltage - b.voltage) > 1e-3 for a, b in pairwise(curve.steps))
    )  # three contents on a line: the peer may count the one between
    entries = [
        ComputedStructureEntry(d.structure.copy().remove_oxidation_states(), d.energy, entry_id=d.label)
        for d in documents
    ]
    metal = ComputedStructureEntry(
        Structure(Lattice.cubic(3.4), [Element("Li")], [[0, 0, 0]]), LITHIUM.energy, entry_id="metal"
    )
    assert metal.composition == Composition("Li")
    peer = InsertionElectrode.from_entries(entries, metal)
    away = np.subtract(
        sorted(pair.voltage for pair in peer.voltage_pairs), sorted(step.voltage for step in curve.steps)
    )
    refereed(
        "voltages on delithiation",
        np.abs(away).max(),
        1e-6,
        of="analysis.thermodynamics.voltage_curve.voltage_curve",
        by="pymatgen, InsertionElectrode",
        unit="V",
    )


@settings(max_examples=25, deadline=None)
@given(ENERGIES)
def test_voltages_rise_as_lithium_leaves_and_no_cell_lies_below_the_hull(above: list[float]):
    documents = [less(1 + k % 6, a) for k, a in enumerate(above)]
    curve = voltage_curve(FULL, documents, LITHIUM)
    voltages = [step.voltage for step in curve.steps]
    assert voltages == sorted(voltages)
    assert all(charge.above_hull >= 0 for charge in curve.charges)
    corners = {step.x_low for step in curve.steps} | {1.0}
    for x in corners:
        assert min(charge.above_hull for charge in curve.charges if charge.x == pytest.approx(x)) == pytest.approx(
            0, abs=1e-9
        )


@pytest.mark.parametrize("size", [(2, 1, 1), (1, 2, 1)])
def test_the_size_of_a_cell_does_not_matter(size: tuple[int, int, int]):
    small, large = (
        voltage_curve(FULL, [less(2, -0.05, cell), less(4, 0.0, cell)], LITHIUM) for cell in ((1, 1, 1), size)
    )
    assert [step.voltage for step in small.steps] == pytest.approx([step.voltage for step in large.steps])


def test_a_state_is_in_equilibrium_between_its_plateaus():
    curve = voltage_curve(FULL, [less(2, -0.1), less(4, 0.0)], LITHIUM)
    low, high = (step.voltage for step in curve.steps)
    assert low < high
    assert curve.at(1.0) == (None, pytest.approx(low))
    assert curve.at(4 / 6) == (pytest.approx(low), pytest.approx(high))
    assert curve.at(2 / 6) == (pytest.approx(high), None)
    assert curve.at(0.9) == (pytest.approx(low), pytest.approx(low))
    with pytest.raises(InputError, match=r"x = 0\.1 is outside the calculated range 0\.333333 to 1"):
        curve.at(0.1)


def test_what_lies_above_the_hull_makes_no_plateau():
    curve = voltage_curve(FULL, [less(2, 0.2), less(2, 0.3), less(4, 0.0)], LITHIUM)
    assert len(curve.steps) == 1
    assert {round(x, 6): n for x, n in curve.samples.items()} == {0.333333: 1, 0.666667: 2, 1.0: 1}
    assert [round(c.above_hull, 6) for c in curve.charges] == [0.0, 0.2, 0.3, 0.0]
    assert curve.to_json()["steps"][0]["capacity"] == pytest.approx(curve.capacity(2 / 6))


def test_corrections_of_oxygen_and_metals_drop_out():
    """The MP2020 scheme's constants, taken off every cell."""
    documents = [FULL, less(2, -0.05), less(4, 0.0)]

    def bare(document: CalculationDocument) -> CalculationDocument:
        amounts = document.structure.composition.element_composition
        return document.model_copy(update={"energy": document.energy + 0.687 * amounts["O"] + 1.638 * amounts["Co"]})

    first: VoltageCurve = voltage_curve(documents[0], documents[1:], LITHIUM)
    second = voltage_curve(bare(documents[0]), [bare(d) for d in documents[1:]], LITHIUM)
    assert [s.voltage for s in first.steps] == pytest.approx([s.voltage for s in second.steps])


def test_frameworks_and_scales_are_not_mixed():
    cell = FULL.structure.copy()
    cell.remove_sites([len(cell) - 1])
    with pytest.raises(InputError, match="differ in more than lithium"):
        voltage_curve(FULL, [toy_document("less O", cell)], LITHIUM)
    with pytest.raises(InputError, match="at least two lithium contents"):
        voltage_curve(FULL, [FULL], LITHIUM)
    other = LithiumReference(-1.9, FULL.signature.model_copy(update={"version": "9"}), "another lithium")
    with pytest.raises(SignatureMismatchError, match="version"):
        voltage_curve(FULL, [less(2, 0.0)], other)


def test_lithium_metal_is_the_phase_sets_for_chgnet_and_a_calculation_for_the_rest():
    entry = load_phase_set("solidstate").entry_for("Li")
    assert entry is not None
    assert (entry.energy_per_atom, entry.id in LITHIUM.origin) == (LITHIUM.energy, True)
    with pytest.raises(SignatureMismatchError, match="gpaw energies are not on the scale"):
        lithium_from_phase_set(load_phase_set("solidstate"), "gpaw")
    uncorrected = FULL.signature.model_copy(update={"engine": "sevennet"})
    found = lithium_from_phase_set(load_phase_set("solidstate"), "sevennet", uncorrected)
    assert (found.energy, found.signature) == (LITHIUM.energy, uncorrected)
    metal = FULL.structure.copy()
    metal.remove_sites([i for i, site in enumerate(metal) if site.specie.symbol != "Li"])
    document = toy_document("Li", metal, tier="gpaw")
    assert lithium_from_document(document).energy == pytest.approx(SITE_ENERGIES["Li"])
    with pytest.raises(InputError, match="not usable"):
        lithium_from_document(toy_document("Li", metal))
    with pytest.raises(InputError, match="is not lithium metal"):
        lithium_from_document(FULL.model_copy(update={"tier": "gpaw"}))


@given(st.lists(st.tuples(st.integers(0, 12).map(lambda k: k / 12), st.floats(-2, 2)), min_size=2, max_size=20))
def test_the_hull_lies_below_every_point(points: list[tuple[float, float]]):
    corners = [points[k] for k in lower_hull(points)]
    for (x1, y1), (x2, y2) in pairwise(corners):
        for x, y in points:
            if x1 <= x <= x2:
                assert y >= y1 + (x - x1) / (x2 - x1) * (y2 - y1) - 1e-5
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(corners)]
    assert slopes == sorted(slopes)
