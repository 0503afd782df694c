"""Which ion gives up or takes an electron when lithium leaves, oxygen leaves, or a metal moves.

Charges of transition metals follow a ladder, lowest potential first. In layered oxides Mn stays Mn4+
and Ni is oxidised from Ni2+ over Ni3+ to Ni4+ before Co3+ is (W.-S. Yoon et al., J. Am. Chem. Soc. 127
(2005) 17479; J. Reed, G. Ceder, Chem. Rev. 104 (2004) 4513). Reduction goes down the same ladder. The
charges are whole numbers: a hole is put on one ion, also where a metal such as LixCoO2 below
x = 0.94 shares it among all (M. Ménétrier et al., J. Mater. Chem. 9 (1999) 1135). Oxygen is O2-
throughout: what the metals cannot supply is an error, never a silent peroxide. Of a Li-rich oxide on its plateau,
where oxygen itself is oxidised, no cell is built here: where holes and O-O bonds go is found by a calculation, and
:mod:`catholyte.analysis.states.anion_charges` reads them off its result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.core.periodic_table import Species
from pymatgen.core.structure import Structure

from ...configs.errors import StructureError
from ...configs.models import Magnetism
from .magnetism import site_coordination, unpaired_electrons

__all__ = [
    "LADDER",
    "LOW_SPIN",
    "compensate",
    "ionic_moment",
    "is_redox_active",
    "net_charge",
    "reduced_to_two",
    "shifted",
]

#: one-electron oxidations, the lowest potential first
LADDER: tuple[tuple[str, str], ...] = (
    ("Mn2+", "Mn3+"),
    ("Co2+", "Co3+"),
    ("Fe2+", "Fe3+"),
    ("Mn3+", "Mn4+"),
    ("Ni2+", "Ni3+"),
    ("Ni3+", "Ni4+"),
    ("Co3+", "Co4+"),
)
#: ions that are low spin in an oxygen octahedron of a layered oxide (t2g6, t2g6 eg1, t2g5)
LOW_SPIN = frozenset({"Co3+", "Co4+", "Ni3+", "Ni4+"})

#: what an oxidation beyond the ladder would need
_OXYGEN_PAYS = (
    "; beyond that oxygen itself would be oxidised (holes, O-O bonds), of which no cell is built here: take out less "
    "lithium, or start from a relaxed cell of your own"
)
#: slack in sums of fractional amounts
_TINY = 1e-9


def is_redox_active(species: object) -> bool:
    """True for an ion that stands on the ladder."""
    return any(str(species) in step for step in LADDER)


def shifted(amounts: Mapping[Species, float], charge: float, label: str = "structure") -> dict[Species, float]:
    """Return the amounts of ions after raising the total charge by `charge`.

    Parameters
    ----------
    amounts : mapping of Species to float
        Ions of any kind; those that are not on the ladder stay.
    charge : float
        e; positive oxidises from the bottom of the ladder upwards, negative reduces from the top downwards.
    label : str
        For the message.

    Raises
    ------
    StructureError
        Naming how much charge the metals can supply.
    """
    found = dict(amounts)
    left = abs(charge)
    steps = LADDER if charge > 0 else [(high, low) for low, high in reversed(LADDER)]
    for before, after in steps:
        first, second = Species.from_str(before), Species.from_str(after)
        moved = min(left, found.get(first, 0.0))
        if moved > _TINY:
            found[first] -= moved
            found[second] = found.get(second, 0.0) + moved
            left -= moved
    if left > 1e-6:
        raise StructureError(
            f"{label}: the charges cannot balance: {abs(charge):g} e have to be "
            f"{'given up' if charge > 0 else 'taken up'} by transition metals, and these can do {abs(charge) - left:g} "
            f"e ({', '.join(sorted(str(s) for s in amounts if is_redox_active(s))) or 'there is none'})"
            f"{_OXYGEN_PAYS if charge > 0 and any(map(is_redox_active, amounts)) else ''}"
        )
    return {species: amount for species, amount in found.items() if amount > _TINY}


def net_charge(structure: Structure) -> float:
    """Sum of the oxidation states, e.

    Raises
    ------
    StructureError
        If a site has no oxidation state.
    """
    charges = {species: getattr(species, "oxi_state", None) for species in structure.composition}
    missing = sorted(str(species) for species, charge in charges.items() if charge is None)
    if missing:
        raise StructureError(
            f"{structure.composition.reduced_formula}: {', '.join(missing)} without oxidation state; charges are "
            "needed, for example Co3+"
        )
    return float(
        sum(charge * structure.composition[species] for species, charge in charges.items() if charge is not None)
    )


def compensate(structure: Structure, charge: float, preference: Sequence[int]) -> Structure:
    """Return the structure with its total charge raised by `charge`, one electron per ion and step of the ladder.

    Parameters
    ----------
    structure : Structure
        Ordered, with oxidation states.
    charge : float
        e, a whole number; positive oxidises.
    preference : sequence of int
        Sites that may change, the most willing first: of the ions on one step of the ladder these go first.

    Returns
    -------
    Structure
        Changed sites have the moment of their new charge with the sign of the old one, where the structure has moments.

    Raises
    ------
    StructureError
        If the ions cannot supply the charge.
    """
    changed = structure.copy()
    left = round(abs(charge))
    steps = LADDER if charge > 0 else [(high, low) for low, high in reversed(LADDER)]
    for before, after in steps:
        for site in preference:
            if left and str(changed[site].specie) == before:
                changed.replace(site, Species.from_str(after), properties=changed[site].properties)
                left -= 1
    if left:
        present = sorted(str(species) for species in structure.composition if is_redox_active(species))
        raise StructureError(
            f"{structure.composition.reduced_formula}: the charges cannot balance: {abs(charge):g} e have to be "
            f"{'given up' if charge > 0 else 'taken up'}, and the ions that may change "
            f"({', '.join(present) or 'there is none'}) can do {round(abs(charge)) - left} e"
            f"{_OXYGEN_PAYS if charge > 0 and present else ''}"
        )
    return _moments_of_changed(structure, changed)


def reduced_to_two(symbol: str) -> Species | None:
    """The divalent ion of a rock salt, ``Ni2+``; None for an element that forms none (W, Ti, Li)."""
    return next((Species.from_str(low) for low, _ in LADDER if low == f"{symbol}2+"), None)


def ionic_moment(species: Species, magnetism: Magnetism | None = None) -> float:
    """Spin-only |moment| in an octahedron, µB; spin states from `magnetism`, else those of :data:`LOW_SPIN`."""
    stated = {} if magnetism is None else magnetism.spin_states
    spin = stated.get(str(species), "low" if str(species) in LOW_SPIN else "high")
    return unpaired_electrons(species, "octahedral", spin)


def _moments_of_changed(before: Structure, after: Structure) -> Structure:
    moments = before.site_properties.get("magmom")
    if moments is None:
        return after
    fields = site_coordination(before)
    new = [float(m or 0.0) for m in moments]
    for i, (old, now) in enumerate(zip(before, after, strict=True)):
        if old.specie != now.specie:
            ion = Species.from_str(str(now.specie))
            new[i] = float(
                np.copysign(
                    unpaired_electrons(ion, fields[i], "low" if str(ion) in LOW_SPIN else "high"), new[i] or 1.0
                )
            )
    after.add_site_property("magmom", new)
    return after
