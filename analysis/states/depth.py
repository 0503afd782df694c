"""Centres by depth: the atomic planes of a slab or interface, the layers they belong to, and what each projects.

All centres of one cell share one zero, so that planes and layers may be subtracted from each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.errors import UnknownNameError, near_match_hint
from ...configs.steps.electronic import BandCenterSpec
from ...structures.crystals.environment import anion_environments, group_by_environment
from ...structures.crystals.magnetism import moment_window
from ...structures.crystals.redox import ionic_moment
from .band_center import BandCenter, CentersAtReferences
from .band_references import Result
from .band_report import Bands, band_report
from .depth_planes import Stack, is_layered, stack_of
from .spin_states import left_open, spin_candidates

__all__ = ["DepthReport", "Group", "depth_report", "ion_groups", "ion_notes"]

#: µB; |moments| of one species farther apart than this belong to different states
_OTHER_STATE = 0.5
UNTAGGED = "the sites carry no layer tags: what lies between vacuum, or between the cell's images, counts as one layer"
#: elements whose sites are told apart by what surrounds them
_ANIONS = ("O", "S", "Cl")


class Group(Result):
    """Centres of the sites of one element in one plane, layer, environment or state of charge."""

    label: str
    kind: str = Field(description="plane, layer, interior, environment or ion")
    layer: str = ""
    height: float | None = Field(None, description="Å above the lowest plane, of a plane")
    environments: tuple[str, ...] = Field((), description="of an anion, e.g. Co-O-Li (Li3Co3)")
    moments: tuple[float, float] | None = Field(None, description="µB, smallest and largest |moment|, of an ion")
    row: CentersAtReferences

    @property
    def first(self) -> BandCenter:
        """The centre at the reference that was asked for."""
        return self.row.centers[0]

    @property
    def level(self) -> float:
        """The centre on the engine's own zero, eV: what may be subtracted within one cell."""
        return self.first.center + self.first.reference_energy


class DepthReport(Result):
    """Every centre of one element by plane, layer, environment and, for a metal, ion."""

    formula: str
    spec: BandCenterSpec
    total: CentersAtReferences
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()

    def of(self, kind: str) -> list[Group]:
        """The groups of one kind."""
        return [group for group in self.groups if group.kind == kind]

    def group(self, label: str, kind: str = "layer") -> Group:
        """One group.

        Raises
        ------
        UnknownNameError
            If there is none.
        """
        for group in self.of(kind):
            if group.label == label:
                return group
        raise UnknownNameError(
            f"no centres of the {kind} {label!r}; {near_match_hint(label, [group.label for group in self.of(kind)])}"
        )

    def difference(self, label: str, other: str, kind: str = "layer") -> float:
        """Centre of one group minus that of another, eV: both lie in one cell, so no reference enters."""
        return self.group(label, kind).level - self.group(other, kind).level

    def to_json(self) -> list[dict[str, Any]]:
        """One dict per group: kind, label, layer, height (Å), environments, moments (µB), states, centres (eV) by
        reference, and their spread (eV)."""
        return [
            {
                **group.model_dump(mode="json", exclude={"row"}),
                "n_atoms": group.first.n_atoms,
                "states": group.first.states,
                "centers": group.row.by_reference,
                "spread": group.row.spread,
                "level": group.level,
            }
            for group in self.groups
        ]


def depth_report(
    bands: Bands, spec: BandCenterSpec, stack: Stack | None = None, vacuum: float | None = None
) -> DepthReport:
    """Centres of one element by plane, layer, interior of a layer, environment within a layer, and ion.

    The planes hold every site of the element once, and so do the layers and the environments: their states add up to
    those of the cell. Core references (``o1s``, ``o2s``) are those of the oxygens of each group; all other zeros are
    the cell's.

    Parameters
    ----------
    bands : Bands
        DOS, edges and structure of one calculation.
    spec : BandCenterSpec
        Element, orbital, window and the reference that fixes the window.
    stack : Stack, optional
        Of the same structure; :func:`stack_of` where left out.
    vacuum : float, optional
        eV, vacuum level on the engine's own zero.

    Raises
    ------
    UnknownNameError
        If the cell does not hold the element.
    InputError
        If a centre cannot be computed.
    """
    found = stack or stack_of(bands.structure)
    symbols = [site.specie.symbol for site in bands.structure]
    mine = {i for i, symbol in enumerate(symbols) if symbol == spec.element}
    names = _environment_names(bands.structure, spec.element)
    bottom = found.planes[0].height
    layer_of = {site: layer.label for layer in found.layers for site in layer.sites}
    asked: list[tuple[dict[str, Any], list[int]]] = []
    for number, plane in enumerate(found.planes, start=1):
        sites = [i for i in plane.sites if i in mine]
        height = plane.height - bottom
        asked.append(
            (
                {
                    "label": f"plane {number} ({plane.formula})",
                    "kind": "plane",
                    "layer": layer_of[plane.sites[0]],
                    "height": height,
                },
                sites,
            )
        )
    labels = list(dict.fromkeys(layer.label for layer in found.layers))
    for kind in ("layer", "interior") if is_layered(found) else ("layer",):
        for label in labels:
            sites = [
                i
                for layer in found.layers
                if layer.label == label
                for i in (layer.sites if kind == "layer" else layer.interior)
                if i in mine
            ]
            asked.append(({"label": label, "kind": kind, "layer": label}, sites))
    groups = _by_layer(names, layer_of, labels)
    asked += [
        ({"label": _within(name, layer, labels), "kind": "environment", "layer": layer}, sites)
        for (name, layer), sites in groups.items()
    ]
    if Element(spec.element).is_transition_metal:
        ions = {site: ion for ion, sites in ion_groups(bands.structure, spec.element).items() for site in sites}
        groups = _by_layer(ions, layer_of, labels)
        asked += [
            ({"label": _within(name, layer, labels), "kind": "ion", "layer": layer}, sites)
            for (name, layer), sites in groups.items()
        ]
    made, total = _centered(bands, spec, asked, vacuum)
    told = [_told(bands.structure, about, names) for about, _ in made]
    return DepthReport(
        formula=bands.structure.composition.reduced_formula,
        spec=spec,
        total=total,
        groups=tuple(Group(**about, **more, row=row) for (about, row), more in zip(made, told, strict=True)),
        notes=(*ion_notes(bands.structure), *(() if found.tagged else (UNTAGGED,))),
    )


def _centered(
    bands: Bands, spec: BandCenterSpec, asked: Sequence[tuple[dict[str, Any], list[int]]], vacuum: float | None
) -> tuple[list[tuple[dict[str, Any], CentersAtReferences]], CentersAtReferences]:
    """The groups that hold the element, each with its centres; and the centres of all its sites."""
    held = [(about | {"sites": sites}, sites) for about, sites in asked if sites]
    total = band_report(bands, spec, vacuum=vacuum).row()
    rows = []
    for about, sites in held:
        report = band_report(bands, spec, {about["label"]: sites}, vacuum=vacuum)
        rows.append((about, report.row(about["label"])))
    return rows, total


def _told(structure: Structure, about: dict[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """What else is said of a group; takes its sites out of `about`."""
    sites = about.pop("sites")
    moments = structure.site_properties.get("magmom")
    sizes = [abs(float(moments[i])) for i in sites] if moments is not None and about["kind"] == "ion" else []
    return {
        "environments": tuple(dict.fromkeys(names[i] for i in sites if i in names)),
        "moments": (min(sizes), max(sizes)) if sizes else None,
    }


def _within(name: str, layer: str, labels: Sequence[str]) -> str:
    return f"{name} in {layer}" if len(labels) > 1 else name


def _by_layer(
    names: Mapping[int, str], layer_of: Mapping[int, str], labels: Sequence[str]
) -> dict[tuple[str, str], list[int]]:
    """Sites by (name, layer), layers from the bottom up."""
    groups: dict[tuple[str, str], list[int]] = {}
    for site in sorted(names, key=lambda i: (labels.index(layer_of[i]), names[i], i)):
        groups.setdefault((names[site], layer_of[site]), []).append(site)
    return groups


def _environment_names(structure: Structure, element: str) -> dict[int, str]:
    """Site to what surrounds it, ``Co-O-Li (Li3Co3)``; empty for a cation."""
    if element not in _ANIONS or not any(site.specie.symbol == element for site in structure):
        return {}
    found = anion_environments(structure, element)
    bridges = {environment.label: environment.bridge for environment in found}
    return {
        site: f"{bridges[label]} ({label})" for label, sites in group_by_environment(found).items() for site in sites
    }


def ion_groups(structure: Structure, element: str) -> dict[str, list[int]]:
    """Sites of an element by oxidation state; |moments| more than 0.5 µB apart are told apart.

    Parameters
    ----------
    structure : Structure
        With oxidation states, with computed moments (site property ``magmom``, µB), or both.
    element : str

    Returns
    -------
    dict of str to list of int
        ``Co2+``; ``Mn (3.8 µB)`` where there are moments and no oxidation states, or several states of one ion.
    """
    moments = structure.site_properties.get("magmom")
    groups: dict[str, list[int]] = {}
    for site, specie in enumerate(site.specie for site in structure):
        if specie.symbol == element:
            groups.setdefault(str(specie), []).append(site)
    if moments is None:
        return groups
    named: dict[str, list[int]] = {}
    for name, sites in sorted(groups.items()):
        rising = sorted(sites, key=lambda i: abs(float(moments[i])))
        sizes = np.array([abs(float(moments[i])) for i in rising])
        parts = np.split(np.array(rising), np.flatnonzero(np.diff(sizes) > _OTHER_STATE) + 1)
        for part in parts:
            several = len(parts) > 1 or name == element
            mean = float(np.mean([abs(float(moments[int(i)])) for i in part]))
            named[f"{name} ({mean:.1f} µB)" if several else name] = sorted(int(i) for i in part)
    return named


def ion_notes(structure: Structure) -> list[str]:
    """Transition-metal sites whose computed moment is not that of the oxidation state they are labelled with, and what
    the moment would name instead."""
    moments = structure.site_properties.get("magmom")
    if moments is None:
        return []
    notes = []
    for index, (site, moment) in enumerate(zip(structure, moments, strict=True)):
        if isinstance(site.specie, Species) and site.specie.element.is_transition_metal and site.specie.oxi_state:
            low, high = moment_window(ionic_moment(site.specie))
            if moment is not None and not low <= abs(float(moment)) <= high:
                candidates = spin_candidates(site.specie.symbol, "octahedral")
                named = f", as {left_open(candidates, abs(float(moment)))[0].name} shows" if candidates else ""
                notes.append(
                    f"site {index} is labelled {site.specie} and has {float(moment):.2f} µB, outside {low:.2f} to "
                    f"{high:.2f} µB: another state of charge or spin{named}"
                )
    return notes
