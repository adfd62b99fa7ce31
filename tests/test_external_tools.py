"""Tools that people have, read from texts in the formats of their sources: none of these texts was captured by us."""

import pytest

from mnv2bench.case import Case
from mnv2bench.records import Plan
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners import external

PLAN = Plan(rounds=10, round_s=0.1, timeout_s=120.0)
BENCHMARK_MODEL = """\
INFO: Loaded model model.tflite
INFO: Initialized session in 9.933ms.
INFO: Running benchmark for at least 3 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=8 first=71300 curr=66800 min=66699 max=71300 avg=67412.5 std=1500

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=50 first=66753 curr=66800 min=66699 max=66838 avg=66767.6 std=39

INFO: Inference timings in us: Init: 9933, First inference: 71300, Warmup (avg): 67412.5, Inference (avg): 66767.6
INFO: Memory footprint delta from the start of the tool (MB): init=5.2 overall=11.5
INFO: Overall peak memory footprint (MB) via periodic monitoring: 23.4
"""
BENCHNCNN = """\
loop_count = 50
num_threads = 1
powersave = 0
gpu_device = -1
cooling_down = 0
           mobilenet  min =   15.01  max =   15.32  avg =   15.11
        mobilenet_v2  min =    7.21  max =    7.40  avg =    7.30
        mobilenet_v3  min =    6.01  max =    6.32  avg =    6.11
"""
EXECUTOR_RUNNER = """\
I 00:00:00.011000 executorch:executor_runner.cpp:301] Model loaded in 4.500000 ms.
I 00:00:00.020000 executorch:executor_runner.cpp:377] Iteration 1 of 3: 9.000000 ms
I 00:00:00.028000 executorch:executor_runner.cpp:377] Iteration 2 of 3: 7.000000 ms
I 00:00:00.036000 executorch:executor_runner.cpp:377] Iteration 3 of 3: 8.000000 ms
I 00:00:00.036000 executorch:executor_runner.cpp:390] Model executed successfully 3 time(s) in 24.000000 ms.
"""


def case(backend, **fields):
    return Case(backend=backend, device="adb:R5CT", **fields)


def test_benchmark_model_tells_its_second_summary_because_the_first_one_is_its_warm_up():
    told = external.TOOLS["benchmark_model"].parse(BENCHMARK_MODEL, "")
    assert (told.count, told.min_ms, told.max_ms, told.mean_ms) == (50, 66.699, 66.838, 66.7676)
    assert (told.std_ms, told.median_ms, told.init_ms, told.peak_mb) == (0.039, None, 9.933, 23.4)
    assert told.durations_ms == ()


def test_newer_versions_of_benchmark_model_print_a_median_too():
    newer = BENCHMARK_MODEL.replace("std=39", "std=39 p5=66700 median=66761 p95=66830")
    assert external.TOOLS["benchmark_model"].parse("", newer).median_ms == 66.761


def test_runs_that_were_all_alike_are_printed_shorter_and_are_read_all_the_same():
    alike = BENCHMARK_MODEL.replace(
        "count=50 first=66753 curr=66800 min=66699 max=66838 avg=66767.6 std=39", "count=65 curr=421"
    )
    told = external.TOOLS["benchmark_model"].parse(alike, "")
    assert (told.count, told.min_ms, told.max_ms, told.mean_ms, told.std_ms) == (65, 0.421, 0.421, 0.421, 0.0)


def test_a_mean_in_scientific_notation_is_a_number_too():
    large = BENCHMARK_MODEL.replace("min=66699 max=66838 avg=66767.6", "min=1234500 max=1234600 avg=1.23456e+06")
    assert external.TOOLS["benchmark_model"].parse(large, "").mean_ms == pytest.approx(1234.56)


def test_the_older_last_line_of_benchmark_model_tells_how_long_it_took_to_open():
    older = BENCHMARK_MODEL.replace(
        "Inference timings in us: Init: 9933, First inference: 71300, Warmup (avg): 67412.5, Inference (avg): 66767.6",
        "Average inference timings in us: Warmup: 67412.5, Init: 9933, no stats: 66767.6",
    )
    assert external.TOOLS["benchmark_model"].parse(older, "").init_ms == 9.933


def test_benchncnn_tells_its_row_of_this_network_and_says_that_the_network_is_its_own():
    told = external.TOOLS["benchncnn"].parse("", BENCHNCNN)
    assert (told.count, told.min_ms, told.max_ms, told.mean_ms) == (50, 7.21, 7.40, 7.30)
    assert told.notes == ("benchncnn: its own network, zero weights, fp16 by default; outputs not checked",)


def test_executor_runner_tells_every_duration():
    told = external.TOOLS["executor_runner"].parse(EXECUTOR_RUNNER, "")
    assert told.durations_ms == (9.0, 7.0, 8.0)
    assert (told.count, told.min_ms, told.max_ms, told.mean_ms, told.median_ms) == (3, 7.0, 9.0, 8.0, 8.0)
    assert (told.std_ms, told.init_ms) == (1.0, 4.5)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("benchmark_model", "", "0 lines with count="),
        ("benchmark_model", BENCHMARK_MODEL[: BENCHMARK_MODEL.index("count=50")], "1 lines with count="),
        ("benchmark_model", BENCHMARK_MODEL[: BENCHMARK_MODEL.index(" max=66838")], "not whole"),
        ("benchmark_model", BENCHMARK_MODEL[: BENCHMARK_MODEL.index(" min=66699 max=66838")], "not whole"),
        ("benchmark_model", BENCHMARK_MODEL.replace("min=66699 max=66838", "min=66699 max=66838e"), "'66838e'"),
        ("benchmark_model", BENCHMARK_MODEL.replace("avg=66767.6", "avg=6676.6"), "makes no sense"),
        ("benchmark_model", BENCHMARK_MODEL.replace("count=50", "count=0"), "0 runs"),
        ("benchmark_model", BENCHMARK_MODEL.replace("avg=66767.6", "avg=nan"), "not whole"),
        ("benchncnn", BENCHNCNN.replace("mobilenet_v2", "mobilenet_v9"), "no row of mobilenet_v2"),
        ("benchncnn", BENCHNCNN.replace("max =    7.40", "max =    7"), "makes no sense"),
        ("benchncnn", BENCHNCNN.replace("loop_count", "loop"), "no loop_count"),
        ("benchncnn", "\x1b[31mSegmentation fault\x07", "'[31mSegmentation fault'"),
        ("benchncnn", BENCHNCNN.replace("7.21", "-nan"), "no row of mobilenet_v2"),
        ("executor_runner", "", "logcat"),
        ("executor_runner", EXECUTOR_RUNNER.replace("Iteration 2 of 3", "teration 2 of"), "printed 2"),
        ("executor_runner", EXECUTOR_RUNNER.replace("7.000000", "0.000000"), "'0.000000' stands"),
        ("executor_runner", EXECUTOR_RUNNER.replace("executed", ""), "no iterations"),
    ],
)
def test_damaged_texts_are_errors_of_one_line(name, text, why):
    with pytest.raises(ValueError, match=r"\w") as error:
        external.TOOLS[name].parse(text, "")
    assert why in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_benchmark_model_is_asked_for_our_threads_and_for_as_much_time():
    assert external.TOOLS["benchmark_model"].argv("model.tflite", case("litert", threads=2), PLAN) == [
        "--graph=model.tflite",
        "--num_threads=2",
        "--num_runs=50",
        "--warmup_runs=3",
        "--warmup_min_secs=0.5",
        "--min_secs=1",
        "--max_secs=60",
        "--use_xnnpack=true",
        "--report_peak_memory_footprint=true",
    ]


def test_benchncnn_is_asked_for_all_cores_no_gpu_and_no_pauses():
    assert external.TOOLS["benchncnn"].argv("", case("ncnn", threads=4), PLAN) == ["50", "4", "0", "-1", "0"]


def test_executor_runner_is_asked_to_keep_its_outputs_to_itself():
    assert external.TOOLS["executor_runner"].argv("model.pte", case("executorch"), PLAN) == [
        "--model_path=model.pte",
        "--num_executions=50",
        "--cpu_threads=1",
        "--print_output=none",
    ]


@pytest.mark.parametrize("other", [{"width": 0.35, "resolution": 96}, {"batch": 2}])
def test_benchncnn_stands_for_no_network_but_its_own(other):
    with pytest.raises(Unsupported, match=r"1.0@224 of batch 1"):
        external.TOOLS["benchncnn"].argv("", case("ncnn", **other), PLAN)


def test_a_tool_is_known_by_how_its_name_begins():
    assert external.tool("/opt/benchmark_model_plus_flex").name == "benchmark_model"
    assert external.is_tool("./executor_runner")
    assert not external.is_tool("")
    with pytest.raises(ValueError, match="benchmark_model, benchncnn, executor_runner"):
        external.tool("mnn_benchmark.out")


def test_the_tool_is_pushed_with_what_it_wants_beside_it(tmp_path):
    program, network = tmp_path / "benchncnn", tmp_path / "mobilenet_v2.param"
    program.write_bytes(b"\x7fELF")
    with pytest.raises(Unavailable, match=r"there is no file .*mobilenet_v2\.param: give --runner"):
        external.bundle(str(program), case("ncnn"))
    network.touch()
    pushed = external.bundle(str(program), case("ncnn"))
    assert (pushed.paths, pushed.start) == ((program, network), ("./benchncnn",))
    assert pushed.facts == {"runner": "benchncnn, sha256 3bdbb4fe8397cd2b"}


def test_a_tool_runs_the_precisions_that_the_file_decides(tmp_path):
    for name, backend in (("benchmark_model", "litert"), ("executor_runner", "executorch")):
        program = tmp_path / name
        program.touch()
        assert external.bundle(str(program), case(backend, precision="int8")).start == (f"./{name}",)
        with pytest.raises(Unsupported, match=f"{name} runs fp32, int8, not fp16"):
            external.bundle(str(program), case(backend, precision="fp16"))
    with pytest.raises(Unsupported, match="benchncnn runs fp32, not int8"):
        external.bundle("benchncnn", case("ncnn", precision="int8"))


def test_a_tool_of_another_runtime_is_refused(tmp_path):
    with pytest.raises(Unsupported, match="benchmark_model runs what litert reads, not ncnn"):
        external.bundle(str(tmp_path / "benchmark_model"), case("ncnn"))
