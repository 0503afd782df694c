"""A run with its replicas and controls: analysed with one set of rules, and told as one document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pymatgen.core.composition import Composition

from ...configs.errors import InputError
from ...configs.load import CONFIGS
from ...configs.trust import trust_of
from ...structures.trajectories.frames import Frames
from ..thermodynamics.phase_set import PhaseSet
from .analyse import Motion, MotionSpec, analyse_motion
from .bond_cutoffs import Shell, choose_rules, described, first_shells, gap_notes, parse_cutoffs
from .bond_events import PERSISTENCE
from .bond_rules import HYSTERESIS
from .curves import Curves, motion_curves, pair_functions
from .event_rates import EventRate, event_rates
from .migration import Layers
from .species import SpeciesScore, species_score
from .survival import Survival, survival

__all__ = ["UNITS", "FrameSource", "MotionStudy", "Run", "StudySpec", "study_motion"]

UNITS = {
    "events": "times in fs as in the frames; atoms count from 0",
    "cutoffs": "Å",
    "rates": "per_area: events per nm² of interface and ps; expected, excess, sigma, limit: events",
    "drift": "meV/atom and K; slope and sigma per ps",
    "diffusivity": "value, sigma, interval, limit, kinisi, in_plane, normal, tensor: cm²/s; start, end, left_out: fs",
    "pair_functions": "r in Å",
    "msd": "lags in fs, Å²",
    "density_profile": "heights in Å, atoms per Å³",
    "area": "Å², of one interface",
}


class FrameSource(Protocol):
    """Where frames come from: files, or documents of the store."""

    @property
    def species(self) -> tuple[str, ...]:
        """Elements of the atoms."""

    @property
    def timestep_known(self) -> bool:
        """Whether times are times and not counts of steps."""

    @property
    def notes(self) -> list[str]:
        """What was found wrong or assumed; complete when the blocks were read."""

    def blocks(self) -> Iterator[Frames]:
        """The frames in their order, again with each call."""


@dataclass(frozen=True)
class Run:
    """A trajectory with its name."""

    name: str
    trajectory: FrameSource


@dataclass(frozen=True)
class StudySpec:
    """How runs are analysed; None stands for the standard value.

    Parameters
    ----------
    persistence, hysteresis : float or None
        fs; in units of the cut-off.
    cutoffs : tuple of str
        ``P-S=2.7``, Å.
    layers : Layers or None
        Of the run's atoms.
    pair : (str, str) or None
        Materials of the predicted reaction; the two layers where left out.
    tier : str
        What made the run.
    """

    persistence: float | None = None
    hysteresis: float | None = None
    cutoffs: tuple[str, ...] = ()
    layers: Layers | None = None
    pair: tuple[str, str] | None = None
    tier: str = "unknown"


@dataclass(frozen=True, eq=False)
class MotionStudy:
    """What happened in a run, beside its replicas and controls.

    Parameters
    ----------
    spec : StudySpec
    motion : Motion
    replicas, controls : tuple of (str, Motion)
    curves : Curves
        Pair functions, displacements and profile of the run.
    score : SpeciesScore or None
    notes : tuple of str
    timed : bool
        False where nothing tells the time step: then there are no diffusivities, and no events per time.
    """

    spec: StudySpec
    motion: Motion
    replicas: tuple[tuple[str, Motion], ...]
    controls: tuple[tuple[str, Motion], ...]
    curves: Curves
    score: SpeciesScore | None
    notes: tuple[str, ...]
    timed: bool = True

    @property
    def label(self) -> str:
        """The tier and what it means for the events."""
        return f"{self.spec.tier}: {trust_of(self.spec.tier).sentence}"

    def rates(self) -> list[EventRate]:
        """Of every kind of event, against the controls."""
        area = self.motion.area * self.motion.n_interfaces if self.motion.n_interfaces and self.timed else None
        return event_rates(self.motion.observed, [motion.observed for _, motion in self.controls], area)

    def survival(self) -> list[Survival]:
        """Of the units, over the run and its replicas."""
        return survival([self.motion.ledger, *(motion.ledger for _, motion in self.replicas)])

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers under the keys of ``dynamics --json``."""
        motion, ledger = self.motion, self.motion.ledger
        return {
            "n_frames": motion.n_frames,
            "n_atoms": len(motion.species),
            "formula": Composition({symbol: motion.species.count(symbol) for symbol in motion.species}).formula,
            "start": ledger.start,
            "end": ledger.end,
            "tier": self.spec.tier,
            "label": self.label,
            "persistence": ledger.persistence,
            "cutoffs": [rule.to_json() for rule in motion.spec.rules],
            "events": [event.to_json() for event in ledger.events],
            "counts": ledger.counts,
            "lasting": ledger.lasting,
            "rates": [rate.to_json() for rate in self.rates()],
            "area": motion.area,
            "interfaces": None
            if motion.interfaces is None
            else [{"lower": low, "upper": high, "gap": gap} for low, high, gap in motion.interfaces],
            "coordination": [shell.to_json() for shell in motion.coordination],
            "survival": [curve.to_json() for curve in self.survival()],
            "released_oxygen": [atom.to_json() for atom in motion.released],
            "migrants": None if motion.migrants is None else [atom.to_json() for atom in motion.migrants],
            "species": motion.found(),
            "score": None if self.score is None else self.score.to_json(),
            "drift": [one.to_json() for one in motion.drifts],
            **self.curves.to_json(),
            "controls": [_brief(name, one) for name, one in self.controls],
            "replicas": [_brief(name, one) for name, one in self.replicas],
            "units": UNITS,
            "notes": list(self.notes),
        }


def study_motion(
    run: Run,
    replicas: Sequence[Run],
    controls: Sequence[Run],
    spec: StudySpec,
    phase_set: PhaseSet,
    tell: Callable[[str], None] = lambda line: None,
) -> MotionStudy:
    """Analyse a run, its replicas and its controls.

    Parameters
    ----------
    run : Run
    replicas : sequence of Run
        Of the same cell.
    controls : sequence of Run
        Of the phases in bulk: their pair functions give the cut-offs, their events are subtracted.
    spec : StudySpec
    phase_set : PhaseSet
        Of the prediction.
    tell : callable
        Takes a line of progress.

    Raises
    ------
    InputError
        If a replica has other atoms, a cut-off or the layers do not belong to the atoms, or a trajectory cannot be
        used.
    """
    species = run.trajectory.species
    for replica in replicas:
        if replica.trajectory.species != species:
            raise InputError(
                f"{replica.name}: its {len(replica.trajectory.species)} atoms are not those of {run.name}; replicas "
                "start from one cell"
            )
    given = parse_cutoffs(spec.cutoffs, species)
    tell("pair functions, displacements and density profile")
    curves = motion_curves(run.trajectory.blocks(), species, spec.layers, timed=run.trajectory.timestep_known)
    shells = [_shells(control) for control in controls] + [curves.shells("the run itself")]
    rules = choose_rules(species, shells, given, HYSTERESIS if spec.hysteresis is None else spec.hysteresis)
    rules = described(rules, curves.functions, curves.numbers)

    def motion_of(one: Run, layers: Layers | None) -> Motion:
        tell(f"bond events of {one.name}")
        own = tuple(rule for rule in rules if set(rule.pair) <= set(one.trajectory.species))
        return analyse_motion(
            one.trajectory.blocks(),
            MotionSpec(own, PERSISTENCE if spec.persistence is None else spec.persistence, layers),
        )

    motion = motion_of(run, spec.layers)
    again = tuple((one.name, motion_of(one, spec.layers)) for one in replicas)
    bulk = tuple((one.name, motion_of(one, None)) for one in controls)
    notes = [*_notes(run, [*replicas, *controls], motion, with_control=bool(controls)), *gap_notes(rules)]
    score, pair = None, spec.pair or _materials(spec.layers)
    if pair is not None:
        try:
            score = species_score(motion.ledger, species, pair, phase_set)
        except InputError as error:
            if spec.pair is not None:
                raise
            notes.append(f"no comparison with predicted products: {error.message}")
    return MotionStudy(spec, motion, again, bulk, curves, score, tuple(notes), run.trajectory.timestep_known)


def _shells(control: Run) -> dict[tuple[str, str], Shell]:
    """First shells of a control."""
    trajectory = control.trajectory
    return first_shells(
        pair_functions(trajectory.blocks(), trajectory.species),
        Counter(trajectory.species),
        f"the control {control.name}",
    )


def _materials(layers: Layers | None) -> tuple[str, str] | None:
    """The two layers, where both are materials of the library."""
    if layers is None or len(layers.names) != 2:
        return None
    known = [(CONFIGS / "materials" / f"{name}.yaml").is_file() for name in layers.names]
    return (layers.names[0], layers.names[1]) if all(known) else None


def _brief(name: str, motion: Motion) -> dict[str, Any]:
    """What of a further run is told."""
    ledger = motion.ledger
    counts = {"counts": ledger.counts, "initial_bonds": ledger.initial_bonds()}
    return {
        "name": name,
        "n_frames": motion.n_frames,
        "n_atoms": len(motion.species),
        "start": ledger.start,
        "end": ledger.end,
        **counts,
    }


def _notes(run: Run, others: Sequence[Run], motion: Motion, *, with_control: bool) -> list[str]:
    notes = [*run.trajectory.notes, *(f"{other.name}: {note}" for other in others for note in other.trajectory.notes)]
    if motion.n_frames > 1:
        interval = motion.ledger.duration / (motion.n_frames - 1)
        if motion.ledger.persistence < 2 * interval:
            notes.append(
                f"frames are {interval:g} fs apart: hardly two of them see a change that must last "
                f"{motion.ledger.persistence:g} fs"
            )
    if not with_control:
        notes.append("no control run: the counts hold what the bulk would show too, and the cut-offs are the run's own")
    return notes
