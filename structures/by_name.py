"""A material by name: one of the library, the user's own YAML, or a structure file as it is."""

from __future__ import annotations

import re
from pathlib import Path

from pymatgen.core.structure import Structure

from ..configs.errors import StructureError
from ..configs.load import material
from ..configs.models import Lattice, Magnetism, Material, Site
from .crystals.files import is_structure_file, read_structure
from .surfaces.facet import SourceCell, source_cell

__all__ = ["find_material", "find_source", "material_from_file"]


def find_material(name: str) -> Material:
    """Return the material `name`: a library name or alias, the path of a material's YAML, or of a structure file.

    Raises
    ------
    UnknownNameError
        With the nearest names of the library.
    StructureError
        If a structure file cannot be used.
    """
    return material_from_file(Path(name)) if is_structure_file(name) else material(name)


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
    path = Path(name)
    structure = read_structure(path)
    if any(moment is None for moment in structure.site_properties.get("magmom", [None])):
        return source_cell(material_from_file(path))
    _require_ordered(structure, path)
    return SourceCell.of_structure(_with_charges(structure, path), _label(path))


def material_from_file(path: Path) -> Material:
    """Return the cell of a structure file as a material without symmetry.

    Oxidation states are those of the file, or guessed from the composition. Transition metals start
    ferromagnetic and high spin: another order or spin state, or a partial occupancy, needs a YAML.

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
        name=_label(path),
        title=f"the cell of {path.name}",
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
        magnetism=Magnetism(order="ferromagnetic" if magnetic else "nonmagnetic"),
        source=f"the user's file {path.name}",
        license="the user's own",
    )


def _label(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9.\-]", "-", path.name.split(".")[0])


def _require_ordered(structure: Structure, path: Path) -> None:
    if not structure.is_ordered:
        raise StructureError(
            f"{path}: partial occupancies, and an ordered cell is needed; write the material as a YAML with the key "
            "'ordered_cell' (see configs/materials/NCM532.yaml)"
        )


def _with_charges(structure: Structure, path: Path) -> Structure:
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
