"""The command ``elastic``: elastic tensor and moduli of a crystal by a potential."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ....configs.errors import InputError
from ..answers.crystals import Elasticity
from ..command import Command
from ..options import MaterialOrFile, Seed, States, StorePlace, require_known
from ..output import say, table_of
from .ranking import job_results

__all__ = ["COMMAND", "elastic"]


def elastic(
    material: MaterialOrFile,
    engine: Annotated[str, typer.Option(help="Potential that relaxes the cells and gives the stresses.")] = "chgnet",
    strain: Annotated[
        tuple[float, float], typer.Option(help="Two amplitudes of strain; each is taken with both signs.")
    ] = (0.005, 0.01),
    max_force: Annotated[float, typer.Option(help="Largest force of crystal and strained cells, eV/Å.")] = 0.005,
    max_steps: Annotated[int, typer.Option(help="Largest number of steps of a relaxation.")] = 1000,
    states: States = None,
    seed: Seed = 0,
    store: StorePlace = None,
) -> dict[str, Any]:
    """Compute the elastic tensor of a crystal, its moduli as a polycrystal, and whether it is stable.

    The crystal is relaxed and strained in every way that its symmetry tells apart; the atoms relax in each cell. All
    are jobs of a store, so that the same call again computes nothing. Moduli are GPa.

    Raises
    ------
    InputError
        If the call names something unknown.
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
    flow = Flow([jobs.crystal, jobs.build, *jobs.strained])
    _, cells, *documents = job_results(flow, store)
    found = stored_elasticity(cells, documents)
    return {"material": cell.label, "engine": engine, **found.to_json()}


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


COMMAND = Command(elastic, _show, Elasticity)
