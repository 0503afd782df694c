"""Depth in slabs, and which oxygen leaves first."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from catholyte.analysis.oxygen.surface import DepthProfile, DepthVacancy
from catholyte.analysis.report.chapters.solids.surface_oxygen import SURFACE_OXYGEN, SurfaceOxygen
from catholyte.configs.errors import InputError
from catholyte.structures.defects.depth import depths


def slab(shift: float = 0.0) -> Structure:
    """Five planes 2 Å apart in a cell of 20 Å, across its border where it is shifted."""
    heights = np.array([2.0, 4.0, 6.0, 8.0, 10.0]) + shift
    return Structure(Lattice.orthorhombic(3, 4, 20), ["O"] * 5, [[0, 0, z / 20] for z in heights])


@pytest.mark.parametrize("shift", [0.0, 13.0, -5.0])
def test_depth_is_that_below_the_nearer_face(shift: float) -> None:
    found, half = depths(slab(shift))
    np.testing.assert_allclose(found, [0, 2, 4, 2, 0], atol=1e-6)
    assert half == pytest.approx(4.0)


def test_a_crystal_has_no_depth() -> None:
    with pytest.raises(InputError, match="there is no vacuum"):
        depths(Structure(Lattice.cubic(4), ["O", "O"], [[0, 0, 0], [0, 0, 0.5]]))


def profile(*found: tuple[int, float, float]) -> DepthProfile:
    return DepthProfile(
        "LCO(104)", "chgnet", tuple(DepthVacancy(n, d, "Li3Co3", "Co-O-Li", e, "") for n, d, e in found), 5.0
    )


@pytest.mark.parametrize(
    ("inner", "verdict"), [(2.5, "the surface first"), (1.5, "the inside first"), (2.02, "undecided")]
)
def test_the_lower_of_both_leaves_first(inner: float, verdict: str) -> None:
    one = profile((0, 0.0, 2.0), (0, 2.0, 2.3), (0, 4.0, inner), (0, 5.0, 3.0))
    assert one.preference(0) == pytest.approx(inner - 2.0)
    assert one.verdict(0) == verdict
    (told,) = SURFACE_OXYGEN.numbers(SurfaceOxygen([one], []))
    assert told.value == one.preference(0)
    assert told.half_width is not None
    assert (abs(inner - 2.0) < told.half_width) == (verdict == "undecided"), "the interval and the verdict agree"


def test_contents_stand_by_themselves() -> None:
    one = profile((0, 0.0, 2.0), (4, 5.0, 1.0))
    assert one.contents == [0, 4]
    assert one.preference(0) is None
    assert one.verdict(4) == "not computed at both depths"
