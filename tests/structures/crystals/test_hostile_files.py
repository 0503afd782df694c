"""Absurd numbers in structure and trajectory files end in a sentence: AUDIT part IV, F12. What crashed, hung or took all
memory runs in a process of its own, with limits on time and memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError, StructureError
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.crystals.files import read_structure, write_structure
from catholyte.structures.crystals.guard import require_cell, sane_frames
from catholyte.tests.support import crystals

ROOT = Path(__file__).parents[3]
FOUR_GIGABYTES = 4 * 2**30
#: reads each file named on the line, and says how it ended
PROGRAM = f"""
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, ({FOUR_GIGABYTES}, {FOUR_GIGABYTES}))
import warnings
warnings.simplefilter("ignore")
from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError
from catholyte.structures.by_name import find_source
from catholyte.structures.surfaces.slab import SlabSpec, slabs
ends = {{}}
for name in sys.argv[1:]:
    try:
        if "dynamics" in name:
            for _ in open_trajectory([Path(name)], 1.0).blocks():
                pass
        else:
            slabs(find_source(name), (1, 0, 0), SlabSpec())
        ends[Path(name).name] = "read"
    except InputError as error:
        ends[Path(name).name] = error.message.removeprefix(f"{{name}}: ")
print(json.dumps(ends))
"""
LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4" Properties='


def hostile(folder: Path) -> dict[str, str]:
    """File name to the words that refuse it; each of them crashed, hung or took all memory before."""
    cell = calculation_cell(crystals.COO)
    write_structure(cell, folder / "huge-coordinate.json")
    data = json.loads((folder / "huge-coordinate.json").read_text())
    data["sites"][0]["abc"][0] = 1e308
    (folder / "huge-coordinate.json").write_text(json.dumps(data))
    cell.copy(site_properties={}).to(str(folder / "long-cell.cif"))
    text = (folder / "long-cell.cif").read_text().split("\n")
    long = ["_cell_length_a   99999999999" if line.startswith("_cell_length_a") else line for line in text]
    (folder / "long-cell.cif").write_text("\n".join(long))
    (folder / "POSCAR").write_text("x\n1.0\n1e11 0 0\n0 4 0\n0 0 4\nCo O\n1 1\nDirect\n0 0 0\n.5 .5 .5\n")
    wide = f"{LATTICE}species:S:1:pos:R:3:magmoms:R:99999999999"
    for name in ("columns.extxyz", "dynamics-columns.extxyz"):
        (folder / name).write_text(f"2\n{wide}\nCo 0 0 0 1\nO 2 2 2 1\n")
    (folder / "number.extxyz").write_text(f"2\n{LATTICE}species:S:1:pos:R:3\nCo 0 0 99999999999\nO 2 2 2\n")
    (folder / "atoms.extxyz").write_text(f"99999999999\n{LATTICE}species:S:1:pos:R:3\nCo 0 0 0\n")
    return {
        "huge-coordinate.json": "coordinate of 1e+308",
        "long-cell.cif": "cell length of 1e+11 Å",
        "POSCAR": "cell length of 1e+11 Å",
        "columns.extxyz": "the column 'magmoms' announces 99999999999 numbers",
        "dynamics-columns.extxyz": "the column 'magmoms' announces 99999999999 numbers",
        "number.extxyz": "coordinate of 2.5e+10",
        "atoms.extxyz": "99999999999 atoms are announced",
    }


def test_what_crashed_hung_or_took_all_memory_is_refused_at_once(tmp_path: Path) -> None:
    expected = hostile(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(str(tmp_path / name) for name in expected)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    ends = json.loads(run.stdout)
    for name, words in expected.items():
        assert words in ends[name], (name, ends[name])


@pytest.mark.parametrize("symbol", ["L", "Xx", "X", "Zz"])
def test_what_is_no_element_is_refused_by_name(tmp_path: Path, symbol: str) -> None:
    head = f"x\n1.0\n4 0 0\n0 4 0\n0 0 4\nCo {symbol}\n1 1\n"
    (tmp_path / "POSCAR").write_text(f"{head}Direct\n0 0 0\n.5 .5 .5\n")
    with pytest.raises(StructureError, match=f"'{symbol}' is no element"):
        read_structure(tmp_path / "POSCAR")
    (tmp_path / "XDATCAR").write_text(f"{head}Direct configuration=     1\n0 0 0\n.5 .5 .5\n")
    with pytest.raises(InputError, match="element"):
        list(open_trajectory([tmp_path / "XDATCAR"], 1.0).blocks())
    if symbol == "X":
        (tmp_path / "x.extxyz").write_text(f"2\n{LATTICE}species:S:1:pos:R:3\nCo 0 0 0\nX 2 2 2\n")
        with pytest.raises(InputError, match="element"):
            open_trajectory([tmp_path / "x.extxyz"], 1.0)
        with pytest.raises(StructureError, match="'X' is no element"):
            read_structure(tmp_path / "x.extxyz")


@pytest.mark.parametrize(
    ("matrix", "n_atoms", "words"),
    [
        (np.diag([4, 4, np.nan]), 2, "not finite"),
        (np.diag([4, 4, np.inf]), 2, "not finite"),
        (np.diag([4, 4, 1e300]), 2, "cell length of"),
        (np.diag([4, 4, 0.1]), 1, "cell length of 0.1 Å"),
        ([[4, 0, 0], [4, 0, 0], [0, 0, 4]], 2, "lie in one plane"),
        (np.diag([4, 4, 4]), 200, "Å³ per atom"),
        (np.diag([900, 900, 900]), 1, "Å³ per atom"),
        (np.diag([4, 4, 4]), 10**9, "atoms in one cell"),
    ],
)
def test_the_guard_names_what_is_absurd(matrix: object, n_atoms: int, words: str) -> None:
    with pytest.raises(StructureError, match=words):
        require_cell(matrix, n_atoms, "x")


def test_cells_of_every_crystal_and_slab_pass() -> None:
    for material in crystals.ALL:
        cell = calculation_cell(material)
        require_cell(cell.lattice.matrix, len(cell), material.name)
    require_cell(np.diag([2.8, 2.8, 60.0]), 12, "a slab")
    require_cell(np.diag([20.0, 20, 20]), 2, "a molecule")


def test_frames_with_absurd_numbers_are_left_out() -> None:
    cells = np.array([np.eye(3) * 4.0] * 4)
    positions = np.zeros((4, 2, 3))
    positions[1, 0, 0] = np.nan
    positions[2, 1, 2] = 1e300
    cells[3] *= 1e300
    assert sane_frames(cells, positions).tolist() == [True, False, False, False]


@pytest.mark.parametrize(("state", "shown"), [("1e11", "1e+11"), ("-10", "-10")])
def test_oxidation_states_that_no_ion_has(tmp_path: Path, state: str, shown: str) -> None:
    text = (ROOT / "tests" / "data" / "cases" / "b10-oxidation-states-zero" / "LCO_zero.cif").read_text()
    assert "Co0+  0.0" in text
    (tmp_path / "a.cif").write_text(text.replace("Co0+  0.0", f"Co0+  {state}"))
    with pytest.raises(StructureError, match=f"oxidation state of {re.escape(shown)}; at most 9"):
        read_structure(tmp_path / "a.cif")
