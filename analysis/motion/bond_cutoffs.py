"""Cut-offs of bonds: the valley behind the shell of neighbours where the bond is there to be seen, covalent radii where
it is not.

What is looked at is dN/dr, the number of neighbours in a shell of unit width, which is r²g(r) without the density: g(r)
itself grows as the cell gets dilute, and a bond of two lengths (Jahn and Teller) has two peaks. The shell ends behind
its last peak within the reach of covalent radii, in the first contiguous stretch of lowest dN/dr up to 1.2 times that
reach. The same rule holds for a run and its controls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .bond_rules import (
    HYSTERESIS,
    BondRule,
    bond_rule,
    covalent_reach,
    ionic_pairs,
    is_ionic,
    ordered,
    parse_pair,
    watched_pairs,
)
from .pair_function import PairFunction

__all__ = ["Shell", "bonded_shell", "choose_rules", "described", "first_shells", "gap_notes", "parse_cutoffs"]

Pair = tuple[str, str]

#: bonds for each atom of the first element that make a shell
_CROWD = 0.25
#: Å, width of the Gaussian that smooths dN/dr
_SMOOTHING = 0.05
#: a peak rises above its surroundings by this part of the highest dN/dr up to the end of the search
_PROMINENCE = 0.1
#: the valley is looked for up to so many reaches of covalent radii
_BEYOND = 1.2
#: of the peak; what differs by less from the lowest dN/dr is as low
_LEVEL = 0.02
#: of the peak; a valley above is none
_SHALLOW = 0.5
#: of the peak: where dN/dr at a cut-off is more, no gap parts the shells
PLATEAU = 0.05


@dataclass(frozen=True)
class Shell:
    """First shell of a pair of elements in one pair function.

    Parameters
    ----------
    peak, minimum : float, Å
        Last maximum within the reach, and the middle of the valley behind it.
    source : str
        Where it was seen.
    """

    peak: float
    minimum: float
    source: str


def choose_rules(
    species: Iterable[str],
    shells: Sequence[Mapping[Pair, Shell]],
    given: Mapping[Pair, float],
    hysteresis: float = HYSTERESIS,
) -> tuple[BondRule, ...]:
    """Return the rules of all watched pairs, and of mobile ions with anions behind them.

    A given cut-off comes first, then the first of the shells, then the reach of covalent radii.

    Parameters
    ----------
    species : iterable of str
    shells : sequence of mappings
        Pair to shell, those of the controls before those of the run.
    given : mapping
        Pair to cut-off, Å.
    hysteresis : float

    Raises
    ------
    InputError
        If a cut-off is given for a pair that is not watched here, or a number is out of range.
    """
    pairs = [*watched_pairs(species), *ionic_pairs(species)]
    for pair in given:
        if pair not in pairs:
            raise InputError(
                f"a cut-off for {'-'.join(pair)}: this pair is not watched; watched: "
                f"{', '.join('-'.join(known) for known in pairs) or 'none'}"
            )
    rules = []
    for pair in pairs:
        bonded = [found[pair] for found in shells if pair in found]
        if pair in given:
            rules.append(bond_rule(pair, given[pair], "given", hysteresis))
        elif bonded:
            rules.append(bond_rule(pair, bonded[0].minimum, f"valley of r²g(r) of {bonded[0].source}", hysteresis))
        else:
            rules.append(bond_rule(pair, hysteresis=hysteresis))
    return tuple(rules)


def parse_cutoffs(texts: Sequence[str], species: Iterable[str]) -> dict[Pair, float]:
    """Return pair to cut-off, Å, of texts such as ``P-S=2.7``.

    Raises
    ------
    InputError
        If a text is none, or names an element that is not there.
    """
    found = {}
    present = tuple(species)
    for text in texts:
        name, _, value = text.partition("=")
        first, _, second = name.partition("-")
        try:
            cutoff = float(value)
        except ValueError:
            cutoff = -1.0
        if not first or not second or not 0 < cutoff < float("inf"):
            raise InputError(f"--cutoff {text!r}: a pair of elements and a length in Å > 0 are needed, e.g. P-S=2.7")
        found[parse_pair(first, second, present)] = cutoff
    return found


def _rise(function: PairFunction) -> Floats:
    """Neighbours per Å, smoothed: (n_bins,)."""
    from scipy.ndimage import gaussian_filter1d

    width = float(function.r[1] - function.r[0])
    rise = np.diff(function.coordination, prepend=0.0) / width
    return np.asarray(gaussian_filter1d(rise, _SMOOTHING / width, mode="nearest"))


def bonded_shell(function: PairFunction, reach: float) -> tuple[float, float] | None:
    """Find the shell of bonds of a pair function, and where it ends.

    Parameters
    ----------
    function : PairFunction
    reach : float, Å
        Of covalent radii (:func:`.bond_rules.covalent_reach`).

    Returns
    -------
    (float, float) or None
        Å: the last peak within the reach, and the middle of the first contiguous stretch of lowest dN/dr behind it, up
        to 1.2 times the reach. None if no peak is there, or no valley: then dN/dr is still falling, or hardly falls.
    """
    from scipy.signal import find_peaks

    window = function.r <= _BEYOND * reach
    r, rise = function.r[window], _rise(function)[window]
    if len(rise) == 0 or not rise.max() > 0:
        return None
    peaks, _ = find_peaks(rise, prominence=_PROMINENCE * float(rise.max()))
    peaks = peaks[r[peaks] <= reach]
    if len(peaks) == 0:
        return None
    peak = int(peaks[-1])
    height, behind = float(rise[peak]), rise[peak:]
    low = np.flatnonzero(behind <= float(behind.min()) + _LEVEL * height)
    run = low[: int(np.flatnonzero(np.append(np.diff(low), 2) > 1)[0]) + 1]
    depth, falling = float(behind[run].min()) / height, run[-1] == len(behind) - 1
    if depth > _SHALLOW or (falling and depth > PLATEAU):
        return None
    return float(r[peak]), float(r[peak + run].mean())


def first_shells(functions: Iterable[PairFunction], numbers: Mapping[str, int], source: str) -> dict[Pair, Shell]:
    """Return the first shell of every watched pair whose pair function shows bonds: a peak within the reach of covalent
    radii and a valley behind it.

    The edges of a PS4 tetrahedron, 3.4 Å, are no S-S bonds. A few contacts across an interface make no shell: their
    pair function is noise.

    Parameters
    ----------
    functions : iterable of PairFunction
    numbers : mapping
        Atoms of every element.
    source : str
        Name of the trajectory.
    """
    found = {}
    watched = {*watched_pairs(numbers), *ionic_pairs(numbers)}
    for function in functions:
        pair = ordered(*function.pair)
        shell = bonded_shell(function, covalent_reach(*pair)) if pair in watched else None
        if shell is not None and _neighbours(function, pair, numbers, shell[1]) >= _CROWD:
            found[pair] = Shell(*shell, source)
    return found


def _neighbours(function: PairFunction, pair: Pair, numbers: Mapping[str, int], cutoff: float) -> float:
    """Neighbours within a cut-off around each atom of the first element of the pair."""
    around = float(np.interp(cutoff, function.r, function.coordination))
    return around * numbers[function.pair[0]] / numbers[pair[0]]


def described(
    rules: Iterable[BondRule], functions: Iterable[PairFunction], numbers: Mapping[str, int]
) -> tuple[BondRule, ...]:
    """Return rules with the coordination and the plateau at their cut-offs in these pair functions.

    Parameters
    ----------
    rules : iterable of BondRule
    functions : iterable of PairFunction
    numbers : mapping
        Atoms of every element.
    """
    by_pair = {ordered(*function.pair): function for function in functions}
    found = []
    for rule in rules:
        function = by_pair[rule.pair]
        within = _rise(function)[function.r <= rule.cutoff]
        highest = float(within.max(initial=0.0))
        found.append(
            replace(
                rule,
                coordination=_neighbours(function, rule.pair, numbers, rule.cutoff),
                plateau=float(within[-1]) / highest if highest > 0 else None,
            )
        )
    return tuple(found)


def gap_notes(rules: Iterable[BondRule]) -> list[str]:
    """Return a sentence for every rule whose cut-off lies where neighbours are still found."""
    return [
        f"{rule.name}: no gap at the cut-off of {rule.cutoff:.2f} Å, where dN/dr is {rule.plateau:.0%} of its peak and "
        f"{rule.coordination:.2f} neighbours lie within: the numbers of its bonds hang on the cut-off (--cutoff)"
        for rule in rules
        if not is_ionic(rule.pair)
        and rule.coordination is not None
        and rule.plateau is not None
        and rule.coordination >= _CROWD
        and rule.plateau > PLATEAU
    ]
