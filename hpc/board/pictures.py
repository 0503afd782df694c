"""What the board draws in the browser: structures, densities of states, convergence and events, as plain numbers for
plotly."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from ...analysis.figures.style import GREY, PALETTE, element_colours
from ...analysis.words import formula_text
from ...configs.errors import CalculationError
from ...workflows.documents import CalculationDocument

__all__ = ["DASHES", "PICTURES", "POINTS", "caption", "picture"]

#: largest number of points of a curve sent to a browser
POINTS = 2000
#: Å, small cells are repeated until they are about so wide
_ACROSS = 8.0
#: longest side of the drawn box, in units of plotly's own
_FILL = 1.7
#: bonds are drawn up to this factor times the sum of the covalent radii
_BOND = 1.15
#: lines are told apart by these too, not by colour alone
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_ORBITALS = {"s": 3, "p": 0, "d": 1, "f": 2}


def picture(name: str, document: CalculationDocument) -> dict[str, Any]:
    """Return ``{data, layout}`` of one figure.

    Parameters
    ----------
    name : str
        One of :data:`PICTURES`.
    document : CalculationDocument
        With its arrays.

    Raises
    ------
    CalculationError
        If the document has nothing to draw under this name.
    """
    return PICTURES[name](document)


def _caption(document: CalculationDocument, what: str) -> dict[str, Any]:
    return caption(f"{what}, tier {document.tier}")


def caption(title: str) -> dict[str, Any]:
    """Layout that every figure shares.

    Parameters
    ----------
    title : str
        With the tier; shown as it is, since plotly reads some HTML.
    """
    return {
        "title": {"text": escape(title, quote=False), "font": {"size": 14}},
        "margin": {"l": 60, "r": 15, "t": 40, "b": 50},
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "legend": {"orientation": "h", "y": -0.2},
    }


def _structure(document: CalculationDocument) -> dict[str, Any]:
    """Atoms as spheres, bonds and cell edges as lines, in Å."""
    from pymatgen.core.periodic_table import Element

    cell = document.structure
    repeats = tuple(max(1, int(np.ceil(_ACROSS / length - 0.3))) for length in cell.lattice.abc)
    structure = cell.make_supercell(repeats, in_place=False)
    symbols = [site.specie.symbol for site in structure]
    positions = structure.cart_coords
    data: list[dict[str, Any]] = [_lines(_cell_edges(cell.lattice.matrix), "cell", GREY, 2)]
    bonds = _bonds(structure, symbols)
    if bonds:
        data.append(_lines(bonds, "bonds", "#b0b6bb", 4))
    for symbol, colour in element_colours(symbols).items():
        at = np.array([p for p, s in zip(positions, symbols, strict=True) if s == symbol])
        radius = float(Element(symbol).atomic_radius or 1.2)
        marker = {"size": 5 + 7 * radius, "color": colour, "line": {"width": 1, "color": "#333333"}}
        x, y, z = (at[:, axis].round(4).tolist() for axis in range(3))
        data.append(
            {
                "type": "scatter3d",
                "mode": "markers",
                "name": symbol,
                "x": x,
                "y": y,
                "z": z,
                "marker": marker,
                "hovertemplate": f"{symbol}<extra></extra>",
            }
        )
    axis = {"visible": False}
    corners = np.concatenate([positions, [corner for edge in _cell_edges(cell.lattice.matrix) for corner in edge]])
    extents = np.ptp(corners, axis=0)
    ratio = dict(zip("xyz", (_FILL * extents / extents.max()).round(4).tolist(), strict=True))
    scene = {
        "aspectmode": "manual",
        "aspectratio": ratio,
        "xaxis": axis,
        "yaxis": axis,
        "zaxis": axis,
        "camera": {"projection": {"type": "orthographic"}},
    }
    drawn = "" if repeats == (1, 1, 1) else f" ({'×'.join(map(str, repeats))} cells drawn)"
    formula = formula_text(cell.composition.remove_charges().reduced_formula)
    layout = {
        **_caption(document, f"{formula}, {document.n_sites} atoms{drawn}"),
        "scene": scene,
        "margin": {"l": 0, "r": 0, "t": 40, "b": 0},
    }
    return {"data": data, "layout": layout}


def _lines(segments: list[tuple[list[float], list[float]]], name: str, colour: str, width: int) -> dict[str, Any]:
    parts: list[list[float | None]] = [[], [], []]
    for start, end in segments:
        for axis in range(3):
            parts[axis] += [round(start[axis], 4), round(end[axis], 4), None]
    line = {"color": colour, "width": width}
    return {
        "type": "scatter3d",
        "mode": "lines",
        "name": name,
        "x": parts[0],
        "y": parts[1],
        "z": parts[2],
        "line": line,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _cell_edges(matrix: Any) -> list[tuple[list[float], list[float]]]:
    corners = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    pairs = [(a, b) for a in corners for b in corners if a < b and sum(x != y for x, y in zip(a, b, strict=True)) == 1]
    return [(list(np.array(a) @ matrix), list(np.array(b) @ matrix)) for a, b in pairs]


def _bonds(structure: Any, symbols: list[str]) -> list[tuple[list[float], list[float]]]:
    """Cation-anion contacts inside the cell; those that cross its border are left out, so that no line spans the
    picture."""
    from pymatgen.analysis.local_env import CovalentRadius

    radii = np.array([CovalentRadius.radius[symbol] for symbol in symbols])
    centre, neighbour, image, distance = structure.get_neighbor_list(_BOND * 2 * float(radii.max()))
    inside = (
        (image == 0).all(axis=1)
        & (centre < neighbour)
        & (distance < _BOND * (radii[centre] + radii[neighbour]))
        & (distance > 0.4)
    )
    metal = np.array([site.specie.is_metal for site in structure])
    inside &= ~(metal[centre] & metal[neighbour])
    at = structure.cart_coords
    return [(list(at[i]), list(at[j])) for i, j in zip(centre[inside], neighbour[inside], strict=True)]


def _dos(document: CalculationDocument) -> dict[str, Any]:
    """Density of states by element and orbital against the valence-band maximum, or E_F of a metal."""
    dos, edges = document.dos, document.band_edges
    if dos is None or edges is None:
        raise CalculationError("this job has no density of states")
    zero, reference = (edges.efermi, "E_F") if edges.vbm is None else (edges.vbm, "valence-band maximum")
    energies = np.asarray(dos.energies) - zero
    shown = (energies > -9) & (energies < 6)
    groups = _groups(document)
    stride = max(1, int(np.ceil(shown.sum() / POINTS)))
    x = energies[shown][::stride].round(4).tolist()
    data = []
    for number, (label, sites, orbital) in enumerate(groups):
        for spin, density in enumerate(_smoothed(dos.projected(sites, orbital), energies)):
            y = ((-1) ** spin * density)[shown][::stride].round(4).tolist()
            line = {"color": PALETTE[number % len(PALETTE)], "width": 1.5, "dash": DASHES[number % len(DASHES)]}
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": label,
                    "x": x,
                    "y": y,
                    "line": line,
                    "showlegend": spin == 0,
                    "legendgroup": label,
                }
            )
    axes = {
        "xaxis": {"title": {"text": f"energy above the {reference} (eV)"}},
        "yaxis": {"title": {"text": "DOS (states/eV), spin down below"}},
    }
    return {"data": data, "layout": {**_caption(document, "projected density of states, broadened by 0.1 eV"), **axes}}


def _smoothed(densities: Any, energies: Any) -> Any:
    """Densities (n_spin, n_e) with a Gaussian of 0.1 eV."""
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(densities, 0.1 / float(energies[1] - energies[0]), axis=1)


def _groups(document: CalculationDocument) -> list[tuple[str, list[int], str]]:
    """The valence shell of every element: d of a transition metal, s of lithium, p of the rest."""
    sites: dict[str, list[int]] = {}
    for index, site in enumerate(document.structure):
        sites.setdefault(site.specie.symbol, []).append(index)
    found = []
    for symbol, members in sites.items():
        element = (
            document.structure[members[0]].specie.element
            if hasattr(document.structure[members[0]].specie, "element")
            else document.structure[members[0]].specie
        )
        orbital = "d" if element.is_transition_metal else "s" if element.is_alkali else "p"
        if document.dos is not None and orbital in document.dos.orbitals:
            found.append((f"{symbol} {orbital}", members, orbital))
    return sorted(found, key=lambda group: _ORBITALS[group[2]])


def _convergence(document: CalculationDocument) -> dict[str, Any]:
    """Energy of every ionic step or frame."""
    trajectory = document.trajectory
    if trajectory is None or not trajectory.energies:
        raise CalculationError("this job has no steps to draw")
    energies = np.asarray(trajectory.energies) / document.n_sites
    stride = max(1, len(energies) // POINTS)
    moving = trajectory.times is not None
    x = (np.asarray(trajectory.times) / 1000 if moving else np.arange(len(energies)))[::stride]
    line = {"color": PALETTE[0]}
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(x) < 60 else "lines",
            "name": "energy",
            "x": x.tolist(),
            "y": (energies - energies[-1])[::stride].tolist(),
            "line": line,
        }
    ]
    axes: dict[str, Any] = {
        "xaxis": {"title": {"text": "time (ps)" if moving else "ionic step"}},
        "yaxis": {"title": {"text": "energy above the last (eV/atom)"}},
    }
    if trajectory.temperatures:
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "temperature",
                "x": x.tolist(),
                "y": trajectory.temperatures[::stride],
                "yaxis": "y2",
                "line": {"color": PALETTE[1], "width": 1, "dash": DASHES[2]},
            }
        )
        axes["yaxis2"] = {"title": {"text": "temperature (K)"}, "overlaying": "y", "side": "right"}
    return {"data": data, "layout": {**_caption(document, "dynamics" if moving else "convergence"), **axes}}


#: name in the address to what draws it
PICTURES: dict[str, Callable[[CalculationDocument], dict[str, Any]]] = {
    "structure": _structure,
    "dos": _dos,
    "convergence": _convergence,
}
