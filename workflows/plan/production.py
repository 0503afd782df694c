"""Production: what the section `vasp` of a recipe runs in place of the laptop's bulk and electronic steps."""

from __future__ import annotations

from ...configs.steps.production import DynamicsPart, ProductionStep
from ...structures.crystals.cells import canonical_order
from ..engines.engine import Engine
from ..engines.tasks import Dos, MolecularDynamics, Relax, Task
from ..flows.dynamics import TrajectoryRun
from .builder import Builder, add_trajectory

__all__ = ["add_production"]


def add_production(builder: Builder, production: ProductionStep) -> None:
    """Draft the jobs of production: relaxation, projected density of states, dynamics."""
    engine = Engine(builder.override or "vasp", dict(production.settings))
    for i, name in enumerate(production.relax):
        found = builder.material(name, "vasp", "relax", i)
        task: Task = Relax(
            max_force=production.max_force, max_steps=production.max_steps, method=builder.method("vasp", found)
        )
        builder.relaxed[found.name] = builder.add("bulk", found, "main", engine, task).output.structure
    for i, name in enumerate(production.electronic):
        found = builder.material(name, "vasp", "electronic", i)
        builder.add("electronic", found, "main", engine, Dos(method=builder.method("vasp", found)))
    if production.dynamics:
        _dynamics(builder, production.dynamics, engine)


def _dynamics(builder: Builder, part: DynamicsPart, engine: Engine) -> None:
    """Chunks, each from the positions and velocities at which the one before ended."""
    supercells = builder.by_material(part.supercell, "vasp", "dynamics", "supercell")
    for i, name in enumerate(part.materials):
        found = builder.material(name, "vasp", "dynamics", "materials", i)
        method = builder.method("vasp", found, cutoff=part.cutoff, kpoints=part.kpoints)
        if not part.hubbard_u:
            method = method.model_copy(update={"hubbard_u": dict.fromkeys(method.hubbard_u, 0.0)})
        cell = builder.cell(found).make_supercell(supercells.get(found.name, (1, 1, 1)), in_place=False)
        method = method.model_copy(update={"spin_polarized": any(cell.site_properties.get("magmom", []))})
        settings = {
            key: getattr(part, key)
            for key in ("timestep", "temperature", "thermostat", "damping", "frame_interval", "seed")
        }
        task = MolecularDynamics(n_steps=round(part.length / part.timestep), method=method, **settings)
        add_trajectory(
            builder,
            ("dynamics", found.name),
            canonical_order(cell),
            cell,
            TrajectoryRun(engine, task, round(part.chunk / part.timestep)),
        )
