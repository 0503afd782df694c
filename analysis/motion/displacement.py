"""How far atoms go: unwrapped displacements, and their mean square by element and by layer.

Displacements add up from frame to frame by nearest images in the cell of the later frame, so that a cell that breathes
moves no atom (the "toroidal view preserving" scheme, von Bülow, Bullerjahn, Hummer, J. Chem. Phys. 153, 021101 (2020)).
Mean squares are averaged over all pairs of frames that lie a lag apart, by Fourier transforms (Calandrini et al.,
Collection SFN 12, 201 (2011)); missing frames are left out of the average, not filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats, Ints
from ...configs.errors import InputError
from ...structures.trajectories.frames import Frames, inscribed_radius, nearest_image

__all__ = ["Displacements", "MsdCurve", "heights", "layers_by_height", "mean_square", "msd_curves"]


#: bytes of displacements that are kept: when they are reached, every second frame goes
_LIMIT = 2**27
#: numbers that one Fourier transform of several atoms takes
_TRANSFORM = 2**22
#: of the inscribed sphere's radius; an atom that goes farther between two frames may have gone the other way round
_SURE = 0.9


@dataclass(frozen=True, eq=False)
class MsdCurve:
    """Mean square displacement of a group of atoms.

    Parameters
    ----------
    species : str
    layer : str or None
        None for all atoms of the element.
    atoms : (n_atoms,) int array
    lags : (n_lags,) float array, fs
        From 0 to the length of the run.
    msd : (n_lags,) float array, Å²
    origins : (n_lags,) int array
        Pairs of frames in each average; lags without any are left out.
    """

    species: str
    layer: str | None
    atoms: Ints
    lags: Floats
    msd: Floats
    origins: Ints


class Displacements:
    """Follow every atom through the blocks of one trajectory, in bounded memory.

    Parameters
    ----------
    species : sequence of str, n_sites
    reference : sequence of str or None
        Elements whose centre of mass does not move by definition; None takes all atoms, an empty sequence leaves the
        drift in.
    limit : int, bytes
        Of what is kept; longer trajectories keep every 2nd, 4th, … frame. All frames are followed.

    Raises
    ------
    InputError
        If no atom is of an element of the reference.
    """

    def __init__(self, species: Sequence[str], reference: Sequence[str] | None = None, limit: int = _LIMIT) -> None:
        from ase.data import atomic_masses, atomic_numbers

        self.species = tuple(species)
        chosen = np.isin(self.species, list(self.species if reference is None else reference))
        if reference and not chosen.any():
            raise InputError(
                f"no atom of {', '.join(reference)} to measure displacements against; elements: "
                f"{', '.join(sorted(set(species)))}"
            )
        masses = np.array([atomic_masses[atomic_numbers[symbol]] for symbol in self.species]) * chosen
        self._weights: Floats | None = masses / masses.sum() if chosen.any() else None
        self._most = max(16, limit // (24 * len(self.species)))
        self._every, self._count = 1, 0
        self._kept: list[Floats] = []
        self._steps: list[int] = []
        self._times: list[float] = []
        self._last: Floats | None = None
        self._total: Floats = np.zeros((len(self.species), 3))
        #: places in which an atom went so far between two frames that it may have gone the other way round
        self.unsure = 0
        #: the first frame, for layers
        self.first: Frames | None = None

    def add(self, frames: Frames) -> None:
        """Follow the atoms through the next frames."""
        if len(frames) == 0:
            return
        if self.first is None:
            self.first = frames.select(slice(0, 1))
        fractional = frames.fractional()
        before = fractional[:1] if self._last is None else self._last[None]
        moved = self._nearest(np.diff(fractional, axis=0, prepend=before) @ frames.cells, frames.cells)
        if self._weights is not None:
            moved -= np.einsum("fsx,s->fx", moved, self._weights)[:, None, :]
        self._last = fractional[-1]
        totals = self._total + np.cumsum(moved, axis=0)
        self._total = totals[-1]
        self._keep(totals, frames)

    def _nearest(self, moved: Floats, cells: Floats) -> Floats:
        """Nearest images, of all frames at once where the cell does not change."""
        if (cells == cells[0]).all():
            nearest, radii = nearest_image(moved, cells[0]), np.full(len(cells), inscribed_radius(cells[0]))
        else:
            nearest = np.array([nearest_image(one, cell) for one, cell in zip(moved, cells, strict=True)])
            radii = np.array([inscribed_radius(cell) for cell in cells])
        self.unsure += int(np.count_nonzero((nearest**2).sum(axis=2) > (_SURE * radii[:, None]) ** 2))
        return nearest

    def _keep(self, totals: Floats, frames: Frames) -> None:
        chosen = np.flatnonzero((self._count + np.arange(len(totals))) % self._every == 0)
        self._count += len(totals)
        self._kept += [row.copy() for row in totals[chosen]]  # a view would hold the block that it is of
        self._steps += frames.steps[chosen].tolist()
        self._times += frames.times[chosen].tolist()
        while len(self._kept) > self._most:
            self._kept, self._steps, self._times = self._kept[::2], self._steps[::2], self._times[::2]
            self._every *= 2

    @property
    def every(self) -> int:
        """Of how many frames one was kept."""
        return self._every

    def series(self) -> tuple[Floats, Ints, Floats]:
        """Displacements from the first frame, (n_kept, n_sites, 3) Å, with steps and times (fs).

        Raises
        ------
        InputError
            If there was no frame.
        """
        if not self._kept:
            raise InputError("no frame: there are no displacements")
        return np.array(self._kept), np.array(self._steps), np.array(self._times)


def heights(frames: Frames) -> Floats:
    """Return the heights of the atoms above the plane of the first two lattice vectors, wrapped into the cell:
    (n_frames, n_sites) Å."""
    normals = np.cross(frames.cells[:, 0], frames.cells[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    tall = np.abs(np.einsum("fx,fx->f", frames.cells[:, 2], normals))
    return np.asarray((frames.fractional()[:, :, 2] % 1.0) * tall[:, None])


def layers_by_height(frame: Frames, edges: Sequence[float]) -> tuple[str, ...]:
    """Name the layer of each atom by its height in the first of these frames.

    Parameters
    ----------
    frame : Frames
    edges : sequence of float, Å
        Rising borders between layers, along the normal of the first two lattice vectors; below the first and above the
        last are layers too.

    Returns
    -------
    tuple of str, n_sites
        Such as ``"3.0-8.5 Å"``.

    Raises
    ------
    InputError
        If the edges do not rise or lie outside of the cell.
    """
    tall = float(abs(np.linalg.det(frame.cells[0])) / np.linalg.norm(np.cross(frame.cells[0, 0], frame.cells[0, 1])))
    borders = np.array([0.0, *edges, tall])
    if not (np.diff(borders) > 0).all():
        raise InputError(
            f"borders of layers rise between 0 and the cell's height of {tall:.2f} Å; given: "
            f"{', '.join(f'{edge:g}' for edge in edges)}"
        )
    indices = np.searchsorted(borders[1:-1], heights(frame.select(slice(0, 1)))[0], side="right")
    return tuple(f"{borders[i]:.1f}-{borders[i + 1]:.1f} Å" for i in indices)


def mean_square(displacements: Floats, steps: Ints) -> tuple[Ints, Floats, Ints]:
    """Mean square displacement over all pairs of frames that lie a lag apart.

    Parameters
    ----------
    displacements : (n_frames, n_sites, 3) float array, Å
    steps : (n_frames,) int array
        Rising; frames may be missing.

    Returns
    -------
    lags : (n_lags,) int array
        In steps; those that occur.
    msd : (n_lags, n_sites) float array, Å²
    origins : (n_lags,) int array
        Pairs of frames.
    """
    from scipy.fft import next_fast_len

    grid = (steps - steps[0]) // (spacing := max(1, int(np.gcd.reduce(np.diff(steps))) if len(steps) > 1 else 1))
    length = int(grid[-1]) + 1
    size = next_fast_len(2 * length, real=True)
    present = np.zeros(length)
    present[grid] = 1.0
    origins = np.round(_correlation(present[:, None], present[:, None], size)[:length, 0]).astype(np.int64)
    occur = np.flatnonzero(origins)
    msd = np.empty((len(occur), displacements.shape[1]))
    for start in range(0, displacements.shape[1], per := max(1, _TRANSFORM // (4 * size))):
        part = displacements[:, start : start + per]
        msd[:, start : start + per] = _sums(part - part.mean(axis=0), grid, present, size)[occur] / origins[occur, None]
    msd[0] = 0.0
    return occur * spacing, np.maximum(msd, 0.0), origins[occur]


def _sums(part: Floats, grid: Ints, present: Floats, size: int) -> Floats:
    """Sums over the pairs of frames, by |a - b|² = a² + b² - 2ab: (length, n_sites)."""
    length = len(present)
    squares = np.zeros((length, part.shape[1]))
    squares[grid] = (part**2).sum(axis=2)
    there = np.broadcast_to(present[:, None], squares.shape)
    total = _correlation(squares, there, size) + _correlation(there, squares, size)
    for axis in range(3):
        along = np.zeros_like(squares)
        along[grid] = part[:, :, axis]
        total -= 2 * _correlation(along, along, size)
    return total[:length]


def _correlation(first: Floats, second: Floats, size: int) -> Floats:
    """Sum over t of first(t) · second(t + lag), along the first axis."""
    from scipy.fft import irfft, rfft

    return np.asarray(irfft(np.conj(rfft(first, size, axis=0)) * rfft(second, size, axis=0), size, axis=0))


def msd_curves(
    displacements: Displacements, layers: Sequence[str] | None = None, frames: NDArray[np.bool_] | None = None
) -> list[MsdCurve]:
    """Mean square displacements by element, and by element in each layer.

    Parameters
    ----------
    displacements : Displacements
        After all frames were added.
    layers : sequence of str, n_sites, optional
        Layer of each atom, such as :func:`layers_by_height` gives.
    frames : (n_kept,) bool array, optional
        Frames of the series that count; all where left out.

    Raises
    ------
    InputError
        If there was no frame, or layers are not as many as atoms.
    """
    moved, steps, times = displacements.series()
    if frames is not None:
        moved, steps, times = moved[frames], steps[frames], times[frames]
    species = np.array(displacements.species)
    if layers is not None and len(layers) != len(species):
        raise InputError(f"{len(layers)} layers were given for {len(species)} atoms")
    lags, msd, origins = mean_square(moved, steps)
    per_step = (times[-1] - times[0]) / (steps[-1] - steps[0]) if len(steps) > 1 else 1.0
    groups: list[tuple[str, str | None, NDArray[np.bool_]]] = [
        (str(name), None, species == name) for name in dict.fromkeys(displacements.species)
    ]
    if layers is not None:
        tags = np.array(layers)
        groups += [
            (name, str(tag), members & (tags == tag)) for name, _, members in groups for tag in dict.fromkeys(layers)
        ]
    return [
        MsdCurve(name, tag, np.flatnonzero(members), lags * per_step, msd[:, members].mean(axis=1), origins)
        for name, tag, members in groups
        if members.any()
    ]
