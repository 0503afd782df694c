"""Coherent interfaces: the Pareto front over atoms, strain and area of all matches between slabs of two or three
materials.

Every part is a slab of whole formula units. Facets, terminations and superlattices are searched
together; what comes back are the cells that no other cell beats in atoms, strain and area at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from ..surfaces.slab import Slab
from .check import Check, Claim, check_interface
from .match import Limits, match
from .orientation import orientations
from .placement import Registry, search
from .spec import InterfaceSpec, Part
from .stack import Block, Face, aligned, as_block, build_cell, faces_of, on_common_cell, stacked
from .verdict import Verdict, verdict

__all__ = ["Interface", "interfaces", "pareto_front", "smallest_cell"]


#: steps and largest factor of the budget in the search for the smallest cell
_BUDGET_STEP, _BUDGET_REACH = 1.25, 16.0
#: registries that an injected energy compares
_COMPARED = 4


@dataclass(frozen=True, eq=False)
class Interface:
    """A coherent stack in its cell.

    Parameters
    ----------
    structure : Structure
        ``c`` along z. Site properties: ``magmom``, ``wyckoff_label``, ``layer`` (tag), ``origin`` (index in the source
        cell).
    block : Block
        The stack without its cell: layers with their bulk vectors, gaps.
    strain : float
        Largest von Mises strain between two neighbouring lattices.
    registries : tuple of Registry
        One per joint, from the bottom up.
    form : str
    empty : float, Å
        Between the topmost atom and the next cell's lowest one: the vacuum, or the second interface's gap.
    orientation : pair of int
        Number of the last part's orientation on the others, the best first, and how many distinct ones were compared:
        by the symmetry of the crystals and the faces of the slabs.
    """

    structure: Structure
    block: Block
    strain: float
    registries: tuple[Registry, ...]
    form: str
    empty: float
    orientation: tuple[int, int] = (1, 1)

    @property
    def faces(self) -> tuple[Face, ...]:
        """The slabs from the bottom up."""
        return tuple(layer.face for layer in self.block.layers)

    @property
    def area(self) -> float:
        """Å²."""
        return self.block.area

    @property
    def strains(self) -> tuple[float, ...]:
        """Von Mises strain that each slab takes, from the bottom up."""
        return tuple(layer.strain(self.block.cell) for layer in self.block.layers)

    def checks(self) -> list[Check]:
        """Run the independent checker on the structure."""
        claims = [
            Claim(layer.label, slab.facet.cell.structure, layer.vectors, strain, slab.repeats, slab.polar)
            for layer, slab, strain in zip(
                self.block.layers, [face.slab for face in self.faces], self.strains, strict=True
            )
        ]
        return check_interface(self.structure, claims, self.strain, self.block.gaps, self.empty)

    @property
    def verdict(self) -> Verdict:
        """Charge balance and polarity."""
        return verdict(self.faces)


@dataclass(frozen=True, eq=False)
class _Base:
    """Blocks of one lattice and size that differ in their faces alone, and what it took to make them."""

    variants: tuple[Block, ...]
    strain: float = 0.0
    registries: tuple[Registry, ...] = ()

    @property
    def polar(self) -> bool:
        return any(layer.face.slab.polar for layer in self.variants[0].layers)


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A match of two bases: superlattice matrices of both, and the cell's atoms, strain and area."""

    lower: _Base
    upper: _Base
    matrices: tuple[Ints, Ints]
    costs: tuple[float, float, float]

    @property
    def polar(self) -> bool:
        return self.lower.polar or self.upper.polar


def interfaces(parts: Sequence[Part], spec: InterfaceSpec | None = None) -> list[Interface]:
    """Return the Pareto front of coherent stacks of two or three materials, the fewest atoms first.

    Polar slabs are used only where no stack of non-polar ones fits the limits.

    Parameters
    ----------
    parts : sequence of Part
        From the bottom up: cathode, electrolyte; or cathode, layer, electrolyte.
    spec : InterfaceSpec, optional

    Raises
    ------
    InputError
        If fewer than two parts are given, or nothing fits the budget: the message names the smallest cell.
    StructureError
        If a facet does not exist, or the given gap is too small.
    """
    if len(parts) < 2:
        raise InputError("an interface needs at least two materials")
    labels = [part.cell.label for part in parts]
    if len(set(labels)) < len(labels):
        raise InputError(
            "the parts of a stack need different names, for each site is tagged with its own; given: "
            f"{', '.join(labels)}"
        )
    chosen = spec or InterfaceSpec()
    candidates = _candidates(parts, chosen)
    if not candidates:
        raise InputError(_too_small(parts, chosen))
    front = _front(candidates)
    if chosen.cells is not None:
        costs = (0, 1) if chosen.first == "atoms" else (1, 0)
        front = sorted(front, key=lambda candidate: [candidate.costs[k] for k in costs])[: chosen.cells]
    return [built for candidate in front for built in _built(candidate, parts[-1].share, chosen)]


def pareto_front(costs: Floats) -> Ints:
    """Return the rows of `costs` (n, k) that no other row beats or equals in every column, in rising order; of equal
    rows the first."""
    rounded = np.round(costs, 6)
    front: list[int] = []
    for row in np.lexsort(rounded.T[::-1]):
        if not front or not (rounded[front] <= rounded[row]).all(axis=1).any():
            front.append(int(row))
    return np.array(front, dtype=np.int64)


def _front(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    return [candidates[int(k)] for k in pareto_front(np.array([candidate.costs for candidate in candidates]))]


def _candidates(parts: Sequence[Part], spec: InterfaceSpec) -> list[_Candidate]:
    """Matches within the limits that are worth comparing: of non-polar slabs, and of polar ones where there are no
    others."""
    least = [
        min((len(b.variants[0].layers[0].species) for b in _bases(part, spec.max_atoms, spec)), default=0)
        for part in parts
    ]
    if not all(least):
        return []
    lowers = _bases(parts[0], spec.max_atoms - sum(least[1:]), spec)
    for k, part in enumerate(parts[1:], start=1):
        left = spec.max_atoms - sum(least[k + 1 :])
        found = [
            c
            for lower in lowers
            for upper in _bases(part, left, spec)
            for c in _matched(lower, upper, part.share, replace(spec, max_atoms=left))
        ]
        neat = [candidate for candidate in found if not candidate.polar] or found
        if part is parts[-1]:
            return neat
        lowers = [_joined(candidate, part.share, spec) for candidate in _front(neat)]
    raise AssertionError("the loop returns with the last part")


def _bases(part: Part, max_atoms: float, spec: InterfaceSpec) -> list[_Base]:
    """Slabs grouped by lattice and size. Only the most sensible slab of a group is built on, unless all terminations
    are asked for."""
    found = []
    for miller in part.facets:
        groups: dict[tuple[float, ...], list[Slab]] = {}
        for slab in part.slabs(miller, max_atoms):
            key = (len(slab.structure), float(slab.polar), *slab.structure.lattice.matrix[:2, :2].round(4).ravel())
            groups.setdefault(key, []).append(slab)
        for group in groups.values():
            used = group if spec.all_terminations else group[:1]
            found += _same_lattice([as_block(face) for slab in used for face in faces_of(slab)])
    return found


def _same_lattice(blocks: Sequence[Block]) -> list[_Base]:
    """Bases of the blocks: those whose lattice is that of the first, turned at most, on its basis; the others apart."""
    together = [aligned(block, blocks[0].cell) for block in blocks]
    apart = [block for block, other in zip(blocks, together, strict=True) if other is None]
    return [_Base(tuple(block for block in together if block is not None)), *(_same_lattice(apart) if apart else [])]


def _matched(lower: _Base, upper: _Base, share: float, spec: InterfaceSpec) -> list[_Candidate]:
    """The front of the matches of two bases."""
    a, b = lower.variants[0], upper.variants[0]
    found = match(a.cell, b.cell, Limits(spec.max_strain, atoms=(a.n_atoms, b.n_atoms), max_atoms=spec.max_atoms))
    if len(found) == 0:
        return []
    atoms = found.multiples @ np.array([a.n_atoms, b.n_atoms])
    areas = found.areas[:, 0] ** share * found.areas[:, 1] ** (1 - share)
    costs = np.column_stack([atoms, np.maximum(found.strain, lower.strain), areas])
    rows = np.flatnonzero(_within(found.principal, share, spec))
    if len(rows) == 0:
        return []
    candidates = [
        _Candidate(lower, upper, (found.a[k], found.b[k]), (int(costs[k, 0]), float(costs[k, 1]), float(costs[k, 2])))
        for k in rows[pareto_front(costs[rows])]
    ]
    return [c for c in candidates if len(a.layers) == 1 or _layers_within(c, share, spec)]


def _within(principal: Floats, share: float, spec: InterfaceSpec) -> NDArray[np.bool_]:
    """Which matches (n,) of principal strains (n, 2) stay within the limits of each side."""
    sides = np.stack([(1 - share) * principal, -share * principal])
    stretch, change = np.abs(sides).max(axis=(0, 2)), np.abs(np.expm1(sides.sum(axis=2))).max(axis=0)
    fits = np.ones(len(principal), dtype=bool)
    if spec.max_principal is not None:
        fits &= stretch <= spec.max_principal
    if spec.max_area_change is not None:
        fits &= change <= spec.max_area_change
    return fits


def _layers_within(candidate: _Candidate, share: float, spec: InterfaceSpec) -> bool:
    """As :func:`_within` for slabs that were strained to each other before."""
    block = on_common_cell(candidate.lower.variants[0], candidate.upper.variants[0], candidate.matrices, share)[0]
    principal = np.array([layer.principal_strain(block.cell) for layer in block.layers])
    return bool(_within(principal, 0.0, spec).all())


@dataclass(frozen=True, eq=False)
class _Placed:
    """A stack at one position of its last part; `orientation` names the faces and the orientation of it, and the least
    `rank` is the best: an energy."""

    block: Block
    registry: Registry
    orientation: tuple[int, int, int]
    rank: float


def _placed(candidate: _Candidate, share: float, spec: InterfaceSpec, *, last: bool) -> Iterator[_Placed]:
    """For every pair of faces and every orientation the block at its best registry, or registries."""
    periodic = last and spec.form == "periodic"
    wanted = max(spec.registries if last else 1, _COMPARED if spec.energy else 1)
    for (i, lower), (j, upper) in product(enumerate(candidate.lower.variants), enumerate(candidate.upper.variants)):
        if periodic and _again_upside_down(lower, upper):
            continue
        turned = orientations(lower, upper, candidate.matrices, periodic=periodic)
        for number, matrices in enumerate(turned):
            below, above = on_common_cell(lower, upper, matrices, share)
            registries = search(below, above, matrices, spec.gap, periodic=periodic, wanted=wanted)
            for registry, rank in _ranked(below, above, registries, spec)[: spec.registries if last else 1]:
                block = stacked(below, above, registry.shift, registry.gap)
                yield _Placed(block, registry, (i, j, number), rank)


def _ranked(
    below: Block, above: Block, registries: list[Registry], spec: InterfaceSpec
) -> list[tuple[Registry, float]]:
    """Registries with what ranks them, the best first: the injected energy (eV), or else that of their potential."""
    if spec.energy is None:
        return [(registry, round(registry.energy, 9)) for registry in registries]
    stacks = (build_cell(stacked(below, above, r.shift, r.gap), r.seam or spec.vacuum) for r in registries)
    return sorted(zip(registries, map(spec.energy, stacks), strict=True), key=lambda pair: pair[1])


def _again_upside_down(lower: Block, upper: Block) -> bool:
    """Whether a periodic stack of two slabs is that of other faces, turned over: then it holds the same interfaces."""
    if len(lower.layers) > 1:
        return False
    below, above = lower.layers[0].face, upper.layers[0].face
    return below.turned or (below.slab.symmetric and above.turned)


def _joined(candidate: _Candidate, share: float, spec: InterfaceSpec) -> _Base:
    placed = min(_placed(candidate, share, spec, last=False), key=lambda placed: placed.rank)
    return _Base((placed.block,), candidate.costs[1], (*candidate.lower.registries, placed.registry))


def _built(candidate: _Candidate, share: float, spec: InterfaceSpec) -> list[Interface]:
    """The best orientations, each at its distinct registries."""
    placed = sorted(
        _placed(candidate, share, spec, last=True),
        key=lambda placed: (round(placed.registry.energy, 9), placed.orientation),
    )
    rivals: dict[tuple[int, ...], list[tuple[int, int, int]]] = {}  # orientations of which the best are taken
    for one in placed:
        group = rivals.setdefault(one.orientation[:2] if spec.all_terminations else (), [])
        if one.orientation not in group:
            group.append(one.orientation)
    ranks = {orientation: (k, len(group)) for group in rivals.values() for k, orientation in enumerate(group, 1)}
    built = []
    for one in placed:
        if ranks[one.orientation][0] <= spec.orientations:
            empty = one.registry.seam if spec.form == "periodic" else spec.vacuum
            registries = (*candidate.lower.registries, one.registry)
            built.append(
                Interface(
                    build_cell(one.block, empty),
                    one.block,
                    candidate.costs[1],
                    registries,
                    spec.form,
                    empty,
                    ranks[one.orientation],
                )
            )
    return built


def smallest_cell(parts: Sequence[Part], spec: InterfaceSpec, most: float) -> tuple[int, float] | None:
    """Return atoms and strain of the smallest cell within the limits of the strain; None where none has at most `most`
    atoms.

    Parameters
    ----------
    parts : sequence of Part
        From the bottom up.
    spec : InterfaceSpec
        Its budget is what the search begins with: it is raised step by step.
    most : float
        Atoms with which the search ends.
    """
    budget = float(spec.max_atoms)
    while True:
        found = _candidates(parts, replace(spec, max_atoms=int(budget), all_terminations=False))
        if found:
            best = min(found, key=lambda candidate: candidate.costs)
            return round(best.costs[0]), best.costs[1]
        if budget >= most:
            return None
        budget = min(float(np.ceil(budget * _BUDGET_STEP)), most)


def _too_small(parts: Sequence[Part], spec: InterfaceSpec) -> str:
    """Why nothing fits: the smallest cell within the strain."""
    names = " | ".join(part.cell.label for part in parts)
    most = _BUDGET_REACH * spec.max_atoms
    if (best := smallest_cell(parts, spec, most)) is not None:
        return (
            f"no cell of {names} with at most {spec.max_atoms} atoms and {_allowed(spec)}; "
            f"the smallest has {best[0]} atoms at a strain of {best[1]:.3f}"
        )
    return (
        f"no cell of {names} with {_allowed(spec)}, not even with {most:.0f} atoms: allow "
        "a larger strain, thinner slabs or other facets"
    )


def _allowed(spec: InterfaceSpec) -> str:
    """The limits of the strain in words."""
    limits = [f"a strain of at most {spec.max_strain:g}"]
    if spec.max_principal is not None:
        limits.append(f"principal strains of at most {spec.max_principal:g}")
    if spec.max_area_change is not None:
        limits.append(f"changes of area of at most {spec.max_area_change:g}")
    return " and ".join([", ".join(limits[:-1]), limits[-1]] if limits[:-1] else limits)
