"""Barriers of hops as jobs: cells with a vacancy relax once and are shared, each hop is a band between two of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jobflow import Flow, Job, Maker, job
from pymatgen.core.structure import Structure

from ...configs.errors import EngineUnavailableError, InputError
from ...structures.defects.hops import Hop, in_supercell
from ..band_documents import Band, HopPlace
from ..engines.ase.backend import AseBackend
from ..engines.ase.band import run_band
from ..engines.bands import BandOutcome, EndPoint
from ..engines.engine import Engine
from ..engines.tasks import ElasticBand, Relax
from ..signature import Signature

__all__ = ["BandMaker", "BandTask", "MethodBandMaker", "barrier_jobs", "matched", "require_bands", "without"]


@dataclass(frozen=True)
class BandTask:
    """How hops are computed.

    Attributes
    ----------
    images : int
        Between the end points.
    max_force : float, eV/Å
        Of end points and across the band.
    max_steps : int
        Of each of them.
    climbing : bool
        False for a VASP without the VTST extension; potentials always climb.
    """

    images: int = 5
    max_force: float = 0.05
    max_steps: int = 500
    climbing: bool = True


def without(host: Structure, index: int) -> Structure:
    """Return the cell without one site, which leaves as an atom; all others keep their order and their states."""
    cell = host.copy()
    cell.unset_charge()
    cell.remove_sites([index])
    return cell


@dataclass
class BandMaker(Maker):
    """One hop.

    Parameters
    ----------
    name : str
    engine : Engine
        A potential.
    images, max_force, max_steps : int, float, int
        As of :class:`BandTask`.
    """

    name: str = "band"
    engine: Engine = field(default_factory=lambda: Engine("chgnet"))
    images: int = 5
    max_force: float = 0.05
    max_steps: int = 500

    @job(output_schema=Band)
    def make(self, initial: Structure, final: Structure, label: str, hop: HopPlace | dict[str, Any]) -> Band:
        """Find the way between two relaxed cells.

        Parameters
        ----------
        initial, final : Structure
            The host without the site that the ion takes, and without the one that it leaves, each relaxed.
        label : str
        hop : HopPlace

        Raises
        ------
        InputError
            If the cells are not of one host.
        CalculationError
            If the band does not converge, or leaves the way.
        """
        from pymatgen.io.ase import AseAtomsAdaptor  # half a second, of which every plan would know

        place = HopPlace.model_validate(hop)
        backend = _potential(self.engine)
        moving, end = matched(initial, final, place)
        atoms = (AseAtomsAdaptor.get_atoms(initial, msonable=False), AseAtomsAdaptor.get_atoms(end, msonable=False))
        found = run_band(
            atoms, backend.step_calculator(), self.images, (self.max_force, self.max_steps), Path.cwd(), label
        )
        settings = {"images": self.images, "max_force": self.max_force, "max_steps": self.max_steps}
        return _band(label, (backend.tier, backend.signature()), (place, moving, initial), found, settings)


@dataclass
class MethodBandMaker(Maker):
    """One hop, by an engine that needs a level of theory.

    Parameters
    ----------
    name : str
    engine : Engine
    task : dict
        Dumped :class:`~catholyte.workflows.engines.tasks.ElasticBand`.
    code : str
        Engine and version asked for: part of the identity.
    numerics : dict
        The engine's settings in force that can change a number.
    """

    name: str = "band"
    engine: Engine = field(default_factory=lambda: Engine("vasp"))
    task: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    numerics: dict[str, Any] = field(default_factory=dict)

    @job(output_schema=Band)
    def make(
        self,
        initial: Structure,
        final: Structure,
        label: str,
        hop: HopPlace | dict[str, Any],
        ends: list[dict[str, Any]],
    ) -> Band:
        """Find the way between two relaxed cells.

        Parameters
        ----------
        initial, final : Structure
            The host without the site that the ion takes, and without the one that it leaves, each relaxed.
        label : str
        hop : HopPlace
        ends : list of dict
            Energy, eV, forces, eV/Å, and signature of both, from their own calculations.

        Raises
        ------
        InputError
            If the cells are not of one host, or the engine misses a setting.
        CalculationError
            If the band does not converge.
        """
        place, task = HopPlace.model_validate(hop), ElasticBand.model_validate(self.task)
        moving, end = matched(initial, final, place)
        order = _order(len(final), place, moving)
        points = [
            EndPoint(cell, one["energy"], np.array(one["forces"])[rows], Signature.model_validate(one["signature"]))
            for cell, one, rows in zip((initial, end), ends, (range(len(initial)), order), strict=True)
        ]
        found = self.engine.backend.find_band((points[0], points[1]), task, label, Path.cwd())
        settings = {
            "images": task.images,
            "max_force": task.max_force,
            "max_steps": task.max_steps,
            "climbing": int(task.climbing),
        }
        return _band(label, (found.tier, found.signature), (place, moving, initial), found.outcome, settings)


def _band(
    label: str,
    whose: tuple[str, Signature],
    what: tuple[HopPlace, int, Structure],
    found: BandOutcome,
    settings: dict[str, float | int],
) -> Band:
    place, moving, initial = what
    return Band(
        label=label,
        tier=whose[0],
        signature=whose[1],
        hop=place,
        moving=moving,
        structure=initial,
        positions=found.positions.tolist(),
        energies=found.energies.tolist(),
        forces=found.forces.tolist(),
        climbing=found.climbing,
        max_force=found.max_force,
        n_steps=found.n_steps,
        settings=settings,
    )


def matched(initial: Structure, final: Structure, hop: HopPlace) -> tuple[int, Structure]:
    """Return the moving ion's index in `initial`, and `final` with its atoms in the order of `initial`.

    Each atom lies on the side of the cell's borders where that of `initial` lies.

    Raises
    ------
    InputError
        If the cells do not hold the same atoms.
    """
    if initial.composition != final.composition or len(initial) != len(final):
        raise InputError(
            f"the end points of a hop are {initial.composition.formula} and {final.composition.formula}: they must "
            "hold the same atoms"
        )
    # an ion in an empty place is the last atom of its cell
    moving = min(hop.start - (hop.end < hop.start), len(initial) - 1)
    order = _order(len(final), hop, moving)
    coords = np.array(final.frac_coords)[order]
    shifts = np.rint(coords - initial.frac_coords)
    shifts[moving] = -np.array(hop.image)  # engines do not wrap: start and end are where the host has them
    coords -= shifts
    end = Structure(final.lattice, [final[k].species for k in order], coords, site_properties=initial.site_properties)
    return moving, end


def _order(n_sites: int, hop: HopPlace, moving: int) -> list[int]:
    """Site of the final cell for each of the initial one."""
    arrived = min(hop.end - (hop.start < hop.end), n_sites - 1)
    order = [k for k in range(n_sites) if k != arrived]
    order.insert(moving, arrived)
    return order


def require_bands(engine: Engine) -> None:
    """Raise EngineUnavailableError unless an engine computes bands."""
    if not engine.backend.finds_bands:
        _potential(engine)


def _potential(engine: Engine) -> AseBackend:
    backend = engine.backend
    if not isinstance(backend, AseBackend):
        raise EngineUnavailableError(
            f"engine {engine.name} computes no bands here: they need hundreds of forces in one process",
            "take a potential such as chgnet, and single points of the other engine on its images",
        )
    return backend


def barrier_jobs(
    cell: Structure, host: Structure, label: str, hops: Iterable[Hop], engine: Engine, task: BandTask
) -> Flow:
    """Return the jobs of hops in one host: vacancies relaxed once each, and a band for each hop.

    Parameters
    ----------
    cell : Structure
        In which the hops were found.
    host : Structure
        A supercell of it, in the same frame.
    label : str
    hops : iterable of Hop
    engine : Engine
        A potential.
    task : BandTask

    Raises
    ------
    EngineUnavailableError
        If the engine is no potential.
    """
    _potential(engine)
    relax = Relax(max_force=task.max_force, max_steps=task.max_steps, relax_cell=False, keep_symmetry=False)
    relaxed: dict[int, Job] = {}
    jobs: list[Flow | Job] = []
    for number, hop in enumerate(hops, 1):
        start, end, image = in_supercell(hop, cell, host)
        for site in (end, start):
            if site not in relaxed:
                named = f"{label} without {hop.element} {site}"
                relaxed[site] = engine.maker(relax).job_for(without(host, site), named)
                jobs.append(relaxed[site])
        maker = BandMaker(engine=engine, images=task.images, max_force=task.max_force, max_steps=task.max_steps)
        place = HopPlace(element=hop.element, start=start, end=end, image=image)
        made: Job = maker.make(
            relaxed[end].output.structure, relaxed[start].output.structure, label, place.model_dump()
        )
        made.name = f"{label} {hop.element} hop {number}, {hop.length:.2f} Å, {engine.name} band"
        jobs.append(made)
    return Flow(jobs, name=f"{label} hops")
