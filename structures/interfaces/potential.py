"""A fast energy between two ionic crystals: formal charges that attract, Born-Mayer shells that repel.

φ(r) = k q₁ q₂ [erfc(α r)/r - erfc(α R)/R] + A exp((r₁ + r₂ - r)/ρ), zero beyond R.

* Charges are the oxidation states, summed with damping and charge neutralisation at the cutoff: D. Wolf et al., J.
  Chem. Phys. 110 (1999) 8254.
* ρ = 0.345 Å: M. Born, J. E. Mayer, Z. Phys. 75 (1932) 1.
* r₁, r₂ are crystal radii: R. D. Shannon, Acta Cryst. A 32 (1976) 751, as tabulated by pymatgen (``ionic_radius``).
* Like charges and neutral atoms: A = C = 0.211 eV, the common prefactor 0.338 · 10⁻¹⁹ J of M. P. Tosi, F. G. Fumi, J.
  Phys. Chem. Solids 25 (1964) 45.
* Unlike charges: A makes d = r₁ + r₂ the bond length of a rock salt of the two ions, in which the Madelung force (M =
  1.7476) is balanced by six bonds
  and by the next neighbours, A = (M/6) k |q₁ q₂| ρ/d² - √2 C [exp((2 r₁ - √2 d)/ρ) + exp((2 r₂ - √2 d)/ρ)]; at least
  half of the first term, where anions touch before the bond has its length.

Nothing in it is fitted to a result. It finds registries and gaps worth relaxing; its energies are not adhesion
energies.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pymatgen.core.periodic_table import Element, Species

from ...configs.arrays import Floats, Ints

__all__ = ["CUTOFF", "PairPotential", "contact_radius", "ionic_radius"]


#: Å, R of the formula: planes further apart feel each other's average charge alone, which is zero
CUTOFF = 9.0
#: 1/Å, α of the formula
DAMPING = 0.25
#: eV Å, e²/(4πε₀), CODATA 2018
COULOMB = 14.399645
#: Å, ρ of the formula
SOFTNESS = 0.345
#: Å, of the table of energies, and its number of points
_STEP, _POINTS = 0.0005, 18_101
#: Å, between Shannon's effective and crystal radii: the former take O2- as 1.40, the latter as 1.26
EFFECTIVE = 0.14
#: Madelung constant of rock salt per neighbour
MADELUNG_SHARE = 1.747565 / 6
#: eV, A of pairs that do not attract
CORE = 0.211


@dataclass(frozen=True)
class PairPotential:
    """Energy of pairs of a kind of ion below and a kind of ion above.

    charges : (m, n) float array, e², products of the oxidation states;
    amplitudes : (m, n) float array, eV;
    radii : (m, n) float array, Å, sums of the ionic radii;
    contacts : (m, n) float array, Å, the larger of the sums of contact radii and of atomic radii (J. C. Slater, J.
    Chem. Phys. 41 (1964) 3199).
    """

    charges: Floats
    amplitudes: Floats
    radii: Floats
    contacts: Floats

    @classmethod
    def between(cls, below: Sequence[Species | Element], above: Sequence[Species | Element]) -> PairPotential:
        """Set up for the kinds of ions `below` (m) and `above` (n)."""
        charges = np.outer([_charge(s) for s in below], [_charge(s) for s in above])
        radii = np.add.outer([ionic_radius(s) for s in below], [ionic_radius(s) for s in above])
        contacts = np.add.outer([contact_radius(s) for s in below], [contact_radius(s) for s in above])
        atomic = np.add.outer([_atomic_radius(s) for s in below], [_atomic_radius(s) for s in above])
        bonded = MADELUNG_SHARE * COULOMB * np.abs(charges) * SOFTNESS / radii**2
        sizes = np.array([ionic_radius(s) for s in below])[:, None], np.array([ionic_radius(s) for s in above])[None, :]
        next_neighbours = sum(np.exp((2 * size - np.sqrt(2) * radii) / SOFTNESS) for size in sizes)
        bonded = np.maximum(bonded - np.sqrt(2) * CORE * next_neighbours, bonded / 2)
        return cls(charges, np.where(charges < 0, bonded, CORE), radii, np.maximum(contacts, atomic))

    @cached_property
    def table(self) -> Floats:
        """Energies (m * n, 18101), eV, on a grid of the distance from 0 to a little beyond the cutoff."""
        from scipy.special import erfc

        r = np.maximum(np.arange(_POINTS) * _STEP, 0.1)
        coulomb = COULOMB * (erfc(DAMPING * r) / r - erfc(DAMPING * CUTOFF) / CUTOFF)
        repulsion = self.amplitudes[..., None] * np.exp((self.radii[..., None] - r) / SOFTNESS)
        return np.asarray(np.where(r < CUTOFF, self.charges[..., None] * coulomb + repulsion, 0.0).reshape(-1, _POINTS))

    def energies(self, kinds: Ints, distances: Floats) -> Floats:
        """Return the energies (p, k), eV, of p pairs at k distances each, from the table's nearest point (0.0005 Å
        apart).

        Parameters
        ----------
        kinds : (2, p) int array
            Numbers of the kinds below and above.
        distances : (p, k) float array, Å
        """
        points = np.minimum(distances * (1 / _STEP) + 0.5, _POINTS - 1).astype(np.int64)
        rows = (kinds[0] * self.charges.shape[1] + kinds[1]) * _POINTS
        return np.asarray(self.table.ravel()[points + rows[:, None]])


def ionic_radius(species: Species | Element) -> float:
    """Return Shannon's crystal radius of an ion, Å.

    A cation whose state is not tabulated has the average of its element. Neutral atoms and untabulated anions, which
    are bonded to each other as in peroxides, disulfides and carbides, have the atomic radius.
    """
    charge = _charge(species)
    if charge == 0:
        return _atomic_radius(species)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # pymatgen says which spin state's radius it took: within 5 % of the bond
        radius = species.ionic_radius if isinstance(species, Species) else None
    if not radius and charge > 0 and isinstance(species, Species):
        radius = species.element.average_cationic_radius
    return float(radius or _atomic_radius(species))


def contact_radius(species: Species | Element) -> float:
    """Return the larger of Shannon's two radii of an ion, Å: an anion's effective radius is 0.14 Å larger than its
    crystal radius, a cation's smaller."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        tabulated = isinstance(species, Species) and _charge(species) < 0 and species.ionic_radius is not None
    return ionic_radius(species) + (EFFECTIVE if tabulated else 0.0)


def _charge(species: Species | Element) -> float:
    return float(getattr(species, "oxi_state", None) or 0.0)


def _atomic_radius(species: Species | Element) -> float:
    element = species.element if isinstance(species, Species) else species
    return float(element.atomic_radius or element.atomic_radius_calculated)
