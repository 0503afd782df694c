"""Chapter on molecular dynamics, and the tables and figures of one analysed run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ....configs.trust import trust_of
from ....workflows.comparison_documents import ForceComparison
from ...figures.curves import density_figure, msd_figure, pair_figure
from ...figures.motion import (
    coordination_figure,
    drift_figure,
    events_figure,
    survival_figure,
)
from ...motion.force_differences import ForceDifferences, force_differences
from ...motion.stored import StoredRuns, stored_runs, study_stored
from ...motion.study import MotionStudy
from ..case import Case
from ..chapter import Chapter, Problems
from ..content import Answer, Block, Column, KeyNumber, Picture, Table, Text
from ..quantities.answers import told
from ..quantities.motion import MOTION_QUANTITIES
from ..quantities.parting import force_blocks, partings

__all__ = ["MOTION", "motion_pictures", "motion_tables"]

_NO_WORD = r"\W+"
_HYPOTHESIS = "Events of machine-learned dynamics are hypotheses: the model was not trained on such interfaces."


def motion_tables(study: MotionStudy) -> list[Table]:
    """Return the tables of one run: events, rates, cut-offs, shells, survival, migration, species, drift; series as CSV
    only.

    Parameters
    ----------
    study : MotionStudy
    """
    told = study.to_json()
    warning = f" {_HYPOTHESIS}" if trust_of(study.spec.tier).learned else ""
    events = [{**event, "first": event["atoms"][0], "second": event["atoms"][1]} for event in told["events"]]
    species = [
        {"at": at, "species": formula, "number": number}
        for at, found in told["species"].items()
        for formula, number in found.items()
    ]
    whole = [{**curve, "left": curve["fraction"][-1]} for curve in told["survival"]]
    gone = [
        {**atom, "how": "lost its metals", "to": " ".join(f"{n} {s}" for s, n in atom["partners"].items())}
        for atom in told["released_oxygen"]
    ]
    gone += [{**atom, "how": f"left {atom['layer']}"} for atom in told["migrants"] or []]
    tables = [
        Table(
            "event_rates",
            "Bond events",
            _columns(RATES),
            told["rates"],
            f"A change counts if it lasts {told['persistence']:g} fs.{warning}",
        ),
        Table("events", "Every bond event", _columns(EVENTS), events, "Atoms count from 0.", shown=False),
        Table("bond_cutoffs", "Cut-offs", _columns(CUTOFFS), told["cutoffs"]),
        Table("coordination", "Neighbours", _columns(SHELLS), [one for one in told["coordination"] if one["mean"] > 0]),
        Table("survival", "Survival of units", _columns(SURVIVAL), whole),
        Table("species", "Molecules and complex ions", _columns(SPECIES), species),
        Table("departures", "Atoms that left", _columns(DEPARTURES), gone),
        Table("drift", "Drift", _columns(DRIFT), told["drift"]),
        Table(
            "diffusivity",
            "Self-diffusion",
            _columns(DIFFUSION),
            [_powers(row) for row in told["diffusivity"]],
            "Line with an intercept through the mean square displacements, σ from the spread of the atoms; the first "
            "tenth of the run is left out; kinisi: median of its samples.",
        ),
    ]
    return [table for table in tables if table.rows]


_Described = tuple[tuple[Any, ...], ...]

#: key of the rows, title, decimals
RATES: _Described = (
    ("kind", "bond event"),
    ("count", "count", 0),
    ("lasting", "lasting", 0),
    ("control", "in the control", 0),
    ("expected", "expected from it", 2),
    ("excess", "excess", 2),
    ("sigma", "σ of the excess", 2),
    ("limit", "at most, 95 %", 2),
    ("per_area", "per nm² and ps", 4),
)
EVENTS: _Described = (
    ("kind", "bond event"),
    ("first", "first atom"),
    ("second", "second atom"),
    ("formed", "formed (fs)", 1),
    ("broken", "broken (fs)", 1),
)
CUTOFFS: _Described = (
    ("pair", "pair"),
    ("cutoff", "cut-off (Å)", 2),
    ("form", "forms below (Å)", 2),
    ("broken", "breaks above (Å)", 2),
    ("source", "from"),
)
SHELLS: _Described = (
    ("pair", "pair"),
    ("n_centers", "centres"),
    ("first", "first frame", 2),
    ("mean", "mean", 2),
    ("last", "last frame", 2),
    ("mean_distortion", "distortion of the shells", 3),
)
SURVIVAL: _Described = (
    ("unit", "unit"),
    ("n_units", "at the beginning"),
    ("n_lost", "lost"),
    ("left", "share left", 3),
    ("median", "half lost after (fs)", 0),
)
SPECIES: _Described = (("at", "at the"), ("species", "species"), ("number", "number"))
DEPARTURES: _Described = (
    ("atom", "atom"),
    ("element", "element"),
    ("how", "what happened"),
    ("time", "since (fs)", 0),
    ("distance", "beyond by (Å)", 1),
    ("to", "bonded to"),
)
DRIFT: _Described = (
    ("quantity", "quantity"),
    ("mean", "mean", 2),
    ("std", "standard deviation", 2),
    ("slope", "slope per ps", 3),
    ("sigma", "σ of the slope", 3),
    ("unit", "unit"),
)

DIFFUSION: _Described = (
    ("species", "element"),
    ("layer", "layer"),
    ("n_atoms", "atoms"),
    ("value", "D (cm²/s)"),
    ("sigma", "σ (cm²/s)"),
    ("limit", "at most (cm²/s)"),
    ("kinisi", "by kinisi (cm²/s)"),
    ("in_plane", "in the plane of a and b (cm²/s)"),
    ("normal", "along its normal (cm²/s)"),
    ("exponent", "exponent of the lag", 2),
    ("note", "note"),
)


def _powers(row: dict[str, Any]) -> dict[str, Any]:
    """A diffusivity with its small numbers in powers of ten."""
    powers = ("value", "sigma", "limit", "kinisi", "in_plane", "normal")
    return {**row, **{key: None if row[key] is None else f"{row[key]:.2e}" for key in powers}}


def _columns(described: _Described) -> tuple[Column, ...]:
    return tuple(
        Column(key, title, digits[0] if digits else None, chemical=key in ("species", "unit"))
        for key, title, *digits in described
    )


def motion_pictures(study: MotionStudy) -> list[Picture]:
    """Return the figures of one run; what it has no numbers for is left out.

    Parameters
    ----------
    study : MotionStudy
    """
    motion, tier = study.motion, study.spec.tier
    controls = [one for _, one in study.controls]
    found = [Picture("bond_events", events_figure(motion, tier, controls), "Bonds that broke and formed, over time.")]
    if any(shell.mean.any() for shell in motion.coordination):
        found.append(
            Picture(
                "coordination",
                coordination_figure(motion.coordination, tier),
                "Neighbours of each cation over time and their distribution.",
            )
        )
    whole = study.survival()
    if whole:
        found.append(
            Picture(
                "survival", survival_figure(whole, tier), "Share of the units of the first frame that are still whole."
            )
        )
    if motion.drifts:
        found.append(
            Picture("drift", drift_figure(motion, tier), "Energy and temperature over time with fitted slopes.")
        )
    curves, ledger = study.curves, motion.ledger
    if ledger.rules:
        bonds = {
            rule.name: max(ledger.initial_bonds()[rule.name], ledger.final_bonds()[rule.name]) for rule in ledger.rules
        }
        found.append(
            Picture(
                "pair_functions",
                pair_figure(curves, ledger.rules, bonds, tier),
                "Partial pair functions with the cut-offs of bonds.",
            )
        )
    found.append(
        Picture("msd", msd_figure(curves, tier), "Mean square displacement of each element, of all atoms and by layer.")
    )
    found.append(
        Picture(
            "density_profile",
            density_figure(curves, tier, motion.extents),
            "Atoms of each element along the normal of the interface.",
        )
    )
    return found


@dataclass(frozen=True)
class Studies:
    """Every trajectory of a campaign.

    Parameters
    ----------
    labels : sequence of str
        Runs that are no controls.
    learned : bool
        Whether a machine-learned potential moved one of them.
    studies : mapping of str to MotionStudy
        By label, those that could be analysed.
    problems : Problems
    forces : sequence of ForceDifferences
        Of each run that another member of a committee was asked about.
    totals : bool
        Whether the number of all events is a key number: of a committee, one member may see a kind that another does
        not.
    """

    labels: Sequence[str]
    learned: bool
    studies: Mapping[str, MotionStudy]
    problems: Problems
    forces: Sequence[ForceDifferences] = ()
    totals: bool = False


def _failed(label: str) -> str:
    return f"{label}: its trajectory cannot be analysed"


def _evaluate(case: Case, runs: StoredRuns) -> Studies:
    labels = [label for label, replicas in runs.items() if not replicas[0][1].is_control]
    tiers = {run.documents[0].tier for replicas in runs.values() for _, run in replicas}
    studies, problems = {}, Problems()
    for label in labels:
        with problems.attempt(_failed(label)):
            studies[label] = study_stored(runs, label)
    compared = [found for found in case.others.values() if isinstance(found, ForceComparison)]
    asked = sorted({(one.label, one.second, one.replica) for one in compared if one.label in labels})
    forces = [force_differences(compared, *one) for one in asked]
    learned = any(trust_of(tier).learned for tier in tiers)
    return Studies(labels, learned, studies, problems, forces, totals=bool(case.member))


def _blocks(found: Studies) -> list[Block]:
    blocks: list[Block] = [Text(_HYPOTHESIS, "note")] if found.learned else []
    for label in found.labels:
        if label in found.studies:
            blocks += _study_blocks(label, found.studies[label])
            blocks += force_blocks([one for one in found.forces if one.label == label], found.studies[label])
        else:
            blocks.append(found.problems.text(_failed(label)))
    return blocks


def _numbers(found: Studies) -> list[KeyNumber]:
    totals = [
        KeyNumber(
            f"{label}: bond events of all kinds in {study.motion.ledger.duration / 1000:g} ps",
            float(len(study.motion.ledger.events)),
            "events",
            0,
            study.spec.tier,
            f"{study.motion.n_frames} frames",
            math.sqrt(len(study.motion.ledger.events)),
            "1σ of counting statistics",
        )
        for label, study in found.studies.items()
        if found.totals
    ]
    return totals + [
        KeyNumber(
            f"{label}: {rate.kind} in {study.motion.ledger.duration / 1000:g} ps",
            rate.count if rate.excess is None else rate.excess,
            "events" if rate.excess is None else "events above the control",
            1,
            study.spec.tier,
            f"{study.motion.n_frames} frames",
            rate.sigma,
            "1σ of counting statistics" if rate.sigma is not None else "",
        )
        for label, study in found.studies.items()
        for rate in study.rates()
        if rate.count
    ]


def _study_blocks(label: str, study: MotionStudy) -> list[Block]:
    """Tables, figures and notes of one run."""
    stem = re.sub(_NO_WORD, "_", label)
    return [
        Text(label, "heading"),
        *(replace(picture, name=f"{stem}_{picture.name}") for picture in motion_pictures(study)),
        *(
            replace(table, name=f"{stem}_{table.name}", title=f"{label}: {table.title}")
            for table in motion_tables(study)
        ),
        *(Text(f"{label}: {note}", "note") for note in study.notes),
    ]


def _answer(found: Studies) -> Answer | None:
    """The kinds of event that are most beyond their error, of the run that shows most."""
    numbers = sorted(_numbers(found), key=lambda key: -abs(key.value or 0.0) / (key.uncertainty or 1.0))
    label = next((label for label in found.studies if numbers and numbers[0].quantity.startswith(f"{label}:")), "")
    return told(numbers, f"{re.sub(_NO_WORD, '_', label)}_bond_events")


MOTION = Chapter(
    "dynamics",
    "Bonds in motion",
    "The recipe has no finished molecular dynamics.",
    lambda case: (
        stored_runs(found.document for found in case.finished if found.entry.plan["step"] != "conductivity") or None
    ),
    _evaluate,
    _blocks,
    _numbers,
    quantities=MOTION_QUANTITIES,
    step="interface",
    answer=_answer,
    extrapolates=lambda found: partings(found.forces, found.studies),
)
