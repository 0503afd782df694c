"""One run of VASP under custodian: its error handlers, and what they changed between the input asked and the input run.

Classes of changes as in custodian's sources: *harmless* changes alter the way to the same energy, *tolerable* ones make
it slightly different within a set, all others make it the energy of something else.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import psutil

from ....configs.errors import CalculationError, InputError
from ...documents import Kind
from ...vasp_output.files import locate
from ...vasp_output.run import parse_vasprun
from .parts import keep_copy, lower_nsw
from .settings import VaspSettings

if TYPE_CHECKING:
    from custodian.custodian import ErrorHandler
    from pymatgen.io.vasp.inputs import Kpoints

__all__ = ["Change", "changes", "classify", "end_processes", "handlers", "run_stage"]

#: s between two looks of custodian's monitors into the files of a running VASP, as in its own defaults
MONITOR_SECONDS = 300
#: s that a process gets to end by itself
PATIENCE = 5

Verdict = Literal["harmless", "tolerable", "breaks comparability"]

# fmt: off
_HARMLESS = frozenset([
    "ALGO", "IALGO", "NCORE", "NPAR", "KPAR", "NSIM", "IMIX", "AMIX", "BMIX", "AMIX_MAG", "BMIX_MAG", "AMIN",
    "MAXMIX", "WC", "INIMIX", "MIXPRE", "NELM", "NELMIN", "NELMDL", "TIME", "ISEARCH", "ISTART", "ICHARG",
    "LPLANE", "LWAVE", "LCHARG", "LAECHG", "LSCALAPACK", "LASYNC", "LORBIT", "NEDOS", "EMIN", "EMAX", "LPEAD",
    "NSW", "IOPT", "MAXMOVE",
])
# fmt: on
#: harmless on the way to a minimum, another trajectory in dynamics
_MOTION = frozenset(["POTIM", "IBRION", "SMASS", "EDIFFG", "MDALGO", "TEBEG", "TEEND", "LANGEVIN_GAMMA"])
_TOLERABLE = frozenset(("SYMPREC", "ISYM"))
#: largest relative difference of two values that are the same but for their printed digits
_PRINTED = 1e-6
#: Å, of lattice vectors
_CELL = 1e-4


@dataclass(frozen=True)
class Change:
    """One tag that ran with another value than asked.

    Parameters
    ----------
    tag : str
        An INCAR tag, ``KPOINTS`` or ``cell``.
    asked, used : str
        ``"(default)"`` where the tag was not written.
    verdict : str
        harmless, tolerable, or breaks comparability.
    """

    tag: str
    asked: str
    used: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.tag}: {self.asked} → {self.used} ({self.verdict})"


def classify(tag: str, asked: Any, used: Any, kind: Kind) -> Verdict:
    """Return what a change means for the energy, or the path, of a calculation of `kind`.

    Parameters
    ----------
    tag : str
    asked, used : object
        Values; None where the tag was not written.
    kind : str
        relax, static, dos or md.
    """
    if tag in _HARMLESS:
        return "harmless"
    if tag in _MOTION:
        return "breaks comparability" if kind == "md" else "harmless"
    if tag in _TOLERABLE or (tag == "EDIFF" and asked is not None and used is not None and float(used) <= float(asked)):
        return "tolerable"
    if tag == "NBANDS" and kind != "dos":
        return "tolerable"
    return "breaks comparability"


def changes(directory: Path, kind: Kind) -> list[Change]:
    """Compare INCAR, KPOINTS and the cell with the copies that custodian keeps of the asked ones (``*.orig``).

    Parameters
    ----------
    directory : Path
        Of the run; without ``*.orig`` nothing was changed.
    kind : str
        relax, static, dos or md.
    """
    from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

    found = []
    if (directory / "INCAR.orig").is_file():
        asked, used = Incar.from_file(directory / "INCAR.orig"), Incar.from_file(directory / "INCAR")
        for tag in sorted(set(asked) | set(used)):
            before, after = asked.get(tag), used.get(tag)
            if not _same(before, after):
                found.append(Change(tag, _shown(before), _shown(after), classify(tag, before, after, kind)))
    if (directory / "KPOINTS.orig").is_file():
        before, after = (_mesh(Kpoints.from_file(directory / name)) for name in ("KPOINTS.orig", "KPOINTS"))
        if before != after:
            found.append(Change("KPOINTS", before, after, "breaks comparability"))
    if (directory / "POSCAR.orig").is_file() and kind != "relax":
        old, new = (
            Poscar.from_file(directory / name, check_for_potcar=False).structure.lattice
            for name in ("POSCAR.orig", "POSCAR")
        )
        if not np.allclose(old.matrix, new.matrix, atol=_CELL):
            found.append(Change("cell", f"{old.volume:.3f} Å³", f"{new.volume:.3f} Å³", "breaks comparability"))
    return found


def _mesh(kpoints: Kpoints) -> str:
    shift = f" shift {tuple(kpoints.kpts_shift)}" if any(kpoints.kpts_shift) else ""
    return f"{kpoints.style.name} {'×'.join(str(n) for n in kpoints.kpts[0])}{shift}"


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, (int, float)) and isinstance(after, (int, float)) and not isinstance(before, bool):
        return bool(np.isclose(before, after, rtol=_PRINTED, atol=0))
    return bool(before == after)


def _shown(value: Any) -> str:
    if value is None:
        return "(default)"
    return f"{value:g}" if isinstance(value, float) else str(value)


def run_stage(
    command: str, directory: Path, kind: Kind, settings: VaspSettings, label: str, *, band: bool = False
) -> None:
    """Run `command` in `directory` under custodian with the handlers of its kind; a `band` has images in folders.

    Raises
    ------
    CalculationError
        If custodian gave up, with the errors that it met.
    """
    from atomate2.vasp.run import JobType, run_vasp
    from custodian.custodian import CustodianError

    try:
        with _working_in(directory), warnings.catch_warnings():
            # custodian's validators read vasprun.xml and look for a POTCAR beside it, which POTCAR.spec replaces
            warnings.filterwarnings("ignore", message="No POTCAR file with matching TITEL")
            # one that ended with its steps goes on; whether it may be used, acceptance says
            warnings.filterwarnings("ignore", message="(?s).*is an unconverged VASP run")
            run_vasp(
                job_type=JobType.NEB if band else JobType.NORMAL,
                vasp_cmd=command,
                vasp_gamma_cmd=os.path.expandvars(settings.vasp_gamma_command).replace(
                    "$CATHOLYTE_VASP_GAMMA_COMMAND", command
                ),
                max_errors=settings.max_errors,
                handlers=tuple(handler() for handler in _chosen(kind, settings, band)),
                wall_time=None if settings.wall_time is None else int(settings.wall_time),
                vasp_job_kwargs={
                    "auto_npar": False,
                    "output_file": "vasp.out",
                    "stderr_file": "std_err.txt",
                    # a band's job wants a POTCAR to keep, which a rehearsal has not, and to choose a binary itself
                    **({"backup": False, "auto_gamma": False} if band else {"copy_magmom": False}),
                },
                custodian_kwargs={
                    "polling_time_step": settings.polling_time,
                    "monitor_freq": math.ceil(min(MONITOR_SECONDS, settings.frozen_time / 2) / settings.polling_time),
                    "terminate_on_nonzero_returncode": False,
                },
                scratch_dir=None,  # type: ignore[arg-type]  # None: run here, where progress can be seen
            )
    except CustodianError as error:
        raise CalculationError(
            f"{label}: VASP gave no usable run: {_first_line(error)}{_damage(directory)}{_met(directory)}",
            f"the whole output is in {directory}; custodian.json lists every correction",
        ) from error
    # its handlers stumble over output that VASP left unfinished
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise CalculationError(
            (
                f"{label}: custodian failed on what VASP left: {type(error).__name__}: "
                f"{_first_line(error)}{_met(directory)}"
            ),
            f"the whole output is in {directory}",
        ) from error
    finally:
        end_processes(directory)


def _chosen(kind: Kind, settings: VaspSettings, band: bool) -> tuple[Callable[[], ErrorHandler], ...]:
    """Of a band only those that read what VASP prints: the others look for output beside the INCAR."""
    from custodian.vasp import handlers as known

    return (known.VaspErrorHandler, known.StdErrHandler) if band else handlers(kind, settings.frozen_time)


@contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    """Work in `directory`, with the scripts of this Python at the end of the PATH: ``catholyte-rehearse`` is found in
    an environment that is not activated."""
    before, path = Path.cwd(), os.environ.get("PATH", os.defpath)
    os.chdir(directory)
    os.environ["PATH"] = os.pathsep.join([path, str(Path(sys.executable).parent)])
    try:
        yield
    finally:
        os.environ["PATH"] = path
        os.chdir(before)


def end_processes(directory: Path) -> None:
    """End processes that still work in `directory`: a VASP whose own job was stopped or killed, and would write over
    the next run.

    Only processes on this machine, of this user, with exactly this working directory; never this process or one it
    descends from.
    """
    own = psutil.Process()
    spared = {own.pid, *(process.pid for process in own.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid not in spared
                and process.username() == own.username()
                and Path(process.cwd()) == directory.resolve()
            ):
                process.terminate()
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # gone, or somebody else's
    for process in psutil.wait_procs(found, timeout=PATIENCE)[1]:
        process.kill()


def handlers(kind: Kind, frozen_time: float = 21600.0) -> tuple[Callable[[], ErrorHandler], ...]:
    """Custodian's handlers of one kind of run, as classes; a run counts as frozen when its output is `frozen_time`
    seconds old.

    Left out everywhere: the handlers that only trade the campaign's smearing or mesh for another one (LargeSigma,
    IncorrectSmearing, KspacingMetal). Dynamics also does without those that change the time step on their own account
    (Potim, PositiveEnergy) or begin the steps again (Unconverged, NonConverging); a frozen run ends with that name.
    What the remaining ones change is compared with the input after the run.
    """
    from custodian.vasp import handlers as known

    class DynamicsErrors(known.VaspErrorHandler):
        """Before a correction goes on from CONTCAR, the steps so far are kept as a part, and only the missing ones are
        run."""

        def correct(self, directory: str = "./") -> dict[str, Any]:
            found: dict[str, Any] = super().correct(directory)  # type: ignore[no-untyped-call]
            place = Path(directory)
            if {"file": "CONTCAR", "action": {"_file_copy": {"dest": "POSCAR"}}} in (found["actions"] or []):
                part = keep_copy(place)
                if part is None:
                    return {"errors": found["errors"], "actions": None}  # nothing sound to go on from
                lower_nsw(place, len(part.frames))
            return found

    class UnconvergedElectronsErrorHandler(known.UnconvergedErrorHandler):
        """Electronic cycles alone: a relaxation that ran out of steps goes on by itself, with its wave functions."""

        def check(self, directory: str = "./") -> bool:
            try:
                run = parse_vasprun(locate(Path(directory)).vasprun, states=False)
            except InputError:
                return False
            return run.converged_electronic is False

    class FrozenRun(known.FrozenJobErrorHandler):
        """With the timeout of the campaign."""

        def __init__(self) -> None:
            super().__init__(timeout=frozen_time)

    class FrozenDynamics(FrozenRun):
        """A frozen run of dynamics is given up by name: custodian's correction would begin its steps again."""

        def correct(self, directory: str = "./") -> dict[str, Any]:
            return {"errors": ["Frozen job"], "actions": None}

    always = (known.MeshSymmetryErrorHandler, known.StdErrHandler)
    if kind == "md":
        return (DynamicsErrors, *always, FrozenDynamics)
    statics = (
        UnconvergedElectronsErrorHandler,
        known.NonConvergingErrorHandler,
        known.PositiveEnergyErrorHandler,
        FrozenRun,
    )
    return (known.VaspErrorHandler, *always, *statics, *([known.PotimErrorHandler] if kind == "relax" else []))


def _first_line(error: BaseException) -> str:
    line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return re.sub(r"<\S*?(\w+) object at 0x[0-9a-f]+>", r"\1", line)  # custodian names a handler by its address


def _damage(directory: Path) -> str:
    """What is wrong with the files that were left, and the last lines that VASP printed."""
    said = ""
    try:
        parse_vasprun(locate(directory).vasprun)
    except InputError as error:
        said = f"; {error.message}"
    for name in ("vasp.out", "std_err.txt"):
        file = directory / name
        printed = (
            [line.strip() for line in file.read_text(errors="replace").splitlines() if line.strip()]
            if file.is_file()
            else []
        )
        said += f"; last line of {name}: {printed[-1][:200]}" if printed else ""
    return said


def _met(directory: Path) -> str:
    """The errors that custodian met, by name."""
    log = directory / "custodian.json"
    if not log.is_file():
        return ""
    names = [
        str(name)
        for run in json.loads(log.read_text())
        for correction in run.get("corrections", [])
        for name in correction.get("errors", [])
    ]
    return f"; errors met: {', '.join(names)}" if names else "; custodian met no error that it knows"
