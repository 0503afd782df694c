"""Relaxations in several runs: how far one came, and what is kept of it when the next one goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

from ....configs.errors import InputError
from ...vasp_output.files import locate
from ...vasp_output.run import parse_vasprun

__all__ = ["EARLIER", "ionic_steps", "keep_inputs"]

#: beginning of the folders with what earlier runs of a relaxation were asked and ran with
EARLIER = "relax-"
_KEPT = ("INCAR", "INCAR.orig", "KPOINTS", "KPOINTS.orig", "OSZICAR", "custodian.json")


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
