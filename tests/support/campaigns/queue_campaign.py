"""A campaign on a real queue: cluster file, database server, `catholyte tend` as a process of its own."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow

from catholyte.configs.cluster import Cluster
from catholyte.configs.load import load_recipe
from catholyte.hpc.queue.submission import open_cluster
from catholyte.hpc.store.campaign_store import CampaignStore
from catholyte.hpc.store.ledger import Ledger
from catholyte.hpc.store.turn import turn
from catholyte.tests.support.database import REAL, Server, drop, with_database
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan

__all__ = ["Campaign", "answers", "campaign", "needs_slurm", "reaches", "rehearsal_plan"]

#: configuration of the Slurm that slurm_up.sh starts
OWN_SLURM = Path("/run/catholyte-slurm/slurm.conf")
#: one small relaxation, a density of states on its result, and dynamics in three chunks
SMALL = """\
name: small
title: CoO
source: a test
hubbard_u:
  Co: 3.9 eV
bulk:
  engine: chgnet
  materials: [CoO]
vasp:
  relax: [CoO]
  electronic: [CoO]
  cutoff: 300 eV
  mesh: [2, 2, 2]
  dynamics:
    materials: [CoO]
    cutoff: 300 eV
    hubbard_u: false
    temperature: 300 K
    timestep: 2 fs
    length: 48 fs
    chunk: 16 fs
"""


@functools.cache
def _without_slurm() -> str:
    """Why no job can run: empty where this machine alone is the partition `debug` of a Slurm, so that a site's cluster
    is left in peace."""
    if OWN_SLURM.is_file():
        os.environ.setdefault("SLURM_CONF", str(OWN_SLURM))
    try:
        nodes = subprocess.run(
            ["sinfo", "-h", "-p", "debug", "-o", "%n %T"], capture_output=True, text=True, check=True, timeout=30
        ).stdout.split()
    except (OSError, subprocess.SubprocessError) as error:
        return f"no Slurm answers: {error}"
    here = socket.gethostname().partition(".")[0]
    return (
        ""
        if nodes[:1] == [here] and nodes[1:] in (["idle"], ["mixed"], ["allocated"], ["completing"])
        else f"no Slurm of {here} alone: {nodes}"
    )


def needs_slurm(test: Any) -> Any:
    """Mark a test that needs a one-node Slurm on this machine."""
    reason = _without_slurm()
    skip = pytest.mark.skipif(bool(reason), reason=f"{reason}; `bash tests/support/slurm_up.sh` (as root) starts one")
    return pytest.mark.slurm(skip(test))


def rehearsal_plan(folder: Path, text: str = SMALL, only: str | None = None) -> Plan:
    """The plan of a recipe, or of one step of it, under the engine of rehearsals."""
    (folder / "recipe.yaml").write_text(text)
    return build_plan(*load_recipe(str(folder / "recipe.yaml")), "rehearsal", only)


def reaches(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until `condition` holds and return its value; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > until:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.25)
    return value


def answers(store: CampaignStore) -> dict[str, Any]:
    """What a campaign found, by job: energies, forces, cells, moments and every frame; nothing of when and where."""
    found = {}
    for document in store.outputs.query({}, load=True):
        output = document["output"]
        if isinstance(output, dict):
            output = {
                name: output.get(name)
                for name in ("energy", "forces", "stress", "magmoms", "convergence", "trajectory", "signature", "value")
            }
        found[f"{document['uuid']}:{document['index']}"] = output
    return found


@dataclass
class Campaign:
    """One campaign on the queue of this machine.

    Parameters
    ----------
    folder : Path
        Everything lies below it.
    manager : str
    wall_time, warning : int
        s.
    faults : str
        Content of the stand-in's fault file.
    work_dir : Path, optional
        Where jobs run, if not below `folder`.
    """

    folder: Path
    manager: str = "fireworks"
    wall_time: int = 600
    warning: int = 20
    faults: str = "faults: []\n"
    work_dir: Path | None = None
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.fault_file.write_text(self.faults)
        name = f"catholyte_{uuid.uuid4().hex[:12]}"
        if real := os.environ.get(REAL):
            self.server, self.uri = None, with_database(real, name)
        else:
            self.server = Server(self.folder.absolute() / "database").start()
            self.uri = with_database(self.server.uri, name)
        self.write_cluster()
        self.cluster, self.store, self.config = open_cluster(str(self.file), rehearsal=True)

    def write_cluster(self) -> None:
        """Write the cluster file, with the wall time that holds now."""
        self.file.write_text(
            f"name: {self.folder.name}\nscheduler: slurm\npartition: debug\npython: {sys.executable}\n"
            f"setup:\n  - export OMP_NUM_THREADS=1 CATHOLYTE_REHEARSE_FAULTS={self.fault_file}\n"
            f"work_dir: {self.work_dir or self.folder / 'cluster'}\nstore: {self.uri}\nwarning_seconds: "
            f"{self.warning}\n"
            f"resources:\n  - resources: {{wall_time: {self.wall_time}}}\n"
        )

    server: Server | None = field(init=False)
    uri: str = field(init=False)
    cluster: Cluster = field(init=False)
    store: CampaignStore = field(init=False)
    config: Path = field(init=False)

    @property
    def file(self) -> Path:
        """Cluster file."""
        return self.folder / "cluster.yaml"

    @property
    def fault_file(self) -> Path:
        """The stand-in's faults."""
        return self.folder / "faults.yaml"

    @property
    def struck(self) -> bool:
        """Whether a fault of the stand-in has struck."""
        return self.fault_file.with_name("faults.yaml.strikes").is_file()

    def submit(self, flow: Flow, records: list[dict[str, Any]]) -> Any:
        """Enter a flow, as `catholyte submit` does."""
        with turn(self.store, f"submission to {self.manager}"):
            return self._enter(flow, records)

    def _enter(self, flow: Flow, records: list[dict[str, Any]]) -> Any:
        if self.manager == "jobflow-remote":
            from catholyte.hpc.queue.remote import submit_remote
            from catholyte.hpc.queue.remote_project import write_project

            write_project(self.cluster, quick=2.0)
            return submit_remote(self.store, flow, records, self.cluster)
        from catholyte.hpc.queue.fireworks import opened_launchpad, submit

        with opened_launchpad(self.cluster.store_uri) as pad:
            return submit(self.store, flow, records, self.cluster, pad)

    def command(self, *words: str) -> list[str]:
        """A command of the command line on this cluster."""
        program = [sys.executable, "-c", "from catholyte.hpc.commands.app import main; main()", *words]
        return [*program, "--cluster", str(self.file), "--rehearsal", "--manager", self.manager]

    def call(self, *words: str) -> str:
        """Run a command of the command line and return what it prints."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tend(self) -> subprocess.Popen[bytes]:
        """Start `catholyte tend`."""
        with (self.folder / "tend.log").open("ab") as log:
            self.helpers.append(
                subprocess.Popen([*self.command("tend"), "--pause", "2"], stdout=log, stderr=log, cwd=self.folder)
            )
        return self.helpers[-1]

    def finishes(self, seconds: float) -> float:
        """Wait until `tend` says that nothing is left, by its exit status too; returns the s that it took."""
        started = time.monotonic()
        status = reaches(
            lambda: (code := self.helpers[-1].poll()) is not None and [code],
            seconds,
            f"end of the campaign; {self.said()}",
        )
        assert status == [int(any(r["state"] == "failed" for r in self.records()))], self.said()
        return time.monotonic() - started

    def said(self) -> str:
        """The end of what `tend` said, and the states of the jobs."""
        states = ", ".join(
            f"{r['name']} {r['state']} {(r.get('cause') or {}).get('message', '')}" for r in self.records()
        )
        return f"{states}\n{(self.folder / 'tend.log').read_text()[-3000:]}"

    def records(self) -> list[dict[str, Any]]:
        """The ledger."""
        return Ledger(self.store).records()

    def running(self) -> dict[str, Any] | None:
        """A job that is being computed."""
        return next((r for r in self.records() if r["state"] == "running"), None)

    def queue(self) -> list[str]:
        """Numbers of this campaign's jobs in Slurm."""
        listed = subprocess.run(["squeue", "-h", "-o", "%i %Z"], capture_output=True, text=True, check=True).stdout
        return [line.split()[0] for line in listed.splitlines() if str(self.cluster.work_dir) in line]

    def drains(self, seconds: float = 120) -> None:
        """Wait until none of this campaign's jobs is in Slurm: a launcher that found nothing left to do needs a moment
        to end."""
        reaches(lambda: not self.queue(), seconds, f"the queue to empty; {self.queue()} are left")

    def away(self, seconds: float) -> None:
        """The database goes away, and comes back on the same port with its data."""
        if self.server is None:
            pytest.skip(f"the server of {REAL} is not ours to stop")
        self.server.stop(kill=True)
        time.sleep(seconds)
        self.server.start()

    def close(self) -> None:
        """Leave nothing behind: processes, queue jobs, server."""
        for helper in self.helpers:
            if helper.poll() is None:
                helper.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    helper.wait(timeout=40)
                helper.kill()
        if numbers := self.queue():
            subprocess.run(["scancel", "--full", *numbers], check=False)
        self.store.close()
        if self.server is not None:
            self.server.stop(kill=True)
            return
        drop(self.uri)


@contextlib.contextmanager
def campaign(folder: Path, *, alone: bool = False, **options: Any) -> Iterator[Campaign]:
    """A campaign that leaves nothing behind; `alone` where the whole node is struck, which every campaign would feel
    that another worker of pytest runs beside it."""
    before = dict(os.environ)
    with (Path(tempfile.gettempdir()) / "catholyte-slurm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        made = Campaign(folder, **options)
        try:
            yield made
        finally:
            made.close()
            os.environ.clear()
            os.environ.update(before)
