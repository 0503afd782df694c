"""CHGNet's energy and forces, and nothing else, for the ordinary steps of molecular dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["EnergyAndForces"]


class EnergyAndForces(Calculator):
    """Energy, eV, and forces, eV/Å, of a CHGNet model; stress and moments are not computed.

    The model differentiates its energy such that a loss could differentiate the forces again, and keeps everything for that. Here the
    energy is differentiated once, by the fractional coordinates of the graph: the same forces, to the rounding of single precision,
    in less time and memory.

    Parameters
    ----------
    model : chgnet.model.CHGNet
    device : str
        Where the model lies.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (ASE's own name and type)

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
        """Compute both, whatever of them is asked for."""
        import torch
        from pymatgen.io.ase import AseAtomsAdaptor

        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = AseAtomsAdaptor.get_structure(self.atoms)  # type: ignore[arg-type]
        graph = self.model.graph_converter(structure).to(self.device)
        energy = self.model([graph], task="e")["e"].sum()
        (by_fraction,) = torch.autograd.grad(energy, graph.atom_frac_coord)
        scale = len(structure) if self.model.is_intensive else 1
        gradient = np.linalg.solve(structure.lattice.matrix, by_fraction.cpu().numpy().astype(float).T).T
        self.results = {"energy": scale * float(energy.detach()), "forces": -scale * gradient}
