"""The section `interface` of a recipe: which stacks are built, and what is done to each."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..committee import EngineName
from ..models import Mesh, Spec
from ..units import Femtosecond, ForceLimit, IonicSteps, Kelvin, PositiveAngstrom, PositiveElectronVolt
from .kind import StepKind

__all__ = [
    "INTERFACE",
    "ControlCell",
    "InterfaceDynamics",
    "InterfaceElectronic",
    "InterfaceRelaxation",
    "InterfaceStep",
    "InterfaceSystem",
]

#: keys of a system that say what is done with its cells, not which are built
_DONE_WITH_IT = {"name", "energies", "dynamics", "electronic", "kpoints", "bulk_divisions"}
#: what systems were before these keys existed
_FORMER: dict[str, Any] = {
    "max_principal_strain": None,
    "max_area_change": None,
    "lattice": "experiment",
    "orientations": 1,
    "arrangements": {},
}
Fraction = Annotated[float, Field(gt=0, le=0.5)]
#: the facet behind a material's name: LCO:104, LCO:1,0,-4
_FACET = re.compile(r":[-+\d,\s]+$")


class InterfaceSystem(Spec):
    """One stack of two or three materials, or a ready cell."""

    name: str = Field(pattern=r"^[A-Za-z0-9.\-|() ]+$", description="of jobs and tables, e.g. LCO|LPSCl")
    a: str | None = Field(
        None, description="lowest material with its facet, e.g. LCO:104; all low-index facets are tried without one"
    )
    b: str | None = Field(None, description="topmost material, in the same form")
    layer: str | None = Field(None, description="a third material between them")
    file: str | None = Field(
        None,
        description=(
            "a ready structure instead of a and b, with c along the normal: it is not built, and has no references"
        ),
    )
    max_atoms: int = Field(150, ge=2, description="atom budget")
    max_strain: Fraction = Field(0.08, description="largest von Mises strain between neighbouring lattices")
    max_principal_strain: Fraction | None = Field(
        0.08, description="largest principal strain that a slab takes, logarithmic; null: no limit"
    )
    max_area_change: Fraction | None = Field(
        0.1, description="largest relative change of the area of a slab; null: no limit"
    )
    lattice: Literal["engine", "experiment"] = Field(
        "engine",
        description="lattices of the crystals: engine, relaxed by the engine of the step; experiment, the library's",
    )
    form: Literal["periodic", "vacuum"] = Field(
        "periodic", description="periodic: a second interface instead of vacuum"
    )
    vacuum: PositiveAngstrom = Field(15.0, description="Å, of the form vacuum and of the lone slabs")
    thickness: tuple[PositiveAngstrom, ...] = Field(
        (8.0, 8.0), min_length=2, max_length=3, description="Å, least thickness of each slab from the bottom up"
    )
    strain_on: Literal["auto", "a", "b", "shared"] = Field(
        "auto", description="what takes the strain; auto: the softer material"
    )
    first: Literal["atoms", "strain"] = Field(
        "atoms", description="which cells of the Pareto front come first: those of fewest atoms, or of least strain"
    )
    cells: int = Field(1, ge=1, description="cells of the front that are relaxed and compared")
    orientations: int = Field(
        4,
        ge=1,
        description="orientations of the last part on the others, at most, that are relaxed and compared for each cell",
    )
    registries: int = Field(
        2, ge=1, description="distinct lateral positions of each orientation, at most, that are relaxed and compared"
    )
    seed: int = Field(0, ge=0, description="of the orderings of disordered materials")
    arrangements: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict,
        description="which arrangement of a disordered material is cut, counted from 1 by electrostatic energy",
    )
    energies: bool = Field(
        True, description="interface energy and work of adhesion: slabs and bulk crystals are computed too"
    )
    dynamics: bool = Field(False, description="molecular dynamics")
    electronic: bool = Field(False, description="projected density of states")
    kpoints: Mesh | None = Field(None, description="divisions along a, b and the normal, for engines that have a mesh")
    bulk_divisions: int = Field(
        4,
        ge=1,
        description="divisions of the strained bulk cells along the normal; in the plane they are those of the stack",
    )

    @model_validator(mode="after")
    def _built_or_ready(self) -> InterfaceSystem:
        if (self.file is None) == (self.a is None or self.b is None) or (
            self.file is not None and (self.a or self.b or self.layer)
        ):
            raise ValueError("give 'a' and 'b' of a stack to build, or 'file' of a ready one")
        if self.file is None and len(self.thickness) != len(self.names):
            raise ValueError(f"'thickness' has {len(self.thickness)} values, and the stack {len(self.names)} materials")
        if not set(self.arrangements) <= set(self.names):
            raise ValueError(f"'arrangements' names {', '.join(self.arrangements)}, and the parts are a, b and layer")
        materials = [_FACET.sub("", text) for text in self.names.values()]
        if len(set(materials)) < len(materials):
            raise ValueError(
                "the parts of a stack need different names, for each site is tagged with its own; given: "
                f"{', '.join(materials)}"
            )
        return self

    def question(self, *, ready: bool) -> dict[str, Any]:
        """What is asked of the builder; a key that restates what systems were before there was such a key is left out,
        so that a stored answer to it stays one. A ready cell is not built.

        Parameters
        ----------
        ready : bool
            Whether the cell is given.
        """
        asked = self.model_dump(mode="json", exclude=_DONE_WITH_IT | ({"file", *_FORMER} if ready else set()))
        return {key: value for key, value in asked.items() if key not in _FORMER or value != _FORMER[key]}

    @classmethod
    def of_question(cls, asked: dict[str, Any]) -> InterfaceSystem:
        """Return the system of a question, those asked by former versions included."""
        return cls.model_validate({"name": "system", **_FORMER, **asked})

    @property
    def names(self) -> dict[str, str]:
        """Key of each part, from the bottom up, to material and facet; empty for a ready cell."""
        parts = {"a": self.a, "layer": self.layer, "b": self.b}
        return {key: text for key, text in parts.items() if text is not None}


class InterfaceRelaxation(Spec):
    """How candidates are relaxed before one of them is chosen."""

    engine: EngineName = Field("chgnet", description="with one built-in level of theory")
    max_force: ForceLimit = Field(0.1, description="eV/Å, at the end")
    max_steps: IonicSteps = 800


class ControlCell(Spec):
    """A phase in bulk, against which events at an interface are counted."""

    material: str
    supercell: Mesh = Field((1, 1, 1), description="multiples of the material's cell")


class InterfaceDynamics(Spec):
    """Molecular dynamics of the chosen stacks and of their phases in bulk."""

    engine: EngineName = "chgnet"
    temperature: Kelvin = Field(300.0, description="K")
    timestep: Femtosecond = Field(2.0, description="fs")
    length: Femtosecond = Field(description="fs, of each trajectory")
    full_length: Femtosecond = Field(description="fs, with the option --full")
    chunk: Femtosecond = Field(description="fs, of one job")
    thermostat: Literal["none", "nose-hoover-chain", "langevin"] = "nose-hoover-chain"
    damping: Femtosecond = Field(100.0, description="fs, time constant of the thermostat")
    frame_interval: int = Field(5, ge=1, description="steps between stored frames")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0,), min_length=1, description="one replica each, with first velocities of its own"
    )
    controls: tuple[ControlCell, ...] = Field((), description="the same phases in bulk")

    @model_validator(mode="after")
    def _whole_chunks(self) -> InterfaceDynamics:
        if not self.timestep <= self.chunk <= self.length <= self.full_length:
            raise ValueError(
                f"one timestep ({self.timestep:g} fs), 'chunk' ({self.chunk:g} fs), 'length' ({self.length:g} fs) "
                f"and 'full_length' ({self.full_length:g} fs) must not fall in this order"
            )
        return self


class InterfaceElectronic(Spec):
    """Projected density of states of a stack, and of its phases strained as they are in it."""

    engine: str = "gpaw"
    cutoff: PositiveElectronVolt = Field(description="eV")
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    settings: dict[str, Any] = Field(default_factory=dict, description="overrides of configs/engines/ENGINE.yaml")


class InterfaceStep(Spec):
    """Interfaces: built, relaxed, chosen among candidates, and then computed and moved."""

    engine: EngineName = Field(
        "chgnet", description="of relaxation and energies of the chosen stack and its references"
    )
    relaxation: InterfaceRelaxation = InterfaceRelaxation()
    systems: tuple[InterfaceSystem, ...] = Field(min_length=1)
    dynamics: InterfaceDynamics | None = None
    electronic: InterfaceElectronic | None = None

    @model_validator(mode="after")
    def _sections_that_are_used(self) -> InterfaceStep:
        names = [system.name for system in self.systems]
        if len(set(names)) < len(names):
            raise ValueError(f"each system needs a name of its own; given: {', '.join(names)}")
        for part in ("dynamics", "electronic"):
            if any(getattr(system, part) for system in self.systems) and getattr(self, part) is None:
                raise ValueError(f"a system asks for {part}, and the section '{part}' is missing")
        return self


def _question(step: InterfaceStep) -> str | None:
    return None  # the stacks answer the questions of the reactions and of the electronic step


INTERFACE = StepKind("interface", _question, long=True)
