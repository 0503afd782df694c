"""The text of a recipe that fits chosen materials: every line with what it means, for its owner to change."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError
from ...configs.models import Mesh
from ...structures.crystals.cells import calculation_cell
from ...workflows.phases.scale import CUTOFF
from .chosen import Chosen
from .values import MOST_ATOMS, U_SOURCE, FacetChoice, atom_budget, best_facet, control_cell, divisions, hubbard_table

__all__ = ["Proposal", "propose", "recipe_name"]

#: V vs Li/Li+, at which pairs are evaluated open to lithium too: the upper bound of screens
_VOLTAGE = 4.3
#: atoms of a cell above which a density of states by GPAW takes hours on a laptop
_ELECTRONIC_ATOMS = 24


@dataclass
class Proposal:
    """A recipe to be.

    Parameters
    ----------
    name : str
    title : str
    materials : list of Chosen
    phase_set : str
    file : str
        Name of the recipe's file as commands take it.
    notes : list of str
        What was left out, and why.
    """

    name: str
    title: str
    materials: list[Chosen]
    phase_set: str
    file: str
    notes: list[str] = field(default_factory=list)

    def part(self, *names: str) -> list[Chosen]:
        """The materials of some parts."""
        return [one for one in self.materials if one.part in names]

    @property
    def crystals(self) -> list[Chosen]:
        """The materials whose crystal is known."""
        return [one for one in self.materials if one.crystal is not None]

    @property
    def oxides(self) -> dict[str, Structure]:
        """Names of the crystals of cathodes and coatings that hold oxygen, whose states are asked for, and the cells
        that are calculated."""
        return {
            one.crystal_name: calculation_cell(one.crystal)
            for one in self.part("cathode", "coating")
            if one.crystal is not None and "O" in one.composition
        }

    @property
    def pairs(self) -> list[tuple[Chosen, Chosen]]:
        """Cathodes with electrolytes, cathodes with coatings, coatings with electrolytes."""
        cathodes, coatings, electrolytes = (self.part(p) for p in ("cathode", "coating", "electrolyte"))
        return [*product(cathodes, electrolytes), *product(cathodes, coatings), *product(coatings, electrolytes)]


def propose(
    materials: Sequence[Chosen], phase_set: str, name: str | None, file: str, told: Callable[[str], None]
) -> tuple[Proposal, str]:
    """Return the recipe of some materials and its text.

    Parameters
    ----------
    materials : sequence of Chosen
    phase_set : str
    name : str, optional
        Of the recipe; that of its cathodes and electrolytes where left out.
    file : str
        Name of the file as commands take it.
    told : callable
        Told of each search that takes seconds.

    Raises
    ------
    StructureError
        If a crystal cannot be cut or ordered.
    """
    proposal = Proposal(name or recipe_name(materials), _title(materials), list(materials), phase_set, file)
    sections = [_head(proposal), _bulk(proposal), _thermodynamics(proposal), _interface(proposal, told)]
    sections += [_vasp(proposal), _claims(proposal), _electronic(proposal)]
    return proposal, "\n".join(section for section in sections if section)


def recipe_name(materials: Sequence[Chosen]) -> str:
    """Return the name of a recipe that has none: those of its cathodes and electrolytes."""
    first = "-".join(one.label for one in materials if one.part != "coating")
    return re.sub(r"[^A-Za-z0-9.\-]+", "-", first)[:80].strip("-")


def _title(materials: Sequence[Chosen]) -> str:
    parts = {
        part: " and ".join(_called(one) for one in materials if one.part == part)
        for part in ("cathode", "coating", "electrolyte")
    }
    layers = f", with {parts['coating']} between them" if parts["coating"] else ""
    return f"{parts['cathode']} against {parts['electrolyte']}{layers}"


def _called(one: Chosen) -> str:
    return one.formula if one.formula == one.label else f"{one.label} ({one.formula})"


def _text(value: str) -> str:
    """A YAML scalar, quoted."""
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    """A comment as wide as the others of the recipe; words, such as paths, stay whole."""
    return textwrap.fill(
        text, 118, initial_indent="# ", subsequent_indent="#   ", break_long_words=False, break_on_hyphens=False
    )


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _mesh(mesh: Mesh) -> str:
    return f"[{', '.join(map(str, mesh))}]"


def _head(proposal: Proposal) -> str:
    table = hubbard_table(one.composition for one in proposal.materials)
    values = "".join(f"\n  {element}: {u:g} eV" for element, u in table.items()) or " {}  # no transition metal"
    after = (
        (f"plan {proposal.file}", "jobs, cells, cost; nothing runs"),
        (f"run {proposal.file}", "relaxes the crystals; run again, it goes on"),
        ("report --out report", "answers, figures, tables"),
        (f"run {proposal.file} --only interface", "the stacks below: hours"),
    )
    width = max(len(command) for command, _ in after) + 3
    commands = "\n".join(f"#   catholyte {command:<{width}}{does}" for command, does in after)
    return f"""\
# A recipe by `catholyte new`. Every line is yours to change; all keys and sections: docs/recipes.md.
{commands}
name: {_text(proposal.name)}
title: {_text(proposal.title)}
source: "a question of one's own: nothing published is compared"

# U on the d shell (Dudarev) of every transition metal; 0 eV is written out. These are the values of
# {U_SOURCE},
# on whose scale the phase set's energies stand; where it has none it uses none. GPAW and VASP read this table;
# potentials have theirs built in.
hubbard_u:{values}

choices:
  - setting: U
    value: {_text(", ".join(f"{element} {u:g} eV" for element, u in table.items()) or "none needed")}
    reason: {_text(f"the values of {U_SOURCE}")}
"""


def _bulk(proposal: Proposal) -> str:
    if not proposal.crystals:
        proposal.notes.append("no crystal is known of any material: nothing is relaxed, the phase set answers alone")
        return ""
    for one in proposal.materials:
        if one.crystal is None:
            proposal.notes.append(
                f"{one.substance} is known by its energy alone: it reacts, and is not relaxed or stacked; the "
                "path of its CIF in place of the formula does both"
            )
    files = [one for one in proposal.crystals if one.crystal_name != one.substance]
    why = "".join(
        "\n"
        + _comment(
            f"{one.crystal_name} is {one.label}; below, where the phase set answers, it goes by its formula "
            f"{one.substance}{'' if one.in_set else ', whose energy is the one relaxed here'}."
            + (f" Its {one.ordered}; `catholyte orderings {one.crystal_name}` makes others." if one.ordered else "")
        )
        for one in files
    )
    proposal.notes += [f"{one.label}: {one.ordered}" for one in files if one.ordered]
    return f"""\
# Relaxations by the potential CHGNet: cells beside experiment, and energies of what the phase set lacks.
# [chgnet, sevennet] in place of chgnet asks two potentials, and what they differ by joins every ±.{why}
bulk:
  engine: chgnet
  materials: {_listed([one.crystal_name for one in proposal.crystals])}
  max_force: 0.05 eV/Å   # largest force at the end; 0.01 for cells that are compared in detail
"""


def _thermodynamics(proposal: Proposal) -> str:
    pairs = "\n".join(f"    - {_listed([a.substance, b.substance])}" for a, b in proposal.pairs)
    asked = [one.substance for one in proposal.part("electrolyte", "coating")]
    volumes = [one.substance for one in proposal.part("electrolyte")]
    chosen = _text(proposal.phase_set)
    text = f"""\
# Reaction energies from the phase set, no job: closed, and open to lithium at a voltage (V vs Li/Li+).
reactions:
  phase_set: {chosen}
  voltages: [{_VOLTAGE:g} V]
  pairs:
{pairs}

# Stability windows, and the molar volume of the electrolyte along its decomposition.
windows:
  phase_set: {chosen}
  materials: {_listed(asked)}
volumes:
  phase_set: {chosen}
  materials: {_listed(volumes)}
"""
    if not (coatings := proposal.part("coating")):
        return text
    return f"""\
{text}
# Which coating keeps them apart: all triples, the cathode full and half empty of lithium.
screen:
  phase_set: {chosen}
  cathodes: {_listed([one.substance for one in proposal.part("cathode")])}
  electrolytes: {_listed(volumes)}
  coatings: {_listed([one.substance for one in coatings])}
  lithium: [1, 0.5]
  operating_range: [2.5 V, {_VOLTAGE:g} V]   # that coating and electrolyte have to bear
"""


def _interface(proposal: Proposal, told: Callable[[str], None]) -> str:
    """Stacks of everything that touches the electrolyte."""
    facets: dict[str, FacetChoice] = {}
    systems = []
    used: dict[str, Chosen] = {}
    for upper, lower in product(proposal.part("electrolyte"), proposal.part("cathode", "coating")):
        if lower.crystal is None or upper.crystal is None:
            continue
        told(f"looking for a cell of {lower.label} on {upper.label}")
        try:
            for one in (lower, upper):
                if one.label not in facets and one.crystal is not None:
                    facets[one.label] = best_facet(one.crystal)
            budget = atom_budget(
                (lower.crystal, facets[lower.label].miller), (upper.crystal, facets[upper.label].miller), "b"
            )
        except CatholyteError as error:
            proposal.notes.append(f"no stack of {lower.label} on {upper.label}: {error.message}")
            continue
        if budget is None:
            proposal.notes.append(
                f"no stack of {lower.label} on {upper.label}: these facets fit in no cell of {MOST_ATOMS:.0f} atoms; "
                f"`catholyte interfaces {lower.crystal_name} {upper.crystal_name} --max-atoms {MOST_ATOMS:.0f}` tries "
                "all low-index facets"
            )
            continue
        used |= {lower.label: lower, upper.label: upper}
        a, b = (_text(f"{one.crystal_name}:{facets[one.label].text}") for one in (lower, upper))
        systems.append(
            f"    - {{name: {_text(f'{lower.label}|{upper.label}')}, a: {a}, b: {b}, max_atoms: {budget}, "
            "strain_on: b, dynamics: true}"
        )
    if not systems:
        return ""
    why = "\n".join(f"# {one.label}({facets[one.label].text}): {facets[one.label].reason}." for one in used.values())
    controls = "\n".join(
        f"      - {{material: {_text(one.crystal_name)}, supercell: {_multiples(one)}}}" for one in used.values()
    )
    lines = "\n".join(systems)
    return f"""\
# Stacks: built, relaxed, moved at 300 K beside the bulk phases as controls. Hours: runs with --only interface (2 ps) or
# --full (20 ps). NAME:hkl is the facet, on conventional axes; of a file on its own axes.
{why}
# max_atoms: a tenth above the smallest cell within 8 % of strain; the electrolyte, the softer of two, takes the strain.
interface:
  engine: chgnet
  systems:
{lines}
  dynamics:
    engine: chgnet
    temperature: 300 K
    timestep: 2 fs
    length: 2 ps
    full_length: 20 ps
    chunk: 1 ps
    seeds: [0, 1, 2]   # replicas: a number of events needs an error bar
    controls:
{controls}
"""


def _multiples(one: Chosen) -> str:
    """Multiples of a crystal's cell as the control of a stack."""
    return _mesh(control_cell(calculation_cell(one.crystal))) if one.crystal is not None else "[1, 1, 1]"


def _electronic(proposal: Proposal) -> str:
    """Densities of states, written out and not asked for: they take GPAW, and by far the longest."""
    meshes = {name: divisions(cell) for name, cell in proposal.oxides.items() if len(cell) <= _ELECTRONIC_ATOMS}
    if not meshes:
        return ""
    lines = "\n".join(f"#     {_text(name)}: {_mesh(mesh)}" for name, mesh in meshes.items())
    return f"""\
# O 2p states by GPAW (installed by `make gpaw`): take the "# " away to ask for them; minutes to an hour for each cell.
# electronic:
#   engine: gpaw
#   materials: {_listed(list(meshes))}
#   cutoff: 600 eV
#   kpoints:   # divisions of the primitive (magnetic) cell, at most 0.45/Å apart
{lines}
#   band_center: {{element: O, orbital: p, window: occupied, reference: vbm}}
"""


def _vasp(proposal: Proposal) -> str:
    """What a cluster runs in place of the potential, at the level of the phase set's energies."""
    cells = {one.crystal_name: calculation_cell(one.crystal) for one in proposal.materials if one.crystal is not None}
    if not cells:
        return ""
    states = f"\n  electronic: {_listed(list(proposal.oxides))}   # O 2p states" if proposal.oxides else ""
    meshes = "\n".join(f"    {_text(name)}: {_mesh(divisions(cell))}" for name, cell in cells.items())
    return f"""\
# The same with VASP, read by --engine vasp alone: `catholyte inputs {proposal.file} --engine vasp` writes the inputs,
# `submit` sends the jobs to a queue.
vasp:
  relax: {_listed(list(cells))}{states}
  cutoff: {CUTOFF:g} eV   # that of the phase set's energies
  kpoints:   # divisions of the primitive (magnetic) cell, at most 0.45/Å apart
{meshes}
"""


def _claims(proposal: Proposal) -> str:
    """An expectation written out and not asked for: that the first pair is stable."""
    first, second = (one.substance for one in proposal.pairs[0])
    held = f"mutual({first}, {second}) > -0.05 eV/atom"
    return f"""\
# What you expect, or what is printed somewhere: take the "# " away, and `catholyte claims {proposal.file}` judges it.
# claims:
#   - text: {_text(f"{first} is stable against {second}")}
#     holds: {_text(held)}
"""
