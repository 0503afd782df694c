"""Structures are read from a store as pymatgen reads them, to the last digit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from bson import decode, encode
from monty.json import MontyEncoder
from pymatgen.core import DummySpecies, Lattice, PeriodicSite, Species, Structure

from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.stored import stored_structure
from catholyte.tests.support import crystals

LATTICE = Lattice([[4.0, 0.1, 0.0], [0.0, 5.0, 0.3], [0.2, 0.0, 6.0]])


def _made(species: list[Any], **given: Any) -> Structure:
    coordinates = np.random.default_rng(3).normal(size=(len(species), 3))
    return Structure(LATTICE, species, coordinates, **given)


CASES = {
    "ordered": calculation_cell(crystals.LCO),
    "partial occupancies": conventional(crystals.NCM532),
    "plain elements": _made(["Li", "O"]),
    "labels": _made(["Li", "O"], labels=["Li1", None]),
    "charge and properties": _made(["Li+", "O2-"], charge=-1, properties={"made": "by hand"}),
    "spins and fractions": _made([Species("Co", 2.5, spin=3), {"Ni2+": 0.25, "Mn": 0.5}]),
    "no element": _made([DummySpecies("X", 1), "O2-"]),
    "numbers, words and lists": _made(
        ["Li", "O"],
        site_properties={"magmom": [0.1, -2], "kind": ["a", "b"], "selective_dynamics": [[True, False, True]] * 2},
    ),
    "nested properties": _made(["Li", "O"], site_properties={"known": [{"a": [1, 2]}, {"a": []}]}),
    "long whole numbers": _made(["Li", "O"], site_properties={"tag": [2**40, 1]}),
}


@pytest.mark.parametrize("case", CASES)
def test_equal_to_what_pymatgen_reads(case: str) -> None:
    plain = json.loads(json.dumps(CASES[case], cls=MontyEncoder))
    for stored in (plain, decode(encode(plain))):
        expected, found = Structure.from_dict(json.loads(json.dumps(stored))), stored_structure(stored)
        assert json.dumps(found, cls=MontyEncoder) == json.dumps(expected, cls=MontyEncoder)
        assert [site.label for site in found] == [site.label for site in expected]
        assert [type(value) for site in found for value in site.properties.values()] == [
            type(value) for site in expected for value in site.properties.values()
        ]


def test_sites_that_do_not_share_their_properties() -> None:
    sites = [PeriodicSite("Li", [0, 0, 0], LATTICE, properties={"magmom": 1.0}), PeriodicSite("O", [0.5] * 3, LATTICE)]
    stored = {"lattice": LATTICE.as_dict(), "sites": [site.as_dict() for site in sites]}
    with pytest.warns(UserWarning, match="Not all sites have property magmom"):
        assert stored_structure(stored).site_properties == {"magmom": [1.0, None]}


def test_a_structure_that_was_read_is_its_own() -> None:
    stored = json.loads(json.dumps(CASES["ordered"], cls=MontyEncoder))
    first, second = stored_structure(stored), stored_structure(stored)
    first.remove_oxidation_states()
    first.translate_sites([0], [0.1, 0.0, 0.0])
    assert second == CASES["ordered"]


@pytest.mark.parametrize("spoilt", [{}, {"lattice": LATTICE.as_dict(), "sites": []}, {"sites": [{}]}])
def test_what_is_no_structure_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        stored_structure(spoilt)
