"""What a code must offer to be an engine."""

from __future__ import annotations

import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from pymatgen.core.structure import Structure

from ...configs.errors import EngineUnavailableError
from ...configs.models import Method, Spec, Tier
from ...configs.trust import Trust, declared_trust
from ..documents import CalculationDocument, Kind, Provenance, Restart
from .bands import EndPoint, FoundBand
from .tasks import ElasticBand, Task

__all__ = ["CONTRACT_VERSION", "EngineBackend", "Stopwatch", "moved", "write_atomically"]

#: raised when the meaning of a stored document changes, so that older results are not reused
CONTRACT_VERSION = 1


class EngineBackend(ABC):
    """What one code can do. Instances hold the engine's own settings and nothing else.

    `settings` is the validated content of ``configs/engines/NAME.yaml`` after the user's overrides.
    """

    name: ClassVar[str]
    #: names the file with the block `trust`, and stands in every document
    tier: Tier
    kinds: ClassVar[tuple[Kind, ...]]
    #: settings that say where and how fast, never what: not part of a job's identity
    resources: ClassVar[frozenset[str]] = frozenset()
    #: False for an engine with one built-in level of theory
    needs_method: ClassVar[bool] = True
    #: False for an engine whose documents hold no magnetic moments: their absence is told, not refused
    has_moments: bool = True
    #: s of processor time before the first step, part of every estimate
    loading_seconds: ClassVar[float] = 0.0
    #: True for an engine that relaxes the height of a cell alone
    relaxes_height: ClassVar[bool] = False
    #: True for an engine whose molecular dynamics goes on from the state in a document, by `proceed`; others take
    #: positions and velocities
    restarts: ClassVar[bool] = False
    #: True for an engine that runs a recipe's section `vasp`
    production: ClassVar[bool] = False
    #: True for an engine that computes elastic bands of end points that it has relaxed, by `find_band`
    finds_bands: ClassVar[bool] = False
    settings: Spec

    @abstractmethod
    def __init__(self, settings: dict[str, Any]) -> None:
        """Validate `settings`; raise InputError naming a wrong key."""

    @abstractmethod
    def version(self) -> str:
        """Version of the installed code and of its data, or ``"missing"``; must not import the code."""

    @property
    def trust(self) -> Trust:
        """What its numbers are worth; never part of a job's identity."""
        return declared_trust(self.tier)

    def numerics(self) -> dict[str, Any]:
        """The settings that can change a number: part of a job's identity."""
        return self.settings.model_dump(mode="json", exclude=set(self.resources))

    def require(self, symbols: Collection[str]) -> None:  # noqa: B027 (most engines may calculate any cell)
        """Raise unless the engine may calculate cells of these elements; asked before anything runs.

        Parameters
        ----------
        symbols : collection of str
            Of the elements of a cell.

        Raises
        ------
        InputError
            Naming the elements, and why.
        """

    def method_of_stress(self, structure: Structure, method: Method) -> Method:
        """Return a level of theory at which the stress of a cell is converged; the given one where nothing says more.

        Parameters
        ----------
        structure : Structure
        method : Method
        """
        return method

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

    def proceed(
        self, structure: Structure, task: Task, label: str, directory: Path, restart: Restart
    ) -> CalculationDocument:
        """Run `task` from exactly the state in which another run ended.

        Raises
        ------
        EngineUnavailableError
            If this engine has no such state.
        """
        raise EngineUnavailableError(
            f"engine {self.name} does not go on from a stored state; its dynamics go on from positions and velocities"
        )

    def find_band(self, ends: tuple[EndPoint, EndPoint], task: ElasticBand, label: str, directory: Path) -> FoundBand:
        """Find the way of lowest energy between two relaxed cells, in the empty or interrupted `directory`.

        Raises
        ------
        EngineUnavailableError
            If this engine computes no bands.
        CalculationError
            If the band does not converge.
        """
        raise EngineUnavailableError(
            f"engine {self.name} computes no bands here: they need hundreds of forces in one process",
            "take a potential such as chgnet, and single points of the other engine on its images",
        )

    def document(self, structure: Structure, task: Task, label: str, /, **results: Any) -> CalculationDocument:
        """Return the document of `task` on `structure` with the `results`, which are fields of the document."""
        return CalculationDocument(
            label=label,
            kind=task.kind,
            tier=self.tier,
            formula=structure.composition.remove_charges().formula.replace(" ", ""),
            n_sites=len(structure),
            initial_structure=structure,
            **results,
        )


class Stopwatch:
    """Runs from where it is made; tells who computed, when and for how long."""

    def __init__(self) -> None:
        self.started, self.wall, self.cpu = datetime.now(UTC), time.perf_counter(), time.process_time()

    def provenance(self, versions: dict[str, str], earlier: float = 0.0) -> Provenance:
        """Return the provenance of what has been computed since the start.

        Parameters
        ----------
        versions : dict
            Package to version.
        earlier : float
            s, wall time of the attempts before this one.
        """
        return Provenance(
            host=socket.gethostname(),
            started=self.started.isoformat(),
            finished=datetime.now(UTC).isoformat(),
            wall_seconds=time.perf_counter() - self.wall + earlier,
            cpu_seconds=time.process_time() - self.cpu,
            versions=versions,
        )


def moved(structure: Structure, cell: Any, positions: Any, **properties: Any) -> Structure:
    """Return `structure` with another cell, (3, 3) Å, and positions, (n, 3) Å; site properties are kept, those given
    replaced."""
    return Structure(
        cell,
        structure.species_and_occu,
        positions,
        coords_are_cartesian=True,
        site_properties={**structure.site_properties, **properties},
        to_unit_cell=False,
    )


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that `path` holds either all of it or what it held before."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
