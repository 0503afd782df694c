"""Vacancies of stacks by a pair potential, whose energies are sums by hand, and the charge beside a cathode."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.optimize import brentq

from catholyte.analysis.transport.space_charge import green, occupations, space_charge
from catholyte.analysis.transport.stack_vacancies import StackProfile, StackVacancy, stack_profile
from catholyte.configs.constants import BOLTZMANN, E_OVER_EPSILON_0
from catholyte.configs.errors import InputError
from catholyte.structures.defects.depth import stack_depths
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.workflows.documents import CalculationDocument, Trajectory
from catholyte.workflows.flows.across import chosen_vacancies, stack_vacancy

METAL, KT = -1.9, BOLTZMANN * 300.0
LENNARD_JONES = {"sigma": 2.2, "epsilon": 0.3, "rc": 6.0}


def crooked_stack() -> Structure:
    """Oxide and sulfide of lithium by their tags, in planes of different spacings."""
    heights, tags = [0.0, 2.3, 4.5, 7.4, 9.8, 12.6], ["LCO"] * 3 + ["LPS"] * 3
    coords = [[x, y, z / 15.5] for z in heights for x, y in ((0.02 * z, 0.0), (0.5, 0.5))]
    species = ["Li", "Co"] * 3 + ["Li", "Li"] * 3
    lattice = Lattice.orthorhombic(3.4, 3.6, 15.5)
    return Structure(lattice, species, coords, site_properties={"layer": [tag for tag in tags for _ in range(2)]})


def lj_document(label: str, structure: Structure, gain: float = 0.0) -> CalculationDocument:
    """A relaxation by Lennard and Jones whose last step lies `gain` below the first."""
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = LennardJones(**LENNARD_JONES)
    first = float(atoms.get_potential_energy())
    steps = Trajectory(positions=[], cells=[], energies=[first, first - gain])
    return toy_document(label, structure, energy=first - gain, trajectory=steps)


def pair_sum(structure: Structure, site: int) -> float:
    """Energy of one atom with all others, by hand: what is lost with it."""
    sigma, epsilon, cut = LENNARD_JONES["sigma"], LENNARD_JONES["epsilon"], LENNARD_JONES["rc"]

    def pair(r: float) -> float:
        return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)

    near = structure.get_neighbors(structure[site], cut)
    others = [one for one in near if one.index != site]
    own = [one for one in near if one.index == site]  # its images go with it, and pairs of images count half
    return sum(pair(one.nn_distance) - pair(cut) for one in others) + sum(
        (pair(one.nn_distance) - pair(cut)) / 2 for one in own
    )


@cache
def found() -> StackProfile:
    host = crooked_stack()
    sites = chosen_vacancies(host, "Li", 4)
    cells = [lj_document(f"Li-{site}", stack_vacancy(host, site), gain=0.05) for site in sites]
    return stack_profile(lj_document("whole", host), cells, {"Li": METAL}, "LCO|LPS", {"LCO"})


def test_vacancies_of_a_pair_potential_are_sums_over_pairs() -> None:
    host = crooked_stack()
    assert len(found().of("Li", "LCO")) == 3
    assert len(found().of("Li", "LPS")) == 4
    for one in found().vacancies:
        expected = METAL - pair_sum(host, int(one.label.split("-")[1]))
        assert one.frozen == pytest.approx(expected, abs=1e-9)
        assert one.energy == pytest.approx(expected - 0.05, abs=1e-9)
    assert sum(one.share for one in found().of("Li", "LPS")) == pytest.approx(6), "every lithium is stood for"


def test_where_the_atom_leaves_first() -> None:
    lowest = min(found().vacancies, key=lambda one: one.energy)
    assert found().lowest("Li") == lowest
    lead = found().difference("Li", "LPS", "LCO")
    by_part = {part: min(one.energy for one in found().of("Li", part)) for part in ("LCO", "LPS")}
    assert lead == pytest.approx(by_part["LCO"] - by_part["LPS"])
    with pytest.raises(InputError, match="there are those of LCO, LPS"):
        found().difference("Li", "LPS", "CoO")


def test_a_cell_that_lacks_two_atoms_is_refused() -> None:
    host = crooked_stack()
    twice = stack_vacancy(host, 0)
    twice.remove_sites([1])
    with pytest.raises(InputError):
        stack_profile(lj_document("whole", host), [lj_document("two", twice)], {"Li": METAL}, "LCO|LPS")


def sheets(*sites: tuple[float, float, float], vacuum: bool = False) -> StackProfile:
    """A cathode of 4 Å below, and sites of (distance from it, energy, share) in an electrolyte of 9 Å above it."""
    tall = 30.0 if vacuum else 17.0
    coords = [[0, 0, z / tall] for z in (0.0, 4.0, 6.0, 15.0)]
    tags = ["LCO", "LCO", "LPS", "LPS"]
    cell = Structure(Lattice.orthorhombic(5, 4, tall), ["Co"] * 2 + ["Li"] * 2, coords, site_properties={"layer": tags})
    vacancies = [StackVacancy("Li", "LPS", 4.0 + z, 0.0, n, energy, None, "") for z, energy, n in sites]
    return StackProfile("LCO|LPS", "chgnet", stack_depths(cell), tuple(vacancies), frozenset({"LCO"}))


def test_one_sheet_of_sites_by_hand() -> None:
    """θ = 1 / (1 + exp((E - V + e d w θ / ε₀ ε A) / kT)), by bisection; the charge of a plate condenser when cold."""
    (one,) = space_charge(sheets((3.0, 2.5, 1.0), vacuum=True), [3.2], 300.0, 8.0)
    capacity = E_OVER_EPSILON_0 * 3.0 / (8.0 * 20.0)  # V for each empty site
    theta = brentq(lambda x: x - 1 / (1 + np.exp((2.5 - 3.2 + capacity * x) / KT)), 0, 1, xtol=1e-14)
    assert one.emptied["LPS"] == pytest.approx(theta, abs=1e-8)
    assert one.drop == pytest.approx(capacity * theta, abs=1e-7)
    assert one.charge == pytest.approx(-1602.176634 * theta / 20.0, rel=1e-7)  # µC/cm² of an electron in an Å²
    assert one.reach == pytest.approx(3.0)
    (cold,) = space_charge(sheets((3.0, 2.5, 1.0), vacuum=True), [3.2], 1.0, 8.0)
    assert cold.drop == pytest.approx(0.7, abs=1e-3)


def test_greens_function_solves_poissons_equation() -> None:
    """Between two faces at one potential, by finite differences on a grid."""
    n, length = 99, 10.0
    step = length / (n + 1)
    laplace = (np.eye(n, k=1) + np.eye(n, k=-1) - 2 * np.eye(n)) / step**2
    places = np.arange(1, n + 1) * step
    np.testing.assert_allclose(green(places, length - places), np.linalg.inv(-laplace) / step, atol=1e-9)
    np.testing.assert_allclose(green(np.array([1.0, 4.0])), [[1, 1], [1, 4]])


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.floats(0.5, 12.5), st.floats(1.5, 4.5), st.floats(0.5, 4)), min_size=1, max_size=8),
    st.floats(1, 50),
    st.booleans(),
)
def test_more_leaves_at_a_higher_voltage_and_never_more_than_without_repulsion(
    sites: list[tuple[float, float, float]], permittivity: float, vacuum: bool
) -> None:
    stack = sheets(*sites, vacuum=vacuum)
    points = space_charge(stack, [2.0, 3.0, 4.0], 300.0, permittivity)
    charges = [-one.charge for one in points]
    assert charges == sorted(charges)
    assert all(-one.charge <= -one.independent * (1 + 1e-6) + 1e-6 for one in points)
    assert all(one.drop >= -1e-9 and 0 <= one.emptied["LPS"] <= 1 for one in points)
    free = space_charge(stack, [3.0], 300.0, 1e12)[0]
    assert free.charge == pytest.approx(free.independent, rel=1e-5, abs=1e-9)


@settings(max_examples=12)
@given(st.lists(st.tuples(st.floats(0, 8), st.floats(-3, 3), st.floats(0.1, 3)), min_size=1, max_size=6))
def test_occupations_solve_their_equation(sites: list[tuple[float, float, float]]) -> None:
    low, energies, weights = (np.array(column) for column in zip(*sites, strict=True))
    repulsion = 1.5 * green(low)
    theta = occupations(energies, repulsion, weights, KT)
    potential = repulsion @ (weights * theta)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(theta, 1 / (1 + np.exp((energies + potential) / KT)), atol=1e-5)


def test_without_a_cathode_no_charge_is_parted() -> None:
    stack = sheets((3.0, 2.5, 1.0))
    with pytest.raises(InputError, match="no material holds ions that pay"):
        space_charge(StackProfile(stack.label, "chgnet", stack.stack, stack.vacancies), [3.0], 300.0, 10.0)
    with pytest.raises(InputError, match="no lithium vacancy beside the cathode"):
        space_charge(StackProfile(stack.label, "chgnet", stack.stack, (), frozenset({"LCO"})), [3.0], 300.0, 10.0)
    with pytest.raises(InputError, match="make no space charge"):
        space_charge(stack, [3.0], 0.0, 10.0)
