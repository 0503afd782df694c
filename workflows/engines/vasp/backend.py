"""VASP: inputs from the recipe, run under custodian, answered with the one document.

Input sets and the runner are atomate2's; every tag is this package's own (:mod:`.inputs`), and so are the runs that a
calculation consists of (:mod:`.stages`).
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError, EngineUnavailableError, InputError
from ....configs.load import engine_settings
from ....configs.models import Method, Tier
from ...documents import Acceptance, CalculationDocument, Check, Kind
from ...vasp_output.files import locate
from ...vasp_output.outcar import read_contcar, read_outcar
from ..acceptance import assess
from ..backend import EngineBackend, write_atomically
from ..bands import EndPoint, FoundBand
from ..tasks import Dos, ElasticBand, MolecularDynamics, Relax, Task
from . import stages
from .band import BandRun, band_question
from .cells import VaspCell, vasp_cell
from .document import Asked, document_from_files
from .handed import CHARGE, WAVES, Handed, find_handed, hand_on, used_symmetry
from .heights import FIRST, at_height, best_height, further_height, placed_in
from .inputs import MANIFEST, cutoff_of, n_bands, requested_method, write_inputs
from .parts import ASKED, COPYING, MOVING, PART, Part, go_on, parts, salvage, set_aside, steps_per_chunk
from .runner import end_processes, run_stage
from .settings import RESOURCES, VaspSettings
from .stages import CANONICAL, HEIGHT, Run, final_static, needs_static, runs_of
from .trials import STARTS, Asking, try_starts

__all__ = ["CANONICAL", "FINISHED", "VaspBackend"]

FINISHED = "finished"
#: what jobflow-remote keeps in the directory that its jobs run in
QUEUE_FILES = ("jfremote_", "remote_job_data", "additional_store_", "queue.", "submit.sh")


#: folders of a calculation that another one would take for its own
_FOLDERS = (stages.PRECONVERGE, CANONICAL, MOVING, COPYING)


class VaspBackend(EngineBackend):
    """VASP through custodian, in the job's directory."""

    name: ClassVar[str] = "vasp"
    tier: Tier = "vasp"
    kinds: ClassVar[tuple[Kind, ...]] = ("relax", "static", "dos", "md")
    resources: ClassVar[frozenset[str]] = RESOURCES
    production: ClassVar[bool] = True
    finds_bands: ClassVar[bool] = True
    relaxes_height: ClassVar[bool] = True
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

    def method_of_stress(self, structure: Structure, method: Method) -> Method:
        """The level of theory at the cutoff of a cell relaxation."""
        cutoff = cutoff_of(vasp_cell(structure), Relax(relax_cell=True), method, self.settings)
        return method.model_copy(update={"cutoff": cutoff})

    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        """Write the inputs, run VASP under custodian, read the result.

        A directory that already holds a complete run of exactly this input is read instead of run again. Several
        electronic states are tried where there may be several, and the lowest is kept; a cell that was relaxed gets its
        energy from a static run, and a height from relaxations at several.

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
        if isinstance(task, Relax) and task.relax_cell == "height":
            document = self._at_best_height(structure, task, label, directory)
        else:
            document = self._answer(structure, task, label, directory)
        if self.settings.hand_on:
            last = directory / CANONICAL if (directory / CANONICAL / FINISHED).is_file() else directory
            hand_on(document.structure, task, self.settings, directory, self.tier, last)
        _drop_waves(directory)
        return document

    def find_band(self, ends: tuple[EndPoint, EndPoint], task: ElasticBand, label: str, directory: Path) -> FoundBand:
        """Run the band in `directory`, or go on with that of a run which was killed; a finished one is read."""
        requested_method(ends[0].structure, task, label)
        band, question = (
            BandRun(ends, task, self.settings, label, directory),
            band_question(ends, task, self.numerics()),
        )
        asked, finished = directory / ASKED, directory / FINISHED
        mine = asked.is_file() and asked.read_text(encoding="utf-8") == question
        if not (mine and finished.is_file()):
            command = self._command()
            end_processes(directory)
            if not (mine and band.go_on()):
                _clear(directory)
                write_atomically(asked, question)
                band.write()
            write_atomically(finished, str(band.run(command)))
        return band.read(self.asked, int(finished.read_text(encoding="utf-8")))

    def _answer(
        self, structure: Structure, task: Task, label: str, directory: Path, given: Handed | None = None
    ) -> CalculationDocument:
        """The document of one calculation in one cell, or one that relaxes with it."""
        cell = vasp_cell(structure, label)
        question = self._question(structure, task)
        asked = directory / ASKED
        mine = asked.is_file() and asked.read_text(encoding="utf-8") == question
        document = self._finished(structure, cell, task, label, directory) if mine else None
        if document is None:
            command = self._command()
            end_processes(directory)
            start = _interrupted(directory, structure, cell) if mine and isinstance(task, Relax) else None
            last = self._last_part(task, directory) if mine else None
            if last is None:
                _clear(directory)
            asked.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(asked, question)
            if given is None and not isinstance(task, MolecularDynamics):
                given = find_handed(start or structure, task, self.settings, directory, self.tier)
            self._run(Asking(command, structure, cell, task, label, directory), start, given or Handed(), last)
            if isinstance(task, MolecularDynamics):
                self._require_all_steps(directory, task, label)
            write_atomically(directory / FINISHED, "")
            document = document_from_files(directory, label, self.asked(structure, cell, task, directory))
        if isinstance(task, Relax) and (document.signature.altered or needs_static(cell, task)):
            return self._canonical(document, task, label, directory)
        return document

    def _last_part(self, task: Task, directory: Path) -> Part | None:
        """The last part of dynamics that was interrupted, from which it goes on."""
        if not isinstance(task, MolecularDynamics) or (directory / FINISHED).is_file():
            return None
        last = set_aside(directory)
        if last is not None and sum(len(part.frames) for part in parts(directory)) >= task.n_steps:
            return None  # every step was taken and only the end is damaged: there is nothing to go on with
        return last

    def _run(self, asking: Asking, start: Structure | None, given: Handed, last: Part | None) -> None:
        """Try the starts, and run what was asked from the lowest of them."""
        structure, task, directory = start or asking.structure, asking.task, asking.directory
        *trials, main = runs_of(asking.cell, task, self.settings, given.given)
        if trials:
            kept, told = try_starts(asking, structure, self.settings, trials)
            waves = directory / kept.folder / WAVES
            main = replace(main, start=kept.start, given="waves" if waves.is_file() else "nothing")
            if waves.is_file():
                shutil.move(waves, directory / WAVES)
            write_atomically(directory / STARTS, json.dumps(told))
        main = replace(main, symmetric=given.symmetric)
        write_inputs(structure, task, self.settings, directory, main)
        given.lay_into(directory)
        if last is not None and isinstance(task, MolecularDynamics):
            go_on(last, task.n_steps - sum(len(part.frames) for part in parts(directory)), directory)
        run_stage(asking.command, directory, task.kind, self.settings, asking.label)
        if isinstance(task, Relax):
            self._relax_on(asking, task, main)

    def _relax_on(self, asking: Asking, task: Relax, main: Run) -> None:
        """Go on with a relaxation that ended with its run, not with its forces, up to the steps of the task."""
        directory, done = asking.directory, 0
        while True:
            steps, converged = stages.ionic_steps(directory)
            done += steps
            if converged or steps < self.settings.steps_per_run or done >= task.max_steps:
                return
            following = _interrupted(directory, asking.structure, asking.cell)
            if following is None:
                return
            stages.keep_inputs(directory)
            waves = (directory / WAVES).is_file() and (directory / WAVES).stat().st_size > 0
            left = task.model_copy(update={"max_steps": task.max_steps - done})
            write_inputs(
                following, left, self.settings, directory, replace(main, given="waves" if waves else "nothing")
            )
            run_stage(asking.command, directory, task.kind, self.settings, asking.label)

    def _at_best_height(self, structure: Structure, task: Relax, label: str, directory: Path) -> CalculationDocument:
        """Relax at several heights, and at that of the lowest point of a parabola through them."""
        fixed = task.model_copy(update={"relax_cell": False})
        found: dict[float, CalculationDocument] = {}
        given: Handed | None = None
        following: float | None = FIRST[0]
        while following is not None:
            factor = following
            place = directory / f"{HEIGHT}{factor:g}"
            near = min(found, key=lambda other: abs(other - factor), default=None)
            base = structure if near is None else placed_in(structure, found[near].structure, near)
            found[factor] = self._answer(at_height(base, factor), fixed, label, place, given)
            given = _waves_of(place)
            energies = {height: document.energy for height, document in found.items()}
            untried = [height for height in FIRST if height not in found]
            following = untried[0] if untried else further_height(energies, label)
        best = best_height(energies)
        near = min(found, key=lambda other: abs(other - best))
        start = at_height(placed_in(structure, found[near].structure, near), best)
        document = self._answer(start, fixed, label, directory, _waves_of(directory / f"{HEIGHT}{near:g}"))
        told = ", ".join(f"{height:g}: {energies[height]:.4f} eV" for height in sorted(energies))
        checks = document.acceptance.checks if document.acceptance else []
        height = Check(name="height by a parabola", ok=True, detail=f"{best:.4f} of the given height ({told})")
        update = {"initial_structure": structure, "acceptance": Acceptance.of([*checks, height])}
        return document.model_copy(update=update)

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

        A cell is relaxed at a higher cutoff, and an error handler may have changed a setting that energies depend on; a
        static run makes the energy comparable again. Where it cannot, the changed signature stands, and subtraction is
        refused.
        """
        static = self._answer(
            relaxed.structure, final_static(task), label, directory / CANONICAL, _waves_of(directory) or Handed()
        )
        names = ("energy", "forces", "stress", "magmoms", "total_magnetization", "band_edges", "signature")
        changed = "; ".join(f"{tag}: {change}" for tag, change in relaxed.signature.altered.items())
        told = changed or f"the cell was relaxed at {relaxed.signature.cutoff:g} eV"
        verdict = [
            *(relaxed.acceptance.checks if relaxed.acceptance else []),
            *(static.acceptance.checks if static.acceptance else []),
        ]
        verdict.append(
            Check(
                name="relaxed as asked",
                ok=not changed,
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
        method, potcars = requested_method(structure, task, ""), self.settings.potcars_of(task)
        starts = directory / STARTS
        return Asked(
            structure=structure,
            cell=cell,
            task=task,
            electrons=sum(potcars[element].valence * amount for element, amount in amounts.items()),
            bands=n_bands(cell, self.settings, method.spin_polarized) if isinstance(task, Dos) else None,
            version=self.settings.version,
            release=self.settings.functional_library,
            settings={
                **self.numerics(),
                **task.model_dump(mode="json"),
                "starts": json.loads(starts.read_text(encoding="utf-8")) if starts.is_file() else [],
            },
            hashes=hashes,
        )


def _waves_of(directory: Path) -> Handed | None:
    """The wave functions that the run in a directory has left."""
    file = directory / WAVES
    return Handed("waves", file, used_symmetry(directory)) if file.is_file() and file.stat().st_size else None


def _drop_waves(directory: Path) -> None:
    """Remove wave functions and charge densities that nobody reads any more."""
    for name in (WAVES, CHARGE):
        for left in (directory / name, *directory.glob(f"*/{name}"), *directory.glob(f"*/*/{name}")):
            left.unlink(missing_ok=True)


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
            ours = path.name in _FOLDERS or path.name.startswith((PART, stages.START, stages.EARLIER))
            if path.is_dir() and (ours or re.fullmatch(r"\d\d", path.name)):  # images of a band
                shutil.rmtree(path)
            elif path.is_file() and not path.name.startswith(QUEUE_FILES):
                path.unlink()
