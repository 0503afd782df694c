"""What a phase set stores of a public energy and of a relaxed crystal, and which relaxed crystals it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.models import Material
from ...structures.crystals.cells import calculation_cell
from ...structures.crystals.chemistry import ChemicalClass, chemical_class
from ...structures.crystals.crystal import conventional
from .potential_errors import DFT_ERROR
from .prototypes import Prototype, prototypes, start_cell
from .public_entries import PublicEntry, pinned
from .relaxed_crystals import POTENTIALS, PotentialEnergy, RelaxedCrystal, RelaxedCrystals

__all__ = ["Crystal", "crystal_record", "integer_formula", "public_record", "refused", "with_potentials"]

#: relative; where a relaxed volume moves further (layers drift apart without dispersion, a spin state collapses), the
#: measured cell gives the volume
TRUSTED_VOLUME_CHANGE = 0.10
#: relative; volumes of both potentials that differ by more are those of two crystals
LARGEST_VOLUME_DIFFERENCE = 0.15
#: Å³ per atom; boron has 7, solid chlorine 29, a loose Y2ClO2 66: what takes more flew apart
LARGEST_VOLUME = 70.0
#: eV/atom; potentials that differ by more do not know the crystal
LARGEST_DIFFERENCE = 0.15
#: g/cm³ · Å³/u
_GRAMS_PER_CM3 = 1.66053906660


@dataclass(frozen=True)
class Crystal:
    """A crystal that has no public energy: of the library, or of the prototypes.

    Parameters
    ----------
    name : str
    composition : Composition
    material : Material or None
    prototype : Prototype or None
    """

    name: str
    composition: Composition
    material: Material | None = None
    prototype: Prototype | None = None

    def start(self) -> Structure:
        """Return the cell that relaxations start from."""
        if self.material is not None:
            cell = calculation_cell(self.material)
            return Structure(cell.lattice, [site.specie for site in cell], cell.frac_coords)
        assert self.prototype is not None
        return start_cell(self.prototype)

    @property
    def note(self) -> str:
        """What is told beside its energy."""
        if self.material is not None:
            return self.material.notes
        assert self.prototype is not None
        return f"starting structure: {prototypes().source(self.prototype)}"


def refused(crystals: Iterable[Crystal], relaxed: RelaxedCrystals) -> dict[str, str]:
    """Return the crystals that were relaxed and are no entry, each with the reason.

    Parameters
    ----------
    crystals : iterable of Crystal
    relaxed : RelaxedCrystals
    """
    reasons = {}
    for crystal in crystals:
        found = relaxed.crystals.get(crystal.name)
        reason = None if found is None or found.tier is not None else _why_not(crystal, found)
        if reason:
            reasons[crystal.name] = reason
    return reasons


def _why_not(crystal: Crystal, found: RelaxedCrystal) -> str | None:
    missing = [name for name in POTENTIALS if name not in found.energies]
    if missing:
        return f"not relaxed by {', '.join(missing)}"
    first, last = (found.energies[name] for name in POTENTIALS)
    if abs(first.energy - last.energy) > LARGEST_DIFFERENCE:
        return f"the potentials differ by {1000 * (last.energy - first.energy):+.0f} meV/atom"
    if crystal.material is not None and crystal.material.molecular:
        return None
    volumes = [one.volume for one in (first, last) if one.volume is not None]
    if len(volumes) == 2 and abs(volumes[1] / volumes[0] - 1) > LARGEST_VOLUME_DIFFERENCE:
        return f"the volumes of the potentials differ by {100 * (volumes[1] / volumes[0] - 1):+.0f} %"
    if volumes and max(volumes) > LARGEST_VOLUME:
        return f"it takes {max(volumes):.0f} Å³ per atom: its molecules flew apart"
    for name, one in zip(POTENTIALS, (first, last), strict=True):
        if found.operations and one.operations and one.operations < found.operations:
            return f"{name} takes it from {found.space_group} to {one.space_group}"
    return None


def integer_formula(composition: Composition) -> str:
    """Return the formula unit of whole atoms."""
    return str(composition.get_integer_formula_and_factor()[0])


def public_record(entry: PublicEntry, library: Mapping[str, Material]) -> dict[str, Any]:
    """Return a public entry as a phase set stores it, with the material of the library that it stands for."""
    entry = pinned(entry)
    group = entry.space_group
    same = [m for m in library.values() if Composition(m.formula).reduced_formula == entry.formula]
    same.sort(key=lambda m: (m.space_group != group, m.name))
    note = (
        ""
        if group
        else "polymorph unknown: the source stores no structure, so it is no substitute for a relaxed crystal"
    )
    if same and group and same[0].space_group != group:
        note = f"energy of the {group} polymorph; the library's crystal is {same[0].space_group}"
    volume, volume_source = _public_volume(entry, same[0] if same else None)
    return {
        "id": entry.entry_id,
        "formula": entry.formula,
        "space_group": group,
        "energy_per_atom": round(entry.energy_per_atom, 6),
        "error": 0.0 if entry.is_element else round(hypot(entry.correction_error, DFT_ERROR), 6),
        "source": entry.source,
        "tier": "vasp",
        "note": note,
        "material": same[0].name if same else None,
        "volume": volume,
        "volume_source": volume_source,
    }


def with_potentials(record: dict[str, Any], relaxed: RelaxedCrystals) -> dict[str, Any]:
    """Return a public record with what the potentials say of its geometry."""
    found = relaxed.public.get(record["id"])
    return record if found is None else {**record, "potentials": dict(found.energies)}


def _public_volume(entry: PublicEntry, material: Material | None) -> tuple[float | None, str]:
    """Å³ per formula unit of the record, and where it comes from."""
    unit = Composition(entry.formula)
    if material is not None and material.molecular:
        return _density_volume(material, unit)
    if entry.volume is not None:
        by = "Materials Project" if entry.with_structure else entry.source
        return round(entry.volume * float(unit.num_atoms), 4), f"relaxed cell, PBE ({by})"
    return (_crystal_volume(material, unit), f"crystal, {material.source}") if material is not None else (None, "")


def _density_volume(material: Material, unit: Composition) -> tuple[float, str]:
    if material.density is None:
        return _crystal_volume(material, unit), f"crystal, {material.source}"
    return round(
        float(unit.weight) * _GRAMS_PER_CM3 / material.density.value, 4
    ), f"experimental density, {material.density.kind}: {material.density.source}"


def _crystal_volume(material: Material, unit: Composition) -> float:
    crystal = conventional(material)
    return round(float(crystal.volume) / crystal.composition.num_atoms * unit.num_atoms, 4)


def preferred(errors: Mapping[str, Mapping[ChemicalClass, float]], kind: ChemicalClass) -> str:
    """Return the potential of the smaller error in a class, against the public crystals."""
    return min(POTENTIALS, key=lambda name: errors[name][kind])


def crystal_record(
    crystal: Crystal, found: RelaxedCrystal, errors: Mapping[str, Mapping[ChemicalClass, float]]
) -> dict[str, Any]:
    """Return a relaxed crystal as a phase set stores it, with the energy of the potential that is better in its class.

    Parameters
    ----------
    crystal : Crystal
    found : RelaxedCrystal
    errors : mapping of str to mapping of ChemicalClass to float
        eV/atom, of each potential.
    """
    kind = chemical_class(crystal.composition)
    tier = found.tier or preferred(errors, kind)
    energy, error = found.energies[tier], errors[tier][kind]
    if found.tier is None:
        others = [other.energy for name, other in found.energies.items() if name != tier]
        error = round(max(error, *(abs(other - energy.energy) for other in others)), 6)
    volume, volume_source = _relaxed_volume(crystal, energy, tier)
    return {
        "id": f"{tier}-{crystal.name}",
        "formula": integer_formula(crystal.composition),
        "space_group": crystal.material.space_group if crystal.material else energy.space_group,
        "energy_per_atom": energy.energy,
        "error": error,
        "source": tier,
        "tier": tier,
        "note": crystal.note,
        "material": crystal.material.name if crystal.material else None,
        "volume": volume,
        "volume_source": volume_source,
        "potentials": {name: other.energy for name, other in found.energies.items()},
    }


def _relaxed_volume(crystal: Crystal, energy: PotentialEnergy, tier: str) -> tuple[float, str]:
    """Å³ per formula unit, and where it comes from."""
    unit, material, label = crystal.composition, crystal.material, POTENTIALS[tier].label
    if material is not None and (material.molecular or energy.volume is None):
        return _density_volume(material, unit)
    assert energy.volume is not None
    volume = round(energy.volume * unit.num_atoms, 4)
    if material is not None:
        whole = conventional(material)
        change = energy.volume * whole.composition.num_atoms / float(whole.volume) - 1
        if abs(change) > TRUSTED_VOLUME_CHANGE:
            off = f"{label}'s relaxed cell is {100 * change:+.0f} % off"
            return _crystal_volume(material, unit), f"crystal, {material.source} ({off})"
    return volume, f"relaxed cell, {label}"
