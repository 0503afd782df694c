"""Macroscopic averages, vacuum levels and alignments, on profiles and cells with one known answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.states.alignment import alignment, thickness_trend
from catholyte.analysis.states.comparison import compare
from catholyte.analysis.states.depth_planes import stack_of
from catholyte.analysis.states.potential_profile import macroscopic_average, planar_of, potential_profile, vacuum_level
from catholyte.configs.errors import InputError, SignatureMismatchError, UnknownNameError
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.referees.joint_cells import MATERIALS, WELLS, bulk, joint, rough_joint, slab
from catholyte.workflows.documents import CalculationDocument, PlanarPotential

SPEC = BandCenterSpec(window="occupied", reference="vbm")
SHIFTS = (0.2, 0.9)
#: what the hand-made cells hold: centres and averaged potentials of CoO minus those of LCO on the common zero
CENTERS = (MATERIALS["CoO"].o2p + SHIFTS[1]) - (MATERIALS["LCO"].o2p + SHIFTS[0])
STEP = (MATERIALS["CoO"].average + SHIFTS[1]) - (MATERIALS["LCO"].average + SHIFTS[0])


def _bulk() -> dict[str, CalculationDocument]:
    return {name: bulk(name) for name in MATERIALS}


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(0, 20), st.floats(0.5, 30))
@settings(deadline=None, max_examples=40)
def test_macroscopic_average_of_a_periodic_step_is_the_step(low: float, high: float, phase: float, size: float) -> None:
    period, n = 20.0, 400
    heights = np.mod(np.arange(n) / n * period - phase, period)
    below = heights < 10
    profile = np.where(
        below, low + size * np.cos(2 * np.pi * heights / 2.0), high + size * np.sin(2 * np.pi * heights / 2.5)
    )
    averaged = macroscopic_average(profile, period, [2.0, 2.5])
    inside = (heights > 3.0) & (heights < 7.0), (heights > 13.0) & (heights < 17.0)
    tolerance = 1e-6 * size + 1e-9
    np.testing.assert_allclose(averaged[inside[0]], low, atol=tolerance * 10)
    np.testing.assert_allclose(averaged[inside[1]], high, atol=tolerance * 10)
    assert averaged.mean() == pytest.approx(profile.mean(), abs=1e-9)


@pytest.mark.parametrize("box", [0.7, 2.0, 6.0, 14.5, 20.0, 47.0])
def test_one_box_is_the_running_mean(box: float, refereed: Referee) -> None:
    """Against a box average in Fourier space, which is exact for a band-limited profile."""
    period, n = 20.0, 512
    heights = np.arange(n) / n * period
    waves = np.array([1, 2, 5, 9])
    profile = 1.5 + np.cos(2 * np.pi * np.outer(heights, waves) / period + waves).sum(axis=1)
    expected = 1.5 + (
        np.cos(2 * np.pi * np.outer(heights, waves) / period + waves) * np.sinc(waves * box / period)
    ).sum(axis=1)
    away, by = np.abs(macroscopic_average(profile, period, [box]) - expected).max(), "analytic, in Fourier space"
    refereed(
        "macroscopic average of a potential, of amplitude 1 eV",
        away,
        1e-5,
        of="analysis.states.potential_profile.macroscopic_average",
        by=by,
        unit="eV",
    )


def test_a_box_must_have_a_length() -> None:
    with pytest.raises(InputError, match="longer than 0 Å"):
        macroscopic_average(np.zeros(4), 1.0, [0.0])


def _profile_of(document: CalculationDocument) -> tuple[float, float]:
    profile = potential_profile(planar_of(document), stack_of(document.structure))
    return profile.step("LCO", "CoO"), profile.step_of_own_repeats("LCO", "CoO")


@pytest.mark.parametrize("origin", [0.0, 4.7, 20.0])
@pytest.mark.parametrize("turned", [False, True])
def test_step_of_a_common_cell(origin: float, turned: bool) -> None:
    step, own = _profile_of(joint((6, 6), SHIFTS, origin=origin, turned=turned))
    assert step == pytest.approx(STEP, abs=2e-4)
    assert own == pytest.approx(STEP, abs=2e-3)


@pytest.mark.parametrize("planes", [4, 6, 12])
def test_the_error_of_a_step_is_that_of_stacks_with_displaced_planes(planes: int, refereed: Referee) -> None:
    """Planes displaced by 0.05 Å: the step leaves its error in about a quarter of the cells, and both fall with the
    thickness; read at one height, the other boxes moved by up to an electronvolt at any thickness."""
    area = {name: depth * width * np.sqrt(2 * np.pi) for name, (depth, width) in WELLS.items()}
    true = area["LCO"] / MATERIALS["LCO"].spacing - area["CoO"] / MATERIALS["CoO"].spacing
    away, other, told = [], [], []
    for seed in range(60):
        structure, potential = rough_joint(planes, 0.05, seed)
        profile = potential_profile(potential, stack_of(structure))
        away.append(profile.step("LCO", "CoO") - true)
        other.append(profile.step_of_own_repeats("LCO", "CoO") - true)
        told.append(profile.step_error("LCO", "CoO"))
    inside = float((np.abs(away) <= told).mean())
    refereed(
        f"step of {planes} planes a side inside its error, share less 0.75",
        abs(inside - 0.75),
        0.15,
        of="analysis.states.potential_profile.PotentialProfile",
        by="60 stacks of displaced planes with a known step",
        unit="fraction",
    )
    spread, expected = (float(np.sqrt(np.mean(np.square(values)))) for values in (away, told))
    assert spread < {4: 0.25, 6: 0.12, 12: 0.06}[planes]
    assert float(np.sqrt(np.mean(np.square(other)))) < 1.5 * spread
    assert 0.8 * spread < expected < 2.5 * spread


def test_turning_the_cell_over_mirrors_the_profile() -> None:
    up, down = (planar_of(joint((4, 4), SHIFTS, turned=turned)).values for turned in (False, True))
    mirrored = np.roll(np.array(up)[::-1], 1)  # the point at height 0 stays where it is
    interior = np.ones(len(up), dtype=bool)
    for height in (0, round(len(up) * 8.8 / 16.8)):  # the points at the two jumps belong to one side or the other
        interior[[height - 1, height, (height + 1) % len(up)]] = False
    np.testing.assert_allclose(np.array(down)[interior], mirrored[interior], atol=1e-9)


def test_a_shift_of_the_potential_leaves_the_step() -> None:
    document = joint((4, 4), SHIFTS)
    stack, potential = stack_of(document.structure), planar_of(document)
    moved = PlanarPotential(values=[v + 7.3 for v in potential.values], kind=potential.kind)
    before, after = potential_profile(potential, stack), potential_profile(moved, stack)
    assert after.step("LCO", "CoO") == pytest.approx(before.step("LCO", "CoO"), abs=1e-9)
    assert after.level("LCO").energy == pytest.approx(before.level("LCO").energy + 7.3, abs=1e-9)


def test_a_thin_layer_has_no_plateau_and_says_so() -> None:
    document = joint((2, 6), SHIFTS)
    profile = potential_profile(planar_of(document), stack_of(document.structure))
    assert not profile.level("LCO").has_plateau
    assert profile.level("CoO").has_plateau
    assert profile.level("CoO").energy == pytest.approx(MATERIALS["CoO"].average + SHIFTS[1], abs=2e-4)
    assert any("LCO: 2 planes are hardly thicker than the boxes" in note for note in profile.notes)
    with pytest.raises(InputError, match="has no layer 'NiO'; it has LCO, CoO"):
        profile.level("NiO")


def test_vacuum_level_is_flat_and_a_field_in_it_is_seen() -> None:
    document = slab("CoO", 5, -1.0)
    stack, potential = stack_of(document.structure), planar_of(document)
    level = vacuum_level(potential, stack)
    assert level.energy == pytest.approx(0.0, abs=1e-9)
    assert level.variation == pytest.approx(0.0, abs=1e-9)
    assert level.flat
    tilted = [v + 0.05 * k / len(potential.values) * stack.period for k, v in enumerate(potential.values)]
    assert not vacuum_level(PlanarPotential(values=tilted, kind="tilted"), stack).flat
    with pytest.raises(InputError, match="no vacuum level"):
        vacuum_level(planar_of(bulk("CoO")), stack_of(bulk("CoO").structure))


def test_both_sides_of_a_dipole_corrected_vacuum() -> None:
    document = slab("CoO", 5, -1.0)
    stack, potential = stack_of(document.structure), planar_of(document)
    assert stack.vacuum is not None
    middle = sum(stack.vacuum) / 2
    heights = np.arange(len(potential.values)) / len(potential.values) * stack.period
    beyond = (heights > middle - stack.period) & (heights < stack.planes[0].height) | (heights > middle)
    level = vacuum_level(
        PlanarPotential(
            values=np.where(beyond, np.array(potential.values) + 0.6, potential.values).tolist(), kind="jump"
        ),
        stack,
    )
    assert level.below - level.above == pytest.approx(0.6, abs=1e-9)
    assert level.flat


def test_every_way_gives_the_known_difference() -> None:
    found = alignment(
        joint((6, 6), SHIFTS),
        SPEC,
        _bulk(),
        {name: slab(name, 5, shift) for name, shift in zip(MATERIALS, SHIFTS, strict=True)},
    )
    assert (found.a, found.b, found.planes, found.n_atoms) == ("LCO", "CoO", (6, 6), 48)
    assert {(row.way, row.detail) for row in found.rows} == {
        ("one cell", "all planes"),
        ("one cell", "inner planes"),
        ("potential step", "bulk cells"),
        ("core levels", "bulk cells, O"),
        ("core levels", "bulk cells, Co"),
        ("vacuum", "bulk cells and slabs"),
    }
    for row in found.rows:
        assert row.difference == pytest.approx(CENTERS, abs=2e-3), row
    assert found.spread < 2e-3
    assert found.step == pytest.approx(STEP, abs=2e-4)
    assert found.step_error is not None
    assert found.step_error < 2e-3
    assert found.separate is not None
    assert found.separate.aligned == pytest.approx(CENTERS, abs=2e-4)
    assert found.to_json()["spread"] == found.spread


def test_separate_cells_answer_otherwise_and_their_spread_is_given() -> None:
    """O 1s says 0, the averaged potential +0.5, band edges -1.0 eV: none is the -0.3 eV of the common cell."""
    found = alignment(joint((6, 6), SHIFTS), SPEC, _bulk())
    assert found.separate is not None
    differences = {d.reference: d.difference for d in found.separate.differences}
    assert differences["vbm"] == pytest.approx(-1.0, abs=1e-6)
    assert differences["o1s"] == pytest.approx(0.0, abs=1e-6)
    assert differences["average_potential"] == pytest.approx(0.5, abs=1e-6)
    assert found.separate.spread == pytest.approx(1.5, abs=1e-6)
    assert found.separate.differences == compare(bulk("LCO"), bulk("CoO"), SPEC).differences


def test_a_layer_of_another_density_than_its_bulk_cell_is_pointed_out() -> None:
    """Stretching the bulk cell by 1 % leaves the layer 0.99 % denser."""
    made = _bulk()
    stretched = made["LCO"].structure.copy()
    stretched.scale_lattice(stretched.volume * 1.01)
    found = alignment(
        joint((6, 6), SHIFTS), SPEC, {**made, "LCO": made["LCO"].model_copy(update={"structure": stretched})}
    )
    assert found.volumes == pytest.approx({"LCO": 1 / 1.01 - 1, "CoO": 0.0})
    assert [note for note in found.notes if "volume per atom" in note] == [
        (
            "LCO: its inner planes hold -1.0 % volume per atom against its bulk cell, so averaged potentials and core "
            "levels of the two are not of one density"
        )
    ]


def test_without_bulk_cells_the_common_cell_speaks_alone() -> None:
    found = alignment(joint((4, 4), SHIFTS), SPEC)
    assert {row.way for row in found.rows} == {"one cell"}
    assert found.separate is None
    assert found.difference("one cell", "inner planes") == pytest.approx(CENTERS, abs=1e-6)
    with pytest.raises(InputError, match="no alignment by vacuum; there are one cell"):
        found.difference("vacuum")


def test_without_a_potential_the_centres_remain() -> None:
    found = alignment(joint((4, 4), SHIFTS).model_copy(update={"potential": None}), SPEC, _bulk())
    assert found.step is None
    assert {row.way for row in found.rows} == {"one cell", "core levels"}


@given(st.floats(-5, 5))
@settings(deadline=None, max_examples=4)
def test_the_zero_of_a_bulk_cell_does_not_matter(by: float) -> None:
    """The engine's zero of a separate cell is arbitrary: raising all its energies changes no aligned difference."""
    made = _bulk()
    document = made["CoO"]
    assert document.dos is not None
    assert document.band_edges is not None
    edges = document.band_edges.model_dump()
    moved = {key: value + by for key, value in edges.items() if key in ("efermi", "vbm", "cbm", "average_potential")}
    edges |= moved | {"core_potentials": [c + by for c in edges["core_potentials"]]}
    dos = document.dos.model_copy(update={"energies": [e + by for e in document.dos.energies]})
    other = document.model_copy(update={"dos": dos, "band_edges": document.band_edges.model_copy(update=edges)})
    before, after = (alignment(joint((4, 4), SHIFTS), SPEC, {**made, "CoO": cell}) for cell in (document, other))
    assert [row.difference for row in after.rows] == pytest.approx([row.difference for row in before.rows], abs=1e-6)


def test_thickness_trend_gives_deviations_from_the_thickest() -> None:
    thin, thick = alignment(joint((4, 4), (0.2, 1.2)), SPEC, _bulk()), alignment(joint((6, 6), SHIFTS), SPEC, _bulk())
    trend = thickness_trend([thick, thin])
    assert [row.n_atoms for row in trend] == [32, 48]
    assert trend[0].deviations["one cell, inner planes"] == pytest.approx(0.3, abs=1e-6)
    assert trend[0].deviations["step"] == pytest.approx(0.3, abs=1e-3)
    assert set(trend[1].deviations.values()) == {0.0}
    with pytest.raises(InputError, match="at least one"):
        thickness_trend([])
    with pytest.raises(InputError, match="make no trend"):
        thickness_trend([thin, thick.model_copy(update={"b": "NiO"})])


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InputError, match="two layers are compared, and the cell has 1"):
        alignment(bulk("CoO"), SPEC)
    with pytest.raises(UnknownNameError, match="no layer 'NiO'"):
        alignment(joint((2, 2)), SPEC, pair=("LCO", "NiO"))
    with pytest.raises(InputError, match="no Li s states between"):
        alignment(joint((2, 2)), SPEC.model_copy(update={"element": "Li", "orbital": "s"}))
    other = bulk("CoO")
    other = other.model_copy(update={"signature": other.signature.model_copy(update={"hubbard_u": {"Co": 3.3}})})
    with pytest.raises(SignatureMismatchError, match=r"U\(Co\)"):
        alignment(joint((2, 2)), SPEC, {**_bulk(), "CoO": other})
    with pytest.raises(InputError, match="stores no planar potential"):
        planar_of(bulk("CoO").model_copy(update={"potential": None}))
