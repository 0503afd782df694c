"""Conductivities from trajectories of a store: replicas at each temperature, by the labels of their runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...configs.steps.conductivity import run_label
from ...workflows.documents import CalculationDocument, require_real
from ..motion.bond_rules import MOBILE
from ..motion.diffusivity import EQUILIBRATION, diffusivities
from ..motion.displacement import Displacements
from ..motion.stored import StoredTrajectory, stored_runs
from .conductivity import Conductivity, Replica, TemperaturePoint, conductivity, point

__all__ = ["shortest_spacing", "stored_conductivity"]

#: Å, within which a neighbour of the same kind is looked for
_REACH = 8.0


def shortest_spacing(structure: Structure, element: str) -> float:
    """Mean distance from each ion to the nearest of its kind, Å.

    Raises
    ------
    InputError
        If there is no ion of this element, or none within 8 Å of another.
    """
    own = [site for site in structure if site.specie.symbol == element]
    if not own:
        raise InputError(f"{structure.composition.reduced_formula} has no {element}")
    bare = Structure.from_sites(own)
    nearest = [min((n.nn_distance for n in bare.get_neighbors(site, _REACH)), default=np.inf) for site in bare]
    if not np.isfinite(nearest).all():
        raise InputError(f"{structure.composition.reduced_formula}: {element} lies more than {_REACH:g} Å apart")
    return float(np.mean(nearest))


def stored_conductivity(
    material: tuple[str, str],
    documents: Iterable[CalculationDocument],
    temperatures: Sequence[float],
    fewest: float,
    room: float,
) -> Conductivity:
    """Return the conductivity of one crystal from its runs.

    Parameters
    ----------
    material : (str, str)
        Name, and element of the ions.
    documents : iterable of CalculationDocument
        Chunks of molecular dynamics with their arrays and roles; others are passed over.
    temperatures : sequence of float, K
    fewest : float
        Jumps at one temperature.
    room : float, K

    Raises
    ------
    InputError
        If no run of the crystal is there.
    """
    name, element = material
    labels = {run_label(name, temperature): temperature for temperature in temperatures}
    runs = stored_runs(one for one in documents if one.label in labels)
    if not runs:
        raise InputError(f"{name}: no run at any temperature has finished")
    points = []
    first = next(iter(runs.values()))[0][1].documents[0]
    require_real(first)
    spacing = shortest_spacing(first.initial_structure, element)
    for label, temperature in labels.items():
        replicas = runs.get(label, [])
        broken = [one.problem for _, one in replicas if one.problem]
        if not replicas or broken:
            problem = broken[0] if broken else "not run yet"
            points.append(TemperaturePoint(temperature, None, None, 0.0, 0, problem))
            continue
        found = [_replica(one) for _, one in replicas]
        points.append(point(temperature, found, (element, spacing), fewest))
    ions = sum(site.specie.symbol == element for site in first.initial_structure)
    return conductivity((name, first.tier, element), points, ions / first.initial_structure.volume, room)


def _replica(run: StoredTrajectory) -> Replica:
    """What moved relative to the framework, behind the equilibration."""
    ways = Displacements(run.species, [one for one in dict.fromkeys(run.species) if one not in MOBILE] or None)
    for block in run.blocks():
        ways.add(block)
    moved, _, times = ways.series()
    late = moved[times - times[0] >= EQUILIBRATION * (times[-1] - times[0])]
    squares, species = ((late[-1] - late[0]) ** 2).sum(axis=1), np.array(run.species)
    ended = {one: float(squares[species == one].mean()) for one in dict.fromkeys(run.species)}
    return Replica(diffusivities(ways), float((1 - EQUILIBRATION) * (times[-1] - times[0])), ended)
