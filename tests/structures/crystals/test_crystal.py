"""Crystals of the library as pymatgen builds them, in less time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pymatgen.core.operations import SymmOp

ORBIT = """
from pymatgen.symmetry.groups import SpaceGroup
from catholyte.structures.crystals.crystal import _kept_space_group
for symbol in ("Fm-3m", "R-3m", "P6_3/mmc", "I4_1/amd", "C2/m", "P-1"):
    group = {group}(symbol)
    print(symbol, [position.tolist() for position in group.get_orbit([0.013, 0.127, 0.291])])
"""


def test_operations_stand_in_the_order_of_pymatgen() -> None:
    """Identities of jobs hash sites in the order in which a group's operations make them; in a process each, for
    pymatgen remembers its groups."""
    told = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ORBIT.format(group=group)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for group in ("SpaceGroup", "_kept_space_group")
    ]
    assert told[0].count("\n") == 6
    assert told[0] == told[1]


@pytest.mark.parametrize("symbol", ["Pm-3m", "no group"])
def test_operations_are_compared_within_a_tolerance_afterwards(symbol: str) -> None:
    from catholyte.structures.crystals.crystal import _kept_space_group

    _kept_space_group.cache_clear()
    try:
        _kept_space_group(symbol)
    except ValueError:
        assert symbol == "no group"
    assert SymmOp.from_xyz_str("x, y, z") == SymmOp.from_rotation_and_translation(translation_vec=[1e-9, 0, 0])
