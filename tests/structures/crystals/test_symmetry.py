"""A cell has a symmetry, or is refused in a sentence, whichever way it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pymatgen.core import Lattice, Structure

from catholyte.configs.errors import StructureError
from catholyte.structures.crystals.symmetry import conventional_axes, operations, orbits, space_group
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.inputs import _has_no_symmetry


def _one(*parameters: float) -> Structure:
    return Structure(Lattice.from_parameters(*parameters), ["Co2+"], [[0, 0, 0]], site_properties={"magmom": [0.0]})


OVERLAPPING = Structure(
    Lattice.cubic(4.0), ["Co2+", "Co2+"], [[0, 0, 0], [0, 0, 1e-4]], site_properties={"magmom": [0.0, 0.0]}
)


@pytest.mark.slow
def test_angles_that_five_degrees_take_for_equal_are_judged_by_distances() -> None:
    cell = _one(3.0, 3.0, 3.0, 89, 90, 93)
    assert space_group(cell).get_space_group_symbol() == "P-1"
    assert not _has_no_symmetry(vasp_cell(cell))


def test_a_cubic_cell_is_one() -> None:
    assert space_group(_one(3.0, 3.0, 3.0, 90, 90, 90)).get_space_group_number() == 221


@pytest.mark.parametrize("ask", [space_group, operations, conventional_axes, orbits])
def test_overlapping_atoms_are_refused_in_one_sentence(ask: Callable[[Structure], object]) -> None:
    with pytest.raises(StructureError, match="the symmetry of Co2 cannot be determined: are there overlapping atoms"):
        ask(OVERLAPPING)


def test_vasp_is_told_of_no_symmetry_where_none_can_be_told() -> None:
    assert _has_no_symmetry(vasp_cell(OVERLAPPING))
