"""Interface energy and work of adhesion of a stack, against references strained as the stack is.

Definitions and signs stand in :mod:`catholyte.structures.interfaces.excess`. Every reference has the stack's lattice in
the plane, so that the interface energy holds no strain; what the strain of each side costs is given beside it, never
added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.interfaces.excess import Joined, Side
from ...workflows.documents import CalculationDocument, require_real, require_same_signature

__all__ = ["InterfaceEnergies", "References", "interface_energies"]

#: Å, to which the in-plane lattices of a stack and a reference agree
SAME_LATTICE = 1e-2


@dataclass(frozen=True)
class References:
    """What a stack is compared with; keys are the tags of its materials.

    Parameters
    ----------
    bulks : mapping of str to CalculationDocument
        Crystals strained as in the stack, ``a`` and ``b`` in the plane.
    slabs : mapping of str to CalculationDocument
        Slabs of the stack alone, in its in-plane cell; empty where the work of adhesion is not asked for.
    free : mapping of str to CalculationDocument
        Crystals without strain; empty where the cost of the strain is not asked for.
    """

    bulks: Mapping[str, CalculationDocument]
    slabs: Mapping[str, CalculationDocument]
    free: Mapping[str, CalculationDocument]


@dataclass(frozen=True)
class InterfaceEnergies:
    """Energies of one stack, eV/Å².

    Parameters
    ----------
    label, tier : str
    area : float, Å²
    n_interfaces : int
        Of one cell.
    interface : float or None
        γ, mean of the cell's interfaces; None with vacuum where slabs are missing.
    adhesion : float or None
        Work of adhesion W, mean of the cell's interfaces; None where a slab is missing.
    surfaces : dict of str to float
        Of each strained slab, mean of its two faces.
    strain : dict of str to float
        What the strain of each side costs, per area of the cell: it grows with the thickness.
    """

    label: str
    tier: str
    area: float
    n_interfaces: int
    interface: float | None
    adhesion: float | None
    surfaces: dict[str, float]
    strain: dict[str, float]

    @property
    def dupre(self) -> float | None:
        """W - (γ_a + γ_b - γ_ab), eV/Å²: 0 by construction for two sides in the periodic form, else what unequal faces
        leave."""
        if self.interface is None or self.adhesion is None or len(self.surfaces) != 2:
            return None
        return self.adhesion - (sum(self.surfaces.values()) - self.interface)


def interface_energies(stack: CalculationDocument, references: References, *, periodic: bool) -> InterfaceEnergies:
    """Return the energies of a stack.

    Parameters
    ----------
    stack : CalculationDocument
        Its structure has the site property ``layer``, the material of each atom; ``a`` and ``b`` lie in the plane.
    references : References
    periodic : bool
        Whether the topmost slab touches the lowest one of the next cell.

    Raises
    ------
    SignatureMismatchError
        If the energies may not be subtracted.
    InputError
        If a reference is missing, has another lattice in the plane or another composition than its part of the stack.
    """
    parts = _parts(stack)
    named = {
        "stack": stack,
        **{
            f"{kind} {name}": document
            for kind in ("bulks", "slabs", "free")
            for name, document in getattr(references, kind).items()
        },
    }
    require_real(*named.values())
    require_same_signature({f"{label} ({document.label})": document.signature for label, document in named.items()})
    missing = [name for name in parts if name not in references.bulks]
    if missing:
        raise InputError(f"{stack.label}: no strained crystal of {', '.join(missing)} to compare with")
    area = _area(stack.structure)
    for name, part in parts.items():
        for kind in ("bulks", "slabs", "free"):
            document = getattr(references, kind).get(name)
            if document is not None:
                _require_fit(stack, name, part, document, in_plane=kind != "free", whole=kind == "slabs")
    sides = {
        name: Side(
            len(part),
            references.bulks[name].energy_per_atom,
            references.slabs[name].energy if name in references.slabs else None,
        )
        for name, part in parts.items()
    }
    joined = Joined(stack.energy, area, list(sides.values()), periodic)
    faces = {name: side.surface_energy(area) for name, side in sides.items()}
    return InterfaceEnergies(
        label=stack.label,
        tier=stack.tier,
        area=area,
        n_interfaces=joined.n_interfaces,
        interface=joined.interface_energy,
        adhesion=joined.adhesion,
        surfaces={name: value for name, value in faces.items() if value is not None},
        strain={
            name: side.n_atoms * (side.bulk - references.free[name].energy_per_atom) / area
            for name, side in sides.items()
            if name in references.free
        },
    )


def _parts(stack: CalculationDocument) -> dict[str, list[str]]:
    """Elements of each material's atoms, from the bottom up."""
    tags = stack.structure.site_properties.get("layer") or stack.initial_structure.site_properties.get("layer")
    if tags is None or None in tags:
        raise InputError(
            f"{stack.label}: the sites have no property 'layer', and which atoms belong to which material is not known"
        )
    heights: dict[str, list[float]] = {}
    parts: dict[str, list[str]] = {}
    for tag, site in zip(tags, stack.initial_structure, strict=True):
        heights.setdefault(tag, []).append(float(site.coords[2]))
        parts.setdefault(tag, []).append(site.specie.symbol)
    return {tag: parts[tag] for tag in sorted(parts, key=lambda tag: float(np.mean(heights[tag])))}


def _require_fit(
    stack: CalculationDocument,
    name: str,
    part: list[str],
    document: CalculationDocument,
    *,
    in_plane: bool,
    whole: bool,
) -> None:
    counts = document.structure.composition.element_composition
    mine = {element: part.count(element) for element in set(part)}
    ratio = len(part) / len(document.structure)
    if any(abs(counts[element] * ratio - number) > 1e-6 for element, number in mine.items()) or (
        whole and len(part) != len(document.structure)
    ):
        formula = document.structure.composition.remove_charges().formula
        raise InputError(
            f"{stack.label}: {name} holds {len(part)} atoms in the stack, of which {document.label} ({formula}) is no "
            "reference"
        )
    if in_plane:
        fit = np.asarray(
            stack.structure.lattice.matrix[:2, :2] @ np.linalg.inv(document.structure.lattice.matrix[:2, :2])
        )
        off = float(np.abs((fit - np.rint(fit)) @ document.structure.lattice.matrix[:2, :2]).max())
        if off > SAME_LATTICE or not np.rint(fit).any():
            raise InputError(
                f"{stack.label}: {document.label} has another lattice in the plane, off by {off:.3f} Å; references "
                "are strained as the stack is"
            )


def _area(structure: Structure) -> float:
    return float(np.linalg.norm(np.cross(*structure.lattice.matrix[:2])))
