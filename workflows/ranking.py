"""Arrangements of one composition ranked by an engine: one job each, over an injected engine."""

from __future__ import annotations

from collections.abc import Sequence

from jobflow import Flow, Job
from pymatgen.core.structure import Structure

from ..configs.errors import InputError, StructureError
from .engine import Engine
from .tasks import Relax, Static

__all__ = ["ranking_flow"]


def ranking_flow(structures: Sequence[Structure], label: str, engine: Engine, relaxation: Relax | None = None) -> Flow:
    """Return one job per arrangement: a single point, or a relaxation where one is given.

    Parameters
    ----------
    structures : sequence of Structure
        Ordered cells of one composition, so that energies per cell may be compared.
    label : str
        Name of the material; the jobs are numbered from 1.
    engine : Engine
        With one built-in level of theory (``chgnet``).
    relaxation : Relax, optional
        How far to relax before the energies are compared.

    Raises
    ------
    InputError
        If there is nothing to rank, or the engine needs a level of theory for each material.
    StructureError
        If the compositions differ.
    """
    if not structures:
        raise InputError(f"{label}: there is no arrangement to rank")
    if engine.backend.needs_method:
        raise InputError(f"engine {engine.name} needs a level of theory; arrangements are ranked by an engine that has one built in, e.g. chgnet")
    formulas = {structure.composition.element_composition.formula for structure in structures}
    if len(formulas) > 1:
        raise StructureError(f"{label}: energies of different compositions cannot be ranked: {', '.join(sorted(formulas))}")
    maker = engine.maker(relaxation or Static())
    jobs: list[Flow | Job] = [maker.job_for(structure, f"{label} ordering {k}") for k, structure in enumerate(structures, 1)]
    return Flow(jobs, output=[job.output.energy for job in jobs], name=f"{label} orderings by {engine.name}")
