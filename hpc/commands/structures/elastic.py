"""The command ``elastic``: elastic tensor and moduli of a crystal by a potential, and what cleaves it along a facet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.crystals import Elasticity
from ..command import Command
from ..options import MaterialOrFile, Seed, States, StorePlace, require_known
from ..output import say, table_of
from .ranking import job_results

if TYPE_CHECKING:
    from ....structures.surfaces.facet import SourceCell
    from ....structures.surfaces.slab import Slab
    from ....workflows.documents import CalculationDocument
    from ....workflows.engines.engine import Engine as AnyEngine

__all__ = ["COMMAND", "elastic"]


def elastic(
    material: MaterialOrFile,
    engine: Annotated[str, typer.Option(help="Potential that relaxes the cells and gives the stresses.")] = "chgnet",
    strain: Annotated[
        tuple[float, float], typer.Option(help="Two amplitudes of strain; each is taken with both signs.")
    ] = (0.005, 0.01),
    max_force: Annotated[float, typer.Option(help="Largest force of crystal and strained cells, eV/Å.")] = 0.005,
    max_steps: Annotated[int, typer.Option(help="Largest number of steps of a relaxation.")] = 1000,
    facet: Annotated[
        str | None,
        typer.Option(help="Facet along which the crystal is cleaved too, e.g. 104 or 1,0,-4; none if left out."),
    ] = None,
    states: States = None,
    seed: Seed = 0,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Compute the elastic tensor of a crystal, its moduli as a polycrystal, and whether it is stable.

    The crystal is relaxed and strained in every way that its symmetry tells apart; the atoms relax in each cell. All
    are jobs of a store, so that the same call again computes nothing. Moduli are GPa. The cleavage energy, J/m², is
    twice the surface energy of a slab of at least 10 Å, relaxed and as it was cut.

    Raises
    ------
    InputError
        If the call names something unknown, or the facet repeats a dipole.
    CalculationError
        If a relaxation does not converge, or the crystal is unstable.
    """
    from jobflow import Flow

    from ....analysis.cells.elasticity import stored_elasticity
    from ....structures.by_name import find_source
    from ....structures.crystals.oxidation.states import parse_states
    from ....workflows.engines.engine import Engine
    from ....workflows.engines.registry import potential_names
    from ....workflows.flows.elastic import elastic_jobs

    require_known("--engine", engine, potential_names(), "potential")
    if not all(0 < one <= 0.05 for one in strain) or not max_force > 0 or max_steps < 1:
        raise InputError("--strain: amplitudes above 0 and at most 0.05; --max-force above 0, --max-steps at least 1")
    cell = find_source(material, seed, states=parse_states(states))
    jobs = elastic_jobs(cell.structure, cell.label, Engine(engine), tuple(sorted(set(strain))), (max_force, max_steps))
    if facet is not None:
        _slab(cell, facet)  # refused before anything runs
    flow = Flow([jobs.crystal, jobs.build, *jobs.strained])
    crystal, cells, *documents = job_results(flow, store)
    found = stored_elasticity(cells, documents)
    cleaved = None if facet is None else _cleaved(cell, facet, (Engine(engine), max_steps), crystal, store)
    return {"material": cell.label, "engine": engine, **found.to_json(), "cleavage": cleaved}


def _slab(cell: SourceCell, facet: str) -> Slab:
    """The slab of a facet that repeats no dipole."""
    from ....structures.interfaces.request import parse_facet
    from ....structures.surfaces.slab import SlabSpec, slabs

    miller = parse_facet(f"{cell.label}:{facet}")[1]
    if miller is None or not any(miller):
        raise InputError(f"--facet: {facet!r} names no plane; write 104 or 1,0,-4")
    found = slabs(cell, miller, SlabSpec(thickness=10.0, vacuum=12.0))[0]
    if found.polar:
        raise InputError(
            f"--facet: {facet} of {cell.label} repeats a dipole of {found.repeat_dipole:.3f} e/Å, and its energy grows "
            "with the thickness; take another facet"
        )
    return found


def _cleaved(
    cell: SourceCell, facet: str, how: tuple[AnyEngine, int], crystal: CalculationDocument, store: str | None
) -> dict[str, Any]:
    """Relax a slab on the lattice of the relaxed crystal, and say what parts the latter."""
    from jobflow import Flow

    from ....analysis.cells.cleavage import crystal_cleavage
    from ....structures.crystals.cells import canonical_order
    from ....structures.interfaces.request import on_lattice_of
    from ....workflows.engines.tasks import Relax

    engine, max_steps = how
    slab = _slab(on_lattice_of(cell, crystal.initial_structure, crystal.structure), facet)
    task = Relax(max_force=0.02, max_steps=max_steps, relax_cell=False, keep_symmetry=False)
    label = f"{cell.label} slab"
    (whole,) = job_results(
        Flow([engine.maker(task).job_for(canonical_order(slab.structure), label)]), store, arrays=True
    )
    found = crystal_cleavage(label, whole, crystal)
    miller = list(slab.facet.miller)
    return {"facet": miller, "relaxed": found.relaxed, "unrelaxed": found.unrelaxed, "n_atoms": found.n_atoms}


def _show(document: dict[str, Any]) -> None:
    rows = [
        {"": str(i + 1), **{str(j + 1): f"{v:.1f}" for j, v in enumerate(row)}}
        for i, row in enumerate(document["tensor"])
    ]
    heads = {key: key for key in ("", *"123456")}
    table_of(f"{document['material']}: elastic tensor by {document['engine']} (GPa)", heads, rows)
    for name in ("bulk", "shear"):
        found = document[name]
        say(f"{name} modulus: {found['hill']:.1f} GPa ({found['reuss']:.1f} by Reuss, {found['voigt']:.1f} by Voigt)")
    say(
        f"bulk / shear {document['pugh']:.2f}, Young's modulus {document['young']:.1f} GPa, Poisson's ratio "
        f"{document['poisson']:.3f}, anisotropy {document['anisotropy']:.2f}"
    )
    if cleaved := document["cleavage"]:
        facet = " ".join(map(str, cleaved["facet"]))
        say(f"cleavage along ({facet}): {cleaved['relaxed']:.2f} J/m² relaxed, {cleaved['unrelaxed']:.2f} as cut")


COMMAND = Command(elastic, _show, Elasticity)
