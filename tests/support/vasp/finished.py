"""Finished runs that answer the jobs of a recipe, as somebody else would have run them: sites in another order, shifted
as a whole, packed or not, and the ways in which such runs go wrong."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.inputs import Poscar

from catholyte.hpc.run.campaign import read_plan
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Task
from catholyte.workflows.engines.vasp.cells import VaspCell, vasp_cell
from catholyte.workflows.engines.vasp.inputs import incar_tags, n_bands
from catholyte.workflows.engines.vasp.potcar import known_titles
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.plan.builder import Plan
from catholyte.workflows.preflight.run import planned_runs

from .known_bands import KnownBands
from .outcar_writer import outcar_text
from .written_run import LM, Frame, WrittenRun, vasprun_text

__all__ = ["RECIPE", "Finished", "answers", "finished", "plan_of", "with_states", "written_to"]

#: two relaxations, a density of states after one of them, and dynamics in two chunks
RECIPE = """\
name: folders
title: jobs that folders of finished runs answer
source: a test
hubbard_u: {Co: 3.9 eV}
vasp:
  relax: [Li2O, CoO]
  electronic: [CoO]
  cutoff: 500 eV
  mesh: [2, 2, 2]
  settings: {version: "6.3", dos_points: 301}
  dynamics:
    materials: [Li2O]
    cutoff: 400 eV
    hubbard_u: false
    temperature: 300 K
    timestep: 2 fs
    length: 24 fs
    chunk: 12 fs
    frame_interval: 2
"""
_DOS_GRID = np.linspace(-24.0, 36.0, 301)


@dataclass(frozen=True)
class Finished:
    """The files of one run.

    Parameters
    ----------
    run : WrittenRun
    outcar : str
    contcar, poscar : str
    """

    run: WrittenRun
    outcar: str
    contcar: str
    poscar: str

    def but(self, **changes: Any) -> Finished:
        """The same with other fields of the run."""
        return replace(self, run=self.run.but(**changes))

    def with_tags(self, **tags: Any) -> Finished:
        """The same with other tags of its INCAR."""
        return self.but(incar={**self.run.incar, **tags})


def plan_of(folder: Path, text: str = RECIPE) -> Plan:
    """The plan of a recipe that is written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "folders.yaml").write_text(text)
    return read_plan(str(folder / "folders.yaml"), "vasp")


def finished(
    start: Structure,
    task: Task,
    settings: VaspSettings,
    *,
    seed: int = 0,
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
    energy: float = -5.0,
    velocities: np.ndarray | None = None,
    n_steps: int | None = None,
) -> Finished:
    """A run of `task` on a cell, with its sites in another order within each element, the elements turned round.

    Parameters
    ----------
    start : Structure
    task : Relax, Static, Dos or MolecularDynamics
    settings : VaspSettings
    seed : int
        Of the order.
    shift : (3,) tuple of float
        Fractional, of all sites.
    energy : float
        eV/atom at the end.
    velocities : (n_sites, 3) array, optional
        Å/fs, in the order of the run.
    n_steps : int, optional
        Of dynamics; as asked where left out.
    """
    cell = vasp_cell(start)
    # a part of dynamics goes on in the order of the one before
    ran = start if velocities is not None else _reordered(cell.structure, seed, shift)
    tags = {**incar_tags(VaspCell(ran, cell.order, cell.vacuum, cell.polar), task, settings)}
    tags["PREC"], tags["NELM"], tags["ALGO"] = "Accurate", 60, "Fast"
    method = task.method
    assert method is not None
    moments = tags.get("MAGMOM", [0.0] * len(ran))
    frames, following = _frames(ran, task, energy, velocities, n_steps)
    symbols = list(dict.fromkeys(site.specie.symbol for site in ran))
    titles = {s: _title(settings.potcars[s].symbol, settings.functional_library) for s in symbols}
    valences = {s: float(settings.potcars[s].valence) for s in symbols}
    run = WrittenRun(
        ran,
        incar=tags,
        frames=frames,
        mesh=method.kpoints,
        titles=titles,
        valences=valences,
        following=following,
    )
    electrons = sum(valences[site.specie.symbol] for site in ran)
    if isinstance(task, Dos):
        run = with_states(run, n_bands(cell, settings, method.spin_polarized), int(electrons))
    final = following or frames[-1].structure
    outcar = outcar_text(moments, electrons=electrons) if tags["ISPIN"] == 2 else outcar_text(electrons=electrons)
    return Finished(run, outcar, _poscar(final), _poscar(ran))


def answers(plan: Plan, seed: int = 1) -> dict[str, Finished]:
    """Name of each job to a run that answers it, each from where the one before ended."""
    found: dict[str, Finished] = {}
    ends: dict[str, Structure] = {}
    jobs = {job.uuid: job for job in plan.flow.jobs}
    for number, asked in enumerate(planned_runs(plan, {"potcar_spec": True})):
        given = jobs[asked.key].function_args[0]
        start = ends.get(getattr(given, "uuid", ""), asked.structure)
        speeds = start.site_properties.get("velocities")
        one = finished(
            start,
            asked.task,
            asked.settings,
            seed=seed + number,
            shift=(0.25, 0.0, 0.125)
            if isinstance(given, Structure) and asked.task.kind == "relax"
            else (0.0, 0.0, 0.0),
            velocities=None if speeds is None else np.array(speeds),
        )
        found[asked.name] = one
        ends[asked.key] = _end(one)
    return found


def written_to(
    one: Finished, folder: Path, *, packed: bool = False, before: str = "", after: str = "", files: str = "VOC"
) -> Path:
    """Write a run into a folder: V its vasprun.xml, O OUTCAR, C CONTCAR, P POSCAR.

    Parameters
    ----------
    one : Finished
    folder : Path
    packed : bool
        As .gz.
    before, after : str
        In front of the names, and behind them.
    files : str
        Which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"V": ("vasprun.xml", vasprun_text(one.run)), "O": ("OUTCAR", one.outcar)}
    texts |= {"C": ("CONTCAR", one.contcar), "P": ("POSCAR", one.poscar)}
    for letter in files:
        name, text = texts[letter]
        path = folder / f"{before}{name}{after}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(text.encode("latin-1"), 1) if packed else text.encode("latin-1"))
    return folder


def _end(one: Finished) -> Structure:
    """Where a run ended, with velocities where it moved, as the next one starts."""
    end = Poscar.from_str(one.contcar).structure
    if "MAGMOM" in one.run.incar:
        end.add_site_property("magmom", one.run.incar["MAGMOM"])
    return end


def _title(symbol: str, library: str) -> str:
    """A title of the release with its blanks: `PAW_PBE Li_sv 10Sep2004`."""
    compact = sorted(known_titles(library)[symbol])[0]
    found = re.fullmatch(rf"(PAW_PBE)({re.escape(symbol)})(.*)", compact)
    assert found is not None
    return " ".join(filter(None, found.groups()))


def _reordered(cell: Structure, seed: int, shift: tuple[float, float, float]) -> Structure:
    rng = np.random.default_rng(seed)
    symbols = list(dict.fromkeys(site.specie.symbol for site in cell))[::-1]
    order = [
        int(i) for s in symbols for i in rng.permutation([k for k, site in enumerate(cell) if site.specie.symbol == s])
    ]
    kept = {name: [values[i] for i in order] for name, values in cell.site_properties.items()}
    return Structure(
        cell.lattice,
        [cell[i].specie.symbol for i in order],
        cell.frac_coords[order] + np.array(shift),
        site_properties=kept,
        to_unit_cell=True,
    )


def _frames(
    ran: Structure, task: Task, energy: float, velocities: np.ndarray | None, n_steps: int | None
) -> tuple[list[Frame], Structure | None]:
    bare = Structure(ran.lattice, ran.species, ran.frac_coords)
    total, at_rest = energy * len(ran), np.zeros((len(ran), 3))
    if isinstance(task, Relax):
        cells = [bare.copy() for _ in range(3)]
        for i, cell in enumerate(cells):
            if task.relax_cell:
                cell.scale_lattice(bare.volume * (1 + 0.004 * i))
        pulls = [0.05, 0.02, 0.004]
        return [
            Frame(c, total + 0.01 * (2 - i), at_rest + np.array([pulls[i], 0, 0])) for i, c in enumerate(cells)
        ], None
    if isinstance(task, MolecularDynamics):
        steps = n_steps or task.n_steps
        rng = np.random.default_rng(3)
        speed = velocities if velocities is not None else rng.normal(scale=0.002, size=(len(ran), 3))
        speed = speed - speed.mean(axis=0)
        made = []
        for i in range(steps + 1):
            moved = bare.copy()
            for k in range(len(ran)):
                moved.translate_sites([k], speed[k] * task.timestep * i, frac_coords=False)
            made.append(moved)
        made[-1].add_site_property("velocities", speed.tolist())
        freedom = 3 * (len(ran) - 1) * 8.617333262e-5
        return [
            Frame(c, total + 0.001 * i, at_rest, kinetic=task.temperature * freedom / 2)
            for i, c in enumerate(made[:-1])
        ], made[-1]
    return [Frame(bare, total, at_rest)], None


def with_states(run: WrittenRun, bands: int, electrons: int) -> WrittenRun:
    """Bands of an insulator, and their density of states on every site."""
    occupied = electrons // 2
    levels = np.concatenate([np.linspace(-6.0, 0.0, occupied), np.linspace(2.0, 20.0, bands - occupied)])
    table = np.repeat(np.repeat(levels[None, None], 2, axis=0), 4, axis=1)
    shares = np.full((len(run.structure), 4, bands), 0.02)
    shares[:, 3] = 0.0
    known = KnownBands(table, (occupied, occupied), shares)
    return run.but(
        kpoints=np.array([[0.0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]]),
        eigenvalues=known.levels,
        occupations=known.occupations,
        dos=known.dos(_DOS_GRID, 0.05, LM, "gaussian"),
        efermi=1.0,
    )


def _poscar(structure: Structure) -> str:
    speeds = structure.site_properties.get("velocities")
    bare = Structure(
        structure.lattice,
        structure.species,
        structure.frac_coords,
        site_properties={} if speeds is None else {"velocities": speeds},
    )
    return str(Poscar(bare).get_str(significant_figures=16))
