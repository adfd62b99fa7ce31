"""The sections of one campaign's report: what a page shows, in which order, and what it folds.

Their texts are Markdown without any HTML, so that each page may lay them out in its own way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mnv2bench.case import EAGER, Case, Kind, described_networks
from mnv2bench.comparison import doubts
from mnv2bench.comparison.chapters import Chapter
from mnv2bench.comparison.winners import lost_lines, winners_tables
from mnv2bench.gpu.section import gpu, how_to_read
from mnv2bench.networks import described
from mnv2bench.recommendation import Answer
from mnv2bench.recommendation.candidates import several_networks
from mnv2bench.records import Record, WeightsKind
from mnv2bench.records.selfcheck import AllocatorCheck
from mnv2bench.remote.section import mobile
from mnv2bench.report import column, layout, tables
from mnv2bench.report.allocator import allocator_lines
from mnv2bench.report.cells import MARKS, MEANINGS, escape, flag_names
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.floor import floor_text
from mnv2bench.report.intervals import intervals_text
from mnv2bench.report.machine import machine, pairs
from mnv2bench.report.ranking import Ranking
from mnv2bench.statistics.accuracy import tested
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.rounds import measured
from mnv2bench.texts import short_name

MOST_CASES = 2_000  # of a page: more would be no page that anybody reads
MOST_REASONS = 100
MOST_CHAPTERS = 100  # of a page whose report has more cases than it has room for
REFUSED = "Did not run, or came out wrong"
DOUBTS = "What to doubt"
HOW_TO_READ = "How to read this"
MACHINE = "The machine"
TIME = "Where the time went"
WINNERS = "The fastest of each variant"
FIT = "Do MAdds predict latency?"
NO_CONCLUSION = "Left out: most of these rows cannot be used, as the first lines of this page say."
ABOUT_LATENCY = """\
- A latency is the time of one call on a whole batch: the median of every iteration in the undisturbed rounds of a
  process, and of that the median over fresh processes."""
ABOUT_ORDER = (
    "- Runtimes stand with the fastest first: by the middle, over variants, of how far each is from the fastest."
)
ABOUT_BOLD = "- **Bold** is the fastest of its variant in this setting, where its interval lies below all others."
ABOUT_WRONG = (
    "- ~~Struck out~~: the outputs differ from those of eager fp32. Such a number counts for nothing and is ranked "
    "nowhere."
)
ABOUT_FILE = "- {network} is a file of a user with weights of its own; its outputs are held against {reference}."
ABOUT_NOTHING = '- "–" is a number that does not exist: nothing was published, or the sample is too small for it.'
ABOUT_MADDS = (
    "- MAdds are multiply-adds of conv and linear layers of one image, as the paper counts them; params include batch "
    "norm."
)
ABOUT_PUBLISHED = (
    "- {numbers} ({conditions}) are the authors' own table; beside numbers of a computer the {device} is "
    "marked as another device."
)
ABOUT_TOP1 = "- Top-1 is what the authors of each network published of their own weights."
ABOUT_BYTES = "- MB are 1e6 bytes."
ABOUT_VARIANTS = "What is computed of each variant, and what its authors published."
ABOUT_SPEEDUP = f"Median of {EAGER} over the median of the backend, in the same setting of this campaign."
ABOUT_PRECISIONS = (
    f"Own fp32 and eager fp32: how many times as fast as the same backend, and as {EAGER}, in fp32, by the medians. "
    "Layers: convolution and linear layers that ran in the precision, of all, by the runtime's own graph. Agrees: "
    "labelled images that get the class which eager fp32 gives them. Error: of the outputs, over the largest logit of "
    "eager fp32. MB: the file that is opened, and the peak of resident memory."
)
ABOUT_ACCURACY = (
    "What each backend got right of {images}, and in brackets on how many of them it agrees with eager fp32; measured "
    "once, whatever the threads, the streams and the batch."
)
ABOUT_DIGITS = (
    " The network is a classifier of handwritten digits that comes with mnv2bench: it shows what a runtime's "
    "arithmetic and conversion do to a trained network. It is not ImageNet accuracy, which is in the column "
    "top-1 as published."
)
ABOUT_GMADDS = "Counted multiply-adds of the batch over the median latency of a call, in billions a second."
ABOUT_THROUGHPUT = "Images over the wall time of the undisturbed rounds; the median over processes."
ABOUT_SWEEP = (
    "Images a second over all streams, which work at the same time, each on a batch of its own; p50 and p99 are of one "
    "request meanwhile, CPU time is of all threads. **Bold** has the most images a second of its variant, where its "
    "95 % interval lies above all others."
)
ABOUT_TAILS = (
    "p90, p99 and p99.9 are upper bounds at 99 % confidence, over all processes' iterations as one sample. Rounds kept "
    "are those in which nothing contended with the worker. The output error is over the largest logit of eager fp32."
)
ABOUT_MEMORY = (
    "Resident in a clean worker, medians over processes: bare interpreter, floor after importing the runtime, after "
    "opening the model, after the first inference, peak. Artifact is the file that is opened; weights and activations "
    "(input and output of the largest layer, whole batch) are computed, at the case's precision."
)
ABOUT_COLD = (
    "Export: making the artifact, once. Cold open: with nothing compiled yet, for a backend that keeps what it "
    "compiles. Open: every later one. Medians over fresh processes."
)
ABOUT_WINNERS = (
    "Which case is the fastest, of those that may be compared, and with which confidence, corrected for the number of "
    "rivals and of looks. Separated: at 95 %, by Welch's t over processes. A tie: nearer than 1.5 %, or than the A/A "
    "floor. Open: others may be the fastest, and more time (`--budget`) would say."
)
ABOUT_TIME = (
    "How long processes ran, from their start to their end. Opening is importing the runtime and opening the model; "
    "what is neither opening, warm-up nor rounds is the start of Python, images, and the check of the outputs. "
    "Exports, accuracies and waiting are not in it."
)
ABOUT_FIT = "M is millions of multiply-adds of one call. The power law is fitted on logs, and so is its R²."
ABOUT_PUBLISHED_FIT = " The {device} row is the same fit of the {number} published latencies{of_network}."


@dataclass(frozen=True)
class Section:
    """A part of a report: its title, what a reader must know, and the body; both are Markdown without HTML.

    `folded` is whether a page shows no more than the title until its reader wants the rest.
    """

    title: str
    text: str
    body: str
    folded: bool = True


def ranking(answers: Sequence[Answer]) -> Ranking:
    """The cases that may be compared: those that can be chosen by, in the settings whose answers are usable."""
    usable = [answer for answer in answers if answer.usability.is_usable]
    return Ranking({candidate.evaluation.case for answer in usable for candidate in answer.candidates})


def is_short(chapters: Sequence[Chapter]) -> bool:
    """Whether a report has more cases than a page has room for, so that each chapter has few sections."""
    cases = sum(len(chapter.evaluations) for chapter in chapters)
    return cases > MOST_CASES or not all(chapter.has_samples for chapter in chapters)


def sections(chapter: Chapter, ranked: Ranking | None, level: str = "###") -> tuple[Section, ...]:
    """The sections that have something in them; `level` is that of headings within a body.

    `ranked` is None where the report has more cases than a page has room for: then they are only those that are no
    longer than a screen, and the rows stand in the CSV.
    """
    whole = _short(chapter) if ranked is None else _sections(chapter, ranked, level)
    return tuple(section for section in whole if section.body)


def _short(chapter: Chapter) -> Iterator[Section]:
    every = chapter.evaluations
    yield Section(REFUSED, "", tables.refused_table(every, MOST_REASONS), folded=False)
    yield Section(DOUBTS, "", _doubts(every, chapter.floor), folded=False)
    yield Section(MACHINE, "", _machine(chapter))


def _sections(chapter: Chapter, ranked: Ranking, level: str) -> Iterator[Section]:
    every = chapter.evaluations
    timed = [evaluation for evaluation in every if evaluation.record.timed]
    concludes = bool(ranked.cases) or not any(evaluation.latency for evaluation in timed)
    yield Section(column.LATENCY, "", tables.latency_tables(timed, ranked), folded=False)
    yield Section(HOW_TO_READ, "", _how_to_read(every, ranked) + how_to_read(every))
    yield Section("GPU", "", gpu(every, level, ranked), folded=False)
    yield Section(REFUSED, "", tables.refused_table(every, MOST_REASONS), folded=False)
    yield Section(DOUBTS, "", _doubts(every, chapter.floor), folded=False)
    yield Section("The doubts of each row", "", doubts.list_of_cases(every))
    elsewhere = any(evaluation.case.kind != Kind.MEASURED_HERE for evaluation in every)
    yield Section("Mobile", "", mobile(every, level, ranked), folded=not elsewhere)
    yield Section(column.PRECISIONS, ABOUT_PRECISIONS, tables.precision_tables(timed, ranked))
    yield Section(column.ACCURACY, _about_accuracy(every), tables.accuracy_tables(every, ranked))
    yield Section(WINNERS, ABOUT_WINNERS, winners_tables(timed, ranked))
    yield Section(column.VARIANTS, _about_variants(timed), tables.variants_table(timed))
    yield Section(column.SPEEDUP, ABOUT_SPEEDUP, _conclusion(tables.speedup_tables(timed, ranked), concludes))
    yield Section(FIT, _about_fit(every), _conclusion(tables.fit_tables(timed), concludes))
    yield Section(column.GMADDS, ABOUT_GMADDS, tables.gmadds_tables(timed, ranked))
    yield Section(column.THROUGHPUT, ABOUT_THROUGHPUT, tables.throughput_tables(timed, ranked))
    yield Section(column.SWEEP, ABOUT_SWEEP, tables.sweep_tables(timed, ranked))
    yield Section(column.TAILS, ABOUT_TAILS, tables.tail_tables(timed, ranked))
    yield Section(column.MEMORY, ABOUT_MEMORY, tables.memory_tables(timed, ranked))
    yield Section(column.COLD_PATH, ABOUT_COLD, tables.cold_tables(timed, ranked))
    yield Section(TIME, ABOUT_TIME, _time(timed, ranked))
    yield Section(MACHINE, "", _machine(chapter))
    yield Section("What the runtimes say of themselves", "", _settings(chapter.records))


def _conclusion(body: str, concludes: bool) -> str:
    """A body that compares latencies; where most rows cannot be used, that there is none."""
    return body if concludes or not body else NO_CONCLUSION


def _time(evaluations: Sequence[Evaluation], ranked: Ranking) -> str:
    """What processes ran for; with a time budget also why they ran, and which cases lost before they had them all."""
    parts = (tables.time_table(evaluations), tables.reasons_table(evaluations), lost_lines(evaluations, ranked))
    return "\n\n".join(filter(None, parts))


def _machine(chapter: Chapter) -> str:
    return machine(chapter.source, chapter.records, chapter.saved_at) + _allocator(chapter.allocator)


def _allocator(checked: AllocatorCheck | None) -> str:
    """What the allocator's setting is worth on the machine, in a paragraph and a list; "" where nobody measured it."""
    if checked is None:
        return ""
    head, *cases = allocator_lines(checked)
    return "\n".join([f"\n\n{escape(head)}\n", *(f"- {escape(line)}" for line in cases)])


def _how_to_read(evaluations: Sequence[Evaluation], ranked: Ranking) -> str:
    """What the numbers and the marks mean, of those that occur."""
    timed = [evaluation for evaluation in evaluations if evaluation.record.timed]
    lines = [f"{ABOUT_LATENCY} {intervals_text(timed)}"] if any(evaluation.latency for evaluation in timed) else []
    if ranked.cases:
        lines.append(ABOUT_ORDER)
    if any(ranked.fastest(group) for group in layout.setting_groups(timed)):
        lines.append(ABOUT_BOLD)
    if any(evaluation.record.status == "wrong" for evaluation in evaluations):
        lines.append(ABOUT_WRONG)
    lines += about_marks(evaluations)
    lines += _about_files(evaluations)
    return "\n".join([*lines, ABOUT_NOTHING, ABOUT_MADDS, *_about_published(timed), ABOUT_BYTES, ""])


def about_marks(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """A line for each mark that these rows have."""
    for name in flag_names([flag for evaluation in evaluations for flag in evaluation.flags]):
        yield f"- {MARKS[name]} ({name}) marks rows that {MEANINGS[name]}."


def _about_files(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What the outputs of networks in users' files are held against."""
    for name in dict.fromkeys(evaluation.case.network for evaluation in evaluations):
        if described.is_file(name):
            yield ABOUT_FILE.format(network=escape(short_name(name)), reference=described.reference(name))


def _about_published(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """Whose numbers stand beside those of these cases."""
    several = several_networks(evaluations)
    if several:
        yield ABOUT_TOP1
    for network in tables.references(evaluations):
        device = network.reference_device
        numbers = f"Latencies of {network.name} on {device}" if several else f"Top-1 and {device}"
        yield ABOUT_PUBLISHED.format(numbers=numbers, device=device, conditions=network.reference_conditions)


def _about_variants(evaluations: Sequence[Evaluation]) -> str:
    """What the columns are, and how the layers of networks that no family declares were counted."""
    networks: dict[str, list[str]] = {}
    for known in described_networks(evaluation.case for evaluation in evaluations):
        networks.setdefault(f"{known.origin}, {known.counted}", []).append(short_name(known.network))
    lines = [f"- {escape(source)}: {escape(', '.join(names))}." for source, names in networks.items()]
    return "\n".join([ABOUT_VARIANTS, *([""] if lines else []), *lines])


def _about_accuracy(evaluations: Sequence[Evaluation]) -> str:
    """What the accuracies are of."""
    results = [result for evaluation in evaluations if (result := evaluation.of(tested))]
    images = " and ".join(dict.fromkeys(result.images for result in results)) or "no image"
    kinds = {evaluation.record.weights.kind(evaluation.case) for evaluation in evaluations}
    return escape(ABOUT_ACCURACY.format(images=images)) + (ABOUT_DIGITS if WeightsKind.DIGITS in kinds else "")


def _about_fit(evaluations: Sequence[Evaluation]) -> str:
    """What the fits are, with a sentence on those of published latencies."""
    published = [
        ABOUT_PUBLISHED_FIT.format(
            device=network.reference_device,
            number=len(network.published()),
            of_network=f" of {network.name}" if several_networks(evaluations) else "",
        )
        for network in tables.references(evaluations)
    ]
    return ABOUT_FIT + "".join(published)


def _doubts(evaluations: Sequence[Evaluation], floor: Floor | None) -> str:
    """A sentence for each kind of doubt, and the A/A floor of the machine, or how to measure one where rows need it."""
    lines = "\n".join(f"- {sentence}" for sentence in doubts.sentences(evaluations))
    unsteady = any(flag.startswith("unsteady:") for evaluation in evaluations for flag in evaluation.flags)
    about_floor = floor_text(floor) if floor or unsteady else ""
    return "\n\n".join(filter(None, (lines, about_floor)))


def _settings(records: Sequence[Record]) -> str:
    """A line for each different set of settings that a runtime reported of its processes."""
    lines = (
        f"- {_place(record.case)}: {pairs(settings)}" for record in records for settings in _reported_settings(record)
    )
    return "\n".join(dict.fromkeys(lines))


def _place(case: Case) -> str:
    """`onnxruntime, 2 threads, cpu, fp32`."""
    parallel = layout.parallelism(case.threads, case.streams)
    return f"{escape(case.backend)}, {parallel}, {escape(case.device)}, {case.precision}"


def _reported_settings(record: Record) -> Iterator[dict[str, str]]:
    samples = [samples.settings for samples in measured(record)]
    counts = [counts.settings for counts in record.counts]
    yield from filter(None, [*samples, *counts])
