"""Answers on campaigns: recipes, jobs, stores, queues."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from .common import Answer, Check, Number

__all__ = [
    "Board",
    "BoardFigure",
    "BoardMark",
    "BoardProblem",
    "Cancelled",
    "Cause",
    "Database",
    "Diagnosis",
    "Imported",
    "InputsReview",
    "NewRecipe",
    "Plan",
    "Retried",
    "Run",
    "Status",
    "Submitted",
    "Tended",
    "WrittenInputs",
]


class Job(TypedDict):
    """A job of a plan; its identity is `key`, its cost processor seconds."""

    key: str
    uuid: str
    index: int
    name: str
    step: str
    material: str
    variant: str
    engine: str
    tier: str
    kind: str
    formula: str
    n_atoms: int
    depends_on: list[str]
    cost_seconds: float
    role: dict[str, Any] | None
    members: list[str]
    cores: NotRequired[int]
    wall_time: NotRequired[float]
    core_hours: NotRequired[float]
    core_hours_at_most: NotRequired[float]


class Totals(TypedDict):
    """Sums over the jobs: processor seconds, core hours."""

    jobs: int
    atoms_largest: int
    cpu_seconds: float
    core_hours: NotRequired[float]
    core_hours_at_most: NotRequired[float]


class Calibration(TypedDict):
    """What finished VASP runs say of the times of others."""

    n_runs: int
    seconds: float
    factor: Number
    electronic: dict[str, float]
    ionic: dict[str, float]


class Plan(Answer):
    """The jobs of a recipe; nothing runs."""

    recipe: str
    jobs: list[Job]
    skipped: list[str]
    totals: Totals
    calibration: NotRequired[Calibration | None]
    cluster: NotRequired[str]


class NewMaterial(TypedDict):
    """A material of a new recipe; `crystal` is null where only its energy is known."""

    part: Literal["cathode", "electrolyte", "coating"]
    name: str
    formula: str
    crystal: str | None


class NewRecipe(Answer):
    """A recipe that was written, and the commands that come next."""

    file: str
    name: str
    title: str
    materials: list[NewMaterial]
    totals: Totals
    next: list[str]


class Run(Answer):
    """Names of the jobs of a run by what became of them."""

    completed: list[str]
    reused: list[str]
    failed: list[str]
    blocked: list[str]
    store: str
    skipped: list[str]


class JobState(TypedDict):
    """The state of a job; wall_seconds of its last attempt, times UTC."""

    name: str
    key: str
    step: str
    material: str
    variant: str
    engine: str
    tier: str
    kind: str
    n_atoms: int
    depends_on: list[str]
    cost_seconds: float
    state: str
    host: str | None
    submitted: str | None
    started: str | None
    finished: str | None
    wall_seconds: Number
    attempts: int
    computed: int | None
    queue_job: str | None
    directory: str | None
    cores: int | None
    cause: str | None
    imported: str | dict[str, Any] | None


class Status(Answer):
    """The jobs of a campaign, and how many are in each state."""

    jobs: list[JobState]
    counts: dict[str, int]


class Cause(Answer):
    """Why a job is in its state, with evidence and advice."""

    job: str
    key: str
    state: str
    queue_job: str | None
    directory: str | None
    cause: str
    evidence: list[str]
    advice: str


class Fault(TypedDict):
    """A finished job whose result cannot be used."""

    key: str
    name: str
    what: str


class Diagnosis(Answer):
    """Checks of an installation, a store, a cluster; E(V) curves of examined potentials."""

    checks: list[Check]
    faults: list[Fault]
    curves: list[dict[str, Any]]


class WrittenJob(TypedDict):
    """A job whose VASP inputs were written."""

    name: str
    first_stage: bool
    positions: str
    n_atoms: int
    kind: str
    directories: list[str]


class WrittenInputs(Answer):
    """Folders with VASP inputs, and what preflight says of them."""

    recipe: str
    directories: list[str]
    jobs: list[WrittenJob]
    checks: list[Check]


class Remark(TypedDict):
    """What an expert would name in a run's input."""

    rule: str
    folder: str
    detail: str
    mend: str


class InputsReview(Answer):
    """Remarks on input files of VASP."""

    runs: list[str]
    remarks: list[Remark]


class ImportedRun(TypedDict):
    """A finished VASP run that answers a job; eV/atom."""

    path: str
    parts: list[str]
    job: str | None
    key: str
    material: str
    role: str
    kind: str
    formula: str
    n_atoms: int
    energy_per_atom: float
    version: str
    level: str
    sha256: str
    notes: list[str]


class RefusedRun(TypedDict):
    """A run that cannot be used."""

    path: str
    reason: str


class SameRun(TypedDict):
    """A run that is there already."""

    path: str
    same_as: str


class Imported(Answer):
    """Runs that were taken in, refused, or there already."""

    imported: list[ImportedRun]
    refused: list[RefusedRun]
    duplicates: list[SameRun]
    store: str


class FileJob(TypedDict):
    """A job written as a folder and a script."""

    key: str
    name: str
    recipe: str
    kind: str
    n_atoms: int
    folder: str
    after: str | None


#: a job whose files cannot be written yet, and what it waits for
WaitingJob = TypedDict("WaitingJob", {"name": str, "for": str})


class JobFiles(Answer):
    """Jobs written as files for a machine that nothing here can reach, and the command that takes their results."""

    recipe: str
    jobs: list[FileJob]
    finished: list[str]
    waiting: list[WaitingJob]
    files: list[str]
    skipped: list[str]
    import_command: str


class Queued(Answer):
    """Jobs handed to a queue manager, and those that were there already."""

    flow_id: str | int | None
    jobs: list[str]
    adopted: list[str]
    store: str
    cluster: str
    manager: str
    rehearsal: bool
    skipped: list[str]
    waiting_for_a_person: list[str]


#: of ``submit``: to a queue, or as files
Submitted = Queued | JobFiles


class Tended(Answer):
    """What the last look at a queue did and found."""

    put_back: list[str]
    paused: list[str]
    queued: list[str]
    left: int
    blocked: list[str]
    waiting: list[str]


class Retried(Answer):
    """Jobs back in line, and those left alone with the reason."""

    retried: list[str]
    left: list[str]


class Cancelled(Answer):
    """Jobs out of line, and those left alone with the reason."""

    cancelled: list[str]
    left: list[str]


class Database(Answer):
    """A database server of this machine."""

    running: bool
    stopped: bool
    folder: str
    port: int | None
    pid: int | None
    uri_file: str | None


class Board(Answer):
    """Files of the pages, or the address at which they are served."""

    files: NotRequired[list[str]]
    address: NotRequired[str]


class BoardMark(TypedDict):
    """What an open page of the board asks every few seconds: it fetches itself again where the mark differs."""

    mark: str
    counts: dict[str, int]


class BoardFigure(TypedDict):
    """One figure of a job's page, as plotly draws it."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]


class BoardProblem(TypedDict):
    """Why the board has no JSON at an address; the status is 404 or 409."""

    error: str
