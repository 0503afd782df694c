"""What an expert names when he reads VASP input: wrong electronic states, waste, and what an energy cannot be used for.

Each rule looks at all folders at once, since much is only wrong beside another run: a control without the spin of its
stack, a density of states that starts from atoms although its relaxation stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .input_sets import InputSet
from .review_cost import COST
from .review_states import STATES
from .review_values import VALUES

__all__ = ["RULES", "Remark", "review"]

Sets = Sequence[InputSet]
Rule = Callable[[Sets], Iterator[tuple[InputSet, str]]]


@dataclass(frozen=True)
class Remark:
    """One thing that an expert would name.

    Parameters
    ----------
    rule : str
        Short name of the kind.
    folder : Path
    detail : str
        What was found there.
    mend : str
        What to do.
    """

    rule: str
    folder: Path
    detail: str
    mend: str

    def told(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {**asdict(self), "folder": str(self.folder)}


#: name of a rule to what finds it and what to do
RULES: dict[str, tuple[Rule, str]] = {**STATES, **COST, **VALUES}


def review(sets: Sets) -> list[Remark]:
    """Return everything that the rules find, rule by rule.

    Parameters
    ----------
    sets : sequence of InputSet
    """
    return [
        Remark(name, found.folder, detail, mend) for name, (rule, mend) in RULES.items() for found, detail in rule(sets)
    ]
