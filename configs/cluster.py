"""What a cluster offers: one YAML per cluster, and what a job of a kind and size asks of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .database import rehearsal_uri
from .errors import InputError, UnknownNameError, near_match_hint
from .load import CONFIGS, parse_file
from .models import Spec

__all__ = [
    "CLUSTERS_VARIABLE",
    "Cluster",
    "Resources",
    "Rule",
    "WallTime",
    "cluster_names",
    "load_cluster",
]

#: a folder of the user's own cluster files, searched before the examples of the package
CLUSTERS_VARIABLE = "CATHOLYTE_CLUSTERS"
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    """``"24 h"``, ``"30 min"``, ``"1-12:00:00"`` or ``"HH:MM:SS"`` in seconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if clock := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if quantity := re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)", text):
        return round(float(quantity[1]) * _UNITS[quantity[2]])
    raise ValueError(f"{value!r} is no wall time; write for example '24 h', '30 min' or '1-12:00:00'")


WallTime = Annotated[int, BeforeValidator(_seconds), Field(ge=60, description="s")]


class Resources(Spec):
    """What one job asks of the scheduler."""

    nodes: int = Field(1, ge=1)
    tasks_per_node: int = Field(1, ge=1, description="MPI ranks on each node")
    cpus_per_task: int = Field(1, ge=1)
    wall_time: WallTime = Field(86400, description="s, or '24 h', '1-12:00:00'")
    memory: str | None = Field(None, pattern=r"^\d+[KMGT]B?$", description="per node, e.g. 180G")
    partition: str | None = Field(None, description="partition or queue; the cluster's where left out")

    @property
    def clock(self) -> str:
        """The wall time as schedulers read it, HH:MM:SS."""
        hours, rest = divmod(self.wall_time, 3600)
        return f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"

    @property
    def cores(self) -> int:
        """Processor cores of the whole job."""
        return self.nodes * self.tasks_per_node * self.cpus_per_task


class Rule(Spec):
    """Resources of the jobs of some kinds and sizes; the first rule that fits counts."""

    kinds: tuple[Literal["relax", "static", "dos", "md"], ...] = ("relax", "static", "dos", "md")
    engines: tuple[str, ...] = Field((), description="names of engines; every engine where left out")
    min_atoms: int = Field(0, ge=0)
    resources: Resources


class Cluster(Spec):
    """One cluster, as its users' guide describes it."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.\-]+$")
    scheduler: Literal["slurm", "pbs", "sge"]
    partition: str | None = Field(None, description="default partition or queue")
    account: str | None = None
    parallel_environment: str | None = Field(None, description="SGE only: name of the parallel environment, e.g. mpi")
    modules: tuple[str, ...] = Field((), description="loaded before the job, e.g. vasp/6.4.3")
    setup: tuple[str, ...] = Field(
        (), description="shell lines before the job, e.g. source ~/catholyte/.venv/bin/activate"
    )
    python: str = Field("python", description="the Python that has catholyte, on the compute nodes")
    vasp_command: str | None = Field(None, description="e.g. 'srun vasp_std'; for rehearsals catholyte-rehearse")
    vasp_gamma_command: str | None = Field(None, description="e.g. 'srun vasp_gam', for Γ-only cells")
    potcars: str | None = Field(
        None, description="folder that holds POT_GGA_PAW_PBE_54, on the compute nodes; else their PMG_VASP_PSP_DIR"
    )
    work_dir: Path = Field(description="folder on a file system that login and compute nodes share; jobs run here")
    scratch: str | None = Field(
        None, description="fast local folder on the node, e.g. $TMPDIR; where left out the job runs in work_dir"
    )
    store: str = Field(
        description="mongodb:// URI of results and job states; ${VARIABLE} is replaced from the environment"
    )
    warning_seconds: int = Field(
        120, ge=10, description="s before the wall time at which the job is told to stop by itself"
    )
    max_jobs_in_queue: int = Field(50, ge=1)
    rehearsal: bool = Field(
        False, description="jobs run the stand-in for VASP; set in the copy that a rehearsal is submitted with"
    )
    resources: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sensible(self) -> Cluster:
        if self.resources[-1].min_atoms or self.resources[-1].engines or len(self.resources[-1].kinds) < 4:
            raise ValueError("the last rule of 'resources' must fit every job: give it no kinds, engines or min_atoms")
        for rule in self.resources:
            if rule.resources.wall_time <= self.warning_seconds:
                raise ValueError(
                    f"a wall time of {rule.resources.wall_time} s leaves no time before the warning at "
                    f"{self.warning_seconds} s"
                )
        if self.scheduler == "sge" and self.parallel_environment is None:
            raise ValueError("scheduler sge needs the key 'parallel_environment'")
        return self

    def resources_for(self, engine: str, kind: str, n_atoms: int) -> Resources:
        """Return what a job asks for; the partition is filled in. A job that is no calculation counts as the smallest,
        ``static``."""
        known = kind if any(kind in rule.kinds for rule in self.resources) else "static"
        for rule in self.resources:
            if known in rule.kinds and n_atoms >= rule.min_atoms and (not rule.engines or engine in rule.engines):
                found = rule.resources
                return found if found.partition else found.model_copy(update={"partition": self.partition})
        raise AssertionError("the last rule fits every job")

    @property
    def environment(self) -> dict[str, str]:
        """Variables that a job needs on its node, whoever manages the queue; a rehearsal brings its own command and
        needs no POTCAR."""
        named = {
            "CATHOLYTE_VASP_COMMAND": self.vasp_command,
            "CATHOLYTE_VASP_GAMMA_COMMAND": self.vasp_gamma_command,
            "PMG_VASP_PSP_DIR": self.potcars,
        }
        if self.rehearsal:
            named = {"CATHOLYTE_POTCAR_SPEC": "1"}
        return {name: value for name, value in named.items() if value}

    @property
    def store_uri(self) -> str:
        """The store with variables of the environment filled in; that of rehearsals for one.

        Raises
        ------
        InputError
            If a variable is not set.
        """

        def fill(match: re.Match[str]) -> str:
            try:
                return os.environ[match[1]]
            except KeyError:
                raise InputError(
                    f"cluster {self.name}, key 'store': the environment variable {match[1]} is not set"
                ) from None

        filled = re.sub(r"\$\{(\w+)\}", fill, self.store)
        return rehearsal_uri(filled) if self.rehearsal else filled


def _folders() -> list[Path]:
    own = os.environ.get(CLUSTERS_VARIABLE)
    return ([Path(own)] if own else []) + [CONFIGS / "clusters"]


def cluster_names() -> list[str]:
    """Names of the cluster files that are found."""
    return sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")})


def load_cluster(name_or_path: str) -> Cluster:
    """Return a cluster by name or by the path of its YAML file.

    Raises
    ------
    UnknownNameError
        With the nearest names.
    InputError
        With file, line, key and allowed values.
    """
    if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")):
        return parse_file(Path(name_or_path), Cluster)[0]
    for folder in _folders():
        if (path := folder / f"{name_or_path}.yaml").is_file():
            return parse_file(path, Cluster)[0]
    raise UnknownNameError(
        f"unknown cluster {name_or_path!r} (a file is named by its path, e.g. ./{name_or_path}.yaml; own files are "
        f"searched in ${CLUSTERS_VARIABLE}); {near_match_hint(name_or_path, cluster_names())}"
    )
