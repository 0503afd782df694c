"""Chapter on electronic structure: centres by environment at all references, gaps, moments and convergence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....configs.errors import CatholyteError
from ....configs.steps.electronic import BandCenterSpec
from ....structures.crystals.environment import anion_environments, group_by_environment
from ....workflows.documents import CalculationDocument
from ...figures.dos import REFERENCE_TITLES, DosPanel, centers_figure, dos_figure
from ...figures.style import PALETTE
from ...states.band_center import CentersAtReferences
from ...states.band_references import is_metal
from ...states.band_report import (
    band_report,
    bands_of,
    common_spec,
    shell_name,
)
from ...states.comparison import NO_COMMON_ZERO, Comparison, compare, convergence
from ...words import number
from ..case import Case, Finished
from ..content import Block, Column, KeyNumber, Picture, Section, Table, Text
from .geometry import add_moments

__all__ = ["electronic_section", "environments_of"]


def environments_of(document: CalculationDocument, element: str) -> dict[str, list[int]]:
    """Label, e.g. ``Co-O-Li (Li3Co3)``, to the sites of an anion; empty for an element that is no anion of the cell.

    Where a cell has more environments than a figure can tell apart, those with the same bridge are joined,
    and none is told apart where these are too many as well.

    Parameters
    ----------
    document : CalculationDocument
    element : str
    """
    found = [e for e in anion_environments(document.structure, element) if e.coordination_number]
    bridges = {e.label: e.bridge for e in found}
    groups = {f"{bridges[label]} ({label})": sites for label, sites in group_by_environment(found).items()}
    if len(groups) > len(PALETTE):
        joined: dict[str, list[int]] = {}
        for environment in found:
            joined.setdefault(environment.bridge, []).append(environment.index)
        groups = joined
    return groups if len(groups) <= len(PALETTE) else {}


def electronic_section(case: Case) -> Section:
    """Evaluate every job of the step ``electronic``.

    Parameters
    ----------
    case : Case
    """
    section = Section("electronic", "Electronic structure")
    step = case.recipe.electronic
    if step is None:
        section.blocks.append(Text("The recipe has no electronic-structure step."))
        return section
    section.blocks += case.missing("electronic", step.materials)
    readable = []
    for found in case.of("electronic", "main"):
        try:
            bands_of(found.document)
            readable.append(found)
        except CatholyteError as error:
            section.blocks.append(Text(f"{found.material}: {error.message}", "problem"))
    if readable:
        _add_centers(section, case, readable, step.band_center)
        _add_comparisons(section, readable, step.band_center)
        section.blocks.append(_cells_table(readable))
        add_moments(section, "moments_electronic", "Magnetic moments", readable)
        _add_convergence(section, case, readable, step.band_center)
    return section


def _quantity(spec: BandCenterSpec) -> str:
    return f"{spec.element} {shell_name(spec.element, spec.orbital)} centre"


def _add_centers(section: Section, case: Case, jobs: Sequence[Finished], spec: BandCenterSpec) -> None:
    """Figure of the projected DOS, table of the centres, and one key number a material."""
    panels, rows, notes, missing = [], [], [], dict[str, list[str]]()
    for found in jobs:
        try:
            own, groups = common_spec([found.document], spec), environments_of(found.document, spec.element)
            report = band_report(bands_of(found.document), own, groups)
        except CatholyteError as error:
            section.blocks.append(Text(f"{found.material}: no centre: {error.message}", "problem"))
            continue
        panels.append(DosPanel(found.material, bands_of(found.document), found.document.tier, groups))
        rows += [
            _center_row(found, row)
            for row in report.rows
            if row.centers[0].environment != "all" or len(report.rows) != 2
        ]
        notes += [f"{found.material}: {note}" for note in report.notes]
        section.key_numbers.append(_key_center(found, report.row(), own, _largest_change(case, found, own)))
        for name, reason in report.rows[0].unavailable.items():
            missing.setdefault(f"{REFERENCE_TITLES[name]} not available: {reason}", []).append(found.material)
        if own is not spec:
            text = (
                f"{found.material} came out as a metal, so it has no {REFERENCE_TITLES[spec.reference]}; its "
                "centre is given from E_F in its place."
            )
            section.warnings.append(text)
            section.blocks.append(Text(text, "problem"))
    if not panels:
        return
    figure = dos_figure(panels, common_spec([found.document for found in jobs], spec))
    alt = (
        f"{spec.element} {spec.orbital} density of states of {', '.join(p.title for p in panels)} by environment, "
        "centres marked."
    )
    section.blocks.append(Picture("dos", figure, alt))
    references = [name for name in REFERENCE_TITLES if any(row.get(name) is not None for row in rows)]
    columns = (
        Column("material", "material", chemical=True),
        Column("environment", "environment", chemical=True),
        Column("n_atoms", "atoms"),
        *(Column(name, f"from {REFERENCE_TITLES[name]} (eV)", 3) for name in references),
        Column("spread_edges", "spread over band edges (eV)", 3),
        Column("spread", "spread over all references (eV)", 3),
        Column("tier", "tier"),
        Column("job", "job"),
    )
    title = f"{_quantity(spec)}, {spec.window} states, by environment and at every reference"
    note = (
        "The same states, written against each zero. The spread over references is that of the zeros, not an error "
        "of the calculation."
    )
    section.blocks.append(Table("band_centers", title, columns, rows, note))
    section.blocks.append(
        Text("\n".join([*notes, *(f"{', '.join(names)}: {reason}" for reason, names in missing.items())]), "note")
    )


def _center_row(found: Finished, row: CentersAtReferences) -> dict[str, Any]:
    first, edges = row.centers[0], {"vbm", "midgap", "cbm", "fermi"} & set(row.by_reference)
    return {
        "material": found.material,
        "environment": first.environment,
        "n_atoms": first.n_atoms,
        **{str(name): center for name, center in row.by_reference.items()},
        "spread_edges": row.spread_of_band_edges if len(edges) > 1 else None,
        "spread": row.spread,
        "tier": found.document.tier,
        "job": found.job,
    }


def _key_center(found: Finished, row: CentersAtReferences, spec: BandCenterSpec, change: float | None) -> KeyNumber:
    return KeyNumber(
        quantity=(
            f"{_quantity(spec)} of {found.material}, {spec.window} states, from the {REFERENCE_TITLES[spec.reference]}"
        ),
        value=row.by_reference[spec.reference],
        unit="eV",
        digits=2,
        uncertainty=change,
        uncertainty_kind="change with cutoff, mesh" if change is not None else "",
        tier=found.document.tier,
        basis=f"job {found.job}",
    )


def _varied(case: Case, found: Finished) -> list[Finished]:
    return [
        job
        for job in case.of("electronic")
        if job.material == found.material and job.variant != "main" and job.document.band_edges is not None
    ]


def _largest_change(case: Case, found: Finished, spec: BandCenterSpec) -> float | None:
    """Largest change of the centre at its own reference, eV; None where nothing was varied or the variations are in
    another electronic state."""
    varied = _varied(case, found)
    if not varied or _disagreement(found, varied):
        return None
    try:
        return convergence([found.document, *(job.document for job in varied)], spec).largest[spec.reference]
    except CatholyteError:  # the table of convergence tells the reason
        return None


def _add_comparisons(section: Section, jobs: Sequence[Finished], spec: BandCenterSpec) -> None:
    """Centre of every further material relative to that of the first one."""
    first = jobs[0]
    for other in jobs[1:]:
        try:
            comparison = compare(first.document, other.document, common_spec([first.document, other.document], spec))
        except CatholyteError as error:
            section.blocks.append(Text(f"{other.material} against {first.material}: {error.message}", "problem"))
            continue
        name = f"centers_{other.material}_{first.material}"
        alt = f"{_quantity(spec)} of {other.material} minus that of {first.material} at every reference."
        section.blocks += [Picture(name, centers_figure(comparison), alt), _difference_table(name, comparison)]
        section.key_numbers.append(_key_difference(comparison, first, other, spec))
    if len(jobs) > 1:
        section.blocks.append(Text(f"{NO_COMMON_ZERO[0].upper()}{NO_COMMON_ZERO[1:]}.", "note"))


def _difference_table(name: str, comparison: Comparison) -> Table:
    columns = (
        Column("title", "zero of energy"),
        Column("a", f"{comparison.a} (eV)", 3),
        Column("b", f"{comparison.b} (eV)", 3),
        Column("difference", f"{comparison.b} − {comparison.a} (eV)", 3),
        Column("arbitrary", "arbitrary zero"),
        Column("tier", "tier"),
    )
    rows = [
        {**d.model_dump(), "title": REFERENCE_TITLES[d.reference], "tier": comparison.tier}
        for d in comparison.differences
    ]
    note = (
        f"Spread of the difference: {comparison.spread:.3f} eV over all zeros, "
        f"{comparison.spread_without_arbitrary:.3f} eV without arbitrary ones."
    )
    return Table(name, f"Centre of {comparison.b} relative to that of {comparison.a}", columns, rows, note)


def _key_difference(comparison: Comparison, first: Finished, other: Finished, spec: BandCenterSpec) -> KeyNumber:
    value = {d.reference: d.difference for d in comparison.differences}.get(
        spec.reference
    )  # None where a metal has no such zero
    return KeyNumber(
        quantity=(
            f"{_quantity(spec)} of {other.material} minus that of {first.material}, from the "
            f"{REFERENCE_TITLES[spec.reference]}: no common zero"
        ),
        value=value,
        unit="eV",
        digits=2,
        uncertainty=None if value is None else comparison.spread_without_arbitrary,
        uncertainty_kind=f"spread over zeros ({comparison.spread:.2f} with arbitrary ones)",
        tier=comparison.tier,
        basis=f"jobs {first.job}, {other.job}",
    )


def _cells_table(jobs: Sequence[Finished]) -> Table:
    rows = []
    for found in jobs:
        document, edges = found.document, bands_of(found.document).edges
        rows.append(
            {
                "material": found.material,
                "formula": document.formula,
                "gap": edges.gap,
                "direct_gap": edges.direct_gap,
                "magnetization": document.total_magnetization,
                "u": ", ".join(f"{element} {value:g}" for element, value in document.signature.hubbard_u.items())
                or "none",
                "density": document.signature.kpoint_density,
                "signature": _signature(document),
                "tier": document.tier,
                "job": found.job,
            }
        )
    columns = (
        Column("material", "material", chemical=True),
        Column("formula", "cell", chemical=True),
        Column("gap", "gap (eV)", 2),
        Column("direct_gap", "direct gap (eV)", 2),
        Column("magnetization", "total moment (µB)", 2),
        Column("u", "U (eV)"),
        Column("density", "k points × atoms", 0),
        Column("signature", "energy signature"),
        Column("tier", "tier"),
        Column("job", "job"),
    )
    return Table("electronic_cells", "Gap, U and energy signature", columns, rows)


def _signature(document: CalculationDocument) -> str:
    s = document.signature
    parts = [
        f"{s.engine} {s.version}",
        s.functional,
        s.potentials,
        f"cutoff {s.cutoff:g} eV" if s.cutoff else "",
        s.smearing or "",
    ]
    return "; ".join([*filter(None, parts), *(["real-space projection"] if s.real_space_projection else [])])


def _add_convergence(section: Section, case: Case, jobs: Sequence[Finished], spec: BandCenterSpec) -> None:
    """How much each centre moves where cutoff and k mesh are varied once."""
    rows: list[dict[str, Any]] = []
    problems: list[Block] = []
    for found in jobs:
        varied = _varied(case, found)
        if not varied:
            problems.append(
                Text(
                    (
                        f"{found.material}: no calculation with another cutoff or mesh is finished, so its "
                        "convergence is "
                        "not known."
                    ),
                    "problem",
                )
            )
            continue
        documents = [found.document, *(f.document for f in varied)]
        disagreement = _disagreement(found, varied)
        problems += [Text(text, "problem") for text in disagreement]
        section.warnings += disagreement
        try:
            report = convergence(documents, common_spec(documents, spec))
        except CatholyteError as error:
            problems.append(Text(f"{found.material}: convergence cannot be stated: {error.message}", "problem"))
            continue
        for job, row in zip((found, *varied), report.rows, strict=True):
            edges = bands_of(job.document).edges
            about = {
                "material": job.material,
                "variant": job.variant,
                "cutoff": row.cutoff,
                "density": row.kpoint_density,
                "gap": edges.gap,
            }
            changes = {str(name): change for name, change in row.changes.items()} if job is not found else {}
            rows.append(
                {
                    **about,
                    **changes,
                    "center": row.centers.get(spec.reference),
                    "tier": job.document.tier,
                    "job": job.job,
                }
            )
    references = [name for name in REFERENCE_TITLES if any(row.get(name) is not None for row in rows)]
    columns = (
        Column("material", "material", chemical=True),
        Column("variant", "settings"),
        Column("cutoff", "cutoff (eV)", 0),
        Column("density", "k points × atoms", 0),
        Column("gap", "gap (eV)", 2),
        Column("center", f"centre from {REFERENCE_TITLES[spec.reference]} (eV)", 3),
        *(Column(name, f"change, {REFERENCE_TITLES[name]} (eV)", 4) for name in references),
        Column("tier", "tier"),
        Column("job", "job"),
    )
    section.blocks += problems
    if rows:
        title = f"Convergence of the {_quantity(spec)}: change from the settings in use"
        section.blocks.append(Table("convergence", title, columns, rows))


def _disagreement(found: Finished, varied: Sequence[Finished]) -> list[str]:
    """A warning where the settings in use and a variation disagree on whether the cell is a metal: then one is in a
    wrong electronic state."""
    metal = is_metal(bands_of(found.document).edges)
    others = [job for job in varied if is_metal(bands_of(job.document).edges) != metal]
    if not others:
        return []
    said = ", ".join(
        (
            f"{job.variant} (job {job.job}): gap {bands_of(job.document).edges.gap:.2f} eV, "
            f"{number(job.document.energy_per_atom, 3)} eV/atom"
        )
        for job in others
    )
    own = f"gap {bands_of(found.document).edges.gap:.2f} eV, {number(found.document.energy_per_atom, 3)} eV/atom"
    return [
        f"{found.material}: the settings in use (job {found.job}) give a {'metal' if metal else 'gap'} ({own}), and "
        f"these do not: {said}. "
        "At least one of them is in another electronic state than the ground state: neither its centre nor the change "
        "with the settings can be trusted."
    ]
