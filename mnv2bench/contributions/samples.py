"""Whether the samples of a file can have been measured: their seeds, copies, regularity, memory and outputs."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from mnv2bench.campaign.schedule import process_seed
from mnv2bench.contributions.contribution import Check, Contribution
from mnv2bench.contributions.finding import Severity, counted_examples
from mnv2bench.contributions.known import round_key
from mnv2bench.flags import flags
from mnv2bench.precisions import named
from mnv2bench.records import Memory, Process
from mnv2bench.records.rounds import Round
from mnv2bench.texts import counted

Findings = Iterator[tuple[Severity, str]]
WRONG, QUESTION, UNCHECKED = Severity.WRONG, Severity.QUESTION, Severity.UNCHECKED
SEEDED_SINCE = 7  # the first schema whose processes have the seeds of their case and number
ASKED_FLAGS = ("noisy", "throttled", "oversubscribed", "threads", "precision", "layers")
# docs/thresholds.md#contributions
LEAST_COPIED = 5  # calls of a round
LEAST_ORDERED = 20
LEAST_REGULAR = 10
REGULAR_SHARE = 0.5
ROUND_NS = 1000
ROUND_SHARE = 0.5
FLAGGED_SHARE = 0.5  # of the cases


def _endings(contribution: Contribution) -> Findings:
    """The campaign came to its end, and something was measured."""
    contents = contribution.contents
    good = [process for process in contents.processes if process.status == "ok"]
    if not good:
        yield WRONG, "No process of any case ended well: there is no number in the file."
    if contents.end is None:
        yield QUESTION, "The campaign was interrupted: can it be finished with --resume?"
    ended = Counter(record.status for record in contribution.records if record.status != "ok")
    for status, number in sorted(ended.items()):
        reason = next(record.reason for record in contribution.records if record.status == status)
        yield QUESTION, f"{counted(number, 'case')} ended as {status}: is it known why? The first: {reason}"


def _seeds(contribution: Contribution) -> Findings:
    """Every process has the seed that its campaign gives it, and a place of its own."""
    contents = contribution.contents
    for noun, values in (
        ("position", [process.position for process in contents.processes]),
        ("seed", [process.seed for process in contents.processes]),
    ):
        repeated = [str(value) for value, number in Counter(values).items() if number > 1]
        if repeated:
            yield WRONG, f"Several processes have the same {noun}: {counted_examples(repeated, noun)}."
    if contents.schema < SEEDED_SINCE:
        yield (
            UNCHECKED,
            f"Whether the seeds are those of its campaign: a file of schema {contents.schema} may have others.",
        )
        return
    strange = [
        f"{process.number} of {process.case.id}"
        for process in contents.processes
        if process.seed != process_seed(contents.head.seed, process.case.id, process.number)
    ]
    if strange:
        yield (
            WRONG,
            f"{counted_examples(strange, 'process', 'processes')} have another seed than a campaign of the seed "
            f"{contents.head.seed} gives them: their lines are of another campaign or were changed.",
        )


def _copies(contribution: Contribution) -> Findings:
    """No round stands in the file twice or in a known file, in whatever order its calls are."""
    rounds = [(process.case.id, each) for process in contribution.timed for each in process.samples.rounds]
    if not rounds:
        yield UNCHECKED, "No process has rounds that could be copies."
        return
    keys = [(id, round_key(each.durations_ns)) for id, each in rounds if len(each.durations_ns) >= LEAST_COPIED]
    twice = _repeated(keys)
    if twice:
        examples = counted_examples(twice, "case")
        yield WRONG, f"Rounds with the same durations stand in it more than once, in {examples}: some are copies."
    own = {key for _, key in keys}
    known = [(file.name, len(own & file.numbers.rounds)) for file in contribution.like if file.numbers]
    shared = [f"{name}: {counted(number, 'round')}" for name, number in known if number]
    if shared:
        yield WRONG, f"Rounds of it stand already in {counted_examples(shared, 'file')}."
    multiples = [] if twice else _repeated([(id, order) for id, each in rounds if (order := _order(each))])
    if multiples:
        examples = counted_examples(multiples, "case")
        yield QUESTION, f"The calls of several rounds rise and fall alike in {examples}: are they multiples of others?"


def _repeated(named_keys: Sequence[tuple[str, Hashable]]) -> list[str]:
    """The names of the keys that are there more than once, each name once."""
    numbers = Counter(key for _, key in named_keys)
    return [*dict.fromkeys(name for name, key in named_keys if numbers[key] > 1)]


def _order(each: Round) -> tuple[int, ...]:
    """The order of the first calls of a round by their durations: a multiple of the round has the same.

    Empty for a round with too few calls, with equal ones, or that only rises or falls, which chance may bring about.
    """
    first = each.durations_ns[:LEAST_ORDERED]
    if len({*first}) < LEAST_ORDERED:
        return ()
    order = tuple(sorted(range(LEAST_ORDERED), key=first.__getitem__))
    return () if order in (tuple(range(LEAST_ORDERED)), tuple(reversed(range(LEAST_ORDERED)))) else order


def _regularity(contribution: Contribution) -> Findings:
    """A clock of nanoseconds shows other durations for almost every call."""
    rounds = [
        (process.case.id, each.durations_ns)
        for process in contribution.timed
        for each in process.samples.rounds
        if len(each.durations_ns) >= LEAST_REGULAR
    ]
    if not rounds:
        yield UNCHECKED, f"No round has {LEAST_REGULAR} calls, which is too few to see whether they are too regular."
        return
    regular = [id for id, durations in rounds if _most_common_share(durations) >= REGULAR_SHARE]
    if regular:
        examples = counted_examples([*dict.fromkeys(regular)], "case")
        yield (
            WRONG,
            f"Half of the calls of a round or more took the same number of nanoseconds in {examples}: no clock of "
            "nanoseconds shows that.",
        )
    every = [duration for _, durations in rounds for duration in durations]
    if sum(duration % ROUND_NS == 0 for duration in every) >= ROUND_SHARE * len(every):
        yield QUESTION, "Half of all durations or more are whole microseconds: which clock measured?"


def _most_common_share(durations_ns: Sequence[int]) -> float:
    """The part of the calls that have the most common duration."""
    return Counter(durations_ns).most_common(1)[0][1] / len(durations_ns)


def _memory(contribution: Contribution) -> Findings:
    """A process holds its weights, and no more than its machine has."""
    timed = [process for process in contribution.timed_here if process.samples.memory]
    if not timed:
        yield UNCHECKED, "No process of this machine's processor says how much memory it had."
        return
    small = [process.case.id for process in timed if _holds_too_little(process, process.samples.memory)]
    if small:
        examples = counted_examples([*dict.fromkeys(small)], "case")
        yield WRONG, f"Processes had less memory, above the interpreter's, than their weights take, in {examples}."
    memory_gb = contribution.machine.memory_gb
    peak = max(process.samples.memory.peak for process in timed if process.samples.memory)
    if memory_gb and peak > (memory_gb + 1) * 1e9:
        yield WRONG, f"A process had {peak / 1e9:.1f} GB of memory on a machine with {memory_gb:g} GB."


def _holds_too_little(process: Process, memory: Memory | None) -> bool:
    """Whether the weights in the case's precision have no room in what the process had more than its interpreter."""
    weight_bytes = process.case.count.params * named(process.case.precision).element_bytes
    return memory is not None and memory.peak - memory.interpreter < weight_bytes


def _outputs(contribution: Contribution) -> Findings:
    """The outputs of every process that ended well were compared with the reference."""
    good = [process for process in contribution.contents.processes if process.status == "ok"]
    reported = [process.case.id for process in good if process.external_result]
    if reported:
        examples = counted_examples([*dict.fromkeys(reported)], "case")
        yield QUESTION, f"The numbers of {examples} are what another tool printed, which checks no outputs."
    compared = [process.counts or process.samples for process in good if not process.external_result]
    unchecked = sum(outputs.error is None for outputs in compared)
    if unchecked:
        yield WRONG, f"{counted(unchecked, 'process', 'processes')} ended well, and their outputs were not compared."
    if not compared:
        yield UNCHECKED, "No process has outputs that were compared."


def _noise(contribution: Contribution) -> Findings:
    """Most cases were measured without noise, and in the precision and with the threads that they name."""
    timed = [record for record in contribution.records if record.status == "ok" and record.samples]
    flagged = Counter(flag.partition(":")[0] for record in timed for flag in flags(record))
    for name in ASKED_FLAGS:
        if flagged[name] and flagged[name] >= FLAGGED_SHARE * len(timed):
            yield QUESTION, f"{flagged[name]} of {counted(len(timed), 'case')} are flagged as {name}: why?"


CHECKS = (
    Check("endings", "The campaign came to its end, and every case ended well.", _endings),
    Check("seeds", "Every process has the seed that its campaign gives it.", _seeds),
    Check("copies", "No two rounds are the same, and none is that of a known file.", _copies),
    Check("regularity", "The durations of calls differ as a clock of nanoseconds shows them.", _regularity),
    Check("memory", "Every process had room for its weights, and no more than its machine has.", _memory),
    Check("outputs", "The outputs of every process that ended well were compared.", _outputs),
    Check("noise", "Most cases are without the flags of noise, threads and precision.", _noise),
)
