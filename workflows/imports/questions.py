"""What a job asks, and in what a finished run differs from it.

Everything that an energy depends on is held against the tags that the job itself would be written with, so that an
imported result and a computed one are held to the same rules; what concerns speed and the way to convergence alone
(ALGO, NELM, NCORE, KPAR, mixing) is not compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isclose
from typing import TYPE_CHECKING, Any

import numpy as np
from jobflow import Job
from pymatgen.core.structure import Structure

from ...configs.models import Method
from ..documents import Signature, is_stamped
from ..engines.engine import CalculationMaker
from ..engines.registry import runs_production
from ..engines.tasks import Dos, MolecularDynamics, Relax, Static, Task, read_task
from ..engines.vasp.backend import VaspBackend
from ..engines.vasp.cells import VaspCell, vasp_cell
from ..engines.vasp.inputs import Stage, incar_tags, needs_stages
from ..engines.vasp.potcar import known_titles
from ..roles import Role, read_role
from ..vasp_output.atoms import AtomType
from .cells import CellMatch, match_cell, mesh_along
from .outline import RunOutline

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["Question", "question_of"]

#: Å, and relative, within which a run starts from the result of the job before it: the digits of a POSCAR, and of a
#: refined one
_SAME_PLACE, _SAME_AXES = 2e-3, 2e-4
#: relative; axes of dynamics that start from a relaxed cell of their own
_OWN_AXES = 0.01
#: tags that are compared where the job writes them: those that a signature does not hold
_COMPARED = (
    "ISPIN",
    "LASPH",
    "LDIPOL",
    "IDIPOL",
    "ISIF",
    "POTIM",
    "TEBEG",
    "TEEND",
    "MDALGO",
    "SMASS",
    "LANGEVIN_GAMMA",
)
#: what VASP takes where neither the INCAR nor the values in force say it (VASP wiki, the pages of these tags)
_DEFAULTS: dict[str, Any] = {"ISPIN": 1, "LASPH": False, "LDIPOL": False, "IDIPOL": 0, "MDALGO": 0, "SMASS": -3.0}
_POTIM_MATTERS = ("md",)
#: relative; numbers that differ by less are the same, and those of a thermostat's mass
_SAME, _SAME_MASS = 1e-6, 0.02


@dataclass(frozen=True)
class Question:
    """A job of VASP.

    Parameters
    ----------
    uuid, index : str, int
    name, label : str
        Of the job, and of the material.
    role : Role or None
    backend : VaspBackend
        With the settings of the job.
    task : Relax, Static, Dos or MolecularDynamics
    structure : Structure
        It starts from.
    is_first : bool
        Whether that is a cell of the library or a builder, and not the result of another calculation.
    """

    uuid: str
    index: int
    name: str
    label: str
    role: Role | None
    backend: VaspBackend
    task: Task
    structure: Structure
    is_first: bool

    @cached_property
    def cell(self) -> VaspCell:
        """In VASP's order."""
        return vasp_cell(self.structure, self.label)

    @property
    def method(self) -> Method:
        """Its level of theory."""
        if self.task.method is None:
            raise ValueError(f"{self.name} has no method")
        return self.task.method

    def takes_kind(self, run: RunOutline) -> bool:
        """Whether a run is of the kind that is asked for; one with a projected density of states is a static one
        too."""
        return run.kind == self.task.kind or (isinstance(self.task, Static) and run.kind == "dos")

    def match(self, run: RunOutline) -> CellMatch | str | None:
        """How a run's cell lies on the asked one; a sentence where it is that crystal but not that start, None where it
        is another."""
        found = match_cell(self.structure, run.structure, run.moments)
        if found is None:
            return None
        if not found.same_order:
            return f"{self.name} starts from moments of both signs in another order"
        moves = isinstance(self.task, Relax) or (self.is_first and isinstance(self.task, MolecularDynamics))
        axes = _SAME_AXES
        if isinstance(self.task, Relax) and self.task.relax_cell:
            axes = 1.0
        elif moves and isinstance(self.task, MolecularDynamics):
            axes = _OWN_AXES
        if (found.away > _SAME_PLACE and not moves) or found.strain > axes:
            where = "a cell of the recipe" if self.is_first else "where the job before it ended"
            told = f"up to {found.away:.3f} Å from it, on axes that differ by {100 * found.strain:.2f} %"
            return f"{self.name} starts from {where}: this run lies {told}"
        return found

    def differences(
        self, run: Vasprun, match: CellMatch, signature: Signature, types: tuple[AtomType, ...]
    ) -> list[str]:
        """In what a run differs from what is asked, each as ``what: found, asked asked``.

        Parameters
        ----------
        run : Vasprun
            On its own axes.
        match : CellMatch
        signature : Signature
            Of the run.
        types : tuple of AtomType
        """
        return [
            *self._level(signature),
            *self._hubbard(signature),
            *self._mesh(run, match),
            *self._smearing(run),
            *self._tags(run),
            *([] if is_stamped(run.vasp_version) else [*self._version(run), *self._potcars(types)]),
        ]

    def _level(self, found: Signature) -> list[str]:
        asked, told = self.tags, []
        if found.functional.removesuffix("+U") != self.method.functional:
            told.append(f"functional: {found.functional}, asked {self.method.functional}")
        pairs = {
            "dispersion": (found.dispersion or "none", "as IVDW says" if asked.get("IVDW") else "none"),
            "spin-orbit coupling": (found.spin_orbit or found.noncollinear, bool(asked.get("LSORBIT"))),
            "real-space projection (LREAL)": (found.real_space_projection, bool(asked.get("LREAL"))),
            "PREC": (found.precision, self.backend.settings.precision),
        }
        told += [
            f"{name}: {mine}, asked {wanted}"
            for name, (mine, wanted) in pairs.items()
            if mine != wanted and not (name == "dispersion" and wanted != "none" and mine != "none")
        ]
        if found.cutoff is None or not isclose(found.cutoff, float(asked["ENCUT"]), abs_tol=0.01):
            told.append(f"cutoff: {found.cutoff:g} eV, asked {float(asked['ENCUT']):g} eV")
        if found.charge and abs(found.charge) > 1e-3:
            told.append(f"charge: {found.charge:+g} e, asked a neutral cell")
        return told

    def _hubbard(self, found: Signature) -> list[str]:
        elements = {site.specie.symbol for site in self.cell.structure}
        wanted = {element: u for element, u in self.method.hubbard_u.items() if element in elements}
        told = [
            f"U({element}): {found.hubbard_u.get(element, 0.0):g} eV, asked {wanted.get(element, 0.0):g} eV"
            for element in sorted(elements)
            if abs(found.hubbard_u.get(element, 0.0) - wanted.get(element, 0.0)) > 1e-6
        ]
        if found.hubbard_form and any(wanted.values()):
            told.append(f"form of U: {found.hubbard_form}, asked Dudarev's")
        return told

    def _mesh(self, run: Vasprun, match: CellMatch) -> list[str]:
        asked = tuple(self.method.kpoints)
        if run.kpoints is None or len(run.kpoints.kpts) != 1:
            return [f"k points: a list of its own, asked {_times(asked)}"]
        found = mesh_along(match, [int(n) for n in run.kpoints.kpts[0]])
        if found is None:
            return ["k points: a mesh along other axes of the lattice, which cannot be compared"]
        if found != asked:
            return [f"k points: {_times(found)}, asked {_times(asked)}"]
        gamma = run.kpoints.style.name.lower().startswith("g")
        wanted = self.backend.settings.centring == "gamma"
        if any(n % 2 == 0 for n in asked) and gamma != wanted:
            names = {True: "Γ-centred", False: "Monkhorst-Pack"}
            return [f"k points: {names[gamma]}, asked {names[wanted]}"]
        return []

    def _smearing(self, run: Vasprun) -> list[str]:
        asked, told = self.tags, []
        kind, width = int(_in_force(run, "ISMEAR", 1)), float(_in_force(run, "SIGMA", 0.2))
        if kind != int(asked["ISMEAR"]):
            told.append(f"ISMEAR: {kind}, asked {int(asked['ISMEAR'])}")
        elif kind not in (-4, -5) and not isclose(width, float(asked["SIGMA"]), abs_tol=1e-6):
            told.append(f"SIGMA: {width:g} eV, asked {float(asked['SIGMA']):g} eV")
        return told

    def _tags(self, run: Vasprun) -> list[str]:
        asked, told = self.tags, []
        extra = tuple(self.backend.settings.extra_tags)
        for tag in (*_COMPARED, *extra):
            if tag not in asked and tag not in ("LDIPOL", "LASPH"):
                continue
            if tag == "POTIM" and self.task.kind not in _POTIM_MATTERS:
                continue
            wanted, found = asked.get(tag, _DEFAULTS.get(tag)), _in_force(run, tag, _DEFAULTS.get(tag))
            if tag == "ISPIN" and int(asked[tag]) > int(found or 1) and not any(self._start_moments()):
                continue  # zero moments stay zero: the same state
            if not _same(wanted, found, _SAME_MASS if tag == "SMASS" else _SAME):
                told.append(f"{tag}: {_shown(found)}, asked {_shown(wanted)}")
        loosest = float(asked["EDIFF"])
        if float(_in_force(run, "EDIFF", 1e-4)) > loosest * (1 + _SAME):
            told.append(f"EDIFF: {float(_in_force(run, 'EDIFF', 1e-4)):g} eV, asked {loosest:g} eV")
        if isinstance(self.task, Dos):
            for tag in ("NBANDS", "NEDOS"):
                found, least = int(_in_force(run, tag, 0)), int(asked[tag])
                if found < least:
                    told.append(f"{tag}: {found}, asked at least {least}")
        return told

    def _start_moments(self) -> list[float]:
        return [float(m or 0.0) for m in self.structure.site_properties.get("magmom") or []]

    def _version(self, run: Vasprun) -> list[str]:
        found, asked = str(run.vasp_version), self.backend.settings.version
        same = found == asked or found.startswith(f"{asked}.")
        return [] if same else [f"version of VASP: {found}, asked {asked} (settings: version: of the recipe's vasp)"]

    def _potcars(self, types: tuple[AtomType, ...]) -> list[str]:
        settings, told = self.backend.settings, []
        library = settings.functional_library
        for kind in types:
            asked = settings.potcars[kind.symbol].symbol if kind.symbol in settings.potcars else "none"
            if kind.title.replace(" ", "") not in known_titles(library).get(asked, frozenset()):
                told.append(f"POTCAR of {kind.symbol}: {kind.title}, asked {asked} of {library}")
        return told

    @cached_property
    def tags(self) -> dict[str, Any]:
        """INCAR of the job, of its last stage where it has two."""
        stage: Stage = "dipole" if needs_stages(self.cell, self.task) else "only"
        return incar_tags(self.cell, self.task, self.backend.settings, stage)


def question_of(job: Job, structure: Structure, *, is_first: bool) -> Question | None:
    """Return what a job asks; None where it is no calculation with VASP.

    Parameters
    ----------
    job : Job
    structure : Structure
        It starts from.
    is_first : bool
    """
    maker = job.maker
    if not isinstance(maker, CalculationMaker) or not runs_production(maker.engine.name):
        return None
    backend = maker.engine.backend
    if not isinstance(backend, VaspBackend):
        return None
    return Question(
        uuid=job.uuid,
        index=job.index,
        name=job.name,
        label=str(job.function_args[1]),
        role=read_role(job.function_kwargs.get("role")),
        backend=backend,
        task=read_task(maker.task),
        structure=structure,
        is_first=is_first,
    )


def _in_force(run: Vasprun, tag: str, default: Any) -> Any:
    """Value of a tag: of a list the INCAR's, which VASP repeats in part."""
    given, used = run.incar.get(tag), run.parameters.get(tag)
    if isinstance(given, (list, tuple)):
        return list(given)
    return next((value for value in (used, given) if value is not None), default)


def _same(wanted: Any, found: Any, tolerance: float) -> bool:
    if isinstance(wanted, (list, tuple)) or isinstance(found, (list, tuple)):
        first, second = np.ravel(wanted), np.ravel(found)
        return len(first) == len(second) and all(
            _same(a, b, tolerance) for a, b in zip(first.tolist(), second.tolist(), strict=True)
        )
    if isinstance(wanted, bool) or isinstance(found, bool):
        return bool(wanted) == bool(found)
    if isinstance(wanted, (int, float)) and isinstance(found, (int, float)):
        return isclose(float(wanted), float(found), rel_tol=tolerance, abs_tol=1e-9)
    return str(wanted).strip().casefold() == str(found).strip().casefold()


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _times(mesh: tuple[int, ...]) -> str:
    return "×".join(map(str, mesh))
