"""Chunks of molecular dynamics made by hand: two chains under two pairs, of which one may break."""

from __future__ import annotations

import numpy as np
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.workflows.documents import CalculationDocument, Trajectory

__all__ = ["cell", "chunk"]

#: two Co-O chains below, two P-S pairs above
SPECIES = ["Co3+", "Co3+", "O2-", "O2-", "P5+", "P5+", "S2-", "S2-"]
PLACES = np.array([[0, 0, 2], [5, 0, 2], [2, 0, 2], [7, 0, 2], [0, 0, 6], [5, 0, 6], [2, 0, 6], [7, 0, 6]], dtype=float)
TAGS = ["LCO"] * 2 + ["LCO"] * 2 + ["LPSCl"] * 4


def cell(sites: slice = slice(None)) -> Structure:
    return Structure(
        Lattice(np.diag([10.0, 10.0, 14.0])),
        SPECIES[sites],
        PLACES[sites],
        coords_are_cartesian=True,
        site_properties={"layer": TAGS[sites]},
    )


def chunk(label: str, first: int, n: int, breaks: int | None, sites: slice = slice(None)) -> CalculationDocument:
    """Frames `first` to `first + n` of a trajectory of 10 fs a frame in which the second S leaves its P at the frame
    `breaks`."""
    positions = np.repeat(PLACES[None], n, axis=0)
    if breaks is not None:
        positions[max(0, breaks - first) :, 7, 1] = 3.0
    rng = np.random.default_rng(first)
    positions = (positions + rng.normal(0, 0.03, positions.shape))[:, sites]
    trajectory = Trajectory(
        positions=positions.tolist(),
        cells=np.repeat(np.diag([10.0, 10.0, 14.0])[None], n, axis=0).tolist(),
        energies=rng.normal(-40.0, 0.1, n).tolist(),
        temperatures=rng.normal(300.0, 10.0, n).tolist(),
        times=(10.0 * np.arange(n)).tolist(),
    )
    return made_document(label, cell(sites), cell(sites), kind="md", trajectory=trajectory)
