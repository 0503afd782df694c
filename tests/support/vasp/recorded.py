"""The recorded files of VASP, and generated ones with the same names and the same answers.

The recorded files lie outside the repository: a test that takes :data:`PLACES` runs on the generated ones everywhere,
and on the recorded ones where they are.
"""

from __future__ import annotations

import atexit
import gzip
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.inputs import Poscar

from catholyte.structures.crystals.crystal import from_space_group

from ..motion.trajectory_texts import walk, xdatcar
from .known_bands import KnownBands
from .outcar_writer import outcar_text
from .written_run import LM, Frame, WrittenRun, vasprun_text

__all__ = ["PLACES", "RECORDED", "WHERE_RECORDED", "generated", "place"]

#: the recorded files
RECORDED = Path(__file__).parents[4] / "shared" / "data" / "vasp"
#: mark of what runs on the recorded files alone
WHERE_RECORDED = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"{RECORDED} is not here")
#: parameters of tests and fixtures: where the files lie
PLACES = ["generated", pytest.param("recorded", marks=WHERE_RECORDED)]
GRID = np.linspace(-24.0, 36.0, 301)
SPINEL = [-3.823, -3.823, 3.823, 3.823]
OXYGEN = [-0.063, 0.063, 0.063, -0.063, -0.063, 0.063, -0.063, 0.063]
Array = NDArray[np.float64]


def place(name: str) -> Path:
    """The folder of ``generated`` or ``recorded`` files."""
    return generated() if name == "generated" else RECORDED


@cache
def generated() -> Path:
    """Five runs and a trajectory under the names of the recorded ones, written once a session."""
    folder = Path(tempfile.mkdtemp(prefix="catholyte-vasp-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, run, outcar, contcar in (_static(), _relax(), _metal(), _slab(), _dynamics()):
        (folder / f"{name}_vasprun.xml.gz").write_bytes(gzip.compress(vasprun_text(run).encode(), 1))
        (folder / f"{name}_OUTCAR.gz").write_bytes(gzip.compress(outcar.encode(), 1))
        if contcar:
            text = Poscar(run.steps[-1].structure).get_str(significant_figures=16)
            (folder / f"{name}_CONTCAR.gz").write_bytes(gzip.compress(text.encode(), 1))
    cell = np.array([[10.1, 0, 0], [0.7, 9.8, 0], [0.4, -0.6, 10.4]])
    frames = walk(100, cell, species=("Li",) * 38 + ("Si",) * 38)
    (folder / "pmg_XDATCAR_traj_Li38Si38").write_text(xdatcar(frames))
    return folder


Made = tuple[str, WrittenRun, str, bool]


def _spinel() -> Structure:
    """Mg2Mn4O8: the primitive cell of a spinel."""
    return _sorted(
        from_space_group(
            "Fd-3m", Lattice.cubic(8.3), ["Mg", "Mn", "O"], [[0, 0, 0], [0.625] * 3, [0.3875] * 3]
        ).get_primitive_structure(),
        "Mg",
    )


def _sorted(structure: Structure, first: str) -> Structure:
    """Sites by element, in the order of the recorded POSCARs."""
    return structure.get_sorted_structure(key=lambda site: [first, "Mn", "O"].index(site.specie.symbol))


def _bands(n_sites: int, levels: Array, counts: tuple[int, ...], seed: int, special: dict[int, str]) -> KnownBands:
    """Random shares; `special` names the shell that a site holds most of."""
    rng = np.random.default_rng(seed)
    shares = rng.uniform(0.0, 0.02, (n_sites, 4, levels.shape[2]))
    shares[:, 3] = 0.0
    for site, letter in special.items():
        shares[site, "spdf".index(letter)] += 0.05
    return KnownBands(levels, counts, shares)


def _insulator(n_spin: int, vbm: float, gap: float, seed: int) -> Array:
    """Bands from -18 eV to `vbm`, and empty ones from `gap` above it; 8 occupied of 12."""
    rng = np.random.default_rng(seed)
    low = np.concatenate([[-18.0, -17.0], np.linspace(vbm - 6, vbm - 0.5, 6), np.linspace(vbm + gap + 0.5, vbm + 8, 4)])
    levels = low + rng.uniform(-0.2, 0.2, (n_spin, 4, 12))
    levels[:, 0, 7], levels[:, 1, 8] = vbm, vbm + gap
    return np.asarray(levels)


def _of(structure: Structure, bands: KnownBands, sigma: float, kind: Any, **fields: Any) -> WrittenRun:
    return WrittenRun(
        structure,
        kpoints=np.array([[0.0, 0, 0], [0.25, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0]]),
        eigenvalues=bands.levels,
        occupations=bands.occupations,
        dos=bands.dos(GRID, sigma, LM, kind),
        **fields,
    )


def _magnet(relax: bool) -> tuple[WrittenRun, str]:
    cell, rng = _spinel(), np.random.default_rng(2)
    special = {i: "d" if 2 <= i < 6 else "p" for i in range(14)}
    vbm = 4.0544
    bands = _bands(14, _insulator(2, vbm, 1.5130 if relax else 1.5131, 1), (8, 8), 3, special)
    incar: dict[str, Any] = {
        "GGA": "Ps",
        "ISPIN": 2,
        "NELM": 200,
        "ENCUT": 680.0,
        "LORBIT": 11,
        "LVTOT": True,
        "PREC": "Accurate",
        "LDAU": True,
        "LDAUTYPE": 2,
        "LDAUL": [0, 2, 0],
        "LDAUU": [0.0, 3.9, 0.0],
        "LDAUJ": [0.0, 0.0, 0.0],
        "ISMEAR": 0 if relax else -5,
        "SIGMA": 0.2 if relax else 0.05,
        **({"IBRION": 2, "NSW": 99, "ISIF": 3, "EDIFFG": -0.02} if relax else {}),
    }
    frames = []
    for i in range(7 if relax else 1):
        moved = cell.copy()
        moved.perturb(0.002 * (6 - i) if relax and i < 6 else 0.0)
        moved.scale_lattice(cell.volume * (1 + 0.001 * i)) if relax else None
        forces = rng.normal(scale=0.004, size=(14, 3))
        frames.append(Frame(moved, -104.17424802 - 0.01 * (i - 6 if relax else 0), forces, rng.normal(size=(3, 3))))
    run = _of(
        frames[0].structure,
        bands,
        0.2 if relax else 0.05,
        "gaussian" if relax else "points",
        incar=incar,
        parameters={"NELECT": 104.0},
        frames=frames,
        efermi=4.05426849,
        titles={"Mg": "PAW_PBE Mg 13Apr2007", "Mn": "PAW_PBE Mn_pv 02Aug2007", "O": "PAW_PBE O 08Apr2002"},
        valences={"Mn": 13.0},
    )
    core = [-34.87] * 2 + [-70.3921] * 4 + [-70.2313] * 8
    return run, outcar_text([0.0, 0.0, *SPINEL, *OXYGEN], core, electrons=104.0)


def _static() -> Made:
    return ("atomate2_MgMn2O4_afm_static", *_magnet(relax=False), True)


def _relax() -> Made:
    return ("atomate2_MgMn2O4_afm_relax", *_magnet(relax=True), True)


def _metal() -> Made:
    """Li1Mn8O16 with Mn3+ and Mn4+; bands cross E_F."""
    cell = from_space_group(
        "Fd-3m", Lattice.cubic(8.1), ["Mn", "O"], [[0.625] * 3, [0.3875] * 3]
    ).get_primitive_structure()
    cell = cell * (2, 1, 1)
    cell.insert(0, "Li", [0, 0, 0])
    cell = _sorted(cell, "Li")
    levels = _insulator(2, 2.0, 0.8, 7)
    levels[:, 2, 8] = 1.9
    bands = _bands(len(cell), levels, (8, 8), 8, {i: "d" if 1 <= i < 9 else "p" for i in range(len(cell))})
    filled = bands.occupations.copy()
    filled[:, 2, 8], filled[:, 1, 7] = 1.0, 0.0
    run = _of(
        cell,
        bands,
        0.05,
        "points",
        incar={"ISPIN": 2, "ISMEAR": -5, "ENCUT": 520.0, "LREAL": "Auto", "NELM": 100, "LORBIT": 11, "EDIFF": 0.01},
        parameters={"LREAL": True},
        efermi=2.44946984,
        frames=[Frame(cell, -190.0, np.full((len(cell), 3), 0.01))],
    ).but(occupations=filled)
    moments = [0.0, 3.9, *[3.1] * 7, *[-0.1] * (len(cell) - 9)]
    return "atomate_LiMn8O16", run, outcar_text(moments, electrons=203.0, total=22.956673), False


def _slab() -> Made:
    """Two planes of eight gold atoms 2.06 Å apart between 12 Å of vacuum, equal by symmetry."""
    side, height = 4 * 2.93, 26.06
    heights = [(12.0 + 2.06 * i) / height for i in range(2)]
    places = [[(i % 4 + 0.25 * k) / 4, (i // 4 + 0.25 * k) / 2, h] for k, h in enumerate(heights) for i in range(8)]
    cell = Structure(Lattice.orthorhombic(side, side / 2, height), ["Au"] * 16, places)
    levels = np.repeat(_insulator(1, -2.5, 0.3, 9), 2, axis=0)
    levels[:, 2, 8] = -3.0
    bands = KnownBands(levels, (8, 8), np.repeat(_bands(1, levels, (8, 8), 10, {0: "d"}).shares, 16, axis=0))
    filled = bands.occupations.copy()
    filled[:, 2, 8], filled[:, 1, 7] = 1.0, 0.0
    incar = {"GGA": "Rp", "ISPIN": 2, "ISMEAR": -5, "SIGMA": 0.2, "NELM": 500, "ENCUT": 700.0, "LORBIT": 11}
    run = _of(cell, bands, 0.05, "points", incar=incar, efermi=-2.96548617, frames=[Frame(cell, -40.0)])
    return "atomate2_Au_slab_static", run.but(occupations=filled), outcar_text([0.0] * 16, electrons=176.0), False


def _dynamics() -> Made:
    """100 frames of silicon, 2 fs apart, and the geometry that follows the last."""
    cell = from_space_group("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]]).get_primitive_structure()
    cell = cell * (2, 2, 2)
    rng = np.random.default_rng(12)
    speed, freedom = rng.normal(scale=0.004, size=(16, 3)), 3 * 15 * 8.617333262e-5
    speed -= speed.mean(axis=0)
    cells, temperatures = [], 500.0 + rng.normal(scale=20.0, size=100)
    for i in range(101):
        moved = cell.copy()
        for k in range(16):
            moved.translate_sites([k], speed[k] * 10 * np.sin(i / 10), frac_coords=False, to_unit_cell=True)
        cells.append(moved)
    frames = [
        Frame(c, -80.0 - 0.01 * i, rng.normal(scale=0.1, size=(16, 3)), kinetic=t * freedom / 2, cycles=2)
        for i, (c, t) in enumerate(zip(cells[:100], temperatures, strict=True))
    ]
    incar = {"IBRION": 0, "NSW": 100, "POTIM": 2.0, "ISMEAR": 0, "SIGMA": 0.05, "LREAL": True, "NELM": 500, "MDALGO": 2}
    run = WrittenRun(cells[0], incar={**incar, "PREC": "Normal", "ENCUT": 400.0}, frames=frames, following=cells[100])
    return "atomate2_Si16_AIMD", run, outcar_text(temperatures=temperatures.tolist(), electrons=64.0), False
