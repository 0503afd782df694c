"""Formation enthalpies beside measured ones, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.analysis.thermodynamics.formation import (
    Measurements,
    class_table,
    formation_energy,
    formation_table,
    lithium_voltage,
    measurements,
    outliers,
)
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.constants import KJ_PER_MOL
from catholyte.configs.errors import InputError
from catholyte.docs.pages import phase_set as phase_set_page
from catholyte.tests.support import phase_sets

ROOT = Path(__file__).parents[3]
SOURCES = {"table": {"citation": "made up for a test", "license": "MIT"}}


def measured(*compounds: dict[str, object], **shifts: float) -> Measurements:
    element_shifts = {symbol: {"enthalpy": value, "source": "made up"} for symbol, value in shifts.items()}
    return Measurements.model_validate(
        {
            "sources": SOURCES,
            "element_shifts": element_shifts,
            "compounds": [{"source": "table", **c} for c in compounds],
        }
    )


def test_a_row_by_hand() -> None:
    known = phase_sets.phase_set(phase_sets.BY_HAND)  # Li2O: -6 eV per formula unit, elements 0
    (row,) = formation_table(known, measured({"formula": "Li2O", "enthalpy": -597.9}))
    assert row.computed == pytest.approx(-2.0)
    assert row.measured == pytest.approx(-597.9 / KJ_PER_MOL / 3)
    assert row.deviation == pytest.approx(-2.0 + 597.9 / KJ_PER_MOL / 3)
    assert (row.kind, row.tier, row.entry) == ("oxide", "vasp", "toy-Li2O")


def test_another_reference_state_of_an_element_shifts_its_compounds() -> None:
    known = phase_sets.phase_set(phase_sets.BY_HAND)
    (row,) = formation_table(known, measured({"formula": "Li2S", "enthalpy": -441.4}, S=-10.0))
    assert row.measured == pytest.approx((-441.4 + 10.0) / KJ_PER_MOL / 3)


def test_compounds_outside_the_set_are_left_out_and_liquids_stand_last() -> None:
    known = phase_sets.phase_set(phase_sets.BY_HAND)
    rows = formation_table(
        known,
        measured(
            {"formula": "Li2O2", "enthalpy": -634.3, "state": "liquid"},
            {"formula": "NaCl", "enthalpy": -411.2},
            {"formula": "LiO2", "enthalpy": -270.0},
            {"formula": "Li2S", "enthalpy": -441.4},
        ),
    )
    assert [row.formula for row in rows] == ["Li2S", "Li2O2"]
    assert [row.n for row in class_table(rows)] == [1, 1]


def test_the_classes_average_crystals_only_and_outliers_are_named() -> None:
    known = phase_sets.phase_set(phase_sets.BY_HAND, error=0.02)
    exact, off = -6.0 * KJ_PER_MOL, -4.5 * KJ_PER_MOL - 0.09 * 3 * KJ_PER_MOL
    rows = formation_table(
        known,
        measured(
            {"formula": "Li2O", "enthalpy": exact},
            {"formula": "Li2S", "enthalpy": off},
            {"formula": "Li2O2", "enthalpy": 0.0, "state": "gas"},
        ),
    )
    table = {entry.kind: entry for entry in class_table(rows)}
    assert table["oxide"].mean_absolute == pytest.approx(0.0, abs=1e-9)
    assert table["sulfide"].mean == pytest.approx(0.09)
    assert (table["all"].n, table["all"].mean_absolute) == (2, pytest.approx(0.045))
    assert [row.formula for row in outliers(rows)] == ["Li2S"]


def test_the_voltage_behind_a_binary() -> None:
    known = phase_sets.phase_set(phase_sets.BY_HAND)
    rows = {row.formula: row for row in formation_table(known, measured({"formula": "Li2S", "enthalpy": -441.4}))}
    assert lithium_voltage(rows["Li2S"], rows["Li2S"].computed) == pytest.approx(4.5 / 2)
    assert lithium_voltage(rows["Li2S"], rows["Li2S"].measured) == pytest.approx(441.4 / KJ_PER_MOL / 2)
    extended = phase_sets.phase_set({**phase_sets.BY_HAND, "Li2SO4": -14.0})
    (row,) = formation_table(extended, measured({"formula": "Li2SO4", "enthalpy": -1436.5}))
    assert lithium_voltage(row, row.computed) is None


@given(shift=st.floats(-5, 5))
def test_formation_energies_do_not_depend_on_the_zero_of_an_element(shift: float) -> None:
    energies = dict(phase_sets.BY_HAND)
    moved = {
        **energies,
        "Li": shift,
        "Li2O": energies["Li2O"] + 2 * shift,
        "Li2O2": energies["Li2O2"] + 2 * shift,
        "Li2S": energies["Li2S"] + 2 * shift,
    }
    before, after = (phase_sets.phase_set(given) for given in (energies, moved))
    for one, other in zip(before.entries, after.entries, strict=True):
        assert formation_energy(one, before) == pytest.approx(formation_energy(other, after), abs=1e-9)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sources: {}\ncompounds:\n  - {formula: Li2O, enthalpy: -1, source: here}\n", "unknown source 'here'"),
        (
            (
                "sources: {a: {citation: b, license: c}}\ncompounds:\n  - {formula: Li2O, enthalpy: -1, source: a}\n  "
                "- "
                "{formula: Li4O2, enthalpy: -2, source: a}\n"
            ),
            "two enthalpies of Li2O",
        ),
        ("sources: {}\ncompounds:\n  - {formula: Li2O, enthalpy: low, source: here}\n", "enthalpy"),
    ],
)
def test_a_wrong_table_of_measurements_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "enthalpies.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        measurements(path)


def test_the_shipped_measurements_agree_with_known_values() -> None:
    found = {compound.formula: compound.enthalpy for compound in measurements().compounds}
    assert found["Li2O"] == -597.9
    assert found["Li2CO3"] == -1215.9
    assert len(found) > 100


def test_the_page_in_the_docs_is_that_of_the_shipped_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = phase_set_page.page(load_phase_set(phase_set_page.DEFAULT_PHASE_SET), measurements())
    assert (ROOT / "docs" / "phase-set.md").read_text(encoding="utf-8") == text
    for section in ("Sources", "Element references", "Error estimates", "Referee", "Stability windows"):
        assert f"## {section}" in text
    assert "1.717 V printed" in text


def test_the_page_is_written_by_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.md"
    assert phase_set_page.main(["--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8").startswith("# The phase set `")
    assert phase_set_page.main(["solidstat", "--out", str(out)]) == 2
    assert "did you mean" in capsys.readouterr().err
