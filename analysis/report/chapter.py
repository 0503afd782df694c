"""What a chapter of the report is: what it asks of a campaign, what is computed of it once, and how that is shown.

Report, board and notebook ask the chapters: a number that two of them show was computed by one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from ...configs.errors import CatholyteError
from ..phase_sets.own_entries import joined_by_new, with_dft
from ..thermodynamics.phase_set import PhaseSet, load_phase_set
from .case import Case
from .content import Answer, Block, Extrapolation, KeyNumber, Section, Text, Value
from .quantity import Quantity

__all__ = ["Chapter", "PhasesOfCase", "Problems", "phases_of"]

Asked = TypeVar("Asked")
Results = TypeVar("Results")


def _nothing(_: Any) -> Sequence[Any]:
    return ()


def _no_answer(_: Any) -> None:
    return None


@dataclass(frozen=True)
class Chapter(Generic[Asked, Results]):
    """One chapter.

    Parameters
    ----------
    id, title : str
        Of its section.
    empty : str
        Sentence of a section that has nothing to tell.
    asks : callable
        What of a campaign the chapter is about, e.g. a step of its recipe; None where there is nothing.
    evaluate : callable
        Campaign, and what was asked, to results: everything that is computed, figures excepted.
    blocks : callable
        Results to texts, tables and pictures in the order of reading.
    numbers : callable
        Results to key numbers.
    warnings : callable
        Results to what a reader of the first page must know.
    values : callable
        Results to numbers of a campaign's matrix that need no job but relaxed bulk cells.
    quantities : tuple of Quantity
        What claims may name of it.
    step : str
        Section of a recipe whose question it answers; empty where it answers none.
    answer : callable
        Results to what the first screen says to that question; None where nothing can be said.
    extrapolates : callable
        Results to where a potential, or a line through points, is used beyond what it was made for.
    phase_set : callable
        What was asked to the name of its phase set, where nothing else of the campaign enters the evaluation: members
        of a committee that ask for the same share it. None where jobs enter.
    """

    id: str
    title: str
    empty: str
    asks: Callable[[Case], Asked | None]
    evaluate: Callable[[Case, Asked], Results]
    blocks: Callable[[Results], Sequence[Block]]
    numbers: Callable[[Results], Sequence[KeyNumber]] = _nothing
    warnings: Callable[[Results], Sequence[str]] = _nothing
    values: Callable[[Results], Sequence[Value]] = _nothing
    quantities: tuple[Quantity[Any], ...] = ()
    step: str = ""
    answer: Callable[[Results], Answer | None] = _no_answer
    extrapolates: Callable[[Results], Sequence[Extrapolation]] = _nothing
    phase_set: Callable[[Asked], str] | None = None

    def results(self, case: Case) -> Results | None:
        """What was computed of a campaign, once for each case; None where nothing is asked."""
        if self.id not in case.computed:
            asked = self.asks(case)
            case.computed[self.id] = None if asked is None else self._evaluated(case, asked)
        found: Results | None = case.computed[self.id]
        return found

    def _evaluated(self, case: Case, asked: Asked) -> Results:
        if self.phase_set is None or case.whole is None:
            return self.evaluate(case, asked)
        key = f"{self.id} of members"
        by_members: list[tuple[Asked, PhasesOfCase, Results]] = case.whole.computed.setdefault(key, [])
        used = phases_of(case, self.phase_set(asked))
        for same, phases, found in by_members:
            if phases is used and same == asked:
                return found
        by_members.append((asked, used, self.evaluate(case, asked)))
        return by_members[-1][-1]

    def section(self, case: Case) -> Section:
        """The chapter of one campaign."""
        results = self.results(case)
        return Section(self.id, self.title, [Text(self.empty)]) if results is None else self.shown(results)

    def shown(self, results: Results) -> Section:
        """The chapter of given results."""
        shown = list(self.blocks(results)), list(self.numbers(results)), list(self.warnings(results))
        return Section(self.id, self.title, *shown)

    def key_numbers(self, case: Case) -> list[KeyNumber]:
        """Key numbers of one campaign, without the section around them."""
        results = None if self.numbers is _nothing else self.results(case)
        return [] if results is None else list(self.numbers(results))

    def value_of(self, quantity: Quantity[Any], case: Case, arguments: tuple[str, ...]) -> KeyNumber | None:
        """The value of one of the chapter's quantities; None where nothing is asked or computed.

        Raises
        ------
        CatholyteError
            Where a reason is known why there is none.
        """
        results = self.results(case)
        if results is None:
            return None
        for order in quantity.orders(arguments):
            if quantity.look is not None:
                found = quantity.look(results, order)
            else:
                wanted = (quantity.name, *order)
                found = next((number for number in self.numbers(results) if number.names == wanted), None)
            if found is not None:
                return found
        return None

    def answered(self, case: Case) -> Answer | None:
        """What the first screen says to the chapter's question."""
        results = self.results(case)
        return None if results is None else self.answer(results)

    def matrix_values(self, case: Case) -> list[Value]:
        """Numbers of the campaign's matrix."""
        if self.values is _nothing:
            return []
        results = self.results(case)
        return [] if results is None else list(self.values(results))

    def extrapolations(self, case: Case) -> list[Extrapolation]:
        """Where the chapter's numbers go beyond what they were made for."""
        results = None if self.extrapolates is _nothing else self.results(case)
        return [] if results is None else list(self.extrapolates(results))


@dataclass
class Problems:
    """What could not be evaluated, in order: what was tried and the message of the error."""

    found: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Note an error of the block and go on after it.

        Parameters
        ----------
        what : str
            Name of what is tried, as the paragraph begins.
        """
        try:
            yield
        except CatholyteError as error:
            self.found.append((what, error.message))

    def of(self, what: str) -> str:
        """Message of the first error under this name; empty where there was none."""
        return next((message for name, message in self.found if name == what), "")

    @property
    def texts(self) -> list[Text]:
        """One paragraph for each: ``WHAT: message``."""
        return [Text(f"{what}: {message}", "problem") for what, message in self.found]

    def text(self, what: str) -> Text:
        """The paragraph of the first error under this name."""
        return Text(f"{what}: {self.of(what)}", "problem")


class PhasesOfCase(NamedTuple):
    """A phase set as a campaign uses it.

    Parameters
    ----------
    phases : PhaseSet or None
        None where it cannot be used.
    texts : list of Text
        Which of the campaign's own energies joined it, or why it cannot be used.
    """

    phases: PhaseSet | None
    texts: list[Text]

    @property
    def problem(self) -> str:
        """Why it cannot be used; empty where it can."""
        return "\n".join(text.text for text in self.texts if text.kind == "problem")


def phases_of(case: Case, name: str) -> PhasesOfCase:
    """Return a phase set with the campaign's own energies of materials that it lacks; loaded once for each case, and
    once for all members of a committee whose jobs that matter to it are the same.

    Parameters
    ----------
    case : Case
    name : str
    """
    bulk, decisive = (case.of(step, "main") for step in ("bulk", "deciding_phases"))
    key = f"phase set {name} with {[found.entry.plan['key'] for found in (*bulk, *decisive)]}"
    computed = (case.whole or case).computed
    if key not in computed:
        problems = Problems()
        phases, told = None, list[str]()
        with problems.attempt(f"The phase set {name} cannot be used"):
            phases, told = joined_by_new(load_phase_set(name), [found.document for found in bulk])
            if decisive:
                phases, also = with_dft(phases, [found.document for found in decisive])
                told += also
        texts = problems.texts + ([Text("\n".join(told), "note")] if told else [])
        computed[key] = PhasesOfCase(phases, texts)
    found: PhasesOfCase = computed[key]
    return found
