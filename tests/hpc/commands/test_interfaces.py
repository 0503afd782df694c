"""``catholyte interfaces``: JSON contract, files that read back, one clear message for each bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from catholyte.configs.errors import InputError
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.files import read_structure, write_structure
from catholyte.structures.interfaces.request import parse_facet
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.crystals import COO, LCO


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LCO", ("LCO", None)),
        ("LCO:104", ("LCO", (1, 0, 4))),
        ("LCO:1-10", ("LCO", (1, -1, 0))),
        ("LCO:1,0,-4", ("LCO", (1, 0, -4))),
        ("my.cif:0 0 12", ("my.cif", (0, 0, 12))),
    ],
)
def test_facets_are_read(text: str, expected: object) -> None:
    assert parse_facet(text) == expected


@pytest.mark.parametrize("text", ["LCO:10", "LCO:10411", "LCO:abc", "LCO:"])
def test_facets_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="not three integers"):
        parse_facet(text)


@pytest.mark.parametrize("file_format", ["json", "extxyz", "cif", "poscar"])
def test_json_and_files(catholyte: Run, tmp_path: Path, file_format: str) -> None:
    status, out, err = catholyte(
        "interfaces", "LCO:104", "CoO:100", "--max-atoms", 60, "--out", tmp_path, "--format", file_format, "--json"
    )
    assert status == 0, err
    document = json.loads(out)
    row = document["interfaces"][0]
    assert {
        "n_atoms",
        "strain",
        "area",
        "min_distance",
        "a_miller",
        "b_miller",
        "a_termination",
        "b_termination",
        "file",
    } <= set(row)
    assert document["strain_share"] == {"CoO": 0.5}
    written = read_structure(row["file"])
    assert len(written) == row["n_atoms"]
    assert np.linalg.norm(np.cross(*written.lattice.matrix[:2])) == pytest.approx(row["area"], abs=1e-4)
    assert set(written.site_properties["layer"]) == {"LCO", "CoO"}
    assert np.abs(written.site_properties["magmom"]).max() > 2
    assert {"origin", "wyckoff_label"} <= set(written.site_properties)
    assert {site.species_string for site in written} >= {"Li+", "Co3+", "Co2+", "O2-"}


def test_the_soft_side_takes_the_strain(catholyte: Run) -> None:
    status, out, err = catholyte("interfaces", "CoO:100", "LPSCl:100", "--max-atoms", 140, "--json")
    assert status == 0, err
    row = json.loads(out)["interfaces"][0]
    assert row["strains"]["CoO"] == pytest.approx(0, abs=1e-9)
    assert row["strains"]["LPSCl"] == pytest.approx(row["strain"], abs=1e-9)
    assert row["principal_strains"]["LPSCl"] == pytest.approx([-0.036, -0.036], abs=1e-3)
    assert row["area_changes"]["LPSCl"] == pytest.approx(np.expm1(sum(row["principal_strains"]["LPSCl"])))
    assert row["file"] is None


def test_a_film_that_would_be_squeezed_too_far_is_refused(catholyte: Run) -> None:
    """LCO(104) | LPSCl(100) with 132 atoms: 6.7 % von Mises, and -10.6 and -9.3 % along the principal directions."""
    status, _, err = catholyte("interfaces", "LCO:104", "LPSCl:100", "--max-atoms", 140)
    assert status == 2
    assert "principal strains of at most 0.08" in " ".join(err.split())


def test_stack_and_table(catholyte: Run) -> None:
    status, out, err = catholyte(
        "interfaces",
        "LCO:104",
        "LPSCl:100",
        "--layer",
        "CoO:100",
        "--thickness",
        "4",
        "4",
        "--max-atoms",
        150,
        "--max-principal-strain",
        0.2,
        "--max-area-change",
        0.3,
    )
    assert status == 0, err
    assert "LCO | CoO | LPSCl" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("LCO:000", "CoO:100"), "0 0 0"),
        (("LCO:104", "CoO:100", "--max-atoms", "20"), "the smallest has 32 atoms"),
        (("LCO:104", "CoO:100", "--form", "round"), "allowed: vacuum, periodic"),
        (("LCO:104", "CoO:100", "--gap", "-1"), "above 0 Å"),
        (("LCO:104", "CoO:100", "--gap", "0.2"), "0.7 times the sum of their radii"),
        (("LCO:104", "CoO:100", "--strain-on", "c"), "--strain-on"),
        (("LCO:104", "CoO:100", "--energy", "vasp"), "--energy"),
        (("LCO:104", "CoO:100", "--thickness", "0", "5"), "thickness above 0"),
        (("LCO:104", "CoO:100", "--format", "pdb"), "--format"),
        (("LCX:104", "CoO:100"), "LCX"),
        (("LCO:10", "CoO:100"), "not three integers"),
    ],
)
def test_bad_input(catholyte: Run, arguments: tuple[str, ...], says: str) -> None:
    status, out, err = catholyte("interfaces", *arguments)
    assert status == 2
    assert out == ""
    assert says in " ".join(err.split())
    assert "Traceback" not in err


def test_disordered_file(catholyte: Run, tmp_path: Path) -> None:
    path = tmp_path / "half.cif"
    path.write_text(
        "data_half\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta "
        "90\n_cell_angle_gamma 90\n"
        "_symmetry_space_group_name_H-M 'P "
        "1'\nloop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        "_atom_site_occupancy\nLi1 Li 0 0 0 0.5\nCl1 Cl 0.5 0.5 0.5 1\n"
    )
    status, _, err = catholyte("interfaces", f"{path}:100", "CoO:100")
    assert status == 2
    assert "no usual oxidation states of Li0.5Cl1" in " ".join(err.split())


@pytest.fixture
def bare_files(tmp_path: Path) -> dict[str, Path]:
    """LiCoO2 and CoO as files that know no oxidation state."""
    files = {}
    for name, cell in {"lco": LCO, "coo": COO}.items():
        bare = calculation_cell(cell).copy(site_properties={})
        bare.remove_oxidation_states()
        files[name] = write_structure(bare, tmp_path / f"{name}.cif")
    return files


def _stack_states(out: Path) -> set[str]:
    return {str(site.specie) for path in out.glob("*.json") for site in read_structure(path)}


def test_states_of_each_file_are_its_own(catholyte: Run, bare_files: dict[str, Path], tmp_path: Path) -> None:
    found = answer(
        catholyte(
            "interfaces", f"{bare_files['lco']}:104", f"{bare_files['coo']}:100", "--max-atoms", "40", "--thickness", "6", "6",
            "--states", "a:Li+,Co3+,O2-", "--states", "b:Co2+,O2-", "--out", tmp_path / "stacks", "--json",
        )
    )  # fmt: skip
    assert found["interfaces"]
    assert _stack_states(tmp_path / "stacks") == {"Li+", "Co3+", "Co2+", "O2-"}


def test_states_of_the_only_file_need_no_letter(catholyte: Run, bare_files: dict[str, Path], tmp_path: Path) -> None:
    arguments = ("interfaces", "LCO:104", f"{bare_files['coo']}:100", "--max-atoms", "90", "--thickness", "6", "6")
    answer(catholyte(*arguments, "--states", "Co2+,O2-", "--out", tmp_path / "stacks", "--json"))
    assert "Co2+" in _stack_states(tmp_path / "stacks")


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (("Co2+,O2-",), "of which part? 2 of"),
        (("c:Co2+,O2-",), "the part of --states: unknown value 'c'"),
        (("a:Li+,Co3+,O2-", "a:Li+,Co3+,O2-"), "names part a twice"),
        (("b:Co+2+",), "is no species with its oxidation state"),
    ],
)
def test_states_that_belong_nowhere(
    catholyte: Run, bare_files: dict[str, Path], states: tuple[str, ...], says: str
) -> None:
    asked = [word for text in states for word in ("--states", text)]
    status, out, err = catholyte("interfaces", f"{bare_files['lco']}:104", f"{bare_files['coo']}:100", *asked)
    assert (status, out) == (2, "")
    assert says in " ".join(err.split())


def test_states_are_for_structure_files(catholyte: Run) -> None:
    status, _, err = catholyte("interfaces", "LCO:104", "CoO:100", "--states", "a:Li+,Co3+,O2-")
    assert status == 2
    assert "--states is for structure files" in err
