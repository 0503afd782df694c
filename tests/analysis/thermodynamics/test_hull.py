"""The hull engine: by hand, its certificates, its invariants, and pymatgen as the referee."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from catholyte.analysis.thermodynamics.hull import Phases, Vertex
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reactions import react_many
from catholyte.analysis.thermodynamics.simplex import follow
from catholyte.configs.errors import CalculationError
from catholyte.tests.support import phase_sets
from catholyte.tests.support.phase_sets import BY_HAND, EIGHT, entry, large_set, phase_set, random_sets
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.referees.reaction_referee import Deviation, compare_closed

TIGHT = 1e-9


def named(phases: Phases, vertex: Vertex) -> dict[str, float]:
    return {phases.entries[i].formula: amount for i, amount in vertex.amounts.items()}


def test_by_hand() -> None:
    """Li2O lies on the line from Li to O2 at one third of oxygen, Li2O2 at a half; Li3O is 3/4 Li2O and 1/4 Li by
    atoms."""
    phases = Phases.of(phase_set(BY_HAND), {"Li", "O"})
    line = phases.tie_line(Composition("O2"), Composition("Li"))
    assert [vertex.x for vertex in line] == pytest.approx([0, 1 / 3, 1 / 2, 1])
    assert [vertex.energy for vertex in line] == pytest.approx([0, -2.0, -1.65, 0])
    assert [named(phases, vertex) for vertex in line] == [{"Li": 1}, {"Li2O": 1}, {"Li2O2": 1}, {"O2": 1}]
    between = phases.decompose(Composition("Li3O"))
    assert named(phases, between) == pytest.approx({"Li2O": 3 / 4, "Li": 1 / 4})
    assert between.energy == pytest.approx(-1.5)


def test_one_element_and_two() -> None:
    toy = phase_set(BY_HAND, entry("Li", 0.4, id="toy-high"))
    alone = Phases.of(toy, {"Li"})
    assert alone.above_hull == pytest.approx([0, 0.4])
    assert named(alone, alone.decompose(Composition("Li4"))) == {"Li": 1}
    assert [vertex.x for vertex in alone.tie_line(Composition("Li"), Composition("Li2"))] == [0, 1]
    nothing_between = Phases.of(toy, {"O", "S"}).tie_line(Composition("O2"), Composition("S"))
    assert [vertex.x for vertex in nothing_between] == [0, 1]


def test_the_lowest_of_several_entries_at_a_composition_counts() -> None:
    toy = phase_set(BY_HAND, entry("Li4O2", -11.0, id="higher"), entry("Li4O2", -13.0, id="lower"))
    phases = Phases.of(toy, {"Li", "O"})
    assert [phases.entries[i].id for i in phases.decompose(Composition("Li2O")).amounts] == ["lower"]
    assert dict(zip((e.id for e in phases.entries), phases.above_hull, strict=True))["toy-Li2O"] == pytest.approx(1 / 6)


def test_coplanar_phases_neither_cycle_nor_bend() -> None:
    """Twenty compounds exactly on one plane: every mixture has the same energy, and no line between any two has a
    kink."""
    formulas = [f"Li{i}O{j}P{k}S" for i in range(3) for j in range(3) for k in range(3) if i + j + k]
    toy = phase_set(
        {"Li": -1, "O": -2, "P": -3, "S": -4}
        | {f: sum(n * e for n, e in zip(_amounts(f), (-1, -2, -3, -4), strict=True)) for f in formulas}
    )
    phases = Phases.of(toy, toy.elements)
    assert phases.above_hull == pytest.approx(np.zeros(len(toy.entries)), abs=TIGHT)
    lines = phases.tie_lines(
        np.repeat(phases.fractions.T, len(toy.entries), axis=0), np.tile(phases.fractions.T, (len(toy.entries), 1))
    )
    assert {len(line) for line in lines} == {2}


def _amounts(formula: str) -> list[float]:
    return [Composition(formula)[element] for element in ("Li", "O", "P", "S")]


def test_systems_are_kept_per_set() -> None:
    one, other = phase_set(BY_HAND), phase_set({**BY_HAND, "Li2O": -7.0})
    assert Phases.of(one, ["O", "Li"]) is Phases.of(one, {"Li", "O"})
    assert Phases.of(one, {"Li", "O"}).energies.min() != Phases.of(other, {"Li", "O"}).energies.min()


def test_systems_die_with_their_set() -> None:
    """None is handed to a later set that happens to lie at the same address."""
    passing = phase_set(BY_HAND)
    kept = weakref.ref(Phases.of(passing, {"Li", "O"}))
    assert kept() is not None
    del passing
    gc.collect()
    assert kept() is None


def test_a_composition_that_nothing_balances_is_an_error() -> None:
    """Without pure oxygen the line leaves what mixtures can make."""
    matrix = np.array([[1.0, 2 / 3], [0.0, 1 / 3]])
    with pytest.raises(CalculationError, match="no mixture of the phases"):
        follow(matrix, np.array([0.0, -2.0]), np.array([[0.9, 0.1]]), np.array([[-0.8, 0.8]]), np.array([0, 1]))


@pytest.mark.parametrize("elements", range(1, 11))
@pytest.mark.parametrize("energies", ["tied", "coplanar", "scattered"])
def test_a_linear_programming_library_is_the_referee_where_hulls_degenerate(
    elements: int, energies: str, refereed: Referee
) -> None:
    """Energies in steps of 0.5 eV, all on one plane, or at random; duplicates and missing elements: at each stop and
    between them HiGHS finds the same number."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(elements)
    numbers = rng.integers(0, 4, (80, elements)) * (rng.random((80, elements)) < 0.5)
    numbers = np.vstack([np.eye(elements, dtype=int), numbers[numbers.any(axis=1)], 2 * np.eye(elements, dtype=int)])
    matrix = (numbers / numbers.sum(axis=1, keepdims=True)).T
    choices = {
        "tied": rng.integers(-3, 4, len(numbers)) * 0.5,
        "coplanar": matrix.T @ rng.integers(-4, 1, elements),
        "scattered": rng.normal(-1, 1, len(numbers)),
    }
    a, b = matrix.T[rng.integers(len(numbers), size=(2, 6))]
    path, away = follow(matrix, choices[energies].astype(float), b, a - b, np.arange(elements)), []
    for lane in range(6):
        x, values = path.x[path.lane == lane], path.values[path.lane == lane]
        assert (x[0], x[-1]) == (0, 1)
        for at in {*x.tolist(), *((x[1:] + x[:-1]) / 2).tolist()}:
            referee = linprog(choices[energies], A_eq=matrix, b_eq=b[lane] + at * (a - b)[lane], method="highs")
            away.append(abs(np.interp(at, x, values) - referee.fun))
    refereed(
        "hull energy, degenerate hulls of 1 to 10 elements",
        max(away),
        1e-8,
        of="analysis.thermodynamics.simplex.follow",
        by="SciPy, linprog (HiGHS)",
        unit="eV/atom",
    )


@settings(max_examples=40, deadline=None)
@given(toy=random_sets())
def test_every_answer_carries_its_certificate(toy: PhaseSet) -> None:
    """Amounts that balance bound the hull from above, potentials that no phase undercuts from below: where both meet,
    the number is exact."""
    phases = Phases.of(toy, toy.elements)
    targets = np.random.default_rng(0).dirichlet(np.ones(len(phases.elements)), 10)
    targets[5:, :2] = 0
    targets /= targets.sum(axis=1, keepdims=True)
    potentials = phases.potentials(targets, np.zeros_like(targets))
    assert (phases.energies - potentials @ phases.fractions).min() > -TIGHT
    for target, lower in zip(targets, (potentials * targets).sum(axis=1), strict=True):
        vertex = phases.decompose(Composition(dict(zip(phases.elements, target, strict=True))))
        balance = sum(amount * phases.fractions[:, i] for i, amount in vertex.amounts.items()) - target
        assert np.abs(balance).max() < TIGHT
        assert sum(amount * phases.energies[i] for i, amount in vertex.amounts.items()) == pytest.approx(
            lower, abs=TIGHT
        )


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_an_entry_more_never_raises_the_hull(toy: PhaseSet, data: st.DataObject) -> None:
    formula = data.draw(phase_sets.formulas(), label="more")
    energy = data.draw(st.floats(-8, 2)) * Composition(formula).num_atoms
    targets = np.random.default_rng(1).dirichlet(np.ones(4), 8)
    before = Phases.of(toy, toy.elements).hull_energies(targets)
    after = Phases.of(toy.extended([entry(formula, energy, id="more")]), toy.elements).hull_energies(targets)
    assert (after - before).max() < TIGHT


@settings(max_examples=30, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_only_the_elements_of_a_line_matter(toy: PhaseSet, data: st.DataObject) -> None:
    """The hull of a subsystem is a face of the whole hull."""
    a, b = (data.draw(phase_sets.formulas(("Li", "O", "S")), label=name) for name in "ab")
    small, whole = (
        Phases.of(toy, elements).tie_line(Composition(a), Composition(b))
        for elements in (("Li", "O", "S"), toy.elements)
    )
    assert [v.x for v in small] == pytest.approx([v.x for v in whole], abs=1e-8)
    assert [v.energy for v in small] == pytest.approx([v.energy for v in whole], abs=TIGHT)


@settings(max_examples=25, deadline=None)
@given(toy=random_sets(), data=st.data())
def test_lines_and_points_agree(toy: PhaseSet, data: st.DataObject) -> None:
    """Between two kinks the hull is straight, and at each it is what a point alone gives, also with energies of their
    own in each lane."""
    phases = Phases.of(toy, toy.elements)
    a, b = (data.draw(phase_sets.formulas(), label=name) for name in "ab")
    ends = np.array([[phases.vector(Composition(a))], [phases.vector(Composition(b))]])
    energies = phases.samples(5, seed=3)
    lines = phases.tie_lines(np.repeat(ends[0], 5, axis=0), np.repeat(ends[1], 5, axis=0), energies)
    for drawn, line in zip(energies, lines, strict=True):
        x = np.array([vertex.x for vertex in line])
        between = np.sort(np.r_[x, (x[1:] + x[:-1]) / 2])
        points = between[:, np.newaxis] * ends[0] + (1 - between[:, np.newaxis]) * ends[1]
        assert phases.hull_energies(points, drawn) == pytest.approx(
            np.interp(between, x, [vertex.energy for vertex in line]), abs=1e-8
        )


def test_blocks_of_lanes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes are evaluated a block at a time, so that memory stays bounded."""
    from catholyte.analysis.thermodynamics import simplex

    phases = Phases.of(large_set(entries=60), EIGHT)
    a, b = phases.fractions.T[:40], phases.fractions.T[20:]
    whole = phases.tie_lines(a, b)
    monkeypatch.setattr(simplex, "_BLOCK", 7 * 60)
    for line, same in zip(phases.tie_lines(a, b), whole, strict=True):
        assert [vertex.x for vertex in line] == pytest.approx([vertex.x for vertex in same], abs=TIGHT)
        assert [vertex.amounts.keys() for vertex in line] == [vertex.amounts.keys() for vertex in same]


def _pairs(toy: PhaseSet, count: int, seed: int) -> list[tuple[str, str]]:
    """Random pairs of compounds, each the lowest entry of its composition and below its elements: of others pymatgen
    takes the hull instead."""
    phases = Phases.of(toy, toy.elements)
    formation = phases.energies - phases.energies[phases.pure] @ phases.fractions
    names = [
        e.formula
        for e, bound in zip(phases.entries, formation, strict=True)
        if bound < -1e-6 and toy.resolve(e.formula).entry == e
    ]
    rng = np.random.default_rng(seed)
    return [(names[i], names[j]) for i, j in (rng.choice(len(names), 2, replace=False) for _ in range(count))]


def _refereed(toy: PhaseSet, pairs: list[tuple[str, str]]) -> Deviation:
    deviation = Deviation()
    diagrams: dict[frozenset[str], object] = {}
    for curve in react_many(pairs, toy):
        elements = frozenset(curve.phases.elements)
        diagram = diagrams.setdefault(elements, diagrams.get(elements) or phase_sets.referee(toy, elements))
        compare_closed(curve, diagram, deviation)
    return deviation


def test_energies_above_the_hull_are_pymatgens(refereed: Referee) -> None:
    toy = large_set(entries=120, elements=EIGHT[:5])
    phases, diagram = Phases.of(toy, toy.elements), phase_sets.referee(toy, toy.elements)
    theirs = {found.attribute: diagram.get_e_above_hull(found) for found in diagram.all_entries}
    away = max(abs(ours - theirs[one.id]) for one, ours in zip(phases.entries, phases.above_hull, strict=True))
    assert sum(energy > 0 for energy in theirs.values()) > 40
    refereed(
        "energies above the hull of 120 entries",
        away,
        1e-9,
        of="analysis.thermodynamics.hull.Phases.above_hull",
        by="pymatgen, PhaseDiagram.get_e_above_hull",
        unit="eV/atom",
    )


def _accept(deviation: Deviation, refereed: Referee, which: str) -> None:
    ours, by = "analysis.thermodynamics.reactions.react_many", "pymatgen, InterfacialReactivity in both modes"
    refereed(f"mutual and total reaction energy, {which}", deviation.energy, 1e-6, of=ours, by=by, unit="eV/atom")
    refereed(f"mixing ratio of the kinks, {which}", deviation.x, 1e-6, of=ours, by=by, unit="atomic fraction")
    refereed(
        f"amounts of the products, {which}",
        deviation.amounts,
        1e-6,
        of=ours,
        by="pymatgen, PhaseDiagram.get_decomposition",
        unit="share of atoms",
    )
    refereed(
        f"atoms of both sides of a reaction, {which}",
        deviation.balance,
        1e-9,
        of=ours,
        by="the formulas alone",
        unit="atoms per atom",
    )


def test_pymatgen_is_the_referee_on_the_shipped_set(refereed: Referee) -> None:
    toy = load_phase_set(DEFAULT_PHASE_SET)
    _accept(_refereed(toy, _pairs(toy, 12, seed=0)), refereed, "12 pairs of the shipped set")


def test_pymatgen_is_the_referee_on_a_set_of_eight_elements(refereed: Referee) -> None:
    toy = large_set(entries=70)
    _accept(_refereed(toy, _pairs(toy, 8, seed=0)), refereed, "8 pairs of a synthetic set of eight elements")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["shipped", "synthetic"])
def test_pymatgen_is_the_referee_for_two_hundred_pairs(which: str, refereed: Referee) -> None:
    """All 500 entries of the synthetic set, and the whole shipped set."""
    toy = large_set() if which == "synthetic" else load_phase_set(DEFAULT_PHASE_SET)
    deviation = _refereed(toy, _pairs(toy, 200, seed=1))
    print(f"{which}: 200 pairs, {deviation.kinks} numbers compared at kinks: {deviation}")
    _accept(deviation, refereed, f"200 pairs of the {which} set")
