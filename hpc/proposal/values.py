"""Values that fit the materials of a recipe: U, meshes, facets, supercells and budgets of atoms, each with its
reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.load import load_recipe, recipe_names
from ...configs.models import Material, Mesh
from ...structures.interfaces.request import parse_facet, stack_parts
from ...structures.interfaces.search import smallest_cell
from ...structures.interfaces.spec import InterfaceSpec
from ...structures.surfaces.facet import Miller, low_index_millers, source_cell
from ...structures.surfaces.slab import slabs

__all__ = [
    "MOST_ATOMS",
    "U_SOURCE",
    "FacetChoice",
    "atom_budget",
    "best_facet",
    "control_cell",
    "divisions",
    "hubbard_table",
]

#: where the values of U come from
U_SOURCE = "the Materials Project (Jain et al., APL Mater. 1, 011002 (2013); pymatgen, MPRelaxSet, oxides)"
#: atoms of a stack beyond which no cell is sought
MOST_ATOMS = 600.0
#: 1/Å; largest spacing of k points: LCO 6×6×3, CoO 6×6×3, Li2CO3 4×4×3, LPSCl 3×3×3 in primitive cells
_SPACING = 0.45
#: Å, least height of a bulk cell in which events are counted
_CONTROL = 9.0
#: limits of the strain and form of a stack, as the section `interface` has them by itself
_SPEC = InterfaceSpec(150, 0.08, "periodic", max_principal=0.08, max_area_change=0.1)
#: Å, least thickness of each slab
_THICKNESS = (8.0, 8.0)


@cache
def _published_u() -> dict[str, float]:
    """U of the Materials Project, eV, by element; where it has none it uses none."""
    from pymatgen.io.vasp.sets import MPRelaxSet

    return {element: float(u) for element, u in MPRelaxSet.CONFIG["INCAR"]["LDAUU"]["O"].items()}


def hubbard_table(compositions: Iterable[Composition]) -> dict[str, float]:
    """Return U in eV of every transition metal in these compositions, 0 where the Materials Project applies none.

    Parameters
    ----------
    compositions : iterable of Composition
    """
    elements = {element for composition in compositions for element in composition.element_composition.elements}
    metals = sorted((e for e in elements if e.is_transition_metal), key=lambda element: element.Z)
    return {metal.symbol: _published_u().get(metal.symbol, 0.0) for metal in metals}


def divisions(cell: Structure) -> Mesh:
    """Return Γ-centred divisions (3,) of a cell at a spacing of at most 0.45/Å.

    Parameters
    ----------
    cell : Structure
        The cell that is calculated.
    """
    a, b, c = (max(1, int(np.ceil(length / _SPACING - 1e-6))) for length in cell.lattice.reciprocal_lattice.abc)
    return a, b, c


def control_cell(cell: Structure) -> Mesh:
    """Return multiples (3,) of a cell that make each of its heights at least 9 Å.

    Parameters
    ----------
    cell : Structure
    """
    heights = 2 * np.pi / np.array(cell.lattice.reciprocal_lattice.abc)
    a, b, c = (int(np.ceil(_CONTROL / height - 1e-6)) for height in heights)
    return a, b, c


@dataclass(frozen=True)
class FacetChoice:
    """A facet for a stack.

    Parameters
    ----------
    miller : tuple of int
        Conventional axes.
    reason : str
        Why it was chosen.
    """

    miller: Miller
    reason: str

    @property
    def text(self) -> str:
        """Behind the colon of a material's name: ``104``, ``1,0,-4``."""
        plain = all(0 <= index <= 9 for index in self.miller)
        return ("" if plain else ",").join(map(str, self.miller))


def best_facet(found: Material) -> FacetChoice:
    """Return the facet of a shipped recipe, or the low-index one whose best slab repeats no dipole, then cuts the
    fewest complex ions, then needs no shared outer plane, then has the smallest area.

    Parameters
    ----------
    found : Material

    Raises
    ------
    StructureError
        If no slab can be cut.
    """
    known = _recipe_facets().get(found.name)
    if known is not None:
        return FacetChoice(known[0], f"the facet of recipe {known[1]}")
    source = source_cell(found)
    best = [slabs(source, miller)[0] for miller in low_index_millers(source)]
    chosen = min(
        best,
        key=lambda slab: (slab.polar, round(slab.termination.broken_units, 4), slab.reconstructed, round(slab.area, 2)),
    )
    if chosen.polar:
        kind = "every low-index facet repeats a dipole, this one the smallest cell"
    elif chosen.reconstructed:
        kind = "no dipole, its outer plane shared between the faces"
    else:
        kind = "no dipole"
    cut = "" if chosen.termination.broken_units < 1e-4 else f", {chosen.termination.broken_units:.3f} cut ions per Å²"
    return FacetChoice(chosen.facet.miller, f"{kind}{cut}; {chosen.area:.0f} Å²")


@cache
def _recipe_facets() -> dict[str, tuple[Miller, str]]:
    """Facet of each material in the stacks of shipped recipes, and which recipe's it is."""
    found: dict[str, tuple[Miller, str]] = {}
    for recipe, _ in map(load_recipe, recipe_names()):
        for system in recipe.interface.systems if recipe.interface else ():
            for text in system.names.values():
                name, miller = parse_facet(text)
                if miller is not None:
                    found.setdefault(name, (miller, recipe.name))
    return found


def atom_budget(lower: tuple[Material, Miller], upper: tuple[Material, Miller], strain_on: str) -> int | None:
    """Return a budget of atoms that the smallest coherent stack of two slabs of 8 Å meets, a tenth above it; None where
    none below 600 atoms exists.

    Parameters
    ----------
    lower, upper : (Material, Miller)
    strain_on : str
        What takes the strain.

    Raises
    ------
    StructureError
        If a slab cannot be cut.
    """
    parts, _ = stack_parts([lower, upper], _THICKNESS, strain_on)
    smallest = smallest_cell(parts, _SPEC, MOST_ATOMS)
    return None if smallest is None else int(10 * np.ceil(1.1 * smallest[0] / 10))
