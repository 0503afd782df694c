"""Empty places by hand: octahedra of antifluorite, tetrahedra of rock salt, and what symmetry makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import StructureError
from catholyte.structures.crystals.crystal import from_space_group
from catholyte.structures.defects.hops import hops
from catholyte.structures.defects.interstitials import PLACE, empty_sites, with_empty

LI2O = from_space_group("Fm-3m", Lattice.cubic(4.62), ["Li", "O"], [[0.25, 0.25, 0.25], [0, 0, 0]])
ROCK_SALT = from_space_group("Fm-3m", Lattice.cubic(4.26), ["Co", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_antifluorite_has_its_empty_octahedra() -> None:
    (site,) = empty_sites(LI2O, "Li")
    found = {tuple(np.round(np.array(one) % 1.0, 3)) for one in site.positions}
    assert found == {(0.5, 0.5, 0.5), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)}
    assert site.nearest == ("Li", pytest.approx(4.62 * 3**0.5 / 4))
    assert site.neighbours == 14, "eight lithium and six oxygen atoms"
    marked = with_empty(LI2O, [site])
    (hop,) = hops(marked, PLACE, 3.5)
    assert hop.length == pytest.approx(4.62 / 2**0.5), "to the next octahedron, over the edge that they share"


def test_rock_salt_has_its_empty_tetrahedra() -> None:
    (site,) = empty_sites(ROCK_SALT, "Li")
    found = sorted(tuple(float(x) for x in np.round(np.array(one) % 1.0, 3)) for one in site.positions)
    assert found == sorted((x, y, z) for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75))
    assert site.neighbours == 8


def test_a_turned_cell_has_the_same_places() -> None:
    turned = LI2O.copy()
    turned.translate_sites(list(range(len(turned))), [0.13, 0.21, 0.37])
    (site,) = empty_sites(turned, "Li")
    distances = turned.lattice.get_all_distances([site.positions[0]], turned.frac_coords)[0]
    assert distances.min() == pytest.approx(4.62 * 3**0.5 / 4, abs=1e-4)


def test_where_nowhere_is_room_it_is_said() -> None:
    packed = Structure(Lattice.cubic(2.0), ["Li"], [[0, 0, 0]])
    with pytest.raises(StructureError, match="nowhere is room for Na"):
        empty_sites(packed, "Na")
    half = Structure(Lattice.cubic(4.0), [{"Li": 0.5}], [[0, 0, 0]])
    with pytest.raises(StructureError, match="partial occupancies"):
        empty_sites(half, "Li")
