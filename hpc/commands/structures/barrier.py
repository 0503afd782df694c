"""The command ``barrier``: hops of an ion through a crystal, their barriers by a potential, and where they lead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.crystals import Barriers
from ..command import Command
from ..options import MaterialOrFile, OptionalFolder, Seed, States, StorePlace, require_known
from ..output import narrate, say, say_notes, table_of, unspaced_formula
from .ranking import engine_documents, job_results

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....analysis.transport.barriers import Barrier, Network
    from ....structures.defects.hops import Hop
    from ....workflows.band_documents import Band
    from ....workflows.engines.engine import Engine

__all__ = ["COMMAND", "barrier"]

HEADS = {
    "hop": "hop",
    "length": "length (Å)",
    "multiplicity": "from each site",
    "forward": "barrier (eV)",
    "backward": "back (eV)",
    "difference": "end - start (eV)",
    "narrowest": "narrowest",
}


def barrier(
    material: MaterialOrFile,
    element: Annotated[str, typer.Option(help="Symbol of the ion that hops into a neighbouring vacancy.")] = "Li",
    engine: Annotated[str, typer.Option(help="Potential that relaxes the cells and computes the bands.")] = "chgnet",
    supercell: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Multiples of the calculation cell; the fewest that keep images 8 Å apart where left out."),
    ] = None,
    longest: Annotated[float, typer.Option(help="Longest straight way between two sites, Å.")] = 4.0,
    most: Annotated[int, typer.Option(help="Number of hops that are computed, the shortest first.")] = 4,
    images: Annotated[int, typer.Option(help="Number of images between the end points.")] = 5,
    max_force: Annotated[float, typer.Option(help="Largest force of end points and across the band, eV/Å.")] = 0.05,
    max_steps: Annotated[int, typer.Option(help="Largest number of steps of a relaxation or a band.")] = 500,
    list_only: Annotated[bool, typer.Option("--list", help="List the hops and compute nothing.")] = False,
    states: States = None,
    seed: Seed = 0,
    out: OptionalFolder = None,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Find the hops of an ion through a crystal and their barriers, by nudged elastic bands.

    The cell is relaxed, each vacancy once, and each hop is a band between two of them; all are jobs of a store, so that
    the same call again computes nothing, and a killed one goes on. Energies are eV, lengths Å.

    Raises
    ------
    InputError
        If the call names something unknown, or no hop is as short.
    StructureError
        If the material is disordered, or has no such ion.
    CalculationError
        If a relaxation or a band does not converge.
    """
    from ....analysis.transport.barriers import barrier as read_band
    from ....analysis.transport.barriers import network
    from ....structures.by_name import find_source
    from ....structures.crystals.oxidation.states import parse_states
    from ....structures.defects.hops import fewest_multiples, hops
    from ....workflows.engines.engine import Engine
    from ....workflows.engines.registry import potential_names
    from ....workflows.flows.barrier import BandTask, barrier_jobs

    require_known("--engine", engine, potential_names(), "potential")
    if min(most, images, max_steps) < 1 or not max_force > 0 or not longest > 0:
        raise InputError("--most, --images and --max-steps are at least 1, --max-force and --longest above 0")
    cell = find_source(material, seed, states=parse_states(states))
    multiples = supercell or fewest_multiples(cell.structure)
    if min(multiples) < 1:
        raise InputError(f"--supercell {' '.join(map(str, multiples))}: multiples are at least 1")
    potential = Engine(engine)
    crystal = cell.structure if list_only else _relaxed(cell.structure, cell.label, potential, store)
    host = crystal.make_supercell(multiples, in_place=False)
    found = hops(crystal, element, longest)
    document = {
        "material": cell.label,
        "element": element,
        "engine": engine,
        "supercell": list(multiples),
        "formula": unspaced_formula(host),
        "n_atoms": len(host),
    }
    if list_only:
        rows = [_listed(number, hop) for number, hop in enumerate(found, 1)]
        return {**document, "hops": rows, "lowest": None, "files": [], "notes": _notes(host, found, len(found))}
    flow = barrier_jobs(crystal, host, cell.label, found[:most], potential, BandTask(images, max_force, max_steps))
    bands: list[Band] = [one for one in job_results(flow, store) if not hasattr(one, "convergence")]
    computed = network([(hop, read_band(band)) for hop, band in zip(found, bands, strict=False)], len(found))
    return {
        **document,
        "hops": [_listed(k, hop) | _computed(one) for k, (hop, one) in enumerate(computed.barriers, 1)],
        "lowest": {str(directions): value for directions, value in computed.lowest.items()},
        "files": [] if out is None else _written(computed, bands, out, cell.label),
        "notes": _notes(host, found, len(computed.barriers)),
    }


def _relaxed(cell: Structure, label: str, engine: Engine, store: str | None) -> Structure:
    from jobflow import Flow

    from ....workflows.engines.tasks import Relax

    narrate(f"relaxing the cell of {label}")
    (document,) = engine_documents(Flow([engine.maker(Relax(max_force=0.01)).job_for(cell, label)]), store)
    return document.structure


def _listed(number: int, hop: Hop) -> dict[str, Any]:
    return {
        "hop": number,
        "start": hop.start,
        "end": hop.end,
        "image": list(hop.image),
        "length": hop.length,
        "multiplicity": hop.multiplicity,
        "beside": {"element": hop.nearest[0], "distance": hop.nearest[1]},
    }


def _computed(found: Barrier) -> dict[str, Any]:
    told = found.to_json()
    return {"relaxed_length": told.pop("length"), **told}


def _written(found: Network, bands: list[Band], out: Path, label: str) -> list[str]:
    """Images as frames of one extended XYZ file a hop, and the profiles as a figure."""
    from ase.io import write

    from ....analysis.figures.style import save_figure
    from ....analysis.figures.transport import barrier_figure

    out.mkdir(parents=True, exist_ok=True)
    files = []
    for number, band in enumerate(bands, 1):
        path = out / f"{label}-hop-{number}.extxyz"
        write(path, band.frames(), format="extxyz")
        files.append(str(path))
    return files + [str(path) for path in save_figure(barrier_figure(found, label), out / f"{label}-barriers")]


def _notes(host: Structure, found: list[Hop], computed: int) -> list[str]:
    import numpy as np

    from ....structures.defects.hops import WIDE

    notes = []
    widths = 1.0 / np.linalg.norm(np.linalg.inv(host.lattice.matrix), axis=0)
    if widths.min() < WIDE - 1e-6:
        notes.append(f"the cell is {widths.min():.1f} Å thin: the vacancy sees its images; --supercell makes it larger")
    if computed < len(found):
        notes.append(f"{len(found) - computed} longer hops were not computed: --most takes more")
    return notes


def _show(document: dict[str, Any]) -> None:
    def row(hop: dict[str, Any]) -> dict[str, Any]:
        narrow = hop.get("bottleneck") or hop["beside"]
        return {**hop, "narrowest": f"{narrow['distance']:.2f} Å to {narrow['element']}" if narrow["element"] else ""}

    rows = [row(hop) for hop in document["hops"]]
    heads = {key: title for key, title in HEADS.items() if any(key in one for one in rows)}
    how = "hops" if document["lowest"] is None else f"barriers by {document['engine']}"
    table_of(f"{document['element']} in {document['material']} ({document['formula']}): {how}", heads, rows)
    for directions, value in (document["lowest"] or {}).items():
        told = f"{value:.3f} eV" if value is not None else "these hops do not lead so far"
        say(f"to get on along {directions} direction{'s' if directions != '1' else ''}: {told}")
    for hop in document["hops"]:
        for other in hop.get("others", []):
            say(f"hop {hop['hop']}: {other['element']} {other['atom']} went {other['distance']:.1f} Å too")
    for path in document["files"]:
        say(path)
    say_notes(document["notes"])


COMMAND = Command(barrier, _show, Barriers)
