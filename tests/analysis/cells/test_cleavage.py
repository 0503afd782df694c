"""Cleavage energies: by hand, and where a stack parts."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from catholyte.analysis.cells.cleavage import crystal_cleavage, stack_cleavage
from catholyte.analysis.cells.interface_energy import InterfaceEnergies
from catholyte.configs.constants import J_PER_M2
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.workflows.documents import Trajectory


def test_a_crystal_gains_two_faces() -> None:
    """Eight atoms of -7 eV with two faces of 20 Å² at 0.05 eV/Å², 0.4 eV more before the atoms moved."""
    coords = [[0, 0, k / 8] for k in range(8)]
    cell = Structure(Lattice.orthorhombic(4, 5, 40), ["Co2+", "O2-"] * 4, coords)
    steps = Trajectory(positions=[], cells=[], energies=[-56 + 2 + 0.4, -56 + 2])
    slab = made_document("CoO", cell, energy=-56 + 2, trajectory=steps)
    bulk = made_document("CoO", Structure(Lattice.cubic(3), ["Co2+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]]), energy=-14)
    found = crystal_cleavage("CoO(100)", slab, bulk)
    assert found.relaxed == pytest.approx(2 * 0.05 * J_PER_M2)
    assert found.unrelaxed == pytest.approx((2 + 0.4) / 20 * J_PER_M2)
    bare = crystal_cleavage("CoO(100)", slab.model_copy(update={"trajectory": None}), bulk)
    assert bare.unrelaxed is None


@pytest.mark.parametrize(("adhesion", "weakest"), [(0.03, "the joint"), (0.09, "LPSCl"), (0.30, "LPSCl")])
def test_a_stack_parts_where_the_least_work_does_it(adhesion: float, weakest: str) -> None:
    energies = InterfaceEnergies("LCO|LPSCl", "chgnet", 50.0, 2, 0.05, adhesion, {"LCO": 0.1, "LPSCl": 0.02}, {})
    found = stack_cleavage(energies)
    assert found is not None
    assert found.weakest == weakest
    assert found.joint == pytest.approx(J_PER_M2 * adhesion)
    assert found.sides["LPSCl"] == pytest.approx(J_PER_M2 * 0.04)


def test_without_slabs_nothing_is_parted() -> None:
    assert stack_cleavage(InterfaceEnergies("LCO|LPSCl", "chgnet", 50.0, 2, 0.05, None, {}, {})) is None
