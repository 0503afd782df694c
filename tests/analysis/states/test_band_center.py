"""Band centres: invariants, the trap of empty states, references, reports and comparisons."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure
from pymatgen.electronic_structure.core import Orbital as PmgOrbital
from pymatgen.electronic_structure.core import OrbitalType
from pymatgen.electronic_structure.core import Spin as PmgSpin
from pymatgen.electronic_structure.dos import CompleteDos, Dos

from catholyte.analysis.states.band_center import Selection, all_references, band_center
from catholyte.analysis.states.band_references import is_metal, o2s_window, reference_level, window_moments
from catholyte.analysis.states.band_report import Bands, band_report, bands_of, parse_orbital
from catholyte.analysis.states.comparison import compare, convergence
from catholyte.configs.errors import InputError, SignatureMismatchError, UnknownNameError
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.referees.evidence import Referee
from catholyte.workflows.documents import (
    BandEdges,
    CalculationDocument,
    Convergence,
    ProjectedDos,
    Provenance,
    Signature,
)

STEP = 0.01
GRID = np.arange(-25, 15, STEP)
OCCUPIED = BandCenterSpec(window="occupied", reference="vbm")
SITES = [1, 2]


def gaussian(center: float, states: float, width: float = 0.3) -> np.ndarray:
    return states * np.exp(-((GRID - center) ** 2) / (2 * width**2)) / (width * math.sqrt(2 * math.pi))


def make_dos(
    centers: tuple[float, float] = (-3.0, -3.0), empty_share: float = 0.0, shift: float = 0.0, scale: float = 1.0
) -> ProjectedDos:
    """Co, O, O; per O: 2s at -18 eV (2 states), 2p at its centre (6 states), an empty 2p share at +3 eV."""
    densities = np.zeros((1, 3, 3, len(GRID)))
    densities[0, 0, 2] = gaussian(-1.5, 6) + gaussian(3, 4)
    for site, center in zip(SITES, centers, strict=True):
        densities[0, site, 0] = gaussian(-18, 2)
        densities[0, site, 1] = gaussian(center, 6 * (1 - empty_share)) + gaussian(3, 6 * empty_share)
    total = densities.sum(axis=(1, 2))
    return ProjectedDos(
        energies=(GRID + shift).tolist(),
        densities=(scale * densities).tolist(),
        total=(scale * total).tolist(),
        orbitals=["s", "p", "d"],
        broadening=0.3,
        n_bands=round(float(total.sum()) * STEP / 2),
    )


def make_edges(shift: float = 0.0, gap: float = 2.0, core: tuple[float, ...] = (-900.0, -500.0, -501.0)) -> BandEdges:
    metal = gap == 0
    return BandEdges(
        efermi=shift,
        vbm=None if metal else shift,
        cbm=None if metal else shift + gap,
        gap=gap,
        average_potential=1.0 + shift,
        core_potentials=[c + shift for c in core],
    )


def make_structure() -> Structure:
    return Structure(Lattice.cubic(4), ["Co", "O", "O"], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]])


def make_document(
    label: str = "LCO",
    cutoff: float = 600.0,
    kpoints: float = 64,
    shift: float = 0.0,
    centers: tuple[float, float] = (-3.0, -3.0),
    **kwargs: object,
) -> CalculationDocument:
    structure = make_structure()
    signature = Signature(
        engine="gpaw",
        version="26.7",
        functional="PBE",
        hubbard_u={"Co": 3.9},
        potentials="setups",
        cutoff=cutoff,
        kpoint_density=kpoints,
    )
    fields: dict[str, object] = {
        "label": label,
        "kind": "dos",
        "tier": "gpaw",
        "formula": "CoO2",
        "n_sites": 3,
        "initial_structure": structure,
        "structure": structure,
        "energy": -20.0,
        "forces": [[0.0, 0.0, 0.0]] * 3,
        "convergence": Convergence(electronic=True, max_force=0.0),
        "band_edges": make_edges(shift),
        "dos": make_dos(centers, shift=shift),
        "signature": signature,
        "provenance": Provenance(host="h", started="s", finished="f", wall_seconds=1.0, versions={}),
    }
    return CalculationDocument(**(fields | kwargs))


# ----- the moment itself


def test_window_moments_of_a_triangle_are_exact_and_cut_bins_fractionally(refereed: Referee) -> None:
    energies, density = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0])
    assert window_moments(energies, density, -5, 5) == pytest.approx((1.0, 1.0))
    # analytic: D = E on [0, ½]: ∫E = 1/8, ∫E² = 1/24
    away = np.abs(np.subtract(window_moments(energies, density, 0, 0.5), (1 / 8, 1 / 24))).max()
    refereed(
        "moments of a window that cuts a bin",
        away,
        1e-12,
        of="analysis.states.band_center.window_moments",
        by="analytic: ∫E dE, ∫E² dE",
        unit="states, eV",
    )
    assert window_moments(energies, density, 3, 4) == (0.0, 0.0)


@pytest.mark.parametrize(("empty_share", "pymatgen_default"), [(0.0, -3.00), (0.15, -2.10), (0.30, -1.20)])
def test_empty_states_do_not_move_the_occupied_centre(
    empty_share: float, pymatgen_default: float, refereed: Referee
) -> None:
    dos = make_dos(empty_share=empty_share)
    away = abs(band_center(dos, make_edges(), SITES, OCCUPIED).center + 3.0)
    refereed(
        "occupied band centre beside empty states",
        away,
        1e-6,
        of="analysis.states.band_center.band_center",
        by="analytic: Gaussian at -3 eV",
        unit="eV",
    )
    structure = make_structure()
    pdos = {
        site: {
            PmgOrbital.py: {PmgSpin.up: np.asarray(dos.densities[0][i][1])},
            PmgOrbital.s: {PmgSpin.up: np.zeros(len(GRID))},
        }
        for i, site in enumerate(structure)
    }
    referee = CompleteDos(structure, Dos(0.0, GRID, {PmgSpin.up: np.asarray(dos.total[0])}), pdos)
    assert referee.get_band_center(OrbitalType.p, sites=structure[1:]) == pytest.approx(pymatgen_default, abs=1e-3)


def test_occupied_window_of_a_metal_ends_at_the_fermi_level(refereed: Referee) -> None:
    dos = make_dos(centers=(0.0, 0.0))
    found = band_center(dos, make_edges(gap=0.0), SITES, BandCenterSpec(window="occupied", reference="fermi"))
    away, by = abs(found.center + 0.3 * math.sqrt(2 / math.pi)), "analytic: mean of half a Gaussian, -σ √(2/π)"
    refereed(
        "occupied band centre of a metal", away, 1e-4, of="analysis.states.band_center.band_center", by=by, unit="eV"
    )
    assert found.states == pytest.approx(6.0, abs=1e-3)
    assert found.bounds[1] == 0.0
    assert not found.arbitrary


def test_occupied_window_of_an_insulator_takes_the_broadened_tail_of_its_valence_band() -> None:
    found = band_center(make_dos(centers=(0.0, 0.0)), make_edges(gap=4.0), SITES, OCCUPIED)
    assert found.bounds[1] == pytest.approx(2.0)
    assert found.center == pytest.approx(0.0, abs=1e-6)


def test_range_is_relative_to_the_reference() -> None:
    dos = make_dos(empty_share=0.3, shift=5.0)
    spec = BandCenterSpec(window="range", range=(1.0, 5.0), reference="vbm")
    found = band_center(dos, make_edges(5.0), SITES, spec)
    assert found.center == pytest.approx(3.0, abs=1e-6)
    assert found.bounds == pytest.approx((1.0, 5.0))


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-20, 20), scale=st.floats(0.01, 100), centers=st.tuples(st.floats(-6, -2), st.floats(-6, -2)))
def test_moving_the_zero_or_scaling_the_density_changes_no_centre(
    shift: float, scale: float, centers: tuple[float, float]
) -> None:
    plain = all_references(make_dos(centers), make_edges(), SITES, OCCUPIED)
    moved = all_references(make_dos(centers, shift=shift, scale=scale), make_edges(shift), SITES, OCCUPIED)
    assert moved.by_reference == pytest.approx(plain.by_reference, abs=1e-6)
    assert [c.states for c in moved.centers] == pytest.approx([scale * c.states for c in plain.centers])


@settings(max_examples=25, deadline=None)
@given(offset=st.floats(-3, 3))
def test_a_reference_that_moves_takes_the_centre_along_one_to_one(offset: float) -> None:
    edges = make_edges()
    moved = edges.model_copy(update={"average_potential": 1.0 + offset})
    before, after = (all_references(make_dos(), e, SITES, OCCUPIED).by_reference for e in (edges, moved))
    assert after["average_potential"] - before["average_potential"] == pytest.approx(-offset)
    assert after["vbm"] == before["vbm"]


@settings(max_examples=25, deadline=None)
@given(centers=st.tuples(st.floats(-6, -2), st.floats(-6, -2)))
def test_the_mean_over_environments_is_the_centre_of_all(centers: tuple[float, float]) -> None:
    report = band_report(
        Bands(make_dos(centers), make_edges(), make_structure()), OCCUPIED, {"Co–O–Li": [1], "Co–O–Co": [2]}
    )
    parts = [report.row(label).centers[0] for label in ("Co–O–Li", "Co–O–Co")]
    mean = sum(p.center * p.states for p in parts) / sum(p.states for p in parts)
    assert mean == pytest.approx(report.row("all").by_reference["vbm"], abs=1e-9)
    assert report.difference("Co–O–Co", "Co–O–Li") == pytest.approx(centers[1] - centers[0], abs=1e-4)


# ----- references


def test_references_lie_where_they_were_put() -> None:
    dos, edges = make_dos(), make_edges(shift=0.0)
    expected = {
        "vbm": 0.0,
        "cbm": 2.0,
        "midgap": 1.0,
        "fermi": 0.0,
        "o1s": -500.5,
        "o2s": -18.0,
        "average_potential": 1.0,
        "vacuum": 4.5,
    }
    found = {name: reference_level(name, dos, edges, SITES, vacuum=4.5).energy for name in expected}  # type: ignore[arg-type]
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_fermi_level_is_arbitrary_only_inside_a_gap() -> None:
    assert reference_level("fermi", make_dos(), make_edges()).arbitrary
    metal = make_edges(gap=0.0)
    assert is_metal(metal)
    assert not reference_level("fermi", make_dos(), metal).arbitrary
    with pytest.raises(InputError, match="a metal has no vbm; its reference is fermi"):
        band_center(make_dos(), metal, SITES, OCCUPIED)


def test_missing_references_are_listed_with_the_reason() -> None:
    edges = make_edges().model_copy(update={"core_potentials": None, "average_potential": None, "cbm": None})
    found = all_references(make_dos(), edges, SITES, OCCUPIED)
    assert set(found.by_reference) == {"vbm", "fermi", "o2s"}
    assert set(found.unavailable) == {"cbm", "midgap", "o1s", "average_potential", "vacuum"}
    assert "slab" in found.unavailable["vacuum"]


def test_the_o2s_band_needs_a_gap_above_it() -> None:
    low, high = o2s_window(make_dos(), make_edges(), SITES)
    assert -20 < low < -18 < high < -16
    dos = make_dos()
    densities = np.asarray(dos.densities)
    densities[0, SITES, 0] = 0.1 * densities[0, SITES, 1]
    with pytest.raises(InputError, match="no O 2s band"):
        o2s_window(dos.model_copy(update={"densities": densities.tolist()}), make_edges(), SITES)


def test_the_occupied_window_of_o2p_leaves_out_o2s_and_says_so() -> None:
    dos = make_dos()
    densities = np.asarray(dos.densities)
    densities[0, SITES, 1] += gaussian(-18, 0.6)
    mixed, edges = dos.model_copy(update={"densities": densities.tolist()}), make_edges()
    found = band_center(mixed, edges, SITES, OCCUPIED)
    assert found.center == pytest.approx(-3, abs=1e-3)  # the tail of O 2s above the block
    assert found.semicore_fraction == pytest.approx(0.6 / 6.6, abs=1e-4)
    whole = band_center(mixed, edges, SITES, OCCUPIED, Selection(floor=mixed.energies[0]))
    assert whole.center == pytest.approx((-3 * 6 - 18 * 0.6) / 6.6, abs=1e-4)
    report = band_report(Bands(mixed, edges, make_structure()), OCCUPIED)
    assert any("9.1 % of the occupied p-projected states lie below and are left out (with them the centre is -4.364 eV)" in note for note in report.notes)  # fmt: skip
    # a range is what was asked for
    asked = BandCenterSpec(window="range", range=(-30, 1), reference="vbm")
    assert band_center(mixed, edges, SITES, asked).center == pytest.approx((-3 * 6 - 18 * 0.6) / 6.6, abs=1e-4)
    # without a gap above it the band cannot be told apart
    densities[0, SITES, 0] = 0.1 * densities[0, SITES, 1]
    merged = mixed.model_copy(update={"densities": densities.tolist()})
    assert band_center(merged, edges, SITES, OCCUPIED).center == pytest.approx(whole.center, abs=1e-4)
    report = band_report(Bands(merged, edges, make_structure()), OCCUPIED)
    assert any("the O 2s band cannot be told apart" in note for note in report.notes)


def test_a_cell_without_empty_bands_is_no_metal() -> None:
    edges = make_edges().model_copy(update={"cbm": None, "gap": 0.0})
    assert not is_metal(edges)
    assert band_center(make_dos(), edges, SITES, OCCUPIED).reference == "vbm"


# ----- what cannot be asked for


def test_a_spec_without_reference_or_with_all_bands_does_not_exist() -> None:
    with pytest.raises(ValidationError, match="reference"):
        BandCenterSpec(window="occupied")  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="window"):
        BandCenterSpec(window="all", reference="vbm")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sites", "spec", "selection", "message"),
    [
        ([], OCCUPIED, None, "no sites"),
        ([7], OCCUPIED, None, r"sites \[7\] are outside the 3 sites"),
        (SITES, OCCUPIED, Selection(spin="up"), "not spin-polarised"),
        (SITES, BandCenterSpec(window="range", range=(20, 30), reference="vbm"), None, "no O p states between"),
        (SITES, BandCenterSpec(orbital="d", window="occupied", reference="vbm"), None, "no O d states"),
        ([0], BandCenterSpec(element="Co", orbital="d", window="occupied", reference="o1s"), None, "no oxygen"),
    ],
)
def test_errors_name_what_is_wrong(
    sites: list[int], spec: BandCenterSpec, selection: Selection | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        band_center(make_dos(), make_edges(), sites, spec, selection)


# ----- reports


def test_report_has_the_keys_of_the_interface() -> None:
    report = band_report(
        Bands(make_dos(), make_edges(), make_structure()), OCCUPIED, {"near Co": [1]}, resolve=("site", "spin")
    )
    data = json.loads(json.dumps(report.to_json()))
    assert {"centers", "gap", "efermi"} <= set(data)
    assert {"element", "orbital", "environment", "window", "reference", "center", "n_atoms"} <= set(data["centers"][0])
    assert (data["gap"], data["efermi"]) == (2.0, 0.0)
    assert {c["environment"]: c["n_atoms"] for c in data["centers"]} == {"all": 2, "near Co": 1, "O1": 1, "O2": 1}
    assert {c["orbital"] for c in data["centers"]} == {"2p"}
    assert data["notes"][0] == "E_F inside a gap of 2.00 eV is arbitrary"
    assert "the window begins above the O 2s band" in data["notes"][1]


def test_d_bands_use_the_oxygens_of_the_cell_as_core_reference() -> None:
    report = band_report(
        Bands(make_dos(), make_edges(), make_structure()),
        BandCenterSpec(element="Co", orbital="d", window="occupied", reference="vbm"),
    )
    found = report.row().by_reference
    assert found["vbm"] == pytest.approx(-1.5, abs=1e-3)
    assert found["o2s"] == pytest.approx(16.5, abs=1e-3)


def test_spin_channels_are_resolved() -> None:
    dos = make_dos()
    up, down = np.asarray(dos.densities[0]), np.asarray(make_dos(centers=(-5.0, -5.0)).densities[0])
    polarised = dos.model_copy(
        update={"densities": [up.tolist(), down.tolist()], "total": dos.total * 2, "n_bands": 2 * dos.n_bands}
    )
    report = band_report(Bands(polarised, make_edges(), make_structure()), OCCUPIED, resolve=("spin",))
    found = {spin: report.row("all", spin).by_reference["vbm"] for spin in ("both", "up", "down")}  # type: ignore[arg-type]
    assert found == pytest.approx({"both": -4.0, "up": -3.0, "down": -5.0}, abs=1e-4)


@pytest.mark.parametrize("gap", [2.0, 0.0])
def test_a_dos_without_a_whole_number_of_electrons_is_named(gap: float) -> None:
    dos, edges = make_dos(), make_edges(gap=gap)
    spec = BandCenterSpec(window="occupied", reference="fermi")
    coarse = dos.model_copy(update={"total": (1.015 * np.asarray(dos.total)).tolist()})
    assert not any("whole number" in note for note in band_report(Bands(dos, edges, make_structure()), spec).notes)
    assert any(
        "22.33 electrons up to" in note for note in band_report(Bands(coarse, edges, make_structure()), spec).notes
    )


def test_wrong_environments_and_elements_are_refused() -> None:
    bands = Bands(make_dos(), make_edges(), make_structure())
    with pytest.raises(InputError, match=r"sites \[0\] that are not O"):
        band_report(bands, OCCUPIED, {"x": [0]})
    with pytest.raises(InputError, match="a site twice"):
        band_report(bands, OCCUPIED, {"x": [1], "y": [1]})
    with pytest.raises(UnknownNameError, match=r"holds no S: .*allowed: Co, O"):
        band_report(bands, OCCUPIED.model_copy(update={"element": "S"}))
    with pytest.raises(UnknownNameError, match="no centres of 'y'"):
        band_report(bands, OCCUPIED).row("y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("O-2p", ("O", "p")), ("O-p", ("O", "p")), ("Co-3d", ("Co", "d")), ("S-3p", ("S", "p")), ("W-5d", ("W", "d"))],
)
def test_orbitals_are_read(text: str, expected: tuple[str, str]) -> None:
    assert parse_orbital(text) == expected


@pytest.mark.parametrize(
    ("text", "message"), [("O2p", "not an orbital"), ("Xx-2p", "not an orbital"), ("O-3p", "it has O-2p")]
)
def test_wrong_orbitals_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_orbital(text)


# ----- two cells, and convergence


def test_two_cells_differ_by_what_the_reference_says() -> None:
    b = make_document(
        "CoO", shift=2.0, centers=(-4.0, -4.0), band_edges=make_edges(2.0).model_copy(update={"efermi": 3.5})
    )
    found = compare(make_document(), b, OCCUPIED)
    table = {d.reference: d.difference for d in found.differences}
    assert table["vbm"] == pytest.approx(-1.0, abs=1e-4)
    assert table["fermi"] == pytest.approx(-2.5, abs=1e-4)
    assert found.spread == pytest.approx(1.5, abs=1e-4)
    assert found.spread_without_arbitrary == pytest.approx(0.0, abs=1e-4)
    assert not found.common_zero
    assert "no common zero" in found.note
    aligned = compare(make_document(), b, OCCUPIED, potential_step=0.4)
    assert aligned.aligned == pytest.approx(-1.0 + 0.4, abs=1e-4)
    assert json.loads(json.dumps(aligned.to_json()))["spread"] == pytest.approx(1.5, abs=1e-4)


def test_swapping_the_cells_changes_the_sign() -> None:
    a, b = make_document(), make_document("CoO", centers=(-4.0, -5.0))
    there, back = compare(a, b, OCCUPIED), compare(b, a, OCCUPIED)
    assert [d.difference for d in there.differences] == pytest.approx([-d.difference for d in back.differences])


def test_cells_with_other_settings_are_not_compared() -> None:
    with pytest.raises(SignatureMismatchError, match="cutoff"):
        compare(make_document(), make_document(cutoff=400.0), OCCUPIED)


def test_convergence_reports_the_change_at_each_reference() -> None:
    found = convergence(
        [
            make_document(),
            make_document(cutoff=800.0, centers=(-3.1, -3.1)),
            make_document(kpoints=216, centers=(-2.95, -2.95)),
        ],
        OCCUPIED,
    )
    assert [row.changes["vbm"] for row in found.rows] == pytest.approx([0.0, -0.1, 0.05], abs=1e-4)
    assert found.largest["o2s"] == pytest.approx(0.1, abs=1e-4)
    other = make_document().signature.model_copy(update={"functional": "LDA"})
    with pytest.raises(SignatureMismatchError, match="functional"):
        convergence([make_document(), make_document(signature=other)], OCCUPIED)
    with pytest.raises(InputError, match="at least one variation"):
        convergence([make_document()], OCCUPIED)
    with pytest.raises(InputError, match="is not the cell of"):
        convergence([make_document(), make_document(formula="Co2O4")], OCCUPIED)


def test_documents_without_dos_or_from_a_rehearsal_are_refused() -> None:
    with pytest.raises(InputError, match="no projected DOS"):
        bands_of(make_document(dos=None))
    with pytest.raises(InputError, match="rehearsal"):
        bands_of(make_document(tier="rehearsal"))
