"""Layered against rock salt by hand: energies per metal, oxygen at its potential."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from catholyte.analysis.oxygen.polymorphs import PolymorphResult, polymorph_result
from catholyte.analysis.oxygen.reference import OxygenReference
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.roles import PolymorphCell

SIGNATURE = made_document("LCO").signature
REFERENCE = OxygenReference(-5.0, 0.0, 0.0, "none", "none", 0.0, SIGNATURE, "O2")


def cell(structure: str, lithium: int, cobalt: int, oxygen: int, energy: float, number: int = 1) -> CalculationDocument:
    n = lithium + cobalt + oxygen
    species = ["Li"] * lithium + ["Co"] * cobalt + ["O"] * oxygen
    made = Structure(Lattice.cubic(8), species, [[k / n, k / n, k / n] for k in range(n)])
    role = PolymorphCell(of="LCO", structure=structure, number=number)
    return made_document("LCO", structure=made, energy=energy, role=role)


def result(rock_salt: float = -5.2, lithiated: float = -17.0) -> PolymorphResult:
    documents = [
        cell("layered", 0, 1, 2, -10.0),
        cell("layered", 1, 1, 2, -18.0),
        cell("layered", 1, 1, 2, -17.5, number=2),
        cell("rock salt", 0, 1, 1, rock_salt),
        cell("rock salt", 1, 1, 2, lithiated),
    ]
    return polymorph_result("LCO", documents, REFERENCE)


def test_energies_by_hand() -> None:
    shift = REFERENCE.shift(300.0, 0.2)
    found = result().above_layered("rock salt", np.array([0.0, 0.5, 1.0]), 300.0, 0.2)
    # x = 0: CoO + 1/2 O2 - CoO2; x = 1: the disordered one less the lower of the layered ones; halfway the line
    expected = np.array([-5.2 - 5.0 + shift + 10.0, 0.0, 1.0])
    expected[1] = expected[[0, 2]].mean()
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_rock_salt_wins_up_to_where_the_line_crosses() -> None:
    found = result()
    start = float(found.above_layered("rock salt", np.array([0.0]), 300.0, 0.2)[0])
    below, surely = found.wins_below("rock salt", 300.0, 0.2)
    assert below == pytest.approx(-start / (1.0 - start), abs=3e-3)
    assert surely is not None
    assert surely < below
    assert found.wins_below("rock salt", 300.0, 1e-10)[0] > below, "thin oxygen favours it"  # type: ignore[operator]
    assert result(rock_salt=-3.0).wins_below("rock salt", 300.0, 0.2) == (None, None)


def test_the_limit_has_the_interval_of_what_is_not_told_apart() -> None:
    found = result()
    start = float(found.above_layered("rock salt", np.array([0.0]), 300.0, 0.2)[0])
    at, error = found.limit("rock salt", 300.0, 0.2)
    assert at == found.wins_below("rock salt", 300.0, 0.2)[0]
    assert error == pytest.approx(0.02 / (1.0 - start), abs=5e-3)  # the line rises by 1 - start
    assert result(rock_salt=-3.0).limit("rock salt", 300.0, 0.2) == (0, 0)


def test_a_lithium_rich_oxide_gives_off_what_its_own_oxygen_exceeds_rock_salt_by() -> None:
    documents = [
        cell("layered", 9, 12, 30, -300.0),
        cell("layered", 18, 12, 30, -360.0),
        cell("rock salt", 6, 6, 12, -110.0),
        cell("rock salt", 18, 12, 30, -350.0),
    ]
    found = polymorph_result("LCO", documents, REFERENCE)
    above = found.above_layered("rock salt", np.array([1.0, 1.5]), 300.0, 0.2)
    # x = 1: 2.5 oxygen in the layered, 2 in rock salt; x = 1.5: all of it stays
    half = 0.5 * (-5.0 + REFERENCE.shift(300.0, 0.2))
    layered = np.interp(1.0, [0.75, 1.5], [-25.0, -30.0])
    assert above == pytest.approx([-110 / 6 + half - layered, 10 / 12])
    assert found.limit("rock salt", 300.0, 0.2)[0] <= 1.5


def test_beyond_the_computed_contents_there_is_no_number() -> None:
    documents = [cell("layered", 0, 1, 2, -10.0), cell("layered", 1, 1, 2, -18.0), cell("spinel", 1, 2, 4, -28.5)]
    found = polymorph_result("LCO", documents, REFERENCE).above_layered("spinel", np.array([0.2, 0.5, 0.8]), 300.0, 0.2)
    np.testing.assert_array_equal(np.isnan(found), [True, False, True])
    assert found[1] == pytest.approx(-14.25 + 14.0)


def test_what_is_missing_or_of_another_scale_is_refused() -> None:
    with pytest.raises(InputError, match="layered cells of two lithium contents"):
        polymorph_result("LCO", [cell("layered", 1, 1, 2, -18.0)], REFERENCE)
    other = cell("layered", 0, 1, 2, -10.0)
    other = other.model_copy(update={"signature": other.signature.model_copy(update={"functional": "another"})})
    with pytest.raises(SignatureMismatchError):
        polymorph_result("LCO", [cell("layered", 1, 1, 2, -18.0), other], REFERENCE)
