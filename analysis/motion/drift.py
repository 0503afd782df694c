"""Whether energy and temperature of a run stay where they are: slopes with their uncertainty."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...configs.arrays import Floats

__all__ = ["BLOCKS", "Drift", "drift"]


#: stretches whose averages the line is fitted to: long enough to be independent of one another, enough for a standard
#: error
BLOCKS = 10


@dataclass(frozen=True)
class Drift:
    """A straight line through a series.

    Parameters
    ----------
    quantity, unit : str
        ``energy`` in meV/atom or ``temperature`` in K; slopes per ps.
    mean, std : float
        Over all frames; the mean of the energy is relative to the first frame.
    slope, sigma : float or None
        Per ps, and its standard error; None where there are fewer than three frames.
    """

    quantity: str
    unit: str
    mean: float
    std: float
    slope: float | None
    sigma: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        return asdict(self)


def drift(quantity: str, unit: str, times: Floats, values: Floats) -> Drift:
    """Fit a line to the averages of :data:`BLOCKS` stretches of a series.

    Neighbouring frames are correlated, so that a fit to all of them would call its slope far too certain; the averages
    of stretches longer than the correlation time are not.

    Parameters
    ----------
    quantity, unit : str
    times : (n_frames,) float array, fs
    values : (n_frames,) float array
        In `unit`.
    """
    from scipy.stats import linregress

    mean, std = float(values.mean()), float(values.std())
    if len(times) < 3:
        return Drift(quantity, unit, mean, std, None, None)
    parts = np.array_split(np.arange(len(times)), min(BLOCKS, len(times)))
    line = linregress([times[part].mean() / 1000 for part in parts], [values[part].mean() for part in parts])
    return Drift(quantity, unit, mean, std, float(line.slope), float(line.stderr))
