"""The command ``slabs``: its JSON, its files, and one clear message for each bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.files import read_structure, write_structure
from catholyte.tests.support import crystals
from catholyte.tests.support.command_line import Run, answer


def test_document(catholyte: Run) -> None:
    document = answer(catholyte("slabs", "LCO", "--miller", 0, 0, 1, "--layers", 3, "--json"))
    assert document["miller"] == [0, 0, 1]
    first = document["slabs"][0]
    assert {"termination", "tasker", "symmetric", "stoichiometric", "n_atoms", "area", "file"} <= set(first)
    assert (first["termination"], first["tasker"], first["symmetric"], first["stoichiometric"]) == ("Li", 3, True, True)
    assert (first["reconstructed"], first["n_atoms"], first["layers"], first["file"]) == (True, 24, 3, None)
    assert any("repeat a dipole" in note for note in document["notes"])


@pytest.mark.parametrize("file_format", ["poscar", "cif", "extxyz", "json"])
def test_files(catholyte: Run, tmp_path: Path, file_format: str) -> None:
    document = answer(
        catholyte(
            "slabs",
            "CoO",
            "--miller",
            1,
            1,
            -1,
            "--fix-core",
            2,
            "--vacuum",
            12,
            "--out",
            tmp_path,
            "--format",
            file_format,
            "--json",
        )
    )
    assert len(document["slabs"]) == 2
    for row in document["slabs"]:
        structure = read_structure(row["file"])
        assert len(structure) == row["n_atoms"]
        assert structure.lattice.c == pytest.approx(row["thickness"] + 12)
        assert sum(structure.site_properties["magmom"]) == pytest.approx(row["net_moment"])
        assert {name for name in structure.site_properties if name != "wyckoff_label"} == {
            "magmom",
            "layer",
            "origin",
            "selective_dynamics",
        }
    assert len({row["file"] for row in document["slabs"]}) == 2


def test_all_low_index_facets_as_a_table(catholyte: Run) -> None:
    status, out, err = catholyte("slabs", "NiO", "--thickness", 4)
    assert status == 0, err
    for index in ("1, 0, 0", "1, 1, 0", "1, 1, 1"):
        assert index in out
    assert "dipole (e/Å)" in out


def test_ordered_cells_take_the_smallest_member_of_a_family(catholyte: Run) -> None:
    document = answer(catholyte("slabs", "NCM111", "--miller", 1, 0, 4, "--layers", 1, "--json"))
    exact = answer(
        catholyte("slabs", "NCM111", "--miller", 0, 1, 2, "--layers", 1, "--exact", "--no-reconstruct", "--json")
    )
    assert all(row["tasker"] == 1 for row in document["slabs"])
    assert {tuple(row["miller"]) for row in exact["slabs"]} == {(0, 1, 2)}
    assert not any(row["reconstructed"] for row in exact["slabs"])


@pytest.mark.parametrize(("moments", "area"), [(True, 4.26**2), (False, 4.26**2 / 2)])
def test_a_structure_file_keeps_its_moments_and_refers_to_its_conventional_cell(
    catholyte: Run, tmp_path: Path, moments: bool, area: float
) -> None:
    cell = calculation_cell(crystals.COO)
    if not moments:  # the file then starts ferromagnetic, in half of the antiferromagnet's cell
        cell.remove_site_property("magmom")
    path = write_structure(cell, tmp_path / "mine.cif")
    document = answer(catholyte("slabs", path, "--miller", 1, 0, 0, "--json"))
    assert [row["area"] for row in document["slabs"]] == [pytest.approx(area)]
    assert document["slabs"][0]["tasker"] == 1
    assert (document["slabs"][0]["net_moment"] == 0) == moments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("LCO", "--miller", 0, 0, 0), "0 0 0 names no plane"),
        (("LCO", "--miller", 1, 0, 4, "--layers", 0), "at least 1 layer, and 0 were asked for"),
        (("LCO", "--miller", 1, 0, 4, "--thickness", -3), "thickness above 0 Å, and -3 Å"),
        (("LCO", "--miller", 1, 0, 4, "--vacuum", -1), "vacuum must be 0 Å or more, and -1 Å"),
        (("LCO", "--miller", 1, 0, 4, "--fix-core", -1), "0 or more, and -1"),
        (("LCO", "--miller", 1, 0, 4, "--layers", 2, "--thickness", 4), "not both"),
        (("LCO", "--miller", 1, 0, 4, "--plane-width", 0), "tolerance of atomic planes must be positive"),
        (("LCX", "--miller", 1, 0, 4), "unknown material 'LCX'; did you mean"),
        (("LCO", "--miller", 1, 0, 4, "--format", "pdb"), "unknown format 'pdb'"),
        (("LCO", "--miller", 1, 0), "3 arguments"),
        (("LPSCl", "--miller", 1, 1, 0, "--complex-ions", "reject"), "breaks bonds inside complex ions"),
        (("LPSCl", "--miller", 1, 1, 0, "--complex-ions", "hole"), "did you mean whole"),
        (("none.cif", "--miller", 1, 1, 0), "no such file"),
    ],
)
def test_bad_input(catholyte: Run, arguments: tuple[object, ...], message: str) -> None:
    status, out, err = catholyte("slabs", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_bad_structure_files(catholyte: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.cif"
    empty.write_text("")
    status, _, err = catholyte("slabs", empty, "--miller", 1, 0, 4)
    assert status == 2
    assert "not readable as cif" in err
