"""Surface energies of relaxed slabs by CHGNet: converged with thickness, and in the right order."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.analysis.cells.surface_energy import SurfaceEnergy, fitted_surface_energy, surface_energy
from catholyte.configs.load import material
from catholyte.structures.surfaces.facet import Miller, source_cell
from catholyte.structures.surfaces.slab import SlabSpec, slabs
from catholyte.workflows.engines.registry import load_backend
from catholyte.workflows.engines.tasks import Relax

CASES = {
    "CoO(100)": ("CoO", (1, 0, 0), (5, 8)),
    "CoO(110)": ("CoO", (1, 1, 0), (7, 11)),
    "LCO(104)": ("LCO", (1, 0, 4), (5, 9)),
}


def energies(
    name: str, miller: Miller, layers: tuple[int, int], place: Path
) -> tuple[SurfaceEnergy, SurfaceEnergy, SurfaceEnergy]:
    """Relax the bulk, cut two slabs from it, relax them; γ of each and from the slope."""
    backend = load_backend("chgnet", {})
    cell = source_cell(material(name))
    bulk = backend.calculate(cell.structure, Relax(max_force=0.01), name, place)
    documents = []
    for number in layers:
        slab = slabs(cell.relaxed(bulk.structure), miller, SlabSpec(layers=number))[0]
        assert slab.symmetric
        assert slab.stoichiometric
        documents.append(
            backend.calculate(
                slab.structure, Relax(max_force=0.03, relax_cell=False, keep_symmetry=False), slab.name, place
            )
        )
    assert all(document.convergence.ionic for document in documents)
    thin, thick = (surface_energy(document, bulk) for document in documents)
    return thin, thick, fitted_surface_energy(documents)


@pytest.mark.slow
def test_surface_energies_are_converged_and_ordered(tmp_path: Path) -> None:
    found = {facet: energies(*case, tmp_path) for facet, case in CASES.items()}
    for facet, (thin, thick, fitted) in found.items():
        print(
            f"{facet}: {thin.joule_per_square_metre:.3f} and {thick.joule_per_square_metre:.3f} J/m², from the "
            "slope "
            f"{fitted.joule_per_square_metre:.3f}"
        )
    for thin, thick, fitted in found.values():
        assert thin.value == pytest.approx(thick.value, rel=0.05)
        assert fitted.value == pytest.approx(thick.value, rel=0.05)
    assert found["CoO(100)"][1].value < found["CoO(110)"][1].value
