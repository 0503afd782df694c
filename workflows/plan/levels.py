"""Levels of theory: which step has none, and that of a slab."""

from __future__ import annotations

from pymatgen.core.structure import Structure

from ...configs.models import Material, Method
from ..engines.engine import Engine
from ..phases.scale import mesh_of_density
from .builder import Builder

__all__ = ["slab_method", "without_level"]


def without_level(builder: Builder, step: str, engine: Engine) -> bool:
    """Return whether a step cannot run because its engine needs a level of theory and the recipe has none for it; said
    in `skipped` where the command line names the engine.

    Parameters
    ----------
    builder : Builder
    step : str
    engine : Engine

    Raises
    ------
    InputError
        With file, line and key, where the recipe names the engine.
    """
    if builder.production or not engine.backend.needs_method:
        return False
    told = f"engine {engine.name} needs a level of theory, which the section vasp gives to VASP"
    if not builder.override:
        raise builder.source.error([step, "engine"], f"{told}; take a potential such as chgnet")
    builder.skipped.append(f"step {step}: {told}")
    return True


def slab_method(builder: Builder, step: str, found: Material, slab: Structure, density: int) -> Method:
    """Return the level of theory of a slab: U of everything that it holds, one division along its normal.

    Parameters
    ----------
    builder : Builder
    step : str
    found : Material
        Of the slab.
    slab : Structure
        In vacuum, its normal along c.
    density : int
        k points per Å⁻³ of the reciprocal cell.

    Raises
    ------
    InputError
        With file, line and key, if a transition metal has no U.
    """
    a, b, _ = mesh_of_density(slab, density)
    method = builder.method(step, found, kpoints=(a, b, 1))
    table = builder.hubbard_table(slab.composition.remove_charges().elements, f"the slab of {found.name}")
    return method.model_copy(update={"hubbard_u": table})
