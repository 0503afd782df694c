"""Blocks of a chapter on the electronic structure across an interface: maps against depth, centres, alignment,
thickness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....configs.steps.electronic import BandCenterSpec
from ....workflows.documents import CalculationDocument
from ...figures.depth import DepthPanel, alignment_figure, depth_figure
from ...figures.dos import REFERENCE_TITLES
from ...states.alignment import Alignment, TrendRow, alignment, thickness_trend
from ...states.band_report import Bands, bands_of, common_spec, shell_name
from ...states.depth import DepthReport, Group, depth_report
from ...states.depth_planes import Stack, stack_of
from ...states.potential_profile import PotentialProfile, planar_of, potential_profile
from ..chapter import Problems
from ..columns import GAP, HEIGHT, N_ATOMS, SPREAD, SPREAD_EDGES, TIER
from ..content import Block, Column, KeyNumber, Picture, Table, Text

__all__ = ["DepthData", "DepthResults", "depth_blocks", "depth_key_numbers", "depth_results", "depth_warnings"]


@dataclass(frozen=True)
class DepthData:
    """Finished calculations of one pair.

    Parameters
    ----------
    joints : sequence of CalculationDocument
        Common cells with tagged sites, of one or several thicknesses.
    spec : BandCenterSpec
    bulk : mapping of str to CalculationDocument
        Tag to the bulk cell at the layer's strain; without both, only the common cells speak.
    slabs : mapping of str to CalculationDocument
        Tag to a slab with vacuum.
    """

    joints: Sequence[CalculationDocument]
    spec: BandCenterSpec
    bulk: Mapping[str, CalculationDocument] = field(default_factory=dict)
    slabs: Mapping[str, CalculationDocument] = field(default_factory=dict)


@dataclass(frozen=True)
class _JointCell:
    """One common cell: the asked orbital, and the d states of every transition metal, against depth."""

    document: CalculationDocument
    bands: Bands
    stack: Stack
    report: DepthReport
    profile: PotentialProfile | None
    metals: Mapping[str, DepthReport]


@dataclass(frozen=True)
class DepthResults:
    """What the documents of one pair say.

    Parameters
    ----------
    cells : list of (_JointCell or None, str)
        By rising thickness, with why a cell, or its alignment, cannot be evaluated.
    aligned : list of Alignment
    """

    cells: list[tuple[_JointCell | None, list[Text]]]
    aligned: list[Alignment]

    @property
    def notes(self) -> list[str]:
        """Notes of all alignments, each once."""
        return list(dict.fromkeys(f"{x.n_atoms} atoms: {note}" for x in self.aligned for note in x.notes))


def depth_results(data: DepthData) -> DepthResults:
    """Evaluate the documents of one pair; what cannot be said becomes a problem.

    Parameters
    ----------
    data : DepthData
    """
    rising = sorted(data.joints, key=lambda document: document.n_sites)
    spec = common_spec([*rising, *data.bulk.values()], data.spec) if rising else data.spec
    found = DepthResults([], [])
    for document in rising:
        cell, problems = None, Problems()
        with problems.attempt(f"{document.label} ({document.n_sites} atoms)"):
            cell = _joint_cell(document, common_spec([document], data.spec))
            found.aligned.append(alignment(document, spec, data.bulk, data.slabs))
        found.cells.append((cell, problems.texts))
    return found


def depth_blocks(name: str, found: DepthResults) -> list[Block]:
    """Return figures, tables and notes of one pair.

    Parameters
    ----------
    name : str
        Beginning of the names of figures and tables.
    found : DepthResults
    """
    blocks: list[Block] = []
    for cell, problems in found.cells:
        blocks += [*(_cell_blocks(f"{name}_{cell.document.n_sites}", cell) if cell else []), *problems]
    aligned = found.aligned
    if not aligned:
        return blocks
    alt = f"Centre of {aligned[-1].b} minus that of {aligned[-1].a} by every alignment, {len(aligned)} thicknesses."
    blocks += [Picture(f"{name}_alignment", alignment_figure(aligned), alt), _alignment_table(name, aligned)]
    if len(aligned) > 1:
        blocks.append(_trend_table(name, thickness_trend(aligned)))
    return blocks + ([Text("\n".join(found.notes), "note")] if found.notes else [])


def depth_warnings(found: DepthResults) -> list[str]:
    """Return notes on layers that are labelled by something else than their material.

    Parameters
    ----------
    found : DepthResults
    """
    return [note for note in found.notes if "labelled" in note]


def _joint_cell(document: CalculationDocument, spec: BandCenterSpec) -> _JointCell:
    bands, stack = bands_of(document), stack_of(document.structure)
    report = depth_report(bands, spec, stack)
    profile = None if document.potential is None else potential_profile(planar_of(document), stack)
    metals = sorted(
        {site.specie.symbol for site in document.structure if site.specie.is_transition_metal} - {spec.element}
    )
    reports = {
        metal: depth_report(bands, spec.model_copy(update={"element": metal, "orbital": "d"}), stack)
        for metal in metals
    }
    return _JointCell(document, bands, stack, report, profile, reports)


def _cell_blocks(name: str, cell: _JointCell) -> list[Block]:
    """Figure and tables of one common cell."""
    document, spec = cell.document, cell.report.spec
    title = f"{document.label}, {document.n_sites} atoms"
    shell = f"{spec.element} {shell_name(spec.element, spec.orbital)}"
    alt = (
        f"{shell} density of states of {document.label} against depth, beside the structure and the macroscopic "
        "average of the potential."
    )
    figure = depth_figure(DepthPanel(title, cell.bands, cell.report, cell.stack, document.tier, cell.profile))
    return [
        Picture(f"{name}_depth", figure, alt),
        _centers_table(f"{name}_centers", title, cell.report, document),
        *(_centers_table(f"{name}_{metal}", title, report, document) for metal, report in cell.metals.items()),
    ]


def _centers_table(name: str, title: str, report: DepthReport, document: CalculationDocument) -> Table:
    spec = report.spec
    references = [
        reference
        for reference in REFERENCE_TITLES
        if any(reference in group.row.by_reference for group in report.groups)
    ]
    columns = (
        Column("kind", "resolved by"),
        Column("label", "group", chemical=True),
        HEIGHT,
        Column("environments", "environments", chemical=True),
        N_ATOMS,
        Column("moments", "|moment| (µB)"),
        *(Column(reference, f"from {REFERENCE_TITLES[reference]} (eV)", 3) for reference in references),
        SPREAD_EDGES,
        SPREAD,
        TIER,
    )
    rows = [_center_row(group, document) for group in report.groups]
    heading = (
        f"{spec.element} {shell_name(spec.element, spec.orbital)} centres of {title}: {spec.window} states, by depth"
    )
    note = "One zero for the whole cell, but for the core references, which are those of the oxygens of each group."
    return Table(name, heading, columns, rows, note)


def _center_row(group: Group, document: CalculationDocument) -> dict[str, Any]:
    moments = None if group.moments is None else " to ".join(dict.fromkeys(f"{size:.2f}" for size in group.moments))
    return {
        "kind": "layer, inner planes" if group.kind == "interior" else group.kind,
        "label": group.label,
        "height": group.height,
        "environments": ", ".join(group.environments),
        "n_atoms": group.first.n_atoms,
        "moments": moments,
        **{str(name): center for name, center in group.row.by_reference.items()},
        "spread_edges": group.row.spread_of_band_edges,
        "spread": group.row.spread,
        "tier": document.tier,
    }


def _alignment_table(name: str, found: Sequence[Alignment]) -> Table:
    rows: list[dict[str, Any]] = []
    for x in found:
        about = {"n_atoms": x.n_atoms, "planes": f"{x.planes[0]} + {x.planes[1]}", "gap": x.gap, "tier": x.tier}
        rows += [{**about, **row.model_dump()} for row in x.rows]
        rows += (
            [
                {
                    **about,
                    "way": "potential step",
                    "detail": "itself, no plateau" if x.step_error is None else f"itself, ± {x.step_error:.2f} eV",
                    "difference": x.step,
                }
            ]
            if x.step is not None
            else []
        )
    last = found[-1]
    if last.separate is not None:
        rows += [
            {
                "way": "none",
                "detail": f"own {REFERENCE_TITLES[d.reference]}{' (arbitrary)' if d.arbitrary else ''}",
                "tier": last.tier,
                **d.model_dump(),
            }
            for d in last.separate.differences
        ]
    columns = (
        N_ATOMS,
        Column("planes", f"planes of {last.a} + {last.b}"),
        GAP,
        Column("way", "common zero"),
        Column("detail", "from"),
        Column("a", f"{last.a} (eV)", 3),
        Column("b", f"{last.b} (eV)", 3),
        Column("difference", f"{last.b} − {last.a} (eV)", 3),
        TIER,
    )
    apart = f"; over the separate cells' own zeros {last.separate.spread:.2f} eV" if last.separate is not None else ""
    note = f"Spread over the ways with a common zero, thickest cell: {last.spread:.2f} eV{apart}."
    return Table(f"{name}_alignment", f"Centre of {last.b} relative to that of {last.a}", columns, rows, note)


def _trend_table(name: str, trend: Sequence[TrendRow]) -> Table:
    names = list(dict.fromkeys(key for row in trend for key in row.differences))
    rows = [
        {
            "n_atoms": row.n_atoms,
            "planes": f"{row.planes[0]} + {row.planes[1]}",
            "gap": row.gap,
            "step": row.step,
            "step_deviation": row.deviations.get("step"),
            **row.differences,
            **{f"{key} deviation": value for key, value in row.deviations.items() if key != "step"},
        }
        for row in trend
    ]
    columns = (
        N_ATOMS,
        Column("planes", "planes"),
        GAP,
        Column("step", "potential step (eV)", 3),
        Column("step_deviation", "from the thickest (eV)", 3),
        *(
            column
            for key in names
            for column in (Column(key, f"{key} (eV)", 3), Column(f"{key} deviation", "from the thickest (eV)", 3))
        ),
    )
    return Table(
        f"{name}_thickness",
        "Change with thickness",
        columns,
        rows,
        "Deviations are from the thickest cell, which is not converged by being the thickest.",
    )


def depth_key_numbers(results: DepthResults) -> list[KeyNumber]:
    """Return the relative centre and the potential step of the thickest cell.

    Parameters
    ----------
    results : DepthResults
    """
    found = results.aligned
    if not found:
        return []
    last = found[-1]
    shell = f"{last.spec.element} {shell_name(last.spec.element, last.spec.orbital)}"
    inner = next((row for row in last.rows if row.detail == "inner planes"), last.rows[0])
    number = KeyNumber(
        quantity=(
            f"{shell} centre of {last.b} minus that of {last.a}, {last.spec.window} states, one cell of "
            f"{last.n_atoms} atoms, {inner.detail}"
        ),
        value=inner.difference,
        unit="eV",
        digits=2,
        uncertainty=last.spread,
        uncertainty_kind="spread over alignments",
        tier=last.tier,
        basis=f"{len(found)} thicknesses",
        names=("center_across", last.b, last.a),
    )
    if last.step is None:
        return [number]
    step = KeyNumber(
        quantity=f"potential step from {last.a} to {last.b}, one cell of {last.n_atoms} atoms",
        value=last.step,
        unit="eV",
        digits=2,
        uncertainty=last.step_error,
        uncertainty_kind="halves of the layers and boxes" if last.step_error is not None else "",
        tier=last.tier,
        basis=f"{len(found)} thicknesses",
        names=("potential_step", last.a, last.b),
    )
    return [number, step]
