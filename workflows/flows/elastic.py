"""Elastic tensors as jobs: a crystal relaxes, is strained, and its atoms relax in each strained cell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jobflow import Job, Maker, job
from pymatgen.core.structure import Structure

from ...configs.errors import EngineUnavailableError
from ...configs.models import Method
from ...structures.crystals.strains import deformations, deformed
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..roles import Main, Strained
from ..strain_documents import StrainedCells

__all__ = ["ElasticJobs", "StrainMaker", "elastic_jobs"]


@dataclass
class StrainMaker(Maker):
    """Strains a relaxed crystal.

    Parameters
    ----------
    name : str
    deformations : list
        (n, 3, 3) gradients.
    """

    name: str = "strains"
    deformations: list[list[list[float]]] = field(default_factory=list)

    @job(output_schema=StrainedCells)
    def make(self, structure: Structure, stress: list[list[float]], label: str) -> StrainedCells:
        """Make the cells.

        Parameters
        ----------
        structure : Structure
            Relaxed.
        stress : (3, 3) list, eV/Å³
            That is left in it.
        label : str
        """
        cells = [deformed(structure, np.array(one)) for one in self.deformations]
        return StrainedCells(label=label, crystal=structure, stress=stress, deformations=self.deformations, cells=cells)


@dataclass(frozen=True)
class ElasticJobs:
    """The jobs of one elastic tensor, with the tasks of its calculations."""

    crystal: Job
    build: Job
    strained: list[Job]
    whole: Relax
    atoms: Relax


def elastic_jobs(
    cell: Structure,
    label: str,
    engine: Engine,
    strains: tuple[float, ...],
    limits: tuple[float, int],
    method: Method | None = None,
) -> ElasticJobs:
    """Return the jobs of one elastic tensor.

    Parameters
    ----------
    cell : Structure
        As it is before it relaxes.
    label : str
    engine : Engine
        With relaxations.
    strains : tuple of float
        Amplitudes.
    limits : (float, int)
        eV/Å, steps: of each relaxation.
    method : Method, optional
        Level of theory, at which a stress is converged; None for an engine that has only one.

    Raises
    ------
    EngineUnavailableError
        If the engine needs a level of theory, and there is none.
    """
    if engine.backend.needs_method and method is None:
        raise EngineUnavailableError(
            f"engine {engine.name} needs a level of theory for stresses: potentials compute elastic tensors here",
            "take a potential such as chgnet",
        )
    max_force, max_steps = limits
    whole = Relax(max_force=max_force, max_steps=max_steps, method=method)
    atoms = Relax(max_force=max_force, max_steps=max_steps, relax_cell=False, keep_symmetry=False, method=method)
    crystal = engine.maker(whole).job_for(cell, label, role=Main(of=label))
    maker = StrainMaker(deformations=deformations(cell, strains).tolist())
    build: Job = maker.make(crystal.output.structure, crystal.output.stress, label)
    build.name = f"{label} strained cells"
    strained = [
        engine.maker(atoms).job_for(
            build.output.cells[k], f"{label} strain {k + 1}", role=Strained(of=label, number=k + 1)
        )
        for k in range(len(maker.deformations))
    ]
    return ElasticJobs(crystal, build, strained, whole, atoms)
