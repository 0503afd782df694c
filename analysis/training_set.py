"""DFT calculations as a training set of machine-learned potentials: extended XYZ, one file a scale of energies.

Energies of two scales are never put into one file: a potential that is trained on both learns their difference as
chemistry. A scale is what :meth:`..workflows.signature.Signature.differences` lets be subtracted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..configs.trust import trust_of
from ..workflows.documents import CalculationDocument, Signature

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Scale", "left_out", "scales_of", "training_atoms", "write_training_set"]


@dataclass
class Scale:
    """Calculations whose energies may be subtracted from each other.

    Attributes
    ----------
    documents : list of tuple
        Key of the job, and its document.
    """

    documents: list[tuple[str, CalculationDocument]] = field(default_factory=list)

    @property
    def signature(self) -> Signature:
        """What they share, with U and potentials of every element in one of them."""
        first, *rest = (document.signature for _, document in self.documents)
        u, potcars = dict(first.hubbard_u), dict(first.potcars)
        for one in rest:
            u |= one.hubbard_u
            potcars |= one.potcars
        return first.model_copy(update={"hubbard_u": u, "potcars": potcars, "kpoint_density": None})

    def takes(self, document: CalculationDocument) -> bool:
        """Whether a document's energy may be subtracted from every one here."""
        return not any(document.signature.differences(known.signature) for _, known in self.documents)

    @property
    def name(self) -> str:
        """Engine, functional and cutoff: ``gpaw-PBE+U-600eV``."""
        given = self.signature
        u = "+U" if any(given.hubbard_u.values()) and "+U" not in given.functional else ""
        parts = [given.engine, given.functional + u, f"{given.cutoff:g}eV" if given.cutoff else ""]
        return re.sub(r"[^\w.+-]+", "-", "-".join(filter(None, parts)))


def left_out(document: CalculationDocument) -> str | None:
    """Return why a calculation cannot be learned from; None where it can.

    Parameters
    ----------
    document : CalculationDocument
    """
    if document.rehearsed or trust_of(document.tier).trust_class != "dft":
        return "no density functional theory"
    if not document.convergence.electronic:
        return "its electrons did not converge"
    if document.acceptance is not None and not document.acceptance.accepted:
        return "it was not accepted: " + ", ".join(check.name for check in document.acceptance.failed())
    if document.stress is None:
        return "it has no stress"
    return None


def scales_of(documents: Iterable[tuple[str, CalculationDocument]]) -> list[Scale]:
    """Return the documents by scale, in the order in which the scales appear.

    Parameters
    ----------
    documents : iterable of tuple
        Key of the job, and its document.
    """
    found: list[Scale] = []
    for key, document in documents:
        scale = next((one for one in found if one.takes(document)), None)
        if scale is None:
            found.append(scale := Scale())
        scale.documents.append((key, document))
    return found


def training_atoms(document: CalculationDocument, key: str) -> Atoms:
    """Return the final cell of a calculation with energy (eV), forces (eV/Å), stress (eV/Å³) and moments (µB).

    The energy is the document's: extrapolated to zero smearing, while the forces are those of the free energy at the
    smearing that was asked for.

    Parameters
    ----------
    document : CalculationDocument
    key : str
        Of the job.
    """
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.stress import full_3x3_to_voigt_6_stress

    structure = document.structure
    atoms = Atoms(
        [site.specie.symbol for site in structure],
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
        info={
            "label": document.label,
            "kind": document.kind,
            "tier": document.tier,
            "job": key,
            "signature": document.signature.model_dump_json(exclude_defaults=True),
        },
    )
    results: dict[str, Any] = {
        "energy": document.energy,
        "forces": np.asarray(document.forces),
        "stress": full_3x3_to_voigt_6_stress(np.asarray(document.stress)),
    }
    if document.magmoms is not None:
        results["magmoms"] = np.asarray(document.magmoms)
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def write_training_set(scales: Iterable[Scale], out: Path) -> list[dict[str, Any]]:
    """Write one file a scale, ``NAME.extxyz``, and ``scales.json`` with what each of them shares.

    Returns
    -------
    list of dict
        Of each scale: file, signature, number of calculations and of atoms, elements.
    """
    from ase.io import write

    out.mkdir(parents=True, exist_ok=True)
    told: list[dict[str, Any]] = []
    for scale in scales:
        same = sum(one["name"] == scale.name for one in told)
        file = out / (f"{scale.name}-{same + 1}.extxyz" if same else f"{scale.name}.extxyz")
        atoms = [training_atoms(document, key) for key, document in scale.documents]
        write(file, atoms, format="extxyz")
        told.append(
            {
                "name": scale.name,
                "file": str(file),
                "calculations": len(atoms),
                "atoms": sum(map(len, atoms)),
                "elements": sorted({symbol for one in atoms for symbol in one.get_chemical_symbols()}),
                "signature": scale.signature.model_dump(mode="json", exclude_defaults=True),
            }
        )
    (out / "scales.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return told
