"""What is taken for a store's location, and what of it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catholyte.configs.errors import InputError, StoreError
from catholyte.hpc.store.campaign_store import is_rehearsal_store, open_store, rehearsal_location
from catholyte.hpc.store.location import require_location, scrubbed, without_password
from catholyte.tests.support.command_line import Run

SECRET = "s3cr3tpw"
SLIPS = [
    f"mongodb:/me:{SECRET}@host/db",
    f"Mongodb://me:{SECRET}@host/db",
    f" mongodb://me:{SECRET}@host/db",
    f"mongo://me:{SECRET}@host/db",
    f"http://me:{SECRET}@host/db",
    f"me:{SECRET}@host/db",
    f"mongodb:me:{SECRET}@host",
    f"mongodb://me:{SECRET}",
    f"mongodb://me:{SECRET}/x@host/db",
    f"mongodb://me:{SECRET}?x@host/db",
    f"mongodb://me:@{SECRET}@host:port/db",
    f"mongodb://host/db?tlsCertificateKeyFilePassword={SECRET}&tls=maybe",
    f"mongodb://me:{SECRET}@host/db?authMechanismProperties={SECRET}",
    "mongodb://",
]


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("rehearsal", [False, True])
def test_a_slip_in_a_uri_makes_no_folder_and_tells_no_secret(
    slip: str, rehearsal: bool, catholyte: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = catholyte("status", "--store", slip, *(["--rehearsal"] if rehearsal else []))
    assert status == 2
    assert SECRET not in out + err
    assert "a defect of catholyte" not in err
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError):
        open_store(slip)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("mongodb://me:pw@host/db", "mongodb://me:…@host/db"),
        ("mongodb://me@host/db", "mongodb://me@host/db"),
        ("mongodb://a:1,b:2/db?replicaSet=x", "mongodb://a:1,b:2/db"),
        ("mongodb+srv://me:p%40w@cluster.example/db?authSource=admin", "mongodb+srv://me:…@cluster.example/db"),
        ("mongodb://me:p@ss:w/ord@host/db", "mongodb://me:…@host/db"),
        ("mongodb://me:PW", "mongodb://…"),
        ("mongodb:/me:PW@h/db", "mongodb:/me:…@h/db"),
        ("catholyte-store", "catholyte-store"),
        ("/home/me@uni.example/store", "/home/me@uni.example/store"),
        ("./a@b", "./a@b"),
    ],
)
def test_what_is_shown_of_a_location(location: str, shown: str) -> None:
    assert without_password(location) == shown


@given(
    password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=20),
    option=st.text(st.characters(categories=["L", "N"], max_codepoint=126), min_size=4, max_size=20),
    head=st.sampled_from(["mongodb://", "mongodb+srv://", "mongodb:/", "Mongodb://", "", " mongodb://"]),
    end=st.sampled_from(["@host/db", "@host:27017,other/db", "@host", "@"]),
)
def test_no_password_is_shown_however_it_is_written(password: str, option: str, head: str, end: str) -> None:
    secret, value = f"%%{password}%%", f"ZZ{option}ZZ"
    shown = without_password(f"{head}me:{secret}{end}?tlsCertificateKeyFilePassword={value}")
    assert secret not in shown
    assert value not in shown
    assert value not in scrubbed(f"Invalid value {value!r} for option", f"mongodb://h/d?x={value}")


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    for name in ("me@home", "a:b"):
        open_store(tmp_path / name).close()
        assert (tmp_path / name).is_dir()
    require_location("../me@home")
    assert rehearsal_location("/me@home/store") == "/me@home/store-rehearsal"
    assert not is_rehearsal_store("mongodb://host/db?appName=x-rehearsal")


def test_options_stay_out_of_the_error_of_a_server_that_does_not_answer() -> None:
    uri = f"mongodb://me:{SECRET}@127.0.0.1:1/db?serverSelectionTimeoutMS=200&appName={SECRET}x"
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    assert SECRET not in caught.value.message + caught.value.advice
