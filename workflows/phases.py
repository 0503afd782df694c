"""Builds a pinned phase set: public Materials Project energies first, CHGNet relaxations where there are none.

``python -m catholyte.workflows.phases licopsclc --entries DIR`` rewrites ``configs/phases/licopsclc.json`` and prints
the referee table (CHGNet against the public energies). One scale: MP2020-corrected PBE/PBE+U total energy, eV/atom
(Wang et al., Sci. Rep. 11, 15496 (2021), doi:10.1038/s41598-021-94550-5).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot, pi, sqrt
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import Field
from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from ..configs.errors import CatholyteError, InputError
from ..configs.load import CONFIGS, load_materials, parse_file
from ..configs.models import Material, Spec
from ..structures.cells import calculation_cell
from .documents import CalculationDocument
from .tasks import Relax, Static

__all__ = [
    "DFT_ERROR",
    "PhaseSetSpec",
    "PublicEntry",
    "RefereeRow",
    "Relaxations",
    "Source",
    "build",
    "canonical_sha256",
    "chgnet_error",
    "corrected",
    "lowest_per_formula",
    "public_entries",
    "referee_table",
    "verify",
]

#: eV/atom, 1 σ of PBE/PBE+U reaction energies: Hautier, Ong, Jain, Moore & Ceder, Phys. Rev. B 85, 155208 (2012)
DFT_ERROR = 0.024
#: how a crystal of the library is relaxed before its energy enters the set
RELAXATION = Relax(max_force=0.02, max_steps=2000, method=None)
SCALE = "MP2020-corrected PBE/PBE+U total energy, eV/atom"
#: partners beside which sulfur is a cation: the sulfide correction is not for it (pymatgen issue 4538)
_SULFUR_CATION_PARTNERS = ("O", "Cl", "F")


#: file-name pattern → key of the sources of the specification
FILES = {
    "pymatgen_calc_compounds_norm.json.gz": "mp-calc-compounds",
    "reaction-network_*_entries.json.gz": "mp-reaction-network",
    "matgenb_LiPS_entries.json": "matgenb-lips",
}


class Source(Spec):
    """Where energies come from and under which licence they may be passed on."""

    citation: str
    license: str
    url: str


class PhaseSetSpec(Spec):
    """Content of ``configs/phases/NAME.yaml``."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    version: str
    description: str
    elements: tuple[str, ...] = Field(min_length=1, description="the chemical system; every sub-system is included")
    sources: dict[str, Source] = Field(description="key to citation, licence and address; every key of FILES, and chgnet")


@dataclass(frozen=True)
class PublicEntry:
    """One public energy on the MP2020 scale.

    Parameters
    ----------
    entry_id : str
    composition : Composition
        Of the cell.
    energy_per_atom : float
        eV/atom, corrected.
    correction_error : float
        eV/atom, 1 σ of the corrections applied.
    source : str
        Key of the specification's sources.
    structure : Structure or None
        None where the file carries none: the polymorph is unknown.
    """

    entry_id: str
    composition: Composition
    energy_per_atom: float
    correction_error: float
    source: str
    structure: Structure | None = None

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return str(self.composition.reduced_formula)

    @property
    def is_element(self) -> bool:
        """True for a single element."""
        return len(self.composition) == 1


@dataclass(frozen=True)
class RefereeRow:
    """CHGNet against one public energy, both in eV/atom, on the public geometry."""

    formula: str
    entry_id: str
    public: float
    chgnet: float

    @property
    def deviation(self) -> float:
        """CHGNet minus public, eV/atom."""
        return self.chgnet - self.public


def corrected(raw: Mapping[str, Any], reprocess: bool) -> tuple[float, float]:
    """Return energy and correction error of one stored entry, both eV/atom, on the MP2020 scale.

    Parameters
    ----------
    raw : mapping
        ``ComputedEntry`` or ``ComputedStructureEntry`` as a dictionary.
    reprocess : bool
        Drop what corrections are stored and apply MP2020; otherwise the stored ones are kept.

    Raises
    ------
    pymatgen.entries.compatibility.CompatibilityError
        If functional, pseudopotentials' run type or U do not belong to the scheme: nothing is dropped silently.
    """
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    entry: ComputedEntry = ComputedStructureEntry.from_dict(dict(raw)) if "structure" in raw else ComputedEntry.from_dict(dict(raw))
    n_atoms = entry.composition.num_atoms
    if reprocess:
        entry.data = {**entry.data, **_explicit_states(entry.composition)}
        scheme = MaterialsProject2020Compatibility(check_potcar=False)
        processed = scheme.process_entry(entry, clean=True, inplace=True, on_error="raise")
        if processed is None:
            raise InputError(f"{entry.entry_id} ({entry.reduced_formula}): not compatible with the MP2020 scheme")
        entry = processed
    error = sqrt(sum((adjustment.uncertainty if adjustment.uncertainty == adjustment.uncertainty else 0.0) ** 2 for adjustment in entry.energy_adjustments))
    return float(entry.energy) / n_atoms, error / n_atoms


def _explicit_states(composition: Composition) -> dict[str, Any]:
    """Oxidation states and sulfide type that the correction scheme must not guess.

    Sulfur in a compound with oxygen or a halogen is taken as a cation (sulfates) and gets no sulfide correction; the
    public files hold no oxysulfide. The most electronegative element is the anion: chlorine beside oxygen is not.
    """
    symbols = {element.symbol for element in composition.elements}
    anion = max(composition.elements, key=lambda element: element.X).symbol
    found: dict[str, Any] = {"oxidation_states": {anion: -1.0}}  # the scheme reads signs only
    if "S" in symbols:
        found["sulfide_type"] = "None" if symbols & set(_SULFUR_CATION_PARTNERS) else "sulfide"
    return found


def public_entries(directory: Path, elements: Iterable[str]) -> list[PublicEntry]:
    """Read every public entry file in `directory` and keep the entries within the chemical system.

    Raises
    ------
    InputError
        If a file of :data:`FILES` is missing.
    """
    system, found = set(elements), []
    for pattern, source in FILES.items():
        paths = sorted(directory.glob(pattern))
        if not paths:
            raise InputError(f"{directory}: no file {pattern}; allowed: a folder with {', '.join(FILES)}")
        for path in paths:
            found += [_public(raw, source) for raw in _read(path) if set(raw["composition"]) <= system]
    return found


def _read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        data = json.load(stream)
    return list(data.values()) if isinstance(data, dict) else list(data)


def _public(raw: Mapping[str, Any], source: str) -> PublicEntry:
    energy, error = corrected(raw, reprocess=source != "mp-reaction-network")
    composition = Composition(raw["composition"])
    structure = Structure.from_dict(raw["structure"]) if "structure" in raw else None
    entry_id = raw.get("entry_id") or f"{source}-{composition.formula.replace(' ', '')}"
    return PublicEntry(str(entry_id), composition, energy, error, source, structure)


def lowest_per_formula(entries: Iterable[PublicEntry]) -> list[PublicEntry]:
    """Keep the lowest energy of each reduced formula, entries of known and of unknown polymorph apart."""
    best: dict[tuple[str, bool], PublicEntry] = {}
    for entry in entries:
        key = (entry.formula, entry.structure is None)
        if key not in best or entry.energy_per_atom < best[key].energy_per_atom:
            best[key] = entry
    return [best[key] for key in sorted(best)]


class Relaxations:
    """CHGNet energies through the engine, kept in a folder so that a second build is fast.

    Parameters
    ----------
    cache : Path
        One small JSON per cell, named by the hash of cell, task and engine signature.
    """

    def __init__(self, cache: Path) -> None:
        from .engines.chgnet import ChgnetBackend

        self.cache = cache
        self.backend = ChgnetBackend({"threads": 1, "device": "cpu"})

    def energy(self, structure: Structure, task: Relax | Static, label: str) -> float:
        """Return the energy of `structure` after `task`, eV/atom.

        Raises
        ------
        CalculationError
            If the relaxation does not converge.
        """
        content = [structure.as_dict(), task.model_dump(mode="json"), self.backend.version(), self.backend.settings.weights]
        key = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
        path = self.cache / f"{label}-{task.kind}-{key}.json"
        if path.exists():
            return float(json.loads(path.read_text(encoding="utf-8"))["energy_per_atom"])
        with tempfile.TemporaryDirectory() as directory:
            document: CalculationDocument = self.backend.calculate(structure, task, label, Path(directory))
        self.cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"label": label, "energy_per_atom": document.energy_per_atom, "steps": document.convergence.n_steps}), encoding="utf-8")
        return document.energy_per_atom


def referee_table(entries: Sequence[PublicEntry], energy: Callable[[Structure, str], float]) -> list[RefereeRow]:
    """Compare CHGNet with every public compound whose structure is known.

    Elements are left out: CHGNet is not used for them.
    """
    compounds = [entry for entry in entries if not entry.is_element and entry.structure is not None]
    return [RefereeRow(e.formula, e.entry_id, e.energy_per_atom, energy(e.structure, e.entry_id)) for e in compounds if e.structure is not None]


def chgnet_error(rows: Sequence[RefereeRow]) -> float:
    """Return 1 σ of a CHGNet energy, eV/atom.

    σ = √(π/2)·MAE (normal distribution), joined in quadrature with :data:`DFT_ERROR` of the energies CHGNet was judged by.

    Raises
    ------
    InputError
        If there is nothing to compare with.
    """
    if not rows:
        raise InputError("the error of CHGNet needs at least one public compound to compare with")
    return hypot(sqrt(pi / 2) * fmean(abs(row.deviation) for row in rows), DFT_ERROR)


def build(spec: PhaseSetSpec, public: Sequence[PublicEntry], relaxations: Relaxations) -> tuple[dict[str, Any], list[RefereeRow]]:
    """Return the signed phase-set document and the referee table."""
    library = {name: m for name, m in load_materials().items() if _symbols(m) <= set(spec.elements)}
    chosen = lowest_per_formula(public)
    rows = referee_table(chosen, lambda structure, label: relaxations.energy(structure, Static(method=None), label))
    sigma = chgnet_error(rows)
    known = {entry.formula for entry in chosen if entry.structure is not None}
    missing = [m for m in library.values() if len(_symbols(m)) > 1 and _reduced(m) not in known]
    records = [_public_record(entry, library) for entry in chosen]
    records += [_chgnet_record(m, relaxations.energy(calculation_cell(m), RELAXATION, m.name), sigma) for m in missing]
    document = {
        "name": spec.name,
        "version": spec.version,
        "description": spec.description,
        "scale": SCALE,
        "elements": list(spec.elements),
        "sources": {key: source.model_dump() for key, source in spec.sources.items()},
        "entries": sorted(records, key=lambda record: (record["formula"], record["id"])),
    }
    return {**document, "sha256": canonical_sha256(document)}, rows


def _symbols(material: Material) -> set[str]:
    return {element.symbol for element in Composition(material.formula).elements}


def _reduced(material: Material) -> str:
    return str(Composition(material.formula).get_integer_formula_and_factor()[0])


def _public_record(entry: PublicEntry, library: Mapping[str, Material]) -> dict[str, Any]:
    group = _space_group(entry.structure) if entry.structure is not None else None
    same = [m for m in library.values() if Composition(m.formula).reduced_formula == entry.formula]
    same.sort(key=lambda m: (m.space_group != group, m.name))
    note = "" if group else "polymorph unknown: the source stores no structure, so it is no substitute for a relaxed crystal"
    if same and group and same[0].space_group != group:
        note = f"energy of the {group} polymorph; the library's crystal is {same[0].space_group}"
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
    }


def _chgnet_record(material: Material, energy: float, sigma: float) -> dict[str, Any]:
    return {
        "id": f"chgnet-{material.name}",
        "formula": _reduced(material),
        "space_group": material.space_group,
        "energy_per_atom": round(energy, 6),
        "error": round(sigma, 6),
        "source": "chgnet",
        "tier": "chgnet",
        "note": material.notes,
        "material": material.name,
    }


def _space_group(structure: Structure) -> str:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    return str(SpacegroupAnalyzer(structure, symprec=0.05).get_space_group_symbol())


def canonical_sha256(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of `document` without its key ``sha256``."""
    content = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def verify(document: Mapping[str, Any], label: str = "phase set") -> None:
    """Raise unless the stored hash is that of the content.

    Raises
    ------
    InputError
        With the stored and the computed hash.
    """
    computed = canonical_sha256(document)
    if document.get("sha256") != computed:
        raise InputError(f"{label}: its content does not match its hash (stored {document.get('sha256')}, computed {computed}); rebuild it or restore the file")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rebuild one phase set and print the referee table."""
    parser = argparse.ArgumentParser(prog="python -m catholyte.workflows.phases", description="Rebuild configs/phases/NAME.json.")
    parser.add_argument("name", help="stem of configs/phases/NAME.yaml")
    parser.add_argument("--entries", type=Path, required=True, metavar="DIR", help="folder with the public entry files")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "catholyte-phases", metavar="DIR", help="CHGNet energies already computed")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: configs/phases/NAME.json of the package")
    options = parser.parse_args(arguments)
    try:
        spec, _ = parse_file(CONFIGS / "phases" / f"{options.name}.yaml", PhaseSetSpec)
        document, rows = build(spec, public_entries(options.entries, spec.elements), Relaxations(options.cache))
    except CatholyteError as error:
        print(error.message, file=sys.stderr)
        return error.exit_status
    for row in sorted(rows, key=lambda r: -abs(r.deviation)):
        print(f"{row.formula:12} {row.entry_id:14} public {row.public:9.4f}  CHGNet {row.chgnet:9.4f}  deviation {1000 * row.deviation:+7.1f} meV/atom")
    print(
        f"MAE {1000 * fmean(abs(r.deviation) for r in rows):.1f} meV/atom over {len(rows)} compounds; 1 σ of a CHGNet entry {1000 * chgnet_error(rows):.1f} meV/atom"
    )
    path = options.out or CONFIGS / "phases" / f"{spec.name}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(document['entries'])} entries, sha256 {document['sha256']}, written to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
