"""What oxygen and sulfur gave up: bonds between anions, and holes as fractions by the moment.

O2- and S2- are closed shells. A bond between two of them shows electrons that they gave up: two in a peroxide or a
persulfide, three in a superoxide, four in a molecule of O2. Away from such bonds a moment on oxygen shows a hole, or a
share of one: :func:`hole` grows continuously with the moment, so that a hole that many oxygen atoms share counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.arrays import Floats
from ...structures.crystals.environment import Bonds

__all__ = [
    "NOISE",
    "PER_HOLE",
    "AnionPair",
    "anion_pairs",
    "covalent_moments",
    "formal_charge",
    "hole",
    "oxygen_holes",
]

#: µB of an oxygen atom for each hole. Li1.5MnO3 and LiMnO3, one and two holes on six oxygen atoms, show 0.59 and 0.58
#: (GPAW 26.7, PBE+U, spheres), MnO3 0.88 (CHGNet, whose moments are those of VASP); O- beside a lithium vacancy 0.6-0.8
#: (published PBE+U and hybrid functionals). A sum of holes is as uncertain as these differ.
PER_HOLE = 0.75
#: µB beyond what covalency explains: below the first a moment is noise of a model or polarisation, above the second it
#: counts in full, and in between it grows. CHGNet shows up to 0.06 in NCM and Li-rich oxides without holes.
NOISE = (0.05, 0.1)
#: bonds of an element: name, Å below which it is one, and the electrons that two closed shells have given up for it.
#: O2 has 1.21, superoxide 1.33, peroxide 1.45-1.50 Å, edges of MO6 octahedra 2.5 Å and more; pyrite 2.16-2.20, S8 and
#: polysulfides 2.05, Li2S2 2.1 Å, sulfur atoms of one PS4 3.3 Å.
_BONDS: dict[str, tuple[tuple[str, float, int], ...]] = {
    "O": (("molecule", 1.28, 4), ("superoxide", 1.40, 3), ("peroxide", 1.70, 2)),
    "S": (("persulfide", 2.40, 2),),
}


@dataclass(frozen=True)
class AnionPair:
    """Two atoms of oxygen, or of sulfur, at a bonding distance.

    Parameters
    ----------
    element : str
        ``O`` or ``S``.
    origins : tuple of int
        Their numbers in the host.
    distance : float
        Å.
    kind : str
        ``peroxide``, ``superoxide``, ``molecule`` or ``persulfide``.
    electrons : int
        What two closed shells have given up for it.
    """

    element: str
    origins: tuple[int, int]
    distance: float
    kind: str
    electrons: int

    @property
    def text(self) -> str:
        """``peroxide O–O 1.46 Å``."""
        return f"{self.kind} {self.element}–{self.element} {self.distance:.2f} Å"


def formal_charge(element: str, stated: float) -> float:
    """Return the charge of a site before bonds and holes are counted: that of a closed shell for O and for S that is an
    anion, as stated otherwise.

    Parameters
    ----------
    element : str
    stated : float
        Oxidation state that the site is labelled with: in Li2O2 or FeS2 it may hold the bond already.
    """
    return -2.0 if element == "O" or (element == "S" and stated <= 0) else stated


def anion_pairs(structure: Structure, numbers: Sequence[int] | None = None) -> list[AnionPair]:
    """Return the bonds between oxygen atoms and between sulfur anions, the shortest first; bonds to images count.

    Parameters
    ----------
    structure : Structure
        With or without oxidation states; sulfur in a positive one (a sulfate's) is no anion.
    numbers : sequence of int, optional
        Of the sites in the host; their own where left out.
    """
    origin = list(numbers) if numbers is not None else list(range(len(structure)))
    found = []
    for element, kinds in _BONDS.items():
        sites = [
            i
            for i, site in enumerate(structure)
            if site.specie.symbol == element and (getattr(site.specie, "oxi_state", None) or -2) < 0
        ]
        if not sites:
            continue
        anions = Structure.from_sites([structure[i] for i in sites])
        first, second, images, distances = anions.get_neighbor_list(kinds[-1][1], exclude_self=True)
        for a, b, image, distance in zip(first, second, images, distances, strict=True):
            if a < b or (a == b and tuple(image) > (0, 0, 0)):
                kind, electrons = next((name, given) for name, longest, given in kinds if distance < longest)
                ends = (origin[sites[int(a)]], origin[sites[int(b)]])
                found.append(AnionPair(element, ends, float(distance), kind, electrons))
    return sorted(found, key=lambda pair: (pair.distance, pair.origins))


def hole(moment: float, covalent: float = 0.0) -> float:
    """Return the share of a hole that the |moment| of an oxygen atom shows: :data:`PER_HOLE` µB make a whole one.

    Parameters
    ----------
    moment : float
        µB.
    covalent : float
        µB, what the metals around it may have lent it (see :func:`covalent_moments`).

    Returns
    -------
    float
        0 to 1, continuous in the moment.
    """
    excess = abs(moment) - covalent
    counted = np.clip((excess - NOISE[0]) / (NOISE[1] - NOISE[0]), 0.0, 1.0)
    return float(np.clip(counted * excess / PER_HOLE, 0.0, 1.0))


def covalent_moments(found: Bonds, missing: Mapping[int, float], n_sites: int) -> Floats:
    """Return the moment that covalency may put on each anion, µB: what a metal shows less than its spin-only moment
    lies on its neighbours in equal parts.

    In LiCoO2 of high spin Co shows 3.11 of 4 µB and O 0.26 without any hole (GPAW 26.7, PBE+U). Magnitudes are added,
    which is the most it can be.

    Parameters
    ----------
    found : Bonds
    missing : mapping of int to float
        µB, spin-only less computed moment of each metal site.
    n_sites : int

    Returns
    -------
    (n_sites,) float array
    """
    neighbours = np.bincount(found.cations, minlength=n_sites)
    lent = np.array([max(0.0, missing.get(int(c), 0.0)) / neighbours[c] for c in found.cations])
    return np.bincount(found.anions, weights=lent, minlength=n_sites).astype(float)


def oxygen_holes(structure: Structure, moments: Sequence[float], covalent: Floats) -> dict[int, float]:
    """Return the share of a hole of each oxygen atom that shows one, by site; atoms of an O-O bond are left out, whose
    electrons the bond counts.

    Parameters
    ----------
    structure : Structure
    moments : sequence of float
        µB, with or without signs.
    covalent : (n_sites,) float array
        µB, of :func:`covalent_moments`.
    """
    bound = {site for pair in anion_pairs(structure) if pair.element == "O" for site in pair.origins}
    free = [i for i, site in enumerate(structure) if site.specie.symbol == "O" and i not in bound]
    shares = {i: hole(moments[i], float(covalent[i])) for i in free}
    return {i: share for i, share in shares.items() if share > 0}
