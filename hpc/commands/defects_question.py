"""The JSON of ``vacancies``, ``reconstruct`` and ``glass``: cells that differ from the crystal, written to files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pymatgen.core.composition import Composition
from pymatgen.core.structure import Structure

from ...configs.errors import InputError, StructureError, UnknownNameError, near_match_hint
from .orderings_question import engine_documents
from .output import ending, write_cell

if TYPE_CHECKING:
    from ...structures.defects.reconstruction import Faces, Reconstruction
    from ...structures.defects.vacancy import OxygenSite, VacancySet
    from ..run.local import Event

__all__ = [
    "GlassQuestion",
    "ReconstructQuestion",
    "VacancyQuestion",
    "glass_document",
    "reconstruct_document",
    "vacancies_document",
]

Mesh = tuple[int, int, int]

#: ``--oxygen``: no oxygen vacancy, one for each environment, one for each site that symmetry tells apart
OXYGEN = ("none", "environments", "all")
#: ``--faces``
FACES = ("both", "top", "bottom")


@dataclass(frozen=True)
class VacancyQuestion:
    """What is asked of ``vacancies``.

    Parameters
    ----------
    material : str
        Library name, YAML, or structure file.
    lithium, n : int
        Lithium vacancies in the cell; how many sets of them.
    oxygen : str
        One of :data:`OXYGEN`, in the set of lowest energy.
    supercell : tuple of int
        Multiples of the calculation cell.
    seed : int
    charged : bool
        Leave the charge uncompensated.
    """

    material: str
    lithium: int = 0
    n: int = 1
    oxygen: str = "none"
    supercell: Mesh = (1, 1, 1)
    seed: int = 0
    charged: bool = False


@dataclass(frozen=True)
class ReconstructQuestion:
    """What is asked of ``reconstruct``.

    Parameters
    ----------
    slab : str
        Structure file of a slab, or a material of which one is cut.
    miller : tuple of int, optional
        Facet of a material.
    slab_layers, layers : int
        Lattice planes of the slab that is cut; metal planes to convert on each face.
    faces : str
        One of :data:`FACES`.
    filler : str, optional
        Element that takes lithium's place.
    rock_salt : str, optional
        Material of a coherent layer instead of a reconstruction.
    """

    slab: str
    miller: Mesh | None = None
    slab_layers: int = 6
    layers: int = 1
    faces: str = "both"
    filler: str | None = None
    rock_salt: str | None = None


@dataclass(frozen=True)
class GlassQuestion:
    """What is asked of ``glass``.

    Parameters
    ----------
    formula : str
    density : float, optional
        g/cm³.
    units, seed : int
        Formula units in the cell; of packing and dynamics.
    quench : bool
        Melt and quench with the engine.
    melt : float
        K, temperature of the melt.
    steps : int
        Steps of 1 fs at each temperature.
    keep_density : bool
        Relax the atoms alone at the end.
    """

    formula: str
    density: float | None = None
    units: int = 8
    seed: int = 0
    quench: bool = False
    melt: float = 3000.0
    steps: int = 500
    keep_density: bool = False


def vacancies_document(asked: VacancyQuestion, out: Path, file_format: str = "json") -> dict[str, Any]:
    """Find, write and describe vacancies; return the JSON of ``vacancies``. Distances are Å, energies eV/cell.

    Raises
    ------
    InputError
        If the call names nothing to remove, or something unknown.
    StructureError
        As :mod:`catholyte.structures.defects.vacancy`.
    """
    from ...structures.by_name import find_material
    from ...structures.crystals.cells import calculation_cell
    from ...structures.defects.vacancy import lithium_vacancies, oxygen_sites, oxygen_vacancy

    ending(file_format)
    _known("--oxygen", asked.oxygen, OXYGEN)
    if min(asked.supercell) < 1:
        raise InputError(f"supercell {' × '.join(map(str, asked.supercell))}: whole numbers of at least 1 are needed")
    if asked.lithium == 0 and asked.oxygen == "none":
        raise InputError("nothing to remove: give --lithium N, --oxygen environments or --oxygen all")
    found = find_material(asked.material)
    cell = calculation_cell(found, asked.seed).make_supercell(asked.supercell, in_place=False)
    sets = lithium_vacancies(cell, asked.lithium, asked.n, asked.seed, asked.charged)
    rows = (
        [
            _vacancy_row("Li", k, one, out, f"{found.name}-vLi{asked.lithium}-{k:03d}", file_format)
            for k, one in enumerate(sets, 1)
        ]
        if asked.lithium
        else []
    )
    sites: list[OxygenSite] = []
    if asked.oxygen != "none":
        host, lithium = sets[0].structure, cell.frac_coords[list(sets[0].removed)]
        sites = _representatives(oxygen_sites(host), asked.oxygen)
        for k, site in enumerate(sites, 1):
            one = oxygen_vacancy(host, site.index, asked.charged)
            row = _vacancy_row("O", k, one, out, f"{found.name}-vLi{asked.lithium}-vO-{k:03d}", file_format)
            row["vacancy_vacancy"] = sorted(
                float(d) for d in host.lattice.get_all_distances(host[site.index].frac_coords, lithium)[0]
            )
            rows.append(
                {**row, "environment": site.environment, "bridge": site.bridge, "multiplicity": len(site.members)}
            )
    return {
        "material": found.name,
        "n_atoms": len(cell),
        "vacancies": rows,
        "sampling": {
            "method": sets[0].method,
            "seed": asked.seed,
            "n_samples": sets[0].n_samples,
            "n_distinct": len(sets),
            "n_asked": asked.n,
        },
        "oxygen_sites": [{**asdict(site), "members": list(site.members)} for site in sites],
    }


def reconstruct_document(asked: ReconstructQuestion, out: Path, file_format: str = "json") -> dict[str, Any]:
    """Convert the outer layers of a slab, write and describe it; return the JSON of ``reconstruct``.

    Raises
    ------
    InputError
        If the call contradicts itself or names something unknown.
    StructureError
        As :mod:`catholyte.structures.defects.reconstruction`.
    """
    from ...structures.by_name import find_material
    from ...structures.defects.reconstruction import reconstruct, rock_salt_layer

    ending(file_format)
    _known("--faces", asked.faces, FACES)
    if asked.filler is not None and asked.rock_salt is not None:
        raise InputError("--filler and --rock-salt both name the metal of the layer: give one of them")
    faces = cast("Faces", asked.faces)
    rows = []
    for name, slab in _slabs_of(asked):
        if asked.rock_salt is None:
            made = reconstruct(slab, asked.layers, faces, asked.filler)
        else:
            made = rock_salt_layer(slab, find_material(asked.rock_salt), asked.layers, faces)
        rows.append(
            _reconstruction_row(
                name,
                made,
                slab,
                write_cell(made.structure, out, f"{name}-{asked.layers}{made.tag}-{asked.faces}", file_format),
            )
        )
    return {"slab": asked.slab, "layers": asked.layers, "faces": asked.faces, "reconstructions": rows}


def glass_document(
    asked: GlassQuestion,
    out: Path,
    store: str | None = None,
    file_format: str = "json",
    tell: Callable[[Event], None] = lambda event: None,
) -> dict[str, Any]:
    """Pack a lithium borate glass, melt and quench it where asked, write and measure it; return the JSON of ``glass``.

    Densities are g/cm³, distances Å. CHGNet is untrained for melts: the network is a hypothesis.

    Raises
    ------
    InputError, StructureError
        As :func:`catholyte.structures.defects.glass.pack`, and for a melt below 600 K.
    """
    from ...structures.defects.glass import (
        DENSITY_SOURCE,
        borate_network,
        glass_composition,
        lithia_fraction,
        measured_density,
        pack,
    )

    ending(file_format)
    if asked.quench and (asked.melt <= 600 or asked.steps < 1):
        raise InputError(
            f"a melt of {asked.melt:g} K and {asked.steps} steps: more than 600 K and at least 1 step are needed"
        )
    unit = glass_composition(asked.formula)
    packed = pack(asked.formula, asked.density, asked.units, asked.seed)
    stem = f"{asked.formula}-glass-{len(packed)}-{asked.seed}"
    stages = [("packed", packed)]
    document: dict[str, Any] = {
        "formula": asked.formula,
        "x": lithia_fraction(unit),
        "n_atoms": len(packed),
        "seed": asked.seed,
    }
    if asked.quench:
        stages.append(("quenched", _quenched(asked, packed, store, tell)))
    rows = [
        {
            "stage": name,
            **asdict(borate_network(cell)),
            "file": str(write_cell(cell, out, f"{stem}-{name}", file_format)),
        }
        for name, cell in stages
    ]
    measured = measured_density(unit)
    last = float(rows[-1]["density"])
    document["stages"] = rows
    document["density"] = {
        "final": last,
        "crystal": _crystal(unit),
        "measured": measured,
        "deviation": None if measured is None else last / measured - 1,
        "source": None if measured is None else DENSITY_SOURCE,
    }
    return document


def _quenched(asked: GlassQuestion, packed: Structure, store: str | None, tell: Callable[[Event], None]) -> Structure:
    from ...workflows.engines.engine import Engine
    from ...workflows.flows.glass import QuenchSchedule, melt_quench_flow

    ladder = tuple(t for t in QuenchSchedule().temperatures if t < asked.melt)
    schedule = QuenchSchedule(
        temperatures=(asked.melt, *ladder), n_steps=asked.steps, seed=asked.seed, relax_cell=not asked.keep_density
    )
    flow = melt_quench_flow(packed, f"{asked.formula} glass", Engine("chgnet"), schedule)
    cell = engine_documents(flow, store, tell)[-1].structure
    if "velocities" in cell.site_properties:
        cell.remove_site_property("velocities")
    return cell


def _crystal(unit: Composition) -> dict[str, Any] | None:
    """The library's crystal of the same composition, beside which a glass is a little less dense."""
    from ...configs.load import load_materials

    for found in load_materials().values():
        if found.density is not None and Composition(found.formula).reduced_composition == unit.reduced_composition:
            return {"name": found.name, "value": found.density.value, "source": found.density.source}
    return None


def _known(option: str, given: str, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise UnknownNameError(f"{option}: unknown value {given!r}; {near_match_hint(given, allowed)}")


def _representatives(sites: list[OxygenSite], which: str) -> list[OxygenSite]:
    """All inequivalent sites, or the first one of each environment."""
    if which == "all":
        return sites
    return list({site.environment: site for site in reversed(sites)}.values())[::-1]


def _vacancy_row(kind: str, number: int, one: VacancySet, out: Path, stem: str, file_format: str) -> dict[str, Any]:
    path = write_cell(one.structure, out, stem, file_format)
    return {
        "kind": kind,
        "number": number,
        "formula": one.structure.composition.remove_charges().formula.replace(" ", ""),
        "removed": list(one.removed),
        "energy": None if one.energy != one.energy else one.energy,
        "oxidised": one.oxidised,
        "charge": one.charge,
        "vacancy_vacancy": list(one.vacancy_vacancy),
        "nearest_metal": [{"species": species, "distance": distance} for species, distance in one.nearest_metal],
        "file": str(path),
    }


def _slabs_of(asked: ReconstructQuestion) -> list[tuple[str, Structure]]:
    """The slab of a file, or every usable termination of a material's facet, with names for files."""
    from ...structures.by_name import find_material
    from ...structures.crystals.files import FORMATS, read_structure
    from ...structures.surfaces.facet import source_cell
    from ...structures.surfaces.slab import SlabSpec, slabs

    if any(Path(asked.slab).match(pattern) for patterns in FORMATS.values() for pattern in patterns):
        if asked.miller is not None:
            raise InputError(
                f"{asked.slab} is a structure file and is taken as the slab itself; --miller cuts one from a "
                "material "
                "of the library"
            )
        return [(Path(asked.slab).name.split(".")[0], read_structure(asked.slab))]
    if asked.miller is None:
        raise InputError(f"{asked.slab}: give the facet with --miller h k l, or the structure file of a slab")
    cell = source_cell(find_material(asked.slab))
    found = slabs(cell, asked.miller, SlabSpec(layers=asked.slab_layers))
    sound = [slab for slab in found if slab.tasker == 1 or slab.reconstructed or slab.tasker == 2]
    if not sound:
        raise StructureError(
            f"{asked.slab}{asked.miller}: every termination has a dipole; cut a slab yourself and give its file"
        )
    index = "".join(map(str, asked.miller))
    return [(f"{cell.label}-{index}-{slab.termination.label}", slab.structure) for slab in sound]


def _reconstruction_row(name: str, made: Reconstruction, slab: Structure, path: Path) -> dict[str, Any]:
    return {
        "slab": name,
        "layer": made.tag,
        "before": slab.composition.remove_charges().formula.replace(" ", ""),
        "formula": made.structure.composition.remove_charges().formula.replace(" ", ""),
        "n_atoms": len(made.structure),
        "converted_cations": len(made.converted),
        "converted_oxygen": len(made.oxygen),
        "mass_balance": made.mass_balance,
        "ions": made.ions,
        "redox": made.redox,
        "mismatch": made.mismatch,
        "net_moment": float(sum(made.structure.site_properties["magmom"])),
        "file": str(path),
    }
