"""The body of an issue or of a comment: what changed, by how much, between which environments, and how to repeat it."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from mnv2bench.explanations.evidence import Evidence
from mnv2bench.explanations.page import HOW_TO_READ, explanation_section
from mnv2bench.files import Sort
from mnv2bench.records import Machine
from mnv2bench.regression.gate.machines import FleetJudgement
from mnv2bench.regression.judging.judgement import CellVerdict, Judgement
from mnv2bench.regression.judging.pairs import BOTH
from mnv2bench.regression.pages.gate import QUIET, headline, needs_attention, ratio_text
from mnv2bench.regression.pages.machines import fleet_blocks
from mnv2bench.report.blocks import Block, Listing, TableBlock, markdown
from mnv2bench.report.cells import NONE, escape, scaled, table
from mnv2bench.texts import counted

COMMENT = Sort("comment of the gate")
MOST_CHARACTERS = 65_536  # of a body on GitHub
ENDING = 400  # characters that the last sentence and the file's own last line may take
ROWS = 50  # of a table
COMMIT = "commit of mnv2bench"
COLUMNS = ("case", "verdict", "new / old (95 %)", "ms", "pairs", "why")
LIBRARY_COLUMNS = ("library", "old", "new")
LINKS = re.compile(r"@|:(?=//)|#(?=\d)|\bGH-(?=\d)")  # what GitHub makes mentions and links of
UNLINKED = "\u200b"  # a space without width


def gate_comment(judgement: Judgement, evidence: Evidence | None = None) -> str:
    """The body for one night of one machine, at most 65,536 characters; every text of a file is plain words.

    `evidence` is that of the duel which confirmed the night's suspects, None where there was none.
    """
    return fitted(_sections(judgement, evidence))


def fleet_comment(judgement: FleetJudgement) -> str:
    """The body for one night of all machines."""
    return fitted(section for block in fleet_blocks(judgement, escape) for section in _parts(block))


def fitted(sections: Iterable[str]) -> str:
    """The sections that fit into a body, in their order, and how many do not. Mentions and links are plain text."""
    body, missing = "", 0
    for section in sections:
        text = section if section.startswith("```") else LINKS.sub(rf"\g<0>{UNLINKED}", section)
        if len(body) + len(text) + ENDING > MOST_CHARACTERS:
            missing += 1
        else:
            body += f"{text.rstrip()}\n\n"
    if missing:
        body += f"{counted(missing, 'part')} of this page did not fit: the job's summary has all.\n"
    return body


def _sections(judgement: Judgement, evidence: Evidence | None) -> Iterator[str]:
    rows, tails = judgement.ordered(), judgement.ordered_tails()
    changed = [_row(row) for row in rows if row.verdict in BOTH]
    changed += [_row(row, "tail of ") for row in tails if row.verdict in BOTH]
    yield f"**{escape(headline(judgement))}**"
    if changed:
        yield _table(COLUMNS, changed)
    yield "\n".join(f"- {fact}" for fact in _facts(judgement, evidence))
    if evidence:
        yield from _of_evidence(judgement, evidence)
    others = [_row(row) for row in rows if row.verdict not in (*BOTH, *QUIET)]
    others += [_row(row, "tail of ") for row in tails if needs_attention(row) and row.verdict not in BOTH]
    if others:
        title = f"{counted(len(others), 'other row')} to look at"
        yield f"<details><summary>{title}</summary>\n\n{_table(COLUMNS, others)}\n\n</details>"
    if judgement.notes:
        notes = "\n".join(f"- {escape(note)}" for note in judgement.notes)
        yield f"<details><summary>Notes of the night</summary>\n\n{notes}\n\n</details>"


def _facts(judgement: Judgement, evidence: Evidence | None) -> Iterator[str]:
    yield f"Machine: {escape(judgement.fingerprint)}{_machine(evidence.machine) if evidence else ''}"
    yield f"Night: {escape(judgement.night)}, saved {escape(judgement.saved_at)}"
    if evidence is None:
        yield "No pairs of processes were measured: nothing here is confirmed by them"
        return
    commits = [(old, new) for name, old, new in evidence.differences if name == COMMIT]
    same = f"{escape(evidence.machine.commit)} on both sides" if evidence.machine.commit else "unknown"
    yield f"Commits: {f'{escape(commits[0][0])}..{escape(commits[0][1])}' if commits else same}"


def _machine(machine: Machine) -> str:
    """The processor, the system and the kernel, in brackets."""
    facts = (machine.cpu_model, machine.os, machine.kernel and f"kernel {machine.kernel}")
    return f" ({', '.join(escape(fact) for fact in facts if fact)})"


def _of_evidence(judgement: Judgement, evidence: Evidence) -> Iterator[str]:
    libraries = [[*map(escape, change)] for change in evidence.differences if change[0] != COMMIT]
    if libraries:
        title = f"Libraries that differ: {len(libraries)}"
        yield f"<details open><summary>{title}</summary>\n\n{_table(LIBRARY_COLUMNS, libraries, 3)}\n\n</details>"
    else:
        yield "No library differs between old and new."
    for explanation in evidence.explanations:
        yield explanation_section(explanation)
    if evidence.explanations:
        yield f"<details><summary>How to read the blocks</summary>\n\n{HOW_TO_READ}\n</details>"
    cases = [row.case for row in (*judgement.ordered(), *judgement.ordered_tails()) if _is_paired(row)]
    if cases:
        yield "Repeat it on that machine:"
        yield f"```sh\n{_command(cases, evidence)}\n```"


def _is_paired(row: CellVerdict) -> bool:
    return row.verdict in BOTH and not row.counted


def _command(cases: Iterable[str], evidence: Evidence) -> str:
    """The duel of the changed cases once more, with the night's plan, an argument a line."""
    old, new = evidence.pythons
    words = [f"--old {_quoted(old)}", f"--new {_quoted(new)}", f"--rounds {evidence.plan.rounds}"]
    words += [f"--env {_quoted(variable)}" for variable in evidence.plan.environment]
    return " \\\n  ".join(["mnv2bench duel", *map(_quoted, dict.fromkeys(cases)), *words])


def _quoted(text: str) -> str:
    """A word of a command line that cannot leave its block of code."""
    return shlex.quote("".join(c for c in text if c.isprintable() and c != "`"))


def _row(row: CellVerdict, prefix: str = "") -> list[str]:
    """The texts of a case under COLUMNS."""
    ratio = f"{row.ratio:.5f}" if row.counted and row.ratio else ratio_text(row)
    numbers = [ratio, NONE if prefix else scaled(row.latency_ms), str(row.pairs or NONE)]
    return [prefix + escape(row.case), row.verdict, *numbers, escape(row.reason)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 2) -> str:
    """The first rows as a table, and how many more there are."""
    more = len(rows) - ROWS
    drawn = table(columns, rows[:ROWS], texts)
    return f"{drawn}\n\n{counted(more, 'row')} more." if more > 0 else drawn


def _parts(block: Block) -> Iterator[str]:
    """A block as sections that may be left out one by one."""
    match block:
        case Listing(sentences):
            for sentence in sentences:
                yield f"- {sentence}"
        case TableBlock(header, lines, texts):
            yield _table(header, lines, texts)
        case _:
            yield markdown([block])
