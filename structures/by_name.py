"""A material by name: one of the library, the user's own YAML, or a structure file as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pymatgen.core.periodic_table import Element, Species
from pymatgen.core.structure import Structure

from ..configs.errors import InputError, StructureError
from ..configs.harmless import refuse_place
from ..configs.load import is_library_name, material
from ..configs.models import Lattice, Magnetism, Material, OrderedCell, Site
from .crystals.files import is_structure_file, read_structure, split_block
from .crystals.guard import note
from .crystals.magnetism import unpaired_electrons
from .crystals.oxidation.spin import odd_moments, spin_states
from .crystals.oxidation.states import Allowed, species_text, with_states
from .crystals.proposal import propose
from .crystals.symmetry import orbits
from .surfaces.facet import SourceCell, source_cell

__all__ = ["find_material", "find_source", "label_of", "material_from_file", "name_of"]

#: names of files that programs give to every structure
_SAYS_NOTHING = frozenset(
    {"POSCAR", "CONTCAR", "VASPRUN", "STRUCTURE", "CELL", "FINAL", "INITIAL", "RELAXED", "OPTIMIZED"}
)


def find_material(
    name: str, folder: Path | None = None, *, states: Allowed | None = None, proposed: bool = True
) -> Material:
    """Return the material `name`: a library name or alias, the path of a material's YAML, or of a structure file.

    Parameters
    ----------
    name : str
    folder : Path, optional
        From which a path is read that is not absolute, such as that of the recipe which names it; a file that is not
        there is looked for in the current folder too. The current folder where left out.
    states : mapping of str to sequence of float, optional
        Oxidation states that elements of a structure file may have, e.
    proposed : bool
        Whether an ordered cell is proposed for a file with partial occupancies; not where the caller says which.

    Raises
    ------
    UnknownNameError
        With the nearest names of the library.
    InputError
        If states are given for what is no structure file, or the name is that of a folder or of a file of no known
        format.
    StructureError
        If a structure file cannot be used.
    """
    if is_structure_file(name):
        return material_from_file(_place_of(name, folder), label_of(name), states=states, proposed=proposed)
    if states:
        raise InputError(f"--states is for structure files; the oxidation states of {name} stand in its YAML")
    if name.endswith((".yaml", ".yml")):
        return material(str(_place_of(name, folder)))
    if not is_library_name(name):
        refuse_place(name)
    return material(name)


def find_source(name: str, seed: int = 0, *, states: Allowed | None = None) -> SourceCell:
    """Return the bulk that slabs of `name` are cut from; a structure file that has moments keeps them.

    Parameters
    ----------
    name : str
        As for :func:`find_material`.
    seed : int
        Of the ordering, where the material needs one.
    states : mapping of str to sequence of float, optional
        As for :func:`find_material`.

    Raises
    ------
    UnknownNameError
        With the nearest names of the library.
    StructureError
        If a structure file cannot be used, or the cell cannot be built.
    """
    if not is_structure_file(name):
        return source_cell(find_material(name, states=states), seed)
    structure = read_structure(name)
    if not structure.is_ordered or any(m is None for m in structure.site_properties.get("magmom", [None])):
        return source_cell(material_from_file(name, structure=structure, states=states), seed)
    charged = with_states(structure, name, states)
    if (odd := odd_moments(charged)) is not None:
        note(name, odd)
    return SourceCell.of_structure(charged, label_of(name))


def label_of(name: str | Path) -> str:
    """Return the name that the material of a file goes by, in jobs, tags of sites and files.

    It is what the file is called, up to the first dot. A name that says nothing, such as POSCAR, has the folder's in
    front; one that the library uses has ``-file`` behind, so that two crystals never share a name; a data block of a
    CIF has its own behind.

    Parameters
    ----------
    name : str or Path
        As it is written: the same text gives the same label everywhere.
    """
    path, block = split_block(name)
    stem = path.name.split(".")[0]
    if stem.upper() in _SAYS_NOTHING and path.parent.name not in ("", "..", "."):
        stem = f"{path.parent.name}-{stem}"
    if block is not None:
        stem = f"{stem}-{block}"
    label = re.sub(r"[^A-Za-z0-9.\-]", "-", stem)
    return f"{label}-file" if is_library_name(label) else label


def name_of(name: str) -> str:
    """Return the name of a material as jobs have it, without reading a structure file or a YAML of the user."""
    if is_structure_file(name):
        return label_of(name)
    return Path(name).stem if name.endswith((".yaml", ".yml")) else material(name).name


def _place_of(name: str, folder: Path | None) -> Path:
    """Where the file lies that a recipe in `folder` names."""
    path, block = split_block(name)
    ending = "" if block is None else f":{block}"
    if folder is None or path.is_absolute():
        return Path(name)
    beside = folder / path
    if beside.is_file():
        return Path(f"{beside}{ending}")
    if path.is_file():
        note(path, f"not in {folder}, and read from the current folder")
        return Path(name)
    raise StructureError(f"{path}: there is no such file in {folder} or in the current folder {Path.cwd()}")


def material_from_file(
    path: str | Path,
    label: str | None = None,
    *,
    structure: Structure | None = None,
    states: Allowed | None = None,
    proposed: bool = True,
) -> Material:
    """Return the cell of a structure file as a material without symmetry.

    Oxidation states are those of the file, or guessed from its bonds and the balance. Magnetic ions start
    ferromagnetic, in the usual spin state of their field. For partial occupancies an ordered cell is proposed. What
    was guessed and proposed is told in notes.

    Parameters
    ----------
    path : str or Path
    label : str, optional
        Name of the material; :func:`label_of` the path where left out.
    structure : Structure, optional
        What the file holds, where it was read already.
    states : mapping of str to sequence of float, optional
        Oxidation states that elements may have, e.
    proposed : bool
        Whether an ordered cell is proposed for partial occupancies.

    Raises
    ------
    StructureError
        If the file does not parse, atoms overlap, no usual charges balance, or no small ordered cell comes near the
        occupancies.
    """
    source = str(path)
    charged = with_states(read_structure(path) if structure is None else structure, source, states)
    labels = [site.species.elements[0].symbol for site in charged] if charged.is_ordered else _orbit_labels(charged)
    cell = None if charged.is_ordered else OrderedCell()
    if cell is not None and proposed:
        proposal = propose(charged.copy(site_properties={"wyckoff_label": labels}), source)
        note(source, proposal.text)
        cell = proposal.cell
    a, b, c = charged.lattice.abc
    alpha, beta, gamma = charged.lattice.angles
    return Material(
        name=label or label_of(path),
        title=f"the cell of {Path(path).name}",
        formula=charged.composition.remove_charges().reduced_formula,
        role="product",
        space_group="P1",
        lattice=Lattice(a=a, b=b, c=c, alpha=alpha, beta=beta, gamma=gamma),
        sites=tuple(
            Site(
                label=name,
                species={species_text(species): float(share) for species, share in site.species.items()},
                position=(site.frac_coords[0], site.frac_coords[1], site.frac_coords[2]),
            )
            for site, name in zip(charged, labels, strict=True)
        ),
        magnetism=_magnetism(charged),
        ordered_cell=cell,
        source=f"the user's file {Path(path).name}",
        license="the user's own",
    )


def _orbit_labels(structure: Structure) -> list[str]:
    """One label for the sites of an orbit, such as Ni-Mn-Co1."""
    numbers: dict[int, str] = {}
    for site, orbit in zip(structure, orbits(structure), strict=True):
        symbols = "-".join(dict.fromkeys(species.symbol for species in site.species))
        numbers.setdefault(orbit, f"{symbols}{1 + sum(n.startswith(symbols) for n in numbers.values())}")
    return [numbers[orbit] for orbit in orbits(structure)]


def _magnetism(structure: Structure) -> Magnetism:
    spins = spin_states(structure)
    if not any(_is_magnetic(species, spins) for species in structure.composition):
        return Magnetism(order="nonmagnetic", spin_states=spins)
    return Magnetism(order="ferromagnetic", spin_states=spins)


def _is_magnetic(species: Species | Element, spins: Mapping[str, Literal["high", "low"]]) -> bool:
    return isinstance(species, Species) and bool(
        unpaired_electrons(species, "octahedral", spins.get(species_text(species), "high"))
    )
