"""Chapter on oxygen loss of one cathode: orderings, ladder, temperature and pressure, voltage, and the ledger of
ions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ....configs.errors import CatholyteError, InputError
from ....configs.steps.oxygen_loss import OxygenConditions, OxygenLossStep
from ....structures.by_name import find_material
from ....workflows.documents import CalculationDocument
from ....workflows.roles import Ordering, OxygenVacancy, Substituted
from ...figures.oxygen import MANY_CONTENTS, ladder_figure, oxygen_potential_figure, voltage_figure
from ...oxygen.loss import OxygenLadder, Rung, oxygen_ladder
from ...oxygen.ordering_spread import OrderingSpread, ordering_spread
from ...oxygen.oxidation_states import ions_by_element
from ...oxygen.redox_ledger import RedoxEntry, redox_entry
from ...oxygen.reference import OxygenReference, reference_from_document, reference_from_phase_set, release_temperature
from ...oxygen.substitution import substitution_results
from ...thermodynamics.phase_set import PhaseSet
from ...thermodynamics.voltage_curve import (
    LithiumReference,
    VoltageCurve,
    lithium_from_document,
    lithium_from_phase_set,
    voltage_curve,
)
from ..case import Case
from ..content import Block, Column, KeyNumber, Picture, Section, Table, Text
from .oxygen_tables import comparison_blocks, ordering_blocks, series_of, sites_table, voltage_table
from .reactions import phase_set_of
from .redox import ions_table, ledger_blocks, other_ions
from .substitution import substitution_blocks, substitution_key_numbers

__all__ = ["OxygenResults", "oxygen_loss_section", "oxygen_results", "oxygen_section"]

ID, TITLE = "oxygen-loss", "Oxygen loss"


@dataclass(frozen=True)
class OxygenResults:
    """What follows from the documents of one cathode.

    Parameters
    ----------
    label : str
        Name of the cathode.
    spread : OrderingSpread or None
        None where the host was not chosen among orderings.
    ladder : OxygenLadder or None
        None where no reference or no host is there, with the reason in `problems`.
    curve : VoltageCurve or None
    ledger : tuple of RedoxEntry
        Li vacancies against the host, then oxygen vacancies against their parents.
    problems : tuple of str
        What is left out and why.
    """

    label: str
    spread: OrderingSpread | None
    ladder: OxygenLadder | None
    curve: VoltageCurve | None
    ledger: tuple[RedoxEntry, ...]
    problems: tuple[str, ...]
    conditions: OxygenConditions = field(default_factory=OxygenConditions)


def oxygen_results(
    label: str,
    documents: Sequence[CalculationDocument],
    conditions: OxygenConditions,
    phase_set: PhaseSet,
    metals: Mapping[str, CalculationDocument] | None = None,
    exhausted: bool = False,
) -> OxygenResults:
    """Evaluate the documents of one cathode.

    Parameters
    ----------
    label : str
        Name under which the flow ran: what the documents' roles are of.
    documents : sequence of CalculationDocument
        Orderings, hosts, arrangements of Li vacancies and oxygen vacancies by their role; others are left out.
    conditions : OxygenConditions
    phase_set : PhaseSet
        Gives O2 and lithium metal to tiers that live on its scale.
    metals : mapping of str to CalculationDocument, optional
        ``O2`` and ``Li``, calculated with the settings of the ladder; needed for the other tiers.
    exhausted : bool
        Whether no further ordering exists.
    """
    roles = _by_role(label, documents)
    problems: list[str] = []
    spread = ordering_spread(roles["ordering"], exhausted=exhausted) if len(roles["ordering"]) > 1 else None
    if not roles["host"]:
        return OxygenResults(label, spread, None, None, (), (f"{label}: no host has been relaxed yet",), conditions)
    host = min(roles["host"], key=lambda document: document.energy)
    ladder, curve = None, None
    try:
        ladder = oxygen_ladder(
            host, roles["arrangement"] + roles["oxygen_vacancy"], _oxygen(host, conditions, phase_set, metals or {})
        )
    except CatholyteError as error:
        problems.append(f"{label}: no ladder: {error.message}")
    try:
        curve = voltage_curve(host, roles["arrangement"], _lithium(host, phase_set, metals or {}))
    except CatholyteError as error:
        problems.append(f"{label}: no voltage: {error.message}")
    ledger: list[RedoxEntry] = []
    try:
        ledger = _ledger(ladder) if ladder else []
    except CatholyteError as error:
        problems.append(f"{label}: no ledger of ions: {error.message}")
    return OxygenResults(label, spread, ladder, curve, tuple(ledger), tuple(problems), conditions)


def oxygen_loss_section(case: Case) -> Section:
    """Evaluate the step ``oxygen_loss`` of a campaign.

    Parameters
    ----------
    case : Case
    """
    section, step = Section(ID, TITLE), case.recipe.oxygen_loss
    if step is None:
        section.blocks.append(Text("The recipe asks for no oxygen loss."))
        return section
    phases = phase_set_of(step.phase_set, section, case)
    section.blocks += case.missing("oxygen_loss", ())
    if phases is None:
        return section
    found: dict[str, list[CalculationDocument]] = {}
    for finished in case.of("oxygen_loss"):
        found.setdefault(finished.material, []).append(finished.document)
    metals = {label: found.pop(label) for label in ("Li", "O2") if label in found}
    all_known = _exhausted(case, step)
    ions = {
        find_material(system.material).name: [asked.ion for asked in system.substitutions] for system in step.systems
    }
    results, substituted, beside = [], [], []
    for label, documents in found.items():
        levels = []
        for name, series in series_of(label, documents):
            own: dict[str, CalculationDocument] = {
                element: one for element, all_of in metals.items() for one in all_of if one.tier == series[-1].tier
            }
            made = oxygen_results(label, series, step.conditions, phases, own, label in all_known)
            levels.append(replace(made, label=name))
            if made.ladder is not None:
                substituted += [
                    substitution_results(label, ion, series, made.ladder.reference) for ion in ions.get(label, [])
                ]
        results += levels
        beside += comparison_blocks(label, [made.ladder for made in levels if made.ladder is not None])
    chapter = oxygen_section(results)
    section.blocks += chapter.blocks
    section.key_numbers += chapter.key_numbers
    section.warnings += chapter.warnings
    section.blocks += beside
    for one in substituted:
        section.blocks += substitution_blocks(one)
        section.key_numbers += substitution_key_numbers(one)
    return section


def oxygen_section(results: Sequence[OxygenResults]) -> Section:
    """Return the chapter on oxygen loss.

    Parameters
    ----------
    results : sequence of OxygenResults
        One per cathode.
    """
    section = Section(ID, TITLE)
    for found in results:
        if len(results) > 1:
            section.blocks.append(Text(found.label, "heading"))
        section.blocks += [Text(problem, "problem") for problem in found.problems]
        if found.spread:
            section.blocks += ordering_blocks(found.label, found.spread)
        if found.ladder and any(rung.sampled for rung in found.ladder.rungs):
            section.blocks += _ladder_blocks(found, found.ladder)
            section.key_numbers += _key_numbers(found, found.ladder)
            section.warnings += [f"{found.label}: {note}" for note in found.ladder.notes]
        if found.curve:
            alt = f"Voltage of {found.label} over the lithium content; the numbers stand in the table."
            section.blocks += [
                voltage_table(found.label, found.curve),
                Picture(f"voltage_{found.label}", voltage_figure(found.curve), alt),
            ]
        if found.ledger and found.ladder:
            elements = ions_by_element(found.ladder.host)
            section.blocks += [
                ions_table(found.label, elements),
                *ledger_blocks(found.label, found.ladder, found.ledger),
            ]
            section.warnings += other_ions(found.label, elements)
    return section


def _exhausted(case: Case, step: OxygenLossStep) -> set[str]:
    """Materials for which fewer orderings were planned than asked: there are no more."""
    planned = Counter(
        str(e.plan["material"])
        for e in case.entries
        if e.plan["step"] == "oxygen_loss" and isinstance(e.role, Ordering)
    )
    asked = {
        find_material(system.material).name: system.orderings.n
        for system in step.systems
        if system.orderings is not None
    }
    return {name for name, n in asked.items() if planned[name] < n}


def _by_role(label: str, documents: Sequence[CalculationDocument]) -> dict[str, list[CalculationDocument]]:
    """Energies of one cathode by their role: ordering, host, arrangement of Li vacancies, oxygen vacancy in one."""
    roles: dict[str, list[CalculationDocument]] = {
        kind: [] for kind in ("ordering", "host", "arrangement", "oxygen_vacancy")
    }
    for document in documents:
        role = document.role
        beside_an_ion = isinstance(role, OxygenVacancy) and isinstance(role.parent, Substituted)
        if role and role.of == label and role.kind in roles and document.kind != "dos" and not beside_an_ion:
            roles[role.kind].append(document)
    return roles


def _oxygen(
    host: CalculationDocument,
    conditions: OxygenConditions,
    phase_set: PhaseSet,
    metals: Mapping[str, CalculationDocument],
) -> OxygenReference:
    if host.tier in phase_set.signatures:
        return reference_from_phase_set(phase_set, host.tier, conditions.correction)
    if "O2" not in metals:
        raise InputError(f"{host.tier} energies need an O2 molecule calculated with the same settings")
    return reference_from_document(metals["O2"], conditions.correction)


def _lithium(
    host: CalculationDocument, phase_set: PhaseSet, metals: Mapping[str, CalculationDocument]
) -> LithiumReference:
    if host.tier in phase_set.signatures:
        return lithium_from_phase_set(phase_set, host.tier)
    if "Li" not in metals:
        raise InputError(f"{host.tier} energies need lithium metal calculated with the same settings")
    return lithium_from_document(metals["Li"])


def _ledger(ladder: OxygenLadder) -> list[RedoxEntry]:
    cells = [arrangement for rung in ladder.rungs for arrangement in rung.arrangements]
    lithium = [redox_entry(ladder.host, cell.document) for cell in cells if cell.removed]
    oxygen = [redox_entry(cell.document, vacancy.document, ladder.host) for cell in cells for vacancy in cell.vacancies]
    return lithium + oxygen


def _ladder_blocks(found: OxygenResults, ladder: OxygenLadder) -> list[Block]:
    at = found.conditions
    where = f"{at.temperature:g} K, {at.pressure:g} bar"
    rungs = [_rung_row(rung, found, ladder) for rung in ladder.rungs if rung.sampled]
    columns = (
        Column("n", "Li vacancies", 0),
        Column("x", "Li left", 3),
        Column("low", "stable from (V vs Li/Li⁺)", 2),
        Column("high", "to (V)", 2),
        Column("arrangements", "arrangements", 0),
        Column("sampled", "with V_O", 0),
        Column("sites", "V_O calculated", 0),
        Column("mean", "mean (eV)", 2, sigma="error"),
        Column("lowest", "lowest (eV)", 2),
        Column("spread", "spread over O (eV)", 2),
        Column("mean_at", f"mean at {where} (eV)", 2),
        Column("lowest_at", f"lowest at {where} (eV)", 2),
        Column("release", f"lowest is 0 at {at.pressure:g} bar (K)", 0),
    )
    note = (
        "Formation energies with O₂ at 0 K but where stated; ±: standard error over arrangements, those of lowest "
        "energy, of equal weight."
    )
    blocks: list[Block] = [
        Text(ladder.reference.sentence()),
        Table(
            f"oxygen_ladder_{found.label}",
            f"{found.label}: oxygen vacancies over the lithium content",
            columns,
            rungs,
            note,
        ),
        Picture(
            f"oxygen_ladder_{found.label}",
            ladder_figure(ladder, found.curve),
            f"Formation energies of oxygen vacancies in {found.label}.",
        ),
        Picture(
            f"oxygen_potential_{found.label}",
            oxygen_potential_figure(ladder, at.pressures),
            f"Lowest formation energy of an oxygen vacancy in {found.label} over the temperature.",
        ),
        sites_table(found.label, ladder),
    ]
    return [*blocks, Text("\n".join(ladder.notes), "note")] if ladder.notes else blocks


def _rung_row(rung: Rung, found: OxygenResults, ladder: OxygenLadder) -> dict[str, float | int | None]:
    at = found.conditions
    low, high = found.curve.at(rung.x) if found.curve else (None, None)
    return {
        "n": rung.n_vacancies,
        "x": rung.x,
        "low": low,
        "high": high,
        "arrangements": len(rung.arrangements),
        "sampled": len(rung.sampled),
        "sites": len(rung.vacancies),
        "mean": rung.mean,
        "error": rung.standard_error(),
        "lowest": rung.lowest,
        "spread": rung.spread,
        "mean_at": ladder.at(rung.mean, at.temperature, at.pressure),
        "lowest_at": ladder.at(rung.lowest, at.temperature, at.pressure),
        "release": release_temperature(rung.lowest, at.pressure),
    }


def _key_numbers(found: OxygenResults, ladder: OxygenLadder) -> list[KeyNumber]:
    sampled = [rung for rung in ladder.rungs if rung.sampled]
    shown = sampled if len(sampled) <= MANY_CONTENTS else [sampled[0], sampled[-1]]  # the table holds all
    return [
        KeyNumber(
            quantity=(
                f"{found.label}, formation energy of an oxygen vacancy with {100 * rung.x:.0f} % of the lithium, "
                "mean over sites"
            ),
            value=rung.mean,
            unit="eV",
            digits=2,
            tier=ladder.host.tier,
            basis=f"{len(rung.vacancies)} vacancies in {len(rung.sampled)} arrangements; {ladder.reference.short()}",
            uncertainty=rung.standard_error(),
            uncertainty_kind="standard error over arrangements",
        )
        for rung in shown
    ]
