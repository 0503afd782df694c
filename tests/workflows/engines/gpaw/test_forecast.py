"""The forecast of a density of states against the processor time of those that ran."""

from __future__ import annotations

import math

from catholyte.configs.models import Method
from catholyte.workflows.engines.gpaw.backend import GpawBackend
from catholyte.workflows.engines.tasks import Dos

#: atoms, mesh, cutoff (eV), s of processor time, as the provenance of documents in tests/data tells: LCO|CoO, LCO and
#: CoO strained, LCO, CoO, NCM111 with all, two thirds and a third of its lithium
MEASURED = (
    (16, (4, 2, 1), 400, 399),
    (4, (4, 2, 4), 400, 15),
    (4, (4, 2, 4), 400, 70),
    (4, (6, 6, 6), 600, 62),
    (4, (6, 6, 6), 800, 96),
    (4, (8, 8, 8), 600, 112),
    (4, (4, 4, 4), 600, 128),
    (4, (4, 4, 4), 800, 217),
    (4, (5, 5, 5), 600, 183),
    (12, (1, 4, 2), 400, 489),
    (11, (1, 4, 2), 400, 404),
    (10, (1, 4, 2), 400, 792),
)


def test_forecasts_lie_within_a_factor_of_four_of_what_ran() -> None:
    ratios = []
    for atoms, mesh, cutoff, seconds in MEASURED:
        task = Dos(method=Method(hubbard_u={"Co": 3.9}, cutoff=cutoff, kpoints=mesh))
        ratios.append(GpawBackend({}).estimate_seconds(atoms, task) / seconds)
    assert max(abs(math.log(ratio)) for ratio in ratios) < math.log(4)
    assert abs(sum(map(math.log, ratios))) / len(ratios) < math.log(1.5)
