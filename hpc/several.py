"""A command whose repeatable options take several values after one name: ``--coating Li3BO3 Li2CO3``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

__all__ = ["SeveralValues"]


class SeveralValues(TyperCommand):
    """Repeat a repeatable option's name before every further value that follows it, up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, after spelling the options out."""
        repeatable = {name for parameter in self.params if getattr(parameter, "multiple", False) for name in parameter.opts}
        spelled: list[str] = []
        current = ""
        for place, argument in enumerate(args):
            if argument.startswith("--"):
                current = argument if argument in repeatable else ""
            elif current and args[place - 1] != current:
                spelled.append(current)
            spelled.append(argument)
        return super().parse_args(ctx, spelled)
