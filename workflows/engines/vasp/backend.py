"""VASP: inputs from the recipe, run under custodian, answered with the one document.

Input sets and the runner are atomate2's; every tag is this package's own (:mod:`.vasp_inputs`). A polar slab runs
twice: wave functions without the dipole correction first, then with it (VASP wiki, LDIPOL).
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import psutil
from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError, EngineUnavailableError, InputError
from ....configs.load import engine_settings
from ....configs.models import Tier
from ...documents import Acceptance, CalculationDocument, Check, Kind
from ...vasp_output import locate, parse_vasprun, read_contcar, read_outcar
from ..acceptance import assess
from ..backend import EngineBackend, write_atomically
from ..tasks import Dos, MolecularDynamics, Relax, Static, Task
from .cells import VaspCell, vasp_cell
from .document import Asked, document_from_files
from .inputs import MANIFEST, Stage, n_bands, needs_stages, requested_method, write_inputs
from .parts import ASKED, COPYING, MOVING, PART, go_on, keep_copy, lower_nsw, parts, salvage, set_aside, steps_per_chunk
from .settings import RESOURCES, VaspSettings

if TYPE_CHECKING:
    from custodian.custodian import ErrorHandler

__all__ = ["PRECONVERGE", "VaspBackend", "end_processes", "handlers", "stages"]

#: folder of the first of two stages
PRECONVERGE = "preconverge"
#: folder of the static run that gives a relaxation its comparable energy back
CANONICAL = "canonical"
FINISHED = "finished"
#: what jobflow-remote keeps in the directory that its jobs run in
QUEUE_FILES = ("jfremote_", "remote_job_data", "additional_store_", "queue.", "submit.sh")
#: s between two looks of custodian's monitors into the files of a running VASP, as in its own defaults
MONITOR_SECONDS = 300
#: s that a process gets to end by itself
PATIENCE = 5


def stages(cell: VaspCell, task: Task) -> list[tuple[Stage, str]]:
    """The runs of one calculation: each with the folder, within the job's own, that it runs in."""
    return [("preconverge", PRECONVERGE), ("dipole", ".")] if needs_stages(cell, task) else [("only", ".")]


class VaspBackend(EngineBackend):
    """VASP through custodian, in the job's directory."""

    name: ClassVar[str] = "vasp"
    tier: ClassVar[Tier] = "vasp"
    kinds: ClassVar[tuple[Kind, ...]] = ("relax", "static", "dos", "md")
    resources: ClassVar[frozenset[str]] = RESOURCES
    settings: VaspSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = engine_settings("vasp", VaspSettings, settings)

    def version(self) -> str:
        """The version that the campaign asks for; which one ran stands in the signature of each result."""
        return f"VASP {self.settings.version}"

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Scaled from a static run of Mg2Mn4O8 (14 atoms, 680 eV, 4×4×4, 8 irreducible k points): 195 s of one core
        (VASP 6.3.2, its own OUTCAR)."""
        method = task.method
        if method is None:
            return 0.0
        steps = {"relax": 20, "md": getattr(task, "n_steps", 1)}.get(task.kind, 1)
        cycles = 0.3 if task.kind == "md" else 1.0  # a step of dynamics starts from extrapolated wave functions
        return float(
            195.0
            * steps
            * cycles
            * (n_atoms / 14) ** 2.5
            * (math.prod(method.kpoints) / 64)
            * (method.cutoff / 680) ** 1.5
        )

    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        """Write the inputs, run VASP under custodian, read the result.

        A directory that already holds a complete run of exactly this input is read instead of run again.

        Raises
        ------
        InputError
            If the task has no method, an element no U or POTCAR, or an output file is damaged (which and how).
        EngineUnavailableError
            If no VASP command is named.
        CalculationError
            If custodian gave up, with the errors that it met.
        """
        requested_method(structure, task, label)
        cell = vasp_cell(structure, label)
        question = self._question(structure, task)
        asked = directory / ASKED
        mine = asked.is_file() and asked.read_text(encoding="utf-8") == question
        document = self._finished(structure, cell, task, label, directory) if mine else None
        if document is None:
            command = self._command()
            end_processes(directory)
            start = _interrupted(directory, structure, cell) if mine and isinstance(task, Relax) else None
            last = (
                set_aside(directory)
                if mine and isinstance(task, MolecularDynamics) and not (directory / FINISHED).is_file()
                else None
            )
            if (
                last is not None
                and isinstance(task, MolecularDynamics)
                and sum(len(part.frames) for part in parts(directory)) >= task.n_steps
            ):
                last = None  # every step was taken and only the end is damaged: there is nothing to go on with
            if last is None:
                _clear(directory)
            asked.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(asked, question)
            for stage, folder in stages(cell, task):
                write_inputs(start or structure, task, self.settings, directory / folder, stage)
                if stage == "dipole":
                    shutil.copy(directory / PRECONVERGE / "WAVECAR", directory / "WAVECAR")
                if last is not None and isinstance(task, MolecularDynamics):
                    go_on(last, task.n_steps - sum(len(part.frames) for part in parts(directory)), directory)
                self._run(command, directory / folder, task, label)
            for waves in (directory / PRECONVERGE / "WAVECAR", directory / "WAVECAR"):
                waves.unlink(missing_ok=True)
            if isinstance(task, MolecularDynamics):
                self._require_all_steps(directory, task, label)
            write_atomically(directory / FINISHED, "")
            document = document_from_files(directory, label, self._asked(structure, cell, task, directory))
        return (
            self._canonical(document, task, label, directory)
            if document.signature.altered and isinstance(task, Relax)
            else document
        )

    def _require_all_steps(self, directory: Path, task: MolecularDynamics, label: str) -> None:
        """Dynamics that ended early, as STOPCAR asks, is no result yet: its frames are kept, and it goes on when it is
        run again."""
        live = salvage(directory)
        if live is None:
            return
        done = sum(len(part.frames) for part in (*parts(directory), live))
        if done >= task.n_steps:
            return
        advice = "run it again: it goes on from there"
        if self.settings.wall_time is not None:
            seconds = (read_outcar(locate(directory).outcar, 0).get("wall_seconds") or self.settings.wall_time) / len(
                live.frames
            )
            advice += (
                f"; at {seconds:.3g} s a step, chunks of {steps_per_chunk(seconds, self.settings.wall_time)} "
                "steps fit this wall time"
            )
        raise CalculationError(
            f"{label}: stopped (STOPCAR) after {done} of {task.n_steps} steps, which are kept", advice
        )

    def _finished(
        self, structure: Structure, cell: VaspCell, task: Task, label: str, directory: Path
    ) -> CalculationDocument | None:
        """The document of a complete run of this very question; None where there is none that would be accepted: then
        it is run again."""
        if not (directory / FINISHED).is_file():
            return None
        try:
            document = document_from_files(directory, label, self._asked(structure, cell, task, directory))
        except InputError:
            return None
        return document if assess(document, task).accepted else None

    def _canonical(self, relaxed: CalculationDocument, task: Relax, label: str, directory: Path) -> CalculationDocument:
        """The relaxed structure with its energy, forces, moments and signature at the settings that were asked.

        An error handler changed a setting that energies depend on; a static run without that change makes the energy
        comparable again. Where it cannot, the changed signature stands, and subtraction is refused.
        """
        static = self.calculate(relaxed.structure, Static(method=task.method), label, directory / CANONICAL)
        names = ("energy", "forces", "stress", "magmoms", "total_magnetization", "band_edges", "signature")
        told = "; ".join(f"{tag}: {change}" for tag, change in relaxed.signature.altered.items())
        verdict = [
            *(relaxed.acceptance.checks if relaxed.acceptance else []),
            *(static.acceptance.checks if static.acceptance else []),
        ]
        verdict.append(
            Check(
                name="relaxed as asked",
                ok=False,
                refuses=False,
                detail=f"{told}; energy and forces are of a static run as asked",
            )
        )
        update = {name: getattr(static, name) for name in names} | {
            "structure": static.structure,
            "acceptance": Acceptance.of(verdict),
        }
        return relaxed.model_copy(update=update)

    def _question(self, structure: Structure, task: Task) -> str:
        return json.dumps(
            {"structure": structure.as_dict(), "task": task.model_dump(mode="json"), "numerics": self.numerics()},
            sort_keys=True,
            default=float,
        )

    def _command(self) -> str:
        command = os.path.expandvars(self.settings.vasp_command).strip()
        if not command or "$" in command:
            raise EngineUnavailableError(
                f"engine vasp has no command to run (vasp_command is {self.settings.vasp_command!r})",
                (
                    "set the variable CATHOLYTE_VASP_COMMAND or the key vasp_command, for example to 'srun vasp_std'; "
                    "`catholyte inputs` writes the files without it"
                ),
            )
        return command

    def _run(self, command: str, directory: Path, task: Task, label: str) -> None:
        """Run one stage in `directory` with the handlers of its kind."""
        from atomate2.vasp.run import run_vasp
        from custodian.custodian import CustodianError

        before = Path.cwd()
        os.chdir(directory)
        try:
            with warnings.catch_warnings():
                # custodian's validators read vasprun.xml and look for a POTCAR beside it, which POTCAR.spec replaces
                warnings.filterwarnings("ignore", message="No POTCAR file with matching TITEL")
                run_vasp(
                    vasp_cmd=command,
                    vasp_gamma_cmd=os.path.expandvars(self.settings.vasp_gamma_command).replace(
                        "$CATHOLYTE_VASP_GAMMA_COMMAND", command
                    ),
                    max_errors=self.settings.max_errors,
                    handlers=tuple(handler() for handler in handlers(task.kind, self.settings.frozen_time)),
                    wall_time=None if self.settings.wall_time is None else int(self.settings.wall_time),
                    vasp_job_kwargs={
                        "auto_npar": False,
                        "copy_magmom": False,
                        "output_file": "vasp.out",
                        "stderr_file": "std_err.txt",
                    },
                    custodian_kwargs={
                        "polling_time_step": self.settings.polling_time,
                        "monitor_freq": math.ceil(
                            min(MONITOR_SECONDS, self.settings.frozen_time / 2) / self.settings.polling_time
                        ),
                        "terminate_on_nonzero_returncode": False,
                    },
                    scratch_dir=None,  # type: ignore[arg-type]  # None: run here, where progress can be seen
                )
        except CustodianError as error:
            raise CalculationError(
                f"{label}: VASP gave no usable run: {_first_line(error)}{_damage(directory)}{_met(directory)}",
                f"the whole output is in {directory}; custodian.json lists every correction",
            ) from error
        except (
            TypeError,
            ValueError,
            KeyError,
            AttributeError,
            IndexError,
        ) as error:  # its handlers stumble over output that VASP left unfinished
            raise CalculationError(
                (
                    f"{label}: custodian failed on what VASP left: {type(error).__name__}: "
                    f"{_first_line(error)}{_met(directory)}"
                ),
                f"the whole output is in {directory}",
            ) from error
        finally:
            os.chdir(before)
            end_processes(directory)

    def _asked(self, structure: Structure, cell: VaspCell, task: Task, directory: Path) -> Asked:
        amounts = cell.structure.composition.get_el_amt_dict()
        manifest = directory / MANIFEST
        hashes = (
            {entry["element"]: entry["sha256"] for entry in json.loads(manifest.read_text())["files"]}
            if manifest.is_file()
            else {}
        )
        method = requested_method(structure, task, "")
        return Asked(
            structure=structure,
            cell=cell,
            task=task,
            electrons=sum(self.settings.potcars[element].valence * amount for element, amount in amounts.items()),
            bands=n_bands(cell, self.settings, method.spin_polarized) if isinstance(task, Dos) else None,
            version=self.settings.version,
            release=self.settings.functional_library,
            settings={
                **self.numerics(),
                **task.model_dump(mode="json"),
                "stages": [stage for stage, _ in stages(cell, task)],
            },
            hashes=hashes,
        )


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
        known.UnconvergedErrorHandler,
        known.NonConvergingErrorHandler,
        known.PositiveEnergyErrorHandler,
        FrozenRun,
    )
    return (known.VaspErrorHandler, *always, *statics, *([known.PotimErrorHandler] if kind == "relax" else []))


def _interrupted(directory: Path, structure: Structure, cell: VaspCell) -> Structure | None:
    """`structure` at the last positions that an interrupted relaxation wrote whole; None where it wrote none."""
    contcar = directory / "CONTCAR"
    try:
        last = read_contcar(contcar)
    except InputError:
        return None
    if [site.specie.symbol for site in last] != [site.specie.symbol for site in cell.structure]:
        return None
    coords = cell.restored(last.frac_coords.tolist())
    return Structure(last.lattice.matrix, structure.species_and_occu, coords, site_properties=structure.site_properties)


def _clear(directory: Path) -> None:
    """Remove what an interrupted or another run left, so that no old file is taken for a new one; the queue manager's
    files are not ours."""
    if directory.is_dir():
        for path in directory.iterdir():
            if path.is_dir() and (path.name in (PRECONVERGE, CANONICAL, MOVING, COPYING) or path.name.startswith(PART)):
                shutil.rmtree(path)
            elif path.is_file() and not path.name.startswith(QUEUE_FILES):
                path.unlink()


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
