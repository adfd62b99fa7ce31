"""What a run of LoadGen is asked for, and what is kept of it."""

from typing import Annotated

from msgspec import Meta, Struct

from mnv2bench.loadgen.scenarios import UNOFFICIAL, Scenario
from mnv2bench.records.ranges import MAX_ENTRIES, Finite, NotNegative, Positive, Text, Texts, Whole

FORMAT = 1  # of a record's file
VALID, INVALID = "VALID", "INVALID"
STEPS = ("search", "validation")


class Load(Struct, frozen=True, forbid_unknown_fields=True):
    """The load of one run of LoadGen.

    `target_qps` is the rate of a server's queries, None in the other scenarios. `seed` sets the order of the images and
    the times of arrival.
    """

    scenario: Scenario
    min_duration_s: NotNegative
    min_queries: Positive
    latency_bound_s: NotNegative | None = None
    target_qps: NotNegative | None = None
    seed: Whole = 0


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """The shortest run that MLPerf's rules allow, from the configuration inside LoadGen."""

    min_duration_s: NotNegative
    min_queries: Positive


class Latencies(Struct, frozen=True, forbid_unknown_fields=True):
    """Nanoseconds of a query, as LoadGen counts them: from when it was due until its answer."""

    min: Positive
    mean: Positive
    p50: Positive
    p90: Positive
    p99: Positive
    p999: Positive
    max: Positive


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """What LoadGen's own log says of a run.

    `reasons` are why it is INVALID. `value` is the result of the scenario: nanoseconds, or images or queries a second.
    `late` is how many queries of a server came after the latency bound. `early_stopping_ns` is LoadGen's bound of the
    percentile at 99 % confidence.
    """

    validity: Text
    reasons: Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)]
    value: NotNegative
    latencies: Latencies
    queries: Whole
    images: Whole
    late: Whole | None
    early_stopping_ns: Whole | None
    version: Text


class Parts(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the time of a call goes, in nanoseconds by our own clock inside the system under test.

    `put` copies the images of a batch to where the runtime reads them, `run` is what `mnv2bench run` times, `get`
    copies the logits. `beside_ns` is what is left of the median of LoadGen's latencies: LoadGen itself and its Python
    binding; None where queries wait for each other.
    """

    calls: Whole
    put_p50_ns: Whole
    run_p50_ns: Whole
    run_p90_ns: Whole
    get_p50_ns: Whole
    beside_ns: Finite | None = None


class Disturbance(Struct, frozen=True, forbid_unknown_fields=True):
    """What else the machine did during a run, as shares of its time; None where the system does not say."""

    run_queue: NotNegative | None = None
    steal: NotNegative | None = None
    throttled: NotNegative | None = None


class Played(Struct, frozen=True, forbid_unknown_fields=True):
    """One run of LoadGen. `folder` is where its logs lie, from the folder of the scenario; "" where it is that one."""

    load: Load
    verdict: Verdict
    parts: Parts
    disturbance: Disturbance
    step: Text = ""
    folder: Text = ""

    @property
    def is_valid(self) -> bool:
        """Whether LoadGen calls the run VALID."""
        return self.verdict.validity == VALID


class LoadRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a case under a scenario.

    `status` is how its process ended, by the words of all records; `reason` says why it is not ok. `played` is the run
    that counts, None where there is none; `tries` are those by which a rate was searched, in order. `error` is the
    largest difference of an output from eager fp32, over the largest logit; `checked` is how many outputs that is of.
    """

    case: Text
    scenario: Scenario
    status: Text
    reason: Text
    played: Played | None
    tries: Annotated[tuple[Played, ...], Meta(max_length=MAX_ENTRIES)]
    rules: Rules
    wall_s: NotNegative
    error: NotNegative | None
    checked: Whole
    settings: Texts
    libraries: Texts
    machine: Text
    saved_at: Text
    other_load: NotNegative | None
    unofficial: Text = UNOFFICIAL
    format: Positive = FORMAT

    @property
    def is_valid(self) -> bool:
        """Whether there is a number to quote: right outputs, and LoadGen calls the run VALID."""
        return self.status == "ok" and self.played is not None and self.played.is_valid
