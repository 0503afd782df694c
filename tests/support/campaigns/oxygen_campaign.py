"""A campaign of oxygen loss made by hand."""

from __future__ import annotations

from catholyte.structures.crystals.cells import prepared_cell
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.vacancy import lithium_vacancies, oxygen_sites, oxygen_vacancy
from catholyte.tests.support.crystals import LCO
from catholyte.tests.support.engines.toy_engine import toy_document
from catholyte.workflows.documents import CalculationDocument

__all__ = ["campaign"]


def campaign(tier: str = "chgnet", levels: int = 3) -> list[CalculationDocument]:
    """Orderings, a host, 0 to `levels` - 1 lithium vacancies, two oxygen vacancies in the lowest arrangement of each;
    energies fall with the lithium."""
    cell = prepared_cell(conventional(LCO).make_supercell((2, 1, 1)), LCO)
    base = toy_document("LCO host 1", cell)

    def made(label: str, structure: object, energy: float) -> CalculationDocument:
        return toy_document(label, structure, energy=energy, tier=tier)

    found = [made(f"LCO ordering {k}", cell, base.energy + 0.1 * k) for k in range(1, 6)]
    found.append(made("LCO host 1", cell, base.energy))
    for n in range(levels):
        sets = lithium_vacancies(cell, n, 2) if n else []
        for k, one in enumerate(sets, 1):
            found.append(made(f"LCO Li-{n} {k}", one.structure, base.energy + 7.0 * n + 0.01 * k))
        parent, energy = (sets[0].structure, base.energy + 7.0 * n + 0.01) if n else (cell, base.energy)
        for site in oxygen_sites(parent)[:2]:
            found.append(
                made(
                    f"LCO Li-{n} 1 O-{site.index}", oxygen_vacancy(parent, site.index).structure, energy + 7.3 - 0.4 * n
                )
            )
    return found
