"""Reactions beside measured enthalpies: by hand, against pymatgen, and how often the stated error covers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from pymatgen.analysis.interface_reactions import InterfacialReactivity
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core.composition import Composition

from catholyte.analysis.thermodynamics.formation import (
    MEASURED_ERROR,
    Measurements,
    formation_energy,
    formation_table,
    measurement_scales,
    measurements,
    residual_scores,
)
from catholyte.analysis.thermodynamics.open_species import OpenSpecies
from catholyte.analysis.thermodynamics.open_system import react_open
from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reactions import react, react_many
from catholyte.configs.constants import KJ_PER_MOL
from catholyte.tests.support.phase_sets import entry, phase_set
from catholyte.tests.support.referees.evidence import Referee

#: eV per formula unit; the elements are the zero
TOY = {"Li": 0.0, "O2": 0.0, "S": 0.0, "C": 0.0, "Li2O": -6.0, "Li2O2": -6.6, "Li2S": -4.5, "Li2SO4": -14.0}


def table(**electronvolts: float) -> Measurements:
    """Measured enthalpies in eV per formula unit; a formula with an underscore is a gas."""
    return Measurements.model_validate(
        {
            "sources": {"table": {"citation": "made up for a test", "license": "MIT"}},
            "compounds": [
                {
                    "formula": formula.rstrip("_"),
                    "enthalpy": value * KJ_PER_MOL,
                    "source": "table",
                    "state": "gas" if formula.endswith("_") else "crystal",
                }
                for formula, value in electronvolts.items()
            ],
        }
    )


FIVE = {"Li2O": -6.3, "Li2O2": -6.6, "Li2S": -4.2, "Li2SO4": -13.3, "Li2CO3": -12.0}


def toy(**changes: float) -> PhaseSet:
    return phase_set({**TOY, "Li2CO3": -12.6, **changes})


@pytest.fixture(scope="module")
def shipped() -> PhaseSet:
    return load_phase_set(DEFAULT_PHASE_SET)


def test_measured_compounds_have_their_enthalpy_and_all_else_stays() -> None:
    polymorph = entry("Li2O", -5.7, id="toy-other-Li2O")
    given = phase_set({**TOY, "Li2CO3": -12.6, "LiO2": -2.0, "CO2": -4.0}, polymorph)
    scales = measurement_scales(given, table(**FIVE, CO2_=-4.5))
    assert scales is not None
    moved = {one.id: one for one in scales.measured.entries}
    for formula, value in FIVE.items():
        found = moved[f"toy-{formula}"]
        assert formation_energy(found, scales.measured) * found.composition.num_atoms == pytest.approx(value)
        assert found.error == MEASURED_ERROR
    assert moved["toy-other-Li2O"].energy_per_atom - moved["toy-Li2O"].energy_per_atom == pytest.approx(0.1)
    kept = [one for one in given.entries if one.formula in {"Li", "O2", "S", "C", "LiO2", "CO2"}]
    assert [moved[one.id] for one in kept] == kept
    assert scales.elsewhere == {"CO2": "gas"}


def test_too_few_measured_compounds_say_nothing() -> None:
    assert measurement_scales(toy(), table(Li2O=-6.0, Li2S=-4.5)) is None
    assert react("Li2S", "O2", phase_set({"Li": 0, "O2": 0, "S": 0, "Li2O": -6.0})).measured is None


def test_the_error_of_a_reaction_by_hand() -> None:
    """Deviations of the five: +0.1, 0, -0.1, -0.1 and -0.1 eV/atom, one class each or of too few: the error of all."""
    given = toy()
    scales = measurement_scales(given, table(**FIVE))
    assert scales is not None
    deviations = np.array([0.3 / 3, 0.0, -0.3 / 3, -0.7 / 7, -0.6 / 6])
    bias, scatter = float(deviations.mean()), float(deviations.std())
    found = {one.formula: one for one in given.entries}
    # within one class the bias cancels and the scatter adds up; elements have no error
    within = scales.sigma({found["Li2O2"]: 0.5, found["Li2O"]: -0.5, found["Li"]: 1.0}, measured=False)
    assert within == pytest.approx(scatter * 0.5**0.5)
    across = scales.sigma({found["Li2S"]: 0.6, found["Li2O"]: -0.6}, measured=False)
    assert across == pytest.approx(0.6 * (2 * bias**2 + 2 * scatter**2) ** 0.5)
    assert scales.sigma({found["Li2S"]: 0.6, found["Li2O"]: -0.8}, measured=True) == pytest.approx(MEASURED_ERROR)


def test_a_reaction_of_measured_compounds_is_hess_law(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 Li2S + O2 -> 2 Li2O + 2 S from the enthalpies: (2·6.3 - 2·4.2)/8 = 0.525 eV/atom."""
    enthalpies = table(Li2O=-6.3, Li2S=-4.2, Li2Se=-1.0, Li2Te=-1.0, Li3P=-1.0)
    monkeypatch.setattr("catholyte.analysis.thermodynamics.formation.measurements", lambda: enthalpies)
    given = phase_set(
        {"Li": 0, "O2": 0, "S": 0, "Se": 0, "Te": 0, "P": 0, "Li2O": -6.0, "Li2S": -4.5}
        | {"Li2Se": -1.1, "Li2Te": -0.9, "Li3P": -1.2}
    )
    result = react("Li2S", "O2", given)
    assert result.mutual.energy == pytest.approx(-0.375)
    found = result.measured
    assert found is not None
    assert found.mutual.value == pytest.approx(-0.525)
    assert found.mutual.sigma == pytest.approx(MEASURED_ERROR * (2 * 0.75**2) ** 0.5)
    assert (found.measured, found.computed, found.reason) == (("Li2O", "Li2S"), (), "")
    assert result.to_json()["against_measurement"]["mutual"]["value"] == found.mutual.value


def test_pymatgen_is_the_peer_on_the_measured_scale(shipped: PhaseSet, refereed: Referee) -> None:
    """The peer's energies are put together here: computed ones of the file, measured ones from the table's enthalpies."""
    rows = {row.formula: row for row in formation_table(shipped, measurements()) if row.state == "crystal"}
    references = {el: shipped.entry_for(el) for el in shipped.elements}

    def energy(one: Any) -> float:
        row = rows.get(next((f for f in rows if Composition(f).reduced_formula == one.composition.reduced_formula), ""))
        if row is None:
            return float(one.energy_per_atom)
        above = one.energy_per_atom - shipped.entry_for(row.formula).energy_per_atom  # type: ignore[union-attr]
        fractions = {el.symbol: n for el, n in one.composition.fractional_composition.items()}
        return float(row.measured + above + sum(n * references[el].energy_per_atom for el, n in fractions.items()))  # type: ignore[union-attr]

    for a, b in (("LiCoO2", "Li6PS5Cl"), ("CoO", "Li6PS5Cl"), ("Li2CO3", "Li6PS5Cl"), ("LiNiO2", "Li3PS4")):
        found = react(a, b, shipped).measured
        assert found is not None
        assert found.mutual.value is not None
        elements = {el.symbol for formula in (a, b) for el in Composition(formula)}
        hull = PhaseDiagram(
            [PDEntry(e.composition, energy(e) * e.composition.num_atoms) for e in shipped.within(elements)]
        )
        lines = InterfacialReactivity(Composition(a), Composition(b), hull, norm=True, use_hull_energy=True)
        refereed(
            "mutual reaction energy from measured enthalpies, four pairs",
            abs(found.mutual.value - float(lines.minimum[1])),
            1e-6,
            of="analysis.thermodynamics.reactions.react",
            by="pymatgen, InterfacialReactivity on energies put together from the table",
            unit="eV/atom",
        )


def test_fluids_and_unmeasured_compounds_give_no_number(shipped: PhaseSet) -> None:
    found = react_open("Li2CO3", "LPSCl", shipped, OpenSpecies(4.2)).measured
    assert found is not None
    assert (found.mutual.value, found.mutual.sigma, found.reaction) == (None, None, None)
    assert "CO2 (gas)" in found.reason


def test_by_calorimetry_cobalt_oxide_is_not_more_stable_than_lithium_cobalt_oxide(shipped: PhaseSet) -> None:
    """Against LPSCl and LGPS alike, by more than the DFT scale lets one see (AUDIT, V, 1)."""
    for electrolyte in ("LPSCl", "LGPS"):
        lco, coo = (react(oxide, electrolyte, shipped).measured for oxide in ("LCO", "CoO"))
        assert lco is not None
        assert coo is not None
        assert lco.mutual.value is not None
        assert coo.mutual.value is not None
        assert coo.mutual.value < lco.mutual.value - 0.05


@pytest.mark.slow
def test_the_stated_errors_cover_reactions_of_measured_compounds(shipped: PhaseSet, refereed: Referee) -> None:
    """Every pair of measured compounds on a set of nothing but these and the elements: what the energies of the set
    give, minus Hess' law, in the errors stated."""
    rows = {row.entry: row for row in formation_table(shipped, measurements()) if row.state == "crystal"}
    inside = tuple(one for one in shipped.entries if one.id in rows or len(one.composition) == 1)
    part, scales = shipped.changed(name="measured compounds", entries=inside), measurement_scales(shipped)
    assert scales is not None
    scores, narrow = [], []
    for curve in react_many(list(combinations([row.formula for row in rows.values()], 2)), part):
        kink = int(curve.mutual.argmin())
        if curve.mutual[kink] > -1e-6:
            continue
        changes = curve.changes(kink, "mutual")
        away = sum(n * rows[one.id].deviation for one, n in changes.items() if one.id in rows)
        scores.append(abs(away) / scales.sigma(changes, measured=False))
        narrow.append(abs(away) / sum((n * one.error) ** 2 for one, n in changes.items()) ** 0.5)
    assert len(scores) > 1500
    assert np.mean(np.array(narrow) > 2) > 0.3, "errors against other DFT are no errors against measurement"
    refereed(
        f"reactions of measured compounds beyond 2σ against measurement, {len(scores)} pairs",
        float(np.mean(np.array(scores) > 2)),
        0.1,
        of="analysis.thermodynamics.formation.MeasurementScales.sigma",
        by="Hess' law from measured enthalpies",
        unit="fraction",
    )


def test_each_class_covers_the_compound_that_it_was_not_estimated_from(shipped: PhaseSet, refereed: Referee) -> None:
    """A tenth at most, or one compound of a class of fewer than ten."""
    scores = residual_scores(formation_table(shipped, measurements()))
    for kind in sorted({row.kind for row, _ in scores}):
        found = [abs(score) for row, score in scores if row.kind == kind]
        refereed(
            f"compounds beyond 2σ of their class without them, {kind} ({len(found)})",
            float(np.mean([score > 2 for score in found])),
            max(0.1, 1 / len(found)),
            of="analysis.thermodynamics.formation.residual_scores",
            by="measured enthalpies, one left out at a time",
            unit="fraction",
        )
