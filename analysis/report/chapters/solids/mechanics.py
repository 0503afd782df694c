"""Chapter on mechanics: elastic tensors and moduli of polycrystals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .....configs.steps.mechanics import MechanicsStep
from .....workflows.strain_documents import StrainedCells
from ....cells.elasticity import PUGH, Elasticity, stored_elasticity
from ....figures.transport import moduli_figure
from ....words import number
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import MATERIAL, TIER
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity

__all__ = ["MECHANICS", "Mechanics"]

_RANGE = "half the way from Reuss to Voigt"


@dataclass(frozen=True)
class Mechanics:
    """What the step ``mechanics`` found.

    Parameters
    ----------
    found : list of Elasticity
    texts : list of Text
        Jobs without a result, crystals that are unstable.
    """

    found: list[Elasticity]
    texts: list[Text]


def _elasticities(case: Case, problems: Problems) -> list[Elasticity]:
    documents = [found.document for found in case.of("mechanics")]
    strained = [one for one in case.others.values() if isinstance(one, StrainedCells)]
    found = []
    for cells in strained:
        with problems.attempt(cells.label):
            found.append(stored_elasticity(cells, documents))
    return found


def _evaluate(case: Case, step: MechanicsStep) -> Mechanics:
    problems = Problems()
    found = _elasticities(case, problems)
    return Mechanics(found, [*case.missing("mechanics", ()), *problems.texts])


def _blocks(results: Mechanics) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    if results.found:
        alt = "Bulk and shear moduli of every material, and their ratio; the numbers stand in the table."
        blocks += [
            _moduli(results.found),
            Picture("moduli", moduli_figure(results.found), alt),
            _tensors(results.found),
        ]
    return blocks


def _moduli(found: Sequence[Elasticity]) -> Table:
    rows = [
        {
            "material": one.label,
            "bulk": one.bulk_modulus,
            "shear": one.shear_modulus,
            "young": one.young,
            "poisson": one.poisson,
            "pugh": one.pugh,
            "anisotropy": one.anisotropy,
            "stability": one.stability,
            "residual": one.residual,
            "tier": one.tier,
        }
        for one in found
    ]
    columns = (
        MATERIAL,
        Column("bulk", "bulk modulus (GPa)", 1),
        Column("shear", "shear modulus (GPa)", 1),
        Column("young", "Young's modulus (GPa)", 1),
        Column("poisson", "Poisson's ratio", 3),
        Column("pugh", "bulk / shear", 2),
        Column("anisotropy", "anisotropy", 2),
        Column("stability", "smallest eigenvalue (GPa)", 1),
        Column("residual", "left by the fit (GPa)", 3),
        TIER,
    )
    note = (
        f"Of polycrystals without texture and pores, at 0 K (Hill's means). Bulk over shear above {PUGH:g}: ductile "
        "among metals (Pugh). Anisotropy: universal index, 0 for none."
    )
    return Table("moduli", "Elastic moduli", columns, rows, note)


def _tensors(found: Sequence[Elasticity]) -> Table:
    rows = [
        {"material": one.label, "row": i + 1, "tier": one.tier} | {str(j + 1): one.tensor[i, j] for j in range(6)}
        for one in found
        for i in range(6)
    ]
    columns = (MATERIAL, Column("row", "row"), *(Column(str(j), f"C·{j} (GPa)", 1) for j in range(1, 7)), TIER)
    return Table("elastic_tensors", "Elastic tensors on standard axes (IEEE 176)", columns, rows, shown=False)


def _numbers(results: Mechanics) -> list[KeyNumber]:
    numbers = []
    for one in results.found:
        basis = f"{one.n_strains} strained cells"
        for name, (low, high), value in (
            ("Bulk", one.bulk, one.bulk_modulus),
            ("Shear", one.shear, one.shear_modulus),
        ):
            quantity, half = f"{name} modulus of {one.label}", (high - low) / 2
            names = (f"{name.lower()}_modulus", one.label)
            numbers.append(KeyNumber(quantity, value, "GPa", 1, one.tier, basis, half, _RANGE, names=names))
    return numbers


def _values(results: Mechanics) -> list[Value]:
    values = []
    for one in results.found:
        text = f"{number(one.bulk_modulus, 0)} / {number(one.shear_modulus, 0)}"
        basis = f"Hill's means of {one.n_strains} strained cells"
        values.append(Value((one.label,), "bulk / shear modulus (GPa)", text, one.tier, basis))
    return values


def _pugh(results: Mechanics, arguments: tuple[str, ...]) -> KeyNumber | None:
    """Bulk over shear modulus: brittle where it is low."""
    one = next((one for one in results.found if one.label == arguments[0]), None)
    if one is None:
        return None
    quantity, basis = f"Pugh's ratio of {one.label}", f"{one.n_strains} strained cells"
    half = (one.bulk[1] / one.shear[0] - one.bulk[0] / one.shear[1]) / 2
    return KeyNumber(quantity, one.pugh, "ratio", 2, one.tier, basis, half, _RANGE, names=("pugh", one.label))


_ASKED: dict[str, Any] = {"step": "mechanics", "hypothesis": True}

MECHANICS = Chapter(
    "mechanics",
    "Mechanics",
    "The recipe asks for no elastic tensor.",
    lambda case: case.recipe.mechanics,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity("bulk_modulus", ("material",), "GPa", "Hill's mean", **_ASKED),
        Quantity("shear_modulus", ("material",), "GPa", "Hill's mean", **_ASKED),
        Quantity("pugh", ("material",), "ratio", "bulk over shear modulus, low where brittle", _pugh, **_ASKED),
    ),
    step="mechanics",
)
