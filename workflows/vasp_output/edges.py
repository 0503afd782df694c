"""Metal or insulator, and where the bands end, from the occupations at every k point.

E_F alone does not tell: VASP puts it anywhere inside a gap, and the tetrahedron method, hybrids and fixed total moments
put it into a band or above all of them. A spin channel is insulating where every k point has the same number of
occupied bands, these hold a whole number of electrons, and smearing leaves the states on both sides of the gap full
and empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ..documents import BandEdges

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["band_edges"]

#: a state that is filled more than this counts as occupied
_HALF = 0.5
#: how far smearing may fill a state beside a gap, or empty one
_SMEARED = 0.25
#: electrons of one spin channel, by which an insulator's may differ from a whole number
_WHOLE = 0.05
_CORE = "VASP: average over a test charge at the core (OUTCAR)"
#: of a fractional coordinate, within which a k point is Γ
_GAMMA = 1e-6


@dataclass(frozen=True)
class _Channel:
    """Edges of an insulating spin channel, eV, and the k points that they lie at; -inf and inf on an empty side."""

    vbm: float
    cbm: float
    direct: float
    at: tuple[int, int]


def band_edges(run: Vasprun, file: Path, core_potentials: list[float] | None) -> BandEdges:
    """Band edges of a run from its eigenvalues and occupations.

    The cell average of the electrostatic potential is VASP's own zero: the G = 0 terms of the Hartree and local
    ionic potentials are left out, so it is 0 eV by construction (VASP wiki, LVHAR: the average of LOCPOT).

    Parameters
    ----------
    run : Vasprun
        With eigenvalues.
    file : Path
        Named where they cannot be used.
    core_potentials : list of float, optional
        eV, of each site.

    Raises
    ------
    InputError
        If E_F is missing, or an eigenvalue or occupation is no number.
    """
    channels = [np.asarray(table, dtype=float) for table in (run.eigenvalues or {}).values()]
    if run.efermi is None or not channels:
        raise InputError(f"{file} has no {'eigenvalues' if run.efermi is not None else 'Fermi level'}")
    if not all(np.isfinite(channel).all() for channel in channels) or not np.isfinite(run.efermi):
        raise InputError(f"{file} is corrupt: an eigenvalue, an occupation or the Fermi level is no number")
    n_k = channels[0].shape[0]
    given = np.asarray(run.actual_kpoints_weights if run.actual_kpoints_weights is not None else [], dtype=float)
    weights = given / given.sum() if len(given) == n_k and given.sum() > 0 else np.full(n_k, 1 / n_k)
    found = [_channel(channel[..., 0], channel[..., 1], weights) for channel in channels]
    base: dict[str, Any] = {
        "efermi": float(run.efermi),
        "average_potential": 0.0,
        "core_potentials": core_potentials,
        "core_potential_kind": ""
        if core_potentials is None
        else "VASP: average over a test charge at the core (OUTCAR)",
    }
    points = np.asarray(run.actual_kpoints if run.actual_kpoints is not None else [], dtype=float).reshape(-1, 3)
    whole = [channel for channel in found if channel is not None]
    if len(whole) < len(found):
        return BandEdges(**base, gap=0.0, note=_metallic(found))
    vbm, cbm = max(channel.vbm for channel in whole), min(channel.cbm for channel in whole)
    if cbm <= vbm:
        note = "each spin channel has a gap, but the bands of one overlap the gap of the other: counted as a metal"
        return BandEdges(**base, gap=0.0, note=note)
    top = next(channel.at[0] for channel in whole if channel.vbm == vbm)
    bottom = next(channel.at[1] for channel in whole if channel.cbm == cbm)
    known = np.isfinite([vbm, cbm])
    direct = min(channel.direct for channel in whole)
    return BandEdges(
        **base,
        vbm=float(vbm) if known[0] else None,
        cbm=float(cbm) if known[1] else None,
        gap=float(cbm - vbm) if known.all() else 0.0,
        direct_gap=float(direct) if np.isfinite(direct) else None,
        vbm_at=points[top].tolist() if known[0] and len(points) == n_k else None,
        cbm_at=points[bottom].tolist() if known[1] and len(points) == n_k else None,
        note="; ".join(_remarks(float(run.efermi), vbm, cbm, points)),
    )


def _channel(levels: Floats, filled: Floats, weights: Floats) -> _Channel | None:
    """Edges of one spin channel; None where it is metallic. `levels` and `filled` are (n_k, n_bands)."""
    taken = filled > _HALF
    counts = taken.sum(axis=1)
    electrons = float(weights @ filled.sum(axis=1))
    if np.ptp(counts) or abs(electrons - counts[0]) > _WHOLE:
        return None
    tops = np.where(taken, levels, -np.inf).max(axis=1)
    bottoms = np.where(taken, np.inf, levels).min(axis=1)
    at = int(np.argmax(tops)), int(np.argmin(bottoms))
    vbm, cbm = float(tops[at[0]]), float(bottoms[at[1]])
    if cbm <= vbm:
        return None
    full, empty = filled[at[0]][levels[at[0]] == vbm], filled[at[1]][levels[at[1]] == cbm]
    if (full < 1 - _SMEARED).any() or (empty > _SMEARED).any():
        return None
    return _Channel(vbm, cbm, float((bottoms - tops).min()), at)


def _metallic(found: Sequence[_Channel | None]) -> str:
    """A half metal is named; every other metal needs no word."""
    if len(found) == 2 and (found[0] is None) != (found[1] is None):
        return f"half metal: the spin {'down' if found[0] is None else 'up'} channel has a gap"
    return ""


def _remarks(efermi: float, vbm: float, cbm: float, points: Floats) -> list[str]:
    told = []
    if not vbm - 1e-6 <= efermi <= cbm + 1e-6:
        side = (
            f"{vbm - efermi:.3f} eV below the valence band maximum"
            if efermi < vbm
            else (f"{efermi - cbm:.3f} eV above the conduction band minimum")
        )
        told.append(f"E_F lies {side}: the occupations, whole at every k point, say where the gap is")
    if len(points) > 1 and np.isfinite(cbm) and not (np.abs(points).max(axis=1) < _GAMMA).any():
        told.append("Γ is not among the k points: an edge there is missed")
    if not np.isfinite(cbm):
        told.append("no empty band was computed: there is no gap to read")
    return told
