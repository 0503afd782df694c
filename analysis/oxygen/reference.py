"""The chemical potential of oxygen at a temperature and a pressure, from a computed molecule and measured gas data.

μ(T, p) = ½ E(O2) + δ + ½ [H(T) - H(0 K) - T S(T, p0) + k T ln(p / p0)]

E(O2) is the computed molecule without zero-point motion, δ the stated correction of its binding, and
enthalpy and entropy are those of the NIST-JANAF tables (K. Reuter, M. Scheffler, Phys. Rev. B 65, 035406
(2001)). Vibrations of the solids are left out. Corrections δ are fitted to enthalpies of formation at 298 K and so hold
what leaving out vibrations costs on average; of the gas, ½ [H(298 K) - H(0 K)] = 0.045 eV is then counted in both.

Energies on the MP2020 scale (CHGNet's, and those of the phase sets) hold -0.687 eV for each oxide ion, and nothing for
O2. Taken as they are, each oxygen atom that leaves a cell would take its anion correction along, and whether it does
would depend on how the defect's oxygen is classified (pymatgen issue 2087). Here every member of a series is put back
on the uncorrected scale first, by one constant for each O atom whatever its bonds, so that δ is the only correction
that enters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import log

import numpy as np
from pydantic import Field, model_validator

from ...configs.constants import BOLTZMANN, KJ_PER_MOL
from ...configs.errors import InputError, SignatureMismatchError, near_match_hint
from ...configs.load import CONFIGS, parse_file
from ...configs.models import Spec, Tier
from ...configs.steps.oxygen_loss import CorrectionName
from ...configs.trust import trust_of
from ...workflows.documents import CalculationDocument, Signature, require_real, require_same_signature
from ..thermodynamics.phase_set import PhaseSet
from ..words import number

__all__ = [
    "MP2020",
    "Correction",
    "OxygenReference",
    "contained_correction",
    "default_correction",
    "gas_enthalpy",
    "gas_entropy",
    "oxygen_data",
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


class ShomateRange(Spec):
    """Coefficients of one range of temperature; the equations stand in the file."""

    low: float = Field(ge=0, description="K")
    high: float = Field(gt=0, description="K")
    A: float
    B: float
    C: float
    D: float
    E: float
    F: float
    G: float
    H: float

    def enthalpy(self, temperature: float) -> float:
        """H(T) - H(298.15 K), kJ/mol."""
        t = temperature / 1000
        return self.A * t + self.B * t**2 / 2 + self.C * t**3 / 3 + self.D * t**4 / 4 - self.E / t + self.F - self.H

    def entropy(self, temperature: float) -> float:
        """Standard entropy, J/(mol K)."""
        t = temperature / 1000
        return self.A * log(t) + self.B * t + self.C * t**2 / 2 + self.D * t**3 / 3 - self.E / (2 * t**2) + self.G


class Gas(Spec):
    """Thermal data of a gas."""

    formula: str
    source: str
    license: str
    pressure: float = Field(gt=0, description="bar, of the standard state")
    zero_point: float = Field(description="kJ/mol, H(0 K) - H(298.15 K)")
    shomate: tuple[ShomateRange, ...] = Field(min_length=1)

    def range_at(self, temperature: float) -> ShomateRange:
        """The range that holds a temperature; raises InputError naming what is covered."""
        for part in self.shomate:
            if part.low <= temperature <= part.high:
                return part
        raise InputError(
            f"{temperature:g} K: gas data of {self.formula} reach from {self.shomate[0].low:g} to "
            f"{self.shomate[-1].high:g} K, and 0 K is allowed"
        )


class Correction(Spec):
    """A stated correction of the O2 molecule."""

    value: float = Field(ge=0, description="eV per O atom, added to half the energy of the molecule")
    source: str


class OxygenData(Spec):
    """Content of ``configs/thermochemistry/oxygen.yaml``."""

    gas: Gas
    corrections: dict[CorrectionName, Correction]
    contained: dict[str, float] = Field(description="scheme to what it adds to total energies, eV per oxide ion")

    @model_validator(mode="after")
    def _ranges_join(self) -> OxygenData:
        parts = self.gas.shomate
        if any(one.high != other.low for one, other in pairwise(parts)):
            raise ValueError("the ranges of the gas data must join")
        return self


@cache
def oxygen_data() -> OxygenData:
    """Return gas data and corrections of oxygen with their sources."""
    return parse_file(CONFIGS / "thermochemistry" / "oxygen.yaml", OxygenData)[0]


def gas_enthalpy(temperature: float) -> float:
    """Return H(T) - H(0 K) of O2, eV per molecule; 0 at 0 K.

    Raises
    ------
    InputError
        If the temperature, K, is outside the tables.
    """
    gas = oxygen_data().gas
    if temperature == 0:
        return 0.0
    return (gas.range_at(temperature).enthalpy(temperature) - gas.zero_point) / KJ_PER_MOL


def gas_entropy(temperature: float, pressure: float = 1.0) -> float:
    """Return the entropy of O2 as an ideal gas, eV/K per molecule; 0 at 0 K.

    Parameters
    ----------
    temperature : float, K
    pressure : float, bar

    Raises
    ------
    InputError
        If the temperature is outside the tables or the pressure is not above 0.
    """
    gas = oxygen_data().gas
    if not pressure > 0 or not np.isfinite(pressure):
        raise InputError(f"a partial pressure of {pressure:g} bar: it must lie above 0")
    if temperature == 0:
        return 0.0
    return gas.range_at(temperature).entropy(temperature) / 1000 / KJ_PER_MOL - BOLTZMANN * log(pressure / gas.pressure)


@dataclass(frozen=True)
class OxygenReference:
    """Where oxygen goes to: a computed molecule, a stated correction, and the gas.

    Parameters
    ----------
    molecule : float
        eV per O atom, computed, uncorrected.
    correction : float
        eV per O atom, added to `molecule`.
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
    correction_name: CorrectionName
    correction_source: str
    contained: float
    signature: Signature
    origin: str

    @property
    def at_zero(self) -> float:
        """Chemical potential at 0 K, eV per O atom, on the uncorrected scale."""
        return self.molecule + self.correction

    @property
    def on_series(self) -> float:
        """The same on the scale of the series' energies: what one O atom of a cell is weighed against at 0 K, eV."""
        return self.at_zero + self.contained

    @staticmethod
    def shift(temperature: float, pressure: float = 1.0) -> float:
        """Return μ(T, p) - μ(0 K), eV per O atom; raises as :func:`gas_entropy`.

        Parameters
        ----------
        temperature : float, K
        pressure : float, bar
        """
        return (gas_enthalpy(temperature) - temperature * gas_entropy(temperature, pressure)) / 2

    def potential(self, temperature: float, pressure: float = 1.0) -> float:
        """Return μ(T, p), eV per O atom, on the uncorrected scale; raises as :func:`gas_entropy`."""
        return self.at_zero + self.shift(temperature, pressure)

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
            f"and entropy of the gas: {oxygen_data().gas.source}.{scale}"
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
    phase_set: PhaseSet, tier: Tier = "chgnet", correction: CorrectionName | None = None
) -> OxygenReference:
    """Return the O2 reference of a tier whose energies live on the scale of a phase set.

    CHGNet's own energies of elements are not usable; the set's O2 is a density-functional energy on the same scale,
    without correction.

    Parameters
    ----------
    phase_set : PhaseSet
    tier : Tier
    correction : str, optional
        ``none``, ``mp2020`` or ``wang2006``; that of :func:`default_correction` where left out.

    Raises
    ------
    SignatureMismatchError
        If the set says of no signature of this tier that it lives on its scale.
    InputError
        If the set has no oxygen, or the correction is unknown.
    """
    signature = phase_set.signatures.get(tier)
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
        energy, chosen.value, name, chosen.source, contained_correction(signature), signature, origin
    )


def release_temperature(energy: float, pressure: float) -> float | None:
    """Return the temperature, K, above which a vacancy of this formation energy forms of itself; None within the gas
    tables.

    Parameters
    ----------
    energy : float
        eV, with oxygen at 0 K.
    pressure : float
        bar.
    """
    from scipy.optimize import brentq

    parts = oxygen_data().gas.shomate
    low, high = parts[0].low, parts[-1].high

    def left(temperature: float) -> float:
        return energy + OxygenReference.shift(temperature, pressure)

    if left(low) <= 0:
        return low
    return float(brentq(left, low, high)) if left(high) < 0 else None
