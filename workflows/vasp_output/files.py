"""Files of one run, found by name and read as text."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ...configs.errors import CatholyteError, InputError

__all__ = ["VaspFiles", "damage_named", "locate", "read_text"]


@dataclass(frozen=True)
class VaspFiles:
    """The files of one run, under one prefix; None where a file is not there. `vasprun` may be a vaspout.h5."""

    vasprun: Path
    outcar: Path | None
    contcar: Path | None
    locpot: Path | None = None


def locate(path: Path) -> VaspFiles:
    """Find the files of one run in a directory, or beside one ``vasprun.xml`` or ``vaspout.h5``; the others each plain
    or .gz, under any prefix. A vasprun.xml says more than the vaspout.h5 of the same run, and is preferred.

    Raises
    ------
    InputError
        If there is no such path, or the directory holds no run or several.
    """
    if not path.exists():
        raise InputError(
            f"{path} does not exist: give a VASP directory, a vasprun.xml(.gz), a vaspout.h5 or a stored document "
            "(.json)"
        )
    found = [path]
    if path.is_dir():
        files = sorted(path.iterdir())
        found = [f for f in files if f.name.endswith(("vasprun.xml", "vasprun.xml.gz"))] or [
            f for f in files if f.name.endswith("vaspout.h5")
        ]
        if len(found) != 1:
            names = ", ".join(f.name for f in found)
            raise InputError(
                f"{path} holds {len(found)} files vasprun.xml(.gz) or vaspout.h5, one is needed"
                + (f"; name one of {names}" if found else "")
            )
    stem = found[0].name.removesuffix(".gz").removesuffix("vasprun.xml").removesuffix("vaspout.h5")

    def beside(name: str) -> Path | None:
        return next(
            (f for f in (found[0].with_name(f"{stem}{name}"), found[0].with_name(f"{stem}{name}.gz")) if f.is_file()),
            None,
        )

    return VaspFiles(found[0], beside("OUTCAR"), beside("CONTCAR"), beside("LOCPOT"))


@contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Name the file where a reader stumbles over what a complete run has.

    Raises
    ------
    InputError
        Instead of what parsers raise on missing or damaged parts; errors that name their cause pass.
    """
    try:
        yield
    except CatholyteError:
        raise
    except SyntaxError as error:
        raise InputError(f"{file} is corrupt: the XML is not well formed ({error.msg})") from None
    except Exception as error:  # parsers raise whatever a broken file makes them stumble over
        told = str(error).strip().partition("\n")[0].strip("'\"")
        if isinstance(error, ValidationError):
            told = error.errors()[0]["msg"]
        raise InputError(
            f"{file} is corrupt: a section that a complete run has is missing or unreadable ({type(error).__name__}"
            + (f": {told[:200]})" if told else ")")
        ) from None


def read_text(file: Path) -> str:
    """Return the text of a plain or gzipped file, in the encoding that its first line declares, else UTF-8.

    Raises
    ------
    InputError
        Naming the file and its damage.
    """
    try:
        raw = file.read_bytes()
        data = gzip.decompress(raw) if file.suffix == ".gz" else raw
        declared = re.match(rb"\s*<\?xml[^>]*encoding=[\"']([^\"']+)", data)
        text = data.decode(declared.group(1).decode("ascii") if declared else "utf-8")
    except EOFError:
        raise InputError(f"{file} is truncated: the gzip stream ends early") from None
    except LookupError as error:
        raise InputError(f"{file} declares an encoding that is not known: {error}") from None
    except (gzip.BadGzipFile, zlib.error, UnicodeError) as error:
        raise InputError(f"{file} is corrupt: {error}") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    if not text.strip():
        raise InputError(f"{file} is empty")
    return text
