"""A task and a cell to INCAR, KPOINTS, POSCAR and POTCAR: every tag is set here, none is a library's default."""

from __future__ import annotations

import hashlib
import json
import warnings
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pymatgen.core.structure import Structure

from ....configs.constants import BOLTZMANN
from ....configs.errors import InputError, StructureError, near_match_hint
from ....configs.models import Method
from ....structures.crystals.symmetry import space_group
from ..tasks import Dos, MolecularDynamics, Relax, Task
from .cells import VaspCell, vasp_cell
from .settings import PotcarName, VaspSettings, check_tags

if TYPE_CHECKING:
    from pymatgen.io.vasp.inputs import Kpoints, VaspInput

__all__ = [
    "MANIFEST",
    "SITE_ORDER",
    "Stage",
    "incar_tags",
    "input_files",
    "n_bands",
    "needs_stages",
    "requested_method",
    "start_velocities",
    "write_inputs",
]

#: hashes of the POTCAR of a run; the order of its sites
MANIFEST, SITE_ORDER = "potcar-manifest.json", "site-order.json"
#: `only`: one run; `preconverge` and `dipole`: wave functions without the dipole correction first, then with it
Stage = Literal["only", "preconverge", "dipole"]
#: Å; above it charge sloshes along the cell and AMIN is lowered (VASP wiki, AMIN)
LONG_CELL = 50.0
#: Å, with which the space group is looked for
_SYMMETRY_PRECISION = 1e-3
_AMU = 103.642696562  # eV fs²/Å² per atomic mass unit, CODATA 2018


def requested_method(structure: Structure, task: Task, label: str) -> Method:
    """Return the method of a task, or say what is missing.

    Raises
    ------
    InputError
        If the task has no method, or its U table leaves out a transition metal of the cell.
    """
    if task.method is None:
        raise InputError(
            f"{label}: engine vasp needs a method (functional, cutoff, kpoints) for a calculation of kind {task.kind!r}"
        )
    elements = structure.composition.remove_charges().elements
    missing = sorted(e.symbol for e in elements if e.is_transition_metal and e.symbol not in task.method.hubbard_u)
    if missing:
        raise InputError(
            f"{label}: hubbard_u has no entry for {', '.join(missing)}; every transition metal needs one, and no U is "
            "written as 0"
        )
    return task.method


def needs_stages(cell: VaspCell, task: Task) -> bool:
    """Whether the dipole correction is on: a polar slab, in every calculation but dynamics."""
    return cell.polar and not isinstance(task, MolecularDynamics)


def n_bands(cell: VaspCell, settings: VaspSettings, spin_polarized: bool = True) -> int:
    """NBANDS of a density of states: the occupied bands of the fuller spin channel and the empty ones asked for,
    rounded up to a multiple."""
    electrons = sum(
        _potcar(element, settings).valence * amount
        for element, amount in cell.structure.composition.get_el_amt_dict().items()
    )
    unpaired = sum(abs(m) for m in cell.structure.site_properties.get("magmom", ())) if spin_polarized else 0.0
    occupied = ceil((electrons + unpaired) / 2)
    wanted = occupied + max(settings.min_empty_bands, ceil(settings.empty_bands * occupied))
    return settings.band_multiple * ceil(wanted / settings.band_multiple)


def incar_tags(cell: VaspCell, task: Task, settings: VaspSettings, stage: Stage = "only") -> dict[str, Any]:
    """Return every INCAR tag of one run; U and MAGMOM in VASP's order of the sites."""
    method = requested_method(cell.structure, task, cell.structure.composition.reduced_formula)
    tags: dict[str, Any] = {
        "PREC": settings.precision,
        "ENCUT": method.cutoff,
        "GGA": {"PBE": "PE"}[method.functional],
        "LASPH": True,
        "LMAXMIX": 6 if any(site.specie.block == "f" for site in cell.structure) else 4,
        "LREAL": "Auto" if settings.real_space_projection else False,
        "ALGO": settings.algorithm,
        "NELM": settings.max_iterations,
        "EDIFF": settings.md_energy_tolerance if isinstance(task, MolecularDynamics) else settings.energy_tolerance,
        "ISMEAR": {"gaussian": 0, "fermi": -1}[settings.smearing_kind],
        "SIGMA": method.smearing,
        "LORBIT": 11,
        "ISTART": 1 if stage == "dipole" else 0,
        "LWAVE": stage == "preconverge",
        "LCHARG": False,
        "NCORE": settings.ncore,
        "KPAR": settings.kpar,
    }
    tags |= _spin_and_u(cell, method)
    tags |= {"NSW": 0, "IBRION": -1} if stage == "preconverge" else _motion(cell, task)
    tags |= {} if stage == "dipole" else {"ICHARG": 2}
    if (
        cell.vacuum
        or isinstance(task, MolecularDynamics)
        or _has_no_symmetry(cell)
        or not getattr(task, "keep_symmetry", True)
    ):
        tags["ISYM"] = 0
    if stage == "dipole":
        tags |= {"LDIPOL": True, "IDIPOL": 3, "DIPOL": cell.dipole_centre}
    if max(cell.structure.lattice.abc) > LONG_CELL:
        tags["AMIN"] = 0.01
    if isinstance(task, Dos) and stage != "preconverge":
        tags |= {"NEDOS": settings.dos_points, "NBANDS": n_bands(cell, settings, method.spin_polarized)}
        tags |= {"LVHAR": True} if cell.vacuum or len(set(cell.structure.site_properties.get("layer", ()))) > 1 else {}
    elif isinstance(task, Dos):
        tags["NBANDS"] = n_bands(cell, settings, method.spin_polarized)  # the wave functions are read by the next stage
    return tags | settings.extra_tags


def _has_no_symmetry(cell: VaspCell) -> bool:
    """Whether the space group is P1, as that of every interface and random arrangement, or cannot be told."""
    bare = Structure(cell.structure.lattice, cell.structure.species, cell.structure.frac_coords)
    try:
        return space_group(bare, _SYMMETRY_PRECISION).get_space_group_number() == 1
    except StructureError:
        return True


def _spin_and_u(cell: VaspCell, method: Method) -> dict[str, Any]:
    tags: dict[str, Any] = {"ISPIN": 2 if method.spin_polarized else 1}
    if method.spin_polarized:
        tags["MAGMOM"] = [float(m) for m in cell.structure.site_properties.get("magmom", [0.0] * len(cell.structure))]
    symbols = list(dict.fromkeys(site.specie.symbol for site in cell.structure))
    table = [method.hubbard_u.get(symbol, 0.0) for symbol in symbols]
    if any(table):
        tags |= {
            "LDAU": True,
            "LDAUTYPE": 2,
            "LDAUL": [2 if u else -1 for u in table],
            "LDAUU": table,
            "LDAUJ": [0.0] * len(table),
        }
    return tags


def _motion(cell: VaspCell, task: Task) -> dict[str, Any]:
    if isinstance(task, Relax):
        return {
            "NSW": task.max_steps,
            "IBRION": 2,
            "POTIM": 0.5,
            "ISIF": 3 if task.relax_cell and not cell.vacuum else 2,
            "EDIFFG": -task.max_force,
        }
    if not isinstance(task, MolecularDynamics):
        return {"NSW": 0, "IBRION": -1}
    tags = {
        "NSW": task.n_steps,
        "IBRION": 0,
        "POTIM": task.timestep,
        "TEBEG": task.temperature,
        "TEEND": task.temperature,
        "ISIF": 2,
        "NBLOCK": 1,
    }
    if task.thermostat == "langevin":
        n_species = len({site.specie for site in cell.structure})
        return tags | {"MDALGO": 3, "LANGEVIN_GAMMA": [1e3 / task.damping] * n_species}
    return (
        tags | {"MDALGO": 2, "SMASS": _nose_mass(cell, task)} if task.thermostat != "none" else tags | {"SMASS": -3.0}
    )


def _nose_mass(cell: VaspCell, task: MolecularDynamics) -> float:
    """SMASS, atomic mass units × (length of the first lattice vector)², of the thermostat mass ``g kB T τ²``.

    g = 3 (N - 1) degrees of freedom. VASP's own default, a period of 40 steps, is ``2 g kB T (P/2π)²`` in the
    same unit: its output for 16 Si atoms at 500 K and 2 fs (0.10) is met with τ = √2 · 80 fs/2π.
    """
    freedom = 3 * (len(cell.structure) - 1)
    return round(freedom * BOLTZMANN * task.temperature * task.damping**2 / (_AMU * cell.structure.lattice.a**2), 6)


def start_velocities(structure: Structure, task: MolecularDynamics) -> Structure:
    """Return `structure` with velocities, Å/fs: its own where it has them, or drawn at the asked temperature with the
    task's seed."""
    if "velocities" in structure.site_properties:
        return structure
    from ase import units
    from ase.md.velocitydistribution import Stationary, thermalize_momenta
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    thermalize_momenta(atoms, temperature_K=task.temperature, rng=np.random.default_rng(task.seed))
    Stationary(atoms)
    drawn = structure.copy()
    drawn.add_site_property("velocities", (atoms.get_velocities() * units.fs).tolist())
    return drawn


def input_files(cell: VaspCell, task: Task, settings: VaspSettings, stage: Stage = "only") -> VaspInput:
    """Return INCAR, KPOINTS and POSCAR through atomate2's input-set generator, with POTCAR names instead of POTCARs.

    Raises
    ------
    InputError
        If an element has no POTCAR in the settings, or a tag does not exist.
    """
    from atomate2.vasp.sets.base import VaspInputGenerator

    method = requested_method(cell.structure, task, cell.structure.composition.reduced_formula)
    tags = incar_tags(cell, task, settings, stage)
    problems = check_tags(tags)
    if problems:
        raise InputError("; ".join(problems))
    symbols = {element: _potcar(element, settings).symbol for element in cell.structure.composition.get_el_amt_dict()}
    per_element = {
        name: dict(zip(symbols, tags[name], strict=True)) for name in ("LDAUL", "LDAUU", "LDAUJ") if name in tags
    }
    generator = VaspInputGenerator(
        config_dict={
            "INCAR": {**tags, **per_element},
            "KPOINTS": {},
            "POTCAR": symbols,
            "POTCAR_FUNCTIONAL": settings.functional_library,
        },
        user_kpoints_settings=_kpoints(method, settings),  # type: ignore[arg-type]  # its own docstring allows Kpoints
        sort_structure=False,
        inherit_incar=False,
        auto_ismear=False,
        auto_metal_kpoints=False,
        validate_magmom=False,
    )
    with warnings.catch_warnings():
        # advice on smearing for cells of metals only: the smearing is the campaign's, the same for every cell
        warnings.filterwarnings("ignore", message="Relaxation of likely metal")
        warnings.filterwarnings("ignore", message="ISMEAR = 0 with a small SIGMA")
        files = generator.get_input_set(cell.structure, potcar_spec=True)
    files["INCAR"].update(
        tags
    )  # the generator drops tags that it takes for unused; what is written is exactly the table
    return files


def write_inputs(
    structure: Structure, task: Task, settings: VaspSettings, directory: Path, stage: Stage = "only"
) -> VaspCell:
    """Write the input of one run into `directory` and return its cell.

    POSCAR (velocities of dynamics included), INCAR, KPOINTS, POTCAR with the manifest of its hashes or
    POTCAR.spec, and the order of the sites, without which no output can be mapped back.

    Raises
    ------
    InputError
        As :func:`input_files`; or if a POTCAR is missing or of another release.
    """
    from .potcar import potcar_manifest

    if isinstance(task, MolecularDynamics):
        structure = start_velocities(structure, task)
    cell = vasp_cell(structure)
    files = input_files(cell, task, settings, stage)
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("INCAR", "KPOINTS"):
        (directory / name).write_text(str(files[name]).rstrip() + "\n", encoding="utf-8")
    (directory / "POSCAR").write_text(files["POSCAR"].get_str(significant_figures=16), encoding="utf-8")
    (directory / SITE_ORDER).write_text(json.dumps(list(cell.order)), encoding="utf-8")
    symbols = [_potcar(symbol, settings).symbol for symbol in files["POSCAR"].site_symbols]
    if settings.names_only:
        (directory / "POTCAR.spec").write_text("\n".join(symbols), encoding="utf-8")
        return cell
    manifest = potcar_manifest({s: _potcar(s, settings) for s in files["POSCAR"].site_symbols}, settings)
    joined = b"".join(found.content for found in manifest)
    (directory / "POTCAR").write_bytes(joined)
    told = {
        "library": settings.functional_library,
        "sha256": hashlib.sha256(joined).hexdigest(),
        "files": [found.told() for found in manifest],
    }
    (directory / MANIFEST).write_text(json.dumps(told, indent=1), encoding="utf-8")
    return cell


def _kpoints(method: Method, settings: VaspSettings) -> Kpoints:
    from pymatgen.io.vasp.inputs import Kpoints

    gamma = settings.centring == "gamma" or prod(method.kpoints) == 1
    return Kpoints.gamma_automatic(method.kpoints) if gamma else Kpoints.monkhorst_automatic(method.kpoints)


def _potcar(element: str, settings: VaspSettings) -> PotcarName:
    if element not in settings.potcars:
        raise InputError(
            f"no POTCAR is named for {element}: add it to potcars in configs/engines/vasp.yaml; "
            f"{near_match_hint(element, settings.potcars)}"
        )
    return settings.potcars[element]
