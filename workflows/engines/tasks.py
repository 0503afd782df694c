"""What is asked of an engine, in terms that all engines share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ...configs.models import Method, Spec
from ...configs.units import ElectronVoltPerAngstrom, Femtosecond, Kelvin

__all__ = ["Dos", "ElasticBand", "MolecularDynamics", "Relax", "Static", "Task", "read_task"]


class Relax(Spec):
    """Relax atoms, and the cell where asked."""

    kind: Literal["relax"] = "relax"
    max_force: ElectronVoltPerAngstrom = Field(0.01, description="eV/Å")
    max_steps: int = Field(1000, ge=1)
    relax_cell: bool | Literal["height"] = Field(
        True,
        description=(
            "height: the length along the normal of a and b alone, for cells that something else holds in the plane"
        ),
    )
    keep_symmetry: bool = Field(
        True,
        description=(
            "keep the space group of the starting cell, so that noise does not multiply the k points of what follows"
        ),
    )
    method: Method | None = Field(None, description="level of theory; None for an engine that has only one")


class ElasticBand(Relax):
    """Relax the images of a nudged elastic band between two relaxed cells."""

    relax_cell: bool | Literal["height"] = False
    keep_symmetry: bool = False
    images: int = Field(3, ge=1, description="between the end points")
    climbing: bool = Field(True, description="the highest image climbs to the saddle")


class Static(Spec):
    """Energy, forces, stress and moments at fixed geometry."""

    kind: Literal["static"] = "static"
    method: Method | None = None


class Dos(Spec):
    """A static calculation with the density of states projected on atoms and orbitals."""

    kind: Literal["dos"] = "dos"
    method: Method | None = None
    energy_spacing: float = Field(0.01, gt=0, description="eV, grid of the stored density of states")


class MolecularDynamics(Spec):
    """Molecular dynamics at fixed cell."""

    kind: Literal["md"] = "md"
    n_steps: int = Field(ge=1)
    timestep: Femtosecond = Field(2.0, description="fs")
    temperature: Kelvin = Field(300.0, description="K")
    thermostat: Literal["none", "nose-hoover-chain", "langevin"] = Field(
        "nose-hoover-chain", description="none: velocity Verlet, constant energy"
    )
    damping: Femtosecond = Field(100.0, description="fs, time constant of the thermostat")
    seed: int = Field(
        0, description="of the Maxwell-Boltzmann draw; velocities of the structure are kept where it has them"
    )
    frame_interval: int = Field(10, ge=1, description="steps between stored frames")
    method: Method | None = None


Task = Annotated[Relax | Static | Dos | MolecularDynamics, Field(discriminator="kind")]
_TASK: TypeAdapter[Task] = TypeAdapter(Task)


def read_task(stored: object) -> Task:
    """Return a task from its stored form.

    Parameters
    ----------
    stored : dict or task
    """
    return _TASK.validate_python(stored)
