"""Cathodes at their states of charge, as the phase set is asked for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pymatgen.core.composition import Composition

from ...configs.errors import InputError
from ...configs.models import CHARGED
from .phase_set import PhaseSet

__all__ = ["CathodeState", "cathode_states"]


@dataclass(frozen=True)
class CathodeState:
    """A cathode at one state of charge.

    Parameters
    ----------
    label : str
        ``LCO``, or ``LCO-x0.5`` with half of its lithium.
    cathode : str
        Name or formula of the lithiated cathode.
    lithium : float
        Fraction of its lithium that is left.
    substance : str
        What the phase set is asked for: the name, or the formula with less lithium.
    """

    label: str
    cathode: str
    lithium: float
    substance: str


def cathode_states(cathodes: Sequence[str], lithium: Sequence[float], phase_set: PhaseSet) -> tuple[CathodeState, ...]:
    """Return every cathode at every lithium content; a name such as ``LCO-x0.5``, and a cathode without lithium, stand
    as they are.

    Parameters
    ----------
    cathodes : sequence of str
        Materials, formulas, or NAME-xFRACTION.
    lithium : sequence of float
        Fractions, 0 to 1.
    phase_set : PhaseSet

    Raises
    ------
    InputError
        If a name is unknown, a fraction lies outside 0 to 1, or a cathode named with a fraction holds no lithium.
    """
    outside = [value for value in lithium if not 0 <= value <= 1]
    if outside:
        raise InputError(
            f"lithium fraction {outside[0]:g}: the share of its lithium that a cathode keeps lies between 0 and 1"
        )
    states: dict[str, CathodeState] = {}
    for name in cathodes:
        named = re.search(CHARGED, name)
        base = name[: named.start()] if named else name
        composition = phase_set.resolve(base).composition
        if named and not composition["Li"]:
            raise InputError(f"{name}: {base} holds no lithium to take out")
        shares = [float(named[1])] if named else lithium if composition["Li"] else [1.0]
        for share in shares:
            state = (
                CathodeState(base, base, 1.0, base)
                if share == 1
                else CathodeState(f"{base}-x{share:g}", base, share, _charged(composition, share))
            )
            states[state.label] = state
    return tuple(states.values())


def _charged(composition: Composition, share: float) -> str:
    left = {
        element.symbol: amount * (share if element.symbol == "Li" else 1.0) for element, amount in composition.items()
    }
    return "".join(f"{symbol}{amount:.10g}" if amount != 1 else symbol for symbol, amount in left.items() if amount > 0)
