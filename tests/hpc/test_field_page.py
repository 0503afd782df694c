"""The page of structure files from the field says what the commands say."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.docs.pages.field_files import PAGE, answers, table
from catholyte.tests.support.cases import case

STRUCTURES = Path(__file__).parents[3] / "shared" / "data" / "structures"


@pytest.mark.slow
@pytest.mark.skipif(not STRUCTURES.is_dir(), reason="shared/data/structures lies beside the checkout, and is absent")
def test_the_table_of_published_cifs_is_up_to_date() -> None:
    assert table(STRUCTURES) in PAGE.read_text(encoding="utf-8")


def test_every_file_of_the_page_has_a_full_row() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").split("\n") if line.startswith("| ") and ".cif" in line]
    assert len(rows) == 31
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 7
        assert all(cells)
        assert "defect" not in row


@pytest.mark.parametrize(
    ("name", "file", "read", "layers", "plan"),
    [
        ("13", "LCNO.cif", "ordered cell Li2Co1Ni1O4", "layered", "Li2Co1Ni1O4, 8 atoms"),
        ("27", "FeS2.cif", "Fe4S8", "it holds no oxygen", "Fe4S8, 12 atoms"),
        ("b31", "LFP_Pbnm.cif", "Li4Fe4P4O16", "all its oxygen is bonded to P", "Li4Fe4P4O16, 28 atoms"),
    ],
)
def test_files_inside_the_repository_answer_alike(name: str, file: str, read: str, layers: str, plan: str) -> None:
    found = answers(case(name) / file)
    assert read in found["read as"]
    assert layers in found["`layers`"]
    assert plan == found["`plan`"]
    assert "not polar" in found["`slabs --miller 0 0 1`"]
