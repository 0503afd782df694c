"""The one document that every engine answers with, and the only schema that analysis reads.

Units: eV, Å, µB, fs, K; stress in eV/Å³ with the sign of dE/dε, as ASE has it.
Large arrays (`dos`, `trajectory`, `potential`) travel in the same document while it is in memory and are moved to
the additional store when it is saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pymatgen.core.structure import Structure

from ..configs.errors import InputError
from ..configs.models import Tier
from ..configs.trust import trust_of
from .roles import Role
from .signature import Signature, require_same_signature

__all__ = [
    "LARGE_FIELDS",
    "SCHEMA_VERSION",
    "Acceptance",
    "BandEdges",
    "CalculationDocument",
    "Check",
    "Convergence",
    "Effort",
    "Kind",
    "Origin",
    "PlanarPotential",
    "ProjectedDos",
    "Provenance",
    "Restart",
    "Signature",
    "Trajectory",
    "is_stamped",
    "require_one_trajectory",
    "require_real",
    "require_same_signature",
]

#: 2 adds the verdict of acceptance and the signature's precision, POTCARs and altered tags; documents of version 1 read
#: as they are; 3 adds the state from which dynamics goes on and the planar potential; versions 1 and 2 read as they
#: are; 4 adds the role; analysis derives that of older documents from their labels; 5 adds dispersion, spin-orbit
#: coupling, form of U and charge to the signature; 6 adds the origin of imported results and the effort of a run
SCHEMA_VERSION = 6
#: settings that all chunks of a trajectory share, with their units
_CHUNK_RULES = {"timestep": "fs", "thermostat": "", "temperature": "K", "damping": "fs", "frame_interval": "steps"}
#: Å, within which a chunk begins where the one before ended: the digits of a POSCAR
_SAME_PLACE = 1e-4
#: fields that go to the additional store
LARGE_FIELDS = ("dos", "trajectory", "potential")

#: in the version of a program whose numbers are invented
_STAMP = "rehearsal"

Kind = Literal["relax", "static", "dos", "md"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


def require_real(*documents: CalculationDocument) -> None:
    """Raise InputError if a document was written by a rehearsal.

    Raises
    ------
    InputError
        Naming the document.
    """
    for document in documents:
        if document.rehearsed:
            raise InputError(f"{document.label} is a rehearsal: its numbers are invented and are not analysed")


class Convergence(_Document):
    """Whether the numbers may be used."""

    electronic: bool
    ionic: bool = True
    max_force: float = Field(description="eV/Å, largest force on any atom at the end")
    n_steps: int = Field(1, description="ionic steps")
    detail: str = ""


class BandEdges(_Document):
    """Edges of the bands on the engine's own energy zero, eV."""

    efermi: float
    vbm: float | None = Field(None, description="eV; None for a metal")
    cbm: float | None = None
    gap: float = Field(description="eV, 0 for a metal")
    direct_gap: float | None = None
    vbm_at: list[float] | None = Field(None, description="fractional k point of the valence band maximum")
    cbm_at: list[float] | None = Field(None, description="fractional k point of the conduction band minimum")
    note: str = Field("", description="what a reader must know of the edges")
    average_potential: float | None = Field(
        None, description="eV, cell average of the electrostatic potential energy of an electron"
    )
    core_potentials: list[float] | None = Field(
        None,
        description=(
            "eV per site, electrostatic potential energy of an electron at the nucleus' core region: shifts like the "
            "1s level"
        ),
    )
    core_potential_kind: str = ""


class ProjectedDos(_Document):
    """Density of states projected on atoms and orbitals, on the engine's own energy zero.

    energies : (n_e,) eV, evenly spaced; densities : (n_spin, n_sites, n_orbitals, n_e) states/eV;
    total : (n_spin, n_e) states/eV. ``broadening`` 0 means that each eigenvalue was shared linearly
    between the two nearest grid points, which keeps zeroth and first moments exact.
    """

    energies: list[float]
    densities: list[list[list[list[float]]]]
    total: list[list[float]]
    orbitals: list[Literal["s", "p", "d", "f"]]
    broadening: float = Field(description="eV")
    n_bands: int

    def projected(self, sites: list[int], orbital: str) -> NDArray[np.float64]:
        """Sum over `sites` for one orbital: (n_spin, n_e) array, states/eV."""
        densities = np.asarray(self.densities, dtype=float)
        summed: NDArray[np.float64] = densities[:, :, list[str](self.orbitals).index(orbital)][:, sites].sum(axis=1)
        return summed


class PlanarPotential(_Document):
    """Electrostatic potential energy of an electron, averaged over the planes parallel to a and b, on the engine's own
    energy zero.

    values : (n,) eV, at the fractional heights 0, 1/n, … along c; their mean is ``BandEdges.average_potential``.
    """

    values: list[float] = Field(min_length=2)
    kind: str = Field(description="what the engine averaged, and what it did inside the PAW spheres")


class Trajectory(_Document):
    """Frames of a relaxation or of molecular dynamics.

    positions : (n_frames, n_sites, 3) Å, unwrapped; cells : (n_frames, 3, 3) Å; energies : (n_frames,) eV;
    temperatures : (n_frames,) K or None; times : (n_frames,) fs or None; conserved : (n_frames,) eV or None, what exact
    integration would keep.
    """

    positions: list[list[list[float]]]
    cells: list[list[list[float]]]
    energies: list[float]
    temperatures: list[float] | None = None
    times: list[float] | None = None
    conserved: list[float] | None = None


class Restart(_Document):
    """Everything that the next step of molecular dynamics depends on, besides species and cell, in full precision.

    positions : (n_sites, 3) Å, unwrapped; momenta : (n_sites, 3) Å·u/fs′, fs′ = 10.18 fs, ASE's own unit: velocities
    would not bring
    them back to the last digit; chain_positions, chain_momenta : variables of a Nosé-Hoover chain, ASE's units;
    random_state : the
    state of NumPy's generator as JSON, since its integers are larger than a database's.
    """

    step: int = Field(ge=0, description="steps since the velocities were drawn")
    timestep: float = Field(description="fs")
    thermostat: str
    temperature: float = Field(description="K")
    damping: float = Field(description="fs")
    positions: list[list[float]]
    momenta: list[list[float]]
    chain_positions: list[float] | None = None
    chain_momenta: list[float] | None = None
    random_state: str | None = None


class Check(_Document):
    """One question that acceptance asked of a result."""

    name: str
    ok: bool
    detail: str = ""
    refuses: bool = Field(
        True, description="a result that fails it is not accepted; otherwise it is pointed out for review"
    )


class Acceptance(_Document):
    """The verdict on one result, for machines."""

    accepted: bool
    checks: list[Check]

    @classmethod
    def of(cls, checks: list[Check]) -> Acceptance:
        """The verdict that follows from the checks: accepted unless one that refuses has failed."""
        return cls(accepted=all(check.ok or not check.refuses for check in checks), checks=checks)

    def failed(self, refusing: bool = True) -> list[Check]:
        """The checks that failed and refuse, or those that only ask for review."""
        return [check for check in self.checks if not check.ok and check.refuses == refusing]


class Origin(_Document):
    """The files that an imported result was read from."""

    path: str = Field(description="folder or file, as it was when it was imported")
    sha256: str = Field(description="of the unpacked vasprun.xml or vaspout.h5; of several parts, that of their hashes")
    parts: list[str] = Field(default_factory=list, description="sha256 of each part of dynamics that was joined")
    sites: list[int] = Field(default_factory=list, description="place, in the document, of each site of the files")
    notes: list[str] = Field(default_factory=list, description="what a reader must know of the import")


class Effort(_Document):
    """What a plane-wave calculation had to do, and how long it took."""

    n_bands: int
    n_kpoints: int = Field(description="irreducible")
    n_spins: int
    n_planewaves: float = Field(description="of a wave function: V (2 m E / ħ²)^3/2 / 6π²")
    n_electronic: int = Field(description="electronic steps of all ionic steps")
    n_ionic: int
    cores: int | None = None
    core_seconds: float | None = Field(None, description="s, elapsed time × cores")


class Provenance(_Document):
    """Who computed this, where, when and with what."""

    host: str
    started: str
    finished: str
    wall_seconds: float
    cpu_seconds: float | None = None
    versions: dict[str, str]
    imported: Origin | None = Field(None, description="of a result that was computed elsewhere and read from files")
    effort: Effort | None = None


#: JSON schema of each class of documents
_SCHEMAS: dict[type, dict[str, Any]] = {}


class CalculationDocument(_Document):
    """Result of one calculation, the same for VASP, GPAW, CHGNet and the rehearsal."""

    schema_version: int = SCHEMA_VERSION
    label: str = Field(description="the material's name in the library, or the user's own")
    role: Role | None = Field(None, description="place in the flow that asked for it; None before schema 4")
    kind: Kind
    tier: Tier
    formula: str
    n_sites: int
    initial_structure: Structure
    structure: Structure = Field(description="final cell; site property `magmom` in µB where the engine has moments")
    energy: float = Field(description="eV per cell")
    forces: list[list[float]] = Field(description="(n_sites, 3) eV/Å")
    stress: list[list[float]] | None = Field(None, description="(3, 3) eV/Å³, dE/dε / V: negative under compression")
    magmoms: list[float] | None = Field(None, description="(n_sites,) µB")
    moments_signed: bool = Field(True, description="False where the engine predicts magnitudes only")
    moments_by: str | None = Field(
        None, description="potential of the single point that gave the moments, where the engine has none of its own"
    )
    total_magnetization: float | None = Field(None, description="µB per cell")
    convergence: Convergence
    band_edges: BandEdges | None = None
    dos: ProjectedDos | None = None
    trajectory: Trajectory | None = None
    potential: PlanarPotential | None = None
    restart: Restart | None = Field(None, description="of molecular dynamics by an engine whose runs go on exactly")
    signature: Signature
    settings: dict[str, Any] = Field(default_factory=dict, description="every engine setting in force")
    acceptance: Acceptance | None = Field(None, description="None in documents of schema 1")
    provenance: Provenance

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        """The schema of the document, made once: jobflow asks for it at every reference to a field of a job's output,
        hundreds of times in a plan."""
        whole = super().model_json_schema
        if arguments or options:
            return whole(*arguments, **options)
        if cls not in _SCHEMAS:
            _SCHEMAS[cls] = whole()
        return _SCHEMAS[cls]

    @property
    def rehearsed(self) -> bool:
        """Whether its numbers were invented by a rehearsal: any of the stamps is enough, whatever the tier says."""
        stamped = (
            self.tier,
            self.signature.engine,
            self.signature.version,
            *self.signature.potcars.values(),
            *self.provenance.versions.values(),
        )
        return any(is_stamped(text) for text in stamped) or trust_of(self.tier).placeholder

    @property
    def energy_per_atom(self) -> float:
        """eV/atom."""
        return self.energy / self.n_sites

    @model_validator(mode="after")
    def _numbers_are_usable(self) -> CalculationDocument:
        forces = np.asarray(self.forces, dtype=float)
        if not np.isfinite(self.energy):
            raise ValueError(f"energy of {self.label} is {self.energy}")
        if forces.shape != (self.n_sites, 3) or not np.isfinite(forces).all():
            raise ValueError(f"forces of {self.label} are missing or not finite")
        if self.magmoms is not None and len(self.magmoms) != self.n_sites:
            raise ValueError(f"{len(self.magmoms)} moments for {self.n_sites} sites of {self.label}")
        return self


def is_stamped(text: object) -> bool:
    """Whether a version, title or name bears the mark of invented numbers, which the stand-in for VASP puts into every
    file."""
    return _STAMP in str(text).lower()


def require_one_trajectory(chunks: Sequence[CalculationDocument]) -> None:
    """Raise unless the documents are consecutive chunks of one trajectory.

    Raises
    ------
    InputError
        If there is none, one is no molecular dynamics, time step, thermostat or signature changed, or a chunk did not
        begin where the one before ended; the chunk is named.
    """
    if not chunks:
        raise InputError("a trajectory needs at least one chunk")
    for number, chunk in enumerate(chunks, 1):
        if chunk.kind != "md":
            raise InputError(f"chunk {number} of {chunks[0].label} is no molecular dynamics but {chunk.kind}")
    for number, (before, after) in enumerate(pairwise(chunks), 2):
        where = f"chunk {number} of {before.label}"
        asked = {key: (before.settings.get(key), after.settings.get(key)) for key in _CHUNK_RULES}
        told = [
            f"{key} {old} → {new} {_CHUNK_RULES[key]}".strip()
            for key, (old, new) in asked.items()
            if old != new and old is not None and new is not None  # older documents do not hold every setting
        ]
        precision = before.signature.precision or after.signature.precision  # nor the precision
        told += before.signature.model_copy(update={"precision": precision}).differences(
            after.signature.model_copy(update={"precision": after.signature.precision or precision})
        )
        if told:
            raise InputError(f"{where} ran by other rules than the one before: {', '.join(told)}")
        end, begin = before.structure, after.initial_structure
        if [site.specie.symbol for site in end] != [site.specie.symbol for site in begin]:
            raise InputError(f"{where} has other atoms than the one before")
        shift = begin.frac_coords - end.frac_coords
        away = float(np.abs((shift - np.round(shift)) @ end.lattice.matrix).max())
        if away > _SAME_PLACE:
            raise InputError(
                f"{where} did not begin where the one before ended: the largest displacement is {away:.1e} Å"
            )
