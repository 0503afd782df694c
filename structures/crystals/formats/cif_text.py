"""The text of a CIF: data blocks, their values and their loops, as any program writes them.

S. R. Hall, F. H. Allen, I. D. Brown, Acta Cryst. A 47 (1991) 655. Byte-order marks, line ends of three systems, text
that is not UTF-8 and the dotted names of newer dictionaries make no difference.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field

from ....configs.errors import StructureError

__all__ = ["Block", "data_blocks", "decoded", "number"]

#: a text field between semicolons, a quoted value, a comment, or anything up to a blank
_TOKEN = re.compile(
    r"^;(?P<text>.*?)^;|'(?P<single>(?:[^'\n]|'(?=\S))*)'(?=\s|$)|\"(?P<double>(?:[^\"\n]|\"(?=\S))*)\"(?=\s|$)"
    r"|(?P<comment>\#[^\n]*)|(?P<bare>\S+)",
    re.MULTILINE | re.DOTALL,
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: a value that the file leaves open or does not know
_OPEN = frozenset({".", "?", ""})
#: a number with its standard uncertainty in parentheses
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?)(?:\(\d*\.?\d*\))?")


@dataclass
class Block:
    """One data block; names are in lower case, with ``_`` for the dot of newer dictionaries.

    Parameters
    ----------
    name : str
        What follows ``data_``.
    values : dict of str to str
        Single values.
    loops : list of dict of str to list of str
        Columns of each loop.
    """

    name: str
    values: dict[str, str] = field(default_factory=dict)
    loops: list[dict[str, list[str]]] = field(default_factory=list)

    def value(self, *names: str) -> str | None:
        """The first of these values that is there and known; a loop of one row counts."""
        for name in names:
            column = self.column(name)
            if column and column[0] not in _OPEN:
                return column[0]
        return None

    def column(self, *names: str) -> list[str] | None:
        """The first of these columns that is there; a single value counts as a column of one row."""
        for name in names:
            found = next((loop[name] for loop in self.loops if name in loop), None)
            if found is not None:
                return found
            if name in self.values:
                return [self.values[name]]
        return None


def decoded(data: bytes) -> str:
    """The text of a file, with line ends of Unix: UTF-8, or what its byte-order mark says, else Latin-1."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(name, errors="replace")
            break
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def number(text: str) -> float | None:
    """A number as a CIF writes it, ``0.2395(2)``; None where it is no number."""
    match = _NUMBER.fullmatch(text.strip())
    return None if match is None else float(match[1].replace("d", "e").replace("D", "e"))


def data_blocks(text: str) -> list[Block]:
    """The data blocks of a CIF in the order of the file.

    Raises
    ------
    StructureError
        If there is none, or a loop has rows of different lengths.
    """
    blocks: list[Block] = []
    keys: list[str] = []
    values: list[str] = []
    waiting = looping = False  # a single name waits for its value; a loop collects

    def close() -> None:
        nonlocal keys, values, looping
        if looping and keys and blocks:
            blocks[-1].loops.append(_columns(keys, values))
        keys, values, looping = [], [], False

    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "comment":
            continue
        lowered = token.lower() if kind == "bare" else ""
        if lowered.startswith(("data_", "save_", "global_", "stop_")):
            close()
            waiting = False
            if lowered.startswith("data_"):
                blocks.append(Block(token[5:]))
        elif lowered == "loop_":
            close()
            waiting, looping = False, True
        elif lowered.startswith("_"):
            if looping and not values:
                keys.append(_plain(lowered))
                continue
            close()
            keys, waiting = [_plain(lowered)], True
        elif looping:
            values.append(token.strip())
        elif waiting and blocks:
            blocks[-1].values.setdefault(keys[0], token.strip())
            waiting = False
    close()
    if not blocks:
        raise StructureError("not readable as cif: it holds no data block (a line that begins with data_)")
    return blocks


def _plain(name: str) -> str:
    return name.replace(".", "_").rstrip("_")


def _columns(keys: list[str], values: list[str]) -> dict[str, list[str]]:
    if len(values) % len(keys):
        if any(key.startswith(("_atom_site_fract", "_symmetry_equiv", "_space_group_symop")) for key in keys):
            raise StructureError(
                f"not readable as cif: the loop of {keys[0]} has {len(keys)} columns and {len(values)} values"
            )
        values = values[: len(values) // len(keys) * len(keys)]
    return {key: values[place :: len(keys)] for place, key in enumerate(keys)}
