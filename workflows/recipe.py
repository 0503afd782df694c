"""From a recipe to the jobs it needs: one flow over injected engines, content-addressed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from jobflow import Flow, Job, OutputReference
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element
from pymatgen.core.structure import Structure

from ..configs.errors import InputError, StructureError, UnknownNameError, near_match_hint
from ..configs.load import SourceFile
from ..configs.models import CHARGED, DynamicsPart, ElectronicStep, Material, Method, ProductionStep, Recipe
from ..structures.cells import calculation_cell, canonical_order, prepared_cell
from ..structures.crystal import conventional
from ..structures.own import find_material
from .engine import Engine
from .identity import content_address, iter_jobs
from .registry import ENGINES, load_backend
from .tasks import Dos, MolecularDynamics, Relax, Task

__all__ = ["PRODUCTION", "STEPS", "Plan", "PlannedJob", "build_plan"]

Mesh = tuple[int, int, int]
#: sections of a recipe, in order; all but the first two are evaluated from the phase set and need no job
STEPS = ("bulk", "electronic", "reactions", "windows", "volumes", "screen")
#: engines that run a recipe's section `vasp`: VASP, and the stand-in with which its campaign is rehearsed
PRODUCTION = ("vasp", "rehearsal")


@dataclass(frozen=True)
class PlannedJob:
    """One job as people and the database see it.

    Attributes
    ----------
    key, uuid, index : str, str, int
        Identity; the uuid is the hash of the question.
    step, material, variant : str
        Place in the recipe; variant is ``main``, or what was varied to test convergence.
    cost_seconds : float
        Estimated processor time, an order of magnitude.
    """

    key: str
    uuid: str
    index: int
    name: str
    step: str
    material: str
    variant: str
    engine: str
    tier: str
    kind: str
    formula: str
    n_atoms: int
    depends_on: list[str]
    cost_seconds: float

    def record(self) -> dict[str, Any]:
        """As a dictionary for the database."""
        return asdict(self)


@dataclass
class Plan:
    """A recipe made concrete.

    Attributes
    ----------
    recipe : Recipe
    flow : Flow
        Content-addressed; empty where the steps asked for need no job.
    jobs : list of PlannedJob
        In the order of the flow.
    skipped : list of str
        What was left out and why, one sentence each.
    """

    recipe: Recipe
    flow: Flow
    jobs: list[PlannedJob]
    skipped: list[str] = field(default_factory=list)


@dataclass
class _Draft:
    """A job before content addressing, with what the plan says of it."""

    job: Job
    step: str
    material: str
    variant: str
    engine: Engine
    task: Task
    cell: Structure


class _Builder:
    def __init__(self, recipe: Recipe, source: SourceFile, engine: str | None) -> None:
        self.recipe, self.source, self.override = recipe, source, engine
        self.production = recipe.vasp if engine in PRODUCTION else None
        self.drafts: list[_Draft] = []
        self.skipped: list[str] = []
        self.cells: dict[str, Structure] = {}
        self.relaxed: dict[str, OutputReference] = {}
        self.meshes: dict[str, Mesh] = {}
        if self.production:
            self.meshes = self.by_material(self.production.kpoints, "vasp", "kpoints")
        elif recipe.electronic:
            self.meshes = self.by_material(recipe.electronic.kpoints, "electronic", "kpoints")

    def by_material(self, table: dict[str, Mesh], *location: str) -> dict[str, Mesh]:
        """A table of the recipe under the materials' own names, whatever alias it uses."""
        return {self.material(name, *location, name).name: mesh for name, mesh in table.items()}

    def material(self, name: str, *location: str | int) -> Material:
        try:
            return find_material(name)
        except (UnknownNameError, StructureError) as error:
            raise self.source.error(location, error.message) from None

    def cell(self, found: Material) -> Structure:
        if found.name not in self.cells:
            chosen = self.production.conventional if self.production else ()
            whole = found.name in {self.material(name, "vasp", "conventional", i).name for i, name in enumerate(chosen)}
            if whole and found.disordered:
                raise self.source.error(["vasp", "conventional"], f"{found.name} has partial occupancies: its ordered cell is the one that runs")
            self.cells[found.name] = prepared_cell(conventional(found), found) if whole else calculation_cell(found)
        return self.cells[found.name]

    def engine(self, step: str, name: str, kind: str) -> Engine | None:
        """The engine of a step; None, said in `skipped`, where the override has no such calculation."""
        chosen = self.override or name
        if chosen not in ENGINES:
            problem = f"unknown engine {chosen!r}; {near_match_hint(chosen, ENGINES)}"
            raise UnknownNameError(f"--engine: {problem}") if self.override else self.source.error([step, "engine"], problem)
        kinds = load_backend(chosen, {}).kinds
        if kind in kinds:
            return Engine(chosen, dict(self.production.settings) if self.production else {})
        problem = f"engine {chosen} has no calculation of kind {kind!r}; it has {', '.join(kinds)}"
        if not self.override:
            raise self.source.error([step, "engine"], problem)
        self.skipped.append(f"step {step}: {problem}")
        return None

    def method(self, step: str, found: Material, cutoff: float | None = None, kpoints: tuple[int, int, int] | None = None) -> Method:
        """The level of theory for one material; U for every transition metal in it, or an error."""
        electronic = self.production or self.recipe.electronic
        mesh = kpoints or self.meshes.get(found.name) or (self.production.mesh if self.production else None)
        if electronic is None or mesh is None:
            raise self.source.error([step, "engine"], f"an electronic-structure engine needs a cutoff and a mesh: give electronic.kpoints.{found.name}")
        elements = self.cell(found).composition.remove_charges().elements
        missing = [e.symbol for e in elements if e.is_transition_metal and e.symbol not in self.recipe.hubbard_u]
        if missing:
            raise self.source.error(
                ["hubbard_u"], f"no entry for the transition metal {', '.join(missing)} of {found.name}; give its U in eV (0 eV must be written out)"
            )
        table = {e.symbol: self.recipe.hubbard_u[e.symbol] for e in elements if e.symbol in self.recipe.hubbard_u}
        return Method(hubbard_u=table, cutoff=cutoff or electronic.cutoff, kpoints=mesh, smearing=electronic.smearing)

    def add(self, step: str, found: Material, variant: str, engine: Engine, task: Task) -> Job:
        structure: Structure | OutputReference = self.relaxed[found.name] if step != "bulk" and found.name in self.relaxed else self.cell(found)
        job = engine.maker(task).job_for(structure, found.name)
        if variant != "main":
            job.name += f" ({variant})"
        self.drafts.append(_Draft(job, step, found.name, variant, engine, task, self.cell(found)))
        return job

    def produce(self, production: ProductionStep) -> None:
        """The steps of production: relaxation, projected density of states, dynamics."""
        engine = Engine(self.override or "vasp", dict(production.settings))
        for i, name in enumerate(production.relax):
            found = self.material(name, "vasp", "relax", i)
            task: Task = Relax(max_force=production.max_force, max_steps=production.max_steps, method=self.method("vasp", found))
            self.relaxed[found.name] = self.add("bulk", found, "main", engine, task).output.structure
        for i, name in enumerate(production.electronic):
            found = self.material(name, "vasp", "electronic", i)
            self.add("electronic", found, "main", engine, Dos(method=self.method("vasp", found)))
        if production.dynamics:
            self.dynamics(production.dynamics, engine)

    def dynamics(self, part: DynamicsPart, engine: Engine) -> None:
        """Chunks, each from the positions and velocities at which the one before ended."""
        supercells = self.by_material(part.supercell, "vasp", "dynamics", "supercell")
        for i, name in enumerate(part.materials):
            found = self.material(name, "vasp", "dynamics", "materials", i)
            method = self.method("vasp", found, cutoff=part.cutoff, kpoints=part.kpoints)
            if not part.hubbard_u:
                method = method.model_copy(update={"hubbard_u": dict.fromkeys(method.hubbard_u, 0.0)})
            cell = self.cell(found).make_supercell(supercells.get(found.name, (1, 1, 1)), in_place=False)
            method = method.model_copy(update={"spin_polarized": any(cell.site_properties.get("magmom", []))})
            structure: Structure | OutputReference = canonical_order(cell)
            chosen = {"timestep": part.timestep, "temperature": part.temperature, "thermostat": part.thermostat, "damping": part.damping}
            left, per_job, number = round(part.length / part.timestep), round(part.chunk / part.timestep), 0
            while left > 0:
                number += 1
                task = MolecularDynamics(n_steps=min(left, per_job), method=method, seed=part.seed, frame_interval=part.frame_interval, **chosen)
                job = engine.maker(task).job_for(structure, found.name)
                job.name += f" (chunk {number})"
                self.drafts.append(_Draft(job, "dynamics", found.name, f"chunk {number}", engine, task, cell))
                structure, left = job.output.structure, left - per_job

    def bulk(self) -> None:
        step = self.recipe.bulk
        if step is None or (engine := self.engine("bulk", step.engine, "relax")) is None:
            return
        for i, name in enumerate(step.materials):
            found = self.material(name, "bulk", "materials", i)
            method = self.method("bulk", found) if engine.backend.needs_method else None
            task = Relax(max_force=step.max_force, max_steps=step.max_steps, method=method)
            self.relaxed[found.name] = self.add("bulk", found, "main", engine, task).output.structure

    def electronic(self) -> None:
        step = self.recipe.electronic
        if step is None or (engine := self.engine("electronic", step.engine, "dos")) is None:
            return
        for i, name in enumerate(step.materials):
            found = self.material(name, "electronic", "materials", i)
            for variant, method in self._variants(step, found):
                self.add("electronic", found, variant, engine, Dos(method=method))

    def _variants(self, step: ElectronicStep, found: Material) -> list[tuple[str, Method]]:
        variants = [("main", self.method("electronic", found))]
        if step.convergence is not None:
            cutoff, mesh = step.convergence.cutoff, self.by_material(step.convergence.kpoints, "electronic", "convergence", "kpoints").get(found.name)
            variants.append((f"cutoff {cutoff:g} eV", self.method("electronic", found, cutoff=cutoff)))
            if mesh is not None:
                variants.append((f"mesh {'×'.join(map(str, mesh))}", self.method("electronic", found, kpoints=mesh)))
        return variants

    def check_names(self) -> None:
        """Names in sections that need no job: materials or chemical formulas."""
        recipe = self.recipe
        if recipe.reactions:
            for key, pairs in (("pairs", recipe.reactions.pairs), ("maps", recipe.reactions.maps)):
                for i, pair in enumerate(pairs):
                    self.substances(pair, "reactions", key, i)
        if recipe.windows:
            self.substances(recipe.windows.materials, "windows", "materials")
        if recipe.volumes:
            self.substances(recipe.volumes.materials, "volumes", "materials")
            for i, decomposition in enumerate(recipe.volumes.decompositions):
                self.substance(decomposition.material, "volumes", "decompositions", i, "material")
        if recipe.screen:
            self.substances([re.sub(CHARGED, "", name) for name in recipe.screen.cathodes], "screen", "cathodes")
            self.substances(recipe.screen.electrolytes, "screen", "electrolytes")
            self.substances(recipe.screen.coatings, "screen", "coatings")

    def substances(self, names: Sequence[str], *location: str | int) -> None:
        for i, name in enumerate(names):
            self.substance(name, *location, i)

    def substance(self, name: str, *location: str | int) -> None:
        """A material, or the formula of one."""
        try:
            valid = bool(Composition(name)) and all(isinstance(species, Element) for species in Composition(name))
        except ValueError:
            valid = False
        if not valid:
            self.material(name, *location)


def build_plan(recipe: Recipe, source: SourceFile, engine: str | None = None, only: str | None = None) -> Plan:
    """Return the jobs of a recipe.

    Parameters
    ----------
    recipe, source : Recipe, SourceFile
        From :func:`catholyte.configs.load.load_recipe`.
    engine : str, optional
        Engine for every step that it can do; the rest is skipped and said.
    only : str, optional
        One step of :data:`STEPS`; the jobs that it depends on are kept.

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
    builder = _Builder(recipe, source, engine)
    builder.check_names()
    if builder.production:
        builder.produce(builder.production)
    elif only in (None, "bulk", "electronic"):
        builder.bulk()
    if only in (None, "electronic") and not builder.production:
        builder.electronic()
    drafts = _needed(builder.drafts, only)
    if not drafts:
        return Plan(recipe, Flow([], name=recipe.name), [], builder.skipped)
    try:
        flow, renamed = content_address(Flow([draft.job for draft in drafts], name=recipe.name))
    except ValueError as error:
        raise InputError(f"{source.path}: the jobs do not form a flow: {error}") from None
    return Plan(recipe, flow, _planned(drafts, flow, renamed), builder.skipped)


def _needed(drafts: list[_Draft], only: str | None) -> list[_Draft]:
    """Drafts of one step with everything they depend on."""
    if only is None:
        return drafts
    kept = {draft.job.uuid for draft in drafts if draft.step == only}
    kept |= {uuid for draft in drafts if draft.job.uuid in kept for uuid in draft.job.input_uuids}
    return [draft for draft in drafts if draft.job.uuid in kept]


def _planned(drafts: list[_Draft], flow: Flow, renamed: dict[str, str]) -> list[PlannedJob]:
    """Describe each job of the flow; a question asked twice stands once, as what it was asked for first."""
    jobs = {job.uuid: job for job in iter_jobs(flow)}
    planned = {}
    for draft in drafts:
        uuid = renamed[draft.job.uuid]
        if uuid in planned:
            continue
        planned[uuid] = PlannedJob(
            key=uuid,
            uuid=uuid,
            index=1,
            name=draft.job.name,
            step=draft.step,
            material=draft.material,
            variant=draft.variant,
            engine=draft.engine.name,
            tier=draft.engine.backend.tier,
            kind=draft.task.kind,
            formula=draft.cell.composition.remove_charges().formula.replace(" ", ""),
            n_atoms=len(draft.cell),
            depends_on=sorted(set(jobs[uuid].input_uuids)),
            cost_seconds=draft.engine.backend.estimate_seconds(len(draft.cell), draft.task),
        )
    return [planned[uuid] for uuid in jobs]
