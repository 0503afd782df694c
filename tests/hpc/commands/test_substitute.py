"""``catholyte substitute``: every place at one composition, files that read back, one clear message for each bad
input."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.structures.crystals.files import read_structure
from catholyte.tests.support.command_line import Run, answer


@pytest.mark.parametrize("compensation", ["reduction", "lithium-vacancies"])
def test_places_and_files(catholyte: Run, tmp_path: Path, compensation: str) -> None:
    arguments = (
        "substitute",
        "LRMO",
        "W6+",
        "--leaving",
        "Mn",
        "--site",
        "Mn",
        "--site",
        "Co",
        "--compensation",
        compensation,
        "--out",
        tmp_path,
        "--json",
    )
    document = answer(catholyte(*arguments))
    places = document["places"]
    lithium = 36 if compensation == "reduction" else 34
    assert document["formula"] == f"Li{lithium}Mn15Co4Ni4W1O60"
    assert {place["replaced"] for place in places} == {"Mn4+", "Co3+"}
    assert sum(place["multiplicity"] for place in places) == 20
    assert [place["relative"] for place in places] == sorted(place["relative"] for place in places)
    formulas = {read_structure(place["file"]).composition.element_composition.formula for place in places}
    assert len(formulas) == 1
    for place in places:
        assert (place["exchanged"] is None) == (place["replaced"] == "Mn4+")
        assert sum(place["neighbours"].values()) == 12
        assert len(place["removed"]) == 36 - lithium


def test_table(catholyte: Run, tmp_path: Path) -> None:
    status, out, err = catholyte("substitute", "Li2MnO3", "W6+", "--leaving", "Mn", "--site", "Mn", "--out", tmp_path)
    assert status == 0, err
    assert "in place of" in out
    assert "point charges know neither size nor covalency" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("LCO", "W6+", "--leaving", "Mn"), "holds no Mn that could leave"),
        (("LRMO", "tungsten", "--leaving", "Mn"), "'tungsten' is no"),
        (("LRMO", "W6+", "--leaving", "Mn", "--site", "Fe"), "no cation Fe"),
        (("LRMO", "W6+", "--leaving", "Mn", "--compensation", "hope"), "--compensation: unknown value 'hope'; "),
        (("LRMO", "W6+", "--leaving", "Mn", "--rank", "dft"), "--rank: unknown ranking 'dft'"),
        (("LRMOX", "W6+", "--leaving", "Mn"), "unknown material 'LRMOX'"),
        (("LRMO", "W6+", "--leaving", "Mn", "--format", "pdb"), "unknown format 'pdb'"),
    ],
)
def test_bad_input(catholyte: Run, tmp_path: Path, arguments: tuple[object, ...], message: str) -> None:
    status, out, err = catholyte("substitute", *arguments, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
