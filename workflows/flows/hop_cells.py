"""Cells at whose vacancies hops begin and end, made of a crystal that another job relaxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Job, Maker, OutputReference, job
from pymatgen.core.structure import Structure

from ...structures.defects.hops import Hop, in_supercell
from ..band_documents import HopCells, HopPlace
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..roles import HopEnd
from .barrier import BandMaker, BandTask, without

__all__ = ["HopCellsMaker", "HopJobs", "hop_jobs", "required_ends"]

#: what is missing of the supercell: one site, or one site with the ion of another moved onto it
_End = tuple[int, ...]


def required_ends(hops: Sequence[HopPlace], onto: str) -> tuple[list[_End], list[tuple[int, int]]]:
    """Return the cells that hops begin and end in, each once, and for each hop which two are its own.

    Parameters
    ----------
    hops : sequence of HopPlace
        By the sites of the supercell.
    onto : str
        Element whose vacant sites are taken.

    Returns
    -------
    ends : list of tuple of int
        (site,): without this atom. (start, end): without the atom at `start`, which stands at `end` instead of the one
        there.
    pairs : list of (int, int)
    """
    ends: dict[_End, int] = {}
    pairs = []
    for hop in hops:
        last: _End = (hop.start,) if hop.element == onto else (hop.start, hop.end)
        first, second = (ends.setdefault(one, len(ends)) for one in ((hop.end,), last))
        pairs.append((first, second))
    return list(ends), pairs


def _vacant(host: Structure, end: _End) -> Structure:
    if len(end) == 1:
        return without(host, end[0])
    start, arrived = end
    moved = host.copy()
    moved.replace(arrived, host[start].species, properties=host[start].properties)
    return without(moved, start)


@dataclass
class HopCellsMaker(Maker):
    """Makes the cells of all hops of one crystal.

    Parameters
    ----------
    name : str
    supercell : tuple of int
        Multiples of the crystal's cell.
    onto : str
        Element whose vacant sites are taken.
    hops : list of dict
        Dumped :class:`~catholyte.workflows.band_documents.HopPlace`, by the sites of the crystal.
    """

    name: str = "hops"
    supercell: tuple[int, int, int] = (1, 1, 1)
    onto: str = "Li"
    hops: list[dict[str, Any]] = field(default_factory=list)

    @job(output_schema=HopCells)
    def make(self, structure: Structure, label: str) -> HopCells:
        """Make the cells.

        Parameters
        ----------
        structure : Structure
            The crystal, relaxed.
        label : str
        """
        host = structure.make_supercell(self.supercell, in_place=False)
        in_cell = [HopPlace.model_validate(place) for place in self.hops]
        places = []
        for place in in_cell:
            hop = Hop(place.element, place.start, place.end, place.image, 0.0, (), ("", 0.0))
            start, end, image = in_supercell(hop, structure, host)
            places.append(HopPlace(element=place.element, start=start, end=end, image=image))
        ends, pairs = required_ends(places, self.onto)
        a, b, c = self.supercell
        return HopCells(
            label=label,
            crystal=structure,
            supercell=(a, b, c),
            onto=self.onto,
            in_cell=in_cell,
            hops=places,
            cells=[_vacant(host, end) for end in ends],
            ends=pairs,
        )


@dataclass(frozen=True)
class HopJobs:
    """The jobs of the hops of one crystal.

    Attributes
    ----------
    build : Job
    relaxations : list of Job
        One for each cell with a vacancy.
    bands : list of Job
        One for each hop.
    relax : Relax
        Task of the relaxations.
    """

    build: Job
    relaxations: list[Job]
    bands: list[Job]
    relax: Relax


def hop_jobs(
    crystal: tuple[Structure, Structure | OutputReference],
    label: str,
    hops: Sequence[Hop],
    place: tuple[tuple[int, int, int], str],
    engine: Engine,
    task: BandTask,
) -> HopJobs:
    """Return the jobs of hops through a crystal that is known by its sites and will be relaxed.

    Parameters
    ----------
    crystal : (Structure, Structure or OutputReference)
        In which the hops were found, and the same relaxed.
    label : str
    hops : sequence of Hop
    place : ((int, int, int), str)
        Supercell, and element whose vacant sites are taken.
    engine : Engine
        A potential.
    task : BandTask
    """
    known, relaxed = crystal
    supercell, onto = place
    host = known.make_supercell(supercell, in_place=False)
    in_host = []
    for hop in hops:
        start, end, image = in_supercell(hop, known, host)
        in_host.append(HopPlace(element=hop.element, start=start, end=end, image=image))
    ends, pairs = required_ends(in_host, onto)
    in_cell = [HopPlace(element=one.element, start=one.start, end=one.end, image=one.image) for one in hops]
    maker = HopCellsMaker(supercell=supercell, onto=onto, hops=[one.model_dump(mode="json") for one in in_cell])
    build: Job = maker.make(relaxed, label)
    build.name = f"{label} cells of hops"
    relax = Relax(max_force=task.max_force, max_steps=task.max_steps, relax_cell=False, keep_symmetry=False)
    relaxations = [
        engine.maker(relax).job_for(
            build.output.cells[k], f"{label} vacancy {k + 1}", role=HopEnd(of=label, number=k + 1)
        )
        for k in range(len(ends))
    ]
    bands = []
    band = BandMaker(engine=engine, images=task.images, max_force=task.max_force, max_steps=task.max_steps)
    for k, (first, last) in enumerate(pairs):
        made: Job = band.make(
            relaxations[first].output.structure, relaxations[last].output.structure, label, build.output.hops[k]
        )
        made.name = f"{label} hop {k + 1}, {hops[k].length:.2f} Å, {engine.name} band"
        bands.append(made)
    return HopJobs(build, relaxations, bands, relax)
