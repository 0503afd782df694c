"""Corrections of the MP2020 scheme for an energy that a potential gives on the uncorrected PBE/PBE+U scale.

The one place where such an energy is brought onto the scale of the phase sets. Scheme: Wang et al., Sci. Rep. 11, 15496
(2021), doi:10.1038/s41598-021-94550-5, as pymatgen applies it; ions that are known are not guessed.
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import TYPE_CHECKING, Any

from pymatgen.core.structure import Structure

if TYPE_CHECKING:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

__all__ = ["mp2020_correction", "mp2020_hubbard"]


def mp2020_correction(structure: Structure) -> tuple[float, float]:
    """Return what the scheme adds to an uncorrected PBE/PBE+U energy of a crystal, and its error, both eV/atom.

    Anions are the sites of negative oxidation state; without oxidation states the most electronegative element is the
    anion. Kinds of oxygen and sulfur follow from the distances of the crystal. An element gets nothing.

    Parameters
    ----------
    structure : Structure
        Ordered.

    Raises
    ------
    pymatgen.entries.compatibility.CompatibilityError
        If the scheme cannot be applied.
    """
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    bare = structure.copy()
    bare.remove_oxidation_states()
    states = _mean_states(structure)
    data: dict[str, Any] = {"oxidation_states": states}
    if "S" in states and states["S"] >= 0:
        data["sulfide_type"] = "None"  # a cation: sulfates, sulfur chlorides
    scheme, hubbards = _scheme(), mp2020_hubbard(structure)
    with_u = any(hubbards.values())
    parameters = {"run_type": "GGA+U" if with_u else "GGA", "hubbards": hubbards if with_u else {}}
    entry = ComputedStructureEntry(bare, 0.0, parameters=parameters, data=data)
    found = scheme.get_adjustments(entry)
    total = sum(adjustment.value for adjustment in found)
    variance = sum(
        adjustment.uncertainty**2 for adjustment in found if adjustment.uncertainty == adjustment.uncertainty
    )
    return float(total) / len(bare), sqrt(float(variance)) / len(bare)


def mp2020_hubbard(structure: Structure) -> dict[str, float]:
    """Return the U of every element at which the scheme takes an energy to be computed, eV: 0 but for some metals in
    compounds whose most electronegative element is oxygen or fluorine.

    Parameters
    ----------
    structure : Structure
    """
    elements = structure.composition.remove_charges().elements
    anion = max(elements, key=lambda element: element.X).symbol
    table = _scheme().u_settings.get(anion, {})
    return {element.symbol: float(table.get(element.symbol, 0.0)) for element in elements}


@cache
def _scheme() -> MaterialsProject2020Compatibility:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    return MaterialsProject2020Compatibility(check_potcar=False)


def _mean_states(structure: Structure) -> dict[str, float]:
    """Element to its mean oxidation state; of a crystal without any the sign of its most electronegative element."""
    sums: dict[str, list[float]] = {}
    for site in structure:
        sums.setdefault(site.specie.symbol, []).append(float(getattr(site.specie, "oxi_state", None) or 0.0))
    found = {symbol: sum(values) / len(values) for symbol, values in sums.items()}
    if any(found.values()):
        return found
    anion = max(structure.composition.elements, key=lambda element: element.X).symbol
    return {symbol: -1.0 if symbol == anion else 0.0 for symbol in found}
