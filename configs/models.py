"""What things are: frozen, validated specifications of materials and methods.

Every quantity carries its unit in the field description and accepts ``"number unit"`` strings.
Unknown keys are errors. Nothing here computes or reads a file.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from .ions import Ion
from .units import (
    BohrMagneton,
    Degree,
    GramPerCubicCentimetre,
    NonNegativeElectronVolt,
    PositiveAngstrom,
    PositiveElectronVolt,
)

__all__ = [
    "CHARGED",
    "Arrangements",
    "Density",
    "Lattice",
    "Magnetism",
    "Material",
    "Mesh",
    "Method",
    "OrderedCell",
    "ReferenceName",
    "Role",
    "Site",
    "Spec",
    "Tier",
    "WindowName",
    "check_elements",
]

#: name of the engine behind a number; what the number is worth stands in the block `trust` of its file
Tier = str
Role = Literal["cathode", "rock salt", "boundary phase", "coating", "electrolyte", "anode", "product"]
#: what the first moment is taken over; all computed bands is not on offer (FACTS: an artefact of the band count)
WindowName = Literal["occupied", "range"]
#: end of the name of a cathode with less lithium: NCM811-x0.5
CHARGED = r"-x(0|1|0?\.\d+)$"
ReferenceName = Literal["vbm", "cbm", "midgap", "fermi", "o1s", "o2s", "average_potential", "vacuum"]


def _fraction(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{value!r} is neither a number nor a fraction such as '1/3'") from None
    return value


_AS_FRACTION = BeforeValidator(_fraction, json_schema_input_type=float | str)
Fractional = Annotated[float, _AS_FRACTION, Field(allow_inf_nan=False)]
Occupancy = Annotated[float, _AS_FRACTION, Field(gt=0, le=1)]
Mesh = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class Spec(BaseModel):
    """Base of all specifications: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lattice(Spec):
    """Conventional cell (hexagonal axes for rhombohedral groups)."""

    a: PositiveAngstrom = Field(description="Å")
    b: PositiveAngstrom | None = Field(None, description="Å; equal to a where left out")
    c: PositiveAngstrom | None = Field(None, description="Å; equal to a where left out")
    alpha: Degree = Field(90.0, description="degrees")
    beta: Degree = Field(90.0, description="degrees")
    gamma: Degree = Field(90.0, description="degrees")


class Site(Spec):
    """One Wyckoff position: the space group makes the rest."""

    label: str
    species: dict[Ion, Occupancy] = Field(
        description="species with oxidation state, e.g. Co3+, to its occupancy (0-1]", min_length=1
    )
    position: tuple[Fractional, Fractional, Fractional] = Field(
        description="fractional coordinates in the conventional cell"
    )

    @model_validator(mode="after")
    def _occupancy_at_most_one(self) -> Site:
        total = sum(self.species.values())
        if total > 1 + 1e-6:
            raise ValueError(f"occupancies of site {self.label!r} add up to {total:.4f}, more than 1")
        return self


class Magnetism(Spec):
    """Magnetic order and spin state; moments follow from oxidation state and ligand field."""

    order: Literal["nonmagnetic", "ferromagnetic", "AFM-II", "AFM-sublattice"] = Field(
        description="AFM-II: ferromagnetic (111) planes of a rock salt, alternating; "
        "AFM-sublattice: the sites of one Wyckoff position alternate (spinel A sites)"
    )
    spin_states: dict[Ion, Literal["high", "low"]] = Field(
        default_factory=dict, description="species, e.g. Co3+, to its spin state; high where left out"
    )
    expected_moments: dict[Ion, BohrMagneton] = Field(
        default_factory=dict, description="µB, |moment| expected after the run, per species, from the source"
    )
    source: str = ""


class Density(Spec):
    """Experimental density."""

    value: GramPerCubicCentimetre = Field(description="g/cm³")
    kind: Literal["crystal", "pellet", "liquid", "gas"] = Field(
        "crystal", description="how it was measured: X-ray/pycnometer crystal density, or a pressed pellet"
    )
    source: str


class OrderedCell(Spec):
    """The cell in which partial occupancies are resolved, and how."""

    supercell: Mesh = Field(
        (1, 1, 1), description="multiples of the conventional cell, or of the primitive cell where `primitive` is true"
    )
    primitive: bool = Field(False, description="resolve in the primitive cell")
    composition: str | None = Field(
        None,
        description=(
            "the exact composition of the ordered cell, e.g. Li30Ni15Mn9Co6O60; from the occupancies where left out"
        ),
    )


class Arrangements(Spec):
    """How the distinct arrangements of partial occupancies differ, of which calculations take the one of lowest
    electrostatic energy."""

    n: int = Field(ge=1, description="distinct arrangements that were relaxed")
    every: bool = Field(description="whether these are all that the ordered cell has")
    electrostatic: float = Field(ge=0, description="eV per cell, range of the electrostatic energies")
    energy: float = Field(ge=0, description="meV/atom, range after relaxation")
    volume: tuple[float, float] = Field(description="Å³/atom after relaxation, least and most")
    source: str

    @field_validator("volume", mode="before")
    @classmethod
    def _is_a_pair(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @property
    def spread(self) -> float:
        """Range of the volumes, % of their mean."""
        return 200 * (self.volume[1] - self.volume[0]) / sum(self.volume)

    @property
    def sentence(self) -> str:
        """What a volume or a strain of a relaxed cell owes to the choice among them."""
        return (
            f"one of {self.n}{'' if self.every else ' and more'} arrangements of its partial occupancies, that of "
            f"lowest electrostatic energy (they span {self.electrostatic:.1f} eV a cell); relaxed they lie within "
            f"{self.energy:.1f} meV/atom and at {self.volume[0]:.2f} to {self.volume[1]:.2f} Å³/atom "
            f"({self.spread:.1f} %): volumes and strains of relaxed cells carry this choice, which energy does not make"
        )


class Material(Spec):
    """One row of the library: a crystal with everything the pipeline needs to know of it."""

    name: str = Field(pattern=r"^[A-Za-z0-9.\-]+$")
    title: str = Field(description="the name a reader knows, e.g. lithium cobalt oxide")
    formula: str = Field(description="formula unit")
    role: Role
    space_group: str = Field(description="Hermann-Mauguin symbol (hexagonal axes for R groups), as pymatgen reads it")
    lattice: Lattice
    sites: tuple[Site, ...] = Field(min_length=1)
    magnetism: Magnetism = Magnetism(order="nonmagnetic")
    density: Density | None = None
    ordered_cell: OrderedCell | None = Field(None, description="needed where an occupancy is partial")
    arrangements: Arrangements | None = Field(None, description="how the arrangements of the ordered cell differ")
    aliases: tuple[str, ...] = ()
    source: str = Field(description="where lattice and positions come from", min_length=8)
    license: str = Field(description="licence or status of the numbers taken, e.g. 'facts, cited'")
    notes: str = ""
    molecular: bool = Field(
        False,
        description="held together by dispersion: relaxed volumes are meaningless, the experimental density is used",
    )

    @property
    def disordered(self) -> bool:
        """True where at least one site is shared or partly empty."""
        return any(len(s.species) > 1 or abs(sum(s.species.values()) - 1) > 1e-6 for s in self.sites)

    @model_validator(mode="after")
    def _disordered_needs_a_cell(self) -> Material:
        if self.disordered and self.ordered_cell is None:
            raise ValueError("partial occupancies need the key 'ordered_cell'")
        return self


class Method(Spec):
    """The level of theory of an electronic-structure step."""

    functional: Literal["PBE"] = "PBE"
    hubbard_u: dict[str, NonNegativeElectronVolt] = Field(
        default_factory=dict, description="eV, Dudarev U on the d shell per element; 0 must be written out"
    )
    cutoff: PositiveElectronVolt = Field(description="eV, plane-wave cutoff")
    kpoints: Mesh = Field(
        description="Γ-centred or Monkhorst-Pack divisions along the three reciprocal axes of the cell that runs"
    )
    smearing: PositiveElectronVolt = Field(0.05, description="eV, Fermi-Dirac width")
    spin_polarized: bool = True

    @field_validator("hubbard_u", mode="before")
    @classmethod
    def _elements(cls, table: Any) -> Any:
        return check_elements(table)


def check_elements(table: Any) -> Any:
    """Validate the keys of a table by element; the error names the key."""
    from pymatgen.core.periodic_table import Element

    for key in table if isinstance(table, dict) else ():
        if not Element.is_valid_symbol(str(key)):
            raise ValueError(f"{key!r} is not an element")
    return table
