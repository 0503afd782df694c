"""The board: what it shows, what it refuses, and that it never writes."""

from __future__ import annotations

import http.client
import inspect
import json
import multiprocessing
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from catholyte.analysis.report.case import Case
from catholyte.analysis.report.page import matrix_values
from catholyte.analysis.words import number
from catholyte.configs.load import load_recipe
from catholyte.hpc.board import app
from catholyte.hpc.board.app import create_app
from catholyte.hpc.board.export import export_board
from catholyte.hpc.board.matrix import build_matrix, usage
from catholyte.hpc.board.pages import Pages
from catholyte.hpc.store.campaign_store import open_store
from catholyte.tests.support.campaigns.board_campaigns import HOSTILE_NAME, many_jobs, mixed_campaign
from catholyte.tests.support.command_line import Run, answer, require_valid
from catholyte.tests.support.docs.board_images import IMAGES, LARGEST

FORK = multiprocessing.get_context("fork")

LOCAL = "http://127.0.0.1:8765"


@pytest.fixture(scope="module")
def board() -> Iterator[TestClient]:
    with TestClient(create_app(mixed_campaign()), base_url=LOCAL) as client:
        yield client


def test_the_matrix_says_state_tier_and_verdict_of_every_job() -> None:
    source = mixed_campaign()
    source.assess("gsirr")
    lines = {line.name: line for line in build_matrix(source.snapshot("gsirr"), []).lines}
    assert lines["LCO"].cells["relaxation"].flags == ("accepted",)
    assert lines["LCO"].cells["projected DOS"].flags == ("to review",)
    assert lines["CoO"].cells["relaxation"].state == "failed"
    assert lines["CoO"].cells["relaxation"].note == "the moment of Co 3 is 0.1 µB"
    assert lines["CoO"].cells["projected DOS"].state == "waiting"


def test_core_hours_are_those_of_the_jobs_and_the_forecast_follows_what_was_measured() -> None:
    hours = usage(mixed_campaign().snapshot("gsirr"))
    assert hours.used == pytest.approx(3 * 36 / 3600)  # two done, one failed
    assert hours.factor == pytest.approx(0.5)  # 36 s took what was estimated at 72 s
    assert hours.forecast == pytest.approx(0.5 * 2 * 72 / 3600)  # one waits, one runs
    assert hours.measured == 2


def test_numbers_of_the_matrix_are_those_of_the_command(catholyte: Run) -> None:
    recipe, _ = load_recipe("gsirr")
    assert recipe.reactions is not None
    short = recipe.model_copy(
        update={"reactions": recipe.reactions.model_copy(update={"pairs": (("LCO", "LPSCl"), ("LCO", "Unobtainium"))})}
    )
    values = {(value.row, value.quantity): value for value in matrix_values(Case({}, short, [], [], {}))}
    told = answer(catholyte("reactions", "LCO", "LPSCl", "--json"))
    assert values[("LCO", "LPSCl"), "mutual (eV/atom)"].text.startswith(f"{number(told['mutual']['energy'], 3)} ±")
    assert "Unobtainium" in values[("LCO", "Unobtainium"), "total (eV/atom)"].problem
    assert values[("LPSCl",), "window (V vs Li/Li⁺)"].text.startswith("1.7")


def test_from_a_failed_cell_to_its_cause(board: TestClient) -> None:
    page = board.get("/campaign/gsirr").text
    assert 'href="/campaign/gsirr/job/cccc-3">failed' in page
    job = board.get("/campaign/gsirr/job/cccc-3").text
    for told in ("the moment of Co 3 is 0.1 µB", "OUTCAR: magnetization", "start from the high-spin moments"):
        assert told in job


def test_filters_narrow_jobs_and_matrix(board: TestClient) -> None:
    assert len(re.findall("<tr data-state", board.get("/campaign/gsirr/jobs").text)) == 5
    failed = board.get("/campaign/gsirr/jobs", params={"state": "failed"}).text
    assert re.findall('<tr data-state="(.*?)"', failed) == ["failed"]
    assert re.findall(
        '<tr data-state="(.*?)"',
        board.get("/campaign/gsirr/jobs", params={"material": "LCO", "kind": "projected DOS"}).text,
    ) == ["done"]
    assert 'data-cathode="LCO"' not in board.get("/campaign/gsirr", params={"cathode": "CoO"}).text


def test_figures_come_as_numbers_for_the_browser(board: TestClient) -> None:
    figures = {name: board.get(f"/campaign/gsirr/job/bbbb-2/figure/{name}").json() for name in ("structure", "dos")}
    atoms = [trace for trace in figures["structure"]["data"] if trace["mode"] == "markers"]
    assert {trace["name"]: len(trace["x"]) for trace in atoms} == {"Li": 18, "Co": 18, "O": 36}
    assert "LiCoO₂, 4 atoms (3×3×2 cells drawn)" in figures["structure"]["layout"]["title"]["text"]
    assert "gpaw" in figures["structure"]["layout"]["title"]["text"]
    oxygen = next(trace for trace in figures["dos"]["data"] if trace["name"] == "O p")
    assert oxygen["x"][oxygen["y"].index(max(oxygen["y"]))] == pytest.approx(-3, abs=0.06)
    steps = board.get("/campaign/gsirr/job/aaaa-1/figure/convergence").json()
    assert steps["data"][0]["y"] == pytest.approx([0.0375, 0.0125, 0])
    assert board.get("/campaign/gsirr/job/aaaa-1/figure/dos").status_code == 404


def test_every_page_that_is_json_keeps_its_schema(board: TestClient) -> None:
    job = "/campaign/gsirr/job"
    for name, path in (
        ("board-mark", "/campaign/gsirr/mark"),
        ("board-figure", f"{job}/bbbb-2/figure/structure"),
        ("board-figure", f"{job}/bbbb-2/figure/dos"),
        ("board-figure", f"{job}/aaaa-1/figure/convergence"),
        ("board-problem", f"{job}/aaaa-1/figure/dos"),
        ("board-problem", "/campaign/none/mark"),
    ):
        found = board.get(path)
        assert found.headers["content-type"] == "application/json"
        require_valid(name, found.text)
    assert inspect.getsource(app).count("JSONResponse(") == 3  # a further one needs its schema, and a line above


def test_the_mark_changes_when_the_campaign_does(monkeypatch: pytest.MonkeyPatch) -> None:
    source = mixed_campaign()
    before = source.snapshot("gsirr").mark
    source.assess("gsirr")
    assert source.snapshot("gsirr").mark != before


def test_nothing_is_read_ahead_of_a_board_that_is_not_served() -> None:
    def readers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]

    before = readers()
    app = create_app(mixed_campaign())
    assert readers() == before
    with TestClient(app, base_url=LOCAL):
        (reader,) = set(readers()) - set(before)
    reader.join(60)  # it ends what it has begun
    assert not reader.is_alive()


def test_a_name_with_a_script_is_shown_and_not_run(board: TestClient) -> None:
    for place in ("/campaign/gsirr", "/campaign/gsirr/jobs", "/campaign/gsirr/job/eeee-5"):
        page = board.get(place).text
        assert HOSTILE_NAME not in page
        assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    "place",
    [
        "/assets/../app.py",
        "/assets/%2e%2e%2fapp.py",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/board.css%00.html",
        "/campaign/../../etc/passwd",
        '/campaign/{"$ne": null}',
        '/campaign/gsirr/job/{"$gt": ""}',
        "/campaign/gsirr/job/$where",
        "/campaign/gsirr/job/" + "9" * 20_000,
        "/campaign/gsirr/job/aaaa-1/figure/../../../x",
        "/campaign/gsirr/job/aaaa-1/figure/__class__",
        "/docs",
    ],
)
def test_places_that_do_not_exist_are_refused(board: TestClient, place: str) -> None:
    answered = board.get(place)
    assert answered.status_code in (400, 404)
    assert "Traceback" not in answered.text
    assert "root:" not in answered.text


HOSTILE = (
    '{"$ne": null}',
    "$where",
    "../../etc/passwd",
    "<img src=x onerror=alert(1)>",
    "-1",
    "9" * 5000,
    "\x00",
    "🜁",
)


@pytest.mark.parametrize(
    "key",
    [
        "state",
        "step",
        "engine",
        "material",
        "kind",
        "text",
        "page",
        "cathode",
        "layer",
        "electrolyte",
        "property",
        "unheard_of",
    ],
)
def test_hostile_filters_find_nothing_and_change_nothing(board: TestClient, key: str) -> None:
    for place in ("/campaign/gsirr", "/campaign/gsirr/jobs"):
        for value in HOSTILE:
            for given_as in ({key: value}, {f"{key}[$ne]": value}):
                answered = board.get(place, params=given_as)
                assert answered.status_code == 200, (place, given_as)
                assert "<img src=x" not in answered.text, (place, given_as)


@settings(max_examples=40, deadline=None)
@given(campaign=st.text(min_size=1), key=st.text(min_size=1))
def test_any_name_is_answered(board: TestClient, campaign: str, key: str) -> None:
    from urllib.parse import quote

    place = f"/campaign/{quote(campaign, safe='')}/job/{quote(key, safe='')}"
    assert board.get(place).status_code in (200, 400, 404)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_nothing_can_be_changed(board: TestClient, method: str) -> None:
    for place in ("/", "/campaign/gsirr", "/campaign/gsirr/job/aaaa-1"):
        assert getattr(board, method)(place).status_code == 405


def test_a_foreign_host_name_is_refused_on_loopback(board: TestClient) -> None:
    assert board.get("/campaign/gsirr", headers={"host": "evil.example"}).status_code == 400


def test_headers_keep_the_browser_on_these_pages(board: TestClient) -> None:
    headers = board.get("/campaign/gsirr").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    page = board.get("/campaign/gsirr/job/aaaa-1").text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_a_token_opens_the_board_and_nothing_else_does() -> None:
    with TestClient(
        create_app(mixed_campaign(), token="open sesame", hosts=("*",)), base_url="http://node", follow_redirects=False
    ) as client:
        assert client.get("/campaign/gsirr").status_code == 401
        assert client.get("/campaign/gsirr", params={"token": "open"}).status_code == 401
        assert client.get("/assets/board.css").status_code == 401
        assert client.get("/campaign/gsirr", headers={"authorization": "Bearer open sesame"}).status_code == 200
        entered = client.get("/campaign/gsirr", params={"token": "open sesame"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/campaign/gsirr")
        assert "httponly" in entered.headers["set-cookie"].lower()
        assert client.get("/campaign/gsirr").status_code == 200  # by the cookie
        assert "open sesame" not in entered.headers["set-cookie"], "a session of its own: other ports see the cookie"


@pytest.mark.parametrize("path", ["//evil.example/", "///evil.example/x", "/%5Cevil.example/", "//evil.example/%2f.."])
def test_a_token_redirects_to_this_board_alone(path: str) -> None:
    with TestClient(
        create_app(mixed_campaign(), token="open sesame", hosts=("*",)), base_url="http://node", follow_redirects=False
    ) as client:
        answer = client.get(f"http://node{path}?token=open+sesame")
        assert answer.status_code == 303
        place = answer.headers["location"]
        assert place.startswith("/")
        assert place[1:2] not in ("/", "\\"), place


def test_tries_of_a_token_are_limited_and_a_session_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from catholyte.hpc.board import app as board_app

    with TestClient(
        create_app(mixed_campaign(), token="open sesame", hosts=("*",)), base_url="http://node", follow_redirects=False
    ) as client:
        client.get("/campaign/gsirr", params={"token": "open sesame"})
        statuses = [client.get("/campaign/gsirr", params={"token": f"guess {k}"}).status_code for k in range(12)]
        assert statuses == [401] * board_app.MOST_TRIES + [429] * (12 - board_app.MOST_TRIES)
        assert client.get("/campaign/gsirr", params={"token": "open sesame"}).status_code == 429
        assert client.get("/campaign/gsirr").status_code == 200, "who is in stays in"
        now = time.monotonic()
        monkeypatch.setattr(board_app, "time", SimpleNamespace(monotonic=lambda: now + board_app.LOCK_SECONDS + 1))
        assert client.get("/campaign/gsirr", params={"token": "open sesame"}).status_code == 303


def test_clients_that_send_no_head_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from catholyte.hpc.board import app as board_app

    monkeypatch.setattr(board_app, "HEAD_SECONDS", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = FORK.Process(
        target=board_app.serve, args=(mixed_campaign(), "127.0.0.1", port, None, ("127.0.0.1",)), daemon=True
    )
    serving.start()
    try:
        slow = []
        end = time.monotonic() + 120
        while len(slow) < 30:
            assert time.monotonic() < end
            try:
                slow.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            except ConnectionRefusedError:
                time.sleep(0.1)
        for client in slow[:15]:
            client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        assert [client.recv(1) for client in slow] == [b""] * 30
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(2):  # a connection that is used again
            kept.request("GET", "/assets/board.css")
            response = kept.getresponse()
            assert response.status == 200
            response.read()
        kept.close()
        for client in slow:
            client.close()
    finally:
        serving.kill()
        serving.join()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--token", ""], "the token is empty"),
        (["--host", "0.0.0.0", "--token", ""], "the token is empty"),
        (["--host", "0.0.0.0", "--token", "short"], "16 are needed"),
        (["--host", "0.0.0.0", "--no-token"], "would open the board"),
        (["--token", "x" * 20, "--no-token"], "leave one of the two out"),
        (["--token-file", "/nowhere/token"], "cannot be read"),
    ],
)
def test_a_token_that_guards_nothing_is_refused(
    catholyte: Run, store_with_nothing: Path, options: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catholyte.hpc.board.app.serve", lambda *given: pytest.fail("it was served"))
    status, out, err = catholyte("board", "--store", store_with_nothing, *options)
    assert (status, told in out + err) == (2, True), err


def test_loopback_asks_for_a_token_too(
    catholyte: Run, store_with_nothing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[str | None] = []
    monkeypatch.setattr(
        "catholyte.hpc.board.app.serve", lambda source, host, port, token, loopback: served.append(token)
    )
    _, first, _ = catholyte("board", "--store", store_with_nothing)
    _, second, _ = catholyte("board", "--store", store_with_nothing)
    assert served[0] != served[1]
    assert all(token and len(token) >= 32 and token in out for token, out in zip(served, (first, second), strict=True))
    (tmp_path / "token").write_text("from a file\n")
    catholyte("board", "--store", store_with_nothing, "--token-file", tmp_path / "token")
    monkeypatch.setenv("CATHOLYTE_BOARD_TOKEN", "from the environment")
    catholyte("board", "--store", store_with_nothing)
    monkeypatch.delenv("CATHOLYTE_BOARD_TOKEN")
    catholyte("board", "--store", store_with_nothing, "--no-token")
    assert served[2:] == ["from a file", "from the environment", None]


@pytest.fixture
def store_with_nothing(tmp_path: Path) -> Path:
    open_store(tmp_path / "store").close()
    return tmp_path / "store"


def test_thousands_of_jobs_come_in_pages() -> None:
    from catholyte.hpc.board.app import _Live

    source = many_jobs(1001)
    pages = Pages(source)
    first = pages.jobs("gsirr", _Live(), {})
    assert len(re.findall("<tr data-state", first)) == 200
    assert "page 1 of 6" in first
    assert len(re.findall("<tr data-state", pages.jobs("gsirr", _Live(), {"page": "6"}))) == 1
    assert "page 6 of 6" in pages.jobs("gsirr", _Live(), {"page": "99999999999"}) or "page 1 of 6" in pages.jobs(
        "gsirr", _Live(), {"page": "99999999999"}
    )


@pytest.mark.slow
def test_the_export_stands_alone(tmp_path: Path) -> None:
    files = export_board(mixed_campaign(), tmp_path)
    assert {path.suffix for path in files} == {".html", ".css", ".js"}
    for path in files:
        if path.suffix != ".html":
            continue
        page = path.read_text(encoding="utf-8")
        places = re.findall(r'(?:src|href)="([^"]*)"', page)
        assert all(place == "data:," or (tmp_path / place).is_file() for place in places), path
        for data in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
            assert json.loads(data)["layout"]
    assert "the moment of Co 3 is 0.1 µB" in (tmp_path / "gsirr-job-cccc-3.html").read_text(encoding="utf-8")


def test_the_pictures_of_the_documentation_are_there_and_small() -> None:
    page = (IMAGES.parent / "board.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"images/(board-[a-z]+\.png)", page))
    assert shown == {path.name for path in IMAGES.glob("board-*.png")}
    assert all(path.stat().st_size < LARGEST for path in IMAGES.glob("board-*.png"))


def test_an_empty_store_is_said(catholyte: Run, tmp_path: Path) -> None:
    status, _, err = catholyte("board", "--store", tmp_path / "nowhere", "--static", tmp_path / "out")
    assert (status, "nowhere" in err) == (2, True)
