"""Lithium vacancies of the electrolyte beside a cathode at a voltage: occupations by the sum over sites.

Model. A vacancy of the energy E (of a cell that is neutral as a whole) on site i of an insulating material leaves a
charge of -e there; its electron went to the cathode, which is a conductor at one potential. Sites hold one ion or
none, and see each other through the mean electrostatic potential alone:

    θᵢ = 1 / (1 + exp((Eᵢ - eV + Σⱼ Kᵢⱼ wⱼ θⱼ) / kT)),    Kᵢⱼ = e² G(zᵢ, zⱼ) / (ε₀ εᵣ A)

with wⱼ sites of energy Eⱼ per cell, the area A and Green's function G of Poisson's equation in one dimension: distance
from the cathode's face of the nearer of both sites, and (distance of the nearer) × (distance of the farther from the
other face) / (distance of the faces) between two faces. K is positive semidefinite, so that there is one solution: the
minimum of a convex free energy. Occupation by Fermi-Dirac statistics with Poisson's equation is the model of N. J. J.
de Klerk and M. Wagemaker (ACS Appl. Energy Mater. 1 (2018) 5609) for whole layers; energies of vacancies by depth in
LCO|Li3PS4 and LCO|LiNbO3|Li3PS4 stand in J. Haruyama et al. (Chem. Mater. 26 (2014) 4248).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...configs.arrays import Floats
from ...configs.constants import BOLTZMANN, E_OVER_EPSILON_0, ELEMENTARY_CHARGE
from ...configs.errors import CalculationError, InputError
from .stack_vacancies import StackProfile

__all__ = ["SpaceCharge", "green", "occupations", "space_charge"]

#: µC/cm² in one e/Å²
_MICROCOULOMB = ELEMENTARY_CHARGE * 1e6 / 1e-8**2  # Å in cm
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class SpaceCharge:
    """Vacancies beside the cathode at one voltage.

    Parameters
    ----------
    voltage : float, V against lithium metal
    charge : float, µC/cm²
        Of the vacancies between the cathode's faces, negative, for each face.
    independent : float, µC/cm²
        The same, were the sites independent of each other.
    drop : float, V
        Largest potential difference to the cathode, positive where it holds the ions back.
    reach : float or None, Å
        Distance from the cathode's face within which 90 % of the charge lies; None without a charge.
    emptied : dict of str to float
        Share of the lithium that is missing, by material.
    """

    voltage: float
    charge: float
    independent: float
    drop: float
    reach: float | None
    emptied: dict[str, float]


def green(low: Floats, high: Floats | None = None) -> Floats:
    """Return Green's function of each pair of sites, (n, n) Å.

    Parameters
    ----------
    low : (n,) float array, Å
        Distance of each site from the cathode's face.
    high : (n,) float array, Å, optional
        Distance from a second face on the other side; none there where left out.
    """
    near = np.minimum.outer(low, low)
    if high is None:
        return near
    found: Floats = near * np.minimum.outer(high, high) / (low + high).max()
    return found


def occupations(energies: Floats, repulsion: Floats, weights: Floats, thermal: float) -> Floats:
    """Return the share of each site that is empty, (n,).

    Parameters
    ----------
    energies : (n,) float array, eV
        E - eV.
    repulsion : (n, n) float array, eV
        K: positive semidefinite.
    weights : (n,) float array
        Sites that each stands for.
    thermal : float, eV
        kT.

    Raises
    ------
    CalculationError
        If the iteration does not converge.
    """
    potential = np.zeros(len(energies))
    loaded = repulsion * weights
    step = max(thermal, 1.0)
    while True:
        potential = _solved(energies, loaded, potential, step)
        if step == thermal:
            return _empty(energies + potential, thermal)
        step = max(thermal, 0.5 * step)


def _empty(energies: Floats, thermal: float) -> Floats:
    from scipy.special import expit

    shares: Floats = expit(-energies / thermal)
    return shares


def _solved(energies: Floats, loaded: Floats, potential: Floats, thermal: float) -> Floats:
    """Newton's iteration on u - K w θ(u) = 0, whose Jacobian is never singular, with halved steps."""
    scale = 1.0 + float(np.abs(loaded).sum(axis=1).max(initial=0.0))

    def residual(u: Floats) -> Floats:
        left: Floats = u - loaded @ _empty(energies + u, thermal)
        return left

    left = residual(potential)
    for _ in range(500):
        if np.abs(left).max(initial=0.0) < _TOLERANCE * scale:
            return potential
        theta = _empty(energies + potential, thermal)
        jacobian = np.eye(len(potential)) + loaded * (theta * (1 - theta) / thermal)
        move, share = np.linalg.solve(jacobian, -left), 1.0
        while share > 1e-8:
            tried = residual(potential + share * move)
            if np.linalg.norm(tried) < (1 - 1e-4 * share) * np.linalg.norm(left):
                break
            share /= 2
        potential, left = potential + share * move, residual(potential + share * move)
    raise CalculationError("the occupations of the lithium sites did not converge; raise the temperature")


def space_charge(
    profile: StackProfile, voltages: Sequence[float], temperature: float, permittivity: float
) -> list[SpaceCharge]:
    """Return what is missing beside the cathode at each voltage.

    Parameters
    ----------
    profile : StackProfile
        With vacancies of lithium.
    voltages : sequence of float, V against lithium metal
    temperature : float, K
    permittivity : float
        Relative.

    Raises
    ------
    InputError
        If there is no material that pays, no lithium vacancy in another one, or temperature or permittivity is no
        positive number.
    """
    if not temperature > 0 or not permittivity >= 1:
        raise InputError(
            f"a temperature of {temperature:g} K and a permittivity of {permittivity:g} make no space charge"
        )
    if not profile.paying:
        raise InputError(f"{profile.label}: no material holds ions that pay for a vacancy, so that no charge is parted")
    sites = [one for one in profile.of("Li") if one.part not in profile.paying]
    if not sites:
        raise InputError(f"{profile.label}: no lithium vacancy beside the cathode was computed")
    gaps = {part.name: _faces(profile, k) for k, part in enumerate(profile.parts)}
    faces = [gaps[one.part] for one in sites]
    if all(face == (None, None) for face in faces):
        raise InputError(f"{profile.label}: no material that pays borders on one with lithium vacancies")
    heights = np.array([one.height for one in sites])
    energies, weights = np.array([one.energy for one in sites]), np.array([one.share for one in sites])
    repulsion, nearest, n_faces = _geometry(heights, faces)
    repulsion *= E_OVER_EPSILON_0 / (permittivity * profile.stack.area)
    per_face = -_MICROCOULOMB / (profile.stack.area * n_faces)
    thermal, found = BOLTZMANN * temperature, []
    for voltage in voltages:
        missing = weights * occupations(energies - voltage, repulsion, weights, thermal)
        alone = weights * _empty(energies - voltage, thermal)
        emptied = {}
        for name in dict.fromkeys(one.part for one in sites):
            mine = [one.part == name for one in sites]
            emptied[name] = float(missing[mine].sum() / weights[mine].sum())
        charges = per_face * float(missing.sum()), per_face * float(alone.sum())
        drop = float((repulsion @ missing).max())
        found.append(SpaceCharge(voltage, *charges, drop, _reach(nearest, missing), emptied))
    return found


#: heights of the faces of paying materials next below and next above, Å
_Faces = tuple[float | None, float | None]


def _faces(profile: StackProfile, place: int) -> _Faces:
    """What a material lies between, over others that do not pay; None where vacuum comes first."""
    parts, period = profile.parts, profile.stack.period

    def face(step: int) -> float | None:
        at, shift = place, 0.0
        for _ in parts:
            if not parts[at].joined[step > 0]:
                return None
            at += step
            if not 0 <= at < len(parts):
                at, shift = at % len(parts), shift + step * period
            if parts[at].name in profile.paying:
                return shift + (parts[at].low if step > 0 else parts[at].high)
        return None

    return face(-1), face(1)


def _geometry(heights: Floats, faces: Sequence[_Faces]) -> tuple[Floats, Floats, int]:
    """Green's function of all pairs, (n, n) Å, distance of each site from the nearer face, (n,) Å, and the number of
    faces; sites between different faces do not see each other, and those without a face lie at one."""
    found, nearest, count = np.zeros((len(heights), len(heights))), np.zeros(len(heights)), 0
    for low, high in sorted(set(faces), key=str):
        mine = np.flatnonzero([face == (low, high) for face in faces])
        below = None if low is None else np.maximum(heights[mine] - low, 0.0)
        above = None if high is None else np.maximum(high - heights[mine], 0.0)
        first, second = (above, None) if below is None else (below, above)
        if first is None:
            continue
        found[np.ix_(mine, mine)] = green(first, second)
        nearest[mine] = first if second is None else np.minimum(first, second)
        count += 1 if second is None else 2
    return found, nearest, count


def _reach(distances: Floats, charges: Floats) -> float | None:
    """Distance within which 90 % of the charge lies."""
    total = float(charges.sum())
    if total <= 0:
        return None
    order = np.argsort(distances, kind="stable")
    within = np.cumsum(charges[order])
    return float(distances[order][np.searchsorted(within, 0.9 * total * (1 - 1e-12))])
