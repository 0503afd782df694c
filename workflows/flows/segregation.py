"""An ion at each depth of a slab: cells of one composition, one relaxation each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jobflow import Job
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.steps.segregation import SegregationSystem
from ...structures.defects.depth import depths, distinct_sites, spread
from ...structures.defects.substitution import exchanged, substitute
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..roles import Exchanged
from .oxygen_loss import rattled

__all__ = ["IonAtDepth", "ions_by_depth", "segregation_jobs"]


@dataclass(frozen=True)
class IonAtDepth:
    """One cell.

    Parameters
    ----------
    site : int or None
        Of the slab, which the ion has taken; None for the slab itself.
    structure : Structure
    ions : str
        Who paid for the charge: changes of the other ions, ``Co2+ +1, Co3+ -1``; empty where nobody had to.
    """

    site: int | None
    structure: Structure
    ions: str


def ions_by_depth(slab: Structure, asked: SegregationSystem) -> list[IonAtDepth]:
    """Return the cells with the ion at each depth, the shallowest first; where it changes places, the slab itself too.

    Parameters
    ----------
    slab : Structure
        Ordered, neutral, with oxidation states, in vacuum.
    asked : SegregationSystem

    Raises
    ------
    InputError
        If the slab has no such ions, or no second depth.
    StructureError
        If the charge cannot be balanced.
    """
    below, _ = depths(slab)
    symbols = [site.specie.symbol for site in slab]
    for element in (asked.leaving, *([asked.element] if asked.exchanged else [])):
        if element not in symbols:
            raise InputError(
                f"the slab of {asked.material} holds no {element}; elements: {', '.join(sorted({*symbols}))}"
            )
    chosen = _planes([members[0] for members in distinct_sites(slab, asked.leaving)], below)
    if len(chosen) < 2:
        raise InputError(
            f"all {asked.leaving} of the slab lies {below[chosen[0]]:.1f} Å deep: give a thicker slab, for there is no "
            "inside to compare with"
        )
    places = spread(chosen, below, asked.most)
    if not asked.exchanged:
        made = [substitute(slab, site, asked.ion) for site in places]
        return [IonAtDepth(site, one.structure, _told(one.ions)) for site, one in zip(places, made, strict=True)]
    own = [i for i, symbol in enumerate(symbols) if symbol == asked.element]
    middle = max(own, key=lambda i: (round(float(below[i]), 3), -i))
    return [IonAtDepth(None, slab, "")] + [IonAtDepth(site, exchanged(slab, site, middle), "") for site in places]


def _planes(sites: Sequence[int], below: np.ndarray) -> list[int]:
    """One site of each depth, to 0.3 Å."""
    kept: list[int] = []
    for site in sorted(sites, key=lambda one: (round(float(below[one]), 3), one)):
        if not kept or below[site] - below[kept[-1]] > 0.3:
            kept.append(site)
    return kept


def _told(ions: dict[str, int]) -> str:
    return ", ".join(f"{name} {change:+d}" for name, change in ions.items())


def segregation_jobs(cells: Sequence[IonAtDepth], label: str, element: str, engine: Engine, task: Relax) -> list[Job]:
    """Return a relaxation for each cell.

    Parameters
    ----------
    cells : sequence of IonAtDepth
    label : str
    element : str
        Of the ion.
    engine : Engine
    task : Relax
    """
    maker = engine.maker(task)
    return [
        maker.job_for(
            rattled(cell.structure, 0),
            label if cell.site is None else f"{label} at {cell.site}",
            role=Exchanged(of=label, element=element, origin=cell.site),
        )
        for cell in cells
    ]
