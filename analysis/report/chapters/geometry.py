"""Chapter on geometry: relaxed cells against experiment, and moments of relaxed cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ....configs.load import material
from ....configs.steps.bulk import BulkStep
from ....structures.crystals.magnetism import MomentVerdict, assess_moments
from ...cells.lattice import LatticeRow, lattice_table
from ...figures.cells import LatticeParameter, lattice_figure
from ...words import borrowed_moments
from ..case import Case, Finished
from ..chapter import Chapter, Problems
from ..columns import JOB, LICENCE, MATERIAL, SOURCE, TIER, UNIT, VERDICT
from ..content import Block, Column, KeyNumber, Picture, Table, Text

__all__ = ["GEOMETRY", "Cells", "Moments", "moment_blocks", "moment_warnings", "moments"]

#: materials in one figure
_PER_FIGURE = 14
_EXPECTED = "as expected"


@dataclass(frozen=True)
class Moments:
    """Computed moments against the windows of their ions.

    Parameters
    ----------
    rows : sequence of mapping
        One line for each magnetic species.
    problems : Problems
    borrowed : str
        Whose moments they are, where an engine has none of its own.
    """

    rows: Sequence[Mapping[str, Any]]
    problems: Problems
    borrowed: str = ""


@dataclass(frozen=True)
class Cells:
    """Relaxed cells beside experimental ones.

    Parameters
    ----------
    missing : list of Text
        Jobs without a result.
    rows : list of LatticeRow
    jobs : dict of str to Finished
        By material, those that were compared.
    moments : Moments
    problems : Problems
    """

    missing: list[Text]
    rows: list[LatticeRow]
    jobs: dict[str, Finished]
    moments: Moments
    problems: Problems


def _evaluate(case: Case, step: BulkStep) -> Cells:
    relaxed = case.of("bulk", "main")
    found = Cells(case.missing("bulk", step.materials), [], {}, moments(relaxed), Problems())
    for one in relaxed:
        with found.problems.attempt(f"{one.material}: no comparison with experiment"):
            found.rows.extend(lattice_table(one.document, material(one.material)))
            found.jobs[one.material] = one
    return found


def _blocks(found: Cells) -> list[Block]:
    blocks: list[Block] = [*found.missing, *found.problems.texts]
    if found.rows:
        blocks += [*_figures(found.rows), _table(found.rows, found.jobs), _sources(list(found.jobs))]
    return blocks + moment_blocks("moments_bulk", "Magnetic moments of the relaxed cells", found.moments)


def _figures(rows: list[LatticeRow]) -> list[Block]:
    """One figure for each tier and fourteen materials; angles and molecular solids stand in the table only."""
    drawn = [row for row in rows if row.unit != "°" and not row.note]
    pictures: list[Block] = []
    for tier, of_tier in groupby(sorted(drawn, key=lambda row: row.tier), key=lambda row: row.tier):
        rows_of = {name: list(group) for name, group in groupby(of_tier, key=lambda row: row.material)}
        known = list(rows_of)
        for part, start in enumerate(range(0, len(known), _PER_FIGURE), start=1):
            names = known[start : start + _PER_FIGURE]
            parameters = [
                LatticeParameter(r.material, r.parameter, r.computed, r.experimental, r.unit)
                for name in names
                for r in rows_of[name]
            ]
            name = f"lattice_{tier}" if len(rows_of) <= _PER_FIGURE else f"lattice_{tier}_{part}"
            alt = f"Deviation of relaxed ({tier}) from experimental lattice parameters of {', '.join(names)}, %."
            pictures.append(Picture(name, lattice_figure(parameters, tier), alt))
    return pictures


def _table(rows: list[LatticeRow], jobs: dict[str, Finished]) -> Table:
    def row(found: LatticeRow) -> dict[str, Any]:
        job = jobs[found.material]
        return {**vars(found), "difference": found.difference, "deviation": found.deviation, "job": job.job}

    columns = (
        MATERIAL,
        Column("parameter", "parameter"),
        Column("computed", "computed", 3),
        Column("experimental", "experiment", 3),
        UNIT,
        Column("difference", "difference", 3),
        Column("deviation", "deviation (%)", 2),
        TIER,
        JOB,
        Column("note", "note"),
    )
    note = (
        "Conventional cell; of an ordered supercell its average. Parameters that symmetry fixes or makes equal are "
        "listed where the relaxed cell breaks them."
    )
    return Table(
        "lattice", "Relaxed and experimental lattice parameters", columns, [row(found) for found in rows], note
    )


def _numbers(cells: Cells) -> list[KeyNumber]:
    """Mean absolute deviation of the volumes of each tier, molecular solids left out."""
    volumes = [row for row in cells.rows if row.parameter == "V/f.u." and not row.note]
    found = []
    for tier in sorted({row.tier for row in volumes}):
        own = [row for row in volumes if row.tier == tier]
        found.append(
            KeyNumber(
                quantity=(
                    f"Volume against experiment, mean absolute deviation over {len(own)} "
                    f"{'crystals' if len(own) > 1 else 'crystal'}"
                ),
                value=sum(abs(row.deviation) for row in own) / len(own),
                unit="%",
                digits=1,
                tier=tier,
                basis=f"jobs {', '.join(cells.jobs[row.material].job for row in own)}",
            )
        )
    return found


def _sources(names: list[str]) -> Table:
    columns = (
        MATERIAL,
        Column("title", "name"),
        SOURCE,
        LICENCE,
    )
    rows = [{"material": name, **material(name).model_dump(include={"title", "source", "license"})} for name in names]
    return Table("lattice_sources", "Sources of the experimental lattices", columns, rows)


def moments(jobs: Sequence[Finished]) -> Moments:
    """Assess the computed moments of every magnetic species against the windows of its oxidation state.

    Parameters
    ----------
    jobs : sequence of Finished
        Jobs without moments are left out.
    """
    rows, problems = [], Problems()
    for found in jobs:
        if found.document.magmoms is not None:
            with problems.attempt(f"{found.material}: moments cannot be assessed"):
                rows += _moments(found)
    return Moments(rows, problems, borrowed_moments([found.document for found in jobs]))


def moment_blocks(name: str, title: str, found: Moments) -> list[Block]:
    """Return problems, and the table where there is a magnetic species.

    Parameters
    ----------
    name, title : str
        Of the table.
    found : Moments
    """
    columns = (
        MATERIAL,
        Column("species", "species"),
        Column("sites", "sites"),
        Column("field", "ligand field, spin"),
        Column("lowest", "lowest |moment| (µB)", 2),
        Column("highest", "highest |moment| (µB)", 2),
        Column("window", "window (µB)"),
        VERDICT,
        Column("sign", "signs"),
        TIER,
        JOB,
    )
    note = (
        "Window: |moment| expected of the oxidation state in its ligand field and spin state, with room for covalency."
    )
    note = f"{note} {found.borrowed}".rstrip()
    return [*found.problems.texts, *([Table(name, title, columns, found.rows, note)] if found.rows else [])]


def moment_warnings(found: Moments) -> list[str]:
    """Return a warning for each species outside its window.

    Parameters
    ----------
    found : Moments
    """
    return [
        f"{row['material']} ({row['tier']}, job {row['job']}): moments of {row['species']}: {row['verdict']}."
        for row in found.rows
        if row["verdict"] != _EXPECTED
    ]


def _moments(found: Finished) -> list[dict[str, Any]]:
    """One row for each d-block species of one cell, field and spin state; other species where a moment is outside its
    window."""
    cell = found.document.structure.copy()
    cell.add_site_property("magmom", found.document.magmoms or [])
    groups: dict[tuple[str, str], list[MomentVerdict]] = {}
    for verdict in assess_moments(cell, material(found.material)):
        if cell[verdict.index].specie.is_transition_metal or not verdict.ok:
            groups.setdefault((verdict.species, f"{verdict.coordination}, {verdict.spin} spin"), []).append(verdict)
    rows = []
    for (species, field), verdicts in groups.items():
        sizes = [abs(v.moment) for v in verdicts]
        wrong = [v for v in verdicts if not v.ok]
        states = sorted({state for v in wrong for state in v.compatible})
        rows.append(
            {
                "material": found.material,
                "species": species,
                "sites": len(verdicts),
                "field": field,
                "lowest": min(sizes),
                "highest": max(sizes),
                "window": "{:.2f} to {:.2f}".format(*verdicts[0].window),
                "verdict": _EXPECTED
                if not wrong
                else f"{len(wrong)} outside; compatible with {', '.join(states) or 'no common state'}",
                "sign": _signs(verdicts) if found.document.moments_signed else "not predicted",
                "tier": found.document.tier,
                "job": found.job,
            }
        )
    return rows


def _signs(verdicts: list[MomentVerdict]) -> str:
    up, down = (sum(sign * v.moment > 0.1 for v in verdicts) for sign in (1, -1))
    return f"{up} up, {down} down" if up or down else "none"


GEOMETRY = Chapter(
    "geometry",
    "Geometry against experiment",
    "The recipe relaxes no bulk cell.",
    lambda case: case.recipe.bulk,
    _evaluate,
    _blocks,
    _numbers,
    lambda found: moment_warnings(found.moments),
    step="bulk",
)
