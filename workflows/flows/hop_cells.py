"""Cells at whose vacancies hops begin and end, made of a crystal that another job relaxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Job, Maker, OutputReference, job
from pymatgen.core.structure import Structure

from ...configs.models import Method
from ...structures.defects.hops import Hop, in_supercell
from ..band_documents import Band, BandImages, HopCells, HopPlace
from ..engines.bands import images_between
from ..engines.engine import Engine
from ..engines.tasks import ElasticBand, Relax, Static
from ..roles import HopEnd, HopImage
from .barrier import BandMaker, BandTask, MethodBandMaker, matched, without

__all__ = [
    "BandImagesMaker",
    "HopCellsMaker",
    "HopJobs",
    "hop_jobs",
    "jobs_of",
    "point_jobs",
    "required_ends",
    "stand_in_cells",
    "stand_in_image",
]

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
        return self.build(structure, label)

    def build(self, structure: Structure, label: str) -> HopCells:
        """As :meth:`make`, at once."""
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


def stand_in_cells(
    jobs: Mapping[str, Job], reference: OutputReference, cells: Mapping[str, Structure]
) -> HopCells | None:
    """Return the cells that a job of hops would make of its unrelaxed crystal; None for any other job.

    Parameters
    ----------
    jobs : mapping of str to Job
        All jobs of the plan by uuid.
    reference : OutputReference
        Of something that the job will answer with.
    cells : mapping of str to Structure
        Starting cells of the calculations before it, by uuid.
    """
    job = jobs[reference.uuid]
    build = getattr(job.maker, "build", None)
    if job.output_schema is not HopCells or build is None:
        return None
    given, label = job.function_args
    made: HopCells = build(given if isinstance(given, Structure) else cells[given.uuid], label)
    return made


def stand_in_image(
    jobs: Mapping[str, Job], reference: OutputReference, cells: Mapping[str, Structure]
) -> Structure | None:
    """Return an image of the band between unrelaxed ends in place of one that a job will take out of the real band;
    None for the answer of any other job.

    Parameters
    ----------
    jobs, reference, cells
        As of :func:`stand_in_cells`.
    """
    taken = jobs[reference.uuid]
    if not isinstance(taken.maker, BandImagesMaker):
        return None
    band = jobs[taken.function_args[0].uuid]
    first, last, _, hop = band.function_args[:4]
    hopping = stand_in_cells(jobs, hop, cells)
    assert hopping is not None
    _, end = matched(cells[first.uuid], cells[last.uuid], hopping.hops[hop.attributes[-1][1]])
    maker: Any = band.maker  # a potential's, or VASP's with its task
    inner = 1 if taken.maker.images == "saddle" else int(getattr(maker, "images", 0) or maker.task["images"])
    images: list[Structure] = images_between((cells[first.uuid], end), inner)
    return images[int(reference.attributes[-1][1])]


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
    level: Engine | tuple[Engine, Method],
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
    level : Engine or (Engine, Method)
        A potential, or an engine that computes bands at a level of theory of the supercell.
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
    lengths = [one.length for one in hops]
    return jobs_of(build, (label, "vacancy"), (len(ends), pairs, lengths), level, task)


def jobs_of(
    build: Job,
    named: tuple[str, str],
    found: tuple[int, list[tuple[int, int]], list[float]],
    level: Engine | tuple[Engine, Method],
    task: BandTask,
) -> HopJobs:
    """Return the jobs that follow the building of cells.

    Parameters
    ----------
    build : Job
        Of a :class:`~catholyte.workflows.band_documents.HopCells`.
    named : (str, str)
        Label of the system, and what each cell has: vacancy, interstitial.
    found : (int, list of (int, int), list of float)
        Number of cells, those in which each hop begins and ends, and its length, Å.
    level : Engine or (Engine, Method)
    task : BandTask
    """
    label, what = named
    n_ends, pairs, lengths = found
    engine, method = level if isinstance(level, tuple) else (level, None)
    build.name = f"{label} cells of hops"
    relax = Relax(
        max_force=task.max_force, max_steps=task.max_steps, relax_cell=False, keep_symmetry=False, method=method
    )
    relaxations = [
        engine.maker(relax).job_for(
            build.output.cells[k], f"{label} {what} {k + 1}", role=HopEnd(of=label, number=k + 1)
        )
        for k in range(n_ends)
    ]
    bands = []
    for k, (first, last) in enumerate(pairs):
        made = _band_job(engine, method, task, (relaxations[first], relaxations[last]), (label, build.output.hops[k]))
        made.name = f"{label} hop {k + 1}, {lengths[k]:.2f} Å, {engine.name} band"
        bands.append(made)
    return HopJobs(build, relaxations, bands, relax)


def _band_job(
    engine: Engine, method: Method | None, task: BandTask, ends: tuple[Job, Job], hop: tuple[str, OutputReference]
) -> Job:
    """The band between two relaxed cells; an engine with a level of theory is told their energies, which it does not
    compute again."""
    cells = [one.output.structure for one in ends]
    if method is None:
        band = BandMaker(engine=engine, images=task.images, max_force=task.max_force, max_steps=task.max_steps)
        made: Job = band.make(*cells, *hop)
        return made
    asked = ElasticBand(
        max_force=task.max_force,
        max_steps=task.max_steps,
        method=method,
        images=task.images,
        climbing=task.climbing,
    )
    backend = engine.backend
    maker = MethodBandMaker(
        engine=engine,
        task=asked.model_dump(mode="json"),
        code=f"{engine.name} {backend.version()}",
        numerics=backend.numerics(),
    )
    known = [{"energy": e.output.energy, "forces": e.output.forces, "signature": e.output.signature} for e in ends]
    computed: Job = maker.make(*cells, *hop, known)
    return computed


@dataclass
class BandImagesMaker(Maker):
    """Takes images out of a band.

    Parameters
    ----------
    name : str
    images : str
        saddle: the highest one and both ends; all.
    """

    name: str = "images"
    images: str = "saddle"

    @job(output_schema=BandImages)
    def make(self, band: Band | dict[str, Any]) -> BandImages:
        """Take them.

        Parameters
        ----------
        band : Band
        """
        found = Band.model_validate(band)
        last = len(found.energies) - 1
        numbers = list(range(last + 1)) if self.images == "all" else [0, found.climbing, last]
        cells = [found.image(number) for number in numbers]
        return BandImages(label=found.label, hop=found.hop, numbers=numbers, cells=cells)


def point_jobs(
    band: Job, place: tuple[str, int], images: tuple[str, int], engine: Engine, method: Method
) -> tuple[Job, list[Job]]:
    """Return the job that takes images out of a band, and a single point of another engine for each.

    Parameters
    ----------
    band : Job
    place : (str, int)
        Label of the system, and rank of the hop, from 1.
    images : (str, int)
        Which of them (saddle, all), and how many images the band has, end points included.
    engine : Engine
    method : Method
    """
    label, hop = place
    which, total = images
    maker = BandImagesMaker(images=which)
    taken: Job = maker.make(band.output)
    taken.name = f"{label} hop {hop} images"
    static = engine.maker(Static(method=method))
    points = []
    for k in range(total if which == "all" else 3):
        role = HopImage(of=label, hop=hop, number=k + 1)
        points.append(static.job_for(taken.output.cells[k], f"{label} hop {hop} image {k + 1}", role=role))
    return taken, points
