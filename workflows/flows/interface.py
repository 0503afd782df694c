"""Interfaces as jobs: cells are built, relaxed, and the one of least excess energy goes on.

Building is a job without an engine, so that a plan need not wait for the search. Which candidate goes on is
decided while the flow runs: the choosing job is replaced by the relaxations that it rests on. Candidates of one cell
differ in registry alone; those of different cells are compared by their energy above the strained crystals, per area.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, InputError
from ...configs.models import Material
from ...configs.steps.interface import InterfaceSystem
from ...structures.interfaces.check import require_sound
from ...structures.interfaces.excess import Joined, Side
from ...structures.interfaces.request import interface_record, lone_slab, parse_facet, stack_parts, strained_bulk
from ...structures.interfaces.search import Interface, InterfaceSpec, interfaces
from ...structures.interfaces.verdict import recorded_polarity
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..identity import content_address
from ..interface_documents import BuiltInterfaces, Candidate, CandidateEnergy, ChosenInterface, References
from ..roles import Candidate as CandidateRole
from ..roles import Reference

__all__ = ["BUILD_VERSION", "BuildInterfaceMaker", "ChooseInterfaceMaker", "choose", "plane_area", "stand_in"]

#: raised when the builder gives other cells for the same question
BUILD_VERSION = 1
#: eV/Å², difference of the analytic energies of two lateral positions below which they are the same by symmetry
SAME_POSITION = 1e-7
#: keys of a system that say what is done with its cells, not which are built
_DONE_WITH_IT = {"name", "energies", "dynamics", "electronic", "kpoints", "bulk_divisions"}


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
        asked = system.model_dump(mode="json", exclude=_DONE_WITH_IT | ({"file"} if ready is not None else set()))
        return cls(
            system=asked,
            materials=[material.model_dump(mode="json") for material in materials],
            ready=ready,
            origin=origin,
        )

    @job(output_schema=BuiltInterfaces)
    def make(self, label: str) -> BuiltInterfaces:
        """Build.

        Parameters
        ----------
        label : str
            Name of the system.

        Raises
        ------
        InputError
            If nothing fits the budget; the message says where the system is asked for, and names the smallest cell.
        StructureError
            If a slab cannot be cut.
        """
        return self.build(label)

    def build(self, label: str) -> BuiltInterfaces:
        """As :meth:`make`, at once and not as a job."""
        try:
            return self._build(label)
        except CatholyteError as error:
            raise type(error)(
                f"{self.origin}: {error.message}" if self.origin else error.message, error.advice
            ) from None

    def _build(self, label: str) -> BuiltInterfaces:
        if self.ready is not None:
            return BuiltInterfaces(
                label=label, candidates=[Candidate(structure=self.ready, cell=0)], references=[References()]
            )
        system = InterfaceSystem.model_validate({"name": "system", **self.system})
        named = [
            (Material.model_validate(data), parse_facet(text)[1])
            for data, text in zip(self.materials, system.names.values(), strict=True)
        ]
        parts, shares = stack_parts(named, system.thickness, system.strain_on, system.seed)
        spec = InterfaceSpec(
            system.max_atoms, system.max_strain, system.form, system.vacuum, registries=system.registries
        )
        candidates: list[Candidate] = []
        references: list[References] = []
        for cell, group in enumerate(_first_cells(interfaces(parts, spec), system)):
            references.append(_references(group[0], list(system.names), system.vacuum))
            for found in group:
                require_sound(found.checks(), f"{label}, cell {cell + 1}")
                record = interface_record(found) | {
                    "strain_share": shares,
                    "registry_energy": found.registries[-1].energy,
                }
                candidates.append(Candidate(structure=found.structure, cell=cell, record=record))
        materials = dict(zip(system.names, (material.name for material, _ in named), strict=True))
        return BuiltInterfaces(
            label=label, candidates=candidates, references=references, materials=materials, seed=system.seed
        )

    def job_for(self, label: str) -> Job:
        """`make`, typed as the job that the decorator returns."""
        made: Job = self.make(label)
        made.name = f"{label} build"
        return made


def _first_cells(found: Sequence[Interface], system: InterfaceSystem) -> list[list[Interface]]:
    """The registries of each of the first cells of the front; positions of one energy are one position by symmetry."""
    groups: dict[tuple[float, ...], list[Interface]] = {}
    for one in found:
        group = groups.setdefault((len(one.structure), *one.block.cell.round(6).ravel(), *map(id, one.faces)), [])
        if all(abs(one.registries[-1].energy - other.registries[-1].energy) > SAME_POSITION for other in group):
            group.append(one)
    by_atoms = system.first == "atoms"
    order = sorted(
        (((len(g[0].structure), g[0].strain)[:: 1 if by_atoms else -1], k, g) for k, g in enumerate(groups.values()))
    )
    return [group for _, _, group in order[: system.cells]]


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
        crystals = [
            {
                key: bulk.job_for(
                    cell,
                    f"{label} cell {k} bulk {found.materials[key]}",
                    role=Reference(of=label, what="bulk", material=found.materials[key], cell=k),
                )
                for key, cell in references.bulks.items()
            }
            for k, references in enumerate(found.references, 1)
        ]
        results = [_result(one) for one in relaxed]
        chosen = choose_interface(
            found,
            self.engine.backend.tier,
            results,
            [{key: _result(one) for key, one in cell.items()} for cell in crystals],
        )
        chosen.name = f"{label} choice"
        jobs: list[Flow | Job] = [*relaxed, *(one for cell in crystals for one in cell.values()), chosen]
        return Response(replace=content_address(Flow(jobs, output=chosen.output, name=f"{label} candidates"))[0])

    def job_for(self, built: OutputReference, label: str) -> Job:
        """`make`, typed as the job that the decorator returns."""
        made: Job = self.make(built, label)
        made.name = f"{label} {self.engine.name} candidates"
        return made


def _result(one: Job) -> dict[str, OutputReference]:
    return {"structure": one.output.structure, "energy": one.output.energy}


@job(output_schema=ChosenInterface)
def choose_interface(
    built: BuiltInterfaces, tier: str, relaxed: list[dict[str, Any]], crystals: list[dict[str, dict[str, Any]]]
) -> ChosenInterface:
    """Return the candidate of least excess energy.

    Parameters
    ----------
    built : BuiltInterfaces
    tier : str
    relaxed : list of dict
        ``structure`` and ``energy`` (eV) of each candidate.
    crystals : list of dict
        Key of a part to ``structure`` and ``energy`` of its strained crystal, for each cell.
    """
    return choose(BuiltInterfaces.model_validate(built), tier, relaxed, crystals)


def choose(
    built: BuiltInterfaces,
    tier: str,
    relaxed: Sequence[Mapping[str, Any]],
    crystals: Sequence[Mapping[str, Mapping[str, Any]]],
) -> ChosenInterface:
    """As :func:`choose_interface`, on plain energies; of equal candidates the first counts."""
    rows = [
        _weighed(candidate, result, crystals[candidate.cell], built.materials)
        for candidate, result in zip(built.candidates, relaxed, strict=True)
    ]
    best = min(
        range(len(rows)),
        key=lambda k: (rows[k].energy / rows[k].n_atoms if rows[k].excess is None else rows[k].excess, k),
    )
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


def _weighed(
    candidate: Candidate,
    result: Mapping[str, Any],
    crystals: Mapping[str, Mapping[str, Any]],
    materials: Mapping[str, str],
) -> CandidateEnergy:
    area, n_atoms = plane_area(candidate.structure), len(candidate.structure)
    excess = None
    if crystals:
        sides = [
            Side(candidate.record["atoms"][materials[key]], one["energy"] / len(one["structure"]))
            for key, one in crystals.items()
        ]
        excess = Joined(result["energy"], area, sides, candidate.record["form"] == "periodic").excess
    return CandidateEnergy(
        cell=candidate.cell,
        n_atoms=n_atoms,
        energy=result["energy"],
        area=area,
        excess=excess,
        strain=candidate.record.get("strain"),
    )


def plane_area(structure: Structure) -> float:
    """Area, Å², that ``a`` and ``b`` of a cell span."""
    return float(np.linalg.norm(np.cross(*structure.lattice.matrix[:2])))


def stand_in(
    jobs: Mapping[str, Job], reference: OutputReference, built: dict[str, BuiltInterfaces]
) -> tuple[Structure, str | None]:
    """Return the unrelaxed cell for a cell that a choosing job has yet to give, by building it now, and the polarity of
    the stack that it is; None for the parts of one, and for a ready cell.

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
        built[builder.uuid] = builder.maker.build(*builder.function_args)
    cells = built[builder.uuid]
    keys = [key for _, key in reference.attributes]
    if keys != ["structure"]:
        part: Structure = getattr(cells.references[0], keys[0])[keys[1]]
        return part, None
    return cells.candidates[0].structure, recorded_polarity(cells.candidates[0].record)
