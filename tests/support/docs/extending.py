"""The page docs/extending.md as edits of a checkout: files that it adds and lines that it inserts."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from catholyte.tests.support.docs.doc_blocks import ROOT

__all__ = ["Edit", "applied", "copy_of_the_package", "edits_of"]

PAGE = ROOT / "docs" / "extending.md"
_EDIT = re.compile(r"^In `([^`]+)`(?:, after `([^`]+)`)?:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
# compiled modules come along, their dates are kept, and nothing is compiled again; not those that are being written
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "*.egg-info", "*.pyc.*", ".*_cache", ".hypothesis", "images", "catholyte-store"
)


@dataclass(frozen=True)
class Edit:
    """One block of the page.

    Attributes
    ----------
    file : str
        Path from the root of a checkout.
    after : str
        The first line that contains this text stands before the block; empty for a new file.
    text : str
    """

    file: str
    after: str
    text: str


def edits_of(heading: str) -> list[Edit]:
    """Edits of the section under a heading of second level, in their order."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [Edit(*found) for found in _EDIT.findall(section)]


def copy_of_the_package(folder: Path) -> Path:
    """Copy the checkout to ``folder/catholyte``; `folder` on ``PYTHONPATH`` makes it the package."""
    return Path(shutil.copytree(ROOT, folder / "catholyte", ignore=_LEFT_OUT))


def applied(edits: list[Edit], root: Path) -> set[str]:
    """Make the edits in a copy and return the files that were touched."""
    for edit in edits:
        path = root / edit.file
        if not edit.after:
            assert not path.exists(), f"{edit.file} exists: the page must say after which line its block stands"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(edit.text, encoding="utf-8")
            continue
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [i for i, line in enumerate(lines) if edit.after in line]
        assert places, f"{edit.file} has no line with {edit.after!r}"
        lines.insert(places[0] + 1, edit.text)
        path.write_text("".join(lines), encoding="utf-8")
    return {edit.file for edit in edits}
