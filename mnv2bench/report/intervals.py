"""How the intervals on a page are made, as a sentence."""

from collections.abc import Iterable

from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.latency import Method

METHODS = {
    Method.SHRUNK: "Student t on the log scale, with the spread of its processes shrunk towards that of the "
    "campaign's other cases",
    Method.T: "Student t on the log scale, with the spread of its own processes",
    Method.BOOTSTRAP: "a hierarchical bootstrap from 15 processes on",
    Method.NONE: "none for one process alone",
}


def interval_methods(evaluations: Iterable[Evaluation]) -> str:
    """Each of the methods by which their intervals are made."""
    used = {evaluation.latency.method for evaluation in evaluations if evaluation.latency}
    return "; ".join(METHODS[method] for method in METHODS if method in used)


def intervals_text(evaluations: Iterable[Evaluation]) -> str:
    """What the brackets behind a latency are, with each of the methods that occur."""
    return f"In brackets its 95 % interval over processes: {interval_methods(evaluations)}."
