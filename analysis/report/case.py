"""The campaign that a report is about: its recipe, jobs and documents, and in words what is missing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import ValidationError

from ...configs.errors import CatholyteError
from ...configs.models import Tier
from ...configs.recipe import Recipe
from ...workflows.documents import CalculationDocument
from ...workflows.roles import Reference
from ..campaigns import FINISHED, Entry
from ..records import Other, Records, in_campaign
from .content import Text

__all__ = ["Case", "Finished", "job_link", "read_case"]


@dataclass(frozen=True)
class Finished:
    """A finished job with its document."""

    entry: Entry
    document: CalculationDocument

    @property
    def material(self) -> str:
        """Name in the recipe."""
        return str(self.entry.plan["material"])

    @property
    def variant(self) -> str:
        """``main``, or what was varied to test convergence."""
        return str(self.entry.plan["variant"])

    @property
    def job(self) -> str:
        """Key as it is shown."""
        return job_link(self.entry)


@dataclass(frozen=True)
class Case:
    """Everything that the sections of a report are computed from.

    Attributes
    ----------
    campaign : dict
        The record of the campaign.
    recipe : Recipe
        As it was when the campaign was run last.
    entries : list of Entry
        All jobs.
    finished : list of Finished
        Those with a document, density of states included.
    unreadable : dict of str to str
        Key of a finished job to the reason why its document cannot be read.
    others : dict of str to Band, BuiltInterfaces, ChosenInterface, ForceComparison, HopCells, StrainedCells or None
        Key of a finished job that is no calculation to what it answered; None where it only added other jobs.
    committee : dict of str to Case
        The same campaign as each other member of its committee ran it; empty where there is no committee. The rest of
        the case is that of the first member alone, `whole` is that of all.
    member : str
        Whose jobs these are; empty where there is no committee.
    whole : Case or None
        With the jobs of all members; None where there is no committee.
    computed : dict
        What chapters computed of this case, by their anchors.
    """

    campaign: dict[str, Any]
    recipe: Recipe
    entries: list[Entry]
    finished: list[Finished]
    unreadable: dict[str, str]
    others: dict[str, Other | None] = field(default_factory=dict)
    committee: dict[str, Case] = field(default_factory=dict)
    member: str = ""
    whole: Case | None = None
    computed: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def answered(self) -> set[str]:
        """Keys of the jobs whose answer was read."""
        return {found.entry.plan["key"] for found in self.finished} | set(self.others)

    @cached_property
    def by_key(self) -> dict[str, Entry]:
        """Jobs by their keys."""
        return {entry.plan["key"]: entry for entry in self.entries}

    def of(self, step: str, variant: str | None = None) -> list[Finished]:
        """Finished jobs of one step, in the order of the campaign."""
        return [f for f in self.finished if f.entry.plan["step"] == step and variant in (None, f.variant)]

    def element(self, tier: Tier, what: Literal["lithium", "molecule"]) -> CalculationDocument | None:
        """The last calculation of lithium metal or O2 by an engine; None where no step made one."""
        found = [
            one.document
            for one in self.finished
            if one.document.tier == tier and isinstance(one.document.role, Reference) and one.document.role.what == what
        ]
        return found[-1] if found else None

    def missing(self, step: str, materials: Sequence[str]) -> list[Text]:
        """One sentence for each job of a step that has no result, and for each material without a job."""
        planned = [entry for entry in self.entries if entry.plan["step"] == step]
        told = [
            Text(self.why(entry), "problem")
            for entry in planned
            if entry.state not in FINISHED or entry.plan["key"] in self.unreadable
        ]
        absent = [name for name in materials if name not in {entry.plan["material"] for entry in planned}]
        if absent:
            told.append(
                Text(
                    (
                        f"No job of the step {step} has been planned for {', '.join(absent)}: run the recipe with this "
                        "step."
                    ),
                    "problem",
                )
            )
        return told

    def why(self, entry: Entry) -> str:
        """Why a job has no result, in a sentence."""
        name = f"{entry.plan['name']} (job {job_link(entry)})"
        if entry.plan["key"] in self.unreadable:
            return f"{name} finished, but its document cannot be read: {self.unreadable[entry.plan['key']]}"
        if entry.state == "failed":
            cause = entry.record.get("cause") or {}
            advice = f" Advice: {cause['advice']}" if cause.get("advice") else ""
            return f"{name} failed: {cause.get('message') or 'no cause was recorded'}.{advice}"
        if entry.state == "running":
            return f"{name} is not finished: started {entry.record.get('started')} on {entry.record.get('host')}."
        inputs = [self.by_key[key] for key in entry.plan["depends_on"] if key in self.by_key]
        waits = ", ".join(f"{other.plan['name']} ({other.state})" for other in inputs if other.state not in FINISHED)
        return f"{name} has not run" + (f": it waits for {waits}." if waits else ".")


def job_link(entry: Entry) -> str:
    """First eight characters of a job's key, as the page shows it."""
    return str(entry.plan["key"])[:8]


def read_case(records: Records, campaign: str | None = None, step: str | None = None, arrays: bool = True) -> Case:
    """Read one campaign with its documents.

    Parameters
    ----------
    records : Records
    campaign : str, optional
        The latest where left out.
    step : str, optional
        Read the documents of this step of the recipe alone.
    arrays : bool
        Load the large arrays (density of states, trajectory, potential) too.

    Raises
    ------
    StoreError, UnknownNameError
        If the store holds no such campaign. A document that cannot be read is kept as a reason in `unreadable`.
    """
    record = records.campaign(campaign)
    entries, finished = records.entries(record["name"]), []
    unreadable: dict[str, str] = {}
    others: dict[str, Other | None] = {}
    done = [entry for entry in entries if entry.state in FINISHED and step in (None, entry.plan["step"])]
    for entry, (uuid, stored) in zip(
        done, records.stored([str(entry.plan["uuid"]) for entry in done], arrays), strict=True
    ):
        try:
            found = records.read(uuid, stored, arrays)
            if isinstance(found, CalculationDocument):
                finished.append(Finished(entry, in_campaign(entry, found)))
            else:
                others[entry.plan["key"]] = found
        except CatholyteError as error:
            unreadable[entry.plan["key"]] = error.message
        except ValidationError as error:
            problem = error.errors()[0]
            unreadable[entry.plan["key"]] = f"key '{'.'.join(map(str, problem['loc']))}': {problem['msg']}"
    whole = Case(record, records.recipe(record["name"]), entries, finished, unreadable, others)
    members = dict.fromkeys(member for entry in entries for member in entry.plan.get("members") or ())
    leader, *rest = [_of_member(whole, member, records.recipe(record["name"], member)) for member in members] or [whole]
    return replace(leader, committee={case.member: case for case in rest})


def _of_member(whole: Case, member: str, recipe: Recipe) -> Case:
    """The jobs that one member of a committee asked for, and those that no committee was asked for."""
    entries = [entry for entry in whole.entries if member in (entry.plan.get("members") or (member,))]
    keys = {entry.plan["key"] for entry in entries}
    return Case(
        whole.campaign,
        recipe,
        entries,
        [found for found in whole.finished if found.entry.plan["key"] in keys],
        {key: reason for key, reason in whole.unreadable.items() if key in keys},
        {key: answer for key, answer in whole.others.items() if key in keys},
        member=member,
        whole=whole,
    )
