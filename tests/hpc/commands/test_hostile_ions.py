"""Commands on a material or an option with what is no ion: one sentence with the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from catholyte.configs.load import CONFIGS
from catholyte.tests.support.command_line import Run


@pytest.mark.parametrize("text", ["Co+2+", "Co++"])
@pytest.mark.parametrize("command", ["materials", "slabs", "plan"])
def test_a_material_with_such_an_ion_is_refused_by_its_key(
    catholyte: Run, tmp_path: Path, text: str, command: str
) -> None:
    library = (CONFIGS / "materials" / "LCO.yaml").read_text()
    file = tmp_path / "mine.yaml"
    changed = library.replace("Co3+", text).replace("name: LCO", "name: mine").replace("LiCoO2, ", "")
    file.write_text(changed)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"name: r\ntitle: r\nsource: test\nhubbard_u: {{Co: 3.9 eV}}\nbulk: {{engine: chgnet, materials: [{file}]}}\n"
    )
    status, out, err = catholyte(command, recipe if command == "plan" else file)
    assert (status, out) == (2, "")
    assert f"key 'sites.1.species.{text}'" in err
    assert "no species with its oxidation state" in err


def test_a_substituent_that_is_none(catholyte: Run, tmp_path: Path) -> None:
    status, _, err = catholyte("substitute", "LCO", "W+6+", "--leaving", "Co", "--out", tmp_path)
    assert status == 2
    assert "'W+6+' is no species" in err
