"""Public Materials Project energies from files, on the MP2020 scale (eV/atom).

Scheme of the corrections: Wang et al., Sci. Rep. 11, 15496 (2021), doi:10.1038/s41598-021-94550-5.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isnan, sqrt
from pathlib import Path
from typing import Any

from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from ...configs.errors import InputError
from ...structures.crystals.symmetry import space_group

__all__ = [
    "FILES",
    "SHORTEST_IONIC_OXYGEN",
    "PublicEntry",
    "corrected",
    "holds_molecular_oxygen",
    "lowest_per_formula",
    "pinned",
    "public_entries",
    "public_entry",
    "read_pinned",
    "write_pinned",
]

#: file-name pattern → key of the sources of the specification
FILES = {
    "pymatgen_calc_compounds_norm.json.gz": "mp-calc-compounds",
    "pymatgen_TiO2_entries.json": "mp-tio2",
    "reaction-network_*_entries.json.gz": "mp-reaction-network",
}
#: sources whose files store the MP2020 corrections
_ALREADY_CORRECTED = ("mp-reaction-network",)
#: Å; superoxide has 1.33 Å, O2 1.21 Å
SHORTEST_IONIC_OXYGEN = 1.30
#: partners beside which sulfur is a cation: the sulfide correction is not for it (pymatgen issue 4538)
_SULFUR_CATION_PARTNERS = ("O", "Cl", "F")


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
        None where the file carries none, or the entry is read from where it was pinned.
    space_group : str or None
        Stated by a source that stores no structure; without one the polymorph is unknown.
    volume : float or None
        Å³/atom, stated by a source that stores no structure.
    with_structure : bool
        Whether the source has a structure: :func:`pinned` entries say so without holding it.
    correction : float or None
        eV/atom, what of the energy are corrections; None where the source does not tell.
    """

    entry_id: str
    composition: Composition
    energy_per_atom: float
    correction_error: float
    source: str
    structure: Structure | None = None
    space_group: str | None = None
    volume: float | None = None
    with_structure: bool = False
    correction: float | None = None

    @property
    def known_polymorph(self) -> bool:
        """Whether the source has a structure."""
        return self.structure is not None or self.with_structure

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return str(self.composition.reduced_formula)

    @property
    def is_element(self) -> bool:
        """True for a single element."""
        return len(self.composition) == 1


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

    entry: ComputedEntry = (
        ComputedStructureEntry.from_dict(dict(raw)) if "structure" in raw else ComputedEntry.from_dict(dict(raw))
    )
    n_atoms = entry.composition.num_atoms
    if reprocess:
        entry.data = {**entry.data, **_explicit_states(entry.composition)}
        scheme = MaterialsProject2020Compatibility(check_potcar=False)
        processed = scheme.process_entry(entry, clean=True, inplace=True, on_error="raise")
        if processed is None:
            raise InputError(f"{entry.entry_id} ({entry.reduced_formula}): not compatible with the MP2020 scheme")
        entry = processed
    errors = [
        0.0 if isnan(adjustment.uncertainty) else adjustment.uncertainty for adjustment in entry.energy_adjustments
    ]
    return float(entry.energy) / n_atoms, sqrt(sum(error**2 for error in errors)) / n_atoms


def _explicit_states(composition: Composition) -> dict[str, Any]:
    """Oxidation states and sulfide type that the correction scheme must not guess.

    Sulfur in a compound with oxygen or a halogen is taken as a cation (sulfates) and gets no sulfide correction; the
    public files hold no oxysulfide. The most electronegative element is the anion. Chlorine beside oxygen is one too
    where the charges balance that way (AlOCl, not LiClO4).
    """
    symbols = {element.symbol for element in composition.elements}
    states = {max(composition.elements, key=lambda element: element.X).symbol: -1.0}  # the scheme reads signs only
    if {"O", "Cl"} <= symbols:
        states |= {symbol: -1.0 for symbol, state in _balanced_states(composition).items() if state < 0}
    found: dict[str, Any] = {"oxidation_states": states}
    if "S" in symbols:
        found["sulfide_type"] = "None" if symbols & set(_SULFUR_CATION_PARTNERS) else "sulfide"
    return found


def _balanced_states(composition: Composition) -> dict[str, float]:
    """The most common oxidation states that add up to zero; empty where none do."""
    guesses = composition.reduced_composition.oxi_state_guesses()
    return {str(symbol): float(state) for symbol, state in guesses[0].items()} if guesses else {}


def public_entries(directory: Path) -> list[PublicEntry]:
    """Read every public entry file in `directory`, of whatever elements.

    Raises
    ------
    InputError
        If a file of :data:`FILES` is missing or corrupt.
    """
    found = []
    for pattern, source in FILES.items():
        paths = sorted(directory.glob(pattern))
        if not paths:
            raise InputError(f"{directory}: no file {pattern}; allowed: a folder with {', '.join(FILES)}")
        for path in paths:
            found += [public_entry(raw, source) for raw in _read(path)]
    return found


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
            data = json.load(stream)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: not a readable entry file: {error}") from None
    return list(data.values()) if isinstance(data, dict) else list(data)


def public_entry(raw: Mapping[str, Any], source: str) -> PublicEntry:
    """Return one stored entry on the MP2020 scale; raises as :func:`corrected` does."""
    energy, error = corrected(raw, reprocess=source not in _ALREADY_CORRECTED)
    composition = Composition(raw["composition"])
    structure = Structure.from_dict(raw["structure"]) if "structure" in raw else None
    entry_id = raw.get("entry_id") or f"{source}-{composition.formula.replace(' ', '')}"
    label = f"mp-{entry_id}" if isinstance(entry_id, int) else str(entry_id)  # early files leave the prefix out
    correction = energy - float(raw["energy"]) / float(composition.num_atoms)
    return PublicEntry(label, composition, energy, error, source, structure, correction=correction)


def pinned(entry: PublicEntry) -> PublicEntry:
    """Return an entry without its structure, whose space group (at 0.05 Å) and volume it keeps."""
    if entry.structure is None:
        return entry
    group = str(space_group(entry.structure, 0.05).get_space_group_symbol())
    volume = float(entry.structure.volume) / len(entry.structure)
    return replace(entry, structure=None, space_group=group, volume=volume, with_structure=True)


def holds_molecular_oxygen(entry: PublicEntry) -> bool:
    """True for a compound with O2 molecules in its crystal, such as LiO8.

    The scheme gives all oxygen of a compound one type. It counts these molecules as superoxide, 0.16 eV per atom too
    low, while the element's own O2 gets nothing: such an entry would undercut every oxide that releases oxygen.
    """
    if entry.structure is None or entry.is_element or "O" not in entry.composition:
        return False
    oxygen = entry.structure.copy().remove_species([element for element in entry.composition if element.symbol != "O"])
    return len(oxygen.get_neighbor_list(SHORTEST_IONIC_OXYGEN)[0]) > 0


def lowest_per_formula(entries: Iterable[PublicEntry]) -> list[PublicEntry]:
    """Keep the lowest energy of each reduced formula, entries of known and of unknown polymorph apart."""
    best: dict[tuple[str, bool], PublicEntry] = {}
    for entry in entries:
        key = (entry.formula, not entry.known_polymorph)
        if key not in best or entry.energy_per_atom < best[key].energy_per_atom:
            best[key] = entry
    return [best[key] for key in sorted(best)]


def read_pinned(path: Path) -> list[PublicEntry]:
    """Return pinned public energies.

    Raises
    ------
    InputError
        If the file is not readable.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [PublicEntry(composition=Composition(row.pop("formula")), **row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not a readable file of public energies: {error}") from None


def write_pinned(entries: Iterable[PublicEntry], path: Path) -> None:
    """Write public energies with their space groups and volumes, one a line, and without their structures."""
    path.write_text("[\n" + ",\n".join(map(_row, map(pinned, entries))) + "\n]\n", encoding="utf-8")


def _row(entry: PublicEntry) -> str:
    row = {
        "entry_id": entry.entry_id,
        "formula": entry.composition.get_integer_formula_and_factor()[0],
        "energy_per_atom": entry.energy_per_atom,
        "correction_error": entry.correction_error,
        "source": entry.source,
        "space_group": entry.space_group,
        "volume": entry.volume,
        "with_structure": entry.with_structure,
    }
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)
