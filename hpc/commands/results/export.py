"""The command ``export``: the DFT calculations of a store as a training set of machine-learned potentials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...store.campaign_store import open_records
from ..command import Command
from ..options import StorePlace
from ..output import say, table_of

__all__ = ["COMMAND", "export"]

HEADS = {"file": "file", "calculations": "calculations", "atoms": "atoms", "elements": "elements"}


def export(
    out: Annotated[Path, typer.Option(help="Folder for one file a scale of energies, and scales.json.")],
    store: StorePlace = None,
) -> dict[str, Any]:
    """Write every DFT calculation of a store as extended XYZ: energy, forces, stress, moments, signature.

    Energies that may not be subtracted from each other go to files of their own; scales.json says what each of them
    shares. Calculations of potentials, those that were not accepted and those without stress are left out, and counted.

    Raises
    ------
    InputError
        If the store holds no calculation that can be learned from.
    """
    from ....analysis.training_set import left_out, scales_of, write_training_set
    from ....configs.errors import InputError

    kept, without = [], dict[str, int]()
    for key, document in open_records(store).calculations():
        if (reason := left_out(document)) is None:
            kept.append((key, document))
        else:
            without[reason] = without.get(reason, 0) + 1
    told = "; ".join(f"{number} left out: {reason}" for reason, number in sorted(without.items()))
    if not kept:
        raise InputError(f"the store holds no calculation to learn from{f' ({told})' if told else ''}")
    return {"scales": write_training_set(scales_of(kept), out), "left_out": without}


def _show(document: dict[str, Any]) -> None:
    table_of("training sets", HEADS, document["scales"])
    for reason, number in document["left_out"].items():
        say(f"{number} left out: {reason}")


COMMAND = Command(export, _show)
