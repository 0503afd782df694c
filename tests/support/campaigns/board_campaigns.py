"""Campaigns for the board: one with finished, failed, running and waiting jobs, one with thousands."""

from __future__ import annotations

from typing import Any

from catholyte.analysis.campaigns import Entry
from catholyte.configs.load import load_recipe
from catholyte.hpc.board.snapshot import BoardSource
from catholyte.tests.support.campaigns.campaign_documents import (
    MadeRecords,
    cell_of,
    edges,
    made_document,
    oxygen_dos,
    planned,
)
from catholyte.tests.support.motion.moving_chunks import chunk
from catholyte.workflows.documents import Acceptance, CalculationDocument, Check, Trajectory

__all__ = ["HOSTILE_NAME", "many_jobs", "mixed_campaign", "moving_campaign"]

HOSTILE_NAME = "<script>alert(1)</script>"
_CAUSE = {
    "message": "the moment of Co 3 is 0.1 µB",
    "evidence": ["OUTCAR: magnetization", "INCAR: MAGMOM = 0"],
    "advice": "start from the high-spin moments",
}


def _entry(key: str, step: str, name: str, state: str, **more: Any) -> Entry:
    entry = planned(
        key,
        step,
        name,
        state,
        **{
            "started": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 36.0 if state in ("done", "failed") else None,
            **more,
        },
    )
    kind = "dos" if step == "electronic" else "md" if step == "interface" else "relax"
    return Entry(
        {**entry.plan, "kind": kind, "cost_seconds": 72.0}, state, {"state": state, "attempts": 1, **entry.record}
    )


def mixed_campaign() -> BoardSource:
    """A gsirr campaign in the middle of its life."""
    whole, _ = load_recipe("gsirr")
    assert whole.reactions is not None
    assert whole.windows is not None
    few = {"pairs": (("LCO", "LPSCl"),), "maps": (), "voltages": ()}
    less = {
        "reactions": whole.reactions.model_copy(update=few),
        "windows": whole.windows.model_copy(update={"materials": ("LPSCl",)}),
    }
    recipe = whole.model_copy(update={**less, "screen": None, "volumes": None})
    cell = cell_of("LCO")
    steps = Trajectory(
        positions=[cell.cart_coords.tolist()] * 3,
        cells=[cell.lattice.matrix.tolist()] * 3,
        energies=[-20.0, -20.1, -20.15],
    )
    review = Acceptance.of(
        [Check(name="converged", ok=True), Check(name="moments", ok=False, detail="Co 0.3 µB", refuses=False)]
    )
    relaxed = made_document("LCO", trajectory=steps, acceptance=Acceptance.of([Check(name="converged", ok=True)]))
    electrons = made_document(
        "LCO", dos=oxygen_dos(cell, -3.0), kind="dos", band_edges=edges(cell, 2.5), acceptance=review
    )
    jobs: list[tuple[Entry, CalculationDocument | None]] = [
        (_entry("aaaa-1", "bulk", "LCO", "done", finished="2026-01-01T00:01:00+00:00"), relaxed),
        (_entry("bbbb-2", "electronic", "LCO", "done", depends_on=["aaaa-1"]), electrons),
        (_entry("cccc-3", "bulk", "CoO", "failed", cause=_CAUSE), None),
        (_entry("dddd-4", "electronic", "CoO", "waiting", depends_on=["cccc-3"]), None),
        (_entry("eeee-5", "bulk", HOSTILE_NAME, "running", heartbeat=4e9), None),
    ]
    return BoardSource(MadeRecords(recipe, jobs), "a store in memory")


def moving_campaign(tier: str = "chgnet") -> BoardSource:
    """An interface whose second chunk breaks a P-S bond at 0.8 ps, its control, a replica without frames, and chunks
    that failed, wait and were rehearsed; computed by one engine."""
    recipe, _ = load_recipe("gsirr")
    whole, other = "LCO|LPSCl", "CoO|LPSCl"
    lost = chunk(whole, 0, 2, None).model_copy(update={"trajectory": None})
    invented = chunk(other, 0, 60, 20).model_copy(update={"tier": "rehearsal"})
    jobs: list[tuple[Entry, CalculationDocument | None]] = [
        (_entry("m1", "interface", whole, "done", variant="replica 1, chunk 1"), chunk(whole, 0, 60, 80)),
        (_entry("m2", "interface", whole, "done", variant="replica 1, chunk 2"), chunk(whole, 60, 60, 80)),
        (_entry("m3", "interface", whole, "failed", variant="replica 1, chunk 3", cause=_CAUSE), None),
        (_entry("m4", "interface", whole, "waiting", variant="replica 1, chunk 4"), None),
        (_entry("n1", "interface", whole, "done", variant="replica 2, chunk 1"), lost),
        (_entry("r1", "interface", other, "done", variant="chunk 1"), invented),
        (
            _entry("c1", "interface", "LPSCl control", "done", variant="chunk 1"),
            chunk("LPSCl control", 400, 100, None, slice(4, 8)),
        ),
    ]
    for entry, document in jobs:
        if document is not invented:
            entry.plan["tier"] = tier
    jobs = [
        (entry, document.model_copy(update={"tier": tier}) if document and document is not invented else document)
        for entry, document in jobs
    ]
    return BoardSource(
        MadeRecords(
            recipe.model_copy(update={"reactions": None, "windows": None, "screen": None, "volumes": None}), jobs
        ),
        "a store in memory",
    )


def many_jobs(number: int) -> BoardSource:
    """A campaign of `number` jobs, every tenth of them failed."""
    recipe, _ = load_recipe("gsirr")
    document = made_document("LCO")
    jobs = [
        (
            _entry(
                f"key-{i:06d}",
                "bulk",
                f"LCO{i % 40}",
                "failed" if i % 10 == 0 else "done",
                cause=_CAUSE if i % 10 == 0 else None,
            ),
            document,
        )
        for i in range(number)
    ]
    return BoardSource(MadeRecords(recipe, list(jobs)), "a store in memory")
