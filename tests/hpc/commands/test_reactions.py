"""Commands of reaction thermodynamics: JSON contracts, several values after one option, files, and one message for each
bad input."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from pyarrow import parquet

from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import FileNote
from catholyte.hpc.commands.thermodynamics.conditions import conditions
from catholyte.hpc.proposal.chosen import substance
from catholyte.tests.support.cases import case
from catholyte.tests.support.command_line import Run, answer


def test_open_reaction_names_its_reservoir(catholyte: Run) -> None:
    closed, opened = (
        answer(catholyte("reactions", "LCO", "LPSCl", *options, "--json"))
        for options in ((), ("--voltage", "4.2", "--threshold", "0.1"))
    )
    assert {"phase_set", "self", "mutual", "total", "kinks", "uncertainty", "volumes"} <= set(opened)
    assert "open" not in closed
    assert opened["open"]["voltage"] == 4.2
    assert opened["stable"]["threshold"] == 0.1
    assert opened["mutual"]["energy"] < closed["mutual"]["energy"] < 0
    low, high = closed["uncertainty"]["intervals"]["mutual"]
    assert low < high <= 0
    assert closed["volumes"]["before"] > 0
    assert closed["volumes"]["reaction"] == closed["mutual"]["reaction"]


@pytest.mark.parametrize(
    "call",
    [
        ("window", "{LiCl}"),
        ("volumes", "{LiCl}"),
        ("reactions", "{LiCl}", "{LiF}"),
        ("screen", "--cathode", "{LiCl}", "--electrolyte", "{LiF}", "--coating", "{LiBr}"),
    ],
)
def test_a_structure_file_stands_for_its_composition(catholyte: Run, tmp_path: Path, call: tuple[str, ...]) -> None:
    """Every command on the phase set answers of a file what it answers of its formula, and tells which that is."""
    files = {}
    for name in ("LiCl", "LiF", "LiBr"):
        files[name] = tmp_path / f"{name}.vasp"
        cell = f"0 2.57 2.57\n2.57 0 2.57\n2.57 2.57 0\nLi {name[2:]}\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
        files[name].write_text(f"salt\n1\n{cell}")
    names = {name: name for name in files}
    of_file, of_formula = (answer(catholyte(*(x.format(**given) for x in call), "--json")) for given in (files, names))
    told = [note for note in of_file.pop("notes") if "stands for the file" in note]
    assert [note.split(", and ")[1].split()[0] for note in told] == re.findall(r"{(\w+)}", " ".join(call))
    assert {key: value for key, value in of_formula.items() if key != "notes"} == of_file


def test_a_refined_file_stands_for_its_formula_unit(tmp_path: Path) -> None:
    """Partial occupancies count as refined, and per formula unit of the crystal, as mixing ratios do."""
    with pytest.warns(FileNote, match=r"and LiMn0.1Co0.1Ni0.8O2 stands for the file"):
        assert substance(str(case("15") / "NMC811.cif")) == "LiMn0.1Co0.1Ni0.8O2"
    assert substance("LPSCl") == "LPSCl"


def test_map_of_a_pair(catholyte: Run) -> None:
    found = answer(catholyte("reactions", "LCO", "LPSCl", "--map", "--json"))["map"]
    assert len(found["mutual"]) == len(found["voltages"])
    bounds = [(phase["low"], phase["high"]) for phase in found["interphases"]]
    assert bounds[0][0] == 0
    assert [high for _, high in bounds[:-1]] == [low for low, _ in bounds[1:]]


def test_reactions_under_several_gases(catholyte: Run) -> None:
    """Gases after one option or several; the answer names what fixes what, the model of the solids and what is
    missing."""
    gases = ("--temperature", "923", "--gas", "H2=0.05", "--gas", "H2O=0.01")
    found = answer(catholyte("reactions", "LCO", "NCM811", *gases, "--json"))
    assert found["open"]["gases"]["fixed_by"]["O"] == "H2O - H2"
    assert found["open"]["gases"]["oxygen_pressure"] < 1e-20
    assert found["conditions"]["solid_error"] == pytest.approx(0.0627, abs=1e-3)
    assert found["phase_set"]["name"] == "solidstate at 923 K"
    assert found["conditions"]["phase_set"]["name"] == "solidstate"
    assert found["kinks"][-1]["reaction"].startswith("LiCoO2 + 1.5 H2 -> ")
    assert not any("holds no hydrogen" in note for note in found["notes"])
    rough = answer(catholyte("reactions", "LCO", "NCM811", *gases, "--solids", "enthalpy", "--json"))
    assert rough["self"]["a"] != pytest.approx(found["self"]["a"], abs=1e-3)
    assert found["uncertainty"]["self"]["a"] > rough["uncertainty"]["self"]["a"]
    told = catholyte("reactions", "LCO", "NCM811", "--temperature", "923", "--gas", "H2=0.05", "H2O=0.01")[1]
    assert "mu(O) = -3.216 eV/atom from H2O - H2; in equilibrium with 2.1e-24 bar of O2" in told


def test_oxygen_is_a_gas_like_the_others(catholyte: Run) -> None:
    one = answer(catholyte("reactions", "LCO", "CoO", "--temperature", "900", "--pressure", "0.2", "--json"))
    other = answer(catholyte("reactions", "LCO", "CoO", "--temperature", "900", "--gas", "O2=0.2", "--json"))
    assert one == other


def test_gases_whose_elements_the_set_lacks_are_told() -> None:
    former = load_phase_set("solidstate").restricted(("Li", "Co", "O"))
    inert = conditions(former, 900.0, ["N2=1"], "gibbs")
    assert inert.gases is None
    assert any("no phase of the set solidstate[Li-Co-O] holds N" in note for note in inert.notes)
    steam = conditions(former, 900.0, ["H2=0.1", "H2O=0.1"], "gibbs")
    assert any("holds no hydrogen" in note for note in steam.notes)


def test_window_and_map_under_a_gas(catholyte: Run) -> None:
    air = ("--temperature", "900", "--gas", "O2=0.2", "--json")
    window = answer(catholyte("window", "LCO", *air))
    assert window["open"]["gases"]["pressures"] == {"O2": 0.2}
    assert 0 < window["reduction"] < window["oxidation"]
    found = answer(catholyte("reactions", "LCO", "CoO", "--map", *air))["map"]
    assert found["voltages"][0] > 1
    assert found["gases"]["pressures"] == {"O2": 0.2}


@pytest.mark.parametrize(
    "products", [("LiCl", "P2S5", "S"), ("LiCl,P2S5,S",), ("LiCl", "--products", "1/2 P2S5 + 5/2 S")]
)
def test_volumes_of_named_products(catholyte: Run, products: tuple[str, ...]) -> None:
    found = answer(catholyte("volumes", "LPSCl", "--products", *products, "--json"))
    assert found["reaction"] == "Li6PS5Cl -> LiCl + 0.5 P2S5 + 2.5 S + 5 Li"
    assert found["change"] == pytest.approx(found["after"] - found["before"])
    assert set(found["sources"]) == {"Li6PS5Cl", "LiCl", "P2S5", "S"}
    assert all(source["source"] and source["kind"] for source in found["sources"].values())
    assert found["steps"] == []


def test_volumes_along_the_ladder(catholyte: Run) -> None:
    first = answer(catholyte("volumes", "LPSCl", "--json"))
    window = answer(catholyte("window", "LPSCl", "--json"))
    assert first["voltage"] == window["oxidation"]
    assert [step["voltage"] for step in first["steps"]] == [step["voltage"] for step in window["ladder"]]
    reduced = answer(catholyte("volumes", "LPSCl", "--voltage", "0", "--json"))
    assert reduced["change"] > 0 > first["change"]
    own = answer(catholyte("volumes", "LPSCl", "--density", "LPSCl=1.64", "--json"))
    assert own["before"] == pytest.approx(163.6, abs=0.1)


def test_screen_writes_tables_and_figures(catholyte: Run, tmp_path: Path) -> None:
    options = (
        "--cathode",
        "LCO",
        "--electrolyte",
        "LPSCl",
        "LPS",
        "--coating",
        "Li2CO3",
        "Li3PO4",
        "--lithium",
        "1",
        "0.5",
        "--range",
        "2",
        "4",
    )
    status, out, err = catholyte("screen", *options, "--out", tmp_path / "new", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert "[16/16] window of Li3PO4" in err
    assert {(pair["a"], pair["b"]) for pair in found["pairs"]} >= {
        ("LCO", "LPSCl"),
        ("LCO-x0.5", "LPS"),
        ("LCO", "Li3PO4"),
        ("Li2CO3", "LPSCl"),
    }
    assert all(pair["mutual"] <= 0 and pair["total"] <= 0 for pair in found["pairs"])
    assert found["operating_range"] == [2, 4]
    files = {Path(file).name for file in found["files"]}
    assert files == {path.name for path in (tmp_path / "new").iterdir()}
    assert {
        "screen.csv",
        "screen.parquet",
        "screen_pairs.parquet",
        "screen_heat_map.png",
        "screen_curves_1.svg",
        "map_LCO_LPS.png",
    } <= files
    table = parquet.read_table(tmp_path / "new" / "screen.parquet").to_pylist()
    assert table == found["ranking"]
    with (tmp_path / "new" / "screen.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["worst interface (eV/atom)"]) for row in rows] == [row["worst"] for row in table]


def test_screen_takes_all_coatings_of_the_library(catholyte: Run) -> None:
    found = answer(catholyte("screen", "--cathode", "LCO", "--electrolyte", "LPSCl", "--lithium", "1", "--json"))
    assert "Li2CO3" in found["coatings"]
    assert len(found["pairs"]) == 1 + 2 * len(found["coatings"])


def test_tables_for_people(catholyte: Run) -> None:
    for arguments, wanted in (
        (
            ("reactions", "LCO", "LPSCl", "--map"),
            ("interphases", "releases less than 0.05 eV/atom with probability", "mL/mol"),
        ),
        (("volumes", "LPSCl"), ("molar volume (mL/mol)", "ladder", "given to the anode")),
        (("screen", "--cathode", "LCO", "--electrolyte", "LPSCl", "--coating", "Li2CO3"), ("rank", "cathode|coating")),
    ):
        status, out, _ = catholyte(*arguments)
        assert status == 0
        for text in wanted:
            assert text in out, text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reactions", "LCO", "LPSC1x"), "did you mean LPSCl"),
        (("reactions", "LCO", "LiGaO2"), "holds Ga, outside the phase set"),
        (("reactions", "LCO", "LPSCl", "--voltage", "-1"), "0 to 10 V are allowed"),
        (("reactions", "LCO", "LPSCl", "--voltage", "11"), "0 to 10 V are allowed"),
        (("reactions", "LCO", "LPSCl", "--temperature", "5"), "the temperature is 5.0 K"),
        (("reactions", "LCO", "LPSCl", "--gas", "H2=0.1"), "gases need their temperature"),
        (("window", "LCO", "--gas", "O2=0.2"), "gases need their temperature"),
        (("reactions", "LCO", "LPSCl", "--temperature", "900", "--gas", "H2=-1"), "a partial pressure above 0"),
        (("reactions", "LCO", "LPSCl", "--temperature", "900", "--gas", "HO2=1"), "no data of a gas 'HO2'"),
        (
            ("reactions", "LCO", "LPSCl", "--temperature", "923", "--gas", "H2=0.05", "H2O=0.01", "O2=0.2"),
            "contradict each other",
        ),
        (
            ("reactions", "LCO", "CoO", "--temperature", "900", "--pressure", "0.2", "--gas", "O2=0.2"),
            "--pressure is that of oxygen alone",
        ),
        (("reactions", "LCO", "LPSCl", "--temperature", "2000"), "reach from 298 to 1800 K"),
        (("reactions", "LCO", "LPSCl", "--temperature", "900", "--solids", "model"), "unknown value 'model'"),
        (("reactions", "LCO", "LPSCl", "--temperature", "900", "--gas", "CO=0.9", "CO2=0.1"), "form C without end"),
        (("reactions", "LCO", "LPSCl", "--threshold", "-0.1"), "stability threshold is -0.1"),
        (("reactions", "LCO", "LPSCl", "--phases", "solidstat"), "unknown phase set 'solidstat'"),
        (("window", "LPSC"), "did you mean LPSCl"),
        (("window", "LiCo02"), "did you mean LiCoO2"),
        (("window", "{folder}"), "is a folder, and a material is one file"),
        (("window", "{folder}/notes.txt"), "it is no structure file"),
        (("materials", "{folder}"), "is a folder, and a material is one file"),
        (("plan", "{folder}/r.yaml"), "is a folder, and a material is one file"),
        (("materials", "{folder}/notes.txt"), "it is no structure file"),
        (("volumes", "LPSCl", "--products", "LiCl", "P2S5"), "is not balanced"),
        (("volumes", "LPSCl", "--products", "LiCl", "--voltage", "3"), "exclude each other"),
        (("volumes", "LPSCl", "--voltage", "2"), "does not decompose at 2 V"),
        (("volumes", "LPSCl", "--kind", "cristal"), "did you mean crystal"),
        (("volumes", "LPSCl", "--density", "LPSCl=heavy"), "density in g/cm³ > 0"),
        (("volumes", "LPSCl", "--density", "LPSCl=-1"), "density in g/cm³ > 0"),
        (("screen", "--cathode", "LC0x", "--electrolyte", "LPSCl"), "neither a material"),
        (
            ("screen", "--cathode", "LCO", "--electrolyte", "LPSCl", "--range", "4", "2"),
            "the lower voltage must lie below",
        ),
        (("screen", "--cathode", "LCO", "--electrolyte", "LPSCl", "--lithium", "1.5"), "lithium"),
        (("screen", "--cathode", "LCO", "LCO", "--electrolyte", "LPSCl"), "LCO is named twice"),
        (("screen", "--cathode", "LCO"), "--electrolyte"),
    ],
)
def test_bad_input_is_one_message(catholyte: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "notes.txt").write_text("no crystal\n")
    (tmp_path / "r.yaml").write_text(
        f"name: r\ntitle: r\nsource: a test\nhubbard_u: {{}}\nbulk: {{engine: chgnet, materials: [{tmp_path}]}}\n"
    )
    status, out, err = catholyte(*(text.format(folder=tmp_path) for text in arguments))
    assert status == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err
