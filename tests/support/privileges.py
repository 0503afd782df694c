"""Permissions that count for root too."""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Callable
from typing import Any

__all__ = ["in_a_process", "without_privileges"]

#: the header and the empty sets of capabilities of capset(2), version 3
_VERSION = 0x20080522
_FORK = multiprocessing.get_context("fork")


def without_privileges(function: Callable[[], Any]) -> Any:
    """Return ``function()`` from a process for which the bits of files count, whoever runs the tests."""

    def bare() -> Any:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.capset((ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()) == 0
        return function()

    return in_a_process(bare)


def in_a_process(function: Callable[[], Any]) -> Any:
    """Return ``function()``, or raise what it raises, from a forked process."""
    answers = _FORK.SimpleQueue()

    def child() -> None:
        try:
            answers.put(("answer", function()))
        except BaseException as error:
            answers.put(("error", error))

    process = _FORK.Process(target=child)
    process.start()
    kind, value = answers.get()
    process.join()
    if kind == "error":
        raise value
    return value
