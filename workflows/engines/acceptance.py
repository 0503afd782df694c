"""The gate behind every engine: a result is looked at before it is believed, and the verdict travels with it.

Checks that refuse stop a result from entering the store: it is not finite, not converged, not what was asked.
Checks that do not refuse ask for review: moments outside their windows, a volume that ran away.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from pymatgen.core.periodic_table import Element, Species

from ...configs.errors import CalculationError
from ...structures.crystals.crystal import MINIMUM_DISTANCE
from ...structures.crystals.magnetism import moment_window
from ..documents import Acceptance, CalculationDocument, Check
from .tasks import Dos, MolecularDynamics, Relax, Task

__all__ = ["MAX_VOLUME_CHANGE", "NO_MOMENT", "accept", "assess", "has_open_shell"]

#: relative change of the volume of a relaxed cell, beyond which the starting cell was another phase
MAX_VOLUME_CHANGE = 0.2
#: µB, by which the total moment of O2 may differ from 2
_TRIPLET = 0.1
#: µB; moments below it have no direction
NO_MOMENT = 0.3


def assess(document: CalculationDocument, task: Task, has_moments: bool = True) -> Acceptance:
    """Return the verdict on a result; checks that the engine has already made are kept.

    Parameters
    ----------
    document : CalculationDocument
    task : Relax, Static, Dos or MolecularDynamics
        What was asked.
    has_moments : bool
        False for an engine that computes none.
    """
    checks = [
        _finite(document),
        Check(name="electronic convergence", ok=document.convergence.electronic, detail=document.convergence.detail),
        _ionic(document, task),
        _forces(document),
        _distances(document),
        _composition(document),
        _moments_present(document, task, has_moments),
        *_moments(document, task),
        *_gap(document, task),
        *_triplet(document, task),
        *_volume(document, task),
        *_hubbard(document, task),
        *_bands(document, task),
        *_frames(document, task),
        *_altered(document),
    ]
    own = document.acceptance.checks if document.acceptance else []
    return Acceptance.of([*checks, *own])


def accept(document: CalculationDocument, task: Task, has_moments: bool = True) -> CalculationDocument:
    """Return the document with its verdict, as :func:`assess` gives it.

    Raises
    ------
    CalculationError
        If a check that refuses has failed, naming every such check.
    """
    verdict = assess(document, task, has_moments)
    if not verdict.accepted:
        told = "; ".join(f"{check.name}: {check.detail}" for check in verdict.failed())
        raise CalculationError(
            f"{document.label}: the result is not accepted: {told}",
            "look at the files of the run; nothing of it has entered the store",
        )
    return document.model_copy(update={"acceptance": verdict})


def _finite(document: CalculationDocument) -> Check:
    stress = np.asarray(document.stress if document.stress is not None else 0.0, dtype=float)
    cell = np.asarray(document.structure.lattice.matrix)
    ok = bool(
        np.isfinite(document.energy)
        and np.isfinite(stress).all()
        and np.isfinite(cell).all()
        and np.isfinite(document.structure.frac_coords).all()
    )
    return Check(name="finite numbers", ok=ok, detail=f"energy {document.energy:.6f} eV")


def _ionic(document: CalculationDocument, task: Task) -> Check:
    found = document.convergence
    if isinstance(task, MolecularDynamics):
        return Check(
            name="steps complete", ok=found.n_steps >= task.n_steps, detail=f"{found.n_steps} of {task.n_steps} steps"
        )
    detail = f"largest force {found.max_force:.4f} eV/Å after {found.n_steps} steps"
    return Check(name="ionic convergence", ok=found.ionic, detail=detail)


def _forces(document: CalculationDocument) -> Check:
    forces = np.asarray(document.forces, dtype=float)
    ok = forces.shape == (document.n_sites, 3) and bool(np.isfinite(forces).all())
    net = float(np.linalg.norm(forces.sum(axis=0))) / document.n_sites if ok else float("nan")
    return Check(
        name="forces present", ok=ok, detail=f"net force {net:.4f} eV/Å per atom" if ok else "missing or not finite"
    )


def _distances(document: CalculationDocument) -> Check:
    if document.n_sites < 2:
        return Check(name="shortest distance", ok=True, detail="one atom")
    table = document.structure.distance_matrix + np.diag(np.full(document.n_sites, np.inf))
    i, j = np.unravel_index(int(np.argmin(table)), table.shape)
    names = f"{document.structure[int(i)].specie.symbol} {i} and {document.structure[int(j)].specie.symbol} {j}"
    return Check(
        name="shortest distance",
        ok=bool(table[i, j] >= MINIMUM_DISTANCE),
        detail=f"{table[i, j]:.3f} Å between {names}",
    )


def _composition(document: CalculationDocument) -> Check:
    before = [site.specie.symbol for site in document.initial_structure]
    after = [site.specie.symbol for site in document.structure]
    return Check(name="same atoms in the same order", ok=before == after, detail=f"{len(after)} sites")


def _moments_present(document: CalculationDocument, task: Task, has_moments: bool) -> Check:
    expected = bool(_start(document).any()) and (task.method is None or task.method.spin_polarized)
    there = document.magmoms is not None
    if expected and not (there or has_moments):
        return Check(name="moments present", ok=False, refuses=False, detail="this engine computes none")
    detail = "not expected" if not expected else f"expected and {'there' if there else 'missing'}"
    return Check(name="moments present", ok=there or not expected, detail=detail)


def _start(document: CalculationDocument) -> np.ndarray:
    given = document.initial_structure.site_properties.get("magmom")
    return np.array([float(m or 0.0) for m in given]) if given is not None else np.zeros(document.n_sites)


def _moments(document: CalculationDocument, task: Task) -> list[Check]:
    """Sizes against the window of the starting moment, and signs against its sign.

    A transition metal that starts without a moment has the window 0 to 0.4 µB: low-spin Co3+ that ends at 3 µB is
    another ion. Nothing is refused: where an electron went, the ledger of oxidation states says.
    """
    start, symbols = _start(document), [site.species_string for site in document.structure]
    looked_at = np.abs(start) >= NO_MOMENT
    looked_at |= [Element(site.specie.symbol).is_transition_metal for site in document.structure]
    name = "moments in their windows"
    if document.magmoms is None:
        spinless = task.method is not None and not task.method.spin_polarized
        if not (spinless and any(has_open_shell(site.specie) for site in document.structure)):
            return []
        return [Check(name=name, ok=False, refuses=False, detail="not looked at: the run has no spin")]
    if not looked_at.any():
        return []
    found = np.array(document.magmoms)
    outside = []
    for i in np.flatnonzero(looked_at):
        low, high = moment_window(abs(float(start[i])))
        if not low <= abs(found[i]) <= high:
            outside.append(f"{symbols[i]} {i}: {found[i]:.2f} µB, expected {low:.2f} to {high:.2f}")
    checks = [Check(name=name, ok=not outside, refuses=False, detail="; ".join(outside[:8]) or "all")]
    if document.moments_signed and start.any():
        flipped = [
            f"{symbols[i]} {i}"
            for i in range(len(start))
            if min(abs(start[i]), abs(found[i])) >= NO_MOMENT and start[i] * found[i] < 0
        ]
        checks.append(
            Check(
                name="magnetic order kept",
                ok=not flipped,
                refuses=False,
                detail=f"turned over: {', '.join(flipped[:8])}" if flipped else "kept",
            )
        )
    return checks


def _gap(document: CalculationDocument, task: Task) -> list[Check]:
    """A gap where U was asked for and every ion of its elements has one whole charge: without one, the run has ended in
    a metallic state of PBE+U, which can lie far above the insulating one. Ions of two charges may share electrons."""
    if document.band_edges is None or task.method is None or isinstance(task, MolecularDynamics):
        return []
    charges: dict[str, set[float]] = {}
    for site in document.initial_structure:
        if task.method.hubbard_u.get(site.specie.symbol, 0.0) > 0 and has_open_shell(site.specie):
            charges.setdefault(site.specie.symbol, set()).add(getattr(site.specie, "oxi_state", None) or 0.0)
    if not charges or any(len(found) > 1 or not min(found) or min(found) % 1 for found in charges.values()):
        return []
    gap = document.band_edges.gap
    told = (
        f"{gap:.2f} eV" if gap > 0 else "none: look whether another start ends in an insulating state of lower energy"
    )
    return [Check(name="gap", ok=gap > 0, refuses=False, detail=told)]


def _triplet(document: CalculationDocument, task: Task) -> list[Check]:
    """O2 has two unpaired electrons: its singlet, 1 eV higher, is no reference of oxygen."""
    symbols = [site.specie.symbol for site in document.initial_structure]
    if symbols != ["O", "O"] or task.method is None or document.total_magnetization is None:
        return []
    total = abs(document.total_magnetization)
    return [
        Check(name="triplet of O2", ok=abs(total - 2.0) <= _TRIPLET, detail=f"total moment {total:.2f} µB, 2 expected")
    ]


def has_open_shell(species: Species | Element) -> bool:
    """Whether an ion of the d block holds 1 to 9 d electrons; True where its oxidation state is not known."""
    element = species.element if isinstance(species, Species) else species
    if not element.is_transition_metal:
        return False
    charge = getattr(species, "oxi_state", None)
    return charge is None or 0 < element.group - charge < 10


def _volume(document: CalculationDocument, task: Task) -> list[Check]:
    change = document.structure.volume / document.initial_structure.volume - 1
    if isinstance(task, Relax) and task.relax_cell:
        return [
            Check(
                name="volume change",
                ok=abs(change) <= MAX_VOLUME_CHANGE,
                refuses=False,
                detail=f"{100 * change:+.2f} %",
            )
        ]
    return [Check(name="cell kept", ok=abs(change) < 1e-4, detail=f"volume changed by {100 * change:+.4f} %")]


def _hubbard(document: CalculationDocument, task: Task) -> list[Check]:
    if task.method is None or document.signature.cutoff is None:  # an engine with one built-in level of theory
        return []
    present = {element.symbol for element in document.structure.composition.remove_charges().elements}
    wrong = [
        f"{element}: {document.signature.hubbard_u.get(element, 0.0):g} eV, asked {u:g} eV"
        for element, u in task.method.hubbard_u.items()
        if element in present and abs(document.signature.hubbard_u.get(element, 0.0) - u) > 1e-6
    ]
    return [Check(name="U as asked", ok=not wrong, detail="; ".join(wrong) or "all")]


def _bands(document: CalculationDocument, task: Task) -> list[Check]:
    if not isinstance(task, Dos):
        return []
    there = document.dos is not None and bool(np.asarray(document.dos.densities).any())
    return [
        Check(
            name="projected density of states",
            ok=there,
            detail=f"{document.dos.n_bands} bands" if document.dos else "missing",
        )
    ]


def _frames(document: CalculationDocument, task: Task) -> list[Check]:
    if not isinstance(task, MolecularDynamics) or document.trajectory is None:
        return []
    times = document.trajectory.times or []
    steps = {round(b - a, 6) for a, b in pairwise(times)}
    asked = task.timestep * task.frame_interval
    ok = (
        all(abs(step - asked) < 1e-6 for step in steps)
        and len({len(frame) for frame in document.trajectory.positions}) <= 1
    )
    velocities = document.structure.site_properties.get("velocities")
    return [
        Check(name="time step constant", ok=ok, detail=f"{len(times)} frames, {asked:g} fs apart"),
        Check(
            name="velocities kept",
            ok=velocities is not None,
            detail="the next chunk goes on with them" if velocities is not None else "missing",
        ),
    ]


def _altered(document: CalculationDocument) -> list[Check]:
    """Changes of an error handler that make the energy another one: pointed out here, refused where energies are
    subtracted."""
    altered = "; ".join(f"{tag}: {change}" for tag, change in document.signature.altered.items())
    return [Check(name="settings kept by the error handler", ok=not altered, refuses=False, detail=altered or "all")]
