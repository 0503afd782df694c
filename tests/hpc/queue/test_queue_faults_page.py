"""docs/queue-faults.md says what the tests on a real Slurm recorded, for every fault and both managers."""

from __future__ import annotations

from ruamel.yaml import YAML

from catholyte.tests.support.docs.queue_faults_page import FAULTS, MANAGERS, OUTCOMES, PAGE, page


def test_page_is_what_was_recorded() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python tests/support/docs/queue_faults_page.py"


def test_every_fault_was_survived_under_both_managers_in_three_minutes() -> None:
    found = YAML(typ="safe").load(OUTCOMES)
    assert set(list(FAULTS)[:8]) <= set(found)
    assert set(found) <= set(FAULTS)
    assert {fault: set(outcomes) for fault, outcomes in found.items()} == {fault: set(MANAGERS) for fault in found}
    assert max(outcome["seconds"] for outcomes in found.values() for outcome in outcomes.values()) <= 180
