"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ...configs.errors import UnknownNameError, near_match_hint

__all__ = [
    "CampaignName",
    "ClusterName",
    "ElementsOption",
    "EngineName",
    "FileFormat",
    "Full",
    "Manager",
    "MaterialOrFile",
    "MaterialOrFormula",
    "OptionalFolder",
    "OutFolder",
    "PhaseSetName",
    "Ranking",
    "RecipeName",
    "Rehearsal",
    "Seed",
    "States",
    "StepName",
    "StorePlace",
    "element_list",
    "require_known",
]

StorePlace = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Folder or mongodb:// URI of the store; else the variable CATHOLYTE_STORE, else ./catholyte-store.",
    ),
]


def _recipes(incomplete: str) -> list[str]:
    """Names of shipped recipes, for the shell's completion."""
    from ...configs.load import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]


def _materials(incomplete: str) -> list[str]:
    """Names of the library, for the shell's completion."""
    from ...configs.load import library_formulas

    return [name for name in library_formulas() if name.startswith(incomplete)]


RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE|FILE",
        help="Name of a shipped recipe, or the path of a YAML file.",
        autocompletion=_recipes,
    ),
]
CampaignName = Annotated[
    str | None, typer.Option(help="Name of the campaign's recipe; the latest campaign where left out.")
]
Rehearsal = Annotated[bool, typer.Option("--rehearsal", help="Read the store of rehearsals beside the named one.")]
EngineName = Annotated[str | None, typer.Option("--engine", help="Engine of every step that it can do.")]
StepName = Annotated[
    str | None,
    typer.Option(
        "--only", help="Step to take alone, by the name of its section in the recipe: bulk, interface or another."
    ),
]
Full = Annotated[
    bool,
    typer.Option("--full", help="Include the steps that take an hour and more, and molecular dynamics at full length."),
]
ClusterName = Annotated[
    str,
    typer.Option("--cluster", help="Name of a cluster file (folder CATHOLYTE_CLUSTERS, or the examples), or its path."),
]
Manager = Annotated[str, typer.Option("--manager", help="Manager of the jobs: fireworks or jobflow-remote.")]

MaterialOrFile = Annotated[
    str,
    typer.Argument(
        help="Name of a material, or the path of its YAML file or of a structure file.", autocompletion=_materials
    ),
]
MaterialOrFormula = Annotated[
    str, typer.Argument(help="Name of a material, its formula, or a structure file of it.", autocompletion=_materials)
]
States = Annotated[
    str | None,
    typer.Option(
        "--states", help="Oxidation states of a structure file, e.g. Fe2+,S- or Ni2+,Ni3+; guessed where left out."
    ),
]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder for the structure files.")]
OptionalFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder for the structure files; none are written where left out.")
]
FileFormat = Annotated[
    str, typer.Option("--format", help="Format of the structure files: json (keeps everything), extxyz, cif or poscar.")
]
ElementsOption = Annotated[
    str | None,
    typer.Option(
        "--elements",
        metavar="LI,CO,O",
        help="Elements of the types 1, 2, … of a LAMMPS dump, or of the counts of a VASP 4 XDATCAR, that name none.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of the random numbers.")]
Ranking = Annotated[
    str,
    typer.Option(
        help="Energy that ranks: ewald (point charges), a potential such as chgnet (single points), or chgnet-relaxed; "
        "eV/atom, of substitutions eV per cell."
    ),
]
PhaseSetName = Annotated[
    str | None,
    typer.Option("--phases", help="Pinned phase set, or the path of one; the shipped complete set where left out."),
]


def element_list(text: str | None) -> tuple[str, ...]:
    """Elements of a text such as ``Li,Co,O``."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def require_known(option: str, value: str, allowed: Iterable[str], what: str = "value") -> None:
    """Refuse an unknown value of an option.

    Raises
    ------
    UnknownNameError
        With the values that exist.
    """
    if value not in allowed:
        raise UnknownNameError(f"{option}: unknown {what} {value!r}; {near_match_hint(value, list(allowed))}")
