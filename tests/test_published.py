"""Other people's numbers as shipped, and which of them are of the SoC that a phone or a board names."""

import re
from pathlib import Path

import pytest

from mnv2bench.paper import table
from mnv2bench.paper.devices import of_soc, on_devices

SOURCES = (Path(__file__).parents[1] / "mnv2bench" / "paper" / "SOURCES.md").read_text(encoding="utf-8")


def words(text):
    return " ".join(re.findall(r"[a-z0-9]+", text.lower().replace("+", " plus ")))


@pytest.mark.parametrize(
    ("name", "rows"), [("others_ncnn", 263), ("others_qaihub", 79), ("others_timm", 140), ("others_socs", 53)]
)
def test_every_row_is_there_and_the_sources_say_how_many(name, rows):
    assert len(table(name)) == rows
    assert f"| `{name}.csv` | {rows} |" in SOURCES


def test_ncnn_has_102_devices_of_which_90_ran_on_a_cpu():
    assert len({row["device"] for row in table("others_ncnn")}) == 102
    assert len({row.device for row in on_devices()}) == 90


def test_no_row_of_qai_hub_ran_on_a_cpu_so_none_stands_beside_one():
    assert {row["primary_unit"] for row in table("others_qaihub")} == {"NPU"}
    assert all(row["layers_npu"] == row["layers_total"] for row in table("others_qaihub"))
    (row,) = [
        r
        for r in table("others_qaihub")
        if (r["device"], r["runtime"], r["precision"]) == ("Samsung Galaxy S24", "tflite", "float")
    ]
    assert row["inference_time_ms"] == "0.593"


def test_the_cpus_of_timm_are_those_of_pcs():
    cpus = {row["run"] for row in table("others_timm") if "-cpu-" in row["run"]}
    assert {re.search(r"-cpu-(\w+)", run)[1] for run in cpus} == {"i9_10940x", "i7_12700h"}


@pytest.mark.parametrize(
    ("says", "threads", "cores", "mean_ms"),
    [
        ("SM8150", 1, "big cores", 9.84),
        ("SM8550", 1, "big cores", 10.02),
        ("SM8550-AB", 4, "big cores", 3.23),
        ("msm8998", 1, "big cores", 73.48),
        ("MT6989", 1, "big cores", 5.20),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", 1, "all cores", 158.80),
        ("Raspberry Pi 4 Model B Rev 1.5", 1, "all cores", 93.48),
        ("raspberrypi,4-model-b brcm,bcm2711", 4, "all cores", 61.88),
        ("Raspberry Pi 5 Model B Rev 1.0", 1, "all cores", 16.38),
        ("Raspberry Pi 5 Model B Rev 1.0", 4, "all cores", 10.52),
        ("NVIDIA Jetson Nano Developer Kit", 1, "all cores", 93.99),
        ("NVIDIA Jetson Orin Nano Developer Kit", 1, "all cores", 19.37),
        ("xunlong,orangepi-5 rockchip,rk3588s", 1, "all cores", 17.70),
    ],
)
def test_a_soc_finds_its_published_mean(says, threads, cores, mean_ms):
    (row,) = of_soc([says], threads)
    assert (row.cores, row.mean_ms, row.threads) == (cores, mean_ms, threads)


def test_a_soc_on_several_boards_has_a_row_for_each_and_for_each_kind_of_core():
    found = of_soc(["rockchip,rk3588"], 1)
    assert [(row.cores, row.min_ms, row.max_ms, row.mean_ms) for row in found] == [
        ("big cores", 27.27, 27.31, 27.29),
        ("little cores", 92.92, 227.19, 132.44),
        ("all cores", 18.74, 19.10, 18.96),
    ]


@pytest.mark.parametrize(
    "says",
    ["kona", "SM8650", "SM85", "SM8550X", "RK3588T", "Cortex-A76", "Qualcomm", "Raspberry Pi 3 Model B Rev 1.2",
     "Raspberry Pi 500 Rev 1.0", "Pixel 1", "Jetson", "", "AMD EPYC 7742"],
)  # fmt: skip
def test_what_is_no_whole_name_of_a_device_finds_nothing(says):
    assert of_soc([says], 1) == of_soc([says], 4) == ()


def test_threads_that_nobody_published_find_nothing():
    assert of_soc(["SM8550"], 3) == ()


def test_an_overclocked_board_is_not_what_a_board_is_held_against():
    assert not any("Overclock" in row.device for row in of_soc(["BCM2712"], 4))


def test_every_alias_stands_in_the_text_of_each_of_its_devices():
    devices = {row.device for row in on_devices()}
    for row in table("others_socs"):
        mine = [device for device in devices if device.startswith(row["device"])]
        assert mine, row
        assert all(re.search(rf"\b{words(row['says'])}", words(device)) for device in mine), row


def test_the_sources_name_every_repository_and_version():
    for said in ("Tencent/ncnn", "@a4d2ea1d", "quic/ai-hub-models", "@52c080d2", "pytorch-image-models", "@aa4b5850"):
        assert said in SOURCES
