"""Band edges and densities of states from plain arrays, without GPAW."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.workflows.engines.gpaw.electrons import (
    SPHERE,
    band_edges,
    complete_below,
    linear_histogram,
    planar_average,
    projected_dos,
    symmetrized,
)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(0, 2)), min_size=1, max_size=30),
    st.floats(0.003, 0.7),
)
def test_linear_sharing_keeps_zeroth_and_first_moment(pairs: list[tuple[float, float]], spacing: float) -> None:
    values, weights = np.array(pairs).T
    start = np.floor(values.min() / spacing) * spacing
    n = int((values.max() - start) / spacing) + 3
    density = linear_histogram(values, weights, start, spacing, n)
    grid = start + spacing * np.arange(n)
    assert density.min() >= -1e-9
    assert density.sum() * spacing == pytest.approx(weights.sum(), abs=1e-8)
    assert (density * grid).sum() * spacing == pytest.approx(weights @ values, abs=1e-7)


def _levels(*bands: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """One spin channel from bands over k."""
    return np.array(bands, dtype=float).T


def test_indirect_and_direct_gap() -> None:
    edges = band_edges(np.array([_levels([-1.0, 0.0, -0.5], [3.0, 2.5, 2.0])]), efermi=1.0, smearing=0.05)
    assert edges == {"vbm": 0.0, "cbm": 2.0, "gap": 2.0, "direct_gap": 2.5}


def test_gap_between_the_spin_channels() -> None:
    up, down = _levels([-1.0, -2.0], [0.0, -0.2], [5.0, 6.0]), _levels([-1.5, -2.5], [1.0, 1.2], [7.0, 8.0])
    edges = band_edges(np.array([up, down]), efermi=0.5, smearing=0.05)
    assert (edges["vbm"], edges["cbm"], edges["gap"]) == (0.0, 1.0, 1.0)
    assert edges["direct_gap"] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("levels", "efermi"),
    [
        (_levels([-1.0, 0.5], [2.0, 3.0]), 0.0),  # the lower band crosses the Fermi level
        (_levels([-0.01, -0.02], [0.01, 0.02]), 0.0),  # narrower than the smearing
        (_levels([-1.0, -2.0], [-0.5, -0.4]), 0.0),  # no empty band at all
        (_levels([1.0, 2.0]), 0.0),  # no occupied band at all
    ],
)
def test_metals_have_no_gap(levels: Any, efermi: float) -> None:
    assert band_edges(np.array([levels]), efermi, smearing=0.05) == {
        "vbm": None,
        "cbm": None,
        "gap": 0.0,
        "direct_gap": None,
    }


def test_symmetrized_projections_are_equal_on_exchanged_atoms_and_keep_their_sum() -> None:
    projections = np.random.default_rng(1).random((2, 3, 4, 3, 2))
    swap = np.array([[0, 1, 2], [1, 0, 2]])
    averaged = symmetrized(projections, swap)
    np.testing.assert_allclose(averaged[..., 0, :], averaged[..., 1, :])
    np.testing.assert_allclose(averaged.sum(axis=-2), projections.sum(axis=-2))
    np.testing.assert_allclose(averaged[..., 2, :], projections[..., 2, :])
    np.testing.assert_allclose(symmetrized(averaged, swap), averaged)


@pytest.mark.parametrize("n_spin", [1, 2])
def test_density_of_states_ends_where_the_bands_end(n_spin: int) -> None:
    levels = np.array([_levels([-3.0, -2.0], [1.0, 2.0], [4.0, 9.0])] * n_spin)
    shares = np.full((*levels.shape, 1, 3), 0.25)
    limit = complete_below(levels, 3)
    dos = projected_dos(levels, np.array([0.25, 0.75]), shares, limit, 0.02)
    assert limit == 4.0
    assert dos["energies"][-1] == pytest.approx(4.0, abs=0.05)
    # 2 electrons in each of two bands, and the quarter of the third one that lies at the limit; not the state at 9 eV
    assert dos["total"].sum() * 0.02 == pytest.approx(4.5)
    np.testing.assert_allclose(dos["densities"][:, 0], 0.25 * dos["total"][:, None, :].repeat(3, axis=1))


@pytest.mark.parametrize("points", [60, 61])
def test_planar_average_adds_each_correction_at_its_height(points: int) -> None:
    """One sphere of 7 eV Å³ at 0.3 of 9 Å under 20 Å²: the mean rises by 7/180 eV, all of it near 2.7 Å."""
    smooth = np.broadcast_to(np.cos(2 * np.pi * np.arange(points) / points), (4, 5, points))
    averaged = planar_average(smooth, np.array([7.0]), np.array([0.3]), 180.0, 9.0)
    added = averaged - smooth[0, 0]
    heights = np.arange(points) / points * 9.0
    assert averaged.mean() == pytest.approx(7.0 / 180.0, abs=1e-12)
    assert added.sum() * 9.0 / points == pytest.approx(7.0 / 20.0)
    expected = 7.0 / 20.0 * np.exp(-((heights - 2.7) ** 2) / (2 * SPHERE**2)) / (SPHERE * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(added, expected, atol=1e-6)
