"""Chapter on oxygen loss of one cathode: orderings, ladder, temperature and pressure, voltage, and the ledger of
ions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ....configs.steps.oxygen_loss import OxygenConditions, OxygenLossStep
from ....structures.by_name import name_of
from ....workflows.documents import CalculationDocument
from ....workflows.roles import Ordering, OxygenVacancy, Substituted
from ...figures.oxygen import MANY_CONTENTS, ladder_figure, oxygen_potential_figure
from ...figures.reactions import voltage_figure
from ...oxygen.ladder import OxygenLadder, Rung
from ...oxygen.loss import oxygen_ladder
from ...oxygen.ordering_spread import OrderingSpread, ordering_spread
from ...oxygen.oxidation_states import ElementIons, cell_ions, ions_by_element
from ...oxygen.redox_ledger import RedoxEntry, redox_entry
from ...oxygen.reference import oxygen_reference, release_temperature
from ...oxygen.substitution import SubstitutionResults, substitution_results
from ...thermodynamics.phase_set import PhaseSet
from ...thermodynamics.voltage_curve import VoltageCurve, lithium_reference, voltage_curve
from ..case import Case
from ..chapter import Chapter, Problems, phases_of
from ..columns import LI_VACANCIES
from ..content import Answer, Block, Column, KeyNumber, Picture, Table, Text
from ..quantities.answers import told
from ..quantities.oxygen import OXYGEN_QUANTITIES
from .oxygen_tables import comparison_blocks, ordering_blocks, series_of, sites_table, voltage_table
from .redox import ions_table, ledger_blocks, other_ions
from .substitution import substitution_blocks, substitution_key_numbers

__all__ = ["OXYGEN_LOSS", "OxygenLoss", "OxygenResults", "oxygen_results"]


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

    @property
    def sampled(self) -> OxygenLadder | None:
        """The ladder, where an oxygen vacancy was calculated."""
        return self.ladder if self.ladder and any(rung.sampled for rung in self.ladder.rungs) else None

    @cached_property
    def ions(self) -> list[ElementIons]:
        """Ions of the host, where there is a ledger of them."""
        return list(ions_by_element(self.ladder.host)) if self.ledger and self.ladder else []

    @cached_property
    def residual(self) -> float:
        """Sum of the charges that the moments of the host name, e; 0 where there is no ledger of ions."""
        return cell_ions(self.ladder.host).residual if self.ledger and self.ladder else 0.0


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
    spread = ordering_spread(roles["ordering"], exhausted=exhausted) if len(roles["ordering"]) > 1 else None
    if not roles["host"]:
        return OxygenResults(label, spread, None, None, (), (f"{label}: no host has been relaxed yet",), conditions)
    host = min(roles["host"], key=lambda document: document.energy)
    problems, ladder, curve, ledger = Problems(), None, None, list[RedoxEntry]()
    with problems.attempt(f"{label}: no ladder"):
        reference = oxygen_reference(host, phase_set, (metals or {}).get("O2"), conditions.correction)
        ladder = oxygen_ladder(host, roles["arrangement"] + roles["oxygen_vacancy"], reference)
    with problems.attempt(f"{label}: no voltage"):
        curve = voltage_curve(host, roles["arrangement"], lithium_reference(host, phase_set, (metals or {}).get("Li")))
    with problems.attempt(f"{label}: no ledger of ions"):
        ledger = _ledger(ladder) if ladder else []
    told = tuple(text.text for text in problems.texts)
    return OxygenResults(label, spread, ladder, curve, tuple(ledger), told, conditions)


@dataclass(frozen=True)
class OxygenLoss:
    """What the step ``oxygen_loss`` asks for.

    Parameters
    ----------
    texts : list of Text
        Of the phase set, and on jobs without a result.
    results : list of OxygenResults
        One for each cathode and level of theory.
    levels : list of (str, list of OxygenLadder)
        Cathode with its ladders, one for each level of theory.
    substituted : list of SubstitutionResults
        One for each ion and level.
    """

    texts: list[Text]
    results: list[OxygenResults] = field(default_factory=list)
    levels: list[tuple[str, list[OxygenLadder]]] = field(default_factory=list)
    substituted: list[SubstitutionResults] = field(default_factory=list)


def _evaluate(case: Case, step: OxygenLossStep) -> OxygenLoss:
    used = phases_of(case, step.phase_set)
    loss = OxygenLoss([*used.texts, *case.missing("oxygen_loss", ())])
    if used.phases is None:
        return loss
    found: dict[str, list[CalculationDocument]] = {}
    for finished in case.of("oxygen_loss"):
        found.setdefault(finished.material, []).append(finished.document)
    metals = {label: found.pop(label) for label in ("Li", "O2") if label in found}
    all_known = _exhausted(case, step)
    ions = {name_of(system.material): [asked.ion for asked in system.substitutions] for system in step.systems}
    for label, documents in found.items():
        ladders = []
        for name, series in series_of(label, documents):
            own: dict[str, CalculationDocument] = {
                element: one for element, all_of in metals.items() for one in all_of if one.tier == series[-1].tier
            }
            made = oxygen_results(label, series, step.conditions, used.phases, own, label in all_known)
            loss.results.append(replace(made, label=name))
            if made.ladder is not None:
                ladders.append(made.ladder)
                loss.substituted.extend(
                    substitution_results(label, ion, series, made.ladder.reference) for ion in ions.get(label, [])
                )
        loss.levels.append((label, ladders))
    return loss


def _blocks(loss: OxygenLoss) -> list[Block]:
    blocks: list[Block] = [*loss.texts]
    for found in loss.results:
        if len(loss.results) > 1:
            blocks.append(Text(found.label, "heading"))
        blocks += _cathode_blocks(found)
    for label, ladders in loss.levels:
        blocks += comparison_blocks(label, ladders)
    return blocks + [block for one in loss.substituted for block in substitution_blocks(one)]


def _numbers(loss: OxygenLoss) -> list[KeyNumber]:
    keys = [key for found in loss.results if found.sampled for key in _key_numbers(found, found.sampled)]
    return keys + [key for one in loss.substituted for key in substitution_key_numbers(one)]


def _warnings(loss: OxygenLoss) -> list[str]:
    told: list[str] = []
    for found in loss.results:
        told += [f"{found.label}: {note}" for note in found.sampled.notes] if found.sampled else []
        told += other_ions(found.label, found.ions, found.residual)
    return told


def _cathode_blocks(found: OxygenResults) -> list[Block]:
    """Texts, tables and figures on one cathode at one level of theory."""
    blocks: list[Block] = [Text(problem, "problem") for problem in found.problems]
    if found.spread:
        blocks += ordering_blocks(found.label, found.spread)
    if found.sampled:
        blocks += _ladder_blocks(found, found.sampled)
    if found.curve:
        alt = f"Voltage of {found.label} over the lithium content; the numbers stand in the table."
        blocks += [
            voltage_table(found.label, found.curve),
            Picture(f"voltage_{found.label}", voltage_figure(found.curve), alt),
        ]
    if found.ladder and found.ledger:
        blocks += [ions_table(found.label, found.ions), *ledger_blocks(found.label, found.ladder, found.ledger)]
    return blocks


def _exhausted(case: Case, step: OxygenLossStep) -> set[str]:
    """Materials for which fewer orderings were planned than asked: there are no more."""
    planned = Counter(
        str(e.plan["material"])
        for e in case.entries
        if e.plan["step"] == "oxygen_loss" and isinstance(e.role, Ordering)
    )
    asked = {name_of(system.material): system.orderings.n for system in step.systems if system.orderings is not None}
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
        LI_VACANCIES,
        Column("x", "Li left", 3),
        Column("low", "stable from (V vs Li/Li⁺)", 2),
        Column("high", "to (V)", 2),
        Column("arrangements", "arrangements", 0),
        Column("sampled", "with V_O", 0),
        Column("sites", "V_O calculated", 0),
        Column("environments", "first shells with V_O"),
        Column("coverage", "O atoms they stand for (%)", 0),
        Column("mean", "mean (eV)", 2, sigma="error"),
        Column("weighted", f"mean, arrangements weighted at {at.temperature:g} K (eV)", 2),
        Column("lowest", "lowest calculated (eV)", 2),
        Column("spread", "spread over O (eV)", 2),
        Column("mean_at", f"mean at {where} (eV)", 2),
        Column("lowest_at", f"lowest calculated at {where} (eV)", 2),
        Column("release", f"lowest calculated is 0 at {at.pressure:g} bar (K)", 0),
    )
    note = (
        "Formation energies with O₂ without entropy but where stated; ±: standard error over arrangements, those of "
        "lowest energy, of equal weight; weighted: by Boltzmann's factor of their energies. Lowest: of the "
        "arrangements and sites that were calculated, an upper bound: arrangements of low energy and first shells of "
        "many atoms come first, so rarer sites may lose oxygen more easily."
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


def _rung_row(rung: Rung, found: OxygenResults, ladder: OxygenLadder) -> dict[str, Any]:
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
        "environments": rung.environments,
        "coverage": 100 * rung.coverage,
        "mean": rung.mean,
        "weighted": rung.weighted_mean(at.temperature),
        "error": rung.standard_error(),
        "lowest": rung.lowest,
        "spread": rung.spread,
        "mean_at": ladder.at(rung.mean, at.temperature, at.pressure),
        "lowest_at": ladder.at(rung.lowest, at.temperature, at.pressure),
        "release": release_temperature(rung.lowest, at.pressure, ladder.reference),
    }


def _key_numbers(found: OxygenResults, ladder: OxygenLadder) -> list[KeyNumber]:
    sampled = [rung for rung in ladder.rungs if rung.sampled]
    shown = sampled if len(sampled) <= MANY_CONTENTS else [sampled[0], sampled[-1]]  # the table holds all
    return [
        KeyNumber(
            quantity=(
                f"{found.label}, formation energy of an oxygen vacancy with {100 * rung.x:.0f} % of the lithium, mean "
                "over sites"
            ),
            value=rung.mean,
            unit="eV",
            digits=2,
            tier=ladder.host.tier,
            basis=(
                f"{len(rung.vacancies)} vacancies in {len(rung.sampled)} arrangements, for {100 * rung.coverage:.0f} % "
                f"of the oxygen; {ladder.reference.short()}"
            ),
            uncertainty=rung.standard_error(),
            uncertainty_kind="standard error over arrangements",
        )
        for rung in shown
    ]


def _answer(loss: OxygenLoss) -> Answer | None:
    """Formation energy at the most and at the least lithium of the first cathode."""
    found = next((found for found in loss.results if found.sampled), None)
    if found is None or found.sampled is None:
        return None
    keys = _key_numbers(found, found.sampled)
    return told(dict.fromkeys([keys[0], keys[-1]]), f"oxygen_ladder_{found.label}")


OXYGEN_LOSS = Chapter(
    "oxygen-loss",
    "Oxygen loss",
    "The recipe asks for no oxygen loss.",
    lambda case: case.recipe.oxygen_loss,
    _evaluate,
    _blocks,
    _numbers,
    _warnings,
    quantities=OXYGEN_QUANTITIES,
    step="oxygen_loss",
    answer=_answer,
)
