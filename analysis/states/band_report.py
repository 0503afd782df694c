"""Tables of the band centres of one cell: per environment, site and spin. They share one zero and may be subtracted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.steps.electronic import BandCenterSpec, shell_name
from ...workflows.documents import BandEdges, CalculationDocument, ProjectedDos, require_real
from .band_center import BandCenter, CentersAtReferences, Selection, all_references, band_center, occupied_floor
from .band_references import Result, Spin, is_metal, occupied_top, window_moments

__all__ = [
    "BandReport",
    "Bands",
    "band_report",
    "bands_of",
    "common_spec",
    "parse_orbital",
    "shell_name",
]

#: electrons; a count of occupied states farther than this from a whole number says that the energy grid is too coarse
_WHOLE = 0.1


class Bands(NamedTuple):
    """Electronic structure of one cell, on the engine's own energy zero."""

    dos: ProjectedDos
    edges: BandEdges
    structure: Structure
    notes: tuple[str, ...] = ()


class BandReport(Result):
    """Every centre of one cell, at every reference, per environment (and per site and spin where asked for)."""

    formula: str
    spec: BandCenterSpec
    gap: float = Field(description="eV, 0 for a metal")
    efermi: float = Field(description="eV, on the engine's own energy zero")
    rows: tuple[CentersAtReferences, ...]
    notes: tuple[str, ...] = ()

    def row(self, environment: str = "all", spin: Spin = "both") -> CentersAtReferences:
        """The centres of one environment.

        Raises
        ------
        UnknownNameError
            If the report has no such row.
        """
        for row in self.rows:
            if (row.centers[0].environment, row.centers[0].spin) == (environment, spin):
                return row
        labels = [row.centers[0].environment for row in self.rows]
        raise UnknownNameError(f"no centres of {environment!r}, spin {spin}: {near_match_hint(environment, labels)}")

    def difference(self, environment: str, other: str) -> float:
        """Centre of `environment` minus that of `other`, eV: both lie in one cell, so no reference enters."""
        return _absolute(self.row(environment).centers[0]) - _absolute(self.row(other).centers[0])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready dict with the keys ``centers``, ``gap``, ``efermi``, ``spread``, ``unavailable`` and ``notes``;
        energies in eV."""
        return {
            "formula": self.formula,
            "centers": [_json_row(center) for row in self.rows for center in row.centers],
            "gap": self.gap,
            "efermi": self.efermi,
            "spread": [
                {
                    "environment": row.centers[0].environment,
                    "spin": row.centers[0].spin,
                    "all": row.spread,
                    "band_edges": row.spread_of_band_edges,
                }
                for row in self.rows
            ],
            "unavailable": self.rows[0].unavailable,
            "notes": list(self.notes),
        }


def _absolute(center: BandCenter) -> float:
    return center.center + center.reference_energy


def _json_row(center: BandCenter) -> dict[str, Any]:
    row = center.model_dump(mode="json", exclude={"orbital"})
    return row | {"orbital": shell_name(center.element, center.orbital), "n_atoms": center.n_atoms}


def parse_orbital(text: str) -> tuple[str, Literal["s", "p", "d"]]:
    """Split ``"O-2p"`` (or ``"O-p"``) into element and orbital.

    Raises
    ------
    InputError
        If the text is not of this form, or the shell is not the element's valence shell, which is what a
        projected DOS resolves.
    """
    from pymatgen.core.periodic_table import Element

    match = re.fullmatch(r"([A-Z][a-z]?)-(\d?)([spd])", text)
    if match is None or not Element.is_valid_symbol(match[1]):
        raise InputError(f"{text!r} is not an orbital: an element and s, p or d are needed, e.g. O-2p or Co-3d")
    element, shell, letter = match.groups()
    orbital: Literal["s", "p", "d"] = next(o for o in ("s", "p", "d") if o == letter)
    if shell and f"{shell}{orbital}" != shell_name(element, orbital):
        raise InputError(
            f"a projected DOS does not resolve {text}; for {element} it has {element}-{shell_name(element, orbital)}"
        )
    return element, orbital


def bands_of(document: CalculationDocument) -> Bands:
    """Projected DOS, band edges and structure of a stored document.

    Raises
    ------
    InputError
        If the calculation stored no projected DOS, or is a rehearsal's.
    """
    require_real(document)
    if document.dos is None or document.band_edges is None:
        raise InputError(
            f"{document.label} ({document.kind}, {document.tier}) has no projected DOS: only an electronic-structure "
            "step stores one"
        )
    return Bands(document.dos, document.band_edges, document.structure)


def band_report(
    bands: Bands,
    spec: BandCenterSpec,
    environments: Mapping[str, Sequence[int]] | None = None,
    resolve: Collection[Literal["site", "spin"]] = (),
    vacuum: float | None = None,
) -> BandReport:
    """Centres of one cell at every reference, for all atoms of the element and for each environment.

    Parameters
    ----------
    bands : Bands
        DOS, edges and structure of one calculation.
    spec : BandCenterSpec
        Element, orbital, window and the reference that fixes the window.
    environments : mapping of str to sequence of int, optional
        Label to sites of ``spec.element``, without overlap. Where they cover all atoms, the mean of
        their centres weighted by ``states`` is the centre of ``all`` on any zero they share.
    resolve : collection of {"site", "spin"}
        Add one row per atom, and one per spin channel.
    vacuum : float, optional
        eV, vacuum level on the engine's own zero.

    Raises
    ------
    UnknownNameError
        If the cell does not hold the element.
    InputError
        If an environment names a site of another element or a site twice, or a centre cannot be computed.
    """
    by_element: dict[str, list[int]] = {}
    for index, site in enumerate(bands.structure):
        by_element.setdefault(site.specie.symbol, []).append(index)
    if spec.element not in by_element:
        raise UnknownNameError(
            f"{bands.structure.reduced_formula} holds no {spec.element}: {near_match_hint(spec.element, by_element)}"
        )
    oxygens = None if spec.element == "O" else tuple(by_element.get("O", ()))
    spins: tuple[Spin, ...] = (
        ("both", "up", "down") if "spin" in resolve and len(bands.dos.densities) == 2 else ("both",)
    )
    floor = occupied_floor(bands.dos, bands.edges, spec, by_element.get("O", ()))
    rows = [
        all_references(bands.dos, bands.edges, sites, spec, Selection(spin, label, oxygens, vacuum, floor))
        for label, sites in _groups(spec.element, by_element[spec.element], environments or {}, "site" in resolve)
        for spin in spins
    ]
    return BandReport(
        formula=bands.structure.composition.reduced_formula,
        spec=spec,
        gap=bands.edges.gap,
        efermi=bands.edges.efermi,
        rows=tuple(rows),
        notes=(*_notes(bands, rows[0]), *_oxygen_window(bands, spec, rows[0].centers[0])),
    )


def _groups(
    element: str, sites: list[int], environments: Mapping[str, Sequence[int]], per_site: bool
) -> Iterator[tuple[str, list[int]]]:
    named = [i for members in environments.values() for i in members]
    wrong = sorted(set(named) - set(sites))
    if wrong or len(set(named)) != len(named):
        problem = f"sites {wrong} that are not {element}" if wrong else "a site twice"
        raise InputError(f"the environments {', '.join(environments)} name {problem}; {element} has the sites {sites}")
    yield "all", sites
    for label, members in environments.items():
        yield label, list(members)
    if per_site:
        for index in sites:
            yield f"{element}{index}", [index]


def _notes(bands: Bands, row: CentersAtReferences) -> tuple[str, ...]:
    """What a reader must know: how the edges were found, arbitrary references, and a DOS that does not hold a whole
    number of electrons.

    The electrons below the gap of an insulator are whole per spin channel, those below E_F of a metal in sum.
    """
    found = [*filter(None, (bands.edges.note, *bands.notes)), *(center.note for center in row.centers if center.note)]
    energies, total = np.asarray(bands.dos.energies), np.asarray(bands.dos.total)
    metal = is_metal(bands.edges)
    top = occupied_top(bands.edges)
    for channel in [total.sum(axis=0)] if metal else total:
        electrons = window_moments(energies, channel, float(energies[0]), top)[0]
        if abs(electrons - round(electrons)) > _WHOLE:
            found.append(
                f"the total DOS holds {electrons:.2f} electrons up to "
                f"{'E_F' if metal else 'mid-gap, in one spin channel'}, not a whole number: its grid step "
                f"of {energies[1] - energies[0]:.2f} eV samples it too coarsely (VASP: raise "
                f"NEDOS){', or smearing fills bands across E_F' if metal else ''}, and the centres inherit that error"
            )
    return tuple(found)


def _oxygen_window(bands: Bands, spec: BandCenterSpec, center: BandCenter) -> tuple[str, ...]:
    """Whether the window of an O 2p centre leaves out O 2s, and what the centre would be with it."""
    if spec.window != "occupied" or (spec.element, spec.orbital) != ("O", "p"):
        return ()
    if center.semicore_fraction is None:
        return ("the O 2s band cannot be told apart: the window begins at the lowest computed band and may hold it",)
    everything = Selection(center.spin, vacuum=center.reference_energy, floor=bands.dos.energies[0])
    whole = band_center(bands.dos, bands.edges, center.sites, spec, everything).center
    return (
        f"the window begins above the O 2s band, at {center.bounds[0]:.2f} eV from {center.reference}: "
        f"{100 * center.semicore_fraction:.1f} % of the occupied p-projected states lie below and are left out (with "
        f"them the centre is {whole:.3f} eV)",
    )


def common_spec(documents: Sequence[CalculationDocument], spec: BandCenterSpec) -> BandCenterSpec:
    """The specification with a zero that every cell has: a metal has no band edges, so E_F stands in where one is among
    them.

    The occupied states are the same states from any zero; a window given as a range is not, and is left alone.

    Parameters
    ----------
    documents : sequence of CalculationDocument
        With band edges.
    spec : BandCenterSpec
    """
    edges = [document.band_edges for document in documents if document.band_edges is not None]
    if spec.window == "occupied" and spec.reference in ("vbm", "cbm", "midgap") and any(is_metal(e) for e in edges):
        return spec.model_copy(update={"reference": "fermi"})
    return spec
