"""What to ship on a machine: recommended from the newest number of each of its cases, kept until these change."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mnv2bench.comparison.measured_files import measured_files
from mnv2bench.comparison.shown_answers import Drawn, shown_machine
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.block import NO_CASE
from mnv2bench.recommendation.machines import by_machine
from mnv2bench.recommendation.picture import still_answer_figure
from mnv2bench.records.lines import Unusable
from mnv2bench.report.machine import machine as machine_facts
from mnv2bench.report.web import document
from mnv2bench.website.rows import Place, SiteFile
from mnv2bench.website.summaries import keep_text, kept_text

MOST_FILES = 8  # the newest, of those that hold the newest number of a case


def answers_html(newest: Sequence[Place], paths: Mapping[SiteFile, Path], results: Path, checks: str) -> str:
    """The answers of a machine as HTML. `newest` has the newest place of each case, `paths` where each file lies.

    `checks` is the digest of what the self-checks showed.
    """
    files = sorted({place.file for place in newest}, key=lambda file: file.order, reverse=True)[:MOST_FILES]
    wanted = {(paths[place.file], place.row.case) for place in newest}
    names = _short_names(files)
    facts = [checks, *(f"{name} {file.summary.sha256}" for file, name in names.items())]
    facts += sorted(place.row.case for place in newest)
    name = f"answers-{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}.html"
    kept = kept_text(name)
    if kept is not None:
        return kept.decode()
    text = _answers_html(names, paths, results, wanted)
    keep_text(name, text.encode("utf-8", "backslashreplace"))
    return text


def _short_names(files: Sequence[SiteFile]) -> dict[SiteFile, str]:
    """A name for each of a machine's files: its last part, where no other one has that."""
    last = [file.name.rpartition("/")[2] for file in files]
    return {file: name if last.count(name) == 1 else file.name for file, name in zip(files, last, strict=True)}


def _answers_html(
    names: Mapping[SiteFile, str], paths: Mapping[SiteFile, Path], results: Path, wanted: set[tuple[Path, str]]
) -> str:
    evaluations = []
    facts = ""
    conditions = {name: file.summary.conditions for file, name in names.items()}
    chosen = [paths[file] for file in names]
    for measured in measured_files(chosen, list(names.values()), results, keeps_samples=True):
        if isinstance(measured, Unusable):
            raise measured
        newest_campaign = measured.chapters[0]
        facts = facts or machine_facts(measured.name, newest_campaign.records, newest_campaign.saved_at)
        every = [evaluation for chapter in measured.chapters for evaluation in chapter.evaluations]
        evaluations += [each for each in every if (measured.path, each.case.id) in wanted]
    (answers,) = by_machine(evaluations)
    return document.fragment(
        "site_answers.html",
        machine=shown_machine(answers, conditions, _drawn),
        nothing=NO_CASE,
        facts=document.from_markdown(facts),
    )


def _drawn(place: int, answer: Answer) -> Drawn:
    """The picture of the first answer, as it is drawn already: the page has no program that draws it anew."""
    if place:
        return Drawn()
    try:
        return Drawn(still_answer_figure(answer))
    except ValueError as error:
        return Drawn(why_none=f"There is no picture: {error}.")
