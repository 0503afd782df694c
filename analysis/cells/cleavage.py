"""Cleavage energies: what it takes to part a crystal along a facet, or a stack at a joint, per area of the cut.

A crystal gains two faces, G = 2 γ, which for faces that differ is the sum of both; a stack is parted into its slabs,
G = W, the work of separation (A. A. Griffith, Phil. Trans. R. Soc. A 221 (1921) 163; M. W. Finnis, J. Phys.: Condens.
Matter 8 (1996) 5811). With the slab as it was cut, before its atoms moved, G is the work of a crack that runs too fast
for them; relaxed, that of a slow one: the lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...configs.constants import J_PER_M2
from ...workflows.documents import CalculationDocument
from .interface_energy import InterfaceEnergies
from .surface_energy import surface_energy

__all__ = ["Cleavage", "StackCleavage", "crystal_cleavage", "stack_cleavage"]


@dataclass(frozen=True)
class Cleavage:
    """One cut.

    Parameters
    ----------
    label, tier : str
        Material and facet.
    relaxed : float, J/m²
    unrelaxed : float or None, J/m²
        With the slab as it was cut; None where the steps of its relaxation were not read.
    n_atoms : int
        Of the slab.
    """

    label: str
    tier: str
    relaxed: float
    unrelaxed: float | None
    n_atoms: int


@dataclass(frozen=True)
class StackCleavage:
    """Where a stack parts.

    Parameters
    ----------
    label, tier : str
    joint : float, J/m²
        Work of separation, mean of the cell's joints.
    sides : mapping of str to float, J/m²
        What parting each material along its facet takes, strained as in the stack.
    """

    label: str
    tier: str
    joint: float
    sides: Mapping[str, float]

    @property
    def weakest(self) -> str:
        """Where the least work parts it."""
        side = min(self.sides, key=self.sides.__getitem__, default=None)
        return "the joint" if side is None or self.joint <= self.sides[side] else side


def crystal_cleavage(label: str, slab: CalculationDocument, bulk: CalculationDocument) -> Cleavage:
    """Return the cleavage energy of a crystal along the facet of a slab.

    Parameters
    ----------
    label : str
    slab, bulk : CalculationDocument
        As :func:`.surface_energy.surface_energy` takes them, which says what is raised.
    """
    found = surface_energy(slab, bulk)
    relaxed = 2 * found.joule_per_square_metre
    steps = slab.trajectory.energies if slab.trajectory is not None else []
    unrelaxed = relaxed + J_PER_M2 * (steps[0] - slab.energy) / found.area if steps else None
    return Cleavage(label, slab.tier, relaxed, unrelaxed, slab.n_sites)


def stack_cleavage(energies: InterfaceEnergies) -> StackCleavage | None:
    """Return where a stack parts; None where its work of separation is not known."""
    if energies.adhesion is None:
        return None
    sides = {name: 2 * J_PER_M2 * value for name, value in energies.surfaces.items()}
    return StackCleavage(energies.label, energies.tier, J_PER_M2 * energies.adhesion, sides)
