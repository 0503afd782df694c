"""The Python interface: the same numbers as the commands, as frames."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from catholyte import Campaign
from catholyte.configs.errors import CalculationError, InputError, StoreError, UnknownNameError
from catholyte.tests.support.campaigns.stored_campaigns import stored_campaign
from catholyte.tests.support.command_line import Run, answer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("campaign") / "store"
    stored_campaign(folder)
    return folder


@pytest.fixture
def campaign(place: Path) -> Iterator[Campaign]:
    with Campaign(place) as opened:
        yield opened


def test_jobs_are_those_of_status(campaign: Campaign, place: Path, catholyte: Run) -> None:
    told = answer(catholyte("status", "--store", place, "--json"))["jobs"]
    assert campaign.jobs["name"].tolist() == [job["name"] for job in told]
    assert campaign.jobs["state"].tolist() == [job["state"] for job in told]
    assert "2 done" in repr(campaign)


def test_documents_are_queried_by_their_columns(campaign: Campaign) -> None:
    frame = campaign.documents()
    assert len(frame) == 2
    electronic = campaign.documents("electronic", material="LCO", tier="gpaw")
    assert electronic["gap"].tolist() == [2.5]
    assert electronic["energy_per_atom"].tolist() == [-5.0]
    assert campaign.documents(tier="vasp").empty
    with pytest.raises(InputError, match="did you mean material"):
        campaign.documents(materiel="LCO")


def test_a_job_is_found_by_name_and_by_key(campaign: Campaign) -> None:
    by_name = campaign.document("LCO electronic main")
    assert by_name.dos is not None
    assert campaign.document("bbbb-2", arrays=False).dos is None
    assert campaign.structure("aaaa").composition.reduced_formula == "LiCoO2"
    assert campaign.why("CoO bulk main")["cause"] == "the moment of Co 3 is 0.1 µB"
    with pytest.raises(UnknownNameError, match="LCO bulk main"):
        campaign.document("LCO bulk mian")
    with pytest.raises(CalculationError, match="no result"):
        campaign.document("CoO bulk main")


def test_centres_are_those_of_the_command(campaign: Campaign, place: Path, catholyte: Run) -> None:
    told = answer(catholyte("bands", "LCO electronic main", "--store", place, "--json"))["centers"]
    frame = campaign.bands("LCO electronic main")
    assert frame["center"].tolist() == pytest.approx([row["center"] for row in told])


@pytest.mark.slow
def test_tables_and_figures_are_those_of_the_report(campaign: Campaign, tmp_path: Path) -> None:
    mutual = campaign.reaction("LCO", "LPSCl").mutual.energy
    frame = campaign.tables["reactions"]
    row = frame[frame["pair"] == "LCO | LPSCl"].iloc[0]
    assert row["mutual ± 1σ (eV/atom)"] == pytest.approx(mutual)
    assert campaign.window("LPSCl").reduction.voltage == pytest.approx(1.724, abs=0.001)
    campaign.figures["dos"].savefig(tmp_path / "dos.pdf")
    assert (tmp_path / "dos.pdf").stat().st_size > 5000
    assert campaign.report(tmp_path / "report").name == "report.html"
    assert {"quantity", "value", "unit", "tier"} <= set(campaign.key_numbers.columns)
    with pytest.raises(UnknownNameError, match="did you mean"):
        campaign.tables["reaction"]


def test_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store here"):
        Campaign(tmp_path / "nothing")


def test_the_package_imports_without_it() -> None:
    code = (
        "import sys, catholyte; assert 'catholyte.hpc.notebook' not in sys.modules; catholyte.Campaign; assert "
        "'catholyte.hpc.notebook' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=False).returncode == 0
