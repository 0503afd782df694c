"""Part of the chapter on electronic structure: how much the centres move with cutoff and k mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....configs.steps.electronic import BandCenterSpec
from ...figures.dos import REFERENCE_TITLES
from ...states.band_references import is_metal
from ...states.band_report import bands_of, common_spec, shell_name
from ...states.comparison import ConvergenceReport, convergence
from ...words import number
from ..case import Case, Finished
from ..chapter import Problems
from ..columns import CUTOFF, GAP, JOB, KPOINT_DENSITY, MATERIAL, TIER
from ..content import Block, Column, Table, Text

__all__ = ["Varied", "convergence_blocks", "quantity", "varied_by", "varied_of"]


@dataclass(frozen=True)
class Varied:
    """One job with those at another cutoff or mesh.

    Parameters
    ----------
    job : Finished
        With the settings in use.
    varied : sequence of Finished
    report : ConvergenceReport or None
        None where nothing was varied, or with the reason in `problems`.
    disagreement : sequence of str
        Sentences on variations in another electronic state.
    problems : Problems
    """

    job: Finished
    varied: Sequence[Finished]
    report: ConvergenceReport | None
    disagreement: Sequence[str]
    problems: Problems

    @property
    def largest(self) -> float | None:
        """Largest change of the centre, eV; None where nothing was varied or the variations are in another electronic
        state."""
        if self.report is None or self.disagreement:
            return None
        return self.report.largest[self.report.spec.reference]


def varied_of(case: Case, found: Finished, spec: BandCenterSpec) -> Varied:
    """Evaluate one job beside its variations.

    Parameters
    ----------
    case : Case
    found : Finished
    spec : BandCenterSpec
    """
    return varied_by(found, _varied(case, found), spec)


def varied_by(found: Finished, varied: Sequence[Finished], spec: BandCenterSpec) -> Varied:
    """Evaluate one job beside given variations of it.

    Parameters
    ----------
    found : Finished
    varied : sequence of Finished
    spec : BandCenterSpec
    """
    problems, report = Problems(), None
    if not varied:
        return Varied(found, (), None, (), problems)
    documents = [found.document, *(job.document for job in varied)]
    with problems.attempt(f"{found.material}: convergence cannot be stated"):
        report = convergence(documents, common_spec(documents, spec))
    return Varied(found, varied, report, _disagreement(found, varied), problems)


def _varied(case: Case, found: Finished) -> list[Finished]:
    return [
        job
        for job in case.of("electronic")
        if job.material == found.material and job.variant != "main" and job.document.band_edges is not None
    ]


def quantity(spec: BandCenterSpec) -> str:
    """Name of a centre, e.g. ``O 2p centre``."""
    return f"{spec.element} {shell_name(spec.element, spec.orbital)} centre"


def convergence_blocks(every: Sequence[Varied], spec: BandCenterSpec, name: str = "convergence") -> list[Block]:
    """Return how much each centre moves where cutoff and k mesh are varied once.

    Parameters
    ----------
    every : sequence of Varied
    spec : BandCenterSpec
    name : str
        Of the table.
    """
    rows: list[dict[str, Any]] = []
    blocks: list[Block] = []
    for one in every:
        if not one.varied:
            text = (
                f"{one.job.material}: no calculation with another cutoff or mesh is finished, so its convergence is "
                "not known."
            )
            blocks.append(Text(text, "problem"))
            continue
        blocks += [*(Text(text, "problem") for text in one.disagreement), *one.problems.texts]
        if one.report is None:
            continue
        for job, row in zip((one.job, *one.varied), one.report.rows, strict=True):
            changes = {str(name): change for name, change in row.changes.items()} if job is not one.job else {}
            rows.append(
                {
                    "material": job.material,
                    "variant": job.variant,
                    "cutoff": row.cutoff,
                    "density": row.kpoint_density,
                    "gap": bands_of(job.document).edges.gap,
                    **changes,
                    "center": row.centers.get(spec.reference),
                    "tier": job.document.tier,
                    "job": job.job,
                }
            )
    if not rows:
        return blocks
    references = [name for name in REFERENCE_TITLES if any(row.get(name) is not None for row in rows)]
    columns = (
        MATERIAL,
        Column("variant", "settings"),
        CUTOFF,
        KPOINT_DENSITY,
        GAP,
        Column("center", f"centre from {REFERENCE_TITLES[spec.reference]} (eV)", 3),
        *(Column(name, f"change, {REFERENCE_TITLES[name]} (eV)", 4) for name in references),
        TIER,
        JOB,
    )
    title = f"Convergence of the {quantity(spec)}: change from the settings in use"
    return [*blocks, Table(name, title, columns, rows)]


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
        f"these do not: {said}. At least one of them is in another electronic state than the ground state: neither its "
        "centre nor the change with the settings can be trusted."
    ]
