"""What every engine that computes elastic bands is given and answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ..signature import Signature

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["SPRING", "BandOutcome", "EndPoint", "FoundBand", "images_between", "interpolate"]


#: eV/Å², springs between images of ASE's bands
SPRING = 0.1


@dataclass(frozen=True, eq=False)
class BandOutcome:
    """How a band ended.

    Attributes
    ----------
    positions : (n_images, n_atoms, 3) float array, Å
    energies : (n_images,) float array, eV
    forces : (n_images, n_atoms, 3) float array, eV/Å, of the potential
    climbing : int
        Number of the image that climbed.
    max_force : float
        eV/Å, springs included.
    n_steps : int
        Of all attempts.
    """

    positions: Floats
    energies: Floats
    forces: Floats
    climbing: int
    max_force: float
    n_steps: int


@dataclass(frozen=True, eq=False)
class EndPoint:
    """A relaxed cell at which a band ends.

    Attributes
    ----------
    structure : Structure
        Its atoms in the order of the band.
    energy : float, eV
    forces : (n_atoms, 3) float array, eV/Å
    signature : Signature
    """

    structure: Structure
    energy: float
    forces: Floats
    signature: Signature


@dataclass(frozen=True, eq=False)
class FoundBand:
    """A band and what its energies rest on.

    Attributes
    ----------
    outcome : BandOutcome
    tier : str
    signature : Signature
        Of the images and of both end points.
    """

    outcome: BandOutcome
    tier: str
    signature: Signature


def interpolate(images: list[Any]) -> None:
    """Lay the inner images between the outer ones, by the image dependent pair potential.

    Parameters
    ----------
    images : list of Atoms
        Moved in place; none is wrapped.
    """
    from ase.mep.neb import NEB

    with np.errstate(divide="ignore", invalid="ignore"):  # a straight way right through an atom
        NEB(images, k=SPRING, method="improvedtangent").interpolate("idpp", mic=False)


def images_between(ends: tuple[Structure, Structure], n_images: int) -> list[Structure]:
    """Return the images with which a band begins, the end points included.

    Parameters
    ----------
    ends : (Structure, Structure)
        Atoms in one order, each on the same side of the cell's borders.
    n_images : int
        Between them.
    """
    from pymatgen.io.ase import AseAtomsAdaptor

    first, last = (AseAtomsAdaptor.get_atoms(Structure(e.lattice, _symbols(e), e.frac_coords), False) for e in ends)
    atoms: list[Atoms] = [first, *(first.copy() for _ in range(n_images)), last]
    interpolate(atoms)
    initial = ends[0]
    return [
        Structure(
            initial.lattice,
            initial.species_and_occu,
            one.get_positions(),
            coords_are_cartesian=True,
            site_properties=initial.site_properties,
        )
        for one in atoms
    ]


def _symbols(structure: Structure) -> list[str]:
    return [site.specie.symbol for site in structure]
