"""Examinations as texts: for a terminal, for a comment on a pull request, and as JSON."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from mnv2bench.contributions.examination import Examination, Summary
from mnv2bench.contributions.finding import Finding, Severity
from mnv2bench.files import Sort
from mnv2bench.recommendation.machines import machine_name
from mnv2bench.report.blocks import Block, Heading, Listing, Paragraph, markdown
from mnv2bench.report.comment import comment_of, comment_text, folded
from mnv2bench.texts import counted, one_line

PAGE = Sort("check of contributions")
ROWS = Sort("findings", columns=("source", "fingerprint", "place", "severity", "check", "text"), is_json=True)
TITLES = {
    Severity.WRONG: "Wrong:",
    Severity.QUESTION: "To ask the contributor:",
    Severity.UNCHECKED: "Not checked:",
    Severity.FINE: "Fine:",
}
Shown = Callable[[str], str]


def headline(examinations: Sequence[Examination]) -> str:
    """The result in one line: `2 files: 1 cannot be taken as it is, 3 questions`."""
    wrong = sum(examination.is_wrong for examination in examinations)
    questions = sum(len(examination.of(Severity.QUESTION)) for examination in examinations)
    result = f"{wrong} cannot be taken as it is" if wrong else "nothing is wrong"
    asked_of = counted(questions, "question") if questions else "no question"
    return f"{counted(len(examinations), 'file')}: {result}, {asked_of}."


def blocks(examination: Examination, severities: Sequence[Severity], shown: Shown = one_line) -> list[Block]:
    """One file as blocks: what it is, then its findings of these severities. `shown` makes a text of the file fit."""
    parts: list[Block] = [Heading(shown(examination.name), 2)]
    if examination.summary:
        parts.append(Paragraph(shown(_what(examination.summary))))
    for severity in severities:
        findings = examination.of(severity)
        if findings:
            parts.append(Paragraph(TITLES[severity]))
            parts.append(Listing(tuple(f"{finding.check}: {shown(finding.text)}" for finding in findings)))
    if examination.summary and not examination.is_wrong:
        parts.append(Paragraph(shown(f"It belongs in results/{examination.summary.place}.")))
    return parts


def _what(summary: Summary) -> str:
    """What a file is, in one sentence."""
    when = f", {summary.measured_on}" if summary.measured_on else ""
    cases, processes = counted(summary.cases, "case"), counted(summary.processes, "process", "processes")
    return f"{machine_name(summary.machine)}{when}: {cases}, {processes}, schema {summary.schema}."


def comment(examinations: Sequence[Examination]) -> str:
    """The body of a comment on a pull request: files that cannot be taken come first, as others may have no room."""
    ordered = sorted(examinations, key=lambda examination: not examination.is_wrong)
    first = f"# Contributed results\n\n{headline(examinations)}\n"
    return comment_of(first, [*map(_section, ordered)], "file", "`mnv2bench check-contribution` lists all of them.")


def _section(examination: Examination) -> str:
    """One file in a comment, with what is fine folded away."""
    first = markdown(blocks(examination, (Severity.WRONG, Severity.QUESTION, Severity.UNCHECKED), comment_text))
    fine = examination.of(Severity.FINE)
    if not fine:
        return first
    listed = markdown([Listing(tuple(f"{finding.check}: {comment_text(finding.text)}" for finding in fine))])
    return f"{first}\n{folded(counted(len(fine), 'check that it passed', 'checks that it passed'), listed)}"


def rows(examinations: Sequence[Examination]) -> Iterator[str]:
    """A JSON list with an object for each finding, one a line."""
    start = "["
    for examination in examinations:
        for finding in examination.findings:
            yield f"{start}\n{msgspec.json.encode(_row(examination, finding)).decode()}"
            start = ","
    yield "\n]\n"


def _row(examination: Examination, finding: Finding) -> dict[str, str]:
    summary = examination.summary
    return {
        "source": examination.name,
        "fingerprint": summary.machine.fingerprint if summary else "",
        "place": str(summary.place) if summary else "",
        "severity": finding.severity,
        "check": finding.check,
        "text": one_line(finding.text),
    }
