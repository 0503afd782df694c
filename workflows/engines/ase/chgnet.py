"""CHGNet through ASE: relaxation, static, molecular dynamics.

CHGNet predicts energies on the MP2020-corrected PBE/PBE+U scale, and magnitudes of moments without
sign (Deng et al., Nature Machine Intelligence 5, 1031 (2023), doi:10.1038/s42256-023-00716-3).
ASE's own optimisers and integrators are driven directly: the ready-made ASE jobs of the workflow
libraries return neither moments nor a signature.
"""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from pydantic import Field
from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError, EngineUnavailableError
from ....configs.load import engine_settings
from ....configs.models import Spec, Tier
from ...documents import CalculationDocument, Convergence, Kind, Provenance, Restart, Signature, Trajectory
from ..backend import EngineBackend
from ..tasks import MolecularDynamics, Relax, Task
from .dynamics import Outcome, run_dynamics, stored_trajectory

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["ChgnetBackend", "ChgnetSettings", "EnergyForcesStress"]


#: Å, tolerance with which the space group of the starting cell is found
SYMMETRY_PRECISION = 1e-4


class ChgnetSettings(Spec):
    """Content of ``configs/engines/chgnet.yaml``."""

    weights: Literal["0.3.0", "0.2.0", "r2scan"]
    device: Literal["cpu", "cuda", "mps", "auto"]
    threads: int = Field(ge=1, description="CPU threads of one job")


class _Recorder:
    """Collects frames while an optimiser runs."""

    def __init__(self, atoms: Atoms) -> None:
        self.atoms = atoms
        self.positions: list[list[list[float]]] = []
        self.cells: list[list[list[float]]] = []
        self.energies: list[float] = []

    def __call__(self) -> None:
        self.positions.append(self.atoms.get_positions().tolist())
        self.cells.append(self.atoms.cell[:].tolist())
        self.energies.append(float(self.atoms.get_potential_energy()))

    def trajectory(self) -> Trajectory:
        return Trajectory(positions=self.positions, cells=self.cells, energies=self.energies)


class ChgnetBackend(EngineBackend):
    """CHGNet on CPU or GPU, in the job's own process."""

    name: ClassVar[str] = "chgnet"
    tier: ClassVar[Tier] = "chgnet"
    kinds: ClassVar[tuple[Kind, ...]] = ("relax", "static", "md")
    resources: ClassVar[frozenset[str]] = frozenset({"device", "threads"})
    needs_method: ClassVar[bool] = False
    relaxes_height: ClassVar[bool] = True
    restarts: ClassVar[bool] = True
    settings: ChgnetSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = engine_settings("chgnet", ChgnetSettings, settings)

    def version(self) -> str:
        """Version of the package, ``"missing"`` where it is not installed."""
        try:
            return installed_version("chgnet")
        except PackageNotFoundError:
            return "missing"

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """On one thread about 6 ms per atom and step of a dense oxide, 3 ms of an interface with a sulfide; 5 s to
        load; 100 steps a relaxation (measured)."""
        steps, seconds = {"relax": (100, 0.006), "md": (getattr(task, "n_steps", 1), 0.003)}.get(task.kind, (1, 0.006))
        return 5.0 + seconds * n_atoms * steps

    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        """Run `task`. Molecular dynamics keeps frames and checkpoint in `directory` and goes on from them; nothing else
        is written."""
        return self._calculate(structure, task, label, directory, None)

    def proceed(
        self, structure: Structure, task: Task, label: str, directory: Path, restart: Restart
    ) -> CalculationDocument:
        """Go on with molecular dynamics exactly where another run ended."""
        return self._calculate(structure, task, label, directory, restart)

    def _calculate(
        self, structure: Structure, task: Task, label: str, directory: Path, restart: Restart | None
    ) -> CalculationDocument:
        if self.version() == "missing":
            raise EngineUnavailableError(
                "engine chgnet needs the package chgnet, which is not installed",
                "pip install torch==2.13.0, then pip install chgnet",
            )
        from ase import units
        from pymatgen.io.ase import AseAtomsAdaptor

        pass

        started, clock, cpu = datetime.now(UTC), time.perf_counter(), time.process_time()
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        calculator = _calculator(self.settings.weights, self.settings.device, self.settings.threads)
        convergence, trajectory, outcome = Convergence(electronic=True, max_force=0.0), None, None
        with _known_warnings():
            if isinstance(task, Relax):
                atoms.calc = EnergyForcesStress(calculator.model, calculator.device)
                convergence, trajectory = _relax(atoms, task, label)
            elif isinstance(task, MolecularDynamics):
                velocities = structure.site_properties.get("velocities")  # the adaptor drops them
                if velocities is not None:
                    atoms.set_velocities(np.asarray(velocities) / units.fs)
                atoms.calc = EnergyForcesStress(calculator.model, calculator.device)
                metadata = {
                    "tier": self.tier,
                    "engine": f"{self.name} {self.version()}",
                    "label": label,
                    **task.model_dump(mode="json", exclude_none=True),
                }
                outcome = run_dynamics(atoms, task, directory, label, restart, metadata)
                convergence = _convergence(task, outcome)
                trajectory = stored_trajectory(directory)
            atoms.calc = calculator
            forces = atoms.get_forces()
            stress = atoms.get_stress(voigt=False)
        return CalculationDocument(
            label=label,
            kind=task.kind,
            tier=self.tier,
            formula=structure.composition.remove_charges().formula.replace(" ", ""),
            n_sites=len(structure),
            initial_structure=structure,
            structure=_moved(structure, atoms, with_velocities=isinstance(task, MolecularDynamics)),
            energy=float(atoms.get_potential_energy()),
            forces=forces.tolist(),
            stress=stress.tolist(),
            magmoms=[float(m) for m in np.ravel(atoms.calc.results["magmoms"])],
            moments_signed=False,
            convergence=convergence.model_copy(update={"max_force": float(np.linalg.norm(forces, axis=1).max())}),
            trajectory=trajectory,
            restart=outcome.restart if outcome else None,
            signature=self.signature(),
            settings={**self.settings.model_dump(), **task.model_dump(mode="json")},
            provenance=Provenance(
                host=socket.gethostname(),
                started=started.isoformat(),
                finished=datetime.now(UTC).isoformat(),
                wall_seconds=time.perf_counter() - clock + (outcome.earlier_seconds if outcome else 0.0),
                cpu_seconds=time.process_time() - cpu,
                versions={package: installed_version(package) for package in ("chgnet", "torch", "ase", "pymatgen")},
            ),
        )

    def signature(self) -> Signature:
        """What every energy of these weights shares."""
        functional = "CHGNet r2SCAN" if self.settings.weights == "r2scan" else "CHGNet PBE/PBE+U, MP2020-corrected"
        return Signature(
            engine=self.name,
            version=self.version(),
            functional=functional,
            hubbard_u={},
            potentials=f"weights {self.settings.weights}",
        )


@cache
def _calculator(weights: str, device: str, threads: int) -> Any:
    """Load the model once per process."""
    import contextlib
    import io

    import torch
    from chgnet.model import CHGNet, CHGNetCalculator

    torch.set_num_threads(threads)
    use_device = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    with contextlib.redirect_stdout(io.StringIO()):
        model = CHGNet.load(model_name=weights, use_device=use_device, verbose=False)
        return CHGNetCalculator(model=model, use_device=use_device)


@contextmanager
def _known_warnings() -> Iterator[None]:
    """Keep quiet about what is known to be harmless."""
    with warnings.catch_warnings():
        # chgnet builds a tensor of cell volumes from tensors that carry gradients; the values are right
        warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
        # the cell filter's matrix logarithm of a tiny strain, off by 1e-13
        warnings.filterwarnings("ignore", message="logm result may be inaccurate")
        # the symmetry constraint acts in the optimiser; the model's own conversion to a structure drops it
        warnings.filterwarnings("ignore", message="Only FixAtoms and FixCartesian is supported")
        yield


def _convergence(task: MolecularDynamics, outcome: Outcome) -> Convergence:
    resumed = "" if outcome.resumed is None else f", resumed at step {outcome.resumed}"
    return Convergence(
        electronic=True, max_force=0.0, n_steps=task.n_steps, detail=f"{task.thermostat}, {task.timestep} fs{resumed}"
    )


def _relax(atoms: Atoms, task: Relax, label: str) -> tuple[Convergence, Trajectory]:
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE

    recorder = _Recorder(atoms)
    if task.keep_symmetry:
        atoms.set_constraint(FixSymmetry(atoms, symprec=SYMMETRY_PRECISION))
    with open(os.devnull, "w") as log:
        mask = [False, False, True, False, False, False] if task.relax_cell == "height" else None  # Voigt order: zz
        optimizer = FIRE(FrechetCellFilter(atoms, mask=mask) if task.relax_cell else atoms, logfile=log)
        optimizer.attach(recorder)
        converged = optimizer.run(fmax=task.max_force, steps=task.max_steps)
    steps = int(optimizer.get_number_of_steps())
    atoms.set_constraint()
    if not converged:
        raise CalculationError(
            (
                f"{label}: the relaxation did not reach {task.max_force} eV/Å within {task.max_steps} steps; the last "
                f"energy is {recorder.energies[-1]:.6f} eV"
            ),
            "raise bulk.max_steps, or look at the structure: atoms that fly apart are not a matter of steps",
        )
    return Convergence(
        electronic=True,
        ionic=True,
        max_force=0.0,
        n_steps=steps,
        detail=f"FIRE, {steps} steps to {task.max_force} eV/Å",
    ), recorder.trajectory()


def _moved(structure: Structure, atoms: Atoms, with_velocities: bool) -> Structure:
    """Return `structure` with the atoms' new cell and positions; every site property is kept.

    ``magmom`` stays what the builder gave: the model's moments have no sign and stand in the document.
    """
    from ase import units

    properties = dict(structure.site_properties)
    if with_velocities:
        properties["velocities"] = (atoms.get_velocities() * units.fs).tolist()
    return Structure(
        atoms.cell[:],
        structure.species_and_occu,
        atoms.get_positions(),
        coords_are_cartesian=True,
        site_properties=properties,
        to_unit_cell=False,
    )


class EnergyForcesStress(Calculator):
    """Energy, eV, forces, eV/Å, and stress, eV/Å³, of a CHGNet model; moments are not computed.

    The model differentiates its energy twice, by positions and by strain, such that a loss could differentiate the
    result again, and
    keeps everything for that. Here the energy is differentiated once, by the fractional coordinates and the lattice of
    the graph: the
    same forces and stress, to the rounding of single precision, in less time and memory. With the lattice vectors as
    rows of L, the
    fractional coordinates held and V the volume, the stress is Lᵀ (dE/dL) / V.

    Parameters
    ----------
    model : chgnet.model.CHGNet
    device : str
        Where the model lies.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE's own name and type)

    def __init__(self, model: Any, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model, self.device = model.eval(), device

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """What has changed since the last computation, to the last bit: ASE's own comparison costs a percent of a step,
        five times a step."""
        last = self.atoms
        same = last is not None and all(
            np.array_equal(mine, theirs)
            for mine, theirs in (
                (last.positions, atoms.positions),
                (last.cell[:], atoms.cell[:]),
                (last.numbers, atoms.numbers),
                (last.pbc, atoms.pbc),
            )
        )
        return [] if same else list(all_changes)

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Compute all, whatever of them is asked for."""
        import torch
        from pymatgen.io.ase import AseAtomsAdaptor

        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = AseAtomsAdaptor.get_structure(self.atoms)  # type: ignore[arg-type]
        graph = self.model.graph_converter(structure).to(self.device)
        energy = self.model([graph], task="e")["e"].sum()
        by_fraction, by_lattice = (
            gradient.cpu().numpy().astype(float)
            for gradient in torch.autograd.grad(energy, (graph.atom_frac_coord, graph.lattice))
        )
        scale, matrix = len(structure) if self.model.is_intensive else 1, structure.lattice.matrix
        whole = scale * float(energy.detach())
        virial = scale * matrix.T @ by_lattice
        self.results = {
            "energy": whole,
            "free_energy": whole,
            "forces": -scale * np.linalg.solve(matrix, by_fraction.T).T,
            "stress": full_3x3_to_voigt_6_stress(virial / structure.volume),
        }
