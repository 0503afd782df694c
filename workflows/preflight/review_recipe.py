"""What a recipe asks of VASP and no folder of input answers: a crystal that is not computed, and energies that cannot
reach a reaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pymatgen.core.composition import Composition

from .input_sets import InputSet
from .review import Remark
from .review_values import is_at_scale

__all__ = ["RECIPE_RULES", "review_for"]

#: of the share of an element, within which a cell has a composition: partial occupancies are resolved in finite cells
_SAME = 0.005

#: name of a rule to what to do
RECIPE_RULES = {
    "crystal without input": "write its relaxation, charged states of the cathode too: the section vasp, or the step "
    "deciding_phases (--full)",
    "no way into a reaction": "relax it at the scale of the phase sets: PBE+U with the U of the Materials Project, "
    "520 eV (step deciding_phases)",
}


def review_for(
    sets: Sequence[InputSet], crystals: Mapping[str, Composition], learned: Mapping[str, Composition]
) -> list[Remark]:
    """Return what is missing of the input of a recipe.

    Parameters
    ----------
    sets : sequence of InputSet
    crystals : mapping of str to Composition
        What the recipe relaxes, by name.
    learned : mapping of str to Composition
        Reactants whose energies in its phase set are those of a potential.
    """
    bulk = [one for one in sets if not one.cell.vacuum and not one.stack and one.kind != "md"]
    place = sets[0].folder.parent
    found = []
    for name, composition in {**crystals, **learned}.items():
        if not any(_is_of(one, composition) for one in bulk):
            found.append(("crystal without input", place, f"{name}: no crystal of this composition is computed"))
    for name, composition in learned.items():
        runs = [one for one in bulk if _is_of(one, composition)]
        if runs and not any(is_at_scale(one) for one in runs):
            told = f"{name}: {_told(runs[0])}: not beside public energies, so its reactions keep a potential's"
            found.append(("no way into a reaction", runs[0].folder, told))
    return [Remark(rule, folder, detail, RECIPE_RULES[rule]) for rule, folder, detail in found]


def _is_of(one: InputSet, composition: Composition) -> bool:
    mine = one.structure.composition.element_composition
    elements = {*mine.elements, *composition.elements}
    return all(abs(mine.get_atomic_fraction(e) - composition.get_atomic_fraction(e)) < _SAME for e in elements)


def _told(one: InputSet) -> str:
    table = "".join(f", U({e}) {u:g} eV" for e, u in one.hubbard_u.items())
    return f"ENCUT {float(one.tags.get('ENCUT', 0)):g} eV{table}"
