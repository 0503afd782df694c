"""A campaign in an embedded store, from documents made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monty.json import MontyEncoder

from catholyte.hpc.board.snapshot import BoardSource
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.board_campaigns import mixed_campaign
from catholyte.workflows.documents import LARGE_FIELDS

__all__ = ["stored_campaign"]


def stored_campaign(folder: Path) -> BoardSource:
    """Write the campaign of :func:`.board_campaigns.mixed_campaign` into a store; returns it as it stands in memory."""
    source = mixed_campaign()
    records: Any = source.records
    store = open_store(folder)
    outputs: Any = store.outputs
    for entry in records.entries():
        store.states.insert_one({**entry.plan, **entry.record, "key": entry.plan["key"]})
        if entry.state == "done":
            document = json.loads(json.dumps(records.document(entry.plan["uuid"], arrays=True), cls=MontyEncoder))
            outputs.update(
                [{"uuid": entry.plan["uuid"], "index": 1, "output": document}],
                key=["uuid", "index"],
                save={"data": list(LARGE_FIELDS)},
            )
    campaign = {**records.campaign(), "jobs": [entry.plan for entry in records.entries()], "reused": []}
    store.campaigns.insert_one(campaign)
    store.close()
    return source
