"""Small phase sets whose hull can be checked by hand, and random ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from pymatgen.core.composition import Composition
from pymatgen.core.periodic_table import Element

from catholyte.analysis.thermodynamics.phase_set import PhaseEntry, PhaseSet, PhaseSource, content_hash

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram

SCALE = "toy total energy, eV/atom"
ELEMENTS = ("Li", "O", "P", "S")

#: eV per formula unit; the elements are the zero. By hand: Li2O leaves at 2.7 V for Li2O2 and that at 3.3 V for oxygen.
BY_HAND = {"Li": 0.0, "O2": 0.0, "S": 0.0, "Li2O": -6.0, "Li2O2": -6.6, "Li2S": -4.5}


def entry(formula: str, energy: float, error: float = 0.02, **changes: Any) -> PhaseEntry:
    """An entry from its energy per formula unit."""
    given = {"id": f"toy-{formula}", "source": "toy", "tier": "vasp", "scale": SCALE, **changes}
    return PhaseEntry(formula=formula, energy_per_atom=energy / Composition(formula).num_atoms, error=error, **given)


def phase_set(energies: Mapping[str, float], *extra: PhaseEntry, error: float = 0.02) -> PhaseSet:
    """A set from energies per formula unit, and further entries."""
    entries = (*(entry(formula, energy, error) for formula, energy in energies.items()), *extra)
    elements = sorted({element.symbol for found in entries for element in found.composition})
    return PhaseSet(
        name="toy",
        version="1",
        description="synthetic",
        scale=SCALE,
        elements=tuple(elements),
        sources={"toy": PhaseSource(citation="made up for a test", license="MIT")},
        entries=entries,
        sha256="0" * 64,
    )


def document() -> dict[str, Any]:
    """A phase-set file's content with its hash."""
    energies = {"Li": -1.9, "O2": -4.95, "Li2O": -4.98, "Li2O2": -5.08}
    entries = [
        {
            "id": f"id-{formula}",
            "formula": formula,
            "space_group": None,
            "energy_per_atom": energy,
            "error": 0.0 if formula in {"Li", "O2"} else 0.024,
            "source": "toy",
            "tier": "chgnet" if formula == "Li2O2" else "vasp",
            "note": "",
            "material": "lithia" if formula == "Li2O" else None,
            "volume": 24.5 if formula == "Li2O" else None,
            "volume_source": "relaxed cell, made up" if formula == "Li2O" else "",
        }
        for formula, energy in energies.items()
    ]
    content: dict[str, Any] = {
        "name": "toy",
        "version": "1",
        "description": "Å, µ and – are written as they are",
        "scale": SCALE,
        "elements": ["Li", "O"],
        "sources": {"toy": {"citation": "made up for a test", "license": "MIT", "url": "https://example.org"}},
        "signatures": {},
        "errors": {},
        "entries": entries,
    }
    return {**content, "sha256": content_hash(content)}


def formulas(elements: tuple[str, ...] = ELEMENTS) -> st.SearchStrategy[str]:
    """Compounds of two to all elements with up to four atoms of each."""
    amounts = st.fixed_dictionaries({element: st.integers(0, 4) for element in elements})
    return amounts.filter(lambda a: sum(n > 0 for n in a.values()) >= 2).map(
        lambda a: "".join(f"{e}{n}" for e, n in a.items() if n)
    )


@st.composite
def random_sets(
    draw: st.DrawFn, elements: tuple[str, ...] = ELEMENTS, error: float = 0.02, highest: float = 0.3
) -> PhaseSet:
    """Element references between -5 and 0 eV/atom and up to ten compounds between -3 and `highest` eV/atom of them."""
    references = {element: draw(st.floats(-5, 0)) for element in elements}
    compounds = draw(st.dictionaries(formulas(elements), st.floats(-3, highest), min_size=1, max_size=10))
    energies = dict(references)
    for formula, formation in compounds.items():
        composition = Composition(formula)
        energies[formula] = (
            sum(references[el.symbol] * n for el, n in composition.items()) + formation * composition.num_atoms
        )
    return phase_set(energies, error=error)


#: of the large synthetic set
EIGHT = ("Cl", "Co", "Ge", "Li", "Ni", "O", "P", "S")


def large_set(seed: int = 0, entries: int = 500, elements: tuple[str, ...] = EIGHT) -> PhaseSet:
    """Elements and random compounds of two to five of them, bound by random pair energies with a scatter: about every
    fourth lies on the hull.

    The energies of two elements add up over atomic fractions to a smooth hull (a regular solution); the scatter of 0.5
    eV/atom lifts most compounds off it, as in real sets.
    """
    rng = np.random.default_rng(seed)
    references = rng.uniform(-8, -1, len(elements))
    bonds = np.triu(rng.uniform(0.5, 4.0, (len(elements), len(elements))), 1)
    amounts: dict[tuple[int, ...], None] = {}
    while len(amounts) < entries - len(elements):
        chosen = rng.choice(len(elements), rng.integers(2, 6), replace=False)
        numbers = np.zeros(len(elements), dtype=int)
        numbers[chosen] = rng.integers(1, 7, len(chosen))
        amounts[tuple((numbers // np.gcd.reduce(numbers)).tolist())] = None
    energies = dict(zip(elements, references.tolist(), strict=True))
    for numbers_ in amounts:
        fractions = np.array(numbers_) / sum(numbers_)
        formation = -fractions @ bonds @ fractions + abs(rng.normal(0.0, 0.5))
        energies["".join(f"{e}{n}" for e, n in zip(elements, numbers_, strict=True) if n)] = sum(numbers_) * float(
            formation + fractions @ references
        )
    return phase_set(energies)


def referee(phases: PhaseSet, elements: Collection[str]) -> PhaseDiagram:
    """pymatgen's phase diagram of one chemical system of a set; names are formulas as the set writes them."""
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram

    entries = [
        PDEntry(e.composition, e.energy_per_atom * e.composition.num_atoms, name=e.formula, attribute=e.id)
        for e in phases.within(elements)
    ]
    return PhaseDiagram(entries, [Element(symbol) for symbol in sorted(elements)])
