"""The builder of pinned phase sets: corrections, choice of entries and potentials, the referee, what is refused."""

from __future__ import annotations

import gzip
import json
from math import hypot, pi, sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.compatibility import CompatibilityError

from catholyte.configs.errors import InputError
from catholyte.configs.load import CONFIGS, material, parse_file
from catholyte.structures.crystals.crystal import conventional, primitive
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import Signature
from catholyte.workflows.phases.build import (
    PhaseSetSpec,
    ReferenceEnergy,
    build,
    canonical_sha256,
    crystals_of,
    main,
    verify,
    write_public,
)
from catholyte.workflows.phases.potential_errors import (
    DFT_ERROR,
    FEWEST,
    RefereeRow,
    class_errors,
    potential_error,
    referee_rows,
)
from catholyte.workflows.phases.public_entries import (
    PublicEntry,
    corrected,
    holds_molecular_oxygen,
    lowest_per_formula,
    public_entries,
    read_pinned,
)
from catholyte.workflows.phases.records import Crystal, public_record, refused
from catholyte.workflows.phases.relaxed_crystals import (
    PotentialEnergy,
    PublicGeometry,
    RelaxedCrystal,
    RelaxedCrystals,
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
def test_error_of_a_potential_follows_the_mean_absolute_deviation(deviations: list[float], shift: float) -> None:
    rows = [RefereeRow("LiCl", "mp-1", shift, shift + d) for d in deviations]
    mean = sum(abs(d) for d in deviations) / len(deviations)
    assert potential_error(rows) == pytest.approx(hypot(sqrt(pi / 2) * mean, DFT_ERROR), abs=1e-9)


def test_without_a_referee_there_is_no_error_bar() -> None:
    with pytest.raises(InputError, match="at least one public compound"):
        potential_error([])


def test_a_class_with_few_compounds_has_the_error_of_all() -> None:
    oxides = [RefereeRow("Li2O", f"mp-{i}", -5.0, -5.0 + 0.1 * (-1) ** i) for i in range(FEWEST)]
    chlorides = [RefereeRow("LiCl", f"mp-{i}", -4.0, -3.5) for i in range(FEWEST - 1)]
    errors = class_errors([*oxides, *chlorides])
    assert errors["oxide"] == pytest.approx(potential_error(oxides), abs=1e-6)
    assert errors["chloride"] == errors["sulfide"] == pytest.approx(potential_error([*oxides, *chlorides]), abs=1e-6)
    assert errors["chloride"] != pytest.approx(potential_error(chlorides), abs=1e-6)


def test_rows_hold_the_potential_that_is_asked_for() -> None:
    public = {
        "mp-1": PublicGeometry(formula="LiCl", public=-4.0, energies={"chgnet": -3.9, "sevennet": -4.05}),
        "mp-2": PublicGeometry(formula="Li2O", public=-5.0, energies={"chgnet": -4.9}),
    }
    assert [row.deviation for row in referee_rows(public, "sevennet")] == pytest.approx([-0.05])
    assert [row.deviation for row in referee_rows(public, "chgnet")] == pytest.approx([0.1, 0.1])


def oxygen_crystal(bond: float) -> Structure:
    return Structure(Lattice.cubic(6.0), ["Li", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + bond / 6.0]])


@pytest.mark.parametrize(("bond", "molecular"), [(1.21, True), (1.24, True), (1.345, False), (1.55, False)])
def test_oxygen_molecules_in_a_compound_are_seen(bond: float, molecular: bool) -> None:
    assert holds_molecular_oxygen(public("LiO2", -5.0, oxygen_crystal(bond))) == molecular


def test_oxygen_itself_and_unknown_polymorphs_are_no_such_compound() -> None:
    oxygen = Structure(Lattice.cubic(6.0), ["O", "O"], [[0, 0, 0], [0, 0, 0.2]])
    assert not holds_molecular_oxygen(public("O2", -4.9, oxygen))
    assert not holds_molecular_oxygen(public("LiO8", -5.0))


SOURCE = {"citation": "here", "license": "MIT", "url": "https://example.org"}
SPEC = PhaseSetSpec(
    name="licl",
    version="1",
    description="Li and Cl",
    elements=("Li", "Cl", "O"),
    sources={"mp-calc-compounds": SOURCE, "chgnet": SOURCE, "sevennet": SOURCE, "unused": SOURCE},
)
SIGNATURE = Signature(engine="chgnet", version="1", functional="PBE", hubbard_u={}, potentials="none")
ENTRIES = [public("Li", -1.9), public("Cl2", -1.85), public("O2", -4.9), public("LiCl", -4.0, LICL, "mp-22905")]
PERCHLORATE = Crystal("LiClO4", Composition("LiClO4"), material=material("LiClO4"))
#: the volume of its crystal, Å³/atom
VOLUME = float(conventional(material("LiClO4")).volume) / 24


def relaxed(crystals: dict[str, RelaxedCrystal], **public_energies: float) -> RelaxedCrystals:
    """Relaxations, and LiCl as the potentials have it beside the public -4.0 eV/atom."""
    energies = public_energies or {"chgnet": -3.9, "sevennet": -3.98}
    geometry = PublicGeometry(formula="LiCl", public=-4.0, energies=energies)
    signatures = {"chgnet": SIGNATURE, "sevennet": SIGNATURE}
    return RelaxedCrystals(signatures=signatures, crystals=crystals, public={"mp-22905": geometry})


def perchlorate(swelling: float = 1.0, difference: float = -0.01, **changes: Any) -> RelaxedCrystal:
    """LiClO4 after both potentials, which agree but for `difference`."""
    one = PotentialEnergy(energy=-5.0, volume=swelling * VOLUME, space_group="Pnma", operations=8, steps=3)
    other = one.model_copy(update={"energy": -5.0 + difference})
    start = {"formula": "LiClO4", "atoms": 24, "start": "x", "space_group": "Pnma", "operations": 8}
    return RelaxedCrystal(**{**start, "energies": {"chgnet": one, "sevennet": other}, **changes})


def entries_of(found: RelaxedCrystal, crystal: Crystal = PERCHLORATE) -> dict[str, dict[str, Any]]:
    document = build(SPEC, ENTRIES, relaxed({crystal.name: found}), [crystal])
    verify(document)
    return {entry["id"]: entry for entry in document["entries"]}


def test_build_prefers_public_energies_and_the_better_potential() -> None:
    outside = public("NaCl", -3.0, entry_id="mp-1")
    document = build(SPEC, [*ENTRIES, outside], relaxed({"LiClO4": perchlorate()}), [PERCHLORATE])
    verify(document)
    found = {entry["id"]: entry for entry in document["entries"]}
    assert (found["mp-22905"]["tier"], found["mp-22905"]["material"]) == ("vasp", "LiCl")
    assert found["mp-22905"]["space_group"] == "Fm-3m"
    assert found["mp-22905"]["volume"] == pytest.approx(LICL.volume, abs=1e-3)
    assert found["mp-22905"]["potentials"] == {"chgnet": -3.9, "sevennet": -3.98}
    assert set(found) == {"mp-22905", "mp-Li--1.9", "mp-Cl2--1.85", "mp-O2--4.9", "sevennet-LiClO4"}
    learned = found["sevennet-LiClO4"]
    assert (learned["tier"], learned["energy_per_atom"]) == ("sevennet", -5.01)
    assert learned["potentials"] == {"chgnet": -5.0, "sevennet": -5.01}
    assert learned["error"] == document["errors"]["sevennet"]["other"]
    assert learned["error"] == pytest.approx(hypot(sqrt(pi / 2) * 0.02, DFT_ERROR), abs=1e-6)
    assert set(document["sources"]) == {"mp-calc-compounds", "sevennet"}
    assert document["signatures"]["chgnet"]["version"] == "1"


def test_the_potential_of_the_smaller_error_counts() -> None:
    better = relaxed({"LiClO4": perchlorate()}, chgnet=-4.01, sevennet=-4.1)
    document = build(SPEC, ENTRIES, better, [PERCHLORATE])
    assert [entry["id"] for entry in document["entries"] if entry["formula"] == "LiClO4"] == ["chgnet-LiClO4"]


def test_a_pinned_potential_stays() -> None:
    (kept,) = (e for e in entries_of(perchlorate(tier="chgnet")).values() if e["formula"] == "LiClO4")
    assert (kept["id"], kept["energy_per_atom"]) == ("chgnet-LiClO4", -5.0)


def test_an_error_is_no_smaller_than_the_difference_of_the_potentials() -> None:
    assert entries_of(perchlorate(difference=-0.09))["sevennet-LiClO4"]["error"] == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (perchlorate(difference=-0.2), "the potentials differ by -200 meV/atom"),
        (perchlorate(energies={"chgnet": PotentialEnergy(energy=-5.0)}), "not relaxed by sevennet"),
        (perchlorate(operations=16), "chgnet takes it from Pnma to Pnma"),
    ],
)
def test_a_crystal_that_the_potentials_do_not_know_is_refused(found: RelaxedCrystal, reason: str) -> None:
    told = refused([PERCHLORATE], relaxed({"LiClO4": found}))
    assert told == {"LiClO4": reason}
    assert "LiClO4" not in {entry["formula"] for entry in entries_of(found).values()}


def test_volumes_that_differ_are_those_of_two_crystals() -> None:
    one = perchlorate()
    loose = one.energies["sevennet"].model_copy(update={"volume": 1.3 * VOLUME})
    found = perchlorate(energies={**one.energies, "sevennet": loose})
    assert refused([PERCHLORATE], relaxed({"LiClO4": found})) == {
        "LiClO4": "the volumes of the potentials differ by +30 %"
    }


def test_a_cell_that_drifts_apart_gives_the_measured_volume_and_says_so() -> None:
    def of(swelling: float) -> dict[str, Any]:
        return entries_of(perchlorate(swelling))["sevennet-LiClO4"]

    assert of(1.02)["volume"] == pytest.approx(1.02 * 6 * VOLUME, rel=1e-4)
    assert of(1.02)["volume_source"] == "relaxed cell, SevenNet-0"
    assert of(1.2)["volume"] == pytest.approx(6 * VOLUME, rel=1e-4)
    assert "+20 % off" in of(1.2)["volume_source"]


def test_an_element_from_the_specification_has_its_crystal_and_no_correction() -> None:
    boron = ReferenceEnergy(
        id="mp-160", formula="B", space_group="R-3m", energy_per_atom=-6.68, source="mp-calc-compounds"
    )
    spec = SPEC.model_copy(update={"elements": ("Li", "Cl", "B"), "references": (boron,)})
    document = build(spec, ENTRIES, relaxed({}), [])
    found = next(entry for entry in document["entries"] if entry["id"] == "mp-160")
    told = (found["energy_per_atom"], found["error"], found["space_group"], found["tier"])
    assert told == (-6.68, 0.0, "R-3m", "vasp")


def test_a_public_entry_that_is_left_out_makes_room_for_the_library_crystal() -> None:
    assert "LiCl" not in {crystal.name for crystal in crystals_of(SPEC, ENTRIES)}
    spec = SPEC.model_copy(update={"left_out_public": {"mp-22905": "another polymorph than the library's"}})
    assert "LiCl" in {crystal.name for crystal in crystals_of(spec, ENTRIES)}
    spec = spec.model_copy(update={"left_out": ("LiCl",)})
    assert "LiCl" not in {crystal.name for crystal in crystals_of(spec, ENTRIES)}


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
    spec = SPEC.model_copy(update={"references": (given,)})
    assert "Li2O" not in {crystal.name for crystal in crystals_of(spec, ENTRIES)}
    document = build(spec, ENTRIES, relaxed({}), [])
    found = {entry["id"]: entry for entry in document["entries"] if entry["formula"] == "Li2O"}
    assert list(found) == ["paper-Li2O"]
    assert (found["paper-Li2O"]["tier"], found["paper-Li2O"]["volume"]) == ("vasp", pytest.approx(24.6))
    assert found["paper-Li2O"]["error"] == pytest.approx(hypot(0.007, DFT_ERROR), abs=1e-6)


def test_pinned_entries_come_back_as_they_were(tmp_path: Path) -> None:
    write_public(ENTRIES, SPEC, tmp_path / "public.json")
    back = read_pinned(tmp_path / "public.json")
    assert {entry.entry_id: public_record(entry, {}) for entry in back} == {
        entry.entry_id: public_record(entry, {}) for entry in ENTRIES
    }
    (tmp_path / "public.json").write_text("{")
    with pytest.raises(InputError, match="not a readable file of public energies"):
        read_pinned(tmp_path / "public.json")


def test_the_shipped_set_is_what_its_sources_give(tmp_path: Path) -> None:
    """One command, no energy computed, no file beside the package: the same hash."""
    assert main(["solidstate", "--out", str(tmp_path / "out.json")]) == 0
    built = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    shipped = json.loads((CONFIGS / "phases" / "solidstate.json").read_text(encoding="utf-8"))
    assert built["sha256"] == shipped["sha256"]


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
