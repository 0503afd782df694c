"""The chemical potential of oxygen at a temperature and a pressure, from a computed molecule and measured gas data.

μ(T, p) = ½ E(O2) + δ + ½ [H(T) - H(T0) - T S(T, p0) + k T ln(p / p0)]

E(O2) is the computed molecule without zero-point motion, δ the stated correction of its binding, and the gas terms are
those of :func:`..thermodynamics.open_species.oxygen_shift`. Vibrations of the solids are left out. A correction that is
fitted to enthalpies of formation at 298.15 K holds what leaving out vibrations costs on average, and the heat content
of the gas up to there: T0 is then 298.15 K. Without a correction T0 is 0 K.

Energies on the MP2020 scale (CHGNet's, and those of the phase sets) hold -0.687 eV for each oxide ion, and nothing for
O2. Taken as they are, each oxygen atom that leaves a cell would take its anion correction along, and whether it does
would depend on how the defect's oxygen is classified (pymatgen issue 2087). Here every member of a series is put back
on the uncorrected scale first, by one constant for each O atom whatever its bonds, so that δ is the only correction
that enters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...configs.errors import InputError, SignatureMismatchError, near_match_hint
from ...configs.models import Tier
from ...configs.steps.oxygen_loss import CorrectionName
from ...configs.trust import trust_of
from ...workflows.documents import CalculationDocument, Signature, require_real, require_same_signature
from ..thermodynamics.open_species import oxygen_data, oxygen_shift
from ..thermodynamics.phase_set import PhaseSet
from ..thermodynamics.voltage_curve import elements_signature
from ..words import number

__all__ = [
    "MP2020",
    "OxygenReference",
    "contained_correction",
    "default_correction",
    "oxygen_reference",
    "reference_from_document",
    "reference_from_phase_set",
    "release_temperature",
]

#: how a functional's name says that its energies are on the corrected scale
MP2020 = "MP2020-corrected"
#: Å, bond of a molecule; 1.21 Å is measured, and PBE gives 1.23 Å
_BOND = (1.15, 1.30)
#: µB per molecule, below which it is not the triplet; two unpaired electrons, of which spheres around the atoms hold
#: most
_TRIPLET = 1.0


@dataclass(frozen=True)
class OxygenReference:
    """Where oxygen goes to: a computed molecule, a stated correction, and the gas.

    Parameters
    ----------
    molecule : float
        eV per O atom, computed, uncorrected.
    correction : float
        eV per O atom, added to `molecule`.
    fitted_at : float
        K; the corrected molecule stands for the enthalpy of the gas at this temperature, 0 K without a correction.
    correction_name, correction_source : str
    contained : float
        eV per O atom that the energies of the series hold beyond the functional.
    signature : Signature
        Energies of a series must share it.
    origin : str
        Which calculation or entry `molecule` is.
    """

    molecule: float
    correction: float
    fitted_at: float
    correction_name: CorrectionName
    correction_source: str
    contained: float
    signature: Signature
    origin: str

    @property
    def without_entropy(self) -> float:
        """Chemical potential less everything of the gas that the correction does not hold, eV per O atom, on the
        uncorrected scale: half the enthalpy of the gas at `fitted_at`."""
        return self.molecule + self.correction

    @property
    def on_series(self) -> float:
        """The same on the scale of the series' energies: what one O atom of a cell is weighed against, eV."""
        return self.without_entropy + self.contained

    def shift(self, temperature: float, pressure: float = 1.0) -> float:
        """Return μ(T, p) less :attr:`without_entropy`, eV per O atom, as
        :func:`..thermodynamics.open_species.oxygen_shift` gives it.

        Parameters
        ----------
        temperature : float, K
        pressure : float, bar
        """
        return oxygen_shift(temperature, pressure, self.fitted_at)

    def potential(self, temperature: float, pressure: float = 1.0) -> float:
        """Return μ(T, p), eV per O atom, on the uncorrected scale; raises as :meth:`shift`."""
        return self.without_entropy + self.shift(temperature, pressure)

    def check(self, document: CalculationDocument) -> None:
        """Raise SignatureMismatchError unless the document's energy may be set against this reference."""
        require_same_signature(
            {document.label: document.signature, f"the O2 reference ({self.origin})": self.signature}
        )

    def short(self) -> str:
        """The reference in a few words, for captions."""
        return (
            f"O₂: {self.origin}, correction {self.correction_name} (+{number(self.correction, 3)} eV per O); gas: "
            "NIST-JANAF."
        )

    def sentence(self) -> str:
        """The reference with all values and sources, for reports."""
        scale = (
            (
                f" The energies' own oxide correction, {number(self.contained, 3)} eV per O, is taken off every cell "
                "of the series, whatever the bonds of its oxygen."
            )
            if self.contained
            else ""
        )
        return (
            f"Oxygen goes to O₂ gas: {self.origin}, {number(self.molecule, 3)} eV per O atom, correction "
            f"{self.correction_name} +{number(self.correction, 3)} eV per O atom ({self.correction_source}). Enthalpy "
            f"and entropy of the gas, counted from {self.fitted_at:g} K: {oxygen_data().gas.source}.{scale}"
        )


def contained_correction(signature: Signature) -> float:
    """Return what total energies of a signature hold for each oxide ion beyond the functional, eV."""
    return oxygen_data().contained["mp2020"] if MP2020 in signature.functional else 0.0


def default_correction(tier: Tier) -> CorrectionName:
    """Return the correction that is taken where none is named.

    Raises
    ------
    InputError
        If nothing says which correction the engine's O2 needs.
    """
    found = trust_of(tier).corrections.get("oxygen")
    if found is None:
        raise InputError(
            f"engine {tier!r} names no correction of the O2 molecule; give {', '.join(oxygen_data().corrections)}"
        )
    return found


def reference_from_phase_set(
    phase_set: PhaseSet,
    tier: Tier = "chgnet",
    correction: CorrectionName | None = None,
    own: Signature | None = None,
) -> OxygenReference:
    """Return the O2 reference of a tier whose energies live on the scale of a phase set, or on that of its elements.

    A potential's own energies of elements are not usable; the set's O2 is a density-functional energy on the same
    scale, without correction.

    Parameters
    ----------
    phase_set : PhaseSet
    tier : Tier
    correction : str, optional
        ``none``, ``mp2020`` or ``wang2006``; that of :func:`default_correction` where left out.
    own : Signature, optional
        Of the series, as :func:`..thermodynamics.voltage_curve.elements_signature` takes it.

    Raises
    ------
    SignatureMismatchError
        If the set says of no signature of this tier that it lives on its scale.
    InputError
        If the set has no oxygen, or the correction is unknown.
    """
    signature = elements_signature(phase_set, tier, own)
    if signature is None:
        known = ", ".join(phase_set.signatures) or "none"
        raise SignatureMismatchError(
            f"{tier} energies are not on the scale of the phase set {phase_set.name} ({phase_set.scale}; tiers on it: "
            f"{known}): give a calculation of an O2 molecule with the same settings"
        )
    entry = phase_set.entry_for("O")
    if entry is None:
        raise InputError(f"the phase set {phase_set.name} holds no oxygen")
    origin = f"{entry.id} of the phase set {phase_set.name} ({entry.tier}, {entry.space_group})"
    return _reference(entry.energy_per_atom, signature, origin, correction or default_correction(tier))


def oxygen_reference(
    cell: CalculationDocument,
    phase_set: PhaseSet,
    molecule: CalculationDocument | None,
    correction: CorrectionName | None = None,
) -> OxygenReference:
    """Return the O2 of a phase set where a series is on its scale, and else that which the engine itself calculated.

    Parameters
    ----------
    cell : CalculationDocument
        One of the series.
    phase_set : PhaseSet
    molecule : CalculationDocument or None
        By the engine of the series.
    correction : str, optional
        As in :func:`reference_from_phase_set`.

    Raises
    ------
    InputError
        If the series is not on that scale and no molecule is there.
    """
    if elements_signature(phase_set, cell.tier, cell.signature):
        return reference_from_phase_set(phase_set, cell.tier, correction, cell.signature)
    if molecule is None:
        raise InputError(f"{cell.tier} energies need an O2 molecule calculated with the same settings")
    return reference_from_document(molecule, correction)


def reference_from_document(molecule: CalculationDocument, correction: CorrectionName | None = None) -> OxygenReference:
    """Return the O2 reference of a computed molecule, in a box or in the crystal of molecules.

    Parameters
    ----------
    molecule : CalculationDocument
        Same engine and settings as the series.
    correction : str, optional
        As in :func:`reference_from_phase_set`.

    Raises
    ------
    InputError
        If the cell holds anything but O2 molecules, the molecule is not the triplet, the engine gives no reference for
        oxygen, or the correction is unknown.
    """
    require_real(molecule)
    trust = trust_of(molecule.tier)
    if "oxygen" not in trust.references:
        raise InputError(
            f"{molecule.label}: {trust.label}'s energies of elements are not usable as references; take the O2 of the "
            "phase set"
        )
    structure = molecule.structure
    if {site.specie.symbol for site in structure} != {"O"} or len(structure) % 2:
        raise InputError(f"{molecule.label} ({structure.composition.formula}) is not made of O2 molecules")
    bonds = _bonds(molecule)
    if not all(_BOND[0] <= bond <= _BOND[1] for bond in bonds):
        raise InputError(
            f"{molecule.label}: O–O distances of {min(bonds):.3f} to {max(bonds):.3f} Å; O2 has {_BOND[0]} to "
            f"{_BOND[1]} Å"
        )
    moment = sum(abs(m) for m in molecule.magmoms or []) * 2 / len(structure)
    if moment < _TRIPLET:
        raise InputError(
            f"{molecule.label}: moments of {moment:.2f} µB per molecule; O2 is a triplet, start each atom with 1 µB"
        )
    form = "molecule in a box" if len(structure) == 2 and structure.volume > 200 else "crystal of molecules"
    origin = f"{molecule.label} ({molecule.tier}, {form}, bond {np.mean(bonds):.3f} Å)"
    return _reference(
        molecule.energy_per_atom, molecule.signature, origin, correction or default_correction(molecule.tier)
    )


def _bonds(molecule: CalculationDocument) -> list[float]:
    """Each atom's distance to its nearest neighbour, Å."""
    table = molecule.structure.distance_matrix + np.diag(np.full(molecule.n_sites, np.inf))
    return [float(d) for d in table.min(axis=1)]


def _reference(energy: float, signature: Signature, origin: str, name: CorrectionName) -> OxygenReference:
    corrections = oxygen_data().corrections
    if name not in corrections:
        raise InputError(f"unknown correction {name!r} of the O2 molecule; {near_match_hint(name, corrections)}")
    chosen = corrections[name]
    return OxygenReference(
        energy, chosen.value, chosen.fitted_at, name, chosen.source, contained_correction(signature), signature, origin
    )


def release_temperature(energy: float, pressure: float, reference: OxygenReference) -> float | None:
    """Return the temperature, K, above which a vacancy of this formation energy forms of itself; None within the gas
    tables.

    Parameters
    ----------
    energy : float
        eV, with oxygen at the reference without entropy.
    pressure : float
        bar.
    reference : OxygenReference
    """
    from scipy.optimize import brentq

    parts = oxygen_data().gas.shomate
    low, high = parts[0].low, parts[-1].high

    def left(temperature: float) -> float:
        return energy + reference.shift(temperature, pressure)

    if left(low) <= 0:
        return low
    return float(brentq(left, low, high)) if left(high) < 0 else None
