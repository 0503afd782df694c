"""What a VASP campaign fixes once, the content of ``configs/engines/vasp.yaml``, and why each INCAR tag is there.

The table of ``docs/vasp-settings.md`` comes from here, and a test holds the inputs to it.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, field_validator

from ....configs.errors import near_match_hint
from ....configs.models import Spec
from ....configs.units import PositiveElectronVolt

__all__ = [
    "NEVER_WRITTEN",
    "REASONS",
    "RESOURCES",
    "SPEC_VARIABLE",
    "PotcarName",
    "Reason",
    "VaspSettings",
    "check_tags",
]

#: set to 1 on a machine without POTCARs, where a rehearsal stands in for VASP
SPEC_VARIABLE = "CATHOLYTE_POTCAR_SPEC"

Tag = bool | int | float | str | list[float]
#: settings that say where and how fast a run goes, never what it computes
# fmt: off
RESOURCES = frozenset([
    "vasp_command", "vasp_gamma_command", "potcar_directory", "potcar_spec", "ncore", "kpar", "wall_time",
    "max_errors", "polling_time", "frozen_time",
])
# fmt: on

Origin = Literal["recipe", "structure", "task", "campaign", "resource"]


@dataclass(frozen=True)
class Reason:
    """Where a tag comes from and why it has its value.

    Parameters
    ----------
    value : str
        The rule.
    origin : str
        recipe: stated by the source, or listed there as a choice; structure; task; campaign:
        ``configs/engines/vasp.yaml``; resource.
    reason : str
    """

    value: str
    origin: Origin
    reason: str


REASONS: dict[str, Reason] = {
    "GGA": Reason("PE", "recipe", "the functional, written out: VASP would else take that of the POTCAR"),
    "ENCUT": Reason(
        "cutoff of the recipe", "recipe", "the largest ENMAX of the POTCARs would else change from cell to cell"
    ),
    "EDIFF": Reason(
        "energy_tolerance; md_energy_tolerance in dynamics",
        "recipe",
        "stated by the source, or a choice of the recipe; forces of slabs need 1e-6 eV",
    ),
    "LDAU": Reason("True where a U > 0", "recipe", "switches U on"),
    "LDAUTYPE": Reason("2", "recipe", "Dudarev: only U - J counts, and J is 0"),
    "LDAUL": Reason("2 with U, -1 without", "recipe", "U acts on d shells"),
    "LDAUU": Reason(
        "the recipe's table",
        "recipe",
        "by element, never by neighbours: an oxide, a sulfide and their interface get the same U",
    ),
    "LDAUJ": Reason("0", "recipe", "part of Dudarev's form"),
    "SIGMA": Reason("smearing of the recipe", "recipe", "with ISMEAR = 0, small enough for gapped cells"),
    "MAGMOM": Reason(
        "site property magmom",
        "structure",
        "from oxidation state and ligand field, moved along when sites are sorted; zeros are written",
    ),
    "ISPIN": Reason(
        "2; 1 in dynamics without a moment",
        "structure",
        "moments decide oxidation states; dynamics of a cell without magnetic ions is half as costly without them",
    ),
    "LMAXMIX": Reason(
        "4; 6 with f elements",
        "structure",
        "the charge mixer must carry the d (f) occupations that U acts on; the same for cells without d electrons",
    ),
    "ISYM": Reason(
        "0 for slabs, P1 cells, dynamics",
        "structure",
        "no operation is found in one step and lost in the next; elsewhere VASP's default",
    ),
    "AMIN": Reason(
        "0.01 where an axis exceeds 50 Å", "structure", "charge sloshes along a long cell (VASP wiki, AMIN)"
    ),
    "LDIPOL": Reason(
        "True in the second stage of a polar slab",
        "structure",
        "removes the field between its images; wave functions are converged without it first",
    ),
    "IDIPOL": Reason("3 with LDIPOL", "structure", "the surface normal is c"),
    "DIPOL": Reason("centre of mass, with LDIPOL", "structure", "an origin inside the slab, not in the vacuum"),
    "NBANDS": Reason(
        "density of states only: occupied × 1.6, multiple of band_multiple",
        "task",
        "VASP's default changes with the number of ranks, and with it the empty states",
    ),
    "NEDOS": Reason(
        "5001 in a density of states",
        "task",
        "the default of 301 points samples d bands too coarsely for their first moment",
    ),
    "LVHAR": Reason(
        ".TRUE. in a density of states of a slab or interface",
        "structure",
        "LOCPOT gives the potential step and the vacuum level; no other number changes",
    ),
    "NSW": Reason("steps of the task; 0 for static", "task", "what was asked"),
    "IBRION": Reason("2 relax, 0 dynamics, -1 else", "task", "conjugate gradients are robust far from the minimum"),
    "ISIF": Reason("3 relax, 2 for slabs, fixed cells and dynamics", "task", "vacuum must not relax away"),
    "EDIFFG": Reason("minus the force limit", "task", "forces, not energies, say when a relaxation is done"),
    "POTIM": Reason(
        "time step in fs; 0.5 in a relaxation",
        "task",
        "what was asked; 0.5 is VASP's own scaling of the line search, written out",
    ),
    "TEBEG": Reason("temperature", "task", "what was asked"),
    "TEEND": Reason("temperature", "task", "no ramp"),
    "MDALGO": Reason("2 Nosé-Hoover, 3 Langevin", "task", "the thermostat of the task"),
    "SMASS": Reason(
        "g kB T τ² of the time constant τ; -3 without thermostat",
        "task",
        "SMASS = 0 would tie the thermostat to the time step (a period of 40 steps)",
    ),
    "LANGEVIN_GAMMA": Reason("1/τ per element, ps⁻¹", "task", "friction of the Langevin thermostat"),
    "NBLOCK": Reason("1 in dynamics", "task", "every step is written, so that a killed chunk loses none"),
    "ISTART": Reason("0; 1 in the second stage of a polar slab", "task", "no left-over WAVECAR is read by accident"),
    "ICHARG": Reason("2; not written with ISTART = 1", "task", "superposed atomic charges, the same start for all"),
    "LWAVE": Reason(
        "True in the first stage of a polar slab only", "task", "disk: gigabytes per job that nobody reads"
    ),
    "LCHARG": Reason("False", "campaign", "disk; no step reads the charge density"),
    "PREC": Reason("Accurate", "campaign", "one FFT grid rule for all energies; forces and stress need it"),
    "ALGO": Reason("Normal", "campaign", "blocked Davidson is the most robust for U and magnetism"),
    "NELM": Reason(
        "200", "campaign", "60, the default, is short for magnetic slabs; an unconverged cycle is refused, not used"
    ),
    "LREAL": Reason(
        "False",
        "campaign",
        "one rule for the small reference and the large cell, or their energies differ by the projection error",
    ),
    "ISMEAR": Reason(
        "0", "campaign", "Gaussian, for metals, insulators, large and small meshes alike: energies stay comparable"
    ),
    "LASPH": Reason(
        "True", "campaign", "aspherical parts inside the PAW spheres matter for d shells with U (VASP wiki, LASPH)"
    ),
    "LORBIT": Reason("11", "campaign", "moments per site in every OUTCAR; the projected density of states"),
    "NCORE": Reason("ncore", "resource", "speed only"),
    "KPAR": Reason("kpar", "resource", "speed only"),
}

#: tags that are left to VASP on purpose
NEVER_WRITTEN = {
    "NELECT": (
        "cells are neutral; the number of electrons is VASP's, and is compared with the sum of the valences after the "
        "run"
    ),
    "KSPACING": "the mesh stands in KPOINTS, as the source states it",
    "METAGGA": "no recipe asks for one",
}


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
