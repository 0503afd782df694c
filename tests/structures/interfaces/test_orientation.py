"""One match of two lattices stands for all orientations that their crystals tell apart; brute force over patterns of
points is the referee."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from catholyte.configs.arrays import Floats, Ints
from catholyte.configs.load import material
from catholyte.structures.interfaces.match import lattice_group
from catholyte.structures.interfaces.orientation import distinct_orientations
from catholyte.structures.interfaces.search import interfaces
from catholyte.structures.interfaces.spec import InterfaceSpec, Part
from catholyte.structures.surfaces.facet import source_cell
from catholyte.tests.support.referees.evidence import Referee

LATTICES = {
    "hexagonal": np.array([[1.0, 0.0], [-0.5, np.sqrt(3) / 2]]),
    "square": np.eye(2),
    "oblique": np.array([[1.0, 0.0], [0.3, 1.2]]),
}
ONE = np.eye(2, dtype=np.int64)
#: three points without symmetry, of which a group makes a pattern: fractional coordinates
START = np.array([[0.11, 0.23], [0.31, 0.02], [0.07, 0.46]])


def generated(lattice: str, *generators: list[list[int]]) -> Ints:
    """The group (n, 2, 2) that some of a lattice's operations generate."""
    group = [ONE]
    allowed = {g.tobytes() for g in lattice_group(LATTICES[lattice])}
    for _ in range(12):
        for a, b in product(list(group), [np.array(g) for g in generators]):
            if not any((a @ b == known).all() for known in group):
                group.append(a @ b)
    assert {g.tobytes() for g in group} <= allowed
    return np.array(group)


def upright(group: Ints) -> Ints:
    """The same operations as those of a slab that is not turned over."""
    whole = np.zeros((len(group), 3, 3), dtype=np.int64)
    whole[:, :2, :2], whole[:, 2, 2] = group, 1
    return whole


def pattern(group: Ints) -> Floats:
    """Points (3 n, 2), fractional, of a pattern with this plane group and no more."""
    return np.concatenate([START @ g for g in group])


def same(a: Floats, b: Floats) -> bool:
    """Whether two patterns are one up to a translation."""
    for shift in b:
        gaps = (a[0] - shift) - (a[:, None] - b[None])
        if (np.abs(gaps - np.rint(gaps)).max(axis=2).min(axis=1) < 1e-9).all():
            return True
    return False


def counted(lattice: str, first: Ints, second: Ints) -> int:
    """Distinct pairs of patterns, the second turned by every rotation of the lattice, brute force: two are one where an
    isometry of the lattice moves both points by points."""
    group = lattice_group(LATTICES[lattice])
    rotations = [g for g in group if np.linalg.det(g) > 0]
    kept: list[tuple[Floats, Floats]] = []
    for turn in rotations:
        pair = pattern(first), pattern(second) @ turn
        if not any(same(pair[0] @ g, other[0]) and same(pair[1] @ g, other[1]) for other in kept for g in group):
            kept.append(pair)
    return len(kept)


TURN6, TURN3, TURN4, HALF = [[1, 1], [-1, 0]], [[0, 1], [-1, -1]], [[0, 1], [-1, 0]], [[-1, 0], [0, -1]]
MIRROR, DIAGONAL = [[1, 0], [0, -1]], [[0, 1], [1, 0]]
OTHER_DIAGONAL = [[0, -1], [-1, 0]]
PAIRS = [
    ("hexagonal", [TURN6, DIAGONAL], [TURN6, DIAGONAL], 1),
    ("hexagonal", [TURN3, DIAGONAL], [TURN3, DIAGONAL], 2),
    ("hexagonal", [TURN3, DIAGONAL], [TURN3, OTHER_DIAGONAL], 1),
    ("hexagonal", [TURN3], [TURN6, DIAGONAL], 1),
    ("hexagonal", [DIAGONAL], [TURN3, DIAGONAL], 2),
    ("hexagonal", [], [], 6),
    ("hexagonal", [HALF], [], 3),
    ("square", [TURN4, MIRROR], [TURN4], 1),
    ("square", [HALF], [HALF], 2),
    ("square", [MIRROR], [MIRROR], 3),
    ("square", [MIRROR], [DIAGONAL], 2),
    ("square", [], [], 4),
    ("square", [], [HALF], 2),
    ("oblique", [], [], 2),
    ("oblique", [HALF], [], 1),
]


def test_orientations_of_plane_groups(refereed: Referee) -> None:
    wrong = 0
    for lattice, first, second, expected in PAIRS:
        groups = generated(lattice, *first), generated(lattice, *second)
        lattices = lattice_group(LATTICES[lattice]), lattice_group(LATTICES[lattice])
        found = distinct_orientations((ONE, ONE), lattices, (upright(groups[0]), upright(groups[1])))
        assert len(found) == expected, (lattice, first, second)
        assert (found[0][0] == ONE).all()
        assert (found[0][1] == ONE).all()
        assert all(round(float(np.linalg.det(m))) == 1 for pair in found for m in pair)
        wrong += len(found) != counted(lattice, *groups)
    refereed(
        "orientations of 15 pairs of plane groups, pairs with another number",
        wrong,
        0,
        of="structures.interfaces.orientation.distinct_orientations",
        by="patterns of points moved by every isometry",
        unit="pairs",
    )


def test_slabs_that_turn_over_exchange_the_interfaces_of_a_periodic_stack() -> None:
    """Patterns without symmetry in the plane, both turned over by a twofold axis along a: two half turns are one."""
    lattices = (lattice_group(np.eye(2)),) * 2
    turned = np.array([np.eye(3, dtype=np.int64), np.diag([1, -1, -1])])
    assert len(distinct_orientations((ONE, ONE), lattices, (turned, turned))) == 3
    assert len(distinct_orientations((ONE, ONE), lattices, (turned[:1], turned[:1]))) == 4


@pytest.mark.parametrize("orientations", [1, 4])
def test_the_two_orientations_of_rock_salt_on_the_basal_plane(orientations: int) -> None:
    """LCO(001)|CoO(111): the topotactic pair and its twin, by the threefold axes on a hexagonal net."""
    parts = [Part(source_cell(material("LCO")), ((0, 0, 1),)), Part(source_cell(material("CoO")), ((1, 1, 1),))]
    spec = InterfaceSpec(40, form="periodic", orientations=orientations, max_principal=0.08, max_area_change=0.15)
    found = interfaces(parts, spec)
    assert [one.orientation for one in found] == [(1, 2), (2, 2)][:orientations]
    assert all(check.ok for one in found for check in one.checks())
    if orientations > 1:
        assert found[0].registries[-1].energy < found[1].registries[-1].energy - 0.1
        vectors = [one.block.layers[1].vectors for one in found]
        assert np.allclose(vectors[0], -vectors[1]) or not np.allclose(vectors[0], vectors[1])
