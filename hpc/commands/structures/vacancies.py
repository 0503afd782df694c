"""The command ``vacancies``: lithium vacancies and an oxygen vacancy, written to files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.structures import Vacancies
from ..command import Command
from ..options import FileFormat, MaterialOrFile, OutFolder, Seed, States, require_known
from ..output import ending, signed_amounts, table, unspaced_formula, write_cell

if TYPE_CHECKING:
    from ....structures.defects.vacancy import OxygenSite, VacancySet

__all__ = ["COMMAND", "vacancies"]

HEADS = (
    "vacancy",
    "formula",
    "environment",
    "ewald (eV/cell)",
    "closest pair (Å)",
    "nearest metal (Å)",
    "ions",
    "file",
)


def vacancies(
    material: MaterialOrFile,
    out: OutFolder,
    lithium: Annotated[
        int, typer.Option(help="Number of lithium vacancies in the cell; each oxidises one metal ion.")
    ] = 0,
    n: Annotated[int, typer.Option("-n", help="Number of distinct sets of lithium vacancies.")] = 1,
    oxygen: Annotated[
        str,
        typer.Option(
            help="Oxygen vacancies, one a cell: none, environments (one per first shell) or all (per inequivalent "
            "site)."
        ),
    ] = "none",
    supercell: Annotated[tuple[int, int, int], typer.Option(help="Multiples of the calculation cell.")] = (1, 1, 1),
    charged: Annotated[bool, typer.Option("--charged", help="Leave the charge uncompensated.")] = False,
    states: States = None,
    seed: Seed = 0,
    file_format: FileFormat = "json",
) -> dict[str, Any]:
    """Make lithium vacancies and an oxygen vacancy; distances are Å, energies eV/cell.

    Raises
    ------
    InputError
        If the call names nothing to remove, or something unknown.
    StructureError
        As :mod:`catholyte.structures.defects.vacancy`.
    """
    from ....structures.by_name import find_material
    from ....structures.crystals.cells import calculation_cell
    from ....structures.crystals.oxidation.states import parse_states
    from ....structures.defects.vacancy import lithium_vacancies, oxygen_sites, oxygen_vacancy

    ending(file_format)
    require_known("--oxygen", oxygen, ("none", "environments", "all"))
    if min(supercell) < 1:
        raise InputError(f"supercell {' × '.join(map(str, supercell))}: whole numbers of at least 1 are needed")
    if lithium == 0 and oxygen == "none":
        raise InputError("nothing to remove: give --lithium N, --oxygen environments or --oxygen all")
    found = find_material(material, states=parse_states(states))
    cell = calculation_cell(found, seed).make_supercell(supercell, in_place=False)
    sets = lithium_vacancies(cell, lithium, n, seed, charged)
    stem = f"{found.name}-vLi{lithium}"
    rows = []
    for k, vacancy in enumerate(sets if lithium else (), 1):
        path = write_cell(vacancy.structure, out, f"{stem}-{k:03d}", file_format)
        rows.append(_row("Li", k, vacancy, path))
    sites: list[OxygenSite] = []
    if oxygen != "none":
        host, removed = sets[0].structure, cell.frac_coords[list(sets[0].removed)]
        sites = _representatives(oxygen_sites(host), oxygen)
        for k, site in enumerate(sites, 1):
            vacancy = oxygen_vacancy(host, site.index, charged)
            row = _row("O", k, vacancy, write_cell(vacancy.structure, out, f"{stem}-vO-{k:03d}", file_format))
            distances = host.lattice.get_all_distances(host[site.index].frac_coords, removed)[0]
            row["vacancy_vacancy"] = sorted(map(float, distances))
            rows.append(
                {**row, "environment": site.environment, "bridge": site.bridge, "multiplicity": len(site.members)}
            )
    return {
        "material": found.name,
        "n_atoms": len(cell),
        "vacancies": rows,
        "sampling": {
            "method": sets[0].method,
            "seed": seed,
            "n_samples": sets[0].n_samples,
            "n_distinct": len(sets),
            "n_asked": n,
        },
        "oxygen_sites": [{**asdict(site), "members": list(site.members)} for site in sites],
    }


def _representatives(sites: list[OxygenSite], which: str) -> list[OxygenSite]:
    """All inequivalent sites, or the first one of each environment."""
    if which == "all":
        return sites
    return list({site.environment: site for site in reversed(sites)}.values())[::-1]


def _row(kind: str, number: int, vacancy: VacancySet, path: Path) -> dict[str, Any]:
    return {
        "kind": kind,
        "number": number,
        "formula": unspaced_formula(vacancy.structure),
        "removed": list(vacancy.removed),
        "energy": None if vacancy.energy != vacancy.energy else vacancy.energy,
        "oxidised": vacancy.oxidised,
        "charge": vacancy.charge,
        "vacancy_vacancy": list(vacancy.vacancy_vacancy),
        "nearest_metal": [{"species": species, "distance": distance} for species, distance in vacancy.nearest_metal],
        "file": str(path),
    }


def _show(document: dict[str, Any]) -> None:
    rows = []
    for row in document["vacancies"]:
        metal = row["nearest_metal"][0] if row["nearest_metal"] else None
        near = f"{metal['species']} {metal['distance']:.2f}" if metal else None
        apart = row["vacancy_vacancy"][0] if row["vacancy_vacancy"] else None
        ions = signed_amounts(row["oxidised"])
        rows.append(
            (row["kind"], row["formula"], row.get("environment"), row["energy"], apart, near, ions, row["file"])
        )
    table(f"vacancies of {document['material']}", HEADS, rows)


COMMAND = Command(vacancies, _show, Vacancies)
