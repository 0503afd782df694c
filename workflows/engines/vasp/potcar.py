"""POTCARs by name and release: found, identified, hashed. No licensed file is ever shipped or stored."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ....configs.errors import InputError, near_match_hint
from .settings import PotcarName, VaspSettings

__all__ = ["PotcarFile", "check_names", "known_titles", "potcar_manifest"]


#: eV, of a printed ENMAX
_PRINTED = 0.01


@dataclass(frozen=True)
class PotcarFile:
    """One POTCAR as found.

    Parameters
    ----------
    element, symbol, title : str
        Title: the TITEL line.
    sha256 : str
        Of the uncompressed file.
    content : bytes
    """

    element: str
    symbol: str
    title: str
    sha256: str
    content: bytes

    def told(self) -> dict[str, str]:
        """What the manifest says of it."""
        return {"element": self.element, "symbol": self.symbol, "title": self.title, "sha256": self.sha256}


@cache
def known_titles(library: str) -> dict[str, frozenset[str]]:
    """Name to the titles, blanks left out, that a release has for it; from pymatgen's table of published summary
    statistics."""
    from pymatgen.io.vasp import inputs

    found: dict[str, set[str]] = {}
    for title, entries in inputs._load_potcar_summary_stats()[library].items():
        for entry in entries:
            found.setdefault(entry["symbol"], set()).add(title)
    return {symbol: frozenset(titles) for symbol, titles in found.items()}


def check_names(settings: VaspSettings, elements: set[str]) -> list[str]:
    """Return what is wrong with the names of the POTCARs: each must exist in the release (W_pv left it with PBE_54)."""
    titles = known_titles(settings.functional_library)
    tables = (settings.potcars, settings.md_potcars)
    names = [(element, table[element].symbol) for table in tables for element in sorted(elements & set(table))]
    return [
        (
            f"{settings.functional_library} has no POTCAR {name}; "
            f"{near_match_hint(name, [s for s in titles if s.split('_')[0] == element])}"
        )
        for element, name in names
        if name not in titles
    ]


def potcar_manifest(potcars: Mapping[str, PotcarName], settings: VaspSettings) -> list[PotcarFile]:
    """Find and identify the POTCAR of each element, in order.

    Raises
    ------
    InputError
        If the folder or a file is missing, damaged, or of another element or release.
    """
    folder = _library_folder(settings)
    return [_identified(element, name, folder, settings.functional_library) for element, name in potcars.items()]


def _library_folder(settings: VaspSettings) -> Path:
    from pymatgen.io.vasp.inputs import PotcarSingle

    place = os.path.expanduser(os.path.expandvars(settings.potcar_directory))
    if "$" in place or not place:
        raise InputError(
            (
                "no POTCAR folder is named: set the variable PMG_VASP_PSP_DIR, the key potcars of a cluster file, or "
                f"the key potcar_directory of engine vasp (now {settings.potcar_directory!r})"
            ),
            "without a licence, potcar_spec: true (CATHOLYTE_POTCAR_SPEC=1) writes the names instead",
        )
    root = Path(place)
    if not root.is_dir():
        raise InputError(
            f"the POTCAR folder {root} does not exist",
            "name another one in PMG_VASP_PSP_DIR, or write names only with potcar_spec: true",
        )
    wanted = PotcarSingle.functional_dir[settings.functional_library]
    if not (root / wanted).is_dir():
        releases = {directory: name for name, directory in PotcarSingle.functional_dir.items()}
        here = [f"{path.name} ({releases[path.name]})" for path in sorted(root.iterdir()) if path.name in releases]
        raise InputError(
            (
                f"{root} has no {wanted}, the POTCARs of release {settings.functional_library}; it has "
                f"{', '.join(here) or 'no release that is known'}"
            ),
            f"put the release's files under {root / wanted} (`pmg config -p` does so), or name another folder",
        )
    return root / wanted


def _identified(element: str, name: PotcarName, folder: Path, library: str) -> PotcarFile:
    tried = [folder / f"POTCAR.{name.symbol}", folder / name.symbol / "POTCAR"]
    path = next((p for plain in tried for p in (plain, plain.with_name(plain.name + ".gz")) if p.is_file()), None)
    if path is None:
        raise InputError(
            f"{folder} has no POTCAR of {name.symbol}; looked for {' and '.join(f'{p}(.gz)' for p in tried)}"
        )
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    text = content.decode("latin-1")
    title, valence = re.search(r"TITEL\s*=\s*(.+)", text), re.search(r"ZVAL\s*=\s*([\d.]+)", text)
    if title is None or valence is None:
        raise InputError(f"{path} is not a POTCAR: it has no line TITEL or ZVAL")
    found, compact = title.group(1).strip(), title.group(1).replace(" ", "").strip()
    if compact not in known_titles(library).get(name.symbol, frozenset()):
        others = [
            other
            for other in ("PBE", "PBE_52", "PBE_54", "PBE_64", "LDA_54")
            if compact in known_titles(other).get(name.symbol, frozenset())
        ]
        raise InputError(
            f"{path} holds {found!r}, which is not {name.symbol} of release {library}"
            + (f"; it is {name.symbol} of {' and '.join(others)}" if others else "")
        )
    if abs(float(valence.group(1)) - name.valence) > 1e-6:
        raise InputError(
            f"{path} has {valence.group(1)} valence electrons, the settings say {name.valence:g} for {name.symbol}"
        )
    limit = re.search(r"ENMAX\s*=\s*([\d.]+)", text)
    if name.enmax is not None and limit is not None and abs(float(limit.group(1)) - name.enmax) > _PRINTED:
        raise InputError(f"{path} has ENMAX {limit.group(1)} eV, the settings say {name.enmax:g} eV for {name.symbol}")
    return PotcarFile(element, name.symbol, found, hashlib.sha256(content).hexdigest(), content)
