"""What `reactions` and `window` take for materials of the elements that set 2.0 brought: forty with ten electrolytes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catholyte.hpc.commands.thermodynamics.reactions import reactions
from catholyte.hpc.commands.thermodynamics.window import window
from catholyte.tests.support.referees.evidence import Evidence

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

ELECTROLYTES = ("LLZO", "LATP", "LAGP", "LiPON", "LPSBr", "LPSI", "LZC", "LYB", "NPS", "Li3N")
MATERIALS = (
    "LFP",
    "LiMn2O4",
    "LNMO",
    "NaCoO2",
    "LiF",
    "LiBr",
    "LiI",
    "LiOH",
    "Li3N",
    "LiAlO2",
    "Al2O3",
    "ZrO2",
    "Li2ZrO3",
    "SiO2",
    "MgO",
    "Zr",
    "La",
    "LiPON",
    "LCO",
    "CoO",
    "NCM811",
    "LRMO",
    "LiNiO2",
    "LiCoPO4",
    "Li2CO3",
    "Li3BO3",
    "LiNbO3",
    "Li2WO4",
    "Li2TiO3",
    "Li3PO4",
    "H2O",
    "H2S",
    "Li2SO3",
    "Li2S4",
    "AlF3",
    "LiAlF4",
    "MgF2",
    "LaF3",
    "ZrF4",
    "FePO4",
    "Fe2O3",
    "Na2S",
)
#: CPU s of an answer from a cold start
LIMIT = 2.0


def _cold(folder: Path, *arguments: str) -> float:
    """Processor time of a whole command, s; it must answer."""
    main = "from catholyte.hpc.commands.app import main; main()"
    before = os.times()
    subprocess.run([sys.executable, "-c", main, *arguments], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_forty_materials_answer_for_ten_electrolytes(measured: Evidence, tmp_path: Path) -> None:
    """All pairs in one process, then each material once and each electrolyte's window in a process of their own."""
    assert len(set(MATERIALS)) >= 40
    spent: dict[tuple[str, str], float] = {}
    for material in MATERIALS:
        for electrolyte in ELECTROLYTES:
            begun = time.process_time()
            if material != electrolyte:
                assert reactions(material, electrolyte)["kinks"]
                spent[material, electrolyte] = time.process_time() - begun
    pairs = sorted(spent, key=spent.__getitem__)[-40:]
    cold = max(_cold(tmp_path, "reactions", *pair) for pair in pairs)
    assert all(window(name)["formula"] for name in MATERIALS)
    windows = max(_cold(tmp_path, "window", name) for name in ELECTROLYTES)
    measured.within(
        f"`catholyte reactions`, the whole command, dearest 40 of {len(spent)} pairs of new elements",
        cold,
        "CPU s",
        limit=LIMIT,
    )
    measured.within(
        "`catholyte window` of ten new electrolytes, the whole command, the dearest", windows, "CPU s", limit=LIMIT
    )
