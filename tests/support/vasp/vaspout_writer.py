"""The vaspout.h5 that VASP 6.4 would have written of a run, in the places of py4vasp's schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .written_run import VALENCES, WrittenRun

__all__ = ["write_vaspout"]

_RELAX = ("free energy    TOTEN   ", "energy without entropy ", "energy(sigma->0)       ")
_MD = (
    "ion-electron   TOTEN  ",
    "kinetic energy EKIN   ",
    "kin. lattice   EKIN_LAT",
    "temperature    TEIN    ",
    "nose potential ES     ",
    "nose kinetic   EPS    ",
    "total energy   ETOTAL ",
)


def write_vaspout(
    run: WrittenRun, file: Path, *, moments: Any = None, converged: bool | None = None, potcar: bool = True
) -> Path:
    """Write the run and return the path.

    Parameters
    ----------
    run : WrittenRun
    file : Path
    moments : array, optional
        µB, (n_components, n_sites) of the last step: charge, and x or x, y, z.
    converged : bool, optional
        Whether the electronic cycles ended well, as VASP 6.5 writes it.
    potcar : bool
        Whether the POTCARs are in the file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w") as out:
        for name, number in zip(("major", "minor", "patch"), run.version.split("."), strict=True):
            out[f"version/{name}"] = int(number)
        for tag, value in run.incar.items():
            # VASP writes the first value of a list alone
            first = value[0] if isinstance(value, (list, tuple)) else value
            out[f"input/incar/{tag}"] = np.int8(first) if isinstance(first, bool) else first
        if run.mesh is not None:
            out["input/kpoints/mode"] = "g"
            out["input/kpoints/number_kpoints"] = 0
            for axis, number in zip("xyz", run.mesh, strict=True):
                out[f"input/kpoints/nkp{axis}"] = number
        if potcar:
            out["input/potcar/content"] = "".join(
                f"  {title}\n   TITEL  = {title}\n   POMASS =   10.000; ZVAL   = {VALENCES[symbol]:8.3f}\n"
                f"   ENMAX  =  {run.in_force['ENMAX']:.3f}; ENMIN  =  200.000 eV\n End of Dataset\n"
                for symbol, _ in run.types
                for title in [run.titles.get(symbol, f"PAW_PBE {symbol} 08Apr2002")]
            )
        out["results/positions/ion_types"] = np.array([symbol for symbol, _ in run.types], dtype="S2")
        out["results/positions/number_ion_types"] = np.array([count for _, count in run.types])
        _steps(run, out, moments, converged)
        _states(run, out)
    return file


def _steps(run: WrittenRun, out: h5py.File, moments: Any, converged: bool | None) -> None:
    group, frames = out.create_group("intermediate/ion_dynamics"), run.steps
    moving = frames[0].kinetic is not None
    group["energies_tags"] = np.array(_MD if moving else _RELAX, dtype="S23")
    freedom = 3 * (len(run.structure) - 1) * 8.617333262e-5
    group["energies"] = [
        [f.energy, f.kinetic, 0.0, 2 * f.kinetic / freedom, 0.0, 0.0, f.energy + f.kinetic]
        if f.kinetic is not None
        else [f.energy] * 3
        for f in frames
    ]
    group["scale"] = 1.0
    group["lattice_vectors"] = [f.structure.lattice.matrix for f in frames]
    group["position_ions"] = [f.structure.frac_coords for f in frames]
    group["forces"] = [np.zeros((len(run.structure), 3)) if f.forces is None else f.forces for f in frames]
    group["stress"] = [f.stress for f in frames]
    if moments is not None:
        # (n_steps, n_components, n_sites, n_orbitals): all of it in d
        values = np.zeros((len(frames), *np.shape(moments), 3))
        values[..., 2] = moments
        group["magnetism/spin_moments/values"] = values
    if converged is not None:
        group["electronic_step_converged"] = np.full(len(frames), int(converged))


def _states(run: WrittenRun, out: h5py.File) -> None:
    if run.eigenvalues is not None:
        group = out.create_group("results/electron_eigenvalues")
        group["eigenvalues"], group["fermiweights"] = run.eigenvalues, run.occupations
        group["kpoint_coords"] = run.kpoints
        group["kpoints_symmetry_weight"] = np.full(len(run.kpoints), 1 / len(run.kpoints))
        group["ispin"], group["nb_tot"] = run.eigenvalues.shape[0], run.eigenvalues.shape[2]
    if run.dos is not None:
        group = out.create_group("results/electron_dos")
        group["efermi"], group["energies"], group["dos"] = run.efermi, run.dos.energies, run.dos.total
        if run.dos.partial is not None:
            # (n_components, n_sites, n_orbitals, n_energies)
            group["dospar"] = np.swapaxes(run.dos.partial, 0, 1)
            out["results/projectors/lchar"] = np.array([f"{name:<8}" for name in run.dos.orbitals], dtype="S8")
