"""The fastest case of each variant, as tables: with which confidence it is, and which cases it cannot be told from."""

from collections import Counter
from collections.abc import Mapping, Sequence

from mnv2bench.allocation.contests import Contest, Decision, Key, contest_key
from mnv2bench.case import Case
from mnv2bench.recommendation.candidates import Candidate, several_networks
from mnv2bench.recommendation.contests import contests
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.phrases import confidence_share, latency_text, place
from mnv2bench.recommendation.ties import least_confidence
from mnv2bench.report.cells import NONE, escape, table
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import threads
from mnv2bench.report.ranking import Ranking
from mnv2bench.texts import counted

HEADER = ("variant", "fastest", "ms (95 %)", "confidence", "result")
MOST_NAMED = 3  # contenders in a cell
NOUNS = {Decision.SEPARATED: "separated", Decision.TIE: "a tie", Decision.OPEN: "open"}


def winners_tables(evaluations: Sequence[Evaluation], ranked: Ranking) -> str:
    """A table for each setting in which a variant ran in several cases that may be compared; "" without any."""
    several = several_networks(evaluations)
    comparable = [each for each in evaluations if each.case in ranked.cases and each.latency]
    candidates = [Candidate(each, is_among_networks=several) for each in comparable]
    by_case = {candidate.case: candidate for candidate in candidates}
    left_out = _left_out(evaluations, ranked)
    settings: dict[str, list[Contest]] = {}
    for contest in contests(candidates):
        if contest.contenders or contest.lost:
            settings.setdefault(_setting(contest), []).append(contest)
    return "\n\n".join(f"**{escape(name)}**\n\n{_table(some, by_case, left_out)}" for name, some in settings.items())


def _left_out(evaluations: Sequence[Evaluation], ranked: Ranking) -> Mapping[Key, Sequence[Candidate]]:
    """The cases of each contest that ended well, and that may not be compared with the others, as noisy ones."""
    cases: dict[Key, list[Candidate]] = {}
    for each in evaluations:
        if each.record.status == "ok" and each.latency and each.case not in ranked.cases:
            cases.setdefault(contest_key(each.case), []).append(Candidate(each))
    return cases


def lost_lines(evaluations: Sequence[Evaluation], ranked: Ranking) -> str:
    """Which cases had lost before they had all processes of their plan: a line for each number of processes."""
    budgeted = [each for each in evaluations if each.record.plan.budget_s]
    by_case = {each.case: each for each in budgeted if each.case in ranked.cases and each.latency}
    stopped: dict[int, list[str]] = {}
    for contest in contests([Candidate(each) for each in by_case.values()]):
        for case in contest.lost:
            record = by_case[case].record
            if len(record.processes) < record.plan.processes:
                stopped.setdefault(len(record.processes), []).append(case.id)
    return "\n".join(
        f"- lost: {counted(number, 'process', 'processes')}: {escape(_named(stopped[number], MOST_NAMED))}"
        for number in sorted(stopped)
    )


def _setting(contest: Contest) -> str:
    streams = "" if contest.streams == 1 else f", {contest.streams} streams"
    return f"batch {contest.batch}, {threads(contest.threads)}{streams}, {contest.device}"


def _table(
    some: Sequence[Contest], by_case: Mapping[Case, Candidate], left_out: Mapping[Key, Sequence[Candidate]]
) -> str:
    results = Counter(NOUNS[contest.decided] for contest in some)
    shares = ", ".join(f"{results[noun]} {noun}" for noun in NOUNS.values() if results[noun])
    rows = [[escape(text) for text in _row(contest, by_case, left_out)] for contest in some]
    return f"Of {counted(len(some), 'variant')}: {shares}.\n\n{table(HEADER, rows, texts=2)}"


def _row(contest: Contest, by_case: Mapping[Case, Candidate], left_out: Mapping[Key, Sequence[Candidate]]) -> list[str]:
    best = by_case[contest.best]
    rivals = [by_case[case] for case in (contest.best, *contest.contenders, *contest.lost)]
    confidence = least_confidence(best, rivals, Goal())
    share = NONE if confidence is None else confidence_share(confidence)
    others = _named([place(by_case[case]) for case in contest.contenders], MOST_NAMED)
    result = NOUNS[contest.decided] + (f": {others}" if others else "")
    faster = [each for each in left_out.get(contest_key(contest.best), ()) if each.median_ms < best.median_ms]
    if faster:
        result += f"; faster, but left out: {_named(list(map(place, faster)), MOST_NAMED)}"
    return [best.variant, place(best), latency_text(best), share, result]


def _named(names: Sequence[str], most: int) -> str:
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])
