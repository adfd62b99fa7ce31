"""A machine whose fingerprint an update changed: its earlier nights are named, and count when a person says so."""

import json
import random

import pytest
from saved_nights import MACHINE, content
from test_gate import CELLS, PLAN, SLOW, slower, took

from mnv2bench.machine import FINGERPRINTED
from mnv2bench.regression.gate.night import judge_night, tonight
from mnv2bench.regression.history import Epoch, Verdict, epochs, lineage, nights, verdicts
from mnv2bench.regression.history.lineage import UPDATED

OLD, OTHER = "example-cpu-2c-11111111", "other-cpu-8c-22222222"
FACTS = {"cpu_model": "Example CPU", "cores": 2, "kernel_major": "6", "os": "debian 12", "cpu_flags": ["avx2"]}
UPDATE = {"kernel_major": "7", "os": "debian 13"}
WHEN = "2026-11-20T02:00:00+00:00"


def save(results, fingerprint, numbers, changed=None, **facts):
    """Nights of a machine of that name; `changed`: number -> what that night took otherwise."""
    folder = results / fingerprint / "Linux-CPython-3.11-64bit"
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(3)
    for number in numbers:
        night = took(chance) | (changed or {}).get(number, {})
        text = content(night, number, plan=PLAN, **{**FACTS, "fingerprint": fingerprint, **facts})
        (folder / f"{number:04}_nightly.json").write_text(text)


@pytest.fixture
def results(tmp_path):
    """Twelve nights under the name before the update, one after it, and three of another machine."""
    place = tmp_path / "results"
    save(place, OLD, range(1, 13))
    save(place, OTHER, range(1, 4), cpu_model="Other CPU", cores=8)
    save(place, MACHINE, [1], **UPDATE)
    return place


@pytest.fixture
def accept(results, verb):
    return lambda *words: verb("accept", *words, "--results", results, "--fingerprint", MACHINE, "--who", "Ada")


CONTINUE = ("--continue-from", OLD, "--why", "Debian 13")


def judged(results):
    return judge_night(tonight(results, MACHINE), None)


def test_a_night_that_is_learning_names_the_nights_under_other_names_and_what_differs(results):
    said = judged(results)
    assert {row.verdict for row in said.rows} == {"learning"}
    assert said.notes[-2:] == (
        f"12 nights of nightly lie under {OLD}, which differs in kernel_major: 7 here, 6 there; os: debian 13 here, "
        f"debian 12 there: mnv2bench accept --continue-from {OLD} --why TEXT goes on from them.",
        f"3 nights of nightly lie under {OTHER}, which differs in cpu_model: Example CPU here, Other CPU there; "
        "cores: 2 here, 8 there; kernel_major: 7 here, 6 there; os: debian 13 here, debian 12 there: "
        "that is another machine, whose nights say nothing about this one.",
    )


def test_the_earlier_nights_count_when_a_person_says_so_and_every_verdict_names_them(results, accept):
    ran = accept(*CONTINUE)
    assert (ran.returncode, ran.err) == (0, "")
    assert f"12 nights of {OLD} count here from now on" in ran.out
    file = results / MACHINE / "epochs.toml"
    (entry,) = epochs.continuations(file)
    assert (entry.fingerprint, entry.night, entry.who, entry.why) == (OLD, "0012_nightly", "Ada", "Debian 13")
    assert entry.differs == ("kernel_major: 7 here, 6 there", "os: debian 13 here, debian 12 there")
    assert epochs.read(file) == ()
    said = judged(results)
    assert {(row.verdict, row.nights) for row in said.rows} == {("unchanged", 10)}
    assert said.notes == (
        f"12 nights of {OLD} count here since {entry.when[:10]}: Debian 13 (Ada). "
        "It differs in kernel_major: 7 here, 6 there; os: debian 13 here, debian 12 there.",
    )
    (line,) = (results / MACHINE / "verdicts.jsonl").read_text().splitlines()
    assert json.loads(line)["continues"] == [OLD]


def test_a_slowdown_that_came_with_the_update_is_seen(results, accept):
    save(results, MACHINE, [1, 2], {1: slower(1.1), 2: slower(1.1)}, **UPDATE)
    accept(*CONTINUE)
    (row,) = [row for row in judged(results).rows if row.case == SLOW.id]
    assert row.verdict == "suspect"


def test_nights_that_the_old_name_gets_later_do_not_count(results, accept):
    accept(*CONTINUE)
    save(results, OLD, range(13, 20))
    known = nights(lineage(results, MACHINE).frame)
    assert [night.night for night in known[-3:]] == [f"{OLD}/0011_nightly", f"{OLD}/0012_nightly", "0001_nightly"]


def test_what_was_accepted_and_confirmed_before_the_update_holds_after_it(results, accept):
    epochs.append(
        results / OLD / "epochs.toml", Epoch("0002_nightly", (SLOW.id,), "Ada", WHEN, "known", "0002" * 10, {})
    )
    other = CELLS[0].id
    verdicts.append(results / OLD / "verdicts.jsonl", "0012_nightly", WHEN, [Verdict(other, "REGRESSION", 1.1)])
    accept(*CONTINUE)
    said = judged(results)
    assert said.code == 3
    assert f"A regression of an earlier night stands and could not be tested again: {other}." in said.notes
    assert next(row for row in said.rows if row.case == SLOW.id).nights == 10  # of 11: the first is before the epoch


def test_a_continued_history_may_itself_continue_one(results, accept):
    save(results, "oldest", range(1, 4), kernel_major="5")
    entry = epochs.Continuation("oldest", "0003_nightly", "Ada", WHEN, "Debian 12", ())
    epochs.append(results / OLD / "epochs.toml", entry)
    accept(*CONTINUE)
    known = [night.night for night in nights(lineage(results, MACHINE).frame)]
    assert len(known) == 16
    assert known[0] == f"{OLD}/oldest/0001_nightly"
    assert known[-1] == "0001_nightly"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("--continue-from", OTHER, "--why", "x"),
            f"{OTHER} is another machine (cpu_model: Example CPU here, ",
        ),
        (("--continue-from", MACHINE, "--why", "x"), "count here already: there is nothing to accept"),
        (("--continue-from", "nowhere", "--why", "x"), "no machine 'nowhere' in"),
        (("--continue-from", "../results", "--why", "x"), "no machine '../results' in"),
        (("--continue-from", OLD), "--why takes one line of plain text"),
        ((*CONTINUE, "--all"), "--continue-from accepts a fingerprint, and no case and no night: name it alone"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_continued_is_refused_and_nothing_is_written(results, accept, words, complaint):
    ran = accept(*words)
    assert (ran.returncode, ran.out) == (2, "")
    assert complaint in ran.err
    assert not (results / MACHINE / "epochs.toml").exists()


def test_a_processor_with_other_kernels_is_another_machine(results, accept):
    save(results, OLD, [13], cpu_flags=["avx2", "avx512f"])
    assert accept(*CONTINUE).returncode == 2


def test_a_continuation_is_accepted_once_and_never_in_a_loop(results, accept):
    accept(*CONTINUE)
    assert accept(*CONTINUE).returncode == 2
    epochs.append(results / OLD / "epochs.toml", epochs.Continuation(MACHINE, "0001_nightly", "Ada", WHEN, "back", ()))
    with pytest.raises(ValueError, match="which continues it: correct that file"):
        lineage(results, MACHINE)


@pytest.mark.parametrize(
    "text",
    [
        '[[continuation]]\nfingerprint = "x"\n',
        '[[continuation]]\nfingerprint = "../x"\nnight = "n"\nwho = "a"\nwhen = "b"\nwhy = "c"\ndiffers = []\n',
        '[[continuation]]\nfingerprint = "x"\nnight = "n"\nwho = "a"\nwhen = "b"\nwhy = "c"\ndiffers = [1]\n',
        "continuation = 3\n",
    ],
)
def test_a_damaged_continuation_is_named_with_its_file(results, text):
    (results / MACHINE / "epochs.toml").write_text(text)
    with pytest.raises(ValueError, match=r"epochs\.toml is damaged"):
        lineage(results, MACHINE)


def test_a_continued_history_that_is_gone_is_named(results, accept):
    accept(*CONTINUE)
    (results / OLD).rename(results / "away")
    with pytest.raises(ValueError, match=f"continues {OLD}, which is not under .*: bring it there"):
        lineage(results, MACHINE)


def test_the_facts_that_an_update_changes_are_facts_of_the_fingerprint():
    assert set(UPDATED) < set(FINGERPRINTED)


def test_history_shows_the_continued_nights_and_writes_them_as_csv(results, accept, verb, tmp_path):
    accept(*CONTINUE)
    words = ("--csv", tmp_path / "all.csv", "--results", results, "--fingerprint", MACHINE)
    ran = verb("history", SLOW.id, *words)
    assert ran.returncode == 0
    assert f"{OLD}/0012_nightly" in ran.out
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 1 + 13 * len(CELLS)
