"""From a recipe to the jobs it needs: one flow over injected engines, content-addressed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jobflow import Flow
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.load import SourceFile
from ...configs.models import CHARGED, Material, Method
from ...configs.recipe import Recipe
from ...configs.steps.sections import DynamicsPart, ElectronicStep, ProductionStep
from ...structures.crystals.cells import canonical_order
from ..engines.engine import Engine
from ..engines.registry import ENGINES
from ..engines.tasks import Dos, MolecularDynamics, Relax, Task
from ..identity import content_address
from .builder import PRODUCTION, Builder, Plan, TrajectoryRun, add_trajectory, needed, planned

__all__ = ["STEPS", "build_plan"]

#: sections of a recipe, in order; all but the first two and the last two are evaluated from the phase set and need no
#: job
STEPS = ("bulk", "electronic", "reactions", "windows", "volumes", "screen", "interface", "oxygen_loss")
#: steps of hours, which run only where they are asked for
_LONG = ("interface", "oxygen_loss")


def build_plan(
    recipe: Recipe, source: SourceFile, engine: str | None = None, only: str | None = None, *, full: bool = False
) -> Plan:
    """Return the jobs of a recipe.

    Parameters
    ----------
    recipe, source : Recipe, SourceFile
        From :func:`catholyte.configs.load.load_recipe`.
    engine : str, optional
        Engine for every step that it can do; the rest is skipped and said.
    only : str, optional
        One step of :data:`STEPS`; the jobs that it depends on are kept.
    full : bool
        Every step, interfaces and oxygen loss too, and molecular dynamics at full length. Otherwise these two,
        which take an hour and more, run only where `only` asks for one.

    Raises
    ------
    UnknownNameError
        If `engine` or `only` is not a name that exists.
    InputError
        With file, line and key for every name that is unknown and every setting that is missing.
    """
    if only is not None and only not in STEPS:
        raise UnknownNameError(f"unknown step {only!r}; {near_match_hint(only, STEPS)}")
    produced = engine in PRODUCTION and recipe.vasp is not None and only in ("bulk", "electronic")
    if only is not None and not produced and getattr(recipe, only) is None:
        own = [step for step in STEPS if getattr(recipe, step) is not None]
        raise InputError(f"{source.path}: recipe {recipe.name} has no step {only!r}; it has {', '.join(own)}")
    if engine is not None and engine not in ENGINES:
        raise UnknownNameError(f"unknown engine {engine!r}; {near_match_hint(engine, ENGINES)}")
    builder = Builder(recipe, source, engine)
    _check_names(builder)
    if builder.production and only not in _LONG:
        _produce(builder, builder.production)
    elif only in (None, "bulk", "electronic"):
        _bulk(builder)
    if only in (None, "electronic") and not builder.production:
        _electronic(builder)
    if recipe.interface and (only == "interface" or (full and only is None)):
        from .interface import add_interfaces  # the builder of cells, which no other step needs

        add_interfaces(builder, recipe.interface, full=full)
    if recipe.oxygen_loss and (only == "oxygen_loss" or (full and only is None)):
        from .oxygen_loss import add_oxygen_loss

        add_oxygen_loss(builder, recipe.oxygen_loss)
    if only is None and not full:
        left = [step for step in _LONG if getattr(recipe, step)]
        builder.skipped += [
            f"step {step}: it runs with --only {step}, or with every other step and at full length with --full"
            for step in left
        ]
    skipped = list(dict.fromkeys(builder.skipped))
    notes = list(builder.notes)
    drafts = needed(builder.drafts, only)
    if not drafts:
        return Plan(recipe, Flow([], name=recipe.name), [], skipped, notes)
    try:
        flow, renamed = content_address(Flow([draft.job for draft in drafts], name=recipe.name))
    except ValueError as error:
        raise InputError(f"{source.path}: the jobs do not form a flow: {error}") from None
    return Plan(recipe, flow, planned(drafts, flow, renamed), skipped, notes)


def _produce(builder: Builder, production: ProductionStep) -> None:
    """The steps of production: relaxation, projected density of states, dynamics."""
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


def _bulk(builder: Builder) -> None:
    step = builder.recipe.bulk
    if step is None or (engine := builder.engine("bulk", step.engine, "relax")) is None:
        return
    for i, name in enumerate(step.materials):
        found = builder.material(name, "bulk", "materials", i)
        method = builder.method("bulk", found) if engine.backend.needs_method else None
        task = Relax(max_force=step.max_force, max_steps=step.max_steps, method=method)
        builder.relaxed[found.name] = builder.add("bulk", found, "main", engine, task).output.structure


def _electronic(builder: Builder) -> None:
    step = builder.recipe.electronic
    if step is None or (engine := builder.engine("electronic", step.engine, "dos")) is None:
        return
    for i, name in enumerate(step.materials):
        found = builder.material(name, "electronic", "materials", i)
        for variant, method in _variants(builder, step, found):
            builder.add("electronic", found, variant, engine, Dos(method=method))


def _variants(builder: Builder, step: ElectronicStep, found: Material) -> list[tuple[str, Method]]:
    variants = [("main", builder.method("electronic", found))]
    if step.convergence is not None:
        cutoff, mesh = (
            step.convergence.cutoff,
            builder.by_material(step.convergence.kpoints, "electronic", "convergence", "kpoints").get(found.name),
        )
        variants.append((f"cutoff {cutoff:g} eV", builder.method("electronic", found, cutoff=cutoff)))
        if mesh is not None:
            variants.append((f"mesh {'×'.join(map(str, mesh))}", builder.method("electronic", found, kpoints=mesh)))
    return variants


def _check_names(builder: Builder) -> None:
    """Names in sections that need no job: materials or chemical formulas."""
    recipe = builder.recipe
    if recipe.reactions:
        for key, pairs in (("pairs", recipe.reactions.pairs), ("maps", recipe.reactions.maps)):
            for i, pair in enumerate(pairs):
                _substances(builder, pair, "reactions", key, i)
    if recipe.windows:
        _substances(builder, recipe.windows.materials, "windows", "materials")
    if recipe.volumes:
        _substances(builder, recipe.volumes.materials, "volumes", "materials")
        for i, decomposition in enumerate(recipe.volumes.decompositions):
            _substance(builder, decomposition.material, "volumes", "decompositions", i, "material")
    if recipe.screen:
        _substances(builder, [re.sub(CHARGED, "", name) for name in recipe.screen.cathodes], "screen", "cathodes")
        _substances(builder, recipe.screen.electrolytes, "screen", "electrolytes")
        _substances(builder, recipe.screen.coatings, "screen", "coatings")


def _substances(builder: Builder, names: Sequence[str], *location: str | int) -> None:
    for i, name in enumerate(names):
        _substance(builder, name, *location, i)


def _substance(builder: Builder, name: str, *location: str | int) -> None:
    """A material, or the formula of one."""
    try:
        valid = bool(Composition(name)) and all(isinstance(species, Element) for species in Composition(name))
    except ValueError:
        valid = False
    if not valid:
        builder.material(name, *location)
