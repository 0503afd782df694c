"""A VASP job before it runs, and what a look at it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pymatgen.core.structure import Structure

from ..engines.tasks import Task

if TYPE_CHECKING:
    from ..engines.vasp.cells import VaspCell
    from ..engines.vasp.settings import VaspSettings
    from ..engines.vasp.stages import Given

__all__ = ["Finding", "PlannedRun", "finding"]


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    Parameters
    ----------
    name : str
    ok : bool
    detail : str
        What was found, naming the jobs.
    mend : str
        What to do; empty where nothing is wrong.
    refuses : bool
        Whether nothing may be submitted while it fails; otherwise it is pointed out.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""
    refuses: bool = True

    def told(self) -> dict[str, Any]:
        """As the command line and ``doctor`` print it."""
        return asdict(self)


@dataclass(frozen=True)
class PlannedRun:
    """One VASP job before it runs.

    Parameters
    ----------
    key, name : str
    structure : Structure
        The cell it starts from, or the nearest that is known.
    task : Relax, Static, Dos or MolecularDynamics
    settings : VaspSettings
        The engine's settings of this job.
    stack : mapping
        Record of the built stack that it starts from; empty for another cell.
    given : str
        Of wave functions and charge density, what the job before it hands on.
    varied : bool
        Whether it varies a setting, to show what a number depends on.
    images : tuple of Structure
        Of an elastic band, end points included; empty for everything else.
    unpaid : bool
        Whether an ion left it, or came, as an atom: oxidation states need not add up to zero.
    apart : bool
        Whether its energy belongs to a series of its own: that of the phase sets, where U follows from the compound, or
        of the strained cells of one crystal.
    """

    key: str
    name: str
    structure: Structure
    task: Task
    settings: VaspSettings
    stack: Mapping[str, Any] = field(default_factory=dict)
    given: Given = "nothing"
    varied: bool = False
    apart: bool = False
    images: tuple[Structure, ...] = ()
    unpaid: bool = False

    @cached_property
    def cell(self) -> VaspCell:
        """The cell in VASP's order."""
        from ..engines.vasp.cells import vasp_cell

        return vasp_cell(self.structure, self.name)


def finding(name: str, problems: Iterable[str], mend: str, fine: str, refuses: bool = True) -> Finding:
    """A finding from its list of problems; at most six are spelt out."""
    listed = list(dict.fromkeys(problems))
    if not listed:
        return Finding(name, True, fine, refuses=refuses)
    rest = f" (and {len(listed) - 6} more)" if len(listed) > 6 else ""
    return Finding(name, False, "; ".join(listed[:6]) + rest, mend, refuses)
