"""Oxygen vacancies of a slab from recipe to depth, by an engine whose energies are sums over atoms."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.analysis.oxygen.surface import depth_profile
from catholyte.analysis.report.chapters.oxygen import oxygen_results
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.configs.load import load_recipe
from catholyte.configs.steps.oxygen_loss import OxygenConditions
from catholyte.tests.support.engines.toy_engine import recorded_documents, use_toy_engine
from catholyte.workflows.plan.build import build_plan

RECIPE = """\
name: slab
title: oxygen at a surface
source: a test
hubbard_u: {Co: 3.9 eV}
oxygen_loss:
  engine: toy
  systems:
    - material: LCO
      slab: {miller: [1, 0, 4], thickness: 7 Å, vacuum: 10 Å}
      ladder: {lithium_vacancies: [0], candidates: 1, samples: 1, sites: inequivalent, max_sites: 6, relax_cell: false}
"""


@pytest.mark.filterwarnings("ignore:cd is deprecated:FutureWarning", "ignore:Some jobs are not connected:UserWarning")
def test_every_site_has_its_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_toy_engine(monkeypatch)
    (tmp_path / "slab.yaml").write_text(RECIPE)
    plan = build_plan(*load_recipe(str(tmp_path / "slab.yaml")), only="oxygen_loss")
    documents = recorded_documents(plan.flow)
    found = oxygen_results("LCO(104)", documents, OxygenConditions(), load_phase_set("solidstate"))
    assert found.sampled is not None, found.problems
    profile = depth_profile("LCO(104)", found.sampled)
    depths = sorted({round(one.depth, 1) for one in profile.vacancies})
    assert depths[0] < 0.5
    assert len(depths) >= 2, "several planes of oxygen"
    assert depths[-1] <= profile.half + 0.1
    assert profile.preference(0) in (None, pytest.approx(0.0, abs=1e-6)), "atoms that do not interact leave alike"
