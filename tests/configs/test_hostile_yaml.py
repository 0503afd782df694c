"""YAML that would take all memory or time is refused with its line, and what is refused is shown shortened: AUDIT part
IV, F14."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from catholyte.configs.errors import InputError
from catholyte.configs.load import (
    CONFIGS,
    _plain,
    _shipped,
    load_materials,
    load_recipe,
    parse_file,
    read_yaml,
    recipe_names,
)
from catholyte.configs.recipe import Recipe

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 10)
)
HEAD = "name: x\ntitle: x\nsource: x\nhubbard_u: {Co: 3.9 eV}\n"
REFUSED = {
    "aliases that unfold to 9^10": (BOMB, r"x\.yaml:\d+: its aliases unfold to more than 200000 entries"),
    "5000 brackets": ("a: " + "[" * 5000, r"x\.yaml:1: more than 40 levels"),
    "400 nested lists": ("a: " + "[" * 400 + "]" * 400, r"x\.yaml:1: more than 40 levels"),
    "300 nested mappings": ("".join(" " * k + f"k{k}:\n" for k in range(300)), r"x\.yaml:\d+: more than 40 levels"),
    "a merge of itself": ("a: &a\n  b: 1\n  <<: *a\n", r"x\.yaml:3: '\*a' stands within what it stands for"),
    "a list of itself": ("a: &a [1, *a]\n", r"x\.yaml:1: '\*a' stands within"),
    "5000 digits": ("a: " + "9" * 5000, r"x\.yaml:1: a number of 5000 digits"),
    "2 MB": ("a: " + "x" * 2_000_000, r"2\.0 MB; at most 1 MB"),
    "an unknown tag": ("a: !!python/object/apply:os.system [ls]\n", "mapping|YAML|unknown key"),
    "a merge of no mapping": ("a: &a [1]\nb:\n  <<: *a\n", "not valid YAML"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bombs_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    text, message = REFUSED[kind]
    path = tmp_path / "x.yaml"
    path.write_text(text)
    began = time.process_time()
    with pytest.raises(InputError, match=message):
        parse_file(path, Recipe)
    assert time.process_time() - began < 5
    assert path.name == "x.yaml"


def test_what_is_refused_is_shown_shortened(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for text in (
        HEAD + f"bulk: {{engine: chgnet, materials: [LCO], max_steps: {'z' * 90_000}}}\n",
        HEAD + "".join(f"unknown{k}: 1\n" for k in range(2_000)),
        HEAD + f"{'k' * 90_000}: 1\n",
        HEAD + f"bulk: {'v' * 90_000}\n",
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            parse_file(path, Recipe)
        assert len(caught.value.message) < 10_000
    path.write_text(HEAD + "".join(f"unknown{k}: 1\n" for k in range(25)))
    with pytest.raises(InputError, match="5 more problems"):
        parse_file(path, Recipe)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("max_force", "1e300 eV/Å", "less than or equal to 5"),
        ("max_force", "6 eV/Å", "less than or equal to 5"),
        ("max_force", "nan", "max_force"),
        ("max_force", "0", "greater than 0"),
        ("max_steps", "999999999999", "less than or equal to 100000"),
        ("max_steps", "0", "greater than or equal to 1"),
    ],
)
def test_a_relaxation_that_relaxes_nothing_is_refused(tmp_path: Path, key: str, value: str, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + f"bulk: {{engine: chgnet, materials: [LCO], {key}: {value}}}\n")
    with pytest.raises(InputError, match=words):
        parse_file(path, Recipe)


def test_aliases_that_are_meant_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(HEAD + "bulk: &b {engine: chgnet, materials: &m [LCO, CoO]}\n")
    assert parse_file(path, Recipe)[0].bulk is not None
    path.write_text("base: &base {a: 1, b: [1, 2]}\nother:\n  <<: *base\n  c: *base\n")
    assert read_yaml(path).data["other"]["a"] == 1


def test_every_shipped_file_is_read() -> None:
    for name in recipe_names():
        load_recipe(name)
    assert len(load_materials()) > 200
    assert max(path.stat().st_size for path in CONFIGS.rglob("*.yaml")) < 200_000


@pytest.mark.parametrize("folder", ["experiments", "recipes", "thermochemistry", "phases/sources"])
def test_data_of_the_package_are_what_the_strict_reader_reads(folder: str) -> None:
    """Its quick reader knows another YAML: yes and no, 1_000, keys that stand twice."""
    files = sorted((CONFIGS / folder).glob("*.yaml"))
    assert files
    for path in files:
        assert repr(_shipped(path)) == repr(_plain(read_yaml(path).data)), path
