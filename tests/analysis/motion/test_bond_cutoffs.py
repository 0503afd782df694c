"""Cut-offs from first shells, and where they come from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from catholyte.analysis.motion.bond_cutoffs import Shell, choose_rules, first_shells, parse_cutoffs
from catholyte.analysis.motion.bond_rules import covalent_reach
from catholyte.analysis.motion.curves import pair_functions
from catholyte.analysis.motion.pair_function import PairFunction
from catholyte.configs.errors import InputError
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support.campaigns.campaign_documents import cell_of
from catholyte.tests.support.motion.motions import frames

R = np.arange(0.025, 6.0, 0.05)


def function(pair: tuple[str, str], *described: tuple[float, float, float], around: float = 4.0) -> PairFunction:
    """Sum of Gaussians: place, height, width; `around` neighbours at every distance."""
    g = np.sum([height * np.exp(-((R - place) ** 2) / (2 * width**2)) for place, height, width in described], axis=0)
    return PairFunction(pair, R, g, np.full(len(R), around), 1)


def shaken(name: str, spread: float, n: int = 50) -> Frames:
    """A crystal of the library with Gaussian displacements, Å."""
    cell = cell_of(name)
    noise = np.random.default_rng(0).normal(0, spread, (n, len(cell), 3))
    return frames([site.specie.symbol for site in cell], cell.cart_coords + noise, cell.lattice.matrix)


def test_a_shell_of_bonds() -> None:
    """Its pair is named with the more electropositive element first, whatever the order of the atoms."""
    (found,) = first_shells([function(("S", "P"), (2.05, 10, 0.1), (3.8, 3, 0.2))], {"P": 4, "S": 20}, "bulk").items()
    assert found[0] == ("P", "S")
    assert found[1].peak == pytest.approx(2.05, abs=0.03)
    assert 2.3 < found[1].minimum < 3.3
    assert found[1].source == "bulk"


def test_what_is_no_shell_of_bonds() -> None:
    """Edges of a tetrahedron, a pair that is not watched, an ideal gas, and a few contacts."""
    shells = [
        function(("S", "S"), (3.35, 10, 0.2), (5.0, 5, 0.3)),
        function(("Li", "S"), (2.4, 10, 0.2), (4.0, 5, 0.3)),
        function(("S", "Cl"), (3.0, 0.0, 1.0)),
        function(("P", "Cl"), (2.0, 10, 0.1), (3.8, 3, 0.2), around=0.2),
    ]
    assert first_shells(shells, {"Li": 24, "P": 4, "S": 20, "Cl": 4}, "bulk") == {}


@pytest.mark.parametrize(
    ("name", "pair", "bond", "next_shell"),
    [("LPSCl", ("P", "S"), 2.02, 3.9), ("LCO", ("Co", "O"), 1.92, 3.4), ("CoO", ("Co", "O"), 2.13, 3.69)],
)
def test_first_shells_of_crystals(name: str, pair: tuple[str, str], bond: float, next_shell: float) -> None:
    motion = shaken(name, 0.08)
    found = first_shells(pair_functions(motion.blocks(7), motion.species), Counter(motion.species), name)
    assert list(found) == [pair]
    assert found[pair].peak == pytest.approx(bond, abs=0.08)
    assert bond + 0.4 < found[pair].minimum < next_shell - 0.3


def test_given_before_control_before_run_before_radii() -> None:
    control, run = (
        {("P", "S"): Shell(2.05, 2.9, "the control LPSCl")},
        {("P", "S"): Shell(2.05, 3.1, "the run"), ("Co", "O"): Shell(1.95, 2.7, "the run")},
    )
    rules = {
        rule.name: rule for rule in choose_rules(["Co", "O", "P", "S", "Li"], [control, run], {("S", "S"): 2.4}, 0.1)
    }
    assert (rules["P-S"].cutoff, rules["P-S"].source) == (
        2.9,
        "first minimum of the pair function of the control LPSCl",
    )
    assert (rules["Co-O"].cutoff, rules["Co-O"].form, rules["Co-O"].broken) == pytest.approx((2.7, 2.43, 2.97))
    assert (rules["S-S"].cutoff, rules["S-S"].source) == (2.4, "given")
    assert rules["Co-S"].cutoff == covalent_reach("Co", "S")
    assert "covalent radii" in rules["Co-S"].source


def test_bad_cutoffs() -> None:
    assert parse_cutoffs(["S-P=2.7"], ["P", "S"]) == {("P", "S"): 2.7}
    for text in ("P-S", "P-S=x", "PS=2.7", "P-S=-1", "P-S=inf"):
        with pytest.raises(InputError, match="a pair of elements and a length in Å > 0 are needed"):
            parse_cutoffs([text], ["P", "S"])
    with pytest.raises(InputError, match="holds no Co"):
        parse_cutoffs(["Co-S=2.7"], ["P", "S"])
    with pytest.raises(InputError, match="a cut-off for Li-S: this pair is not watched; watched: S-S"):
        choose_rules(["Li", "S"], [], {("Li", "S"): 2.7})
