"""Which atoms a defect lacks, and the energy of exchanging atoms with reservoirs, for defects of any cell."""

from __future__ import annotations

from collections.abc import Mapping

from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, require_real, require_same_signature

__all__ = ["defect_energy", "missing_atoms"]

#: relative slack in ratios of amounts of atoms
_TINY = 1e-6


def defect_energy(defect: CalculationDocument, host: CalculationDocument, potentials: Mapping[str, float]) -> float:
    """Return E(defect) - m E(host) - Σ Δn μ: the energy of making the defect out of m host cells and reservoirs, eV.

    Parameters
    ----------
    defect, host : CalculationDocument
        `m` follows from the elements that have no reservoir.
    potentials : mapping of str to float
        Element to chemical potential, eV per atom on the scale of the documents' energies.

    Raises
    ------
    SignatureMismatchError
        If the energies may not be subtracted.
    InputError
        If the cells differ in an element that has no reservoir.
    """
    require_real(defect, host)
    require_same_signature({f"defect {defect.label}": defect.signature, f"host {host.label}": host.signature})
    mine, whole = (document.structure.composition.element_composition for document in (defect, host))
    names = {element.symbol for element in [*mine, *whole]}
    ratios = {
        float(mine[name]) / float(whole[name]) if whole[name] else float("inf") for name in names - set(potentials)
    }
    if not ratios or max(ratios) - min(ratios) > _TINY or min(ratios) == 0 or max(ratios) == float("inf"):
        kept = ", ".join(sorted(potentials))
        raise InputError(
            f"{defect.label} ({mine.formula}) and {host.label} ({whole.formula}) differ in more than {kept}, for which "
            "there is a reservoir"
        )
    cells = next(iter(ratios))
    exchanged = sum(
        (float(mine[name]) - cells * float(whole[name])) * potential for name, potential in potentials.items()
    )
    return defect.energy - cells * host.energy - exchanged


def missing_atoms(document: CalculationDocument, host: CalculationDocument) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lithium and the oxygen atoms that a cell lacks, by their numbers in the host.

    Raises
    ------
    InputError
        If the cell is not the host without some of its lithium and oxygen.
    """
    start = document.initial_structure
    origin = start.site_properties.get("origin")
    if origin is None:
        if len(start) != len(host.structure):
            raise InputError(
                f"{document.label} has {len(start)} atoms and no record of which atoms of {host.label} they are"
            )
        origin = list(range(len(start)))
    numbers = [int(i) for i in origin]
    symbols = [site.specie.symbol for site in host.structure]
    known = len(set(numbers)) == len(numbers) and set(numbers) <= set(range(len(symbols)))
    if not known or any(symbols[i] != site.specie.symbol for i, site in zip(numbers, start, strict=True)):
        raise InputError(f"{document.label} is not {host.label} with atoms taken out: its atoms do not match")
    missing = sorted(set(range(len(symbols))) - set(numbers))
    others = sorted({symbols[i] for i in missing} - {"Li", "O"})
    if others:
        raise InputError(
            f"{document.label} lacks {', '.join(others)} of {host.label}; a ladder of oxygen loss takes out lithium "
            "and oxygen"
        )
    return tuple(i for i in missing if symbols[i] == "Li"), tuple(i for i in missing if symbols[i] == "O")
