"""Hops: counted by hand on simple crystals, the same in every cell, and percolation against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import StructureError
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.defects.hops import Hop, dimensions, hops, in_supercell, percolation
from catholyte.tests.support.crystals import LCO

PRIMITIVE = calculation_cell(LCO)
SIMPLE = Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])
FCC = Structure(Lattice(2.1 * (1 - np.eye(3))), ["Co", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("cell", "element", "longest", "expected"),
    [
        (SIMPLE, "Li", 3.1, [(3.0, 6)]),
        (SIMPLE, "Li", 5.0, [(3.0, 6), (3 * 2**0.5, 12)]),
        (FCC, "Co", 3.0, [(2.1 * 2**0.5, 12)]),
        (PRIMITIVE, "Li", 3.0, [(2.816, 6)]),
    ],
)
def test_hops_of_simple_crystals(
    cell: Structure, element: str, longest: float, expected: list[tuple[float, int]]
) -> None:
    found = hops(cell, element, longest)
    assert [(round(hop.length, 3), hop.multiplicity) for hop in found] == [(round(a, 3), n) for a, n in expected]


def test_a_hop_over_a_third_site_is_two() -> None:
    assert max(hop.length for hop in hops(SIMPLE, "Li", 6.1)) < 6.0


def test_lithium_layers_lead_along_two_directions_and_a_chain_along_one() -> None:
    (hop,) = hops(PRIMITIVE, "Li", 3.0)
    assert percolation([(hop, 0.4)]) == {1: 0.4, 2: 0.4, 3: None}
    chain = Structure(Lattice.tetragonal(6.0, 3.0), ["Li"], [[0, 0, 0]])
    assert percolation([(one, 0.2) for one in hops(chain, "Li", 4.0)]) == {1: 0.2, 2: None, 3: None}


def test_the_way_between_chains_costs_what_its_highest_hop_costs() -> None:
    chains = Structure(Lattice.orthorhombic(3.6, 6.0, 3.0), ["Li"], [[0, 0, 0]])
    along, across = hops(chains, "Li", 3.7)
    assert percolation([(across, 0.9), (along, 0.2)]) == {1: 0.2, 2: 0.9, 3: None}


@pytest.mark.parametrize("multiples", [(2, 2, 2), (3, 1, 2), (4, 4, 1)])
def test_hops_are_found_again_in_a_supercell(multiples: tuple[int, int, int]) -> None:
    (hop,) = hops(PRIMITIVE, "Li", 3.0)
    host = PRIMITIVE.make_supercell(multiples, in_place=False)
    start, end, image = in_supercell(hop, PRIMITIVE, host)
    vector = host.lattice.get_cartesian_coords(host.frac_coords[end] + image - host.frac_coords[start])
    expected = PRIMITIVE.lattice.get_cartesian_coords(np.array(hop.image) * 1.0)
    np.testing.assert_allclose(vector, expected, atol=1e-6)
    assert host[start].specie.symbol == host[end].specie.symbol == "Li"


def test_a_cell_of_another_crystal_is_refused() -> None:
    (hop,) = hops(PRIMITIVE, "Li", 3.0)
    with pytest.raises(StructureError, match="is no supercell of"):
        in_supercell(hop, PRIMITIVE, Structure(Lattice.cubic(9.1), ["Li"], [[0.2, 0.1, 0.3]]))


def _reaches(members: list[tuple[int, int, tuple[int, int, int]]], sites: int) -> int:
    """Directions along which a walk over five cells comes to images of its site, by walking."""
    best, size = 0, 5
    for root in range(sites):
        seen, left = {(root, 0, 0, 0)}, [(root, 0, 0, 0)]
        while left:
            site, *cell = left.pop()
            for first, second, image in members:
                for a, b, sign in ((first, second, 1), (second, first, -1)):
                    if a != site:
                        continue
                    there = (b, *(int(x + sign * y) for x, y in zip(cell, image, strict=True)))
                    if there not in seen and max(map(abs, there[1:])) <= size:
                        seen.add(there)
                        left.append(there)
        vectors = [cell for site, *cell in seen if site == root]
        best = max(best, int(np.linalg.matrix_rank(np.array(vectors))))
    return best


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 2), st.tuples(st.integers(-1, 1), st.integers(-1, 1), st.integers(-1, 1))
        ),
        max_size=5,
    )
)
def test_directions_are_those_of_a_walk(members: list[tuple[int, int, tuple[int, int, int]]]) -> None:
    assert dimensions(members) == (_reaches(members, 3) if members else 0)


@given(st.permutations([0.1, 0.5, 0.3]))
def test_percolation_does_not_depend_on_the_order(barriers: list[float]) -> None:
    edges = [(0, 0, (1, 0, 0)), (0, 0, (0, 1, 0)), (0, 0, (0, 0, 1))]
    computed = [
        (Hop("Li", *edge, 3.0, (edge,), ("O", 2.0)), value) for edge, value in zip(edges, barriers, strict=True)
    ]
    assert percolation(computed) == dict(zip((1, 2, 3), sorted(barriers), strict=True))
    for chosen in itertools.permutations(computed):
        assert percolation(chosen) == percolation(computed)


@pytest.mark.parametrize(
    ("cell", "element", "says"),
    [
        (SIMPLE, "Na", "has no Na"),
        (Structure(Lattice.cubic(9.0), ["Li"], [[0, 0, 0]]), "Li", "no two Li sites lie within 4"),
    ],
)
def test_what_has_no_hop_is_refused(cell: Structure, element: str, says: str) -> None:
    with pytest.raises(StructureError, match=says):
        hops(cell, element)


def test_partial_occupancies_are_refused() -> None:
    mixed = Structure(Lattice.cubic(3.0), [{"Li": 0.5}], [[0, 0, 0]])
    with pytest.raises(StructureError, match="partial occupancies"):
        hops(mixed, "Li")
