"""The page ``docs/vasp-settings.md``: ``python -m catholyte.docs.pages.vasp_settings`` writes it anew."""

from __future__ import annotations

from pathlib import Path

from ...workflows.engines.vasp.reasons import NEVER_WRITTEN, REASONS

__all__ = ["settings_page"]

PAGE = Path(__file__).parents[1] / "vasp-settings.md"


def settings_page() -> str:
    """The page ``docs/vasp-settings.md``."""
    lines = [
        "# What VASP is told, and why",
        "",
        "Every tag of every INCAR stands here; none is a library's default. *recipe*: stated by the source of the "
        "recipe, or listed as its choice; *structure*, *task*: follow from the cell and the kind of calculation; "
        "*campaign*: one line of `configs/engines/vasp.yaml` for all jobs; *resource*: speed only. KPOINTS holds the "
        "divisions of the recipe, centred as the recipe says (`settings: {centring: …}`).",
        "",
        "| tag | value | from | reason |",
        "|---|---|---|---|",
    ]
    lines += [f"| {tag} | {entry.value} | {entry.origin} | {entry.reason} |" for tag, entry in REASONS.items()]
    lines += [
        "",
        "Left to VASP on purpose:",
        "",
        "| tag | reason |",
        "|---|---|",
        *(f"| {tag} | {reason} |" for tag, reason in NEVER_WRITTEN.items()),
    ]
    lines += [
        "",
        "A job may be several runs, each with a folder of its own: its starts (`start-1`, `start-2`: static, with other "
        "moments; the lowest goes on with its wave functions; `preconverge`: the only one of a polar slab, before the "
        "dipole correction is on), relaxations at several heights (`height-0.98`: stacks and the crystals strained as in "
        "them), and the static run that gives a relaxed cell its energy (`canonical`). A relaxation whose steps end "
        "before its forces goes on from its last positions. What a density of states begins with is kept in the folder "
        "`handed` beside the jobs, under a hash of the cell that both share; where it is gone, the job begins with "
        "atoms.",
        "",
        "KPAR and NCORE: `inputs` writes them for the `ranks` of the settings, 64 where they name none; a job that runs "
        "takes those of its allocation.",
        "",
        "`catholyte check-inputs FOLDER…` looks at the files of any run for what an expert would name; with `--recipe` "
        "also for what the recipe asks and no folder answers, and for reactants whose energies may not join its phase "
        "set.",
        "",
        "POTCARs are named per element in `configs/engines/vasp.yaml` and belong to one release. `catholyte inputs` "
        "writes `POTCAR.spec`, the names; with `--potcars FOLDER` it writes POTCAR and `potcar-manifest.json` with "
        "title and SHA-256 of each. No licensed file is part of this package.",
        "",
        "After a run, INCAR and KPOINTS are compared with the copies that custodian keeps of the asked ones. Changes "
        "of ALGO, mixing or parallelisation are harmless; a tighter EDIFF, SYMPREC and ISYM are tolerable within a "
        "set; any other change makes the energy another one and enters the signature. A relaxation so changed gets a "
        "static run at the asked settings, from which energy, forces and moments are taken.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
