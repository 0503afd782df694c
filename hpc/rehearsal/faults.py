"""Faults that a rehearsal injects: what real runs suffer, at a chosen ionic step, a chosen number of times.

A fault file is YAML, named by the variable ``CATHOLYTE_REHEARSE_FAULTS`` or the option ``--faults``::

    faults:
      - kind: sigkill       # one of KINDS
        at_ionic_step: 3    # counted from 1
        times: 1            # how often it strikes, over all runs that read this file
        only: md            # relax | static | md; every run where left out
        where: LCO          # strikes only where the working directory's path holds this text

Strikes are counted in ``FILE.strikes`` beside the fault file, so that a rerun after the last strike succeeds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock
from pydantic import Field

from ...configs.errors import InputError
from ...configs.load import parse_file
from ...configs.models import Spec

__all__ = ["KINDS", "MESSAGES", "VARIABLE", "Fault", "FaultKind", "Faults"]

VARIABLE = "CATHOLYTE_REHEARSE_FAULTS"
FaultKind = Literal[
    "brmix",
    "rhosyg",
    "zbrent",
    "edddav",
    "nelm",
    "positive_energy",
    "freeze",
    "slow",
    "oom",
    "sigkill",
    "truncate_xml",
    "empty_contcar",
    "half_gz",
    "disk_full",
    "drop_magnetization",
    "wrong_ldau",
    "lose_velocities",
]
KINDS: tuple[str, ...] = get_args(FaultKind)
#: the sentences by which custodian knows an error of VASP
MESSAGES = {
    "brmix": " BRMIX: very serious problems\n the old and the new charge density differ",
    "rhosyg": " RHOSYG internal error: stars are not distinct, try to increase SYMPREC to e.g. 1E-4",
    "zbrent": (
        " ZBRENT: fatal error in bracketing\n     please rerun with smaller EDIFF, or copy CONTCAR to POSCAR and "
        "continue"
    ),
    "edddav": " Error EDDDAV: Call to ZHEGV failed. Returncode =   8 2  16",
}


class Fault(Spec):
    """One fault of the file."""

    kind: FaultKind
    at_ionic_step: int = Field(1, ge=1, description="ionic step, from 1")
    times: int = Field(1, ge=1, description="strikes over all runs that read the file")
    only: Literal["relax", "static", "md"] | None = None
    where: str = Field("", description="text that the working directory's path must hold")
    seconds: float = Field(3600.0, gt=0, description="s, pause of freeze (once) and slow (each step)")


class _File(Spec):
    faults: tuple[Fault, ...] = ()


class Faults:
    """The faults that concern one run.

    Parameters
    ----------
    path : Path or None
        Fault file; none means no fault.
    kind : str
        ``relax``, ``static`` or ``md``.
    directory : Path
        Working directory of the run.

    Raises
    ------
    InputError
        If the file is wrong: file, line, key and allowed values.
    """

    def __init__(self, path: Path | None, kind: str, directory: Path) -> None:
        self.path = path
        self.faults: dict[int, Fault] = {}
        if path is None:
            return
        if not path.is_file():
            raise InputError(f"{path}: no such fault file (named by {VARIABLE} or --faults)")
        for i, fault in enumerate(parse_file(path, _File)[0].faults):
            if fault.only in (None, kind) and fault.where in str(directory):
                self.faults[i] = fault

    @classmethod
    def of_environment(cls, option: Path | None, kind: str, directory: Path) -> Faults:
        """Faults of the option, else of the environment."""
        named = os.environ.get(VARIABLE)
        return cls(option or (Path(named) if named else None), kind, directory)

    def strike(self, kinds: tuple[str, ...], step: int | None = None) -> Fault | None:
        """Return the first fault of these kinds that is due at `step` (any step where None), and count the strike."""
        for i, fault in self.faults.items():
            if fault.kind in kinds and step in (None, fault.at_ionic_step) and self._count(i, fault):
                return fault
        return None

    def _count(self, index: int, fault: Fault) -> bool:
        assert self.path is not None
        tally = self.path.with_name(self.path.name + ".strikes")
        with FileLock(f"{tally}.lock"):
            strikes: dict[str, int] = json.loads(tally.read_text()) if tally.exists() else {}
            if strikes.get(str(index), 0) >= fault.times:
                return False
            strikes[str(index)] = strikes.get(str(index), 0) + 1
            tally.write_text(json.dumps(strikes))
        return True
