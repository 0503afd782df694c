"""Which molecules and complex ions a trajectory ends with: clusters of bonded atoms, as formulas with their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from .bond_events import BondEvents
from .bond_rules import in_order, is_molecular

__all__ = ["species_found"]


def species_found(ledger: BondEvents, symbols: Sequence[str], at: Literal["start", "end"] = "end") -> dict[str, int]:
    """Return formula to count of the clusters that molecular bonds (P-S, S-S, S-O, P-O, C-O, O-O, …) hold together, the most frequent first.

    Bonds of metals make networks, not molecules, and join nothing here; an atom without a molecular bond is no cluster.

    Parameters
    ----------
    ledger : BondEvents
    symbols : sequence of str
        Elements of the atoms.
    at : str
        ``start`` or ``end`` of the trajectory.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    bonds = ledger.initial if at == "start" else ledger.final
    joined = np.array([(first, second) for index, first, second in bonds if is_molecular(ledger.rules[index].pair)], dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(joined)), (joined[:, 0], joined[:, 1])), shape=(len(symbols), len(symbols)))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, list[str]] = {}
    for atom in np.unique(joined):
        members.setdefault(int(labels[atom]), []).append(symbols[atom])
    counts = Counter(_formula(cluster) for cluster in members.values())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _formula(cluster: Sequence[str]) -> str:
    """``P2S6``: elements in the order of electronegativity, numbers not reduced."""
    numbers = Counter(cluster)
    return "".join(f"{symbol}{numbers[symbol] if numbers[symbol] > 1 else ''}" for symbol in in_order(numbers))
