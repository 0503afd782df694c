"""What the energy of a VASP run rests on, read from where VASP writes it.

VASP repeats some tags of the INCAR in ``<parameters>`` with the value in force (GGA, LHFCALC, AEXX, LSORBIT, NELECT)
and leaves others where they were given: METAGGA, IVDW, XC and the tags of its force fields stand in ``<incar>`` alone.
Values of the tags: VASP wiki, pages GGA, METAGGA, XC, IVDW, LHFCALC, LDAUTYPE, ML_LMLFF.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....configs.errors import InputError
from ....configs.models import Tier
from ...documents import Signature, is_stamped
from ...vasp_output.run import AtomType, is_force_field
from .checks import Asked
from .runner import Change

if TYPE_CHECKING:
    from pymatgen.io.vasp.outputs import Vasprun

__all__ = ["STAND_IN_VERSION", "signature_of", "tier_of"]

#: version that the stand-in for VASP writes; a potential that computes follows after a hyphen, its version after a dot
STAND_IN_VERSION = "0.0.0-rehearsal"

#: GGA
_GGA = {
    "PE": "PBE",
    "PS": "PBEsol",
    "RP": "RPBE",
    "RE": "revPBE",
    "91": "PW91",
    "AM": "AM05",
    "CA": "LDA",
    "PZ": "LDA",
    "HL": "LDA (Hedin-Lundqvist)",
    "WI": "LDA (Wigner)",
    "VW": "LDA (VWN)",
    "B3": "B3LYP semilocal part (VWN3)",
    "B5": "B3LYP semilocal part (VWN5)",
    "BF": "BEEF",
    "OR": "optPBE",
    "BO": "optB88",
    "MK": "optB86b",
    "ML": "rPW86",
    "CX": "LV-PW86r",
}
#: METAGGA
_META_GGA = {
    "TPSS": "TPSS",
    "RTPSS": "revTPSS",
    "M06L": "M06-L",
    "MBJ": "MBJ",
    "LMBJ": "local MBJ",
    "MS0": "MS0",
    "MS1": "MS1",
    "MS2": "MS2",
    "MSB86BL": "MS-B86bl",
    "MSPBEL": "MS-PBEl",
    "MSRPBEL": "MS-RPBEl",
    "SCAN": "SCAN",
    "RSCAN": "RSCAN",
    "R2SCAN": "R2SCAN",
    "R4SCAN": "R4SCAN",
    "SCANL": "SCAN-L",
    "RSCANL": "RSCAN-L",
    "R2SCANL": "R2SCAN-L",
    "OFR2": "OFR2",
    "LAK": "LAK",
    "TASK": "TASK",
}
#: release of a POTCAR to the functional that it stands for where the INCAR names none
_OF_POTCAR = {"PAW_PBE": "PBE", "PAW_GGA": "PW91", "PAW": "LDA"}
#: IVDW
_DISPERSION = {
    1: "D2",
    10: "D2",
    11: "D3",
    12: "D3(BJ)",
    13: "D4",
    2: "TS",
    20: "TS",
    21: "TS with iterative Hirshfeld",
    3: "ulg",
    202: "MBD",
    263: "MBD with fractional ions",
    4: "dDsC",
    14: "LibMBD",
}
#: tags that change a dispersion correction or a nonlocal functional
_DISPERSION_TAGS = ("VDW_S6", "VDW_S8", "VDW_SR", "VDW_A1", "VDW_A2", "VDW_D", "VDW_RADIUS", "VDW_C6", "VDW_R0")
_NONLOCAL_TAGS = ("ZAB_VDW", "PARAM1", "PARAM2", "BPARAM", "CPARAM", "AGGAC", "IVDW_NL")
#: semilocal functional, AEXX and HFSCREEN of the hybrids that have a name
_HYBRIDS = {
    ("PBE", 0.25, 0.2): "HSE06",
    ("PBE", 0.25, 0.3): "HSE03",
    ("PBE", 0.25, 0.0): "PBE0",
    ("PBEsol", 0.25, 0.2): "HSEsol",
    ("B3LYP semilocal part (VWN3)", 0.2, 0.0): "B3LYP",
}
#: PREC by its first three letters
_PRECISION = {"acc": "Accurate", "nor": "Normal", "sin": "Single", "low": "Low", "med": "Medium", "hig": "High"}
_NONE = ("", "--", "NONE", "F")


def tier_of(run: Vasprun) -> Tier:
    """Name of what stands behind the numbers: the rehearsal stamps the version of what it writes, with the potential
    that computed, and a run with a force field of VASP is no density functional theory even where some of its steps
    were."""
    if is_stamped(run.vasp_version):
        potential = str(run.vasp_version).removeprefix(STAND_IN_VERSION).split(".")[0].removeprefix("-")
        return f"rehearsal-{potential}" if potential else "rehearsal"
    return "vasp-mlff" if is_force_field(run) else "vasp"


def signature_of(
    run: Vasprun, types: Sequence[AtomType], file: Path, asked: Asked | None, altered: list[Change]
) -> Signature:
    """Return what two energies must share before one is subtracted from the other.

    Parameters
    ----------
    run : Vasprun
    types : sequence of AtomType
        Groups of atoms in the file's order, one a POTCAR.
    file : Path
        Named where something cannot be read.
    asked : Asked or None
        Release and hashes of the POTCARs, where it is known what was asked.
    altered : list of Change
        By an error handler.

    Raises
    ------
    InputError
        If the functional or the dispersion correction is none that is known here, or one element has two U.
    """
    tags = _Tags(run)
    name, nonlocal_part = _functional(tags, types, file)
    titles: dict[str, list[str]] = {}
    for kind in types:
        titles.setdefault(kind.symbol, []).append(kind.title)
    hashes = asked.hashes if asked else {}
    potcars = {element: " and ".join(dict.fromkeys(named)) for element, named in titles.items()}
    uses_u, form = _hubbard(tags, types, file)
    return Signature(
        engine="vasp",
        version=str(run.vasp_version),
        functional=f"machine-learned force field of {name}" if is_force_field(run) else name,
        dispersion=_dispersion(tags, file) or nonlocal_part,
        spin_orbit=tags.true("LSORBIT"),
        noncollinear=tags.true("LNONCOLLINEAR") or tags.true("LSORBIT"),
        charge=_charge(tags, types, run),
        hubbard_u=uses_u,
        hubbard_form=form,
        potentials=asked.release if asked else " ".join(sorted({kind.title.split()[0] for kind in types})),
        potcars={
            element: f"{title} sha256:{hashes[element][:16]}" if element in hashes else title
            for element, title in potcars.items()
        },
        cutoff=float(tags.get("ENCUT") or tags.get("ENMAX")),
        kpoint_density=float(np.prod(run.kpoints.kpts[0]) * len(run.initial_structure))
        if run.kpoints is not None and len(run.kpoints.kpts) == 1
        else None,
        smearing=_smearing(int(tags.get("ISMEAR", 1)), float(tags.get("SIGMA", 0.2))),
        real_space_projection=bool(tags.get("LREAL")),
        precision=_PRECISION.get(str(tags.get("PREC", "Normal")).lower()[:3], str(tags.get("PREC"))),
        altered={
            change.tag: f"{change.asked} → {change.used}"
            for change in altered
            if change.verdict == "breaks comparability"
        },
    )


@dataclass(frozen=True)
class _Tags:
    """Tags of a run: the value in force, or the INCAR's where VASP repeats none."""

    run: Vasprun

    def get(self, tag: str, default: Any = None) -> Any:
        """Value of `tag`; `default` where neither part of the file has it."""
        values = (part.get(tag) for part in (self.run.parameters, self.run.incar))
        return next((value for value in values if value is not None), default)

    def word(self, tag: str) -> str:
        """The name that the INCAR gives, or that in force; upper case, empty where it is none."""
        words = [str(part.get(tag, "")).strip().upper() for part in (self.run.incar, self.run.parameters)]
        return next((word for word in words if word not in _NONE), "")

    def true(self, tag: str) -> bool:
        """Whether a switch is on."""
        return bool(self.get(tag, False))

    def told(self, names: Sequence[str]) -> str:
        """Those of the tags that the INCAR gives, as text."""
        return ", ".join(f"{name} = {_text(self.run.incar[name])}" for name in names if name in self.run.incar)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _functional(tags: _Tags, types: Sequence[AtomType], file: Path) -> tuple[str, str | None]:
    """Name of the functional, and of its nonlocal correlation where it has one."""
    name = _semilocal(tags, types, file)
    if tags.true("LHFCALC"):
        name = _hybrid(name, tags)
    if not tags.true("LUSE_VDW"):
        return name, None
    kind = "rVV10" if tags.get("BPARAM") is not None or tags.word("METAGGA") else "vdW-DF"
    told = tags.told(_NONLOCAL_TAGS)
    return name, f"{kind} nonlocal correlation" + (f" ({told})" if told else "")


def _semilocal(tags: _Tags, types: Sequence[AtomType], file: Path) -> str:
    combined = tags.run.incar.get("XC")
    if combined is not None and _text(combined).strip().upper() not in _NONE:
        words, weights = _text(combined).upper().split(), tags.run.incar.get("XC_C")
        known = {**_GGA, **_META_GGA}
        if len(words) == 1 and words[0] in known and weights is None:
            return known[words[0]]
        return f"XC = {' '.join(words)}" + ("" if weights is None else f" with XC_C = {_text(weights)}")
    meta, gga = tags.word("METAGGA"), tags.word("GGA")
    if "LIBXC" in (meta, gga) or gga == "LI":
        return f"Libxc {tags.told(('LIBXC1', 'LIBXC2')).upper()}"
    if meta:
        return _known(_META_GGA, "METAGGA", meta, file)
    if tags.true("LMETAGGA"):
        raise InputError(f"{file} is of a meta-GGA (LMETAGGA = T) that it does not name: METAGGA is missing in <incar>")
    if gga:
        return _known(_GGA, "GGA", gga, file)
    releases = {kind.title.split()[0] for kind in types if kind.title.split()}
    named = {_OF_POTCAR.get(release, "") for release in releases}
    if len(named) != 1 or named == {""}:
        raise InputError(
            f"{file} names no functional (GGA, METAGGA), and its POTCARs ({', '.join(sorted(releases)) or 'none'}) do "
            "not tell one"
        )
    return named.pop()


def _known(names: dict[str, str], tag: str, word: str, file: Path) -> str:
    if word not in names:
        raise InputError(
            f"{file} ran with {tag} = {word}, a functional that is not known here: its energies cannot be compared",
            f"known: {', '.join(names)}",
        )
    return names[word]


def _hybrid(semilocal: str, tags: _Tags) -> str:
    """Name of a hybrid by its share of exact exchange and its screening, 1/Å."""
    share, screening = float(tags.get("AEXX", 0.25)), float(tags.get("HFSCREEN", 0.0))
    correlation = 0.0 if share == 1 else 1.0
    usual = {"AGGAX": 1 - share, "AGGAC": correlation, "ALDAX": 1 - share, "ALDAC": correlation}
    if semilocal.startswith("B3LYP"):
        usual |= {"AGGAX": 0.72, "AGGAC": 0.81, "ALDAC": 0.19}
    other = [
        f"{name} = {_text(tags.get(name))}"
        for name in usual
        if tags.get(name) is not None and abs(float(tags.get(name)) - usual[name]) > 1e-6
    ]
    other += [f"{name} = T" for name in ("LTHOMAS", "LMODELHF") if tags.true(name)]
    if share == 1 and screening == 0 and not other:
        return "Hartree-Fock"
    named = _HYBRIDS.get((semilocal, round(share, 6), round(screening, 6)))
    if named is not None and not other:
        return named
    return f"hybrid of {semilocal}: " + ", ".join([f"AEXX = {share:g}", f"HFSCREEN = {screening:g}", *other])


def _dispersion(tags: _Tags, file: Path) -> str | None:
    kind = int(tags.get("IVDW", 0) or 0)
    if kind == 0 and tags.true("LVDW"):
        kind = 1
    if kind == 0:
        return None
    if kind not in _DISPERSION:
        raise InputError(
            f"{file} ran with IVDW = {kind}, a dispersion correction that is not known here: its energies cannot be "
            "compared",
            f"known: {', '.join(map(str, _DISPERSION))}",
        )
    told = tags.told(_DISPERSION_TAGS)
    return _DISPERSION[kind] + (f" ({told})" if told else "")


def _charge(tags: _Tags, types: Sequence[AtomType], run: Vasprun) -> float | None:
    """Charge of the cell, e: the valences of the POTCARs less NELECT; None where one of them is not written."""
    electrons, valences = tags.get("NELECT"), [kind.valence for kind in types]
    if electrons is None or is_stamped(run.vasp_version) or any(valence is None for valence in valences):
        return None
    neutral = sum(kind.count * float(kind.valence or 0.0) for kind in types)
    return round(neutral - float(electrons), 4) + 0.0


def _hubbard(tags: _Tags, types: Sequence[AtomType], file: Path) -> tuple[dict[str, float], str | None]:
    """U - J by element, eV, and how it enters where that is not Dudarev's way on the usual shell: d of a transition
    metal, f of a rare earth, p of the rest."""
    from pymatgen.core.periodic_table import Element

    metals = {kind.symbol: 0.0 for kind in types if Element(kind.symbol).is_transition_metal}
    if not tags.true("LDAU"):
        return metals, None
    # <parameters> repeats the first value of each list alone
    rows = {tag: tags.run.incar.get(tag, tags.get(tag)) for tag in ("LDAUL", "LDAUU", "LDAUJ")}
    values = {tag: [] if row is None else list(np.atleast_1d(row)) for tag, row in rows.items()}
    if any(len(row) not in (0, len(types)) for row in values.values()) or not values["LDAUU"]:
        raise InputError(
            f"{file} ran with LDAU, but LDAUL, LDAUU and LDAUJ do not give one value for each of its {len(types)} "
            "groups of atoms"
        )
    found: dict[str, tuple[float, float, int]] = {}
    for i, kind in enumerate(types):
        element = Element(kind.symbol)
        usual = 3 if element.is_rare_earth or element.is_actinoid else 2 if element.is_transition_metal else 1
        shell = int(values["LDAUL"][i]) if values["LDAUL"] else usual
        u, j = (float(values[tag][i]) if values[tag] and shell >= 0 else 0.0 for tag in ("LDAUU", "LDAUJ"))
        entry = (u, j, shell if (u or j) and shell != usual else -1)
        if found.setdefault(kind.symbol, entry) != entry:
            raise InputError(
                f"{file} has {kind.symbol} with U - J = {found[kind.symbol][0] - found[kind.symbol][1]:g} and "
                f"{entry[0] - entry[1]:g} eV in two groups of atoms: there is no one U to compare"
            )
    told = [f"{name} on l = {shell}" for name, (_, _, shell) in found.items() if shell >= 0]
    rule = int(np.ravel(tags.run.incar.get("LDAUTYPE", tags.get("LDAUTYPE", 2)))[0])
    if rule != 2 and any(u or j for u, j, _ in found.values()):
        told.insert(0, f"LDAUTYPE = {rule}")
        told += [f"J({name}) = {j:g} eV" for name, (u, j, _) in found.items() if u or j]
    us = {name: u - j for name, (u, j, _) in found.items() if u - j or name in metals}
    return us, "; ".join(told) or None


def _smearing(kind: int, width: float) -> str:
    names = {0: "Gaussian", -1: "Fermi-Dirac", -4: "tetrahedron", -5: "tetrahedron (Blöchl)"}
    name = names.get(kind, f"Methfessel-Paxton {kind}")
    return name if kind in (-4, -5) else f"{name} {width:g} eV"
