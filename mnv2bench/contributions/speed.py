"""Whether a file's times can be: against the peak of its machine, and against known files of like machines."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import structs

from mnv2bench.contributions.contribution import Check, Contribution
from mnv2bench.contributions.finding import Severity, counted_examples
from mnv2bench.contributions.known import KnownFile, Likeness, numbers_of, thread_peak
from mnv2bench.precisions import named
from mnv2bench.records import Machine, Process
from mnv2bench.report.cells import scaled
from mnv2bench.texts import counted
from mnv2bench.workers.checking import madds_of
from mnv2bench.workers.plausibility import beyond_peak, fast_call_ns, too_few_instructions
from mnv2bench.workers.plausibility import limit as beyond_limit

Findings = Iterator[tuple[Severity, str]]
WRONG, QUESTION, UNCHECKED = Severity.WRONG, Severity.QUESTION, Severity.UNCHECKED

# docs/thresholds.md#contributions
MOST_HZ = 6.5e9
LANES = {"sse": 8, "avx2": 16, "avx512f": 32, "asimd": 16, "sve": 32}  # fp32 multiply-adds of a core in a cycle
RATE = 0.01
PEAKS = 2.0
TIMES = {Likeness.MACHINE: 2.0, Likeness.PROCESSOR: 2.0, Likeness.OTHER: 10.0}
LIKE = {
    Likeness.MACHINE: "this very machine",
    Likeness.PROCESSOR: "machines with the same processor",
    Likeness.OTHER: "other machines",
}


def _rates(contribution: Contribution) -> Findings:
    """The calls are those that the process computed its rate from, and no faster than its peak."""
    yield from _counts(contribution)
    checked = [
        (process.case, checks, rate_of(process))
        for process in contribution.timed
        if (checks := process.samples.checks) and checks.madds_per_s
    ]
    if not checked:
        yield UNCHECKED, "No process says how many multiply-adds a second it did."
        return
    changed = {
        case.id: f"{case.id}: {_giga(checks.madds_per_s)} stated, {_giga(rate)} by calls"
        for case, checks, rate in checked
        if abs((checks.madds_per_s or 0) / rate - 1) > RATE
    }
    if changed:
        examples = counted_examples([*changed.values()], "case", most=1)
        yield (
            WRONG,
            f"The multiply-adds a second that processes state do not follow from their calls in {examples}: calls "
            "were changed.",
        )
    beyond = {
        case.id: f"{case.id}: {reason}"
        for case, checks, rate in checked
        if (reason := beyond_peak(structs.replace(checks, madds_per_s=rate), named(case.precision)))
    }
    if beyond:
        examples = counted_examples([*beyond.values()], "case", most=1)
        yield WRONG, f"More multiply-adds a second than the peak that was measured with them: {examples}."


def _counts(contribution: Contribution) -> Findings:
    """Under an emulator, an inference has enough instructions for its multiply-adds."""
    counted_processes = [(process, process.counts) for process in contribution.contents.processes if process.counts]
    few = {
        process.case.id: f"{process.case.id}: {reason}"
        for process, counts in counted_processes
        if (reason := too_few_instructions(min(counts.net), madds_of(process.case)))
    }
    if few:
        yield WRONG, f"Too few instructions: {counted_examples([*few.values()], 'case', most=1)}."


def _peak(contribution: Contribution) -> Findings:
    """No thread does more than the widest processor of its kind could, nor much more than known ones do."""
    timed = contribution.timed_here
    if not timed:
        yield UNCHECKED, "Nothing was timed on the processor of this machine."
        return
    limit = core_limit(contribution.machine)
    stated = max((peak for process in timed if (peak := thread_peak(process))), default=None)
    if stated and stated > limit:
        yield (
            WRONG,
            f"Its peak is {_giga(stated)} multiply-adds a second for a thread, and no processor with its "
            f"instructions does more than {_giga(limit)}.",
        )
    beyond = {
        process.case.id: f"{process.case.id}: {_giga(rate)}"
        for process in timed
        if (rate := rate_of(process)) > beyond_limit(process.case.total_threads * limit, named(process.case.precision))
    }
    if beyond:
        examples = counted_examples([*beyond.values()], "case")
        yield WRONG, f"More multiply-adds a second than a processor with its instructions can do: {examples}."
    known = [
        file.numbers.peak_madds_per_s
        for file in contribution.like
        if file.likeness > Likeness.OTHER and file.numbers and file.numbers.peak_madds_per_s
    ]
    if stated and known and not max(known) / PEAKS <= stated <= max(known) * PEAKS:
        yield (
            QUESTION,
            f"Its peak is {_giga(stated)} multiply-adds a second for a thread, and known files of the same processor "
            f"have {_giga(max(known))}: what is different?",
        )


def rate_of(process: Process) -> float:
    """Multiply-adds a second of the fast calls of a process, as it computed them itself."""
    return madds_of(process.case) / fast_call_ns(process.samples.rounds) * 1e9


def core_limit(machine: Machine) -> float:
    """Multiply-adds a second in fp32 that no core with these instructions exceeds; of the widest, where none is."""
    lanes = [LANES[flag] for flag in machine.cpu_flags if flag in LANES]
    x86_without = [LANES["sse"]] if machine.machine in ("x86_64", "AMD64") else []
    return MOST_HZ * max(lanes or x86_without or LANES.values())


def _giga(rate: float | None) -> str:
    return f"{scaled((rate or 0) / 1e9)} G"


@dataclass(frozen=True)
class Known:
    """The known times of one case, of machines of one likeness."""

    low_s: float
    high_s: float
    low_file: str
    high_file: str

    def nearest(self, seconds: float) -> str:
        """The known time that is nearest to one beyond them all, with its file."""
        known_s, file = (self.low_s, self.low_file) if seconds < self.low_s else (self.high_s, self.high_file)
        return f"{_ms(known_s)} in {file}"


def _times(contribution: Contribution) -> Findings:
    """Cases take about as long as in known files of like machines."""
    medians_s = numbers_of(contribution.records, ()).medians_s
    compared = 0
    for likeness in sorted(Likeness, reverse=True):
        known = _known_times([file for file in contribution.like if file.likeness == likeness])
        shared = [id for id in medians_s if id in known]
        compared += len(shared)
        most = TIMES[likeness]
        strange = [id for id in shared if not known[id].low_s / most <= medians_s[id] <= known[id].high_s * most]
        if strange:
            worst = max(strange, key=lambda id: _factor(medians_s[id], known[id]))
            yield (
                QUESTION,
                f"{len(strange)} of {counted(len(shared), 'case')} take over {most:g} times as long, or as short, as "
                f"on {LIKE[likeness]}: {worst} takes {_ms(medians_s[worst])} here and "
                f"{known[worst].nearest(medians_s[worst])}. What is different?",
            )
            return
    if not compared:
        yield UNCHECKED, "No case of it stands in a known file."


def _known_times(files: list[KnownFile]) -> dict[str, Known]:
    """The shortest and the longest median of each case in these files, with a file that has it."""
    times: dict[str, list[tuple[float, str]]] = {}
    for file in files:
        for id, seconds in (file.numbers.medians_s if file.numbers else {}).items():
            times.setdefault(id, []).append((seconds, file.name))
    return {id: Known(min(each)[0], max(each)[0], min(each)[1], max(each)[1]) for id, each in times.items()}


def _factor(seconds: float, known: Known) -> float:
    return max(known.low_s / seconds, seconds / known.high_s)


def _ms(seconds: float) -> str:
    return f"{scaled(1e3 * seconds)} ms"


CHECKS = (
    Check("rates", "The multiply-adds a second follow from the calls, and are below the measured peak.", _rates),
    Check("peak", "No thread does more than a processor with its instructions can.", _peak),
    Check("times", "Cases take about as long as in known files of like machines.", _times),
)
