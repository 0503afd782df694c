"""Polarity belongs to the cell that is built: what every further repeat adds, counted atom by atom."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from catholyte.configs.load import load_recipe, material
from catholyte.structures.crystals.environment import site_charges
from catholyte.structures.interfaces.request import parse_facet
from catholyte.structures.surfaces.facet import Miller, SourceCell, facet, facet_members, source_cell
from catholyte.structures.surfaces.planes import DIPOLE_TOLERANCE
from catholyte.structures.surfaces.slab import Slab, SlabSpec, slabs
from catholyte.tests.support.referees.evidence import Referee

LAYERED = ("LCO", "NCM111", "NCM532", "NCM622", "NCM811", "LRMO")
#: low-index facets of the layered oxides, and every facet of a shipped recipe
FACETS = {(name, miller) for name in LAYERED for miller in ((1, 0, 4), (0, 1, 2), (1, 0, 0), (1, 1, 0))} | {
    parse_facet(text)
    for recipe in ("gsirr", "li-rich", "nmc532-lgps")
    for system in load_recipe(recipe)[0].interface.systems
    for text in system.names.values()
}


@cache
def cell(name: str) -> SourceCell:
    return source_cell(material(name))


def counted(slab: Slab) -> float:
    """Dipole per area, e/Å, summed over the ions of the slab about the middle of its cell."""
    structure = slab.structure
    area = np.linalg.norm(np.cross(*structure.lattice.matrix[:2]))
    return float(sum(site.specie.oxi_state * (site.coords[2] - structure.lattice.c / 2) for site in structure) / area)


def thick(name: str, miller: Miller, repeats: int, *, exact: bool = True) -> list[Slab]:
    """Slabs of so many repeats."""
    plane = facet(cell(name), miller)
    return slabs(cell(name), miller, SlabSpec(thickness=repeats * plane.spacing - 0.01), exact=exact)


@pytest.mark.parametrize(
    ("name", "miller", "dipole", "average"),
    [
        # one repeat, e/Å: planes of the ordering alternate in charge, where those of the average crystal are neutral
        ("LRMO", (0, 1, -4), -0.1232, 1),
        ("LRMO", (2, -1, 0), -0.0608, 1),
        ("LRMO", (1, 0, 0), 0.0304, 1),
        ("NCM532", (0, 1, -4), -0.0736, 1),
    ],
)
def test_a_dipole_of_the_ordering_grows_by_the_repeat(name: str, miller: Miller, dipole: float, average: int) -> None:
    sizes = []
    for repeats in (1, 2):
        slab = min(thick(name, miller, repeats), key=lambda slab: slab.termination.dipole / dipole < 0.99)
        assert slab.repeats == repeats
        assert slab.tasker == average
        assert slab.polar
        sizes.append(counted(slab))
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=1e-6)
    assert abs(sizes[0]) == pytest.approx(abs(dipole), abs=1e-3)


@pytest.mark.parametrize(("name", "asked"), [("LRMO", (1, 0, 4)), ("LRMO", (1, 0, 0)), ("NCM532", (1, 0, 4))])
def test_the_member_of_a_family_without_a_dipole_is_taken(name: str, asked: Miller) -> None:
    found = slabs(cell(name), asked, SlabSpec(layers=1))
    assert not found[0].polar
    assert found[0].facet.area > facet_members(cell(name), asked)[0].area  # the smallest one is polar
    assert abs(counted(found[0])) < 1e-6


def test_a_cut_of_a_polar_average_crystal_may_have_no_dipole() -> None:
    found = slabs(cell("LPSCl"), (1, 1, 0), SlabSpec(layers=2))
    assert (found[0].termination.label, found[0].tasker, found[0].reconstructed) == ("Li-1", 3, False)
    assert not found[0].polar
    assert counted(found[0]) == pytest.approx(0.0, abs=1e-9)
    assert all(slab.polar for slab in found[1:])  # those that repeat a dipole come last


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_shared_plane_is_no_compensation_where_a_dipole_stays(repeats: int) -> None:
    """NCM532(012): of two cuts whose outer plane is shared, one keeps 0.005 e/Å in each repeat."""
    found = [slab for slab in slabs(cell("NCM532"), (0, 1, 2), SlabSpec(layers=repeats)) if slab.reconstructed]
    assert [slab.polar for slab in found] == [False, True]
    assert abs(counted(found[0])) < 1e-6
    assert abs(counted(found[1])) == pytest.approx(0.0054 * repeats, abs=2e-4)


@pytest.mark.slow
def test_repeat_dipoles_of_all_shipped_facets(refereed: Referee) -> None:
    deviations = []
    for name, asked in sorted(FACETS):
        for plane in facet_members(cell(name), asked):
            single_of = {slab.termination.shift: slab for slab in thick(name, plane.miller, 1)}
            for double in thick(name, plane.miller, 2):
                single = single_of[double.termination.shift]
                added = counted(double) - counted(single)
                deviations.append(abs(double.repeat_dipole - added))
                assert double.polar == (abs(added) > DIPOLE_TOLERANCE), (name, plane.miller, double.termination.label)
                assert abs(site_charges(double.structure).sum()) < 1e-6
    refereed(
        "repeat dipole of every cut of the layered oxides' and the recipes' facets",
        max(deviations),
        1e-6,
        of="structures.surfaces.slab.Slab.repeat_dipole",
        by="the ions of two repeats less those of one, counted",
        unit="e/Å",
    )
