"""The report of a committee: its leader's chapters, every number by every member, and the difference in the interval."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catholyte.analysis.campaigns import Entry
from catholyte.analysis.report.case import read_case
from catholyte.analysis.report.chapters.motion import MOTION
from catholyte.analysis.report.committee import committee_section, with_differences
from catholyte.analysis.report.content import KeyNumber, Table, Text
from catholyte.analysis.report.event_members import events_by_member
from catholyte.analysis.report.page import report_sections, write_report
from catholyte.configs.recipe import Recipe
from catholyte.tests.support.campaigns.campaign_documents import MadeRecords, cell_of, made_document, planned, strained
from catholyte.tests.support.campaigns.report_page import Page
from catholyte.tests.support.motion.moving_chunks import chunk
from catholyte.workflows.comparison_documents import ForceComparison
from catholyte.workflows.documents import CalculationDocument

RECIPE = Recipe.model_validate(
    {
        "name": "made",
        "title": "made",
        "source": "made for a test",
        "hubbard_u": {"Co": 3.9},
        "bulk": {"engine": ["chgnet", "gpaw"], "materials": ["LCO", "CoO"]},
    }
)


def _member(entry: Entry, *members: str) -> Entry:
    return Entry(
        {**entry.plan, "members": list(members), "engine": members[0], "tier": members[0]}, entry.state, entry.record
    )


def _relaxed(name: str, tier: str, strain: float) -> CalculationDocument:
    found = made_document(name, strained(cell_of(name), (1 + strain) * np.eye(3)))
    return found.model_copy(update={"tier": tier, "signature": found.signature.model_copy(update={"engine": tier})})


def _jobs() -> list[tuple[Entry, CalculationDocument | None]]:
    return [
        (_member(planned(f"{tier[:4]}{number}", "bulk", name), tier), _relaxed(name, tier, strain))
        for tier, strains in {"chgnet": (0.01, 0.02), "gpaw": (-0.01, 0.0)}.items()
        for number, (name, strain) in enumerate(zip(("LCO", "CoO"), strains, strict=True))
    ]


RECORDS = MadeRecords(RECIPE, _jobs())


def test_a_case_holds_the_first_members_jobs_and_those_of_the_others_beside_them() -> None:
    case = read_case(RECORDS)
    assert {found.document.tier for found in case.finished} == {"chgnet"}
    assert (case.member, list(case.committee)) == ("chgnet", ["gpaw"])
    assert {found.document.tier for found in case.committee["gpaw"].finished} == {"gpaw"}
    assert case.whole is not None
    assert len(case.whole.finished) == 4
    assert case.recipe.bulk is not None
    assert case.recipe.bulk.engine == "chgnet"


def test_the_first_members_numbers_reach_as_far_as_the_others() -> None:
    sections = {section.id: section for section in report_sections(RECORDS)}
    (volume,) = sections["geometry"].key_numbers
    alone = MadeRecords(RECIPE, _jobs()[:2])
    (before,) = {section.id: section for section in report_sections(alone)}["geometry"].key_numbers
    assert volume.value == before.value
    (table,) = sections["committee"].tables
    (row,) = table.rows
    assert row["chgnet"] == volume.value
    assert row["difference"] == pytest.approx(abs(row["gpaw"] - row["chgnet"]))
    assert volume.uncertainty == pytest.approx(row["difference"])
    assert volume.uncertainty_kind == "the largest difference of the committee"
    assert (row["low"], row["high"]) == pytest.approx(
        (min(row["gpaw"], row["chgnet"]), max(row["gpaw"], row["chgnet"]))
    )


def test_the_page_names_all_jobs_and_both_engines(tmp_path: Path) -> None:
    page = Page(write_report(RECORDS, tmp_path, formats=["svg"])[0].read_text())
    assert [row[0] for row in page.tables["committee"][1:]] != []
    assert {row[0] for row in page.tables["signatures"][1:]} == {"chgnet", "gpaw"}


def test_a_campaign_without_a_committee_has_no_such_section() -> None:
    records = MadeRecords(
        RECIPE.model_copy(update={"bulk": RECIPE.bulk.model_copy(update={"engine": "chgnet"})}),  # type: ignore[union-attr]
        [(planned("aaaa", "bulk", "LCO"), made_document("LCO"))],
    )
    assert "committee" not in {section.id for section in report_sections(records)}


def _number(value: float | None, sigma: float | None = None, quantity: str = "γ", **given: Any) -> KeyNumber:
    return KeyNumber(quantity, value, "J/m²", 2, "chgnet", "job 1", sigma, "1σ" if sigma else "", **given)


@pytest.mark.parametrize(("sigma", "others"), [(None, (0.5,)), (0.1, (0.5,)), (0.1, (0.2, 0.6))])
def test_differences_join_the_interval_as_squares(sigma: float | None, others: tuple[float, ...]) -> None:
    found = {f"member {k}": [_number(value, 0.3)] for k, value in enumerate(others)}
    (widened,) = with_differences([_number(0.3, sigma)], found)
    largest = max(abs(value - 0.3) for value in others)
    assert widened.uncertainty == pytest.approx(math.hypot(sigma or 0.0, largest))
    assert widened.value == 0.3


def test_numbers_that_no_member_moves_and_numbers_of_one_member_stay() -> None:
    numbers = [_number(0.3, 0.1), _number(0.4, 0.1, "W"), _number(None, quantity="none")]
    assert with_differences(numbers, {"other": [_number(0.3, 0.1), _number(0.5, quantity="none")]}) == numbers


def test_the_same_words_twice_are_matched_in_order() -> None:
    first = [_number(0.1), _number(0.2)]
    widened = with_differences(first, {"other": [_number(0.15), _number(0.4)]})
    assert [round(number.uncertainty or 0.0, 3) for number in widened] == [0.05, 0.2]


def test_intervals_hold_each_members_own_error() -> None:
    section = committee_section("a", ["b"], [([_number(0.3, 0.1)], {"b": [_number(0.5, 0.3)]})])
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert (table.rows[0]["low"], table.rows[0]["high"]) == pytest.approx((0.2, 0.8))


def _forces(label: str, document: CalculationDocument, differences: float, **given: Any) -> ForceComparison:
    assert document.trajectory is not None
    times = document.trajectory.times or []
    rows = np.full((2, len(document.structure)), differences)
    return ForceComparison(
        label=label,
        first="chgnet",
        second="gpaw",
        structure=document.structure,
        times=[times[len(times) // 2 - 1], times[-1]],
        positions=[document.trajectory.positions[0]] * 2,
        differences=rows.tolist(),
        magnitudes=np.ones_like(rows).tolist(),
        **given,
    )


def _moved(member: str, breaks: int | None, tier: str = "") -> tuple[Entry, CalculationDocument]:
    entry = planned(f"{member}1", "interface", "LCO|LPSCl", variant="chunk 1")
    return _member(entry, member), chunk("LCO|LPSCl", 0, 120, breaks).model_copy(update={"tier": tier or member})


@pytest.mark.parametrize(
    ("first", "second", "seen"), [(80, None, "chgnet alone"), (None, 80, "gpaw alone"), (80, 60, "all")]
)
def test_each_kind_of_event_is_listed_with_who_saw_it(first: int | None, second: int | None, seen: str) -> None:
    case = read_case(MadeRecords(RECIPE, [_moved("chgnet", first), _moved("gpaw", second)]))
    table = events_by_member(case)
    assert table is not None
    (row,) = (row for row in table.rows if row["kind"] == "P-S breaking")
    counts = [float(breaks is not None) for breaks in (first, second)]
    assert (row["seen"], [row["chgnet"], row["gpaw"]]) == (seen, counts)
    assert row["difference"] == abs(counts[0] - counts[1])
    assert (row["low"], row["high"]) == (0.0, 2.0)


def test_events_of_one_member_alone_are_not_compared() -> None:
    assert events_by_member(read_case(MadeRecords(RECIPE, [_moved("chgnet", 80)]))) is None
    shared = [_moved("chgnet", 80), _moved("gpaw", 80, "chgnet")]  # dynamics of an engine of their own
    assert events_by_member(read_case(MadeRecords(RECIPE, shared))) is None
    kinds = committee_section("a", ["b"], [], Table("t", "t", [], [{"run": "r", "kind": "P-S breaking"}]))
    assert not kinds.tables  # no number of two members: nothing to set side by side


def test_the_ledger_says_which_events_stand_where_the_potentials_part() -> None:
    run, control = chunk("LCO|LPSCl", 0, 120, 80), chunk("LPSCl control", 400, 100, None, slice(4, 8))
    far = _forces("LCO|LPSCl", run, 2.0)
    near = _forces("LPSCl control", control, 0.1, control=True)
    made: list[tuple[Entry, Any]] = [
        (planned("m1", "interface", "LCO|LPSCl", variant="chunk 1"), run),
        (planned("m2", "interface", "LCO|LPSCl", variant="forces"), far),
        (planned("c1", "interface", "LPSCl control", variant="chunk 1"), control),
        (planned("c2", "interface", "LPSCl control", variant="forces"), near),
    ]
    case = read_case(MadeRecords(RECIPE, [(_member(entry, "chgnet"), answer) for entry, answer in made]))
    section = MOTION.section(case)
    (table,) = (table for table in section.tables if table.name.endswith("_forces"))
    assert {row["beyond"] for row in table.rows} == {100.0}
    assert "above 0.10 eV/Å" in table.note
    told = [block.text for block in section.blocks if isinstance(block, Text) and "bond events touch" in block.text]
    assert told == [
        "LCO|LPSCl: 1 of 1 bond events touch an atom at which gpaw and chgnet part, in the compared frame nearest in time: "
        "one of them extrapolates there."
    ]
    (beyond,) = MOTION.extrapolations(case)
    assert beyond.row == ("LCO", "LPSCl")
    assert "differ by more than 0.10 eV/Å, the limit of the bulk, in 100 % of all atoms and frames" in beyond.text
    assert beyond.text.endswith(told[0])
    (total,) = (number for number in section.key_numbers if "of all kinds" in number.quantity)
    assert (total.value, total.uncertainty) == (1.0, 1.0)
