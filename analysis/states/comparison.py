"""Band centres of several cells side by side: two bulk cells at every reference, and one cell at varied settings.

Centres of one cell share one zero and may be subtracted from each other. Centres of two separate bulk cells do not:
their difference is given at every reference, and the spread over the references is part of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from ...configs.errors import InputError
from ...configs.models import ReferenceName, Tier
from ...configs.steps.electronic import BandCenterSpec
from ...workflows.documents import CalculationDocument, require_same_signature
from .band_references import REFERENCES, Result
from .band_report import band_report, bands_of

__all__ = ["NO_COMMON_ZERO", "Comparison", "ConvergenceReport", "Difference", "compare", "convergence"]

NO_COMMON_ZERO = (
    "two separate bulk cells have no common zero of energy: the difference follows the reference chosen, "
    "and only a cell that holds both materials, or its potential step, fixes it"
)


class Difference(Result):
    """Centre of b minus centre of a at one reference."""

    reference: ReferenceName
    a: float = Field(description="eV relative to the reference of cell a")
    b: float = Field(description="eV relative to the reference of cell b")
    difference: float = Field(description="b - a, eV")
    arbitrary: bool = Field(description="true where the reference has no physical meaning in one of the cells")


class Comparison(Result):
    """Where the centre of cell b lies relative to that of cell a, at every reference both have."""

    a: str
    b: str
    tier: Tier
    spec: BandCenterSpec
    differences: tuple[Difference, ...]
    aligned: float | None = Field(
        None, description="b - a, eV, against the averaged potentials plus the potential step of a cell that holds both"
    )
    common_zero: bool = Field(False, description="true only where a potential step was given")
    note: str = NO_COMMON_ZERO

    @property
    def spread(self) -> float:
        """Largest minus smallest difference over all references, eV."""
        return float(np.ptp([d.difference for d in self.differences]))

    @property
    def spread_without_arbitrary(self) -> float:
        """The same without references that are arbitrary in one of the cells, eV."""
        return float(np.ptp([d.difference for d in self.differences if not d.arbitrary]))

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dict, both spreads included; energies in eV."""
        return self.model_dump(mode="json") | {
            "spread": self.spread,
            "spread_without_arbitrary": self.spread_without_arbitrary,
        }


def compare(
    document_a: CalculationDocument,
    document_b: CalculationDocument,
    spec: BandCenterSpec,
    potential_step: float | None = None,
) -> Comparison:
    """Difference of the centres of two bulk cells, b minus a, at every reference that both have.

    Parameters
    ----------
    document_a, document_b : CalculationDocument
        Two cells with one energy signature.
    spec : BandCenterSpec
        Window, and the reference that fixes it in each cell.
    potential_step : float, optional
        eV, averaged potential energy of an electron in b minus that in a, from one cell that holds both. With it
        the centres are aligned: (b - averaged potential of b) - (a - averaged potential of a) + step.

    Raises
    ------
    SignatureMismatchError
        If the calculations differ in functional, U, cutoff or the like.
    InputError
        If a document has no projected DOS, a centre cannot be computed, or the averaged potential is missing.
    """
    require_same_signature(
        {f"{document_a.label} (a)": document_a.signature, f"{document_b.label} (b)": document_b.signature}
    )
    a, b = (band_report(bands_of(document), spec).row() for document in (document_a, document_b))
    first, second = ({center.reference: center for center in row.centers} for row in (a, b))
    differences = tuple(
        Difference(
            reference=name,
            a=first[name].center,
            b=second[name].center,
            difference=second[name].center - first[name].center,
            arbitrary=first[name].arbitrary or second[name].arbitrary,
        )
        for name in REFERENCES
        if name in first and name in second
    )
    aligned, note = None, NO_COMMON_ZERO
    if potential_step is not None:
        shifts = [d.difference for d in differences if d.reference == "average_potential"]
        if not shifts:
            raise InputError(
                f"{document_a.label} or {document_b.label} stores no averaged potential, so the potential step cannot "
                "align them"
            )
        aligned = shifts[0] + potential_step
        note = (
            f"aligned through a potential step of {potential_step:.3f} eV; the unaligned differences have no common "
            "zero"
        )
    return Comparison(
        a=document_a.label,
        b=document_b.label,
        tier=document_a.tier,
        spec=spec,
        differences=differences,
        aligned=aligned,
        common_zero=aligned is not None,
        note=note,
    )


class ConvergenceRow(Result):
    """Centres at one set of numerical parameters and their change from the baseline."""

    label: str
    cutoff: float | None = Field(description="eV")
    kpoint_density: float | None = Field(description="k points × atoms")
    centers: dict[ReferenceName, float] = Field(description="eV relative to each reference")
    changes: dict[ReferenceName, float] = Field(description="eV, centre minus that of the baseline")


class ConvergenceReport(Result):
    """How far each centre, at each reference, moves when cutoff or k mesh are varied."""

    spec: BandCenterSpec
    rows: tuple[ConvergenceRow, ...] = Field(description="the baseline first")

    @property
    def largest(self) -> dict[ReferenceName, float]:
        """Reference to the largest absolute change, eV."""
        return {
            name: max(abs(row.changes[name]) for row in self.rows if name in row.changes)
            for name in self.rows[0].centers
        }


def convergence(documents: Sequence[CalculationDocument], spec: BandCenterSpec) -> ConvergenceReport:
    """Change of each centre at each reference over calculations of one cell at varied cutoff or k mesh.

    Parameters
    ----------
    documents : sequence of CalculationDocument
        The baseline, i.e. the settings in use, first.
    spec : BandCenterSpec
        Window and its reference.

    Raises
    ------
    InputError
        If there are fewer than two documents, or they are not of one composition and size.
    SignatureMismatchError
        If anything but the cutoff and the k mesh differs.
    """
    if len(documents) < 2:
        raise InputError(f"{len(documents)} document given; convergence needs the baseline and at least one variation")
    baseline = documents[0]
    for number, other in enumerate(documents[1:], start=1):
        if (other.formula, other.n_sites) != (baseline.formula, baseline.n_sites):
            raise InputError(
                f"{other.label} ({other.formula}, {other.n_sites} sites) is not the cell of {baseline.label} "
                f"({baseline.formula}, {baseline.n_sites} sites)"
            )
        signatures = {
            f"{baseline.label} (baseline)": baseline.signature,
            f"{other.label} (variation {number})": other.signature,
        }
        require_same_signature(
            {label: signature.model_copy(update={"cutoff": None}) for label, signature in signatures.items()}
        )
    tables = [band_report(bands_of(document), spec).row().by_reference for document in documents]
    rows = tuple(
        ConvergenceRow(
            label=document.label,
            cutoff=document.signature.cutoff,
            kpoint_density=document.signature.kpoint_density,
            centers=table,
            changes={name: value - tables[0][name] for name, value in table.items() if name in tables[0]},
        )
        for document, table in zip(documents, tables, strict=True)
    )
    return ConvergenceReport(spec=spec, rows=rows)
