"""References of a stack are the same crystals: strained in the plane as the stack is, and otherwise untouched."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

from catholyte.configs.load import material
from catholyte.structures.interfaces.request import lone_slab, strained_bulk
from catholyte.structures.interfaces.search import Interface, interfaces
from catholyte.structures.interfaces.spec import InterfaceSpec, Part
from catholyte.structures.surfaces.facet import Miller, source_cell

CASES: list[tuple[str, Miller, str, Miller]] = [
    ("LCO", (1, 0, 4), "CoO", (1, 0, 0)),
    ("CoO", (1, 0, 0), "LPSCl", (1, 0, 0)),
    ("LCO", (0, 0, 1), "CoO", (1, 1, 1)),
]


@cache
def built(a: str, facet_a: Miller, b: str, facet_b: Miller, share: float) -> Interface:
    parts = [Part(source_cell(material(a)), (facet_a,), 5.0), Part(source_cell(material(b)), (facet_b,), 5.0, share)]
    return interfaces(parts, InterfaceSpec(200, 0.15, form="periodic"))[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}|{case[2]}")
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_bulk_references(case: tuple[str, Miller, str, Miller], share: float) -> None:
    found = built(*case, share)
    for layer, taken in zip(found.block.layers, (1 - share, share), strict=True):
        bulk, source = strained_bulk(layer, found.block.cell), layer.face.slab.facet.cell.structure
        assert np.allclose(bulk.lattice.matrix[:2, :2], found.block.cell)
        assert np.allclose(bulk.lattice.matrix[:2, 2], 0)
        assert bulk.composition.reduced_formula == source.composition.reduced_formula
        assert set(bulk.site_properties["layer"]) == {layer.label}
        assert sorted(map(abs, bulk.site_properties["magmom"])) == pytest.approx(
            sorted(np.repeat(np.abs(source.site_properties["magmom"]), len(bulk) // len(source)))
        )
        if taken == 0:  # this side keeps its own lattice
            assert bulk.volume / len(bulk) == pytest.approx(source.volume / len(source))
            assert StructureMatcher(primitive_cell=True, scale=False).fit(_bare(bulk), _bare(source))
        else:
            assert bulk.volume / len(bulk) == pytest.approx(
                source.volume / len(source) * _area_change(layer.vectors, found.block.cell)
            )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}|{case[2]}")
def test_lone_slabs_are_the_stack_taken_apart(case: tuple[str, Miller, str, Miller]) -> None:
    found = built(*case, 1.0)
    tags = np.array(found.structure.site_properties["layer"])
    for layer in found.block.layers:
        slab = lone_slab(layer, found.block.cell, 15.0)
        inside = found.structure.cart_coords[tags == layer.label]
        assert len(slab) == len(inside)
        assert np.allclose(_heights(slab.cart_coords), _heights(inside), atol=1e-6)
        heights = slab.cart_coords[:, 2]
        assert slab.lattice.c - np.ptp(heights) == pytest.approx(15.0)


def _area_change(vectors: np.ndarray, cell: np.ndarray) -> float:
    return float(abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(*vectors)))


def _bare(structure: Structure) -> Structure:
    return Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)


def _heights(coords: np.ndarray) -> np.ndarray:
    heights = coords[:, 2]
    return np.sort(np.abs(heights[:, None] - heights[None]).ravel())
