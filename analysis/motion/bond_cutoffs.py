"""Cut-offs of bonds: the first minimum of the pair function where the bond is there to be seen, covalent radii where it
is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...configs.errors import InputError
from .bond_rules import HYSTERESIS, BondRule, bond_rule, covalent_reach, ordered, parse_pair, watched_pairs
from .pair_function import PairFunction, first_minimum

__all__ = ["Shell", "choose_rules", "first_shells", "parse_cutoffs"]

Pair = tuple[str, str]

#: bonds for each atom of the first element that make a shell
_CROWD = 0.25


@dataclass(frozen=True)
class Shell:
    """First shell of a pair of elements in one pair function.

    Parameters
    ----------
    peak, minimum : float, Å
        First maximum, and the first minimum behind it.
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
    """Return the rules of all watched pairs.

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
    pairs = watched_pairs(species)
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
            rules.append(
                bond_rule(
                    pair, bonded[0].minimum, f"first minimum of the pair function of {bonded[0].source}", hysteresis
                )
            )
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


def first_shells(functions: Iterable[PairFunction], numbers: Mapping[str, int], source: str) -> dict[Pair, Shell]:
    """Return the first shell of every watched pair whose pair function shows bonds: a first peak within the reach of
    covalent radii.

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
    watched = set(watched_pairs(numbers))
    for function in functions:
        pair = ordered(*function.pair)
        minimum = first_minimum(function) if pair in watched else None
        if minimum is None or minimum.peak > covalent_reach(*pair):
            continue
        around = float(function.coordination[np.searchsorted(function.r, minimum.minimum)])
        if around * numbers[function.pair[0]] >= _CROWD * numbers[pair[0]]:
            found[pair] = Shell(minimum.peak, minimum.minimum, source)
    return found
