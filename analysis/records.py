"""The only reader of the store: campaigns, job states and documents, as typed objects."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..configs.committee import members_of
from ..configs.errors import CalculationError, InputError
from ..configs.recipe import Recipe
from ..structures.crystals.stored import stored_structure
from ..workflows.band_documents import Band, BandImages, HopCells
from ..workflows.comparison_documents import ForceComparison
from ..workflows.documents import LARGE_FIELDS, CalculationDocument, require_real
from ..workflows.interface_documents import BuiltInterfaces, ChosenInterface
from ..workflows.strain_documents import StrainedCells
from .campaigns import FINISHED, Campaigns, Entry
from .former_labels import former_role

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

__all__ = ["Other", "Records", "Result", "in_campaign"]

Other = Band | BandImages | BuiltInterfaces | ChosenInterface | ForceComparison | HopCells | StrainedCells
Result = CalculationDocument | Other
#: answers that are no calculation, by their kind
_OTHER: dict[str, type[Other]] = {
    "band": Band,
    "build": BuiltInterfaces,
    "choice": ChosenInterface,
    "forces": ForceComparison,
    "hops": HopCells,
    "images": BandImages,
    "strains": StrainedCells,
}
_ANSWERED = {
    "band": "finds the way of a hop",
    "build": "builds cells",
    "choice": "chooses a cell",
    "forces": "compares the forces of two engines",
    "hops": "builds cells with vacancies",
    "images": "takes images of a band",
    "strains": "strains a crystal",
}
_BRANCHED = "adds other jobs"
#: jobs that the store is asked for at once: enough for few passes, few enough for the memory
_AT_ONCE = 64
_STRUCTURES = ("initial_structure", "structure")


def in_campaign(entry: Entry, document: CalculationDocument) -> CalculationDocument:
    """Return the document of a job with its role in the job's campaign.

    That of the plan goes before that of the document: a question that two campaigns ask has one document, and its role
    is that of the campaign which asked first.
    """
    role = entry.role or document.role or former_role(document.label)
    return document.model_copy(update={"role": role})


class Records(Campaigns):
    """Read access to one store.

    Parameters
    ----------
    outputs : job store or callable
        Documents, with the additional store for large arrays, or what connects to it when they are asked for; of
        jobflow's `JobStore` its ``query`` and ``additional_stores`` are used.
    states, campaigns : collection
        Objects with the pymongo collection interface.
    rehearsals : bool
        Hand out the documents of rehearsals too; their numbers are invented.
    """

    def __init__(self, outputs: Any, states: Any, campaigns: Any, *, rehearsals: bool = False) -> None:
        super().__init__(states, campaigns)
        self._source, self._rehearsals = outputs, rehearsals

    @cached_property
    def _outputs(self) -> Any:
        return self._source() if callable(self._source) else self._source

    def calculations(self) -> Iterator[tuple[str, CalculationDocument]]:
        """Uuid and document of every calculation of the store, of whatever campaign, without large arrays."""
        answers = self._outputs.query({}, ["uuid", "output.signature"], load=False)
        uuids = sorted({str(one["uuid"]) for one in answers if (one.get("output") or {}).get("signature")})
        for uuid, stored in self.stored(uuids):
            found = self.read(uuid, stored)
            if isinstance(found, CalculationDocument):
                yield uuid, found

    def recipe(self, name: str | None = None, member: str = "") -> Recipe:
        """The recipe as it was when the campaign was run last, as one member of its committee runs it; the first where
        left out."""
        members = members_of(Recipe.model_validate(self.campaign(name)["recipe"]))
        return next((found.recipe for found in members if found.name == member), members[0].recipe)

    def document(self, uuid: str, arrays: bool = False) -> CalculationDocument:
        """The document of one finished calculation.

        Parameters
        ----------
        uuid : str
        arrays : bool
            Load the large arrays (density of states, trajectory, potential) too.

        Raises
        ------
        CalculationError
            If the job has no result, or is no calculation.
        InputError
            If a rehearsal wrote it.
        """
        found = self.result(uuid, arrays)
        if not isinstance(found, CalculationDocument):
            raise CalculationError(
                f"job {uuid} is no calculation: it {_BRANCHED if found is None else _ANSWERED[found.kind]}"
            )
        return found

    def result(self, uuid: str, arrays: bool = False) -> Result | None:
        """What one finished job answered: a calculation, the cells that were built or chosen, or nothing, where it only
        added other jobs.

        Parameters
        ----------
        uuid : str
        arrays : bool
            As for :meth:`document`.

        Raises
        ------
        CalculationError
            If the job has no result.
        InputError
            If a rehearsal wrote it.
        """
        ((_, found),) = self.stored([uuid], arrays)
        return self.read(uuid, found, arrays)

    def stored(self, uuids: Sequence[str], arrays: bool = False) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """What the store holds of many jobs, in their order; :meth:`read` makes the result of it.

        The embedded store looks through all its documents to find one. It is asked for many at once, and so are the
        large arrays: a campaign costs few passes instead of one a job.

        Parameters
        ----------
        uuids : sequence of str
        arrays : bool
            As for :meth:`document`.

        Yields
        ------
        tuple of str and dict or None
            The uuid, and the answer of the last index of that job.
        """
        for start in range(0, len(uuids), _AT_ONCE):
            batch, found = uuids[start : start + _AT_ONCE], dict[str, dict[Any, Any]]()
            for answer in self._outputs.query({"uuid": {"$in": list(batch)}}, ["output"], load=False):
                uuid = str(answer["uuid"])
                if uuid not in found or answer["index"] > found[uuid]["index"]:
                    found[uuid] = answer
            if arrays:
                self._load(list(found.values()))
            for uuid in batch:
                yield uuid, found.get(uuid)

    def _load(self, answers: list[dict[Any, Any]]) -> None:
        """Put the large arrays where their place is kept: documents hold them in fields of their own."""
        wanted: dict[str, dict[str, tuple[dict[str, Any], str]]] = {}
        for output in (answer["output"] for answer in answers if isinstance(answer.get("output"), dict)):
            for field in LARGE_FIELDS:
                kept = output.get(field)
                if isinstance(kept, dict) and "blob_uuid" in kept:
                    wanted.setdefault(kept["store"], {})[kept["blob_uuid"]] = (output, field)
        for name, places in wanted.items():
            for blob in self._outputs.additional_stores[name].query(
                {"blob_uuid": {"$in": list(places)}}, ["blob_uuid", "data"]
            ):
                output, field = places[blob["blob_uuid"]]
                output[field] = blob["data"]

    def read(self, uuid: str, found: dict[str, Any] | None, arrays: bool = False) -> Result | None:
        """The result of a job from what the store holds of it.

        Parameters
        ----------
        uuid : str
        found : dict or None
            Of :meth:`stored`.
        arrays : bool
            As it was asked for there.

        Raises
        ------
        CalculationError
            If the job has no result.
        InputError
            If a rehearsal wrote it.
        """
        output = (found or {}).get("output")
        if output is None:
            record = self._states.find_one({"uuid": uuid}) or {}
            if found is not None and record.get("dynamic"):
                return None
            raise CalculationError(f"job {uuid} has no result in the store")
        plain = _undashed(output)
        if plain.get("kind") in _OTHER:
            other = _OTHER[plain["kind"]].model_validate(plain)
            if isinstance(other, Band) and other.rehearsed and not self._rehearsals:
                raise InputError(f"{other.label} is a rehearsal: its numbers are invented and are not analysed")
            return other
        without = {} if arrays else dict.fromkeys(LARGE_FIELDS)
        document = CalculationDocument.model_validate({**plain, **without, **_structures(plain)})
        if not self._rehearsals:
            require_real(document)
        return document.model_copy(update={"role": document.role or former_role(document.label)})

    def documents(
        self, name: str | None = None, step: str | None = None, arrays: bool = False
    ) -> Iterator[tuple[Entry, CalculationDocument]]:
        """Finished calculations of a campaign with their documents, read one after the other; of what the store holds
        one batch is in memory."""
        done = [entry for entry in self.entries(name) if entry.state in FINISHED and step in (None, entry.plan["step"])]
        for entry, (uuid, stored) in zip(
            done, self.stored([str(entry.plan["uuid"]) for entry in done], arrays), strict=True
        ):
            found = self.read(uuid, stored, arrays)
            if isinstance(found, CalculationDocument):
                yield entry, in_campaign(entry, found)


def _structures(plain: dict[str, Any]) -> dict[str, Structure]:
    """The structures of a document; whatever is wrong with one, the document's own validation says it."""
    found = {}
    for key in _STRUCTURES:
        with contextlib.suppress(Exception):
            found[key] = stored_structure(plain[key])
    return found


def _undashed(output: dict[str, Any]) -> dict[str, Any]:
    """Strip the keys with which the job store marks the class of a document."""
    return {key: value for key, value in output.items() if not key.startswith("@")}
