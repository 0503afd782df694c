"""What can be asked of orderings and of oxygen loss: specifications that a section of a recipe can hold."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pymatgen.core.periodic_table import Element

from ..committee import EngineName
from ..models import Mesh, Spec
from ..units import ForceLimit, IonicSteps, Kelvin, PositiveAngstrom, PositiveElectronVolt
from .kind import StepKind, listed

__all__ = [
    "OXYGEN_LOSS",
    "CorrectionName",
    "OrderingPlan",
    "OxygenConditions",
    "OxygenLossPlan",
    "OxygenLossStep",
    "OxygenSystem",
    "SinglePoints",
    "SlabPart",
    "SubstitutionPlan",
]

#: corrections of the computed O2 molecule; values and sources stand in ``thermochemistry/oxygen.yaml``
CorrectionName = Literal["none", "mp2020", "wang2006"]

Bar = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class OrderingPlan(Spec):
    """How the host is chosen among orderings of a disordered cell."""

    n: int = Field(30, ge=1, description="distinct orderings, the lowest electrostatic energies first")
    seed: int = Field(0, ge=0, description="of the search")
    keep: int = Field(3, ge=1, description="lowest orderings that go to the host's own engine and convergence")
    max_force: ForceLimit = Field(0.1, description="eV/Å, of the relaxations that rank")
    max_steps: IonicSteps = 500
    relax_cell: bool = True

    @model_validator(mode="after")
    def _keeps_at_most_all(self) -> OrderingPlan:
        if self.keep > self.n:
            raise ValueError(f"keep = {self.keep} of n = {self.n} orderings: at most all of them can be kept")
        return self


class OxygenConditions(Spec):
    """Under which formation energies are evaluated; no calculation depends on it."""

    temperature: Kelvin = Field(298.15, description="K, of the tables; figures show a range")
    pressure: Bar = Field(0.2095, description="bar, partial pressure of O2 (dry air at 1 bar: 0.2095)")
    pressures: tuple[Bar, ...] = Field(
        (1.0, 0.2095, 1e-6, 1e-10), min_length=1, description="bar, curves over the temperature"
    )
    correction: CorrectionName | None = Field(
        None, description="of the O2 molecule; where left out, mp2020 for chgnet and wang2006 for vasp and gpaw"
    )


class OxygenLossPlan(Spec):
    """The ladder: Li vacancies, arrangements of them, oxygen sites, one oxygen vacancy at a time."""

    lithium_vacancies: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 2, 4), min_length=1, description="Li vacancies per cell, one level of the ladder each"
    )
    voltage_only: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (),
        description=(
            "further numbers of Li vacancies of which only the arrangements are calculated, for the voltage curve"
        ),
    )
    candidates: int = Field(
        4,
        ge=1,
        description=(
            "arrangements of the vacancies per level, lowest electrostatic energies first, that are relaxed and ranked "
            "by the engine"
        ),
    )
    samples: int = Field(
        2,
        ge=1,
        description=(
            "arrangements of lowest engine energy that then lose an oxygen atom; equal to candidates: no ranking by "
            "the engine"
        ),
    )
    sites: Literal["environments", "inequivalent"] = Field(
        "environments", description="one oxygen site per environment, or every site that symmetry tells apart"
    )
    max_sites: int = Field(
        8,
        ge=1,
        description=(
            "oxygen sites per cell, those that stand for most atoms first, of a slab spread over its depths; what "
            "share of the oxygen they cover is reported"
        ),
    )
    seed: int = Field(
        0, ge=0, description="of the search for arrangements and of the displacements that break symmetry"
    )
    max_force: ForceLimit = Field(0.05, description="eV/Å")
    max_steps: IonicSteps = 1000
    relax_cell: bool = Field(
        True, description="of cells with Li vacancies; an oxygen vacancy always stands in the cell of its parent"
    )

    @field_validator("lithium_vacancies", "voltage_only")
    @classmethod
    def _rising(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError(f"levels {', '.join(map(str, value))}: each number of vacancies once, rising")
        return value

    @model_validator(mode="after")
    def _levels_stand_once(self) -> OxygenLossPlan:
        twice = sorted(set(self.lithium_vacancies) & set(self.voltage_only))
        if twice:
            raise ValueError(
                f"voltage_only: {', '.join(map(str, twice))} stands among lithium_vacancies, whose voltages are known "
                "anyway"
            )
        return self

    @model_validator(mode="after")
    def _samples_among_candidates(self) -> OxygenLossPlan:
        if self.samples > self.candidates:
            raise ValueError(
                f"samples = {self.samples} of candidates = {self.candidates}: at most all of them can be taken"
            )
        return self

    @property
    def levels(self) -> tuple[int, ...]:
        """All numbers of Li vacancies, rising."""
        return tuple(sorted({*self.lithium_vacancies, *self.voltage_only}))

    @property
    def most_calculations(self) -> int:
        """Relaxations at most: host, arrangements, and oxygen vacancies of the chosen arrangements."""
        charged = sum(n > 0 for n in self.lithium_vacancies)
        arrangements = sum(n > 0 for n in self.levels) * self.candidates
        return 1 + arrangements + (charged * self.samples + (0 in self.lithium_vacancies)) * self.max_sites


class SubstitutionPlan(Spec):
    """One ion put into the host, and oxygen vacancies near and far from it, with it and without it."""

    ion: str = Field(description="element and charge, e.g. W6+")
    leaving: str = Field(description="element of which the host has one atom less afterwards, e.g. Mn")
    sites: tuple[str, ...] = Field(
        (),
        description="elements whose sites the ion takes in turn, at one composition; that of 'leaving' where left out",
    )
    compensation: Literal["reduction", "lithium vacancies"] = Field(
        "reduction", description="who pays for the charge: metals nearby, or lithium that leaves"
    )
    candidates: int = Field(
        1,
        ge=1,
        description="places of each element, lowest electrostatic energy first, that are relaxed; the lowest goes on",
    )
    near: int = Field(
        2, ge=1, description="oxygen atoms bonded to the ion that leave in turn, of different first shells"
    )
    far: int = Field(2, ge=1, description="oxygen atoms not bonded to it, the farthest, of different first shells")
    seed: int = Field(0, ge=0, description="of the arrangement of lithium vacancies")

    @field_validator("ion")
    @classmethod
    def _is_a_cation(cls, value: str) -> str:
        match = re.fullmatch(r"([A-Z][a-z]?)\d*\+", value)
        if match is None or not Element.is_valid_symbol(match[1]):
            raise ValueError(f"{value!r} is no cation; write element and charge, e.g. W6+")
        return value

    @field_validator("sites")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"sites {', '.join(value)}: each element once")
        return value

    @property
    def places(self) -> tuple[str, ...]:
        """Elements whose sites the ion takes."""
        return self.sites or (self.leaving,)


class SlabPart(Spec):
    """A slab in vacuum in place of the crystal: vacancies of its oxygen by depth."""

    miller: tuple[int, int, int]
    thickness: PositiveAngstrom = Field(10.0, description="Å, at least so much bulk")
    vacuum: PositiveAngstrom = Field(12.0, description="Å")
    repeat: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        (1, 1), description="multiples in the plane"
    )

    def label(self, material: str) -> str:
        """Label of the slab's documents: ``LCO(104)``."""
        separator = "" if all(0 <= index <= 9 for index in self.miller) else " "
        return f"{material}({separator.join(map(str, self.miller))})"


class OxygenSystem(Spec):
    """One cathode: its cell, how the ordering is chosen, and its ladder."""

    material: str = Field(description="name in the material library")
    supercell: Mesh | None = Field(
        None, description="multiples of the conventional cell; the library's ordered cell where left out"
    )
    slab: SlabPart | None = Field(None, description="a facet in vacuum in place of the crystal")
    composition: str | None = Field(
        None, description="of the ordered cell, e.g. Li30Ni15Mn9Co6O60; from the occupancies where left out"
    )
    orderings: OrderingPlan | None = Field(
        None, description="needed to choose among orderings; the one of lowest electrostatic energy where left out"
    )
    ladder: OxygenLossPlan | None = Field(OxygenLossPlan(), description="null: orderings alone")
    kpoints: Mesh | None = Field(None, description="divisions of the whole cell, for an engine that needs a mesh")
    substitutions: tuple[SubstitutionPlan, ...] = Field(
        (), description="ions put into the host; relaxed as far as the ladder's cells"
    )

    @model_validator(mode="after")
    def _slab_keeps_its_cell(self) -> OxygenSystem:
        if self.slab is None:
            return self
        if self.ladder is None or self.ladder.relax_cell:
            raise ValueError("slab: a slab keeps its cell: give 'ladder' with relax_cell: false")
        if self.supercell or self.composition or self.orderings or self.substitutions:
            raise ValueError("slab: supercell, composition, orderings and substitutions are those of crystals")
        return self

    @model_validator(mode="after")
    def _substitutions_follow_a_ladder(self) -> OxygenSystem:
        elements = [asked.ion.rstrip("+0123456789") for asked in self.substitutions]
        if self.substitutions and self.ladder is None:
            raise ValueError("substitutions need a ladder: give 'ladder', which says how far cells are relaxed")
        if len(set(elements)) < len(elements):
            raise ValueError(
                f"substitutions: {', '.join(elements)}: documents are told apart by the element, so each stands once"
            )
        return self


class SinglePoints(Spec):
    """Energies of another engine at the very cells of the ladder: the host, and every cell with a vacancy beside its
    parent."""

    engine: str = Field("gpaw", description="a second opinion; its energies form a ladder of their own")
    cutoff: PositiveElectronVolt = Field(description="eV")
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="overrides of configs/engines/ENGINE.yaml, e.g. total_energy_tolerance: 1 meV for gpaw",
    )


class OxygenLossStep(Spec):
    """Orderings, voltage curve and oxygen loss of cathodes."""

    engine: EngineName = Field("chgnet", description="of the host and the ladder")
    cutoff: PositiveElectronVolt | None = Field(
        None, description="eV, for an engine that needs one; that of the section electronic where left out"
    )
    smearing: PositiveElectronVolt = Field(0.05, description="eV, with cutoff")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="overrides of configs/engines/ENGINE.yaml, where no other engine is asked for"
    )
    single_points: SinglePoints | None = Field(
        None, description="a second engine at the cells that the first has relaxed"
    )
    ranking: EngineName = Field("chgnet", description="of the orderings; with one built-in level of theory")
    systems: tuple[OxygenSystem, ...] = Field(min_length=1)
    conditions: OxygenConditions = OxygenConditions()
    phase_set: str = Field(
        "solidstate", description="gives O2 and lithium metal to tiers on its scale; others calculate both"
    )
    lithium_kpoints: Mesh = Field((12, 12, 12), description="divisions of the primitive cell of lithium metal")
    molecule_box: PositiveAngstrom = Field(
        12.0, description="Å, edge of the cell of the O2 molecule, where it is calculated"
    )

    @model_validator(mode="after")
    def _two_engines(self) -> OxygenLossStep:
        if self.single_points and self.single_points.engine == self.engine:
            raise ValueError(f"single_points: {self.engine} is the engine of the ladder already; give another one")
        return self

    @field_validator("systems")
    @classmethod
    def _each_once(cls, value: tuple[OxygenSystem, ...]) -> tuple[OxygenSystem, ...]:
        names = [f"{one.material}{one.slab.miller if one.slab else ''}" for one in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice: documents are told apart by the material's name")
        return value


def _question(step: OxygenLossStep) -> str:
    return f"When does oxygen leave {listed([system.material for system in step.systems])}, and which ion pays?"


OXYGEN_LOSS = StepKind("oxygen_loss", _question, long=True)
