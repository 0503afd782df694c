"""From a recipe to the jobs it needs: one flow over injected engines, content-addressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobflow import Flow
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from ...configs.committee import Member, members_of
from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.load import SourceFile
from ...configs.models import Material, Method
from ...configs.recipe import STEP_KINDS, Recipe
from ...configs.steps.bulk import BulkStep
from ...configs.steps.electronic import Convergence, ElectronicStep
from ...configs.steps.kind import StepKind
from ...configs.steps.production import DynamicsPart, ProductionStep
from ...structures.crystals.cells import canonical_order
from ..engines.engine import Engine
from ..engines.registry import load_backend, require_engine, runs_production
from ..engines.tasks import Dos, MolecularDynamics, Relax, Task
from ..flows.dynamics import TrajectoryRun
from ..identity import content_address
from .across import add_across
from .builder import Builder, Draft, Plan, add_trajectory, needed, planned
from .conductivity import add_conductivity
from .deciding_phases import add_deciding_phases
from .interface import add_interfaces
from .mechanics import add_mechanics
from .oxygen_loss import add_oxygen_loss
from .polymorphs import add_polymorphs
from .segregation import add_segregation
from .stacks import Budget
from .transport import add_transport

__all__ = ["STEPS", "build_plan"]

#: names of all steps, in the order of the plan
STEPS = tuple(kind.name for kind in STEP_KINDS)


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
        Every step, long ones too, and molecular dynamics at full length. Otherwise a step that takes an hour and
        more runs only where `only` asks for it.

    Raises
    ------
    UnknownNameError
        If `engine` or `only` is not a name that exists.
    InputError
        With file, line and key for every name that is unknown and every setting that is missing.
    """
    if only is not None and only not in STEPS:
        raise UnknownNameError(f"unknown step {only!r}; {near_match_hint(only, STEPS)}")
    members = members_of(recipe, engine)
    for name in {member.name for member in members} - {""}:
        _require_potential(name)
    engine = members[0].override
    produced = runs_production(engine) and recipe.vasp is not None
    present = [kind.name for kind in STEP_KINDS if recipe.step(kind) is not None]
    if only is not None and only not in present and not (produced and _kind(only).produced):
        raise InputError(f"{source.path}: recipe {recipe.name} has no step {only!r}; it has {', '.join(present)}")
    if engine is not None:
        require_engine(engine)
    others = tuple(member.name for member in members[1:])
    builders = [
        _drafted(member, source, only, full=full, compared=() if number else others)
        for number, member in enumerate(members)
    ]
    skipped = list(dict.fromkeys(text for builder in builders for text in builder.skipped))
    if only is None and not full:
        left = [kind.name for kind in STEP_KINDS if kind.long and recipe.step(kind)]
        how = "it runs with --only {step}, or with every other step and at full length with --full"
        skipped += [f"step {step}: {how.format(step=step)}" for step in left]
    notes = list(dict.fromkeys(text for builder in builders for text in (*builder.notes, *_arrangements(builder))))
    drafts = [draft for builder in builders for draft in needed(builder.drafts, only)]
    for builder in builders:
        _require_engines(builder, needed(builder.drafts, only))
    if not drafts:
        return Plan(recipe, Flow([], name=recipe.name), [], skipped, notes)
    try:
        # a step with one engine in a recipe with a committee: each member drafts the same jobs, some already addressed
        jobs = {draft.job.uuid: draft.job for draft in reversed(drafts)}
        flow, renamed = content_address(Flow(list(reversed(jobs.values())), name=recipe.name))
    except ValueError as error:
        raise InputError(f"{source.path}: the jobs do not form a flow: {error}") from None
    return Plan(recipe, flow, planned(drafts, flow, renamed), skipped, notes)


def _drafted(
    member: Member[Recipe], source: SourceFile, only: str | None, *, full: bool, compared: tuple[str, ...]
) -> Builder:
    """The drafts of a recipe's jobs, as one member of its committee runs them; `compared` are those whose forces are
    computed on its trajectories."""
    builder = Builder(member.recipe, source, member.override, full=full, compared=compared)
    _check_names(builder)
    wanted = [kind for kind in STEP_KINDS if kind.name in _ADD and _is_wanted(kind, only, full=full)]
    if builder.production and any(kind.produced for kind in wanted):
        _add_production(builder, builder.production)
        wanted = [kind for kind in wanted if not kind.produced]
    for kind in wanted:
        if (step := member.recipe.step(kind)) is not None:
            _ADD[kind.name](builder, step)
    for draft in builder.drafts:
        draft.member = member.name
    return builder


def _require_potential(name: str) -> None:
    """Refuse a member of a committee that needs a level of theory: its cost and its numbers are of another kind."""
    require_engine(name)
    if load_backend(name, {}).needs_method:
        raise InputError(
            f"engine {name} cannot be a member of a committee: it needs a level of theory of its own",
            "a committee is of potentials; DFT stands beside them as single_points of oxygen_loss, or by --engine",
        )


def _require_engines(builder: Builder, drafts: list[Draft]) -> None:
    """Raise InputError where an engine may not calculate what a job asks of it."""
    asked: dict[tuple[str, frozenset[str]], Draft] = {}
    for draft in drafts:
        if draft.engine is not None:
            cell = draft.cell
            symbols = cell.symbols if isinstance(cell, Budget) else frozenset(site.specie.symbol for site in cell)
            asked.setdefault((f"{draft.engine.name} {draft.engine.settings}", symbols), draft)
    for (_, symbols), draft in asked.items():
        if draft.engine is None:
            continue
        try:
            draft.engine.backend.require(symbols)
        except InputError as error:
            told = f"{draft.material}: {error.message}"
            if builder.override:
                raise InputError(f"--engine: {told}", error.advice) from None
            raise InputError(builder.source.error([draft.step, "engine"], told).message, error.advice) from None


def _arrangements(builder: Builder) -> list[str]:
    """What each crystal of partial occupancies that is calculated owes to the choice among its arrangements."""
    used = [builder.material(name) for name in builder.cells]
    return [f"{found.name}: {found.arrangements.sentence}" for found in used if found.arrangements is not None]


def _kind(name: str) -> StepKind:
    return next(kind for kind in STEP_KINDS if kind.name == name)


def _is_wanted(kind: StepKind, only: str | None, *, full: bool) -> bool:
    """Whether a step's jobs are drafted: those that another step depends on too."""
    if only is None:
        return full or not kind.long
    return kind.name in (only, *_kind(only).after)


def _add_bulk(builder: Builder, step: BulkStep) -> None:
    if (engine := builder.engine("bulk", step.engine, "relax")) is None:
        return
    for i, name in enumerate(step.materials):
        found = builder.material(name, "bulk", "materials", i)
        method = builder.method("bulk", found) if engine.backend.needs_method else None
        task = Relax(max_force=step.max_force, max_steps=step.max_steps, method=method)
        builder.relaxed[found.name] = builder.add("bulk", found, "main", engine, task).output.structure


def _add_electronic(builder: Builder, step: ElectronicStep) -> None:
    if (engine := builder.engine("electronic", step.engine, "dos")) is None:
        return
    for i, name in enumerate(step.materials):
        found = builder.material(name, "electronic", "materials", i)
        for variant, method in _variants(builder, step.convergence, found, "electronic"):
            builder.add("electronic", found, variant, engine, Dos(method=method))


def _variants(builder: Builder, asked: Convergence | None, found: Material, step: str) -> list[tuple[str, Method]]:
    """The main calculation of a material, and those that show how converged it is."""
    variants = [("main", builder.method(step, found))]
    if asked is not None:
        mesh = builder.by_material(asked.kpoints, step, "convergence", "kpoints").get(found.name)
        variants.append((f"cutoff {asked.cutoff:g} eV", builder.method(step, found, cutoff=asked.cutoff)))
        if mesh is not None:
            variants.append((f"mesh {'×'.join(map(str, mesh))}", builder.method(step, found, kpoints=mesh)))
    return variants


#: how the jobs of a step are drafted; the report evaluates the other steps from a phase set
_ADD: dict[str, Callable[[Builder, Any], None]] = {
    "bulk": _add_bulk,
    "electronic": _add_electronic,
    "interface": add_interfaces,
    "oxygen_loss": add_oxygen_loss,
    "across": add_across,
    "segregation": add_segregation,
    "transport": add_transport,
    "mechanics": add_mechanics,
    "conductivity": add_conductivity,
    "polymorphs": add_polymorphs,
    "deciding_phases": add_deciding_phases,
}


def _check_names(builder: Builder) -> None:
    """Names in sections that need no job: materials or chemical formulas."""
    for kind in STEP_KINDS:
        step = builder.recipe.step(kind)
        for name, place in kind.names(step) if step is not None else ():
            _substance(builder, name, kind.name, *place)


def _substance(builder: Builder, name: str, *location: str | int) -> None:
    """A material, or the formula of one."""
    try:
        valid = bool(Composition(name)) and all(isinstance(species, Element) for species in Composition(name))
    except ValueError:
        valid = False
    if not valid:
        builder.material(name, *location)


def _add_production(builder: Builder, production: ProductionStep) -> None:
    """Draft the jobs of production: relaxation, projected density of states, dynamics."""
    engine = Engine(builder.override or "vasp", dict(production.settings))
    followed = {builder.material(name, "vasp", "electronic", i).name for i, name in enumerate(production.electronic)}
    for i, name in enumerate(production.relax):
        found = builder.material(name, "vasp", "relax", i)
        task: Task = Relax(
            max_force=production.max_force, max_steps=production.max_steps, method=builder.method("vasp", found)
        )
        chosen = engine.handing_on() if found.name in followed else engine
        builder.relaxed[found.name] = builder.add("bulk", found, "main", chosen, task).output.structure
    for i, name in enumerate(production.electronic):
        found = builder.material(name, "vasp", "electronic", i)
        for variant, method in _variants(builder, production.convergence, found, "vasp"):
            builder.add("electronic", found, variant, engine, Dos(method=method))
    if production.dynamics:
        _dynamics(builder, production.dynamics, engine)


def _dynamics(builder: Builder, part: DynamicsPart, engine: Engine) -> None:
    """Chunks, each from the positions and velocities at which the one before ended."""
    supercells = builder.by_material(part.supercell, "vasp", "dynamics", "supercell")
    for i, name in enumerate(part.materials):
        found = builder.material(name, "vasp", "dynamics", "materials", i)
        cell = builder.cell(found).make_supercell(supercells.get(found.name, (1, 1, 1)), in_place=False)
        method = builder.method_in_motion(found, part)
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
