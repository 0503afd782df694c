"""vasprun.xml of a molecular dynamics, read as a stream: a run that was killed gives every step that it finished.

An ionic step of electrons is an element ``calculation``. One of a machine-learned force field is a bare ``structure``
with forces and energy behind it, and a run that trains its force field on the fly holds both, in the order of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, iterparse

import numpy as np
from numpy.typing import NDArray

from ...configs.constants import BOLTZMANN
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames
from .source import READ_ERRORS, Damage, Stream, TrajectorySource, opened, refuse_rehearsal_stamp

__all__ = ["vasprun_source"]

#: what an ionic step holds beside its geometry and energy: dropped as it is read
_UNUSED = {"eigenvalues", "dos", "projected", "scstep", "dynmat", "charge"}


def vasprun_source(path: Path) -> TrajectorySource:
    """Read what stands before the first ionic step.

    Raises
    ------
    InputError
        If that part is damaged or lacks the atoms, or the file is a rehearsal's.
    """
    texts: dict[str, str] = {}
    species: tuple[str, ...] = ()
    try:
        with opened(path) as file:
            for event, element in iterparse(file, ("start", "end")):
                if event == "start" and (
                    element.tag == "calculation" or (element.tag == "structure" and element.get("name") is None)
                ):
                    break
                if event == "end" and element.tag == "i" and element.get("name"):
                    texts.setdefault(str(element.get("name")).strip(), (element.text or "").strip())
                elif event == "end" and element.tag == "atominfo":
                    rows = element.findall("array[@name='atoms']/set/rc/c[1]")
                    species = tuple(
                        match.group() for row in rows if (match := re.match(r"[A-Z][a-z]?", (row.text or "").strip()))
                    )
    except (ParseError, *READ_ERRORS) as error:
        raise InputError(f"{path} is cut off or corrupt before its first ionic step: {error}") from None
    if not species:
        raise InputError(f"{path} names no atoms before its first ionic step")
    refuse_rehearsal_stamp(texts.get("version", ""), path)
    potim, ibrion = texts.get("POTIM", ""), texts.get("IBRION", "0")
    learned = texts.get("ML_LMLFF", "F").strip(". ").upper().startswith("T")
    optimiser = "" if ibrion == "0" else f"IBRION = {ibrion}"
    # Andersen's, Langevin's and the stochastic thermostats keep no energy, nor does scaling of velocities
    keeps = texts.get("MDALGO", "0") in ("0", "2", "4") and not texts.get("SMASS", "0").startswith("-1")

    def read(block: int, damage: Damage) -> Iterator[Frames]:
        if learned:
            damage.say("ML_LMLFF is on: a machine-learned force field of VASP moved its atoms, in all steps or in some")
        with opened(path) as file:
            for frames in _frames(file, species, block, damage):
                yield frames if keeps else replace(frames, conserved=None)

    timestep = float(potim) if _is_number(potim) and float(potim) > 0 else None
    return TrajectorySource(
        path, species, timestep, read, {"tier": "vasp-mlff" if learned else "vasp"}, optimiser=optimiser
    )


def _frames(file: Stream, species: tuple[str, ...], block: int, damage: Damage) -> Iterator[Frames]:
    """Blocks of the ionic steps that are whole."""
    steps: list[_Step] = []
    number = 0
    try:
        for parts in _steps(file):
            number += 1
            try:
                steps.append(_Step(parts, number, len(species)))
            except ValueError as error:
                damage.drop("its numbers are damaged", f"frame {number} ({error})")
            if len(steps) == block:
                yield _joined(steps, species)
                steps = []
    except (ParseError, *READ_ERRORS) as error:
        damage.say(f"cut off or corrupt after {number} ionic steps ({error}): these are used")
    if steps:
        yield _joined(steps, species)


def _steps(file: Stream) -> Iterator[tuple[Element, Element | None]]:
    """Structure and energy of each ionic step, of electrons or of a force field."""
    path: list[Element] = []
    bare: Element | None = None
    try:
        for event, element in iterparse(file, ("start", "end")):
            if event == "start":
                path.append(element)
                continue
            path.pop()
            if element.tag in _UNUSED:
                element.clear()
            if len(path) != 1:
                continue
            if bare is not None and element.tag in ("calculation", "structure"):
                yield bare, None
                bare = None
            if element.tag == "calculation":
                structure = element.find("structure")
                yield element if structure is None else structure, element.find("energy")
                path[0].clear()
            elif element.tag == "structure" and element.get("name") is None:
                bare = element
            elif element.tag == "energy" and bare is not None:
                yield bare, element
                bare = None
                path[0].clear()
    except (ParseError, *READ_ERRORS):
        if bare is not None:
            yield bare, None
        raise
    if bare is not None:
        yield bare, None


class _Step:
    """The geometry and energies of one ionic step.

    Raises
    ------
    ValueError
        If they are not as many finite numbers as there are atoms.
    """

    def __init__(self, parts: tuple[Element, Element | None], number: int, n_sites: int) -> None:
        structure, energy = parts
        self.number = number
        self.cell = _vectors(structure, "crystal/varray[@name='basis']", 3)
        self.positions = _vectors(structure, "varray[@name='positions']", n_sites) @ self.cell
        # the free energy: the forces are its derivative, so that with the kinetic energy it is conserved
        self.energy = _value(energy, "i[@name='e_fr_energy']")
        # VASP counts the degrees of freedom without those of the centre of mass
        kinetic = _value(energy, "i[@name='kinetic']")
        self.temperature = 2 * kinetic / (3 * max(n_sites - 1, 1) * BOLTZMANN)
        thermostat = [_value(energy, f"i[@name='{name}']") for name in ("nosepot", "nosekinetic")]
        self.conserved = self.energy + kinetic + float(np.nansum(thermostat))


def _vectors(structure: Element, place: str, count: int) -> NDArray[np.float64]:
    array = structure.find(place)
    rows = [] if array is None else [(row.text or "").split() for row in array]
    numbers = np.array([[float(number) for number in row] for row in rows if len(row) == 3])
    if numbers.shape != (count, 3) or not np.isfinite(numbers).all():
        raise ValueError(f"{place.split('=')[-1].strip(chr(39) + ']')}: {len(numbers)} of {count} vectors are numbers")
    return numbers


def _value(energy: Element | None, place: str) -> float:
    """A number, NaN where it is not written."""
    text = "nan" if energy is None else energy.findtext(place, "nan")
    return float(text) if _is_number(text) else np.nan


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _joined(steps: list[_Step], species: tuple[str, ...]) -> Frames:
    energies = np.array([step.energy for step in steps])
    temperatures = np.array([step.temperature for step in steps])
    conserved = np.array([step.conserved for step in steps])
    return Frames(
        species,
        np.array([step.cell for step in steps]),
        np.array([step.positions for step in steps]),
        np.array([step.number for step in steps]),
        np.full(len(steps), np.nan),
        energies if np.isfinite(energies).any() else None,
        temperatures if np.isfinite(temperatures).any() else None,
        conserved if np.isfinite(conserved).any() else None,
    )
