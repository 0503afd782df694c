"""The command ``void``: what opens the void in a campaign's composite, the cathode or the electrolyte."""

from __future__ import annotations

from typing import Any

from ..answers.results import Void
from ..command import Command
from ..options import CampaignName, StorePlace
from ..output import say, table_of

__all__ = ["COMMAND", "void"]

HEADS = {
    "capacity": "capacity (mAh/g)",
    "change": "cathode, charged (µL/g)",
    "breath": "widest change (µL/g)",
    "equal_charge": "decay that opens as much (mAh/g)",
}


def void(store: StorePlace = None, campaign: CampaignName = None) -> dict[str, Any]:
    """Say which opens the void in a composite: the active material that breathes, or the electrolyte that decays.

    Charges are mAh per gram of cathode, volumes µL per gram of composite. The campaign's recipe asks for it by the key
    `void` of its section `volumes`; the volumes of the cathode are those of its step oxygen_loss.

    Raises
    ------
    InputError
        If the recipe asks for no such balance, or something is missing of it.
    """
    from ....analysis.report.case import read_case
    from ....analysis.report.chapters.solids.void import VOID
    from ....configs.errors import InputError
    from ...store.campaign_store import open_records

    found = VOID.results(read_case(open_records(store), campaign, arrays=False))
    if found is None:
        raise InputError(VOID.empty, "give the key void in its section volumes")
    if found.result is None:
        raise InputError("\n".join(text.text for text in found.texts if text.kind == "problem"))
    return {**found.result.to_json(), "sources": list(found.sources)}


def _show(document: dict[str, Any]) -> None:
    table_of(f"{document['cathode']} and {document['electrolyte']}", HEADS, document["cells"])
    say(document["verdict"])


COMMAND = Command(void, _show, Void)
