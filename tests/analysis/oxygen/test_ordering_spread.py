"""Order statistics of orderings: exact for fewer, right on average for more where the model holds."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.analysis.oxygen.ordering_spread import expected_gain, expected_lowest, ordering_spread
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.structures.crystals.crystal import conventional
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.workflows.documents import CalculationDocument

CELL = conventional(LCO)


def documents(energies: list[float]) -> list[CalculationDocument]:
    """Energies in meV/atom."""
    return [toy_document(f"ordering {k}", CELL, energy=e * len(CELL) / 1000) for k, e in enumerate(energies, 1)]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=7))
def test_the_lowest_of_fewer_is_the_mean_over_all_choices(energies: list[float]):
    for n in range(1, len(energies) + 1):
        assert expected_lowest(energies, n) == pytest.approx(
            np.mean([min(choice) for choice in combinations(energies, n)]), abs=1e-9
        )


@pytest.mark.parametrize(("n", "further"), [(30, 30), (30, 270)])
def test_the_gain_of_more_is_what_drawing_more_gives(n: int, further: int):
    """Normal energies of which 2000 are known, so that the fit is the distribution: the model against drawing
    itself."""
    rng = np.random.default_rng(1)
    known = rng.normal(0, 10, 2000)
    lowest = float(np.sort(known)[2000 // n])  # as deep as the lowest of n lies
    drawn = rng.normal(0, 10, (20_000, further)).min(axis=1)
    truth = np.maximum(0, lowest - drawn).mean()
    from catholyte.analysis.oxygen import ordering_spread as module

    assert module._gains(known[None, :], lowest, further)[0] == pytest.approx(truth, rel=0.06)


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=12, unique=True), st.floats(-100, 100), st.floats(0.1, 10))
def test_a_gain_grows_with_the_number_and_the_scale_and_not_with_the_zero(
    energies: list[float], zero: float, scale: float
):
    few, many = expected_gain(energies, 5), expected_gain(energies, 50)
    assert 0 <= few <= many
    assert expected_gain([e + zero for e in energies], 5) == pytest.approx(few, rel=1e-6, abs=1e-9)
    assert expected_gain([e * scale for e in energies], 5) == pytest.approx(few * scale, rel=1e-6, abs=1e-9)


def test_orderings_are_ranked_with_what_fewer_and_more_would_give():
    energies = [3.0, 0.0, 5.0, 9.0, 4.0, 6.0]
    spread = ordering_spread(documents(energies), chosen_by=[1, 0, 3, 5, 2, 4])
    assert spread.labels[0] == "ordering 2"
    assert spread.energies == pytest.approx(sorted(energies))
    assert (spread.range, spread.deviation) == (pytest.approx(9), pytest.approx(np.std(energies, ddof=1)))
    assert dict(spread.fewer)[1] == pytest.approx(np.mean(energies))
    assert dict(spread.fewer)[6] == 0
    assert spread.rank_correlation == pytest.approx(1.0)
    assert [size.n for size in spread.larger] == [12, 24, 60]
    assert all(size.low <= size.gain <= size.high for size in spread.larger)
    assert spread.larger[0].probability < spread.larger[1].probability < spread.larger[2].probability < 1


def test_volumes_of_orderings_say_what_the_choice_does_to_them():
    cells = [CELL.copy().scale_lattice(CELL.volume * share) for share in (1.02, 0.98, 1.0)]
    found = ordering_spread(
        [toy_document(f"ordering {k}", cell, energy=float(k)) for k, cell in enumerate(cells)], exhausted=True
    )
    assert found.volumes == pytest.approx([share * CELL.volume / len(CELL) for share in (1.02, 0.98, 1.0)])
    assert found.volume_range == pytest.approx(4.0)


def test_where_all_orderings_are_known_more_change_nothing():
    assert ordering_spread(documents([1.0, 2.0, 4.0, 7.0]), exhausted=True).larger == ()


@pytest.mark.parametrize("energies", [[1.0], [1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0]])
def test_too_few_or_equal_energies_have_no_distribution(energies: list[float]):
    spread = ordering_spread(documents(energies))
    assert (spread.larger, spread.normality) == ((), None)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match="at least one"):
        ordering_spread([])
    with pytest.raises(InputError, match="2 orderings, and 1 energies"):
        ordering_spread(documents([1.0, 2.0]), [1.0])
    less = CELL.copy()
    less.remove_sites([0])
    with pytest.raises(InputError, match="different compositions"):
        ordering_spread([*documents([1.0]), toy_document("other", less)])
    other = documents([1.0])[0]
    other = other.model_copy(update={"signature": other.signature.model_copy(update={"version": "9"})})
    with pytest.raises(SignatureMismatchError, match="version"):
        ordering_spread([*documents([1.0]), other])
    with pytest.raises(InputError, match="no distribution"):
        expected_gain([1.0], 5)
    with pytest.raises(InputError, match="1 to 2 can be drawn"):
        expected_lowest([1.0, 2.0], 3)
