"""The report of made campaigns: its numbers are those of the analysis, everything is labelled, nothing is fetched or
injected."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catholyte.analysis.cells.lattice import lattice_table
from catholyte.analysis.figures.style import new_figure
from catholyte.analysis.report.chapters.electrons import environments_of
from catholyte.analysis.report.content import Column, Picture, Table
from catholyte.analysis.report.page import write_report
from catholyte.analysis.states.band_report import common_spec
from catholyte.analysis.states.comparison import compare
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.analysis.thermodynamics.window import stability_window
from catholyte.analysis.words import file_stem, number, tier_label
from catholyte.configs.errors import InputError
from catholyte.configs.load import material
from catholyte.configs.recipe import questions
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.campaigns.campaign_documents import (
    MadeRecords,
    cell_of,
    edges,
    made_document,
    oxygen_dos,
    planned,
    strained,
)
from catholyte.tests.support.campaigns.report_page import Page, column, key_numbers, recipe
from catholyte.tests.support.phase_sets import document as phase_document
from catholyte.workflows.documents import CalculationDocument

SPEC = BandCenterSpec(window="occupied", reference="vbm")
CENTERS = {"LCO": -3.0, "CoO": -2.2}


def electronic(name: str, gap: float = 2.0, shift: float = 0.0, **changes: Any) -> CalculationDocument:
    cell = cell_of(name)
    return made_document(
        name,
        dos=oxygen_dos(cell, CENTERS[name] + shift),
        band_edges=edges(cell, gap),
        magmoms=cell.site_properties["magmom"],
        **changes,
    )


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phases") / "toy.json"
    path.write_text(json.dumps(phase_document()), encoding="utf-8")
    return path


def whole_campaign() -> list[tuple[Any, CalculationDocument | None]]:
    return [
        (planned("aaaa1111", "bulk", "LCO"), made_document("LCO", strained(cell_of("LCO"), 1.01 * np.eye(3)))),
        (planned("aaaa2222", "bulk", "CoO"), made_document("CoO", strained(cell_of("CoO"), 1.02 * np.eye(3)))),
        (planned("bbbb1111", "electronic", "LCO"), electronic("LCO")),
        (planned("bbbb2222", "electronic", "CoO"), electronic("CoO")),
        (planned("cccc1111", "electronic", "LCO", variant="cutoff 800 eV"), electronic("LCO", shift=0.125)),
    ]


@pytest.fixture(scope="module")
def whole(phases: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, Path, list[Path]]:
    out = tmp_path_factory.mktemp("report")
    files = write_report(MadeRecords(recipe(phases), whole_campaign()), out)
    return Page(files[0].read_text(encoding="utf-8")), out, files


def test_every_file_is_listed_and_exists(whole: tuple[Page, Path, list[Path]]) -> None:
    _, out, files = whole
    assert files[0] == out / "report.html"
    assert sorted(files) == sorted(path for path in out.rglob("*") if path.is_file())
    assert {path.suffix for path in files} == {".html", ".svg", ".pdf", ".png", ".csv"}


def test_a_picture_beside_its_own_svg_is_not_drawn_again(tmp_path: Path) -> None:
    def picture(value: float) -> Picture:
        figure, (ax,) = new_figure(2, 2)
        ax.plot([0, value])
        return Picture("p", figure, "a line")

    def written(value: float) -> bytes:
        files = picture(value).write(tmp_path, ("svg", "png"))
        assert files == [tmp_path / "p.png", tmp_path / "p.svg"]
        return files[0].read_bytes()

    first = written(1)
    (tmp_path / "p.png").write_bytes(b"kept")
    assert written(1) == b"kept"
    other = written(2)
    assert other not in (b"kept", first)
    (tmp_path / "p.png").unlink()
    assert written(2) == other
    picture(1).write(tmp_path, ("svg",))
    assert not (tmp_path / "p.png").exists()


def test_reaction_numbers_are_those_of_the_analysis(whole: tuple[Page, Path, list[Path]], phases: Path) -> None:
    page, out, _ = whole
    found, keys = react("Li2O2", "Li", load_phase_set(phases)), key_numbers(out)
    mutual = keys["Mutual reaction energy Li2O2 | Li"]
    assert float(mutual["value"]) == found.mutual.energy
    assert float(mutual["uncertainty of value"]) == found.uncertainty.mutual
    assert float(mutual["deviation"]) == found.mutual.energy + 1.0
    assert float(keys["Total reaction energy Li2O2 | Li"]["value"]) == found.total.energy
    shown = dict(zip(page.tables["reactions"][0], page.tables["reactions"][1], strict=True))
    assert shown["mutual ± 1σ (eV/atom)"] == f"{number(found.mutual.energy, 3)} ± {number(found.uncertainty.mutual, 3)}"
    assert shown["mutual − published"] == number(found.mutual.energy + 1.0, 3)
    kinks = page.tables["kinks_Li2O2_Li"]
    assert column(kinks, "balanced reaction") == [kink.reaction.replace("->", "→") for kink in found.kinks]


def test_window_numbers_are_those_of_the_analysis(whole: tuple[Page, Path, list[Path]], phases: Path) -> None:
    page, out, _ = whole
    found, keys = stability_window("Li2O2", load_phase_set(phases)), key_numbers(out)
    assert float(keys["Reduction limit of Li2O2"]["value"]) == found.reduction.voltage
    assert float(keys["Reduction limit of Li2O2"]["deviation"]) == found.reduction.voltage - 2.5
    assert found.oxidation is not None
    assert float(keys["Oxidation limit of Li2O2"]["value"]) == found.oxidation.voltage
    assert keys["Oxidation limit of Li2O2"]["deviation"] == ""
    assert [float(v) for v in column(page.tables["ladders"], "V vs Li/Li⁺")] == pytest.approx(
        [s.voltage for s in found.ladder], abs=6e-4
    )


def test_centres_and_their_difference(whole: tuple[Page, Path, list[Path]]) -> None:
    page, out, _ = whole
    comparison, keys = compare(electronic("LCO"), electronic("CoO"), SPEC), key_numbers(out)
    lco = keys["O 2p centre of LCO, occupied states, from the valence-band maximum"]
    assert float(lco["value"]) == pytest.approx(CENTERS["LCO"], abs=1e-3)
    assert float(lco["uncertainty of value"]) == pytest.approx(0.125, abs=1e-3)
    between = keys["O 2p centre of CoO minus that of LCO, from the valence-band maximum: no common zero"]
    assert float(between["value"]) == comparison.differences[0].difference
    assert float(between["uncertainty of value"]) == comparison.spread_without_arbitrary
    assert column(page.tables["band_centers"], "environment") == ["Co-O-Li (Li3Co3)", "Co-O-Co (Co6)"]
    assert column(page.tables["convergence"], "change, valence-band maximum (eV)") == ["–", number(0.125, 4)]
    assert any(
        "no calculation with another cutoff" in problem and problem.startswith("CoO") for problem in page.problems
    )


def test_lattice_table_of_the_page(whole: tuple[Page, Path, list[Path]]) -> None:
    page, out, _ = whole
    rows = [
        row
        for _, document in whole_campaign()[:2]
        if document
        for row in lattice_table(document, material(document.label))
    ]
    assert column(page.tables["lattice"], "deviation (%)") == [number(row.deviation, 2) for row in rows]
    assert column(page.tables["lattice"], "deviation (%)")[0] == number(1.0, 2)
    mean = key_numbers(out)["Volume against experiment, mean absolute deviation over 2 crystals"]
    assert float(mean["value"]) == pytest.approx(100 * ((1.01**3 + 1.02**3) / 2 - 1))


def test_every_key_number_has_tier_and_basis(whole: tuple[Page, Path, list[Path]]) -> None:
    page, out, _ = whole
    keys = key_numbers(out)
    assert {row["tier"] for row in keys.values()} == {"gpaw", "chgnet", "chgnet + vasp"}
    for row in keys.values():
        assert ("chgnet" in row["tier"]) == ("Li2O2" in row["rests on"] or "aaaa" in row["rests on"]), row
        assert re.search(r"jobs? (aaaa1111, aaaa2222|bbbb1111|bbbb2222)|phase set toy \(\w{8}\): id-", row["rests on"])
    assert "" not in column(page.tables["key_numbers"], "tier")
    assert set(column(page.tables["lattice"], "tier")) == {"chgnet"}


def test_ladder_and_kinks_carry_the_label_of_both_sides(whole: tuple[Page, Path, list[Path]]) -> None:
    """Every step that Li2O2, whose energy is machine-learned, takes part in is labelled; the step beyond it is not."""
    page, _, _ = whole
    ladder = [dict(zip(page.tables["ladders"][0], row, strict=True)) for row in page.tables["ladders"][1:]]
    assert {("chgnet" in row["tier"]) == ("Li2O2" in row["reaction of this plateau"]) for row in ladder} == {True}
    assert set(column(page.tables["kinks_Li2O2_Li"], "tier")) == {"chgnet + vasp"}


def test_settings_and_provenance(whole: tuple[Page, Path, list[Path]], phases: Path) -> None:
    page, _, _ = whole
    assert page.tables["settings_chosen"][1] == ["order of CoO", "AFM-II", "not stated"]
    assert ["chgnet", "relax", "method.cutoff", "600.0", "all"] in page.tables["settings_in_force"]
    assert column(page.tables["jobs"], "key") == ["aaaa1111", "aaaa2222", "bbbb1111", "bbbb2222", "cccc1111"]
    assert ["SHA-256", load_phase_set(phases).sha256] in page.tables["phase_set_toy"]
    assert "MIT" in page.tables["phase_sources_toy"][1]
    assert {"numpy", "chgnet", "gpaw"} <= set(column(page.tables["packages"], "package"))


def test_nothing_is_fetched(whole: tuple[Page, Path, list[Path]]) -> None:
    page, out, files = whole
    tags = {tag for tag, _, _ in page.attributes}
    assert not tags & {"script", "link", "img", "iframe", "object", "base", "embed", "video", "image"}
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert tag == "a" or value.startswith("#"), (tag, name, value)
            assert tag != "a" or value.startswith(("#", "https://")) or (out / value).is_file(), value
    html = files[0].read_text(encoding="utf-8")
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_long_tables_have_a_frame_of_their_own(phases: Path, tmp_path: Path) -> None:
    jobs = [(planned(f"{k:08d}", "bulk", "CoO", "waiting"), None) for k in range(61)]
    html = write_report(MadeRecords(recipe(phases), jobs), tmp_path, formats=())[0].read_text(encoding="utf-8")
    tables = re.findall(r'<div class="scroll( tall)?".*?<tbody>(.*?)</tbody>', html, re.DOTALL)
    assert {bool(tall) for tall, _ in tables} == {True, False}
    assert all(bool(tall) == (body.count("<tr") > 60) for tall, body in tables)


def test_every_reference_inside_the_page_has_one_target(whole: tuple[Page, Path, list[Path]]) -> None:
    page, _, files = whole
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = {value[1:] for _, name, value in page.attributes if name in ("href", "xlink:href") and value.startswith("#")}
    used |= set(re.findall(r"url\(#([^)]+)\)", files[0].read_text(encoding="utf-8")))
    assert used <= set(ids)


def test_a_printed_limit_is_explained(whole: tuple[Page, Path, list[Path]], phases: Path) -> None:
    page, _, files = whole
    found = stability_window("Li2O2", load_phase_set(phases))
    (row,) = [
        dict(zip(page.tables["windows_published"][0], row, strict=True)) for row in page.tables["windows_published"][1:]
    ]
    assert (row["limit"], row["published phases"]) == ("reduction", "Li2O")
    assert row["deviation (V)"] == number(found.reduction.voltage - 2.5, 3)
    assert row["published reaction on these energies (V)"] == number(found.reduction.voltage, 3)
    assert "The same phases form here and in print (Li2O): none is missing" in files[0].read_text(encoding="utf-8")


def test_same_campaign_same_page(whole: tuple[Page, Path, list[Path]], phases: Path, tmp_path: Path) -> None:
    again = write_report(MadeRecords(recipe(phases), whole_campaign()), tmp_path, formats=())
    files = re.compile(r'<p class="files">Figure.*?</p>')
    assert files.sub("", again[0].read_text(encoding="utf-8")) == files.sub("", whole[2][0].read_text(encoding="utf-8"))


def test_half_finished_campaign_says_what_is_missing(phases: Path, tmp_path: Path) -> None:
    cause = {"message": "the disk is full", "advice": "make room", "evidence": ["No space left on device"]}
    jobs = [
        (planned("aaaa1111", "bulk", "LCO"), made_document("LCO")),
        (planned("aaaa2222", "bulk", "CoO", "failed", cause=cause), None),
        (planned("bbbb2222", "electronic", "CoO", "waiting", depends_on=["aaaa2222"]), None),
        (planned("bbbb1111", "electronic", "LCO"), None),
    ]
    page = Page(write_report(MadeRecords(recipe(phases), jobs), tmp_path, formats=())[0].read_text(encoding="utf-8"))
    said = "\n".join(page.problems)
    assert "CoO bulk main (job aaaa2222) failed: the disk is full. Advice: make room" in said
    assert "CoO electronic main (job bbbb2222) has not run: it waits for CoO bulk main (failed)." in said
    assert (
        "LCO electronic main (job bbbb1111) finished, but its document cannot be read: job bbbb1111 has no result in "
        "the store"
    ) in said
    assert column(page.tables["jobs_without_result"], "evidence") == ["No space left on device", "–", "–"]
    assert set(column(page.tables["lattice"], "material")) == {"LCO"}
    assert "Mutual reaction energy Li2O2 | Li" in key_numbers(tmp_path)


def test_empty_campaign_and_broken_phase_set(tmp_path: Path) -> None:
    page = Page(
        write_report(MadeRecords(recipe(tmp_path / "gone.json"), []), tmp_path / "out", formats=())[0].read_text(
            encoding="utf-8"
        )
    )
    said = "\n".join(page.problems)
    assert "No job of the step bulk has been planned for LCO, CoO" in said
    assert "gone.json: no such file" in said
    assert "No key number can be given yet" in said


def test_recipe_with_one_step_only(phases: Path, tmp_path: Path) -> None:
    alone = recipe(phases, bulk=None, electronic=None, windows=None)
    page = Page(write_report(MadeRecords(alone, []), tmp_path, formats=())[0].read_text(encoding="utf-8"))
    assert page.problems == []
    assert questions(alone) == ["How strongly do Li2O2 | Li react, and to what?"]


def test_metal_among_its_variations_is_a_warning(phases: Path, tmp_path: Path) -> None:
    jobs = [
        (planned("bbbb1111", "electronic", "LCO"), electronic("LCO")),
        (planned("bbbb2222", "electronic", "CoO"), electronic("CoO", gap=0.0)),
        (planned("cccc2222", "electronic", "CoO", variant="mesh 5×5×5"), electronic("CoO")),
    ]
    page = Page(
        write_report(MadeRecords(recipe(phases, bulk=None), jobs), tmp_path, formats=())[0].read_text(encoding="utf-8")
    )
    assert any(text.startswith("CoO: the settings in use (job bbbb2222) give a metal") for text in page.problems)
    keys = key_numbers(tmp_path)
    assert float(keys["O 2p centre of CoO, occupied states, from the Fermi level"]["value"]) == pytest.approx(
        -2.2, abs=1e-3
    )
    assert keys["O 2p centre of CoO minus that of LCO, from the valence-band maximum: no common zero"]["value"] == ""


def test_moments_outside_their_window_are_a_warning(phases: Path, tmp_path: Path) -> None:
    wrong = electronic("CoO").model_copy(update={"magmoms": [0.9, -0.9, 0.0, 0.0]})
    written = write_report(
        MadeRecords(recipe(phases, bulk=None), [(planned("bbbb2222", "electronic", "CoO"), wrong)]),
        tmp_path,
        formats=(),
    )
    page = Page(written[0].read_text(encoding="utf-8"))
    assert any(
        "job bbbb2222): moments of Co2+: 2 outside; compatible with Co2+ low spin" in text for text in page.problems
    )


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    attack = "<script>alert(1)</script>"
    content = phase_document() | {
        "sources": {
            "toy": {"citation": attack, "license": '"><img src=x onerror=alert(1)>', "url": "javascript:alert(1)"}
        }
    }
    from catholyte.analysis.thermodynamics.phase_set import content_hash

    path = tmp_path / "toy.json"
    path.write_text(json.dumps({**content, "sha256": content_hash(content)}), encoding="utf-8")
    jobs = [(planned("aaaa1111", "bulk", attack, "failed", cause={"message": attack}, host=attack), None)]
    made = recipe(
        path,
        title=attack,
        source=attack,
        bulk={"materials": [attack]},
        electronic=None,
        choices=[{"setting": attack, "value": attack, "reason": attack}],
    )
    html = write_report(MadeRecords(made, jobs), tmp_path / "out", formats=())[0].read_text(encoding="utf-8")
    page = Page(html)
    assert not {tag for tag, _, _ in page.attributes} & {"script", "img"}
    assert not [value for _, name, value in page.attributes if value.startswith("javascript:") or name.startswith("on")]
    assert any(attack in problem for problem in page.problems)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("reaction_LCO_LPSCl", "reaction_LCO_LPSCl"),
        ("../../etc/x", "_.._etc_x"),
        ("kinks_./my.yaml_Li", "kinks_._my.yaml_Li"),
    ],
)
def test_no_file_leaves_its_folder(name: str, stem: str, tmp_path: Path) -> None:
    assert file_stem(name) == stem
    path = Table(name, "title", [Column("a", "a")], [{"a": 1}]).write(tmp_path)
    assert path.parent == tmp_path


def test_csv_keeps_all_digits_and_the_page_rounds(tmp_path: Path) -> None:
    table = Table(
        "t",
        "title",
        [Column("v", "v", 2, "s"), Column("n", "n"), Column("none", "none")],
        [{"v": -1 / 3, "s": 0.019, "n": None}],
    )
    assert [text for _, text in table.cells(table.rows[0])] == ["−0.33 ± 0.02"]
    assert table.write(tmp_path).read_text(encoding="utf-8").splitlines() == [
        "v,uncertainty of v,n,none",
        f"{-1 / 3},0.019,,",
    ]


def test_unknown_format_is_refused(phases: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown figure format 'gif'; allowed: pdf, png, svg"):
        write_report(MadeRecords(recipe(phases), []), tmp_path, formats=("gif",))
    assert not list(tmp_path.iterdir())


def test_tier_labels() -> None:
    assert tier_label(["vasp", "chgnet", "vasp"]) == "chgnet + vasp"
    assert tier_label([]) == "none"


def test_environments_name_bridge_and_shell() -> None:
    assert environments_of(made_document("LCO"), "O") == {"Co-O-Li (Li3Co3)": [2, 3]}


def test_common_zero_is_only_replaced_where_it_must_be() -> None:
    insulator, metal = electronic("LCO"), electronic("CoO", gap=0.0)
    assert common_spec([insulator], SPEC) == SPEC
    assert common_spec([insulator, metal], SPEC).reference == "fermi"
    ranged = BandCenterSpec(window="range", range=(-5, 0), reference="vbm")
    assert common_spec([insulator, metal], ranged) == ranged


def test_no_column_is_described_twice() -> None:
    """What tables share stands in the vocabulary of columns."""
    described = [
        ast.unparse(node)
        for path in sorted((Path(__file__).parents[3] / "analysis" / "report").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Column"
    ]
    assert len(described) > 100
    assert [column for column, number in Counter(described).items() if number > 1] == []
