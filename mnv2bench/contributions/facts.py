"""What a file says of its machine, its time and its libraries, held against itself."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from mnv2bench import backends
from mnv2bench.contributions.contribution import Check, Contribution
from mnv2bench.contributions.finding import Severity, counted_examples
from mnv2bench.machine import DRIVER, fingerprint, library_names
from mnv2bench.records import Machine
from mnv2bench.records.encoding import WHOLE_SINCE
from mnv2bench.statistics.conditions import conditions

Findings = Iterator[tuple[Severity, str]]
WRONG, QUESTION, UNCHECKED = Severity.WRONG, Severity.QUESTION, Severity.UNCHECKED

# docs/thresholds.md#contributions
AHEAD_H = 24.0  # hours by which the clock of a machine may be ahead of ours
MOST_OVERLAP = 0.9  # of the time of all processes, which ran one after the other
FLAGS_OF = {"x86": ("avx", "fma", "amx"), "arm": ("asimd", "sve", "i8mm")}  # what the names of its flags begin with
PERSONAL = re.compile(r"/(?:home|Users)/[^/\s\"']+|[A-Za-z]:\\+Users\\+[^\\\s\"']+|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+")
LOADERS = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT")


def _fingerprint(contribution: Contribution) -> Findings:
    """The fingerprint is made of the facts: it has to follow from them."""
    stated, computed = contribution.machine.fingerprint, fingerprint(contribution.machine)
    if not stated:
        yield WRONG, "The file does not name its machine: it has no fingerprint."
    elif stated != computed:
        yield (
            WRONG,
            f"The file says that its machine is {stated}, and the facts in it give {computed}: they were changed "
            "after the machine wrote them.",
        )


def _machine_facts(contribution: Contribution) -> Findings:
    """Facts that are read from the same place agree."""
    machine = contribution.machine
    if machine.kernel and machine.kernel_major and machine.kernel.split(".")[0] != machine.kernel_major:
        yield WRONG, f"The kernel is {machine.kernel}, and its major version is said to be {machine.kernel_major}."
    if machine.memory_gb and machine.memory_class_gb and machine.memory_class_gb not in _classes(machine.memory_gb):
        yield (
            WRONG,
            f"A machine with {machine.memory_gb:g} GB of memory is said to be of the class of "
            f"{machine.memory_class_gb} GB.",
        )
    if machine.gpus and machine.gpu != " + ".join(sorted(str(gpu.name) for gpu in machine.gpus)):
        yield WRONG, f"Its GPU is said to be {machine.gpu}, and the list of its GPUs has other names."
    foreign = [flag for flag in machine.cpu_flags if flag.startswith(_foreign_flags(machine))]
    if foreign:
        yield WRONG, f"A processor that is {machine.machine} is said to have {', '.join(foreign)}."
    unknown = [name for name in ("cpu_model", "cores", "memory_gb", "os", "python") if not getattr(machine, name)]
    if unknown:
        yield QUESTION, f"The file does not say {', '.join(unknown)}: which machine was it?"


def _classes(memory_gb: float) -> set[int]:
    """The classes that so much memory may be of: it is rounded in the file."""
    return {1 << int(memory_gb + rounding).bit_length() for rounding in (0.0, 0.5, 1.0)}


def _foreign_flags(machine: Machine) -> tuple[str, ...]:
    """What the flags of a processor of another architecture begin with; nothing where the architecture is not known."""
    if machine.machine in ("x86_64", "AMD64"):
        return FLAGS_OF["arm"]
    return FLAGS_OF["x86"] if machine.machine in ("aarch64", "arm64") else ()


def _dates(contribution: Contribution) -> Findings:
    """A file is not of the future, and its processes had the time that they took."""
    contents = contribution.contents
    when = contribution.saved_at
    if when is None:
        yield QUESTION, "The file does not say when it was measured: when was it?"
        return
    if when > contribution.now + timedelta(hours=AHEAD_H):
        yield WRONG, f"It says that it was measured on {when:%Y-%m-%d}, which is in the future: the clock was wrong."
    began = _time(contents.head.began)
    ended = _time(contents.datetime)
    if began and ended and began > ended:
        yield WRONG, f"It was saved at {ended:%Y-%m-%d %H:%M}, before it began at {began:%Y-%m-%d %H:%M}."
    elif began and ended:
        measured_s = sum(process.wall_s for process in contents.processes)
        if (ended - began).total_seconds() < MOST_OVERLAP * measured_s:
            yield (
                WRONG,
                f"Its processes took {measured_s:,.0f} s one after the other, and from its begin to its end are "
                f"{(ended - began).total_seconds():,.0f} s.",
            )


def _time(text: str | None) -> datetime | None:
    """A time with its zone, None for a text that is none."""
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return when if when.tzinfo else None


def _libraries(contribution: Contribution) -> Findings:
    """Every runtime that measured has its version in the file, and every library is one that we know."""
    machine = contribution.machine
    measured = dict.fromkeys(process.case.backend for process in contribution.timed)
    for backend in measured:
        if backend == "fake":
            yield WRONG, "The backend fake computes nothing: its numbers are of no runtime."
            continue
        try:
            names = backends.runtime(backend).distributions
        except ValueError:
            yield QUESTION, f"The backend {backend} is not known here: which runtime is it, and which code measured?"
            continue
        if names and not any(name in machine.libraries for name in names) and not _is_elsewhere(contribution, backend):
            yield WRONG, f"{backend} measured, and no version of {' or '.join(names)} stands in the file."
    strange = sorted(machine.libraries.keys() - {*library_names(), DRIVER})
    if strange:
        examples = counted_examples(strange, "library", "libraries")
        yield QUESTION, f"The file lists {examples} of no runtime that is known here: what was it for?"
    yield from _other_versions(contribution)


def _is_elsewhere(contribution: Contribution, backend: str) -> bool:
    """Whether all processes of a backend ran on another device, which has its own versions."""
    return all(process.target for process in contribution.timed if process.case.backend == backend)


def _other_versions(contribution: Contribution) -> Findings:
    """What the processes imported is what the head of the file lists."""
    libraries = contribution.machine.libraries
    others = {
        f"{name} {version}, listed as {libraries[name]}"
        for process in contribution.timed
        if not process.target
        for name, version in process.samples.libraries.items()
        if libraries.get(name, version) != version
    }
    if others:
        yield WRONG, f"Processes imported other versions than the file lists: {'; '.join(sorted(others)[:3])}."


def _code(contribution: Contribution) -> Findings:
    """The commit that measured is named."""
    machine, schema = contribution.machine, contribution.contents.schema
    if not machine.commit:
        reason = machine.why_no_commit or "the file does not say why"
        yield QUESTION, f"No commit of mnv2bench is named ({reason}): which version measured?"
    elif machine.commit.endswith("+"):
        yield QUESTION, f"The code differed from the commit {machine.commit[:8]}: in what?"
    if schema < WHOLE_SINCE:
        yield (
            QUESTION,
            f"The file is of schema {schema}, which keeps neither the checks of the outputs nor the digest of the "
            "code: can it be measured again with this version?",
        )


def _settings(contribution: Contribution) -> Findings:
    """What was set on purpose is named."""
    environment = [*contribution.contents.head.plan.environment]
    variables = contribution.machine.variables
    environment += [f"{name}={variables[name]}" for name in LOADERS if name in variables]
    if environment:
        yield QUESTION, f"These variables were set: {', '.join(environment)}. Why?"
    if contribution.contents.head.weights.subnormal:
        yield QUESTION, "Its weights have subnormal values, with which processors are slow: whose are they?"
    unusual = conditions(contribution.contents.states)
    if unusual:
        yield QUESTION, f"While it measured: {', '.join(unusual)}. Can it be measured without that?"


def _personal(contribution: Contribution) -> Findings:
    """A file that is published has no names of people and their folders in it."""
    contents = contribution.contents
    texts = [msgspec.json.encode(msgspec.structs.replace(contents.head, cases=())).decode()]
    texts += [process.reason for process in contents.processes]
    names = dict.fromkeys(match for text in texts for match in PERSONAL.findall(text))
    if names:
        examples = counted_examples([*names], "text")
        yield QUESTION, f"The file holds {examples} that may be personal: are they meant to be public?"


CHECKS = (
    Check("fingerprint", "The fingerprint follows from the facts of the machine.", _fingerprint),
    Check("machine", "The facts of the machine agree with each other.", _machine_facts),
    Check("dates", "Its dates are in the past, and its processes had the time that they took.", _dates),
    Check("libraries", "Every runtime that measured has its version in the file.", _libraries),
    Check("code", "The commit that measured is named.", _code),
    Check("settings", "Nothing unusual was set, and the machine was at rest.", _settings),
    Check("personal texts", "No path of a home folder and no address of a person stands in it.", _personal),
)
