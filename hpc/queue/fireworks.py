"""FireWorks as queue manager: a content-addressed flow becomes a workflow whose jobs run through this package's worker.

What FireWorks does is kept small: it knows which job is ready and hands it to the scheduler. Who computes a job, what
became of it and where its result went is settled by the ledger, as on one machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fireworks import FiretaskBase, Firework, FWAction, LaunchPad, Workflow
from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

from ...configs.cluster import Cluster, Resources
from ...configs.errors import CalculationError
from ..run.worker import run_job
from ..store.campaign_store import CampaignStore, database_of, open_store
from ..store.ledger import Ledger, job_key, job_record
from ..store.liveness import is_alive
from .scheduler import jobs_in_queue

if TYPE_CHECKING:
    from jobflow import Flow

__all__ = [
    "ComputeTask",
    "LookFirstAdapter",
    "Submission",
    "adapter",
    "describe",
    "launchpad",
    "let_go",
    "opened_launchpad",
    "preamble",
    "queue_name",
    "queue_terms",
    "set_waiting",
    "submit",
]

TEMPLATES = Path(__file__).parent / "templates"
#: FireWorks' states in which a job is still on its way
OPEN_STATES = ("WAITING", "READY", "RESERVED", "RUNNING", "PAUSED")


def launchpad(uri: str) -> LaunchPad:
    """FireWorks' database: beside that of the results, with ``_fireworks`` after its name."""
    return LaunchPad(
        host=uri,
        name=f"{database_of(uri)}_fireworks",
        uri_mode=True,
        strm_lvl="ERROR",
        mongoclient_kwargs={"serverSelectionTimeoutMS": 5000},
    )


@contextlib.contextmanager
def opened_launchpad(uri: str) -> Iterator[LaunchPad]:
    """FireWorks' database, its connection closed at the end."""
    pad = launchpad(uri)
    try:
        yield pad
    finally:
        pad.connection.close()


def _initialise(pad: LaunchPad) -> None:
    """Counters and indexes of a new database; one that is in use is left as it is (``lpad reset`` would empty it)."""
    start = {"next_fw_id": 1, "next_launch_id": 1}
    if not pad.fw_id_assigner.update_one({"_id": -1}, {"$setOnInsert": start}, upsert=True).matched_count:
        pad.tuneup(bkground=False)
        pad.fireworks.create_index("spec.job_key")


def queue_name(key: str, work_dir: Path) -> str:
    """The job's name in the queue: from its content hash and its campaigns' folder, so that it is found before it is
    submitted again.

    The folder is part of it because the same question may be on its way for another store too.
    """
    place = hashlib.sha256(str(work_dir).encode()).hexdigest()[:4]
    return f"cat-{place}-{key.replace(':', '-')[:13]}" + (f"-{key.partition(':')[2]}" if ":" in key else "")


class ComputeTask(FiretaskBase):  # type: ignore[misc]
    """Run one job of a campaign; its result goes to the store, what it adds goes to the workflow."""

    _fw_name = "{{catholyte.hpc.fireworks_queue.ComputeTask}}"
    required_params = ("job", "cluster")

    def run_task(self, fw_spec: dict[str, Any]) -> FWAction:
        """Compute; a failure is raised, so that FireWorks sees it, and so is a job that another process computes: the
        queue job ends, and a twin is left that waits outside of the queue."""
        data = json.loads(self["job"])
        store = open_store()
        outcome = run_job(store.location, data)
        if outcome.state == "held":
            raise CalculationError(f"{outcome.message} computes it")
        if outcome.state == "failed":
            raise CalculationError(outcome.message)
        cluster = Cluster.model_validate(self["cluster"])
        return _action(outcome.dynamic, Ledger(store), cluster)


def _action(dynamic: dict[str, Any], ledger: Ledger, cluster: Cluster) -> FWAction:
    """What a finished job asks of the workflow."""
    added: dict[str, list[Workflow]] = {}
    for kind in ("replace", "detour", "addition"):
        if kind in dynamic:
            jobs = dynamic[kind]
            records = [job_record(job["uuid"], job["index"], job["name"]) for job in jobs]
            ledger.register([{**record, "manager": "fireworks"} for record in records])
            added.setdefault("additions" if kind == "addition" else "detours", []).append(_workflow(jobs, cluster))
    return FWAction(
        defuse_children=bool(dynamic.get("stop_children")), defuse_workflow=bool(dynamic.get("stop_jobflow")), **added
    )


def _workflow(
    jobs: Iterable[dict[str, Any]], cluster: Cluster, name: str = "", waiters: Collection[str] = ()
) -> Workflow:
    """Serialised jobs as FireWorks, linked by their references; inputs from elsewhere are in the store already.

    `waiters` are on their way in another workflow too: here they only wait for that result.
    """
    from jobflow import Job
    from monty.json import MontyDecoder

    made: dict[str, Firework] = {}
    links: list[tuple[str, set[str]]] = []
    for data in jobs:
        job: Job = MontyDecoder().process_decoded(data)
        key = job_key(job.uuid, job.index)
        made[key] = _firework(key, data, cluster, waits=key in waiters)
        links.append((key, {uuid for uuid in job.input_uuids if uuid != job.uuid}))
    by_uuid: dict[str, list[str]] = {}
    for key in made:
        by_uuid.setdefault(key.partition(":")[0], []).append(key)
    table: dict[Firework, list[Firework]] = {}
    for key, parents in links:
        for parent in (other for uuid in parents for other in by_uuid.get(uuid, ())):
            table.setdefault(made[parent], []).append(made[key])
    return Workflow(list(made.values()), table, name=name or "added jobs")


def _firework(key: str, data: dict[str, Any], cluster: Cluster, *, waits: bool) -> Firework:
    """A job as a FireWork; a twin that waits for another is paused by :func:`submit`."""
    asked = cluster.resources_for(*describe(data))
    spec = {
        "job_key": key,
        "waits": waits,
        "_queueadapter": queue_terms(key, cluster, asked),
        "_launch_dir": str(cluster.work_dir / "launches" / key.replace(":", "-")),
    }
    task = ComputeTask(job=json.dumps(data), cluster=cluster.model_dump(mode="json", exclude={"store"}) | {"store": ""})
    return Firework([task], spec=spec, name=str(data["name"]))


def queue_terms(key: str, cluster: Cluster, asked: Resources | None = None) -> dict[str, Any]:
    """Name and resources of a job in the queue; where none are asked for the least: its result is there, and only its
    workflow has to hear of it."""
    least = asked is None
    asked = asked or cluster.resources_for("", "static", 0)
    return {
        "job_name": queue_name(key, cluster.work_dir) + ("-w" if least else ""),
        "walltime": asked.clock,
        "wall_seconds": asked.wall_time,
        "queue": asked.partition,
        "mem": asked.memory,
        **_scheduler_terms(cluster, asked),
    }


def set_waiting(pad: LaunchPad, fw_id: int) -> None:
    """Take a FireWork out of line whose job is computed elsewhere; `tend` lets it go on when the result is there."""
    pad.fireworks.update_one({"fw_id": fw_id}, {"$set": {"spec.waits": True}})
    pad.rerun_fw(fw_id)
    pad.pause_fw(fw_id)


def let_go(pad: LaunchPad, fw: dict[str, Any], cluster: Cluster, *, done: bool) -> None:
    """Put a FireWork in line: with the least resources where the job's result is there already, else with its own."""
    key = fw["spec"]["job_key"]
    asked = None if done else cluster.resources_for(*describe(json.loads(fw["spec"]["_tasks"][0]["job"])))
    terms = {"spec._queueadapter": queue_terms(key, cluster, asked), "spec.waits": False}
    pad.fireworks.update_one({"fw_id": fw["fw_id"]}, {"$set": terms})
    if fw["state"] == "DEFUSED":
        pad.reignite_fw(fw["fw_id"])
    if fw["state"] == "PAUSED":
        pad.resume_fw(fw["fw_id"])
    else:
        pad.rerun_fw(fw["fw_id"])


def _scheduler_terms(cluster: Cluster, asked: Resources) -> dict[str, Any]:
    """How many nodes and processes, in the words of the scheduler's template."""
    if cluster.scheduler == "sge":
        return {"pe": cluster.parallel_environment, "cores": asked.cores}
    terms = {"nodes": asked.nodes, "ntasks_per_node": asked.tasks_per_node}
    if cluster.scheduler == "pbs":
        return terms | {"cpus_per_node": asked.tasks_per_node * asked.cpus_per_task}
    return terms | {"cpus_per_task": asked.cpus_per_task, "warning": cluster.warning_seconds}


def describe(data: dict[str, Any]) -> tuple[str, str, int]:
    """Engine, kind and number of atoms of a serialised job; the planned number where its structure is another job's
    output, 0 without a plan."""
    function = data.get("function")
    bound = (function.get("@bound") if isinstance(function, dict) else None) or {}
    engine, kind = (bound.get("engine") or {}).get("name", ""), (bound.get("task") or {}).get("kind", "static")
    arguments = [*data.get("function_args", []), *data.get("function_kwargs", {}).values()]
    sizes = [len(argument["sites"]) for argument in arguments if isinstance(argument, dict) and "sites" in argument]
    return str(engine), str(kind), max(sizes, default=int((data.get("metadata") or {}).get("n_atoms", 0)))


class LookFirstAdapter(CommonAdapter):  # type: ignore[misc]
    """A queue adapter that looks for the job's name in the queue before it submits: a submit that timed out is not
    repeated."""

    _fw_name = "{{catholyte.hpc.fireworks_queue.LookFirstAdapter}}"

    def submit_to_queue(self, script_file: str) -> Any:
        """Return the queue's number of the job that bears this name, or of a new one."""
        found = jobs_in_queue(self.q_type, str(self.get("job_name", "")))
        return found[0] if found else super().submit_to_queue(script_file)


def preamble(cluster: Cluster) -> list[str]:
    """Shell lines with which every job begins: modules, then the cluster file's own."""
    return [f"module load {module}" for module in cluster.modules] + list(cluster.setup)


def adapter(cluster: Cluster, config: Path) -> LookFirstAdapter:
    """Return the queue adapter of a cluster; its launcher reads the cluster from the file `config`."""
    return LookFirstAdapter(
        cluster.scheduler.upper(),
        q_name=cluster.name,
        template_file=str(TEMPLATES / f"{cluster.scheduler}.txt"),
        rocket_launch=f"{cluster.python} -m catholyte.hpc.queue.fireworks_launch singleshot --cluster {config}",
        pre_rocket="\n".join(preamble(cluster)),
        queue=cluster.partition,
        account=cluster.account,
    )


@dataclass(frozen=True)
class Submission:
    """What a submission did: the workflow's number (None where nothing was new), keys of new and of adopted jobs."""

    flow_id: int | None
    jobs: list[str]
    adopted: list[str]


def submit(
    store: CampaignStore, flow: Flow, records: list[dict[str, Any]], cluster: Cluster, pad: LaunchPad
) -> Submission:
    """Enter a flow in FireWorks; what is done or on its way already is adopted, not entered again.

    Parameters
    ----------
    store : CampaignStore
    flow : Flow
        Content-addressed.
    records : list of dict
        One ledger record per job.
    cluster : Cluster
    pad : LaunchPad

    Raises
    ------
    StoreError
        If FireWorks' database does not answer.
    """
    from monty.json import MontyEncoder

    from ...workflows.identity import iter_jobs

    _initialise(pad)
    ledger = Ledger(store)
    ledger.register([{**record, "manager": "fireworks"} for record in records])
    keys = [record["key"] for record in records]
    done = {record["key"] for record in ledger.records(keys) if record["state"] == "done"}
    running = {record["key"] for record in ledger.records(keys) if record["state"] == "running" and is_alive(record)}
    entered = {
        fw["spec"]["job_key"]
        for fw in pad.fireworks.find(
            {"spec.job_key": {"$in": keys}, "state": {"$in": list(OPEN_STATES)}}, {"spec.job_key": 1}
        )
    }
    adopted = done | entered | running
    if set(keys) <= adopted:
        return Submission(None, [], sorted(adopted))
    # a job on its way elsewhere is entered once more, so that new jobs can depend on it: it waits outside of the queue
    wanted = [job for job in iter_jobs(flow) if job_key(job.uuid, job.index) not in done]
    serialised = [json.loads(json.dumps(job.as_dict(), cls=MontyEncoder)) for job in wanted]
    workflow = _workflow(serialised, cluster, flow.name, entered | running)
    numbers = pad.add_wf(workflow)
    for fw in pad.fireworks.find({"fw_id": {"$in": list(numbers.values())}, "spec.waits": True}, {"fw_id": 1}):
        pad.pause_fw(fw["fw_id"])
    return Submission(min(numbers.values()), sorted(set(keys) - adopted), sorted(adopted))
