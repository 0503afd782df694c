"""The report of a campaign: one self-contained page, its figures as files, its tables as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...configs.errors import InputError, near_match_hint
from ...configs.trust import trust_of
from ..records import Records
from ..words import badge, tiers_in
from .case import Case, read_case
from .chapter import Chapter
from .chapters.electrons import ELECTRONS
from .chapters.geometry import GEOMETRY
from .chapters.interface import INTERFACES
from .chapters.layers import LAYERS
from .chapters.motion import MOTION
from .chapters.oxygen import OXYGEN_LOSS
from .chapters.provenance import PROVENANCE, SETTINGS
from .chapters.reactions import REACTIONS
from .chapters.screen import SCREEN
from .chapters.solids.across import ACROSS
from .chapters.solids.barriers import BARRIERS
from .chapters.solids.conductivity import CONDUCTIVITY
from .chapters.solids.d_bands import D_BANDS
from .chapters.solids.mechanics import MECHANICS
from .chapters.solids.polymorphs import POLYMORPHS
from .chapters.solids.segregation import SEGREGATION
from .chapters.solids.surface_oxygen import SURFACE_OXYGEN
from .chapters.solids.void import VOID
from .chapters.volumes import VOLUMES
from .chapters.windows import WINDOWS
from .claims import Finding, claims_of, judged
from .claims_section import claims_section
from .columns import QUANTITY, TIER, UNIT, X
from .committee import Answers, committee_section, with_differences
from .content import Column, Extrapolation, KeyNumber, Section, Table, Value
from .event_members import events_by_member
from .first_screen import replies
from .rendering import environment

__all__ = [
    "CHAPTERS",
    "FORMATS",
    "Numbers",
    "campaign_numbers",
    "claim_findings",
    "matrix_values",
    "report_sections",
    "write_report",
]

#: of the figures' files
FORMATS = ("svg", "pdf", "png")
#: in the order of the page
CHAPTERS: tuple[Chapter[Any, Any], ...] = (
    GEOMETRY,
    ELECTRONS,
    REACTIONS,
    WINDOWS,
    VOLUMES,
    VOID,
    SCREEN,
    INTERFACES,
    MOTION,
    OXYGEN_LOSS,
    SURFACE_OXYGEN,
    SEGREGATION,
    ACROSS,
    POLYMORPHS,
    D_BANDS,
    LAYERS,
    BARRIERS,
    CONDUCTIVITY,
    MECHANICS,
    SETTINGS,
    PROVENANCE,
)
#: chapters at the end that tell of the calculation, not of its results
_ABOUT = 2
_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    records: Records, out: Path, campaign: str | None = None, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write ``report.html``, ``figures/`` and ``tables/`` of one campaign.

    The page stands alone: style and figures are inside, nothing is fetched. The same store gives the same
    files. A campaign that is half finished gives a report that says what is missing and why.

    Parameters
    ----------
    records : Records
        Reader of the store.
    out : Path
        Folder; made where it is missing.
    campaign : str, optional
        Name of the campaign; the latest where left out.
    formats : sequence of str
        Of the figures' files: svg, pdf, png.

    Returns
    -------
    list of Path
        The page first, then figures and tables.

    Raises
    ------
    StoreError, UnknownNameError
        If the store holds no such campaign.
    InputError
        If a format is not one of these.
    """
    unknown = [suffix for suffix in formats if suffix not in FORMATS]
    if unknown:
        raise InputError(f"unknown figure format {unknown[0]!r}; {near_match_hint(unknown[0], FORMATS)}")
    out = Path(out)
    case = read_case(records, campaign)
    sections, numbers = _answered(case)
    key_table = _key_table(numbers)
    page = out / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    files = [page]
    for section in sections:
        for picture in section.pictures:
            files += picture.write(out / "figures", formats)
    page.write_text(_page(case, sections, key_table, formats), encoding="utf-8")
    tables = [key_table, *(table for section in sections for table in section.tables)]
    return files + [table.write(out / "tables") for table in tables]


def report_sections(records: Records, campaign: str | None = None) -> list[Section]:
    """Return the chapters of one campaign's report: texts, tables, figures and key numbers.

    Parameters
    ----------
    records : Records
    campaign : str, optional
        The latest where left out.

    Raises
    ------
    StoreError, UnknownNameError
        If the store holds no such campaign.
    """
    return _answered(read_case(records, campaign))[0]


def _answered(case: Case) -> tuple[list[Section], list[KeyNumber]]:
    """The chapters of a case, and all key numbers with what the committee disagrees by."""
    sections = [chapter.section(case) for chapter in CHAPTERS]
    answers = _numbers_of_members(case)
    for section, (numbers, others) in zip(sections, answers, strict=True):
        section.key_numbers = with_differences(numbers, others)
    if compared := _committee(case, answers):
        sections.insert(len(sections) - _ABOUT, compared)
    if found := claim_findings(case):
        sections.insert(0, claims_section(found))
    return sections, [number for section in sections for number in section.key_numbers]


def claim_findings(case: Case) -> list[Finding]:
    """Return the verdict on each claim of the source of a campaign's recipe.

    Parameters
    ----------
    case : Case
    """
    return judged(claims_of(case.recipe), case, CHAPTERS)


@dataclass(frozen=True)
class Numbers:
    """Every key number of a campaign, without the report around them.

    Parameters
    ----------
    numbers : list of tuple
        Anchor and title of the chapter, and the key number as the report shows it.
    committee : Section or None
        Numbers of a committee's members side by side; None where there is no committee.
    extrapolations : list of Extrapolation
        Where a potential, or a line through points, is used beyond what it was made for.
    """

    numbers: list[tuple[str, str, KeyNumber]]
    committee: Section | None
    extrapolations: list[Extrapolation]


def campaign_numbers(case: Case) -> Numbers:
    """Return the key numbers of a campaign's report, and no figure or table but that of the committee.

    Parameters
    ----------
    case : Case
    """
    answers = _numbers_of_members(case)
    return Numbers(
        [
            (chapter.id, chapter.title, number)
            for chapter, (numbers, others) in zip(CHAPTERS, answers, strict=True)
            for number in with_differences(numbers, others)
        ],
        _committee(case, answers),
        [found for chapter in CHAPTERS for found in chapter.extrapolations(case)],
    )


def _numbers_of_members(case: Case) -> list[Answers]:
    """Of each chapter the key numbers by the first member, and by each other one of a committee."""
    return [
        (chapter.key_numbers(case), {name: chapter.key_numbers(other) for name, other in case.committee.items()})
        for chapter in CHAPTERS
    ]


def _committee(case: Case, answers: Sequence[Answers]) -> Section | None:
    if not case.committee:
        return None
    return committee_section(case.member, list(case.committee), answers, events_by_member(case))


def matrix_values(case: Case) -> list[Value]:
    """Return every number of a campaign's matrix that needs no job but relaxed bulk cells.

    Parameters
    ----------
    case : Case
    """
    return [value for chapter in CHAPTERS for value in chapter.matrix_values(case)]


def _key_table(numbers: list[KeyNumber]) -> Table:
    columns = (
        QUANTITY,
        Column("value", "value", "digits", "uncertainty"),
        UNIT,
        Column("uncertainty_kind", "what ± means"),
        X,
        Column("published", "published", 2),
        Column("deviation", "deviation", "digits"),
        TIER,
        Column("basis", "rests on"),
    )
    return Table("key_numbers", "Key numbers", columns, [key.row() for key in numbers])


def _page(case: Case, sections: list[Section], key_table: Table, formats: Sequence[str]) -> str:
    whole = case.whole or case
    tiers = sorted(
        {found.document.tier for found in whole.finished}
        | {tier for row in key_table.rows for tier in tiers_in(row["tier"])}
    )
    states: dict[str, int] = {}
    for entry in whole.entries:
        states[entry.state] = states.get(entry.state, 0) + 1
    templates = environment(_TEMPLATES)
    templates.filters["badge"] = cache(badge)  # files of engines are looked at once a page, not once a row
    return templates.get_template("report.html.j2").render(
        case=whole,
        replies=replies(case, CHAPTERS, sections),
        claims=next((section for section in sections if section.id == "claims"), None),
        sections=[section for section in sections if section.id != "claims"],
        key_table=key_table,
        tiers={tier: trust_of(tier).sentence for tier in tiers},
        states=states,
        formats=formats,
        warnings=_unfinished(whole) + [warning for section in sections for warning in section.warnings],
    )


def _unfinished(case: Case) -> list[str]:
    done = case.answered
    return [case.why(entry) for entry in case.entries if entry.plan["key"] not in done]
