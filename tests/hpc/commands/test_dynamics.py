"""The command ``dynamics``: its JSON, its files, and one clear message for each bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from catholyte.structures.crystals.files import write_structure
from catholyte.structures.trajectories.frames import Frames
from catholyte.structures.trajectories.h5 import TrajectoryWriter
from catholyte.tests.support.command_line import Run, answer
from catholyte.tests.support.motion.motions import frames
from catholyte.tests.support.motion.trajectory_texts import xdatcar

SPECIES = ("Co", "Co", "O", "O", "P", "P", "S", "S")
PLACES = np.array([[0, 0, 2], [6, 0, 2], [2, 0, 2], [8, 0, 2], [0, 0, 6], [6, 0, 6], [2, 0, 6], [8, 0, 6]], dtype=float)
CELL = np.diag([12.0, 10.0, 14.0])


def motion(n: int, breaks: int | None, sites: slice = slice(None), seed: int = 0) -> Frames:
    """Frames of 10 fs: at the frame `breaks` the second S goes from its P to the second O."""
    rng = np.random.default_rng(seed)
    positions = PLACES + rng.normal(0, 0.03, (n, len(PLACES), 3))
    if breaks is not None:
        positions[breaks:, 7] += [1.0, 0.9, -2.7]
    made = frames(SPECIES[sites], positions[:, sites], CELL)
    return Frames(
        made.species,
        made.cells,
        made.positions,
        10 * made.steps,
        made.times,
        rng.normal(-40, 0.01, n),
        rng.normal(300, 5, n),
    )


def write(path: Path, found: Frames, **metadata: str) -> Path:
    with TrajectoryWriter(path, found.species, 1.0, metadata) as writer:
        writer.append(found)
    return path


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    """A run in two chunks, a replica, a control, and the cell with its layers."""
    whole = motion(120, 80)
    cell = Structure(
        Lattice(CELL),
        SPECIES,
        PLACES,
        coords_are_cartesian=True,
        site_properties={"layer": ["lower"] * 4 + ["upper"] * 4},
    )
    return {
        "first": write(tmp_path / "a1.h5", whole.select(slice(0, 50)), tier="chgnet"),
        "second": write(tmp_path / "a2.h5", whole.select(slice(50, None)), tier="chgnet"),
        "replica": write(tmp_path / "b.h5", motion(120, None, seed=1)),
        "control": write(tmp_path / "bulk.h5", motion(200, None, slice(4, 8), 2)),
        "cell": write_structure(cell, tmp_path / "cell.json"),
    }


def test_document(catholyte: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    options = (
        "--cell",
        runs["cell"],
        "--replica",
        runs["replica"],
        "--control",
        runs["control"],
        "--persistence",
        100,
        "--out",
        tmp_path / "out",
        "--json",
    )
    found = answer(catholyte("dynamics", runs["first"], runs["second"], *options))
    assert {"n_frames", "events", "counts", "coordination", "diffusivity"} <= set(found)
    assert (found["n_frames"], found["n_atoms"], found["timestep"], found["tier"]) == (120, 8, 1.0, "chgnet")
    assert found["events"] == [
        {"kind": "P-S breaking", "atoms": [5, 7], "formed": None, "broken": 800.0},
        {"kind": "S-O forming", "atoms": [7, 3], "formed": 800.0, "broken": None},
    ]
    assert (found["counts"]["P-S breaking"], found["counts"]["S-O forming"], found["counts"]["S-S forming"]) == (
        1,
        1,
        0,
    )
    assert [(one["unit"], one["n_units"], one["n_lost"]) for one in found["survival"]] == [("CoO", 4, 0), ("PS", 4, 1)]
    assert {one["pair"]: one["first"] for one in found["coordination"]}["P-S"] == 1.0
    assert found["species"]["end"] == {"PS": 1, "SO": 1}
    assert [(atom["atom"], atom["element"], atom["layer"]) for atom in found["migrants"]] == [(7, "S", "upper")]
    assert len(found["interfaces"]) == 1
    assert max(zip(found["pair_functions"]["g"]["P-S"], found["pair_functions"]["r"], strict=True))[1] == pytest.approx(
        2.0, abs=0.05
    )
    assert [one["species"] for one in found["diffusivity"] if one["layer"] is None] == ["Co", "O", "P", "S"]
    area, heights = found["area"] * 14.0 / 200, found["density_profile"]["density"]
    assert sum(heights["Co"]) * area == pytest.approx(2.0)
    assert found["controls"][0]["counts"]["P-S breaking"] == 0
    assert "control" in {rule["pair"]: rule["source"] for rule in found["cutoffs"]}["P-S"]
    names = {Path(file).name for file in found["files"]}
    assert {
        "events.csv",
        "event_rates.csv",
        "bond_events.png",
        "coordination.svg",
        "survival.png",
        "drift.png",
    } <= names
    assert all(Path(file).stat().st_size > 20 for file in found["files"])


def test_without_a_time_step_nothing_is_told_per_time(catholyte: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "XDATCAR").write_text(xdatcar(motion(400, 80)))
    options = ("dynamics", tmp_path / "XDATCAR", "--cell", runs["cell"], "--json")
    unknown, known = answer(catholyte(*options)), answer(catholyte(*options, "--timestep", 10))
    assert {(one["value"], one["limit"], one["note"]) for one in unknown["diffusivity"]} == {
        (None, None, "nothing tells the time step, or the steps are none of time")
    }
    assert {rate["per_area"] for rate in unknown["rates"]} == {None}
    assert any("1 fs is assumed" in note for note in unknown["notes"])
    assert all(one["limit"] is not None or one["value"] is not None for one in known["diffusivity"])
    assert None not in {rate["per_area"] for rate in known["rates"]}


def test_tables(catholyte: Run, runs: dict[str, Path]) -> None:
    status, out, err = catholyte("dynamics", runs["first"], runs["second"], "--persistence", 100)
    assert status == 0, err
    for text in ("P-S breaking", "hypotheses", "cut-off (Å)", "species at the end: 1 PS, 1 SO", "no control run"):
        assert text in out


def test_given_cutoffs_are_used(catholyte: Run, runs: dict[str, Path]) -> None:
    found = answer(
        catholyte(
            "dynamics",
            runs["first"],
            runs["second"],
            "--persistence",
            100,
            "--cutoff",
            "P-S=5",
            "S-O=1",
            "--hysteresis",
            0,
            "--json",
        )
    )
    assert found["counts"]["P-S breaking"] == found["counts"]["S-O forming"] == 0
    assert {rule["pair"]: (rule["cutoff"], rule["form"], rule["broken"]) for rule in found["cutoffs"]}["P-S"] == (
        5,
        5,
        5,
    )


def test_layers_by_height(catholyte: Run, runs: dict[str, Path]) -> None:
    """The same interface as by the tags, and an error where a border lies outside of the cell or layers are said
    twice."""
    found = answer(catholyte("dynamics", runs["first"], "--border", 4, "--json"))
    assert [(one["lower"], one["upper"]) for one in found["interfaces"]] == [("0.0-4.0 Å", "4.0-14.0 Å")]
    assert {one["layer"] for one in found["msd"]} == {None, "0.0-4.0 Å", "4.0-14.0 Å"}
    for options, message in (
        (("--border", 40), "borders of layers rise between 0 and"),
        (("--border", 4, "--cell", runs["cell"]), "exclude each other"),
    ):
        status, _, err = catholyte("dynamics", runs["first"], *options)
        assert status == 2
        assert message in err


def test_the_prediction_of_a_pair(catholyte: Run, runs: dict[str, Path]) -> None:
    status, _, err = catholyte("dynamics", runs["first"], "--pair", "LCO", "LPSCl")
    assert status == 2
    assert "are no mixture of LCO and LPSCl" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cutoff", "P-S"), "a pair of elements and a length in Å > 0 are needed"),
        (("--cutoff", "Co-Ni=2.5"), "the trajectory holds no Ni"),
        (("--persistence", -1), "the persistence of a bond event must be 0 fs or more, and -1 fs"),
        (("--hysteresis", 1.5), "the hysteresis is a fraction from 0 to below 1"),
        (("--pair", "LCO", "LPSC"), "did you mean"),
        (("--control", "none.h5"), "none.h5: there is no such file"),
        (("--cell", "none.json"), "none.json: there is no such file"),
        (("--timestep", 0), "a time step of 0.0 fs is not possible"),
        (("--skip", -1), "-1.0 fs of equilibration are not possible"),
        (("--elements", "Xx"), "'Xx' is no element"),
        (("--phases", "none"), "none"),
    ],
)
def test_bad_input(catholyte: Run, runs: dict[str, Path], options: tuple[object, ...], message: str) -> None:
    status, out, err = catholyte("dynamics", runs["first"], *options)
    assert (status, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_cell_of_other_atoms(catholyte: Run, runs: dict[str, Path], tmp_path: Path) -> None:
    bare = Structure(Lattice(CELL), SPECIES, PLACES, coords_are_cartesian=True)
    untagged = write_structure(bare, tmp_path / "bare.json")
    other = write_structure(
        Structure(
            Lattice(CELL), SPECIES[::-1], PLACES, coords_are_cartesian=True, site_properties={"layer": ["x"] * 8}
        ),
        tmp_path / "o.json",
    )
    for path, message in ((untagged, "have no property 'layer'"), (other, "different from atom 0")):
        status, _, err = catholyte("dynamics", runs["first"], "--cell", path)
        assert status == 2
        assert message in err
    status, _, err = catholyte("dynamics", runs["first"], "--replica", runs["control"])
    assert status == 2
    assert "its 4 atoms are not those of" in err
