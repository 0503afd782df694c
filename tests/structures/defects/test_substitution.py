"""Substitution: composition and charge are accounted for, sites are told apart, and places are compared at one
composition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.redox import net_charge
from catholyte.structures.defects.substitution import (
    site_preference,
    substitute,
    substitution_places,
    substitution_sites,
)
from catholyte.structures.defects.substitution_effect import substitution_effect
from catholyte.tests.support import crystals

LRMO = calculation_cell(material("LRMO"))
CATIONS = [i for i, site in enumerate(LRMO) if site.specie.symbol != "O"]
LCO = conventional(crystals.LCO).make_supercell((3, 3, 1), in_place=False)


def elements(structure: Structure) -> Counter[str]:
    return Counter(site.specie.symbol for site in structure)


def changes(before: Structure, after: Structure) -> dict[str, int]:
    change = elements(after)
    change.subtract(elements(before))
    return {name: n for name, n in change.items() if n}


def of_element(symbol: str) -> int:
    return next(i for i, site in enumerate(LRMO) if site.specie.symbol == symbol)


@settings(max_examples=25, deadline=None)
@given(index=st.sampled_from(CATIONS))
def test_reduction_keeps_all_other_atoms(index: int) -> None:
    made = substitute(LRMO, index, "W6+")
    after, old = made.structure, LRMO[index].specie
    assert net_charge(after) == pytest.approx(0)
    assert str(after[made.index].specie) == "W6+"
    assert changes(LRMO, after) == {"W": 1, old.symbol: -1}
    assert sum(n * float(name[-2]) for name, n in made.ions.items()) == old.oxi_state - 6
    assert after.site_properties["origin"] == list(range(len(LRMO)))
    assert np.array_equal(after.frac_coords, LRMO.frac_coords)


@pytest.mark.parametrize("symbol", ["Mn", "Co", "Ni"])
def test_lithium_pays_with_one_atom_per_charge(symbol: str) -> None:
    index = of_element(symbol)
    made = substitute(LRMO, index, "W6+", "lithium vacancies")
    after, paid = made.structure, 6 - round(LRMO[index].specie.oxi_state)
    assert net_charge(after) == pytest.approx(0)
    assert changes(LRMO, after) == {"W": 1, symbol: -1, "Li": -paid}
    assert (made.ions, len(made.removed)) == ({"Li+": -paid}, paid)
    assert after[made.index].properties["origin"] == index
    assert np.array_equal(after[made.index].frac_coords, LRMO[index].frac_coords)
    assert sorted([*after.site_properties["origin"], *made.removed]) == list(range(len(LRMO)))


def test_tungsten_on_manganese_reduces_the_two_nearest() -> None:
    """Ni2+ takes no electron; of Mn4+ and Co3+ the ladder reduces manganese first."""
    index = of_element("Mn")
    made = substitute(LRMO, index, "W6+")
    assert made.ions == {"Mn3+": 2, "Mn4+": -2}
    reduced = [
        i for i, (a, b) in enumerate(zip(LRMO, made.structure, strict=True)) if a.specie != b.specie and i != index
    ]
    distances = LRMO.lattice.get_all_distances(LRMO[index].frac_coords, LRMO.frac_coords)[0]
    manganese = sorted(distances[i] for i in CATIONS if LRMO[i].specie.symbol == "Mn" and i != index)
    assert sorted(distances[reduced]) == pytest.approx(manganese[:2])
    assert made.structure[made.index].properties["magmom"] == 0
    assert {abs(made.structure[i].properties["magmom"]) for i in reduced} == {4.0}


def test_lithium_vacancies_lie_where_the_charges_want_them() -> None:
    """Three Li+ leave LiCoO2 for one W6+; the arrangement costs less electrostatic energy than most others."""
    from pymatgen.analysis.ewald import EwaldSummation

    index = next(i for i, site in enumerate(LCO) if site.specie.symbol == "Co")
    made = substitute(LCO, index, "W6+", "lithium vacancies")
    best = EwaldSummation(made.structure).total_energy
    rng = np.random.default_rng(1)
    lithium = [i for i, site in enumerate(LCO) if site.specie.symbol == "Li"]
    others = []
    for _ in range(10):
        cell = LCO.copy()
        cell.replace(index, "W6+")
        cell.remove_sites(rng.choice(lithium, 3, replace=False).tolist())
        others.append(EwaldSummation(cell).total_energy)
    assert best <= min(others) + 1e-6


def test_lower_charges_oxidise() -> None:
    index = next(i for i, site in enumerate(LCO) if site.specie.symbol == "Co")
    made = substitute(LCO, index, "Mg2+")
    assert made.ions == {"Co3+": -1, "Co4+": 1}
    with pytest.raises(StructureError, match="lower charge than Co3"):
        substitute(LCO, index, "Mg2+", "lithium vacancies")


def test_sites_of_lithium_manganate() -> None:
    """Mn, Li in the metal layer (6 Mn around it in it) and two kinds between the layers."""
    sites = substitution_sites(conventional(crystals.LI2MNO3))
    assert [(site.label, len(site.members)) for site in sites] == [("Li1", 2), ("Li2", 2), ("Li3", 4), ("Mn", 4)]
    assert {site.label: site.neighbours for site in sites}["Li1"] == {"Li": 6, "Mn": 6}
    assert {site.label: site.neighbours for site in sites}["Mn"] == {"Li": 9, "Mn": 3}
    assert all(sum(site.neighbours.values()) == 12 for site in sites)


def test_sites_of_an_ordering_by_neighbours() -> None:
    every, alike = substitution_sites(LRMO), substitution_sites(LRMO, by_neighbours=True)
    assert sum(len(site.members) for site in every) == sum(len(site.members) for site in alike) == 60
    assert len(alike) < len(every)
    assert {site.species for site in substitution_sites(LRMO, ("Mn", "Co"))} == {"Mn4+", "Co3+"}
    with pytest.raises(StructureError, match="no cation W; cations: Co, Li, Mn, Ni"):
        substitution_sites(LRMO, ("W",))


def test_places_are_compared_at_one_composition() -> None:
    """An energy that counts Mn-W neighbours finds the place with the fewest; all places have the same atoms."""

    def energy(structure: Structure) -> float:
        seen.append(elements(structure))
        tungsten = next(i for i, site in enumerate(structure) if site.specie.symbol == "W")
        near = structure.get_neighbors(structure[tungsten], 3.2)
        return float(sum(site.specie.symbol == "Mn" for site in near))

    seen: list[Counter[str]] = []
    sites = substitution_sites(LRMO, by_neighbours=True)
    ranked = site_preference(substitution_places(LRMO, "W6+", "Mn", sites), energy)
    assert len(ranked) == len(sites) == len(seen)
    assert all(found == seen[0] for found in seen)
    assert seen[0]["Mn"] == 15
    assert [found.energy for found in ranked] == sorted(found.energy for found in ranked)
    assert ranked[0].relative == 0
    assert [found.relative for found in ranked] == pytest.approx([found.energy - ranked[0].energy for found in ranked])
    assert all((found.exchanged is None) == found.site.species.startswith("Mn") for found in ranked)
    assert all(found.made.structure[found.made.index].specie.symbol == "W" for found in ranked)
    moved = next(found for found in ranked if found.site.species == "Ni2+")
    assert moved.made.structure[moved.exchanged].specie.symbol == "Ni"


def test_what_cannot_be_substituted() -> None:
    oxygen = next(i for i, site in enumerate(LCO) if site.specie.symbol == "O")
    with pytest.raises(StructureError, match=r"holds O2-; a cation is needed"):
        substitute(LCO, oxygen, "W6+")
    with pytest.raises(StructureError, match="does not exist"):
        substitute(LCO, 999, "W6+")
    with pytest.raises(InputError, match="'tungsten' is no"):
        substitute(LCO, 0, "tungsten")
    with pytest.raises(InputError, match="'O2-' is no cation"):
        substitute(LCO, 0, "O2-")
    with pytest.raises(InputError, match="unknown compensation 'hope'"):
        substitute(LCO, 0, "W6+", "hope")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="holds no Mn that could leave"):
        substitution_places(LCO, "W6+", "Mn")
    with pytest.raises(StructureError, match="partial occupancies"):
        substitute(conventional(crystals.NCM532), 0, "W6+")
    charged = LCO.copy()
    charged.remove_sites([0])
    with pytest.raises(StructureError, match="charge of -1"):
        substitute(charged, 1, "W6+")
    small = conventional(crystals.LCO)
    with pytest.raises(StructureError, match="the charges cannot balance"):
        substitute(small, next(i for i, site in enumerate(small) if site.specie.symbol == "Co"), "W6+")


def test_effect_on_the_oxygen_of_lithium_manganate() -> None:
    """W in place of the metal layer's lithium, Mn3+ paying: its six oxygen atoms lose their Li-O-Li configuration,
    unrelaxed nothing moves."""
    before = conventional(crystals.LI2MNO3).make_supercell((2, 1, 2), in_place=False)
    index = next(i for i, site in enumerate(before) if site.properties["wyckoff_label"] == "Li1")
    made = substitute(before, index, "W6+")
    found = substitution_effect(before, made)
    assert found.bond[0] == pytest.approx(found.bond[1])
    assert len(found.oxygen) == 6
    assert {(one.environment, one.bridge[0]) for one in found.oxygen} == {(("Li4Mn2", "Li3Mn2W1"), "Li-O-Li")}
    assert all(one.bridge[1] != "Li-O-Li" for one in found.oxygen)
    oxygen = elements(before)["O"]
    assert found.bridges["Li-O-Li"] == (oxygen, oxygen - 6)
    assert max(one.displacement for one in found.oxygen) == pytest.approx(0, abs=1e-9)


def test_effect_of_a_relaxation() -> None:
    """Oxygen drawn 0.1 Å towards the new ion shortens its bonds by as much; lithium that left is no neighbour."""
    index = next(i for i, site in enumerate(LCO) if site.specie.symbol == "Co")
    made = substitute(LCO, index, "W6+", "lithium vacancies")
    cell = made.structure.copy()
    neighbours = cell.get_neighbors(cell[made.index], 2.2)
    for neighbour in neighbours:
        away = neighbour.coords - cell[made.index].coords
        cell.translate_sites([neighbour.index], -0.1 * away / np.linalg.norm(away), frac_coords=False)
    found = substitution_effect(LCO, made, cell)
    assert found.bond[0] - found.bond[1] == pytest.approx(0.1)
    assert [one.displacement for one in found.oxygen] == pytest.approx([0.1] * 6, abs=1e-6)
    assert found.neighbours["Co"][1] > found.neighbours["Co"][0]
    with pytest.raises(StructureError, match="do not belong together"):
        substitution_effect(LCO, made, LCO)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")  # of torch, inside CHGNet
def test_a_model_finds_the_sites_equal_that_symmetry_does() -> None:
    """CHGNet as the referee: W6+ on any member of a class of Li2MnO3 costs the same, on another class of the same
    element it does not."""
    from chgnet.model import CHGNet

    model = CHGNet.load(use_device="cpu", verbose=False)
    host = conventional(crystals.LI2MNO3)
    energies = {
        site.label: [
            float(model.predict_structure(substitute(host, member, "W6+").structure, task="e")["e"]) * len(host)
            for member in site.members
        ]
        for site in substitution_sites(host)
    }
    assert {label: len(values) for label, values in energies.items()} == {"Li1": 2, "Li2": 2, "Li3": 4, "Mn": 4}
    assert all(np.ptp(values) < 2e-3 for values in energies.values())
    lithium = sorted(float(np.mean(energies[label])) for label in ("Li1", "Li2", "Li3"))
    assert min(np.diff(lithium)) > 0.02
