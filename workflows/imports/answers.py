"""A finished run as the document of a job that asks for it, or as one of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ..documents import Acceptance, CalculationDocument, Effort, Origin, Provenance
from ..engines.acceptance import accept, assess
from ..engines.tasks import Dos, MolecularDynamics, Relax, Static, Task
from ..engines.vasp.cells import VaspCell
from ..engines.vasp.document import document_of_run
from ..engines.vasp.parts import Part
from ..engines.vasp.signature import signature_of
from ..roles import Role
from ..vasp_output.effort import measured_effort
from ..vasp_output.files import damage_named
from ..vasp_output.outcar import read_outcar
from ..vasp_output.run import atom_types, parse_vasprun
from .cells import CellMatch, rebased
from .outline import RunOutline
from .questions import Question

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["IMPORTED", "answer", "digest_of", "own_document"]

#: in place of the name of a host, which the files do not tell
IMPORTED = "imported"
_THERMOSTATS = {0: "nose-hoover", 1: "andersen", 2: "nose-hoover", 3: "langevin", 4: "nose-hoover-chain", 5: "csvr"}


def digest_of(parts: Sequence[RunOutline]) -> str:
    """Content hash of a run; of several parts the sha256 of their hashes, one a line."""
    if len(parts) == 1:
        return parts[0].digest
    return hashlib.sha256("\n".join(part.digest for part in parts).encode()).hexdigest()


def answer(question: Question, parts: Sequence[RunOutline], match: CellMatch) -> CalculationDocument:
    """Return the document with which a finished run answers a job.

    Sites come in the order that the job asks for, on its axes; cell and Cartesian frame are the run's own.

    Parameters
    ----------
    question : Question
    parts : sequence of RunOutline
        One run, or the parts of one dynamics in their order.
    match : CellMatch
        Of the first part.

    Raises
    ------
    InputError
        Naming every setting in which the run differs from what is asked, or what is damaged.
    CalculationError
        If the result is not accepted.
    """
    read = [_Read.of(part) for part in parts]
    for one in read:
        if found := question.differences(one.run, match, one.signature, one.types):
            raise InputError(f"{question.name} asks for other settings: {'; '.join(found)}")
        rebased(one.run, match)
    first, last = read[0], read[-1]
    initial = _as_asked(question.structure, first.run.initial_structure, match)
    cell = VaspCell(first.run.initial_structure, _inverse(match.sites), question.cell.vacuum, question.cell.polar)
    folder = last.outline.found.files.vasprun.parent
    asked = replace(question.backend.asked(initial, cell, question.task, folder), bands=None)
    files = last.outline.found.files if match.is_plain else replace(last.outline.found.files, locpot=None)
    with damage_named(files.vasprun):
        earlier = [Part(one.outline.found.path, one.run, one.outline.following) for one in read[:-1]]
        folders = [
            one.outline.found.path for one in read if one.outline.found.alone and one.outline.found.path.is_dir()
        ]
        document = document_of_run(last.run, files, question.label, asked, earlier, folders)
    accepted = accept(document, question.task, question.backend.has_moments)
    provenance = _provenance(accepted, read, cell.order, _notes(question, read, match))
    return accepted.model_copy(update={"role": question.role, "provenance": provenance})


def own_document(parts: Sequence[RunOutline], label: str, role: Role | None) -> CalculationDocument:
    """Return the document of a finished run that no job asks for, held to its own settings.

    Parameters
    ----------
    parts : sequence of RunOutline
        One run, or the parts of one dynamics in their order.
    label : str
        Name of the material.
    role : Role or None

    Raises
    ------
    InputError
        If it is damaged, its parts do not follow on each other, or its result is not accepted.
    """
    read = [_Read.of(part) for part in parts]
    last = read[-1]
    files = last.outline.found.files
    with damage_named(files.vasprun):
        earlier = [Part(one.outline.found.path, one.run, one.outline.following) for one in read[:-1]]
        document = document_of_run(last.run, files, label, None, earlier)
    task, settings = _own_task(last.run, document.kind, document.convergence.n_steps)
    initial = document.initial_structure.copy()
    if moments := parts[0].moments:
        initial.add_site_property("magmom", list(moments))
    document = document.model_copy(
        update={
            "initial_structure": initial,
            "settings": {**task.model_dump(mode="json"), **settings, **document.settings},
        }
    )
    verdict = Acceptance.of(
        [
            # nothing goes on from it: positions without velocities are no fault
            check.model_copy(update={"refuses": False})
            if check.name in ("velocities kept", "moments present")
            else check
            for check in assess(document, task).checks
        ]
    )
    if not verdict.accepted:
        told = "; ".join(f"{check.name}: {check.detail}" for check in verdict.failed())
        raise InputError(f"{parts[-1].place} is not accepted: {told}")
    provenance = _provenance(document, read, range(document.n_sites), [])
    return document.model_copy(update={"acceptance": verdict, "role": role, "provenance": provenance})


@dataclass(frozen=True)
class _Read:
    """A run in full."""

    outline: RunOutline
    run: Vasprun
    outcar: dict[str, Any]
    types: Any
    signature: Any
    effort: Effort | None

    @classmethod
    def of(cls, part: RunOutline) -> _Read:
        file = part.found.files.vasprun
        run = parse_vasprun(file)
        with damage_named(file):
            types = atom_types(file, run)
            outcar = read_outcar(part.found.files.outcar, len(run.initial_structure))
            return cls(part, run, outcar, types, signature_of(run, types, file, None, []), measured_effort(run, outcar))


def _as_asked(asked: Structure, ran: Structure, match: CellMatch) -> Structure:
    """The run's cell with species, oxidation states and properties of the asked one, site by site."""
    kept = {name: values for name, values in asked.site_properties.items() if name in ("magmom", "layer")}
    return Structure(
        ran.lattice,
        asked.species_and_occu,
        ran.frac_coords[list(match.sites)],
        site_properties=kept,
        to_unit_cell=False,
    )


def _inverse(sites: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argsort(np.asarray(sites)))


def _notes(question: Question, read: Sequence[_Read], match: CellMatch) -> list[str]:
    """What a reader must know of the import."""
    told = []
    if question.is_first and (match.away > 1e-3 or match.strain > 1e-4):
        told.append(
            f"it started from a cell of its own: up to {match.away:.3f} Å and {100 * match.strain:.2f} % of an axis "
            "from that of the recipe"
        )
    if not match.is_plain:
        told.append(f"its axes were changed to those of the recipe: {match.basis}")
    attempts = sum(one.outline.found.attempts for one in read)
    if attempts:
        told.append(f"custodian gave up {attempts} attempt{'s' if attempts > 1 else ''} before it")
    if len(read) > 1:
        told.append(f"{len(read)} parts of one dynamics, joined")
    return told


def _provenance(
    document: CalculationDocument, read: Sequence[_Read], sites: Sequence[int], notes: list[str]
) -> Provenance:
    """Who computed it, as the files tell: the host is not among it."""
    parts = [one.outline for one in read]
    wall = sum(float(one.outcar.get("wall_seconds") or 0.0) for one in read)
    started = _started(read[0].run)
    last = _started(read[-1].run)
    origin = Origin(
        path=str(parts[-1].found.path.absolute()),
        sha256=digest_of(parts),
        parts=[part.digest for part in parts] if len(parts) > 1 else [],
        sites=list(sites),
        notes=notes,
    )
    given = document.provenance
    update: dict[str, Any] = {"host": IMPORTED, "imported": origin, "wall_seconds": wall, "effort": _together(read)}
    if started is not None and last is not None:
        seconds = float(read[-1].outcar.get("wall_seconds") or 0.0)
        update |= {"started": started.isoformat(), "finished": (last + timedelta(seconds=seconds)).isoformat()}
    # the packages that ran VASP are not known; those that read its files are no part of the result
    update["versions"] = {"vasp": given.versions["vasp"]}
    return given.model_copy(update=update)


def _started(run: Vasprun) -> datetime | None:
    """Date and time in the file's head; the clock of the machine, whose zone it does not tell."""
    head = getattr(run, "generator", None) or {}
    try:
        return datetime.strptime(f"{head['date']} {head['time']}".strip(), "%Y %m %d %H:%M:%S").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _together(read: Sequence[_Read]) -> Effort | None:
    """Effort of all parts."""
    known = [one.effort for one in read if one.effort is not None]
    if len(known) < len(read):
        return None
    times = [one.core_seconds for one in known]
    return known[-1].model_copy(
        update={
            "n_electronic": sum(one.n_electronic for one in known),
            "n_ionic": sum(one.n_ionic for one in known),
            "core_seconds": sum(t or 0.0 for t in times) if all(times) else None,
        }
    )


def _own_task(run: Vasprun, kind: str, n_steps: int) -> tuple[Task, dict[str, Any]]:
    """What a run asked of itself, and its thermostat by name."""
    tags = {**run.parameters, **run.incar}
    if kind == "relax":
        limit = -float(tags.get("EDIFFG", 0.0))
        return Relax(
            max_force=limit if limit > 0 else 0.05,
            max_steps=max(int(tags["NSW"]), 1),
            relax_cell=int(tags.get("ISIF", 2)) > 2,
        ), {}
    if kind == "md":
        constant = int(tags.get("MDALGO", 0) or 0) == 0 and float(tags.get("SMASS", -3.0)) < 0
        task = MolecularDynamics(
            n_steps=n_steps,
            timestep=float(tags["POTIM"]),
            temperature=float(tags.get("TEBEG", 0.0)),
            thermostat="none" if constant else "nose-hoover-chain",
            frame_interval=1,
        )
        name = "none" if constant else _THERMOSTATS.get(int(tags.get("MDALGO", 0) or 0), f"MDALGO {tags.get('MDALGO')}")
        return task, {"thermostat": name}
    return (Dos() if kind == "dos" else Static()), {}
