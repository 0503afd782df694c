"""Layered geometry: thickness of metal and lithium layers, oxygen distances, mixing, and the class of every layer.

Oxygen planes come from :mod:`.planes`, classes from :mod:`.classes`. Between two neighbouring
planes lies a layer of cations, metal and lithium in turn. With z the oxygen coordinate of an R-3m cell
that has its metal at the origin::

    S(MO2)  = 2 (1/3 - z) c          distance of the oxygen planes around a metal layer
    I(LiO2) = c/3 - S(MO2)           distance of the oxygen planes around a lithium layer
    O-O     = √(a²/3 + I²)           inclined edge of the LiO6 octahedra, across the lithium layer

(slab and interslab space as in C. Delmas, C. Fouassier, P. Hagenmuller, Physica B+C 99 (1980) 81, and
K. Kang, G. Ceder, Phys. Rev. B 74 (2006) 094105). "Metal" is every cation but lithium. In the other
setting, lithium at the origin, 2 (1/3 - z) c is the lithium layer: where a source gives S > I for a
lithiated oxide, its labels are exchanged. Wide and prismatic (P2, P3) lithium layers are measured alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Bools, Floats
from ...structures.surfaces.planes import group_planes
from .classes import LayerClass, SortedCations, sort_cations
from .oxygen_framework import Framework, oxygen_framework
from .planes import PlaneFamily

__all__ = ["AtomicPlane", "CationLayer", "LayeredGeometry", "layered_geometry"]

Role = Literal["metal", "lithium", "any"]

#: degrees; a slab whose oxygen planes make a larger angle with the surface is described plane by plane parallel to the
#: surface
INCLINED = 15.0
#: Å; cations within this height form one atomic plane of a slab
PLANE_WIDTH = 1.0


@dataclass(frozen=True)
class CationLayer:
    """The cations between two neighbouring planes of oxygen.

    Parameters
    ----------
    role : {"metal", "lithium", "any"}
        Metal layers are every second one, those with more metal; ``any`` where all are alike.
    thickness : float or None, Å
        Distance of its oxygen planes: S(MO2) or I(LiO2); None at a surface that has one plane only.
    o_o : float or None, Å
        Mean inclined distance of oxygen across the layer.
    lithium, metal : int
        Atoms in the cell.
    sites : float
        Octahedral sites in the cell: the mean number of oxygen atoms of its planes.
    structure : str
        One of :data:`.classes.LAYER_CLASSES`, of the layer with the halves of its two neighbours.
    segregation : tuple of float
        Along the families of planes, that of the layers first.
    """

    role: Role
    thickness: float | None
    o_o: float | None
    lithium: int
    metal: int
    sites: float
    structure: LayerClass
    segregation: tuple[float, ...]


@dataclass(frozen=True)
class AtomicPlane:
    """A plane of cations parallel to a surface that cuts the layers.

    Parameters
    ----------
    height : float, Å
        Above the lowest cations.
    lithium, metal : int
    s_mo2, i_lio2 : float or None, Å
        Mean height along the stacking direction of the octahedra in metal and in lithium layers that have their centre
        in the plane.
    structure, segregation
        As for :class:`CationLayer`, of the plane counted twice with its two neighbours.
    """

    height: float
    lithium: int
    metal: int
    s_mo2: float | None
    i_lio2: float | None
    structure: LayerClass
    segregation: tuple[float, ...]


@dataclass(frozen=True)
class LayeredGeometry:
    """Layered geometry of one structure.

    Parameters
    ----------
    structure : str
        One of :data:`.classes.LAYER_CLASSES`, of the whole oxide part.
    segregation : tuple of float
        Along the families of planes, the stacking direction first.
    s_mo2, i_lio2 : float or None, Å
        Means over the layers, weighted with their sites; where metal and lithium layers cannot be told apart, the
        distance of planes, twice.
    o_o_li_layer : float or None, Å
        Mean inclined distance of oxygen across the lithium layers.
    o_o_in_plane : float, Å
        Mean distance of neighbours within the planes.
    tm_in_li_layer, li_in_tm_layer : float
        Metal atoms per octahedral site of the lithium layers, lithium atoms per site of the metal layers (1/3 in
        Li2MnO3).
    normal : tuple of float
        Stacking direction, Cartesian unit vector.
    inclination : float or None
        Degrees between the oxygen planes and the surface; None for a crystal.
    layers : tuple of CationLayer
        Along the stacking direction; in a crystal those of one period.
    planes : tuple of AtomicPlane
        From the bottom up; empty unless the layers cut the surface.
    n_oxygen : int
        Oxygen atoms that the numbers are of.
    left_out : int
        Other oxygen atoms: those of carbonate, phosphate and tungstate, or of another part.
    """

    structure: LayerClass
    segregation: tuple[float, ...]
    s_mo2: float | None
    i_lio2: float | None
    o_o_li_layer: float | None
    o_o_in_plane: float
    tm_in_li_layer: float
    li_in_tm_layer: float
    normal: tuple[float, float, float]
    inclination: float | None
    layers: tuple[CationLayer, ...]
    planes: tuple[AtomicPlane, ...]
    n_oxygen: int
    left_out: int

    @property
    def shares(self) -> dict[LayerClass, float]:
        """Share of the metal atoms in layers of each class: of the atomic planes where there are such, else of the
        layers along the stacking."""
        counts: dict[LayerClass, int] = {}
        for layer in self.planes or self.layers:
            counts[layer.structure] = counts.get(layer.structure, 0) + layer.metal
        total = sum(counts.values())
        return {name: number / total for name, number in counts.items() if number}


def layered_geometry(
    structure: Structure, parts: tuple[str, ...] = (), *, planes: bool | None = None
) -> LayeredGeometry:
    """Measure the layered geometry of an oxide: a crystal, a slab, or the oxide part of an interface.

    Parameters
    ----------
    structure : Structure
        Ordered; oxidation states are not needed.
    parts : tuple of str
        Layer tags (site property ``layer``) of the oxide; all where left out.
    planes : bool, optional
        Describe atomic planes parallel to the surface (of a crystal: to its a and b) too; where left out, if the layers
        cut the surface.

    Raises
    ------
    StructureError
        If the structure is disordered or holds no close-packed oxide; see :func:`.oxygen_framework.oxygen_framework`.
    """
    framework = oxygen_framework(structure, parts)
    found = sort_cations(framework)
    family = found.families[0]
    layers = tuple(_layer(found, gap) for gap in family.gaps() if _is_layer(found, gap))
    metal, lithium = (
        [layer for layer in layers if layer.role != "lithium"],
        [layer for layer in layers if layer.role != "metal"],
    )
    surface = framework.surface_normal
    inclination = None if surface is None else math.degrees(math.acos(min(1.0, abs(float(surface @ family.normal)))))
    wanted = _cuts_the_surface(structure, inclination, family) if planes is None else planes
    return LayeredGeometry(
        structure=found.class_of(found.segregation, np.ones(len(framework.cations), dtype=bool)),
        segregation=_rounded(found.segregation),
        s_mo2=_mean([(layer.thickness, layer.sites) for layer in metal]),
        i_lio2=_mean([(layer.thickness, layer.sites) for layer in lithium]),
        o_o_li_layer=_mean([(layer.o_o, layer.sites) for layer in lithium]),
        o_o_in_plane=_in_plane_distance(framework, family),
        tm_in_li_layer=sum(layer.metal for layer in lithium) / (sum(layer.sites for layer in lithium) or 1.0),
        li_in_tm_layer=sum(layer.lithium for layer in metal) / (sum(layer.sites for layer in metal) or 1.0),
        normal=(float(family.normal[0]), float(family.normal[1]), float(family.normal[2])),
        inclination=inclination,
        layers=layers,
        planes=_atomic_planes(found) if wanted else (),
        n_oxygen=len(framework.oxygen),
        left_out=sum(site.specie.symbol == "O" for site in structure) - len(framework.oxygen),
    )


def _is_layer(found: SortedCations, gap: int) -> bool:
    """Whether a gap lies between two planes, or holds cations at a surface."""
    filled = bool((found.gaps[0] == gap).any())
    return filled or math.isfinite(found.families[0].thickness(gap))


def _layer(found: SortedCations, gap: int) -> CationLayer:
    family, side = found.families[0], found.side(gap)
    here = found.gaps[0] == gap
    neighbours = [int(g) for g in family.wrapped(np.array([gap - 1, gap + 1])) if _is_layer(found, int(g))]
    segregation = _layer_segregation(found, gap, neighbours)
    thickness = family.thickness(gap)
    roles: dict[int, Role] = {1: "metal", -1: "lithium", 0: "any"}
    return CationLayer(
        role=roles[side],
        thickness=thickness if np.isfinite(thickness) else None,
        o_o=_across(found.framework, family, gap),
        lithium=int((here & found.lithium).sum()),
        metal=int((here & ~found.lithium).sum()),
        sites=family.octahedra(gap),
        structure=found.class_of(segregation, here | np.isin(found.gaps[0], neighbours)),
        segregation=_rounded(segregation),
    )


def _layer_segregation(found: SortedCations, gap: int, neighbours: list[int]) -> Floats:
    """Segregation (f,) of a layer with the halves of its neighbours; along the stacking direction per site, for the
    halves differ at surfaces."""
    family, side = found.families[0], found.side(gap)
    here = found.gaps[0] == gap
    values = found.mixed(here + sum(0.5 * (found.gaps[0] == g) for g in neighbours))
    own = (found.metal & here).sum() / max(family.octahedra(gap), 1e-9)
    other = sum((found.metal & (found.gaps[0] == g)).sum() for g in neighbours) / max(
        sum(family.octahedra(g) for g in neighbours), 1e-9
    )
    values[0] = side * (own - other) / (own + other) if own + other else 0.0
    return values


def _across(framework: Framework, family: PlaneFamily, gap: int) -> float | None:
    """Mean distance, Å, of oxygen on one face of a gap to the nearest ones of the other face, which share an
    octahedron's edge with them.

    Their lateral offset is below √3/2 of the distance in the plane: 1/√3 of it above octahedral sites, none above
    prismatic ones, 2/√3 for the next.
    """
    heights = framework.wide @ family.normal
    lateral = np.linalg.norm(framework.wide - heights[:, None] * family.normal, axis=1)
    up = (family.levels[framework.wide_from] == gap) & (np.rint(heights / family.spacing) == 1)
    lengths = np.linalg.norm(
        framework.wide[up & (lateral < np.sqrt(3) / 2 * _in_plane_distance(framework, family))], axis=1
    )
    return float(lengths.mean()) if len(lengths) else None


def _in_plane_distance(framework: Framework, family: PlaneFamily) -> float:
    flat = np.rint(framework.vectors @ family.normal / family.spacing) == 0
    return float(np.linalg.norm(framework.vectors[flat], axis=1).mean()) if flat.any() else framework.distance


def _cuts_the_surface(structure: Structure, inclination: float | None, family: PlaneFamily) -> bool:
    """Whether layers are to be told plane by plane: a slab or a stack of several oxides whose layers are inclined."""
    if inclination is not None:
        return inclination > INCLINED
    tags = structure.site_properties.get("layer")
    if (
        tags is None
        or len({str(tag) for tag, site in zip(tags, structure, strict=True) if site.specie.symbol == "O"}) < 2
    ):
        return False
    return abs(float(_plane_normal(structure) @ family.normal)) < math.cos(math.radians(INCLINED))


def _plane_normal(structure: Structure) -> Floats:
    normal = np.cross(structure.lattice.matrix[0], structure.lattice.matrix[1])
    return np.asarray(normal / np.linalg.norm(normal) * np.sign(normal @ structure.lattice.matrix[2]))


def _atomic_planes(found: SortedCations) -> tuple[AtomicPlane, ...]:
    framework = found.framework
    surface = framework.surface_normal
    normal = _plane_normal(framework.structure) if surface is None else surface
    across = framework.structure.lattice.matrix[:2] if surface is None else framework.translations
    period = framework.structure.volume / float(np.linalg.norm(np.cross(*across)))
    heights = np.mod(framework.structure.cart_coords[framework.cations] @ normal, period)
    groups = group_planes(heights, period, PLANE_WIDTH)
    heights = np.mod(heights - heights[groups[0][0]] + PLANE_WIDTH, period) - PLANE_WIDTH
    thickness = np.add(*found.families[0].cation_heights(framework))
    members = [np.isin(np.arange(len(heights)), group) for group in groups]
    planes = []
    for mine, segregation in zip(members, _plane_segregations(found, members, closed=surface is None), strict=True):
        planes.append(
            AtomicPlane(
                height=float(heights[mine].mean()),
                lithium=int((mine & found.lithium).sum()),
                metal=int((mine & ~found.lithium).sum()),
                s_mo2=_finite_mean(thickness[mine & (found.sides[0] >= 0)]),
                i_lio2=_finite_mean(thickness[mine & (found.sides[0] <= 0)]),
                structure=found.class_of(segregation, mine),
                segregation=_rounded(segregation),
            )
        )
    return tuple(planes)


def _plane_segregations(found: SortedCations, members: list[Bools], *, closed: bool) -> list[Floats]:
    """Segregation (f,) of each atomic plane, counted twice, with its two neighbours; planes without octahedral metal
    count as their neighbours do.

    `closed` : the last plane is a neighbour of the first.
    """
    own = [found.mixed(mine.astype(float)) if (mine & found.metal).any() else None for mine in members]
    smooth = []
    for k in range(len(members)):
        parts = [(2.0, own[k])]
        for direction in (1, -1):
            places = [
                (k + direction * step) % len(own) if closed else k + direction * step for step in range(1, len(own))
            ]
            near = [own[place] for place in places if 0 <= place < len(own) and own[place] is not None]
            parts.append((1.0, near[0] if near else None))
        known = [(weight, values) for weight, values in parts if values is not None]
        weights = [weight for weight, _ in known]
        smooth.append(
            np.average([values for _, values in known], axis=0, weights=weights)
            if known
            else np.zeros(len(found.families))
        )
    return smooth


def _mean(values: list[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None]
    return float(np.average([value for value, _ in known], weights=[weight for _, weight in known])) if known else None


def _finite_mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), 6) + 0.0 for value in values)
