"""Electrochemical stability window and the ladder of all decomposition steps against lithium.

The phase is open to lithium: of all mixtures of its lithium-free skeleton with n atoms of Li the hull
gives the energy E(n) per formula unit, convex and piecewise linear. Between two kinks the lithium
potential is constant, at the voltage against lithium metal ::

    V = mu_Li(metal) - [E(n2) - E(n1)] / (n2 - n1)        (one electron per Li, energies in eV)

and at a kink the phases stand between two voltages. The window of a phase is that range for its own
lithium content (Zhu, He, Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015); Richards et al., Chem. Mater.
28, 266 (2016)). A metastable phase has no range in which nothing would gain by decomposing; by the same
authors' convention its energy is lowered to the hull, where it is just stable. Its window is then that
of its own decomposition products, and the result states the shift. Entropy, kinetics and pressure are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from pymatgen.core.composition import Composition

from ...configs.arrays import Floats
from ...configs.errors import InputError
from ...configs.models import Tier
from .hull import NUMERICAL_ZERO, Phases, Vertex, settled
from .phase_set import PhaseEntry, PhaseSet, Subject
from .reaction_results import Product, products_of, write_reaction
from .uncertainty import SAMPLES, Spread, WindowUncertainty, require_samples

__all__ = ["LadderStep", "Limit", "WindowResult", "stability_window"]

#: Li per formula unit: smaller differences are rounding
_SAME_LITHIUM = 1e-6


@dataclass(frozen=True)
class Limit:
    """One end of the window.

    Parameters
    ----------
    voltage : float
        V vs Li/Li+.
    reaction : str
        Balanced, per formula unit.
    lithium : float
        Li atoms taken up per formula unit; negative where released.
    products : tuple of Product
        Phases on the far side, per formula unit; lithium itself is not among them.
    """

    voltage: float
    reaction: str
    lithium: float
    products: tuple[Product, ...]


@dataclass(frozen=True)
class LadderStep:
    """One plateau of the ladder.

    Parameters
    ----------
    voltage : float
        V vs Li/Li+.
    reaction : str
        From the material to the phases on the far side of the step (lower voltage: lithiated; higher: delithiated).
    lithium : float
        Li atoms taken up per formula unit since the material; negative where released.
    step : str
        The reaction of this plateau alone without spectators, lithiation written from left to right.
    step_lithium : float
        Li atoms per formula unit exchanged on this plateau, > 0.
    products : tuple of Product
        Phases on the far side, per formula unit.
    voltage_sigma : float
        V, one standard deviation of the voltage at the lithium content in the middle of this plateau.
    voltage_interval : (float, float)
        V, its 16th and 84th percentile.
    """

    voltage: float
    reaction: str
    lithium: float
    step: str
    step_lithium: float
    products: tuple[Product, ...]
    voltage_sigma: float
    voltage_interval: tuple[float, float]


@dataclass(frozen=True)
class WindowResult:
    """Window and ladder of one material on one phase set.

    Parameters
    ----------
    reduction, oxidation : Limit or None
        Ends of the window. No oxidation limit: no lithium to release. Reduction at 0 V means
        that nothing takes up lithium before the metal itself forms.
    ladder : tuple of LadderStep
        Rising voltage.
    energy_above_hull, energy_shift : float or None
        eV/atom; the shift (<= 0) by which the material was lowered. None without an own energy.
    published : tuple of (float or None)
        (reduction, oxidation) in V as printed elsewhere: shown beside, never used.
    """

    phase_set: str
    sha256: str
    material: str
    formula: str
    entry: str | None
    tier: Tier | None
    reduction: Limit
    oxidation: Limit | None
    ladder: tuple[LadderStep, ...]
    energy_above_hull: float | None
    energy_shift: float | None
    uncertainty: WindowUncertainty
    tiers: Mapping[str, Tier]
    note: str
    published: tuple[float | None, float | None] | None = None

    @property
    def width(self) -> float | None:
        """V; None where nothing limits oxidation by lithium release."""
        return None if self.oxidation is None else self.oxidation.voltage - self.reduction.voltage

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers under the keys of the command line's ``window --json``; voltages in V vs Li/Li+."""
        return {
            "phase_set": {"name": self.phase_set, "sha256": self.sha256},
            "material": self.material,
            "formula": self.formula,
            "entry": self.entry,
            "tier": self.tier,
            "reduction": self.reduction.voltage,
            "oxidation": self.oxidation.voltage if self.oxidation else None,
            "reduction_reaction": self.reduction.reaction,
            "oxidation_reaction": self.oxidation.reaction if self.oxidation else None,
            "ladder": [
                {
                    "voltage": s.voltage,
                    "voltage_sigma": s.voltage_sigma,
                    "voltage_interval": list(s.voltage_interval),
                    "reaction": s.reaction,
                    "lithium": round(s.lithium, 9),
                    "step": s.step,
                    "step_lithium": round(s.step_lithium, 9),
                }
                for s in self.ladder
            ],
            "energy_above_hull": self.energy_above_hull,
            "energy_shift": self.energy_shift,
            "uncertainty": self.uncertainty.to_json(),
            "tiers": dict(self.tiers),
            "note": self.note,
            "published": list(self.published) if self.published else None,
            "units": {
                "voltage": "V vs Li/Li+",
                "lithium": "Li per formula unit, positive where taken up",
                "energy": "eV/atom",
            },
        }


@dataclass(frozen=True)
class _Profile:
    """The lithium line of one material: kinks in the order of rising lithium content, all finite."""

    subject: Subject
    phases: Phases
    vertices: tuple[Vertex, ...]
    reference: float

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
        return write_reaction(
            [(1.0, self.subject.formula), (max(taken, 0.0), "Li")], [*right, (max(-taken, 0.0), "Li")]
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
        If the name or an element is unknown, the set has no lithium, the material is lithium, or the range is empty.
    CalculationError
        If the hull is degenerate.
    """
    require_samples(samples)
    if not voltages[0] < voltages[1]:
        raise InputError(
            f"the voltage range {voltages[0]} to {voltages[1]} V is empty: the first must be the lower one"
        )
    profile = _profile(phase_set.resolve(material), phase_set)
    reduction, oxidation = _limits(profile)
    plateaus = list(pairwise(profile.vertices))[::-1]
    uncertainty, spreads = _uncertainty(profile, plateaus, samples, seed)
    ladder = [profile.step(less, more, spread) for (less, more), spread in zip(plateaus, spreads, strict=True)]
    own = profile.subject.entry
    above = (
        None
        if own is None
        else settled(own.energy_per_atom - profile.phases.decompose(profile.subject.composition).energy)
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
    )


def _profile(subject: Subject, phase_set: PhaseSet) -> _Profile:
    if "Li" not in phase_set.elements:
        raise InputError(
            f"the phase set {phase_set.name} holds no lithium metal, the zero of the voltage; its elements: "
            f"{', '.join(phase_set.elements)}"
        )
    host = Composition({element: amount for element, amount in subject.composition.items() if element.symbol != "Li"})
    if not host:
        raise InputError(f"{subject.label} is lithium itself: a window needs another element")
    phases = Phases.of(phase_set, {"Li", *(element.symbol for element in host)})
    line = phases.tie_line(host, Composition("Li"))[::-1]
    return _Profile(subject, phases, line[:-1], line[-1].energy)


def _limits(profile: _Profile) -> tuple[Limit, Limit | None]:
    """Return the limits at the material's own lithium content, on the hull; beyond the last kink lithium metal forms,
    at 0 V."""
    own = profile.own_lithium
    less = [v for v in profile.vertices if profile.lithium(v) < own - _SAME_LITHIUM]
    here = [v for v in profile.vertices if abs(profile.lithium(v) - own) <= _SAME_LITHIUM]
    more = [v for v in profile.vertices if profile.lithium(v) > own + _SAME_LITHIUM]
    near = (here or less)[-1]
    if more:
        reduction = profile.limit(profile.voltage(near, more[0]), more[0])
    else:
        reduction = Limit(
            0.0,
            f"{profile.subject.formula} takes up no lithium above 0 V",
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
    metal = phases.hull_energies(np.tile(lithium, (samples, 1)), energies)
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
