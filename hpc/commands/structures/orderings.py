"""The command ``orderings``: distinct arrangements, ranked, written to files, with the sampling behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError, StructureError
from ..answers.structures import Orderings
from ..command import Command
from ..options import FileFormat, OutFolder, Ranking, Seed, States, StorePlace
from ..output import ending, say, say_notes, table, unspaced_formula, write_cell
from .ranking import ranked_documents, require_ranking

if TYPE_CHECKING:
    from ....configs.models import Material
    from ....structures.crystals.ordering import Ordering

__all__ = ["COMMAND", "orderings"]


def orderings(
    material: Annotated[
        str, typer.Argument(help="Name or file of a material with partial occupancies, or of any cathode with --x.")
    ],
    out: OutFolder,
    n: Annotated[int, typer.Option("-n", help="Number of distinct orderings.")] = 10,
    seed: Seed = 0,
    rank: Ranking = "ewald",
    x: Annotated[float | None, typer.Option(help="Share of the lithium that is left, 0-1: the x of LixCoO2.")] = None,
    composition: Annotated[str | None, typer.Option(help="Composition of the cell, e.g. Li6Co12O24.")] = None,
    supercell: Annotated[
        tuple[int, int, int] | None, typer.Option(help="Multiples of the conventional cell, e.g. 5 2 1.")
    ] = None,
    states: States = None,
    file_format: FileFormat = "json",
    store: StorePlace = None,
) -> dict[str, Any]:
    """Find symmetry-distinct, charge-balanced orderings and rank them.

    Scores are eV/atom, the lowest first. With the ranking by an engine the arrangements are those of lowest
    electrostatic energy, and the engine puts them in its own order.

    Raises
    ------
    InputError
        If the call contradicts itself or names an unknown material or format.
    StructureError
        If the material has one arrangement only, or cannot be ordered as asked.
    """
    import numpy as np

    from ....structures.crystals.cells import prepared_cell
    from ....structures.crystals.crystal import conventional
    from ....structures.crystals.ordering import order

    require_ranking(rank)
    ending(file_format)
    variant = _variant(material, x, composition, supercell, states)
    assert variant.ordered_cell is not None
    found = order(conventional(variant), variant.ordered_cell, n, seed)
    cells = [prepared_cell(ordering.structure, variant) for ordering in found]
    scores = np.array([ordering.energy for ordering in found]) / len(cells[0])
    if rank != "ewald":
        documents = ranked_documents(cells, variant.name, rank, store)
        scores = np.array([document.energy_per_atom for document in documents])
        cells = [document.structure for document in documents]
    rows = []
    for place, k in enumerate(np.argsort(scores, kind="stable"), 1):
        path = write_cell(cells[k], out, f"{variant.name}-ordering-{place:03d}", file_format)
        rows.append(
            {
                "formula": unspaced_formula(cells[k]),
                "score": float(scores[k]),
                "above_lowest": 1000 * float(scores[k] - scores.min()),
                "ewald": found[k].energy / len(cells[k]),
                "n_atoms": len(cells[k]),
                "file": str(path),
            }
        )
    sampling = {
        "method": found[0].method,
        "seed": seed,
        "n_asked": n,
        "n_samples": found[0].n_samples,
        "n_distinct": len(found),
        "complete": found[0].method == "enumeration" and len(found) < n,
        "ranked_by": rank,
        "score_unit": "eV/atom",
        "mean": float(np.mean(scores)),
        "standard_deviation": float(np.std(scores)),
        "spread": float(np.ptp(scores)),
    }
    return {"material": variant.name, "orderings": rows, "sampling": sampling, "notes": _notes(n, found, rank)}


def _variant(
    name: str, x: float | None, composition: str | None, supercell: tuple[int, int, int] | None, states: str | None
) -> Material:
    from ....structures.by_name import find_material
    from ....structures.crystals.delithiation import delithiated, in_cell
    from ....structures.crystals.oxidation.states import parse_states

    if x is not None and composition is not None:
        raise InputError("--x and --composition both say how much lithium there is: give one of them")
    proposed = x is None and composition is None and supercell is None
    material = find_material(name, states=parse_states(states), proposed=proposed)
    if x is not None:
        material = delithiated(material, x, supercell)
    elif composition is not None or supercell is not None:
        material = in_cell(material, composition, supercell)
    if material.ordered_cell is None or not material.disordered:
        raise StructureError(
            f"{material.name}: every site is fully occupied by one species, so there is one arrangement only; "
            "--x or --composition takes out lithium, and a CIF or a YAML with partial occupancies describes any other "
            "disorder"
        )
    return material


def _notes(n: int, found: Sequence[Ordering], rank: str) -> list[str]:
    notes = []
    if len(found) < n:
        known = "exist" if found[0].method == "enumeration" else "were found"
        notes.append(
            f"{n} orderings were asked for and {len(found)} that symmetry tells apart {known} in this cell; "
            "--supercell gives a larger one"
        )
    energies = [ordering.energy for ordering in found]
    if rank == "ewald" and len(found) > 1 and max(energies) - min(energies) < 1e-6:
        notes.append(
            "all arrangements have the same electrostatic energy, as ions of one charge do; --rank chgnet tells them "
            "apart"
        )
    return notes


def _show(document: dict[str, Any], rank: str) -> None:
    rows = [
        (k, row["formula"], row["score"], row["above_lowest"], row["file"])
        for k, row in enumerate(document["orderings"], 1)
    ]
    heads = ("", "formula", f"{rank} (eV/atom)", "above the lowest (meV/atom)", "file")
    table(f"orderings of {document['material']}", heads, rows)
    sampling = document["sampling"]
    say(
        f"{sampling['method']}, seed {sampling['seed']}: {sampling['n_distinct']} distinct out of "
        f"{sampling['n_samples']} samples; spread {1000 * sampling['spread']:.3g} meV/atom"
    )
    say_notes(document["notes"])


COMMAND = Command(orderings, _show, Orderings)
