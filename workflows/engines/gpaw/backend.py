"""GPAW: PBE and PBE+U with plane waves and PAW on a laptop, in a process of its own.

The job's process never imports GPAW. It writes ``input.json`` into the job's directory, starts
:mod:`.process` there and reads ``result.json``; a complete result of an interrupted job is
recognised by the hash of its input and used instead of a second calculation.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field
from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError, EngineUnavailableError, InputError
from ....configs.load import engine_settings
from ....configs.models import Method, Spec, Tier
from ....configs.units import PositiveElectronVolt
from ...documents import CalculationDocument, Convergence, Kind, Signature
from ..backend import CONTRACT_VERSION, EngineBackend, moved, write_atomically
from ..tasks import MolecularDynamics, Task
from . import cycle
from .process import INPUT, LOG, RESULT, TEXT, TRAJECTORY, input_hash
from .ranks import ENVIRONMENT, MISMATCH, launcher, n_ranks

__all__ = ["GpawBackend", "GpawSettings"]

INSTALL_ADVICE = (
    "with g++ alone: write the four lines 'mpi = False', \"compiler = 'g++'\", 'noblas = True', 'nolibxc = True' to a "
    "file, name it in the variable GPAW_CONFIG, then pip install gpaw gpaw-data; the README shows the faster build "
    "with MPI"
)
#: lines of evidence quoted from the end of a log
EVIDENCE_LINES = 6


class GpawSettings(Spec):
    """Content of ``configs/engines/gpaw.yaml``."""

    processes: int = Field(
        ge=0,
        description=(
            "MPI ranks of one calculation; more than one needs a GPAW built with MPI; 0: all cores where no other job "
            "is left for them and GPAW has MPI, otherwise one"
        ),
    )
    mpi_command: Annotated[
        tuple[str, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
    ] = Field(
        min_length=1, description="put before the interpreter where processes > 1; {processes} stands for their number"
    )
    gamma_centred: bool = Field(
        description="true: the mesh holds Γ; false: Monkhorst-Pack, which leaves Γ out of even meshes"
    )
    energy_tolerance: PositiveElectronVolt = Field(
        description="eV per valence electron, largest change over three iterations"
    )
    total_energy_tolerance: PositiveElectronVolt | None = Field(
        None,
        description=(
            "eV per cell, where that is tighter than energy_tolerance: for differences between cells, as of vacancies; "
            "left out, it is no part of a job's identity"
        ),
    )
    density_tolerance: float = Field(gt=0, description="electrons per valence electron")
    eigenstates_tolerance: float = Field(gt=0, description="eV² per valence electron")
    max_iterations: int = Field(ge=1, description="of the self-consistent cycle")
    empty_bands: float = Field(ge=0, description="empty bands of a density of states per occupied band")
    min_empty_bands: int = Field(ge=4, description="fewest empty bands of a density of states")
    moment_scales: Annotated[
        tuple[float, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
    ] = Field(
        min_length=1,
        description=(
            "a magnetic cell with U starts from its initial moments times each of these; the state of lowest energy is "
            "kept"
        ),
    )
    use_symmetry: bool = Field(description="compute irreducible k points only")


class GpawBackend(EngineBackend):
    """GPAW in plane-wave mode, one child process per calculation."""

    name: ClassVar[str] = "gpaw"
    tier: Tier = "gpaw"
    kinds: ClassVar[tuple[Kind, ...]] = ("relax", "static", "dos")
    resources: ClassVar[frozenset[str]] = frozenset({"processes", "mpi_command"})
    settings: GpawSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = engine_settings("gpaw", GpawSettings, settings)

    def version(self) -> str:
        """Versions of GPAW and of its PAW data, ``"missing"`` where GPAW is not installed."""
        try:
            code = installed_version("gpaw")
        except PackageNotFoundError:
            return "missing"
        try:
            return f"{code}, gpaw-data {installed_version('gpaw-data')}"
        except PackageNotFoundError:
            return f"{code}, gpaw-data missing"

    def numerics(self) -> dict[str, Any]:
        """The settings that can change a number, without those left out: a later setting moves no identity."""
        return {key: value for key, value in super().numerics().items() if value is not None}

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """From 15 densities of states of 4 to 16 atoms, 400 to 800 eV, 3 to 512 k points (oxides of Li, Mn, Co, Ni; g++
        build, starts included): their geometric mean, from which they lie by about a factor of 4, those without moments
        below. A finer mesh adds less than its points: cells of few atoms have symmetry."""
        method = getattr(task, "method", None)
        if method is None:
            return 0.0
        steps = 20 if task.kind == "relax" else 1
        scaled: float = (
            115.0
            * steps
            * (n_atoms / 4) ** 2.2
            * (math.prod(method.kpoints) / 48) ** 0.4
            * (method.cutoff / 600) ** 1.5
        )
        return scaled

    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        """Run `task` on `structure`; ``directory`` holds the input, the logs and the result afterwards.

        Raises
        ------
        InputError
            If the task has no method, the cell is disordered, or a transition metal has no U.
        EngineUnavailableError
            If GPAW or its data is missing, or the task is molecular dynamics.
        CalculationError
            If the process died, did not converge, or the relaxation ran out of steps.
        """
        version = self.version()
        if version.endswith("missing"):
            missing = "gpaw" if version == "missing" else "gpaw-data"
            raise EngineUnavailableError(
                f"engine gpaw needs the package {missing}, which is not installed", INSTALL_ADVICE
            )
        if isinstance(task, MolecularDynamics):
            raise EngineUnavailableError(f"engine gpaw has no calculation of kind 'md'; it has {', '.join(self.kinds)}")
        method = _checked_method(structure, task, label)
        directory = directory.resolve()  # the child works inside it
        request = {
            "contract": CONTRACT_VERSION,
            "version": version,
            "structure": structure.as_dict(),
            "task": task.model_dump(mode="json"),
            "settings": self.settings.model_dump(mode="json", exclude_none=True),
        }
        text = json.dumps(request, sort_keys=True, default=float)
        result = _finished(directory, text)
        if result is None:
            ranks = n_ranks(self.settings.processes, method, self.settings.mpi_command)
            _prepare(directory, text)
            self._run(label, directory, ranks)
            result = _finished(directory, text)
        if result is None:
            raise CalculationError(f"{label}: GPAW ended without a result in {directory}: {_tail(directory / LOG)}")
        if not result["convergence"]["ionic"]:
            raise CalculationError(
                f"{label}: the relaxation did not reach its force limit: {result['convergence']['detail']}, "
                f"largest force {_largest(result['forces']):.4f} eV/Å, last energy {result['energy']:.6f} eV",
                "raise max_steps, or look at the structure: atoms that fly apart are not a matter of steps",
            )
        return self._document(structure, task, label, result, method)

    def _run(self, label: str, directory: Path, ranks: int) -> None:
        """Start the process, wait, and turn its death into an error with evidence."""
        command = [
            *launcher(ranks, self.settings.mpi_command),
            sys.executable,
            "-P",
            "-m",
            f"{__package__}.process",
            str(directory),
            f"{socket.gethostname()}:{os.getpid()}",
            str(ranks),
        ]
        with (directory / LOG).open("ab") as log:
            status = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, "OMP_NUM_THREADS": "1", **(ENVIRONMENT if ranks > 1 else {})},
                check=False,
            ).returncode
        if status == 0:
            return
        if status == MISMATCH:
            raise EngineUnavailableError(
                f"{label}: {command[0]} started {ranks} programs, but GPAW does not see {ranks} ranks: it was built "
                "with another MPI, or without one",
                "`make gpaw` builds it with the MPI of the Python package index; or name the launcher of its MPI in "
                "mpi_command; or set processes: 1",
            )
        if status < 0:
            raise CalculationError(
                (
                    f"{label}: the GPAW process was killed by {signal.Signals(-status).name}; its last output: "
                    f"{_tail(directory / TEXT)}"
                ),
                "SIGKILL is mostly the system running out of memory: fewer k points, a lower cutoff or a smaller cell",
            )
        log_end = _tail(directory / LOG)
        if "KohnShamConvergenceError" in log_end:
            raise CalculationError(
                (
                    f"{label}: the electronic cycle did not converge within {self.settings.max_iterations} iterations: "
                    f"{_iterations(directory / TEXT)}"
                ),
                "raise max_iterations or the smearing, or start from other moments",
            )
        raise CalculationError(
            f"{label}: GPAW failed with exit status {status}: {log_end}",
            f"the whole output is in {directory / LOG} and {directory / TEXT}",
        )

    def _document(
        self, structure: Structure, task: Task, label: str, result: dict[str, Any], method: Method
    ) -> CalculationDocument:
        elements = {element.symbol for element in structure.composition.remove_charges()}
        detail = "; ".join(filter(None, [result["convergence"]["detail"], *result["warnings"]]))
        moments = {} if result["magmoms"] is None else {"magmom": result["magmoms"]}
        return self.document(
            structure,
            task,
            label,
            structure=moved(structure, result["cell"], result["positions"], **moments),
            convergence=Convergence(
                **{**result["convergence"], "detail": detail}, max_force=_largest(result["forces"])
            ),
            signature=Signature(
                engine=self.name,
                version=self.version(),
                functional=f"{method.functional}+U" if any(method.hubbard_u.values()) else method.functional,
                hubbard_u={element: u for element, u in method.hubbard_u.items() if element in elements},
                potentials=result["potentials"],
                cutoff=method.cutoff,
                kpoint_density=float(math.prod(method.kpoints) * len(structure)),
                smearing=f"Fermi-Dirac {method.smearing:g} eV",
            ),
            settings={
                **self.settings.model_dump(mode="json", exclude_none=True),
                **task.model_dump(mode="json"),
                "processes": result["n_ranks"],
                **{key: result[key] for key in ("parameters", "setups", "n_irreducible_kpoints")},
            },
            **{
                key: result[key]
                for key in (
                    "energy",
                    "forces",
                    "stress",
                    "magmoms",
                    "total_magnetization",
                    "band_edges",
                    "dos",
                    "potential",
                    "trajectory",
                    "provenance",
                )
            },
        )


def _checked_method(structure: Structure, task: Task, label: str) -> Method:
    if task.method is None:
        raise InputError(
            f"{label}: engine gpaw needs a method (functional, cutoff, kpoints) for a calculation of kind {task.kind!r}"
        )
    if not structure.is_ordered:
        raise InputError(
            f"{label}: {structure.composition.reduced_formula} has partly occupied sites, which no "
            "electronic-structure code can run; order it first"
        )
    elements = [element for element in structure.composition.remove_charges() if element.is_transition_metal]
    without = [element.symbol for element in elements if element.symbol not in task.method.hubbard_u]
    if without:
        raise InputError(
            f"{label}: hubbard_u has no entry for {', '.join(sorted(without))}; every transition metal needs one, and "
            "no U is written as 0"
        )
    return task.method


def _prepare(directory: Path, text: str) -> None:
    """Write the input; what another input left behind is removed, the frames of the same one are kept."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / INPUT
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        for stale in (RESULT, TRAJECTORY, TEXT, LOG):
            (directory / stale).unlink(missing_ok=True)
        cycle.forget(directory)
        write_atomically(path, text)


def _finished(directory: Path, text: str) -> dict[str, Any] | None:
    """Return the result of exactly this input, or None."""
    path = directory / RESULT
    if not path.exists():
        return None
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result if result.pop("input_sha256") == input_hash(text) else None


def _largest(forces: list[list[float]]) -> float:
    return max(math.hypot(*force) for force in forces)


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]


def _tail(path: Path) -> str:
    lines = _lines(path)[-EVIDENCE_LINES:]
    return " | ".join(lines) if lines else f"{path.name} is empty"


def _iterations(path: Path) -> str:
    """The last iterations of the self-consistent cycle, as GPAW printed them."""
    return " | ".join([line for line in _lines(path) if line.startswith("iter:")][-3:]) or _tail(path)
