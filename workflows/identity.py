"""Content addressing: a job's uuid is the hash of what it computes.

The uuid of a job becomes a function of its inputs: function, maker, arguments, and, for an input
that another job produces, that job's own uuid and the attribute taken. So the same question has the
same uuid in every recipe, on every machine and on every run; a store that holds an answer under
that uuid need not compute it again, and two managers cannot compute it under two names.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

from jobflow import Flow, Job
from monty.json import MontyDecoder, MontyEncoder

from ..configs.homes import first_home
from .engines.registry import load_backend

__all__ = ["NAMESPACE", "content_address", "identity", "iter_jobs"]

#: all uuids of this scheme live in one UUIDv5 namespace
NAMESPACE = uuid.UUID("6f1d3b0e-5a57-5c0c-9d2a-2f1c7f3f8a10")
#: keyword arguments of our jobs that say where an answer belongs in a flow
_ROLES = {"role", "roles"}
#: decimals kept of lattice vectors (Å), coordinates and site properties of a structure: they agree to this on every
#: platform
DECIMALS = 8
#: digits kept of every other number, small tolerances included
SIGNIFICANT = 12


def iter_jobs(flow: Flow | Job) -> Iterator[Job]:
    """Yield every job of a nested flow in an order in which inputs come first."""
    if isinstance(flow, Job):
        yield flow
        return
    from networkx import topological_sort  # jobflow's own iterator warns about flows of independent jobs

    graph = flow.graph
    for node in topological_sort(graph):
        if "job" in graph.nodes[node]:  # a job of another flow that is referred to has none
            yield graph.nodes[node]["job"]


def identity(job: Job | dict[str, Any]) -> str:
    """Return the content-derived uuid of one job whose references already carry content-derived uuids.

    Parameters
    ----------
    job : Job or dict
        A job, or its serialised form.

    Notes
    -----
    What an answer is for is no part of the question: a role stands beside the label, which people read and which is
    hashed, so the arguments `role` and `roles` are left out. Of two flows that ask the same question, the second finds
    the document of the first with the role that it had there.
    """
    data = job if isinstance(job, dict) else _serialised(job)
    kwargs = {key: value for key, value in data["function_kwargs"].items() if key not in _ROLES}
    question = {"function": data["function"], "function_args": data["function_args"], "function_kwargs": kwargs}
    canonical = json.dumps(_canonical(question), sort_keys=True, separators=(",", ":"))
    return str(uuid.uuid5(NAMESPACE, hashlib.sha256(canonical.encode()).hexdigest()))


def content_address(flow: Flow | Job) -> tuple[Flow, dict[str, str]]:
    """Return the same jobs under content-derived uuids, in one flat flow, each question once.

    Parameters
    ----------
    flow : Flow or Job
        References may only point to jobs inside the flow or to jobs that already carry
        content-derived uuids. The flow's output, where it has one, is kept.

    Returns
    -------
    flow : Flow
    renamed : dict of str to str
        Old uuid to content-derived uuid.
    """
    renamed: dict[str, str] = {}
    kept: dict[str, Job] = {}
    for job in iter_jobs(flow):
        data = _serialised(job)
        data = _rename(data, renamed)
        new = identity(data)
        renamed[job.uuid] = new
        if new not in kept:
            data = _rename(data, {job.uuid: new})
            data["hosts"] = []
            kept[new] = MontyDecoder().process_decoded(data)
    output = None
    if isinstance(flow, Flow) and flow.output is not None:
        output = MontyDecoder().process_decoded(_rename(_plain(flow.output), renamed))
    return Flow(list(kept.values()), output=output, name=flow.name), renamed


def _plain(thing: Any) -> Any:
    return json.loads(json.dumps(thing, cls=MontyEncoder))


def _serialised(job: Job) -> dict[str, Any]:
    data: dict[str, Any] = _plain(job.as_dict())
    return data


def _rename(node: Any, names: dict[str, str]) -> Any:
    """Replace whole strings that are uuids of renamed jobs."""
    if isinstance(node, str):
        return names.get(node, node)
    if isinstance(node, dict):
        return {key: _rename(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_rename(value, names) for value in node]
    return node


def _canonical(node: Any, decimals: int | None = None) -> Any:
    """Return `node` without what is no part of the question: versions of libraries, names for people, resources,
    rounding noise."""
    if isinstance(node, dict):
        kind = str(node.get("@class", ""))
        if kind == "OutputReference":
            return {"uuid": node["uuid"], "attributes": _canonical(node.get("attributes"))}
        if kind == "Engine":
            backend = load_backend(node["name"], node["settings"])
            return {"engine": node["name"], "version": backend.version(), "numerics": _canonical(backend.numerics())}
        if kind == "Structure":
            node, decimals = _independent(node), DECIMALS
        volatile = {"@version", "name", "origin"} if kind.endswith("Maker") else {"@version"}
        kept = {key: _canonical(value, decimals) for key, value in node.items() if key not in volatile}
        return {**kept, "@module": first_home(kept["@module"])} if isinstance(kept.get("@module"), str) else kept
    if isinstance(node, (list, tuple)):
        return [_canonical(value, decimals) for value in node]
    if isinstance(node, float):
        return round(node, decimals) + 0.0 if decimals is not None else float(f"{node:.{SIGNIFICANT}g}") + 0.0
    return node


def _independent(structure: dict[str, Any]) -> dict[str, Any]:
    """A serialised structure without the numbers that follow from others: each would be one more chance to round
    differently."""
    lattice = {key: structure["lattice"][key] for key in ("matrix", "pbc") if key in structure["lattice"]}
    return {
        **structure,
        "lattice": lattice,
        "sites": [
            {key: value for key, value in site.items() if key != "xyz"}
            | {"species": [_as_written(species) for species in site["species"]]}
            for site in structure["sites"]
        ],
    }


def _as_written(species: dict[str, Any]) -> dict[str, Any]:
    """A serialised species with its oxidation state as pymatgen reads it from a text: 1 and -1, and 3.0.

    Species that are equal share one object in pymatgen's caches: whether it says 3 or 3.0 depends on what was read
    before.
    """
    state = species.get("oxidation_state")
    if not isinstance(state, (int, float)):
        return species
    return {**species, "oxidation_state": int(state) if abs(state) == 1 else float(state)}
