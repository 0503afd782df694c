"""Builds a pinned phase set: public Materials Project energies first, potentials where there are none.

``python -m catholyte.workflows.phases.build NAME`` rewrites ``configs/phases/NAME.json`` from its specification
``NAME.yaml``, the crystals of the library and what ``configs/phases/sources`` pins: public energies, prototypes and the
relaxations of both potentials. It computes nothing, so the same sources give the same hash. ``--entries DIR`` reads the
public entry files in DIR again first. One scale: MP2020-corrected PBE/PBE+U total energy, eV/atom (Wang et al., Sci.
Rep. 11, 15496 (2021), doi:10.1038/s41598-021-94550-5). Experimental enthalpies take no part: they are the referee
afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from pymatgen.core.composition import Composition

from ...configs.errors import CatholyteError, InputError
from ...configs.load import CONFIGS, load_materials, parse_file
from ...configs.models import Material, Spec
from ...configs.trust import declared_trust
from ...structures.crystals.chemistry import ChemicalClass
from . import materials_project
from .potential_errors import class_errors, referee_rows
from .prototypes import prototype_composition, prototypes
from .public_entries import (
    PublicEntry,
    holds_molecular_oxygen,
    lowest_per_formula,
    public_entries,
    read_pinned,
    write_pinned,
)
from .records import Crystal, crystal_record, integer_formula, public_record, refused, with_potentials
from .relaxed_crystals import POTENTIALS, RelaxedCrystals

__all__ = [
    "EnergySource",
    "PhaseSetSpec",
    "ReferenceEnergy",
    "build",
    "canonical_sha256",
    "crystals_of",
    "verify",
    "write_public",
]

SCALE = "MP2020-corrected PBE/PBE+U total energy, eV/atom"
#: public energies of the set, as they were read from the entry files
PUBLIC = CONFIGS / "phases" / "sources" / "public.json"


class EnergySource(Spec):
    """Where energies come from and under which licence they may be passed on."""

    citation: str
    license: str
    url: str


_API = EnergySource(citation=materials_project.CITATION, license=materials_project.LICENSE, url=materials_project.URL)


class ReferenceEnergy(Spec):
    """A public energy that no entry file holds."""

    id: str
    formula: str
    space_group: str | None = Field(None, description="where the source states it")
    energy_per_atom: float = Field(
        description="eV/atom on the scale; of an element uncorrected, as the scheme leaves it"
    )
    correction_error: float = Field(0.0, ge=0, description="eV/atom, 1 σ of the corrections")
    volume: float | None = Field(None, gt=0, description="Å³/atom of the relaxed cell")
    source: str = Field(description="key of the sources")


class PhaseSetSpec(Spec):
    """Content of ``configs/phases/NAME.yaml``."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    version: str
    description: str
    elements: tuple[str, ...] = Field(min_length=1, description="the chemical system; every sub-system is included")
    sources: dict[str, EnergySource] = Field(
        description="key to citation, licence and address; every key of FILES, and of the potentials"
    )
    references: tuple[ReferenceEnergy, ...] = Field((), description="energies that the public entry files lack")
    errors: dict[str, dict[ChemicalClass, float]] = Field(
        {}, description="eV/atom, 1 σ of a potential by class where an earlier version has it; others are computed"
    )
    left_out: tuple[str, ...] = Field((), description="crystals of the library that are no entry")
    left_out_public: dict[str, str] = Field({}, description="id of a public entry that is none here, with the reason")


def crystals_of(spec: PhaseSetSpec, public: Iterable[PublicEntry] | None = None) -> list[Crystal]:
    """Return the crystals that have no public energy: those of the library by name, then the prototypes in the order of
    their list.

    Parameters
    ----------
    spec : PhaseSetSpec
    public : iterable of PublicEntry, optional
        Of the elements of the set; those that are pinned where left out.
    """
    chosen = _chosen(spec, read_pinned(PUBLIC) if public is None else public)
    known = {entry.formula for entry in chosen if entry.known_polymorph or entry.space_group is not None}
    library = [m for m in _library(spec).values() if len(_symbols(m)) > 1]
    found = [
        Crystal(m.name, Composition(integer_formula(Composition(m.formula))), material=m)
        for m in library
        if Composition(m.formula).reduced_formula not in known
    ]
    for prototype in prototypes().crystals:
        composition = Composition(integer_formula(prototype_composition(prototype)))
        inside = {element.symbol for element in composition} <= set(spec.elements)
        if inside and composition.reduced_formula not in known:
            found.append(Crystal(prototype.name, composition, prototype=prototype))
    return found


def build(
    spec: PhaseSetSpec, public: Sequence[PublicEntry], relaxed: RelaxedCrystals, crystals: Sequence[Crystal]
) -> dict[str, Any]:
    """Return the signed phase-set document.

    Parameters
    ----------
    spec : PhaseSetSpec
    public : sequence of PublicEntry
        Those outside the set are left out.
    relaxed : RelaxedCrystals
        What the potentials say; a crystal that it lacks is no entry.
    crystals : sequence of Crystal
        Those without a public energy, as :func:`crystals_of` gives them.

    Raises
    ------
    InputError
        If there is nothing to judge the potentials by.
    """
    library = _library(spec)
    errors = {
        name: {**class_errors(referee_rows(relaxed.public, name)), **spec.errors.get(name, {})} for name in POTENTIALS
    }
    records = [with_potentials(public_record(entry, library), relaxed) for entry in _chosen(spec, public)]
    no_entry = refused(crystals, relaxed)
    records += [
        crystal_record(crystal, relaxed.crystals[crystal.name], errors)
        for crystal in crystals
        if crystal.name in relaxed.crystals and crystal.name not in no_entry
    ]
    used, sources = {record["source"] for record in records}, {**spec.sources, materials_project.SOURCE: _API}
    tiers = {record["tier"] for record in records} & set(POTENTIALS)
    document = {
        "name": spec.name,
        "version": spec.version,
        "description": spec.description,
        "scale": SCALE,
        "elements": list(spec.elements),
        "sources": {key: source.model_dump() for key, source in sources.items() if key in used},
        "signatures": {
            name: signature.model_dump(mode="json")
            for name, signature in relaxed.signatures.items()
            if "phase set" in declared_trust(name).references
        },
        "errors": {name: errors[name] for name in POTENTIALS if name in tiers},
        "entries": sorted(records, key=lambda record: (record["formula"], record["id"])),
    }
    return {**document, "sha256": canonical_sha256(document)}


def _library(spec: PhaseSetSpec) -> dict[str, Material]:
    return {
        name: m
        for name, m in load_materials().items()
        if name not in spec.left_out and _symbols(m) <= set(spec.elements)
    }


def _chosen(spec: PhaseSetSpec, public: Iterable[PublicEntry]) -> list[PublicEntry]:
    """The lowest public entry of each formula, the specification's own among them."""
    inside = [
        entry
        for entry in (*public, *_references(spec))
        if {element.symbol for element in entry.composition} <= set(spec.elements)
        and entry.entry_id not in spec.left_out_public
    ]
    return lowest_per_formula(inside)


def _references(spec: PhaseSetSpec) -> list[PublicEntry]:
    return [
        PublicEntry(
            r.id, Composition(r.formula), r.energy_per_atom, r.correction_error, r.source, None, r.space_group, r.volume
        )
        for r in spec.references
    ]


def _symbols(material: Material) -> set[str]:
    return {element.symbol for element in Composition(material.formula).elements}


def canonical_sha256(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of `document` without its key ``sha256``."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    ).hexdigest()


def verify(document: Mapping[str, Any], label: str = "phase set") -> None:
    """Raise unless the stored hash is that of the content.

    Raises
    ------
    InputError
        With the stored and the computed hash.
    """
    computed = canonical_sha256(document)
    if document.get("sha256") != computed:
        raise InputError(
            f"{label}: its content does not match its hash (stored {document.get('sha256')}, computed {computed}); "
            "rebuild it or restore the file"
        )


def write_public(entries: Iterable[PublicEntry], spec: PhaseSetSpec, path: Path = PUBLIC) -> None:
    """Pin the public energies that a set takes, one a line."""
    own = {reference.id for reference in spec.references}
    whole = [entry for entry in entries if not holds_molecular_oxygen(entry)]
    write_pinned([entry for entry in _chosen(spec, whole) if entry.entry_id not in own], path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m catholyte.workflows.phases.build", description="Rebuild configs/phases/NAME.json."
    )
    parser.add_argument("name", help="stem of configs/phases/NAME.yaml")
    parser.add_argument(
        "--entries",
        type=Path,
        metavar="DIR",
        help="folder with the public entry files, which are read and pinned again",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: configs/phases/NAME.json of the package")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Rebuild one phase set, and say which relaxed crystals are no entry."""
    options = _parser().parse_args(arguments)
    try:
        spec, _ = parse_file(CONFIGS / "phases" / f"{options.name}.yaml", PhaseSetSpec)
        if options.entries:
            write_public(public_entries(options.entries), spec)
        public, relaxed = read_pinned(PUBLIC), RelaxedCrystals.read()
        crystals = crystals_of(spec, public)
        document = build(spec, public, relaxed, crystals)
    except CatholyteError as error:
        print(error.message, file=sys.stderr)
        return error.exit_status
    for name, reason in refused(crystals, relaxed).items():
        print(f"{name} is no entry: {reason}")
    waiting = [crystal.name for crystal in crystals if crystal.name not in relaxed.crystals]
    if waiting:
        print(f"not relaxed yet: {', '.join(waiting)}")
    path = options.out or CONFIGS / "phases" / f"{spec.name}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(document['entries'])} entries, sha256 {document['sha256']}, written to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
