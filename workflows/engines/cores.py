"""The cores that the job of this process may use; whoever runs jobs side by side says so, one where nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["having_cores", "usable_cores"]

_CORES: ContextVar[int] = ContextVar("_CORES", default=1)


def usable_cores() -> int:
    """Cores that the running job may use."""
    return _CORES.get()


@contextmanager
def having_cores(number: int) -> Iterator[None]:
    """Let the job inside use `number` cores."""
    token = _CORES.set(number)
    try:
        yield
    finally:
        _CORES.reset(token)
