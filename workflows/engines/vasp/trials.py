"""Several electronic states, each from its own moments, and the lowest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core.structure import Structure

from ....configs.errors import CatholyteError
from ...vasp_output.files import locate
from ...vasp_output.run import parse_vasprun
from ..tasks import Task
from .cells import VaspCell
from .checks import step_energy
from .inputs import write_inputs
from .runner import run_stage
from .settings import VaspSettings
from .stages import Run

__all__ = ["STARTS", "Asking", "try_starts"]

#: what became of every start
STARTS = "starts.json"


@dataclass(frozen=True)
class Asking:
    """One question with the command that answers it.

    Parameters
    ----------
    command : str
    structure : Structure
        As asked.
    cell : VaspCell
        The same in VASP's order.
    task : Relax, Static, Dos or MolecularDynamics
    label : str
    directory : Path
        Of the job.
    """

    command: str
    structure: Structure
    cell: VaspCell
    task: Task
    label: str
    directory: Path


def try_starts(
    asking: Asking, structure: Structure, settings: VaspSettings, runs: Sequence[Run]
) -> tuple[Run, list[str]]:
    """Run every start as a static calculation in a folder of its own.

    Parameters
    ----------
    asking : Asking
    structure : Structure
        The cell to begin with: that asked for, or that of a relaxation which was interrupted.
    settings : VaspSettings
    runs : sequence of Run
        Of purpose ``start``.

    Returns
    -------
    run : Run
        Of the lowest energy; its folder holds the wave functions.
    told : list of str
        What became of each.

    Raises
    ------
    CalculationError, InputError
        Of the first start, where none of them ended in a converged state.
    """
    best: tuple[float, Run] | None = None
    told: list[str] = []
    failure: CatholyteError | None = None
    for run in runs:
        name = run.start.name if run.start else "no moments"
        try:
            energy = _energy(asking, structure, settings, run)
        except CatholyteError as error:
            failure = failure or error
            told.append(f"{name}: {error.message.splitlines()[0]}")
            continue
        if energy is None:
            told.append(f"{name}: not converged")
            continue
        told.append(f"{name}: {energy:.4f} eV")
        if best is None or energy < best[0]:
            best = (energy, run)
    if best is None:
        if failure is not None:
            raise failure
        return runs[0], [*told, "none converged: the run goes on from the first"]
    return best[1], told


def _energy(asking: Asking, structure: Structure, settings: VaspSettings, run: Run) -> float | None:
    """Energy of one start, eV; None where its electronic cycle did not converge."""
    folder = asking.directory / run.folder
    write_inputs(structure, asking.task, settings, folder, run)
    run_stage(asking.command, folder, "static", settings, asking.label)
    found = parse_vasprun(locate(folder).vasprun, states=False)
    return step_energy(found.ionic_steps[-1]) if found.converged_electronic is not False else None
