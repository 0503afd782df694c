"""The note beside exported inputs that says for which job they were written."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["ASKED_FILE", "asked_key"]

#: in every folder of exported inputs
ASKED_FILE = "catholyte-job.json"


def asked_key(file: Path) -> str | None:
    """Key of the job for which a folder's inputs were written; None where no readable note says it."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    key = told.get("key") if isinstance(told, dict) else None
    return key if isinstance(key, str) else None
