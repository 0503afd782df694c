"""An engine: a frozen, serialisable family of makers that all answer with the same document.

A flow is written once, over an injected :class:`Engine`. A new engine is one file in ``engines/``
with a class derived from :class:`EngineBackend`, one line in ``registry.py`` and one YAML in
``configs/engines``; the contract test then holds it to units, forces, stress, moments, tier and signature.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from jobflow import Job, Maker, OutputReference, job
from monty.json import MSONable
from pymatgen.core.structure import Structure

from ..configs.errors import EngineUnavailableError
from ..configs.models import Spec, Tier
from .documents import LARGE_FIELDS, CalculationDocument, Kind
from .tasks import Task

__all__ = ["CalculationMaker", "Engine", "EngineBackend"]

#: raised when the meaning of a stored document changes, so that older results are not reused
CONTRACT_VERSION = 1


class EngineBackend(ABC):
    """What one code can do. Instances hold the engine's own settings and nothing else.

    `settings` is the validated content of ``configs/engines/NAME.yaml`` after the user's overrides.
    """

    name: ClassVar[str]
    tier: ClassVar[Tier]
    kinds: ClassVar[tuple[Kind, ...]]
    #: settings that say where and how fast, never what: not part of a job's identity
    resources: ClassVar[frozenset[str]] = frozenset()
    #: False for an engine with one built-in level of theory
    needs_method: ClassVar[bool] = True
    settings: Spec

    @abstractmethod
    def __init__(self, settings: dict[str, Any]) -> None:
        """Validate `settings`; raise InputError naming a wrong key."""

    @abstractmethod
    def version(self) -> str:
        """Version of the installed code and of its data, or ``"missing"``; must not import the code."""

    def numerics(self) -> dict[str, Any]:
        """The settings that can change a number: part of a job's identity."""
        return self.settings.model_dump(mode="json", exclude=set(self.resources))

    @abstractmethod
    def estimate_seconds(self, n_atoms: int, task: Task) -> float:
        """Return the expected processor time in s, an order of magnitude from measured cells."""

    @abstractmethod
    def calculate(self, structure: Structure, task: Task, label: str, directory: Path) -> CalculationDocument:
        """Run `task` on `structure` in the empty or interrupted `directory`.

        Raises
        ------
        EngineUnavailableError
            If the code is not installed; the message says how to install it.
        CalculationError
            If it ran and did not converge, with the evidence in the message.
        """


@dataclass(frozen=True)
class Engine(MSONable):
    """A named engine with its settings; `maker(task)` gives the Maker to put in a flow.

    Parameters
    ----------
    name : str
        Name in the registry: ``chgnet``, ``gpaw``.
    settings : dict
        Overrides of ``configs/engines/NAME.yaml``.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def backend(self) -> EngineBackend:
        """The code behind the name."""
        from .registry import load_backend

        return load_backend(self.name, self.settings)

    def maker(self, task: Task) -> CalculationMaker:
        """Return the maker of one kind of calculation.

        Raises
        ------
        EngineUnavailableError
            If this engine has no such calculation.
        """
        backend = self.backend
        if task.kind not in backend.kinds:
            raise EngineUnavailableError(f"engine {self.name} has no calculation of kind {task.kind!r}; it has {', '.join(backend.kinds)}")
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
        A dumped :data:`~catholyte.workflows.tasks.Task`.
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
    def make(self, structure: Structure, label: str) -> CalculationDocument:
        """Run the calculation in the current directory.

        Parameters
        ----------
        structure : Structure
            With site property ``magmom`` (µB) where the material is magnetic.
        label : str
            Name of the material.
        """
        from pydantic import TypeAdapter

        task: Task = TypeAdapter(Task).validate_python(self.task)
        return self.engine.backend.calculate(structure, task, label, Path.cwd())

    def job_for(self, structure: Structure | OutputReference, label: str) -> Job:
        """`make`, typed as the job that the decorator returns, and named for people."""
        made: Job = self.make(structure, label)
        made.name = f"{label} {self.name}"
        return made
