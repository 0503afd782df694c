"""Packing of borate glasses: exact composition and density, no overlap, the same bits for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.composition import Composition

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.glass import (
    PACKING_RADII,
    borate_network,
    glass_composition,
    lithia_fraction,
    measured_density,
    pack,
)


@settings(max_examples=6, deadline=None)
@given(lithium=st.integers(0, 6), boron=st.integers(1, 4), density=st.floats(1.5, 2.2), seed=st.integers(0, 5))
def test_composition_density_charge_and_distances(lithium, boron, density, seed):
    formula = f"Li{2 * lithium}B{2 * boron}O{lithium + 3 * boron}"
    cell = pack(formula, density, 2, seed)
    assert cell.composition.element_composition.reduced_composition == Composition(formula).reduced_composition
    assert float(cell.density) == pytest.approx(density, rel=1e-6)
    assert cell.charge == 0
    radii = np.array([PACKING_RADII[site.specie.symbol] for site in cell])
    distances = cell.distance_matrix + np.diag(np.full(len(cell), 9.0))
    assert (distances > 0.97 * (radii[:, None] + radii[None, :])).all()


def test_a_seed_gives_the_same_packing():
    assert pack("Li3BO3", 2.1, 3, 1) == pack("Li3BO3", 2.1, 3, 1)
    assert pack("Li3BO3", 2.1, 3, 1) != pack("Li3BO3", 2.1, 3, 2)


def test_measured_density_is_interpolated_and_never_extrapolated():
    assert lithia_fraction(glass_composition("Li2B8O13")) == pytest.approx(0.2)
    assert measured_density(glass_composition("Li2B8O13")) == pytest.approx(2.15)
    assert measured_density(glass_composition("B2O3")) == pytest.approx(1.84)
    assert measured_density(Composition("Li3B17O27")) == pytest.approx(2.05)
    assert measured_density(glass_composition("Li3BO3")) is None
    assert float(pack("Li2B8O13", n_units=1).density) == pytest.approx(2.15)


def test_network_of_the_crystal_is_isolated_triangles():
    found = borate_network(conventional(material("Li3BO3")))
    assert found.boron_coordination == {3: 4}
    assert found.n4 == 0
    assert found.mean_bond == pytest.approx(1.39, abs=0.02)
    assert found.density == pytest.approx(2.16, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("Li3BO3",), InputError, "no measured density is known at x = 0.750"),
        (("Li3BO3", 0.0), InputError, "above 0"),
        (("Li3BO3", float("nan")), InputError, "above 0"),
        (("Li3BO3", 2.0, 0), InputError, "at least 1"),
        (("Li3BO3", 2.0, 1, -1), InputError, "seed"),
        (("Li2O", 2.0), StructureError, "holds no boron"),
        (("Li3PO4", 2.0), StructureError, "holds P"),
        (("Li3BO4", 2.0), StructureError, "balance with 3"),
        (("nothing", 2.0), StructureError, "cannot be read"),
        (("Li3BO3", 12.0, 2), StructureError, "cannot be packed so densely: at most 3"),
    ],
)
def test_what_is_no_glass_is_an_error(arguments, error, message):
    with pytest.raises(error, match=message):
        pack(*arguments)


def test_boron_is_needed_for_a_network():
    with pytest.raises(StructureError, match="no boron"):
        borate_network(conventional(material("Li2CO3")))
