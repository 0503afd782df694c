"""Commands that read a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...analysis.records import Records

__all__ = ["open_records"]


def open_records(place: str | None, rehearsal: bool = False) -> Records:
    """Return the records of an existing store, or of the store of rehearsals beside it.

    Raises
    ------
    StoreError
        If there is none.
    """
    from ...analysis.records import Records
    from ..store.campaign_store import open_store, rehearsal_location

    opened = open_store(rehearsal_location(place) if rehearsal else place, create=False)
    return Records(opened.outputs, opened.states, opened.campaigns)
