"""The command ``mcp``: the questions of the command line as tools of an agent, over standard input and output."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from ....configs.errors import CatholyteError, InputError
from ..catalog import COMMANDS
from ..command import Command, file_notes, with_notes
from ..options import CampaignName, StorePlace
from ..output import narrate
from . import schema

if TYPE_CHECKING:
    from mcp.server import MCPServer

__all__ = ["agent_server", "mcp"]

#: commands that only look, and what of their parameters would write, fetch or take an hour
_LOOKS: dict[str, tuple[str, ...]] = {
    "materials": ("states", "out"),
    "plan": (),
    "status": (),
    "why": (),
    "claims": (),
    "doctor": ("repair", "engines", "cluster", "recipe", "rehearsal"),
    "bands": (),
    "void": (),
    "slabs": ("out", "file_format"),
    "interfaces": ("out", "file_format", "energy"),
    "reactions": ("voltage_map",),
    "window": (),
    "volumes": (),
    "screen": ("out",),
    "phases": ("elements", "key", "name"),
    "schema": (),
}
#: commands that write or compute: tools with ``--allow-run`` alone
_RUNS: dict[str, tuple[str, ...]] = {
    "new": (),
    "run": (),
    "report": (),
    "submit": ("to_files", "potcars", "store"),
    "retry": (),
    "cancel": (),
}
#: actions of ``phases`` that only look
_PHASE_ACTIONS = ("list", "show", "check")
_ABOUT = """\
Why does an oxide cathode react with a solid electrolyte, and which surface layer stops it? Names of materials: \
`materials`; a formula does too. Energies eV/atom, voltages V vs Li/Li+. Numbers of machine-learned potentials are \
labelled by their tier: hypotheses where they describe interfaces or vacancies. A campaign's numbers come from a \
store, the folder ./catholyte-store where none is named."""


def mcp(
    allow_run: Annotated[
        bool,
        typer.Option(
            "--allow-run",
            help="Offer tools that compute, write and submit too: new, run, report, submit, retry, cancel.",
        ),
    ] = False,
) -> None:
    """Serve the questions of this command line to an agent, as tools of the Model Context Protocol.

    It speaks on standard input and output, as hosts of agents start it: `catholyte mcp`. Read-only unless told
    otherwise.

    Raises
    ------
    InputError
        If the package mcp is not installed.
    """
    server = agent_server(allow_run=allow_run)
    narrate("tools for an agent on standard input and output" + (", runs allowed" if allow_run else ", read-only"))
    server.run("stdio")


def agent_server(*, allow_run: bool) -> MCPServer:
    """Return the server with its tools.

    Parameters
    ----------
    allow_run : bool
        Whether there are tools that compute and write.

    Raises
    ------
    InputError
        If the package mcp is not installed.
    """
    try:
        from mcp.server import MCPServer
        from mcp.types import ToolAnnotations
    except ImportError:
        raise InputError(
            "the package mcp, which speaks with agents, is not installed here", "pip install 'catholyte[mcp]'"
        ) from None
    server = MCPServer("catholyte", instructions=_ABOUT, version=version("catholyte"))
    known = {command.name: command for command in (*COMMANDS, schema.COMMAND)}
    looks, runs = ToolAnnotations(read_only_hint=True), ToolAnnotations(read_only_hint=False, destructive_hint=False)
    for name, without in {**_LOOKS, **(_RUNS if allow_run else {})}.items():
        about, hints = _help(known[name].answer), looks if name in _LOOKS else runs
        server.add_tool(_tool(known[name], without), name, description=about, annotations=hints)
    server.add_tool(_asked(numbers, ()), "numbers", description=_help(numbers), annotations=looks)
    return server


def numbers(store: StorePlace = None, campaign: CampaignName = None) -> dict[str, Any]:
    """Give the key numbers of a campaign as its report shows them: value, unit, uncertainty, tier."""
    from ....analysis.report.page import report_sections
    from ...store.campaign_store import open_records

    sections = report_sections(open_records(store), campaign)
    return {"numbers": [number.row() for section in sections for number in section.key_numbers]}


def _help(answer: Callable[..., Any]) -> str:
    """The text of a command up to the first section of its docstring."""
    return (inspect.getdoc(answer) or "").split("\n\nRaises\n")[0]


def _tool(command: Command, without: tuple[str, ...]) -> Callable[..., Any]:
    """The tool of a command without some of its parameters."""
    if command.name != "phases":
        return _asked(command.answer, without)

    def phases(action: str, names: list[str] | None = None) -> Any:
        if action not in _PHASE_ACTIONS:
            raise InputError(f"phases {action}: of this command a tool offers {', '.join(_PHASE_ACTIONS)}")
        return command.answer(action, names)

    return _asked(phases, ())


def _asked(answer: Callable[..., Any], without: tuple[str, ...]) -> Callable[..., Any]:
    """A function that an agent may call: its options described, its errors told with the way out."""
    from mcp.server.mcpserver.exceptions import ToolError
    from pydantic import Field

    parameters = [
        one.replace(annotation=Annotated[_plain(one.annotation), Field(description=_told(one.annotation))])
        for name, one in inspect.signature(answer, eval_str=True).parameters.items()
        if name not in without
    ]

    def call(**given: Any) -> dict[str, Any]:
        try:
            with file_notes() as notes:
                document = answer(**given)
        except CatholyteError as error:
            raise ToolError(f"{error.message}{f' (what to do: {error.advice})' if error.advice else ''}") from None
        found: dict[str, Any] = with_notes(document if isinstance(document, dict) else {"rows": document}, notes)
        return found

    call.__name__, call.__doc__ = answer.__name__, _help(answer)
    call.__signature__ = inspect.Signature(parameters, return_annotation=dict[str, Any])  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": dict[str, Any]}
    return call


def _plain(annotation: Any) -> Any:
    """The type of an option without what the command line says of it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _told(annotation: Any) -> str:
    """The help of an option; empty for a parameter without."""
    return next((str(said.help or "") for said in getattr(annotation, "__metadata__", ()) if hasattr(said, "help")), "")
