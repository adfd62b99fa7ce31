"""Networks of timm: what is published of them, how they are counted and built, and what is read where timm is not."""

import json
import os
import subprocess
import sys
from math import prod
from pathlib import Path

import msgspec
import pytest

from mnv2bench import networks
from mnv2bench.artifacts import weights
from mnv2bench.artifacts.weights import Entry, StoredTensor, WeightsFile
from mnv2bench.case import Case, variants
from mnv2bench.networks import timm_published

ROOT = Path(__file__).parents[1]
LIBRARIES = ROOT / ".timm"  # `make test` installs timm and torchvision there; see tests/timm_site
COUNTS = {  # at 224: multiply-adds and parameters in millions
    "mobilenetv1_100": ("568.7", "4.23"),
    "mobilenetv1_125": ("879.5", "6.27"),
    "mobilenetv2_100": ("300.8", "3.50"),
    "mobilenetv3_small_050": ("24.2", "1.59"),
    "mobilenetv3_small_075": ("43.4", "2.04"),
    "mobilenetv3_small_100": ("56.5", "2.54"),
    "mobilenetv3_large_075": ("154.6", "3.99"),
    "mobilenetv3_large_100": ("216.6", "5.48"),
    "mobilenetv4_conv_small": ("186.0", "3.77"),
    "mobilenetv4_conv_medium": ("827.6", "9.72"),
    "efficientnet_lite0": ("385.2", "4.65"),
    "efficientnet_b0": ("385.8", "5.29"),
    "mnasnet_100": ("314.4", "4.38"),
    "mnasnet_small": ("68.3", "2.03"),
    "semnasnet_100": ("311.6", "3.89"),
    "fbnetc_100": ("385.0", "5.57"),
    "spnasnet_100": ("333.5", "4.42"),
    "lcnet_100": ("155.7", "2.95"),
    "ghostnet_100": ("141.2", "5.18"),
    "regnetx_004": ("397.7", "5.16"),
    "regnety_004": ("401.8", "4.34"),
    "resnet18": ("1814.1", "11.69"),
}
READ = """
import json, sys
import msgspec
from mnv2bench.networks import timm_networks
names = json.loads(sys.argv[1])
descriptions = {name: timm_networks.read(f"timm:{name}", sides and tuple(sides), classes, channels)
                for name, sides, classes, channels in names}
print(msgspec.json.encode(descriptions).decode())
"""
BUILT = """
import sys
import torch
from mnv2bench.networks import build, described, images, timm_networks
from mnv2bench.networks.folding import fold_norms
description = timm_networks.read(sys.argv[1], (64, 64), 1000, 3)
described.register(description)
network = build(sys.argv[1], 1.0, 64)
first, second = (network(torch.from_numpy(images(seed, 1, description.image))) for seed in (1, 2))
same = build(sys.argv[1], 1.0, 64)(torch.from_numpy(images(1, 1, description.image)))
print(float((first - second).abs().max() / first.abs().max()), bool((first == same).all()))
norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
folded = fold_norms(network, description.layers)
left = sum(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
with torch.no_grad():
    again = folded(torch.from_numpy(images(1, 1, description.image)))
print(norms, left, float((first - again).abs().max() / first.abs().max()))
"""


def environment():
    """The variables of a process that can import timm."""
    assert (LIBRARIES / "timm").is_dir(), "timm is not there: make .timm/ready"
    path = [str(ROOT), str(ROOT / "tests" / "timm_site"), str(LIBRARIES), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def output(program, *words):
    """What a program prints that can import timm."""
    ran = subprocess.run(
        [sys.executable, "-c", program, *words], env=environment(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def descriptions(*chosen):
    """What is read of networks, by name: each with sides, classes and channels."""
    return msgspec.json.decode(output(READ, json.dumps(chosen)), type=dict[str, networks.Description])


# what is published


def test_a_name_without_a_tag_means_the_weights_that_timm_loads_by_default():
    (first, *_) = timm_published.rows("timm:mobilenetv3_large_100")
    assert (first.model, first.resolution, first.top1) == ("mobilenetv3_large_100.ra_in1k", 224, 75.784)
    (miil,) = timm_published.rows("timm:mobilenetv3_large_100.miil_in21k_ft_in1k")
    assert miil.top1 == 77.92
    assert timm_published.rows("timm:mobilenetv3_large_075") == ()  # nobody published weights


def test_the_usual_resolution_is_the_one_of_the_published_weights():
    assert [variant.resolution for variant in variants("quick", network="timm:mobilenetv4_conv_medium")] == [256]
    assert [variant.resolution for variant in variants("quick", network="timm:mobilenetv3_large_075")] == [224]
    (other,) = variants("quick", resolutions=[192], network="timm:lcnet_100")
    assert Case.of(other).id == "timm:lcnet_100_1.0_192-b1-torch_eager-cpu-fp32-t1"


def test_published_accuracies_are_of_the_variant_alone():
    at_224 = networks.published("timm:mobilenetv4_conv_small", 1.0, 224)
    assert (at_224.top1, at_224.params_m, at_224.latency_ms) == (73.756, 3.77, None)
    assert networks.published("timm:mobilenetv4_conv_small", 1.0, 256).top1 == 74.644
    assert networks.published("timm:mobilenetv4_conv_small", 1.0, 192) is None
    assert networks.published("timm:mobilenetv4_conv_small", 1.0, 224, classes=10) is None
    assert networks.published("mobilenet_v2", 1.0, 224).top1 == 71.8


# weights of users


def test_a_state_dict_with_timms_names_decides_the_classes_and_the_channels():
    shapes = {"conv_stem.weight": (8, 3, 3, 3), "classifier.weight": (1000, 8), "classifier.bias": (1000,)}
    layers = networks.layers("mobilenet_v2", 1.0, 224)
    network = networks.Description(
        *("timm:small", "timm 1.0.31", "counted by hooks", networks.ImageShape(3, 224, 224), 1000, layers),
        state=shapes,
        classifier=("classifier.weight", "classifier.bias"),
        stem=("conv_stem.weight",),
    )
    networks.described.register(network)
    stored = {"conv_stem.weight": (8, 1, 3, 3), "classifier.weight": (10, 8), "classifier.bias": (10,)}
    tensors = {f"model.{name}": StoredTensor(shape, "float32") for name, shape in stored.items()}
    fit = weights.fit(WeightsFile("0" * 64, (Entry("", tensors),)), "timm:small", 1.0)
    assert (fit.classes, fit.channels, fit.reading) == (10, 1, "prefix model. removed")
    assert fit.names == {name: f"model.{name}" for name in shapes}
    del tensors["model.conv_stem.weight"]
    with pytest.raises(ValueError, match=r"conv_stem\.weight of timm:small is missing"):
        weights.fit(WeightsFile("0" * 64, (Entry("", tensors),)), "timm:small", 1.0)


# where timm is not


def test_without_timm_a_line_says_how_to_install_it(verb, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    ran = verb("run", "--networks", "timm:lcnet_050", "--dry-run")
    assert ran.returncode == 2
    assert "timm is not installed: pip install 'mnv2bench[timm]'" in " ".join(ran.err.split())


def test_a_timm_that_does_not_load_is_the_reason(verb, monkeypatch, tmp_path):
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    ran = verb("run", "--networks", "timm:lcnet_075", "--dry-run")
    assert ran.returncode == 2
    assert "timm does not load (operator torchvision::nms does not exist): install" in " ".join(ran.err.split())


# with timm


@pytest.mark.slow
def test_counts_are_those_of_independent_hooks():
    counted = {}
    for name, description in descriptions(*((name, (224, 224), 1000, 3) for name in COUNTS)).items():
        count = networks.counts.count(description.layers)
        counted[name] = (f"{count.madds / 1e6:.1f}", f"{count.params / 1e6:.2f}")
        assert count.params == sum(prod(shape) for name, shape in description.state.items() if is_learned(name))
    assert counted == COUNTS


def is_learned(tensor):
    return tensor.rpartition(".")[2] not in ("running_mean", "running_var", "num_batches_tracked")


@pytest.mark.slow
def test_layers_have_the_paths_of_modules_and_what_follows_them():
    (network,) = descriptions(("mobilenetv3_small_050", [64, 48], 10, 1)).values()
    by_name = {layer.name: layer for layer in network.layers}
    stem = by_name["conv_stem"]
    assert (stem.type, stem.in_channels, stem.out_channels, stem.in_size, stem.out_size) == (
        *("conv", 1, 16),
        *((64, 48), (32, 24)),
    )
    assert (stem.norm, stem.activation, stem.modules) == (True, "hardswish", ("conv_stem", "bn1", "bn1.act"))
    assert by_name["blocks.0.0.conv_dw"].type == "depthwise"
    scale = by_name["blocks.0.0.se.mul"]
    assert (scale.operator, scale.inputs) == ("mul", ("blocks.0.0.conv_dw", "blocks.0.0.se.conv_expand"))
    assert by_name["blocks.0.0.se.conv_expand"].activation == "hardsigmoid"
    assert by_name["blocks.1.1.add"].inputs == ("blocks.1.1.conv_pwl", "blocks.1.0.conv_pwl")
    assert by_name["classifier"].out_channels == 10
    assert network.classifier == ("classifier.weight", "classifier.bias")
    assert network.stem == ("conv_stem.weight",)
    other = network.state_shapes(classes=7, channels=3)
    assert other["classifier.weight"] == (7, 1024)
    assert other["conv_stem.weight"] == (16, 3, 3, 3)
    assert (network.origin, network.counted) == ("timm 1.0.31", "counted by hooks")


@pytest.mark.slow
def test_attention_and_parameters_outside_of_layers_are_counted():
    network = descriptions(("vit_tiny_patch16_224", None, 1000, 3))["vit_tiny_patch16_224"]
    count = networks.counts.count(network.layers)
    tokens, width, depth = 14 * 14 + 1, 192, 12
    block = tokens * width * width * 12 + 2 * tokens * tokens * width
    assert count.madds == 14 * 14 * 16 * 16 * 3 * width + depth * block + width * 1000
    assert count.params == sum(map(prod, network.state.values())) == 5_717_416


@pytest.mark.slow
@pytest.mark.parametrize("name", ["timm:efficientnet_lite0", "timm:lcnet_050"])
def test_seeded_weights_tell_images_apart_and_norms_fold(name):
    first, second = output(BUILT, name).splitlines()
    apart, same = first.split()
    assert float(apart) > 0.05
    assert same == "True"
    norms, left, error = second.split()
    assert int(norms) > 20
    assert left == "0"
    assert float(error) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("timm:mobilenetv3_larg_100", "timm 1.0.31 has no such network: name one, such as mobilenetv3_large_100"),
        ("timm:mobilenetv3_large_100.no_such_tag", "timm does not build it: "),
        ("timm:vit_tiny_patch16_224", "takes images of 224 x 224 alone: leave --resolutions out"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(verb, monkeypatch, network, reason):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    ran = verb("run", "--networks", network, "--resolutions", "192", "--dry-run")
    assert ran.returncode == 2
    assert f"{network}: {reason}" in " ".join(ran.err.split())
