"""A task and a cell to INCAR, KPOINTS, POSCAR and POTCAR: every tag is set here, none is a library's default."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymatgen.core.structure import Structure

from ....configs.errors import InputError, StructureError, near_match_hint
from ....configs.models import Method
from ....structures.crystals.symmetry import space_group
from ..tasks import Dos, ElasticBand, MolecularDynamics, Task
from .cells import VaspCell, vasp_cell
from .parallel import irreducible_points, layout, ranks_here
from .settings import PotcarName, VaspSettings, check_tags
from .stages import Run, needs_static, runs_of
from .starts import motion_tags, start_velocities

if TYPE_CHECKING:
    from pymatgen.io.vasp.inputs import Kpoints, VaspInput

__all__ = [
    "MANIFEST",
    "SITE_ORDER",
    "centring_of",
    "cutoff_of",
    "incar_tags",
    "input_files",
    "n_bands",
    "requested_method",
    "uses_symmetry",
    "write_inputs",
]

#: hashes of the POTCAR of a run; the order of its sites
MANIFEST, SITE_ORDER = "potcar-manifest.json", "site-order.json"
#: Å; above it charge sloshes along the cell and AMIN is lowered (VASP wiki, AMIN)
LONG_CELL = 50.0
#: Å, with which the space group is looked for
_SYMMETRY_PRECISION = 1e-3
#: IVDW of a dispersion correction (VASP wiki, IVDW); none is written out
_IVDW = {"none": 0, "d3": 11, "d3-bj": 12}


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


def n_bands(cell: VaspCell, settings: VaspSettings, spin_polarized: bool = True) -> int:
    """NBANDS of a density of states: the occupied bands of the fuller spin channel and the empty ones asked for,
    rounded up to a multiple."""
    electrons = sum(
        _potcar(element, settings.potcars).valence * amount
        for element, amount in cell.structure.composition.get_el_amt_dict().items()
    )
    unpaired = sum(abs(m) for m in cell.structure.site_properties.get("magmom", ())) if spin_polarized else 0.0
    occupied = ceil((electrons + unpaired) / 2)
    wanted = occupied + max(settings.min_empty_bands, ceil(settings.empty_bands * occupied))
    return settings.band_multiple * ceil(wanted / settings.band_multiple)


def incar_tags(
    cell: VaspCell, task: Task, settings: VaspSettings, run: Run | None = None, ranks: int | None = None
) -> dict[str, Any]:
    """Return every INCAR tag of one run; U and MAGMOM in VASP's order of the sites.

    Parameters
    ----------
    cell : VaspCell
    task : Relax, Static, Dos or MolecularDynamics
    settings : VaspSettings
    run : Run, optional
        Of :func:`~.stages.runs_of`; the one that was asked for where left out.
    ranks : int, optional
        MPI ranks; those of the running job where left out.
    """
    method = requested_method(cell.structure, task, cell.structure.composition.reduced_formula)
    run = run or runs_of(cell, task, settings)[-1]
    dynamics = isinstance(task, MolecularDynamics)
    tags: dict[str, Any] = {
        "PREC": settings.md_precision if dynamics else settings.precision,
        "ENCUT": cutoff_of(cell, task, method, settings),
        "GGA": {"PBE": "PE"}[method.functional],
        "IVDW": _IVDW[settings.dispersion],
        "LASPH": True,
        "LMAXMIX": 6 if any(site.specie.block == "f" for site in cell.structure) else 4,
        "LREAL": "Auto"
        if (settings.md_real_space_projection if dynamics else settings.real_space_projection)
        else False,
        "ALGO": settings.md_algorithm if dynamics else settings.algorithm,
        "NELM": settings.max_iterations,
        "EDIFF": settings.md_energy_tolerance if dynamics else settings.energy_tolerance,
        "ISMEAR": {"gaussian": 0, "fermi": -1}[settings.smearing_kind],
        "SIGMA": method.smearing,
        "LORBIT": 11,
        "ISTART": 1 if run.given == "waves" else 0,
        "LWAVE": run.keeps_waves,
        "LCHARG": run.keeps_charge,
    }
    tags |= {} if run.given == "waves" else {"ICHARG": 1 if run.given == "charge" else 2}
    tags |= _spin_and_u(cell, method, run)
    tags |= {"NSW": 0, "IBRION": -1} if run.purpose == "start" else motion_tags(cell, task, settings)
    if not (run.symmetric and uses_symmetry(cell, task)):
        tags["ISYM"] = 0
    if run.dipole and run.purpose == "main":
        tags |= {"LDIPOL": True, "IDIPOL": 3, "DIPOL": cell.dipole_centre}
    if max(cell.structure.lattice.abc) > LONG_CELL:
        tags["AMIN"] = 0.01
    if isinstance(task, Dos):
        tags |= _dos_tags(cell, method, settings, run)
    return tags | _layout_tags(cell, task, settings, tags, ranks) | settings.extra_tags


def cutoff_of(cell: VaspCell, task: Task, method: Method, settings: VaspSettings) -> float:
    """ENCUT, eV: the recipe's, and where the cell relaxes at least `cell_cutoff` × the largest ENMAX."""
    if not needs_static(cell, task):
        return method.cutoff
    potcars = settings.potcars_of(task)
    known = [_potcar(e, potcars).enmax for e in cell.structure.composition.get_el_amt_dict()]
    if settings.cell_cutoff <= 1 or None in known:
        return method.cutoff
    return max(method.cutoff, float(ceil(settings.cell_cutoff * max(value or 0.0 for value in known))))


def _dos_tags(cell: VaspCell, method: Method, settings: VaspSettings, run: Run) -> dict[str, Any]:
    """Bands, which starts have too since their wave functions are read, and what is written of them at the end."""
    tags: dict[str, Any] = {"NBANDS": n_bands(cell, settings, method.spin_polarized)}
    if run.purpose == "start":
        return tags
    tags["NEDOS"] = settings.dos_points
    tags |= {"ICORELEVEL": 1} if settings.core_levels else {}
    layered = len(set(cell.structure.site_properties.get("layer", ()))) > 1
    return tags | ({"LVHAR": True} if cell.vacuum or layered else {})


def _layout_tags(
    cell: VaspCell, task: Task, settings: VaspSettings, tags: dict[str, Any], ranks: int | None
) -> dict[str, Any]:
    """KPAR and NCORE: those of the settings, else from ranks, k points and bands."""
    if settings.kpar is not None and settings.ncore is not None:
        return {"NCORE": settings.ncore, "KPAR": settings.kpar}
    mesh = task.method.kpoints if task.method else (1, 1, 1)
    gamma = centring_of(task, settings) == "gamma"
    points = irreducible_points(cell, mesh, symmetry="ISYM" not in tags, gamma=gamma)
    shared = ranks or ranks_here(settings)
    if isinstance(task, ElasticBand):  # the images share the ranks alike; of an odd share no layout makes good use
        shared = 1 << (max(1, shared // task.images).bit_length() - 1)
    kpar, ncore = layout(shared, points, settings.band_multiple if "NBANDS" in tags else None)
    return {"NCORE": settings.ncore or ncore, "KPAR": settings.kpar or kpar}


def uses_symmetry(cell: VaspCell, task: Task) -> bool:
    """Whether VASP may use the symmetry of a cell: neither of slabs, P1 cells and dynamics nor where a task says no."""
    free = isinstance(task, MolecularDynamics) or not getattr(task, "keep_symmetry", True)
    return not (cell.vacuum or free or _has_no_symmetry(cell))


def _has_no_symmetry(cell: VaspCell) -> bool:
    """Whether the space group is P1, as that of every interface and random arrangement, or cannot be told."""
    bare = Structure(cell.structure.lattice, cell.structure.species, cell.structure.frac_coords)
    try:
        return space_group(bare, _SYMMETRY_PRECISION).get_space_group_number() == 1
    except StructureError:
        return True


def _spin_and_u(cell: VaspCell, method: Method, run: Run) -> dict[str, Any]:
    tags: dict[str, Any] = {"ISPIN": 1} if run.start is None else {"ISPIN": 2, "MAGMOM": list(run.start.moments)}
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


def input_files(
    cell: VaspCell, task: Task, settings: VaspSettings, run: Run | None = None, ranks: int | None = None
) -> VaspInput:
    """Return INCAR, KPOINTS and POSCAR through atomate2's input-set generator, with POTCAR names instead of POTCARs.

    Raises
    ------
    InputError
        If an element has no POTCAR in the settings, or a tag does not exist.
    """
    from atomate2.vasp.sets.base import VaspInputGenerator

    method = requested_method(cell.structure, task, cell.structure.composition.reduced_formula)
    tags = incar_tags(cell, task, settings, run, ranks)
    problems = check_tags(tags)
    if problems:
        raise InputError("; ".join(problems))
    potcars = settings.potcars_of(task)
    symbols = {element: _potcar(element, potcars).symbol for element in cell.structure.composition.get_el_amt_dict()}
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
        user_kpoints_settings=_kpoints(method, task, settings),  # type: ignore[arg-type]  # its own docstring allows Kpoints
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
    structure: Structure,
    task: Task,
    settings: VaspSettings,
    directory: Path,
    run: Run | None = None,
    ranks: int | None = None,
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
    files = input_files(cell, task, settings, run, ranks)
    potcars = settings.potcars_of(task)
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("INCAR", "KPOINTS"):
        (directory / name).write_text(str(files[name]).rstrip() + "\n", encoding="utf-8")
    (directory / "POSCAR").write_text(files["POSCAR"].get_str(significant_figures=16), encoding="utf-8")
    (directory / SITE_ORDER).write_text(json.dumps(list(cell.order)), encoding="utf-8")
    symbols = [_potcar(symbol, potcars).symbol for symbol in files["POSCAR"].site_symbols]
    if settings.names_only:
        (directory / "POTCAR.spec").write_text("\n".join(symbols), encoding="utf-8")
        return cell
    manifest = potcar_manifest({s: _potcar(s, potcars) for s in files["POSCAR"].site_symbols}, settings)
    joined = b"".join(found.content for found in manifest)
    (directory / "POTCAR").write_bytes(joined)
    told = {
        "library": settings.functional_library,
        "sha256": hashlib.sha256(joined).hexdigest(),
        "files": [found.told() for found in manifest],
    }
    (directory / MANIFEST).write_text(json.dumps(told, indent=1), encoding="utf-8")
    return cell


def centring_of(task: Task, settings: VaspSettings) -> str:
    """Centring of the mesh: band edges often lie at Γ, which an even Monkhorst-Pack mesh leaves out."""
    if task.method is not None and prod(task.method.kpoints) == 1:
        return "gamma"
    return settings.dos_centring if isinstance(task, Dos) else settings.centring


def _kpoints(method: Method, task: Task, settings: VaspSettings) -> Kpoints:
    from pymatgen.io.vasp.inputs import Kpoints

    gamma = centring_of(task, settings) == "gamma"
    return Kpoints.gamma_automatic(method.kpoints) if gamma else Kpoints.monkhorst_automatic(method.kpoints)


def _potcar(element: str, potcars: Mapping[str, PotcarName]) -> PotcarName:
    if element not in potcars:
        raise InputError(
            f"no POTCAR is named for {element}: add it to potcars in configs/engines/vasp.yaml; "
            f"{near_match_hint(element, potcars)}"
        )
    return potcars[element]
