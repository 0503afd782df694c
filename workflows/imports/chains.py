"""Parts of one dynamics among found runs: each begins where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .outline import RunOutline

__all__ = ["chains", "follows"]

#: Å, within which a part begins where the one before ended: the digits of a POSCAR
_SAME_PLACE = 1e-4


def follows(after: RunOutline, before: RunOutline) -> bool:
    """Whether a run of dynamics starts from where another ended."""
    end, begin = before.following, after.structure
    if [site.specie.symbol for site in end] != [site.specie.symbol for site in begin]:
        return False
    if not np.allclose(end.lattice.matrix, begin.lattice.matrix, atol=_SAME_PLACE):
        return False
    shift = begin.frac_coords - end.frac_coords
    return bool(np.abs((shift - np.round(shift)) @ end.lattice.matrix).max() <= _SAME_PLACE)


def chains(runs: Sequence[RunOutline]) -> list[list[RunOutline]]:
    """Group runs of dynamics, each chain in its order; a run that nothing comes before or after is a chain of one.

    Parameters
    ----------
    runs : sequence of RunOutline
        Of kind ``md``; where two start from the same end, the first goes on and the other begins a chain.
    """
    left, before, after = list(runs), dict[int, int](), dict[int, int]()
    for later in range(len(left)):
        for earlier in range(len(left)):
            if later != earlier and earlier not in after and follows(left[later], left[earlier]):
                before[later], after[earlier] = earlier, later
                break
    found = []
    for start in range(len(left)):
        if start not in before:
            chain, at = [left[start]], start
            while at in after and left[after[at]] not in chain:
                at = after[at]
                chain.append(left[at])
            found.append(chain)
    return found
