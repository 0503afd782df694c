"""Evaluates beside the pages, so that none waits: numbers of the phase set, key numbers, verdicts, acceptance of
jobs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette

from .pages import Pages
from .snapshot import OTHER, BoardSource

__all__ = ["Reader"]

#: pauses between two rounds while there is something to read, and while there is not, s
_BUSY, _IDLE = 0.2, 3.0
#: a campaign in which jobs ended is evaluated again after this many times what it took last, and no earlier than, s
_REST, _SOONEST = 10, 20.0


class Reader:
    """Reads ahead for as long as the board is served.

    Parameters
    ----------
    source : BoardSource
    pages : Pages
        Whose values and answers are filled.
    """

    def __init__(self, source: BoardSource, pages: Pages) -> None:
        self.source, self.pages = source, pages
        self._stop = threading.Event()
        self._due: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Read ahead until the application ends."""
        self._stop.clear()
        threading.Thread(target=self._work, daemon=True, name="read-ahead").start()
        yield
        self._stop.set()

    def _work(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = _BUSY if self.round() else _IDLE

    def round(self) -> bool:
        """Look once at every campaign; return whether there is more to read."""
        busy = False
        for name in self.source.names():
            if self._stop.is_set():
                return False
            if name not in self.pages.values:
                self.pages.values[name] = self.source.values(name)
            if not self._stop.is_set():
                self._answer(self.source, name, name)
            busy = bool(self.source.assess(name)) or busy
        for name in self.source.beside.names() if self.source.beside else ():
            if self._stop.is_set():
                return False
            self._answer(self.source.beside, name, f"{OTHER}{name}")
        return busy

    def _answer(self, source: BoardSource | None, name: str, key: str) -> None:
        """Evaluate a campaign that was not yet, or in which jobs have ended since."""
        known, started = self.pages.answers.get(key), time.monotonic()
        if source is None or (
            known is not None and (known.finished == source.snapshot(name).finished or started < self._due[key])
        ):
            return
        if known is not None and source is self.source:
            self.pages.values[name] = source.values(name)
        self.pages.answers[key] = source.answers(name)
        took = time.monotonic() - started
        self._due[key] = time.monotonic() + max(_SOONEST, _REST * took)
