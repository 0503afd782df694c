"""The JSON of ``substitute``: one ion on every place of a crystal in turn, ranked at one composition, written to
files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import UnknownNameError, near_match_hint
from .orderings_question import Ranking, engine_documents
from .output import ending, write_cell

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ...structures.defects.substitution import SitePreference, Substitution
    from ..run.local import Event

__all__ = ["SubstitutionQuestion", "substitution_document"]


@dataclass(frozen=True)
class SubstitutionQuestion:
    """What is asked of ``substitute``.

    Parameters
    ----------
    material : str
        Library name, YAML, or structure file.
    ion : str
        ``W6+``.
    leaving : str
        Element of which one atom leaves.
    elements : tuple of str
        Places of these elements; all cations where left out.
    compensation : str
        ``reduction`` or ``lithium-vacancies``.
    every : bool
        Every site that symmetry tells apart, not one for each species and set of neighbours.
    seed : int
        Of the ordering and of the lithium vacancies.
    """

    material: str
    ion: str
    leaving: str
    elements: tuple[str, ...] = ()
    compensation: str = "reduction"
    every: bool = False
    seed: int = 0


def substitution_document(
    asked: SubstitutionQuestion,
    out: Path,
    ranking: Ranking | None = None,
    file_format: str = "json",
    tell: Callable[[Event], None] = lambda event: None,
) -> dict[str, Any]:
    """Substitute, rank and write; return the JSON of ``substitute``. Energies are eV per cell, distances Å.

    Raises
    ------
    InputError
        If the call names something unknown.
    StructureError
        As :mod:`catholyte.structures.defects.substitution`.
    """
    from ...structures.by_name import find_material
    from ...structures.crystals.cells import calculation_cell
    from ...structures.defects.substitution import (
        COMPENSATIONS,
        site_preference,
        substitution_places,
        substitution_sites,
    )

    ending(file_format)
    allowed = {name.replace(" ", "-"): name for name in COMPENSATIONS}
    if asked.compensation not in allowed:
        raise UnknownNameError(
            f"--compensation: unknown {asked.compensation!r}; {near_match_hint(asked.compensation, allowed)}"
        )
    found = find_material(asked.material)
    cell = calculation_cell(found, asked.seed)
    sites = substitution_sites(cell, asked.elements, by_neighbours=not asked.every)
    places = substitution_places(cell, asked.ion, asked.leaving, sites, allowed[asked.compensation], asked.seed)
    how = ranking or Ranking()
    energies = _energies([place.made for place in places], f"{found.name} {asked.ion}", how, tell)
    ranked = site_preference(places, lambda structure: energies[id(structure)])
    rows = [
        _row(cell, one, write_cell(one.made.structure, out, f"{found.name}-{asked.ion}-{k:03d}", file_format))
        for k, one in enumerate(ranked, 1)
    ]
    return {
        "material": found.name,
        "ion": asked.ion,
        "leaving": asked.leaving,
        "compensation": allowed[asked.compensation],
        "ranked_by": how.by,
        "formula": places[0].made.structure.composition.remove_charges().formula.replace(" ", ""),
        "places": rows,
        "notes": _notes(asked, how),
    }


def _energies(made: list[Substitution], label: str, how: Ranking, tell: Callable[[Event], None]) -> dict[int, float]:
    """Energy of each structure, eV per cell, by its identity."""
    structures = [one.structure for one in made]
    if how.by == "ewald":
        return {id(structure): _electrostatic(structure) for structure in structures}
    from ...workflows.engines.engine import Engine
    from ...workflows.engines.tasks import Relax
    from ...workflows.flows.ordering import ranking_flow

    relaxation = Relax(max_force=0.05, keep_symmetry=False) if how.by == "chgnet-relaxed" else None
    documents = engine_documents(ranking_flow(structures, label, Engine("chgnet"), relaxation), how.store, tell)
    return {
        id(structure): document.energy_per_atom * len(structure)
        for structure, document in zip(structures, documents, strict=True)
    }


def _electrostatic(structure: Structure) -> float:
    from pymatgen.analysis.ewald import EwaldSummation

    return float(EwaldSummation(structure).total_energy)  # type: ignore[no-untyped-call]


def _row(cell: Structure, found: SitePreference, path: Path) -> dict[str, Any]:
    from ...structures.defects.substitution_effect import substitution_effect

    effect = substitution_effect(cell, found.made) if found.exchanged is None else None
    return {
        "site": found.site.index,
        "replaced": found.site.species,
        "label": found.site.label,
        "neighbours": found.site.neighbours,
        "multiplicity": len(found.site.members),
        "exchanged": found.exchanged,
        "ions": found.made.ions,
        "removed": list(found.made.removed),
        "energy": found.energy,
        "relative": found.relative,
        "bridges": None if effect is None else {name: list(pair) for name, pair in effect.bridges.items()},
        "file": str(path),
    }


def _notes(asked: SubstitutionQuestion, how: Ranking) -> list[str]:
    notes = [
        (
            f"all places have one composition: at a site of another element than {asked.leaving} that ion sits on the "
            f"nearest {asked.leaving} site instead"
        )
    ]
    if how.by == "ewald":
        notes.append(
            "point charges know neither size nor covalency: they rank charges, not chemistry; --rank "
            "chgnet-relaxed "
            "asks a model"
        )
    return notes
