"""What only VASP's own files can tell of a run: its convergence, and whether it ran as asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ...documents import Check, is_stamped
from ..tasks import MolecularDynamics, Relax, Task
from .cells import VaspCell
from .runner import Change

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["Asked", "run_checks", "step_energy"]

#: electrons, by which NELECT may differ from the sum of the valences
_CHARGE = 1e-3
#: eV, last digit of two printed energies
_PRINTED = 1e-8
#: first VASP with MDALGO = 4
_CHAIN_SINCE = (6, 4)
#: Å, within which printed coordinates are the same
_SAME_PLACE = 1e-5


@dataclass(frozen=True)
class Asked:
    """What a run was asked for; read from the files themselves where a run of somebody else is taken in.

    Parameters
    ----------
    structure : Structure
        Before sorting, with oxidation states and every site property.
    cell : VaspCell
        What VASP got.
    task : Task
    electrons : float
        Sum of the valences of the POTCARs.
    bands : int or None
        NBANDS of a density of states.
    version : str
        VASP's, or its beginning.
    release : str
        Release of the POTCARs.
    settings : dict
        Stored with the document.
    hashes : dict
        Element to sha256 of its POTCAR, where the files were there.
    """

    structure: Structure
    cell: VaspCell
    task: Task
    electrons: float
    bands: int | None
    version: str
    release: str
    settings: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def run_checks(run: Vasprun, asked: Asked | None, altered: list[Change], told: str) -> list[Check]:
    """What only VASP's own files can tell.

    Parameters
    ----------
    run : Vasprun
    asked : Asked or None
        With it, what ran is compared with what was asked.
    altered : list of Change
        By an error handler.
    told : str
        How many frames each part of the trajectory gave; empty where there is one part.
    """
    p, cycle = run.parameters, run.ionic_steps[-1]["electronic_steps"]
    drop = (
        abs(cycle[-1]["e_fr_energy"] - cycle[-2]["e_fr_energy"])
        if len(cycle) > 1 and "e_fr_energy" in cycle[-2] and "e_fr_energy" in cycle[-1]
        else 0.0
    )
    highest = max(step_energy(step) for step in run.ionic_steps)
    full = [i for i, step in enumerate(run.ionic_steps, start=1) if len(step["electronic_steps"]) >= int(p["NELM"])]
    found = [
        Check(
            name="EDIFF met on the last step",
            ok=bool(cycle) and drop <= float(p["EDIFF"]) + _PRINTED,
            refuses=bool(cycle),
            detail=f"last change {drop:.1e} eV, EDIFF {float(p['EDIFF']):.1e} eV"
            if cycle
            else "not looked at: the file holds no electronic steps",
        ),
        Check(name="energies negative", ok=highest < 0, detail=f"highest of all steps {highest:.4f} eV"),
        Check(
            name="every step converged",
            ok=not full,
            refuses=int(p["IBRION"])
            == 0,  # a wrong force on the way to a minimum is mended by the next step, in dynamics it stays
            detail=f"steps at NELM: {', '.join(map(str, full[:8]))}" if full else "no electronic cycle ended at NELM",
        ),
        Check(
            name="error handler",
            ok=not altered,
            refuses=False,
            detail="; ".join(map(str, altered)) or "nothing was changed",
        ),
    ]
    found += _free_moment(run)
    if asked is not None:
        found += _as_asked(run, asked)
    if told:
        detail = f"{told} steps, by the same time step and thermostat, none missing or repeated"
        found.append(Check(name="parts joined", ok=True, detail=detail))
    return found


def _free_moment(run: Vasprun) -> list[Check]:
    """A total moment that NUPDOWN fixed hides the state that the cell wants: pointed out, whoever asked for it."""
    fixed = run.incar.get("NUPDOWN", run.parameters.get("NUPDOWN", -1))
    if float(fixed) < 0:
        return []
    told = f"NUPDOWN = {float(fixed):g} fixed the difference of spins: it is no ground state by itself"
    return [Check(name="total moment free", ok=False, refuses=False, detail=told)]


def _has_chain(version: str) -> bool:
    """Whether a VASP has the Nosé-Hoover chain: 6.4 and later."""
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return len(numbers) < 2 or tuple(numbers) >= _CHAIN_SINCE


def _as_asked(run: Vasprun, asked: Asked) -> list[Check]:
    """What ran against what was asked."""
    p = run.parameters
    found = float(p.get("NELECT") or 0.0)
    rehearsed, version = is_stamped(run.vasp_version), str(run.vasp_version)
    checks = [
        Check(
            name="electrons",
            ok=rehearsed or abs(found - asked.electrons) <= _CHARGE,
            detail=f"{found:g}, the POTCARs have {asked.electrons:g}",
        ),
        Check(
            name="version of VASP",
            ok=version == asked.version
            or version.startswith(asked.version + ".")
            or (rehearsed and not is_stamped(asked.version)),
            detail=f"{version}, asked {asked.version}",
        ),
    ]
    if not isinstance(asked.task, Relax):  # a relaxation may go on from where it was interrupted
        shift = np.asarray(run.initial_structure.frac_coords) - np.asarray(asked.cell.structure.frac_coords)
        away = float(np.abs((shift - np.round(shift)) @ asked.cell.structure.lattice.matrix).max())
        checks.append(
            Check(name="started where asked", ok=away < _SAME_PLACE, detail=f"largest displacement {away:.1e} Å")
        )
    if isinstance(asked.task, Relax):  # a run that STOPCAR ended before its last step looks converged otherwise
        largest = _largest_free_force(run, asked.cell)
        checks.append(
            Check(
                name="force limit met",
                ok=largest <= asked.task.max_force,
                detail=f"{largest:.4f} eV/Å, limit {asked.task.max_force:g} eV/Å",
            )
        )
    if isinstance(asked.task, MolecularDynamics):
        checks.append(
            Check(
                name="time step as asked",
                ok=abs(float(p["POTIM"]) - asked.task.timestep) < 1e-9,
                detail=f"{float(p['POTIM']):g} fs",
            )
        )
    if isinstance(asked.task, MolecularDynamics) and int(run.incar.get("MDALGO", 0)) == 4:
        checks.append(
            Check(
                name="thermostat as asked",
                ok=rehearsed or _has_chain(version),
                detail=f"VASP {version}; the Nosé-Hoover chain exists since 6.4, for older ones set chain_length: 1",
            )
        )
    if asked.settings.get("starts"):
        told = "; ".join(asked.settings["starts"])
        checks.append(Check(name="lowest of several states", ok=True, refuses=False, detail=told))
    if asked.bands is not None:
        checks.append(
            Check(
                name="NBANDS as asked",
                ok=int(p["NBANDS"]) == asked.bands,
                detail=f"{int(p['NBANDS'])}, asked {asked.bands}",
            )
        )
    return checks


def _largest_free_force(run: Vasprun, cell: VaspCell) -> float:
    """Largest force, eV/Å, along the directions that atoms may move."""
    forces = np.asarray(run.ionic_steps[-1]["forces"], dtype=float)
    free = cell.structure.site_properties.get("selective_dynamics")
    return float(np.linalg.norm(forces if free is None else forces * np.asarray(free, dtype=float), axis=1).max())


def step_energy(step: dict[str, Any]) -> float:
    """Energy of one ionic step, eV, at the end of its electronic cycle: VASP 5.4 prints 0 for it outside the cycle."""
    cycle = step["electronic_steps"]
    return float(cycle[-1]["e_0_energy"] if cycle and "e_0_energy" in cycle[-1] else step["e_0_energy"])
