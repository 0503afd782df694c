"""Hypothesis strategies for crystals, all in one place."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

__all__ = ["ions", "pair_models", "rock_salts", "structures_with_moments", "supercell_matrices"]

_IONS = ("Li+", "Co2+", "Co3+", "Ni2+", "Ni3+", "Mn4+", "Ti4+", "W6+", "P5+", "O2-", "S2-", "Cl-")


def ions() -> st.SearchStrategy[Species]:
    """Ions of the library's crystals."""
    return st.sampled_from(_IONS).map(Species.from_str)


@st.composite
def structures_with_moments(draw: st.DrawFn) -> Structure:
    """Well-separated ions on a jittered grid, with moments of either sign on every site."""
    shape = draw(st.tuples(*[st.integers(1, 2)] * 3))
    grid = np.array(list(np.ndindex(shape))) / shape
    jitter = draw(st.lists(st.floats(-0.05, 0.05), min_size=3 * len(grid), max_size=3 * len(grid)))
    angles = draw(st.tuples(*[st.floats(75, 105)] * 3))
    lattice = Lattice.from_parameters(*(3.0 * n for n in shape), *angles)
    species = draw(st.lists(ions(), min_size=len(grid), max_size=len(grid)))
    moments = draw(st.lists(st.floats(-5, 5), min_size=len(grid), max_size=len(grid)))
    return Structure(lattice, species, grid + np.reshape(jitter, (-1, 3)), site_properties={"magmom": moments})


@st.composite
def supercell_matrices(draw: st.DrawFn, largest: int = 6) -> np.ndarray:
    """Integer matrices of determinant 1 to `largest`, sheared."""
    diagonal = draw(st.tuples(*[st.integers(1, 3)] * 3).filter(lambda n: np.prod(n) <= largest))
    matrix = np.diag(diagonal)
    matrix[0, 1:] = draw(st.tuples(*[st.integers(-1, 1)] * 2))
    matrix[1, 2] = draw(st.integers(-1, 1))
    return matrix


@st.composite
def rock_salts(draw: st.DrawFn) -> Structure:
    """CoO or NiO in a random supercell of the primitive cell."""
    metal = draw(st.sampled_from(["Co2+", "Ni2+"]))
    half = draw(st.floats(4.0, 4.4)) / 2
    lattice = Lattice(half * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]))
    cell = Structure(lattice, [metal, "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return cell.make_supercell(draw(supercell_matrices()), in_place=False)


@st.composite
def pair_models(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    """Random symmetric pair energies on two small blocks of sites with three occupants."""
    from catholyte.structures.crystals.sampling import PairModel

    blocks = tuple(
        {0: draw(st.integers(1, 2)), 1: draw(st.integers(1, 2)), 2: draw(st.integers(1, 2))}
        for _ in range(draw(st.integers(1, 2)))
    )
    size = sum(sum(block.values()) for block in blocks)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coupling = rng.normal(size=(1, size, size))
    features = rng.normal(size=(1, 3))
    return PairModel(
        blocks, features, coupling + coupling.transpose(0, 2, 1), rng.normal(size=(1, size)), float(rng.normal())
    )
