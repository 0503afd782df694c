"""Elastic bands by VASP: the images as folders 00 to N + 1 of one run, and the band read back from them.

The layout is the one that VASP, its VTST extension and atomate2's ``NebFromImagesMaker`` share. The end points are not
computed: they bring their energies from their own relaxations. Forces are those of the table TOTAL-FORCE, without
springs; the largest force across the band is that which VTST prints.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatgen.core.structure import Structure

from ....configs.arrays import Floats
from ....configs.errors import CalculationError, InputError
from ...documents import CalculationDocument
from ...signature import require_same_signature
from ...vasp_output.files import locate, read_text
from ...vasp_output.outcar import read_contcar
from ..bands import BandOutcome, EndPoint, FoundBand, images_between
from ..tasks import ElasticBand, Static, Task
from .cells import VaspCell, vasp_cell
from .checks import Asked
from .document import document_from_files
from .inputs import write_inputs
from .runner import changes, run_stage
from .settings import VaspSettings
from .stages import ionic_steps, runs_of

__all__ = ["BandRun", "band_question", "image_folder", "write_band_inputs"]

#: of VTST, in the first lines of the OUTCAR of every image
_EXTENSION = re.compile(r"^\s*VTST: version", re.MULTILINE)
_REACHED = "reached required accuracy"
#: what VTST prints of the band's forces at each step
_LARGEST = re.compile(r"FORCES: max atom, RMS\s+([-\d.E+]+)")


def image_folder(directory: Path, number: int) -> Path:
    """Folder of one image, the end points included: ``00``."""
    return directory / f"{number:02d}"


def write_band_inputs(
    images: Sequence[Structure], task: ElasticBand, settings: VaspSettings, directory: Path, ranks: int | None = None
) -> VaspCell:
    """Write the input of a band: INCAR, KPOINTS, POTCAR and the first end point in `directory`, each image's POSCAR in
    a folder of its own.

    KPOINTS stands in each folder too, since VASP 6 compares them (vasp.at/forum, topic 18721).

    Parameters
    ----------
    images : sequence of Structure
        End points included, their atoms in one order.
    task : ElasticBand
    settings : VaspSettings
    directory : Path
    ranks : int, optional
        MPI ranks of the whole band.

    Raises
    ------
    InputError
        As :func:`~.inputs.write_inputs`.
    """
    from pymatgen.io.vasp.inputs import Poscar

    run = runs_of(vasp_cell(images[0]), task, settings)[-1]
    cell = write_inputs(images[0], task, settings, directory, run, ranks)
    for number, image in enumerate(images):
        folder = image_folder(directory, number)
        folder.mkdir(exist_ok=True)
        sorted_sites = vasp_cell(image).structure
        bare = Structure(sorted_sites.lattice, sorted_sites.species, sorted_sites.frac_coords)
        text = Poscar(bare, comment=f"image {number} of {len(images) - 1}").get_str(significant_figures=16)
        (folder / "POSCAR").write_text(text, encoding="utf-8")
        shutil.copyfile(directory / "KPOINTS", folder / "KPOINTS")
    return cell


@dataclass(frozen=True)
class BandRun:
    """A band that VASP computes in a directory.

    Parameters
    ----------
    ends : (EndPoint, EndPoint)
    task : ElasticBand
        With a method.
    settings : VaspSettings
    label : str
    directory : Path
    """

    ends: tuple[EndPoint, EndPoint]
    task: ElasticBand
    settings: VaspSettings
    label: str
    directory: Path

    @property
    def moving(self) -> list[Path]:
        """Folders of the images between the end points."""
        return [image_folder(self.directory, number) for number in range(1, self.task.images + 1)]

    def write(self) -> None:
        """Write the inputs, the images by the image dependent pair potential."""
        first, last = (end.structure for end in self.ends)
        write_band_inputs(images_between((first, last), self.task.images), self.task, self.settings, self.directory)
        for name in ("INCAR", "KPOINTS"):  # what was asked, beside which changes of an error handler are seen
            shutil.copyfile(self.directory / name, self.directory / f"{name}.orig")

    def go_on(self) -> bool:
        """Let every image start from its last positions; False, and nothing is moved, where one has none."""
        symbols = [site.specie.symbol for site in vasp_cell(self.ends[0].structure).structure]
        for folder in self.moving:
            try:
                last = read_contcar(folder / "CONTCAR")
            except InputError:
                return False
            if [site.specie.symbol for site in last] != symbols:
                return False
        for folder in self.moving:
            shutil.copyfile(folder / "CONTCAR", folder / "POSCAR")
        return True

    def run(self, command: str) -> int:
        """Run until the band has converged; return the steps of this attempt.

        Raises
        ------
        CalculationError
            If it does not converge within its steps, VASP has no VTST extension and an image is to climb, or an error
            handler changed what the energies are.
        """
        done = 0
        while True:
            run_stage(command, self.directory, "relax", self.settings, self.label, band=True)
            self._require_as_asked()
            steps = ionic_steps(self.moving[0])[0]
            done += steps
            if any(_REACHED in read_text(folder / "OUTCAR") for folder in self.moving):
                return done
            if steps < self.settings.steps_per_run or done >= self.task.max_steps or not self.go_on():
                raise CalculationError(
                    f"{self.label}: the band did not reach {self.task.max_force:g} eV/Å within {done} steps; the "
                    f"largest force across it is {self._largest():.3f} eV/Å",
                    "its images are kept: allow more steps and run it again, or take another number of images",
                )

    def read(self, asked: Callable[[Structure, VaspCell, Task, Path], Asked], steps: int) -> FoundBand:
        """Return the band that was found.

        Parameters
        ----------
        asked : callable
            What each run is held to, of a structure, its cell, its task and the folder with its inputs.
        steps : int
            Of all runs.

        Raises
        ------
        InputError
            If a file is damaged (which and how), or the end points were computed at other settings.
        CalculationError
            If an image is not accepted.
        """
        documents = [self._document(folder, asked) for folder in self.moving]
        first, last = self.ends
        told = {f"{self.label}, image {k}": one.signature for k, one in enumerate(documents, 1)}
        require_same_signature({"the first end point": first.signature, "the last": last.signature, **told})
        positions = [np.array(first.structure.cart_coords)]
        for document in documents:
            fractional = np.array(document.structure.frac_coords)
            before = first.structure.lattice.get_fractional_coords(positions[-1])
            fractional -= np.rint(fractional - before)  # each atom on the side of the border where it was
            positions.append(first.structure.lattice.get_cartesian_coords(fractional))
        energies = np.array([first.energy, *(document.energy for document in documents), last.energy])
        forces = [self._forces(folder) for folder in self.moving]
        outcome = BandOutcome(
            np.array([*positions, np.array(last.structure.cart_coords)]),
            energies,
            np.array([first.forces, *forces, last.forces]),
            int(energies[1:-1].argmax()) + 1,
            self._largest(),
            steps,
        )
        return FoundBand(outcome, documents[0].tier, documents[0].signature)

    def _document(self, folder: Path, asked: Callable[[Structure, VaspCell, Task, Path], Asked]) -> CalculationDocument:
        """One image as a static calculation of the cell from which its last run started."""
        start = read_contcar(folder / "POSCAR")
        ours = vasp_cell(self.ends[0].structure)
        like = self.ends[0].structure
        coords = ours.restored(start.frac_coords.tolist())
        structure = Structure(like.lattice, like.species_and_occu, coords, site_properties=like.site_properties)
        task = Static(method=self.task.method)
        document = document_from_files(folder, self.label, asked(structure, vasp_cell(structure), task, self.directory))
        failed = (
            [one for one in document.acceptance.checks if not one.ok and one.refuses] if document.acceptance else []
        )
        if failed:
            told = "; ".join(f"{one.name}: {one.detail}" for one in failed)
            raise CalculationError(f"{self.label}, image {folder.name}: not accepted: {told}")
        return document

    def _forces(self, folder: Path) -> Floats:
        """Forces of VASP on the atoms at the last step, in the order of the asked cell: (n_atoms, 3), eV/Å."""
        text = read_text(folder / "OUTCAR")
        rows = text[text.rindex("TOTAL-FORCE (eV/Angst)") :].splitlines()[2:]
        cell = vasp_cell(self.ends[0].structure)
        found = [[float(value) for value in row.split()[3:6]] for row in rows[: len(cell.order)]]
        return np.array(cell.restored(found))

    def _largest(self) -> float:
        """Largest force across the band, eV/Å; the limit that was met where VASP alone printed none."""
        told = [_LARGEST.findall(read_text(folder / "OUTCAR")) for folder in self.moving]
        return max((float(one[-1]) for one in told if one), default=self.task.max_force)

    def _require_as_asked(self) -> None:
        if self.task.climbing and not _EXTENSION.search(read_text(locate(self.moving[0]).outcar or self.moving[0])):
            raise CalculationError(
                f"{self.label}: this VASP was built without the VTST extension, so that no image moved or climbed",
                "name a VASP with it, or ask for climbing: false, whose saddle is interpolated between images",
            )
        altered = [str(one) for one in changes(self.directory, "relax") if one.verdict == "breaks comparability"]
        if altered:
            raise CalculationError(f"{self.label}: an error handler changed what energies are: {'; '.join(altered)}")


def band_question(ends: tuple[EndPoint, EndPoint], task: ElasticBand, numerics: dict[str, object]) -> str:
    """What a band was asked, as text."""
    cells = [end.structure.as_dict() for end in ends]
    told = {"ends": cells, "task": task.model_dump(mode="json"), "numerics": numerics}
    return json.dumps(told, sort_keys=True, default=float)
