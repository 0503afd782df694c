"""The outer layers of an oxide slab: its planes of metal, and the sites of a region that is converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError, StructureError
from ..crystals.redox import net_charge

__all__ = ["Faces", "OxideSlab", "Region", "outer_regions", "oxide_slab"]

Faces = Literal["both", "top", "bottom"]
#: Å; cations whose heights differ by less lie in one plane
PLANE = 0.5
#: Å; the vacuum of a slab is at least this wide
VACUUM = 4.0


@dataclass(frozen=True)
class OxideSlab:
    """What the conversion needs to know of a slab.

    heights : (n_sites,) Å along the normal, from the lowest atom, unwrapped across the cell's boundary;
    metal : sites of the metal sublattice, whatever sits there; lithium : the other lithium sites;
    planes : metal sites of each plane, the lowest first.
    """

    structure: Structure
    heights: Floats
    metal: list[int]
    lithium: list[int]
    planes: list[list[int]]


@dataclass(frozen=True)
class Region:
    """Sites of the converted region on one face.

    metal : metal sites; lithium : lithium sites that are replaced for sure; partly : a sheet of which `n_partly` are;
    oxygen : oxygen sites; boundary : Å, height at which the region ends; outward : +1 for the top, -1 for the bottom.
    """

    metal: list[int]
    lithium: list[int]
    partly: list[int]
    n_partly: int
    oxygen: list[int]
    boundary: float
    outward: int


def oxide_slab(structure: Structure) -> OxideSlab:
    name = structure.composition.reduced_formula
    if not structure.is_ordered:
        raise StructureError(
            f"{name}: a reconstruction needs an ordered slab, and this one has partial occupancies; order it first"
        )
    if abs(charge := net_charge(structure)) > 1e-6:
        raise StructureError(f"{name}: the slab has a charge of {charge:+g} e, and a neutral one is needed")
    lattice = structure.lattice
    if np.abs(lattice.matrix[2] @ lattice.matrix[:2].T).max() > 1e-3 * lattice.c:
        raise StructureError(f"{name}: c is not perpendicular to the surface; a slab with c along its normal is needed")
    heights = _heights(structure)
    symbols = [site.specie.symbol for site in structure]
    labels = structure.site_properties.get("wyckoff_label") or symbols
    sublattice = {label for label, site in zip(labels, structure, strict=True) if site.specie.is_transition_metal}
    metal = [i for i, label in enumerate(labels) if label in sublattice]
    lithium = [i for i, symbol in enumerate(symbols) if symbol == "Li" and i not in set(metal)]
    if not metal or not lithium or "O" not in symbols:
        raise StructureError(f"{name} is no layered oxide: lithium, a transition metal and oxygen are needed")
    return OxideSlab(structure, heights, metal, lithium, _planes(metal, heights))


def _heights(structure: Structure) -> Floats:
    """Å along the normal from the lowest atom; the widest gap is the vacuum."""
    fractions = structure.frac_coords[:, 2] % 1.0
    ranked = np.sort(fractions)
    gaps = np.diff(np.append(ranked, ranked[0] + 1.0))
    widest = int(gaps.argmax())
    if gaps[widest] * structure.lattice.c < VACUUM:
        raise StructureError(
            f"{structure.composition.reduced_formula}: the widest gap is {gaps[widest] * structure.lattice.c:.2f} Å, "
            f"and a slab has a vacuum of at least {VACUUM} Å"
        )
    lowest = ranked[(widest + 1) % len(ranked)]
    # an atom that sits a rounding error below the lowest one is not a cell higher
    heights: Floats = ((fractions - lowest + 1e-9) % 1.0 - 1e-9) * structure.lattice.c
    return heights


def _planes(sites: list[int], heights: Floats) -> list[list[int]]:
    ranked = sorted(sites, key=lambda i: (heights[i], i))
    planes: list[list[int]] = []
    for site in ranked:
        if planes and heights[site] - heights[planes[-1][0]] < PLANE:
            planes[-1].append(site)
        else:
            planes.append([site])
    return planes


def outer_regions(slab: OxideSlab, n_layers: int, faces: Faces) -> list[Region]:
    if n_layers < 1:
        raise InputError(f"{n_layers} layers were asked for; at least 1 is converted")
    used = n_layers * (2 if faces == "both" else 1)
    if used >= len(slab.planes):
        raise StructureError(
            f"{used} of the slab's {len(slab.planes)} layers would be converted, and at least one has to stay; take "
            "fewer layers, one face, or a thicker slab"
        )
    return [
        _region(slab, n_layers, outward)
        for outward in ((1, -1) if faces == "both" else (1,) if faces == "top" else (-1,))
    ]


def _region(slab: OxideSlab, n_layers: int, outward: int) -> Region:
    planes = slab.planes[::-1] if outward > 0 else slab.planes
    metal = [i for plane in planes[:n_layers] for i in plane]
    first, last = (float(slab.heights[planes[k]].mean()) for k in (n_layers - 1, n_layers))
    boundary = (first + last) / 2
    sheets = _planes(slab.lithium, slab.heights)
    lithium: list[int] = []
    partly: list[int] = []
    for sheet in sheets[::-1] if outward > 0 else sheets:
        if len(lithium) + len(sheet) > len(metal):
            partly = sheet
            break
        lithium += sheet
    n_partly = len(metal) - len(lithium)
    if n_partly > len(partly):
        raise StructureError(
            f"{slab.structure.composition.reduced_formula}: the region needs {len(metal)} lithium sites to fill with "
            f"metal, and there are {len(lithium)}; a slab with all its lithium is needed"
        )
    oxygen = [
        i
        for i, site in enumerate(slab.structure)
        if site.specie.symbol == "O" and outward * (slab.heights[i] - boundary) > 0
    ]
    return Region(metal, lithium, partly if n_partly else [], n_partly, oxygen, boundary, outward)
