"""What a plan consists of, and the builder that the steps of a recipe share: materials, cells, engines, methods,
jobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from jobflow import Flow, Job, OutputReference
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError, UnknownNameError
from ...configs.load import SourceFile
from ...configs.models import Material, Mesh, Method
from ...configs.recipe import Recipe
from ...configs.steps.production import DynamicsPart
from ...configs.trust import trust_of
from ...structures.by_name import find_material
from ...structures.crystals.cells import calculation_cell, prepared_cell
from ...structures.crystals.crystal import conventional
from ..engines.engine import Engine
from ..engines.registry import ENGINES, load_backend, require_engine, runs_production
from ..engines.tasks import Static, Task
from ..flows.comparison import ForceComparisonMaker
from ..flows.dynamics import TrajectoryRun, chunk_jobs, require_time_step
from ..identity import iter_jobs
from ..roles import Chunk, Main, Variation
from .stacks import Budget, PlannedStack

__all__ = ["Builder", "Draft", "Plan", "PlannedJob", "add_trajectory", "needed", "planned"]

#: s, estimate of a job of plain Python: the search for a cell takes 1 to 30 s
PYTHON_SECONDS = 5.0


@dataclass(frozen=True)
class PlannedJob:
    """One job as people and the database see it.

    Attributes
    ----------
    key, uuid, index : str, str, int
        Identity; the uuid is the hash of the question.
    members : list of str
        Members of the recipe's committee that ask it; empty where there is no committee.
    step, material, variant : str
        Place in the recipe; variant is ``main``, or what was varied to test convergence.
    cost_seconds : float
        Estimated processor time, an order of magnitude.
    role : dict or None
        Dumped :data:`~catholyte.workflows.roles.Role` of the calculation; None for a job of plain Python.
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
    role: dict[str, Any] | None
    members: list[str] = field(default_factory=list)

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
    notes : list of str
        What to know of the jobs that are there.
    """

    recipe: Recipe
    flow: Flow
    jobs: list[PlannedJob]
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def placeholder(self) -> bool:
        """Whether a job of the plan invents its numbers: a rehearsal."""
        return any(trust_of(job.tier).placeholder for job in self.jobs)


@dataclass
class Draft:
    """A job before content addressing, with what the plan says of it.

    Attributes
    ----------
    engine, task : Engine, Task or None
        None for a job of plain Python.
    runs : int
        Calculations of this task that the job stands for; the engine is loaded once for all of them.
    beside : Engine or None
        Another engine that repeats each of them.
    member : str
        Of the recipe's committee.
    kind : str
        Of the job, where the task does not tell it.
    """

    job: Job
    step: str
    material: str
    variant: str
    engine: Engine | None
    task: Task | None
    cell: Structure | Budget
    runs: int = 1
    member: str = ""
    beside: Engine | None = None
    kind: str = ""

    @property
    def seconds(self) -> float:
        """Estimated processor time, s."""
        if self.engine is None or self.task is None:
            return PYTHON_SECONDS
        n_atoms, again, backends = len(self.cell), self.runs - 1, [e.backend for e in (self.engine, self.beside) if e]
        return sum(self.runs * b.estimate_seconds(n_atoms, self.task) - again * b.loading_seconds for b in backends)


class Builder:
    """What the steps of one recipe share while its jobs are drafted."""

    def __init__(
        self,
        recipe: Recipe,
        source: SourceFile,
        engine: str | None,
        *,
        full: bool = False,
        compared: tuple[str, ...] = (),
    ) -> None:
        self.recipe, self.source, self.override = recipe, source, engine
        #: engines whose forces are computed on the frames of every trajectory
        self.compared = compared
        #: whether molecular dynamics has its full length
        self.full = full
        self.production = recipe.vasp if runs_production(engine) else None
        #: whether the engine of every step invents its numbers
        self.placeholder = engine in ENGINES and load_backend(str(engine), {}).trust.placeholder
        self.drafts: list[Draft] = []
        self.skipped: list[str] = []
        self.notes: list[str] = []
        self.cells: dict[str, Structure] = {}
        self._named: dict[str, Material] = {}
        self.relaxed: dict[str, OutputReference] = {}
        #: relaxed stacks by the name of their system
        self.stacks: dict[str, PlannedStack] = {}
        self.meshes: dict[str, Mesh] = {}
        if self.production:
            self.meshes = self.by_material(self.production.kpoints, "vasp", "kpoints")
        elif recipe.electronic:
            self.meshes = self.by_material(recipe.electronic.kpoints, "electronic", "kpoints")

    def by_material(self, table: dict[str, Mesh], *location: str) -> dict[str, Mesh]:
        """A table of the recipe under the materials' own names, whatever alias it uses."""
        return {self.material(name, *location, name).name: mesh for name, mesh in table.items()}

    def material(self, name: str, *location: str | int) -> Material:
        """The material that the recipe names at `location`; a path is read from the recipe's own folder."""
        if name in self._named:
            return self._named[name]
        if (known := self._by_label(name)) is not None:
            return known
        try:
            found = find_material(name, self.source.path.parent)
        except (UnknownNameError, StructureError) as error:
            raise self.source.error(location, error.message) from None
        same = next((text for text, other in self._named.items() if other.name == found.name and other != found), None)
        if same is not None:
            raise self.source.error(
                location, f"{same!r} and {name!r} are two crystals, and both would be called {found.name}: rename one"
            )
        self._named[name] = found
        return found

    def _by_label(self, label: str) -> Material | None:
        """The material of a file by the name that jobs give it; None where no file has it."""
        return next((found for found in self._named.values() if found.name == label), None)

    def cell(self, found: Material) -> Structure:
        if found.name not in self.cells:
            chosen = self.production.conventional if self.production else ()
            whole = found.name in {self.material(name, "vasp", "conventional", i).name for i, name in enumerate(chosen)}
            if whole and found.disordered:
                raise self.source.error(
                    ["vasp", "conventional"],
                    f"{found.name} has partial occupancies: its ordered cell is the one that runs",
                )
            self.cells[found.name] = prepared_cell(conventional(found), found) if whole else calculation_cell(found)
        return self.cells[found.name]

    def engine(self, step: str, name: str, kind: str) -> Engine | None:
        """The engine of a step; None, said in `skipped`, where the override has no such calculation."""
        chosen = self.override or name
        try:
            require_engine(chosen)
        except UnknownNameError as error:
            raise (
                UnknownNameError(f"--engine: {error.message}")
                if self.override
                else self.source.error([step, "engine"], error.message)
            ) from None
        kinds = load_backend(chosen, {}).kinds
        if kind in kinds:
            return Engine(chosen, dict(self.production.settings) if self.production else {})
        problem = f"engine {chosen} has no calculation of kind {kind!r}; it has {', '.join(kinds)}"
        if not self.override:
            raise self.source.error([step, "engine"], problem)
        self.skipped.append(f"step {step}: {problem}")
        return None

    def method(
        self, step: str, found: Material, cutoff: float | None = None, kpoints: tuple[int, int, int] | None = None
    ) -> Method:
        """The level of theory for one material; U for every transition metal in it, or an error."""
        electronic = self.production or self.recipe.electronic
        mesh = kpoints or self.meshes.get(found.name) or (self.production.mesh if self.production else None)
        if electronic is None or mesh is None:
            raise self.source.error(
                [step, "engine"],
                f"an electronic-structure engine needs a cutoff and a mesh: give electronic.kpoints.{found.name}",
            )
        table = self.hubbard_table(self.cell(found).composition.remove_charges().elements, found.name)
        return Method(hubbard_u=table, cutoff=cutoff or electronic.cutoff, kpoints=mesh, smearing=electronic.smearing)

    def method_in_motion(self, found: Material, part: DynamicsPart) -> Method:
        """The level of theory of production's dynamics for one material; the engine leaves spin out of cells of closed
        shells."""
        method = self.method("vasp", found, cutoff=part.cutoff, kpoints=part.kpoints)
        table = method.hubbard_u if part.hubbard_u else dict.fromkeys(method.hubbard_u, 0.0)
        return method.model_copy(update={"hubbard_u": table})

    def hubbard_table(self, elements: Iterable[Any], label: str) -> dict[str, float]:
        """The recipe's U of the elements that have one; every transition metal needs an entry."""
        present = list(elements)
        missing = [e.symbol for e in present if e.is_transition_metal and e.symbol not in self.recipe.hubbard_u]
        if missing:
            raise self.source.error(
                ["hubbard_u"],
                (
                    f"no entry for the transition metal {', '.join(missing)} of {label}; give its U in eV (0 eV must "
                    "be written out)"
                ),
            )
        return {e.symbol: self.recipe.hubbard_u[e.symbol] for e in present if e.symbol in self.recipe.hubbard_u}

    def add(self, step: str, found: Material, variant: str, engine: Engine, task: Task) -> Job:
        structure: Structure | OutputReference = (
            self.relaxed[found.name] if step != "bulk" and found.name in self.relaxed else self.cell(found)
        )
        role = Main(of=found.name) if variant == "main" else Variation(of=found.name)
        job = engine.maker(task).job_for(structure, found.name, role=role)
        if variant != "main":
            job.name += f" ({variant})"
        self.drafts.append(Draft(job, step, found.name, variant, engine, task, self.cell(found)))
        return job


def needed(drafts: list[Draft], only: str | None) -> list[Draft]:
    """Drafts of one step with everything they depend on."""
    if only is None:
        return drafts
    kept = {draft.job.uuid for draft in drafts if draft.step == only}
    new = kept
    while new := {uuid for draft in drafts if draft.job.uuid in new for uuid in draft.job.input_uuids} - kept:
        kept |= new
    return [draft for draft in drafts if draft.job.uuid in kept]


def planned(drafts: list[Draft], flow: Flow, renamed: dict[str, str]) -> list[PlannedJob]:
    """Describe each job of the flow; a question asked twice stands once, as what it was asked for first."""
    jobs = {job.uuid: job for job in iter_jobs(flow)}
    found: dict[str, PlannedJob] = {}
    for draft in drafts:
        uuid = renamed[draft.job.uuid]
        if uuid in found:
            if draft.member and draft.member not in found[uuid].members:
                found[uuid].members.append(draft.member)
            continue
        if draft.engine is not None:
            jobs[uuid].metadata["n_atoms"] = len(
                draft.cell
            )  # for the queue's resources, where the cell is another job's answer; no part of the identity
        found[uuid] = PlannedJob(
            key=uuid,
            uuid=uuid,
            index=1,
            name=draft.job.name,
            step=draft.step,
            material=draft.material,
            variant=draft.variant,
            engine=draft.engine.name if draft.engine else "python",
            tier=draft.engine.backend.tier if draft.engine else "",
            kind=draft.kind or (draft.task.kind if draft.task else "build"),
            formula=draft.cell.shown
            if isinstance(draft.cell, Budget)
            else draft.cell.composition.remove_charges().formula.replace(" ", ""),
            n_atoms=len(draft.cell),
            depends_on=sorted(set(jobs[uuid].input_uuids)),
            cost_seconds=draft.seconds,
            role=draft.job.function_kwargs.get("role"),
            members=[draft.member] if draft.member else [],
        )
    return [found[uuid] for uuid in jobs]


def add_trajectory(
    builder: Builder,
    place: tuple[str, str],
    start: Structure | OutputReference,
    cell: Structure | Budget,
    motion: TrajectoryRun,
    control_of: str | None = None,
) -> None:
    """Draft the chunks of one trajectory.

    Each chunk starts from positions and velocities of the one before, and from its thermostat where the engine hands it
    on.

    Parameters
    ----------
    builder : Builder
    place : tuple of str
        Step, and material or system: the label of the documents.
    start : Structure or OutputReference
    cell : Structure or Budget
        What the plan tells of it.
    motion : TrajectoryRun
    control_of : str, optional
        The phase whose bulk moves, where the run is a control.
    """
    step, label = place
    symbols = cell.symbols if isinstance(cell, Budget) else {site.specie.symbol for site in cell}
    require_time_step(symbols, motion.task.timestep, label)
    for number, made in enumerate(chunk_jobs(start, label, motion, control_of), 1):
        task = motion.task.model_copy(
            update={"n_steps": min(motion.chunk, motion.task.n_steps - (number - 1) * motion.chunk)}
        )
        builder.drafts.append(Draft(made, step, label, motion.variant(number), motion.engine, task, cell))
        role = Chunk(of=control_of or label, replica=motion.replica or 1, number=number, control=control_of is not None)
        for other in builder.compared:
            maker = ForceComparisonMaker(first=motion.engine, second=Engine(other))
            forces = maker.job_for(made, label, motion.variant(number), role)
            variant = f"forces of {other}, {motion.variant(number)}"
            draft = Draft(forces, step, label, variant, maker.second, Static(), cell, maker.frames, beside=maker.first)
            builder.drafts.append(draft)
