"""Commands orderings, vacancies, reconstruct and glass: JSON, files, and one message for each bad call."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from catholyte.hpc.commands.structures import ranking
from catholyte.structures.crystals.files import read_structure
from catholyte.tests.support.command_line import Run, answer


def test_orderings_are_ranked_and_written(catholyte: Run, tmp_path: Path) -> None:
    document = answer(
        catholyte("orderings", "NCM111", "-n", 4, "--seed", 2, "--out", tmp_path, "--format", "extxyz", "--json")
    )
    rows = document["orderings"]
    assert [row["score"] for row in rows] == sorted(row["score"] for row in rows)
    assert {row["formula"] for row in rows} == {"Li9Mn3Co3Ni3O18"}
    assert {"method", "seed", "n_samples", "n_distinct", "mean", "standard_deviation", "spread"} <= set(
        document["sampling"]
    )
    assert document["sampling"]["n_distinct"] == len(rows) == 4
    for row in rows:
        cell = read_structure(row["file"])
        assert cell.charge == 0
        assert max(cell.site_properties["magmom"]) == 3.0


@pytest.mark.parametrize(
    "name",
    ["NCM532", "NCM622", "NCM811", "LRMO", "LRMO-W", "LPSCl", "LGPS", "LYC", "LIC", "Li4Ti5O12", "LiNb0.5Ta0.5O3"],
)
def test_every_disordered_material_has_orderings(catholyte: Run, tmp_path: Path, name: str) -> None:
    document = answer(catholyte("orderings", name, "-n", 2, "--out", tmp_path, "--json"))
    assert 1 <= len(document["orderings"]) <= 2
    if len(document["orderings"]) < 2:
        assert "--supercell" in document["notes"][0]
    assert all(Path(row["file"]).exists() for row in document["orderings"])


def test_lithium_and_vacancies_are_ordered(catholyte: Run, tmp_path: Path) -> None:
    by_share = answer(catholyte("orderings", "LCO", "--x", 0.5, "-n", 3, "--out", tmp_path, "--json"))
    by_formula = answer(
        catholyte("orderings", "LCO", "--composition", "Li6Co12O24", "-n", 3, "--out", tmp_path, "--json")
    )
    assert [row["score"] for row in by_share["orderings"]] == [row["score"] for row in by_formula["orderings"]]
    assert by_share["orderings"][0]["formula"] == "Li6Co12O24"
    charged = answer(catholyte("orderings", "NCM111", "--x", 0.5, "-n", 2, "--out", tmp_path, "--json"))
    assert "--rank chgnet" in charged["notes"][0]


def test_the_engine_has_the_last_word_on_the_ranking(
    catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that likes the arrangements in the opposite order turns the list round."""

    def computed(flow: Any, store: str | None) -> list[Any]:
        cells = [job.function_args[0] for job in flow.jobs]
        return [SimpleNamespace(energy_per_atom=-1.0 - 0.1 * k, structure=cell) for k, cell in enumerate(cells)]

    monkeypatch.setattr(ranking, "engine_documents", computed)
    rows = answer(catholyte("orderings", "LPSCl", "-n", 3, "--rank", "chgnet", "--out", tmp_path, "--json"))[
        "orderings"
    ]
    assert [row["score"] for row in rows] == pytest.approx([-1.2, -1.1, -1.0])
    assert [row["above_lowest"] for row in rows] == pytest.approx([0, 100, 200])
    assert [row["ewald"] for row in rows] == sorted((row["ewald"] for row in rows), reverse=True)


@pytest.mark.slow
def test_ranking_by_chgnet_reuses_its_jobs(catholyte: Run, tmp_path: Path) -> None:
    call = (
        "orderings",
        "LPSCl",
        "-n",
        2,
        "--rank",
        "chgnet",
        "--store",
        tmp_path / "store",
        "--out",
        tmp_path / "cells",
        "--json",
    )
    document = answer(catholyte(*call))
    assert document["sampling"]["ranked_by"] == "chgnet"
    status, out, err = catholyte(*call)
    assert status == 0
    assert json.loads(out) == document
    assert "reused" in err
    assert "running" not in err


def test_vacancies(catholyte: Run, tmp_path: Path) -> None:
    document = answer(
        catholyte(
            "vacancies",
            "LCO",
            "--supercell",
            2,
            2,
            1,
            "--lithium",
            1,
            "--oxygen",
            "environments",
            "--out",
            tmp_path,
            "--json",
        )
    )
    lithium, *oxygen = document["vacancies"]
    assert (lithium["kind"], lithium["formula"], lithium["oxidised"]) == ("Li", "Li3Co4O8", {"Co3+": -1, "Co4+": 1})
    assert [row["environment"] for row in oxygen] == ["Li2Co3", "Li3Co3"]
    assert all(len(row["vacancy_vacancy"]) == 1 for row in oxygen)
    assert all(read_structure(row["file"]).charge == 0 for row in document["vacancies"])


def test_reconstruct(catholyte: Run, tmp_path: Path) -> None:
    (row,) = answer(catholyte("reconstruct", "LCO", "--miller", 1, 0, 4, "--layers", 1, "--out", tmp_path, "--json"))[
        "reconstructions"
    ]
    assert (row["layer"], row["mass_balance"], row["before"]) == ("CoO", {"Co": 2, "Li": -2}, "Li6Co6O12")
    slab = answer(catholyte("slabs", "LCO", "--miller", 1, 0, 4, "--layers", 6, "--out", tmp_path, "--json"))["slabs"][
        0
    ]["file"]
    (again,) = answer(catholyte("reconstruct", slab, "--layers", 1, "--out", tmp_path, "--json"))["reconstructions"]
    assert (again["formula"], again["ions"]) == (row["formula"], row["ions"])
    (layer,) = answer(
        catholyte("reconstruct", slab, "--rock-salt", "NiO", "--faces", "top", "--out", tmp_path, "--json")
    )["reconstructions"]
    assert layer["layer"] == "NiO"
    assert layer["mismatch"] > 0


def test_glass(catholyte: Run, tmp_path: Path) -> None:
    document = answer(catholyte("glass", "Li2B8O13", "--units", 1, "--out", tmp_path, "--json"))
    assert document["density"]["measured"] == pytest.approx(2.15)
    assert document["density"]["deviation"] == pytest.approx(0, abs=1e-6)
    assert "Soppe" in document["density"]["source"]
    assert [row["stage"] for row in document["stages"]] == ["packed"]


def test_tables_are_printed(catholyte: Run, tmp_path: Path) -> None:
    for call, expected in (
        (("orderings", "LPSCl", "-n", 2), "enumeration, seed 0: 2 distinct"),
        (("vacancies", "LCO", "--oxygen", "all", "--supercell", 2, 1, 1), "Li3Co3"),
        (("reconstruct", "LCO", "--miller", 1, 0, 4), "+2 Co"),
        (("glass", "Li3BO3", "--density", 2.0, "--units", 1), "no measured density known; the crystal Li3BO3 has 2.16"),
    ):
        status, out, err = catholyte(*call, "--out", tmp_path)
        assert status == 0, err
        assert expected in out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("orderings", "LCO"), "one arrangement only"),
        (("orderings", "NCM111", "-n", 0), "at least 1"),
        (("orderings", "NCM111", "--rank", "guess"), "--rank: unknown ranking 'guess'"),
        (("orderings", "NCM111", "--format", "pdb"), "--format: unknown format 'pdb'"),
        (("orderings", "LCO", "--x", 0.5, "--composition", "Li6Co12O24"), "give one of them"),
        (("orderings", "LRMO", "--x", 0.1), "charges cannot balance"),
        (("orderings", "NCM", "--out", "x"), "unknown material 'NCM'"),
        (("vacancies", "LCO"), "nothing to remove"),
        (("vacancies", "LCO", "--lithium", 2), "holds 1 lithium atoms"),
        (("vacancies", "LPSCl", "--lithium", 1), "charges cannot balance"),
        (("vacancies", "LCO", "--oxygen", "most"), "--oxygen: unknown value 'most'"),
        (("vacancies", "LCO", "--lithium", 1, "--supercell", 0, 1, 1), "at least 1"),
        (("reconstruct", "LCO"), "--miller"),
        (("reconstruct", "LCO", "--miller", 0, 0, 0), "0 0 0"),
        (("reconstruct", "LCO", "--miller", 1, 0, 4, "--layers", 3), "layers would be converted"),
        (("reconstruct", "LCO", "--miller", 1, 0, 4, "--filler", "Ni", "--rock-salt", "CoO"), "give one of them"),
        (("reconstruct", "no.cif"), "there is no such file"),
        (("glass", "Li3BO3"), "no measured density"),
        (("glass", "Li3BO3", "--density", -1), "above 0"),
        (("glass", "Li2CO3", "--density", 2), "holds"),
        (("glass", "Li3BO3", "--density", 2, "--quench", "--melt", 300), "more than 600 K"),
    ],
)
def test_one_message_for_each_bad_call(catholyte: Run, tmp_path: Path, call: tuple[object, ...], message: str) -> None:
    status, out, err = catholyte(*call, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert err.count("error:") == 1
