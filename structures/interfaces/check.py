"""Is a cell what it claims to be? Checks of a finished interface that use nothing of what built it.

Each part claims to be a piece of a bulk crystal whose vectors (v₁, v₂) became the cell's (a, b). The atoms are
put back: in-plane fractional coordinates times (v₁, v₂), heights along the normal. Every atom must then
sit on a site of the bulk with the same species and moment, whatever the builder says about where it came from.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats, Ints
from ...configs.errors import StructureError

__all__ = ["CLOSEST", "Check", "Claim", "check_distances_by_radii", "check_interface", "require_sound"]


#: no pair of atoms is closer than this part of the sum of their radii
CLOSEST = 0.7
#: Å; an atom farther from every site of the bulk is not on it
_POSITION = 1e-3
#: µB
_MOMENT = 1e-3
#: e/Å; a smaller dipole per area and repeat is none
_DIPOLE = 1e-3


@dataclass(frozen=True, eq=False)
class Claim:
    """What one part of a stack claims to be.

    Parameters
    ----------
    label : str
        Value of the site property ``layer``.
    bulk : Structure
        With oxidation states and ``magmom``.
    vectors : (2, 3) float array, Å
        Bulk lattice vectors that the cell's `a` and `b` are when unstrained, in the frame of `bulk`.
    strain : float
        Von Mises strain of the part in the cell.
    repeats : int
        Equal repeats along the normal.
    polar : bool
        Whether each repeat adds a dipole.
    """

    label: str
    bulk: Structure
    vectors: Floats
    strain: float
    repeats: int = 1
    polar: bool = False


@dataclass(frozen=True)
class Check:
    """One verdict.

    name : str; ok : bool; detail : str, with numbers.
    """

    name: str
    ok: bool
    detail: str


def check_interface(
    structure: Structure, claims: Sequence[Claim], mismatch: float, gaps: Sequence[float], height: float
) -> list[Check]:
    """Check a cell against its claims.

    Parameters
    ----------
    structure : Structure
        With the site properties ``layer`` and ``magmom``; `c` along z; no part wraps around the cell's top.
    claims : sequence of Claim
        From the bottom up.
    mismatch : float
        Claimed: von Mises strain between the two bulk lattices; of more than two parts only the strains of each are
        checked.
    gaps : sequence of float, Å
        Claimed, between neighbouring parts.
    height : float, Å
        Claimed, between the topmost atom and the next cell's lowest one.

    Returns
    -------
    list of Check
        Composition, neutrality, polarity, sites, periodicity and strain of each part; mismatch, distances, cell and
        moments of the whole.
    """
    checks = []
    tags = structure.site_properties.get("layer") or []
    if set(tags) != {claim.label for claim in claims}:
        return [
            Check(
                "layers",
                False,
                f"layer tags {sorted(set(map(str, tags)))}, claimed: {[claim.label for claim in claims]}",
            )
        ]
    for claim in claims:
        members = np.flatnonzero(np.array(tags) == claim.label)
        checks += [
            _composition(structure, members, claim),
            _neutral(structure, members, claim),
            _polarity(structure, members, claim),
            _sites(structure, members, claim),
            _periodicity(claim),
        ]
        checks.append(_strain(f"strain of {claim.label}", claim.vectors, structure.lattice.matrix[:2], claim.strain))
    if len(claims) == 2:
        checks.append(_strain("mismatch", claims[0].vectors, claims[1].vectors, mismatch))
    return [*checks, check_distances_by_radii(structure), _cell(structure, claims, gaps, height), _moments(structure)]


def require_sound(checks: Sequence[Check], label: str) -> None:
    """Raise unless every check holds.

    Raises
    ------
    StructureError
        Naming the checks that failed.
    """
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
    if failed:
        raise StructureError(f"{label} is not what it claims to be: {'; '.join(failed)}")


def _composition(structure: Structure, members: Ints, claim: Claim) -> Check:
    found = Counter(structure[int(k)].species_string for k in members)
    bulk = Counter(site.species_string for site in claim.bulk)
    units = gcd(*Counter(site.specie.symbol for site in claim.bulk).values())
    multiple = len(members) * units / len(claim.bulk)
    same = all(found[name] * len(claim.bulk) == bulk[name] * len(members) for name in found | bulk)
    return Check(
        f"composition of {claim.label}",
        same and multiple == round(multiple) and multiple > 0,
        f"{multiple:g} formula units, {dict(found)}",
    )


def _neutral(structure: Structure, members: Ints, claim: Claim) -> Check:
    charge = sum(getattr(structure[int(k)].specie, "oxi_state", None) or 0 for k in members)
    return Check(f"neutrality of {claim.label}", abs(charge) < 1e-6, f"{charge:+g} e")


def _polarity(structure: Structure, members: Ints, claim: Claim) -> Check:
    """Whether the formal charges, summed over the part as it stands, repeat a dipole only where that is claimed."""
    charges = np.array([float(getattr(structure[int(k)].specie, "oxi_state", None) or 0) for k in members])
    heights = structure.cart_coords[members, 2]
    area = float(np.linalg.norm(np.cross(*structure.lattice.matrix[:2])))
    dipole = float(charges @ (heights - heights.mean())) / area / claim.repeats
    return Check(
        f"polarity of {claim.label}",
        claim.polar or abs(dipole) <= _DIPOLE,
        f"{dipole:+.4f} e/Å in each of {claim.repeats} repeats, claimed {'polar' if claim.polar else 'none'}",
    )


def _sites(structure: Structure, members: Ints, claim: Claim) -> Check:
    """Whether the atoms, put back into the bulk's frame, sit on its sites."""
    normal = np.cross(*claim.vectors)
    frame = np.array([*claim.vectors, normal / np.linalg.norm(normal)])
    coords = structure.frac_coords[members] * [1.0, 1.0, structure.lattice.c] @ frame
    names = [str(specie) for specie in structure.species]
    species = [names[int(k)] for k in members]
    magmom = structure.site_properties["magmom"]
    moments = np.array([float(magmom[int(k)] or 0.0) for k in members])
    kinds = np.array([str(specie) for specie in claim.bulk.species])
    best = np.inf
    for anchor in np.flatnonzero(kinds == species[0]):
        moved = coords + claim.bulk.cart_coords[anchor] - coords[0]
        distances = claim.bulk.lattice.get_all_distances(
            claim.bulk.lattice.get_fractional_coords(moved), claim.bulk.frac_coords
        )
        distances[np.array(species)[:, None] != kinds] = np.inf
        nearest = distances.argmin(axis=1)
        theirs = np.array([float(m or 0.0) for m in claim.bulk.site_properties["magmom"]])[nearest]
        if min(np.abs(moments - theirs).max(), np.abs(moments + theirs).max()) > _MOMENT:
            continue
        best = min(best, float(distances.min(axis=1).max()))
    return Check(
        f"sites of {claim.label}",
        best < _POSITION,
        f"largest distance from a bulk site of equal species and moment {best:.1e} Å",
    )


def _periodicity(claim: Claim) -> Check:
    """Whether the claimed in-plane vectors are translations of the bulk with its moments, so that nothing changes
    across the cell's sides."""
    bulk, worst = claim.bulk, 0.0
    moments = np.array([float(m or 0.0) for m in bulk.site_properties["magmom"]])
    kinds = np.array([site.species_string for site in bulk])
    for vector in claim.vectors:
        moved = bulk.lattice.get_fractional_coords(bulk.cart_coords + vector)
        distances = bulk.lattice.get_all_distances(moved, bulk.frac_coords)
        distances[(kinds[:, None] != kinds) | (np.abs(moments[:, None] - moments) > _MOMENT)] = np.inf
        worst = max(worst, float(distances.min(axis=1).max()))
    return Check(
        f"periodicity of {claim.label}",
        worst < _POSITION,
        f"the cell's vectors miss translations of the bulk by {worst:.1e} Å",
    )


def _strain(name: str, before: Floats, after: Floats, claimed: float) -> Check:
    """Von Mises strain, logarithmic, that turns the vectors `before` (2, 3) into `after`, from their metrics."""
    ratios = np.linalg.eigvals(np.linalg.inv(before @ before.T) @ (after @ after.T)).real
    tensor = np.diag([*(np.log(ratios) / 2), 0.0])
    deviator = tensor - np.trace(tensor) / 3 * np.eye(3)
    found = float(np.sqrt(2 / 3 * (deviator**2).sum()))
    return Check(name, abs(found - claimed) < 1e-6, f"{found:.6f} from the lattices, {claimed:.6f} claimed")


def check_distances_by_radii(structure: Structure) -> Check:
    """Check that no pair of atoms is closer than 0.7 times the sum of their radii."""
    from ase.neighborlist import neighbor_list
    from pymatgen.io.ase import AseAtomsAdaptor

    radii = np.array([_radius(site.specie) for site in structure])
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    first, second, distances = neighbor_list("ijd", atoms, list(CLOSEST * radii * 1.5))
    ratios = distances / (radii[first] + radii[second])
    k = int(np.argmin(ratios)) if len(ratios) else -1
    told = (
        "no contacts"
        if k < 0
        else (
            f"closest: {structure[int(first[k])].specie}-{structure[int(second[k])].specie} {distances[k]:.3f} Å, "
            f"{ratios[k]:.2f} of the radii"
        )
    )
    return Check("distances", k < 0 or bool(ratios[k] >= CLOSEST), told)


def _cell(structure: Structure, claims: Sequence[Claim], gaps: Sequence[float], height: float) -> Check:
    """`c` perpendicular, parts in their order without overlap, gaps as claimed, and the heights adding up to the
    cell."""
    lattice = structure.lattice.matrix
    upright = np.abs([*lattice[2, :2], *lattice[:2, 2]]).max() < 1e-8 and np.linalg.det(lattice) > 0
    heights, tags = structure.frac_coords[:, 2] * lattice[2, 2], np.array(structure.site_properties["layer"])
    extents = [(heights[tags == claim.label].min(), heights[tags == claim.label].max()) for claim in claims]
    found = [float(above[0] - below[1]) for below, above in pairwise(extents)]
    outside = float(lattice[2, 2] - extents[-1][1] + extents[0][0])
    same = np.abs(np.array([*found, outside]) - [*gaps, height]).max() < 1e-6
    area = float(np.linalg.norm(np.cross(*lattice[:2])))
    volume = bool(abs(area * lattice[2, 2] - structure.volume) < 1e-6 * structure.volume)
    ok = bool(upright and same and volume and min([*found, outside]) > 0)
    return Check(
        "cell", ok, f"area {area:.3f} Å², c {lattice[2, 2]:.3f} Å, gaps {[round(g, 3) for g in [*found, outside]]} Å"
    )


def _moments(structure: Structure) -> Check:
    moments = structure.site_properties.get("magmom") or [None] * len(structure)
    missing = sum(moment is None for moment in moments)
    return Check("moments", missing == 0, f"{missing} of {len(structure)} sites have no moment")


def _radius(species: Species | Element) -> float:
    """The larger of Shannon's two radii of an ion, Å: the crystal radius of a cation, the effective one of an anion.

    R. D. Shannon, Acta Cryst. A 32 (1976) 751; pymatgen tabulates crystal radii, from which anions differ by 0.14 Å.
    The average of its element for other cations; the atomic radius for neutral atoms and for other anions, which are
    bonded to each other.
    """
    charge = getattr(species, "oxi_state", None) or 0
    if isinstance(species, Species) and charge:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pymatgen says which spin state's radius it took
            tabulated = species.ionic_radius
        if tabulated and charge < 0:
            return float(tabulated) + 0.14
        if charge > 0:
            return float(tabulated or species.element.average_cationic_radius or species.element.atomic_radius or 0.0)
    element = species.element if isinstance(species, Species) else species
    return float(element.atomic_radius or element.atomic_radius_calculated or 0.0)
