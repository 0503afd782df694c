"""A glass by melt and quench: molecular dynamics down a ladder of temperatures, then a relaxation of atoms and cell."""

from __future__ import annotations

from jobflow import Flow
from pydantic import Field, field_validator
from pymatgen.core.structure import Structure

from ...configs.models import Spec
from ...configs.units import ElectronVoltPerAngstrom, Femtosecond, Kelvin
from ..engines.engine import Engine
from ..engines.tasks import MolecularDynamics, Relax
from .dynamics import ladder_jobs

__all__ = ["QuenchSchedule", "melt_quench_flow"]


class QuenchSchedule(Spec):
    """How a melt is quenched.

    The default cools from 3000 to 300 K in 7 × 0.5 ps, about 8 × 10¹⁴ K/s. Every melt-quench simulation is
    faster than experiment by many orders of magnitude, which leaves more defects and fewer rings.
    """

    temperatures: tuple[Kelvin, ...] = Field(
        (3000.0, 2500.0, 2000.0, 1500.0, 1000.0, 600.0, 300.0), min_length=1, description="K, in the order of the run"
    )
    n_steps: int = Field(500, ge=1, description="steps at each temperature")
    timestep: Femtosecond = Field(1.0, description="fs")
    seed: int = Field(0, ge=0, description="of velocities and thermostat")
    max_force: ElectronVoltPerAngstrom = Field(0.05, description="eV/Å, of the final relaxation")
    max_steps: int = Field(1000, ge=1, description="of the final relaxation")
    relax_cell: bool = Field(True, description="let the density follow; otherwise it stays the given one")

    @field_validator("temperatures")
    @classmethod
    def _above_zero(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if min(value) <= 0:
            raise ValueError("temperatures are above 0 K")
        return value

    @property
    def rate(self) -> float:
        """Mean rate of cooling, K/s; 0 for a single temperature."""
        return (self.temperatures[0] - self.temperatures[-1]) / (
            len(self.temperatures) * self.n_steps * self.timestep * 1e-15
        )


def melt_quench_flow(structure: Structure, label: str, engine: Engine, schedule: QuenchSchedule | None = None) -> Flow:
    """Return the jobs of a melt-quench: one molecular dynamics run per temperature at fixed cell, then a relaxation.

    Each run takes over positions and velocities from the one before; the Langevin thermostat draws the heat out.

    Parameters
    ----------
    structure : Structure
        Packed atoms, see :func:`catholyte.structures.defects.glass.pack`.
    label : str
    engine : Engine
        With molecular dynamics and relaxation.
    schedule : QuenchSchedule, optional

    Returns
    -------
    Flow
        Its output is the document of the relaxation.

    Raises
    ------
    EngineUnavailableError
        If the engine has no molecular dynamics.
    """
    steps = schedule or QuenchSchedule()
    ladder = [
        MolecularDynamics(
            n_steps=steps.n_steps,
            timestep=steps.timestep,
            temperature=temperature,
            thermostat="langevin",
            seed=steps.seed + k,
            frame_interval=min(50, steps.n_steps),
        )
        for k, temperature in enumerate(steps.temperatures)
    ]
    jobs = ladder_jobs(structure, label, engine, ladder)
    relaxation = Relax(
        max_force=steps.max_force, max_steps=steps.max_steps, relax_cell=steps.relax_cell, keep_symmetry=False
    )
    final = engine.maker(relaxation).job_for(jobs[-1].output.structure, label)
    return Flow([*jobs, final], output=final.output, name=f"{label} melt-quench by {engine.name}")
