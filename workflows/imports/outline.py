"""What a found run is, and why it cannot be used: the first look, before it is held against a question."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError, InputError
from ...structures.crystals.guard import require_sane
from ..documents import Kind, is_stamped
from ..engines.vasp.document import kind_of
from ..vasp_output.files import damage_named, read_text
from ..vasp_output.find import FoundRun
from ..vasp_output.outcar import read_contcar, read_outcar
from ..vasp_output.run import atom_types, parse_vasprun

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["RunOutline", "outline"]

#: ALGO of runs that end without a total energy of the ground state (VASP wiki, ALGO), by its first letters
_NO_GROUND_STATE = {
    "gw": "GW",
    "evgw": "GW",
    "scgw": "GW",
    "qpgw": "GW",
    "bse": "the Bethe-Salpeter equation",
    "tdhf": "time-dependent Hartree-Fock",
    "timeev": "time evolution",
    "chi": "response functions",
    "crpa": "constrained RPA",
    "acfdt": "RPA energies",
    "rpa": "RPA energies",
    "none": "no electronic step",
    "nothing": "no electronic step",
    "eigenval": "a diagonalisation of a fixed potential",
    "subrot": "a rotation of a fixed subspace",
}
#: IBRION of what moves atoms and is neither a relaxation nor dynamics (VASP wiki, IBRION)
_OTHER_MOTION = {
    5: "force constants",
    6: "force constants",
    7: "force constants",
    8: "force constants",
    11: "a calculation that was steered from outside",
    12: "a calculation that was steered from outside",
    40: "a reaction path",
    44: "a search for a saddle point",
}


#: eV, within which the last energies of two files of one run agree
_SAME_ENERGY = 1e-3


@dataclass(frozen=True)
class RunOutline:
    """A finished run before it is read in full.

    Parameters
    ----------
    found : FoundRun
    digest : str
        sha256 of its content.
    kind : str
        relax, static, dos or md.
    structure : Structure
        It started from, in the order of its files.
    following : Structure
        It ended with: of dynamics, the geometry after the last frame.
    moments : tuple of float
        µB, that it started from by its MAGMOM; that it ended with where it has none, as after a WAVECAR was read.
    n_steps : int
        Ionic steps.
    goes_on : bool
        Whether its POSCAR is the CONTCAR of a run of dynamics before it: it holds the state of the integrator, which
        only VASP writes.
    """

    found: FoundRun
    digest: str
    kind: Kind
    structure: Structure
    following: Structure
    moments: tuple[float, ...]
    n_steps: int
    goes_on: bool

    @property
    def place(self) -> str:
        """Where it lies."""
        return str(self.found.path)


def outline(found: FoundRun, digest: str, *, rehearsals: bool = False) -> RunOutline:
    """Look at a run.

    Parameters
    ----------
    found : FoundRun
    digest : str
        Its content hash.
    rehearsals : bool
        Whether runs of the stand-in for VASP are taken; otherwise they are refused.

    Raises
    ------
    InputError
        With the reason why it cannot be used: damaged, another kind of run, POTCARs of two releases, not converged.
    """
    run = parse_vasprun(found.files.vasprun)
    with damage_named(found.files.vasprun):
        return _outline(run, found, digest, rehearsals=rehearsals)


def _outline(run: Vasprun, found: FoundRun, digest: str, *, rehearsals: bool) -> RunOutline:
    file = found.files.vasprun
    for structure in (run.initial_structure, run.final_structure):
        require_sane(structure, file)
    kind = _kind(run, found)
    if is_stamped(run.vasp_version) and not rehearsals:
        raise InputError(f"{file} was written by a rehearsal ({run.vasp_version}): its numbers are invented")
    _require_one_release(run, found)
    outcar = read_outcar(found.files.outcar, len(run.initial_structure))  # one that is cut off is told here
    _require_same_run(run, found)
    following = run.final_structure
    if kind == "md" and found.files.contcar is not None:
        following = read_contcar(found.files.contcar)
        mine, theirs = (one.composition.element_composition for one in (run.final_structure, following))
        if mine != theirs:
            raise InputError(
                f"{found.files.contcar} holds {theirs.formula}, and {file.name} beside it {mine.formula}: it is of "
                "another run"
            )
    return RunOutline(
        found=found,
        digest=digest,
        kind=kind,
        structure=run.initial_structure,
        following=following,
        moments=_moments(run) or tuple(outcar.get("moments") or ()),
        n_steps=len(run.ionic_steps),
        goes_on=kind == "md" and _holds_an_integrator(found),
    )


def _kind(run: Vasprun, found: FoundRun) -> Kind:
    """Kind of a run whose last energy is that of a ground state and whose atoms were relaxed or moved, or neither."""
    file, tags = found.files.vasprun, {**run.parameters, **run.incar}
    algorithm = str(run.incar.get("ALGO", "")).lower().strip()
    other = next((name for start, name in _NO_GROUND_STATE.items() if algorithm.startswith(start)), None)
    if other is not None:
        raise InputError(f"{file} ran with ALGO = {run.incar['ALGO']}, {other}: it has no energy of a ground state")
    if int(tags.get("ICHARG", 2) or 0) >= 10:
        raise InputError(
            f"{file} ran with ICHARG = {int(tags['ICHARG'])}: its density was read and kept, of a first part that is "
            "not here, so its energy is not self-consistent",
            "import the run that gave the density; `catholyte bands` reads this one as it is",
        )
    if (motion := int(tags.get("IBRION", -1))) in _OTHER_MOTION and int(tags.get("NSW", 0)) > 0:
        raise InputError(f"{file} ran with IBRION = {motion}: {_OTHER_MOTION[motion]}, neither relaxed nor in motion")
    if int(tags.get("IMAGES", 0) or 0) > 0:
        raise InputError(f"{file} is an image of an elastic band (IMAGES = {int(tags['IMAGES'])})")
    kind = kind_of(run)
    cycles = [len(step["electronic_steps"]) for step in run.ionic_steps]
    most = int(run.parameters.get("NELM", 60))
    if run.converged_electronic is False or (cycles and cycles[-1] >= most):
        raise InputError(f"{file}: the electrons of the last step did not converge within {most} steps (NELM)")
    if kind == "md" and (full := [i for i, n in enumerate(cycles, 1) if n >= most]):
        raise InputError(f"{file}: the electrons of step {full[0]} did not converge within {most} steps (NELM)")
    if kind == "relax" and not run.converged_ionic:
        largest = float(np.linalg.norm(np.asarray(run.ionic_steps[-1]["forces"], dtype=float), axis=1).max())
        raise InputError(
            f"{file}: the atoms did not come to rest within {len(run.ionic_steps)} steps (NSW); the largest force is "
            f"{largest:.3f} eV/Å"
        )
    return kind


def _require_same_run(run: Vasprun, found: FoundRun) -> None:
    """Refuse an OUTCAR that another run wrote: by its atoms, or by its last energy."""
    if found.files.outcar is None:
        return
    text, n_sites = read_text(found.files.outcar), len(run.initial_structure)
    told = f"{found.files.outcar} is of another run than {found.files.vasprun.name} beside it"
    if (atoms := re.search(r"NIONS\s*=\s*(\d+)", text)) and int(atoms[1]) != n_sites:
        raise InputError(f"{told}: it has {atoms[1]} atoms, not {n_sites}")
    energies = re.findall(r"free\s+energy\s+TOTEN\s*=\s*(-?\d+\.\d+)", text)
    step = run.ionic_steps[-1] if run.ionic_steps else {}
    # with a dispersion correction the two blocks of vasprun.xml may differ by it
    last = [one["e_fr_energy"] for one in (step, *step.get("electronic_steps", ())[-1:]) if "e_fr_energy" in one]
    if energies and last and min(abs(float(energies[-1]) - float(one)) for one in last) > _SAME_ENERGY:
        raise InputError(f"{told}: its last energy is {energies[-1]} eV, not {float(last[0]):.6f} eV")


def _require_one_release(run: Vasprun, found: FoundRun) -> None:
    """Refuse POTCARs of two releases, and two POTCARs of one element."""
    types = atom_types(found.files.vasprun, run)
    releases = sorted({kind.title.split()[0] for kind in types if kind.title.split()})
    if len(releases) > 1:
        told = ", ".join(kind.title for kind in types)
        raise InputError(f"{found.files.vasprun} mixes POTCARs of {' and '.join(releases)}: {told}")
    titles: dict[str, set[str]] = {}
    for kind in types:
        titles.setdefault(kind.symbol, set()).add(kind.title)
    for element, named in titles.items():
        if len(named) > 1:
            raise InputError(f"{found.files.vasprun} mixes POTCARs of {element}: {' and '.join(sorted(named))}")


def _moments(run: Vasprun) -> tuple[float, ...]:
    given = run.incar.get("MAGMOM")
    if not isinstance(given, (list, tuple)) or len(given) != len(run.initial_structure):
        return ()
    if not all(isinstance(m, (int, float)) for m in given):
        return ()
    return tuple(float(m) for m in given)


def _holds_an_integrator(found: FoundRun) -> bool:
    if found.poscar is None:
        return False
    try:
        start = read_contcar(found.poscar)
    except CatholyteError:
        return False
    return "predictor_corrector" in start.site_properties
