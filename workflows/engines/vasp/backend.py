"""VASP: inputs from the recipe, run under custodian, answered with the one document.

Input sets and the runner are atomate2's; every tag is this package's own (:mod:`.inputs`). A polar slab runs
twice: wave functions without the dipole correction first, then with it (VASP wiki, LDIPOL).
"""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError, EngineUnavailableError, InputError
from ....configs.load import engine_settings
from ....configs.models import Tier
from ...documents import Acceptance, CalculationDocument, Check, Kind
from ...vasp_output.files import locate
from ...vasp_output.outcar import read_contcar, read_outcar
from ..acceptance import assess
from ..backend import EngineBackend, write_atomically
from ..tasks import Dos, MolecularDynamics, Relax, Static, Task
from .cells import VaspCell, vasp_cell
from .document import Asked, document_from_files
from .inputs import MANIFEST, Stage, n_bands, needs_stages, requested_method, write_inputs
from .parts import ASKED, COPYING, MOVING, PART, go_on, parts, salvage, set_aside, steps_per_chunk
from .runner import end_processes, run_stage
from .settings import RESOURCES, VaspSettings

__all__ = ["PRECONVERGE", "RehearsalBackend", "VaspBackend", "stages"]

#: folder of the first of two stages
PRECONVERGE = "preconverge"
#: folder of the static run that gives a relaxation its comparable energy back
CANONICAL = "canonical"
FINISHED = "finished"
#: what jobflow-remote keeps in the directory that its jobs run in
QUEUE_FILES = ("jfremote_", "remote_job_data", "additional_store_", "queue.", "submit.sh")


def stages(cell: VaspCell, task: Task) -> list[tuple[Stage, str]]:
    """The runs of one calculation: each with the folder, within the job's own, that it runs in."""
    return [("preconverge", PRECONVERGE), ("dipole", ".")] if needs_stages(cell, task) else [("only", ".")]


class VaspBackend(EngineBackend):
    """VASP through custodian, in the job's directory."""

    name: ClassVar[str] = "vasp"
    tier: Tier = "vasp"
    kinds: ClassVar[tuple[Kind, ...]] = ("relax", "static", "dos", "md")
    resources: ClassVar[frozenset[str]] = RESOURCES
    production: ClassVar[bool] = True
    settings: VaspSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = engine_settings("vasp", VaspSettings, settings)

    def version(self) -> str:
        """The version that the campaign asks for; which one ran stands in the signature of each result."""
        return f"VASP {self.settings.version}"

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Scaled from a static run of Mg2Mn4O8 (14 atoms, 680 eV, 4×4×4, 24 irreducible k points): 195 s of one core
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
                run_stage(command, directory / folder, task.kind, self.settings, label)
            for waves in (directory / PRECONVERGE / "WAVECAR", directory / "WAVECAR"):
                waves.unlink(missing_ok=True)
            if isinstance(task, MolecularDynamics):
                self._require_all_steps(directory, task, label)
            write_atomically(directory / FINISHED, "")
            document = document_from_files(directory, label, self.asked(structure, cell, task, directory))
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
                f"; at {seconds:.3g} s a step, chunks of {steps_per_chunk(seconds, self.settings.wall_time)} steps fit "
                "this wall time"
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
            document = document_from_files(directory, label, self.asked(structure, cell, task, directory))
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

    def asked(self, structure: Structure, cell: VaspCell, task: Task, directory: Path) -> Asked:
        """What a run of `task` on `structure`, whose files lie in `directory`, is held to."""
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


#: the stand-in for the binary, and names of POTCARs instead of licensed files; custodian looks often, since a run takes
#: a second
_STAND_IN: dict[str, Any] = {"vasp_command": "catholyte-rehearse", "potcar_spec": True, "polling_time": 1.0}


class RehearsalBackend(VaspBackend):
    """VASP's engine with ``catholyte-rehearse`` in place of the binary."""

    name: ClassVar[str] = "rehearsal"
    tier: Tier = "rehearsal"

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__({**_STAND_IN, **settings})

    def version(self) -> str:
        """No version of VASP: a rehearsal never answers for one."""
        return "rehearsal 1"

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Start of the stand-in and of the readers, and a few milliseconds a step."""
        return 15.0 + 0.01 * n_atoms * {"relax": 50, "md": getattr(task, "n_steps", 1)}.get(task.kind, 1)
