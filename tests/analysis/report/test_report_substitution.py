"""The part of the chapter on oxygen loss about two levels of theory and about a substituted ion, from documents made by
hand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from catholyte.analysis.figures.oxygen import substitution_figure
from catholyte.analysis.oxygen.reference import OxygenReference, reference_from_phase_set
from catholyte.analysis.oxygen.substitution import LITHIUM_BRIDGE, OTHERS, SubstitutionResults, substitution_results
from catholyte.analysis.report.case import Case, Finished
from catholyte.analysis.report.chapters.oxygen import OXYGEN_LOSS
from catholyte.analysis.report.chapters.substitution import substitution_blocks, substitution_key_numbers
from catholyte.analysis.report.content import Picture, Section, Text
from catholyte.analysis.thermodynamics.open_species import oxygen_data
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.configs.steps.oxygen_loss import OxygenLossStep, OxygenSystem, SinglePoints, SubstitutionPlan
from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.environment import anion_environments
from catholyte.structures.defects.substitution import substitute
from catholyte.structures.defects.substitution_effect import oxygen_beside
from catholyte.structures.defects.vacancy import oxygen_vacancy
from catholyte.tests.support.campaigns.campaign_documents import edges, oxygen_dos, planned
from catholyte.tests.support.campaigns.oxygen_campaign import campaign
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.workflows.documents import CalculationDocument, Signature

#: eV, what W adds to a vacancy next to it, and to one far from it
NEAR, FAR = 0.4, 0.1
#: eV, what the second engine adds to every vacancy
SECOND = 0.3
GPAW = Signature(
    engine="gpaw", version="1", functional="PBE+U", hubbard_u={"Co": 3.9}, potentials="made up", cutoff=400.0
)
PLAN = SubstitutionPlan(ion="W6+", leaving="Co", near=1, far=1)


def host() -> Structure:
    return prepared_cell(conventional(LCO).make_supercell((3, 2, 1)), LCO)


def tungsten(**changes: Any) -> list[CalculationDocument]:
    """A host, W on Co, and an oxygen atom near to it and far from it that leaves both."""
    cell = host()
    metal = next(i for i, site in enumerate(cell) if site.specie.symbol == "Co")
    made = substitute(cell, metal, "W6+")
    whole, parent = toy_document("LCO host 1", cell, **changes), toy_document("LCO W-Co 1", made.structure, **changes)
    found = [whole, parent]
    for one in oxygen_beside(made.structure, made.index, 1, 1):
        for label, name, added in ((whole, "LCO W-0 1", 0.0), (parent, "LCO W-Co 1", NEAR if one.bonded else FAR)):
            vacancy = oxygen_vacancy(label.structure, one.index).structure
            found.append(
                toy_document(f"{name} O-{one.index}", vacancy, **{"energy": label.energy + 7 + added, **changes})
            )
    return found


def states(name: str, structure: Structure, bridge: float, others: float) -> CalculationDocument:
    """A density of states with the O 2p of the two groups at two energies, eV below the valence-band maximum."""
    at = {one.index: bridge if one.bridge == LITHIUM_BRIDGE else others for one in anion_environments(structure)}
    first, second = oxygen_dos(structure, bridge), oxygen_dos(structure, others)
    densities = [
        [
            a if at.get(i) == bridge else b
            for i, (a, b) in enumerate(zip(first.densities[0], second.densities[0], strict=True))
        ]
    ] * 2
    total = np.asarray(densities[0]).sum(axis=(0, 1)).tolist()
    dos = first.model_copy(update={"densities": densities, "total": [total] * 2})
    return toy_document(
        name, structure, kind="dos", tier="gpaw", signature=GPAW, dos=dos, band_edges=edges(structure, 2.0)
    )


@pytest.fixture(scope="module")
def reference() -> OxygenReference:
    return reference_from_phase_set(load_phase_set("solidstate"))


@pytest.fixture(scope="module")
def results(reference: OxygenReference) -> SubstitutionResults:
    return substitution_results("LCO", "W6+", tungsten(), reference)


def test_what_the_ion_adds_stands_near_and_far(results: SubstitutionResults):
    assert results.problems == ()
    assert results.mean_change(near=True) == pytest.approx(NEAR)
    assert results.mean_change(near=False) == pytest.approx(FAR)
    assert [key.value for key in substitution_key_numbers(results)] == pytest.approx([NEAR, FAR])
    blocks = substitution_blocks(results)
    (table,) = [block for block in blocks if block.kind == "table"]
    assert [row["change"] for row in table.rows] == pytest.approx([NEAR, FAR])
    assert "mp-12957" in table.note
    assert any(isinstance(block, Text) and "no electronic states" in block.text for block in blocks)
    (picture,) = [block for block in blocks if isinstance(block, Picture)]
    assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
    with pytest.raises(InputError, match="no oxygen vacancy beside W6"):
        substitution_figure(SubstitutionResults("LCO", "W6+", "", "", (), (), (), ()))


def test_the_reference_of_oxygen_cancels_in_what_the_ion_adds(results: SubstitutionResults, reference: OxygenReference):
    other = substitution_results("LCO", "W6+", tungsten(), replace(reference, molecule=reference.molecule + 1))
    assert [v.change for v in other.vacancies] == pytest.approx([v.change for v in results.vacancies])
    assert [v.energies[0] for v in other.vacancies] == pytest.approx([v.energies[0] + 1 for v in results.vacancies])


def test_centres_of_the_two_groups_of_oxygen_are_told_apart(reference: OxygenReference):
    """Lithium in the metal layer faces lithium across oxygen, which makes Li-O-Li."""
    cell = host()
    metal = next(i for i, site in enumerate(cell) if site.specie.symbol == "Co")
    cell.replace(metal, "Li+", properties=dict(cell[metal].properties))
    assert {one.bridge for one in anion_environments(cell)} > {LITHIUM_BRIDGE}
    found = [states("LCO W-0 1", cell, -2.0, -3.0), states("LCO W-Co 1", cell, -2.5, -3.0)]
    centers = substitution_results("LCO", "W6+", found, reference).centers
    assert [center.site for center in centers] == ["", "Co"]
    assert [center.difference for center in centers] == pytest.approx([1.0, 0.5], abs=0.02)
    assert centers[0].centers[LITHIUM_BRIDGE] == pytest.approx(-2.0, abs=0.02)
    assert sum(centers[0].atoms.values()) == sum(site.specie.symbol == "O" for site in cell)
    assert set(centers[0].atoms) == {LITHIUM_BRIDGE, OTHERS}


def chapter(documents: list[CalculationDocument], step: OxygenLossStep) -> Section:
    jobs = [
        Finished(planned(f"{k:08d}", "oxygen_loss", document.label.split(" ")[0], variant=document.label), document)
        for k, document in enumerate(documents)
    ]
    recipe = load_recipe("gsirr")[0].model_copy(update={"oxygen_loss": step})
    return OXYGEN_LOSS.section(Case({}, recipe, [job.entry for job in jobs], jobs, {}))


def test_the_ion_has_its_place_in_the_report():
    step = OxygenLossStep(systems=(OxygenSystem(material="LCO", substitutions=(PLAN,)),))
    section = chapter(tungsten(), step)
    assert [table.name for table in section.tables if "beside" in table.name] == ["oxygen_beside_LCO_W6"]
    assert any("W6+ adds" in key.quantity and key.tier == "chgnet" for key in section.key_numbers)


def test_two_levels_of_theory_make_two_ladders_and_a_table_of_both():
    relaxed = campaign()
    single = [d for d in relaxed if " ordering " not in d.label]
    single = [
        d.model_copy(
            update={
                "kind": "static",
                "tier": "gpaw",
                "signature": GPAW,
                "energy": d.energy + SECOND * (" O-" in d.label),
            }
        )
        for d in single
    ]
    box = Structure(np.diag([10.0, 10.1, 10.2]), ["O", "O"], [[0, 0, 0], [0, 0, 1.23 / 10.2]])
    metal = Structure(np.eye(3) * 3.4, ["Li"], [[0, 0, 0]])
    references = [
        toy_document("O2", box, tier="gpaw", signature=GPAW, magmoms=[1.0, 1.0], energy=-10.0),
        toy_document("Li", metal, tier="gpaw", signature=GPAW, energy=-2.0),
    ]
    step = OxygenLossStep(systems=(OxygenSystem(material="LCO"),), single_points=SinglePoints(cutoff=400))
    section = chapter([*relaxed, *single, *references], step)
    tables = {table.name: table for table in section.tables}
    assert {"oxygen_ladder_LCO", "oxygen_ladder_LCO gpaw", "oxygen_tiers_LCO_gpaw"} <= set(tables)
    rows = tables["oxygen_tiers_LCO_gpaw"].rows
    assert len(rows) == sum(" O-" in document.label for document in relaxed)
    first = next(key for key in section.key_numbers if key.tier == "chgnet").value
    second = next(key for key in section.key_numbers if key.tier == "gpaw").value
    assert first is not None
    assert second is not None
    assert [row["change"] for row in rows] == pytest.approx([second - first] * len(rows))
    assert second == pytest.approx(7.3 + SECOND - 5.0 + oxygen_data().corrections["wang2006"].value)  # ½ E(O2) is -5 eV
    assert not [block for block in section.blocks if isinstance(block, Text) and block.kind == "problem"]
