"""Known bands, written in every dialect that is read, give their centres back: VASP 5 and 6, vasprun.xml and
vaspout.h5, spins, m and shells, f, noncollinear, smearing and tetrahedra, and the documents of GPAW."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monty.json import MontyEncoder

from catholyte.analysis.states.band_report import Bands, band_report
from catholyte.analysis.states.read import read_bands
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.vasp.known_bands import ORBITALS, KnownBands, gpaw_dos, known_bands
from catholyte.tests.support.vasp.vaspout_writer import write_vaspout
from catholyte.tests.support.vasp.written_run import WrittenRun, rock_salt
from catholyte.workflows.documents import (
    BandEdges,
    CalculationDocument,
    Convergence,
    ProjectedDos,
    Provenance,
    Signature,
)

#: 0.05 eV, so that a tetrahedron's points resolve the width
GRID = np.linspace(-22.0, 10.0, 641)
SIGMA = 0.2
NICKEL, OXYGEN = [0], [1]
KINDS = ("collinear", "two spins", "noncollinear")


def _written(bands: KnownBands, version: str, lorbit: str, kind: str, ismear: int) -> WrittenRun:
    vectors = kind == "noncollinear"
    dos = bands.dos(GRID, SIGMA, ORBITALS[lorbit], "points" if ismear == -5 else "gaussian", vectors)
    incar: dict[str, Any] = {"ISMEAR": ismear, "SIGMA": SIGMA, "LORBIT": int(lorbit[:2]), "NEDOS": len(GRID)}
    incar |= {"ISPIN": len(bands.levels), "ENCUT": 520.0, **({"LSORBIT": True} if vectors else {})}
    n_k = bands.levels.shape[1]
    return WrittenRun(
        rock_salt(),
        incar=incar,
        parameters={"NELECT": 6.0},
        version=version,
        kpoints=np.array([[i / n_k, 0, 0] for i in range(n_k)]),
        eigenvalues=bands.levels,
        occupations=bands.occupations,
        efermi=bands.edges[0] - 0.02,
        dos=dos,
    )


def _centers(bands: Bands) -> dict[str, float]:
    """Centres of every shell, eV on the engine's own zero; of O 2p without and with O 2s."""
    found = {}
    for name, (element, orbital, window) in {
        "O 2p": ("O", "p", None),
        "O 2p with O 2s": ("O", "p", (-30.0, 2.0)),
        "Ni 3d": ("Ni", "d", None),
        "O 2s": ("O", "s", None),
    }.items():
        spec = BandCenterSpec(
            element=element,
            orbital=orbital,  # type: ignore[arg-type]
            window="occupied" if window is None else "range",
            range=window,
            reference="vbm",
        )
        first = band_report(bands, spec).row().centers[0]
        found[name] = first.center + first.reference_energy
    return found


def _expected(bands: KnownBands) -> dict[str, float]:
    return {
        "O 2p": bands.center(OXYGEN, "p", slice(1, None)),
        "O 2p with O 2s": bands.center(OXYGEN, "p"),
        "Ni 3d": bands.center(NICKEL, "d"),
        "O 2s": bands.center(OXYGEN, "s"),
    }


def _bands(kind: str) -> KnownBands:
    return known_bands(2, 0.4) if kind == "two spins" else known_bands()


@pytest.mark.parametrize(
    ("version", "lorbit", "kind", "ismear", "file"),
    [
        (version, lorbit, kind, ismear, file)
        for version, lorbit, kind, ismear in itertools.product(
            ("5.4.4", "6.3.2", "6.4.3"), ORBITALS, KINDS, (0, -5)
        )
        for file in ("vasprun.xml", "vaspout.h5")
        if file == "vasprun.xml" or version == "6.4.3"
    ],
)  # fmt: skip
def test_centres_are_those_of_the_bands(
    tmp_path: Path, refereed: Referee, version: str, lorbit: str, kind: str, ismear: int, file: str
) -> None:
    known = _bands(kind)
    run = _written(known, version, lorbit, kind, ismear)
    path = run.written(tmp_path) if file == "vasprun.xml" else write_vaspout(run, tmp_path / file)
    found = read_bands(path)
    assert found.edges.vbm == pytest.approx(known.edges[0], abs=1e-6)
    assert found.edges.cbm == pytest.approx(known.edges[1], abs=1e-6)
    assert found.dos.orbitals == list("spdf" if lorbit.endswith("f") else "spd")
    centers, expected = _centers(found), _expected(known)
    away = max(abs(centers[name] - expected[name]) for name in expected)
    refereed(
        f"band centres from {file} of VASP {version}",
        away,
        2e-3,
        of="analysis.states.read.read_bands",
        by="levels and shares of the bands that were written",
        unit="eV",
    )


@pytest.mark.parametrize("kind", ["collinear", "two spins"])
def test_documents_of_gpaw(tmp_path: Path, refereed: Referee, kind: str) -> None:
    known, cell = _bands(kind), rock_salt()
    vbm, cbm = known.edges
    document = CalculationDocument(
        label="NiO",
        kind="dos",
        tier="gpaw",
        formula="Ni1O1",
        n_sites=2,
        initial_structure=cell,
        structure=cell,
        energy=-10.0,
        forces=[[0.0] * 3] * 2,
        convergence=Convergence(electronic=True, max_force=0.0),
        band_edges=BandEdges(efermi=vbm, vbm=vbm, cbm=cbm, gap=cbm - vbm),
        dos=ProjectedDos(**gpaw_dos(known, GRID), orbitals=["s", "p", "d"], broadening=0.0, n_bands=8),
        signature=Signature(engine="gpaw", version="26", functional="PBE", hubbard_u={}, potentials="gpaw-data"),
        provenance=Provenance(host="h", started="s", finished="f", wall_seconds=1.0, versions={}),
    )
    file = tmp_path / "document.json"
    file.write_text(json.dumps(document, cls=MontyEncoder))
    centers, expected = _centers(read_bands(file)), _expected(known)
    away = max(abs(centers[name] - expected[name]) for name in expected)
    of, by = "analysis.states.read.read_bands", "levels and shares of the bands that were written"
    refereed("band centres from documents of GPAW", away, 2e-3, of=of, by=by, unit="eV")
