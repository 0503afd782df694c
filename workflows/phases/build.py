"""Builds a pinned phase set: public Materials Project energies first, CHGNet relaxations where there are none.

``python -m catholyte.workflows.phases.build NAME --entries DIR`` rewrites ``configs/phases/NAME.json`` from
``configs/phases/NAME.yaml``, the public entry files in DIR and the crystals of the library. One scale:
MP2020-corrected PBE/PBE+U total energy, eV/atom (Wang et al., Sci. Rep. 11, 15496 (2021),
doi:10.1038/s41598-021-94550-5). Experimental enthalpies take no part: they are the referee afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from math import hypot
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import Field
from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.errors import CalculationError, CatholyteError, InputError
from ...configs.load import CONFIGS, load_materials, parse_file
from ...configs.models import Material, Spec
from ...structures.crystals.cells import calculation_cell
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, ChemicalClass, chemical_class
from ...structures.crystals.crystal import conventional
from ...structures.crystals.symmetry import space_group
from ..engines.tasks import Relax, Static
from . import materials_project
from .public_entries import PublicEntry, holds_molecular_oxygen, lowest_per_formula, public_entries
from .relaxations import DFT_ERROR, RefereeRow, Relaxations, class_errors, referee_table

__all__ = [
    "EnergySource",
    "PhaseSetSpec",
    "ReferenceEnergy",
    "build",
    "canonical_sha256",
    "public_record",
    "verify",
]

#: relative; where a relaxed volume moves further (layers drift apart without dispersion, a spin state collapses), the
#: measured cell gives the volume
TRUSTED_VOLUME_CHANGE = 0.10
#: relative; a crystal that moves further has fallen apart: the builder stops and names it
LARGEST_VOLUME_CHANGE = 0.50
#: how a crystal of the library is relaxed before its energy enters the set
RELAXATION = Relax(max_force=0.02, max_steps=2000, method=None)
SCALE = "MP2020-corrected PBE/PBE+U total energy, eV/atom"
#: g/cm³ · Å³/u
_GRAMS_PER_CM3 = 1.66053906660


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
    space_group: str
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
        description="key to citation, licence and address; every key of FILES, and chgnet"
    )
    references: tuple[ReferenceEnergy, ...] = Field((), description="energies that the public entry files lack")
    left_out: tuple[str, ...] = Field((), description="crystals of the library that are no entry")
    left_out_public: dict[str, str] = Field({}, description="id of a public entry that is none here, with the reason")


def build(
    spec: PhaseSetSpec,
    public: Sequence[PublicEntry],
    relaxations: Relaxations,
    earlier: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], list[RefereeRow]]:
    """Return the signed phase-set document and the table of CHGNet against the public energies.

    Parameters
    ----------
    spec : PhaseSetSpec
    public : sequence of PublicEntry
        Of any elements: those outside the set serve the error estimate alone. Compounds that hold molecular oxygen are
        left out.
    relaxations : Relaxations
    earlier : mapping, optional
        A phase-set document whose CHGNet entries and errors stand as they are: only what it lacks is relaxed, and the
        table stays empty.

    Raises
    ------
    InputError
        If there is nothing to judge CHGNet by, or the earlier document has other CHGNet settings.
    CalculationError
        If a crystal does not relax, or leaves its volume by more than :data:`LARGEST_VOLUME_CHANGE`.
    """
    public = [entry for entry in public if not holds_molecular_oxygen(entry)]
    library = {
        name: m
        for name, m in load_materials().items()
        if name not in spec.left_out and _symbols(m) <= set(spec.elements)
    }
    signature = relaxations.signature().model_dump(mode="json")
    if earlier is None:
        rows = referee_table(
            lowest_per_formula(public),
            lambda structure, label: relaxations.relaxed(structure, Static(method=None), label).energy_per_atom,
        )
        errors = class_errors(rows)
    else:
        if earlier["signatures"]["chgnet"] != signature:
            raise InputError(f"{earlier['name']}: the earlier set's CHGNet energies have another signature")
        rows, errors = [], earlier["errors"]["chgnet"]
    known_records = {entry["id"]: entry for entry in earlier["entries"]} if earlier else {}
    inside = [
        entry
        for entry in (*public, *_references(spec))
        if {element.symbol for element in entry.composition} <= set(spec.elements)
        and entry.entry_id not in spec.left_out_public
    ]
    chosen = lowest_per_formula(inside)
    known = {entry.formula for entry in chosen if entry.structure is not None or entry.space_group is not None}
    missing = [
        m for m in library.values() if len(_symbols(m)) > 1 and Composition(m.formula).reduced_formula not in known
    ]
    records = [public_record(entry, library) for entry in chosen]
    records += [
        known_records.get(f"chgnet-{material.name}") or _chgnet_record(material, relaxations, errors)
        for material in missing
    ]
    used, sources = {record["source"] for record in records}, {**spec.sources, materials_project.SOURCE: _API}
    document = {
        "name": spec.name,
        "version": spec.version,
        "description": spec.description,
        "scale": SCALE,
        "elements": list(spec.elements),
        "sources": {key: source.model_dump() for key, source in sources.items() if key in used},
        "signatures": {"chgnet": signature},
        "errors": {"chgnet": errors},
        "entries": sorted(records, key=lambda record: (record["formula"], record["id"])),
    }
    return {**document, "sha256": canonical_sha256(document)}, rows


def _references(spec: PhaseSetSpec) -> list[PublicEntry]:
    return [
        PublicEntry(
            r.id, Composition(r.formula), r.energy_per_atom, r.correction_error, r.source, None, r.space_group, r.volume
        )
        for r in spec.references
    ]


def _symbols(material: Material) -> set[str]:
    return {element.symbol for element in Composition(material.formula).elements}


def _integer_formula(composition: Composition) -> str:
    return str(composition.get_integer_formula_and_factor()[0])


def public_record(entry: PublicEntry, library: Mapping[str, Material]) -> dict[str, Any]:
    """Return a public entry as a phase set stores it, with the material of the library that it stands for."""
    group = entry.space_group or (_space_group(entry.structure) if entry.structure is not None else None)
    same = [m for m in library.values() if Composition(m.formula).reduced_formula == entry.formula]
    same.sort(key=lambda m: (m.space_group != group, m.name))
    note = (
        ""
        if group
        else "polymorph unknown: the source stores no structure, so it is no substitute for a relaxed crystal"
    )
    if same and group and same[0].space_group != group:
        note = f"energy of the {group} polymorph; the library's crystal is {same[0].space_group}"
    volume, volume_source = _public_volume(entry, same[0] if same else None)
    return {
        "id": entry.entry_id,
        "formula": entry.formula,
        "space_group": group,
        "energy_per_atom": round(entry.energy_per_atom, 6),
        "error": 0.0 if entry.is_element else round(hypot(entry.correction_error, DFT_ERROR), 6),
        "source": entry.source,
        "tier": "vasp",
        "note": note,
        "material": same[0].name if same else None,
        "volume": volume,
        "volume_source": volume_source,
    }


def _public_volume(entry: PublicEntry, material: Material | None) -> tuple[float | None, str]:
    """Å³ per formula unit of the record, and where it comes from."""
    unit = Composition(entry.formula)
    if material is not None and material.molecular:
        return _density_volume(material, unit)
    if entry.structure is not None:
        return round(
            float(entry.structure.volume) / len(entry.structure) * unit.num_atoms, 4
        ), "relaxed cell, PBE (Materials Project)"
    if entry.volume is not None:
        return round(entry.volume * float(unit.num_atoms), 4), f"relaxed cell, PBE ({entry.source})"
    return (_crystal_volume(material, unit), f"crystal, {material.source}") if material is not None else (None, "")


def _density_volume(material: Material, unit: Composition) -> tuple[float, str]:
    if material.density is None:
        return _crystal_volume(material, unit), f"crystal, {material.source}"
    return round(
        float(unit.weight) * _GRAMS_PER_CM3 / material.density.value, 4
    ), f"experimental density, {material.density.kind}: {material.density.source}"


def _crystal_volume(material: Material, unit: Composition) -> float:
    crystal = conventional(material)
    return round(float(crystal.volume) / crystal.composition.num_atoms * unit.num_atoms, 4)


def _chgnet_record(
    material: Material, relaxations: Relaxations, errors: Mapping[ChemicalClass, float]
) -> dict[str, Any]:
    unit = Composition(_integer_formula(Composition(material.formula)))
    cell = calculation_cell(material)
    found = relaxations.relaxed(cell, RELAXATION, material.name)
    change = found.volume_per_atom * len(cell) / cell.volume - 1
    if not material.molecular and abs(change) > LARGEST_VOLUME_CHANGE:
        raise CalculationError(
            f"{material.name}: the relaxation changed the volume by {100 * change:+.0f} %",
            "check the crystal, or call it molecular",
        )
    volume, volume_source = round(found.volume_per_atom * unit.num_atoms, 4), "relaxed cell, CHGNet"
    if material.molecular:
        volume, volume_source = _density_volume(material, unit)
    elif abs(change) > TRUSTED_VOLUME_CHANGE:
        volume, volume_source = (
            _crystal_volume(material, unit),
            f"crystal, {material.source} (CHGNet's relaxed cell is {100 * change:+.0f} % off)",
        )
    return {
        "id": f"chgnet-{material.name}",
        "formula": _integer_formula(unit),
        "space_group": material.space_group,
        "energy_per_atom": round(found.energy_per_atom, 6),
        "error": errors[chemical_class(unit)],
        "source": "chgnet",
        "tier": "chgnet",
        "note": material.notes,
        "material": material.name,
        "volume": volume,
        "volume_source": volume_source,
    }


def _space_group(structure: Structure) -> str:
    return str(space_group(structure, 0.05).get_space_group_symbol())


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m catholyte.workflows.phases.build", description="Rebuild configs/phases/NAME.json."
    )
    parser.add_argument("name", help="stem of configs/phases/NAME.yaml")
    parser.add_argument("--entries", type=Path, required=True, metavar="DIR", help="folder with the public entry files")
    parser.add_argument(
        "--materials-project",
        metavar="SYSTEM",
        help="add entries of the system, e.g. Li-Co-O, through the API (needs a key and a network)",
    )
    parser.add_argument("--key", help="API key; default: the variables MP_API_KEY, PMG_MAPI_KEY")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "catholyte-phases",
        metavar="DIR",
        help="CHGNet energies already computed",
    )
    parser.add_argument(
        "--earlier",
        type=Path,
        metavar="FILE",
        help="built set whose CHGNet energies and errors stand; only crystals that it lacks are relaxed",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: configs/phases/NAME.json of the package")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Rebuild one phase set and print the table of CHGNet against the public energies."""
    options = _parser().parse_args(arguments)
    try:
        spec, _ = parse_file(CONFIGS / "phases" / f"{options.name}.yaml", PhaseSetSpec)
        downloaded = (
            materials_project.download(options.materials_project.split("-"), options.key)
            if options.materials_project
            else []
        )
        earlier = _earlier(options.earlier) if options.earlier else None
        public = [*public_entries(options.entries), *downloaded]
        document, rows = build(spec, public, Relaxations(options.cache), earlier)
    except CatholyteError as error:
        print(error.message, file=sys.stderr)
        return error.exit_status
    if rows:
        _print_table(rows)
    path = options.out or CONFIGS / "phases" / f"{spec.name}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(document['entries'])} entries, sha256 {document['sha256']}, written to {path}")
    return 0


def _earlier(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable phase set: {error}") from None
    verify(document, str(path))
    return document


def _print_table(rows: Sequence[RefereeRow]) -> None:
    for row in sorted(rows, key=lambda r: -abs(r.deviation)):
        print(
            f"{row.formula:12} {row.entry_id:14} public {row.public:9.4f}  CHGNet {row.chgnet:9.4f}  deviation "
            f"{1000 * row.deviation:+7.1f} meV/atom"
        )
    errors = class_errors(rows)
    for kind in CHEMICAL_CLASSES:
        found = [abs(row.deviation) for row in rows if row.kind == kind]
        if found:
            print(
                f"{kind:14} {len(found):4} compounds, MAE {1000 * fmean(found):5.1f} meV/atom, 1 σ of a CHGNet entry "
                f"{1000 * errors[kind]:5.1f} meV/atom"
            )


if __name__ == "__main__":
    raise SystemExit(main())
