"""The guard: whether a potential has the units that it should, and the right branch of crystals of its chemistry.

Energies of LiCoO2, CoO and NiO against volume, the shape of the cell and the atoms relaxed at each, must have their
minimum within :data:`VOLUME` of the measured volume and be convex over the whole range: a negative curvature is a
negative bulk modulus, of a crystal that is stable there. Potentials that were trained on several spin states fall into
another one, with another volume, and miss both. PBE and PBE+U, on which most potentials are trained, give oxides
volumes that are up to 4 % too large; the rest of the tolerance is left for temperature.

Forces and stress must be the derivatives of the energy, which finds a wrong sign, unit or order of components. The unit
of the energy itself follows from the bulk modulus: within a factor :data:`MODULUS` of the measured one, where rydberg,
hartree, kcal/mol or kJ/mol are wrong by 14 to 96.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ....configs.constants import KBAR
from ....configs.errors import InputError
from ....configs.load import material
from ....structures.crystals.crystal import conventional

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

__all__ = ["CRYSTALS", "GUARDED", "VOLUMES", "Curve", "Verdict", "examine"]


@dataclass(frozen=True)
class _Crystal:
    """A crystal of the library, its measured bulk modulus in GPa, and the element that a wrong curve forbids."""

    material: str
    modulus: float
    guards: str | None = None

    @property
    def symbols(self) -> frozenset[str]:
        """Of its elements."""
        return frozenset(element.symbol for element in conventional(material(self.material)).composition.elements)


#: bulk moduli (recalled): X. Wang et al., Phys. Rev. B 72 (2005) 224102; Q. Guo et al., J. Phys. Condens. Matter 14
#: (2002) 11369; T. Eto et al., Phys. Rev. B 61 (2000) 14984; ultrasound and diffraction of Li2O, Li2S and LiCl
CRYSTALS = (_Crystal("LCO", 149.0, "Co"), _Crystal("CoO", 180.0, "Co"), _Crystal("NiO", 190.0, "Ni"))
_SIMPLE = (_Crystal("Li2O", 88.0), _Crystal("Li2S", 46.0), _Crystal("LiCl", 32.0))
#: elements for which a potential must have passed
GUARDED = frozenset(crystal.guards for crystal in CRYSTALS if crystal.guards)
#: % beyond the measured volume, of the energies
VOLUMES = tuple(range(-8, 9, 2))
#: %, of the minimum from the measured volume
VOLUME = 5.0
#: meV/atom, of the second difference of three energies: noise of single precision
CONVEX = -0.1
#: factor, of the bulk modulus from the measured one
MODULUS = 4.0
#: relative, and eV/Å or eV/Å³, of a derivative from the difference
_RELATIVE, _FORCE, _STRESS = 0.05, 0.02, 0.004
#: Å along a direction of all atoms, and strain
_STEP, _STRAIN = 0.02, 0.005
#: eV/Å and steps of the relaxations at fixed volume
_MAX_FORCE, _MAX_STEPS = 0.02, 40


class Curve(BaseModel):
    """Energies of one crystal against its volume."""

    model_config = ConfigDict(frozen=True)

    material: str
    guards: str | None = Field(description="element that a wrong curve forbids; None: the unit of the energy alone")
    volumes: tuple[float, ...] = Field(description="% beyond the measured volume")
    energies: tuple[float, ...] = Field(description="meV/atom, from that at the measured volume")
    minimum: float | None = Field(description="% beyond the measured volume; None: none in the range")
    modulus: float | None = Field(description="GPa, at the minimum")
    measured_modulus: float = Field(description="GPa")
    problem: str = Field("", description="why it does not pass; empty where it does")

    def shown(self) -> str:
        """The curve in one line."""
        return ", ".join(f"{v:+g} %: {e:.1f}" for v, e in zip(self.volumes, self.energies, strict=True)) + " meV/atom"


class Verdict(BaseModel):
    """What the guard found of one potential."""

    model_config = ConfigDict(frozen=True)

    potential: str = Field(description="engine, version and weights, for people")
    curves: tuple[Curve, ...] = ()
    force_error: float | None = Field(None, description="relative, against the differences of the energy")
    stress_error: float | None = Field(None, description="relative")
    problem: str = Field("", description="why it may serve no element at all; empty where it may")
    seconds: float = Field(0.0, description="processor time")

    def refused(self) -> dict[str, str]:
        """Elements that the potential may not serve, to the reason with the curve."""
        found: dict[str, str] = {}
        for curve in self.curves:
            if curve.problem and curve.guards:
                told = f"{curve.material}: {curve.problem} ({curve.shown()})"
                found[curve.guards] = "; ".join(filter(None, [found.get(curve.guards), told]))
        return found

    def require(self, engine: str, symbols: Collection[str]) -> None:
        """Raise InputError where the potential may not serve a cell of these elements.

        Parameters
        ----------
        engine : str
            For the message.
        symbols : collection of str
        """
        if self.problem:
            raise InputError(f"engine {engine} is refused by the guard: {self.problem}")
        found = {element: reason for element, reason in self.refused().items() if element in symbols}
        if found:
            told = "; ".join(f"for {element}: {reason}" for element, reason in sorted(found.items()))
            raise InputError(
                f"engine {engine} is refused by the guard {told}", "catholyte doctor --engines shows every curve"
            )


def examine(calculator: Calculator, potential: str, known: Collection[str] | None = None) -> Verdict:
    """Put a potential to the test, in seconds.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
    potential : str
        What it is called.
    known : collection of str, optional
        Elements that it was made for; every element where left out.
    """
    started = time.process_time()
    crystals = [one for one in CRYSTALS if known is None or one.symbols <= set(known)]
    crystals = crystals or [one for one in _SIMPLE if one.symbols <= set(known or ())][:1]
    if not crystals:
        names = ", ".join(one.material for one in (*CRYSTALS, *_SIMPLE))
        return Verdict(potential=potential, problem=f"none of {names} is made of its elements, which tests its units")
    try:
        force_error, stress_error, problem = _derivatives(calculator, _cell(crystals[0]))
        curves = () if problem else tuple(_curve(calculator, crystal) for crystal in crystals)
    except Exception as error:  # whatever somebody else's calculator may raise
        told = " ".join(str(error).split())[:200]
        return Verdict(
            potential=potential, problem=f"it cannot compute {crystals[0].material}: {type(error).__name__}: {told}"
        )
    return Verdict(
        potential=potential,
        curves=curves,
        force_error=_rounded(force_error),
        stress_error=_rounded(stress_error),
        problem=problem or _unit_problem(curves),
        seconds=round(time.process_time() - started, 1),
    )


def _cell(crystal: _Crystal) -> Atoms:
    """Primitive cell as measured, without charges and moments."""
    from pymatgen.io.ase import AseAtomsAdaptor

    cell = conventional(material(crystal.material)).remove_oxidation_states().get_primitive_structure()
    cell.remove_site_property("magmom") if "magmom" in cell.site_properties else None
    return AseAtomsAdaptor.get_atoms(cell, msonable=False)


def _derivatives(calculator: Calculator, atoms: Atoms) -> tuple[float, float, str]:
    """Largest relative deviations of forces and stress from differences of the energy, and what is wrong."""
    random = np.random.default_rng(5)
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell * 0.98, scale_atoms=True)
    atoms.rattle(0.08, rng=random)
    atoms.calc = calculator
    missing = [name for name in ("energy", "forces", "stress") if not _answers(atoms, name)]
    if missing:
        return np.nan, np.nan, f"it gives no {' and no '.join(missing)}"
    forces, stress = np.asarray(atoms.get_forces()), np.asarray(atoms.get_stress(voigt=False))
    if forces.shape != (len(atoms), 3) or not (np.isfinite(forces).all() and np.isfinite(stress).all()):
        return np.nan, np.nan, "its forces or its stress are not finite numbers, or not one force for each atom"
    force_error = stress_error = 0.0
    told = []
    for _ in range(2):
        direction = random.normal(size=forces.shape)
        direction /= np.linalg.norm(direction)
        numeric = -_difference(atoms, lambda moved, by, d=direction: moved.translate(by * d), _STEP)
        found = float((forces * direction).sum())
        force_error = max(force_error, _deviation(found, numeric, float(np.linalg.norm(forces)), _FORCE))
        strain = random.normal(size=(3, 3))
        strain = (strain + strain.T) / np.abs(strain + strain.T).max()
        numeric = _difference(atoms, lambda moved, by, e=strain: _strained(moved, by * e), _STRAIN) / atoms.get_volume()
        found = float((stress * strain).sum())
        stress_error = max(stress_error, _deviation(found, numeric, float(np.linalg.norm(stress)), _STRESS))
    if force_error > _RELATIVE:
        told.append(f"its forces, in eV/Å, are not the derivative of its energy (off by {100 * force_error:.3g} %)")
    if stress_error > _RELATIVE:
        told.append(
            "its stress, in eV/Å³ and positive under tension, is not the strain derivative of its energy over the "
            f"volume (off by {100 * stress_error:.3g} %)"
        )
    return force_error, stress_error, "; ".join(told)


def _answers(atoms: Atoms, name: str) -> bool:
    from ase.calculators.calculator import PropertyNotImplementedError

    try:
        found = atoms.calc.get_property(name, atoms)
    except (PropertyNotImplementedError, NotImplementedError, KeyError):
        return False
    return found is not None


def _difference(atoms: Atoms, move: Any, step: float) -> float:
    """Central difference of the energy, eV per unit of the step."""
    energies = []
    for by in (step, -step):
        moved = atoms.copy()
        moved.calc = atoms.calc
        move(moved, by)
        energies.append(float(moved.get_potential_energy()))
    return (energies[0] - energies[1]) / (2 * step)


def _strained(atoms: Atoms, strain: NDArray[np.float64]) -> None:
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)


def _deviation(found: float, numeric: float, size: float, floor: float) -> float:
    """Beyond what single precision explains, relative to the larger of both."""
    return max(0.0, abs(found - numeric) - floor) / max(size, abs(numeric), floor)


def _curve(calculator: Calculator, crystal: _Crystal) -> Curve:
    measured = _cell(crystal)
    energies = np.array(_energies(calculator, measured))
    energies -= energies[VOLUMES.index(0)]
    minimum, modulus = _minimum(energies, measured.get_volume() / len(measured))
    bent = [volume for volume, second in zip(VOLUMES[1:-1], np.diff(energies, 2), strict=True) if second < CONVEX]
    told = []
    if minimum is None:
        told.append(f"no minimum within {VOLUMES[-1]} % of the measured volume")
    elif abs(minimum) > VOLUME:
        told.append(f"the minimum lies at {minimum:+.1f} % of the measured volume, {VOLUME:g} % are allowed")
    if bent:
        told.append(f"not convex at {', '.join(f'{volume:+g} %' for volume in bent)}")
    return Curve(
        material=crystal.material,
        guards=crystal.guards,
        volumes=tuple(float(volume) for volume in VOLUMES),
        energies=tuple(round(float(energy), 2) for energy in energies),
        minimum=_rounded(minimum),
        modulus=None if modulus is None else round(modulus, 1),
        measured_modulus=crystal.modulus,
        problem=", and ".join(told),
    )


def _energies(calculator: Calculator, measured: Atoms) -> list[float]:
    """Energies at :data:`VOLUMES`, meV/atom; shape and atoms are relaxed from one volume to the next."""
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    found, volume, start = {}, measured.get_volume(), measured.copy()
    symmetry = FixSymmetry(start, symprec=1e-4)  # of every volume: found once, since finding it costs most of all
    middle = VOLUMES.index(0)
    for side in (range(middle, len(VOLUMES)), range(middle - 1, -1, -1)):
        atoms = start.copy()
        for i in side:
            atoms.set_constraint()
            scale = (volume * (1 + VOLUMES[i] / 100) / atoms.get_volume()) ** (1 / 3)
            atoms.set_cell(atoms.cell * scale, scale_atoms=True)
            atoms.set_constraint(symmetry)
            atoms.calc = calculator
            optimizer = BFGS(FrechetCellFilter(atoms, constant_volume=True), logfile=None)  # type: ignore[arg-type]
            optimizer.run(fmax=_MAX_FORCE, steps=_MAX_STEPS)
            found[i] = 1000 * float(atoms.get_potential_energy()) / len(atoms)
    return [found[i] for i in range(len(VOLUMES))]


def _minimum(energies: NDArray[np.float64], volume: float) -> tuple[float | None, float | None]:
    """Where the energy is least, %, and the bulk modulus there, GPa, by a parabola through three energies.

    B = V d²E/dV² = (d²E/dx²) / V for x = ΔV/V, eV/Å³; `volume` in Å³/atom.
    """
    lowest = int(np.argmin(energies))
    if lowest in (0, len(energies) - 1):
        return None, None
    below, at, above = energies[lowest - 1 : lowest + 2]
    step, second = VOLUMES[1] - VOLUMES[0], below - 2 * at + above
    minimum = VOLUMES[lowest] + step * (below - above) / (2 * second)
    curvature = second / 1000 / (step / 100) ** 2
    return float(minimum), float(curvature / volume / KBAR / 10)


def _unit_problem(curves: Collection[Curve]) -> str:
    """What the bulk moduli say of the unit of the energy."""
    ratios = {one.material: one.modulus / one.measured_modulus for one in curves if one.modulus is not None}
    if not ratios or any(1 / MODULUS <= ratio <= MODULUS for ratio in ratios.values()):
        return ""
    told = ", ".join(f"{name} {ratio:.3g}" for name, ratio in ratios.items())
    return f"its energies are not in eV: bulk moduli are wrong by factors ({told})"


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
