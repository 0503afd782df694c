"""Rules about numbers: basis, meshes, dispersion, heights, U."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from ..phases.corrections import mp2020_hubbard
from ..phases.scale import CUTOFF
from .input_sets import InputSet

__all__ = ["VALUES", "is_at_scale"]

Sets = Sequence[InputSet]
Found = Iterator[tuple[InputSet, str]]
#: of the largest ENMAX, below which a stress is not converged, and below which the basis is too small for its POTCAR
_STRESS, _BASIS = 1.25, 0.995
#: k points of the whole mesh × atoms, below which band edges move by several 0.01 eV
_DENSITY = 500
#: heights of one stack that make a parabola
_HEIGHTS = 3


def cell_cutoff(sets: Sets) -> Found:
    """Cells that relax on a basis whose stress is not converged."""
    for one in sets:
        limit = one.largest_enmax
        if one.kind == "relax" and int(one.tags.get("ISIF", 2)) >= 3 and limit is not None:
            cutoff = float(one.tags.get("ENCUT", limit))
            if cutoff < _STRESS * limit:
                yield (
                    one,
                    f"ISIF {int(one.tags['ISIF'])} at ENCUT {cutoff:g} eV, {cutoff / limit:.2f} × ENMAX: Pulay stress",
                )


def final_static(sets: Sets) -> Found:
    """Cells that relax without a static run at the end."""
    static = {one.composition for one in sets if one.kind in ("static", "dos") and "LDIPOL" not in one.tags}
    for one in sets:
        if one.kind == "relax" and int(one.tags.get("ISIF", 2)) >= 3 and one.composition not in static:
            yield one, "the energy is that of the basis of the starting cell: no static run of the relaxed one"


def basis(sets: Sets) -> Found:
    """A cutoff below what a POTCAR was made for."""
    for one in sets:
        limit, cutoff = one.largest_enmax, one.tags.get("ENCUT")
        if limit is not None and cutoff is not None and float(cutoff) < _BASIS * limit:
            yield (
                one,
                f"ENCUT {float(cutoff):g} eV is {100 * float(cutoff) / limit:.0f} % of the largest ENMAX, {limit:g} eV",
            )


def converged_bands(sets: Sets) -> Found:
    """Band edges of crystals on one coarse mesh."""
    finest: dict[tuple[str, tuple[float, ...]], int] = defaultdict(int)
    for one in sets:
        if one.mesh is not None and one.kind == "dos":
            finest[_plane(one)] = max(finest[_plane(one)], prod(one.mesh) * len(one.structure))
    for one in sets:
        if one.kind != "dos" or one.mesh is None or one.cell.vacuum or one.stack:
            continue
        if finest[_plane(one)] < _DENSITY:
            mesh = "×".join(map(str, one.mesh))
            yield (
                one,
                f"{mesh} for {len(one.structure)} atoms, and no finer mesh beside it: band edges carry several 0.01 eV",
            )


def gamma_for_edges(sets: Sets) -> Found:
    """Band edges on a mesh without Γ."""
    for one in sets:
        if one.kind == "dos" and one.mesh is not None and not one.gamma:
            yield one, f"{'×'.join(map(str, one.mesh))} without Γ: band edges there are missed"


def heights(sets: Sets) -> Found:
    """Stacks whose height another engine gave; one that lacks an atom keeps the height that the whole one found."""
    stacks = [one for one in sets if one.kind == "relax" and one.stack and int(one.tags.get("ISIF", 2)) == 2]
    seen: dict[tuple[str, tuple[float, ...]], list[InputSet]] = defaultdict(list)
    for one in stacks:
        seen[_plane(one)].append(one)
    found = [same for same in seen.values() if len({round(one.structure.volume, 2) for one in same}) >= _HEIGHTS]
    for one in stacks:
        if not any(one in same or _lacks_an_atom(one, same) for same in found):
            yield one, "ISIF 2 at one height: the stress along the normal enters adhesion and interface energy"


def _lacks_an_atom(one: InputSet, whole: Sequence[InputSet]) -> bool:
    """Whether a cell is a stack, at a height within those that were tried, without one of its atoms."""
    tall = [other.structure.lattice.c for other in whole]
    (_, plane), (_, other) = _plane(one), _plane(whole[0])
    less = Counter(whole[0].symbols)
    less.subtract(one.symbols)
    return (
        plane == other
        and min(tall) <= one.structure.lattice.c <= max(tall)
        and sorted(less.values())[-1] == sum(less.values()) == 1
        and min(less.values()) == 0
    )


def _plane(one: InputSet) -> tuple[str, tuple[float, ...]]:
    a, b, _ = one.structure.lattice.abc
    return one.composition, (round(a, 2), round(b, 2))


def dispersion(sets: Sets) -> Found:
    """Gaps and emptied layers without a word on dispersion."""
    for one in sets:
        if "IVDW" in one.tags or one.tags.get("LUSE_VDW"):
            continue
        if one.stack:
            yield one, "a gap between two crystals, and IVDW is not declared"
        elif _emptied(one):
            yield one, "a layered oxide that has lost lithium, and IVDW is not declared"


def is_at_scale(one: InputSet) -> bool:
    """Whether a run has the U of the phase sets and their cutoff, or more where its cell relaxes and in the starts of
    such a relaxation, which only leave their wave functions."""
    known = mp2020_hubbard(one.structure)
    cutoff = float(one.tags.get("ENCUT", 0.0))
    relaxes = (one.kind == "relax" or (one.kind == "static" and bool(one.tags.get("LWAVE")))) and cutoff > CUTOFF
    same = all(np.isclose(one.hubbard_u.get(e, 0.0), known.get(e, 0.0)) for e in one.open_shells)
    return same and (relaxes or bool(np.isclose(cutoff, CUTOFF)))


def _emptied(one: InputSet) -> bool:
    count = {e: one.symbols.count(e) for e in set(one.symbols)}
    metals = sum(count.get(e, 0) for e in one.open_shells)
    return "O" in count and count.get("Li", 0) > 0 and 0 < count["Li"] < metals and count["O"] <= 2 * metals + 1


def vacuum(sets: Sets) -> Found:
    """Slabs that close their vacuum, or have k points along it."""
    for one in sets:
        if not one.cell.vacuum:
            continue
        if one.kind == "relax" and int(one.tags.get("ISIF", 2)) >= 3:
            yield one, f"ISIF {int(one.tags['ISIF'])}: the vacuum of {one.cell.vacuum:.0f} Å relaxes away"
        if one.mesh is not None and one.mesh[2] > 1:
            yield one, f"{one.mesh[2]} k points along the vacuum"


def shells_with_u(sets: Sets) -> Found:
    """U whose occupations the mixer or the projection leaves out."""
    for one in sets:
        told = []
        if one.hubbard_u and int(one.tags.get("LMAXMIX", 2)) < 4:
            told.append("LMAXMIX 2: the mixer leaves out the d occupations")
        if one.hubbard_u and not one.tags.get("LASPH"):
            told.append("LASPH False: aspherical parts of the d shells are left out")
        if told:
            yield one, "; ".join(told)


def common_zero(sets: Sets) -> Found:
    """Bands of cells of several parts in which nothing is written that another cell's bands can be referred to."""
    for one in sets:
        told = any(one.tags.get(tag) for tag in ("ICORELEVEL", "LVHAR", "LVTOT"))
        if one.kind == "dos" and (one.cell.vacuum or one.stack) and not told:
            yield (
                one,
                "neither core levels nor the potential is written: its bands have a zero of their own",
            )


def one_u(sets: Sets) -> Found:
    """Two U for one element among runs whose energies are compared; runs at the level of theory of the phase sets,
    where U follows from the compound, are a series of their own."""
    first: dict[str, tuple[float, str]] = {}
    for one in sets:
        if one.kind == "md" or is_at_scale(one):
            continue
        table = {e: one.hubbard_u.get(e, 0.0) for e in one.open_shells}
        for element, u in table.items():
            before, where = first.setdefault(element, (u, one.folder.name))
            if not np.isclose(before, u):
                yield one, f"U({element}) {u:g} eV, {before:g} eV in {where}: their energies may not be subtracted"


VALUES = {
    "cutoff of a cell relaxation": (cell_cutoff, "ENCUT 1.3 × the largest ENMAX, and the energy from a static run"),
    "final static run": (final_static, "a static run of the relaxed cell at the campaign's cutoff"),
    "basis": (basis, "raise ENCUT, or take a softer POTCAR where the property allows: Li for Li_sv in dynamics"),
    "convergence of bands": (converged_bands, "one calculation on a finer mesh, and one at a higher cutoff"),
    "Γ for band edges": (gamma_for_edges, "a Γ-centred mesh for the density of states"),
    "common zero of bands": (common_zero, "ICORELEVEL 1 or LVHAR .TRUE. in the density of states of stacks and slabs"),
    "height of a stack": (heights, "relax at three heights and fit a parabola, strained crystals alike"),
    "dispersion": (dispersion, "declare it: IVDW 0 with a reason, or 12 in every run of the campaign"),
    "vacuum": (vacuum, "ISIF 2, and one k point along the normal"),
    "shells with U": (shells_with_u, "LMAXMIX 4 (6 with f shells) and LASPH .TRUE."),
    "one U per element": (one_u, "one U per element in all runs that are compared"),
}
