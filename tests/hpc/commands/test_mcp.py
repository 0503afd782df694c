"""Tools of an agent: the SDK's own client lists them and asks, in this process and over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from catholyte.hpc.commands.contract.mcp import agent_server
from catholyte.hpc.commands.contract.schema import schema_names
from catholyte.hpc.commands.thermodynamics.window import window
from catholyte.tests.support.command_line import Run, require_valid
from catholyte.tests.support.former.former_stores import unpack

WRITES = {"new", "run", "report", "submit", "retry", "cancel"}


def asked(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def tools(allow_run: bool) -> dict[str, Any]:
    async with Client(agent_server(allow_run=allow_run)) as client:
        return {tool.name: tool for tool in (await client.list_tools()).tools}


async def told(name: str, **given: Any) -> Any:
    """Of a tool that is a command the answer is held to the command's schema; lists come as the rows of an object."""
    async with Client(agent_server(allow_run=False)) as client:
        found = await client.call_tool(name, given)
    if not found.is_error and name in schema_names():
        content = found.structured_content
        require_valid(name, json.dumps(content["rows"] if {*content} <= {"rows", "notes"} else content))
    return found


def test_read_only_unless_told_otherwise() -> None:
    looks, all_tools = asked(tools(False)), asked(tools(True))
    assert {"materials", "status", "why", "claims", "numbers", "reactions", "window", "phases"} <= set(looks)
    assert not WRITES & set(looks)
    assert set(all_tools) - set(looks) == WRITES
    assert all(tool.annotations.read_only_hint for tool in looks.values())
    assert not any(all_tools[name].annotations.read_only_hint for name in WRITES)


def test_tools_write_no_file_and_describe_their_options() -> None:
    for name, tool in asked(tools(False)).items():
        options = tool.input_schema.get("properties", {})
        assert not {"out", "repair", "key", "to_files"} & set(options), name
        assert tool.description
        assert all(option.get("description") for option in options.values()) or name == "phases"


def test_an_agent_gets_the_answer_of_the_command() -> None:
    assert asked(told("window", material="LPSCl")).structured_content == window("LPSCl")
    library = asked(told("materials")).structured_content["rows"]
    assert {"LCO", "LPSCl"} <= {row["name"] for row in library}


def test_numbers_of_a_campaign(tmp_path: Path) -> None:
    store = unpack("shipped", tmp_path / "shipped")
    found = asked(told("numbers", store=str(store))).structured_content
    assert found["numbers"]
    assert {"quantity", "value", "tier"} <= set(found["numbers"][0])


def test_errors_name_the_way_out_and_phases_are_not_fetched() -> None:
    for name, given, text in (
        ("window", {"material": "LPSC1"}, "did you mean"),
        ("status", {"store": "no-store-here"}, "there is no store here"),
        ("phases", {"action": "fetch", "names": ["Li"]}, "list, show, check"),
    ):
        answer = asked(told(name, **given))
        assert answer.is_error
        assert text in answer.content[0].text


def test_over_standard_input_and_output(tmp_path: Path) -> None:
    async def ask() -> Any:
        call = [
            "-c",
            "import sys; sys.argv = ['catholyte', 'mcp']; from catholyte.hpc.commands.app import main; main()",
        ]
        place = StdioServerParameters(command=sys.executable, args=call, env=dict(os.environ), cwd=tmp_path)
        async with Client(stdio_client(place)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            return names, (await client.call_tool("schema", {"name": "window"})).structured_content

    names, found = asked(ask())
    assert "reactions" in names
    assert found["$id"].startswith("urn:catholyte:schema:")


def test_without_the_package_it_says_what_to_install(catholyte: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    status, out, err = catholyte("mcp")
    assert (status, out) == (2, "")
    assert "pip install 'catholyte[mcp]'" in err
