"""The board as an ASGI application: read-only pages of one store.

Only GET is answered. No part of a request reaches a query of the store, a file name or a template: campaigns, jobs
and figures are looked up among the names that exist. A board that others can reach asks for a token; on loopback
the host name of the request is checked, so that no web page elsewhere can read it through the browser.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ...configs.errors import CatholyteError, InputError, UnknownNameError
from .links import Links
from .pages import STATIC, Pages, figures_of
from .pictures import picture
from .reader import Reader
from .snapshot import BoardSource

__all__ = ["ASSETS", "COOKIE", "create_app", "plotly_script", "serve"]

COOKIE = "catholyte-board"
#: own files that pages ask for
ASSETS = ("board.css", "board.js")
#: longest value of a filter
_LONGEST = 200
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src "
    "'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
#: wrong tokens from one address within LOCK_SECONDS after which that address may give none for as long, s
MOST_TRIES = 10
LOCK_SECONDS = 60.0
#: s that a client may take to send the head of a request
HEAD_SECONDS = 10.0
_Next = Callable[[Request], Awaitable[Response]]


class _Live(Links):
    """Addresses of the live board."""

    def __init__(self, request: Request | None = None) -> None:
        self.request = request

    def asset(self, name: str) -> str:
        return f"/assets/{name}"

    def matrix(self, campaign: str, **asked: str) -> str:
        wanted = {key: value for key, value in asked.items() if value}
        return f"/campaign/{quote(campaign, safe='')}" + (f"?{urlencode(wanted)}" if wanted else "")

    def numbers(self, campaign: str) -> str:
        return f"{self.matrix(campaign)}/numbers"

    def compare(self, campaign: str) -> str:
        return f"/compare?{urlencode({'new': campaign})}"

    def jobs(self, campaign: str, material: str = "", kind: str = "", state: str = "") -> str:
        asked = {key: value for key, value in (("material", material), ("kind", kind), ("state", state)) if value}
        return f"{self.matrix(campaign)}/jobs" + (f"?{urlencode(asked)}" if asked else "")

    def job(self, campaign: str, key: str) -> str:
        return f"{self.matrix(campaign)}/job/{quote(key, safe='')}"

    def figure(self, campaign: str, key: str, name: str) -> str:
        return f"{self.job(campaign, key)}/figure/{name}"

    def ledger(self, campaign: str, key: str) -> str:
        return f"{self.job(campaign, key)}/ledger"

    def mark(self, campaign: str) -> str:
        return f"{self.matrix(campaign)}/mark"

    def page(self, number: int) -> str:
        return "" if self.request is None else f"?{urlencode({**self.request.query_params, 'page': str(number)})}"


def plotly_script() -> Path:
    """The script with which figures are drawn, from the installed package: the board fetches nothing from elsewhere."""
    from importlib.resources import as_file, files

    with as_file(files("plotly") / "package_data" / "plotly.min.js") as path:
        return path


def create_app(
    source: BoardSource, token: str | None = None, hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
) -> Starlette:
    """Return the application.

    Parameters
    ----------
    source : BoardSource
        The store.
    token : str, optional
        Asked of every request: once as ``?token=…``, afterwards by a cookie; or in the header ``Authorization: Bearer
        …``.
    hosts : tuple of str
        Host names under which it answers; ``*`` for any.
    """
    pages, live = Pages(source), _Live()

    def home(request: Request) -> Response:
        names = source.names()
        if not names:
            return HTMLResponse(
                pages.problem(
                    "No campaign yet", "The store holds no campaign; run a recipe first: catholyte run gsirr", live
                )
            )
        return RedirectResponse(live.matrix(names[0]))

    def matrix(request: Request) -> Response:
        return HTMLResponse(pages.matrix(request.path_params["campaign"], live, _asked(request)))

    def jobs(request: Request) -> Response:
        return HTMLResponse(pages.jobs(request.path_params["campaign"], _Live(request), _asked(request)))

    def numbers(request: Request) -> Response:
        return HTMLResponse(pages.numbers(request.path_params["campaign"], live, _asked(request)))

    def compare(request: Request) -> Response:
        return HTMLResponse(pages.compare(live, _asked(request)))

    def job(request: Request) -> Response:
        return HTMLResponse(pages.job(request.path_params["campaign"], request.path_params["key"], live))

    def mark(request: Request) -> Response:
        snapshot = source.snapshot(request.path_params["campaign"])
        return JSONResponse({"mark": pages.mark(snapshot), "counts": snapshot.counts})

    def figure(request: Request) -> Response:
        entry = source.snapshot(request.path_params["campaign"]).entry(request.path_params["key"])
        name = request.path_params["figure"]
        document = source.document(entry, arrays=True)
        if name not in figures_of(document):
            raise UnknownNameError(f"this job has no figure {name[:60]!r}")
        return JSONResponse(picture(name, document))

    def ledger(request: Request) -> Response:
        return HTMLResponse(pages.ledger(request.path_params["campaign"], request.path_params["key"]))

    def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name == "plotly.min.js":
            return FileResponse(plotly_script(), headers={"Cache-Control": "max-age=86400"})
        if name not in ASSETS:
            raise UnknownNameError(f"there is no file {name[:60]!r}")
        return FileResponse(STATIC / name)

    def refused(request: Request, error: Exception) -> Response:
        message = error.message if isinstance(error, CatholyteError) else str(error)
        status = 404 if isinstance(error, UnknownNameError) else 409
        if request.url.path.endswith("/mark") or "/figure/" in request.url.path:
            return JSONResponse({"error": message}, status_code=status)
        return HTMLResponse(
            pages.problem("Not found" if status == 404 else "Not available", message, live), status_code=status
        )

    campaign = "/campaign/{campaign}"
    routes = [
        Route("/", home, methods=["GET"]),
        Route(campaign, matrix, methods=["GET"]),
        Route(f"{campaign}/jobs", jobs, methods=["GET"]),
        Route(f"{campaign}/numbers", numbers, methods=["GET"]),
        Route("/compare", compare, methods=["GET"]),
        Route(f"{campaign}/mark", mark, methods=["GET"]),
        Route(f"{campaign}/job/{{key}}", job, methods=["GET"]),
        Route(f"{campaign}/job/{{key}}/figure/{{figure}}", figure, methods=["GET"]),
        Route(f"{campaign}/job/{{key}}/ledger", ledger, methods=["GET"]),
        Route("/assets/{name}", asset, methods=["GET"]),
    ]
    guard = [
        Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        Middleware(BaseHTTPMiddleware, dispatch=_guard(token)),
    ]
    return Starlette(
        routes=routes,
        middleware=[*guard, Middleware(GZipMiddleware, minimum_size=2000)],
        exception_handlers={CatholyteError: refused},
        lifespan=Reader(source, pages).lifespan,
    )


def _asked(request: Request) -> dict[str, str]:
    return {key: value[:_LONGEST] for key, value in request.query_params.items()}


def _guard(token: str | None) -> Callable[[Request, _Next], Awaitable[Response]]:
    """Ask for the token, and set the headers that keep a browser from anything but these pages."""

    session, tries = secrets.token_urlsafe(32), _Tries()

    async def dispatch(request: Request, forward: _Next) -> Response:
        cookie = f"{COOKIE}-{request.url.port or 80}"  # browsers send cookies to every port of a host
        given = request.query_params.get("token") or request.headers.get("authorization", "").removeprefix("Bearer ")
        address = request.client.host if request.client else ""
        if token is None or (not given and _same(request.cookies.get(cookie, ""), session)):
            response = await forward(request)
        elif tries.too_many(address):
            response = PlainTextResponse("too many wrong tokens: wait a minute", status_code=429)
        elif not _same(given, token):
            if given:
                tries.note(address)
            response = PlainTextResponse(
                "this board asks for its token: open the address that `catholyte board` printed", status_code=401
            )
        elif "token" in request.query_params:  # out of the address bar, history and logs
            response = RedirectResponse("/" + request.url.path.lstrip("/\\"), status_code=303)  # never to another host
            response.set_cookie(cookie, session, httponly=True, samesite="strict")
        else:
            response = await forward(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return dispatch


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


class _Tries:
    """Wrong tokens by address, of the last :data:`LOCK_SECONDS`."""

    def __init__(self) -> None:
        self.times: dict[str, deque[float]] = {}

    def note(self, address: str) -> None:
        """Count a wrong token."""
        self.times.setdefault(address, deque(maxlen=MOST_TRIES)).append(time.monotonic())

    def too_many(self, address: str) -> bool:
        """Whether an address has to wait."""
        found = self.times.get(address) or deque()
        return len(found) == MOST_TRIES and time.monotonic() - found[0] < LOCK_SECONDS


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
        config = uvicorn.Config(
            app, http=_prompt_protocol(), log_level="warning", access_log=False, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listener])


def _prompt_protocol() -> type[asyncio.Protocol]:
    """uvicorn's protocol, which drops clients that take too long to send the head of a request."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class PromptProtocol(H11Protocol):
        """HTTP/1.1 with a limit of time for heads; one for the pause between requests it has already."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._deadline = self.loop.call_later(HEAD_SECONDS, transport.close)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_clock()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_clock()
            super().connection_lost(exc)

        def _stop_clock(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return PromptProtocol
