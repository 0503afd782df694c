"""Finished runs in a folder tree, whatever wrote it: plain VASP, atomate, custodian, several runs in one folder."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...configs.errors import InputError
from .files import VaspFiles

__all__ = ["FoundRun", "NoRun", "find_runs", "walk"]

#: ``vasprun.xml``, ``relax1.vasprun.xml.gz``, ``vasprun.xml.relax1.gz``, ``vasprun.relax1.xml``, ``vaspout.h5``
_MAIN = re.compile(
    r"(?P<before>.*?)(?:vasprun(?P<within>[._-][\w-]+)?\.xml|vaspout\.h5)(?P<after>(?:\.(?!gz$|bz2$|xz$|Z$)[\w-]+)*)"
    r"(?P<packed>\.(?:gz|bz2|xz|Z))?"
)
#: folders that hold attempts, and not runs: custodian's errors and checkpoints
_ATTEMPTS = re.compile(r"(?:error|checkpoint)\.\d+(?:\.tar\.gz)?")
#: folders of our own jobs that belong to the run above them
_PARTS = re.compile(r"part-\d+|preconverge|start-\d+|moving|copying")
_PIECE = 2**20


@dataclass(frozen=True)
class FoundRun:
    """One run in a tree.

    Parameters
    ----------
    path : Path
        Its folder, or its vasprun.xml where the folder holds several runs.
    files : VaspFiles
    poscar : Path or None
    attempts : int
        Attempts that custodian gave up before it, as far as their archives lie beside it.
    alone : bool
        Whether it is the only run of its folder.
    """

    path: Path
    files: VaspFiles
    poscar: Path | None
    attempts: int
    alone: bool

    def content_hash(self) -> str:
        """sha256 of the unpacked vasprun.xml or vaspout.h5: the same run, packed or moved, has the same.

        Raises
        ------
        InputError
            If the file cannot be read to its end.
        """
        file, digest = self.files.vasprun, hashlib.sha256()
        try:
            with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
        except EOFError:
            raise InputError(f"{file} is truncated: the gzip stream ends early") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{file} is corrupt: {error}") from None
        except OSError as error:
            raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
        return digest.hexdigest()


@dataclass(frozen=True)
class NoRun:
    """A place that looks like a run and is none that can be read."""

    path: Path
    reason: str


def find_runs(places: Sequence[Path]) -> Iterator[FoundRun | NoRun]:
    """Yield every run below some folders, in the order of their paths, and the reason where a folder's run cannot be
    used.

    Folders that custodian keeps of failed attempts (``error.N``, ``error.N.tar.gz``) are no runs: they are counted.

    Parameters
    ----------
    places : sequence of Path
        Folders, or files vasprun.xml(.gz) and vaspout.h5.

    Raises
    ------
    InputError
        If a place does not exist.
    """
    for place in places:
        if not place.exists():
            raise InputError(f"{place} does not exist: give a folder of finished VASP runs")
        if place.is_file():
            yield from _runs_of(place.parent, [place.name])
            continue
        closed: list[OSError] = []
        for folder, below, names in walk(place, closed.append):
            mine = [name for name in names if not name.startswith(".")]
            runs = list(_runs_of(folder, sorted(mine)))
            below[:] = sorted(
                name
                for name in below
                if not name.startswith(".") and not _ATTEMPTS.fullmatch(name) and not (runs and _PARTS.fullmatch(name))
            )
            yield from runs
        yield from (NoRun(Path(e.filename), f"the folder cannot be read: {e.strerror}") for e in closed)


def walk(place: Path, closed: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield every folder below a place as ``os.walk`` does, those behind links too, each once and none above the
    place.

    Parameters
    ----------
    place : Path
    closed : callable, optional
        Told of folders that cannot be read.
    """
    seen, top = set[str](), os.path.realpath(place)
    for folder, below, names in os.walk(place, onerror=closed, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen or top.startswith(real.rstrip(os.sep) + os.sep):  # a link back, or a second one
            below.clear()
            continue
        seen.add(real)
        yield Path(folder), below, names


def _runs_of(folder: Path, names: list[str]) -> Iterator[FoundRun | NoRun]:
    chosen: dict[tuple[str, str], str] = {}
    told_of = False
    for name in names:
        if (found := _MAIN.fullmatch(name)) is None:
            continue
        if found["packed"] not in (None, ".gz"):
            yield NoRun(folder / name, f"it is packed by {found['packed'][1:]}, which is not read: unpack it")
            continue
        if not (folder / name).is_file():
            told = "a link to nothing" if not (folder / name).exists() else "no file, but a pipe or a device"
            yield NoRun(folder / name, f"it is {told}")
            told_of = True
            continue
        which = found["before"], found["within"] or found["after"] or ""
        if (other := chosen.get(which)) is not None and _differ(folder / name, folder / other):
            last, first = sorted((name, other), key=lambda one: _preferred(one, name if one == other else other))
            yield NoRun(folder / last, f"it holds another run than {first} beside it: give each a folder of its own")
        if other is None or _preferred(name, other):
            chosen[which] = name
    if not chosen:
        if not told_of and any(re.fullmatch(r"OUTCAR(\.gz)?", name) for name in names):
            told = "it has an OUTCAR, and no vasprun.xml or vaspout.h5: an OUTCAR alone does not hold all settings"
            yield NoRun(folder, told)
        return
    attempts = sum(bool(_ATTEMPTS.fullmatch(path.name)) for path in folder.iterdir())
    for (before, tag), name in sorted(chosen.items()):

        def beside(what: str, before: str = before, tag: str = tag) -> Path | None:
            told = [f"{before}{what}{tag}", f"{before}{what}{tag}.gz"]
            return next((folder / one for one in told if (folder / one).is_file()), None)

        files = VaspFiles(folder / name, beside("OUTCAR"), beside("CONTCAR"), beside("LOCPOT"))
        alone = len(chosen) == 1
        yield FoundRun(folder if alone else folder / name, files, beside("POSCAR"), attempts, alone)


def _differ(one: Path, other: Path) -> bool:
    """Whether a plain and a packed file of one name hold different runs; an XML and an HDF5 are not compared."""
    if "vaspout" in one.name or "vaspout" in other.name:
        return False
    digests = []
    for file in (one, other):
        try:
            digests.append(FoundRun(file, VaspFiles(file, None, None, None), None, 0, alone=False).content_hash())
        except InputError:
            return False  # a damaged copy; the one that is read tells what is wrong with it
    return digests[0] != digests[1]


def _preferred(name: str, other: str) -> bool:
    """Whether the first of two files of one run says more: an XML before an HDF5, a plain file before a packed one."""
    return ("vasprun" in name, not name.endswith(".gz")) > ("vasprun" in other, not other.endswith(".gz"))
