"""Damaged files of VASP: one clear sentence that names the file, whatever was done to it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from catholyte.analysis.states.band_report import band_report
from catholyte.analysis.states.read import read_bands
from catholyte.configs.errors import CatholyteError, InputError
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.vasp.written_run import LM, Dos, WrittenRun, rock_salt, vasprun_text
from catholyte.workflows.engines.vasp.document import document_from_files

GRID = np.linspace(-20.0, 10.0, 31)
SPEC = BandCenterSpec(window="occupied", reference="vbm")


def _run() -> WrittenRun:
    rng = np.random.default_rng(11)
    levels = np.tile([-18.0, -6.0, -3.0, -1.0, 4.0, 6.0], (1, 2, 1)) + rng.uniform(0, 0.4, (1, 2, 1))
    return WrittenRun(
        rock_salt(),
        incar={"NEDOS": 31, "LORBIT": 11, "SYSTEM": "nickel oxide"},
        kpoints=np.array([[0.0, 0, 0], [0.5, 0, 0]]),
        eigenvalues=levels,
        occupations=np.broadcast_to([1.0, 1, 1, 1, 0, 0], levels.shape).copy(),
        efermi=1.0,
        dos=Dos(GRID, rng.uniform(size=(1, 31)), rng.uniform(size=(2, 1, len(LM), 31))),
    )


@pytest.fixture(scope="module")
def text() -> str:
    """A whole vasprun.xml."""
    return vasprun_text(_run())


def _without(pattern: str, text: str, count: int = 1) -> str:
    changed, n = re.subn(pattern, "", text, count=count, flags=re.DOTALL)
    assert n
    return changed


def _line(text: str, energy: str, which: int) -> str:
    """Without the line of an energy in the DOS: 0 of the total, 1 and 2 of the atoms."""
    rows = [match.span() for match in re.finditer(rf"\n      <r> +{re.escape(energy)} [^\n]*", text)]
    start, end = rows[which]
    return text[:start] + text[end:]


def _stars(text: str, energy: str, which: int) -> str:
    rows = list(re.finditer(rf"(\n      <r> +{re.escape(energy)} +)([\d.]+)", text))
    return text[: rows[which].start(2)] + "**********" + text[rows[which].end(2) :]


DAMAGE = {
    "no partial": (lambda t: _without(r"   <partial>.*</partial>\n", t), "has no projected DOS: run VASP with LORBIT = 11"),
    "no dos": (lambda t: _without(r"  <dos>.*</dos>\n", t), "has no projected DOS: run VASP with LORBIT = 11"),
    "no total": (lambda t: _without(r"   <total>.*</total>\n", t), "its density of states is damaged"),
    "no eigenvalues": (lambda t: _without(r"  <eigenvalues>.*</eigenvalues>\n", t), "has no eigenvalues"),
    "a line of the total": (lambda t: _line(t, "-5.00000000", 0), "has 30 of its 31 energies"),
    "a line of an atom": (lambda t: _line(t, "-5.00000000", 1), "DOS of atom 1 has 30 energies, the total 31"),
    "stars in an atom": (lambda t: _stars(t, "-5.00000000", 2), "DOS of atom 2 is no number somewhere"),
    "stars in the total": (lambda t: _stars(t, "-5.00000000", 0), "total DOS or its energies are no numbers"),
    "a line of every table": (
        lambda t: re.sub(r"\n      <r> +-5\.00000000 [^\n]*", "", t).replace('"NEDOS">    31', '"NEDOS">    30'),
        "not evenly spaced: a line is missing",
    ),
    "an atom": (lambda t: _without(r'     <set comment="ion 2">.*?\n     </set>\n(?=    </set>)', t), "on 1 of 2 atoms"),
    "NaN at a position": (lambda t: t.replace("0.50000000       0.50000000", "NaN 0.5", 2), "is corrupt"),
    "stars in an energy": (
        lambda t: re.sub(r'(<i name="e_0_energy">)[^<]*(</i>\n  </energy>)', r"\1*********\2", t),
        "an energy of ionic step 1 is no number",
    ),
    "an unknown encoding": (lambda t: t.replace("ISO-8859-1", "KOI-99"), "declares an encoding that is not known"),
    "an open element": (lambda t: t.replace("</kpoints>", ""), "the XML is not well formed"),
    "the end": (lambda t: t[: len(t) // 2], "is truncated"),
    "no parameters": (lambda t: _without(r" <parameters>.*</parameters>\n", t), "is corrupt"),
    "no atoms": (lambda t: _without(r" <atominfo>.*</atominfo>\n", t), "is corrupt"),
    "no step": (lambda t: _without(r" <calculation>.*</calculation>\n", t), "holds no ionic step"),
    "another file": (lambda t: "<html></html>", "is not a vasprun.xml"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_it_is_named_in_one_sentence(tmp_path: Path, text: str, damage: str) -> None:
    broken, told = DAMAGE[damage]
    file = tmp_path / "vasprun.xml"
    file.write_text(broken(text), encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_bands(file)
    assert str(file) in caught.value.message
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_the_encoding_that_the_file_declares_is_used(tmp_path: Path, text: str) -> None:
    file = tmp_path / "vasprun.xml"
    file.write_bytes(text.replace("nickel oxide", "Nickeloxid für Tübingen").encode("latin-1"))
    assert read_bands(file).edges.gap > 3
    file.write_bytes(text.replace("nickel oxide", "für").replace("ISO-8859-1", "UTF-8").encode("latin-1"))
    with pytest.raises(InputError, match="is corrupt: 'utf-8' codec"):
        read_bands(file)


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_never_ends_in_a_defect(tmp_path: Path, text: str, seed: int) -> None:
    """Lines lost, doubled and swapped, numbers spoilt, pieces cut out: an answer of numbers, or an error of ours."""
    rng = np.random.default_rng(seed)
    lines = text.split("\n")
    for _ in range(int(rng.integers(1, 4))):
        i, j = (int(k) for k in rng.integers(2, len(lines) - 2, 2))
        kind = rng.integers(6)
        if kind == 0:
            del lines[i]
        elif kind == 1:
            lines.insert(j, lines[i])
        elif kind == 2:
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == 3:
            numbers = list(re.finditer(r"-?\d+\.\d+", lines[i]))
            if numbers:
                spoilt = numbers[int(rng.integers(len(numbers)))]
                new = str(rng.choice(["*******", "NaN", "inf", "1.0-2.0", "1e309", ""]))
                lines[i] = lines[i][: spoilt.start()] + new + lines[i][spoilt.end() :]
        elif kind == 4:
            lines[i] = lines[i][: len(lines[i]) // 2]
        else:
            del lines[i : i + int(rng.integers(1, 40))]
    file = tmp_path / "vasprun.xml"
    file.write_text("\n".join(lines), encoding="latin-1")
    messages = []
    for read in (lambda: band_report(read_bands(file), SPEC).to_json(), lambda: document_from_files(file, "NiO")):
        try:
            read()
        except CatholyteError as error:
            messages.append(error.message)
    assert not any("\n" in message for message in messages)
