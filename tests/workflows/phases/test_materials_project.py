"""The Materials Project's API, played by a fake: entries, a refused key, a missing network, a missing package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from pymatgen.core import Lattice, Structure
from pymatgen.entries.computed_entries import ComputedStructureEntry, ConstantEnergyAdjustment

from catholyte.configs.errors import EngineUnavailableError, InputError
from catholyte.workflows.phases.build import main
from catholyte.workflows.phases.materials_project import KEYS, LARGEST_SYSTEM, SOURCE, download

LICL = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.1), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


class RestError(Exception):
    """Stands for MPRestError."""


def lithium_chloride() -> ComputedStructureEntry:
    correction = ConstantEnergyAdjustment(-0.614 * 4, uncertainty=0.0096, name="MP2020 anion correction (Cl)")
    return ComputedStructureEntry(LICL, energy=-7.376 * 4, energy_adjustments=[correction], entry_id="mp-22905-GGA")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[Any, ...]]]:
    def install(answer: list[Any] | Exception) -> list[tuple[Any, ...]]:
        asked: list[tuple[Any, ...]] = []

        class Rester:
            def __init__(self, key: str, **options: Any) -> None:
                asked.append((key,))

            def __enter__(self) -> Rester:
                return self

            def __exit__(self, *_: object) -> None:
                return None

            def get_entries_in_chemsys(self, elements: list[str], **criteria: Any) -> list[Any]:
                asked.append((elements, criteria))
                if isinstance(answer, Exception):
                    raise answer
                return answer

        client, core = ModuleType("mp_api.client"), ModuleType("mp_api.client.core")
        client.MPRester, core.MPRestError = Rester, RestError  # type: ignore[attr-defined]
        for name, module in {
            "mp_api": ModuleType("mp_api"),
            "mp_api.client": client,
            "mp_api.client.core": core,
        }.items():
            monkeypatch.setitem(sys.modules, name, module)
        return asked

    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    return install


def test_entries_keep_their_correction_and_its_error(fake: Callable[..., list[tuple[Any, ...]]]) -> None:
    asked = fake([lithium_chloride()])
    (entry,) = download(["Li", "Cl"], "k" * 32)
    assert (entry.entry_id, entry.formula, entry.source) == ("mp-22905-GGA", "LiCl", SOURCE)
    assert entry.energy_per_atom == pytest.approx((-7.376 - 0.614) / 2)
    assert entry.correction_error == pytest.approx(0.0096 / 8)
    assert entry.structure == LICL
    assert asked == [("k" * 32,), (["Li", "Cl"], {"additional_criteria": {"thermo_types": ["GGA_GGA+U"]}})]


def test_the_key_comes_from_the_environment(
    fake: Callable[..., list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fake([lithium_chloride()])
    with pytest.raises(InputError, match="needs a key: set MP_API_KEY or PMG_MAPI_KEY"):
        download(["Li", "Cl"])
    monkeypatch.setenv("PMG_MAPI_KEY", "second")
    download(["Li", "Cl"])
    monkeypatch.setenv("MP_API_KEY", "first")
    download(["Li", "Cl"])
    assert [key for (key, *rest) in asked if not rest] == ["second", "first"]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (
            RestError("REST query returned with error status code 403: invalid key\nmore"),
            InputError,
            "refused the request, most likely the key: .*invalid key$",
        ),
        (ValueError("Please obtain a valid API key"), InputError, "refused the request, most likely the key"),
        (
            requests.ConnectionError("Name or service not known"),
            EngineUnavailableError,
            "cannot be reached: Name or service not known",
        ),
        (requests.Timeout(), EngineUnavailableError, "cannot be reached: Timeout"),
        ([], InputError, "holds no entry of Li-Cl"),
    ],
)
def test_one_clear_message_for_each_failure(
    fake: Callable[..., Any], answer: Any, error: type[Exception], said: str
) -> None:
    fake(answer)
    with pytest.raises(error, match=said):
        download(["Li", "Cl"], "key")


@pytest.mark.parametrize(
    ("elements", "said"),
    [(["Li", "Xx"], "'Xx' is not an element"), (["Li"] * (LARGEST_SYSTEM + 1), f"allowed: {LARGEST_SYSTEM} elements")],
)
def test_a_system_that_cannot_be_asked_for(elements: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        download(elements, "key")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mp_api", "mp_api.client"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EngineUnavailableError, match="needs the package mp-api"):
        download(["Li"], "key")


def test_the_command_prints_the_message_and_fails(
    fake: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(RestError("invalid key"))
    assert main(["solidstate", "--entries", str(tmp_path), "--materials-project", "Li-Cl", "--key", "wrong"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "the Materials Project refused the request, most likely the key: invalid key"
    ]
