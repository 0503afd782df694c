"""A user's own potential: any calculator of ASE, named by an entry point ``module:factory`` in a file of the user's."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ase.data import atomic_numbers
from pydantic import Field, field_validator

from ....configs.errors import InputError
from ....configs.models import Spec, Tier
from .backend import AseBackend, MomentsOf
from .checkpoint import checkpoint_digest, checkpoint_path

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["EntryPointBackend", "EntryPointSettings"]


#: calculators of this process, since their weights take time to load
_MADE: dict[str, Any] = {}


class EntryPointSettings(Spec):
    """Content of a file with the key ``calculator`` in the folder of ``CATHOLYTE_ENGINES``."""

    calculator: str = Field(pattern=r"^[\w.]+:\w+$", description="module:factory; the factory returns the calculator")
    arguments: dict[str, Any] = Field(default_factory=dict, description="handed to the factory by name")
    checkpoint: str | None = Field(
        None,
        description="file of weights, handed to the factory as `checkpoint`; part of a job's identity by its content",
    )
    version: str = Field(min_length=1, description="of the potential: part of a job's identity")
    functional: str = Field(min_length=1, description="what its energies are comparable with")
    elements: tuple[str, ...] | None = Field(None, description="that it was made for; every one where left out")
    moments: bool | MomentsOf = Field(
        "none", description="true: the calculator gives them; chgnet: from single points of CHGNet; none"
    )
    harmless: tuple[str, ...] = Field((), description="beginnings of its warnings that are known to be harmless")
    pace: float = Field(1.0, gt=0, description="time of a step, in units of CHGNet's")
    threads: int = Field(1, ge=1, description="CPU threads of one job, where it runs on PyTorch")

    @field_validator("elements")
    @classmethod
    def _are_elements(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        wrong = [symbol for symbol in value or () if symbol not in atomic_numbers]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: no element")
        return value


class EntryPointBackend(AseBackend):
    """The calculator that a user's file names."""

    tier: Tier
    resources: ClassVar[frozenset[str]] = frozenset({"threads", "pace", "harmless", "elements"})
    packages: ClassVar[tuple[str, ...]] = ()
    settings_class: ClassVar[type[Spec]] = EntryPointSettings
    examined_always: bool = True
    settings: EntryPointSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        own = self.settings.moments
        if isinstance(own, bool):
            self.has_moments = own
        else:
            self._take_moments_of(own)
        self.harmless = self.settings.harmless

    def version(self) -> str:
        """As the file says."""
        return self.settings.version

    def functional(self) -> str:
        """As the file says."""
        return self.settings.functional

    def numerics(self) -> dict[str, Any]:
        """The settings that can change a number; weights count by their content."""
        return {**super().numerics(), "checkpoint": self._digest()}

    def potential(self) -> str:
        """Entry point, arguments, and weights by content."""
        given = self.settings
        arguments = ", ".join(f"{key}={value!r}" for key, value in sorted(given.arguments.items()))
        weights = f", checkpoint {digest}" if (digest := self._digest()) else ""
        return f"{given.calculator}({arguments}){weights}"

    @property
    def examined_as(self) -> str:
        """With the text of the module, since it may change under the same version."""
        try:
            module = inspect.getsourcefile(self._factory())
        except TypeError:  # compiled
            module = None
        return f"{super().examined_as}, source {checkpoint_digest(Path(module)) if module else ''}"

    def pace(self) -> float:
        """As the file says."""
        return self.settings.pace

    def elements(self) -> frozenset[str] | None:
        """As the file says."""
        return None if self.settings.elements is None else frozenset(self.settings.elements)

    def calculator(self) -> Calculator:
        """What the factory returns.

        Raises
        ------
        InputError
            If it fails, or returns no calculator.
        """
        if (made := _MADE.get(self.potential())) is None:
            made = _MADE[self.potential()] = self._make()
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(self.settings.threads)
        return made

    def _make(self) -> Calculator:
        given = self.settings
        arguments = dict(given.arguments)
        if given.checkpoint is not None:
            arguments["checkpoint"] = str(checkpoint_path(self.name, given.checkpoint))
        factory = self._factory()
        try:
            found = factory(**arguments)
        except Exception as error:
            raise InputError(
                f"engine {self.name}: {given.calculator} failed: {type(error).__name__}: {' '.join(str(error).split())}"
            ) from None
        wanted = ("get_property", "calculate", "results")
        if not all(hasattr(found, name) for name in wanted):
            raise InputError(
                f"engine {self.name}: {given.calculator} returned no ASE calculator but {type(found).__name__}"
            )
        calculator: Calculator = found
        return calculator

    def _factory(self) -> Any:
        module, _, name = self.settings.calculator.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except Exception as error:
            raise InputError(
                f"engine {self.name}: calculator {self.settings.calculator!r} cannot be imported: "
                f"{type(error).__name__}: {' '.join(str(error).split())}",
                "the module must be importable here: PYTHONPATH, or an installed package",
            ) from None

    def _digest(self) -> str | None:
        file = self.settings.checkpoint
        return None if file is None else f"sha256:{checkpoint_digest(checkpoint_path(self.name, file))}"
