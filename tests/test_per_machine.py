"""What to ship on each machine, prices of machines, and the cheapest one that meets the budgets."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_cases import MACHINE, OTHER_MACHINE, evaluated, floor, measured

from mnv2bench.comparison.notebook import answers_html
from mnv2bench.comparison.shown_answers import shown_choices
from mnv2bench.recommendation import Cost, Goal, by_machine
from mnv2bench.recommendation.per_machine.cheapest import cheapest
from mnv2bench.recommendation.per_machine.choices import choices
from mnv2bench.recommendation.per_machine.prices import Prices, prices_of
from mnv2bench.recommendation.per_machine.text import text, values
from mnv2bench.recommendation.per_machine.words import price_sentences, remarks
from mnv2bench.records import replace

HERE, THERE, THIRD = "example-2c-00000001", "other-4c-00000002", "third-8c-00000003"
THIRD_MACHINE = replace(OTHER_MACHINE, fingerprint=THIRD, cpu_model="Third CPU")
HEADER = "machine,price_per_hour,price_per_month,currency\n"
HOSTILE = "<script>alert(1)</script>\x1b[31m [/red] :smile: [bold]x"


def machines(goal, *files):
    """The answers of one file a machine."""
    return by_machine([each for records in files for each in evaluated(*records, source=f"{id(records)}.json")], goal)


def three(goal):
    """A machine whose best takes 4 ms, one whose best takes 1 ms, and one on which nothing is faster than 9 ms."""
    return machines(
        goal,
        [measured(4, 4, 4), measured(2, 2, 2, variant="0.5@224")],
        [measured(1, 1, 1, machine=OTHER_MACHINE)],
        [measured(9, 9, 9, machine=THIRD_MACHINE)],
    )


def euros(**per_hour):
    """Prices by the names of machines above."""
    names = {"here": HERE, "there": THERE, "third": THIRD}
    return Prices("EUR", {names.get(name, name): price for name, price in per_hour.items()}, of_months=False)


def said_of_prices(chosen, prices):
    return list(price_sentences(cheapest(chosen), chosen, prices))


# A line for each machine


def test_each_machine_has_a_line_with_what_to_ship_there_within_the_budget():
    lines = text(choices(three(Goal(latency_ms=5)), Goal(latency_ms=5))).splitlines()
    assert lines[:3] == [
        "These are different machines: each has its own answer, and none is ranked",
        "  against another.",
        "",
    ]
    assert lines[3] == "Within 5 ms: what to ship on each machine. One thread, batch 1."
    cells = [re.split(r" {2,}", line) for line in lines[8:11]]
    assert cells[0][:4] == [HERE, "1.0@224", "openvino fp32", "4.00 (4.00–4.00)"]
    assert cells[1][:4] == [THERE, "1.0@224", "openvino fp32", "1.00 (1.00–1.00)"]
    assert cells[2][:3] == [THIRD, "nothing fits", "–"]
    assert " ".join(" ".join(lines[11:]).split()) == (
        f"- {THIRD}: Nothing fits. The nearest is mobilenet_v2_1.0_224 on openvino in fp32: 9.00 (9.00–9.00) ms, top-1 "
        "71.8 % (published). Missed: 9.00 ms for a budget of 5 ms."
    )


def test_a_machine_ships_in_its_first_setting_in_which_something_fits_and_the_line_names_it():
    goal = Goal(latency_ms=5)
    of_two_threads = [measured(9, 9, 9), measured(3, 3, 3, threads=2, cores=2)]
    chosen = choices(machines(goal, of_two_threads, [measured(1, 1, 1, machine=OTHER_MACHINE)]), goal)
    assert [(choice.best.case.threads, choice.best.median_ms) for choice in chosen] == [(2, 3.0), (1, 1.0)]
    assert [line["setting"] for line in _lines(chosen)] == ["2 threads, batch 1", "one thread, batch 1"]


def _lines(chosen, prices=None):
    shown = shown_choices(chosen, prices)
    return [dict(zip(shown.header, row, strict=True)) for row in shown.rows]


def test_a_machine_whose_rows_are_noisy_and_one_without_times_ship_nothing():
    goal = Goal(latency_ms=5)
    noisy = [measured(1, 1, 1, noisy=True)]
    failed = [measured(1, machine=OTHER_MACHINE, status="failed")]
    chosen = choices(machines(goal, noisy, failed), goal)
    assert [choice.best for choice in chosen] == [None, None]
    assert [line["variant"] for line in _lines(chosen)] == ["do not use", "not timed"]
    assert "DO NOT USE: 1 of 1 rows noisy" in text(chosen)
    prices = euros(here=1, there=2)
    assert cheapest(choices(machines(goal, noisy, failed), goal, prices)).choice is None
    assert said_of_prices(chosen, prices)[0] == "No machine with a price meets the budgets."


def test_without_a_budget_there_is_no_line_for_a_machine():
    with pytest.raises(ValueError, match="what to ship on each machine needs a budget: name a latency, a memory or an"):
        choices(three(Goal()), Goal())


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_number_is_cut_off_whatever_the_width_of_the_terminal(width):
    goal, prices = Goal(cost=Cost.THROUGHPUT), euros(here=1234.5, there=0.00123)
    records = [[measured(4, 5, 6, machine=there, streams=2, cores=2)] for there in (MACHINE, OTHER_MACHINE)]
    chosen = choices(machines(goal, *records), goal, prices)
    shown = text(chosen, prices, width)
    row = next(line for line in shown.splitlines() if line.startswith("other"))
    assert row.split()[-1] == f"{chosen[1].per_million_images[0]:.3g}"


# The cheapest machine


def test_the_cheapest_machine_is_the_one_with_the_least_price_of_those_that_meet_the_budget():
    goal, prices = Goal(latency_ms=5), euros(here=0.08, there=0.3, third=0.01)
    chosen = choices(three(goal), goal, prices)
    assert cheapest(chosen).choice.machine.label == HERE
    assert said_of_prices(chosen, prices) == [
        f"The cheapest machine that meets the budgets is {HERE}, 0.08 EUR an hour."
    ]
    assert [line["EUR an hour"] for line in _lines(chosen, prices)] == ["0.08", "0.3", "0.01"]


def test_with_a_smaller_budget_the_cheapest_is_another_machine():
    goal, prices = Goal(latency_ms=1.5), euros(here=0.08, there=0.3)
    assert cheapest(choices(three(goal), goal, prices)).choice.machine.label == THERE


def test_machines_of_equal_price_are_a_tie_and_those_without_a_price_are_named():
    goal = Goal(latency_ms=10)
    chosen = choices(three(goal), goal, euros(here=0.08, there=0.08))
    assert said_of_prices(chosen, euros(here=0.08, there=0.08)) == [
        f"The cheapest machine that meets the budgets is {HERE}, 0.08 EUR an hour.",
        f"It cannot be told from {THERE}, 0.08 EUR an hour.",
        f"Without a price, though the budgets are met, and perhaps cheaper: {THIRD}.",
    ]


def test_a_cheaper_machine_that_misses_the_latency_by_its_interval_alone_is_named():
    goal, prices = Goal(latency_ms=4.2), euros(here=0.08, there=0.3)
    files = [[measured(4.0, 4.1, 4.6)], [measured(1, 1, 1, machine=OTHER_MACHINE)]]
    chosen = choices(machines(goal, *files), goal, prices)
    first, nearly = said_of_prices(chosen, prices)
    assert first == f"The cheapest machine that meets the budgets is {THERE}, 0.3 EUR an hour."
    assert nearly.startswith(
        f"{HERE}, 0.08 EUR an hour, costs less, and misses the budget only by its interval: 4.10 ("
    )
    with_accuracy = Goal(latency_ms=4.2, accuracy=75)
    assert cheapest(choices(machines(with_accuracy, *files), with_accuracy, prices)).nearly == ()


def test_machines_that_ship_another_accuracy_are_said_to_be_compared_by_price_alone():
    goal, prices = Goal(latency_ms=3), euros(here=0.08, there=0.3)
    chosen = choices(three(goal), goal, prices)
    assert [choice.best and choice.best.variant for choice in chosen] == ["0.5@224", "1.0@224", None]
    assert "name an accuracy to compare machines that are as good" in said_of_prices(chosen, prices)[-1]
    goal = Goal(latency_ms=5, accuracy=70)
    assert len(said_of_prices(choices(three(goal), goal, prices), prices)) == 1


def test_for_throughput_the_price_is_of_a_million_images_with_the_interval_of_the_rates():
    goal, prices = Goal(cost=Cost.THROUGHPUT), euros(here=0.9, there=1.2)
    # 250 images a second at 0.9 EUR an hour are 1 EUR, and 500 at 1.2 EUR are 2/3 EUR for a million
    chosen = choices(machines(goal, [measured(4, 4, 4)], [measured(2, 2, 2, machine=OTHER_MACHINE)]), goal, prices)
    assert [choice.per_million_images for choice in chosen] == [
        pytest.approx((1.0, 1.0, 1.0)),
        pytest.approx((2 / 3, 2 / 3, 2 / 3)),
    ]
    assert said_of_prices(chosen, prices) == [
        f"The cheapest machine that meets the budgets is {THERE}, 0.667 (0.667–0.667) EUR for a million images at 1.2 "
        "EUR an hour."
    ]


@pytest.mark.parametrize(("per_hour", "ties"), [(1.0, [THERE]), (1.3, [])], ids=["nearly equal", "far apart"])
def test_for_throughput_machines_tie_where_prices_of_an_image_cannot_be_told_apart(per_hour, ties):
    goal, prices = Goal(cost=Cost.THROUGHPUT), euros(here=0.99, there=per_hour)
    here, there = [measured(4.0, 4.1, 4.2, 4.05)], [measured(4.1, 4.05, 4.15, 4.2, machine=OTHER_MACHINE)]
    chosen = choices(machines(goal, here, there), goal, prices)
    priced = cheapest(chosen)
    assert (priced.choice.machine.label, [tie.machine.label for tie in priced.ties]) == (HERE, ties)


@pytest.mark.parametrize(("per_hour", "ties"), [(2.01, [THERE]), (2.2, []), (1.0, [])], ids=str)
def test_prices_of_an_image_within_the_noise_of_a_machine_are_a_tie(per_hour, ties):
    """Twice the images at twice the price cost the same; identical campaigns of this machine differ by 2 %."""
    goal, prices = Goal(cost=Cost.THROUGHPUT), euros(here=1.0, there=per_hour)
    files = [[measured(4, 4, 4)], [measured(2, 2, 2, machine=OTHER_MACHINE)]]
    evaluations = [e for n, records in enumerate(files) for e in evaluated(*records, source=f"{n}", floor=floor(0.01))]
    priced = cheapest(choices(by_machine(evaluations, goal), goal, prices))
    assert [tie.machine.label for tie in priced.ties] == ties


# Price files


@pytest.fixture
def priced(tmp_path):
    """A function that reads a price file of this content."""

    def read(content, suffix=".csv"):
        path = tmp_path / f"prices{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return prices_of(path)

    return read


def test_a_csv_and_a_toml_of_the_same_prices_are_read_alike(priced):
    toml = (
        f'[[price]]\nmachine = "{HERE}"\nprice_per_hour = 0.08\ncurrency = "EUR"\n'
        '[[price]]\nmachine = "Other CPU (4 cores)"\nprice_per_month = 73\ncurrency = "EUR"\n'
    )
    table = f"{HEADER}{HERE},0.08,,EUR\r\n\r\n Other CPU (4 cores) , ,73,EUR\n"
    expected = Prices("EUR", {HERE: 0.08, "Other CPU (4 cores)": 0.1}, of_months=True)
    assert priced(toml, ".toml") == priced(table) == priced(f"\ufeff{table}") == expected
    chosen = three(Goal(latency_ms=5))
    assert expected.of_each(chosen) == (0.08, 0.1, None)
    assert said_of_prices(choices(chosen, Goal(latency_ms=5), expected), expected)[-1] == "A month is 730 hours."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it has no price"),
        (HEADER, "it has no price"),
        (f"{HEADER}a,1,,EUR\na,2,,EUR\n", "'a' has two prices"),
        (f"{HEADER}a,1,,EUR\nb,2,,USD\n", "prices are in EUR and USD: give all in one currency"),
        (f"{HEADER}a,1,,euro\n", "line 2: a currency is three capital letters such as EUR, not 'euro'"),
        (f"{HEADER}a,1,2,EUR\n", "line 2: a machine needs either price_per_hour or price_per_month"),
        (f"{HEADER}a,,,EUR\n", "line 2: a machine needs either price_per_hour or price_per_month"),
        (f"{HEADER}a,0,08,,EUR\n", "line 2: 5 cells below 4 names of columns"),
        (f"{HEADER}a,nan,,EUR\n", "line 2: Expected `float` >= 1e-06"),
        (f"{HEADER}a,0,,EUR\n", "line 2: Expected `float` >= 1e-06"),
        (f"{HEADER}a,1e999,,EUR\n", "line 2: "),
        (f"{HEADER}a,cheap,,EUR\n", "line 2: Expected `float"),
        (f"{HEADER}a,1,,\n", "line 2: Object missing required field `currency`"),
        ("machine,cost\na,1\n", "line 2: Object contains unknown field `cost`"),
        ("machine,machine\na,b\n", "a column stands there twice"),
        (f'{HEADER}"a,1,,EUR\n', "line 2: unexpected end of data"),
        (b"\xff\xfe", "'utf-8' codec can't decode"),
        (HEADER + "".join(f"m{number},1,,EUR\n" for number in range(1001)), "1,001 prices, which is more than 1,000"),
        (b"," * 1_000_001, "1,000,001 bytes, which is more than the 1,000,000"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_cannot_be_meant_in_a_price_file_is_one_line_that_names_it(priced, content, message):
    with pytest.raises(ValueError, match=rf"prices\.csv is damaged \({re.escape(message)}") as raised:
        priced(content)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content", ['currency = "EUR"\n', "price = 3\n", "[[price]]\nmachine = 3\n", "price = [1]\n", "="]
)
def test_a_toml_of_another_shape_is_refused(priced, content):
    with pytest.raises(ValueError, match=r"prices\.toml is damaged \("):
        priced(content, ".toml")


def test_another_sort_of_file_and_one_that_is_not_there_are_refused(priced, tmp_path):
    with pytest.raises(ValueError, match=r"a price file is a \.csv or a \.toml"):
        priced(HEADER, ".json")
    with pytest.raises(ValueError, match=r"none\.csv cannot be read \(No such file"):
        prices_of(tmp_path / "none.csv")


@given(st.text() | st.lists(st.tuples(st.text(), st.floats(), st.text())).map(repr), st.sampled_from([".csv", ".toml"]))
@settings(max_examples=100, deadline=None)
def test_any_text_is_prices_or_one_line(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp("fuzz") / f"prices{suffix}"
    path.write_text(HEADER + content, encoding="utf-8", errors="surrogatepass")
    try:
        assert all(price > 0 for price in prices_of(path).per_hour.values())
    except ValueError as error:
        assert "\n" not in str(error)


def test_a_name_of_two_machines_and_a_machine_with_two_prices_are_refused():
    twin = replace(OTHER_MACHINE, fingerprint="twin-4c-00000009")
    goal = Goal(latency_ms=5)
    alike = machines(goal, [measured(1, 1, 1, machine=OTHER_MACHINE)], [measured(1, 1, 1, machine=twin)])
    by_name = Prices("EUR", {"Other CPU (4 cores)": 1.0}, of_months=False)
    with pytest.raises(ValueError, match=r"is of 2 machines: name other-4c-00000002 and twin-4c-00000009 instead"):
        choices(alike, goal, by_name)
    both = Prices("EUR", {"Other CPU (4 cores)": 1.0, THERE: 2.0}, of_months=False)
    with pytest.raises(ValueError, match=f"{THERE} has two prices: by its fingerprint and by its name"):
        choices(alike[:1], goal, both)


def test_prices_of_machines_without_a_file_are_named_and_change_nothing():
    goal, prices = Goal(latency_ms=5), euros(here=0.08, nobody=0.01)
    chosen = choices(three(goal), goal, prices)
    assert cheapest(chosen).choice.machine.label == HERE
    assert "Prices of machines that these files are not of: nobody." in said_of_prices(chosen, prices)


# JSON, notebooks and the verb


def test_json_has_a_machine_with_its_price_and_the_cheapest_by_its_fingerprint():
    goal, prices = Goal(cost=Cost.THROUGHPUT), euros(here=0.9)
    chosen = choices(machines(goal, [measured(4, 4, 4)], [measured(2, 2, 2, machine=OTHER_MACHINE)]), goal, prices)
    printed = json.loads(json.dumps(values(chosen, prices), allow_nan=False))
    here, there = printed["machines"]
    assert (here["fingerprint"], here["best"]["images_per_s"]) == (HERE, 250)
    assert (here["currency"], here["price_per_hour"], here["price_per_million_images"]) == (
        "EUR",
        0.9,
        pytest.approx(1),
    )
    assert (there["price_per_hour"], there["price_per_million_images"]) == (None, None)
    assert (printed["cheapest"]["machine"], printed["cheapest"]["without_price"]) == (HERE, [THERE])
    assert values(chosen)["cheapest"] is None


def test_texts_of_files_are_plain_words_in_a_terminal_and_in_html():
    hostile = replace(OTHER_MACHINE, fingerprint=HOSTILE, cpu_model=HOSTILE)
    goal, prices = Goal(latency_ms=5), euros(**{HOSTILE: 1.0, "<b>nobody": 2.0})
    answers = machines(goal, [measured(1, 1, 1, machine=hostile)], [measured(9, 9, 9)])
    chosen = choices(answers, goal, prices)
    assert "\x1b" not in text(chosen, prices)
    row = next(line for line in text(chosen, prices, width=200).splitlines() if line.startswith("<script>"))
    assert row.startswith("<script>alert(1)</script> [31m [/red] :smile: [bold]x  ")
    assert "\x1b" not in "".join(remarks(chosen, prices))
    shown = answers_html(answers, {}, choices=shown_choices(chosen, prices))
    assert "<script>" not in shown
    assert "<b>" not in shown


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A folder with the saved files of two machines and their prices."""
    from saved_nights import LARGE, content

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "a.json").write_text(content({LARGE: [4.0, 4.0, 4.0]}))
    (tmp_path / "b.json").write_text(content({LARGE: [1.0, 1.0, 1.0]}, 3, fingerprint="other-4c-00000000"))
    (tmp_path / "prices.csv").write_text(f"{HEADER}example-cpu-2c-752de294,0.05,,EUR\nother-4c-00000000,0.2,,EUR\n")
    return tmp_path


def test_the_verb_names_the_cheapest_machine_and_prints_a_line_for_each(saved, verb):
    ran = verb("recommend", "a.json", "b.json", "--latency", "5ms", "--prices", "prices.csv")
    assert (ran.returncode, ran.err) == (0, "")
    assert "The cheapest machine that meets the budgets is example-cpu-2c-752de294, 0.05 EUR" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    without = verb("recommend", "a.json", "b.json", "--latency", "2ms", "--per-machine")
    assert without.returncode == 1
    assert "EUR" not in without.out
    printed = json.loads(
        verb("recommend", "a.json", "b.json", "--latency", "2ms", "--prices", "prices.csv", "--json").out
    )
    assert printed["cheapest"]["machine"] == "other-4c-00000000"


@pytest.mark.parametrize(
    "words", [["--per-machine"], ["--prices", "prices.csv"], ["--latency", "5", "--prices", "b.json"]]
)
def test_the_verb_refuses_prices_without_a_budget_and_what_is_no_price_file(saved, verb, words):
    ran = verb("recommend", "a.json", *words)
    assert (ran.returncode, ran.out) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.err), ran.err


def test_python_has_the_same_answer(saved):
    import mnv2bench as mb

    results = mb.load("a.json", "b.json")
    answer = results.recommend(latency_ms=5, prices="prices.csv")
    assert answer.cheapest.choice.machine.label == "example-cpu-2c-752de294"
    assert [choice.best.median_ms for choice in answer.per_machine] == [4.0, 1.0]
    assert "The cheapest machine that meets the budgets is example-cpu-2c-752de294" in str(answer)
    assert "The cheapest machine" in answer._repr_html_()
    with pytest.raises(ValueError, match="needs a budget"):
        results.recommend(prices="prices.csv")
    with pytest.raises(ValueError, match="needs a budget"):
        results.recommend().per_machine  # noqa: B018
