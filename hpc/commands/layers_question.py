"""The JSON of ``layers``: layered geometry of a structure, or of every frame of a trajectory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configs.errors import InputError, StructureError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from ...analysis.layers.geometry import LayeredGeometry
    from ...analysis.layers.series import LayerSeries

__all__ = ["LayersQuestion", "layers_document"]

#: file names that are trajectories; others are one structure, the last of the file, unless frames are asked for
TRAJECTORIES = ("*XDATCAR*", "*.traj", "*.h5", "*.hdf5")


@dataclass(frozen=True)
class LayersQuestion:
    """What is asked of ``layers``.

    Parameters
    ----------
    files : tuple of str
        One structure file, library name or YAML; or the files of one trajectory in order.
    parts : tuple of str
        Layer tags of the oxide in an interface; all where left out.
    every : int, optional
        Every n-th frame of a trajectory; the last structure of a file alone where left out.
    planes : bool, optional
        Describe atomic planes parallel to the surface; where left out, if the layers cut it.
    timestep : float, optional
        fs between steps, for trajectory files that do not hold it.
    """

    files: tuple[str, ...]
    parts: tuple[str, ...] = ()
    every: int | None = None
    planes: bool | None = None
    timestep: float | None = None


def layers_document(asked: LayersQuestion, out: Path | None = None) -> dict[str, Any]:
    """Measure layers and, where `out` is given, draw them; return the JSON of ``layers``.

    Lengths are Å, times fs. For a trajectory ``s_mo2`` and the other numbers are means over the frames, ``series``
    holds
    them all, and ``layers`` is that of the last frame.

    Raises
    ------
    InputError
        If a file or name is unknown, several files are given that are no trajectory, or the folder cannot be written.
    StructureError
        If a structure cannot be read or holds no close-packed oxide.
    """
    trajectory = asked.every is not None or any(
        Path(name).match(pattern) for name in asked.files for pattern in TRAJECTORIES
    )
    if trajectory:
        if asked.parts:
            raise InputError("--part: frames of a trajectory have no layer tags; leave it out")
        return _of_trajectory(asked, out)
    if len(asked.files) > 1:
        raise InputError(
            f"{len(asked.files)} files were given, and they are read as one trajectory with --every N only; else "
            "give "
            "one structure"
        )
    return _of_structure(asked, out)


def _of_structure(asked: LayersQuestion, out: Path | None) -> dict[str, Any]:
    from ...analysis.layers.geometry import layered_geometry

    structure = _read(asked.files[0])
    try:
        geometry = layered_geometry(structure, asked.parts, planes=asked.planes)
    except StructureError as error:
        raise StructureError(
            f"{asked.files[0]}: {error.message}" if Path(asked.files[0]).is_file() else error.message
        ) from None
    document = _document(geometry, structure.composition.remove_charges().formula.replace(" ", ""), len(structure))
    document = {
        "file": asked.files[0],
        **document,
        "domains": _domains(structure, asked.parts, geometry),
        "notes": _notes(geometry),
        "files": [],
    }
    if out is not None:
        from ...analysis.figures.layers import layers_figure

        document["files"] = _save(
            layers_figure(geometry, document["formula"], Path(asked.files[0]).name),
            out / f"{_stem(asked.files[0])}_layers",
        )
    return document


def _of_trajectory(asked: LayersQuestion, out: Path | None) -> dict[str, Any]:
    from ...analysis.layers.series import layer_series
    from ...analysis.trajectories.reader import open_trajectory

    opened = open_trajectory([Path(name) for name in asked.files], asked.timestep)
    series = layer_series(opened.blocks(), asked.every or 1, planes=asked.planes)
    if series.last is None:
        raise StructureError(f"{asked.files[0]}: no frame has close-packed oxygen")
    document = _document(series.last, _formula(opened.species), len(opened.species))
    means = {name: _mean(values.tolist()) for name, values in series.values.items()}
    document |= {name: means[name] for name in ("s_mo2", "i_lio2", "o_o_li_layer", "o_o_in_plane")}
    document["mixing"] = {name: means[name] for name in ("tm_in_li_layer", "li_in_tm_layer")}
    document["repeat"] = _sum(document["s_mo2"], document["i_lio2"])
    notes = [f"means over {len(series.steps)} frames; `layers` and `stacking` are those of the last one", *opened.notes]
    if series.lost:
        notes.append(
            f"{series.lost} of {len(series.steps)} frames have no close-packed oxygen: they count as disordered, "
            "and "
            "not in the means"
        )
    document = {
        "file": asked.files[0],
        **document,
        "domains": None,
        "n_frames": len(series.steps),
        "series": _series(series),
    }
    document |= {"notes": [*_notes(series.last), *notes], "files": []}
    if out is not None:
        from ...analysis.figures.layers import layer_series_figure

        source = f"{Path(asked.files[0]).name}, tier {opened.metadata.get('tier', 'unknown')}"
        document["files"] = _save(
            layer_series_figure(series, document["formula"], source), out / f"{_stem(asked.files[0])}_layer_series"
        )
    return document


def _read(name: str) -> Structure:
    """A structure file as it is, else the calculation cell of a material."""
    from ...structures.by_name import find_material
    from ...structures.crystals.cells import calculation_cell
    from ...structures.crystals.files import FORMATS, read_structure

    if any(Path(name).match(pattern) for patterns in FORMATS.values() for pattern in patterns):
        return read_structure(name)
    return calculation_cell(find_material(name))


def _document(geometry: LayeredGeometry, formula: str, n_atoms: int) -> dict[str, Any]:
    stacking = [{"kind": "layer", **asdict(layer)} for layer in geometry.layers]
    return {
        "formula": formula,
        "n_atoms": n_atoms,
        "structure": geometry.structure,
        "shares": geometry.shares,
        "s_mo2": geometry.s_mo2,
        "i_lio2": geometry.i_lio2,
        "repeat": _sum(geometry.s_mo2, geometry.i_lio2),
        "o_o_li_layer": geometry.o_o_li_layer,
        "o_o_in_plane": geometry.o_o_in_plane,
        "mixing": {"tm_in_li_layer": geometry.tm_in_li_layer, "li_in_tm_layer": geometry.li_in_tm_layer},
        "segregation": list(geometry.segregation),
        "normal": list(geometry.normal),
        "inclination": geometry.inclination,
        "layers": [{"kind": "atomic plane", **asdict(plane)} for plane in geometry.planes] or stacking,
        "stacking": stacking,
        "n_oxygen": geometry.n_oxygen,
        "left_out": geometry.left_out,
    }


def _domains(structure: Structure, parts: tuple[str, ...], geometry: LayeredGeometry) -> dict[str, Any] | None:
    """Lithium-rich domains; None unless the metal layers of a layered oxide hold lithium."""
    from ...analysis.layers.li_rich import lithium_rich

    if geometry.structure != "layered" or geometry.li_in_tm_layer == 0:
        return None
    found = lithium_rich(structure, parts)
    return {
        "li2mno3_like": found.metal_share("Li2MnO3-like"),
        "limo2_like": found.metal_share("LiMO2-like"),
        "lithium_in_metal_layers": sum(site.element == "Li" for site in found.sites),
        "honeycomb_units": found.honeycomb_units,
        "domain_sizes": [len(domain) for domain in found.domains],
        "oxygen_bridges": found.bridges,
        "oxygen_environments": found.environments,
    }


def _notes(geometry: LayeredGeometry) -> list[str]:
    notes = []
    if geometry.structure in ("rock salt", "other") and geometry.layers[0].role == "any":
        notes.append(
            "metal and lithium layers cannot be told apart: S(MO2) and I(LiO2) are both the distance of oxygen planes"
        )
    if geometry.structure == "spinel":
        notes.append(
            "spinel: its four stacking directions are equivalent; S(MO2) lies around the layers with three "
            "quarters "
            "of the octahedral metal"
        )
    if geometry.planes:
        notes.append(
            "the layers are inclined: `layers` are atomic planes parallel to the surface or interface, from the "
            "bottom up; `stacking` are the layers themselves"
        )
    if geometry.left_out:
        notes.append(
            f"{geometry.left_out} oxygen atoms are left out: they belong to no octahedral metal, to a nonmetal, "
            "or to "
            "another part"
        )
    return notes


def _series(series: LayerSeries) -> dict[str, Any]:
    def plain(values: Sequence[float]) -> list[float | None]:
        return [None if math.isnan(value) else value for value in values]

    return {
        "steps": series.steps.tolist(),
        "times": series.times.tolist(),
        **{name: plain(values.tolist()) for name, values in series.values.items()},
        "shares": {name: values.tolist() for name, values in series.shares.items()},
    }


def _save(figure: Any, path: Path) -> list[str]:
    from ...analysis.figures.style import save_figure

    try:
        return [str(file) for file in save_figure(figure, path, ("svg", "png"))]
    except OSError as error:
        raise InputError(f"{path.parent}: cannot be written: {error.strerror or error}") from None


def _formula(species: Sequence[str]) -> str:
    from pymatgen.core.composition import Composition

    counts = {symbol: list(species).count(symbol) for symbol in dict.fromkeys(species)}
    return Composition(counts).formula.replace(" ", "")


def _stem(name: str) -> str:
    return Path(name).name.split(".")[0]


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else None


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b
