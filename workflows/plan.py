"""What a plan consists of, and the builder that the steps of a recipe share: materials, cells, engines, methods, jobs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from jobflow import Flow, Job, OutputReference
from pymatgen.core.structure import Structure

from ..configs.errors import StructureError, UnknownNameError, near_match_hint
from ..configs.load import SourceFile
from ..configs.models import Material, Mesh, Method
from ..configs.recipe import Recipe
from ..structures.cells import calculation_cell, prepared_cell
from ..structures.crystal import conventional
from ..structures.own import find_material
from .engine import Engine
from .identity import iter_jobs
from .registry import ENGINES, load_backend
from .tasks import Task

__all__ = ["PRODUCTION", "Builder", "Draft", "Plan", "PlannedJob", "needed", "planned"]

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
class Draft:
    """A job before content addressing, with what the plan says of it."""

    job: Job
    step: str
    material: str
    variant: str
    engine: Engine
    task: Task
    cell: Structure


class Builder:
    """What the steps of one recipe share while its jobs are drafted."""

    def __init__(self, recipe: Recipe, source: SourceFile, engine: str | None) -> None:
        self.recipe, self.source, self.override = recipe, source, engine
        self.production = recipe.vasp if engine in PRODUCTION else None
        self.drafts: list[Draft] = []
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
        self.drafts.append(Draft(job, step, found.name, variant, engine, task, self.cell(found)))
        return job


def needed(drafts: list[Draft], only: str | None) -> list[Draft]:
    """Drafts of one step with everything they depend on."""
    if only is None:
        return drafts
    kept = {draft.job.uuid for draft in drafts if draft.step == only}
    kept |= {uuid for draft in drafts if draft.job.uuid in kept for uuid in draft.job.input_uuids}
    return [draft for draft in drafts if draft.job.uuid in kept]


def planned(drafts: list[Draft], flow: Flow, renamed: dict[str, str]) -> list[PlannedJob]:
    """Describe each job of the flow; a question asked twice stands once, as what it was asked for first."""
    jobs = {job.uuid: job for job in iter_jobs(flow)}
    found = {}
    for draft in drafts:
        uuid = renamed[draft.job.uuid]
        if uuid in found:
            continue
        found[uuid] = PlannedJob(
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
    return [found[uuid] for uuid in jobs]
