"""A command: a function that answers with a JSON document, put on the command line with its options and `--json`."""

from __future__ import annotations

import gc
import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ...configs.errors import FileNote
from .output import emit_json, narrate, say_notes

__all__ = ["Command", "Json", "file_notes", "with_notes"]

#: exit status of a command stopped by Ctrl-C, as shells have it
INTERRUPTED = 130

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to standard output.")]


class FourIndices(TyperCommand):
    """Take four indices h k i l of hexagonal axes behind ``--miller``, as papers on layered oxides write them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, after leaving out the third of four indices.

        Raises
        ------
        InputError
            If it is not minus the sum of the first two.
        """
        if "--miller" in args:
            first = args.index("--miller") + 1
            given = list(itertools.takewhile(re.compile(r"-?\d+").fullmatch, args[first : first + 4]))
            if len(given) == 4:
                from ...structures.interfaces.request import three_indices

                index = three_indices([int(text) for text in given])
                args = [*args[:first], *map(str, index), *args[first + 4 :]]
                narrate(f"note: ({' '.join(given)}) on hexagonal axes is ({' '.join(map(str, index))})")
        return super().parse_args(ctx, args)


class SeveralValues(FourIndices):
    """Repeat a repeatable option's name before every further value that follows it, up to the next option:
    ``--coating Li3BO3 Li2CO3``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as any command does, after spelling the options out."""
        repeatable = {
            name for parameter in self.params if getattr(parameter, "multiple", False) for name in parameter.opts
        }
        spelled: list[str] = []
        current = ""
        for place, argument in enumerate(args):
            if argument.startswith("--"):
                current = argument if argument in repeatable else ""
            elif current and args[place - 1] != current:
                spelled.append(current)
            spelled.append(argument)
        return super().parse_args(ctx, spelled)


@contextmanager
def file_notes() -> Iterator[list[str]]:
    """Collect how files were read, each note once; other warnings go where they went."""
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", FileNote)
        shown = warnings.showwarning

        def collect(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
            if not issubclass(category, FileNote):
                shown(message, category, *rest, **named)
            elif str(message) not in notes:
                notes.append(str(message))

        warnings.showwarning = collect
        yield notes


def with_notes(document: Any, notes: list[str]) -> Any:
    """Return an answer with how its files were read; the notes of a material are a text and stay one.

    Parameters
    ----------
    document : dict or list
        Rows have no place for notes: they are returned as they are.
    notes : list of str
    """
    if not notes or not isinstance(document, dict):
        return document
    own = document.get("notes", [])
    return {**document, "notes": " ".join([own, *notes]).strip() if isinstance(own, str) else [*own, *notes]}


@dataclass(frozen=True)
class Command:
    """One command, called by the command line and by Python alike.

    Parameters
    ----------
    answer : callable
        Returns the JSON document. Its annotated parameters are the options, its name (with hyphens, less a trailing
        underscore) is that of the command, and its docstring up to the first section is the help text.
    show : callable
        Prints the document for a reader; takes it and, by their names, arguments of the call.
    answers : type
        What the document is, as a type of :mod:`.answers`; its JSON schema follows from it.
    failed : callable
        Whether a document tells of work that failed: exit status 1.
    interrupted : str
        Line for standard error when Ctrl-C stops a long command, which then ends with the status that shells have.
    several_values : bool
        Whether repeatable options take several values after one name.
    leaves_garbage : bool
        Whether garbage is looked for while it answers; of ten thousand rows that are all in the answer there is none.
    """

    answer: Callable[..., Any]
    show: Callable[..., None]
    answers: Any
    failed: Callable[[Any], bool] = lambda document: False
    interrupted: str = ""
    several_values: bool = False
    leaves_garbage: bool = True

    @property
    def name(self) -> str:
        """As it is typed."""
        return self.answer.__name__.rstrip("_").replace("_", "-")  # `import` is no name of a function

    def register(self, app: typer.Typer) -> None:
        """Add the command to `app`."""
        signature = inspect.signature(self.answer, eval_str=True)
        json = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
        parameters = [*signature.parameters.values(), json]

        def call(**given: Any) -> None:
            self._call(given.pop("json"), given)

        call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        text = re.split(r"\n\n\w+\n-+\n", inspect.getdoc(self.answer) or "")[0]
        paragraphs = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
        app.command(self.name, help=paragraphs, cls=SeveralValues if self.several_values else FourIndices)(call)

    def _call(self, json: bool, given: dict[str, Any]) -> None:
        collects = gc.isenabled()
        if not self.leaves_garbage:
            gc.disable()
        try:
            with file_notes() as notes:
                document = self.answer(**given)
        except KeyboardInterrupt:
            if not self.interrupted:
                raise
            narrate(self.interrupted)
            raise typer.Exit(INTERRUPTED) from None
        finally:
            if collects:
                gc.enable()
        if json:
            emit_json(with_notes(document, notes))
        else:
            _, *wanted = inspect.signature(self.show).parameters
            self.show(document, **{name: given[name] for name in wanted})
            say_notes(notes)
        if self.failed(document):
            raise typer.Exit(1)
