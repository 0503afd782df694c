"""Interfaces: fronts, budgets, strain shares, stacks; every cell passes the independent checker."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from catholyte.configs.errors import InputError, StructureError
from catholyte.configs.load import material
from catholyte.structures.interfaces.check import Check, Claim, check_distances_by_radii, check_interface, require_sound
from catholyte.structures.interfaces.search import Interface, interfaces, pareto_front
from catholyte.structures.interfaces.spec import InterfaceSpec, Part
from catholyte.structures.surfaces.facet import SourceCell, source_cell


@cache
def _cell(name: str) -> SourceCell:
    return source_cell(material(name))


def _part(name: str, *miller: int, share: float = 1.0, thickness: float = 8.0) -> Part:
    return Part(_cell(name), (miller,) if miller else (), thickness, share)  # type: ignore[arg-type]


def _failed(found: Interface) -> list[Check]:
    return [check for check in found.checks() if not check.ok]


@cache
def _oxides(form: str = "vacuum", share: float = 0.5) -> Interface:
    return interfaces([_part("LCO", 1, 0, 4), _part("CoO", 1, 0, 0, share=share)], InterfaceSpec(60, form=form))[0]


@pytest.mark.parametrize(
    ("parts", "max_atoms"),
    [
        ((("LCO", 1, 0, 4), ("LPSCl", 1, 0, 0)), 140),
        ((("LCO",), ("CoO",)), 60),
        ((("CoO", 1, 0, 0), ("LPSCl", 1, 0, 0)), 150),
        ((("LCO", 1, 0, 4), ("CoO", 1, 0, 0), ("Li2CO3", 0, 0, 1)), 250),
    ],
)
def test_fronts_are_sound(parts: tuple[tuple[object, ...], ...], max_atoms: int) -> None:
    found = interfaces([_part(*part, thickness=5.0) for part in parts], InterfaceSpec(max_atoms))  # type: ignore[arg-type]
    assert found
    costs = np.array([[len(f.structure), f.strain, f.area] for f in found])
    assert sorted(pareto_front(costs).tolist()) == list(range(len(found)))
    for f in found:
        assert _failed(f) == []
        assert len(f.structure) <= max_atoms
        assert f.strain <= 0.08 + 1e-9
        assert {"magmom", "wyckoff_label", "layer", "origin"} <= set(f.structure.site_properties)
        assert [layer.label for layer in f.block.layers] == [str(part[0]) for part in parts]


def test_coherent_oxides_by_hand() -> None:
    """LCO(104) on CoO(100): 2.816 × 5.70 Å against 3.017 × 6.03 Å, logarithmic strains of 6.9 and 5.6 %."""
    found = _oxides(share=1.0)
    logs = sorted(
        np.log([4.2667 / np.sqrt(2) / 2.816, np.sqrt(2) * 4.2667 / np.linalg.norm(found.block.layers[0].vectors[1])])
    )
    deviator = np.array([*logs, 0.0]) - sum(logs) / 3
    assert found.strain == pytest.approx(np.sqrt(2 / 3 * (deviator**2).sum()), abs=1e-6)
    assert found.strains == pytest.approx((0.0, found.strain), abs=1e-9)
    moments = np.array(found.structure.site_properties["magmom"])
    cobalt = np.array([site.specie.symbol == "Co" and site.properties["layer"] == "CoO" for site in found.structure])
    assert np.abs(moments[cobalt]).min() > 2
    assert moments.sum() == pytest.approx(0.0)
    assert found.verdict.polarity == "non-polar"


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_strain_goes_where_it_is_told(share: float) -> None:
    found = _oxides(share=share)
    assert found.strains == pytest.approx(((1 - share) * found.strain, share * found.strain), abs=1e-9)
    assert _failed(found) == []


def test_shared_strain_does_not_depend_on_the_order() -> None:
    turned = interfaces([_part("CoO", 1, 0, 0), _part("LCO", 1, 0, 4, share=0.5)], InterfaceSpec(60))[0]
    found = _oxides()
    assert turned.strain == pytest.approx(found.strain, abs=1e-9)
    assert turned.area == pytest.approx(found.area, abs=1e-6)
    assert turned.strains == pytest.approx(found.strains[::-1], abs=1e-9)


def test_periodic_form_has_two_interfaces() -> None:
    found = _oxides("periodic")
    assert _failed(found) == []
    assert found.empty < 4
    assert len(found.structure) == len(_oxides().structure)


@settings(max_examples=4, deadline=None)
@given(
    st.sampled_from(
        [((2, 0, 0), (0, 1, 0), (0, 0, 1)), ((1, 1, 0), (0, 1, 0), (0, 0, 2)), ((1, 0, 1), (0, 2, 0), (0, 0, 1))]
    )
)
def test_supercells_of_a_bulk_give_the_same_front(matrix: tuple[tuple[int, ...], ...]) -> None:
    cell = _cell("LCO")
    larger = SourceCell(
        cell.structure.make_supercell(matrix, in_place=False), cell.conventional, cell.label, cell.average
    )
    fronts = [
        [
            (len(f.structure), round(f.strain, 6), round(f.area, 3))
            for f in interfaces([Part(c, ((1, 0, 4),)), _part("CoO", 1, 0, 0)], InterfaceSpec(80))
        ]
        for c in (cell, larger)
    ]
    assert fronts[0] == fronts[1]


def test_budget_too_small_names_the_smallest_cell() -> None:
    parts = [_part("LCO", 1, 0, 4), _part("CoO", 1, 0, 0)]
    with pytest.raises(InputError, match="the smallest has 32 atoms"):
        interfaces(parts, InterfaceSpec(20))
    assert len(interfaces(parts, InterfaceSpec(32))[0].structure) == 32


@pytest.mark.slow
def test_all_terminations_are_told_apart() -> None:
    found = interfaces([_part("LCO", 1, 0, 4), _part("LPSCl", 1, 0, 0)], InterfaceSpec(140, all_terminations=True))
    names = {(f.faces[0].slab.termination.label, f.faces[1].slab.bottom, f.faces[1].turned) for f in found}
    assert len(names) == len(found) > 1
    assert all(_failed(f) == [] for f in found)


def test_energy_of_the_user_chooses_the_registry() -> None:
    asked: list[int] = []

    def energy(structure: Structure) -> float:
        asked.append(len(structure))
        return -float(len(asked))  # the last one looked at is the lowest

    found = interfaces([_part("LCO", 0, 0, 1), _part("CoO", 1, 1, 1)], InterfaceSpec(40, energy=energy))
    assert len(asked) > 1
    assert _failed(found[0]) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"form": "sandwich"}, "allowed: vacuum, periodic"),
        ({"gap": -1.0}, "above 0 Å"),
        ({"max_strain": 0.0}, "largest strain"),
        ({"max_atoms": 1}, "at least 2 atoms"),
        ({"vacuum": 0.0}, "vacuum"),
    ],
)
def test_bad_specification(change: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        InterfaceSpec(**change)  # type: ignore[arg-type]


def test_parts_need_names_of_their_own() -> None:
    with pytest.raises(InputError, match="different names"):
        interfaces([_part("CoO", 1, 0, 0), _part("CoO", 1, 1, 0)])
    with pytest.raises(InputError, match="at least two"):
        interfaces([_part("CoO", 1, 0, 0)])


def test_pareto_front_by_hand() -> None:
    costs = np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 2.0], [3.0, 0.5]])
    assert pareto_front(costs).tolist() == [1, 0, 4]


def _claims(found: Interface) -> list[Claim]:
    return [
        Claim(layer.label, layer.face.slab.facet.cell.structure, layer.vectors, strain)
        for layer, strain in zip(found.block.layers, found.strains, strict=True)
    ]


def _verdicts(structure: Structure, found: Interface, mismatch: float | None = None) -> set[str]:
    checks = check_interface(
        structure, _claims(found), found.strain if mismatch is None else mismatch, found.block.gaps, found.empty
    )
    return {check.name for check in checks if not check.ok}


def test_checker_sees_a_moved_atom() -> None:
    broken = _oxides().structure.copy()
    broken.translate_sites([0], [0.02, 0, 0], frac_coords=False)
    assert any(name.startswith("sites of") for name in _verdicts(broken, _oxides()))


def test_checker_sees_a_missing_atom() -> None:
    broken = _oxides().structure.copy()
    broken.remove_sites([0])
    assert {"composition of LCO", "neutrality of LCO"} <= _verdicts(broken, _oxides())


def test_checker_sees_a_lost_or_turned_moment() -> None:
    found = _oxides()
    moments: list[float | None] = list(found.structure.site_properties["magmom"])
    turned = [abs(moment) for moment in moments if moment is not None]
    assert "sites of CoO" in _verdicts(
        found.structure.copy(site_properties={**found.structure.site_properties, "magmom": turned}), found
    )
    moments[0] = None
    assert "moments" in _verdicts(
        found.structure.copy(site_properties={**found.structure.site_properties, "magmom": moments}), found
    )


def test_checker_sees_a_wrong_strain_gap_or_cell() -> None:
    found = _oxides()
    assert _verdicts(found.structure, found, found.strain + 1e-3) == {"mismatch"}
    stretched = Structure(
        found.structure.lattice.matrix * [[1.01], [1], [1]],
        found.structure.species,
        found.structure.frac_coords,
        site_properties=found.structure.site_properties,
    )
    assert {"strain of LCO", "strain of CoO"} <= _verdicts(stretched, found)
    tilted = found.structure.lattice.matrix.copy()
    tilted[2, 0] = 0.5
    tilted_cell = Structure(
        tilted, found.structure.species, found.structure.frac_coords, site_properties=found.structure.site_properties
    )
    assert "cell" in _verdicts(tilted_cell, found)


def test_checker_sees_contacts_that_are_too_close() -> None:
    found = _oxides()
    structure = found.structure.copy()
    upper = [k for k, site in enumerate(structure) if site.properties["layer"] == "CoO"]
    structure.translate_sites(upper, [0, 0, -1.2], frac_coords=False)
    assert {"distances", "cell"} <= _verdicts(structure, found)


def test_checker_sees_a_dipole_that_nothing_claims() -> None:
    found = _oxides()
    lithium = [k for k, site in enumerate(found.structure) if site.specie.symbol == "Li"]
    moved = found.structure.copy()
    moved.translate_sites(lithium, [0, 0, 0.1], frac_coords=False)
    assert {"polarity of LCO", "sites of LCO"} <= _verdicts(moved, found)
    polar = [replace(claim, polar=True) for claim in _claims(found)]
    checks = check_interface(moved, polar, found.strain, found.block.gaps, found.empty)
    assert "polarity of LCO" not in {check.name for check in checks if not check.ok}


def test_checker_sees_vectors_that_are_no_translations() -> None:
    found = _oxides()
    claims = [Claim(c.label, c.bulk, c.vectors * [[1.0], [0.5]], c.strain) for c in _claims(found)]
    checks = check_interface(found.structure, claims, found.strain, found.block.gaps, found.empty)
    assert {"periodicity of LCO", "periodicity of CoO"} <= {check.name for check in checks if not check.ok}
    with pytest.raises(StructureError, match="not what it claims"):
        require_sound(checks, "interface 1")


def test_checker_sees_foreign_layers() -> None:
    found = _oxides()
    renamed = found.structure.copy(
        site_properties={**found.structure.site_properties, "layer": ["X"] * len(found.structure)}
    )
    assert _verdicts(renamed, found) == {"layers"}


@pytest.mark.parametrize(
    "name",
    [
        "LCO",
        "CoO",
        "NiO",
        "Co3O4",
        "LPSCl",
        "LGPS",
        "LPS",
        "LIC",
        "Li2CO3",
        "Li3BO3",
        "Li2WO4",
        "NCM532",
        "Li2O2",
        "CoS2",
    ],
)
def test_every_bulk_passes_the_check_of_distances(name: str) -> None:
    """The radii are those of ions in crystals: peroxides, disulfides and carbonates keep the distances that interfaces
    are held to."""
    check = check_distances_by_radii(_cell(name).structure)
    assert check.ok, check.detail
