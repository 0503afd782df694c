"""The command ``doctor``: what is installed, reachable and missing here, and how to mend it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated, Any

import typer

from ....configs.errors import CatholyteError
from ..answers.campaigns import Diagnosis
from ..command import Command
from ..options import StorePlace
from ..output import table, table_of

__all__ = ["COMMAND", "doctor"]

#: bytes free below which a store will not hold a campaign
LEAST_DISK = 1_000_000_000
CURVE_HEADS = {
    "potential": "potential",
    "found": "found",
    "material": "crystal",
    "minimum": "minimum (% of the measured volume)",
    "modulus": "bulk modulus (GPa)",
    "measured_modulus": "measured (GPa)",
    "curve": "volume: energy",
    "problem": "refused",
}


def doctor(
    store: StorePlace = None,
    cluster: Annotated[
        str | None, typer.Option(help="Check this cluster too: name of a cluster file, or its path.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Check the VASP jobs of this recipe on the cluster of --cluster.")
    ] = None,
    rehearsal: Annotated[
        bool,
        typer.Option("--rehearsal", help="Check what a rehearsal needs on the cluster, without POTCARs and VASP."),
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Put finished jobs of the store back in line whose document or arrays are gone or spoilt.",
        ),
    ] = False,
    engines: Annotated[
        bool,
        typer.Option(
            "--engines",
            help="Examine the potentials, half a minute each: E(V) of LiCoO2, CoO and NiO, forces and stress against "
            "differences of the energy.",
        ),
    ] = False,
) -> dict[str, Any]:
    """Check what is installed, reachable and missing, and say how to mend it.

    With --store every finished job of that store is looked at: its document, its large arrays and their checksums. With
    --engines every potential is examined, the user's own included, and `curves` holds what was found, beside what is
    recorded of the other checkpoints that come with the packages.
    """
    checks = run_checks(store)
    curves: list[dict[str, Any]] = []
    if engines:
        checks += examine_engines(curves)
    faults: list[dict[str, Any]] = []
    if (store or repair) and _is_there(store):
        checks.append(_checked("results", lambda: _results(store, faults, repair=repair)))
    return {
        "checks": checks + (cluster_checks(cluster, recipe, rehearsal=rehearsal) if cluster else []),
        "faults": faults,
        "curves": curves,
    }


def _show(document: dict[str, Any]) -> None:
    rows = [(c["name"], "yes" if c["ok"] else "NO", c["detail"], c["mend"]) for c in document["checks"]]
    table("doctor", ("check", "ok", "detail", "mend"), rows)
    if document["curves"]:
        table_of("E(V), the shape of the cell relaxed at each volume", CURVE_HEADS, document["curves"])
    if document["faults"]:
        table_of("results that cannot be used", {"name": "job", "key": "key", "what": "fault"}, document["faults"])


COMMAND = Command(
    doctor, _show, Diagnosis, failed=lambda document: not all(check["ok"] for check in document["checks"])
)


def run_checks(store: str | None = None) -> list[dict[str, Any]]:
    """Return ``{name, ok, detail, mend}`` of every check; a check never raises."""
    checks: list[tuple[str, Callable[[], tuple[bool, str, str]]]] = [
        ("python", _python),
        ("packages", _packages),
        ("engine chgnet", lambda: _engine("chgnet")),
        ("engine sevennet", lambda: _engine("sevennet")),
        ("engine gpaw", _gpaw),
        ("materials library", _library),
        ("phase sets", _phases),
        ("store", lambda: _store(store)),
        ("disk", _disk),
    ]
    return [_checked(name, check) for name, check in checks]


def examine_engines(curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``{name, ok, detail, mend}`` of each potential, examined now; fills `curves` with what was found, and with
    what is recorded of other checkpoints."""
    from ....workflows.engines.ase.backend import AseBackend
    from ....workflows.engines.ase.verdicts import recorded_verdicts
    from ....workflows.engines.registry import engine_names, load_backend

    seen = set()

    def examined(name: str) -> tuple[bool, str, str]:
        backend = load_backend(name, {})
        if not isinstance(backend, AseBackend):
            return True, "no potential", ""
        if backend.version() == "missing":
            return False, f"{backend.packages[0]} is not installed", backend.install
        verdict = backend.verdict(again=True)
        seen.add(backend.examined_as)
        curves.extend(_told(curve, name, "now") for curve in verdict.curves)
        refused = [f"refused for {element}: {reason}" for element, reason in verdict.refused().items()]
        detail = verdict.problem or "; ".join(refused) or f"passed in {verdict.seconds:.0f} s"
        return not (verdict.problem or refused), detail, "take another potential for these elements"

    found = [_checked(f"guard of {name}", partial(examined, name)) for name in engine_names()]
    for potential, verdict in recorded_verdicts().items():
        if potential not in seen:
            curves += [_told(curve, potential, "recorded") for curve in verdict.curves]
    return [check for check in found if check["detail"] != "no potential"]


def _told(curve: Any, potential: str, found: str) -> dict[str, Any]:
    return {"potential": potential, "found": found, **curve.model_dump(), "curve": curve.shown()}


def cluster_checks(name: str, recipe: str | None = None, *, rehearsal: bool = False) -> list[dict[str, Any]]:
    """Return ``{name, ok, detail, mend}`` of every check of a cluster and, where a recipe is named, of its VASP jobs
    there.

    Raises
    ------
    InputError
        If the cluster file or the recipe is wrong.
    """
    from ...queue.cluster_checks import check_cluster, check_plan
    from ...queue.submission import read_cluster
    from ...run.campaign import read_plan

    cluster = read_cluster(name, rehearsal=rehearsal)
    found = check_cluster(cluster)
    if recipe is not None:
        found += check_plan(read_plan(recipe, "rehearsal" if rehearsal else "vasp"), cluster)
    return [
        {"name": f"{cluster.name}: {check.name}", "ok": check.ok, "detail": check.detail, "mend": check.mend}
        for check in found
    ]


def _checked(name: str, check: Callable[[], tuple[bool, str, str]]) -> dict[str, Any]:
    try:
        ok, detail, mend = check()
    except CatholyteError as error:
        ok, detail, mend = False, error.message, error.advice
    except Exception as error:
        ok, detail, mend = False, f"{type(error).__name__}: {error}", "see `catholyte --debug doctor`"
    return {"name": name, "ok": ok, "detail": detail, "mend": "" if ok else mend}


def _python() -> tuple[bool, str, str]:
    return sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "Python 3.11 or newer is needed"


def _packages() -> tuple[bool, str, str]:
    from packaging.requirements import Requirement

    missing, wrong = [], []
    for line in requires("catholyte") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found} (needed {requirement.specifier})")
    problems = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"wrong version: {', '.join(wrong)}"] * bool(wrong)
    return not problems, "; ".join(problems) or "all required packages are here", "pip install -c constraints.txt ."


def _engine(name: str) -> tuple[bool, str, str]:
    from ....workflows.engines.registry import load_backend

    backend = load_backend(name, {})
    found = backend.version()
    return found != "missing", f"{name} {found}", getattr(backend, "install", "")


def _gpaw() -> tuple[bool, str, str]:
    from ....workflows.engines.registry import load_backend

    found = load_backend("gpaw", {}).version()
    mend = "make gpaw builds it with g++ alone; steps that need it fail with this advice, the rest goes on"
    return "missing" not in found, f"gpaw {found}", mend


def _library() -> tuple[bool, str, str]:
    from ....configs.load import load_materials

    return True, f"{len(load_materials())} materials", ""


def _phases() -> tuple[bool, str, str]:
    from ....analysis.thermodynamics.phase_set import load_phase_set
    from ....configs.load import CONFIGS

    sets = [load_phase_set(path.stem) for path in sorted((CONFIGS / "phases").glob("*.json"))]
    return (
        bool(sets),
        "; ".join(f"{s.name}: {len(s.entries)} entries, hash verified" for s in sets),
        "the installation is incomplete: install again",
    )


def _chosen(place: str | None) -> str:
    from ...store.campaign_store import DEFAULT_STORE, STORE_VARIABLE

    return place or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE


def _is_there(place: str | None) -> bool:
    from ...store.campaign_store import is_uri

    return is_uri(_chosen(place)) or Path(_chosen(place)).exists()


def _store(place: str | None) -> tuple[bool, str, str]:
    from ...store.campaign_store import is_uri, open_store

    chosen = _chosen(place)
    if not _is_there(place):
        parent = next(p for p in Path(chosen).absolute().parents if p.exists())
        return (
            os.access(parent, os.W_OK),
            f"{chosen}: will be made by the first run",
            f"{parent} is not writable: name another folder with --store",
        )
    opened = open_store(chosen, create=False)
    opened.close()
    if is_uri(chosen):
        return True, "MongoDB: opens and is writable", ""
    writable = os.access(chosen, os.W_OK)
    return True, f"{chosen}: opens and is {'writable' if writable else 'to be read only'}", ""


def _results(place: str | None, faults: list[dict[str, Any]], *, repair: bool) -> tuple[bool, str, str]:
    """Look at every finished job of a store; fills `faults`, and mends them with `repair`."""
    from ...store.campaign_store import open_store
    from ...store.verify import repair_store, verify_store

    opened = open_store(_chosen(place), create=repair)
    try:
        found = verify_store(opened)
        faults += [{"key": fault.key, "name": fault.name, "what": fault.what} for fault in found.faults]
        whole = found.finished - len(found.faults)
        detail = (
            f"{whole} of {found.finished} finished jobs are whole; {found.documents} documents, {found.arrays} arrays"
        )
        if found.stray:
            detail += f", {found.stray} of them of no document"
        if found.faults and repair:
            repair_store(opened, found.faults)
            return True, f"{detail}; {len(found.faults)} put back in line: run their recipe again", ""
    finally:
        opened.close()
    mend = f"catholyte doctor --store {opened.shown} --repair puts them back in line; the next run computes them again"
    return not found.faults, detail, mend


def _disk() -> tuple[bool, str, str]:
    free = shutil.disk_usage(Path.cwd()).free
    return free > LEAST_DISK, f"{free / 1e9:.1f} GB free here", "free some space"
