"""What the page of calibration is written from: the jobs, and what their documents say, as plain rows.

The jobs are those of ``calibration.yaml`` and forces on frames of molecular dynamics; all are kept in a store, so that
a run that was ended goes on. The rows go to ``calibration.json`` with what made them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jobflow import Flow, Job
from pymatgen.core.structure import Structure

from ...analysis.cells.lattice import lattice_table
from ...analysis.report.case import Case, read_case
from ...analysis.report.chapters.interface import INTERFACES
from ...analysis.report.chapters.oxygen import OXYGEN_LOSS
from ...analysis.thermodynamics.formation import formation_energy, formation_table, measurements
from ...analysis.thermodynamics.phase_set import PhaseSet, parse_formula
from ...configs.constants import J_PER_M2
from ...configs.load import material
from ...configs.models import Method
from ...configs.trust import trust_of
from ...hpc.commands.output import narrate_event
from ...hpc.run.campaign import read_plan, run_campaign, save_campaign
from ...hpc.run.local import run_flow
from ...hpc.store.campaign_store import CampaignStore
from ...hpc.store.ledger import job_record
from ...structures.crystals.cells import calculation_cell
from ...structures.crystals.crystal import conventional
from ...workflows.documents import CalculationDocument, Signature
from ...workflows.engines.engine import Engine
from ...workflows.engines.tasks import MolecularDynamics, Static
from ...workflows.identity import content_address, iter_jobs
from ...workflows.phases.corrections import mp2020_correction
from ...workflows.plan.builder import Plan

__all__ = [
    "POTENTIALS",
    "RECIPE",
    "Rows",
    "collect",
    "compute",
    "correction_of",
    "force_components",
    "formation_energies",
    "reference_energies",
    "voltage",
]

Rows = Sequence[Mapping[str, Any]]

RECIPE = Path(__file__).with_name("calibration.yaml")
#: the recipe's committee, and who relaxes the crystals besides
POTENTIALS = ("chgnet", "chgnet-r2scan", "sevennet")
_CRYSTALS_ALONE = "chgnet-r2scan"


@dataclass(frozen=True)
class _Motion:
    """A small crystal that CHGNet moves, and the level of theory of GPAW on its frames."""

    material: str
    kpoints: tuple[int, int, int]
    hubbard_u: Mapping[str, float]
    spin_polarized: bool
    settings: Mapping[str, Any] = field(default_factory=dict)


#: cobalt is low spin in LiCoO2, which needs no spin polarisation
_MOVED = (
    _Motion("LCO", (3, 3, 3), {"Co": 3.9}, False),
    _Motion("Li2CO3", (2, 2, 2), {}, False),
    _Motion("LPSCl", (2, 2, 2), {}, False),
    # from moments × 1.1 the first frame had not converged in 174 iterations, 10 meV per cell above that from × 0.9
    _Motion("CoO", (3, 3, 3), {"Co": 3.9}, True, {"moment_scales": [0.9]}),
)
#: eV; forces of GPAW's setups are converged there
_CUTOFF = 600.0
#: 0.2 ps at 600 K; the frames at its middle and end
_TASK = MolecularDynamics(n_steps=100, timestep=2.0, temperature=600.0, frame_interval=50, seed=1)


def compute(store: CampaignStore, *, forces: bool = True) -> None:
    """Run every job that has no result yet, one after the other.

    Parameters
    ----------
    store : CampaignStore
    forces : bool
        GPAW's forces too, which take most of the time.
    """
    for plan in _plans():
        run_campaign(store, plan, narrate_event, workers=1)
    if forces:
        list(_force_rows(store, missing=True))


def _plans() -> Iterator[Plan]:
    """The recipe's parts in the order of their worth."""
    for engine, only in ((None, "oxygen_loss"), (None, "interface"), (None, "bulk"), (_CRYSTALS_ALONE, "bulk")):
        yield read_plan(str(RECIPE), engine, only, full=True)


def collect(store: CampaignStore) -> dict[str, Any]:
    """Return what the finished jobs say, as plain rows with what made them; what a run that was ended did not enter is
    entered into the campaign before."""
    for plan in _plans():
        save_campaign(store, plan, [])
    records = store.records()
    found = [
        (entry, document)
        for entry, document in records.documents("calibration", "bulk")
        if document.kind == "relax" and document.tier in POTENTIALS
    ]
    case = read_case(records, "calibration", arrays=False)
    members = {case.member: case, **case.committee}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m catholyte.docs.pages.calibration --compute STORE",
        "signatures": {document.tier: _plain(document.signature) for _, document in found},
        "crystals": [_crystal(entry.plan["key"], document) for entry, document in found],
        "vacancies": [row for name, one in members.items() for row in _vacancies(name, one)],
        "stacks": [row for name, one in members.items() for row in _stacks(name, one)],
        "forces": list(_force_rows(store, missing=False)),
    }


def _plain(signature: Signature) -> dict[str, Any]:
    return signature.model_dump(mode="json", exclude_defaults=True)


def _crystal(key: str, document: CalculationDocument) -> dict[str, Any]:
    """Energy and lattice of one relaxed crystal."""
    rows = lattice_table(document, material(document.label))
    return {
        "material": document.label,
        "tier": document.tier,
        "formula": document.structure.composition.remove_charges().reduced_formula,
        "n_atoms": document.n_sites,
        "energy": round(document.energy_per_atom, 6),
        "correction": correction_of(document),
        "lattice": {row.parameter: [round(row.computed, 4), round(row.experimental, 4)] for row in rows},
        "seconds": round(document.provenance.wall_seconds, 1),
        "job": key,
    }


def correction_of(document: CalculationDocument) -> float | None:
    """Return what puts an energy on the MP2020 scale, eV/atom; None for a scale that cannot be put on it.

    That of :func:`..workflows.phases.corrections.mp2020_correction`, with the oxidation states of the library's
    crystal.
    """
    if not trust_of(document.tier).phase_set_elements:
        return 0.0 if "MP2020-corrected" in document.signature.functional else None
    structure = document.structure.copy()
    structure.remove_oxidation_states()
    structure.add_oxidation_state_by_element(_states(document.label))
    return round(mp2020_correction(structure)[0], 6)


def _states(name: str) -> dict[str, float]:
    """Mean oxidation state of each element of a library crystal."""
    found: dict[str, list[tuple[float, float]]] = {}
    for species, amount in conventional(material(name)).composition.items():
        found.setdefault(species.symbol, []).append((float(getattr(species, "oxi_state", 0) or 0), float(amount)))
    return {symbol: sum(q * n for q, n in all_of) / sum(n for _, n in all_of) for symbol, all_of in found.items()}


def _vacancies(member: str, case: Case) -> Iterator[dict[str, Any]]:
    loss = OXYGEN_LOSS.results(case)
    for result in loss.results if loss else ():
        for rung in result.sampled.rungs if result.sampled else ():
            voltage = None if result.curve is None else round(result.curve.average, 4)
            yield {
                "material": result.label,
                "tier": member,
                "lithium": round(rung.x, 4),
                "energy": round(rung.lowest, 4),
                "voltage": voltage,
            }


def _stacks(member: str, case: Case) -> Iterator[dict[str, Any]]:
    """γ of each stack against crystals strained alike, and against free ones, J/m²."""
    found = INTERFACES.results(case)
    for name, one in (found.energies if found else {}).items():
        energies = one.energies
        if energies.interface is None or len(energies.strain) < 2:
            continue
        strain = sum(energies.strain.values()) / energies.n_interfaces
        yield {
            "system": name,
            "tier": member,
            "n_atoms": one.stack.n_sites,
            "strained": round(J_PER_M2 * energies.interface, 4),
            "free": round(J_PER_M2 * (energies.interface + strain), 4),
        }


def _force_rows(store: CampaignStore, *, missing: bool) -> Iterator[dict[str, Any]]:
    """Forces of every engine on the frames of each crystal; `missing` ones are computed."""
    for moved in _MOVED:
        cell = calculation_cell(material(moved.material))
        motion = _documents(store, [Engine("chgnet").maker(_TASK).job_for(cell, moved.material)], missing=missing)
        if not motion or motion[0].trajectory is None:
            continue
        frames = list(_frames(motion[0]))
        level = Method(
            hubbard_u=dict(moved.hubbard_u),
            cutoff=_CUTOFF,
            kpoints=moved.kpoints,
            spin_polarized=moved.spin_polarized,
        )
        engines = {
            "gpaw": Engine("gpaw", {"processes": 1, **moved.settings}),
            **{name: Engine(name) for name in POTENTIALS},
        }
        for number, frame in frames:
            jobs = {
                name: engine.maker(Static(method=level if name == "gpaw" else None)).job_for(frame, moved.material)
                for name, engine in engines.items()
            }
            documents = _documents(store, list(jobs.values()), missing=missing)
            by_tier = {document.tier: document for document in documents}
            if len(by_tier) < len(engines):
                continue
            reference = np.array(by_tier["gpaw"].forces)
            for name in POTENTIALS:
                away = np.array(by_tier[name].forces) - reference
                yield {
                    "material": moved.material,
                    "time": number * _TASK.timestep,
                    "tier": name,
                    "elements": [site.specie.symbol for site in frame],
                    "gpaw": reference.round(4).tolist(),
                    "forces": np.array(by_tier[name].forces).round(4).tolist(),
                    "rms": round(float(np.sqrt((away**2).mean())), 4),
                }


def _frames(motion: CalculationDocument) -> Iterator[tuple[int, Structure]]:
    """Number of the step and structure of each frame but the first, which is the crystal."""
    trajectory = motion.trajectory
    assert trajectory is not None
    start = motion.initial_structure
    for k in range(1, len(trajectory.positions)):
        kept = {key: value for key, value in start.site_properties.items() if key != "velocities"}
        frame = Structure(
            trajectory.cells[k],
            start.species_and_occu,
            trajectory.positions[k],
            coords_are_cartesian=True,
            site_properties=kept,
        )
        yield k * _TASK.frame_interval, frame


def _documents(store: CampaignStore, jobs: list[Job], *, missing: bool) -> list[CalculationDocument]:
    """Documents of jobs in their order, those that are missing computed or left out."""
    addressed, renamed = content_address(Flow(jobs))
    if missing:
        run_flow(
            store, addressed, [job_record(job.uuid, 1, job.name) for job in iter_jobs(addressed)], narrate_event, 1
        )
    read = store.records()
    uuids = [renamed[job.uuid] for job in jobs]
    return [
        document
        for uuid, stored in read.stored(uuids, arrays=True)
        if stored is not None and isinstance(document := read.read(uuid, stored, arrays=True), CalculationDocument)
    ]


# --- what the page computes of the rows


def formation_energies(rows: Rows, phases: PhaseSet) -> dict[str, dict[str, float]]:
    """Tier to material to energy of formation on the MP2020 scale, eV/atom, from the elements of the phase set."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        composition = parse_formula(row["formula"])
        if row["correction"] is None or len(composition) == 1:
            continue
        known = {element.symbol: phases.entry_for(element.symbol) for element in composition}
        if any(entry is None for entry in known.values()):
            continue
        elements = sum(n * known[el.symbol].energy_per_atom for el, n in composition.items()) / composition.num_atoms  # type: ignore[union-attr]
        found.setdefault(row["tier"], {})[row["material"]] = row["energy"] + row["correction"] - elements
    return found


def reference_energies(rows: Rows, phases: PhaseSet) -> dict[str, tuple[float | None, float | None]]:
    """Material to measured and public energy of formation, eV/atom."""
    measured = {
        parse_formula(row.formula).reduced_formula: row.measured
        for row in formation_table(phases, measurements())
        if row.state == "crystal"
    }
    found = {}
    for row in rows:
        reduced = parse_formula(row["formula"]).reduced_formula
        entry = phases.entry_for(row["formula"])
        public = None
        if entry is not None and entry.tier == "vasp" and entry.material == row["material"]:
            public = formation_energy(entry, phases)
        found[row["material"]] = (measured.get(reduced), public)
    return found


def voltage(tiers: Mapping[str, Mapping[str, Any]], pair: tuple[str, str], lithium: float) -> float:
    """V vs Li/Li+ of two rows of one tier, eV per lithium."""
    full, empty = (tiers[name] for name in pair)
    whole, rest = (parse_formula(row["formula"]) for row in (full, empty))
    metals = {el.symbol: n for el, n in whole.items() if el.symbol != "Li"}
    host = next(iter(metals))
    scale = whole[host] / rest[host]
    n = float(whole["Li"] - scale * rest["Li"])
    energy = full["energy"] * whole.num_atoms - scale * empty["energy"] * rest.num_atoms
    return -(energy - n * lithium) / n


def force_components(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Force components of GPAW and of the potential."""
    return [
        (a, b) for mine, other in zip(row["gpaw"], row["forces"], strict=True) for a, b in zip(mine, other, strict=True)
    ]
