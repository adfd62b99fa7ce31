"""Images of other channels and sides, and classifiers of other classes: in names, verbs, tables and real runtimes."""

import csv
import io

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from measured_cases import measured

import mnv2bench as mb
from mnv2bench import networks
from mnv2bench.case import Case, parsed_variant
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.library.answers import filters
from mnv2bench.networks import Variant
from mnv2bench.precisions import NAMES
from mnv2bench.recommendation.filters import FIELDS
from mnv2bench.records.journal import load

LARGE = Variant("mobilenet_v2", 0.35, (224, 160), 10, 1)  # its calls take long enough for their times to be checked
SIDES = st.integers(32, 4096)
WORD = st.text("abzABZ019_", min_size=1, max_size=12)
PLACE = st.text("abzABZ019_.:@-", min_size=1, max_size=20)
CASES = st.builds(
    Case,
    network=st.sampled_from(["mobilenet_v1", "mobilenet_v2", "mobilenet_v2_article"]),
    width=st.sampled_from([0.5, 0.75, 1.0, 1.25, 3.7]),
    resolution=SIDES | st.tuples(SIDES, SIDES),
    batch=st.integers(1, 4096),
    backend=WORD,
    device=st.sampled_from(["cpu", "cuda", "cuda:1"])
    | st.builds("{}:{}".format, st.sampled_from(["adb", "qemu"]), PLACE),
    precision=st.sampled_from(NAMES),
    threads=st.integers(1, 4096),
    classes=st.integers(1, 100_000),
    streams=st.integers(1, 4096),
    channels=st.integers(1, 1024),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CASES)
def test_every_case_is_read_back_from_its_id_and_its_variant_from_its_spelling(case):
    assert Case.parse(case.id) == case
    assert parsed_variant(case.variant) == case.spec


@pytest.mark.parametrize("network", networks.names())
def test_the_counts_of_such_a_network_are_those_of_the_module_that_runs(network):
    """By hooks: products of each convolution and linear layer, and the tensors of the state dict."""
    declared = networks.network(network)
    resolution = (96, 64) if declared.min_resolution <= 64 else declared.resolutions[0]
    variant = Variant(network, declared.widths[0], resolution, 10, 1)
    module = networks.build(*variant, seed=None)
    products = []

    def count(layer, inputs, output):
        inner = layer.weight[0].numel()
        products.append(output[0].numel() * inner)

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    height, width = networks.sides(resolution)
    with torch.inference_mode():
        assert module(torch.zeros(1, 1, height, width)).shape == (1, 10)
    counted = networks.count(*variant)
    assert counted.madds == sum(products)
    assert counted.params == sum(parameter.numel() for parameter in module.parameters())


def test_what_was_published_is_not_of_other_channels_classes_and_sides():
    assert Case(resolution=224).published.madds_m == 300
    for other in ({"channels": 1}, {"classes": 10}, {"resolution": (224, 160)}):
        assert Case(**other).published is None


# verbs and the library


def test_the_verb_network_shows_other_images_and_classes_by_options_and_by_name(command):
    named = command("mnv2bench", "network", "mobilenet_v2_0.35_96x64_1channel_10classes")
    by_options = command(
        *("mnv2bench", "network", "mobilenet_v2", "--width", "0.35", "--resolution", "96x64"),
        *("--channels", "1", "--classes", "10"),
    )
    assert (named.returncode, named.stderr) == (0, "")
    assert named.stdout == by_options.stdout
    assert "mobilenet_v2, width 0.35, resolution 96x64: one fp32 image of 1 channel, 10 classes." in " ".join(
        named.stdout.split()
    )
    assert "[16, 48, 32]" in named.stdout
    refused = command("mnv2bench", "network", "mobilenet_v2", "--resolution", "96x")
    assert (refused.returncode, refused.stderr) == (
        2,
        "mnv2bench: --resolution: '96x' is no resolution such as 224 or 224x160, height x width\n",
    )


def test_the_verb_memory_computes_them_too(command):
    words = ("--widths", "0.35", "--resolutions", "96x64", "--channels", "1", "--classes", "10")
    ran = command("mnv2bench", "memory", *words, "--csv", "/dev/stdout", "--markdown", "/dev/null")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "96x64" in ran.stdout


def test_the_library_chooses_them_as_the_options_do():
    (case,) = mb.cases(widths=0.35, resolutions="96x64", channels=1, classes=10, backends="fake", threads=1)
    assert case.id == "mobilenet_v2_0.35_96x64_1channel_10classes-b1-fake-cpu-fp32-t1"
    both = mb.cases(widths=0.35, resolutions=[96, "96x64"], backends="fake", threads=1)
    assert [case.resolution for case in both] == [96, (96, 64)]


def test_a_recommendation_is_asked_for_images_that_are_not_square_by_their_sides():
    campaign = [
        measured(2.0, 2.1, 1.9, variant="1.0@224"),
        measured(1.0, 1.1, 0.9, variant="1.0@224x160", channels=1, classes=10),
    ]
    every = evaluations(campaign, "run.jsonl")
    nothing = dict.fromkeys([*FIELDS])
    for chosen in ({"resolutions": "224x160"}, {"channels": 1}, {"classes": [10]}):
        kept = filters(**nothing | chosen).kept(every)
        assert [each.case.short_variant for each in kept] == ["1.0@224x160, 1 channel, 10 classes"]
    with pytest.raises(ValueError, match=r"no case has resolution 160x224: there are 224, 224x160"):
        filters(**nothing | {"resolutions": "160x224"}).kept(every)


# real runtimes


@pytest.mark.slow
def test_runtimes_give_the_same_outputs_for_such_images(command, tmp_path):
    """Each is checked against eager fp32, so that a case that ends ok has the right outputs for every shape."""
    out = tmp_path / "run.jsonl"
    ran = command(
        *("mnv2bench", "run", "--suites", "latency", "--widths", "0.35", "--resolutions", "224x160", "--channels", "1"),
        *("--classes", "10", "--backends", "onnxruntime,openvino,ncnn,torch_script", "--threads", "1"),
        *("--processes", "1", "--rounds", "1", "--no-wait", "--no-accuracy", "--out", str(out)),
    )
    assert ran.returncode == 0, ran.stdout
    records = load(out)
    assert [(record.case.backend, record.status, record.reason) for record in records] == [
        (backend, "ok", "") for backend in ("onnxruntime", "openvino", "ncnn", "torch_script")
    ]
    assert {record.case.spec for record in records} == {LARGE}
    assert all(record.samples[0].error < 1e-4 for record in records)
    assert command("mnv2bench", "report", str(out)).returncode == 0
    (table,) = tmp_path.glob("*.csv")
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [(row["resolution"], row["channels"], row["classes"]) for row in rows] == [("224x160", "1", "10")] * 4
    assert {row["madds"] for row in rows} == {str(networks.count(*LARGE).madds)}
    assert {row["published_madds_m"] for row in rows if "published_madds_m" in row} <= {""}
    (page,) = tmp_path.glob("*.md")
    assert "0.35@224x160" in page.read_text()
    assert "Channels: 1 and not 3: MAdds and parameters are of such images" in page.read_text()
