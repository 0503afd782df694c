"""What VASP writes into OUTCAR and is read from there: moments, core potentials, temperatures, times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["outcar_text"]


def outcar_text(
    moments: Any = None,
    core: Sequence[float] | None = None,
    temperatures: Sequence[float] = (),
    electrons: float = 16.0,
    total: float = 0.0,
    version: str = "6.3.2",
) -> str:
    """A complete OUTCAR of these numbers.

    Parameters
    ----------
    moments : (n_sites,) or (n_sites, 3) array, optional
        µB.
    core : sequence of float, optional
        eV, potential at each core.
    temperatures : sequence of float
        K, of the steps of dynamics.
    electrons, total : float
        Number of electrons, moment of the cell in µB.
    version : str
    """
    text = (
        f" vasp.{version} 27Jun22 complex\n running on    1 total cores\n"
        "   k-points           NKPTS =      4   k-points in BZ     NKDIM =      4   number of bands    NBANDS=     12\n"
        "   total plane-waves  NPLWV = 135000\n   dimension x,y,z NGXF=    60 NGYF=   60 NGZF=   60\n"
        "   IBRION =     -1    ionic relax: 0-MD 1-quasi-New 2-CG\n"
        "    total drift:                                0.012885      0.024761      0.029328\n"
    )
    text += f" number of electron {electrons:15.7f} magnetization {total:15.7f}\n"
    for value in temperatures:
        text += f"  kin. lattice  EKIN_LAT=         0.000000  (temperature {value:7.2f} K)\n"
    if core is not None:
        text += " average (electrostatic) potential at core\n  the test charge radii are     1.0714\n"
        text += "  (the norm of the test charge is              1.0000)\n"
        for start in range(0, len(core), 5):
            text += "".join(f"{i + 1:8d}{core[i]:9.4f}" for i in range(start, min(start + 5, len(core)))) + "\n"
        text += " \n \n \n"
    text += " E-fermi :   4.0543     XC(G=0): -11.1877     alpha+bet :-11.5504\n"
    if moments is not None:
        table = np.atleast_2d(np.asarray(moments, dtype=float).T)
        text += _table("total charge", np.full(table.shape[1], 5.0))
        for axis, column in zip("xyz", table, strict=False):
            text += _table(f"magnetization ({axis})", column)
    return text + (
        " General timing and accounting informations for this job:\n ========================================\n"
        "                  Total CPU time used (sec):       10.000\n"
        "                         Elapsed time (sec):       12.000\n"
    )


def _table(title: str, values: Any) -> str:
    rows = "".join(f"{i:5d}        0.000   0.000 {value:7.3f} {value:7.3f}\n" for i, value in enumerate(values, 1))
    line = "-" * 42
    head = f"\n {title}\n \n# of ion       s       p       d       tot\n{line}\n"
    return f"{head}{rows}{'-' * 50}\ntot          0.000   0.000 {sum(values):7.3f} {sum(values):7.3f}\n \n"
