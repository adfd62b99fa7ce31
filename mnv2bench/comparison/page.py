"""The comparison page in Markdown: it reads well on GitHub, with a chapter for each campaign."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from mnv2bench.cases import EAGER
from mnv2bench.comparison.chapters import Chapter, Source, chapters
from mnv2bench.files import Sort
from mnv2bench.gpu.section import gpu, how_to_read
from mnv2bench.records import Record, WeightsKind
from mnv2bench.records.selfcheck import AllocatorCheck
from mnv2bench.remote.section import mobile
from mnv2bench.report import column, tables
from mnv2bench.report.allocator import allocator_lines
from mnv2bench.report.cells import MARKS, escape
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.floor import floor_text
from mnv2bench.report.machine import machine, pairs
from mnv2bench.statistics.accuracy import tested
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.rounds import measured

NO_CONDITIONS: Mapping[str, Sequence[str]] = MappingProxyType({})
TITLE = "# MobileNetV2 benchmark\n"
PAGE = Sort("report page", ".md", earlier=TITLE)
APART = (
    "This page holds {campaigns} campaigns from {files} and {machines}. Each is a chapter of its own: nothing is "
    "compared, ranked or divided from one to another.\n"
)
HOW_TO_READ = f"""\
- A latency is the time of one call on a whole batch: the median of every iteration in the undisturbed rounds of a
  process, and of that the median over fresh processes. In brackets its 95 % interval over processes (Student t on the
  log scale; a hierarchical bootstrap from 15 processes on); one process has none.
- **Bold** is the least of the medians in its row. Where two intervals overlap, that is no proof.
- ~~Struck out~~: the outputs differ from those of eager fp32. Such a number counts for nothing and is ranked nowhere.
- {MARKS["noisy"]} noisy, {MARKS["unsteady"]} unsteady, {MARKS["throttled"]} the device throttled,
  {MARKS["threads"]} used other threads than asked, {MARKS["oversubscribed"]} more threads than cores or quota,
  {MARKS["kernel"]} over 2 % of the time in the kernel, {MARKS["warm-up"]} warm-up reached its cap,
  {MARKS["subnormal"]} weights with subnormal values, {MARKS["layers"]} not all layers ran in the precision,
  {MARKS["accuracy"]} over a point fewer labelled images right than eager fp32, or not tested,
  {MARKS["precision"]} too small an error for the precision: see "What to doubt".
  "–" is a number that does not exist: nothing was published, or the sample is too small for it.
- MAdds are multiply-adds of conv and linear layers of one image, as the paper counts them; params include batch norm;
"""
ABOUT_PUBLISHED = """\
top-1 and {device} ({conditions}) are the authors' own table; beside numbers of a computer the {device} is
  marked as another device."""
ABOUT_BYTES = "MB are 1e6 bytes.\n"
ABOUT_SPEEDUP = f"Median of {EAGER} over the median of the backend, in the same setting of this campaign."
ABOUT_PRECISIONS = (
    f"Speed-ups are of medians: over the same backend in fp32, and over {EAGER} in fp32. Layers: convolution and "
    "linear layers that ran in the precision, of all, by the runtime's own graph. The output error is over the largest "
    "logit of eager fp32. MB: the file that is opened, and the peak of resident memory."
)
ABOUT_ACCURACY = (
    "What each backend got right of {images}, and in brackets on how many of them it agrees with eager fp32; measured "
    "once, whatever the threads and the batch."
)
ABOUT_DIGITS = (
    " The network is a classifier of handwritten digits that comes with mnv2bench: it shows what a runtime's "
    "arithmetic and conversion do to a trained network. It is not ImageNet accuracy, which is in the column "
    "top-1 as published."
)
ABOUT_GMADDS = "Counted multiply-adds of the batch over the median latency of a call, in billions a second."
ABOUT_THROUGHPUT = "Images over the wall time of the undisturbed rounds; the median over processes."
ABOUT_TAILS = (
    "p90 and p99 are upper bounds at 99 % confidence, over all processes' iterations as one sample. Rounds kept are "
    "those in which nothing contended with the worker. The output error is over the largest logit of eager fp32."
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
ABOUT_FIT = "M is millions of multiply-adds of one call. The power law is fitted on logs, and so is its R²."
ABOUT_PUBLISHED_FIT = " The {device} row is the same fit of the {number} published latencies."


def markdown(sources: Iterable[Source]) -> str:
    """The page of one or more files; what is of different files, machines, plans or seeds is kept apart."""
    return page(chapters(sources))


def page(chapters: Sequence[Chapter], conditions: Mapping[str, Sequence[str]] = NO_CONDITIONS) -> str:
    """The page of these chapters; a single one has no heading of its own.

    `conditions` holds what was unusual about the machine while a file was measured, by the source of its chapters.
    """
    if len(chapters) == 1:
        return "\n".join([TITLE, *_headline(chapters[0], conditions), *_chapter(chapters[0], "##")])
    text = [TITLE, APART.format(campaigns=len(chapters), files=_files(chapters), machines=_machines(chapters))]
    for number, chapter in enumerate(chapters, 1):
        heading = f"## {number}. {escape(chapter.source)}\n"
        text += [heading, *_headline(chapter, conditions), *_chapter(chapter, "###")]
    return "\n".join(text)


def _headline(chapter: Chapter, conditions: Mapping[str, Sequence[str]]) -> list[str]:
    """A paragraph on what was unusual about the machine, where anything was."""
    unusual = "; ".join(conditions.get(chapter.source, ()))
    return [f"**The machine meanwhile: {escape(unusual)}.**\n"] if unusual else []


def _files(chapters: Sequence[Chapter]) -> str:
    files = len({chapter.source for chapter in chapters})
    return "1 file" if files == 1 else f"{files} files"


def _machines(chapters: Sequence[Chapter]) -> str:
    fingerprints = {chapter.records[0].machine.fingerprint for chapter in chapters}
    return "one machine" if len(fingerprints) == 1 else f"{len(fingerprints)} different machines"


def _chapter(chapter: Chapter, level: str) -> Iterator[str]:
    """Sections without anything in them are left out."""
    for title, text, body in sections(chapter, f"{level}#"):
        if body:
            yield "\n".join([f"{level} {title}\n", *([f"{text}\n"] if text else []), f"{body.rstrip()}\n"])


def sections(chapter: Chapter, level: str) -> Iterator[tuple[str, str, str]]:
    """Title, what a reader must know, and the body; `level` is that of headings within a body."""
    every = chapter.evaluations
    timed = [evaluation for evaluation in every if evaluation.record.timed]
    yield "The machine", "", machine(chapter.source, chapter.records[0]) + _allocator(chapter.allocator)
    yield "How to read this", "", _how_to_read(every) + how_to_read(every)
    yield column.LATENCY, "", tables.each_setting(timed, tables.latency_table)
    yield "GPU", "", gpu(every, level)
    yield "Did not run, or came out wrong", "", tables.refused_table(every)
    yield "What to doubt", "", _doubts(every, chapter.floor)
    yield column.PRECISIONS, ABOUT_PRECISIONS, tables.precision_tables(timed)
    yield column.ACCURACY, _about_accuracy(every), tables.accuracy_tables(every)
    yield column.SPEEDUP, ABOUT_SPEEDUP, tables.each_setting(timed, tables.speedup_table)
    yield column.GMADDS, ABOUT_GMADDS, tables.each_setting(timed, tables.gmadds_table)
    yield column.THROUGHPUT, ABOUT_THROUGHPUT, tables.throughput_table(timed)
    yield "Do MAdds predict latency?", _about_fit(every), tables.each_setting(timed, tables.fit_table)
    yield column.TAILS, ABOUT_TAILS, tables.tail_table(timed)
    yield column.MEMORY, ABOUT_MEMORY, tables.memory_table(timed)
    yield column.COLD_PATH, ABOUT_COLD, tables.cold_table(timed)
    yield "Mobile", "", mobile(every, level)
    yield "What the runtimes say of themselves", "", _settings(chapter.records)


def _allocator(checked: AllocatorCheck | None) -> str:
    """What the allocator's setting is worth on the machine, in a paragraph and a list; "" where nobody measured it."""
    if checked is None:
        return ""
    head, *cases = allocator_lines(checked)
    return "\n".join([f"\n\n{escape(head)}\n", *(f"- {escape(line)}" for line in cases)])


def _how_to_read(evaluations: Sequence[Evaluation]) -> str:
    """The explanations, with a sentence on the published latencies that stand beside these cases."""
    published = [
        ABOUT_PUBLISHED.format(device=network.reference_device, conditions=network.reference_conditions)
        for network in tables.references(evaluations)
    ]
    return f"{HOW_TO_READ}  {' '.join([*published, ABOUT_BYTES])}"


def _about_accuracy(evaluations: Sequence[Evaluation]) -> str:
    """What the accuracies are of."""
    results = [result for evaluation in evaluations if (result := evaluation.of(tested))]
    images = " and ".join(dict.fromkeys(result.images for result in results)) or "no image"
    kinds = {evaluation.record.weights.kind(evaluation.case) for evaluation in evaluations}
    return escape(ABOUT_ACCURACY.format(images=images)) + (ABOUT_DIGITS if WeightsKind.DIGITS in kinds else "")


def _about_fit(evaluations: Sequence[Evaluation]) -> str:
    """What the fits are, with a sentence on those of published latencies."""
    published = [
        ABOUT_PUBLISHED_FIT.format(device=network.reference_device, number=len(network.published()))
        for network in tables.references(evaluations)
    ]
    return ABOUT_FIT + "".join(published)


def _doubts(evaluations: Sequence[Evaluation], floor: Floor | None) -> str:
    """The flags of each case behind the A/A floor of the machine, or behind how to measure one where rows need it."""
    doubted = [evaluation for evaluation in evaluations if evaluation.flags]
    lines = [f"- {escape(e.case.id)}: {escape('; '.join(e.flags))}" for e in doubted]
    unsteady = any(flag.startswith("unsteady:") for e in doubted for flag in e.flags)
    paragraphs = [floor_text(floor)] if floor or unsteady else []
    return "\n\n".join([*paragraphs, *(["\n".join(lines)] if lines else [])])


def _settings(records: Sequence[Record]) -> str:
    """A line for each different set of settings that a runtime reported of its processes."""
    lines = (
        f"- {escape(record.case.backend)}, {tables.threads(record.case.threads)}, {escape(record.case.device)}, "
        f"{record.case.precision}: {pairs(settings)}"
        for record in records
        for settings in _reported_settings(record)
    )
    return "\n".join(dict.fromkeys(lines))


def _reported_settings(record: Record) -> Iterator[dict[str, str]]:
    samples = [samples.settings for samples in measured(record)]
    counts = [counts.settings for counts in record.counts]
    yield from filter(None, [*samples, *counts])
