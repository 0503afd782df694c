"""Stability windows that others computed, beside those of a phase set: shown, never used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import Field, model_validator

from ...analysis.thermodynamics.formation import MeasuredSource
from ...analysis.thermodynamics.phase_set import PhaseSet
from ...analysis.thermodynamics.window import WindowResult, stability_window
from ...configs.load import CONFIGS, parse_file
from ...configs.models import Spec

__all__ = ["PublishedWindow", "PublishedWindows", "WindowRow", "published_windows", "window_rows"]


class PublishedWindow(Spec):
    """One printed window."""

    material: str = Field(description="name or formula")
    reduction: float = Field(description="V vs Li/Li+")
    oxidation: float = Field(description="V vs Li/Li+")
    source: str


class PublishedWindows(Spec):
    """Content of ``configs/experiments/published-windows.yaml``."""

    sources: dict[str, MeasuredSource]
    windows: tuple[PublishedWindow, ...]

    @model_validator(mode="after")
    def _sources_are_known(self) -> PublishedWindows:
        for window in self.windows:
            if window.source not in self.sources:
                raise ValueError(f"{window.material}: unknown source {window.source!r}")
        return self


@dataclass(frozen=True)
class WindowRow:
    """One window of the set beside the printed one.

    Parameters
    ----------
    published : PublishedWindow
    found : WindowResult
    """

    published: PublishedWindow
    found: WindowResult

    @property
    def deviations(self) -> tuple[float, float | None]:
        """V, set minus print, of the reduction and the oxidation limit; None for a limit that the set has not."""
        oxidation = self.found.oxidation
        above = None if oxidation is None else oxidation.voltage - self.published.oxidation
        return self.found.reduction.voltage - self.published.reduction, above


@cache
def published_windows(path: Path = CONFIGS / "experiments" / "published-windows.yaml") -> PublishedWindows:
    """Return the printed windows; raises InputError with file and line as :func:`catholyte.configs.load.parse_file`
    does."""
    return parse_file(path, PublishedWindows)[0]


def window_rows(phase_set: PhaseSet) -> list[WindowRow]:
    """Return every printed window beside that of a set which holds all of its elements.

    Parameters
    ----------
    phase_set : PhaseSet
    """
    rows = []
    for published in published_windows().windows:
        subject = phase_set.resolve(published.material)
        if {element.symbol for element in subject.composition} <= set(phase_set.elements):
            rows.append(WindowRow(published, stability_window(published.material, phase_set)))
    return rows
