"""Chapter on vacancies across interfaces: lithium and oxygen by depth through stacks, and the charge beside the
cathode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .....configs.errors import CatholyteError, InputError
from .....configs.steps.across import AcrossStep, SpaceChargeModel
from .....configs.steps.oxygen_loss import OxygenConditions
from .....structures.crystals.redox import LADDER
from .....workflows.documents import CalculationDocument, require_same_signature
from .....workflows.roles import StackHost, Vacancy
from ....figures.across import stack_vacancy_figure
from ....oxygen.reference import oxygen_reference
from ....oxygen.surface import OUTER, RESOLVED
from ....thermodynamics.phase_set import PhaseSet
from ....thermodynamics.voltage_curve import lithium_reference
from ....transport.space_charge import SpaceCharge, space_charge
from ....transport.stack_vacancies import StackProfile, stack_profile
from ....words import file_stem, number, tier_label
from ...case import Case
from ...chapter import Chapter, Problems, phases_of
from ...columns import DEPTH, ELEMENT, HEIGHT, ITS_DEPTH, MATERIAL, TIER, VOLTAGE
from ...content import Answer, Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["ACROSS", "Across"]

#: metals that can pay for a missing lithium ion
_PAYING = {ion.rstrip("+0123456789") for step in LADDER for ion in step}
_RANGE = "what relaxations leave untold"


@dataclass(frozen=True)
class Across:
    """Profiles of all stacks, the charge beside the cathode by stack, its model, and why some are missing."""

    profiles: list[StackProfile]
    charges: Mapping[str, list[SpaceCharge]]
    model: SpaceChargeModel
    texts: list[Text]


def _evaluate(case: Case, step: AcrossStep) -> Across:
    used, problems = phases_of(case, step.phase_set), Problems()
    profiles, charges, notes = list[StackProfile](), dict[str, list[SpaceCharge]](), list[Text]()
    documents = [found.document for found in case.of("across")]
    for asked in step.stacks if used.phases is not None else ():
        assert used.phases is not None
        with problems.attempt(asked.system):
            profiles.append(_profile(case, asked.system, documents, used.phases, step.conditions))
    model = step.space_charge
    for one in profiles:
        if "Li" in one.elements:
            try:
                charges[one.label] = space_charge(one, model.voltages, model.temperature, model.permittivity)
            except CatholyteError as error:
                notes.append(Text(f"No charge beside a cathode is told: {error.message}.", "note"))
    return Across(profiles, charges, model, [*used.texts, *case.missing("across", ()), *problems.texts, *notes])


def _profile(
    case: Case,
    label: str,
    documents: Sequence[CalculationDocument],
    phases: PhaseSet,
    conditions: OxygenConditions,
) -> StackProfile:
    own = [one for one in documents if one.role is not None and one.role.of == label]
    host = next((one for one in own if isinstance(one.role, StackHost)), None)
    cells = [one for one in own if isinstance(one.role, Vacancy)]
    if host is None or not cells:
        raise InputError("no cell with a vacancy has been relaxed yet")
    elements = {one.role.element for one in cells if isinstance(one.role, Vacancy)}
    potentials = {}
    if "Li" in elements:
        metal = lithium_reference(host, phases, case.element(host.tier, "lithium"))
        require_same_signature({host.label: host.signature, f"lithium metal ({metal.origin})": metal.signature})
        potentials["Li"] = metal.energy
    if "O" in elements:
        gas = oxygen_reference(host, phases, case.element(host.tier, "molecule"), conditions.correction)
        gas.check(host)
        potentials["O"] = gas.on_series
    tags = host.structure.site_properties.get("layer") or ()
    paying = {tag for tag, site in zip(tags, host.structure, strict=False) if site.specie.symbol in _PAYING}
    return stack_profile(host, cells, potentials, label, paying)


def _blocks(results: Across) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    for one in results.profiles:
        name = file_stem(one.label)
        alt = f"Energy of vacancies along {one.label}; the numbers stand in the table."
        blocks += [
            Picture(f"across_{name}", stack_vacancy_figure(one), alt),
            _first(one),
            *([_charge(one, results.charges[one.label], results.model)] if one.label in results.charges else []),
            _sites(one),
        ]
    return blocks


_LOWEST = Column("lowest", "lowest vacancy (eV)", 3)


def _first(one: StackProfile) -> Table:
    rows = []
    for element in one.elements:
        for part in one.parts:
            lowest = one.lowest(element, part.name)
            if lowest is not None:
                rows.append(
                    {
                        "element": element,
                        "material": part.name,
                        "n": len(one.of(element, part.name)),
                        "lowest": lowest.energy,
                        "depth": lowest.depth,
                        "preference": one.preference(element, part.name),
                        "verdict": one.verdict(element, part.name),
                        "tier": one.tier,
                    }
                )
    columns = (
        ELEMENT,
        MATERIAL,
        Column("n", "sites"),
        _LOWEST,
        ITS_DEPTH,
        Column("preference", "inside − joint (eV)", 3),
        Column("verdict", "it leaves"),
        TIER,
    )
    note = (
        f"Depth below the nearer joined face of the material; inside: deeper than {OUTER:g} Å; differences below "
        f"{RESOLVED:g} eV are not told apart. One vacancy a cell, neutral; sites that were left out may lie lower."
    )
    return Table(f"across_first_{file_stem(one.label)}", f"{one.label}: where atoms leave first", columns, rows, note)


def _charge(one: StackProfile, found: Sequence[SpaceCharge], model: SpaceChargeModel) -> Table:
    rows = [
        {
            "voltage": point.voltage,
            "emptied": ", ".join(f"{name} {number(100 * share, 0)} %" for name, share in point.emptied.items()),
            "charge": point.charge,
            "independent": point.independent,
            "drop": point.drop,
            "reach": point.reach if abs(point.charge) > 1e-3 else None,
            "tier": one.tier,
        }
        for point in found
    ]
    columns = (
        VOLTAGE,
        Column("emptied", "lithium missing beside the cathode", chemical=True),
        Column("charge", "charge (µC/cm² and face)", 1),
        Column("independent", "the same without repulsion", 1),
        Column("drop", "potential drop (V)", 2),
        Column("reach", "90 % within (Å)", 1),
        TIER,
    )
    note = (
        f"Sum over sites, Fermi-Dirac with Poisson's equation in one dimension, {model.temperature:g} K, relative "
        f"permittivity {model.permittivity:g}; the cathode is a conductor. No interstitials, no lithium from beyond "
        "the stack, no decomposition: a hypothesis on how much the joint loses at a voltage."
    )
    title = f"{one.label}: lithium that leaves beside the cathode"
    return Table(f"space_charge_{file_stem(one.label)}", title, columns, rows, note)


def _sites(one: StackProfile) -> Table:
    rows = [
        {
            "element": item.element,
            "material": item.part,
            "height": item.height,
            "depth": item.depth,
            "share": item.share,
            "frozen": item.frozen,
            "energy": item.energy,
            "tier": one.tier,
        }
        for item in one.vacancies
    ]
    columns = (
        ELEMENT,
        MATERIAL,
        HEIGHT,
        DEPTH,
        Column("share", "stands for atoms", 1),
        Column("frozen", "on the frozen lattice (eV)", 3),
        Column("energy", "vacancy (eV)", 3),
        TIER,
    )
    note = "The energy on the frozen lattice is the site energy with its sign turned, against lithium metal or O₂."
    return Table(f"across_{file_stem(one.label)}", f"{one.label}: vacancies by depth", columns, rows, note)


def _numbers(results: Across) -> list[KeyNumber]:
    numbers = []
    for one in results.profiles:
        for element in one.elements:
            for part in one.parts:
                lowest, found = one.lowest(element, part.name), one.preference(element, part.name)
                if lowest is None:
                    continue
                basis, place = f"{len(one.of(element, part.name))} vacancies", (one.label, element, part.name)
                quantity = f"Lowest {element} vacancy in {part.name} of {one.label}"
                names = ("stack_vacancy", *place)
                numbers.append(
                    KeyNumber(quantity, lowest.energy, "eV", 2, one.tier, basis, RESOLVED, _RANGE, names=names)
                )
                if found is not None:
                    quantity, names = f"{quantity}: inside less joint", ("joint_preference", *place)
                    numbers.append(KeyNumber(quantity, found, "eV", 2, one.tier, basis, RESOLVED, _RANGE, names=names))
    return numbers


def _leads(results: Across, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Lowest vacancy of the second material less that of the first."""
    label, element, first, second = arguments
    one = next((one for one in results.profiles if one.label == label), None)
    if one is None:
        return None
    quantity, names = f"{element} vacancy in {label}: {second} less {first}", ("vacancy_lead", *arguments)
    basis = f"{len(one.of(element, first)) + len(one.of(element, second))} vacancies"
    value = one.difference(element, first, second)
    return KeyNumber(quantity, value, "eV", 2, one.tier, basis, RESOLVED, _RANGE, names=names)


def _values(results: Across) -> list[Value]:
    values = []
    for one in results.profiles:
        lowest = one.lowest("Li")
        if lowest is not None:
            basis = f"lowest of {len(one.of('Li'))} lithium vacancies, in {lowest.part}"
            values.append(Value((one.label,), "lithium leaves at (V)", number(lowest.energy, 2), one.tier, basis))
    return values


def _answer(results: Across) -> Answer | None:
    first = [(one, lowest) for one in results.profiles if (lowest := one.lowest("Li")) is not None]
    if not first:
        return None
    told = "; ".join(
        f"in {one.label} that of {lowest.part}, {number(lowest.depth, 1)} Å below a joint, at "
        f"{number(lowest.energy, 2)} V"
        for one, lowest in first
    )
    sentence = f"The lithium that leaves first: {told}."
    return Answer((sentence,), f"across_{file_stem(first[0][0].label)}", tier_label(one.tier for one, _ in first))


_ASKED = ("system", "element", "material")

ACROSS = Chapter(
    "across",
    "Vacancies across interfaces",
    "The recipe asks for no vacancies of stacks.",
    lambda case: case.recipe.across,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity("stack_vacancy", _ASKED, "eV", "lowest vacancy in a material", step="across", hypothesis=True),
        Quantity(
            "joint_preference",
            _ASKED,
            "eV",
            "vacancy inside a material less that at its joints",
            step="across",
            hypothesis=True,
        ),
        Quantity(
            "vacancy_lead",
            ("system", "element", "material", "another"),
            "eV",
            "lowest vacancy in the second material less that in the first",
            _leads,
            step="across",
            hypothesis=True,
        ),
    ),
    step="across",
    answer=_answer,
)
