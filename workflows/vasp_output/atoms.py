"""The groups of atoms of a run, one a POTCAR."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AtomType"]


@dataclass(frozen=True)
class AtomType:
    """A group of atoms that share a POTCAR; an element may have several.

    Parameters
    ----------
    symbol : str
    count : int
    valence : float or None
        Electrons of the POTCAR (ZVAL), where the file has them.
    title : str
        TITEL of the POTCAR.
    """

    symbol: str
    count: int
    valence: float | None
    title: str
