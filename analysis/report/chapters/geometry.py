"""Chapter on geometry: relaxed cells against experiment, and moments of relaxed cells."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from ....configs.errors import CatholyteError
from ....configs.load import material
from ....structures.crystals.magnetism import MomentVerdict, assess_moments
from ...cells.lattice import LatticeRow, lattice_table
from ...figures.cells import LatticeParameter, lattice_figure
from ..case import Case, Finished
from ..content import Block, Column, KeyNumber, Picture, Section, Table, Text

__all__ = ["add_moments", "geometry_section"]

#: materials in one figure
_PER_FIGURE = 14
_EXPECTED = "as expected"


def geometry_section(case: Case) -> Section:
    """Compare every relaxed cell of the step ``bulk`` with the experimental crystal of the library.

    Parameters
    ----------
    case : Case
    """
    section = Section("geometry", "Geometry against experiment")
    if case.recipe.bulk is None:
        section.blocks.append(Text("The recipe relaxes no bulk cell."))
        return section
    section.blocks += case.missing("bulk", case.recipe.bulk.materials)
    rows, jobs = [], {}
    for found in case.of("bulk", "main"):
        try:
            rows += lattice_table(found.document, material(found.material))
            jobs[found.material] = found
        except CatholyteError as error:
            section.blocks.append(Text(f"{found.material}: no comparison with experiment: {error.message}", "problem"))
    if rows:
        section.blocks += [*_figures(rows), _table(rows, jobs), _sources(list(jobs))]
        section.key_numbers += _key_volumes(rows, jobs)
    add_moments(section, "moments_bulk", "Magnetic moments of the relaxed cells", case.of("bulk", "main"))
    return section


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
        Column("material", "material", chemical=True),
        Column("parameter", "parameter"),
        Column("computed", "computed", 3),
        Column("experimental", "experiment", 3),
        Column("unit", "unit"),
        Column("difference", "difference", 3),
        Column("deviation", "deviation (%)", 2),
        Column("tier", "tier"),
        Column("job", "job"),
        Column("note", "note"),
    )
    note = (
        "Conventional cell; of an ordered supercell its average. Parameters that symmetry fixes or makes equal are "
        "listed where the relaxed cell breaks them."
    )
    return Table(
        "lattice", "Relaxed and experimental lattice parameters", columns, [row(found) for found in rows], note
    )


def _key_volumes(rows: list[LatticeRow], jobs: dict[str, Finished]) -> list[KeyNumber]:
    """Mean absolute deviation of the volumes of each tier, molecular solids left out."""
    volumes = [row for row in rows if row.parameter == "V/f.u." and not row.note]
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
                basis=f"jobs {', '.join(jobs[row.material].job for row in own)}",
            )
        )
    return found


def _sources(names: list[str]) -> Table:
    columns = (
        Column("material", "material", chemical=True),
        Column("title", "name"),
        Column("source", "source"),
        Column("license", "licence"),
    )
    rows = [{"material": name, **material(name).model_dump(include={"title", "source", "license"})} for name in names]
    return Table("lattice_sources", "Sources of the experimental lattices", columns, rows)


def add_moments(section: Section, name: str, title: str, jobs: list[Finished]) -> None:
    """Add the computed moments of every magnetic species against the windows of its oxidation state, and a warning for
    each outside.

    Parameters
    ----------
    section : Section
        A cell that cannot be assessed adds a problem.
    name, title : str
        Of the table.
    jobs : list of Finished
        Jobs without moments are left out.
    """
    rows: list[dict[str, Any]] = []
    for found in jobs:
        if found.document.magmoms is not None:
            try:
                rows += _moments(found)
            except CatholyteError as error:
                section.blocks.append(Text(f"{found.material}: moments cannot be assessed: {error.message}", "problem"))
    columns = (
        Column("material", "material", chemical=True),
        Column("species", "species"),
        Column("sites", "sites"),
        Column("field", "ligand field, spin"),
        Column("lowest", "lowest |moment| (µB)", 2),
        Column("highest", "highest |moment| (µB)", 2),
        Column("window", "window (µB)"),
        Column("verdict", "verdict"),
        Column("sign", "signs"),
        Column("tier", "tier"),
        Column("job", "job"),
    )
    note = (
        "Window: |moment| expected of the oxidation state in its ligand field and spin state, with room for covalency."
    )
    if rows:
        section.blocks.append(Table(name, title, columns, rows, note))
    for row in rows:
        if row["verdict"] != _EXPECTED:
            section.warnings.append(
                f"{row['material']} ({row['tier']}, job {row['job']}): moments of {row['species']}: {row['verdict']}."
            )


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
