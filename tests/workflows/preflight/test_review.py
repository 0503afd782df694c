"""What an expert names: everything that was objected to at 866a62c, and nothing in what the recipes write now."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp.inputs import Incar

from catholyte.configs.errors import InputError
from catholyte.configs.load import engine_settings, material
from catholyte.configs.models import Method
from catholyte.hpc.commands.campaigns.check_inputs import check_inputs
from catholyte.hpc.commands.campaigns.inputs import inputs
from catholyte.hpc.rehearsal.program import rehearse
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.tests.support.command_line import called
from catholyte.tests.support.vasp.former_inputs import write_former
from catholyte.workflows.engines.tasks import MolecularDynamics, Static
from catholyte.workflows.engines.vasp.inputs import write_inputs
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.engines.vasp.stages import written_runs
from catholyte.workflows.preflight.input_sets import read_sets
from catholyte.workflows.preflight.review import RULES, review
from catholyte.workflows.preflight.review_recipe import RECIPE_RULES

RECIPES = ("gsirr", "nmc532-lgps", "glassy-ceramic", "core-shell", "li-rich")
#: finding of the audit → rule → the folders that it names
NAMED: dict[str, dict[str, set[str]]] = {
    "A-F6, CoO from whole numbers, one start, begun again for the density of states": {
        "whole moments": {"CoO-relax", "CoO-dos", "LCO-Li-6-relax", "NCM532-dos"},
        "one start": {"CoO-relax", "CoO-dos", "LCO-Li-6-relax", "NCM532-dos"},
        "state not handed on": {"LCO-dos", "LCO-strained-dos", "CoO-dos"},
    },
    "A-F7, spin that must stay zero, and a control without it": {
        "spin of zero": {
            "LCO-relax", "LCO-dos", "LCO-strained-dos", "LPSCl-relax", "LCO-LPSCl-relax", "LCO-LPSCl-md",
        },
        "spin left out": {"LCO-control-md"},
        "spin of the control": {"LCO-control-md"},
    },
    "W4, dispersion, NELMIN, preset of dynamics, k-point groups, bounds, thermostat": {
        "dispersion": {"LCO-LPSCl-relax", "LCO-LPSCl-md", "LCO-Li-6-relax"},
        "electronic steps": {
            "LCO-relax", "CoO-relax", "LPSCl-relax", "LCO-LPSCl-relax", "LCO-LPSCl-md", "LCO-control-md",
            "LCO-Li-6-relax", "O2-relax",
        },
        "preset of dynamics": {"LCO-LPSCl-md", "LCO-control-md"},
        "groups of k points": {
            "LCO-relax", "LCO-dos", "CoO-relax", "CoO-dos", "LPSCl-relax", "LCO-Li-6-relax",
            "LCO-strained-dos", "NCM532-dos",
        },
        "bounded relaxations": {"LCO-Li-6-relax"},
        "thermostat": {"LCO-LPSCl-md", "LCO-control-md"},
    },
    "W5, cell relaxations at ENMAX without a static run, dynamics below ENMAX": {
        "cutoff of a cell relaxation": {"LCO-relax", "LPSCl-relax"},
        "final static run": {"LPSCl-relax"},
        "basis": {"LCO-LPSCl-md", "LCO-control-md"},
    },
    "W6, band edges on one coarse mesh, strained as in an interface too": {
        "convergence of bands": {"LCO-dos", "CoO-dos", "LCO-strained-dos"}
    },
    "W7, stacks at one height": {"height of a stack": {"LCO-LPSCl-relax"}},
    "W8, no Γ for band edges": {"Γ for band edges": {"NCM532-dos"}},
    "W9, O2 and fixed moments": {"total moment fixed": {"O2-relax"}, "triplet of O2": {"O2-relax"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("former")
    write_former(place)
    return place


@pytest.fixture(scope="module")
def named(former: Path) -> dict[str, set[str]]:
    """Rule to the folders that it names among the former inputs."""
    found: dict[str, set[str]] = defaultdict(set)
    for remark in review(read_sets([former])[0]):
        found[remark.rule].add(remark.folder.name)
    return found


@pytest.mark.parametrize("finding", list(NAMED))
def test_the_former_inputs_are_named_for_what_was_wrong(named: dict[str, set[str]], finding: str) -> None:
    assert {rule: named[rule] for rule in NAMED[finding]} == NAMED[finding]


@pytest.mark.parametrize(
    ("recipe", "missing", "scale"),
    [
        ("glassy-ceramic", {"Li2TiO3", "Li3BO3", "Li4Ti5O12", "LGPS", "Li0.5CoO2"}, {"LCO"}),
        ("core-shell", {"Li2SnO3", "LYC", "LiCl", "Li2S", "Li3P", "YCl3", "Li0.5CoO2"}, {"LCO"}),
        ("gsirr", {"Li2CO3", "LGPS", "LPS", "NCM811", "Li0.5CoO2"}, {"LCO"}),
    ],
)
def test_what_a_recipe_asks_and_the_former_inputs_do_not_answer(
    recipe: str, missing: set[str], scale: set[str], former: Path, tmp_path: Path
) -> None:
    """W12: two recipes wrote nothing, and none the charged cathode. W14: no energy could reach a reaction."""
    for name in ("LCO-relax", "LCO-dos", "CoO-relax", "CoO-dos", "LPSCl-relax", "LCO-LPSCl-relax", "O2-relax"):
        shutil.copytree(former / name, tmp_path / name)
    rules = defaultdict(set)
    for remark in check_inputs([tmp_path], recipe=recipe)["remarks"]:
        rules[remark["rule"]].add(remark["detail"].partition(":")[0])
    assert rules["crystal without input"] == missing
    assert rules["no way into a reaction"] == scale


def test_nothing_else_is_named(named: dict[str, set[str]]) -> None:
    assert set(named) == {rule for rules in NAMED.values() for rule in rules}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_nothing_is_named_in_what_a_recipe_writes(recipe: str, tmp_path: Path) -> None:
    """All steps, those that take hours too; orderings and ladders as far as they are known ahead."""
    inputs(recipe, tmp_path, full=True)
    sets, damaged = read_sets([tmp_path])
    assert damaged == {}
    assert len(sets) > 10
    assert [(remark.rule, remark.folder.name, remark.detail) for remark in review(sets)] == []
    assert check_inputs([tmp_path], recipe=recipe)["remarks"] == []


def _changed(former: Path, place: Path, folder: str, **tags: Any) -> list[str]:
    """Rules that name a folder alone, after a change of its tags."""
    place.mkdir()
    for file in (one for one in (former / folder).iterdir() if one.is_file()):
        (place / file.name).write_text(file.read_text())
    incar = Incar.from_file(place / "INCAR")
    incar.update(tags)
    (place / "INCAR").write_text(str(incar))
    return [remark.rule for remark in review(read_sets([place])[0])]


@pytest.mark.parametrize(
    ("folder", "tags", "rule"),
    [
        ("CoO-relax", {"LMAXMIX": 2}, "shells with U"),
        ("CoO-relax", {"LASPH": False}, "shells with U"),
        ("CoO-relax", {"ENCUT": 390}, "basis"),
        ("CoO-relax", {"NUPDOWN": 0}, "total moment fixed"),
        ("CoO-relax", {"ISPIN": 1}, "spin left out"),
        ("LCO-LPSCl-md", {"MDALGO": 0, "SMASS": 0}, "thermostat"),
        ("LCO-LPSCl-relax", {"NSW": 0, "IBRION": -1, "NEDOS": 5001}, "common zero of bands"),
    ],
)
def test_a_tag_is_named_where_it_is_wrong_and_only_there(
    former: Path, tmp_path: Path, folder: str, tags: dict[str, Any], rule: str
) -> None:
    plain = {"thermostat": {"MDALGO": 4, "NHC_NCHAINS": 3}}.get(rule, {})
    assert rule not in _changed(former, tmp_path / "before", folder, **plain)
    assert rule in _changed(former, tmp_path / "after", folder, **tags)


@pytest.mark.parametrize("tag", ["ICORELEVEL", "LVHAR"])
def test_one_of_core_levels_and_potential_gives_bands_a_common_zero(former: Path, tmp_path: Path, tag: str) -> None:
    dos = {"NSW": 0, "IBRION": -1, "NEDOS": 5001, tag: 1 if tag == "ICORELEVEL" else True}
    assert "common zero of bands" not in _changed(former, tmp_path / "dos", "LCO-LPSCl-relax", **dos)


def test_a_chunk_that_leaves_the_thermostat_behind_is_named(tmp_path: Path) -> None:
    """Two chunks through the stand-in, with one thermostat, whose variables VASP writes: the second with the whole
    CONTCAR, and with its geometry and velocities alone."""
    task = MolecularDynamics(method=Method(cutoff=400, kpoints=(1, 1, 1)), n_steps=3, damping=50)
    one = engine_settings("vasp", VaspSettings, {"chain_length": 1, "potcar_spec": True})
    write_inputs(calculation_cell(material("Li2O")), task, one, tmp_path / "chunk-1")
    rehearse(tmp_path / "chunk-1")
    shutil.copytree(tmp_path / "chunk-1", tmp_path / "chunk-2")
    whole = (tmp_path / "chunk-1" / "CONTCAR").read_text()
    (tmp_path / "chunk-2" / "CONTCAR").unlink()
    (tmp_path / "chunk-2" / "POSCAR").write_text(whole)
    told = [[remark.folder.name, remark.rule] for remark in review(read_sets([tmp_path])[0])]
    assert ["chunk-2", "thermostat handed on"] not in told
    blocks = whole.split("\n\n")
    assert len(blocks) == 3
    (tmp_path / "chunk-2" / "POSCAR").write_text("\n\n".join(blocks[:2]) + "\n")
    told = [[remark.folder.name, remark.rule] for remark in review(read_sets([tmp_path])[0])]
    assert ["chunk-2", "thermostat handed on"] in told
    assert ["chunk-1", "thermostat handed on"] not in told


def test_runs_at_the_scale_of_the_phase_sets_are_a_series_of_their_own(former: Path, tmp_path: Path) -> None:
    own, scale = {"LDAUU": [3.9, 0.0]}, {"LDAUU": [3.32, 0.0], "ENCUT": 520}
    _changed(former, tmp_path / "a", "CoO-dos", **own)
    _changed(former, tmp_path / "b", "CoO-dos", **scale)
    assert "one U per element" not in {remark.rule for remark in review(read_sets([tmp_path])[0])}
    _changed(
        former, tmp_path / "c", "CoO-dos", LDAUU=[3.32, 0.0]
    )  # at the campaign's cutoff it is no energy of the set
    assert "one U per element" in {remark.rule for remark in review(read_sets([tmp_path])[0])}


def test_two_starts_off_whole_numbers_are_enough(former: Path, tmp_path: Path) -> None:
    for number, scale in enumerate((0.9, 1.1)):
        moments = [3 * scale, -3 * scale, 0.0, 0.0]
        _changed(former, tmp_path / f"start-{number}", "CoO-relax", MAGMOM=moments)
    rules = {remark.rule for remark in review(read_sets([tmp_path])[0])}
    assert not rules & {"whole moments", "one start"}


def test_an_odd_electron_without_spin_is_named(former: Path, tmp_path: Path) -> None:
    """LPSCl less a lithium atom, 57 valence electrons (5 × 3 + 5 + 5 × 6 + 7), as it was written and is now; a
    charged cell has an even number, and a metal has bands."""
    cell = calculation_cell(material("LPSCl"))
    cell.remove_sites([next(i for i, site in enumerate(cell) if site.specie.symbol == "Li")])
    chosen = engine_settings("vasp", VaspSettings, {"potcar_spec": True})
    task = Static(method=Method(cutoff=520, kpoints=(2, 2, 2)))
    write_inputs(cell, task, chosen, tmp_path)
    incar = Incar.from_file(tmp_path / "INCAR")
    moments = [m for m in incar["MAGMOM"] if m]
    assert (incar["ISPIN"], sum(moments), len(moments)) == (2, pytest.approx(1), 5)
    assert "odd electron" not in _changed(tmp_path, tmp_path / "now", ".")
    assert "odd electron" in _changed(tmp_path, tmp_path / "before", ".", ISPIN=1)
    assert "odd electron" not in _changed(tmp_path, tmp_path / "charged", ".", ISPIN=1, NELECT=58)
    write_inputs(calculation_cell(material("Li")), task, chosen, tmp_path / "metal")
    assert Incar.from_file(tmp_path / "metal" / "INCAR")["ISPIN"] == 1
    assert "odd electron" not in {remark.rule for remark in review(read_sets([tmp_path / "metal"])[0])}


def test_a_mean_charge_that_is_never_put_in_order_is_named(tmp_path: Path) -> None:
    """Co3.5+ of the spinel from moments alike on all sites, twice; and with Co3+ and Co4+ as well, as they are
    written."""
    task = Static(method=Method(hubbard_u={"Co": 3.32}, cutoff=520, kpoints=(2, 2, 2)))
    chosen = engine_settings("vasp", VaspSettings, {"potcar_spec": True})
    for place, structure, asked, run in written_runs(calculation_cell(material("LiCo2O4")), task, chosen, "nothing"):
        write_inputs(structure, asked, chosen, tmp_path / place, run)
    assert not {"charge order", "one start"} & {remark.rule for remark in review(read_sets([tmp_path])[0])}
    shutil.rmtree(tmp_path / "start-3")
    told = [remark.detail for remark in review(read_sets([tmp_path])[0]) if remark.rule == "charge order"]
    assert [text.partition(" starts")[0] for text in told] == ["Co of mean charge 3.5+"]


def test_a_slab_whose_vacuum_relaxes_away_is_named(former: Path, tmp_path: Path) -> None:
    from pymatgen.io.vasp.inputs import Kpoints, Poscar

    rules = _changed(former, tmp_path / "slab", "CoO-relax")
    assert "vacuum" not in rules
    places = [[0, 0, 0.45], [0.5, 0.5, 0.55], [0.5, 0.5, 0.45], [0, 0, 0.55]]
    slab = Structure(Lattice.orthorhombic(3, 3, 24), ["Co", "Co", "O", "O"], places)
    (tmp_path / "slab" / "POSCAR").write_text(str(Poscar(slab)))
    (tmp_path / "slab" / "KPOINTS").write_text(str(Kpoints.gamma_automatic((4, 4, 2))))
    told = [remark.detail for remark in review(read_sets([tmp_path / "slab"])[0]) if remark.rule == "vacuum"]
    assert told == ["ISIF 3: the vacuum of 22 Å relaxes away", "2 k points along the vacuum"]


def test_a_stack_without_an_atom_keeps_the_height_that_the_whole_one_found(former: Path, tmp_path: Path) -> None:
    whole = Structure.from_file(former / "LCO-LPSCl-relax" / "POSCAR")
    lacking = whole.copy().remove_sites([0])
    cells = {"lacking": lacking, "high": lacking.copy().apply_strain([0, 0, 0.05])}
    cells |= {f"height-{k}": whole.copy().apply_strain([0, 0, 0.02 * k]) for k in (-1, 0, 1)}
    for name, cell in cells.items():
        shutil.copytree(former / "LCO-LPSCl-relax", tmp_path / name)
        incar = Incar.from_file(tmp_path / name / "INCAR")
        Incar({**incar, "MAGMOM": [0.0] * len(cell)}).write_file(tmp_path / name / "INCAR")
        cell.to(filename=str(tmp_path / name / "POSCAR"), fmt="poscar")
    named = [one.folder.name for one in review(read_sets([tmp_path])[0]) if one.rule == "height of a stack"]
    assert named == ["high"], "no cell of the whole stack is as high"
    for k in (-1, 1):
        shutil.rmtree(tmp_path / f"height-{k}")
    named = [one.folder.name for one in review(read_sets([tmp_path])[0]) if one.rule == "height of a stack"]
    assert set(named) == {"high", "lacking", "height-0"}


def test_two_u_for_one_element_are_named(former: Path, tmp_path: Path) -> None:
    _changed(former, tmp_path / "a", "CoO-relax")
    _changed(former, tmp_path / "b", "CoO-dos", LDAUU=[3.3, 0.0])
    (remark,) = [one for one in review(read_sets([tmp_path])[0]) if one.rule == "one U per element"]
    assert remark.detail == "U(Co) 3.3 eV, 3.9 eV in a: their energies may not be subtracted"


def test_every_rule_is_known_by_name_and_says_what_to_do() -> None:
    covered = {rule for rules in NAMED.values() for rule in rules} | {
        "shells with U",
        "vacuum",
        "one U per element",
        "common zero of bands",
        "thermostat handed on",
        "charge order",
        "odd electron",
    }
    assert set(RULES) == covered
    assert all(mend for _, mend in RULES.values())
    assert set(RECIPE_RULES) == {"crystal without input", "no way into a reaction"}


def test_folders_without_input_and_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_sets([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="no folder with INCAR and POSCAR was found"):
        read_sets([tmp_path])
    (tmp_path / "INCAR").write_text("ENCUT = 500\n")
    (tmp_path / "POSCAR").write_text("only a title\n")
    with pytest.raises(InputError, match="POSCAR is no whole POSCAR"):
        read_sets([tmp_path])


#: what a stranger's folder may hold: file, what stands in it, and what is said
STRANGE: dict[str, tuple[str, bytes, str]] = {
    "empty": ("INCAR", b"", "INCAR is empty"),
    "binary": ("INCAR", bytes(range(128, 256)), "INCAR is corrupt"),
    "words": ("INCAR", b"ENCUT = five hundred\n", "ENCUT = Five hundred is no number"),
    "moments": ("INCAR", b"ISPIN = 2\nMAGMOM = 3*1.0\n", "MAGMOM has 3 moments, and the POSCAR 4 atoms"),
    "U": ("INCAR", b"LDAU = T\nLDAUU = 3.9\n", "LDAUU has 1 values, and the POSCAR 2 species"),
    "no mesh": ("KPOINTS", b"a\n0\nGamma\n0 0 0\n0 0 0\n", "a mesh of 0×0×0 has no k points"),
    "no KPOINTS": ("KPOINTS", b"hello\nworld\n", "is no KPOINTS file"),
    "order": ("POTCAR.spec", b"O\nCo", "the POTCARs are of O, Co, and the POSCAR holds Co, O"),
    "ended": ("CONTCAR", b"H\n1\n3 0 0\n0 3 0\n0 0 3\nH\n1\nDirect\n0 0 0\n", "it is of another run"),
}


def test_one_damaged_folder_is_named_and_the_others_are_looked_at(former: Path, tmp_path: Path) -> None:
    shutil.copytree(former / "LCO-relax", tmp_path / "good ünï")
    for name, (file, content, _) in STRANGE.items():
        shutil.copytree(former / "CoO-relax", tmp_path / name)
        (tmp_path / name / file).write_bytes(content)
    (tmp_path / "empty" / "loop").symlink_to(tmp_path)
    found = check_inputs([tmp_path])
    assert [Path(one).name for one in found["runs"]] == ["good ünï"]
    told = {Path(r["folder"]).name: r["detail"] for r in found["remarks"] if r["rule"] == "unreadable"}
    wanted = {name: text for name, (_, _, text) in STRANGE.items()}
    assert {name: wanted[name] in told.get(name, "") for name in wanted} == dict.fromkeys(wanted, True)
    assert "spin of zero" in {remark["rule"] for remark in found["remarks"]}


def test_elements_come_from_the_potcar_where_the_poscar_has_none(former: Path, tmp_path: Path) -> None:
    shutil.copytree(former / "CoO-relax", tmp_path / "old")
    poscar = tmp_path / "old" / "POSCAR"
    lines = poscar.read_text().splitlines()
    lines = (
        lines[:5] + [lines[6], "Selective dynamics", lines[7]] + [f"{' '.join(x.split()[:3])} T T F" for x in lines[8:]]
    )
    poscar.write_text("\n".join(lines) + "\n")
    (one,), damaged = read_sets([tmp_path])
    assert (one.species, damaged) == (["Co", "O"], {})
    (tmp_path / "old" / "POTCAR.spec").unlink()
    with pytest.raises(InputError, match="names no elements, as VASP 4 wrote it"):
        read_sets([tmp_path])


def test_vectors_of_a_spin_orbit_run_are_moments(former: Path, tmp_path: Path) -> None:
    shutil.copytree(former / "CoO-relax", tmp_path / "soc")
    incar = Incar.from_file(tmp_path / "soc" / "INCAR")
    del incar["MAGMOM"]
    vectors = "LSORBIT = .TRUE.\nMAGMOM = 0 0 3  0 3 -4  0 0 0  0 0 0\n"
    (tmp_path / "soc" / "INCAR").write_text(str(incar).rstrip() + "\n" + vectors)
    (one,), _ = read_sets([tmp_path])
    assert one.moments == [3.0, -5.0, 0.0, 0.0]


def test_the_command_ends_with_status_one_where_there_is_something_to_name(
    former: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = called(monkeypatch, capsys, "check-inputs", former, "--json")
    document = json.loads(out)
    assert status == 1
    assert len(document["runs"]) == len(list(former.iterdir()))
    assert {"rule", "folder", "detail", "mend"} == set(document["remarks"][0])
    assert "whole moments" in called(monkeypatch, capsys, "check-inputs", former)[1]


@pytest.mark.parametrize("recipe", ["glassy-ceramic", "core-shell"])
def test_a_clean_folder_has_nothing_to_name(recipe: str, tmp_path: Path) -> None:
    inputs(recipe, tmp_path)
    assert check_inputs([tmp_path])["remarks"] == []
