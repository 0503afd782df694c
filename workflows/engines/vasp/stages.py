"""The runs of one calculation: starts, the run itself, and the static run that gives a relaxed cell its energy.

Wave functions are handed from one to the next: from the lowest start to the run, from the relaxation to the static run.
A polar slab is converged without the dipole correction first (VASP wiki, LDIPOL).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pymatgen.core.structure import Structure

from ....configs.errors import InputError
from ...vasp_output.files import locate
from ...vasp_output.run import parse_vasprun
from ..tasks import ElasticBand, MolecularDynamics, Relax, Static, Task
from .cells import VaspCell, vasp_cell
from .heights import FIRST, at_height
from .settings import VaspSettings
from .starts import Start, starts_of

__all__ = [
    "CANONICAL",
    "EARLIER",
    "HEIGHT",
    "PRECONVERGE",
    "START",
    "Given",
    "Run",
    "final_static",
    "ionic_steps",
    "keep_inputs",
    "needs_dipole",
    "needs_static",
    "runs_of",
    "written_runs",
]

#: folder of the only start of a polar slab; beginning of those of several starts
PRECONVERGE, START = "preconverge", "start-"
#: folder of the static run that gives a relaxation its energy at the settings that were asked
CANONICAL = "canonical"
#: beginning of the folders of relaxations at fixed heights
HEIGHT = "height-"
#: beginning of the folders with what earlier runs of a relaxation were asked and ran with
EARLIER = "relax-"
_KEPT = ("INCAR", "INCAR.orig", "KPOINTS", "KPOINTS.orig", "OSZICAR", "custodian.json")

#: what a run begins with: superposed atoms, or what another run or job has left
Given = Literal["nothing", "waves", "charge"]


@dataclass(frozen=True)
class Run:
    """One run of VASP within a calculation.

    Parameters
    ----------
    folder : str
        Within the job's own.
    purpose : str
        start: a static run that only finds an electronic state; main: what was asked.
    start : Start or None
        Its moments; None without spin.
    given : str
        nothing, waves or charge.
    dipole : bool
        Whether the dipole correction is on.
    keeps_waves, keeps_charge : bool
        LWAVE and LCHARG.
    symmetric : bool
        False where the wave functions that it reads are of a run without symmetry: they belong to other k points.
    """

    folder: str = "."
    purpose: Literal["start", "main"] = "main"
    start: Start | None = None
    given: Given = "nothing"
    dipole: bool = False
    keeps_waves: bool = False
    keeps_charge: bool = False
    symmetric: bool = True


def needs_dipole(cell: VaspCell, task: Task) -> bool:
    """Whether the dipole correction is on: a polar slab, in every calculation but dynamics."""
    return cell.polar and not isinstance(task, MolecularDynamics)


def needs_static(cell: VaspCell, task: Task) -> bool:
    """Whether the energy is that of a static run at the end: where the cell relaxed, its cutoff was another one and its
    basis that of the starting cell."""
    return isinstance(task, Relax) and task.relax_cell is True and not cell.vacuum


def runs_of(cell: VaspCell, task: Task, settings: VaspSettings, given: Given = "nothing") -> list[Run]:
    """Return the runs of one calculation in order, the one that was asked for last; without the static run at the end.

    Parameters
    ----------
    cell : VaspCell
    task : Relax, Static, Dos or MolecularDynamics
        With a method.
    settings : VaspSettings
    given : str
        What is there of a job that ended in this very cell.
    """
    if task.method is None:
        raise ValueError("a run of VASP needs a method")
    starts = starts_of(cell, task, task.method, settings)
    dipole, hands_on = needs_dipole(cell, task), settings.hand_on and not needs_static(cell, task)
    main = Run(
        start=starts[0] if starts else None,
        given=given,
        dipole=dipole,
        keeps_waves=isinstance(task, Relax) or hands_on,
        keeps_charge=hands_on,
    )
    if isinstance(task, (MolecularDynamics, ElasticBand)):
        return [replace(main, keeps_waves=False, keeps_charge=False)]
    if given != "nothing" or (len(starts) < 2 and not dipole):
        return [main]
    alone = len(starts) < 2
    tried = [
        Run(PRECONVERGE if alone else f"{START}{k}", "start", one, keeps_waves=True)
        for k, one in enumerate(starts or [None], 1)
    ]
    return [*tried, replace(main, given="waves")]


def written_runs(
    structure: Structure, task: Task, settings: VaspSettings, given: Given
) -> Iterator[tuple[str, Structure, Task, Run]]:
    """Every run of a job as far as it is known ahead: folder within the job's own, cell, task and run, the job's own
    folder last.

    Parameters
    ----------
    structure : Structure
    task : Relax, Static, Dos or MolecularDynamics
    settings : VaspSettings
    given : str
        What the job before it hands on.
    """
    if isinstance(task, Relax) and task.relax_cell == "height":
        fixed = task.model_copy(update={"relax_cell": False})
        for factor in FIRST:
            for folder, other, one, run in written_runs(at_height(structure, factor), fixed, settings, given):
                if factor == FIRST[0] or run.purpose == "main":
                    waves = run if factor == FIRST[0] else replace(run, given="waves")
                    yield str(Path(f"{HEIGHT}{factor:g}") / folder), other, one, waves
        yield ".", structure, fixed, runs_of(vasp_cell(structure), fixed, settings, "waves")[-1]
        return
    cell = vasp_cell(structure)
    *trials, main = runs_of(cell, task, settings, given)
    for run in trials:
        yield run.folder, structure, task, run
    if isinstance(task, Relax) and needs_static(cell, task):
        static = final_static(task)
        last = runs_of(cell, static, settings, "waves")[-1]
        yield CANONICAL, structure, static, replace(last, symmetric=task.keep_symmetry)
    yield main.folder, structure, task, main


def final_static(task: Relax) -> Static:
    """The static run at the end of a relaxation."""
    return Static(method=task.method)


def ionic_steps(directory: Path) -> tuple[int, bool]:
    """Steps that the run in a directory took, and whether it ended by its forces; 0 and True where it cannot be read:
    the reader of results says what is wrong with it.

    Parameters
    ----------
    directory : Path
    """
    try:
        run = parse_vasprun(locate(directory).vasprun, states=False)
    except InputError:
        return 0, True
    return len(run.ionic_steps), bool(run.converged_ionic)


def keep_inputs(directory: Path) -> Path:
    """Copy what a run was asked and ran with into the next folder of earlier runs: a change of an error handler is not
    forgotten.

    Parameters
    ----------
    directory : Path
    """
    place = directory / f"{EARLIER}{1 + len(list(directory.glob(f'{EARLIER}*'))):03d}"
    place.mkdir()
    for name in _KEPT:
        if (directory / name).is_file():
            shutil.copy2(directory / name, place / name)
    return place
