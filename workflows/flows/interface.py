"""Interfaces as jobs: cells are built, relaxed, and the one of least excess energy goes on.

Building is a job without an engine, so that a plan need not wait for the search; it takes the lattices of the crystals
from their relaxations. Which candidate goes on is decided while the flow runs: the choosing job is replaced by the
relaxations that it rests on. Candidates of one cell differ in registry alone; those of different cells are compared by
their energy above the strained crystals, per area.
With vacuum it holds the outer faces too, and the cheapest surfaces would win: slabs that relax alone take them off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, InputError
from ...configs.models import Material
from ...configs.steps.interface import InterfaceSystem
from ...structures.interfaces.check import require_sound
from ...structures.interfaces.excess import Joined, Side
from ...structures.interfaces.request import (
    interface_record,
    lone_slab,
    on_lattice_of,
    parse_facet,
    stack_parts,
    strained_bulk,
)
from ...structures.interfaces.search import Interface, interfaces
from ...structures.interfaces.spec import InterfaceSpec
from ...structures.surfaces.facet import source_cell
from ..engines.engine import CalculationMaker, Engine
from ..engines.tasks import Relax
from ..identity import content_address
from ..interface_documents import BuiltInterfaces, Candidate, CandidateEnergy, ChosenInterface, References
from ..roles import Candidate as CandidateRole
from ..roles import Reference

__all__ = ["BUILD_VERSION", "BuildInterfaceMaker", "ChooseInterfaceMaker", "choose", "plane_area", "stand_in"]

#: raised when the builder gives other cells for the same question; questions in former words keep it
BUILD_VERSION = 1
_TOLD = {"arrangements"}  # of a material, and decides nothing


@dataclass
class BuildInterfaceMaker(Maker):
    """Builds the candidates of one system.

    Parameters
    ----------
    name : str
    system : dict
        A dumped :class:`~catholyte.configs.steps.interface.InterfaceSystem`, without what is done with its cells.
    materials : list of dict
        Dumped materials from the bottom up.
    ready : Structure or None
        A cell that is taken as it is.
    version : int
        Of the builder: part of the identity.
    origin : str
        Where the system is asked for, for messages; no part of the identity.
    """

    name: str = "interface build"
    system: dict[str, Any] = field(default_factory=dict)
    materials: list[dict[str, Any]] = field(default_factory=list)
    ready: Structure | None = None
    version: int = BUILD_VERSION
    origin: str = ""

    @classmethod
    def of(
        cls, system: InterfaceSystem, materials: Sequence[Material], ready: Structure | None, origin: str
    ) -> BuildInterfaceMaker:
        """Return the maker of one system."""
        return cls(
            system=system.question(ready=ready is not None),
            materials=[material.model_dump(mode="json", exclude=_TOLD) for material in materials],
            ready=ready,
            origin=origin,
        )

    @job(output_schema=BuiltInterfaces)
    def make(self, label: str, relaxed: dict[str, dict[str, Structure]] | None = None) -> BuiltInterfaces:
        """Build.

        Parameters
        ----------
        label : str
            Name of the system.
        relaxed : dict, optional
            Key of a part to its crystal ``before`` and ``after`` the engine relaxed it: the stack takes the engine's
            lattices, that of the library otherwise.

        Raises
        ------
        InputError
            If nothing fits the budget; the message says where the system is asked for, and names the smallest cell.
        StructureError
            If a slab cannot be cut.
        """
        return self.build(label, relaxed)

    def build(self, label: str, relaxed: dict[str, dict[str, Structure]] | None = None) -> BuiltInterfaces:
        """As :meth:`make`, at once and not as a job."""
        try:
            return self._build(label, relaxed or {})
        except CatholyteError as error:
            raise type(error)(
                f"{self.origin}: {error.message}" if self.origin else error.message, error.advice
            ) from None

    def _build(self, label: str, relaxed: Mapping[str, Mapping[str, Structure]]) -> BuiltInterfaces:
        if self.ready is not None:
            return BuiltInterfaces(
                label=label, candidates=[Candidate(structure=self.ready, cell=0)], references=[References()]
            )
        system = InterfaceSystem.of_question(self.system)
        named = [
            (Material.model_validate(data), parse_facet(text)[1])
            for data, text in zip(self.materials, system.names.values(), strict=True)
        ]
        sources = [
            on_lattice_of(source_cell(material, system.seed, system.arrangements.get(key, 1)), **relaxed.get(key, {}))
            for (material, _), key in zip(named, system.names, strict=True)
        ]
        parts, shares = stack_parts(named, system.thickness, system.strain_on, sources=sources)
        candidates: list[Candidate] = []
        references: list[References] = []
        for cell, group in enumerate(_groups(interfaces(parts, _spec(system)), system)):
            references.append(_references(group[0], list(system.names), system.vacuum))
            for found in group:
                require_sound(found.checks(), f"{label}, cell {cell + 1}")
                record = interface_record(found) | {
                    "strain_share": shares,
                    "registry_energy": found.registries[-1].energy,
                    "lattice": system.lattice if relaxed else "experiment",
                }
                candidates.append(Candidate(structure=found.structure, cell=cell, record=record))
        materials = dict(zip(system.names, (material.name for material, _ in named), strict=True))
        return BuiltInterfaces(
            label=label, candidates=candidates, references=references, materials=materials, seed=system.seed
        )

    def job_for(self, label: str, relaxed: Mapping[str, Mapping[str, OutputReference]] | None = None) -> Job:
        """`make`, typed as the job that the decorator returns."""
        made: Job = self.make(label, relaxed) if relaxed else self.make(label)
        made.name = f"{label} build"
        return made


def _spec(system: InterfaceSystem) -> InterfaceSpec:
    return InterfaceSpec(
        system.max_atoms,
        system.max_strain,
        system.form,
        system.vacuum,
        registries=system.registries,
        max_principal=system.max_principal_strain,
        max_area_change=system.max_area_change,
        orientations=system.orientations,
        cells=system.cells,
        first=system.first,
    )


def _groups(found: Sequence[Interface], system: InterfaceSystem) -> list[list[Interface]]:
    """The registries of each orientation of each cell: each is strained in its own way, and needs references."""
    groups: dict[tuple[float, ...], list[Interface]] = {}
    for one in found:
        key = (len(one.structure), round(one.strain, 6), round(one.area, 4), one.orientation[0])
        groups.setdefault(key if system.first == "atoms" else (key[1], key[0], *key[2:]), []).append(one)
    return [groups[key] for key in sorted(groups)]


def _references(found: Interface, keys: Sequence[str], vacuum: float) -> References:
    layers = dict(zip(keys, found.block.layers, strict=True))
    cell = found.block.cell
    return References(
        bulks={key: strained_bulk(layer, cell) for key, layer in layers.items()},
        slabs={key: lone_slab(layer, cell, vacuum) for key, layer in layers.items()},
    )


@dataclass
class ChooseInterfaceMaker(Maker):
    """Relaxes all candidates and their strained crystals, and chooses.

    Parameters
    ----------
    name : str
    engine : Engine
    stack, bulk : dict
        Dumped relaxations of a stack and of a strained crystal.
    """

    name: str = "interface choice"
    engine: Engine = field(default_factory=lambda: Engine("chgnet"))
    stack: dict[str, Any] = field(default_factory=dict)
    bulk: dict[str, Any] = field(default_factory=dict)

    @job(output_schema=ChosenInterface)
    def make(self, built: BuiltInterfaces, label: str) -> Response[Any]:
        """Be replaced by the relaxations and the choice among them.

        Parameters
        ----------
        built : BuiltInterfaces
        label : str
        """
        found = BuiltInterfaces.model_validate(built)
        stack, bulk = (self.engine.maker(Relax.model_validate(task)) for task in (self.stack, self.bulk))
        relaxed = [
            stack.job_for(candidate.structure, f"{label} candidate {k}", role=CandidateRole(of=label, number=k))
            for k, candidate in enumerate(found.candidates, 1)
        ]

        def reference_jobs(
            maker: CalculationMaker, what: Literal["bulk", "slab"], cells: Mapping[str, Structure], k: int
        ) -> dict[str, Job]:
            return {
                key: maker.job_for(
                    cell,
                    f"{label} cell {k} {what} {found.materials[key]}",
                    role=Reference(of=label, what=what, material=found.materials[key], cell=k),
                )
                for key, cell in cells.items()
            }

        numbered = list(enumerate(found.references, 1))
        crystals = [reference_jobs(bulk, "bulk", references.bulks, k) for k, references in numbered]
        slabs = [
            reference_jobs(stack, "slab", references.slabs, k)
            for k, references in numbered
            if _outer_faces_differ(found)
        ]
        results = [_result(one) for one in relaxed]
        chosen = choose_interface(
            found,
            self.engine.backend.tier,
            results,
            [{key: _result(one) for key, one in cell.items()} for cell in crystals],
            *([[{key: _result(one) for key, one in cell.items()} for cell in slabs]] if slabs else []),
        )
        chosen.name = f"{label} choice"
        jobs: list[Flow | Job] = [*relaxed, *(one for cell in [*crystals, *slabs] for one in cell.values()), chosen]
        return Response(replace=content_address(Flow(jobs, output=chosen.output, name=f"{label} candidates"))[0])

    def job_for(self, built: OutputReference, label: str) -> Job:
        """`make`, typed as the job that the decorator returns."""
        made: Job = self.make(built, label)
        made.name = f"{label} {self.engine.name} candidates"
        return made


def _outer_faces_differ(built: BuiltInterfaces) -> bool:
    """Whether candidates of several cells end in vacuum: cells of one front may have other facets and faces."""
    return len(built.references) > 1 and any(one.record.get("form") == "vacuum" for one in built.candidates)


def _result(one: Job) -> dict[str, OutputReference]:
    return {"structure": one.output.structure, "energy": one.output.energy}


@job(output_schema=ChosenInterface)
def choose_interface(
    built: BuiltInterfaces,
    tier: str,
    relaxed: list[dict[str, Any]],
    crystals: list[dict[str, dict[str, Any]]],
    slabs: list[dict[str, dict[str, Any]]] | None = None,
) -> ChosenInterface:
    """Return the candidate of least excess energy, or of least interface energy where slabs are given.

    Parameters
    ----------
    built : BuiltInterfaces
    tier : str
    relaxed : list of dict
        ``structure`` and ``energy`` (eV) of each candidate.
    crystals : list of dict
        Key of a part to ``structure`` and ``energy`` of its strained crystal, for each cell.
    slabs : list of dict, optional
        The same of its slab alone, where outer faces are to be taken off.
    """
    return choose(BuiltInterfaces.model_validate(built), tier, relaxed, crystals, slabs or ())


def choose(
    built: BuiltInterfaces,
    tier: str,
    relaxed: Sequence[Mapping[str, Any]],
    crystals: Sequence[Mapping[str, Mapping[str, Any]]],
    slabs: Sequence[Mapping[str, Mapping[str, Any]]] = (),
) -> ChosenInterface:
    """As :func:`choose_interface`, on plain energies; of equal candidates the first counts."""
    rows = [
        _weighed(candidate, result, (crystals[candidate.cell], slabs[candidate.cell] if slabs else {}), built.materials)
        for candidate, result in zip(built.candidates, relaxed, strict=True)
    ]
    best = min(range(len(rows)), key=lambda k: (_cost(rows[k]), k))
    cell = built.candidates[best].cell
    return ChosenInterface(
        label=built.label,
        tier=tier,
        chosen=best,
        candidates=rows,
        structure=relaxed[best]["structure"],
        energy=relaxed[best]["energy"],
        built=built.candidates[best],
        bulks={key: result["structure"] for key, result in crystals[cell].items()},
        slabs=built.references[cell].slabs,
        materials=built.materials,
        seed=built.seed,
    )


def _cost(row: CandidateEnergy) -> float:
    """What ranks a candidate: its interface where the outer faces are known, else all of its excess."""
    if row.interface is not None:
        return row.interface
    return row.energy / row.n_atoms if row.excess is None else row.excess


def _weighed(
    candidate: Candidate,
    result: Mapping[str, Any],
    references: tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Mapping[str, Any]]],
    materials: Mapping[str, str],
) -> CandidateEnergy:
    area, n_atoms = plane_area(candidate.structure), len(candidate.structure)
    excess = interface = None
    crystals, slabs = references
    if crystals:
        sides = [
            Side(
                candidate.record["atoms"][materials[key]],
                one["energy"] / len(one["structure"]),
                slabs[key]["energy"] if slabs else None,
            )
            for key, one in crystals.items()
        ]
        joined = Joined(result["energy"], area, sides, candidate.record["form"] == "periodic")
        excess, interface = joined.excess, joined.interface_energy if slabs else None
    return CandidateEnergy(
        cell=candidate.cell,
        n_atoms=n_atoms,
        energy=result["energy"],
        area=area,
        excess=excess,
        strain=candidate.record.get("strain"),
        interface=interface,
    )


def plane_area(structure: Structure) -> float:
    """Area, Å², that ``a`` and ``b`` of a cell span."""
    return float(np.linalg.norm(np.cross(*structure.lattice.matrix[:2])))


def stand_in(
    jobs: Mapping[str, Job], reference: OutputReference, built: dict[str, BuiltInterfaces]
) -> tuple[Structure, dict[str, Any]]:
    """Return the unrelaxed cell for a cell that a choosing job has yet to give, by building it now on the library's
    lattices, and the record of the stack that it is; empty for the parts of one, and for a ready cell.

    Parameters
    ----------
    jobs : mapping of str to Job
        All jobs of the plan by uuid.
    reference : OutputReference
        Of a structure that the choosing job will answer with.
    built : dict
        Cells built so far, by the uuid of their job; filled here.

    Raises
    ------
    InputError
        If the reference is none of a choosing job, or the cell cannot be built.
    """
    chooser = jobs[reference.uuid]
    if not isinstance(chooser.maker, ChooseInterfaceMaker):
        raise InputError(f"job {chooser.name} gives no cell")
    builder = jobs[chooser.function_args[0].uuid]
    if builder.uuid not in built and isinstance(builder.maker, BuildInterfaceMaker):
        built[builder.uuid] = builder.maker.build(builder.function_args[0])  # on the library's lattices
    cells = built[builder.uuid]
    keys = [key for _, key in reference.attributes]
    if keys != ["structure"]:
        part: Structure = getattr(cells.references[0], keys[0])[keys[1]]
        return part, {}
    return cells.candidates[0].structure, cells.candidates[0].record
