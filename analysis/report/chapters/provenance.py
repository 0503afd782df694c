"""Chapters on settings and provenance: what was asked for, what was in force, who computed it where, from which
data."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ....configs.load import load_materials
from ....configs.trust import trust_of
from ...thermodynamics.phase_set import PhaseSet, load_phase_set
from ..case import Case, job_link
from ..chapter import Chapter, Problems
from ..columns import CUTOFF, ELEMENT, HUBBARD_U, KIND, LICENCE, MATERIAL, N_ATOMS, SOURCE, TIER
from ..content import Block, Column, Table, Text

__all__ = ["PROVENANCE", "SETTINGS"]

_VERSION = Column("version", "version")
_VALUE = Column("value", "value")
_STATE = Column("state", "state")
_JOB_KEY = Column("job", "key")
_JOB_NAME = Column("name", "job")
_ENGINE = Column("engine", "engine")
_JOBS = Column("jobs", "jobs")
_SETTING = Column("setting", "setting")

_PACKAGES = ("catholyte", "numpy", "scipy", "pymatgen", "matplotlib", "jobflow", "maggma", "pydantic")


def _settings(case: Case) -> list[Block]:
    """What the source states, what it leaves open, and every engine setting that was in force."""
    blocks: list[Block] = []
    recipe = case.recipe
    if recipe.stated:
        columns = [_SETTING, _VALUE]
        blocks.append(
            Table(
                "settings_stated",
                "Stated in the source",
                columns,
                [s.model_dump() for s in recipe.stated],
                f"Source: {recipe.source}",
            )
        )
    if recipe.choices:
        columns = [_SETTING, Column("value", "choice"), Column("reason", "reason")]
        blocks.append(
            Table(
                "settings_chosen",
                "Not stated in the source: choices of this recipe",
                columns,
                [c.model_dump() for c in recipe.choices],
            )
        )
    if recipe.hubbard_u:
        rows = [{"element": element, "u": value} for element, value in recipe.hubbard_u.items()]
        blocks.append(Table("settings_u", "Dudarev U of the recipe", (ELEMENT, Column("u", "U (eV)", 2)), rows))
    blocks += _arrangements(case)
    if recipe.bulk is None and recipe.electronic is None:
        blocks.append(Text("The recipe needs no engine: everything is evaluated from its phase set."))
    elif case.finished:
        blocks += [_signatures(case), _in_force(case)]
    else:
        blocks.append(Text("No job is finished, so no engine setting was in force yet.", "problem"))
    return blocks


def _arrangements(case: Case) -> list[Table]:
    """What crystals of partial occupancies owe to the choice among their arrangements."""
    names = dict.fromkeys(str(entry.plan["material"]) for entry in case.entries)
    rows = [
        {"material": name, **found.arrangements.model_dump(), "low": found.arrangements.volume[0]}
        | {"high": found.arrangements.volume[1], "spread": found.arrangements.spread}
        for name, found in load_materials(names).items()
        if found.arrangements is not None
    ]
    if not rows:
        return []
    columns = (
        MATERIAL,
        Column("n", "arrangements", 0),
        Column("electrostatic", "range of electrostatic energy (eV/cell)", 2),
        Column("energy", "range of relaxed energy (meV/atom)", 1),
        Column("low", "volume from (Å³/atom)", 2),
        Column("high", "to (Å³/atom)", 2),
        Column("spread", "range of volume (%)", 1),
        SOURCE,
    )
    note = (
        "Calculations take the arrangement of lowest electrostatic energy. Energy does not choose among them, and the "
        "volumes and strains of relaxed cells carry the choice."
    )
    return [Table("arrangements", "Arrangements of partial occupancies", columns, rows, note)]


def _signatures(case: Case) -> Table:
    rows: dict[str, dict[str, Any]] = {}
    for found in case.finished:
        signature = found.document.signature.model_dump()
        u = ", ".join(f"{element} {value:g}" for element, value in signature.pop("hubbard_u").items()) or "none"
        about = {"tier": found.document.tier, **signature, "u": u}
        rows.setdefault(json.dumps(about, sort_keys=True), {**about, "jobs": []})["jobs"].append(
            found.entry.plan["name"]
        )
    columns = (
        TIER,
        _ENGINE,
        _VERSION,
        Column("functional", "functional"),
        HUBBARD_U,
        Column("potentials", "potentials or weights"),
        CUTOFF,
        Column("kpoint_density", "k points × atoms", 0),
        Column("smearing", "smearing"),
        Column("real_space_projection", "real-space projection"),
        _JOBS,
    )
    joined = [{**row, "jobs": "; ".join(row["jobs"])} for row in rows.values()]
    note = (
        "Energies whose signatures differ are never subtracted. The k-point density is reported, not compared; U "
        "is compared over the elements that two cells share."
    )
    return Table("signatures", "Energy signatures", columns, joined, note)


def _in_force(case: Case) -> Table:
    """Every setting of every kind of job: one row for each value that occurs."""
    groups: dict[tuple[str, str], dict[tuple[str, str], list[str]]] = {}
    totals: Counter[tuple[str, str]] = Counter()
    for found in case.finished:
        kind = found.document.tier, found.document.kind
        totals[kind] += 1
        for key, value in _flat(found.document.settings):
            groups.setdefault(kind, {}).setdefault((key, value), []).append(found.entry.plan["name"])
    rows = [
        {
            "tier": kind[0],
            "kind": kind[1],
            "setting": key,
            "value": value,
            "jobs": "all" if len(jobs) == totals[kind] else "; ".join(jobs),
        }
        for kind, values in groups.items()
        for (key, value), jobs in sorted(values.items(), key=lambda item: item[0][0])
    ]
    columns = (
        TIER,
        KIND,
        _SETTING,
        _VALUE,
        _JOBS,
    )
    return Table("settings_in_force", "Every engine setting in force", columns, rows)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield (
                f"{prefix}{key}",
                value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False),
            )


def _provenance(case: Case) -> list[Block]:
    """Jobs, phase sets with their sources and licences, and package versions."""
    blocks: list[Block] = [Text(sentence, "problem") for sentence in case.campaign.get("skipped", [])]
    blocks += (
        [_jobs(case), *_imported(case), _failures(case)]
        if case.entries
        else [Text("The campaign has no job: its steps are evaluated from the phase set alone.")]
    )
    steps = (case.recipe.reactions, case.recipe.windows, case.recipe.volumes, case.recipe.screen)
    names = dict.fromkeys(step.phase_set for step in steps if step is not None)
    for name in names:
        problems = Problems()
        with problems.attempt(f"The phase set {name} cannot be read"):
            blocks += _phase_tables(load_phase_set(name))
        blocks += problems.texts
    blocks.append(_packages(case))
    return blocks


def _jobs(case: Case) -> Table:
    versions = {
        f.entry.plan["key"]: ", ".join(f"{k} {v}" for k, v in f.document.provenance.versions.items())
        for f in case.finished
    }
    rows = []
    for entry in case.entries:
        row = {
            **entry.row(),
            "job": job_link(entry),
            "anchor": f"job-{job_link(entry)}",
            "versions": versions.get(entry.plan["key"]),
        }
        rows.append({**row, "started": str(row["started"] or "").replace("T", " ")[:19] or None})
    columns = (
        _JOB_NAME,
        _JOB_KEY,
        _STATE,
        _ENGINE,
        TIER,
        N_ATOMS,
        Column("host", "host"),
        Column("started", "started (UTC)"),
        Column("wall_seconds", "wall time (s)", 1),
        Column("attempts", "attempts"),
        Column("versions", "versions"),
    )
    return Table("jobs", "Jobs", columns, rows, "Reused: found finished in the store when the campaign was run last.")


def _imported(case: Case) -> list[Table]:
    """Results that were computed elsewhere: their files, and what wrote these."""
    rows = []
    for found in case.finished:
        told = found.document.provenance
        if (origin := told.imported) is not None:
            rows.append(
                {
                    "name": found.entry.plan["name"],
                    "path": origin.path,
                    "sha256": origin.sha256,
                    "version": found.document.signature.version,
                    "label": f"{trust_of(found.document.tier).label}, imported",
                    "notes": "; ".join(origin.notes),
                }
            )
    if not rows:
        return []
    columns = (
        _JOB_NAME,
        Column("label", "computed with"),
        _VERSION,
        Column("path", "files"),
        Column("sha256", "SHA-256 of the output"),
        Column("notes", "notes"),
    )
    note = "Held to the settings of their jobs like computed ones; when they ran, their files tell, and not where."
    return [Table("imported", "Imported results", columns, rows, note)]


def _failures(case: Case) -> Block:
    """Jobs without a result with their causes, evidence included."""
    done = case.answered
    rows = []
    for entry in case.entries:
        if entry.plan["key"] not in done:
            cause = entry.record.get("cause") or {}
            evidence = " | ".join(str(line) for line in cause.get("evidence", []))
            rows.append(
                {
                    "name": entry.plan["name"],
                    "job": job_link(entry),
                    "state": entry.state,
                    "why": case.why(entry),
                    "evidence": evidence,
                }
            )
    if not rows:
        return Text("Every job of the campaign is finished.")
    columns = (
        _JOB_NAME,
        _JOB_KEY,
        _STATE,
        Column("why", "why"),
        Column("evidence", "evidence"),
    )
    return Table("jobs_without_result", "Jobs without a result", columns, rows)


def _phase_tables(phases: PhaseSet) -> list[Block]:
    about = [
        {"key": "name", "value": f"{phases.name}, version {phases.version}"},
        {"key": "SHA-256", "value": phases.sha256},
        {"key": "description", "value": phases.description},
        {"key": "energy scale", "value": phases.scale},
        {"key": "elements", "value": ", ".join(phases.elements)},
        {"key": "entries", "value": str(len(phases.entries))},
    ]
    tiers = list(dict.fromkeys(entry.tier for entry in phases.entries))
    rows = []
    for key, source in phases.sources.items():
        counts = Counter(entry.tier for entry in phases.entries if entry.source == key)
        rows.append({"key": key, **source.model_dump(), **{str(tier): counts[tier] for tier in tiers}})
    columns = (
        Column("key", "source"),
        Column("citation", "citation"),
        LICENCE,
        Column("url", "address"),
        *(Column(tier, f"entries, tier {tier}") for tier in tiers),
    )
    entry_columns = tuple(
        Column(key, title)
        for key, title in (
            ("id", "entry"),
            ("formula", "formula"),
            ("space_group", "space group"),
            ("energy_per_atom", "energy (eV/atom)"),
            ("error", "error, 1σ (eV/atom)"),
            ("tier", "tier"),
            ("source", "source"),
            ("license", "licence"),
            ("note", "note"),
        )
    )
    entries = [{**entry.model_dump(), "license": phases.sources[entry.source].license} for entry in phases.entries]
    return [
        Table(
            f"phase_set_{phases.name}",
            f"Phase set {phases.name}",
            (Column("key", "what"), _VALUE),
            about,
        ),
        Table(
            f"phase_sources_{phases.name}",
            "Its sources and licences",
            columns,
            rows,
            "All entries stand in the CSV file of the entries.",
        ),
        Table(f"phase_entries_{phases.name}", "Its entries", entry_columns, entries, shown=False),
    ]


def _packages(case: Case) -> Table:
    """Packages that wrote this report, and those that computed its jobs."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in _PACKAGES:
        found.setdefault((name, importlib.metadata.version(name)), []).append("report")
    for job in case.finished:
        for package, version in job.document.provenance.versions.items():
            users = found.setdefault((package, version), [])
            if (engine := f"{job.document.tier} jobs") not in users:
                users.append(engine)
    rows = [
        {"package": package, "version": version, "used": ", ".join(users)}
        for (package, version), users in sorted(found.items())
    ]
    return Table(
        "packages",
        "Package versions",
        (Column("package", "package"), _VERSION, Column("used", "used by")),
        rows,
    )


def _itself(case: Case) -> Case:
    return case


def _of_all_members(case: Case, _: object) -> Case:
    return case.whole or case


SETTINGS = Chapter("settings", "Settings", "", _itself, _of_all_members, _settings)
PROVENANCE = Chapter("provenance", "Provenance", "", _itself, _of_all_members, _provenance)
