"""Cleavage energies of a campaign, from the slabs and stacks that its steps computed."""

from __future__ import annotations

from collections.abc import Iterator

from .....configs.errors import InputError
from .....structures.by_name import name_of
from .....workflows.documents import CalculationDocument
from .....workflows.roles import Exchanged, Host, Main, Reference
from ....cells.cleavage import Cleavage, StackCleavage, crystal_cleavage, stack_cleavage
from ...case import Case
from ...chapter import Problems
from ..interface import INTERFACES

__all__ = ["crystal_cleavages", "stack_cleavages"]


def crystal_cleavages(case: Case, problems: Problems) -> list[Cleavage]:
    """Return the cleavage energy of each facet of which the campaign relaxed a whole slab and the crystal, each once.

    Parameters
    ----------
    case : Case
    problems : Problems
        Gets the reasons why one is missing.
    """
    found: dict[tuple[str, str], Cleavage] = {}
    for label, material, slab in _slabs(case):
        with problems.attempt(f"Cleavage of {label}"):
            found.setdefault((label, slab.tier), crystal_cleavage(label, slab, _crystal(case, material, slab)))
    return list(found.values())


def stack_cleavages(case: Case) -> list[StackCleavage]:
    """Return where each stack of the section ``interface`` parts.

    Parameters
    ----------
    case : Case
    """
    interfaces = INTERFACES.results(case)
    made = [stack_cleavage(one.energies) for one in interfaces.energies.values()] if interfaces is not None else []
    return [one for one in made if one is not None]


def _slabs(case: Case) -> Iterator[tuple[str, str, CalculationDocument]]:
    """Label, material and document of every whole slab."""
    loss, exchange = case.recipe.oxygen_loss, case.recipe.segregation
    hosts = [(one.document.role, one.document) for one in case.finished if one.document.kind == "relax"]
    for system in loss.systems if loss is not None else ():
        if system.slab is not None:
            material = name_of(system.material)
            label = system.slab.label(material)
            own = [one for role, one in hosts if isinstance(role, Host) and role.of == label]
            yield from ((label, material, one) for one in own)
    for asked in exchange.systems if exchange is not None else ():
        material = name_of(asked.material)
        for role, one in hosts:
            if isinstance(role, Exchanged) and role.of == asked.label(material) and role.origin is None:
                yield asked.slab.label(material), material, one


def _crystal(case: Case, material: str, slab: CalculationDocument) -> CalculationDocument:
    """The crystal of lowest energy that the same engine relaxed.

    Raises
    ------
    InputError
        If there is none.
    """
    crystals = [
        one.document
        for one in case.finished
        if one.document.kind == "relax"
        and one.document.signature == slab.signature
        and (
            one.document.role == Main(of=material)
            or (
                isinstance(one.document.role, Reference)
                and (one.document.role.what, one.document.role.material) == ("free", material)
            )
        )
    ]
    if not crystals:
        raise InputError(
            f"no crystal of {material} was relaxed by {slab.tier}: run a step that does, such as mechanics"
        )
    return min(crystals, key=lambda one: one.energy_per_atom)
