"""What the formal charges of a stack say of it: neutral or not, polar or not, and what faces what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..surfaces.planes import DIPOLE_TOLERANCE, PLANE_WIDTH, site_charges
from ..surfaces.slab import Slab
from .stack import Face

__all__ = ["Verdict", "recorded_polarity", "verdict"]


@dataclass(frozen=True)
class Verdict:
    """Charges of a stack, formal.

    Parameters
    ----------
    polarity : str
        ``non-polar``: no slab repeats a dipole; ``compensated``: nor does any, for a polar facet has its outer plane
        shared between both faces; ``polar``: a slab repeats a dipole, the cell will transfer charge or turn metallic.
    charge : float, e
        Largest charge of a slab's cell.
    dipoles : tuple of float, e/Å
        Dipole per area of each slab as it lies, from the bottom up.
    repeat_dipoles : tuple of float, e/Å
        The part of it that each further repeat adds.
    contact_charges : tuple of pairs of float, e/Å²
        Per joint the charge of the plane below and of the plane above it.
    says : str
        In a sentence.
    """

    polarity: str
    charge: float
    dipoles: tuple[float, ...]
    repeat_dipoles: tuple[float, ...]
    contact_charges: tuple[tuple[float, float], ...]
    says: str


def verdict(faces: Sequence[Face]) -> Verdict:
    """Return charge balance and polarity of slabs that lie on each other, from the bottom up."""
    polar = [face.slab for face in faces if face.slab.polar]
    mended = [face.slab.name for face in faces if face.slab.reconstructed]
    charge = max((float(site_charges(face.slab.structure).sum()) for face in faces), key=abs)
    contacts = tuple(
        (_plane_charge(below.slab, top=True), _plane_charge(above.slab, top=False)) for below, above in pairwise(faces)
    )
    polarity = "polar" if polar else "compensated" if mended else "non-polar"
    parts = [f"{slab.name} repeats a dipole of {slab.repeat_dipole:+.3f} e/Å" for slab in polar] or [
        f"{name} shares its outer plane between both faces" for name in mended
    ]
    parts += ["planes of like charge face each other" for below, above in contacts if below * above > 1e-6]
    return Verdict(
        polarity,
        charge,
        tuple(face.slab.dipole for face in faces),
        tuple(face.slab.repeat_dipole for face in faces),
        contacts,
        "; ".join(parts) or "charge-balanced, no dipole repeats",
    )


def recorded_polarity(record: Mapping[str, Any]) -> str | None:
    """Return the polarity of a built stack from its record, by its dipoles whatever it was called; None without one.

    Parameters
    ----------
    record : mapping
        As :func:`.request.interface_record` makes it; earlier ones held the dipole of each slab and not of its repeat.
    """
    dipoles = record.get("repeat_dipoles", record.get("dipoles", ()))
    return "polar" if any(abs(dipole) > DIPOLE_TOLERANCE for dipole in dipoles) else record.get("polarity")


def _plane_charge(slab: Slab, *, top: bool) -> float:
    heights = slab.structure.cart_coords[:, 2]
    plane = heights > heights.max() - PLANE_WIDTH if top else heights < heights.min() + PLANE_WIDTH
    return float(site_charges(slab.structure)[plane].sum() / slab.area)
