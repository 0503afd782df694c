"""The section `electronic` of a recipe: static calculations with the projected density of states."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ..models import Mesh, ReferenceName, Spec, WindowName
from ..units import ElectronVolt, PositiveElectronVolt
from .kind import StepKind, listed

__all__ = ["ELECTRONIC", "BandCenterSpec", "Convergence", "ElectronicStep", "shell_name"]


class BandCenterSpec(Spec):
    """A band centre: meaningless without window and reference, so both are mandatory."""

    element: str = "O"
    orbital: Literal["s", "p", "d"] = "p"
    window: WindowName
    range: tuple[ElectronVolt, ElectronVolt] | None = Field(
        None, description="eV relative to the reference, for window: range"
    )
    reference: ReferenceName = Field(description="the zero of energy")

    @model_validator(mode="after")
    def _range_needs_bounds(self) -> BandCenterSpec:
        if (self.window == "range") != (self.range is not None):
            raise ValueError("window 'range' needs the key 'range', and no other window takes it")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError("the lower bound of 'range' must lie below the upper one")
        return self


class Convergence(Spec):
    """One variation of cutoff and one of the k mesh, to say how converged a number is."""

    cutoff: PositiveElectronVolt = Field(description="eV")
    kpoints: dict[str, Mesh] = Field(description="material to divisions")


class ElectronicStep(Spec):
    """Static calculation with projected density of states."""

    engine: str = "gpaw"
    materials: tuple[str, ...] = Field(min_length=1)
    cutoff: PositiveElectronVolt = Field(description="eV")
    kpoints: dict[str, Mesh] = Field(description="material to divisions, in the primitive (magnetic) cell")
    smearing: PositiveElectronVolt = Field(0.05, description="eV")
    convergence: Convergence | None = None
    band_center: BandCenterSpec

    @model_validator(mode="after")
    def _mesh_for_each(self) -> ElectronicStep:
        missing = [name for name in self.materials if name not in self.kpoints]
        if missing:
            raise ValueError(f"kpoints has no mesh for {', '.join(missing)}")
        return self


def shell_name(element: str, orbital: str) -> str:
    """Valence shell of an orbital, e.g. 2p for O; the bare letter where the atom's ground state has none."""
    from pymatgen.core.periodic_table import Element

    shells = [n for n, letter, _ in Element(element).full_electronic_structure if letter == orbital]
    return f"{max(shells)}{orbital}" if shells else orbital


def _question(step: ElectronicStep) -> str | None:
    first, *others = step.materials
    if not others:
        return None
    shell = f"{step.band_center.element} {shell_name(step.band_center.element, step.band_center.orbital)}"
    return f"Where does the {shell} band centre of {listed(others)} lie relative to that of {first}?"


ELECTRONIC = StepKind("electronic", _question, produced=True, after=("bulk",))
