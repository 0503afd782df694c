"""The JSON of ``interfaces``: the Pareto front of coherent stacks, each checked, and written to files where a folder is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configs.errors import InputError, UnknownNameError, near_match_hint
from ..configs.models import Role

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ..structures.interface import Interface, InterfaceSpec, Part

__all__ = ["ENERGIES", "STRAIN_ON", "InterfaceQuestion", "interfaces_document", "parse_facet"]

Miller = tuple[int, int, int]

#: ``--strain-on``: auto puts it on the softer material
STRAIN_ON = ("auto", "a", "b", "shared")
#: ``--energy``: what chooses among the best registries
ENERGIES = ("analytic", "chgnet")
#: how readily a material takes strain; lithium metal and the electrolytes, sulfides above all, are several times softer than oxides
_SOFTNESS: dict[Role, int] = {"anode": 3, "electrolyte": 2, "coating": 1, "product": 1, "boundary phase": 0, "cathode": 0, "rock salt": 0}
_COMPACT = re.compile(r"(-?\d)(-?\d)(-?\d)")


@dataclass(frozen=True)
class InterfaceQuestion:
    """What is asked of ``interfaces``.

    Parameters
    ----------
    a, b : str
        Material, YAML or structure file, with a facet after a colon or without: ``LCO:104``, ``LCO:1-10``, ``LCO:1,0,-4``, ``LCO``.
    layer : str, optional
        A third material between them, in the same form.
    spec : InterfaceSpec
    thickness : tuple of float, Å
        Least thickness of the slabs of `a`, of the layer, and of `b`.
    strain_on : str
        One of :data:`STRAIN_ON`. The strain between layer and `a` follows the same rule.
    energy : str
        One of :data:`ENERGIES`.
    seed : int
        Of the orderings, where the materials need them.
    """

    a: str
    b: str
    layer: str | None
    spec: InterfaceSpec
    thickness: tuple[float, float, float]
    strain_on: str = "auto"
    energy: str = "analytic"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, allowed in (("--strain-on", self.strain_on, STRAIN_ON), ("--energy", self.energy, ENERGIES)):
            if value not in allowed:
                raise UnknownNameError(f"{name}: unknown value {value!r}; {near_match_hint(value, allowed)}")
        if not all(0 < value < float("inf") for value in self.thickness):
            raise InputError(f"a slab needs a thickness above 0 Å, and {min(self.thickness):g} Å was asked for")


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


def interfaces_document(asked: InterfaceQuestion, out: Path | None = None, file_format: str = "json") -> dict[str, Any]:
    """Search, build, check and, where `out` is given, write interfaces; return the JSON of ``interfaces``.

    Lengths are Å, areas Å², dipoles per area e/Å, energies eV/Å². ``strain`` is the von Mises strain between the two
    lattices, ``strains`` what each slab takes.

    Raises
    ------
    InputError
        If a material, facet or option is wrong, or nothing fits the budget; the message names the smallest cell.
    StructureError
        If a slab cannot be cut, the gap is too small, or a cell does not pass its checks.
    """
    from dataclasses import replace

    from ..structures.interface import interfaces
    from ..structures.interface_check import require_sound
    from .structure_output import ending, write_cell

    ending(file_format)
    spec = replace(asked.spec, energy=_chgnet_energy()) if asked.energy == "chgnet" else asked.spec
    parts, shares = _parts(asked)
    rows = []
    for number, found in enumerate(interfaces(parts, spec), 1):
        checks = found.checks()
        require_sound(checks, f"interface {number}")
        path = None if out is None else write_cell(found.structure, out, _stem(found, number), file_format)
        checked = {check.name: check.detail for check in checks}
        rows.append({**_row(found), "checks": checked, "file": None if path is None else str(path)})
    return {
        "a": parts[0].cell.label,
        "layer": parts[1].cell.label if len(parts) == 3 else None,
        "b": parts[-1].cell.label,
        "form": spec.form,
        "limits": {"max_atoms": spec.max_atoms, "max_strain": spec.max_strain},
        "strain_share": shares,
        "energy": asked.energy,
        "interfaces": rows,
        "notes": _notes(rows),
    }


def _parts(asked: InterfaceQuestion) -> tuple[list[Part], dict[str, float]]:
    """The parts from the bottom up, and the share of the strain that each takes against what lies below it."""
    from ..structures.facet import source_cell
    from ..structures.interface import Part
    from ..structures.own import find_material

    texts = [asked.a, asked.b] if asked.layer is None else [asked.a, asked.layer, asked.b]
    thickness = (asked.thickness[0], asked.thickness[2]) if asked.layer is None else asked.thickness
    parts: list[Part] = []
    shares: dict[str, float] = {}
    below = -1
    for text, least in zip(texts, thickness, strict=True):
        name, miller = parse_facet(text)
        material = find_material(name)
        softness = _SOFTNESS[material.role]
        share = _share(asked.strain_on, below, softness)
        if parts:
            shares[material.name] = share
        parts.append(Part(source_cell(material, asked.seed), (miller,) if miller is not None else (), least, share))
        below = softness if len(parts) == 1 else min(below, softness)
    return parts, shares


def _share(strain_on: str, below: int, above: int) -> float:
    """Part of the strain that the upper material takes."""
    if strain_on == "auto":
        return 0.5 if below == above else float(above > below)
    return {"a": 0.0, "b": 1.0, "shared": 0.5}[strain_on]


def _row(found: Interface) -> dict[str, Any]:
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
        "principal_strains": {layer.label: layer.principal_strain(found.block.cell).tolist() for layer in found.block.layers},
        "atoms": {layer.label: len(layer.species) for layer in found.block.layers},
        "thickness": {layer.label: float(layer.heights.max() - layer.heights.min()) for layer in found.block.layers},
        "bulk_vectors": {layer.label: layer.vectors.round(10).tolist() for layer in found.block.layers},
        "shifts": [registry.shift.tolist() for registry in found.registries],
        "interaction": [registry.energy for registry in found.registries],
        "polarity": verdict.polarity,
        "charge": verdict.charge,
        "dipoles": list(verdict.dipoles),
        "contact_charges": [list(pair) for pair in verdict.contact_charges],
        "verdict": verdict.says,
    }
    if len(found.faces) == 3:
        middle = found.faces[1].slab
        row |= {"layer_miller": list(middle.facet.miller), "layer_terminations": [middle.bottom, middle.termination.label]}
    return row


def _closest(structure: Structure) -> tuple[float, str]:
    """Shortest distance, Å, and between which ions."""
    first, second, _, distances = structure.get_neighbor_list(5.0)
    k = int(distances.argmin())
    pair = sorted(structure[int(site)].specie.symbol for site in (first[k], second[k]))
    return float(distances[k]), "-".join(pair)


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    polar = sum(row["polarity"] == "polar" for row in rows)
    if polar:
        notes.append(f"{polar} of {len(rows)} cells hold a polar slab: no stack of non-polar ones fits the limits; a calculation needs a dipole correction")
    if rows:
        notes.append("slabs are rigid and keep their bulk heights: relax before use; the interaction energy ranks registries, it is no adhesion energy")
    return notes


def _stem(found: Interface, number: int) -> str:
    names = "-".join(f"{face.slab.facet.cell.label}_{''.join(map(str, face.slab.facet.miller))}" for face in found.faces)
    return re.sub(r"[^A-Za-z0-9.\-_]", "-", f"{number:02d}_{names}_{len(found.structure)}")


def _chgnet_energy() -> Callable[[Structure], float]:
    """CHGNet's energy of a cell, eV."""
    from chgnet.model import CHGNet

    model = CHGNet.load(verbose=False)

    def energy(structure: Structure) -> float:
        predicted: Any = model.predict_structure(structure, task="e")
        return float(predicted["e"]) * len(structure)

    return energy
