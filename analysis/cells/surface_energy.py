"""Surface energies of stoichiometric slabs.

γ = (E_slab - N E_bulk) / 2A is the mean of the two faces; with equal faces it is that of each. A bulk
energy from another cell leaves an error that grows with the thickness, because its k points differ; the slope of
E_slab(N) has none (V. Fiorentini and M. Methfessel, J. Phys.: Condens. Matter 8 (1996) 6525).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.constants import J_PER_M2
from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, require_real, require_same_signature

__all__ = ["SurfaceEnergy", "fitted_surface_energy", "surface_energy"]


@dataclass(frozen=True)
class SurfaceEnergy:
    """A surface energy and what it rests on.

    Parameters
    ----------
    value : float, eV/Å²
    bulk_energy : float, eV/atom
    area : float, Å²
        Of one face.
    n_atoms : tuple of int
        Of the slabs.
    residual : float, eV/Å²
        Root mean square deviation of the slabs from the straight line, per area of both faces; 0 for one slab.
    """

    value: float
    bulk_energy: float
    area: float
    n_atoms: tuple[int, ...]
    residual: float = 0.0

    @property
    def joule_per_square_metre(self) -> float:
        """The value in J/m²."""
        return self.value * J_PER_M2


def surface_energy(slab: CalculationDocument, bulk: CalculationDocument) -> SurfaceEnergy:
    """Return the surface energy of a slab against the bulk.

    Parameters
    ----------
    slab : CalculationDocument
        ``a`` and ``b`` of its cell span the face.
    bulk : CalculationDocument

    Raises
    ------
    SignatureMismatchError
        If the energies may not be subtracted.
    InputError
        If the slab's composition is no multiple of the bulk's.
    """
    require_real(slab, bulk)
    require_same_signature({f"slab {slab.label}": slab.signature, f"bulk {bulk.label}": bulk.signature})
    _require_same_composition([slab, bulk])
    area = _area(slab.structure)
    excess = slab.energy - len(slab.structure) * bulk.energy / len(bulk.structure)
    return SurfaceEnergy(excess / (2 * area), bulk.energy / len(bulk.structure), area, (len(slab.structure),))


def fitted_surface_energy(slabs: Sequence[CalculationDocument]) -> SurfaceEnergy:
    """Return the surface energy from slabs of one face and at least two thicknesses, without a bulk calculation.

    E(N) = N e + 2 A γ is fitted by least squares, all slabs counted alike.

    Raises
    ------
    SignatureMismatchError
        If the energies may not be subtracted.
    InputError
        If there are fewer than two thicknesses, or areas or compositions differ.
    """
    require_real(*slabs)
    sizes = tuple(len(slab.structure) for slab in slabs)
    if len(set(sizes)) < 2:
        raise InputError(
            f"a surface energy from the slope needs slabs of at least 2 thicknesses, and {len(set(sizes))} was given"
        )
    require_same_signature(
        {f"slab {k} {slab.label} ({len(slab.structure)} atoms)": slab.signature for k, slab in enumerate(slabs, 1)}
    )
    _require_same_composition(slabs)
    areas = np.array([_area(slab.structure) for slab in slabs])
    if np.ptp(areas) > 1e-3 * areas[0]:
        raise InputError(
            f"the slabs have different areas, {areas.min():.3f} to {areas.max():.3f} Å²; they must share the in-plane "
            "cell"
        )
    energies = np.array([slab.energy for slab in slabs])
    columns = np.column_stack([sizes, 2 * areas])
    (bulk, value), *_ = np.linalg.lstsq(columns, energies, rcond=None)
    misfit = float(np.sqrt(np.mean((columns @ [bulk, value] - energies) ** 2)) / (2 * areas[0]))
    return SurfaceEnergy(float(value), float(bulk), float(areas[0]), sizes, misfit)


def _area(structure: Structure) -> float:
    return float(np.linalg.norm(np.cross(*structure.lattice.matrix[:2])))


def _require_same_composition(documents: Sequence[CalculationDocument]) -> None:
    first = documents[0].structure.composition.element_composition.fractional_composition
    for document in documents[1:]:
        other = document.structure.composition.element_composition.fractional_composition
        if not first.almost_equals(other, rtol=1e-6, atol=1e-6):
            names = (
                f"{documents[0].structure.composition.remove_charges().formula} and "
                f"{document.structure.composition.remove_charges().formula}"
            )
            raise InputError(f"{names}: a surface energy needs slabs whose composition is a multiple of the bulk's")
