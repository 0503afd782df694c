"""Where potentials part: limits from the bulk of the phases, groups by layer and element, events that stand on it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from catholyte.analysis.figures.motion import force_differences_figure
from catholyte.analysis.motion.force_differences import QUANTILE, force_differences
from catholyte.configs.errors import InputError
from catholyte.workflows.comparison_documents import ForceComparison

STACK = Structure(
    Lattice.orthorhombic(4, 5, 10),
    ["Li+", "Co3+", "S2-"],
    [[0, 0, 0.9], [0, 0, 0.1], [0, 0, 0.5]],
    site_properties={"layer": ["LCO", "LCO", "LPSCl"]},
)
BULK = Structure(Lattice.cubic(4), ["Li+", "Co3+"], [[0, 0, 0], [0.5, 0.5, 0.5]])
OTHER = Structure(Lattice.cubic(4), ["Ni2+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def compared(label: str, cell: Structure, differences: list[list[float]], **given: object) -> ForceComparison:
    n = len(differences)
    return ForceComparison.model_validate(
        {
            "label": label, "first": "chgnet", "second": "gpaw", "structure": cell, "times": [5.0 * (k + 1) for k in range(n)],
            "positions": [cell.cart_coords.tolist()] * n, "differences": differences,
            "magnitudes": [[1.0] * len(cell)] * n, **given,
        }
    )  # fmt: skip


CONTROLS = [
    compared("LCO control", BULK, [[0.1, 0.2], [0.1, 0.2]], control=True),
    compared("LCO control", BULK, [[0.1, 0.2]], control=True, replica=2),
    compared("NiO control", OTHER, [[9.0, 9.0]], control=True),
]
PARTS = [
    compared("LCO|LPSCl", STACK, [[0.1, 0.1, 0.5], [0.1, 0.3, 0.1]], chunk=2),
    compared("LCO|LPSCl", STACK, [[0.1, 0.1, 0.1]]),
]


def test_limits_come_from_controls_of_the_same_elements() -> None:
    found = force_differences([*PARTS, *CONTROLS], "LCO|LPSCl", "gpaw")
    assert found.limit == pytest.approx(np.quantile([0.1, 0.2] * 3, QUANTILE))
    assert found.beyond.tolist() == [[False] * 3, [False, False, True], [False, True, False]]


def test_chunks_stand_in_their_order_and_their_times_go_on() -> None:
    found = force_differences([*PARTS, *CONTROLS], "LCO|LPSCl", "gpaw")
    assert found.times.tolist() == [5.0, 10.0, 15.0]
    assert found.differences[0].tolist() == [0.1, 0.1, 0.1]
    np.testing.assert_allclose(found.heights, [9.0, 1.0, 5.0])


def test_rows_tell_layer_and_element() -> None:
    rows = {
        (row["layer"], row["element"]): row
        for row in force_differences([*PARTS, *CONTROLS], "LCO|LPSCl", "gpaw").rows()
    }
    assert set(rows) == {("LCO", "Li"), ("LCO", "Co"), ("LPSCl", "S")}
    sulfur = rows["LPSCl", "S"]
    assert sulfur["difference"] == pytest.approx(np.sqrt((0.01 + 0.25 + 0.01) / 3))
    assert (sulfur["largest"], sulfur["force"]) == (0.5, 1.0)
    assert sulfur["beyond"] == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("time", "atoms", "touched"), [(10.0, (0, 2), True), (12.0, (2,), True), (13.0, (1, 0), True), (5.0, (2,), False)]
)
def test_events_are_held_against_the_nearest_compared_frame(time: float, atoms: tuple[int, ...], touched: bool) -> None:
    assert force_differences([*PARTS, *CONTROLS], "LCO|LPSCl", "gpaw").touches(time, atoms) is touched


def test_without_a_control_nothing_is_beyond() -> None:
    found = force_differences([*PARTS, CONTROLS[2]], "LCO|LPSCl", "gpaw")
    assert found.limit is None
    assert not found.beyond.any()
    assert {row["beyond"] for row in found.rows()} == {None}


def test_what_was_not_compared_is_refused() -> None:
    with pytest.raises(InputError, match="the forces of pair have not been computed"):
        force_differences(PARTS, "LCO|LPSCl", "pair")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.floats(0, 10), min_size=3, max_size=3), min_size=1, max_size=6))
def test_the_figure_is_drawn_whatever_the_differences(differences: list[list[float]]) -> None:
    for controls in (CONTROLS, []):
        found = force_differences([compared("s", STACK, differences), *controls], "s", "gpaw")
        figure = force_differences_figure(found)
        (mesh,) = figure.axes[0].collections
        assert mesh.get_array().shape == (3, len(differences))  # type: ignore[union-attr]
        assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["LCO", "LPSCl", "LCO"]
