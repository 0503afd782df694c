"""The builder of pinned phase sets: corrections, choice of entries, the referee, and the cache of relaxations."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from math import hypot, pi, sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.compatibility import CompatibilityError

from catholyte.configs.errors import CalculationError, InputError
from catholyte.configs.load import CONFIGS, material, parse_file
from catholyte.structures.crystals.crystal import conventional, primitive
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import Signature
from catholyte.workflows.engines.tasks import Static
from catholyte.workflows.phases.build import (
    LARGEST_VOLUME_CHANGE,
    PhaseSetSpec,
    ReferenceEnergy,
    build,
    canonical_sha256,
    main,
    verify,
)
from catholyte.workflows.phases.public_entries import (
    PublicEntry,
    corrected,
    holds_molecular_oxygen,
    lowest_per_formula,
    public_entries,
)
from catholyte.workflows.phases.relaxations import (
    DFT_ERROR,
    FEWEST,
    RefereeRow,
    Relaxations,
    Relaxed,
    chgnet_error,
    class_errors,
)

U = {"Co": 3.32, "Mn": 3.9, "Ni": 6.2, "W": 6.2, "Fe": 5.3}
#: Materials Project (CC-BY 4.0), lowest entry per formula of the correction fit: eV/atom before and after MP2020
GOLDEN = [
    ("Li2O", "oxide", -4.754533, -4.983533),
    ("Li2O2", "peroxide", -4.846112, -5.078612),
    ("Li2S", None, -3.987513, -4.155180),
    ("LiCl", None, -3.688172, -3.995172),
    ("Co3O4", "oxide", -6.002886, -7.097458),
    ("CoO", "oxide", -6.150020, -7.312520),
    ("CoCO3", "oxide", -7.167459, -7.907259),
    ("CoSO4", "oxide", -6.183165, -6.914165),
    ("Li3PO4", "oxide", -6.276487, -6.619987),
    ("Li4P2O7", "oxide", -6.458397, -6.828320),
    ("LiPO3", "oxide", -6.731295, -7.143495),
    ("P2O5", "oxide", -7.029061, -7.519776),
    ("Li3P", None, -3.481587, -3.481587),
    ("C", None, -9.226770, -9.226770),
]


def raw_entry(formula: str, energy_per_atom: float, oxide_type: str | None = None) -> dict[str, Any]:
    composition = Composition(formula)
    with_u = "O" in composition
    hubbards = (
        {e.symbol: U.get(e.symbol, 0.0) for e in composition.elements}
        if with_u and set(U) & {e.symbol for e in composition.elements}
        else {}
    )
    return {
        "@module": "pymatgen.entries.computed_entries",
        "@class": "ComputedEntry",
        "energy": energy_per_atom * composition.num_atoms,
        "composition": composition.as_dict(),
        "entry_id": f"mp-{formula}",
        "correction": 0.0,
        "energy_adjustments": [],
        "parameters": {
            "run_type": "GGA+U" if hubbards else "GGA",
            "is_hubbard": bool(hubbards),
            "hubbards": hubbards,
            "potcar_symbols": [],
        },
        "data": {"oxide_type": oxide_type} if oxide_type else {},
    }


@pytest.mark.parametrize(("formula", "oxide_type", "before", "after"), GOLDEN, ids=[row[0] for row in GOLDEN])
def test_correction_step_gives_the_known_energies(
    formula: str, oxide_type: str | None, before: float, after: float, refereed: Referee
) -> None:
    energy, error = corrected(raw_entry(formula, before, oxide_type), reprocess=True)
    by = "Materials Project, published energies of the correction fit"
    refereed(
        "corrected energies of 14 compounds",
        abs(energy - after),
        2e-6,
        of="workflows.phases.public_entries.corrected",
        by=by,
        unit="eV/atom",
    )
    assert (error > 0) == (abs(after - before) > 1e-9)


def test_stored_corrections_are_kept_where_asked() -> None:
    assert corrected(raw_entry("Li2O", -4.75, "oxide"), reprocess=False) == (pytest.approx(-4.75), 0.0)


def test_sulfur_of_a_sulfate_is_no_anion() -> None:
    sulfide, _ = corrected(raw_entry("Li3PS4", -4.0), reprocess=True)
    sulfate, _ = corrected(raw_entry("Li2SO4", -6.0, "oxide"), reprocess=True)
    assert sulfide == pytest.approx(-4.0 - 0.503 * 4 / 8)
    assert sulfate == pytest.approx(-6.0 - 0.687 * 4 / 7)


def test_chlorine_of_a_perchlorate_is_no_anion() -> None:
    energy, _ = corrected(raw_entry("LiClO4", -5.0, "oxide"), reprocess=True)
    assert energy == pytest.approx(-5.0 - 0.687 * 4 / 6)


def test_chlorine_of_an_oxychloride_is_an_anion_beside_oxygen() -> None:
    energy, _ = corrected(raw_entry("AlOCl", -5.0, "oxide"), reprocess=True)
    assert energy == pytest.approx(-5.0 - (0.687 + 0.614) / 3)


def test_a_wrong_u_is_an_error_and_never_drops_the_entry() -> None:
    entry = raw_entry("CoO", -6.15, "oxide")
    entry["parameters"]["hubbards"]["Co"] = 3.9
    with pytest.raises(CompatibilityError, match="Invalid U"):
        corrected(entry, reprocess=True)


LICL = primitive(material("LiCl"))


def public(formula: str, energy: float, structure: Structure | None = None, entry_id: str = "") -> PublicEntry:
    return PublicEntry(
        entry_id or f"mp-{formula}-{energy}", Composition(formula), energy, 0.002, "mp-calc-compounds", structure
    )


@settings(deadline=None)
@given(energies=st.lists(st.floats(-10, -1), min_size=1, max_size=12), known=st.booleans())
def test_the_lowest_energy_of_each_formula_is_kept(energies: list[float], known: bool) -> None:
    structure = LICL if known else None
    entries = [public("Li2Cl2", energy, structure) for energy in energies] + [public("Li", -1.9)]
    kept = lowest_per_formula(entries)
    assert {entry.formula for entry in kept} == {"LiCl", "Li"}
    assert min(energies) == next(entry.energy_per_atom for entry in kept if entry.formula == "LiCl")


def test_a_known_and_an_unknown_polymorph_stand_side_by_side() -> None:
    entries = [public("LiCl", -4.0), public("LiCl", -3.9, LICL)]
    assert len(lowest_per_formula(entries)) == 2


@settings(deadline=None)
@given(deviations=st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=20), shift=st.floats(-1, 1))
def test_error_of_chgnet_follows_the_mean_absolute_deviation(deviations: list[float], shift: float) -> None:
    rows = [RefereeRow("LiCl", "mp-1", shift, shift + d) for d in deviations]
    mean = sum(abs(d) for d in deviations) / len(deviations)
    assert chgnet_error(rows) == pytest.approx(hypot(sqrt(pi / 2) * mean, DFT_ERROR), abs=1e-9)


def test_without_a_referee_there_is_no_error_bar() -> None:
    with pytest.raises(InputError, match="at least one public compound"):
        chgnet_error([])


def test_a_class_with_few_compounds_has_the_error_of_all() -> None:
    oxides = [RefereeRow("Li2O", f"mp-{i}", -5.0, -5.0 + 0.1 * (-1) ** i) for i in range(FEWEST)]
    chlorides = [RefereeRow("LiCl", f"mp-{i}", -4.0, -3.5) for i in range(FEWEST - 1)]
    errors = class_errors([*oxides, *chlorides])
    assert errors["oxide"] == pytest.approx(chgnet_error(oxides), abs=1e-6)
    assert errors["chloride"] == errors["sulfide"] == pytest.approx(chgnet_error([*oxides, *chlorides]), abs=1e-6)
    assert errors["chloride"] != pytest.approx(chgnet_error(chlorides), abs=1e-6)


def oxygen_crystal(bond: float) -> Structure:
    return Structure(Lattice.cubic(6.0), ["Li", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + bond / 6.0]])


@pytest.mark.parametrize(("bond", "molecular"), [(1.21, True), (1.24, True), (1.345, False), (1.55, False)])
def test_oxygen_molecules_in_a_compound_are_seen(bond: float, molecular: bool) -> None:
    assert holds_molecular_oxygen(public("LiO2", -5.0, oxygen_crystal(bond))) == molecular


def test_oxygen_itself_and_unknown_polymorphs_are_no_such_compound() -> None:
    oxygen = Structure(Lattice.cubic(6.0), ["O", "O"], [[0, 0, 0], [0, 0, 0.2]])
    assert not holds_molecular_oxygen(public("O2", -4.9, oxygen))
    assert not holds_molecular_oxygen(public("LiO8", -5.0))


class Counting(Relaxations):
    """Energies and volumes from a function instead of CHGNet."""

    def __init__(self, answer: Callable[[Structure], float], swelling: float = 1.0) -> None:
        self.answer, self.swelling = answer, swelling
        self.asked: list[tuple[str, str]] = []

    def signature(self) -> Signature:
        return Signature(engine="chgnet", version="1", functional="PBE", hubbard_u={}, potentials="none")

    def relaxed(self, structure: Structure, task: Any, label: str) -> Relaxed:
        self.asked.append((task.kind, label))
        return Relaxed(self.answer(structure), self.swelling * float(structure.volume) / len(structure), 1)


SOURCE = {"citation": "here", "license": "MIT", "url": "https://example.org"}
SPEC = PhaseSetSpec(
    name="licl",
    version="1",
    description="Li and Cl",
    elements=("Li", "Cl", "O"),
    sources={"mp-calc-compounds": SOURCE, "chgnet": SOURCE, "unused": SOURCE},
)


def test_build_prefers_public_energies_and_fills_the_rest() -> None:
    entries = [
        public("Li", -1.9),
        public("Cl2", -1.85),
        public("O2", -4.9),
        public("LiCl", -4.0, LICL, "mp-22905"),
        public("NaCl", -3.0, entry_id="mp-1"),
    ]
    relaxations = Counting(lambda structure: -3.9)
    document, rows = build(SPEC, entries, relaxations)
    verify(document)
    found = {entry["id"]: entry for entry in document["entries"]}
    assert found["mp-22905"]["tier"] == "vasp"
    assert found["mp-22905"]["material"] == "LiCl"
    assert found["mp-22905"]["space_group"] == "Fm-3m"
    assert found["mp-22905"]["volume"] == pytest.approx(LICL.volume, abs=1e-3)
    assert "chgnet-LiCl" not in found
    assert "mp-1" not in found
    assert found["chgnet-LiClO4"]["tier"] == "chgnet"
    assert (
        found["chgnet-LiClO4"]["error"]
        == document["errors"]["chgnet"]["other"]
        == pytest.approx(chgnet_error(rows), abs=1e-6)
    )
    assert set(document["sources"]) == {"mp-calc-compounds", "chgnet"}
    assert document["signatures"]["chgnet"]["version"] == "1"
    assert not any(kind == "relax" and label in {"Li", "Cl2", "O2", "LiCl"} for kind, label in relaxations.asked)
    assert [row.formula for row in rows] == ["LiCl"]
    assert rows[0].deviation == pytest.approx(0.1)


def perchlorate(swelling: float) -> dict[str, Any]:
    entries = [public("Li", -1.9), public("Cl2", -1.85), public("O2", -4.9), public("LiCl", -4.0, LICL)]
    document, _ = build(SPEC, entries, Counting(lambda structure: -3.9, swelling))
    return next(entry for entry in document["entries"] if entry["id"] == "chgnet-LiClO4")


def test_a_cell_that_drifts_apart_gives_the_measured_volume_and_says_so() -> None:
    crystal = conventional(material("LiClO4")).volume / 4
    assert perchlorate(1.02)["volume"] == pytest.approx(1.02 * crystal, rel=1e-4)
    assert perchlorate(1.02)["volume_source"] == "relaxed cell, CHGNet"
    assert perchlorate(1.2)["volume"] == pytest.approx(crystal, rel=1e-4)
    assert "+20 % off" in perchlorate(1.2)["volume_source"]
    with pytest.raises(CalculationError, match=r"the relaxation changed the volume by \+60 %"):
        perchlorate(1.1 + LARGEST_VOLUME_CHANGE)


def test_a_crystal_that_is_left_out_is_no_entry() -> None:
    entries = [public("Li", -1.9), public("Cl2", -1.85), public("O2", -4.9), public("LiCl", -4.0, LICL)]
    document, _ = build(SPEC.model_copy(update={"left_out": ("LiClO4",)}), entries, Counting(lambda structure: -3.9))
    assert {"chgnet-Li2O", "chgnet-LiClO4"} & {entry["id"] for entry in document["entries"]} == {"chgnet-Li2O"}


def test_an_element_from_the_specification_has_its_crystal_and_no_correction() -> None:
    boron = {
        "id": "mp-160",
        "formula": "B",
        "space_group": "R-3m",
        "energy_per_atom": -6.68,
        "source": "mp-calc-compounds",
    }
    spec = SPEC.model_copy(update={"elements": ("Li", "Cl", "B"), "references": (ReferenceEnergy(**boron),)})
    document, _ = build(
        spec, [public("Li", -1.9), public("Cl2", -1.85), public("LiCl", -4.0, LICL)], Counting(lambda structure: -3.9)
    )
    found = next(entry for entry in document["entries"] if entry["id"] == "mp-160")
    assert (found["energy_per_atom"], found["error"], found["space_group"], found["tier"]) == (
        -6.68,
        0.0,
        "R-3m",
        "vasp",
    )


ENTRIES = [public("Li", -1.9), public("Cl2", -1.85), public("O2", -4.9), public("LiCl", -4.0, LICL)]


def test_a_public_entry_that_is_left_out_makes_room_for_the_library_crystal() -> None:
    spec = SPEC.model_copy(update={"left_out_public": {ENTRIES[3].entry_id: "another polymorph than the library's"}})
    document, _ = build(spec, ENTRIES, Counting(lambda structure: -3.9))
    found = {entry["formula"]: entry["id"] for entry in document["entries"]}
    assert found["LiCl"] == "chgnet-LiCl"


def test_a_compound_from_the_specification_is_public_and_not_relaxed() -> None:
    given = ReferenceEnergy(
        id="paper-Li2O",
        formula="Li2O",
        space_group="Fm-3m",
        energy_per_atom=-4.97,
        correction_error=0.007,
        volume=8.2,
        source="mp-calc-compounds",
    )
    document, _ = build(SPEC.model_copy(update={"references": (given,)}), ENTRIES, Counting(lambda structure: -3.9))
    found = {entry["id"]: entry for entry in document["entries"] if entry["formula"] == "Li2O"}
    assert list(found) == ["paper-Li2O"]
    assert (found["paper-Li2O"]["tier"], found["paper-Li2O"]["volume"]) == ("vasp", pytest.approx(24.6))
    assert found["paper-Li2O"]["error"] == pytest.approx(hypot(0.007, DFT_ERROR), abs=1e-6)


def test_an_earlier_set_gives_its_relaxations_and_only_what_it_lacks_is_relaxed() -> None:
    first, _ = build(SPEC.model_copy(update={"left_out": ("LiClO4",)}), ENTRIES, Counting(lambda structure: -3.9))
    later, rows = build(SPEC, ENTRIES, Counting(lambda structure: -3.5), first)
    energies = {entry["id"]: entry["energy_per_atom"] for entry in later["entries"]}
    assert (energies["chgnet-Li2O"], energies["chgnet-LiClO4"], rows) == (-3.9, -3.5, [])
    assert later["errors"] == first["errors"]
    other = {**first, "signatures": {"chgnet": {**first["signatures"]["chgnet"], "version": "0"}}}
    with pytest.raises(InputError, match="have another signature"):
        build(SPEC, ENTRIES, Counting(lambda structure: -3.5), other)


def test_the_electrolyte_of_the_set_is_on_its_scale() -> None:
    """The run's total energy with the scheme's corrections, as pymatgen applies them."""
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
    from pymatgen.entries.computed_entries import ComputedEntry

    spec, _ = parse_file(CONFIGS / "phases" / "solidstate.yaml", PhaseSetSpec)
    (given,) = (one for one in spec.references if one.formula == "Li6PS5Cl")
    potentials = ["PAW_PBE Li_sv 23Jan2001", "PAW_PBE P 17Jan2003", "PAW_PBE S 17Jan2003", "PAW_PBE Cl 17Jan2003"]
    settings_of = {"run_type": "GGA", "hubbards": {}, "potcar_symbols": potentials}
    data = {"oxidation_states": {"Cl": -1.0}, "sulfide_type": "sulfide"}
    raw = ComputedEntry("Li24P4S20Cl4", -216.72565299, parameters=settings_of, data=data)
    found = MaterialsProject2020Compatibility(check_potcar=False).process_entry(raw, on_error="raise")
    assert found is not None
    assert given.energy_per_atom == pytest.approx(found.energy_per_atom, abs=1e-6)
    assert given.correction_error == pytest.approx(found.correction_uncertainty_per_atom, abs=1e-5)


@settings(deadline=None)
@given(text=st.text(), number=st.floats(allow_nan=False, allow_infinity=False))
def test_hash_ignores_order_and_itself_but_nothing_else(text: str, number: float) -> None:
    document = {"name": text, "value": number, "entries": [1, 2]}
    turned = dict(reversed(list(document.items())))
    assert canonical_sha256(document) == canonical_sha256(turned) == canonical_sha256({**document, "sha256": "x"})
    assert canonical_sha256(document) != canonical_sha256({**document, "entries": [2, 1]})


def write_entries(directory: Path) -> None:
    structure = LICL.copy().remove_oxidation_states().as_dict()
    lithium = raw_entry("Li", -1.9)
    chloride = {**raw_entry("LiCl", -3.688175), "@class": "ComputedStructureEntry", "structure": structure}
    for name, content in {
        "pymatgen_calc_compounds_norm.json.gz": {"Li": lithium, "LiCl": chloride},
        "reaction-network_x_entries.json.gz": [raw_entry("Fe", -8.4), {**raw_entry("Li3PS4", -4.1), "entry_id": None}],
    }.items():
        with gzip.open(directory / name, "wt") as stream:
            json.dump(content, stream)
    (directory / "pymatgen_TiO2_entries.json").write_text(
        json.dumps([{**raw_entry("TiO2", -9.0, "oxide"), "entry_id": 390}])
    )


def test_public_files_are_read_whole(tmp_path: Path) -> None:
    write_entries(tmp_path)
    found = {entry.formula: entry for entry in public_entries(tmp_path)}
    assert {formula: entry.entry_id for formula, entry in found.items()} == {
        "Li": "mp-Li",
        "LiCl": "mp-LiCl",
        "Fe": "mp-Fe",
        "Li3PS4": "mp-reaction-network-Li3P1S4",
        "TiO2": "mp-390",
    }
    assert found["LiCl"].energy_per_atom == pytest.approx(-3.995175)
    assert found["LiCl"].structure is not None
    assert found["Li"].is_element


def test_a_missing_public_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="pymatgen_calc_compounds_norm"):
        public_entries(tmp_path)
    assert main(["solidstate", "--entries", str(tmp_path), "--out", str(tmp_path / "out.json")]) == 2
    assert "pymatgen_calc_compounds_norm" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnonsense"])
def test_a_corrupt_public_file_is_named(tmp_path: Path, content: bytes) -> None:
    write_entries(tmp_path)
    (tmp_path / "pymatgen_calc_compounds_norm.json.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"pymatgen_calc_compounds_norm\.json\.gz: not a readable entry file"):
        public_entries(tmp_path)


def test_a_second_build_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    structure, task = LICL, Static(method=None)
    first = Relaxations(tmp_path)
    found = first.relaxed(structure, task, "LiCl")
    assert found.energy_per_atom == pytest.approx(-3.99, abs=0.1)
    assert found.volume_per_atom == pytest.approx(structure.volume / 2)
    second = Relaxations(tmp_path)
    monkeypatch.setattr(second.backend, "calculate", lambda *_: pytest.fail("computed twice"))
    assert second.relaxed(structure, task, "LiCl") == found
    strained = structure.copy().apply_strain(0.01)
    with pytest.raises(pytest.fail.Exception, match="computed twice"):
        second.relaxed(strained, task, "LiCl")
