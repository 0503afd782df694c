"""A pinned set of competing phases: energies on one scale, with source, licence, error and tier.

The file ``configs/phases/NAME.json`` carries the SHA-256 of its own content, so a number that comes
out of it can be traced to exactly these energies. Energies of another scale never join a set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from pymatgen.core.composition import Composition

from ...configs import load
from ...configs.errors import InputError, SignatureMismatchError, UnknownNameError, near_match_hint
from ...configs.harmless import refuse_place
from ...configs.models import Spec, Tier
from ...configs.phase_set_files import phase_set_file
from ...structures.crystals.chemistry import ChemicalClass, meant, parse_formula
from ...workflows.documents import Signature
from ..words import GAS_TABLES

__all__ = [
    "DEFAULT_PHASE_SET",
    "PhaseEntry",
    "PhaseSet",
    "PhaseSource",
    "Subject",
    "content_hash",
    "load_phase_set",
    "parse_formula",
]

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
DEFAULT_PHASE_SET = "solidstate"


class PhaseSource(Spec):
    """Where an energy comes from and under which licence it may be passed on."""

    citation: str = Field(min_length=3)
    license: str = Field(min_length=2)
    url: str | None = None


class PhaseEntry(Spec):
    """One computed phase."""

    id: str = Field(min_length=1, description="unique in the set, e.g. mp-1960 or chgnet-LPSCl")
    formula: str
    space_group: str | None = None
    energy_per_atom: float = Field(allow_inf_nan=False, description="eV/atom on the set's scale")
    error: float = Field(ge=0, allow_inf_nan=False, description="eV/atom, one standard deviation")
    source: str = Field(description="key of the set's sources")
    tier: Tier
    note: str | None = ""
    material: str | None = Field(None, description="name in the material library")
    volume: float | None = Field(None, gt=0, allow_inf_nan=False, description="Å³ per formula unit of `formula`")
    volume_source: str = Field("", description="where the volume comes from, e.g. 'relaxed cell, CHGNet'")
    potentials: dict[Tier, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict, description="eV/atom on the set's scale, what each potential says of the phase"
    )
    scale: str = Field("", description="energy scale; that of the set for an entry of a file")

    def __hash__(self) -> int:
        return hash((self.id, self.energy_per_atom))

    @cached_property
    def composition(self) -> Composition:
        """The formula unit as it is written."""
        return parse_formula(self.formula)


@dataclass(frozen=True)
class Subject:
    """What a name or formula stands for in a phase set.

    Parameters
    ----------
    label : str
        Library name, or the formula as it was given.
    formula : str
        Formula unit, as it is written in the set, the library or the call.
    entry : PhaseEntry or None
        The subject's own energy, where the set has one.
    """

    label: str
    formula: str
    entry: PhaseEntry | None

    @cached_property
    def composition(self) -> Composition:
        """Of one formula unit."""
        return parse_formula(self.formula)


def _same_composition(one: Composition, other: Composition) -> bool:
    return one.fractional_composition.almost_equals(other.fractional_composition, rtol=0, atol=1e-6)


def content_hash(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a phase set's canonical JSON without the key ``sha256``."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class PhaseSet(Spec):
    """Competing phases whose energies may be subtracted from each other."""

    name: str
    version: str | int
    description: str
    scale: str = Field(
        min_length=1, description="what the energies are, e.g. MP2020-corrected PBE/PBE+U total energy, eV/atom"
    )
    elements: tuple[str, ...] = Field(min_length=1)
    sources: dict[str, PhaseSource]
    signatures: dict[Tier, Signature] = Field(
        default_factory=dict, description="of the tiers that live on the scale by themselves"
    )
    errors: dict[Tier, dict[ChemicalClass, NonNegative]] = Field(
        default_factory=dict, description="eV/atom, one standard deviation per tier and class"
    )
    entries: tuple[PhaseEntry, ...] = Field(min_length=1)
    temperature: float | None = Field(
        None, gt=0, description="K, of the Gibbs energies; None for energies that stand for enthalpies at 298.15 K"
    )
    sha256: str = Field(description="of the canonical JSON without this key")

    @model_validator(mode="after")
    def _consistent(self) -> PhaseSet:
        seen: set[str] = set()
        for entry in self.entries:
            if entry.id in seen:
                raise InputError(f"phase set {self.name}: two entries are called {entry.id!r}")
            seen.add(entry.id)
            if entry.source not in self.sources:
                raise InputError(
                    f"phase set {self.name}, entry {entry.id!r}: unknown source {entry.source!r}; "
                    f"{near_match_hint(entry.source, self.sources)}"
                )
            self._require_scale(entry)
            self.require_elements(entry.composition, f"entry {entry.id!r}")
        for tier in sorted({entry.tier for entry in self.entries}):
            if tier != GAS_TABLES and load.engine_file(tier) is None:
                raise InputError(
                    f"phase set {self.name}: nothing says what numbers of the tier {tier!r} are worth: no engine has a "
                    f"file {tier}.yaml"
                )
        references = {entry.composition.chemical_system for entry in self.entries}
        missing = [element for element in self.elements if element not in references]
        if missing:
            raise InputError(
                f"phase set {self.name}: no entry for the pure element {', '.join(missing)}, which closes the hull"
            )
        return self

    def _require_scale(self, entry: PhaseEntry) -> None:
        if entry.scale != self.scale:
            given = f"is on the scale {entry.scale!r}" if entry.scale else "declares no energy scale"
            raise SignatureMismatchError(
                f"entry {entry.id!r} {given}; the phase set {self.name} holds energies on the scale {self.scale!r}"
            )

    def require_elements(self, composition: Composition, label: str) -> None:
        """Raise InputError if `composition` holds an element that the set does not cover."""
        outside = [element.symbol for element in composition.elements if element.symbol not in self.elements]
        if outside:
            raise InputError(
                f"{label} holds {', '.join(outside)}, outside the phase set {self.name}; its elements: "
                f"{', '.join(self.elements)}"
            )

    @cached_property
    def by_system(self) -> dict[frozenset[str], list[PhaseEntry]]:
        """Entries by the elements that they hold."""
        found: dict[frozenset[str], list[PhaseEntry]] = {}
        for entry in self.entries:
            found.setdefault(frozenset(element.symbol for element in entry.composition), []).append(entry)
        return found

    @cached_property
    def systems(self) -> dict[tuple[str, ...], Any]:
        """Chemical systems as numbers, the last asked for at the end: :class:`.hull.Phases` keeps them here, so that
        they live as long as the set and belong to no other."""
        return {}

    @cached_property
    def derived(self) -> dict[str, Any]:
        """What is computed once of the whole set, by a name; kept like :attr:`systems`."""
        return {}

    def within(self, elements: Collection[str]) -> tuple[PhaseEntry, ...]:
        """Return the entries that hold no element outside `elements`, in the order of the set."""
        return tuple(
            entry for entry in self.entries if {element.symbol for element in entry.composition} <= set(elements)
        )

    def restricted(self, elements: Collection[str]) -> PhaseSet:
        """Return the set of one chemical system; its name and hash say that it is a part.

        Raises
        ------
        InputError
            If an element is not in the set.
        """
        outside = sorted(set(elements) - set(self.elements))
        if outside:
            raise InputError(
                f"{', '.join(outside)} is outside the phase set {self.name}; its elements: {', '.join(self.elements)}"
            )
        kept = tuple(element for element in self.elements if element in elements)
        return self.changed(name=f"{self.name}[{'-'.join(kept)}]", elements=kept, entries=self.within(kept))

    def extended(self, entries: Iterable[PhaseEntry], sources: Mapping[str, PhaseSource] | None = None) -> PhaseSet:
        """Return the set with own computed entries; its name and hash say that it was extended.

        Parameters
        ----------
        entries : iterable of PhaseEntry
            Each declares its energy scale.
        sources : mapping of str to PhaseSource
            Sources that the set does not know yet.

        Raises
        ------
        SignatureMismatchError
            If an entry is on another energy scale, naming both, or declares none.
        InputError
            If an id, source or element does not fit.
        """
        own = tuple(entries)
        for entry in own:
            self._require_scale(entry)
        new = dict(sources or {})
        taken = sorted(key for key, source in new.items() if self.sources.get(key, source) != source)
        if taken:
            raise InputError(
                f"phase set {self.name}: the source {taken[0]!r} exists already and differs; give it another key"
            )
        return self.changed(name=f"{self.name}+{len(own)}", entries=self.entries + own, sources={**self.sources, **new})

    def changed(self, **changes: Any) -> PhaseSet:
        """Return the set with other values of its keys, and the hash of what it then holds."""
        changed = PhaseSet(**{**{key: getattr(self, key) for key in type(self).model_fields}, **changes})
        return changed.model_copy(update={"sha256": content_hash(changed.document())})

    def document(self) -> dict[str, Any]:
        """Return what a file of the set holds but for its hash: keys that say nothing are left out."""
        document = self.model_dump(mode="json", exclude={"sha256": True, "entries": {"__all__": {"scale"}}})
        if self.temperature is None:
            del document["temperature"]
        for entry in document["entries"]:
            if not entry["potentials"]:
                del entry["potentials"]
        return document

    def entry_for(self, name: str) -> PhaseEntry | None:
        """Return the entry of :meth:`resolve`, with its errors; None where the set has none."""
        return self.resolve(name).entry

    def resolve(self, name: str) -> Subject:
        """Return what `name` stands for: a material of the set, a chemical formula, or a material of the library, in
        this order.

        The formula unit is as given, or that of the set or library for a name that spells none, so that mixing ratios
        count the user's own units.

        Raises
        ------
        UnknownNameError
            If it is neither a material nor a formula, with the nearest names.
        InputError
            If it holds an element outside the set.
        """
        labelled = [entry for entry in self.entries if entry.material == name]
        if labelled:
            lowest = min(labelled, key=lambda entry: entry.energy_per_atom)
            spelled = self._from_formula(name)
            same = spelled is not None and _same_composition(spelled.composition, lowest.composition)
            return Subject(name, name if same else lowest.formula, lowest)
        subject = self._from_formula(name) or self._from_library(name)
        self.require_elements(subject.composition, subject.label)
        return subject

    def _from_formula(self, text: str) -> Subject | None:
        try:
            composition = parse_formula(text)
        except InputError:
            return None
        return Subject(text, text.strip(), self._lowest(composition))

    def _from_library(self, name: str) -> Subject:
        try:
            found = load.material(name)
        except UnknownNameError:
            named = Path(name).suffix.lower() in {".cif", ".json", ".vasp", ".yaml", ".yml"}
            if not named:
                refuse_place(name)
            if named or "/" in name:
                raise InputError(
                    f"{name!r} is a file: phase sets go by composition, so give the formula, a name of the library, or "
                    f"a material of your own folder ({load.MATERIALS_VARIABLE})"
                ) from None
            known = {
                *meant(name),
                *load.load_materials(),
                *(entry.material for entry in self.entries if entry.material),
            }
            raise UnknownNameError(
                f"{name!r} is neither a material nor a chemical formula; {near_match_hint(name, known)}"
            ) from None
        labelled = [entry for entry in self.entries if entry.material == found.name]
        entry = (
            min(labelled, key=lambda entry: entry.energy_per_atom)
            if labelled
            else self._lowest(parse_formula(found.formula))
        )
        return Subject(found.name, found.formula, entry)

    def _lowest(self, composition: Composition) -> PhaseEntry | None:
        candidates = self.by_system.get(frozenset(element.symbol for element in composition), [])
        same = [entry for entry in candidates if _same_composition(entry.composition, composition)]
        return min(same, key=lambda entry: entry.energy_per_atom) if same else None


def load_phase_set(name_or_path: str | Path) -> PhaseSet:
    """Return a pinned phase set after checking its hash, schema and elements.

    Parameters
    ----------
    name_or_path : str or Path
        A name in ``configs/phases`` or in the user's own folder (``CATHOLYTE_PHASES``), or the path of a JSON file of
        the same schema.

    Raises
    ------
    UnknownNameError
        If no set has this name, with the nearest names.
    InputError
        If the file is missing, not JSON, altered (naming both hashes) or breaks the schema (naming entry and key).
    """
    path = phase_set_file(name_or_path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists
        raise InputError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: a JSON object is needed, not {type(document).__name__}")
    stated, found = document.get("sha256"), content_hash(document)
    if stated != found:
        raise InputError(f"{path}: altered or corrupt: the file states sha256 {stated}, its content has {found}")
    return _validated(path, document)


def _validated(path: Path, document: dict[str, Any]) -> PhaseSet:
    entries = document.get("entries")
    if isinstance(entries, list):
        scaled = [{"scale": document.get("scale"), **entry} if isinstance(entry, dict) else entry for entry in entries]
        document = {**document, "entries": scaled}
    try:
        return PhaseSet.model_validate(document)
    except ValidationError as error:
        problems = (
            f"key '{'.'.join(map(str, item['loc']))}': {item['msg']} (given: {item['input']!r:.80})"
            for item in error.errors()
        )
        raise InputError("\n".join(f"{path}: {problem}" for problem in problems)) from None
    except (InputError, SignatureMismatchError) as error:
        raise type(error)(f"{path}: {error.message}") from None
