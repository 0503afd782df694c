"""Cells with one ion more than their crystal has, in two of its empty places: the ends of a direct interstitial hop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Job, Maker, OutputReference, job
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ...configs.models import Method
from ...structures.defects.hops import Hop, in_supercell
from ...structures.defects.interstitials import PLACE
from ..band_documents import HopCells, HopPlace
from ..engines.engine import Engine
from .barrier import BandTask
from .hop_cells import HopJobs, jobs_of

__all__ = ["InterstitialCellsMaker", "interstitial_jobs"]


@dataclass
class InterstitialCellsMaker(Maker):
    """Makes the cells of interstitial hops of one crystal.

    Parameters
    ----------
    name : str
    supercell : tuple of int
        Multiples of the crystal's cell.
    element : str
        Of the ion.
    empty : list of (3,) list of float
        Empty places of the crystal's cell, fractional.
    hops : list of dict
        Dumped :class:`~catholyte.workflows.band_documents.HopPlace`, by the atoms of the crystal and then its empty
        places.
    """

    name: str = "interstitial hops"
    supercell: tuple[int, int, int] = (1, 1, 1)
    element: str = "Li"
    empty: list[list[float]] = field(default_factory=list)
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
        symbols = [site.specie.symbol for site in structure] + [PLACE] * len(self.empty)
        marked = Structure(structure.lattice, symbols, [*structure.frac_coords.tolist(), *self.empty])
        places = marked.make_supercell(self.supercell, in_place=False)
        host = structure.make_supercell(self.supercell, in_place=False)
        in_cell = [HopPlace.model_validate(one) for one in self.hops]
        ends: dict[int, int] = {}
        pairs, hops = [], []
        for number, one in enumerate(in_cell):
            hop = Hop(PLACE, one.start, one.end, one.image, 0.0, (), ("", 0.0))
            start, end, image = in_supercell(hop, marked, places)
            first, last = (ends.setdefault(site, len(ends)) for site in (start, end))
            pairs.append((first, last))
            # numbers behind the atoms of the cell, two for each hop: bands are told apart by them
            behind = len(host) + 2 * number
            hops.append(HopPlace(element=self.element, start=behind, end=behind + 1, image=image))
        a, b, c = self.supercell
        return HopCells(
            label=label,
            crystal=marked,
            supercell=(a, b, c),
            onto=PLACE,
            in_cell=in_cell,
            hops=hops,
            cells=[self._filled(host, places[site].frac_coords) for site in ends],
            ends=pairs,
        )

    def _filled(self, host: Structure, place: Any) -> Structure:
        cell = host.copy()
        cell.unset_charge()
        own = [site.species for site in host if site.specie.symbol == self.element]
        for name in [name for name in cell.site_properties if name != "magmom"]:
            cell.remove_site_property(name)
        properties = {"magmom": 0.0} if "magmom" in cell.site_properties else {}
        cell.append(own[0] if own else Element(self.element), place, properties=properties)
        return cell


def interstitial_jobs(
    relaxed: Structure | OutputReference,
    named: tuple[str, str],
    marked: Structure,
    hops: Sequence[Hop],
    supercell: tuple[int, int, int],
    level: tuple[Engine | tuple[Engine, Method], BandTask],
) -> HopJobs:
    """Return the jobs of hops between empty places.

    Parameters
    ----------
    relaxed : Structure or OutputReference
        The crystal.
    named : (str, str)
        Label, and symbol of the ion.
    marked : Structure
        The unrelaxed crystal with its empty places behind its atoms, in which the hops were found.
    hops : sequence of Hop
    supercell : tuple of int
    level : (Engine or (Engine, Method), BandTask)
    """
    label, element = named
    places = [HopPlace(element=PLACE, start=one.start, end=one.end, image=one.image) for one in hops]
    empty = [site.frac_coords.tolist() for site in marked if site.specie.symbol == PLACE]
    maker = InterstitialCellsMaker(
        supercell=supercell, element=element, empty=empty, hops=[one.model_dump(mode="json") for one in places]
    )
    bare = Structure.from_sites([site for site in marked if site.specie.symbol != PLACE])
    built = maker.build(bare, label)  # how many cells there are, and which are whose
    build: Job = maker.make(relaxed, label)
    engine, task = level
    lengths = [one.length for one in hops]
    return jobs_of(build, (label, "interstitial"), (len(built.cells), built.ends, lengths), engine, task)
