"""Batches, threads and streams: which cases stand together, what to ship for throughput, and a sweep over them."""

import re
from pathlib import Path

import pytest
from measured_cases import evaluated, measured

from mnv2bench.case import Case
from mnv2bench.comparison import markdown
from mnv2bench.comparison.chapters import chapters
from mnv2bench.comparison.products import page_products
from mnv2bench.comparison.recommended import closing
from mnv2bench.comparison.web_page import web_page
from mnv2bench.recommendation import Cost, Goal, answers, by_machine
from mnv2bench.recommendation.as_json import as_json
from mnv2bench.recommendation.block import block
from mnv2bench.recommendation.budget_table import table
from mnv2bench.recommendation.ladder import budget_rows
from mnv2bench.recommendation.phrases import setting_text
from mnv2bench.recommendation.picture import chart
from mnv2bench.recommendation.remarks import remarks
from mnv2bench.recommendation.words import headline
from mnv2bench.report.cells import rate_interval
from mnv2bench.selection import select, selected_cases, suite_cases
from mnv2bench.statistics.intervals import shrunk_t_interval, t_interval
from mnv2bench.statistics.rounds import cpu_ms_per_image, throughput_per_process
from mnv2bench.statistics.spread import spreads_of_medians
from mnv2bench.sweeps import Named, arrangements, axes

ONE_STREAM = measured(4.0, 4.0, 4.0, backend="onnxruntime", threads=2, cores=2)
TWO_STREAMS = measured(5.0, 5.0, 5.0, backend="onnxruntime", streams=2, cores=2)
EAGER = measured(8.0, 8.0, 8.0, backend="torch_eager", threads=2, cores=2)


def section(page: str, title: str) -> str:
    """What stands under a heading, or is folded under a title."""
    return re.split(rf"^(?:## |<summary>){re.escape(title)}(?:</summary>)?$", page, flags=re.M)[1].split("</details>")[
        0
    ]


def test_cases_of_another_number_of_streams_are_another_setting():
    records = [measured(2.0, 2.0, 2.0, streams=streams) for streams in (2, 1)]
    settings = [answer.setting for answer in answers(evaluated(*records))]
    assert list(map(setting_text, settings)) == ["one thread, batch 1", "2 streams x 1 thread, batch 1"]


def test_streams_have_as_many_cores_as_all_of_their_threads_together():
    (busy,) = evaluated(measured(2.0, 2.0, 2.0, streams=2, cores=2))
    (idle,) = evaluated(measured(2.0, 2.0, 2.0, streams=2, cores=1))
    assert (busy.flags, idle.flags) == ((), ("threads: used 1.0 of 2",))


def test_cases_of_other_streams_have_tables_of_their_own_and_a_column_where_they_share_one():
    page = markdown([("first.json", [TWO_STREAMS, ONE_STREAM, EAGER])])
    assert re.findall(r"^\*\*(.*)\*\*$", section(page, "Latency, ms"), re.M) == [
        "mobilenet_v2_1.0_224, batch 1, 2 threads, cpu, fp32",
        "mobilenet_v2_1.0_224, batch 1, 2 streams x 1 thread, cpu, fp32",
    ]
    assert section(page, "Speed-up over torch_eager").count("2.00") == 1
    assert "2 streams x" not in section(page, "Speed-up over torch_eager")
    assert """\
| variant   |   streams |   threads |   onnxruntime |
|:----------|----------:|----------:|--------------:|
| 1.0@224   |         1 |         2 |         250.0 |
| 1.0@224   |         2 |         1 |         400.0 |""" in section(page, "Throughput, images/s")


def swept(*rows, **facts):
    """A record for each (milliseconds, streams, threads, batch), of three processes that differ by a per cent."""
    return [
        measured(
            ms, 1.01 * ms, 0.99 * ms, streams=streams, threads=threads, batch=batch,
            cores=streams * threads, calls=200, **facts,
        )
        for ms, streams, threads, batch in rows
    ]  # fmt: skip


OPENVINO = swept((4.0, 1, 1, 1), (3.1, 1, 2, 1), (5.4, 2, 1, 1), (24.7, 1, 2, 8), (39.0, 2, 1, 8))
ONNXRUNTIME = swept((26.0, 1, 2, 8), (50.0, 2, 1, 8), backend="onnxruntime")
SMALL = swept((0.5, 1, 1, 1), (4.0, 2, 1, 8), variant="0.35@96")


def plain(text):
    """A text without its intervals, which depend on how the spreads of all cases are fitted together."""
    return re.sub(r" \([\d.,]+–[\d.,]+\)", "", text)


def for_throughput(*records, **bounds):
    """The only answer for throughput of these records."""
    (only,) = answers(evaluated(*records), Goal(cost=Cost.THROUGHPUT, **bounds))
    return only


def test_for_throughput_the_best_of_all_batches_threads_and_streams_is_named_with_what_a_request_takes():
    answer = for_throughput(*OPENVINO)
    assert plain(headline(answer)) == (
        "For throughput, ship mobilenet_v2_1.0_224 on openvino in fp32, 2 streams x 1 thread, batch 8: "
        "410 images/s; a request takes 39.00 ms (p50), 39.39 ms at most (p99), top-1 71.8 % (published)."
    )
    assert tuple(map(plain, remarks(answer))) == (
        "The same in other settings, images/s: 2 streams x 1 thread, batch 1: 370; "
        "1 stream x 2 threads, batch 8: 324; 1 stream x 2 threads, batch 1: 323; "
        "1 stream x 1 thread, batch 1: 250.",
    )


def test_settings_and_runtimes_whose_intervals_overlap_are_ties_and_the_next_runtime_is_named():
    answer = for_throughput(*OPENVINO, *swept((19.6, 2, 1, 4)), *ONNXRUNTIME)
    tie, others, rival = map(plain, remarks(answer))
    assert tie == "It cannot be told from openvino fp32, 2 streams x 1 thread, batch 4, 408 images/s."
    assert others.startswith("The same in other settings, images/s: 2 streams x 1 thread, batch 4: 408; ")
    assert rival == (
        "The best of another runtime or precision: onnxruntime fp32, 2 streams x 1 thread, batch 8, 320 images/s."
    )


def test_a_bound_of_latency_is_of_the_requests_and_leaves_out_what_answers_too_late():
    answer = for_throughput(*OPENVINO, latency_ms=5.5, percentile=99)
    assert plain(headline(answer)).startswith(
        "For throughput within 5.5 ms of p99, ship mobilenet_v2_1.0_224 on openvino in fp32, 2 streams x 1 thread, "
        "batch 1: 370 images/s; a request takes 5.40 ms (p50), 5.45 ms at most (p99), top-1"
    )
    late = for_throughput(*OPENVINO, latency_ms=3)
    assert late.best is None
    assert re.search(r"Missed: 3\.1\d ms for a budget of 3 ms\.", headline(late))


def test_of_several_variants_the_table_has_the_best_setting_of_each_and_the_accuracy_chooses():
    answer = for_throughput(*OPENVINO, *SMALL)
    header, rows = table(budget_rows(answer))
    assert header[:7] == ("variant", "runtime", "precision", "batch", "streams x threads", "images/s (95 %)", "p50 ms")
    assert header[7:] == ("p99 ms", "CPU ms/image", "top-1 %", "peak MB")
    assert [(*row[:5], plain(row[5])) for row in rows] == [
        ("1.0@224", "openvino", "fp32", "8", "2 x 1", "410"),
        ("0.35@96", "openvino", "fp32", "8", "2 x 1", "4,000"),
    ]
    assert "No accuracy was named" in remarks(answer)[-1]
    accurate = for_throughput(*OPENVINO, *SMALL, accuracy=70)
    assert plain(headline(accurate)).startswith(
        "For throughput and a top-1 of 70 % at least, ship mobilenet_v2_1.0_224 on "
    )


def test_the_interval_of_images_a_second_has_the_spread_of_the_rates_of_the_other_cases():
    evaluations = evaluated(*OPENVINO)
    rates = [evaluation.of(throughput_per_process) for evaluation in evaluations]
    spread = spreads_of_medians(zip([e.case for e in evaluations], rates, strict=True))["cpu", "openvino"]
    low, high = shrunk_t_interval(rates[0], spread)
    assert evaluations[0].images_per_s_interval == (pytest.approx(low), pytest.approx(high))
    plain_low, plain_high = t_interval(rates[0])
    assert plain_low < low < 250 < high < plain_high


def test_without_an_interval_of_images_a_second_nothing_is_recommended():
    answer = for_throughput(measured(4.0), measured(3.0, batch=8))
    assert dict(answer.usability.left_out) == {"without a bound of throughput": 2}
    assert not answer.is_usable


def test_cpu_time_of_an_image_is_that_of_all_streams_over_all_of_their_images():
    (one,) = swept((4.0, 1, 1, 1))
    (two,) = swept((40.0, 2, 1, 8))
    assert [round(cpu_ms_per_image(record), 2) for record in (one, two)] == [4.0, 5.0]


@pytest.mark.parametrize(
    ("rate", "within", "text"),
    [
        (None, None, "–"),
        (99.4, (98.0, 100.8), "99.40 (98.00–100.80)"),
        (812.4, (790.1, 835.2), "812 (790–835)"),
        (5291.0, None, "5,291"),
    ],
)
def test_rates_from_a_hundred_on_are_whole_numbers(rate, within, text):
    assert rate_interval(rate, within) == text


def test_json_has_the_rates_with_their_intervals_and_the_setting_that_is_over_all():
    (machine,) = as_json(by_machine(evaluated(*OPENVINO), Goal(cost=Cost.THROUGHPUT)))["machines"]
    (answer,) = machine["answers"]
    assert answer["goal"]["cost"] == "throughput"
    assert answer["setting"] == {
        "device": "cpu",
        "threads": None,
        "batch": None,
        "top1_of": "published",
        "streams": None,
    }
    best = answer["best"]
    assert (best["batch"], best["streams"], best["threads"]) == (8, 2, 1)
    assert best["images_per_s_low"] < best["images_per_s"] < best["images_per_s_high"]
    assert round(best["cpu_ms_per_image"], 3) == 4.875


def test_the_answer_in_a_terminal_of_80_columns_is_no_wider():
    records = [*OPENVINO, *SMALL, *swept((50.0, 2, 1, 8), backend="torch_compile_freezing", precision="int8")]
    text = block(by_machine(evaluated(*records), Goal(cost=Cost.THROUGHPUT)))
    assert max(map(len, text.splitlines())) <= 80
    assert "images a s" in text
    assert "p99 ms" in text


def test_the_page_has_a_table_of_each_variant_that_ran_in_several_settings_with_the_best_in_bold():
    wrong = swept((20.0, 2, 1, 8), backend="ncnn", status="wrong")
    body = section(markdown([("a.json", [*OPENVINO, *ONNXRUNTIME, *wrong])]), "Batches, threads and streams")
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in plain(body).splitlines() if "|" in line]
    assert "**mobilenet_v2_1.0_224, cpu, fp32**" in body
    assert lines[0] == [
        "runtime",
        "precision",
        "batch",
        "streams x threads",
        "images/s (95 %)",
        "p50 ms",
        "p99 ms",
        "CPU ms/image",
    ]
    assert [",".join(line) for line in lines[2:]] == [
        "openvino,fp32,1,1 x 1,250,4.00,4.04,4.00",
        "openvino,fp32,1,1 x 2,323,3.10,3.13,6.20",
        "openvino,fp32,1,2 x 1,370,5.40,5.45,5.40",
        "openvino,fp32,8,1 x 2,324,24.70,24.95,6.17",
        "openvino,fp32,8,2 x 1,**410**,39.00,39.39,4.88",
        "onnxruntime,fp32,8,1 x 2,308,26.00,26.26,6.50",
        "onnxruntime,fp32,8,2 x 1,320,50.00,50.50,6.25",
        "ncnn,fp32,8,2 x 1,~~800~~,~~20.00~~,~~20.20~~,~~2.50~~",
    ]


def test_a_variant_in_one_setting_has_no_table_of_settings():
    page = markdown([("a.json", [OPENVINO[0], *swept((6.0, 1, 1, 1), backend="onnxruntime")])])
    assert "Batches, threads and streams" not in page


@pytest.mark.parametrize(
    ("swept", "named", "cores", "expected"),
    [
        ("batch", Named(), 2, [(1, 1, 2), (8, 1, 2)]),
        ("threads", Named(), 2, [(8, 1, 1), (8, 1, 2)]),
        ("streams", Named(), 2, [(8, 1, 2), (8, 2, 1)]),
        ("threads,streams", Named(), 4, [(8, 1, 1), (8, 4, 1), (8, 1, 4)]),
        ("batch,threads,streams", Named(batches=(32,)), 2, [(32, 1, 1), (32, 2, 1), (32, 1, 2)]),
        ("streams", Named(threads=(2,)), 8, [(8, 1, 2), (8, 4, 2)]),
        ("threads", Named(streams=(2,)), 8, [(8, 2, 1), (8, 2, 4)]),
        (
            "batch",
            Named(threads=(1, 2), streams=(1, 2)),
            2,
            [(1, 1, 1), (1, 1, 2), (1, 2, 1), (8, 1, 1), (8, 1, 2), (8, 2, 1)],
        ),
        ("batch,threads,streams", Named(), 1, [(1, 1, 1), (8, 1, 1)]),
    ],
)
def test_a_sweep_has_batches_of_1_and_8_and_as_many_streams_as_the_cores_have_room_for(swept, named, cores, expected):
    assert list(arrangements(axes(swept), named, cores, usual_batches=(8,))) == expected


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (Named(streams=(4,)), "--streams 4 has no room on 2 cores: name a smaller number"),
        (Named(threads=(2,), streams=(2,)), "--streams 2 has no room on 2 cores: name a smaller number"),
    ],
)
def test_streams_that_have_no_room_in_any_combination_are_refused(named, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        arrangements(("batch",), named, 2, (8,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch,cores", "--sweep 'cores' is not one of batch, threads, streams"),
        (",", "--sweep ',' names nothing: name some of batch, threads, streams, or leave the option out"),
    ],
)
def test_a_sweep_over_another_word_is_refused(text, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        axes(text)


def test_a_sweep_chooses_the_cases_of_the_suite_throughput_and_leaves_the_other_out(monkeypatch):
    monkeypatch.setattr("mnv2bench.selection.suites.cores", lambda: 2)
    texts = {"sweep": "batches,streams", "backends": "openvino", "widths": "0.35", "resolutions": "96"}
    selection = select(texts)
    assert suite_cases("latency", selection) == ()
    assert [case.id.partition("openvino-cpu-")[2] for case in suite_cases("throughput", selection)] == [
        "fp32-t2",
        "fp32-t1-s2",
        "fp32-t2",
        "fp32-t1-s2",
    ]
    assert selected_cases(selection) == suite_cases("throughput", selection)
    assert {case.batch for case in selected_cases(selection)} == {1, 8}


def test_a_sweep_of_the_quick_grid_has_two_variants_of_the_runtimes_that_have_its_throughput(monkeypatch):
    monkeypatch.setattr("mnv2bench.selection.suites.cores", lambda: 2)
    chosen = selected_cases(select({"sweep": "batch,threads,streams"}))
    assert len(chosen) == 2 * 2 * 6
    assert {case.backend for case in chosen} == {"openvino", "onnxruntime"}
    assert Case(width=0.35, resolution=96, batch=8, backend="openvino", streams=2) in chosen


def test_a_sweep_of_another_device_is_refused():
    message = "--sweep is of this machine's processor: leave --devices out, and name --batches for others"
    with pytest.raises(ValueError, match=f"^{message}$"):
        selected_cases(select({"sweep": "batch", "devices": "cuda"}))


def test_the_page_has_the_answer_for_throughput_folded_with_its_picture_for_light_and_dark_screens():
    contents = page_products(Path("page.md"), chapters([("a.json", [*OPENVINO, *ONNXRUNTIME])]))
    texts = {product.path.name: text for product, text in contents.items()}
    assert list(texts) == [
        "page.md",
        "page.answer.svg",
        "page.answer-dark.svg",
        "page.throughput.svg",
        "page.throughput-dark.svg",
    ]
    page = texts["page.md"]
    assert (
        "**For throughput, ship mobilenet\\_v2\\_1.0\\_224" in page
        or "**For throughput, ship mobilenet_v2_1.0_224" in page
    )
    folded = section(page, "Throughput, whatever the batch, threads and streams")
    assert "| 1.0@224   | openvino fp32        |       8 |               2 x 1 |" in folded
    assert 'src="page.throughput.svg"' in folded
    assert "Images a second over p99 of a request" in texts["page.throughput.svg"]


def test_a_page_without_a_sweep_has_no_answer_for_throughput():
    contents = page_products(Path("page.md"), chapters([("a.json", [OPENVINO[0]])]))
    assert len(contents) == 3
    assert "For throughput" not in next(iter(contents.values()))


def test_the_page_in_html_and_the_json_have_the_answer_for_throughput_too():
    campaigns = chapters([("a.json", OPENVINO)])
    assert "For throughput, ship mobilenet_v2_1.0_224 on openvino in fp32, 2 streams x 1 thread" in web_page(campaigns)
    (machine,) = as_json(by_machine(evaluated(*OPENVINO)))["machines"]
    assert [answer["best"]["batch"] for answer in machine["throughput"]] == [8]
    assert len(machine["answers"]) == 5


def test_a_run_of_a_sweep_ends_with_the_headline_for_throughput():
    text = closing("a.json", evaluated(*OPENVINO, *SMALL), 80)
    assert "For throughput: the most images a second has mobilenet_v2_0.35_96 on openvino" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_picture_of_throughput_has_a_colour_a_runtime_a_shape_a_setting_and_names_the_front():
    drawn = chart(for_throughput(*OPENVINO, *ONNXRUNTIME, *SMALL, accuracy=70)).to_dict(validate=False)
    layers = [layer for layer in drawn["layer"] if layer["mark"]["type"] == "point"]
    (rows,) = [layer["data"]["values"] for layer in layers]
    assert {row["runtime"] for row in rows} == {"openvino", "onnxruntime"}
    assert {row["setting"] for row in rows} == {"1 stream x 1 thread", "1 stream x 2 threads", "2 streams x 1 thread"}
    assert {row["case"].partition("-")[0] for row in rows} == {"mobilenet_v2_1.0_224"}
    labels = [row["label"] for layer in drawn["datasets"].values() for row in layer if "label" in row]
    assert sorted(labels) == [
        "openvino fp32, 1 stream x 2 threads, batch 1",
        "openvino fp32, 2 streams x 1 thread, batch 1",
        "openvino fp32, 2 streams x 1 thread, batch 8",
    ]


def test_points_of_one_batch_alone_have_an_area():
    drawn = chart(for_throughput(*(record for record in OPENVINO if record.case.batch == 1))).to_dict(validate=False)
    (points,) = [layer for layer in drawn["layer"] if layer["mark"]["type"] == "point"]
    assert points["encoding"]["size"]["scale"] == {"type": "ordinal", "domain": [1], "range": [50.0]}


def test_without_a_bound_of_p99_there_is_no_picture_of_throughput_and_the_reason_says_what_to_do():
    short = [measured(4.0, 4.1, 3.9, batch=batch) for batch in (1, 8)]
    with pytest.raises(ValueError, match="a bound of p99: measure with more --rounds"):
        chart(for_throughput(*short))
