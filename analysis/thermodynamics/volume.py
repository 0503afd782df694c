"""Molar volumes with their source, and the volume ledger of a reaction.

A molar volume is known from a measured density (V = M / density), from the experimental cell, from the
relaxed cell behind an entry of the phase set, or from a density that the user gives. The kinds are
never mixed silently: every number carries its kind and source, and the ledger is given once as preferred
and once for each kind that all participants share.

Gases leave and count no volume. Lithium that comes from or goes to the anode counts no volume on the
cathode's side either; its amount is stated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from pymatgen.core.composition import Composition

from ...configs.errors import UnknownNameError, near_match_hint
from ...configs.load import library_formulas, material
from ...configs.models import Density, Material
from .phase_set import PhaseEntry, PhaseSet, parse_formula

__all__ = ["GASES", "KINDS", "Kind", "MolarVolume", "Share", "Term", "VolumeBalance", "Volumes"]

Kind = Literal["crystal", "relaxed", "pellet", "own"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: mL/mol per Å³ per formula unit: Avogadro's number (exact, SI 2019) times 1e-24 cm³/Å³
_ML_PER_CUBIC_ANGSTROM = 0.602214076
#: boiling point or sublimation below 298 K at 1 bar (CRC Handbook of Chemistry and Physics, Physical Constants of
#: Inorganic Compounds)
GASES = frozenset({"BCl3", "CO", "CO2", "COS", "Cl2", "Cl2O", "ClO2", "O2", "O3", "SO2"})


@dataclass(frozen=True)
class MolarVolume:
    """Volume of one mole of formula units.

    Parameters
    ----------
    formula : str
        Formula unit that the number refers to.
    value : float
        mL/mol; 0 for a gas, which leaves.
    kind : str
        crystal, relaxed, pellet, own, or gas.
    source : str
        Density or cell that it comes from, with citation.
    """

    formula: str
    value: float
    kind: Kind | Literal["gas"]
    source: str


@dataclass(frozen=True)
class Term:
    """So many formula units of one phase.

    Parameters
    ----------
    coefficient : float
    formula : str
    entry : PhaseEntry or None
        Of the phase set, where it comes from there.
    """

    coefficient: float
    formula: str
    entry: PhaseEntry | None = None


@dataclass(frozen=True)
class Share:
    """What one phase contributes.

    Parameters
    ----------
    side : str
        before or after.
    coefficient : float
        Formula units.
    formula : str
    volume : MolarVolume or None
        None where no volume is known.
    """

    side: Literal["before", "after"]
    coefficient: float
    formula: str
    volume: MolarVolume | None

    @property
    def contribution(self) -> float | None:
        """mL per mole of reaction; None where no volume is known."""
        return None if self.volume is None else self.coefficient * self.volume.value

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers."""
        known = (
            {"molar_volume": self.volume.value, "kind": self.volume.kind, "source": self.volume.source}
            if self.volume
            else {}
        )
        return {
            "side": self.side,
            "formula": self.formula,
            "coefficient": round(self.coefficient, 9),
            "contribution": self.contribution,
            "molar_volume": None,
            "kind": None,
            "source": None,
            **known,
        }


@dataclass(frozen=True)
class VolumeBalance:
    """Volumes before and after one reaction, per mole of reaction as it is written.

    Parameters
    ----------
    reaction : str
        Balanced.
    shares : tuple of Share
        Reactants, then products; lithium of the anode is not among them.
    lithium : float
        Mol of Li taken up from the anode; negative where released to it.
    alternatives : mapping of str to (float, float)
        Kind to (before, after) in mL, for each kind that every participant has.
    """

    reaction: str
    shares: tuple[Share, ...]
    lithium: float
    alternatives: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def total(self, side: str) -> float | None:
        """mL before or after; None where one volume is unknown."""
        parts = [share.contribution for share in self.shares if share.side == side]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def before(self) -> float | None:
        """mL per mole of reaction."""
        return self.total("before")

    @property
    def after(self) -> float | None:
        """mL per mole of reaction."""
        return self.total("after")

    @property
    def change(self) -> float | None:
        """After minus before, mL per mole of reaction."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def percent(self) -> float | None:
        """Change relative to before, %."""
        return None if self.change is None or not self.before else 100 * self.change / self.before

    @property
    def unknown(self) -> tuple[str, ...]:
        """Formulas without a volume."""
        return tuple(dict.fromkeys(share.formula for share in self.shares if share.volume is None))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Gases, volumes of different kinds, volumes that nobody knows."""
        gases = [share.formula for share in self.shares if share.volume and share.volume.kind == "gas"]
        kinds = sorted({share.volume.kind for share in self.shares if share.volume and share.volume.kind != "gas"})
        told = [f"{', '.join(gases)}: a gas at 298 K and 1 bar, leaves and counts no volume"] if gases else []
        if len(kinds) > 1:
            told.append(
                f"volumes of different kinds ({', '.join(kinds)}) stand side by side: relaxed cells are "
                "systematically a few percent off experiment"
            )
        if self.unknown:
            told.append(f"no volume is known of {', '.join(self.unknown)}")
        return tuple(told)

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, and what becomes of lithium."""
        lithium = (
            f"{abs(self.lithium):.6g} Li {'taken from' if self.lithium > 0 else 'given to'} the anode, which counts no "
            "volume here"
        )
        return (*self.warnings, lithium) if self.lithium else self.warnings

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers under the keys of ``volumes --json``; mL per mole of reaction."""
        return {
            "reaction": self.reaction,
            "before": self.before,
            "after": self.after,
            "change": self.change,
            "change_percent": self.percent,
            "contributions": [share.to_json() for share in self.shares],
            "sources": {
                s.formula: {"molar_volume": s.volume.value, "kind": s.volume.kind, "source": s.volume.source}
                for s in self.shares
                if s.volume
            },
            "by_kind": {
                kind: {"before": before, "after": after, "change": after - before}
                for kind, (before, after) in self.alternatives.items()
            },
            "lithium": round(self.lithium, 9),
            "notes": list(self.notes),
        }


class Volumes:
    """Where molar volumes are looked up, and which kind is preferred.

    Parameters
    ----------
    phase_set : PhaseSet, optional
        Its entries may carry relaxed volumes.
    prefer : sequence of str
        Kinds in falling preference; kinds left out follow in the standard order. An own density always comes first.
    own : mapping of str to Density
        Material or formula to a density that the user gives.

    Raises
    ------
    UnknownNameError
        If a kind does not exist.
    InputError
        If an own density's name is neither a material nor a formula.
    """

    def __init__(
        self, phase_set: PhaseSet | None = None, prefer: Sequence[str] = (), own: Mapping[str, Density] | None = None
    ) -> None:
        for kind in prefer:
            if kind not in KINDS:
                raise UnknownNameError(f"unknown kind of volume {kind!r}; {near_match_hint(kind, KINDS)}")
        self.phase_set = phase_set
        self.order = tuple(dict.fromkeys(["own", *prefer, *KINDS]))
        self.own = {_composition(name).reduced_formula: density for name, density in (own or {}).items()}

    @cached_property
    def by_formula(self) -> dict[str, tuple[str, ...]]:
        """Names of the library, as it is when first needed, by reduced formula."""
        found: dict[str, tuple[str, ...]] = {}
        for name, formula in library_formulas().items():
            key = parse_formula(formula).reduced_formula
            found[key] = (*found.get(key, ()), name)
        return found

    def known(self, term: Term) -> tuple[MolarVolume, ...]:
        """Return every volume of a phase, the preferred one first; a gas has one only."""
        composition = parse_formula(term.formula)
        if composition.reduced_formula in GASES:
            return (MolarVolume(term.formula, 0.0, "gas", "gas at 298 K and 1 bar (CRC Handbook): leaves"),)
        found = [
            *self._own(term.formula, composition),
            *_measured(term, composition, self._crystal_of(term, composition)),
            *self._of_entry(term, composition),
        ]
        return tuple(sorted(found, key=lambda volume: self.order.index(volume.kind)))

    def _own(self, formula: str, composition: Composition) -> list[MolarVolume]:
        density = self.own.get(composition.reduced_formula)
        if density is None:
            return []
        kind = f" ({density.kind})" if "kind" in density.model_fields_set else ""
        return [
            MolarVolume(
                formula,
                float(composition.weight) / density.value,
                "own",
                f"{density.value:g} g/cm³{kind}: {density.source}",
            )
        ]

    def _crystal_of(self, term: Term, composition: Composition) -> Material | None:
        """The library's crystal of a phase: the one its entry names; where that tells nothing the one of its
        composition, that of its name first."""
        if term.entry is not None and (term.entry.material or term.entry.volume):
            return _named(term.entry, composition)
        same = self.by_formula.get(composition.reduced_formula, ())
        name = term.formula if term.formula in same else next(iter(same), None)
        return None if name is None else material(name)

    def _of_entry(self, term: Term, composition: Composition) -> list[MolarVolume]:
        entry = term.entry
        if entry is None and self.phase_set is not None:
            entry = self.phase_set.resolve(term.formula).entry
        if entry is None or entry.volume is None:
            return []
        kind: Kind = "relaxed" if entry.volume_source.startswith("relaxed") else "crystal"
        volume = entry.volume * composition.num_atoms / entry.composition.num_atoms * _ML_PER_CUBIC_ANGSTROM
        found = _named(entry, composition) if kind == "relaxed" else None
        told = _of_arrangements(found, composition) if found is not None else ""
        return [MolarVolume(term.formula, volume, kind, f"{entry.id}: {entry.volume_source}{told}")]


def _of_arrangements(found: Material, composition: Composition) -> str:
    """How far the volume of a relaxed cell depends on the arrangement of partial occupancies that was taken."""
    if found.arrangements is None:
        return ""
    low, high = (v * composition.num_atoms * _ML_PER_CUBIC_ANGSTROM for v in found.arrangements.volume)
    return (
        f"; the {found.arrangements.n} arrangements of the library's ordered cell, within "
        f"{found.arrangements.energy:.1f} meV/atom, hold {low:.1f} to {high:.1f} mL/mol ({found.arrangements.source})"
    )


def _composition(name: str) -> Composition:
    try:
        return parse_formula(material(name).formula)
    except UnknownNameError:
        return parse_formula(name)


def _named(entry: PhaseEntry, composition: Composition) -> Material | None:
    """The material that an entry names, where the library has it with this composition: another polymorph has another
    volume."""
    try:
        found = material(entry.material) if entry.material else None
    except UnknownNameError:
        return None
    return (
        found
        if found is not None and parse_formula(found.formula).reduced_formula == composition.reduced_formula
        else None
    )


def _measured(term: Term, composition: Composition, found: Material | None) -> list[MolarVolume]:
    """Volumes of the library: its density of one kind, and that of the experimental cell where the density is no
    crystal's."""
    if found is None:
        return []
    density, volumes = found.density, []
    if density is not None and density.kind in ("crystal", "pellet"):
        kind: Kind = "crystal" if density.kind == "crystal" else "pellet"
        volumes.append(
            MolarVolume(
                term.formula,
                float(composition.weight) / density.value,
                kind,
                f"{density.value:g} g/cm³ ({kind}): {density.source}",
            )
        )
    if not any(volume.kind == "crystal" for volume in volumes):
        volumes.append(_cell_volume(found, term.formula, composition))
    return volumes


def _cell_volume(found: Material, formula: str, composition: Composition) -> MolarVolume:
    from ...structures.crystals.crystal import conventional

    cell = conventional(found)
    share = composition.num_atoms / cell.composition.num_atoms
    return MolarVolume(
        formula,
        float(cell.volume) * share * _ML_PER_CUBIC_ANGSTROM,
        "crystal",
        f"experimental cell of {found.name}: {found.source}",
    )
