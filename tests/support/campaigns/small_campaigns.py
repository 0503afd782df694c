"""The recipes shortened to minutes, and the store of their real results that is shipped for the notebooks.

``python -m catholyte.tests.support.campaigns.small_campaigns FOLDER`` runs them with CHGNet in a store in FOLDER, where
finished jobs are reused, and packs what their campaigns need as ``tests/data/small-campaigns.tar.xz``.
"""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from catholyte.configs.load import load_recipe
from catholyte.configs.recipe import Choice, Recipe
from catholyte.hpc.store.campaign_store import CampaignStore, open_store
from catholyte.tests.support.former.former_stores import unpack_file

__all__ = ["PACKED", "SHORTENED", "pack", "run_steps", "shortened", "unpack_small", "with_sections"]

PACKED = Path(__file__).parents[2] / "data" / "small-campaigns.tar.xz"
Slim = Callable[[dict[str, Any]], None]

#: one arrangement and one oxygen atom at each content, relaxed to 0.1 eV/Å
_ONE = {"candidates": 1, "samples": 1, "max_sites": 1, "max_force": "0.1 eV/Å"}
#: recipe to what was shortened, and to the sections that run
SHORTENED: dict[str, tuple[str, dict[str, Any]]] = {
    "core-shell": (
        "stiffness of LCO, LiCl and Li2S alone; of the ladder of LCO one arrangement a level",
        {
            "mechanics": {"materials": ["LCO", "LiCl", "Li2S"]},
            "oxygen_loss": {
                "systems": [
                    {
                        "material": "LCO",
                        "supercell": [2, 2, 1],
                        "ladder": {
                            "lithium_vacancies": [0],
                            "voltage_only": [2, 4, 6],
                            "candidates": 1,
                            "samples": 1,
                            "max_sites": 1,
                        },
                    }
                ]
            },
        },
    ),
    "glassy-ceramic": (
        "relaxed crystals of LCO, Li2TiO3 and Li3BO3 to 0.05 eV/Å, which the recipe leaves to VASP; stiffness of LCO alone",
        {
            "bulk": {"materials": ["LCO", "Li2TiO3", "Li3BO3"], "max_force": "0.05 eV/Å"},
            "mechanics": {"materials": ["LCO"]},
        },
    ),
    "nmc532-lgps": (
        "a cell of 48 atoms, Li12Ni6Mn4Co2O24, in place of the 120 of NCM532, one ordering, 0 and 6 lithium out, one "
        "arrangement and one oxygen atom each, to 0.1 eV/Å; CHGNet alone",
        {
            "oxygen_loss": {
                "systems": [
                    {
                        "material": "NCM532",
                        "supercell": [2, 2, 1],
                        "composition": "Li12Ni6Mn4Co2O24",
                        "ladder": {"lithium_vacancies": [0, 6], **_ONE},
                    }
                ]
            }
        },
    ),
    "li-rich": (
        "relaxed crystal of LIC; a cell of 48 atoms, Li14Mn6Co2Ni2O24, in place of the 120 of LRMO, one ordering, no "
        "lithium out, one oxygen atom, to 0.1 eV/Å; without W",
        {
            "bulk": {"materials": ["LIC"], "max_force": "0.05 eV/Å"},
            "oxygen_loss": {
                "systems": [
                    {
                        "material": "LRMO",
                        "supercell": [2, 2, 1],
                        "composition": "Li14Mn6Co2Ni2O24",
                        "ladder": {"lithium_vacancies": [0], **_ONE},
                    }
                ]
            },
        },
    ),
}


def shortened(name: str) -> Recipe:
    """Return a recipe with what this module shortens; it says so among its choices.

    Parameters
    ----------
    name : str
        One of :data:`SHORTENED`.
    """
    told, sections = SHORTENED[name]
    reason = "a small store for the notebooks; what the recipe asks for beyond it takes hours"
    choice = Choice(setting="shortened for the notebook", value=told, reason=reason)
    return with_sections(name, {step: {"engine": "chgnet", **part} for step, part in sections.items()}, choice)


def with_sections(name: str, sections: Mapping[str, Any], choice: Choice) -> Recipe:
    """Return a shipped recipe with other sections, and among its choices why.

    Parameters
    ----------
    name : str
    sections : mapping of str to section
    choice : Choice
    """
    fields = load_recipe(name)[0].model_dump(mode="json") | dict(sections)
    return Recipe.model_validate({**fields, "choices": [*fields["choices"], choice.model_dump()]})


def unpack_small(folder: Path) -> Path:
    """Put a copy of the shipped store of shortened recipes into a folder and return it."""
    return unpack_file(PACKED, folder)


def run_steps(recipe: Recipe, steps: Iterable[str], folder: Path, engine: str | None = None) -> None:
    """Run steps of a recipe one by one in the store of a folder; finished jobs are reused.

    Parameters
    ----------
    recipe : Recipe
    steps : iterable of str
    folder : Path
    engine : str, optional
        That runs everything which it can, and nothing else.
    """
    import yaml

    from catholyte.hpc.commands.campaigns.run import run

    file = folder / f"{recipe.name}.yaml"
    fields = recipe.model_dump(mode="json", exclude_none=True)
    file.write_text(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for step in steps:
        print(recipe.name, step, run(str(file), store=str(folder / "store"), only=step, workers=1, engine=engine))


def _copy(source: CampaignStore, target: CampaignStore, names: Iterable[str], slim: Slim) -> None:
    """What the campaigns need: their records, the states of their jobs and the documents of these."""
    records = source.records()
    for name in names:
        entries = records.entries(name)
        keys = [entry.plan["key"] for entry in entries]
        target.campaigns.insert_one(source.campaigns.find_one({"name": name}, {"_id": 0}))
        known = {row["key"] for row in target.states.find({}, {"key": 1})}
        states = [row for row in source.states.find({"key": {"$in": keys}}, {"_id": 0}) if row["key"] not in known]
        target.states.insert_many(states)
        outputs: Any = target.outputs
        for row in states:
            for document in source.outputs.query({"uuid": row["uuid"]}, load=True):
                slim(document["output"] or {})
                outputs.update([document], key=["uuid", "index"], save={"data": ["trajectory"]})


def pack(store: Path, names: Iterable[str], file: Path, slim: Slim = lambda output: None) -> None:
    """Write a shipped store from one in which campaigns ran.

    Parameters
    ----------
    store : Path
    names : iterable of str
        Of the campaigns.
    file : Path
        To be written.
    slim : callable
        Leaves out of a document, in place, what nobody reads.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = open_store(store, create=False), open_store(Path(folder) / "small")
        _copy(source, target, names, slim)
        source.close()
        target.close()
        with tarfile.open(file, "w:xz", preset=9) as packed:
            content = (Path(folder) / "small" / "catholyte.sqlite").read_bytes()
            member = tarfile.TarInfo("catholyte.sqlite")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    for one, (_, parts) in SHORTENED.items():
        run_steps(shortened(one), parts, Path(sys.argv[1]))
    pack(Path(sys.argv[1]) / "store", SHORTENED, PACKED)
