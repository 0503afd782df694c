"""A vaspout.h5, read as the run that a vasprun.xml holds.

Places and shapes are those of py4vasp's schema (VASP Software GmbH) for VASP 6.4 and 6.5. The file repeats the INCAR as
it was given, of a list its first value alone, and no values in force: what VASP takes by default is put in from its
documentation, the number of bands and electrons from the bands. Electronic steps are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...structures.crystals.vaspout import STEPS, opened, plain, step_cells, step_energies, vaspout_atoms, vaspout_incar
from .atoms import AtomType
from .files import read_text

if TYPE_CHECKING:
    from h5py import File, Group
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["parse_vaspout"]

#: what VASP takes where the INCAR is silent (VASP wiki, the pages of these tags)
_DEFAULTS: dict[str, Any] = {
    "PREC": "Normal",
    "EDIFF": 1e-4,
    "NELM": 60,
    "ISMEAR": 1,
    "SIGMA": 0.2,
    "NSW": 0,
    "POTIM": 0.5,
    "LREAL": False,
    "LVTOT": False,
    "GGA": "--",
}


def parse_vaspout(path: Path, *, states: bool = True) -> Vasprun:
    """Parse a vaspout.h5; without `states`, no eigenvalues and no density of states are looked for.

    Raises
    ------
    InputError
        If it is cut off, or a dataset that a complete run has is missing or damaged.
    """
    with opened(path) as file:
        try:
            return _run(file, path, states)
        except (KeyError, IndexError, ValueError, TypeError, OSError) as error:
            raise InputError(
                f"{path} is corrupt: a dataset that a complete run has is missing or unreadable "
                f"({type(error).__name__}: {str(error).strip(chr(34))})"
            ) from None


def _run(file: File, path: Path, states: bool) -> Vasprun:
    from pymatgen.io.vasp.inputs import Incar

    run = _run_class()()
    run.filename = str(path)
    run.vasp_version = ".".join(str(int(file[f"version/{part}"][()])) for part in ("major", "minor", "patch"))
    run.generator = {"program": "vasp", "version": run.vasp_version}
    incar = {**vaspout_incar(file), **_beside(path)}
    run.incar = Incar(incar)
    groups = vaspout_atoms(file)
    species = [symbol for symbol, count in groups for _ in range(count)]
    run.atom_types = _types(file, groups)
    run.potcar_symbols = [kind.title for kind in run.atom_types]
    run.potcar_spec = [{"titel": title, "hash": None, "summary_stats": {}} for title in run.potcar_symbols]
    run.ionic_steps = list(_steps(file[STEPS], species))
    run.initial_structure = run.ionic_steps[0]["structure"]
    run.final_structure = run.ionic_steps[-1]["structure"]
    run.site_moments = _moments(file[STEPS])
    converged = file.get(f"{STEPS}/electronic_step_converged")
    run.converged_electronic = None if converged is None else bool(np.ravel(converged[()])[-1])
    run.kpoints, run.actual_kpoints, run.actual_kpoints_weights = _kpoints(file)
    run.parameters = Incar({**_DEFAULTS, "IBRION": 0 if int(incar.get("NSW", 0)) > 1 else -1, **incar})
    if states and "results/electron_eigenvalues" in file:
        _read_bands(file, run)
    if states and "results/electron_dos" in file:
        _read_dos(file["results/electron_dos"], file, run, len(species))
    run.parameters.setdefault("ENMAX", _cutoff(file, incar))
    whole: Vasprun = run
    return whole


def _beside(path: Path) -> dict[str, Any]:
    """The lists of U of the INCAR beside the file, which itself holds the first value of each."""
    from pymatgen.io.vasp.inputs import Incar

    file = path.with_name(path.name.removesuffix("vaspout.h5") + "INCAR")
    if not file.is_file():
        return {}
    given = Incar.from_str(read_text(file))
    return {tag: given[tag] for tag in ("LDAUL", "LDAUU", "LDAUJ") if tag in given}


@cache
def _run_class() -> Any:
    """pymatgen's object without its parser: the attributes are put in here."""
    from pymatgen.io.vasp.outputs import Vasprun

    class Vaspout(Vasprun):
        """The run of a vaspout.h5."""

        converged_electronic: Any = None  # not written before VASP 6.5

        def __init__(self) -> None:
            self.md_data: list[dict[str, Any]] = []
            self.pdos: list[Any] = []
            self.eigenvalues = None
            self.efermi = None

        @property
        def converged_ionic(self) -> bool:
            steps, mover = int(self.parameters["NSW"]), int(self.parameters["IBRION"])
            if mover == 0:
                return steps <= 1 or len(self.ionic_steps) == steps
            return steps <= 1 or len(self.ionic_steps) < steps

    return Vaspout


def _types(file: File, groups: list[tuple[str, int]]) -> tuple[AtomType, ...]:
    """Groups of atoms with title and valence of the POTCAR, where that was kept in the file."""
    text = _potcar(file)
    titles = [title.strip() for title in re.findall(r"TITEL\s*=(.*)", text)]
    valences = [float(value) for value in re.findall(r"ZVAL\s*=\s*([\d.]+)", text)]
    whole = len(titles) == len(valences) == len(groups)
    return tuple(
        AtomType(symbol, count, valences[i] if whole else None, titles[i] if whole else f"unknown {symbol}")
        for i, (symbol, count) in enumerate(groups)
    )


def _potcar(file: File) -> str:
    content = file.get("input/potcar/content")
    return "" if content is None else str(plain("", content[()]))


def _cutoff(file: File, incar: dict[str, Any]) -> float | None:
    """ENCUT, or the largest ENMAX of the POTCARs; eV."""
    found = [float(value) for value in re.findall(r"ENMAX\s*=\s*([\d.]+)", _potcar(file))]
    return float(incar["ENCUT"]) if "ENCUT" in incar else max(found, default=None)


def _steps(group: Group, species: list[str]) -> Iterator[dict[str, Any]]:
    """Ionic steps; positions are fractional, forces eV/Å, stress kB."""
    energies = step_energies(group)
    cells = step_cells(group)
    positions, forces = (np.asarray(group[name][()], dtype=float) for name in ("position_ions", "forces"))
    stress = np.asarray(group["stress"][()], dtype=float) if "stress" in group else None
    for i, fractional in enumerate(positions):
        yield {
            **{name: float(values[i]) for name, values in energies.items()},
            "structure": Structure(cells[i], species, fractional, to_unit_cell=False),
            "forces": forces[i].tolist(),
            "stress": None if stress is None else stress[i].tolist(),
            "electronic_steps": [],
        }


def _moments(group: Group) -> Floats | None:
    """Moments of the last step, (n_sites, 1) or of a noncollinear run (n_sites, 3) µB; None of a run without spin."""
    for place in ("magnetism/spin_moments/values", "magnetism/moments"):
        if place in group:
            # (n_steps, charge and components, n_sites, n_orbitals)
            last = np.asarray(group[place][-1], dtype=float).sum(axis=-1)
            return np.asarray(last[1:].T) if len(last) > 1 else None
    return None


def _kpoints(file: File) -> tuple[Any, list[list[float]] | None, list[float] | None]:
    """The mesh as pymatgen has it, None where there is none; k points and weights."""
    from pymatgen.io.vasp.inputs import Kpoints

    mesh, group = None, file.get("input/kpoints")
    if group is not None and all(f"nkp{axis}" in group for axis in "xyz"):
        divisions = tuple(int(group[f"nkp{axis}"][()]) for axis in "xyz")
        mode = str(plain("", group["mode"][()])).strip().lower() if "mode" in group else "g"
        make = Kpoints.monkhorst_automatic if mode.startswith("m") else Kpoints.gamma_automatic
        mesh = make(divisions) if all(divisions) else None  # type: ignore[arg-type]
    points = file.get("results/electron_eigenvalues/kpoint_coords")
    weights = file.get("results/electron_eigenvalues/kpoints_symmetry_weight")
    return (
        mesh,
        None if points is None else np.asarray(points[()], dtype=float).tolist(),
        None if weights is None else np.ravel(weights[()]).astype(float).tolist(),
    )


def _read_bands(file: File, run: Any) -> None:
    """Eigenvalues with occupations by spin, and what follows from them: NBANDS, ISPIN, NELECT."""
    from pymatgen.electronic_structure.core import Spin

    group = file["results/electron_eigenvalues"]
    levels, filled = (np.asarray(group[name][()], dtype=float) for name in ("eigenvalues", "fermiweights"))
    both = np.stack([levels, filled], axis=-1)
    run.eigenvalues = dict(zip((Spin.up, Spin.down), both, strict=False))
    weights = np.asarray(run.actual_kpoints_weights or np.ones(levels.shape[1]), dtype=float)
    vectors = run.parameters.get("LNONCOLLINEAR") or run.parameters.get("LSORBIT")
    each = 2.0 if len(levels) == 1 and not vectors else 1.0
    electrons = each * float((filled.sum(axis=2) @ (weights / weights.sum())).sum())
    for tag, value in {"NBANDS": levels.shape[2], "ISPIN": len(levels), "NELECT": round(electrons, 3)}.items():
        run.parameters.setdefault(tag, value)
    if "results/electron_dos/efermi" in file:
        run.efermi = float(file["results/electron_dos/efermi"][()])


def _read_dos(group: Group, file: File, run: Any, n_sites: int) -> None:
    """Total DOS of one or two spins, the first component of a noncollinear one; projections by site and orbital."""
    from pymatgen.electronic_structure.core import Spin
    from pymatgen.electronic_structure.dos import Dos

    total = np.asarray(group["dos"][()], dtype=float)
    spins = (Spin.up, Spin.down)[: 2 if len(total) == 2 else 1]
    energies = np.asarray(group["energies"][()], dtype=float)
    run.efermi = float(group["efermi"][()])
    run.tdos = Dos(run.efermi, energies, dict(zip(spins, total, strict=False)))
    if "dospar" not in group:
        return
    partial = np.asarray(group["dospar"][()], dtype=float)
    names = [str(plain("", name)).strip() for name in file["results/projectors/lchar"][()]][: partial.shape[2]]
    if partial.ndim != 4 or partial.shape[1] != n_sites or partial.shape[2] != len(names):
        raise ValueError(f"projections of shape {partial.shape} for {n_sites} atoms and {len(names)} orbitals")
    run.pdos = [
        {_letter(name, j): dict(zip(spins, partial[:, site, j], strict=False)) for j, name in enumerate(names)}
        for site in range(n_sites)
    ]


def _letter(name: str, number: int) -> str:
    """A key that begins with s, p, d or f and is this orbital's alone: ``x2-y2`` is one of d."""
    return f"{'d' if name.startswith('x2') else name[:1]}{number}"
