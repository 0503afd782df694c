"""Chapter on electronic structure: centres by environment at all references, gaps, moments and convergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....configs.steps.electronic import BandCenterSpec, ElectronicStep
from ....structures.crystals.environment import anion_environments, group_by_environment
from ....workflows.documents import CalculationDocument
from ...figures.dos import REFERENCE_TITLES, DosPanel, centers_figure, dos_figure
from ...figures.style import PALETTE
from ...states.band_center import CentersAtReferences
from ...states.band_report import BandReport, band_report, bands_of, common_spec
from ...states.comparison import NO_COMMON_ZERO, Comparison, compare
from ..case import Case, Finished
from ..chapter import Chapter, Problems
from ..columns import GAP, HUBBARD_U, JOB, KPOINT_DENSITY, MATERIAL, N_ATOMS, SPREAD, SPREAD_EDGES, TIER
from ..content import Block, Column, KeyNumber, Picture, Table, Text
from ..quantities.answers import told
from ..quantity import Quantity
from .convergence import Varied, convergence_blocks, quantity, varied_of
from .geometry import Moments, moment_blocks, moment_warnings, moments

__all__ = ["ELECTRONS", "Electrons", "environments_of"]


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


@dataclass(frozen=True)
class _Centers:
    """Centres of one job: with the zero of its own, as the tables give them, and with that of the figure.

    change : largest change of the centre with cutoff and mesh, eV; None where it is not known.
    """

    job: Finished
    groups: Mapping[str, Sequence[int]]
    report: BandReport
    drawn: BandReport
    change: float | None

    def without_edges(self, spec: BandCenterSpec) -> str:
        """What to say of a metal, which has no band edges; empty for others."""
        if self.report.spec == spec:
            return ""
        return (
            f"{self.job.material} came out as a metal, so it has no {REFERENCE_TITLES[spec.reference]}; its "
            "centre is given from E_F in its place."
        )


@dataclass(frozen=True)
class Electrons:
    """What the step ``electronic`` asks for.

    Parameters
    ----------
    spec : BandCenterSpec
    missing : list of Text
        Jobs without a result.
    jobs : list of Finished
        With a readable density of states.
    centers : dict of str to _Centers
        By key of the job.
    comparisons : dict of str to Comparison
        Of each further job with the first one, by key.
    varied : list of Varied
    moments : Moments
    unread, problems : Problems
        Of reading, and of centres and comparisons.
    """

    spec: BandCenterSpec
    missing: list[Text]
    jobs: list[Finished]
    centers: dict[str, _Centers]
    comparisons: dict[str, Comparison]
    varied: list[Varied]
    moments: Moments
    unread: Problems
    problems: Problems


def _evaluate(case: Case, step: ElectronicStep) -> Electrons:
    spec, unread, problems = step.band_center, Problems(), Problems()
    jobs = []
    for found in case.of("electronic", "main"):
        with unread.attempt(found.material):
            bands_of(found.document)
            jobs.append(found)
    shared, centers = common_spec([found.document for found in jobs], spec), {}
    varied = [varied_of(case, found, spec) for found in jobs]
    for one in varied:
        with problems.attempt(_no_center(one.job)):
            centers[one.job.job] = _centers_of(one, spec, shared)
    comparisons = {}
    for other in jobs[1:]:
        with problems.attempt(_against(other, jobs[0])):
            documents = jobs[0].document, other.document
            comparisons[other.job] = compare(*documents, common_spec(documents, spec))
    missing = case.missing("electronic", step.materials)
    return Electrons(spec, missing, jobs, centers, comparisons, varied, moments(jobs), unread, problems)


def _no_center(found: Finished) -> str:
    return f"{found.material}: no centre"


def _against(other: Finished, first: Finished) -> str:
    return f"{other.material} against {first.material}"


def _centers_of(one: Varied, spec: BandCenterSpec, shared: BandCenterSpec) -> _Centers:
    found = one.job
    own, groups = common_spec([found.document], spec), environments_of(found.document, spec.element)
    report = band_report(bands_of(found.document), own, groups)
    drawn = report if shared == own else band_report(bands_of(found.document), shared, groups)
    return _Centers(found, groups, report, drawn, one.largest)


def _blocks(found: Electrons) -> list[Block]:
    blocks: list[Block] = [*found.missing, *found.unread.texts]
    if not found.jobs:
        return blocks
    blocks += [*_center_blocks(found), *_comparison_blocks(found), _cells_table(found.jobs)]
    blocks += moment_blocks("moments_electronic", "Magnetic moments", found.moments)
    return blocks + convergence_blocks(found.varied, found.spec)


def _numbers(found: Electrons) -> list[KeyNumber]:
    keys = [_key_center(one) for one in found.centers.values()]
    others = {job.job: job for job in found.jobs}
    return keys + [
        _key_difference(comparison, found.jobs[0], others[job], found.spec)
        for job, comparison in found.comparisons.items()
    ]


def _warnings(found: Electrons) -> list[str]:
    metals = [text for one in found.centers.values() if (text := one.without_edges(found.spec))]
    return [*metals, *moment_warnings(found.moments), *(text for one in found.varied for text in one.disagreement)]


def _center_blocks(found: Electrons) -> list[Block]:
    """Figure of the projected DOS and table of the centres."""
    spec, blocks = found.spec, list[Block]()
    rows, notes, missing = [], [], dict[str, list[str]]()
    for job in found.jobs:
        one = found.centers.get(job.job)
        if one is None:
            blocks.append(found.problems.text(_no_center(job)))
            continue
        rows += [
            _center_row(job, row)
            for row in one.report.rows
            if row.centers[0].environment != "all" or len(one.report.rows) != 2
        ]
        notes += [f"{job.material}: {note}" for note in one.report.notes]
        for name, reason in one.report.rows[0].unavailable.items():
            missing.setdefault(f"{REFERENCE_TITLES[name]} not available: {reason}", []).append(job.material)
        if text := one.without_edges(spec):
            blocks.append(Text(text, "problem"))
    if not found.centers:
        return blocks
    panels = [
        DosPanel(one.job.material, bands_of(one.job.document), one.drawn, one.job.document.tier, one.groups)
        for one in found.centers.values()
    ]
    alt = (
        f"{spec.element} {spec.orbital} density of states of {', '.join(p.title for p in panels)} by environment, "
        "centres marked."
    )
    blocks.append(Picture("dos", dos_figure(panels), alt))
    references = [name for name in REFERENCE_TITLES if any(row.get(name) is not None for row in rows)]
    columns = (
        MATERIAL,
        Column("environment", "environment", chemical=True),
        N_ATOMS,
        *(Column(name, f"from {REFERENCE_TITLES[name]} (eV)", 3) for name in references),
        SPREAD_EDGES,
        SPREAD,
        TIER,
        JOB,
    )
    title = f"{quantity(spec)}, {spec.window} states, by environment and at every reference"
    note = (
        "The same states, written against each zero. The spread over references is that of the zeros, not an error of "
        "the calculation."
    )
    listed = [*notes, *(f"{', '.join(names)}: {reason}" for reason, names in missing.items())]
    return [*blocks, Table("band_centers", title, columns, rows, note), Text("\n".join(listed), "note")]


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


def _key_center(one: _Centers) -> KeyNumber:
    found, spec, change = one.job, one.report.spec, one.change
    return KeyNumber(
        quantity=(
            f"{quantity(spec)} of {found.material}, {spec.window} states, from the {REFERENCE_TITLES[spec.reference]}"
        ),
        value=one.report.row().by_reference[spec.reference],
        unit="eV",
        digits=2,
        uncertainty=change,
        uncertainty_kind="change with cutoff, mesh" if change is not None else "",
        tier=found.document.tier,
        basis=f"job {found.job}",
        names=("center", found.material),
    )


def _comparison_blocks(found: Electrons) -> list[Block]:
    """Centre of every further material relative to that of the first one."""
    first, blocks = found.jobs[0], list[Block]()
    for other in found.jobs[1:]:
        comparison = found.comparisons.get(other.job)
        if comparison is None:
            blocks.append(found.problems.text(_against(other, first)))
            continue
        name = f"centers_{other.material}_{first.material}"
        alt = f"{quantity(found.spec)} of {other.material} minus that of {first.material} at every reference."
        blocks += [Picture(name, centers_figure(comparison), alt), _difference_table(name, comparison)]
    if len(found.jobs) > 1:
        blocks.append(Text(f"{NO_COMMON_ZERO[0].upper()}{NO_COMMON_ZERO[1:]}.", "note"))
    return blocks


def _difference_table(name: str, comparison: Comparison) -> Table:
    columns = (
        Column("title", "zero of energy"),
        Column("a", f"{comparison.a} (eV)", 3),
        Column("b", f"{comparison.b} (eV)", 3),
        Column("difference", f"{comparison.b} − {comparison.a} (eV)", 3),
        Column("arbitrary", "arbitrary zero"),
        TIER,
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
            f"{quantity(spec)} of {other.material} minus that of {first.material}, from the "
            f"{REFERENCE_TITLES[spec.reference]}: no common zero"
        ),
        value=value,
        unit="eV",
        digits=2,
        uncertainty=None if value is None else comparison.spread_without_arbitrary,
        uncertainty_kind=f"spread over zeros ({comparison.spread:.2f} with arbitrary ones)",
        tier=comparison.tier,
        basis=f"jobs {first.job}, {other.job}",
        names=("center_apart", other.material, first.material),
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
        MATERIAL,
        Column("formula", "cell", chemical=True),
        GAP,
        Column("direct_gap", "direct gap (eV)", 2),
        Column("magnetization", "total moment (µB)", 2),
        HUBBARD_U,
        KPOINT_DENSITY,
        Column("signature", "energy signature"),
        TIER,
        JOB,
    )
    return Table("electronic_cells", "Gap, U and energy signature", columns, rows)


def _signature(document: CalculationDocument) -> str:
    s = document.signature
    parts = [
        f"{s.engine} {s.version}",
        s.level,
        s.potentials,
        f"cutoff {s.cutoff:g} eV" if s.cutoff else "",
        s.smearing or "",
    ]
    return "; ".join([*filter(None, parts), *(["real-space projection"] if s.real_space_projection else [])])


ELECTRONS = Chapter(
    "electronic",
    "Electronic structure",
    "The recipe has no electronic-structure step.",
    lambda case: case.recipe.electronic,
    _evaluate,
    _blocks,
    _numbers,
    _warnings,
    quantities=(
        Quantity("center", ("material",), "eV", "band centre from the recipe's reference", step="electronic"),
        Quantity(
            "center_apart",
            ("material", "minus that of"),
            "eV",
            "band centre of one crystal minus that of another, each from its own zero",
            step="electronic",
        ),
    ),
    step="electronic",
    answer=lambda found: told(_numbers(found)[::-1], "dos", most=1),
)
