"""The page ``docs/phase-set.md``: what a phase set holds, how good it is, and what it says of the recorded windows.

``python -m catholyte.docs.pages.phase_set [--out FILE]`` writes it from the set, the measured enthalpies and the recipe
that quotes the recorded windows; a test compares the file with what this module gives.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from ...analysis.thermodynamics.cathode_states import electrode_rows
from ...analysis.thermodynamics.formation import (
    MEASURED_ERROR,
    FormationRow,
    Measurements,
    class_table,
    formation_table,
    lithium_voltage,
    measurements,
    outliers,
    residual_scores,
)
from ...analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from ...analysis.thermodynamics.reactions import ReactionResult, react
from ...analysis.thermodynamics.window import stability_window
from ...analysis.thermodynamics.window_deviation import explain_window
from ...configs.errors import CatholyteError
from ...configs.load import load_recipe
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, chemical_class
from ...workflows.phases.relaxed_crystals import POTENTIALS
from .phase_quality import coverage, left_out, markdown_table, potentials, printed_windows

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
        _two_errors(rows),
        potentials(phase_set, measured),
        coverage(phase_set),
        left_out(phase_set),
        _recipes(phase_set),
        printed_windows(phase_set),
        _windows(phase_set),
        _anchors(rows),
        _electrodes(phase_set),
    ]
    return "\n\n".join(parts) + "\n"


def _mev(energy: float) -> str:
    return f"{1000 * energy:+.0f}"


def _head(phase_set: PhaseSet) -> str:
    tiers = Counter(entry.tier for entry in phase_set.entries)
    learned = ", ".join(f"{tiers[name]} with the energy of {found.label}" for name, found in POTENTIALS.items())
    return f"""# The phase set `{phase_set.name}`

{phase_set.description}

Version {phase_set.version}, {len(phase_set.entries)} entries ({tiers["vasp"]} public, {learned}), elements {", ".join(phase_set.elements)};
scale: {phase_set.scale}; SHA-256 `{phase_set.sha256}`. This page is written by `python -m catholyte.docs.pages.phase_set`, the set by
`python -m catholyte.workflows.phases.build {phase_set.name}`. Every entry states source, tier, error, volume and where the volume comes from."""


def _sources(phase_set: PhaseSet) -> str:
    used = Counter(entry.source for entry in phase_set.entries)
    rows = [(key, str(used[key]), source.citation, source.license) for key, source in phase_set.sources.items()]
    return "## Sources\n\n" + markdown_table(("key", "entries", "citation", "licence"), rows, 4)


def _elements(phase_set: PhaseSet) -> str:
    rows = []
    for symbol in phase_set.elements:
        entry = phase_set.entry_for(symbol)
        if entry is not None:
            rows.append((symbol, entry.id, entry.space_group or "", entry.source, f"{entry.energy_per_atom:.4f}"))
    text = "All are Materials Project energies; none is that of a potential, whose elements are poor."
    return f"## Element references\n\n{text}\n\n" + markdown_table(
        ("element", "entry", "space group", "source", "eV/atom"), rows, 4
    )


def _errors(phase_set: PhaseSet) -> str:
    tiers = [tier for tier in POTENTIALS if tier in phase_set.errors]
    counts = Counter((entry.tier, chemical_class(entry.composition)) for entry in phase_set.entries)
    rows = [
        (kind, *(cell for t in tiers for cell in (str(counts[t, kind]), f"{1000 * phase_set.errors[t][kind]:.0f}")))
        for kind in CHEMICAL_CLASSES
    ]
    text = """One standard deviation of a learned entry is √(π/2) times its potential's mean absolute deviation from all public entries of its class whose structure is known
(elements inside and outside this set), on the public geometry, in quadrature with the 24 meV/atom of PBE reaction energies (Hautier et al., Phys. Rev. B 85,
155208 (2012)). Both potentials were trained on Materials Project relaxations, most of these crystals among them: the estimate is one of interpolation. Public entries carry
those 24 meV/atom and the uncertainty of their corrections; elements carry none."""
    header = ["class", *(f"{tier}, {what}" for tier in tiers for what in ("entries", "1 σ (meV/atom)"))]
    return f"## Error estimates\n\n{text}\n\n" + markdown_table(header, rows, 1)


def _referee(rows: Sequence[FormationRow], measured: Measurements) -> str:
    summary = [
        (
            e.tier,
            e.kind,
            str(e.n),
            _mev(e.mean),
            f"{1000 * e.mean_absolute:.0f}",
            f"{1000 * e.median_absolute:.0f}",
            f"{1000 * e.root_mean_square:.0f}",
        )
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
molecular chlorides. The learned rows inherit that. Shifts of reference states: {shifts}.

{sources}

{markdown_table(("tier", "class", "crystals", "mean deviation", "MAE", "median of absolute deviations", "RMS"), summary, 2)}

Beyond two standard deviations of the set's own estimate, worst first: {", ".join(worst) or "none"}.

{_rows_table([row for row in rows if row.state == "crystal"])}

Measured as liquid or gas (heats of fusion and sublimation, up to some 100 meV/atom, are not taken off; not part of the averages):

{_rows_table([row for row in rows if row.state != "crystal"])}"""


def _two_errors(rows: Sequence[FormationRow]) -> str:
    scores = residual_scores(rows)
    cells = []
    for kind in (*CHEMICAL_CLASSES, None):
        found = [abs(score) for row, score in scores if kind in (None, row.kind)]
        inside = [f"{100 * fmean(score < sigmas for score in found):.0f}" for sigmas in (1, 2)]
        cells.append((kind or "all", str(len(found)), *inside, f"{max(found):.1f}"))
    return f"""### What it means for a reaction

The errors that entries carry say how *other DFT of the same scale* would move a number. How far a number is off *measurement* follows from the table above,
taken over both tiers: the mean deviation of a class counts as an error that all its compounds have in common (it cancels as far as atoms stay within the
class), the rest as independent. Beside it each reaction is answered once more with every measured enthalpy in place of the computed energy
(± {1000 * MEASURED_ERROR:.0f} meV/atom each). Compounds that are measured as liquid or gas only keep no such number.

Leave one out: the deviation of each crystal in standard deviations of its class without it, in per cent of the crystals.

{markdown_table(("class", "crystals", "within 1 σ (%)", "within 2 σ (%)", "largest (σ)"), cells, 1)}"""


def _recipes(phase_set: PhaseSet) -> str:
    """Every closed pair of the recipes against other DFT and against measurement, and what that says of the sources."""
    recipes = [load_recipe(name)[0] for name in ("gsirr", "nmc532-lgps", "glassy-ceramic", "core-shell", "li-rich")]
    pairs = dict.fromkeys(pair for recipe in recipes if recipe.reactions for pair in recipe.reactions.pairs)
    results = {pair: react(*pair, phase_set) for pair in pairs}
    cells = [(f"{a} \\| {b}", *_beside(result)) for (a, b), result in results.items()]
    header = ("pair", "mutual ± other DFT", "± measurement", "measured ± σ", "with measured enthalpies")
    oxides = {name: results[name, "LPSCl"] for name in ("LCO", "CoO", "NiO")}
    said = ", ".join(f"{name} {_measured(result)}" for name, result in oxides.items())
    lgps = ", ".join(f"{name} {_measured(results[name, 'LGPS'])}" for name in ("LCO", "CoO"))
    carbonate = _measured(results["Li2CO3", "LPSCl"])
    return f"""### Reactions of the recipes (eV/atom, closed, mutual part)

{markdown_table(header, cells, 5)}

**What this does to the sources' statements.** That CoO shields LiCoO2 because it is more stable against LPSCl is no result of thermodynamics: the set gives the two
the same energy within its error, and from measured enthalpies CoO is the one that reacts more strongly ({said} against LPSCl; {lgps} against LGPS). Where a CoO layer
protects, it does so by what it lets pass, not by its driving force. That Li2CO3 reacts far less than either oxide holds on both scales ({carbonate} from measured
enthalpies). No printed energy is reached by the change of scale: it goes away from the −0.52 eV/atom printed for LCO | LPSCl. Compounds without a measured enthalpy
(Co9S8, Li3PS4 and the electrolytes, NCM) keep the set's energy, which is what the σ of the measured numbers consists of."""


def _measured(result: ReactionResult) -> str:
    found = result.measured
    return "no number" if found is None or found.mutual.value is None else f"{found.mutual.value:.3f}"


def _beside(result: ReactionResult) -> tuple[str, str, str, str]:
    found, mutual = result.measured, f"{result.mutual.energy:.3f} ± {result.uncertainty.mutual:.3f}"
    if found is None:
        return mutual, "", "", "too few compounds are measured"
    error = "" if found.mutual.error is None else f"{found.mutual.error:.3f}"
    sigma = "" if found.mutual.sigma is None else f" ± {found.mutual.sigma:.3f}"
    return mutual, error, f"{_measured(result)}{sigma}", found.reaction or found.reason or "no reaction"


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
    return markdown_table(
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
    return f"### Binaries behind the limits\n\n{text}\n\n" + markdown_table(
        ("compound", "entry", "here (V)", "measured (V)", "deviation (V)"), cells, 2
    )


def _electrodes(phase_set: PhaseSet) -> str:
    rows = electrode_rows(phase_set)
    cells = [
        (
            f"{row.lithiated} → {row.delithiated}",
            row.source or "none at hand",
            row.note,
            f"{row.computed:.2f} ± {row.sigma:.2f}",
            "" if row.measured is None else f"{row.measured:.2f}",
            "" if row.deviation is None else f"{row.deviation:+.2f}",
        )
        for row in rows
    ]
    text = """Energies of electrodes, whose delithiated side is what the electrode becomes, not what the hull prefers. A cathode whose voltage is off is
delithiated too early on every map and window of the set: LiCoO2 by 0.7 V, so what is said of it above 3.1 V rests on spinel LiCo2O4 and CoO2. The screen's
second rank therefore holds the cathode's lithium content. Measured values are quoted from memory, to be checked before print."""
    header = ("electrode", "measured by", "note", "set ± other DFT (V)", "measured (V)", "deviation (V)")
    return f"## Cathode voltages\n\n{text}\n\n" + markdown_table(header, cells, 3)


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
