"""PBE+U has several self-consistent states: the engine keeps the lowest of those it starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from catholyte.workflows.engines.gpaw import process

gpaw = pytest.importorskip("gpaw", reason="GPAW is not installed")

METHOD = {"spin_polarized": True, "hubbard_u": {"Co": 3.9}}


class Calculator:
    """Energy by the first initial moment; None for a start that does not converge."""

    def __init__(self, energy: float | None) -> None:
        self.energy = energy

    def get_potential_energy(self, atoms: Atoms) -> float:
        if self.energy is None:
            raise gpaw.KohnShamConvergenceError
        return self.energy


def _lowest(
    monkeypatch: pytest.MonkeyPatch, energies: dict[float, float | None], method: dict[str, Any], resumed: bool = False
) -> tuple[Atoms, list[str]]:
    atoms = Atoms("CoO", positions=[[0, 0, 0], [0, 0, 2]], magmoms=[3.0, 0.0])

    def attach(target: Atoms, request: dict[str, Any], text: Path, kept: Path) -> dict[str, Any]:
        target.calc = Calculator(energies[round(float(target.get_initial_magnetic_moments()[0]), 3)])
        return {"parameters": {}}

    monkeypatch.setattr(process, "_attach_calculator", attach)
    request = {"task": {"method": method}, "settings": {"moment_scales": [0.9, 1.1]}}
    used = process._attach_lowest(atoms, request, Path("unused"), resumed)
    return atoms, used["starts"]


@pytest.mark.parametrize(
    ("energies", "moment"),
    [({2.7: -25.7, 3.3: -23.9}, 2.7), ({2.7: -23.9, 3.3: -25.7}, 3.3), ({2.7: None, 3.3: -25.7}, 3.3)],
)
def test_the_lowest_converged_state_is_kept(
    monkeypatch: pytest.MonkeyPatch, energies: dict[float, float | None], moment: float
) -> None:
    atoms, told = _lowest(monkeypatch, energies, METHOD)
    assert atoms.calc.energy == -25.7
    assert atoms.get_initial_magnetic_moments()[0] == pytest.approx(moment)
    assert len(told) == 2
    assert any("-25.7" in line for line in told)


def test_without_u_or_when_resumed_there_is_one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for method, resumed in (({**METHOD, "hubbard_u": {"Co": 0.0}}, False), (METHOD, True)):
        atoms, told = _lowest(monkeypatch, {3.0: -1.0}, method, resumed)
        assert (atoms.calc.energy, len(told)) == (-1.0, 1)


def test_no_converged_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(gpaw.KohnShamConvergenceError):
        _lowest(monkeypatch, {2.7: None, 3.3: None}, METHOD)
