"""Writes the table of docs/field-files.md: what four commands answer on published crystal structures.

    python -m catholyte.docs.pages.field_files FOLDER

where FOLDER holds the CIFs (`shared/data/structures` beside the checkout).
"""

from __future__ import annotations

import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catholyte.configs.errors import CatholyteError, FileNote
from catholyte.hpc.commands.campaigns.plan import plan
from catholyte.hpc.commands.results.layers import layers
from catholyte.hpc.commands.structures.materials import materials
from catholyte.hpc.commands.structures.orderings import orderings
from catholyte.hpc.commands.structures.slabs import slabs

__all__ = ["PAGE", "answers", "table"]

PAGE = Path(__file__).parents[1] / "field-files.md"
HEADS = ("file", "read as", "states", "`slabs --miller 0 0 1`", "`orderings -n 1`", "`layers`", "`plan`")
#: U of every metal that the files hold, eV; relaxations by CHGNet take none
RECIPE = """
name: field
title: one file
source: written for this table
hubbard_u: {{Co: 3.9 eV, Ti: 0 eV, Nb: 0 eV, Y: 0 eV, Mn: 3.9 eV, Fe: 5.3 eV, Ni: 6 eV}}
bulk: {{engine: chgnet, materials: ['{file}']}}
"""


def answers(path: Path) -> dict[str, str]:
    """What the four commands say of one file: an answer, or the sentence that refuses it."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FileNote)
        recipe = Path(folder) / "field.yaml"
        recipe.write_text(RECIPE.format(file=path), encoding="utf-8")
        read = _said(lambda: materials(str(path)), path, _read)
        return {
            "file": path.name,
            "read as": read.partition("|")[0].strip(),
            "states": read.partition("|")[2].strip(),
            HEADS[3]: _said(lambda: slabs(str(path), miller=(0, 0, 1)), path, _slabs),
            HEADS[4]: _said(lambda: orderings(str(path), Path(folder), n=1), path, _orderings),
            HEADS[5]: _said(lambda: layers([str(path)]), path, _layers),
            HEADS[6]: _said(lambda: plan(str(recipe)), path, _plan),
        }


def _said(ask: Callable[[], Any], path: Path, tell: Callable[[Any], str]) -> str:
    try:
        return tell(ask())
    except CatholyteError as error:
        text = error.message.replace(str(path), path.name).replace("|", "/").replace("\n", " ")
        text = re.sub(r"^[\w.-]+: (?:[A-Z]\w*: )?", "", text.replace(f"{path.name}: ", "", 1))
        return text.partition("field.yaml:6: key 'bulk.materials.0': ")[2] or text


def _read(document: dict[str, Any]) -> str:
    states = ", ".join(f"{row['amount']:g} {row['species']}" for row in document["species"])
    cell = document["ordered_cell"]
    ordered = f"; ordered cell {cell['composition']}" if cell else ""
    return f"{document['composition'].replace(' ', '')}, {document['spacegroup']}{ordered} | {states}"


def _slabs(document: dict[str, Any]) -> str:
    rows = document["slabs"]
    sound = sum(not row["polar"] for row in rows)
    return f"{len(rows)}, {sound} of them not polar; {min(row['n_atoms'] for row in rows)} atoms and more"


def _orderings(document: dict[str, Any]) -> str:
    (row,) = document["orderings"]
    return f"{row['formula']}, {document['sampling']['method']}"


def _layers(document: dict[str, Any]) -> str:
    def shown(value: float | None) -> str:
        return "none" if value is None else f"{value:.3f} Å"

    return f"{document['structure']}, S {shown(document['s_mo2'])}, I {shown(document['i_lio2'])}"


def _plan(document: dict[str, Any]) -> str:
    return ", ".join(f"{job['formula']}, {job['n_atoms']} atoms" for job in document["jobs"])


def table(folder: Path) -> str:
    """The table of all CIFs below a folder, in Markdown."""
    rows = [answers(path) for path in sorted(folder.rglob("*.cif"))]
    lines = [" | ".join(HEADS), " | ".join("---" for _ in HEADS), *(" | ".join(row[h] for h in HEADS) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    start = text.index("| file |")
    PAGE.write_text(text[:start] + table(Path(sys.argv[1])), encoding="utf-8")
