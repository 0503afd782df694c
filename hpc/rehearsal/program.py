"""``catholyte-rehearse``: stands in for the VASP binary, so that the production path runs without a licence.

Its numbers are placeholders, or with ``--potential NAME`` energies, forces, stress and moments of a potential.

Everything it writes is stamped, and no report takes a stamped number. It is never called ``vasp_std``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from ...configs.errors import CatholyteError
from .bands import rehearse_band
from .electrons import placeholder_electrons
from .faults import MESSAGES, Fault, Faults
from .inputs import RunInputs, read_inputs
from .motion import Frame, frames
from .outputs import Outputs
from .potential import pair_potential, potential_of

__all__ = ["main", "rehearse"]

#: V of the wrong element that the fault wrong_ldau writes, eV
_WRONG_U = 9.9


def main() -> None:
    """Run in the working directory, as VASP does; errors end with exit status 1."""
    parser = argparse.ArgumentParser(
        prog="catholyte-rehearse",
        description="A stand-in for the VASP binary: its numbers are none of VASP, and stamped as such.",
    )
    parser.add_argument("--faults", type=Path, help="fault file (YAML); else the variable CATHOLYTE_REHEARSE_FAULTS")
    parser.add_argument(
        "--seconds-per-step", type=float, default=0.0, help="s, pause after each ionic step, to rehearse wall times"
    )
    parser.add_argument(
        "--potential", default="", help="engine of a potential, e.g. chgnet, in place of the pair potential"
    )
    options = parser.parse_args()
    try:
        rehearse(Path.cwd(), options.faults, options.seconds_per_step, potential=options.potential)
    except CatholyteError as error:
        print(f" ERROR: {error.message}", flush=True)
        sys.exit(1)


def rehearse(
    directory: Path, faults: Path | None = None, seconds_per_step: float = 0.0, *, potential: str = ""
) -> None:
    """Read the inputs in `directory`, move the atoms, write the outputs.

    Parameters
    ----------
    directory : Path
    faults : Path, optional
        Fault file.
    seconds_per_step : float
        s, pause after each ionic step.
    potential : str
        Engine of the potential that computes; the pair potential where empty.

    Raises
    ------
    InputError
        If an input file is missing or asks for what the rehearsal does not know.
    """
    computing = potential_of(potential) if potential else pair_potential()
    inputs = read_inputs(directory)
    found = Faults.of_environment(faults, inputs.kind, directory)
    electrons = placeholder_electrons(inputs)
    print(
        f" running the rehearsal: {inputs.structure.composition.formula}, {inputs.kind}; {computing.told}",
        flush=True,
    )
    _tell_handed(directory, inputs)
    if int(inputs.given.get("IMAGES", 0)) > 0:
        rehearse_band(directory, inputs, electrons, computing, seconds_per_step)
        return
    outputs = Outputs(directory, _misled(inputs, found), electrons, computing)
    run = _Run(outputs, found, seconds_per_step)
    for frame in frames(inputs, computing):
        if not run.step(frame):
            return
    run.end()


def _tell_handed(directory: Path, inputs: RunInputs) -> None:
    """Say whether what the INCAR wants to be read is there; VASP, too, begins with superposed atoms where it is not."""
    wanted = (["WAVECAR"] if inputs.incar["ISTART"] == 1 else []) + (["CHGCAR"] if inputs.incar["ICHARG"] == 1 else [])
    for name in wanted:
        there = (directory / name).is_file() and (directory / name).stat().st_size > 0
        print(f" {name}: {'read' if there else 'to be read and not there, atoms instead'}", flush=True)


def _misled(inputs: RunInputs, faults: Faults) -> RunInputs:
    """The fault wrong_ldau: the run reports another U than it was given."""
    if inputs.given.get("LDAUU") is None or faults.strike(("wrong_ldau",)) is None:
        return inputs
    wrong = {"LDAUU": [_WRONG_U for _ in inputs.given["LDAUU"]]}
    return replace(inputs, incar={**inputs.incar, **wrong}, given={**inputs.given, **wrong})


class _Run:
    """One run with its faults."""

    def __init__(self, outputs: Outputs, faults: Faults, pause: float) -> None:
        self.outputs, self.faults, self.pause = outputs, faults, pause
        self.directory, self.inputs = outputs.directory, outputs.inputs
        self.number = 0
        self.frame: Frame | None = None

    def step(self, frame: Frame) -> bool:
        """Write one ionic step; False where the run ends with it."""
        self.number += 1
        if not self._before(self.number):
            return False
        if frame.moments is not None:
            self.outputs.electrons = self.outputs.electrons.with_sizes(frame.moments)
        unconverged = self.faults.strike(("nelm",), self.number) is not None
        if self.faults.strike(("positive_energy",), self.number) is not None:
            frame = replace(frame, energy=abs(frame.energy))
        cycles = self._cycles(frame.energy, unconverged)
        silent = self.faults.strike(("drop_magnetization",), self.number) is not None
        self.outputs.ionic_step(frame, cycles, converged=not unconverged, magnetization=not silent)
        self.frame = frame
        if self.pause:
            time.sleep(self.pause)
        return self._after(self.number)

    def end(self) -> None:
        """The regular end, and the faults that strike there."""
        assert self.frame is not None
        self.outputs.finish(reached=self.frame.converged)
        if self.faults.strike(("lose_velocities",)) is not None:
            self.outputs.write_contcar(self.frame.following, velocities=False)
        if self.faults.strike(("truncate_xml",)) is not None:
            self._cut("vasprun.xml", 0.7)
        if self.faults.strike(("empty_contcar",)) is not None:
            (self.directory / "CONTCAR").write_text("")
        if self.faults.strike(("half_gz",)) is not None:
            self._half_gz("vasprun.xml")

    def _cycles(self, energy: float, unconverged: bool) -> list[tuple[float, float]]:
        """Energies and changes of the electronic iteration, eV: each step a tenth of the one before."""
        count = (
            int(self.inputs.incar["NELM"])
            if unconverged
            else min(self.outputs.electrons.cycles, int(self.inputs.incar["NELM"]))
        )
        slow = float(self.inputs.incar["EDIFF"]) * 10 if unconverged else 0.0
        cycles = []
        for cycle in range(1, count + 1):
            change = (
                max(10.0 ** (1 - cycle), slow)
                if cycle < count or unconverged
                else 0.1 * float(self.inputs.incar["EDIFF"])
            )
            value = energy if cycle == count else energy + change
            cycles.append((value, -change))
            self.outputs.electronic_step(cycle, value, -change)
        return cycles

    def _before(self, number: int) -> bool:
        """Faults that strike before a step is written."""
        message = self.faults.strike(tuple(MESSAGES), number)
        if message is not None:
            self.outputs.electronic_step(1, 0.0, 0.0)  # these errors come from within an electronic cycle
            print(MESSAGES[message.kind], flush=True)
            self.outputs.close()
            return False
        if (fault := self.faults.strike(("freeze",), number)) is not None:
            time.sleep(fault.seconds)
        for fault in self._slowness():
            time.sleep(fault.seconds)
        if self.faults.strike(("oom",), number) is not None:
            print(
                (
                    "slurmstepd: error: Detected 1 oom-kill event(s). Some of your processes may have been killed by "
                    "the cgroup out-of-memory handler."
                ),
                file=sys.stderr,
                flush=True,
            )
            self._die()
        if self.faults.strike(("sigkill",), number) is not None:
            self._die()
        if self.faults.strike(("disk_full",), number) is not None:
            self._disk_full()
        return True

    def _slowness(self) -> list[Fault]:
        return [
            fault
            for fault in self.faults.faults.values()
            if fault.kind == "slow" and self.number >= fault.at_ionic_step
        ]

    def _after(self, number: int) -> bool:
        """STOPCAR, as VASP honours it."""
        stop = self.directory / "STOPCAR"
        if stop.is_file():
            text = stop.read_text().upper().replace(" ", "")
            if "LSTOP=.TRUE." in text or "LABORT=.TRUE." in text:
                print(f" soft stop encountered!  aborting job after ionic step {number}", flush=True)
                self.end()
                return False
        return True

    def _die(self) -> None:
        """Killed in the middle of a step: a broken frame is left, as a buffered write would leave it."""
        self.outputs.vasprun.stream.write(" <calculation>\n  <scstep>\n   <energy>\n    <i name=")
        self.outputs.vasprun.stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    def _disk_full(self) -> None:
        self.outputs.close()
        self._cut("OUTCAR", 0.9)
        self._cut("vasprun.xml", 0.9)
        (self.directory / "CONTCAR").write_text("")
        print(
            "forrtl: No space left on device\nforrtl: severe (38): error during write, unit 20, file OUTCAR",
            file=sys.stderr,
            flush=True,
        )
        sys.exit(38)

    def _cut(self, name: str, share: float) -> None:
        path = self.directory / name
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    def _half_gz(self, name: str) -> None:
        """Compression that stopped half-way."""
        import gzip

        path = self.directory / name
        packed = gzip.compress(path.read_bytes())
        path.with_name(f"{name}.gz").write_bytes(packed[: len(packed) // 2])
        path.unlink()
