"""What LoadGen judged of cases, as a Markdown page and as rows of a table in the terminal."""

from collections.abc import Iterator, Sequence

from mnv2bench.files import Sort
from mnv2bench.loadgen.records import LoadRecord, Played
from mnv2bench.loadgen.scenarios import FACTS, UNOFFICIAL, Scenario
from mnv2bench.records.rounds import MAX_RUN_QUEUE, MAX_STEAL
from mnv2bench.report.blocks import Block, Heading, Listing, Paragraph, TableBlock, markdown
from mnv2bench.report.cells import NONE, escape, number, scaled
from mnv2bench.texts import one_line

PAGE = Sort("LoadGen page", suffix=".md")
NAME = "loadgen.md"
HEADER = ("case", "scenario", "verdict", "result", "p50 ms", "p90 ms", "p99 ms", "images")
SPARE = ("p50 ms", "p90 ms", "p99 ms", "images")  # columns that a narrow terminal has no room for
PARTS = ("case", "scenario", "put us", "run p50 ms", "run p90 ms", "get us", "LoadGen us")
TRIES = ("case", "step", "queries/s", "p99 ms", "late", "queries", "LoadGen's verdict")
MOST_DISTURBED = 3  # runs that are named each
LEGEND = (
    "The result of single-stream is the p90 of one image, that of multi-stream the p99 of eight images, that of "
    "offline images a second, and that of server the queries a second that keep the p99 under the bound. Latencies are "
    "LoadGen's: from when a query was due until its answer.",
    "put copies the images to where the runtime reads them, run is the call that `mnv2bench run` times, get copies the "
    "logits: medians by our own clock, in each call. LoadGen us is what a query takes besides: LoadGen itself and its "
    "Python binding, at the median.",
)


def row(record: LoadRecord) -> list[str]:
    """The texts of a record under HEADER; nothing is a number that nobody should quote."""
    head = [record.case, str(record.scenario), verdict(record)]
    if not record.is_valid or record.played is None:
        return [*head, *[NONE] * (len(HEADER) - len(head))]
    judged = record.played.verdict
    latencies = [scaled(value / 1e6) for value in (judged.latencies.p50, judged.latencies.p90, judged.latencies.p99)]
    if record.scenario == Scenario.OFFLINE:
        latencies = [NONE] * len(latencies)  # an image of a query of all images waits for those before it
    return [*head, result(record.scenario, judged.value), *latencies, number(judged.images, 0)]


def verdict(record: LoadRecord) -> str:
    """LoadGen's verdict, or how a case ended that it says nothing of."""
    if record.status != "ok":
        return record.status
    return record.played.verdict.validity if record.played else "INVALID"


def result(scenario: Scenario, value: float) -> str:
    """The result of a scenario with its unit."""
    facts = FACTS[scenario]
    return f"{scaled(value / 1e6)} ms" if facts.is_latency else f"{number(value, 1)} {facts.words}"


def sentences(records: Sequence[LoadRecord]) -> list[str]:
    """What a reader has to know of these records, besides the table."""
    texts = [UNOFFICIAL]
    texts += [sentence for record in records for sentence in _why_none(record)]
    texts += [sentence for record in records for sentence in _search(record)]
    disturbed = [sentence for record in records for sentence in _disturbed(record)]
    if len(disturbed) > MOST_DISTURBED:
        disturbed = [f"{len(disturbed)} of {len(records)} runs were disturbed by other programs: measure them again"]
    return [*texts, *disturbed, *_shorter_than_rules(records)]


def _why_none(record: LoadRecord) -> Iterator[str]:
    name = f"{record.case}, {record.scenario}"
    if record.status != "ok":
        yield one_line(f"{name}: {record.status}: {record.reason}")
    elif record.played and not record.played.is_valid:
        yield f"{name}: INVALID, so that no number is shown: {'; '.join(record.played.verdict.reasons)}"


def _search(record: LoadRecord) -> Iterator[str]:
    """How the rate of a server was found."""
    searched = [played for played in record.tries if played.step == "search"]
    if not record.is_valid or not searched or record.played is None:
        return
    validations = len(record.tries) - len(searched)
    load = record.played.load
    yield (
        f"{record.case}, {record.scenario}: {len(searched)} rates were tried in short runs, and "
        f"{validations} in runs of {load.min_duration_s:g} s in fresh processes; {load.target_qps:,.1f} queries/s is "
        f"the highest that LoadGen calls VALID with p99 under {1e3 * (load.latency_bound_s or 0):g} ms"
    )


def _disturbed(record: LoadRecord) -> Iterator[str]:
    if record.played is None:
        return
    other = record.played.disturbance
    signs = []
    if other.run_queue is not None and other.run_queue > MAX_RUN_QUEUE:
        signs.append(f"its threads together waited for a core for {other.run_queue:.0%} of the time")
    if other.steal is not None and other.steal > MAX_STEAL:
        signs.append(f"the hypervisor took {other.steal:.0%} of the time")
    if other.throttled:
        signs.append("its control group was throttled")
    if signs:
        yield f"{record.case}, {record.scenario}: disturbed: {' and '.join(signs)}"


def _shorter_than_rules(records: Sequence[LoadRecord]) -> Iterator[str]:
    """A sentence for each scenario whose runs were shorter than MLPerf's rules want."""
    for scenario in Scenario:
        of_scenario = [record for record in records if record.scenario == scenario and record.played]
        for record in of_scenario[:1]:
            load, rules = record.played.load if record.played else None, record.rules
            if load and (load.min_duration_s < rules.min_duration_s or load.min_queries < rules.min_queries):
                yield (
                    f"{scenario}: runs of at least {load.min_duration_s:g} s and {load.min_queries:,} queries are no "
                    f"MLPerf results: its rules want {rules.min_duration_s:g} s and {rules.min_queries:,}"
                )


def parts_rows(records: Sequence[LoadRecord]) -> list[list[str]]:
    """The texts of each record under PARTS, as far as it has a number."""
    rows = []
    for record in records:
        if record.is_valid and record.played:
            parts = record.played.parts
            run = [scaled(parts.run_p50_ns / 1e6), scaled(parts.run_p90_ns / 1e6)]
            put, get = _microseconds(parts.put_p50_ns), _microseconds(parts.get_p50_ns)
            rows.append([record.case, str(record.scenario), put, *run, get, _microseconds(parts.beside_ns)])
    return rows


def _microseconds(nanoseconds: float | None) -> str:
    return number(None if nanoseconds is None else nanoseconds / 1e3, 1)


def tries_rows(records: Sequence[LoadRecord]) -> list[list[str]]:
    """The texts of each try of each search under TRIES."""
    return [_try_row(record.case, played) for record in records for played in record.tries]


def _try_row(case: str, played: Played) -> list[str]:
    judged = played.verdict
    rate, late = number(played.load.target_qps, 1), number(judged.late, 0)
    p99 = scaled(judged.latencies.p99 / 1e6)
    return [case, played.step, rate, p99, late, number(judged.queries, 0), judged.validity]


def page(records: Sequence[LoadRecord]) -> str:
    """The page of all records of a folder; every text is escaped."""
    blocks: list[Block] = [
        Heading("Load scenarios", 1),
        Paragraph(f"**{UNOFFICIAL}.** MLPerf's LoadGen {_versions(records)} sent the queries."),
        _escaped(HEADER, [row(record) for record in records], texts=3),
        Listing(tuple(escape(sentence) for sentence in sentences(records)[1:])),
    ]
    if parts := parts_rows(records):
        blocks += [Heading("Where the time of a call goes"), _escaped(PARTS, parts, texts=2)]
    if tries := tries_rows(records):
        blocks += [Heading("The rates that were tried"), _escaped(TRIES, tries, texts=2)]
    blocks += [Heading("How to read this"), Listing(LEGEND)]
    return markdown(block for block in blocks if not isinstance(block, Listing) or block.sentences)


def _versions(records: Sequence[LoadRecord]) -> str:
    versions = dict.fromkeys(record.played.verdict.version for record in records if record.played)
    return escape(" and ".join(versions)) or NONE


def _escaped(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> TableBlock:
    return TableBlock(header, [[cell if cell == NONE else escape(cell) for cell in row] for row in rows], texts)
