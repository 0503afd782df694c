"""Any potential that ASE can call as an engine: relaxation, static, molecular dynamics, one document.

A potential gives its ASE calculator and the settings of its YAML; all else has a plain default. ASE's own optimisers
and integrators are driven directly: the ready-made ASE jobs of the workflow libraries return neither moments nor a
signature.
"""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ....configs.errors import CalculationError, EngineUnavailableError, InputError
from ....configs.load import engine_settings
from ....configs.models import Spec
from ...documents import CalculationDocument, Convergence, Kind, Restart, Signature, Trajectory
from ..backend import EngineBackend, Stopwatch, moved
from ..registry import load_backend
from ..tasks import MolecularDynamics, Relax, Task
from .dynamics import Outcome, run_dynamics, stored_trajectory
from .guard import GUARDED, Verdict
from .verdicts import examined, found_verdict

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

__all__ = ["AseBackend", "MomentsOf"]

#: where the moments of an engine without moments come from: single points of another one, or nowhere
MomentsOf = Literal["chgnet", "none"]

#: Å, tolerance with which the space group of the starting cell is found
SYMMETRY_PRECISION = 1e-4
#: known to be harmless: the cell filter's matrix logarithm of a tiny strain, off by 1e-13; and the symmetry constraint,
#: which acts in the optimiser, dropped where a calculator converts the atoms to a structure
HARMLESS = ("logm result may be inaccurate", "Only FixAtoms and FixCartesian is supported")


class AseBackend(EngineBackend):
    """A potential with one built-in level of theory, in the job's own process.

    A subclass sets `name`, `tier`, `settings_class` and `packages`, and gives its :meth:`calculator`. It may serve
    cells with the elements of :data:`.guard.GUARDED` once it has passed the guard.
    """

    #: the code in signatures, where it runs under several names of engines; `name` where empty
    code: ClassVar[str] = ""

    kinds: ClassVar[tuple[Kind, ...]] = ("relax", "static", "md")
    needs_method: ClassVar[bool] = False
    has_moments: bool = False
    #: the engine whose single points give the moments; empty for one that has its own, or none
    moments_of: str = ""
    #: True for a potential whose units nobody here has looked at: the guard is asked whatever the cell holds
    examined_always: bool = False
    loading_seconds: ClassVar[float] = 5.0
    relaxes_height: ClassVar[bool] = True
    restarts: ClassVar[bool] = True
    #: what the engine's YAML is validated as
    settings_class: ClassVar[type[Spec]]
    #: distributions that it needs: the version of the first is the engine's
    packages: ClassVar[tuple[str, ...]]
    #: how to install them; pip by their names where empty
    install: ClassVar[str] = ""
    #: beginnings of warnings of the potential that are known to be harmless
    harmless: tuple[str, ...] = ()

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = engine_settings(self.name, self.settings_class, settings)

    @abstractmethod
    def calculator(self) -> Calculator:
        """Calculator of energy, eV, forces, eV/Å, and stress, eV/Å³; loaded once per process where that takes time."""

    def step_calculator(self) -> Calculator:
        """A cheaper one with the same numbers for the steps of relaxations and dynamics; the last step is computed
        again by :meth:`calculator`."""
        return self.calculator()

    def functional(self) -> str:
        """What the energies are comparable with, as the signature names it."""
        return self.name

    def potential(self) -> str:
        """Identity of the weights, as the signature names it."""
        return ", ".join(f"{key} {value}" for key, value in self.numerics().items())

    def pace(self) -> float:
        """Time of a step, in units of CHGNet's."""
        return 1.0

    def elements(self) -> frozenset[str] | None:
        """Symbols of the elements that it was made for; None where it does not say."""
        return None

    @property
    def examined_as(self) -> str:
        """The name under which the guard keeps its verdict: whatever can change a number."""
        return f"{self.code or self.name} {self.version()}, {self.potential()}"

    def verdict(self, again: bool = False) -> Verdict:
        """Return what the guard found, or examine now, in seconds.

        Parameters
        ----------
        again : bool
            Examine even where there is a verdict.
        """
        found = None if again else found_verdict(self.examined_as)
        if found is not None:
            return found
        with _without(*HARMLESS, *self.harmless):
            return examined(self.examined_as, self.calculator(), self.elements())

    def require(self, symbols: Collection[str]) -> None:
        """Raise InputError unless it was made for these elements and has passed the guard for them."""
        known = self.elements()
        unknown = sorted(set(symbols) - known) if known is not None else []
        if unknown:
            raise InputError(f"engine {self.name} knows no {', '.join(unknown)}: it was not made for this element")
        if (self.examined_always or GUARDED & set(symbols)) and self.version() != "missing":
            self.verdict().require(self.name, symbols)

    def version(self) -> str:
        """Version of the package, ``"missing"`` where it is not installed."""
        try:
            return installed_version(self.packages[0])
        except PackageNotFoundError:
            return "missing"

    def versions(self) -> dict[str, str]:
        """Versions for the provenance of a result."""
        others = (*self.packages[1:], "ase", "pymatgen")
        return {self.name: self.version(), **{package: installed_version(package) for package in others}}

    def signature(self) -> Signature:
        """What every energy at these settings shares."""
        return Signature(
            engine=self.code or self.name,
            version=self.version(),
            functional=self.functional(),
            hubbard_u={},
            potentials=self.potential(),
        )

    def moments(self, calculator: Calculator) -> list[float] | None:
        """Magnitudes of the moments of the last computation, µB, (n,); None for a potential that has none."""
        return [float(m) for m in np.ravel(calculator.results["magmoms"])] if self.has_moments else None

    def _take_moments_of(self, engine: MomentsOf) -> None:
        """Take moments from single points of another engine, or have none."""
        self.moments_of = "" if engine == "none" else engine
        self.has_moments = bool(self.moments_of)

    def _moments(self, atoms: Atoms, calculator: Calculator) -> dict[str, Any]:
        """Fields of the document: moments, and whose they are where they are another potential's."""
        if not self.moments_of:
            return {"magmoms": self.moments(calculator)}
        symbols = set(atoms.get_chemical_symbols())
        if not (any(Element(one).is_transition_metal for one in symbols) or atoms.get_initial_magnetic_moments().any()):
            return {"magmoms": None}
        where = {key: getattr(self.settings, key) for key in ("device", "threads") if hasattr(self.settings, key)}
        other = load_backend(self.moments_of, where)
        assert isinstance(other, AseBackend)
        other.require(symbols)
        again = atoms.copy()
        again.calc = other.calculator()
        with _without(*other.harmless):
            again.get_potential_energy()
        return {"magmoms": other.moments(again.calc), "moments_by": other.examined_as}

    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """From CHGNet on one thread: about 6 ms per atom and step of a dense oxide, 3 ms of an interface with a
        sulfide; :attr:`loading_seconds`; 100 steps a relaxation (measured); times :meth:`pace`."""
        steps, seconds = {"relax": (100, 0.006), "md": (getattr(task, "n_steps", 1), 0.003)}.get(task.kind, (1, 0.006))
        return self.loading_seconds + self.pace() * seconds * n_atoms * steps

    def proceed(
        self, structure: Structure, task: Task, label: str, directory: Path, restart: Restart
    ) -> CalculationDocument:
        """Go on with molecular dynamics exactly where another run ended."""
        return self.calculate(structure, task, label, directory, restart)

    def calculate(
        self, structure: Structure, task: Task, label: str, directory: Path, restart: Restart | None = None
    ) -> CalculationDocument:
        """Run `task`. Molecular dynamics keeps frames and checkpoint in `directory` and goes on from them; nothing else
        is written."""
        if self.version() == "missing":
            raise EngineUnavailableError(
                f"engine {self.name} needs the package {self.packages[0]}, which is not installed",
                self.install or f"pip install {' '.join(self.packages)}",
            )
        from ase import units
        from pymatgen.io.ase import AseAtomsAdaptor

        watch = Stopwatch()
        atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
        calculator = self.calculator()
        convergence, trajectory, outcome, kept = Convergence(electronic=True, max_force=0.0), None, None, {}
        with _without(*HARMLESS, *self.harmless):
            if isinstance(task, Relax):
                atoms.calc = self.step_calculator()
                convergence, trajectory = _relax(atoms, task, label)
            elif isinstance(task, MolecularDynamics):
                velocities = structure.site_properties.get("velocities")  # the adaptor drops them
                if velocities is not None:
                    atoms.set_velocities(np.asarray(velocities) / units.fs)
                atoms.calc = self.step_calculator()
                outcome = run_dynamics(atoms, task, directory, label, restart, self._metadata(task, label))
                convergence, trajectory = _steps_done(task, outcome), stored_trajectory(directory)
                kept = {"velocities": (atoms.get_velocities() * units.fs).tolist()}
            atoms.calc = calculator
            forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
        return self.document(
            structure,
            task,
            label,
            # ``magmom`` stays what the builder gave: the potential's moments have no sign and stand in the document
            structure=moved(structure, atoms.cell[:], atoms.get_positions(), **kept),
            energy=float(atoms.get_potential_energy()),
            forces=forces.tolist(),
            stress=stress.tolist(),
            **self._moments(atoms, calculator),
            moments_signed=False,
            convergence=convergence.model_copy(update={"max_force": float(np.linalg.norm(forces, axis=1).max())}),
            trajectory=trajectory,
            restart=outcome.restart if outcome else None,
            signature=self.signature(),
            settings={**self.settings.model_dump(mode="json"), **task.model_dump(mode="json")},
            provenance=watch.provenance(self.versions(), outcome.earlier_seconds if outcome else 0.0),
        )

    def _metadata(self, task: Task, label: str) -> dict[str, Any]:
        """What a trajectory says of itself."""
        who = {"tier": self.tier, "engine": f"{self.name} {self.version()}", "label": label}
        return {**who, **task.model_dump(mode="json", exclude_none=True)}


class _Recorder:
    """Collects frames while an optimiser runs."""

    def __init__(self, atoms: Atoms) -> None:
        self.atoms = atoms
        self.frames = Trajectory(positions=[], cells=[], energies=[])

    def __call__(self) -> None:
        self.frames.positions.append(self.atoms.get_positions().tolist())
        self.frames.cells.append(self.atoms.cell[:].tolist())
        self.frames.energies.append(float(self.atoms.get_potential_energy()))


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
                f"energy is {recorder.frames.energies[-1]:.6f} eV"
            ),
            "raise bulk.max_steps, or look at the structure: atoms that fly apart are not a matter of steps",
        )
    detail = f"FIRE, {steps} steps to {task.max_force} eV/Å"
    return Convergence(electronic=True, ionic=True, max_force=0.0, n_steps=steps, detail=detail), recorder.frames


def _steps_done(task: MolecularDynamics, outcome: Outcome) -> Convergence:
    resumed = "" if outcome.resumed is None else f", resumed at step {outcome.resumed}"
    return Convergence(
        electronic=True, max_force=0.0, n_steps=task.n_steps, detail=f"{task.thermostat}, {task.timestep} fs{resumed}"
    )


@contextmanager
def _without(*messages: str) -> Iterator[None]:
    """Keep quiet about warnings that begin so."""
    with warnings.catch_warnings():
        for message in messages:
            warnings.filterwarnings("ignore", message=message)
        yield
