"""Electrochemical stability window and the ladder of all decomposition steps against lithium.

The phase is open to lithium: of all mixtures of its lithium-free skeleton with n atoms of Li the hull
gives the energy E(n) per formula unit, convex and piecewise linear. Between two kinks the lithium
potential is constant, at the voltage against lithium metal ::

    V = mu_Li(metal) - [E(n2) - E(n1)] / (n2 - n1)        (one electron per Li, energies in eV)

and at a kink the phases stand between two voltages. The window of a phase is that range for its own
lithium content (Zhu, He, Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015); Richards et al., Chem. Mater.
28, 266 (2016)). A metastable phase has no range in which nothing would gain by decomposing; by the same
authors' convention its energy is lowered to the hull, where it is just stable. Its window is then that
of its own decomposition products, and the result states the shift. Kinetics and pressure are left out, and so is
entropy, unless the phase set is one at a temperature. Open to gases too, E(n) is a grand potential; below the voltage
at which lithium and the gases alone form a phase without end (Li2O under oxygen) there is no equilibrium, and the
window ends there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pymatgen.core.composition import Composition

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ..gibbs.mixture import GasMixture
from .hull import NUMERICAL_ZERO, Phases, Vertex, settled
from .open_species import OpenSpecies
from .open_system import require_an_equilibrium
from .phase_set import PhaseEntry, PhaseSet, Subject, parse_formula
from .reaction_results import Product, products_of, write_reaction
from .uncertainty import SAMPLES, Spread, WindowUncertainty, require_samples
from .window_results import LadderStep, Limit, WindowResult

__all__ = ["LadderStep", "Limit", "WindowResult", "stability_window", "window_phases"]

#: Li per formula unit: smaller differences are rounding
_SAME_LITHIUM = 1e-6


@dataclass(frozen=True)
class _Profile:
    """The lithium line of one material: kinks in the order of rising lithium content, all finite; `end` is that of
    lithium alone."""

    subject: Subject
    phases: Phases
    vertices: tuple[Vertex, ...]
    end: Vertex
    metal: PhaseEntry
    reference: float
    open: OpenSpecies | None

    @property
    def floor(self) -> float:
        """V vs Li/Li+, below which lithium, and gases with it, form a phase without end; 0 for the metal."""
        return settled(self.reference - self.end.energy)

    def gases(self, vertex: Vertex) -> dict[str, float]:
        """Molecules of each gas taken up per formula unit on the way from the material to a kink."""
        found: dict[str, float] = {}
        for element in self.open.shifts if self.open else ():
            inside = sum(p.coefficient * parse_formula(p.formula)[element] for p in self.products(vertex))
            for formula, share in self.open.reservoir(element).items() if self.open else ():
                taken = share * (inside - self.subject.composition[element])
                found[formula] = found.get(formula, 0.0) + taken
        return found

    @property
    def host_atoms(self) -> float:
        return float(self.subject.composition.num_atoms - self.own_lithium)

    @property
    def own_lithium(self) -> float:
        return float(self.subject.composition["Li"])

    def lithium(self, vertex: Vertex) -> float:
        """Li per formula unit at a kink."""
        return (1 - vertex.x) / vertex.x * self.host_atoms

    def energy(self, vertex: Vertex) -> float:
        """eV per formula unit at a kink."""
        return vertex.energy / vertex.x * self.host_atoms

    def products(self, vertex: Vertex) -> tuple[Product, ...]:
        return products_of(vertex, self.phases.entries, self.host_atoms / vertex.x)

    def voltage(self, less: Vertex, more: Vertex) -> float:
        """V vs Li/Li+ between two kinks."""
        return settled(
            self.reference - (self.energy(more) - self.energy(less)) / (self.lithium(more) - self.lithium(less))
        )

    def from_material(self, vertex: Vertex) -> tuple[str, float]:
        """Reaction of the material to the phases of a kink, and the Li it takes up."""
        taken = self.lithium(vertex) - self.own_lithium
        right = [(p.coefficient, p.formula) for p in self.products(vertex)]
        moved = [(taken, "Li"), *((amount, gas) for gas, amount in self.gases(vertex).items())]
        return write_reaction(
            [(1.0, self.subject.formula), *moved], [*right, *((-amount, formula) for amount, formula in moved)]
        ), taken

    def limit(self, voltage: float, far: Vertex) -> Limit:
        reaction, taken = self.from_material(far)
        return Limit(voltage, reaction, taken, self.products(far))

    def middle(self, less: Vertex, more: Vertex) -> Floats:
        """Atomic fractions of the phase with the lithium content between two kinks."""
        content = (self.lithium(less) + self.lithium(more)) / 2
        amounts = self.phases.vector(self.subject.composition) * self.subject.composition.num_atoms
        amounts[self.phases.elements.index("Li")] = content
        return np.asarray(amounts / amounts.sum())

    def step(self, less: Vertex, more: Vertex, spread: Spread) -> LadderStep:
        far = more if self.lithium(more) > self.own_lithium + _SAME_LITHIUM else less
        reaction, taken = self.from_material(far)
        exchanged = self.lithium(more) - self.lithium(less)
        net = Counter({p.formula: p.coefficient for p in self.products(more)})
        net.subtract({p.formula: p.coefficient for p in self.products(less)})
        net.update({gas: -amount for gas, amount in self.gases(more).items()})
        net.subtract({gas: -amount for gas, amount in self.gases(less).items()})
        left = [(-change, formula) for formula, change in net.items()]
        step = write_reaction([*left, (exchanged, "Li")], [(change, formula) for formula, change in net.items()])
        return LadderStep(
            self.voltage(less, more),
            reaction,
            taken,
            step,
            exchanged,
            self.products(far),
            spread.sigma,
            spread.interval,
        )


def stability_window(
    material: str,
    phase_set: PhaseSet,
    *,
    gases: GasMixture | None = None,
    voltages: tuple[float, float] = (0.0, 6.0),
    published: tuple[float | None, float | None] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> WindowResult:
    """Return the stability window of a material, its limiting reactions and the ladder of all steps.

    A material above the hull is lowered to it (module docstring); `energy_shift` says by how much.

    Parameters
    ----------
    material : str
        Library name or chemical formula.
    phase_set : PhaseSet
        Must hold lithium metal, the zero of the voltage.
    gases : GasMixture, optional
        What the material is open to beside lithium.
    voltages : tuple of float
        V vs Li/Li+, range of the ladder. The limits themselves are given wherever they lie.
    published : tuple of (float or None), optional
        V; handed on to the result unused.
    samples : int
        Perturbed hulls for the uncertainty, at least 2.
    seed : int
        Of the perturbations.

    Raises
    ------
    InputError
        If the name or an element is unknown, the set has no lithium, the material is lithium, the range is empty, or
        gases do not fit.
    CalculationError
        If the hull is degenerate.
    """
    require_samples(samples)
    if not voltages[0] < voltages[1]:
        raise InputError(
            f"the voltage range {voltages[0]} to {voltages[1]} V is empty: the first must be the lower one"
        )
    profile = _profile(phase_set.resolve(material), phase_set, gases)
    reduction, oxidation = _limits(profile)
    plateaus = list(pairwise(profile.vertices))[::-1]
    uncertainty, spreads = _uncertainty(profile, plateaus, samples, seed)
    ladder = [profile.step(less, more, spread) for (less, more), spread in zip(plateaus, spreads, strict=True)]
    own = profile.subject.entry
    above = (
        None
        if own is None
        else settled(
            float(profile.phases.energies[profile.phases.position[own.id]])
            - profile.phases.decompose(profile.subject.composition).energy
        )
    )
    return WindowResult(
        phase_set=phase_set.name,
        sha256=phase_set.sha256,
        material=profile.subject.label,
        formula=profile.subject.formula,
        entry=own.id if own else None,
        tier=own.tier if own else None,
        reduction=reduction,
        oxidation=oxidation,
        ladder=tuple(step for step in ladder if voltages[0] <= step.voltage <= voltages[1]),
        energy_above_hull=above,
        energy_shift=None if above is None else settled(-above),
        uncertainty=uncertainty,
        tiers={entry.id: entry.tier for entry in _entries(profile)},
        note=_note(profile, above, reduction, oxidation),
        published=published,
        open=profile.open,
    )


def window_phases(
    subject: Subject, phase_set: PhaseSet, gases: GasMixture | None = None
) -> tuple[Phases, OpenSpecies | None]:
    """Return the phases of a material and lithium, open to gases where they are given, and these as reservoirs.

    Raises
    ------
    InputError
        If the gases do not fit the set, hold all elements of the material but lithium, or form a phase without end.
    """
    elements = {"Li", *(element.symbol for element in subject.composition)}
    if gases is None:
        return Phases.of(phase_set, elements), None
    species = OpenSpecies(gases=gases).within(phase_set.elements, phase_set.name)
    open_elements = set(species.shifts)
    if elements <= open_elements | {"Li"}:
        raise InputError(f"{subject.label} holds nothing but lithium and what {gases} hold: nothing of it is conserved")
    closed, shifts = Phases.of(phase_set, elements | open_elements), species.shifts_at(phase_set.temperature)
    require_an_equilibrium(closed, shifts, str(species))
    return closed.opened(shifts), species


def _profile(subject: Subject, phase_set: PhaseSet, gases: GasMixture | None) -> _Profile:
    if "Li" not in phase_set.elements:
        raise InputError(
            f"the phase set {phase_set.name} holds no lithium metal, the zero of the voltage; its elements: "
            f"{', '.join(phase_set.elements)}"
        )
    host = Composition({element: amount for element, amount in subject.composition.items() if element.symbol != "Li"})
    if not host:
        raise InputError(f"{subject.label} is lithium itself: a window needs another element")
    phases, species = window_phases(subject, phase_set, gases)
    line = phases.tie_line(host, Composition("Li"))[::-1]
    metal = min(phase_set.by_system[frozenset(["Li"])], key=lambda entry: entry.energy_per_atom)
    return _Profile(subject, phases, line[:-1], line[-1], metal, metal.energy_per_atom, species)


def _limits(profile: _Profile) -> tuple[Limit, Limit | None]:
    """Return the limits at the material's own lithium content, on the hull; beyond the last kink lithium metal forms,
    at 0 V, or with gases another phase without end."""
    own = profile.own_lithium
    less = [v for v in profile.vertices if profile.lithium(v) < own - _SAME_LITHIUM]
    here = [v for v in profile.vertices if abs(profile.lithium(v) - own) <= _SAME_LITHIUM]
    more = [v for v in profile.vertices if profile.lithium(v) > own + _SAME_LITHIUM]
    near = (here or less)[-1]
    if more:
        reduction = profile.limit(profile.voltage(near, more[0]), more[0])
    else:
        alone = profile.phases.entries[max(profile.end.amounts, key=profile.end.amounts.__getitem__)].formula
        below = f"; below it lithium and the gases alone form {alone} without end" if profile.floor else ""
        reduction = Limit(
            profile.floor,
            f"{profile.subject.formula} takes up no lithium above {profile.floor:.4g} V{below}",
            settled(profile.lithium(near) - own),
            profile.products(near),
        )
    if not less:
        return reduction, None
    beside = (here or more)[:1]
    return reduction, profile.limit(profile.voltage(less[-1], beside[0]) if beside else 0.0, less[-1])


def _entries(profile: _Profile) -> list[PhaseEntry]:
    used = {index for vertex in profile.vertices for index in vertex.amounts}
    own = [profile.subject.entry] if profile.subject.entry else []
    return [*own, *(profile.phases.entries[index] for index in sorted(used))]


def _note(profile: _Profile, above: float | None, reduction: Limit, oxidation: Limit | None) -> str:
    if above is None:
        said = "no energy of its own in the phase set: the window is that of its composition on the hull"
    elif above:
        said = (
            f"metastable by {above:.4f} eV/atom: its energy was lowered to the hull, so the window is that of its "
            "decomposition products"
        )
    else:
        said = "stable: the window is its own"
    if oxidation is None:
        return f"{said}; no lithium to release, so no oxidation limit of this kind"
    if oxidation.voltage - reduction.voltage < NUMERICAL_ZERO:
        return f"{said}; its lithium content lies inside a two-phase plateau, so the window has no width"
    return said


def _uncertainty(
    profile: _Profile, plateaus: Sequence[tuple[Vertex, Vertex]], samples: int, seed: int
) -> tuple[WindowUncertainty, list[Spread]]:
    """Voltages on perturbed hulls: just beside the material for its limits, in the middle of each plateau for its step;
    the lithium reference moves along."""
    phases = profile.phases
    own = phases.vector(profile.subject.composition)
    lithium = phases.vector(Composition("Li"))
    release = [(own, -lithium)] if profile.own_lithium else []
    points = [(own, lithium), *((profile.middle(*plateau), lithium) for plateau in plateaus), *release]
    energies = phases.samples(samples, seed)
    metal = energies[:, phases.position[profile.metal.id]]
    targets, towards = (
        np.repeat(side, samples, axis=0)
        for side in (np.array([p[0] for p in points]), np.array([p[1] for p in points]))
    )
    potentials = phases.potentials(targets, towards, np.tile(energies, (len(points), 1)))[
        :, phases.elements.index("Li")
    ]
    spreads = [Spread.of(metal - drawn) for drawn in potentials.reshape(len(points), samples)]
    oxidation = spreads.pop() if release else None
    return WindowUncertainty(spreads[0], oxidation, samples, seed), spreads[1:]
