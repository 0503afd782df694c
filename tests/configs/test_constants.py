"""The constants are those of scipy (CODATA) to the last bit, so that no number moves with the way they are written."""

from __future__ import annotations

import pytest
from scipy import constants as codata

from catholyte.configs import constants


def test_they_are_those_of_scipy() -> None:
    assert (codata.e, codata.N_A, codata.R) == (constants.ELEMENTARY_CHARGE, constants.AVOGADRO, constants.GAS)
    assert codata.k / codata.e == constants.BOLTZMANN
    assert codata.e * codata.N_A == constants.FARADAY
    assert codata.e * codata.N_A / 3.6 == constants.MAH_PER_MOL
    assert codata.e * codata.N_A / 1000 == constants.KJ_PER_MOL
    assert codata.e / codata.angstrom**2 == constants.J_PER_M2
    # measured: editions of CODATA differ by 7e-10
    assert codata.e / codata.epsilon_0 / codata.angstrom == pytest.approx(constants.E_OVER_EPSILON_0, rel=1e-9)
    assert 1e8 * codata.angstrom**3 / codata.e == constants.KBAR
