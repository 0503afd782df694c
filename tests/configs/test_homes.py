"""What was stored by the name of a module is found where the module is now."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fireworks.utilities.fw_serializers import load_object

from catholyte.configs.homes import FIRST_HOMES, first_home
from catholyte.hpc.queue.fireworks import ComputeTask
from catholyte.workflows.engines.engine import CalculationMaker


@pytest.mark.parametrize(("today", "first"), FIRST_HOMES.items())
def test_the_first_name_of_a_module_is_the_module_of_today(today: str, first: str) -> None:
    assert importlib.import_module(f"catholyte.{first}") is importlib.import_module(f"catholyte.{today}")
    assert first_home(f"catholyte.{today}") == f"catholyte.{first}"


def test_a_module_that_never_moved_is_its_own_home() -> None:
    assert first_home("catholyte.workflows.documents") == "catholyte.workflows.documents"
    assert first_home(CalculationMaker.__module__) == "catholyte.workflows.engine"


def test_an_entry_of_an_older_queue_becomes_a_task_of_today() -> None:
    entry = {"_fw_name": "{{catholyte.hpc.fireworks_queue.ComputeTask}}", "job": "{}", "cluster": {}}
    assert isinstance(load_object(entry), ComputeTask)
    assert ComputeTask(job="{}", cluster={}).to_dict()["_fw_name"] == entry["_fw_name"]


def test_a_script_of_an_older_queue_starts_the_launcher_of_today() -> None:
    command = [sys.executable, "-W", "error", "-m", "catholyte.hpc.fireworks_launch", "--help"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--fw_id" in run.stdout


def test_a_script_of_an_older_queue_ends_as_the_launcher_of_today_does(tmp_path: Path) -> None:
    """What stands below the launcher's ``main`` belongs to it: at the wall time it ends with status 0."""
    (tmp_path / "sitecustomize.py").write_text(
        "import argparse\n\n\nclass Stop(KeyboardInterrupt): ...\n\n\n"
        "def parse(self, *arguments):\n    import sys\n\n    raise sys.modules['__main__']._WallTime\n\n\n"
        "argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_known_args = parse\n"
    )
    command = [sys.executable, "-m", "catholyte.hpc.fireworks_launch"]
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_another_name_is_still_unknown() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"catholyte\.workflows\.never"):
        importlib.import_module("catholyte.workflows.never")
