"""Cells that jobs have yet to build, and stacks that steps hand to those after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jobflow import OutputReference
from pymatgen.core.structure import Structure

from ...configs.models import Method

__all__ = ["Budget", "PlannedStack"]


@dataclass(frozen=True)
class Budget:
    """A cell that a job has yet to build: what is known of it.

    Attributes
    ----------
    n_atoms : int
        At most so many.
    symbols : frozenset of str
        Its elements, where they are known.
    """

    n_atoms: int
    symbols: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return self.n_atoms

    @property
    def shown(self) -> str:
        """In place of the formula."""
        return f"at most {self.n_atoms} atoms"


class PlannedStack(NamedTuple):
    """A stack of the section `interface`, relaxed, for the steps after it.

    Attributes
    ----------
    structure : OutputReference
    cell : Structure or Budget
        What is known of it ahead.
    method : callable
        Returns its level of theory; raises InputError, with file, line and key, where the recipe gives none.
    """

    structure: OutputReference
    cell: Structure | Budget
    method: Callable[[], Method]
