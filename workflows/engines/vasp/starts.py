"""The moments that a run starts from, the states that are tried, and how atoms move: the tags of relaxations, bands and
dynamics, and the velocities that dynamics starts with.

PBE+U has several self-consistent states: from a whole number of unpaired electrons, as of Co2+ in CoO (two minority
electrons in three equal orbitals), the iteration can end in a metallic one 0.4 eV/atom above the insulating one, and a
spin density of zero stays zero. So open shells never start from zero, correlated cells start from their moments times
several scales, and the lowest state is kept, as the engine GPAW does. Ions of a mean charge, as Mn3.5+ in LiMn2O4,
start once more as ions of whole charges: moments that are all alike keep the symmetry, and no electron finds its ion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import copysign, floor
from typing import Any

import numpy as np
from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ....configs.constants import BOLTZMANN
from ....configs.models import Method
from ....structures.crystals.magnetism import Spin, unpaired_electrons
from ..acceptance import NO_MOMENT, has_open_shell
from ..tasks import ElasticBand, MolecularDynamics, Relax, Task
from .cells import VaspCell
from .settings import SpinName, VaspSettings

__all__ = ["ANIONS", "Start", "motion_tags", "start_velocities", "starts_of"]

#: µB; below it a starting moment is nothing at all
_NOTHING = 1e-3
#: in a compound with one of these, U holds electrons on their ions
_IONIC = frozenset({"O", "F"})
#: elements that are anions in the crystals of this package
ANIONS = frozenset({"N", "O", "F", "S", "Cl", "Br", "I"})
_AMU = 103.642696562  # eV fs²/Å² per atomic mass unit, CODATA 2018


@dataclass(frozen=True)
class Start:
    """One set of starting moments.

    Parameters
    ----------
    moments : tuple of float
        MAGMOM, µB, in VASP's order.
    name : str
        What is told of it.
    """

    moments: tuple[float, ...]
    name: str


def starts_of(cell: VaspCell, task: Task, method: Method, settings: VaspSettings) -> list[Start]:
    """Return the starts of a calculation; none for a run without spin, ISPIN = 1.

    A cell has spin where the method has, and a site with a moment or an open shell, an odd number of electrons among
    anions (a closed-shell crystal that an atom left), or where the settings ask for it everywhere. Dynamics has one
    start: its first step settles the state, and the trajectory follows it. So has a band, whose images share the
    moments of its relaxed end point.

    Parameters
    ----------
    cell : VaspCell
    task : Relax, Static, Dos or MolecularDynamics
    method : Method
    settings : VaspSettings
    """
    if not method.spin_polarized:
        return []
    given = np.array([float(m or 0.0) for m in cell.structure.site_properties.get("magmom", [0.0] * len(cell.order))])
    resting = np.array([abs(m) < NO_MOMENT for m in given]) & np.array([has_open_shell(one) for one in _species(cell)])
    start = np.where(resting, settings.low_spin_moment, given)
    if not (np.abs(start) > _NOTHING).any():
        if _is_odd(cell, task, settings):
            return [_one_unpaired(cell)]
        return [Start(tuple(start.tolist()), "no moments")] if settings.spin_everywhere else []
    correlated = any(
        method.hubbard_u.get(site.specie.symbol, 0.0) > 0 and abs(m) >= NO_MOMENT
        for site, m in zip(cell.structure, given, strict=True)
    )
    scales = settings.moment_scales if correlated else (1.0,)
    alone = isinstance(task, (MolecularDynamics, ElasticBand))
    if alone:
        scales = scales[:1]
    found = [Start(tuple(_scaled(start, scale, ~resting)), f"moments × {scale:g}") for scale in scales]
    if not alone:
        found += [*_charge_ordered(cell, start, method, settings), *_asked(cell, start, settings)]
    return found


def _is_odd(cell: VaspCell, task: Task, settings: VaspSettings) -> bool:
    """Whether a cell with anions has an odd number of valence electrons; metals pair theirs in bands."""
    amounts, potcars = cell.structure.composition.get_el_amt_dict(), settings.potcars_of(task)
    if not ANIONS & set(amounts) or not set(amounts) <= set(potcars):
        return False
    return round(sum(potcars[element].valence * amount for element, amount in amounts.items())) % 2 == 1


def _one_unpaired(cell: VaspCell) -> Start:
    """One µB over the anions that hold a hole most easily, those of least electronegativity."""
    anion = min(ANIONS & {site.specie.symbol for site in cell.structure}, key=lambda symbol: Element(symbol).X)
    sites = np.array([site.specie.symbol == anion for site in cell.structure])
    return Start(tuple(round(float(m), 6) for m in sites / sites.sum()), "one unpaired electron")


def _species(cell: VaspCell) -> tuple[Species | Element, ...]:
    return cell.species or tuple(site.specie for site in cell.structure)


def _scaled(moments: np.ndarray, scale: float, where: np.ndarray) -> list[float]:
    scaled = np.where(where & (np.abs(moments) >= NO_MOMENT), moments * scale, moments)
    return [round(float(m), 6) + 0.0 for m in scaled]


def _charge_ordered(cell: VaspCell, start: np.ndarray, method: Method, settings: VaspSettings) -> Iterator[Start]:
    """Ions of whole charges in place of those of a mean one, the higher ones as far from each other as they can be, in
    the spin state of the mean; for elements with U in oxides and fluorides."""
    species, moments, told = _species(cell), start.copy(), list[str]()
    if not _IONIC & {site.specie.symbol for site in cell.structure}:
        return
    for ion in sorted({one for one in species if isinstance(one, Species) and _is_mean(one, method)}, key=str):
        sites = [i for i, one in enumerate(species) if one == ion]
        lower = floor(float(ion.oxi_state or 0))
        more = (float(ion.oxi_state or 0) - lower) * len(sites)
        if abs(more - round(more)) > _NOTHING:
            continue
        spin = _spin_of(ion, float(np.abs(start[sites]).mean()))
        raised = _far_apart(cell.structure, sites, round(more))
        for i in sites:
            whole = Species(ion.symbol, lower + (i in raised))
            rest = settings.low_spin_moment if has_open_shell(whole) else 0.0
            size = settings.moment_scales[0] * unpaired_electrons(whole, "octahedral", spin) or rest
            moments[i] = copysign(size, start[i])
        told.append(f"{Species(ion.symbol, lower)} and {Species(ion.symbol, lower + 1)}")
    if told:
        yield Start(tuple(round(float(m), 6) + 0.0 for m in moments), f"charges in order: {', '.join(told)}")


def _is_mean(ion: Species, method: Method) -> bool:
    """Whether an ion has U, and a charge between two whole ones."""
    charge = ion.oxi_state
    return charge is not None and method.hubbard_u.get(ion.symbol, 0.0) > 0 and abs(charge - round(charge)) > _NOTHING


def _spin_of(ion: Species, moment: float) -> Spin:
    """The spin state of which a moment, µB, is nearer to the spin-only one."""
    spins: tuple[Spin, ...] = ("low", "high")
    return min(spins, key=lambda spin: abs(unpaired_electrons(ion, "octahedral", spin) - moment))


def _far_apart(structure: Structure, sites: Sequence[int], number: int) -> set[int]:
    """So many of the sites, with the least sum of 1/d over their pairs that exchanging one for another finds."""
    distances = structure.distance_matrix[np.ix_(sites, sites)]
    pairs = np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > _NOTHING)
    chosen = np.arange(len(sites)) < number
    for _ in range(len(sites)):
        near = pairs @ chosen
        # what the sum changes by where i leaves and j comes: j's pairs with the others, less i's
        gain = near[None, :] - pairs - near[:, None]
        gain[~chosen, :] = np.inf
        gain[:, chosen] = np.inf
        if not gain.size or gain.min() > -_NOTHING:
            break
        out, into = np.unravel_index(int(np.argmin(gain.round(9))), gain.shape)
        chosen[out], chosen[into] = False, True
    return {site for site, taken in zip(sites, chosen, strict=True) if taken}


def _asked(cell: VaspCell, start: np.ndarray, settings: VaspSettings) -> Iterator[Start]:
    """The spin states that the settings name, each on all sites of its ion; off whole numbers like the others."""
    for ion, names in settings.spin_states.items():
        sites = np.array([str(one) == str(Species.from_str(ion)) for one in _species(cell)])
        for name in names if sites.any() else ():
            size = _moment(Species.from_str(ion), name)
            moments = np.where(sites, np.where(start < 0, -1.0, 1.0) * settings.moment_scales[0] * size, start)
            if size == 0:
                moments = np.where(sites, settings.low_spin_moment, start)
            yield Start(tuple(round(float(m), 6) for m in moments), f"{ion} {name} spin")


def _moment(ion: Species, name: SpinName) -> float:
    """Spin-only moment of an ion in an octahedron, µB; intermediate: half-way between low and high, 2 for Co3+."""
    low, high = (unpaired_electrons(ion, "octahedral", spin) for spin in ("low", "high"))
    return {"low": low, "intermediate": (low + high) / 2, "high": high}[name]


def motion_tags(cell: VaspCell, task: Task, settings: VaspSettings) -> dict[str, Any]:
    """Return the tags that say how atoms move."""
    if isinstance(task, Relax):
        tags = {
            "NSW": min(task.max_steps, settings.steps_per_run),
            "IBRION": 2,
            "POTIM": 0.5,
            "ISIF": 3 if task.relax_cell is True and not cell.vacuum else 2,
            "EDIFFG": -task.max_force,
            "NELMIN": settings.min_iterations,
        }
        return tags | _band_tags(task) if isinstance(task, ElasticBand) else tags
    if not isinstance(task, MolecularDynamics):
        return {"NSW": 0, "IBRION": -1}
    tags = {
        "NSW": task.n_steps,
        "IBRION": 0,
        "POTIM": task.timestep,
        "TEBEG": task.temperature,
        "TEEND": task.temperature,
        "ISIF": 2,
        "NBLOCK": 1,
        "NELMIN": settings.md_min_iterations,
    }
    if task.thermostat == "langevin":
        n_species = len({site.specie for site in cell.structure})
        return tags | {"MDALGO": 3, "LANGEVIN_GAMMA": [1e3 / task.damping] * n_species}
    if task.thermostat == "none":
        return tags | {"SMASS": -3.0}
    if settings.chain_length == 1:
        return tags | {"MDALGO": 2, "SMASS": _nose_mass(cell, task)}
    period = round(task.damping / task.timestep, 6)
    return tags | {"MDALGO": 4, "NHC_NCHAINS": settings.chain_length, "NHC_PERIOD": period}


def _band_tags(task: ElasticBand) -> dict[str, Any]:
    """Those of an elastic band: an image climbs only by the VTST extension, whose optimisers ask VASP's own to rest
    (IBRION 3, POTIM 0); conjugate gradients would follow energies that a band does not minimise."""
    shared = {"IMAGES": task.images, "SPRING": -5, "IBRION": 3}
    if task.climbing:
        return {**shared, "LCLIMB": True, "IOPT": 1, "POTIM": 0.0}
    return {**shared, "POTIM": 0.1, "SMASS": 0.4}


def _nose_mass(cell: VaspCell, task: MolecularDynamics) -> float:
    """SMASS, atomic mass units × (length of the first lattice vector)², of the thermostat mass ``g kB T τ²``.

    g = 3 (N - 1) degrees of freedom. VASP's own default, a period of 40 steps, is ``2 g kB T (P/2π)²`` in the
    same unit: its output for 16 Si atoms at 500 K and 2 fs (0.10) is met with τ = √2 · 80 fs/2π.
    """
    freedom = 3 * (len(cell.structure) - 1)
    return round(freedom * BOLTZMANN * task.temperature * task.damping**2 / (_AMU * cell.structure.lattice.a**2), 6)


def start_velocities(structure: Structure, task: MolecularDynamics) -> Structure:
    """Return `structure` with velocities, Å/fs: its own where it has them, or drawn at the asked temperature with the
    task's seed."""
    if "velocities" in structure.site_properties:
        return structure
    from ase import units
    from ase.md.velocitydistribution import Stationary, thermalize_momenta
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    thermalize_momenta(atoms, temperature_K=task.temperature, rng=np.random.default_rng(task.seed))
    Stationary(atoms)
    drawn = structure.copy()
    drawn.add_site_property("velocities", (atoms.get_velocities() * units.fs).tolist())
    return drawn
