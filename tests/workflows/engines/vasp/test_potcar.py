"""POTCARs: found, identified, hashed, or refused in one sentence. The files here are made up: titles and valences, no
potential."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from pymatgen.core import Composition, Lattice, Structure

from catholyte.configs.errors import InputError
from catholyte.configs.load import engine_settings, load_materials
from catholyte.configs.models import Method
from catholyte.hpc.commands.campaigns.inputs import inputs
from catholyte.workflows.engines.tasks import Static
from catholyte.workflows.engines.vasp.inputs import MANIFEST, write_inputs
from catholyte.workflows.engines.vasp.potcar import check_names, known_titles
from catholyte.workflows.engines.vasp.settings import PotcarName, VaspSettings

RELEASE = "POT_GGA_PAW_PBE_54"
CELL = Structure(
    Lattice.cubic(4.2), ["O2-", "Co2+"], [[0.5, 0.5, 0.5], [0, 0, 0]], site_properties={"magmom": [0.0, 3.0]}
)
TASK = Static(method=Method(hubbard_u={"Co": 3.9}, cutoff=500, kpoints=(2, 2, 2)))
TITLES = {"Co": ("PAW_PBE Co 02Aug2007", 9), "O": ("PAW_PBE O 08Apr2002", 6)}


def _text(title: str, valence: float) -> str:
    return (
        f"  {title}\n  {valence}\n parameters from PSCTR are:\n   TITEL  = {title}\n   POMASS = 1.0; ZVAL   = "
        f"{valence:.3f}    mass and valenz\nEnd of Dataset\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of made-up POTCARs, one in each layout that is read."""
    release = tmp_path / "potcars" / RELEASE
    (release / "O").mkdir(parents=True)
    (release / "O" / "POTCAR").write_text(_text(*TITLES["O"]))
    (release / "POTCAR.Co.gz").write_bytes(gzip.compress(_text(*TITLES["Co"]).encode()))
    return release.parent


def _write(folder: Path, place: Path) -> None:
    write_inputs(CELL, TASK, engine_settings("vasp", VaspSettings, {"potcar_directory": str(folder)}), place)


def test_potcars_stand_in_the_order_of_poscar_with_a_manifest_of_hashes(folder: Path, tmp_path: Path) -> None:
    _write(folder, tmp_path / "run")
    written = (tmp_path / "run" / "POTCAR").read_text()
    assert written == _text(*TITLES["Co"]) + _text(*TITLES["O"])
    manifest = json.loads((tmp_path / "run" / MANIFEST).read_text())
    assert [entry["element"] for entry in manifest["files"]] == ["Co", "O"]
    assert manifest["files"][0]["sha256"] == hashlib.sha256(_text(*TITLES["Co"]).encode()).hexdigest()
    assert manifest["sha256"] == hashlib.sha256(written.encode()).hexdigest()
    assert manifest["library"] == "PBE_54"
    assert not (tmp_path / "run" / "POTCAR.spec").exists()


def test_a_missing_folder_or_release_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"the POTCAR folder .*nowhere does not exist"):
        _write(tmp_path / "nowhere", tmp_path / "run")
    (folder / RELEASE).rename(folder / "POT_GGA_PAW_PBE_52")
    with pytest.raises(
        InputError,
        match=r"has no POT_GGA_PAW_PBE_54, the POTCARs of release PBE_54; it has POT_GGA_PAW_PBE_52 \(PBE_52\)",
    ):
        _write(folder, tmp_path / "run")
    monkeypatch.delenv("PMG_VASP_PSP_DIR", raising=False)
    with pytest.raises(InputError, match="no POTCAR folder is named: set the variable PMG_VASP_PSP_DIR"):
        _write(Path("$PMG_VASP_PSP_DIR"), tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            _text("PAW_PBE Co_pv 23Apr2009", 9).encode(),
            "holds 'PAW_PBE Co_pv 23Apr2009', which is not Co of release PBE_54",
        ),
        (_text("PAW Co 01Jan1997", 9).encode(), "which is not Co of release PBE_54"),
        (_text("PAW_PBE Co 02Aug2007", 15).encode(), "has 15.000 valence electrons, the settings say 9 for Co"),
        (b"", "is not a POTCAR: it has no line TITEL or ZVAL"),
        (b"not a POTCAR", "is not a POTCAR"),
    ],
)
def test_a_wrong_potcar_is_named(folder: Path, tmp_path: Path, content: bytes, told: str) -> None:
    (folder / RELEASE / "POTCAR.Co.gz").unlink()
    (folder / RELEASE / "POTCAR.Co").write_bytes(content)
    with pytest.raises(InputError) as caught:
        _write(folder, tmp_path / "run")
    assert told in caught.value.message
    assert "POTCAR.Co" in caught.value.message


def test_a_title_of_another_release_is_named_with_it(folder: Path, tmp_path: Path) -> None:
    older = next(t for t in sorted(known_titles("PBE")["W_pv"]) if t not in known_titles("PBE_54").get("W_pv", ()))
    (folder / RELEASE / "POTCAR.W_pv").write_text(_text(older, 12))
    cell = Structure(Lattice.cubic(4), ["W"], [[0, 0, 0]], site_properties={"magmom": [0.0]})
    task = Static(method=TASK.method.model_copy(update={"hubbard_u": {"W": 0.0}}) if TASK.method else None)
    chosen = engine_settings(
        "vasp", VaspSettings, {"potcar_directory": str(folder), "potcars": {"W": {"symbol": "W_pv", "valence": 12}}}
    )
    with pytest.raises(InputError, match=r"which is not W_pv of release PBE_54; it is W_pv of PBE"):
        write_inputs(cell, task, chosen, tmp_path / "run")


def test_damaged_and_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    packed = folder / RELEASE / "POTCAR.Co.gz"
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(InputError, match=r"POTCAR\.Co\.gz is damaged"):
        _write(folder, tmp_path / "run")
    packed.unlink()
    with pytest.raises(
        InputError, match=r"has no POTCAR of Co; looked for .*POTCAR\.Co\(\.gz\) and .*Co/POTCAR\(\.gz\)"
    ):
        _write(folder, tmp_path / "run")


def test_every_name_of_the_settings_is_in_the_release_and_tungsten_is_sv() -> None:
    chosen = engine_settings("vasp", VaspSettings, {})
    assert check_names(chosen, set(chosen.potcars)) == []
    library = {element.symbol for found in load_materials().values() for element in Composition(found.formula).elements}
    assert library <= set(chosen.potcars)
    assert chosen.potcars["W"].symbol == "W_sv"
    old = chosen.model_copy(update={"potcars": {**chosen.potcars, "W": PotcarName(symbol="W_pv", valence=12)}})
    (problem,) = check_names(old, {"W", "O"})
    assert problem.startswith("PBE_54 has no POTCAR W_pv; did you mean W_sv")


def test_an_element_without_a_name_is_an_error(tmp_path: Path) -> None:
    cell = Structure(Lattice.cubic(5), ["Xe"], [[0, 0, 0]])
    with pytest.raises(InputError, match="no POTCAR is named for Xe"):
        write_inputs(cell, TASK, engine_settings("vasp", VaspSettings, {"potcar_spec": True}), tmp_path)


def test_inputs_refuses_before_it_writes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"POTCAR files: the POTCAR folder .*nowhere does not exist") as caught:
        inputs("gsirr", tmp_path / "out", potcars=tmp_path / "nowhere")
    assert caught.value.message.count("\n") == 0
    assert not (tmp_path / "out").exists()
