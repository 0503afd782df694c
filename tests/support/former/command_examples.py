"""A cheap call of every command, and what of its answer others may rely on: the keys of its JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import typer

from catholyte.configs.load import material
from catholyte.hpc.commands.app import app
from catholyte.structures.crystals.files import write_structure
from catholyte.structures.surfaces.facet import source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.structures.trajectories.frames import Frames
from catholyte.structures.trajectories.h5 import TrajectoryWriter
from catholyte.tests.support.former.former_stores import unpack
from catholyte.tests.support.motion.motions import frames
from catholyte.tests.support.motion.moving_chunks import PLACES, SPECIES, cell

__all__ = ["EXAMPLES", "command_table", "example_files", "key_paths"]

_ELEMENTS = tuple(species.rstrip("+-0123456789") for species in SPECIES)
#: name to arguments; what stands in braces is a path of :func:`example_files`
EXAMPLES: dict[str, str] = {
    "bands of a stored job": "bands be2a56e6 --store {shipped} --window -8:0 --reference fermi --orbital O-2p",
    "bands by depth": "bands e0-states-across --store {former} --depth",
    "doctor": "doctor --store {former}",
    "doctor of a cluster": "doctor --store {former} --cluster slurm-example --recipe gsirr --rehearsal",
    "dynamics": "dynamics {first} {second} --cell {cell} --control {control} --replica {replica} --out {out}/dynamics",
    "glass": "glass B2O3 --units 4 --out {out}/glass",
    "inputs": "inputs {recipe} --out {out}/inputs",
    "interfaces": "interfaces LCO:104 CoO:100 --max-atoms 60 --out {out}/interfaces",
    "interfaces with a layer": "interfaces LCO:104 NiO:100 --layer CoO:100 --max-atoms 120 --form periodic",
    "layers": "layers LCO",
    "layers, Li-rich": "layers LRMO --out {out}/layers",
    "layers of a slab": "layers {slab} --planes",
    "materials": "materials",
    "one material": "materials NCM532",
    "orderings": "orderings NCM111 -n 2 --out {out}/orderings --supercell 3 1 1",
    "plan": "plan gsirr",
    "plan in full": "plan gsirr --full --only electronic --engine vasp --cluster slurm-example",
    "plan of one step": "plan li-rich --only oxygen_loss",
    "reactions": "reactions LCO LPSCl",
    "reactions at a voltage": "reactions LCO LPSCl --voltage 4.2 --map --own {shipped}",
    "reactions under oxygen": "reactions LCO LPSCl --temperature 600 --pressure 0.2",
    "reconstruct": "reconstruct LCO --miller 1 0 4 --out {out}/reconstruct",
    "rock salt": "reconstruct LCO --miller 1 0 4 --rock-salt CoO --out {out}/rock-salt",
    "report": "report --store {former} --campaign mixed-states --out {out}/report",
    "run": "run core-shell --store {out}/store",
    "board": "board --store {out}/store --static {out}/board",
    "run of one step": "run {recipe} --only reactions --store {out}/store",
    "screen": "screen --cathode LCO --electrolyte LPSCl --coating Li2CO3 Li3PO4 --out {out}/screen",
    "slabs": "slabs LCO --miller 1 0 4 --out {out}/slabs",
    "slabs of every facet": "slabs CoO --layers 4",
    "status": "status --store {former} --campaign interfaces",
    "substitute": "substitute Li2MnO3 W6+ --leaving Mn --site Mn --out {out}/substitute",
    "vacancies": "vacancies LCO --lithium 1 -n 1 --oxygen environments --supercell 2 2 1 --out {out}/vacancies",
    "volumes": "volumes LPSCl",
    "volumes of products": "volumes LPSCl --products LiCl,P2S5,S --density LPSCl=1.64",
    "why": "why f2-interfaces --store {former}",
    "why it waits": "why f3-interfaces --store {former}",
    "window": "window LPSCl",
}
_RECIPE = """\
name: small
title: one oxide
source: a test
hubbard_u:
  Co: 3.9 eV
reactions:
  phase_set: solidstate
  pairs: [[LCO, LPSCl]]
vasp:
  relax: [CoO]
  electronic: [CoO]
  cutoff: 500 eV
  mesh: [4, 4, 4]
"""


def example_files(folder: Path) -> dict[str, Path]:
    """Write what the examples read into a folder; returns the paths by the names in braces."""
    recipe = folder / "small.yaml"
    recipe.write_text(_RECIPE)
    whole = _motion(120, 80)
    slab = slabs(source_cell(material("LCO")), (1, 0, 4), SlabSpec(layers=4))[0].structure
    return {
        "out": folder,
        "recipe": recipe,
        "former": unpack("former", folder / "former"),
        "shipped": unpack("shipped", folder / "shipped"),
        "first": _trajectory(folder / "a1.h5", whole.select(slice(0, 50))),
        "second": _trajectory(folder / "a2.h5", whole.select(slice(50, None))),
        "replica": _trajectory(folder / "b.h5", _motion(120, None, seed=1)),
        "control": _trajectory(folder / "c.h5", _motion(200, None, slice(4, 8), 2)),
        "cell": write_structure(cell(), folder / "cell.json"),
        "slab": write_structure(slab, folder / "slab.json"),
    }


def _motion(n: int, breaks: int | None, sites: slice = slice(None), seed: int = 0) -> Frames:
    """Frames of 10 fs: at the frame `breaks` the second S leaves its P for an O."""
    rng = np.random.default_rng(seed)
    positions = PLACES + rng.normal(0, 0.03, (n, len(PLACES), 3))
    if breaks is not None:
        positions[breaks:, 7] += [0.0, 0.9, -2.7]
    made = frames(_ELEMENTS[sites], positions[:, sites], np.diag([10.0, 10.0, 14.0]))
    energies, temperatures = rng.normal(-40, 0.01, n), rng.normal(300, 5, n)
    return Frames(made.species, made.cells, made.positions, 10 * made.steps, made.times, energies, temperatures)


def _trajectory(path: Path, found: Frames) -> Path:
    with TrajectoryWriter(path, found.species, 1.0, {"tier": "chgnet"}) as writer:
        writer.append(found)
    return path


def command_table() -> dict[str, Any]:
    """Every command with its arguments, the spellings of its options, and the first line of its help."""
    commands: Any = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {name: _described(command) for name, command in sorted(commands.items())}


def _described(command: Any) -> dict[str, Any]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    return {
        "help": str(command.help).strip().splitlines()[0],
        "arguments": {p.name: ["required" if p.required else "optional", p.nargs] for p in arguments},
        "options": {p.name: sorted([*p.opts, *p.secondary_opts]) for p in options},
        "required": sorted(p.name for p in options if p.required),
    }


def key_paths(document: Any, place: str = "") -> Iterator[str]:
    """Every key of a JSON document with the keys above it; the items of a list are one: ``jobs[].name``."""
    if isinstance(document, dict):
        for key, value in document.items():
            path = f"{place}.{key}" if place else str(key)
            yield path
            yield from key_paths(value, path)
    elif isinstance(document, list):
        for value in document:
            yield from key_paths(value, f"{place}[]")
