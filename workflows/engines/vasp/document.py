"""From the files of a VASP run to the one document.

Energies are extrapolated to zero smearing (``e_0_energy``), on VASP's own scale; the stress of vasprun.xml, kB and
positive under compression, becomes dE/dε/V in eV/Å³ (1 kB = 6.2415e-4 eV/Å³).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ....configs.constants import BOLTZMANN, KBAR
from ....configs.errors import InputError
from ...documents import (
    Acceptance,
    CalculationDocument,
    Convergence,
    Kind,
    ProjectedDos,
    Provenance,
    Trajectory,
)
from ...vasp_output.edges import band_edges
from ...vasp_output.effort import measured_effort
from ...vasp_output.files import VaspFiles, damage_named, locate
from ...vasp_output.outcar import read_contcar, read_outcar, with_moments
from ...vasp_output.potential import read_locpot
from ...vasp_output.run import atom_types, is_force_field, parse_vasprun
from ...vasp_output.states import projected_dos
from ..tasks import MolecularDynamics, Task
from .cells import VaspCell, vasp_cell
from .checks import Asked, run_checks, step_energy
from .parts import Part, join, parts
from .runner import Change, changes
from .signature import signature_of, tier_of
from .stages import EARLIER

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["Asked", "document_from_files", "document_of_run", "kind_of"]


def document_from_files(path: Path, label: str, asked: Asked | None = None) -> CalculationDocument:
    """Return the document of one run.

    Parameters
    ----------
    path : Path
        A directory with one run, or its vasprun.xml(.gz) or vaspout.h5.
    label : str
        Name of the material.
    asked : Asked, optional
        With it, sites come back in the order of the asked structure, and what ran is compared with what was asked.

    Raises
    ------
    InputError
        Naming the file that is missing, empty, truncated or corrupt.
    """
    files = locate(path)
    run = parse_vasprun(files.vasprun)
    with damage_named(files.vasprun):
        kind = asked.task.kind if asked else kind_of(run)
        earlier = parts(path) if kind == "md" and path.is_dir() else []
        before = [*(part.directory for part in earlier), *sorted(path.glob(f"{EARLIER}*"))] if path.is_dir() else []
        folders = [*before, path] if path.is_dir() else []
        return document_of_run(run, files, label, asked, earlier, folders)


def document_of_run(
    run: Vasprun,
    files: VaspFiles,
    label: str,
    asked: Asked | None = None,
    earlier: Sequence[Part] = (),
    folders: Sequence[Path] = (),
) -> CalculationDocument:
    """Return the document of a run that has been parsed.

    Parameters
    ----------
    run : Vasprun
        Where there are earlier parts, it becomes the whole of them.
    files : VaspFiles
        Its files.
    label : str
    asked : Asked, optional
    earlier : sequence of Part
        Of dynamics.
    folders : sequence of Path
        In which an error handler may have left what it changed.

    Raises
    ------
    InputError
        Naming the file that is truncated or corrupt, or the part that does not follow on.
    """
    cell = asked.cell if asked else vasp_cell(run.initial_structure, label)
    if not asked and cell.order != tuple(range(len(cell.order))):
        cell = VaspCell(run.initial_structure, tuple(range(len(cell.order))), cell.vacuum, cell.polar)
    if [s.specie.symbol for s in run.final_structure] != [s.specie.symbol for s in cell.structure]:
        raise InputError(
            f"{files.vasprun} holds {run.final_structure.composition.formula}, asked was "
            f"{cell.structure.composition.formula}: it is another run"
        )
    outcar = with_moments(read_outcar(files.outcar, len(cell.structure)), run)
    kind: Kind = asked.task.kind if asked else kind_of(run)
    told = join(run, list(earlier)) if earlier else ""
    altered = list(dict.fromkeys(change for folder in folders for change in changes(folder, kind)))
    last = run.ionic_steps[-1]
    forces = np.asarray(last["forces"], dtype=float)
    moments = None if outcar.get("moments") is None else cell.restored(outcar["moments"])
    initial = asked.structure if asked else run.initial_structure
    dos = _restored_dos(projected_dos(run, files.vasprun), cell) if run.pdos and kind == "dos" else None
    core = None if outcar.get("core") is None else cell.restored(outcar["core"])
    has_edges = bool(run.eigenvalues) and kind in ("static", "dos", "relax")
    return CalculationDocument(
        label=label,
        kind=kind,
        tier=tier_of(run),
        formula=initial.composition.remove_charges().formula.replace(" ", ""),
        n_sites=len(initial),
        initial_structure=initial,
        structure=_final_structure(run, files, initial, cell, moments, kind),
        energy=step_energy(last),
        forces=cell.restored(forces.tolist()),
        stress=(-np.asarray(last["stress"], dtype=float) * KBAR).tolist() if last.get("stress") is not None else None,
        magmoms=moments,
        moments_signed=not outcar.get("vectors"),
        total_magnetization=outcar.get("total"),
        convergence=_convergence(run, kind),
        band_edges=band_edges(run, files.vasprun, core) if has_edges else None,
        dos=dos,
        potential=read_locpot(files.locpot, run) if kind in ("static", "dos") else None,
        trajectory=_trajectory(run, cell, asked.task if asked else None) if len(run.ionic_steps) > 1 else None,
        signature=signature_of(run, atom_types(files.vasprun, run), files.vasprun, asked, altered),
        settings=_settings(run, asked, altered),
        acceptance=Acceptance.of(run_checks(run, asked, altered, told)),
        provenance=_provenance(run, files, outcar, whole=not earlier),
    )


def _convergence(run: Vasprun, kind: Kind) -> Convergence:
    last = run.ionic_steps[-1]
    return Convergence(
        electronic=run.converged_electronic is not False,
        ionic=bool(run.converged_ionic) if kind == "relax" else True,
        max_force=float(np.linalg.norm(np.asarray(last["forces"], dtype=float), axis=1).max()),
        n_steps=len(run.ionic_steps),
        detail="forces of a machine-learned force field"
        if is_force_field(run)
        else "the file holds no electronic steps"
        if not last["electronic_steps"]
        else f"last electronic cycle {len(last['electronic_steps'])} of at most {int(run.parameters['NELM'])} steps",
    )


def kind_of(run: Vasprun) -> Kind:
    """What kind of calculation a run is, by its own tags."""
    steps, mover = int(run.parameters["NSW"]), int(run.parameters["IBRION"])
    if steps > 0 and mover == 0:
        return "md"
    if steps > 1 and mover > 0:
        return "relax"
    return "dos" if run.pdos else "static"


def _restored_dos(dos: ProjectedDos, cell: VaspCell) -> ProjectedDos:
    return dos.model_copy(update={"densities": [cell.restored(channel) for channel in dos.densities]})


def _final_structure(
    run: Vasprun, files: VaspFiles, initial: Structure, cell: VaspCell, moments: list[float] | None, kind: Kind
) -> Structure:
    """`initial` with the final cell, positions and moments; after dynamics, with the positions and velocities that the
    next chunk starts from."""
    final = run.final_structure
    last = read_contcar(files.contcar) if files.contcar is not None and kind in ("relax", "md") else None
    properties = {
        name: values
        for name, values in initial.site_properties.items()
        if name not in ("velocities", "predictor_corrector")
    }
    preamble = None
    if kind == "md" and last is not None:
        final = last
        for name in ("velocities", "predictor_corrector"):
            if name in final.site_properties:
                properties[name] = cell.restored(np.asarray(final.site_properties[name]).tolist())
        preamble = final.properties.get("predictor_corrector_preamble")
    if moments is not None:
        properties["magmom"] = moments
    coords = cell.restored(np.asarray(final.frac_coords).tolist())
    structure = Structure(
        final.lattice.matrix, initial.species_and_occu, coords, site_properties=properties, to_unit_cell=False
    )
    if preamble is not None:
        structure.properties["predictor_corrector_preamble"] = preamble
    return structure


def _trajectory(run: Vasprun, cell: VaspCell, task: Task | None) -> Trajectory:
    """Frames unwrapped by the nearest image of each step; every `frame_interval`-th one of dynamics."""
    stride = task.frame_interval if isinstance(task, MolecularDynamics) else 1
    fractional = np.array([step["structure"].frac_coords for step in run.ionic_steps])
    steps = np.diff(fractional, axis=0)
    unwrapped = np.concatenate([fractional[:1], fractional[:1] + np.cumsum(steps - np.round(steps), axis=0)])
    cells = np.array([step["structure"].lattice.matrix for step in run.ionic_steps])
    positions = np.einsum("fni,fij->fnj", unwrapped, cells)[:, np.argsort(cell.order)][::stride]
    moving = int(run.parameters["IBRION"]) == 0
    timestep = float(run.parameters["POTIM"])
    kinetic = [float(step["kinetic"]) for step in run.ionic_steps if "kinetic" in step]
    freedom = 3 * (len(cell.structure) - 1)
    return Trajectory(
        positions=positions.tolist(),
        cells=cells[::stride].tolist(),
        energies=[step_energy(step) for step in run.ionic_steps][::stride],
        temperatures=[2 * k / (freedom * BOLTZMANN) for k in kinetic[::stride]]
        if moving and len(kinetic) == len(run.ionic_steps)
        else None,
        times=[i * timestep for i in range(0, len(run.ionic_steps), stride)] if moving else None,
    )


def _settings(run: Vasprun, asked: Asked | None, altered: list[Change]) -> dict[str, Any]:
    told = {**(asked.settings if asked else {}), "incar": {key: _plain(value) for key, value in run.incar.items()}}
    mesh = run.kpoints.kpts[0] if run.kpoints is not None and len(run.kpoints.kpts) == 1 else []
    return {
        **told,
        "kpoints": {"style": "" if run.kpoints is None else run.kpoints.style.name, "mesh": [int(n) for n in mesh]},
        "changes": [str(change) for change in altered],
    }


def _plain(value: Any) -> Any:
    return (
        [_plain(v) for v in value]
        if isinstance(value, (list, tuple))
        else value.item()
        if isinstance(value, np.generic)
        else value
    )


def _provenance(run: Vasprun, files: VaspFiles, outcar: dict[str, Any], *, whole: bool) -> Provenance:
    finished = datetime.fromtimestamp(files.vasprun.stat().st_mtime, UTC)
    wall = float(outcar.get("wall_seconds") or 0.0)
    return Provenance(
        host=socket.gethostname(),
        started=datetime.fromtimestamp(finished.timestamp() - wall, UTC).isoformat(),
        finished=finished.isoformat(),
        wall_seconds=wall,
        cpu_seconds=outcar.get("cpu_seconds"),
        effort=measured_effort(run, outcar if whole else {}),  # the OUTCAR of the last part has its time alone
        versions={
            "vasp": str(run.vasp_version),
            **{package: installed_version(package) for package in ("pymatgen", "atomate2", "custodian")},
        },
    )
