"""Registry, gap and the potential behind them: a crystal laid on itself continues itself."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.periodic_table import Element, Species

from catholyte.configs.errors import StructureError
from catholyte.configs.load import material
from catholyte.structures.interfaces.placement import contact, registry_cell, search
from catholyte.structures.interfaces.potential import COULOMB, CUTOFF, PairPotential, ionic_radius
from catholyte.structures.interfaces.stack import Block, as_block, build_cell, faces_of, on_common_cell, stacked
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs

ONE = np.eye(2, dtype=np.int64)


@cache
def _block(name: str, miller: tuple[int, int, int]) -> Block:
    return as_block(faces_of(slabs(source_cell(material(name)), miller, SlabSpec(thickness=8.0))[0])[0])


@pytest.mark.parametrize(
    ("name", "miller"), [("CoO", (1, 0, 0)), ("NiO", (1, 0, 0)), ("LCO", (1, 0, 4)), ("LCO", (1, 1, 0))]
)
def test_a_crystal_on_itself_continues_itself(name: str, miller: tuple[int, int, int]) -> None:
    """Nothing is told of the stacking: shift and gap of least energy are those of the bulk, up to a translation of
    it."""
    block = _block(name, miller)
    found = search(block, block, (ONE, ONE))[0]
    facet = block.layers[0].face.slab.facet
    repeats = round((block.height + found.gap) / facet.spacing)
    assert block.height + found.gap == pytest.approx(repeats * facet.spacing, abs=0.2)
    drift = found.shift @ block.cell - repeats * facet.oriented.lattice.matrix[2, :2]
    positions = np.array([site.coords[:2] for site in block.layers[0].face.slab.structure])
    translations = (positions[:, None] - positions[None]).reshape(-1, 2)
    offsets = np.linalg.solve(block.cell.T, (drift - translations).T).T
    assert np.linalg.norm((offsets - np.rint(offsets)) @ block.cell, axis=1).min() < 0.3
    assert found.energy < 0


def test_rock_salt_bond_is_the_sum_of_radii() -> None:
    """By hand: Madelung's force on an ion of CoO is balanced by six bonds and its next neighbours at r₁ + r₂."""
    ions = [Species("Co", 2), Species("O", -2)]
    potential = PairPotential.between(ions, ions)
    d = ionic_radius(ions[0]) + ionic_radius(ions[1])

    def energy(r: float) -> float:
        bonds = 6 * potential.amplitudes[0, 1] * np.exp((d - r) / 0.345)
        next_ones = sum(
            6 * potential.amplitudes[k, k] * np.exp((2 * ionic_radius(ions[k]) - np.sqrt(2) * r) / 0.345)
            for k in (0, 1)
        )
        return float(-1.747565 * 4 * COULOMB / r + bonds + next_ones)

    assert (energy(d + 1e-4) - energy(d - 1e-4)) / 2e-4 == pytest.approx(0.0, abs=1e-3)


def test_potential_ends_at_its_cutoff() -> None:
    potential = PairPotential.between([Species("Li", 1)], [Species("O", -2)])
    values = potential.energies(np.array([[0], [0]]), np.array([[0.4, CUTOFF - 1e-6, CUTOFF + 1e-6]]))[0]
    assert values[0] > 0
    assert abs(values[1]) < 1e-3
    assert values[2] == 0


def test_neutral_atoms_only_repel() -> None:
    potential = PairPotential.between([Element("Li")], [Species("S", -2)])
    assert (potential.energies(np.array([[0], [0]]), np.linspace(1, 8, 20)[None]) > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=8, max_size=8))
def test_registry_cell_spans_both_lattices(entries: list[int]) -> None:
    a, b = np.array(entries).reshape(2, 2, 2)
    if abs(np.linalg.det(a)) < 0.5 or abs(np.linalg.det(b)) < 0.5:
        return
    cell = registry_cell((a, b))
    for vectors in (np.linalg.inv(a), np.linalg.inv(b), np.eye(2)):
        numbers = vectors @ np.linalg.inv(cell)
        assert np.allclose(numbers, np.rint(numbers), atol=1e-6)


@pytest.mark.parametrize("periodic", [False, True])
def test_least_energy_is_no_worse_than_a_random_position(periodic: bool) -> None:
    lower, upper = on_common_cell(_block("LCO", (1, 0, 4)), _block("CoO", (1, 0, 0)), (ONE, ONE), 0.5)
    best = search(lower, upper, (ONE, ONE), periodic=periodic)[0]
    fixed = search(lower, upper, (ONE, ONE), best.gap + 0.3, periodic=False)
    assert periodic == (best.seam > 0)
    assert len(fixed) > 0
    if not periodic:
        assert best.energy <= fixed[0].energy + 1e-9


def test_contact_is_the_gap_at_which_atoms_may_stand() -> None:
    lower, upper = on_common_cell(_block("LCO", (1, 0, 4)), _block("CoO", (1, 0, 0)), (ONE, ONE), 0.5)
    least = contact(lower, upper, np.zeros(2))
    above = [structure_ratio(stacked(lower, upper, np.zeros(2), least + change)) for change in (1e-3, -0.1)]
    assert above[0] >= 0.7
    assert above[1] < 0.7


def structure_ratio(block: Block) -> float:
    """Smallest distance across the joint in units of the contact radii, atom by atom."""
    structure = build_cell(block, 20.0)
    ratios = []
    for site in structure:
        for other in structure:
            if site.properties["layer"] == "LCO" and other.properties["layer"] == "CoO":
                table = PairPotential.between([site.specie], [other.specie])
                ratios.append(site.distance(other) / table.contacts[0, 0])
    return min(ratios)


def test_gap_too_small() -> None:
    block = _block("CoO", (1, 0, 0))
    with pytest.raises(StructureError, match=r"closer than 0\.7 times"):
        search(block, block, (ONE, ONE), 0.3)
