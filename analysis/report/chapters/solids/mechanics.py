"""Chapter on mechanics: elastic tensors, moduli of polycrystals, and what it takes to cleave crystals and stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .....configs.recipe import Recipe
from .....workflows.strain_documents import StrainedCells
from ....cells.cleavage import Cleavage, StackCleavage
from ....cells.elasticity import PUGH, Elasticity, stored_elasticity
from ....figures.transport import moduli_figure
from ....words import number
from ...case import Case
from ...chapter import Chapter, Problems
from ...columns import MATERIAL, SYSTEM, TIER
from ...content import Block, Column, KeyNumber, Picture, Table, Text, Value
from ...quantity import Quantity
from .cleavage import crystal_cleavages, stack_cleavages

__all__ = ["MECHANICS", "Mechanics"]

_RANGE = "half the way from Reuss to Voigt"


@dataclass(frozen=True)
class Mechanics:
    """What the step ``mechanics`` found, and what follows from slabs and stacks of other steps.

    Parameters
    ----------
    found : list of Elasticity
    crystals : list of Cleavage
    stacks : list of StackCleavage
    texts : list of Text
        Jobs without a result, crystals that are unstable.
    """

    found: list[Elasticity]
    crystals: list[Cleavage]
    stacks: list[StackCleavage]
    texts: list[Text]


def _elasticities(case: Case, problems: Problems) -> list[Elasticity]:
    documents = [found.document for found in case.of("mechanics")]
    strained = [one for one in case.others.values() if isinstance(one, StrainedCells)]
    found = []
    for cells in strained:
        with problems.attempt(cells.label):
            found.append(stored_elasticity(cells, documents))
    return found


def _asked(case: Case) -> Recipe | None:
    """The recipe, where it asks for an elastic tensor, or a slab or stack was computed."""
    recipe = case.recipe
    cut = any(case.of(step) for step in ("interface", "segregation")) or (
        recipe.oxygen_loss is not None and any(one.slab for one in recipe.oxygen_loss.systems)
    )
    return recipe if recipe.mechanics is not None or cut else None


def _evaluate(case: Case, recipe: Recipe) -> Mechanics:
    problems = Problems()
    found = _elasticities(case, problems)
    crystals, stacks = crystal_cleavages(case, problems), stack_cleavages(case)
    return Mechanics(found, crystals, stacks, [*case.missing("mechanics", ()), *problems.texts])


def _blocks(results: Mechanics) -> list[Block]:
    blocks: list[Block] = [*results.texts]
    if not (results.found or results.crystals or results.stacks or results.texts):
        blocks.append(Text("No elastic tensor was asked for, and no slab or stack is there to be cleaved yet."))
    if results.found:
        alt = "Bulk and shear moduli of every material, and their ratio; the numbers stand in the table."
        blocks += [
            _moduli(results.found),
            Picture("moduli", moduli_figure(results.found), alt),
            _tensors(results.found),
        ]
    if results.crystals:
        blocks.append(_crystals(results.crystals))
    if results.stacks:
        blocks.append(_stacks(results.stacks))
    return blocks


def _crystals(found: Sequence[Cleavage]) -> Table:
    rows = [vars(one) | {"material": one.label} for one in found]
    columns = (
        MATERIAL,
        Column("relaxed", "relaxed (J/m²)", 2),
        Column("unrelaxed", "as cut (J/m²)", 2),
        Column("n_atoms", "atoms of the slab"),
        TIER,
    )
    note = (
        "Twice the surface energy, per area of the cut, of slabs that other steps computed, against the crystal by the "
        "same potential. As cut: before the atoms of the slab moved."
    )
    return Table("cleavage", "Cleavage of crystals along a facet", columns, rows, note)


def _stacks(found: Sequence[StackCleavage]) -> Table:
    rows = [
        {
            "system": one.label,
            "joint": one.joint,
            "sides": ", ".join(f"{name} {number(value, 2)}" for name, value in one.sides.items()),
            "weakest": one.weakest,
            "tier": one.tier,
        }
        for one in found
    ]
    columns = (
        SYSTEM,
        Column("joint", "at the joint (J/m²)", 2),
        Column("sides", "within each material along its facet (J/m²)", chemical=True),
        Column("weakest", "it parts at", chemical=True),
        TIER,
    )
    note = (
        "At the joint: work of separation. Within a material: twice the surface energy of its slab, strained as in the "
        "stack. Ideal joints at 0 K, atoms relaxed; what plastic flow or defects take and give is left out."
    )
    return Table("cleavage_stacks", "Cleavage of stacks", columns, rows, note)


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
    cuts = [(one.label, one.relaxed, one.tier, f"a slab of {one.n_atoms} atoms") for one in results.crystals]
    for stack in results.stacks:
        cuts.append((stack.label, stack.joint, stack.tier, "work of separation"))
        basis = f"strained slab of {stack.label}"
        cuts += [(f"{name} in {stack.label}", value, stack.tier, basis) for name, value in stack.sides.items()]
    for label, value, tier, basis in cuts:
        quantity = f"Cleavage of {label}"
        numbers.append(KeyNumber(quantity, value, "J/m²", 2, tier, basis, names=("cleavage", label)))
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
    "The recipe asks for no elastic tensor, slab or stack.",
    _asked,
    _evaluate,
    _blocks,
    _numbers,
    values=_values,
    quantities=(
        Quantity("bulk_modulus", ("material",), "GPa", "Hill's mean", **_ASKED),
        Quantity("shear_modulus", ("material",), "GPa", "Hill's mean", **_ASKED),
        Quantity("pugh", ("material",), "ratio", "bulk over shear modulus, low where brittle", _pugh, **_ASKED),
        Quantity(
            "cleavage",
            ("cut",),
            "J/m²",
            "work that parts a stack, or a crystal along a facet",
            step="interface",
            hypothesis=True,
        ),
    ),
    step="mechanics",
)
