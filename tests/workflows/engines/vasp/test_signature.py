"""The signature of a VASP run says what its energy rests on, from where VASP writes it, in generated files."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from catholyte.analysis.phase_sets.own_entries import entries_from_documents
from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.trajectories.reader import open_trajectory
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.configs.trust import trust_of
from catholyte.tests.support.vasp.written_run import Frame, WrittenRun, rock_salt
from catholyte.workflows.documents import CalculationDocument, Signature, require_same_signature
from catholyte.workflows.engines.vasp.document import document_from_files

NIO = WrittenRun(rock_salt())
VERSIONS = ("5.4.4", "6.3.2", "6.4.3")
HYBRID = {"LHFCALC": True, "AEXX": 0.25, "AGGAX": 0.75, "ALDAX": 0.75}


def _document(folder: Path, run: WrittenRun) -> CalculationDocument:
    return document_from_files(run.written(folder), "NiO")


def _signature(folder: Path, **incar: Any) -> Signature:
    return _document(folder, NIO.but(incar=incar)).signature


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("incar", "level"),
    [
        ({}, "PBE"),
        ({"GGA": "Ps"}, "PBEsol"),
        ({"GGA": "91"}, "PW91"),
        ({"GGA": "RP"}, "RPBE"),
        ({"METAGGA": "SCAN"}, "SCAN"),
        ({"METAGGA": "Rscan", "LMETAGGA": True}, "RSCAN"),
        ({"METAGGA": "R2SCAN", "LMETAGGA": True}, "R2SCAN"),
        ({"METAGGA": "--", "GGA": "PE"}, "PBE"),
        ({"XC": "R2SCAN"}, "R2SCAN"),
        ({"XC": "SLATER_X B88_X", "XC_C": [0.5, 0.5]}, "XC = SLATER_X B88_X with XC_C = 0.5 0.5"),
        ({"METAGGA": "LIBXC", "LIBXC1": "MGGA_X_R4SCAN"}, "Libxc LIBXC1 = MGGA_X_R4SCAN"),
        ({**HYBRID, "HFSCREEN": 0.2}, "HSE06"),
        (HYBRID, "PBE0"),
        ({**HYBRID, "GGA": "PS", "HFSCREEN": 0.2}, "HSEsol"),
        ({**HYBRID, "HFSCREEN": 0.207}, "hybrid of PBE: AEXX = 0.25, HFSCREEN = 0.207"),
        (
            {**HYBRID, "AEXX": 0.17, "AGGAX": 0.83, "ALDAX": 0.83, "HFSCREEN": 0.2},
            "hybrid of PBE: AEXX = 0.17, HFSCREEN = 0.2",
        ),
        (
            {"LHFCALC": True, "AEXX": 1.0, "AGGAX": 0.0, "ALDAX": 0.0, "AGGAC": 0.0, "ALDAC": 0.0},
            "Hartree-Fock",
        ),
        (
            {"LHFCALC": True, "GGA": "B3", "AEXX": 0.2, "AGGAX": 0.72, "ALDAX": 0.8, "AGGAC": 0.81, "ALDAC": 0.19},
            "B3LYP",
        ),
        ({**HYBRID, "METAGGA": "R2SCAN"}, "hybrid of R2SCAN: AEXX = 0.25, HFSCREEN = 0"),
        ({"IVDW": 12}, "PBE + D3(BJ)"),
        ({"IVDW": 11, "VDW_S8": 0.7}, "PBE + D3 (VDW_S8 = 0.7)"),
        ({"LVDW": True}, "PBE + D2"),
        ({"METAGGA": "SCAN", "LUSE_VDW": True, "BPARAM": 15.7}, "SCAN + rVV10 nonlocal correlation (BPARAM = 15.7)"),
        ({"GGA": "BO", "LUSE_VDW": True, "PARAM1": 0.18333, "PARAM2": 0.22, "AGGAC": 0.0},
         "optB88 + vdW-DF nonlocal correlation (PARAM1 = 0.18333, PARAM2 = 0.22, AGGAC = 0)"),
        ({"LSORBIT": True}, "PBE + spin-orbit coupling"),
        ({"LNONCOLLINEAR": True}, "PBE + noncollinear"),
        ({"NELECT": 15.0}, "PBE + charge +1 e"),
        ({"NELECT": 16.5}, "PBE + charge -0.5 e"),
    ],
)  # fmt: skip
def test_the_level_of_theory_is_read(tmp_path: Path, version: str, incar: dict[str, Any], level: str) -> None:
    assert _document(tmp_path, NIO.but(incar=incar, version=version)).signature.level == level


def test_energies_of_different_levels_are_not_subtracted(tmp_path: Path) -> None:
    levels: list[dict[str, Any]] = [
        {},
        {"METAGGA": "SCAN"},
        {"METAGGA": "RSCAN"},
        {"METAGGA": "R2SCAN"},
        {"IVDW": 12},
        {"LSORBIT": True},
        {"NELECT": 15.0},
        {**HYBRID, "HFSCREEN": 0.2},
        {"LUSE_VDW": True},
        {"ML_LMLFF": True},
    ]
    found = [_signature(tmp_path / str(i), **incar) for i, incar in enumerate(levels)]
    for one, other in combinations(range(len(levels)), 2):
        with pytest.raises(SignatureMismatchError, match="cannot be subtracted"):
            require_same_signature({str(levels[one]): found[one], str(levels[other]): found[other]})
    with pytest.raises(SignatureMismatchError, match="functional: PBE against R2SCAN"):
        require_same_signature({"PBE": found[0], "R2SCAN": found[3]})
    with pytest.raises(SignatureMismatchError, match=r"dispersion: None against D3\(BJ\)"):
        require_same_signature({"without": found[0], "with": found[4]})
    with pytest.raises(SignatureMismatchError, match="charge: 0 e against 1 e"):
        require_same_signature({"neutral": found[0], "charged": found[6]})
    require_same_signature({"one": found[3], "again": _signature(tmp_path / "again", METAGGA="R2SCAN")})


@pytest.mark.parametrize(
    ("incar", "told"),
    [
        ({"METAGGA": "NEWSCAN"}, "METAGGA = NEWSCAN, a functional that is not known"),
        ({"GGA": "QQ"}, "GGA = QQ, a functional that is not known"),
        ({"IVDW": 77}, "IVDW = 77, a dispersion correction that is not known"),
        ({"LMETAGGA": True}, "a meta-GGA .* that it does not name"),
        ({"LDAU": True, "LDAUU": [6.0]}, "do not give one value for each of its 2 groups"),
    ],
)
def test_what_is_not_known_is_refused_by_name(tmp_path: Path, incar: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        _signature(tmp_path, **incar)
    assert "vasprun.xml" in caught.value.message


@pytest.mark.parametrize(
    ("title", "functional"), [("PAW_PBE Ni_pv 06Sep2000", "PBE"), ("PAW Ni 02Aug2007", "LDA"), ("PAW_GGA Ni 1", "PW91")]
)
def test_without_a_tag_the_potcar_names_the_functional(tmp_path: Path, title: str, functional: str) -> None:
    run = NIO.but(titles={"Ni": title, "O": title.replace("Ni", "O")})
    assert _document(tmp_path, run).signature.functional == functional
    with pytest.raises(InputError, match="do not tell one"):
        _document(tmp_path, NIO.but(titles={"Ni": "US Ni", "O": "US O"}))


def test_u_is_read_from_the_incar_where_the_parameters_repeat_its_first_value_alone(tmp_path: Path) -> None:
    u = {"LDAU": True, "LDAUTYPE": 2, "LDAUL": [2, -1], "LDAUU": [6.2, 0.0], "LDAUJ": [0.5, 0.0]}
    found = _signature(tmp_path, **u)
    assert (found.hubbard_u, found.hubbard_form) == ({"Ni": pytest.approx(5.7)}, None)
    other = _signature(tmp_path, **{**u, "LDAUTYPE": 1})
    assert other.hubbard_form == "LDAUTYPE = 1; J(Ni) = 0.5 eV"
    with pytest.raises(SignatureMismatchError, match="form of U: Dudarev against LDAUTYPE = 1"):
        require_same_signature({"Dudarev": found, "Liechtenstein": other})
    on_oxygen = _signature(tmp_path, **{**u, "LDAUL": [2, 1], "LDAUU": [6.2, 4.0]})
    assert on_oxygen.hubbard_u == {"Ni": pytest.approx(5.7), "O": 4.0}
    with pytest.raises(SignatureMismatchError, match=r"U\(O\): 0\.0 eV against 4\.0 eV"):
        require_same_signature({"d alone": found, "p too": on_oxygen})
    assert _signature(tmp_path, LDAUL=[2, -1], LDAUU=[6.2, 0.0]).hubbard_u == {"Ni": 0.0}


def test_an_element_in_two_groups(tmp_path: Path) -> None:
    cell = rock_salt("Fe").make_supercell([2, 1, 1], in_place=False)
    run = WrittenRun(cell.get_sorted_structure(), groups=[("Fe", 1), ("Fe", 1), ("O", 2)])
    u = {"LDAU": True, "LDAUL": [2, 2, -1], "LDAUU": [4.3, 4.3, 0.0], "LDAUJ": [0.0, 0.0, 0.0]}
    found = _document(tmp_path, run.but(incar=u))
    assert found.signature.hubbard_u == {"Fe": 4.3}
    assert found.signature.potcars == {"Fe": "PAW_PBE Fe 08Apr2002", "O": "PAW_PBE O 08Apr2002"}
    with pytest.raises(InputError, match=r"Fe with U - J = 4\.3 and 2 eV in two groups"):
        _document(tmp_path, run.but(incar={**u, "LDAUU": [4.3, 2.0, 0.0]}))


def test_a_force_field_is_no_density_functional_theory(tmp_path: Path) -> None:
    md = {"IBRION": 0, "NSW": 6, "POTIM": 2.0}
    cells = [rock_salt(length=4.2 + 0.01 * i) for i in range(6)]
    frames = [Frame(cell, -10.0 + 0.1 * i, kinetic=0.1, cycles=3 if i in (0, 3) else 0) for i, cell in enumerate(cells)]
    run = NIO.but(incar={**md, "ML_LMLFF": True, "METAGGA": "R2SCAN"}, parameters=md, frames=frames)
    found = _document(tmp_path, run)
    assert (found.tier, found.signature.functional) == ("vasp-mlff", "machine-learned force field of R2SCAN")
    assert found.trajectory is not None
    assert found.trajectory.times == pytest.approx([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    assert found.trajectory.energies == pytest.approx([-10.0, -9.9, -9.8, -9.7, -9.6, -9.5])
    assert (found.energy, found.convergence.n_steps) == (pytest.approx(-9.5), 6)
    trust = trust_of(found.tier)
    assert (trust.trust_class, trust.references) == ("machine-learned", frozenset())
    with pytest.raises(SignatureMismatchError, match="vasp-mlff"):
        entries_from_documents([found], load_phase_set("solidstate"))
    assert open_trajectory([tmp_path / "vasprun.xml"]).metadata == {"tier": "vasp-mlff"}
    ordinary = _document(tmp_path, run.but(incar={**md, "METAGGA": "R2SCAN"}, frames=[frames[0], frames[3]]))
    assert ordinary.tier == "vasp"
    with pytest.raises(
        SignatureMismatchError, match="functional: machine-learned force field of R2SCAN against R2SCAN"
    ):
        require_same_signature({"force field": found.signature, "R2SCAN": ordinary.signature})


def test_older_signatures_read_and_agree(tmp_path: Path) -> None:
    found = _signature(tmp_path, LSORBIT=False)
    new = ("hubbard_form", "dispersion", "spin_orbit", "noncollinear", "charge")
    old = Signature.model_validate({key: value for key, value in found.model_dump().items() if key not in new})
    assert old.charge is None
    require_same_signature({"old": old, "new": found})
