"""Finished VASP runs into the store: found, held against a recipe's jobs, delivered one by one.

Each result is delivered whole or not at all, so an import that is killed goes on when it is called again; what is in
the store already is recognised by its content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...configs.errors import CatholyteError, InputError, StoreError
from ...workflows.documents import CalculationDocument
from ...workflows.imports.answers import answer, own_document
from ...workflows.imports.cells import CellMatch
from ...workflows.imports.chains import chains
from ...workflows.imports.labels import ImportMap, NamedRun, library_names, name_of
from ...workflows.imports.outline import RunOutline, outline
from ...workflows.imports.questions import Question
from ...workflows.plan.builder import Plan
from ...workflows.roles import Chunk, Main, Role
from ...workflows.vasp_output.find import FoundRun, NoRun, find_runs
from ..store.campaign_store import CampaignStore, is_rehearsal_store
from ..store.intake import imported_hashes, take_in
from ..store.ledger import Ledger, job_key, job_record
from .asked_files import ASKED_FILE, asked_key
from .campaign import save_campaign
from .forecast import calibration_of, forecast, has_production
from .imported_campaign import add_to_campaign, imported_record, is_own
from .open_questions import open_questions

__all__ = ["import_runs"]

Tell = Callable[[str], None]
_KINDS = {
    "relax": "a relaxation",
    "md": "dynamics",
    "dos": "a density of states",
    "static": "a static calculation",
}


@dataclass
class _Unit:
    """A run, or the parts of one dynamics, that is to be placed."""

    parts: list[RunOutline]
    named: NamedRun | None = None
    #: keys of the jobs for which its files were written, one a folder in which they lie; None of a folder without note
    keys: frozenset[str | None] = frozenset({None})
    #: the record of the imported part that it goes on from
    before: dict[str, Any] | None = None
    reasons: list[str] = field(default_factory=list)
    placed: bool = False

    @property
    def first(self) -> RunOutline:
        return self.parts[0]


def import_runs(
    store: CampaignStore,
    places: Sequence[Path],
    plan: Plan | None = None,
    table: ImportMap | None = None,
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """Take finished runs into a store.

    Parameters
    ----------
    store : CampaignStore
    places : sequence of Path
        Folders that are searched to any depth.
    plan : Plan, optional
        Whose jobs the runs may answer; without it each becomes a calculation of its own.
    table : ImportMap, optional
        What some runs are of; without a plan, only those that it names are taken.
    tell : callable
        Told of each run that was taken.

    Returns
    -------
    dict
        ``imported``, ``refused`` (path and reason), ``duplicates`` (path and what it is the same as).

    Raises
    ------
    InputError
        If a place does not exist.
    StoreError
        If results would go into a store of rehearsals, or the other way round.
    """
    rehearsals = plan is not None and plan.placeholder
    if rehearsals != is_rehearsal_store(store.location):
        raise StoreError(
            f"{store.shown} holds {'results' if rehearsals else 'rehearsals'}: rehearsals have a store of their own"
        )
    return _Import(store, plan, table, tell, rehearsals=rehearsals).of(places)


class _Import:
    """One call; what became of each run."""

    def __init__(
        self, store: CampaignStore, plan: Plan | None, table: ImportMap | None, tell: Tell, *, rehearsals: bool
    ) -> None:
        self.store, self.plan, self.table, self.tell, self.rehearsals = store, plan, table, tell, rehearsals
        self.imported: list[dict[str, Any]] = []
        self.refused: list[dict[str, str]] = []
        self.duplicates: list[dict[str, str]] = []
        self.known: dict[str, dict[str, Any]] = {}
        for digest, records in imported_hashes(store).items():
            # a run that is a calculation of its own may yet answer a job of the recipe
            holding = [record for record in records if plan is None or not is_own(record)]
            if holding:
                self.known[digest] = holding[0]
        self.again: list[tuple[FoundRun, str]] = []
        #: where a run lies, by its content
        self.copies: dict[str, list[Path]] = {}
        self.names = library_names()
        self.outlines: list[RunOutline] = []
        #: hashes of static runs that gave a relaxation its energy; they may answer a job of their own too
        self.statics: set[str] = set()
        #: jobs of the recipe whose starting cell is not known, and their kinds
        self.waiting: dict[str, str] = {}

    def of(self, places: Sequence[Path]) -> dict[str, Any]:
        self.outlines = outlines = list(self._outlines(places))
        units = [_Unit([one]) for one in outlines if one.kind != "md"]
        units += self._dynamics([one for one in outlines if one.kind == "md"])
        units = [unit for unit in sorted(units, key=lambda unit: unit.first.place) if self._is_named(unit)]
        if self.plan is not None:
            self._answer(self.plan, units)
        else:
            for unit in units:
                self._take_own(unit)
        for unit in units:
            if not unit.placed and unit.first.digest not in self.statics:
                self._refuse_unit(unit)
        return {
            "imported": self.imported,
            "refused": sorted(self.refused, key=lambda row: row["path"]),
            "duplicates": self.duplicates,
            "store": self.store.shown,
        }

    def _outlines(self, places: Sequence[Path]) -> Iterator[RunOutline]:
        """Runs that can be used and are not in the store."""
        seen: dict[str, str] = {}
        for found in find_runs(places):
            if isinstance(found, NoRun):
                self._refuse(found.path, found.reason)
                continue
            try:
                digest = found.content_hash()
                self.copies.setdefault(digest, []).append(found.path)
                if digest in self.known:
                    self.duplicates.append({"path": str(found.path), "same_as": self._shown(digest)})
                    self.again.append((found, digest))
                elif digest in seen:
                    self.duplicates.append({"path": str(found.path), "same_as": seen[digest]})
                else:
                    made = outline(found, digest, rehearsals=self.rehearsals)
                    seen[digest] = str(found.path)
                    yield made
            except CatholyteError as error:
                self._refuse(found.path, _sentence(error))

    def _shown(self, digest: str) -> str:
        record = self.known[digest]
        return f"{record['name']}, imported from {record['imported']['path']}"

    def _dynamics(self, runs: list[RunOutline]) -> Iterator[_Unit]:
        """Runs of dynamics, each with those that go on from it; parts that are in the store lead to what is new."""
        stored: dict[str, dict[str, Any]] = {}
        if runs:
            for found, digest in self.again:
                if self.known[digest].get("kind") != "md":
                    continue
                with suppress(CatholyteError):
                    runs = [*runs, outline(found, digest, rehearsals=self.rehearsals)]
                    stored[digest] = self.known[digest]
        for chain in chains(runs):
            fresh = [run for run in chain if run.digest not in stored]
            if not fresh:
                continue
            at = chain.index(fresh[0])
            before = stored[chain[at - 1].digest] if at else None
            if before is None and fresh[0].goes_on:
                for run in fresh:
                    what = run.found.poscar if run is fresh[0] else fresh[0].found.path
                    why = "goes on from a run of dynamics whose first part is not here: give its folder too"
                    self._refuse(run.found.path, f"{what} {why}")
                continue
            yield _Unit(fresh, before=before)

    def _is_named(self, unit: _Unit) -> bool:
        """Give a unit its line of the map; False where it is refused."""
        path = unit.first.found.path
        unit.keys = frozenset(
            asked_key(copy / ASKED_FILE if copy.is_dir() else copy.with_name(ASKED_FILE))
            for copy in self.copies[unit.first.digest]
        )
        if self.table is None:
            return True
        try:
            unit.named = self.table.of(unit.first)
        except InputError as error:
            self._refuse(path, _sentence(error))
            return False
        if unit.named is None and self.plan is None:
            self._refuse(path, "the map does not name it")
            return False
        return True

    # with a recipe

    def _answer(self, plan: Plan, units: list[_Unit]) -> None:
        plan = forecast(plan, calibration_of(self.store)) if has_production(plan) else plan
        records = {job.key: job.record() for job in plan.jobs}
        for question in open_questions(plan, self.store, self.waiting):
            key = job_key(question.uuid, question.index)
            record = records.get(key) or job_record(question.uuid, question.index, question.name)
            held = Ledger(self.store).record(key) or {}
            answered = held.get("state") == "done" and self.store.holds(question.uuid, question.index)
            fitting: list[tuple[_Unit, int, CalculationDocument]] = []
            for unit in units:
                if unit.placed or (match := self._match(question, unit, key)) is None:
                    continue
                if answered:
                    unit.reasons.insert(0, f"{question.name} has a result already{_origin(held)}")
                elif (found := self._candidate(question, unit, match)) is not None:
                    fitting.append((unit, *found))
            if fitting:
                fitting.sort(key=lambda one: one[2].energy_per_atom)
                (best, count, document), *others = fitting
                for unit, _, other in others:
                    unit.reasons.insert(0, _higher(question, best, document, other))
                if not self.imported:
                    self._enter_campaign(plan)
                self._deliver(question, record, best, count, document)

    def _enter_campaign(self, plan: Plan) -> None:
        """Let the store know the campaign whose jobs are answered; what its last run reused stays."""
        before = self.store.campaigns.find_one({"name": plan.recipe.name}) or {}
        save_campaign(self.store, plan, before.get("reused", []))

    def _match(self, question: Question, unit: _Unit, key: str) -> CellMatch | None:
        """How a unit lies on a question's cell; None where it does not, with the reason where it nearly does."""
        if unit.keys.isdisjoint({None, key}):
            return None
        named = unit.named
        if named is not None and (
            named.material != question.label or (named.job is not None and named.job != question.name)
        ):
            return None
        if not question.takes_kind(unit.first):
            return None
        found = question.match(unit.first)
        if isinstance(found, str):
            unit.reasons.append(found)
            return None
        return found

    def _candidate(self, question: Question, unit: _Unit, match: CellMatch) -> tuple[int, CalculationDocument] | None:
        """The document with which a unit answers a question, and how many of its parts it takes."""
        count, steps = 1, unit.first.n_steps
        wanted = getattr(question.task, "n_steps", 1)
        while steps < wanted and count < len(unit.parts):
            steps += unit.parts[count].n_steps
            count += 1
        try:
            return count, answer(question, unit.parts[:count], match, self._statics_near(unit))
        except CatholyteError as error:
            unit.reasons.append(_sentence(error))
            return None

    def _statics_near(self, unit: _Unit) -> list[RunOutline]:
        """Static runs, then densities of states, those nearest in the tree first."""
        place = unit.first.found.path.absolute().parts

        def rank(run: RunOutline) -> tuple[bool, int]:
            other = run.found.path.absolute().parts
            shared = next((k for k, (a, b) in enumerate(zip(place, other, strict=False)) if a != b), len(place))
            return run.kind == "dos", len(place) + len(other) - 2 * shared

        return sorted((run for run in self.outlines if run.kind in ("static", "dos")), key=rank)

    def _deliver(
        self, question: Question, record: dict[str, Any], unit: _Unit, count: int, document: CalculationDocument
    ) -> None:
        taken, parts = take_in(self.store, record, document), unit.parts[:count]
        if taken != "taken":
            why = "has a result already" if taken == "done" else "is being computed by a process that lives"
            unit.reasons.insert(0, f"{question.name} {why}")
            return
        self._told(parts, document, question.name, record["key"])
        origin = document.provenance.imported
        self.statics |= set(origin.parts if origin is not None and len(parts) == 1 else [])
        unit.parts = unit.parts[count:]
        unit.placed = not unit.parts or not self._is_named(unit)  # what is left may be written for another job

    # without

    def _take_own(self, unit: _Unit) -> None:
        label = unit.named.material if unit.named is not None else name_of(unit.first.structure, self.names)
        try:
            document = own_document(unit.parts, label, self._role(unit, label))
            record = imported_record(document)
            with self.store.exclusive():
                taken = take_in(self.store, record, document)
                if taken == "taken":
                    add_to_campaign(self.store, record)
        except CatholyteError as error:
            unit.reasons.append(_sentence(error))
            return
        if taken == "taken":
            unit.placed = True
            self._told(unit.parts, document, record["name"], record["key"])
        else:
            unit.reasons.append("another process imports it")

    def _role(self, unit: _Unit, label: str) -> Role:
        """That of the map; of dynamics, the place in its trajectory."""
        if unit.named is not None and unit.named.role is not None:
            return unit.named.told_role
        if unit.first.kind != "md":
            return Main(of=label)
        if unit.before is not None and (role := unit.before.get("role")):
            return Chunk(of=label, replica=role["replica"], number=role["number"] + 1)
        others = [row for row in Ledger(self.store).records() if (row.get("role") or {}).get("kind") == "chunk"]
        mine = {row["role"]["replica"] for row in others if row["role"]["of"] == label and row.get("imported")}
        return Chunk(of=label, replica=max(mine, default=0) + 1, number=1)

    # what became of them

    def _told(self, parts: list[RunOutline], document: CalculationDocument, name: str, key: str) -> None:
        origin = document.provenance.imported
        row = {
            "path": str(parts[-1].found.path),
            "parts": [str(part.found.path) for part in parts] if len(parts) > 1 else [],
            "job": name,
            "key": key,
            "material": document.label,
            "role": None if document.role is None else document.role.kind,
            "kind": document.kind,
            "formula": document.formula,
            "n_atoms": document.n_sites,
            "energy_per_atom": document.energy_per_atom,
            "version": document.signature.version,
            "level": document.signature.level,
            "sha256": "" if origin is None else origin.sha256,
            "notes": [] if origin is None else origin.notes,
        }
        self.imported.append(row)
        self.tell(f"imported {row['path']} as {name}")

    def _refuse(self, path: Path, reason: str) -> None:
        self.refused.append({"path": str(path), "reason": reason})

    def _refuse_unit(self, unit: _Unit) -> None:
        reasons = list(dict.fromkeys(unit.reasons)) or [self._no_job(unit)]
        for part in unit.parts:
            self._refuse(part.found.path, "; or ".join(reasons[:3]))

    def _no_job(self, unit: _Unit) -> str:
        """Why a run that nothing is wrong with answers no job."""
        if self.plan is None:
            return "it could not be used"
        recipe, kind = self.plan.recipe.name, unit.first.kind
        waiting = [name for name, asked in self.waiting.items() if asked == kind]
        if waiting:
            told = f"{', '.join(waiting[:3])}{' and others' if len(waiting) > 3 else ''}"
            return (
                f"no job of {recipe} with a known cell asks for it; {told} would start from a result that is not here"
            )
        if None not in unit.keys:
            return f"the job for which its inputs were written is not among those of {recipe}"
        return f"no job of {recipe} asks for {_KINDS[kind]} of this cell"


def _sentence(error: CatholyteError) -> str:
    return f"{error.message} ({error.advice})" if error.advice else error.message


def _origin(record: dict[str, Any]) -> str:
    origin = record.get("imported")
    return f", imported from {origin['path']}" if origin else ", computed here"


def _higher(question: Question, best: _Unit, kept: CalculationDocument, other: CalculationDocument) -> str:
    """Why another run answers a question."""
    above = 1000 * (other.energy_per_atom - kept.energy_per_atom)
    return f"{question.name} takes {best.first.place}, which lies {above:.2f} meV/atom lower"
