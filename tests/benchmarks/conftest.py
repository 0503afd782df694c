"""What every benchmark measures: commands as an installation leaves them, compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import catholyte

#: as in pyproject.toml
_ROOMS = ("analysis", "configs", "hpc", "structures", "workflows")


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compile the package once, as pip does, and let commands read that even where Python is told to write none: else
    each would compile all that it imports anew."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = Path(catholyte.__file__).parent
    subprocess.run([sys.executable, "-m", "compileall", "-q", *(str(folder / room) for room in _ROOMS)], check=True)
