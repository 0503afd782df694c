"""A VASP run with known answers, and the vasprun.xml that VASP would have written of it, in the words of each version.

Layout after recorded files of VASP 5.4 to 6.4: ``<parameters>`` repeats the first value of LDAUL, LDAUU and LDAUJ
alone and leaves METAGGA and IVDW out; VASP 6.4.3 pads names; force-field steps stand outside ``<calculation>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

__all__ = ["VALENCES", "Dialect", "Dos", "Frame", "WrittenRun", "rock_salt", "vasprun_text"]

Dialect = Literal["5.4.4", "6.3.2", "6.4.3"]
#: names of the lm-resolved projections in ``<partial>``
LM = ("s", "py", "pz", "px", "dxy", "dyz", "dz2", "dxz", "x2-y2")
F = ("fy3x2", "fxyz", "fyz2", "fz3", "fxz2", "fzx2", "fx3")
_DEFAULTS: dict[str, Any] = {
    "PREC": "accura",
    "ENMAX": 520.0,
    "EDIFF": 1e-5,
    "ISMEAR": 0,
    "SIGMA": 0.05,
    "ISPIN": 1,
    "NELM": 60,
    "NSW": 0,
    "IBRION": -1,
    "POTIM": 0.5,
    "EDIFFG": -0.02,
    "LREAL": False,
    "LHFCALC": False,
    "AEXX": 0.0,
    "ALDAX": 1.0,
    "AGGAX": 1.0,
    "ALDAC": 1.0,
    "AGGAC": 1.0,
    "HFSCREEN": 0.0,
    "LNONCOLLINEAR": False,
    "LSORBIT": False,
    "LMETAGGA": False,
    "LUSE_VDW": False,
    "LVTOT": False,
    "GGA": "--",
    "NEDOS": 301,
    "LORBIT": 0,
}
#: tags that VASP does not repeat in ``<parameters>``
_GIVEN_ONLY = ("METAGGA", "IVDW", "XC", "ML_LMLFF", "ML_MODE", "ALGO", "BPARAM", "VDW_S8")
VALENCES = {
    "Li": 3.0,
    "O": 6.0,
    "Co": 9.0,
    "Ni": 10.0,
    "S": 6.0,
    "P": 5.0,
    "Fe": 8.0,
    "Mg": 2.0,
    "Mn": 7.0,
    "Ce": 12.0,
    "Si": 4.0,
    "Au": 11.0,
}


@dataclass(frozen=True)
class Frame:
    """An ionic step; energies in eV, forces in eV/Å, stress in kB, `cycles` electronic steps, none of a force field."""

    structure: Structure
    energy: float = -10.0
    forces: NDArray[np.float64] | None = None
    stress: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, 3)))
    kinetic: float | None = None
    cycles: int = 3


@dataclass(frozen=True)
class Dos:
    """Density of states: total (n_spin, n_e), partial (n_sites, n_spin, n_orbitals, n_e), states/eV.

    `n_spin` is 1, 2, or 4 of a noncollinear run (total, x, y, z) whose total DOS has one set.
    """

    energies: NDArray[np.float64]
    total: NDArray[np.float64]
    partial: NDArray[np.float64] | None
    orbitals: Sequence[str] = LM


@dataclass(frozen=True)
class WrittenRun:
    """Everything that a run left behind.

    `groups` are element and number of atoms of each POTCAR, those of neighbouring equal sites where left out;
    eigenvalues and occupations (n_spin, n_k, n_bands), eV; `valences` where they are not the usual ones; `following`
    is the final geometry where it is not that of the last step, as in dynamics.
    """

    structure: Structure
    incar: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    frames: Sequence[Frame] = ()
    version: str = "6.3.2"
    groups: Sequence[tuple[str, int]] = ()
    titles: dict[str, str] = field(default_factory=dict)
    kpoints: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 3)))
    mesh: tuple[int, int, int] | None = (1, 1, 1)
    eigenvalues: NDArray[np.float64] | None = None
    occupations: NDArray[np.float64] | None = None
    efermi: float = 0.0
    dos: Dos | None = None
    valences: dict[str, float] = field(default_factory=dict)
    following: Structure | None = None

    @property
    def types(self) -> list[tuple[str, int]]:
        """Element and number of atoms of each POTCAR."""
        if self.groups:
            return list(self.groups)
        found: list[tuple[str, int]] = []
        for site in self.structure:
            same = bool(found) and found[-1][0] == site.specie.symbol
            found[-1:] = [(site.specie.symbol, found[-1][1] + 1)] if same else [*found[-1:], (site.specie.symbol, 1)]
        return found

    def valence(self, symbol: str) -> float:
        """Electrons of a POTCAR."""
        return self.valences.get(symbol, VALENCES[symbol])

    @property
    def steps(self) -> Sequence[Frame]:
        """Ionic steps, one at rest where none was given."""
        return self.frames or (Frame(self.structure),)

    @property
    def in_force(self) -> dict[str, Any]:
        """What stands in ``<parameters>``."""
        given = {tag: value for tag, value in self.incar.items() if tag not in _GIVEN_ONLY}
        for tag in ("LDAUL", "LDAUU", "LDAUJ"):
            if tag in given:
                given[tag] = given[tag][:1]
        if given.get("LSORBIT"):
            given["LNONCOLLINEAR"] = True
        if "ENCUT" in given:
            given["ENMAX"] = given["ENCUT"]
        bands = 8 if self.eigenvalues is None else self.eigenvalues.shape[2]
        electrons = sum(count * self.valence(symbol) for symbol, count in self.types)
        return {**_DEFAULTS, "NBANDS": bands, "NELECT": electrons, **given, **self.parameters}

    def written(self, folder: Path, name: str = "vasprun.xml") -> Path:
        """Write the vasprun.xml and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / name
        file.write_text(vasprun_text(self), encoding="latin-1")
        return file

    def but(self, **changes: Any) -> WrittenRun:
        """The same run with other fields."""
        return replace(self, **changes)


def rock_salt(metal: str = "Ni", anion: str = "O", length: float = 4.2) -> Structure:
    """A primitive rock salt cell of two atoms."""
    half = length / 2
    return Structure(
        Lattice([[0, half, half], [half, 0, half], [half, half, 0]]), [metal, anion], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def vasprun_text(run: WrittenRun) -> str:
    """The vasprun.xml of a run."""
    steps = list(run.steps)
    bodies = [_step(run, frame, last=frame is steps[-1]) for frame in steps]
    return (
        f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>\n  <i name="program" type="string">vasp '
        f'</i>\n  <i name="version" type="string">{run.version}  </i>\n </generator>\n'
        f" <incar>\n{_tags(run, run.incar)} </incar>\n{_kpoints(run)}"
        f' <parameters>\n  <separator name="general" >\n{_tags(run, run.in_force)}  </separator>\n </parameters>\n'
        f"{_atominfo(run)}{_structure(run.structure, 'initialpos')}{''.join(bodies)}"
        f"{_structure(run.following or steps[-1].structure, 'finalpos')}</modeling>\n"
    )


def _tags(run: WrittenRun, tags: dict[str, Any]) -> str:
    pad = "    " if run.version == "6.4.3" else ""
    return "".join(_tag(name + pad, value) for name, value in tags.items())


def _tag(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        kind = ' type="int"' if all(isinstance(item, int) for item in value) else ""
        return f'   <v{kind} name="{name}">{" ".join(map(str, value))}</v>\n'
    if isinstance(value, bool):
        return f'   <i type="logical" name="{name}"> {"T" if value else "F"}  </i>\n'
    if isinstance(value, int):
        return f'   <i type="int" name="{name}">{value:6d}</i>\n'
    if isinstance(value, float):
        return f'   <i name="{name}">{value:16.8f}</i>\n'
    return f'   <i type="string" name="{name}"> {value}</i>\n'


def _kpoints(run: WrittenRun) -> str:
    mesh = (
        ""
        if run.mesh is None
        else (
            f'  <generation param="Gamma">\n   <v type="int" name="divisions"> {" ".join(map(str, run.mesh))} </v>\n  '
            "</generation>\n"
        )
    )
    weights = np.full((len(run.kpoints), 1), 1 / len(run.kpoints))
    return f" <kpoints>\n{mesh}{_varray('kpointlist', run.kpoints)}{_varray('weights', weights)} </kpoints>\n"


def _atominfo(run: WrittenRun) -> str:
    atoms = "".join(
        f"    <rc><c>{symbol:<2}</c><c>{number:4d}</c></rc>\n" * count
        for number, (symbol, count) in enumerate(run.types, 1)
    )
    kinds = "".join(
        f"    <rc><c>{count:4d}</c><c>{symbol:<2}</c><c>     10.0</c><c>{run.valence(symbol):12.4f}</c>"
        f"<c> {run.titles.get(symbol, f'PAW_PBE {symbol} 08Apr2002'):<36}</c></rc>\n"
        for symbol, count in run.types
    )
    return (
        f" <atominfo>\n  <atoms>{len(run.structure):8d} </atoms>\n  <types>{len(run.types):8d} </types>\n"
        '  <array name="atoms" >\n   <dimension dim="1">ion</dimension>\n   <field type="string">element</field>\n   '
        f'<field type="int">atomtype</field>\n   <set>\n{atoms}   </set>\n  </array>\n  <array name="atomtypes" >\n   '
        '<dimension dim="1">type</dimension>\n   <field type="int">atomspertype</field>\n   <field '
        'type="string">element</field>\n   <field>mass</field>\n   <field>valence</field>\n   <field '
        f'type="string">pseudopotential</field>\n   <set>\n{kinds}   </set>\n  </array>\n </atominfo>\n'
    )


def _step(run: WrittenRun, frame: Frame, last: bool) -> str:
    forces = np.zeros((len(run.structure), 3)) if frame.forces is None else frame.forces
    kinetic = (
        ""
        if frame.kinetic is None
        else f'   <i name="kinetic">{frame.kinetic:16.8f}</i>\n   <i name="total">{frame.energy:16.8f}</i>\n'
    )
    # VASP 5.4 prints 0 for the energy without smearing outside the electronic cycle
    outside = frame.energy if frame.cycles == 0 or run.version != "5.4.4" else 0.0
    body = (
        f"{_structure(frame.structure)}{_varray('forces', forces)}{_varray('stress', frame.stress)}"
        f"  <energy>\n{_energies(frame.energy, outside)}{kinetic}  </energy>\n"
    )
    if frame.cycles == 0:
        return body
    cycle = f"  <scstep>\n   <energy>\n{_energies(frame.energy, frame.energy)}   </energy>\n  </scstep>\n"
    states = f"{_eigenvalues(run)}{_dos(run)}" if last else ""
    return f" <calculation>\n{cycle * frame.cycles}{body}{states} </calculation>\n"


def _energies(energy: float, extrapolated: float) -> str:
    values = {"e_fr_energy": energy, "e_wo_entrp": energy, "e_0_energy": extrapolated}
    return "".join(f'    <i name="{name}">{value:16.8f}</i>\n' for name, value in values.items())


def _structure(structure: Structure, name: str = "") -> str:
    label = f' name="{name}"' if name else ""
    return (
        f" <structure{label} >\n  <crystal>\n{_varray('basis', structure.lattice.matrix)}   <i "
        f'name="volume">{structure.volume:16.8f}</i>\n'
        f"{_varray('rec_basis', np.linalg.inv(structure.lattice.matrix).T)}  </crystal>\n"
        f"{_varray('positions', structure.frac_coords)} </structure>\n"
    )


def _varray(name: str, rows: NDArray[np.float64]) -> str:
    return f'  <varray name="{name}" >\n' + "".join(f"   <v> {_numbers(row)} </v>\n" for row in rows) + "  </varray>\n"


def _numbers(row: NDArray[np.float64]) -> str:
    return " ".join(f"{value:16.8f}" for value in row)


def _nested(name: str, sets: Sequence[str]) -> str:
    return "".join(f'     <set comment="{name} {i}">\n{body}     </set>\n' for i, body in enumerate(sets, 1))


def _rows(columns: Sequence[NDArray[np.float64]]) -> str:
    return "".join(f"      <r> {_numbers(row)} </r>\n" for row in np.column_stack(columns))


def _eigenvalues(run: WrittenRun) -> str:
    if run.eigenvalues is None or run.occupations is None:
        return ""
    spins = [
        _nested("kpoint", [_rows((levels, filled)) for levels, filled in zip(points, taken, strict=True)])
        for points, taken in zip(run.eigenvalues, run.occupations, strict=True)
    ]
    return (
        '  <eigenvalues>\n   <array>\n    <dimension dim="1">band</dimension>\n    <dimension dim="2">kpoint'
        '</dimension>\n    <dimension dim="3">spin</dimension>\n    <field>eigene</field>\n    <field>occ</field>\n'
        f"    <set>\n{_nested('spin', spins)}    </set>\n   </array>\n  </eigenvalues>\n"
    )


def _dos(run: WrittenRun) -> str:
    if run.dos is None:
        return ""
    dos, step = run.dos, float(run.dos.energies[1] - run.dos.energies[0])
    total = _nested("spin", [_rows((dos.energies, row, np.cumsum(row) * step)) for row in dos.total])
    partial = ""
    if dos.partial is not None:
        ions = [_nested("spin", [_rows((dos.energies, *channel)) for channel in site]) for site in dos.partial]
        fields = "".join(f"     <field>{name:>7}</field>\n" for name in ("energy", *dos.orbitals))
        partial = (
            '   <partial>\n    <array>\n     <dimension dim="1">gridpoints</dimension>\n     <dimension dim="2">spin'
            f'</dimension>\n     <dimension dim="3">ion</dimension>\n{fields}    <set>\n{_nested("ion", ions)}'
            "    </set>\n    </array>\n   </partial>\n"
        )
    return (
        f'  <dos>\n   <i name="efermi">{run.efermi:16.8f}</i>\n   <total>\n    <array>\n     <dimension '
        'dim="1">gridpoints</dimension>\n     <dimension dim="2">spin</dimension>\n     <field>energy</field>\n     '
        f"<field>total</field>\n     <field>integrated</field>\n    <set>\n{total}    </set>\n    </array>\n   </total>\n"
        f"{partial}  </dos>\n"
    )
