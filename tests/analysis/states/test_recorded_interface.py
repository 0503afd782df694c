"""LCO(104)//CoO(100) as GPAW computed it: 2 + 2 planes, 16 atoms, two interfaces, PBE+U(Co) = 3.9 eV, 400 eV, 4×2×1,
positions and height of the cell relaxed by CHGNet; and both bulk cells on the same in-plane lattice. The stored
documents, their densities of states shared onto a grid of 0.1 eV, which keeps first moments.

Two planes a side are thinner than the boxes of the macroscopic average: the numbers say what the functions make of a
real calculation, not where CoO's states lie.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from catholyte.analysis.states.alignment import Alignment, alignment
from catholyte.analysis.states.band_report import bands_of
from catholyte.analysis.states.d_bands import d_bands
from catholyte.analysis.states.depth import DepthReport, depth_report
from catholyte.analysis.states.depth_planes import stack_of
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.roles import Delithiated

SPEC = BandCenterSpec(window="occupied", reference="vbm")
FILE = Path(__file__).parents[2] / "data" / "lco_coo_16.json.gz"


@cache
def _documents() -> dict[str, CalculationDocument]:
    stored = json.loads(gzip.decompress(FILE.read_bytes()))
    return {
        name: CalculationDocument.model_validate({k: v for k, v in document.items() if not k.startswith("@")})
        for name, document in stored.items()
    }


@cache
def _report(element: str = "O", orbital: str = "p") -> DepthReport:
    return depth_report(
        bands_of(_documents()["joint"]), SPEC.model_copy(update={"element": element, "orbital": orbital})
    )


@cache
def _alignment() -> Alignment:
    found = _documents()
    return alignment(found["joint"], SPEC, {"LCO": found["LCO"], "CoO": found["CoO"]})


def test_ions_stay_what_they_are_and_a_gap_opens() -> None:
    joint = _documents()["joint"]
    assert bands_of(joint).edges.gap == pytest.approx(0.91, abs=0.01)
    moments = {str(site.specie): [] for site in joint.structure}
    for site, moment in zip(joint.structure, joint.magmoms or [], strict=True):
        moments[str(site.specie)].append(abs(moment))
    assert max(moments["Co3+"]) < 0.25
    assert min(moments["Co2+"]) > 2.5
    assert max(moments["Co2+"]) < 2.7
    assert _report().notes == ()


@pytest.mark.parametrize(("element", "orbital"), [("O", "p"), ("Co", "d")])
def test_depth_adds_up(element: str, orbital: str) -> None:
    report = _report(element, orbital)
    total = report.total.centers[0]
    for kind in ("plane", "layer"):
        assert sum(group.first.states for group in report.of(kind)) == pytest.approx(total.states, rel=1e-10)


def test_centres_by_layer_environment_and_ion() -> None:
    layers = {group.label: group.row.by_reference["vbm"] for group in _report().of("layer")}
    assert layers == pytest.approx({"LCO": -3.713, "CoO": -3.543}, abs=0.002)
    environments = {group.label: group.row.by_reference["vbm"] for group in _report().of("environment")}
    assert environments == pytest.approx(
        {
            "Co-O-Li (Li3Co3) in LCO": -3.444,
            "Co-O-Li (Li2Co4) in LCO": -3.983,
            "Co-O-Co (Co6) in CoO": -3.772,
            "Co-O-Li (Li1Co5) in CoO": -3.314,
        },
        abs=0.002,
    )
    ions = {group.label: group.row.by_reference["vbm"] for group in _report("Co", "d").of("ion")}
    assert ions == pytest.approx({"Co3+ in LCO": -3.50, "Co2+ in CoO": -2.93}, abs=0.01)


def test_symmetric_faces_of_the_periodic_cell_agree() -> None:
    """Both interfaces are the same one, so the two planes of a layer are."""
    levels = [group.level for group in _report().of("plane")]
    assert levels[0] == pytest.approx(levels[1], abs=0.01)
    assert levels[2] == pytest.approx(levels[3], abs=0.01)


def test_separate_cells_spread_by_electronvolts_and_the_common_cell_says_how_sure_it_is() -> None:
    found = _alignment()
    assert found.difference("one cell") == pytest.approx(0.170, abs=0.002)
    assert found.separate is not None
    assert found.separate.spread > 4
    assert found.separate.spread_without_arbitrary > 4
    assert 0.5 < found.spread < 1.5  # two planes a side do not agree with bulk
    assert found.step == pytest.approx(-4.55, abs=0.02)
    assert found.step_error is None
    assert any("no plateau" in note for note in found.notes)
    assert found.volumes["LCO"] > 0.05  # the spacing of two planes is that across the interface's neighbours


def test_stored_potentials_average_to_the_cells() -> None:
    for document in _documents().values():
        assert document.potential is not None
        assert document.band_edges is not None
        assert np.mean(document.potential.values) == pytest.approx(document.band_edges.average_potential, abs=1e-4)
        assert stack_of(document.structure).period == pytest.approx(
            document.structure.volume / np.linalg.norm(np.cross(*document.structure.lattice.matrix[:2]))
        )


def test_cobalt_above_oxygen_as_sums_over_the_grid_have_it() -> None:
    """The chapter on d bands on a real density of states, beside plain sums from above O 2s to the middle of the gap."""
    stored = _documents()["LCO"].model_copy(update={"role": Delithiated(of="LCO", content=1.0)})
    (found,) = d_bands("LCO", [stored])
    assert stored.dos is not None
    assert stored.band_edges is not None
    energies, densities = np.array(stored.dos.energies), np.array(stored.dos.densities).sum(axis=0)
    top = stored.band_edges.vbm
    assert top is not None
    inside = (energies > top - 12) & (energies < top + 1)
    symbols = np.array([site.specie.symbol for site in stored.structure])
    centres = {
        element: np.average(energies[inside], weights=densities[symbols == element, orbital].sum(axis=0)[inside])
        for element, orbital in (("Co", stored.dos.orbitals.index("d")), ("O", stored.dos.orbitals.index("p")))
    }
    assert found.centre == pytest.approx(centres["Co"] - centres["O"], abs=0.005)
    assert found.from_top == pytest.approx(centres["Co"] - top, abs=0.005)
    assert 0.6 < found.centre < 1.0  # 0.83 eV in the relaxed crystal, 600 and 800 eV alike
