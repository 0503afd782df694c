"""The campaign ``imported``: finished runs that no recipe's job asks for."""

from __future__ import annotations

import uuid
from typing import Any

from ...configs.recipe import Recipe
from ...workflows.documents import CalculationDocument
from ...workflows.identity import NAMESPACE
from ...workflows.plan.builder import PlannedJob
from ..store.campaign_store import CampaignStore
from ..store.ledger import now

__all__ = ["CAMPAIGN", "add_to_campaign", "imported_record", "is_own"]

CAMPAIGN = "imported"
_STEPS = {"relax": "bulk", "dos": "electronic", "md": "dynamics", "static": "static"}


def imported_record(document: CalculationDocument) -> dict[str, Any]:
    """The record of a job whose identity is the content of its files.

    Parameters
    ----------
    document : CalculationDocument
        With an origin.
    """
    origin = document.provenance.imported
    if origin is None:
        raise ValueError(f"{document.label} was not imported")
    key = _own_key(origin.sha256)
    role = None if document.role is None else document.role.model_dump()
    return PlannedJob(
        key=key,
        uuid=key,
        index=1,
        name=f"{document.label} {document.kind} {origin.sha256[:8]}",
        step=_STEPS[document.kind],
        material=document.label,
        variant="main",
        engine=document.signature.engine,
        tier=document.tier,
        kind=document.kind,
        formula=document.formula,
        n_atoms=document.n_sites,
        depends_on=[],
        cost_seconds=0.0,
        role=role,
    ).record()


def is_own(record: dict[str, Any]) -> bool:
    """Whether an imported job is one of no recipe."""
    return bool(record["key"] == _own_key(record["imported"]["sha256"]))


def _own_key(digest: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"imported VASP run {digest}"))


def add_to_campaign(store: CampaignStore, record: dict[str, Any]) -> None:
    """Enter a job into the campaign, which is made where it is missing."""
    recipe = Recipe(
        name=CAMPAIGN, title="Imported VASP runs", source="files of finished runs, see the provenance", hubbard_u={}
    )
    with store.exclusive():
        before = store.campaigns.find_one({"name": CAMPAIGN}) or {}
        jobs = {job["key"]: job for job in before.get("jobs", [])} | {record["key"]: record}
        told = {
            "name": CAMPAIGN,
            "title": recipe.title,
            "recipe": recipe.model_dump(mode="json"),
            "jobs": list(jobs.values()),
            "skipped": [],
            "reused": [],
            "updated": now(),
        }
        store.campaigns.replace_one({"name": CAMPAIGN}, told, upsert=True)
