"""No bond event in the bulk: real dynamics by CHGNet."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.analysis.motion.analyse import MotionSpec, analyse_motion
from catholyte.analysis.motion.bond_rules import bond_rule, watched_pairs
from catholyte.analysis.motion.stored import StoredTrajectory
from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import MolecularDynamics


@pytest.mark.slow
def test_argyrodite_at_300_kelvin_keeps_every_bond(tmp_path: Path) -> None:
    """Five picoseconds of the primitive cell: lithium hops, no bond breaks or forms, PS4 stays whole."""
    task = MolecularDynamics(n_steps=2500, timestep=2.0, temperature=300.0, frame_interval=5, seed=3)
    document = load_backend("chgnet", {}).calculate(calculation_cell(material("LPSCl")), task, "LPSCl", tmp_path)
    run = StoredTrajectory([document])
    found = analyse_motion(run.blocks(), MotionSpec(tuple(bond_rule(pair) for pair in watched_pairs(run.species))))
    assert found.ledger.duration == pytest.approx(5000.0)
    assert found.ledger.events == ()
    assert found.found() == {"start": {"PS4": 1}, "end": {"PS4": 1}}
    temperature = next(one for one in found.drifts if one.quantity == "temperature")
    assert 150 < temperature.mean < 450  # of 13 atoms: it fluctuates by 300 K √(2/36)
