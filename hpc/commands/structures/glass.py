"""The command ``glass``: a lithium borate glass, packed and quenched, written to files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.crystals import Glass
from ..command import Command
from ..options import FileFormat, OutFolder, Seed, StorePlace, require_known
from ..output import ending, say, table_of, write_cell
from .ranking import engine_documents

if TYPE_CHECKING:
    from pymatgen.core.composition import Composition
    from pymatgen.core.structure import Structure

    from ....workflows.engines.engine import Engine
    from ....workflows.flows.dynamics import QuenchSchedule

__all__ = ["COMMAND", "glass"]

HEADS = {
    "stage": "stage",
    "density": "density (g/cm³)",
    "n4": "share of BO4",
    "mean_bond": "B-O (Å)",
    "shortest": "shortest (Å)",
    "file": "file",
}


def glass(
    formula: Annotated[
        str, typer.Argument(help="Formula on the line Li2O - B2O3: Li3BO3, LiBO2, Li2B8O13, B2O3 or another.")
    ],
    out: OutFolder,
    density: Annotated[
        float | None, typer.Option(help="Density of the packing, g/cm³; the measured one where left out and known.")
    ] = None,
    units: Annotated[int, typer.Option(help="Number of formula units in the cell.")] = 8,
    seed: Seed = 0,
    quench: Annotated[
        bool, typer.Option("--quench", help="Melt and quench with a potential, then relax atoms and cell.")
    ] = False,
    engine: Annotated[str, typer.Option(help="Potential of the quench.")] = "chgnet",
    melt: Annotated[float, typer.Option(help="Temperature of the melt, K.")] = 3000.0,
    steps: Annotated[int, typer.Option(help="Number of steps of 1 fs at each temperature of the ladder.")] = 500,
    keep_density: Annotated[
        bool, typer.Option("--keep-density", help="Relax the atoms alone at the end, not the cell.")
    ] = False,
    file_format: FileFormat = "json",
    store: StorePlace = None,
) -> dict[str, Any]:
    """Pack a lithium borate glass, and quench it from the melt where asked.

    Potentials of crystals are untrained for melts: the network is a hypothesis.

    Raises
    ------
    UnknownNameError
        If the engine is no potential.
    InputError, StructureError
        As :func:`catholyte.structures.defects.glass.pack`, and for a melt below 600 K.
    """
    from ....structures.defects.glass import borate_network, glass_composition, lithia_fraction, pack
    from ....workflows.engines.engine import Engine
    from ....workflows.engines.registry import potential_names
    from ....workflows.flows.dynamics import QuenchSchedule

    ending(file_format)
    require_known("--engine", engine, potential_names(), "potential")
    if quench and (melt <= 600 or steps < 1):
        raise InputError(f"a melt of {melt:g} K and {steps} steps: more than 600 K and at least 1 step are needed")
    unit = glass_composition(formula)
    packed = pack(formula, density, units, seed)
    stages = {"packed": packed}
    if quench:
        temperatures = (melt, *(t for t in QuenchSchedule().temperatures if t < melt))
        schedule = QuenchSchedule(temperatures=temperatures, n_steps=steps, seed=seed, relax_cell=not keep_density)
        stages["quenched"] = _quenched(packed, f"{formula} glass", Engine(engine), schedule, store)
    stem = f"{formula}-glass-{len(packed)}-{seed}"
    rows = [
        {
            "stage": name,
            **asdict(borate_network(cell)),
            "file": str(write_cell(cell, out, f"{stem}-{name}", file_format)),
        }
        for name, cell in stages.items()
    ]
    return {
        "formula": formula,
        "x": lithia_fraction(unit),
        "n_atoms": len(packed),
        "seed": seed,
        "stages": rows,
        "density": _density(unit, float(rows[-1]["density"])),
    }


def _quenched(packed: Structure, label: str, engine: Engine, schedule: QuenchSchedule, store: str | None) -> Structure:
    from ....workflows.flows.dynamics import melt_quench_flow

    cell = engine_documents(melt_quench_flow(packed, label, engine, schedule), store)[-1].structure
    if "velocities" in cell.site_properties:
        cell.remove_site_property("velocities")
    return cell


def _density(unit: Composition, final: float) -> dict[str, Any]:
    """The density reached, g/cm³, beside the measured one and that of the crystal."""
    from ....structures.defects.glass import DENSITY_SOURCE, measured_density

    measured = measured_density(unit)
    return {
        "final": final,
        "crystal": _crystal(unit),
        "measured": measured,
        "deviation": None if measured is None else final / measured - 1,
        "source": None if measured is None else DENSITY_SOURCE,
    }


def _crystal(unit: Composition) -> dict[str, Any] | None:
    """The library's crystal of the same composition, beside which a glass is a little less dense."""
    from pymatgen.core.composition import Composition

    from ....configs.load import load_materials

    for found in load_materials().values():
        if found.density is not None and Composition(found.formula).reduced_composition == unit.reduced_composition:
            return {"name": found.name, "value": found.density.value, "source": found.density.source}
    return None


def _show(document: dict[str, Any]) -> None:
    table_of(f"{document['formula']} glass, {document['n_atoms']} atoms", HEADS, document["stages"])
    density = document["density"]
    measured = (
        "no measured density known"
        if density["measured"] is None
        else f"measured {density['measured']:.3f} ({100 * density['deviation']:+.1f} %): {density['source']}"
    )
    crystal = (
        f"; the crystal {density['crystal']['name']} has {density['crystal']['value']:g}" if density["crystal"] else ""
    )
    say(f"density {density['final']:.3f} g/cm³; {measured}{crystal}")


COMMAND = Command(glass, _show, Glass)
