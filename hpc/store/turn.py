"""One at a time, over all processes and hosts that share a MongoDB: a lock that ends with its holder."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from ...configs.errors import StoreError
from .campaign_store import CampaignStore
from .liveness import HEARTBEAT_SECONDS, has_died

__all__ = ["turn"]

#: s that one waits for another's turn to end
PATIENCE = 1800.0
_PAUSE = 0.5
#: tokens of the turns that this process has
_MINE: set[str] = set()


@contextlib.contextmanager
def turn(store: CampaignStore, name: str) -> Iterator[None]:
    """Hold the lock `name` of a store in MongoDB; others wait, and take it over when its holder is gone.

    Raises
    ------
    StoreError
        If another holds it for half an hour.
    """
    import psutil
    from pymongo.errors import DuplicateKeyError

    locks, token = store.states.database["locks"], secrets.token_hex(8)
    mine = {"_id": name, "key": f"lock {name}", "token": token, "heartbeat": time.time()}
    mine |= {"host": socket.gethostname(), "pid": os.getpid(), "pid_started": psutil.Process().create_time()}
    until = time.monotonic() + PATIENCE
    _MINE.add(token)
    while True:
        try:
            locks.insert_one(mine)
            break
        except DuplicateKeyError:
            held = locks.find_one({"_id": name})
            if held is not None and held["token"] == token:
                break  # the answer to the first try was lost
            if held is not None and (_is_left(held, mine) or has_died(store.location, held)):
                locks.delete_one({"_id": name, "token": held["token"], "heartbeat": held["heartbeat"]})
                continue
        if time.monotonic() > until:
            raise StoreError(
                f"process {held['pid']} on {held['host']} has held {name} for {PATIENCE:.0f} s"
                if held
                else f"{name} could not be had for {PATIENCE:.0f} s",
                "look for a process that hangs: the lock ends with it",
            )
        time.sleep(_PAUSE)
    ended = threading.Event()
    beats = threading.Thread(target=_beat, args=(locks, name, token, ended), daemon=True, name="turn")
    beats.start()
    try:
        yield
    finally:
        ended.set()
        beats.join()
        _MINE.discard(token)
        locks.delete_one({"_id": name, "token": token})


def _is_left(held: dict[str, Any], mine: dict[str, Any]) -> bool:
    """Whether this very process had the turn and could not give it back, because the database was away."""
    return all(held.get(name) == mine[name] for name in ("host", "pid", "pid_started")) and held["token"] not in _MINE


def _beat(locks: Any, name: str, token: str, ended: threading.Event) -> None:
    from pymongo.errors import PyMongoError

    while not ended.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(PyMongoError):  # the next beat tells
            locks.update_one({"_id": name, "token": token}, {"$set": {"heartbeat": time.time()}})
