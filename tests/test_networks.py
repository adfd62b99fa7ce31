"""What the networks are: counts against the paper, modules against torchvision, images and logits."""

import json
import math
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
import torchinfo
from msgspec.structs import replace
from torch import nn

from mnv2bench import networks
from mnv2bench.networks import ImageShape, build, check, count, images, layers, names, torchinfo_totals
from mnv2bench.networks.families.mobilenet_v2 import make_divisible

pytestmark = pytest.mark.slow

WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
DECLARED = [(name, width) for name in names() for width in networks.network(name).widths]
UNDECLARED = ((0.6, 100), (1.1, 33))  # widths and resolutions between those that the grids have
LOGITS = {"shufflenet_v1": (10, 3), "nasnet_a": (50, 10)}  # below these: sums of many branches grow from cell to cell
TORCHVISION = json.loads((Path(__file__).parent / "torchvision_state_dict_1.0.json").read_text(encoding="utf-8"))


def shapes(net):
    return {name: list(tensor.shape) for name, tensor in net.state_dict().items()}


def test_networks_are_counted_without_torch():
    code = "import sys, mnv2bench.networks, mnv2bench.paper, mnv2bench.report.network; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode == 0


@pytest.mark.parametrize(
    ("channels", "divisible"), [(1, 8), (5.6, 8), (11.2, 16), (12, 16), (33.6, 32), (41.6, 40), (1664, 1664)]
)
def test_channels_are_multiples_of_8_and_never_lose_more_than_a_tenth(channels, divisible):
    assert make_divisible(channels) == divisible


def test_layers_run_from_stem_to_classifier():
    layer_names = [layer.name for layer in layers("mobilenet_v2", 1.0, 224)]
    assert layer_names[:6] == [
        "stem",
        "block0.depthwise",
        "block0.project",
        "block1.expand",
        "block1.depthwise",
        "block1.project",
    ]
    assert layer_names[-6:] == ["block16.expand", "block16.depthwise", "block16.project", "head", "pool", "classifier"]
    assert [name for name in layer_names if name.endswith(".add")] == [
        f"block{index}.add" for index in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)
    ]


def test_a_stride_of_2_halves_the_side_and_rounds_up():
    sizes = {layer.out_size: None for layer in layers("mobilenet_v2", 1.0, 97)}
    assert list(sizes) == [(49, 49), (25, 25), (13, 13), (7, 7), (4, 4), (1, 1)]


@pytest.mark.parametrize(
    ("width", "params"),
    [(0.35, 1_677_128), (0.5, 1_968_680), (0.75, 2_636_424), (1.0, 3_504_872), (1.3, 5_386_792), (1.4, 6_108_776)],
)
def test_params_with_batch_norm_are_those_of_the_torch_module(width, params):
    net = build("mobilenet_v2", width, seed=None)
    counted = count("mobilenet_v2", width, 224)
    assert counted.params == params == sum(tensor.numel() for tensor in net.parameters())
    assert counted.weight_bytes == 4 * params
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert counted.params - counted.params_without_bn == sum(norm.weight.numel() + norm.bias.numel() for norm in norms)


@pytest.mark.parametrize("width", [0.1, 0.35, 0.6, 1.0, 1.4])
def test_the_articles_params_are_those_of_the_torch_module(width):
    net = build("mobilenet_v2_article", width, classes=10, seed=None)
    assert count("mobilenet_v2_article", width, 224, 10).params == sum(tensor.numel() for tensor in net.parameters())


def test_dropping_the_expansion_at_t1_turns_the_articles_3505960_params_into_torchvisions_3504872():
    assert count("mobilenet_v2_article", 1.0, 224).params == 3_505_960
    article, reference = (
        # the layers alone: with an expansion more, block 0 has other inputs and module paths
        {replace(layer, inputs=(), modules=()) for layer in layers(network, 1.0, 224)}
        for network in ("mobilenet_v2_article", "mobilenet_v2")
    )
    (extra,) = article - reference
    assert reference < article
    assert (extra.name, extra.params, extra.bn_params) == ("block0.expand", 1024, 64)
    assert 3_505_960 - 1024 - 64 == count("mobilenet_v2", 1.0, 224).params == 3_504_872


def test_the_article_is_another_network_at_other_widths():
    reference, article = count("mobilenet_v2", 0.35, 224), count("mobilenet_v2_article", 0.35, 224)
    assert round(100 * (article.params / reference.params - 1), 1) == -55.8
    assert round(100 * (article.madds / reference.madds - 1), 1) == -26.0


@pytest.mark.parametrize(
    ("width", "peak_mb"), [(0.35, 3.01), (0.5, 3.01), (0.75, 6.02), (1.0, 6.02), (1.3, 9.03), (1.4, 9.03)]
)
def test_activation_memory_is_a_step_function_of_width(width, peak_mb):
    counted = count("mobilenet_v2", width, 224)
    assert round(counted.peak_in_out_bytes / 1e6, 2) == peak_mb
    first_expansion = next(layer for layer in layers("mobilenet_v2", width, 224) if layer.name == "block1.expand")
    assert counted.largest_tensor_bytes == 4 * first_expansion.out_elements


@pytest.mark.parametrize(
    ("network", "width", "resolution"),
    [
        *(("mobilenet_v2", width, resolution) for width, resolution in UNDECLARED),
        *(("mobilenet_v2_article", width, resolution) for width, resolution in UNDECLARED),
        *((name, width, resolution) for name, width in DECLARED for resolution in (224, 97)),
    ],
)
def test_counted_layers_are_those_that_a_forward_pass_runs(network, width, resolution):
    net, ran = build(network, width, classes=10, seed=None), []

    def note(module, inputs, output):
        positions = output.numel() // output.shape[1]
        ran.append((module.weight.numel() * positions, inputs[0].numel(), output.numel()))

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(note)
    with torch.inference_mode():
        net(torch.zeros(1, 3, resolution, resolution))
    counted = [layer for layer in layers(network, width, resolution, 10) if layer.params]
    assert ran == [(layer.madds, layer.in_elements, layer.out_elements) for layer in counted]
    assert sum(madds for madds, _, _ in ran) == count(network, width, resolution, 10).madds


@pytest.mark.parametrize(("network", "width"), [("mobilenet_v2_article", 1.0), ("mobilenet_v2", 0.35)])
def test_torchinfo_totals_are_what_torchinfo_computes(network, width):
    summary = torchinfo.summary(build(network, width, seed=None), (1, 3, 192, 192), verbose=0)
    totals = torchinfo_totals(network, width, 192)
    assert totals.mult_adds == summary.total_mult_adds
    assert totals.forward_backward_bytes == summary.total_output_bytes
    assert totals.params_bytes == summary.total_param_bytes
    assert f"Estimated Total Size (MB): {totals.total_bytes / 1e6:.2f}" in str(summary)


def test_torchinfo_prints_the_articles_numbers():
    totals = torchinfo_totals("mobilenet_v2_article", 1.0, 224)
    assert totals.mult_adds == 313_654_504 == 313_619_328 + 34_176 + 1_000
    sizes = (totals.forward_backward_bytes, totals.params_bytes, totals.total_bytes)
    assert [round(size / 1e6, 2) for size in sizes] == [113.28, 14.02, 127.91]


def refuses(network, width, resolution, message):
    for refused in (check, layers, count):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            refused(network, width, resolution)


def test_an_unknown_network_is_refused_with_the_known_ones():
    others = "timm:NAME for any of timm's, and files with --model"
    refuses("mobilenet", 1.0, 224, f"unknown network 'mobilenet'; known networks: {', '.join(names())}, {others}")


@pytest.mark.parametrize("width", [0, -0.5, math.nan, math.inf, 11, "1.0", None, True])
def test_a_width_must_be_a_reasonable_number(width):
    refuses("mobilenet_v2", width, 224, f"width must be a number above 0 and at most 10, such as 1.0, not {width!r}")


def test_a_width_that_rounds_a_layer_to_nothing_is_refused():
    message = "width 0.05 leaves mobilenet_v2_article a layer without channels; use at least 0.0625"
    refuses("mobilenet_v2_article", 0.05, 224, message)


@pytest.mark.parametrize("resolution", [31, 0, -224, 4097, 224.0, "224", None, True])
def test_a_resolution_must_be_a_reasonable_whole_number(resolution):
    message = (
        f"resolution must be a whole number from 32 to 4096, such as 224, or two such as 224x160, not {resolution!r}"
    )
    refuses("mobilenet_v2", 1.0, resolution, message)


def test_a_network_without_classes_is_refused():
    with pytest.raises(ValueError, match=r"^classes must be a whole number from 1 to 100000, such as 1000, not 0$"):
        build("mobilenet_v2", classes=0)


def test_the_narrowest_networks_still_run():
    for network, width in (("mobilenet_v2", 0.001), ("mobilenet_v2_article", 0.0625)):
        with torch.inference_mode():
            logits = build(network, width)(torch.from_numpy(images(1, 1, ImageShape(3, 32, 32))))
        assert logits.isfinite().all()


def test_the_state_dict_is_torchvisions_and_loads_strictly():
    assert shapes(build("mobilenet_v2", seed=None)) == TORCHVISION
    theirs = {name: torch.full(shape, 0.5) for name, shape in TORCHVISION.items()}
    net = build("mobilenet_v2", seed=None)
    net.load_state_dict(theirs, strict=True)
    assert net.features[18][0].weight.unique().tolist() == [0.5]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_state_dict_has_torchvisions_names_and_ranks_at_every_width(width):
    ours = shapes(build("mobilenet_v2", width, seed=None))
    assert list(ours) == list(TORCHVISION)
    assert [len(shape) for shape in ours.values()] == [len(shape) for shape in TORCHVISION.values()]
    assert ours["features.18.0.weight"][0] == ours["classifier.1.weight"][1] == make_divisible(1280 * max(1, width))
    assert ours["features.17.conv.2.weight"][0] == make_divisible(320 * width)


def test_the_articles_state_dict_has_one_expansion_more():
    ours = shapes(build("mobilenet_v2_article", seed=None))
    assert len(ours) == len(TORCHVISION) + 6
    assert ours["features.1.conv.0.0.weight"] == [32, 32, 1, 1]


def test_a_seed_decides_the_weights():
    first, again, other = (build("mobilenet_v2", 0.35, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not torch.equal(first["features.0.0.weight"], other["features.0.0.weight"])
    assert not torch.equal(first["features.18.1.running_var"], other["features.18.1.running_var"])


@pytest.mark.parametrize("seed", [None, 0])
def test_building_leaves_the_global_random_states_and_the_threads_alone(seed):
    random, threads, numpy_random = torch.get_rng_state(), torch.get_num_threads(), np.random.get_state()[1]
    net = build("mobilenet_v2", 0.35, seed=seed)
    assert torch.equal(random, torch.get_rng_state())
    assert np.array_equal(numpy_random, np.random.get_state()[1])
    assert threads == torch.get_num_threads()
    assert not any(module.training for module in net.modules())


def test_a_state_dict_loaded_without_a_seed_computes_the_same_logits():
    made, loaded = build("mobilenet_v2", 0.35), build("mobilenet_v2", 0.35, seed=None)
    loaded.load_state_dict(made.state_dict())
    with torch.inference_mode():
        assert torch.equal(made(pictures := torch.from_numpy(images(1, 2, ImageShape(3, 96, 96)))), loaded(pictures))


@pytest.mark.parametrize(("name", "width"), DECLARED)
def test_every_two_images_have_clearly_different_logits_of_about_one(name, width):
    net = build(name, width)
    for resolution in networks.network(name).resolutions:
        with torch.inference_mode():
            logits = net(torch.from_numpy(images(7, 3, ImageShape(3, resolution, resolution)))).numpy()
        largest, deviation = LOGITS.get(name, (5, 1))
        assert 1 < np.abs(logits).max() < largest
        assert 0.3 < logits.std() < deviation
        for one, other in combinations(logits, 2):
            assert np.abs(one - other).max() > 0.15 * np.abs(logits).max()


@pytest.mark.parametrize("resolution", [32, 97, 224])
def test_images_are_contiguous_float32_with_mean_0_and_variance_1(resolution):
    pictures = images(0, 2, ImageShape(3, resolution, resolution))
    assert (pictures.shape, pictures.dtype) == ((2, 3, resolution, resolution), np.float32)
    assert pictures.flags.c_contiguous
    assert np.allclose(pictures.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    assert np.allclose(pictures.var(axis=(1, 2, 3)), 1, atol=1e-3)


def test_images_depend_on_seed_and_index_alone():
    assert np.array_equal(images(3, 4, ImageShape(3, 64, 64)), images(3, 4, ImageShape(3, 64, 64)))
    assert np.array_equal(images(3, 4, ImageShape(3, 64, 64))[:2], images(3, 2, ImageShape(3, 64, 64)))
    different = [*images(3, 4, ImageShape(3, 64, 64)), *images(4, 4, ImageShape(3, 64, 64))]
    assert all(np.abs(one - other).mean() > 0.5 for one, other in combinations(different, 2))
