"""Every material of the library is a crystal that can exist: formula, charge, symmetry, density and bond lengths
agree."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Species, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from pymatgen.symmetry.groups import SpaceGroup

from catholyte.configs.load import (
    CONFIGS,
    MATERIALS_VARIABLE,
    library_formulas,
    load_materials,
    material,
    parse_file,
)
from catholyte.configs.models import Material
from catholyte.structures.crystals.crystal import conventional, primitive

NAMES = sorted(path.stem for path in (CONFIGS / "materials").glob("*.yaml"))

#: rows of SCIENCE section 1 that every pipeline names, with their roles
REQUIRED = {
    "cathode": ["LCO", "NCM111", "NCM532", "NCM622", "NCM811", "LRMO", "Li2MnO3"],
    "rock salt": ["CoO", "NiO"],
    "boundary phase": ["Co3O4"],
    "coating": ["Li2CO3", "Li2TiO3", "Li4Ti5O12", "Li3BO3", "LiNbO3", "LiTaO3", "LiNb0.5Ta0.5O3", "Li2SnO3", "Li2WO4"],
    "electrolyte": ["LPSCl", "LGPS", "LPS", "LYC", "LIC"],
    "anode": ["Li", "LiIn"],
}
#: Å, first-shell bond lengths of molecular units, whose covalent bonds ionic radii do not describe
UNITS = {
    ("P", "S"): (1.90, 2.20),
    ("C", "O"): (1.12, 1.35),
    ("B", "O"): (1.30, 1.55),
    ("P", "O"): (1.40, 1.68),
    ("S", "O"): (1.38, 1.55),
    ("C", "S"): (1.50, 1.75),
}
#: Å, ions that Shannon does not list: In+ is Tl+ (1.50 in six-fold coordination) less the 0.09 by which In3+ is smaller
#: than Tl3+
BESIDE_SHANNON = {"In+": 1.41}
#: Shannon's coordination labels
COORDINATION = {
    "I": 1, "II": 2, "III": 3, "IIIPY": 3, "IV": 4, "IVSQ": 4, "IVPY": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10, "XI": 11, "XII": 12, "XIV": 14,
}  # fmt: skip
#: moment of a d shell with all spins parallel or paired, µB: (species) to spin-only value
SPIN_ONLY = {"Co2+": 3.0, "Ni2+": 2.0, "Ni3+": 1.0, "Mn4+": 3.0, "Co3+": 0.0}


@cache
def crystal(name: str) -> Structure:
    return conventional(material(name))


def charge(composition: Composition) -> float:
    return float(sum(species.oxi_state * amount for species, amount in composition.items()))


def elements_of(composition: Composition) -> Composition:
    return composition.remove_charges()


def shannon_radius(species: Species, coordination: int) -> float | None:
    """Return the Shannon radius in Å at the tabulated coordination nearest to `coordination`; None where that charge is
    not tabulated."""
    table = species.element.data["Shannon radii"].get(str(int(species.oxi_state)))
    if not table:
        return BESIDE_SHANNON.get(str(species))
    nearest = min(table, key=lambda label: abs(COORDINATION[label] - coordination))
    return float(np.mean([entry["ionic_radius"] for entry in table[nearest].values()]))


def bond_window(cation: Species, anion: Species, coordination: int) -> tuple[float, float]:
    """Return the shortest and longest sensible nearest distance in Å.

    Molecular units have their own windows; ions 0.85 to 1.15 of the Shannon sum (a distorted polyhedron's
    shortest bond is some 10 % below the mean that the radii describe); ions whose charge Shannon does not
    list (peroxide, phosphide, carbide) the same of the sum of Slater's atomic radii (pymatgen's ``atomic_radius``).
    """
    if (cation.symbol, anion.symbol) in UNITS:
        return UNITS[cation.symbol, anion.symbol]
    radii = [shannon_radius(cation, coordination), shannon_radius(anion, 6)]
    ideal = sum(radii) if None not in radii else cation.element.atomic_radius + anion.element.atomic_radius
    return 0.85 * ideal, 1.15 * ideal


def nearest_anions(structure: Structure, index: int) -> list[tuple[float, Species]]:
    """Return (distance in Å, anion) of the anions within 3.5 Å of a site, nearest first."""
    neighbours = structure.get_neighbors(structure[index], 3.5)
    return sorted(
        ((float(n.nn_distance), species) for n in neighbours for species in n.species if species.oxi_state < 0),
        key=lambda pair: pair[0],
    )


def one_site_per_position(structure: Structure) -> list[int]:
    """Return the index of the first site of each Wyckoff position of the YAML."""
    labels = structure.site_properties["wyckoff_label"]
    return [labels.index(label) for label in dict.fromkeys(labels)]


def spread_of_counts(found: Material) -> Composition:
    """Return the composition of the ordered cell as the occupancies give it."""
    structure = primitive(found) if found.ordered_cell.primitive else crystal(found.name)
    return structure.composition * int(np.prod(found.ordered_cell.supercell))


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, names in REQUIRED.items() for name in names])
def test_required_rows_are_there(role: str, name: str) -> None:
    assert load_materials()[name].role == role


@pytest.mark.parametrize("name", NAMES)
def test_crystal_is_what_its_file_declares(name: str) -> None:
    declared, found = material(name), crystal(name)
    composition = elements_of(found.composition).fractional_composition
    stated = Composition(declared.formula).fractional_composition
    assert composition.as_dict() == pytest.approx(stated.as_dict(), abs=1e-3)
    assert all(isinstance(species, Species) and species.oxi_state is not None for species in found.composition)
    assert charge(found.composition) == pytest.approx(0.0, abs=1e-3)
    assert declared.disordered == (not found.is_ordered)
    number = SpaceGroup(declared.space_group).int_number
    assert SpacegroupAnalyzer(found, symprec=1e-3).get_space_group_number() == number
    if declared.density is not None and declared.density.kind == "crystal":
        assert float(found.density) == pytest.approx(declared.density.value, rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_first_shell_bonds_are_sensible(name: str) -> None:
    structure = crystal(name)
    has_anions = any(species.oxi_state < 0 for species in structure.composition)
    for index in one_site_per_position(structure):
        for cation in [species for species in structure[index].species if has_anions and species.oxi_state > 0]:
            shell = nearest_anions(structure, index)
            assert shell, f"{name}: {cation} has no anion within 3.5 Å"
            distance, anion = shell[0]
            low, high = bond_window(cation, anion, sum(1 for d, _ in shell if d < 1.25 * distance))
            assert low <= distance <= high, f"{name}: {cation}-{anion} {distance:.3f} Å outside {low:.2f}-{high:.2f} Å"


def test_measured_densities_of_crystals_are_stated() -> None:
    kinds = [found.density.kind for found in load_materials().values() if found.density is not None]
    assert kinds.count("crystal") > 100


def test_ordered_cells_hold_what_the_occupancies_say() -> None:
    """Whole ions that are neutral together, and the composition that the file states where it states one."""
    ordered = {name: found for name, found in load_materials().items() if found.ordered_cell}
    assert sum(bool(found.ordered_cell.composition) for found in ordered.values()) > 1
    for name, found in ordered.items():
        averaged = spread_of_counts(found)
        whole = {str(species): round(amount) for species, amount in averaged.items()}
        assert averaged.as_dict() == pytest.approx(whole, abs=1e-3), name
        assert charge(Composition(whole)) == 0, name
        if found.ordered_cell.composition:
            stated = Composition(found.ordered_cell.composition)
            assert all(amount == round(amount) for amount in stated.values()), name
            assert elements_of(averaged).as_dict() == pytest.approx(stated.as_dict(), abs=1e-3), name


def test_expected_moments_are_below_the_spin_only_value() -> None:
    own = {name: found for name, found in load_materials().items() if found.role != "product"}
    with_moments = [name for name, found in own.items() if found.magnetism.expected_moments]
    assert with_moments
    for name in with_moments:
        magnetism = own[name].magnetism
        present = {str(species) for species in crystal(name).composition}
        assert set(magnetism.expected_moments) <= present, name
        assert set(magnetism.spin_states) <= present, name
        assert all(0 <= moment <= SPIN_ONLY[ion] for ion, moment in magnetism.expected_moments.items()), name
        assert magnetism.source, name


def test_magnetic_ions_are_not_called_nonmagnetic() -> None:
    open_shell = {"Co2+", "Ni2+", "Ni3+", "Mn2+", "Mn3+", "Mn4+", "Fe2+", "Fe3+"}
    magnetic = {
        name: found.magnetism.order
        for name, found in load_materials().items()
        if found.role != "product" and open_shell & {str(species) for species in crystal(name).composition}
    }
    assert magnetic
    assert [name for name, order in magnetic.items() if order == "nonmagnetic"] == []


def test_no_two_materials_answer_to_one_name() -> None:
    spoken = [name for key, found in load_materials().items() for name in {key, *found.aliases}]
    twice = {name for name in spoken if spoken.count(name) > 1}
    assert not twice


def test_formulas_are_read_off_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = (CONFIGS / "materials" / "CoO.yaml").read_text(encoding="utf-8")
    line = next(line for line in own.splitlines() if line.startswith("formula:"))
    written = {"Plain": "formula:   CoO  # rock salt", "Folded": "formula: >-\n  CoO", "Quoted": "formula: 'CoO'"}
    for name, formula in written.items():
        changed = own.replace(line, formula).replace("name: CoO", f"name: {name}")
        (tmp_path / f"{name}.yaml").write_text(changed, encoding="utf-8")
    monkeypatch.setenv(MATERIALS_VARIABLE, str(tmp_path))
    found = library_formulas()
    assert found == {name: one.formula for name, one in load_materials().items()}
    assert {found[name] for name in written} == {"CoO"}


def test_the_fast_reader_of_the_library_reads_what_the_strict_one_does() -> None:
    """YAML 1.1 against 1.2, and keys that stand twice."""
    for name, found in load_materials().items():
        strict, _ = parse_file(CONFIGS / "materials" / f"{name}.yaml", Material)
        assert (strict.model_dump_json(), strict.name) == (found.model_dump_json(), name)


def test_some_materials_are_read_alone() -> None:
    assert list(load_materials(["LCO", "no material", "CoO"])) == ["LCO", "CoO"]


def test_origin_of_the_numbers_is_stated() -> None:
    """A source has a year, a database code or a commit."""
    unstated = [
        name
        for name, found in load_materials().items()
        if not any(character.isdigit() for character in found.source)
        or not found.license
        or (found.density is not None and not found.density.source)
    ]
    assert unstated == []


@given(name=st.sampled_from(NAMES), factor=st.floats(1.0, 1.5))
@settings(max_examples=15, deadline=None)
def test_expanding_the_lattice_keeps_the_atoms(name: str, factor: float) -> None:
    found = material(name)
    cell = found.lattice
    scaled = {"a": cell.a * factor, "b": (cell.b or cell.a) * factor, "c": (cell.c or cell.a) * factor}
    grown = conventional(found.model_copy(update={"lattice": cell.model_copy(update=scaled)}))
    assert grown.composition == crystal(name).composition
    assert float(grown.density) * factor**3 == pytest.approx(float(crystal(name).density))
