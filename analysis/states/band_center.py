"""Band centres: the first moment of a projected density of states, over a stated window, from a stated zero.

The number is meaningless without both, so `configs.models.BandCenterSpec` asks for both and "all computed bands" is
not on offer: that moment follows the number of empty bands, not the material. A projected DOS is read as a piecewise
linear curve between its grid points and integrated exactly, so that a window which ends inside a bin takes the
fraction of the bin that lies inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from ...configs.errors import InputError
from ...configs.models import ReferenceName, WindowName
from ...configs.steps.electronic import BandCenterSpec
from ...workflows.documents import BandEdges, ProjectedDos
from .band_references import (
    REFERENCES,
    Reference,
    Result,
    Spin,
    o2s_window,
    occupied_top,
    projected_density,
    reference_level,
    window_moments,
)

__all__ = ["BandCenter", "CentersAtReferences", "Selection", "all_references", "band_center", "occupied_floor"]


class BandCenter(Result):
    """One centre with everything that gives it a meaning."""

    element: str
    orbital: str = Field(description="s, p or d")
    environment: str = Field(description="which atoms: 'all', the label of an environment, or one site")
    sites: tuple[int, ...]
    spin: Spin = "both"
    window: WindowName
    bounds: tuple[float, float] = Field(
        description="eV relative to the reference, the window after cutting it at the ends of the grid"
    )
    reference: ReferenceName
    reference_energy: float = Field(description="eV, on the engine's own energy zero")
    center: float = Field(description="eV relative to the reference")
    states: float = Field(
        description="states per cell inside the window: the weight of this centre in a mean over environments"
    )
    semicore_fraction: float | None = Field(
        None,
        description=(
            "share (0-1) of the states that lies at or below the O 2s band: of those in a range, and of all occupied "
            "ones, where a centre of O 2p leaves it out; None where no O 2s band was found"
        ),
    )
    arbitrary: bool = Field(False, description="true where the reference has no physical meaning: E_F inside a gap")
    note: str = ""

    @property
    def n_atoms(self) -> int:
        """Number of atoms that the projection runs over."""
        return len(self.sites)


class CentersAtReferences(Result):
    """The same moment, over the same states, written against every zero that the calculation offers."""

    centers: tuple[BandCenter, ...]
    unavailable: dict[ReferenceName, str] = Field(description="reference to the reason why it is missing")

    @property
    def by_reference(self) -> dict[ReferenceName, float]:
        """Reference to centre, eV."""
        return {c.reference: c.center for c in self.centers}

    @property
    def spread(self) -> float:
        """Highest minus lowest centre over all references, eV."""
        return float(np.ptp([c.center for c in self.centers]))

    @property
    def spread_of_band_edges(self) -> float:
        """The same over vbm, midgap, cbm and fermi: what the choice among the usual zeros alone does, eV."""
        return float(np.ptp([c.center for c in self.centers if c.reference in ("vbm", "midgap", "cbm", "fermi")]))


@dataclass(frozen=True)
class Selection:
    """What a centre needs beyond DOS, band edges and sites.

    Parameters
    ----------
    spin : {"both", "up", "down"}
        Spin channel of the projected DOS.
    environment : str
        Label of the sites in the result.
    oxygens : tuple of int, optional
        Sites whose O 1s and O 2s levels are the references; the sites of the centre themselves where it
        is an oxygen's. Needed for the centre of another element.
    vacuum : float, optional
        eV, vacuum level on the engine's own zero, from the potential of a slab.
    floor : float, optional
        eV, lower end of the window ``occupied`` on the engine's own zero, one for all rows of a table; where left out,
        :func:`occupied_floor` of the sites themselves.
    """

    spin: Spin = "both"
    environment: str = "all"
    oxygens: tuple[int, ...] | None = None
    vacuum: float | None = None
    floor: float | None = None


def occupied_floor(dos: ProjectedDos, edges: BandEdges, spec: BandCenterSpec, oxygens: Sequence[int]) -> float:
    """Lower end of the window ``occupied``, eV on the engine's own zero: the upper end of the O 2s band for a centre of
    O 2p, where that band can be told apart, and the lowest computed band for every other."""
    if (spec.element, spec.orbital) == ("O", "p"):
        try:
            return o2s_window(dos, edges, oxygens)[1]
        except InputError:
            pass
    return float(dos.energies[0])


def _window(
    dos: ProjectedDos, edges: BandEdges, spec: BandCenterSpec, zero: float, floor: float
) -> tuple[float, float]:
    """Ends of the window on the engine's own scale, eV, cut at the ends of the grid."""
    low, high = float(dos.energies[0]), float(dos.energies[-1])
    if spec.range is not None:
        return max(low, zero + spec.range[0]), min(high, zero + spec.range[1])
    return max(low, floor), min(high, occupied_top(edges))


def band_center(
    dos: ProjectedDos, edges: BandEdges, sites: Sequence[int], spec: BandCenterSpec, selection: Selection | None = None
) -> BandCenter:
    """First moment of a projected DOS over the window of `spec`, from the reference of `spec`.

    The window ``occupied`` reaches from the lowest computed band, for a centre of O 2p from above the O 2s band where
    that can be told apart, up to mid-gap in an insulator, so that broadened tails of the valence band count, and up to
    E_F in a metal, where the bin that E_F cuts contributes its lower part (linear interpolation of the density).
    ``range`` lies between two energies relative to the reference.

    Parameters
    ----------
    dos, edges : ProjectedDos, BandEdges
        Of one calculation.
    sites : sequence of int
        Atoms whose projections are summed; all of them of ``spec.element``.
    spec : BandCenterSpec
        Element, orbital, window and reference.
    selection : Selection, optional
        Spin channel, label, the oxygens of the core references and the vacuum level.

    Raises
    ------
    InputError
        If the reference is not available, the orbital or a site does not exist, or the window is empty.
    """
    chosen = selection or Selection()
    zero = reference_level(spec.reference, dos, edges, _anchors(sites, spec, chosen), chosen.vacuum)
    return _centers(dos, edges, sites, spec, chosen, (zero,))[0]


def all_references(
    dos: ProjectedDos, edges: BandEdges, sites: Sequence[int], spec: BandCenterSpec, selection: Selection | None = None
) -> CentersAtReferences:
    """The centre of `spec`, over the same states, against every reference that the calculation has.

    The window is fixed once, by the reference of `spec`; the other references only move the zero. Parameters and
    errors are those of :func:`band_center`; a reference that is missing is listed with the reason.
    """
    chosen = selection or Selection()
    anchors = _anchors(sites, spec, chosen)
    own = reference_level(spec.reference, dos, edges, anchors, chosen.vacuum)
    zeros, unavailable = [own], dict[ReferenceName, str]()
    for name in REFERENCES:
        if name != own.name:
            try:
                zeros.append(reference_level(name, dos, edges, anchors, chosen.vacuum))
            except InputError as error:
                unavailable[name] = error.message
    return CentersAtReferences(centers=_centers(dos, edges, sites, spec, chosen, zeros), unavailable=unavailable)


def _anchors(sites: Sequence[int], spec: BandCenterSpec, chosen: Selection) -> tuple[int, ...]:
    if chosen.oxygens is not None:
        return chosen.oxygens
    return tuple(sites) if spec.element == "O" else ()


def _centers(
    dos: ProjectedDos,
    edges: BandEdges,
    sites: Sequence[int],
    spec: BandCenterSpec,
    chosen: Selection,
    zeros: Sequence[Reference],
) -> tuple[BandCenter, ...]:
    """One moment over the window that the first of `zeros` fixes, written against each of them."""
    energies, density = np.asarray(dos.energies, dtype=float), projected_density(dos, sites, spec.orbital, chosen.spin)
    anchors = _anchors(sites, spec, chosen)
    floor = occupied_floor(dos, edges, spec, anchors) if chosen.floor is None else chosen.floor
    low, high = _window(dos, edges, spec, zeros[0].energy, floor)
    states, first = window_moments(energies, density, low, high)
    if states <= 0:
        raise InputError(
            f"no {spec.element} {spec.orbital} states between {low:.2f} and {high:.2f} eV (DOS from {energies[0]:.2f} "
            f"to {energies[-1]:.2f} eV)"
        )
    try:
        top = o2s_window(dos, edges, anchors)[1]
        bottom = low if spec.window == "range" else float(energies[0])
        below = window_moments(energies, density, bottom, min(high, top))[0]
        semicore = below / window_moments(energies, density, bottom, high)[0]
    except InputError:
        semicore = None
    return tuple(
        BandCenter(
            element=spec.element,
            orbital=spec.orbital,
            environment=chosen.environment,
            sites=tuple(sites),
            spin=chosen.spin,
            window=spec.window,
            bounds=(low - zero.energy, high - zero.energy),
            reference=zero.name,
            reference_energy=zero.energy,
            center=first / states - zero.energy,
            states=states,
            semicore_fraction=semicore,
            arbitrary=zero.arbitrary,
            note=zero.note,
        )
        for zero in zeros
    )
