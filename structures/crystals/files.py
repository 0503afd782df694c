"""Structure files in and out; what a format has no place for is written beside the atoms, so that reading back loses
nothing.

POSCAR and CIF know neither moments nor the project's site properties. Each atom's line therefore ends
with one JSON object of them, where other programs see a comment (POSCAR, after ``!``) or a column that
they do not know (CIF, ``_atom_site_catholyte_properties``). Between pymatgen and ASE only the adaptor is used.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import FileNote, StructureError
from .cells import canonical_order
from .crystal import check_distances
from .formats.cif import chosen_block, lattice_of, structure_of
from .formats.cif_text import decoded
from .formats.poscar import poscar_structure
from .guard import file_bytes, note, require_cell, require_columns, require_elements, require_sane, require_size
from .vaspout import vaspout_structure

__all__ = ["is_structure_file", "read_structure", "split_block", "write_structure"]

#: format to the patterns of its file names, as they are tried
_FORMATS: dict[str, tuple[str, ...]] = {
    "cif": ("*.cif", "*.mcif"),
    "poscar": ("*POSCAR*", "*CONTCAR*", "*.vasp"),
    "vasprun": ("*vasprun*.xml",),
    "vaspout": ("*vaspout*.h5",),
    "json": ("*.json",),
    "extxyz": ("*.xyz", "*.extxyz"),
}
#: endings of compressed files, which are read as what they hold
_COMPRESSED = (".gz", ".bz2", ".xz")
#: formats that :func:`write_structure` writes
_WRITTEN = ("cif", "poscar", "json", "extxyz")
#: column of a CIF's atoms that holds the site properties
_COLUMN = "_atom_site_catholyte_properties"
#: what separates an atom of a POSCAR from its site properties
_MARK = " ! {"


def split_block(name: str | Path) -> tuple[Path, str | None]:
    """Split ``two.cif:LiCoO2`` into the file and the data block of it; None where no block is named."""
    text = str(name)
    path, colon, block = text.rpartition(":")
    if colon and block and "/" not in block and _kind_of(Path(path), ("cif",)):
        return Path(path), block
    return Path(text), None


def is_structure_file(name: str | Path) -> bool:
    """Whether a name is that of a file whose format :func:`read_structure` knows."""
    path, _ = split_block(name)
    return _kind_of(path, tuple(_FORMATS)) is not None


def read_structure(path: str | Path) -> Structure:
    """Read one structure; the last one of a file that holds several frames.

    Moments (``magmom``) and other site properties arrive where the file holds them, as it does when
    :func:`write_structure` wrote it. How a file was read, where it leaves that open, is told in a
    :class:`~catholyte.configs.errors.FileNote`.

    Parameters
    ----------
    path : str or Path
        A data block of a CIF that holds several stands behind a colon: ``two.cif:LiCoO2``.

    Raises
    ------
    StructureError
        If the file is missing, has an unknown name, does not parse, or holds an empty cell, overlapping atoms, what is
        no element or an absurd number.
    """
    source, block = split_block(path)
    kind = _format_of(source, tuple(_FORMATS))
    if not source.is_file():
        raise StructureError(f"{source}: there is no such file")
    require_size(source)
    notes: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            structure = _read_cif(source, block) if kind == "cif" else _READERS.get(kind, Structure.from_file)(source)
        # a parser warns of what it repairs; what it returns is checked below
        notes = [str(warning.message) for warning in caught if issubclass(warning.category, FileNote)]
        require_sane(structure, source)
    except StructureError as error:
        raise StructureError(f"{source}: {error.message.removeprefix(f'{source}: ')}", error.advice) from None
    except Exception as error:  # parsers raise whatever a broken file makes them stumble over
        raise StructureError(f"{source}: not readable as {kind}: {_first_line(error)}") from error
    check_distances(structure, label=str(source))
    for text in dict.fromkeys(notes):
        warnings.warn(text, FileNote, stacklevel=2)
    return _with_plain_values(structure)


def write_structure(structure: Structure, path: str | Path) -> Path:
    """Write one structure in the format that the file name asks for, and return the path.

    Site properties, moments, oxidation states and selective dynamics of ordered structures survive every
    format. A POSCAR has its sites sorted, one group per element, in the order of rising electronegativity;
    extended XYZ has eight decimals. CIF and JSON also hold partial occupancies; a CIF then keeps the atoms alone.

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
        _write_extxyz(structure, target)
    elif kind == "poscar":
        target.write_text(_poscar(canonical_order(structure)), encoding="utf-8")
    elif kind == "cif" and structure.is_ordered:
        target.write_text(_cif(structure), encoding="utf-8")
    else:
        structure.to(str(target), fmt=cast(Literal["cif", "json"], kind))
    return target


def _records(structure: Structure, *, without: tuple[str, ...] = ()) -> list[str]:
    """One JSON object per site: its species and its properties."""
    plain = _with_plain_values(structure)
    kept = {name: values for name, values in sorted(plain.site_properties.items()) if name not in without}
    rows = [
        {"species": site.species_string, **{name: values[k] for name, values in kept.items()}}
        for k, site in enumerate(plain)
    ]
    return [json.dumps(row, separators=(",", ":")).replace("'", "\\u0027").replace(" ", "\\u0020") for row in rows]


def _with_records(structure: Structure, records: list[str]) -> Structure:
    """The structure with species and properties of its sites from their JSON objects."""
    from pymatgen.core.periodic_table import get_el_sp

    rows: list[dict[str, Any]] = [json.loads(record) for record in records]
    properties = {name: [row[name] for row in rows] for name in rows[0] if name != "species"}
    species = [get_el_sp(row["species"]) for row in rows]
    return Structure(
        structure.lattice, species, structure.frac_coords, site_properties={**structure.site_properties, **properties}
    )


def _poscar(structure: Structure) -> str:
    from pymatgen.io.vasp import Poscar

    lines = Poscar(structure).get_str(significant_figures=16).rstrip("\n").split("\n")
    atoms = zip(lines[-len(structure) :], _records(structure, without=("selective_dynamics",)), strict=True)
    return "\n".join([*lines[: -len(structure)], *(f"{line} ! {record}" for line, record in atoms)]) + "\n"


def _read_poscar(source: Path) -> Structure:
    text = decoded(file_bytes(source))
    structure = poscar_structure(text, source)
    records = ["{" + line.split(_MARK, 1)[1] for line in text.split("\n") if _MARK in line]
    return _with_records(structure, records) if len(records) == len(structure) else structure


def _cif(structure: Structure) -> str:
    from pymatgen.io.cif import CifWriter

    file = CifWriter(structure, significant_figures=12).cif_file
    block = next(iter(file.data.values()))
    block.data[_COLUMN] = [f"'{record}'" for record in _records(structure)]
    block.max_len = max(block.max_len, *map(len, block.data[_COLUMN]))  # longer values would be folded
    next(loop for loop in block.loops if "_atom_site_fract_x" in loop).append(_COLUMN)
    return str(file)


def _read_cif(source: Path, name: str | None) -> Structure:
    block = chosen_block(source, name)
    records = block.column(_COLUMN)
    if records is not None:
        # the file's own rows count
        coords = np.array([[float(x) for x in block.column(f"_atom_site_fract_{axis}") or ()] for axis in "xyz"]).T
        return _with_records(Structure(lattice_of(block, str(source)), ["H"] * len(coords), coords), records)
    if block.column("_atom_site_moment_label") is None:
        return structure_of(block, str(source))
    try:
        return Structure.from_file(source)
    except (ValueError, NotImplementedError) as error:
        if "isordered" not in str(error):
            raise
        note(source, "partial occupancies: the moments of the file are left out")
        return structure_of(block, str(source))


def _write_extxyz(structure: Structure, target: Path) -> None:
    from ase.io import write
    from pymatgen.io.ase import AseAtomsAdaptor

    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    for name in sorted(
        set(atoms.arrays) - {"numbers", "positions"}
    ):  # one order of the columns, whatever that of the properties
        atoms.arrays[name] = atoms.arrays.pop(name)
    write(target, atoms, format="extxyz")


def _read_extxyz(source: Path) -> Structure:
    from io import StringIO

    from ase import Atoms
    from ase.io import read

    text = decoded(file_bytes(source))
    require_columns(text, source)
    atoms = cast(Atoms, read(StringIO(text), index=-1, format="extxyz"))
    return _of_atoms(atoms, source)


def _of_atoms(atoms: Any, source: Path) -> Structure:
    from pymatgen.io.ase import AseAtomsAdaptor

    require_elements(atoms.get_chemical_symbols(), source)
    if not np.array(atoms.cell).any():
        raise StructureError('it gives no cell (Lattice="…" of extended XYZ), and a crystal needs one')
    require_cell(np.array(atoms.cell), len(atoms), source)
    if not all(atoms.pbc):
        note(source, "not periodic in all directions, and taken as periodic")
    return AseAtomsAdaptor.get_structure(atoms)


def _read_json(source: Path) -> Structure:
    """A structure of pymatgen, alone or inside an entry or a document, or of ASE's database."""
    data = json.loads(decoded(file_bytes(source)))
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, dict) and "ids" in data and "nextid" in data:
        from ase.io import read

        if len(data["ids"]) > 1:
            raise StructureError(f"it holds {len(data['ids'])} structures; one is needed")
        return _of_atoms(read(source, format="json"), source)
    for _ in range(3):
        if isinstance(data, dict) and "lattice" in data and "sites" in data:
            return Structure.from_dict(data)
        data = (
            next((data[key] for key in ("structure", "output") if key in data), None)
            if isinstance(data, dict)
            else data
        )
    if isinstance(data, list):
        raise StructureError(f"it is a list of {len(data)} things; one structure is needed")
    raise StructureError("not readable as json: it holds no structure of pymatgen or ASE (keys lattice and sites)")


_READERS: dict[str, Callable[[Path], Structure]] = {
    "extxyz": _read_extxyz,
    "poscar": _read_poscar,
    "json": _read_json,
    "vaspout": vaspout_structure,
}


def _with_plain_values(structure: Structure) -> Structure:
    """The structure with site properties of plain Python types, not of numpy's."""
    properties = {name: [_plain(value) for value in values] for name, values in structure.site_properties.items()}
    return structure.copy(site_properties=properties) if properties else structure


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _kind_of(path: Path, allowed: tuple[str, ...]) -> str | None:
    """The format that a file name tells, compressed or not."""
    plain = path.with_suffix("") if path.suffix in _COMPRESSED else path
    return next((kind for kind in allowed if any(plain.match(pattern) for pattern in _FORMATS[kind])), None)


def _format_of(path: Path, allowed: tuple[str, ...]) -> str:
    kind = _kind_of(path, allowed)
    if kind is None:
        patterns = ", ".join(pattern for name in allowed for pattern in _FORMATS[name])
        raise StructureError(f"{path}: the name tells no format; allowed: {patterns}")
    return kind


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
