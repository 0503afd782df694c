"""A recipe with one small interface, and changes of it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["RECIPE", "write_recipe"]

RECIPE = """\
name: small
title: one interface
source: a test
hubbard_u:
  Co: 3.9 eV
bulk:
  engine: chgnet
  materials: [LCO]
  max_force: 0.01 eV/Å
interface:
  relaxation: {max_force: 1 eV/Å, max_steps: 50}
  systems:
    - name: LCO|CoO
      a: LCO:104
      b: CoO:100
      max_atoms: 32
      thickness: [8 Å, 8 Å]
      strain_on: shared
      registries: 2
      kpoints: [4, 2, 1]
      dynamics: true
      electronic: true
  dynamics:
    length: 20 fs
    full_length: 60 fs
    chunk: 10 fs
    frame_interval: 1
    controls: [{material: CoO}]
  electronic: {cutoff: 400 eV, settings: {moment_scales: [0.9]}}
vasp:
  relax: [LCO]
  cutoff: 500 eV
  mesh: [4, 4, 4]
  dynamics:
    materials: [LCO]
    cutoff: 400 eV
    hubbard_u: false
    temperature: 300 K
    timestep: 2 fs
    length: 1 ps
    chunk: 0.5 ps
"""


def write_recipe(folder: Path, *changes: tuple[str, str], name: str = "small.yaml") -> Path:
    """Write the recipe with the first occurrence of each `old` replaced by `new`; every `old` must be there."""
    text = RECIPE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text)
    return path
