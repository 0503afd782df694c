"""Physical constants in the units of the package: eV, Å, K, mol.

Four from which they follow are those that define the units (SI Brochure, 9th edition, 2019), as numbers: importing
``scipy.constants`` would cost every command a tenth of a second. A test holds them against it.
"""

from __future__ import annotations

__all__ = [
    "AVOGADRO",
    "BOLTZMANN",
    "ELEMENTARY_CHARGE",
    "E_OVER_EPSILON_0",
    "FARADAY",
    "GAS",
    "J_PER_M2",
    "KBAR",
    "KJ_PER_MOL",
    "MAH_PER_MOL",
]

#: charge of the proton, C, exact
ELEMENTARY_CHARGE = 1.602176634e-19
#: particles in one mole, 1/mol, exact
AVOGADRO = 6.02214076e23
#: Boltzmann constant, J/K, exact
_BOLTZMANN_SI = 1.380649e-23
#: m
_ANGSTROM = 1e-10
#: electric constant, F/m: CODATA 2022, measured
_EPSILON_0 = 8.8541878188e-12

#: Boltzmann constant, eV/K
BOLTZMANN = _BOLTZMANN_SI / ELEMENTARY_CHARGE
#: charge of one mole of electrons, C/mol
FARADAY = ELEMENTARY_CHARGE * AVOGADRO
#: gas constant, J/(mol K)
GAS = _BOLTZMANN_SI * AVOGADRO
#: mA h in one mole of electrons
MAH_PER_MOL = FARADAY / 3.6
#: kJ/mol in one eV per formula unit
KJ_PER_MOL = FARADAY / 1000
#: J/m² in one eV/Å²
J_PER_M2 = ELEMENTARY_CHARGE / _ANGSTROM**2
#: eV/Å³ in one kbar
KBAR = 1e8 * _ANGSTROM**3 / ELEMENTARY_CHARGE
#: e / ε₀, V·Å
E_OVER_EPSILON_0 = ELEMENTARY_CHARGE / _EPSILON_0 / _ANGSTROM
