"""The JSON of ``slabs``: every termination of a facet, with its polarity, written to files where a folder is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ...structures.surfaces.slab import Slab, SlabSpec

__all__ = ["SlabQuestion", "slabs_document"]

Miller = tuple[int, int, int]


@dataclass(frozen=True)
class SlabQuestion:
    """What is asked of ``slabs``.

    Parameters
    ----------
    material : str
        Library name, alias, path of a YAML or of a structure file.
    miller : tuple of int, optional
        Conventional axes; all low-index facets where left out.
    spec : SlabSpec
    exact : bool
        This very plane, not the member of its family with the smallest area.
    seed : int
        Of the ordering, where the material needs one.
    """

    material: str
    miller: Miller | None
    spec: SlabSpec
    exact: bool = False
    seed: int = 0


def slabs_document(asked: SlabQuestion, out: Path | None = None, file_format: str = "json") -> dict[str, Any]:
    """Cut, describe and, where `out` is given, write slabs; return the JSON of ``slabs``.

    Lengths are Å, areas Å², dipoles per area e/Å; ``broken_bonds`` counts cut bonds inside complex ions (PS4, CO3) per
    Å².

    Raises
    ------
    InputError
        If the material or the format is unknown, the Miller index is 0 0 0, or the folder cannot be written.
    StructureError
        If slabs cannot be cut as asked.
    """
    from ...structures.by_name import find_source
    from ...structures.surfaces.facet import low_index_millers
    from ...structures.surfaces.slab import slabs
    from .output import ending, write_cell

    ending(file_format)
    cell = find_source(asked.material, asked.seed)
    found: list[Slab] = []
    for miller in [asked.miller] if asked.miller is not None else low_index_millers(cell):
        found += slabs(cell, miller, asked.spec, exact=asked.exact)
    rows = []
    for slab in found:
        path = None if out is None else write_cell(slab.structure, out, _stem(slab), file_format)
        rows.append({**_row(slab), "file": None if path is None else str(path)})
    axes = cell.conventional
    return {
        "material": cell.label,
        "miller": asked.miller,
        "bulk": {"formula": _formula(cell.structure), "n_atoms": len(cell.structure)},
        "conventional_axes": axes.round(6).tolist(),
        "slabs": rows,
        "notes": _notes(asked, found),
    }


def _row(slab: Slab) -> dict[str, Any]:
    cut = slab.termination
    return {
        "termination": cut.label,
        "bottom": slab.bottom,
        "miller": list(slab.facet.miller),
        "tasker": slab.tasker,
        "symmetric": slab.symmetric,
        "stoichiometric": slab.stoichiometric,
        "reconstructed": slab.reconstructed,
        "dipole": slab.dipole,
        "broken_bonds": cut.broken_units,
        "broken_strength": cut.broken_strength,
        "formula": _formula(slab.structure),
        "n_atoms": len(slab.structure),
        "layers": slab.n_layers,
        "area": slab.area,
        "thickness": slab.thickness,
        "vacuum": slab.vacuum,
        "net_moment": float(sum(slab.structure.site_properties["magmom"])),
        "shift": cut.shift,
    }


def _notes(asked: SlabQuestion, found: list[Slab]) -> list[str]:
    from ...structures.surfaces.planes import DIPOLE_TOLERANCE

    notes = []
    used = {slab.facet.miller for slab in found}
    if asked.miller is not None and used != {asked.miller}:
        notes.append(
            f"the order of atoms or moments makes planes of one family differ: {_index(found[0].facet.miller)} has "
            "the smallest repeat of the family of "
            f"{_index(asked.miller)}; --exact takes the plane itself"
        )
    polar = [slab for slab in found if abs(slab.dipole) > DIPOLE_TOLERANCE]
    if polar:
        cause = "a polar cut" if any(slab.tasker == 3 for slab in polar) else "the scatter of charges in the ordering"
        notes.append(
            f"{len(polar)} of {len(found)} slabs have a dipole from {cause}: their energy grows with thickness, "
            "and a "
            "calculation needs a dipole correction"
        )
    return notes


def _index(miller: Miller) -> str:
    return "(" + " ".join(map(str, miller)) + ")"


def _stem(slab: Slab) -> str:
    index = "_".join(map(str, slab.facet.miller))
    return re.sub(r"[^A-Za-z0-9.\-_]", "-", f"{slab.facet.cell.label}_{index}_{slab.termination.label}")


def _formula(structure: Structure) -> str:
    return str(structure.composition.remove_charges().formula).replace(" ", "")
