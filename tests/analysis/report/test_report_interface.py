"""The chapter on interfaces: cells, choice, energies by hand, and what is missing in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.analysis.campaigns import Entry
from catholyte.analysis.figures.cells import StackView, stack_figure
from catholyte.analysis.records import in_campaign
from catholyte.analysis.report.case import Case, Finished
from catholyte.analysis.report.chapters.interface import INTERFACES
from catholyte.analysis.report.content import Section, Table
from catholyte.configs.constants import J_PER_M2
from catholyte.configs.errors import InputError
from catholyte.configs.recipe import Recipe
from catholyte.structures.interfaces.verdict import recorded_polarity
from catholyte.tests.support.campaigns.campaign_documents import edges, made_document, oxygen_dos
from catholyte.workflows.interface_documents import Candidate, CandidateEnergy, ChosenInterface
from catholyte.workflows.roles import Variation

AREA = 16.0
RECIPE: dict[str, Any] = {
    "name": "two",
    "title": "two oxides",
    "source": "a test",
    "hubbard_u": {},
    "interface": {"systems": [{"name": "A|B", "a": "LCO:104", "b": "CoO:100"}]},
}


def cell(layers: dict[str, int], height: float) -> Structure:
    """One Mg and one O of each layer's material on a square of 4 Å."""
    tags = [tag for tag, number in layers.items() for _ in range(2 * number)]
    coords = [[0.5 * (k % 2), 0.0, (k // 2 + 0.5) / (len(tags) // 2 + 0.5)] for k in range(len(tags))]
    return Structure(
        Lattice.orthorhombic(4, 4, height), ["Mg", "O"] * (len(tags) // 2), coords, site_properties={"layer": tags}
    )


def finished(label: str, variant: str, structure: Structure, energy: float, step: str = "interface") -> Finished:
    plan = {
        "key": f"key of {label}",
        "uuid": label,
        "name": label,
        "step": step,
        "material": "A|B",
        "variant": variant,
        "depends_on": [],
    }
    entry = Entry(plan, "done", {})
    return Finished(entry, in_campaign(entry, made_document(label, structure, structure, energy=energy)))


def case(*jobs: Finished, choice: bool = True, waiting: tuple[str, ...] = ()) -> Case:
    stack = cell({"LCO": 2, "CoO": 3}, 20)
    record = {
        "a_miller": [1, 0, 4],
        "b_miller": [1, 0, 0],
        "form": "periodic",
        "gaps": [2.1],
        "empty": 2.2,
        "strain": 0.03,
        "strains": {"LCO": 0.0, "CoO": 0.03},
        "polarity": "non-polar",
    }
    rows = [
        CandidateEnergy(cell=0, n_atoms=10, energy=-48.0 - k, area=AREA, excess=0.125 - k / AREA, strain=0.03)
        for k in range(2)
    ]
    chosen = ChosenInterface(
        label="A|B",
        tier="chgnet",
        chosen=1,
        candidates=rows,
        structure=stack,
        energy=-49.0,
        built=Candidate(structure=stack, cell=0, record=record),
        materials={"a": "LCO", "b": "CoO"},
    )
    plan = {
        "key": "choice",
        "uuid": "choice",
        "name": "A|B chgnet candidates",
        "step": "interface",
        "material": "A|B",
        "variant": "candidates",
        "depends_on": [],
    }
    entries = [job.entry for job in jobs] + ([Entry(plan, "done", {})] if choice else [])
    entries += [Entry({**plan, "key": name, "name": name}, "waiting", {}) for name in waiting]
    return Case({}, Recipe.model_validate(RECIPE), entries, list(jobs), {}, {"choice": chosen} if choice else {})


def jobs() -> list[Finished]:
    stack = cell({"LCO": 2, "CoO": 3}, 20)
    return [
        finished("A|B candidate 1", "candidates", stack, -48.0),
        finished("A|B candidate 2", "candidates", stack, -49.0),
        finished("A|B cell 1 bulk LCO", "candidates", cell({"LCO": 1}, 4), -10.0),
        finished("A|B cell 1 bulk CoO", "candidates", cell({"CoO": 1}, 4), -10.0),
        finished("A|B slab LCO", "relax slab LCO", cell({"LCO": 2}, 20), -19.0),
        finished("A|B slab CoO", "relax slab CoO", cell({"CoO": 3}, 20), -28.5),
        finished("CoO", "free", cell({"CoO": 1}, 4), -10.2, "bulk"),
    ]


def table(section: Section, name: str) -> Table:
    return next(found for found in section.tables if found.name == name)


def test_energies_by_hand() -> None:
    section = INTERFACES.section(case(*jobs()))
    (row,) = table(section, "interface_energies").rows
    assert row["interface"] == pytest.approx(1000 * (50 - 49) / (2 * AREA))
    assert row["adhesion"] == pytest.approx(1000 * (49 - 47.5) / (2 * AREA))
    assert row["adhesion_si"] == pytest.approx(1.5 / (2 * AREA) * J_PER_M2)
    assert row["surfaces"] == f"LCO {J_PER_M2 / (2 * AREA):.2f}, CoO {1.5 * J_PER_M2 / (2 * AREA):.2f}"
    assert row["strain"] == f"CoO {1000 * 3 * 0.2 / AREA:.1f}"
    assert [line["role"] for line in table(section, "interface_references").rows] == ["stack"] + [
        "strained crystal"
    ] * 2 + ["strained slab"] * 2 + ["free crystal"]
    assert {number.quantity.split(" of A|B")[0] for number in section.key_numbers} == {
        "interface energy γ",
        "work of adhesion W",
    }
    assert {number.tier for number in section.key_numbers} == {"chgnet"}


def test_cells_and_choice() -> None:
    section = INTERFACES.section(case(*jobs()))
    (row,) = table(section, "interface_cells").rows
    assert (row["facets"], row["atoms"], row["gap"], row["seam"], row["taken"]) == (
        "LCO(104) | CoO(100)",
        10,
        2.1,
        2.2,
        "LCO 0.000, CoO 0.030",
    )
    assert [(line["candidate"], line["taken"]) for line in table(section, "interface_candidates").rows] == [
        (1, ""),
        (2, "yes"),
    ]
    assert [picture.name for picture in section.pictures] == ["stack_A_B"]
    assert any("not trained on interfaces" in block.text for block in section.blocks if block.kind == "note")


def test_each_interface_and_each_strain_is_shown() -> None:
    found = case(*jobs())
    choice = found.others["choice"]
    assert isinstance(choice, ChosenInterface)
    sides = [("Co4O4", "O4", 2.1, -0.02), ("O4", "Li2O2", 2.2, 0.01)]
    joints = [dict(zip(("below", "above", "gap", "interaction"), one, strict=True)) for one in sides]
    strained = {"principal_strains": {"LCO": [0.0, 0.0], "CoO": [-0.0933, -0.1057]}, "orientation": [1, 4]}
    choice.built.record |= {"joints": joints, **strained}
    section = INTERFACES.section(found)
    rows = table(section, "interface_joints").rows
    assert [(row["interface"], row["below"], row["gap"], row["interaction"]) for row in rows] == [
        (1, "Co4O4", 2.1, -20.0),
        (2, "O4", 2.2, 10.0),
    ]
    (row,) = table(section, "interface_cells").rows
    assert row["principal"] == "LCO +0.0/+0.0, CoO -10.6/-9.3"
    assert (row["area_change"], row["orientation"]) == ("LCO +0.0, CoO -18.0", "1 of 4")
    assert any("A|B: CoO takes principal strains of -10.6 and -9.3 %" in warning for warning in section.warnings)


def test_the_recipes_level_goes_before_that_of_the_choice() -> None:
    stack = cell({"LCO": 2, "CoO": 3}, 20)
    better = [
        finished("A|B", "relax stack", stack, -49.5),
        finished("A|B bulk LCO", "relax bulk LCO", cell({"LCO": 1}, 4), -10.1),
    ]
    (row,) = table(INTERFACES.section(case(*jobs(), *better)), "interface_energies").rows
    assert row["interface"] == pytest.approx(1000 * (2 * 10.1 + 3 * 10 - 49.5) / (2 * AREA))


def test_what_is_missing_is_said() -> None:
    without = INTERFACES.section(case(*jobs()[:2]))
    assert any(block.kind == "problem" and "no strained crystal of LCO, CoO" in block.text for block in without.blocks)
    assert without.key_numbers == []
    waiting = INTERFACES.section(case(choice=False, waiting=("A|B chgnet candidates",)))
    assert [block.text for block in waiting.blocks if block.kind == "problem"] == [
        "A|B chgnet candidates (job A|B chgn) has not run."
    ]
    never = INTERFACES.section(Case({}, Recipe.model_validate(RECIPE), [], [], {}))
    assert "runs with --only interface" in never.blocks[0].text  # type: ignore[union-attr]
    none = INTERFACES.section(
        Case({}, Recipe.model_validate({key: value for key, value in RECIPE.items() if key != "interface"}), [], [], {})
    )
    assert [block.text for block in none.blocks] == ["The recipe builds no interface."]  # type: ignore[union-attr]


def test_the_figure_draws_every_atom_and_repeats_small_cells() -> None:
    from matplotlib.patches import Circle

    wide = Structure(Lattice.orthorhombic(4, 9, 12), ["Li", "O"], [[0, 0, 0.2], [0.5, 0.5, 0.7]])
    figure = stack_figure([StackView("small", cell({"LCO": 2}, 20)), StackView("wide", wide)])
    drawn = [sum(isinstance(patch, Circle) for patch in ax.patches) for ax in figure.axes]
    assert drawn == [2 * 4, 2]
    heights = sorted({round(patch.center[1], 6) for patch in figure.axes[1].patches if isinstance(patch, Circle)})
    assert np.allclose(heights, [2.4, 8.4])
    with pytest.raises(InputError, match="at least one cell"):
        stack_figure([])


def test_states_across_the_stack_have_their_place() -> None:
    def states(label: str, variant: str, structure: Structure, center: float) -> Finished:
        plan = {
            "key": f"dos {label}",
            "uuid": label,
            "name": label,
            "step": "interface",
            "material": "A|B",
            "variant": variant,
            "depends_on": [],
        }
        document = made_document(
            label, structure, structure, dos=oxygen_dos(structure, center), band_edges=edges(structure, 2.0)
        )
        entry = Entry(plan, "done", {})
        return Finished(entry, in_campaign(entry, document))

    stack = cell({"LCO": 2, "CoO": 3}, 20)
    dos = [
        states("A|B", "dos stack", stack, -3.0),
        states("A|B bulk LCO", "dos bulk LCO", cell({"LCO": 1}, 4), -2.5),
        states("A|B bulk CoO", "dos bulk CoO", cell({"CoO": 1}, 4), -3.5),
    ]
    section = INTERFACES.section(case(*jobs(), *dos))
    assert any(getattr(block, "text", "") == "States across LCO | CoO" for block in section.blocks)
    assert not [table for table in section.tables if table.name == "strained_convergence"]
    finer = states("A|B bulk LCO", "dos bulk LCO, mesh 8×4×8", cell({"LCO": 1}, 4), -2.6)
    finer = replace(finer, document=finer.document.model_copy(update={"role": Variation(of="A|B bulk LCO")}))
    (table,) = [
        table for table in INTERFACES.section(case(*jobs(), *dos, finer)).tables if table.name == "strained_convergence"
    ]
    assert [row["variant"] for row in table.rows] == ["dos bulk LCO", "dos bulk LCO, mesh 8×4×8"]
    assert table.rows[1]["average_potential"] == pytest.approx(-0.1, abs=0.02)
    assert {"depth_LCO_CoO_10_depth", "depth_LCO_CoO_alignment"} <= {picture.name for picture in section.pictures}
    difference = next(
        number for number in section.key_numbers if number.quantity.startswith("O 2p centre of CoO minus that of LCO")
    )
    assert difference.value == pytest.approx(0, abs=0.05)  # every oxygen of the made stack has the same states


def test_a_stack_that_was_called_non_polar_and_is_not_is_named() -> None:
    """The record of an earlier version: a verdict by the average crystal, and the dipoles that contradict it."""
    record = {"polarity": "non-polar", "dipoles": [-0.03, 0.0]}
    assert recorded_polarity(record) == "polar"
    assert recorded_polarity(record | {"dipoles": [0.0, 4e-16]}) == "non-polar"
    assert recorded_polarity(record | {"dipoles": [2e-3, 0.0], "repeat_dipoles": [5e-4, 0.0]}) == "non-polar"
    assert recorded_polarity({}) is None
    found = case(*jobs())
    choice = found.others["choice"]
    assert isinstance(choice, ChosenInterface)
    choice.built.record |= record
    warnings = INTERFACES.section(found).warnings
    assert any("A|B holds a slab that repeats a dipole" in warning for warning in warnings)
