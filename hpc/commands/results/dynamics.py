"""The command ``dynamics``: what happens in a trajectory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.dynamics import Dynamics
from ..command import Command
from ..options import ElementsOption, element_list
from ..output import narrate, say, table_of

if TYPE_CHECKING:
    from ....analysis.motion.migration import Layers
    from ....analysis.motion.study import Run
    from ....analysis.trajectories.reader import Trajectory

__all__ = ["COMMAND", "dynamics"]

RUNS = "Each value is one run; the chunks of a run are joined by commas: a1.h5,a2.h5."

RATES = {
    "kind": "bond events",
    "count": "count",
    "lasting": "lasting",
    "control": "in the control",
    "expected": "expected from it",
    "excess": "excess",
    "sigma": "σ",
    "per_area": "per nm² and ps",
    "per_area_sigma": "σ (per nm² and ps)",
}
CUTOFFS = {
    "pair": "pair",
    "cutoff": "cut-off (Å)",
    "form": "forms below (Å)",
    "broken": "breaks above (Å)",
    "coordination": "neighbours within",
    "plateau": "dN/dr there / peak",
    "source": "from",
}
NEIGHBOURS = {
    "pair": "pair",
    "n_centers": "centres",
    "first": "first frame",
    "mean": "mean",
    "last": "last frame",
    "mean_distortion": "distortion of the shells",
}
SURVIVAL = {
    "unit": "unit",
    "n_units": "at the beginning",
    "n_lost": "lost",
    "left": "share left",
    "median": "half lost after (fs)",
}
DIFFUSION = {
    "species": "element",
    "layer": "layer",
    "value": "D (cm²/s)",
    "sigma": "σ (cm²/s)",
    "kinisi": "by kinisi (cm²/s)",
    "in_plane": "in the plane of a and b",
    "normal": "along its normal",
    "limit": "at most (cm²/s)",
    "note": "note",
}
DRIFT = {
    "quantity": "quantity",
    "mean": "mean",
    "std": "std",
    "slope": "slope per ps",
    "sigma": "σ",
    "unit": "unit",
}


def dynamics(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Chunks of one trajectory in order: XDATCAR, vasprun.xml, vaspout.h5, LAMMPS dump, extxyz and other "
            "ASE formats, HDF5; text also as .gz, .bz2, .xz.",
        ),
    ],
    timestep: Annotated[
        float | None,
        typer.Option(
            help="Time between two MD steps, fs (between frames, where the file numbers no steps); it overrules that "
            "of the file, with a note."
        ),
    ] = None,
    elements: ElementsOption = None,
    skip: Annotated[
        float, typer.Option(help="Equilibration at the beginning of every run that is left out of all numbers, fs.")
    ] = 0.0,
    control: Annotated[
        list[str] | None,
        typer.Option(help=f"Trajectories of the phases in bulk, whose rates are subtracted. {RUNS}"),
    ] = None,
    replica: Annotated[
        list[str] | None, typer.Option(help=f"Further runs of the same cell, for survival. {RUNS}")
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Materials whose predicted products are compared to the species found, e.g. LCO LPSCl.",
        ),
    ] = None,
    cell: Annotated[
        Path | None,
        typer.Option(
            help="Structure file of the first frame with the site property 'layer' (as `interfaces` writes it)."
        ),
    ] = None,
    border: Annotated[
        list[float] | None,
        typer.Option(
            help=(
                "Heights in Å between layers of the first frame, rising along the normal of a and b, where no cell "
                "says them."
            ),
        ),
    ] = None,
    cutoff: Annotated[
        list[str] | None,
        typer.Option(help="Cut-off of a pair of elements in Å, e.g. P-S=2.7; else the control's pair function."),
    ] = None,
    persistence: Annotated[
        float | None, typer.Option(help="Time that a change must last to count, fs; 100 where left out.")
    ] = None,
    hysteresis: Annotated[
        float | None,
        typer.Option(
            help="Half the window in which a bond stays what it was, in units of the cut-off; 0.05 where left out."
        ),
    ] = None,
    tier: Annotated[
        str | None, typer.Option(help="Engine that made the trajectory, e.g. vasp; that of the file where it says so.")
    ] = None,
    phase_set: Annotated[
        str | None, typer.Option("--phases", help="Pinned phase set of the prediction, or the path of one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for figures and tables.")] = None,
) -> dict[str, Any]:
    """Analyse a trajectory: bond events, shells, survival, pair functions, diffusion, drift, species (fs, Å, eV, K).

    Raises
    ------
    InputError
        If a file, an option, or their combination cannot be used.
    """
    from ....analysis.motion.study import Run, StudySpec, study_motion
    from ....analysis.report.chapters.motion import motion_pictures, motion_tables
    from ....analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
    from ....analysis.trajectories.reader import open_trajectory
    from ....configs.trust import trust_of

    phases = load_phase_set(phase_set or DEFAULT_PHASE_SET)
    kinds = element_list(elements)

    def opening(paths: Sequence[Path]) -> Trajectory:
        return open_trajectory(paths, timestep, elements=kinds, skip=skip)

    opened = opening(files)
    layers = _layers(cell, border or (), opened)
    made_by = tier or str(opened.metadata.get("tier", "unknown"))
    trust_of(made_by)  # a wrong block is told before a long trajectory is analysed
    spec = StudySpec(persistence, hysteresis, tuple(cutoff or ()), layers, pair, made_by)
    run = Run(", ".join(map(str, files)), opened)
    study = study_motion(run, _runs(replica or (), opening), _runs(control or (), opening), spec, phases, narrate)
    document = {"timestep": opened.timestep, **study.to_json(), "files": []}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        written = [found.write(out) for found in motion_tables(study)]
        for picture in motion_pictures(study):
            written += picture.write(out, ("svg", "png"))
        document["files"] = [str(path) for path in written]
    return document


def _runs(texts: Sequence[str], opening: Callable[[Sequence[Path]], Trajectory]) -> list[Run]:
    """Runs of which each text names one."""
    from ....analysis.motion.study import Run

    return [Run(text, opening([Path(part) for part in text.split(",") if part])) for text in texts]


def _layers(cell: Path | None, borders: Sequence[float], opened: Trajectory) -> Layers | None:
    """The layer of each atom: by the tags of a cell, or by borders in the first frame."""
    from ....analysis.motion.displacement import layers_by_height
    from ....analysis.motion.migration import Layers

    if cell is not None and borders:
        raise InputError("--cell and --border exclude each other: layers are read from a cell, or cut at heights")
    if cell is not None:
        return Layers(_tags(cell, opened.species))
    return Layers(layers_by_height(next(opened.blocks()), borders)) if borders else None


def _tags(path: Path, species: Sequence[str]) -> tuple[str, ...]:
    """The tags of a structure file, whose sites must be the trajectory's atoms in their order."""
    from ....structures.crystals.files import read_structure

    cell = read_structure(path)
    symbols = [site.specie.symbol for site in cell]
    if "layer" not in cell.site_properties:
        raise InputError(f"--cell {path}: its sites have no property 'layer'; `interfaces` writes it into every cell")
    if symbols != list(species):
        first = next(
            (i for i, (a, b) in enumerate(zip(symbols, species, strict=False)) if a != b),
            min(len(symbols), len(species)),
        )
        raise InputError(
            f"--cell {path}: {len(symbols)} sites against {len(species)} atoms of the trajectory, different from atom "
            f"{first} (from 0) on"
        )
    return tuple(str(tag) for tag in cell.site_properties["layer"])


def _show(document: dict[str, Any]) -> None:
    say(
        f"{document['formula']}, {document['n_atoms']} atoms, {document['n_frames']} frames, {document['start']:g} to "
        f"{document['end']:g} fs; {document['label']}"
    )
    happened = [rate for rate in document["rates"] if rate["count"] or rate["expected"]]
    _filled(f"a change counts if it lasts {document['persistence']:g} fs", RATES, happened)
    quiet = [rate["kind"] for rate in document["rates"] if not rate["count"]]
    say(f"no event (of {document['persistence']:g} fs or longer) of: {', '.join(quiet) or 'any other kind'}")
    _filled("cut-offs", CUTOFFS, document["cutoffs"])
    _filled("neighbours", NEIGHBOURS, [pair for pair in document["coordination"] if pair["mean"] > 0.005])
    whole = [{**units, "left": units["fraction"][-1]} for units in document["survival"]]
    _filled("survival", SURVIVAL, whole)
    _filled("self-diffusion", DIFFUSION, document["diffusivity"])
    _filled("drift", DRIFT, document["drift"])
    for at, found in document["species"].items():
        say(f"species at the {at}: {', '.join(f'{number} {formula}' for formula, number in found.items()) or 'none'}")
    _show_score(document["score"])
    for line in (*document["notes"], *document["files"]):
        say(line)


def _filled(title: str, heads: dict[str, str], records: list[dict[str, Any]]) -> None:
    """A table, where there is something in it."""
    if records:
        table_of(title, heads, records)


def _show_score(score: dict[str, Any] | None) -> None:
    if score is None:
        return
    say(f"predicted by {score['phase_set']}: {score['reaction'] or 'no reaction'}")
    if score["score"] is not None:
        say(
            f"agreement of the bonds that came and went with the prediction: {score['score']:.2f} (random mixing: "
            f"{_number(score['baseline'])}), skill {_number(score['skill'])}; progress {score['progress']:.3f}"
        )
    for note in score["notes"]:
        say(f"note: {note}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


COMMAND = Command(dynamics, _show, Dynamics, several_values=True)
