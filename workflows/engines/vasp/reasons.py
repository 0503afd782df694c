"""Why each INCAR tag is there: the table of ``docs/vasp-settings.md``, to which a test holds every input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["NEVER_WRITTEN", "REASONS", "Reason"]

Origin = Literal["recipe", "structure", "task", "campaign", "resource"]


@dataclass(frozen=True)
class Reason:
    """Where a tag comes from and why it has its value.

    Parameters
    ----------
    value : str
        The rule.
    origin : str
        recipe: stated by the source, or listed there as a choice; structure; task; campaign:
        ``configs/engines/vasp.yaml``; resource.
    reason : str
    """

    value: str
    origin: Origin
    reason: str


REASONS: dict[str, Reason] = {
    "GGA": Reason("PE", "recipe", "the functional, written out: VASP would else take that of the POTCAR"),
    "ENCUT": Reason(
        "cutoff of the recipe; where a cell relaxes, at least cell_cutoff × the largest ENMAX",
        "recipe",
        "the largest ENMAX of the POTCARs would else change from cell to cell; stress converges late and the basis "
        "belongs to the starting cell (Pulay stress): 1.3 × ENMAX (VASP wiki, Volume relaxation), and the energy is "
        "that of a static run at the recipe's cutoff",
    ),
    "EDIFF": Reason(
        "energy_tolerance; md_energy_tolerance in dynamics",
        "recipe",
        "stated by the source, or a choice of the recipe; forces of slabs need 1e-6 eV",
    ),
    "LDAU": Reason("True where a U > 0", "recipe", "switches U on"),
    "LDAUTYPE": Reason("2", "recipe", "Dudarev: only U - J counts, and J is 0"),
    "LDAUL": Reason("2 with U, -1 without", "recipe", "U acts on d shells"),
    "LDAUU": Reason(
        "the recipe's table",
        "recipe",
        "by element, never by neighbours: an oxide, a sulfide and their interface get the same U",
    ),
    "LDAUJ": Reason("0", "recipe", "part of Dudarev's form"),
    "SIGMA": Reason("smearing of the recipe", "recipe", "with ISMEAR = 0, small enough for gapped cells"),
    "MAGMOM": Reason(
        "site property magmom × each of moment_scales; low_spin_moment on open shells without a moment; whole charges "
        "once where the ion has a mean one",
        "structure",
        "from oxidation state and ligand field, moved along when sites are sorted. PBE+U has several self-consistent "
        "states, and from whole numbers it can end in a metallic one: each scale is a start of its own, the lowest is "
        "kept. A spin density of zero stays zero: low-spin Co3+ starts from 0.6 µB, so that it may become another ion. "
        "Moments that are all alike keep the symmetry: Mn3.5+ of LiMn2O4 starts once more as Mn3+ and Mn4+",
    ),
    "ISPIN": Reason(
        "2 with a starting moment or an odd number of electrons, 1 without; 2 everywhere with spin_everywhere",
        "structure",
        "moments decide oxidation states; a cell of closed shells costs twice as much with spin and gives the same "
        "energy; a control in bulk has the spin of its stack where its ions have open shells; a closed-shell crystal "
        "that a lithium atom left has one unpaired electron, which starts from 1 µB over its anions",
    ),
    "LMAXMIX": Reason(
        "4; 6 with f elements",
        "structure",
        "the charge mixer must carry the d (f) occupations that U acts on; the same for cells without d electrons",
    ),
    "ISYM": Reason(
        "0 for slabs, P1 cells, dynamics, relaxations free of symmetry and the static run after them",
        "structure",
        "no operation is found in one step and lost in the next, and wave functions are read at the k points that they "
        "are of; elsewhere VASP's default",
    ),
    "AMIN": Reason(
        "0.01 where an axis exceeds 50 Å", "structure", "charge sloshes along a long cell (VASP wiki, AMIN)"
    ),
    "LDIPOL": Reason(
        "True in the second stage of a polar slab",
        "structure",
        "removes the field between its images; wave functions are converged without it first",
    ),
    "IDIPOL": Reason("3 with LDIPOL", "structure", "the surface normal is c"),
    "DIPOL": Reason("centre of mass, with LDIPOL", "structure", "an origin inside the slab, not in the vacuum"),
    "NBANDS": Reason(
        "density of states only: occupied × 1.6, multiple of band_multiple",
        "task",
        "VASP's default changes with the number of ranks, and with it the empty states",
    ),
    "NEDOS": Reason(
        "5001 in a density of states",
        "task",
        "the default of 301 points samples d bands too coarsely for their first moment",
    ),
    "IVDW": Reason(
        "0 none, 11 D3, 12 D3(BJ): dispersion",
        "recipe",
        "declared in every file: gaps between sulfides and oxides and layers without lithium are held by dispersion, "
        "and all energies of a campaign need one choice",
    ),
    "ICORELEVEL": Reason(
        "1 in a density of states with core_levels",
        "task",
        "core levels of the initial state. No recipe reads them, so it is off: bands of two cells are aligned by the "
        "potential at the cores, which every OUTCAR has without it, and by the potential step (LVHAR); shifts as a "
        "spectrometer measures them (S 2p in gsirr) are those of final states, ICORELEVEL = 2 with a hole in one atom "
        "of a large cell",
    ),
    "LVHAR": Reason(
        ".TRUE. in a density of states of a slab or interface",
        "structure",
        "LOCPOT gives the potential step and the vacuum level; no other number changes",
    ),
    "NSW": Reason(
        "steps of the task, in a relaxation at most steps_per_run; 0 for static",
        "task",
        "a run that is not done goes on from its last positions and wave functions, up to the steps of the task",
    ),
    "NELMIN": Reason(
        "min_iterations in a relaxation, md_min_iterations in dynamics",
        "task",
        "two electronic steps, the default, leave noise in forces that start from extrapolated wave functions",
    ),
    "IBRION": Reason(
        "2 relax, 0 dynamics, 3 elastic band, -1 else",
        "task",
        "conjugate gradients are robust far from the minimum; a band has forces that belong to no energy, which damped "
        "dynamics or an optimiser of VTST follows",
    ),
    "IMAGES": Reason("images between the end points", "task", "folders 00 to N + 1 hold them; the ends do not move"),
    "SPRING": Reason(
        "-5 in an elastic band", "task", "eV/Å², nudged (negative): springs act along the band alone; atomate2's value"
    ),
    "LCLIMB": Reason(
        "True in an elastic band with climbing",
        "task",
        "the highest image climbs to the saddle; needs a VASP with the VTST extension (`climbing: false` without)",
    ),
    "IOPT": Reason(
        "1 with LCLIMB",
        "task",
        "limited-memory BFGS of VTST on the forces of the band, as atomate2 asks; it wants IBRION = 3 and POTIM = 0",
    ),
    "ISIF": Reason("3 relax, 2 for slabs, fixed cells and dynamics", "task", "vacuum must not relax away"),
    "EDIFFG": Reason("minus the force limit", "task", "forces, not energies, say when a relaxation is done"),
    "POTIM": Reason(
        "time step in fs; 0.5 in a relaxation; 0 in a band with LCLIMB, 0.1 without",
        "task",
        "what was asked; 0.5 is VASP's own scaling of the line search, written out; 0 leaves the steps to VTST",
    ),
    "TEBEG": Reason("temperature", "task", "what was asked"),
    "TEEND": Reason("temperature", "task", "no ramp"),
    "MDALGO": Reason(
        "4 Nosé-Hoover chain; 2 one Nosé-Hoover thermostat (chain_length 1); 3 Langevin",
        "task",
        "the thermostat of the task; VASP has the chain since 6.4, an older one is refused after the run",
    ),
    "NHC_NCHAINS": Reason("chain_length", "task", "length of the chain; VASP's own default of 0 switches it off"),
    "NHC_PERIOD": Reason(
        "time constant / time step",
        "task",
        "the time scale of the chain in steps (VASP wiki: 20 to 200), which would else hang on the time step",
    ),
    "SMASS": Reason(
        "g kB T τ² of the time constant τ with MDALGO 2; -3 without thermostat; 0.4 in a band without LCLIMB",
        "task",
        "SMASS = 0 would tie the thermostat to the time step (a period of 40 steps); a band is damped (VASP wiki, "
        "IBRION = 3)",
    ),
    "LANGEVIN_GAMMA": Reason("1/τ per element, ps⁻¹", "task", "friction of the Langevin thermostat"),
    "NBLOCK": Reason("1 in dynamics", "task", "every step is written, so that a killed chunk loses none"),
    "ISTART": Reason(
        "1 where wave functions are handed on: lowest start, relaxation, static run, density of states; else 0",
        "task",
        "the electronic state is found once and kept; no left-over WAVECAR is read by accident",
    ),
    "ICHARG": Reason(
        "2; 1 with the charge density of a job on another mesh; not written with ISTART = 1",
        "task",
        "superposed atomic charges, the same start for all, or the density that was found",
    ),
    "LWAVE": Reason(
        "True where the next run or job starts from it",
        "task",
        "starts, relaxations; gigabytes that nobody reads are removed when the job ends",
    ),
    "LCHARG": Reason(
        "True where a density of states starts from the result", "task", "read where its mesh is another one"
    ),
    "PREC": Reason(
        "precision; md_precision in dynamics",
        "campaign",
        "Accurate: one FFT grid rule for all energies, forces and stress need it; Normal is enough for trajectories",
    ),
    "ALGO": Reason(
        "algorithm; md_algorithm in dynamics",
        "campaign",
        "blocked Davidson (Normal) is the most robust for U and magnetism; Fast from extrapolated wave functions",
    ),
    "NELM": Reason(
        "200", "campaign", "60, the default, is short for magnetic slabs; an unconverged cycle is refused, not used"
    ),
    "LREAL": Reason(
        "False; Auto in dynamics",
        "campaign",
        "one rule for the small reference and the large cell, or their energies differ by the projection error; no "
        "energy of dynamics is subtracted, and 100 atoms take several times as long without it",
    ),
    "ISMEAR": Reason(
        "0", "campaign", "Gaussian, for metals, insulators, large and small meshes alike: energies stay comparable"
    ),
    "LASPH": Reason(
        "True", "campaign", "aspherical parts inside the PAW spheres matter for d shells with U (VASP wiki, LASPH)"
    ),
    "LORBIT": Reason("11", "campaign", "moments per site in every OUTCAR; the projected density of states"),
    "NCORE": Reason(
        "ncore, or from the ranks: bands in 4 to 16 groups",
        "resource",
        "speed only: about the root of the ranks of a k group, so that groups of bands divide NBANDS",
    ),
    "KPAR": Reason(
        "kpar, or from ranks and irreducible k points",
        "resource",
        "speed only: groups of k points that divide the ranks and idle least; in a band those of one image, "
        "which runs on so many times the images",
    ),
}

#: tags that are left to VASP on purpose
NEVER_WRITTEN = {
    "NELECT": (
        "cells are neutral; the number of electrons is VASP's, and is compared with the sum of the valences after the "
        "run"
    ),
    "KSPACING": "the mesh stands in KPOINTS, as the source states it",
    "METAGGA": "no recipe asks for one",
    "NUPDOWN": (
        "a fixed total moment hides the state that the cell wants; the moment is free, and is compared with the starts "
        "after the run, that of O2 with 2 µB; a run of others that fixed it is pointed out"
    ),
}
