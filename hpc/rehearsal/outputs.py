"""The output files, written step by step as VASP leaves them: OSZICAR, OUTCAR, XDATCAR, CONTCAR, vasprun.xml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

import numpy as np
from ase import units

from ...configs.arrays import Floats
from .electrons import Electrons
from .inputs import STAMP, RunInputs
from .motion import Frame, Next
from .potential import Potential
from .vasprun import VasprunWriter

__all__ = ["Outputs"]


#: kB per eV/Å³
_KBAR = 1.0 / (0.1 * units.GPa)
_LINE = "-" * 104


class Outputs:
    """All output files of one run; every ionic step is flushed, so that a kill leaves whole steps and at most one
    broken one."""

    def __init__(self, directory: Path, inputs: RunInputs, electrons: Electrons, potential: Potential) -> None:
        self.directory, self.inputs, self.electrons, self.potential = directory, inputs, electrons, potential
        self.started = time.monotonic()
        self.oszicar = _open(directory / "OSZICAR")
        self.outcar = _open(directory / "OUTCAR")
        self.xdatcar = _open(directory / "XDATCAR")
        self.vasprun = VasprunWriter(directory / "vasprun.xml", inputs, electrons, potential)
        (directory / "CONTCAR").write_text("")
        self.first: float | None = None
        self.steps = 0
        self._outcar_head()
        self._xdatcar_head(inputs.structure.lattice.matrix)

    def electronic_step(self, cycle: int, energy: float, change: float) -> None:
        """One line of OSZICAR for one step of the electronic iteration."""
        if cycle == 1:
            self.oszicar.write(
                "       N       E                     dE             d eps       ncg     rms          rms(c)\n"
            )
        self.oszicar.write(
            f"DAV: {cycle:3d}   {energy:19.12E}   {change:12.5E}  {change:12.5E}   100   {abs(change):9.3E}\n"
        )
        moment = 0.0 if self.electrons.moments is None else float(self.electrons.moments.sum())
        self.outcar.write(f"\n{'-' * 39} Iteration {self.steps + 1:6d}({cycle:4d})  {'-' * 39}\n\n")
        self.outcar.write(f" number of electron {self.electrons.n_electrons:15.7f} magnetization {moment:15.7f}\n\n")
        self.oszicar.flush()

    def ionic_step(
        self, frame: Frame, cycles: list[tuple[float, float]], *, converged: bool, magnetization: bool = True
    ) -> None:
        """Everything that one finished ionic step leaves.

        Parameters
        ----------
        frame : Frame
        cycles : list of (float, float)
            Energy and its change, eV, of each electronic step.
        converged : bool
            Whether the electronic iteration reached EDIFF.
        magnetization : bool
            Write the table of moments.
        """
        self.steps += 1
        change = frame.energy - (self.first if self.first is not None else 0.0)
        self.first = frame.energy
        self._oszicar_ionic(frame, change)
        self._outcar_ionic(frame, converged, magnetization)
        self.xdatcar.write(f"Direct configuration={self.steps:6d}\n" + _rows(frame.fractional, 12, 8))
        self.vasprun.ionic_step(frame, cycles, _KBAR)
        self.write_contcar(frame.following)
        for stream in (self.oszicar, self.outcar, self.xdatcar):
            stream.flush()

    def write_contcar(self, following: Next, *, velocities: bool = True) -> None:
        """Replace CONTCAR by the geometry to go on from."""
        text = self._poscar(following.cell, following.fractional)
        if velocities and following.velocities is not None:
            text += "\n" + "".join(" ".join(f"{value:16.8E}" for value in row) + "\n" for row in following.velocities)
        if velocities and following.thermostat is not None:
            nose = "  ".join(f"{value:16.8E}" for value in (*following.thermostat, 0.0, 0.0))
            text += f"\n           1\n  {float(self.inputs.incar['POTIM']):20.16f}\n {nose}\n" + 3 * _rows(
                following.fractional, 16, 8
            )
        (self.directory / "CONTCAR").write_text(text)

    def finish(self, *, reached: bool) -> None:
        """Close all files: eigenvalues, density of states, timing."""
        if reached and self.inputs.kind == "relax":
            self.outcar.write("\n reached required accuracy - stopping structural energy minimisation\n")
        spent = time.monotonic() - self.started
        self.outcar.write(
            f"\n\n General timing and accounting informations for this job:\n {'=' * 56}\n\n"
            f"                  Total CPU time used (sec): {spent:12.3f}\n                            User time "
            f"(sec): {spent:12.3f}\n"
            f"                          System time (sec): {0.0:12.3f}\n                         Elapsed time (sec): "
            f"{spent:12.3f}\n\n"
            f"                   Maximum memory used (kb): {100000.0:12.0f}\n                   Average memory used "
            f"(kb): {0.0:12.0f}\n"
        )
        self.vasprun.finish()
        if self.inputs.incar["LWAVE"]:
            (self.directory / "WAVECAR").write_text(f"{STAMP}: no wave functions\n")
        if self.inputs.incar["LCHARG"]:
            (self.directory / "CHGCAR").write_text(f"{STAMP}: no charge density\n")
        self.close()

    def close(self) -> None:
        """Close the streams as they are."""
        for stream in (self.oszicar, self.outcar, self.xdatcar, self.vasprun.stream):
            stream.close()

    def _poscar(self, cell: Floats, fractional: Floats) -> str:
        species = self.inputs.species
        flags = self.inputs.structure.site_properties.get("selective_dynamics")
        lines = [f"{self.inputs.structure.composition.reduced_formula} {STAMP}", "   1.00000000000000"]
        lines += [" " + " ".join(f"{value:22.16f}" for value in row) for row in cell]
        lines += [" " + " ".join(symbol for symbol, _ in species), " " + " ".join(str(count) for _, count in species)]
        lines += (["Selective dynamics"] if flags is not None else []) + ["Direct"]
        for i, row in enumerate(fractional):
            tail = "" if flags is None else "  " + "  ".join("T" if free else "F" for free in flags[i])
            lines.append(" " + " ".join(f"{value:20.16f}" for value in row) + tail)
        return "\n".join(lines) + "\n"

    def _xdatcar_head(self, cell: Floats) -> None:
        species = self.inputs.species
        rows = "".join(" " + " ".join(f"{value:12.6f}" for value in row) + "\n" for row in cell)
        symbols, counts = " ".join(symbol for symbol, _ in species), " ".join(str(count) for _, count in species)
        self.xdatcar.write(f"{STAMP}\n           1\n{rows} {symbols}\n {counts}\n")

    def _outcar_head(self) -> None:
        inputs, electrons = self.inputs, self.electrons
        tags = "".join(f"   {key} = {value}\n" for key, value in inputs.given.items())
        potcars = "".join(f" POTCAR:    {title}\n" for title in inputs.titles)
        titles = "".join(f"   TITEL  = {title}\n" for title in inputs.titles)
        tag = inputs.incar
        self.outcar.write(
            f" vasp.{self.potential.stamp} {STAMP}: {self.potential.told}\n executed on rehearsal\n running on    1 "
            f"total cores\n\n INCAR:\n{tags}\n{potcars}\n{titles}\n"
            f"   k-points           NKPTS = {len(inputs.kpoints):6d}   k-points in BZ     NKDIM = "
            f"{len(inputs.kpoints):6d}   number of bands    NBANDS= {electrons.n_bands:6d}\n"
            f"   number of dos      NEDOS = {int(tag['NEDOS']):6d}   number of ions     NIONS = "
            f"{len(inputs.structure):6d}\n"
            "   total plane-waves  NPLWV =   1000\n"
            f"   ISPIN  = {int(tag['ISPIN']):6d}    spin polarized calculation?\n"
            f"   EDIFF  = {float(tag['EDIFF']):.1E}   stopping-criterion for ELM\n   NELM   = {int(tag['NELM']):6d};  "
            f" NELMIN= {int(tag['NELMIN']):2d}\n"
            f"   NSW    = {int(tag['NSW']):6d}    number of steps for IOM\n   IBRION = {int(tag['IBRION']):6d}    "
            "ionic relax\n"
            f"   NELECT = {electrons.n_electrons:12.4f}    total number of electrons\n"
            f"   ISMEAR = {int(tag['ISMEAR']):5d};   SIGMA  = {float(tag['SIGMA']):6.2f}  broadening in eV\n\n"
        )

    def _oszicar_ionic(self, frame: Frame, change: float) -> None:
        moment = "" if self.electrons.moments is None else f"  mag= {self.electrons.moments.sum():11.4f}"
        if self.inputs.kind == "md":
            total = frame.energy + frame.kinetic + frame.thermostat_energy
            self.oszicar.write(
                f"{self.steps:7d} T= {frame.temperature:5.0f}. E= {total:14.8E} F= {frame.energy:14.8E} E0= "
                f"{frame.energy:14.8E}  EK= {frame.kinetic:11.5E} SP= {frame.thermostat_energy:8.2E} SK= "
                f"0.00E+00{moment}\n"
            )
        else:
            self.oszicar.write(
                f"{self.steps:4d} F= {frame.energy:14.8E} E0= {frame.energy:14.8E}  d E ={change:13.6E}{moment}\n"
            )

    def _outcar_ionic(self, frame: Frame, converged: bool, magnetization: bool) -> None:
        write = self.outcar.write
        write(
            f"{'-' * 24} aborting loop "
            f"{'because EDIFF is reached' if converged else 'EDIFF was not reached (unconverged)'} {'-' * 24}\n\n"
        )
        write(f" E-fermi : {self.electrons.efermi:9.4f}     XC(G=0):   0.0000     alpha+bet :  0.0000\n\n")
        self._table("total charge", self.electrons.charges)
        if magnetization and self.electrons.moments is not None:
            self._table("magnetization (x)", self.electrons.moments)
        kbar = -frame.stress * _KBAR
        six = (kbar[0, 0], kbar[1, 1], kbar[2, 2], kbar[0, 1], kbar[1, 2], kbar[2, 0])
        write(
            "  in kB  "
            + " ".join(f"{value:11.5f}" for value in six)
            + f"\n  external pressure = {np.trace(kbar) / 3:11.2f} kB  Pullay stress =        0.00 kB\n\n"
        )
        volume = abs(np.linalg.det(frame.cell))
        reciprocal = np.linalg.inv(frame.cell).T
        write(f" VOLUME and BASIS-vectors are now :\n {'-' * 77}\n  volume of cell : {volume:11.2f}\n")
        write("      direct lattice vectors                 reciprocal lattice vectors\n")
        write(
            "".join(
                "  " + "".join(f"{value:13.9f}" for value in (*cell, *inverse)) + "\n"
                for cell, inverse in zip(frame.cell, reciprocal, strict=True)
            )
        )
        write(f"\n POSITION                                       TOTAL-FORCE (eV/Angst)\n {'-' * 83}\n")
        for position, force in zip(frame.fractional @ frame.cell, frame.forces, strict=True):
            write(
                " "
                + "".join(f"{value:13.5f}" for value in position)
                + "    "
                + "".join(f"{value:14.6f}" for value in force)
                + "\n"
            )
        drift = "".join(f"{value:14.6f}" for value in frame.forces.sum(axis=0))
        write(f" {'-' * 83}\n    total drift:                          {drift}\n\n{_LINE}\n\n")
        write("  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  ---------------------------------------------------\n")
        write(f"  free  energy   TOTEN  = {frame.energy:18.8f} eV\n\n")
        write(f"  energy  without entropy={frame.energy:18.8f}  energy(sigma->0) ={frame.energy:18.8f}\n\n{_LINE}\n\n")

    def _table(self, title: str, values: Floats) -> None:
        """One of OUTCAR's tables by ion; everything stands in the d column of a transition metal, in p elsewhere."""
        rows = []
        for i, (site, value) in enumerate(zip(self.inputs.structure, values, strict=True), start=1):
            d = value if site.specie.block == "d" else 0.0
            rows.append(f"{i:5d}     {0.0:8.3f}{value - d:8.3f}{d:8.3f}{value:8.3f}\n")
        line = "-" * 42
        self.outcar.write(
            f"\n {title}\n\n# of ion       s       p       d       tot\n{line}\n{''.join(rows)}{line}\ntot       "
            f"{0.0:8.3f}{0.0:8.3f}{values.sum():8.3f}{values.sum():8.3f}\n\n"
        )


def _open(path: Path) -> TextIO:
    return path.open("w", encoding="ascii", errors="replace")


def _rows(values: Floats, width: int, decimals: int) -> str:
    return "".join(" " + " ".join(f"{value:{width}.{decimals}f}" for value in row) + "\n" for row in values)
