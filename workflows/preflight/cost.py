"""What a VASP run will have to do, from its inputs."""

from __future__ import annotations

from math import ceil

from ..documents import Effort
from ..engines.tasks import Dos, MolecularDynamics, Relax, Task
from ..engines.vasp.cells import VaspCell
from ..engines.vasp.inputs import centring_of, incar_tags, n_bands
from ..engines.vasp.parallel import irreducible_points
from ..engines.vasp.settings import VaspSettings
from ..vasp_output.effort import Calibration, mean_of, planewaves

__all__ = ["expected_effort"]


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
    potcars, gamma = settings.potcars_of(task), centring_of(task, settings) == "gamma"
    electrons = sum(potcars[element].valence * amount for element, amount in amounts.items())
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
        n_kpoints=irreducible_points(cell, method.kpoints, symmetry=tags.get("ISYM") != 0, gamma=gamma),
        n_spins=int(tags["ISPIN"]),
        n_planewaves=planewaves(cell.structure.volume, float(tags["ENCUT"])),
        n_electronic=max(round(ionic * per_step), 1),
        n_ionic=max(round(ionic), 1),
    )
