"""What the command ``dynamics`` answers: files are opened, analysed together, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError

if TYPE_CHECKING:
    from ...analysis.motion.migration import Layers
    from ...analysis.motion.study import Run
    from ...analysis.trajectories.reader import Trajectory

__all__ = ["DynamicsQuestion", "dynamics_document"]


@dataclass(frozen=True)
class DynamicsQuestion:
    """What is asked of ``dynamics``.

    Parameters
    ----------
    files : tuple of Path
        Chunks of one run.
    timestep : float or None, fs
    controls, replicas : tuple of str
        One run each, chunks joined by commas.
    pair : (str, str) or None
        Materials of the predicted reaction; the layers of `cell` where left out.
    cell : Path or None
        Structure with the site property ``layer``.
    borders : tuple of float, Å
        Heights between layers in the first frame, where no cell says them.
    cutoffs : tuple of str
        ``P-S=2.7``.
    persistence, hysteresis : float or None
        fs; in units of the cut-off.
    tier : str or None
    phase_set : str or None
    """

    files: tuple[Path, ...]
    timestep: float | None = None
    controls: tuple[str, ...] = ()
    replicas: tuple[str, ...] = ()
    pair: tuple[str, str] | None = None
    cell: Path | None = None
    borders: tuple[float, ...] = ()
    cutoffs: tuple[str, ...] = ()
    persistence: float | None = None
    hysteresis: float | None = None
    tier: str | None = None
    phase_set: str | None = None


def dynamics_document(asked: DynamicsQuestion, out: Path | None, tell: Callable[[str], None]) -> dict[str, Any]:
    """Analyse a run, its replicas and its controls; write figures and tables where a folder is given.

    Raises
    ------
    InputError
        If a file, an option, or their combination cannot be used.
    """
    from ...analysis.motion.study import Run, StudySpec, study_motion
    from ...analysis.report.chapters.motion import motion_pictures, motion_tables
    from ...analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
    from ...analysis.trajectories.reader import open_trajectory

    phases = load_phase_set(asked.phase_set or DEFAULT_PHASE_SET)
    opened = open_trajectory(asked.files, asked.timestep)
    layers = _layers(asked, opened)
    tier = asked.tier or str(opened.metadata.get("tier", "unknown"))
    spec = StudySpec(asked.persistence, asked.hysteresis, asked.cutoffs, layers, asked.pair, tier)
    run = Run(", ".join(map(str, asked.files)), opened)
    study = study_motion(
        run, _several(asked.replicas, asked.timestep), _several(asked.controls, asked.timestep), spec, phases, tell
    )
    document = {"timestep": opened.timestep, **study.to_json(), "files": []}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        files = [table.write(out) for table in motion_tables(study)]
        for picture in motion_pictures(study):
            files += picture.write(out, ("svg", "png"))
        document["files"] = [str(path) for path in files]
    return document


def _several(texts: Sequence[str], timestep: float | None) -> list[Run]:
    """Runs of which each text names one."""
    from ...analysis.motion.study import Run
    from ...analysis.trajectories.reader import open_trajectory

    return [Run(text, open_trajectory([Path(part) for part in text.split(",") if part], timestep)) for text in texts]


def _layers(asked: DynamicsQuestion, opened: Trajectory) -> Layers | None:
    """The layer of each atom: by the tags of a cell, or by borders in the first frame."""
    from ...analysis.motion.displacement import layers_by_height
    from ...analysis.motion.migration import Layers

    if asked.cell is not None and asked.borders:
        raise InputError("--cell and --border exclude each other: layers are read from a cell, or cut at heights")
    if asked.cell is not None:
        return Layers(_tags(asked.cell, opened.species))
    return Layers(layers_by_height(next(opened.blocks()), asked.borders)) if asked.borders else None


def _tags(path: Path, species: Sequence[str]) -> tuple[str, ...]:
    """The tags of a structure file, whose sites must be the trajectory's atoms in their order."""
    from ...structures.crystals.files import read_structure

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
            f"--cell {path}: {len(symbols)} sites against {len(species)} atoms of the trajectory, different from "
            "atom "
            f"{first} (from 0) on"
        )
    return tuple(str(tag) for tag in cell.site_properties["layer"])
