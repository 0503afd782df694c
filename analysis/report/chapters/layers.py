"""Chapter on layered geometry: every relaxed crystal, slab and stack of a layered oxide, and where molecular dynamics
ended, before and after lithium leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymatgen.core.periodic_table import Element

from ....configs.errors import StructureError
from ....workflows.roles import (
    Arrangement,
    Chunk,
    Delithiated,
    Exchanged,
    HopEnd,
    Host,
    PolymorphCell,
    StackHost,
    Strained,
    Vacancy,
)
from ...figures.layers import layer_content_figure, layers_figure
from ...layers.geometry import AtomicPlane, CationLayer, LayeredGeometry, layered_geometry
from ...words import file_stem
from ..case import Case, Finished
from ..chapter import Chapter
from ..columns import CELL, HEIGHT, JOB, KIND, LI_VACANCIES, ROLE, TIER
from ..content import Block, Column, KeyNumber, Picture, Table
from ..quantity import Quantity

__all__ = ["LAYERS", "MeasuredLayers", "delithiation", "measured_layers"]

_LAYER_CLASS = Column("structure", "class")
_METAL_IN_LI = Column("metal", "metal per site of Li layers", 3)
_O_O_ACROSS = Column("o_o", "O–O across the Li layer (Å)", 3)
_I_LIO2 = Column("i", "I(LiO₂) (Å)", 3)
_S_MO2 = Column("s", "S(MO₂) (Å)", 3)
_LI_CONTENT = Column("content", "Li per MO₂", 3)


@dataclass(frozen=True)
class MeasuredLayers:
    """One structure of a campaign with its layered geometry.

    Parameters
    ----------
    found : Finished
    kind : str
        ``crystal``, ``slab``, ``stack`` or ``end of dynamics``.
    geometry : LayeredGeometry
    content : float
        Lithium atoms per two oxygen atoms of the oxide: x of LixMO2.
    """

    found: Finished
    kind: str
    geometry: LayeredGeometry
    content: float

    @property
    def label(self) -> str:
        """Name of the document."""
        return self.found.document.label

    @property
    def vacancies(self) -> int | None:
        """Li vacancies against the host of a ladder, 0 for the host; None for any other structure."""
        role = self.found.document.role
        if isinstance(role, Arrangement):
            return role.n_lithium_vacancies
        return 0 if isinstance(role, Host) else None

    def row(self) -> dict[str, Any]:
        """Line of the table: lengths Å, mixing per site."""
        g = self.geometry
        counts: dict[str, int] = {}
        for layer in g.planes or g.layers:
            counts[layer.structure] = counts.get(layer.structure, 0) + 1
        classes = ", ".join(f"{number} {name}" for name, number in counts.items())
        return {
            "label": self.label,
            "kind": self.kind,
            "tier": self.found.document.tier,
            "content": self.content,
            "s": g.s_mo2,
            "i": g.i_lio2,
        } | {
            "o_o": g.o_o_li_layer,
            "metal": g.tm_in_li_layer,
            "lithium": g.li_in_tm_layer,
            "structure": g.structure,
            "classes": classes,
            "job": self.found.job,
        }

    def layer_rows(self) -> list[dict[str, Any]]:
        """One line for each layer, or for each atomic plane where the layers cut the surface."""
        rows = []
        layers: tuple[AtomicPlane | CationLayer, ...] = self.geometry.planes or self.geometry.layers
        for number, layer in enumerate(layers, 1):
            counted = {
                "label": self.label,
                "number": number,
                "lithium": layer.lithium,
                "metal": layer.metal,
                "structure": layer.structure,
            }
            lengths: dict[str, Any]
            if isinstance(layer, AtomicPlane):
                rows.append(
                    counted | {"role": "atomic plane", "height": layer.height, "s": layer.s_mo2, "i": layer.i_lio2}
                )
            else:
                lengths = (
                    {"s": None, "i": layer.thickness} if layer.role == "lithium" else {"s": layer.thickness, "i": None}
                )
                rows.append(counted | {"role": layer.role, "o_o": layer.o_o, **lengths})
        return rows


def _blocks(measured: Sequence[MeasuredLayers]) -> list[Block]:
    blocks: list[Block] = [_table(measured), _layer_table(measured)]
    for label, series in delithiation(measured).items():
        blocks += _content_blocks(label, series)
    for one in measured:
        if one.kind != "crystal":
            title = f"{one.label} ({one.kind}, {one.found.document.tier})"
            alt = (
                f"Thickness, cations and class of every layer of {one.label} ({one.kind}); the numbers stand in the "
                "table of layers."
            )
            name = f"layers_{file_stem(one.label)}_{one.found.job}"
            blocks.append(Picture(name, layers_figure(one.geometry, _formula(one), title), alt))
    return blocks


def measured_layers(case: Case) -> list[MeasuredLayers]:
    """Return every relaxed structure, and the last frame of every run of molecular dynamics, that holds a layered
    oxide.

    Of the step ``oxygen_loss`` hosts and arrangements of Li vacancies count; orderings that were only ranked, and cells
    without an oxygen atom, do not.

    Parameters
    ----------
    case : Case
    """
    measured = []
    for found in _wanted(case):
        try:
            geometry = layered_geometry(found.document.structure)
        except StructureError:
            continue  # no close-packed oxide
        if "layered" in geometry.shares:
            content = 2 * sum(layer.lithium for layer in geometry.layers) / geometry.n_oxygen
            measured.append(MeasuredLayers(found, _kind(found, geometry), geometry, content))
    return measured


def delithiation(measured: Sequence[MeasuredLayers]) -> dict[str, list[MeasuredLayers]]:
    """Return the lowest cell of each number of Li vacancies, by material and by rising number, where there is more than
    the host.

    Parameters
    ----------
    measured : sequence of MeasuredLayers
    """
    lowest: dict[str, dict[int, MeasuredLayers]] = {}
    for one in measured:
        if one.vacancies is not None:
            levels = lowest.setdefault(one.found.material, {})
            if one.vacancies not in levels or one.found.document.energy < levels[one.vacancies].found.document.energy:
                levels[one.vacancies] = one
    return {
        label: [levels[n] for n in sorted(levels)]
        for label, levels in lowest.items()
        if len(levels) > 1 and 0 in levels
    }


def _wanted(case: Case) -> list[Finished]:
    """Relaxations worth a line, and the last chunk of each run."""
    kept: list[Finished] = []
    last: dict[tuple[str, int], tuple[int, Finished]] = {}
    for found in case.finished:
        role = found.document.role
        if not _may_be_layered(found):
            continue
        if found.document.kind == "relax":
            if isinstance(role, (Delithiated, Exchanged, HopEnd, PolymorphCell, StackHost, Strained, Vacancy)):
                continue
            if found.entry.plan["step"] != "oxygen_loss" or isinstance(role, (Host, Arrangement)):
                kept.append(found)
        elif found.document.kind == "md" and isinstance(role, Chunk) and found.entry.plan["step"] != "conductivity":
            key = found.document.label, role.replica
            if key not in last or role.number > last[key][0]:
                last[key] = role.number, found
    return kept + [found for _, found in last.values()]


def _may_be_layered(found: Finished) -> bool:
    """Whether a cell holds oxygen and a transition metal."""
    symbols = found.document.structure.symbol_set
    return "O" in symbols and any(Element(symbol).is_transition_metal for symbol in symbols)


def _formula(one: MeasuredLayers) -> str:
    return str(one.found.document.structure.composition.remove_charges().reduced_formula)


def _kind(found: Finished, geometry: LayeredGeometry) -> str:
    if found.document.kind == "md":
        return "end of dynamics"
    if geometry.inclination is not None:
        return "slab"
    tags = found.document.structure.site_properties.get("layer")
    return "stack" if tags and len({str(tag) for tag in tags}) > 1 else "crystal"


def _table(measured: Sequence[MeasuredLayers]) -> Table:
    columns = (
        Column("label", "structure", chemical=True),
        KIND,
        TIER,
        _LI_CONTENT,
        _S_MO2,
        _I_LIO2,
        _O_O_ACROSS,
        _METAL_IN_LI,
        Column("lithium", "Li per site of metal layers", 3),
        _LAYER_CLASS,
        Column("classes", "layers by class"),
        JOB,
    )
    note = (
        "S: distance of the oxygen planes around a metal layer, I: around a lithium layer; means over the layers of "
        "the oxide. Where layers cut a surface, classes are those of the atomic planes parallel to it."
    )
    return Table(
        "layers",
        "Layers of relaxed structures and of the end of dynamics",
        columns,
        [one.row() for one in measured],
        note,
    )


def _layer_table(measured: Sequence[MeasuredLayers]) -> Table:
    columns = (
        Column("label", "structure"),
        Column("number", "layer", 0),
        ROLE,
        HEIGHT,
        _S_MO2,
        _I_LIO2,
        Column("o_o", "O–O (Å)", 3),
        Column("lithium", "Li", 0),
        Column("metal", "metal", 0),
        _LAYER_CLASS,
    )
    return Table(
        "every_layer", "Every layer", columns, [row for one in measured for row in one.layer_rows()], shown=False
    )


def _content_blocks(label: str, series: Sequence[MeasuredLayers]) -> list[Block]:
    """Lengths before and after delithiation, with their change against the host."""
    lengths = {"s": "s_mo2", "i": "i_lio2", "o_o": "o_o_li_layer", "metal": "tm_in_li_layer"}
    host = series[0].geometry
    rows = []
    for one in series:
        values = {key: getattr(one.geometry, name) for key, name in lengths.items()}
        changes = {
            f"d_{key}": None
            if value is None or getattr(host, lengths[key]) is None
            else value - getattr(host, lengths[key])
            for key, value in values.items()
        }
        rows.append(
            {
                "label": one.label,
                "n": one.vacancies,
                "content": one.content,
                "structure": one.geometry.structure,
                **values,
                **changes,
            }
        )
    columns = (
        CELL,
        LI_VACANCIES,
        _LI_CONTENT,
        _S_MO2,
        Column("d_s", "change (Å)", 3),
        _I_LIO2,
        Column("d_i", "change (Å)", 3),
        _O_O_ACROSS,
        Column("d_o_o", "change (Å)", 3),
        _METAL_IN_LI,
        _LAYER_CLASS,
    )
    tier = series[0].found.document.tier
    table = Table(
        f"layers_lithium_{label}",
        f"{label}: layers before and after lithium leaves",
        columns,
        rows,
        f"Tier: {tier}. The lowest cell of each content.",
    )
    points = [(one.content, one.geometry) for one in series]
    alt = f"Thickness of metal and lithium layers of {label} over the lithium content; the numbers stand in the table."
    return [table, Picture(f"layers_lithium_{label}", layer_content_figure(points, label, tier), alt)]


def _length(name: str, measured: Sequence[MeasuredLayers], arguments: tuple[str, ...]) -> KeyNumber | None:
    """A length of the host of a ladder, else of the first relaxed crystal of a material."""
    own = [one for one in measured if one.found.material == arguments[0] and one.kind == "crystal"]
    one = min(own, key=lambda one: one.vacancies != 0, default=None)
    value = None if one is None else getattr(one.geometry, name)
    if one is None or value is None:
        return None
    titles = {"s_mo2": "S(MO₂)", "i_lio2": "I(LiO₂)", "o_o_li_layer": "O–O across the lithium layer"}
    quantity, tier = f"{titles[name]} of {one.label}", one.found.document.tier
    return KeyNumber(quantity, float(value), "Å", 3, tier, f"job {one.found.job}", names=(name, *arguments))


QUANTITIES: tuple[Quantity[Sequence[MeasuredLayers]], ...] = (
    Quantity(
        "s_mo2", ("material",), "Å", "thickness of the metal layer", partial(_length, "s_mo2"), step="oxygen_loss"
    ),
    Quantity(
        "i_lio2", ("material",), "Å", "thickness of the lithium layer", partial(_length, "i_lio2"), step="oxygen_loss"
    ),
)

LAYERS = Chapter(
    "layers",
    "Layered geometry",
    "No layered oxide has been relaxed or moved in this campaign.",
    lambda case: measured_layers(case) or None,
    lambda _, measured: measured,
    _blocks,
    quantities=QUANTITIES,
)
