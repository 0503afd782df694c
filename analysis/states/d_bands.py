"""Centres of d bands against the centre of O 2p in the same cell: a difference that needs no common zero of energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...configs.errors import InputError
from ...configs.models import ReferenceName
from ...configs.steps.electronic import BandCenterSpec
from ...workflows.documents import CalculationDocument, require_real
from ...workflows.roles import Delithiated
from .band_center import Selection, band_center, occupied_floor
from .band_references import is_metal

__all__ = ["DBand", "d_bands"]


@dataclass(frozen=True)
class DBand:
    """The occupied d states of one element in one cell.

    Parameters
    ----------
    material, element, tier : str
    content : float
        Share of the lithium that is left.
    centre : float
        eV, from the centre of occupied O 2p states of the same cell: below it where negative.
    from_top : float
        eV, from the top of the occupied states: E_F of a metal, else the valence band's maximum.
    states : float
        Occupied d states of one ion, both spins, inside the engine's sphere.
    moment : float or None
        µB, mean size; None where the engine has none.
    n_ions : int
    """

    material: str
    element: str
    tier: str
    content: float
    centre: float
    from_top: float
    states: float
    moment: float | None
    n_ions: int


def d_bands(material: str, documents: Sequence[CalculationDocument]) -> list[DBand]:
    """Return the d bands of every transition metal at every lithium content.

    Parameters
    ----------
    material : str
    documents : sequence of CalculationDocument
        Densities of states, with roles that say how much lithium is left.

    Returns
    -------
    list of DBand
        By element, full lithium first.

    Raises
    ------
    InputError
        If a rehearsal wrote one, or one has no density of states.
    """
    require_real(*documents)
    found = [one for document in documents for one in _of_cell(material, document)]
    return sorted(found, key=lambda one: (one.element, -one.content))


def _of_cell(material: str, document: CalculationDocument) -> list[DBand]:
    """The d bands of one cell, by element."""
    role, dos, edges = document.role, document.dos, document.band_edges
    if not isinstance(role, Delithiated):
        raise InputError(f"{document.label}: nobody says how much lithium is left")
    if dos is None or edges is None:
        raise InputError(f"{document.label} has no density of states")
    symbols = [site.specie.symbol for site in document.structure]
    oxygen = [k for k, symbol in enumerate(symbols) if symbol == "O"]
    if not oxygen:
        raise InputError(f"{document.label} has no oxygen, against which its d bands are told")
    # E_F is where the occupied states end in a metal; in an insulator their top
    reference: ReferenceName = "fermi" if is_metal(edges) else "vbm"
    spec = BandCenterSpec(element="O", orbital="p", window="occupied", reference=reference)
    # one window for both: above the O 2s states, to which d states lend a little weight
    window = Selection(oxygens=tuple(oxygen), floor=occupied_floor(dos, edges, spec, oxygen))
    zero = band_center(dos, edges, oxygen, spec, window).center
    found = []
    for element in sorted({site.specie.symbol for site in document.structure if site.specie.is_transition_metal}):
        sites = [k for k, symbol in enumerate(symbols) if symbol == element]
        own = band_center(dos, edges, sites, spec.model_copy(update={"element": element, "orbital": "d"}), window)
        sizes = None if document.magmoms is None else float(np.abs(np.array(document.magmoms)[sites]).mean())
        found.append(
            DBand(
                material=material,
                element=element,
                tier=document.tier,
                content=role.content,
                centre=own.center - zero,
                from_top=own.center,
                states=own.states / len(sites),
                moment=sizes,
                n_ions=len(sites),
            )
        )
    return found
