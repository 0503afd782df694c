"""``elastic``, ``conductivity`` and ``void``: answers by JSON, and one sentence for each bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.tests.support.command_line import Run, answer


@pytest.mark.slow
def test_the_elastic_tensor_is_computed_once(catholyte: Run, tmp_path: Path) -> None:
    arguments = ("elastic", "Li2O", "--strain", 0.01, 0.01, "--store", tmp_path / "s")
    found = answer(catholyte(*arguments, "--json"))
    assert found["tier"] == "chgnet"
    assert found["bulk"]["reuss"] == pytest.approx(found["bulk"]["voigt"], rel=1e-3), "cubic"
    assert found["tensor"][0][0] == pytest.approx(found["tensor"][1][1], rel=1e-3)
    assert found["pugh"] == pytest.approx(found["bulk"]["hill"] / found["shear"]["hill"])
    assert found["n_strains"] == 3
    assert found["cleavage"] is None
    status, out, err = catholyte(*arguments)
    assert status == 0
    assert "bulk modulus" in out
    assert "running" not in err
    cleaved = answer(catholyte(*arguments, "--facet", "111", "--json"))["cleavage"]
    assert cleaved["facet"] == [1, 1, 1]
    assert 0.3 < cleaved["relaxed"] < cleaved["unrelaxed"] < 3.0


@pytest.mark.slow
def test_a_short_run_gives_no_conductivity_and_says_why(catholyte: Run, tmp_path: Path) -> None:
    arguments = (
        "conductivity",
        "Li2O",
        "--supercell",
        1,
        1,
        1,
        "--length",
        0.1,
        "--replicas",
        1,
        "--temperatures",
        "300,500",
    )
    found = answer(catholyte(*arguments, "--store", tmp_path / "s", "--out", tmp_path / "out", "--json"))
    assert found["room_conductivity"] is None
    assert "temperatures count" in found["problem"]
    assert [one["temperature"] for one in found["points"]] == [300, 500]
    assert {Path(file).suffix for file in found["files"]} == {".svg", ".pdf", ".png"}
    status, out, _ = catholyte(*arguments, "--store", tmp_path / "s")
    assert status == 0
    assert "no line" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("elastic", "LCX"), "LCX"),
        (("elastic", "Li2O", "--engine", "gpaw"), "unknown potential 'gpaw'"),
        (("elastic", "Li2O", "--strain", "0", "0.01"), "amplitudes above 0"),
        (("elastic", "Li2O", "--facet", "000"), "plane"),
        (("conductivity", "Li2O", "--temperatures", "300"), "two temperatures or more"),
        (("conductivity", "Li2O", "--temperatures", "warm,hot"), "two temperatures or more"),
        (("conductivity", "Li2O", "--timestep", "9"), "too long for Li"),
        (("conductivity", "Li2O", "--replicas", "0"), "--replicas"),
    ],
)
def test_bad_input(catholyte: Run, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    status, out, err = catholyte(*arguments, "--store", tmp_path / "store")
    assert (status, out) == (2, "")
    assert says in " ".join(err.split())


def test_a_store_without_a_campaign_has_no_void(catholyte: Run, tmp_path: Path) -> None:
    status, _, err = catholyte("void", "--store", tmp_path / "nothing")
    assert status != 0
    assert err
