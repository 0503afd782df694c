"""The JSON of ``interfaces``: the Pareto front of coherent stacks, each checked, and written to files where a folder is
named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError, UnknownNameError, near_match_hint

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ...structures.interfaces.search import Interface, InterfaceSpec, Part

__all__ = ["ENERGIES", "InterfaceQuestion", "interfaces_document"]

#: ``--energy``: what chooses among the best registries
ENERGIES = ("analytic", "chgnet")


@dataclass(frozen=True)
class InterfaceQuestion:
    """What is asked of ``interfaces``.

    Parameters
    ----------
    a, b : str
        Material, YAML or structure file, with a facet after a colon or without: ``LCO:104``, ``LCO:1-10``,
        ``LCO:1,0,-4``, ``LCO``.
    layer : str, optional
        A third material between them, in the same form.
    spec : InterfaceSpec
    thickness : tuple of float, Å
        Least thickness of the slabs of `a`, of the layer, and of `b`.
    strain_on : str
        One of :data:`~catholyte.structures.interfaces.request.STRAIN_ON`. The strain between layer and `a` follows the
        same rule.
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
        from ...structures.interfaces.request import STRAIN_ON

        for name, value, allowed in (("--strain-on", self.strain_on, STRAIN_ON), ("--energy", self.energy, ENERGIES)):
            if value not in allowed:
                raise UnknownNameError(f"{name}: unknown value {value!r}; {near_match_hint(value, allowed)}")
        if not all(0 < value < float("inf") for value in self.thickness):
            raise InputError(f"a slab needs a thickness above 0 Å, and {min(self.thickness):g} Å was asked for")


def interfaces_document(asked: InterfaceQuestion, out: Path | None = None, file_format: str = "json") -> dict[str, Any]:
    """Search, build, check and, where `out` is given, write interfaces; return the JSON of ``interfaces``.

    Rows hold what :func:`~catholyte.structures.interfaces.request.interface_record` says.

    Raises
    ------
    InputError
        If a material, facet or option is wrong, or nothing fits the budget; the message names the smallest cell.
    StructureError
        If a slab cannot be cut, the gap is too small, or a cell does not pass its checks.
    """
    from dataclasses import replace

    from ...structures.interfaces.check import require_sound
    from ...structures.interfaces.request import interface_record
    from ...structures.interfaces.search import interfaces
    from .output import ending, write_cell

    ending(file_format)
    spec = replace(asked.spec, energy=_chgnet_energy()) if asked.energy == "chgnet" else asked.spec
    parts, shares = _parts(asked)
    rows = []
    for number, found in enumerate(interfaces(parts, spec), 1):
        checks = found.checks()
        require_sound(checks, f"interface {number}")
        path = None if out is None else write_cell(found.structure, out, _stem(found, number), file_format)
        checked = {check.name: check.detail for check in checks}
        rows.append({**interface_record(found), "checks": checked, "file": None if path is None else str(path)})
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
    from ...structures.by_name import find_material
    from ...structures.interfaces.request import parse_facet, stack_parts

    texts = [asked.a, asked.b] if asked.layer is None else [asked.a, asked.layer, asked.b]
    thickness = (asked.thickness[0], asked.thickness[2]) if asked.layer is None else asked.thickness
    named = [parse_facet(text) for text in texts]
    return stack_parts(
        [(find_material(name), miller) for name, miller in named], thickness, asked.strain_on, asked.seed
    )


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    notes = []
    polar = sum(row["polarity"] == "polar" for row in rows)
    if polar:
        notes.append(
            f"{polar} of {len(rows)} cells hold a polar slab: no stack of non-polar ones fits the limits; a "
            "calculation needs a dipole correction"
        )
    if rows:
        notes.append(
            "slabs are rigid and keep their bulk heights: relax before use; the interaction energy ranks "
            "registries, "
            "it is no adhesion energy"
        )
    return notes


def _stem(found: Interface, number: int) -> str:
    names = "-".join(
        f"{face.slab.facet.cell.label}_{''.join(map(str, face.slab.facet.miller))}" for face in found.faces
    )
    return re.sub(r"[^A-Za-z0-9.\-_]", "-", f"{number:02d}_{names}_{len(found.structure)}")


def _chgnet_energy() -> Callable[[Structure], float]:
    """CHGNet's energy of a cell, eV."""
    from chgnet.model import CHGNet

    model = CHGNet.load(verbose=False)

    def energy(structure: Structure) -> float:
        predicted: Any = model.predict_structure(structure, task="e")
        return float(predicted["e"]) * len(structure)

    return energy
