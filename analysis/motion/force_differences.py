"""Where two potentials part along a trajectory: forces on the same frames, against what they differ by in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...workflows.comparison_documents import ForceComparison

__all__ = ["QUANTILE", "ForceDifferences", "force_differences"]

#: of the atoms and frames of the controls, whose differences of forces lie below the limit
QUANTILE = 0.99


@dataclass(frozen=True, eq=False)
class ForceDifferences:
    """Differences of the forces of two engines along one trajectory.

    Parameters
    ----------
    label, first, second : str
        Of the trajectory; the engine that made it, and the other one.
    replica : int
    species, layers : tuple of str
        Of each atom; layers empty where the cell has no tags.
    times : (n,) float array, fs
    heights : (m,) float array, Å
        Of each atom along the normal of a and b, in the first frame.
    differences, magnitudes : (n, m) float array, eV/Å
        |ΔF|, and |F| of the first engine.
    limit : float or None
        eV/Å, below which :data:`QUANTILE` of the differences in the controls lie, the largest of them; None without a
        control.
    """

    label: str
    first: str
    second: str
    replica: int
    species: tuple[str, ...]
    layers: tuple[str, ...]
    times: Floats
    heights: Floats
    differences: Floats
    magnitudes: Floats
    limit: float | None

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Where the potentials differ by more than in the bulk, (n, m); nowhere without a control."""
        if self.limit is None:
            return np.zeros(self.differences.shape, dtype=bool)
        found: NDArray[np.bool_] = self.differences > self.limit
        return found

    def rows(self) -> list[dict[str, Any]]:
        """One line for each element of each layer: root mean squares of |ΔF| and |F|, largest |ΔF|, share beyond."""
        groups: dict[tuple[str, str], list[int]] = {}
        for atom, element in enumerate(self.species):
            groups.setdefault((self.layers[atom] if self.layers else "", element), []).append(atom)
        beyond = self.beyond
        return [
            {
                "layer": layer,
                "element": element,
                "n": len(atoms),
                "difference": float(np.sqrt(np.mean(self.differences[:, atoms] ** 2))),
                "force": float(np.sqrt(np.mean(self.magnitudes[:, atoms] ** 2))),
                "largest": float(self.differences[:, atoms].max()),
                "beyond": None if self.limit is None else 100 * float(beyond[:, atoms].mean()),
            }
            for (layer, element), atoms in groups.items()
        ]

    def touches(self, time: float, atoms: Iterable[int]) -> bool:
        """Whether the potentials part at one of these atoms in the compared frame nearest to `time`, fs."""
        frame = int(np.argmin(np.abs(self.times - time)))
        return bool(self.beyond[frame, list(atoms)].any())


def force_differences(
    comparisons: Sequence[ForceComparison], label: str, second: str, replica: int = 1
) -> ForceDifferences:
    """Return the differences along one trajectory; the limit comes from the controls whose elements are all in it.

    Parameters
    ----------
    comparisons : sequence of ForceComparison
        Of all trajectories of a campaign.
    label, second : str
        Of the trajectory; the engine whose forces are set beside those of its own.
    replica : int

    Raises
    ------
    InputError
        If there is no comparison of this trajectory.
    """
    own = sorted(
        (one for one in comparisons if (one.label, one.second, one.replica) == (label, second, replica)),
        key=lambda one: one.chunk,
    )
    if not own:
        raise InputError(f"{label}, replica {replica}: the forces of {second} have not been computed on its frames")
    start = own[0].structure
    species = tuple(site.specie.symbol for site in start)
    controls: dict[str, list[Floats]] = {}
    for one in comparisons:
        if one.control and one.second == second and {site.specie.symbol for site in one.structure} <= set(species):
            controls.setdefault(one.label, []).append(np.array(one.differences).ravel())
    limits = [float(np.quantile(np.concatenate(found), QUANTILE)) for found in controls.values()]
    a, b, _ = start.lattice.matrix
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    tags = start.site_properties.get("layer")
    return ForceDifferences(
        label,
        own[0].first,
        second,
        replica,
        species,
        tuple(map(str, tags)) if tags else (),
        _rising([np.array(one.times, dtype=float) for one in own]),
        np.array(own[0].positions[0]) @ normal,
        np.concatenate([np.array(one.differences) for one in own]),
        np.concatenate([np.array(one.magnitudes) for one in own]),
        max(limits) if limits and not own[0].control else None,
    )


def _rising(parts: Sequence[Floats]) -> Floats:
    """Times of all chunks, those of each going on from the chunk before where it counts from its own beginning."""
    joined: list[Floats] = []
    end = -np.inf
    for times in parts:
        step = float(times[1] - times[0]) if len(times) > 1 else 1.0
        shifted = times if times[0] > end else times + end - times[0] + step
        joined.append(shifted)
        end = float(shifted[-1])
    return np.concatenate(joined)
