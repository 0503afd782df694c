"""Surface energies: by hand, from the slope, and never across signatures or compositions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.analysis.cells.surface_energy import fitted_surface_energy, surface_energy
from catholyte.configs.constants import J_PER_M2
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import CalculationDocument

BULK, GAMMA, AREA = -7.0, 0.05, 20.0


def slab(
    units: int, error: float = 0.0, width: float = 4.0, species: tuple[str, ...] = ("Co2+", "O2-"), **changes: Any
) -> CalculationDocument:
    """A model slab whose energy is bulk plus two faces (plus an error per atom)."""
    number = len(species) * units
    coords = [[0, 0, k / number] for k in range(number)]
    structure = Structure(Lattice.orthorhombic(width, 5, 10 * units), list(species) * units, coords)
    energy = number * (BULK + error) + 2 * width * 5 * GAMMA
    return made_document("CoO", structure, energy=energy, **changes)


def bulk(error: float = 0.0) -> CalculationDocument:
    structure = Structure(Lattice.cubic(3), ["Co2+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return made_document("CoO", structure, energy=2 * (BULK + error))


def test_by_hand() -> None:
    found = surface_energy(slab(4), bulk())
    assert found.value == pytest.approx(GAMMA)
    assert found.area == pytest.approx(AREA)
    assert found.joule_per_square_metre == pytest.approx(GAMMA * 16.02176634)
    assert pytest.approx(1.602176634e-19 / 1e-20) == J_PER_M2


def test_a_wrong_bulk_energy_grows_with_thickness_and_the_slope_has_none(refereed: Referee) -> None:
    off = bulk(error=0.001)
    errors = [surface_energy(slab(n), off).value - GAMMA for n in (4, 8)]
    assert errors[1] == pytest.approx(2 * errors[0])
    fitted = fitted_surface_energy([slab(4), slab(8), slab(6)])
    by = "the value that was put in"
    refereed(
        "surface energy over thicknesses",
        abs(fitted.value - GAMMA),
        1e-9,
        of="analysis.cells.surface_energy.fitted_surface_energy",
        by=by,
        unit="eV/Å²",
    )
    assert (fitted.bulk_energy, fitted.residual) == (pytest.approx(BULK), pytest.approx(0, abs=1e-9))
    assert fitted.n_atoms == (8, 16, 12)


def test_the_residual_tells_slabs_off_the_line() -> None:
    assert fitted_surface_energy([slab(4), slab(6, error=0.01), slab(8)]).residual > 1e-4


def test_energies_that_may_not_be_subtracted() -> None:
    other = bulk().signature.model_copy(update={"version": "another"})
    with pytest.raises(SignatureMismatchError, match="version"):
        surface_energy(slab(4, signature=other), bulk())
    with pytest.raises(SignatureMismatchError, match="version"):
        fitted_surface_energy([slab(4, signature=other), slab(6)])


def test_bad_input() -> None:
    with pytest.raises(InputError, match="multiple of the bulk's"):
        surface_energy(slab(4, species=("Co2+", "O2-", "O2-")), bulk())
    with pytest.raises(InputError, match="at least 2 thicknesses, and 1 was given"):
        fitted_surface_energy([slab(4), slab(4)])
    with pytest.raises(InputError, match="different areas"):
        fitted_surface_energy([slab(4), slab(6, width=4.1)])
    assert np.isfinite(fitted_surface_energy([slab(4), slab(6)]).value)
