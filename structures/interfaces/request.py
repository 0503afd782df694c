"""From the names of two or three materials and their facets to the parts of a stack, and from a built stack to its
record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.models import Material, Role
from ..crystals.cells import canonical_order
from ..surfaces.facet import Miller, source_cell
from .search import Interface, Part
from .stack import Block, Layer, build_cell

__all__ = ["STRAIN_ON", "interface_record", "lone_slab", "parse_facet", "stack_parts", "strained_bulk"]

#: what takes the strain: auto puts it on the softer material
STRAIN_ON = ("auto", "a", "b", "shared")
#: how readily a material takes strain; lithium metal and the electrolytes, sulfides above all, are several times softer
#: than oxides
_SOFTNESS: dict[Role, int] = {
    "anode": 3,
    "electrolyte": 2,
    "coating": 1,
    "product": 1,
    "boundary phase": 0,
    "cathode": 0,
    "rock salt": 0,
}
_COMPACT = re.compile(r"(-?\d)(-?\d)(-?\d)")


def parse_facet(text: str) -> tuple[str, Miller | None]:
    """Split ``LCO:104``, ``LCO:1-10`` or ``LCO:1,0,-4`` into name and Miller index; None where there is no colon.

    Raises
    ------
    InputError
        If what follows the colon is not three integers.
    """
    name, colon, index = text.rpartition(":")
    if not colon:
        return text, None
    compact = _COMPACT.fullmatch(index)
    fields = compact.groups() if compact else re.split(r"[,\s]+", index.strip())
    try:
        h, k, ell = (int(field) for field in fields)
    except ValueError:
        raise InputError(f"{text!r}: the facet {index!r} is not three integers; write 104, 1-10 or 1,0,-4") from None
    return name, (h, k, ell)


def stack_parts(
    materials: Sequence[tuple[Material, Miller | None]],
    thickness: Sequence[float],
    strain_on: str = "auto",
    seed: int = 0,
) -> tuple[list[Part], dict[str, float]]:
    """Return the parts from the bottom up, and the share of the strain that each takes against what lies below it.

    Parameters
    ----------
    materials : sequence of (Material, Miller or None)
        With the facet, or None for all low-index ones.
    thickness : sequence of float, Å
        Least thickness of each slab.
    strain_on : str
        One of :data:`STRAIN_ON`.
    seed : int
        Of the orderings, where the materials need them.

    Raises
    ------
    StructureError
        If a cell cannot be built or ordered.
    """
    parts: list[Part] = []
    shares: dict[str, float] = {}
    below = -1
    for (material, miller), least in zip(materials, thickness, strict=True):
        softness = _SOFTNESS[material.role]
        share = _share(strain_on, below, softness)
        if parts:
            shares[material.name] = share
        parts.append(Part(source_cell(material, seed), (miller,) if miller is not None else (), least, share))
        below = softness if len(parts) == 1 else min(below, softness)
    return parts, shares


def interface_record(found: Interface) -> dict[str, Any]:
    """Return what a built stack is, for JSON and for people.

    Lengths are Å, areas Å², dipoles per area e/Å (``repeat_dipoles``: what
    each repeat adds), energies eV/Å². ``strain`` is the von Mises strain between the two
    lattices, ``strains`` what each slab takes.
    """
    lower, upper = found.faces[0].slab, found.faces[-1].slab
    verdict = found.verdict
    distance, pair = _closest(found.structure)
    row = {
        "n_atoms": len(found.structure),
        "formula": found.structure.composition.remove_charges().formula.replace(" ", ""),
        "strain": found.strain,
        "area": found.area,
        "min_distance": distance,
        "min_pair": pair,
        "a_miller": list(lower.facet.miller),
        "b_miller": list(upper.facet.miller),
        "a_termination": lower.termination.label,
        "b_termination": upper.bottom,
        "form": found.form,
        "gaps": list(found.block.gaps),
        "empty": found.empty,
        "cell": found.structure.lattice.matrix.round(10).tolist(),
        "strains": {layer.label: strain for layer, strain in zip(found.block.layers, found.strains, strict=True)},
        "principal_strains": {
            layer.label: layer.principal_strain(found.block.cell).tolist() for layer in found.block.layers
        },
        "atoms": {layer.label: len(layer.species) for layer in found.block.layers},
        "thickness": {layer.label: float(layer.heights.max() - layer.heights.min()) for layer in found.block.layers},
        "bulk_vectors": {layer.label: layer.vectors.round(10).tolist() for layer in found.block.layers},
        "shifts": [registry.shift.tolist() for registry in found.registries],
        "interaction": [registry.energy for registry in found.registries],
        "polarity": verdict.polarity,
        "charge": verdict.charge,
        "dipoles": list(verdict.dipoles),
        "repeat_dipoles": list(verdict.repeat_dipoles),
        "contact_charges": [list(pair) for pair in verdict.contact_charges],
        "verdict": verdict.says,
    }
    if len(found.faces) == 3:
        middle = found.faces[1].slab
        row |= {
            "layer_miller": list(middle.facet.miller),
            "layer_terminations": [middle.bottom, middle.termination.label],
        }
    return row


def _share(strain_on: str, below: int, above: int) -> float:
    """Part of the strain that the upper material takes."""
    if strain_on == "auto":
        return 0.5 if below == above else float(above > below)
    return {"a": 0.0, "b": 1.0, "shared": 0.5}[strain_on]


def _closest(structure: Structure) -> tuple[float, str]:
    """Shortest distance, Å, and between which ions."""
    first, second, _, distances = structure.get_neighbor_list(5.0)
    k = int(distances.argmin())
    pair = sorted(structure[int(site)].specie.symbol for site in (first[k], second[k]))
    return float(distances[k]), "-".join(pair)


def strained_bulk(layer: Layer, cell: Floats) -> Structure:
    """Return the crystal of one side on the in-plane cell of the interface: without surfaces, strained in the plane
    alone.

    The third vector leads to the next equal lattice plane; its height is that of the unstrained crystal.

    Parameters
    ----------
    layer : Layer
        Of a stack.
    cell : (2, 2) float array, Å
        In-plane vectors of the stack, rows.

    Returns
    -------
    Structure
        ``a`` and ``b`` are those of the interface, the normal is along z. Site properties: those of the source,
        ``layer``.
    """
    facet = layer.face.slab.facet
    matrix = np.rint((layer.vectors @ facet.rotation.T)[:, :2] @ np.linalg.inv(facet.in_plane)).astype(int)
    upright = 1 if np.linalg.det(matrix) > 0 else -1  # a slab that lies upside down
    cut: Structure = facet.oriented.make_supercell(
        [[*matrix[0], 0], [*matrix[1], 0], [0, 0, upright]], to_unit_cell=False, in_place=False
    )
    rows = np.array(cut.lattice.matrix)
    along = rows[2, :2] @ np.linalg.inv(rows[:2, :2])
    along -= np.rint(along)
    lattice = np.zeros((3, 3))
    lattice[:2, :2], lattice[2, :2], lattice[2, 2] = cell, along @ cell, abs(rows[2, 2])
    shifted = cut.frac_coords + np.outer(
        cut.frac_coords[:, 2], rows[2, :2] @ np.linalg.inv(rows[:2, :2]) - along
    ) @ np.eye(2, 3)
    kept = {name: values for name, values in cut.site_properties.items() if name != "origin"} | {
        "layer": [layer.label] * len(cut)
    }
    return canonical_order(Structure(Lattice(lattice), cut.species, shifted, site_properties=kept, to_unit_cell=True))


def lone_slab(layer: Layer, cell: Floats, vacuum: float) -> Structure:
    """Return the slab of one side as it stands in the interface, with nothing but vacuum beside it.

    Parameters
    ----------
    layer : Layer
        Of a stack.
    cell : (2, 2) float array, Å
        In-plane vectors of the stack, rows.
    vacuum : float, Å

    Raises
    ------
    StructureError
        If the vacuum is not positive.
    """
    return build_cell(Block(cell, (replace(layer, heights=layer.heights - layer.heights.min()),)), vacuum)
