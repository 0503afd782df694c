"""The chapter on oxygen loss and its figures, from documents of a flow made by hand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from catholyte.analysis.figures.oxygen import ladder_figure, oxygen_potential_figure, redox_figure
from catholyte.analysis.figures.style import to_svg
from catholyte.analysis.oxygen.ladder import OxygenLadder
from catholyte.analysis.report.case import Case, Finished
from catholyte.analysis.report.chapters.oxygen import OXYGEN_LOSS, OxygenLoss, OxygenResults, oxygen_results
from catholyte.analysis.report.content import Picture, Table, Text
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.configs.steps.oxygen_loss import OrderingPlan, OxygenConditions, OxygenLossStep, OxygenSystem
from catholyte.tests.support.campaigns.campaign_documents import planned
from catholyte.tests.support.campaigns.oxygen_campaign import campaign
from catholyte.tests.support.engines.toy_engine import toy_document

PHASES = load_phase_set("solidstate")


@pytest.fixture(scope="module")
def results() -> OxygenResults:
    return oxygen_results("LCO", campaign(), OxygenConditions(), PHASES)


def ladder_of(results: OxygenResults) -> OxygenLadder:
    assert results.ladder is not None
    return results.ladder


def test_a_campaign_is_evaluated_by_the_names_of_its_documents(results: OxygenResults):
    assert results.problems == ()
    assert results.spread is not None
    assert len(results.spread.energies) == 5
    ladder = ladder_of(results)
    assert [len(rung.arrangements) for rung in ladder.rungs] == [1, 1, 2]  # all lithium atoms are equal
    assert [round(rung.mean, 6) for rung in ladder.rungs] == [
        round(7.3 - 0.4 * n + ladder.reference.on_series, 6) for n in range(3)
    ]
    assert results.curve is not None
    assert results.curve.steps[0].voltage == pytest.approx(7.01 + results.curve.lithium.energy, abs=0.01)
    lithium = [entry for entry in results.ledger if entry.electrons > 0]
    assert len(lithium) == 3
    assert all(entry.payers() == {"Co": entry.electrons} for entry in results.ledger)


def test_documents_of_others_are_left_out(results: OxygenResults):
    stranger = toy_document("NCM532 host 1", campaign()[0].structure, energy=-1e6)
    longer = toy_document("LCO-half host 1", campaign()[0].structure, energy=-1e6)
    again = oxygen_results("LCO", [stranger, longer, *campaign()], OxygenConditions(), PHASES)
    assert ladder_of(again).host.label == "LCO host 1"
    assert ladder_of(again).host.energy == ladder_of(results).host.energy


def test_the_chapter_names_reference_model_and_limits(results: OxygenResults):
    section = OXYGEN_LOSS.shown(OxygenLoss([], [results]))
    told = " ".join(block.text for block in section.blocks if isinstance(block, Text)) + " ".join(
        table.note for table in section.tables
    )
    for word in (
        "mp-12957",
        "0.687",
        "NIST-JANAF",
        "independent draws",
        "shares, by the moment",
        "magnitudes of moments",
    ):
        assert word in told
    tables = {table.name: table for table in section.tables}
    assert [row["n"] for row in tables["oxygen_ladder_LCO"].rows] == [0, 1, 2]
    assert all(column.key in row for table in section.tables for row in table.rows for column in table.columns)
    assert [key.value for key in section.key_numbers] == [rung.mean for rung in ladder_of(results).rungs]
    assert all(key.tier == "chgnet" for key in section.key_numbers)


def test_formation_energies_stand_at_the_conditions_that_were_asked(results: OxygenResults):
    hot = oxygen_results("LCO", campaign(), OxygenConditions(temperature=1000, pressure=1e-10), PHASES)
    rows = [
        next(table for table in OXYGEN_LOSS.shown(OxygenLoss([], [r])).tables if table.name == "oxygen_ladder_LCO").rows
        for r in (results, hot)
    ]
    for cold_row, hot_row in zip(*rows, strict=True):
        assert hot_row["mean"] == cold_row["mean"]
        assert hot_row["mean_at"] < cold_row["mean_at"] < cold_row["mean"]


def test_every_picture_is_drawn_and_says_its_tier(results: OxygenResults):
    pictures = [block for block in OXYGEN_LOSS.shown(OxygenLoss([], [results])).blocks if isinstance(block, Picture)]
    assert {picture.name for picture in pictures} == {
        "orderings_LCO",
        "oxygen_ladder_LCO",
        "oxygen_potential_LCO",
        "voltage_LCO",
        "redox_LCO",
    }
    for picture in pictures:
        root = ElementTree.fromstring(picture.svg)
        assert root.tag.endswith("svg")
        assert picture.alt
    assert to_svg(ladder_figure(ladder_of(results), results.curve)) == to_svg(
        ladder_figure(ladder_of(results), results.curve)
    )


def test_the_figure_over_the_temperature_crosses_zero_where_the_table_says(results: OxygenResults):
    figure = oxygen_potential_figure(ladder_of(results), (0.2095,))
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 10]
    table = next(
        table for table in OXYGEN_LOSS.shown(OxygenLoss([], [results])).tables if table.name == "oxygen_ladder_LCO"
    )
    assert len(lines) == len(table.rows)
    for line, row in zip(lines, table.rows, strict=True):
        x, y = line.get_xdata(), line.get_ydata()
        crossing = next((a for a, value in zip(x, y, strict=True) if value < 0), None)
        assert (crossing is None) == (row["release"] is None or row["release"] > x[-1])
        if crossing is not None:
            assert row["release"] == pytest.approx(crossing, abs=x[1] - x[0])


def test_a_long_ladder_stays_legible():
    """Of seven contents five get lines and two a key number; bars of several elements stand below each other; voltages
    stand upright; notes are gathered."""
    ladder = ladder_of(long := oxygen_results("LCO", campaign(levels=7), OxygenConditions(), PHASES))
    figure = oxygen_potential_figure(ladder, (1.0, 0.2095))
    drawn = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 10]
    shown = [ladder.rungs[k] for k in (0, 2, 3, 4, 6)]
    assert [line.get_label() for line in drawn[:5]] == [f"x = {rung.x:.2f}" for rung in shown]
    assert len(drawn) == 10
    assert "5 of 7 lithium contents" in " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    bars = {f"{n} V": {"Ni2+": 3.0, "Mn4+": 2.0, "Co3+": 1.0} for n in range(26)}
    stacked, beside = redox_figure(bars, "NCM", ""), redox_figure(dict(list(bars.items())[:4]), "NCM", "")
    assert len({ax.get_position().x0 for ax in stacked.axes}) == 1
    assert len({ax.get_position().y0 for ax in beside.axes}) == 1
    assert stacked.get_size_inches()[0] < 12
    ladder_plot = ladder_figure(ladder, long.curve)
    assert {label.get_rotation() for label in ladder_plot.axes[-1].get_xticklabels()} == {90.0}
    assert [note for note in ladder.notes if "arrangement" in note] == [
        "1 to 6 Li vacancies: one arrangement only, so the spread over arrangements is unknown"
    ]
    assert [key.value for key in OXYGEN_LOSS.shown(OxygenLoss([], [long])).key_numbers] == [
        ladder.rungs[0].mean,
        ladder.rungs[-1].mean,
    ]
    assert "Bars" not in " ".join(
        text.get_text() for text in ladder_plot.texts
    )  # one arrangement each: there is no standard error


def test_what_is_missing_is_said_and_the_rest_shown():
    empty = oxygen_results("LCO", [], OxygenConditions(), PHASES)
    assert empty.problems == ("LCO: no host has been relaxed yet",)
    assert [block.kind for block in OXYGEN_LOSS.shown(OxygenLoss([], [empty])).blocks] == ["problem"]
    other = oxygen_results("LCO", campaign("gpaw"), OxygenConditions(), PHASES)
    assert any("need an O2 molecule" in problem for problem in other.problems)
    assert any("need lithium metal" in problem for problem in other.problems)
    own = oxygen_results("LCO", campaign("sevennet"), OxygenConditions(), PHASES)
    assert own.problems == ()
    assert own.ladder is not None
    orphan = [document for document in campaign() if document.label != "LCO Li-1 1"]
    assert any(
        "is missing" in problem for problem in oxygen_results("LCO", orphan, OxygenConditions(), PHASES).problems
    )
    blind = [document.model_copy(update={"magmoms": None}) for document in campaign()]
    found = oxygen_results("LCO", blind, OxygenConditions(), PHASES)
    assert found.ladder is not None
    assert any("told by moments" in problem for problem in found.problems)
    assert not [table for table in OXYGEN_LOSS.shown(OxygenLoss([], [found])).tables if re.match("redox", table.name)]


def test_a_campaign_in_the_store_is_evaluated_by_step_and_material(results: OxygenResults):
    step = OxygenLossStep(systems=(OxygenSystem(material="LiCoO2", orderings=OrderingPlan(n=8)),))
    gsirr, _ = load_recipe("gsirr")
    recipe, without = (gsirr.model_copy(update={"oxygen_loss": asked}) for asked in (step, None))
    documents = campaign()
    jobs = [
        Finished(planned(f"{k:08d}", "oxygen_loss", "LCO", variant=document.label.removeprefix("LCO ")), document)
        for k, document in enumerate(documents)
    ]
    failed = planned("failed00", "oxygen_loss", "LCO", "failed", cause={"message": "atoms flew apart"})
    entries = [*(job.entry for job in jobs), failed]
    section = OXYGEN_LOSS.section(Case({}, recipe, entries, jobs, {}))
    assert [key.value for key in section.key_numbers] == [rung.mean for rung in ladder_of(results).rungs]
    assert any("atoms flew apart" in block.text for block in section.blocks if isinstance(block, Text))
    orderings = next(table for table in section.tables if table.name == "orderings_LCO")
    assert "more would change nothing" in orderings.note  # 5 of the 8 that were asked for exist
    assert [block.text for block in OXYGEN_LOSS.section(Case({}, without, [], [], {})).blocks] == [
        "The recipe asks for no oxygen loss."
    ]


def test_tables_are_written_with_all_digits(results: OxygenResults, tmp_path):
    for block in OXYGEN_LOSS.shown(OxygenLoss([], [results])).blocks:
        if isinstance(block, Table):
            assert len(block.write(tmp_path).read_text().splitlines()) == 1 + len(block.rows)


def test_figures_of_nothing_are_refused(results: OxygenResults):
    ladder = ladder_of(results)
    bare = OxygenLadder(ladder.host, ladder.reference, (), ())
    with pytest.raises(InputError, match="no oxygen vacancy"):
        ladder_figure(bare)
    with pytest.raises(InputError, match="at least one partial pressure"):
        oxygen_potential_figure(ladder, ())
    with pytest.raises(InputError, match="at least one"):
        redox_figure({"host": {}}, "LCO", "")
