"""Inputs as this package wrote them at 866a62c: the tags that an expert objected to, as small folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar

from catholyte.configs.load import material
from catholyte.structures.crystals.cells import calculation_cell, prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.vacancy import lithium_vacancies

__all__ = ["write_former"]

#: of every INCAR
_ALL: dict[str, Any] = {
    "PREC": "Accurate", "GGA": "PE", "LASPH": True, "LMAXMIX": 4, "LREAL": False, "ALGO": "Normal", "NELM": 200,
    "ISMEAR": 0, "SIGMA": 0.05, "LORBIT": 11, "ISTART": 0, "ICHARG": 2, "LWAVE": False, "LCHARG": False, "NCORE": 4,
    "KPAR": 1,
}  # fmt: skip
_RELAX = {"ENCUT": 500, "EDIFF": 1e-6, "NSW": 200, "IBRION": 2, "POTIM": 0.5, "ISIF": 3, "EDIFFG": -0.02}
_DOS = {"ENCUT": 500, "EDIFF": 1e-6, "NSW": 0, "IBRION": -1, "NEDOS": 5001, "NBANDS": 64}
_MD = {
    "ENCUT": 400, "EDIFF": 1e-5, "NSW": 2000, "IBRION": 0, "POTIM": 2.0, "ISIF": 2, "ISYM": 0, "MDALGO": 2,
    "SMASS": 3.9, "TEBEG": 300, "TEEND": 300, "NBLOCK": 1,
}  # fmt: skip
_POTCARS = {"Li": "Li_sv", "Mn": "Mn_pv", "Ni": "Ni_pv"}


def write_former(place: Path) -> dict[str, Path]:
    """Write the folders and return them by name.

    Parameters
    ----------
    place : Path
    """
    lco = prepared_cell(conventional(material("LCO")), material("LCO"))
    coo, lpscl = calculation_cell(material("CoO")), calculation_cell(material("LPSCl"))
    lco.add_site_property("magmom", [0.0] * len(lco))
    lpscl.add_site_property("magmom", [0.0] * len(lpscl))
    stack, control = _stack(), lco.make_supercell((3, 3, 1), in_place=False)
    delithiated = lithium_vacancies(lco.make_supercell((2, 2, 1), in_place=False), 6, 1)[0].structure
    ncm = calculation_cell(material("NCM532"))
    oxygen = Structure(
        Lattice.orthorhombic(12, 12.1, 12.2),
        ["O", "O"],
        [[0, 0, 0], [0, 0, 0.099]],
        site_properties={"magmom": [1.0, 0.0]},
    )
    strained = lco.copy()
    strained.apply_strain([0.02, -0.01, 0.0])
    asked: dict[str, tuple[Structure, dict[str, Any], tuple[int, int, int], bool]] = {
        "LCO-relax": (lco, _RELAX | {"ISPIN": 2}, (4, 4, 2), True),
        "LCO-dos": (lco, _DOS | {"ISPIN": 2}, (4, 4, 2), True),
        "LCO-strained-dos": (strained, _DOS | {"ISPIN": 2}, (4, 2, 4), True),
        "CoO-relax": (coo, _RELAX | {"ISPIN": 2}, (4, 4, 4), True),
        "CoO-dos": (coo, _DOS | {"ISPIN": 2}, (4, 4, 4), True),
        "LPSCl-relax": (lpscl, _RELAX | {"ISPIN": 2}, (4, 4, 4), True),
        "LCO-LPSCl-relax": (stack, _RELAX | {"ISPIN": 2, "ISIF": 2, "ISYM": 0}, (2, 1, 1), True),
        "LCO-LPSCl-md": (stack, _MD | {"ISPIN": 2}, (1, 1, 1), True),
        "LCO-control-md": (control, _MD | {"ISPIN": 1}, (1, 1, 1), True),
        "LCO-Li-6-relax": (delithiated, _RELAX | {"ISPIN": 2, "NSW": 1000, "ISIF": 2, "ISYM": 0}, (2, 2, 2), True),
        "NCM532-dos": (ncm, _DOS | {"ISPIN": 2, "ISYM": 0, "NBANDS": 736}, (2, 2, 2), False),
        "O2-relax": (oxygen, _RELAX | {"ISPIN": 2, "ISIF": 2, "NUPDOWN": 0}, (1, 1, 1), True),
    }
    return {
        name: _write(place / name, structure.get_sorted_structure(key=lambda site: site.specie.X), tags, (mesh, gamma))
        for name, (structure, tags, mesh, gamma) in asked.items()
    }


def _stack() -> Structure:
    """LCO below and LPSCl above, without vacuum: 132 atoms as in the recipe, and as bare as a checker needs them."""
    species, coords = [], []
    for layer, symbols in enumerate((["O", "Co", "O", "Li"] * 2, ["S", "P", "S", "Cl", "Li", "S"] * 2)):
        for number, symbol in enumerate(symbols):
            height = 0.02 + 0.5 * layer + 0.46 * number / len(symbols)
            for x, y in ((0.1, 0.1), (0.6, 0.2), (0.3, 0.7)):
                species.append(symbol)
                coords.append([x + 0.05 * number % 0.3, y, height])
    structure = Structure(Lattice.orthorhombic(8.5, 9.4, 26.0), species, coords)
    structure.add_site_property("magmom", [0.0] * len(structure))
    return structure


def _write(folder: Path, structure: Structure, tags: dict[str, Any], points: tuple[tuple[int, int, int], bool]) -> Path:
    folder.mkdir(parents=True)
    bare = structure.copy().remove_oxidation_states()
    symbols = list(dict.fromkeys(site.specie.symbol for site in bare))
    whole = {**_ALL, **tags}
    if whole["ISPIN"] == 2:
        whole["MAGMOM"] = [float(m) for m in structure.site_properties["magmom"]]
    if tags["IBRION"] != 0 and {"Co", "Ni", "Mn"} & set(symbols):
        table = {"Co": 3.9, "Ni": 6.7, "Mn": 4.2}
        whole |= {
            "LDAU": True,
            "LDAUTYPE": 2,
            "LDAUL": [2 if s in table else -1 for s in symbols],
            "LDAUU": [table.get(s, 0.0) for s in symbols],
            "LDAUJ": [0.0] * len(symbols),
        }
    (folder / "INCAR").write_text(str(Incar(whole)))
    mesh, gamma = points
    (folder / "KPOINTS").write_text(str(Kpoints.gamma_automatic(mesh) if gamma else Kpoints.monkhorst_automatic(mesh)))
    (folder / "POSCAR").write_text(Poscar(bare).get_str(significant_figures=12))
    (folder / "POTCAR.spec").write_text("\n".join(_POTCARS.get(s, s) for s in symbols))
    return folder
