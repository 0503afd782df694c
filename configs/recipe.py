"""One campaign: a recipe with its sections, the settings its source states, and the choices it leaves open."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from .claims import Claim
from .models import Spec, check_elements
from .steps.across import ACROSS, AcrossStep
from .steps.bulk import BULK, BulkStep
from .steps.conductivity import CONDUCTIVITY, ConductivityStep
from .steps.d_bands import D_BANDS, DBandStep
from .steps.deciding_phases import DECIDING_PHASES, DecidingStep
from .steps.electronic import ELECTRONIC, ElectronicStep
from .steps.interface import INTERFACE, InterfaceStep
from .steps.kind import StepKind
from .steps.mechanics import MECHANICS, MechanicsStep
from .steps.oxygen_loss import OXYGEN_LOSS, OxygenLossStep
from .steps.polymorphs import POLYMORPHS, PolymorphStep
from .steps.production import ProductionStep
from .steps.reactions import REACTIONS, ReactionStep
from .steps.screen import SCREEN, ScreenStep
from .steps.segregation import SEGREGATION, SegregationStep
from .steps.transport import TRANSPORT, TransportStep
from .steps.volumes import VOLUMES, VolumeStep
from .steps.windows import WINDOWS, WindowStep
from .units import NonNegativeElectronVolt

__all__ = ["STEP_KINDS", "Choice", "Recipe", "StatedSetting", "asked", "questions"]

#: every kind of step in the order in which a recipe is planned and told; a new one is a line here and a field below
STEP_KINDS: tuple[StepKind, ...] = (
    BULK,
    REACTIONS,
    WINDOWS,
    VOLUMES,
    SCREEN,
    ELECTRONIC,
    INTERFACE,
    OXYGEN_LOSS,
    ACROSS,
    SEGREGATION,
    TRANSPORT,
    MECHANICS,
    CONDUCTIVITY,
    POLYMORPHS,
    D_BANDS,
    DECIDING_PHASES,
)


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
    across: AcrossStep | None = Field(None, description="runs only where it is asked for: --only across, or --full")
    segregation: SegregationStep | None = Field(
        None, description="runs only where it is asked for: --only segregation, or --full"
    )
    transport: TransportStep | None = Field(
        None, description="runs only where it is asked for: --only transport, or --full"
    )
    mechanics: MechanicsStep | None = Field(
        None, description="runs only where it is asked for: --only mechanics, or --full"
    )
    conductivity: ConductivityStep | None = Field(
        None, description="runs only where it is asked for: --only conductivity, or --full"
    )
    polymorphs: PolymorphStep | None = Field(
        None, description="runs only where it is asked for: --only polymorphs, or --full"
    )
    d_bands: DBandStep | None = Field(None, description="runs only where it is asked for: --only d_bands, or --full")
    deciding_phases: DecidingStep | None = Field(
        None, description="runs with VASP where it is asked for: --only deciding_phases, or --full"
    )
    claims: tuple[Claim, ...] = Field(
        (), description="what the source claims: judged in the report, no part of any job"
    )

    @field_validator("hubbard_u", mode="before")
    @classmethod
    def _elements(cls, table: Any) -> Any:
        return check_elements(table)

    def asks_like(self, other: Recipe) -> bool:
        """Whether two recipes compute the same: claims are judged afterwards and change no job."""
        return self.model_copy(update={"claims": ()}) == other.model_copy(update={"claims": ()})

    def step(self, kind: StepKind) -> Any:
        """The section of one kind; None where the recipe has none."""
        return getattr(self, kind.name)


def questions(recipe: Recipe) -> list[str]:
    """Say in words what the steps of a recipe answer.

    Parameters
    ----------
    recipe : Recipe
    """
    return list(asked(recipe).values())


def asked(recipe: Recipe) -> dict[str, str]:
    """The question of each step of a recipe that has one, by the step's name; that of a last resort where no other
    does.

    Parameters
    ----------
    recipe : Recipe
    """
    present = [kind for kind in STEP_KINDS if recipe.step(kind) is not None]
    told = {kind: kind.question(recipe.step(kind)) for kind in present}
    first = {kind.name: question for kind, question in told.items() if question and not kind.last_resort}
    return first or {kind.name: question for kind, question in told.items() if question}
