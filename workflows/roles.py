"""What a calculation is for: its place in the flow that asked for it, so that nobody reads it out of a name.

A role travels beside the label: labels are for people and part of a job's identity, roles are for analysis and no part
of it (:mod:`~catholyte.workflows.identity`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

__all__ = [
    "Arrangement",
    "Candidate",
    "Chunk",
    "Control",
    "Delithiated",
    "Exchanged",
    "HopEnd",
    "HopImage",
    "Host",
    "Main",
    "Ordering",
    "OxygenVacancy",
    "PolymorphCell",
    "Reference",
    "Role",
    "Stack",
    "StackHost",
    "Strained",
    "Substituted",
    "Vacancy",
    "Variation",
    "read_role",
]


class _Role(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str = Field(description="name of the material or system that the flow is about")


class Main(_Role):
    """The calculation of a material itself."""

    kind: Literal["main"] = "main"


class Variation(_Role):
    """The main calculation with another setting, to show what it depends on."""

    kind: Literal["variation"] = "variation"


class Ordering(_Role):
    """One of the orderings that are ranked."""

    kind: Literal["ordering"] = "ordering"
    number: int


class Host(_Role):
    """A candidate for the host of a ladder; the lowest of them is the host."""

    kind: Literal["host"] = "host"
    number: int


class Arrangement(_Role):
    """One arrangement of Li vacancies in the host."""

    kind: Literal["arrangement"] = "arrangement"
    n_lithium_vacancies: int
    number: int = Field(description="rank among those of this number of vacancies")


class Substituted(_Role):
    """The host with a substituted ion, or the host without it beside which it is set."""

    kind: Literal["substituted"] = "substituted"
    element: str = Field(description="of the ion")
    site: str | None = Field(description="element whose site the ion takes; None for the host without the ion")
    number: int = Field(description="rank among the places of this element")


class OxygenVacancy(_Role):
    """A cell that one oxygen atom has left."""

    kind: Literal["oxygen_vacancy"] = "oxygen_vacancy"
    parent: Arrangement | Substituted = Field(discriminator="kind")
    origin: int = Field(description="number of the atom in the host")


class Candidate(_Role):
    """One of the cells of an interface that are relaxed before one is chosen."""

    kind: Literal["candidate"] = "candidate"
    number: int


class Stack(_Role):
    """The chosen cell of an interface, at the recipe's level of theory."""

    kind: Literal["stack"] = "stack"


class Reference(_Role):
    """What an energy is measured against: of an interface its strained crystals, slabs and free crystals, of a ladder
    lithium metal and the O2 molecule."""

    kind: Literal["reference"] = "reference"
    what: Literal["bulk", "slab", "free", "lithium", "molecule"]
    material: str
    cell: int | None = Field(None, description="of the candidates; None for that of the chosen one")


class Control(_Role):
    """The bulk of a phase, relaxed for the molecular dynamics with which that of an interface is compared."""

    kind: Literal["control"] = "control"


class StackHost(_Role):
    """A stack from which atoms leave, one at a time."""

    kind: Literal["stack_host"] = "stack_host"


class Vacancy(_Role):
    """A stack that one atom has left."""

    kind: Literal["vacancy"] = "vacancy"
    element: str = Field(description="of the atom that is missing")
    origin: int = Field(description="number of the atom in the stack")


class Exchanged(_Role):
    """A slab with an ion at one depth; without one it is the slab itself."""

    kind: Literal["exchanged"] = "exchanged"
    element: str = Field(description="of the ion")
    origin: int | None = Field(None, description="number of the site in the slab; None for the slab without exchange")


class HopEnd(_Role):
    """A cell with a vacancy, at which a hop begins or ends."""

    kind: Literal["hop_end"] = "hop_end"
    number: int = Field(description="rank among the vacancies of the system")


class HopImage(_Role):
    """An image of a band, at which another engine computes the energy."""

    kind: Literal["hop_image"] = "hop_image"
    hop: int = Field(description="rank among the hops of the system")
    number: int = Field(description="rank among the images that are computed again")


class Delithiated(_Role):
    """A crystal with a share of its lithium left, whose states are looked at."""

    kind: Literal["delithiated"] = "delithiated"
    content: float = Field(description="share of the lithium, 0 to 1")


class PolymorphCell(_Role):
    """One cell of a structure that competes with the layered one."""

    kind: Literal["polymorph"] = "polymorph"
    structure: str = Field(description="layered, spinel or rock salt")
    number: int


class Strained(_Role):
    """A crystal in a strained cell."""

    kind: Literal["strained"] = "strained"
    number: int = Field(description="of the strain")


class Chunk(_Role):
    """A part of a trajectory."""

    kind: Literal["chunk"] = "chunk"
    replica: int
    number: int
    control: bool = Field(False, description="whether it is the bulk of a phase that moves")


Role = Annotated[
    Main
    | Variation
    | Ordering
    | Host
    | Arrangement
    | Substituted
    | OxygenVacancy
    | Candidate
    | Stack
    | Reference
    | Control
    | StackHost
    | Vacancy
    | Exchanged
    | HopEnd
    | HopImage
    | Delithiated
    | Strained
    | PolymorphCell
    | Chunk,
    Field(discriminator="kind"),
]
_ROLE: TypeAdapter[Role] = TypeAdapter(Role)


def read_role(stored: object) -> Role | None:
    """Return a role from its stored form, or None where there is none.

    Parameters
    ----------
    stored : dict, role or None
    """
    return None if stored is None else _ROLE.validate_python(stored)
