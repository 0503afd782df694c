"""The command ``database``: a database server on a workstation without MongoDB."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...store.database_server import DEFAULT_FOLDER, DatabaseServer, start_server, stop_server
from ..answers.campaigns import Database
from ..command import Command
from ..options import require_known
from ..output import narrate, say

__all__ = ["COMMAND", "database"]

ACTIONS = ("start", "stop", "status")


def database(
    action: Annotated[str, typer.Argument(metavar="start|stop|status", help="What to do: start, stop or status.")],
    folder: Annotated[
        Path, typer.Option(help="Folder of the database, on a local disk; its owner alone may read it.")
    ] = Path(DEFAULT_FOLDER),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on loopback; 0 keeps the last one, at first a free one.")
    ] = 0,
) -> dict[str, Any]:
    """Run a database server on this machine, for queue managers on a workstation without MongoDB (beta).

    It is SecantusDB, a process of its own that speaks MongoDB's protocol (`pip install '.[database]'`). It listens on
    loopback and asks for a password, which stands in the file FOLDER/uri. Keep campaigns that matter in a MongoDB.
    """
    require_known("database", action, ACTIONS, "action")
    if action == "start":
        start_server(folder, port)
    stopped = action == "stop" and stop_server(folder)
    found = DatabaseServer.of(folder.absolute())
    running = found is not None and found.running
    return {
        "running": running,
        "stopped": stopped,
        "folder": str(folder.absolute()),
        "port": found.port if found is not None else None,
        "pid": found.pid if found is not None and running else None,
        "uri_file": str(folder.absolute() / "uri") if found is not None else None,
    }


def _show(document: dict[str, Any]) -> None:
    if not document["running"]:
        say(f"{document['folder']}: no database server runs" + (" any more" if document["stopped"] else ""))
        return
    say(f"{document['folder']}: a database server runs on 127.0.0.1:{document['port']} (process {document['pid']})")
    say(f'export CATHOLYTE_STORE="$(cat {document["uri_file"]})"')
    say("and in the cluster file: `store: ${CATHOLYTE_STORE}`")
    narrate("SecantusDB is a beta: keep campaigns that matter in a MongoDB")


COMMAND = Command(database, _show, Database)
