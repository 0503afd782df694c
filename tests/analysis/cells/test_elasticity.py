"""Elastic tensors: against second derivatives of the energy, in any orientation, and refused where unstable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from ase.units import GPa
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.analysis.cells.elasticity import elastic_tensor, elasticity
from catholyte.configs.errors import CalculationError, InputError
from catholyte.structures.crystals.strains import deformations, deformed
from catholyte.tests.support.referees.evidence import Referee

Potential = Callable[[], Calculator]


def lennard_jones() -> Calculator:
    return LennardJones(sigma=2.3, epsilon=0.4, rc=9.0, smooth=True)


def relaxed(atoms: Atoms, potential: Potential) -> Atoms:
    atoms.calc = potential()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-6, steps=200)
    return atoms


def stress(cell: Structure, potential: Potential) -> np.ndarray:
    atoms = AseAtomsAdaptor.get_atoms(cell, msonable=False)
    atoms.calc = potential()
    found: np.ndarray = atoms.get_stress(voigt=False)
    return found


def tensor(crystal: Structure, potential: Potential, amounts: tuple[float, ...] = (0.005, 0.01)) -> np.ndarray:
    gradients = deformations(crystal, amounts)
    stresses = np.array([stress(deformed(crystal, one), potential) for one in gradients])
    found, residual = elastic_tensor(crystal, gradients, stresses, stress(crystal, potential))
    assert residual < 0.02 * np.abs(found).max()
    return found


def by_energy(crystal: Structure, potential: Potential, step: float = 2e-3) -> np.ndarray:
    """Second derivatives of the energy by central differences of all pairs of strains: no stress, no symmetry."""

    def energy(strain: np.ndarray) -> float:
        values, vectors = np.linalg.eigh(np.eye(3) + 2 * strain)
        gradient = vectors @ np.diag(np.sqrt(values)) @ vectors.T
        atoms = AseAtomsAdaptor.get_atoms(deformed(crystal, gradient), msonable=False)
        atoms.calc = potential()
        return float(atoms.get_potential_energy())

    basis = []
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        one = np.zeros((3, 3))
        one[a, b] += 0.5
        one[b, a] += 0.5
        basis.append(one)
    found = np.zeros((6, 6))
    for i in range(6):
        for j in range(6):
            signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            values = [s * t * energy(step * (s * basis[i] + t * basis[j])) for s, t in signs]
            found[i, j] = sum(values) / (4 * step**2)
    return found / crystal.volume / GPa


@pytest.fixture(
    scope="module",
    params=["copper by EMT", "copper by Lennard-Jones", pytest.param("hcp by Lennard-Jones", marks=pytest.mark.slow)],
)
def case(request: pytest.FixtureRequest) -> tuple[Structure, Potential]:
    name, potential = str(request.param), EMT if "EMT" in request.param else lennard_jones
    atoms = bulk("Cu", "hcp", a=2.55, c=4.16) if "hcp" in name else bulk("Cu", cubic=False)
    return AseAtomsAdaptor.get_structure(relaxed(atoms, potential)), potential


def test_the_tensor_is_the_second_derivative_of_the_energy(
    case: tuple[Structure, Potential], refereed: Referee
) -> None:
    """Atoms stay at their fractional coordinates on both sides."""
    crystal, potential = case
    mine, brute = tensor(crystal, potential), by_energy(crystal, potential)
    refereed(
        "elastic constants of copper by EMT and Lennard-Jones, of the largest",
        100 * float(np.abs(mine - brute).max() / np.abs(brute).max()),
        1.0,
        of="analysis.cells.elasticity.elastic_tensor",
        by="second derivatives of the energy, no stress and no symmetry",
        unit="%",
    )


def test_pair_forces_without_pressure_obey_cauchy(case: tuple[Structure, Potential]) -> None:
    crystal, potential = case
    found = elasticity("Cu", "chgnet", crystal, (tensor(crystal, potential), 0.0), 3).tensor
    if potential is lennard_jones and len(crystal) == 1:
        assert found[0, 1] == pytest.approx(found[3, 3], rel=0.01)  # central forces: C12 = C44
    assert found[0, 0] == pytest.approx(found[1, 1], rel=1e-6)
    assert found[3, 3] == pytest.approx(found[4, 4], rel=1e-6)


def test_moduli_do_not_depend_on_the_orientation(case: tuple[Structure, Potential]) -> None:
    crystal, potential = case
    here = elasticity("Cu", "chgnet", crystal, (tensor(crystal, potential), 0.0), 3)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    turned = Structure(crystal.lattice.matrix @ turn.T, crystal.species, crystal.frac_coords)
    there = elasticity("Cu", "chgnet", turned, (tensor(turned, potential), 0.0), 3)
    for name in ("bulk_modulus", "shear_modulus", "young", "poisson", "pugh", "anisotropy", "stability"):
        assert getattr(there, name) == pytest.approx(
            getattr(here, name), rel=0.02 if name == "anisotropy" else 5e-3, abs=1e-3
        )
    np.testing.assert_allclose(there.tensor, here.tensor, atol=0.01 * np.abs(here.tensor).max())


def test_the_bulk_modulus_is_that_of_the_equation_of_state(case: tuple[Structure, Potential]) -> None:
    crystal, potential = case

    def pressure(scale: float) -> float:
        cell = crystal.copy()
        cell.scale_lattice(crystal.volume * scale)
        return -float(np.trace(stress(cell, potential))) / 3 / GPa

    bulk_modulus = -(pressure(1.003) - pressure(0.997)) / 0.006
    found = elasticity("Cu", "chgnet", crystal, (tensor(crystal, potential), 0.0), 3)
    assert found.bulk[1] == pytest.approx(bulk_modulus, rel=0.01)
    assert found.bulk[0] <= found.bulk[1] + 1e-9
    assert found.shear[0] <= found.shear[1] + 1e-9


def test_an_unstable_crystal_has_no_moduli() -> None:
    atoms = bulk("Cu", "sc", a=2.4)
    atoms.calc = lennard_jones()
    crystal = AseAtomsAdaptor.get_structure(atoms)
    with pytest.raises(CalculationError, match="the crystal is unstable"):
        elasticity("Cu", "chgnet", crystal, (tensor(crystal, lennard_jones, (0.002,)), 0.0), 3)


def test_isotropic_moduli_by_hand() -> None:
    k, g = 100.0, 60.0
    c11, c12 = k + 4 * g / 3, k - 2 * g / 3
    stiff = np.diag([c11, c11, c11, g, g, g])
    stiff[:3, :3] += c12 * (1 - np.eye(3))
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu"))
    found = elasticity("X", "chgnet", crystal, (stiff, 0.0), 3)
    assert (found.bulk_modulus, found.shear_modulus) == (pytest.approx(k), pytest.approx(g))
    assert found.young == pytest.approx(9 * k * g / (3 * k + g))
    assert found.poisson == pytest.approx((3 * k - 2 * g) / (2 * (3 * k + g)))
    assert found.anisotropy == pytest.approx(0, abs=1e-9)
    assert found.pugh == pytest.approx(5 / 3)
    assert found.stability == pytest.approx(2 * g)  # Mandel's notation: shears count twice


def test_strains_that_do_not_span_are_refused() -> None:
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu"))
    with pytest.raises(InputError, match="do not span"):
        elastic_tensor(crystal, np.array([np.eye(3) * 1.01]), np.ones((1, 3, 3)), np.zeros((3, 3)))
