"""Tables and pictures of the cells of interfaces: what was built, and the choice among candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....configs.steps.interface import InterfaceSystem
from ....structures.interfaces.verdict import recorded_polarity, recorded_strains
from ....workflows.interface_documents import ChosenInterface
from ....workflows.roles import Candidate, Reference, Role, Stack
from ...figures.cells import StackView, stack_figure
from ...words import file_stem
from ..case import Finished
from ..columns import ENERGY, N_ATOMS, SYSTEM, TIER
from ..content import Column, Picture, Table

__all__ = ["ATOMS", "Chosen", "candidates_table", "cells_table", "joints_table", "picture"]

#: distance between the two crystals of a joint
_JOINT = Column("gap", "gap (Å)", 2)

ATOMS = Column("atoms", "atoms")
_STRAIN = Column("strain", "strain", 4)


@dataclass(frozen=True)
class Chosen:
    """One system with its choice and the calculations that belong to it."""

    system: InterfaceSystem
    choice: ChosenInterface
    jobs: list[Finished]

    def document(self, role: Role, kind: str = "relax") -> Finished | None:
        """The last calculation of one role and kind."""
        return next(
            (found for found in reversed(self.jobs) if found.document.role == role and found.document.kind == kind),
            None,
        )

    @property
    def stack(self) -> Finished | None:
        """The relaxed stack: at the recipe's level, or the candidate that the choice rests on."""
        name = self.system.name
        return self.document(Stack(of=name)) or self.document(Candidate(of=name, number=self.choice.chosen + 1))

    def bulk(self, material: str) -> Finished | None:
        """A strained crystal: at the recipe's level, or the one that the choice rests on."""
        cell = self.choice.candidates[self.choice.chosen].cell + 1
        role = Reference(of=self.system.name, what="bulk", material=material)
        return self.document(role) or self.document(role.model_copy(update={"cell": cell}))


def picture(found: Chosen) -> Picture:
    """Return the cell of one system, as built and relaxed."""
    name, choice = found.system.name, found.choice
    views = [StackView(f"{name}, as built", choice.built.structure), StackView(f"{name}, relaxed", choice.structure)]
    figure = stack_figure(views, [f"Tier: {choice.tier}.", _form(choice)])
    return Picture(
        f"stack_{file_stem(name)}", figure, f"Cell of {name} with {len(choice.structure)} atoms, as built and relaxed."
    )


def _form(choice: ChosenInterface) -> str:
    form = choice.built.record.get("form")
    return {
        "periodic": "Two interfaces in the cell, no vacuum.",
        "vacuum": "One interface, vacuum above.",
        None: "A ready cell.",
    }.get(form, "")


def _facet(label: str, miller: Sequence[int] | None) -> str:
    if miller is None:
        return label
    return f"{label}({('' if all(0 <= index <= 9 for index in miller) else ' ').join(map(str, miller))})"


def cells_table(chosen: Sequence[Chosen]) -> Table:
    """Return what the cell of each system is."""
    columns = (
        SYSTEM,
        Column("facets", "facets"),
        Column("terminations", "terminations", chemical=True),
        ATOMS,
        Column("area", "area (Å²)", 1),
        _STRAIN,
        Column("taken", "strain taken by"),
        Column("principal", "principal strains (%)"),
        Column("area_change", "change of area (%)"),
        Column("orientation", "orientation"),
        _JOINT,
        Column("seam", "second gap (Å)", 2),
        Column("height", "height, built → relaxed (Å)"),
        Column("polarity", "polarity"),
        Column("seed", "seed of orderings"),
    )
    rows = []
    for found in chosen:
        record, choice = found.choice.built.record, found.choice
        materials = choice.materials
        rows.append(
            {
                "system": found.system.name,
                "facets": " | ".join(_facet(materials[key], record.get(f"{key}_miller")) for key in materials)
                or "ready cell",
                "terminations": " | ".join(record[key] for key in ("a_termination", "b_termination") if key in record),
                "atoms": len(choice.structure),
                "area": choice.candidates[choice.chosen].area,
                "strain": record.get("strain"),
                "taken": ", ".join(f"{name} {value:.3f}" for name, value in record.get("strains", {}).items()),
                "principal": ", ".join(
                    f"{name} {100 * a:+.1f}/{100 * b:+.1f}" for name, (a, b, _) in recorded_strains(record).items()
                ),
                "area_change": ", ".join(
                    f"{name} {100 * change:+.1f}" for name, (_, _, change) in recorded_strains(record).items()
                ),
                "orientation": "{} of {}".format(*record["orientation"]) if "orientation" in record else None,
                "gap": record["gaps"][0] if record.get("gaps") else None,
                "seam": record.get("empty") if record.get("form") == "periodic" else None,
                "height": f"{choice.built.structure.lattice.c:.2f} → {choice.structure.lattice.c:.2f}",
                "polarity": recorded_polarity(record),
                "seed": choice.seed,
            }
        )
    note = (
        "Strain: von Mises; principal strains are logarithmic. Orientation: by the interaction energy, of all that the "
        "lattices do not tell apart and the crystals do. The lattice in the plane is kept in every relaxation; without "
        "vacuum the height of the cell follows."
    )
    return Table("interface_cells", "Cells", columns, rows, note)


def joints_table(chosen: Sequence[Chosen]) -> Table | None:
    """Return each interface of each system's cell as it was built; None where no record tells them."""
    columns = (
        SYSTEM,
        Column("interface", "interface"),
        Column("below", "below", chemical=True),
        Column("above", "above", chemical=True),
        _JOINT,
        Column("interaction", "interaction (meV/Å²)", 1),
    )
    rows = [
        {**joint, "system": found.system.name, "interface": k, "interaction": 1000 * joint["interaction"]}
        for found in chosen
        for k, joint in enumerate(found.choice.built.record.get("joints", ()), 1)
    ]
    note = (
        "From the bottom up, that across the cell's top last; atoms within 2 Å of the outermost one, and the share of "
        "the interaction energy of the rigid slabs. γ, W and events per area are means over these interfaces."
    )
    return Table("interface_joints", "Interfaces of each cell", columns, rows, note) if rows else None


def candidates_table(chosen: Sequence[Chosen]) -> Table:
    """Return the candidates of each system with the energies that the choice rests on."""
    columns = (
        SYSTEM,
        Column("candidate", "candidate"),
        N_ATOMS,
        _STRAIN,
        ENERGY,
        Column("excess", "above the strained crystals (meV/Å²)", 2),
        Column("taken", "taken"),
        TIER,
    )
    rows = [
        {
            **row.model_dump(),
            "system": found.system.name,
            "candidate": k + 1,
            "excess": None if row.excess is None else 1000 * row.excess,
            "taken": "yes" if k == found.choice.chosen else "",
            "tier": found.choice.tier,
        }
        for found in chosen
        for k, row in enumerate(found.choice.candidates)
    ]
    return Table(
        "interface_candidates",
        "Choice among candidates",
        columns,
        rows,
        "Candidates of one cell differ in their lateral position; the lowest is taken.",
    )
