"""What the INCAR beside an XDATCAR, or an OUTCAR itself, says of the steps: their length, or that they are none of
time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .source import READ_ERRORS, opened

__all__ = ["RunInput", "run_input"]

#: bytes at the beginning of an OUTCAR that hold its input, and of an XDATCAR that hold two frames
_HEAD_BYTES = 2**20
_PACKED = ("", ".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class RunInput:
    """The input of a run of VASP as far as it tells of time.

    Parameters
    ----------
    timestep : float, fs, or None
        Between two numbers of an XDATCAR.
    optimiser : str
        ``IBRION = 2`` of the INCAR; empty for dynamics and where nothing tells it.
    """

    timestep: float | None = None
    optimiser: str = ""


def run_input(path: Path) -> RunInput:
    """Read POTIM and IBRION from the OUTCAR itself, or from the INCAR beside an XDATCAR.

    VASP writes every NBLOCK-th step into XDATCAR: where its numbers are consecutive all the same, they count NBLOCK
    steps.
    """
    own = "OUTCAR" in path.name
    names = (path.name,) if own else [f"INCAR{end}" for end in _PACKED] if "XDATCAR" in path.name else ()
    file = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    if file is None:
        return RunInput()
    try:
        head, text = (_beginning(one).decode(errors="replace") for one in (file, path))
    except READ_ERRORS:
        return RunInput()
    tags = {tag: float(value) for tag, value in re.findall(r"\b(POTIM|IBRION|NBLOCK)\s*=\s*(-?[\d.]+)", head)}
    ibrion = tags.get("IBRION")
    if ibrion is not None and ibrion != 0:
        return RunInput(None, f"IBRION = {ibrion:g} in {'it' if own else f'the {file.name} beside it'}")
    numbers = [int(number) for number in re.findall(r"^Direct configuration=\s*(\d+)", text, re.MULTILINE)[:2]]
    steps = tags.get("NBLOCK", 1.0) if len(numbers) == 2 and numbers[1] - numbers[0] == 1 else 1.0
    return RunInput(tags["POTIM"] * steps if ibrion == 0 and tags.get("POTIM", 0.0) > 0 else None)


def _beginning(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read(_HEAD_BYTES)
