"""Reading what VASP wrote: files found by name, damage named, arrays taken out. No maker, no engine.

VASP with Gaussian-like smearing prints at each grid energy the mean density of the interval that *ends* there, so its
first moments lie half a grid step too high (0.105 eV on the 0.21 eV grid of a default NEDOS; measured against the mean
of the eigenvalues). The grid is moved back by that half step. The tetrahedron method prints the density at the point.
"""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pymatgen.core.structure import Structure

from ..configs.errors import CalculationError, InputError
from .documents import BandEdges, PlanarPotential, ProjectedDos, is_stamped

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = [
    "VaspFiles",
    "band_edges",
    "locate",
    "parse_vasprun",
    "projected_dos",
    "read_contcar",
    "read_locpot",
    "read_outcar",
    "read_text",
    "refuse_rehearsal",
    "require_electronic_convergence",
]

_ORBITALS: tuple[Literal["s", "p", "d", "f"], ...] = ("s", "p", "d", "f")
#: ISMEAR of the tetrahedron methods (VASP wiki, ISMEAR)
_TETRAHEDRON = {-4, -5, -14, -15}
#: VASP's last words in a complete OUTCAR
_OUTCAR_END = "General timing and accounting informations for this job"


@dataclass(frozen=True)
class VaspFiles:
    """The files of one run, under one prefix; None where a file is not there."""

    vasprun: Path
    outcar: Path | None
    contcar: Path | None
    locpot: Path | None = None


def locate(path: Path) -> VaspFiles:
    """Find the files of one run in a directory, or beside one ``vasprun.xml``; each plain or .gz, under any prefix.

    Raises
    ------
    InputError
        If there is no such path, or the directory holds no run or several.
    """
    if not path.exists():
        raise InputError(
            f"{path} does not exist: give a VASP directory, a vasprun.xml(.gz) or a stored document (.json)"
        )
    found = [path]
    if path.is_dir():
        found = sorted(f for f in path.iterdir() if f.name.endswith(("vasprun.xml", "vasprun.xml.gz")))
        if len(found) != 1:
            names = ", ".join(f.name for f in found)
            raise InputError(
                f"{path} holds {len(found)} files vasprun.xml(.gz), one is needed"
                + (f"; name one of {names}" if found else "")
            )
    stem = found[0].name.removesuffix(".gz").removesuffix("vasprun.xml")

    def beside(name: str) -> Path | None:
        return next(
            (f for f in (found[0].with_name(f"{stem}{name}"), found[0].with_name(f"{stem}{name}.gz")) if f.is_file()),
            None,
        )

    return VaspFiles(found[0], beside("OUTCAR"), beside("CONTCAR"), beside("LOCPOT"))


def read_text(file: Path) -> str:
    """Return the text of a plain or gzipped file.

    Raises
    ------
    InputError
        Naming the file and its damage.
    """
    try:
        raw = file.read_bytes()
        text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
    except EOFError:
        raise InputError(f"{file} is truncated: the gzip stream ends early") from None
    except (gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{file} is corrupt: {error}") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    if not text.strip():
        raise InputError(f"{file} is empty")
    return text


def parse_vasprun(file: Path, projected: bool = False, *, states: bool = True) -> Vasprun:
    """Parse a complete vasprun.xml; without `states`, no eigenvalues and no density of states are looked for.

    Raises
    ------
    InputError
        If it is empty, truncated, corrupt, or something else.
    """
    from pymatgen.io.vasp.outputs import UnconvergedVASPWarning, Vasprun

    text = read_text(file)
    if "<modeling" not in text[:2000]:
        raise InputError(f"{file} is not a vasprun.xml: it has no <modeling> element")
    if not text.rstrip().endswith("</modeling>"):
        raise InputError(
            f"{file} is truncated: VASP did not write the closing </modeling>, so the run was killed or is still going"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnconvergedVASPWarning)  # convergence is read and judged by the caller
            return Vasprun(
                file, parse_potcar_file=False, parse_projected_eigen=projected, parse_dos=states, parse_eigen=states
            )
    except SyntaxError as error:
        raise InputError(f"{file} is corrupt: the XML is not well formed ({error.msg})") from None
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file} is corrupt: a section that a complete run has is missing or unreadable ({type(error).__name__}: "
            f"{error})"
        ) from None


def refuse_rehearsal(run: Vasprun, file: Path) -> None:
    """Raise InputError if the numbers are a rehearsal's."""
    if is_stamped(run.vasp_version):
        raise InputError(
            f"{file} was written by a rehearsal ({run.vasp_version}): its numbers are invented and are not analysed"
        )


def read_outcar(file: Path | None, n_sites: int) -> dict[str, Any]:
    """Moments and what else only the OUTCAR has, of the last step.

    Returns
    -------
    dict
        ``moments`` (n_sites,) µB or None, ``total`` µB or None, ``core`` (n_sites,) eV or None, ``electrons``,
        ``n_bands``, ``cpu_seconds``, ``wall_seconds``; empty where there is no file.

    Raises
    ------
    InputError
        If it is empty, truncated, corrupt, or of a non-collinear run.
    """
    from pymatgen.io.vasp.outputs import Outcar

    if file is None:
        return {}
    text = read_text(file)
    if _OUTCAR_END not in text:
        raise InputError(
            f"{file} is truncated: VASP did not write its closing timing table, so the run was killed or is still going"
        )
    try:
        outcar = Outcar(file)
        steps = outcar.read_avg_core_poten()
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file} is corrupt: a section that a complete run has is missing or unreadable "
            f"({type(error).__name__}: "
            f"{error})"
        ) from None
    # the tables of charges and moments come in pairs: without its partner, the last table of moments is of an earlier
    # step
    tables = [
        max((m.start() for m in re.finditer(rf"^ *{title} *$", text, re.MULTILINE)), default=-1)
        for title in ("total charge", r"magnetization \(x\)")
    ]
    moments = [site["tot"] for site in outcar.magnetization] if tables[1] >= tables[0] else []
    if any(not isinstance(m, (int, float)) for m in moments):
        raise InputError(f"{file} holds vector moments of a non-collinear run, which are not supported")
    core = [float(v) for v in steps[-1]] if steps else []
    return {
        "moments": [float(m) for m in moments] if len(moments) == n_sites else None,
        "total": None if outcar.total_mag is None else float(outcar.total_mag),
        "core": core if len(core) == n_sites else None,
        "electrons": None if outcar.nelect is None else float(outcar.nelect),
        "cpu_seconds": outcar.run_stats.get("Total CPU time used (sec)"),
        "wall_seconds": outcar.run_stats.get("Elapsed time (sec)"),
    }


def read_contcar(file: Path) -> Structure:
    """Return the last structure with velocities (Å/fs) where it has them, from which a run goes on.

    Raises
    ------
    InputError
        If it is empty or does not parse.
    """
    from pymatgen.io.vasp.inputs import Poscar

    text = read_text(file)
    try:
        return Poscar.from_str(text).structure
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise InputError(f"{file} is corrupt: it is no whole POSCAR ({error})") from None


def read_locpot(file: Path | None, run: Vasprun) -> PlanarPotential | None:
    """Planar average along c of the electrostatic potential energy of an electron.

    None where there is no LOCPOT, and where it holds exchange and correlation as well (LVTOT): its average is then not
    VASP's zero.

    Raises
    ------
    InputError
        If it is empty, truncated or corrupt.
    """
    if file is None or run.parameters.get("LVTOT"):
        return None
    head = re.match(
        r"(?:.*\n){6}(?:.*\S.*\n)+[ \t]*\n[ \t]*(\d+)[ \t]+(\d+)[ \t]+(\d+)[ \t]*\n", text := read_text(file)
    )
    if head is None:
        raise InputError(f"{file} is corrupt: no grid follows its structure")
    n_a, n_b, n_c = (int(number) for number in head.groups())
    wanted, lines = n_a * n_b * n_c, text[head.end() :].splitlines()
    try:
        values = (
            np.fromstring("\n".join(lines[: -(-wanted // max(len(lines[0].split()), 1))]), sep=" ")
            if lines
            else np.empty(0)
        )
    except ValueError as error:
        raise InputError(f"{file} is corrupt: {error}") from None
    if values.size != wanted or not np.isfinite(values).all():
        raise InputError(
            f"{file} is truncated: {values.size} of the {n_a} × {n_b} × {n_c} values of its grid are there"
        )
    planar = values.reshape(n_c, n_a * n_b).mean(axis=1)
    return PlanarPotential(
        values=planar.tolist(),
        kind="VASP: ionic and Hartree potential (LOCPOT with LVHAR), smooth inside the PAW spheres",
    )


def projected_dos(run: Vasprun) -> ProjectedDos:
    """The projected DOS summed over m, s to f, on VASP's own energy zero (see above for the half step)."""
    energies = np.asarray(run.tdos.energies, dtype=float)
    step = float(energies[1] - energies[0])
    smearing = int(run.parameters["ISMEAR"])
    spins = sorted(run.tdos.densities, key=lambda spin: -spin.value)
    present = [o for o in _ORBITALS if any(_orbital_type(key) == o for key in run.pdos[0])]
    densities = np.zeros((len(spins), len(run.pdos), len(present), len(energies)))
    for site, table in enumerate(run.pdos):
        for key, channels in table.items():
            for i, spin in enumerate(spins):
                densities[i, site, present.index(_orbital_type(key))] += channels[spin]
    tetrahedron = smearing in _TETRAHEDRON
    return ProjectedDos(
        energies=(energies if tetrahedron else energies - step / 2).tolist(),
        densities=densities.tolist(),
        total=[np.asarray(run.tdos.densities[spin], dtype=float).tolist() for spin in spins],
        orbitals=present,
        broadening=0.0 if tetrahedron else float(run.parameters["SIGMA"]),
        n_bands=int(run.parameters["NBANDS"]),
    )


def _orbital_type(key: Any) -> Literal["s", "p", "d", "f"]:
    """Orbital letter of a projection key: one m of LORBIT 11 or a whole shell of LORBIT 10."""
    return next(o for o in _ORBITALS if str(getattr(key, "name", key)).startswith(o))


def band_edges(run: Vasprun, core_potentials: list[float] | None) -> BandEdges:
    """Band edges from the eigenvalues.

    The cell average of the electrostatic potential is VASP's own zero: the G = 0 terms of the Hartree and local
    ionic potentials are left out, so it is 0 eV by construction (VASP wiki, LVHAR: the average of LOCPOT).
    """
    bands = run.get_band_structure(efermi="smart")
    metal = bands.is_metal()
    return BandEdges(
        efermi=float(run.efermi),  # type: ignore[arg-type]  # Vasprun types it as optional, a complete file has it
        vbm=None if metal else float(bands.get_vbm()["energy"]),
        cbm=None if metal else float(bands.get_cbm()["energy"]),
        gap=0.0 if metal else float(bands.get_band_gap()["energy"]),
        direct_gap=None if metal else float(bands.get_direct_band_gap()),
        average_potential=0.0,
        core_potentials=core_potentials,
        core_potential_kind="" if core_potentials is None else "VASP: average over a test charge at the core (OUTCAR)",
    )


def require_electronic_convergence(run: Vasprun, file: Path) -> None:
    """Raise CalculationError if the last electronic cycle ended at its limit."""
    if not run.converged_electronic:
        raise CalculationError(
            f"the last electronic cycle of {file} is not converged", "raise NELM or change the mixing, and run it again"
        )
