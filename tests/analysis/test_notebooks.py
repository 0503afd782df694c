"""Every notebook runs from top to bottom on a small shipped store, and a copy of one on another pair of materials."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from catholyte import Campaign
from catholyte.analysis.words import number
from catholyte.configs.load import recipe_names
from catholyte.tests.support.campaigns.small_campaigns import SHORTENED, unpack_small
from catholyte.tests.support.former.former_stores import unpack
from catholyte.tests.support.vasp.finished import answers, plan_of, written_to

FOLDER = Path(__file__).parents[2] / "analysis" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: those that make a store of their own
MAKING = ("finished-vasp-runs", "from-cif-to-verdict")
READING = [path for path in NOTEBOOKS if path.stem not in MAKING]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack("shipped", tmp_path_factory.mktemp("campaigns"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shortened recipes, really run."""
    return unpack_small(tmp_path_factory.mktemp("small"))


def run(notebook: Any, folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Execute a notebook in `folder` and return it with its outputs."""
    monkeypatch.setenv("CATHOLYTE_STORE", str(store))
    monkeypatch.setenv("PYTHONWARNINGS", "error::DeprecationWarning:__main__")
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    client = NotebookClient(notebook, timeout=280, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return client.execute()


def keep(done: Any, name: str) -> None:
    """Write an executed notebook where somebody wants to look at its figures."""
    kept = os.environ.get("CATHOLYTE_KEEP_NOTEBOOKS")
    if kept:
        nbformat.write(done, Path(kept) / name)


def printed(notebook: Any) -> str:
    """What its cells wrote."""
    return "".join(
        output.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    )


def outputs(notebook: Any, kind: str) -> list[Any]:
    """Outputs of a mime type, in the order of the notebook."""
    found = (output.get("data", {}) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return [data[kind] for data in found if kind in data]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem == "nmc532-lgps" else pytest.mark.slow)
        for path in READING
    ],
)
def test_a_notebook_runs(path: Path, store: Path, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shortened = path.stem in SHORTENED
    done = run(nbformat.read(path, as_version=4), tmp_path, small if shortened else store, monkeypatch)
    assert len(outputs(done, "image/png")) >= 2
    assert list(tmp_path.glob("*.pdf"))
    if shortened:
        assert SHORTENED[path.stem][0] in printed(done)
        assert "chgnet" in "".join("".join(html) for html in outputs(done, "text/html"))
    keep(done, path.name)


@pytest.mark.slow
def test_a_cif_of_ones_own_gets_a_verdict(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "from-cif-to-verdict.ipynb"
    done = run(nbformat.read(FOLDER / name, as_version=4), tmp_path, store, monkeypatch)
    keep(done, name)
    told = printed(done)
    assert "failed: []" in told
    assert re.search(r"\| LPSCl: (reacts|does not react|undecided)\n", told)
    assert "partial occupancies" in told
    assert (tmp_path / "verdict.pdf").stat().st_size > 5000
    with Campaign(tmp_path / "my-store", "my-crystal") as campaign:
        (formula, _), *_ = campaign.recipe.reactions.pairs  # type: ignore[union-attr]
        mutual = campaign.reaction(formula, "LPSCl").mutual.energy
    assert number(mutual, 3) in told


def test_another_pair_needs_two_names(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(FOLDER / "your-own-system.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.source == 'CATHODE = "LCO"\nELECTROLYTE = "LPSCl"'
    first.source = 'CATHODE = "NCM811"\nELECTROLYTE = "Li3InCl6"'
    done = run(notebook, tmp_path, store, monkeypatch)
    assert (tmp_path / "reaction-NCM811-Li3InCl6.pdf").stat().st_size > 5000
    assert "eV/atom" in printed(done)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_finished_runs_are_taken_and_shown(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = answers(plan_of(tmp_path))  # runs with the names, settings and cells of a recipe's jobs
    for name, one in made.items():
        written_to(one, tmp_path / "runs" / name.replace(" ", "-"))
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "vasprun.xml").write_text("<modeling>", encoding="utf-8")
    monkeypatch.setenv("CATHOLYTE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("CATHOLYTE_RECIPE", str(tmp_path / "folders.yaml"))
    name = "finished-vasp-runs.ipynb"
    done = run(nbformat.read(FOLDER / name, as_version=4), tmp_path, store, monkeypatch)
    keep(done, name)
    assert "5 imported, 1 refused" in printed(done)
    assert "broken" in printed(done)
    assert (tmp_path / "imported-relaxations.pdf").is_file()
    assert (tmp_path / "imported-report" / "report.html").is_file()


def test_there_is_a_notebook_for_each_recipe_and_one_for_your_own_system() -> None:
    assert {path.stem for path in NOTEBOOKS} == {*recipe_names(), "your-own-system", *MAKING} - {"lattices"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert all(
        cell.get("execution_count") is None and not cell.get("outputs")
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
