"""Elastic tensor of a crystal from the stresses of strained cells, and the moduli of its polycrystal.

The stress, as second Piola-Kirchhoff stress, is linear in the Green-Lagrange strain; the tensor is the least-squares
solution over all strains and their images under the crystal's point group, so that it has the crystal's symmetry.
Moduli are the means of W. Voigt (uniform strain) and A. Reuss (uniform stress), and R. Hill's mean of both (Proc. Phys.
Soc. A 65 (1952) 349). A crystal is stable where every eigenvalue of the tensor is positive (M. Born; F. Mouhat, F.-X.
Coudert, Phys. Rev. B 90 (2014) 224104). Bulk over shear modulus above 1.75 stands for ductile solids (S. F. Pugh, Phil.
Mag. 45 (1954) 823): a rule of metals, an indication elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.units import GPa
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import CalculationError, InputError
from ...structures.crystals.strains import point_rotations
from ...workflows.documents import CalculationDocument, require_real, require_same_signature
from ...workflows.roles import Strained
from ...workflows.strain_documents import StrainedCells

__all__ = ["PUGH", "Elasticity", "elastic_tensor", "elasticity", "stored_elasticity"]

#: bulk over shear modulus, above which metals are ductile
PUGH = 1.75
#: rows and columns of Voigt's notation
_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, eq=False)
class Elasticity:
    """Elastic tensor and moduli.

    Parameters
    ----------
    label, tier : str
    tensor : (6, 6) float array, GPa
        In Voigt's notation on the axes of the IEEE (standard 176).
    bulk, shear : (float, float), GPa
        By Reuss and by Voigt: bounds of a polycrystal without texture.
    residual : float, GPa
        Root mean square of the stresses that the tensor leaves.
    n_strains : int
        Strained cells.
    """

    label: str
    tier: str
    tensor: Floats
    bulk: tuple[float, float]
    shear: tuple[float, float]
    residual: float
    n_strains: int

    @property
    def bulk_modulus(self) -> float:
        """Hill's mean, GPa."""
        return sum(self.bulk) / 2

    @property
    def shear_modulus(self) -> float:
        """Hill's mean, GPa."""
        return sum(self.shear) / 2

    @property
    def pugh(self) -> float:
        """Bulk over shear modulus."""
        return self.bulk_modulus / self.shear_modulus

    @property
    def young(self) -> float:
        """Young's modulus, GPa."""
        k, g = self.bulk_modulus, self.shear_modulus
        return 9 * k * g / (3 * k + g)

    @property
    def poisson(self) -> float:
        """Poisson's ratio."""
        k, g = self.bulk_modulus, self.shear_modulus
        return (3 * k - 2 * g) / (6 * k + 2 * g)

    @property
    def anisotropy(self) -> float:
        """Universal index of S. Ranganathan and M. Ostoja-Starzewski (Phys. Rev. Lett. 101 (2008) 055504); 0 for an
        isotropic crystal."""
        return 5 * self.shear[1] / self.shear[0] + self.bulk[1] / self.bulk[0] - 6

    @property
    def stability(self) -> float:
        """Smallest eigenvalue of the tensor in Mandel's notation, GPa."""
        return _smallest(self.tensor)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers: GPa."""
        return {
            "tier": self.tier,
            "tensor": self.tensor.tolist(),
            "bulk": {"reuss": self.bulk[0], "voigt": self.bulk[1], "hill": self.bulk_modulus},
            "shear": {"reuss": self.shear[0], "voigt": self.shear[1], "hill": self.shear_modulus},
            "pugh": self.pugh,
            "young": self.young,
            "poisson": self.poisson,
            "anisotropy": self.anisotropy,
            "smallest_eigenvalue": self.stability,
            "residual": self.residual,
            "n_strains": self.n_strains,
        }


def elastic_tensor(crystal: Structure, deformations: Floats, stresses: Floats, left: Floats) -> tuple[Floats, float]:
    """Return the elastic tensor, (6, 6) GPa in Voigt's notation on the crystal's own axes, and the residual, GPa.

    Parameters
    ----------
    crystal : Structure
        Whose symmetry the tensor has.
    deformations : (n, 3, 3) float array
        Gradients.
    stresses : (n, 3, 3) float array, eV/Å³
        Positive under tension.
    left : (3, 3) float array, eV/Å³
        Of the crystal itself; subtracted.

    Raises
    ------
    InputError
        If the strains and their images do not span all six kinds.
    """
    f = np.asarray(deformations)
    strains = (f.transpose(0, 2, 1) @ f - np.eye(3)) / 2
    inverse = np.linalg.inv(f)
    kirchhoff = np.linalg.det(f)[:, None, None] * (inverse @ np.asarray(stresses) @ inverse.transpose(0, 2, 1)) - left
    turns = point_rotations(crystal)[:, None]
    rows = [_components(turns @ one @ turns.transpose(0, 1, 3, 2)) for one in (strains, kirchhoff)]
    engineering = rows[0] * np.array([1, 1, 1, 2, 2, 2])
    solution, _, rank, _ = np.linalg.lstsq(engineering, rows[1], rcond=1e-6)
    if rank < 6:
        raise InputError(f"{crystal.composition.reduced_formula}: these strains do not span all six kinds")
    left_over = float(np.sqrt(((rows[1] - engineering @ solution) ** 2).mean())) / GPa
    return (solution + solution.T) / 2 / GPa, left_over


def _components(tensors: Floats) -> Floats:
    """Voigt's six components of many symmetric tensors: (n, 6)."""
    return np.stack([tensors[..., a, b].ravel() for a, b in _VOIGT], axis=1)


def _smallest(tensor: Floats) -> float:
    mandel = np.array([1, 1, 1, *[np.sqrt(2)] * 3])
    return float(np.linalg.eigvalsh(tensor * np.outer(mandel, mandel)).min())


def elasticity(label: str, tier: str, crystal: Structure, fitted: tuple[Floats, float], n_strains: int) -> Elasticity:
    """Return moduli and the tensor on standard axes.

    Parameters
    ----------
    label, tier : str
    crystal : Structure
    fitted : ((6, 6) float array, float)
        Of :func:`elastic_tensor`, GPa.
    n_strains : int

    Raises
    ------
    CalculationError
        If the crystal is unstable: an eigenvalue of the tensor is not positive.
    """
    from pymatgen.analysis.elasticity.elastic import ElasticTensor  # brings sympy: most of a second

    tensor, residual = fitted
    if (smallest := _smallest(tensor)) <= 0:
        raise CalculationError(
            f"{label}: the elastic tensor has the eigenvalue {smallest:.1f} GPa: by {tier} the crystal is unstable, "
            "and has no moduli",
            "relax a larger cell without symmetry from displaced atoms, or take another ordering",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where the tensor is symmetric only within its error
        found = ElasticTensor.from_voigt(tensor)
        bare = Structure(crystal.lattice, [site.specie.symbol for site in crystal], crystal.frac_coords)
        standard = np.asarray(found.convert_to_ieee(bare, initial_fit=False).voigt)
        bounds = [float(getattr(found, name)) for name in ("k_reuss", "k_voigt", "g_reuss", "g_voigt")]
    return Elasticity(label, tier, standard, (bounds[0], bounds[1]), (bounds[2], bounds[3]), residual, n_strains)


def stored_elasticity(cells: StrainedCells, documents: Sequence[CalculationDocument]) -> Elasticity:
    """Return the elasticity of a crystal from its strained cells.

    Parameters
    ----------
    cells : StrainedCells
    documents : sequence of CalculationDocument
        Of the cells, by the numbers of their roles; others are passed over.

    Raises
    ------
    InputError
        If a strained cell has no stress, or not all are there.
    CalculationError
        If the crystal is unstable.
    """
    by_number = {
        one.role.number: one for one in documents if isinstance(one.role, Strained) and one.role.of == cells.label
    }
    missing = len(cells.cells) - len(by_number)
    if missing:
        raise InputError(f"{cells.label}: {missing} of {len(cells.cells)} strained cells have no result")
    ordered = [by_number[k] for k in sorted(by_number)]
    require_real(*ordered)
    require_same_signature({one.label: one.signature for one in ordered})
    if any(one.stress is None for one in ordered):
        raise InputError(f"{cells.label}: a strained cell has no stress")
    stresses = np.array([one.stress for one in ordered])
    fitted = elastic_tensor(cells.crystal, np.array(cells.deformations), stresses, np.array(cells.stress))
    return elasticity(cells.label, ordered[0].tier, cells.crystal, fitted, len(ordered))
