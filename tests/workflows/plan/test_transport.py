"""The steps transport, mechanics and conductivity of a recipe: which jobs, on which engine, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobflow import Job

from catholyte.configs.errors import InputError
from catholyte.configs.load import load_recipe
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.plan.builder import Plan

HEAD = "name: hops\ntitle: hops\nsource: a test\nhubbard_u: {Co: 3.9 eV}\n"
TWO = "transport:\n  systems:\n    - {material: LCO, supercell: [3, 3, 2]}\n    - {material: CoO, supercell: [2, 2, 2], onto: Co, dopant: {ion: Li+, leaving: Co}}\n"


def plan(folder: Path, text: str, only: str, engine: str | None = None) -> Plan:
    (folder / "hops.yaml").write_text(HEAD + text)
    return build_plan(*load_recipe(str(folder / "hops.yaml")), engine=engine, only=only)


def test_a_hop_is_a_crystal_two_vacancies_and_a_band(tmp_path: Path) -> None:
    jobs = plan(tmp_path, TWO, "transport").jobs
    lco = [job for job in jobs if job.material == "LCO"]
    assert [(job.kind, job.variant) for job in lco] == [
        ("relax", "crystal"), ("build", "Li in LCO, cells"), ("relax", "Li in LCO, vacancy 1"),
        ("relax", "Li in LCO, vacancy 2"), ("band", "Li in LCO, hop 1"),
    ]  # fmt: skip
    band = lco[-1]
    assert len(band.depends_on) == 3
    assert band.cost_seconds > lco[2].cost_seconds
    coo = [job for job in jobs if job.material == "CoO"]
    assert {job.n_atoms for job in coo} == {32}
    assert "Li1Co15O16" in {job.formula for job in coo}


def test_the_crystal_is_that_of_the_bulk_step(tmp_path: Path) -> None:
    bulk = "bulk: {materials: [LCO]}\n"
    text = bulk + "transport: {systems: [{material: LCO, supercell: [3, 3, 2]}]}\n"
    both = plan(tmp_path, text, "transport").jobs
    alone = plan(tmp_path, bulk, "bulk").jobs
    assert {job.key for job in alone} <= {job.key for job in both}


def test_a_dopant_beside_the_way_is_compared_with_the_host_without_it(tmp_path: Path) -> None:
    text = "transport:\n  systems: [{material: LCO, supercell: [2, 2, 2], dopant: {ion: Al3+, leaving: Co}}]\n"
    jobs = plan(tmp_path, text, "transport").jobs
    bands = [job for job in jobs if job.kind == "band"]
    assert [job.variant for job in bands] == ["Li in LCO with Al, hop 1", "Li in LCO, hop 1"]
    assert len({job.formula for job in bands}) == 2


def test_a_committee_computes_every_band_by_each(tmp_path: Path) -> None:
    jobs = plan(
        tmp_path, "transport: {engine: [chgnet, chgnet-r2scan], systems: [{material: LCO}]}\n", "transport"
    ).jobs
    assert sorted(job.engine for job in jobs if job.kind == "band") == ["chgnet", "chgnet-r2scan"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("transport: {systems: [{material: LCO, element: Na}]}\n", "has no Na"),
        ("transport: {systems: [{material: LCO, element: Xx}]}\n", "'Xx' is no element"),
        ("transport: {systems: [{material: LCO, longest: 1 Å}]}\n", "no two Li sites lie within 1 Å"),
        ("transport: {systems: [{material: LCO}, {material: LCO}]}\n", "Li in LCO stands twice"),
        ("transport: {engine: gpaw, systems: [{material: LCO}]}\n", "computes no bands here"),
        ("transport: {systems: [{material: LCO, onto_label: Q}]}\n", "no hop leads onto a site Q"),
        ("transport: {systems: [{material: LCO}], single_points: {engine: sevennet, cutoff: 400}}\n", "not 'sevennet'"),
        ("transport: {systems: [{material: LCO, by: interstitials, onto: Co}]}\n", "are of vacancies"),
    ],
)
def test_bad_input_is_one_sentence_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=r"hops\.yaml") as caught:
        plan(tmp_path, text, "transport")
    assert says in caught.value.message


def test_an_engine_of_the_command_line_without_bands_is_skipped(tmp_path: Path) -> None:
    found = plan(tmp_path, TWO, "transport", engine="gpaw")
    assert found.jobs == []
    assert any("computes no bands here" in told for told in found.skipped)


def test_vasp_computes_the_same_hops_at_the_density_of_the_mesh(tmp_path: Path) -> None:
    text = TWO + "vasp: {relax: [LCO], cutoff: 500 eV, kpoints: {LCO: [6, 6, 6]}}\n"
    found = plan(tmp_path, text, "transport", engine="rehearsal")
    assert [job.kind for job in found.jobs] == ["relax", "build", "relax", "relax", "band"]
    methods = {
        job.name: job.maker.task["method"]["kpoints"]
        for job in found.flow.jobs
        if isinstance(job, Job) and hasattr(job.maker, "task")
    }
    assert methods["LCO rehearsal relax"] == [6, 6, 6]
    assert {tuple(mesh) for name, mesh in methods.items() if name != "LCO rehearsal relax"} == {(2, 2, 3)}
    assert any("CoO" in told and "mesh" in told for told in found.skipped), "the other host has no mesh"


def test_single_points_follow_each_band(tmp_path: Path) -> None:
    points = "  single_points: {engine: gpaw, cutoff: 400 eV}\n"
    text = "transport:\n  systems: [{material: LCO, supercell: [2, 2, 2]}]\n" + points
    jobs = plan(tmp_path, text, "transport").jobs
    static = [job for job in jobs if job.kind == "static"]
    assert [(job.engine, job.variant) for job in static] == [
        ("gpaw", f"Li in LCO, hop 1, gpaw image {k}") for k in (1, 2, 3)
    ]
    assert len(plan(tmp_path, text.replace("400 eV}", "400 eV, images: all}"), "transport").jobs) == len(jobs) + 2
    two = text.replace("systems", "engine: [chgnet, chgnet-r2scan]\n  systems")
    assert len([job for job in plan(tmp_path, two, "transport").jobs if job.kind == "static"]) == 3


def test_an_ion_between_the_sites_has_two_ends_and_a_band(tmp_path: Path) -> None:
    text = "transport:\n  systems: [{material: Li2O, by: interstitials, supercell: [2, 2, 2]}]\n"
    jobs = plan(tmp_path, text, "transport").jobs
    assert [(job.kind, job.variant) for job in jobs] == [
        ("relax", "crystal"),
        ("build", "Li between the sites of Li2O, cells"),
        ("relax", "Li between the sites of Li2O, interstitial 1"),
        ("relax", "Li between the sites of Li2O, interstitial 2"),
        ("band", "Li between the sites of Li2O, hop 1"),
    ]


def test_a_cubic_crystal_is_strained_six_times(tmp_path: Path) -> None:
    jobs = plan(tmp_path, "mechanics: {materials: [CoO, Li2O]}\n", "mechanics").jobs
    strains = [job for job in jobs if job.material == "Li2O" and job.variant.startswith("strain ")]
    assert len(strains) == 6  # two amplitudes: along an axis with both signs, and one shear of either sign
    with pytest.raises(InputError, match="needs a level of theory"):
        plan(tmp_path, "mechanics: {engine: gpaw, materials: [Li2O]}\n", "mechanics")


def test_every_temperature_has_its_replicas_in_chunks(tmp_path: Path) -> None:
    text = "conductivity: {materials: [{material: LPSCl}], temperatures: [600, 800], length: 3 ps, chunk: 2 ps}\n"
    jobs = plan(tmp_path, text, "conductivity").jobs
    assert [job.kind for job in jobs].count("md") == 8
    assert len({job.key for job in jobs}) == 9
    assert {job.variant for job in jobs if "800 K" in job.variant} == {
        f"800 K, replica {replica}, chunk {chunk}" for replica in (1, 2) for chunk in (1, 2)
    }
    with pytest.raises(InputError, match="each once, rising"):
        plan(tmp_path, text.replace("[600, 800]", "[800, 600]"), "conductivity")
    with pytest.raises(InputError, match="too long for Li"):
        plan(tmp_path, text.replace("2 ps}", "2 ps, timestep: 4 fs}"), "conductivity")


def test_a_slab_loses_oxygen_at_every_depth(tmp_path: Path) -> None:
    slab = (
        "oxygen_loss:\n  systems:\n    - material: LCO\n      slab: {miller: MILLER, thickness: 5 Å}\n"
        "      ladder: {lithium_vacancies: [0], sites: inequivalent, relax_cell: false}\n"
    )
    (host, *_) = plan(tmp_path, slab.replace("MILLER", "[1, 0, 4]"), "oxygen_loss").jobs
    assert host.material == "LCO(104)"
    with pytest.raises(InputError, match="a slab keeps its cell"):
        plan(tmp_path, slab.replace("MILLER", "[1, 0, 4]").replace("false", "true"), "oxygen_loss")
