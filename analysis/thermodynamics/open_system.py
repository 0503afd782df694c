"""Pairs in contact with reservoirs of lithium (a voltage) and of gases: reactions, map over (x, V), interphases.

Of the open elements any amount is exchanged at their chemical potential mu, and the other elements are conserved. The
grand potential Phi = E - sum mu_i n_i takes the place of the energy (Ong, Wang, Kang, Ceder, Chem. Mater. 20, 1798
(2008); Richards et al., Chem. Mater. 28, 266 (2016)), and the parts of a reaction keep their meaning::

    self(A)   = Phi_hull(A) - Phi(A)          A alone at these potentials: what it gains by (electro)chemical
    decomposition
    mutual(c) = Phi_hull(mixture) - c Phi_hull(A) - (1 - c) Phi_hull(B)

The mutual part is what is left when the no-mixing line, between the two reactants that have each come to equilibrium
with the reservoirs alone, is subtracted; without that, lithium extraction of the cathode (electronvolts) is charged to
the contact. Norm: per atom of the reactants as they are written, **their lithium and oxygen included**, as in a closed
system, so that both can be compared; divided by a kink's `conserved` it is per atom without the open elements, the norm
of Richards et al. and of pymatgen (`per_conserved` of the result). Reactions that are driven by electron transfer alone
need a path for electrons; kinetics are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...configs.arrays import Floats
from ...configs.errors import InputError
from .hull import NUMERICAL_ZERO, Index, Phases
from .open_species import OpenSpecies, oxygen_potential
from .phase_set import PhaseSet, Subject
from .reaction_results import ReactionResult
from .reactions import PairCurve, describe
from .uncertainty import SAMPLES, draw_lines, require_samples

__all__ = ["OpenPair", "OpenSpecies", "oxygen_potential", "react_open", "require_an_equilibrium"]


def react_open(
    a: str, b: str, phase_set: PhaseSet, species: OpenSpecies, *, samples: int = SAMPLES, seed: int = 0
) -> ReactionResult:
    """Return the reaction of a | b at fixed chemical potentials; the result's `open` names them.

    Parameters
    ----------
    a, b : str
        Library names or chemical formulas; each holds an element that is not open.
    phase_set : PhaseSet
        Must hold the open elements: lithium metal is the zero of the voltage, its oxygen entry that of the oxygen
        potential. Of the elements of gases those that it lacks are left out.
    species : OpenSpecies
    samples, seed
        As in :func:`.reactions.react`.

    Raises
    ------
    InputError
        If a name, element or number does not fit, or the reservoirs alone form a phase without end.
    CalculationError
        If the hull is degenerate.
    """
    require_samples(samples)
    species = species.within(phase_set.elements, phase_set.name)
    pair = OpenPair.of(a, b, phase_set, set(species.shifts))
    (curve,) = pair.curves([species])
    shifts = species.shifts_at(phase_set.temperature)
    energies = pair.closed.grand_potentials(shifts, pair.closed.samples(samples, seed))
    own = [None if s.entry is None else energies[:, pair.closed.position[s.entry.id]] for s in (pair.a, pair.b)]
    draws = draw_lines(curve.phases, energies[:, pair.kept], pair.ends, (own[0], own[1]), curve.x_atom)

    def line(phases: PhaseSet) -> PairCurve:
        return OpenPair.of(a, b, phases, set(species.shifts)).curves([species])[0]

    return describe(curve, draws, phase_set, seed, line)


@dataclass(frozen=True, eq=False)
class OpenPair:
    """A pair whose open elements are known, before their potentials are.

    Parameters
    ----------
    a, b : Subject
    closed : Phases
        Of all elements, the open ones included.
    open_elements : frozenset of str
    temperature : float or None
        K, of the phase set.
    """

    a: Subject
    b: Subject
    closed: Phases
    open_elements: frozenset[str]
    temperature: float | None

    @classmethod
    def of(cls, a: str, b: str, phase_set: PhaseSet, open_elements: set[str]) -> OpenPair:
        """Resolve both names.

        Raises
        ------
        InputError
            If a name is unknown, the set lacks an element, or a reactant holds open elements only.
        """
        missing = sorted(open_elements - set(phase_set.elements))
        if missing:
            raise InputError(
                f"the phase set {phase_set.name} holds no {', '.join(missing)}, which is to be open; its elements: "
                f"{', '.join(phase_set.elements)}"
            )
        subjects = phase_set.resolve(a), phase_set.resolve(b)
        for subject in subjects:
            if {element.symbol for element in subject.composition} <= open_elements:
                raise InputError(
                    f"{subject.label} holds nothing but open elements ({', '.join(sorted(open_elements))}): nothing of "
                    "it is conserved"
                )
        elements = {element.symbol for subject in subjects for element in subject.composition} | open_elements
        return cls(*subjects, Phases.of(phase_set, elements), frozenset(open_elements), phase_set.temperature)

    @cached_property
    def kept(self) -> Index:
        """Entries that hold a conserved element."""
        return self.closed.closed_entries(self.open_elements)

    @cached_property
    def frame(self) -> Phases:
        """The conserved elements and the entries that hold one; its energies are those with every open element at its
        reference."""
        return self.closed.opened(dict.fromkeys(self.open_elements, 0.0))

    @property
    def ends(self) -> tuple[Floats, Floats]:
        """Atomic fractions of the conserved elements in A and B."""
        return self.frame.vector(self.a.composition), self.frame.vector(self.b.composition)

    def grand_potentials(self, many: Sequence[OpenSpecies]) -> Floats:
        """(n_species, n_entries) grand potentials of all entries, eV per atom of each."""
        each = [species.shifts_at(self.temperature) for species in many]
        shifts: Mapping[str, Floats] = {
            element: np.array([[one[element]] for one in each]) for element in sorted(self.open_elements)
        }
        return np.asarray(self.closed.grand_potentials(shifts))

    def endless(self, grand: Floats) -> Floats:
        """(n_species,) index of the entry that forms from the reservoirs alone without end, -1 where there is none."""
        alone = np.setdiff1d(np.arange(len(self.closed.entries)), self.kept)
        lowest = alone[grand[:, alone].argmin(axis=1)]
        return np.where(grand[np.arange(len(grand)), lowest] < -NUMERICAL_ZERO, lowest, -1)

    def curves(self, many: Sequence[OpenSpecies]) -> list[PairCurve]:
        """Return the curve at every choice of potentials.

        Raises
        ------
        InputError
            If the reservoirs alone form a phase without end.
        """
        grand = self.grand_potentials(many)
        for species, endless in zip(many, self.endless(grand), strict=True):
            if endless >= 0:
                raise _no_equilibrium(str(species), self.closed.entries[endless].formula)
        a, b = (np.tile(end, (len(many), 1)) for end in self.ends)
        own = [None if s.entry is None else grand[:, self.closed.position[s.entry.id]] for s in (self.a, self.b)]
        return [
            PairCurve(self.a, self.b, self.frame, vertices, (_at(own[0], i), _at(own[1], i)), many[i])
            for i, vertices in enumerate(self.frame.tie_lines(a, b, grand[:, self.kept]))
        ]


def require_an_equilibrium(closed: Phases, shifts: Mapping[str, float], where: str) -> None:
    """Raise InputError if open elements form a phase of themselves without end.

    Parameters
    ----------
    closed : Phases
        Of all elements.
    shifts : mapping of str to float
        As :meth:`.hull.Phases.opened` takes them.
    where : str
        What holds the potentials, for the message.
    """
    grand = closed.grand_potentials(shifts)
    alone = np.setdiff1d(np.arange(len(closed.entries)), closed.closed_entries(shifts))
    lowest = alone[grand[alone].argmin()]
    if grand[lowest] < -NUMERICAL_ZERO:
        raise _no_equilibrium(where, closed.entries[lowest].formula)


def _no_equilibrium(where: str, formula: str) -> InputError:
    remedy = "a higher voltage or less of a gas" if "V vs" in where else "less of a gas"
    return InputError(f"at {where} the reservoirs alone form {formula} without end: no equilibrium; choose {remedy}")


def _at(values: Floats | None, index: int) -> float | None:
    return None if values is None else float(values[index])
