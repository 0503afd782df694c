"""What a band says: a saddle between two images, both directions, the narrowest place, atoms that hop too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from catholyte.analysis.figures.transport import barrier_figure
from catholyte.analysis.report.chapters.solids.barriers import BARRIERS, Barriers
from catholyte.analysis.transport.barriers import barrier, image_points, network, stored_network
from catholyte.configs.errors import SignatureMismatchError
from catholyte.structures.defects.hops import Hop
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.workflows.band_documents import Band, BandImages, HopCells, HopPlace
from catholyte.workflows.documents import Signature

CELL = Structure(
    Lattice.cubic(12.0), ["Li", "O", "O"], [[0, 0, 0], [1.5, 1.8, 0], [6, 6, 6]], coords_are_cartesian=True
)


def band(energy: Any, slope: Any, images: int = 4, other: float = 0.0) -> Band:
    """Li along x from 0 to 3 Å in an energy that is given; the far oxygen goes by `other`, Å, with it."""
    ways = np.linspace(0.0, 3.0, images + 2)
    positions = np.repeat(CELL.cart_coords[None], len(ways), axis=0)
    positions[:, 0, 0] = ways
    positions[:, 2, 1] += other * ways / 3.0
    forces = np.zeros_like(positions)
    forces[:, 0, 0] = -slope(ways)
    return Band(
        label="LiO2", tier="chgnet", signature=Signature(engine="x", version="1", functional="x", hubbard_u={}, potentials=""),
        hop=HopPlace(element="Li", start=0, end=1), moving=0, structure=CELL, positions=positions.tolist(),
        energies=(7.0 + energy(ways)).tolist(), forces=forces.tolist(), climbing=2, max_force=0.01, n_steps=9, settings={},
    )  # fmt: skip


def tilted(x: Any) -> Any:
    return 0.2 * (1 - np.cos(2 * np.pi * x / 3)) + 0.1 * x


def slope(x: Any) -> Any:
    return 0.2 * 2 * np.pi / 3 * np.sin(2 * np.pi * x / 3) + 0.1


def test_the_saddle_may_lie_between_two_images() -> None:
    found = barrier(band(tilted, slope, images=6))
    fine = np.linspace(0, 3, 3001)
    assert found.forward == pytest.approx(tilted(fine).max(), abs=3e-3)
    assert found.difference == pytest.approx(0.3)
    assert found.backward == pytest.approx(found.forward - 0.3)
    assert found.highest == found.forward
    assert found.energies[0] == 0.0


def test_a_saddle_far_from_its_images_widens_the_interval() -> None:
    """What the curve adds to the highest image is no better known than by that curve."""
    hop = Hop("Li", 0, 0, (1, 0, 0), 3.0, ((0, 0, (1, 0, 0)),), ("O", 1.8))
    (look,) = [one.look for one in BARRIERS.quantities]
    assert look is not None
    for images, widened in ((2, True), (9, False)):
        found = barrier(band(tilted, slope, images=images))
        ways = np.linspace(0.0, 3.0, images + 2)
        assert found.between == pytest.approx(found.forward - tilted(ways).max())
        told = look(Barriers({"Li in LiO2": ("LiO2", network([(hop, found)], 1))}, []), ("Li in LiO2",))
        assert told is not None
        assert told.half_width == pytest.approx(max(0.025, found.between))
        assert (found.between > 0.025) == widened


def test_the_narrowest_place_is_named() -> None:
    found = barrier(band(tilted, slope, images=5))
    assert found.bottleneck[0] == "O"
    assert found.bottleneck[1] == pytest.approx(1.8)
    assert found.coordination.shape == (7,)
    assert found.length == pytest.approx(3.0)


def test_an_atom_that_hops_too_is_named() -> None:
    assert barrier(band(tilted, slope)).others == ()
    assert barrier(band(tilted, slope, other=2.0)).others == ((2, "O", pytest.approx(2.0)),)


def test_a_network_counts_what_was_not_computed_and_is_drawn() -> None:
    hop = Hop("Li", 0, 0, (1, 0, 0), 3.0, ((0, 0, (1, 0, 0)),), ("O", 1.8))
    found = network([(hop, barrier(band(tilted, slope)))], 3)
    assert found.missing == 2
    assert found.lowest == {1: found.barriers[0][1].highest, 2: None, 3: None}
    (ax,) = barrier_figure(found, "LiO2").axes
    assert ax.get_legend().get_texts()[0].get_text().startswith("3.00 Å")  # type: ignore[union-attr]


def test_stored_bands_find_their_class_and_what_leads_on() -> None:
    cubic = Structure(Lattice.cubic(3.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    place = HopPlace(element="Li", start=0, end=0, image=(0, 1, 0))
    given: dict[str, Any] = {"label": "Li in LiO", "crystal": cubic, "supercell": (4, 4, 4), "cells": [], "ends": []}
    cells = HopCells(**given, onto="Li", in_cell=[place], hops=[HopPlace(element="Li", start=0, end=1)])
    one = band(tilted, slope).model_copy(update={"label": "Li in LiO"})
    found = stored_network(cells, [one, one.model_copy(update={"label": "another"})])
    assert found is not None
    ((hop, _),) = found.barriers
    assert hop.multiplicity == 6
    assert found.lowest[3] == found.barriers[0][1].highest
    assert stored_network(cells, []) is None
    other = Structure(Lattice.cubic(3.0), ["Li", "Co"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    onto = HopCells(
        **{**given, "crystal": other}, onto="Co", in_cell=[HopPlace(element="Li", start=0, end=1)], hops=cells.hops
    )
    alone = stored_network(onto, [one])
    assert alone is not None
    assert alone.lowest == {1: None, 2: None, 3: None}


def test_what_another_engine_says_of_the_images() -> None:
    images = BandImages(label="x", hop=HopPlace(element="Li", start=0, end=1), numbers=[0, 2, 4], cells=[CELL] * 3)
    documents = [made_document("LCO", energy=energy) for energy in (-20.0, -19.2, -19.9)]
    found = image_points(images, documents)
    assert found.numbers == (0, 2, 4)
    assert (found.forward, found.backward) == (pytest.approx(0.8), pytest.approx(0.7))
    other = documents[2].signature.model_copy(update={"cutoff": 300.0})
    with pytest.raises(SignatureMismatchError, match="cutoff"):
        image_points(images, [*documents[:2], documents[2].model_copy(update={"signature": other})])
