"""What an engine's numbers are worth: the block ``trust`` of ``configs/engines/NAME.yaml``.

Stored documents and phase sets name the engine behind a number (their field ``tier``). Whoever has to know whether it
was learned, invented or computed, or what it may stand for, asks the block of that name, and never the name itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import InputError
from .load import ENGINES_VARIABLE, engine_file, parse_shipped
from .models import Spec
from .steps.oxygen_loss import CorrectionName

__all__ = ["Reference", "Trust", "TrustClass", "declared_trust", "trust_of", "weakest_class"]

TrustClass = Literal["dft", "machine-learned", "placeholder", "unknown"]
Reference = Literal["lithium", "oxygen", "phase set"]
#: the class that a reader must be warned of first
_WARNINGS: tuple[TrustClass, ...] = ("placeholder", "unknown", "machine-learned", "dft")


class Trust(Spec):
    """What stands behind the numbers of one engine."""

    trust_class: TrustClass = Field(alias="class")
    label: str = Field(min_length=1, description="the engine's name as sentences write it")
    sentence: str = Field(min_length=1, description="what stands behind a number, without the full stop")
    references: frozenset[Reference] = Field(
        default=frozenset(),
        description="what its energies may be: lithium metal or the O2 molecule of a series, entries of a phase set",
    )
    phase_set_elements: bool = Field(
        False,
        description="whether its energies are uncorrected ones of the functional of the phase sets, whose lithium and "
        "O2 carry no correction and may stand beside them",
    )
    scale: str = Field(min_length=1, description="of its total energies")
    corrections: dict[Reference, CorrectionName] = Field(
        default_factory=dict, description="what is added to a reference where nothing else is asked for"
    )

    @property
    def learned(self) -> bool:
        """Whether conclusions from its numbers are hypotheses."""
        return self.trust_class == "machine-learned"

    @property
    def placeholder(self) -> bool:
        """Whether its numbers are invented."""
        return self.trust_class == "placeholder"


class _DeclaredTrust(Trust):
    """What a file may say: nobody declares an engine of which nothing is known."""

    trust_class: Literal["dft", "machine-learned", "placeholder"] = Field(alias="class")


class _EngineFile(BaseModel):
    """The part of an engine's file that is read here; the engine validates the rest."""

    model_config = ConfigDict(frozen=True)

    trust: _DeclaredTrust


@cache
def _block(path: Path, changed: int) -> Trust:
    """The block of a file that was last changed at `changed`, ns."""
    return parse_shipped(path, _EngineFile).trust


def declared_trust(tier: str) -> Trust:
    """Return the trust block of an engine that is about to calculate.

    Parameters
    ----------
    tier : str
        Name of the engine.

    Raises
    ------
    InputError
        If no file of this name is found, or its block is missing or wrong.
    """
    path = engine_file(tier)
    if path is None:
        raise InputError(
            f"engine {tier!r} has no file {tier}.yaml with a block 'trust'",
            f"write it into a folder and name that in the variable {ENGINES_VARIABLE}",
        )
    return _block(path, path.stat().st_mtime_ns)


def trust_of(tier: str) -> Trust:
    """Return what is known of the numbers of an engine; class ``unknown`` where no file tells of it.

    Parameters
    ----------
    tier : str
        Name of the engine, as documents and phase sets store it.

    Raises
    ------
    InputError
        If its block is missing in its file, or wrong.
    """
    path = engine_file(tier)
    if path is not None:
        return _block(path, path.stat().st_mtime_ns)
    silent = tier in ("", "unknown")
    known = "the source does not say what made it" if silent else "nothing is known here of the engine that made it"
    nothing = {"label": tier or "none", "sentence": known}
    return Trust.model_validate({"class": "unknown", **nothing, "scale": "unknown"})


def weakest_class(tiers: Iterable[str]) -> TrustClass | None:
    """Return the class that a reader of a number from several engines must be warned of; None without an engine.

    Parameters
    ----------
    tiers : iterable of str
    """
    found = {trust_of(tier).trust_class for tier in tiers}
    return next((one for one in _WARNINGS if one in found), None)
