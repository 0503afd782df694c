"""Fenced blocks of the README and of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["PAGES", "README", "ROOT", "blocks", "lines_of"]

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
PAGES = sorted([README, *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Language and content of the fenced blocks of a page."""
    return [
        (language, text)
        for language, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if not languages or language in languages
    ]


def lines_of(text: str) -> list[str]:
    """Commands of a console block, comments left out."""
    return [
        line
        for line in (re.sub(r"\s+# .*$", "", line).strip() for line in text.splitlines())
        if line and not line.startswith("#")
    ]
