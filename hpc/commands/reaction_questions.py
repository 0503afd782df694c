"""What the commands of reaction thermodynamics answer, from a pinned phase set and without a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ...configs.errors import InputError

if TYPE_CHECKING:
    from ...analysis.thermodynamics.phase_set import PhaseSet
    from ...analysis.thermodynamics.screen import ScreenResult
    from ...analysis.thermodynamics.volume import Volumes
    from ...configs.steps.screen import ScreenStep

__all__ = [
    "ReactionQuestion",
    "ScreenQuestion",
    "VolumeQuestion",
    "reactions_document",
    "screen_result",
    "volumes_document",
    "window_document",
    "write_screen",
]


def _phases(chosen: PhaseSet | str | None) -> PhaseSet:
    from ...analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set

    return chosen if isinstance(chosen, PhaseSet) else load_phase_set(chosen or DEFAULT_PHASE_SET)


@dataclass(frozen=True)
class ReactionQuestion:
    """What ``reactions`` is asked.

    Parameters
    ----------
    a, b : str
    voltage : float or None
        V vs Li/Li+, open to lithium.
    temperature, pressure : float or None, float
        K and bar of O2, open to oxygen where the temperature is given.
    threshold : float
        eV/atom, below which a pair counts as stable.
    voltage_map : bool
        Add the map over (x, V) and the interphases.
    """

    a: str
    b: str
    voltage: float | None = None
    temperature: float | None = None
    pressure: float = 1.0
    threshold: float = 0.05
    voltage_map: bool = False


def reactions_document(question: ReactionQuestion, phase_set: PhaseSet | str | None = None) -> dict[str, Any]:
    """The JSON of ``reactions``: energies along the mixing ratio, closed or open, volumes at the mutual minimum, and
    the map where asked for."""
    from ...analysis.thermodynamics.open_species import OpenSpecies, oxygen_potential
    from ...analysis.thermodynamics.open_system import react_open
    from ...analysis.thermodynamics.reactions import react
    from ...analysis.thermodynamics.voltage_map import voltage_map
    from ...analysis.thermodynamics.volume import Volumes
    from ...analysis.thermodynamics.volume_changes import pair_volumes

    phases = _phases(phase_set)
    a, b = question.a, question.b
    open_to = (
        None
        if question.voltage is None and question.temperature is None
        else OpenSpecies.at(question.voltage, question.temperature, question.pressure)
    )
    result = react(a, b, phases) if open_to is None else react_open(a, b, phases, open_to)
    document: dict[str, Any] = dict(result.to_json(question.threshold))
    kink = result.mutual.kink
    oxygen_is_open = question.temperature is not None
    document["volumes"] = (
        pair_volumes(result, kink, phases, Volumes(phases)).to_json() if kink and not oxygen_is_open else None
    )
    if question.voltage_map:
        oxygen = oxygen_potential(question.temperature, question.pressure) if question.temperature is not None else None
        document["map"] = voltage_map(a, b, phases, oxygen=oxygen).to_json()
    return document


def window_document(name: str, phase_set: PhaseSet | str | None = None) -> dict[str, Any]:
    """The JSON of ``window``."""
    from ...analysis.thermodynamics.window import stability_window

    return dict(stability_window(name, _phases(phase_set)).to_json())


@dataclass(frozen=True)
class VolumeQuestion:
    """What ``volumes`` is asked.

    Parameters
    ----------
    material : str
    products : sequence of str
        Named by the user; empty: the phases of the stability ladder.
    voltage : float or None
        V vs Li/Li+, without products.
    kind : str or None
        Preferred kind of volume.
    densities : sequence of str
        ``NAME=g/cm³``.
    """

    material: str
    products: Sequence[str] = ()
    voltage: float | None = None
    kind: str | None = None
    densities: Sequence[str] = ()


def volumes_document(question: VolumeQuestion, phase_set: PhaseSet | str | None = None) -> dict[str, Any]:
    """The JSON of ``volumes``: the ledger of one reaction, and without named products that of every step of the ladder.

    Raises
    ------
    InputError
        If products and a voltage are both given, a reaction does not balance, nothing decomposes at the voltage, or a
        volume is unknown.
    """
    from ...analysis.thermodynamics.volume_changes import decomposition_volumes, named_reaction, parse_products

    phases = _phases(phase_set)
    volumes = _volumes(question, phases)
    head = {"phase_set": {"name": phases.name, "sha256": phases.sha256}, "material": question.material}
    steps: list[dict[str, Any]] = []
    voltage = None
    if question.products:
        if question.voltage is not None:
            raise InputError("--products and --voltage exclude each other: products are named, or found at a voltage")
        ledger = named_reaction(question.material, parse_products(question.products), phases, volumes)
    else:
        found = decomposition_volumes(question.material, phases, volumes)
        chosen = found.step(question.voltage)
        ledger, voltage = chosen.ledger, chosen.voltage
        keys = ("reaction", "before", "after", "change", "change_percent", "notes")
        steps = [
            {"voltage": s.voltage, "direction": s.direction, **{key: s.ledger.to_json()[key] for key in keys}}
            for s in found.steps
        ]
    if ledger.unknown:
        names = ", ".join(ledger.unknown)
        raise InputError(
            f"no volume is known of {names} in {ledger.reaction}: give a density, e.g. --density "
            f"{ledger.unknown[0]}=2.5 (g/cm³)"
        )
    units = {
        "volume": "mL per mole of reaction, molar volumes mL/mol",
        "voltage": "V vs Li/Li+",
        "lithium": "mol taken from the anode",
    }
    return {**head, "voltage": voltage, **ledger.to_json(), "steps": steps, "units": units}


def _volumes(question: VolumeQuestion, phases: PhaseSet) -> Volumes:
    from ...analysis.thermodynamics.volume import Volumes
    from ...configs.models import Density

    own = {}
    for text in question.densities:
        name, equals, value = text.partition("=")
        try:
            own[name] = Density(value=float(value), source="given by the user")
        except (ValueError, ValidationError):
            equals = ""
        if not equals or not name:
            raise InputError(f"--density {text!r}: a material and its density in g/cm³ > 0 are needed, e.g. LPSCl=1.64")
    return Volumes(phases, [question.kind] if question.kind else [], own)


@dataclass(frozen=True)
class ScreenQuestion:
    """What ``screen`` is asked; an empty list of coatings stands for all coatings of the library."""

    cathodes: Sequence[str]
    electrolytes: Sequence[str]
    coatings: Sequence[str]
    lithium: Sequence[float]
    operating_range: tuple[float, float]


def screen_result(
    question: ScreenQuestion, phase_set: PhaseSet | str | None, progress: Callable[[int, int, str], None]
) -> ScreenResult:
    """Run the screen.

    Raises
    ------
    InputError
        If a list, a name, a fraction or the range cannot be used.
    """
    from ...analysis.thermodynamics.screen import screen

    phases = _phases(phase_set)
    return screen(_screen_step(question, phases), phases, progress)


def _screen_step(question: ScreenQuestion, phases: PhaseSet) -> ScreenStep:
    from ...configs.steps.screen import ScreenStep

    low, high = question.operating_range
    if low >= high:
        raise InputError(f"--range {low:g} {high:g}: the lower voltage must lie below the upper one")
    given = {
        "phase_set": phases.name,
        "cathodes": tuple(question.cathodes),
        "electrolytes": tuple(question.electrolytes),
        "coatings": tuple(question.coatings) or _coatings(phases),
        "lithium": tuple(question.lithium),
        "operating_range": question.operating_range,
    }
    try:
        return ScreenStep.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        raise InputError(
            f"screen: {'.'.join(map(str, problem['loc']))}: {problem['msg']} (given: {problem['input']!r:.60})"
        ) from None


def _coatings(phases: PhaseSet) -> tuple[str, ...]:
    """The library's coatings whose elements the set holds."""
    from ...analysis.thermodynamics.phase_set import parse_formula
    from ...configs.load import load_materials

    found = [known for known in load_materials().values() if known.role == "coating"]
    return tuple(
        known.name
        for known in found
        if {element.symbol for element in parse_formula(known.formula)} <= set(phases.elements)
    )


def write_screen(result: ScreenResult, out: Path, phase_set: PhaseSet | str | None = None) -> list[Path]:
    """Write ranking, pairs and windows as CSV and Parquet, and the figures as SVG and PNG; returns the files.

    Parameters
    ----------
    result : ScreenResult
    out : Path
        Folder; made where it is missing.
    phase_set : PhaseSet or str, optional
        That the screen was run on: of the maps over mixing ratio and voltage.
    """
    from ...analysis.report.chapters.open_system import map_picture
    from ...analysis.report.chapters.screen import screen_pictures, screen_tables
    from ...analysis.thermodynamics.voltage_map import voltage_map

    out.mkdir(parents=True, exist_ok=True)
    files = [table.write(out) for table in screen_tables(result)]
    rows = {
        "screen": [asdict(row) for row in result.ranking],
        "screen_pairs": [asdict(pair) for pair in result.pairs],
        "screen_windows": [window.to_json() for window in result.windows],
    }
    files += [_write_parquet(found, out / f"{name}.parquet") for name, found in rows.items()]
    phases = _phases(phase_set)
    pairs = dict.fromkeys(
        (state.cathode, electrolyte) for state in result.cathodes for electrolyte in result.electrolytes
    )
    maps = [map_picture(voltage_map(a, b, phases), phases) for a, b in pairs]
    for picture in (*screen_pictures(result), *maps):
        files += picture.write(out, ("svg", "png"))
    return files


def _write_parquet(rows: list[dict[str, Any]], path: Path) -> Path:
    """One Parquet file, types as found (None is null)."""
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path
