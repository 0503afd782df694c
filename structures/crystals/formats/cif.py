"""A CIF as databases, refinement programs and people write it becomes a structure.

What the file leaves open is decided by what it says elsewhere: the setting by the cell and the sum formula, the
element of a label by the formula. What stays open is refused with the way out; what was repaired is told in a note.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ....configs.arrays import Floats, Ints
from ....configs.errors import StructureError
from ..guard import file_bytes, first_of, note, require_cell
from .cif_sites import EXCESS, Row, atom_rows, formula_of
from .cif_symmetry import Operation, settings_of
from .cif_text import Block, data_blocks, decoded, number

__all__ = ["chosen_block", "lattice_of", "structure_of"]

#: most atoms in the cell, partial ones counted whole
_MOST = 20_000
#: Å; images of a site that lie nearer are one atom, whatever the digits say
_SAME = 0.01
#: Å; and such that lie farther apart are two, whatever the digits say
_OTHER = 0.35
#: largest difference of the atoms' composition from the stated formula that is not told, per atom
_FORMULA = 0.02

Images = list[Floats]


@dataclass
class _Place:
    """A place of the unit cell, and what is on it."""

    position: Floats
    slack: Floats
    rows: list[Row] = field(default_factory=list)


def chosen_block(path: Path, name: str | None = None) -> Block:
    """Return the data block that holds the structure.

    Parameters
    ----------
    path : Path
    name : str, optional
        Of the data block; needed where the file holds several structures.

    Raises
    ------
    StructureError
        If the file holds no structure, or several and none is named.
    """
    blocks = data_blocks(decoded(file_bytes(path)))
    holding = [block for block in blocks if block.column("_atom_site_fract_x") or block.column("_atom_site_label")]
    if not holding:
        raise StructureError(
            f"not readable as cif: no data block holds atoms (_atom_site_fract_x); blocks: {_names(blocks)}"
        )
    if name is not None:
        found = [block for block in holding if block.name == name] or [
            block for block in holding if block.name.lower() == name.lower()
        ]
        if len(found) != 1:
            raise StructureError(f"{len(found)} data blocks are called '{name}'; there are {_names(holding)}")
        return found[0]
    if len(holding) > 1:
        example = next((block.name for block in holding if block.name), "NAME")
        raise StructureError(
            f"it holds {len(holding)} structures, {_names(holding)}: name one as {path.name}:{example}"
        )
    return holding[0]


def structure_of(block: Block, source: str) -> Structure:
    """Return the structure of a data block, with partial occupancies, and oxidation states where it has them.

    Parameters
    ----------
    block : Block
    source : str
        For the notes.

    Raises
    ------
    StructureError
        If atoms, cell or symmetry cannot be read, or contradict each other.
    """
    lattice = lattice_of(block, source)
    rows = atom_rows(block, source)
    settings = settings_of(block, lattice)
    if not settings:
        note(source, "no symmetry is given: the atoms are taken as they are listed")
        settings = {"P 1": [(np.eye(3), np.zeros(3))]}
    if len(rows) * max(map(len, settings.values())) > _MOST:
        raise StructureError(f"{len(rows)} atoms and their copies are too many; at most {_MOST} are read")
    structure = _in_setting(rows, lattice, settings, block, source)
    _note_formula(structure, block, source)
    return structure


def _names(blocks: list[Block]) -> str:
    def name(block: Block) -> str:
        formula = formula_of(block)
        return f"{block.name or '(without a name)'}{f' ({formula.reduced_formula})' if formula else ''}"

    return first_of([name(block) for block in blocks], 8)


def lattice_of(block: Block, source: str) -> Lattice:
    """Return the cell of a data block.

    Raises
    ------
    StructureError
        If a number is missing or absurd.
    """
    values = []
    for key in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        text = block.value(f"_cell_{key}")
        if text is None and key.startswith("angle"):
            values.append(90.0)  # the core dictionary's default
            continue
        value = number(text) if text is not None else None
        if value is None:
            raise StructureError(
                f"not readable as cif: _cell_{key} is {'missing' if text is None else f'{text[:20]!r}, no number'}"
            )
        values.append(value)
    a, b, c, *angles = values
    if not all(1 < angle < 179 for angle in angles):
        raise StructureError(f"the angles of the cell are {', '.join(f'{x:g}' for x in angles)}°")
    require_cell(np.diag([a, b, c]), 0, source)
    lattice = Lattice.from_parameters(a, b, c, *angles)
    require_cell(lattice.matrix, 0, source)
    return lattice


def _in_setting(
    rows: list[Row], lattice: Lattice, settings: dict[str, list[Operation]], block: Block, source: str
) -> Structure:
    """The structure in the setting that gives sensible atoms; several that do are told apart by the sum formula."""
    made: dict[str, tuple[Structure, list[str]]] = {}
    problems: dict[str, str] = {}
    for name, operations in settings.items():
        try:
            made[name] = _expanded(rows, lattice, operations)
        except StructureError as error:
            problems[name] = error.message
    if not made:
        raise StructureError(next(iter(problems.values())))
    if len(made) > 1:
        made = _distinct(made, block)
    if len(made) > 1:
        raise StructureError(
            f"the space group has several settings that fit, {first_of(list(made))}: give the loop of "
            "_space_group_symop_operation_xyz, or the setting in _space_group_name_H-M_alt"
        )
    name, (structure, notes) = next(iter(made.items()))
    if len(settings) > 1:
        note(source, f"the file leaves the setting open, and {name} is the one that fits")
    for text in notes:
        note(source, text)
    return structure


def _distinct(made: dict[str, tuple[Structure, list[str]]], block: Block) -> dict[str, tuple[Structure, list[str]]]:
    formula, units = formula_of(block), number(block.value("_cell_formula_units_z") or "")
    multiplicity = block.column("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
    kept = dict(made)
    if formula is not None:
        kept = {n: m for n, m in kept.items() if _difference(m[0].composition, formula) < _FORMULA} or kept
        if units:
            wanted = formula.num_atoms * units
            kept = {n: m for n, m in kept.items() if abs(m[0].composition.num_atoms - wanted) < 0.5} or kept
    if multiplicity and all(number(text) for text in multiplicity):
        wanted = sum(number(text) or 0 for text in multiplicity)
        kept = {n: m for n, m in kept.items() if abs(len(m[0]) - wanted) < 0.5} or kept
    return {n: m for n, m in kept.items() if _shortest(m[0]) > 1.0} or kept


def _shortest(structure: Structure) -> float:
    """Smallest distance of two full sites, Å."""
    full = [k for k, site in enumerate(structure) if site.species.num_atoms > 1 - EXCESS]
    if len(full) < 2:
        return float("inf")
    distances = structure.lattice.get_all_distances(structure.frac_coords[full], structure.frac_coords[full])
    return float((distances + np.diag(np.full(len(full), np.inf))).min())


def _expanded(rows: list[Row], lattice: Lattice, operations: list[Operation]) -> tuple[Structure, list[str]]:
    """All atoms of the cell, one site a place, and what has to be told of it."""
    notes: list[str] = []
    orbits = [_orbit(row, lattice, operations) for row in rows]
    kept, copies = _without_copies(rows, orbits, lattice)
    if copies:
        notes.append(
            f"{len(copies)} of {len(rows)} atoms are symmetry copies of others in the list and stand once: the file "
            "lists the cell and the operations too"
        )
    places: list[_Place] = []
    for k in kept:
        places = _placed(places, rows[k], orbits[k], lattice)
    scaled: dict[str, float] = {}
    species, positions = [], []
    for place in places:
        amounts: dict[object, float] = {}
        for row in place.rows:
            amounts[row.species] = amounts.get(row.species, 0.0) + row.occupancy
        total = sum(amounts.values())
        names = "/".join(dict.fromkeys(row.label for row in place.rows))
        if total > 1 + EXCESS + 1e-9:
            raise StructureError(
                f"the occupancies of {names} at one place add up to {total:.3g}: a list of the whole cell together "
                "with operations of higher symmetry, or a wrong occupancy"
            )
        if total > 1 + 1e-8:
            scaled[names] = total
            amounts = {name: amount / total for name, amount in amounts.items()}
        elif total > 1 - 1e-4:
            amounts = {name: amount / total for name, amount in amounts.items()}
        species.append(Composition(amounts))
        positions.append(place.position)
    for names, total in scaled.items():
        notes.append(f"the occupancies of {names} add up to {total:.3g} and are scaled to 1")
    return Structure(lattice, species, np.array(positions)), notes


def _orbit(row: Row, lattice: Lattice, operations: list[Operation]) -> Images:
    """The places to which the operations take an atom; images within the written digits are one, at their mean."""
    first = np.array([rotation @ row.position + shift for rotation, shift in operations])
    spread = np.array([np.abs(rotation) @ row.slack for rotation, _ in operations])
    clusters: list[list[Floats]] = []
    slacks: list[Floats] = []
    for image, slack in zip(first, spread, strict=True):
        for k, cluster in enumerate(clusters):
            gap = image - cluster[0]
            gap -= np.rint(gap)
            if _is_same(gap, slack + slacks[k], lattice):
                cluster.append(cluster[0] + gap)
                break
        else:
            clusters.append([image])
            slacks.append(slack)
    return [_wrapped(np.mean(cluster, axis=0)) for cluster in clusters]


def _wrapped(position: Floats) -> Floats:
    inside = position - np.floor(position)
    inside = np.where(np.abs(inside - 1) < 1e-9, 0.0, inside)
    return np.array(inside.round(12)) + 0.0


def _is_same(gap: Floats, slack: Floats, lattice: Lattice) -> bool:
    distance = float(np.linalg.norm(gap @ lattice.matrix))
    return distance < _SAME or (distance < _OTHER and bool((np.abs(gap) <= slack).all()))


def _without_copies(rows: list[Row], orbits: list[Images], lattice: Lattice) -> tuple[list[int], list[int]]:
    """Rows that stand for themselves, and rows that are symmetry copies of an earlier one of the same species."""
    kept: list[int] = []
    copies: list[int] = []
    coords, owners = np.empty((0, 3)), np.empty(0, dtype=np.int64)
    for k, row in enumerate(rows):
        near, gaps = _near(coords, row.position, lattice)
        source = next(
            (j for j, gap in ((int(owners[i]), gaps[i]) for i in near) if _is_copy(rows[j], row, gap, lattice)), None
        )
        if source is None:
            kept.append(k)
            coords, owners = np.vstack([coords, *orbits[k]]), np.append(owners, [k] * len(orbits[k]))
            continue
        if abs(rows[source].occupancy - row.occupancy) > EXCESS:
            raise StructureError(
                f"{row.label} is a symmetry copy of {rows[source].label} with another occupancy ({row.occupancy:g} and "
                f"{rows[source].occupancy:g}): the operations do not belong to this list of atoms"
            )
        copies.append(k)
    return kept, copies


def _near(coords: Floats, position: Floats, lattice: Lattice) -> tuple[Ints, Floats]:
    """Which of the places (n, 3) lie near one, and the fractional way to each of them (n, 3)."""
    gaps = coords - position
    gaps -= np.rint(gaps)
    return np.flatnonzero(np.linalg.norm(gaps @ lattice.matrix, axis=1) < _OTHER), gaps


def _is_copy(first: Row, row: Row, gap: Floats, lattice: Lattice) -> bool:
    if first.element != row.element or first.charge != row.charge or np.allclose(first.position, row.position):
        return False
    return _is_same(gap, 2 * np.full(3, max(first.slack.max(), row.slack.max())), lattice)


def _placed(places: list[_Place], row: Row, images: Images, lattice: Lattice) -> list[_Place]:
    """Add the images of one row to the places, each to the place that is there already, or as a new one."""
    coords = np.array([place.position for place in places]) if places else np.empty((0, 3))
    new: list[_Place] = []
    for image in images:
        near, gaps = _near(coords, image, lattice)
        shared = next((int(k) for k in near if _is_same(gaps[k], row.slack + places[int(k)].slack, lattice)), None)
        if shared is None:
            new.append(_Place(image, row.slack, [row]))
        else:
            places[shared].rows.append(row)
    return places + new


def _difference(composition: Composition, formula: Composition) -> float:
    """Largest difference of the atomic fractions of two compositions."""
    first, second = composition.element_composition.fractional_composition, formula.fractional_composition
    return max(abs(first[e] - second[e]) for e in {*first.elements, *second.elements})


def _note_formula(structure: Structure, block: Block, source: str) -> None:
    formula = formula_of(block)
    if formula is None or _difference(structure.composition, formula) < _FORMULA:
        return
    found = structure.composition.element_composition
    note(
        source,
        f"the atoms give {found.reduced_formula}, and the file states the formula {formula.reduced_formula}",
    )
