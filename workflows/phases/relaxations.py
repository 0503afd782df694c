"""CHGNet relaxations of crystals without a public energy, and their error from crystals that have one."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import hypot, pi, sqrt
from pathlib import Path
from statistics import fmean

from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, ChemicalClass, chemical_class
from ..documents import Signature
from ..engines.tasks import Relax, Static
from .public_entries import PublicEntry

__all__ = [
    "DFT_ERROR",
    "FEWEST",
    "RefereeRow",
    "Relaxations",
    "Relaxed",
    "chgnet_error",
    "class_errors",
    "referee_table",
]

#: eV/atom, 1 σ of PBE/PBE+U reaction energies: Hautier, Ong, Jain, Moore & Ceder, Phys. Rev. B 85, 155208 (2012)
DFT_ERROR = 0.024
#: compounds that a class needs for an error of its own; a class with fewer has that of all compounds
FEWEST = 10


@dataclass(frozen=True)
class RefereeRow:
    """CHGNet against one public energy, both in eV/atom, on the public geometry."""

    formula: str
    entry_id: str
    public: float
    chgnet: float

    @property
    def deviation(self) -> float:
        """CHGNet minus public, eV/atom."""
        return self.chgnet - self.public

    @property
    def kind(self) -> ChemicalClass:
        """Class of the compound."""
        return chemical_class(Composition(self.formula))


@dataclass(frozen=True)
class Relaxed:
    """Energy (eV/atom) and volume (Å³/atom) after a CHGNet task, and its steps."""

    energy_per_atom: float
    volume_per_atom: float
    steps: int


class Relaxations:
    """CHGNet energies through the engine, kept in a folder so that a second build is fast.

    Parameters
    ----------
    cache : Path
        One small JSON per cell, named by the hash of cell, task and engine signature.
    """

    def __init__(self, cache: Path) -> None:
        from ..engines.ase.chgnet import ChgnetBackend

        self.cache = cache
        self.backend = ChgnetBackend({"threads": 1, "device": "cpu"})

    def signature(self) -> Signature:
        """What all CHGNet energies of a set share."""
        return self.backend.signature()

    def relaxed(self, structure: Structure, task: Relax | Static, label: str) -> Relaxed:
        """Return energy and volume of `structure` after `task`.

        Raises
        ------
        CalculationError
            If the relaxation does not converge.
        """
        content = [
            structure.as_dict(),
            task.model_dump(mode="json"),
            self.backend.version(),
            self.backend.settings.weights,
        ]
        key = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]
        path = self.cache / f"{label}-{task.kind}-{key}.json"
        if path.exists():
            return Relaxed(**json.loads(path.read_text(encoding="utf-8")))
        with tempfile.TemporaryDirectory() as directory:
            document = self.backend.calculate(structure, task, label, Path(directory))
        found = Relaxed(
            document.energy_per_atom, float(document.structure.volume) / document.n_sites, document.convergence.n_steps
        )
        self.cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(found)), encoding="utf-8")
        return found


def referee_table(entries: Iterable[PublicEntry], energy: Callable[[Structure, str], float]) -> list[RefereeRow]:
    """Compare CHGNet with every public compound whose structure is known, whatever its elements.

    Elements are left out: CHGNet is not used for them.
    """
    compounds = [entry for entry in entries if not entry.is_element]
    return [
        RefereeRow(e.formula, e.entry_id, e.energy_per_atom, energy(e.structure, e.entry_id))
        for e in compounds
        if e.structure is not None
    ]


def chgnet_error(rows: Sequence[RefereeRow]) -> float:
    """Return 1 σ of a CHGNet energy, eV/atom.

    σ = √(π/2)·MAE (normal distribution), joined in quadrature with :data:`DFT_ERROR` of the energies CHGNet was judged
    by.

    Raises
    ------
    InputError
        If there is nothing to compare with.
    """
    if not rows:
        raise InputError("the error of CHGNet needs at least one public compound to compare with")
    return hypot(sqrt(pi / 2) * fmean(abs(row.deviation) for row in rows), DFT_ERROR)


def class_errors(rows: Sequence[RefereeRow]) -> dict[ChemicalClass, float]:
    """Return 1 σ of a CHGNet energy for each class, eV/atom; a class of fewer than :data:`FEWEST` compounds has that of
    all."""
    of_class = {kind: [row for row in rows if row.kind == kind] for kind in CHEMICAL_CLASSES}
    return {kind: round(chgnet_error(found if len(found) >= FEWEST else rows), 6) for kind, found in of_class.items()}
