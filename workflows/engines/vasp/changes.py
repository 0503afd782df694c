"""What an error handler changed between the input that was asked and the input that ran, and what that means.

Classes as in custodian's sources: *harmless* changes alter the way to the same energy, *tolerable* ones make it
slightly different within a set, all others make it the energy of something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...documents import Kind

if TYPE_CHECKING:
    from pymatgen.io.vasp.inputs import Kpoints

__all__ = ["Change", "changes", "classify"]

Verdict = Literal["harmless", "tolerable", "breaks comparability"]

_HARMLESS = frozenset(
    [
        "ALGO",
        "IALGO",
        "NCORE",
        "NPAR",
        "KPAR",
        "NSIM",
        "IMIX",
        "AMIX",
        "BMIX",
        "AMIX_MAG",
        "BMIX_MAG",
        "AMIN",
        "MAXMIX",
        "WC",
        "INIMIX",
        "MIXPRE",
        "NELM",
        "NELMIN",
        "NELMDL",
        "TIME",
        "ISEARCH",
        "ISTART",
        "ICHARG",
        "LPLANE",
        "LWAVE",
        "LCHARG",
        "LAECHG",
        "LSCALAPACK",
        "LASYNC",
        "LORBIT",
        "NEDOS",
        "EMIN",
        "EMAX",
        "LPEAD",
        "NSW",
        "IOPT",
        "MAXMOVE",
    ]
)
#: harmless on the way to a minimum, another trajectory in dynamics
_MOTION = frozenset(["POTIM", "IBRION", "SMASS", "EDIFFG", "MDALGO", "TEBEG", "TEEND", "LANGEVIN_GAMMA"])
_TOLERABLE = frozenset(("SYMPREC", "ISYM"))
#: largest relative difference of two values that are the same but for their printed digits
_PRINTED = 1e-6
#: Å, of lattice vectors
_CELL = 1e-4


@dataclass(frozen=True)
class Change:
    """One tag that ran with another value than asked.

    Parameters
    ----------
    tag : str
        An INCAR tag, ``KPOINTS`` or ``cell``.
    asked, used : str
        ``"(default)"`` where the tag was not written.
    verdict : str
        harmless, tolerable, or breaks comparability.
    """

    tag: str
    asked: str
    used: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.tag}: {self.asked} → {self.used} ({self.verdict})"


def classify(tag: str, asked: Any, used: Any, kind: Kind) -> Verdict:
    """Return what a change means for the energy, or the path, of a calculation of `kind`.

    Parameters
    ----------
    tag : str
    asked, used : object
        Values; None where the tag was not written.
    kind : str
        relax, static, dos or md.
    """
    if tag in _HARMLESS:
        return "harmless"
    if tag in _MOTION:
        return "breaks comparability" if kind == "md" else "harmless"
    if tag in _TOLERABLE or (tag == "EDIFF" and asked is not None and used is not None and float(used) <= float(asked)):
        return "tolerable"
    if tag == "NBANDS" and kind != "dos":
        return "tolerable"
    return "breaks comparability"


def changes(directory: Path, kind: Kind) -> list[Change]:
    """Compare INCAR, KPOINTS and the cell with the copies that custodian keeps of the asked ones (``*.orig``).

    Parameters
    ----------
    directory : Path
        Of the run; without ``*.orig`` nothing was changed.
    kind : str
        relax, static, dos or md.
    """
    from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

    found = []
    if (directory / "INCAR.orig").is_file():
        asked, used = Incar.from_file(directory / "INCAR.orig"), Incar.from_file(directory / "INCAR")
        for tag in sorted(set(asked) | set(used)):
            before, after = asked.get(tag), used.get(tag)
            if not _same(before, after):
                found.append(Change(tag, _shown(before), _shown(after), classify(tag, before, after, kind)))
    if (directory / "KPOINTS.orig").is_file():
        before, after = (_mesh(Kpoints.from_file(directory / name)) for name in ("KPOINTS.orig", "KPOINTS"))
        if before != after:
            found.append(Change("KPOINTS", before, after, "breaks comparability"))
    if (directory / "POSCAR.orig").is_file() and kind != "relax":
        old, new = (
            Poscar.from_file(directory / name, check_for_potcar=False).structure.lattice
            for name in ("POSCAR.orig", "POSCAR")
        )
        if not np.allclose(old.matrix, new.matrix, atol=_CELL):
            found.append(Change("cell", f"{old.volume:.3f} Å³", f"{new.volume:.3f} Å³", "breaks comparability"))
    return found


def _mesh(kpoints: Kpoints) -> str:
    shift = f" shift {tuple(kpoints.kpts_shift)}" if any(kpoints.kpts_shift) else ""
    return f"{kpoints.style.name} {'×'.join(str(n) for n in kpoints.kpts[0])}{shift}"


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, (int, float)) and isinstance(after, (int, float)) and not isinstance(before, bool):
        return bool(np.isclose(before, after, rtol=_PRINTED, atol=0))
    return bool(before == after)


def _shown(value: Any) -> str:
    if value is None:
        return "(default)"
    return f"{value:g}" if isinstance(value, float) else str(value)
