"""One GPAW calculation in a process of its own: ``python -m catholyte.workflows.engines.gpaw.process DIRECTORY
HOST:PID RANKS``.

Reads ``input.json``, writes ``result.json`` in one step when all is done, and ends when the process
HOST:PID, which asked for it, is gone. A relaxation continues from the last frame of ``relax.traj``, a single
point from the wave functions of the last checkpoint.

Energies are on GPAW's own zero, at which the cell average of the electrostatic pseudopotential vanishes.
The electrostatic potential energy of an electron has GPAW's sign: negative at the nuclei.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
import time
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ..backend import Stopwatch, write_atomically
from . import cycle
from .electrons import SPHERE, band_edges, complete_below, planar_average, projected_dos, symmetrized
from .ranks import MISMATCH

__all__ = ["INPUT", "LOG", "RESULT", "TEXT", "TRAJECTORY", "calculator_parameters", "compute", "input_hash", "main"]

INPUT, RESULT, TEXT, LOG, TRAJECTORY = "input.json", "result.json", "gpaw.txt", "process.log", "relax.traj"
ORBITALS = ("s", "p", "d")
#: seconds between two looks at whether the asking process is still alive
PARENT_POLL = 0.5
#: share of the empty bands at the top of the spectrum that is left unconverged, as a buffer of the eigensolver
BUFFER = 0.25


def input_hash(text: str) -> str:
    """SHA-256 of the text of ``input.json``."""
    return hashlib.sha256(text.encode()).hexdigest()


def end_with(asker: str) -> None:
    """End this process soon after the process ``HOST:PID`` has ended; ranks on another host are ended by MPI.

    Parameters
    ----------
    asker : str
        Host and process id.
    """
    host, _, pid = asker.rpartition(":")
    if host != socket.gethostname():
        return
    try:
        process = psutil.Process(int(pid))
    except psutil.NoSuchProcess:
        os._exit(1)

    def alive() -> bool:
        try:
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def watch() -> None:
        while alive():
            time.sleep(PARENT_POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def calculator_parameters(
    symbols: list[str], task: dict[str, Any], settings: dict[str, Any], n_occupied: int, n_valence: int
) -> dict[str, Any]:
    """Return the keyword arguments of GPAW.

    Parameters
    ----------
    symbols : list of str
        Elements of the cell.
    task, settings : dict
        Dumped task and engine settings.
    n_occupied : int
        Occupied bands of the fuller spin channel.
    n_valence : int
        Valence electrons of the cell, which GPAW counts its energy tolerance by.
    """
    method, total = task["method"], settings.get("total_energy_tolerance")
    convergence: dict[str, Any] = {
        "energy": min(settings["energy_tolerance"], total / n_valence) if total else settings["energy_tolerance"],
        "density": settings["density_tolerance"],
        "eigenstates": settings["eigenstates_tolerance"],
    }
    parameters = {
        "mode": {"name": "pw", "ecut": method["cutoff"]},
        "xc": method["functional"],
        "kpts": {"size": list(method["kpoints"]), "gamma": True}
        if settings["gamma_centred"]
        else {"size": list(method["kpoints"])},
        "setups": {element: f":d,{u},0" for element, u in method["hubbard_u"].items() if u > 0 and element in symbols},
        "occupations": {"name": "fermi-dirac", "width": method["smearing"]},
        "spinpol": method["spin_polarized"],
        "maxiter": settings["max_iterations"],
        "convergence": convergence,
        "nbands": n_occupied + max(settings["min_empty_bands"] // 2, n_occupied // 10),
    }
    if not settings["use_symmetry"]:
        parameters["symmetry"] = "off"
    if task["kind"] == "dos":
        n_empty = max(settings["min_empty_bands"], int(np.ceil(settings["empty_bands"] * n_occupied)))
        parameters["nbands"] = n_occupied + n_empty
        convergence["bands"] = n_occupied + n_empty - int(np.ceil(BUFFER * n_empty))
    return parameters


def _attach_lowest(atoms: Any, request: dict[str, Any], directory: Path, resumed: bool) -> dict[str, Any]:
    """Attach the calculator in its electronic state of lowest energy; ``starts`` tells of every state found.

    PBE+U has several self-consistent states. From CoO's atomic Co2+ (moment 3, two electrons in three
    equal minority orbitals) the iteration ends, depending on cutoff and mesh, in a metallic state up to
    0.4 eV/atom above the insulating one; moments scaled off the whole number avoid it.
    """
    from gpaw import KohnShamConvergenceError

    method, moments = request["task"]["method"], np.asarray(atoms.get_initial_magnetic_moments())
    correlated = (
        method["spin_polarized"]
        and np.any(moments)
        and any(method["hubbard_u"].get(s, 0) > 0 for s in atoms.get_chemical_symbols())
    )
    scales = request["settings"]["moment_scales"] if correlated and not resumed else [1.0]
    best: tuple[float, Any, dict[str, Any], Any] | None = None
    told, failure = [], None
    for number, scale in enumerate(scales, start=1):
        start = moments * scale if method["spin_polarized"] else None
        atoms.set_initial_magnetic_moments(start)
        kept = directory / cycle.PATTERN.format(number=number)
        used = _attach_calculator(atoms, request, directory / (TEXT if number == 1 else f"start-{number}-{TEXT}"), kept)
        try:
            energy = float(atoms.get_potential_energy())
        except KohnShamConvergenceError as error:
            kept.unlink(missing_ok=True)
            failure = error
            told.append(f"moments × {scale:g}: not converged")
            continue
        told.append(f"moments × {scale:g}: {energy:.4f} eV")
        if best is None or energy < best[0]:
            best = (energy, atoms.calc, used, start)
    if best is None:
        assert failure is not None
        raise failure
    atoms.calc = best[1]
    atoms.set_initial_magnetic_moments(best[3])
    return {**best[2], "starts": told}


def _attach_calculator(atoms: Any, request: dict[str, Any], text: Path, kept: Path) -> dict[str, Any]:
    from gpaw import GPAW
    from gpaw.setup_data import SetupData

    method = request["task"]["method"]
    symbols = sorted(set(atoms.get_chemical_symbols()))
    datasets: dict[str, Any] = {symbol: SetupData(symbol, method["functional"]) for symbol in symbols}
    n_valence = sum(int(datasets[symbol].Nv) for symbol in atoms.get_chemical_symbols())
    n_occupied = int(np.ceil((n_valence + np.abs(atoms.get_initial_magnetic_moments()).sum()) / 2))
    parameters = calculator_parameters(symbols, request["task"], request["settings"], n_occupied, n_valence)
    single_point = request["task"]["kind"] != "relax"
    begun = cycle.iterations_told(text) if single_point and kept.exists() else 0
    atoms.calc = (cycle.restarted(kept, text) if single_point else None) or GPAW(**parameters, txt=str(text))
    if single_point:
        cycle.keep(atoms.calc, kept)
    cycle.settle(atoms.calc, request["settings"]["max_iterations"], begun)
    used = {symbol: f"{Path(data.filename).name} md5 {data.fingerprint}" for symbol, data in datasets.items()}
    return {"parameters": parameters, "setups": used}


def _potentials_identity(functional: str) -> str:
    """Name and hash of the whole set of PAW setups, the same for every cell that is computed with it."""
    import gzip
    import re

    import gpaw

    files: dict[str, Path] = {}
    for folder in reversed(gpaw.setup_paths):
        files |= {
            path.name: path for path in Path(folder).glob(f"*.{functional}.gz") if re.match(r"[A-Z][a-z]?\.", path.name)
        }
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + gzip.decompress(files[name].read_bytes()))
    return f"gpaw-data {installed_version('gpaw-data')} {functional} setups sha256:{digest.hexdigest()[:16]}"


def _relax(atoms: Any, task: dict[str, Any], directory: Path, done: int) -> dict[str, Any]:
    """Relax in place and return convergence and trajectory; frames of an interrupted run are kept."""
    from ase.filters import FrechetCellFilter
    from ase.io import Trajectory
    from ase.optimize import BFGS

    path, spin_polarized = directory / TRAJECTORY, task["method"]["spin_polarized"]
    properties = ["energy", "forces", "magmoms"] if spin_polarized else ["energy", "forces"]
    with Trajectory(str(path), "a", atoms, properties=properties) as writer:
        movable: Any = FrechetCellFilter(atoms) if task["relax_cell"] else atoms
        optimizer = BFGS(movable, logfile="-")
        # the last frame of an interrupted run is in the file already
        optimizer.attach(lambda: writer.write() if optimizer.nsteps or not done else None)
        converged = bool(optimizer.run(fmax=task["max_force"], steps=max(task["max_steps"] - max(done - 1, 0), 0)))
    with Trajectory(str(path)) as frames:
        trajectory = {
            "positions": [frame.positions.tolist() for frame in frames],
            "cells": [frame.cell[:].tolist() for frame in frames],
            "energies": [float(frame.get_potential_energy()) for frame in frames],
        }
    steps = len(trajectory["energies"]) - 1
    resumed = f", resumed after step {done - 1}" if done else ""
    return {
        "ionic": converged,
        "n_steps": max(steps, 1),
        "detail": f"BFGS, {steps} steps to {task['max_force']} eV/Å{resumed}",
        "trajectory": trajectory,
    }


def _continue_from(path: Path, atoms: Any, spin_polarized: bool) -> int:
    """Move `atoms` to the last frame that an interrupted relaxation wrote and return the number of frames."""
    from ase.io import Trajectory

    if not path.exists() or not path.stat().st_size:
        return 0
    with Trajectory(str(path)) as frames:
        done = len(frames)
        if done:
            last = frames[-1]
            atoms.set_cell(last.cell)
            atoms.set_positions(last.positions)
            if spin_polarized:
                atoms.set_initial_magnetic_moments(last.get_magnetic_moments())
    return done


def _electrons(calc: Any, task: dict[str, Any], n_converged: int | None) -> dict[str, Any]:
    """Band edges, references and, for a density of states, the projections."""
    from gpaw.dos import DOSCalculator, get_projector_numbers

    dos = DOSCalculator.from_calculator(calc, shift_fermi_level=False)
    eigenvalues, efermi = np.asarray(dos.eig_skn, dtype=float), float(dos.fermi_level)
    # The average of the pseudopotential is zero by construction; GPAW's atomic corrections
    # (eV Å³) turn it into the average of the all-electron potential.
    cell, corrections = calc.atoms.cell, np.asarray(calc.get_electrostatic_corrections(), dtype=float)
    profile = planar_average(
        np.asarray(calc.get_electrostatic_potential(), dtype=float),
        corrections,
        calc.atoms.get_scaled_positions()[:, 2],
        cell.volume,
        cell.volume / cell.areas()[2],
    )
    edges = {
        "efermi": efermi,
        **band_edges(eigenvalues, efermi, task["method"]["smearing"]),
        "average_potential": float(profile.mean()),
        "core_potentials": [float(v) for v in calc.get_atomic_electrostatic_potentials()],
        "core_potential_kind": "electrostatic pseudopotential averaged over the PAW compensation charge of each site",
    }
    potential = {
        "values": profile.tolist(),
        "kind": f"all-electron, with the corrections of the PAW spheres as Gaussians of {SPHERE:g} Å",
    }
    if n_converged is None:
        return {"band_edges": edges, "dos": None, "potential": None if task["kind"] == "relax" else potential}
    n_sites = len(calc.atoms)
    projections = np.zeros((*eigenvalues.shape, n_sites, len(ORBITALS)))
    for site in range(n_sites):
        for ell in range(len(ORBITALS)):
            weights = dos.wfs.pdos_weights(site, get_projector_numbers(dos.setups[site], ell))
            projections[..., site, ell] = weights.transpose(2, 0, 1)
    projections = symmetrized(projections, np.asarray(calc.dft.ibzwfs.ibz.symmetries.atommap_sa))
    limit = complete_below(eigenvalues, n_converged)
    arrays = projected_dos(eigenvalues, np.asarray(dos.weight_k), projections, limit, task["energy_spacing"])
    densities = {name: array.tolist() for name, array in arrays.items()}
    return {
        "band_edges": edges,
        "potential": potential,
        "dos": {**densities, "orbitals": list(ORBITALS), "broadening": 0.0, "n_bands": eigenvalues.shape[2]},
    }


def compute(request: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Run the calculation that ``input.json`` asks for and return the content of ``result.json`` without its hash.

    ``energy`` is ASE's ``get_potential_energy``: extrapolated to zero smearing, (E + F)/2; the forces
    belong to the free energy F. ``stress`` is dE/dε divided by the volume, eV/Å³.

    Parameters
    ----------
    request : dict
        ``structure``, ``task``, ``settings``, ``version``.
    directory : Path
        For GPAW's text output and the frames of a relaxation.
    """
    from gpaw.mpi import world
    from pymatgen.core import Structure
    from pymatgen.io.ase import AseAtomsAdaptor

    watch, task = Stopwatch(), request["task"]
    atoms = AseAtomsAdaptor.get_atoms(Structure.from_dict(request["structure"]), msonable=False)
    done = (
        _continue_from(directory / TRAJECTORY, atoms, task["method"]["spin_polarized"])
        if task["kind"] == "relax"
        else 0
    )
    used = _attach_lowest(atoms, request, directory, resumed=bool(done))
    ionic = (
        _relax(atoms, task, directory, done)
        if task["kind"] == "relax"
        else {"ionic": True, "n_steps": 1, "detail": "", "trajectory": None}
    )
    energy, forces, stress = float(atoms.get_potential_energy()), atoms.get_forces(), atoms.get_stress(voigt=False)
    spin_polarized = task["method"]["spin_polarized"]
    return {
        "cell": atoms.cell[:].tolist(),
        "positions": atoms.get_positions().tolist(),
        "energy": energy,
        "forces": forces.tolist(),
        "stress": stress.tolist(),
        "magmoms": [float(m) for m in atoms.get_magnetic_moments()] if spin_polarized else None,
        "total_magnetization": float(atoms.get_magnetic_moment()) if spin_polarized else None,
        "convergence": {
            "electronic": True,
            "ionic": ionic["ionic"],
            "n_steps": ionic["n_steps"],
            "detail": "; ".join(filter(None, [str(ionic["detail"]), *used["starts"]])),
        },
        "trajectory": ionic["trajectory"],
        **_electrons(atoms.calc, task, used["parameters"]["convergence"].get("bands")),
        "n_ranks": world.size,
        "n_irreducible_kpoints": len(atoms.calc.get_ibz_k_points()),
        "potentials": _potentials_identity(task["method"]["functional"]),
        **used,
        "provenance": watch.provenance(
            {package: installed_version(package) for package in ("gpaw", "gpaw-data", "ase", "numpy", "pymatgen")}
        ).model_dump(),
    }


def main(arguments: list[str]) -> None:
    """Compute what DIRECTORY/input.json asks for.

    Parameters
    ----------
    arguments : list of str
        ``[DIRECTORY, HOST:PID, RANKS]``.
    """
    from gpaw.mpi import world

    directory = Path(arguments[0])
    if world.size != int(arguments[2]):
        print(f"GPAW sees {world.size} ranks, {arguments[2]} were started", flush=True)
        raise SystemExit(MISMATCH)
    end_with(arguments[1])
    text = (directory / INPUT).read_text(encoding="utf-8")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        warnings.simplefilter(
            "ignore", ResourceWarning
        )  # a file that the restart left open says nothing about the result
        result = compute(json.loads(text), directory)
    result["warnings"] = sorted({" ".join(str(warning.message).split()) for warning in caught})
    if world.rank == 0:
        write_atomically(directory / RESULT, json.dumps({"input_sha256": input_hash(text), **result}))
        cycle.forget(directory)


if __name__ == "__main__":
    main(sys.argv[1:])
