"""What the jobs of hops answer with: the cells at whose vacancies hops begin and end, and the images of a band between
two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core.structure import Structure

from ..configs.models import Tier
from ..configs.trust import trust_of
from .documents import Signature, is_stamped

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Band", "BandImages", "HopCells", "HopPlace"]


class HopPlace(BaseModel):
    """Which atom goes where, by the sites of the cell without vacancies.

    start, end : index of the site that the ion leaves, and of that which it takes; image : cell of the latter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    element: str
    start: int
    end: int
    image: tuple[int, int, int] = (0, 0, 0)


class HopCells(BaseModel):
    """Cells with a vacancy each, made of one relaxed crystal.

    in_cell, hops : the hops by the sites of `crystal`, and by those of the supercell; cells : with a vacancy each;
    ends : (n_hops, 2) the cells in which each hop begins and ends.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["hops"] = "hops"
    label: str
    crystal: Structure
    supercell: tuple[int, int, int]
    onto: str = Field(description="element whose vacant sites are taken")
    in_cell: list[HopPlace]
    hops: list[HopPlace]
    cells: list[Structure]
    ends: list[tuple[int, int]]


class Band(BaseModel):
    """A converged band.

    positions : (n_images, n_sites, 3) Å, end points included, each atom on one side of the cell's borders; energies :
    (n_images,) eV; forces : (n_images, n_sites, 3) eV/Å, those of the potential, without springs.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["band"] = "band"
    label: str
    tier: Tier
    signature: Signature
    hop: HopPlace
    moving: int = Field(description="index of the ion in `structure`")
    structure: Structure = Field(description="first end point; species and cell of all images")
    positions: list[list[list[float]]]
    energies: list[float]
    forces: list[list[list[float]]]
    climbing: int = Field(description="number of the image that climbed")
    max_force: float = Field(description="eV/Å, largest force across the band, springs included, at the end")
    n_steps: int
    settings: dict[str, float | int]

    @property
    def rehearsed(self) -> bool:
        """Whether its energies are invented."""
        return trust_of(self.tier).placeholder or is_stamped(self.signature.version)

    def image(self, number: int) -> Structure:
        """One image with the sites of :attr:`structure`, in its order."""
        first = self.structure
        return Structure(
            first.lattice,
            first.species_and_occu,
            self.positions[number],
            coords_are_cartesian=True,
            site_properties=first.site_properties,
        )

    def frames(self) -> list[Atoms]:
        """Images as ASE's atoms, with energy and forces of the potential."""
        from ase.calculators.singlepoint import SinglePointCalculator
        from pymatgen.io.ase import AseAtomsAdaptor

        frames = []
        for positions, energy, forces in zip(self.positions, self.energies, self.forces, strict=True):
            atoms = AseAtomsAdaptor.get_atoms(self.structure, msonable=False)
            atoms.set_positions(positions)
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
            frames.append(atoms)
        return frames


class BandImages(BaseModel):
    """Images of a band that another engine computes too.

    numbers : of the images, 0 for the first end point; cells : those images, atoms in one order.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["images"] = "images"
    label: str
    hop: HopPlace
    numbers: list[int]
    cells: list[Structure]
