"""A source's claim that one number is lower than another: a comparison of quantities that the project computes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..models import Spec

__all__ = ["OrderClaim"]


class OrderClaim(Spec):
    """What a source says, as a comparison of two systems or with a value."""

    claim: str = Field(description="in words")
    lower: str = Field(description="system whose number is claimed to be lower")
    than: str | Annotated[float, Field(gt=0)] = Field(description="another system, or a value")
