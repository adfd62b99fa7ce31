"""What `mnv2bench history` shows: tables, the plot, the picture, and the hints of change points."""

# ruff: noqa: E501  whole tables are compared as text
import csv
import math
import re
from datetime import timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
import ruptures
from saved_nights import FIRST, LARGE, MACHINE, SMALL, save

from mnv2bench.case import Case
from mnv2bench.records import Plan
from mnv2bench.regression.history import Epoch, Verdict, epochs, verdicts
from mnv2bench.regression.history.points import Point, changed_facts
from mnv2bench.regression.history.standings import TimedStanding, timed_standing
from mnv2bench.regression.judging.changepoints import change_points, noise
from mnv2bench.regression.pages.history import plot
from mnv2bench.regression.pages.picture import svg

WHEN = "2026-11-30T04:00:00+00:00"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def results(tmp_path):
    """Six nights: SMALL gets 4 % slower in the fourth, which is confirmed, and accepted in the fifth."""
    place = tmp_path / "results"
    for number, ms in enumerate((0.5, 0.502, 0.498, 0.52, 0.521, 0.522), 1):
        libraries = {"torch": "2.13.0", **({"openvino": "2026.4.1"} if number > 3 else {})}
        took = {SMALL: [ms, ms, ms] if number != 2 else [ms, -ms, -ms], LARGE: [6.0, 6.0] if number < 6 else [None]}
        save(place, number, took, libraries=libraries)
    folder = place / MACHINE
    verdicts.append(folder / "verdicts.jsonl", "0004_nightly", WHEN, [Verdict(SMALL.id, "REGRESSION", 1.04)])
    verdicts.append(folder / "verdicts.jsonl", "0006_nightly", WHEN, [Verdict(SMALL.id, "learning")])
    epoch = Epoch("0005_nightly", (SMALL.id,), "Ada", WHEN, "known", "0005" * 10, {})
    epochs.append(folder / "epochs.toml", epoch)
    return place


@pytest.fixture
def history(results, verb):
    """The verb on these results, or on others."""
    return lambda *words, place=results: verb("history", *words, "--results", place)


def table(text):
    """The lines of the only table, without the spaces at their ends."""
    lines = [line.strip() for line in text.splitlines()]
    begin = next(number for number, line in enumerate(lines) if line.startswith("──"))
    return [lines[begin - 1], *lines[begin + 1 : lines.index("", begin)]]


# the tables


def test_without_a_case_every_cell_is_shown_as_it_stands_in_its_epoch(history):
    ran = history("--fingerprint", MACHINE)
    assert (ran.returncode, ran.err) == (0, "")
    assert ran.out.startswith(f"{MACHINE}, nightly\n")
    assert table(ran.out) == [
        "case                                       nights   eligible   doubtful      ms   change     sd   since          gate",
        "mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1        2          2          0   0.522    +0.2%   0.1%   0005_nightly   learning",
        "mobilenet_v2_1.0_224-b1-fake-cpu-fp32-t1        6          5          0    6.00    +0.0%   0.0%   the first      –",
    ]


def test_a_part_of_an_id_shows_the_nights_of_its_case(history):
    ran = history("0.35_96")
    assert ran.returncode == 0
    assert ran.err.endswith(f": these are of {MACHINE}\n")
    cells = [re.split(r"  +", line) for line in table(ran.out)]
    assert cells[0] == ["night", "saved UTC", "commit", "ms", "sd", "doubt", "gate", "epoch", "changed"]
    noisy = "left out as noisy; noisy: 2 of 3 processes had under half of their rounds undisturbed, the worst 0%"
    assert cells[1:] == [
        ["0001_nightly", "2026-11-01 02:10", "0001000100", "0.500", "0.0%", "–", "–", "–", "–"],
        [
            "0002_nightly",
            "2026-11-02 02:10",
            "0002000200",
            "0.502",
            "0.0%",
            f"{noisy}; threads: used 0.5 of 1",
            "–",
            "–",
            "–",
        ],
        ["0003_nightly", "2026-11-03 02:10", "0003000300", "0.498", "0.0%", "–", "–", "–", "–"],
        [
            "0004_nightly",
            "2026-11-04 02:10",
            "0004000400",
            "0.520",
            "0.0%",
            "–",
            "REGRESSION",
            "–",
            "openvino none → 2026.4.1",
        ],
        ["0005_nightly", "2026-11-05 02:10", "0005000500", "0.521", "0.0%", "–", "–", "epoch: known (Ada)", "–"],
        ["0006_nightly", "2026-11-06 02:10", "0006000600", "0.522", "0.0%", "–", "learning", "–", "–"],
    ]
    assert "mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1, ms" in ran.out
    assert "• eligible   ○ left out   ▲ REGRESSION   │ epoch" in ran.out


def test_a_failed_night_and_another_plan_are_in_the_table(history, results):
    save(results, 7, {LARGE: [6.0]}, plan=Plan(rounds=5, processes=9))
    ran = history(LARGE.id)
    last = table(ran.out)[-2:]
    assert "0006_nightly   2026-11-06 02:10   0006000600      –      –   failed: worker ended by SIGSEGV   –" in last[0]
    assert last[1].endswith("plan rounds 15 → 5")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0.5_96"], f"no night has a case '0.5_96': name one, such as {SMALL.id}, {LARGE.id}"),
        (["fake"], f"'fake' is part of 2 cases: name one of {SMALL.id}, {LARGE.id}"),
        (["--series", "weekly"], "no nights of series 'weekly' under "),
        (["--svg", "x.svg"], "--svg draws one case: name the CASE too"),
        (["--fingerprint", "nowhere"], "pytest suites --benchmark-save=nightly makes one"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(history, words, said):
    ran = history(*words) if "--fingerprint" in words else history(*words, "--fingerprint", MACHINE)
    assert (ran.returncode, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert ran.err.startswith("mnv2bench: ")
    assert said in ran.err


def test_the_series_that_was_saved_last_is_shown_unless_another_is_named(history, results):
    save(results, 7, {LARGE: [7.0]}, name="weekly")
    assert table(history().out)[1:] == [
        "mobilenet_v2_1.0_224-b1-fake-cpu-fp32-t1        1          1          0   7.00        –    –   the first   –"
    ]
    assert len(table(history("--series", "nightly").out)) == 3


def test_a_file_that_does_not_read_is_named_and_the_rest_is_shown(history, results):
    (next(results.glob("*/*/0003*"))).write_text("{")
    ran = history("--fingerprint", MACHINE)
    assert ran.returncode == 1
    assert [line.split(" is damaged")[0].split("/")[-1] for line in ran.err.splitlines()] == ["0003_nightly.json"]
    assert len(table(ran.out)) == 3


def test_the_csv_holds_every_night_and_no_formula(history, results, tmp_path):
    save(results, 7, {SMALL: [0.5]}, commit="=1+1", libraries={"torch": "2\n3"})
    ran = history("--csv", str(tmp_path / "all.csv"))
    assert ran.out.endswith(f"CSV: {tmp_path / 'all.csv'}\n")
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert len(lines) == 1 + 13
    assert lines[0].startswith("case,variant,network,width,")
    assert lines[0].endswith(",night,series,libraries,plan,level,process_sd,noisy,drifting,doubt,counts,facts")
    assert ",'=1+1," in lines[-1]
    assert next(csv.DictReader(lines))["saved_at"] == "2026-11-01T02:10:00+00:00"


def test_the_report_of_the_newest_night_is_named_where_one_stands_beside_it(history, results, verb):
    assert "report of the newest night" not in history().out
    (newest,) = results.glob("*/*/0006_nightly.json")
    verb("report", newest)
    assert history().out.endswith(f"report of the newest night: {newest.with_suffix('.md')}\n")


# the baseline


def test_the_baseline_is_the_last_epochs_commit_else_the_first_nights(history, results):
    ran = history("--baseline", "--fingerprint", MACHINE)
    assert (ran.returncode, ran.out, ran.err) == (0, "0005" * 10 + "\n", "")
    (results / MACHINE / "epochs.toml").unlink()
    assert history("--baseline").out == "0001" * 10 + "\n"


@pytest.mark.parametrize(("commit", "code", "said"), [(None, 2, "does not say its commit"), ("--upload-pack=x", 2, "does not say its commit"), ("00ff00ff+", 0, "local changes")])  # fmt: skip
def test_a_baseline_that_git_cannot_check_out_is_refused(history, tmp_path, commit, code, said):
    save(tmp_path / "other", 1, {SMALL: [0.5]}, commit=commit)
    ran = history("--baseline", "--fingerprint", MACHINE, place=tmp_path / "other")
    assert (ran.returncode, ran.out) == (code, "00ff00ff\n" if code == 0 else "")
    assert said in ran.err


# text from files


def test_text_from_files_is_shown_as_it_is_and_does_nothing(history, results, tmp_path):
    evil = "[red]x[/red]<script>&\x1b[31m"
    epochs.append(results / MACHINE / "epochs.toml", Epoch("0006_nightly", ("*",), evil, WHEN, evil, None, {}))
    save(results, 7, {SMALL: [0.5]}, commit=evil, libraries={evil: evil})
    ran = history(SMALL.id, "--svg", str(tmp_path / "x.svg"))
    assert (ran.returncode, "\x1b" in ran.out) == (0, False)
    assert "epoch: [red]x[/red]<script>& [31m ([red]x[/red]<script>& [31m)" in ran.out
    assert "[red]x[/re" in table(ran.out)[-1]
    picture = ElementTree.fromstring((tmp_path / "x.svg").read_text())
    assert [element for element in picture.iter() if element.tag.endswith("script")] == []
    assert any("<script>" in text for text in picture.itertext())


# without the extras


def test_without_the_extras_the_table_is_there_and_says_how_to_get_them(command, results, tmp_path):
    for name in ("ruptures", "plotext"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module', name='{name}')")
    words = ("mnv2bench", "history", SMALL.id, "--results", str(results), "--fingerprint", MACHINE)
    ran = command(*words, PYTHONPATH=str(tmp_path))
    assert ran.returncode == 0
    assert len(table(ran.stdout)) == 7
    assert ran.stdout.splitlines()[-2:] == [
        "no change points: ruptures is not installed: pip install 'mnv2bench[changepoints]'",
        "no plot: plotext is not installed: pip install 'mnv2bench[plots]'",
    ]
    drawn = command(*words, "--svg", str(tmp_path / "x.svg"), PYTHONPATH=str(tmp_path))
    assert (drawn.returncode, drawn.stderr) == (0, "")  # pictures need no extra
    assert "<svg" in (tmp_path / "x.svg").read_text()


# numbers


def test_a_cell_is_compared_with_the_other_eligible_nights_of_its_epoch():
    slow = math.log(1.1)
    assert timed_standing("c", [0.0, 0.0, 5.0, slow], ["", "", "noisy", ""], None, "") == TimedStanding(
        "c", 4, 3, 1, pytest.approx(1.1), "", pytest.approx(0.1), pytest.approx(slow / math.sqrt(3)), None, ""
    )
    doubtful = timed_standing("c", [0.0, slow], ["", "noisy"], "n", "v")
    assert (doubtful.change, doubtful.sd, doubtful.latest_doubt) == (pytest.approx(0.1), None, "noisy")
    assert timed_standing("c", [math.nan], [""], None, "") == TimedStanding(
        "c", 1, 0, 0, None, "", None, None, None, ""
    )


def test_what_changed_is_named_with_both_versions():
    assert changed_facts({"a": 1, "b": 2}, {"b": 3, "c": 4}) == ("a 1 → none", "b 2 → 3", "c none → 4")
    assert changed_facts({"a": 1}, {"a": 1}) == ()


def test_the_noise_is_of_the_steps_and_not_of_the_jump():
    wobble = [0.01, -0.01] * 10
    assert noise(wobble) == pytest.approx(1.4826 * 0.02 / math.sqrt(2))
    assert noise([*wobble, *(1 + w for w in wobble)]) == pytest.approx(noise(wobble), rel=0.1)
    assert noise([1.0]) == noise([1.0, 1.0, 1.0]) == 1e-4


def test_change_points_are_where_the_level_changed_and_one_bad_night_is_none():
    wobble = [0.002, -0.002, 0.001, -0.001, 0.0] * 4
    assert change_points(wobble) == ()
    assert change_points([*wobble, *(0.03 + w for w in wobble)]) == (20,)
    assert change_points([*wobble, *(0.03 + w for w in wobble), *wobble]) == (20, 40)
    assert change_points([*wobble[:10], 0.012, *wobble[10:]]) == ()
    assert change_points([1.0, 2.0]) == change_points([]) == ()


def test_the_quick_search_finds_what_pelt_finds():
    random = np.random.default_rng(1)
    found = []
    for _ in range(20):
        levels = np.cumsum(random.random(60) < 0.04) * 0.05 + random.normal(0, 0.01, 60)
        pelt = ruptures.Pelt(model="l2", min_size=3, jump=1).fit(levels / noise(levels)).predict(pen=25)
        found.append(change_points(levels))
        assert list(found[-1]) == pelt[:-1]
    assert len(set(map(len, found))) > 2


# pictures


def points(levels, **kinds):
    """A point a day; `kinds` gives what differs, by place: n3={"verdict": "REGRESSION"}."""
    found = []
    for place, ms in enumerate(levels):
        told = {"doubt": "", "verdict": "", "epochs": ()} | kinds.get(f"n{place}", {})
        level = None if ms is None else math.log(ms / 1e3)
        saved_at = FIRST + timedelta(days=place)
        found.append(Point(f"{place:04}_n", saved_at, None, "ok", "", "", level, 0.01, **told))
    return found


NIGHTS = points(
    [5.0, 5.1, None, 7.0, 5.5, 5.6, 5.0],
    n3={"doubt": "noisy"},
    n4={"verdict": "REGRESSION"},
    n5={"epochs": ("known & <b>fine</b> (Ada)",)},
    n6={"verdict": "IMPROVEMENT"},
)


def test_the_picture_shows_each_kind_of_night_and_each_line():
    drawn = ElementTree.fromstring(svg(SMALL.id, NIGHTS, ["0004_n"]))
    texts = [text for text in drawn.itertext() if text.strip()]
    for text in (SMALL.id, "7 nights, 2026-11-01 to 2026-11-07", "eligible", "left out", "REGRESSION", "IMPROVEMENT", "epoch", "change point"):  # fmt: skip
        assert text in texts
    assert "1: epoch of 2026-11-06: known & <b>fine</b> (Ada)" in texts
    marks = [e for e in drawn.iter(f"{SVG}path") if e.get("aria-roledescription") == "point"]
    assert len(marks) == 6
    eligible, left_out, slower, faster = "#2f7fc1", "white", "#d9480f", "#04925a"
    assert [mark.get("fill") for mark in marks] == [eligible, eligible, left_out, slower, eligible, faster]
    assert (
        len({mark.get("d") for mark in marks}) == 3
    )  # what is confirmed has a shape of its own, and its word beside it
    assert (texts.count("REGRESSION"), texts.count("IMPROVEMENT")) == (2, 2)
    rules = [e for e in drawn.iter(f"{SVG}line") if e.get("aria-roledescription") == "rule mark"]
    assert sorted(rule.get("stroke-dasharray") for rule in rules) == ["1,0", "5,4"]


def across(element):
    """How far to the right an element is drawn, in pixels."""
    return float(re.search(r"translate\(([\d.]+)", element.get("transform"))[1])


def test_the_nights_that_count_are_joined_and_a_change_point_stands_where_the_level_jumps():
    drawn = ElementTree.fromstring(svg(SMALL.id, points([5.0, 5.0, 7.0, 6.0, 6.0], n2={"doubt": "noisy"}), ["0003_n"]))
    (line,) = [e for e in drawn.iter(f"{SVG}path") if e.get("aria-roledescription") == "line mark"]
    assert line.get("d").count("L") == 3  # four nights; the noisy one is not among them
    night = [across(e) for e in drawn.iter(f"{SVG}path") if e.get("aria-roledescription") == "point"]
    (jump,) = [across(e) for e in drawn.iter(f"{SVG}line") if e.get("aria-roledescription") == "rule mark"]
    assert jump == pytest.approx((night[1] + night[3]) / 2, abs=0.1)


def test_a_change_point_at_an_accepted_night_is_drawn_too():
    accepted = points([5.0, 5.0, 6.0, 6.0], n2={"epochs": ("known (Ada)",)})
    drawn = ElementTree.fromstring(svg(SMALL.id, accepted, ["0002_n"]))
    rules = [e for e in drawn.iter(f"{SVG}line") if e.get("aria-roledescription") == "rule mark"]
    assert sorted(rule.get("stroke-dasharray") for rule in rules) == ["1,0", "5,4"]


def test_the_picture_of_one_night_has_no_lines_and_of_none_there_is_no_picture():
    drawn = svg(SMALL.id, points([5.0]))
    assert drawn.count('aria-roledescription="point"') == 1
    assert "rule mark" not in drawn
    with pytest.raises(ValueError, match=r"no night of .* has a number: leave --svg out"):
        svg(SMALL.id, points([None]))


def test_the_plot_marks_each_kind_of_night():
    drawn = plot(SMALL.id, NIGHTS, ["0004_n"])
    marks = "".join(drawn.splitlines()[1:-1])
    assert [marks.count(mark) for mark in "•○▲▼"] == [3, 1, 1, 1]
    assert drawn.splitlines()[-1] == "• eligible   ○ left out   ▲ REGRESSION   ▼ IMPROVEMENT   │ epoch   ┆ change point"
    assert "\x1b" not in drawn
    assert plot(Case().id, points([None])) == "no night of this case has a number: nothing to plot"
