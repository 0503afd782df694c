"""The pinned phase set: hash, schema, names, extension."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catholyte.analysis.thermodynamics.phase_set import PhaseSource, content_hash, load_phase_set, parse_formula
from catholyte.configs.errors import InputError, SignatureMismatchError, UnknownNameError
from catholyte.configs.phase_set_files import PHASES_VARIABLE
from catholyte.tests.support import phase_sets


def written(folder: Path, rehash: bool = True, **changes: Any) -> Path:
    document = {**phase_sets.document(), **changes}
    if rehash:
        document["sha256"] = content_hash(document)
    path = folder / "toy.json"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return path


def changed_entry(index: int, **changes: Any) -> list[dict[str, Any]]:
    entries = phase_sets.document()["entries"]
    entries[index] |= changes
    return entries


def test_a_file_loads_with_its_hash(tmp_path: Path) -> None:
    found = load_phase_set(written(tmp_path))
    assert found.sha256 == phase_sets.document()["sha256"]
    assert [entry.formula for entry in found.entries] == ["Li", "O2", "Li2O", "Li2O2"]
    assert found.entries[3].tier == "chgnet"
    assert {entry.scale for entry in found.entries} == {phase_sets.SCALE}


def test_layout_of_the_file_does_not_enter_the_hash(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(json.dumps(dict(reversed(phase_sets.document().items())), indent=3), encoding="utf-8")
    assert load_phase_set(str(path)).sha256 == phase_sets.document()["sha256"]


def test_an_altered_file_is_refused_naming_both_hashes(tmp_path: Path) -> None:
    path = written(tmp_path, rehash=False, entries=changed_entry(2, energy_per_atom=-5.5))
    with pytest.raises(InputError) as caught:
        load_phase_set(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert str(path) in caught.value.message
    assert document["sha256"] in caught.value.message
    assert content_hash(document) in caught.value.message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"entries": changed_entry(2, tier="guess")}, "tier"),
        ({"entries": changed_entry(2, error=-0.1)}, "error"),
        ({"entries": changed_entry(2, energy_per_atom="low")}, "energy_per_atom"),
        ({"entries": changed_entry(2, colour="red")}, "colour"),
        ({"entries": changed_entry(2, source="nowhere")}, "'nowhere'"),
        ({"entries": changed_entry(2, formula="Xy2O")}, "not a chemical formula"),
        ({"entries": changed_entry(2, formula="Na2O")}, "holds Na, outside the phase set toy; its elements: Li, O"),
        ({"entries": changed_entry(2, id="id-Li")}, "two entries are called 'id-Li'"),
        ({"elements": ["Li", "O", "S"]}, "no entry for the pure element S"),
        ({"entries": 7}, "entries"),
        ({"scale": ""}, "scale"),
    ],
)
def test_a_broken_file_is_refused_naming_file_and_problem(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError) as caught:
        load_phase_set(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize(("text", "said"), [("{", "not valid JSON"), ("[1]", "a JSON object is needed")])
def test_what_is_no_set_at_all(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "toy.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        load_phase_set(path)
    with pytest.raises(InputError, match="no such file"):
        load_phase_set(tmp_path / "missing.json")


def test_an_unknown_set_names_the_near_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    monkeypatch.setenv(PHASES_VARIABLE, str(tmp_path))
    assert load_phase_set("toy").name == "toy"
    with pytest.raises(UnknownNameError, match="did you mean toy"):
        load_phase_set("toys")


def test_names_materials_and_formulas(tmp_path: Path) -> None:
    found = load_phase_set(written(tmp_path))
    by_name, by_formula, doubled = (found.entry_for(name) for name in ("lithia", "Li2O", "Li4O2"))
    assert by_name is not None
    assert by_name == by_formula == doubled
    assert found.entry_for("LiO3") is None
    assert found.resolve("Li4O2").composition.num_atoms == 6
    with pytest.raises(UnknownNameError, match="did you mean lithia"):
        found.resolve("lithiaa")
    with pytest.raises(InputError, match="holds S, outside the phase set toy; its elements: Li, O"):
        found.entry_for("Li2S")


def test_the_lowest_polymorph_stands_for_a_formula_and_the_name_for_its_own() -> None:
    high = phase_sets.entry("Li2O", -5.7, id="toy-high", material="high")
    found = phase_sets.phase_set(phase_sets.BY_HAND, high)
    assert found.entry_for("Li2O") == found.entries[3]
    assert found.entry_for("high") == high


def test_a_name_that_spells_its_formula_sets_the_formula_unit() -> None:
    toy = phase_sets.phase_set(
        phase_sets.BY_HAND,
        phase_sets.entry("Li(OS)2", -9.0, material="Li0.5OS"),
        phase_sets.entry("Li4OS", -9.0, material="CoO"),
    )
    assert toy.resolve("Li0.5OS").formula == "Li0.5OS"
    assert toy.resolve("CoO").formula == "Li4OS"


def test_a_material_of_the_library_is_found_by_its_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        name, formula = "peroxide", "Li2O2"

    monkeypatch.setattr("catholyte.analysis.thermodynamics.phase_set.load.material", lambda name: Library())
    subject = load_phase_set(written(tmp_path)).resolve("peroxide")
    assert (subject.label, subject.formula) == ("peroxide", "Li2O2")
    assert subject.entry is not None
    assert subject.entry.id == "id-Li2O2"


@pytest.mark.parametrize("text", ["", "LPS", "Li0", "Foo2", "Li(Co", "Li-1O", "X2"])
def test_what_is_no_formula(text: str) -> None:
    with pytest.raises(InputError, match="not a chemical formula"):
        parse_formula(text)


def test_restriction_keeps_the_chemical_system_and_changes_the_hash(tmp_path: Path) -> None:
    whole = phase_sets.phase_set(phase_sets.BY_HAND)
    part = whole.restricted({"O", "Li"})
    assert part.name == "toy[Li-O]"
    assert {entry.formula for entry in part.entries} == {"Li", "O2", "Li2O", "Li2O2"}
    assert part.entries == whole.within({"Li", "O"})
    assert part.sha256 not in {whole.sha256, whole.restricted({"Li", "S"}).sha256}
    with pytest.raises(InputError, match="Cl is outside"):
        whole.restricted({"Li", "Cl"})
    loaded = load_phase_set(written(tmp_path))
    assert loaded.extended([]).model_copy(update={"name": "toy"}).entries == loaded.entries


def test_the_hash_of_a_derived_set_is_that_of_a_file_with_its_content(tmp_path: Path) -> None:
    loaded = load_phase_set(written(tmp_path))
    derived = loaded.restricted({"Li", "O"})
    assert derived.sha256 == content_hash({**phase_sets.document(), "name": "toy[Li-O]"})


def test_own_entries_join_on_the_same_scale_only() -> None:
    known = phase_sets.phase_set(phase_sets.BY_HAND)
    own = phase_sets.entry("Li2SO4", -14.0, tier="chgnet", source="mine")
    joined = known.extended([own], {"mine": PhaseSource(citation="own calculation", license="own")})
    assert joined.entry_for("Li2SO4") == own
    assert joined.name == "toy+1"
    assert joined.sha256 != known.sha256
    with pytest.raises(
        SignatureMismatchError,
        match=(
            r"'toy-Li2SO4' is on the scale 'GPAW PBE\+U'; the phase set toy holds energies on the scale 'toy total "
            r"energy, eV/atom'"
        ),
    ):
        known.extended([own.model_copy(update={"scale": "GPAW PBE+U", "source": "toy"})])
    with pytest.raises(SignatureMismatchError, match="declares no energy scale"):
        known.extended([own.model_copy(update={"scale": "", "source": "toy"})])
    with pytest.raises(InputError, match="unknown source 'mine'"):
        known.extended([own])
    with pytest.raises(InputError, match="exists already and differs"):
        known.extended([], {"toy": PhaseSource(citation="another", license="own")})
