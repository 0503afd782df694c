"""``catholyte barrier``: hops listed, a barrier from the command line to the files, one sentence for each bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase.io import read

from catholyte.tests.support.command_line import Run, answer


def test_hops_are_listed_and_nothing_is_computed(catholyte: Run, tmp_path: Path) -> None:
    found = answer(catholyte("barrier", "LCO", "--list", "--store", tmp_path / "store", "--json"))
    assert [(hop["multiplicity"], round(hop["length"], 3)) for hop in found["hops"]] == [(6, 2.816)]
    assert (found["supercell"], found["lowest"]) == ([4, 4, 2], None)
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
def test_a_hop_is_computed_kept_and_written(catholyte: Run, tmp_path: Path) -> None:
    arguments = (
        "barrier", "Li2O", "--supercell", 2, 1, 1, "--most", 1, "--images", 1, "--max-force", 0.3, "--store", tmp_path / "s",
    )  # fmt: skip
    found = answer(catholyte(*arguments, "--out", tmp_path / "out", "--json"))
    (hop,) = found["hops"]
    assert hop["tier"] == "chgnet"
    assert 0 < hop["forward"] < 2
    assert found["lowest"]["3"] == max(hop["forward"], hop["backward"])
    frames = read(tmp_path / "out" / "Li2O-hop-1.extxyz", index=":")
    assert [frame.get_potential_energy() - frames[0].get_potential_energy() for frame in frames] == pytest.approx(  # type: ignore[union-attr]
        hop["energies"], abs=1e-6
    )
    assert {Path(file).suffix for file in found["files"]} == {".extxyz", ".svg", ".pdf", ".png"}
    notes = " ".join(found["notes"])
    assert "the vacancy sees its images" in notes
    assert "1 longer hops were not computed" in notes
    status, out, err = catholyte(*arguments)
    assert status == 0
    assert "along 3 directions" in out
    assert "running" not in err, "the same call again computes nothing"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("LCO", "--element", "Na"), "has no Na"),
        (("LCO", "--longest", "1", "--list"), "no two Li sites lie within 1 Å"),
        (("LCO", "--engine", "gpaw"), "unknown potential 'gpaw'"),
        (("LCO", "--images", "0"), "--images"),
        (("LCO", "--supercell", "0", "1", "1", "--list"), "multiples are at least 1"),
        (("LCX",), "LCX"),
    ],
)
def test_bad_input(catholyte: Run, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    listed = arguments if "--list" in arguments or "--engine" in arguments else (*arguments, "--list")
    status, out, err = catholyte("barrier", *listed, "--store", tmp_path / "store")
    assert (status, out) == (2, "")
    assert says in " ".join(err.split())
