"""Windows of the shipped set beside printed ones: balanced, told with their sources, and never fitted."""

from __future__ import annotations

import pytest

from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
from catholyte.docs.pages.published import PublishedWindows, published_windows, window_rows


def test_ten_windows_stand_beside_print() -> None:
    rows = window_rows(load_phase_set(DEFAULT_PHASE_SET))
    assert len(rows) >= 10
    for row in rows:
        low, high = row.deviations
        assert high is not None
        assert row.found.oxidation is not None
        assert row.found.reduction.voltage == pytest.approx(row.published.reduction + low)
        assert row.found.oxidation.voltage == pytest.approx(row.published.oxidation + high)
        assert row.found.reduction.voltage <= row.found.oxidation.voltage
        assert abs(low) < 0.5
        assert abs(high) < 1.1


def test_a_printed_window_names_a_known_source() -> None:
    sources = {key: source.model_dump() for key, source in published_windows().sources.items()}
    row = {"material": "LiF", "reduction": 0.0, "oxidation": 6.3, "source": "nobody"}
    with pytest.raises(ValueError, match="LiF: unknown source 'nobody'"):
        PublishedWindows.model_validate({"sources": sources, "windows": [row]})
