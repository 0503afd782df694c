"""The command ``conductivity``: dynamics of a crystal at several temperatures, and its conductivity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.crystals import Conductivity
from ..command import Command
from ..options import MaterialOrFile, Seed, States, StorePlace, require_known
from ..output import say, table_of
from .ranking import job_results

__all__ = ["COMMAND", "conductivity"]

HEADS = {
    "temperature": "K",
    "value": "diffusivity (cm²/s)",
    "sigma": "σ (cm²/s)",
    "jumps": "jumps",
    "conductivity": "conductivity (S/cm)",
    "problem": "why it does not count",
}


def conductivity(
    material: MaterialOrFile,
    temperatures: Annotated[
        str, typer.Option(metavar="K,K,…", help="Temperatures of the runs, K, with commas between them.")
    ] = "600,800,1000",
    element: Annotated[str, typer.Option(help="Symbol of the ion that conducts.")] = "Li",
    engine: Annotated[str, typer.Option(help="Potential that moves the atoms.")] = "chgnet",
    supercell: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="Multiples of the calculation cell; the fewest that keep images 8 Å apart where left out."),
    ] = None,
    length: Annotated[float, typer.Option(help="Length of each trajectory, ps.")] = 50.0,
    timestep: Annotated[float, typer.Option(help="Time step, fs.")] = 2.0,
    replicas: Annotated[int, typer.Option(help="Trajectories at each temperature.")] = 2,
    fewest_jumps: Annotated[int, typer.Option(help="Jumps at one temperature, below which it does not count.")] = 50,
    room: Annotated[float, typer.Option(help="Temperature to which the line is extrapolated, K.")] = 300.0,
    states: States = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the figure; none is written where left out.")] = None,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Compute the ionic conductivity of a crystal from molecular dynamics at several temperatures.

    The cell is relaxed and moved at fixed volume, replicas from other velocities, in jobs of 10 ps of a store that go
    on after a kill. Diffusivities count from enough jumps on; Arrhenius' line is extrapolated, and says so.

    Raises
    ------
    InputError
        If the call names something unknown.
    CalculationError
        If a run fails.
    """
    from jobflow import Flow

    from ....analysis.transport.stored_conductivity import stored_conductivity
    from ....structures.by_name import find_source
    from ....structures.crystals.cells import canonical_order
    from ....structures.crystals.oxidation.states import parse_states
    from ....structures.defects.hops import fewest_multiples
    from ....workflows.engines.engine import Engine
    from ....workflows.engines.registry import potential_names
    from ....workflows.engines.tasks import MolecularDynamics, Relax
    from ....workflows.flows.conductivity import conductivity_jobs

    require_known("--engine", engine, potential_names(), "potential")
    wanted = _temperatures(temperatures)
    if min(replicas, fewest_jumps) < 1 or not min(length, timestep, room) > 0:
        raise InputError("--length, --timestep and --room are above 0, --replicas and --fewest-jumps at least 1")
    found = find_source(material, seed, states=parse_states(states))
    multiples = supercell or fewest_multiples(found.structure)
    if min(multiples) < 1:
        raise InputError(f"--supercell {' '.join(map(str, multiples))}: multiples are at least 1")
    cell = canonical_order(found.structure.make_supercell(multiples, in_place=False))
    motion = MolecularDynamics(n_steps=max(1, round(1000 * length / timestep)), timestep=timestep)
    runs = Relax(max_force=0.05, keep_symmetry=False), motion, max(1, round(10_000 / timestep))
    seeds = range(seed, seed + replicas)
    start, hot = conductivity_jobs(cell, found.label, Engine(engine), runs, wanted, seeds)
    flow = Flow([start, *(job for run in hot for job in run.jobs)])
    documents = job_results(flow, store, arrays=True)
    result = stored_conductivity((found.label, element), documents, wanted, fewest_jumps, room)
    told = {**result.to_json(), "engine": engine, "supercell": list(multiples), "n_atoms": len(cell)}
    if out is None:
        return {**told, "files": []}
    from ....analysis.figures.style import save_figure
    from ....analysis.figures.transport import arrhenius_figure

    out.mkdir(parents=True, exist_ok=True)
    figure = arrhenius_figure([result])
    return {**told, "files": [str(path) for path in save_figure(figure, out / f"{found.label}-conductivity")]}


def _temperatures(text: str) -> list[float]:
    try:
        found = sorted({float(word) for word in text.split(",")})
    except ValueError:
        found = []
    if len(found) < 2 or not 0 < found[0] <= found[-1] <= 3000:
        raise InputError(
            f"--temperatures {text}: two temperatures or more between 0 and 3000 K are needed, e.g. 600,800"
        )
    return found


def _show(document: dict[str, Any]) -> None:
    def powers(row: dict[str, Any]) -> dict[str, Any]:
        shown = {key: f"{row[key]:.2e}" if row[key] else "" for key in ("value", "sigma", "conductivity")}
        return {**row, **shown, "jumps": f"{row['jumps']:.0f}"}

    title = f"{document['element']} in {document['material']} by {document['engine']}, {document['n_atoms']} atoms"
    table_of(title, HEADS, [powers(row) for row in document["points"]])
    if document["problem"]:
        say(f"no line: {document['problem']}")
    else:
        low, high = document["activation_energy_interval"]
        say(f"activation energy {document['activation_energy']:.3f} eV ({low:.3f} to {high:.3f}, 95 % of the sampling)")
        low, high = document["room_conductivity_interval"]
        how = "extrapolated to" if document["extrapolated"] else "at"
        told = f"{document['room_conductivity']:.1e} S/cm ({low:.1e} to {high:.1e})"
        say(f"conductivity {how} {document['room_temperature']:g} K: {told}, ions independent")
    for path in document["files"]:
        say(path)


COMMAND = Command(conductivity, _show, Conductivity)
