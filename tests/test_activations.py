"""Activation memory along the networks, by numbers published or worked out by hand."""

from itertools import product

import pytest

from mnv2bench.case import RESOLUTIONS, WIDTHS
from mnv2bench.networks import Live, Peak, activations, count, layers, names, network, peaks

V2 = "mobilenet_v2"
V2S = list(product((V2, f"{V2}_article"), WIDTHS, RESOLUTIONS))
ALL = [(name, *size) for name in names() for size in network(name).grids["full"]]


def along(name, width=1.0, resolution=224):
    return next(live for live in activations(V2, width, resolution) if live.layer == name)


@pytest.mark.parametrize(
    ("width", "megabytes"), [(0.35, 3.01), (0.5, 3.01), (0.75, 6.02), (1.0, 6.02), (1.3, 9.03), (1.4, 9.03)]
)
def test_in_and_out_of_the_hungriest_operation_are_the_published_ones(width, megabytes):
    peak = peaks(activations(V2, width, 224)).op
    assert (peak.layer, round(peak.bytes / 1e6, 2)) == ("block1.depthwise", megabytes)


@pytest.mark.parametrize("variant", V2S)
def test_the_largest_tensor_is_always_the_first_expansion_of_block_1(variant):
    peak = peaks(activations(*variant)).tensor
    assert peak == Peak("block1.expand", count(*variant).largest_tensor_bytes)


@pytest.mark.parametrize("variant", [variant for variant in ALL if variant[0].startswith("mobilenet")])
def test_the_peaks_are_those_that_the_counts_know(variant):
    assert peaks(activations(*variant)).op.bytes == count(*variant).peak_in_out_bytes


@pytest.mark.parametrize("variant", ALL)
def test_there_is_one_for_each_layer_in_order(variant):
    assert [live.layer for live in activations(*variant)] == [layer.name for layer in layers(*variant)]


def test_a_layer_reads_its_input_and_writes_its_output():
    # 3 x 224 x 224 and 32 x 112 x 112 numbers of 4 bytes
    assert along("stem") == Live("stem", 602_112, 1_605_632, 0)
    assert along("classifier") == Live("classifier", 5_120, 4_000, 0)
    assert (along("stem").op, along("stem").live) == (2_207_744, 2_207_744)


def test_a_residual_keeps_its_blocks_input_alive_until_the_add_has_read_it():
    # block2 has 24 channels of 56 x 56, 301,056 bytes, and six times as many within
    assert [live for live in activations(V2, 1.0, 224) if live.layer.startswith("block2.")] == [
        Live("block2.expand", 301_056, 1_806_336, 0),  # it reads the very tensor that is kept
        Live("block2.depthwise", 1_806_336, 1_806_336, 301_056),
        Live("block2.project", 1_806_336, 301_056, 301_056),
        Live("block2.add", 602_112, 301_056, 0),  # both of its inputs
    ]
    assert along("block2.depthwise").live == 3_913_728
    assert along("block2.add").live == along("block2.add").op == 903_168


def test_a_block_without_a_residual_keeps_nothing():
    assert [live.held for live in activations(V2, 1.0, 224) if live.layer.startswith(("block0", "block1."))] == [0] * 5


def test_ten_blocks_have_a_residual_and_two_layers_beside_each():
    held = [live.layer for live in activations(V2, 0.35, 96) if live.held]
    blocks = (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)
    assert held == [f"block{block}.{layer}" for block in blocks for layer in ("depthwise", "project")]


@pytest.mark.parametrize("variant", V2S)
def test_what_a_residual_keeps_never_raises_the_peak(variant):
    found = peaks(activations(*variant))
    assert found.live == found.op


def test_the_image_may_be_the_largest_tensor_and_goes_by_the_layer_that_reads_it():
    narrow = activations("mobilenet_v2_article", 0.0625, 32)  # a stem of 2 channels, block1.expand of 6: 6 x 16 x 16
    assert peaks(narrow).tensor == Peak("stem", 3 * 32 * 32 * 4)


def test_a_network_that_cannot_be_built_has_none():
    with pytest.raises(ValueError, match="unknown network 'resnet'"):
        activations("resnet", 1.0, 224)
