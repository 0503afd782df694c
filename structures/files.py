"""Structure files in and out.

Between pymatgen and ASE only the adaptor is used: writing a POSCAR or CIF drops the moments.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal, cast

from pymatgen.core.structure import Structure

from ..configs.errors import StructureError
from .crystal import check_distances

__all__ = ["FORMATS", "read_structure", "write_structure"]

#: format to the patterns of its file names, as they are tried
FORMATS: dict[str, tuple[str, ...]] = {
    "cif": ("*.cif", "*.mcif"),
    "poscar": ("*POSCAR*", "*CONTCAR*", "*.vasp"),
    "vasprun": ("*vasprun*.xml", "*vasprun*.xml.gz"),
    "json": ("*.json", "*.json.gz"),
    "extxyz": ("*.xyz", "*.extxyz"),
}
#: formats that :func:`write_structure` writes
_WRITTEN = ("cif", "poscar", "json", "extxyz")


def read_structure(path: str | Path) -> Structure:
    """Read one structure; the last one of a file that holds several frames.

    Moments of extxyz files (``initial_magmoms``) and of JSON arrive as the site property ``magmom``.

    Raises
    ------
    StructureError
        If the file is missing, has an unknown name, does not parse, or holds an empty cell or overlapping atoms.
    """
    source = Path(path)
    kind = _format_of(source, tuple(FORMATS))
    if not source.is_file():
        raise StructureError(f"{source}: there is no such file")
    try:
        with warnings.catch_warnings():
            # a parser warns of what it repairs; what it returns is checked below
            warnings.simplefilter("ignore")
            structure = _read_extxyz(source) if kind == "extxyz" else Structure.from_file(source)
    except Exception as error:  # parsers raise whatever a broken file makes them stumble over
        raise StructureError(f"{source}: not readable as {kind}: {_first_line(error)}") from error
    check_distances(structure, label=str(source))
    return structure


def write_structure(structure: Structure, path: str | Path) -> Path:
    """Write one structure in the format that the file name asks for, and return the path.

    JSON keeps everything; extxyz keeps site properties, moments and oxidation states of ordered
    structures; POSCAR keeps nothing but atoms; CIF keeps oxidation states.

    Raises
    ------
    StructureError
        If the file name has no known format or the format cannot hold partial occupancies.
    """
    target = Path(path)
    kind = _format_of(target, _WRITTEN)
    if kind in ("poscar", "extxyz") and not structure.is_ordered:
        raise StructureError(f"{target}: {kind} cannot hold partial occupancies; allowed: cif, json")
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "extxyz":
        from ase.io import write
        from pymatgen.io.ase import AseAtomsAdaptor

        write(target, AseAtomsAdaptor.get_atoms(structure, msonable=False), format="extxyz")
    else:
        structure.to(str(target), fmt=cast(Literal["cif", "poscar", "json"], kind))
    return target


def _read_extxyz(source: Path) -> Structure:
    from ase import Atoms
    from ase.io import read
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = cast(Atoms, read(source, index=-1, format="extxyz"))
    return AseAtomsAdaptor.get_structure(atoms)


def _format_of(path: Path, allowed: tuple[str, ...]) -> str:
    for kind in allowed:
        if any(path.match(pattern) for pattern in FORMATS[kind]):
            return kind
    patterns = ", ".join(pattern for kind in allowed for pattern in FORMATS[kind])
    raise StructureError(f"{path}: the name tells no format; allowed: {patterns}")


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
