"""d bands against O 2p by hand: known Gaussians, a rigid shift of all energies, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from catholyte.analysis.campaigns import Entry
from catholyte.analysis.report.case import Case, Finished
from catholyte.analysis.report.chapters.solids.d_bands import D_BANDS
from catholyte.analysis.states.d_bands import d_bands
from catholyte.configs.errors import InputError
from catholyte.configs.recipe import Recipe
from catholyte.tests.support.campaigns.campaign_documents import cell_of, made_document
from catholyte.workflows.documents import BandEdges, CalculationDocument, ProjectedDos
from catholyte.workflows.roles import Delithiated

GRID = np.arange(-25, 10, 0.02)


def _peak(centre: float, states: float) -> np.ndarray:
    return states * np.exp(-((GRID - centre) ** 2) / 0.08) / math.sqrt(0.08 * math.pi)


def _document(content: float, cobalt: float, oxygen: float, shift: float = 0.0) -> CalculationDocument:
    """LCO with Gaussian bands: O 2s at -18 eV, to which cobalt lends weight, its d states in two spin channels (4 at
    0.3 eV below `cobalt`, 2 at 0.6 eV above), empty d states at +4 eV."""
    cell = cell_of("LCO")
    densities = np.zeros((2, len(cell), 3, len(GRID)))
    for k, site in enumerate(cell):
        if site.specie.symbol == "O":
            densities[0, k, 0], densities[0, k, 1] = _peak(-18, 2), _peak(oxygen, 5) + _peak(4, 1)
        if site.specie.symbol == "Co":
            densities[0, k, 2] = _peak(cobalt - 0.3, 4) + _peak(-18, 0.3) + _peak(4, 1)
            densities[1, k, 2] = _peak(cobalt + 0.6, 2) + _peak(4, 3)
    dos = ProjectedDos(
        energies=(GRID + shift).tolist(), densities=densities.tolist(), total=densities.sum(axis=(1, 2)).tolist(),
        orbitals=["s", "p", "d"], broadening=0.2, n_bands=20,
    )  # fmt: skip
    edges = BandEdges(efermi=1.0 + shift, vbm=0.0 + shift, cbm=2.5 + shift, gap=2.5)
    role = Delithiated(of="LCO", content=content)
    magmoms = [0.1 if site.specie.symbol == "Co" else 0.0 for site in cell]
    return made_document("LCO", dos=dos, band_edges=edges, role=role, magmoms=magmoms)


def test_centres_by_hand_whatever_the_zero() -> None:
    found = d_bands("LCO", [_document(0.5, -1.5, -3.5, 7.3), _document(1.0, -1.0, -4.0)])
    assert [(one.element, one.content) for one in found] == [("Co", 1.0), ("Co", 0.5)]
    assert [one.centre for one in found] == pytest.approx([3.0, 2.0], abs=1e-3)
    assert [one.from_top for one in found] == pytest.approx([-1.0, -1.5], abs=1e-3)
    assert [one.states for one in found] == pytest.approx([6.0, 6.0], abs=1e-2), "O 2s lends nothing"
    assert [one.moment for one in found] == pytest.approx([0.1, 0.1])


def test_what_has_no_states_or_no_role_is_refused() -> None:
    bare = made_document("LCO", role=Delithiated(of="LCO", content=1.0))
    with pytest.raises(InputError, match="no density of states"):
        d_bands("LCO", [bare])
    with pytest.raises(InputError, match="how much lithium"):
        d_bands("LCO", [made_document("LCO")])


def test_the_chapter_tells_both_ends_of_the_ladder() -> None:
    system = {"material": "LCO", "contents": [1, 0.5], "kpoints": [4, 4, 1]}
    asked = {"d_bands": {"cutoff": 400, "systems": [system]}}
    recipe = Recipe.model_validate({"name": "made", "title": "made", "source": "a test", "hubbard_u": {}, **asked})
    jobs = []
    for document in (_document(1.0, -1.0, -4.0), _document(0.5, -1.5, -3.5)):
        document = document.model_copy(update={"kind": "dos"})
        assert document.role is not None
        told = {"step": "d_bands", "material": "LCO", "name": document.label, "key": document.label, "variant": ""}
        jobs.append(Finished(Entry({**told, "role": document.role.model_dump()}, "done", {}), document))
    case = Case({}, recipe, [job.entry for job in jobs], jobs, {})
    (table,) = D_BANDS.section(case).tables
    assert [(row["element"], row["content"]) for row in table.rows] == [("Co", 1.0), ("Co", 0.5)]
    (quantity,) = D_BANDS.quantities
    half = D_BANDS.value_of(quantity, case, ("Co", "LCO", "0.5"))
    assert half is not None
    assert half.value == pytest.approx(2.0, abs=1e-3)
    results = D_BANDS.results(case)
    assert results is not None
    answer = D_BANDS.answer(results)
    assert answer is not None
    assert "LCO, 1 to 0.5 of the lithium left: Co 3.00 → 2.00 eV" in answer.sentences[0]
    nothing = D_BANDS.section(Case({}, recipe, [], [], {}))
    assert any("no density of states has been computed yet" in str(getattr(b, "text", "")) for b in nothing.blocks)
