"""Mutated configurations and structure files, one process each: what ends in neither an answer nor a sentence is a
defect.

    python -m catholyte.tests.support.fuzz configs 5000 0
    python -m catholyte.tests.support.fuzz readers 5000 0

prints a JSON document: how many were read, refused, and, with the seed of the case, what went wrong otherwise.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

__all__ = ["main", "mutated"]

ROOT = Path(__file__).parents[2]
#: s and bytes of one case
SECONDS, MEMORY = 30, 4 * 2**30
#: what replaces a word
HOSTILE = (
    "nan", "inf", "-inf", "1e308", "-1e308", "1e-308", "99999999999", "-1", "0", "0.0", "1e11", "", "Xx", "L", "X", "Vac", "D",
    "?", ".", "'", '"', ";", "loop_", "data_", "_cell_length_a", "{", "[" * 60, "*a", "&a", "<<: *a", "&a [*a, *a]", "9" * 5000, "é",
    "\x00", "%s", "../../etc/passwd", "magmoms:R:99999999999", "Properties=species:S:1:pos:R:3", "1/0", "x,y,z", "-x,-y", "!!python/object:x",
    "T", "F", "Direct", "Cartesian", "true", "null", "~", "1e300 eV/Å", "0x10", "1_000", "a" * 3000,
)  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A file with one to four accidents."""
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(8)
        lines = data.split(b"\n")
        k = rng.randrange(len(lines))
        if kind == 0:
            del lines[k]
        elif kind == 1:
            lines[k:k] = [lines[k]] * rng.choice([1, 2, 50])
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[k], lines[other] = lines[other], lines[k]
        elif kind == 3:
            return data[: rng.randrange(len(data) + 1)]
        elif kind == 4 and data:
            place = rng.randrange(len(data))
            return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
        else:
            words = lines[k].split(b" ")
            words[rng.randrange(len(words))] = rng.choice(HOSTILE).encode()
            lines[k] = b" ".join(words)
        data = b"\n".join(lines)
    return data


def _originals(kind: str, folder: Path) -> list[Path]:
    """Sound files of every format."""
    if kind == "configs":
        return sorted((ROOT / "configs" / "recipes").glob("*.yaml")) + sorted(
            (ROOT / "configs" / "materials").glob("L*.yaml")
        )
    from catholyte.structures.crystals.cells import calculation_cell
    from catholyte.structures.crystals.files import write_structure
    from catholyte.tests.support import crystals

    cell = calculation_cell(crystals.LCO)
    made = [write_structure(cell, folder / name) for name in ("own.cif", "POSCAR", "own.extxyz", "own.json")]
    bare = cell.copy(site_properties={})
    bare.remove_oxidation_states()
    frames = "".join(
        f"Direct configuration= {k}\n" + "".join(" ".join(map(str, row)) + "\n" for row in bare.frac_coords)
        for k in range(1, 6)
    )
    rows = "\n".join(" ".join(map(str, row)) for row in bare.lattice.matrix)
    (folder / "XDATCAR").write_text(f"x\n1.0\n{rows}\nLi Co O\n1 1 2\n{frames}")
    cases = ROOT / "tests" / "data" / "cases"
    files = [
        path
        for path in cases.rglob("*")
        if path.is_file() and path.suffix in (".cif", ".vasp", "") and path.stat().st_size < 8000
    ]
    return [*made, folder / "XDATCAR", *sorted(files)]


def _read_config(path: Path) -> None:
    from catholyte.configs.load import parse_file
    from catholyte.configs.models import Material
    from catholyte.configs.recipe import Recipe

    parse_file(path, Material if "sites" in path.read_text(errors="replace") else Recipe)


def _read_file(path: Path) -> None:
    if "XDATCAR" in path.name:
        from catholyte.analysis.trajectories.reader import open_trajectory

        for _ in open_trajectory([path], 1.0).blocks():
            pass
        return
    from catholyte.structures.by_name import find_source

    cell = find_source(str(path))
    assert len(cell.operations.rotations) >= 1


def _child(read: Callable[[Path], None], path: Path) -> str:
    """Outcome of one case: read, refused, or what went wrong."""
    from catholyte.configs.errors import CatholyteError

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.alarm(SECONDS)
    warnings.simplefilter("ignore")
    try:
        read(path)
        return "read"
    except CatholyteError as error:
        return "refused" if len(error.message) < 20_000 else f"a message of {len(error.message)} characters"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]


def main(kind: str, number: int, seed: int) -> dict[str, object]:
    """Run the cases and tally them."""
    read = _read_config if kind == "configs" else _read_file
    tally: Counter[str] = Counter()
    wrong: dict[str, str] = {}
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = _originals(kind, folder)
        for path in originals[:1]:
            read(path)  # imports, once for all children
        for k in range(number):
            rng = random.Random(f"{seed}/{k}")
            original = rng.choice(originals)
            place = folder / "case"
            place.mkdir(exist_ok=True)
            path = place / original.name
            path.write_bytes(mutated(original.read_bytes(), rng))
            began = time.monotonic()
            outcome = _forked(read, path)
            slowest = max(slowest, time.monotonic() - began)
            sound = outcome in ("read", "refused")
            tally[outcome if sound else "wrong"] += 1
            if not sound:
                wrong[f"{seed}/{k} {original.name}"] = outcome
            shutil.rmtree(place)
    return {"kind": kind, **tally, "cases": wrong, "slowest": round(slowest, 2)}


def _forked(read: Callable[[Path], None], path: Path) -> str:
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(send, _child(read, path).encode(errors="replace"))
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as stream:
        text = stream.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return text if os.WIFEXITED(status) and text else f"signal {os.WTERMSIG(status) if os.WIFSIGNALED(status) else '?'}"


if __name__ == "__main__":
    json.dump(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
