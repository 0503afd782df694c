"""Chapter on d bands along the lithium content, against the O 2p states of the same cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .....configs.errors import InputError
from .....configs.steps.d_bands import DBandStep
from .....structures.by_name import name_of
from ....figures.surfaces import d_band_figure
from ....states.d_bands import DBand, d_bands
from ....words import file_stem, number, tier_label
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import ELEMENT, MATERIAL, TIER
from ...content import Answer, Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["D_BANDS", "DBands"]


@dataclass(frozen=True)
class DBands:
    """What the step found by material, and why some are missing."""

    found: dict[str, list[DBand]]
    texts: list[Text]

    def ladders(self) -> Iterator[list[DBand]]:
        """The bands of each element of each material, full lithium first."""
        for bands in self.found.values():
            for element in dict.fromkeys(one.element for one in bands):
                yield [one for one in bands if one.element == element]


def _evaluate(case: Case, step: DBandStep) -> DBands:
    problems, found = Problems(), dict[str, list[DBand]]()
    for system in step.systems:
        name = name_of(system.material)
        documents = [one.document for one in case.of("d_bands") if one.material == name and one.document.kind == "dos"]
        with problems.attempt(name):
            if not documents:
                raise InputError("no density of states has been computed yet")
            found[name] = d_bands(name, documents)
    return DBands(found, [*case.missing("d_bands", ()), *problems.texts])


def _blocks(results: DBands) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    for name, bands in results.found.items():
        alt = f"Centres of d bands of {name} against the lithium content; the table has the numbers."
        blocks.append(Picture(f"d_bands_{file_stem(name)}", d_band_figure(bands), alt))
    if results.found:
        blocks.append(_table([band for bands in results.found.values() for band in bands]))
    return blocks


def _table(bands: Sequence[DBand]) -> Table:
    columns = (
        MATERIAL,
        ELEMENT,
        Column("content", "share of Li left", 3),
        Column("centre", "d − O 2p (eV)", 2),
        Column("from_top", "d from the top of the occupied states (eV)", 2),
        Column("states", "occupied d states of an ion", 2),
        Column("moment", "moment (µB)", 2),
        TIER,
    )
    note = (
        "First moments of the occupied states, both spins. The difference of two centres of one cell needs no common "
        "zero; that from the top of the occupied states moves with the top. States are those inside the engine's "
        "spheres. One arrangement of each content, relaxed by the potential of the step."
    )
    return Table("d_bands", "Centres of d bands along the lithium content", columns, [vars(one) for one in bands], note)


def _numbers(results: DBands) -> list[KeyNumber]:
    return [_number(one) for ladder in results.ladders() for one in ladder]


def _number(one: DBand) -> KeyNumber:
    share = f"{one.content:.3g}"
    quantity = f"d band of {one.element} in {one.material}, {share} of its lithium left, from O 2p"
    basis = f"occupied states, {one.n_ions} ion{'' if one.n_ions == 1 else 's'}"
    return KeyNumber(quantity, one.centre, "eV", 2, one.tier, basis, names=("d_band", one.element, one.material, share))


def _values(results: DBands) -> list[Value]:
    return [
        Value((own[0].material,), f"d − O 2p of {own[0].element} (eV)", _way(own), own[0].tier, _contents(own))
        for own in results.ladders()
    ]


def _answer(results: DBands) -> Answer | None:
    """The first material's d bands from its highest to its lowest lithium content."""
    ladders = [own for own in results.ladders() if own[0].material == next(iter(results.found)) and len(own) > 1]
    if not ladders:
        return None
    ways = "; ".join(f"{own[0].element} {_way(own)} eV" for own in ladders)
    first = ladders[0]
    sentence = f"Centre of the occupied d states from that of O 2p in {first[0].material}, {_contents(first)}: {ways}."
    return Answer((sentence,), f"d_bands_{file_stem(first[0].material)}", tier_label(one.tier for one in first))


def _way(own: Sequence[DBand]) -> str:
    return " → ".join(number(one.centre, 2) for one in ((own[0], own[-1]) if len(own) > 1 else own))


def _contents(own: Sequence[DBand]) -> str:
    shares = [f"{one.content:.3g}" for one in ((own[0], own[-1]) if len(own) > 1 else own)]
    return f"{' to '.join(shares)} of the lithium left"


D_BANDS = Chapter(
    "d_bands",
    "d bands along the lithium content",
    "The recipe computes no d bands along the lithium content.",
    lambda case: case.recipe.d_bands,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity(
            "d_band",
            ("element", "material", "share of lithium left, as 0.5 or 0.333"),
            "eV",
            "centre of the occupied d states of an element from that of O 2p in the same cell",
            step="d_bands",
        ),
    ),
    step="d_bands",
    answer=_answer,
)
