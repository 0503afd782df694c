"""What a VASP campaign fixes once: the content of ``configs/engines/vasp.yaml``."""

from __future__ import annotations

import os
import warnings
from typing import Literal

from pydantic import Field, field_validator

from ....configs.errors import near_match_hint
from ....configs.models import Spec
from ....configs.units import PositiveElectronVolt
from .reasons import NEVER_WRITTEN, REASONS

__all__ = ["RESOURCES", "SPEC_VARIABLE", "PotcarName", "VaspSettings", "check_tags"]

#: set to 1 on a machine without POTCARs, where a rehearsal stands in for VASP
SPEC_VARIABLE = "CATHOLYTE_POTCAR_SPEC"

Tag = bool | int | float | str | list[float]
#: settings that say where and how fast a run goes, never what it computes
RESOURCES = frozenset(
    {
        "vasp_command",
        "vasp_gamma_command",
        "potcar_directory",
        "potcar_spec",
        "ncore",
        "kpar",
        "wall_time",
        "max_errors",
        "polling_time",
        "frozen_time",
    }
)


class PotcarName(Spec):
    """One pseudopotential by name."""

    symbol: str = Field(description="name in the release, e.g. Li_sv")
    valence: float = Field(gt=0, description="valence electrons (ZVAL)")


class VaspSettings(Spec):
    """Content of ``configs/engines/vasp.yaml``."""

    version: str = Field(description="version of VASP, or its beginning", pattern=r"^\d+(\.\d+)*$")
    functional_library: Literal["PBE_54", "PBE_64"] = Field(description="release of the POTCAR files")
    centring: Literal["gamma", "monkhorst-pack"]
    precision: Literal["Normal", "Accurate"]
    energy_tolerance: PositiveElectronVolt = Field(description="eV, EDIFF")
    md_energy_tolerance: PositiveElectronVolt = Field(description="eV, EDIFF of molecular dynamics")
    max_iterations: int = Field(ge=1, description="NELM")
    algorithm: Literal["Normal", "Fast", "All", "VeryFast", "Damped"] = Field(description="ALGO")
    real_space_projection: bool = Field(description="LREAL = Auto where true")
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
    ncore: int = Field(ge=1, description="NCORE")
    kpar: int = Field(ge=1, description="KPAR")
    wall_time: float | None = Field(None, gt=0, description="s")
    max_errors: int = Field(ge=1)
    polling_time: float = Field(gt=0, description="s")
    frozen_time: float = Field(21600.0, gt=0, description="s without a word from VASP, after which it counts as frozen")
    potcars: dict[str, PotcarName] = Field(description="element to its pseudopotential")

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

    known = set(Incar.INCAR_PARAMS)
    problems = [
        f"{tag} is not an INCAR tag; {near_match_hint(tag, known).split('? ')[0]}?" for tag in tags if tag not in known
    ]
    problems = [p if "did you mean" in p else p.split(";")[0] + "; no tag has a similar name" for p in problems]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BadIncarWarning)
        Incar({tag: value for tag, value in tags.items() if tag in known}).check_params()
    return problems + [" ".join(str(warning.message).split()) for warning in caught]
