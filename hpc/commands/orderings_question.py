"""The JSON of ``orderings``: distinct arrangements, ranked, written to files, with the sampling behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import CalculationError, InputError, StructureError, UnknownNameError, near_match_hint
from ...configs.models import Material
from .output import ending, write_cell

if TYPE_CHECKING:
    from ...structures.crystals.ordering import Ordering
    from ...workflows.documents import CalculationDocument
    from ..run.local import Event

__all__ = ["RANKINGS", "OrderingQuestion", "Ranking", "engine_documents", "orderings_document"]

#: ``--rank``
RANKINGS = ("ewald", "chgnet", "chgnet-relaxed")

Mesh = tuple[int, int, int]


@dataclass(frozen=True)
class Ranking:
    """How arrangements are ranked.

    Parameters
    ----------
    by : str
        ``ewald``: electrostatic energy of the oxidation states as point charges; ``chgnet``: the model's
        energy of the unrelaxed cell; ``chgnet-relaxed``: after atoms and cell have relaxed.
    store : str, optional
        Where the jobs' results are kept; the default store where left out.
    """

    by: str = "ewald"
    store: str | None = None

    def __post_init__(self) -> None:
        if self.by not in RANKINGS:
            raise UnknownNameError(f"--rank: unknown ranking {self.by!r}; {near_match_hint(self.by, RANKINGS)}")


@dataclass(frozen=True)
class OrderingQuestion:
    """What is asked of ``orderings``.

    Parameters
    ----------
    material : str
        Library name, alias, or path of a YAML.
    n, seed : int
    x : float, optional
        Share of the lithium that is left.
    composition : str, optional
        Of the ordered cell.
    supercell : tuple of int, optional
        Multiples of the conventional cell.
    """

    material: str
    n: int = 10
    seed: int = 0
    x: float | None = None
    composition: str | None = None
    supercell: Mesh | None = None


def orderings_document(
    asked: OrderingQuestion,
    out: Path,
    ranking: Ranking | None = None,
    file_format: str = "json",
    tell: Callable[[Event], None] = lambda event: None,
) -> dict[str, Any]:
    """Find, rank and write orderings; return the JSON of ``orderings``.

    Scores are eV/atom, the lowest first. With the ranking by an engine the arrangements are those of
    lowest electrostatic energy, and the engine puts them in its own order.

    Raises
    ------
    InputError
        If the call contradicts itself or names an unknown material or format.
    StructureError
        If the material has one arrangement only, or cannot be ordered as asked.
    """
    from ...structures.crystals.cells import prepared_cell
    from ...structures.crystals.crystal import conventional
    from ...structures.crystals.ordering import order

    how = ranking or Ranking()
    ending(file_format)
    material = _variant(asked)
    assert material.ordered_cell is not None
    found = order(conventional(material), material.ordered_cell, asked.n, asked.seed)
    cells = [prepared_cell(ordering.structure, material) for ordering in found]
    scores = np.array([ordering.energy for ordering in found]) / len(cells[0])
    if how.by != "ewald":
        documents = _by_engine(cells, material.name, how, tell)
        scores = np.array([document.energy_per_atom for document in documents])
        cells = [document.structure for document in documents]
    rows = []
    for rank, k in enumerate(np.argsort(scores, kind="stable"), 1):
        path = write_cell(cells[k], out, f"{material.name}-ordering-{rank:03d}", file_format)
        above = 1000 * float(scores[k] - scores.min())
        rows.append(
            {
                "formula": _formula(cells[k]),
                "score": float(scores[k]),
                "above_lowest": above,
                "ewald": found[k].energy / len(cells[k]),
                "n_atoms": len(cells[k]),
                "file": str(path),
            }
        )
    return {
        "material": material.name,
        "orderings": rows,
        "sampling": _sampling(asked, found, scores, how),
        "notes": _notes(asked, found, how),
    }


def engine_documents(flow: Any, store: str | None, tell: Callable[[Event], None]) -> list[CalculationDocument]:
    """Run a flow of independent calculations in a store and return their documents in the order of the jobs.

    Raises
    ------
    CalculationError
        Naming the first job that failed.
    """
    from ...analysis.records import Records
    from ...workflows.identity import content_address, iter_jobs
    from ..run.local import run_flow
    from ..store.campaign_store import open_store

    wanted = [job.uuid for job in flow.jobs]
    addressed, renamed = content_address(flow)
    opened = open_store(store)
    records = [{"key": job.uuid, "uuid": job.uuid, "index": 1, "name": job.name} for job in iter_jobs(addressed)]
    summary = run_flow(opened, addressed, records, tell)
    if summary.failed:
        raise CalculationError(
            f"{len(summary.failed)} of {len(records)} jobs failed, the first is {summary.names[summary.failed[0]]!r}",
            "catholyte why JOB gives the cause",
        )
    read = Records(opened.outputs, opened.states, opened.campaigns)
    return [read.document(renamed[uuid]) for uuid in wanted]


def _variant(asked: OrderingQuestion) -> Material:
    from ...structures.by_name import find_material
    from ...structures.crystals.delithiation import delithiated, in_cell

    if asked.x is not None and asked.composition is not None:
        raise InputError("--x and --composition both say how much lithium there is: give one of them")
    material = find_material(asked.material)
    if asked.x is not None:
        material = delithiated(material, asked.x, asked.supercell)
    elif asked.composition is not None or asked.supercell is not None:
        material = in_cell(material, asked.composition, asked.supercell)
    if material.ordered_cell is None or not material.disordered:
        raise StructureError(
            f"{material.name}: every site is fully occupied by one species, so there is one arrangement only; "
            "--x or --composition takes out lithium, and a YAML with partial occupancies and the key 'ordered_cell' "
            "describes any other disorder"
        )
    return material


def _by_engine(
    cells: Sequence[Structure], label: str, how: Ranking, tell: Callable[[Event], None]
) -> list[CalculationDocument]:
    from ...workflows.engines.engine import Engine
    from ...workflows.engines.tasks import Relax
    from ...workflows.flows.ordering import ranking_flow

    relaxation = Relax(max_force=0.05, keep_symmetry=False) if how.by == "chgnet-relaxed" else None
    return engine_documents(ranking_flow(cells, label, Engine("chgnet"), relaxation), how.store, tell)


def _sampling(asked: OrderingQuestion, found: Sequence[Ordering], scores: Any, how: Ranking) -> dict[str, Any]:
    return {
        "method": found[0].method,
        "seed": asked.seed,
        "n_asked": asked.n,
        "n_samples": found[0].n_samples,
        "n_distinct": len(found),
        "complete": found[0].method == "enumeration" and len(found) < asked.n,
        "ranked_by": how.by,
        "score_unit": "eV/atom",
        "mean": float(np.mean(scores)),
        "standard_deviation": float(np.std(scores)),
        "spread": float(np.ptp(scores)),
    }


def _notes(asked: OrderingQuestion, found: Sequence[Ordering], how: Ranking) -> list[str]:
    notes = []
    if len(found) < asked.n:
        known = "exist" if found[0].method == "enumeration" else "were found"
        notes.append(
            f"{asked.n} orderings were asked for and {len(found)} that symmetry tells apart {known} in this cell; "
            "--supercell gives a larger one"
        )
    energies = [ordering.energy for ordering in found]
    if how.by == "ewald" and len(found) > 1 and max(energies) - min(energies) < 1e-6:
        notes.append(
            "all arrangements have the same electrostatic energy, as ions of one charge do; --rank chgnet tells "
            "them "
            "apart"
        )
    return notes


def _formula(structure: Structure) -> str:
    return structure.composition.remove_charges().formula.replace(" ", "")
