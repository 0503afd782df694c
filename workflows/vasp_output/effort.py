"""What a VASP run had to do, counted from its own output, and how long a unit of it took.

Model: time × cores = c · N_spin N_k N_bands² N_pw N_scf, the cost of orthogonalising the bands at every electronic step
(Kresse and Furthmüller, Phys. Rev. B 54, 11169 (1996), section III.G: it outgrows the Fourier transforms from some tens
of atoms on). The constant c, and the electronic steps that an ionic step of each kind takes, are those of measured
runs; small cells, whose time goes into Fourier transforms, take longer than they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ..documents import Effort, Kind

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["Calibration", "calibrate", "mean_of", "measured_effort", "planewaves", "work"]

#: 2 m / ħ², 1/(eV Å²), CODATA 2018
_WAVE = 0.262465831


@dataclass(frozen=True)
class Calibration:
    """The constant of the model, from measured runs.

    Parameters
    ----------
    n_runs : int
    seconds : float
        s of one core for 10¹² units of :func:`work`, geometric mean.
    factor : float or None
        Standard deviation of the measured runs as a factor; None of a single run.
    electronic, ionic : dict
        Kind to the electronic steps of one ionic step, and to the ionic steps, as measured: geometric means.
    """

    n_runs: int
    seconds: float
    factor: float | None
    electronic: dict[Kind, float]
    ionic: dict[Kind, float]

    def core_seconds(self, effort: Effort) -> float:
        """Forecast, s of one core."""
        return self.seconds * work(effort)

    @property
    def sentence(self) -> str:
        """What the forecast rests on."""
        spread = "" if self.factor is None else f", which scatter by a factor of {self.factor:.1f}"
        runs = "1 measured run" if self.n_runs == 1 else f"{self.n_runs} measured runs"
        return (
            f"VASP's times are forecast from {runs}{spread}: {self.seconds:.3g} s of one core for 10¹² bands² × plane "
            "waves × k points × spins × electronic steps"
        )


def work(effort: Effort) -> float:
    """Units of work of the model, 10¹²."""
    size = effort.n_spins * effort.n_kpoints * effort.n_bands**2 * effort.n_planewaves
    return size * effort.n_electronic / 1e12


def measured_effort(run: Vasprun, outcar: dict[str, Any]) -> Effort | None:
    """What a run did; None where the file does not count its electronic steps.

    Parameters
    ----------
    run : Vasprun
    outcar : dict
        Of :func:`.outcar.read_outcar`: cores and elapsed time.
    """
    electronic = sum(len(step["electronic_steps"]) for step in run.ionic_steps)
    points = getattr(run, "actual_kpoints", None)
    cutoff = run.parameters.get("ENMAX") or run.incar.get("ENCUT")
    if not electronic or points is None or not cutoff or not run.parameters.get("NBANDS"):
        return None
    cores, wall = outcar.get("cores"), outcar.get("wall_seconds")
    return Effort(
        n_bands=int(run.parameters["NBANDS"]),
        n_kpoints=len(points),
        n_spins=int(run.parameters.get("ISPIN", 1)),
        n_planewaves=planewaves(run.initial_structure.volume, float(cutoff)),
        n_electronic=electronic,
        n_ionic=len(run.ionic_steps),
        cores=cores,
        core_seconds=cores * float(wall) if cores and wall else None,
    )


def calibrate(measured: Iterable[tuple[Kind, Effort | None]]) -> Calibration | None:
    """Return the constant of the model; None where no run says how long it took on how many cores.

    Parameters
    ----------
    measured : iterable of tuple
        Kind and effort of finished runs.
    """
    known = [(kind, effort) for kind, effort in measured if effort is not None]
    timed = [effort for _, effort in known if effort.core_seconds]
    if not timed:
        return None
    logs = np.array([log(float(effort.core_seconds or 0.0) / work(effort)) for effort in timed])
    kinds = dict.fromkeys(kind for kind, _ in known)
    per_step = {
        kind: mean_of([effort.n_electronic / effort.n_ionic for other, effort in known if other == kind])
        for kind in kinds
    }
    relaxations = [float(effort.n_ionic) for kind, effort in known if kind == "relax"]
    return Calibration(
        n_runs=len(timed),
        seconds=exp(float(logs.mean())),
        factor=exp(float(logs.std(ddof=1))) if len(timed) > 1 else None,
        electronic=per_step,
        ionic={"relax": mean_of(relaxations)} if relaxations else {},
    )


def mean_of(values: Sequence[float]) -> float:
    """Geometric mean."""
    return exp(sum(map(log, values)) / len(values))


def planewaves(volume: float, cutoff: float) -> float:
    """Plane waves of one wave function: `volume` in Å³, `cutoff` in eV."""
    return volume * sqrt(_WAVE * cutoff) ** 3 / (6 * pi**2)
