"""Domains of lithium-rich layered oxides, and the oxygen atoms between two lithium atoms.

In Li2MnO3 every lithium atom of the metal layer has six metal neighbours in its layer (a LiM6 unit of the
honeycomb) and every metal atom three lithium and three metal neighbours; in LiMO2 all six are metal. A
metal atom belongs to the nearer of the two: to Li2MnO3 where more than a quarter of its neighbours are lithium.

The lithium that faces an oxygen atom's lithium layer from the metal layer makes the Li-O-Li configuration
whose unhybridised O 2p states are held responsible for the extra capacity (D.-H. Seo et al., Nature
Chemistry 8 (2016) 692); :mod:`catholyte.structures.crystals.environment` says when two lithium atoms face each other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Ints
from ...structures.crystals.environment import anion_environments
from .classes import SortedCations, sort_cations
from .oxygen_framework import oxygen_framework

__all__ = ["Domain", "LithiumRich", "MetalLayerSite", "lithium_rich"]

Domain = Literal["Li2MnO3-like", "LiMO2-like"]
#: longest distance of neighbours in a metal layer in units of that of oxygen in its plane; the second shell lies at √3
SHELL = 1.35
#: half way between the shares of lithium around a metal atom of LiMO2, 0, and of Li2MnO3, one half
SHARE = 0.25


@dataclass(frozen=True)
class MetalLayerSite:
    """A cation of a metal layer.

    Parameters
    ----------
    index : int
        Site index.
    element : str
    lithium, metal : int
        Neighbours in the layer; six inside a crystal.
    domain : str
        ``Li2MnO3-like`` or ``LiMO2-like``; lithium is always the former.
    """

    index: int
    element: str
    lithium: int
    metal: int
    domain: Domain

    @property
    def honeycomb(self) -> bool:
        """Whether this is the lithium of a whole LiM6 unit."""
        return self.element == "Li" and self.lithium == 0 and self.metal == 6


@dataclass(frozen=True)
class LithiumRich:
    """Domains of a layered oxide.

    Parameters
    ----------
    sites : tuple of MetalLayerSite
        All cations of the metal layers.
    domains : tuple of tuple of int
        Connected Li2MnO3-like sites of one layer, the largest domain first.
    bridges : dict of str to int
        Oxygen atoms by the readable form of their first shell, ``Li-O-Li`` where two lithium atoms face each other.
    environments : dict of str to int
        Oxygen atoms by their first shell, ``Li4Mn2``.
    """

    sites: tuple[MetalLayerSite, ...]
    domains: tuple[tuple[int, ...], ...]
    bridges: dict[str, int]
    environments: dict[str, int]

    @property
    def honeycomb_units(self) -> int:
        """Number of whole LiM6 units."""
        return sum(site.honeycomb for site in self.sites)

    def metal_share(self, domain: Domain) -> float:
        """Share of the metal atoms that belong to domains of one kind."""
        metals = [site for site in self.sites if site.element != "Li"]
        return sum(site.domain == domain for site in metals) / len(metals) if metals else 0.0


def lithium_rich(structure: Structure, parts: tuple[str, ...] = ()) -> LithiumRich:
    """Find the domains of a layered oxide.

    Parameters
    ----------
    structure : Structure
        Ordered.
    parts : tuple of str
        As for :func:`.geometry.layered_geometry`.

    Raises
    ------
    StructureError
        As :func:`.geometry.layered_geometry`.
    """
    found = sort_cations(oxygen_framework(structure, parts))
    members = np.flatnonzero((found.sides[0] > 0) & found.octahedral)
    pairs = _neighbours(found, members)
    symbols = [structure[int(found.framework.cations[k])].specie.symbol for k in members]
    is_lithium = np.array([symbol == "Li" for symbol in symbols], dtype=bool)
    lithium, metal = (
        np.bincount(pairs[kind[pairs[:, 1]], 0], minlength=len(members)) for kind in (is_lithium, ~is_lithium)
    )
    rich = is_lithium | (lithium > SHARE * (lithium + metal))
    names: dict[bool, Domain] = {True: "Li2MnO3-like", False: "LiMO2-like"}
    indices = found.framework.cations[members]
    oxygen = set(found.framework.oxygen.tolist())
    shells = [environment for environment in anion_environments(structure) if environment.index in oxygen]
    return LithiumRich(
        sites=tuple(
            MetalLayerSite(int(indices[k]), symbols[k], int(lithium[k]), int(metal[k]), names[bool(rich[k])])
            for k in range(len(members))
        ),
        domains=_connected(pairs, rich, indices),
        bridges=dict(sorted(Counter(shell.bridge for shell in shells).items())),
        environments=dict(sorted(Counter(shell.label for shell in shells).items())),
    )


def _neighbours(found: SortedCations, members: Ints) -> Ints:
    """Pairs (p, 2) of neighbours in one metal layer, numbers of `members`, each in both directions."""
    framework, family = found.framework, found.families[0]
    flat = np.rint(framework.vectors @ family.normal / family.spacing) == 0
    reach = SHELL * float(np.linalg.norm(framework.vectors[flat], axis=1).mean())
    sites = framework.cations[members]
    bare = Structure(framework.structure.lattice, ["X"] * len(sites), framework.structure.frac_coords[sites])
    first, second, images, _ = bare.get_neighbor_list(reach, exclude_self=True)
    vectors = (bare.frac_coords[second] + images - bare.frac_coords[first]) @ bare.lattice.matrix
    level = np.abs(vectors @ family.normal) < family.spacing
    return np.stack([first[level], second[level]], axis=1)


def _connected(
    pairs: Ints, rich: np.ndarray[tuple[int], np.dtype[np.bool_]], indices: Ints
) -> tuple[tuple[int, ...], ...]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    both = pairs[rich[pairs].all(axis=1)]
    label = connected_components(
        coo_matrix((np.ones(len(both)), both.T), shape=(len(rich), len(rich))), directed=False
    )[1]
    groups = [
        tuple(sorted(int(indices[k]) for k in np.flatnonzero((label == name) & rich)))
        for name in np.unique(label[rich])
    ]
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))
