"""The command ``report``: page, figures and tables of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..answers.common import Files
from ..command import Command
from ..options import CampaignName, StorePlace
from ..output import say

__all__ = ["COMMAND", "report"]


def report(
    out: Annotated[Path, typer.Option(help="Folder for the page, figures and tables.")],
    store: StorePlace = None,
    campaign: CampaignName = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write every figure as PDF too, beside SVG.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Write every figure as PNG too, 200 dpi, beside SVG.")] = False,
) -> dict[str, Any]:
    """Write the report of a campaign: a self-contained HTML page, figures, tables."""
    from ....analysis.report.page import write_report
    from ...store.campaign_store import open_records

    formats = ("svg", *(suffix for suffix, wanted in (("pdf", pdf), ("png", png)) if wanted))
    return {"files": [str(path) for path in write_report(open_records(store), out, campaign, formats)]}


def _show(document: dict[str, Any]) -> None:
    say("\n".join(document["files"]))


COMMAND = Command(report, _show, Files)
