"""How to ask each engine for something cheap: one case an engine, which the contract test holds to its promises."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from catholyte.configs.models import Method
from catholyte.workflows.engines.ase.entry_point import EntryPointBackend
from catholyte.workflows.engines.backend import EngineBackend
from catholyte.workflows.engines.registry import ENGINES

__all__ = ["CASES", "ENTRY_POINT", "OWN", "OWN_FILES", "Case", "backend_class", "parameters"]

#: engines of a user's own, outside the registry, and the folder of their files
OWN_FILES = Path(__file__).parent
OWN = {"pair": ("catholyte.tests.support.engines.pair_potential", "PairBackend")}
#: engine of a file alone, with an entry point
ENTRY_POINT = "mine"

COO = Structure(
    Lattice(2.13 * (1 - np.eye(3))),
    ["Co2+", "O2-"],
    [[0, 0, 0], [0.5, 0.5, 0.5]],
    site_properties={"magmom": [-3.0, 0.0]},
)
HYDROGEN = Structure(Lattice.cubic(4.0), ["H"], [[0, 0, 0]], site_properties={"magmom": [-1.0]})


@dataclass
class Case:
    """How to ask one engine for something cheap.

    Parameters
    ----------
    own_calculator : callable
        Makes an ASE calculator of the same potential, without the engine.
    magnetic : Structure
        A cell with moments.
    settings : dict
        Overrides for all askings.
    method, strain_method : Method or None
        For an engine that needs one; the second where a strain is differentiated.
    other, other_method : dict, Method or None
        Another asking, whose energies may not be subtracted: overrides of the settings, or the method.
    other_engine : str or None
        The same of an engine that can be asked in one way only.
    shift : float
        Å, of hydrogen in LiH from its site: far enough for a force.
    on_record : bool
        Whether its deviations stand on the page of the referees.
    marks : tuple
        Of its tests.
    slow_stress : bool
        Whether its stress takes minutes.
    """

    own_calculator: Callable[[], Any]
    magnetic: Structure = field(default_factory=lambda: COO)
    settings: dict[str, Any] = field(default_factory=dict)
    method: Method | None = None
    strain_method: Method | None = None
    other: dict[str, Any] = field(default_factory=dict)
    other_method: Method | None = None
    other_engine: str | None = None
    on_record: bool = False
    shift: float = 0.15
    marks: tuple[pytest.MarkDecorator, ...] = ()
    slow_stress: bool = False


def _chgnet() -> Any:
    from chgnet.model import CHGNetCalculator

    return CHGNetCalculator(use_device="cpu")


def _chgnet_r2scan() -> Any:
    from chgnet.model import CHGNet, CHGNetCalculator

    return CHGNetCalculator(model=CHGNet.load(model_name="r2scan", use_device="cpu", verbose=False), use_device="cpu")


def _sevennet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and no accelerator for GPUs is enabled
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator("7net-0", device="cpu")


def _gpaw() -> Any:
    from gpaw import GPAW

    mode, mesh = {"name": "pw", "ecut": 250}, {"size": (2, 2, 2), "gamma": True}
    return GPAW(mode=mode, xc="PBE", kpts=mesh, occupations={"name": "fermi-dirac", "width": 0.05}, txt=None)


def _pair() -> Any:
    from ase.calculators.lj import LennardJones

    return LennardJones(sigma=1.8, epsilon=0.2, rc=6.0, smooth=True)


_GPAW: dict[str, Any] = {"cutoff": 250, "kpoints": (2, 2, 2), "smearing": 0.05, "spin_polarized": False}
CASES = {
    "chgnet": Case(_chgnet, other={"weights": "0.2.0"}, on_record=True),
    "chgnet-r2scan": Case(_chgnet_r2scan, other_engine="chgnet", shift=0.45, on_record=True),
    "sevennet": Case(_sevennet, other={"checkpoint": "sevennet-0-22may2024"}, on_record=True),
    # the guard judges it first; those whose guard is quick are in ase/test_own_engines.py
    ENTRY_POINT: Case(_chgnet, other={"version": "0"}, marks=(pytest.mark.slow,)),
    "pair": Case(_pair, other={"epsilon": "0.1 eV"}),
    "gpaw": Case(
        _gpaw,
        magnetic=HYDROGEN,
        settings={"energy_tolerance": 1e-6, "eigenstates_tolerance": 1e-9},
        method=Method(**_GPAW),
        strain_method=Method(**{**_GPAW, "cutoff": 700, "kpoints": (1, 1, 1)}),
        other_method=Method(**{**_GPAW, "cutoff": 300}),
        on_record=True,
        marks=(
            pytest.mark.gpaw,
            pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="GPAW is not installed"),
        ),
        slow_stress=True,
    ),
}


def backend_class(name: str) -> type[EngineBackend]:
    """The class behind a name of :data:`CASES`."""
    if name == ENTRY_POINT:
        return EntryPointBackend
    module, cls = {**ENGINES, **OWN}[name]
    found: type[EngineBackend] = getattr(importlib.import_module(module, "catholyte.workflows.engines"), cls)
    return found


def parameters(stress: bool = False, kind: str = "static") -> list[Any]:
    """The engines that have calculations of `kind`, as parameters of a test, with the marks of their cases."""
    slow = (pytest.mark.slow,)
    return [
        pytest.param(name, marks=[*case.marks, *(slow if stress and case.slow_stress else ())])
        for name, case in CASES.items()
        if kind in backend_class(name).kinds
    ]
