"""Depth of atoms in stacks: by hand, and whatever the cell's origin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import InputError
from catholyte.structures.defects.depth import depths, spread, stack_depths

#: planes of two materials: three of LCO 2 Å apart, four of LPS 3 Å apart, 2.5 Å between the materials
LCO, LPS = [0.0, 2.0, 4.0], [6.5, 9.5, 12.5, 15.5]


def stack(shift: float = 0.0, tall: float = 18.0) -> Structure:
    heights = np.array([*LCO, *LPS]) + shift
    tags = ["LCO"] * 3 + ["LPS"] * 4
    coords = [[0, 0, height / tall] for height in heights]
    return Structure(Lattice.orthorhombic(3, 4, tall), ["Li"] * 7, coords, site_properties={"layer": tags})


@settings(max_examples=20)
@given(st.floats(-40, 40))
def test_a_periodic_stack_has_two_joints(shift: float) -> None:
    found = stack_depths(stack(shift))
    np.testing.assert_allclose(found.depths, [0, 2, 0, 0, 3, 3, 0], atol=1e-6)
    assert len(found.joints) == 2
    gaps = sorted(np.diff([*found.joints, found.joints[0] + found.period]))
    np.testing.assert_allclose(gaps, [6.5, 11.5], atol=1e-6)  # half the gap on either side of each material
    assert {part.name: pytest.approx(part.high - part.low) for part in found.parts} == {"LCO": 4.0, "LPS": 9.0}


@settings(max_examples=20)
@given(st.floats(-60, 60))
def test_vacuum_is_no_joint(shift: float) -> None:
    found = stack_depths(stack(shift, tall=30.0))
    np.testing.assert_allclose(found.depths, [4, 2, 0, 0, 3, 6, 9], atol=1e-6)
    assert [part.name for part in found.parts] == ["LCO", "LPS"], "from the bottom up, wherever the vacuum lies"
    assert found.joints == [pytest.approx(5.25)]
    assert [part.half for part in found.parts] == [pytest.approx(4.0), pytest.approx(9.0)]


def test_a_stack_without_tags_is_refused() -> None:
    bare = stack()
    bare.remove_site_property("layer")
    with pytest.raises(InputError, match="the sites have no property 'layer'"):
        stack_depths(bare)
    with pytest.raises(InputError, match="at least two materials"):
        stack_depths(bare.copy(site_properties={"layer": ["LCO"] * 7}))
    with pytest.raises(InputError, match="there is no vacuum"):
        depths(bare)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=12), st.integers(1, 14))
def test_chosen_sites_are_spread_over_the_depths(below: list[float], most: int) -> None:
    chosen = spread(range(len(below)), np.array(below), most)
    assert len(chosen) == len(set(chosen)) == min(most, len(below))
    found = [round(below[site], 3) for site in chosen]
    assert found == sorted(found)
    assert found[0] == round(min(below), 3)
    assert most == 1 or found[-1] == round(max(below), 3)
