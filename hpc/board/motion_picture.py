"""A trajectory over time for plotly: bonds that broke and formed, energy and temperature, one above the other."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ...analysis.figures.motion import tier_sentence
from ...analysis.figures.style import GREY, PALETTE
from ...analysis.motion.coordination import thinned
from .pictures import DASHES, POINTS, caption

if TYPE_CHECKING:
    from ...analysis.motion.analyse import Motion
    from ...analysis.motion.study import MotionStudy

__all__ = ["motion_picture"]


def motion_picture(study: MotionStudy, title: str) -> dict[str, Any]:
    """Return ``{data, layout}``: events above, energy and temperature below, on one axis of time.

    Parameters
    ----------
    study : MotionStudy
    title : str
    """
    motion = study.motion
    data = [*_events(motion), *(_control(name, control) for name, control in study.controls)]
    rows = ["bonds broken or formed"]
    for quantity, unit, times, values in motion.series:
        rows.append(f"{quantity}{' above<br>the first' if quantity == 'energy' else ''} ({unit})")
        x, y = thinned((times - motion.times[0]) / 1000, values, points=POINTS)
        look = {"color": GREY, "width": 1}
        data.append(_line(x, y, quantity, look) | {"yaxis": f"y{len(rows)}", "showlegend": False})
    layout = {
        **caption(f"{title}. {tier_sentence(study.spec.tier)}"),
        "legend": {"orientation": "h", "y": -0.12},
        "margin": {"l": 75, "r": 15, "t": 40, "b": 50},
        "xaxis": {"title": {"text": "time (ps)"}, "anchor": f"y{len(rows)}" if len(rows) > 1 else "y"},
    }
    share = 1.0 / (len(rows) + 0.6)  # the events take 1.6 rows
    top = 1.0
    for number, text in enumerate(rows, 1):
        height = share * (1.6 if number == 1 else 1.0)
        axis = {
            "title": {"text": text, "font": {"size": 11}},
            "domain": [max(0.0, top - height + 0.06), top],
            "rangemode": "tozero" if number == 1 else "normal",
        }
        layout["yaxis" if number == 1 else f"yaxis{number}"] = axis
        top -= height
    return {"data": data, "layout": layout}


def _events(motion: Motion) -> list[dict[str, Any]]:
    """One step line for each kind that happened, the most frequent first."""
    counts = motion.ledger.counts
    kinds = sorted((kind for kind, count in counts.items() if count), key=lambda kind: -counts[kind])
    return [_steps(motion, [kind], f"{kind} ({counts[kind]})", _look(index)) for index, kind in enumerate(kinds)]


def _control(name: str, control: Motion) -> dict[str, Any]:
    """All kinds together, grey."""
    total = sum(control.ledger.counts.values())
    return _steps(
        control, control.ledger.kinds, f"{name}, all kinds ({total})", {"color": GREY, "width": 1, "dash": "2px,6px"}
    )


def _look(index: int) -> dict[str, Any]:
    """As of the report's lines: colour and dashes both differ."""
    turn = index // len(PALETTE)
    return {"color": PALETTE[index % len(PALETTE)], "dash": DASHES[(index + turn) % len(DASHES)], "width": 2}


def _steps(motion: Motion, kinds: list[str], name: str, look: dict[str, Any]) -> dict[str, Any]:
    """Pairs away from their initial state, at every moment at which that changes."""
    ledger = motion.ledger
    changes = {
        time
        for event in ledger.events
        if event.kind in kinds
        for time in (event.formed, event.broken)
        if time is not None
    }
    times = np.unique([motion.times[0], *changes])
    times = np.unique([*times[:: -(-len(times) // POINTS)], motion.times[-1]])
    away = sum((ledger.cumulative(kind, times) for kind in kinds), np.zeros(len(times), dtype=np.int64))
    return _line((times - ledger.start) / 1000, away, name, {**look, "shape": "hv"})


def _line(x: Any, y: Any, name: str, look: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name, quote=False),
        "x": np.asarray(x).round(4).tolist(),
        "y": np.asarray(y).round(4).tolist(),
        "line": look,
    }
