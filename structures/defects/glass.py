"""Lithium borate glass: atoms packed at random at a given density, to be melted and quenched.

Compositions lie on the line Li2O - B2O3. Packing is by packmol (L. Martínez et al., J. Comput. Chem. 30
(2009) 2157); what comes out is no glass yet but the start of a melt, see ``workflows/amorphous.py``.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ...configs.errors import EngineUnavailableError, InputError, StructureError
from ..crystals.environment import bonds

__all__ = [
    "DENSITY_SOURCE",
    "BorateNetwork",
    "borate_network",
    "glass_composition",
    "lithia_fraction",
    "measured_density",
    "pack",
]

#: x in x Li2O (1-x) B2O3 to the measured density of the glass, g/cm³
DENSITIES: dict[float, float] = {0.0: 1.84, 0.1: 1.95, 0.2: 2.15}
DENSITY_SOURCE = (
    "W. Soppe, C. van der Marel, H. W. den Hartog, J. Non-Cryst. Solids 103 (1988) 201, table 2(b), melt-quenched "
    "glasses"
)
#: Å; two packed atoms are at least the sum of these apart: below every bond of the melt but B-O, which forms while it
#: runs
PACKING_RADII = {"Li": 0.9, "B": 0.8, "O": 1.1}
#: Å by which packmol may miss a distance, in units of the distance
_MISS = 0.03
#: g/cm³ per u/Å³ (CODATA 2018)
_DENSITY_UNIT = 1.66053906660
_IONS = {"Li": "Li+", "B": "B3+", "O": "O2-"}
_SECONDS = 300
#: share of space that randomly packed equal spheres fill (G. D. Scott, Nature 188 (1960) 908)
_RANDOM_PACKING = 0.64


@dataclass(frozen=True)
class BorateNetwork:
    """What a borate glass looks like.

    Parameters
    ----------
    density : float
        g/cm³.
    boron_coordination : dict of int to int
        Number of oxygen neighbours to the number of boron atoms that have it.
    n4 : float
        Share of boron with four neighbours.
    mean_bond : float
        Å, mean B-O distance of the first shell; NaN where no boron has a neighbour.
    shortest : float
        Å, shortest distance of any two atoms.
    """

    density: float
    boron_coordination: dict[int, int]
    n4: float
    mean_bond: float
    shortest: float


def glass_composition(formula: str) -> Composition:
    """Return the formula unit of a lithium borate with the smallest whole numbers.

    Raises
    ------
    StructureError
        If it cannot be read, is not on the line Li2O - B2O3, or holds no boron.
    """
    try:
        found = Composition(formula)
    except ValueError as error:
        raise StructureError(f"the composition {formula!r} cannot be read: {error}") from None
    line = (
        "a glass of the line Li2O - B2O3 is made of Li, B and O with O = Li/2 + 3 B/2, for example Li3BO3, LiBO2, "
        "Li2B4O7 or B2O3"
    )
    strange = sorted(element.symbol for element in found if element.symbol not in _IONS)
    if strange or "B" not in found:
        raise StructureError(f"{formula}: {f'holds {chr(44).join(strange)}' if strange else 'holds no boron'}; {line}")
    needed = found["Li"] / 2 + 3 * found["B"] / 2
    if abs(found["O"] - needed) > 1e-6:
        raise StructureError(f"{formula}: {found['O']:g} O, and its charges balance with {needed:g}; {line}")
    unit, _ = found.get_integer_formula_and_factor()
    return Composition(unit)


def lithia_fraction(composition: Composition) -> float:
    """The x of x Li2O (1-x) B2O3."""
    return float(composition["Li"] / (composition["Li"] + composition["B"]))


def measured_density(composition: Composition) -> float | None:
    """Measured density of the glass, g/cm³, interpolated linearly in x; None where :data:`DENSITY_SOURCE` has no
    neighbours."""
    x, known = lithia_fraction(composition), sorted(DENSITIES)
    if not known[0] <= x <= known[-1] + 1e-9:
        return None
    return float(np.interp(x, known, [DENSITIES[k] for k in known]))


def pack(formula: str, density: float | None = None, n_units: int = 8, seed: int = 0) -> Structure:
    """Return atoms packed at random in a periodic cube.

    Parameters
    ----------
    formula : str
        On the line Li2O - B2O3.
    density : float, optional
        g/cm³; the measured one where left out.
    n_units : int
        Formula units in the cell.
    seed : int

    Returns
    -------
    Structure
        With oxidation states and the site properties ``magmom`` (0 µB) and ``wyckoff_label``.

    Raises
    ------
    InputError
        If the density is not above 0, the number of units less than 1, or no density is known.
    StructureError
        If the composition is no lithium borate, or the atoms cannot be packed so densely.
    EngineUnavailableError
        If packmol is not installed.
    """
    unit = glass_composition(formula)
    value = measured_density(unit) if density is None else density
    if value is None:
        raise InputError(
            f"{formula}: no measured density is known at x = {lithia_fraction(unit):.3f} Li2O (known: "
            f"{min(DENSITIES):g} to {max(DENSITIES):g}, {DENSITY_SOURCE}); give a density in g/cm³"
        )
    if not value > 0 or not np.isfinite(value):
        raise InputError(f"density {value:g} g/cm³: a number above 0 is needed")
    if n_units < 1:
        raise InputError(f"{n_units} formula units: at least 1 is needed")
    if seed < 0:
        raise InputError(f"seed {seed}: a whole number of at least 0 is needed")
    counts = {symbol: round(unit[symbol] * n_units) for symbol in _IONS if unit[symbol]}
    mass = sum(float(Element(symbol).atomic_mass) * number for symbol, number in counts.items())
    edge = (mass * _DENSITY_UNIT / value) ** (1 / 3)
    filled = sum(4 / 3 * np.pi * PACKING_RADII[symbol] ** 3 * number for symbol, number in counts.items()) / edge**3
    if filled > _RANDOM_PACKING:
        raise StructureError(
            f"{formula} at {value:g} g/cm³ cannot be packed so densely: at most "
            f"{value * _RANDOM_PACKING / filled:.2f} g/cm³ of these atoms pack at random"
        )
    coords = _packed(counts, edge, seed, f"{formula} at {value:g} g/cm³")
    species = [_IONS[symbol] for symbol, number in counts.items() for _ in range(number)]
    labels = [symbol for symbol, number in counts.items() for _ in range(number)]
    properties = {"magmom": [0.0] * len(species), "wyckoff_label": labels}
    packed = Structure(Lattice.cubic(edge), species, coords / edge % 1.0, site_properties=properties)
    _check_packing(packed, f"{formula} at {value:g} g/cm³")
    return packed


def borate_network(structure: Structure) -> BorateNetwork:
    """Measure density and network of a borate; first shells as in :mod:`..crystals.environment`.

    Raises
    ------
    StructureError
        If the structure holds no boron.
    """
    boron = [i for i, site in enumerate(structure) if site.specie.symbol == "B"]
    if not boron:
        raise StructureError(f"{structure.composition.reduced_formula} holds no boron")
    found = bonds(structure)
    mine = np.isin(found.cations, boron)
    numbers = np.bincount(found.cations[mine], minlength=len(structure))[boron]
    distances = structure.distance_matrix + np.diag(np.full(len(structure), np.inf))
    return BorateNetwork(
        density=float(structure.density),
        boron_coordination={int(k): int(n) for k, n in zip(*np.unique(numbers, return_counts=True), strict=True)},
        n4=float((numbers == 4).mean()),
        mean_bond=float(found.distances[mine].mean()) if mine.any() else float("nan"),
        shortest=float(distances.min()),
    )


def _packed(
    counts: dict[str, int], edge: float, seed: int, label: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Coordinates (n_atoms, 3), Å, in the order of `counts`."""
    if importlib.util.find_spec("packmol") is None:
        raise EngineUnavailableError(
            "the packing of a glass needs packmol, which is not installed", "pip install packmol"
        )
    lines = [
        f"tolerance {2 * min(PACKING_RADII.values()):.3f}",
        "filetype xyz",
        "output packed.xyz",
        f"seed {seed + 1}",
        f"pbc 0.0 0.0 0.0 {edge:.6f} {edge:.6f} {edge:.6f}",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for symbol, number in counts.items():
            (folder / f"{symbol}.xyz").write_text(f"1\n{symbol}\n{symbol} 0.0 0.0 0.0\n")
            lines += [
                f"structure {symbol}.xyz",
                f"  number {number}",
                f"  radius {PACKING_RADII[symbol]}",
                "end structure",
            ]
        (folder / "packmol.inp").write_text("\n".join(lines) + "\n")
        run = [sys.executable, "-m", "packmol.cli"]
        try:
            with (folder / "packmol.inp").open() as asked:  # packmol rewinds its input, so a pipe will not do
                told = subprocess.run(
                    run, stdin=asked, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
                )
        except subprocess.TimeoutExpired:
            raise StructureError(
                f"{label}: the atoms could not be packed within {_SECONDS} s; take a lower density"
            ) from None
        written = folder / "packed.xyz"
        if not written.exists():
            raise StructureError(f"{label}: packmol gave no packing: {(told.stdout + told.stderr).strip()[-200:]}")
        rows = [line.split() for line in written.read_text().splitlines()[2:] if line.strip()]
    return np.array([[float(value) for value in row[1:4]] for row in rows])


def _check_packing(packed: Structure, label: str) -> None:
    radii = np.array([PACKING_RADII[site.specie.symbol] for site in packed])
    least = (radii[:, None] + radii[None, :]) * (1 - _MISS)
    short = np.argwhere(np.triu(packed.distance_matrix < least, 1))
    if len(short):
        i, j = (int(k) for k in short[0])
        raise StructureError(
            f"{label}: the atoms cannot be packed so densely: {packed[i].species_string} and "
            f"{packed[j].species_string} would be {packed.get_distance(i, j):.2f} Å apart, "
            f"at least {radii[i] + radii[j]:.2f} Å are needed; take a lower density"
        )
