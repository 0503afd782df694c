"""The search against brute force, on models that can be searched through."""

import numpy as np
from hypothesis import given, settings

from catholyte.structures.crystals.sampling import PairModel, all_states, anneal, swap_neighbours
from catholyte.tests.support.strategies import pair_models


@settings(max_examples=40, deadline=None)
@given(pair_models())
def test_enumeration_gives_every_arrangement_once(model):
    states = all_states(model)
    assert len(states) == model.n_arrangements == len(np.unique(states, axis=0))
    start = 0
    for block, size in zip(model.blocks, model.block_sizes, strict=True):
        for occupant, number in block.items():
            assert ((states[:, start : start + size] == occupant).sum(axis=1) == number).all()
        start += size


@settings(max_examples=40, deadline=None)
@given(pair_models())
def test_swap_gains_are_differences_of_energies(model):
    state = all_states(model)[:1]
    gains = model.swap_gains(state)[0]
    before = model.energies(state)[0]
    for i, j in np.argwhere(np.isfinite(gains)):
        swapped = state.copy()
        swapped[0, [i, j]] = swapped[0, [j, i]]
        assert np.isclose(model.energies(swapped)[0] - before, gains[i, j])


@settings(max_examples=15, deadline=None)
@given(pair_models())
def test_annealing_finds_the_lowest_energy_and_local_minima_only(model):
    states, samples = anneal(model, np.random.default_rng(1), replicas=32)
    assert samples > 0
    assert np.isclose(model.energies(states).min(), model.energies(all_states(model)).min())
    assert (model.swap_gains(states) >= -1e-9).all()


@given(pair_models())
@settings(max_examples=15, deadline=None)
def test_neighbours_are_one_swap_away(model):
    state = all_states(model)[:1]
    neighbours = swap_neighbours(model, state)
    assert ((neighbours != state).sum(axis=1) == 2).all()
    assert len(neighbours) == np.isfinite(model.swap_gains(state)).sum() / 2


def test_forbidden_pairs_stay_apart():
    """Eight sites on a ring, four atoms that attract: forbidding neighbours leaves the two alternating states."""
    ring = np.roll(np.eye(8), 1, axis=1)
    near = ring + ring.T
    model = PairModel(
        ({0: 4, 1: 4},), np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([-near, 500 * near]), np.zeros((2, 8)), 0.0
    )
    states, _ = anneal(model, np.random.default_rng(0), replicas=16)
    assert model.allowed(states).all()
    assert {tuple(s) for s in states.tolist()} == {(0, 1) * 4, (1, 0) * 4}
    assert model.allowed(all_states(model)).sum() == 2
