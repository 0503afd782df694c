"""The section `segregation` of a recipe: an ion at each depth of a slab."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator
from pymatgen.core.periodic_table import Element

from ..committee import EngineName
from ..errors import InputError
from ..ions import read_ion
from ..models import Spec
from ..units import ForceLimit, IonicSteps
from .kind import StepKind, listed
from .oxygen_loss import SlabPart

__all__ = ["SEGREGATION", "SegregationStep", "SegregationSystem"]


class SegregationSystem(Spec):
    """One ion in the slab of one material.

    An ion that the material does not hold takes a site of `leaving` in turn. An element that it holds, written without
    a charge, changes places: its atom nearest the middle with one of `leaving` at each depth.
    """

    material: str
    slab: SlabPart
    ion: str = Field(description="Ti4+ for an ion that is put in, Ni for an element of the material")
    leaving: str = Field(description="element whose sites it takes")
    most: int = Field(6, ge=2, description="depths, at most, evenly over those that there are")

    @field_validator("ion")
    @classmethod
    def _is_a_cation(cls, value: str) -> str:
        told = f"{value!r} is no cation; write element and charge, e.g. Ti4+, or the element alone"
        try:
            if not Element.is_valid_symbol(value) and float(read_ion(value).oxi_state or 0) <= 0:
                raise ValueError(told)
        except InputError:
            raise ValueError(told) from None
        return value

    @field_validator("leaving")
    @classmethod
    def _is_an_element(cls, value: str) -> str:
        if not Element.is_valid_symbol(value):
            raise ValueError(f"{value!r} is no element")
        return value

    @model_validator(mode="after")
    def _two_elements(self) -> SegregationSystem:
        if self.element == self.leaving:
            raise ValueError(f"ion: {self.ion} on sites of {self.leaving} is no exchange")
        return self

    @property
    def element(self) -> str:
        """Symbol of the ion."""
        return self.ion if self.exchanged else str(read_ion(self.ion).symbol)

    @property
    def exchanged(self) -> bool:
        """Whether the ion belongs to the material and changes places."""
        return Element.is_valid_symbol(self.ion)

    def label(self, material: str) -> str:
        """Label of its documents: ``Ti in LCO(104)``."""
        return f"{self.element} in {self.slab.label(material)}"


class SegregationStep(Spec):
    """Relaxed slabs with the ion at several depths; composition and cell are the same in all."""

    engine: EngineName = "chgnet"
    systems: tuple[SegregationSystem, ...] = Field(min_length=1)
    max_force: ForceLimit = Field(0.05, description="eV/Å")
    max_steps: IonicSteps = 1000
    kpoint_density: int = Field(
        64, gt=0, description="k points per Å⁻³ of the reciprocal cell, in the plane, for an engine that needs a mesh"
    )

    @field_validator("systems")
    @classmethod
    def _each_once(cls, value: tuple[SegregationSystem, ...]) -> tuple[SegregationSystem, ...]:
        names = [one.label(one.material) for one in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{listed(twice)} stands twice: documents are told apart by ion and slab")
        return value


def _question(step: SegregationStep) -> str:
    return f"Does the ion go to the surface: {listed([one.label(one.material) for one in step.systems])}?"


SEGREGATION = StepKind("segregation", _question, long=True)
