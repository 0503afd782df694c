"""The section `transport` of a recipe: barriers of ions that hop through crystals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator
from pymatgen.core.periodic_table import Element

from ..committee import EngineName
from ..models import Mesh, Spec
from ..units import ForceLimit, IonicSteps, PositiveAngstrom
from .kind import StepKind, listed
from .oxygen_loss import SinglePoints

__all__ = ["TRANSPORT", "BandPoints", "Dopant", "HopSystem", "TransportStep"]


class Dopant(Spec):
    """An ion in the host, by whose side the hops are looked for."""

    ion: str = Field(description="element and charge, e.g. W6+", pattern=r"^[A-Z][a-z]?\d*\+$")
    leaving: str = Field(description="element whose first site it takes, e.g. Mn")

    @property
    def element(self) -> str:
        """Symbol of the ion."""
        return self.ion.rstrip("+0123456789")


class HopSystem(Spec):
    """One ion in one host."""

    material: str
    name: str | None = Field(None, description="of tables and claims; the material and the ion where left out")
    element: str = Field("Li", description="symbol of the ion that hops")
    onto: str | None = Field(None, description="element whose vacant sites it takes; its own where left out")
    by: Literal["vacancies", "interstitials"] = Field(
        "vacancies", description="an ion hops into a vacancy, or one more ion hops between empty places"
    )
    supercell: Mesh | None = Field(
        None, description="multiples of the calculation cell; the fewest that keep images 8 Å apart where left out"
    )
    longest: PositiveAngstrom = Field(4.0, description="Å, longest straight way")
    most: int = Field(1, ge=1, description="hops that are computed: the shortest, or those nearest to a dopant")
    onto_label: str | None = Field(
        None, description="Wyckoff label, in the library's file, of the sites that it takes; any where left out"
    )
    dopant: Dopant | None = Field(
        None, description="an ion put into the host; where it is not the one that hops, the host without it too"
    )

    @field_validator("element", "onto")
    @classmethod
    def _is_an_element(cls, value: str | None) -> str | None:
        if value is not None and not Element.is_valid_symbol(value):
            raise ValueError(f"{value!r} is no element")
        return value

    @model_validator(mode="after")
    def _interstitials_stand_alone(self) -> HopSystem:
        if self.by == "interstitials" and (self.dopant or self.onto or self.onto_label):
            raise ValueError(
                "by: interstitials hop between empty places: 'dopant', 'onto' and 'onto_label' are of vacancies"
            )
        return self

    @property
    def bare(self) -> str:
        """Name of the system without its dopant."""
        if self.by == "interstitials":
            return self.name or f"{self.element} between the sites of {self.material}"
        return self.name or f"{self.element} in {self.material}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the hosts that are computed: without the dopant, where it is not the ion that hops, and with it."""
        if self.dopant is None or self.dopant.element == self.element:
            return (self.bare,)
        return self.bare, f"{self.bare} with {self.dopant.element}"


class BandPoints(SinglePoints):
    """Energies of another engine at the images of finished bands, where the first has left them."""

    kpoints: Mesh = Field((1, 1, 1), description="divisions of the supercell")
    images: Literal["saddle", "all"] = Field("saddle", description="the highest image and both ends, or every image")


class TransportStep(Spec):
    """Nudged elastic bands between relaxed vacancies."""

    engine: EngineName = "chgnet"
    systems: tuple[HopSystem, ...] = Field(min_length=1)
    images: int = Field(3, ge=1, description="between the end points")
    max_force: ForceLimit = Field(0.05, description="eV/Å, of end points and across the band")
    max_steps: IonicSteps = 500
    climbing: bool = Field(
        True, description="false for a VASP without the VTST extension; the images of potentials climb in any case"
    )

    single_points: BandPoints | None = Field(None, description="a second engine at the images of the bands")

    @model_validator(mode="after")
    def _two_engines(self) -> TransportStep:
        if self.single_points and self.single_points.engine == self.engine:
            raise ValueError(f"single_points: {self.engine} is the engine of the bands already; give another one")
        return self

    @model_validator(mode="after")
    def _names_stand_once(self) -> TransportStep:
        names = [name for system in self.systems for name in system.names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{listed(twice)} stands twice: give the systems a 'name' each")
        return self


def _question(step: TransportStep) -> str:
    return f"What barriers do ions overcome: {listed([name for system in step.systems for name in system.names])}?"


TRANSPORT = StepKind("transport", _question, long=True)
