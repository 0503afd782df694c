"""The pinned phase sets that ship with the package: intact, complete, and honest about where each energy comes from."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from pymatgen.core import Composition

from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
from catholyte.configs.errors import InputError
from catholyte.configs.load import CONFIGS, load_materials
from catholyte.structures.crystals.chemistry import CHEMICAL_CLASSES, chemical_class
from catholyte.workflows.phases.build import SCALE, PhaseSetSpec, canonical_sha256, verify

#: products of the LiCoO2 | Li-P-S-Cl and Li2CO3 | Li-P-S-Cl reactions that a hull must know
PRODUCTS = (
    "Li3PO4",
    "Li2S",
    "Li2SO4",
    "LiCl",
    "P2S5",
    "S",
    "Co9S8",
    "Co3S4",
    "CoS2",
    "CoSO4",
    "Li2O",
    "Li2O2",
    "O2",
    "CO2",
    "CoO2",
    "Co(PO3)2",
    "LiCoPO4",
    "CoP",
    "CoCl2",
    "SO3",
    "PCl3",
    "POCl3",
    "S2Cl2",
    "LiC6",
    "LiCo2O4",
)
#: rows of the library that are entries of their own, and the state of charge of LiCoO2
OWN_ENTRIES = (
    *("NCM111", "NCM532", "NCM622", "NCM811", "LRMO", "Li2MnO3", "LCO", "Li0.5CoO2", "CoO2"),
    *("LPSCl", "LGPS", "LPS", "LYC", "LIC", "LLZO", "LATP", "LAGP", "LiPON", "LPSBr", "LPSI", "LZC", "LYB", "NPS"),
    *("Li2CO3", "Li2TiO3", "Li4Ti5O12", "Li3BO3", "LiNbO3", "LiTaO3", "LiNb0.5Ta0.5O3", "Li2SnO3", "Li2WO4"),
    *("CoO", "NiO", "Co3O4", "LFP", "LNMO", "LiMn2O4", "NaCoO2"),
    *("Li3N", "LiF", "LiBr", "LiI", "LiAlO2", "Al2O3", "ZrO2", "Li2ZrO3", "SiO2", "MgO", "LiOH", "H2O", "H2S"),
)
#: potentials of learned entries
LEARNED = ("chgnet", "sevennet")


def load(name: str) -> dict[str, Any]:
    return json.loads((CONFIGS / "phases" / f"{name}.json").read_text(encoding="utf-8"))


DOCUMENTS = {path.stem: load(path.stem) for path in sorted((CONFIGS / "phases").glob("*.json"))}
each_set = pytest.mark.parametrize("name", sorted(DOCUMENTS))


def reduced(formula: str) -> str:
    return Composition(formula).get_integer_formula_and_factor()[0]


def test_the_complete_phase_set_ships_and_is_the_default() -> None:
    assert DEFAULT_PHASE_SET in DOCUMENTS
    former = "Li Co Ni Mn Ti B C Sn W Nb Ta Ge P S Cl In Y O"
    new = "H N F Na Mg Al Si Ca V Cr Fe Cu Zn Br Zr Mo Sb I La Bi"
    assert " ".join(DOCUMENTS[DEFAULT_PHASE_SET]["elements"]) == f"{former} {new}"


@pytest.mark.parametrize("name", OWN_ENTRIES)
def test_cathodes_electrolytes_and_coatings_are_entries_of_their_own(name: str) -> None:
    entry = load_phase_set(DEFAULT_PHASE_SET).entry_for(name)
    assert entry is not None
    assert entry.material == name
    assert entry.volume is not None


@each_set
def test_hash_is_that_of_the_content(name: str) -> None:
    verify(DOCUMENTS[name], name)
    assert len(DOCUMENTS[name]["sha256"]) == 64


@each_set
@pytest.mark.parametrize("change", ["energy", "source", "drop"])
def test_an_altered_file_is_refused(name: str, change: str) -> None:
    altered = copy.deepcopy(DOCUMENTS[name])
    if change == "energy":
        altered["entries"][0]["energy_per_atom"] += 1e-6
    elif change == "source":
        altered["sources"]["chgnet"]["license"] = "unknown"
    else:
        altered["entries"].pop()
    with pytest.raises(InputError, match="does not match its hash"):
        verify(altered, name)
    assert canonical_sha256(altered) != DOCUMENTS[name]["sha256"]


@each_set
def test_the_set_is_what_its_specification_asks_for(name: str) -> None:
    from catholyte.configs.load import parse_file

    spec, _ = parse_file(CONFIGS / "phases" / f"{name}.yaml", PhaseSetSpec)
    document = DOCUMENTS[name]
    assert (document["name"], document["version"], tuple(document["elements"])) == (
        spec.name,
        spec.version,
        spec.elements,
    )
    assert document["scale"] == SCALE


@each_set
def test_entries_cover_the_elements_and_nothing_else(name: str) -> None:
    document = DOCUMENTS[name]
    found = {element.symbol for entry in document["entries"] for element in Composition(entry["formula"]).elements}
    assert found == set(document["elements"])


@each_set
def test_element_references_are_public_dft_energies(name: str) -> None:
    document = DOCUMENTS[name]
    pure = [entry for entry in document["entries"] if len(Composition(entry["formula"])) == 1]
    assert {Composition(entry["formula"]).elements[0].symbol for entry in pure} == set(document["elements"])
    assert all(entry["tier"] == "vasp" and entry["source"].startswith("mp-") and entry["error"] == 0 for entry in pure)


@each_set
def test_ids_are_unique(name: str) -> None:
    ids = [entry["id"] for entry in DOCUMENTS[name]["entries"]]
    assert len(ids) == len(set(ids))


@each_set
def test_every_source_states_citation_license_and_url(name: str) -> None:
    document = DOCUMENTS[name]
    used = {entry["source"] for entry in document["entries"]}
    assert used == set(document["sources"])
    assert all(source[key] for source in document["sources"].values() for key in ("citation", "license", "url"))


def offenders(name: str, holds: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Ids of the entries of a set for which a statement does not hold."""
    entries = DOCUMENTS[name]["entries"]
    assert entries
    return [entry["id"] for entry in entries if not holds(entry)]


@each_set
def test_tier_follows_the_source(name: str) -> None:
    def holds(entry: dict[str, Any]) -> bool:
        learned = entry["tier"] in LEARNED
        if not learned == (entry["source"] in LEARNED) == entry["id"].startswith(LEARNED):
            return False
        if learned:
            named = entry["tier"] == entry["source"] == entry["id"].split("-")[0]
            return named and entry["error"] > 0.024 and entry["potentials"][entry["tier"]] == entry["energy_per_atom"]
        return entry["tier"] != "vasp" or len(Composition(entry["formula"])) == 1 or entry["error"] >= 0.024

    assert offenders(name, holds) == []


@each_set
def test_the_error_of_a_learned_entry_is_that_of_its_class_or_the_difference(name: str) -> None:
    errors = DOCUMENTS[name]["errors"]
    assert all(set(errors[tier]) == set(CHEMICAL_CLASSES) for tier in LEARNED)

    def holds(entry: dict[str, Any]) -> bool:
        if entry["tier"] not in LEARNED:
            return True
        of_class = errors[entry["tier"]][chemical_class(Composition(entry["formula"]))]
        values = list(entry["potentials"].values())
        difference = max(values) - min(values)
        return bool(entry["error"] in (of_class, pytest.approx(max(of_class, difference), abs=2e-6)))

    assert offenders(name, holds) == []


@each_set
def test_a_volume_states_its_source_and_is_that_of_condensed_matter(name: str) -> None:
    def holds(entry: dict[str, Any]) -> bool:
        if entry["volume"] is None:
            return entry["volume_source"] == "" and entry["tier"] not in LEARNED
        # Å³ per atom: boron 7, solid chlorine 29, a loose public Y2ClO2 66
        dense = 4 < entry["volume"] / Composition(entry["formula"]).num_atoms < 70
        return dense and entry["volume_source"] != ""

    assert offenders(name, holds) == []


@each_set
def test_energy_is_a_total_energy_per_atom(name: str) -> None:
    assert offenders(name, lambda entry: -13 < entry["energy_per_atom"] < -1.2) == []


@each_set
def test_material_is_in_the_library_and_has_the_formula(name: str) -> None:
    library = load_materials()

    def holds(entry: dict[str, Any]) -> bool:
        if entry["material"] is None:
            return entry["tier"] not in LEARNED or "starting structure: " in entry["note"]
        return reduced(library[entry["material"]].formula) == reduced(entry["formula"])

    assert offenders(name, holds) == []


@each_set
def test_an_entry_without_structure_says_that_its_polymorph_is_unknown(name: str) -> None:
    def holds(entry: dict[str, Any]) -> bool:
        return (entry["space_group"] is None) == ("polymorph unknown" in entry["note"])

    assert offenders(name, holds) == []


def test_the_products_of_the_interface_reactions_are_there() -> None:
    present = {reduced(entry["formula"]) for entry in DOCUMENTS[DEFAULT_PHASE_SET]["entries"]}
    assert [formula for formula in PRODUCTS if reduced(formula) not in present] == []
