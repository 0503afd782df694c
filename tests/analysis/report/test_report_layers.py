"""The chapter on layered geometry: what is measured of a campaign, and how lithium that leaves shows."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from catholyte.analysis.figures.layers import layer_content_figure
from catholyte.analysis.layers.geometry import layered_geometry
from catholyte.analysis.report.case import Case, Finished
from catholyte.analysis.report.chapters.layers import LAYERS, delithiation, measured_layers
from catholyte.analysis.report.content import Picture, Section, Text
from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.reconstruction import reconstruct
from catholyte.structures.surfaces.facet import SourceCell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.tests.support.campaigns.campaign_documents import cell_of, made_document, planned
from catholyte.tests.support.campaigns.oxygen_campaign import campaign
from catholyte.tests.support.crystals import LCO
from catholyte.workflows.roles import Chunk

STRETCH = 1.02


@pytest.fixture(scope="module")
def case() -> Case:
    """LCO in bulk, beside CoO and Li2CO3; a slab with a reconstructed layer; two chunks of dynamics; a ladder whose
    cells grow along c as lithium leaves."""
    cell = slabs(SourceCell.of_structure(conventional(LCO), "LCO"), (1, 0, 4), SlabSpec(layers=6))[0].structure
    jobs = [Finished(planned(name, "bulk", name), made_document(name)) for name in ("LCO", "CoO", "Li2CO3")]
    jobs.append(
        Finished(
            planned("slab", "interface", "LCO"),
            made_document("LCO", reconstruct(cell, 2, "top").structure, label="LCO slab"),
        )
    )
    for number, stretch in ((2, STRETCH), (1, 1.0)):
        moved = conventional(LCO)
        moved.apply_strain([0, 0, stretch - 1])
        chunk = Chunk(of="LCO", replica=1, number=number)
        jobs.append(
            Finished(
                planned(f"md{number}", "dynamics", "LCO", variant=f"chunk {number}"),
                made_document("LCO", moved, kind="md", label="LCO at 300 K", role=chunk),
            )
        )
    for k, document in enumerate(campaign()):
        grown = document.structure.copy()
        grown.apply_strain([0, 0, 0.01 * (12 - sum(site.specie.symbol == "Li" for site in grown))])
        jobs.append(
            Finished(
                planned(f"o{k}", "oxygen_loss", "LCO", variant=document.label),
                document.model_copy(update={"structure": grown}),
            )
        )
    return Case({}, load_recipe("gsirr")[0], [job.entry for job in jobs], jobs, {})


@pytest.fixture(scope="module")
def section(case: Case) -> Section:
    return LAYERS.section(case)


def test_layered_oxides_are_measured_and_nothing_else(case: Case):
    found = measured_layers(case)
    labels = [one.label for one in found]
    assert labels.count("LCO at 300 K") == 1  # its last chunk
    assert "CoO" not in labels
    assert "Li2CO3" not in labels
    assert not [label for label in labels if " O-" in label or " ordering " in label]
    assert {"LCO", "LCO slab", "LCO host 1", "LCO Li-1 1", "LCO Li-2 1", "LCO Li-2 2"} <= set(labels)
    assert {one.label: one.kind for one in found}["LCO slab"] == "slab"
    assert {one.label: one.kind for one in found}["LCO at 300 K"] == "end of dynamics"


def test_numbers_are_those_of_the_command_layers(case: Case, section: Section):
    rows = {row["label"]: row for row in next(table for table in section.tables if table.name == "layers").rows}
    bulk = layered_geometry(cell_of("LCO"))
    assert (rows["LCO"]["s"], rows["LCO"]["i"], rows["LCO"]["o_o"]) == pytest.approx(
        (bulk.s_mo2, bulk.i_lio2, bulk.o_o_li_layer)
    )
    assert rows["LCO"]["content"] == pytest.approx(1.0)
    ideal = layered_geometry(conventional(LCO))
    assert ideal.s_mo2 is not None
    assert rows["LCO at 300 K"]["s"] == pytest.approx(STRETCH * ideal.s_mo2)  # chunk 2, not chunk 1
    assert rows["LCO slab"]["classes"] == "4 layered, 2 rock salt"
    layers = next(table for table in section.tables if table.name == "every_layer")
    assert not layers.shown
    assert [row["structure"] for row in layers.rows if row["label"] == "LCO slab"] == ["layered"] * 4 + [
        "rock salt"
    ] * 2


def test_before_and_after_lithium_leaves(case: Case, section: Section):
    series = delithiation(measured_layers(case))["LCO"]
    assert [one.vacancies for one in series] == [0, 1, 2]
    assert [one.label for one in series] == ["LCO host 1", "LCO Li-1 1", "LCO Li-2 1"]  # the lowest of each content
    assert [one.content for one in series] == pytest.approx([1, 5 / 6, 4 / 6])
    rows = next(table for table in section.tables if table.name == "layers_lithium_LCO").rows
    host = rows[0]
    assert [host[key] for key in ("d_s", "d_i", "d_o_o", "d_metal")] == [0, 0, 0, 0]
    for row in rows[1:]:
        strain = (1 + 0.01 * (6 + row["n"])) / 1.06 - 1
        assert row["d_s"] == pytest.approx(strain * host["s"], rel=1e-6)
        assert row["d_i"] == pytest.approx(strain * host["i"], rel=1e-6)
        assert row["d_o_o"] > 0


def test_figures_are_drawn(section: Section):
    pictures = [block for block in section.blocks if isinstance(block, Picture)]
    assert [picture.name for picture in pictures] == [
        "layers_lithium_LCO",
        "layers_LCO_slab_slab",
        "layers_LCO_at_300_K_md2",
    ]
    for picture in pictures:
        assert ElementTree.fromstring(picture.svg).tag.endswith("svg")
        assert picture.alt
    assert all(
        column.key in row or row.get(column.key) is None
        for table in section.tables
        for row in table.rows
        for column in table.columns
    )


def test_a_campaign_without_layered_oxides_says_so():
    jobs = [Finished(planned("CoO", "bulk", "CoO"), made_document("CoO"))]
    section = LAYERS.section(Case({}, load_recipe("gsirr")[0], [jobs[0].entry], jobs, {}))
    assert [block.text for block in section.blocks if isinstance(block, Text)] == [
        "No layered oxide has been relaxed or moved in this campaign."
    ]
    with pytest.raises(InputError, match="at least one structure"):
        layer_content_figure([], "LCO", "chgnet")
