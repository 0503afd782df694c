"""Common cells of two materials put together by hand from two bulk cells, so that every alignment has one known answer.
Not to be changed in place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.workflows.documents import (
    BandEdges,
    CalculationDocument,
    Convergence,
    PlanarPotential,
    ProjectedDos,
    Provenance,
    Signature,
)

__all__ = ["GRID", "MATERIALS", "WELLS", "Made", "bulk", "joint", "rough_joint", "slab"]

GRID = np.arange(-24.0, 6.0, 0.04)
_A, _B = 2.9, 5.8


@dataclass(frozen=True)
class Made:
    """One material: species of a plane, plane spacing (Å), O 2p and O 2s centres, potential at O and Co cores, and
    averaged potential (eV, on its own zero)."""

    species: tuple[str, ...]
    spacing: float
    o2p: float
    core: float
    average: float
    o2s: float = -19.0


MATERIALS = {
    "LCO": Made(("Li+", "Co3+", "O2-", "O2-"), 2.0, -2.5, -150.0, -4.0),
    "CoO": Made(("Co2+", "Co2+", "O2-", "O2-"), 2.2, -3.5, -151.0, -5.5),
}
_PLACES = ((0.0, 0.0), (0.0, 0.5), (0.5, 0.25), (0.5, 0.75))


def _peak(center: float, states: float, width: float = 0.3) -> np.ndarray:
    peak: np.ndarray = states * np.exp(-((GRID - center) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
    return peak


def _site_dos(symbol: str, of: Made, shift: float) -> list[np.ndarray]:
    nothing = np.zeros_like(GRID)
    if symbol == "O":
        return [_peak(of.o2s + shift, 1.0), _peak(of.o2p + shift, 3.0), nothing]
    return [nothing, nothing, _peak(of.o2p + shift - 1.0, 3.0)] if symbol == "Co" else [nothing] * 3


def _ripple(heights: np.ndarray, spacing: float, size: float = 6.0) -> np.ndarray:
    """Whole waves of one plane spacing."""
    return size * np.cos(2 * np.pi * heights / spacing) + 0.3 * size * np.sin(4 * np.pi * heights / spacing)


def _document(
    label: str, structure: Structure, parts: list[tuple[Made, float]], potential: np.ndarray, **changes: Any
) -> CalculationDocument:
    """`parts`: the material of each site and how far its levels are shifted, eV."""
    channel = np.array(
        [_site_dos(site.specie.symbol, of, shift) for site, (of, shift) in zip(structure, parts, strict=True)]
    )
    edges = BandEdges(
        efermi=0.0,
        vbm=-1.0,
        cbm=1.0,
        gap=2.0,
        average_potential=float(potential.mean()),
        core_potentials=[of.core + shift for of, shift in parts],
    )
    given: dict[str, Any] = {
        "label": label,
        "kind": "dos",
        "tier": "gpaw",
        "formula": structure.composition.remove_charges().formula.replace(" ", ""),
        "n_sites": len(structure),
        "initial_structure": structure,
        "structure": structure,
        "energy": -5.0 * len(structure),
        "forces": np.zeros((len(structure), 3)).tolist(),
        "convergence": Convergence(electronic=True, max_force=0.0),
        "band_edges": edges,
        "dos": ProjectedDos(
            energies=GRID.tolist(),
            densities=[channel.tolist()] * 2,
            total=[channel.sum(axis=(0, 1)).tolist()] * 2,
            orbitals=["s", "p", "d"],
            broadening=0.0,
            n_bands=20,
        ),
        "potential": PlanarPotential(values=potential.tolist(), kind="made by hand"),
        "signature": Signature(
            engine="gpaw", version="1.0", functional="PBE", hubbard_u={"Co": 3.9}, potentials="made up"
        ),
        "provenance": Provenance(
            host="node",
            started="2026-01-01T00:00:00",
            finished="2026-01-01T00:01:00",
            wall_seconds=60,
            versions={"gpaw": "1.0"},
        ),
    }
    return CalculationDocument(**{**given, **changes})


def _structure(planes: list[tuple[str, float]], period: float, tagged: bool = True) -> Structure:
    """`planes`: material and height, Å, of each plane."""
    species: list[str] = []
    coords: list[list[float]] = []
    tags: list[str] = []
    moments: list[float] = []
    for name, height in planes:
        for symbol, place in zip(MATERIALS[name].species, _PLACES, strict=True):
            species.append(symbol)
            coords.append([*place, height / period])
            tags.append(name)
            moments.append(2.6 * (-1) ** len(moments) if symbol == "Co2+" else 0.0)
    properties: dict[str, Any] = {"magmom": moments} | ({"layer": tags} if tagged else {})
    return Structure(Lattice.orthorhombic(_A, _B, period), species, coords, site_properties=properties)


@cache
def bulk(name: str, planes: int = 2, points: int = 60) -> CalculationDocument:
    """One material alone, on its own zero."""
    of = MATERIALS[name]
    period = planes * of.spacing
    structure = _structure([(name, k * of.spacing) for k in range(planes)], period, tagged=False)
    heights = np.arange(points) / points * period
    return _document(f"{name} bulk", structure, [(of, 0.0)] * len(structure), of.average + _ripple(heights, of.spacing))


@cache
def joint(
    planes: tuple[int, int] = (6, 6),
    shifts: tuple[float, float] = (0.0, 0.0),
    origin: float = 0.0,
    turned: bool = False,
    points: int = 600,
) -> CalculationDocument:
    """LCO below CoO with two abrupt interfaces, every level of a material moved by its shift, eV.

    Parameters
    ----------
    planes : tuple of int
        Of LCO and CoO.
    shifts : tuple of float, eV
        What the common zero adds to the levels of each bulk cell.
    origin : float, Å
        Height of the cell's lower interface.
    turned : bool
        Upside down.
    """
    names = ["CoO", "LCO"] if turned else ["LCO", "CoO"]
    counts = dict(zip(("LCO", "CoO"), planes, strict=True))
    moved = dict(zip(("LCO", "CoO"), shifts, strict=True))
    heights, starts, height = [], {}, 0.0
    for name in names:
        starts[name] = height
        heights += [(name, height + (k + 0.5) * MATERIALS[name].spacing) for k in range(counts[name])]
        height += counts[name] * MATERIALS[name].spacing
    structure = _structure([(name, h + origin) for name, h in heights], height)
    grid = np.mod(np.arange(points) / points * height - origin, height)
    potential = np.zeros(points)
    for name in names:
        of, inside = (
            MATERIALS[name],
            (grid >= starts[name]) & (grid < starts[name] + counts[name] * MATERIALS[name].spacing),
        )
        sign = -1 if turned else 1
        potential[inside] = (
            of.average + moved[name] + _ripple(sign * (grid[inside] - starts[name] - 0.5 * of.spacing), of.spacing)
        )
    tags = structure.site_properties["layer"]
    return _document("LCO | CoO", structure, [(MATERIALS[tag], moved[tag]) for tag in tags], potential)


#: depth (eV) and width (Å) of the potential well of one plane in :func:`rough_joint`
WELLS = {"LCO": (20.0, 0.45), "CoO": (26.0, 0.42)}


def rough_joint(planes: int, displacement: float, seed: int, points: int = 800) -> tuple[Structure, PlanarPotential]:
    """LCO below CoO, so many planes each, every plane a Gaussian well at its height.

    Parameters
    ----------
    planes : int
    displacement : float, Å
        Standard deviation of the planes' heights; with none the averaged potential of a material is that of one well
        over its spacing.
    seed : int
    """
    rng, heights, height = np.random.default_rng(seed), [], 0.0
    for name in ("LCO", "CoO"):
        of = MATERIALS[name]
        heights += [(name, height + (k + 0.5) * of.spacing + displacement * float(rng.normal())) for k in range(planes)]
        height += planes * of.spacing
    grid, values = np.arange(points) / points * height, np.zeros(points)
    for name, place in heights:
        depth, width = WELLS[name]
        apart = np.mod(grid - place + height / 2, height) - height / 2
        values -= depth * np.exp(-(apart**2) / (2 * width**2))
    return _structure(heights, height), PlanarPotential(values=values.tolist(), kind="made by hand")


@cache
def slab(name: str, planes: int, shift: float, vacuum: float = 14.0, points: int = 600) -> CalculationDocument:
    """A slab whose levels lie `shift` eV from those of the bulk cell, in a vacuum at 0 eV."""
    of = MATERIALS[name]
    thickness = planes * of.spacing
    period = thickness + vacuum
    structure = _structure([(name, (k + 0.5) * of.spacing + vacuum / 2) for k in range(planes)], period)
    heights = np.arange(points) / points * period - vacuum / 2
    inside = (heights >= 0) & (heights < thickness)
    potential = np.where(inside, of.average + shift + _ripple(heights - 0.5 * of.spacing, of.spacing), 0.0)
    return _document(f"{name} slab", structure, [(of, shift)] * len(structure), potential)
