"""What a VASP run has to do, counted from its own output and forecast from its input, and how long a unit of it takes.

Model: time × cores = c · N_spin N_k N_bands² N_pw N_scf, the cost of orthogonalising the bands at every electronic step
(Kresse and Furthmüller, Phys. Rev. B 54, 11169 (1996), section III.G: it outgrows the Fourier transforms from some tens
of atoms on). The constant c, and the electronic steps that an ionic step of each kind takes, are those of measured
runs; small cells, whose time goes into Fourier transforms, take longer than they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, exp, log, pi, prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ...documents import Effort, Kind
from ..tasks import Dos, MolecularDynamics, Relax, Task
from .cells import VaspCell
from .inputs import incar_tags, n_bands
from .settings import VaspSettings

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["Calibration", "calibrate", "expected_effort", "measured_effort", "work"]

#: 2 m / ħ², 1/(eV Å²), CODATA 2018
_WAVE = 0.262465831
#: k points of a mesh whose coordinates agree to this are one
_SAME = 1e-6


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
        Of :func:`...vasp_output.outcar.read_outcar`: cores and elapsed time.
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
        n_planewaves=_planewaves(run.initial_structure.volume, float(cutoff)),
        n_electronic=electronic,
        n_ionic=len(run.ionic_steps),
        cores=cores,
        core_seconds=cores * float(wall) if cores and wall else None,
    )


def expected_effort(cell: VaspCell, task: Task, settings: VaspSettings, known: Calibration) -> Effort:
    """What a run will have to do.

    Bands are VASP's default, max(N_e/2 + 1 + max(N_atoms/2, 3), 0.6 N_e), or those that a density of states asks for
    (VASP wiki, NBANDS).

    Parameters
    ----------
    cell : VaspCell
    task : Relax, Static, Dos or MolecularDynamics
        With a method.
    settings : VaspSettings
    known : Calibration
        Gives the number of steps.
    """
    method = task.method
    if method is None:
        raise ValueError("a task of VASP has a method")
    tags = incar_tags(cell, task, settings)
    amounts = cell.structure.composition.get_el_amt_dict()
    electrons = sum(settings.potcars[element].valence * amount for element, amount in amounts.items())
    usual = max(electrons / 2 + 1 + max(len(cell.structure) / 2, 3), 0.6 * electrons)
    bands = n_bands(cell, settings, method.spin_polarized) if isinstance(task, Dos) else ceil(usual)
    ionic = 1.0
    if isinstance(task, MolecularDynamics):
        ionic = task.n_steps
    elif isinstance(task, Relax):
        ionic = min(known.ionic.get("relax", 20.0), task.max_steps)
    per_step = known.electronic.get(task.kind) or _mean(list(known.electronic.values()))
    return Effort(
        n_bands=bands,
        n_kpoints=_irreducible(cell, method.kpoints, symmetric=tags.get("ISYM") != 0),
        n_spins=int(tags["ISPIN"]),
        n_planewaves=_planewaves(cell.structure.volume, method.cutoff),
        n_electronic=max(round(ionic * per_step), 1),
        n_ionic=max(round(ionic), 1),
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
        kind: _mean([effort.n_electronic / effort.n_ionic for other, effort in known if other == kind])
        for kind in kinds
    }
    relaxations = [float(effort.n_ionic) for kind, effort in known if kind == "relax"]
    return Calibration(
        n_runs=len(timed),
        seconds=exp(float(logs.mean())),
        factor=exp(float(logs.std(ddof=1))) if len(timed) > 1 else None,
        electronic=per_step,
        ionic={"relax": _mean(relaxations)} if relaxations else {},
    )


def _mean(values: Sequence[float]) -> float:
    """Geometric mean."""
    return exp(sum(map(log, values)) / len(values))


def _planewaves(volume: float, cutoff: float) -> float:
    """Plane waves of one wave function: `volume` in Å³, `cutoff` in eV."""
    return volume * sqrt(_WAVE * cutoff) ** 3 / (6 * pi**2)


def _irreducible(cell: VaspCell, mesh: tuple[int, int, int], *, symmetric: bool) -> int:
    """k points that symmetry and time reversal leave of a Γ-centred mesh."""
    if symmetric and prod(mesh) > 1:
        from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

        return len(SpacegroupAnalyzer(cell.structure).get_ir_reciprocal_mesh(mesh))
    points = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), axis=-1).reshape(-1, 3)
    back = -points % 1.0
    back[back > 1 - _SAME] = 0.0
    paired = {tuple(sorted((tuple(a.round(6)), tuple(b.round(6))))) for a, b in zip(points, back, strict=True)}
    return len(paired)
