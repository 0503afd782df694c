"""What the tests measure, on record: time and memory beside a peer's, and deviations from independent references.

Each record is a YAML file beside the tests and a page of the documentation made of it. Without ``--write-evidence`` a
test that measures something which its page does not list fails; with it, the rows of the tests that ran are written
anew and the others keep their date.
"""

from __future__ import annotations

import ast
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock
from ruamel.yaml import YAML

__all__ = ["BENCHMARKS", "REFEREES", "Evidence", "Record", "Referee", "base_name", "users_of"]

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests"
#: referees whose version is told
LIBRARIES = ("pymatgen", "ase", "scipy", "chgnet")


@dataclass
class Record:
    """Rows on file, and those of this run.

    Parameters
    ----------
    file, page : Path
        YAML file of the rows, and the page made of them.
    fixture : str
        Tests that take this fixture stand in the record.
    told : tuple of str
        Fields of a row that do not depend on the machine: they must be on file before a test may measure them.
    """

    file: Path
    page: Path
    fixture: str
    command: str
    told: tuple[str, ...]
    text: Callable[[list[dict[str, Any]]], str]
    writing: bool = False
    fresh: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    #: tests of which only some parameters ran
    partial: set[str] = field(default_factory=set)

    @cached_property
    def known(self) -> set[tuple[str, ...]]:
        """What the rows on file are about."""
        return {self.key(row) for row in self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """Rows on file."""
        return (YAML(typ="safe").load(self.file) or []) if self.file.is_file() else []

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row of this run; one that the page does not list is an error unless the page is being written."""
        key = self.key(row)
        if not self.writing:
            assert key in self.known, f"{self.page.name} does not list {key}: run `{self.command}`"
        self.fresh[key] = row

    def key(self, row: dict[str, Any]) -> tuple[str, ...]:
        """What the row is about."""
        return tuple(str(row.get(name)) for name in self.told)

    def write(self) -> None:
        """Put the rows of this run in the place of older ones of the same tests, leave out tests that are gone, and
        write the page."""
        again = {row["test"] for row in self.fresh.values()} - self.partial
        there = users_of(self.fixture)
        with FileLock(Path(tempfile.gettempdir()) / f"catholyte-{self.file.name}.lock"):
            older = [row for row in self.rows() if base_name(row["test"]) in there]
            kept = [row for row in older if row["test"] not in again and self.key(row) not in self.fresh]
            rows = sorted([*kept, *self.fresh.values()], key=lambda row: (order(row["test"]), row["test"]))
            writer = YAML()
            writer.width = 10_000
            writer.dump(rows, self.file)
            self.page.write_text(self.text(rows), encoding="utf-8")


def order(test: str) -> int:
    """Tests stand in the order of the tower, from the bottom."""
    return ("configs", "structures", "workflows", "analysis", "hpc", "benchmarks").index(test.partition("/")[0])


def users_of(fixture: str) -> set[str]:
    """``folder/file.py::test`` of every test that takes the fixture."""
    return {name for name, arguments in _tests() if fixture in arguments}


@cache
def _tests() -> list[tuple[str, set[str]]]:
    return [
        (
            f"{file.relative_to(TESTS).as_posix()}::{node.name}",
            {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]},
        )
        for file in sorted(TESTS.rglob("test_*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]


def base_name(test: str) -> str:
    """``folder/file.py::test`` of a test's name, parameters and the folder of all tests left out."""
    return test.removeprefix("tests/").partition("[")[0]


def _running() -> str:
    """``folder/file.py::test[parameters]`` of the test that runs."""
    return os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0].removeprefix("tests/")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    names = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return (
        f"{os.cpu_count()} cores, {next(names, platform.processor() or platform.machine())}, Python "
        f"{platform.python_version()}, numpy {version('numpy')}"
    )


def number(value: float, unit: str = "") -> str:
    """Three digits, six of energies; thousands in full."""
    if unit.startswith("eV"):
        return f"{value:.6g}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _named(name: str, mark: str, row: dict[str, Any]) -> str:
    """The name with the version of the library that it begins with."""
    return name.replace(mark, f" {row['version']}, ", 1) if row.get("version") else name


# --- benchmarks


@dataclass
class Evidence:
    """What one benchmark measures: every comparison is put on record, and at the end of the test a limit that does not
    hold fails it.

    A library as a peer is named ``distribution: what of it``; its version is added.
    """

    record: Record
    broken: list[str] = field(default_factory=list)

    def faster(self, what: str, ours: float, theirs: float, *, peer: str, times: float, unit: str = "CPU s") -> None:
        """Ours takes at most a `times`-th of the peer's time."""
        self._add(
            what,
            ours,
            unit,
            f"≥ {times:g} times faster",
            theirs >= times * ours,
            peer=peer,
            theirs=theirs,
            ratio=f"{number(theirs / ours)} times faster",
        )

    def costs(self, what: str, ours: float, theirs: float, *, peer: str, at_most: float, unit: str = "CPU s") -> None:
        """Ours takes at most `at_most` times what the peer takes."""
        self._add(
            what,
            ours,
            unit,
            f"≤ {at_most:g} of the peer",
            ours <= at_most * theirs,
            peer=peer,
            theirs=theirs,
            ratio=f"{ours / theirs:.3f} of the peer",
        )

    def lower(self, what: str, ours: float, theirs: float, *, peer: str, unit: str, by: float = 0.0) -> None:
        """Ours lies below the peer's by no less than `by`, which may be a measured error."""
        limit = "below the peer by 2 standard errors" if by else "not above the peer"
        self._add(
            what,
            ours,
            unit,
            limit,
            ours <= theirs - by,
            peer=peer,
            theirs=theirs,
            ratio=f"lower by {theirs - ours:.3g}",
        )

    def within(self, what: str, ours: float, unit: str, *, limit: float) -> None:
        """Ours stays within a limit of its own."""
        self._add(what, ours, unit, f"≤ {limit:g} {unit}", ours <= limit)

    def _add(self, what: str, ours: float, unit: str, limit: str, holds: bool, **peer: Any) -> None:
        name, library, _ = peer.get("peer", "").partition(": ")
        row = {
            "test": _running(),
            "what": what,
            "unit": unit,
            "ours": float(ours),
            "limit": limit,
            "holds": bool(holds),
        }
        if name:
            row |= {
                "peer": peer["peer"],
                "version": version(name) if library else "",
                "theirs": float(peer["theirs"]),
                "ratio": peer["ratio"],
            }
        row |= {"date": _today(), "machine": _machine(), "load": round(os.getloadavg()[0], 1)}
        told = (
            f"{what}: {number(ours, unit)} {unit}"
            + (f", {name} {number(peer['theirs'], unit)} {unit}, {peer['ratio']}" if name else "")
            + f" (limit: {limit})"
        )
        print(f"\n{told}")
        self.record.add(row)
        if not holds:
            self.broken.append(told)

    def judge(self) -> None:
        """Fail the test where a limit did not hold."""
        assert not self.broken, "; ".join(self.broken)


def _benchmark_page(rows: list[dict[str, Any]]) -> str:
    machines = sorted({row["machine"] for row in rows})
    letter = {machine: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i] for i, machine in enumerate(machines)}
    lines = [
        "# Benchmarks",
        "",
        (
            "Every benchmark of `tests/benchmarks`, as it was measured; `make benchmark` measures anew and writes this "
            "page. Where a peer is named, both ran on the same input in the same run."
        ),
        (
            "Times are the best of several; *CPU s* is processor time, *s* the time on the clock. *Load* is the mean "
            "number of processes that wanted a core in the minute before: with more than the machine has,"
        ),
        "times on the clock grow, and ratios keep their meaning. A limit that did not hold is shown as such.",
        "",
        "| what | ours | the peer's | ratio | limit | holds | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        theirs = (
            f"{number(row['theirs'], row['unit'])} {row['unit']}: {_named(row['peer'], ': ', row)}"
            if "peer" in row
            else "–"
        )
        when = f"{row['date']}, load {row['load']:g}, {letter[row['machine']]}"
        ours, holds = f"{number(row['ours'], row['unit'])} {row['unit']}", "yes" if row["holds"] else "**no**"
        lines.append(_line(row["what"], ours, theirs, row.get("ratio", "–"), row["limit"], holds, when))
    return "\n".join([*lines, "", "Machines:", "", *(f"- {letter[machine]}: {machine}" for machine in machines)]) + "\n"


# --- referees


@dataclass
class Referee:
    """Deviations of our numbers from independent ones; the largest of a test, whatever its examples and parameters, is
    put on record."""

    record: Record

    def __call__(self, quantity: str, deviation: float, tolerance: float, *, of: str, by: str, unit: str) -> None:
        """Require that a deviation lies within its tolerance.

        Parameters
        ----------
        quantity : str
            What is compared.
        deviation, tolerance : float, `unit`
            Largest absolute difference found, and allowed.
        of, by : str
            Our function, and the referee: a library and its part, or a published or worked-out value.
        unit : str
            Unit of both numbers.
        """
        test = base_name(_running())
        library = by.partition(", ")[0].lower()
        versions = {"version": version(library)} if library in LIBRARIES else {}
        row = {
            "test": test,
            "quantity": quantity,
            "of": of,
            "by": by,
            "unit": unit,
            "tolerance": float(f"{tolerance:.3g}"),
            "deviation": float(deviation),
            **versions,
        }
        before = self.record.fresh.get(self.record.key(row))
        if before is not None:
            row["deviation"] = max(before["deviation"], row["deviation"])
        self.record.add({**row, "date": _today()})
        assert deviation <= tolerance, f"{quantity}: {deviation:.3g} {unit} from {by}, {tolerance:.3g} are allowed"


def _referee_page(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# Referees",
        "",
        (
            "Every number of the package that a test holds against an independent one: another library on the same "
            "input, "
            "a published table, or a value worked out by hand. *Deviation* is the largest absolute"
        ),
        (
            "difference over all examples of the test, *tolerance* what the test allows. `make referees` runs these "
            "tests "
            "and writes this page; in every run of the tests a comparison that is not listed here fails."
        ),
        "",
        "| quantity, and our function | referee | deviation | tolerance | test | measured |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        deviation = f"{row['deviation']:.1e}" if row["deviation"] else "0"
        file = row["test"].partition("::")[0].partition("/")[2]
        told = f"{row['quantity']}<br>{row['of']}", _named(row["by"], ", ", row)
        lines.append(
            _line(*told, f"{deviation} {row['unit']}", f"{row['tolerance']:.3g} {row['unit']}", file, row["date"])
        )
    return "\n".join(lines) + "\n"


DOCS = ROOT / "docs"
BENCHMARKS = Record(
    TESTS / "benchmarks" / "measured.yaml",
    DOCS / "benchmarks.md",
    "measured",
    "make benchmark",
    ("test", "what", "peer", "limit"),
    _benchmark_page,
)
REFEREES = Record(
    TESTS / "referees.yaml",
    DOCS / "referees.md",
    "refereed",
    "make referees",
    ("test", "quantity", "of", "by", "unit", "tolerance"),
    _referee_page,
)
