"""Slabs: every distinct termination of a facet, polar ones mended by sharing the outer plane between the faces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import StructureError, UnknownNameError, near_match_hint
from ..crystals.cells import canonical_order
from ..crystals.crystal import check_distances
from ..crystals.environment import complex_ions, site_charges
from ..crystals.symmetry import operations
from .facet import Facet, Miller, SourceCell, facet, facet_members
from .planes import (
    DIPOLE_TOLERANCE,
    PLANE_WIDTH,
    Termination,
    cutting_heights,
    group_planes,
    opposite_cuts,
    same_height,
    terminations,
)
from .polarity import share_outer_plane

__all__ = ["Slab", "SlabSpec", "build_slab", "flipped", "slabs"]

#: Å; thickness where neither layers nor a thickness are asked for
DEFAULT_THICKNESS = 10.0
#: what a cut does with complex ions
COMPLEX_IONS = ("cut", "reject", "whole")


@dataclass(frozen=True)
class SlabSpec:
    """How slabs are cut.

    Parameters
    ----------
    layers : int or None
        At least so many lattice planes of the average crystal (``Facet.layer``); 10 Å where neither this nor
        `thickness` is given.
    thickness : float or None, Å
        At least so much bulk.
    vacuum : float, Å
        Empty height between the outermost atoms of the slab and of its image.
    fixed_layers : int
        Lattice planes in the middle that are held: ``selective_dynamics`` is set where this is positive.
    reconstruct : bool
        Share the outer plane of polar terminations between both faces, where half of it cancels the dipole.
    equal_faces : bool
        Give both faces the same termination at the price of stoichiometry, where an operation of the crystal
        turns the facet upside down and whole repeats do not do it.
    complex_ions : str
        ``cut``: planar cuts, also through complex ions such as PS4 and CO3; ``reject``: leave out those that break one;
        ``whole``: cut around them, each stays on the side of its central atom.
    plane_width : float, Å
        Atoms within this height form one plane.

    Raises
    ------
    StructureError
        If a number is out of range, or both layers and a thickness are given.
    """

    layers: int | None = None
    thickness: float | None = None
    vacuum: float = 15.0
    fixed_layers: int = 0
    reconstruct: bool = True
    equal_faces: bool = False
    complex_ions: str = "cut"
    plane_width: float = PLANE_WIDTH

    def __post_init__(self) -> None:
        if self.layers is not None and self.thickness is not None:
            raise StructureError("give the slab's thickness either in layers or in Å, not both")
        if self.layers is not None and self.layers < 1:
            raise StructureError(f"a slab needs at least 1 layer, and {self.layers} were asked for")
        if self.thickness is not None and not 0 < self.thickness < np.inf:
            raise StructureError(f"a slab needs a thickness above 0 Å, and {self.thickness:g} Å was asked for")
        if not 0 <= self.vacuum < np.inf:
            raise StructureError(f"the vacuum must be 0 Å or more, and {self.vacuum:g} Å was asked for")
        if self.complex_ions not in COMPLEX_IONS:
            raise UnknownNameError(
                f"complex ions: unknown choice {self.complex_ions!r}; "
                f"{near_match_hint(self.complex_ions, COMPLEX_IONS)}"
            )
        if self.fixed_layers < 0:
            raise StructureError(f"the number of fixed layers must be 0 or more, and {self.fixed_layers} was asked for")

    def height(self, of: Facet) -> float:
        """Return the least thickness of bulk, Å."""
        if self.layers is not None:
            return self.layers * of.layer
        return DEFAULT_THICKNESS if self.thickness is None else self.thickness


@dataclass(frozen=True, eq=False)
class Slab:
    """A slab in its cell.

    Parameters
    ----------
    structure : Structure
        ``a`` and ``b`` in the xy plane, ``a`` along x, ``c`` along z; atoms centred. Site properties: those of the
        source cell, ``layer`` (tag of the material), ``origin`` (index in the source cell), and ``selective_dynamics``
        where asked for.
    facet : Facet
    termination : Termination
        Of the top face.
    tasker : int
        Class of the termination in the average crystal: 1, 2 or 3; a reconstructed slab keeps the 3 of the cut that it
        mends.
    symmetric : bool
        Whether an operation of the slab turns it upside down, so that both faces are equal.
    stoichiometric : bool
        Whether the composition is a whole or fractional multiple of the bulk's.
    dipole : float, e/Å
        Dipole per area along z of the formal charges.
    repeats : int
        Repeats of the facet's spacing that it holds, each of which adds the same dipole.
    n_layers : float
        Lattice planes of the average crystal that the atoms amount to.
    thickness : float, Å
        Height between the outermost atoms.
    area : float, Å²
    vacuum : float, Å
    reconstructed : bool
        Whether the outer plane is shared between the faces.
    """

    structure: Structure
    facet: Facet
    termination: Termination
    tasker: int
    symmetric: bool
    stoichiometric: bool
    dipole: float
    repeats: int
    n_layers: float
    thickness: float
    area: float
    vacuum: float
    reconstructed: bool

    @property
    def repeat_dipole(self) -> float:
        """Dipole per area that each repeat adds, e/Å: moved ions move by all repeats, so that a shared plane, too,
        cancels the same part of every repeat."""
        return self.dipole / self.repeats

    @property
    def polar(self) -> bool:
        """Whether the slab repeats a dipole, the cell that is built being what counts."""
        return abs(self.repeat_dipole) > DIPOLE_TOLERANCE

    @property
    def name(self) -> str:
        """``LCO(104) LiCoO2``."""
        return f"{self.facet.name} {self.termination.label}"

    @property
    def bottom(self) -> str:
        """Composition of the bottom face; that of the top where both are equal or share its plane."""
        return self.termination.label if self.symmetric or self.reconstructed else self.termination.bottom


def slabs(cell: SourceCell, miller: Miller, spec: SlabSpec | None = None, *, exact: bool = False) -> list[Slab]:
    """Return a slab for every symmetry-inequivalent termination of a facet, the most sensible first.

    Slabs of whole repeats are stoichiometric. A cut and its image upside down give the same slab, which is returned
    once unless sharing the outer plane tells them apart. Slabs that repeat a dipole come last.

    Parameters
    ----------
    cell : SourceCell
    miller : tuple of int
        Conventional axes.
    spec : SlabSpec, optional
    exact : bool
        Take this very plane; otherwise the member of its family, where the order of atoms or moments makes
        them differ, that has a slab without a repeat dipole, then the fewest cut complex ions, then the smallest area.

    Raises
    ------
    StructureError
        If the index is 0 0 0, atoms overlap, or every termination cuts complex ions that were to stay whole.
    """
    chosen = spec or SlabSpec()
    best: tuple[tuple[bool, float], list[Slab]] | None = None
    for plane in [facet(cell, miller)] if exact else facet_members(cell, miller):
        found = _slabs_of(plane, chosen)
        cost = min((slab.polar, round(slab.termination.broken_units, 4)) for slab in found)
        if best is None or cost < best[0]:
            best = cost, found
        if cost == (False, 0.0):
            break
    assert best is not None  # a family has the index itself as a member
    return best[1]


def _slabs_of(plane: Facet, spec: SlabSpec) -> list[Slab]:
    """The slabs of one plane; those that repeat a dipole come last."""
    found = terminations(plane, spec.plane_width, whole=spec.complex_ions == "whole")
    if spec.complex_ions == "reject":
        whole = [termination for termination in found if termination.broken_units < 1e-6]
        if not whole:
            least = min(termination.broken_units for termination in found)
            raise StructureError(
                f"{plane.name}: every planar cut breaks bonds inside complex ions, at least {least:.3f} per Å²; "
                "'whole' cuts around them"
            )
        found = whole
    built: list[Slab] = []
    for termination in found:
        slab = build_slab(plane, termination, spec)
        if spec.equal_faces or not any(_same_upside_down(slab, other) for other in built):
            built.append(slab)
    return sorted(built, key=lambda slab: slab.polar)


def build_slab(plane: Facet, termination: Termination, spec: SlabSpec) -> Slab:
    """Return the slab of one termination.

    Raises
    ------
    StructureError
        If atoms overlap, as they do without vacuum.
    """
    top = termination.shift * plane.spacing
    least = spec.height(plane)
    repeats = max(1, int(np.ceil(least / plane.spacing - 1e-6)))
    height = repeats * plane.spacing
    if spec.equal_faces:
        height = _height_between_equal_faces(plane, top, least) or height
    ions = complex_ions(plane.oriented)
    heights = cutting_heights(plane, ions, whole=spec.complex_ions == "whole")
    bulk, sites = _between(plane, heights, top - height, top)
    reconstructed = False
    if spec.reconstruct and termination.polar and termination.half_shared and same_height(height, 0.0, plane.spacing):
        outer = _outer_plane(
            bulk.cart_coords[:, 2] + (heights - plane.oriented.cart_coords[:, 2])[sites], spec.plane_width
        )
        whole = not ions.bound[[sites[k] for k in outer]].any()  # half of a plane of complex ions would break them
        shared = share_outer_plane(bulk, repeats * plane.oriented.lattice.matrix[2], outer) if whole else None
        bulk, reconstructed = (shared, True) if shared is not None else (bulk, False)
    structure, thickness = _in_vacuum(bulk, spec.vacuum, f"{plane.name} {termination.label}")
    if spec.fixed_layers:
        middle, half = structure.lattice.c / 2, spec.fixed_layers * plane.layer / 2
        free = np.abs(structure.cart_coords[:, 2] - middle) > half
        structure.add_site_property("selective_dynamics", [[bool(f)] * 3 for f in free])
    area = float(np.linalg.norm(np.cross(*structure.lattice.matrix[:2])))
    dipole = float(site_charges(structure) @ (structure.cart_coords[:, 2] - structure.lattice.c / 2)) / area
    return Slab(
        structure=structure,
        facet=plane,
        termination=termination,
        tasker=termination.tasker,
        symmetric=_turns_over(structure),
        stoichiometric=_is_multiple(structure, plane.cell.structure),
        dipole=0.0 if abs(dipole) < 1e-9 else dipole,
        repeats=repeats,
        n_layers=round(len(structure) / len(plane.oriented) / (area / plane.area) * plane.spacing / plane.layer, 6),
        thickness=thickness,
        area=area,
        vacuum=spec.vacuum,
        reconstructed=reconstructed,
    )


def flipped(slab: Slab) -> Slab:
    """Return the slab turned upside down about the x axis: its bottom face becomes the top face."""
    a, b, c = slab.structure.lattice.matrix
    lattice = Lattice([a, [-b[0], b[1], 0.0], c])
    positions = slab.structure.cart_coords * np.array([1.0, -1.0, -1.0]) + np.array([0.0, 0.0, c[2]])
    turned = Structure(
        lattice,
        slab.structure.species,
        positions,
        coords_are_cartesian=True,
        to_unit_cell=True,
        site_properties=slab.structure.site_properties,
    )
    termination = (
        slab.termination
        if slab.bottom == slab.termination.label
        else replace(slab.termination, label=slab.bottom, bottom=slab.termination.label)
    )
    return replace(slab, structure=turned, termination=termination, dipole=-slab.dipole if slab.dipole else 0.0)


def _between(plane: Facet, heights: Floats, bottom: float, top: float) -> tuple[Structure, list[int]]:
    """The crystal between two heights, Å, and the site of the oriented cell that each atom repeats.

    The cell's c is the facet's stacking vector times the number of repeats; positions are not wrapped along it.
    `heights` decide which atoms lie between.
    """
    oriented, c = plane.oriented, plane.oriented.lattice.matrix[2]
    sites: list[int] = []
    positions: list[Floats] = []
    for k, (position, height) in enumerate(zip(oriented.cart_coords, heights, strict=True)):
        first = int(np.ceil((bottom - height) / plane.spacing))
        last = int(np.ceil((top - height) / plane.spacing))
        sites += [k] * (last - first)
        positions += [position + n * c for n in range(first, last)]
    lattice = Lattice([*oriented.lattice.matrix[:2], (top - bottom) / plane.spacing * c])
    properties = {name: [values[k] for k in sites] for name, values in oriented.site_properties.items()}
    properties["layer"] = [plane.cell.label] * len(sites)
    return Structure(
        lattice, [oriented[k].specie for k in sites], positions, coords_are_cartesian=True, site_properties=properties
    ), sites


def _in_vacuum(bulk: Structure, vacuum: float, label: str) -> tuple[Structure, float]:
    """The slab in its orthogonal cell, sites of one species together, rising; and the height between its outermost
    atoms, Å."""
    heights = bulk.cart_coords[:, 2]
    thickness = float(np.ptp(heights))
    height = thickness + vacuum
    if height < 1e-3:
        raise StructureError(
            f"{label}: a single plane of atoms without vacuum has no height; ask for more layers or for vacuum"
        )
    lattice = Lattice([*bulk.lattice.matrix[:2], [0.0, 0.0, height]])
    positions = bulk.cart_coords + np.array([0.0, 0.0, (height - heights.max() - heights.min()) / 2])
    coords = positions @ np.linalg.inv(lattice.matrix)
    coords[:, :2] -= np.floor(coords[:, :2] + 1e-9)
    coords[np.abs(coords) < 1e-12] = 0.0
    rising = np.lexsort((coords[:, 1].round(6), coords[:, 0].round(6), coords[:, 2].round(6)))
    properties = {name: [values[k] for k in rising] for name, values in bulk.site_properties.items()}
    slab = canonical_order(
        Structure(lattice, [bulk[int(k)].specie for k in rising], coords[rising], site_properties=properties)
    )
    check_distances(slab, label=label)
    return slab, thickness


def _outer_plane(heights: Floats, width: float) -> list[int]:
    """Indices of the topmost plane of an open stack of atoms."""
    planes = group_planes(heights, float(np.ptp(heights)) + 10.0, width)
    return [int(k) for k in planes[-1]]


def _height_between_equal_faces(plane: Facet, top: float, least: float) -> float | None:
    """Smallest height of at least `least` between the cut at `top` and a bottom cut that is its image upside down; None
    without one."""
    heights = [float(np.mod(top - bottom - 1e-6, plane.spacing)) + 1e-6 for bottom in opposite_cuts(plane, top)]
    return min(
        (h + max(0.0, np.ceil((least - h) / plane.spacing - 1e-6)) * plane.spacing for h in heights), default=None
    )


def _turns_over(structure: Structure) -> bool:
    return bool((operations(structure).rotations[:, 2, 2] == -1).any())


def _is_multiple(structure: Structure, bulk: Structure) -> bool:
    mine, theirs = (Counter(site.specie.symbol for site in cell) for cell in (structure, bulk))
    return all(mine[symbol] * len(bulk) == theirs[symbol] * len(structure) for symbol in mine | theirs)


def _same_upside_down(slab: Slab, other: Slab) -> bool:
    """Whether two unreconstructed slabs of whole repeats are cut at heights that are images of each other upside
    down."""
    if slab.reconstructed or other.reconstructed:
        return False
    spacing = slab.facet.spacing
    return any(
        same_height(slab.termination.shift * spacing, image, spacing)
        for image in opposite_cuts(slab.facet, other.termination.shift * spacing)
    )
