"""Oxidation and spin states of files that do not say them, against the library, where a chemist wrote them, and against
the textbook."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from catholyte.configs.errors import FileNote, InputError, StructureError
from catholyte.configs.load import load_materials
from catholyte.structures.by_name import find_source, material_from_file
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import from_space_group, primitive
from catholyte.structures.crystals.files import write_structure
from catholyte.structures.crystals.magnetism import unpaired_electrons
from catholyte.structures.crystals.oxidation.spin import odd_moments, spin_states
from catholyte.structures.crystals.oxidation.states import parse_states, species_text, with_states
from catholyte.tests.support.cases import case

#: where the library states formal means or leaves out states, and a file gets something else as good
OTHER = {
    "Co2B", "CoB", "TiB2",  # borides: without anions, all 0
    "Co9S8",  # the library tells the octahedral Co3+ from the mean of the others
    "InS",  # In2+ is an In-In pair: as many In+ and In3+
    "Li0.5CoO2", "LiCo2O4", "LiMn2O4", "LiTi2O4",  # 3.5+ of all against one 3+ for each 4+
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FileNote)
        yield


def guessed(structure: Structure, **allowed: list[float]) -> Structure:
    bare = structure.copy()
    bare.remove_oxidation_states()
    return with_states(bare, "test", allowed)


def amounts(structure: Structure) -> dict[str, float]:
    found: dict[str, float] = {}
    for species, amount in structure.composition.items():
        name = species_text(Species(species.symbol, round(species.oxi_state, 6)))
        found[name] = found.get(name, 0.0) + round(float(amount), 6)
    return found


def check(name: str) -> None:
    wanted = primitive(load_materials()[name])
    found = amounts(guessed(wanted))
    assert set(found) == set(amounts(wanted))
    for species, amount in amounts(wanted).items():
        assert found[species] == pytest.approx(amount, abs=2e-3), (name, species)


LIBRARY = sorted(set(load_materials()) - OTHER)
#: every kind of bond and every battery material
TEXTBOOK = [
    "LCO", "CoO", "Co3O4", "LiNiO2", "NCM811", "NCM532", "NCM111", "LRMO", "LiMnPO4", "Li2MnO3", "Li4Ti5O12", "LiNbO3",
    "Li2O2", "CoS2", "TiS3", "S2Cl2", "LPS", "LPSCl", "LGPS", "Li2PS3", "Li7P3S11", "CoP2", "CoP3", "LiP", "CoPS", "Li2CO3",
    "LiClO4", "CoSO4", "SO2Cl2", "PCl3", "CO", "COS", "CCl4", "Li2C2", "LiC6", "LiIn", "Li15Ge4", "Sn4P3", "SnO", "SnS2", "Ni3S2",
]  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_states_are_those_of_the_library(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARY)
def test_states_of_the_whole_library(name: str) -> None:
    check(name)


def spinel(a: str, b: str, c: str = "O", parameter: float = 8.3) -> Structure:
    return from_space_group(
        "Fd-3m", Lattice.cubic(parameter), [a, b, c], [[0, 0, 0], [0.625] * 3, [0.3875] * 3]
    ).get_primitive_structure()


def perovskite(a: str, b: str, parameter: float = 3.9) -> Structure:
    return from_space_group("Pm-3m", Lattice.cubic(parameter), [a, b, "O"], [[0.5] * 3, [0, 0, 0], [0.5, 0, 0]])


@pytest.mark.parametrize(
    ("structure", "states"),
    [
        (spinel("Co", "Fe"), {"Co2+": 2, "Fe3+": 4}),
        (spinel("Mn", "Fe"), {"Mn2+": 2, "Fe3+": 4}),
        (spinel("Ni", "Fe"), {"Ni2+": 2, "Fe3+": 4}),
        (spinel("Co", "Mn"), {"Co2+": 2, "Mn3+": 4}),
        (spinel("Cu", "Mn"), {"Cu2+": 2, "Mn3+": 4}),
        (spinel("Ni", "Co"), {"Ni2+": 2, "Co3+": 4}),
        (spinel("Fe", "Cr"), {"Fe2+": 2, "Cr3+": 4}),
        (spinel("Mn", "V"), {"Mn2+": 2, "V3+": 4}),
        (spinel("Fe", "Fe"), {"Fe2+": 2, "Fe3+": 4}),
        (spinel("Mn", "Mn"), {"Mn2+": 2, "Mn3+": 4}),
        (perovskite("La", "Co"), {"La3+": 1, "Co3+": 1}),
        (perovskite("Sr", "Ti"), {"Sr2+": 1, "Ti4+": 1}),
        (perovskite("Eu", "Ti"), {"Eu2+": 1, "Ti4+": 1}),
        (perovskite("Eu", "Fe"), {"Eu3+": 1, "Fe3+": 1}),
        (perovskite("Ba", "Bi", 4.3), None),
        (perovskite("K", "Nb"), {"K+": 1, "Nb5+": 1}),
        (perovskite("Ce", "Al"), {"Ce3+": 1, "Al3+": 1}),
        *[
            (perovskite(ln, "Co"), {f"{ln}3+": 1, "Co3+": 1})
            for ln in ("Pr", "Nd", "Sm", "Gd", "Tb", "Dy", "Er", "Yb", "Lu")
        ],
    ],
    ids=lambda value: value.formula.replace(" ", "") if isinstance(value, Structure) else "",
)
def test_textbook_oxides(structure: Structure, states: dict[str, float] | None) -> None:
    found = amounts(guessed(structure))
    anions = {name: n for name, n in found.items() if name.startswith("O")}
    assert set(anions) == {"O2-"}
    if states is None:  # BaBiO3 disproportionates: Bi3+ and Bi5+, and one Bi has its mean
        assert found == {"Ba2+": 1, "Bi4+": 1, "O2-": 3}
    else:
        assert {name: n for name, n in found.items() if name not in anions} == states


def test_the_tetrahedron_of_co3o4_holds_the_divalent_ion() -> None:
    found = guessed(primitive(load_materials()["Co3O4"]))
    for k, site in enumerate(found):
        if site.specie.symbol == "Co":
            neighbours = len(found.get_neighbors(found[k], 2.2))
            assert str(site.specie) == {4: "Co2+", 6: "Co3+"}[neighbours]


def test_pyrite_is_low_spin_and_its_sulfur_a_dumb_bell() -> None:
    material = material_from_file(case("27") / "FeS2.cif")
    assert {name for site in material.sites for name in site.species} == {"Fe2+", "S-"}
    assert material.magnetism.spin_states == {"Fe2+": "low"}
    assert material.magnetism.order == "nonmagnetic"
    assert not np.any(calculation_cell(material).site_properties["magmom"])


@pytest.mark.parametrize(
    "name", ["LCO", "Co3O4", "LiNiO2", "NCM811", "CoS2", "MnS2", "MnS", "CoO", "NiO", "LiCoPO4", "CoPO4"]
)
def test_spin_states_are_those_of_the_library(name: str) -> None:
    material = load_materials()[name]
    wanted = {ion for ion, spin in material.magnetism.spin_states.items() if spin == "low"}
    assert set(spin_states(primitive(material))) == wanted


@pytest.mark.parametrize(
    ("ion", "moment"),
    [("La3+", 0), ("Ce4+", 0), ("Ce3+", 1), ("Pr3+", 2), ("Eu3+", 6), ("Eu2+", 7), ("Gd3+", 7), ("Er3+", 3), ("Yb3+", 1), ("Lu3+", 0), ("U6+", 0), ("U4+", 2)],
)  # fmt: skip
def test_f_electrons_are_counted_by_hunds_rule(ion: str, moment: float) -> None:
    assert unpaired_electrons(Species.from_str(ion)) == moment


def test_moments_tell_sites_of_mixed_valence_apart() -> None:
    """The four manganese of a spinel are alike but for what they carry."""
    cell = spinel("Li", "Mn", parameter=8.24)
    manganese = [k for k, site in enumerate(cell) if site.specie.symbol == "Mn"]
    for trivalent in ((0, 3), (1, 2), (0, 1)):
        moments = [0.0] * len(cell)
        for place, k in enumerate(manganese):
            moments[k] = -3.8 if place in trivalent else 3.1
        cell.add_site_property("magmom", moments)
        found = with_states(cell, "test")
        assert [str(found[k].specie) for k in manganese] == [f"Mn{3 if p in trivalent else 4}+" for p in range(4)]


def test_moments_that_fit_no_spin_state_are_told(tmp_path) -> None:
    cell = calculation_cell(load_materials()["LCO"])
    assert odd_moments(cell) is None
    cell.add_site_property("magmom", [1.9 if site.specie.symbol == "Co" else 0.0 for site in cell])
    assert odd_moments(cell) == "moments of the file fit neither spin state: Co3+ 1.90 to 1.90 µB on 1 sites"
    cell.remove_oxidation_states()
    path = write_structure(cell, tmp_path / "x.json")
    with pytest.warns(FileNote, match=r"Co3\+ 1\.90") as caught:
        find_source(str(path))
    assert any("oxidation states are guessed" in str(warning.message) for warning in caught)


def test_what_is_guessed_is_told() -> None:
    bare = calculation_cell(load_materials()["NCM811"])
    bare.remove_oxidation_states()
    bare.remove_site_property("magmom")
    with pytest.warns(FileNote, match=r"guessed: Li\+, Mn4\+, Co3\+, 1 Ni2\+ and 7 Ni3\+, O2-; --states"):
        found = with_states(bare, "x")
    wanted = calculation_cell(load_materials()["NCM811"])
    assert [str(s.specie) for s in found] == [str(s.specie) for s in wanted]  # the same nickel, by electrostatics


def test_states_of_the_file_are_kept_unless_they_are_all_zero() -> None:
    cell = calculation_cell(load_materials()["LCO"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", FileNote)
        assert with_states(cell, "x") is cell
    zero = cell.copy()
    zero.remove_oxidation_states()
    zero.add_oxidation_state_by_element({"Li": 0, "Co": 0, "O": 0})
    with pytest.warns(FileNote) as caught:
        found = with_states(zero, "x")
    assert amounts(found) == amounts(cell)
    assert "all oxidation states of LiCoO2 are 0" in str(caught[0].message)


def test_states_can_be_said() -> None:
    assert parse_states("Fe2+,S-") == {"Fe": [2.0], "S": [-1.0]}
    assert parse_states("Ni2+ Ni3+") == {"Ni": [2.0, 3.0]}
    assert parse_states(None) == {}
    with pytest.raises(InputError, match="'Fe' is no species"):
        parse_states("Fe")
    cell = primitive(load_materials()["LCO"])
    assert amounts(guessed(cell, Co=[4.0], O=[-2.5])) == {"Li+": 1, "Co4+": 1, "O2.5-": 2}
    with pytest.raises(
        StructureError, match=r"no usual oxidation states of LiCoO2 balance \(Co \+2, Li \+1, O -2\); say them"
    ):
        guessed(cell, Co=[2.0])
    with pytest.raises(StructureError, match="--states names Ni, and LiCoO2 holds none"):
        guessed(cell, Ni=[2.0])


def test_every_digit_of_a_state_is_written() -> None:
    """Rounded to two digits, Ni1.33+ of Ni3S2 adds up to -0.01."""
    assert species_text(Species("Ni", 4 / 3)) == "Ni1.333333333+"
    assert [species_text(Species("O", c)) for c in (-2, -1, -0.5)] == ["O2-", "O-", "O0.5-"]
    assert 3 * Species.from_str(species_text(Species("Ni", 4 / 3))).oxi_state == pytest.approx(4, abs=1e-8)
