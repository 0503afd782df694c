"""What a VASP campaign fixes once: the content of ``configs/engines/vasp.yaml``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from ....configs.errors import near_match_hint
from ....configs.ions import Ion
from ....configs.models import Spec
from ....configs.units import BohrMagneton, PositiveElectronVolt
from ..tasks import MolecularDynamics, Task
from .reasons import NEVER_WRITTEN, REASONS

__all__ = ["RESOURCES", "SPEC_VARIABLE", "PotcarName", "SpinName", "VaspSettings", "check_tags"]

#: set to 1 on a machine without POTCARs, where a rehearsal stands in for VASP
SPEC_VARIABLE = "CATHOLYTE_POTCAR_SPEC"

Tag = bool | int | float | str | list[float]
#: settings that say where and how fast a run goes, never what it computes
# fmt: off
RESOURCES = frozenset([
    "vasp_command", "vasp_gamma_command", "potcar_directory", "potcar_spec", "ncore", "kpar", "wall_time",
    "max_errors", "polling_time", "frozen_time", "ranks", "hand_on",
])
# fmt: on
#: tags of VASP 6.4, and values, that pymatgen's table leaves out (VASP wiki, NHC_PERIOD, MDALGO)
_NEWER = {"NHC_NCHAINS", "NHC_PERIOD", "NHC_NRESPA", "NHC_NS"}
#: of the VTST extension (theory.cm.utexas.edu/vtsttools)
_EXTENSION = {"LCLIMB", "IOPT"}
_NEWER_VALUES = {"MDALGO": {4, 5}}

Algorithm = Literal["Normal", "Fast", "All", "VeryFast", "Damped"]
SpinName = Literal["low", "intermediate", "high"]


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class PotcarName(Spec):
    """One pseudopotential by name."""

    symbol: str = Field(description="name in the release, e.g. Li_sv")
    valence: float = Field(gt=0, description="valence electrons (ZVAL)")
    enmax: float | None = Field(None, gt=0, description="eV, the cutoff that it was made for (ENMAX)")


class VaspSettings(Spec):
    """Content of ``configs/engines/vasp.yaml``."""

    version: str = Field(description="version of VASP, or its beginning", pattern=r"^\d+(\.\d+)*$")
    functional_library: Literal["PBE_54", "PBE_64"] = Field(description="release of the POTCAR files")
    centring: Literal["gamma", "monkhorst-pack"]
    dos_centring: Literal["gamma", "monkhorst-pack"] = Field(description="of a density of states")
    dispersion: Literal["none", "d3", "d3-bj"] = Field(description="IVDW of every job")
    precision: Literal["Normal", "Accurate"]
    energy_tolerance: PositiveElectronVolt = Field(description="eV, EDIFF")
    md_energy_tolerance: PositiveElectronVolt = Field(description="eV, EDIFF of molecular dynamics")
    max_iterations: int = Field(ge=1, description="NELM")
    min_iterations: int = Field(ge=2, description="NELMIN of relaxations")
    algorithm: Algorithm = Field(description="ALGO")
    real_space_projection: bool = Field(description="LREAL = Auto where true")
    md_precision: Literal["Normal", "Accurate"] = Field(description="PREC of molecular dynamics")
    md_algorithm: Algorithm = Field(description="ALGO of molecular dynamics")
    md_real_space_projection: bool = Field(description="LREAL of molecular dynamics")
    md_min_iterations: int = Field(ge=2, description="NELMIN of molecular dynamics")
    chain_length: int = Field(ge=1, le=20, description="thermostats of a Nosé-Hoover chain; 1: MDALGO = 2")
    cell_cutoff: float = Field(ge=1, description="least ENCUT of a cell relaxation, in units of the largest ENMAX")
    steps_per_run: int = Field(ge=2, description="ionic steps of one run of a relaxation; the next one goes on from it")
    moment_scales: Annotated[tuple[float, ...], BeforeValidator(_tuples)] = Field(
        min_length=1,
        description="a magnetic cell with U starts from its moments times each of these; the lowest state is kept",
    )
    low_spin_moment: BohrMagneton = Field(ge=0, description="µB, start of an open shell whose moment is zero")
    spin_states: dict[Ion, Annotated[tuple[SpinName, ...], BeforeValidator(_tuples)]] = Field(
        description="ion to further spin states that are tried, all its sites at once"
    )
    spin_everywhere: bool = Field(description="ISPIN = 2 for cells of closed shells too")
    core_levels: bool = Field(description="ICORELEVEL = 1 in a density of states")
    smearing_kind: Literal["gaussian", "fermi"] = Field(description="ISMEAR 0 or -1")
    dos_points: int = Field(ge=301, description="NEDOS")
    empty_bands: float = Field(ge=0, description="empty bands of a density of states per occupied band")
    min_empty_bands: int = Field(ge=1)
    band_multiple: int = Field(ge=1, description="NBANDS of a density of states is a multiple of it")
    extra_tags: dict[str, Tag] = Field(description="INCAR tags for every job")
    vasp_command: str = Field(description="run by custodian; variables are expanded")
    vasp_gamma_command: str = Field(description="run for a Γ-only mesh; vasp_command where its variable is not set")
    potcar_directory: str = Field(description="folder with the releases as subfolders")
    potcar_spec: bool = Field(
        description="write POTCAR.spec instead of POTCAR; the variable CATHOLYTE_POTCAR_SPEC=1 says the same"
    )
    ranks: int | None = Field(
        None, ge=1, description="MPI ranks of a job; those of its allocation where left out, 64 where there is none"
    )
    ncore: int | None = Field(None, ge=1, description="NCORE; from the ranks where left out")
    kpar: int | None = Field(None, ge=1, description="KPAR; from ranks and k points where left out")
    hand_on: bool = Field(
        False, description="keep wave functions and charge density for a job that starts from the result"
    )
    wall_time: float | None = Field(None, gt=0, description="s")
    max_errors: int = Field(ge=1)
    polling_time: float = Field(gt=0, description="s")
    frozen_time: float = Field(21600.0, gt=0, description="s without a word from VASP, after which it counts as frozen")
    potcars: dict[str, PotcarName] = Field(description="element to its pseudopotential")
    md_potcars: dict[str, PotcarName] = Field(description="in molecular dynamics, where another one is enough")

    def potcars_of(self, task: Task) -> Mapping[str, PotcarName]:
        """The pseudopotentials of one kind of calculation."""
        return {**self.potcars, **self.md_potcars} if isinstance(task, MolecularDynamics) else self.potcars

    @property
    def names_only(self) -> bool:
        """Whether POTCAR.spec is written, by the settings or by the machine that runs."""
        return self.potcar_spec or os.environ.get(SPEC_VARIABLE, "") == "1"

    @field_validator("extra_tags")
    @classmethod
    def _tags_exist(cls, tags: dict[str, Tag]) -> dict[str, Tag]:
        problems = [
            f"{tag} follows from recipe and settings: set it there"
            for tag in tags
            if tag in REASONS or tag in NEVER_WRITTEN
        ] + check_tags(tags)
        if problems:
            raise ValueError("; ".join(problems))
        return tags


def check_tags(tags: dict[str, Tag]) -> list[str]:
    """Return what is wrong with INCAR tags: unknown names, with the nearest known ones, and impossible values.

    VASP itself ignores a tag that it does not know, and runs on with the default.
    """
    from pymatgen.io.vasp.inputs import BadIncarWarning, Incar

    known = set(Incar.INCAR_PARAMS) | _NEWER | _EXTENSION
    problems = [
        f"{tag} is not an INCAR tag; {near_match_hint(tag, known).split('? ')[0]}?" for tag in tags if tag not in known
    ]
    problems = [p if "did you mean" in p else p.split(";")[0] + "; no tag has a similar name" for p in problems]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BadIncarWarning)
        Incar(
            {
                tag: value
                for tag, value in tags.items()
                if tag in Incar.INCAR_PARAMS and value not in _NEWER_VALUES.get(tag, ())
            }
        ).check_params()
    return problems + [" ".join(str(warning.message).split()) for warning in caught]
