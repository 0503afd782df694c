"""Rules about electronic states: moments, spin, what is handed on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from ..engines.vasp.starts import ANIONS
from .input_sets import InputSet

__all__ = ["STATES"]

Sets = Sequence[InputSet]
Found = Iterator[tuple[InputSet, str]]
#: µB, within which a moment stands on a whole number
_WHOLE = 1e-6
#: µB, of a moment that an ion has; what a low-spin ion starts from is less
_MOMENT = 0.75
#: charges of ions that keep theirs in oxides and fluorides
_CHARGES = {"Li": 1, "Na": 1, "K": 1, "Mg": 2, "Ca": 2, "Al": 3, "Y": 3, "La": 3, "Si": 4, "P": 5, "O": -2, "F": -1}


def _magnetic(one: InputSet) -> list[tuple[str, float]]:
    """Sites with U and a moment."""
    if not one.spin or len(one.moments) != len(one.symbols):
        return []
    table = one.hubbard_u
    return [(e, m) for e, m in zip(one.symbols, one.moments, strict=True) if e in table and abs(m) >= _MOMENT]


def _fresh(one: InputSet) -> bool:
    """Whether nothing of another run is read."""
    return int(one.tags.get("ISTART", 0)) == 0 and int(one.tags.get("ICHARG", 2)) == 2


def _cell_key(one: InputSet) -> tuple[str, tuple[float, ...]]:
    return one.composition, tuple(np.round(one.structure.lattice.parameters, 3))


def whole_moments(sets: Sets) -> Found:
    """Correlated ions that start from whole numbers of unpaired electrons."""
    for one in sets:
        whole = sorted({f"{e} {abs(m):g} µB" for e, m in _magnetic(one) if abs(abs(m) - round(abs(m))) < _WHOLE})
        if whole and _fresh(one) and one.kind != "md":
            yield one, f"{', '.join(whole)}: from a whole number PBE+U can end in a metallic state far above the lowest"


def one_start(sets: Sets) -> Found:
    """Correlated cells of which one electronic state alone is tried."""
    starts: dict[tuple[str, tuple[float, ...]], set[tuple[float, ...]]] = defaultdict(set)
    fresh = [one for one in sets if _fresh(one) and one.kind != "md" and one.spin]
    for one in fresh:
        starts[_cell_key(one)].add(tuple(round(m, 3) for m in one.moments))
    for one in fresh:
        if _magnetic(one) and len(starts[_cell_key(one)]) < 2:
            yield one, "one set of starting moments, and PBE+U has several self-consistent states"


def charge_order(sets: Sets) -> Found:
    """Ions of a mean charge that start alike in every state that is tried, with symmetry on."""
    starts: dict[tuple[str, tuple[float, ...]], list[InputSet]] = defaultdict(list)
    for one in sets:
        symmetric = int(one.tags.get("ISYM", 2)) not in (0, -1)
        if symmetric and _fresh(one) and one.kind != "md" and one.spin and len(one.moments) == len(one.symbols):
            starts[_cell_key(one)].append(one)
    for tried in starts.values():
        element, charge = _mean_charge(tried[0])
        alike = all(
            len({round(abs(m), 2) for e, m in zip(one.symbols, one.moments, strict=True) if e == element}) == 1
            for one in tried
        )
        if element and alike:
            yield (
                tried[0],
                f"{element} of mean charge {charge:.3g}+ starts with one moment on all sites: symmetry is kept, no "
                "electron finds its ion",
            )


def _mean_charge(one: InputSet) -> tuple[str, float]:
    """The one element with U and open shells of an oxide or fluoride, and its charge, where the other ions have charges
    that never change and leave it one between whole numbers."""
    shells = one.open_shells & set(one.hubbard_u)
    others = [e for e in one.symbols if e not in shells]
    if len(shells) != 1 or not {"O", "F"} & set(others) or not set(others) <= set(_CHARGES):
        return "", 0.0
    (element,) = shells
    charge = -sum(_CHARGES[e] for e in others) / one.symbols.count(element)
    return (element, charge) if charge > 0 and abs(charge - round(charge)) > _WHOLE else ("", 0.0)


def handed_on(sets: Sets) -> Found:
    """Densities of states that begin with atoms though the relaxation before them stands in the set."""
    relaxed = {one.composition for one in sets if one.kind == "relax"}
    for one in sets:
        if one.kind == "dos" and one.composition in relaxed and _fresh(one) and not _is_start(one, sets):
            yield one, "ISTART 0 and ICHARG 2: the state that the relaxation found is looked for once more"


def _is_start(one: InputSet, sets: Sets) -> bool:
    """Whether a run only finds a state for one that reads it: same cell, ISTART 1."""
    return bool(one.tags.get("LWAVE")) and any(
        _cell_key(other) == _cell_key(one) and int(other.tags.get("ISTART", 0)) == 1 for other in sets
    )


def spin_of_zero(sets: Sets) -> Found:
    """Spin-polarised runs whose moments are all zero."""
    for one in sets:
        if one.spin and not any(abs(m) > 1e-3 for m in one.moments):
            why = (
                f"{', '.join(sorted(one.open_shells))} can never get a moment: a spin density of zero stays zero"
                if one.open_shells
                else "closed shells: twice the cost for the same energy"
            )
            yield one, f"ISPIN 2 with MAGMOM all zero; {why}"


def spin_left_out(sets: Sets) -> Found:
    """Ions of open shells without spin."""
    for one in sets:
        if not one.spin and one.open_shells:
            yield one, f"ISPIN 1 with {', '.join(sorted(one.open_shells))}"


def odd_electron(sets: Sets) -> Found:
    """An unpaired electron without spin."""
    for one in sets:
        count = one.electrons
        if not one.spin and not one.open_shells and ANIONS & set(one.symbols) and count and round(count) % 2:
            yield one, f"ISPIN 1 with {round(count)} electrons: half of one is put into each spin"


def spin_of_control(sets: Sets) -> Found:
    """Dynamics of the same open shells with spin in one cell and without in another."""
    runs = [one for one in sets if one.kind == "md"]
    for one in runs:
        partners = [other for other in runs if other.spin and other.open_shells & one.open_shells]
        if not one.spin and partners:
            yield one, f"ISPIN 1, and ISPIN 2 in {partners[0].folder.name} with the same ion: no control of it"


def fixed_moment(sets: Sets) -> Found:
    """A total moment that is fixed."""
    for one in sets:
        if float(one.tags.get("NUPDOWN", -1)) >= 0:
            yield (
                one,
                f"NUPDOWN {float(one.tags['NUPDOWN']):g} fixes the total moment: the cell is not asked",
            )


def triplet(sets: Sets) -> Found:
    """O2 that does not start as a triplet."""
    for one in sets:
        if one.symbols == ["O", "O"] and (not one.spin or abs(abs(sum(one.moments)) - 2) > 0.1):
            yield one, "O2 is a triplet: ISPIN 2 and MAGMOM 1 1"


STATES = {
    "whole moments": (
        whole_moments,
        "start from 0.9 and 1.1 times the moments, keep the lowest energy, look at the gap",
    ),
    "one start": (one_start, "try several starting moments and keep the lowest energy"),
    "charge order": (
        charge_order,
        "one more start with the moments of whole charges, as Mn3+ and Mn4+: they lower the symmetry",
    ),
    "state not handed on": (
        handed_on,
        "write WAVECAR (CHGCAR for another mesh) in the relaxation, and read it: ISTART 1",
    ),
    "spin of zero": (spin_of_zero, "ISPIN 1 for closed shells; 0.6 µB on low-spin ions of open shells"),
    "spin left out": (spin_left_out, "ISPIN 2, with 0.6 µB on low-spin ions"),
    "odd electron": (
        odd_electron,
        "ISPIN 2 with a moment to begin with, or a charged cell",
    ),
    "spin of the control": (spin_of_control, "the same ISPIN, and moments by the same rule, in stack and control"),
    "total moment fixed": (fixed_moment, "leave NUPDOWN out and look at the moment after the run"),
    "triplet of O2": (triplet, "ISPIN 2 and MAGMOM = 1 1, and look for 2 µB after the run"),
}
