"""The planar potential of a LOCPOT, against pymatgen's own reading of the same file."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.inputs import Poscar
from pymatgen.io.vasp.outputs import Locpot

from catholyte.configs.errors import InputError
from catholyte.configs.models import Method
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.referees.joint_cells import bulk, joint, slab
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import Dos, Static
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.inputs import incar_tags
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.vasp_output.files import locate
from catholyte.workflows.vasp_output.potential import read_locpot

HARTREE_ONLY: Any = SimpleNamespace(parameters={"LVTOT": False, "LVHAR": True})


def _written(folder: Path, shape: tuple[int, int, int] = (3, 4, 7)) -> tuple[Path, Locpot]:
    structure = Structure(
        Lattice.from_parameters(3.0, 4.0, 9.0, 85, 95, 110), ["Co", "O"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.4]]
    )
    values = np.random.default_rng(3).normal(size=shape)
    made = Locpot(Poscar(structure), {"total": values})
    made.write_file(folder / "LOCPOT")
    return folder / "LOCPOT", made


@pytest.mark.parametrize("shape", [(3, 4, 7), (2, 2, 5), (1, 1, 6), (5, 5, 4)])
def test_planar_average_is_pymatgens(tmp_path: Path, shape: tuple[int, int, int], refereed: Referee) -> None:
    file, made = _written(tmp_path, shape)
    found = read_locpot(file, HARTREE_ONLY)
    assert found is not None
    # the file holds values times nothing: pymatgen writes them as they are
    away, by = (
        np.abs(found.values - Locpot.from_file(file).get_average_along_axis(2)).max(),
        "pymatgen, Locpot.get_average_along_axis",
    )
    refereed(
        "planar average of a LOCPOT", away, 1e-9, of="workflows.vasp_output.potential.read_locpot", by=by, unit="eV"
    )
    np.testing.assert_allclose(found.values, made.data["total"].mean(axis=(0, 1)), atol=1e-8)


def test_a_second_spin_channel_and_compression_change_nothing(tmp_path: Path) -> None:
    file, _ = _written(tmp_path)
    alone = read_locpot(file, HARTREE_ONLY)
    text = file.read_text()
    zipped = tmp_path / "LOCPOT.gz"
    zipped.write_bytes(gzip.compress((text + "  3  4  7\n" + "0.1 0.2 0.3 0.4 0.5\n" * 17).encode()))
    assert read_locpot(zipped, HARTREE_ONLY) == alone


def test_a_potential_with_exchange_and_correlation_is_not_taken(tmp_path: Path) -> None:
    file, _ = _written(tmp_path)
    total: Any = SimpleNamespace(parameters={"LVTOT": True, "LVHAR": False})
    assert read_locpot(file, total) is None
    assert read_locpot(None, HARTREE_ONLY) is None


def test_damage_is_named(tmp_path: Path) -> None:
    file, _ = _written(tmp_path)
    text = file.read_text()
    for broken, says in (
        (text[: len(text) // 2], "LOCPOT is truncated: .* of the 3 × 4 × 7 values"),
        ("\n".join(text.splitlines()[:9]) + "\n", "is corrupt: no grid follows its structure"),
        (text[:-200] + "x" * 200, "LOCPOT is (corrupt|truncated)"),
        ("", "is empty"),
    ):
        file.write_text(broken)
        with pytest.raises(InputError, match=says):
            read_locpot(file, HARTREE_ONLY)


def test_it_is_found_beside_the_vasprun(tmp_path: Path) -> None:
    _written(tmp_path)
    (tmp_path / "vasprun.xml").write_text("<modeling></modeling>")
    assert locate(tmp_path).locpot == tmp_path / "LOCPOT"


def test_it_is_written_for_slabs_and_interfaces_only() -> None:
    settings = load_backend("vasp", {}).settings
    assert isinstance(settings, VaspSettings)
    method = Method(hubbard_u={"Co": 3.9}, cutoff=500, kpoints=(1, 1, 1))
    wanted = {
        name: incar_tags(vasp_cell(cell.structure), Dos(method=method), settings).get("LVHAR")
        for name, cell in (("joint", joint((2, 2))), ("slab", slab("CoO", 3, 0.0)), ("bulk", bulk("CoO")))
    }
    assert wanted == {"joint": True, "slab": True, "bulk": None}
    assert "LVHAR" not in incar_tags(vasp_cell(joint((2, 2)).structure), Static(method=method), settings)
