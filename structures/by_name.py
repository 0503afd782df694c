"""A material by name: one of the library, the user's own YAML, or a structure file as it is."""

from __future__ import annotations

import re
from pathlib import Path

from pymatgen.core.structure import Structure

from ..configs.errors import StructureError
from ..configs.load import is_library_name, material
from ..configs.models import Lattice, Magnetism, Material, Site
from .crystals.files import is_structure_file, read_structure, split_block
from .crystals.guard import note
from .crystals.magnetism import site_coordination
from .crystals.redox import LOW_SPIN
from .surfaces.facet import SourceCell, source_cell

__all__ = ["find_material", "find_source", "label_of", "material_from_file", "name_of"]

#: names of files that programs give to every structure
_SAYS_NOTHING = frozenset(
    {"POSCAR", "CONTCAR", "VASPRUN", "STRUCTURE", "CELL", "FINAL", "INITIAL", "RELAXED", "OPTIMIZED"}
)


def find_material(name: str, folder: Path | None = None) -> Material:
    """Return the material `name`: a library name or alias, the path of a material's YAML, or of a structure file.

    Parameters
    ----------
    name : str
    folder : Path, optional
        From which a path is read that is not absolute, such as that of the recipe which names it; a file that is not
        there is looked for in the current folder too. The current folder where left out.

    Raises
    ------
    UnknownNameError
        With the nearest names of the library.
    StructureError
        If a structure file cannot be used.
    """
    if is_structure_file(name):
        return material_from_file(_place_of(name, folder), label_of(name))
    if name.endswith((".yaml", ".yml")):
        return material(str(_place_of(name, folder)))
    return material(name)


def find_source(name: str, seed: int = 0) -> SourceCell:
    """Return the bulk that slabs of `name` are cut from; a structure file that has moments keeps them.

    Parameters
    ----------
    name : str
        As for :func:`find_material`.
    seed : int
        Of the ordering, where the material needs one.

    Raises
    ------
    UnknownNameError
        With the nearest names of the library.
    StructureError
        If a structure file cannot be used, or the cell cannot be built.
    """
    if not is_structure_file(name):
        return source_cell(material(name), seed)
    structure = read_structure(name)
    if any(moment is None for moment in structure.site_properties.get("magmom", [None])):
        return source_cell(material_from_file(name))
    _require_ordered(structure, name)
    return SourceCell.of_structure(_with_charges(structure, name), label_of(name))


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


def material_from_file(path: str | Path, label: str | None = None) -> Material:
    """Return the cell of a structure file as a material without symmetry.

    Oxidation states are those of the file, or guessed from the composition. Transition metals start
    ferromagnetic and high spin, the ions of :data:`~.crystals.redox.LOW_SPIN` in octahedra of oxygen low spin, as in
    the library: another order or spin state, or a partial occupancy, needs a YAML.

    Parameters
    ----------
    path : str or Path
    label : str, optional
        Name of the material; :func:`label_of` the path where left out.

    Raises
    ------
    StructureError
        If the file does not parse, atoms overlap, an occupancy is partial, or no charges balance.
    """
    structure = read_structure(path)
    _require_ordered(structure, path)
    charged = _with_charges(structure, path)
    a, b, c = charged.lattice.abc
    alpha, beta, gamma = charged.lattice.angles
    magnetic = any(element.is_transition_metal for element in structure.composition.elements)
    return Material(
        name=label or label_of(path),
        title=f"the cell of {Path(path).name}",
        formula=structure.composition.remove_charges().reduced_formula,
        role="product",
        space_group="P1",
        lattice=Lattice(a=a, b=b, c=c, alpha=alpha, beta=beta, gamma=gamma),
        sites=tuple(
            Site(
                label=site.specie.symbol,
                species={str(site.specie): 1.0},
                position=(site.frac_coords[0], site.frac_coords[1], site.frac_coords[2]),
            )
            for site in charged
        ),
        magnetism=Magnetism(
            order="ferromagnetic" if magnetic else "nonmagnetic", spin_states=dict.fromkeys(_low_spin(charged), "low")
        ),
        source=f"the user's file {Path(path).name}",
        license="the user's own",
    )


def _low_spin(structure: Structure) -> list[str]:
    """Ions that are low spin in an oxide where all of their sites are octahedra; Co3+ of LiCoO2 has no moment."""
    ions = {str(site.specie) for site in structure} & LOW_SPIN
    anions = {site.specie.symbol for site in structure if (site.specie.oxi_state or 0) < 0}
    if not ions or anions != {"O"}:
        return []
    fields = site_coordination(structure)
    return sorted(
        ion
        for ion in ions
        if all(field == "octahedral" for site, field in zip(structure, fields, strict=True) if str(site.specie) == ion)
    )


def _require_ordered(structure: Structure, path: str | Path) -> None:
    if not structure.is_ordered:
        raise StructureError(
            f"{path}: partial occupancies, and an ordered cell is needed; write the material as a YAML with the key "
            "'ordered_cell' (see configs/materials/NCM532.yaml)"
        )


def _with_charges(structure: Structure, path: str | Path) -> Structure:
    if all(getattr(site.specie, "oxi_state", None) is not None for site in structure):
        return structure
    bare = structure.copy()
    bare.remove_oxidation_states()
    guesses = bare.composition.oxi_state_guesses(max_sites=-1)
    if not guesses:
        if len(bare.composition.elements) > 1:
            raise StructureError(
                f"{path}: no oxidation states of {bare.composition.reduced_formula} balance; write the material as a "
                "YAML with its species, e.g. Co3+"
            )
        return bare.copy().add_oxidation_state_by_element({bare.composition.elements[0].symbol: 0})
    return bare.add_oxidation_state_by_element(guesses[0])
