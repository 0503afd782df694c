"""Own calculations join a phase set where their signature agrees with the set's energies, and are refused by name
otherwise.

A potential that predicts energies on the scale of the set joins as it is. A calculation by VASP at the level of theory
of the set's public energies (:mod:`...workflows.phases.scale`) joins with the correction of MP2020.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import hypot

from ...configs.errors import CatholyteError, InputError, SignatureMismatchError, UnknownNameError
from ...configs.models import Tier
from ...configs.trust import trust_of
from ...structures.crystals.chemistry import chemical_class
from ...workflows.documents import CalculationDocument, require_real
from ...workflows.phases.corrections import mp2020_correction
from ...workflows.phases.scale import DFT_ERROR, scale_differences
from ..thermodynamics.phase_set import PhaseEntry, PhaseSet, PhaseSource

__all__ = ["OWN", "entries_from_documents", "joined_by_new", "lowest_by_label", "with_dft", "with_documents"]

#: key of the source of own calculations
OWN = "own"


def entries_from_documents(documents: Iterable[CalculationDocument], phase_set: PhaseSet) -> tuple[PhaseEntry, ...]:
    """Return one entry per calculation, on the scale of the set.

    Energy and volume are those of the final cell; the error is that of the set's entries of the same tier and class.
    Energies join that a tier puts on the set's scale by itself (CHGNet predicts MP2020-corrected ones), and total
    energies of VASP at the level of theory of the set's public ones, which are corrected here.

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


def with_dft(phase_set: PhaseSet, documents: Iterable[CalculationDocument]) -> tuple[PhaseSet, list[str]]:
    """Return the set with density functional theory beside the potentials, and a sentence on each calculation.

    The energy of an entry that was learned stays the set's, and the calculation's stands beside those of the potentials
    (`PhaseEntry.potentials`), where answers are told on each. A material that the set lacks joins as a new entry. A
    public energy, which is of the same theory, is compared and kept.

    Parameters
    ----------
    phase_set : PhaseSet
    documents : iterable of CalculationDocument
        Relaxations at the level of theory of the set.
    """
    told, beside = [], dict[str, dict[Tier, float]]()
    new: list[CalculationDocument] = []
    for label, document in lowest_by_label(documents).items():
        try:
            entry, known = _entry(document, phase_set), phase_set.resolve(label).entry
        except CatholyteError as error:
            told.append(f"{label}: its calculation cannot join the phase set: {error.message}")
            continue
        energy = f"{entry.energy_per_atom:.4f} eV/atom by {trust_of(entry.tier).label} at the scale of the set"
        if known is None:
            new.append(document)
            told.append(f"{label}: {energy}, the set has none: it joined.")
            continue
        told.append(f"{label}: {energy}, {known.energy_per_atom:.4f} in the set ({known.id}, tier {known.tier}).")
        if trust_of(known.tier).learned:
            beside[known.id] = {document.tier: entry.energy_per_atom}
    if new:
        phase_set = with_documents(phase_set, new)
    if beside:
        entries = tuple(
            entry.model_copy(update={"potentials": {**entry.potentials, **beside.get(entry.id, {})}})
            for entry in phase_set.entries
        )
        phase_set = phase_set.changed(name=f"{phase_set.name} with {len(beside)} of DFT", entries=entries)
    return phase_set, told


def _known(phase_set: PhaseSet, label: str) -> bool:
    try:
        return phase_set.resolve(label).entry is not None
    except (UnknownNameError, InputError):
        return False


def _entry(document: CalculationDocument, phase_set: PhaseSet) -> PhaseEntry:
    require_real(document)
    correction = _correction(document, phase_set)
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
        energy_per_atom=round(document.energy_per_atom + (correction[0] if correction else 0.0), 6),
        error=hypot(DFT_ERROR, correction[1])
        if correction
        else phase_set.errors[document.tier][chemical_class(composition)],
        source=OWN,
        tier=document.tier,
        note=f"own calculation ({document.kind}), {document.convergence.detail or 'converged'}"
        + (f", MP2020 {1000 * correction[0]:+.1f} meV/atom" if correction else ""),
        material=document.label,
        volume=round(float(document.structure.volume) / units, 4),
        volume_source=f"{'relaxed' if document.kind == 'relax' else 'given'} cell, own calculation ({document.tier})",
        scale=phase_set.scale,
    )


def _correction(document: CalculationDocument, phase_set: PhaseSet) -> tuple[float, float] | None:
    """What MP2020 adds to the energy of a calculation, and its error, eV/atom; None for one that is on the scale by
    itself."""
    from pymatgen.entries.compatibility import CompatibilityError

    trust = trust_of(document.tier)
    if trust.trust_class != "dft" or "phase set" not in trust.references or not phase_set.scale.startswith("MP2020"):
        _require_agreement(document, phase_set)
        return None
    differences = scale_differences(document.signature, document.structure)
    if differences:
        raise SignatureMismatchError(
            f"{document.label} is a {document.tier} calculation off the level of theory of the phase set "
            f"{phase_set.name}, whose scale is {phase_set.scale!r}: {'; '.join(differences)}"
        )
    try:
        return mp2020_correction(document.structure)
    except CompatibilityError as error:
        raise InputError(f"{document.label}: MP2020 gives no correction: {error}") from None


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
