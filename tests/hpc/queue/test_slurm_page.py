"""Sections 2 to 8 of docs/cluster.md on a real Slurm under FireWorks, block by block as they stand there: the database
of a workstation, a cluster file of one's own, and rehearsals in place of VASP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from catholyte.tests.support.campaigns.queue_campaign import needs_slurm
from catholyte.tests.support.docs.doc_blocks import ROOT, lines_of

RECIPE = """\
name: gsirr
title: one relaxation and a density of states
source: a test
hubbard_u: {Co: 3.9 eV}
bulk: {engine: chgnet, materials: [LCO]}
vasp: {relax: [LCO], electronic: [LCO], cutoff: 500 eV, mesh: [6, 6, 6]}
"""
CLUSTER = """\
name: mine
scheduler: slurm
partition: debug
python: PYTHON
setup: ["export OMP_NUM_THREADS=1"]
work_dir: HERE/work
store: ${CATHOLYTE_STORE}
warning_seconds: 20
resources:
  - resources: {wall_time: 600}
"""
#: what a machine without VASP has in place of it: a pattern, and what stands there
STAND_INS = (
    (r"^(?:nohup |(?:\S+ ){5}(?=catholyte))", ""),  # what is started by hand here, and waited for
    (r"\s*> tend\.log 2>&1 &$", ""),
    (r"--engine vasp", "--engine rehearsal"),
    (r" --potcars /path/to/potcars", ""),
    (r"LCO vasp relax", "LCO rehearsal relax"),
    (r"(?<!cancel )gsirr\b", "gsirr.yaml"),
    (r"^(catholyte (?:doctor|tend|status|why|retry|cancel)\b(?!.*--rehearsal).*)", r"\1 --rehearsal"),
    (r"^(catholyte tend\b.*)", r"\1 --pause 2"),
    (r"~/catholyte/clusters", "clusters"),
)


def lines(*titles: str) -> list[str]:
    """Commands of the sections of those titles, as this machine can run them."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    found = []
    for title in titles:
        assert page.count(f"# {title}\n") == 1, title
        section = re.split(r"^#+ ", page.split(f"# {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
        for line in re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            found += lines_of(line)
    assert found, titles
    for pattern, stands in STAND_INS:
        found = [re.sub(pattern, stands, line) for line in found]
    return found


def run(folder: Path, *commands: str, status: int = 0) -> str:
    """Run commands one after the other in one shell, each shown before its output."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("CATHOLYTE_", "JFREMOTE_"))}
    setting = (
        'if [ -f catholyte-database/uri ]; then export CATHOLYTE_STORE="$(cat catholyte-database/uri)"; fi\n'
        f"export CATHOLYTE_CLUSTERS={folder}/clusters\n"
    )
    done = subprocess.run(
        ["bash", "-c", f"{setting}set -euxo pipefail\n" + "\n".join(commands)],
        cwd=folder,
        env={**known, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    print(done.stdout)
    assert done.returncode == status, done.stdout[-3000:]
    return done.stdout


@needs_slurm
@pytest.mark.slow
def test_the_blocks_of_the_page_are_run_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "clusters").mkdir()
    (tmp_path / "gsirr.yaml").write_text(RECIPE)
    text = CLUSTER.replace("HERE", str(tmp_path)).replace("PYTHON", sys.executable)
    (tmp_path / "clusters" / "mine.yaml").write_text(text)
    start, export, state, stop = lines("No MongoDB? One for a workstation")
    try:
        run(tmp_path, start, export, state)
        before = run(tmp_path, *lines("3. Cluster file", "4. Look before you submit"))
        assert before.count("nothing to name") == 2
        submit, tend = lines("5. Rehearse: the whole path without VASP")
        entered = run(tmp_path, submit)
        assert "2 jobs submitted as flow 1, 0 adopted" in entered
        again, retry, paused, failed, cancel, cancel_all = (
            *lines("6. Submit"),
            *lines("Try again, stop"),
        )
        assert "0 jobs submitted" in run(tmp_path, again)
        # a job that a person cancels waits for them, and the job that needs it with it; `retry` puts it back
        run(tmp_path, cancel)
        assert "LCO rehearsal relax waits for a person" in run(tmp_path, tend, status=1)
        assert "LCO rehearsal relax" in run(tmp_path, paused)
        run(tmp_path, cancel)
        assert "LCO rehearsal relax" in run(tmp_path, retry)
        assert "no job is put back" in run(tmp_path, failed)
        by_hand, by_cron = lines("7. Look after the queue")
        run(tmp_path, by_hand)
        assert "nothing is left in line" in run(tmp_path, by_cron)
        assert "no job is cancelled" in run(tmp_path, cancel_all)
        _, status, why, report = lines("8. What became of it")
        told = run(tmp_path, status, why)
        assert len(re.findall(r"│ LCO rehearsal (?:relax|dos) +│ done ", told)) == 2
        assert "nothing is wrong: it finished" in told
        assert "the store holds no campaign" in run(tmp_path, report, status=2)  # of rehearsals there is none
    finally:
        run(tmp_path, stop)
