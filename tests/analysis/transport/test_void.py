"""The void by hand: a mole of LiCoO2 that swells, and a mole of argyrodite that decays."""

from __future__ import annotations

import numpy as np
import pytest

from catholyte.analysis.thermodynamics.phase_set import load_phase_set
from catholyte.analysis.thermodynamics.volume import VolumeBalance, Volumes
from catholyte.analysis.thermodynamics.volume_changes import named_reaction, parse_products
from catholyte.analysis.transport.void import Breathing, breathing, void_balance
from catholyte.configs.errors import InputError
from catholyte.tests.support.campaigns.campaign_documents import cell_of, made_document
from catholyte.workflows.documents import CalculationDocument
from catholyte.workflows.roles import Arrangement, Host, OxygenVacancy

SWELLS = Breathing("LCO", "LiCoO2", np.array([0.0, 0.25, 0.5]), np.array([1.0, 1.01, 1.03]), "chgnet")


@pytest.fixture(scope="module")
def decay() -> VolumeBalance:
    phases = load_phase_set("solidstate")
    return named_reaction("LPSCl", parse_products(["LiCl", "1/2 P2S5", "5/2 S"]), phases, Volumes(phases))


def test_both_sides_by_hand(decay: VolumeBalance) -> None:
    found = void_balance(SWELLS, decay, (19.5, 163.6), (13, 7), (119.6, 95.1))
    # 0.65 g of LiCoO2 (97.87 g/mol); 119.6 mAh/g take 0.4367 Li out, which lies between 0.25 and 0.5
    removed = 119.6 * 3.6 / 96485.33 * 97.87
    assert removed == pytest.approx(0.4367, abs=1e-3)
    relative = 0.01 + 0.02 * (removed - 0.25) / 0.25
    assert float(found.cathode_change(119.6)) == pytest.approx(1000 * 0.65 / 97.87 * 19.5 * relative, rel=1e-3)
    assert found.electrons == pytest.approx(5)
    # one mole of Li6PS5Cl gives 5 electrons, 134.0 Ah, and loses `change` mL
    slope = 1000 * decay.change / (5 * 96485.33 / 3.6)
    assert found.slope == pytest.approx(slope, rel=1e-6)
    assert found.whole == pytest.approx(0.35 / 268.4 * 5 * 96485.33 / 3.6 / 0.65, rel=1e-3)
    assert float(found.electrolyte_change(found.whole)) == pytest.approx(1000 * 0.35 / 268.4 * decay.change, rel=1e-3)
    assert found.equal(95.1) * 0.65 * abs(slope) == pytest.approx(found.breath(95.1))
    assert found.lost == pytest.approx(24.5)
    assert found.to_json()["cells"][0]["capacity"] == 119.6


def test_the_widest_change_counts_on_the_way(decay: VolumeBalance) -> None:
    there_and_back = Breathing("LCO", "LiCoO2", np.array([0.0, 0.2, 0.5]), np.array([1.0, 1.02, 1.0]), "chgnet")
    found = void_balance(there_and_back, decay, (19.5, 163.6), (13, 7), (136.0,))
    assert found.breath(136.0) == pytest.approx(1000 * 0.65 / 97.87 * 19.5 * 0.02, rel=1e-3)
    assert found.swing(136.0) == pytest.approx(0.02, rel=1e-3)
    assert found.lost is None


@pytest.mark.parametrize(
    ("scale", "says"), [(1.0, "the decay of the electrolyte opens more"), (8.0, "the breath of LCO opens more")]
)
def test_the_verdict_follows_from_both(decay: VolumeBalance, scale: float, says: str) -> None:
    cathode = Breathing("LCO", "LiCoO2", SWELLS.removed, 1 + scale * (SWELLS.relative - 1), "chgnet")
    assert says in void_balance(cathode, decay, (19.5, 163.6), (13, 7), (119.6, 95.1)).verdict


def test_a_capacity_beyond_the_emptiest_cell_is_refused(decay: VolumeBalance) -> None:
    with pytest.raises(InputError, match="more lithium than the emptiest relaxed cell lacks"):
        void_balance(SWELLS, decay, (19.5, 163.6), (13, 7), (200.0,))


def test_a_reaction_without_charge_is_refused() -> None:
    phases = load_phase_set("solidstate")
    taken = named_reaction("LPSCl", parse_products(["Li2S", "LiCl", "Li3P"]), phases, Volumes(phases))
    with pytest.raises(InputError, match="no charge passes"):
        void_balance(SWELLS, taken, (19.5, 163.6), (13, 7), (95.1,))


def _cell(n: int, energy: float, scale: float) -> CalculationDocument:
    cell = cell_of("LCO").make_supercell((2, 2, 1), in_place=False)
    cell.remove_sites([k for k, site in enumerate(cell) if site.specie.symbol == "Li"][:n])
    cell.scale_lattice(cell_of("LCO").volume * 4 * scale)
    role = Arrangement(of="LCO", n_lithium_vacancies=n, number=1) if n else Host(of="LCO", number=1)
    return made_document("LCO", structure=cell, energy=energy, role=role)


def test_the_lowest_cell_of_each_content_tells_the_volume() -> None:
    documents = [_cell(0, -100, 1.0), _cell(2, -80, 1.02), _cell(2, -81, 1.03), _cell(1, -90, 1.01)]
    hollow = documents[0].model_copy(
        update={
            "role": OxygenVacancy(of="LCO", parent=Arrangement(of="LCO", n_lithium_vacancies=0, number=1), origin=9)
        }
    )
    found = breathing("LCO", [*documents, hollow])
    np.testing.assert_allclose(found.removed, [0, 0.25, 0.5])
    np.testing.assert_allclose(found.relative, [1, 1.01, 1.03])
    assert found.formula == "LiCoO2"
    with pytest.raises(InputError, match="no relaxed cells of several lithium contents"):
        breathing("LCO", documents[:1])
