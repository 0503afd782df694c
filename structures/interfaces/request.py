"""From the names of two or three materials and their facets to the parts of a stack, and from a built stack to its
record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.models import Material, Role
from ..crystals.cells import canonical_order
from ..crystals.files import split_block
from ..surfaces.facet import Miller, SourceCell, source_cell
from .search import Interface
from .spec import Part
from .stack import Block, Layer, build_cell

__all__ = [
    "STRAIN_ON",
    "interface_record",
    "lone_slab",
    "on_lattice_of",
    "parse_facet",
    "stack_parts",
    "strained_bulk",
    "three_indices",
]

#: what takes the strain: auto puts it on the softer material
STRAIN_ON = ("auto", "a", "b", "shared")
#: Å, depth of what faces the other side of an interface
_SKIN = 2.0
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
_COMPACT = re.compile(r"(-?\d)(-?\d)(-?\d)(-?\d)?")


def parse_facet(text: str) -> tuple[str, Miller | None]:
    """Split ``LCO:104``, ``LCO:1-10``, ``LCO:1,0,-4`` or, in four indices, ``LCO:10-14`` into name and Miller index;
    None where there is no colon, and where a data block of a CIF stands behind it.

    Raises
    ------
    InputError
        If what follows the colon is not three integers, or four of which the third is minus the sum of the first two.
    """
    name, colon, index = text.rpartition(":")
    if not colon:
        return text, None
    compact = _COMPACT.fullmatch(index)
    fields = [f for f in compact.groups() if f is not None] if compact else re.split(r"[,\s]+", index.strip())
    try:
        numbers = [int(field) for field in fields]
    except ValueError:
        if split_block(text)[1] is not None:
            return text, None
        numbers = []
    if len(numbers) not in (3, 4):
        raise InputError(f"{text!r}: the facet {index!r} is not three integers; write 104, 1-10 or 1,0,-4")
    return name, three_indices(numbers)


def three_indices(numbers: Sequence[int]) -> Miller:
    """Return the Miller index of three numbers h k l, or of four, h k i l on hexagonal axes.

    Raises
    ------
    InputError
        If the third of four is not minus the sum of the first two.
    """
    h, k, *between, ell = numbers
    if between and between[0] != -(h + k):
        raise InputError(
            f"the four indices {' '.join(map(str, numbers))} name no plane: the third is minus the sum of the first "
            f"two, {-(h + k)}; or write three, {h} {k} {ell}"
        )
    return h, k, ell


def stack_parts(
    materials: Sequence[tuple[Material, Miller | None]],
    thickness: Sequence[float],
    strain_on: str = "auto",
    seed: int = 0,
    sources: Sequence[SourceCell] | None = None,
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
    sources : sequence of SourceCell, optional
        The crystals, in place of the library's.

    Raises
    ------
    StructureError
        If a cell cannot be built or ordered.
    """
    parts: list[Part] = []
    shares: dict[str, float] = {}
    below = -1
    cells = sources or [source_cell(material, seed) for material, _ in materials]
    for (material, miller), cell, least in zip(materials, cells, thickness, strict=True):
        softness = _SOFTNESS[material.role]
        share = _share(strain_on, below, softness)
        if parts:
            shares[material.name] = share
        parts.append(Part(cell, (miller,) if miller is not None else (), least, share))
        below = softness if len(parts) == 1 else min(below, softness)
    return parts, shares


def on_lattice_of(source: SourceCell, before: Structure | None = None, after: Structure | None = None) -> SourceCell:
    """Return a crystal strained as a cell of it was by a relaxation, or as it is without one; fractional coordinates
    stay.

    A stack takes the engine's lattice from it. The displacements of the ions are left to the relaxation of the stack:
    formal charges on displaced ions would make every ordering polar.

    Parameters
    ----------
    source : SourceCell
    before, after : Structure, optional
        A cell of the crystal in the frame of `source`, before and after it was relaxed.
    """
    if before is None or after is None:
        return source
    strain = np.linalg.inv(before.lattice.matrix) @ after.lattice.matrix
    cell = source.structure
    return source.relaxed(Structure(cell.lattice.matrix @ strain, cell.species, cell.frac_coords))


def interface_record(found: Interface) -> dict[str, Any]:
    """Return what a built stack is, for JSON and for people.

    Lengths are Å, areas Å², dipoles per area e/Å (``repeat_dipoles``: what
    each repeat adds), energies eV/Å². ``strain`` is the von Mises strain between the two
    lattices, ``strains`` what each slab takes, ``principal_strains`` its two logarithmic
    principal strains and ``area_changes`` the relative change of its area. ``orientation`` is the number of the last
    part's orientation, the best first, and how many distinct ones there are. ``joints`` has each interface from the
    bottom up, that across the cell's top last: the atoms within 2 Å of the outermost one on either side, the gap, and
    its share of the interaction energy.
    """
    lower, upper = found.faces[0].slab, found.faces[-1].slab
    verdict = found.verdict
    distance, pair = _closest(found.structure)
    principal = {layer.label: layer.principal_strain(found.block.cell).tolist() for layer in found.block.layers}
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
        "principal_strains": principal,
        "area_changes": {label: float(np.expm1(sum(values))) for label, values in principal.items()},
        "orientation": list(found.orientation),
        "atoms": {layer.label: len(layer.species) for layer in found.block.layers},
        "thickness": {layer.label: float(layer.heights.max() - layer.heights.min()) for layer in found.block.layers},
        "bulk_vectors": {layer.label: layer.vectors.round(10).tolist() for layer in found.block.layers},
        "shifts": [registry.shift.tolist() for registry in found.registries],
        "interaction": [registry.energy for registry in found.registries],
        "joints": _joints(found),
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


def _joints(found: Interface) -> list[dict[str, Any]]:
    """Each interface of a stack."""
    layers, periodic = found.block.layers, found.form == "periodic"
    pairs = [*pairwise(layers), *([(layers[-1], layers[0])] if periodic else [])]
    gaps = [*found.block.gaps, *([found.empty] if periodic else [])]
    energies = [energy for registry in found.registries for energy in registry.joints]
    return [
        {"below": _skin(below, top=True), "above": _skin(above, top=False), "gap": gap, "interaction": energy}
        for (below, above), gap, energy in zip(pairs, gaps, energies, strict=True)
    ]


def _skin(layer: Layer, *, top: bool) -> str:
    """Formula of the atoms within 2 Å of the outermost one of a slab's face."""
    depths = layer.heights.max() - layer.heights if top else layer.heights - layer.heights.min()
    species = [specie for specie, depth in zip(layer.species, depths, strict=True) if depth < _SKIN]
    return Composition(Counter(specie.symbol for specie in species)).formula.replace(" ", "")


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
