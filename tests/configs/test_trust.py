"""What numbers are worth is read from the engine's file, and what no file tells of is never taken for density
functional theory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from catholyte.analysis.oxygen.reference import default_correction
from catholyte.analysis.phase_sets.own_entries import entries_from_documents
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.voltage_curve import lithium_from_document
from catholyte.analysis.words import badge
from catholyte.configs.errors import InputError, SignatureMismatchError, UnknownNameError
from catholyte.configs.load import ENGINES_VARIABLE, engine_settings
from catholyte.configs.models import Spec
from catholyte.configs.trust import trust_of
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.tests.support.engines.toy_engine import ToyBackend
from catholyte.workflows.documents import require_real
from catholyte.workflows.engines.registry import ENGINES, load_backend

BLOCK = """\
depth: 3
trust:
  class: machine-learned
  label: MACE
  sentence: learned from crystals
  references: [lithium]
  scale: uncorrected total energies
"""


class Settings(Spec):
    depth: int


class MaceBackend(ToyBackend):
    name: ClassVar = "mace"
    tier: ClassVar = "mace"

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = engine_settings("mace", Settings, settings)


@pytest.fixture
def mace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an engine of one's own."""
    file = tmp_path / "mace.yaml"
    file.write_text(BLOCK)
    monkeypatch.setenv(ENGINES_VARIABLE, str(tmp_path))
    monkeypatch.setitem(ENGINES, "mace", (__name__, "MaceBackend"))
    return file


def test_an_engine_of_ones_own_brings_its_file(mace: Path) -> None:
    backend = load_backend("mace", {})
    assert (backend.trust.label, backend.trust.learned) == ("MACE", True)
    assert backend.numerics() == {"depth": 3}
    assert load_backend("mace", {"depth": 4}).numerics() == {"depth": 4}
    metal = made_document("Li", tier="mace")
    assert lithium_from_document(metal).origin == "Li (mace)"
    with pytest.raises(InputError, match="'mace' names no correction of the O2 molecule; give none, mp2020, wang2006"):
        default_correction("mace")


def test_a_changed_file_is_read_again(mace: Path) -> None:
    assert trust_of("mace").label == "MACE"
    mace.write_text(BLOCK.replace("MACE", "MACE-2").replace("depth: 3", "depth: 5"))
    os.utime(mace, ns=(1, 1))
    assert trust_of("mace").label == "MACE-2"
    assert load_backend("mace", {}).numerics() == {"depth": 5}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "class: machine-learned",
            "class: learned",
            r"mace\.yaml:3: key 'trust\.class': 'learned' is not allowed; .*dft",
        ),
        ("references:", "reference:", r"mace\.yaml:6: key 'trust\.reference': unknown key; .*references"),
        ("  sentence: learned from crystals\n", "", r"key 'trust\.sentence': this key is needed and missing"),
        ("trust:", "trusted:", r"key 'trust': this key is needed and missing"),
    ],
)
def test_a_wrong_block_is_refused_where_it_stands(mace: Path, old: str, new: str, told: str) -> None:
    mace.write_text(BLOCK.replace(old, new))
    with pytest.raises(InputError, match=told):
        trust_of("mace")


def test_an_engine_without_a_file_does_not_calculate(mace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MaceBackend, "__init__", ToyBackend.__init__)
    mace.unlink()
    with pytest.raises(InputError, match=r"engine 'mace' has no file mace\.yaml with a block 'trust'") as refused:
        load_backend("mace", {})
    assert ENGINES_VARIABLE in refused.value.advice


@pytest.mark.parametrize("tier", ["mace", "", "../engines/vasp", "Chgnet", "x" * 300])
def test_what_no_file_tells_of_is_unknown_and_stands_for_nothing(tier: str) -> None:
    found = trust_of(tier)
    assert (found.trust_class, found.learned, found.placeholder) == ("unknown", False, False)
    assert not found.references
    with pytest.raises(InputError, match="not usable as references"):
        lithium_from_document(made_document("Li", tier=tier))


def test_a_file_without_code_is_told_of(mace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ENGINES, "mace")
    with pytest.raises(
        UnknownNameError, match=r"unknown engine 'mace'; its file .*mace\.yaml has neither the key 'engine' nor"
    ):
        load_backend("mace", {})


def test_an_engine_that_invents_numbers_is_refused_by_every_reader(mace: Path) -> None:
    assert not made_document("LCO", tier="mace").rehearsed
    mace.write_text(BLOCK.replace("class: machine-learned", "class: placeholder"))
    with pytest.raises(InputError, match="LCO is a rehearsal: its numbers are invented"):
        require_real(made_document("LCO", tier="mace"))


def test_an_unknown_engine_joins_no_phase_set() -> None:
    phases = load_phase_set("solidstate")
    like = phases.model_copy(
        update={
            "signatures": {"mace": phases.signatures["chgnet"]},
            "errors": {"mace": phases.errors["chgnet"]},
        }
    )
    document = made_document("LCO", tier="mace", signature=phases.signatures["chgnet"])
    with pytest.raises(SignatureMismatchError, match=r"a mace calculation, which the phase set .* cannot take"):
        entries_from_documents([document], like)


def test_a_shipped_engine_is_not_replaced_by_a_file_of_ones_own(mace: Path) -> None:
    mace.with_name("chgnet.yaml").write_text(BLOCK.replace("machine-learned", "dft"))
    assert trust_of("chgnet").learned


@pytest.mark.parametrize(
    ("label", "style"),
    [
        ("gpaw", "dft"),
        ("gpaw + vasp", "dft"),
        ("chgnet + vasp", "machine-learned"),
        ("chgnet + rehearsal", "placeholder"),
        ("mace + vasp", "unknown"),
        ("none", "none"),
        ("", "none"),
        ("–", "none"),
        ("measured volumes", "none"),
        ("chgnet + see sources", "machine-learned"),
    ],
)
def test_the_badge_is_that_of_the_least_trusted(label: str, style: str) -> None:
    assert badge(label) == style
