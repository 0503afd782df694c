"""A run with replicas and controls as one document, from the store to the chapter of the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catholyte.analysis.motion.stored import StoredTrajectory
from catholyte.analysis.motion.study import Run, StudySpec, study_motion
from catholyte.analysis.report.case import read_case
from catholyte.analysis.report.chapters.motion import MOTION, motion_pictures, motion_tables
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, load_phase_set
from catholyte.configs.errors import InputError
from catholyte.tests.support.campaigns.campaign_documents import MadeRecords, made_document, planned
from catholyte.tests.support.campaigns.report_page import recipe
from catholyte.tests.support.motion.moving_chunks import cell, chunk


def test_chunks_are_one_trajectory() -> None:
    run = StoredTrajectory([chunk("x", 0, 50, None), chunk("x", 50, 50, None)])
    times = np.concatenate([block.times for block in run.blocks()])
    assert times.tolist() == (10.0 * np.arange(100)).tolist()
    assert run.species[:3] == ("Co", "Co", "O")
    assert run.layers is not None
    assert run.layers.names == ["LCO", "LPSCl"]


def test_study_with_replica_and_control() -> None:
    """One of two P-S bonds breaks at 0.8 ps; the replica and the bulk keep theirs."""
    run = Run("run", StoredTrajectory([chunk("x", 0, 60, 80), chunk("x", 60, 60, 80)]))
    replica = Run("replica", StoredTrajectory([chunk("x", 200, 120, None)]))
    control = Run("bulk", StoredTrajectory([chunk("bulk", 300, 240, None, slice(4, 8))]))
    layers = StoredTrajectory([chunk("x", 0, 1, None)]).layers
    assert layers is not None
    spec = StudySpec(
        persistence=100.0, layers=replace(layers, tags=tuple(tag.lower() for tag in layers.tags)), tier="chgnet"
    )
    study = study_motion(run, [replica], [control], spec, load_phase_set(DEFAULT_PHASE_SET))
    told = study.to_json()
    json.dumps(told, allow_nan=False)
    assert [(event["kind"], event["atoms"], event["formed"], event["broken"]) for event in told["events"]] == [
        ("P-S breaking", [5, 7], None, 800.0)
    ]
    rate = next(rate for rate in told["rates"] if rate["kind"] == "P-S breaking")
    assert (rate["count"], rate["control"], rate["expected"], rate["excess"]) == (1, 0, 0.0, 1.0)
    # gaps of 4 Å and 10 Å: one interface of 1 nm²
    assert told["interfaces"] == [{"lower": "lco", "upper": "lpscl", "gap": pytest.approx(4.0, abs=0.2)}]
    assert rate["per_area"] == pytest.approx(1 / 0.99, rel=1e-3)
    whole = {curve["unit"]: (curve["n_units"], curve["n_lost"]) for curve in told["survival"]}
    assert whole == {"CoO": (4, 0), "PS": (4, 1)}
    assert told["species"] == {"start": {"PS": 2}, "end": {"PS": 1}}
    assert told["score"] is None
    assert told["label"].startswith("chgnet: machine-learned energies")
    assert {cut["pair"]: cut["source"] for cut in told["cutoffs"]}["P-S"] == "valley of r²g(r) of the control bulk"
    assert told["controls"][0]["counts"]["P-S breaking"] == 0
    assert [table.name for table in motion_tables(study)] == [
        "event_rates",
        "events",
        "bond_cutoffs",
        "coordination",
        "survival",
        "species",
        "drift",
        "diffusivity",
    ]
    assert [picture.name for picture in motion_pictures(study)] == [
        "bond_events",
        "coordination",
        "survival",
        "drift",
        "pair_functions",
        "msd",
        "density_profile",
    ]


def test_other_atoms_are_no_replica() -> None:
    run, other = (
        Run(name, StoredTrajectory([chunk("x", 0, 5, None, sites)]))
        for name, sites in (("run", slice(None)), ("other", slice(4, 8)))
    )
    with pytest.raises(InputError, match="other: its 4 atoms are not those of run"):
        study_motion(run, [other], [], StudySpec(), load_phase_set(DEFAULT_PHASE_SET))


def test_notes_say_what_is_missing() -> None:
    run = Run("run", StoredTrajectory([chunk("x", 0, 5, None)], ["a frame was torn"]))
    notes = study_motion(run, [], [], StudySpec(persistence=15.0, pair=None), load_phase_set(DEFAULT_PHASE_SET)).notes
    assert notes[0] == "a frame was torn"
    assert notes[1].startswith("frames are 10 fs apart: hardly two of them see a change that must last 15 fs")
    assert notes[2].startswith("no control run")


def test_chapter_of_a_campaign(tmp_path: Path) -> None:
    """Chunks in any order, a chunk that is missing, a control by its label."""
    records = MadeRecords(
        recipe(tmp_path / "none.json"),
        [
            (planned("a2", "interface", "LCO|LPSCl", variant="replica 1, chunk 2"), chunk("LCO|LPSCl", 60, 60, 80)),
            (planned("a1", "interface", "LCO|LPSCl", variant="replica 1, chunk 1"), chunk("LCO|LPSCl", 0, 60, 80)),
            (planned("b1", "interface", "LCO|LPSCl", variant="replica 2, chunk 1"), chunk("LCO|LPSCl", 200, 60, None)),
            (planned("b3", "interface", "LCO|LPSCl", variant="replica 2, chunk 3"), chunk("LCO|LPSCl", 300, 60, None)),
            (
                planned("c1", "interface", "LPSCl control", variant="chunk 1"),
                chunk("LPSCl control", 400, 100, None, slice(4, 8)),
            ),
        ],
    )
    section = MOTION.section(read_case(records))
    texts = [block.text for block in section.blocks if block.kind in ("note", "problem", "heading")]
    assert "LCO|LPSCl" in texts
    assert any("chunk 2 is missing: later ones are left out" in text for text in texts)
    assert not [text for text in texts if "cannot be analysed" in text]
    assert any("no comparison with predicted products: the atoms Co2 P2 S2 O2 are no mixture" in text for text in texts)
    rates = next(table for table in section.tables if table.name == "LCO_LPSCl_event_rates")
    row = next(row for row in rates.rows if row["kind"] == "P-S breaking")
    assert (row["count"], row["control"]) == (1, 0)
    assert [key.quantity for key in section.key_numbers] == ["LCO|LPSCl: P-S breaking in 1.19 ps"]
    assert len({picture.name for picture in section.pictures}) == len(section.pictures) == 7


def test_chunks_that_do_not_belong_together_are_not_joined(tmp_path: Path) -> None:
    """A chunk that begins elsewhere than the one before ended is said: of a run, its replica and its control."""
    shifted = cell()
    shifted.translate_sites([0], [0.1, 0, 0])
    torn = chunk("LCO|LPSCl", 60, 60, None).model_copy(update={"initial_structure": shifted})
    bulk = slice(4, 8)
    slower = {"timestep": 1.0, "frame_interval": 5}
    stored = [
        ("CoO|LPSCl", "replica 1, chunk 1", chunk("CoO|LPSCl", 0, 60, 30)),
        ("CoO|LPSCl", "replica 2, chunk 1", chunk("CoO|LPSCl", 0, 60, None)),
        ("CoO|LPSCl", "replica 2, chunk 2", torn.model_copy(update={"label": "CoO|LPSCl"})),
        ("LCO|LPSCl", "chunk 1", chunk("LCO|LPSCl", 0, 60, None)),
        ("LCO|LPSCl", "chunk 2", torn),
        ("LPSCl control", "chunk 1", chunk("LPSCl control", 0, 60, None, bulk)),
        ("LPSCl control", "chunk 2", chunk("LPSCl control", 60, 60, None, bulk)),
    ]
    stored[5][2].settings.update({**slower, "timestep": 2.0})
    stored[6][2].settings.update(slower)
    jobs = [(planned(f"{k}", "interface", name, variant=variant), one) for k, (name, variant, one) in enumerate(stored)]
    section = MOTION.section(read_case(MadeRecords(recipe(tmp_path / "none.json"), jobs)))
    problems = [block.text for block in section.blocks if block.kind == "problem"]
    elsewhere = "did not begin where the one before ended: the largest displacement is 1.0e+00 Å"
    assert problems == [f"LCO|LPSCl: its trajectory cannot be analysed: chunk 2 of LCO|LPSCl {elsewhere}"]
    notes = [block.text for block in section.blocks if block.kind == "note"]
    assert f"CoO|LPSCl: CoO|LPSCl replica 2: left out: chunk 2 of CoO|LPSCl {elsewhere}" in notes
    told = "ran by other rules than the one before: timestep 2.0 → 1.0 fs"
    assert f"CoO|LPSCl: LPSCl control replica 1: left out: chunk 2 of LPSCl control {told}" in notes


def test_a_campaign_without_dynamics(tmp_path: Path) -> None:
    section = MOTION.section(
        read_case(MadeRecords(recipe(tmp_path / "none.json"), [(planned("a", "bulk", "LCO"), made_document("LCO"))]))
    )
    assert [block.text for block in section.blocks] == ["The recipe has no finished molecular dynamics."]
