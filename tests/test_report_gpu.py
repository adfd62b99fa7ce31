"""What a reader of the CSV and of the page finds of GPUs, from Records written down by hand."""

# ruff: noqa: E501  whole tables are compared as text

import pytest
from gpu_records import BLIND, CAPPED, MB, gpu_record, steady
from test_report import FAST, HOSTILE, TAMED, read, section, written

from mnv2bench.comparison import markdown, tidy
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.comparison.tidy import row as values
from mnv2bench.gpu.verified import VERIFIED
from mnv2bench.records import GpuFacts, GpuMemory, Machine, Plan, replace
from mnv2bench.records.machine import machine_from_json

EAGER = steady(900, 910, 920, gpu_us=870, enqueue_us=860, end_to_end_us=990, in_flight_us=17_000, backend="torch_eager",
               settings={"CUDA graph": "no"}, memory=GpuMemory(13 * MB, 21 * MB))  # fmt: skip
TRT = steady(100, 101, 104)
WRONG = steady(200, 210, status="wrong", reason="outputs differ", backend="onnxruntime", settings={})
REFUSED = gpu_record(backend="torch_compile_cudagraphs", status="unavailable", reason="no NVIDIA driver: install one")
CAMPAIGN = (EAGER, TRT, WRONG, REFUSED)


def page(*campaign):
    return markdown([("gpu.json", campaign)])


def row(record):
    (found,) = read(written([("gpu.json", [record])]))
    return found


def test_each_clock_stands_beside_the_others_and_a_refusal_says_that_it_is_one():
    assert section(page(*CAMPAIGN), "Times", "###").split("\n\n", 1)[1] == """\
**mobilenet_v2_1.0_224, batch 1, 1 thread, cuda, fp16, wall**

| variant   | backend                  |                 wall ms |                 gpu ms |       enqueue ms |   end to end ms |           images/s |   CUDA graph |   L2 |
|:----------|:-------------------------|------------------------:|-----------------------:|-----------------:|----------------:|-------------------:|-------------:|-----:|
| 1.0@224   | tensorrt                 | **0.101** (0.098–0.106) | 0.0800 (0.0800–0.0800) |           0.0200 |           0.140 |           12,500.0 |          yes |  hot |
| 1.0@224   | torch_eager              |   0.910 (0.875–0.947) ◊ |    0.870 (0.870–0.870) |            0.860 |           0.990 |            1,176.5 |           no |  hot |
| 1.0@224   | onnxruntime              |         ~~0.205~~ wrong |       ~~0.0800~~ wrong | ~~0.0200~~ wrong | ~~0.140~~ wrong | ~~12,500.0~~ wrong |            – |  hot |
| 1.0@224   | torch_compile_cudagraphs |             unavailable |                      – |                – |               – |                  – |            – |    – |"""  # fmt: skip


def test_the_text_says_how_the_numbers_were_taken():
    plan = Plan(in_flight=4, cold_l2=True, trt_level=5)
    assert "- Here: at most 4 calls in flight, L2 cold, TensorRT's builder at level 5." in page(steady(100, plan=plan))


def test_precisions_are_never_in_one_table():
    text = section(page(TRT, steady(150, precision="fp32", error=1e-6)), "GPU")
    assert "**mobilenet_v2_1.0_224, batch 1, 1 thread, cuda, fp16, wall**" in text
    assert "**mobilenet_v2_1.0_224, batch 1, 1 thread, cuda, fp32, wall**" in text
    assert text.count("1 thread, cuda, fp16**") == text.count("1 thread, cuda, fp32**") == 2


def test_the_latency_of_a_gpu_is_called_wall_in_every_table_and_that_of_a_cpu_is_not():
    text = page(TRT, EAGER, *(replace(FAST, machine=TRT.machine, plan=TRT.plan),))
    assert text.count("batch 1, 1 thread, cuda, fp16, wall**") == 4  # latency, times, speed-up, GMAdds/s
    assert "**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, fp32**" in text
    assert "cpu, fp32, wall" not in text


def test_memory_has_a_column_for_who_counts_it_and_no_sum():
    assert section(page(EAGER, TRT), "GPU memory", "###").endswith("""\
| variant   | backend     |   engine weights |   engine activations |   process |   device delta |
|:----------|:------------|-----------------:|---------------------:|----------:|---------------:|
| 1.0@224   | tensorrt    |              7.0 |                  5.0 |     590.0 |          601.0 |
| 1.0@224   | torch_eager |                – |                    – |         – |              – |

In all rows: torch allocated 13.0, torch reserved 21.0.""")


def test_conditions_are_before_during_and_after_with_a_dash_for_what_was_not_told():
    blind = steady(100, state=BLIND, before=None, energy_mj=None, backend="onnxruntime")
    assert """\
| variant   | backend     |   SM MHz before |   memory MHz |   °C |   why not faster |   other processes |     W |   mJ/image |
|:----------|:------------|----------------:|-------------:|-----:|-----------------:|------------------:|------:|-----------:|
| 1.0@224   | tensorrt    |             210 |         2619 |   55 |          nothing |                 0 | 18.75 |       1.50 |
| 1.0@224   | onnxruntime |               – |            – |    – |                – |                 – |     – |          – |

In all rows: during 1980, after 1980.""" in section(page(TRT, blind), "Conditions", "###")


def test_every_page_with_a_gpu_says_before_its_first_number_what_was_never_run_on_one():
    assert page(*CAMPAIGN).splitlines()[2] == (
        "**Unverified on hardware**: this version's GPU path was built and tested without a GPU (onnxruntime, "
        "tensorrt). Before you believe a number of it, run `mnv2bench selfcheck --device cuda`."
    )
    assert "mnv2bench selfcheck --device cuda:1" in page(steady(100, device="cuda:1"))
    assert "Unverified" not in page(EAGER)


def test_a_backend_that_was_verified_is_no_more_called_unverified(monkeypatch):
    monkeypatch.setitem(VERIFIED, "tensorrt", "NVIDIA L4, 2027-01-31")
    assert "Unverified" not in page(TRT)
    assert row(TRT)["verified_on"] == "NVIDIA L4, 2027-01-31"
    monkeypatch.delitem(VERIFIED, "torch_eager")
    assert "without a GPU (torch_eager)" in page(TRT, EAGER)


def test_a_page_without_a_gpu_says_nothing_of_one():
    text = page(FAST)
    assert "GPU" not in text
    assert "wall**" not in text


def test_a_gpu_that_is_not_there_is_a_page_that_says_why(monkeypatch):
    monkeypatch.delitem(VERIFIED, "torch_compile_cudagraphs")
    text = page(REFUSED)
    assert section(text, "Did not run, or came out wrong").endswith(
        "| mobilenet_v2_1.0_224-b1-torch_compile_cudagraphs-cuda-fp16-t1 | unavailable | no NVIDIA driver: install one |"
    )
    assert "### GPU memory" not in text
    assert "**Unverified on hardware**" in text


def test_the_machine_tells_its_gpus_and_leaves_out_what_nvml_did_not_tell():
    with_none = {"gpus": [{"name": "A", "power_limit_w": None}, {"name": "B", "mig": "off"}]}
    assert "- GPU: name Example GPU, driver 595.10, cuda 13.2\n" in page(TRT)
    assert "- GPU: name A; name B, mig off\n" in page(replace(TRT, machine=machine_from_json(with_none)))
    for broken in (3, ["broken"], {"name": "A"}):
        assert "- GPU:" not in page(replace(TRT, machine=machine_from_json({"gpus": broken})))


def test_a_throttled_number_has_its_mark():
    assert " †‖ |" in section(page(steady(100, state=CAPPED)), "Latency, ms")


def test_throughput_says_that_calls_were_in_flight():
    text = section(page(TRT, steady(800, batch=32)), "Throughput, images/s")
    assert "**mobilenet_v2_1.0_224, 1 thread, cuda, fp16, calls in flight**" in text
    assert "|      32 |  400,000.0 |" in text


def test_the_csv_has_every_column_of_a_gpu():
    found = row(steady(100, 101, 104, batch=2))
    assert {name: found[name] for name in list(found)[list(found).index("contract") :][:23]} == {
        "contract": "wall: one call by the host's clock, enqueued until complete on the GPU, images already there",
        "gpu_ms": "0.08", "gpu_low_ms": "0.08", "gpu_high_ms": "0.08", "enqueue_ms": "0.02", "end_to_end_ms": "0.14",
        "cuda_graph": "yes", "l2": "hot", "trt_level": "3",
        "torch_allocated_mb": "13", "torch_reserved_mb": "21", "engine_weights_mb": "7", "engine_activations_mb": "5",
        "gpu_process_mb": "590", "gpu_device_delta_mb": "601", "power_w": "18.75", "mj_per_image": "0.75",
        "sm_mhz_low": "1980", "sm_mhz_high": "1980", "gpu_name": "Example GPU", "gpu_uuid": "GPU-0011",
        "verified_on": "unverified on hardware", "instructions": "",
    }  # fmt: skip
    assert (found["latency_ms"], found["throughput_images_per_s"]) == ("0.101", "25000")


def test_only_a_plan_has_a_builders_level_and_what_was_not_told_is_empty_and_not_zero():
    blind = row(steady(100, backend="onnxruntime", energy_mj=None, state=None, memory=GpuMemory(), settings={}))
    told = ("trt_level", "power_w", "mj_per_image", "sm_mhz_low", "gpu_process_mb", "torch_allocated_mb", "cuda_graph")
    assert {blind[name] for name in told} == {""}
    assert row(steady(100, plan=Plan(cold_l2=True)))["l2"] == "cold"


@pytest.mark.parametrize(
    ("precision", "mb"), [("fp32", 14.0195), ("tf32", 14.0195), ("fp16", 7.00974), ("bf16", 7.00974)]
)
def test_the_computed_memory_is_of_the_cases_precision(precision, mb):
    computed = values(*evaluations([steady(100, precision=precision)]))
    assert computed["weights_mb"] == pytest.approx(mb, rel=1e-4)
    assert computed["activation_peak_mb"] == pytest.approx(6.02112 * mb / 14.0195, rel=1e-4)


def test_every_row_says_what_its_latency_is():
    assert row(FAST)["contract"] == "wall: one call by the clock of the machine that it runs on"
    assert row(REFUSED)["contract"].endswith("complete on the GPU, images already there")


def test_whole_numbers_stay_whole_beside_rows_that_have_none():
    both = tidy([("gpu.json", [TRT, EAGER])])
    assert list(both["trt_level"].astype(object).fillna("none")) == [3, "none"]
    assert both["sm_mhz_low"].dtype == both["trt_level"].dtype == "Int64"


def test_hostile_texts_of_a_gpu_are_plain_words_and_no_formulas():
    settings = {"CUDA graph": HOSTILE, HOSTILE: HOSTILE}
    bad = steady(100, settings=settings, facts={"name": "=1+1", "uuid": "@x"})
    bad = replace(bad, machine=Machine(gpus=(GpuFacts(name=HOSTILE, uuid=HOSTILE),)))
    text = page(bad)
    assert "<script>" not in text
    assert f"- GPU: name {TAMED}, uuid {TAMED}" in text
    assert text.count(TAMED) >= 6
    assert (row(bad)["gpu_name"], row(bad)["gpu_uuid"]) == ("'=1+1", "'@x")
