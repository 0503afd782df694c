"""What is asked for in a search for interfaces: the materials with their facets, and what a cell may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ..surfaces.facet import Miller, SourceCell, facet_members, low_index_millers
from ..surfaces.slab import Slab, SlabSpec, slabs

__all__ = ["DEFAULT_THICKNESS", "FORMS", "InterfaceSpec", "Part"]

#: slab|slab with vacuum, or periodic with a second interface
FORMS = ("vacuum", "periodic")
#: Å, of each slab: four planes of a rock salt or of LiCoO2(104), two of which are then no surface
DEFAULT_THICKNESS = 8.0


@dataclass(frozen=True, eq=False)
class Part:
    """One material of a stack.

    Parameters
    ----------
    cell : SourceCell
    millers : tuple of Miller
        Facets to try, conventional axes; all low-index ones where empty.
    thickness : float, Å
        Least thickness of the slab.
    share : float, 0 to 1
        Part of the strain that this material takes against what lies below it. The lowest part's is not used.
    """

    cell: SourceCell
    millers: tuple[Miller, ...] = ()
    thickness: float = DEFAULT_THICKNESS
    share: float = 1.0
    _slabs: dict[Miller, list[Slab]] = field(default_factory=dict, repr=False)

    @property
    def facets(self) -> tuple[Miller, ...]:
        """The facets to try."""
        return self.millers or tuple(low_index_millers(self.cell))

    def slabs(self, miller: Miller, max_atoms: float) -> list[Slab]:
        """Stoichiometric slabs of one facet within a budget; none where even the smallest exceeds it."""
        if miller not in self._slabs:
            least = min(
                len(plane.oriented) * max(1, int(np.ceil(self.thickness / plane.spacing - 1e-6)))
                for plane in facet_members(self.cell, miller)
            )
            if least > max_atoms:
                return []
            self._slabs[miller] = [
                slab for slab in slabs(self.cell, miller, SlabSpec(thickness=self.thickness)) if slab.stoichiometric
            ]
        return [slab for slab in self._slabs[miller] if len(slab.structure) <= max_atoms]


@dataclass(frozen=True)
class InterfaceSpec:
    """What an interface may cost and how it is built.

    Parameters
    ----------
    max_atoms : int
    max_strain : float
        Largest von Mises strain between neighbouring lattices.
    max_principal : float or None
        Largest principal strain, logarithmic, that a slab takes; no limit where None.
    max_area_change : float or None
        Largest relative change of the area of a slab; no limit where None.
    form : str
        ``vacuum`` or ``periodic``.
    vacuum : float, Å
        Of the vacuum form.
    gap : float or None, Å
        Between neighbouring slabs; searched where None.
    all_terminations : bool
        Build every pair of terminations of each match, not only the pair of the most sensible ones.
    energy : callable or None
        Energy, eV, of a structure: chooses among the best registries of the analytic potential.
    registries : int
        Distinct positions of the last part that are returned for each orientation, the best of the analytic potential
        first; there may be fewer.
    orientations : int
        Orientations of the last part on the others that are returned for each match, the best first: those that the
        symmetry of the two lattices links, and that of the crystals does not.
    cells : int or None
        Cells of the front that are built; all where None.
    first : str
        Which of them: those of fewest ``atoms``, or of least ``strain``.

    Raises
    ------
    InputError
        If a number is out of range or the form is unknown.
    """

    max_atoms: int = 400
    max_strain: float = 0.08
    form: str = "vacuum"
    vacuum: float = 15.0
    gap: float | None = None
    all_terminations: bool = False
    energy: Callable[[Structure], float] | None = None
    registries: int = 1
    max_principal: float | None = None
    max_area_change: float | None = None
    orientations: int = 1
    cells: int | None = None
    first: str = "atoms"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"unknown form {self.form!r}; allowed: {', '.join(FORMS)}")
        if self.max_atoms < 2:
            raise InputError(f"an interface needs at least 2 atoms, and --max-atoms {self.max_atoms} was given")
        if not 0 < self.max_strain <= 0.5:
            raise InputError(
                f"the largest strain must lie above 0 and at most at 0.5, and {self.max_strain:g} was given"
            )
        for name, limit in (("principal strain", self.max_principal), ("change of area", self.max_area_change)):
            if limit is not None and not 0 < limit <= 0.5:
                raise InputError(f"the largest {name} must lie above 0 and at most at 0.5, and {limit:g} was given")
        if not 0 < self.vacuum < np.inf:
            raise InputError(f"the vacuum must be above 0 Å, and {self.vacuum:g} Å was given")
        if self.gap is not None and not 0 < self.gap < np.inf:
            raise InputError(f"the gap must be above 0 Å, and {self.gap:g} Å was given")
