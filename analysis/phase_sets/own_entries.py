"""Own calculations join a phase set where their signature agrees with the set's energies, and are refused by name
otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from ...configs.errors import CatholyteError, InputError, SignatureMismatchError, UnknownNameError
from ...configs.trust import trust_of
from ...structures.crystals.chemistry import chemical_class
from ...workflows.documents import CalculationDocument, require_real
from ..thermodynamics.phase_set import PhaseEntry, PhaseSet, PhaseSource

__all__ = ["OWN", "entries_from_documents", "joined_by_new", "lowest_by_label", "with_documents"]

#: key of the source of own calculations
OWN = "own"


def entries_from_documents(documents: Iterable[CalculationDocument], phase_set: PhaseSet) -> tuple[PhaseEntry, ...]:
    """Return one entry per calculation, on the scale of the set.

    Energy and volume are those of the final cell; the error is that of the set's entries of the same tier and class.
    Only energies that a tier puts on the set's scale by itself can join: CHGNet predicts MP2020-corrected energies,
    uncorrected DFT totals do not agree with the set.

    Parameters
    ----------
    documents : iterable of CalculationDocument
        Relaxations or static calculations, e.g. of the orderings of a cathode.
    phase_set : PhaseSet

    Raises
    ------
    SignatureMismatchError
        If the set holds no computed energies of the document's tier, or of another signature, naming every field that
        differs.
    InputError
        If a calculation did not converge or holds an element outside the set.
    """
    return tuple(_entry(document, phase_set) for document in documents)


def with_documents(
    phase_set: PhaseSet, documents: Iterable[CalculationDocument], citation: str = "own calculations"
) -> PhaseSet:
    """Return the set extended by own calculations; raises as :func:`entries_from_documents` and
    :meth:`..thermodynamics.phase_set.PhaseSet.extended`."""
    return phase_set.extended(
        entries_from_documents(documents, phase_set), {OWN: PhaseSource(citation=citation, license="own data")}
    )


def lowest_by_label(documents: Iterable[CalculationDocument]) -> dict[str, CalculationDocument]:
    """Return the document of lowest energy per atom of each label, in the order of their first documents."""
    lowest: dict[str, CalculationDocument] = {}
    for document in documents:
        if document.label not in lowest or document.energy_per_atom < lowest[document.label].energy_per_atom:
            lowest[document.label] = document
    return lowest


def joined_by_new(phase_set: PhaseSet, documents: Iterable[CalculationDocument]) -> tuple[PhaseSet, list[str]]:
    """Return the set with the relaxations of materials that it has no energy of, and a sentence on each that joined or
    could not.

    What the set holds already stays as pinned, so that a campaign's numbers of known materials are those of the
    commands. Of several relaxations of one material the lowest joins.

    Parameters
    ----------
    phase_set : PhaseSet
    documents : iterable of CalculationDocument
        Relaxations of bulk cells.
    """
    told = []
    for label, document in lowest_by_label(d for d in documents if not _known(phase_set, d.label)).items():
        try:
            phase_set = with_documents(phase_set, [document])
            told.append(
                f"{label}: its energy is the campaign's own relaxation (tier {document.tier}), which joined the phase "
                "set."
            )
        except CatholyteError as error:
            told.append(
                f"{label}: its relaxation cannot join the phase set, so it is taken on the hull: {error.message}"
            )
    return phase_set, told


def _known(phase_set: PhaseSet, label: str) -> bool:
    try:
        return phase_set.resolve(label).entry is not None
    except (UnknownNameError, InputError):
        return False


def _entry(document: CalculationDocument, phase_set: PhaseSet) -> PhaseEntry:
    require_real(document)
    _require_agreement(document, phase_set)
    if not (document.convergence.electronic and document.convergence.ionic):
        raise InputError(
            f"{document.label} did not converge ({document.convergence.detail or 'no detail'}): its energy cannot join "
            "a phase set"
        )
    composition = document.structure.composition.remove_charges()
    phase_set.require_elements(composition, document.label)
    formula, units = composition.get_integer_formula_and_factor()
    return PhaseEntry(
        id=f"{OWN}-{document.label}",
        formula=formula,
        energy_per_atom=round(document.energy_per_atom, 6),
        error=phase_set.errors[document.tier][chemical_class(composition)],
        source=OWN,
        tier=document.tier,
        note=f"own calculation ({document.kind}), {document.convergence.detail or 'converged'}",
        material=document.label,
        volume=round(float(document.structure.volume) / units, 4),
        volume_source=f"{'relaxed' if document.kind == 'relax' else 'given'} cell, own calculation ({document.tier})",
        scale=phase_set.scale,
    )


def _require_agreement(document: CalculationDocument, phase_set: PhaseSet) -> None:
    signature, trust = phase_set.signatures.get(document.tier), trust_of(document.tier)
    if "phase set" not in trust.references or signature is None or document.tier not in phase_set.errors:
        known = ", ".join(phase_set.signatures) or "none"
        raise SignatureMismatchError(
            f"{document.label} is a {document.tier} calculation, which the phase set {phase_set.name} cannot take: "
            f"its scale is {phase_set.scale!r}; tiers that live on it: {known} (of {document.tier}: {trust.scale})"
        )
    found = document.signature.differences(signature)
    if found:
        raise SignatureMismatchError(
            f"{document.label} cannot join the phase set {phase_set.name}: " + "; ".join(found)
        )
