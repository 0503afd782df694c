"""Point defects: sets of lithium vacancies, and one oxygen vacancy, with the charges that pay for them.

Lithium leaves as an atom: each vacancy oxidises one transition metal, in the order of :mod:`..crystals.redox`. An
oxygen atom leaves its two electrons to the metals, those next to it first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, StructureError
from ...configs.models import OrderedCell
from ..crystals.environment import anion_environments
from ..crystals.ordering import order
from ..crystals.redox import compensate, ionic_moment, is_redox_active, net_charge, shifted
from ..crystals.symmetry import space_group

__all__ = ["OxygenSite", "VacancySet", "lithium_vacancies", "oxygen_sites", "oxygen_vacancy", "vacancy_distances"]

#: Å, how closely two sites must map on each other to be called equivalent
SYMMETRY_PRECISION = 1e-2


@dataclass(frozen=True)
class VacancySet:
    """A cell with vacancies.

    Parameters
    ----------
    structure : Structure
        Site properties of the intact cell are kept, and ``origin`` (int) is the index in it.
    removed : tuple of int
        Indices in the intact cell, rising.
    energy : float
        eV per cell, electrostatic energy of the point charges; NaN where it was not needed.
    oxidised : dict of str to int
        Change of the number of each ion of a transition metal, e.g. ``{"Ni2+": -2, "Ni3+": 2}``.
    charge : float
        e per cell; 0 unless the cell was allowed to be charged.
    method : str
        ``enumeration``, ``swap Monte Carlo``, or ``given`` for one chosen site.
    n_samples : int
        Arrangements whose energies were computed.
    vacancy_vacancy : tuple of float
        Å, every pair's shortest distance through the periodic boundaries, rising.
    nearest_metal : tuple of (str, float)
        For each vacancy the nearest transition metal ion and its distance, Å; empty without transition metals.
    """

    structure: Structure
    removed: tuple[int, ...]
    energy: float
    oxidised: dict[str, int]
    charge: float
    method: str
    n_samples: int
    vacancy_vacancy: tuple[float, ...]
    nearest_metal: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class OxygenSite:
    """A class of oxygen sites.

    Parameters
    ----------
    index : int
        The first site of the class, which stands for it.
    members : tuple of int
        Sites that symmetry makes equal.
    environment, bridge : str
        First shell, ``Li3Co3``, and its readable form, ``Co-O-Li`` (see :mod:`..crystals.environment`).
    mean_distance : float
        Å, to the cations of the first shell.
    """

    index: int
    members: tuple[int, ...]
    environment: str
    bridge: str
    mean_distance: float


def lithium_vacancies(
    structure: Structure, n_vacancies: int, n: int = 1, seed: int = 0, charged: bool = False
) -> list[VacancySet]:
    """Return up to `n` symmetry-distinct sets of lithium vacancies, the lowest electrostatic energy first.

    Few sets are enumerated, many are sampled by swaps (see :mod:`..crystals.ordering`); with the vacancies the
    ions that pay for them are arranged too.

    Parameters
    ----------
    structure : Structure
        Ordered, neutral, with oxidation states.
    n_vacancies : int
        0 to the number of lithium atoms.
    n, seed : int
        Number of sets; of the random numbers.
    charged : bool
        Leave the charge uncompensated, -1 e each, as for an electrolyte; for the ranking alone the anions share it.

    Raises
    ------
    InputError
        If `n` or `n_vacancies` is out of range.
    StructureError
        If the structure is disordered, has too little lithium, or its metals cannot pay the charge.
    """
    _require_ordered(structure, "lithium vacancies")
    lithium = [i for i, site in enumerate(structure) if site.specie.symbol == "Li"]
    if n_vacancies < 0 or n < 1:
        raise InputError(f"{n_vacancies} vacancies in {n} arrangements were asked for; at least 0 and 1 are needed")
    if n_vacancies > len(lithium):
        raise StructureError(
            f"{n_vacancies} lithium vacancies were asked for, and {structure.composition.formula} holds {len(lithium)} "
            "lithium atoms"
        )
    parent, counts = _partly_occupied(structure, lithium, n_vacancies, charged)
    found = order(parent, OrderedCell(), n, seed)
    sets = []
    for one in found:
        origin = [int(i) for i in one.structure.site_properties["origin"]]
        arranged = structure.copy() if charged else one.structure
        if charged:
            arranged.remove_sites([i for i in range(len(structure)) if i not in origin])
        cell = _described(arranged, structure, origin)
        removed = tuple(sorted(set(range(len(structure))) - set(origin)))
        charge = net_charge(cell) if charged else 0.0
        sets.append(_measured(structure, cell, removed, one.energy, (counts, charge, one.method, one.n_samples)))
    return sets


def oxygen_sites(structure: Structure) -> list[OxygenSite]:
    """Return the inequivalent oxygen sites, grouped by symmetry and named by environment, in the order of environments.

    Raises
    ------
    StructureError
        If the structure is disordered or has no oxygen.
    """
    _require_ordered(structure, "oxygen sites")
    environments = anion_environments(structure, "O")
    bare = Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)
    equal = np.asarray(space_group(bare, SYMMETRY_PRECISION).get_symmetry_dataset().equivalent_atoms)
    classes: dict[int, list[int]] = {}
    for environment in environments:
        classes.setdefault(int(equal[environment.index]), []).append(environment.index)
    told = {environment.index: environment for environment in environments}
    sites = [
        OxygenSite(m[0], tuple(m), told[m[0]].label, told[m[0]].bridge, told[m[0]].mean_distance)
        for m in classes.values()
    ]
    return sorted(sites, key=lambda site: (site.environment, site.index))


def oxygen_vacancy(structure: Structure, index: int, charged: bool = False) -> VacancySet:
    """Return the cell without the oxygen atom `index`; two electrons go to the nearest ions that take them.

    Parameters
    ----------
    structure : Structure
        Ordered, with oxidation states.
    index : int
        Site of an oxygen atom.
    charged : bool
        Leave the charge uncompensated: +2 e.

    Raises
    ------
    StructureError
        If the site holds no oxygen, or no ions take the electrons.
    """
    _require_ordered(structure, "an oxygen vacancy")
    if not 0 <= index < len(structure) or structure[index].specie.symbol != "O":
        oxygen = [i for i, site in enumerate(structure) if site.specie.symbol == "O"]
        held = f"holds {structure[index].specie}" if 0 <= index < len(structure) else "does not exist"
        raise StructureError(
            f"site {index} {held}; oxygen sites are "
            f"{f'{oxygen[0]} to {oxygen[-1]}' if oxygen else 'not in this structure'}"
        )
    if "origin" not in structure.site_properties:
        structure = structure.copy(site_properties={**structure.site_properties, "origin": list(range(len(structure)))})
    distances = structure.lattice.get_all_distances(structure.frac_coords[index], structure.frac_coords)[0]
    metals = [
        int(i) for i in np.argsort(distances.round(6), kind="stable") if is_redox_active(structure[int(i)].specie)
    ]
    full = structure if charged else compensate(structure, -2, metals)
    cell = full.copy()
    cell.remove_sites([index])
    changes = _changes(structure, full)
    return _measured(structure, cell, (index,), float("nan"), (changes, 2.0 if charged else 0.0, "given", 1))


def vacancy_distances(
    structure: Structure, removed: Iterable[int]
) -> tuple[tuple[float, ...], tuple[tuple[str, float], ...]]:
    """Return the distances between vacancies, and from each to the nearest transition metal.

    Parameters
    ----------
    structure : Structure
        The intact cell.
    removed : iterable of int

    Returns
    -------
    vacancy_vacancy : tuple of float
        Å, one per pair, rising; the images of one vacancy do not count.
    nearest_metal : tuple of (str, float)
        Å.
    """
    sites = list(removed)
    metals = [i for i, site in enumerate(structure) if site.specie.is_transition_metal and i not in sites]
    coords = structure.frac_coords
    among: NDArray[np.float64] = (
        structure.lattice.get_all_distances(coords[sites], coords[sites]) if sites else np.zeros((0, 0))
    )
    pairs = tuple(sorted(float(d) for d in among[np.triu_indices(len(sites), 1)]))
    if not metals or not sites:
        return pairs, ()
    table = structure.lattice.get_all_distances(coords[sites], coords[metals])
    nearest = table.argmin(axis=1)
    return pairs, tuple(
        (structure[metals[int(k)]].species_string, float(row[k])) for row, k in zip(table, nearest, strict=True)
    )


def _require_ordered(structure: Structure, what: str) -> None:
    if not structure.is_ordered:
        raise StructureError(
            f"{structure.composition.reduced_formula}: {what} need an ordered cell, and this one has partial "
            "occupancies; order it first"
        )


def _partly_occupied(
    structure: Structure, lithium: list[int], n_vacancies: int, charged: bool
) -> tuple[Structure, dict[str, int]]:
    """The cell as an ordering problem, lithium being one sublattice and each metal element another, and the change of
    ions."""
    metals = {i: Species.from_str(str(site.specie)) for i, site in enumerate(structure) if is_redox_active(site.specie)}
    amounts: dict[Species, float] = {}
    for species in metals.values():
        amounts[species] = amounts.get(species, 0.0) + 1.0
    after = amounts if charged else shifted(amounts, n_vacancies, str(structure.composition.reduced_formula))
    parent = Structure(structure.lattice, [site.specie for site in structure], structure.frac_coords)
    labels = [
        f"site {i}" if i not in metals and i not in lithium else structure[i].specie.symbol
        for i in range(len(structure))
    ]
    share = 1 - n_vacancies / len(lithium) if lithium else 1.0
    for i in lithium:
        if share > 0:
            parent.replace(i, {structure[i].specie: share})
    changed = {species.symbol for species in set(amounts) | set(after) if amounts.get(species) != after.get(species)}
    for i, species in metals.items():
        if species.symbol in changed:
            total = sum(k for s, k in amounts.items() if s.symbol == species.symbol)
            parent.replace(i, {s: k / total for s, k in after.items() if s.symbol == species.symbol})
    if charged:
        _charge_anions(parent, n_vacancies)
    parent.add_site_property("wyckoff_label", labels)
    parent.add_site_property("origin", list(range(len(structure))))
    if share == 0:
        parent.remove_sites(lithium)
    counts = {
        str(s): round(after.get(s, 0.0) - amounts.get(s, 0.0)) for s in sorted(set(amounts) | set(after), key=str)
    }
    return parent, {name: change for name, change in counts.items() if change}


def _charge_anions(parent: Structure, charge: float) -> None:
    """Spread a charge over all anions, so that arrangements can be ranked as if they were neutral."""
    anions = [
        i for i, site in enumerate(parent) if site.is_ordered and (getattr(site.specie, "oxi_state", None) or 0) < 0
    ]
    if not anions:
        raise StructureError(f"{parent.composition.reduced_formula}: no anion takes the charge of the vacancies")
    for i in anions:
        charges = float(getattr(parent[i].specie, "oxi_state", 0.0))
        parent.replace(i, Species(parent[i].specie.symbol, charges + charge / len(anions)))


def _described(cell: Structure, intact: Structure, origin: list[int]) -> Structure:
    """The cell with the intact cell's site properties; ions that changed have the moment of their new charge."""
    properties = {name: [values[i] for i in origin] for name, values in intact.site_properties.items()}
    moments = properties.get("magmom")
    if moments is not None:
        for k, (site, i) in enumerate(zip(cell, origin, strict=True)):
            if site.specie != intact[i].specie:
                moments[k] = float(np.copysign(ionic_moment(Species.from_str(str(site.specie))), moments[k] or 1.0))
    properties.setdefault("origin", origin)
    return Structure(cell.lattice, cell.species, cell.frac_coords, site_properties=properties)


def _changes(before: Structure, after: Structure) -> dict[str, int]:
    first, second = before.composition, after.composition
    names = sorted({str(s) for s in [*first, *second] if is_redox_active(s)})
    changes = {name: round(second[Species.from_str(name)] - first[Species.from_str(name)]) for name in names}
    return {name: change for name, change in changes.items() if change}


def _measured(
    intact: Structure,
    cell: Structure,
    removed: tuple[int, ...],
    energy: float,
    told: tuple[dict[str, int], float, str, int],
) -> VacancySet:
    counts, charge, method, samples = told
    among, metals = vacancy_distances(intact, removed)
    return VacancySet(cell, removed, energy, counts, charge, method, samples, among, metals)
