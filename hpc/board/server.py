"""Serve the board until it is stopped."""

from __future__ import annotations

import socket

from ...configs.errors import InputError
from .app import create_app
from .snapshot import BoardSource

__all__ = ["serve"]


def serve(source: BoardSource, host: str, port: int, token: str | None, loopback: tuple[str, ...]) -> None:
    """Listen on `host`:`port`.

    Raises
    ------
    InputError
        If the address cannot be listened on.
    """
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise InputError(
                f"cannot listen on {host} port {port}: {error.strerror}", "choose another --port or --host"
            ) from None
        app = create_app(source, token, ("localhost", "127.0.0.1", "[::1]") if host in loopback else ("*",))
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)).run(
            sockets=[listener]
        )
