"""Spin states of transition-metal ions of a crystal that does not say them, by ligand field.

Ions of the fifth and sixth period are low spin, and so are Co3+, Ni3+, Ni4+ and Co4+, except in fluorides and in the
weak field of oxoanion salts such as CoPO4. Other 3d ions are high spin, unless their bonds to six sulfur, selenium or
tellurium are far shorter than the sum of R. D. Shannon's high-spin radii (Acta Cryst. A 32 (1976) 751): 0.86 of it for
Fe2+ in pyrite, 0.90 for Co2+ in CoS2, 0.97 for Mn2+ in hauerite, which is high spin.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ....configs.errors import StructureError
from ..chemistry import chemical_class
from ..environment import bonds
from ..magnetism import Spin, moment_window, site_coordination, unpaired_electrons
from ..redox import LOW_SPIN
from ..symmetry import site_moments
from .states import species_text

__all__ = ["odd_moments", "spin_states"]

#: of the sum of high-spin radii; shorter bonds mean low spin
_SHORT = 0.92
_SPINS: tuple[Spin, ...] = ("high", "low")
#: Å, Shannon's radii of six-coordinate anions
_SOFT = {"S": 1.84, "Se": 1.98, "Te": 2.21}


def spin_states(structure: Structure) -> dict[str, Spin]:
    """Return the low-spin ions of a crystal with oxidation states, by their names; all others are high spin."""
    found: dict[str, Spin] = {}
    species = [s for s in structure.composition if isinstance(s, Species) and s.is_transition_metal]
    ratios = _bond_ratios(structure) if structure.is_ordered else {}
    anions = {s.symbol for s in structure.composition if (getattr(s, "oxi_state", 0) or 0) < 0}
    strong = anions != {"F"} and chemical_class(structure.composition.element_composition) != "oxoanion salt"
    octahedral = _octahedral(structure) if structure.is_ordered else {str(ion) for ion in species}
    for ion in species:
        if not _differs(ion) or str(ion) not in octahedral:
            continue
        heavy = ion.row > 4
        usual = strong and all(f"{ion.symbol}{charge}+" in LOW_SPIN for charge in _whole(ion))
        if heavy or usual or ratios.get(str(ion), 1.0) < _SHORT:
            found[species_text(ion)] = "low"
    return found


def odd_moments(structure: Structure) -> str | None:
    """Say which moments of an ordered cell fit neither spin state of their ions; None where all do.

    Parameters
    ----------
    structure : Structure
        With oxidation states and the site property ``magmom``, µB.
    """
    odd: dict[str, list[float]] = {}
    fields = site_coordination(structure)
    for site, field, moment in zip(structure, fields, site_moments(structure), strict=True):
        ion = site.specie
        if not isinstance(ion, Species) or not ion.is_transition_metal or not ion.oxi_state:
            continue
        windows = [moment_window(unpaired_electrons(ion, field, spin)) for spin in _SPINS]
        if not any(low <= abs(moment) <= high for low, high in windows):
            odd.setdefault(str(ion), []).append(abs(float(moment)))
    if not odd:
        return None
    parts = [f"{name} {min(m):.2f} to {max(m):.2f} µB on {len(m)} sites" for name, m in sorted(odd.items())]
    return f"moments of the file fit neither spin state: {'; '.join(parts)}"


def _whole(ion: Species) -> set[int]:
    """The whole oxidation states around that of an ion."""
    charge = float(ion.oxi_state or 0)
    return {math.floor(charge), math.ceil(charge)}


def _differs(ion: Species) -> bool:
    """Whether high and low spin differ in an octahedron."""
    try:
        return unpaired_electrons(ion, "octahedral", "high") != unpaired_electrons(ion, "octahedral", "low")
    except StructureError:
        return False


def _octahedral(structure: Structure) -> set[str]:
    """Ions of which most sites have more than four neighbours."""
    numbers: dict[str, list[bool]] = {}
    for site, field in zip(structure, site_coordination(structure), strict=True):
        numbers.setdefault(str(site.specie), []).append(field == "octahedral")
    return {name for name, fields in numbers.items() if 2 * sum(fields) >= len(fields)}


def _bond_ratios(structure: Structure) -> dict[str, float]:
    """Mean bond of each 3d ion to softer anions, in units of the sum of high-spin radii."""
    found = bonds(structure)
    numbers = np.bincount(found.cations, minlength=len(structure))
    ratios: dict[str, list[float]] = {}
    for anion, cation, distance in zip(found.anions, found.cations, found.distances, strict=True):
        ion, ligand = structure[int(cation)].specie, structure[int(anion)].specie
        radius = _high_spin_radius(ion) if numbers[cation] > 4 else None
        if ligand.symbol in _SOFT and radius is not None:
            ratios.setdefault(str(ion), []).append(distance / (radius + _SOFT[ligand.symbol]))
    return {name: float(np.mean(values)) for name, values in ratios.items()}


def _high_spin_radius(ion: Species | Element) -> float | None:
    if not isinstance(ion, Species) or not ion.is_transition_metal:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # ions with one spin state have one radius
            return float(ion.get_shannon_radius("VI", spin="High Spin"))
    except (KeyError, ValueError):
        return None
