"""An elastic band in place of VASP's with the VTST extension: ASE's band over the images, each with its own files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.io.ase import AseAtomsAdaptor

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .electrons import Electrons
from .inputs import RunInputs
from .motion import Frame, frame_of
from .outputs import Outputs
from .potential import Potential

__all__ = ["rehearse_band"]


@dataclass(frozen=True, eq=False)
class _Step:
    """One step of all moving images.

    Parameters
    ----------
    frames : list of Frame
        Of the moving images.
    forces : (n_images, n_atoms, 3) float array
        eV/Å, those of the band, springs included.
    converged : bool
    """

    frames: list[Frame]
    forces: Floats
    converged: bool


def _folders(directory: Path, inputs: RunInputs) -> list[Path]:
    return [directory / f"{number:02d}" for number in range(int(inputs.given["IMAGES"]) + 2)]


def _outputs(directory: Path, inputs: RunInputs, electrons: Electrons, potential: Potential) -> list[Outputs]:
    """Return the output files of the moving images, and say in each that an extension is there.

    Parameters
    ----------
    directory : Path
        With INCAR, KPOINTS and POTCAR; each image's POSCAR lies in a folder of its own.
    inputs : RunInputs
        Read there.
    electrons : Electrons
    potential : Potential
    """
    found = []
    for folder in _folders(directory, inputs)[1:-1]:
        outputs = Outputs(folder, replace(inputs, structure=_image(folder, inputs)), electrons, potential)
        outputs.outcar.write(" VTST: version 0.0 REHEARSAL\n CHAIN: Running the NEB\n\n")
        found.append(outputs)
    return found


def _image(folder: Path, inputs: RunInputs) -> Any:
    from pymatgen.io.vasp.inputs import Poscar

    if not (folder / "POSCAR").is_file():
        raise InputError(f"{folder / 'POSCAR'}: no such file")
    found = Poscar.from_file(folder / "POSCAR", check_for_potcar=False).structure
    if [site.specie for site in found] != [site.specie for site in inputs.structure]:
        raise InputError(f"{folder / 'POSCAR'} holds other atoms than {folder.parent / 'POSCAR'}")
    return found


def _steps(directory: Path, inputs: RunInputs, potential: Potential) -> Iterator[_Step]:
    """Yield the steps of the band, at most NSW; without IOPT no image moves where POTIM is 0, as in VASP.

    Parameters
    ----------
    directory : Path
    inputs : RunInputs
    potential : Potential
    """
    from ase.mep.neb import NEB
    from ase.optimize import FIRE

    images = []
    for folder in _folders(directory, inputs):
        structure = _image(folder, inputs)
        atoms = AseAtomsAdaptor.get_atoms(structure.copy(site_properties={}), msonable=False)
        atoms.set_positions(np.asarray(structure.frac_coords) @ atoms.cell.array)
        atoms.calc = potential.whole if inputs.incar["ISPIN"] == 2 else potential.steps
        images.append(atoms)
    _unwrap(images)
    climb = bool(inputs.incar.get("LCLIMB", False))
    spring = abs(float(inputs.incar.get("SPRING", -5)))
    band = NEB(images, k=spring, climb=climb, method="improvedtangent", allow_shared_calculator=True)
    target = -float(inputs.incar["EDIFFG"])
    optimizer = FIRE(band, logfile=None)
    for _ in optimizer.irun(fmax=0.0, steps=int(inputs.incar["NSW"]) - 1):
        forces = band.get_forces().reshape(len(images) - 2, -1, 3)
        done = float(np.linalg.norm(forces, axis=2).max()) <= target
        yield _Step([frame_of(image, converged=done) for image in images[1:-1]], forces, done)
        if done:
            return


def _unwrap(images: list[Any]) -> None:
    """Put each atom on the side of the borders where it is in the image before."""
    for before, image in pairwise(images):
        gaps = image.get_scaled_positions(wrap=False) - before.get_scaled_positions(wrap=False)
        image.set_positions(image.get_positions() - np.rint(gaps) @ image.cell.array)


def rehearse_band(directory: Path, inputs: RunInputs, electrons: Electrons, potential: Potential, pause: float) -> None:
    """Move the images in `directory` and write their output files, step by step.

    Parameters
    ----------
    directory : Path
    inputs : RunInputs
    electrons : Electrons
    potential : Potential
    pause : float
        s, after each step.
    """
    outputs = _outputs(directory, inputs, electrons, potential)
    done = False
    for step in _steps(directory, inputs, potential):
        for one, frame, forces in zip(outputs, step.frames, step.forces, strict=True):
            if frame.moments is not None:
                one.electrons = one.electrons.with_sizes(frame.moments)
            change = 0.1 * float(inputs.incar["EDIFF"])
            cycles = [(frame.energy + change, -0.1), (frame.energy, -change)]
            for number, (value, difference) in enumerate(cycles, 1):
                one.electronic_step(number, value, difference)
            one.ionic_step(frame, cycles, converged=True)
            largest, mean = np.linalg.norm(forces, axis=1).max(), np.sqrt((forces**2).mean())
            one.outcar.write(f" FORCES: max atom, RMS {largest:12.6f} {mean:12.6f}\n")
        done = step.converged
        time.sleep(pause)
    for one in outputs:
        one.finish(reached=done)
