"""The input files of one run, read as VASP reads them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError

__all__ = ["STAMP", "RunInputs", "read_inputs"]

#: stands in everything that a rehearsal writes
STAMP = "REHEARSAL"


#: what VASP takes where the INCAR is silent, for the tags that a rehearsal honours
_DEFAULTS: dict[str, Any] = {
    "PREC": "Normal",
    "ALGO": "Normal",
    "ISPIN": 1,
    "NELM": 60,
    "NELMIN": 2,
    "EDIFF": 1e-4,
    "NSW": 0,
    "ISIF": 2,
    "POTIM": 0.5,
    "SMASS": -3.0,
    "MDALGO": 0,
    "TEBEG": 0.0,
    "ISMEAR": 1,
    "SIGMA": 0.2,
    "LORBIT": 0,
    "NEDOS": 301,
    "LWAVE": True,
    "LCHARG": True,
    "ISTART": 0,
    "ICHARG": 2,
    "LREAL": False,
    "RANDOM_SEED": 0,
}


@dataclass(frozen=True)
class RunInputs:
    """One run.

    Parameters
    ----------
    structure : Structure
        In the order of the POSCAR; site property ``selective_dynamics`` where the file has it.
    velocities : (n_sites, 3) float array or None
        Å/fs.
    thermostat : (2,) float array or None
        Friction (1/fs) and its integral, kept where VASP keeps its predictor-corrector data.
    incar : dict
        Tags as written, over the defaults.
    given : dict
        Tags as written alone.
    kpoints, weights : (n_k, 3), (n_k,) float arrays
        Fractional; the whole mesh.
    titles : list of str
        One stamped TITEL per species of the POSCAR.
    """

    structure: Structure
    velocities: Floats | None
    thermostat: Floats | None
    incar: dict[str, Any]
    given: dict[str, Any]
    mesh: tuple[int, int, int]
    kpoints: Floats
    weights: Floats
    titles: list[str]

    @property
    def kind(self) -> str:
        """``relax``, ``static`` or ``md``."""
        if self.incar["NSW"] == 0 or self.incar["IBRION"] == -1:
            return "static"
        return "md" if self.incar["IBRION"] == 0 else "relax"

    @property
    def species(self) -> list[tuple[str, int]]:
        """Runs of equal symbols with their lengths, as POSCAR and POTCAR count them."""
        runs: list[tuple[str, int]] = []
        for site in self.structure:
            symbol = site.specie.symbol
            if runs and runs[-1][0] == symbol:
                runs[-1] = (symbol, runs[-1][1] + 1)
            else:
                runs.append((symbol, 1))
        return runs


def read_inputs(directory: Path) -> RunInputs:
    """Read POSCAR, INCAR, KPOINTS (or KSPACING) and POTCAR.spec (or the titles of a POTCAR).

    Raises
    ------
    InputError
        Naming the file that is missing or does not fit the others.
    """
    from pymatgen.io.vasp.inputs import Incar, Poscar

    for name in ("POSCAR", "INCAR"):
        if not (directory / name).is_file():
            raise InputError(f"{directory / name}: no such file")
    poscar = Poscar.from_file(directory / "POSCAR", check_for_potcar=False)
    given = dict(Incar.from_file(str(directory / "INCAR")))
    tags = {**_DEFAULTS, "IBRION": -1 if given.get("NSW", 0) in (0, 1) else 0, **given}
    structure = poscar.structure
    mesh, kpoints, weights = _mesh(directory, structure, tags)
    inputs = RunInputs(
        structure=structure,
        velocities=None if poscar.velocities is None else np.array(poscar.velocities, dtype=float),
        thermostat=_thermostat(poscar.predictor_corrector_preamble),
        incar=tags,
        given=given,
        mesh=mesh,
        kpoints=kpoints,
        weights=weights,
        titles=[],
    )
    inputs.titles.extend(_titles(directory, [symbol for symbol, _ in inputs.species]))
    return inputs


def _titles(directory: Path, species: list[str]) -> list[str]:
    spec, potcar = directory / "POTCAR.spec", directory / "POTCAR"
    if spec.is_file():
        names = [line.strip() for line in spec.read_text().splitlines() if line.strip()]
    elif potcar.is_file():
        names = [
            line.split()[3]
            for line in potcar.read_text(errors="replace").splitlines()
            if line.strip().startswith("TITEL")
        ]
    else:
        raise InputError(f"{directory}: neither POTCAR.spec nor POTCAR is there")
    if [name.split("_")[0] for name in names] != species:
        raise InputError(f"{directory}: POTCAR has {' '.join(names)}, POSCAR has {' '.join(species)}")
    return [f"PAW_PBE {name} {STAMP}" for name in names]


def _mesh(directory: Path, structure: Structure, tags: dict[str, Any]) -> tuple[tuple[int, int, int], Floats, Floats]:
    from pymatgen.io.vasp.inputs import Kpoints

    path = directory / "KPOINTS"
    shift = np.zeros(3)
    if path.is_file():
        read = Kpoints.from_file(str(path))
        style = str(read.style)
        if "Gamma" not in style and "Monkhorst" not in style:
            raise InputError(f"{path}: style {style!r} is not supported by the rehearsal; allowed: Gamma, Monkhorst")
        counts = [int(n) for n in read.kpts[0]]
        shift = np.array(read.kpts_shift, dtype=float)
        if "Monkhorst" in style:
            shift = shift + np.array([0.0 if n % 2 else 0.5 for n in counts])
    else:
        spacing = float(tags.get("KSPACING", 0.5))
        counts = [max(1, ceil(length / spacing)) for length in structure.lattice.reciprocal_lattice.abc]
    mesh = (counts[0], counts[1], counts[2])
    points = (np.array(list(product(*(range(n) for n in mesh))), dtype=float) + shift) / np.array(mesh)
    points -= np.rint(points - 1e-9)
    return mesh, points, np.full(len(points), 1.0 / len(points))


def _thermostat(preamble: str | None) -> Floats | None:
    """The Nosé line of the predictor-corrector block: friction and its integral."""
    lines = [line for line in (preamble or "").splitlines() if line.strip()]
    if len(lines) < 3:
        return None
    return np.array([float(value) for value in lines[2].split()[:2]])
