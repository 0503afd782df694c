"""The page ``docs/calibration.md``: what each potential is worth beside measurement, public DFT and GPAW.

``python -m catholyte.docs.pages.calibration`` writes page and figures from ``calibration.json``;
``… --compute STORE`` first runs what the store lacks of it (some 40 minutes of one core from nothing; ended, it goes
on) and writes the rows anew; ``… --collect STORE`` takes what is finished. A test compares the page with the rows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from ...analysis.figures.parity import ParityPanel, parity_figure
from ...analysis.figures.style import save_figure
from ...analysis.thermodynamics.cathode_states import measured_electrodes
from ...analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set, parse_formula
from ...configs.load import load_recipe, material
from ...configs.trust import trust_of
from .calibration_data import (
    POTENTIALS,
    RECIPE,
    Rows,
    collect,
    compute,
    force_components,
    formation_energies,
    reference_energies,
    voltage,
)

__all__ = ["DATA", "PAGE", "calibration_page", "figures", "main"]

DATA = Path(__file__).with_name("calibration.json")
PAGE = Path(__file__).parents[1] / "calibration.md"
IMAGES = Path(__file__).parents[1] / "images"
#: GPAW, PBE+U: V_O at full and half lithium (single points at CHGNet's cells), the voltage between, eV and V
_GPAW_VACANCIES = {1.0: 4.63, 0.5: 3.78}
_GPAW_VOLTAGE = 3.51
#: and the interface energy against free crystals, J/m²; docs/oxygen-results.md and docs/interface-results.md
_GPAW_STACKS = {"LCO|CoO 16": 0.39, "LCO|CoO 32": 0.64, "LCO|CoO 48": 0.92}


def calibration_page(data: Mapping[str, Any], phases: PhaseSet) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    data : mapping
        Content of :data:`DATA`.
    phases : PhaseSet
        Gives elements, and public energies to compare with.
    """
    parts = [
        _head(data),
        _volumes(data["crystals"]),
        _formation(data["crystals"], phases),
        _voltages(data, phases),
        _defects(data),
        _forces(data["forces"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], right: int = 1) -> str:
    """Markdown table whose columns from `right` on are numbers."""
    line = ["---" if i < right else "---:" for i in range(len(header))]
    shown = [[cell.replace("|", "\\|") for cell in cells] for cells in (header, *rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (shown[0], line, *shown[1:]))


def _shown(value: float | None, form: str = "+.1f") -> str:
    return "–" if value is None else format(value + 0.0, form)


def _score(name: str, deviations: Sequence[float], form: str) -> list[str]:
    """A line of a summary: number, mean, mean absolute, median absolute, largest."""
    absolute = [abs(value) for value in deviations]
    plain = form.replace("+", "")
    return [
        name,
        str(len(deviations)),
        format(fmean(deviations), form),
        *(format(value, plain) for value in (fmean(absolute), median(absolute), max(absolute))),
    ]


_SCORES = ("potential", "compared", "mean", "mean absolute", "median absolute", "largest")


def _by_material(rows: Rows) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Material to tier to its row, in the order of the recipe."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["material"], {})[row["tier"]] = row
    return found


def _head(data: Mapping[str, Any]) -> str:
    signatures = [
        (name, trust_of(name).label, one["version"], one["functional"], f"`{one.get('potentials', '')}`")
        for name in POTENTIALS
        if (one := data["signatures"].get(name))
    ]
    header = ("engine", "potential", "version", "energies", "weights")
    return f"""# What the potentials are worth

The same crystals, vacancies, interfaces and frames by every potential that runs on a laptop, beside measurement, public DFT and GPAW. Nothing here was fitted or left out after the fact.
Rows of {data["date"]} in `docs/pages/calibration.json`; `{data["command"]}` (`make calibration`) computes what is missing and writes this page, without `--compute` from the rows alone. A dash stands for a number that has not been computed.
The jobs are those of `docs/pages/calibration.yaml`: add a material there.{_left(data)}

{_table(header, signatures, 5)}"""


def _left(data: Mapping[str, Any]) -> str:
    """What of the recipe has no row yet, in a sentence; empty where nothing is left."""
    recipe, _ = load_recipe(str(RECIPE))
    assert recipe.bulk is not None
    done = {(row["material"], row["tier"]) for row in data["crystals"]}
    left = [
        f"{len(missing)} of {len(recipe.bulk.materials)} crystals by {tier}"
        for tier in POTENTIALS
        if (missing := [name for name in recipe.bulk.materials if (name, tier) not in done])
    ]
    parts = {"vacancies": "the oxygen vacancies", "stacks": "the interfaces", "forces": "the forces of GPAW"}
    left += [text for key, text in parts.items() if not data[key]]
    return f" Not computed yet: {', '.join(left)}." if left else ""


def _volumes(rows: Rows) -> str:
    found = _by_material(rows)
    deviations: dict[str, list[float]] = {name: [] for name in POTENTIALS}
    axes: dict[str, list[float]] = {name: [] for name in POTENTIALS}
    lines = []
    for name, tiers in found.items():
        cells = [name, str(next(iter(tiers.values()))["n_atoms"]), ""]
        worst = []
        for tier in POTENTIALS:
            lattice = tiers.get(tier, {}).get("lattice", {})
            change = {key: 100 * (new / old - 1) for key, (new, old) in lattice.items() if key[0] in "abcV"}
            volume, lengths = change.get("V/f.u."), [value for key, value in change.items() if key in "abc"]
            cells.append(_shown(volume))
            worst.append(_shown(max(lengths, key=abs) if lengths else None))
            if volume is not None:
                cells[2] = f"{lattice['V/f.u.'][1]:.2f}"
            if volume is not None and len(tiers) == len(POTENTIALS):
                deviations[tier].append(volume)
                axes[tier] += lengths
        lines.append([*cells, *worst])
    header = ("material", "atoms", "V/f.u. measured (Å³)", *(f"{name}, V (%)" for name in POTENTIALS))
    header += tuple(f"{name}, worst of a, b, c (%)" for name in POTENTIALS)
    volumes = [_score(name, values, "+.1f") for name, values in deviations.items() if values]
    lengths = [_score(name, values, "+.1f") for name, values in axes.items() if values]
    return f"""## Lattices and volumes

Relaxed cell and atoms to 0.02 eV/Å (which leaves soft crystals a stress of up to 0.2 GPa, half a per cent of the volume of Li2S: what started there stays at 0.0), at 0 K without zero-point motion, against the lattice that the library's YAML cites, mostly measured at room temperature. Nothing but dispersion holds the layers of CoO2, NiO2 and TiS2 together, which PBE lacks and every potential that learned it: their c axis is far off, and with it the means. Deviations of the volume, %, over the crystals that all potentials have:

{_table(_SCORES, volumes)}

Of the lengths a, b, c, %:

{_table(_SCORES, lengths)}

![Deviations of volumes](images/calibration-volumes.png)

{_table(header, lines)}"""


def _formation(rows: Rows, phases: PhaseSet) -> str:
    energies, references = formation_energies(rows, phases), reference_energies(rows, phases)
    tiers = [name for name in POTENTIALS if name in energies]
    lines = []
    scores: dict[tuple[str, int], list[float]] = {}
    for name, both in references.items():
        if all(value is None for value in both) or not any(name in energies[tier] for tier in tiers):
            continue
        away = []
        for kind, value in enumerate(both):
            for tier in tiers:
                computed = energies[tier].get(name)
                deviation = None if value is None or computed is None else 1000 * (computed - value)
                away.append(_shown(deviation, "+.0f"))
                if deviation is not None and all(name in energies[other] for other in tiers):
                    scores.setdefault((tier, kind), []).append(deviation)
        lines.append([name, *(_shown(value, ".3f") for value in both), *away])
    header = ("material", "measured (eV/atom)", "public DFT (eV/atom)")
    header += tuple(f"{tier} − measured" for tier in tiers) + tuple(f"{tier} − DFT" for tier in tiers)
    summary = [
        _score(f"{tier} − {('measured', 'public DFT')[kind]}", values, "+.0f")
        for (tier, kind), values in sorted(scores.items(), key=lambda item: (item[0][1], tiers.index(item[0][0])))
    ]
    return f"""## Formation energies

On the MP2020 scale, from the elements of the phase set `{phases.name}` (public DFT), in meV/atom. CHGNet predicts on that scale; SevenNet's energies get the corrections of the scheme, by pymatgen; those of r2SCAN are on a scale of their own, without elements.
Measured: enthalpies at 298.15 K as the [phase set](phase-set.md) cites them. Public DFT: entries of the Materials Project of the same crystal. Both models were trained on the Materials Project: agreement with it is interpolation. Over the crystals that both have:

{_table(_SCORES, summary)}

![Formation energies](images/calibration-formation.png)

{_table(header, lines)}"""


def _whole(formula: str) -> str:
    """The formula in whole numbers: Li0.5CoO2 and Li(CoO2)2 are one."""
    return str(parse_formula(formula).get_integer_formula_and_factor()[0])


def _voltages(data: Mapping[str, Any], phases: PhaseSet) -> str:
    entry = phases.entry_for("Li")
    assert entry is not None
    by_formula: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in data["crystals"]:
        by_formula.setdefault(_whole(row["formula"]), {})[row["tier"]] = row
    own = {row["tier"]: row["energy"] for row in data["crystals"] if row["material"] == "Li"}
    lines = []
    for electrode in measured_electrodes().electrodes:
        pair = tuple(map(_whole, (electrode.lithiated, electrode.delithiated)))
        if not all(name in by_formula for name in pair):
            continue
        cells = []
        for tier in POTENTIALS:
            known = {name: by_formula[name][tier] for name in pair if tier in by_formula[name]}
            lithium = own.get(tier) if tier == "chgnet-r2scan" else entry.energy_per_atom
            value = voltage(known, pair, lithium) if len(known) == 2 and lithium is not None else None  # type: ignore[arg-type]
            cells.append(_shown(value, ".2f"))
        measured = None if electrode.voltage is None else float(electrode.voltage)
        lines.append([f"{electrode.lithiated} → {electrode.delithiated}", _shown(measured, ".2f"), *cells])
    header = ("electrode", "measured (V)", *(f"{name} (V)" for name in POTENTIALS))
    return f"""## Cathode voltages

Mean over the range, without entropy, from the relaxed crystals above; lithium metal is the phase set's, that of r2SCAN its own. Measured values are quoted from memory, to be checked before print. GPAW (PBE+U) has {_GPAW_VOLTAGE:.2f} V from LiCoO2 to Li0.5CoO2.

{_table(header, lines)}"""


def _defects(data: Mapping[str, Any]) -> str:
    parts = ["## Oxygen vacancies and interfaces beside GPAW"]
    if data["vacancies"]:
        tiers = [name for name in POTENTIALS if any(row["tier"] == name for row in data["vacancies"])]
        energies = {(row["tier"], row["lithium"]): row["energy"] for row in data["vacancies"]}
        cells = [
            [f"{lithium:g}", f"{value:.2f}", *(_shown(energies.get((tier, lithium)), ".2f") for tier in tiers)]
            for lithium, value in _GPAW_VACANCIES.items()
        ]
        parts += [
            """V_O of LiCoO2 in 24 atoms, O2 without entropy, corrected alike. GPAW: PBE+U, 400 eV, single points at CHGNet's cells, where its forces reach 2.1 eV/Å: part of the distance is relaxation that it was not given ([oxygen loss](oxygen-results.md)).
r2SCAN has no reference of oxygen that can be defended.""",
            _table(("lithium left", "GPAW (eV)", *(f"{name} (eV)" for name in tiers)), cells),
        ]
    if data["stacks"]:
        tiers = [name for name in POTENTIALS if any(row["tier"] == name for row in data["stacks"])]
        of = {(row["system"], row["tier"]): row for row in data["stacks"]}
        lines = [
            [
                name,
                _shown(_GPAW_STACKS.get(name), ".2f"),
                *(_shown(of.get((name, tier), {}).get(kind), ".2f") for kind in ("free", "strained") for tier in tiers),
            ]
            for name in dict.fromkeys(row["system"] for row in data["stacks"])
        ]
        header = ("stack", "GPAW, free crystals (J/m²)", *(f"{name}, free (J/m²)" for name in tiers))
        parts += [
            """γ of LCO(104) | CoO(100), each potential at its own relaxed stack; GPAW at CHGNet's, against crystals without strain ([interfaces](interface-results.md)). γ against free crystals holds the strain energy and grows with thickness; against crystals strained alike it does not.""",
            _table((*header, *(f"{name}, strained alike (J/m²)" for name in tiers)), lines),
        ]
    return "\n\n".join(parts) if len(parts) > 1 else ""


def _forces(rows: Rows) -> str:
    if not rows:
        return ""
    lines = []
    for name in dict.fromkeys(row["material"] for row in rows):
        mine = [row for row in rows if row["material"] == name]
        gpaw = [f for row in mine if row["tier"] == mine[0]["tier"] for atom in row["gpaw"] for f in atom]
        cells = [name, str(len({row["time"] for row in mine})), f"{(fmean(f**2 for f in gpaw)) ** 0.5:.2f}"]
        for tier in POTENTIALS:
            pairs = [pair for row in mine if row["tier"] == tier for pair in force_components(row)]
            rms = fmean((a - b) ** 2 for a, b in pairs) ** 0.5
            slope = sum(a * b for a, b in pairs) / sum(a * a for a, _ in pairs)
            cells += [f"{rms:.2f}", f"{slope:.2f}"]
        lines.append(cells)
    header = ["crystal", "frames", "GPAW, rms of F (eV/Å)"]
    for tier in POTENTIALS:
        header += [f"{tier}, rms of ΔF (eV/Å)", f"{tier}, slope"]
    return f"""## Forces on frames of dynamics

Small crystals, moved by CHGNet at 600 K; on frames 0.1 and 0.2 ps after the start, forces of GPAW (PBE, U(Co) 3.9 eV, 600 eV) beside those of every potential. Slope: of the line through the origin, computed over GPAW; below 1 a potential is too soft. CoO has one start of its moments, × 0.9: that of × 1.1 was ended on the first frame after 174 iterations, not converged and 10 meV per cell higher.

{_table(header, lines)}

![Forces](images/calibration-forces.png)"""


def figures(data: Mapping[str, Any], phases: PhaseSet) -> dict[str, Callable[[], Any]]:
    """Return what draws each figure, by the stem of its file."""
    rows = data["crystals"]
    volumes = {
        tier: [
            (row["material"], old / parse_formula(material(row["material"]).formula).num_atoms, 100 * (new / old - 1))
            for row in rows
            if row["tier"] == tier
            for new, old in [row["lattice"]["V/f.u."]]
        ]
        for tier in POTENTIALS
    }
    energies, references = formation_energies(rows, phases), reference_energies(rows, phases)
    against = [
        {
            tier: [
                (name, reference[kind], value)
                for name, value in found.items()
                if (reference := references[name])[kind] is not None
            ]
            for tier, found in energies.items()
        }
        for kind in (0, 1)
    ]
    forces = {
        tier: [
            (row["material"], *pair) for row in data["forces"] if row["tier"] == tier for pair in force_components(row)
        ]
        for tier in POTENTIALS
    }
    panels = {
        "calibration-volumes": [
            ParityPanel("Volumes", "measured (Å³/atom)", "deviation (%)", volumes, deviations=True),
        ],
        "calibration-formation": [
            ParityPanel("Against measurement", "measured (eV/atom)", "formation energy (eV/atom)", against[0]),
            ParityPanel("Against public DFT", "Materials Project (eV/atom)", "formation energy (eV/atom)", against[1]),
        ],
        "calibration-forces": [ParityPanel("Forces on frames", "GPAW (eV/Å)", "potential (eV/Å)", forces)],
    }
    return {
        stem: (lambda shown=shown: parity_figure(shown, f"Rows of {data['date']}."))  # type: ignore[misc]
        for stem, shown in panels.items()
        if all(points for panel in shown for points in panel.series.values())
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write page and figures; compute or collect the rows before where a store is named."""
    parser = argparse.ArgumentParser(prog="python -m catholyte.docs.pages.calibration", description="Write the page.")
    parser.add_argument("--compute", metavar="STORE", help="run what the store lacks, and write the rows anew")
    parser.add_argument("--collect", metavar="STORE", help="write the rows anew from what the store holds")
    parser.add_argument("--without-forces", action="store_true", help="compute no forces by GPAW")
    options = parser.parse_args(arguments)
    if place := options.compute or options.collect:
        from ...hpc.store.campaign_store import open_store

        store = open_store(place)
        if options.compute:
            compute(store, forces=not options.without_forces)
        DATA.write_text(json.dumps(collect(store), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    data, phases = json.loads(DATA.read_text(encoding="utf-8")), load_phase_set(DEFAULT_PHASE_SET)
    PAGE.write_text(calibration_page(data, phases), encoding="utf-8")
    for stem, draw in figures(data, phases).items():
        save_figure(draw(), IMAGES / stem, ["png"])
    print(f"written to {PAGE}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
