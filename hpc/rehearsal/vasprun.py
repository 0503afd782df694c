"""vasprun.xml, written step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.periodic_table import Element

from .electrons import Electrons
from .inputs import RunInputs
from .motion import Frame
from .potential import Potential

__all__ = ["VasprunWriter"]


#: parameters that a reader finds whether or not the INCAR names them, with VASP's type words
_PARAMETERS = {
    "electronic": ("PREC", "ENMAX", "EDIFF", "NELM", "NELMIN", "NBANDS", "NELECT", "ISMEAR", "SIGMA", "LREAL", "ISPIN"),
    "ionic": ("NSW", "IBRION", "ISIF", "POTIM", "SMASS", "TEBEG", "TEEND", "MDALGO", "EDIFFG"),
    "dos": ("LORBIT", "NEDOS"),
}
_ORBITALS = ("s", "py", "pz", "px", "dxy", "dyz", "dz2", "dxz", "x2-y2")


class VasprunWriter:
    """Writes the head at once, each ionic step when it is finished, and the electronic part at the end."""

    def __init__(self, path: Path, inputs: RunInputs, electrons: Electrons, potential: Potential) -> None:
        self.inputs, self.electrons, self.potential = inputs, electrons, potential
        self.stream = path.open("w", encoding="ascii", errors="replace")
        self.open_step = False
        self.last: Frame | None = None
        self.stream.write(self._head())
        self.stream.flush()

    def ionic_step(self, frame: Frame, cycles: list[tuple[float, float]], kbar: float) -> None:
        """Write one ``<calculation>``; it is closed by the next one or by :meth:`finish`. `kbar`: kB per eV/Å³."""
        self._close_step()
        steps = "".join(
            (
                f'  <scstep>\n   <time name="total">    0.01    0.01</time>\n   <energy>\n{_energies(energy)}   '
                "</energy>\n  </scstep>\n"
            )
            for energy, _ in cycles
        )
        kinetic = (
            (
                f'   <i name="kinetic">{frame.kinetic:16.8f}</i>\n   <i '
                f'name="nosepot">{frame.thermostat_energy:16.8f}</i>\n'
            )
            if self.inputs.kind == "md"
            else ""
        )
        total = frame.energy + frame.kinetic + frame.thermostat_energy
        self.stream.write(
            f" <calculation>\n{steps}{_structure(frame.cell, frame.fractional)}"
            f"{_varray('forces', frame.forces)}{_varray('stress', -frame.stress * kbar)}"
            f'  <energy>\n{_energies(frame.energy)}{kinetic}   <i name="total">{total:16.8f}</i>\n  </energy>\n  '
            '<time name="totalsc">    0.01    0.01</time>\n'
        )
        self.open_step, self.last = True, frame
        self.stream.flush()

    def finish(self) -> None:
        """Write eigenvalues, density of states and the final structure."""
        assert self.last is not None
        self.stream.write(self._eigenvalues() + self._dos())
        self._close_step()
        self.stream.write(_structure(self.last.cell, self.last.fractional, "finalpos") + "</modeling>\n")
        self.stream.flush()

    def _close_step(self) -> None:
        if self.open_step:
            self.stream.write(" </calculation>\n")
            self.open_step = False

    def _head(self) -> str:
        inputs = self.inputs
        tags = {
            **inputs.incar,
            "NBANDS": self.electrons.n_bands,
            "NELECT": self.electrons.n_electrons,
            "ENMAX": inputs.incar.get("ENCUT", 400.0),
        }
        groups = "".join(
            (
                f'  <separator name="{name}" >\n{"".join(_tag(key, tags[key]) for key in keys if key in tags)}  '
                "</separator>\n"
            )
            for name, keys in _PARAMETERS.items()
        )
        other = "".join(
            _tag(key, value) for key, value in tags.items() if key.startswith(("LDAU", "LMAXMIX", "MAGMOM"))
        )
        incar = "".join(_tag(key, value) for key, value in inputs.given.items())
        points = "".join(f"   <v>{_numbers(row)}</v>\n" for row in inputs.kpoints)
        weights = "".join(f"   <v>{weight:17.8f}</v>\n" for weight in inputs.weights)
        mesh = " ".join(map(str, inputs.mesh))
        return (
            '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>\n  <i name="program" '
            'type="string">vasp </i>\n'
            f'  <i name="version" type="string">{self.potential.stamp}  </i>\n  <i name="subversion" type="string">'
            f"{self.potential.told}</i>\n </generator>\n"
            f" <incar>\n{incar} </incar>\n"
            f' <kpoints>\n  <generation param="Gamma">\n   <v type="int" name="divisions">{mesh}</v>\n  </generation>\n'
            f'  <varray name="kpointlist" >\n{points}  </varray>\n  <varray name="weights" >\n{weights}  </varray>\n '
            "</kpoints>\n"
            f' <parameters>\n{groups}  <separator name="other" >\n{other}  </separator>\n '
            f"</parameters>\n{self._atoms()}"
            f"{_structure(inputs.structure.lattice.matrix, inputs.structure.frac_coords, 'initialpos')}"
        )

    def _atoms(self) -> str:
        inputs, rows, types = self.inputs, [], []
        for number, ((symbol, count), title) in enumerate(zip(inputs.species, inputs.titles, strict=True), start=1):
            rows += [f"    <rc><c>{symbol:<2}</c><c>{number:4d}</c></rc>\n"] * count
            mass = float(Element(symbol).atomic_mass)
            types.append(
                f"    <rc><c>{count:4d}</c><c>{symbol:<2}</c><c>{mass:12.4f}</c><c>{1.0:12.4f}</c><c> "
                f"{title:<36}</c></rc>\n"
            )
        return (
            f" <atominfo>\n  <atoms>{len(inputs.structure):8d} </atoms>\n  <types>{len(types):8d} </types>\n"
            '  <array name="atoms" >\n   <dimension dim="1">ion</dimension>\n   <field '
            'type="string">element</field>\n   <field type="int">atomtype</field>\n'
            f"   <set>\n{''.join(rows)}   </set>\n  </array>\n"
            '  <array name="atomtypes" >\n   <dimension dim="1">type</dimension>\n   <field '
            'type="int">atomspertype</field>\n   <field type="string">element</field>\n'
            '   <field>mass</field>\n   <field>valence</field>\n   <field type="string">pseudopotential</field>\n'
            f"   <set>\n{''.join(types)}   </set>\n  </array>\n </atominfo>\n"
        )

    @property
    def _spins(self) -> range:
        return range(1, int(self.inputs.incar["ISPIN"]) + 1)

    def _eigenvalues(self) -> str:
        electrons = self.electrons
        bands = "".join(
            f"       <r>{level:11.4f} {filled:8.4f} </r>\n"
            for level, filled in zip(electrons.levels, electrons.occupations, strict=True)
        )
        points = "".join(
            f'      <set comment="kpoint {k}">\n{bands}      </set>\n' for k in range(1, len(self.inputs.kpoints) + 1)
        )
        spins = "".join(f'     <set comment="spin {spin}">\n{points}     </set>\n' for spin in self._spins)
        return (
            '  <eigenvalues>\n   <array>\n    <dimension dim="1">band</dimension>\n    <dimension '
            'dim="2">kpoint</dimension>\n    <dimension dim="3">spin</dimension>\n'
            f"    <field>eigene</field>\n    <field>occ</field>\n    <set>\n{spins}    </set>\n   </array>\n  "
            "</eigenvalues>\n"
        )

    def _dos(self) -> str:
        electrons, sites = self.electrons, self.inputs.structure
        grid, states = electrons.dos(int(self.inputs.incar["NEDOS"]))
        summed = np.cumsum(states) * (grid[1] - grid[0])
        rows = "".join(f"      <r>{_numbers(row)}</r>\n" for row in np.column_stack([grid, states, summed]))
        total = "".join(f'     <set comment="spin {spin}">\n{rows}     </set>\n' for spin in self._spins)
        partial = ""
        if int(self.inputs.incar["LORBIT"]) >= 10:
            orbitals = _ORBITALS if int(self.inputs.incar["LORBIT"]) in (11, 12) else ("s", "p", "d")
            flat = states[:, None] * np.full(len(orbitals), 1.0 / (len(sites) * len(orbitals)))
            body = "".join(f"       <r>{_numbers(row)}</r>\n" for row in np.column_stack([grid, flat]))
            spins = "".join(f'      <set comment="spin {spin}">\n{body}      </set>\n' for spin in self._spins)
            ions = "".join(f'     <set comment="ion {i}">\n{spins}     </set>\n' for i in range(1, len(sites) + 1))
            fields = "".join(f"     <field>{name:>7}</field>\n" for name in ("energy", *orbitals))
            partial = (
                '   <partial>\n    <array>\n     <dimension dim="1">gridpoints</dimension>\n     <dimension '
                'dim="2">spin</dimension>\n     <dimension dim="3">ion</dimension>\n'
                f"{fields}    <set>\n{ions}    </set>\n    </array>\n   </partial>\n"
            )
        return (
            f'  <dos>\n   <i name="efermi">{electrons.efermi:16.8f}</i>\n   <total>\n    <array>\n     <dimension '
            'dim="1">gridpoints</dimension>\n'
            '     <dimension dim="2">spin</dimension>\n     <field>energy</field>\n     <field>total</field>\n     '
            "<field>integrated</field>\n"
            f"    <set>\n{total}    </set>\n    </array>\n   </total>\n{partial}  </dos>\n"
        )


def _numbers(row: NDArray[np.floating[Any]]) -> str:
    return " ".join(f"{value:16.8f}" for value in row)


def _varray(name: str, rows: NDArray[np.floating[Any]]) -> str:
    return f'  <varray name="{name}" >\n' + "".join(f"   <v>{_numbers(row)}</v>\n" for row in rows) + "  </varray>\n"


def _energies(energy: float) -> str:
    return "".join(f'    <i name="{name}">{energy:16.8f}</i>\n' for name in ("e_fr_energy", "e_wo_entrp", "e_0_energy"))


def _structure(cell: NDArray[np.floating[Any]], fractional: NDArray[np.floating[Any]], name: str = "") -> str:
    label = f' name="{name}"' if name else ""
    volume = abs(np.linalg.det(cell))
    return (
        f'  <structure{label} >\n   <crystal>\n  {_varray("basis", cell)}    <i name="volume">{volume:16.8f}</i>\n  '
        f"{_varray('rec_basis', np.linalg.inv(cell).T)}   </crystal>\n"
        f"  {_varray('positions', fractional)}  </structure>\n"
    )


def _tag(name: str, value: Any) -> str:
    """One tag in VASP's own type words."""
    if isinstance(value, (list, tuple, np.ndarray)):
        whole = all(isinstance(item, (int, np.integer)) for item in value)
        kind = ' type="int"' if whole else ""
        return (
            f"   <v{kind} "
            f'name="{name}">{" ".join(str(item) if whole else f"{float(item):.8f}" for item in value)}</v>\n'
        )
    if isinstance(value, (bool, np.bool_)):
        return f'   <i type="logical" name="{name}"> {"T" if value else "F"}  </i>\n'
    if isinstance(value, (int, np.integer)):
        return f'   <i type="int" name="{name}">{value:6d}</i>\n'
    if isinstance(value, float):
        return f'   <i name="{name}">{value:16.8f}</i>\n'
    return f'   <i type="string" name="{name}">{value}</i>\n'
