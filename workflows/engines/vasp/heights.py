"""The height of a cell that something else holds in the plane, from relaxations at fixed heights and a parabola.

VASP relaxes all of a cell or none of it (its constraints on lattice vectors hold in dynamics alone), so a stack, and
the crystals strained as in it, are relaxed at three heights; where the lowest is the last of them, further ones follow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError

__all__ = ["FIRST", "at_height", "best_height", "further_height", "placed_in"]

#: heights that are tried first, in units of the given one: from the middle outwards
FIRST = (1.0, 0.98, 1.02)
#: step to a further height, and how far the search goes: beyond, the given cell is another one
STEP, MOST = 0.02, 0.101


def at_height(structure: Structure, factor: float) -> Structure:
    """Return the cell with its height along the normal of a and b times `factor`; fractional coordinates are kept.

    Parameters
    ----------
    structure : Structure
    factor : float
    """
    a, b, c = structure.lattice.matrix
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    taller = c + (factor - 1.0) * float(c @ normal) * normal
    return Structure(
        Lattice([a, b, taller]),
        structure.species_and_occu,
        structure.frac_coords,
        site_properties=structure.site_properties,
    )


def placed_in(structure: Structure, relaxed: Structure, factor: float) -> Structure:
    """Return the cell of `structure`, ions, moments and lattice, with the fractional coordinates of a relaxation at
    another height.

    Parameters
    ----------
    structure, relaxed : Structure
    factor : float
        Height of the relaxation, in units of the given one.
    """
    if relaxed.species != structure.species:
        raise ValueError(f"the relaxation at {factor:g} is of other atoms")
    return Structure(
        structure.lattice,
        structure.species_and_occu,
        relaxed.frac_coords,
        site_properties=structure.site_properties,
    )


def further_height(energies: Mapping[float, float], label: str) -> float | None:
    """Return the next height to try; None where the lowest energy lies between two others.

    Parameters
    ----------
    energies : mapping of float to float
        Height, in units of the given one, to energy, eV.
    label : str
        For the message.

    Raises
    ------
    CalculationError
        If no minimum lies within 10 % of the given height.
    """
    heights = sorted(energies)
    lowest = min(heights, key=lambda height: (energies[height], height))
    if lowest not in (heights[0], heights[-1]):
        return None
    following = round(lowest + (STEP if lowest == heights[-1] else -STEP), 6)
    if abs(following - 1.0) > MOST:
        told = ", ".join(f"{height:g}: {energies[height]:.3f} eV" for height in heights)
        raise CalculationError(
            f"{label}: the energy has no minimum within 10 % of the given height ({told})",
            "look at the stack: the parts push each other away, or fall together",
        )
    return following


def best_height(energies: Mapping[float, float]) -> float:
    """Return the vertex of the parabola through the lowest height and its two neighbours.

    Parameters
    ----------
    energies : mapping of float to float
        As :func:`further_height` leaves them.
    """
    heights = sorted(energies)
    middle = min(range(1, len(heights) - 1), key=lambda k: energies[heights[k]])
    around = heights[middle - 1 : middle + 2]
    curvature, slope, _ = np.polyfit(np.array(around) - heights[middle], [energies[height] for height in around], 2)
    if curvature <= 0:
        return heights[middle]
    return float(np.clip(heights[middle] - slope / (2 * curvature), around[0], around[-1]))
