"""What VASP is told: every stated tag in every job, golden files, moments and U where they belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar
from ruamel.yaml import YAML

from catholyte.configs.errors import InputError
from catholyte.configs.load import engine_settings, load_recipe
from catholyte.configs.models import Method
from catholyte.docs.pages.vasp_settings import settings_page
from catholyte.hpc.commands.campaigns.inputs import inputs
from catholyte.tests.support.strategies import structures_with_moments
from catholyte.workflows.engines.acceptance import has_open_shell
from catholyte.workflows.engines.tasks import Dos, MolecularDynamics, Relax, Static, Task
from catholyte.workflows.engines.vasp.backend import VaspBackend
from catholyte.workflows.engines.vasp.cells import vasp_cell
from catholyte.workflows.engines.vasp.inputs import incar_tags, write_inputs
from catholyte.workflows.engines.vasp.reasons import NEVER_WRITTEN, REASONS
from catholyte.workflows.engines.vasp.settings import VaspSettings
from catholyte.workflows.engines.vasp.stages import CANONICAL, runs_of

ROOT = Path(__file__).parents[4]
GOLDEN = Path(__file__).parent / "golden"
NAMES_ONLY = engine_settings("vasp", VaspSettings, {"potcar_spec": True})
METHOD = Method(hubbard_u={"Co": 3.9, "Mn": 4.2, "Ni": 6.7, "Ti": 0, "W": 0}, cutoff=500, kpoints=(2, 2, 2))
#: what section 3 of the specification states, independent of the recipe files
STATED: dict[str, dict[str, Any]] = {
    "gsirr": {
        "U": {"Co": 3.9},
        "ENCUT": 500,
        "mesh": {"LCO": (4, 4, 2), "CoO": (4, 4, 4), "LPSCl": (4, 4, 4)},
        "style": "Gamma",
    },
    "nmc532-lgps": {
        "U": {"Ni": 6.7, "Mn": 4.2, "Co": 4.91},
        "ENCUT": 500,
        "EDIFF": 1e-5,
        "mesh": {"NCM532": (2, 2, 2), "LGPS": (2, 2, 2)},
        "style": "Monkhorst",
    },
}


#: recipes and the kinds of calculation that they write
KINDS = {
    "gsirr": ("relax", "dos", "md"),
    "nmc532-lgps": ("relax", "dos", "md"),
    "glassy-ceramic": ("relax", "dos"),
    "core-shell": ("relax", "dos"),
    "li-rich": ("relax", "dos", "md"),
}

#: share of the lithium left to the moments (µB) that nickel starts from and how many ions have each: 0.9 of the spins of
#: Ni2+ (2) and Ni3+ (1), which pay for the lithium since Mn4+ and Co3+ stay, and 0.6 for low-spin Ni4+
NICKEL: dict[str, dict[str, dict[float, int]]] = {
    "NCM111": {"1": {1.8: 1}, "0.667": {0.9: 1}, "0.333": {0.6: 1}},
    "NCM532": {"1": {1.8: 9, 0.9: 6}, "0.8": {1.8: 3, 0.9: 12}, "0.6": {0.9: 12, 0.6: 3}},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The document of ``inputs`` per recipe."""
    return {recipe: inputs(recipe, tmp_path_factory.mktemp(recipe)) for recipe in KINDS}


def golden_files(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """Every run of the jobs of one kind: ``JOB`` and, of its other runs, ``JOB, FOLDER``."""
    found = {}
    for job in document["jobs"]:
        if job["kind"] == kind:
            *others, own = job["directories"]
            found[job["name"]] = _files(own)
            found |= {f"{job['name']}, {Path(other).relative_to(own)}": _files(other) for other in others}
    return found


def _files(directory: str) -> dict[str, Any]:
    place = Path(directory)
    kpoints, poscar = Kpoints.from_file(place / "KPOINTS"), Poscar.from_file(place / "POSCAR", check_for_potcar=False)
    incar = dict(sorted(Incar.from_file(place / "INCAR").items()))
    if "MAGMOM" in incar:
        incar["MAGMOM"] = [f"{len(run)}*{run[0]:g}" for run in _runs(incar["MAGMOM"])]
    return {
        "sites": dict(zip(poscar.site_symbols, poscar.natoms, strict=True)),
        "axes": [round(float(a), 3) for a in poscar.structure.lattice.abc],
        "POTCAR.spec": (place / "POTCAR.spec").read_text().split(),
        "KPOINTS": {"style": kpoints.style.name, "divisions": list(kpoints.kpts[0]), "shift": list(kpoints.kpts_shift)},
        "INCAR": incar,
    }


def _runs(values: list[float]) -> list[list[float]]:
    runs: list[list[float]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1].append(value)
        else:
            runs.append([value])
    return runs


@pytest.mark.parametrize(("recipe", "kind"), [(recipe, kind) for recipe, kinds in KINDS.items() for kind in kinds])
def test_inputs_are_the_golden_ones(written: dict[str, dict[str, Any]], recipe: str, kind: str) -> None:
    found = golden_files(written[recipe], kind)
    golden = YAML(typ="safe").load((GOLDEN / f"vasp-{recipe}-{kind}.yaml").read_text())
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(golden))


@pytest.mark.parametrize("material", ["NCM111", pytest.param("NCM532", marks=pytest.mark.slow)])
def test_inputs_of_d_bands_are_the_golden_ones(material: str, tmp_path: Path) -> None:
    _, source = load_recipe("nmc532-lgps")
    data: Any = source.data
    step = data["d_bands"]
    step["systems"] = [system for system in step["systems"] if system["material"] == material]
    YAML().dump(data, tmp_path / "recipe.yaml")
    document = inputs(str(tmp_path / "recipe.yaml"), tmp_path / "in", only="d_bands")
    found = golden_files(document, "relax") | golden_files(document, "dos")
    golden = YAML(typ="safe").load((GOLDEN / "vasp-nmc532-lgps-d_bands.yaml").read_text())
    of_material = {name: files for name, files in golden.items() if name.startswith(material)}
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(of_material))
    contents = NICKEL[material]
    assert list(found) == [
        f"{material} Li {content} vasp {run}"
        for kind in (("relax", "relax, start-1", "relax, start-2", "relax, canonical"), ("dos",))
        for content in contents
        for run in kind
    ]
    for content, nickel in contents.items():
        files = found[f"{material} Li {content} vasp dos"]
        sites, incar = files["sites"], files["INCAR"]
        # from the states of the cell that relaxed: its charge is read, on the mesh that holds Γ
        assert (incar["LORBIT"], incar["ISTART"], incar["ICHARG"], incar["ENCUT"]) == (11, 0, 1, 500)
        assert incar["LDAUU"] == [STATED["nmc532-lgps"]["U"].get(element, 0) for element in sites]
        metals = sum(sites[metal] for metal in ("Mn", "Co", "Ni"))
        assert (sites["Li"], sites["O"]) == (round(float(content) * metals), 2 * metals)
        moments = {"Mn": [2.7] * sites["Mn"], "Co": [0.6] * sites["Co"]}
        moments["Ni"] = [moment for moment, number in nickel.items() for _ in range(number)]
        asked = [moment for element, number in sites.items() for moment in moments.get(element, [0.0] * number)]
        assert incar["MAGMOM"] == [f"{len(run)}*{run[0]:g}" for run in _runs(asked)]


@pytest.mark.parametrize("recipe", list(STATED))
def test_every_stated_tag_is_in_every_job(written: dict[str, dict[str, Any]], recipe: str) -> None:
    stated = STATED[recipe]
    assert {job["kind"] for job in written[recipe]["jobs"]} == {"relax", "dos", "md"}
    for job in written[recipe]["jobs"]:
        files = _files(job["directories"][-1])
        incar, material = files["INCAR"], job["name"].split()[0]
        dynamics = job["kind"] == "md"
        varied = "cutoff" in job["name"] or "mesh" in job["name"]  # what shows how converged a density of states is
        assert incar["GGA"].upper() == "PE"
        energies = _files(job["directories"][0 if job["kind"] == "dos" else -1])["INCAR"]
        if job["kind"] == "relax":  # a cell relaxes above ENMAX, and its energy is that of a static run
            (static,) = [place for place in job["directories"] if Path(place).name == CANONICAL]
            energies = _files(static)["INCAR"]
            assert incar["ENCUT"] >= 1.3 * (499.034 if "Li" in files["sites"] else 400)
        assert varied or energies["ENCUT"] == (400 if dynamics and recipe == "gsirr" else stated["ENCUT"])
        assert incar["EDIFF"] == stated.get("EDIFF", incar["EDIFF"])
        mesh = (1, 1, 1) if dynamics and recipe == "gsirr" else stated["mesh"].get(material)
        assert varied or mesh is None or tuple(files["KPOINTS"]["divisions"]) == mesh
        assert files["KPOINTS"]["style"] == ("Gamma" if job["kind"] == "dos" else stated["style"])
        if set(files["sites"]) & set(stated["U"]):
            assert (incar["LDAU"], incar["LDAUTYPE"]) == (True, 2)
            assert dict(zip(files["sites"], incar["LDAUU"], strict=True)) == {
                e: stated["U"].get(e, 0) for e in files["sites"]
            }
            assert dict(zip(files["sites"], incar["LDAUL"], strict=True)) == {
                e: 2 if e in stated["U"] else -1 for e in files["sites"]
            }
        else:
            assert "LDAUU" not in incar
        if dynamics:
            assert (incar["IBRION"], incar["POTIM"], incar["TEBEG"], incar["MDALGO"]) == (0, 2, 300, 4)
    lengths = [
        _files(job["directories"][-1])["INCAR"]["NSW"] * 2 for job in written[recipe]["jobs"] if job["kind"] == "md"
    ]
    assert sum(lengths) == {"gsirr": 20_000, "nmc532-lgps": 2_000}[recipe]
    assert len(lengths) > 1


def test_every_tag_has_its_reason_and_the_page_shows_it(written: dict[str, dict[str, Any]]) -> None:
    used = {
        tag
        for document in written.values()
        for job in document["jobs"]
        for place in job["directories"]
        for tag in _files(place)["INCAR"]
    }
    assert used <= set(REASONS)
    assert not used & set(NEVER_WRITTEN)
    assert (ROOT / "docs" / "vasp-settings.md").read_text() == settings_page()


def test_jobs_on_cells_still_to_come_stand_apart(written: dict[str, dict[str, Any]]) -> None:
    for job in written["gsirr"]["jobs"]:
        assert all(("/later/" in directory) is not job["first_stage"] for directory in job["directories"])
        assert all(
            (Path(directory) / name).is_file()
            for directory in job["directories"]
            for name in ("POSCAR", "INCAR", "KPOINTS", "POTCAR.spec")
        )
    assert {job["name"] for job in written["gsirr"]["jobs"] if job["first_stage"]} == {
        *(f"{m} vasp relax" for m in ("LCO", "CoO", "LPSCl", "Li2CO3")),
        "LPSCl vasp md (chunk 1)",
    }


def _pair(*species: str) -> Structure:
    coords = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0, 0, 0.5]])[: len(species)]
    return Structure(Lattice.cubic(4.2), list(species), coords, site_properties={"magmom": [0.0] * len(species)})


@pytest.mark.parametrize("neighbours", [("O2-",), ("S2-",), ("O2-", "S2-", "Cl-"), ("O2-", "P5+", "Li+")])
def test_u_never_depends_on_the_neighbours(neighbours: tuple[str, ...]) -> None:
    cell = vasp_cell(_pair("Co2+", *neighbours))
    for task in (Relax(method=METHOD), Static(method=METHOD), Dos(method=METHOD)):
        tags = incar_tags(cell, task, NAMES_ONLY)
        symbols = list(dict.fromkeys(site.specie.symbol for site in cell.structure))
        assert {s: u for s, u in zip(symbols, tags["LDAUU"], strict=True) if u} == {"Co": 3.9}


def test_a_transition_metal_without_u_is_an_error_and_zero_must_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hubbard_u has no entry for Fe"):
        write_inputs(_pair("Fe2+", "O2-"), Static(method=METHOD), NAMES_ONLY, tmp_path)
    assert "LDAU" not in incar_tags(vasp_cell(_pair("Ti4+", "O2-")), Static(method=METHOD), NAMES_ONLY)


def _resting() -> Structure:
    """Open shells at rest and in motion, of either sign, and closed shells with moments below the limit."""
    moments = {"Co2+": (0.25, -0.29, 0.31, -2.7), "O2-": (0.2, 0.0, -0.1, 0.4)}
    species = [symbol for symbol, sizes in moments.items() for _ in sizes]
    return Structure(
        Lattice.cubic(6.0),
        species,
        np.array(list(np.ndindex(2, 2, 2))) / 2,
        site_properties={"magmom": [size for sizes in moments.values() for size in sizes]},
    )


@settings(max_examples=20, deadline=None)
@given(structure=structures_with_moments(), seed=st.integers(0, 2**16))
@example(structure=_resting(), seed=3)
def test_each_atom_keeps_its_moment_through_the_files(
    tmp_path_factory: pytest.TempPathFactory, structure: Structure, seed: int
) -> None:
    """Open shells with less than 0.3 µB are at rest and start from the moment of the settings."""
    shuffled = Structure.from_sites([structure[i] for i in np.random.default_rng(seed).permutation(len(structure))])
    place = tmp_path_factory.mktemp("run")
    cell = write_inputs(
        shuffled,
        Static(method=METHOD.model_copy(update={"hubbard_u": dict.fromkeys(("Co", "Ni", "Mn", "Ti", "W"), 1.0)})),
        NAMES_ONLY.model_copy(update={"moment_scales": (1.0,), "low_spin_moment": 0.7, "spin_everywhere": True}),
        place,
    )
    expected = [
        0.7 if abs(moment) < 0.3 and has_open_shell(site.specie) else moment
        for site, moment in zip(shuffled, shuffled.site_properties["magmom"], strict=True)
    ]
    back, incar = Poscar.from_file(place / "POSCAR", check_for_potcar=False), Incar.from_file(place / "INCAR")
    assert len(back.site_symbols) == len(set(back.site_symbols)) == len((place / "POTCAR.spec").read_text().split())
    np.testing.assert_allclose(cell.restored(incar["MAGMOM"]), expected, atol=1e-6)
    np.testing.assert_allclose(cell.restored(back.structure.frac_coords.tolist()), shuffled.frac_coords, atol=1e-12)
    assert cell.restored([site.specie.symbol for site in back.structure]) == [
        site.specie.element.symbol for site in shuffled
    ]


def _slab(turned: bool) -> Structure:
    """Rock-salt CoO(001), two layers; `turned`: one face of oxygen pushed out, which makes a dipole."""
    heights = [10.0, 12.1]
    atoms = [("Co2+", 0, 0), ("O2-", 0.5, 0.5)]
    species, coords = [], []
    for n, z in enumerate(heights):
        for symbol, x, y in atoms:
            species.append(symbol)
            coords.append([x + n * 0.5, y + n * 0.5, (z + (0.4 if turned and n and symbol == "O2-" else 0.0)) / 24])
    return Structure(
        Lattice.orthorhombic(3.0, 3.0, 24.0), species, coords, site_properties={"magmom": [3.0, 0.0, -3.0, 0.0]}
    )


def test_a_polar_slab_runs_in_two_stages_and_a_symmetric_one_in_one(tmp_path: Path) -> None:
    task = Relax(method=METHOD.model_copy(update={"kpoints": (4, 4, 1)}))
    cell = vasp_cell(_slab(turned=True))
    assert cell.polar
    assert cell.vacuum == pytest.approx(24 - 2.5)
    *tried, main = runs_of(cell, task, NAMES_ONLY)
    assert [run.folder for run in tried] == ["start-1", "start-2"]
    alone = runs_of(cell, task, NAMES_ONLY.model_copy(update={"moment_scales": (0.9,)}))
    assert [run.folder for run in alone] == ["preconverge", "."]
    first, second = (incar_tags(cell, task, NAMES_ONLY, run) for run in (tried[0], main))
    assert (first["LWAVE"], first["NSW"], first["ISTART"], "LDIPOL" in first) == (True, 0, 0, False)
    assert (second["LDIPOL"], second["IDIPOL"], second["ISTART"], second["ISIF"], second["ISYM"]) == (True, 3, 1, 2, 0)
    heights, masses = cell.structure.cart_coords[:, 2], [float(site.specie.atomic_mass) for site in cell.structure]
    assert second["DIPOL"][2] == pytest.approx(np.average(heights, weights=masses) / 24, abs=1e-5)
    flat = vasp_cell(_slab(turned=False))
    assert not flat.polar
    assert flat.vacuum
    assert "LDIPOL" not in incar_tags(flat, task, NAMES_ONLY)
    assert len(runs_of(flat, task, NAMES_ONLY.model_copy(update={"moment_scales": (0.9,)}))) == 1
    assert vasp_cell(_pair("Co2+", "O2-")).vacuum == 0


def test_a_slab_across_the_boundary_has_its_centre_inside() -> None:
    moved = _slab(turned=True)
    moved.translate_sites(range(len(moved)), [0, 0, 13 / 24], to_unit_cell=True)
    shift = vasp_cell(moved).dipole_centre[2] - vasp_cell(_slab(turned=True)).dipole_centre[2] - 13 / 24
    assert shift - round(shift) == pytest.approx(0, abs=1e-5)
    assert vasp_cell(moved).vacuum == pytest.approx(21.5)


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"LDAUUU": 3.0}, "LDAUUU is not an INCAR tag; did you mean LDAUU"),
        ({"NSWW": 3}, "did you mean NSW"),
        ({"ADDGRID": True, "LSCALAPACKK": True}, "did you mean LSCALAPACK"),
        ({"NUPDOWN": 2}, "NUPDOWN follows"),
        ({"ENCUT": 300}, "ENCUT follows from recipe and settings"),
        ({"NELECT": 100.0}, "NELECT follows"),
    ],
)
def test_an_unknown_or_owned_tag_is_refused_with_the_nearest(tags: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match="engine vasp: key 'extra_tags': ") as caught:
        VaspBackend({"extra_tags": tags})
    assert told in caught.value.message


def test_a_known_extra_tag_reaches_every_incar() -> None:
    chosen = engine_settings("vasp", VaspSettings, {"extra_tags": {"LSCALAPACK": False}})
    tasks: list[Task] = [
        Relax(method=METHOD),
        Static(method=METHOD),
        Dos(method=METHOD),
        MolecularDynamics(method=METHOD, n_steps=3),
    ]
    assert [incar_tags(vasp_cell(_pair("Co2+", "O2-")), task, chosen)["LSCALAPACK"] for task in tasks] == [False] * 4


def test_dynamics_draws_once_and_goes_on_with_the_velocities_it_has(tmp_path: Path) -> None:
    cell = _pair("Li+", "Cl-").make_supercell([3, 3, 3], in_place=False)
    task = MolecularDynamics(method=METHOD, n_steps=10, temperature=400, seed=5)
    first = write_inputs(cell, task, NAMES_ONLY, tmp_path / "a").structure
    again = write_inputs(cell, task, NAMES_ONLY, tmp_path / "b").structure
    drawn = np.array(first.site_properties["velocities"])
    np.testing.assert_array_equal(drawn, again.site_properties["velocities"])
    masses = np.array([float(site.specie.atomic_mass) for site in first])
    kinetic = 0.5 * 103.642696562 * float(masses @ (drawn**2).sum(axis=1))
    assert 200 < 2 * kinetic / (3 * (len(cell) - 1) * 8.617333262e-5) < 600
    assert (
        np.abs(masses @ drawn).max() < 1e-3 * np.abs(masses[:, None] * drawn).max()
    )  # at rest, but for the last digit of the masses
    moving = cell.copy()
    moving.add_site_property("velocities", [[1e-3 * i, 0.0, -2e-3] for i in range(len(cell))])
    write_inputs(moving, task, NAMES_ONLY, tmp_path / "c")
    kept = Poscar.from_file(tmp_path / "c" / "POSCAR", check_for_potcar=False).velocities
    np.testing.assert_allclose(
        vasp_cell(cell).restored(np.asarray(kept).tolist()), moving.site_properties["velocities"], atol=1e-12
    )


def test_the_thermostat_mass_is_vasps_own() -> None:
    """VASP 6.4.1 prints SMASS = 0.10 for its default period of 40 steps: 16 Si, 500 K, 2 fs, first axis 7.6746 Å."""
    cell = Structure(Lattice.cubic(7.674629), ["Si"] * 16, np.array(list(np.ndindex(2, 2, 4))) / [2, 2, 4])
    method = METHOD.model_copy(update={"hubbard_u": {}})
    task = MolecularDynamics(
        method=method, n_steps=1, temperature=500, timestep=2, damping=np.sqrt(2) * 80 / (2 * np.pi)
    )
    plain = NAMES_ONLY.model_copy(update={"chain_length": 1})
    assert incar_tags(vasp_cell(cell), task, plain)["SMASS"] == pytest.approx(0.10, abs=0.005)


def test_bands_of_a_dos_are_a_multiple_and_hold_the_electrons() -> None:
    cell = vasp_cell(_pair("Co2+", "O2-"))
    bands = incar_tags(cell, Dos(method=METHOD), NAMES_ONLY)["NBANDS"]
    assert bands % NAMES_ONLY.band_multiple == 0
    assert bands >= (9 + 6) / 2 * 1.6
    assert "NBANDS" not in incar_tags(cell, Static(method=METHOD), NAMES_ONLY)
