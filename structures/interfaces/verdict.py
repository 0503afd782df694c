"""What charges and strains of a stack say of it: neutral or not, polar or not, what faces what, and how much is
stretched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..surfaces.planes import DIPOLE_TOLERANCE, PLANE_WIDTH, site_charges
from ..surfaces.slab import Slab
from .stack import Face

__all__ = ["Verdict", "beyond_limits", "recorded_polarity", "recorded_strains", "verdict"]

#: largest principal strain of a slab, logarithmic, and largest relative change of its area, where none are stated
LIMITS = (0.08, 0.1)


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


def recorded_strains(record: Mapping[str, Any]) -> dict[str, tuple[float, float, float]]:
    """Return what each slab of a built stack takes, from its record: two principal strains, logarithmic, the larger one
    first, and the relative change of its area.

    Parameters
    ----------
    record : mapping
        As :func:`.request.interface_record` makes it.
    """
    found = {}
    for label, pair in record.get("principal_strains", {}).items():
        second, first = sorted(map(float, pair), key=abs)
        found[label] = (first, second, float(np.expm1(first + second)))
    return found


def beyond_limits(record: Mapping[str, Any], principal: float | None, area: float | None) -> list[str]:
    """Return a sentence for each slab that is strained beyond the limits.

    Parameters
    ----------
    record : mapping
        As for :func:`recorded_strains`.
    principal, area : float or None
        Largest principal strain and largest relative change of the area; 0.08 and 0.1 where none is stated.
    """
    limits = LIMITS[0] if principal is None else principal, LIMITS[1] if area is None else area
    return [
        f"{label} takes principal strains of {100 * first:+.1f} and {100 * second:+.1f} %, a change of its area of "
        f"{100 * change:+.1f} %, beyond the limits of {100 * limits[0]:g} and {100 * limits[1]:g} %"
        for label, (first, second, change) in recorded_strains(record).items()
        if abs(first) > limits[0] + 1e-9 or abs(change) > limits[1] + 1e-9
    ]


def _plane_charge(slab: Slab, *, top: bool) -> float:
    heights = slab.structure.cart_coords[:, 2]
    plane = heights > heights.max() - PLANE_WIDTH if top else heights < heights.min() + PLANE_WIDTH
    return float(site_charges(slab.structure)[plane].sum() / slab.area)
