"""jobflow-remote's runner, which looks for a job in the queue before it submits it: a submission that timed out is not
repeated.

``python -m catholyte.hpc.queue.remote_runner PROJECT LOCK PARENT``, with ``JFREMOTE_PROJECTS_FOLDER`` set; ``catholyte
tend`` starts it. It ends with its parent, and waits while another runs for the same project.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from filelock import FileLock
from jobflow_remote.jobs.runner import Runner
from jobflow_remote.remote.queue import QueueManager
from qtoolkit.core.data_objects import SubmissionResult, SubmissionStatus

from ..run.worker import die_with_parent
from ..store.ledger import job_key
from .fireworks import queue_name
from .scheduler import jobs_in_queue

__all__ = ["LookFirstQueue", "LookFirstRunner", "main", "name_of"]


def name_of(directory: Path) -> str:
    """The job's name in the queue, from its directory ``WORK_DIR/jobflow-remote-jobs/xx/xx/xx/UUID_INDEX``: the same
    name as under FireWorks."""
    uuid, _, index = directory.name.rpartition("_")
    return queue_name(job_key(uuid, int(index)), directory.parents[4])


class LookFirstQueue(QueueManager):
    """Submits under the name of the job's content hash, unless a job of that name is in the queue."""

    def submit(self, *given: Any, **named: Any) -> SubmissionResult:
        """Return the number of the job that bears the name, or of a new one; the runner names `options` and
        `work_dir`."""
        name = name_of(Path(named["work_dir"]))
        found = jobs_in_queue(type(self.scheduler_io).__name__.removesuffix("IO").upper(), name)
        if found:
            return SubmissionResult(job_id=found[0], status=SubmissionStatus("SUCCESSFUL"))
        return super().submit(*given, **named | {"options": {**named["options"], "job_name": name}})


class LookFirstRunner(Runner):
    """The runner with that queue."""

    def get_queue_manager(self, worker_name: str) -> QueueManager:
        """One for each worker."""
        if worker_name not in self.queue_managers:
            self.queue_managers[worker_name] = LookFirstQueue(
                self.get_worker(worker_name).get_scheduler_io(), self.get_host(worker_name)
            )
        manager: QueueManager = self.queue_managers[worker_name]
        return manager


def main() -> None:
    """Run until told to stop, or the parent is gone."""
    project, lock, parent = sys.argv[1:4]
    die_with_parent(int(parent))
    with FileLock(lock):  # ends with the process that holds it
        runner = LookFirstRunner(project_name=project)
        try:
            runner.run(transfer=True, complete=True, queue=True, checkout=True)
        finally:
            runner.cleanup()


if __name__ == "__main__":
    main()
