"""SevenNet, an equivariant universal potential without magnetic moments.

SevenNet-0 predicts the uncorrected PBE/PBE+U energies of the Materials Project's relaxation trajectories (Park et al.,
J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190). Its weights come with the package.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ase.data import chemical_symbols
from pydantic import Field

from ....configs.errors import InputError
from ....configs.load import ENGINES_VARIABLE
from ....configs.models import Spec, Tier
from .backend import AseBackend, MomentsOf
from .checkpoint import checkpoint_digest, checkpoint_path
from .device import Device, torch_device

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["CHECKPOINTS", "SevennetBackend", "SevennetSettings"]


@dataclass(frozen=True)
class _Shipped:
    """A checkpoint of the package: its file, what it holds, and its time per step beside CHGNet's."""

    file: str
    sha256: str
    modals: tuple[str, ...] = ()
    pace: float = 1.4


CHECKPOINTS = {
    "sevennet-0": _Shipped(
        "SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth",
        "7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36",
    ),
    "sevennet-0-22may2024": _Shipped(
        "SevenNet_0__22May2024/checkpoint_sevennet_0.pth",
        "5d389fafd512e6ae2830d74d0b66ffc49a55d3832653ff8e7bf7f1343013c1d1",
    ),
    "sevennet-l3i5": _Shipped(
        "SevenNet_l3i5/checkpoint_l3i5.pth",
        "a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d",
        pace=5.0,
    ),
    "sevennet-mf-0": _Shipped(
        "SevenNet_MF_0/checkpoint_sevennet_mf_0.pth",
        "81791329b37d445f46b531578c182c41792d98c7814222c9e5dde276402225fd",
        modals=("PBE", "R2SCAN"),
    ),
}
#: of every checkpoint of the package: hydrogen to plutonium but polonium to radium
_ELEMENTS = frozenset(chemical_symbols[1:84] + chemical_symbols[89:95])


class SevennetSettings(Spec):
    """Content of ``configs/engines/sevennet.yaml``."""

    checkpoint: str = Field(description="a checkpoint of the package by name, or a file")
    modal: str | None = Field(None, description="which of the levels of theory of a checkpoint that has several")
    functional: str | None = Field(
        None, description="what the energies of a file are comparable with, e.g. PBE/PBE+U, uncorrected"
    )
    moments: MomentsOf = Field(description="where moments come from, which it has none of its own")
    device: Device
    threads: int = Field(ge=1, description="CPU threads of one job")


class SevennetBackend(AseBackend):
    """SevenNet on CPU or GPU."""

    name: ClassVar[str] = "sevennet"
    code: ClassVar[str] = "sevennet"
    tier: Tier = "sevennet"
    resources: ClassVar[frozenset[str]] = frozenset({"device", "threads"})
    packages: ClassVar[tuple[str, ...]] = ("sevenn", "torch")
    install: ClassVar[str] = "pip install torch==2.13.0, then pip install sevenn"
    settings_class: ClassVar[type[Spec]] = SevennetSettings
    settings: SevennetSettings

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self._take_moments_of(self.settings.moments)
        given, modal = self.settings.checkpoint, self.settings.modal
        self.shipped = CHECKPOINTS.get(given)
        self.examined_always = self.shipped is None
        modals = self.shipped.modals if self.shipped else ()
        if self.shipped is None and self.name == SevennetBackend.name:
            raise InputError(
                f"engine sevennet: key 'checkpoint': {given!r} is none of {', '.join(CHECKPOINTS)}, and nothing says "
                "what a file's numbers are worth",
                "write NAME.yaml with the keys engine (sevennet), checkpoint, functional and trust into a folder, "
                f"name that in {ENGINES_VARIABLE}, and ask for the engine NAME",
            )
        if self.shipped is None and not self.settings.functional:
            raise InputError(
                f"engine {self.name}: key 'functional' is missing: what the energies of {given} are comparable with"
            )
        if self.shipped and (modal is None) is bool(modals):
            told = f"is one of {', '.join(modals)} for it" if modals else f"does not apply to {given}"
            raise InputError(f"engine {self.name}: key 'modal' {told}")
        if modals and modal not in modals:
            raise InputError(f"engine {self.name}: key 'modal': {modal!r} is none of {', '.join(modals)} of {given}")
        if self.name == SevennetBackend.name and modal == "R2SCAN":
            raise InputError(
                "engine sevennet: its energies are PBE/PBE+U; those of modal R2SCAN are on a scale of their own",
                f"write NAME.yaml with `engine: sevennet`, checkpoint, modal and a block `trust`: {ENGINES_VARIABLE}",
            )

    def numerics(self) -> dict[str, Any]:
        """The settings that can change a number; a checkpoint counts by its content."""
        return {**super().numerics(), "checkpoint": f"sha256:{self._digest()}"}

    def potential(self) -> str:
        """Weights by content, and the level of theory among several."""
        modal = f", modal {self.settings.modal}" if self.settings.modal else ""
        return f"checkpoint sha256:{self._digest()}{modal}"

    def functional(self) -> str:
        """SevenNet's training data."""
        if self.settings.functional:
            return self.settings.functional
        return "SevenNet r2SCAN" if self.settings.modal == "R2SCAN" else "SevenNet PBE/PBE+U, uncorrected"

    def pace(self) -> float:
        """Time of a step beside CHGNet's."""
        return self.shipped.pace if self.shipped else 2.0

    def elements(self) -> frozenset[str] | None:
        """Those that the checkpoint was trained on."""
        if self.shipped:
            return _ELEMENTS
        config = self._config()
        return frozenset(chemical_symbols[int(number)] for number in config["_type_map"])

    def calculator(self) -> Calculator:
        """SevenNet's own."""
        device = torch_device(self.settings.device, self.settings.threads)
        config = self._config()
        if not self.shipped:
            self._check(config)
        return _calculator(self._path(), self._digest(), device, self.settings.modal)

    def _path(self) -> Path:
        if self.shipped is None:
            return checkpoint_path(self.name, self.settings.checkpoint)
        spec = find_spec("sevenn")
        if spec is None or spec.origin is None:
            raise InputError(f"engine {self.name}: the package sevenn is not installed", self.install)
        return Path(spec.origin).parent / "pretrained_potentials" / self.shipped.file

    def _digest(self) -> str:
        """Of the checkpoint; that of a shipped one is known without the package."""
        return self.shipped.sha256 if self.shipped else checkpoint_digest(self._path())

    def _config(self) -> dict[str, Any]:
        path = self._path()
        if self.shipped and checkpoint_digest(path) != self.shipped.sha256:
            raise InputError(
                f"engine {self.name}: {path} is not the checkpoint {self.settings.checkpoint} that is known here",
                "install the version of sevenn in constraints.txt",
            )
        return _config(path, checkpoint_digest(path), self.name)

    def _check(self, config: dict[str, Any]) -> None:
        modals, modal = tuple(config.get("_modal_map") or ()), self.settings.modal
        if modals and modal not in modals:
            raise InputError(
                f"engine {self.name}: key 'modal' is one of {', '.join(modals)} for {self.settings.checkpoint}"
            )
        if modal and not modals:
            raise InputError(f"engine {self.name}: key 'modal' does not apply to {self.settings.checkpoint}")
        if not config.get("is_train_stress", True):
            raise InputError(
                f"engine {self.name}: checkpoint {self.settings.checkpoint} was trained without stress, which every "
                "relaxation of a cell needs"
            )


@cache
def _config(path: Path, digest: str, engine: str) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Raises
    ------
    InputError
        If the file is no checkpoint of SevenNet.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript, which e3nn uses, is deprecated
            from sevenn.checkpoint import SevenNetCheckpoint

            config = dict(SevenNetCheckpoint(path).config)
        if not config.get("_type_map"):
            raise KeyError("_type_map")
    except Exception as error:  # a pickle may fail in every way
        raise InputError(f"engine {engine}: {path} is no checkpoint of SevenNet ({type(error).__name__})") from None
    return config


@cache
def _calculator(path: Path, digest: str, device: str, modal: str | None) -> Calculator:
    """Load the model once per process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same, and that no accelerator for GPUs is enabled
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator(path, device=device, modal=modal)
