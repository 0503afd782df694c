"""The level of theory of the public energies in the phase sets, for calculations of one's own that join them.

PBE+U with the Materials Project's U, in compounds whose most electronegative element is oxygen or fluorine, 520 eV,
PREC Accurate and 64 k points per Å⁻³ of the reciprocal cell (pymatgen, MPRelaxSet), brought onto the scale of the set
by MP2020 (:mod:`.corrections`). What differs and is told with an energy: the release of the POTCARs (the public ones
are older), W_sv for W_pv, and a relaxation above 520 eV whose energy is that of a static run at 520 eV.
"""

from __future__ import annotations

from typing import Any

from pymatgen.core.structure import Structure

from ...configs.models import Mesh, Method
from ..signature import Signature
from .corrections import mp2020_hubbard

__all__ = ["CUTOFF", "DFT_ERROR", "SETTINGS", "mesh_of_density", "scale_differences", "scale_method"]

#: eV/atom, 1 σ of PBE/PBE+U reaction energies: Hautier, Ong, Jain, Moore & Ceder, Phys. Rev. B 85, 155208 (2012)
DFT_ERROR = 0.024
#: eV
CUTOFF = 520.0
#: k points per Å⁻³ of the reciprocal cell
KPOINT_DENSITY = 64
#: eV, width of the smearing
SMEARING = 0.05
#: of an engine, over those of a campaign
SETTINGS: dict[str, Any] = {
    "centring": "gamma",
    "dispersion": "none",
    "precision": "Accurate",
    "smearing_kind": "gaussian",
}


def scale_method(structure: Structure) -> Method:
    """Return the level of theory for one crystal.

    Parameters
    ----------
    structure : Structure
        Ordered; the mesh is that of this cell.
    """
    mesh = mesh_of_density(structure, KPOINT_DENSITY)
    return Method(hubbard_u=_table(structure), cutoff=CUTOFF, kpoints=mesh, smearing=SMEARING)


def mesh_of_density(structure: Structure, density: int) -> Mesh:
    """Return the divisions of a Γ-centred mesh, as pymatgen counts them.

    Parameters
    ----------
    structure : Structure
        Ordered.
    density : int
        k points per Å⁻³ of the reciprocal cell.
    """
    from pymatgen.io.vasp.inputs import Kpoints

    bare = structure.copy()
    bare.remove_oxidation_states()
    a, b, c = Kpoints.automatic_density_by_vol(bare, density, force_gamma=True).kpts[0]
    return int(a), int(b), int(c)


def scale_differences(signature: Signature, structure: Structure) -> list[str]:
    """Return what keeps an energy from the scale of the phase sets; empty where it can be corrected and joins.

    Parameters
    ----------
    signature : Signature
        Of the energy.
    structure : Structure
        Its crystal.
    """
    asked = {
        "engine": "vasp",
        "functional": "PBE",
        "cutoff": CUTOFF,
        "precision": "Accurate",
        "dispersion": None,
        "spin_orbit": False,
        "noncollinear": False,
    }
    found = [
        f"{name}: {getattr(signature, name)} against {value}"
        for name, value in asked.items()
        if getattr(signature, name) != value
    ]
    if signature.charge:
        found.append(f"charge: {signature.charge:g} e against 0 e")
    table = _table(structure)
    for element in sorted({*table, *signature.hubbard_u}):
        mine, theirs = signature.hubbard_u.get(element, 0.0), table.get(element, 0.0)
        if mine != theirs:
            found.append(f"U({element}): {mine:g} eV against {theirs:g} eV")
    if any(table.values()) and signature.hubbard_form is not None:
        found.append(f"form of U: {signature.hubbard_form} against Dudarev")
    return found + [f"{tag}, changed by the error handler: {change}" for tag, change in signature.altered.items()]


def _table(structure: Structure) -> dict[str, float]:
    """U of every transition metal, eV."""
    known = mp2020_hubbard(structure)
    metals = {e.symbol for e in structure.composition.remove_charges().elements if e.is_transition_metal}
    return {symbol: known.get(symbol, 0.0) for symbol in sorted(metals)}
