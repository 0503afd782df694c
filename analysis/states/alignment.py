"""Where the centres of two materials lie relative to each other: one cell that holds both, and bulk cells aligned by
it.

Two separate bulk cells have no common zero. A coherent cell of both gives one in several ways, which must agree where
it is thick enough: the centres of its own layers; the bulk centres on the averaged potential of each layer (C. G. Van
de Walle, R. M. Martin, Phys. Rev. B 35 (1987) 8154); and the bulk centres shifted like the core levels of each layer
(as in photoemission: E. A. Kraut et al., Phys. Rev. Lett. 44 (1980) 1620). What remains between them is part of the
result, and so is what the separate cells say at each of their own zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ...configs.errors import InputError
from ...configs.models import Tier
from ...configs.steps.electronic import BandCenterSpec
from ...workflows.documents import CalculationDocument, require_same_signature
from .band_references import Result
from .band_report import band_report, bands_of
from .comparison import Comparison, compare
from .depth import DepthReport, depth_report
from .depth_planes import DepthLayer, Stack, stack_of
from .potential_profile import PotentialProfile, planar_of, potential_profile, vacuum_level

__all__ = ["AlignedDifference", "Alignment", "TrendRow", "alignment", "thickness_trend"]

#: a layer whose volume per atom differs by more from that of its bulk cell is pointed out: averaged potentials go with
#: 1/volume
_SAME_VOLUME = 0.005
Way = Literal["one cell", "potential step", "core levels", "vacuum"]


class AlignedDifference(Result):
    """Centre of b minus centre of a by one way of putting both on one zero."""

    way: Way
    detail: str = Field(description="which planes, which core level")
    a: float | None = Field(None, description="eV, on the zero of the common cell, or from vacuum")
    b: float | None = None
    difference: float = Field(description="b - a, eV")


class Alignment(Result):
    """Every answer to where the centre of b lies relative to that of a."""

    a: str
    b: str
    tier: Tier
    spec: BandCenterSpec
    n_atoms: int = Field(description="of the common cell")
    planes: tuple[int, int] = Field(description="of a and b in the common cell")
    gap: float = Field(description="eV, of the common cell")
    rows: tuple[AlignedDifference, ...]
    step: float | None = Field(None, description="eV, macroscopic average of the potential energy in b minus that in a")
    volumes: dict[str, float] = Field(
        default_factory=dict,
        description="tag to volume per atom of the inner planes over that of the bulk cell, minus 1",
    )
    step_error: float | None = Field(
        None,
        description=(
            "eV: the larger of what other boxes change and what the halves of the layers differ by; None where a layer "
            "is too thin for a plateau"
        ),
    )
    separate: Comparison | None = Field(None, description="the bulk cells alone, at each of their own zeros")
    notes: tuple[str, ...] = ()

    @property
    def spread(self) -> float:
        """Largest minus smallest difference over the ways that share a zero, eV."""
        return float(np.ptp([row.difference for row in self.rows]))

    def difference(self, way: Way, detail: str | None = None) -> float:
        """One difference, eV.

        Raises
        ------
        InputError
            If that way was not open.
        """
        for row in self.rows:
            if row.way == way and detail in (None, row.detail):
                return row.difference
        raise InputError(
            f"no alignment by {way}{f' ({detail})' if detail else ''}; there are "
            f"{', '.join(f'{r.way} ({r.detail})' for r in self.rows)}"
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dict, spreads included; energies in eV."""
        known = self.model_dump(mode="json", exclude={"separate"})
        return known | {"spread": self.spread, "separate": None if self.separate is None else self.separate.to_json()}


class TrendRow(Result):
    """One thickness of a common cell."""

    n_atoms: int
    planes: tuple[int, int]
    gap: float = Field(description="eV")
    step: float | None = Field(description="eV")
    differences: dict[str, float] = Field(description="way and detail to b - a, eV")
    deviations: dict[str, float] = Field(description="eV, from the thickest cell; the step under 'step'")


def alignment(
    joint: CalculationDocument,
    spec: BandCenterSpec,
    bulk: Mapping[str, CalculationDocument] | None = None,
    slabs: Mapping[str, CalculationDocument] | None = None,
    pair: tuple[str, str] | None = None,
) -> Alignment:
    """Compare the centres of two layers of one cell, and of the bulk cells aligned by it.

    Parameters
    ----------
    joint : CalculationDocument
        The cell that holds both, its sites tagged (site property ``layer``).
    spec : BandCenterSpec
        Element, orbital, window, and the reference that fixes the window.
    bulk : mapping of str to CalculationDocument, optional
        Tag to the bulk cell of that layer, at the layer's strain.
    slabs : mapping of str to CalculationDocument, optional
        Tag to a slab with vacuum of that material.
    pair : tuple of str, optional
        Tags a and b; the two layers of the cell where left out.

    Raises
    ------
    InputError
        If the cell has not two tagged layers, a document has no projected DOS, or a centre cannot be computed.
    SignatureMismatchError
        If the calculations differ in functional, U, cutoff or the like.
    UnknownNameError
        If the cell does not hold a layer of `pair`.
    """
    bulk, slabs = bulk or {}, slabs or {}
    everyone = (
        {f"{joint.label} (both)": joint}
        | {f"{d.label} (bulk)": d for d in bulk.values()}
        | {f"{d.label} (slab)": d for d in slabs.values()}
    )
    require_same_signature({label: document.signature for label, document in everyone.items()})
    stack = stack_of(joint.structure)
    a, b = pair or _pair(joint, stack)
    profile = None if joint.potential is None else potential_profile(planar_of(joint), stack)
    common = _Common(joint, profile, {label: stack.layer(label) for label in (a, b)})
    report = depth_report(bands_of(joint), spec, stack)
    complete = a in bulk and b in bulk
    volumes = _volumes(common, bulk) if complete else {}
    step = None if profile is None else profile.step(a, b)
    return Alignment(
        a=a,
        b=b,
        tier=joint.tier,
        spec=spec,
        n_atoms=joint.n_sites,
        planes=(len(stack.layer(a).planes), len(stack.layer(b).planes)),
        gap=bands_of(joint).edges.gap,
        rows=(*_one_cell(report, (a, b)), *(_from_bulk(common, spec, bulk, slabs) if complete else ())),
        step=step,
        step_error=None if profile is None else _step_error(profile, a, b),
        volumes=volumes,
        separate=compare(bulk[a], bulk[b], spec, step) if complete else None,
        notes=(*report.notes, *(profile.notes if profile is not None else ()), *_notes(volumes)),
    )


@dataclass(frozen=True)
class _Common:
    """The cell that holds both, its potential, and the two layers by their tags, a first."""

    document: CalculationDocument
    profile: PotentialProfile | None
    layers: dict[str, DepthLayer]


def _pair(joint: CalculationDocument, stack: Stack) -> tuple[str, str]:
    labels = list(dict.fromkeys(layer.label for layer in stack.layers))
    if len(labels) != 2 or not stack.tagged:
        raise InputError(
            f"{joint.label}: two layers are compared, and the cell has {len(labels)} ({', '.join(labels)}); tag its "
            "sites (property layer), or name two"
        )
    return labels[0], labels[1]


def _volumes(common: _Common, bulk: Mapping[str, CalculationDocument]) -> dict[str, float]:
    """Volume per atom of each layer, with the mean spacing of its inner planes, over that of its bulk cell, minus 1."""
    area = float(np.linalg.norm(np.cross(*common.document.structure.lattice.matrix[:2])))
    inside = {
        label: area * layer.spacing * len(layer.planes) / len(layer.sites) for label, layer in common.layers.items()
    }
    return {
        label: volume / (bulk[label].structure.volume / bulk[label].n_sites) - 1 for label, volume in inside.items()
    }


def _notes(volumes: Mapping[str, float]) -> list[str]:
    return [
        (
            f"{label}: its inner planes hold {100 * change:+.1f} % volume per atom against its bulk cell, so averaged "
            "potentials and core levels of the two are not of one density"
        )
        for label, change in volumes.items()
        if abs(change) > _SAME_VOLUME
    ]


def _step_error(profile: PotentialProfile, a: str, b: str) -> float | None:
    if not all(profile.level(label).has_plateau for label in (a, b)):
        return None
    return profile.step_error(a, b)


def _one_cell(report: DepthReport, pair: tuple[str, str]) -> list[AlignedDifference]:
    """All planes, and those that do not touch the other material."""
    rows = []
    for kind, detail in (("layer", "all planes"), ("interior", "inner planes")):
        levels = {group.label: group.level for group in report.of(kind)}
        if all(label in levels for label in pair):
            a, b = levels[pair[0]], levels[pair[1]]
            rows.append(AlignedDifference(way="one cell", detail=detail, a=a, b=b, difference=b - a))
    if not rows:
        raise InputError(f"{pair[0]} or {pair[1]} holds no {report.spec.element}: there are no two centres to compare")
    return rows


def _from_bulk(
    common: _Common,
    spec: BandCenterSpec,
    bulk: Mapping[str, CalculationDocument],
    slabs: Mapping[str, CalculationDocument],
) -> list[AlignedDifference]:
    """The bulk centres on the zero of the common cell, and on that of the vacuum where there are slabs."""
    centers = {label: band_report(bands_of(bulk[label]), spec).row().centers[0] for label in common.layers}
    levels = {label: center.center + center.reference_energy for label, center in centers.items()}
    rows = _potential_step(common, bulk, levels) + _core_levels(common, bulk, levels)
    return [*rows, _vacuum(slabs, bulk, levels)] if all(label in slabs for label in levels) else rows


def _potential_step(
    common: _Common, bulk: Mapping[str, CalculationDocument], levels: Mapping[str, float]
) -> list[AlignedDifference]:
    """Bulk centre from the bulk's averaged potential, put on the averaged potential of the layer."""
    average = {label: bands_of(bulk[label]).edges.average_potential for label in levels}
    if common.profile is None:
        return []
    placed = [
        levels[label] - value + common.profile.level(label).energy
        for label, value in average.items()
        if value is not None
    ]
    if len(placed) < len(levels):
        return []
    a, b = placed
    return [AlignedDifference(way="potential step", detail="bulk cells", a=a, b=b, difference=b - a)]


def _core_levels(
    common: _Common, bulk: Mapping[str, CalculationDocument], levels: Mapping[str, float]
) -> list[AlignedDifference]:
    """Bulk centres shifted like the core levels of the inner planes, for each element that both materials hold."""
    shifts = [_core_shifts(common.document, layer, bulk[label]) for label, layer in common.layers.items()]
    rows = []
    for element in sorted(set(shifts[0]) & set(shifts[1])):
        a, b = (level + shift[element] for level, shift in zip(levels.values(), shifts, strict=True))
        rows.append(AlignedDifference(way="core levels", detail=f"bulk cells, {element}", a=a, b=b, difference=b - a))
    return rows


def _core_shifts(joint: CalculationDocument, layer: DepthLayer, bulk: CalculationDocument) -> dict[str, float]:
    """Element to the mean potential at its cores in the inner planes of a layer minus that in bulk, eV."""
    inside, outside = bands_of(joint).edges.core_potentials, bands_of(bulk).edges.core_potentials
    if inside is None or outside is None:
        return {}
    here: dict[str, list[float]] = {}
    there: dict[str, list[float]] = {}
    for site in layer.interior or layer.sites:
        here.setdefault(joint.structure[site].specie.symbol, []).append(inside[site])
    for atom, value in zip(bulk.structure, outside, strict=True):
        there.setdefault(atom.specie.symbol, []).append(value)
    return {
        element: float(np.mean(values) - np.mean(there[element]))
        for element, values in here.items()
        if element in there
    }


def _vacuum(
    slabs: Mapping[str, CalculationDocument], bulk: Mapping[str, CalculationDocument], levels: Mapping[str, float]
) -> AlignedDifference:
    """Bulk centres from vacuum: bulk centre to averaged potential to the interior of a slab to its vacuum level."""
    found = []
    for label, level in levels.items():
        average = bands_of(bulk[label]).edges.average_potential
        if average is None:
            raise InputError(f"{bulk[label].label} stores no averaged potential, so it cannot be put beside its slab")
        potential, stack = planar_of(slabs[label]), stack_of(slabs[label].structure)
        inside = potential_profile(potential, stack).levels[0].energy
        found.append(level - average + inside - vacuum_level(potential, stack).energy)
    a, b = found
    return AlignedDifference(way="vacuum", detail="bulk cells and slabs", a=a, b=b, difference=b - a)


def thickness_trend(alignments: Sequence[Alignment]) -> list[TrendRow]:
    """The same pair in cells of several thicknesses, the thinnest first, with the deviation of each from the thickest.

    Raises
    ------
    InputError
        If there is none, or they are not of one pair, tier and specification.
    """
    if not alignments:
        raise InputError("a trend needs at least one alignment")
    if len({(x.a, x.b, x.tier, x.spec) for x in alignments}) > 1:
        raise InputError(
            "alignments of different pairs, tiers or specifications make no trend: "
            + "; ".join(f"{x.a}, {x.b}, {x.tier}" for x in alignments)
        )
    rising = sorted(alignments, key=lambda x: x.n_atoms)
    tables = [_named(x) for x in rising]
    return [
        TrendRow(
            n_atoms=x.n_atoms,
            planes=x.planes,
            gap=x.gap,
            step=x.step,
            differences={name: value for name, value in table.items() if name != "step"},
            deviations={name: value - tables[-1][name] for name, value in table.items() if name in tables[-1]},
        )
        for x, table in zip(rising, tables, strict=True)
    ]


def _named(found: Alignment) -> dict[str, float]:
    steps = {} if found.step is None else {"step": found.step}
    return {f"{row.way}, {row.detail}": row.difference for row in found.rows} | steps
