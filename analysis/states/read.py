"""Reading bands: a VASP directory, a vasprun.xml or a stored document, all answered in the one schema."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...workflows.documents import CalculationDocument, PlanarPotential, require_real
from ...workflows.vasp_output.edges import band_edges
from ...workflows.vasp_output.files import damage_named, locate, read_text
from ...workflows.vasp_output.outcar import VECTORS, read_outcar, with_moments
from ...workflows.vasp_output.potential import read_locpot
from ...workflows.vasp_output.run import parse_vasprun, refuse_rehearsal, require_electronic_convergence
from ...workflows.vasp_output.states import projected_dos
from .band_report import Bands, bands_of

__all__ = ["read_bands", "read_potential"]


def read_bands(path: str | Path) -> Bands:
    """Read projected DOS, band edges and structure.

    Parameters
    ----------
    path : str or Path
        A VASP directory holding one ``vasprun.xml`` (plain or .gz) or ``vaspout.h5``, such a file, or a stored document
        (.json, .json.gz). Moments (µB, site property ``magmom``) and core potentials come from the OUTCAR beside it,
        where there is one.

    Returns
    -------
    Bands
        DOS summed over m for s, p, d (f); edges in eV on VASP's zero, the cell average of the electrostatic potential.

    Raises
    ------
    InputError
        If the path does not exist, is truncated or corrupt, holds no projected DOS, or comes from a rehearsal.
    CalculationError
        If the last electronic cycle is not converged.
    """
    if ".json" in Path(path).suffixes and Path(path).is_file():
        return bands_of(_read_document(Path(path)))
    files = locate(Path(path))
    run = parse_vasprun(files.vasprun)
    refuse_rehearsal(run, files.vasprun)
    require_electronic_convergence(run, files.vasprun)
    with damage_named(files.vasprun):
        structure: Structure = run.final_structure.copy()
        outcar = with_moments(read_outcar(files.outcar, len(structure)), run)
        if outcar.get("moments") is not None:
            structure.add_site_property("magmom", outcar["moments"])
        dos = projected_dos(run, files.vasprun)
        edges = band_edges(run, files.vasprun, outcar.get("core"))
        return Bands(dos, edges, structure, (VECTORS,) if outcar.get("vectors") else ())


def read_potential(path: str | Path) -> PlanarPotential | None:
    """Planar potential of the same paths as :func:`read_bands`: of the document, or of the LOCPOT beside the
    vasprun.xml; None where there is none.

    Raises
    ------
    InputError
        If the path does not exist, is truncated or corrupt, or comes from a rehearsal.
    """
    if ".json" in Path(path).suffixes and Path(path).is_file():
        document = _read_document(Path(path))
        require_real(document)
        return document.potential
    files = locate(Path(path))
    return read_locpot(files.locpot, parse_vasprun(files.vasprun, states=False)) if files.locpot is not None else None


def _read_document(file: Path) -> CalculationDocument:
    """A document as monty or jobflow write it: class markers dropped, the output taken out of its job's envelope."""
    try:
        data = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {error}") from None
    if isinstance(data, dict) and {"uuid", "output"} <= set(data):
        data = data["output"]
    if not isinstance(data, dict):
        raise InputError(f"{file} is not a stored document: it holds a {type(data).__name__}")
    try:
        return CalculationDocument.model_validate(
            {key: value for key, value in data.items() if not key.startswith("@")}
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{file} is not a stored document: {where + ': ' if where else ''}{first['msg']}") from None
