"""Coincidence of plane lattices: complete, symmetry-distinct, independent of basis and orientation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.configs.errors import InputError
from catholyte.structures.interfaces.match import Limits, coincide, match, plane_point_group, von_mises
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.referees.lattice_matches import FACET_PAIRS, match_keys, plane_lattice, zsl_keys

HEX = np.array([[1.0, 0.0], [-0.5, np.sqrt(3) / 2]])
SQUARE = np.eye(2)


@st.composite
def lattices(draw: st.DrawFn) -> np.ndarray:
    """Plane lattices of 4 to 20 Å², special and oblique ones."""
    shape = draw(st.sampled_from(["square", "hexagonal", "rectangular", "rhombic", "oblique"]))
    a = draw(st.floats(2.2, 4.0))
    ratio = draw(st.floats(1.02, 1.6)) if shape in ("rectangular", "oblique") else 1.0
    angle = {"square": 90.0, "rectangular": 90.0, "hexagonal": 120.0}.get(shape) or draw(st.floats(92.0, 115.0))
    return a * np.array([[1.0, 0.0], [ratio * np.cos(np.radians(angle)), ratio * np.sin(np.radians(angle))]])


def _turned(lattice: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return lattice @ np.array([[c, s], [-s, c]])


def _fingerprint(a: np.ndarray, b: np.ndarray, strain: float = 0.06, area: float = 40.0) -> list[tuple[float, ...]]:
    found = match(a, b, Limits(strain, area))
    return sorted((*map(int, n), round(e, 7)) for n, e in zip(found.multiples, found.strain, strict=True))


@pytest.mark.parametrize(
    ("lattice", "order"), [(SQUARE, 8), (HEX, 12), (np.diag([1.0, 1.3]), 4), (np.array([[1.0, 0], [0.3, 1.2]]), 2)]
)
def test_point_group(lattice: np.ndarray, order: int) -> None:
    assert len(plane_point_group(lattice)) == order


def test_square_on_diagonal_square(refereed: Referee) -> None:
    """By hand: a square of 1 Å and one of √2 Å coincide without strain in the cell of 2 Å²."""
    found = match(SQUARE, np.sqrt(2) * SQUARE, Limits(1e-6, 2.0))
    assert found.multiples.tolist() == [[2, 1]]
    refereed(
        "strain of a square on a diagonal square",
        found.strain[0],
        1e-12,
        of="structures.interfaces.match.match",
        by="analytic: 0",
        unit="strain",
    )


def test_hexagonal_coincidences_of_one_lattice() -> None:
    """By hand: two equal hexagonal lattices coincide at 21.8° with seven cells, and at 0° with every superlattice."""
    found = match(HEX, HEX, Limits(1e-6, 7 * np.sqrt(3) / 2))
    angles = []
    for a, b in zip(found.a[found.multiples[:, 0] == 7], found.b[found.multiples[:, 0] == 7], strict=True):
        turn = np.linalg.solve(a @ HEX, b @ HEX)
        angles.append(round(np.degrees(np.arctan2(abs(turn[0, 1]), turn[0, 0])) % 60, 1))
    assert {min(angle, round(60 - angle, 1)) for angle in angles} == {0.0, 21.8}


@pytest.mark.parametrize(
    ("principal", "expected"), [((0.03, 0.03), 0.02), ((0.03, 0.0), 0.02), ((0.03, -0.03), 0.06 / np.sqrt(3))]
)
def test_von_mises_by_hand(principal: tuple[float, float], expected: float, refereed: Referee) -> None:
    away = abs(von_mises(np.array(principal)) - expected)
    refereed(
        "von Mises strain of three strains",
        away,
        1e-12,
        of="structures.interfaces.match.von_mises",
        by="analytic",
        unit="strain",
    )


def test_von_mises_equals_pymatgen_to_first_order(refereed: Referee) -> None:
    from pymatgen.analysis.elasticity.strain import Deformation

    logs = np.array([0.002, -0.001])
    theirs = Deformation(np.diag([*np.exp(logs), 1.0])).green_lagrange_strain.von_mises_strain
    away, by = (
        abs(von_mises(logs) / theirs - 1),
        "pymatgen, Deformation.green_lagrange_strain.von_mises_strain, to first order",
    )
    refereed("von Mises strain", away, 0.01, of="structures.interfaces.match.von_mises", by=by, unit="relative")


@settings(max_examples=15, deadline=None)
@given(lattices(), lattices(), st.floats(-3.1, 3.1), st.floats(-3.1, 3.1), st.integers(-3, 3), st.integers(-3, 3))
def test_basis_and_rotation_do_not_matter(a: np.ndarray, b: np.ndarray, p: float, q: float, m: int, n: int) -> None:
    sheared = np.array([[1, m], [0, 1]]) @ np.array([[1, 0], [n, 1]])
    assert _fingerprint(a, b) == _fingerprint(_turned(sheared @ a, p), _turned(sheared.T @ b[::-1], q))


@settings(max_examples=15, deadline=None)
@given(lattices(), lattices())
def test_exchange_keeps_the_strain(a: np.ndarray, b: np.ndarray) -> None:
    assert _fingerprint(a, b) == sorted((n, m, e) for m, n, e in _fingerprint(b, a))


@settings(max_examples=15, deadline=None)
@given(lattices(), lattices(), st.floats(0, 1))
def test_coincidence_shares_the_strain(a: np.ndarray, b: np.ndarray, share: float) -> None:
    found = match(a, b, Limits(0.06, 40.0))
    for k in range(min(len(found), 5)):
        cells = found.a[k] @ a, found.b[k] @ b
        common = coincide(*cells, share)
        for cell, to_common in zip(cells, common.maps, strict=True):
            assert np.allclose(cell @ to_common, common.cell, atol=1e-9)
        assert common.strains == pytest.approx(((1 - share) * found.strain[k], share * found.strain[k]), abs=1e-9)
        assert common.area == pytest.approx(found.areas[k, 0] ** share * found.areas[k, 1] ** (1 - share))
        turned = coincide(*cells[::-1], 1 - share)
        assert np.allclose(turned.cell @ turned.cell.T, common.cell @ common.cell.T, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(lattices(), lattices())
def test_complete_against_brute_force(refereed: Referee, a: np.ndarray, b: np.ndarray) -> None:
    """Every pair of superlattices up to 24 Å² and every association of bases with entries up to 2, proper ones, by
    loops."""
    bases = [np.array(m).reshape(2, 2) for m in product(range(-2, 3), repeat=4) if m[0] * m[3] - m[1] * m[2] == 1]
    expected = set()
    largest = [int(24.0 / np.linalg.det(lattice) + 1e-9) for lattice in (a, b)]
    for n, m in product(range(1, largest[0] + 1), range(1, largest[1] + 1)):
        ratio = m * np.linalg.det(b) / (n * np.linalg.det(a))
        if abs(np.log(ratio)) > 0.18:
            continue
        for first, second in product(_hermite(n), _hermite(m)):
            cells = first @ a, _reduced(second @ b)
            for base in bases:
                logs = np.log(np.linalg.svd(np.linalg.solve(_reduced(cells[0]), base @ cells[1]), compute_uv=False))
                if von_mises(logs) <= 0.06:
                    expected.add((n, m, round(von_mises(logs), 7)))
    different = {key for key in expected ^ set(_fingerprint(a, b, area=24.0)) if key[2] < 0.0599}
    refereed(
        "lattice matches of random lattices, missing or too many",
        len(different),
        0,
        of="structures.interfaces.match.match",
        by="all superlattices, by loops",
        unit="matches",
    )


def _hermite(n: int) -> list[np.ndarray]:
    return [np.array([[n // r, q], [0, r]]) for r in range(1, n + 1) if n % r == 0 for q in range(r)]


def _reduced(cell: np.ndarray) -> np.ndarray:
    a, b = cell
    while True:
        if b @ b < a @ a - 1e-12:
            a, b = b, -a
        factor = np.round(a @ b / (a @ a) * (1 - 1e-12))
        if factor == 0:
            return np.array([a, b])
        b = b - factor * a


@pytest.mark.parametrize(("first", "second"), FACET_PAIRS, ids=[f"{a}|{b}" for a, b in FACET_PAIRS])
def test_holds_every_match_of_zsl(first: str, second: str, refereed: Referee) -> None:
    """pymatgen's ZSLGenerator up to 130 Å² on the primitive in-plane cells; a von Mises strain of 0.12 holds its
    tolerances."""
    a, b = plane_lattice(first), plane_lattice(second)
    theirs = zsl_keys(a, b, 130.0)
    assert theirs
    missing = len(theirs - match_keys(a, b, 130.0, 0.12))
    refereed(
        "lattice matches of seven pairs of facets, missing",
        missing,
        0,
        of="structures.interfaces.match.match",
        by="pymatgen, ZSLGenerator",
        unit="matches",
    )


def test_adds_matches_that_zsl_misses() -> None:
    """Li3InCl6(110) on LCO(104): cells within all of ZSL's tolerances that it does not list, for it compares one pair
    of reduced vectors alone."""
    a, b = plane_lattice("LIC:110"), plane_lattice("LCO:104")
    theirs = zsl_keys(a, b, 130.0)
    found = match(a, b, Limits(0.08, 130.0))
    added = 0
    for k, key in enumerate(match_keys(a, b, 130.0, 0.08, in_order=True)):
        cells = found.a[k] @ a, found.b[k] @ b
        (length, angle), (other_length, other_angle) = (_lengths_and_angle(cell) for cell in cells)
        if key not in theirs and np.abs(length / other_length - 1).max() < 0.08 and abs(angle - other_angle) < 0.05:
            maps = np.linalg.solve(*cells)
            assert np.linalg.det(maps) == pytest.approx(found.areas[k, 1] / found.areas[k, 0])
            assert von_mises(np.log(np.linalg.svd(maps, compute_uv=False))) == pytest.approx(found.strain[k], abs=1e-9)
            added += 1
    assert added >= 2


def _lengths_and_angle(cell: np.ndarray) -> tuple[np.ndarray, float]:
    lengths = np.linalg.norm(cell, axis=1)
    return lengths, float(np.arccos(cell[0] @ cell[1] / lengths.prod()))


@pytest.mark.parametrize(
    ("a", "limits", "says"),
    [
        (np.array([[1.0, 0], [2.0, 0]]), Limits(0.05, 10.0), "no area"),
        (SQUARE, Limits(0.0, 10.0), "must be positive"),
        (SQUARE, Limits(0.05), "needs a limit"),
    ],
)
def test_bad_input(a: np.ndarray, limits: Limits, says: str) -> None:
    with pytest.raises(InputError, match=says):
        match(a, SQUARE, limits)
