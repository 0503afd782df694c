"""A campaign in Python: open a store, query its jobs and documents as pandas frames, evaluate, draw.

The numbers and figures are those of the report and the commands, made by the same functions::

    from catholyte import Campaign

    campaign = Campaign("catholyte-store")
    campaign.jobs                                   # one row a job
    campaign.tables["reactions"]                    # a table of the report as a frame
    campaign.figures["dos"].savefig("dos.pdf")      # a figure of the report, to be changed further
    campaign.reaction("LCO", "LPSCl").mutual.energy # eV/atom
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configs.errors import InputError, UnknownNameError, near_match_hint
from ..configs.recipe import Recipe
from ..workflows.documents import CalculationDocument
from .store.campaign_store import open_store

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from pymatgen.core.structure import Structure

    from ..analysis.report.case import Case
    from ..analysis.report.content import Section, Table
    from ..analysis.thermodynamics.phase_set import PhaseSet
    from ..analysis.thermodynamics.reactions import ReactionResult
    from ..analysis.thermodynamics.window import WindowResult

__all__ = ["Campaign"]


class Campaign:
    """Read access to one campaign of a store.

    Parameters
    ----------
    store : str or Path, optional
        Folder or ``mongodb://`` URI; the variable ``CATHOLYTE_STORE``, else ``./catholyte-store``, where left out.
    name : str, optional
        Of the recipe; the latest where left out.

    Raises
    ------
    StoreError
        If there is no store, or it holds no campaign.
    UnknownNameError
        If it holds none of that name.
    """

    def __init__(self, store: str | Path | None = None, name: str | None = None) -> None:
        self._store = open_store(store, create=False)
        self.records = self._store.records()
        self.name = str(self.records.campaign(name)["name"])

    def __repr__(self) -> str:
        from .run.campaign import status_document

        counts = status_document(self.records.entries(self.name))["counts"]
        return (
            f"Campaign {self.name} in {self._store.shown}: "
            f"{', '.join(f'{number} {state}' for state, number in counts.items()) or 'no jobs'}"
        )

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store's connections."""
        self._store.close()

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe as it was when the campaign was run last."""
        return self.records.recipe(self.name)

    @property
    def jobs(self) -> DataFrame:
        """One row a job, read anew: name, key, step, material, variant, engine, tier, kind, n_atoms, state,
        wall_seconds (s), cause, …"""
        from pandas import DataFrame

        from .run.campaign import status_document

        return DataFrame(status_document(self.records.entries(self.name))["jobs"])

    def why(self, job: str) -> dict[str, Any]:
        """The cause of one job's state: keys job, state, cause, evidence, advice."""
        from .run.campaign import explain

        return explain(self.records.find(job))

    def document(self, job: str, arrays: bool = True) -> CalculationDocument:
        """The document of one finished job.

        Parameters
        ----------
        job : str
            Its name, key, or the beginning of its key.
        arrays : bool
            Load the density of states and the trajectory too.

        Raises
        ------
        UnknownNameError
            If no job or more than one matches.
        CalculationError
            If the job has no result.
        """
        return self.records.document(str(self.records.find(job)["uuid"]), arrays)

    def structure(self, job: str) -> Structure:
        """The final structure of one finished job, moments (µB) in the site property ``magmom``."""
        return self.document(job, arrays=False).structure

    def documents(self, step: str | None = None, **equal: Any) -> DataFrame:
        """One row a finished job with the numbers of its document.

        Parameters
        ----------
        step : str, optional
            One step of the recipe.
        **equal
            Columns with the value that they must have, e.g. ``material="LCO", tier="gpaw"``.

        Returns
        -------
        DataFrame
            Among others energy (eV), energy_per_atom (eV), volume (Å³), max_force (eV/Å), gap (eV), accepted,
            signature.

        Raises
        ------
        InputError
            If `equal` names a column that does not exist.
        """
        from pandas import DataFrame

        frame = DataFrame(
            [_row(entry.plan, document) for entry, document in self.records.documents(self.name, step)],
            columns=_COLUMNS,
        )
        for column, value in equal.items():
            if column not in frame:
                raise InputError(f"documents have no column {column!r}; {near_match_hint(column, _COLUMNS)}")
            frame = frame[frame[column] == value]
        return frame.reset_index(drop=True)

    @cached_property
    def chapters(self) -> Mapping[str, Section]:
        """The chapters of the report by their name; evaluated when asked for first."""
        from ..analysis.report.page import report_sections

        return {section.id: section for section in report_sections(self.records, self.name)}

    @cached_property
    def tables(self) -> Mapping[str, DataFrame]:
        """Every table of the report as a frame; units stand in the names of the columns."""
        return _Named(
            {table.name: _frame(table) for section in self.chapters.values() for table in section.tables}, "table"
        )

    @cached_property
    def figures(self) -> Mapping[str, Figure]:
        """Every figure of the report."""
        return _Named(
            {picture.name: picture.figure for section in self.chapters.values() for picture in section.pictures},
            "figure",
        )

    @property
    def key_numbers(self) -> DataFrame:
        """The first table of the report: quantity, value, unit, uncertainty, published value, deviation, tier."""
        from pandas import DataFrame

        return DataFrame([number.row() for section in self.chapters.values() for number in section.key_numbers])

    @cached_property
    def phase_set(self) -> PhaseSet:
        """The recipe's pinned energies of competing phases (the default set where it names none), with the campaign's
        of materials that it lacks."""
        from ..analysis.report.chapter import phases_of
        from ..analysis.thermodynamics.phase_set import DEFAULT_PHASE_SET

        step = self.recipe.reactions or self.recipe.windows or self.recipe.volumes or self.recipe.screen
        used = phases_of(self._relaxed, step.phase_set if step else DEFAULT_PHASE_SET)
        if used.phases is None:
            raise InputError(used.problem)
        return used.phases

    @cached_property
    def _relaxed(self) -> Case:
        """The recipe with the campaign's relaxed bulk cells, which is what numbers of the phase set need."""
        from ..analysis.report.case import read_case

        return read_case(self.records, self.name, step="bulk", arrays=False)

    def reaction(self, a: str, b: str) -> ReactionResult:
        """Self, mutual and total reaction energies of two materials: the report's of a pair of the recipe, see
        :func:`catholyte.analysis.thermodynamics.reactions.react`."""
        from ..analysis.report.chapters.reactions import REACTIONS
        from ..analysis.thermodynamics.reactions import react

        found = REACTIONS.results(self._relaxed)
        known = found.closed.get((a, b)) if found else None
        return react(a, b, self.phase_set) if known is None else known

    def window(self, material: str) -> WindowResult:
        """The stability window of a material: the report's of one of the recipe, see
        :func:`catholyte.analysis.thermodynamics.window.stability_window`."""
        from ..analysis.report.chapters.windows import WINDOWS
        from ..analysis.thermodynamics.window import stability_window

        found = WINDOWS.results(self._relaxed)
        known = found.windows.get(material) if found else None
        return stability_window(material, self.phase_set) if known is None else known.result

    def bands(
        self, job: str, orbital: str = "O-2p", window: str = "occupied", reference: str | None = None
    ) -> DataFrame:
        """Band centres of one job by environment at every available reference, as the command ``bands`` gives them."""
        from pandas import DataFrame

        from .commands.results.bands import bands

        key = str(self.records.find(job)["key"])
        return DataFrame(bands(key, orbital, window, reference, store=self._store.location)["centers"])

    def report(self, out: str | Path) -> Path:
        """Write the report into a folder and return the page."""
        from ..analysis.report.page import write_report

        return write_report(self.records, Path(out), self.name)[0]


class _Named(dict[str, Any]):
    """A dictionary whose missing key is told with its neighbours."""

    def __init__(self, content: Mapping[str, Any], what: str) -> None:
        super().__init__(content)
        self._what = what

    def __missing__(self, key: str) -> Any:
        raise UnknownNameError(f"there is no {self._what} {key!r}; {near_match_hint(str(key), list(self))}")


_COLUMNS = [
    "job",
    "key",
    "step",
    "material",
    "variant",
    "kind",
    "tier",
    "formula",
    "n_sites",
    "energy",
    "energy_per_atom",
    "volume",
    "max_force",
    "gap",
    "total_magnetization",
    "accepted",
    "signature",
]


def _row(plan: Mapping[str, Any], document: CalculationDocument) -> dict[str, Any]:
    edges, verdict, signature = document.band_edges, document.acceptance, document.signature
    return {
        **{key: plan[key] for key in ("key", "step", "material", "variant")},
        **{
            key: getattr(document, key)
            for key in ("kind", "tier", "formula", "n_sites", "energy", "energy_per_atom", "total_magnetization")
        },
        "job": plan["name"],
        "volume": document.structure.volume,
        "max_force": document.convergence.max_force,
        "gap": edges.gap if edges else None,
        "accepted": verdict.accepted if verdict else None,
        "signature": f"{signature.engine} {signature.version}, {signature.level}, {signature.potentials}",
    }


def _frame(table: Table) -> DataFrame:
    from pandas import DataFrame

    return DataFrame({title: [row.get(key) for row in table.rows] for key, title in table.fields})
