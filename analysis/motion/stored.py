"""Trajectories of a store: chunks of molecular dynamics put together by their roles, and one run analysed beside its
replicas and controls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from ...workflows.documents import CalculationDocument, Trajectory, require_one_trajectory
from ...workflows.roles import Chunk
from ..thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
from .migration import Layers
from .study import MotionStudy, Run, StudySpec, study_motion

__all__ = ["StoredRuns", "StoredTrajectory", "stored_runs", "study_stored"]


#: label of the documents to its replicas with their names, each a trajectory of its chunks in order
StoredRuns = Mapping[str, Sequence[tuple[str, "StoredTrajectory"]]]


@dataclass
class StoredTrajectory:
    """The frames of molecular dynamics that documents of the store hold, chunk after chunk.

    Parameters
    ----------
    documents : sequence of CalculationDocument
        Chunks of one trajectory in their order, with their arrays.
    notes : list of str
    problem : str
        Why the chunks are no trajectory.
    """

    documents: Sequence[CalculationDocument]
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    timestep_known: bool = True

    @property
    def is_control(self) -> bool:
        """Whether the bulk of a phase moves."""
        role = self.documents[0].role
        return isinstance(role, Chunk) and role.control

    @property
    def species(self) -> tuple[str, ...]:
        """Elements of the atoms."""
        return tuple(site.specie.symbol for site in self.documents[0].structure)

    @property
    def layers(self) -> Layers | None:
        """The tags of the first structure, where it has any."""
        tags = self.documents[0].initial_structure.site_properties.get("layer")
        return Layers(tuple(map(str, tags))) if tags else None

    def blocks(self) -> Iterator[Frames]:
        """The frames of every chunk; times go on from the chunk before where each counts from its own beginning."""
        end, steps = -np.inf, 0
        for document in self.documents:
            found = document.trajectory
            if found is None or not found.positions:
                continue
            n = len(found.positions)
            times = _times(found, document.settings)
            if times[0] <= end:
                times = times + end - times[0] + (times[1] - times[0] if n > 1 else 1.0)
            energies = np.array(found.energies) if found.energies else None
            temperatures = None if found.temperatures is None else np.array(found.temperatures)
            yield Frames(
                self.species,
                np.array(found.cells),
                np.array(found.positions),
                steps + np.arange(n),
                times,
                energies,
                temperatures,
                None if found.conserved is None else np.array(found.conserved),
            )
            end, steps = float(times[-1]), steps + n


def _times(found: Trajectory, settings: Mapping[str, Any]) -> NDArray[np.float64]:
    """Those of the frames, or from the settings where the engine wrote none."""
    if found.times is not None:
        return np.array(found.times, dtype=float)
    interval = float(settings.get("timestep", 1.0)) * float(settings.get("frame_interval", 1))
    return interval * np.arange(len(found.positions), dtype=float)


def study_stored(runs: StoredRuns, label: str, replica: int | None = None) -> MotionStudy:
    """Analyse one run of the store beside its replicas and the controls of its phases.

    Parameters
    ----------
    runs : mapping
        As :func:`stored_runs` gives them.
    label : str
        Of the run's documents.
    replica : int, optional
        Number of the run among its replicas; the first where left out.

    Raises
    ------
    InputError
        If the store does not hold the beginning of this trajectory, its chunks do not belong together, or it cannot be
        used.
    """
    found = runs.get(label, ())
    first = next((one for one in found if replica is None or one[0] == f"{label} replica {replica}"), None)
    if first is None:
        told = "" if replica is None else f", replica {replica}"
        raise InputError(f"{label}{told}: the store does not hold its first chunk with its frames")
    trajectory = first[1]
    if trajectory.problem:
        raise InputError(trajectory.problem)
    again = [one for one in found if one is not first]
    controls = [one for other in runs.values() for one in other if one[1].is_control and not trajectory.is_control]
    own = [one for one in controls if set(one[1].species) <= set(trajectory.species)]
    broken = [f"{name}: left out: {stored.problem}" for name, stored in [*again, *own] if stored.problem]
    spec = StudySpec(layers=trajectory.layers, tier=trajectory.documents[0].tier)
    return study_motion(
        Run(first[0], replace(trajectory, notes=[*trajectory.notes, *broken])),
        [Run(name, stored) for name, stored in again if not stored.problem],
        [Run(name, stored) for name, stored in own if not stored.problem],
        spec,
        load_phase_set(DEFAULT_PHASE_SET),
    )


def stored_runs(documents: Iterable[CalculationDocument]) -> dict[str, list[tuple[str, StoredTrajectory]]]:
    """Trajectories of the documents of a campaign: their label to its replicas with their names, chunks in order up to
    the first that is missing.

    Parameters
    ----------
    documents : iterable of CalculationDocument
        With their arrays and roles; what is no chunk of molecular dynamics is passed over.
    """
    chunks: dict[tuple[str, int], dict[int, CalculationDocument]] = {}
    for document in documents:
        role = document.role
        if document.kind == "md" and isinstance(role, Chunk) and document.trajectory is not None:
            chunks.setdefault((document.label, role.replica), {})[role.number] = document
    runs: dict[str, list[tuple[str, StoredTrajectory]]] = {}
    for (label, replica), numbered in sorted(chunks.items()):
        whole = next(k for k in range(len(numbered) + 1) if k + 1 not in numbered)  # up to the first that is missing
        if whole:
            notes = [] if whole == len(numbered) else [f"chunk {whole + 1} is missing: later ones are left out"]
            ordered = [numbered[number] for number in range(1, whole + 1)]
            stored = StoredTrajectory(ordered, notes, _problem(ordered))
            runs.setdefault(label, []).append((f"{label} replica {replica}", stored))
    return runs


def _problem(chunks: Sequence[CalculationDocument]) -> str:
    try:
        require_one_trajectory(chunks)
    except InputError as error:
        return error.message
    return ""
