"""Forces of a second potential on stored frames of molecular dynamics: where two potentials part, at least one of them
extrapolates.

The difference of forces of models that were fitted apart is the usual measure of their uncertainty along a trajectory
(query by committee: L. Zhang et al., Phys. Rev. Materials 3 (2019) 023804).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jobflow import Job, Maker, OutputReference, job
from pymatgen.core.structure import Structure

from ...configs.errors import CalculationError
from ..comparison_documents import ForceComparison
from ..documents import Trajectory
from ..engines.engine import Engine
from ..engines.tasks import Static
from ..roles import Chunk, read_role

__all__ = ["FRAMES", "ForceComparisonMaker", "chosen_frames"]

#: frames of one chunk that are compared
FRAMES = 10


def chosen_frames(available: int, wanted: int) -> list[int]:
    """Numbers of `wanted` frames spread evenly over `available`, the last among them; all where there are fewer."""
    if available <= wanted:
        return list(range(available))
    return [int(number) for number in np.linspace(available / wanted, available, wanted).round().astype(int) - 1]


@dataclass
class ForceComparisonMaker(Maker):
    """Computes the forces of two engines on the same frames.

    Parameters
    ----------
    name : str
    first, second : Engine
        That which made the trajectory, and the other one.
    frames : int
        Of one chunk.
    """

    name: str = "forces"
    first: Engine = field(default_factory=lambda: Engine("chgnet"))
    second: Engine = field(default_factory=lambda: Engine("chgnet"))
    frames: int = FRAMES

    @job(output_schema=ForceComparison)
    def make(
        self,
        structure: Structure,
        trajectory: Trajectory | dict[str, Any],
        label: str,
        role: dict[str, Any] | None = None,
    ) -> ForceComparison:
        """Compare.

        Parameters
        ----------
        structure : Structure
            Of the first frame.
        trajectory : Trajectory
            Of one chunk.
        label : str
            Of the trajectory.
        role : dict, optional
            A dumped :class:`~catholyte.workflows.roles.Chunk`; no part of the job's identity.

        Raises
        ------
        CalculationError
            If the chunk has no frames, or an engine fails.
        """
        found = Trajectory.model_validate(trajectory)
        numbers = chosen_frames(len(found.positions), self.frames)
        if not numbers:
            raise CalculationError(f"{label}: the trajectory holds no frames to compare forces on")
        backends = self.first.backend, self.second.backend
        forces: tuple[list[Any], list[Any]] = ([], [])
        for number in numbers:
            frame = Structure(
                found.cells[number],
                structure.species_and_occu,
                found.positions[number],
                coords_are_cartesian=True,
                site_properties=structure.site_properties,
            )
            for backend, kept in zip(backends, forces, strict=True):
                kept.append(backend.calculate(frame, Static(), label, Path.cwd()).forces)
        mine, others = np.array(forces[0]), np.array(forces[1])
        times = found.times or [float(number) for number in range(len(found.positions))]
        place = read_role(role)
        return ForceComparison(
            label=label,
            first=backends[0].tier,
            second=backends[1].tier,
            replica=place.replica if isinstance(place, Chunk) else 1,
            chunk=place.number if isinstance(place, Chunk) else 1,
            control=isinstance(place, Chunk) and place.control,
            structure=structure,
            times=[times[number] for number in numbers],
            positions=[found.positions[number] for number in numbers],
            differences=np.linalg.norm(others - mine, axis=2).tolist(),
            magnitudes=np.linalg.norm(mine, axis=2).tolist(),
        )

    def job_for(self, chunk: Job, label: str, variant: str, role: Chunk) -> Job:
        """`make` on the frames of a chunk's job, named for people."""
        start: OutputReference = chunk.output.initial_structure
        made: Job = self.make(start, chunk.output.trajectory, label, role=role.model_dump())
        made.name = f"{label} forces of {self.second.name} on frames of {self.first.name} ({variant})"
        return made
