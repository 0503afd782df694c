"""The command ``substitute``: one ion on every place of a crystal in turn, ranked at one composition, written to
files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..answers.structures import Substitutions
from ..command import Command
from ..options import FileFormat, MaterialOrFile, OutFolder, Ranking, Seed, StorePlace, require_known
from ..output import ending, say_notes, table, unspaced_formula, write_cell
from .ranking import ranked_documents, require_ranking

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ....structures.defects.substitution import SitePreference

__all__ = ["COMMAND", "substitute"]


def substitute(
    material: MaterialOrFile,
    ion: Annotated[str, typer.Argument(help="New ion with its charge: W6+.")],
    out: OutFolder,
    leaving: Annotated[str, typer.Option(help="Element of which one atom leaves: Mn.")],
    site: Annotated[
        list[str] | None,
        typer.Option(help="Element whose places are taken, repeatable; all cations where left out."),
    ] = None,
    compensation: Annotated[
        str, typer.Option(help="Compensation of the charge: reduction (of metals nearby) or lithium-vacancies.")
    ] = "reduction",
    every: Annotated[
        bool,
        typer.Option("--every", help="Take every site that symmetry tells apart, not one for each set of neighbours."),
    ] = False,
    rank: Ranking = "ewald",
    seed: Seed = 0,
    file_format: FileFormat = "json",
    store: StorePlace = None,
) -> dict[str, Any]:
    """Put an ion on every place of a crystal in turn and rank the places at one composition.

    Energies are eV per cell, distances Å.

    Raises
    ------
    InputError
        If the call names something unknown.
    StructureError
        As :mod:`catholyte.structures.defects.substitution`.
    """
    from ....structures.by_name import find_material
    from ....structures.crystals.cells import calculation_cell
    from ....structures.defects.substitution import (
        COMPENSATIONS,
        site_preference,
        substitution_places,
        substitution_sites,
    )

    require_ranking(rank)
    ending(file_format)
    allowed = {name.replace(" ", "-"): name for name in COMPENSATIONS}
    require_known("--compensation", compensation, allowed)
    found = find_material(material)
    cell = calculation_cell(found, seed)
    sites = substitution_sites(cell, tuple(site or ()), by_neighbours=not every)
    places = substitution_places(cell, ion, leaving, sites, allowed[compensation], seed)
    energies = _energies([place.made.structure for place in places], f"{found.name} {ion}", rank, store)
    ranked = site_preference(places, lambda structure: energies[id(structure)])
    rows = [
        _row(cell, place, write_cell(place.made.structure, out, f"{found.name}-{ion}-{k:03d}", file_format))
        for k, place in enumerate(ranked, 1)
    ]
    return {
        "material": found.name,
        "ion": ion,
        "leaving": leaving,
        "compensation": allowed[compensation],
        "ranked_by": rank,
        "formula": unspaced_formula(places[0].made.structure),
        "places": rows,
        "notes": _notes(leaving, rank),
    }


def _energies(cells: list[Structure], label: str, rank: str, store: str | None) -> dict[int, float]:
    """Energy of each structure, eV per cell, by its identity."""
    if rank == "ewald":
        return {id(cell): _electrostatic(cell) for cell in cells}
    documents = ranked_documents(cells, label, rank, store)
    return {id(cell): document.energy_per_atom * len(cell) for cell, document in zip(cells, documents, strict=True)}


def _electrostatic(structure: Structure) -> float:
    from pymatgen.analysis.ewald import EwaldSummation

    return float(EwaldSummation(structure).total_energy)  # type: ignore[no-untyped-call]


def _row(cell: Structure, found: SitePreference, path: Path) -> dict[str, Any]:
    from ....structures.defects.substitution_effect import substitution_effect

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


def _notes(leaving: str, rank: str) -> list[str]:
    notes = [
        f"all places have one composition: at a site of another element than {leaving} that ion sits on the "
        f"nearest {leaving} site instead"
    ]
    if rank == "ewald":
        notes.append(
            "point charges know neither size nor covalency: they rank charges, not chemistry; --rank chgnet-relaxed "
            "asks a model"
        )
    return notes


def _show(document: dict[str, Any]) -> None:
    rows = [
        (
            place["replaced"],
            place["label"],
            _amounts(place["neighbours"]),
            place["multiplicity"],
            place["relative"],
            _amounts(place["ions"]),
            place["file"],
        )
        for place in document["places"]
    ]
    above = f"{document['ranked_by']} above the best (eV)"
    heads = ("in place of", "site", "neighbours", "sites", above, "ions that pay", "file")
    title = f"{document['ion']} in {document['material']}: {document['formula']}, {document['compensation']}"
    table(title, heads, rows)
    say_notes(document["notes"])


def _amounts(counts: dict[str, int]) -> str:
    return " ".join(f"{number} {name}" for name, number in counts.items()) or "none"


COMMAND = Command(substitute, _show, Substitutions)
