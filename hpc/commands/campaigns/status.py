"""The command ``status``: the states of a campaign's jobs."""

from __future__ import annotations

from typing import Any

from ...store.campaign_store import open_job_states
from ..command import Command
from ..options import CampaignName, Rehearsal, StorePlace
from ..output import table_of

__all__ = ["COMMAND", "status"]

HEADS = {
    "name": "job",
    "state": "state",
    "engine": "engine",
    "host": "host",
    "queue_job": "queue job",
    "started": "started (UTC)",
    "wall_seconds": "wall time (s)",
    "attempts": "attempts",
    "cause": "cause",
}


def status(store: StorePlace = None, campaign: CampaignName = None, rehearsal: Rehearsal = False) -> dict[str, Any]:
    """Show the states of a campaign's jobs."""
    from ...run.campaign import status_document

    return status_document(open_job_states(store, rehearsal).entries(campaign))


def _show(document: dict[str, Any]) -> None:
    table_of("jobs", HEADS, document["jobs"])


COMMAND = Command(status, _show, leaves_garbage=False)
