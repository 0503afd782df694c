"""Lithium metal and the O2 molecule, drafted for engines whose energies need their own."""

from __future__ import annotations

from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from ...configs.models import Mesh, Method
from ..engines.engine import Engine
from ..engines.tasks import Relax
from ..roles import Reference
from .builder import Builder, Draft

__all__ = ["LITHIUM", "add_lithium", "add_oxygen", "oxygen_molecule"]

#: labels of the reference calculations
LITHIUM, MOLECULE = "Li", "O2"
_GAMMA: Mesh = (1, 1, 1)
#: Å, bond of the molecule as measured
_BOND = 1.2075


def oxygen_molecule(edge: float) -> Structure:
    """Return an O2 molecule, triplet, in a box whose edges differ a little, so that no symmetry holds its orbitals.

    Parameters
    ----------
    edge : float
        Å, of the shortest edge.
    """
    lattice = Lattice.orthorhombic(edge, edge + 0.1, edge + 0.2)
    return Structure(
        lattice,
        ["O0+", "O0+"],
        [[0.0, 0.0, 0.0], [0.0, 0.0, _BOND]],
        coords_are_cartesian=True,
        site_properties={"magmom": [1.0, 1.0]},
    )


def add_lithium(builder: Builder, step: str, engine: Engine, method: Method) -> None:
    """Draft the relaxation of lithium metal.

    Parameters
    ----------
    builder : Builder
    step : str
    engine : Engine
    method : Method
        With the mesh of the metal.
    """
    role = Reference(of=LITHIUM, what="lithium", material=LITHIUM)
    _add(builder, step, engine, (role, builder.cell(builder.material(LITHIUM, step)), method), relax_cell=True)


def add_oxygen(builder: Builder, step: str, engine: Engine, method: Method, edge: float) -> None:
    """Draft the relaxation of the molecule at the Γ point.

    Parameters
    ----------
    builder : Builder
    step : str
    engine : Engine
    method : Method
        Its mesh is left aside.
    edge : float
        Å, of the box.
    """
    role = Reference(of=MOLECULE, what="molecule", material=MOLECULE)
    method = method.model_copy(update={"kpoints": _GAMMA})
    _add(builder, step, engine, (role, oxygen_molecule(edge), method), relax_cell=False)


def _add(
    builder: Builder, step: str, engine: Engine, asked: tuple[Reference, Structure, Method], *, relax_cell: bool
) -> None:
    role, cell, method = asked
    task = Relax(max_force=0.02, relax_cell=relax_cell, keep_symmetry=relax_cell, method=method)
    job = engine.maker(task).job_for(cell, role.of, role=role)
    builder.drafts.append(Draft(job, step, role.of, "reference", engine, task, cell))
