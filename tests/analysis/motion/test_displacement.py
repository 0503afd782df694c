"""Displacements, mean squares and diffusivities against walks that are known and against pymatgen's analyser."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.motion.curves import motion_curves
from catholyte.analysis.motion.diffusivity import diffusivities
from catholyte.analysis.motion.displacement import Displacements, heights, layers_by_height, mean_square, msd_curves
from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames, nearest_image
from catholyte.tests.support.motion.trajectory_texts import CELL, SPECIES, walk
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.vasp.recorded import PLACES, place


def _followed(
    frames: Frames, reference: tuple[str, ...] | None = (), block: int = 7, limit: int = 2**27
) -> Displacements:
    found = Displacements(frames.species, reference, limit)
    for part in frames.blocks(block):
        found.add(part)
    return found


def _path(n_frames: int, n_sites: int, step: float, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(0, step, (n_frames, n_sites, 3)), axis=0)


def _frames(
    path: np.ndarray, cell: np.ndarray = CELL, species: tuple[str, ...] | None = None, every: float = 10.0
) -> Frames:
    """Frames of a path, wrapped into the cell."""
    n = len(path)
    wrapped = (path @ np.linalg.inv(cell) % 1.0) @ cell
    return Frames(
        species or ("Li",) * path.shape[1],
        np.broadcast_to(cell, (n, 3, 3)).copy(),
        wrapped,
        np.arange(n),
        every * np.arange(n),
    )


# --- nearest image


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), skew=st.floats(0, 1))
def test_nearest_image_is_the_shortest_of_many(seed: int, skew: float) -> None:
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(2, 9, 3)) + skew * rng.uniform(-6, 6, (3, 3)) * np.tri(3, k=-1)
    vectors = rng.uniform(-30, 30, (5, 3))
    near = nearest_image(vectors, cell)
    assert np.allclose(
        (near - vectors) @ np.linalg.inv(cell), np.round((near - vectors) @ np.linalg.inv(cell)), atol=1e-8
    )
    steps = np.arange(-9, 10)
    images = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) @ cell
    shortest = np.array([np.linalg.norm(vector + images, axis=1).min() for vector in near])
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), shortest, atol=1e-9)


def test_nearest_image_is_that_of_ase(refereed: Referee) -> None:
    from ase.geometry import find_mic

    rng = np.random.default_rng(3)
    for cell in (CELL, np.array([[4.0, 0, 0], [3.6, 1.9, 0], [2.1, 1.7, 8.0]]), np.diag([2.0, 2.0, 20.0])):
        vectors = rng.uniform(-20, 20, (200, 3))
        away = np.abs(np.linalg.norm(nearest_image(vectors, cell), axis=1) - find_mic(vectors, cell)[1]).max()
        refereed(
            "nearest periodic image in skewed cells",
            away,
            1e-10,
            of="structures.trajectories.frames.nearest_image",
            by="ASE, find_mic",
            unit="Å",
        )


# --- displacements


@pytest.mark.parametrize(
    "cell", [CELL, np.diag([3.0, 4.0, 5.0]), np.array([[4.0, 0, 0], [3.6, 1.9, 0], [2.1, 1.7, 8.0]])]
)
@pytest.mark.parametrize("block", [1, 6, 100])
def test_a_wrapped_path_is_unwrapped(cell: np.ndarray, block: int) -> None:
    path = _path(60, 5, 0.15)
    moved, steps, times = _followed(_frames(path, cell), block=block).series()
    np.testing.assert_allclose(moved, path - path[0], atol=1e-9)
    assert steps.tolist() == list(range(60))
    np.testing.assert_allclose(times, 10.0 * steps)
    assert np.abs(moved).max() > 1.0  # atoms went across the border


def test_a_cell_that_breathes_moves_no_atom() -> None:
    cells = CELL * (1 + 0.05 * np.sin(np.arange(30)))[:, None, None]
    fractional = np.random.default_rng(0).random((1, 5, 3))
    frames = Frames(SPECIES, cells, fractional @ cells, np.arange(30), np.arange(30.0))
    moved, _, _ = _followed(frames).series()
    np.testing.assert_allclose(moved, 0.0, atol=1e-12)


def test_ways_are_measured_in_the_cell_of_their_frame() -> None:
    cells = CELL * (1 + 0.05 * np.sin(np.arange(30)))[:, None, None]
    fractional = np.cumsum(np.random.default_rng(1).normal(0, 0.03, (30, 5, 3)), axis=0)
    ways = np.diff(fractional, axis=0) @ cells[1:]
    frames = Frames(SPECIES, cells, (fractional % 1.0) @ cells, np.arange(30), np.arange(30.0))
    np.testing.assert_allclose(_followed(frames).series()[0][1:], np.cumsum(ways, axis=0), atol=1e-9)


def test_drift_of_the_reference_is_taken_out() -> None:
    path = _path(40, 5, 0.05)
    drifting = path + 0.03 * np.arange(40)[:, None, None]
    frames = _frames(drifting, species=SPECIES)
    from ase.data import atomic_masses, atomic_numbers

    masses = np.array([atomic_masses[atomic_numbers[name]] for name in SPECIES])
    own = path - path[0]
    for reference, members in ((None, np.ones(5, bool)), (("P", "S"), np.array([0, 0, 1, 1, 1], bool))):
        weights = masses * members / (masses * members).sum()
        expected = own - np.einsum("fsx,s->fx", own, weights)[:, None]
        np.testing.assert_allclose(_followed(frames, reference).series()[0], expected, atol=1e-9)
    np.testing.assert_allclose(_followed(frames, ()).series()[0], drifting - drifting[0], atol=1e-9)
    with pytest.raises(InputError, match="no atom of Fe"):
        Displacements(SPECIES, ("Fe",))


def test_memory_is_bounded_and_every_frame_followed() -> None:
    path = _path(500, 4, 0.2)
    found = _followed(_frames(path), limit=24 * 4 * 50)
    moved, steps, _ = found.series()
    assert len(moved) <= 50
    assert found.every == 16
    np.testing.assert_allclose(moved, (path - path[0])[steps], atol=1e-8)
    assert (np.diff(steps) == found.every).all()
    assert all(row.base is None for row in found._kept)  # a view would hold all frames of its block


def test_a_way_that_cannot_be_sure_is_counted() -> None:
    path = np.zeros((4, 2, 3))
    path[2:, 0, 0] = 2.4  # half of the narrowest width of the cell is less
    assert _followed(_frames(path)).unsure == 1
    assert _followed(_frames(_path(50, 2, 0.05))).unsure == 0


# --- mean squares


def _direct(moved: np.ndarray, steps: np.ndarray, lag: int) -> np.ndarray:
    pairs = [(i, j) for i in range(len(steps)) for j in range(i, len(steps)) if steps[j] - steps[i] == lag]
    return np.mean([((moved[j] - moved[i]) ** 2).sum(axis=-1) for i, j in pairs], axis=0)


@pytest.mark.parametrize("missing", [[], [3], [0, 7, 8, 9, 20]])
def test_mean_square_is_the_direct_sum_also_with_missing_frames(missing: list[int]) -> None:
    steps = np.delete(np.arange(0, 60, 2), missing)
    moved = _path(len(steps), 3, 0.3)
    lags, msd, origins = mean_square(moved, steps)
    for lag, row, count in zip(lags, msd, origins, strict=True):
        np.testing.assert_allclose(row, _direct(moved, steps, lag), atol=1e-10)
        assert count == sum(a + lag in steps for a in steps)


def test_one_frame_and_two() -> None:
    for n, expected in ((1, [0.0]), (2, [0.0, 12.0])):
        lags, msd, _ = mean_square(2.0 * np.arange(n)[:, None, None] * np.ones((1, 1, 3)), np.arange(n))
        assert lags.tolist() == list(range(n))
        np.testing.assert_allclose(msd[:, 0], expected, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999), shift=st.tuples(*[st.floats(-20, 20)] * 3))
def test_mean_square_does_not_change_by_translation_or_wrapping(seed: int, shift: tuple[float, float, float]) -> None:
    frames = walk(20, seed=seed)
    images = np.random.default_rng(seed).integers(-3, 4, (20, len(SPECIES), 3)) @ CELL
    moved = replace(frames, positions=frames.positions + np.array(shift) + images)
    for a, b in zip(msd_curves(_followed(frames)), msd_curves(_followed(moved)), strict=True):
        np.testing.assert_allclose(a.msd, b.msd, atol=1e-8)


def test_groups_are_elements_and_elements_in_layers() -> None:
    frames = walk(10)
    layers = ("top", "low", "low", "top", "low")
    curves = {(curve.species, curve.layer): curve for curve in msd_curves(_followed(frames), layers)}
    assert set(curves) == {
        ("Li", None),
        ("P", None),
        ("S", None),
        ("Li", "top"),
        ("Li", "low"),
        ("P", "low"),
        ("S", "top"),
        ("S", "low"),
    }
    assert curves["S", "top"].atoms.tolist() == [3]
    both = (curves["Li", "top"].msd + curves["Li", "low"].msd) / 2
    np.testing.assert_allclose(curves["Li", None].msd, both)
    np.testing.assert_allclose(curves["Li", None].lags, 2.0 * np.arange(10))
    with pytest.raises(InputError, match="2 layers were given for 5 atoms"):
        msd_curves(_followed(frames), ("a", "b"))


def test_layers_by_height() -> None:
    cell = np.array([[5.0, 0, 0], [0, 5.0, 0], [2.0, 1.0, 10.0]])
    positions = np.array([[[0, 0, 1.0], [0, 0, 4.9], [0, 0, 5.1], [0, 0, 12.0], [0, 0, -0.5]]])
    frame = Frames(SPECIES, cell[None], positions, np.array([0]), np.array([0.0]))
    np.testing.assert_allclose(heights(frame)[0], [1.0, 4.9, 5.1, 2.0, 9.5])
    assert layers_by_height(frame, [5.0]) == ("0.0-5.0 Å", "0.0-5.0 Å", "5.0-10.0 Å", "0.0-5.0 Å", "5.0-10.0 Å")
    for edges in ([5.0, 4.0], [11.0], [0.0]):
        with pytest.raises(InputError, match=r"rise between 0 and the cell's height of 10\.00 Å"):
            layers_by_height(frame, edges)


@pytest.mark.parametrize("files", PLACES)
@pytest.mark.parametrize(
    ("name", "framework"), [("pmg_XDATCAR_traj_Li38Si38", ("Si",)), ("atomate2_Si16_AIMD_vasprun.xml.gz", ())]
)
def test_recorded_runs_as_pymatgen_and_ase_unwrap_them(
    files: str, name: str, framework: tuple[str, ...], refereed: Referee
) -> None:
    """Mean squares, from the first frame and over all origins, of paths that pymatgen's PBC shift and ASE's find_mic
    unwrap."""
    from ase.geometry import find_mic
    from pymatgen.util.coord import pbc_diff

    trajectory = open_trajectory([place(files) / name], 2.0)
    found = Displacements(trajectory.species, framework)
    blocks = list(trajectory.blocks())
    for block in blocks:
        found.add(block)
    moved, steps, _ = found.series()
    frames = Frames.joined(blocks)
    cell, fractional = frames.cells[0], frames.fractional()
    by_pymatgen = np.array([pbc_diff(b, a) @ cell for a, b in pairwise(fractional)])
    by_ase = np.array([find_mic(b - a, cell)[0] for a, b in pairwise(frames.positions)])
    held = np.isin(frames.species, framework)
    for peer, ways in (("pymatgen, pbc_diff", by_pymatgen), ("ASE, find_mic", by_ase)):
        ways = ways - (ways[:, held].mean(axis=1, keepdims=True) if framework else 0.0)
        path = np.concatenate([np.zeros((1, *ways.shape[1:])), np.cumsum(ways, axis=0)])
        away = np.abs((moved**2).sum(axis=2) - (path**2).sum(axis=2)).max()
        refereed(
            "squared displacements of recorded runs",
            away,
            1e-6,
            of="analysis.motion.displacement.Displacements",
            by=peer,
            unit="Å²",
        )
        lags, msd, _ = mean_square(moved, steps)
        direct = np.array([((path[lag:] - path[: len(path) - lag]) ** 2).sum(axis=2).mean(axis=0) for lag in lags])
        away, by = np.abs(msd - direct).max(), f"the direct sum over origins, paths by {peer}"
        refereed(
            "mean squared displacements of recorded runs",
            away,
            1e-6,
            of="analysis.motion.displacement.mean_square",
            by=by,
            unit="Å²",
        )


# --- diffusivity


def _walk(true: float, rattle: float, seed: int, n_sites: int = 24, n_frames: int = 3000) -> np.ndarray:
    """A walk of `true` Å²/fs in frames of 10 fs, each atom with its own Gaussian rattle, Å."""
    noise = np.random.default_rng(seed + 10_000).normal(0, 1, (n_frames, n_sites, 3))
    return _path(n_frames, n_sites, np.sqrt(2 * true * 10), seed) + rattle * noise


#: a walk (Å²/fs) and the rattle of its cage (Å per axis): of none, and of Li at 300 to 600 K
WALKS = [
    (2e-4, 0.0),
    (2e-4, 0.15),
    (1e-4, 0.3),
    (3e-5, 0.3),
]


@pytest.mark.slow
@pytest.mark.parametrize(("true", "rattle"), WALKS)
def test_diffusivity_of_walks_that_rattle(
    refereed: Referee, monkeypatch: pytest.MonkeyPatch, true: float, rattle: float
) -> None:
    """60 runs of 24 atoms over 30 ps in a wrapped cell: where the truth lies, and how often within one σ."""
    monkeypatch.setattr("catholyte.analysis.motion.diffusivity._kinisi", lambda *_: None)
    values, sigmas = [], []
    for seed in range(60):
        (found,) = diffusivities(_followed(_frames(_walk(true, rattle, seed), 3 * CELL), block=3000))
        assert found.value is not None
        assert found.sigma is not None
        assert found.interval is not None
        assert found.interval[0] < found.value < found.interval[1]
        values.append(found.value / (0.1 * true))
        sigmas.append(found.sigma / (0.1 * true))
    ratios, spread = np.array(values), np.array(sigmas)
    named = f"D {0.1 * true:.0e} cm²/s, rattle {rattle:g} Å"
    common = {
        "of": "analysis.motion.diffusivity.diffusivities",
        "by": "the walk's own diffusivity, 60 runs of 24 atoms",
    }
    refereed(f"bias of the diffusivity of walks, {named}", abs(ratios.mean() - 1), 0.03, unit="relative", **common)
    inside = float(np.mean(np.abs(ratios - 1) < spread))
    refereed(f"coverage of 68 % by one σ, {named}", abs(inside - 0.68), 0.08, unit="of the runs", **common)


@pytest.mark.parametrize("n_sites", [2, 4])
def test_few_atoms_have_an_honest_error_too(monkeypatch: pytest.MonkeyPatch, n_sites: int) -> None:
    monkeypatch.setattr("catholyte.analysis.motion.diffusivity._kinisi", lambda *_: None)
    away = []
    for seed in range(40):
        (found,) = diffusivities(_followed(_frames(_walk(1e-4, 0.1, seed, n_sites), 3 * CELL), block=3000))
        assert found.value is not None
        assert found.n_paths == 4 * n_sites
        away.append((found.value - 1e-5) / (found.sigma or 1.0))
    assert 0.5 < np.mean(np.abs(away) < 1) < 0.85
    assert abs(np.mean(away)) < 0.6


def test_the_other_estimate_is_the_median_of_kinisi(refereed: Referee) -> None:
    """Without vibration both say the same, within their errors."""
    for seed in range(2):
        (found,) = diffusivities(_followed(_frames(_walk(1e-4, 0.0, seed, n_frames=1500), 3 * CELL), block=1500))
        assert found.value is not None
        assert found.kinisi is not None
        refereed(
            "diffusivity of a random walk by the median of kinisi",
            abs(found.kinisi / found.value - 1),
            0.2,
            of="analysis.motion.diffusivity.diffusivities",
            by="kinisi",
            unit="relative",
        )


def test_a_walk_in_a_plane_has_its_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    """2e-5 cm²/s along a and b, nothing along their normal: two thirds in three dimensions, and all of it in the
    plane, also where the plane lies askew."""
    from scipy.spatial.transform import Rotation

    monkeypatch.setattr("catholyte.analysis.motion.diffusivity._kinisi", lambda *_: None)
    path = _path(3000, 48, np.sqrt(2 * 2e-4 * 10))
    path[:, :, 2] = 0
    path += np.random.default_rng(1).normal(0, 0.1, path.shape)
    for turn in (np.eye(3), Rotation.from_euler("xyz", (20, 50, -70), degrees=True).as_matrix().T):
        (found,) = diffusivities(_followed(_frames(path @ turn, 3 * CELL @ turn), block=3000))
        assert found.value is not None
        assert found.in_plane is not None
        assert found.in_plane_sigma is not None
        assert found.normal is not None
        assert found.normal_sigma is not None
        assert abs(found.in_plane - 2e-5) < 3 * found.in_plane_sigma < 3e-6
        assert abs(found.normal) < 3 * found.normal_sigma < 1e-7
        assert found.value == pytest.approx((2 * found.in_plane + found.normal) / 3)
        assert np.trace(found.tensor) / 3 == pytest.approx(found.value)
        along = turn[2] @ np.array(found.tensor) @ turn[2]
        assert along == pytest.approx(found.normal)


def test_the_first_tenth_is_left_out() -> None:
    """A run that is ten times as fast at its beginning tells the diffusivity of the rest."""
    path = _walk(1e-4, 0.0, 0, n_frames=2000)
    hot = path.copy()
    hot[:200] *= 1 + 9 * (1 - np.arange(200) / 200)[:, None, None]
    cold, warm = (diffusivities(_followed(_frames(one, 30 * np.eye(3)), block=2000))[0] for one in (path, hot))
    assert warm.value == pytest.approx(cold.value, rel=0.02)
    assert warm.left_out == pytest.approx(0.1 * 19990, abs=10)
    assert (warm.start, warm.end) == pytest.approx((200.0, 0.1 * 0.9 * 19990), rel=0.02)


def test_the_framework_is_the_reference() -> None:
    """One Li and one S: against their common centre Li would seem to move by 0.67 of what it does."""
    path = np.zeros((1500, 24, 3))
    path[:, :2] = _path(1500, 2, 0.045)
    path[:, 2:] = np.random.default_rng(2).random((1, 22, 3)) * 20
    drifting = path + 0.01 * np.arange(1500)[:, None, None]
    motion = _frames(drifting, 3 * CELL, ("Li",) * 2 + ("S",) * 22)
    curves = motion_curves(motion.blocks(500), motion.species, None)
    free = _followed(_frames(path[:, :2], 3 * CELL))
    expected = msd_curves(free)[0]
    found = next(curve for curve in curves.msd if curve.species == "Li")
    np.testing.assert_allclose(found.msd, expected.msd, rtol=1e-6, atol=1e-6)


def test_vibration_does_not_change_the_diffusivity() -> None:
    path = _path(600, 24, np.sqrt(2 * 1e-4 * 10)) + np.random.default_rng(9).normal(0, 0.3, (600, 24, 3))
    (found,) = diffusivities(_followed(_frames(path, 3 * CELL)))
    assert found.value is not None
    assert found.sigma is not None
    assert abs(found.value - 1e-5) < 3 * found.sigma
    assert found.sigma < 1e-5


def test_atoms_that_only_vibrate_have_a_limit_and_no_value() -> None:
    for seed in range(3):
        path = np.random.default_rng(seed).normal(0, 0.1, (600, 24, 3))
        (found,) = diffusivities(_followed(_frames(path)))
        assert found.value is None
        assert found.limit is not None
        assert 0 < found.limit < 1e-6
        assert "no diffusion" in found.note or "may be nought" in found.note


def test_flight_is_no_diffusion_and_a_short_run_says_so() -> None:
    flight = 0.02 * np.arange(600)[:, None, None] * np.random.default_rng(0).normal(size=(1, 8, 3))
    (found,) = diffusivities(_followed(_frames(flight)))
    assert (found.value, found.exponent) == (None, pytest.approx(2.0, abs=0.4))
    for n_frames in (6, 200):
        (found,) = diffusivities(_followed(_frames(_path(n_frames, 4, 0.1))))
        assert found.value is None
        assert "too short to tell diffusion from vibration: 2.4 ps are needed" in found.note


def test_ways_that_cannot_be_sure_are_said_with_the_value() -> None:
    (found,) = diffusivities(_followed(_frames(_path(100, 6, 0.8), 1.2 * CELL, every=50.0)))
    assert found.value is not None
    assert "too long to tell the direction" in found.note


def test_sampling_leaves_the_global_generator_alone() -> None:
    frames = _frames(_path(400, 8, 0.05), 3 * CELL)
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    first = diffusivities(_followed(frames))
    assert first[0].value is not None
    assert np.random.random() == expected
    assert diffusivities(_followed(frames)) == first


def test_no_frames() -> None:
    with pytest.raises(InputError, match="no frame"):
        msd_curves(Displacements(SPECIES))
