"""The page ``docs/phase-set.md``: what a phase set holds, how good it is, and what it says of the recorded windows.

``python -m catholyte.docs.pages.phase_set [--out FILE]`` writes it from the set, the measured enthalpies and the recipe
that quotes the recorded windows; a test compares the file with what this module gives.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...analysis.thermodynamics.formation import (
    FormationRow,
    Measurements,
    class_table,
    formation_table,
    lithium_voltage,
    measurements,
    outliers,
)
from ...analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from ...analysis.thermodynamics.window import stability_window
from ...analysis.thermodynamics.window_deviation import explain_window
from ...configs.errors import CatholyteError
from ...configs.load import load_recipe
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, chemical_class

__all__ = ["main", "page"]

#: recipe whose windows were recorded elsewhere
_RECORDED = "gsirr"


def page(phase_set: PhaseSet, measured: Measurements) -> str:
    """Return the page as Markdown."""
    rows = formation_table(phase_set, measured)
    parts = [
        _head(phase_set),
        _sources(phase_set),
        _elements(phase_set),
        _errors(phase_set),
        _referee(rows, measured),
        _windows(phase_set),
        _anchors(rows),
    ]
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], right: int) -> str:
    """Markdown table whose columns from `right` on are numbers."""
    line = ["---" if i < right else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, line, *rows))


def _mev(energy: float) -> str:
    return f"{1000 * energy:+.0f}"


def _head(phase_set: PhaseSet) -> str:
    tiers = Counter(entry.tier for entry in phase_set.entries)
    return f"""# The phase set `{phase_set.name}`

{phase_set.description}

Version {phase_set.version}, {len(phase_set.entries)} entries ({tiers["vasp"]} public, {tiers["chgnet"]} relaxed with CHGNet), elements {", ".join(phase_set.elements)};
scale: {phase_set.scale}; SHA-256 `{phase_set.sha256}`. This page is written by `python -m catholyte.docs.pages.phase_set`, the set by
`python -m catholyte.workflows.phases.build {phase_set.name} --entries DIR`. Every entry states source, tier, error, volume and where the volume comes from."""


def _sources(phase_set: PhaseSet) -> str:
    used = Counter(entry.source for entry in phase_set.entries)
    rows = [(key, str(used[key]), source.citation, source.license) for key, source in phase_set.sources.items()]
    return "## Sources\n\n" + _table(("key", "entries", "citation", "licence"), rows, 4)


def _elements(phase_set: PhaseSet) -> str:
    rows = []
    for symbol in phase_set.elements:
        entry = phase_set.entry_for(symbol)
        if entry is not None:
            rows.append((symbol, entry.id, entry.space_group or "", entry.source, f"{entry.energy_per_atom:.4f}"))
    text = "All are Materials Project energies; none is a CHGNet energy, whose elements are poor."
    return f"## Element references\n\n{text}\n\n" + _table(
        ("element", "entry", "space group", "source", "eV/atom"), rows, 4
    )


def _errors(phase_set: PhaseSet) -> str:
    chgnet = phase_set.errors.get("chgnet", {})
    counts = Counter(chemical_class(entry.composition) for entry in phase_set.entries if entry.tier == "chgnet")
    rows = [(kind, str(counts[kind]), f"{1000 * chgnet[kind]:.0f}") for kind in CHEMICAL_CLASSES if kind in chgnet]
    text = """One standard deviation of a CHGNet entry is √(π/2) times its mean absolute deviation from all public entries of its class whose structure is known
(elements inside and outside this set), on the public geometry, in quadrature with the 24 meV/atom of PBE reaction energies (Hautier et al., Phys. Rev. B 85,
155208 (2012)). CHGNet was trained on Materials Project relaxations, most of these crystals among them: the estimate is one of interpolation. Public entries carry
those 24 meV/atom and the uncertainty of their corrections; elements carry none."""
    return f"## Error estimates\n\n{text}\n\n" + _table(("class", "CHGNet entries", "1 σ (meV/atom)"), rows, 1)


def _referee(rows: Sequence[FormationRow], measured: Measurements) -> str:
    summary = [
        (e.tier, e.kind, str(e.n), _mev(e.mean), f"{1000 * e.mean_absolute:.0f}", f"{1000 * e.median_absolute:.0f}")
        for e in class_table(rows)
    ]
    worst = [f"{r.formula} ({r.entry}) {_mev(r.deviation)}" for r in outliers(rows)]
    sources = "\n".join(
        f"* `{key}`: {source.citation}. Licence: {source.license}." for key, source in measured.sources.items()
    )
    shifts = "; ".join(
        f"{symbol} {shift.enthalpy:+g} kJ/mol ({shift.source})" for symbol, shift in measured.element_shifts.items()
    )
    return f"""## Referee: formation enthalpies against experiment

Computed energies of formation (0 K, no zero-point motion) from the set's elements minus measured enthalpies (298.15 K), in meV/atom. Nothing is fitted here
and no energy of the set was changed for it. The public rows show the scale itself: its corrections were fitted without polyanionic compounds (sulfates,
carbonates, phosphates, titanates, tungstates; `CorrectionCalculator` of pymatgen), which come out too stable, and one correction per chlorine overshoots in
molecular chlorides. The CHGNet rows inherit that. What a class has in common cancels in a reaction as far as atoms stay within the class; the errors that
entries carry are those of reactions, not of formation from elements. Shifts of reference states: {shifts}.

{sources}

{_table(("tier", "class", "crystals", "mean deviation", "MAE", "median of absolute deviations"), summary, 2)}

Beyond two standard deviations of the set's own estimate, worst first: {", ".join(worst) or "none"}.

{_rows_table([row for row in rows if row.state == "crystal"])}

Measured as liquid or gas (heats of fusion and sublimation, up to some 100 meV/atom, are not taken off; not part of the averages):

{_rows_table([row for row in rows if row.state != "crystal"])}"""


def _rows_table(rows: Sequence[FormationRow]) -> str:
    cells = [
        (
            r.formula,
            r.entry,
            r.tier,
            r.kind,
            r.source if r.state == "crystal" else f"{r.source}, {r.state}",
            f"{r.computed:.3f}",
            f"{r.measured:.3f}",
            _mev(r.deviation),
        )
        for r in rows
    ]
    return _table(
        (
            "compound",
            "entry",
            "tier",
            "class",
            "measured by",
            "computed (eV/atom)",
            "measured (eV/atom)",
            "deviation (meV/atom)",
        ),
        cells,
        5,
    )


def _windows(phase_set: PhaseSet) -> str:
    recipe, _ = load_recipe(_RECORDED)
    step = recipe.windows
    parts = ["## Stability windows beside recorded ones"]
    for name in step.materials if step else ():
        published = step.published.get(name) if step else None
        if step is None or published is None:
            continue
        result = stability_window(name, phase_set)
        above = (
            "without an energy of its own"
            if result.energy_above_hull is None
            else f"{result.energy_above_hull:.3f} eV/atom above the hull"
        )
        oxidation = result.oxidation.reaction if result.oxidation else "nothing limits oxidation by lithium release"
        parts.append(f"**{name}**, {above}. Reduction: {result.reduction.reaction}. Oxidation: {oxidation}.")
        deviations = explain_window(result, phase_set, published, step.published_products.get(name, ((), ())))
        parts.append("\n".join(f"* {deviation.text}" for deviation in deviations))
    if step and step.published_source:
        parts.append(f"Recorded values: {step.published_source}.")
    return "\n\n".join(parts)


def _anchors(rows: Sequence[FormationRow]) -> str:
    anchors = [
        (row, lithium_voltage(row, row.computed), lithium_voltage(row, row.measured))
        for row in rows
        if row.state == "crystal"
    ]
    cells = [
        (row.formula, row.entry, f"{here:.3f}", f"{there:.3f}", f"{here - there:+.3f}")
        for row, here, there in anchors
        if here is not None and there is not None
    ]
    text = """Many limits are the formation of one binary in disguise, spectators left out: sulfide electrolytes are oxidised at the voltage of Li2S. So the deviation
of such a limit from a recorded one is that of the binary's energy in both evaluations, and experiment says which is nearer (enthalpies; entropy is left out)."""
    return f"### Binaries behind the limits\n\n{text}\n\n" + _table(
        ("compound", "entry", "here (V)", "measured (V)", "deviation (V)"), cells, 2
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page of one phase set."""
    parser = argparse.ArgumentParser(
        prog="python -m catholyte.docs.pages.phase_set", description="Write docs/phase-set.md."
    )
    parser.add_argument("name", nargs="?", default=DEFAULT_PHASE_SET, help="pinned phase set, or the path of one")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("docs") / "phase-set.md",
        metavar="FILE",
        help="default: docs/phase-set.md below the working directory",
    )
    options = parser.parse_args(arguments)
    try:
        text = page(load_phase_set(options.name), measurements())
    except CatholyteError as error:
        print(error.message, file=sys.stderr)
        return error.exit_status
    options.out.write_text(text, encoding="utf-8")
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
