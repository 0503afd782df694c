"""Reading bands: a VASP directory, a vasprun.xml or a stored document, all answered in the one schema.

VASP with Gaussian-like smearing prints at each grid energy the mean density of the interval that *ends* there, so its first
moments lie half a grid step too high (0.105 eV on the 0.21 eV grid of a default NEDOS; measured against the mean
of the eigenvalues). The grid is moved back by that half step. The tetrahedron method prints the density at the point.
"""

from __future__ import annotations

import gzip
import json
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ValidationError
from pymatgen.core.structure import Structure

from ..configs.errors import CalculationError, InputError
from ..workflows.documents import BandEdges, CalculationDocument, ProjectedDos
from .band_report import Bands, bands_of

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["read_bands"]

_ORBITALS: tuple[Literal["s", "p", "d", "f"], ...] = ("s", "p", "d", "f")
#: ISMEAR of the tetrahedron methods (VASP wiki, ISMEAR)
_TETRAHEDRON = {-4, -5, -14, -15}


def read_bands(path: str | Path) -> Bands:
    """Read projected DOS, band edges and structure.

    Parameters
    ----------
    path : str or Path
        A VASP directory holding one ``vasprun.xml`` (plain or .gz), such a file, or a stored document (.json, .json.gz).
        Moments (µB, site property ``magmom``) and core potentials come from the OUTCAR beside it, where there is one.

    Returns
    -------
    Bands
        DOS summed over m for s, p, d (f); edges in eV on VASP's zero, the cell average of the electrostatic potential.

    Raises
    ------
    InputError
        If the path does not exist, is truncated or corrupt, holds no projected DOS, or comes from a rehearsal.
    CalculationError
        If the last electronic cycle is not converged.
    """
    file = _locate(Path(path))
    if ".json" in file.suffixes:
        return bands_of(_read_document(file))
    run = _parse(file)
    if "rehearsal" in str(run.vasp_version).lower():
        raise InputError(f"{file} was written by a rehearsal ({run.vasp_version}): its numbers are invented and are not analysed")
    if not run.converged_electronic:
        raise CalculationError(f"the last electronic cycle of {file} is not converged", "raise NELM or change the mixing, and run it again")
    if not run.pdos:
        raise InputError(f"{file} has no projected DOS: run VASP with LORBIT = 11")
    structure: Structure = run.final_structure.copy()
    moments, core_potentials = _from_outcar(_outcar_beside(file), len(structure))
    if moments is not None:
        structure.add_site_property("magmom", moments)
    return Bands(_projected_dos(run), _edges(run, core_potentials), structure)


def _locate(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path} does not exist: give a VASP directory, a vasprun.xml(.gz) or a stored document (.json)")
    if path.is_file():
        return path
    found = sorted(f for f in path.iterdir() if f.name.endswith(("vasprun.xml", "vasprun.xml.gz")))
    if len(found) != 1:
        names = ", ".join(f.name for f in found)
        raise InputError(f"{path} holds {len(found)} files vasprun.xml(.gz), one is needed" + (f"; name one of {names}" if found else ""))
    return found[0]


def _read_text(file: Path) -> str:
    try:
        raw = file.read_bytes()
        return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
    except EOFError:
        raise InputError(f"{file} is truncated: the gzip stream ends early") from None
    except (gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{file} is corrupt: {error}") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None


def _read_document(file: Path) -> CalculationDocument:
    """A document as monty or jobflow write it: class markers dropped, the output taken out of its job's envelope."""
    try:
        data = json.loads(_read_text(file))
    except json.JSONDecodeError as error:
        raise InputError(f"{file} is not JSON: {error}") from None
    if isinstance(data, dict) and {"uuid", "output"} <= set(data):
        data = data["output"]
    if not isinstance(data, dict):
        raise InputError(f"{file} is not a stored document: it holds a {type(data).__name__}")
    try:
        return CalculationDocument.model_validate({key: value for key, value in data.items() if not key.startswith("@")})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file} is not a stored document: {where + ': ' if where else ''}{first['msg']}") from None


def _parse(file: Path) -> Vasprun:
    from pymatgen.io.vasp.outputs import UnconvergedVASPWarning, Vasprun

    text = _read_text(file)
    if "<modeling" not in text[:2000]:
        raise InputError(f"{file} is not a vasprun.xml: it has no <modeling> element")
    if not text.rstrip().endswith("</modeling>"):
        raise InputError(f"{file} is truncated: VASP did not write the closing </modeling>, so the run was killed or is still going")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnconvergedVASPWarning)  # `converged_electronic` is read and refused by the caller
            return Vasprun(file, parse_potcar_file=False)
    except SyntaxError as error:
        raise InputError(f"{file} is corrupt: the XML is not well formed ({error.msg})") from None
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is corrupt: a section that a complete run has is missing or unreadable ({type(error).__name__}: {error})") from None


def _outcar_beside(file: Path) -> Path | None:
    stem = file.name.removesuffix(".gz").removesuffix("vasprun.xml")
    return next((f for f in (file.with_name(f"{stem}OUTCAR"), file.with_name(f"{stem}OUTCAR.gz")) if f.is_file()), None)


def _from_outcar(file: Path | None, n_sites: int) -> tuple[list[float] | None, list[float] | None]:
    """Moments, µB, and potential energies of an electron at the cores, eV, of the last step."""
    from pymatgen.io.vasp.outputs import Outcar

    if file is None:
        return None, None
    _read_text(file)  # names a truncated or corrupt file
    outcar = Outcar(file)
    moments = [site["tot"] for site in outcar.magnetization]
    if any(not isinstance(m, (int, float)) for m in moments):
        raise InputError(f"{file} holds vector moments of a non-collinear run, which are not supported")
    steps = outcar.read_avg_core_poten()
    core = [float(v) for v in steps[-1]] if steps else []
    return [float(m) for m in moments] if len(moments) == n_sites else None, core if len(core) == n_sites else None


def _projected_dos(run: Vasprun) -> ProjectedDos:
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


def _edges(run: Vasprun, core_potentials: list[float] | None) -> BandEdges:
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
