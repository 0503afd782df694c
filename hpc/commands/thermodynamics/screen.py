"""The command ``screen``: coatings ranked between cathodes and electrolytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.thermodynamics import Screen
from ..command import Command
from ..options import PhaseSetName
from ..output import narrate, say, table_of
from .conditions import OwnStore, chosen_phases

if TYPE_CHECKING:
    from ....analysis.thermodynamics.phase_set import PhaseSet
    from ....analysis.thermodynamics.screen import ScreenResult
    from ....configs.steps.screen import ScreenStep

__all__ = ["COMMAND", "screen"]

HEADS = {
    "cathode": "cathode",
    "electrolyte": "electrolyte",
    "rank": "rank",
    "coating": "coating",
    "bare": "bare",
    "cathode_coating": "cathode|coating",
    "coating_electrolyte": "coating|electrolyte",
    "worst": "worst",
    "reduction": "reduction (V)",
    "oxidation": "oxidation (V)",
    "covers": "in range",
}


OPEN_HEADS = {
    "cathode": "cathode",
    "electrolyte": "electrolyte",
    "open_rank": "rank",
    "coating": "coating",
    "held": "cathode held at (V)",
    "open_worst": "worst",
}


def screen(
    cathode: Annotated[
        list[str],
        typer.Option(
            help="Cathodes: materials, formulas, structure files, or NAME-xFRACTION of its lithium, e.g. NCM811-x0.5."
        ),
    ],
    electrolyte: Annotated[list[str], typer.Option(help="Electrolytes: materials, formulas or structure files.")],
    coating: Annotated[
        list[str] | None, typer.Option(help="Coatings; all coatings of the library where left out.")
    ] = None,
    lithium: Annotated[
        list[float] | None,
        typer.Option(help="Fractions (0 to 1) of its lithium that a cathode keeps; 1 and 0.5 where left out."),
    ] = None,
    operating_range: Annotated[
        tuple[float, float], typer.Option("--range", help="Lowest and highest voltage of operation, V vs Li/Li+.")
    ] = (2.5, 4.3),
    out: Annotated[Path | None, typer.Option(help="Folder for CSV, Parquet and figures.")] = None,
    phase_set: PhaseSetName = None,
    own: OwnStore = None,
) -> dict[str, Any]:
    """Rank coatings: cathode | coating, coating | electrolyte (eV/atom) and the window against the operating range
    (V).

    Raises
    ------
    InputError
        If a list, a name, a fraction or the range cannot be used.
    """
    from ....analysis.thermodynamics.screen import screen as rank_coatings
    from ...proposal.chosen import substance

    phases = chosen_phases(phase_set, own)
    low, high = operating_range
    if low >= high:
        raise InputError(f"--range {low:g} {high:g}: the lower voltage must lie below the upper one")
    step = _step(
        {
            "phase_set": phases.name,
            "cathodes": tuple(map(substance, cathode)),
            "electrolytes": tuple(map(substance, electrolyte)),
            "coatings": tuple(map(substance, coating or ())) or _coatings(phases),
            "lithium": tuple(lithium or (1.0, 0.5)),
            "operating_range": operating_range,
        }
    )
    with _progress() as advance:
        result = rank_coatings(step, phases, advance)
    files = [str(path) for path in _write(result, out, phases)] if out else []
    return {**result.to_json(), "files": files}


def _step(given: dict[str, Any]) -> ScreenStep:
    from pydantic import ValidationError

    from ....configs.steps.screen import ScreenStep

    try:
        return ScreenStep.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(
            f"screen: {'.'.join(map(str, problem['loc']))}: {problem['msg']} (given: {problem['input']!r:.60})"
        ) from None


def _coatings(phases: PhaseSet) -> tuple[str, ...]:
    """The library's coatings whose elements the set holds."""
    from ....analysis.thermodynamics.phase_set import parse_formula
    from ....configs.load import load_materials

    return tuple(
        known.name
        for known in load_materials().values()
        if known.role == "coating"
        and {element.symbol for element in parse_formula(known.formula)} <= set(phases.elements)
    )


def _write(result: ScreenResult, out: Path, phases: PhaseSet) -> list[Path]:
    """Write ranking, pairs and windows as CSV and Parquet, and the figures as SVG and PNG; returns the files."""
    import pyarrow as pa
    from pyarrow import parquet

    from ....analysis.report.chapters.open_system import map_picture
    from ....analysis.report.chapters.screen import screen_pictures, screen_tables
    from ....analysis.thermodynamics.voltage_map import voltage_map

    out.mkdir(parents=True, exist_ok=True)
    files = [table.write(out) for table in screen_tables(result)]
    rows = {
        "screen": [asdict(row) for row in result.ranking],
        "screen_pairs": [asdict(pair) for pair in result.pairs],
        "screen_windows": [window.to_json() for window in result.windows],
    }
    for name, records in rows.items():
        parquet.write_table(pa.Table.from_pylist(records), out / f"{name}.parquet")
        files.append(out / f"{name}.parquet")
    pairs = dict.fromkeys(
        (state.cathode, electrolyte) for state in result.cathodes for electrolyte in result.electrolytes
    )
    maps = [map_picture(voltage_map(a, b, phases), phases) for a, b in pairs]
    for picture in (*screen_pictures(result), *maps):
        files += picture.write(out, ("svg", "png"))
    return files


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal's standard error, else one line for each step."""
    if not sys.stderr.isatty():
        yield lambda done, total, what: narrate(f"[{done}/{total}] {what}")
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def _show(document: dict[str, Any]) -> None:
    rows = [
        {**row, "coating": row["coating"] or "none", "covers": "yes" if row["covers"] else "no"}
        for row in document["ranking"]
    ]
    table_of(f"screen on {document['phase_set']['name']}; mutual energies in eV/atom", HEADS, rows)
    rows.sort(key=lambda row: (row["cathode"], row["electrolyte"], row["open_rank"]))
    table_of(f"open to lithium at {document['operating_range'][1]:g} V, lithium of the cathode held", OPEN_HEADS, rows)
    for line in (*document["notes"], *document["files"]):
        say(line)


COMMAND = Command(screen, _show, Screen, several_values=True)
