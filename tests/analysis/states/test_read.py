"""Reading bands from VASP output and stored documents, with pymatgen as the referee."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from monty.json import MontyEncoder
from pymatgen.electronic_structure.core import OrbitalType
from pymatgen.io.vasp.outputs import Vasprun

from catholyte.analysis.states.band_report import band_report
from catholyte.analysis.states.read import read_bands
from catholyte.configs.errors import CalculationError, InputError
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.tests.support.referees.evidence import Referee
from catholyte.tests.support.vasp.recorded import PLACES, place

STATIC, RELAX, METAL = ("atomate2_MgMn2O4_afm_static", "atomate2_MgMn2O4_afm_relax", "atomate_LiMn8O16")


@pytest.fixture(scope="module", params=PLACES)
def data(request: pytest.FixtureRequest) -> Path:
    """Where the files lie: generated ones everywhere, recorded ones where they are."""
    return place(request.param)


def _file(data: Path, name: str) -> Path:
    return data / f"{name}_vasprun.xml.gz"


@pytest.fixture(scope="module")
def xml(data: Path) -> str:
    return gzip.decompress(_file(data, STATIC).read_bytes()).decode()


@pytest.mark.parametrize(
    ("name", "reference", "half_step"),
    [(STATIC, "vbm", 0), (RELAX, "vbm", 0.5), (METAL, "fermi", 0)],
    ids=["static", "relax", "metal"],
)
@pytest.mark.parametrize(("element", "orbital"), [("O", "p"), ("Mn", "d")])
def test_centres_equal_pymatgens_on_the_same_window(
    data: Path, name: str, reference: str, half_step: float, element: str, orbital: str, refereed: Referee
) -> None:
    file = _file(data, name)
    bands = read_bands(file)
    run = Vasprun(file, parse_potcar_file=False)
    step = run.tdos.energies[1] - run.tdos.energies[0]
    zero = bands.edges.efermi if reference == "fermi" else bands.edges.vbm
    assert zero is not None
    # the referee takes whole grid points, so the window ends on two of them
    nodes = np.asarray(bands.dos.energies) - zero
    low, high = nodes[np.searchsorted(nodes, -9)], nodes[np.searchsorted(nodes, 0)]
    spec = BandCenterSpec(element=element, orbital=orbital, window="range", range=(low, high), reference=reference)  # type: ignore[arg-type]
    found = band_report(bands, spec).row().by_reference[spec.reference]
    shift = half_step * step  # Gaussian smearing: the printed grid lies half a step too high
    window = [low + shift + zero - run.efermi - 1e-6, high + shift + zero - run.efermi + 1e-6]
    sites = [site for site in run.final_structure if site.specie.symbol == element]
    peer = (
        run.complete_dos.get_band_center(OrbitalType[orbital], sites=sites, erange=window) + run.efermi - zero - shift
    )
    # trapezoid of E·D against the exact integral of the piecewise linear D: of second order in the step
    what, by = (
        "band centres of recorded VASP runs, by the square of the grid's step",
        "pymatgen, CompleteDos.get_band_center",
    )
    refereed(what, abs(found - peer) / step**2, 1 / 6, of="analysis.states.band_report.band_report", by=by, unit="1/eV")


def test_the_half_step_makes_the_mean_of_the_dos_that_of_the_eigenvalues(data: Path, refereed: Referee) -> None:
    file = _file(data, RELAX)
    run, bands = Vasprun(file, parse_potcar_file=False), read_bands(file)
    assert run.eigenvalues is not None
    weights = np.asarray(run.actual_kpoints_weights)
    for spin, total in zip(run.eigenvalues, bands.dos.total, strict=True):
        eigenvalues = run.eigenvalues[spin][:, :, 0]
        mean = float(weights @ eigenvalues.mean(axis=1))
        away = abs(np.average(bands.dos.energies, weights=total) - mean)
        refereed(
            "mean of the density of states",
            away,
            1e-3,
            of="analysis.states.read.read_bands",
            by="the eigenvalues of the same run",
            unit="eV",
        )


def test_edges_moments_and_core_levels_are_read(data: Path) -> None:
    bands = read_bands(_file(data, STATIC))
    assert bands.edges.gap == pytest.approx(1.513, abs=1e-3)
    assert bands.edges.vbm == pytest.approx(4.0544)
    assert bands.edges.efermi == pytest.approx(4.05426849)
    assert bands.structure.site_properties["magmom"][2:6] == [-3.823, -3.823, 3.823, 3.823]
    assert bands.edges.core_potentials is not None
    assert len(bands.edges.core_potentials) == 14
    assert bands.edges.core_potentials[-1] == pytest.approx(-70.2313)
    assert bands.dos.orbitals == ["s", "p", "d"]
    assert np.asarray(bands.dos.densities).shape == (2, 14, 3, 301)
    metal = read_bands(_file(data, METAL))
    assert (metal.edges.gap, metal.edges.vbm) == (0.0, None)


def test_a_coarse_tetrahedron_grid_is_named_and_a_gaussian_one_is_not(data: Path) -> None:
    spec = BandCenterSpec(window="occupied", reference="vbm")
    assert any("samples it too coarsely" in note for note in band_report(read_bands(_file(data, STATIC)), spec).notes)
    assert not any(
        "samples it too coarsely" in note for note in band_report(read_bands(_file(data, RELAX)), spec).notes
    )


def test_a_directory_is_read_like_its_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "vasprun.xml.gz").write_bytes(_file(data, STATIC).read_bytes())
    bands = read_bands(tmp_path)
    assert bands.dos == read_bands(_file(data, STATIC)).dos
    assert "magmom" not in bands.structure.site_properties
    assert bands.edges.core_potentials is None
    with pytest.raises(InputError, match="holds 5 files"):
        read_bands(data)


def test_broken_files_are_named_as_such(data: Path, tmp_path: Path, xml: str) -> None:
    file, packed = tmp_path / "vasprun.xml", tmp_path / "cut" / "vasprun.xml.gz"
    packed.parent.mkdir()
    middle = len(xml) // 2
    for text, error, message in [
        (xml[:middle], InputError, "truncated: VASP did not write the closing"),
        (xml[:middle] + "<&" + xml[middle:], InputError, "corrupt: the XML is not well formed"),
        (xml.replace("<partial>", "<gone>").replace("</partial>", "</gone>"), InputError, "LORBIT = 11"),
        ("POSCAR", InputError, "not a vasprun.xml"),
        (
            xml.replace('name="version" type="string">6.3.2', 'name="version" type="string">6.3.2-rehearsal'),
            InputError,
            "rehearsal",
        ),
        (re.sub(r'(name="NELM"> *)200', r"\g<1>2", xml), CalculationError, "not converged"),
    ]:
        assert text != xml
        file.write_text(text)
        with pytest.raises(error, match=message):
            read_bands(file)
    packed.write_bytes(_file(data, STATIC).read_bytes()[:40_000])
    with pytest.raises(InputError, match="truncated: the gzip stream ends early"):
        read_bands(packed)
    packed.write_bytes(b"not gzip at all")
    with pytest.raises(InputError, match="corrupt: Not a gzipped file"):
        read_bands(packed)


def test_missing_paths_and_wrong_documents_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_bands(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds 0 files vasprun.xml"):
        read_bands(tmp_path)
    document = tmp_path / "x.json"
    for text, message in [("{", "is not JSON"), ("[]", "it holds a list")]:
        document.write_text(text)
        with pytest.raises(InputError, match=message):
            read_bands(document)
    document.write_text('{"label": "LCO"}')
    with pytest.raises(InputError, match=r"not a stored document: kind: Field required"):
        read_bands(document)


def test_a_stored_document_answers_like_the_files_it_came_from(data: Path, tmp_path: Path) -> None:
    from catholyte.workflows.documents import CalculationDocument, Convergence, Provenance, Signature

    bands = read_bands(_file(data, RELAX))
    n = len(bands.structure)
    document = CalculationDocument(
        label="MgMn2O4",
        kind="static",
        tier="vasp",
        formula="MgMn2O4",
        n_sites=n,
        initial_structure=bands.structure,
        structure=bands.structure,
        energy=-1.0,
        forces=[[0.0] * 3] * n,
        convergence=Convergence(electronic=True, max_force=0.0),
        band_edges=bands.edges,
        dos=bands.dos,
        signature=Signature(
            engine="vasp", version="6.3.2", functional="PBE", hubbard_u={"Mn": 3.9}, potentials="unknown"
        ),
        provenance=Provenance(host="h", started="s", finished="f", wall_seconds=1.0, versions={}),
    )
    text = json.dumps(document, cls=MontyEncoder)
    envelope = json.dumps({"uuid": "1", "index": 1, "output": json.loads(text)})
    for name, data in [
        ("d.json", text.encode()),
        ("d.json.gz", gzip.compress(text.encode())),
        ("job.json", envelope.encode()),
    ]:
        (tmp_path / name).write_bytes(data)
        read = read_bands(tmp_path / name)
        assert (read.dos, read.edges) == (bands.dos, bands.edges)
        assert read.structure.site_properties["magmom"] == bands.structure.site_properties["magmom"]
