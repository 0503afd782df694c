"""Planes and layers of a cell, and centres by depth: sums, shifts, mirror images, recorded VASP output."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from catholyte.analysis.states.band_report import Bands, band_report, bands_of
from catholyte.analysis.states.depth import depth_report, ion_groups, ion_notes
from catholyte.analysis.states.depth_planes import is_layered, stack_of
from catholyte.analysis.states.read import read_bands
from catholyte.configs.errors import InputError, UnknownNameError
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.referees.joint_cells import MATERIALS, bulk, joint, slab
from catholyte.tests.support.vasp.recorded import PLACES, place

SPEC = BandCenterSpec(window="occupied", reference="vbm")


def _moved(bands: Bands, by: float) -> Bands:
    """All energies raised by one constant."""
    dos = bands.dos.model_copy(update={"energies": [e + by for e in bands.dos.energies]})
    names = ("efermi", "vbm", "cbm", "average_potential")
    known = {name: value + by for name in names if (value := getattr(bands.edges, name)) is not None}
    cores = bands.edges.core_potentials
    return Bands(
        dos,
        bands.edges.model_copy(update=known | {"core_potentials": None if cores is None else [c + by for c in cores]}),
        bands.structure,
    )


def test_planes_and_layers_of_a_common_cell() -> None:
    stack = stack_of(joint((4, 5)).structure)
    assert [layer.label for layer in stack.layers] == ["LCO", "CoO"]
    assert [plane.formula for plane in stack.planes] == ["LiCoO2"] * 4 + ["Co2O2"] * 5
    assert [layer.repeat for layer in stack.layers] == pytest.approx([2.0, 2.2])
    assert stack.period == pytest.approx(19.0)
    assert stack.vacuum is None
    assert stack.tagged
    assert stack.layers[0].bottom == pytest.approx(-0.05)  # half way between planes at -1.1 and 1.0 Å
    assert stack.layers[0].top == pytest.approx(stack.layers[1].bottom) == pytest.approx(8.05)
    assert len(stack.layers[0].interior) == 2 * 4
    assert sorted(site for layer in stack.layers for site in layer.sites) == list(range(36))


@pytest.mark.parametrize("origin", [0.0, 3.3, 9.0, 18.9, -1.0])
def test_layers_do_not_depend_on_where_the_cell_begins(origin: float) -> None:
    stack, moved = stack_of(joint((4, 5)).structure), stack_of(joint((4, 5), origin=origin).structure)
    assert sorted(layer.label for layer in moved.layers) == ["CoO", "LCO"]
    for label in ("LCO", "CoO"):
        assert {p.sites for p in moved.layer(label).planes} == {p.sites for p in stack.layer(label).planes}
        assert moved.layer(label).top - moved.layer(label).bottom == pytest.approx(
            stack.layer(label).top - stack.layer(label).bottom
        )
        assert moved.layer(label).repeat == pytest.approx(stack.layer(label).repeat)


@given(st.lists(st.floats(-0.2, 0.2), min_size=32, max_size=32), st.floats(0, 17))
@settings(deadline=None, max_examples=25)
def test_every_site_lies_in_one_plane_however_planes_buckle(buckling: list[float], shift: float) -> None:
    cell = joint((4, 4)).structure
    heights = cell.cart_coords[:, 2] + np.array(buckling) + shift
    coords = np.column_stack([cell.cart_coords[:, :2], heights])
    stack = stack_of(
        Structure(cell.lattice, cell.species, coords, coords_are_cartesian=True, site_properties=cell.site_properties)
    )
    assert sorted(site for plane in stack.planes for site in plane.sites) == list(range(32))
    assert [len(plane.sites) for plane in stack.planes] == [4] * 8
    rising = [plane.height for plane in stack.planes]
    assert rising == sorted(rising)
    assert rising[-1] - rising[0] < stack.period


def test_a_slab_has_a_vacuum_and_a_bulk_cell_nothing() -> None:
    with_vacuum, without = stack_of(slab("CoO", 5, 0.0).structure), stack_of(bulk("CoO").structure)
    assert with_vacuum.vacuum == pytest.approx((7 + 9 * 1.1, 7 + 9 * 1.1 + 14 + 2.2))
    assert is_layered(with_vacuum)
    assert without.vacuum is None
    assert not is_layered(without)
    assert with_vacuum.layers[0].top - with_vacuum.layers[0].bottom == pytest.approx(5 * 2.2)


def test_a_width_must_be_positive() -> None:
    with pytest.raises(InputError, match="must be positive, and 0 Å was given"):
        stack_of(bulk("CoO").structure, 0.0)


@pytest.mark.parametrize("kind", ["plane", "layer", "environment"])
def test_sums_over_depth_are_the_total(kind: str) -> None:
    report = depth_report(bands_of(joint((4, 5), (0.3, 1.1))), SPEC)
    groups = report.of(kind)
    total = report.total.centers[0]
    assert sum(group.first.states for group in groups) == pytest.approx(total.states, rel=1e-12)
    weighted = sum(group.first.states * group.level for group in groups) / total.states
    assert weighted == pytest.approx(total.center + total.reference_energy, abs=1e-9)


def test_centres_of_each_layer_are_those_put_in() -> None:
    shifts = (0.3, 1.1)
    report = depth_report(bands_of(joint((4, 5), shifts)), SPEC)
    for name, shift in zip(MATERIALS, shifts, strict=True):
        for kind in ("layer", "interior"):
            assert report.group(name, kind).level == pytest.approx(MATERIALS[name].o2p + shift, abs=1e-6)
    assert report.difference("CoO", "LCO") == pytest.approx(-0.2, abs=1e-6)
    assert [group.height for group in report.of("plane")] == pytest.approx([0, 2, 4, 6, 8.1, 10.3, 12.5, 14.7, 16.9])


@given(st.floats(-20, 20))
@settings(deadline=None, max_examples=5)
def test_a_shift_of_all_energies_leaves_every_centre(by: float) -> None:
    bands = bands_of(joint((2, 2), (0.3, 1.1)))
    before, after = depth_report(bands, SPEC), depth_report(_moved(bands, by), SPEC)
    for old, new in zip(before.groups, after.groups, strict=True):
        assert new.row.by_reference == pytest.approx(old.row.by_reference, abs=1e-6)
        assert new.row.spread == pytest.approx(old.row.spread, abs=1e-6)


def test_turning_the_cell_over_mirrors_the_planes() -> None:
    up, down = (depth_report(bands_of(joint((4, 5), (0.3, 1.1), turned=turned)), SPEC) for turned in (False, True))
    assert [group.level for group in down.of("plane")] == pytest.approx([group.level for group in up.of("plane")][::-1])
    assert down.difference("CoO", "LCO") == pytest.approx(up.difference("CoO", "LCO"))


def test_environments_are_those_of_their_layer() -> None:
    report = depth_report(bands_of(joint((6, 6))), SPEC)
    labels = [group.label for group in report.of("environment")]
    assert all(label.endswith((" in LCO", " in CoO")) for label in labels)
    inner = report.group("LCO", "interior").environments
    assert all("Li" in environment for environment in inner)
    assert not any("Li" in environment for environment in report.group("CoO", "interior").environments)


def test_d_centres_by_oxidation_state() -> None:
    report = depth_report(
        bands_of(joint((4, 4), (0.3, 1.1))), SPEC.model_copy(update={"element": "Co", "orbital": "d"})
    )
    ions = {group.label: group for group in report.of("ion")}
    assert set(ions) == {"Co3+ in LCO", "Co2+ in CoO"}
    assert ions["Co3+ in LCO"].level == pytest.approx(-2.5 + 0.3 - 1.0, abs=1e-6)
    assert ions["Co2+ in CoO"].moments == (2.6, 2.6)
    assert report.notes == ()
    assert report.of("environment") == []


def test_an_ion_in_another_state_is_told_apart_and_pointed_out() -> None:
    cell = joint((4, 4)).structure
    cobalt = next(i for i, site in enumerate(cell) if str(site.specie) == "Co3+")
    moments = list(cell.site_properties["magmom"])
    moments[cobalt] = 3.1
    cell.add_site_property("magmom", moments)
    assert ion_groups(cell, "Co")["Co3+ (3.1 µB)"] == [cobalt]
    assert len(ion_groups(cell, "Co")["Co3+ (0.0 µB)"]) == 3
    (note,) = ion_notes(cell)
    assert note.startswith(f"site {cobalt} is labelled Co3+ and has 3.10 µB")
    assert note.endswith("another state of charge or spin, as Co3+ (high spin) shows")
    moments[cobalt] = 2.7
    cell.add_site_property("magmom", moments)
    assert ion_notes(cell)[0].endswith("as Co2+ shows")


def test_unknown_groups_are_named() -> None:
    report = depth_report(bands_of(joint((2, 2))), SPEC)
    with pytest.raises(UnknownNameError, match="no centres of the layer 'NiO'"):
        report.group("NiO")
    with pytest.raises(UnknownNameError, match="holds no S"):
        depth_report(bands_of(joint((2, 2))), SPEC.model_copy(update={"element": "S"}))


@pytest.mark.parametrize("files", PLACES)
def test_recorded_gold_slab(files: str) -> None:
    """Two planes of eight atoms 2.06 Å apart, equal by symmetry, between 12 Å of vacuum."""
    bands = read_bands(place(files) / "atomate2_Au_slab_static_vasprun.xml.gz")
    spec = BandCenterSpec(element="Au", orbital="d", window="occupied", reference="fermi")
    stack = stack_of(bands.structure)
    assert is_layered(stack)
    assert [len(plane.sites) for plane in stack.planes] == [8, 8]
    report = depth_report(bands, spec, stack)
    lower, upper = report.of("plane")
    assert lower.level == pytest.approx(upper.level, abs=2e-3)
    assert report.total.centers[0].center == pytest.approx(band_report(bands, spec).row().centers[0].center, abs=1e-12)


@pytest.mark.parametrize("files", PLACES)
def test_recorded_spinel_resolves_manganese_by_moment(files: str) -> None:
    """LiMn8O16: VASP knows no oxidation states, the moments tell Mn3+ from Mn4+ where they differ."""
    bands = read_bands(place(files) / "atomate_LiMn8O16_vasprun.xml.gz")
    report = depth_report(bands, BandCenterSpec(element="Mn", orbital="d", window="occupied", reference="fermi"))
    ions = report.of("ion")
    assert sum(group.first.n_atoms for group in ions) == 8
    assert sum(group.first.states for group in ions) == pytest.approx(report.total.centers[0].states, rel=1e-12)
