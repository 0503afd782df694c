"""Which pairs of elements are watched for bonds, and from which distance to which a pair counts as bonded.

One table declares the pairs: a cation with an anion, an anion with an anion, two centres of complex ions, and hydrogen
with all of these (O-H, S-H, H2). Mobile ions (Li, Na, K, …) make no bonds that an event could be told from: their
neighbours are counted (:func:`ionic_pairs`), so that the growth of Li2S, Li2O or LiCl shows. The cut-off of a pair is
the valley behind its shell (:mod:`.bond_cutoffs`) where the bond is there to be seen; a bond that only the interface
could form has none, and takes the sum of the covalent radii times :data:`REACH`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations_with_replacement
from typing import Any

from ...configs.errors import InputError

__all__ = [
    "HYSTERESIS",
    "REACH",
    "BondRule",
    "bond_rule",
    "covalent_reach",
    "in_order",
    "ionic_pairs",
    "is_core",
    "is_ionic",
    "is_molecular",
    "is_shell",
    "kind_name",
    "ordered",
    "parse_pair",
    "watched_pairs",
]

#: elements that bind as anions
ANIONS = frozenset({"N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"})
#: centres of complex ions, which bind one another too (P2S6, Ge2S6)
CENTRES = frozenset({"B", "C", "Si", "P", "Ge", "As"})
#: ions that hop
MOBILE = frozenset({"H", "Li", "Na", "K", "Rb", "Cs", "Ag"})
#: the declared table: which class binds which
_TABLE = frozenset(
    {
        ("anion", "anion"),
        ("anion", "cation"),
        ("anion", "centre"),
        ("anion", "hydrogen"),
        ("centre", "centre"),
        ("centre", "hydrogen"),
        ("hydrogen", "hydrogen"),
    }
)
#: longest bond in units of the sum of covalent radii
REACH = 1.25
#: a bond forms below (1 - h) and breaks above (1 + h) times its cut-off
HYSTERESIS = 0.05


@dataclass(frozen=True)
class BondRule:
    """When a pair of elements is bonded; lengths in Å.

    Parameters
    ----------
    first, second : str
        Element symbols, the more electropositive first.
    cutoff : float, Å
        Neighbours are counted up to here.
    form, broken : float, Å
        A bond forms at or below `form` and breaks above `broken`; in between it stays what it was.
    source : str
        Where the cut-off comes from.
    coordination : float or None
        Neighbours of an atom of the first element within the cut-off, mean over the trajectory.
    plateau : float or None
        dN/dr at the cut-off in units of its highest value below: 0 in a gap between shells.

    Raises
    ------
    InputError
        Unless ``0 < form <= cutoff <= broken``.
    """

    first: str
    second: str
    cutoff: float
    form: float
    broken: float
    source: str
    coordination: float | None = None
    plateau: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.form <= self.cutoff <= self.broken < float("inf"):
            raise InputError(
                f"{self.name}: cut-off {self.cutoff:g} Å, forms below {self.form:g} Å, breaks above {self.broken:g} Å; "
                "needed: 0 < forms <= cut-off <= breaks"
            )

    @property
    def pair(self) -> tuple[str, str]:
        """Both symbols."""
        return self.first, self.second

    @property
    def name(self) -> str:
        """``P-S``."""
        return f"{self.first}-{self.second}"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers, Å."""
        return {
            "pair": self.name,
            **{key: value for key, value in asdict(self).items() if key not in ("first", "second")},
        }


def bond_rule(
    pair: tuple[str, str], cutoff: float | None = None, source: str = "given", hysteresis: float = HYSTERESIS
) -> BondRule:
    """Return the rule of one pair of elements.

    Parameters
    ----------
    pair : (str, str)
        In either order.
    cutoff : float, Å, optional
        The sum of covalent radii times :data:`REACH` where left out.
    source : str
        Of the cut-off, where it is given.
    hysteresis : float, 0 to below 1
        Half the width of the window in which a bond stays what it was, in units of the cut-off.

    Raises
    ------
    InputError
        If the cut-off or the hysteresis is out of range.
    """
    if not 0 <= hysteresis < 1:
        raise InputError(f"the hysteresis is a fraction from 0 to below 1 of the cut-off, and {hysteresis:g} was given")
    first, second = ordered(*pair)
    if cutoff is None:
        cutoff, source = (
            covalent_reach(first, second),
            f"{REACH:g} times the sum of covalent radii (Cordero et al., Dalton Trans. 2008, 2832)",
        )
    return BondRule(first, second, cutoff, cutoff * (1 - hysteresis), cutoff * (1 + hysteresis), source)


def covalent_reach(first: str, second: str) -> float:
    """Return the longest bond that two elements are granted, Å.

    :data:`REACH` times the sum of covalent radii, B. Cordero et al., Dalton Trans. 2008, 2832, low spin where there are
    two, as tabulated by ASE.
    """
    from ase.data import atomic_numbers, covalent_radii

    return REACH * float(covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]])


def watched_pairs(species: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of elements that the table names, each with the more electropositive first: P-S, S-S, S-O, Co-O,
    …

    Parameters
    ----------
    species : iterable of str
        Element symbols, repeated or not.
    """
    present = in_order(species)
    return [pair for pair in combinations_with_replacement(present, 2) if tuple(sorted(map(_class_of, pair))) in _TABLE]


def ionic_pairs(species: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of a mobile ion and an anion, Li-S, Li-O, …, whose neighbours are counted.

    Parameters
    ----------
    species : iterable of str
        Element symbols, repeated or not.
    """
    present = in_order(species)
    return [(first, second) for first in present for second in present if is_ionic((first, second))]


def is_ionic(pair: tuple[str, str]) -> bool:
    """Whether a pair is a mobile ion and an anion."""
    return _class_of(pair[0]) == "mobile" and _class_of(pair[1]) == "anion"


def kind_name(pair: tuple[str, str], change: str) -> str:
    """Return ``P-S breaking`` or ``S-O forming``."""
    return f"{'-'.join(ordered(*pair))} {change}"


def parse_pair(first: str, second: str, species: Iterable[str]) -> tuple[str, str]:
    """Return a pair of elements that a user named, in the order of the ledger.

    Raises
    ------
    InputError
        If the trajectory holds none of one of them.
    """
    present = in_order(species)
    for symbol in (first, second):
        if symbol not in present:
            raise InputError(
                f"the pair {first} {second}: the trajectory holds no {symbol}; its elements: {', '.join(present)}"
            )
    return ordered(first, second)


def is_shell(pair: tuple[str, str]) -> bool:
    """Whether the second element of a watched pair is an anion that surrounds the first."""
    return _class_of(pair[0]) in ("cation", "centre") and _class_of(pair[1]) == "anion"


def is_core(pair: tuple[str, str]) -> bool:
    """Whether both elements are centres of complex ions: P-P of P2S6."""
    return all(_class_of(symbol) == "centre" for symbol in pair)


def is_molecular(pair: tuple[str, str]) -> bool:
    """Whether a bond of the two holds a molecule or a complex ion together: P-S, S-S, S-O, O-O, but neither Co-O nor
    In-Cl."""
    return "cation" not in map(_class_of, pair)


def ordered(first: str, second: str) -> tuple[str, str]:
    """Return two elements, the more electropositive first."""
    one, other = sorted((first, second), key=_rank)
    return one, other


def in_order(symbols: Iterable[str]) -> list[str]:
    """Return elements once each, the most electropositive first."""
    return sorted(set(symbols), key=_rank)


def _rank(symbol: str) -> tuple[float, str]:
    """Electronegativity (Pauling), then the letter; noble gases last."""
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    return (float("inf") if element.is_noble_gas else float(element.X), symbol)


def _class_of(symbol: str) -> str:
    if symbol == "H":
        return "hydrogen"
    if symbol in MOBILE:
        return "mobile"
    if symbol in ANIONS:
        return "anion"
    return "centre" if symbol in CENTRES else "cation"
