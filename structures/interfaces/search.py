"""Coherent interfaces: the Pareto front over atoms, strain and area of all matches between slabs of two or three
materials.

Every part is a slab of whole formula units. Facets, terminations and superlattices are searched
together; what comes back are the cells that no other cell beats in atoms, strain and area at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from ..surfaces.facet import Miller, SourceCell, facet_members, low_index_millers
from ..surfaces.slab import Slab, SlabSpec, slabs
from .check import Check, Claim, check_interface
from .match import Limits, match
from .placement import Registry, search
from .stack import (
    Block,
    Face,
    aligned,
    as_block,
    build_cell,
    faces_of,
    on_common_cell,
    stacked,
)
from .verdict import Verdict, verdict

__all__ = ["DEFAULT_THICKNESS", "FORMS", "Interface", "InterfaceSpec", "Part", "interfaces", "pareto_front"]


#: slab|slab with vacuum, or periodic with a second interface
FORMS = ("vacuum", "periodic")
#: Å, of each slab: four planes of a rock salt or of LiCoO2(104), two of which are then no surface
DEFAULT_THICKNESS = 8.0
#: steps and largest factor of the budget in the search for the smallest cell
_BUDGET_STEP, _BUDGET_REACH = 1.25, 16.0
#: registries that an injected energy compares
_COMPARED = 4


@dataclass(frozen=True, eq=False)
class Part:
    """One material of a stack.

    Parameters
    ----------
    cell : SourceCell
    millers : tuple of Miller
        Facets to try, conventional axes; all low-index ones where empty.
    thickness : float, Å
        Least thickness of the slab.
    share : float, 0 to 1
        Part of the strain that this material takes against what lies below it. The lowest part's is not used.
    """

    cell: SourceCell
    millers: tuple[Miller, ...] = ()
    thickness: float = DEFAULT_THICKNESS
    share: float = 1.0
    _slabs: dict[Miller, list[Slab]] = field(default_factory=dict, repr=False)

    @property
    def facets(self) -> tuple[Miller, ...]:
        """The facets to try."""
        return self.millers or tuple(low_index_millers(self.cell))

    def slabs(self, miller: Miller, max_atoms: float) -> list[Slab]:
        """Stoichiometric slabs of one facet within a budget; none where even the smallest exceeds it."""
        if miller not in self._slabs:
            least = min(
                len(plane.oriented) * max(1, int(np.ceil(self.thickness / plane.spacing - 1e-6)))
                for plane in facet_members(self.cell, miller)
            )
            if least > max_atoms:
                return []
            self._slabs[miller] = [
                slab for slab in slabs(self.cell, miller, SlabSpec(thickness=self.thickness)) if slab.stoichiometric
            ]
        return [slab for slab in self._slabs[miller] if len(slab.structure) <= max_atoms]


@dataclass(frozen=True)
class InterfaceSpec:
    """What an interface may cost and how it is built.

    Parameters
    ----------
    max_atoms : int
    max_strain : float
        Largest von Mises strain between neighbouring lattices.
    form : str
        ``vacuum`` or ``periodic``.
    vacuum : float, Å
        Of the vacuum form.
    gap : float or None, Å
        Between neighbouring slabs; searched where None.
    all_terminations : bool
        Build every pair of terminations of each match, not only the pair of the most sensible ones.
    energy : callable or None
        Energy, eV, of a structure: chooses among the best registries of the analytic potential.
    registries : int
        Positions of the last part that are returned for each cell, the best of the analytic potential first; there may
        be fewer.

    Raises
    ------
    InputError
        If a number is out of range or the form is unknown.
    """

    max_atoms: int = 400
    max_strain: float = 0.08
    form: str = "vacuum"
    vacuum: float = 15.0
    gap: float | None = None
    all_terminations: bool = False
    energy: Callable[[Structure], float] | None = None
    registries: int = 1

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"unknown form {self.form!r}; allowed: {', '.join(FORMS)}")
        if self.max_atoms < 2:
            raise InputError(f"an interface needs at least 2 atoms, and --max-atoms {self.max_atoms} was given")
        if not 0 < self.max_strain <= 0.5:
            raise InputError(
                f"the largest strain must lie above 0 and at most at 0.5, and {self.max_strain:g} was given"
            )
        if not 0 < self.vacuum < np.inf:
            raise InputError(f"the vacuum must be above 0 Å, and {self.vacuum:g} Å was given")
        if self.gap is not None and not 0 < self.gap < np.inf:
            raise InputError(f"the gap must be above 0 Å, and {self.gap:g} Å was given")


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
    """

    structure: Structure
    block: Block
    strain: float
    registries: tuple[Registry, ...]
    form: str
    empty: float

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
    return [built for candidate in _front(candidates) for built in _built(candidate, parts[-1].share, chosen)]


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
    return [
        _Candidate(lower, upper, (found.a[k], found.b[k]), (int(costs[k, 0]), float(costs[k, 1]), float(costs[k, 2])))
        for k in pareto_front(costs)
    ]


def _placed(
    candidate: _Candidate, share: float, spec: InterfaceSpec, *, last: bool
) -> Iterator[tuple[Block, Registry]]:
    """For every pair of faces the block at its best registry, or registries."""
    for lower, upper in product(candidate.lower.variants, candidate.upper.variants):
        below, above = on_common_cell(lower, upper, candidate.matrices, share)
        registries = search(below, above, candidate.matrices, spec.gap, periodic=last and spec.form == "periodic")
        if spec.energy is not None:
            compared = registries[:_COMPARED]
            energies = [
                spec.energy(build_cell(stacked(below, above, r.shift, r.gap), r.seam or spec.vacuum)) for r in compared
            ]
            registries = [compared[int(np.argmin(energies))]]
        for registry in registries[: spec.registries if last else 1]:
            yield stacked(below, above, registry.shift, registry.gap), registry


def _joined(candidate: _Candidate, share: float, spec: InterfaceSpec) -> _Base:
    block, registry = min(_placed(candidate, share, spec, last=False), key=lambda placed: placed[1].energy)
    return _Base((block,), candidate.costs[1], (*candidate.lower.registries, registry))


def _built(candidate: _Candidate, share: float, spec: InterfaceSpec) -> list[Interface]:
    placed = sorted(_placed(candidate, share, spec, last=True), key=lambda pair: round(pair[1].energy, 9))
    built = []
    for block, registry in placed if spec.all_terminations else placed[: spec.registries]:
        empty = registry.seam if spec.form == "periodic" else spec.vacuum
        structure = build_cell(block, empty)
        built.append(
            Interface(structure, block, candidate.costs[1], (*candidate.lower.registries, registry), spec.form, empty)
        )
    return built


def _too_small(parts: Sequence[Part], spec: InterfaceSpec) -> str:
    """Why nothing fits: the smallest cell within the strain, by raising the budget step by step."""
    names = " | ".join(part.cell.label for part in parts)
    budget = float(spec.max_atoms)
    while budget < _BUDGET_REACH * spec.max_atoms:
        budget = np.ceil(budget * _BUDGET_STEP)
        found = _candidates(parts, replace(spec, max_atoms=int(budget), all_terminations=False))
        if found:
            best = min(found, key=lambda candidate: candidate.costs)
            return (
                f"no cell of {names} with at most {spec.max_atoms} atoms and a strain of at most {spec.max_strain:g}; "
                f"the smallest has {best.costs[0]:.0f} atoms at a strain of {best.costs[1]:.3f}"
            )
    return (
        f"no cell of {names} with a strain of at most {spec.max_strain:g}, not even with {budget:.0f} atoms: allow "
        "a larger strain, thinner slabs or other facets"
    )
