"""Sections of ``docs/phase-set.md`` on both potentials, coverage, what is left out, and printed windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean

from ...analysis.thermodynamics.formation import (
    ClassError,
    FormationRow,
    Measurements,
    class_table,
    formation_energy,
    formation_table,
)
from ...analysis.thermodynamics.hull import Phases, set_of_potential
from ...analysis.thermodynamics.phase_set import PhaseSet
from ...configs.load import CONFIGS, parse_file
from ...structures.crystals.chemistry import CHEMICAL_CLASSES, chemical_class
from ...workflows.phases.build import PUBLIC, PhaseSetSpec, crystals_of
from ...workflows.phases.prototypes import prototypes
from ...workflows.phases.public_entries import read_pinned
from ...workflows.phases.records import refused
from ...workflows.phases.relaxed_crystals import POTENTIALS, RelaxedCrystals
from .published import published_windows, window_rows

__all__ = ["coverage", "left_out", "markdown_table", "potentials", "printed_windows"]

#: of version 1.1.0
_FORMER = ("Li", "Co", "Ni", "Mn", "Ti", "B", "C", "Sn", "W", "Nb", "Ta", "Ge", "P", "S", "Cl", "In", "Y", "O")
#: whose energies decide what cathodes and sulfides become
_DECIDING = ("LiCoO2", "Co9S8", "Co3S4", "CoS2", "Li2SO4")
#: electrolytes, coatings and cathodes whose chemical systems are told
_NAMED = (
    *("LLZO", "LATP", "LAGP", "LiPON", "LPSBr", "LPSI", "LZC", "LYB", "NPS", "LPSCl", "LGPS", "LYC"),
    *("Li3N", "LiF", "LiBr", "LiI", "LiAlO2", "Al2O3", "ZrO2", "Li2ZrO3", "SiO2", "MgO", "LiOH"),
    *("LFP", "LiMn2O4", "LNMO", "NaCoO2", "LCO", "NCM811"),
)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: int) -> str:
    """Return a Markdown table whose columns from `right` on are numbers."""
    line = ["---" if i < right else "---:" for i in range(len(header))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, line, *rows))


def _mev(energy: float) -> str:
    return f"{1000 * energy:+.0f}"


def potentials(phase_set: PhaseSet, measured: Measurements) -> str:
    """Both potentials against public DFT and measurement, and what they say of the phases that decide."""
    return f"""## Both potentials

Every learned entry has the energy of both potentials, every public crystal theirs on its own geometry (field `potentials`). CHGNet 0.3.0 is on the corrected
scale; SevenNet-0 predicts uncorrected energies, which get the MP2020 corrections in one place (`workflows.phases.corrections`). No offset is fitted: what the
potentials leave of public DFT is shown by class, and the potential of the smaller error in its class gives the energy of a new crystal. Entries of version 1.1.0 keep
theirs (CHGNet). The error of a new entry is that of its class, or the difference of both potentials where that is larger. A reaction or a window is told on
the learned energies of each potential too (`by_potential`).

Against public DFT energies of this set, on the public geometry, meV/atom:

{_against_public(phase_set)}

Against measured enthalpies, learned entries alone, mean absolute deviation in meV/atom (a class that gains nothing by the other potential stands here too):

{_against_measured(phase_set, measured)}

### Before and after

Mean absolute deviation from measured enthalpies, crystals of all tiers, of the chemical systems of version 1.1.0 and of all; meV/atom.

{_before_and_after(phase_set, measured)}

### Phases that decide

{_deciding(phase_set, measured)}"""


def _against_public(phase_set: PhaseSet) -> str:
    rows = []
    public = [entry for entry in phase_set.entries if entry.tier == "vasp" and entry.potentials]
    for kind in (*CHEMICAL_CLASSES, None):
        found = [entry for entry in public if kind in (None, chemical_class(entry.composition))]
        if not found:
            continue
        cells = [kind or "all", str(len(found))]
        for name in POTENTIALS:
            deviations = [entry.potentials[name] - entry.energy_per_atom for entry in found]
            cells += [_mev(fmean(deviations)), f"{1000 * fmean(map(abs, deviations)):.0f}"]
        errors = [phase_set.errors.get(name, {}) for name in POTENTIALS]
        cells += ["" if kind is None or kind not in known else f"{1000 * known[kind]:.0f}" for known in errors]
        rows.append(cells)
    header = ["class", "crystals"]
    header += [f"{POTENTIALS[name].label}, {what}" for name in POTENTIALS for what in ("mean", "MAE")]
    return markdown_table([*header, *(f"1 σ, {name}" for name in POTENTIALS)], rows, 1)


def _against_measured(phase_set: PhaseSet, measured: Measurements) -> str:
    tables = {"set": formation_table(phase_set, measured)}
    tables |= {name: formation_table(set_of_potential(phase_set, name), measured) for name in POTENTIALS}
    learned = {entry.id for entry in phase_set.entries if len(entry.potentials) == len(POTENTIALS)}
    rows = []
    for kind in (*CHEMICAL_CLASSES, "all"):
        cells = []
        for table in tables.values():
            found = [
                abs(row.deviation)
                for row in table
                if row.state == "crystal" and row.tier != "vasp" and row.entry in learned and kind in ("all", row.kind)
            ]
            cells.append(f"{1000 * fmean(found):.0f}" if found else "")
            count = len(found)
        if count:
            rows.append([kind, str(count), *cells])
    return markdown_table(("class", "crystals", "set", *(POTENTIALS[name].label for name in POTENTIALS)), rows, 1)


def _before_and_after(phase_set: PhaseSet, measured: Measurements) -> str:
    now = formation_table(phase_set, measured)
    before = [row for row in now if _former(phase_set, row)]
    rows = []
    tables: list[dict[str, ClassError]] = [
        {line.kind: line for line in class_table(found) if line.tier == "all"} for found in (before, now)
    ]
    for kind in (*CHEMICAL_CLASSES, "all"):
        cells = []
        for table in tables:
            line = table.get(kind)
            cells += ["", ""] if line is None else [str(line.n), f"{1000 * line.mean_absolute:.0f}"]
        rows.append([kind, *cells])
    return markdown_table(("class", "crystals of 1.1.0", "MAE", "crystals now", "MAE"), rows, 1)


def _former(phase_set: PhaseSet, row: FormationRow) -> bool:
    composition = next(entry.composition for entry in phase_set.entries if entry.id == row.entry)
    return {element.symbol for element in composition} <= set(_FORMER)


def _deciding(phase_set: PhaseSet, measured: Measurements) -> str:
    known = {row.formula: row for row in formation_table(phase_set, measured)}
    rows = []
    for formula in _DECIDING:
        entry = phase_set.entry_for(formula)
        if entry is None:
            continue
        cells = [formula, entry.id, f"{entry.energy_per_atom:.4f}"]
        formations = []
        for name in POTENTIALS:
            energy = entry.potentials.get(name)
            cells.append("not relaxed" if energy is None else f"{energy:.4f}")
            moved = None if energy is None else formation_energy(entry, phase_set) + energy - entry.energy_per_atom
            formations.append("" if moved is None else f"{moved:.3f}")
        row = known.get(formula)
        cells += [*formations, "" if row is None else f"{row.measured:.3f} ({row.source})"]
        rows.append(cells)
    names = [POTENTIALS[name].label for name in POTENTIALS]
    header = ("phase", "entry", "set", *names, *(f"formation, {name}" for name in names), "formation, measured")
    text = (
        "eV/atom. Co9S8 is measured in no table at hand; the literature puts it near −900 kJ/mol, −0.549 eV/atom "
        "(quoted from memory)."
    )
    return f"{text}\n\n{markdown_table(header, rows, 2)}"


def coverage(phase_set: PhaseSet) -> str:
    """How many phases compete with each named material."""
    rows = []
    for name in _NAMED:
        subject = phase_set.resolve(name)
        elements = sorted({element.symbol for element in subject.composition})
        phases = Phases.of(phase_set, elements)
        tiers = Counter("public" if entry.tier == "vasp" else "learned" for entry in phases.entries)
        stable = int((phases.above_hull == 0).sum())
        above = "taken on the hull"
        if subject.entry is not None:
            above = _mev(float(phases.above_hull[phases.position[subject.entry.id]]))
        rows.append((name, "-".join(elements), str(tiers["public"]), str(tiers["learned"]), str(stable), above))
    text = (
        "Phases in the chemical system of each material, itself among them; a system with few is one where few were "
        "looked for."
    )
    header = ("material", "system", "public", "learned", "on the hull", "above the hull (meV/atom)")
    return f"## Coverage\n\n{text}\n\n{markdown_table(header, rows, 2)}"


def left_out(phase_set: PhaseSet) -> str:
    """Crystals that were looked for and are no entry."""
    spec, _ = parse_file(CONFIGS / "phases" / f"{phase_set.name}.yaml", PhaseSetSpec)
    crystals, relaxed = crystals_of(spec, read_pinned(PUBLIC)), RelaxedCrystals.read()
    no_entry = refused(crystals, relaxed)
    waiting = [crystal.name for crystal in crystals if crystal.name not in relaxed.crystals]
    lines = [f"* {name}: {reason}" for name, reason in sorted({**no_entry, **prototypes().left_out}.items())]
    lines += [f"* {', '.join(waiting)}: in the list, not relaxed yet"] if waiting else []
    text = (
        "Crystals of the list that the potentials disagree on, or whose symmetry a relaxation leaves, and compounds "
        "that were looked for without a structure at hand."
    )
    return f"## Left out\n\n{text}\n\n" + "\n".join(lines)


def printed_windows(phase_set: PhaseSet) -> str:
    """Windows of the set beside printed ones."""
    rows = []
    for row in window_rows(phase_set):
        found, (below, above) = row.found, row.deviations
        oxidation = "none" if found.oxidation is None else f"{found.oxidation.voltage:.2f}"
        rows.append(
            (
                found.material,
                row.published.source,
                found.reduction.reaction,
                "" if found.oxidation is None else found.oxidation.reaction,
                f"{found.reduction.voltage:.2f}",
                f"{row.published.reduction:.2f}",
                f"{below:+.2f}",
                oxidation,
                f"{row.published.oxidation:.2f}",
                "" if above is None else f"{above:+.2f}",
            )
        )
    sources = "\n".join(f"* `{key}`: {source.citation}." for key, source in published_windows().sources.items())
    header = ("material", "printed in", "reduction", "oxidation", "red. (V)", "printed", "Δ", "ox. (V)", "printed", "Δ")
    text = "Computed by others from Materials Project energies of their time. Deviations stay as they are."
    return f"## Windows beside printed ones\n\n{text}\n\n{sources}\n\n{markdown_table(header, rows, 4)}"
