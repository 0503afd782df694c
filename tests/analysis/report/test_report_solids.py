"""Chapters on barriers, mechanics, conductivity, void and oxygen at surfaces, from a campaign that ran."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Composition, Lattice, Structure

from catholyte.analysis.campaigns import Entry
from catholyte.analysis.report.case import Case, Finished, read_case
from catholyte.analysis.report.chapters.solids.barriers import BARRIERS
from catholyte.analysis.report.chapters.solids.conductivity import CONDUCTIVITY
from catholyte.analysis.report.chapters.solids.mechanics import MECHANICS
from catholyte.analysis.report.chapters.solids.polymorphs import POLYMORPHS
from catholyte.analysis.report.chapters.solids.void import VOID
from catholyte.analysis.report.page import write_report
from catholyte.configs.load import load_recipe
from catholyte.configs.recipe import Recipe
from catholyte.hpc.run.campaign import run_campaign
from catholyte.hpc.store.campaign_store import open_records, open_store
from catholyte.tests.support.campaigns.campaign_documents import made_document
from catholyte.workflows.band_documents import Band, BandImages
from catholyte.workflows.documents import Signature
from catholyte.workflows.plan.build import build_plan
from catholyte.workflows.roles import HopEnd, HopImage, PolymorphCell, Reference, Role

RECIPE = """\
name: solids
title: a crystal of three atoms
source: a test
hubbard_u: {Co: 3.9 eV}
transport:
  images: 1
  max_force: 0.3 eV/Å
  systems: [{material: Li2O, supercell: [2, 1, 1]}]
mechanics:
  materials: [Li2O]
  strains: [0.01]
conductivity:
  materials: [{material: Li2O, measured: {value: 1e-9, source: nobody}}]
  temperatures: [300, 400]
  length: 40 fs
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("solids")
    (folder / "solids.yaml").write_text(RECIPE)
    plan = build_plan(*load_recipe(str(folder / "solids.yaml")), full=True)
    opened = open_store(str(folder / "store"))
    summary: Any = run_campaign(opened, plan, lambda event: None, 1)  # one that loads the potential
    opened.close()
    assert not summary.failed
    return folder / "store"


@pytest.fixture(scope="module")
def case(store: Path) -> Case:
    return read_case(open_records(str(store)))


def test_barriers_of_a_campaign(case: Case) -> None:
    found = BARRIERS.results(case)
    assert found is not None
    ((label, (material, network)),) = found.networks.items()
    assert (label, material) == ("Li in Li2O", "Li2O")
    ((hop, barrier),) = network.barriers
    assert hop.length == pytest.approx(2.3, abs=0.1)
    assert 0 < barrier.forward < 2
    assert network.lowest[3] == barrier.highest
    (quantity,) = BARRIERS.quantities
    lowest = BARRIERS.value_of(quantity, case, ("Li in Li2O",))
    assert lowest is not None
    assert (lowest.value, lowest.uncertainty) == (
        barrier.highest,
        0.025,
    )  # ± 2σ is what bands are converged to, 0.05 eV
    section = BARRIERS.section(case)
    assert {table.name for table in section.tables} == {"barriers", "percolation"}
    assert [number.unit for number in section.key_numbers] == ["eV"]
    # of every engine by one name: lengths in its own relaxed cell would set its numbers apart from the others'
    assert [number.quantity for number in section.key_numbers] == ["Barrier of Li in Li2O, hop 1"]
    (value,) = BARRIERS.matrix_values(case)
    assert value.row == ("Li2O",)


def test_single_points_stand_beside_the_band(case: Case) -> None:
    (band,) = (one for one in case.others.values() if isinstance(one, Band))
    ends = [found for found in case.of("transport") if isinstance(found.document.role, HopEnd)]
    numbers = [0, band.climbing, len(band.energies) - 1]
    images = BandImages(label=band.label, hop=band.hop, numbers=numbers, cells=[band.image(k) for k in numbers])
    points = []
    for number, energy in enumerate((-10.0, -9.3, -10.0), 1):
        role = HopImage(of=band.label, hop=1, number=number)
        points.append(
            Finished(
                ends[0].entry, ends[0].document.model_copy(update={"role": role, "energy": energy, "tier": "gpaw"})
            )
        )
    with_points = replace(
        case, others={**case.others, "images": images}, finished=[*case.finished, *points], computed={}
    )
    section = BARRIERS.section(with_points)
    (row,) = next(table for table in section.tables if table.name == "barriers").rows
    assert row["points"] == "0.70 (GPAW)"
    assert [number.value for number in section.key_numbers][1] == pytest.approx(0.7)


def test_moduli_of_a_campaign(case: Case) -> None:
    found = MECHANICS.results(case)
    assert found is not None
    (one,) = found.found
    assert 50 < one.bulk_modulus < 120  # GPa; measured about 80
    assert one.stability > 0
    assert one.tensor[0, 0] == pytest.approx(one.tensor[2, 2], rel=1e-3)
    (pugh,) = (quantity for quantity in MECHANICS.quantities if quantity.name == "pugh")
    ratio = MECHANICS.value_of(pugh, case, ("Li2O",))
    assert ratio is not None
    assert ratio.value is not None
    assert ratio.uncertainty is not None
    (softest, stiffest), (least, most) = one.bulk, one.shear  # Reuss, Voigt
    assert softest / most <= ratio.value <= stiffest / least
    assert 2 * ratio.uncertainty == pytest.approx(stiffest / least - softest / most)
    assert {value.row for value in MECHANICS.matrix_values(case)} == {("Li2O",)}


def test_too_few_jumps_give_no_conductivity(case: Case) -> None:
    found = CONDUCTIVITY.results(case)
    assert found is not None
    (one,) = found.found
    assert one.fit is None
    section = CONDUCTIVITY.section(case)
    assert any("temperatures count" in str(getattr(block, "text", "")) for block in section.blocks)
    assert section.key_numbers == []
    (value,) = CONDUCTIVITY.matrix_values(case)
    assert value.problem


def test_the_whole_report_is_written(store: Path, tmp_path: Path) -> None:
    files = {path.name for path in write_report(open_records(str(store)), tmp_path)}
    assert {"barriers.csv", "moduli.csv", "elastic_tensors.csv", "diffusivities.csv", "moduli.svg"} <= files


def test_a_recipe_without_them_says_so(case: Case) -> None:
    assert VOID.section(case).blocks[0].text == VOID.empty  # type: ignore[union-attr]


def _relaxed(key: str, step: str, role: Role, species: str, energy: float, magmom: float = 0.0) -> Finished:
    """A cell of VASP with atoms apart."""
    symbols = Composition(species).elements
    names = [e.symbol for e in symbols for _ in range(int(Composition(species)[e]))]
    bond = 1.23 / 12 if species == "O2" else 0.25
    cell = Structure(Lattice.cubic(12), names, [[bond * k, 0, 0] for k in range(len(names))])
    signature = Signature(engine="vasp", version="6", functional="PBE", hubbard_u={}, potentials="made up")
    document = made_document(
        "LCO", cell, cell, tier="vasp", role=role, energy=energy, signature=signature, label=key,
        magmoms=[magmom] * len(names),
    )  # fmt: skip
    plan = {"key": key, "uuid": key, "name": key, "step": step, "material": "LCO", "variant": key, "depends_on": []}
    return Finished(Entry(plan, "done", {}), document)


def test_polymorphs_of_vasp_take_oxygen_from_their_own_molecule() -> None:
    recipe = Recipe.model_validate(
        {
            "name": "made",
            "title": "made",
            "source": "a test",
            "hubbard_u": {"Co": 3.9},
            "polymorphs": {"systems": [{"material": "LCO", "rock_salt": "CoO"}]},
        }
    )
    cells = [
        _relaxed(
            f"{structure} {species}", "polymorphs", PolymorphCell(of="LCO", structure=structure, number=1), species, e
        )
        for structure, species, e in (
            ("layered", "CoO2", -20.0),
            ("layered", "LiCoO2", -24.0),
            ("rock salt", "CoO", -14.0),
        )
    ]
    molecule = _relaxed("O2", "oxygen_loss", Reference(of="O2", what="molecule", material="O2"), "O2", -10.0, 1.0)

    def section(*jobs: Finished) -> Any:
        return POLYMORPHS.section(Case({}, recipe, [job.entry for job in jobs], list(jobs), {}))

    told = [str(getattr(block, "text", "")) for block in section(*cells).blocks]
    assert any("need an O2 molecule calculated with the same settings" in text for text in told)
    found = POLYMORPHS.results(Case({}, recipe, [job.entry for job in (*cells, molecule)], [*cells, molecule], {}))
    assert found is not None
    ((result,), reference) = found.found, found.found[0].reference
    assert (reference.molecule, reference.signature.engine) == (-5.0, "vasp")
    above = result.above_layered("rock salt", np.array([0.0]), 298.15, 1.0)
    assert above[0] == pytest.approx(-14.0 + reference.on_series + reference.shift(298.15, 1.0) + 20.0)
