"""Oxygen vacancies over the lithium content: what one costs, where, and how sure the answer is for the cells that were
sampled.

E_f = E(cell without O) - E(cell) + μ(O); with energies of the MP2020 scale the correction that they hold for the oxygen
is taken off both cells first (see :mod:`.reference`). Which atoms are missing is read off the site property ``origin``
of a calculation's starting cell, so a ladder is put together from documents alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pymatgen.core.structure import Structure

from ...configs.errors import InputError
from ...structures.defects.vacancy import oxygen_sites
from ...workflows.documents import CalculationDocument, require_same_signature
from .defect_energy import defect_energy, missing_atoms
from .ladder import Arrangement, OxygenLadder, OxygenVacancy, Rung
from .reference import OxygenReference

__all__ = ["oxygen_ladder"]

#: relative difference of lattice vectors below which a vacancy stands in its parent's cell
_SAME_CELL = 1e-5
#: relative change of the volume against the host that a reader is told of
MARKED_VOLUME_CHANGE = 0.10
_TINY = 1e-6


def oxygen_ladder(
    host: CalculationDocument, documents: Iterable[CalculationDocument], reference: OxygenReference
) -> OxygenLadder:
    """Put a ladder together.

    Parameters
    ----------
    host : CalculationDocument
        The relaxed cell that nothing is missing of.
    documents : iterable of CalculationDocument
        Cells without some of its lithium, and those without one oxygen atom too; the host itself may be among them.
    reference : OxygenReference

    Raises
    ------
    SignatureMismatchError
        If energies may not be subtracted.
    InputError
        If a cell does not derive from the host, lacks more than one oxygen atom, or its parent is missing or has
        another cell.
    """
    reference.check(host)
    parents: dict[tuple[int, ...], CalculationDocument] = {(): host}
    children: dict[tuple[int, ...], list[tuple[int, CalculationDocument]]] = {}
    for document in documents:
        lithium, oxygen = missing_atoms(document, host)
        if len(oxygen) > 1:
            raise InputError(f"{document.label} lacks {len(oxygen)} oxygen atoms; a ladder takes one at a time")
        if oxygen:
            children.setdefault(lithium, []).append((oxygen[0], document))
        elif lithium:
            parents[lithium] = document
    orphans = sorted(
        document.label for lithium, found in children.items() if lithium not in parents for _, document in found
    )
    if orphans:
        raise InputError(f"{', '.join(orphans)}: the cell with the same lithium and all its oxygen is missing")
    require_same_signature({f"{k} {document.label}": document.signature for k, document in enumerate(parents.values())})
    total = sum(site.specie.symbol == "Li" for site in host.structure)
    rungs = []
    for n in sorted({len(lithium) for lithium in parents}):
        made = [
            _arrangement(lithium, parents[lithium], children.get(lithium, []), host, reference)
            for lithium in parents
            if len(lithium) == n
        ]
        rungs.append(Rung(n, 1 - n / total if total else 1.0, tuple(sorted(made, key=lambda a: a.energy))))
    return OxygenLadder(host, reference, tuple(rungs), tuple(_notes(rungs)))


def _arrangement(
    lithium: tuple[int, ...],
    parent: CalculationDocument,
    children: Sequence[tuple[int, CalculationDocument]],
    host: CalculationDocument,
    reference: OxygenReference,
) -> Arrangement:
    start = parent.initial_structure
    origin = [int(i) for i in start.site_properties.get("origin", range(len(start)))]
    classes = oxygen_sites(start)
    told = {member: one for one in classes for member in one.members}
    shares = _shares([origin.index(number) for number, _ in children], start)
    vacancies = []
    for (number, document), share in zip(children, shares, strict=True):
        _require_cell(document, parent)
        site = told[origin.index(number)]
        energy = defect_energy(document, parent, {"O": reference.on_series})
        shortest = _shortest_oxygen(document.structure)
        vacancies.append(
            OxygenVacancy(document.label, number, site.environment, site.bridge, share, energy, shortest, document)
        )
    change = float(parent.structure.volume / host.structure.volume) - 1
    return Arrangement(
        parent.label,
        lithium,
        parent.energy,
        change,
        tuple(sorted(vacancies, key=lambda v: v.energy)),
        sum(len(one.members) for one in classes),
        parent,
        len({one.environment for one in classes}),
    )


def _shares(taken: Sequence[int], cell: Structure) -> list[float]:
    """How many oxygen atoms each of the sites `taken` stands for."""
    classes = oxygen_sites(cell)
    shares = np.zeros(len(taken))
    for one in classes:
        same = [k for k, site in enumerate(taken) if site in one.members]
        if not same:
            alike = [other for other in classes if other.environment == one.environment]
            same = [k for k, site in enumerate(taken) if any(site in other.members for other in alike)]
        for k in same:
            shares[k] += len(one.members) / len(same)
    return [float(share) for share in shares]


def _require_cell(document: CalculationDocument, parent: CalculationDocument) -> None:
    mine, whole = document.initial_structure.lattice.matrix, parent.structure.lattice.matrix
    if np.abs(mine - whole).max() > _SAME_CELL * np.abs(whole).max():
        raise InputError(
            f"{document.label} does not start from the relaxed cell of {parent.label}: its lattice vectors differ"
        )


def _shortest_oxygen(structure: Structure) -> float:
    sites = [i for i, site in enumerate(structure) if site.specie.symbol == "O"]
    table = structure.distance_matrix[np.ix_(sites, sites)] + np.diag(np.full(len(sites), np.inf))
    return float(table.min())


def _notes(rungs: Sequence[Rung]) -> list[str]:
    """What a reader must know, one sentence for all lithium contents that it holds for."""
    notes = []
    swollen = {
        rung.n_vacancies: far
        for rung in rungs
        if (far := [a for a in rung.arrangements if abs(a.volume_change) > MARKED_VOLUME_CHANGE])
    }
    if swollen:
        change = max((a.volume_change for far in swollen.values() for a in far), key=abs)
        number, of = (
            sum(map(len, swollen.values())),
            sum(len(rung.arrangements) for rung in rungs if rung.n_vacancies in swollen),
        )
        notes.append(
            f"{_listed(list(swollen))} Li vacancies: {number} of {of} cells change their volume by up to "
            f"{100 * change:+.0f} %"
        )
    partial = {
        rung.n_vacancies: min(a.coverage for a in rung.sampled)
        for rung in rungs
        if any(a.coverage < 1 - _TINY for a in rung.sampled)
    }
    if partial:
        least, most = (f"{100 * share:.0f}" for share in (min(partial.values()), max(partial.values())))
        share = least if least == most else f"{least} to {most}"
        notes.append(
            f"{_listed(list(partial))} Li vacancies: the oxygen vacancies stand for {share} % of the oxygen atoms, "
            "averages are over these, and oxygen of a rarer first shell may leave more easily than the lowest"
        )
    single = [rung.n_vacancies for rung in rungs if len(rung.sampled) == 1 and rung.n_vacancies]
    if single:
        notes.append(
            f"{_listed(single)} Li vacancies: one arrangement only, so the spread over arrangements is unknown"
        )
    return notes


def _listed(numbers: Sequence[int]) -> str:
    """Numbers in words: ``0, 2 to 6, 9``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
