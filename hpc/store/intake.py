"""A result that was computed elsewhere enters the store: as a job's own, whole or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ...workflows.documents import LARGE_FIELDS, CalculationDocument
from .campaign_store import CampaignStore
from .delivery import Delivery
from .ledger import Ledger

__all__ = ["imported_hashes", "take_in"]

Taken = Literal["taken", "done", "held"]


def imported_hashes(store: CampaignStore) -> dict[str, list[dict[str, Any]]]:
    """Content hash of every imported run, parts of dynamics one by one, to the records of the jobs that hold it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in Ledger(store).records():
        origin = record.get("imported")
        if origin and record.get("state") == "done":
            for digest in dict.fromkeys([origin["sha256"], *origin.get("parts", [])]):
                found.setdefault(digest, []).append(record)
    return found


def take_in(store: CampaignStore, record: dict[str, Any], document: CalculationDocument) -> Taken:
    """Deliver a document under a job's identity and mark the job done, without counting a computation.

    In the embedded store it is one transaction; in MongoDB arrays come first, the document after them and "done" last,
    so that a killed import leaves a job that waits, and never a result without its arrays.

    Parameters
    ----------
    store : CampaignStore
    record : dict
        Of the job: ``key``, ``uuid``, ``index``, ``name``, and what a plan says of it.
    document : CalculationDocument
        With an origin.

    Returns
    -------
    str
        taken; done where the job has a result; held where a live process computes it.

    Raises
    ------
    StoreError
        If the document is too large for a database.
    """
    from jobflow.core.schemas import JobStoreDocument
    from monty.json import jsanitize

    ledger, key, uuid, index = Ledger(store), record["key"], record["uuid"], record["index"]
    delivery = Delivery(store.work, store.outputs)
    output = jsanitize(document, strict=True, enum_values=True, allow_bson=True)
    packed = JobStoreDocument(
        uuid=uuid,
        index=index,
        output=output,
        completed_at=datetime.now().isoformat(),
        metadata={},
        hosts=[],
        name=record["name"],
    )
    delivery.catcher().update(packed, key=["uuid", "index"], save={"data": list(LARGE_FIELDS)})
    delivery.require_sizes()
    with store.exclusive():
        ledger.register([record])
        claim = ledger.claim(key)
        if claim.state != "taken":
            return claim.state
        try:
            delivery.arrays_first(uuid, index)
            ledger.announce(key, {}, claim.attempt)
            delivery.document_last(claim.attempt)
            ledger.take_over(key, _facts(document), claim.attempt)
        except BaseException:
            if store.database is None:  # the embedded store takes all of it back
                ledger.release(key, claim.attempt)
            raise
    return "taken"


def _facts(document: CalculationDocument) -> dict[str, Any]:
    """What the record of an imported job says of the run."""
    told = document.provenance
    origin = told.imported.model_dump(mode="json") if told.imported is not None else {}
    cores = told.effort.cores if told.effort is not None else None
    return {
        "host": told.host,
        "started": told.started,
        "finished": told.finished,
        "wall_seconds": told.wall_seconds,
        "cores": cores,
        "imported": origin,
    }
