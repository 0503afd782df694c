"""An engine: a frozen, serialisable family of makers that all answer with the same document.

A flow is written once, over an injected :class:`Engine`. A new engine is one file in ``engines/`` with a class derived
from :class:`~.backend.EngineBackend` (a potential that ASE can call: :class:`~.ase.backend.AseBackend`), one line in
``registry.py``, one YAML in ``configs/engines`` and one case of the contract test, which then holds it to units,
forces, stress, moments, tier and signature.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobflow import Job, Maker, OutputReference, job
from monty.json import MSONable
from pymatgen.core.structure import Structure

from ...configs.errors import EngineUnavailableError
from ..documents import LARGE_FIELDS, CalculationDocument, Restart
from ..roles import Role, read_role
from .acceptance import accept
from .backend import CONTRACT_VERSION, EngineBackend
from .registry import load_backend
from .tasks import Relax, Task, read_task

__all__ = ["CalculationMaker", "Engine"]


@dataclass(frozen=True)
class Engine(MSONable):
    """A named engine with its settings; `maker(task)` gives the Maker to put in a flow.

    Parameters
    ----------
    name : str
        Name in the registry: ``chgnet``, ``gpaw``, ``vasp``.
    settings : dict
        Overrides of ``configs/engines/NAME.yaml``.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def backend(self) -> EngineBackend:
        """The code behind the name."""
        return load_backend(self.name, self.settings)

    def handing_on(self) -> Engine:
        """The same engine, which keeps what a job that starts from the result can begin with; no part of an
        identity."""
        if "hand_on" not in self.backend.resources:
            return self
        return Engine(self.name, {**self.settings, "hand_on": True})

    def maker(self, task: Task) -> CalculationMaker:
        """Return the maker of one kind of calculation.

        Raises
        ------
        EngineUnavailableError
            If this engine has no such calculation.
        """
        backend = self.backend
        if task.kind not in backend.kinds:
            raise EngineUnavailableError(
                f"engine {self.name} has no calculation of kind {task.kind!r}; it has {', '.join(backend.kinds)}"
            )
        if isinstance(task, Relax) and task.relax_cell == "height" and not backend.relaxes_height:
            raise EngineUnavailableError(f"engine {self.name} does not relax the height of a cell alone")
        return CalculationMaker(
            name=f"{self.name} {task.kind}",
            engine=self,
            task=task.model_dump(mode="json"),
            code=f"{self.name} {backend.version()}",
            numerics=backend.numerics(),
        )


@dataclass
class CalculationMaker(Maker):
    """One calculation as a job.

    Parameters
    ----------
    name : str
        Shown to people; not part of the job's identity.
    engine : Engine
    task : dict
        A dumped :data:`~catholyte.workflows.engines.tasks.Task`.
    code : str
        Engine and version asked for: part of the identity, so that an upgrade recomputes.
    numerics : dict
        The engine's settings in force that can change a number; the rest of its settings is not
        part of the identity.
    contract : int
        Version of what a stored document means.
    """

    name: str = "calculation"
    engine: Engine = field(default_factory=lambda: Engine("chgnet"))
    task: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    numerics: dict[str, Any] = field(default_factory=dict)
    contract: int = CONTRACT_VERSION

    @job(data=list(LARGE_FIELDS), output_schema=CalculationDocument)
    def make(
        self, structure: Structure, label: str, restart: Restart | None = None, role: dict[str, Any] | None = None
    ) -> CalculationDocument:
        """Run the calculation in the current directory and let its result through the acceptance gate.

        Parameters
        ----------
        structure : Structure
            With site property ``magmom`` (µB) where the material is magnetic.
        label : str
            Name of the material.
        restart : Restart, optional
            The state to go on from exactly, of the document of another run.
        role : dict, optional
            A dumped :data:`~catholyte.workflows.roles.Role`; no part of the job's identity.

        Raises
        ------
        CalculationError
            If the calculation failed, or its result is not accepted.
        """
        task, backend = read_task(self.task), self.engine.backend
        backend.require({site.specie.symbol for site in structure})
        if restart is None:
            document = backend.calculate(structure, task, label, Path.cwd())
        else:
            document = backend.proceed(structure, task, label, Path.cwd(), Restart.model_validate(restart))
        accepted = accept(document, task, backend.has_moments)
        return accepted.model_copy(update={"role": read_role(role)})

    def job_for(
        self,
        structure: Structure | OutputReference,
        label: str,
        restart: Restart | OutputReference | None = None,
        role: Role | None = None,
    ) -> Job:
        """`make`, typed as the job that the decorator returns, and named for people."""
        given: dict[str, Any] = {} if restart is None else {"restart": restart}  # a job without it keeps its identity
        if role is not None:
            given["role"] = role.model_dump()
        made: Job = self.make(structure, label, **given)
        made.name = f"{label} {self.name}"
        return made
