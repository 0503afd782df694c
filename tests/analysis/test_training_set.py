"""DFT calculations as training sets: what is read back is what was calculated, and scales stay apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from ruamel.yaml import YAML

from catholyte.analysis.training_set import left_out, scales_of, training_atoms, write_training_set
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.tests.support.docs.doc_blocks import ROOT, blocks
from catholyte.workflows.documents import CalculationDocument

STRESS = [[0.01, 0.004, 0.0], [0.004, 0.02, -0.003], [0.0, -0.003, 0.03]]


def _document(name: str, tier: str = "gpaw", shift: float = 0.0, **signature: object) -> CalculationDocument:
    """A calculation of a library cell with forces, a stress and a signature that say which one it is."""
    made = made_document(name)
    forces = np.random.default_rng(len(name)).normal(size=(made.n_sites, 3))
    given = {"engine": tier, "hubbard_u": {}, "potcars": {}, **signature}
    return made.model_copy(
        update={
            "tier": tier,
            "energy": -5.0 * made.n_sites + shift,
            "forces": forces.tolist(),
            "stress": STRESS,
            "magmoms": np.linspace(-2, 2, made.n_sites).tolist(),
            "signature": made.signature.model_copy(update=given),
        }
    )


def test_what_is_written_is_read_back_by_ase(tmp_path: Path) -> None:
    documents = [("a", _document("LCO")), ("b", _document("CoO", shift=0.3))]
    (told,) = write_training_set(scales_of(documents), tmp_path)
    frames = read(told["file"], index=":")
    assert [atoms.info["job"] for atoms in frames] == ["a", "b"]
    for atoms, (_, document) in zip(frames, documents, strict=True):
        assert atoms.get_chemical_symbols() == [site.specie.symbol for site in document.structure]
        np.testing.assert_allclose(atoms.positions, document.structure.cart_coords, atol=1e-7)
        np.testing.assert_allclose(atoms.cell[:], document.structure.lattice.matrix, atol=1e-7)
        assert atoms.get_potential_energy() == pytest.approx(document.energy, abs=1e-9)
        np.testing.assert_allclose(atoms.get_forces(), document.forces, atol=1e-7)
        np.testing.assert_allclose(atoms.get_stress(voigt=False), STRESS, atol=1e-9)
        np.testing.assert_allclose(atoms.get_magnetic_moments(), document.magmoms, atol=1e-7)
        assert atoms.info["label"] == document.label
        signature = atoms.info["signature"]
        assert (signature if isinstance(signature, dict) else json.loads(signature))["engine"] == "gpaw"
    assert json.loads((tmp_path / "scales.json").read_text()) == [told]
    assert (told["calculations"], told["atoms"]) == (2, sum(document.n_sites for _, document in documents))
    assert told["elements"] == ["Co", "Li", "O"]


def test_scales_stay_apart_and_elements_of_one_scale_meet() -> None:
    documents = [
        ("u", _document("CoO", hubbard_u={"Co": 3.9})),
        ("none", _document("Li2O")),
        ("other u", _document("CoO", hubbard_u={"Co": 3.32})),
        ("cutoff", _document("Li2O", cutoff=900.0)),
        ("vasp", _document("Li2O", tier="vasp")),
        ("nickel", _document("NiO", hubbard_u={"Ni": 6.0})),
    ]
    found = scales_of(documents)
    assert [[key for key, _ in scale.documents] for scale in found] == [
        ["u", "none", "nickel"],
        ["other u"],
        ["cutoff"],
        ["vasp"],
    ]
    assert found[0].signature.hubbard_u == {"Co": 3.9, "Ni": 6.0}


def test_two_scales_of_one_name_have_two_files(tmp_path: Path) -> None:
    documents = [("a", _document("CoO", hubbard_u={"Co": 3.9})), ("b", _document("CoO", hubbard_u={"Co": 3.32}))]
    first, second = (Path(one["file"]).name for one in write_training_set(scales_of(documents), tmp_path))
    assert second == first.replace(".extxyz", "-2.extxyz")
    assert re.fullmatch(r"gpaw-[\w.+-]+\.extxyz", first)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tier": "chgnet"}, "no density functional theory"),
        ({"tier": "rehearsal"}, "no density functional theory"),
        ({"stress": None}, "it has no stress"),
    ],
)
def test_what_cannot_be_learned_from_is_left_out(change: dict[str, object], told: str) -> None:
    document = _document("CoO")
    assert left_out(document) is None
    assert left_out(document.model_copy(update=change)) == told
    unconverged = document.convergence.model_copy(update={"electronic": False})
    assert left_out(document.model_copy(update={"convergence": unconverged})) == "its electrons did not converge"


def test_moments_are_optional() -> None:
    from ase.calculators.calculator import PropertyNotImplementedError

    atoms = training_atoms(_document("CoO").model_copy(update={"magmoms": None}), "key")
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_magnetic_moments()


@pytest.mark.slow
def test_the_trainer_of_sevennet_takes_the_input_of_the_documentation(tmp_path: Path) -> None:
    """One epoch on two cells; the cutoff of the channels is that of SevenNet-0, whose weights it goes on from."""
    documents = [("a", _document("CoO")), ("b", _document("CoO", shift=0.1))]
    write_training_set(scales_of(documents), tmp_path / "training")
    (text,) = (text for language, text in blocks(ROOT / "docs" / "engines.md", "yaml") if "load_trainset_path" in text)
    given = YAML(typ="safe").load(text)
    given["train"] |= {"epoch": 1, "per_epoch": 1}
    with (tmp_path / "input.yaml").open("w") as stream:
        YAML().dump(given, stream)
    command = [sys.executable, "-W", "ignore", "-c", "from sevenn.main.sevenn import main; main()", "input.yaml"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=580)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert list(tmp_path.glob("checkpoint*.pth"))
