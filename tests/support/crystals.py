"""Small materials for tests; lattice constants of the mineral literature, rounded."""

from __future__ import annotations

from catholyte.configs.models import Lattice, Magnetism, Material, OrderedCell, Site

_SHARED = {"role": "cathode", "source": "textbook values, rounded", "license": "facts"}


def _site(label: str, species: str | dict[str, float], *position: float) -> Site:
    return Site(label=label, species={species: 1.0} if isinstance(species, str) else species, position=position)


LCO = Material(
    name="LCO",
    title="lithium cobalt oxide",
    formula="LiCoO2",
    space_group="R-3m",
    lattice=Lattice(a=2.816, c=14.054, gamma=120),
    sites=(_site("Li", "Li+", 0, 0, 0.5), _site("Co", "Co3+", 0, 0, 0), _site("O", "O2-", 0, 0, 0.2605)),
    magnetism=Magnetism(order="nonmagnetic", spin_states={"Co3+": "low"}),
    **_SHARED,
)
HALF_LCO = LCO.model_copy(
    update={
        "name": "half-LCO",
        "formula": "Li0.5CoO2",
        "sites": (
            _site("Li", {"Li+": 0.5}, 0, 0, 0.5),
            _site("Co", {"Co3+": 0.5, "Co4+": 0.5}, 0, 0, 0),
            _site("O", "O2-", 0, 0, 0.2605),
        ),
        "magnetism": Magnetism(order="ferromagnetic", spin_states={"Co3+": "low", "Co4+": "low"}),
        "ordered_cell": OrderedCell(supercell=(2, 1, 1)),
    }
)
NCM532 = LCO.model_copy(
    update={
        "name": "NCM532",
        "lattice": Lattice(a=2.87, c=14.2, gamma=120),
        "sites": (
            _site("Li", "Li+", 0, 0, 0.5),
            _site("M", {"Ni2+": 0.3, "Ni3+": 0.2, "Mn4+": 0.3, "Co3+": 0.2}, 0, 0, 0),
            _site("O", "O2-", 0, 0, 0.2605),
        ),
        "magnetism": Magnetism(order="ferromagnetic", spin_states={"Co3+": "low", "Ni3+": "low"}),
        "ordered_cell": OrderedCell(supercell=(5, 2, 1), composition="Li30Ni15Mn9Co6O60"),
    }
)
COO = Material(
    name="CoO",
    title="cobalt monoxide",
    formula="CoO",
    space_group="Fm-3m",
    lattice=Lattice(a=4.26),
    sites=(_site("Co", "Co2+", 0, 0, 0), _site("O", "O2-", 0.5, 0.5, 0.5)),
    magnetism=Magnetism(order="AFM-II"),
    **_SHARED,
)
CO3O4 = Material(
    name="Co3O4",
    title="cobalt spinel",
    formula="Co3O4",
    space_group="Fd-3m",
    lattice=Lattice(a=8.084),
    sites=(
        _site("A", "Co2+", 0, 0, 0),
        _site("B", "Co3+", 0.625, 0.625, 0.625),
        _site("O", "O2-", 0.3882, 0.3882, 0.3882),
    ),
    magnetism=Magnetism(order="AFM-sublattice", spin_states={"Co3+": "low"}),
    **_SHARED,
)
LI2MNO3 = Material(
    name="Li2MnO3",
    title="lithium manganate",
    formula="Li2MnO3",
    space_group="C2/m",
    lattice=Lattice(a=4.937, b=8.532, c=5.030, beta=109.46),
    sites=(
        _site("Li1", "Li+", 0, 0.5, 0),
        _site("Li2", "Li+", 0, 0, 0.5),
        _site("Li3", "Li+", 0, 0.6606, 0.5),
        _site("Mn", "Mn4+", 0, 0.1671, 0),
        _site("O1", "O2-", 0.2189, 0, 0.2273),
        _site("O2", "O2-", 0.2540, 0.3213, 0.2233),
    ),
    magnetism=Magnetism(order="ferromagnetic"),
    **_SHARED,
)
LI2CO3 = Material(
    name="Li2CO3",
    title="lithium carbonate",
    formula="Li2CO3",
    space_group="C2/c",
    lattice=Lattice(a=8.359, b=4.9767, c=6.194, beta=114.72),
    sites=(
        _site("Li", "Li+", 0.1965, 0.4487, 0.8344),
        _site("C", "C4+", 0, 0.0657, 0.25),
        _site("O1", "O2-", 0, 0.3209, 0.25),
        _site("O2", "O2-", 0.1460, -0.0661, 0.3133),
    ),
    **_SHARED,
)
LPSCL = Material(
    name="LPSCl",
    title="argyrodite",
    formula="Li6PS5Cl",
    space_group="F-43m",
    lattice=Lattice(a=9.859),
    sites=(
        _site("Li", {"Li+": 0.5}, 0.183, 0.183, 0.024),
        _site("P", "P5+", 0, 0, 0.5),
        _site("S1", "S2-", 0.1183, 0.1183, 0.6183),
        _site("S2", "S2-", 0.25, 0.25, 0.25),
        _site("Cl", "Cl-", 0, 0, 0),
    ),
    ordered_cell=OrderedCell(primitive=True),
    **_SHARED,
)
ALL = (LCO, HALF_LCO, NCM532, COO, CO3O4, LI2MNO3, LI2CO3, LPSCL)
