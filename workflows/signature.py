"""The signature of an energy: what two energies must share before one is subtracted from the other."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ..configs.errors import SignatureMismatchError

__all__ = ["Signature", "require_same_signature"]

#: fields of a signature that are compared as they are
_COMPARED = (
    "engine",
    "version",
    "potentials",
    "cutoff",
    "smearing",
    "real_space_projection",
    "precision",
    "dispersion",
    "spin_orbit",
    "noncollinear",
)
#: e, within which two cells carry the same charge
_CHARGE = 1e-3


class Signature(BaseModel):
    """What two energies must share before one is subtracted from the other."""

    model_config = ConfigDict(extra="forbid")

    engine: str
    version: str
    functional: str
    hubbard_u: dict[str, float] = Field(description="eV per element; elements without a d shell are left out")
    potentials: str = Field(description="identity of PAW setups, POTCARs or weights")
    cutoff: float | None = Field(None, description="eV")
    kpoint_density: float | None = Field(None, description="k points × atoms, rounded as the engine asked for it")
    smearing: str | None = None
    real_space_projection: bool = False
    precision: str | None = Field(None, description="PREC or the like, where the engine has such a word")
    potcars: dict[str, str] = Field(
        default_factory=dict, description="element to title (and sha256 where the file was there) of its potential"
    )
    hubbard_form: str | None = Field(None, description="None: Dudarev's U - J on the usual shell")
    dispersion: str | None = Field(None, description="correction or nonlocal correlation beside the functional")
    spin_orbit: bool = False
    noncollinear: bool = False
    charge: float | None = Field(None, description="e per cell; None where the source does not say: neutral")
    altered: dict[str, str] = Field(
        default_factory=dict,
        description="tag to 'asked → used', for each change of an error handler that makes the energy another one",
    )

    def differences(self, other: Signature) -> list[str]:
        """Names and values of the fields in which two signatures disagree.

        U and POTCARs are compared element by element, over the elements that both cells contain: LCO and
        Li2CO3 share a campaign although only one holds cobalt. The k-point density is reported by
        the caller, not compared: cells of different shape cannot share it exactly.
        """
        found = []
        for name in _COMPARED:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                found.append(f"{name}: {mine} against {theirs}")
        if abs((self.charge or 0.0) - (other.charge or 0.0)) > _CHARGE:
            found.append(f"charge: {self.charge or 0.0:g} e against {other.charge or 0.0:g} e")
        if self.functional.removesuffix("+U") != other.functional.removesuffix(
            "+U"
        ):  # whether there is a U is said element by element
            found.append(f"functional: {self.functional} against {other.functional}")
        for element in sorted(self._elements(other) & other._elements(self)):
            u, other_u = self.hubbard_u.get(element, 0.0), other.hubbard_u.get(element, 0.0)
            if u != other_u:
                found.append(f"U({element}): {u} eV against {other_u} eV")
        if any(self.hubbard_u.values()) and any(other.hubbard_u.values()) and self.hubbard_form != other.hubbard_form:
            found.append(f"form of U: {self.hubbard_form or 'Dudarev'} against {other.hubbard_form or 'Dudarev'}")
        for element in sorted(set(self.potcars) & set(other.potcars)):
            if self.potcars[element] != other.potcars[element]:
                found.append(f"POTCAR of {element}: {self.potcars[element]} against {other.potcars[element]}")
        for tag in sorted(set(self.altered) | set(other.altered)):
            mine, theirs = self.altered.get(tag, "as asked"), other.altered.get(tag, "as asked")
            if mine != theirs:
                found.append(f"{tag}, changed by the error handler: {mine} against {theirs}")
        return found

    def _elements(self, other: Signature) -> set[str]:
        """Elements that this cell is known to hold, of those on which `other` or itself puts a U."""
        return set(self.hubbard_u) | (set(self.potcars) & set(other.hubbard_u))

    @property
    def level(self) -> str:
        """Functional, dispersion, spin-orbit coupling and charge, in words."""
        parts = [
            self.functional,
            self.dispersion or "",
            "spin-orbit coupling" if self.spin_orbit else "noncollinear" if self.noncollinear else "",
            f"charge {self.charge:+g} e" if abs(self.charge or 0.0) > _CHARGE else "",
        ]
        return " + ".join(filter(None, parts))


def require_same_signature(documents: dict[str, Signature]) -> None:
    """Raise unless all energies may be subtracted from each other.

    Parameters
    ----------
    documents : dict of str to Signature
        Label to signature.

    Raises
    ------
    SignatureMismatchError
        Naming the first pair and every field in which it differs.
    """
    items = list(documents.items())
    for i, (label, signature) in enumerate(items):
        for other_label, other in items[i + 1 :]:
            found = signature.differences(other)
            if found:
                raise SignatureMismatchError(
                    f"the energies of {label} and {other_label} cannot be subtracted: " + "; ".join(found)
                )
