"""The interface step of a recipe: each stack is built, relaxed among its candidates, and then computed and moved as the
recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from jobflow import Job, OutputReference
from pymatgen.core.periodic_table import get_el_sp

from ...configs.errors import CatholyteError
from ...configs.models import Material, Mesh, Method
from ...configs.steps.interface import InterfaceStep, InterfaceSystem
from ...structures.by_name import find_source
from ...structures.crystals.cells import calculation_cell, canonical_order
from ...structures.crystals.files import read_structure
from ...structures.interfaces.request import parse_facet
from ..engines.engine import Engine
from ..engines.tasks import Dos, MolecularDynamics, Relax, Task
from ..flows.dynamics import TrajectoryRun
from ..flows.interface import BuildInterfaceMaker, ChooseInterfaceMaker
from ..roles import Control, Reference, Stack, Variation
from .builder import Builder, Draft, add_trajectory
from .stacks import Budget, PlannedStack

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

__all__ = ["add_interfaces"]

STEP = "interface"


def add_interfaces(builder: Builder, step: InterfaceStep) -> None:
    """Draft the jobs of all systems and of the controls in bulk.

    Parameters
    ----------
    builder : Builder
    step : InterfaceStep

    Raises
    ------
    InputError
        With file, line and key for every name that is unknown and every setting that is missing.
    """
    relaxing = _relaxing_engine(builder, step)
    for number in range(len(step.systems)):
        _System(builder, step, number, relaxing).add()
    _controls(builder, step, relaxing)
    built = [system.name for system in step.systems if system.file is None]
    if built:
        builder.notes.append(
            f"the cells of {', '.join(built)} are built when the step runs: until then atoms are the budget of the "
            "recipe, and times follow from it"
        )


def _relaxing_engine(builder: Builder, step: InterfaceStep) -> Engine:
    """The engine that relaxes candidates: the recipe's, except in a rehearsal, which computes nothing."""
    name = builder.override if builder.override and builder.placeholder else step.relaxation.engine
    placeholder = Engine(name).backend.trust.placeholder
    found = Engine(name, dict(builder.production.settings) if builder.production and placeholder else {})
    if found.backend.needs_method and not placeholder:
        raise builder.source.error(
            ["interface", "relaxation", "engine"],
            f"engine {name} needs a level of theory; candidates are relaxed by chgnet",
        )
    return found


class _System:
    """The jobs of one stack."""

    def __init__(self, builder: Builder, step: InterfaceStep, number: int, relaxing: Engine) -> None:
        self.builder, self.step, self.number, self.relaxing = builder, step, number, relaxing
        self.system: InterfaceSystem = step.systems[number]
        self.label = self.system.name
        self.materials = {key: self._material(key, text) for key, text in self.system.names.items()}
        self.ready = self._ready()
        symbols = frozenset(self._symbols())
        self.whole = self.ready if self.ready is not None else Budget(self.system.max_atoms, symbols)
        self.part = Budget(max(self.system.max_atoms // 2, 1), symbols)
        self.free: dict[tuple[str, str], Job] = {}

    def _material(self, key: str, text: str) -> Material:
        location = ("interface", "systems", self.number, key)
        try:
            name, miller = parse_facet(text)
        except CatholyteError as error:
            raise self.builder.source.error(location, error.message) from None
        if miller == (0, 0, 0):
            raise self.builder.source.error(location, f"{text!r}: the Miller index 0 0 0 names no plane")
        return self.builder.material(name, *location)

    def _ready(self) -> Structure | None:
        if self.system.file is None:
            return None
        location = ("interface", "systems", self.number, "file")
        path = self.builder.source.path.parent / self.system.file
        try:
            cell, asked = find_source(str(path)).structure, read_structure(path)
            tags = asked.site_properties.get("layer")
            if tags and asked.species == cell.species and None not in tags:  # the file's own order
                cell = cell.copy(site_properties={**cell.site_properties, "layer": tags})
            return cell
        except CatholyteError as error:
            raise self.builder.source.error(location, error.message) from None

    def _heights(self, engine: Engine) -> tuple[bool | str, bool | str]:
        """What a relaxation of a stack, and one of a strained crystal, lets go beside the atoms: nothing in the plane
        ever; the height where the engine can, of a stack without vacuum."""
        height: bool | str = "height" if engine.backend.relaxes_height else False
        return height if self.system.form == "periodic" and self.ready is None else False, height

    def add(self) -> None:
        """Draft everything that the recipe asks for."""
        chosen = self._chosen()
        stack, bulks = chosen.structure, {key: chosen.bulks[key] for key in self.materials}
        engine = self.builder.engine(STEP, self.step.engine, "relax")
        if engine is not None and engine.name != self.relaxing.name:
            stack, bulks = self._relaxed(engine, stack, bulks)
        self.builder.stacks[self.label] = PlannedStack(stack, self.whole, self._method)
        if self.system.energies and self.materials and engine is not None:
            self._references(engine, {key: chosen.slabs[key] for key in self.materials})
        if self.system.electronic:
            self._electronic(stack, bulks)
        if self.system.dynamics:
            self._dynamics(chosen.structure)

    def _chosen(self) -> OutputReference:
        """The answer of the choosing job."""
        builder, system = self.builder, self.system
        location: list[str | int] = ["interface", "systems", self.number]
        origin = f"{builder.source.path}:{builder.source.line(location)}: key '{'.'.join(map(str, location))}'"
        maker = BuildInterfaceMaker.of(system, list(self.materials.values()), self.ready, origin)
        built = maker.job_for(self.label, self._lattices())
        builder.drafts.append(Draft(built, STEP, self.label, "build", None, None, self.whole))
        whole, height = self._heights(self.relaxing)
        stack, bulk = (
            self._relax(self.relaxing, relax_cell=whole),
            self._relax(self.relaxing, bulk=True, relax_cell=height),
        )
        chooser = ChooseInterfaceMaker(
            engine=self.relaxing, stack=stack.model_dump(mode="json"), bulk=bulk.model_dump(mode="json")
        )
        job = chooser.job_for(built.output, self.label)
        runs = system.cells * system.orientations * (system.registries + len(self.materials) // 2)
        builder.drafts.append(Draft(job, STEP, self.label, "candidates", self.relaxing, stack, self.whole, runs))
        return job.output

    def _lattices(self) -> dict[str, dict[str, OutputReference]]:
        """The crystals before and after the engine of the step relaxes them, whose lattices the stack takes; none for a
        ready cell, and for one on the library's lattices."""
        if self.ready is not None or self.system.lattice == "experiment":
            return {}
        engine = self.builder.engine(STEP, self.step.engine, "relax") if self.system.energies else None
        relaxed = {key: self._free(engine or self.relaxing, key) for key in self.materials}
        return {
            key: {"before": job.output.initial_structure, "after": job.output.structure} for key, job in relaxed.items()
        }

    def _relax(self, engine: Engine, *, bulk: bool = False, relax_cell: bool | str = False) -> Relax:
        production = self.builder.production if engine.name != self.step.relaxation.engine else None
        limits = production or self.step.relaxation
        method = self._method(bulk=bulk) if engine.backend.needs_method else None
        return Relax.model_validate(
            {
                "max_force": limits.max_force,
                "max_steps": limits.max_steps,
                "relax_cell": relax_cell,
                "keep_symmetry": False,
                "method": method,
            }
        )

    def _method(
        self, *, bulk: bool = False, cutoff: float | None = None, kpoints: Mesh | None = None, hubbard_u: bool = True
    ) -> Method:
        """The level of theory of the stack, or of a crystal strained as in it."""
        builder, electronic = (
            self.builder,
            self.builder.production or self.step.electronic or self.builder.recipe.electronic,
        )
        mesh = kpoints or self.system.kpoints
        if electronic is None:
            raise builder.source.error(
                ["interface"],
                f"{self.label}: an electronic-structure engine needs a cutoff: give the section 'electronic' here",
            )
        if mesh is None:
            raise builder.source.error(
                ["interface", "systems", self.number],
                f"{self.label}: an electronic-structure engine needs a mesh: give the key 'kpoints'",
            )
        elements = sorted({get_el_sp(symbol) for symbol in self._symbols()})
        table = builder.hubbard_table(elements, self.label)
        return Method(
            hubbard_u=table if hubbard_u else dict.fromkeys(table, 0.0),
            cutoff=cutoff or electronic.cutoff,
            kpoints=(mesh[0], mesh[1], self.system.bulk_divisions) if bulk else mesh,
            smearing=electronic.smearing,
            spin_polarized=any(element.is_transition_metal for element in elements),
        )

    def _symbols(self) -> set[str]:
        if self.ready is not None:
            return {site.specie.symbol for site in self.ready}
        return {
            get_el_sp(species).symbol
            for material in self.materials.values()
            for site in material.sites
            for species in site.species
        }

    def _relaxed(
        self, engine: Engine, stack: OutputReference, bulks: Mapping[str, OutputReference]
    ) -> tuple[OutputReference, dict[str, OutputReference]]:
        """Stack and strained crystals at the recipe's level, in the plane of the cells that the choice ended with."""
        whole, height = self._heights(engine) if engine.backend.production else (False, False)
        task, crystal = self._relax(engine, relax_cell=whole), self._relax(engine, bulk=True, relax_cell=height)
        engine = engine.handing_on() if self.system.electronic else engine
        return (
            self._run(engine, task, stack),
            {key: self._run(engine, crystal, bulk, self._reference("bulk", key)) for key, bulk in bulks.items()},
        )

    def _references(self, engine: Engine, slabs: Mapping[str, OutputReference]) -> None:
        """Slabs alone, and the free crystals that say what the strain costs."""
        for key, slab in slabs.items():
            self._run(engine, self._relax(engine), slab, self._reference("slab", key))
        for key in self.materials:
            self._free(engine, key)

    def _free(self, engine: Engine, key: str) -> Job:
        """The crystal without strain: the very job of the bulk step where the recipe has one."""
        if (engine.name, key) in self.free:
            return self.free[engine.name, key]
        material, arrangement = self.materials[key], self.system.arrangements.get(key, 1)
        bulk, builder = self.builder.recipe.bulk, self.builder
        limits = builder.production or bulk or self.step.relaxation
        method = (
            builder.method("vasp" if builder.production else STEP, material) if engine.backend.needs_method else None
        )
        task = Relax(max_force=limits.max_force, max_steps=limits.max_steps, method=method)
        role = Reference(of=self.label, what="free", material=material.name)
        cell, label = builder.cell(material), material.name
        if (arrangement, self.system.seed) != (1, 0) and material.disordered:
            cell = calculation_cell(material, self.system.seed, arrangement)
            label = f"{material.name} arrangement {arrangement}" + (
                f" of seed {self.system.seed}" if self.system.seed else ""
            )
        job = engine.maker(task).job_for(cell, label, role=role)
        builder.drafts.append(Draft(job, STEP, material.name, "free", engine, task, cell))
        self.free[engine.name, key] = job
        return job

    def _electronic(self, stack: OutputReference, bulks: Mapping[str, OutputReference]) -> None:
        part = self.step.electronic
        engine = self.builder.engine(STEP, part.engine if part else "gpaw", "dos")
        if engine is None:
            return
        if part and engine.name == part.engine:
            engine = Engine(engine.name, part.settings)
        self._run(engine, Dos(method=self._method()), stack)
        for key, bulk in bulks.items():
            self._run(engine, Dos(method=self._method(bulk=True)), bulk, self._reference("bulk", key))
            if self.builder.production and self.builder.production.convergence:
                self._finer(engine, bulk, key)

    def _finer(self, engine: Engine, bulk: OutputReference, key: str) -> None:
        """The density of states of a strained crystal once more on a mesh of twice as many divisions: those of its
        plane are the stack's, which has few, and its cell is that of one layer."""
        method = self._method(bulk=True)
        a, b, c = (2 * n for n in method.kpoints)
        label = f"{self.label} bulk {self.materials[key].name}"
        task = Dos(method=method.model_copy(update={"kpoints": (a, b, c)}))
        job = engine.maker(task).job_for(bulk, label, role=Variation(of=label))
        job.name += f" (mesh {a}×{b}×{c})"
        variant = f"dos bulk {self.materials[key].name}, mesh {a}×{b}×{c}"
        self.builder.drafts.append(Draft(job, STEP, self.label, variant, engine, task, self.part))

    def _dynamics(self, start: OutputReference) -> None:
        production = self.builder.production
        engine = self.builder.engine(STEP, self.step.dynamics.engine if self.step.dynamics else "", "md")
        if engine is None:
            return
        method = None
        if production and production.dynamics:
            part = production.dynamics
            a, b, c = (
                min(pair) for pair in zip(part.kpoints, self.system.kpoints or part.kpoints, strict=True)
            )  # never denser than the stack is relaxed with
            method = self._method(cutoff=part.cutoff, kpoints=(a, b, c), hubbard_u=part.hubbard_u)
        for motion in _motions(self.builder, self.step, engine, method):
            add_trajectory(self.builder, (STEP, self.label), start, self.whole, motion)

    def _reference(self, what: Literal["bulk", "slab"], key: str) -> Reference:
        return Reference(of=self.label, what=what, material=self.materials[key].name)

    def _run(
        self, engine: Engine, task: Task, start: OutputReference, reference: Reference | None = None
    ) -> OutputReference:
        """Draft one calculation of the stack or of a part of it; returns its final structure."""
        part = f"{reference.what} {reference.material}" if reference else ""
        job = engine.maker(task).job_for(start, f"{self.label} {part}".strip(), role=reference or Stack(of=self.label))
        variant = f"{'dos' if task.kind == 'dos' else 'relax'} {part or 'stack'}"
        self.builder.drafts.append(
            Draft(job, STEP, self.label, variant, engine, task, self.part if part else self.whole)
        )
        structure: OutputReference = job.output.structure
        return structure


def _motions(builder: Builder, step: InterfaceStep, engine: Engine, method: Method | None) -> list[TrajectoryRun]:
    """The replicas: production takes settings and length of the recipe's section `vasp`."""
    production = builder.production
    part = production.dynamics if production else None
    own = step.dynamics
    if own is None:
        return []
    if production is not None and part is None:
        builder.skipped.append("step interface: molecular dynamics needs the section vasp.dynamics of the recipe")
        return []
    length, chunk = (part.length, part.chunk) if part else (own.full_length if builder.full else own.length, own.chunk)
    settings = {
        key: getattr(part or own, key) for key in ("timestep", "temperature", "thermostat", "damping", "frame_interval")
    }
    steps, per_job = round(length / settings["timestep"]), round(chunk / settings["timestep"])
    seeds = (part.seed,) if part else own.seeds
    return [
        TrajectoryRun(
            engine,
            MolecularDynamics(n_steps=steps, seed=seed, method=method, **settings),
            per_job,
            k if len(seeds) > 1 else None,
        )
        for k, seed in enumerate(seeds, 1)
    ]


def _controls(builder: Builder, step: InterfaceStep, relaxing: Engine) -> None:
    """The same phases in bulk, relaxed at fixed cell and moved in the same way."""
    part = step.dynamics
    if part is None or not part.controls or (engine := builder.engine(STEP, part.engine, "md")) is None:
        return
    for i, control in enumerate(part.controls):
        found = builder.material(control.material, "interface", "dynamics", "controls", i, "material")
        cell = canonical_order(calculation_cell(found).make_supercell(control.supercell, in_place=False))
        label, method = f"{found.name} control", None
        start: Structure | OutputReference = cell
        if builder.production and builder.production.dynamics:
            method = builder.method_in_motion(found, builder.production.dynamics)
        if not relaxing.backend.needs_method:
            task = Relax(
                max_force=step.relaxation.max_force,
                max_steps=step.relaxation.max_steps,
                relax_cell=False,
                keep_symmetry=False,
            )
            job = relaxing.maker(task).job_for(cell, label, role=Control(of=found.name))
            builder.drafts.append(Draft(job, STEP, label, "relaxed", relaxing, task, cell))
            start = job.output.structure
        for motion in _motions(builder, step, engine, method):
            add_trajectory(builder, (STEP, label), start, cell, motion, found.name)
