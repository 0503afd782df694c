"""What a VASP run will have to do, from its inputs."""

from __future__ import annotations

from math import ceil, prod

import numpy as np

from ..documents import Effort
from ..engines.tasks import Dos, MolecularDynamics, Relax, Task
from ..engines.vasp.cells import VaspCell
from ..engines.vasp.inputs import incar_tags, n_bands
from ..engines.vasp.settings import VaspSettings
from ..vasp_output.effort import Calibration, mean_of, planewaves

__all__ = ["expected_effort"]

#: k points of a mesh whose coordinates agree to this are one
_SAME = 1e-6


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
    per_step = known.electronic.get(task.kind) or mean_of(list(known.electronic.values()))
    return Effort(
        n_bands=bands,
        n_kpoints=_irreducible(cell, method.kpoints, symmetric=tags.get("ISYM") != 0),
        n_spins=int(tags["ISPIN"]),
        n_planewaves=planewaves(cell.structure.volume, method.cutoff),
        n_electronic=max(round(ionic * per_step), 1),
        n_ionic=max(round(ionic), 1),
    )


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
