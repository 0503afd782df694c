"""Jobs that former versions wrote into ledgers and queues are still jobs, and the same ones."""

from __future__ import annotations

import json

import pytest
from jobflow import Job
from monty.json import MontyDecoder, MontyEncoder

from catholyte.tests.support.former.former_stores import former_jobs
from catholyte.tests.support.former.identity_cases import fix_versions
from catholyte.workflows.identity import identity


@pytest.fixture(autouse=True)
def _versions(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_versions(monkeypatch)


@pytest.mark.parametrize("key", former_jobs())
def test_a_former_job_is_read_and_keeps_its_identity(key: str) -> None:
    former = former_jobs()[key]
    job = MontyDecoder().process_decoded(former)
    assert isinstance(job, Job)
    assert callable(job.function)
    assert not isinstance(job.maker, dict)
    written = identity(json.loads(json.dumps(job.as_dict(), cls=MontyEncoder)))
    assert identity(former) == identity(job) == written
    # the settings of VASP were corrected since, and with them what is asked
    assert (written == former["uuid"]) == (not any(engine in key for engine in ("vasp", "rehearsal")))


def test_a_former_job_of_every_function_is_kept() -> None:
    assert {former["function"]["@callable"] for former in former_jobs().values()} == {
        "BuildInterfaceMaker.make",
        "CalculationMaker.make",
        "ChooseInterfaceMaker.make",
        "LadderMaker.make",
        "calculate_again",
        "choose_interface",
        "compare_oxygen",
        "lose_oxygen",
        "refine",
    }


def test_another_question_is_another_job() -> None:
    former = former_jobs()["tasks/LiH chgnet static"]
    asked = {**former, "function_args": [former["function_args"][0], "another label"]}
    assert identity(asked) != former["uuid"]
