"""What a band says: barriers of both directions, the profile between the images, and what narrows the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ...configs.arrays import Floats
from ...structures.defects.hops import LONGEST, Hop, hops, percolation
from ...workflows.band_documents import Band, BandImages, HopCells, HopPlace
from ...workflows.documents import CalculationDocument, require_same_signature

__all__ = ["Barrier", "ImagePoints", "Network", "barrier", "image_points", "network", "stored_network"]

#: points of a profile between two images
_BETWEEN = 40
#: Å; an atom beside the ion that ends so far from where it began has hopped too
_HOPPED = 1.0


@dataclass(frozen=True, eq=False)
class Barrier:
    """One hop.

    Parameters
    ----------
    label, tier, element : str
    length : float, Å
        Between the relaxed end points, of the ion alone.
    forward, backward : float, eV
        Highest energy of the profile less that of the first and of the last image.
    difference : float, eV
        Of the end points, last less first.
    path : (n,) float array, Å
        Along all atoms, of each image.
    energies : (n,) float array, eV, from the first image
    profile : (m, 2) float array
        Way in Å, and energy in eV, between the images: cubic pieces with the forces along the way.
    bottleneck : tuple of (str, float)
        The atom of another element that comes nearest to the ion along the way, and its distance, Å.
    coordination : (n,) int array
        Atoms of other elements within 1.25 of the nearest one, of each image.
    others : tuple of (int, str, float)
        Atoms beside the ion that hopped too: index, element, Å.
    place : HopPlace or None
        By the sites of the supercell.
    """

    label: str
    tier: str
    element: str
    length: float
    forward: float
    backward: float
    difference: float
    path: Floats
    energies: Floats
    profile: Floats
    bottleneck: tuple[str, float]
    coordination: Any
    others: tuple[tuple[int, str, float], ...]
    place: HopPlace | None = None

    @property
    def highest(self) -> float:
        """The larger of both directions, eV: what an ion on its way must overcome."""
        return max(self.forward, self.backward)

    @property
    def between(self) -> float:
        """How far the profile rises above its highest image, eV: what rests on the curve between images alone."""
        return self.forward - float(self.energies.max())

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers: eV, Å."""
        return {
            "tier": self.tier,
            "element": self.element,
            "length": self.length,
            "forward": self.forward,
            "backward": self.backward,
            "difference": self.difference,
            "path": self.path.tolist(),
            "energies": self.energies.tolist(),
            "bottleneck": {"element": self.bottleneck[0], "distance": self.bottleneck[1]},
            "coordination": self.coordination.tolist(),
            "others": [{"atom": atom, "element": element, "distance": away} for atom, element, away in self.others],
        }


def barrier(band: Band) -> Barrier:
    """Read a band.

    Parameters
    ----------
    band : Band

    Notes
    -----
    Between images the energy is the cubic that has their energies and, as slopes, their forces along the way; its
    highest point is the barrier, so that an image need not stand on the saddle.
    """
    from scipy.interpolate import CubicHermiteSpline

    positions, forces = np.array(band.positions), np.array(band.forces)
    steps = np.diff(positions, axis=0)
    path = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps.reshape(len(steps), -1), axis=1))])
    energies = np.array(band.energies) - band.energies[0]
    spline = CubicHermiteSpline(path, energies, _slopes(positions, forces))
    ways = np.unique(np.concatenate([np.linspace(a, b, _BETWEEN) for a, b in pairwise(path)]))
    profile = np.column_stack([ways, spline(ways)])
    top = float(profile[:, 1].max())
    symbols = [site.specie.symbol for site in band.structure]
    nearest, around = _surroundings(band, symbols)
    away = np.linalg.norm(positions[-1] - positions[0], axis=1)
    return Barrier(
        band.label,
        band.tier,
        band.hop.element,
        float(away[band.moving]),
        top,
        top - float(energies[-1]),
        float(energies[-1]),
        path,
        energies,
        profile,
        nearest,
        around,
        tuple((k, symbols[k], float(away[k])) for k in range(len(symbols)) if k != band.moving and away[k] > _HOPPED),
        band.hop,
    )


def _slopes(positions: Floats, forces: Floats) -> Floats:
    """Derivative of the energy by the way, eV/Å, at each image: the force along the tangent."""
    tangents = np.empty_like(positions)
    tangents[0], tangents[-1] = positions[1] - positions[0], positions[-1] - positions[-2]
    tangents[1:-1] = positions[2:] - positions[:-2]
    norms = np.linalg.norm(tangents.reshape(len(tangents), -1), axis=1)
    slopes: Floats = -np.einsum("ijk,ijk->i", forces, tangents) / norms
    return slopes


def _surroundings(band: Band, symbols: Sequence[str]) -> tuple[tuple[str, float], Any]:
    others = [k for k, symbol in enumerate(symbols) if symbol != band.hop.element]
    lattice = band.structure.lattice
    best, counts = ("", float("inf")), []
    for frame in band.positions:
        fractional = lattice.get_fractional_coords(frame)
        if not others:
            counts.append(0)
            continue
        distances = lattice.get_all_distances(fractional[band.moving], fractional[others])[0]
        k = int(distances.argmin())
        best = min(best, (symbols[others[k]], float(distances[k])), key=lambda one: one[1])
        counts.append(int((distances < 1.25 * distances[k]).sum()))
    return best, np.array(counts)


@dataclass(frozen=True, eq=False)
class ImagePoints:
    """Energies of another engine at images of a band, where the first has left them.

    Parameters
    ----------
    tier : str
    numbers : tuple of int
        Of the images, 0 for the first end point.
    energies : (n,) float array, eV, from the first image
    """

    tier: str
    numbers: tuple[int, ...]
    energies: Floats

    @property
    def forward(self) -> float:
        """Highest of these energies, eV: a lower bound of that engine's profile over this way, whose own saddle may lie
        elsewhere."""
        return float(self.energies.max())

    @property
    def backward(self) -> float:
        """The highest less the last, eV."""
        return float(self.energies.max() - self.energies[-1])

    @property
    def highest(self) -> float:
        """The larger of both, eV."""
        return max(self.forward, self.backward)


def image_points(images: BandImages, documents: Sequence[CalculationDocument]) -> ImagePoints:
    """Return what another engine says of the images of a band.

    Parameters
    ----------
    images : BandImages
    documents : sequence of CalculationDocument
        One for each of them, in their order.

    Raises
    ------
    SignatureMismatchError
        If they were computed at different settings.
    """
    require_same_signature({f"{one.label} ({k})": one.signature for k, one in enumerate(documents, 1)})
    energies = np.array([one.energy for one in documents])
    return ImagePoints(documents[0].tier, tuple(images.numbers), energies - energies[0])


@dataclass(frozen=True)
class Network:
    """Hops of one material by one engine.

    Parameters
    ----------
    barriers : sequence of (Hop, Barrier)
    lowest : mapping of int to float or None
        Directions, 1 to 3, to the barrier that an ion must overcome to get on along so many, eV.
    missing : int
        Hops that were found and not computed, longer than those that were.
    points : mapping of int to ImagePoints
        Rank of a hop in `barriers`, from 0, to what another engine says of its images.
    ranks : sequence of int
        Number of each hop of `barriers` among those of the plan, from 1: the same by every engine, which lengths of
        relaxed cells are not.
    """

    barriers: Sequence[tuple[Hop, Barrier]]
    lowest: Mapping[int, float | None]
    missing: int
    points: Mapping[int, ImagePoints] = field(default_factory=dict)
    ranks: Sequence[int] = ()


def network(computed: Sequence[tuple[Hop, Barrier]], found: int) -> Network:
    """Return what the hops lead to; `found` is the number of all hops."""
    return Network(computed, percolation([(hop, one.highest) for hop, one in computed]), found - len(computed))


def stored_network(cells: HopCells, bands: Sequence[Band]) -> Network | None:
    """Return the hops of one crystal with their barriers; None where none has been computed.

    Parameters
    ----------
    cells : HopCells
        Whose crystal tells the class of each hop.
    bands : sequence of Band
        Those of other systems are passed over.
    """
    by_place = {band.hop: band for band in bands if band.label == cells.label}
    done = [
        (inner, by_place[place]) for inner, place in zip(cells.in_cell, cells.hops, strict=True) if place in by_place
    ]
    if not done:
        return None
    ranks = [rank for rank, place in enumerate(cells.hops, 1) if place in by_place]
    longest = max([LONGEST, *(_length(cells, place) + 0.1 for place, _ in done)])
    found = hops(cells.crystal, done[0][0].element, longest, cells.onto)
    computed = [(next(hop for hop in found if _is_of(hop, place)), barrier(band)) for place, band in done]
    if cells.onto != done[0][0].element:  # the sites that it takes next are not among those of the crystal
        return Network(computed, dict.fromkeys((1, 2, 3)), len(found) - len(computed), ranks=ranks)
    return replace(network(computed, len(found)), ranks=ranks)


def _length(cells: HopCells, place: HopPlace) -> float:
    crystal = cells.crystal
    way = crystal[place.end].frac_coords + np.array(place.image) - crystal[place.start].frac_coords
    return float(np.linalg.norm(way @ crystal.lattice.matrix))


def _is_of(hop: Hop, place: HopPlace) -> bool:
    a, b, c = place.image
    ways = {(place.start, place.end, place.image), (place.end, place.start, (-a, -b, -c))}
    return bool(ways & set(hop.members))
