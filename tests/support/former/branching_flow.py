"""A flow that decides while it runs: three orderings, a host and a ladder of oxygen loss, over an engine of toys."""

from __future__ import annotations

import numpy as np
from jobflow import Flow
from pymatgen.core.structure import Structure

from catholyte.configs.steps.oxygen_loss import OrderingPlan, OxygenLossPlan
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.tests.support.crystals import LCO
from catholyte.workflows.engines.engine import Engine
from catholyte.workflows.flows.ordering import Level
from catholyte.workflows.flows.oxygen_loss import oxygen_loss_flow

__all__ = ["branching_flow"]


def branching_flow() -> Flow:
    """Return the flow; :func:`toy_engine.use_toy_engine` must have entered its engine."""
    cell = prepared_cell(conventional(LCO).make_supercell((2, 1, 1)), LCO)
    cells = [_moved(cell, by) for by in (0.0, 0.01, 0.02)]
    ladder = OxygenLossPlan(lithium_vacancies=(0, 1), candidates=2, samples=1, max_sites=1)
    engine = Engine("rugged")
    return oxygen_loss_flow(cells, "LCO", ladder, Level(engine), (OrderingPlan(n=3, keep=2), engine))


def _moved(cell: Structure, by: float) -> Structure:
    coords = cell.frac_coords + by * np.arange(len(cell))[:, None] / len(cell)
    return Structure(cell.lattice, cell.species, coords, site_properties=cell.site_properties)
