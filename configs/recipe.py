"""One campaign: a recipe with its sections, the settings its source states, and the choices it leaves open."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from .models import Spec, check_elements
from .steps.interface import InterfaceStep
from .steps.oxygen_loss import OxygenLossStep
from .steps.sections import BulkStep, ElectronicStep, ProductionStep, ReactionStep, ScreenStep, VolumeStep, WindowStep
from .units import NonNegativeElectronVolt

__all__ = ["Choice", "Recipe", "StatedSetting"]


class StatedSetting(Spec):
    """A setting that the source states."""

    setting: str
    value: str


class Choice(Spec):
    """A setting that the source leaves open, what was chosen, and why."""

    setting: str
    value: str
    reason: str


class Recipe(Spec):
    """One campaign: which materials, which steps, which settings, and what the source left open."""

    name: str = Field(pattern=r"^[A-Za-z0-9.\-]+$")
    title: str
    source: str
    hubbard_u: dict[str, NonNegativeElectronVolt] = Field(
        description="eV, Dudarev U on the d shell, for every transition metal of the recipe"
    )
    stated: tuple[StatedSetting, ...] = ()
    choices: tuple[Choice, ...] = ()
    bulk: BulkStep | None = None
    electronic: ElectronicStep | None = None
    reactions: ReactionStep | None = None
    windows: WindowStep | None = None
    vasp: ProductionStep | None = Field(None, description="what `--engine vasp` runs")
    volumes: VolumeStep | None = None
    screen: ScreenStep | None = None
    interface: InterfaceStep | None = Field(
        None, description="runs only where it is asked for: --only interface, or --full"
    )
    oxygen_loss: OxygenLossStep | None = Field(
        None, description="runs only where it is asked for: --only oxygen_loss, or --full"
    )

    @field_validator("hubbard_u", mode="before")
    @classmethod
    def _elements(cls, table: Any) -> Any:
        return check_elements(table)
