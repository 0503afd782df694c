"""KPAR and NCORE: divisors of the ranks, sensible groups, and k points counted as VASP counts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from catholyte.configs.load import engine_settings, material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.parallel import RANKS_ALONE, irreducible_points, layout, ranks_here
from catholyte.workflows.engines.vasp.settings import VaspSettings


@given(ranks=st.integers(1, 512), points=st.integers(1, 500), groups=st.sampled_from([None, 16]))
def test_groups_divide_ranks_and_bands(ranks: int, points: int, groups: int | None) -> None:
    kpar, ncore = layout(ranks, points, groups)
    assert ranks % kpar == 0
    assert (ranks // kpar) % ncore == 0
    assert kpar <= points
    assert kpar == 1 or ranks // kpar >= 4
    if groups:
        assert groups % (ranks // kpar // ncore) == 0


@pytest.mark.parametrize(
    ("ranks", "points", "expected"),
    [
        (64, 1, (1, 8)),  # Γ alone: all ranks on its bands
        (64, 4, (4, 4)),  # the oxygen-loss jobs: four points at once
        (128, 36, (16, 4)),  # three rounds of 16 with eight ranks each, sooner than two of 32 with four
        (48, 4, (4, 4)),
        (1, 10, (1, 1)),
    ],
)
def test_known_layouts(ranks: int, points: int, expected: tuple[int, int]) -> None:
    assert layout(ranks, points) == expected


def test_points_are_those_of_pymatgen_where_there_is_symmetry() -> None:
    """LPSCl has none, rock-salt LiCl all of a cube: pymatgen's reduction is the referee."""
    structure = calculation_cell(material("LiCl"))
    mesh = (8, 8, 8)
    expected = len(SpacegroupAnalyzer(structure.copy().remove_oxidation_states()).get_ir_reciprocal_mesh(mesh))
    assert irreducible_points(vasp_cell(structure), mesh, symmetry=True, gamma=True) == expected == 29


@pytest.mark.parametrize(
    ("mesh", "gamma", "expected"),
    [((2, 2, 2), True, 8), ((2, 2, 2), False, 4), ((3, 3, 3), True, 14), ((4, 4, 2), True, 20), ((1, 1, 1), True, 1)],
)
def test_without_symmetry_k_and_minus_k_are_equal(mesh: tuple[int, int, int], gamma: bool, expected: int) -> None:
    cell = Structure(Lattice.cubic(6), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert irreducible_points(vasp_cell(cell), mesh, symmetry=False, gamma=gamma) == expected
    points = np.array(list(np.ndindex(*mesh)), dtype=float) / mesh
    points += 0 if gamma else np.array([0.0 if n % 2 else 0.5 / n for n in mesh])
    pairs = {frozenset({tuple(np.round(k % 1, 6) % 1), tuple(np.round(-k % 1, 6) % 1)}) for k in points}
    assert len(pairs) == expected


def test_an_antiferromagnet_has_more_points_than_its_lattice() -> None:
    structure = calculation_cell(material("CoO"))
    plain = structure.copy(site_properties={})
    counts = [irreducible_points(vasp_cell(cell), (4, 4, 4), symmetry=True, gamma=True) for cell in (structure, plain)]
    assert counts[0] >= counts[1]


def test_ranks_are_those_of_the_settings_of_the_allocation_or_of_a_node() -> None:
    plain, told = (engine_settings("vasp", VaspSettings, changed) for changed in ({}, {"ranks": 32}))
    assert ranks_here(told, {"SLURM_NTASKS": "128"}) == 32
    assert ranks_here(plain, {"SLURM_NTASKS": "128"}) == 128
    assert ranks_here(plain, {"NSLOTS": "16"}) == 16
    assert ranks_here(plain, {"SLURM_NTASKS": ""}) == RANKS_ALONE
