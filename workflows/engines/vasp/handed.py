"""Wave functions and charge densities that one job leaves to the next, found by the cell that both share.

They are kept in the folder ``handed`` beside the jobs' own, under a hash of the cell in which the job ended: a density
of states that starts from exactly this cell finds them, whoever planned it. They only save time and keep the electronic
state that was found; where they are gone, or of another basis, the job begins with superposed atoms. No part of a job's
identity.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymatgen.core.structure import Structure

from ..backend import write_atomically
from ..tasks import Task
from .cells import vasp_cell
from .inputs import centring_of, uses_symmetry
from .settings import VaspSettings
from .stages import Given

__all__ = ["CHARGE", "WAVES", "Handed", "find_handed", "hand_on", "used_symmetry"]

WAVES, CHARGE = "WAVECAR", "CHGCAR"
#: what the files are of
_ABOUT = "about.json"
#: decimals of lattice vectors (Å) and fractional coordinates in which two cells are the same
_DECIMALS = 6


@dataclass(frozen=True)
class Handed:
    """What is there for a job.

    Parameters
    ----------
    given : str
        waves, where the k points are the same too; charge otherwise; nothing.
    file : Path or None
    symmetric : bool
        False where the waves are of a run without symmetry: whoever reads them has its k points.
    """

    given: Given = "nothing"
    file: Path | None = None
    symmetric: bool = True

    def lay_into(self, directory: Path) -> None:
        """Copy the file into a run's directory; VASP writes its own over it, so that no link will do."""
        if self.file is not None:
            shutil.copy(self.file, directory / self.file.name)


def find_handed(structure: Structure, task: Task, settings: VaspSettings, directory: Path, tier: str) -> Handed:
    """Return what a job may start from.

    Parameters
    ----------
    structure : Structure
        The cell that it starts from.
    task : Relax, Static, Dos or MolecularDynamics
    settings : VaspSettings
    directory : Path
        Of the job.
    tier : str
        Of its engine: a rehearsal's files are never VASP's.
    """
    folder = _folder(structure, directory, tier)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Handed()
    asked = _about(structure, task, settings)
    if any(about.get(name) != asked[name] for name in ("potcars", "spin", "functional")):
        return Handed()
    same = all(about.get(name) == asked[name] for name in ("mesh", "symmetric"))
    if same and (folder / WAVES).is_file():
        return Handed("waves", folder / WAVES)
    return Handed("charge", folder / CHARGE) if (folder / CHARGE).is_file() else Handed()


def hand_on(structure: Structure, task: Task, settings: VaspSettings, directory: Path, tier: str, run: Path) -> None:
    """Move what a run has left to where a job that starts from `structure` finds it.

    Parameters
    ----------
    structure : Structure
        The cell in which the job ended.
    task, settings, directory, tier
        As :func:`find_handed`.
    run : Path
        Where the files lie.
    """
    here = [run / name for name in (WAVES, CHARGE) if (run / name).is_file()]
    if not here:
        return
    folder = _folder(structure, directory, tier)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ABOUT).unlink(missing_ok=True)  # no reader takes half of it
    for path in here:
        shutil.move(path, folder / path.name)
    about = _about(structure, task, settings) | {"symmetric": used_symmetry(run)}
    write_atomically(folder / _ABOUT, json.dumps(about, indent=1))


def used_symmetry(run: Path) -> bool:
    """Whether the run in a directory used the symmetry of its cell: without, its wave functions are at more k points.

    Parameters
    ----------
    run : Path
    """
    from pymatgen.io.vasp.inputs import Incar

    return int(Incar.from_file(run / "INCAR").get("ISYM", 2)) not in (0, -1)


def _folder(structure: Structure, directory: Path, tier: str) -> Path:
    return directory.resolve().parent / "handed" / _key(structure, tier)


def _key(structure: Structure, tier: str) -> str:
    fractional = [[round(float(x) % 1.0, _DECIMALS) % 1.0 for x in site] for site in structure.frac_coords]
    cell = {
        "tier": tier,
        "lattice": [[round(float(x), _DECIMALS) + 0.0 for x in row] for row in structure.lattice.matrix],
        "sites": [[site.specie.symbol, *place] for site, place in zip(structure, fractional, strict=True)],
    }
    return hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:32]


def _about(structure: Structure, task: Task, settings: VaspSettings) -> dict[str, Any]:
    method = task.method
    if method is None:
        return {"potcars": {}, "spin": None, "functional": None, "mesh": None, "symmetric": None}
    potcars = settings.potcars_of(task)
    elements = sorted({site.specie.symbol for site in structure})
    return {
        "potcars": {element: potcars[element].symbol for element in elements if element in potcars},
        "spin": method.spin_polarized,
        "functional": [method.functional, {e: u for e, u in sorted(method.hubbard_u.items()) if e in elements}],
        "mesh": [*method.kpoints, centring_of(task, settings)],
        "symmetric": uses_symmetry(vasp_cell(structure), task),
    }
