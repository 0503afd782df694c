"""Oxidation states of a crystal whose file gives none: from its bonds, the textbook's usual states, and the balance.

Elements of the main groups have the states that their bonds say: O22-, S22-, P4+ beside P, S6+ in a sulfate. What is
left over is shared by the transition metals, which give up electrons in the order of their potentials in oxides: Mn4+
before Ni3+ before Co4+ (J. Reed, G. Ceder, Chem. Rev. 104 (2004) 4513). Charges are exact numbers until they add up;
mixed valence is put on sites by moments, bond valences and electrostatic energy. Nothing is invented to balance:
what no usual states balance is refused, and asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ....configs.errors import InputError, StructureError
from ....configs.ions import read_ion
from ..guard import note
from .bonding import Group, bond_groups
from .valence import put_on_sites

__all__ = ["Allowed", "parse_states", "species_text", "with_states"]

#: element to the oxidation states that it may have
Allowed = Mapping[str, Sequence[float]]

#: eV against Li/Li+ in oxides, a ladder: one electron each, or two where states differ by two. What is lower is given
#: up first. Order within a row and between rows is that of the textbook's spinels, olivines and layered oxides.
_LADDERS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "Ti": ((2, 3, 4), (-0.5, 1.5)),
    "V": ((2, 3, 4, 5), (1.7, 2.6, 3.2)),
    "Cr": ((2, 3, 4, 5, 6), (0.2, 4.5, 4.6, 4.7)),
    "Mn": ((2, 3, 4, 5, 6, 7), (3.3, 3.7, 5.5, 5.6, 5.7)),
    "Fe": ((2, 3, 4), (2.9, 4.4)),
    "Co": ((2, 3, 4), (3.5, 4.3)),
    "Ni": ((2, 3, 4), (3.9, 4.1)),
    "Cu": ((1, 2, 3), (3.0, 4.35)),
    "Zr": ((2, 3, 4), (-0.5, -0.3)),
    "Hf": ((2, 3, 4), (-0.5, -0.3)),
    "Nb": ((2, 3, 4, 5), (0.0, 0.5, 1.0)),
    "Ta": ((2, 3, 4, 5), (-0.2, 0.3, 0.8)),
    "Mo": ((2, 3, 4, 5, 6), (0.0, 0.8, 1.3, 1.7)),
    "W": ((2, 3, 4, 5, 6), (-0.2, 0.6, 1.1, 1.5)),
    "Re": ((3, 4, 5, 6, 7), (1.5, 2.0, 2.2, 2.5)),
    "Ru": ((2, 3, 4, 5, 6), (2.0, 3.0, 4.2, 4.6)),
    "Rh": ((1, 3, 4), (1.0, 4.2)),
    "Os": ((3, 4, 5, 6, 8), (2.0, 3.0, 3.5, 4.0)),
    "Ir": ((3, 4, 5, 6), (2.8, 4.0, 4.5)),
    "Pd": ((2, 4), (4.2,)),
    "Pt": ((2, 4), (3.5,)),
    "Ag": ((1, 2, 3), (4.6, 4.8)),
    "Au": ((1, 3), (4.0,)),
    "Hg": ((1, 2), (3.2,)),
    "Sn": ((2, 4), (1.6,)),
    "Pb": ((2, 4), (4.0,)),
    "Sb": ((3, 5), (2.9,)),
    "Bi": ((3, 5), (4.4,)),
    "In": ((1, 3), (0.8,)),
    "Tl": ((1, 3), (3.4,)),
    "Ce": ((3, 4), (3.2,)),
    "Pr": ((3, 4), (4.6,)),
    "Tb": ((3, 4), (4.8,)),
    "Sm": ((2, 3), (1.0,)),
    "Eu": ((2, 3), (2.4,)),
    "Yb": ((2, 3), (1.2,)),
    "U": ((4, 5, 6), (2.7, 3.0)),
}  # fmt: skip
#: the one usual state
_FIXED: dict[str, float] = {
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs"), 1.0),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd"), 2.0),
    **dict.fromkeys(("Al", "Ga", "Sc", "Y"), 3.0),
    **dict.fromkeys(("La", "Nd", "Pm", "Gd", "Dy", "Ho", "Er", "Tm", "Lu", "Ac"), 3.0),
    "Th": 4.0,
}
#: without one of these there are no ions: an element, an alloy, a boride or silicide
_ANIONS = frozenset({"H", "C", "N", "O", "F", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})
#: most combinations of states of the main groups that are tried
_MOST = 20_000
_TINY = 1e-6


@dataclass(frozen=True)
class _Balance:
    """States that add up to zero; `ladder` holds the amounts of each state of the metals per cell."""

    cost: float
    groups: dict[Group, float]
    ladder: dict[str, dict[float, float]]
    mean: bool = False


def parse_states(text: str | None) -> Allowed:
    """Read ``Fe2+,S-`` or ``Ni2+,Ni3+``: the states that elements may have; none where the text is empty.

    Raises
    ------
    InputError
        If a part is no species with an oxidation state.
    """
    found: dict[str, list[float]] = {}
    for part in (text or "").replace(" ", ",").split(","):
        if not part:
            continue
        try:
            species = read_ion(part)
        except InputError as error:
            raise InputError(f"--states: {error.message}") from None
        found.setdefault(species.symbol, []).append(float(species.oxi_state or 0))
    return found


def species_text(species: Species | Element) -> str:
    """A species with every digit of its oxidation state: ``Ni1.3333333333+``; pymatgen's own text has two."""
    charge = getattr(species, "oxi_state", None)
    if charge is None:
        return str(species.symbol)
    sign = "-" if charge < 0 else "+"
    size = abs(float(charge))
    if abs(size - 1) < 1e-12:
        return f"{species.symbol}{sign}"
    text = f"{size:.10g}"
    return f"{species.symbol}{text if 'e' not in text else f'{size:.10f}'.rstrip('0').rstrip('.')}{sign}"


def with_states(structure: Structure, source: str, allowed: Allowed | None = None) -> Structure:
    """Return the structure with oxidation states: its own where it has them, else those that are guessed, with a note.

    Parameters
    ----------
    structure : Structure
        Ordered or not; moments (``magmom``, µB) help to tell sites of mixed valence apart.
    source : str
        For messages.
    allowed : mapping of str to sequence of float, optional
        States that an element may have, e; they overrule those of the file.

    Raises
    ------
    StructureError
        If no usual states of the elements balance.
    """
    allowed = allowed or {}
    _require_present(allowed, structure, source)
    known = [getattr(species, "oxi_state", None) for site in structure for species in site.species]
    bare = structure.copy()
    if any(charge is not None for charge in known):
        if all(charge is not None for charge in known) and not allowed:
            if any(known) or not _is_ionic(structure.composition):
                return structure
            note(source, f"all oxidation states of {_formula(structure)} are 0, which no ionic compound has")
        bare.remove_oxidation_states()
    groups = bond_groups(bare)
    if not allowed and (not _is_ionic(bare.composition) or _is_graphite(groups)):
        bare.add_oxidation_state_by_element({element.symbol: 0 for element in bare.composition.elements})
        if len(bare.composition.elements) > 1:
            note(source, f"{_formula(bare)} has no anions: all oxidation states are 0, as in an alloy")
        return bare
    balance = _balanced(groups, bare, allowed, source)
    charged = put_on_sites(bare, groups, balance.groups, balance.ladder)
    note(source, _told(charged, balance))
    return charged


def _require_present(allowed: Allowed, structure: Structure, source: str) -> None:
    elements = {element.symbol for element in structure.composition.element_composition.elements}
    strangers = sorted(set(allowed) - elements)
    if strangers:
        raise StructureError(f"{source}: --states names {', '.join(strangers)}, and {_formula(structure)} holds none")


def _is_ionic(composition: Composition) -> bool:
    symbols = {element.symbol for element in composition.element_composition.elements}
    return len(symbols) > 1 and bool(symbols & _ANIONS)


def _is_graphite(groups: Mapping[Group, float]) -> bool:
    """Whether the only anion is the carbon of graphite, as in LiC6."""
    anions = [group for group in groups if group.symbol in _ANIONS]
    return all(group.symbol == "C" and group.like >= 3 for group in anions)


def _formula(structure: Structure) -> str:
    return str(structure.composition.element_composition.reduced_formula)


def _told(charged: Structure, balance: _Balance) -> str:
    amounts: dict[str, dict[float, float]] = {}
    for species, amount in charged.composition.items():
        charge = float(getattr(species, "oxi_state", 0) or 0)
        amounts.setdefault(species.symbol, {})[charge] = amounts.get(species.symbol, {}).get(charge, 0.0) + amount
    parts = []
    for symbol, states in amounts.items():
        texts = [species_text(Species(symbol, charge)) for charge in sorted(states)]
        numbers = [f"{states[charge]:g} " if len(states) > 1 else "" for charge in sorted(states)]
        parts.append(" and ".join(f"{n}{t}" for n, t in zip(numbers, texts, strict=True)))
    means = "; metals beyond their usual states have their formal mean" if balance.mean else ""
    total = sum(float(getattr(s, "oxi_state", 0) or 0) * n for s, n in charged.composition.items())
    open_ = f", {total:+.3g} e over, which an ordered cell settles" if abs(total) > 1e-4 else ""
    return f"oxidation states are guessed: {', '.join(parts)}{open_}{means}; --states or a YAML says others"


def _balanced(groups: Mapping[Group, float], structure: Structure, allowed: Allowed, source: str) -> _Balance:
    metals = _ladders(groups, allowed)
    main = {group: _candidates(group, allowed) for group in groups if group.symbol not in metals}
    if prod(map(len, main.values())) > _MOST:
        main = {group: states[:2] for group, states in main.items()}
    amounts = {symbol: sum(n for group, n in groups.items() if group.symbol == symbol) for symbol in metals}
    slack = _TINY if structure.is_ordered else 0.02 * structure.composition.num_atoms
    best: _Balance | None = None
    for chosen in product(*main.values()):
        states = dict(zip(main, (charge for charge, _ in chosen), strict=True))
        cost = sum(groups[group] * price for group, (_, price) in zip(main, chosen, strict=True))
        if best is not None and cost >= best.cost:
            continue
        needed = -sum(groups[group] * charge for group, charge in states.items())
        found = _climbed(metals, amounts, needed, slack, whole=structure.is_ordered)
        if found is not None:
            # what costs less potential is likelier, but bonds come first
            potential = found[1] / (1000.0 * max(1.0, sum(amounts.values())))
            candidate = _Balance(cost + potential + 100.0 * found[2], states, found[0], found[3])
            best = candidate if best is None or candidate.cost < best.cost else best
    if best is None:
        tried = ", ".join(
            sorted(
                {f"{g.symbol} {'/'.join(f'{c:+g}' for c, _ in s)}" for g, s in main.items()}
                | {f"{symbol} {'/'.join(f'{c:+g}' for c in states)}" for symbol, (states, _) in metals.items()}
            )
        )
        raise StructureError(
            f"{source}: no usual oxidation states of {_formula(structure)} balance ({tried}); say them with --states, "
            "such as --states Fe2+,S-, or in a YAML of the material (materials FILE --out NAME.yaml writes one)"
        )
    return best


def _ladders(groups: Mapping[Group, float], allowed: Allowed) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    found = {}
    for symbol in dict.fromkeys(group.symbol for group in groups):
        if symbol in allowed:
            states = tuple(sorted(set(allowed[symbol])))
            usual = _LADDERS.get(symbol, ((), ()))
            steps = dict(zip(usual[0][1:], usual[1], strict=True))
            found[symbol] = (states, tuple(steps.get(state, 3.0) for state in states[1:]))
        elif symbol in _LADDERS:
            found[symbol] = _LADDERS[symbol]
    return found


def _candidates(group: Group, allowed: Allowed) -> list[tuple[float, float]]:
    """States of an element of the main groups and what they cost, e and eV an atom; the likeliest first."""
    if group.symbol in _FIXED:
        return [(_FIXED[group.symbol], 0.0)]
    usual = group.usual_states()
    return [(charge, 5.0 * place) for place, charge in enumerate(usual)]


def _climbed(
    metals: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]],
    amounts: Mapping[str, float],
    needed: float,
    slack: float,
    *,
    whole: bool,
) -> tuple[dict[str, dict[float, float]], float, float, bool] | None:
    """Amounts of the metals' states that make the charge `needed`, their potential in all, and what is missing.

    The lowest steps are climbed first. Below the lowest states all metals share the charge, as in a metal-rich
    compound: their formal mean.
    """
    left = needed - sum(amounts[symbol] * states[0] for symbol, (states, _) in metals.items())
    filled = {symbol: {states[0]: amounts[symbol]} for symbol, (states, _) in metals.items()}
    if left < -slack:
        return _formal_mean(amounts, needed)
    steps = sorted(
        (step, symbol, low, high)
        for symbol, (states, potentials) in metals.items()
        for step, low, high in zip(potentials, states, states[1:], strict=False)
    )
    spent = 0.0
    for step, symbol, low, high in steps:
        moved = min(filled[symbol].get(low, 0.0), left / (high - low))
        if not whole:  # what a refinement leaves over makes no ion: an ordered cell settles it
            rest = filled[symbol].get(low, 0.0) - moved
            moved = 0.0 if moved * (high - low) <= slack else moved + rest * (rest * (high - low) <= slack)
        if moved <= _TINY:
            continue
        if whole and abs(moved - round(moved)) > 1e-4:
            return _formal_mean(amounts, needed)
        filled[symbol][low] -= moved
        filled[symbol][high] = filled[symbol].get(high, 0.0) + moved
        left -= moved * (high - low)
        spent += moved * step
    if abs(left) > slack:
        return None
    kept = {s: {c: n for c, n in states.items() if n > _TINY} for s, states in filled.items()}
    return kept, spent, max(0.0, abs(left)) if not whole else 0.0, False


def _formal_mean(
    amounts: Mapping[str, float], needed: float
) -> tuple[dict[str, dict[float, float]], float, float, bool] | None:
    """One metal's mean state, as in Co9S8, where its usual ones do not add up."""
    if len(amounts) != 1 or needed <= _TINY:
        return None
    symbol, number = next(iter(amounts.items()))
    return {symbol: {needed / number: number}}, 0.0, 0.01, True
