"""Two saved files side by side, as a Markdown page, as CSV and as rows of a table in the terminal."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mnv2bench.files import Sort
from mnv2bench.records import Machine
from mnv2bench.regression.judging.change import Change
from mnv2bench.regression.pages import counts
from mnv2bench.remote.counts import CountChange
from mnv2bench.report.cells import NONE, escape, scaled, table
from mnv2bench.report.csv import as_csv
from mnv2bench.statistics.versions import differing_versions

CAPTION = (
    "Two runs at two times: on a shared machine, runs minutes apart differ by several per cent. "
    "`mnv2bench duel` measures both in one sitting. More --processes narrow an interval."
)
TWO_MACHINES = "Counted on two machines ({facts}): an emulator should count the same on both, which nobody has shown."
PAGE = Sort("comparison page", earlier="# A against B\n")
OF_CHANGE = ("case", "verdict", "ratio", "low", "high", "median_a_ms", "median_b_ms", "processes_a", "processes_b")
OF_COUNTS = ("instructions_a", "instructions_b", "changed")
TABLE = Sort("comparison table", columns=(*OF_CHANGE, "reason", *OF_COUNTS))
HEADER = ("case", "verdict", "A ms", "B ms", "B/A", "95 %")
HOW_TO_READ = """\
- A ms and B ms are headline latencies: medians over processes. B/A is the ratio of the statistic that finds changes
  (the fast quarter of the rounds), with its own 95 % interval over processes. Where the machine's A/A floor is known,
  the interval also holds what identical campaigns differ by.
- slower, faster: beyond 1.5 %, corrected for the number of cases: of comparisons in which nothing changed, at most 5 %
  call anything slower or faster. same: its own interval lies within 2 %. cannot tell: neither, or a side is doubtful.
"""


@dataclass(frozen=True)
class Comparison:
    """`differ`: facts that make A and B incomparable, shown nevertheless. `libraries`: name, A's version, B's.

    `counts` are the cases that take no time; `notes` are sentences.
    """

    a: str
    b: str
    changes: tuple[Change, ...]
    differ: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str, str], ...] = ()
    counts: tuple[CountChange, ...] = ()
    notes: tuple[str, ...] = ()


def comparison(
    a: str,
    b: str,
    changes: Sequence[Change],
    differ: Sequence[str],
    ours: Machine,
    theirs: Machine,
    counts: Sequence[CountChange] = (),
    notes: Sequence[str] = (),
) -> Comparison:
    """Of two files by name, with the libraries and commits of both machines."""
    libraries = tuple(differing_versions(_versions(ours), _versions(theirs)))
    return Comparison(a, b, tuple(changes), tuple(differ), libraries, tuple(counts), tuple(notes))


def markdown(compared: Comparison) -> str:
    """Every text may come from anyone's file and is shown as plain words."""
    page = ["# A against B\n", f"- A: {escape(compared.a)}\n- B: {escape(compared.b)}\n"]
    if compared.differ:
        page += ["**Incomparable**, shown because it was forced:\n", *(f"- {escape(fact)}" for fact in compared.differ)]
        page += [""]
    page += [f"{escape(note)}\n" for note in compared.notes]
    if compared.libraries:
        page += [table(("differs", "A", "B"), [tuple(map(escape, row)) for row in compared.libraries], texts=3) + "\n"]
    if compared.changes:
        page += [table(HEADER, [tuple(map(escape, table_row(change))) for change in compared.changes], texts=2) + "\n"]
        page += [HOW_TO_READ, f"{CAPTION}\n"]
    if compared.counts:
        page += ["## Instructions\n", counts.count_table(compared.counts) + "\n", counts.HOW_TO_READ]
    return "\n".join(page)


def csv(compared: Comparison) -> str:
    """One row a case; the columns are the fields of `Change`, medians in milliseconds, and those of `CountChange`.

    A case that is counted has no median, and one that is timed no instructions.
    """
    import pandas as pd

    rows = [asdict(change) for change in compared.changes]
    for row in rows:
        row |= {f"median_{side}_ms": _ms(row.pop(f"median_{side}_s")) for side in "ab"}
    rows += [
        {
            **{name: getattr(change, name) for name in ("case", "verdict", "ratio", "reason")},
            "instructions_a": change.before,
            "instructions_b": change.after,
            "changed": "; ".join(f"{name} {before} → {after}" for name, before, after in change.differs),
        }
        for change in compared.counts
    ]
    whole = dict.fromkeys([*OF_CHANGE[-2:], *OF_COUNTS[:2]], "Int64")
    return as_csv(pd.DataFrame(rows, columns=list(TABLE.columns)).astype(whole))


def table_row(change: Change) -> tuple[str, ...]:
    """Texts under HEADER, not yet escaped."""
    return (
        change.case,
        f"{change.verdict}: {change.reason}" if change.reason else change.verdict,
        scaled(_ms(change.median_a_s)),
        scaled(_ms(change.median_b_s)),
        _ratio(change.ratio),
        NONE if change.low is None else f"{_ratio(change.low)}–{_ratio(change.high)}",
    )


def _ratio(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


def _versions(machine: Machine) -> dict[str, str]:
    commit = {} if machine.commit is None else {"commit": machine.commit}
    return machine.libraries | commit
