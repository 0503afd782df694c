"""The right to compute one job, kept by a heartbeat and fenced by the number of the attempt.

Every write of an attempt names its number, and changes nothing once a later attempt has taken the job. A computation
whose job was given to another is interrupted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from .ledger import LeaseLostError, Ledger
from .liveness import HEARTBEAT_SECONDS

__all__ = ["Lease", "may_exit"]

#: what interrupts the main thread: a signal that is ignored wherever nobody listens, so that a late one does no harm,
#: and that no shell or scheduler blocks, as they do SIGINT for processes in the background
SIGNAL = signal.SIGURG
#: s between two interrupts of a computation that goes on
AGAIN_SECONDS = 2.0
#: s after which a worker process that cannot be interrupted ends itself
EXIT_SECONDS = 120.0
#: the lease of the computation that an interrupt may stop now, and whether the process may end itself
_CURRENT: dict[str, Any] = {"lease": None, "worker": False, "listens": False}


class Lease:
    """One attempt at one job.

    Parameters
    ----------
    ledger : Ledger
    key : str
    attempt : int
        Its number, from the claim.
    """

    def __init__(self, ledger: Ledger, key: str, attempt: int) -> None:
        self.ledger, self.key, self.attempt = ledger, key, attempt
        #: whether a later attempt, or a person, has taken the job
        self.lost = False
        #: whether this attempt is writing its end: a beat that finds the job done then has not lost it
        self.closing = False

    def require(self) -> None:
        """Go on only while the job is this attempt's.

        Raises
        ------
        LeaseLostError
            If it is not.
        """
        try:
            self.ledger.beat(self.key, self.attempt)
        except LeaseLostError:
            self.lost = True
            raise

    def announce(self, dynamic: dict[str, Any]) -> None:
        """See :meth:`.ledger.Ledger.announce`."""
        self.ledger.announce(self.key, dynamic, self.attempt)

    def finish(self, seconds: float) -> None:
        """See :meth:`.ledger.Ledger.finish`."""
        self.closing = True
        self.ledger.finish(self.key, seconds, self.attempt)

    def fail(self, seconds: float, cause: dict[str, Any]) -> None:
        """See :meth:`.ledger.Ledger.fail`."""
        self.closing = True
        self.ledger.fail(self.key, seconds, cause, self.attempt)

    def release(self) -> None:
        """See :meth:`.ledger.Ledger.release`."""
        self.ledger.release(self.key, self.attempt)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Beat while the body runs, and interrupt it by LeaseLostError when the job is given to another.

        In another thread than the main one, which no signal reaches, the loss shows at the next write.
        """
        ended = threading.Event()
        beats = threading.Thread(target=self._beat, args=(ended,), daemon=True, name="heartbeat")
        interruptible = threading.current_thread() is threading.main_thread()
        if interruptible:
            _listen()
        beats.start()
        try:
            if interruptible:
                _CURRENT["lease"] = self
            if self.lost:
                raise LeaseLostError(self.key)
            yield
        finally:
            if interruptible:
                _CURRENT["lease"] = None
            ended.set()
            beats.join()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            try:
                self.ledger.beat(self.key, self.attempt)
            except LeaseLostError:
                if self.closing:
                    return
                self.lost = True
                break
            except Exception as error:  # the database may be away for a while: the next beat tells
                logging.getLogger(__name__).warning("no heartbeat of job %s: %s", self.key, error)
        else:
            return
        logging.getLogger(__name__).warning("job %s was given to another: its computation here ends", self.key)
        since = time.monotonic()
        while True:  # again and again: what was raised may have been lost in a library's own clearing up
            with contextlib.suppress(ProcessLookupError):
                signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)
            if ended.wait(AGAIN_SECONDS):
                return
            if _CURRENT["worker"] and time.monotonic() - since > EXIT_SECONDS:
                os._exit(1)


def may_exit() -> None:
    """Say that this process does nothing but compute jobs, so that it may end itself where nothing else helps."""
    _CURRENT["worker"] = True


def _listen() -> None:
    """Hear interrupts from now on; the handler stays, and does nothing while no lost computation runs."""
    if not _CURRENT["listens"]:
        signal.signal(SIGNAL, _interrupt)
        _CURRENT["listens"] = True


def _interrupt(number: int, frame: Any) -> None:
    lease = _CURRENT["lease"]
    if lease is not None and lease.lost:
        raise LeaseLostError(lease.key)
