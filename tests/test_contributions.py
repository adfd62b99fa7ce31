"""Files of other people: what is wrong with them, what to ask, and that nothing in them is believed or shown raw."""

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from contributed_files import FACTS, MACHINE, NOW, SMALL, changed, contributed
from fuzz import KINDS, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from mnv2bench.contributions import page
from mnv2bench.contributions.examination import examine
from mnv2bench.contributions.finding import Finding, Severity
from mnv2bench.contributions.names import place_of
from mnv2bench.machine import fingerprint

ROOT = Path(__file__).parents[1]
SAVED = sorted(path for path in (ROOT / "results").rglob("*.json*") if path.suffix in (".json", ".jsonl"))
WRONG, QUESTION, UNCHECKED, FINE = Severity.WRONG, Severity.QUESTION, Severity.UNCHECKED, Severity.FINE


def examined(path, results="nowhere"):
    """The examination of one file."""
    (examination,) = examine([path], [path.name], Path(results), NOW)
    return examination


def texts(examination, severity, check):
    return [finding.text for finding in examination.of(severity) if finding.check == check]


def test_a_right_file_has_nothing_wrong_and_no_question(tmp_path):
    (tmp_path / "results").mkdir()
    examination = examined(contributed(tmp_path / "theirs.jsonl"), tmp_path / "results")
    assert examination.of(WRONG) == examination.of(QUESTION) == ()
    assert [finding.check for finding in examination.of(UNCHECKED)] == ["times"]
    assert len(examination.of(FINE)) == 19
    assert str(examination.summary.place) == f"{MACHINE.fingerprint}/theirs.jsonl"


def head(**changes):
    return lambda lines: lines[0].update(changes)


def environment(**changes):
    return lambda lines: lines[0]["environment"].update(changes)


def of_process(place, **changes):
    return lambda lines: lines[place].update(changes)


def samples(place, **changes):
    return lambda lines: lines[place]["samples"].update(changes)


def rounds(place, change):
    """Give every round of a process other durations, and the times that follow from them."""

    def edit(lines):
        for each in lines[place]["samples"]["rounds"]:
            durations = change([int(text) for text in each["durations_ns"].split()])
            each["durations_ns"] = " ".join(map(str, durations))
            each["wall_ns"] = each["cpu_ns"] = sum(durations)

    return edit


def copied_process(lines):
    """Give the second process of the first case the rounds of its first one, each in another order."""
    lines[3]["samples"] = json.loads(json.dumps(lines[1]["samples"]))
    rounds(3, lambda durations: durations[::-1])(lines)


def multiplied_process(lines):
    """Give it the same rounds, a tenth slower."""
    lines[3]["samples"] = json.loads(json.dumps(lines[1]["samples"]))
    rounds(3, lambda durations: [round(1.1 * duration) for duration in durations])(lines)
    lines[3]["samples"]["checks"]["madds_per_s"] = lines[1]["samples"]["checks"]["madds_per_s"] / 1.1


def faster_than_the_peak(lines):
    rounds(1, lambda durations: [duration // 40 for duration in durations])(lines)
    lines[1]["samples"]["checks"]["madds_per_s"] *= 40


def without_end(lines):
    return lines[:-1]


def without_error(lines):
    lines[1]["samples"]["error"] = lines[1]["samples"]["checks"]["error"] = None


FORGED = [  # what was done to a right file, what it is, the check, and the sentence
    (environment(cores=64), WRONG, "fingerprint", "the facts in it give"),
    (environment(fingerprint=""), WRONG, "fingerprint", "has no fingerprint"),
    (environment(kernel_major="5"), WRONG, "machine", "The kernel is 6.1.0, and its major version is said to be 5"),
    (environment(memory_gb=250.0), WRONG, "machine", "250 GB of memory is said to be of the class of 32 GB"),
    (environment(cpu_flags=["avx2", "asimd"]), WRONG, "machine", "x86_64 is said to have asimd"),
    (environment(cpu_model=None), QUESTION, "machine", "does not say cpu_model"),
    (head(began="2026-12-05T00:00:00+00:00"), WRONG, "dates", "measured on 2026-12-05, which is in the future"),
    (head(began=""), QUESTION, "dates", "does not say when"),
    (environment(libraries={"torch": "2.13.0"}), WRONG, "libraries", "no version of openvino stands in the file"),
    (samples(1, libraries={"openvino": "2025.1.0"}), WRONG, "libraries", "openvino 2025.1.0, listed as 2026.4.1"),
    (environment(commit="ab" * 20 + "+"), QUESTION, "code", "The code differed from the commit abababab"),
    (environment(commit=None, why_no_commit="git is not installed"), QUESTION, "code", "git is not installed"),
    (environment(variables={"LD_PRELOAD": "/tmp/x.so"}), QUESTION, "settings", "LD_PRELOAD=/tmp/x.so"),
    (head(runner="/home/ada/runner"), QUESTION, "personal texts", "/home/ada"),
    (without_end, QUESTION, "endings", "interrupted"),
    (of_process(1, seed=7), WRONG, "seeds", "1 process (0 of mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t1)"),
    (head(seed=5), WRONG, "seeds", "another seed than a campaign of the seed 5 gives them"),
    (
        copied_process,
        WRONG,
        "copies",
        "more than once, in 1 case (mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t1): some are copies",
    ),
    (multiplied_process, QUESTION, "copies", "are they multiples of others?"),
    (rounds(1, lambda durations: [1_000_003] * 30), WRONG, "regularity", "no clock of nanoseconds shows that"),
    (rounds(1, lambda durations: [d // 1000 * 1000 for d in durations]), FINE, "regularity", "The durations"),
    (
        lambda lines: (
            [rounds(place, lambda ds: [d // 1000 * 1000 for d in ds])(lines) for place in range(1, 7)] and None
        ),
        QUESTION,
        "regularity",
        "whole microseconds",
    ),
    (
        samples(1, memory={"interpreter": 10**7, "floor": 10**7, "loaded": 10**7, "peak": 11 * 10**6, "first": 10**7}),
        WRONG,
        "memory",
        "than their weights take",
    ),
    (
        samples(1, memory={"interpreter": 10**7, "floor": 10**7, "loaded": 10**7, "peak": 10**11, "first": 10**7}),
        WRONG,
        "memory",
        "100.0 GB of memory on a machine with 25.3 GB",
    ),
    (without_error, WRONG, "outputs", "1 process ended well, and their outputs were not compared"),
    (rounds(1, lambda durations: [2 * d for d in durations]), WRONG, "rates", "do not follow from their calls"),
    (faster_than_the_peak, WRONG, "rates", "calls return before their work is done"),
]


@pytest.mark.parametrize(("change", "severity", "check", "sentence"), FORGED, ids=[f"{c} {s}" for _, _, c, s in FORGED])
def test_a_changed_file_is_seen(tmp_path, change, severity, check, sentence):
    examination = examined(changed(contributed(tmp_path / "theirs.jsonl"), change))
    assert [text for text in texts(examination, severity, check) if sentence in text], examination.findings


def test_counts_of_too_few_instructions_are_wrong(tmp_path):
    theirs = tmp_path / "theirs.jsonl"
    shutil.copy(ROOT / "results" / "amd-epyc-1c-4a9048ef" / "counts_a76.jsonl", theirs)

    def edit(lines):
        for line in lines:
            if line["line"] == "process" and line["case"].startswith("mobilenet_v2_1.4_224"):
                line["counts"] |= {
                    "instructions": [number // 90 for number in line["counts"]["instructions"]],
                    "classes": {},
                }

    assert texts(examined(changed(theirs, edit)), WRONG, "rates")[0].startswith("Too few instructions: 3 cases (")


def test_a_peak_that_no_processor_has_is_wrong_and_one_that_like_machines_have_not_is_asked(tmp_path):
    contributed(tmp_path / "results" / MACHINE.fingerprint / "known.jsonl")

    def peak(rate):
        def edit(lines):
            for line in lines[1:-1]:
                line["samples"]["checks"]["peak_madds_per_s"] = rate

        return edit

    theirs = tmp_path / "theirs.jsonl"
    impossible = examined(changed(contributed(theirs, began="2026-11-26T01:00:00+00:00", seed=3), peak(250e9)))
    assert "no processor with its instructions does more than 208" in texts(impossible, WRONG, "peak")[0]
    strange = changed(contributed(theirs, began="2026-11-26T01:00:00+00:00", seed=3), peak(120e9))
    assert (
        "known files of the same processor have 50.00 G"
        in texts(examined(strange, tmp_path / "results"), QUESTION, "peak")[0]
    )


def test_times_that_a_like_machine_does_not_have_are_asked_about(tmp_path):
    results = tmp_path / "results"
    contributed(results / MACHINE.fingerprint / "known.jsonl", ms=4.0)
    theirs = contributed(tmp_path / "theirs.jsonl", ms=1.0, began="2026-11-26T01:00:00+00:00", seed=3)
    (question,) = texts(examined(theirs, results), QUESTION, "times")
    assert question.startswith("2 of 2 cases take over 2 times as long, or as short, as on this very machine: ")
    assert re.search(rf" and (3\.\d\d|4\.0\d|7\.9\d|8\.0\d) ms in {MACHINE.fingerprint}/known\.jsonl\. What", question)
    near = contributed(tmp_path / "near.jsonl", ms=3.0, began="2026-11-26T01:00:00+00:00", seed=3)
    assert texts(examined(near, results), FINE, "times") == [
        "Cases take about as long as in known files of like machines."
    ]


def test_another_machine_may_be_ten_times_as_fast(tmp_path):
    other = structs.replace(FACTS, cpu_model="Other CPU", cores=8)
    results = tmp_path / "results"
    contributed(
        results / "other" / "known.jsonl", ms=4.0, machine=structs.replace(other, fingerprint=fingerprint(other))
    )
    theirs = contributed(tmp_path / "theirs.jsonl", ms=1.0, seed=3)
    assert texts(examined(theirs, results), FINE, "times")
    slow = contributed(tmp_path / "slow.jsonl", ms=50.0, seed=3, cases=(SMALL,))
    assert (
        "over 10 times as long, or as short, as on other machines"
        in texts(examined(slow, results), QUESTION, "times")[0]
    )


def test_a_file_that_is_there_already_is_named_by_content_by_its_campaign_and_by_its_rounds(tmp_path):
    results = tmp_path / "results"
    known = contributed(results / MACHINE.fingerprint / "known.jsonl")
    name = f"{MACHINE.fingerprint}/known.jsonl"
    theirs = tmp_path / "theirs.jsonl"
    shutil.copy(known, theirs)
    assert texts(examined(theirs, results), WRONG, "duplicates") == [f"The same file is there already: {name}."]
    changed(theirs, lambda lines: lines[-1].update(parent_peak_rss_bytes=1))
    (question,) = texts(examined(theirs, results), QUESTION, "duplicates")
    assert question.startswith(f"{name} is of a machine with the same fingerprint and began at the same second")
    changed(theirs, head(began="2026-11-25T00:00:00+00:00"))
    examination = examined(theirs, results)
    assert texts(examination, WRONG, "duplicates") == []
    assert texts(examination, WRONG, "copies") == [f"Rounds of it stand already in 1 file ({name}: 24 rounds)."]


def test_the_same_content_twice_among_the_files_is_named(tmp_path):
    first = contributed(tmp_path / "a.jsonl")
    second = Path(shutil.copy(first, tmp_path / "b.jsonl"))
    alone, twin = examine([first, second], ["a.jsonl", "b.jsonl"], tmp_path / "nowhere", NOW)
    assert not alone.is_wrong
    assert texts(twin, WRONG, "duplicates") == ["The same file is there already: a.jsonl."]
    assert texts(twin, WRONG, "copies") == ["Rounds of it stand already in 1 file (a.jsonl: 24 rounds)."]


def test_a_file_lies_in_the_folder_of_its_machine_and_over_no_other(tmp_path):
    results = tmp_path / "results"
    right = contributed(results / MACHINE.fingerprint / "a.jsonl")
    assert texts(examined(right, results), FINE, "place")
    wrong = contributed(results / "elsewhere" / "b.jsonl", seed=1, began="2026-11-26T02:30:00+00:00")
    assert texts(examined(wrong, results), WRONG, "place") == [
        f"It lies in elsewhere, and belongs in {MACHINE.fingerprint}."
    ]
    sent = contributed(tmp_path / "sent" / "a.jsonl", seed=2, began="2026-11-25T02:30:00+00:00")
    assert "is there already as" in texts(examined(sent, results), WRONG, "place")[0]


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("run 1.jsonl", "run-1.jsonl"),
        ("..hidden.jsonl", "hidden.jsonl"),
        ("a.journal.jsonl", "a.jsonl"),
        ("<script>.json", "script-.json"),
        ("—.json", "results.json"),
        ("x" * 200 + ".json", "x" * 95 + ".json"),
    ],
)
def test_the_name_that_is_proposed_is_one_that_every_system_takes(name, portable):
    assert place_of(Path(name), MACHINE, is_saved=False).as_posix() == f"{MACHINE.fingerprint}/{portable}"


def test_a_saved_file_belongs_in_the_folder_of_its_platform():
    placed = place_of(Path("Linux-CPython-3.12-64bit/0001_a.json"), MACHINE, is_saved=True)
    assert placed.as_posix() == f"{MACHINE.fingerprint}/Linux-CPython-3.12-64bit/0001_a.json"
    assert place_of(Path("0001_a.json"), MACHINE, is_saved=True).parent.name == "Linux-CPython-3.11-64bit"


def test_what_is_no_measurement_a_link_or_too_large_is_not_opened(tmp_path):
    page_file = tmp_path / "page.md"
    page_file.write_text("# a page")
    link = tmp_path / "link.jsonl"
    link.symlink_to("/etc/hostname")
    large = tmp_path / "large.jsonl"
    with large.open("wb") as file:
        file.truncate(50_000_001)
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text("{")
    findings = [examined(path).findings for path in (page_file, link, large, damaged)]
    assert [found for found in findings if len(found) != 1] == []
    sentences = [found[0].text for found in findings]
    assert "It is no measurement" in sentences[0]
    assert "It is a link" in sentences[1]
    assert "It has 50 MB, and a contribution has 50 MB at most" in sentences[2]
    assert sentences[3].startswith("It is damaged (")


HOSTILE = "<img src=x onerror=alert(1)> | `x` @ada #1 [a](https://evil.example) www.evil.example \x1b[31m"


def test_texts_of_a_file_are_plain_words_in_a_comment_and_on_a_terminal(tmp_path, verb):
    hostile = structs.replace(FACTS, cpu_model=HOSTILE, why_no_commit=HOSTILE, commit=None)
    machine = structs.replace(hostile, fingerprint=fingerprint(hostile))
    theirs = contributed(tmp_path / "theirs.jsonl", machine=machine)
    comment = tmp_path / "comment.md"
    ran = verb("check-contribution", theirs, "--results", tmp_path / "none", "--markdown", comment)
    text = comment.read_text()
    assert ran.returncode == 0
    assert "\x1b" not in ran.out + text
    assert not re.search(r"(?<!\\)<img|@ada|https://evil|www\.evil|(?<!\\)`x|(?<!\\)\[a", text)
    assert "onerror" in text


def test_a_comment_has_no_more_characters_than_github_takes_and_names_what_is_wrong_first():
    long = Finding(QUESTION, "code", "why? " * 90)
    fine = [page.Examination(f"{number}.json", (long,) * 5) for number in range(60)]
    wrong = page.Examination("wrong.json", (Finding(WRONG, "file", "It is damaged."),))
    text = page.comment([*fine, wrong])
    assert len(text) < 65_536
    assert text.index("wrong.json") < text.index("0.json")
    assert re.search(r"\d+ more files\. ", text)


@pytest.mark.slow
@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.name)
def test_every_file_under_results_passes(path):
    examination = examined(path, ROOT / "results")
    assert examination.of(WRONG) == ()


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32))
def test_a_mutated_file_is_examined_without_an_error(tmp_path, kind, seed):
    whole = contributed(tmp_path / "whole.jsonl", cases=(SMALL,)).read_bytes()
    target = tmp_path / "mutated.jsonl"
    target.write_bytes(mutated(whole, kind, seed))
    examination = examined(target)
    assert examination.findings
    assert page.comment([examination])
    rows = json.loads("".join(page.rows([examination])))
    assert [row["check"] for row in rows] == [finding.check for finding in examination.findings]


@pytest.mark.slow
def test_what_the_fake_measured_is_right_in_everything_but_its_runtime(tmp_path, verb, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = ("--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "2", "--rounds", "2")
    verb("run", "--backends", "fake", "--suites", "latency", *quick, "--out", "fake.jsonl")
    ran = verb("check-contribution", "fake.jsonl", "--json", "findings.json")
    rows = json.loads((tmp_path / "findings.json").read_text())
    assert ran.returncode == 1
    assert [row["check"] for row in rows if row["severity"] == "wrong"] == ["libraries"]
    assert "1 file: 1 cannot be taken as it is" in ran.out
