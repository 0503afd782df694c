"""The command ``board``: campaigns in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..command import Json
from ..options import Rehearsal, StorePlace
from ..output import emit_json, narrate, say

__all__ = ["board"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def board(
    store: StorePlace = None,
    static: Annotated[
        Path | None, typer.Option(help="Write the pages into this folder instead of serving them.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but loopback asks every visitor for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            help="Token that visitors need; drawn at random where one is needed and none is given.",
            envvar="CATHOLYTE_BOARD_TOKEN",
        ),
    ] = None,
    rehearsal: Rehearsal = False,
    json: Json = False,
) -> None:
    """Show campaigns in the browser: matrix, jobs, causes, structures; read-only, on this machine unless told
    otherwise."""
    from ...board.snapshot import BoardSource
    from ...store.campaign_store import is_rehearsal_store, open_store, rehearsal_location

    opened = open_store(rehearsal_location(store) if rehearsal else store, create=False)
    rehearsed = is_rehearsal_store(opened.location)
    source = BoardSource(opened.records(rehearsals=rehearsed), opened.shown, rehearsed)
    if static is not None:
        from ...board.export import export_board

        files = [str(path) for path in export_board(source, static)]
        emit_json({"files": files}) if json else say(f"{files[0]} ({len(files)} files)")
        return
    import secrets

    from ...board.app import serve

    if host not in _LOOPBACK and token is None:
        token = secrets.token_urlsafe(24)
    address = f"http://{'[::1]' if host == '::1' else host}:{port}/" + (f"?token={token}" if token else "")
    emit_json({"address": address}) if json else say(f"{address}  (Ctrl-C ends it)")
    if host not in _LOOPBACK:
        narrate("the connection is not encrypted: prefer an ssh tunnel to loopback")
    serve(source, host, port, token, _LOOPBACK)
