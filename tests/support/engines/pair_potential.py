"""A user's own potential: one distance for all pairs of atoms, in ASE's own implementation."""

from __future__ import annotations

from typing import ClassVar

from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from pydantic import Field

from catholyte.configs.models import Spec
from catholyte.configs.units import PositiveAngstrom, PositiveElectronVolt
from catholyte.workflows.engines.ase.backend import AseBackend


class PairSettings(Spec):
    """Content of ``pair.yaml``."""

    sigma: PositiveAngstrom = Field(description="Å, distance of zero energy")
    epsilon: PositiveElectronVolt = Field(description="eV, depth")


class PairBackend(AseBackend):
    """The potential of Lennard and Jones, cut off smoothly."""

    name: ClassVar = "pair"
    tier: ClassVar = "pair"
    packages: ClassVar = ("ase",)
    settings_class: ClassVar = PairSettings
    settings: PairSettings

    def calculator(self) -> Calculator:
        return LennardJones(sigma=self.settings.sigma, epsilon=self.settings.epsilon, rc=6.0, smooth=True)
