"""Dynamics in parts: what a killed, stopped or corrected run has left is kept up to the last whole step, and the run
goes on from there.

Each part lies in ``part-001``, ``part-002``, … of the job's directory; the last one runs in the directory itself. A
part ends with the frame that its CONTCAR follows, so that no frame is lost and none stands twice; whether a CONTCAR
follows a frame is decided by Verlet's formula, x(t+Δt) = 2 x(t) - x(t-Δt) + F(t) Δt²/m (Phys. Rev. 159, 98 (1967)).
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ....configs.arrays import Floats
from ....configs.errors import InputError
from ...vasp_output.files import read_text
from ...vasp_output.outcar import read_contcar
from ...vasp_output.run import parse_vasprun

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = [
    "ASKED",
    "COPYING",
    "MOVING",
    "PART",
    "Part",
    "go_on",
    "join",
    "keep_copy",
    "lower_nsw",
    "parts",
    "salvage",
    "set_aside",
    "steps_per_chunk",
]


PART = "part-"
#: the question that a job's directory answers; it stays where it is
ASKED = "asked.json"
#: folders that become a part when they are whole
MOVING, COPYING = "moving", "copying"
#: what must be the same over all parts of one trajectory
_RULES = ("IBRION", "POTIM", "MDALGO", "SMASS", "TEBEG", "TEEND", "ISIF", "LANGEVIN_GAMMA")
#: Å, within which two printed coordinates are the same
_SAME_PLACE = 1e-5
#: root mean square deviation from the predicted positions, in units of the predicted step, within which a geometry is
#: the next frame: the thermostat's share is a few percent, one frame missing or repeated makes it 1
_CONTINUOUS = 0.5
_TO_ACCELERATION = 9.648533212e-3  # Å/fs² per eV/Å and atomic mass unit, CODATA 2018


@dataclass(frozen=True)
class Part:
    """One part of a trajectory.

    Parameters
    ----------
    directory : Path
    run : Vasprun
        Its ``ionic_steps`` are the frames that count.
    following : Structure
        CONTCAR: the geometry after the last frame, with velocities, Å/fs.
    """

    directory: Path
    run: Vasprun
    following: Structure

    @property
    def frames(self) -> list[dict[str, Any]]:
        """Ionic steps as pymatgen reads them."""
        return self.run.ionic_steps


def parts(directory: Path) -> list[Part]:
    """The parts that lie in a job's directory, in order; the one that runs in the directory itself is not among them.

    Raises
    ------
    InputError
        If a part can no longer be read.
    """
    found = []
    for folder in sorted(directory.glob(f"{PART}*")):
        part = salvage(folder)
        if part is None:
            raise InputError(
                f"{folder}: this part of the trajectory cannot be read any more; remove the job's directory to begin "
                "again"
            )
        found.append(part)
    return found


def salvage(directory: Path) -> Part | None:
    """What an interrupted run of dynamics has left: its whole steps, and the geometry from which it goes on.

    Returns
    -------
    Part or None
        None where nothing can be continued: no whole step, no whole CONTCAR with velocities, or one that follows no
        frame.
    """
    run = _whole_steps(directory / "vasprun.xml")
    try:
        following = read_contcar(directory / "CONTCAR")
    except InputError:
        return None
    if run is None or "velocities" not in following.site_properties:
        return None
    if [site.specie for site in following] != [site.specie for site in run.initial_structure]:
        return None
    for count in (
        len(run.ionic_steps),
        len(run.ionic_steps) - 1,
    ):  # a kill between two files leaves the last frame without its CONTCAR
        if count > 0 and _follows(run, count, following):
            run.ionic_steps = run.ionic_steps[:count]
            return Part(directory, run, following)
    return None


def set_aside(directory: Path) -> Part | None:
    """Move an interrupted run into the next part's folder, or remove it where nothing can be kept.

    Returns
    -------
    Part or None
        The last part there is.
    """
    moving = directory / MOVING  # left by a kill half-way, the move is ended
    if moving.is_dir() or salvage(directory) is not None:
        moving.mkdir(exist_ok=True)
        for path in directory.iterdir():
            if path.is_file() and path.name != ASKED:
                path.rename(moving / path.name)
        moving.rename(_next_part(directory))
    else:
        for path in directory.iterdir():
            if path.is_file() and path.name != ASKED:
                path.unlink()
    last = sorted(directory.glob(f"{PART}*"))
    return salvage(last[-1]) if last else None


def keep_copy(directory: Path) -> Part | None:
    """Copy a run that an error handler is about to continue into the next part's folder; None where nothing can be
    kept."""
    part = salvage(directory)
    if part is not None:
        copy = directory / COPYING
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for path in directory.iterdir():
            if path.is_file():
                shutil.copy2(path, copy / path.name)
        copy.rename(_next_part(directory))
    return part


def go_on(last: Part, steps: int, directory: Path) -> None:
    """Let the run whose inputs lie in `directory` go on for `steps` from where `last` ended: every digit of its
    positions, velocities and thermostat."""
    from pymatgen.io.vasp.inputs import Incar

    shutil.copy(last.directory / "CONTCAR", directory / "POSCAR")
    incar = Incar.from_file(directory / "INCAR")
    incar["NSW"] = steps
    (directory / "INCAR").write_text(str(incar).rstrip() + "\n", encoding="utf-8")


def lower_nsw(directory: Path, done: int) -> None:
    """Take the steps that are done off the NSW of the INCAR in `directory`."""
    from pymatgen.io.vasp.inputs import Incar

    incar = Incar.from_file(directory / "INCAR")
    incar["NSW"] = int(incar["NSW"]) - done
    (directory / "INCAR").write_text(str(incar).rstrip() + "\n", encoding="utf-8")


def steps_per_chunk(seconds_per_step: float, wall_time: float, share: float = 0.6) -> int:
    """Steps of one chunk of dynamics that fill at most `share` of the wall time.

    Parameters
    ----------
    seconds_per_step : float
        s, measured.
    wall_time : float
        s.
    share : float
        The rest is for the start, slower steps and reading the result.

    Raises
    ------
    InputError
        If not even one step fits.
    """
    steps = int(share * wall_time / seconds_per_step)
    if steps < 1:
        raise InputError(
            f"a step takes {seconds_per_step:.0f} s: not one fits into {share:.0%} of a wall time of {wall_time:.0f} s"
        )
    return steps


def join(run: Vasprun, earlier: list[Part]) -> str:
    """Put the frames of earlier parts before those of the last run.

    Parameters
    ----------
    run : Vasprun
        The last part; its ``ionic_steps`` and ``initial_structure`` become those of the whole.
    earlier : list of Part

    Returns
    -------
    str
        How many frames each part gave.

    Raises
    ------
    InputError
        If time step or thermostat changed from one part to the next, or a frame is missing, repeated or reached with
        other velocities.
    """
    chain = [*earlier, Part(Path(), run, run.final_structure)]
    for number, (before, after) in enumerate(pairwise(chain), start=2):
        where = f"part {number} of the trajectory"
        changed = [
            f"{rule} {_rule(before.run, rule)} → {_rule(after.run, rule)}"
            for rule in _RULES
            if _rule(before.run, rule) != _rule(after.run, rule)
        ]
        if changed:
            raise InputError(f"{where} ran by other rules than the one before: {', '.join(changed)}")
        start = after.run.initial_structure
        away = float(np.abs(_difference(start, before.following) @ start.lattice.matrix).max())
        if away > _SAME_PLACE:
            raise InputError(
                f"{where} did not begin where the one before ended: the largest displacement is {away:.1e} Å"
            )
        if not _goes_on(before, after):
            raise InputError(f"{where} does not go on with the velocities of the one before")
    told = " + ".join(str(len(part.frames)) for part in chain)
    run.ionic_steps = [frame for part in chain for frame in part.frames]
    run.initial_structure = chain[0].run.initial_structure
    return told


def _whole_steps(file: Path) -> Vasprun | None:
    """A vasprun.xml up to its last whole ionic step; None where it has none."""
    try:
        text = read_text(file)
    except InputError:
        return None
    head, *blocks = text.split("<calculation>")
    whole = []
    for block in blocks:
        step, closed, _ = block.partition("</calculation>")
        end = step.rfind("</energy>")
        if not 0 <= step.rfind("</structure>") < end:  # the energy after the structure is the last thing of a step
            break
        whole.append(f"<calculation>{step if closed else step[: end + len('</energy>')]}</calculation>\n")
    if not whole:
        return None
    with tempfile.TemporaryDirectory() as folder:
        mended = Path(folder) / "vasprun.xml"
        mended.write_text(head + "".join(whole) + "</modeling>\n", encoding="utf-8")
        try:
            return parse_vasprun(mended, states=False)
        except InputError:
            return None


def _follows(run: Vasprun, count: int, following: Structure) -> bool:
    """Whether a geometry is the one after the first `count` frames."""
    last = run.ionic_steps[count - 1]
    step = float(run.parameters["POTIM"])
    if count > 1:
        predicted = _verlet(run.ionic_steps[count - 2]["structure"], last, step)
    else:
        predicted = np.asarray(following.site_properties["velocities"], dtype=float) * step
    return _near(predicted, _difference(following, last["structure"]) @ following.lattice.matrix)


def _goes_on(before: Part, after: Part) -> bool:
    """Whether the second frame of a part is what its first and the one before predict; a part of one frame has no
    second."""
    if len(after.frames) < 2:
        return True
    first, second = after.frames[:2]
    predicted = _verlet(before.frames[-1]["structure"], first, float(after.run.parameters["POTIM"]))
    return _near(predicted, _difference(second["structure"], first["structure"]) @ first["structure"].lattice.matrix)


def _verlet(before: Structure, now: dict[str, Any], step: float) -> Floats:
    """Displacement to the next frame, (n, 3) Å: Verlet's formula."""
    structure: Structure = now["structure"]
    masses = np.array([float(site.specie.atomic_mass) for site in structure])[:, None]
    moved = _difference(structure, before) @ structure.lattice.matrix
    return np.asarray(moved + np.asarray(now["forces"], dtype=float) * _TO_ACCELERATION * step**2 / masses, dtype=float)


def _near(predicted: Floats, found: Floats) -> bool:
    deviation, size = (float(np.sqrt((values**2).sum(axis=1).mean())) for values in (found - predicted, predicted))
    return deviation <= _CONTINUOUS * size + _SAME_PLACE


def _difference(after: Structure, before: Structure) -> Floats:
    """Displacement by the nearest image, (n, 3), fractional."""
    shift = np.asarray(after.frac_coords, dtype=float) - np.asarray(before.frac_coords, dtype=float)
    return np.asarray(shift - np.round(shift), dtype=float)


def _rule(run: Vasprun, name: str) -> Any:
    value = run.incar.get(name, run.parameters.get(name))
    return [float(v) for v in value] if isinstance(value, (list, tuple)) else value


def _next_part(directory: Path) -> Path:
    return directory / f"{PART}{1 + len(list(directory.glob(f'{PART}*'))):03d}"
