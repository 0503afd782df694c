"""What the page of claims rests on beside the phase set: jobs of the shipped recipes that claims need, really run.

``python -m catholyte.tests.support.campaigns.claim_campaigns FOLDER`` runs them in a store in FOLDER, where finished jobs
are reused, and packs it as ``tests/data/claim-campaigns.tar.xz``. Jobs are those of the recipes, so that the store of
``catholyte run gsirr --only transport`` has them too; materials that no claim names are left out, and the trajectories
of relaxations. Where a section takes hours, fewer of its arrangements run (:data:`SHORTENED`), which the page says of
each of its numbers. Names of recipes behind FOLDER run these alone and pack nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from catholyte.configs.load import load_recipe
from catholyte.configs.recipe import Choice, Recipe
from catholyte.tests.support.campaigns.small_campaigns import pack, run_steps, with_sections

__all__ = ["DECIMALS", "NAMED", "PACKED", "SHORTENED", "of_claims", "slim"]

PACKED = Path(__file__).parents[2] / "data" / "claim-campaigns.tar.xz"
#: of states/eV, on a grid of 0.01 eV: centres move by less than 0.001 eV
DECIMALS = 3
#: recipe to section to the materials in it that claims name; None where it is taken whole
NAMED: dict[str, dict[str, tuple[str, ...] | None]] = {
    "core-shell": {"mechanics": ("LPSCl", "LiCl", "Li2S")},
    "glassy-ceramic": {"transport": ("Li2TiO3", "Co3O4"), "mechanics": ("LCO", "Li3BO3")},
    "gsirr": {"transport": ("CoO",), "oxygen_loss": None, "segregation": None},
    "li-rich": {"transport": None, "oxygen_loss": None},
    "nmc532-lgps": {"transport": None, "oxygen_loss": None, "polymorphs": None, "d_bands": None},
}
#: recipe to section to the systems that run in place of its own, and what that shortens
SHORTENED: dict[str, dict[str, tuple[str, list[dict[str, Any]]]]] = {
    "li-rich": {
        "oxygen_loss": (
            "two orderings in place of ten, no lithium out and two oxygen atoms; W is the recipe's",
            [
                {
                    "material": "LRMO",
                    "orderings": {"n": 2, "keep": 1},
                    "ladder": {"lithium_vacancies": [0], "candidates": 1, "samples": 1, "max_sites": 2},
                    "substitutions": [
                        {
                            "ion": "W6+",
                            "leaving": "Mn",
                            "sites": ["Mn", "Li"],
                            "compensation": "reduction",
                            "candidates": 1,
                            "near": 2,
                            "far": 2,
                        }
                    ],
                    "kpoints": [2, 2, 2],
                }
            ],
        )
    },
    "nmc532-lgps": {
        "oxygen_loss": (
            "two orderings in place of 30, 0 and 12 lithium out, one arrangement and two oxygen atoms each",
            [
                {
                    "material": "NCM532",
                    "orderings": {"n": 2, "keep": 1},
                    "ladder": {"lithium_vacancies": [0, 12], "candidates": 1, "samples": 1, "max_sites": 2},
                    "kpoints": [2, 2, 2],
                }
            ],
        )
    },
}


def of_claims(name: str) -> Recipe:
    """Return a recipe whose sections hold what its claims name; it says so among its choices.

    Parameters
    ----------
    name : str
        One of :data:`NAMED`.
    """
    recipe = load_recipe(name)[0].model_dump(mode="json")
    sections = {step: _only(recipe[step], kept) for step, kept in NAMED[name].items()}
    if name in SHORTENED:
        sections |= {step: {**recipe[step], "systems": systems} for step, (_, systems) in SHORTENED[name].items()}
        value = "; ".join(told for told, _ in SHORTENED[name].values())
        reason = "the store of the page of claims: what the recipe asks for beyond it takes hours"
        setting = f"shortened for the claims: {', '.join(SHORTENED[name])}"
        return with_sections(name, sections, Choice(setting=setting, value=value, reason=reason))
    told = "; ".join(f"{step}: {', '.join(kept)}" for step, kept in NAMED[name].items() if kept)
    reason = "the store of the page of claims: materials that no claim names are left out, the jobs are the recipe's"
    return with_sections(name, sections, Choice(setting="materials of the shipped store", value=told, reason=reason))


def slim(output: dict[str, Any]) -> None:
    """Leave the frames of relaxations out of a document, and densities of states at :data:`DECIMALS`."""
    if output.get("trajectory"):
        output["trajectory"] = None
    if states := output.get("dos"):
        told = {
            name: np.round(np.array(states[name], dtype=float), DECIMALS).tolist() for name in ("densities", "total")
        }
        output["dos"] = {**states, **told}


def _only(section: dict[str, Any], kept: tuple[str, ...] | None) -> dict[str, Any]:
    """A section with some of its materials, or systems of these."""
    if kept is None:
        return section
    if "systems" in section:
        return {**section, "systems": [one for one in section["systems"] if one["material"] in kept]}
    return {**section, "materials": [name for name in section["materials"] if name in kept]}


if __name__ == "__main__":
    only = sys.argv[2:] or list(NAMED)
    for one in only:
        run_steps(of_claims(one), NAMED[one], Path(sys.argv[1]))
    if only == list(NAMED):
        pack(Path(sys.argv[1]) / "store", NAMED, PACKED, slim)
