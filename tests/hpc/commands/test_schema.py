"""JSON schemas: valid themselves, versioned, one for every command, and recipes pass theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator

from catholyte.configs.load import CONFIGS, recipe_names
from catholyte.configs.models import Spec
from catholyte.configs.units import Kelvin, PositiveElectronVolt
from catholyte.hpc.commands.app import app
from catholyte.hpc.commands.contract.schema import VERSION, schema_names, schema_of
from catholyte.tests.support.command_line import Run, answer, closed, require_valid

#: of the first version: what programs rely on
GOLDEN = Path(__file__).parents[1] / "golden" / "schemas.json"


def places(schema: dict[str, Any]) -> set[str]:
    """Every key that a schema names, with its type and whether it must be there."""
    found = set()
    for owner, part in {"": schema, **schema.get("$defs", {})}.items():
        needed = set(part.get("required", ()))
        found |= {
            f"{owner}.{key} {'must' if key in needed else 'may'} "
            + json.dumps(
                {k: v for k, v in value.items() if k not in ("title", "description", "default")}, sort_keys=True
            )
            for key, value in part.get("properties", {}).items()
        }
    return found


def test_every_command_has_a_schema() -> None:
    commands: Any = typer.main.get_command(app)
    with_json = {name for name, found in commands.commands.items() if any("--json" in p.opts for p in found.params)}
    pages = {"board-mark", "board-figure", "board-problem"}  # tests/hpc/board/test_pages.py holds them to theirs
    assert with_json | {"recipe"} | pages == set(schema_names())


@pytest.mark.parametrize("name", schema_names())
def test_schemas_are_schemas(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:catholyte:schema:{VERSION}:{name}"


@pytest.mark.parametrize("name", [name for name in schema_names() if name not in ("schema", "recipe")])
def test_no_key_of_the_first_version_is_lost_or_changed(name: str) -> None:
    kept = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert kept["version"].split(".")[0] == VERSION.split(".")[0], "write the golden file anew with the major version"
    assert set(kept["places"].get(name, ())) - places(schema_of(name)) == set()


def test_the_command_prints_one_and_all(catholyte: Run) -> None:
    assert answer(catholyte("schema", "window", "--json")) == schema_of("window")
    assert json.loads(catholyte("schema", "window")[1]) == schema_of("window")
    told = answer(catholyte("schema", "--json"))
    assert (told["version"], set(told["schemas"])) == (VERSION, set(schema_names()))
    status, out, err = catholyte("schema", "windoww")
    assert (status, out) == (2, "")
    assert "did you mean window" in err


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_pass_the_schema_as_they_are_written(name: str) -> None:
    import yaml

    written = yaml.safe_load((CONFIGS / "recipes" / f"{name}.yaml").read_text(encoding="utf-8"))
    validator = Draft202012Validator(closed(schema_of("recipe")))
    assert [fault.message for fault in validator.iter_errors(written)] == []
    spoilt = [{**written, "hubbard_u": {"Co": "3.9 eX"}}, {**written, "bulks": {}}, {**written, "name": "a b"}]
    assert all(list(validator.iter_errors(one)) for one in spoilt)


def test_quantities_are_numbers_or_numbers_with_a_unit() -> None:
    class Made(Spec):
        u: PositiveElectronVolt
        t: Kelvin

    validator = Draft202012Validator(Made.model_json_schema())
    for good in ({"u": 3.9, "t": 300}, {"u": "3.9 eV", "t": "300 K"}, {"u": "3e3 meV", "t": "300"}):
        assert validator.is_valid(good)
        Made.model_validate(good)
    for bad in ({"u": "3.9 K", "t": 1}, {"u": "eV", "t": 1}, {"u": 1, "t": None}):
        assert not validator.is_valid(bad)
        with pytest.raises(ValueError, match=r"quantity|unit"):
            Made.model_validate(bad)


def test_an_answer_that_changes_is_told_with_its_place(catholyte: Run) -> None:
    told = answer(catholyte("slabs", "CoO", "--miller", 1, 0, 0, "--layers", 2, "--json"))
    told["slabs"][0]["area"] = "wide"
    with pytest.raises(AssertionError, match=r"slabs\.0\.area"):
        require_valid("slabs", json.dumps(told))
    told["slabs"][0]["area"] = 1.0
    with pytest.raises(AssertionError, match="unexpected"):
        require_valid("slabs", json.dumps({**told, "new_key": 1}))
    Draft202012Validator(schema_of("slabs")).validate({**told, "new_key": 1})  # programs must bear new keys
