"""From the files of a VASP run to the one document, with the checks that only these files allow.

Energies are extrapolated to zero smearing (``e_0_energy``), on VASP's own scale; the stress of vasprun.xml, kB and
positive under compression, becomes dE/dε/V in eV/Å³ (1 kB = 6.2415e-4 eV/Å³).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core.structure import Structure

from ....configs.constants import BOLTZMANN, KBAR
from ....configs.errors import InputError
from ....configs.models import Tier
from ...documents import (
    Acceptance,
    CalculationDocument,
    Check,
    Convergence,
    Kind,
    ProjectedDos,
    Provenance,
    Signature,
    Trajectory,
)
from ...vasp_output import (
    VaspFiles,
    band_edges,
    locate,
    parse_vasprun,
    projected_dos,
    read_contcar,
    read_locpot,
    read_outcar,
)
from ..tasks import MolecularDynamics, Relax, Task
from .cells import VaspCell, vasp_cell
from .changes import Change, changes
from .parts import join, parts

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["Asked", "document_from_files"]

#: GGA tag to the functional's name (VASP wiki, GGA); two dashes: the POTCAR's own, PBE for PAW_PBE
_FUNCTIONALS = {
    "PE": "PBE",
    "--": "PBE",
    "PS": "PBEsol",
    "RP": "RPBE",
    "RE": "revPBE",
    "91": "PW91",
    "AM": "AM05",
    "CA": "LDA",
}
#: electrons, by which NELECT may differ from the sum of the valences
_CHARGE = 1e-3
#: eV, last digit of two printed energies
_PRINTED = 1e-8
#: Å, within which printed coordinates are the same
_SAME_PLACE = 1e-5


@dataclass(frozen=True)
class Asked:
    """What a run was asked for; read from the files themselves where a run of somebody else is taken in.

    Parameters
    ----------
    structure : Structure
        Before sorting, with oxidation states and every site property.
    cell : VaspCell
        What VASP got.
    task : Task
    electrons : float
        Sum of the valences of the POTCARs.
    bands : int or None
        NBANDS of a density of states.
    version : str
        VASP's, or its beginning.
    release : str
        Release of the POTCARs.
    settings : dict
        Stored with the document.
    hashes : dict
        Element to sha256 of its POTCAR, where the files were there.
    """

    structure: Structure
    cell: VaspCell
    task: Task
    electrons: float
    bands: int | None
    version: str
    release: str
    settings: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def document_from_files(path: Path, label: str, asked: Asked | None = None) -> CalculationDocument:
    """Return the document of one run.

    Parameters
    ----------
    path : Path
        A directory with one run, or its vasprun.xml(.gz).
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
    cell = asked.cell if asked else vasp_cell(run.initial_structure, label)
    if not asked and cell.order != tuple(range(len(cell.order))):
        cell = VaspCell(run.initial_structure, tuple(range(len(cell.order))), cell.vacuum, cell.polar)
    if [s.specie.symbol for s in run.final_structure] != [s.specie.symbol for s in cell.structure]:
        raise InputError(
            f"{files.vasprun} holds {run.final_structure.composition.formula}, asked was "
            f"{cell.structure.composition.formula}: it is another run"
        )
    outcar = read_outcar(files.outcar, len(cell.structure))
    kind: Kind = asked.task.kind if asked else _kind(run)
    earlier = parts(path) if kind == "md" and path.is_dir() else []
    told = join(run, earlier) if earlier else ""
    folders = [*(part.directory for part in earlier), path] if path.is_dir() else []
    altered = list(dict.fromkeys(change for folder in folders for change in changes(folder, kind)))
    last = run.ionic_steps[-1]
    forces = np.asarray(last["forces"], dtype=float)
    moments = None if outcar.get("moments") is None else cell.restored(outcar["moments"])
    initial = asked.structure if asked else run.initial_structure
    dos = _restored_dos(projected_dos(run), cell) if run.pdos and kind == "dos" else None
    core = None if outcar.get("core") is None else cell.restored(outcar["core"])
    return CalculationDocument(
        label=label,
        kind=kind,
        tier=_tier(run),
        formula=initial.composition.remove_charges().formula.replace(" ", ""),
        n_sites=len(initial),
        initial_structure=initial,
        structure=_final_structure(run, files, initial, cell, moments, kind),
        energy=float(run.final_energy),
        forces=cell.restored(forces.tolist()),
        stress=(-np.asarray(last["stress"], dtype=float) * KBAR).tolist() if last.get("stress") is not None else None,
        magmoms=moments,
        total_magnetization=outcar.get("total"),
        convergence=_convergence(run, kind),
        band_edges=band_edges(run, core) if run.eigenvalues and kind in ("static", "dos", "relax") else None,
        dos=dos,
        potential=read_locpot(files.locpot, run) if kind in ("static", "dos") else None,
        trajectory=_trajectory(run, cell, asked.task if asked else None) if len(run.ionic_steps) > 1 else None,
        signature=_signature(run, cell, asked, altered),
        settings=_settings(run, asked, altered),
        acceptance=Acceptance.of([*_checks(run, outcar, asked, altered), *_joined(told)]),
        provenance=_provenance(run, files, outcar),
    )


def _joined(told: str) -> list[Check]:
    return (
        [
            Check(
                name="parts joined",
                ok=True,
                detail=f"{told} steps, by the same time step and thermostat, none missing or repeated",
            )
        ]
        if told
        else []
    )


def _convergence(run: Vasprun, kind: Kind) -> Convergence:
    last = run.ionic_steps[-1]
    return Convergence(
        electronic=bool(run.converged_electronic),
        ionic=bool(run.converged_ionic) if kind == "relax" else True,
        max_force=float(np.linalg.norm(np.asarray(last["forces"], dtype=float), axis=1).max()),
        n_steps=len(run.ionic_steps),
        detail=f"last electronic cycle {len(last['electronic_steps'])} of at most {int(run.parameters['NELM'])} steps",
    )


def _tier(run: Vasprun) -> Tier:
    return "rehearsal" if "rehearsal" in str(run.vasp_version).lower() else "vasp"


def _kind(run: Vasprun) -> Kind:
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
        energies=[_step_energy(step) for step in run.ionic_steps][::stride],
        temperatures=[2 * k / (freedom * BOLTZMANN) for k in kinetic[::stride]]
        if moving and len(kinetic) == len(run.ionic_steps)
        else None,
        times=[i * timestep for i in range(0, len(run.ionic_steps), stride)] if moving else None,
    )


def _step_energy(step: dict[str, Any]) -> float:
    """Energy of one ionic step, eV, at the end of its electronic cycle: VASP 5.4 prints 0 for it outside the cycle."""
    cycle = step["electronic_steps"]
    return float(cycle[-1]["e_0_energy"] if cycle and "e_0_energy" in cycle[-1] else step["e_0_energy"])


def _signature(run: Vasprun, cell: VaspCell, asked: Asked | None, altered: list[Change]) -> Signature:
    p = run.parameters
    symbols = list(dict.fromkeys(site.specie.symbol for site in cell.structure))
    hubbards = {
        site.specie.symbol: float(run.hubbards.get(site.specie.symbol, 0.0))
        for site in cell.structure
        if _has_d_shell(site.specie)
    }
    titles = dict(zip(symbols, [str(spec["titel"]) for spec in run.potcar_spec], strict=True))
    hashes = asked.hashes if asked else {}
    tag = str(p.get("GGA", "--")).upper()
    return Signature(
        engine="vasp",
        version=str(run.vasp_version),
        functional=str(p["METAGGA"]) if str(p.get("METAGGA", "--")).strip("-N") else _FUNCTIONALS.get(tag, tag),
        hubbard_u=hubbards,
        potentials=asked.release if asked else " ".join(sorted({title.split()[0] for title in titles.values()})),
        potcars={
            element: f"{title} sha256:{hashes[element][:16]}" if element in hashes else title
            for element, title in titles.items()
        },
        cutoff=float(p.get("ENCUT") or p["ENMAX"]),
        kpoint_density=float(np.prod(run.kpoints.kpts[0]) * len(cell.structure))
        if len(run.kpoints.kpts) == 1
        else None,
        smearing=_smearing(int(p["ISMEAR"]), float(p["SIGMA"])),
        real_space_projection=bool(p.get("LREAL")),
        precision={
            "acc": "Accurate",
            "nor": "Normal",
            "sin": "Single",
            "low": "Low",
            "med": "Medium",
            "hig": "High",
        }.get(str(p["PREC"]).lower()[:3], str(p["PREC"])),
        altered={
            change.tag: f"{change.asked} → {change.used}"
            for change in altered
            if change.verdict == "breaks comparability"
        },
    )


def _has_d_shell(element: Any) -> bool:
    return bool(element.is_transition_metal)


def _smearing(kind: int, width: float) -> str:
    names = {0: "Gaussian", -1: "Fermi-Dirac", -4: "tetrahedron", -5: "tetrahedron (Blöchl)"}
    name = names.get(kind, f"Methfessel-Paxton {kind}")
    return name if kind in (-4, -5) else f"{name} {width:g} eV"


def _settings(run: Vasprun, asked: Asked | None, altered: list[Change]) -> dict[str, Any]:
    told = {**(asked.settings if asked else {}), "incar": {key: _plain(value) for key, value in run.incar.items()}}
    mesh = run.kpoints.kpts[0] if len(run.kpoints.kpts) == 1 else []
    return {
        **told,
        "kpoints": {"style": run.kpoints.style.name, "mesh": [int(n) for n in mesh]},
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


def _provenance(run: Vasprun, files: VaspFiles, outcar: dict[str, Any]) -> Provenance:
    finished = datetime.fromtimestamp(files.vasprun.stat().st_mtime, UTC)
    wall = float(outcar.get("wall_seconds") or 0.0)
    return Provenance(
        host=socket.gethostname(),
        started=datetime.fromtimestamp(finished.timestamp() - wall, UTC).isoformat(),
        finished=finished.isoformat(),
        wall_seconds=wall,
        cpu_seconds=outcar.get("cpu_seconds"),
        versions={
            "vasp": str(run.vasp_version),
            **{package: installed_version(package) for package in ("pymatgen", "atomate2", "custodian")},
        },
    )


def _checks(run: Vasprun, outcar: dict[str, Any], asked: Asked | None, altered: list[Change]) -> list[Check]:
    """What only VASP's own files can tell."""
    p, cycle = run.parameters, run.ionic_steps[-1]["electronic_steps"]
    drop = (
        abs(cycle[-1]["e_fr_energy"] - cycle[-2]["e_fr_energy"])
        if len(cycle) > 1 and "e_fr_energy" in cycle[-2] and "e_fr_energy" in cycle[-1]
        else 0.0
    )
    highest = max(_step_energy(step) for step in run.ionic_steps)
    full = [i for i, step in enumerate(run.ionic_steps, start=1) if len(step["electronic_steps"]) >= int(p["NELM"])]
    checks = [
        Check(
            name="EDIFF met on the last step",
            ok=drop <= float(p["EDIFF"]) + _PRINTED,
            detail=f"last change {drop:.1e} eV, EDIFF {float(p['EDIFF']):.1e} eV",
        ),
        Check(name="energies negative", ok=highest < 0, detail=f"highest of all steps {highest:.4f} eV"),
        Check(
            name="every step converged",
            ok=not full,
            refuses=int(p["IBRION"])
            == 0,  # a wrong force on the way to a minimum is mended by the next step, in dynamics it stays
            detail=f"steps at NELM: {', '.join(map(str, full[:8]))}" if full else "no electronic cycle ended at NELM",
        ),
        Check(
            name="error handler",
            ok=not altered,
            refuses=False,
            detail="; ".join(map(str, altered)) or "nothing was changed",
        ),
    ]
    if asked is None:
        return checks
    found = float(p.get("NELECT") or 0.0)
    tier, version = _tier(run), str(run.vasp_version)
    checks += [
        Check(
            name="electrons",
            ok=tier == "rehearsal" or abs(found - asked.electrons) <= _CHARGE,
            detail=f"{found:g}, the POTCARs have {asked.electrons:g}",
        ),
        Check(
            name="version of VASP",
            ok=tier == "rehearsal" or version == asked.version or version.startswith(asked.version + "."),
            detail=f"{version}, asked {asked.version}",
        ),
    ]
    if not isinstance(asked.task, Relax):  # a relaxation may go on from where it was interrupted
        shift = np.asarray(run.initial_structure.frac_coords) - np.asarray(asked.cell.structure.frac_coords)
        away = float(np.abs((shift - np.round(shift)) @ asked.cell.structure.lattice.matrix).max())
        checks.append(
            Check(name="started where asked", ok=away < _SAME_PLACE, detail=f"largest displacement {away:.1e} Å")
        )
    if isinstance(asked.task, Relax):  # a run that STOPCAR ended before its last step looks converged otherwise
        largest = _largest_free_force(run, asked.cell)
        checks.append(
            Check(
                name="force limit met",
                ok=largest <= asked.task.max_force,
                detail=f"{largest:.4f} eV/Å, limit {asked.task.max_force:g} eV/Å",
            )
        )
    if isinstance(asked.task, MolecularDynamics):
        checks.append(
            Check(
                name="time step as asked",
                ok=abs(float(p["POTIM"]) - asked.task.timestep) < 1e-9,
                detail=f"{float(p['POTIM']):g} fs",
            )
        )
    if asked.bands is not None:
        checks.append(
            Check(
                name="NBANDS as asked",
                ok=int(p["NBANDS"]) == asked.bands,
                detail=f"{int(p['NBANDS'])}, asked {asked.bands}",
            )
        )
    return checks


def _largest_free_force(run: Vasprun, cell: VaspCell) -> float:
    """Largest force, eV/Å, along the directions that atoms may move."""
    forces = np.asarray(run.ionic_steps[-1]["forces"], dtype=float)
    free = cell.structure.site_properties.get("selective_dynamics")
    return float(np.linalg.norm(forces if free is None else forces * np.asarray(free, dtype=float), axis=1).max())
