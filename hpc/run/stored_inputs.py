"""The cells and VASP inputs of one stored calculation as files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument
from ...workflows.engines.vasp.cells import vasp_cell

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

__all__ = ["write_job_inputs"]


def write_job_inputs(document: CalculationDocument, name: str, out: Path) -> dict[str, Any]:
    """Write POSCAR and CONTCAR of a calculation, and INCAR and KPOINTS where VASP ran it.

    Tags that list sites are in the order of the POSCAR.

    Parameters
    ----------
    document : CalculationDocument
    name : str
        Of the job, for the first line of the POSCAR.
    out : Path
        Folder, made where it is missing.

    Returns
    -------
    dict
        ``files``, and ``notes`` on what there is none of.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    order = _order(document)
    texts = {
        "POSCAR": _poscar(document.initial_structure, order, name),
        "CONTCAR": _poscar(document.structure, order, name),
    }
    notes: list[str] = []
    if incar := document.settings.get("incar"):
        texts["INCAR"] = _incar(incar)
        texts["KPOINTS"] = _kpoints(document.settings.get("kpoints") or {}, notes)
        told = ", ".join(document.signature.potcars.values())
        notes.append(f"POTCARs are not written; it ran with {told or document.signature.potentials}")
    else:
        notes.append(f"{document.tier} has no INCAR and no KPOINTS: cells alone are written")
    files = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            if text:
                (out / file).write_text(text, encoding="utf-8")
                files.append(str(out / file))
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None
    return {"files": files, "notes": notes}


def _order(document: CalculationDocument) -> list[int]:
    """Sites in the order of the run's own POSCAR, for which its tags were written."""
    origin = document.provenance.imported
    if origin is not None and origin.sites:
        return list(origin.sites)
    return list(vasp_cell(document.initial_structure, document.label).order)


def _poscar(structure: Structure, order: list[int], name: str) -> str:
    from pymatgen.core.structure import Structure as Crystal
    from pymatgen.io.vasp.inputs import Poscar

    symbols = [structure[i].specie.symbol for i in order]
    velocities = structure.site_properties.get("velocities")
    kept = {} if velocities is None else {"velocities": [velocities[i] for i in order]}
    cell = Crystal(structure.lattice, symbols, structure.frac_coords[order], site_properties=kept)
    return str(Poscar(cell, comment=name).get_str(significant_figures=16))


def _incar(tags: dict[str, Any]) -> str:
    from pymatgen.io.vasp.inputs import Incar

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(Incar(tags)).rstrip() + "\n"


def _kpoints(told: dict[str, Any], notes: list[str]) -> str:
    from pymatgen.io.vasp.inputs import Kpoints

    mesh, style = told.get("mesh") or [], str(told.get("style", ""))
    if not mesh:
        notes.append("KPOINTS are not written: the run had a list of points of its own, or KSPACING")
        return ""
    divisions = (int(mesh[0]), int(mesh[1]), int(mesh[2]))
    made = Kpoints.gamma_automatic if style.lower().startswith("g") else Kpoints.monkhorst_automatic
    return str(made(divisions)).rstrip() + "\n"
