"""What only the OUTCAR and the CONTCAR hold: moments, core potentials, velocities."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.crystals.guard import MOST_ATOMS
from .files import read_text

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["VECTORS", "read_contcar", "read_outcar", "require_few_atoms", "with_moments"]

#: what is said of the moments of a noncollinear run
VECTORS = "the moments of this noncollinear run are vectors: their lengths are used, their directions are not"

#: VASP's last words in a complete OUTCAR
_OUTCAR_END = "General timing and accounting informations for this job"


def read_outcar(file: Path | None, n_sites: int) -> dict[str, Any]:
    """Moments and what else only the OUTCAR has, of the last step.

    Returns
    -------
    dict
        ``moments`` (n_sites,) µB or None, of a noncollinear run the lengths of its vectors, and then ``vectors``
        (n_sites, 3) µB; ``total`` µB or None, ``core`` (n_sites,) eV or None, ``electrons``, ``cpu_seconds``,
        ``wall_seconds``, ``cores`` (MPI ranks times threads) or None; empty where there is no file.

    Raises
    ------
    InputError
        If it is empty, truncated or corrupt.
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
    vectors = [[float(x) for x in m.moment] for m in moments if not isinstance(m, (int, float))]
    sizes = [math.hypot(*vector) for vector in vectors] if vectors else [float(m) for m in moments]
    core = [float(v) for v in steps[-1]] if steps else []
    return {
        "moments": sizes if len(sizes) == n_sites else None,
        "vectors": vectors if len(vectors) == n_sites else None,
        "total": None if outcar.total_mag is None else float(outcar.total_mag),
        "core": core if len(core) == n_sites else None,
        "electrons": None if outcar.nelect is None else float(outcar.nelect),
        "cpu_seconds": outcar.run_stats.get("Total CPU time used (sec)"),
        "wall_seconds": outcar.run_stats.get("Elapsed time (sec)"),
        "cores": _cores(text),
    }


def _cores(text: str) -> int | None:
    """Cores of a run, as VASP 5 and 6 tell them in the first lines."""
    if found := re.search(r"running on\s+(\d+) total cores", text):
        return int(found[1])
    if found := re.search(r"running\s+(\d+) mpi-ranks, with\s+(\d+) threads", text):
        return int(found[1]) * int(found[2])
    return None


def with_moments(outcar: dict[str, Any], run: Vasprun) -> dict[str, Any]:
    """What the OUTCAR told, with the moments of a vaspout.h5 where the OUTCAR tells none."""
    moments = getattr(run, "site_moments", None)
    if moments is None or outcar.get("moments") is not None:
        return outcar
    vectors = moments.tolist() if moments.shape[1] == 3 else None
    sizes = [math.hypot(*vector) for vector in vectors] if vectors else moments[:, 0].tolist()
    return {**outcar, "moments": sizes, "vectors": vectors}


def require_few_atoms(file: Path, text: str) -> None:
    """Raise InputError where a POSCAR announces more atoms than are read."""
    if many := re.search(r"^[\d \t]*\b0*([1-9]\d{6,})\b[\d \t]*$", text, re.MULTILINE):
        raise InputError(f"{file} is corrupt: {many[1][:20]} atoms are announced; at most {MOST_ATOMS} are read")


def read_contcar(file: Path) -> Structure:
    """Return the last structure with velocities (Å/fs) where it has them, from which a run goes on.

    Raises
    ------
    InputError
        If it is empty or does not parse.
    """
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    text = read_text(file)
    require_few_atoms(file, text)
    try:
        return Poscar.from_str(text).structure
    except (ValueError, IndexError, KeyError, TypeError, BadPoscarWarning) as error:
        raise InputError(f"{file} is corrupt: it is no whole POSCAR ({' '.join(str(error).split())})") from None
