"""What a duel knows beside its verdicts: how its environments differ, where, and what its profiles explain."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.explanations.explanation import Explanation
from mnv2bench.explanations.measuring import explained
from mnv2bench.records import Machine, Plan
from mnv2bench.regression.duels.confirm import Answer, Question
from mnv2bench.regression.duels.duel import Duel
from mnv2bench.regression.judging.pairs import BOTH, REGRESSION, Judged
from mnv2bench.regression.judging.series import TIME
from mnv2bench.statistics.versions import differing_versions


@dataclass(frozen=True)
class Evidence:
    """A duel's interpreters, old and new, its machine and its plan. `differences`: name, old and new version."""

    pythons: tuple[str, str]
    machine: Machine
    plan: Plan
    differences: tuple[tuple[str, str, str], ...]
    explanations: tuple[Explanation, ...] = ()


def evidence(duel: Duel, answers: Mapping[Question, Answer], explain: bool, budget_s: float) -> Evidence:
    """What this duel knows; with `explain`, the cases whose time changed are profiled for at most that long."""
    old, new = duel.old.side, duel.new.side
    times = [(question.case, answer.judged) for question, answer in answers.items() if question.series is TIME]
    return Evidence(
        pythons=(old.interpreter.path, new.interpreter.path),
        machine=new.machine,
        plan=duel.new.head.plan,
        differences=tuple(differing_versions(old.versions, new.versions)),
        explanations=explained(duel, changed_cases(times), budget_s) if explain else (),
    )


def changed_cases(judged: Iterable[tuple[Case, Judged]]) -> tuple[Case, ...]:
    """The cases whose time pairs confirmed as changed: regressions first, and the largest change first."""
    changed = [
        (verdict.verdict != REGRESSION, -abs((verdict.ratio or 1.0) - 1), case)
        for case, verdict in judged
        if verdict.verdict in BOTH
    ]
    return tuple(case for _, _, case in sorted(changed, key=lambda entry: entry[:2]))
