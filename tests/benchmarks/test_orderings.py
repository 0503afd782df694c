"""Orderings of the 120-atom NCM532 cell against pymatgen's, in one run: time, electrostatic energy, and the model's
energy."""

from __future__ import annotations

import time
import warnings
from functools import cache

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

from catholyte.configs.load import material
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.crystals.ordering import Ordering, order
from catholyte.tests.support.referees.evidence import Evidence

N = 30


@cache
def ours() -> tuple[list[Ordering], float]:
    """Thirty orderings, and the best processor time of three, s."""
    ncm = material("NCM532")
    parent, times = conventional(ncm), []
    assert ncm.ordered_cell is not None
    for _ in range(3):
        clock = time.process_time()
        found = order(parent, ncm.ordered_cell, N, seed=0)
        times.append(time.process_time() - clock)
    return found, min(times)


def averaged() -> Structure:
    """The same cell with the ions of the orderings as occupancies, which is what pymatgen takes."""
    template = ours()[0][0].structure
    metals = [i for i, site in enumerate(template) if site.specie.is_transition_metal]
    counts = {species: n / len(metals) for species, n in template.composition.items() if species.is_transition_metal}
    cell = Structure(template.lattice, template.species, template.frac_coords)
    for i in metals:
        cell[i] = counts
    return cell


@cache
def theirs() -> tuple[list[Structure], float]:
    """Thirty of ``ALGO_BEST_FIRST``, and the best processor time of two, s."""
    from pymatgen.transformations.standard_transformations import (
        OrderDisorderedStructureTransformation as Transformation,
    )

    parent, times = averaged(), []
    for _ in range(2):
        clock = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that some occupancies needed rounding
            found = Transformation(algo=Transformation.ALGO_BEST_FIRST).apply_transformation(
                parent, return_ranked_list=N
            )
        times.append(time.process_time() - clock)
    return [row["structure"] for row in found], min(times)


def random_cells(seed: int) -> list[Structure]:
    """Thirty arrangements of the same ions, drawn at random."""
    template, rng, cells = ours()[0][0].structure, np.random.default_rng(seed), []
    metals = [i for i, site in enumerate(template) if site.specie.is_transition_metal]
    for _ in range(N):
        species = list(template.species)
        for place, taken in zip(metals, rng.permutation(metals), strict=True):
            species[place] = template[int(taken)].specie
        cells.append(Structure(template.lattice, species, template.frac_coords))
    return cells


@pytest.mark.benchmark
def test_thirty_orderings_within_a_second_and_at_no_higher_energy(measured: Evidence) -> None:
    found, seconds = ours()
    best_first, their_seconds = theirs()
    mean = np.mean([ordering.energy for ordering in found])
    their_mean = np.mean([EwaldSummation(cell).total_energy for cell in best_first])
    print(f"ALGO_BEST_FIRST: {their_seconds:.2f} CPU s, {len(best_first)} cells")
    assert len(found) == N
    measured.within("thirty orderings of the 120-atom NCM532 cell", seconds, "CPU s", limit=1.0)
    measured.lower(
        "mean electrostatic energy of thirty orderings",
        mean,
        their_mean,
        peer="pymatgen: OrderDisorderedStructureTransformation, ALGO_BEST_FIRST",
        unit="eV",
    )


@pytest.mark.benchmark
def test_ours_are_thirty_crystals(measured: Evidence) -> None:
    """Equal crystals have equal energies, so only neighbours in energy are compared."""
    found, _ = ours()
    matcher = StructureMatcher(scale=False, attempt_supercell=False, primitive_cell=False)
    bare = [ordering.structure.copy().remove_oxidation_states() for ordering in found]
    close = [(i, j) for i in range(N) for j in range(i) if abs(found[i].energy - found[j].energy) < 1e-4]
    same = sum(matcher.fit(bare[i], bare[j]) for i, j in close)
    measured.within("equal crystals among thirty orderings, by pymatgen's StructureMatcher", same, "pairs", limit=0)


@pytest.mark.benchmark
@pytest.mark.slow
def test_lower_model_energy_than_random_arrangements(measured: Evidence) -> None:
    """CHGNet single points; the mean of thirty against the mean of thirty."""
    from chgnet.model import CHGNet

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CHGNet.load(use_device="cpu", verbose=False)
        energies = [
            np.array([float(np.ravel(model.predict_structure(cell, task="e")["e"])[0]) for cell in cells])
            for cells in ([o.structure for o in ours()[0]], random_cells(0), theirs()[0])
        ]
    mine, random, best_first = energies
    error = np.hypot(mine.std(), random.std()) / np.sqrt(N)
    print(
        f"CHGNet eV/atom: ours {mine.mean():.4f} ± {mine.std():.4f}, random {random.mean():.4f} ± "
        f"{random.std():.4f}, "
        f"best-first {best_first.mean():.4f}"
    )
    measured.lower(
        "mean CHGNet energy of thirty orderings",
        mine.mean(),
        random.mean(),
        peer="thirty random arrangements",
        unit="eV/atom",
        by=2 * error,
    )
