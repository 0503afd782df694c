"""Conductivity: a known jump model within its interval, Arrhenius' line by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.analysis.motion import diffusivity as estimator
from catholyte.analysis.motion.diffusivity import Diffusivity, diffusivities
from catholyte.analysis.motion.displacement import Displacements
from catholyte.analysis.transport.conductivity import (
    Replica,
    TemperaturePoint,
    arrhenius,
    conductivity,
    nernst_einstein,
    point,
)
from catholyte.configs.constants import BOLTZMANN
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.referees.evidence import Referee

#: jumps along the axes of a cubic lattice: distance, Å; attempts, 1/fs; barrier, eV
STEP, ATTEMPTS, BARRIER = 3.0, 0.01, 0.25
TEMPERATURES = (600.0, 800.0, 1000.0)
ATOMS, FRAMES, INTERVAL = 16, 600, 50.0


def exact(temperature: float) -> float:
    """D of the model, cm²/s: rate times square of the distance over six."""
    return ATTEMPTS * np.exp(-BARRIER / (BOLTZMANN * temperature)) * STEP**2 / 6 * 0.1


def walk(temperature: float, seed: int) -> Displacements:
    """Ions that rattle and jump; the framework rattles."""
    rng = np.random.default_rng(seed)
    rate = ATTEMPTS * np.exp(-BARRIER / (BOLTZMANN * temperature)) * INTERVAL
    jumps = rng.poisson(rate, (FRAMES, ATOMS))
    ways = np.zeros((FRAMES, ATOMS, 3))
    for _ in range(int(jumps.max(initial=0))):
        axis, sign = rng.integers(3, size=jumps.shape), rng.choice([-STEP, STEP], size=jumps.shape)
        ways += np.where(jumps > 0, sign, 0.0)[..., None] * np.eye(3)[axis]
        jumps = jumps - 1
    positions = np.cumsum(ways, axis=0)
    everything = np.concatenate([positions, np.zeros((FRAMES, ATOMS, 3))], axis=1)
    everything += rng.normal(scale=0.15, size=everything.shape)
    species = ("Li",) * ATOMS + ("S",) * ATOMS
    found = Displacements(species, ["S"])
    found.add(
        Frames(species, np.repeat(60.0 * np.eye(3)[None], FRAMES, axis=0), everything, np.arange(FRAMES), INTERVAL * np.arange(FRAMES))
    )  # fmt: skip
    return found


def measured(seed: int) -> list[TemperaturePoint]:
    points = []
    for k, temperature in enumerate(TEMPERATURES):
        found = [diffusivities(walk(temperature, 1000 * seed + 10 * k + r)) for r in (0, 1)]
        replicas = [Replica(one, 0.9 * FRAMES * INTERVAL, {"S": 6 * 0.15**2}) for one in found]
        points.append(point(temperature, replicas, ("Li", STEP), 50))
    return points


@pytest.mark.slow
def test_a_known_jump_model_lies_within_its_interval(monkeypatch: pytest.MonkeyPatch, refereed: Referee) -> None:
    monkeypatch.setattr(estimator, "_kinisi", lambda *_: None)  # another estimate, not used here
    seeds, energies, extrapolated = 30, 0, 0
    for seed in range(seeds):
        fit = arrhenius(measured(seed))
        low, high = fit.interval
        energies += low <= BARRIER <= high
        _, bottom, top = fit.at(300.0)
        extrapolated += bottom <= exact(300.0) <= top
    assert energies >= 0.9 * seeds
    assert extrapolated >= 0.9 * seeds
    refereed(
        "runs of a known jump model whose 95 % interval leaves out its activation energy",
        float(seeds - energies),
        0.1 * seeds,
        of="analysis.transport.conductivity.arrhenius",
        by="the barrier of the model",
        unit="of 30 runs",
    )


def line(
    energy: float, prefactor: float, temperatures: tuple[float, ...], sigma: float = 0.05
) -> list[TemperaturePoint]:
    found = []
    for temperature in temperatures:
        value = prefactor * np.exp(-energy / (BOLTZMANN * temperature))
        found.append(TemperaturePoint(temperature, value, sigma * value, 1000.0, 2))
    return found


@given(st.floats(0.1, 1.0), st.floats(1e-4, 1e-2), st.floats(0.01, 0.3))
def test_points_on_a_line_give_the_line(energy: float, prefactor: float, sigma: float) -> None:
    fit = arrhenius(line(energy, prefactor, (500.0, 700.0, 900.0), sigma))
    assert fit.energy == pytest.approx(energy, rel=1e-6)
    assert np.exp(fit.log_prefactor) == pytest.approx(prefactor, rel=1e-5)
    value, low, high = fit.at(300.0)
    assert low < value < high
    assert value == pytest.approx(prefactor * np.exp(-energy / (BOLTZMANN * 300.0)), rel=1e-5)


def test_two_points_by_hand() -> None:
    fit = arrhenius(line(0.3, 1e-3, (500.0, 1000.0), 0.1))
    lever = 1 / BOLTZMANN * (1 / 500 - 1 / 1000)
    assert fit.sigma == pytest.approx(np.hypot(0.1, 0.1) / lever)
    assert fit.chi2 is None


def test_points_off_the_line_widen_the_interval() -> None:
    straight = line(0.3, 1e-3, (500.0, 700.0, 900.0), 0.02)
    bent = [straight[0], TemperaturePoint(700.0, straight[1].value * 1.5, straight[1].sigma * 1.5, 1e3, 2), straight[2]]  # type: ignore[operator]
    assert arrhenius(bent).sigma > 3 * arrhenius(straight).sigma


def test_independent_ions_by_hand() -> None:
    # 1e-8 cm²/s, 0.02 ions in an Å³, 300 K: n e² D / kT = 2e28 × (1.602e-19)² × 1e-12 / (1.381e-23 × 300) S/m
    assert nernst_einstein(1e-8, 0.02, 300.0) == pytest.approx(
        2e28 * 1.602177e-19**2 * 1e-12 / (1.380649e-23 * 300) / 100, rel=1e-5
    )


def _told(species: str, value: float | None, n_atoms: int = 10, note: str = "") -> Diffusivity:
    return Diffusivity(
        species, None, n_atoms, value, None if value is None else 0.1 * value, None, None, None, None, note
    )


def test_jumps_are_counted_and_too_few_do_not_count() -> None:
    # 6 D N t / a² with D in Å²/fs = 10 cm²/s: 6 × 1e-4 × 10 × 1e4 / 9
    replicas = [Replica([_told("Li", 1e-5), _told("S", None)], 1e4, {"S": 0.2})]
    found = point(600.0, replicas, ("Li", 3.0), 5)
    assert found.jumps == pytest.approx(6 * 1e-4 * 10 * 1e4 / 9)
    assert found.value == 1e-5
    assert "6 are needed" not in found.problem
    few = point(600.0, replicas, ("Li", 3.0), 50)
    assert (few.value, few.jumps) == (None, pytest.approx(found.jumps))
    assert "and 50 are needed" in few.problem


def test_replicas_are_averaged_and_their_scatter_is_an_error() -> None:
    replicas = [Replica([_told("Li", value)], 1e6, {}) for value in (1e-5, 2e-5)]
    found = point(600.0, replicas, ("Li", 3.0), 5)
    assert found.value == pytest.approx(1.5e-5)
    assert found.sigma == pytest.approx(0.5e-5)


def test_a_melt_and_a_still_solid_do_not_count() -> None:
    melt = point(2000.0, [Replica([_told("Li", 1e-4), _told("S", 5e-5)], 1e6, {"S": 3000.0})], ("Li", 3.0), 5)
    assert "S diffuses too" in melt.problem
    # phosphorus that rattles has a slope, as in a run of Li6PS5Cl at 600 K: it ends 0.5 Å from where it began
    found = [_told("Li", 1e-5), _told("P", 3.8e-6)]
    assert point(600.0, [Replica(found, 1e4, {"P": 0.3})], ("Li", 3.0), 0.1).value == pytest.approx(1e-5)
    assert "P diffuses too" in point(600.0, [Replica(found, 1e4, {"P": 4.1})], ("Li", 3.0), 0.1).problem
    still = point(300.0, [Replica([_told("Li", None, note="the slope may be nought")], 1e6, {})], ("Li", 3.0), 5)
    assert "the slope may be nought" in still.problem
    with pytest.raises(InputError, match="0 of 2 temperatures count"):
        arrhenius([melt, still])
    told = conductivity(("X", "chgnet", "Li"), [melt, still], 0.02, 300.0)
    assert told.at_room is None
    assert "S diffuses too" in told.problem
    assert told.to_json()["room_conductivity"] is None


def test_room_temperature_is_an_extrapolation_where_it_lies_outside() -> None:
    found = conductivity(("X", "chgnet", "Li"), line(0.3, 1e-3, (500.0, 900.0)), 0.02, 300.0)
    assert found.extrapolated
    assert not conductivity(("X", "chgnet", "Li"), line(0.3, 1e-3, (250.0, 900.0)), 0.02, 300.0).extrapolated
