"""The command ``board``: campaigns in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ....configs.errors import InputError
from ..command import Json
from ..options import Rehearsal, StorePlace
from ..output import emit_json, narrate, say

__all__ = ["board"]

#: characters of a token on a board that others can reach
_SHORTEST = 16
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def board(
    store: StorePlace = None,
    static: Annotated[
        Path | None, typer.Option(help="Write the pages into this folder instead of serving them.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Folder or mongodb:// URI of another store, whose campaigns are compared with these."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback alone by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            help="Token that visitors need, drawn at random where none is given; other users see it in the list of "
            "processes, so prefer --token-file or the variable.",
            envvar="CATHOLYTE_BOARD_TOKEN",
        ),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File whose first line is the token.")] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Ask nobody for a token; on loopback alone: every user of this machine.")
    ] = False,
    rehearsal: Rehearsal = False,
    json: Json = False,
) -> None:
    """Show campaigns in the browser: matrix, jobs, causes, structures; read-only, on this machine unless told
    otherwise."""
    from ...board.snapshot import BoardSource
    from ...store.campaign_store import is_rehearsal_store, open_store, rehearsal_location

    def opened(place: str | None, beside: BoardSource | None = None) -> BoardSource:
        found = open_store(place, create=False)
        rehearsed = is_rehearsal_store(found.location)
        return BoardSource(found.records(rehearsals=rehearsed), found.shown, rehearsed, beside)

    other = None if against is None else opened(against)
    source = opened(rehearsal_location(store) if rehearsal else store, other)
    if static is not None:
        from ...board.export import export_board

        files = [str(path) for path in export_board(source, static)]
        emit_json({"files": files}) if json else say(f"{files[0]} ({len(files)} files)")
        return
    from ...board.app import serve

    chosen = _token(token, token_file, no_token, host)
    address = f"http://{'[::1]' if host == '::1' else host}:{port}/" + (f"?token={chosen}" if chosen else "")
    emit_json({"address": address}) if json else say(f"{address}  (Ctrl-C ends it)")
    if host not in _LOOPBACK:
        narrate("the connection is not encrypted: prefer an ssh tunnel to loopback")
    serve(source, host, port, chosen, _LOOPBACK)


def _token(given: str | None, file: Path | None, no_token: bool, host: str) -> str | None:
    """The token that visitors need; None where nobody is asked.

    Raises
    ------
    InputError
        If it is empty, too short for a board that others can reach, or asked for and refused at once.
    """
    import secrets

    if no_token:
        if given is not None or file is not None:
            raise InputError("a token was given together with --no-token", "leave one of the two out")
        if host not in _LOOPBACK:
            raise InputError(f"--no-token would open the board to everyone who reaches {host}", "leave it out")
        return None
    if file is not None:
        try:
            given = (file.read_text(encoding="utf-8").splitlines() or [""])[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--token-file {file}: cannot be read: {error}") from None
    if given is None:
        return secrets.token_urlsafe(24)
    if not given.strip():
        raise InputError("the token is empty", "leave it out, and one is drawn at random")
    if host not in _LOOPBACK and len(given) < _SHORTEST:
        raise InputError(
            f"the token has {len(given)} characters; others can reach {host}: {_SHORTEST} are needed",
            "leave it out, and one is drawn at random",
        )
    return given
