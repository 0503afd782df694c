"""Chapter on volumes: before and after decomposition, with the source of every molar volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ....configs.steps.volumes import NamedDecomposition, VolumeStep
from ...figures.style import PALETTE
from ...figures.volumes import VolumeBars, VolumeLadder, volume_figure, volume_ladder_figure
from ...thermodynamics.volume import VolumeBalance, Volumes
from ...thermodynamics.volume_changes import Decomposition, decomposition_volumes, named_reaction, parse_products
from ...words import MEASURED, SEE_SOURCES, number, tier_label
from ..case import Case
from ..chapter import Chapter, PhasesOfCase, Problems, phases_of
from ..columns import KIND, MATERIAL, SOURCE, VOLTAGE, VOLUME_AFTER, VOLUME_BEFORE, VOLUME_CHANGE, VOLUME_PERCENT
from ..content import Answer, Block, Column, KeyNumber, Picture, Table, Text, Value
from ..quantities.answers import told
from ..quantity import Quantity
from .reactions import deviation

__all__ = ["VOLUMES", "VolumeResults"]

_REACTION = Column("reaction", "reaction", chemical=True)
_PHASE = Column("formula", "phase", chemical=True)

#: V vs Li/Li+, range of the figure over the voltage
_VOLTAGES = (0.0, 5.0)


@dataclass(frozen=True)
class _Found:
    """One ledger with where it comes from; `voltage` is None for products that the recipe names."""

    material: str
    ledger: VolumeBalance
    voltage: float | None
    published: tuple[float, float] | None
    tiers: str


@dataclass(frozen=True)
class VolumeResults:
    """What the step ``volumes`` asks for.

    Parameters
    ----------
    step : VolumeStep
    used : PhasesOfCase
    named : mapping of int to VolumeBalance
        Reactions whose products the recipe names, by their place in it.
    ladders : mapping of str to Decomposition
        By material.
    problems : Problems
    """

    step: VolumeStep
    used: PhasesOfCase
    named: Mapping[int, VolumeBalance]
    ladders: Mapping[str, Decomposition]
    problems: Problems

    @property
    def changes(self) -> list[_Found]:
        """Every ledger: reactions that the recipe names, then the steps of ladders."""
        found = []
        for place, ledger in self.named.items():
            named, tiers = self.step.decompositions[place], MEASURED if _measured(ledger) else SEE_SOURCES
            found.append(_Found(named.material, ledger, None, named.published, tiers))
        for name, decomposition in self.ladders.items():
            tiers = tier_label(decomposition.window.tiers.values())
            found += [_Found(name, taken.ledger, taken.voltage, None, tiers) for taken in decomposition.steps]
        return found


def _title(named: NamedDecomposition) -> str:
    return f"{named.material} -> {', '.join(named.products)}"


def _evaluate(case: Case, step: VolumeStep) -> VolumeResults:
    used, problems = phases_of(case, step.phase_set), Problems()
    phases, reactions, ladders = used.phases, {}, {}
    if phases is not None:
        volumes = Volumes(phases, own=step.densities)
        for place, named in enumerate(step.decompositions):
            with problems.attempt(_title(named)):
                reactions[place] = named_reaction(named.material, parse_products(named.products), phases, volumes)
        for name in step.materials:
            with problems.attempt(name):
                ladders[name] = decomposition_volumes(name, phases, volumes)
    return VolumeResults(step, used, reactions, ladders, problems)


def _blocks(results: VolumeResults) -> list[Block]:
    blocks: list[Block] = [*results.used.texts, *results.problems.texts]
    found = results.changes
    if not found:
        return blocks
    blocks += [*_pictures(found), _changes(found), _sources(found), _contributions(found), _by_kind(found)]
    notes = dict.fromkeys(_printed_notes(found))
    return blocks + ([Text("\n".join(notes), "note")] if notes else [])


def _values(results: VolumeResults) -> list[Value]:
    """Relative change of every reaction whose products the recipe names."""
    values, column = [], "volume change on decomposition (%)"
    for place, named in enumerate(results.step.decompositions):
        ledger = results.named.get(place)
        if ledger is None:
            problem = results.used.problem or results.problems.of(_title(named))
            values.append(Value((named.material,), column, problem=problem))
            continue
        sign = "+" if ledger.percent and ledger.percent > 0 else ""
        text = "unknown" if ledger.percent is None else f"{sign}{number(ledger.percent, 1)}"
        basis = f"{ledger.reaction}; molar volumes of the densities named in the report"
        values.append(Value((named.material,), column, text, basis=basis))
    return values


def _measured(ledger: VolumeBalance) -> bool:
    return all(share.volume is not None and share.volume.kind != "relaxed" for share in ledger.shares)


def _pictures(found: Sequence[_Found]) -> list[Block]:
    """Bars of the reactions that the recipe names, and the ladders over the voltage."""
    kinds = sorted(
        {
            share.volume.kind
            for one in found
            for share in one.ledger.shares
            if share.volume and share.volume.kind != "gas"
        }
    )
    source = f"{', '.join(kinds)}; sources in the table"
    pictures: list[Block] = []
    named = [_bars(one) for one in found if one.voltage is None and one.ledger.change is not None]
    if named:
        alt = "Volumes of all phases before and after each reaction; the numbers stand in the tables."
        pictures.append(Picture("volumes", volume_figure(named, source), alt))
    materials = list(dict.fromkeys(one.material for one in found if one.voltage is not None))
    ladders = [_ladder(name, found) for name in materials]
    for part, start in enumerate(range(0, len(ladders), len(PALETTE)), start=1):
        alt = f"Volume change over the voltage of {', '.join(materials[start : start + len(PALETTE)])}."
        pictures.append(
            Picture(
                f"volume_ladder_{part}",
                volume_ladder_figure(ladders[start : start + len(PALETTE)], _VOLTAGES, source),
                alt,
            )
        )
    return pictures


def _ladder(name: str, found: Sequence[_Found]) -> VolumeLadder:
    steps = [(one.voltage, one.ledger) for one in found if one.material == name and one.voltage is not None]
    taken = [(voltage, ledger.percent) for voltage, ledger in steps if ledger.lithium > 0]
    released = [(voltage, ledger.percent) for voltage, ledger in steps if ledger.lithium <= 0]
    return VolumeLadder(name, taken, released)


def _bars(found: _Found) -> VolumeBars:
    sides: dict[str, list[tuple[str, float]]] = {"before": [], "after": []}
    for share in found.ledger.shares:
        if share.contribution:
            sides[share.side].append((share.formula, share.contribution))
    where = "" if found.voltage is None else f"{found.voltage:.2f} V: "
    return VolumeBars(f"{where}{found.ledger.reaction}", sides["before"], sides["after"], found.published)


def _changes(found: Sequence[_Found]) -> Table:
    rows = [
        {
            "material": one.material,
            "voltage": one.voltage,
            "reaction": one.ledger.reaction,
            "before": one.ledger.before,
            "after": one.ledger.after,
            "change": one.ledger.change,
            "percent": one.ledger.percent,
            "published_before": one.published[0] if one.published else None,
            "published_after": one.published[1] if one.published else None,
            "deviation_before": deviation(one.ledger.before, one.published[0])
            if one.published and one.ledger.before is not None
            else None,
            "deviation_after": deviation(one.ledger.after, one.published[1])
            if one.published and one.ledger.after is not None
            else None,
            "unknown": ", ".join(one.ledger.unknown),
        }
        for one in found
    ]
    columns = (
        MATERIAL,
        VOLTAGE,
        _REACTION,
        VOLUME_BEFORE,
        VOLUME_AFTER,
        VOLUME_CHANGE,
        VOLUME_PERCENT,
        Column("published_before", "published before", 1),
        Column("published_after", "published after", 1),
        Column("deviation_before", "deviation before", 1),
        Column("deviation_after", "deviation after", 1),
        Column("unknown", "volume unknown", chemical=True),
    )
    note = (
        "Per mole of the material. Lithium of the anode and gases count no volume. Without a voltage: products that "
        "the recipe names."
    )
    return Table("volumes", "Volume changes", columns, rows, note)


def _sources(found: Sequence[_Found]) -> Table:
    volumes = dict.fromkeys(share.volume for one in found for share in one.ledger.shares if share.volume)
    columns = (
        _PHASE,
        Column("value", "molar volume (mL/mol)", 2),
        KIND,
        SOURCE,
    )
    return Table("molar_volumes", "Molar volumes and their sources", columns, [vars(volume) for volume in volumes])


def _contributions(found: Sequence[_Found]) -> Table:
    rows = [
        {"material": one.material, "voltage": one.voltage, "reaction": one.ledger.reaction, **s.to_json()}
        for one in found
        for s in one.ledger.shares
    ]
    columns = (
        MATERIAL,
        VOLTAGE,
        _REACTION,
        Column("side", "side"),
        _PHASE,
        Column("coefficient", "amount", 3),
        Column("molar_volume", "molar volume (mL/mol)", 2),
        Column("contribution", "contribution (mL)", 1),
        KIND,
        SOURCE,
    )
    return Table("volume_contributions", "Contribution of every phase to every reaction", columns, rows, shown=False)


def _by_kind(found: Sequence[_Found]) -> Table:
    rows = [
        {
            "material": one.material,
            "reaction": one.ledger.reaction,
            "kind": kind,
            "before": before,
            "after": after,
            "change": after - before,
        }
        for one in found
        for kind, (before, after) in one.ledger.alternatives.items()
    ]
    columns = (
        _REACTION,
        Column("kind", "kind of every volume"),
        VOLUME_BEFORE,
        VOLUME_AFTER,
        VOLUME_CHANGE,
    )
    return Table(
        "volumes_by_kind",
        "The same with volumes of one kind alone",
        columns,
        rows,
        "Reactions of which every phase has a volume of that kind.",
    )


def _printed_notes(found: Sequence[_Found]) -> list[str]:
    """Notes of all ledgers, and which density a printed volume of the material stands for."""
    told = [f"{one.ledger.reaction}: {note}." for one in found for note in one.ledger.warnings]
    for one in found:
        own = one.ledger.shares[0]
        if one.published is not None and own.volume is not None and own.volume.value:
            ratio = own.volume.value / one.published[0]
            told.append(
                f"{one.material}: the printed {one.published[0]:g} mL/mol stands for {100 * ratio:.1f} % of the "
                f"density used here ({own.volume.source}); a pressed pellet is less dense than its crystal."
            )
    return told


def _numbers(results: VolumeResults) -> list[KeyNumber]:
    """Volume change of every reaction with named products, and of the first step beyond the oxidation limit of each
    ladder."""
    found = results.changes
    chosen = [one for one in found if one.voltage is None]
    for name in dict.fromkeys(one.material for one in found if one.voltage is not None):
        released = [one for one in found if one.material == name and one.voltage is not None and one.ledger.lithium < 0]
        chosen += released[:1]
    return [
        KeyNumber(
            quantity=f"Volume change of {one.ledger.reaction}"
            + ("" if one.voltage is None else f" at {one.voltage:.2f} V"),
            value=one.ledger.change,
            unit="mL/mol",
            digits=1,
            published=None if one.published is None else one.published[1] - one.published[0],
            tier=one.tiers,
            basis="; ".join(dict.fromkeys(f"{s.formula} {s.volume.kind}" for s in one.ledger.shares if s.volume)),
            names=("volume_change", one.material, _made(one)) if one.voltage is None else (),
            detail=one.ledger.reaction,
        )
        for one in chosen
    ]


def _made(found: _Found) -> str:
    """Products as claims write them: ``LiCl + P2S5 + S``."""
    return " + ".join(share.formula for share in found.ledger.shares if share.side == "after")


def _side(side: str, results: VolumeResults, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Volume before or after a reaction whose products the recipe names."""
    change = next((key for key in _numbers(results) if key.names == ("volume_change", *arguments)), None)
    one = next(
        (one for one in results.changes if one.voltage is None and (one.material, _made(one)) == arguments), None
    )
    if change is None or one is None:
        return None
    value = one.ledger.before if side == "before" else one.ledger.after
    quantity = f"Volume {side} {one.ledger.reaction}"
    return replace(change, quantity=quantity, value=value, published=None, names=(f"volume_{side}", *arguments))


_REACTED = ("material", "products, as A + B")
QUANTITIES: tuple[Quantity[VolumeResults], ...] = (
    Quantity("volume_change", _REACTED, "mL/mol", "volume after minus before a decomposition that the recipe names"),
    Quantity("volume_before", _REACTED, "mL/mol", "volume before it", partial(_side, "before")),
    Quantity("volume_after", _REACTED, "mL/mol", "volume after it", partial(_side, "after")),
)


def _sides(ledger: VolumeBalance) -> tuple[float | None, ...]:
    return ledger.before, ledger.after, ledger.percent


def _answer(results: VolumeResults) -> Answer | None:
    """Volume before and after the reactions that the recipe names, else at the first steps of the ladders."""
    named = [one for one in results.changes if one.voltage is None and one.ledger.change is not None]
    if not named:
        return told(_numbers(results))
    sentences = []
    for one in named[:2]:
        before, after, percent = (number(value or 0.0, 1) for value in _sides(one.ledger))
        sign = "+" if (one.ledger.percent or 0.0) > 0 else ""
        sentences.append(f"{one.ledger.reaction}: from {before} to {after} mL/mol ({sign}{percent} %).")
    return Answer(tuple(sentences), "volumes", named[0].tiers)


VOLUMES = Chapter(
    "volumes",
    "Volumes before and after decomposition",
    "The recipe asks for no volume.",
    lambda case: case.recipe.volumes,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=QUANTITIES,
    step="volumes",
    answer=_answer,
    phase_set=lambda step: step.phase_set,
)
