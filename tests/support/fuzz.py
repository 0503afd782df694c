"""Mutated configurations and files, one process each: what ends in neither an answer nor a sentence is a defect.

    python -m catholyte.tests.support.fuzz configs 5000 0
    python -m catholyte.tests.support.fuzz readers 5000 0
    python -m catholyte.tests.support.fuzz readers 1 0 1234

prints a JSON document: how many of each form were read and refused; by seed and number of the case, what went wrong
otherwise; the most time and room that a case took. The last line runs one case again and leaves its file in the current folder.

A case goes wrong where the interpreter crashes, after 10 s of a processor (or 60 s of the clock, if it waits: other
work on the machine must not count), where an error is none of catholyte's own
(what the command line calls a defect of catholyte), with more than 1 GB (10⁹ bytes) resident, what the imports take
(about 0.25 GB) included, and where room was asked for that is not there, even if that ended in a sentence: room that a
reader makes and never fills is not resident.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from catholyte.configs.errors import CatholyteError

from .fuzz_files import Sound, sound_configs, sound_files
from .motion.trajectory_formats import PACKINGS

__all__ = ["main", "mutated"]

#: s of a processor, s of the clock, and resident bytes of one case
SECONDS, CLOCK, RESIDENT = 10, 60.0, 10**9
#: bytes of addresses beyond what the parent has, so that a case cannot take the machine's memory between two looks
ADDRESSES = 4 * 2**30
#: s between two looks at a case
LOOK = 0.02
#: what replaces a word
HOSTILE = (
    "nan", "inf", "-inf", "1e308", "-1e308", "1e-308", "99999999999", "-1", "0", "0.0", "1e11", "", "Xx", "L", "X", "Vac", "D",
    "?", ".", "'", '"', ";", "loop_", "data_", "_cell_length_a", "{", "[" * 60, "*a", "&a", "<<: *a", "&a [*a, *a]", "9" * 5000, "é",
    "\x00", "%s", "../../etc/passwd", "magmoms:R:99999999999", "Properties=species:S:1:pos:R:3", "1/0", "x,y,z", "-x,-y", "!!python/object:x",
    "T", "F", "Direct", "Cartesian", "true", "null", "~", "1e300 eV/Å", "0x10", "1_000", "a" * 3000, "2", "1000", "1000000", "1e5", "-0.0",
    "<v>", "</set>", "<!DOCTYPE a [<!ENTITY b 'bb'>]>", "&b;", "<set>", "*****", "ITEM: ATOMS id x y z", "\r", "\t", "\x1b[2J",
)  # fmt: skip
NUMBERS = (np.nan, np.inf, -np.inf, 1e308, -1e308, 1e-308, 99999999999, -1, 0, 1e11, 255, 1000)
#: a word, and a word between punctuation
_WORDS = (re.compile(rb"\S+"), re.compile(rb"[^\s,:;=<>\[\]{}\"'()]+"))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A text with one to four accidents."""
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(9)
        lines = data.split(b"\n")
        k = rng.randrange(len(lines))
        if kind == 0:
            del lines[k]
        elif kind == 1:
            lines[k:k] = [lines[k]] * rng.choice([1, 2, 50])
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[k], lines[other] = lines[other], lines[k]
        elif kind == 3 and rng.random() < 0.5:
            return data[: rng.randrange(len(data) + 1)]
        elif kind == 4 and data:
            place = rng.randrange(len(data))
            return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
        else:
            words = list(rng.choice(_WORDS).finditer(lines[k]))
            start, end = rng.choice(words).span() if words else (0, 0)
            lines[k] = lines[k][:start] + rng.choice(HOSTILE).encode() + lines[k][end:]
        data = b"\n".join(lines)
    return data


def _mutated_hdf5(data: bytes, rng: random.Random) -> bytes:
    """An HDF5 file with wrong bytes, or with one to three wrong datasets."""
    import h5py

    if rng.random() < 0.3:
        if rng.random() < 0.3:
            return data[: rng.randrange(len(data))]
        changed = bytearray(data)
        for _ in range(rng.choice([1, 5, 50])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        return bytes(changed)
    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        for _ in range(rng.randint(1, 3)):
            names: list[str] = []
            file.visit(names.append)
            name = rng.choice(names)
            if isinstance(file[name], h5py.Dataset) and file[name].nbytes < 10**7:
                _replace(file, name, rng)
            elif rng.random() < 0.5:
                del file[name]
            else:
                del file[name]
                file[name] = rng.choice(NUMBERS)
    return stream.getvalue()


def _replace(file: Any, name: str, rng: random.Random) -> None:
    """Put another dataset in the place of one: gone, of other values, of another shape, or of a size that none has."""
    values = file[name][()]
    del file[name]
    kind = rng.randrange(7)
    if kind == 0:
        return
    array = np.array(values)
    if kind == 1:
        text = rng.choice(HOSTILE).replace("\x00", "0")
        file[name] = text if rng.random() < 0.5 else [text] * rng.choice([1, 2, 5])
    elif kind == 2:
        file[name] = rng.choice(NUMBERS)
    elif kind == 3:
        file[name] = np.repeat(np.atleast_1d(array), rng.choice([0, 2, 50]), axis=0)
    elif kind == 4:
        file[name] = array.T if array.ndim > 1 and rng.random() < 0.5 else np.atleast_1d(array)[:-1]
    elif kind == 5:
        shape = (rng.choice([10**5, 10**9]), *(array.shape[1:] or (3,)))
        file.create_dataset(name, shape, dtype=array.dtype if array.dtype.kind in "if" else float, chunks=True)
    elif array.dtype.kind in "if" and array.size:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.array(array)
            array.flat[rng.randrange(array.size)] = np.clip(rng.choice(NUMBERS), -(2**31), 2**31).astype(array.dtype)
        file[name] = array
    else:
        file[name] = values


def _written(sound: Sound, place: Path, rng: random.Random) -> Path:
    """Write the case and return its path; some are packed, and of these some have wrong bytes in the packing."""
    for path in sound.beside:
        shutil.copy(path, place)
    data, name = sound.path.read_bytes(), sound.path.name
    if name.endswith(".h5"):
        data = _mutated_hdf5(data, rng)
    elif name.endswith(".yaml") or rng.random() < 0.75:
        data = mutated(data, rng)
    else:
        packing = rng.choice([packing for packing in PACKINGS if packing])
        name += packing
        data = PACKINGS[packing](mutated(data, rng) if rng.random() < 0.7 else data)
        if rng.random() < 0.3:
            data = mutated(data, rng)
    (place / name).write_bytes(data)
    return place / name


def _outcome(sound: Sound, path: Path) -> str:
    """Outcome of one case in its process: read, refused, or what went wrong."""
    warnings.simplefilter("ignore")
    try:
        sound.read(path)
        return "read"
    except CatholyteError as error:
        if re.search(r"MemoryError|[Uu]nable to allocate|[Cc]annot allocate", error.message):
            return f"room that is not there: {error.message[:300]}"
        return "refused" if len(error.message) < 20_000 else f"a message of {len(error.message)} characters"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]


def _forked(sound: Sound, path: Path) -> tuple[str, float, float]:
    """Outcome of one case in a process of its own under the limits, its s of a processor, and its GB at most."""
    receive, send = os.pipe()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    child = os.fork()
    if child == 0:
        os.close(receive)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + ADDRESSES, mapped + ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
        os.write(send, _outcome(sound, path).encode(errors="replace"))
        os._exit(0)
    os.close(send)
    until, wrong = time.monotonic() + CLOCK, ""
    with os.fdopen(receive, "rb") as stream:
        while not select.select([stream], [], [], LOOK)[0]:
            if time.monotonic() > until:
                wrong = f"not done after {CLOCK:g} s of the clock"
            elif _resident(child) > RESIDENT:
                wrong = f"more than {RESIDENT / 1e9:g} GB resident"
            if wrong:
                os.kill(child, signal.SIGKILL)
                break
        text = stream.read().decode(errors="replace")
    _, status, used = os.wait4(child, 0)
    if used.ru_maxrss * 1024 > RESIDENT:
        wrong = wrong or f"{used.ru_maxrss * 1024 / 1e9:.2f} GB resident ({text})"
    elif os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        wrong = f"not done after {SECONDS} s of a processor"
    elif not text:
        wrong = wrong or f"signal {os.WTERMSIG(status) if os.WIFSIGNALED(status) else '?'}"
    return wrong or text, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9


def _resident(process: int) -> int:
    """Bytes of a process in memory; 0 of one that has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def main(kind: str, number: int, seed: int, only: int | None = None) -> dict[str, object]:
    """Run the cases and tally them; `only` one of them where it is given."""
    forms: dict[str, Counter[str]] = {}
    wrong: dict[str, str] = {}
    slowest = largest = (0.0, "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals = (sound_configs if kind == "configs" else sound_files)(folder)
        for sound in originals:
            with contextlib.suppress(CatholyteError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sound.read(sound.path)  # imports, once for all children
        gc.collect()
        gc.freeze()  # children would copy every page that their collector looks at
        names = list(dict.fromkeys(sound.form for sound in originals))
        for k in range(number) if only is None else [only]:
            rng = random.Random(f"{seed}/{k}")
            form = rng.choice(names)
            sound = rng.choice([sound for sound in originals if sound.form == form])
            place = folder / "case"
            place.mkdir(exist_ok=True)
            path = _written(sound, place, rng)
            outcome, took, room = _forked(sound, path)
            slowest, largest = max(slowest, (took, f"{seed}/{k}")), max(largest, (room, f"{seed}/{k}"))
            fine = outcome in ("read", "refused")
            forms.setdefault(form, Counter())[outcome if fine else "wrong"] += 1
            if not fine:
                wrong[f"{seed}/{k} {form} {path.name}"] = outcome
            if only is not None:
                shutil.copytree(place, f"case-{seed}-{k}", dirs_exist_ok=True)
            shutil.rmtree(place)
            if k % 250 == 249:
                print(f"{kind} {k + 1}: {len(wrong)} wrong", file=sys.stderr, flush=True)
    total = Counter[str]()
    for tally in forms.values():
        total += tally
    most = {"s": [round(slowest[0], 2), slowest[1]], "GB": [round(largest[0], 3), largest[1]]}
    return {"kind": kind, **total, "forms": forms, "cases": wrong, "most": most}


if __name__ == "__main__":
    json.dump(main(sys.argv[1], *map(int, sys.argv[2:])), sys.stdout, indent=1)
