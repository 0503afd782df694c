"""What a user names as cathode, electrolyte or coating, and what a recipe calls it."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core.composition import Composition

from ...analysis.thermodynamics.phase_set import PhaseSet
from ...configs.errors import InputError, UnknownNameError, near_match_hint
from ...configs.harmless import refuse_place
from ...configs.load import MATERIALS_VARIABLE, is_library_name, load_materials, material
from ...configs.models import Material
from ...structures.by_name import find_material
from ...structures.crystals.chemistry import meant, parse_formula
from ...structures.crystals.crystal import conventional
from ...structures.crystals.files import is_structure_file, read_structure, split_block
from ...structures.crystals.guard import note
from ...structures.crystals.ordering import order
from ...structures.crystals.symmetry import orbits

__all__ = ["Chosen", "choose", "choose_all", "substance"]


@dataclass(frozen=True)
class Chosen:
    """One material of a recipe to be.

    Parameters
    ----------
    part : str
        ``cathode``, ``electrolyte`` or ``coating``.
    substance : str
        What phase sets call it: a name of the library, or a formula.
    label : str
        Short name for titles and stacks.
    composition : Composition
    crystal : Material or None
        None where a formula alone is known: nothing can be relaxed then.
    crystal_name : str
        What steps with jobs call it: a name of the library, or a path from the recipe's folder.
    in_set : bool
        Whether the phase set holds an energy of it.
    ordered : str
        Which arrangement stands for partial occupancies, as a sentence; empty where there are none.
    """

    part: str
    substance: str
    label: str
    composition: Composition
    crystal: Material | None
    crystal_name: str
    in_set: bool
    ordered: str = ""

    @property
    def formula(self) -> str:
        """For a reader."""
        return (
            self.crystal.formula if self.crystal is not None and self.crystal.name == self.substance else self.substance
        )


def choose(part: str, text: str, phases: PhaseSet, folder: Path) -> Chosen:
    """Return what a text names: a structure file, a material's YAML, a name of the library, or a formula.

    Parameters
    ----------
    part : str
    text : str
        A path counts from the current folder.
    phases : PhaseSet
    folder : Path
        Of the recipe.

    Raises
    ------
    UnknownNameError
        If it is nothing of these, with the nearest names of the library.
    InputError
        If it holds an element that the phase set does not cover.
    StructureError
        If a file cannot be used: it does not parse, or no usual oxidation states balance.
    """
    text, ordered = text.strip(), ""
    if is_structure_file(text) or text.endswith((".yaml", ".yml")):
        found = find_material(text)
        crystal_name = _from_folder(text, folder)
        own = is_library_name(found.name)  # a YAML in the user's own folder of materials
        if own and material(found.name) == found:
            substance = found.name
        elif found.ordered_cell is None:
            substance = _spelled(parse_formula(found.formula))
        else:
            substance, ordered = _ordered(found)
    elif is_library_name(text):
        found = material(text)
        crystal_name = substance = found.name
    else:
        return _formula_alone(part, text, phases)
    composition = parse_formula(found.formula)
    _require_elements(phases, composition, found.name)
    entry = phases.resolve(substance).entry
    return Chosen(part, substance, found.name, composition, found, crystal_name, entry is not None, ordered)


def choose_all(asked: Mapping[str, Sequence[str]], phases: PhaseSet, folder: Path) -> list[Chosen]:
    """Return the materials of every part, in the order given.

    Raises
    ------
    InputError
        As :func:`choose`; if a material is named twice, or two files bear one name.
    """
    found = [choose(part, text, phases, folder) for part, texts in asked.items() for text in texts]
    for number, one in enumerate(found):
        for other in found[:number]:
            if one.label == other.label:
                if one.crystal == other.crystal:
                    what, advice = "is named twice", f"leave it out as {one.part}, or as {other.part}"
                else:
                    what = "is the name of two crystals"
                    advice = "name each material once; a file goes by what it is called, so rename one of two"
                raise InputError(f"{one.label} {what}, as {other.part} and as {one.part}", advice)
    return found


def substance(text: str) -> str:
    """Return what phase sets call a material: a name or formula as it is, of a structure file its formula.

    Phase sets go by composition, so that the crystal of a file matters to none of their answers; a note tells which
    formula stands for it.

    Parameters
    ----------
    text : str
        A path counts from the current folder.

    Raises
    ------
    StructureError
        If a file cannot be used.
    """
    if is_structure_file(text):
        formula = _spelled(_refined(text))
    elif text.endswith((".yaml", ".yml")) and not is_library_name(text):
        formula = find_material(text).formula
    else:
        return text
    note(text, f"phase sets go by composition, and {formula} stands for the file")
    return formula


def _refined(path: str) -> Composition:
    """The composition of a structure file as it was refined, per formula unit of its crystal."""
    structure = read_structure(path)
    composition = structure.composition.element_composition
    return composition if structure.is_ordered else composition / math.gcd(*Counter(orbits(structure)).values())


def _formula_alone(part: str, text: str, phases: PhaseSet) -> Chosen:
    try:
        composition = parse_formula(text)
    except InputError:
        refuse_place(text)
        raise UnknownNameError(
            f"{part} {text!r} is no material of the library, no chemical formula and no structure file; "
            f"{near_match_hint(text, [*meant(text), *load_materials()])}",
            "`catholyte materials` lists the library; a crystal of your own is the path of its CIF or POSCAR, such as "
            "./mine.cif",
        ) from None
    _require_elements(phases, composition, text)
    entry = phases.resolve(text).entry
    if entry is None:
        raise InputError(
            f"{part} {text}: neither the library nor the phase set {phases.name} holds it, so that it has no crystal "
            "to relax and no energy to react with",
            f"give the path of its CIF or POSCAR in place of the formula, or write its YAML into {MATERIALS_VARIABLE}"
            + _relatives(composition),
        )
    return Chosen(part, text, text, composition, None, "", True)


def _relatives(composition: Composition) -> str:
    """The materials of the library that hold the same elements, as an end of advice; those nearest in amounts first."""
    distance = {
        f"{one.name} ({one.formula})": sum(abs(shares[e] - wanted[e]) for e in wanted)
        for wanted in [composition.fractional_composition]
        for one in load_materials().values()
        if set(shares := parse_formula(one.formula).fractional_composition) == set(wanted)
    }
    near = sorted(distance, key=lambda name: (distance[name], name))[:3]
    return f"; of the same elements the library holds {', '.join(near)}" if near else ""


def _require_elements(phases: PhaseSet, composition: Composition, label: str) -> None:
    try:
        phases.require_elements(composition, label)
    except InputError as error:
        raise InputError(
            error.message,
            "choose a material of these elements, or build a phase set of your own (`catholyte phases fetch`) and name "
            "it with --phases",
        ) from None


def _ordered(found: Material) -> tuple[str, str]:
    """Formula of the ordered cell per formula unit of the crystal, and what was chosen, of how many."""
    if found.ordered_cell is None:
        raise ValueError(f"{found.name} has no partial occupancies")
    cell = conventional(found)
    chosen = order(cell, found.ordered_cell)[0]
    units = math.gcd(*Counter(cell.site_properties["wyckoff_label"]).values())
    refined, made = cell.composition.element_composition / units, chosen.structure.composition.element_composition
    formula = _spelled(made / max(1, round(made.num_atoms / refined.num_atoms)))
    near = "" if formula == (written := _spelled(refined)) else f" for the refined {written}"
    tried = "all" if chosen.method == "enumeration" else "a search among"
    among = (
        "the only arrangement there is"
        if chosen.method == "enumeration" and chosen.n_samples == 1
        else f"of {tried} {chosen.n_samples:,} arrangements that of lowest electrostatic energy"
    )
    return formula, f"partial occupancies stand in one ordered cell, {_joined(made)}{near}: {among}"


def _spelled(composition: Composition) -> str:
    """The formula as phase sets read it and people write it: no brackets, the least electronegative element first."""
    return _joined(composition.reduced_composition.element_composition)


def _joined(amounts: Composition) -> str:
    ordered = sorted(amounts.items(), key=lambda pair: pair[0].X)
    return "".join(f"{element.symbol}{'' if (n := f'{amount:.4g}') == '1' else n}" for element, amount in ordered)


def _from_folder(text: str, folder: Path) -> str:
    """A path as a recipe in `folder` names it."""
    path, block = split_block(text)
    relative = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    named = relative if relative.startswith("../") else f"./{relative}"
    return named if block is None else f"{named}:{block}"
