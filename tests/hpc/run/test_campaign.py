"""The record of a campaign outlives new keys of a recipe."""

from __future__ import annotations

from pathlib import Path

from catholyte.configs.load import load_recipe
from catholyte.hpc.run.campaign import save_campaign
from catholyte.hpc.store.campaign_store import open_store
from catholyte.workflows.plan.build import build_plan


def test_jobs_of_other_steps_stay_where_a_later_version_has_more_keys(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    recipe, source = load_recipe("gsirr")
    save_campaign(store, whole := build_plan(recipe, source), [])
    stored = store.campaigns.find_one({"name": "gsirr"})["recipe"]
    del stored["bulk"]["max_steps"]  # a key with a default, as if it had come later
    store.campaigns.update_one({"name": "gsirr"}, {"$set": {"recipe": stored}})
    save_campaign(store, build_plan(recipe, source, only="bulk"), [])
    assert {job["key"] for job in store.campaigns.find_one({"name": "gsirr"})["jobs"]} == {j.key for j in whole.jobs}
    stored["bulk"]["max_steps"] = 7  # another question
    store.campaigns.update_one({"name": "gsirr"}, {"$set": {"recipe": stored}})
    save_campaign(store, part := build_plan(recipe, source, only="bulk"), [])
    assert {job["key"] for job in store.campaigns.find_one({"name": "gsirr"})["jobs"]} == {j.key for j in part.jobs}
    store.close()
