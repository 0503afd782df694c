"""Metal or insulator by occupations and the number of bands at each k point, wherever VASP put E_F."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erfc

from catholyte.configs.errors import InputError
from catholyte.tests.support.vasp.written_run import Dos, WrittenRun, rock_salt
from catholyte.workflows.documents import BandEdges
from catholyte.workflows.vasp_output.edges import band_edges
from catholyte.workflows.vasp_output.run import parse_vasprun

POINTS = np.array([[0.0, 0.0, 0.0], [0.25, 0.0, 0.0], [0.5, 0.0, 0.0]])
#: the valence band rises to -0.6 eV at X, the conduction band falls to 4.0 eV at Γ
VALENCE = np.array([-1.0, -0.8, -0.6])
CONDUCTION = np.array([4.0, 4.2, 4.4])
Array = NDArray[np.float64]


def _run(bands: Any, filled: Any, efermi: float, **changes: Any) -> WrittenRun:
    """Bands and occupations (n_spin, n_k, n_bands)."""
    levels, taken = np.asarray(bands, dtype=float), np.asarray(filled, dtype=float)
    incar = {"ISPIN": len(levels)}
    points = {"kpoints": POINTS[: levels.shape[1]], "eigenvalues": levels, "occupations": taken}
    return WrittenRun(rock_salt(), incar=incar, **points, efermi=efermi, mesh=None).but(**changes)


def _edges(folder: Path, run: WrittenRun) -> BandEdges:
    grid = np.linspace(-10, 10, 21)
    dos = Dos(grid, np.ones((int(run.incar["ISPIN"]), 21)), None)
    file = run.but(dos=dos).written(folder)
    return band_edges(parse_vasprun(file), file, None)


INSULATOR = np.array([np.stack([VALENCE - 3, VALENCE, CONDUCTION], axis=1)])
FULL = np.broadcast_to([1.0, 1.0, 0.0], INSULATOR.shape)


@pytest.mark.parametrize("version", ["5.4.4", "6.3.2", "6.4.3"])
@pytest.mark.parametrize(
    ("efermi", "told"),
    [
        (1.7, ""),
        (-0.6, ""),
        (-0.62, "0.020 eV below the valence band maximum"),
        (-0.9, "0.300 eV below the valence band maximum"),
        (4.1, "0.100 eV above the conduction band minimum"),
        (4.5, "0.500 eV above the conduction band minimum"),
        (-50.0, "49.400 eV below the valence band maximum"),
    ],
)
@pytest.mark.parametrize("n_spin", [1, 2])
def test_an_insulator_is_one_wherever_the_fermi_level_lies(
    tmp_path: Path, n_spin: int, efermi: float, told: str, version: str
) -> None:
    run = _run(np.repeat(INSULATOR, n_spin, axis=0), np.repeat(FULL, n_spin, axis=0), efermi, version=version)
    found = _edges(tmp_path, run)
    assert (found.vbm, found.cbm, found.gap, found.direct_gap) == pytest.approx((-0.6, 4.0, 4.6, 5.0))
    assert (found.vbm_at, found.cbm_at, found.efermi) == ([0.5, 0.0, 0.0], [0.0, 0.0, 0.0], efermi)
    assert (told in found.note) if told else not found.note


def test_bands_in_any_order_and_without_gamma(tmp_path: Path) -> None:
    turned = _run(INSULATOR[..., ::-1], FULL[..., ::-1], 1.0, kpoints=POINTS + 0.05)
    found = _edges(tmp_path, turned)
    assert (found.vbm, found.cbm, found.gap) == pytest.approx((-0.6, 4.0, 4.6))
    assert "Γ is not among the k points" in found.note


def _filled(levels: Array, efermi: float, width: float) -> Array:
    """Occupations by Gaussian smearing."""
    return np.asarray(erfc((levels - efermi) / width) / 2)


METALS: dict[str, tuple[Any, Any]] = {
    "a band crosses": (INSULATOR, [[[1, 1, 0], [1, 0, 0], [1, 1, 0]]]),
    "bands overlap at equal counts": ([[[-3, -0.5, 0.5], [-3, 0.6, 1.0], [-3, -0.4, 0.4]]], [[[1, 1, 0]] * 3]),
    "a half-filled level at one point": ([[[-3, 0.0, 0.0]]], [[[1, 0.5, 0.5]]]),
    "a part of an electron": ([[[-3, 0.0, 0.5]]], [[[1, 0.7, 0.0]]]),
    "a gap that smearing fills": (
        [[[-3, -0.05, 0.05]] * 3],
        [_filled(np.array([[-3.0, -0.05, 0.05]] * 3), 0.0, 0.2)],
    ),
}


@pytest.mark.parametrize("case", METALS)
def test_a_metal_is_one(tmp_path: Path, case: str) -> None:
    found = _edges(tmp_path, _run(*METALS[case], 0.0))
    assert (found.vbm, found.cbm, found.gap, found.direct_gap) == (None, None, 0.0, None)


def test_smearing_beside_a_gap_leaves_it_one(tmp_path: Path) -> None:
    levels = np.array([[[-3.0, -0.15, 0.15]] * 3])
    assert _edges(tmp_path, _run(levels, _filled(levels, 0.0, 0.2), 0.0)).gap == pytest.approx(0.3)


def test_spin_channels_with_different_counts(tmp_path: Path) -> None:
    two = np.repeat(INSULATOR, 2, axis=0)
    filled = np.stack([FULL[0], np.broadcast_to([1.0, 0.0, 0.0], FULL[0].shape)])
    found = _edges(tmp_path / "magnet", _run(two - np.array([2.0, 0.0])[:, None, None], filled, -2.61))
    # up: -3 ... -2.6 | 2.0; down: -4 ... -3.6 | -1.0
    assert (found.vbm, found.cbm, found.gap) == pytest.approx((-2.6, -1.0, 1.6))
    fixed = _edges(tmp_path / "fixed", _run(two, filled, 0.0))
    assert fixed.gap == 0.0
    assert "overlap the gap of the other" in fixed.note


def test_a_half_metal_is_named(tmp_path: Path) -> None:
    filled = np.stack([FULL[0], [[1, 1, 0], [1, 0, 0], [1, 1, 0]]])
    found = _edges(tmp_path, _run(np.repeat(INSULATOR, 2, axis=0), filled, -0.7))
    assert found.gap == 0.0
    assert "half metal: the spin up channel has a gap" in found.note


def test_without_an_empty_band_the_valence_band_still_ends(tmp_path: Path) -> None:
    found = _edges(tmp_path, _run(INSULATOR[..., :2], FULL[..., :2], 5.0))
    assert (found.vbm, found.cbm, found.gap) == (pytest.approx(-0.6), None, 0.0)
    assert "no empty band was computed" in found.note


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    broken = INSULATOR.copy()
    broken[0, 1, 1] = np.nan
    with pytest.raises(InputError, match=r"vasprun\.xml is corrupt: an eigenvalue, .* is no number"):
        _edges(tmp_path, _run(broken, FULL, 0.0))
