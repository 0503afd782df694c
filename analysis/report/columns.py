"""Columns that tables of several chapters share: key of the rows, title with the unit, digits."""

from __future__ import annotations

from .content import Column

__all__ = [
    "CELL",
    "COMPOUNDS",
    "CUTOFF",
    "DEPTH",
    "ELEMENT",
    "ENERGY",
    "GAP",
    "HEIGHT",
    "HUBBARD_U",
    "ITS_DEPTH",
    "JOB",
    "KIND",
    "KPOINT_DENSITY",
    "LICENCE",
    "LI_VACANCIES",
    "MATERIAL",
    "MEASURED_REACTION",
    "MUTUAL",
    "MUTUAL_ERROR",
    "MUTUAL_REACTION",
    "N_ATOMS",
    "PAIR",
    "QUANTITY",
    "ROLE",
    "SELF_A",
    "SELF_B",
    "SOURCE",
    "SPREAD",
    "SPREAD_EDGES",
    "STRUCTURE",
    "SYSTEM",
    "TIER",
    "TOTAL",
    "UNIT",
    "VERDICT",
    "VOLTAGE",
    "VOLUME_AFTER",
    "VOLUME_BEFORE",
    "VOLUME_CHANGE",
    "VOLUME_PERCENT",
    "X",
]

CELL = Column("label", "cell")
COMPOUNDS = Column("basis", "compounds", chemical=True)
CUTOFF = Column("cutoff", "cutoff (eV)", 0)
DEPTH = Column("depth", "depth (Å)", 2)
ELEMENT = Column("element", "element")
ENERGY = Column("energy", "energy (eV)", 3)
GAP = Column("gap", "gap (eV)", 2)
HEIGHT = Column("height", "height (Å)", 2)
HUBBARD_U = Column("u", "U (eV)")
ITS_DEPTH = Column("depth", "its depth (Å)", 2)
JOB = Column("job", "job")
KIND = Column("kind", "kind")
KPOINT_DENSITY = Column("density", "k points × atoms", 0)
LICENCE = Column("license", "licence")
LI_VACANCIES = Column("n", "Li vacancies", 0)
MATERIAL = Column("material", "material", chemical=True)
MEASURED_REACTION = Column("reaction", "reaction with measured enthalpies", chemical=True)
MUTUAL = Column("mutual", "mutual ± 1σ (eV/atom)", 3, "mutual_sigma")
MUTUAL_ERROR = Column("mutual_error", "1σ of mutual against measurement (eV/atom)", 3)
MUTUAL_REACTION = Column("reaction", "reaction at the mutual minimum", chemical=True)
N_ATOMS = Column("n_atoms", "atoms")
PAIR = Column("pair", "pair", chemical=True)
QUANTITY = Column("quantity", "quantity", chemical=True)
ROLE = Column("role", "role")
SELF_A = Column("self_a", "self, first (eV/atom)", 3)
SELF_B = Column("self_b", "self, second (eV/atom)", 3)
SOURCE = Column("source", "source")
SPREAD = Column("spread", "spread over all references (eV)", 3)
SPREAD_EDGES = Column("spread_edges", "spread over band edges (eV)", 3)
STRUCTURE = Column("structure", "structure")
SYSTEM = Column("system", "system", chemical=True)
TIER = Column("tier", "tier")
TOTAL = Column("total", "total ± 1σ (eV/atom)", 3, "total_sigma")
UNIT = Column("unit", "unit")
VERDICT = Column("verdict", "verdict")
VOLTAGE = Column("voltage", "V vs Li/Li⁺", 2)
VOLUME_AFTER = Column("after", "after (mL/mol)", 1)
VOLUME_BEFORE = Column("before", "before (mL/mol)", 1)
VOLUME_CHANGE = Column("change", "change (mL/mol)", 1)
VOLUME_PERCENT = Column("percent", "change (%)", 1)
X = Column("x", "x", 2)
