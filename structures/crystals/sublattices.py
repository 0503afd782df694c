"""Sites of a disordered crystal by Wyckoff position, and the whole numbers of atoms that stand for its occupancies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.arrays import Ints
from ...configs.errors import StructureError
from .crystal import MINIMUM_DISTANCE

__all__ = ["Occupant", "Sublattice", "charge_of", "sublattices_of", "symbol_of", "whole_numbers"]

#: what sits on a site; ``None`` is a vacancy
Occupant = Species | Element | None


@dataclass(frozen=True)
class Sublattice:
    """Sites of one Wyckoff position and what may occupy them; ``None`` is a vacancy. At most `capacity` sites are
    occupied without overlap."""

    label: str
    sites: list[int]
    occupancies: dict[Occupant, float]
    capacity: int


def sublattices_of(parent: Structure) -> list[Sublattice]:
    groups: dict[tuple[str, str], list[int]] = {}
    for i, site in enumerate(parent):
        groups.setdefault((str(site.properties.get("wyckoff_label", "")), site.species_string), []).append(i)
    found = []
    for (label, text), sites in groups.items():
        occupancies: dict[Occupant, float] = dict(
            sorted(parent[sites[0]].species.items(), key=lambda item: str(item[0]))
        )
        empty = 1 - sum(occupancies.values())
        if empty > 1e-6:
            occupancies[None] = empty
        found.append(
            Sublattice(
                label or text, sites, occupancies, _capacity(parent, sites) if None in occupancies else len(sites)
            )
        )
    return found


def _capacity(parent: Structure, sites: list[int]) -> int:
    """Largest number of sites of which no two lie closer than atoms can: a refined occupancy may round to more."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    coords = parent.frac_coords[sites]
    pairs = np.argwhere(np.triu(parent.lattice.get_all_distances(coords, coords) < MINIMUM_DISTANCE, 1))
    if len(pairs) == 0:
        return len(sites)
    edges = np.zeros((len(pairs), len(sites)))
    np.put_along_axis(edges, pairs, 1.0, axis=1)
    result = milp(
        np.full(len(sites), -1.0),
        constraints=LinearConstraint(edges, ub=1),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(sites)),
    )
    return round(-float(result.fun))


def charge_of(occupant: Occupant) -> float:
    return float(getattr(occupant, "oxi_state", None) or 0)


def symbol_of(occupant: Occupant) -> str:
    return "" if occupant is None else str(getattr(occupant, "symbol", occupant))


def whole_numbers(sublattices: list[Sublattice], composition: str | None, name: str) -> list[dict[Occupant, int]]:
    """Whole numbers of each occupant on each sublattice, as near to the occupancies as composition and charge allow."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    keys = [(g, s) for g, group in enumerate(sublattices) for s in group.occupancies]
    wanted = np.array([sublattices[g].occupancies[s] * len(sublattices[g].sites) for g, s in keys])
    limits = np.array([len(sublattices[g].sites) for g, _ in keys], dtype=float)
    count, eye = len(keys), np.eye(len(keys))
    rows = [[float(g == h) for g, _ in keys] for h in range(len(sublattices))]
    totals = [float(len(group.sites)) for group in sublattices]
    if composition is not None:
        target = _target(composition, {symbol_of(s) for _, s in keys if s is not None}, name)
        rows += [[float(symbol_of(s) == element) for _, s in keys] for element in target]
        totals += list(target.values())
        low, high = np.zeros(count), limits
    else:
        low, high = np.floor(wanted + 1e-6), np.ceil(wanted - 1e-6)
    charges = [[charge_of(s) for _, s in keys]]
    deviation = [LinearConstraint(np.hstack([sign * eye, -eye]), ub=sign * wanted) for sign in (1.0, -1.0)]

    def solve(matrix: list[list[float]], right: list[float]) -> Ints | None:
        equal = LinearConstraint(np.hstack([matrix, np.zeros((len(matrix), count))]), lb=right, ub=right)
        bounds = Bounds(np.concatenate([low, np.zeros(count)]), np.concatenate([high, np.full(count, np.inf)]))
        result = milp(
            np.repeat([0.0, 1.0], count),
            constraints=[equal, *deviation],
            bounds=bounds,
            integrality=np.repeat([1, 0], count),
        )
        return None if result.x is None else np.rint(result.x[:count]).astype(np.int64)

    found = solve(rows + charges, [*totals, 0.0])
    vacancies = np.array(
        [float(len(sublattices[g].sites) - sublattices[g].capacity) if s is None else 0.0 for g, s in keys]
    )
    if found is not None and (found < vacancies).any():
        low, high = vacancies, limits
        found = solve(rows + charges, [*totals, 0.0])
    if found is None:
        text = composition or f"whole atoms next to the occupancies of {name}"
        if solve(rows, totals) is None:
            raise StructureError(
                f"{name}: the sites and their species cannot give {text} in a cell of "
                f"{int(sum(totals[: len(sublattices)]))} sites"
            )
        raise StructureError(
            f"{name}: the charges cannot balance for {text}; species: "
            f"{', '.join(sorted({str(s) for _, s in keys if s is not None}))}"
        )
    return [{s: int(found[k]) for k, (h, s) in enumerate(keys) if h == g} for g in range(len(sublattices))]


def _target(composition: str, elements: set[str], name: str) -> dict[str, float]:
    try:
        target = {element.symbol: float(amount) for element, amount in Composition(composition).items()}
    except ValueError as error:
        raise StructureError(f"{name}: the composition {composition!r} cannot be read: {error}") from None
    if set(target) - elements:
        raise StructureError(
            f"{name}: no site holds {', '.join(sorted(set(target) - elements))} of {composition}; allowed: "
            f"{', '.join(sorted(elements))}"
        )
    return {element: target.get(element, 0.0) for element in sorted(elements)}
