"""What claims on interfaces rest on: stacks of the shipped recipes and their dynamics, really run.

``python -m catholyte.tests.support.campaigns.interface_campaigns FOLDER`` runs them in a store in FOLDER, where finished
jobs are reused, and packs it as ``tests/data/interface-campaigns.tar.xz``: apart from that of the other claims, since it
holds trajectories, with positions to :data:`DECIMALS` and without what goes on from their ends. Names of recipes behind
FOLDER run these alone and pack nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from catholyte.configs.load import load_recipe
from catholyte.configs.recipe import Choice, Recipe
from catholyte.tests.support.campaigns.small_campaigns import pack, run_steps, with_sections

__all__ = ["DECIMALS", "NAMED", "PACKED", "of_interfaces", "rounded"]

PACKED = Path(__file__).parents[2] / "data" / "interface-campaigns.tar.xz"
#: of positions in Å; no event of these stacks differs, nor at 0.01 Å
DECIMALS = 3
#: recipe to the stacks that run and what is other in them, to the materials of the controls, and to what that shortens
_SHORTENED: dict[str, tuple[dict[str, dict[str, Any]], tuple[str, ...], str]] = {
    "gsirr": (
        {"LCO|LPSCl": {}, "CoO|LPSCl": {}},
        ("LPSCl", "LCO", "CoO"),
        "one replica of 2 ps by CHGNet in place of three by two potentials, without forces of SevenNet on its frames",
    ),
    "nmc532-lgps": (
        {"NCM532|LGPS": {"orientations": 1, "registries": 1}},
        ("LGPS", "NCM532"),
        "one lateral position in place of the best of up to four, without forces of SevenNet on the frames",
    ),
}
#: in this order
NAMED = tuple(_SHORTENED)


def of_interfaces(name: str) -> Recipe:
    """Return a recipe whose section `interface` holds what its claims name; it says so among its choices.

    Parameters
    ----------
    name : str
        One of :data:`NAMED`.
    """
    recipe = load_recipe(name)[0]
    section = recipe.model_dump(mode="json")["interface"]
    systems, controls, told = _SHORTENED[name]
    section["engine"] = section["dynamics"]["engine"] = section["relaxation"]["engine"] = "chgnet"
    section["systems"] = [{**one, **systems[one["name"]]} for one in section["systems"] if one["name"] in systems]
    section["dynamics"]["seeds"] = [0]
    section["dynamics"]["controls"] = [one for one in section["dynamics"]["controls"] if one["material"] in controls]
    reason = "the store of the page of claims: what the recipe asks for beyond it takes hours"
    choice = Choice(setting="shortened for the claims: interface", value=told, reason=reason)
    return with_sections(name, {"interface": section}, choice)


def rounded(output: dict[str, Any]) -> None:
    """Leave the frames of relaxations out of a document and those of dynamics at :data:`DECIMALS`, without its restart."""
    if frames := output.get("trajectory"):
        moving = output["kind"] == "md"
        output["trajectory"] = {**frames, "positions": _rounded(frames["positions"])} if moving else None
    if output.get("restart"):
        output["restart"] = None


def _rounded(positions: Any) -> Any:
    return np.round(np.array(positions, dtype=float), DECIMALS).tolist()


if __name__ == "__main__":
    only = sys.argv[2:] or NAMED
    for one in only:
        run_steps(of_interfaces(one), ("interface",), Path(sys.argv[1]), engine="chgnet")
    if only == NAMED:
        pack(Path(sys.argv[1]) / "store", NAMED, PACKED, rounded)
