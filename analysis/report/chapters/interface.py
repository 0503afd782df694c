"""Chapter on interfaces: cells, the choice among candidates, energies with their references, and the states across the
interface."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....configs.constants import J_PER_M2
from ....configs.steps.electronic import BandCenterSpec
from ....configs.steps.interface import InterfaceStep
from ....configs.trust import trust_of
from ....structures.interfaces.verdict import beyond_limits, recorded_polarity
from ....workflows.documents import CalculationDocument
from ....workflows.interface_documents import ChosenInterface
from ....workflows.roles import Main, Reference, Role, Stack, Variation
from ...cells.interface_energy import InterfaceEnergies, References, interface_energies
from ..case import Case
from ..chapter import Chapter, Problems
from ..columns import ROLE, SYSTEM, TIER
from ..content import Block, Column, KeyNumber, Table, Text
from ..quantity import Quantity
from .convergence import Varied, convergence_blocks, varied_by
from .depth import DepthData, DepthResults, depth_blocks, depth_key_numbers, depth_results, depth_warnings
from .interface_cells import ATOMS, Chosen, candidates_table, cells_table, joints_table, picture

__all__ = ["INTERFACES", "Interfaces"]

STEP = "interface"
_NO_TRAINING = "{} was not trained on interfaces: its interface energies rank candidates and are hypotheses."
_POLAR = (
    "{} holds a slab that repeats a dipole: relaxation and dynamics measure the compensation of its charge first, and "
    "its energies grow with thickness; choose another facet or arrangement."
)
_MEANING = (
    "γ: energy above the crystals strained as in the stack, per area and interface. W: energy to part the stack into "
    "its slabs, per area and interface. Both "
    "hold no strain; what the strain costs stands beside them, per area of the cell, and grows with the thickness."
)


@dataclass(frozen=True)
class _Energies:
    """Energies of one system with what they rest on."""

    stack: CalculationDocument
    references: References
    energies: InterfaceEnergies


@dataclass(frozen=True)
class Interfaces:
    """What the step ``interface`` asks for, its molecular dynamics excepted.

    Parameters
    ----------
    planned : bool
        Whether the step was ever run.
    missing : list of Text
        Jobs without a result.
    chosen : list of Chosen
    energies : mapping of str to _Energies
        By system.
    problems : Problems
    across : mapping of tuple of str to DepthResults
        Materials to the states across their interface.
    varied : list of Varied
        Strained crystals whose density of states was computed on a finer mesh too.
    spec : BandCenterSpec
        Of the centres.
    """

    planned: bool
    missing: list[Text]
    chosen: list[Chosen]
    energies: Mapping[str, _Energies]
    problems: Problems
    across: Mapping[tuple[str, ...], DepthResults]
    varied: list[Varied]
    spec: BandCenterSpec


def _evaluate(case: Case, step: InterfaceStep) -> Interfaces:
    if not any(entry.plan["step"] == STEP for entry in case.entries):
        return Interfaces(False, [], [], {}, Problems(), {}, [], _spec(case))
    chosen, energies, problems = _chosen(case, step), {}, Problems()
    for found in chosen:
        stack = found.stack
        if not found.system.energies or not found.choice.materials or stack is None:
            continue
        references = _references(case, found, stack.document)
        periodic = found.choice.built.record["form"] == "periodic"
        with problems.attempt(f"{found.system.name}: no interface energy"):
            made = interface_energies(stack.document, references, periodic=periodic)
            energies[found.system.name] = _Energies(stack.document, references, made)
    missing = case.missing(STEP, [system.name for system in step.systems])
    across, varied = _across(case, chosen), _varied(case, chosen)
    return Interfaces(True, missing, chosen, energies, problems, across, varied, _spec(case))


def _blocks(found: Interfaces) -> list[Block]:
    if not found.planned:
        text = (
            "The interface step has not been run: it runs with --only interface, or with every other step with --full."
        )
        return [Text(text)]
    blocks: list[Block] = [*found.missing]
    engines = [trust_of(tier) for tier in sorted({one.choice.tier for one in found.chosen})]
    blocks += [Text(_NO_TRAINING.format(trust.label), "note") for trust in engines if trust.learned]
    blocks += [picture(one) for one in found.chosen]
    if found.chosen:
        joints = joints_table(found.chosen)
        blocks += [cells_table(found.chosen), *([joints] if joints else []), candidates_table(found.chosen)]
    blocks += found.problems.texts
    if found.energies:
        blocks += _energy_tables(found.energies)
    for materials, results in found.across.items():
        name = re.sub(r"\W+", "_", "depth " + " ".join(materials))
        blocks += [Text(f"States across {' | '.join(materials)}", "heading"), *depth_blocks(name, results)]
    return blocks + (convergence_blocks(found.varied, found.spec, "strained_convergence") if found.varied else [])


def _numbers(found: Interfaces) -> list[KeyNumber]:
    keys = [key for name, one in found.energies.items() for key in _key_numbers(name, one.energies)]
    return keys + [key for results in found.across.values() for key in depth_key_numbers(results)]


def _chosen(case: Case, step: InterfaceStep) -> list[Chosen]:
    """Systems whose cell has been chosen, in the order of the recipe."""
    choices = {found.label: found for found in case.others.values() if isinstance(found, ChosenInterface)}
    jobs = case.of(STEP)
    return [
        Chosen(
            system,
            choices[system.name],
            [job for job in jobs if job.document.role and job.document.role.of == system.name],
        )
        for system in step.systems
        if system.name in choices
    ]


def _energy_tables(found: Mapping[str, _Energies]) -> list[Table]:
    rows = [_energy_row(name, one.energies) for name, one in found.items()]
    lines = [line for name, one in found.items() for line in _reference_lines(name, one.stack, one.references)]
    columns = (
        SYSTEM,
        Column("interface", "γ (meV/Å²)", 1),
        Column("interface_si", "γ (J/m²)", 2),
        Column("adhesion", "W (meV/Å²)", 1),
        Column("adhesion_si", "W (J/m²)", 2),
        Column("surfaces", "surfaces of the strained slabs (J/m²)", chemical=True),
        Column("strain", "strain energy (meV/Å²)", chemical=True),
        Column("n", "interfaces"),
        TIER,
    )
    described = (
        SYSTEM,
        ROLE,
        Column("label", "calculation", chemical=True),
    )
    numbers = (
        ATOMS,
        Column("energy", "energy (eV/atom)", 4),
        Column("force", "largest force (eV/Å)", 3),
        TIER,
    )
    return [
        Table("interface_energies", "Interface energy and work of adhesion", columns, rows, _MEANING),
        Table("interface_references", "What the energies rest on", (*described, *numbers), lines),
    ]


def _references(case: Case, found: Chosen, stack: CalculationDocument) -> References:
    """Strained crystals, slabs and free crystals at the level of the stack; what is not there is left out."""
    named: dict[str, dict[str, CalculationDocument]] = {"bulks": {}, "slabs": {}, "free": {}}
    for material in found.choice.materials.values():
        bulk = found.bulk(material)
        slab = found.document(Reference(of=found.system.name, what="slab", material=material))
        relaxed = (job for job in case.finished if job.document.kind == "relax" and job.document.tier == stack.tier)
        free = min(
            (job for job in relaxed if _is_free(job.document.role, material)),
            key=lambda job: job.document.role is None or job.document.role.of != found.system.name,  # its own first
            default=None,
        )
        for kind, job in (("bulks", bulk), ("slabs", slab), ("free", free)):
            if job is not None:
                named[kind][material] = job.document
    return References(**named)


def _is_free(role: Role | None, material: str) -> bool:
    """Whether a role is that of the crystal without strain: a job of the bulk step, or of any system of this step."""
    return role == Main(of=material) or (
        isinstance(role, Reference) and (role.what, role.material) == ("free", material)
    )


def _energy_row(name: str, energies: InterfaceEnergies) -> dict[str, Any]:
    def scaled(value: float | None, factor: float) -> float | None:
        return None if value is None else factor * value

    return {
        "system": name,
        "interface": scaled(energies.interface, 1000),
        "interface_si": scaled(energies.interface, J_PER_M2),
        "adhesion": scaled(energies.adhesion, 1000),
        "adhesion_si": scaled(energies.adhesion, J_PER_M2),
        "surfaces": ", ".join(f"{material} {J_PER_M2 * value:.2f}" for material, value in energies.surfaces.items()),
        "strain": ", ".join(f"{material} {1000 * value:.1f}" for material, value in energies.strain.items()),
        "n": energies.n_interfaces,
        "tier": energies.tier,
    }


def _reference_lines(name: str, stack: CalculationDocument, references: References) -> list[dict[str, Any]]:
    roles: list[tuple[str, Mapping[str, CalculationDocument]]] = [
        ("stack", {"": stack}),
        ("strained crystal", references.bulks),
        ("strained slab", references.slabs),
        ("free crystal", references.free),
    ]
    return [
        {
            "system": name,
            "role": role,
            "label": document.label,
            "atoms": document.n_sites,
            "energy": document.energy_per_atom,
            "force": document.convergence.max_force,
            "tier": document.tier,
        }
        for role, documents in roles
        for document in documents.values()
    ]


def _key_numbers(name: str, energies: InterfaceEnergies) -> list[KeyNumber]:
    quantities = (
        ("interface energy γ", energies.interface, "interface_energy"),
        ("work of adhesion W", energies.adhesion, "adhesion"),
    )
    return [
        KeyNumber(
            f"{what} of {name}, strained references",
            J_PER_M2 * value,
            "J/m²",
            2,
            energies.tier,
            f"{energies.n_interfaces} interfaces a cell",
            names=(key, name),
        )
        for what, value, key in quantities
        if value is not None
    ]


def _spec(case: Case) -> BandCenterSpec:
    electronic = case.recipe.electronic
    return electronic.band_center if electronic else BandCenterSpec(window="occupied", reference="vbm")


def _varied(case: Case, chosen: Sequence[Chosen]) -> list[Varied]:
    """Densities of states of strained crystals that were computed on a finer mesh too."""
    found = []
    for one in chosen:
        for material in one.choice.materials.values():
            job = one.document(Reference(of=one.system.name, what="bulk", material=material), "dos")
            role = Variation(of=f"{one.system.name} bulk {material}")
            if job and (finer := [other for other in case.of(STEP) if other.document.role == role]):
                found.append(varied_by(job, finer, _spec(case)))
    return found


def _across(case: Case, chosen: Sequence[Chosen]) -> dict[tuple[str, ...], DepthResults]:
    """States across each pair of materials: systems of the same materials are thicknesses of one pair."""
    spec = _spec(case)
    pairs: dict[tuple[str, ...], list[Chosen]] = {}
    for found in chosen:
        if found.document(Stack(of=found.system.name), "dos"):
            pairs.setdefault(tuple(found.choice.materials.values()), []).append(found)
    across = {}
    for materials, systems in pairs.items():
        joints = [job.document for found in systems if (job := found.document(Stack(of=found.system.name), "dos"))]
        largest = max(systems, key=lambda found: len(found.choice.structure))
        bulk = {
            material: job.document
            for material in materials
            if (job := largest.document(Reference(of=largest.system.name, what="bulk", material=material), "dos"))
        }
        across[materials] = depth_results(DepthData(joints, spec, bulk if len(bulk) == len(materials) else {}))
    return across


def _warnings(found: Interfaces) -> list[str]:
    polar = [one.system.name for one in found.chosen if recorded_polarity(one.choice.built.record) == "polar"]
    strained = [
        f"{one.system.name}: {told}; what is squeezed or stretched so far is another material"
        for one in found.chosen
        for told in beyond_limits(one.choice.built.record, one.system.max_principal_strain, one.system.max_area_change)
    ]
    return (
        [_POLAR.format(name) for name in polar]
        + strained
        + [warning for results in found.across.values() for warning in depth_warnings(results)]
    )


QUANTITIES: tuple[Quantity[Interfaces], ...] = (
    Quantity("interface_energy", ("system",), "J/m²", "energy of an interface", step=STEP, hypothesis=True),
    Quantity("adhesion", ("system",), "J/m²", "work to part it", step=STEP, hypothesis=True),
    Quantity("center_across", ("material", "minus that of"), "eV", "band centres in one common cell", step=STEP),
    Quantity("potential_step", ("from", "to"), "eV", "step of the potential in it", step=STEP),
)

INTERFACES = Chapter(
    "interfaces",
    "Interfaces",
    "The recipe builds no interface.",
    lambda case: case.recipe.interface,
    _evaluate,
    _blocks,
    _numbers,
    _warnings,
    quantities=QUANTITIES,
    step=STEP,
)
