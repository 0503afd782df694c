"""The command ``check-inputs``: what an expert would say to VASP input files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..answers.campaigns import InputsReview
from ..command import Command
from ..output import say, table

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition

__all__ = ["COMMAND", "check_inputs"]

#: folders of one remark that are shown to a reader
_SHOWN = 3


def check_inputs(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders with INCAR, POSCAR and KPOINTS, or folders above them.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name too what this recipe, a name or a file, asks of VASP and no folder answers: crystals, charged "
            "states, and reactants without a run whose energy may reach a reaction."
        ),
    ] = None,
) -> dict[str, Any]:
    """Read INCAR, KPOINTS, POSCAR (and POTCAR or POTCAR.spec) of any runs and name what an expert would.

    Starting moments and spin, states that are not handed on, settings that do not fit the kind of calculation, KPAR,
    cutoffs against ENMAX, meshes without Γ, stacks at one height, bands without a common zero, dispersion that nobody
    declared, chunks of dynamics without the thermostat of the one before. All folders are looked at together, since
    much is only wrong beside another run. With --recipe crystals that the recipe computes, or whose energies in its
    phase set are a potential's, are looked for: those without input, and those at another level of theory than the
    set's. Nothing is written. Exit status 1 where there is something to name.

    Raises
    ------
    InputError
        If a folder does not exist, none holds input that can be read, or the recipe is wrong.
    """
    from ....workflows.preflight.input_sets import read_sets
    from ....workflows.preflight.review import Remark, review
    from ....workflows.preflight.review_recipe import review_for

    sets, damaged = read_sets(folders)
    remarks = [Remark("unreadable", folder, told, "mend or remove the file") for folder, told in damaged.items()]
    remarks += review(sets) + (review_for(sets, *_asked(recipe)) if recipe is not None else [])
    return {"runs": [str(one.folder) for one in sets], "remarks": [remark.told() for remark in remarks]}


def _asked(name: str) -> tuple[dict[str, Composition], dict[str, Composition]]:
    """What a recipe relaxes, and reactants whose energies were learned: name to composition."""
    from ....analysis.thermodynamics.phase_set import load_phase_set
    from ....configs.load import load_recipe
    from ....configs.steps.reactions import ReactionStep
    from ....configs.trust import trust_of
    from ....structures.by_name import find_material
    from ....structures.crystals.crystal import conventional

    recipe, source = load_recipe(name)
    named = [*(recipe.vasp.relax if recipe.vasp else ()), *(recipe.bulk.materials if recipe.bulk else ())]
    crystals = {}
    for text in dict.fromkeys(named):
        found = find_material(text, source.path.parent)
        crystals[found.name] = conventional(found).composition.element_composition
    learned = {}
    for step in (recipe.reactions, recipe.windows):
        if step is None:
            continue
        phases = load_phase_set(step.phase_set)
        names = [text for pair in step.pairs for text in pair] if isinstance(step, ReactionStep) else step.materials
        for text in dict.fromkeys(names):
            subject = phases.resolve(text)
            if subject.entry is not None and trust_of(subject.entry.tier).learned:
                learned[subject.label] = subject.composition
    return crystals, learned


def _show(document: dict[str, Any]) -> None:
    number = len(document["runs"])
    if not document["remarks"]:
        say(f"{number} runs: nothing to name")
        return
    grouped: dict[str, list[dict[str, Any]]] = {}
    for remark in document["remarks"]:
        grouped.setdefault(remark["rule"], []).append(remark)
    rows = []
    for rule, found in grouped.items():
        rest = f"\nand {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        places = "\n".join(f"{one['folder']}: {one['detail']}" for one in found[:_SHOWN]) + rest
        rows.append((rule, len(found), places, found[0]["mend"]))
    table(f"Remarks on {number} runs", ("kind", "runs", "where and what", "what to do"), rows)


COMMAND = Command(check_inputs, _show, InputsReview, failed=lambda document: bool(document["remarks"]))
