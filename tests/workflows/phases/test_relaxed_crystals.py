"""Prototypes, corrections and relaxations by both potentials: what is pinned belongs to what would be computed."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ase.data import atomic_numbers, covalent_radii
from pymatgen.core import Composition, Lattice, Structure

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import CONFIGS, material, parse_file
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.phases import relax
from catholyte.workflows.phases.build import PUBLIC, PhaseSetSpec, crystals_of
from catholyte.workflows.phases.corrections import mp2020_correction
from catholyte.workflows.phases.prototypes import (
    Prototype,
    PrototypeCell,
    PrototypeList,
    prototype_composition,
    prototypes,
    start_cell,
)
from catholyte.workflows.phases.public_entries import read_pinned
from catholyte.workflows.phases.records import refused
from catholyte.workflows.phases.relaxed_crystals import POTENTIALS, RelaxedCrystals, start_key

PINNED = RelaxedCrystals.read()


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("LiF", -0.462 / 2),
        ("LPSCl", -(5 * 0.503 + 0.614) / 13),
        ("Li2SO4", -4 * 0.687 / 7),
        ("LiClO4", -4 * 0.687 / 6),
        ("Li2O2", -0.465 / 2),
        ("LiPON", -(2 * 0.687 + 0.361) / 6),
        ("LiOH", -0.687 / 3),
        ("CoO", -(0.687 + 1.638) / 2),
        ("Co9S8", -8 * 0.503 / 17),
        ("LFP", -(4 * 0.687 + 2.256) / 7),
    ],
)
def test_corrections_by_hand(name: str, by_hand: float) -> None:
    """eV/atom of Wang et al. (2021), table 2; metals count in oxides and fluorides alone."""
    cell = calculation_cell(material(name))
    found, error = mp2020_correction(cell)
    assert found == pytest.approx(by_hand, abs=1e-6)
    assert 0 < error < 0.01
    double = cell.copy().make_supercell((2, 1, 1))
    assert mp2020_correction(double)[0] == pytest.approx(found, abs=1e-9)


def test_an_element_gets_no_correction() -> None:
    assert mp2020_correction(Structure(Lattice.cubic(3.0), ["Li"], [[0, 0, 0]])) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "formula", "group"),
    [
        ("ZrN", "ZrN", "Fm-3m"),
        ("LiZrS2", "LiZrS2", "P-3m1"),
        ("La2Zr2O7", "La2Zr2O7", "Fd-3m"),
        ("Li2FeSiO4", "Li2FeSiO4", "Pmn2_1"),
        ("Li2SO3", "Li2SO3", "P-3"),
    ],
)
def test_a_prototype_of_each_kind(name: str, formula: str, group: str) -> None:
    (crystal,) = (one for one in prototypes().crystals if one.name == name)
    cell = start_cell(crystal)
    assert cell.composition.remove_charges().reduced_formula == formula
    assert prototype_composition(crystal).reduced_formula == formula
    assert relax.symmetry(cell)[0] == group
    assert start_key(cell) == start_key(start_cell(crystal))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"aflow": "AB_cF8_225_a_x", "ions": {"Na": "Li+", "Cl": "F-"}}, "unknown AFLOW label 'AB_cF8_225_a_x'"),
        ({"aflow": "AB_cF8_225_a_b", "ions": {"Na": "Li+"}}, "must say what stands for Cl, Na"),
        ({"like": "LiCll"}, "neither in the library nor in the list"),
        ({"like": "LiCl", "ions": {"Br-": "F-"}}, "no Br- in LiCl; its ions: Li\\+, Cl-"),
        ({"name": "LiS", "like": "LiCl", "ions": {"Cl-": "S2-"}}, "add up to -1"),
        ({"name": "LiBr", "like": "LiCl"}, "LiBr: its cell holds Li1 Cl1"),
    ],
)
def test_a_wrong_prototype_is_one_sentence(given: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, StructureError), match=message):
        start_cell(Prototype(**{"name": "X", **given}))


def test_a_prototype_is_said_in_one_way_and_once() -> None:
    with pytest.raises(ValueError, match="exactly one of the keys"):
        Prototype(name="X")
    with pytest.raises(ValueError, match="needs the key 'origin'"):
        Prototype(name="X", cell=PrototypeCell(space_group="Fm-3m", a=4.0, sites={"Li+": ((0, 0, 0),)}))
    one = Prototype(name="X", like="LiCl")
    with pytest.raises(ValueError, match="two crystals are called X"):
        PrototypeList(aflow_source="none", crystals=(one, one))


def test_every_pinned_start_is_that_of_the_library_and_the_list() -> None:
    """A changed crystal would otherwise keep the energies of its former self."""
    spec, _ = parse_file(CONFIGS / "phases" / "solidstate.yaml", PhaseSetSpec)
    listed = {crystal.name: crystal for crystal in crystals_of(spec, read_pinned(PUBLIC))}
    assert set(PINNED.crystals) <= set(listed)
    started = {name: found for name, found in PINNED.crystals.items() if found.start is not None}
    assert len(started) > 5
    assert [name for name, found in started.items() if found.start != start_key(listed[name].start())] == []
    kept = {name for name, found in started.items() if found.tier is None} - set(refused(listed.values(), PINNED))
    assert all(set(PINNED.crystals[name].energies) == set(POTENTIALS) for name in kept)


def test_bonds_of_the_pinned_cells_are_those_of_condensed_matter() -> None:
    """The shortest distance of each cell lies between 0.7 and 1.35 of the sum of covalent radii (Cordero et al., Dalton
    Trans. 2832 (2008))."""
    found = {name: crystal.cell for name, crystal in PINNED.crystals.items() if crystal.cell is not None}
    assert len(found) > 5
    wrong = []
    for name, cell in found.items():
        structure = cell.structure()
        assert (
            structure.composition.remove_charges().reduced_formula
            == Composition(PINNED.crystals[name].formula).reduced_formula
        )
        radii = np.array([covalent_radii[atomic_numbers[site.specie.symbol]] for site in structure])
        at, to, _, length = structure.get_neighbor_list(4.5)
        shares = length / (radii[at] + radii[to])
        if not 0.7 < shares.min() < 1.35:
            wrong.append((name, round(float(shares.min()), 2)))
    assert wrong == []


class Backend:
    """An engine that swells the cell by a per cent and answers with its own number."""

    def __init__(self, energy: float) -> None:
        self.energy, self.asked = energy, 0

    def calculate(self, structure: Structure, task: Any, label: str, directory: Path) -> Any:
        self.asked += 1
        swollen = structure.copy().apply_strain(0.01)
        return SimpleNamespace(structure=swollen, energy_per_atom=self.energy, convergence=SimpleNamespace(n_steps=5))


def test_each_potential_goes_on_from_the_cell_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    backends = {"chgnet": Backend(-4.0), "sevennet": Backend(-3.6)}
    monkeypatch.setattr(relax, "_backend", backends.__getitem__)
    start = calculation_cell(material("LiCl"))
    found = relax.relaxed_crystal(start, "LiCl")
    first, second = (found.energies[name] for name in POTENTIALS)
    assert (first.energy, first.correction) == (-4.0, 0.0)
    assert second.energy == pytest.approx(-3.6 - 0.614 / 2)
    assert second.correction == pytest.approx(-0.614 / 2)
    assert first.volume == pytest.approx(float(start.volume) / 2 * 1.01**3, rel=1e-5)
    assert second.volume == pytest.approx(float(start.volume) / 2 * 1.01**6, rel=1e-5)
    assert (found.space_group, second.space_group, found.start) == ("Fm-3m", "Fm-3m", start_key(start))
    again = relax.relaxed_crystal(start, "LiCl", found)
    assert again.energies == found.energies
    assert [one.asked for one in backends.values()] == [1, 1]


def test_the_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    some = dict(list(PINNED.crystals.items())[:5])
    few = PINNED.model_copy(update={"crystals": some})
    few.write(tmp_path / "relaxed.json")
    assert RelaxedCrystals.read(tmp_path / "relaxed.json") == few
    (tmp_path / "relaxed.json").write_text('{"crystals": 3}')
    with pytest.raises(InputError, match="not a readable file of relaxed crystals"):
        RelaxedCrystals.read(tmp_path / "relaxed.json")


@pytest.mark.slow
def test_a_relaxation_gives_the_pinned_energies() -> None:
    """The command's own function, on a small crystal, with the real potentials."""
    (crystal,) = (one for one in prototypes().crystals if one.name == "ZrN")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = relax.relaxed_crystal(start_cell(crystal), "ZrN")
    pinned = PINNED.crystals["ZrN"]
    for name in POTENTIALS:
        assert found.energies[name].energy == pytest.approx(pinned.energies[name].energy, abs=1e-3)
