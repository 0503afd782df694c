"""Cases after public bug reports: files written for this project, and what each has to give.

Those with structures lie in ``tests/data/cases``; the others, with long trajectories, beside the checkout in
``shared/data/cases``, and a test of one is skipped where they are absent.
"""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["case"]

_INSIDE = Path(__file__).parents[1] / "data" / "cases"
_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "cases"


def case(name: str) -> Path:
    """Return the folder of the case whose name begins with `name`: ``case("b01")``."""
    for folder in (_INSIDE, _BESIDE):
        found = sorted(folder.glob(f"{name}-*"))
        if found:
            return found[0]
    pytest.skip(f"case {name} lies in shared/data/cases beside the checkout, which is absent")
