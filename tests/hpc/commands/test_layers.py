"""``catholyte layers``: JSON contract, tables, figures, one clear message for each bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.configs.load import material
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.files import write_structure
from catholyte.structures.defects.reconstruction import reconstruct, rock_salt_layer
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.tests.support import crystals
from catholyte.tests.support.command_line import Run, answer


def slab(layers: int) -> Structure:
    return slabs(source_cell(material("LCO")), (1, 0, 4), SlabSpec(layers=layers))[0].structure


def test_library_material(catholyte: Run) -> None:
    document = answer(catholyte("layers", "LCO", "--json"))
    assert {"s_mo2", "i_lio2", "o_o_li_layer", "mixing", "layers"} <= set(document)
    assert (document["s_mo2"], document["i_lio2"]) == pytest.approx(
        (2 * (1 / 3 - 0.2605) * 14.054, (2 * 0.2605 - 1 / 3) * 14.054)
    )
    assert document["repeat"] == pytest.approx(14.054 / 3)
    assert document["mixing"] == {"tm_in_li_layer": 0, "li_in_tm_layer": 0}
    assert document["structure"] == "layered"
    assert [(layer["role"], layer["structure"]) for layer in document["layers"]] in (
        [("metal", "layered"), ("lithium", "layered")],
        [("lithium", "layered"), ("metal", "layered")],
    )
    assert (document["domains"], document["inclination"], document["notes"]) == (None, None, [])


def test_li_rich_material(catholyte: Run) -> None:
    document = answer(catholyte("layers", "LRMO", "--json"))
    assert document["mixing"]["li_in_tm_layer"] == pytest.approx(0.2)
    told = document["domains"]
    assert told["lithium_in_metal_layers"] == 6
    assert told["li2mno3_like"] + told["limo2_like"] == pytest.approx(1)
    assert sum(told["oxygen_bridges"].values()) == 60
    status, out, _ = catholyte("layers", "LRMO")
    assert status == 0
    assert "LiM6 units of 6 Li in metal layers" in out


@pytest.mark.parametrize("file_format", ["json", "extxyz", "cif", "vasp"])
def test_reconstructed_slab_from_a_file(catholyte: Run, tmp_path: Path, file_format: str) -> None:
    path = write_structure(reconstruct(slab(6), 2, "top").structure, tmp_path / f"slab.{file_format}")
    document = answer(catholyte("layers", path, "--json"))
    assert [layer["structure"] for layer in document["layers"]] == ["layered"] * 4 + ["rock salt"] * 2
    assert {layer["kind"] for layer in document["layers"]} == {"atomic plane"}
    assert document["shares"] == pytest.approx({"layered": 4 / 8, "rock salt": 4 / 8})
    assert document["inclination"] == pytest.approx(55.24, abs=0.01)
    assert any("atomic planes parallel to the surface" in note for note in document["notes"])


def test_part_of_an_interface_and_its_figure(catholyte: Run, tmp_path: Path) -> None:
    path = write_structure(rock_salt_layer(slab(8), material("CoO"), 3, "top").structure, tmp_path / "stack.json")
    whole = answer(catholyte("layers", path, "--json", "--out", tmp_path / "figures"))
    part = answer(catholyte("layers", path, "--part", "LCO", "--json"))
    assert [Path(file).suffix for file in whole["files"]] == [".svg", ".png"]
    assert all(Path(file).stat().st_size > 1000 for file in whole["files"])
    assert part["shares"] == {"layered": 1}
    assert part["left_out"] == 6
    assert part["s_mo2"] < whole["s_mo2"]


def test_table(catholyte: Run) -> None:
    status, out, err = catholyte("layers", "CoO")
    assert status == 0, err
    for text in ("S(MO2) (Å)", "2.463", "rock salt 100 %", "cannot be told apart"):
        assert text in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Li2CO3",), "all its oxygen is bonded to C"),
        (("LCX",), "unknown material 'LCX'; did you mean"),
        (("none.cif",), "none.cif: there is no such file"),
        (("LCO", "CoO"), "2 files were given"),
        (("LCO", "--part", "NiO"), "no layer NiO"),
        (("XDATCAR", "--part", "LCO"), "--part: frames of a trajectory have no layer tags"),
        (("LCO", "--every", 0), "every"),
    ],
)
def test_bad_input(catholyte: Run, arguments: tuple[object, ...], message: str) -> None:
    status, out, err = catholyte("layers", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_disordered_file_is_named(catholyte: Run, tmp_path: Path) -> None:
    path = write_structure(conventional(crystals.NCM532), tmp_path / "ncm.cif")
    measured = answer(catholyte("layers", path, "--json"))
    assert measured["structure"] == "layered"
    assert any("ncm.cif: partial occupancies: the ordered cell" in note for note in measured["notes"])


def xdatcar(frames: list[Structure], first: int) -> str:
    """The frames with a header each, as VASP writes them where the cell changes."""
    text = ""
    for number, frame in enumerate(frames, first):
        symbols = list(dict.fromkeys(site.specie.symbol for site in frame))
        counts = [sum(site.specie.symbol == symbol for site in frame) for symbol in symbols]
        rows = [" ".join(f"{x:.9f}" for x in row) for row in frame.lattice.matrix]
        head = [
            "LCO",
            "1.0",
            *rows,
            " ".join(symbols),
            " ".join(map(str, counts)),
            f"Direct configuration= {number:5d}",
        ]
        text += "\n".join([*head, *(" ".join(f"{x:.8f}" for x in row) for row in frame.frac_coords)]) + "\n"
    return text


def test_a_trajectory_is_a_series(catholyte: Run, tmp_path: Path) -> None:
    """A crystal that swells along c, as an XDATCAR of two chunks: S and I grow alike, and what is shown are the
    means."""
    cell = conventional(crystals.LCO).make_supercell((2, 2, 1), in_place=False)
    cell.remove_oxidation_states()
    cell = cell.get_sorted_structure()
    # the lattice drifts along a, so that no frame repeats another
    shift = np.array([0.01, 0, 0])
    frames = [
        Structure(
            Lattice(cell.lattice.matrix * [[1], [1], [1 + 0.004 * k]]), cell.species, cell.frac_coords + k * shift
        )
        for k in range(6)
    ]
    (tmp_path / "XDATCAR_1").write_text(xdatcar(frames[:3], 1))
    (tmp_path / "XDATCAR_2").write_text(xdatcar(frames[3:], 4))
    document = answer(
        catholyte(
            "layers",
            tmp_path / "XDATCAR_1",
            tmp_path / "XDATCAR_2",
            "--timestep",
            2,
            "--out",
            tmp_path / "figures",
            "--json",
        )
    )
    ideal = answer(catholyte("layers", "LCO", "--json"))
    factors = [1 + 0.004 * k for k in range(6)]
    assert document["n_frames"] == 6
    for name in ("s_mo2", "i_lio2"):
        assert document["series"][name] == pytest.approx([ideal[name] * factor for factor in factors], rel=1e-4)
        assert document[name] == pytest.approx(ideal[name] * 1.01, rel=1e-4)
    assert document["series"]["shares"] == {"layered": [1.0] * 6}
    assert document["mixing"] == {"tm_in_li_layer": 0, "li_in_tm_layer": 0}
    assert {"o_o_li_layer", "layers", "times"} <= set(document) | set(document["series"])
    assert all(Path(file).is_file() for file in document["files"])
    every = answer(catholyte("layers", tmp_path / "XDATCAR_1", "--timestep", 2, "--every", 2, "--json"))
    assert every["n_frames"] == 2


def test_the_last_frame_of_many_or_all_of_them(catholyte: Run, tmp_path: Path) -> None:
    from ase.io import write
    from pymatgen.io.ase import AseAtomsAdaptor

    cell = conventional(crystals.LCO)
    cell.remove_oxidation_states()
    images = [
        AseAtomsAdaptor.get_atoms(
            Structure(Lattice(cell.lattice.matrix * [[1], [1], [f]]), cell.species, cell.frac_coords)
        )
        for f in (1.0, 1.01)
    ]
    write(tmp_path / "run.extxyz", images)
    last, series = (
        answer(catholyte("layers", tmp_path / "run.extxyz", "--json")),
        answer(catholyte("layers", tmp_path / "run.extxyz", "--every", 1, "--json")),
    )
    assert last["repeat"] == pytest.approx(1.01 * 14.054 / 3)
    assert series["n_frames"] == 2
    assert series["repeat"] == pytest.approx(1.005 * 14.054 / 3)
