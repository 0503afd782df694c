"""Small inputs for every figure of the package, and the figures drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np
from matplotlib.figure import Figure
from pymatgen.core import Lattice, Structure

from catholyte.analysis.cells.elasticity import Elasticity
from catholyte.analysis.figures.across import segregation_figure, stack_vacancy_figure
from catholyte.analysis.figures.cells import LatticeParameter, StackView, lattice_figure, stack_figure
from catholyte.analysis.figures.curves import density_figure, msd_figure, pair_figure
from catholyte.analysis.figures.depth import DepthPanel, alignment_figure, depth_figure
from catholyte.analysis.figures.dos import DosPanel, centers_figure, dos_figure
from catholyte.analysis.figures.layers import layer_content_figure, layer_series_figure, layers_figure
from catholyte.analysis.figures.motion import (
    coordination_figure,
    drift_figure,
    events_figure,
    force_differences_figure,
    survival_figure,
)
from catholyte.analysis.figures.oxygen import (
    ladder_figure,
    ordering_figure,
    oxygen_potential_figure,
    redox_figure,
    substitution_figure,
)
from catholyte.analysis.figures.parity import ParityPanel, parity_figure
from catholyte.analysis.figures.reactions import (
    MixingCurve,
    WindowLadder,
    reaction_figure,
    voltage_figure,
    window_figure,
)
from catholyte.analysis.figures.screen import (
    Curve,
    HeatMap,
    RangeBar,
    coverage_figure,
    curves_figure,
    heat_map_figure,
    voltage_map_figure,
)
from catholyte.analysis.figures.surfaces import d_band_figure, polymorph_figure, vacancy_depth_figure
from catholyte.analysis.figures.transport import arrhenius_figure, barrier_figure, moduli_figure
from catholyte.analysis.figures.volumes import (
    VolumeBars,
    VolumeLadder,
    void_figure,
    volume_figure,
    volume_ladder_figure,
)
from catholyte.analysis.layers.geometry import layered_geometry
from catholyte.analysis.layers.series import layer_series
from catholyte.analysis.motion.force_differences import force_differences
from catholyte.analysis.motion.stored import StoredTrajectory
from catholyte.analysis.motion.study import MotionStudy, Run, StudySpec, study_motion
from catholyte.analysis.oxygen.polymorphs import PolymorphCurve, PolymorphResult
from catholyte.analysis.oxygen.reference import OxygenReference
from catholyte.analysis.oxygen.substitution import PairedVacancy, SubstitutionResults
from catholyte.analysis.oxygen.surface import DepthProfile, DepthVacancy
from catholyte.analysis.report.chapters.oxygen import OxygenResults, oxygen_results
from catholyte.analysis.states.alignment import alignment
from catholyte.analysis.states.band_report import Bands, band_report, bands_of
from catholyte.analysis.states.comparison import Comparison, Difference
from catholyte.analysis.states.d_bands import DBand
from catholyte.analysis.states.depth import depth_report
from catholyte.analysis.states.depth_planes import stack_of
from catholyte.analysis.states.potential_profile import planar_of, potential_profile
from catholyte.analysis.thermodynamics.phase_set import PhaseSet, load_phase_set
from catholyte.analysis.thermodynamics.voltage_map import voltage_map
from catholyte.analysis.thermodynamics.volume import Volumes
from catholyte.analysis.thermodynamics.volume_changes import named_reaction, parse_products
from catholyte.analysis.transport.barriers import Barrier, ImagePoints, barrier, network
from catholyte.analysis.transport.conductivity import Conductivity, TemperaturePoint, conductivity
from catholyte.analysis.transport.segregation import IonEnergy, Segregation
from catholyte.analysis.transport.stack_vacancies import StackProfile, StackVacancy
from catholyte.analysis.transport.void import Breathing, void_balance
from catholyte.configs.steps.electronic import BandCenterSpec
from catholyte.configs.steps.oxygen_loss import OxygenConditions
from catholyte.structures.crystals.crystal import conventional
from catholyte.structures.defects.depth import stack_depths
from catholyte.structures.defects.hops import Hop
from catholyte.structures.trajectories.frames import Frames
from catholyte.tests.support import crystals
from catholyte.tests.support.campaigns.oxygen_campaign import campaign
from catholyte.tests.support.motion.moving_chunks import cell, chunk
from catholyte.tests.support.phase_sets import BY_HAND, phase_set
from catholyte.tests.support.referees.joint_cells import MATERIALS, bulk, joint
from catholyte.workflows.band_documents import Band, HopPlace
from catholyte.workflows.comparison_documents import ForceComparison
from catholyte.workflows.documents import BandEdges, ProjectedDos, Signature

__all__ = [
    "CURVE",
    "FIGURES",
    "LADDERS",
    "LATTICE",
    "SPEC",
    "dos_panel",
    "make_bands",
    "make_comparison",
    "moving_study",
]

SPEC = BandCenterSpec(window="occupied", reference="vbm")


def make_bands(n_spin: int = 2) -> Bands:
    grid = np.arange(-8, 6, 0.05)
    density = np.zeros((n_spin, 3, 1, len(grid)))
    density[:, 1, 0] = np.exp(-((grid + 3) ** 2))
    density[:, 2, 0] = np.exp(-((grid + 4) ** 2))
    dos = ProjectedDos(
        energies=grid.tolist(),
        densities=density.tolist(),
        total=density.sum(axis=(1, 2)).tolist(),
        orbitals=["p"],
        broadening=0.0,
        n_bands=3,
    )
    return Bands(
        dos,
        BandEdges(efermi=1.0, vbm=0.0, cbm=2.0, gap=2.0),
        Structure(Lattice.cubic(4), ["Co", "O", "O"], [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]]),
    )


def dos_panel(title: str, bands: Bands, environments: dict[str, list[int]] | None = None) -> DosPanel:
    """A panel with the centres of its own bands."""
    groups = environments or {}
    return DosPanel(title, bands, band_report(bands, SPEC, groups), "gpaw", groups)


def make_comparison(aligned: float | None = None) -> Comparison:
    differences = tuple(
        Difference(reference=name, a=a, b=b, difference=b - a, arbitrary=name == "fermi")  # type: ignore[arg-type]
        for name, a, b in [("vbm", -3.0, -4.0), ("fermi", -3.0, -5.5), ("o2s", 15.0, 15.5)]
    )
    return Comparison(a="LiCoO2", b="CoO", tier="gpaw", spec=SPEC, differences=differences, aligned=aligned)


CURVE = MixingCurve(
    a="LiCoO2",
    b="Li6PS5Cl",
    x=[0, 0.4, 0.42, 1],
    mutual=[0, -0.37, -0.36, 0],
    total=[-0.03, -0.39, -0.37, 0],
    products=["Li2S + LiCl", "Co9S8 + Li2SO4", "Co3S4 + Li3PO4", ""],
    source="chgnet",
    published=-0.52,
)
LADDERS = [
    WindowLadder(
        "Li6PS5Cl",
        1.717,
        2.140,
        [(2.31, "Li3PS4 -> 3 Li + 0.5 P2S5 + 1.5 S"), (1.717, "Li6PS5Cl + 2 Li -> P + 5 Li2S + LiCl")],
        (1.7, 2.1),
    ),
    WindowLadder("Li2CO3", None, 4.2),
    WindowLadder("LGPS", None, None),
]
LATTICE = [
    LatticeParameter("LiCoO2", "a", 2.838, 2.816),
    LatticeParameter("LiCoO2", "c", 14.2, 14.054),
    LatticeParameter("CoO", "a", 4.2, 4.2612),
]

NAN = float("nan")
HEAT = HeatMap(
    ["LCO", "LCO-x0.5", "Li2CO3"],
    ["LPSCl", "Li2CO3"],
    [[-0.36, 0.0], [-0.48, -0.01], [-0.04, NAN]],
    (2, 1),
    (1, 1),
    "phase set toy (tier chgnet)",
)
BARS = [RangeBar("LPSCl", 1.72, 2.26, False), RangeBar("Li3BO3", 0.5, 4.6, True), RangeBar("CoO", 0.9, None, False)]
CURVES = [
    (f"LCO | {name}", [Curve("LCO", [0, 0.4, 1], [0, -0.36, 0]), Curve("LCO-x0.5", [0, 0.5, 1], [0, -0.48, 0])])
    for name in ("LPSCl", "LPS", "LGPS", "LYC")
]
VOLUMES = [
    VolumeBars(
        "Li6PS5Cl -> LiCl + 0.5 P2S5 + 2.5 S + 5 Li",
        [("Li6PS5Cl", 143.9)],
        [("LiCl", 20.5), ("P2S5", 53.2), ("S", 38.7)],
        (163.6, 114.5),
    ),
    VolumeBars(
        "Li6PS5Cl + 8 Li -> 5 Li2S + LiCl + Li3P",
        [("Li6PS5Cl", 143.9)],
        [("Li2S", 140.1), ("LiCl", 20.5), ("Li3P", 36.2)],
    ),
]
VOLUME_LADDERS = [
    VolumeLadder("LPSCl", [(0.9, 36.7), (1.7, None)], [(2.26, -10.3), (2.46, -21.0)]),
    VolumeLadder("LYC", [(0.7, 20.0)], [(4.2, -50.0), (5.4, -60.0)]),
]


@cache
def moving_study() -> MotionStudy:
    """An interface in motion of which one bond breaks, a replica, and the bulk as control."""
    run, replica, control = (
        Run(name, StoredTrajectory(chunks))
        for name, chunks in (
            ("run", [chunk("x", 0, 60, 80), chunk("x", 60, 60, 80)]),
            ("replica", [chunk("x", 200, 120, None)]),
            ("bulk", [chunk("bulk", 300, 120, None, slice(4, 8))]),
        )
    )
    return study_motion(
        run,
        [replica],
        [control],
        StudySpec(layers=StoredTrajectory([chunk("x", 0, 1, None)]).layers, tier="chgnet"),
        _phases(),
    )


@cache
def _phases() -> PhaseSet:
    return load_phase_set("solidstate")


@cache
def _oxygen() -> OxygenResults:
    return oxygen_results("LCO", campaign(), OxygenConditions(), _phases())


def _motion(draw: str) -> Figure:
    study = moving_study()
    motion, tier, ledger = study.motion, study.spec.tier, study.motion.ledger
    drawn: Mapping[str, Callable[[], Figure]] = {
        "events": lambda: events_figure(motion, tier, [one for _, one in study.controls]),
        "coordination": lambda: coordination_figure(motion.coordination, tier),
        "survival": lambda: survival_figure(study.survival(), tier),
        "drift": lambda: drift_figure(motion, tier),
        "pair": lambda: pair_figure(study.curves, ledger.rules, ledger.initial_bonds(), tier),
        "msd": lambda: msd_figure(study.curves, tier),
        "density": lambda: density_figure(study.curves, tier, motion.extents),
    }
    return drawn[draw]()


def _depth() -> Figure:
    document = joint((3, 4), (0.2, 0.9))
    stack, bands = stack_of(document.structure), bands_of(document)
    return depth_figure(
        DepthPanel(
            document.label,
            bands,
            depth_report(bands, SPEC, stack),
            stack,
            document.tier,
            potential_profile(planar_of(document), stack),
        )
    )


def _alignment() -> Figure:
    made = {name: bulk(name) for name in MATERIALS}
    return alignment_figure([alignment(joint((k, k), (0.2, 0.9)), SPEC, made) for k in (4, 6)])


def _layer_series() -> Figure:
    structure = conventional(crystals.LCO)
    cells = np.array([structure.lattice.matrix * [[1], [1], [factor]] for factor in 1 + 0.01 * np.arange(5)])
    frames = Frames(
        tuple(site.specie.symbol for site in structure),
        cells,
        structure.frac_coords @ cells,
        np.arange(5),
        2000.0 * np.arange(5),
    )
    return layer_series_figure(layer_series([frames]), "LiCoO2", "a run, tier chgnet")


def _substitution() -> Figure:
    pairs = [
        PairedVacancy(
            site,
            k,
            k < 2,
            2.0 + k + 0.4 * (site == "Li"),
            ("Li3Mn3", "Li3Mn2W"),
            ("Mn-O-Li", "W-O-Li"),
            (2.0, 2.5 - 0.1 * k),
        )
        for site in ("Mn", "Li")
        for k in range(3)
    ]
    return substitution_figure(
        SubstitutionResults("LRMO", "W6+", "chgnet", "O2 of the phase set", (), tuple(pairs), (), ())
    )


def _oxygen_ladder() -> Figure:
    found = _oxygen()
    assert found.ladder is not None
    return ladder_figure(found.ladder, found.curve)


def _oxygen_potential() -> Figure:
    ladder = _oxygen().ladder
    assert ladder is not None
    return oxygen_potential_figure(ladder, (0.2, 1e-6))


def _voltage() -> Figure:
    curve = _oxygen().curve
    assert curve is not None
    return voltage_figure(curve)


def _ordering() -> Figure:
    spread = _oxygen().spread
    assert spread is not None
    return ordering_figure(spread, "LCO")


def _forces() -> Figure:
    """Forces that part at one of three atoms."""
    stack = Structure(
        Lattice.orthorhombic(4, 5, 10),
        ["Li+", "Co3+", "S2-"],
        [[0, 0, 0.1], [0, 0, 0.3], [0, 0, 0.7]],
        site_properties={"layer": ["LCO", "LCO", "LPSCl"]},
    )
    given = {"first": "chgnet", "second": "sevennet", "times": [10.0, 20.0], "magnitudes": [[1.0] * 3] * 2}
    places = {"structure": stack, "positions": [stack.cart_coords.tolist()] * 2}
    run = ForceComparison(label="LCO|LPSCl", differences=[[0.1, 0.2, 0.1], [0.1, 0.9, 0.2]], **given, **places)
    control = ForceComparison(label="LCO control", control=True, differences=[[0.3] * 3] * 2, **given, **places)
    return force_differences_figure(force_differences([run, control], "LCO|LPSCl", "sevennet"))


def _barriers() -> Figure:
    """Two hops over a cosine."""
    ways = np.linspace(0.0, 3.0, 5)
    cell = Structure(Lattice.cubic(12.0), ["Li", "O"], [[0, 0, 0], [0.12, 0.15, 0]])

    def hop(height: float) -> Barrier:
        positions, forces = np.repeat(cell.cart_coords[None], 5, axis=0), np.zeros((5, 2, 3))
        positions[:, 0, 0] = ways
        forces[:, 0, 0] = -height / 2 * 2 * np.pi / 3 * np.sin(2 * np.pi * ways / 3)
        energies = height / 2 * (1 - np.cos(2 * np.pi * ways / 3))
        signature = Signature(engine="chgnet", version="1", functional="x", hubbard_u={}, potentials="")
        return barrier(
            Band(
                label="LCO", tier="chgnet", signature=signature, hop=HopPlace(element="Li", start=0, end=1), moving=0,
                structure=cell, positions=positions.tolist(), energies=energies.tolist(), forces=forces.tolist(), climbing=2,
                max_force=0.01, n_steps=1, settings={},
            )
        )  # fmt: skip

    hops = [Hop("Li", 0, 0, image, 3.0, ((0, 0, image),), ("O", 2.0)) for image in ((1, 0, 0), (0, 1, 0))]
    found = network([(hops[0], hop(0.4)), (hops[1], hop(0.6))], 3)
    points = {1: ImagePoints("gpaw", (0, 2, 4), np.array([0.0, 0.8, 0.02]))}
    return barrier_figure(replace(found, points=points), "LCO")


def _moduli() -> Figure:
    names = (("Li6PS5Cl", 28.0, 9.0), ("LiCl", 32.0, 20.0), ("LCO", 150.0, 90.0))
    return moduli_figure(
        [
            Elasticity(name, "chgnet", np.eye(6), (0.98 * bulk, 1.02 * bulk), (0.9 * shear, 1.1 * shear), 0.1, 6)
            for name, bulk, shear in names
        ]
    )


def _arrhenius() -> Figure:
    def line(name: str, energy: float) -> Conductivity:
        points = []
        for temperature in (600.0, 800.0, 1000.0):
            value = 2e-3 * np.exp(-energy / (8.617e-5 * temperature))
            points.append(TemperaturePoint(temperature, value, 0.15 * value, 300.0, 2))
        points.append(TemperaturePoint(400.0, None, None, 3.0, 2, "3 jumps, and 50 are needed"))
        return conductivity((name, "chgnet", "Li"), points, 0.025, 300.0)

    short = conductivity(("LPS", "chgnet", "Li"), [TemperaturePoint(600.0, 1e-6, 1e-7, 90.0, 2)], 0.02, 300.0)
    return arrhenius_figure([line("Li6PS5Cl", 0.3), line("Li3YCl6", 0.22), short])


def _void() -> Figure:
    phases = load_phase_set("solidstate")
    decay = named_reaction("LPSCl", parse_products(["LiCl", "1/2 P2S5", "5/2 S"]), phases, Volumes(phases))
    cathode = Breathing(
        "LCO", "LiCoO2", np.array([0.0, 0.17, 0.33, 0.5]), np.array([1.0, 1.007, 1.014, 1.02]), "chgnet"
    )
    return void_figure(void_balance(cathode, decay, (19.5, 163.6), (13.0, 7.0), (119.6, 95.1)))


def _polymorphs() -> Figure:
    x = np.array([0.0, 0.5, 1.0])
    flat, none = np.full(3, 2.0), np.array([0.0, 0.2, 0.0])
    curves = {
        "layered": PolymorphCurve("layered", x, -10 - 3 * x + none, flat),
        "spinel": PolymorphCurve("spinel", x[:2], -10.1 - 3.1 * x[:2] + none[:2], flat[:2]),
        "rock salt": PolymorphCurve("rock salt", x, -5.8 - 6.9 * x, 1 + x),
    }
    signature = Signature(engine="chgnet", version="1", functional="x", hubbard_u={}, potentials="")
    reference = OxygenReference(-4.9, 0.5, 298.15, "mp2020", "a test", 0.0, signature, "O2")
    return polymorph_figure(PolymorphResult("LCO", "chgnet", curves, reference), 298.15, (0.2, 1e-10))


def _d_bands() -> Figure:
    contents = (1.0, 0.6, 0.2)
    ions = (("Co", (-0.6, -0.8, -0.9)), ("Mn", (-1.5, -1.7, -2.0)), ("Ni", (0.4, 0.5, 0.7)))
    return d_band_figure(
        [
            DBand("NCM111", element, "gpaw", content, centre, -2.0, 6.0, 1.0, 1)
            for element, centres in ions
            for content, centre in zip(contents, centres, strict=True)
        ]
    )


def _vacancies() -> Figure:
    found = [
        DepthVacancy(n, depth, "Li3Co3", "Co-O-Li", 2.6 - 0.1 * n + 0.12 * depth, "")
        for n in (0, 4)
        for depth in (0.0, 0.1, 2.1, 4.2, 6.3)
    ]
    return vacancy_depth_figure(DepthProfile("LCO(104)", "chgnet", tuple(found), 6.3))


def _across() -> Figure:
    heights = np.arange(12) * 2.1
    tags = ["LCO"] * 4 + ["Li2CO3"] * 3 + ["LPSCl"] * 5
    coords = [[0, 0, height / 25.2] for height in heights]
    cell = Structure(Lattice.orthorhombic(5, 5, 25.2), ["Li"] * 12, coords, site_properties={"layer": tags})
    level = {"LCO": 3.9, "Li2CO3": 3.4, "LPSCl": 2.3}
    stack = stack_depths(cell)
    vacancies = [
        StackVacancy(
            element, tag, height, below, 1.0, rise + level[tag] + 0.1 * below, rise + level[tag] + 0.9 + 0.1 * below, ""
        )
        for element, rise in (("Li", 0.0), ("O", 0.4))
        for tag, height, below in zip(stack.tags, stack.heights, stack.depths, strict=True)
        if element == "Li" or tag != "LPSCl"
    ]
    return stack_vacancy_figure(StackProfile("LCO|Li2CO3|LPSCl", "chgnet", stack, tuple(vacancies)))


def _segregation() -> Figure:
    def one(label: str, element: str, slope: float) -> Segregation:
        places = tuple(IonEnergy(depth, 0, slope * (6.0 - depth) / 6.0, "") for depth in (0.0, 2.0, 4.0, 6.0))
        return Segregation(label, element, "chgnet", places, 6.3, exchanged=False)

    return segregation_figure([one("Ti in LCO(104)", "Ti", 0.4), one("Ni in NCM811(104)", "Ni", -0.25)])


_SOURCE = "phase set toy (tier chgnet)"
_IONS = {"host": {"Co3+": 12.0, "Ni2+": 3.0}, "4 V_Li": {"Co3+": 8.0, "Co4+": 4.0, "Ni3+ low spin": 3.0}}
#: name of the function to the figure
FIGURES: dict[str, Callable[[], Figure]] = {
    **{
        f"{name}_figure": partial(_motion, name)
        for name in ("events", "coordination", "survival", "drift", "pair", "msd", "density")
    },
    "force_differences_figure": _forces,
    "barrier_figure": _barriers,
    "parity_figure": lambda: parity_figure(
        [
            ParityPanel(
                "Formation energies",
                "measured (eV/atom)",
                "computed (eV/atom)",
                {"chgnet": [("LiCl", -2.1, -2.0), ("CoO", -1.2, -1.1)], "sevennet": [("LiCl", -2.1, -2.05)]},
            ),
            ParityPanel(
                "Volumes",
                "measured (Å³/atom)",
                "deviation (%)",
                {
                    "chgnet": [("LiCl", 17.0, 0.7), ("CoO", 9.7, 1.8)],
                    "sevennet": [("LiCl", 17.0, -1.0), ("CoO", 9.7, 1.2)],
                },
                deviations=True,
            ),
        ]
    ),
    "moduli_figure": _moduli,
    "arrhenius_figure": _arrhenius,
    "void_figure": _void,
    "vacancy_depth_figure": _vacancies,
    "polymorph_figure": _polymorphs,
    "stack_vacancy_figure": _across,
    "segregation_figure": _segregation,
    "d_band_figure": _d_bands,
    "depth_figure": _depth,
    "alignment_figure": _alignment,
    "dos_figure": lambda: dos_figure(
        [
            dos_panel("LiCoO2", make_bands()),
            dos_panel("CoO", make_bands(1), {"Co–O–Co": [1], "Co–O–Li": [2]}),
        ]
    ),
    "centers_figure": lambda: centers_figure(make_comparison(aligned=-0.6)),
    "stack_figure": lambda: stack_figure(
        [StackView("as built", cell()), StackView("relaxed", cell())], ["Tier: chgnet."]
    ),
    "layers_figure": lambda: layers_figure(layered_geometry(conventional(crystals.LCO)), "LiCoO2", "LCO.cif"),
    "layer_series_figure": _layer_series,
    "layer_content_figure": lambda: layer_content_figure(
        [(x, layered_geometry(conventional(crystals.LCO))) for x in (1.0, 0.5)], "LCO", "chgnet"
    ),
    "ladder_figure": _oxygen_ladder,
    "oxygen_potential_figure": _oxygen_potential,
    "voltage_figure": _voltage,
    "ordering_figure": _ordering,
    "redox_figure": lambda: redox_figure(_IONS, "NCM532", "Tier: chgnet. Ions by moments."),
    "substitution_figure": _substitution,
    "reaction_figure": lambda: reaction_figure(CURVE),
    "window_figure": lambda: window_figure(LADDERS, "chgnet"),
    "lattice_figure": lambda: lattice_figure(LATTICE, "chgnet"),
    "heat_map_figure": lambda: heat_map_figure(HEAT),
    "coverage_figure": lambda: coverage_figure(BARS, (2.5, 4.3), _SOURCE),
    "curves_figure": lambda: curves_figure(CURVES, _SOURCE),
    "voltage_map_figure": lambda: voltage_map_figure(
        voltage_map("Li2O2", "Li2S", phase_set(BY_HAND)), "phase set toy (tier vasp)"
    ),
    "volume_figure": lambda: volume_figure(VOLUMES, "crystal; sources in the table"),
    "volume_ladder_figure": lambda: volume_ladder_figure(VOLUME_LADDERS, (0.0, 5.0), "crystal"),
}
