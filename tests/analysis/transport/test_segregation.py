"""Segregation of nickel in a slab of copper by EMT, against every cell made by hand; what is refused."""

from __future__ import annotations

import pytest
from ase import Atoms
from ase.build import fcc100
from ase.calculators.emt import EMT
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from catholyte.analysis.transport.segregation import IonEnergy, Segregation, segregation
from catholyte.configs.errors import InputError
from catholyte.configs.steps.oxygen_loss import SlabPart
from catholyte.configs.steps.segregation import SegregationSystem
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.flows.segregation import ions_by_depth
from catholyte.workflows.roles import Exchanged

LAYERS = 5
ASKED = SegregationSystem(material="Cu", slab=SlabPart(miller=(1, 0, 0)), ion="Ni", leaving="Cu")


def energy(atoms: Atoms) -> float:
    atoms.calc = EMT()
    return float(atoms.get_potential_energy())


def copper(nickel: int | None = None) -> Atoms:
    """Copper (100), periodic, with nickel on the first site of a layer counted from the bottom."""
    atoms = fcc100("Cu", (2, 2, LAYERS), a=3.6, vacuum=6.0, periodic=True)
    if nickel is not None:
        atoms.symbols[4 * nickel] = "Ni"
    return atoms


def slab_of(atoms: Atoms) -> Structure:
    found = AseAtomsAdaptor.get_structure(atoms)
    found.remove_site_property("tags")
    return found


def document(structure: Structure, site: int | None, label: str = "Ni in Cu(100)") -> CalculationDocument:
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    role = Exchanged(of=label, element="Ni", origin=site)
    return toy_document(f"{label} {site}", structure, energy=energy(atoms), role=role)


def test_every_layer_by_hand() -> None:
    slab = slab_of(copper(LAYERS // 2))
    first, *placed = ions_by_depth(slab, ASKED)
    assert first.site is None
    cells = [document(one.structure, one.site) for one in placed]
    found = segregation("Ni in Cu(100)", document(first.structure, None), cells)
    middle = energy(copper(LAYERS // 2))
    by_hand = [energy(copper(layer)) - middle for layer in range(LAYERS // 2 + 1)]
    assert [one.depth for one in found.places] == pytest.approx([0.0, 1.8, 3.6], abs=1e-6)
    assert [one.energy for one in found.places] == pytest.approx(by_hand, abs=1e-8)
    assert found.energy == pytest.approx(min(by_hand[:2]))  # two layers lie within 2.5 Å
    assert found.verdict == ("to the surface" if min(by_hand[:2]) < -0.05 else found.verdict)
    assert by_hand[0] > 0.05, "nickel has the higher surface energy and stays inside"


def test_an_ion_that_is_put_in_is_compared_with_the_deepest() -> None:
    slab = slab_of(copper())
    cells = []
    for layer in (0, 1, 2):
        changed = slab.copy()
        changed.replace(4 * layer, "Ni")
        cells.append(document(changed, 4 * layer))
    found = segregation("Ni in Cu(100)", None, cells)
    assert found.places[-1].energy == 0
    assert found.places[0].energy == pytest.approx(energy(copper(0)) - energy(copper(2)), abs=1e-8)


@pytest.mark.parametrize(
    ("energies", "verdict", "depth"),
    [
        ((-0.20, -0.09), "to the surface", 0.1),
        ((0.06, -0.24), "below the surface", 2.1),
        ((-0.22, -0.24), "to the surface", 2.1),  # not told apart
        ((0.06, 0.04), "undecided", 2.1),
        ((0.75, 0.59), "stays inside", 2.1),
    ],
)
def test_where_the_ion_goes(energies: tuple[float, float], verdict: str, depth: float) -> None:
    places = [IonEnergy(at, 0, energy, "") for at, energy in zip((0.1, 2.1, 4.1), (*energies, -1.0), strict=True)]
    found = Segregation("W in LCO(104)", "W", "chgnet", tuple(places), 4.1, exchanged=False)
    assert found.verdict == verdict
    assert found.lowest is not None
    assert (found.lowest.depth, found.energy) == (depth, min(energies))


def test_what_is_refused() -> None:
    slab = slab_of(copper(2))
    with pytest.raises(InputError, match="holds no Al"):
        ions_by_depth(slab, ASKED.model_copy(update={"leaving": "Al"}))
    thin = slab_of(fcc100("Cu", (1, 1, 1), a=3.6, vacuum=6.0, periodic=True))
    with pytest.raises(InputError, match="give a thicker slab"):
        ions_by_depth(thin, ASKED.model_copy(update={"ion": "Ni2+"}))
    one = document(slab, 0)
    with pytest.raises(InputError, match="nothing to compare with"):
        segregation("Ni in Cu(100)", None, [one])
    with pytest.raises(InputError, match="different compositions"):
        segregation("Ni in Cu(100)", document(slab_of(copper()), None), [one])
