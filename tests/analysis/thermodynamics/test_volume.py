"""Volume ledgers: hand-checkable sums, sources, balance, gases, and refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catholyte.analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET, PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.reaction_results import balanced_amounts
from catholyte.analysis.thermodynamics.reactions import react
from catholyte.analysis.thermodynamics.volume import GASES, Term, Volumes
from catholyte.analysis.thermodynamics.volume_changes import (
    decomposition_volumes,
    named_reaction,
    pair_volumes,
    parse_products,
    volume_balance,
)
from catholyte.configs.errors import InputError, UnknownNameError
from catholyte.configs.load import CONFIGS, MATERIALS_VARIABLE, load_materials, material
from catholyte.configs.models import Density
from catholyte.tests.support.phase_sets import BY_HAND, entry, phase_set
from catholyte.tests.support.referees.evidence import Referee

OXIDATION = ["LiCl", "1/2 P2S5", "5/2 S"]


@pytest.fixture(scope="module")
def shipped() -> PhaseSet:
    return load_phase_set(DEFAULT_PHASE_SET)


def molar_mass(formula: str) -> float:
    weights = {"Li": 6.94, "P": 30.973762, "S": 32.06, "Cl": 35.45}  # IUPAC 2021, conventional
    from pymatgen.core.composition import Composition

    return sum(weights[element.symbol] * amount for element, amount in Composition(formula).items())


def test_oxidation_of_lpscl_is_the_sum_of_molar_masses_over_densities(shipped: PhaseSet, refereed: Referee) -> None:
    found = named_reaction("LPSCl", parse_products(OXIDATION), shipped, Volumes(shipped))
    assert found.reaction == "Li6PS5Cl -> LiCl + 0.5 P2S5 + 2.5 S + 5 Li"
    densities = {name: material(name).density for name in ("LPSCl", "LiCl", "P2S5", "S")}
    rho = {name: density.value for name, density in densities.items() if density}
    assert found.before == pytest.approx(molar_mass("Li6PS5Cl") / rho["LPSCl"], rel=1e-3)
    parts = [molar_mass("LiCl") / rho["LiCl"], 0.5 * molar_mass("P2S5") / rho["P2S5"], 2.5 * molar_mass("S") / rho["S"]]
    assert [share.contribution for share in found.shares[1:]] == pytest.approx(parts, rel=1e-3)
    away, by = abs(found.after / sum(parts) - 1), "molar masses over measured densities"
    refereed(
        "molar volume of the products of LPSCl's oxidation",
        away,
        1e-3,
        of="analysis.thermodynamics.volume_changes.named_reaction",
        by=by,
        unit="relative",
    )
    assert found.change is not None
    assert found.change < 0
    assert found.lithium == pytest.approx(-5)
    assert any("5 Li given to the anode" in note for note in found.notes)


def test_an_own_density_wins_and_gives_the_printed_volume_back(shipped: PhaseSet) -> None:
    own = {"LPSCl": Density(value=1.64, kind="pellet", source="a pressed pellet")}
    found = named_reaction("LPSCl", parse_products(OXIDATION), shipped, Volumes(shipped, own=own))
    assert found.before == pytest.approx(163.6, abs=0.1)  # 268.4 g/mol over 1.64 g/cm³
    assert found.shares[0].volume is not None
    assert (found.shares[0].volume.kind, "pellet" in found.shares[0].volume.source) == ("own", True)
    assert any("different kinds (crystal, own)" in note for note in found.notes)


def test_amounts_that_are_left_out_follow_from_the_balance(shipped: PhaseSet) -> None:
    bare = named_reaction("LPSCl", parse_products(["LiCl", "P2S5,S"]), shipped, Volumes(shipped))
    spelled = named_reaction("LPSCl", parse_products(["LiCl + 0.5 P2S5 + 2.5 S"]), shipped, Volumes(shipped))
    assert bare.reaction == spelled.reaction
    assert bare.after == pytest.approx(spelled.after)
    reduced = named_reaction("LPSCl", parse_products(["Li2S", "LiCl", "Li3P"]), shipped, Volumes(shipped))
    assert reduced.reaction == "Li6PS5Cl + 8 Li -> 5 Li2S + LiCl + Li3P"
    assert reduced.change is not None
    assert reduced.change > 0


@pytest.mark.parametrize(
    ("products", "message"),
    [
        (["LiCl", "P2S5"], "is not balanced: no amounts fit P, S"),
        (["2 LiCl", "P2S5", "S"], "is not balanced: no amounts fit Cl"),
        (["Li3PS4", "Li2S", "LiCl", "P2S5", "S", "LiPS3"], "more than one set of amounts balances"),
        (["LiCl", "P", "P2S5", "2 P2S5"], "negative amount of P"),
        (["LiCl", "0.5 of P2S5"], "unknown|not a chemical formula|neither a material"),
        ([""], "is not a product"),
        ([], "the list of products is empty"),
        (["1/0 LiCl"], "divides by zero"),
    ],
)
def test_products_that_cannot_be(products: list[str], message: str, shipped: PhaseSet) -> None:
    with pytest.raises(InputError, match=message):
        named_reaction("LPSCl", parse_products(products), shipped, Volumes(shipped))


def test_a_gas_leaves(shipped: PhaseSet) -> None:
    found = named_reaction("Li2CO3", parse_products(["CO2", "O2"]), shipped, Volumes(shipped))
    assert found.reaction == "Li2CO3 -> CO2 + 0.5 O2 + 2 Li"
    assert (found.after, found.percent) == (0.0, -100.0)
    assert "CO2, O2: a gas at 298 K and 1 bar, leaves and counts no volume" in found.notes


def test_gases_are_no_solids_of_the_library_with_a_room_temperature_density() -> None:
    """The densities of their crystals are those of cryogenic temperatures."""
    library = load_materials()
    known = [library[name] for name in sorted(GASES) if name in library]
    assert {"O2", "CO2", "Cl2"} <= {found.name for found in known}
    assert all(found.molecular for found in known)


def test_each_step_of_the_ladder_has_its_ledger(shipped: PhaseSet) -> None:
    found = decomposition_volumes("LPSCl", shipped, Volumes(shipped))
    assert [step.voltage for step in found.steps] == [step.voltage for step in found.window.ladder]
    for step in found.steps:
        assert (step.direction == "reduction") == (step.ledger.lithium > 0)
    assert found.window.oxidation is not None
    first = found.step()
    assert first.voltage == found.window.oxidation.voltage
    assert found.step(10.0) == found.steps[-1]
    assert found.step(-1.0) == found.steps[0]
    inside = (found.window.reduction.voltage + found.window.oxidation.voltage) / 2
    with pytest.raises(InputError, match=r"does not decompose at .* V: its window is"):
        found.step(inside)


def test_a_pair_weighs_both_reactants(shipped: PhaseSet) -> None:
    result = react("LCO", "LPSCl", shipped)
    assert result.mutual.kink is not None
    found = pair_volumes(result, result.mutual.kink, shipped, Volumes(shipped))
    x = result.mutual.kink.x
    single = [Volumes(shipped).known(Term(1.0, formula))[0].value for formula in ("LiCoO2", "Li6PS5Cl")]
    assert found.before == pytest.approx(x * single[0] + (1 - x) * single[1])
    assert found.lithium == 0


def test_relaxed_volumes_scale_with_the_formula_unit() -> None:
    toys = phase_set(BY_HAND, entry("Li4O2", -12.5, id="own", volume=50.0, volume_source="relaxed cell (toy)"))
    (found,) = [v for v in Volumes(toys, ["relaxed"]).known(Term(1.0, "Li2O")) if v.kind == "relaxed"]
    assert found.value == pytest.approx(25.0 * 0.602214076)
    assert Volumes(toys, ["relaxed"]).known(Term(1.0, "Li2O"))[0] == found
    assert Volumes(toys).known(Term(1.0, "Li2O"))[0].kind == "crystal"


def test_a_relaxed_volume_says_what_it_owes_to_the_arrangement(shipped: PhaseSet) -> None:
    """LPSCl in 13 atoms: four arrangements within 1.5 meV/atom, 19.10 to 19.83 Å³/atom."""
    relaxed = {volume.kind: volume for volume in Volumes(shipped).known(Term(1, "Li6PS5Cl"))}["relaxed"]
    told = "the 4 arrangements of the library's ordered cell, within 1.5 meV/atom, hold 149.5 to 155.2 mL/mol"
    assert told in relaxed.source
    assert 149.0 < relaxed.value < 155.3
    assert all("arrangements" not in volume.source for volume in Volumes(shipped).known(Term(1, "Li2S")))


def test_volumes_of_one_kind_stand_beside_the_mixed_ones() -> None:
    made = (("Li2O2", -6.7, 33.0), ("Li2O", -6.1, 25.0))
    relaxed = [entry(f, e, id=f"own-{f}", material=f, volume=v, volume_source="relaxed cell (toy)") for f, e, v in made]
    toys = phase_set(BY_HAND, *relaxed)
    found = named_reaction("Li2O2", parse_products(["Li2O", "O2"]), toys, Volumes(toys))
    assert found.alternatives["relaxed"] == pytest.approx((33.0 * 0.602214076, 25.0 * 0.602214076))
    assert set(found.alternatives) == {"crystal", "relaxed"}


def test_a_volume_that_nobody_knows_is_said() -> None:
    toys = phase_set({**BY_HAND, "Li7S2O9": -20.0})
    found = volume_balance([Term(1.0, "Li7S2O9")], [Term(2.0, "S"), Term(4.5, "O2")], Volumes(toys))
    assert (found.unknown, found.before, found.change, found.percent) == (("Li7S2O9",), None, None, None)
    assert "no volume is known of Li7S2O9" in found.notes
    assert found.to_json()["before"] is None


def test_names_that_do_not_exist() -> None:
    with pytest.raises(UnknownNameError, match="unknown kind of volume 'cristal'; did you mean crystal"):
        Volumes(None, ["cristal"])
    with pytest.raises(InputError, match="not a chemical formula"):
        Volumes(None, own={"LPSC1x": Density(value=1.0, source="mine")})


@settings(deadline=None)  # a busy machine takes its time
@given(st.lists(st.floats(0.1, 5), min_size=4, max_size=4), st.floats(0.01, 100))
def test_ledgers_balance_and_scale(amounts: list[float], scale: float) -> None:
    """Products of any amounts come from the reactant that holds their atoms; all volumes scale with the reaction."""
    names = ("Li2O", "Li2S", "Li3P", "P2S5")
    counts: dict[str, float] = {}
    from pymatgen.core.composition import Composition

    for name, amount in zip(names, amounts, strict=True):
        for element, number in Composition(name).items():
            counts[element.symbol] = counts.get(element.symbol, 0.0) + amount * number
    reactant = "".join(f"{symbol}{number:.12f}" for symbol, number in counts.items())
    volumes = Volumes(None)
    after = [Term(amount, name) for amount, name in zip(amounts, names, strict=True)]
    found = volume_balance([Term(1.0, reactant)], after, volumes)
    assert abs(found.lithium) < 1e-6
    more = volume_balance(
        [Term(scale, reactant)], [Term(scale * term.coefficient, term.formula) for term in after], volumes
    )
    assert more.after == pytest.approx(scale * (found.after or 0))
    with pytest.raises(InputError, match="does not balance: O "):
        volume_balance([Term(1.0, reactant)], after[1:], volumes)


@given(st.integers(1, 9), st.integers(1, 9))
def test_named_amounts_are_found_again(a: int, b: int) -> None:
    toys = phase_set(BY_HAND)
    reactant = toys.resolve(f"Li{2 * a}O{a}S{b}")
    products = [toys.resolve("Li2O"), toys.resolve("S")]
    assert balanced_amounts(reactant, products) == pytest.approx([a, b])
    assert balanced_amounts(reactant, products, [float(a), None]) == pytest.approx([a, b])


def test_lithium_is_conserved_where_its_exchange_leaves_the_amounts_open() -> None:
    toys = phase_set(BY_HAND)
    products = [toys.resolve("Li2O"), toys.resolve("O2")]
    assert balanced_amounts(toys.resolve("Li2O2"), products) == pytest.approx([1, 0.5])


def test_a_library_that_changes_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a material that the user's own folder adds, the volume is known as long as the folder is named."""
    shipped = (CONFIGS / "materials" / "Li2S.yaml").read_text()
    (tmp_path / "Cs2S.yaml").write_text(
        shipped.replace("Li2S", "Cs2S").replace("Li+", "Cs+").replace("Li1", "Cs1").replace("value: 1.64", "value: 4.0")
    )
    term = Term(1, "Cs2S")
    assert Volumes().known(term) == ()
    monkeypatch.setenv(MATERIALS_VARIABLE, str(tmp_path))
    assert Volumes().known(term)[0].value == pytest.approx((2 * 132.905 + 32.06) / 4.0, rel=1e-3)
    monkeypatch.delenv(MATERIALS_VARIABLE)
    assert Volumes().known(term) == ()
