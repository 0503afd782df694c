"""Relaxes the crystals of a phase set with both potentials and pins what they say.

``python -m catholyte.workflows.phases.relax solidstate [--only NAME ...] [--entries DIR] [--minutes N]`` completes
``configs/phases/sources/relaxed.json``: crystals of the library that the set needs and of the prototypes, in the order
of the list, and with DIR the public geometries. Each result is written at once; what is there is not computed again,
unless its start has changed or it is named by ``--only``. One process loads each potential once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from pymatgen.core.structure import Structure

from ...configs.errors import CatholyteError
from ...configs.load import CONFIGS, parse_file
from ...structures.crystals.symmetry import space_group
from ..engines.ase.backend import AseBackend
from ..engines.registry import load_backend
from ..engines.tasks import Relax, Static
from .build import PhaseSetSpec, crystals_of
from .corrections import mp2020_correction
from .public_entries import PublicEntry, holds_molecular_oxygen, lowest_per_formula, public_entries
from .records import Crystal
from .relaxed_crystals import (
    POTENTIALS,
    RELAXED,
    CrystalCell,
    PotentialEnergy,
    PublicGeometry,
    RelaxedCrystal,
    RelaxedCrystals,
    start_key,
)

__all__ = ["RELAXATION", "main", "public_geometry", "relaxed_crystal", "symmetry"]

#: tighter forces change an energy by less than 1 meV/atom
RELAXATION = Relax(max_force=0.05, max_steps=800, keep_symmetry=False, method=None)
#: Å; of space groups, before and after
SYMMETRY = 0.1


def relaxed_crystal(
    start: Structure, label: str, known: RelaxedCrystal | None = None, potentials: Iterable[str] = POTENTIALS
) -> RelaxedCrystal:
    """Return a crystal after the potentials, each going on from the cell of the one before.

    Parameters
    ----------
    start : Structure
        With oxidation states where there are any: the corrections ask them.
    label : str
    known : RelaxedCrystal, optional
        What is there already of the same start; its potentials are kept.
    potentials : iterable of str

    Raises
    ------
    CalculationError
        If a relaxation does not converge.
    """
    formula, _ = start.composition.remove_charges().get_integer_formula_and_factor()
    energies = dict(known.energies) if known else {}
    cell = known.cell.structure() if known and known.cell else start
    for potential in potentials:
        if potential in energies:
            continue
        with tempfile.TemporaryDirectory() as directory:
            backend = _backend(potential)
            found = backend.calculate(cell.copy(), RELAXATION, label, Path(directory))
        cell = Structure(found.structure.lattice, [site.specie for site in start], found.structure.frac_coords)
        correction = mp2020_correction(cell)[0] if _is_uncorrected(potential) else 0.0
        group, operations = symmetry(cell)
        energies[potential] = PotentialEnergy(
            energy=round(found.energy_per_atom + correction, 6),
            correction=round(correction, 6),
            volume=round(float(cell.volume) / len(cell), 5),
            space_group=group,
            operations=operations,
            steps=found.convergence.n_steps,
        )
    group, operations = symmetry(start)
    return RelaxedCrystal(
        formula=formula,
        atoms=len(start),
        start=start_key(start),
        space_group=group,
        operations=operations,
        energies=energies,
        tier=known.tier if known else None,
        cell=CrystalCell.of(cell),
    )


def public_geometry(entry: PublicEntry) -> PublicGeometry:
    """Return what both potentials say of a public crystal as it is; it has a structure."""
    structure = entry.structure
    assert structure is not None
    energies = {}
    for potential in POTENTIALS:
        with tempfile.TemporaryDirectory() as directory:
            backend = _backend(potential)
            found = backend.calculate(structure.copy(), Static(method=None), entry.entry_id, Path(directory))
        correction = _public_correction(entry, structure) if _is_uncorrected(potential) else 0.0
        energies[potential] = round(found.energy_per_atom + correction, 6)
    return PublicGeometry(formula=entry.formula, public=round(entry.energy_per_atom, 6), energies=energies)


def _backend(potential: str) -> AseBackend:
    backend = load_backend(potential, POTENTIALS[potential].settings)
    assert isinstance(backend, AseBackend)
    return backend


def _is_uncorrected(potential: str) -> bool:
    from ...configs.trust import declared_trust

    return declared_trust(potential).scale.startswith("uncorrected")


def _public_correction(entry: PublicEntry, structure: Structure) -> float:
    """What the source itself corrected, eV/atom; the potential is compared with the rest."""
    return entry.correction if entry.correction is not None else mp2020_correction(structure)[0]


def symmetry(structure: Structure) -> tuple[str, int]:
    """Return the space group of a crystal without its ions' charges, and the operations of its primitive cell."""
    bare = structure.copy()
    bare.remove_oxidation_states()
    primitive = bare.get_primitive_structure(tolerance=SYMMETRY)
    analyzer = space_group(primitive, SYMMETRY)
    return str(analyzer.get_space_group_symbol()), len(analyzer.get_symmetry_operations())


class _Clock:
    """CPU time of this process against a limit in minutes."""

    def __init__(self, minutes: float | None) -> None:
        self.limit = None if minutes is None else 60 * minutes

    def over(self) -> bool:
        return self.limit is not None and time.process_time() > self.limit


def _turn(crystal: Crystal, found: RelaxedCrystals) -> tuple[int, int]:
    """Crystals that no potential has seen first, the library's by size before the prototypes in the order of their
    list; then those that one potential has seen, by size."""
    known = found.crystals.get(crystal.name)
    if known is not None:
        return 3, known.atoms
    return (0, round(crystal.composition.num_atoms)) if crystal.prototype is None else (1, 0)


def _complete(
    spec: PhaseSetSpec, found: RelaxedCrystals, only: Sequence[str], path: Path, clock: _Clock
) -> RelaxedCrystals:
    """Relax what the file lacks, crystal by crystal."""
    for crystal in sorted(crystals_of(spec), key=lambda crystal: _turn(crystal, found)):
        if clock.over():
            break
        known = found.crystals.get(crystal.name)
        if only and crystal.name not in only:
            continue
        start = crystal.start()
        if known is not None and known.start not in (None, start_key(start)):
            known = None
        if known is not None and set(POTENTIALS) <= set(known.energies) and crystal.name not in only:
            continue
        if crystal.name in only:
            known = None if known is None or known.tier is None else known
        begun = time.process_time()
        try:
            result = relaxed_crystal(start, crystal.name, known)
        except CatholyteError as error:
            print(f"{crystal.name}: {error.message}", file=sys.stderr, flush=True)
            continue
        found = found.model_copy(update={"crystals": {**found.crystals, crystal.name: result}})
        found.write(path)
        told = ", ".join(f"{name} {one.energy:.4f} ({one.steps} steps)" for name, one in result.energies.items())
        print(f"{crystal.name}: {told} eV/atom, {time.process_time() - begun:.0f} s", flush=True)
    return found


def _complete_public(
    entries: Iterable[PublicEntry], found: RelaxedCrystals, path: Path, clock: _Clock
) -> RelaxedCrystals:
    """Compute the public geometries that the file lacks, smallest first."""
    wanted = [entry for entry in entries if entry.structure is not None and not entry.is_element]
    for count, entry in enumerate(sorted(wanted, key=lambda e: (len(e.structure or ()), e.entry_id))):
        if clock.over():
            break
        if entry.entry_id in found.public:
            continue
        found.public[entry.entry_id] = public_geometry(entry)
        if count % 20 == 0:
            found.write(path)
    found.write(path)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m catholyte.workflows.phases.relax",
        description="Relax the crystals of configs/phases/NAME.yaml with both potentials.",
    )
    parser.add_argument("name", help="stem of configs/phases/NAME.yaml")
    parser.add_argument("--only", nargs="+", default=[], metavar="CRYSTAL", help="these, whether they are there or not")
    parser.add_argument(
        "--entries", type=Path, metavar="DIR", help="folder with the public entry files: their geometries"
    )
    parser.add_argument("--minutes", type=float, help="CPU time after which nothing new begins")
    parser.add_argument("--file", type=Path, default=RELAXED, help="default: that of the package")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Complete the file and say what was computed."""
    options = _parser().parse_args(arguments)
    clock = _Clock(options.minutes)
    try:
        spec, _ = parse_file(CONFIGS / "phases" / f"{options.name}.yaml", PhaseSetSpec)
        found = RelaxedCrystals.read(options.file)
        signatures = {name: _backend(name).signature() for name in POTENTIALS}
        found = found.model_copy(update={"signatures": signatures})
        if options.entries:
            public = [entry for entry in public_entries(options.entries) if not holds_molecular_oxygen(entry)]
            found = _complete_public(lowest_per_formula(public), found, options.file, clock)
        else:
            _complete(spec, found, options.only, options.file, clock)
    except CatholyteError as error:
        print(error.message, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
