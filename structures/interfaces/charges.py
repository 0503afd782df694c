"""Is an interface charge-balanced, and does it carry a dipole?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..surfaces.planes import PLANE_WIDTH, site_charges
from ..surfaces.slab import Slab
from .stack import Face

__all__ = ["Verdict", "is_polar", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """Charges of a stack, formal.

    Parameters
    ----------
    polarity : str
        ``non-polar``: no slab repeats a dipole; ``compensated``: a polar facet has its outer plane shared between both
        faces;
        ``polar``: a slab repeats a dipole, the cell will transfer charge or turn metallic.
    charge : float, e
        Largest charge of a slab's cell.
    dipoles : tuple of float, e/Å
        Dipole per area of each slab as it lies, from the bottom up.
    contact_charges : tuple of pairs of float, e/Å²
        Per joint the charge of the plane below and of the plane above it.
    says : str
        In a sentence.
    """

    polarity: str
    charge: float
    dipoles: tuple[float, ...]
    contact_charges: tuple[tuple[float, float], ...]
    says: str


def is_polar(slab: Slab) -> bool:
    """Whether the slab repeats a dipole that nothing compensates: Tasker's type 3, unreconstructed."""
    return slab.tasker == 3 and not slab.reconstructed


def verdict(faces: Sequence[Face]) -> Verdict:
    """Return charge balance and polarity of slabs that lie on each other, from the bottom up."""
    polar = [face.slab.name for face in faces if is_polar(face.slab)]
    mended = [face.slab.name for face in faces if face.slab.reconstructed]
    charge = max((float(site_charges(face.slab.structure).sum()) for face in faces), key=abs)
    contacts = tuple(
        (_plane_charge(below.slab, top=True), _plane_charge(above.slab, top=False)) for below, above in pairwise(faces)
    )
    polarity = "polar" if polar else "compensated" if mended else "non-polar"
    parts = [f"{name} repeats a dipole" for name in polar] or [
        f"{name} shares its outer plane between both faces" for name in mended
    ]
    parts += ["planes of like charge face each other" for below, above in contacts if below * above > 1e-6]
    return Verdict(
        polarity,
        charge,
        tuple(face.slab.dipole for face in faces),
        contacts,
        "; ".join(parts) or "charge-balanced, no dipole repeats",
    )


def _plane_charge(slab: Slab, *, top: bool) -> float:
    heights = slab.structure.cart_coords[:, 2]
    plane = heights > heights.max() - PLANE_WIDTH if top else heights < heights.min() + PLANE_WIDTH
    return float(site_charges(slab.structure)[plane].sum() / slab.area)
