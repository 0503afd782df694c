"""Vacancies by depth through a relaxed stack, one relaxation each, in the cell of the stack.

An atom leaves with its electrons, as it does in a calculation by a potential that knows no charges. The cell starts
from the relaxed stack, nothing displaced: the first step of the relaxation is the frozen lattice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.defects.depth import StackDepths, distinct_sites, spread, stack_depths
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..identity import content_address
from ..roles import Vacancy

__all__ = ["StackVacanciesMaker", "chosen_vacancies", "stack_vacancy"]


def chosen_vacancies(structure: Structure, element: str, most: int) -> list[int]:
    """Return the sites of an element whose atoms leave in turn: in each material of a stack at most `most`, evenly
    over the order of their depths, one of those that symmetry makes equal.

    Parameters
    ----------
    structure : Structure
        With the site property ``layer``.
    element : str
    most : int

    Raises
    ------
    InputError
        If the stack has no layer tags.
    """
    told: StackDepths = stack_depths(structure)
    first = [members[0] for members in distinct_sites(structure, element)]
    by_part = {part.name: [site for site in first if told.tags[site] == part.name] for part in told.parts}
    return [site for sites in by_part.values() for site in spread(sites, told.depths, most)]


def stack_vacancy(structure: Structure, site: int) -> Structure:
    """Return the stack without one atom; ``origin`` numbers the atoms that are left as in the whole stack."""
    numbered = structure.copy(site_properties={**structure.site_properties, "origin": list(range(len(structure)))})
    numbered.unset_charge()  # that of the whole stack, which a document holds
    numbered.remove_sites([site])
    return numbered


@dataclass
class StackVacanciesMaker(Maker):
    """Takes atoms out of one relaxed stack.

    Parameters
    ----------
    name : str
    engine : Engine
        A potential.
    relax : dict
        Dumped relaxation of each cell.
    elements : list of str
    most : int
        Sites of an element in each material, at most.
    """

    name: str = "vacancies by depth"
    engine: Engine = field(default_factory=lambda: Engine("chgnet"))
    relax: dict[str, Any] = field(default_factory=dict)
    elements: list[str] = field(default_factory=lambda: ["Li"])
    most: int = 12

    @job
    def make(self, structure: Structure, label: str) -> Response[Any]:
        """Be replaced by the relaxations.

        Parameters
        ----------
        structure : Structure
            The stack, relaxed, with the site property ``layer``.
        label : str

        Raises
        ------
        InputError
            If the stack has no layer tags, or none of the elements.
        """
        maker = self.engine.maker(Relax.model_validate(self.relax))
        jobs: list[Flow | Job] = [
            maker.job_for(
                stack_vacancy(structure, site),
                f"{label} {element}-{site}",
                role=Vacancy(of=label, element=element, origin=site),
            )
            for element in self.elements
            for site in chosen_vacancies(structure, element, self.most)
        ]
        if not jobs:
            raise InputError(f"{label} holds no {' and no '.join(self.elements)}: nothing can leave it")
        return Response(replace=content_address(Flow(jobs, name=f"{label} vacancies"))[0])

    def job_for(self, structure: OutputReference, label: str) -> Job:
        """`make`, typed as the job that the decorator returns."""
        made: Job = self.make(structure, label)
        made.name = f"{label} choice of vacancies"
        return made
