"""CHGNet's energy, forces and stress, and nothing else, for the ordinary steps of dynamics and relaxations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["EnergyForcesStress"]


class EnergyForcesStress(Calculator):
    """Energy, eV, forces, eV/Å, and stress, eV/Å³, of a CHGNet model; moments are not computed.

    The model differentiates its energy twice, by positions and by strain, such that a loss could differentiate the result again, and
    keeps everything for that. Here the energy is differentiated once, by the fractional coordinates and the lattice of the graph: the
    same forces and stress, to the rounding of single precision, in less time and memory. With the lattice vectors as rows of L, the
    fractional coordinates held and V the volume, the stress is Lᵀ (dE/dL) / V.

    Parameters
    ----------
    model : chgnet.model.CHGNet
    device : str
        Where the model lies.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE's own name and type)

    def __init__(self, model: Any, device: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model, self.device = model.eval(), device

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        """What has changed since the last computation, to the last bit: ASE's own comparison costs a percent of a step, five times a step."""
        last = self.atoms
        same = last is not None and all(
            np.array_equal(mine, theirs)
            for mine, theirs in ((last.positions, atoms.positions), (last.cell[:], atoms.cell[:]), (last.numbers, atoms.numbers), (last.pbc, atoms.pbc))
        )
        return [] if same else list(all_changes)

    def calculate(self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes) -> None:
        """Compute all, whatever of them is asked for."""
        import torch
        from pymatgen.io.ase import AseAtomsAdaptor

        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = AseAtomsAdaptor.get_structure(self.atoms)  # type: ignore[arg-type]
        graph = self.model.graph_converter(structure).to(self.device)
        energy = self.model([graph], task="e")["e"].sum()
        by_fraction, by_lattice = (gradient.cpu().numpy().astype(float) for gradient in torch.autograd.grad(energy, (graph.atom_frac_coord, graph.lattice)))
        scale, matrix = len(structure) if self.model.is_intensive else 1, structure.lattice.matrix
        whole = scale * float(energy.detach())
        virial = scale * matrix.T @ by_lattice
        self.results = {
            "energy": whole,
            "free_energy": whole,
            "forces": -scale * np.linalg.solve(matrix, by_fraction.T).T,
            "stress": full_3x3_to_voigt_6_stress(virial / structure.volume),
        }
