"""Where the atoms of slabs and stacks lie below a face, and which of them stand for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ..crystals.symmetry import space_group
from .vacancy import SYMMETRY_PRECISION

__all__ = ["VACUUM", "Part", "StackDepths", "depths", "distinct_sites", "has_vacuum", "spread", "stack_depths"]

#: Å; a slab has at least so much empty height
VACUUM = 5.0


@dataclass(frozen=True)
class Part:
    """One material of a stack.

    Parameters
    ----------
    name : str
        Tag of its atoms.
    low, high : float, Å
        Heights of its outermost atoms.
    joined : (bool, bool)
        Whether another part touches it from below, and from above.
    """

    name: str
    low: float
    high: float
    joined: tuple[bool, bool]

    @property
    def half(self) -> float:
        """Largest depth that an atom of it can have, Å."""
        return (self.high - self.low) / (2 if all(self.joined) else 1)


@dataclass(frozen=True)
class StackDepths:
    """Heights and depths of a stack's atoms.

    Parameters
    ----------
    heights : (n,) float array, Å
        Along the normal, from the lowest atom of the lowest part on; parts are whole.
    depths : (n,) float array, Å
        Below the nearer joined face of the atom's own part.
    parts : tuple of Part
        From the bottom up.
    tags : tuple of str
        Part of each atom.
    period : float, Å
        Height of the cell.
    area : float, Å²
    """

    heights: Floats
    depths: Floats
    parts: tuple[Part, ...]
    tags: tuple[str, ...]
    period: float
    area: float

    @property
    def joints(self) -> list[float]:
        """Heights of the joints, half the way between the faces, Å: in a stack without vacuum the last is that across
        the top."""
        pairs = [*pairwise(self.parts), (self.parts[-1], self.parts[0])]
        up = [0.0] * (len(pairs) - 1) + [self.period]
        return [
            (below.high + above.low + shift) / 2
            for (below, above), shift in zip(pairs, up, strict=True)
            if below.joined[1]
        ]


def _normal(structure: Structure) -> tuple[Floats, float, float]:
    """Heights in fractions of the cell, height of the cell, Å, and area, Å²."""
    matrix = structure.lattice.matrix
    normal = np.cross(matrix[0], matrix[1])
    area = float(np.linalg.norm(normal))
    return structure.frac_coords[:, 2] % 1.0, abs(float(matrix[2] @ normal / area)), area


def _widest_gap(structure: Structure) -> tuple[float, float]:
    """Height of the widest empty layer, Å, and where the atoms above it begin, a fraction of the cell."""
    fractions, tall, _ = _normal(structure)
    levels = np.sort(fractions)
    gaps = np.diff([*levels, levels[0] + 1.0])
    widest = int(gaps.argmax())
    return float(gaps[widest]) * tall, float(levels[(widest + 1) % len(levels)])


def has_vacuum(structure: Structure) -> bool:
    """Whether a cell is a slab: empty over :data:`VACUUM` along the normal of its first two lattice vectors."""
    return _widest_gap(structure)[0] >= VACUUM


def depths(structure: Structure) -> tuple[Floats, float]:
    """Return the depth of each atom below the nearer face, (n,) Å, and half the height of the slab.

    Parameters
    ----------
    structure : Structure
        A slab whose faces are parallel to the first two lattice vectors.

    Raises
    ------
    InputError
        If there is no vacuum.
    """
    gap, bottom = _widest_gap(structure)
    if gap < VACUUM:
        raise InputError(f"{structure.composition.reduced_formula}: a slab in vacuum is needed, and there is no vacuum")
    tall = _normal(structure)[1]
    heights = (structure.frac_coords[:, 2] - bottom + 1e-9) % 1.0 * tall
    top = float(heights.max())
    return np.minimum(heights, top - heights), top / 2


def stack_depths(structure: Structure) -> StackDepths:
    """Return where the atoms of a stack lie.

    Parameters
    ----------
    structure : Structure
        Its site property ``layer`` names the material of each atom; faces are parallel to the first two lattice
        vectors.

    Raises
    ------
    InputError
        If atoms have no tag, or all have the same.
    """
    tags = structure.site_properties.get("layer")
    formula = structure.composition.reduced_formula
    if not tags or None in tags:
        raise InputError(
            f"{formula}: the sites have no property 'layer', and which atoms belong to which material is not known; "
            "take a stack that the section 'interface' builds, or write the tags into the file"
        )
    names = list(dict.fromkeys(tags))
    if len(names) < 2:
        raise InputError(f"{formula}: all atoms are tagged {names[0]}, and a stack has at least two materials")
    fractions, tall, area = _normal(structure)
    whole, middles = np.zeros(len(structure)), dict[str, float]()
    for name in names:
        mine = np.array([tag == name for tag in tags])
        middle = _middle(fractions[mine])
        whole[mine] = middle + (fractions[mine] - middle + 0.5) % 1.0 - 0.5
        middles[name] = middle
    order = sorted(names, key=middles.__getitem__)
    faces = {name: [f(whole[[tag == name for tag in tags]]) * tall for f in (np.min, np.max)] for name in names}
    gaps = [faces[above][0] - faces[below][1] for below, above in pairwise(order)]
    gaps.append(faces[order[0]][0] + tall - faces[order[-1]][1])
    open_ = [bool(gap > VACUUM) for gap in gaps]
    if True in open_[:-1]:  # the vacuum lies within the cell: what is above it comes first
        first = open_.index(True) + 1
        moved = set(order[first:])
        whole = whole - np.array([float(tag in moved) for tag in tags])
        order = order[first:] + order[:first]
        open_ = open_[first:] + open_[:first]
    heights = whole * tall
    heights -= min(heights[[tag == order[0] for tag in tags]])
    parts, below = [], np.zeros(len(structure))
    for k, name in enumerate(order):
        mine = np.array([tag == name for tag in tags])
        joined = not open_[k - 1], not open_[k]
        part = Part(name, float(heights[mine].min()), float(heights[mine].max()), joined)
        away = [heights[mine] - part.low] * joined[0] + [part.high - heights[mine]] * joined[1]
        below[mine] = np.min(away, axis=0) if away else np.inf
        parts.append(part)
    return StackDepths(heights, below, tuple(parts), tuple(map(str, tags)), tall, area)


def _middle(fractions: Floats) -> float:
    """Mean on the circle, 0 to 1."""
    return float(np.angle(np.exp(2j * np.pi * fractions).sum()) / (2 * np.pi) % 1.0)


def distinct_sites(structure: Structure, element: str) -> list[tuple[int, ...]]:
    """Return the sites of an element, those that symmetry makes equal together, in the order of the first of each."""
    bare = Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)
    equal = np.asarray(space_group(bare, SYMMETRY_PRECISION).get_symmetry_dataset().equivalent_atoms)
    classes: dict[int, list[int]] = {}
    for index, site in enumerate(structure):
        if site.specie.symbol == element:
            classes.setdefault(int(equal[index]), []).append(index)
    return [tuple(members) for members in classes.values()]


def spread(sites: Sequence[int], below: Floats, most: int) -> list[int]:
    """Return at most `most` sites, evenly over the order of their depths, the shallowest and the deepest among them.

    Parameters
    ----------
    sites : sequence of int
    below : (n,) float array, Å
        Depth of every atom of the cell.
    most : int
    """
    ranked = sorted(sites, key=lambda site: (round(float(below[site]), 3), site))
    if len(ranked) <= most:
        return ranked
    if most == 1:
        return ranked[:1]
    return [ranked[k] for k in np.linspace(0, len(ranked) - 1, most).round().astype(int)]
