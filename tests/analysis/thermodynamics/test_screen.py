"""The coating screen: its numbers are those of single pairs and windows, its ranking follows its rule, its bad input is
refused."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest

from catholyte.analysis.report.chapters.screen import screen_pictures, screen_tables
from catholyte.analysis.thermodynamics.cathode_states import cathode_states
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reactions import react, react_many
from catholyte.analysis.thermodynamics.screen import ScreenResult, screen
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.configs.errors import InputError, UnknownNameError
from catholyte.configs.load import load_materials
from catholyte.configs.steps.screen import ScreenStep


@pytest.fixture(scope="module")
def shipped() -> PhaseSet:
    return load_phase_set(DEFAULT_PHASE_SET)


def step(**changes: Any) -> ScreenStep:
    given = {
        "phase_set": DEFAULT_PHASE_SET,
        "cathodes": ["LCO"],
        "electrolytes": ["LPSCl", "LPS"],
        "coatings": ["Li2CO3", "Li3PO4"],
        "lithium": [1, 0.5],
    }
    return ScreenStep.model_validate({**given, **changes})


def by_role(role: str) -> list[str]:
    return [found.name for found in load_materials().values() if found.role == role]


def test_all_interfaces_of_the_library_answer_and_none_gains_energy(shipped: PhaseSet) -> None:
    """Every cathode (discharged and half charged), rock salt and coating against every electrolyte, and every coating
    on every cathode."""
    cathodes = cathode_states([*by_role("cathode"), *by_role("rock salt")], [1, 0.5], shipped)
    electrolytes, coatings = by_role("electrolyte"), by_role("coating")
    substances = [state.substance for state in cathodes]
    pairs = [*product([*substances, *coatings], electrolytes), *product(substances, coatings)]
    assert {"LCO", "NCM111", "NCM532", "NCM622", "NCM811", "LRMO", "CoO", "NiO"} <= set(substances)
    assert {"LPSCl", "LGPS", "LPS", "LYC", "LIC"} <= set(electrolytes)
    assert {
        "Li2CO3",
        "Li2TiO3",
        "Li4Ti5O12",
        "Li3BO3",
        "LiNbO3",
        "LiTaO3",
        "LiNb0.5Ta0.5O3",
        "Li2SnO3",
        "Li2WO4",
    } <= set(coatings)
    curves = react_many(pairs, shipped)
    assert len(curves) == len(pairs)
    for pair, curve in zip(pairs, curves, strict=True):
        assert curve.mutual.max() <= 0, pair
        assert (curve.total <= curve.mutual + 1e-9).all(), pair
    for name in [*electrolytes, *coatings]:
        found = stability_window(name, shipped, samples=2)
        assert found.ladder or name == "LiF", "which nothing reduces or oxidises between 0 and 5 V"


@pytest.fixture(scope="module")
def told() -> list[tuple[int, int, str]]:
    return []


@pytest.fixture(scope="module")
def found(shipped: PhaseSet, told: list[tuple[int, int, str]]) -> ScreenResult:
    return screen(step(), shipped, lambda *progress: told.append(progress))


def test_every_interface_stands_once_and_agrees_with_the_single_pair(found: ScreenResult, shipped: PhaseSet) -> None:
    pairs = {(pair.a, pair.b): pair for pair in found.pairs}
    states, electrolytes, coatings = ["LCO", "LCO-x0.5"], ["LPSCl", "LPS"], ["Li2CO3", "Li3PO4"]
    expected = [(a, b) for a in states for b in [*electrolytes, *coatings]] + [
        (a, b) for a in coatings for b in electrolytes
    ]
    assert sorted(pairs) == sorted(expected)
    assert len(found.pairs) == len(expected)
    for (a, b), substance in (
        (("LCO", "LPSCl"), "LCO"),
        (("LCO-x0.5", "LPS"), "Li0.5CoO2"),
        (("Li2CO3", "LPSCl"), "Li2CO3"),
    ):
        single = react(substance, b, shipped)
        assert (pairs[a, b].mutual, pairs[a, b].total) == pytest.approx((single.mutual.energy, single.total.energy))
        assert pairs[a, b].reaction == (single.mutual.kink.reaction if single.mutual.kink else "no reaction")
    assert all(pair.mutual <= 0 and pair.total <= pair.mutual + 1e-9 for pair in found.pairs)


def test_windows_are_those_of_the_single_material(found: ScreenResult, shipped: PhaseSet) -> None:
    assert [(window.material, window.role) for window in found.windows] == [
        ("LPSCl", "electrolyte"),
        ("LPS", "electrolyte"),
        ("Li2CO3", "coating"),
        ("Li3PO4", "coating"),
    ]
    for window in found.windows:
        single = stability_window(window.material, shipped)
        assert single.oxidation is not None
        assert (window.reduction, window.oxidation) == (single.reduction.voltage, single.oxidation.voltage)
        misses = max(0.0, single.reduction.voltage - 2.5) + max(0.0, 4.3 - single.oxidation.voltage)
        assert window.shortfall == pytest.approx(misses)
        assert window.covers == (misses == 0)


def test_ranking_puts_windows_first_and_the_worst_interface_second(found: ScreenResult) -> None:
    pairs = {(pair.a, pair.b): pair.mutual for pair in found.pairs}
    for cathode in ("LCO", "LCO-x0.5"):
        for electrolyte in ("LPSCl", "LPS"):
            rows = [row for row in found.ranking if (row.cathode, row.electrolyte) == (cathode, electrolyte)]
            assert [row.rank for row in rows] == [1, 2, 3]
            assert {row.coating for row in rows} == {None, "Li2CO3", "Li3PO4"}
            keys = [(not row.covers, -row.worst) for row in rows]
            assert keys == sorted(keys)
            for row in rows:
                sides = (
                    [pairs[cathode, electrolyte]]
                    if row.coating is None
                    else [pairs[cathode, row.coating], pairs[row.coating, electrolyte]]
                )
                assert row.worst == min(sides)
                assert row.gain == pytest.approx(row.worst - pairs[cathode, electrolyte])


def test_a_wider_window_comes_before_a_less_reactive_coating(shipped: PhaseSet) -> None:
    """In a range that Li2CO3 holds and the bare electrolyte does not, it is first, though the bare interface of LCO and
    Li3PO4 would not react at all."""
    only = screen(step(electrolytes=["Li3PS4"], coatings=["Li2CO3"], lithium=[1], operating_range=[2.0, 3.5]), shipped)
    assert [(row.coating, row.covers) for row in only.ranking] == [("Li2CO3", True), (None, False)]


def test_progress_counts_to_the_end(found: ScreenResult, told: list[tuple[int, int, str]]) -> None:
    assert [done for done, _, _ in told] == list(range(1, len(found.pairs) + len(found.windows) + 1))
    assert {total for _, total, _ in told} == {len(told)}


def test_states_of_charge(shipped: PhaseSet) -> None:
    states = cathode_states(["LCO", "LCO-x0.25", "CoO"], [1, 0.5, 0], shipped)
    assert [(s.label, s.lithium, s.substance) for s in states] == [
        ("LCO", 1.0, "LCO"),
        ("LCO-x0.5", 0.5, "Li0.5CoO2"),
        ("LCO-x0", 0.0, "CoO2"),
        ("LCO-x0.25", 0.25, "Li0.25CoO2"),
        ("CoO", 1.0, "CoO"),
    ]


@pytest.mark.parametrize(
    ("cathodes", "lithium", "message"),
    [
        (["CoO-x0.5"], [1], "CoO holds no lithium to take out"),
        (["LCO"], [1.5], "lithium fraction 1.5"),
        (["LC0"], [1], "'LC0' is neither a material nor a chemical formula; did you mean .*LCO"),
        (["LiGaO2"], [1], "holds Ga, outside the phase set"),
    ],
)
def test_cathodes_that_cannot_be(cathodes: list[str], lithium: list[float], message: str, shipped: PhaseSet) -> None:
    with pytest.raises(InputError, match=message):
        cathode_states(cathodes, lithium, shipped)


def test_lists_that_cannot_be(shipped: PhaseSet) -> None:
    with pytest.raises(InputError, match="electrolyte LPS is named twice"):
        screen(step(electrolytes=["LPS", "LPS"]), shipped)
    with pytest.raises(UnknownNameError, match="did you mean Li2CO3"):
        screen(step(coatings=["Li2CO3x"]), shipped)
    for key, value in (("cathodes", []), ("electrolytes", []), ("lithium", [])):
        with pytest.raises(ValueError, match=key):
            step(**{key: value})
    with pytest.raises(ValueError, match="lower bound of 'operating_range'"):
        step(operating_range=[4.3, 2.5])


def test_document_and_tables(found: ScreenResult) -> None:
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert {"a", "b", "mutual", "total"} <= set(document["pairs"][0])
    assert document["windows"][0]["shortfall"] > 0
    ranking, pairs, windows = screen_tables(found)
    assert (len(ranking.rows), len(pairs.rows), len(windows.rows)) == (12, 12, 4)
    assert {row["coating_name"] for row in ranking.rows} == {"none", "Li2CO3", "Li3PO4"}


def test_bare_screen_has_no_coating(shipped: PhaseSet) -> None:
    bare = screen(step(coatings=[], electrolytes=["LPSCl"], lithium=[1]), shipped)
    assert [(row.coating, row.gain, row.rank) for row in bare.ranking] == [(None, 0.0, 1)]
    assert [picture.name for picture in screen_pictures(bare)] == [
        "screen_heat_map",
        "screen_windows",
        "screen_curves_1",
    ]


def test_cathode_without_an_energy_is_named(shipped: PhaseSet) -> None:
    loose = screen(step(cathodes=["LCO-x0.37"], electrolytes=["LPSCl"], coatings=[]), shipped)
    assert loose.pairs[0].on_hull == "LCO-x0.37"
    assert any(note.startswith("LCO-x0.37: no energy of its own") for note in loose.notes)
