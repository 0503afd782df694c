"""Elastic bands as VASP runs them: golden inputs, and the band that comes back through VASP's files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp.inputs import Incar, Poscar
from ruamel.yaml import YAML

from catholyte.configs.errors import CalculationError, SignatureMismatchError
from catholyte.configs.load import material
from catholyte.configs.models import Method
from catholyte.hpc.commands.campaigns.check_inputs import check_inputs
from catholyte.hpc.commands.campaigns.inputs import inputs
from catholyte.hpc.rehearsal.potential import RehearsalPotential
from catholyte.hpc.rehearsal.program import rehearse
from catholyte.structures.crystals.cells import calculation_cell
from catholyte.structures.defects.hops import hops, in_supercell
from catholyte.workflows.band_documents import HopPlace
from catholyte.workflows.engines.bands import EndPoint
from catholyte.workflows.engines.rehearsal import RehearsalBackend
from catholyte.workflows.engines.tasks import ElasticBand, Static
from catholyte.workflows.engines.vasp.band import BandRun, image_folder
from catholyte.workflows.engines.vasp.document import document_from_files
from catholyte.workflows.engines.vasp.inputs import write_inputs
from catholyte.workflows.flows.barrier import matched, without

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pymatgen about missing POTCARs

GOLDEN = Path(__file__).parent / "golden" / "vasp-hops-band.yaml"
RECIPE = """\
name: hops
title: lithium in an oxide
source: a test
hubbard_u: {Co: 3.9 eV}
vasp:
  relax: [LCO]
  cutoff: 500 eV
  kpoints: {LCO: [6, 6, 6]}
transport:
  images: 3
  climbing: CLIMBING
  systems: [{material: LCO, supercell: [2, 2, 2]}]
"""
METHOD = Method(hubbard_u={}, cutoff=500, kpoints=(1, 1, 1))
TASK = ElasticBand(max_force=0.5, max_steps=60, images=2, method=METHOD)


def _written(folder: Path, climbing: str) -> dict[str, Any]:
    (folder / "hops.yaml").write_text(RECIPE.replace("CLIMBING", climbing))
    return inputs(str(folder / "hops.yaml"), folder / "in", only="transport")


def _band_files(document: dict[str, Any]) -> dict[str, Any]:
    (job,) = (job for job in document["jobs"] if job["kind"] == "band")
    (directory,) = map(Path, job["directories"])
    images = {}
    for place in sorted(one for one in directory.iterdir() if one.is_dir()):
        cell = Poscar.from_file(place / "POSCAR", check_for_potcar=False).structure
        images[place.name] = {
            "files": sorted(file.name for file in place.iterdir()),
            "sites": dict(cell.composition.get_el_amt_dict()),
            "moved": round(float(np.linalg.norm(_ion(directory, place))), 3),
        }
    incar = dict(sorted(Incar.from_file(directory / "INCAR").items()))
    incar["MAGMOM"] = sorted(set(incar["MAGMOM"]))
    return {
        "name": job["name"],
        "INCAR": incar,
        "KPOINTS": (directory / "KPOINTS").read_text().split(),
        "images": images,
    }


def _ion(directory: Path, place: Path) -> Any:
    """How far the atom that moves most has come, Å."""
    first, here = (
        Poscar.from_file(one / "POSCAR", check_for_potcar=False).structure for one in (directory / "00", place)
    )
    shift = here.frac_coords - first.frac_coords
    away = (shift - np.rint(shift)) @ here.lattice.matrix
    return away[np.linalg.norm(away, axis=1).argmax()]


def test_inputs_of_a_band_are_the_golden_ones_and_nothing_is_named_in_them(tmp_path: Path) -> None:
    document = _written(tmp_path, "true")
    golden = YAML(typ="safe").load(GOLDEN.read_text())
    assert json.loads(json.dumps(_band_files(document))) == json.loads(json.dumps(golden))
    assert all(check["ok"] for check in document["checks"])
    assert check_inputs([tmp_path / "in"])["remarks"] == []
    hop = golden["images"]["04"]["moved"]
    assert golden["images"]["02"]["moved"] == pytest.approx(hop / 2, abs=0.05), "the middle image lies half-way"


def _cells() -> tuple[Structure, Structure, int]:
    """Li2O with one vacancy, its oxygen atoms between its lithium atoms, before and after a hop."""
    cell = calculation_cell(material("Li2O"))
    host = Structure.from_sites([cell[i] for i in (1, 0, 2)]).make_supercell((2, 2, 2), in_place=False)
    (hop, *_) = hops(host, "Li", 2.5)
    start, end, image = in_supercell(hop, host, host)
    first, last = without(host, end), without(host, start)
    moving, last = matched(first, last, HopPlace(element="Li", start=start, end=end, image=image))
    return first, last, moving


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[BandRun, RehearsalBackend, int]:
    """A band whose files the stand-in has written."""
    backend, place = RehearsalBackend({}), tmp_path_factory.mktemp("band")
    first, last, moving = _cells()
    ends = []
    for number, cell in enumerate((first, last)):
        folder = place / f"end-{number}"
        written = write_inputs(cell, Static(method=METHOD), backend.settings, folder)
        rehearse(folder)
        asked = backend.asked(cell, written, Static(method=METHOD), folder)
        found = document_from_files(folder, "Li2O", asked)
        ends.append(EndPoint(cell, found.energy, np.array(found.forces), found.signature))
    band = BandRun((ends[0], ends[1]), TASK, backend.settings, "Li in Li2O", place / "band")
    band.write()
    rehearse(band.directory)
    return band, backend, moving


def test_a_band_comes_back_in_the_order_of_its_cells(ran: tuple[BandRun, RehearsalBackend, int]) -> None:
    band, backend, moving = ran
    found = band.read(backend.asked, 7)
    assert (found.tier, found.outcome.n_steps) == ("rehearsal", 7)
    assert len(found.outcome.energies) == 4
    atoms = AseAtomsAdaptor.get_atoms(band.ends[0].structure, msonable=False)
    for positions, energy, forces in zip(
        found.outcome.positions, found.outcome.energies, found.outcome.forces, strict=True
    ):
        atoms.set_positions(positions)
        atoms.calc = RehearsalPotential()  # type: ignore[no-untyped-call]
        assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
        np.testing.assert_allclose(forces, atoms.get_forces(), atol=2e-4)
    away = np.linalg.norm(np.diff(found.outcome.positions, axis=0), axis=2)
    assert (away.argmax(axis=1) == moving).all(), "one ion moves, and crosses no border"
    assert found.outcome.max_force <= TASK.max_force
    assert found.outcome.energies.argmax() == found.outcome.climbing


def test_an_interrupted_band_goes_on_from_its_last_images(ran: tuple[BandRun, RehearsalBackend, int]) -> None:
    band, _, _ = ran
    first, second = band.moving
    starts = {folder: (folder / "POSCAR").read_text() for folder in band.moving}
    before = starts[first]
    kept = (second / "CONTCAR").read_text()
    (second / "CONTCAR").write_text(kept[: len(kept) // 3])
    assert not band.go_on(), "an image that was cut off"
    assert (first / "POSCAR").read_text() == before
    (second / "CONTCAR").write_text(kept)
    assert band.go_on()
    assert (first / "POSCAR").read_text() == (first / "CONTCAR").read_text() != before
    for folder, text in starts.items():
        (folder / "POSCAR").write_text(text)


def test_what_cannot_be_a_band_is_said(ran: tuple[BandRun, RehearsalBackend, int]) -> None:
    band, backend, _ = ran
    other = band.ends[1].signature.model_copy(update={"cutoff": 400.0})
    last = EndPoint(band.ends[1].structure, band.ends[1].energy, band.ends[1].forces, other)
    mixed = BandRun((band.ends[0], last), TASK, band.settings, band.label, band.directory)
    with pytest.raises(SignatureMismatchError, match="cutoff"):
        mixed.read(backend.asked, 1)
    outcar = image_folder(band.directory, 1) / "OUTCAR"
    text = outcar.read_text()
    outcar.write_text(re.sub(r"^.*VTST.*$", "", text, flags=re.MULTILINE))
    try:
        with pytest.raises(CalculationError, match="built without the VTST extension"):
            band._require_as_asked()
    finally:
        outcar.write_text(text)
