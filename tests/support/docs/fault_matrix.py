"""Every fault of the rehearsal, in a relaxation and in dynamics: the state that the job ends in, and what the next
attempt gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure

from catholyte.configs.errors import CatholyteError
from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.hpc.rehearsal.faults import KINDS, VARIABLE
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.engines.acceptance import accept
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import MolecularDynamics, Relax, Task

__all__ = ["STATES", "TASKS", "cell", "outcome", "page", "run"]

METHOD = Method(hubbard_u={"Co": 3.9}, cutoff=400, kpoints=(1, 1, 1))
TASKS: dict[str, Task] = {
    "relax": Relax(method=METHOD, relax_cell=False, max_force=0.01),
    "md": MolecularDynamics(n_steps=6, method=METHOD, frame_interval=1),
}
#: first word of a state
STATES = ("corrected", "review", "refused", "failed", "nothing to spoil", "slower only")
#: ionic step at which a fault strikes; the relaxation takes some ten steps
_STEP = 3
#: s without a word, after which a run counts as frozen; longer than the start of the stand-in on a busy machine
_PATIENCE = 30.0
#: what cannot show in the numbers, and why
_HARMLESS = {
    ("lose_velocities", "relax"): "nothing to spoil: a relaxation has no velocities",
    ("slow", "relax"): "slower only: the result is that of the undisturbed run",
    ("slow", "md"): "slower only: the result is that of the undisturbed run",
}


def cell() -> Structure:
    """CoO, compressed until its atoms touch and with each a little off its place, so that it has a way to relax."""
    found = calculation_cell(material("CoO"))
    found.scale_lattice(0.7 * found.volume)
    for i, shift in enumerate(np.random.default_rng(7).normal(scale=0.15, size=(len(found), 3))):
        found.translate_sites([i], shift, frac_coords=False)
    return found


def run(place: Path, task: Task, frozen_time: float = 21600.0) -> CalculationDocument:
    """One attempt at the job in its directory, through the engine and the gate behind it."""
    # one start, so that a fault strikes the run that was asked for
    backend = RehearsalBackend({"polling_time": 0.1, "frozen_time": frozen_time, "moment_scales": [1.0]})
    return accept(backend.calculate(cell(), task, "CoO", place), task)


def outcome(kind: str, task_kind: str, place: Path, undisturbed: CalculationDocument) -> dict[str, str]:
    """The state after the fault, and that of the next attempt where there is one."""
    step = (
        undisturbed.convergence.n_steps if kind == "drop_magnetization" else _STEP
    )  # moments are those of the last step
    (place / "faults.yaml").write_text(
        f"faults:\n  - {{kind: {kind}, at_ionic_step: {step}, seconds: {120 if kind == 'freeze' else 0.05}}}\n"
    )
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(place / "faults.yaml")
    try:
        row = {"kind": kind, "task": task_kind, "state": _attempt(kind, task_kind, place / "run", undisturbed)}
        again = row["state"].startswith(("refused", "failed"))
        row["next attempt"] = (
            _attempt(kind, task_kind, place / "run", undisturbed, again=True) if again else "not needed"
        )
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
    return row


def _attempt(kind: str, task_kind: str, place: Path, undisturbed: CalculationDocument, *, again: bool = False) -> str:
    try:
        document = run(place, TASKS[task_kind], _PATIENCE if kind == "freeze" else 21600.0)
    except CatholyteError as error:
        told = error.message.replace(str(place), "DIRECTORY").removeprefix("CoO: ")
        if "the result is not accepted: " in told:
            return "refused: " + told.partition("the result is not accepted: ")[2]
        return "failed: " + told.replace("VASP gave no usable run: ", "")
    equal = _equal(document, undisturbed)
    checks = {check.name: check for check in document.acceptance.checks} if document.acceptance else {}
    if again:
        joined = (
            f"continued ({checks['parts joined'].detail.partition(' steps')[0]} steps)"
            if "parts joined" in checks
            else "run again"
        )
        return f"{joined}: {'equal to the undisturbed run' if equal else 'accepted'}"
    changes = document.settings["changes"]
    if changes:
        parts = f", parts {checks['parts joined'].detail.partition(' steps')[0]}" if "parts joined" in checks else ""
        return f"corrected: {'; '.join(changes)}{parts}"
    if equal and (kind, task_kind) in _HARMLESS:
        return _HARMLESS[kind, task_kind]
    corrections = _corrections(place)
    if corrections:
        return f"corrected: {', '.join(corrections)}"
    review = (
        [f"{check.name}: {check.detail}" for check in document.acceptance.failed(refusing=False)]
        if document.acceptance
        else []
    )
    return f"review: {'; '.join(review)}" if review else f"silent ({'equal' if equal else 'another result'})"


def _corrections(place: Path) -> list[str]:
    import json

    log = place / "custodian.json"
    found: list[Any] = json.loads(log.read_text()) if log.is_file() else []
    return [
        str(name) for entry in found for correction in entry.get("corrections", []) for name in correction["errors"]
    ]


def _equal(document: CalculationDocument, other: CalculationDocument) -> bool:
    return document.energy == other.energy and np.array_equal(
        document.structure.frac_coords, other.structure.frac_coords
    )


def page(rows: list[dict[str, str]]) -> str:
    """The table for people."""
    lines = [
        "# What each fault ends in",
        "",
        (
            f"Every fault that `catholyte-rehearse` can inject ({len(KINDS)} kinds), at ionic step {_STEP} "
            "(drop_magnetization: the last) of a relaxation and of dynamics of CoO, through the VASP engine with"
        ),
        (
            "custodian and the gate behind it. *corrected*: an error handler mended it, and what it changed is on "
            "record. "
            "*review*: the result stands, with a named"
        ),
        (
            "check that points the fault out. *refused*: the run ended, and a named check keeps its result out of the "
            "store. *failed*: the run gave no result, the cause is named. *Next attempt*: the same job in the same "
            "directory, after the"
        ),
        "fault is gone. The table is written by `pytest -m slow tests/hpc/rehearsal/test_fault_matrix.py`.",
        "",
        "| fault | job | state | next attempt |",
        "|---|---|---|---|",
    ]
    return (
        "\n".join(
            [
                *lines,
                *(
                    f"| {row['kind']} | {row['task']} | {row['state'].replace('|', '/')} | {row['next attempt']} |"
                    for row in rows
                ),
            ]
        )
        + "\n"
    )
