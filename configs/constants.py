"""Physical constants in the units of the package: eV, Å, K, mol; from scipy.constants (CODATA)."""

from __future__ import annotations

from scipy import constants

__all__ = ["BOLTZMANN", "FARADAY", "GAS", "J_PER_M2", "KBAR", "KJ_PER_MOL", "MAH_PER_MOL"]

#: Boltzmann constant, eV/K
BOLTZMANN: float = constants.k / constants.e
#: charge of one mole of electrons, C/mol
FARADAY: float = constants.e * constants.N_A
#: gas constant, J/(mol K)
GAS: float = constants.R
#: mA h in one mole of electrons
MAH_PER_MOL: float = FARADAY / 3.6
#: kJ/mol in one eV per formula unit
KJ_PER_MOL: float = FARADAY / 1000
#: J/m² in one eV/Å²
J_PER_M2: float = constants.e / constants.angstrom**2
#: eV/Å³ in one kbar
KBAR: float = 1e8 * constants.angstrom**3 / constants.e
