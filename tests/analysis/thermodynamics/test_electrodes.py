"""Voltages of electrodes, windows and maps beside measurement, and a cathode whose lithium content is held."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core.composition import Composition

from catholyte.analysis.thermodynamics.cathode_states import OpenEnergies, electrode_rows, measured_electrodes
from catholyte.analysis.thermodynamics.formation import MEASURED_ERROR, measurements
from catholyte.analysis.thermodynamics.open_species import OpenSpecies
from catholyte.analysis.thermodynamics.open_system import react_open
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.screen import screen
from catholyte.analysis.thermodynamics.voltage_map import voltage_map
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.analysis.thermodynamics.window_deviation import measured_limits
from catholyte.configs.constants import KJ_PER_MOL
from catholyte.configs.steps.screen import ScreenStep
from catholyte.tests.support.phase_sets import phase_set
from catholyte.tests.support.referees.evidence import Referee


@pytest.fixture(scope="module")
def shipped() -> PhaseSet:
    return load_phase_set(DEFAULT_PHASE_SET)


def test_a_voltage_by_hand() -> None:
    """Li + TiS2 -> LiTiS2 gains 2.2 eV; errors of 0.02 eV/atom on 4, 3 and 1 atoms."""
    toy = phase_set({"Li": 0, "Ti": 0, "S": 0, "TiS2": -4.0, "LiTiS2": -6.2}, error=0.02)
    (row,) = electrode_rows(toy)
    assert (row.lithiated, row.delithiated) == ("LiTiS2", "TiS2")
    assert row.computed == pytest.approx(2.2)
    assert row.sigma == pytest.approx(0.02 * (16 + 9 + 1) ** 0.5)
    assert row.deviation == pytest.approx(2.2 - 2.15)
    assert electrode_rows(toy, "TiS2") == [row]
    assert electrode_rows(toy, "S") == []


def test_every_measured_voltage_has_its_source() -> None:
    table = measured_electrodes()
    for electrode in table.electrodes:
        assert (electrode.source in table.sources) == (electrode.voltage is not None)
        full, empty = (Composition(f) for f in (electrode.lithiated, electrode.delithiated))
        assert full["Li"] > empty["Li"]
        assert all(full[el] == empty[el] for el in full if el.symbol != "Li")


def test_the_voltages_of_the_shipped_set_stand_beside_measured_ones(shipped: PhaseSet, refereed: Referee) -> None:
    rows = {(row.lithiated, row.delithiated): row for row in electrode_rows(shipped)}
    known = [abs(row.deviation) for row in rows.values() if row.deviation is not None]
    assert len(known) >= 8
    refereed(
        f"voltages of {len(known)} electrodes, mean of absolute deviations",
        float(np.mean(known)),
        0.5,
        of="analysis.thermodynamics.cathode_states.electrode_rows",
        by="measured voltages, configs/experiments/cathode-voltages.yaml",
        unit="V",
    )
    cobalt = rows["LiCoO2", "Li0.5CoO2"]
    assert cobalt.computed == pytest.approx(3.27, abs=0.01)  # AUDIT F2
    assert cobalt.deviation == pytest.approx(-0.70, abs=0.01)


def test_enthalpies_of_delithiated_electrodes_follow_from_their_voltage() -> None:
    enthalpies = {Composition(c.formula).reduced_formula: c for c in measurements().compounds}
    found = 0
    for electrode in measured_electrodes().electrodes:
        full, empty = Composition(electrode.lithiated), Composition(electrode.delithiated)
        whole = Composition(empty.get_integer_formula_and_factor()[0]).reduced_formula
        given, other = enthalpies.get(whole), enthalpies.get(full.reduced_formula)
        if electrode.voltage is None or given is None or other is None or given.source != "electrodes":
            continue
        lithium, units = full["Li"] - empty["Li"], Composition(given.formula).num_atoms / empty.num_atoms
        expected = units * (other.enthalpy + lithium * electrode.voltage * KJ_PER_MOL)
        assert given.enthalpy == pytest.approx(expected, abs=0.1)
        found += 1
    assert found == sum(c.source == "electrodes" for c in measurements().compounds) == 3


def test_a_measured_limit_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Li2S gives its lithium to sulfur at half its enthalpy: 4.2 eV / 2."""
    from catholyte.tests.analysis.thermodynamics.test_measured import FIVE, table, toy

    monkeypatch.setattr("catholyte.analysis.thermodynamics.formation.measurements", lambda: table(**FIVE))
    given = toy()
    assert stability_window("Li2S", given, samples=2).oxidation is not None
    limit = measured_limits("Li2S", given)["oxidation"]
    assert limit.number.value == pytest.approx(2.1)
    assert limit.number.sigma == pytest.approx(MEASURED_ERROR * 3 / 2)
    assert limit.basis == "measured: Li2S"


def test_limits_from_measured_enthalpies_or_why_there_are_none(shipped: PhaseSet) -> None:
    carbonate = measured_limits("Li2CO3", shipped)["oxidation"]
    assert carbonate.number.value is None
    assert "CO2 (gas)" in carbonate.basis
    oxide = measured_limits("LCO", shipped)["oxidation"]
    own = stability_window("LCO", shipped, samples=2).oxidation
    assert own is not None
    assert oxide.number.value is not None
    assert own.voltage < 3.1 < 3.9 < oxide.number.value < 4.1  # where cells hold it


def test_the_ends_of_an_interphase_are_the_reactions_there(shipped: PhaseSet) -> None:
    found = voltage_map("LCO", "LPSCl", shipped, voltages=np.linspace(1.5, 3.0, 4), points=3)
    first = found.interphases[0]
    reaction = react_open("LCO", "LPSCl", shipped, OpenSpecies(first.low), samples=2).measured
    assert reaction is not None
    assert first.beside[0].mutual == reaction.mutual
    assert [one.beside[1] for one in found.interphases[:-1]] == [one.beside[0] for one in found.interphases[1:]]


def test_a_held_cathode_keeps_its_lithium(shipped: PhaseSet) -> None:
    """Half-delithiated LiCoO2 in a cell at 4.2 V: the set leaves it that content at its own, lower voltage only."""
    energies = OpenEnergies(shipped, 4.2)
    window = stability_window("Li0.5CoO2", shipped, samples=2)
    assert window.oxidation is not None
    held = energies.held("Li0.5CoO2")
    assert held == window.oxidation.voltage < 4.2
    assert OpenEnergies(shipped, 1.0).held("Li0.5CoO2") == window.reduction.voltage
    expected = react_open("Li0.5CoO2", "LPSCl", shipped, OpenSpecies(held), samples=2).mutual.energy
    assert energies.mutual("Li0.5CoO2", "LPSCl", held) == pytest.approx(expected)


def test_the_second_rank_is_by_the_open_energies(shipped: PhaseSet) -> None:
    step = ScreenStep(
        phase_set="solidstate",
        cathodes=("LCO",),
        electrolytes=("LPSCl",),
        coatings=("Li2CO3", "Li2SnO3", "LiNbO3"),
        operating_range=(2.5, 4.2),
    )
    result = screen(step, shipped)
    for state in result.cathodes:
        rows = [row for row in result.ranking if row.cathode == state.label]
        assert sorted(row.open_rank for row in rows) == [1, 2, 3, 4]
        assert [row.rank for row in rows] == [1, 2, 3, 4]
        ordered = sorted(rows, key=lambda row: row.open_rank)
        assert [(not row.covers, -row.open_worst) for row in ordered] == sorted(
            (not row.covers, -row.open_worst) for row in rows
        )
        for row in rows:
            assert row.open_worst == min(row.open_inner, 0.0 if row.open_outer is None else row.open_outer)
    assert any("3.97 V" in note for note in result.notes)
    assert all(pair.measured is not None or pair.measured_basis for pair in result.pairs)
