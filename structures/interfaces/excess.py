"""Excess energies of joined slabs, from plain numbers.

γ_ab = (E - Σ nᵢ eᵢ - A Σ γ_outer) / (k A): what an interface costs against its bulk crystals, strained as they are in
it. W = (Σ E_slab - E) / (k A): what it takes to part the stack into its slabs (M. W. Finnis, J. Phys.: Condens. Matter
8 (1996) 5811). Both follow the sign conventions of that review: γ_ab is positive for an interface that costs energy, W
is positive for slabs that hold together, and W = γ_a + γ_b - γ_ab (Dupré) for equal faces of one composition and
geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...configs.errors import InputError

__all__ = ["Joined", "Side"]


@dataclass(frozen=True)
class Side:
    """One material of a stack.

    Parameters
    ----------
    n_atoms : int
        In the stack.
    bulk : float, eV/atom
        Of the crystal strained as in the stack.
    slab : float or None, eV
        Of the slab alone, in the stack's in-plane cell.
    """

    n_atoms: int
    bulk: float
    slab: float | None = None

    def surface_energy(self, area: float) -> float | None:
        """Mean of the slab's two faces, eV/Å², against the strained crystal; None without a slab."""
        return None if self.slab is None else (self.slab - self.n_atoms * self.bulk) / (2 * area)


@dataclass(frozen=True)
class Joined:
    """A stack with its references.

    Parameters
    ----------
    energy : float, eV
    area : float, Å²
    sides : sequence of Side
        From the bottom up.
    periodic : bool
        Whether the topmost side touches the lowest one of the next cell; otherwise vacuum parts them.

    Raises
    ------
    InputError
        If there are fewer than two sides.
    """

    energy: float
    area: float
    sides: Sequence[Side]
    periodic: bool

    def __post_init__(self) -> None:
        if len(self.sides) < 2:
            raise InputError("an interface has at least two sides")

    @property
    def n_interfaces(self) -> int:
        """Of one cell."""
        return len(self.sides) - 1 + self.periodic

    @property
    def excess(self) -> float:
        """Energy above the strained crystals, eV/Å²: interfaces and, with vacuum, the two outer faces."""
        return (self.energy - sum(side.n_atoms * side.bulk for side in self.sides)) / self.area

    @property
    def interface_energy(self) -> float | None:
        """γ_ab, eV/Å², mean of the cell's interfaces; None for a stack with vacuum whose outer slabs are not known.

        With vacuum each outer face counts as the mean of the two faces of its slab.
        """
        if self.periodic:
            return self.excess / self.n_interfaces
        faces = [side.surface_energy(self.area) for side in (self.sides[0], self.sides[-1])]
        if faces[0] is None or faces[1] is None:
            return None
        return (self.excess - faces[0] - faces[1]) / self.n_interfaces

    @property
    def adhesion(self) -> float | None:
        """W, eV/Å², mean of the cell's interfaces; None where a slab is missing."""
        slabs = [side.slab for side in self.sides]
        return (
            None
            if None in slabs
            else (sum(slab for slab in slabs if slab is not None) - self.energy) / (self.n_interfaces * self.area)
        )
