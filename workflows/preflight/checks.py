"""The checks of preflight, one function per cause of a wrong or a lost run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...configs.errors import InputError, StructureError
from ...structures.crystals.cells import require_neutral
from ..engines.acceptance import NO_MOMENT
from ..engines.tasks import MolecularDynamics, Relax
from .planned_run import Finding, PlannedRun, finding

__all__ = [
    "dipole_stages",
    "document_size",
    "dynamics_handlers",
    "hubbard_table",
    "incar_tags",
    "meshes",
    "moment_order",
    "neutral_cells",
    "one_rule",
    "one_u_per_element",
    "potcar_files",
    "potcar_names",
    "ranks_divide",
    "slab_tolerance",
    "starting_moments",
    "symmetry_off",
    "vacuum",
    "wall_time_holds_a_step",
]

Runs = Sequence[PlannedRun]

#: Å, least vacuum of a slab, so that its images do not feel each other
LEAST_VACUUM = 10.0
#: ratio of the coarsest to the finest spacing of k points in a campaign, above which the coarsest is named
SPACING_RATIO = 2.0
#: bytes of the arrays of one document; MongoDB refuses 16 MB
LARGEST_DOCUMENT = 12 * 1024**2
#: bytes per atom and stored frame: three numbers of a dumped float each
BYTES_PER_ATOM = 60
#: eV, EDIFF with which forces of slabs and long relaxations stay reliable
SLAB_TOLERANCE = 1e-6
#: share of the wall time that one ionic step may take
STEP_SHARE = 0.2


def incar_tags(runs: Runs) -> Finding:
    """Every tag that will be written is a tag of VASP, with a possible value."""
    from ..engines.vasp.inputs import incar_tags as tags_of
    from ..engines.vasp.settings import check_tags

    problems = [
        f"{run.name}: {problem}" for run in runs for problem in check_tags(tags_of(run.cell, run.task, run.settings))
    ]
    return finding(
        "INCAR tags",
        problems,
        "correct the tag: VASP ignores what it does not know and runs on",
        f"{len(runs)} INCARs hold known tags only",
    )


def hubbard_table(runs: Runs) -> Finding:
    """Every transition metal has a U; none is written as 0."""
    problems = []
    for run in runs:
        metals = {e.symbol for e in run.structure.composition.remove_charges().elements if e.is_transition_metal}
        missing = sorted(metals - set(run.task.method.hubbard_u if run.task.method else ()))
        if missing:
            problems.append(f"{run.name} has no U for {', '.join(missing)}")
    return finding(
        "U of every transition metal",
        problems,
        "add it to hubbard_u of the recipe; 0 eV must be written out",
        "all have one",
    )


def one_u_per_element(runs: Runs) -> Finding:
    """U belongs to the element and the campaign, never to the neighbours: energies of relax, static and dos share
    it."""
    seen: dict[str, tuple[float, str]] = {}
    problems = []
    for run in runs:
        if isinstance(run.task, MolecularDynamics) or run.task.method is None or run.apart:
            continue
        present = {e.symbol for e in run.structure.composition.remove_charges().elements}
        for element, u in run.task.method.hubbard_u.items():
            first, name = seen.setdefault(element, (u, run.name)) if element in present else (u, run.name)
            if first != u:
                problems.append(f"U({element}) is {first:g} eV in {name} and {u:g} eV in {run.name}")
    return finding(
        "one U per element",
        problems,
        "give one value per element in the recipe",
        ", ".join(f"{e} {u:g} eV" for e, (u, _) in sorted(seen.items())),
    )


def potcar_names(runs: Runs) -> Finding:
    """Every element has a POTCAR name that exists in the release (W_pv left it)."""
    from ..engines.vasp.potcar import check_names

    problems = []
    for run in runs:
        settings, elements = run.settings, set(run.cell.structure.composition.get_el_amt_dict())
        problems += [f"no POTCAR is named for {element}" for element in sorted(elements - set(settings.potcars))]
        problems += check_names(settings, elements)
    return finding(
        "POTCAR names",
        problems,
        "correct potcars in the settings of engine vasp",
        f"all in {runs[0].settings.functional_library}" if runs else "",
    )


def potcar_files(runs: Runs) -> Finding:
    """Every POTCAR is there, whole, of the right element and release, with the valence that the settings say."""
    from ..engines.vasp.potcar import potcar_manifest

    problems, mend, found = [], "", 0
    for run in runs:
        settings = run.settings
        if settings.names_only:
            continue
        potcars = settings.potcars_of(run.task)
        elements = sorted(set(run.cell.structure.composition.get_el_amt_dict()) & set(potcars))
        try:
            found += len(potcar_manifest({element: potcars[element] for element in elements}, settings))
        except InputError as error:
            problems.append(error.message)
            mend = mend or error.advice
    return finding(
        "POTCAR files",
        problems,
        mend or "see the message",
        f"{found} found and identified" if found else "POTCAR.spec is written: names only",
    )


def neutral_cells(runs: Runs) -> Finding:
    """Oxidation states add up to zero, but where an ion left as an atom: NELECT is left to VASP."""
    problems = []
    for run in runs:
        if run.unpaid:
            continue
        try:
            require_neutral(run.structure, run.name)
        except StructureError as error:
            problems.append(error.message)
    return finding("neutral cells", problems, "mend the composition or the oxidation states", "all", refuses=False)


def starting_moments(runs: Runs) -> Finding:
    """A cell with transition metals says which moments it starts from, zeros included."""
    problems = []
    for run in runs:
        metals = [
            site for site in run.structure if any(e.is_transition_metal for e in site.species.remove_charges().elements)
        ]
        if (
            run.task.method
            and run.task.method.spin_polarized
            and metals
            and any(site.properties.get("magmom") is None for site in metals)
        ):
            problems.append(f"{run.name} has transition metals without the site property magmom")
    return finding(
        "starting moments",
        problems,
        "build the cell with structures.magnetism.with_moments",
        "every transition metal has one",
    )


def moment_order(runs: Runs) -> Finding:
    """MAGMOM and POSCAR, written and read back, give each atom of the asked cell its own moment and place."""
    from pymatgen.io.vasp.inputs import Incar, Poscar

    from ..engines.vasp.inputs import input_files

    problems = []
    for run in runs:
        if "magmom" not in run.structure.site_properties:
            continue
        cell = run.cell
        files = input_files(cell, run.task, run.settings)
        incar = Incar.from_str(str(files["INCAR"]))
        back = Poscar.from_str(files["POSCAR"].get_str(significant_figures=16)).structure
        moments = np.array(cell.restored(list(incar.get("MAGMOM", [0.0] * len(back)))))
        asked = np.array([float(m or 0.0) for m in run.structure.site_properties["magmom"]])
        moving = np.abs(asked) >= NO_MOMENT  # all of them times one scale; resting open shells start from less
        scales = moments[moving] / asked[moving]
        symbols = [site.specie.symbol for site in run.structure.copy().remove_oxidation_states()]
        shift = np.array(cell.restored(back.frac_coords.tolist())) - run.structure.frac_coords
        same = cell.restored([site.specie.symbol for site in back]) == symbols and np.allclose(
            shift - np.round(shift), 0, atol=1e-9
        )
        scaled = scales.size == 0 or (scales[0] > 0 and np.allclose(scales, scales[0], atol=1e-5))
        if not same or ("MAGMOM" in incar and not scaled):
            problems.append(f"{run.name}: moments or sites come back in another order")
    return finding(
        "MAGMOM after write and read-back",
        problems,
        "this is a defect of the input writer: report it",
        "each atom keeps its own",
    )


def one_rule(runs: Runs) -> Finding:
    """LREAL, PREC, smearing, cutoff and POTCAR release are the same wherever energies may be subtracted."""
    rules: dict[str, dict[object, str]] = {}
    for run in _energies(runs):
        settings, method = run.settings, run.task.method
        values = {
            "LREAL": settings.real_space_projection,
            "PREC": settings.precision,
            "ISMEAR": settings.smearing_kind,
            "SIGMA": method.smearing if method else None,
            "ENCUT": method.cutoff if method else None,
            "POTCAR release": settings.functional_library,
        }
        for name, value in values.items():
            rules.setdefault(name, {}).setdefault(value, run.name)
    problems = [
        f"{name}: " + ", ".join(f"{value} in {where}" for value, where in seen.items())
        for name, seen in rules.items()
        if len(seen) > 1
    ]
    return finding(
        "one rule per campaign",
        problems,
        "give one value for all jobs, unless a convergence test is meant",
        "LREAL, PREC, smearing, cutoff and POTCARs agree",
        refuses=False,
    )


def meshes(runs: Runs) -> Finding:
    """Spacings of k points of small references and large cells lie within a factor; the direction of a vacuum is left
    out, and so is a molecule in a box."""
    spacings = {}
    for run in _energies(runs):
        cell, mesh = run.cell, run.task.method.kpoints if run.task.method else (1, 1, 1)
        if cell.structure.volume > 200 * len(cell.structure):  # Å³
            continue
        axes = (0, 1) if cell.vacuum else (0, 1, 2)
        lengths = cell.structure.lattice.reciprocal_lattice.abc
        spacings[run.name] = max(lengths[axis] / mesh[axis] for axis in axes)
    if not spacings:
        return Finding("k meshes", True, "no job has an energy to compare")
    finest, coarsest = min(spacings, key=lambda n: spacings[n]), max(spacings, key=lambda n: spacings[n])
    told = f"{spacings[finest]:.3f} Å⁻¹ ({finest}) to {spacings[coarsest]:.3f} Å⁻¹ ({coarsest})"
    problems = [told] if spacings[coarsest] > SPACING_RATIO * spacings[finest] else []
    return finding(
        "k meshes",
        problems,
        "the coarser mesh limits every energy difference: refine it, or say so",
        f"spacings from {told}",
        refuses=False,
    )


def vacuum(runs: Runs) -> Finding:
    """Slabs have enough vacuum along c, c stands upright, and one k point suffices along it."""
    problems = []
    for run in runs:
        cell = run.cell
        if not cell.vacuum:
            continue
        a, b, c = cell.structure.lattice.matrix
        upright = abs(np.dot(np.cross(a, b), c)) / (np.linalg.norm(np.cross(a, b)) * np.linalg.norm(c))
        if cell.vacuum < LEAST_VACUUM:
            problems.append(f"{run.name} has {cell.vacuum:.1f} Å of vacuum, at least {LEAST_VACUUM:g} Å are needed")
        if upright < 1 - 1e-6 and cell.polar:
            problems.append(f"{run.name}: c is not perpendicular to the surface, as the dipole correction needs")
        if run.task.method and run.task.method.kpoints[2] != 1:
            problems.append(f"{run.name} has {run.task.method.kpoints[2]} k points along its vacuum, 1 is right")
    return finding("vacuum", problems, "rebuild the slab, or correct its mesh", "no slab, or all are fine")


def dipole_stages(runs: Runs) -> Finding:
    """Polar slabs are converged without the dipole correction first."""
    from ..engines.vasp.stages import runs_of

    polar = [run for run in _energies(runs) if run.cell.polar]
    problems = [f"{run.name} has one stage" for run in polar if len(runs_of(run.cell, run.task, run.settings)) < 2]
    return finding(
        "dipole correction in two stages",
        problems,
        "this is a defect of the engine: report it",
        f"{len(polar)} polar slabs",
    )


def symmetry_off(runs: Runs) -> Finding:
    """Slabs and dynamics run without symmetry, so that no operation is found and lost on the way."""
    from ..engines.vasp.inputs import incar_tags as tags_of

    wanted = [run for run in runs if run.cell.vacuum or isinstance(run.task, MolecularDynamics)]
    problems = [
        f"{run.name} has no ISYM = 0" for run in wanted if tags_of(run.cell, run.task, run.settings).get("ISYM") != 0
    ]
    return finding(
        "symmetry", problems, "this is a defect of the engine: report it", f"{len(wanted)} jobs with ISYM = 0"
    )


def slab_tolerance(runs: Runs) -> Finding:
    """Relaxed slabs need EDIFF at least as tight as 1e-6 eV, or the line search brackets noise (ZBRENT)."""
    problems = [
        f"{run.name} relaxes a slab with EDIFF {run.settings.energy_tolerance:g} eV"
        for run in runs
        if run.cell.vacuum and isinstance(run.task, Relax) and run.settings.energy_tolerance > SLAB_TOLERANCE
    ]
    return finding("EDIFF of slabs", problems, f"energy_tolerance: {SLAB_TOLERANCE:g} eV", "fine", refuses=False)


def dynamics_handlers(runs: Runs) -> Finding:
    """No error handler of dynamics is there to change the time step."""
    from ..engines.vasp.runner import handlers

    names = [handler.__name__ for handler in handlers("md")]
    problems = [
        f"{name} changes POTIM or begins again"
        for name in names
        if name.startswith(("Potim", "PositiveEnergy", "Unconverged", "NonConverging"))
    ]
    return finding(
        "error handlers of dynamics", problems, "this is a defect of the engine: report it", ", ".join(names)
    )


def document_size(runs: Runs) -> Finding:
    """The frames of one job fit into one document of the additional store's limit."""
    problems = []
    for run in runs:
        if isinstance(run.task, MolecularDynamics):
            size = run.task.n_steps / run.task.frame_interval * len(run.structure) * BYTES_PER_ATOM
            if size > LARGEST_DOCUMENT:
                problems.append(
                    f"{run.name} would store {size / 1024**2:.0f} MiB of frames, {LARGEST_DOCUMENT // 1024**2} MiB fit"
                )
    return finding(
        "size of the stored frames",
        problems,
        "shorter chunks, or a larger frame_interval",
        "every chunk fits",
        refuses=False,
    )


def ranks_divide(runs: Runs, ranks: int) -> Finding:
    """KPAR divides the ranks, NCORE what is left, and NBANDS of a density of states is a multiple of the band
    groups."""
    from ..engines.vasp.inputs import incar_tags as tags_of

    problems = []
    for run in runs:
        tags = tags_of(run.cell, run.task, run.settings, ranks=ranks)
        kpar, ncore, multiple = int(tags["KPAR"]), int(tags["NCORE"]), run.settings.band_multiple
        groups = ranks // kpar // ncore
        if ranks % kpar or (ranks // kpar) % ncore:
            problems.append(f"{run.name}: {ranks} ranks are not a multiple of KPAR {kpar} × NCORE {ncore}")
        elif groups and "NBANDS" in tags and multiple % groups:
            problems.append(
                f"{run.name}: band_multiple {multiple} is no multiple of {groups} band groups: VASP would change NBANDS"
            )
    return finding("ranks", problems, "choose ncore, kpar and band_multiple to fit the ranks", f"{ranks} ranks fit")


def wall_time_holds_a_step(runs: Runs, wall_time: float, ranks: int) -> Finding:
    """The wall time holds several ionic steps, by the estimate of the plan (an order of magnitude)."""
    from ..engines.registry import load_backend

    engine, problems = load_backend("vasp", {}), []
    for run in runs:
        one = run.task.model_copy(update={"n_steps": 1}) if isinstance(run.task, MolecularDynamics) else run.task
        seconds = engine.estimate_seconds(len(run.structure), one) / ranks / (20 if isinstance(one, Relax) else 1)
        if seconds > wall_time * STEP_SHARE:
            problems.append(
                f"{run.name}: one ionic step takes about {seconds:.0f} s on {ranks} ranks, the wall time is "
                f"{wall_time:.0f} s"
            )
    return finding(
        "wall time",
        problems,
        "more ranks or a longer wall time",
        f"{wall_time:.0f} s hold at least {1 / STEP_SHARE:.0f} steps of every job",
    )


def _energies(runs: Runs) -> Iterator[PlannedRun]:
    """Runs whose energies may be subtracted: all but dynamics, those that vary a setting, and another series."""
    return (run for run in runs if not isinstance(run.task, MolecularDynamics) and not (run.varied or run.apart))
