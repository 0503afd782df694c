"""Interface energies: nothing where a crystal is joined with itself, twice the surface energy to part it, and no
dependence on thickness or order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.analysis.cells.interface_energy import InterfaceEnergies, References, interface_energies
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.structures.interfaces.excess import Joined, Side
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.workflows.documents import CalculationDocument

#: Å; rock-salt-like cubes of A and B, and the range of the pair potential, below one layer and a half
SPACING, REACH = 2.0, 2.9


def layers(first: str, second: str, n: int, m: int, vacuum: float) -> Structure:
    """A simple cubic stack of n layers of one element and m of another, SPACING apart; vacuum 0 makes it periodic."""
    species = [first] * n + [second] * m
    height = SPACING * (n + m) + vacuum
    tags = ["one" if k < n else "two" for k in range(n + m)]
    return Structure(
        Lattice.orthorhombic(SPACING, SPACING, height),
        species,
        [[0, 0, (SPACING * k) / height] for k in range(n + m)],
        site_properties={"layer": tags},
    )


def pair_energy(structure: Structure) -> float:
    """Lennard-Jones-like energy, eV, with a depth that depends on the pair and a cutoff."""
    first, second, _, distances = structure.get_neighbor_list(REACH)
    depth = {("Cu", "Cu"): 0.3, ("Ag", "Cu"): 0.17, ("Ag", "Ag"): 0.5}
    total = 0.0
    for i, j, r in zip(first, second, distances, strict=True):
        pair = tuple(sorted((structure[int(i)].specie.symbol, structure[int(j)].specie.symbol)))
        total += 0.5 * depth[pair] * ((1.9 / r) ** 12 - 2 * (1.9 / r) ** 6)
    return total


def document(structure: Structure, label: str, **changes: Any) -> CalculationDocument:
    return made_document(label, structure, structure, **{"energy": pair_energy(structure), **changes})


def energies(
    first: str, second: str, n: int, m: int, *, periodic: bool = True, free: float | None = None
) -> InterfaceEnergies:
    """The stack of n layers on m layers, with its references."""
    stack = document(layers(first, second, n, m, 0 if periodic else 12), f"{first}|{second}")
    sides = {"one": (first, n), "two": (second, m)}
    bulks = {tag: document(layers(element, element, 1, 0, 0), f"bulk {element}") for tag, (element, _) in sides.items()}
    slabs = {
        tag: document(layers(element, element, count, 0, 12), f"slab {element}")
        for tag, (element, count) in sides.items()
    }
    unstrained = (
        {}
        if free is None
        else {"one": document(layers(first, first, 1, 0, 0), "free", energy=bulks["one"].energy - free)}
    )
    return interface_energies(stack, References(bulks, slabs, unstrained), periodic=periodic)


@pytest.mark.parametrize("periodic", [True, False])
def test_a_crystal_joined_with_itself_has_no_interface(periodic: bool) -> None:
    found = energies("Cu", "Cu", 4, 5, periodic=periodic)
    assert found.interface == pytest.approx(0, abs=1e-12)
    assert found.adhesion is not None
    assert found.adhesion == pytest.approx(2 * found.surfaces["one"])
    assert found.surfaces["one"] == pytest.approx(found.surfaces["two"])
    assert found.surfaces["one"] > 0


@settings(max_examples=12, deadline=None)
@given(n=st.integers(3, 6), m=st.integers(3, 6), periodic=st.booleans())
def test_thickness_form_and_order_change_nothing(n: int, m: int, periodic: bool) -> None:
    found, reference = energies("Cu", "Ag", n, m, periodic=periodic), energies("Cu", "Ag", 3, 3)
    turned = energies("Ag", "Cu", m, n, periodic=periodic)
    for other in (found, turned):
        assert other.interface == pytest.approx(reference.interface, abs=1e-10)
        assert other.adhesion == pytest.approx(reference.adhesion, abs=1e-10)
        assert other.dupre == pytest.approx(0, abs=1e-10)
    assert found.n_interfaces == (2 if periodic else 1)


def test_by_hand() -> None:
    """Cut bonds: 1 across the plane at 2.0 Å and 4 at 2.83 Å, per atom of 4 Å²."""

    def bonds(depth: float) -> float:
        return sum(
            number * depth * ((1.9 / r) ** 12 - 2 * (1.9 / r) ** 6) for number, r in ((1, 2.0), (4, 2.0 * np.sqrt(2)))
        )

    found = energies("Cu", "Ag", 4, 4)
    assert found.adhesion == pytest.approx(-bonds(0.17) / 4)
    assert found.interface == pytest.approx((bonds(0.17) - (bonds(0.3) + bonds(0.5)) / 2) / 4)


def test_the_cost_of_strain_grows_with_thickness_and_stays_out_of_the_interface() -> None:
    thin, thick = energies("Cu", "Ag", 3, 3, free=0.01), energies("Cu", "Ag", 6, 3, free=0.01)
    assert thin.strain == {"one": pytest.approx(3 * 0.01 / 4)}
    assert thick.strain["one"] == pytest.approx(2 * thin.strain["one"])
    assert thick.interface == pytest.approx(thin.interface)


def test_vacuum_without_slabs_has_no_interface_energy() -> None:
    joined = Joined(-3.0, 4.0, [Side(2, -1.0), Side(2, -1.0, -1.5)], periodic=False)
    assert joined.interface_energy is None
    assert joined.adhesion is None
    assert joined.excess == pytest.approx(0.25)
    with pytest.raises(InputError, match="at least two sides"):
        Joined(-3.0, 4.0, [Side(2, -1.0)], periodic=True)


def test_references_that_do_not_belong_are_named() -> None:
    stack = document(layers("Cu", "Ag", 3, 3, 0), "stack")
    bulk = {
        "one": document(layers("Cu", "Cu", 1, 0, 0), "bulk one"),
        "two": document(layers("Ag", "Ag", 1, 0, 0), "bulk two"),
    }
    good = References(bulk, {}, {})
    assert interface_energies(stack, good, periodic=True).adhesion is None
    with pytest.raises(InputError, match="no strained crystal of two"):
        interface_energies(stack, References({"one": bulk["one"]}, {}, {}), periodic=True)
    with pytest.raises(InputError, match=r"two holds 3 atoms in the stack, of which bulk one \(Cu1\) is no reference"):
        interface_energies(stack, References({**bulk, "two": bulk["one"]}, {}, {}), periodic=True)
    wide = Structure(Lattice.orthorhombic(2.1, 2.0, 2.0), ["Cu"], [[0, 0, 0]])
    with pytest.raises(InputError, match=r"another lattice in the plane, off by 0\.100 Å"):
        interface_energies(stack, References({**bulk, "one": document(wide, "wide")}, {}, {}), periodic=True)
    other = bulk["one"].signature.model_copy(update={"version": "another"})
    with pytest.raises(SignatureMismatchError, match="version"):
        interface_energies(
            stack,
            References({**bulk, "one": document(layers("Cu", "Cu", 1, 0, 0), "new", signature=other)}, {}, {}),
            periodic=True,
        )
    bare = stack.structure.copy()
    bare.remove_site_property("layer")
    with pytest.raises(InputError, match="no property 'layer'"):
        interface_energies(document(bare, "bare"), good, periodic=True)


def test_a_superlattice_in_the_plane_is_the_same_lattice() -> None:
    stack = layers("Cu", "Ag", 3, 3, 0)
    doubled = stack.make_supercell([2, 1, 1], in_place=False)
    bulk = {
        tag: document(layers(element, element, 1, 0, 0), element) for tag, element in (("one", "Cu"), ("two", "Ag"))
    }
    one, two = (
        interface_energies(document(cell, "stack"), References(bulk, {}, {}), periodic=True)
        for cell in (stack, doubled)
    )
    assert two.interface == pytest.approx(one.interface)
    assert two.area == pytest.approx(2 * one.area)
