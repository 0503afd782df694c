"""The command ``phases``: which phase sets there are, what they hold, and sets of the user's own."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import CatholyteError, InputError
from ..answers.thermodynamics import PhaseSets
from ..command import Command
from ..options import require_known
from ..output import say, table_of

if TYPE_CHECKING:
    from ....analysis.thermodynamics.phase_set import PhaseSet

__all__ = ["COMMAND", "phases"]

ACTIONS = ("list", "show", "check", "fetch", "combine")


def phases(
    action: Annotated[
        str,
        typer.Argument(metavar="list|show|check|fetch|combine", help="What to do."),
    ],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|FILE", help="Phase sets to show, check or combine.")
    ] = None,
    elements: Annotated[
        list[str] | None, typer.Option(help="Elements to fetch, all their compounds included, e.g. Li La Zr O.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Key of the Materials Project's API; else the variable MP_API_KEY or PMG_MAPI_KEY."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the new set; that of its elements or of its parts where left out.")
    ] = None,
) -> dict[str, Any]:
    """List, show and check phase sets, fetch one of your own from the Materials Project, or combine some of one scale.

    Sets of your own are files NAME.json in the folder of the variable CATHOLYTE_PHASES, else in ./catholyte-phases, and
    every option --phases takes them by name.

    Raises
    ------
    InputError
        If an action lacks what it needs, a set is altered, or a name is taken.
    """
    from ....configs.phase_set_files import phase_set_files

    require_known("phases", action, ACTIONS, "action")
    given = names or []
    if action == "list":
        return _list()
    if action == "fetch":
        return _fetch(elements or given, key, name)
    if not given:
        raise InputError(f"phases {action}: name a phase set; known: {', '.join(phase_set_files())}")
    if action == "combine":
        return _combine(given, name)
    described = _checked if action == "check" else _shown
    return {"sets": [described(found, path) for found, path in map(_loaded, given)]}


def _loaded(name: str) -> tuple[PhaseSet, Path]:
    from ....analysis.thermodynamics.phase_set import load_phase_set
    from ....configs.phase_set_files import phase_set_file

    return load_phase_set(name), phase_set_file(name)


def _list() -> dict[str, Any]:
    """Every set; one that cannot be read is told and hides no other."""
    from ....configs.phase_set_files import own_phases, phase_set_files

    sets, notes = [], []
    for name in phase_set_files():
        try:
            sets.append(_summary(*_loaded(name)))
        except CatholyteError as error:
            notes.append(error.message)
    return {"sets": sets, "folder": str(own_phases()), "notes": notes}


def _summary(found: PhaseSet, path: Path) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": str(found.version),
        "elements": list(found.elements),
        "entries": len(found.entries),
        "scale": found.scale,
        "sha256": found.sha256,
        "file": str(path),
    }


def _shown(found: PhaseSet, path: Path) -> dict[str, Any]:
    sizes = Counter(len(entry.composition) for entry in found.entries)
    return {
        **_summary(found, path),
        "description": found.description,
        "sources": {source: given.model_dump() for source, given in found.sources.items()},
        "tiers": dict(Counter(entry.tier for entry in found.entries)),
        "entries_by_number_of_elements": {str(size): sizes[size] for size in sorted(sizes)},
    }


def _checked(found: PhaseSet, path: Path) -> dict[str, Any]:
    """Hash, schema, scale and element references were checked by loading it; the rest says what it is worth."""
    from ....analysis.thermodynamics.formation import class_table, formation_table, measurements
    from ....analysis.thermodynamics.hull import Phases

    rows = formation_table(found, measurements())
    above = Phases.of(found, found.elements).above_hull
    return {
        **_summary(found, path),
        "on_the_hull": int((above == 0).sum()),
        "without_volume": [entry.id for entry in found.entries if entry.volume is None],
        "measured": [
            {"tier": line.tier, "class": line.kind, "compounds": line.n, "mae": line.mean_absolute}
            for line in class_table(rows)
        ],
        "units": {"mae": "eV/atom, mean absolute deviation from measured enthalpies of formation"},
    }


def _fetch(elements: list[str], key: str | None, name: str | None) -> dict[str, Any]:
    from ....configs.load import CONFIGS
    from ....workflows.phases.fetched import fetched_set
    from ....workflows.phases.materials_project import database_version, download

    if not elements:
        raise InputError("phases fetch: name the elements, e.g. --elements Li La Zr O Co")
    wanted = list(dict.fromkeys(element for text in elements for element in re.split(r"[,\s-]+", text) if element))
    path = _free(name or "-".join(wanted))
    entries = download(wanted, key)
    kin = json.loads((CONFIGS / "phases" / "solidstate.json").read_text(encoding="utf-8"))
    return _written(path, fetched_set(path.stem, wanted, entries, database_version(), kin))


def _combine(names: list[str], name: str | None) -> dict[str, Any]:
    from ....analysis.phase_sets.combined import combined, joint_systems

    sets = [_loaded(one)[0] for one in names]
    found = combined(name or "+".join(one.name for one in sets), sets)
    path = _free(found.name)
    document = {**found.document(), "sha256": found.sha256}
    joint = joint_systems(found, sets)
    note = (
        "no entry holds elements that only the parts together cover: reactions across them miss joint products"
        if not joint
        else f"{joint} entries hold elements that only the parts together cover"
    )
    return {**_written(path, document), "notes": [note]}


def _free(name: str) -> Path:
    """The file of a new set.

    Raises
    ------
    InputError
        If the name cannot be one, or is taken.
    """
    from ....configs.phase_set_files import own_phases, phase_set_files

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+\-]*", name):
        raise InputError(f"{name!r} cannot be the name of a phase set: letters, digits and . + - are allowed")
    files = phase_set_files()
    if name in files:
        raise InputError(f"the phase set {name} exists already ({files[name]})", "choose another --name")
    return own_phases() / f"{name}.json"


def _written(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Write a set whole or not at all, and read it back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    try:
        found, _ = _loaded(str(partial.absolute()))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return {"sets": [_shown(found, path)]}


def _show(document: dict[str, Any], action: str) -> None:
    heads = {"name": "phase set", "version": "version", "entries": "entries", "elements": "elements", "file": "file"}
    rows = [{**found, "elements": " ".join(found["elements"])} for found in document["sets"]]
    table_of("phase sets", heads, rows)
    for found in document["sets"]:
        if action != "list":
            say(f"{found['name']}: {found['scale']}; sha256 {found['sha256']}")
        for source in found.get("sources", {}).values():
            say(f"source: {source['citation']} ({source['license']})")
        for line in found.get("measured", []):
            off = f"off measurement by {line['mae']:.3f} eV/atom"
            say(f"{line['tier']}, {line['class']}: {line['compounds']} compounds, {off}")
        if "on_the_hull" in found:
            lacking = len(found["without_volume"])
            say(f"{found['on_the_hull']} entries on the hull; {lacking or 'none'} without a volume")
    for note in document.get("notes", []):
        say(f"note: {note}")
    if action in ("fetch", "combine"):
        from ....configs.phase_set_files import PHASES_VARIABLE, own_phases

        say(f"use it: --phases {document['sets'][0]['name']} (folder {own_phases()}, variable {PHASES_VARIABLE})")


COMMAND = Command(phases, _show, PhaseSets, several_values=True)
