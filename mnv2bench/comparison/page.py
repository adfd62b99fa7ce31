"""The comparison report: a page that reads well on GitHub, a chapter for each campaign."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from mnv2bench.gpu.section import gpu, how_to_read
from mnv2bench.records import Record
from mnv2bench.remote.section import mobile
from mnv2bench.report import tables
from mnv2bench.report.cells import MARKS, escape
from mnv2bench.report.machine import machine, pairs
from mnv2bench.report.rows import Row, Source, rows
from mnv2bench.statistics.latency import EAGER
from mnv2bench.statistics.rounds import campaigns, measured

TITLE = "# MobileNetV2 benchmark\n"
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
  {MARKS["threads"]} used other threads than asked, {MARKS["warm-up"]} warm-up reached its cap: see "What to doubt".
  "–" is a number that does not exist: nothing was published, or the sample is too small for it.
- MAdds are multiply-adds of conv and linear layers of one image, as the paper counts them; params include batch norm;
  top-1 and Pixel 1 (TF-Lite, large core) are the authors' own table; beside numbers of a computer the Pixel 1 is
  marked as another device. MB are 1e6 bytes.
"""
SPEEDUP = "Median of torch_eager over the median of the backend, in the same setting of this campaign."
GMADDS = "Counted multiply-adds of the batch over the median latency of a call, in billions a second."
THROUGHPUT = "Images over the wall time of the undisturbed rounds; the median over processes."
TAILS = (
    "p90 and p99 are upper bounds at 99 % confidence, over all processes' iterations as one sample. Rounds kept are "
    "those in which nothing contended with the worker. The output error is over the largest logit of eager fp32."
)
MEMORY = (
    "Resident in a clean worker, medians over processes: bare interpreter, floor after importing the runtime, after "
    "opening the model, after the first inference, peak. Artifact is the file that is opened; weights and activations "
    "(input and output of the hungriest layer, whole batch) are computed, at the case's precision."
)
COLD = (
    "Export: making the artifact, once. Cold open: with nothing compiled yet, for a backend that keeps what it "
    "compiles. Open: every later one. Medians over fresh processes."
)
FIT = (
    "M is millions of multiply-adds of one call. The power law is fitted on logs, and so is its R². The Pixel 1 row is "
    "the same fit of the 22 published latencies."
)


def markdown(sources: Iterable[Source]) -> str:
    """The page of one or more files; what is of different files, machines, plans or seeds is kept apart."""
    named = [(name, campaign) for name, records in sources for campaign in campaigns(records)]
    if len(named) == 1:
        [(name, campaign)] = named
        return "\n".join([TITLE, *_chapter(name, campaign, "##")])
    page = [TITLE, APART.format(campaigns=len(named), files=_files(named), machines=_machines(named))]
    for number, (name, campaign) in enumerate(named, 1):
        page += [f"## {number}. {escape(name)}\n", *_chapter(name, campaign, "###")]
    return "\n".join(page)


def _files(named: Sequence[Source]) -> str:
    files = len({name for name, _ in named})
    return f"{files} file{'s' * (files != 1)}"


def _machines(named: Sequence[Source]) -> str:
    machines = len({str(records[0].environment.get("fingerprint")) for _, records in named})
    return "one machine" if machines == 1 else f"{machines} different machines"


def _chapter(name: str, campaign: Sequence[Record], level: str) -> Iterator[str]:
    """Sections without anything in them are left out."""
    for title, text, body in _sections(name, campaign, f"{level}#"):
        if body:
            yield "\n".join([f"{level} {title}\n", *([f"{text}\n"] if text else []), f"{body.rstrip()}\n"])


def _sections(name: str, campaign: Sequence[Record], level: str) -> Iterator[tuple[str, str, str]]:
    """Title, what a reader must know, and the body; `level` is that of headings within a body."""
    found = rows(campaign, name)
    timed = [row for row in found if row.timed]
    yield "The machine", "", machine(name, campaign[0])
    yield "How to read this", "", HOW_TO_READ + how_to_read(found)
    yield "Latency, ms", "", _each_setting(timed, tables.latency_table)
    yield "GPU", "", gpu(campaign, found, level)
    yield "Did not run, or came out wrong", "", tables.refused_table(found)
    yield "What to doubt", "", _doubts(found)
    yield f"Speed-up over {EAGER}", SPEEDUP, _each_setting(timed, tables.speedup_table)
    yield "GMAdds/s", GMADDS, _each_setting(timed, tables.gmadds_table)
    yield "Throughput, images/s", THROUGHPUT, tables.throughput_table(timed)
    yield "Do MAdds predict latency?", FIT, _each_setting(timed, lambda group: tables.fit_table(group, campaign))
    yield "Tails and noise", TAILS, tables.tail_table(timed)
    yield "Memory, MB", MEMORY, tables.memory_table(timed)
    yield "Cold path", COLD, tables.cold_table(timed)
    yield "Mobile", "", mobile(campaign, found, level)
    yield "What the runtimes say of themselves", "", _settings(campaign)


def _each_setting(found: Sequence[Row], draw: Callable[[Sequence[Row]], str]) -> str:
    """A table for each device, precision, number of threads and batch, under a line that says which."""
    groups = [(setting, [row for row in found if tables.setting(row) == setting]) for setting in tables.settings(found)]
    drawn = [(tables.title(*setting), draw(group)) for setting, group in groups]
    return "\n\n".join(f"**{title}**\n\n{body}" for title, body in drawn if body)


def _doubts(found: Sequence[Row]) -> str:
    return "\n".join(f"- {escape(row.case)}: {escape('; '.join(row.flags))}" for row in found if row.flags)


def _settings(campaign: Sequence[Record]) -> str:
    said = dict.fromkeys(
        f"- {escape(r.case.backend)}, {tables.threads(r.case.threads)}, {_where(r)}: {pairs(s)}"
        for r in campaign
        for s in [*(samples.settings for samples in measured(r)), *(counts.settings for counts in r.counts)]
        if s
    )
    return "\n".join(said)


def _where(record: Record) -> str:
    """The device and the precision of a record's case."""
    return f"{escape(record.case.device)}, {record.case.precision}"
