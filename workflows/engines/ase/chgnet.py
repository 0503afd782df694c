"""CHGNet, a universal machine-learning potential with magnitudes of moments.

CHGNet predicts energies on the MP2020-corrected PBE/PBE+U scale, and magnitudes of moments without
sign (Deng et al., Nature Machine Intelligence 5, 1031 (2023), doi:10.1038/s42256-023-00716-3).
"""

from __future__ import annotations

import contextlib
import io
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from pydantic import Field

from ....configs.errors import InputError
from ....configs.models import Spec, Tier
from .backend import AseBackend
from .device import Device, torch_device

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["ChgnetBackend", "ChgnetSettings", "EnergyForcesStress", "R2scanBackend"]


class ChgnetSettings(Spec):
    """Content of ``configs/engines/chgnet.yaml``."""

    weights: Literal["0.3.0", "0.2.0", "r2scan"]
    device: Device
    threads: int = Field(ge=1, description="CPU threads of one job")


class ChgnetBackend(AseBackend):
    """CHGNet on CPU or GPU."""

    name: ClassVar[str] = "chgnet"
    code: ClassVar[str] = "chgnet"
    tier: Tier = "chgnet"
    resources: ClassVar[frozenset[str]] = frozenset({"device", "threads"})
    has_moments: bool = True
    packages: ClassVar[tuple[str, ...]] = ("chgnet", "torch")
    install: ClassVar[str] = "pip install torch==2.13.0, then pip install chgnet"
    settings_class: ClassVar[type[Spec]] = ChgnetSettings
    #: chgnet builds a tensor of cell volumes from tensors that carry gradients; the values are right
    harmless: tuple[str, ...] = ("Converting a tensor with requires_grad=True",)
    settings: ChgnetSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        if self.tier == ChgnetBackend.tier and self.settings.weights == "r2scan":
            self.tier = R2scanBackend.tier
        if self.name == R2scanBackend.name and self.settings.weights != "r2scan":
            raise InputError(
                f"engine {self.name} has the weights r2scan; those of {self.settings.weights} are chgnet's"
            )

    def functional(self) -> str:
        """CHGNet's training data."""
        return "CHGNet r2SCAN" if self.settings.weights == "r2scan" else "CHGNet PBE/PBE+U, MP2020-corrected"

    def pace(self) -> float:
        """The weights of r2SCAN have more layers and take longer (measured)."""
        return 1.3 if self.settings.weights == "r2scan" else 1.0

    def calculator(self) -> Calculator:
        """CHGNet's own, with moments."""
        return _calculator(self.settings.weights, torch_device(self.settings.device, self.settings.threads))

    def step_calculator(self) -> Calculator:
        """The same model without moments, differentiated once."""
        whole: Any = self.calculator()
        return EnergyForcesStress(whole.model, whole.device)


class R2scanBackend(ChgnetBackend):
    """CHGNet with its weights of r2SCAN: better lattices and moments, energies on a scale of their own."""

    name: ClassVar[str] = "chgnet-r2scan"
    tier: Tier = "chgnet-r2scan"


@cache
def _calculator(weights: str, device: str) -> Calculator:
    """Load the model once per process."""
    from chgnet.model import CHGNet, CHGNetCalculator

    with contextlib.redirect_stdout(io.StringIO()):
        model = CHGNet.load(model_name=weights, use_device=device, verbose=False)
        return CHGNetCalculator(model=model, use_device=device)


class EnergyForcesStress(Calculator):
    """Energy, eV, forces, eV/Å, and stress, eV/Å³, of a CHGNet model; moments are not computed.

    The model differentiates its energy twice, by positions and by strain, such that a loss could differentiate the
    result again, and keeps everything for that. Here the energy is differentiated once, by the fractional coordinates
    and the lattice of the graph: the same forces and stress, to the rounding of single precision, in less time and
    memory. With the lattice vectors as rows of L, the fractional coordinates held and V the volume, the stress is Lᵀ
    (dE/dL) / V.

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
        """What has changed since the last computation, to the last bit: ASE's own comparison costs a percent of a step,
        five times a step."""
        last = self.atoms
        same = last is not None and all(
            np.array_equal(mine, theirs)
            for mine, theirs in (
                (last.positions, atoms.positions),
                (last.cell[:], atoms.cell[:]),
                (last.numbers, atoms.numbers),
                (last.pbc, atoms.pbc),
            )
        )
        return [] if same else list(all_changes)

    def calculate(
        self, atoms: Atoms | None = None, properties: list[str] | None = None, system_changes: list[str] = all_changes
    ) -> None:
        """Compute all, whatever of them is asked for."""
        import torch
        from pymatgen.io.ase import AseAtomsAdaptor

        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        structure = AseAtomsAdaptor.get_structure(self.atoms)  # type: ignore[arg-type]
        graph = self.model.graph_converter(structure).to(self.device)
        energy = self.model([graph], task="e")["e"].sum()
        by_fraction, by_lattice = (
            gradient.cpu().numpy().astype(float)
            for gradient in torch.autograd.grad(energy, (graph.atom_frac_coord, graph.lattice))
        )
        scale, matrix = len(structure) if self.model.is_intensive else 1, structure.lattice.matrix
        whole = scale * float(energy.detach())
        virial = scale * matrix.T @ by_lattice
        self.results = {
            "energy": whole,
            "free_energy": whole,
            "forces": -scale * np.linalg.solve(matrix, by_fraction.T).T,
            "stress": full_3x3_to_voigt_6_stress(virial / structure.volume),
        }
