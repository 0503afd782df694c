"""Sound files of every format that is read, each with what reads it: what :mod:`.fuzz` mutates."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catholyte.configs.load import ENGINES_VARIABLE, engine_settings, load_recipe
from catholyte.configs.trust import declared_trust

__all__ = ["Sound", "sound_configs", "sound_files"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sound:
    """A sound file.

    Parameters
    ----------
    form : str
        Of the file, and what reads it.
    path : Path
    read : callable
        Everything that a command takes from a file at the path that is given.
    beside : tuple of Path
        Files that are read along, and stay sound.
    """

    form: str
    path: Path
    read: Callable[[Path], object]
    beside: tuple[Path, ...] = ()


def sound_configs(folder: Path) -> list[Sound]:
    """Recipes down to the plan of their jobs, materials down to the cell, files of engines and of clusters."""
    configs = ROOT / "configs"
    engines = []
    for name in ("chgnet", "gpaw", "vasp"):
        own = folder / f"own-{name}.yaml"
        own.write_bytes((configs / "engines" / f"{name}.yaml").read_bytes())
        engines.append(own)
    return [
        *(Sound("recipe", path, _recipe) for path in sorted((configs / "recipes").glob("*.yaml"))),
        *(Sound("material", path, _structure) for path in sorted((configs / "materials").glob("[LN]*.yaml"))),
        *(Sound("engine", path, _engine) for path in engines),
        *(Sound("cluster", path, _cluster) for path in sorted((configs / "clusters").glob("*.yaml"))),
    ]


def _recipe(path: Path) -> None:
    from catholyte.workflows.plan.build import build_plan

    build_plan(*load_recipe(str(path)), "rehearsal")


def _engine(path: Path) -> None:
    from catholyte.workflows.engines.ase.chgnet import ChgnetSettings
    from catholyte.workflows.engines.gpaw.backend import GpawSettings
    from catholyte.workflows.engines.vasp.settings import VaspSettings

    os.environ[ENGINES_VARIABLE] = str(path.parent)
    declared_trust(path.stem)
    models = {"own-chgnet": ChgnetSettings, "own-gpaw": GpawSettings, "own-vasp": VaspSettings}
    engine_settings(path.stem, models[path.stem], {})


def _cluster(path: Path) -> None:
    from catholyte.configs.cluster import load_cluster

    os.environ |= {"CATHOLYTE_DB_USER": "user", "CATHOLYTE_DB_PASSWORD": "password"}
    cluster = load_cluster(str(path))
    for kind in ("md", "relax", "other"):
        asked = cluster.resources_for("vasp", kind, 100)
        assert asked.clock
        assert asked.cores >= 1
    assert isinstance(cluster.environment, dict)
    assert cluster.store_uri


def sound_files(folder: Path) -> list[Sound]:
    """Structures, trajectories and runs of VASP, in every format and dialect."""
    return [*_structures(folder / "structures"), *_trajectories(folder / "trajectories"), *_runs(folder / "runs")]


def _structures(folder: Path) -> list[Sound]:
    from catholyte.structures.crystals.cells import calculation_cell
    from catholyte.structures.crystals.files import write_structure
    from catholyte.tests.support import crystals
    from catholyte.tests.support.vasp.vaspout_writer import write_vaspout

    cell = calculation_cell(crystals.LCO)
    names = {"own.cif": "CIF", "POSCAR": "POSCAR", "own.extxyz": "extended XYZ", "own.json": "JSON"}
    made = [Sound(form, write_structure(cell, folder / name), _structure) for name, form in names.items()]
    files = [path for path in sorted((ROOT / "tests" / "data" / "cases").rglob("*")) if path.is_file()]
    forms = {".cif": "CIF", ".vasp": "POSCAR", "": "POSCAR"}
    run = _states_run()
    return [
        *made,
        *(Sound(forms[path.suffix], path, _structure) for path in files if path.suffix in forms),
        Sound("vasprun.xml", run.written(folder), _structure),
        Sound("vaspout.h5", write_vaspout(run, folder / "vaspout.h5"), _structure),
    ]


def _structure(path: Path) -> None:
    from catholyte.structures.by_name import find_source

    assert len(find_source(str(path)).operations.rotations) >= 1


def _trajectories(folder: Path) -> list[Sound]:
    from catholyte.tests.support.motion.trajectory_formats import FORMATS
    from catholyte.tests.support.motion.trajectory_texts import walk

    frames, made = walk(12), []
    for name, form in FORMATS.items():
        place = folder / name
        place.mkdir(parents=True)
        form.write(place / form.name, frames)
        made.append(Sound(name.partition(",")[0].partition(" of")[0], place / form.name, _trajectory))
    (folder / "OUTCAR").write_text(_dynamics_outcar(frames.species, frames.cells, frames.positions))
    return [*made, Sound("OUTCAR", folder / "OUTCAR", _trajectory)]


def _trajectory(path: Path) -> None:
    from catholyte.analysis.trajectories.reader import open_trajectory

    for frames in open_trajectory([path], elements=("Li", "P", "S")).blocks():
        assert len(frames.fractional()) == len(frames)


def _dynamics_outcar(species: tuple[str, ...], cells: np.ndarray, positions: np.ndarray) -> str:
    """What ASE reads of an OUTCAR."""
    kinds = list(dict.fromkeys(species))
    text = " vasp.6.3.2 27Jun22 complex\n"
    text += "".join(f" POTCAR:    PAW_PBE {kind} 08Apr2002\n" for kind in [*kinds, *kinds])
    text += f"   ions per type =        {'   '.join(str(species.count(kind)) for kind in kinds)}\n"
    text += "   ISPIN  =      1    spin polarized calculation?\n   IBRION =      0\n   POTIM  = 2.0000    time-step\n"
    for k, (cell, rows) in enumerate(zip(cells, positions, strict=True), 1):
        text += f"\n--------------------------------------- Iteration {k:6d}(   1)  ------\n"
        text += "      direct lattice vectors                 reciprocal lattice vectors\n"
        inverse = np.linalg.inv(cell).T
        pairs = zip(cell, inverse, strict=True)
        text += "".join(" " + "".join(f"{value:13.9f}" for value in (*row, *other)) + "\n" for row, other in pairs)
        text += " POSITION                                       TOTAL-FORCE (eV/Angst)\n " + "-" * 83 + "\n"
        text += "".join("".join(f"{value:13.5f}" for value in (*row, 0.0, 0.1, -0.1)) + "\n" for row in rows)
        text += " " + "-" * 83 + "\n    total drift:                      0.000000      0.000000      0.000000\n"
        text += (
            "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  ---------------------------------------------------\n"
        )
        text += f"  free  energy   TOTEN  = {-10.0 - k:18.8f} eV\n\n"
        text += f"  energy  without entropy= {-10.0 - k:18.8f}  energy(sigma->0) = {-10.0 - k:18.8f}\n"
    return text


def _states_run():  # type: ignore[no-untyped-def]
    """Rock salt with moments, bands and a projected density of states."""
    from catholyte.tests.support.vasp.written_run import LM, Dos, WrittenRun, rock_salt

    rng = np.random.default_rng(7)
    levels = np.tile([-6.0, -3.0, -1.0, -0.5, 3.0, 5.0, 6.0, 7.0], (2, 2, 1)) + rng.uniform(0, 0.3, (2, 2, 1))
    grid = np.linspace(-20.0, 10.0, 41)
    return WrittenRun(
        rock_salt(),
        incar={"ENCUT": 520.0, "SIGMA": 0.05, "PREC": "Accurate", "LORBIT": 11, "ISPIN": 2},
        parameters={"NELECT": 16.0, "NEDOS": 41},
        kpoints=np.array([[0.0, 0, 0], [0.5, 0, 0]]),
        mesh=(2, 1, 1),
        eigenvalues=levels,
        occupations=np.array(np.broadcast_to([1.0, 1, 1, 1, 0, 0, 0, 0], levels.shape)),
        efermi=0.7,
        dos=Dos(grid, rng.uniform(size=(2, 41)), rng.uniform(size=(2, 2, len(LM), 41))),
    )


def _runs(folder: Path) -> list[Sound]:
    from monty.json import MontyEncoder

    from catholyte.structures.crystals.files import write_structure
    from catholyte.tests.support.vasp.outcar_writer import outcar_text
    from catholyte.tests.support.vasp.vaspout_writer import write_vaspout
    from catholyte.workflows.engines.vasp.document import document_from_files
    from catholyte.workflows.vasp_output.outcar import read_contcar

    run = _states_run()
    xml, h5 = run.written(folder), write_vaspout(run, folder / "vaspout.h5", moments=np.array([[9.0, 6.0], [1.7, 0.1]]))
    outcar = folder / "OUTCAR"
    outcar.write_text(outcar_text([1.7, 0.1], [-30.0, -70.0], electrons=16.0))
    stored = folder / "document.json"
    stored.write_text(json.dumps(document_from_files(xml, "NiO"), cls=MontyEncoder))
    contcar = write_structure(run.structure, folder / "CONTCAR")
    return [
        *(Sound(path.name, path, read, (outcar,)) for path in (xml, h5) for read in (_bands, _document)),
        Sound("OUTCAR", outcar, lambda path: _bands(path.with_name("vasprun.xml")), (xml,)),
        Sound("OUTCAR", outcar, lambda path: _document(path.with_name("vasprun.xml")), (xml,)),
        Sound("JSON", stored, _bands),
        Sound("POSCAR", contcar, read_contcar),
    ]


def _bands(path: Path) -> None:
    from catholyte.analysis.states.read import read_bands

    read_bands(path)


def _document(path: Path) -> None:
    from catholyte.workflows.engines.vasp.document import document_from_files

    document_from_files(path, "NiO")
