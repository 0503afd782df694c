"""Own calculations in a phase set: joined where the signature agrees, refused by name otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from pymatgen.core import Lattice

from catholyte.analysis.phase_sets.own_entries import OWN, entries_from_documents, joined_by_new, with_documents
from catholyte.analysis.thermodynamics.phase_set import PhaseSet
from catholyte.configs.errors import InputError, SignatureMismatchError
from catholyte.structures.crystals.crystal import from_space_group
from catholyte.tests.support import phase_sets
from catholyte.workflows.documents import CalculationDocument, Signature

CHGNET = Signature(
    engine="chgnet",
    version="0.4.2",
    functional="CHGNet PBE/PBE+U, MP2020-corrected",
    hubbard_u={},
    potentials="weights 0.3.0",
)
ERRORS = {"chgnet": {"oxide": 0.05, "oxoanion salt": 0.04, "sulfide": 0.03, "chloride": 0.02, "other": 0.06}}


def known() -> PhaseSet:
    return phase_sets.phase_set(phase_sets.BY_HAND).model_copy(
        update={"signatures": {"chgnet": CHGNET}, "errors": ERRORS}
    )


def document(symbol: str = "S", **changes: Any) -> CalculationDocument:
    structure = from_space_group("Fm-3m", Lattice.cubic(5.7), [symbol + "2-", "Li+"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    given = {
        "label": "ordering-1",
        "kind": "relax",
        "tier": "chgnet",
        "formula": "Li8S4",
        "n_sites": 12,
        "initial_structure": structure,
        "structure": structure,
        "energy": -49.8,
        "forces": [[0.0, 0.0, 0.0]] * 12,
        "convergence": {"electronic": True, "ionic": True, "max_force": 0.01, "n_steps": 3},
        "signature": CHGNET,
        "provenance": {"host": "node", "started": "", "finished": "", "wall_seconds": 1, "versions": {}},
        **changes,
    }
    return CalculationDocument.model_validate(given)


def test_an_agreeing_calculation_joins_with_volume_and_error() -> None:
    (entry,) = entries_from_documents([document()], known())
    assert (entry.id, entry.formula, entry.tier, entry.source, entry.material) == (
        "own-ordering-1",
        "Li2S",
        "chgnet",
        OWN,
        "ordering-1",
    )
    assert entry.energy_per_atom == pytest.approx(-4.15)
    assert entry.volume == pytest.approx(5.7**3 / 4, abs=1e-4)
    assert entry.error == ERRORS["chgnet"]["sulfide"]
    joined = with_documents(known(), [document(), document(label="ordering-2", energy=-50.4)])
    lowest = joined.entry_for("Li2S")
    assert lowest is not None
    assert lowest.id == "own-ordering-2"
    assert joined.sha256 != known().sha256
    assert joined.signatures == {"chgnet": CHGNET}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"potentials": "weights r2scan"},
            "ordering-1 cannot join the phase set toy: potentials: weights r2scan against weights 0.3.0",
        ),
        ({"version": "0.5.0"}, "version: 0.5.0 against 0.4.2"),
        ({"engine": "gpaw", "functional": "PBE"}, "engine: gpaw against chgnet; functional: PBE against"),
    ],
)
def test_another_signature_is_refused_naming_what_differs(changes: dict[str, str], said: str) -> None:
    with pytest.raises(SignatureMismatchError, match=said):
        entries_from_documents([document(signature=CHGNET.model_copy(update=changes))], known())


def test_a_tier_without_a_scale_in_the_set_is_refused() -> None:
    with pytest.raises(
        SignatureMismatchError,
        match=(
            r"ordering-1 is a gpaw calculation, which the phase set toy cannot take: .* tiers that live on it: "
            r"chgnet"
        ),
    ):
        entries_from_documents([document(tier="gpaw")], known())
    with pytest.raises(SignatureMismatchError, match="tiers that live on it: none"):
        entries_from_documents([document()], phase_sets.phase_set(phase_sets.BY_HAND))


def test_what_did_not_converge_or_lies_outside_is_refused() -> None:
    with pytest.raises(InputError, match="ordering-1 did not converge"):
        entries_from_documents(
            [document(convergence={"electronic": True, "ionic": False, "max_force": 0.4, "n_steps": 500})], known()
        )
    with pytest.raises(InputError, match="ordering-1 holds Se, outside the phase set toy"):
        entries_from_documents([document(symbol="Se")], known())


def test_only_materials_that_the_set_lacks_join_and_the_lowest_of_several() -> None:
    pinned = known()
    listed = next(entry for entry in pinned.entries if entry.material or entry.formula)
    there = document(label=listed.material or listed.formula)
    joined, told = joined_by_new(pinned, [there, document(label="mine"), document(label="mine", energy=-50.4)])
    assert [entry.id for entry in joined.entries if entry.source == OWN] == ["own-mine"]
    assert joined.resolve("mine").entry == with_documents(pinned, [document(label="mine", energy=-50.4)]).entries[-1]
    assert told == ["mine: its energy is the campaign's own relaxation (tier chgnet), which joined the phase set."]


def test_what_cannot_join_leaves_the_set_as_it_is_and_is_said() -> None:
    joined, told = joined_by_new(
        known(), [document(label="mine", signature=CHGNET.model_copy(update={"version": "0.3"}))]
    )
    assert joined.sha256 == known().sha256
    assert "cannot join" in told[0]
    assert "version: 0.3 against 0.4.2" in told[0]
